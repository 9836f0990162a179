//! What a bundle proves, and whose row it counts for.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use sigstore_verify::crypto::{SubjectAltName, parse_certificate_info};
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::bundle::VerificationMaterialContent;
use sigstore_verify::types::{Bundle, DsseEnvelope, Sha256Hash, SignatureContent, Statement};
use sigstore_verify::{IdentityMatcher, VerificationPolicy, VerificationResult, Verifier};

use super::{Keys, provider};
use crate::error::Diagnostic;
use crate::signature::key::{KeyRef, SigstoreIdentity};
use crate::signature::problem::{Malformed, SignatureProblem, Unsupported, Validity, quoted};
use crate::signature::{Claim, Scheme, VerifiedSignature};

/// The most certificates, log entries and timestamps of each kind: every one costs a verification or more.
const MAX_MATERIAL: usize = 8;

/// The most hashes in a proof of inclusion: the logarithm of the largest log.
const MAX_PROOF: usize = 64;

/// How far apart the clocks of signer, log and server may be.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The authorities and logs that are trusted: a Sigstore `TrustedRoot`.
pub(in crate::signature) struct Root(Verifier);

impl Root {
    /// Reads a trusted root as `cosign trusted-root create` and TUF clients write it.
    pub(in crate::signature) fn read(file: &str, bytes: &[u8]) -> Result<Self, Diagnostic> {
        let fault = |message: String| {
            Diagnostic::new(file, 0, message)
                .help("cosign trusted-root create --with-default-services --out meta/sigstore/trusted_root.json")
        };
        provider::install();
        let text = str::from_utf8(bytes)
            .map_err(|error| fault(format!("it is not UTF-8 at offset {}", error.valid_up_to())))?;
        let root = TrustedRoot::from_json(text)
            .map_err(|error| fault(format!("it is no trusted root: {}", plain(&error))))?;
        let lists = [
            ("certificateAuthorities", root.certificate_authorities.is_empty()),
            ("ctlogs", root.ctlogs.is_empty()),
            ("tlogs", root.tlogs.is_empty()),
        ];
        if let Some((list, _)) = lists.into_iter().find(|(_, is_empty)| *is_empty) {
            return Err(fault(format!("{list} is empty, so no bundle could be verified")));
        }
        Verifier::new(&root)
            .map(Self)
            .map_err(|error| fault(format!("a key or certificate in it is bad: {}", plain(&error))))
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Root").finish_non_exhaustive()
    }
}

/// Verifies a bundle for the row that lists the identity in its certificate.
pub(in crate::signature) fn verify(
    keys: &Keys,
    bundle: &[u8],
    claim: &Claim<'_>,
) -> Result<VerifiedSignature, SignatureProblem> {
    let malformed = |expected, found| Malformed::new("Sigstore bundle", expected, found);
    let Some(Root(verifier)) = &keys.root else {
        let found = "a Sigstore bundle, and there is no meta/sigstore/trusted_root.json";
        return Err(Unsupported::new("signature scheme", found).into());
    };
    let text = str::from_utf8(bundle)
        .map_err(|error| malformed("UTF-8", format!("others at {}", error.valid_up_to())))?;
    let bundle = Bundle::from_json(text)
        .map_err(|error| malformed("a bundle of version 0.1 to 0.3", plain(&error)))?;
    let SignatureContent::DsseEnvelope(envelope) = &bundle.content else {
        return Err(Unsupported::new("Sigstore bundle", "a signature without a statement").into());
    };
    // What is judged was read by another reader than the one that verifies.
    if envelope.pae() != claim.signed {
        return Err(malformed("the statement that is judged", "another".into()).into());
    }
    bounded(&bundle)?;
    let identity = identity(&bundle)?;
    let key = KeyRef::Sigstore(identity.clone());
    let Some(listing) = keys.listings.get(&identity) else {
        return Err(SignatureProblem::UnknownKey { key });
    };
    let refused = |reason: String| SignatureProblem::BundleRefused { key: key.clone(), reason };
    let matcher = match identity.is_uri() {
        true => IdentityMatcher::Uri(identity.identity().into()),
        false => IdentityMatcher::Email(identity.identity().into()),
    };
    let policy = VerificationPolicy::new(matcher, identity.issuer());
    let verified = verifier
        .verify(subject(envelope).map_err(refused)?, &bundle, &policy)
        .map_err(|error| refused(plain(&error)))?;
    let Some(signed_at) = signed_at(&verified) else {
        return Err(refused("it was not verified in full".into()));
    };
    for at in verified.verified_timestamps() {
        let (at, key) = (*at, key.clone());
        if at.duration_since(claim.now) > SKEW {
            let of = Validity::Signature;
            return Err(SignatureProblem::NotYetValid { key, of, from: at, at: claim.now });
        }
        listing.permits(&key, &Claim { made_at: Some(at), ..*claim })?;
    }
    if let Some(made_at) = claim.made_at
        && made_at.duration_since(signed_at) > SKEW
    {
        return Err(refused(format!("it was signed at {signed_at}, before {made_at} as claimed")));
    }
    listing.permits(&key, claim)?;
    Ok(VerifiedSignature {
        principal: listing.principal.clone(),
        key,
        authority: None,
        scheme: Scheme::Sigstore,
        presence: None,
        signed_at: Some(signed_at),
    })
}

