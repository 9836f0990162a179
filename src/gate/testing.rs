//! Gate tests: the suites passed on what lands.

use super::current::{Demands, Gap, current, gaps, stands};
use crate::clock::Timestamp;
use crate::evidence::attestation::CommitEvidence;
use crate::evidence::kind::Kind;
use crate::policy::Policy;
use crate::report::text::Foreign;
use crate::verdict::{Outcome, Rule};
use crate::violation::{FailedSuite, TestsViolation};

/// Judges the test results of what a ref update lands.
#[must_use]
pub fn evaluate(policy: &Policy, commits: &[CommitEvidence], now: Timestamp) -> Outcome {
    let tests = &policy.config().tests;
    let kinds: Vec<Kind> = tests.suites.iter().map(|suite| Kind::Tests(suite.clone())).collect();
    let names: Vec<&str> = tests.suites.iter().map(|suite| suite.as_str()).collect();
    let clause = format!("tests, suites {} pass on what lands", names.join(", "));
    let mut outcome = Outcome::of(Rule { clause, origins: vec![tests.suites.origin.to_string()] });
    let demands = Demands::of_tests(policy, now);
    let mut found: Vec<(usize, &Kind, Gap)> = Vec::new();
    let mut failed: Vec<FailedSuite> = Vec::new();
    for (at, evidence) in commits.iter().enumerate() {
        let current = current(evidence, &demands);
        for kind in &kinds {
            if let Err(gap) = stands(evidence, &current, kind, &demands) {
                found.push((at, kind, gap));
            }
            for current in current.iter().filter(|current| current.kind == kind) {
                let counts = current.report.tests.unwrap_or_default();
                let bad = counts.failed + counts.errored + counts.hidden;
                if bad == 0 {
                    outcome.rests_on.push(current.id());
                    continue;
                }
                failed.push(FailedSuite {
                    commit: evidence.commit.clone(),
                    suite: suite(kind),
                    failed: bad,
                    ran: counts.ran() + counts.hidden,
                    tests: current.report.failing_tests.iter().map(Foreign::from).collect(),
                    evidence: current.id(),
                });
            }
        }
    }
    let mut push =
        |of: fn(&Gap) -> Option<Option<&String>>,
         violation: fn(crate::violation::EvidenceGap) -> TestsViolation| {
            outcome.violations.extend(gaps(commits, &found, of).map(|gap| violation(gap).into()));
        };
    push(
        |gap| matches!(gap, Gap::Missing).then_some(None),
        |gap| TestsViolation::EvidenceMissing { gap },
    );
    push(
        |gap| {
            if let Gap::Malformed(why) | Gap::Incomplete(why) = gap {
                Some(Some(why))
            } else {
                None
            }
        },
        |gap| TestsViolation::EvidenceMalformed { gap },
    );
    push(
        |gap| if let Gap::WrongSubject(why) = gap { Some(Some(why)) } else { None },
        |gap| TestsViolation::EvidenceWrongSubject { gap },
    );
    push(
        |gap| if let Gap::Untrusted(why) = gap { Some(Some(why)) } else { None },
        |gap| TestsViolation::EvidenceUntrusted { gap },
    );
    push(
        |gap| if let Gap::Stale(why) = gap { Some(Some(why)) } else { None },
        |gap| TestsViolation::EvidenceStale { gap },
    );
    push(
        |gap| if let Gap::Empty(why) = gap { Some(Some(why)) } else { None },
        |gap| TestsViolation::EvidenceEmpty { gap },
    );
    if !failed.is_empty() {
        outcome.violations.push(TestsViolation::Failed { suites: failed }.into());
    }
    outcome
}

fn suite(kind: &Kind) -> String {
    match kind {
        Kind::Tests(suite) => suite.as_str().to_owned(),
        Kind::Sast | Kind::Sbom | Kind::Dependencies => kind.to_string(),
    }
}

#[cfg(test)]
mod tests;
