//! Gate review: enough of the right people approved exactly what lands.
//!
//! # Algorithm
//!
//! 1. Each statement about a unit (a landing, or several in a row) is weighed:
//!    it counts for certain roles, or not, and then there is a reason.
//! 2. The requirements of a unit are solved as an assignment: some of the
//!    maintainers who approved are taken as *the* maintainers, so that each touched
//!    domain keeps enough reviewers who are somebody else.
//! 3. The chain is covered from its base upward by units that are satisfied.
//! 4. An objection that stands against any unit of the chain fails the gate.
//!
//! Pure: policy, facts and the time come in, an outcome goes out.

mod assign;
mod weigh;

use std::collections::BTreeSet;
use std::ops::Range;

use crate::clock::Timestamp;
use crate::evidence::approval::Decision;
use crate::evidence::attestation::EvidenceId;
use crate::evidence::change::{CommitLabel, Landing, StatementState, Unit};
use crate::id::CommitId;
use crate::policy::Policy;
use crate::policy::config::Submodules;
use crate::policy::structure::{self, Role, Section};
use crate::principal::PrincipalId;
use crate::report::text::Foreign;
use crate::verdict::{Outcome, Rule};
use crate::violation::{
    Missing, Person, ReviewGap, ReviewViolation, Said, Standing, UnsignedCommit,
};

use assign::Needs;
use weigh::{Voice, weigh};

/// What the review gate looks at.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The first-parent chain of the update, oldest first.
    pub landings: Vec<Landing>,
    /// The changes that could land as one, single landings first.
    pub units: Vec<Unit>,
    /// Commits without a signature that counts, where the policy wants all commits signed
    /// or a signature is wrong.
    pub unsigned: Vec<UnsignedCommit>,
}

/// Judges whether what lands was approved.
#[must_use]
pub fn evaluate(policy: &Policy, facts: &Facts, now: Timestamp) -> Outcome {
    let mut outcome = Outcome::of(rule(policy));
    for landing in &facts.landings {
        if let Some(why) = &landing.ambiguity {
            let (commit, why) = (landing.commit.clone(), why.to_string());
            outcome.violations.push(ReviewViolation::TrailerAmbiguous { commit, why }.into());
        }
    }
    if !facts.unsigned.is_empty() {
        let (commits, count) = (first(&facts.unsigned), facts.unsigned.len());
        outcome.violations.push(ReviewViolation::CommitUnsigned { commits, count }.into());
    }
    let submodules: BTreeSet<&[u8]> =
        facts.units.iter().flat_map(|unit| &unit.submodules).map(Vec::as_slice).collect();
    if !submodules.is_empty() && *policy.config().review.submodules == Submodules::Refuse {
        let paths = submodules.into_iter().map(Foreign::from).collect();
        outcome.violations.push(ReviewViolation::SubmoduleChanged { paths }.into());
    }
    let assessed: Vec<Assessed<'_>> =
        facts.units.iter().map(|unit| Assessed::new(policy, unit, now)).collect();
    for assessed in assessed.iter().filter(|assessed| assessed.rejected) {
        let gap = assessed.gap(facts);
        outcome.violations.push(ReviewViolation::Rejected { gap }.into());
    }
    match cover(facts.landings.len(), &assessed) {
        Ok(used) => {
            outcome.rests_on = used.iter().flat_map(|assessed| assessed.evidence()).collect();
        }
        Err(uncovered) => {
            for unit in to_report(&uncovered, facts.landings.len(), &assessed) {
                outcome.violations.push(unit.violation(facts).into());
            }
        }
    }
    outcome
}

/// Returns who approved a change that has landed: each with a voice that counted when they gave it.
#[must_use]
pub fn approvers(policy: &Policy, unit: &Unit) -> BTreeSet<PrincipalId> {
    let (mut approved, mut withdrawn) = (BTreeSet::new(), BTreeSet::new());
    for fact in &unit.statements {
        let StatementState::Verified(verified) = &fact.state else { continue };
        match fact.decision {
            Decision::Withdrawal => drop(withdrawn.insert(verified.by.clone())),
            Decision::Rejection => {}
            Decision::Approval => {
                let alone = Unit { statements: vec![fact.clone()], ..unit.clone() };
                let needs = Needs::of(policy, &alone, verified.at);
                let weighed = weigh(policy, &alone, &needs, verified.at);
                let voices = weighed.into_iter().filter_map(|weighed| weighed.voice);
                approved.extend(voices.map(|voice| voice.by));
            }
        }
    }
    approved.difference(&withdrawn).cloned().collect()
}

