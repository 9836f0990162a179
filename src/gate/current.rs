//! Which evidence of a kind stands for a commit, and if none does, why.
//!
//! Decided by positive assertion: a complete, authentic, fresh statement of the
//! kind exists. All else is a gap with the reason that comes nearest to one.

use crate::clock::Timestamp;
use crate::evidence::attestation::{
    CommitEvidence, EvidenceFact, EvidenceId, EvidenceState, Signers,
};
use crate::evidence::kind::Kind;
use crate::evidence::report::{Incomplete, Report, Requirements, Unsuitable};
use crate::policy::{Policy, config};

/// How far a clock may run ahead of the server's.
const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// What a gate asks of each piece of evidence.
pub(super) struct Demands {
    pub(super) max_age: jiff::SignedDuration,
    pub(super) requirements: Requirements,
    pub(super) now: Timestamp,
}

impl Demands {
    /// Returns what the policy asks of scans.
    pub(super) fn of_scans(policy: &Policy, now: Timestamp) -> Self {
        let scan = &policy.config().scan;
        let requirements = Requirements {
            min_components: u64::from(*scan.min_components),
            incomplete: match *scan.incomplete {
                config::Incomplete::Block => Incomplete::Refuse,
                config::Incomplete::Allow => Incomplete::Allow,
            },
        };
        Self { max_age: scan.max_age.duration(), requirements, now }
    }

    /// Returns what the policy asks of test results.
    pub(super) fn of_tests(policy: &Policy, now: Timestamp) -> Self {
        let max_age = policy.config().tests.max_age.duration();
        Self { max_age, requirements: Requirements::default(), now }
    }
}

/// What a piece of evidence comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Counts,
    /// A newer run replaces it.
    Replaced,
    /// It does not count; says why.
    Refused(String),
}

/// Returns what each piece of evidence about a commit comes to, in their order.
#[must_use]
pub fn standings(policy: &Policy, evidence: &CommitEvidence, now: Timestamp) -> Vec<Standing> {
    let of = |fact: &EvidenceFact| match (&fact.kind, &fact.state) {
        (Some(kind), EvidenceState::Authentic { .. }) => {
            let demands = match kind {
                Kind::Sast | Kind::Sbom | Kind::Dependencies => Demands::of_scans(policy, now),
                Kind::Tests(_) => Demands::of_tests(policy, now),
            };
            let current = current(evidence, &demands);
            match current.iter().find(|current| std::ptr::eq(current.fact, fact)) {
                None => Standing::Replaced,
                Some(current) => match stands_alone(current, kind, &demands) {
                    Ok(()) => Standing::Counts,
                    Err(gap) => Standing::Refused(gap.text()),
                },
            }
        }
        (None, EvidenceState::Authentic { .. }) => Standing::Refused("it is of no kind".into()),
        (_, EvidenceState::Malformed(why) | EvidenceState::Untrusted(why)) => {
            Standing::Refused(why.clone())
        }
        (_, EvidenceState::WrongSubject { names, .. }) => {
            Standing::Refused(format!("it speaks of {}", names.join(", ")))
        }
        (_, EvidenceState::Unreadable { why, .. }) => Standing::Refused(why.clone()),
    };
    evidence.items.iter().map(|fact| of(fact)).collect()
}

/// An authentic report about a commit that no newer run replaces.
pub(super) struct Current<'a> {
    pub(super) kind: &'a Kind,
    pub(super) by: &'a Signers,
    pub(super) at: Option<Timestamp>,
    pub(super) report: &'a Report,
    pub(super) fact: &'a EvidenceFact,
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

impl Gap {
    /// Returns the reason.
    fn text(self) -> String {
        match self {
            Self::Incomplete(why)
            | Self::Empty(why)
            | Self::Stale(why)
            | Self::Malformed(why)
            | Self::WrongSubject(why)
            | Self::Untrusted(why) => why,
            Self::Missing => "there is none".into(),
        }
    }
}

impl Current<'_> {
    pub(super) fn id(&self) -> EvidenceId {
        EvidenceId::new(self.kind, self.by, self.fact.place.clone())
    }
}

/// Returns the authentic reports about a commit without those that a newer run of
/// the same tools, signed by the same principals, replaces.
///
/// Only a run that is good for its kind replaces another: one that failed, found nothing to look
/// at or is dated tomorrow must not make the findings of its forerunner go away. Of
/// two runs at the same moment neither is newer, and both count.
pub(super) fn current<'e>(evidence: &'e CommitEvidence, demands: &Demands) -> Vec<Current<'e>> {
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
                && (new.kind, new.report.format) == (old.kind, old.report.format)
                && new.by.include(old.by)
                && tools(new) == tools(old)
                && stands_alone(new, new.kind, demands).is_ok()
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
    if let Some(gap) = unreadable(evidence, kind, &of_kind, demands) {
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
fn unreadable(
    evidence: &CommitEvidence,
    kind: &Kind,
    of_kind: &[&Current<'_>],
    demands: &Demands,
) -> Option<Gap> {
    evidence.items.iter().filter(|fact| fact.kind.as_ref() == Some(kind)).find_map(|fact| {
        match &fact.state {
            EvidenceState::Unreadable { by, at, why } => {
                let replaced = of_kind.iter().any(|current| {
                    current.by.include(by)
                        && current.at > *at
                        && stands_alone(current, kind, demands).is_ok()
                });
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
            | Unsuitable::Envelope { .. }
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

#[cfg(test)]
mod tests;
