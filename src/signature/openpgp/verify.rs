//! Judges one signature by Sequoia's standard policy, at every time that counts.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use sequoia_openpgp::cert::amalgamation::ValidAmalgamation as _;
use sequoia_openpgp::cert::amalgamation::ValidateAmalgamation as _;
use sequoia_openpgp::cert::amalgamation::key::ErasedKeyAmalgamation;
use sequoia_openpgp::packet::key::PublicParts;
use sequoia_openpgp::packet::{Packet, Signature};
use sequoia_openpgp::parse::Parse as _;
use sequoia_openpgp::policy::{HashAlgoSecurity, Policy as _, StandardPolicy};
use sequoia_openpgp::types::RevocationStatus;
use sequoia_openpgp::{self as openpgp, Cert, KeyHandle};

use super::certificates::Keys;
use super::packet::check_signature;
use crate::signature::key::KeyRef;
use crate::signature::problem::{
    CertificateProblem, Malformed, SignatureProblem, Unsupported, Validity, Weak, quoted,
};
use crate::signature::{Claim, Scheme, VerifiedSignature};

/// How far clocks may be apart.
///
/// The time inside a signature may be so much later than the server's, and
/// differ so much from the time that is claimed beside it.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// Verifies the packets of a detached signature.
pub(in crate::signature) fn verify(
    keys: &Keys,
    packets: &[u8],
    claim: &Claim<'_>,
) -> Result<VerifiedSignature, SignatureProblem> {
    check_signature(packets)?;
    let signature = match Packet::from_bytes(packets) {
        Ok(Packet::Signature(signature)) => signature,
        Ok(other) => {
            let found = format!("{} packet", other.tag());
            return Err(Unsupported::new("OpenPGP signature", found).into());
        }
        Err(error) => {
            let found = quoted(error.to_string().as_bytes());
            return Err(Malformed::new("OpenPGP signature", "a signature packet", found).into());
        }
    };
    let mut issuers = signature.get_issuers();
    let mut problem = None;
    for issuer in &issuers {
        for index in keys.by_handle.get(issuer.as_bytes()).into_iter().flatten() {
            let Some((certificate, listing)) = keys.certificates.get(*index) else { continue };
            let key = KeyRef::OpenPgp(certificate.fingerprint().as_bytes().into());
            let judged = judge(certificate, issuer, &signature, &key, claim)
                .and_then(|()| listing.permits(&key, claim));
            match judged {
                Ok(()) => {
                    return Ok(VerifiedSignature {
                        principal: listing.principal.clone(),
                        key,
                        authority: None,
                        scheme: Scheme::OpenPgp,
                        presence: None,
                        signed_at: None,
                    });
                }
                Err(error) => problem = problem.or(Some(error)),
            }
        }
    }
    // A fingerprint says more than a key id.
    issuers.sort_by_key(|issuer| matches!(issuer, KeyHandle::KeyID(_)));
    Err(match (problem, issuers.first()) {
        (Some(problem), _) => problem,
        (None, Some(issuer)) => {
            SignatureProblem::UnknownKey { key: KeyRef::OpenPgp(issuer.as_bytes().into()) }
        }
        (None, None) => Malformed::new("OpenPGP signature", "an issuer", "none").into(),
    })
}

/// Says whether a key of the certificate made the signature and may have done so.
fn judge(
    certificate: &Cert,
    issuer: &KeyHandle,
    signature: &Signature,
    key: &KeyRef,
    claim: &Claim<'_>,
) -> Result<(), SignatureProblem> {
    let policy = StandardPolicy::at(SystemTime::from(claim.now));
    accept(policy.signature(signature, HashAlgoSecurity::default()), key, None)?;
    let Some(signer) = certificate.keys().key_handle(issuer.clone()).next() else {
        return Err(SignatureProblem::UnknownKey { key: key.clone() });
    };
    if let Err(error) = signature.verify_message(signer.key(), claim.signed) {
        return Err(match error.downcast_ref() {
            Some(openpgp::Error::UnsupportedHashAlgorithm(hash)) => {
                Unsupported::new("hash algorithm of the signature", hash.to_string()).into()
            }
            Some(openpgp::Error::UnsupportedPublicKeyAlgorithm(algorithm)) => {
                Unsupported::new("public key type", algorithm.to_string()).into()
            }
            _ => SignatureProblem::Bad { key: key.clone() },
        });
    }
    let created = check_time(signature, key, claim)?;
    // Sequoia judges at the time inside the signature, which the signer chose:
    // a key that has expired since would be good for ever.
    for at in [created].into_iter().chain(claim.times()) {
        check_signer(&signer, &policy, key, at)?;
    }
    Ok(())
}