/// Returns the first time at which the signature was there, if everything was looked at and is good.
fn signed_at(verified: &VerificationResult) -> Option<Timestamp> {
    let complete = verified.certificate_verified()
        && verified.sct_verified()
        && verified.tlog_verified()
        && verified.identity_policy_checked();
    verified.verified_timestamps().iter().min().copied().filter(|_| complete)
}

/// Makes sure that there is something to verify in each list, and not more than one would ever need.
fn bounded(bundle: &Bundle) -> Result<(), SignatureProblem> {
    let material = &bundle.verification_material;
    let wrong = |part, expected, found: String| Err(Malformed::new(part, expected, found).into());
    let entries = &material.tlog_entries;
    if entries.is_empty() || entries.len() > MAX_MATERIAL {
        return wrong("tlogEntries", "1 to 8 entries", entries.len().to_string());
    }
    for entry in entries {
        match &entry.inclusion_proof {
            Some(proof) if proof.hashes.len() <= MAX_PROOF => {}
            Some(proof) => {
                return wrong("hashes", "at most 64", proof.hashes.len().to_string());
            }
            None => return wrong("inclusionProof", "a proof in each log entry", "none".into()),
        }
    }
    let timestamps = material.timestamp_verification_data.rfc3161_timestamps.len();
    if timestamps > MAX_MATERIAL {
        return wrong("rfc3161Timestamps", "at most 8", timestamps.to_string());
    }
    if let VerificationMaterialContent::X509CertificateChain { certificates } = &material.content
        && certificates.len() > MAX_MATERIAL
    {
        return wrong("certificates", "at most 8", certificates.len().to_string());
    }
    Ok(())
}

/// Returns who the certificate says has signed; nothing of it is verified.
fn identity(bundle: &Bundle) -> Result<SigstoreIdentity, SignatureProblem> {
    let wrong = |expected, found| Malformed::new("certificate", expected, found);
    let Some(certificate) = bundle.signing_certificate() else {
        return Err(Unsupported::new("Sigstore bundle", "a key without a certificate").into());
    };
    let info = parse_certificate_info(certificate)
        .map_err(|error| wrong("X.509 with one key", plain(&error)))?;
    let (Some(name), Some(issuer)) = (info.identity, info.issuer) else {
        return Err(wrong("an identity and its issuer", "none".into()).into());
    };
    let found = || quoted(format!("{issuer} {name}").as_bytes());
    SigstoreIdentity::new(&issuer, name.as_str())
        .filter(|identity| identity.is_uri() == matches!(name, SubjectAltName::Uri(_)))
        .ok_or_else(|| wrong("an https issuer, and an address or URI", found()).into())
}

/// Returns a digest that the statement speaks of itself: a bundle is verified before it is known which
/// commits it might be about, and which of them it is about is looked at for each afterwards.
fn subject(envelope: &DsseEnvelope) -> Result<Sha256Hash, String> {
    let statement: Statement =
        serde_json::from_slice(envelope.payload.as_bytes()).map_err(|error| plain(&error))?;
    let mut digests = statement.subject.iter().filter_map(|subject| subject.digest.sha256);
    digests.next().ok_or_else(|| {
        "none of its subjects has a sha256, which Sigstore asks for beside a gitCommit".into()
    })
}

/// Returns what an error says, escaped: it may repeat what is in the bundle.
fn plain(error: &impl fmt::Display) -> String {
    quoted(error.to_string().as_bytes()).trim_matches('"').into()
}
