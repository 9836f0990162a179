//! What each statement counts for.

use std::collections::{BTreeMap, BTreeSet};

use super::assign::Needs;
use crate::clock::Timestamp;
use crate::evidence::approval::{ClaimedRole, Decision};
use crate::evidence::change::{Binding, StatementFact, StatementState, Unit, Verified};
use crate::policy::Policy;
use crate::policy::config::Carry;
use crate::principal::PrincipalId;
use crate::report::text::Foreign;
use crate::violation::{Said, Standing};

/// How far a clock may run ahead of the server's.
const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// One person's approval, with the roles that it counts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Voice {
    pub(super) by: PrincipalId,
    pub(super) maintainer: bool,
    /// Positions of the touched domains, in the order of [`Needs::domains`].
    pub(super) domains: BTreeSet<usize>,
}

/// A statement, what it counts for, and the voice that it gives.
pub(super) struct Weighed {
    pub(super) said: Said,
    pub(super) voice: Option<Voice>,
    /// The voice that it would give if people could approve their own work.
    pub(super) own_work: Option<Voice>,
}

/// Weighs everything that was said about a unit.
pub(super) fn weigh(policy: &Policy, unit: &Unit, needs: &Needs, now: Timestamp) -> Vec<Weighed> {
    let withdrawn = withdrawals(unit, now);
    let mut heard: BTreeMap<String, PrincipalId> = BTreeMap::new();
    let mut already: BTreeSet<PrincipalId> = BTreeSet::new();
    let mut weighed = Vec::new();
    for fact in &unit.statements {
        let who = name(policy, fact);
        let (standing, voice, own_work) = match &fact.state {
            StatementState::Unsigned => (Standing::Unsigned, None, None),
            StatementState::Malformed(why) => (Standing::Malformed(why.clone()), None, None),
            StatementState::Refused(why) => (Standing::Refused(why.clone()), None, None),
            StatementState::Verified(verified) => {
                let taken_back = withdrawn.get(&verified.by).is_some_and(|at| *at >= verified.at);
                match fact.decision {
                    Decision::Withdrawal => continue,
                    Decision::Approval | Decision::Rejection if taken_back => {
                        (Standing::Withdrawn, None, None)
                    }
                    Decision::Rejection => {
                        (rejection(policy, unit, needs, verified, now), None, None)
                    }
                    Decision::Approval => {
                        approval(policy, unit, needs, verified, now, &mut heard, &already)
                    }
                }
            }
        };
        already.extend(voice.as_ref().map(|voice: &Voice| voice.by.clone()));
        weighed.push(Weighed {
            said: Said { who, place: fact.place.clone(), standing },
            voice,
            own_work,
        });
    }
    weighed
}

/// Returns, for each person, when they last took back what they had said.
fn withdrawals(unit: &Unit, now: Timestamp) -> BTreeMap<PrincipalId, Timestamp> {
    let mut latest: BTreeMap<PrincipalId, Timestamp> = BTreeMap::new();
    for fact in unit.statements.iter().filter(|fact| fact.decision == Decision::Withdrawal) {
        if let StatementState::Verified(verified) = &fact.state
            && verified.at <= now + SKEW
        {
            let at = latest.entry(verified.by.clone()).or_insert(verified.at);
            *at = (*at).max(verified.at);
        }
    }
    latest
}

fn name(policy: &Policy, fact: &StatementFact) -> Foreign {
    match &fact.state {
        StatementState::Verified(verified) => {
            policy.structure().principal(&verified.by).map_or_else(
                || Foreign::from(verified.by.as_str()),
                |principal| Foreign::from(principal.name()),
            )
        }
        StatementState::Unsigned | StatementState::Malformed(_) | StatementState::Refused(_) => {
            fact.claimed_by.clone()
        }
    }
}