/// Returns the time inside the signature, which must be the claimed one and not
/// lie in the future, and before the end of the signature's own validity.
fn check_time(
    signature: &Signature,
    key: &KeyRef,
    claim: &Claim<'_>,
) -> Result<Timestamp, SignatureProblem> {
    let created = signature
        .signature_creation_time()
        .and_then(|time| Timestamp::try_from(time).ok())
        .ok_or_else(|| Malformed::new("hashed subpackets", "one creation time", "none"))?;
    let key = key.clone();
    let (of, at) = (Validity::Signature, claim.now);
    if created.duration_since(at) > SKEW.try_into().unwrap_or_default() {
        return Err(SignatureProblem::NotYetValid { key, of, from: created, at });
    }
    if let Some(made_at) = claim.made_at
        && created.duration_since(made_at).unsigned_abs() > SKEW
    {
        return Err(SignatureProblem::TimesDisagree { key, created, made_at });
    }
    let lifetime = signature.signature_validity_period().filter(|lifetime| !lifetime.is_zero());
    if let Some(until) = lifetime.and_then(|lifetime| created.checked_add(lifetime).ok())
        && at >= until
    {
        return Err(SignatureProblem::Expired { key, of, until, at });
    }
    Ok(created)
}

/// Makes sure that the certificate and the signing key in it are good at a time.
fn check_signer(
    signer: &ErasedKeyAmalgamation<'_, PublicParts>,
    policy: &StandardPolicy<'_>,
    key: &KeyRef,
    at: Timestamp,
) -> Result<(), SignatureProblem> {
    let valid = match signer.clone().with_policy(policy, SystemTime::from(at)) {
        Ok(valid) => valid,
        Err(error) => return accept(Err(error), key, None),
    };
    let certificate = valid.valid_cert();
    accept(certificate.alive(), key, Some((Validity::Certificate, at)))?;
    accept(valid.alive(), key, Some((Validity::Subkey, at)))?;
    refuse_revoked(&certificate.revocation_status(), key)?;
    refuse_revoked(&valid.revocation_status(), key)?;
    if !valid.for_signing() {
        let reason = CertificateProblem::NotForSigning("its key is not meant for signing".into());
        return Err(SignatureProblem::CertificateRefused { key: key.clone(), reason });
    }
    Ok(())
}

/// A revocation by a designated revoker counts although nobody can tell here
/// whether it is genuine: somebody put it into the trusted file.
fn refuse_revoked(status: &RevocationStatus<'_>, key: &KeyRef) -> Result<(), SignatureProblem> {
    let revocations = match status {
        RevocationStatus::NotAsFarAsWeKnow => return Ok(()),
        RevocationStatus::Revoked(revocations) | RevocationStatus::CouldBe(revocations) => {
            revocations
        }
    };
    let reason = revocations.iter().find_map(|revocation| revocation.reason_for_revocation());
    let reason = match reason {
        Some((code, text)) => format!("{code}, {}", quoted(text)),
        None => "no reason given".into(),
    };
    Err(SignatureProblem::Revoked { key: key.clone(), reason })
}

/// Turns what Sequoia's policy says into a problem with the key.
fn accept(
    result: openpgp::Result<()>,
    key: &KeyRef,
    judged: Option<(Validity, Timestamp)>,
) -> Result<(), SignatureProblem> {
    let Err(error) = result else { return Ok(()) };
    let key = key.clone();
    let time = |time: &SystemTime| Timestamp::try_from(*time).unwrap_or(Timestamp::MAX);
    Err(match (error.downcast_ref(), judged) {
        (Some(openpgp::Error::Expired(until)), Some((of, at))) => {
            SignatureProblem::Expired { key, of, until: time(until), at }
        }
        (Some(openpgp::Error::NotYetLive(from)), Some((of, at))) => {
            SignatureProblem::NotYetValid { key, of, from: time(from), at }
        }
        (Some(openpgp::Error::PolicyViolation(what, _)), _) => {
            let reason = format!("the OpenPGP policy refuses {}", quoted(what.as_bytes()));
            Weak::Policy(reason).into()
        }
        (_, _) => {
            let reason = quoted(format!("{error:#}").as_bytes());
            let reason = CertificateProblem::NotForSigning(reason);
            SignatureProblem::CertificateRefused { key, reason }
        }
    })
}
