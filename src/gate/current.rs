//! Which evidence of a kind stands for a commit, and if none does, why.
//!
//! Decided by positive assertion: a complete, authentic, fresh statement of the
//! kind exists. All else is a gap with the reason that comes nearest to one.

use std::rc::Rc;

use crate::clock::Timestamp;
use crate::evidence::attestation::{CommitEvidence, EvidenceFact, EvidenceId, EvidenceState};
use crate::evidence::kind::Kind;
use crate::evidence::report::{Report, Requirements, Unsuitable};
use crate::principal::PrincipalId;

/// How far a clock may run ahead of the server's.
const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// What a gate asks of each piece of evidence.
pub(super) struct Demands {
    pub(super) max_age: jiff::SignedDuration,
    pub(super) requirements: Requirements,
    pub(super) now: Timestamp,
}

/// An authentic report about a commit that no newer run replaces.
pub(super) struct Current<'a> {
    pub(super) kind: &'a Kind,
    pub(super) by: &'a PrincipalId,
    pub(super) at: Option<Timestamp>,
    pub(super) report: &'a Report,
    pub(super) fact: &'a Rc<EvidenceFact>,
}

/// Why no evidence of a kind stands for a commit, the nearest miss first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    Incomplete(String),
    Empty(String),
    Stale(String),
    Malformed(String),
    WrongSubject(String),
    Untrusted(String),
    Missing,
}

impl Current<'_> {
    pub(super) fn id(&self) -> EvidenceId {
        EvidenceId {
            kind: self.kind.to_string(),
            by: self.by.clone(),
            place: self.fact.place.clone(),
        }
    }
}

/// Returns the authentic reports about a commit without those that a newer run of
/// the same tools, signed by the same principal, replaces.
pub(super) fn current(evidence: &CommitEvidence) -> Vec<Current<'_>> {
    let authentic: Vec<Current<'_>> = evidence
        .items
        .iter()
        .filter_map(|fact| match (&fact.kind, &fact.state) {
            (Some(kind), EvidenceState::Authentic { by, at, report }) => {
                let at = at.or(report.times.map(|times| times.latest));
                Some(Current { kind, by, at, report, fact })
            }
            (None, EvidenceState::Authentic { .. })
            | (
                _,
                EvidenceState::Malformed(_)
                | EvidenceState::Untrusted(_)
                | EvidenceState::WrongSubject { .. }
                | EvidenceState::Unreadable { .. },
            ) => None,
        })
        .collect();
    let tools = |current: &Current<'_>| {
        let mut names: Vec<String> =
            current.report.tools.iter().map(|tool| tool.name.clone()).collect();
        names.sort();
        names
    };
    let is_replaced = |old: &Current<'_>| {
        authentic.iter().any(|new| {
            new.at > old.at
                && (new.kind, new.by, new.report.format) == (old.kind, old.by, old.report.format)
                && tools(new) == tools(old)
        })
    };
    let replaced: Vec<bool> = authentic.iter().map(is_replaced).collect();
    authentic
        .into_iter()
        .zip(replaced)
        .filter(|(_, replaced)| !replaced)
        .map(|(current, _)| current)
        .collect()
}

