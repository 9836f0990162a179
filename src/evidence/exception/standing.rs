//! Whether an exception is in force: approved, by whom, not revoked and not over.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::{Exception, Waives, What, day_of, days_between};
use crate::policy::config::Setting;
use crate::policy::structure::Role;
use crate::policy::{Period, Policy};
use crate::principal::PrincipalId;
use crate::report::text::Foreign;
use crate::violation::Person;

/// How far a clock may run ahead of the server's.
const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// A line of signatures and what verifying it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What it signs.
    pub what: What,
    /// The line of the document.
    pub line: usize,
    /// Who it says it is from.
    pub claimed_by: Foreign,
    /// Who said it and when; else why it does not count.
    pub signer: Result<Signer, SeenState>,
    /// What a review found.
    pub finding: Option<String>,
}

/// Somebody whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Who.
    pub by: PrincipalId,
    /// When.
    pub at: Timestamp,
}

/// Somebody whose approval counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Approver {
    /// Who.
    #[serde(flatten)]
    pub person: Person,
    /// When they approved.
    pub at: String,
}

/// A signature as messages show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Who: the name in the trusted list, or what the line claims.
    pub who: Foreign,
    /// The line of the document.
    pub line: usize,
    /// What it counts for.
    pub state: SeenState,
}

/// Why a signature approves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeenState {
    /// Not signed.
    Unsigned,
    /// Malformed; says how.
    Malformed(String),
    /// The document was changed after it was signed.
    OtherDocument,
    /// The signature does not count; says why.
    Refused(String),
    /// They are not, or were not, Security Engineering.
    NotSecurity,
    /// They asked for the exception, or answer for the repair.
    OwnRequest,
    /// It is dated in the future.
    FromFuture,
}

/// How an exception stands at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    InForce {
        /// Who approved it.
        approvers: Vec<Approver>,
        /// Days until its last one, which is included.
        days_left: i64,
    },
    /// It was revoked.
    Revoked {
        /// On this day.
        on: Date,
        /// Why.
        because: Option<String>,
    },
    /// Nobody whose approval counts has approved it.
    Unapproved {
        /// The signatures that it has.
        seen: Vec<Seen>,
    },
    /// Only people who ask for it approved it.
    SelfApproved {
        /// The signatures that it has.
        seen: Vec<Seen>,
    },
    /// It lasts longer than the policy allows.
    TooLong {
        /// The last day that it could have.
        latest: Date,
        /// What the policy allows, such as `90d`.
        allowed: String,
        /// Who approved it all the same.
        approvers: Vec<Approver>,
    },
    /// It is over.
    Expired {
        /// Days since its last one.
        days_ago: i64,
        /// Who had approved it.
        approvers: Vec<Approver>,
    },
}

/// Weighs an exception at a moment.
///
/// `elsewhere` is the revocation that the trusted tree holds for the same id: it counts
/// whatever this document says, since an older version of it may be what was pushed.
///
/// One approval is enough, by somebody who is Security Engineering both when they
/// signed and now, and neither asks for the exception nor answers for the repair. The time that the
/// policy allows is counted from the earliest approval that counts: a request may lie there for as
/// long as it takes, and its own dates are only claims.
#[must_use]
pub fn assess(
    policy: &Policy,
    exception: &Exception,
    lines: &[Verified],
    elsewhere: Option<(Date, Option<String>)>,
    now: Timestamp,
) -> Standing {
    let own = exception.revoked.map(|on| (on, exception.revoked_because.clone()));
    if let Some((on, because)) = elsewhere.or(own) {
        return Standing::Revoked { on, because };
    }
    let mut approvers: Vec<(Timestamp, Approver)> = Vec::new();
    let mut seen: Vec<Seen> = Vec::new();
    for line in lines.iter().filter(|line| line.what == What::Approval) {
        match counts(policy, exception, line, now) {
            Ok(approver) => approvers.push(approver),
            Err(state) => {
                let who = match &line.signer {
                    Ok(signer) => Foreign::from(person(policy, &signer.by).name.as_str()),
                    Err(_) => line.claimed_by.clone(),
                };
                seen.push(Seen { who, line: line.line, state });
            }
        }
    }
    let Some(first) = approvers.iter().map(|(at, _)| *at).min() else {
        let own_request = seen.iter().any(|seen| seen.state == SeenState::OwnRequest);
        return if own_request {
            Standing::SelfApproved { seen }
        } else {
            Standing::Unapproved { seen }
        };
    };
    let approvers: Vec<Approver> = approvers.into_iter().map(|(_, approver)| approver).collect();
    let today = day_of(now);
    if now >= exception.end() {
        let days_ago = days_between(exception.expires, today);
        return Standing::Expired { days_ago, approvers };
    }
    let (latest, allowed) = latest_end(policy, exception.waives, first);
    if exception.expires > latest {
        return Standing::TooLong { latest, allowed, approvers };
    }
    Standing::InForce { approvers, days_left: days_between(today, exception.expires) }
}

