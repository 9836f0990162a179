//! Scans and tests.

use super::{Context, commit_line, count, more, run, say};
use crate::evidence::kind::Kind;
use crate::report::block::{Block, table};
use crate::report::text::wrap;
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
            unfit(gap, "evidence of a tool that failed", context, block)
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

const MALFORMED: &str = "evidence that cannot be read";
const WRONG_SUBJECT: &str = "evidence about something else";
const STALE: &str = "evidence that is too old";

fn untrusted(gap: &EvidenceGap, context: &Context<'_>, block: &mut Block) {
    unfit(gap, "evidence that nobody permitted has signed", context, block);
    block.hints.insert(
        0,
        say("evidence is signed by the automation that meta/STRUCTURE.md lists for its kind"),
    );
}

fn missing(gap: &EvidenceGap, what: &str, context: &Context<'_>, block: &mut Block) {
    let kinds = all_kinds(gap);
    let of = if gap.of == 1 {
        "the commit has".into()
    } else {
        format!("{} of {} commits have", gap.count, gap.of)
    };
    block.title = format!("{of} no {what} ({})", kinds.join(", "));
    commits(gap, context, block);
    block
        .labels
        .push(("looked in", "refs/notes/refgate/evidence, for the commit and for its tree".into()));
    attach(gap, context, block);
}

fn unfit(gap: &EvidenceGap, what: &str, context: &Context<'_>, block: &mut Block) {
    let of = if gap.of == 1 {
        "the commit has".into()
    } else {
        format!("{} of {} commits have", gap.count, gap.of)
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
            if let Some(why) = &kind.why {
                let mut lines = wrap(&format!("{name}: {why}"), 58).into_iter();
                block.seen.extend(lines.next().map(|line| format!("  {line}")));
                block.seen.extend(lines.map(|line| format!("    {line}")));
            } else if gap.count > 1 || lacking.kinds.len() > 1 {
                block.seen.push(format!("  {name}: none"));
            }
        }
    }
    block.seen.extend(more(gap.count, context.shown));
}

/// The command that attaches what a commit lacks.
fn attach(gap: &EvidenceGap, context: &Context<'_>, block: &mut Block) {
    let what =
        if gap.count == 1 { "run the tools on the commit" } else { "run the tools on each commit" };
    block.hints.push(say(format!("{what}, attach what they write, then push again:")));
    for lacking in gap.commits.iter().take(context.shown) {
        block.hints.push(run(attach_command(lacking)));
    }
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
    block.title = format!(
        "{} without remediation or exception",
        count(all, "blocking finding", "blocking findings")
    );
    for finding in findings.iter().take(context.shown) {
        let suppressed = if finding.suppressed { ", suppressed in the report alone" } else { "" };
        block.seen.push(format!(
            "{} {} in {}",
            finding.severity,
            finding.rule.shown(36),
            finding.location.shown(60)
        ));
        block.seen.extend(
            wrap(
                &format!(
                    "{}, found by {}{suppressed}",
                    finding.title.quoted(52),
                    finding.tool.quoted(24)
                ),
                58,
            )
            .into_iter()
            .map(|line| format!("  {line}")),
        );
        let commits: Vec<String> =
            finding.commits.iter().take(3).map(crate::id::CommitId::short).collect();
        let dots = if finding.commits.len() > 3 { ", ..." } else { "" };
        block.seen.push(format!("  at {}{dots} ({})", commits.join(", "), finding.kind));
    }
    let shown = findings.len().min(context.shown);
    block.seen.extend(more(usize::try_from(all).unwrap_or(usize::MAX), shown));
    block.labels.push(("blocks", format!("{threshold} and above, and what has no severity")));
    block.hints = vec![
        say(
            "mend the code, scan the new commit and push that; a commit that stays in the pushed history is judged too, so squash the repair into it",
        ),
        say(
            "where that cannot be done now, request an exception, which Security Engineering approves:",
        ),
        run(format!("refgate exception new --from-check --ref {}", context.ref_name)),
    ];
}

fn failed(suites: &[FailedSuite], context: &Context<'_>, block: &mut Block) {
    let tests: u64 = suites.iter().map(|suite| suite.failed).sum();
    block.title = format!("{} failed", count(tests, "test", "tests"));
    for suite in suites.iter().take(context.shown) {
        block.seen.push(commit_line(&suite.commit));
        block.seen.push(format!(
            "  {}: {} of {} failed",
            suite.suite,
            suite.failed,
            suite.ran.max(suite.failed)
        ));
        let rows: Vec<Vec<String>> =
            suite.tests.iter().take(context.shown).map(|test| vec![test.quoted(58)]).collect();
        block.seen.extend(table(&rows).into_iter().map(|line| format!("    {line}")));
        let rest = usize::try_from(suite.failed).unwrap_or(usize::MAX);
        block.seen.extend(more(rest, rows.len()).map(|line| format!("    {line}")));
    }
    block.seen.extend(more(suites.len(), context.shown));
    block.hints =
        vec![say("mend what fails, run the suite again on the new commit, and attach its results")];
}