/// Says whether evidence of `kind` stands for a commit.
///
/// # Errors
/// Returns why none does.
pub(super) fn stands(
    evidence: &CommitEvidence,
    current: &[Current<'_>],
    kind: &Kind,
    demands: &Demands,
) -> Result<(), Gap> {
    if let Some(why) = &evidence.unreadable {
        return Err(Gap::Malformed(why.clone()));
    }
    let of_kind: Vec<&Current<'_>> =
        current.iter().filter(|current| current.kind == kind).collect();
    if let Some(gap) = unreadable(evidence, kind, &of_kind) {
        return Err(gap);
    }
    let mut nearest = Gap::Missing;
    for current in of_kind {
        match stands_alone(current, kind, demands) {
            Ok(()) => return Ok(()),
            Err(gap) => nearest = nearest.min(gap),
        }
    }
    let misses = evidence.items.iter().filter(|fact| fact.kind.as_ref().is_none_or(|k| k == kind));
    for fact in misses {
        let gap = match &fact.state {
            EvidenceState::Malformed(why) => Gap::Malformed(why.clone()),
            EvidenceState::Untrusted(why) => Gap::Untrusted(why.clone()),
            EvidenceState::WrongSubject { names, .. } => {
                Gap::WrongSubject(format!("it speaks of {}", names.join(", ")))
            }
            EvidenceState::Unreadable { .. } | EvidenceState::Authentic { .. } => continue,
        };
        nearest = nearest.min(gap);
    }
    Err(nearest)
}

/// A report that somebody permitted vouches for and that cannot be read stands in
/// the way, unless the same signer has attested a newer one: it may hold findings.
fn unreadable(evidence: &CommitEvidence, kind: &Kind, of_kind: &[&Current<'_>]) -> Option<Gap> {
    evidence.items.iter().filter(|fact| fact.kind.as_ref() == Some(kind)).find_map(|fact| {
        match &fact.state {
            EvidenceState::Unreadable { by, at, why } => {
                let replaced = of_kind.iter().any(|current| current.by == by && current.at > *at);
                (!replaced).then(|| Gap::Malformed(why.clone()))
            }
            EvidenceState::Malformed(_)
            | EvidenceState::Untrusted(_)
            | EvidenceState::WrongSubject { .. }
            | EvidenceState::Authentic { .. } => None,
        }
    })
}

fn stands_alone(current: &Current<'_>, kind: &Kind, demands: &Demands) -> Result<(), Gap> {
    if let Err(why) = current.report.supports(kind, &demands.requirements) {
        let text = why.to_string();
        return Err(match why {
            Unsuitable::ExecutionFailed { .. }
            | Unsuitable::ToolErrors { .. }
            | Unsuitable::Skipped { .. } => Gap::Incomplete(text),
            Unsuitable::TooFewComponents { .. } | Unsuitable::NoTestRan { .. } => Gap::Empty(text),
            Unsuitable::Format { .. }
            | Unsuitable::NoVulnerabilityStatement
            | Unsuitable::NoStatementAboutCode
            | Unsuitable::LinterReport { .. } => Gap::Malformed(text),
        });
    }
    let Some(at) = current.at else {
        return Err(Gap::Stale("it does not say when the tool ran".into()));
    };
    if at > demands.now + SKEW {
        return Err(Gap::Stale(format!("it is dated {at}, which is still to come")));
    }
    let age = demands.now.duration_since(at);
    if age > demands.max_age {
        let (age, limit) = (age.as_hours() / 24, demands.max_age.as_hours() / 24);
        let date = at.strftime("%Y-%m-%d");
        return Err(Gap::Stale(format!(
            "it is of {date}, {age} days old; at most {limit} days are allowed"
        )));
    }
    Ok(())
}

/// Gaps of one sort over all commits.
pub(super) fn gaps(
    commits: &[CommitEvidence],
    found: &[(usize, &Kind, Gap)],
    of_sort: impl Fn(&Gap) -> Option<Option<&String>>,
) -> Option<crate::violation::EvidenceGap> {
    let mut by_commit: std::collections::BTreeMap<usize, Vec<crate::violation::KindGap>> =
        Default::default();
    for (at, kind, gap) in found {
        if let Some(why) = of_sort(gap) {
            let why = why.cloned();
            by_commit
                .entry(*at)
                .or_default()
                .push(crate::violation::KindGap { kind: Some((*kind).clone()), why });
        }
    }
    if by_commit.is_empty() {
        return None;
    }
    let count = by_commit.len();
    let commits_shown = by_commit
        .into_iter()
        .take(REPORTED)
        .filter_map(|(at, kinds)| {
            let commit = commits.get(at)?.commit.clone();
            Some(crate::violation::CommitGap { commit, kinds })
        })
        .collect();
    Some(crate::violation::EvidenceGap { commits: commits_shown, count, of: commits.len() })
}

/// How many commits a violation lists; machines that want all of them judge in steps.
const REPORTED: usize = 100;