/// Returns the last day that an exception approved at a moment may have, and the rule.
#[must_use]
pub fn latest_end(policy: &Policy, waives: Waives, approved: Timestamp) -> (Date, String) {
    let most = longest(policy, waives);
    let end = approved.saturating_add(most.duration()).unwrap_or(Timestamp::MAX);
    (day_of(end), most.to_string())
}

/// Returns the longest time that the policy allows.
pub(super) fn longest(policy: &Policy, waives: Waives) -> &Setting<Period> {
    let rules = &policy.config().exceptions;
    match waives {
        Waives::Findings | Waives::Freeze => &rules.max_duration,
        Waives::EveryGate => &rules.break_glass_max_duration,
    }
}

/// Says whether somebody may approve an exception, and if not, why.
///
/// # Errors
/// The reason.
pub fn may_approve(
    policy: &Policy,
    exception: &Exception,
    by: &PrincipalId,
    at: Timestamp,
    now: Timestamp,
) -> Result<(), SeenState> {
    let structure = policy.structure();
    let canonical = |id: &PrincipalId| {
        structure.by_email(id.as_str()).map_or_else(|| id.clone(), |found| found.id().clone())
    };
    let by = canonical(by);
    if by == canonical(&exception.requester) || by == canonical(&exception.owner) {
        return Err(SeenState::OwnRequest);
    }
    let is_security = |moment: Timestamp| {
        structure.holders(Role::SecurityEngineer, moment).any(|holder| *holder.id() == by)
    };
    if is_security(at) && is_security(now) { Ok(()) } else { Err(SeenState::NotSecurity) }
}

fn counts(
    policy: &Policy,
    exception: &Exception,
    line: &Verified,
    now: Timestamp,
) -> Result<(Timestamp, Approver), SeenState> {
    let Signer { by, at } = line.signer.as_ref().map_err(Clone::clone)?;
    if at.duration_since(now) > SKEW {
        return Err(SeenState::FromFuture);
    }
    may_approve(policy, exception, by, *at, now)?;
    Ok((*at, Approver { person: person(policy, by), at: at.to_string() }))
}

/// Returns somebody as messages name them.
#[must_use]
pub fn person(policy: &Policy, id: &PrincipalId) -> Person {
    let name = policy.structure().principal(id).map(|principal| principal.name().to_owned());
    Person { id: id.clone(), name: name.unwrap_or_else(|| id.to_string()) }
}

/// Returns who may approve exceptions, but for those who cannot approve this one.
#[must_use]
pub fn could_approve(policy: &Policy, exception: &Exception, now: Timestamp) -> Vec<Person> {
    policy
        .structure()
        .holders(Role::SecurityEngineer, now)
        .filter(|holder| may_approve(policy, exception, holder.id(), now, now).is_ok())
        .map(|holder| person(policy, holder.id()))
        .collect()
}
