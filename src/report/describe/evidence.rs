//! Scans and tests.

use super::{Context, commit_line, count, more, raise_limit, run, say, why};
use crate::evidence::kind::{Kind, SuiteName};
use crate::report::block::{Block, Hint};
use crate::report::text::{prose, shell};
use crate::violation::{
    CommitGap, EvidenceGap, FailedSuite, OpenFinding, ScanViolation, TestsViolation,
};

pub(super) fn scan(violation: &ScanViolation, context: &Context<'_>, block: &mut Block) {
    match violation {
        ScanViolation::EvidenceMissing { gap } => missing(gap, "scan evidence", context, block),
        ScanViolation::EvidenceMalformed { gap } => unfit(gap, MALFORMED, context, block),
        ScanViolation::EvidenceWrongSubject { gap } => unfit(gap, WRONG_SUBJECT, context, block),
        ScanViolation::EvidenceUntrusted { gap } => untrusted(gap, context, block),
        ScanViolation::EvidenceStale { gap } => unfit(gap, STALE, context, block),
        ScanViolation::EvidenceEmpty { gap } => {
            unfit(gap, "evidence that says nothing", context, block)
        }
        ScanViolation::EvidenceIncomplete { gap } => {
            unfit(gap, "results of a failed tool", context, block)
        }
        ScanViolation::FindingOpen { findings, count: all, block: threshold } => {
            finding(findings, *all, threshold, context, block);
        }
    }
}

pub(super) fn tests(violation: &TestsViolation, context: &Context<'_>, block: &mut Block) {
    match violation {
        TestsViolation::EvidenceMissing { gap } => missing(gap, "test results", context, block),
        TestsViolation::EvidenceMalformed { gap } => unfit(gap, MALFORMED, context, block),
        TestsViolation::EvidenceWrongSubject { gap } => unfit(gap, WRONG_SUBJECT, context, block),
        TestsViolation::EvidenceUntrusted { gap } => untrusted(gap, context, block),
        TestsViolation::EvidenceStale { gap } => unfit(gap, STALE, context, block),
        TestsViolation::EvidenceEmpty { gap } => {
            unfit(gap, "results of which no test ran", context, block)
        }
        TestsViolation::Failed { suites } => failed(suites, context, block),
    }
}

const MALFORMED: &str = "unreadable evidence";
const WRONG_SUBJECT: &str = "evidence of another";
const STALE: &str = "evidence that is too old";

fn untrusted(gap: &EvidenceGap, context: &Context<'_>, block: &mut Block) {
    unfit(gap, "untrusted evidence", context, block);
    block.hints.insert(
        0,
        say("evidence is signed by the automation that meta/STRUCTURE.md lists for its kind"),
    );
}

fn missing(gap: &EvidenceGap, what: &str, context: &Context<'_>, block: &mut Block) {
    let kinds = listed(&all_kinds(gap));
    block.title = match gap.of {
        1 => format!("the commit lacks {what} ({kinds})"),
        of => {
            let verb = if gap.count == 1 { "lacks" } else { "lack" };
            format!("{} of {of} commits {verb} {what} ({kinds})", gap.count)
        }
    };
    commits(gap, context, block);
    block
        .labels
        .push(("looked in", "refs/notes/refgate/evidence, for the commit and for its tree".into()));
    attach(gap, context, block);
}

fn unfit(gap: &EvidenceGap, what: &str, context: &Context<'_>, block: &mut Block) {
    let verb = if gap.count == 1 { "has" } else { "have" };
    let of = if gap.of == 1 {
        "the commit has".into()
    } else {
        format!("{} of {} commits {verb}", gap.count, gap.of)
    };
    block.title = format!("{of} {what}");
    commits(gap, context, block);
    attach(gap, context, block);
}

fn all_kinds(gap: &EvidenceGap) -> Vec<String> {
    let kinds: std::collections::BTreeSet<&Kind> =
        gap.commits.iter().flat_map(|c| &c.kinds).filter_map(|k| k.kind.as_ref()).collect();
    kinds.into_iter().map(ToString::to_string).collect()
}

fn commits(gap: &EvidenceGap, context: &Context<'_>, block: &mut Block) {
    for lacking in gap.commits.iter().take(context.shown) {
        block.seen.push(commit_line(&lacking.commit));
        for kind in &lacking.kinds {
            let name = kind.kind.as_ref().map_or_else(|| "evidence".into(), ToString::to_string);
            match &kind.why {
                Some(reason) => block.seen.push(format!("  {name}: {}", why(reason))),
                None => block.seen.push(format!("  {name}: none")),
            }
        }
    }
    block.seen.extend(more(gap.count, context.shown));
}

/// The command that attaches what a commit lacks.
fn attach(gap: &EvidenceGap, context: &Context<'_>, block: &mut Block) {
    block.hints.push(say("run the tools, attach what they write, then push again:"));
    for lacking in gap.commits.iter().take(context.shown) {
        block.hints.push(run(attach_command(lacking)));
    }
    let left = gap.count.saturating_sub(context.shown.min(gap.commits.len()));
    if left > 0 {
        block
            .hints
            .push(say(format!("and so on for {left} more (refgate check --all lists them)")));
    }
    let reasons = gap.commits.iter().flat_map(|c| &c.kinds).filter_map(|kind| kind.why.as_deref());
    block.hints.extend(raise_limit(reasons));
}

