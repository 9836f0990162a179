//! What is still missing and who can give it, in a few lines.

use std::collections::BTreeSet;

use super::describe::missing_line;
use super::remote::{Options, blocks};
use super::text::Foreign;
use crate::clock::Timestamp;
use crate::evidence::kind::Kind;
use crate::policy::Policy;
use crate::policy::gates::Gate;
use crate::verdict::{RefJudgement, Verdict};
use crate::violation::{EvidenceGap, ReviewViolation, ScanViolation, TestsViolation, Violation};

/// How many names a line holds.
const NAMES: usize = 4;

/// Returns a line for each guard and gate that has spoken, with what is missing below it.
#[must_use]
pub fn lines(verdict: &Verdict, policy: &Policy, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    for judgement in &verdict.refs {
        for violation in judgement.guards.iter().flat_map(|outcome| &outcome.violations) {
            let titles = titles(judgement, verdict, violation);
            lines.extend(row("refused", &titles));
        }
        for (gate, outcome) in &judgement.gates {
            let open: Vec<String> = outcome
                .violations
                .iter()
                .flat_map(|violation| missing(judgement, verdict, violation, policy, now))
                .collect();
            let open = if open.is_empty() { vec!["ok".into()] } else { open };
            lines.extend(row(gate.name(), &open));
        }
        let asked: BTreeSet<&str> = judgement.gates.iter().map(|(gate, _)| gate.name()).collect();
        let unasked: Vec<&str> = judgement
            .required
            .iter()
            .map(Gate::name)
            .filter(|name| !asked.contains(name))
            .collect();
        if !unasked.is_empty() {
            lines.extend(row("not judged", &[unasked.join(", ")]));
        }
    }
    lines
}

/// Returns what the review of a ref still needs, each with who can give it; nothing if it is complete.
#[must_use]
pub fn review(verdict: &Verdict, policy: &Policy, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    for judgement in &verdict.refs {
        let outcomes = judgement.gates.iter().filter(|(gate, _)| *gate == Gate::Review);
        // Who signed the commits is for those who commit, and the merge is only a prospect.
        let unsigned = |violation: &&Violation| {
            matches!(violation, Violation::Review(ReviewViolation::CommitUnsigned { .. }))
        };
        let violations = outcomes.flat_map(|(_, outcome)| &outcome.violations);
        for violation in violations.filter(|violation| !unsigned(violation)) {
            lines.extend(missing(judgement, verdict, violation, policy, now));
        }
    }
    lines
}

fn row(head: &str, texts: &[String]) -> Vec<String> {
    let first = texts.iter().enumerate();
    first.map(|(at, text)| format!("  {:<10}  {text}", if at == 0 { head } else { "" })).collect()
}

fn titles(judgement: &RefJudgement, verdict: &Verdict, violation: &Violation) -> Vec<String> {
    let all = blocks(judgement, verdict, Options::default());
    let own = judgement.violations().zip(all).filter(|((_, other), _)| *other == violation);
    own.map(|(_, block)| block.title).collect()
}

fn missing(
    judgement: &RefJudgement,
    verdict: &Verdict,
    violation: &Violation,
    policy: &Policy,
    now: Timestamp,
) -> Vec<String> {
    match violation {
        Violation::Review(
            ReviewViolation::ApprovalMissing { gap }
            | ReviewViolation::MaintainerMissing { gap }
            | ReviewViolation::ReviewerMissing { gap }
            | ReviewViolation::ThresholdMissing { gap }
            | ReviewViolation::SelfApproved { gap },
        ) => gap.missing.iter().map(missing_line).collect(),
        Violation::Scan(ScanViolation::EvidenceMissing { gap })
        | Violation::Tests(TestsViolation::EvidenceMissing { gap }) => {
            vec![evidence(gap, policy, now)]
        }
        Violation::Review(_)
        | Violation::Scan(_)
        | Violation::Tests(_)
        | Violation::Ref(_)
        | Violation::Trust(_)
        | Violation::Notes(_)
        | Violation::Checklist(_)
        | Violation::Exception(_) => titles(judgement, verdict, violation),
    }
}

fn evidence(gap: &EvidenceGap, policy: &Policy, now: Timestamp) -> String {
    let kinds: BTreeSet<&Kind> = gap
        .commits
        .iter()
        .flat_map(|commit| &commit.kinds)
        .filter_map(|k| k.kind.as_ref())
        .collect();
    let names: BTreeSet<&str> = kinds
        .iter()
        .flat_map(|kind| policy.structure().attesters(kind, now))
        .map(|principal| principal.name())
        .collect();
    let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
    let of = match (gap.count, gap.of) {
        (_, 1) => String::new(),
        (count, of) => format!(" for {count} of {of} commits"),
    };
    let names: Vec<String> =
        names.iter().take(NAMES).map(|name| Foreign::from(name).shown(30)).collect();
    let from = if names.is_empty() {
        "nobody is listed to attest it".to_owned()
    } else {
        names.join(", ")
    };
    format!("{}{of}: {from}", kinds.join(", "))
}
