//! The scheme SSHSIG: signatures made with `ssh-keygen -Y sign` (PROTOCOL.sshsig).
//!
//! Comes in: the blob of a signature, from the push, and the keys that trusted
//! files list. Everything in the blob is a claim, its public key and its
//! certificate too, until the key or the certificate's authority is found listed.

mod certificate;
mod public_key;
mod sshsig;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use self::certificate::Certificate;
use self::public_key::{Check, PublicKey};
pub(super) use self::sshsig::MAGIC;
use self::sshsig::SshSig;
use super::key::{KeyRef, ssh_fingerprint};
use super::listing::{Line, Listing, any_permits};
use super::pattern::PatternList;
use super::problem::{CertificateProblem, KeyProblem, SignatureProblem, Validity, quoted};
use super::{Claim, Scheme, UserPresence, VerifiedSignature};
use crate::principal::PrincipalId;

/// The SSH keys of all principals, by fingerprint.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) plain: BTreeMap<[u8; 32], Listing>,
    pub(super) authorities: BTreeMap<[u8; 32], Vec<Authority>>,
    /// Whom a certificate can speak for.
    pub(super) known: BTreeSet<PrincipalId>,
    /// Whether a security key may sign without being touched.
    pub(super) untouched: bool,
}

/// A `cert-authority` line.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) principals: PatternList,
    pub(super) line: Line,
}

/// Says why a public key blob can prove nothing, or nothing if it can.
pub(super) fn check_key(blob: &[u8]) -> Result<(), KeyProblem> {
    PublicKey::parse(blob).map(drop)
}

/// Verifies a blob without armour.
pub(super) fn verify(
    keys: &Keys,
    blob: &[u8],
    claim: &Claim<'_>,
) -> Result<VerifiedSignature, SignatureProblem> {
    let sig = SshSig::parse(blob)?;
    if sig.namespace != claim.namespace.as_str().as_bytes() {
        return Err(SignatureProblem::WrongNamespace {
            expected: claim.namespace,
            found: quoted(sig.namespace),
        });
    }
    if Certificate::detect(sig.public_key) {
        verify_certified(keys, &sig, claim)
    } else {
        verify_plain(keys, &sig, claim)
    }
}

fn verify_plain(
    keys: &Keys,
    sig: &SshSig<'_>,
    claim: &Claim<'_>,
) -> Result<VerifiedSignature, SignatureProblem> {
    let public_key = PublicKey::parse(sig.public_key)?;
    let fingerprint = ssh_fingerprint(sig.public_key);
    let key = KeyRef::SshFingerprint(fingerprint);
    let Some(listing) = keys.plain.get(&fingerprint) else {
        return Err(SignatureProblem::UnknownKey { key });
    };
    let presence = keys.check(&public_key, &key, sig, claim)?;
    listing.permits(&key, claim)?;
    Ok(VerifiedSignature {
        principal: listing.principal.clone(),
        key,
        authority: None,
        scheme: Scheme::Ssh,
        presence,
        signed_at: None,
    })
}

fn verify_certified(
    keys: &Keys,
    sig: &SshSig<'_>,
    claim: &Claim<'_>,
) -> Result<VerifiedSignature, SignatureProblem> {
    let certificate = Certificate::parse(sig.public_key)?;
    let fingerprint = ssh_fingerprint(&certificate.key_blob);
    let key = KeyRef::SshFingerprint(fingerprint);
    let refused = |reason| SignatureProblem::CertificateRefused { key: key.clone(), reason };

    let authority_fingerprint = ssh_fingerprint(certificate.authority);
    let authority = KeyRef::SshFingerprint(authority_fingerprint);
    let Some(lines) = keys.authorities.get(&authority_fingerprint) else {
        return Err(refused(CertificateProblem::UnknownAuthority { authority }));
    };
    let (body, signature) = certificate.signed_by();
    match certificate.authority_key()?.check(body, signature)? {
        Check::Bad => return Err(refused(CertificateProblem::NotSigned { authority })),
        Check::Good(presence) => keys.check_touch(presence, &authority)?,
    }

    let presence = keys.check(&certificate.key, &key, sig, claim)?;
    certificate.check_purpose(presence.is_some_and(|p| p.verified)).map_err(refused)?;
    let principal = keys.speaks_for(&certificate, lines, claim).map_err(refused)?;
    check_time(&certificate, &key, claim)?;
    let permitting = lines.iter().filter(|l| l.principals.matches(principal.as_str()));
    any_permits(permitting.map(|l| &l.line), &key, claim)?;

    // The trusted files may say more about the same key; a certificate revives
    // no retired key, and gives nobody the key of somebody else.
    if let Some(listing) = keys.plain.get(&fingerprint) {
        if listing.principal != principal {
            let owner = listing.principal.clone();
            return Err(refused(CertificateProblem::KeyOfAnother { owner }));
        }
        listing.permits(&key, claim)?;
    }
    Ok(VerifiedSignature {
        principal,
        key,
        authority: Some(authority),
        scheme: Scheme::Ssh,
        presence,
        signed_at: None,
    })
}