/// Writes a list, the first few of it.
fn listed(names: &[String]) -> String {
    const MOST: usize = 6;
    let shown = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{shown}, {} more", names.len() - MOST) } else { shown }
}

fn attach_command(lacking: &CommitGap) -> String {
    let mut command = String::from("refgate attach --push");
    for kind in lacking.kinds.iter().filter_map(|k| k.kind.as_ref()) {
        command += &match kind {
            Kind::Sast => " --sast FILE".to_owned(),
            Kind::Sbom => " --sbom FILE".to_owned(),
            Kind::Dependencies => " --dependencies FILE".to_owned(),
            Kind::Tests(suite) => format!(" --tests {}=FILE", suite.as_str()),
        };
    }
    format!("{command} {}", lacking.commit.id.short())
}

fn finding(
    findings: &[OpenFinding],
    all: u64,
    threshold: &str,
    context: &Context<'_>,
    block: &mut Block,
) {
    let verb = if all == 1 { "is" } else { "are" };
    block.title = format!("{} {verb} open", count(all, "blocking finding", "blocking findings"));
    for finding in findings.iter().take(context.shown) {
        let suppressed = if finding.suppressed { ", suppressed in the report alone" } else { "" };
        block.seen.push(format!(
            "{} {} in {}",
            prose(&finding.severity, 10),
            finding.rule.token(40),
            finding.location.token(60)
        ));
        block.seen.push(format!(
            "  {}, found by {}{suppressed}",
            finding.title.quoted(60),
            finding.tool.quoted(30)
        ));
        let commits: Vec<String> =
            finding.commits.iter().take(3).map(crate::id::CommitId::short).collect();
        let dots = if finding.commits.len() > 3 { ", ..." } else { "" };
        let kind = prose(&finding.kind, 40);
        block.seen.push(format!("  at {}{dots} ({kind})", commits.join(", ")));
    }
    let shown = findings.len().min(context.shown);
    block.seen.extend(more(usize::try_from(all).unwrap_or(usize::MAX), shown));
    block.labels.push(("blocks", format!("{} and above", prose(threshold, 10))));
    let first = findings.iter().flat_map(|finding| &finding.commits).next();
    block.hints = mend_in(first.map(crate::id::CommitId::short), context);
    block.hints.push(say("then scan the new commits, attach that, and push again"));
    block
        .hints
        .push(say("where that cannot be done now, ask Security Engineering for an exception:"));
    let name = shell(&context.ref_name.to_string());
    let command = format!("refgate exception new --from-check --ref {name}");
    block.hints.push(run(command));
}

fn failed(suites: &[FailedSuite], context: &Context<'_>, block: &mut Block) {
    let tests: u64 = suites.iter().map(|suite| suite.failed).sum();
    block.title = format!("{} failed", count(tests, "test", "tests"));
    for suite in suites.iter().take(context.shown) {
        block.seen.push(commit_line(&suite.commit));
        block.seen.push(format!(
            "  {}: {} of {} failed",
            prose(&suite.suite, 40),
            suite.failed,
            suite.ran.max(suite.failed)
        ));
        let shown = suite.tests.len().min(context.shown);
        let tests = suite.tests.iter().take(shown);
        block.seen.extend(tests.map(|test| format!("    {}", test.quoted(60))));
        let rest = usize::try_from(suite.failed).unwrap_or(usize::MAX);
        block.seen.extend(more(rest, shown).map(|line| format!("    {line}")));
    }
    block.seen.extend(more(suites.len(), context.shown));
    block.hints = mend_in(suites.first().map(|suite| suite.commit.id.short()), context);
    block.hints.push(say("then run the suite on the new commit, and attach its results:"));
    let names = suites.iter().filter_map(|suite| SuiteName::parse(&suite.suite));
    let names: std::collections::BTreeSet<String> =
        names.map(|name| format!("--tests {}=FILE", name.as_str())).collect();
    let names: Vec<String> = names.into_iter().take(context.shown).collect();
    block.hints.push(run(format!("refgate attach --push {} HEAD", names.join(" "))));
}

/// Says how to mend the commit that something was found in, so that no commit of the push has it.
fn mend_in(commit: Option<String>, context: &Context<'_>) -> Vec<Hint> {
    match commit {
        Some(commit) if Some(commit.as_str()) != context.new && !context.ref_name.is_tag() => vec![
            say("mend the code where it came in, so that no commit of the push has it:"),
            run(format!("git commit -a --fixup {commit}")),
            run(format!("git rebase -i --autosquash {}", shell(&format!("{commit}^")))),
        ],
        _ if context.ref_name.is_tag() => {
            vec![say("mend the code, land that, and tag what landed")]
        }
        _ => {
            vec![say("mend the code in the commit itself:"), run("git commit -a --amend --no-edit")]
        }
    }
}
