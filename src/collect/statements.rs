//! Approvals and objections: found in trailers and notes, and verified.

use super::Scene;
use crate::evidence::approval::{
    ApprovalError, ChangeDigest, Decision, SignatureForm, SignedStatement,
};
use crate::evidence::change::{Binding, Place, StatementFact, StatementState, Verified};
use crate::refname::RefName;
use crate::report::text::Foreign;
use crate::signature::{Claim, Encoded, Namespace};

/// A statement that was found, before it is known what change it is held against.
#[derive(Clone)]
pub struct Found {
    /// Where it was found.
    pub place: Place,
    /// Who it says it is from.
    pub claimed_by: Foreign,
    /// What was read.
    pub read: Result<SignedStatement, ApprovalError>,
}

/// Verifies a statement about a ref and a change; `bind` says how what was
/// approved relates to what lands, and is asked only about statements whose signature counts.
pub fn verify(
    scene: &Scene<'_, '_>,
    ref_name: &RefName,
    found: &Found,
    bind: impl FnOnce(&SignedStatement) -> Result<Binding, super::Stop>,
) -> Result<StatementFact, super::Stop> {
    let fact = |decision, state| StatementFact {
        place: found.place.clone(),
        claimed_by: found.claimed_by.clone(),
        decision,
        state,
    };
    let signed = match &found.read {
        Ok(signed) => signed,
        Err(ApprovalError::Unsigned) => {
            return Ok(fact(Decision::Approval, StatementState::Unsigned));
        }
        Err(ApprovalError::Malformed(why)) => {
            return Ok(fact(Decision::Approval, StatementState::Malformed(why.clone())));
        }
    };
    let statement = &signed.statement;
    let repository = scene.policy.config().repository.as_str();
    let payload = statement.payload(repository, ref_name);
    let state = match check(scene, signed, &payload) {
        Err(why) => StatementState::Refused(why),
        Ok((key, touched)) => StatementState::Verified(Verified {
            by: statement.by.clone(),
            key,
            roles: statement.roles.clone(),
            at: statement.at,
            until: statement.until,
            reason: statement.reason.clone(),
            touched,
            binding: bind(signed)?,
        }),
    };
    Ok(fact(statement.decision, state))
}

/// Checks the signature of a statement; returns the key and whether it was touched, if it is a security key.
///
/// # Errors
/// Says why the signature does not count.
pub(super) fn check(
    scene: &Scene<'_, '_>,
    signed: &SignedStatement,
    payload: &[u8],
) -> Result<(String, Option<bool>), String> {
    let signature = match signed.form {
        SignatureForm::Ssh => Encoded::Ssh(&signed.signature),
        SignatureForm::OpenPgp => Encoded::OpenPgp(&signed.signature),
    };
    let statement = &signed.statement;
    let claim = Claim {
        signature,
        signed: payload,
        namespace: Namespace::Refgate,
        by: Some(&statement.by),
        made_at: Some(statement.at),
        now: scene.now,
    };
    let verified = scene.keys.verify(&claim).map_err(|problem| problem.to_string())?;
    Ok((verified.key().to_string(), verified.user_presence().map(|presence| presence.present)))
}

/// Returns how a statement about exactly this digest relates to a change.
#[must_use]
pub fn same_change(statement: &SignedStatement, change: ChangeDigest) -> bool {
    statement.statement.change == change
}