/// An objection holds whether or not its author took part, and as long as its author may speak.
///
/// It does not end with `until`: a veto that lapses by itself would only have to be waited out.
/// It is about a change, wherever that lands; about another version only where approvals carry over as well.
fn rejection(
    policy: &Policy,
    unit: &Unit,
    needs: &Needs,
    verified: &Verified,
    now: Timestamp,
) -> Standing {
    let elsewhere = match verified.binding {
        Binding::Exact | Binding::SameChange | Binding::Spent { .. } | Binding::Unverifiable(_) => {
            false
        }
        Binding::Replay => !carries(policy, unit, &verified.binding),
        Binding::Stale { .. } | Binding::Residual { .. } => true,
    };
    if elsewhere {
        return Standing::Elsewhere(verified.binding.clone());
    }
    let holds_role = needs.voice(policy, &verified.by, None, now).is_some();
    if holds_role {
        Standing::Rejects { reason: verified.reason.clone().unwrap_or_default() }
    } else {
        Standing::NoVoice
    }
}

fn approval(
    policy: &Policy,
    unit: &Unit,
    needs: &Needs,
    verified: &Verified,
    now: Timestamp,
    heard: &mut BTreeMap<String, PrincipalId>,
    already: &BTreeSet<PrincipalId>,
) -> (Standing, Option<Voice>, Option<Voice>) {
    let no = |standing| (standing, None, None);
    if let Some(standing) = out_of_time(policy, verified, now) {
        return no(standing);
    }
    if !carries(policy, unit, &verified.binding) {
        return no(Standing::Elsewhere(verified.binding.clone()));
    }
    if *policy.config().review.require_touch && verified.touched == Some(false) {
        return no(Standing::Untouched);
    }
    let Some(voice) = needs.voice(policy, &verified.by, Some(&verified.roles), now) else {
        let unsigned_role = needs.voice(policy, &verified.by, None, now).is_some();
        return no(Standing::NoRole { unsigned_role });
    };
    if let Some(part) = unit.contributors.get(&verified.by) {
        return (Standing::OwnWork(*part), None, Some(voice));
    }
    let standing = Standing::Approves {
        maintainer: voice.maintainer,
        domains: voice
            .domains
            .iter()
            .filter_map(|at| needs.domains.get(*at))
            .filter_map(|d| d.name.clone())
            .collect(),
    };
    // A certificate authority may certify one key for two people: a key is one voice, whoever it names.
    let owner = heard.entry(verified.key.clone()).or_insert_with(|| verified.by.clone());
    if *owner != verified.by {
        return no(Standing::Repeated);
    }
    // Another signature may speak for another role of the same person; it is still one person.
    let repeated = already.contains(&verified.by);
    (if repeated { Standing::Repeated } else { standing }, Some(voice), None)
}

fn out_of_time(policy: &Policy, verified: &Verified, now: Timestamp) -> Option<Standing> {
    if verified.at > now + SKEW {
        return Some(Standing::FromFuture { at: verified.at.to_string() });
    }
    let longest = verified
        .at
        .saturating_add(policy.config().review.approval_max_age.duration())
        .unwrap_or(Timestamp::MAX);
    let until = verified.until.min(longest);
    (now >= until).then(|| Standing::Expired {
        until: until.strftime("%Y-%m-%d").to_string(),
        days: now.duration_since(until).as_hours() / 24,
    })
}

/// Says whether an approval may be carried over to what lands.
///
/// An empty change has one digest wherever it lands, so that only an approval of exactly this step counts.
fn carries(policy: &Policy, unit: &Unit, binding: &Binding) -> bool {
    let carry = if unit.paths.is_empty() { Carry::Exact } else { *policy.config().review.carry };
    match binding {
        Binding::Exact => true,
        Binding::SameChange => match carry {
            Carry::Exact => false,
            Carry::SameChange | Carry::Replay => true,
        },
        Binding::Replay => match carry {
            Carry::Exact | Carry::SameChange => false,
            Carry::Replay => true,
        },
        Binding::Stale { .. }
        | Binding::Residual { .. }
        | Binding::Unverifiable(_)
        | Binding::Spent { .. } => false,
    }
}

/// Says whether somebody signed for a role.
pub(super) fn signed_for(roles: Option<&BTreeSet<ClaimedRole>>, role: ClaimedRole) -> bool {
    roles.is_none_or(|roles| roles.contains(&role))
}
