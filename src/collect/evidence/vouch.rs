//! Who vouches for a statement.

use jiff::Timestamp;

use crate::collect::Scene;
use crate::evidence::attestation::Signers;
use crate::evidence::dsse::Envelope;
use crate::evidence::kind::Kind;
use crate::policy::Policy;
use crate::signature::{Claim, Encoded, KeyRing, Namespace, VerifiedSignature};

/// Whom to believe, and when.
#[derive(Clone, Copy)]
pub struct Judges<'s> {
    /// Rules and people.
    pub policy: &'s Policy,
    /// Their keys.
    pub keys: &'s KeyRing,
    /// The time of the push.
    pub now: Timestamp,
}

impl<'s> Judges<'s> {
    /// Takes what a push is judged by.
    #[must_use]
    pub fn of(scene: &Scene<'s, '_>) -> Self {
        Self { policy: scene.policy, keys: scene.keys, now: scene.now }
    }
}

/// Who vouches for a statement.
#[derive(Clone, Debug)]
pub struct Vouched {
    /// The principals.
    pub by: Signers,
    /// When the first of them had signed, where others than the signer have witnessed it.
    pub signed_at: Option<Timestamp>,
}

/// Returns the principals who vouch for an envelope with a good signature and may speak
/// for the kind: as many as the policy asks for, or more.
///
/// Every signature is looked at, whatever its `keyid` says. Principals are counted
/// and never keys; a bad signature beside good ones takes nothing away from them (DSSE protocol).
///
/// # Errors
/// Too few vouch for it; says what is wrong with the first other signature.
pub fn vouched(
    judges: &Judges<'_>,
    envelope: &Envelope,
    kind: &Kind,
    at: Option<Timestamp>,
) -> Result<Vouched, String> {
    let signed = envelope.signed_bytes();
    let mut first: Option<String> = None;
    let mut principals = Vec::new();
    let mut signed_at: Option<Timestamp> = None;
    for signature in &envelope.signatures {
        match signer(judges, &signed, signature, kind, at) {
            Ok(verified) => {
                principals.push(verified.principal().clone());
                signed_at = verified.signed_at().into_iter().chain(signed_at).min();
            }
            Err(why) => {
                first.get_or_insert(why);
            }
        }
    }
    let needed = usize::try_from(**judges.policy.config().signers(kind)).unwrap_or(usize::MAX);
    match Signers::of(principals) {
        Some(by) if by.count() >= needed => Ok(Vouched { by, signed_at }),
        Some(signers) => Err(format!(
            "{signers} alone vouches for it, and {needed} principals must sign evidence of {kind}"
        )),
        None => Err(first.unwrap_or_else(|| "nobody signed it".into())),
    }
}

fn signer(
    judges: &Judges<'_>,
    signed: &[u8],
    signature: &[u8],
    kind: &Kind,
    at: Option<Timestamp>,
) -> Result<VerifiedSignature, String> {
    let Judges { policy, keys, now } = *judges;
    let mut why = String::from("its signature is empty");
    for signature in Encoded::readings(signature) {
        let namespace = Namespace::Refgate;
        let claim = Claim { signature, signed, namespace, by: None, made_at: at, now };
        match keys.verify(&claim) {
            Ok(verified) => {
                let principal = policy.structure().principal(verified.principal());
                if principal.is_some_and(|principal| principal.may_attest(kind, now)) {
                    return Ok(verified);
                }
                return Err(format!("{} may not speak for {kind}", verified.principal()));
            }
            Err(problem) => why = problem.to_string(),
        }
    }
    Err(why)
}