fn rule(policy: &Policy) -> Rule {
    let review = &policy.config().review;
    let clause = format!(
        "review, {} by {} and {} of each touched domain",
        count(*review.approvals, "approval"),
        count(*review.maintainers, "maintainer"),
        count(*review.domain_reviewers, "reviewer"),
    );
    let structure = policy.structure();
    let sections = [Section::Maintainers, Section::DomainReviewers];
    let headings = sections.into_iter().filter_map(|section| structure.heading_line(section));
    let origins = std::iter::once(review.approvals.origin.to_string())
        .chain(headings.map(|line| format!("{}:{line}", structure::FILE)));
    Rule { clause, origins: origins.collect() }
}

fn count(n: u32, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// A unit with everything that was said about it, weighed.
struct Assessed<'a> {
    unit: &'a Unit,
    said: Vec<Said>,
    voices: Vec<Voice>,
    needs: Needs,
    missing: Vec<Missing>,
    /// Whether approvals of people who took part would have been enough.
    own_work_would_do: bool,
    rejected: bool,
}

impl<'a> Assessed<'a> {
    fn new(policy: &Policy, unit: &'a Unit, now: Timestamp) -> Self {
        let needs = Needs::of(policy, unit, now);
        let weighed = weigh(policy, unit, &needs, now);
        let voices: Vec<Voice> = weighed.iter().filter_map(|w| w.voice.clone()).collect();
        let own: Vec<Voice> = weighed.iter().filter_map(|w| w.own_work.clone()).collect();
        let missing = needs.missing(policy, unit, &voices, now);
        let with_own: Vec<Voice> = voices.iter().cloned().chain(own.iter().cloned()).collect();
        let own_work_would_do = !missing.is_empty()
            && !own.is_empty()
            && needs.missing(policy, unit, &with_own, now).is_empty();
        let said: Vec<Said> = weighed.into_iter().map(|w| w.said).collect();
        let rejected = said.iter().any(|said| matches!(said.standing, Standing::Rejects { .. }));
        Self { unit, said, voices, needs, missing, own_work_would_do, rejected }
    }

    fn is_satisfied(&self) -> bool {
        self.missing.is_empty()
    }

    fn evidence(&self) -> Vec<EvidenceId> {
        let counted = self.said.iter().zip(&self.unit.statements);
        counted
            .filter(|(said, _)| matches!(said.standing, Standing::Approves { .. }))
            .filter_map(|(_, fact)| match &fact.state {
                StatementState::Verified(verified) => Some(EvidenceId {
                    kind: "approval".into(),
                    by: verified.by.clone(),
                    also: Vec::new(),
                    place: fact.place.clone(),
                }),
                StatementState::Unsigned
                | StatementState::Malformed(_)
                | StatementState::Refused(_) => None,
            })
            .collect()
    }

    fn gap(&self, facts: &Facts) -> ReviewGap {
        let landings = facts.landings.get(self.unit.landings.clone()).unwrap_or_default();
        let commits: Vec<CommitLabel> =
            landings.iter().rev().map(|landing| landing.commit.clone()).collect();
        let look_alikes: Vec<(CommitId, usize)> = landings
            .iter()
            .flat_map(|landing| landing.look_alikes.iter().map(|line| (landing.commit.id, *line)))
            .collect();
        let have: BTreeSet<&PrincipalId> = self.voices.iter().map(|voice| &voice.by).collect();
        ReviewGap {
            base: self.unit.base,
            commits,
            change: self.unit.change.to_string(),
            statements: self.said.clone(),
            look_alikes,
            missing: self.missing.clone(),
            have: have.len(),
            need: self.needs.approvals,
        }
    }