impl Keys {
    /// Makes sure that the key signed the claimed bytes, and that a security key was touched.
    fn check(
        &self,
        public_key: &PublicKey<'_>,
        key: &KeyRef,
        sig: &SshSig<'_>,
        claim: &Claim<'_>,
    ) -> Result<Option<UserPresence>, SignatureProblem> {
        match public_key.check(&sig.signed_data(claim.signed), sig.signature)? {
            Check::Bad => Err(SignatureProblem::Bad { key: key.clone() }),
            Check::Good(presence) => self.check_touch(presence, key).map(|()| presence),
        }
    }

    /// Refuses a security key that was not touched, unless that is allowed.
    ///
    /// sshd(8) wants the touch by default; `ssh-keygen -Y verify` only logs
    /// the flags. A program on the user's machine can have any security key
    /// sign without a touch (CTAP2, option `up`), so refgate wants it too,
    /// whatever the extension `no-touch-required` of a certificate says.
    fn check_touch(
        &self,
        presence: Option<UserPresence>,
        key: &KeyRef,
    ) -> Result<(), SignatureProblem> {
        match presence {
            Some(presence) if !presence.present && !self.untouched => {
                Err(SignatureProblem::NotTouched { key: key.clone(), presence })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Returns the one known principal that the certificate names and its authority may name.
    ///
    /// A certificate that several known principals share is refused even if one
    /// of them is claimed: a key that two principals claim would have two votes.
    fn speaks_for(
        &self,
        certificate: &Certificate<'_>,
        lines: &[Authority],
        claim: &Claim<'_>,
    ) -> Result<PrincipalId, CertificateProblem> {
        let fits: BTreeSet<PrincipalId> = certificate
            .principals
            .iter()
            .filter_map(|name| str::from_utf8(name).ok())
            .filter_map(|name| PrincipalId::parse(name).filter(|id| id.as_str() == name))
            .filter(|id| self.known.contains(id))
            .filter(|id| lines.iter().any(|line| line.principals.matches(id.as_str())))
            .collect();
        if fits.len() > 1 {
            return Err(CertificateProblem::SharedByPrincipals(fits.into_iter().collect()));
        }
        fits.into_iter().find(|id| claim.by.is_none_or(|by| by == id)).ok_or_else(|| {
            CertificateProblem::PrincipalNotNamed {
                claimed: claim.by.cloned(),
                named: quoted(&certificate.principals.join(&b", "[..])),
            }
        })
    }
}

/// PROTOCOL.certkeys: valid after <= time < valid before.
fn check_time(
    certificate: &Certificate<'_>,
    key: &KeyRef,
    claim: &Claim<'_>,
) -> Result<(), SignatureProblem> {
    let (key, of) = (key.clone(), Validity::Certificate);
    for at in claim.times() {
        let second = i128::from(at.as_second());
        if second < i128::from(certificate.valid_after) {
            let from = timestamp(certificate.valid_after);
            return Err(SignatureProblem::NotYetValid { key, of, from, at });
        }
        if second >= i128::from(certificate.valid_before) {
            let until = timestamp(certificate.valid_before);
            return Err(SignatureProblem::Expired { key, of, until, at });
        }
    }
    Ok(())
}

/// Returns the time, or the last one that can be written for a message.
fn timestamp(seconds: u64) -> Timestamp {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or(Timestamp::MAX)
}
