//! The state of an exception in a word, for lists and reports.

use super::{Approver, Document, Standing, WARN_DAYS, Waives};
use crate::policy::Policy;

/// All states, those first that somebody has to do something about.
pub const STATES: [&str; 7] =
    ["requested", "self-approved", "too-long", "expiring", "approved", "expired", "revoked"];

/// Returns the state, and who has approved the exception.
#[must_use]
pub fn state(standing: &Standing) -> (&'static str, &[Approver]) {
    match standing {
        Standing::InForce { approvers, days_left } if *days_left <= WARN_DAYS => {
            ("expiring", approvers)
        }
        Standing::InForce { approvers, .. } => ("approved", approvers),
        Standing::Expired { approvers, .. } => ("expired", approvers),
        Standing::TooLong { approvers, .. } => ("too-long", approvers),
        Standing::Unapproved { .. } => ("requested", &[]),
        Standing::SelfApproved { .. } => ("self-approved", &[]),
        Standing::Revoked { .. } => ("revoked", &[]),
    }
}

/// Says whether it lets a push break the glass, and nobody who may has reviewed what came of that.
#[must_use]
pub fn is_review_owed(policy: &Policy, document: &Document, now: jiff::Timestamp) -> bool {
    let exception = &document.exception;
    let is_approved = !state(&document.standing).1.is_empty();
    exception.waives == Waives::EveryGate && is_approved && !document.is_reviewed(policy, now)
}