    /// Returns the violation that names what is missing most precisely.
    fn violation(&self, facts: &Facts) -> ReviewViolation {
        let gap = self.gap(facts);
        if self.own_work_would_do {
            return ReviewViolation::SelfApproved { gap };
        }
        let all = |of: fn(&Missing) -> bool| self.missing.iter().all(of);
        if all(|m| matches!(m, Missing::Threshold { .. })) {
            ReviewViolation::ThresholdMissing { gap }
        } else if all(|m| matches!(m, Missing::Reviewer { .. })) {
            ReviewViolation::ReviewerMissing { gap }
        } else if all(|m| {
            matches!(m, Missing::Maintainers { .. } | Missing::SecondMaintainer { .. })
        }) {
            ReviewViolation::MaintainerMissing { gap }
        } else {
            ReviewViolation::ApprovalMissing { gap }
        }
    }
}

/// Covers the chain with satisfied units, or returns the landings that nothing covers.
fn cover<'a, 'u>(
    len: usize,
    assessed: &'a [Assessed<'u>],
) -> Result<Vec<&'a Assessed<'u>>, Vec<Range<usize>>> {
    // For each position, the unit that ends there and begins where the chain is covered.
    let mut reached: Vec<Option<&Assessed<'_>>> = vec![None; len + 1];
    let mut covered = vec![false; len + 1];
    if let Some(base) = covered.first_mut() {
        *base = true;
    }
    for end in 1..=len {
        let unit = assessed.iter().find(|a| {
            a.unit.landings.end == end
                && a.is_satisfied()
                && covered.get(a.unit.landings.start) == Some(&true)
        });
        if let (Some(slot), Some(flag)) = (reached.get_mut(end), covered.get_mut(end)) {
            *slot = unit;
            *flag = unit.is_some();
        }
    }
    if covered.last() == Some(&true) {
        let mut used = Vec::new();
        let mut at = len;
        while let Some(unit) = reached.get(at).copied().flatten() {
            at = unit.unit.landings.start;
            used.push(unit);
        }
        return Ok(used);
    }
    // What no satisfied unit covers, wherever it begins; neighbours are joined.
    let is_covered =
        |at: usize| assessed.iter().any(|a| a.is_satisfied() && a.unit.landings.contains(&at));
    let mut gaps: Vec<Range<usize>> = Vec::new();
    for at in (0..len).filter(|at| !is_covered(*at)) {
        match gaps.last_mut() {
            Some(gap) if gap.end == at => gap.end = at + 1,
            _ => gaps.push(at..at + 1),
        }
    }
    if gaps.is_empty() {
        // Satisfied units overlap without meeting: the whole chain is what lacks approval.
        gaps.push(0..len);
    }
    Err(gaps)
}

/// Returns the units that tell best what is missing: the whole gap if somebody
/// spoke about it or nobody about any part, else its landings one by one.
fn to_report<'a, 'u>(
    gaps: &[Range<usize>],
    len: usize,
    assessed: &'a [Assessed<'u>],
) -> Vec<&'a Assessed<'u>> {
    let unit = |range: &Range<usize>| assessed.iter().find(|a| a.unit.landings == *range);
    let mut report = Vec::new();
    for gap in gaps {
        let singles: Vec<&Assessed<'_>> =
            gap.clone().filter_map(|at| unit(&(at..at + 1))).collect();
        let spoken = |a: &Assessed<'_>| a.said.len();
        let best_single = singles.iter().map(|a| spoken(a)).max().unwrap_or(0);
        let whole = unit(gap).or_else(|| if gap.len() == len { unit(&(0..len)) } else { None });
        match whole {
            Some(whole) if spoken(whole) >= best_single => report.push(whole),
            _ => report.extend(singles),
        }
    }
    report
}

/// Returns the first few of a list, which is what reports show.
fn first<T: Clone>(all: &[T]) -> Vec<T> {
    all.iter().take(crate::report::describe::SHOWN * 4).cloned().collect()
}

/// Returns those holders of a role who could still help.
fn people<'a>(
    policy: &'a Policy,
    ids: impl Iterator<Item = &'a PrincipalId>,
    not: &BTreeSet<&PrincipalId>,
) -> Vec<Person> {
    ids.filter(|id| !not.contains(id))
        .filter_map(|id| policy.structure().principal(id))
        .map(|principal| Person { id: principal.id().clone(), name: principal.name().to_owned() })
        .collect()
}

fn maintainers(policy: &Policy, now: Timestamp) -> BTreeSet<PrincipalId> {
    policy
        .structure()
        .holders(Role::Maintainer, now)
        .map(|principal| principal.id().clone())
        .collect()
}

#[cfg(test)]
mod tests;
