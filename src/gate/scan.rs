//! Gate scan: every commit was scanned, and nothing blocking was found.

mod excepted;

use std::collections::BTreeMap;

use excepted::Exceptions;

use super::current::{Current, Demands, Gap, current, gaps, stands};
use crate::clock::Timestamp;
use crate::evidence::attestation::CommitEvidence;
use crate::evidence::exception::Known;
use crate::evidence::kind::Kind;
use crate::evidence::report::{Finding, Location};
use crate::evidence::severity::{Rating, Severity};
use crate::policy::{Policy, config};
use crate::refname::RefName;
use crate::report::text::Foreign;
use crate::verdict::{Outcome, Rule};
use crate::violation::{OpenFinding, ScanViolation, Violation};

/// Findings that a violation lists; the rest is counted.
const LISTED: usize = 200;

/// Judges the scans of the commits that a ref update brings in, as if there were no exceptions.
#[must_use]
pub fn evaluate(policy: &Policy, commits: &[CommitEvidence], now: Timestamp) -> Outcome {
    judge(policy, commits, None, now)
}

/// As [`evaluate`], with what is known about exceptions: what one in force covers on this ref
/// does not block.
#[must_use]
pub fn evaluate_with(
    policy: &Policy,
    commits: &[CommitEvidence],
    known: &Known,
    ref_name: &RefName,
    now: Timestamp,
) -> Outcome {
    judge(policy, commits, Some(Exceptions::new(known, ref_name)), now)
}

/// Says whether an exception could change the outcome: nothing replaces evidence that is not there.
#[must_use]
pub fn could_be_excepted(outcome: &Outcome) -> bool {
    outcome
        .violations
        .iter()
        .any(|violation| matches!(violation, Violation::Scan(ScanViolation::FindingOpen { .. })))
}

fn judge(
    policy: &Policy,
    commits: &[CommitEvidence],
    mut exceptions: Option<Exceptions<'_>>,
    now: Timestamp,
) -> Outcome {
    let scan = &policy.config().scan;
    let kinds: Vec<String> = scan.require.iter().map(ToString::to_string).collect();
    let clause = format!("scan, {} for each commit", kinds.join(", "));
    let mut outcome = Outcome::of(Rule { clause, origins: vec![scan.require.origin.to_string()] });
    let demands = Demands::of_scans(policy, now);
    let mut found: Vec<(usize, &Kind, Gap)> = Vec::new();
    let mut open = Findings::new();
    let mut unlisted = 0;
    for (at, evidence) in commits.iter().enumerate() {
        let current = current(evidence, &demands);
        for kind in scan.require.iter() {
            match stands(evidence, &current, kind, &demands) {
                Ok(()) => {
                    outcome
                        .rests_on
                        .extend(current.iter().filter(|c| c.kind == kind).map(Current::id));
                }
                Err(gap) => found.push((at, kind, gap)),
            }
        }
        for current in current.iter().filter(|current| !matches!(current.kind, Kind::Tests(_))) {
            unlisted += blocking(policy, current, evidence, exceptions.as_mut(), &mut open);
        }
    }
    let mut push =
        |of: fn(&Gap) -> Option<Option<&String>>,
         violation: fn(crate::violation::EvidenceGap) -> ScanViolation| {
            outcome.violations.extend(gaps(commits, &found, of).map(|gap| violation(gap).into()));
        };
    push(
        |gap| matches!(gap, Gap::Missing).then_some(None),
        |gap| ScanViolation::EvidenceMissing { gap },
    );
    push(
        |gap| if let Gap::Malformed(why) = gap { Some(Some(why)) } else { None },
        |gap| ScanViolation::EvidenceMalformed { gap },
    );
    push(
        |gap| if let Gap::WrongSubject(why) = gap { Some(Some(why)) } else { None },
        |gap| ScanViolation::EvidenceWrongSubject { gap },
    );
    push(
        |gap| if let Gap::Untrusted(why) = gap { Some(Some(why)) } else { None },
        |gap| ScanViolation::EvidenceUntrusted { gap },
    );
    push(
        |gap| if let Gap::Stale(why) = gap { Some(Some(why)) } else { None },
        |gap| ScanViolation::EvidenceStale { gap },
    );
    push(
        |gap| if let Gap::Empty(why) = gap { Some(Some(why)) } else { None },
        |gap| ScanViolation::EvidenceEmpty { gap },
    );
    push(
        |gap| if let Gap::Incomplete(why) = gap { Some(Some(why)) } else { None },
        |gap| ScanViolation::EvidenceIncomplete { gap },
    );
    if !open.is_empty() || unlisted > 0 {
        let count = open.len() as u64 + unlisted;
        let findings = open.into_values().take(LISTED).collect();
        let block = scan.block.to_string();
        outcome.violations.push(ScanViolation::FindingOpen { findings, count, block }.into());
    }
    if let Some(exceptions) = exceptions {
        exceptions.report(policy, now, &mut outcome);
    }
    outcome
}

/// Findings that block, or would.
type Findings = BTreeMap<OpenKey, OpenFinding>;

/// Worst first, then by place: what makes a finding the same across commits.
type OpenKey = (std::cmp::Reverse<u8>, String, String, String, String);

/// Puts the blocking findings of a report among the open ones; returns how many
/// more there are that the report no longer lists.
fn blocking(
    policy: &Policy,
    current: &Current<'_>,
    evidence: &CommitEvidence,
    mut exceptions: Option<&mut Exceptions<'_>>,
    open: &mut Findings,
) -> u64 {
    let scan = &policy.config().scan;
    let trusts_suppressions = *scan.suppressions == config::Suppressions::Trust;
    for finding in &current.report.findings {
        if !blocks(scan, finding.rating) || (finding.suppressed && trusts_suppressions) {
            continue;
        }
        let location = location(finding);
        let kind = current.kind.to_string();
        let key = (
            std::cmp::Reverse(rank(finding.rating)),
            finding.rule.clone(),
            location.clone(),
            kind.clone(),
            finding.fingerprint.clone(),
        );
        let excepted = exceptions.as_mut().and_then(|exceptions| exceptions.of(finding));
        let findings = excepted.unwrap_or(&mut *open);
        let entry = findings.entry(key).or_insert_with(|| OpenFinding {
            severity: finding.rating.to_string(),
            class: finding.class.as_str().into(),
            rule: Foreign::from(&finding.rule),
            ids: finding.ids().map(Foreign::from).collect(),
            paths: finding.paths().map(Foreign::from).collect(),
            purls: finding.purls().map(Foreign::from).collect(),
            location: Foreign::from(&location),
            title: Foreign::from(&finding.title),
            tool: Foreign::from(&finding.tool),
            fingerprint: finding.fingerprint.clone(),
            kind,
            commits: Vec::new(),
            suppressed: finding.suppressed,
        });
        if !entry.commits.contains(&evidence.commit.id) && entry.commits.len() < 20 {
            entry.commits.push(evidence.commit.id);
        }
    }
    blocking_ratings(scan).map(|rating| current.report.unlisted.of(rating)).sum()
}

/// Returns the ratings of findings that keep a commit from landing.
pub(crate) fn blocking_ratings(scan: &config::Scan) -> impl Iterator<Item = Rating> {
    let ratings = Severity::ALL.into_iter().map(Rating::Known).chain([Rating::Unknown]);
    ratings.filter(|rating| blocks(scan, *rating))
}

/// Says whether a finding of that rating keeps a commit from landing.
pub(crate) fn blocks(scan: &config::Scan, rating: Rating) -> bool {
    match rating {
        Rating::Known(severity) => severity >= *scan.block,
        Rating::Unknown => match *scan.unknown {
            config::Unknown::Block => true,
            config::Unknown::Allow => false,
            config::Unknown::CountsAs(severity) => severity >= *scan.block,
        },
    }
}

/// What has no severity is listed first: nobody knows how bad it is.
fn rank(rating: Rating) -> u8 {
    match rating {
        Rating::Unknown => u8::MAX,
        Rating::Known(severity) => severity as u8,
    }
}

fn location(finding: &Finding) -> String {
    let place = match finding.locations.first() {
        Some(Location::File { path, line: Some(line) }) => format!("{path}:{line}"),
        Some(Location::File { path, line: None }) => path.clone(),
        Some(Location::Package { purl: Some(purl), .. }) => purl.clone(),
        Some(Location::Package { purl: None, name, version }) => match version {
            Some(version) => format!("{name}@{version}"),
            None => name.clone(),
        },
        Some(Location::Other(text)) => text.clone(),
        None => "an unnamed place".into(),
    };
    match finding.locations.len() as u64 + finding.unlisted_locations {
        0 | 1 => place,
        n => format!("{place} and {} more", n - 1),
    }
}

#[cfg(test)]
mod tests;
