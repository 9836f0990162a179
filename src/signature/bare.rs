//! Bare signatures: the value that an algorithm gives, made by a key in PEM.
//!
//! This is what in-toto tools outside of git put into envelopes (DSSE): raw
//! Ed25519, ECDSA in DER, RSA with either padding. Such a value names neither its key nor its
//! purpose, so it counts only by a key for which a trusted `.pem` file exists, and only
//! envelopes are looked at, whose first bytes say what they are.
//!
//! A key is a key, however it is written down: a row of `meta/STRUCTURE.md` lists
//! it by the fingerprint of its SSH form, and the window of that row holds here too.

use std::collections::BTreeMap;

use p521::ecdsa::signature::Verifier as _;
use ring::signature::{self as algorithm, UnparsedPublicKey, VerificationAlgorithm};
use spki::der::asn1::UintRef;
use spki::der::{self, Decode as _, Reader as _};
use spki::{Document, ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::key::{KeyRef, format_ssh_fingerprint, ssh_fingerprint};
use super::listing::Listing;
use super::problem::{Malformed, SignatureProblem, quoted};
use super::{Claim, Scheme, VerifiedSignature, ssh};
use crate::error::Diagnostic;

/// The most keys in PEM: each is tried on each bare signature.
const MAX_KEYS: usize = 64;

/// The keys in PEM, by the fingerprint of their SSH form.
#[derive(Debug, Default)]
pub(super) struct Keys(BTreeMap<[u8; 32], Key>);

#[derive(Debug)]
struct Key {
    file: String,
    algorithm: Algorithm,
    /// As ring takes it: a point, or an RSAPublicKey (RFC 8017 appendix A.1.1).
    public: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Ed25519,
    P256,
    P384,
    P521,
    Rsa,
}

/// RFC 8410 §3.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// RFC 5480 §2.1.1, and the curves that it names.
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const CURVES: [(ObjectIdentifier, Algorithm, &str); 3] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), Algorithm::P256, "nistp256"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), Algorithm::P384, "nistp384"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), Algorithm::P521, "nistp521"),
];
/// RFC 8017 appendix C.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Both paddings with the digests that in-toto tools use.
static RSA_ALGORITHMS: [&dyn VerificationAlgorithm; 6] = [
    &algorithm::RSA_PSS_2048_8192_SHA256,
    &algorithm::RSA_PKCS1_2048_8192_SHA256,
    &algorithm::RSA_PSS_2048_8192_SHA384,
    &algorithm::RSA_PKCS1_2048_8192_SHA384,
    &algorithm::RSA_PSS_2048_8192_SHA512,
    &algorithm::RSA_PKCS1_2048_8192_SHA512,
];

/// Verifies a bare value with every key that could have made it.
pub(super) fn verify(
    keys: &Keys,
    listings: &BTreeMap<[u8; 32], Listing>,
    value: &[u8],
    claim: &Claim<'_>,
) -> Result<VerifiedSignature, SignatureProblem> {
    let made = keys.0.iter().find(|(_, key)| key.made(value, claim.signed));
    let unknown = || SignatureProblem::NoKeyFits { keys: keys.0.len() };
    let (fingerprint, _) = made.ok_or_else(unknown)?;
    let listing = listings.get(fingerprint).ok_or_else(unknown)?;
    let key = KeyRef::SshFingerprint(*fingerprint);
    listing.permits(&key, claim)?;
    Ok(VerifiedSignature {
        principal: listing.principal.clone(),
        key,
        authority: None,
        scheme: Scheme::Bare,
        presence: None,
        signed_at: None,
    })
}

impl Keys {
    /// Reads a file that holds one public key.
    pub(super) fn read(&mut self, file: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
        let (ssh_blob, key) = parse(file, bytes).map_err(|fault| {
            Diagnostic::new(file, 0, fault.to_string())
                .help("write one public key, as openssl pkey -pubout does")
        })?;
        if let Err(problem) = ssh::check_key(&ssh_blob) {
            return Err(Diagnostic::new(file, 0, problem.to_string()));
        }
        let fingerprint = ssh_fingerprint(&ssh_blob);
        if let Some(other) = self.0.insert(fingerprint, key) {
            let message = format!("it holds the same key as {}", other.file);
            return Err(Diagnostic::new(file, 0, message).help("keep one of the files"));
        }
        if self.0.len() > MAX_KEYS {
            let message = format!("there are more than {MAX_KEYS} keys in PEM");
            return Err(Diagnostic::new(file, 0, message).help("remove those that sign no more"));
        }
        Ok(())
    }

    /// Returns a fault for each key that no row lists, so that a key cannot lie there unnoticed.
    pub(super) fn unlisted(&self, listings: &BTreeMap<[u8; 32], Listing>) -> Vec<Diagnostic> {
        let unlisted =
            self.0.iter().filter(|(fingerprint, _)| !listings.contains_key(*fingerprint));
        let fault = |(fingerprint, key): (&[u8; 32], &Key)| {
            let fingerprint = format_ssh_fingerprint(fingerprint);
            Diagnostic::new(key.file.as_str(), 0, format!("no row lists its key {fingerprint}"))
                .help(format!("write `{fingerprint}` into the Keys cell of its owner"))
        };
        unlisted.map(fault).collect()
    }
}

impl Key {
    fn made(&self, value: &[u8], signed: &[u8]) -> bool {
        let verifies = |algorithm: &'static dyn VerificationAlgorithm| {
            UnparsedPublicKey::new(algorithm, &self.public).verify(signed, value).is_ok()
        };
        match self.algorithm {
            Algorithm::Ed25519 => value.len() == 64 && verifies(&algorithm::ED25519),
            Algorithm::P256 => verifies(&algorithm::ECDSA_P256_SHA256_ASN1),
            Algorithm::P384 => verifies(&algorithm::ECDSA_P384_SHA384_ASN1),
            Algorithm::P521 => {
                let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(&self.public);
                let value = p521::ecdsa::Signature::from_der(value);
                matches!((key, value), (Ok(key), Ok(value)) if key.verify(signed, &value).is_ok())
            }
            // An RSA signature is as long as the modulus, so all others cost nothing.
            Algorithm::Rsa => {
                (256..=1024).contains(&value.len()) && RSA_ALGORITHMS.into_iter().any(verifies)
            }
        }
    }
}

/// Returns the fingerprint by which a row lists a public key in PEM: that of its SSH form.
///
/// # Errors
/// It is no public key that refgate knows.
pub fn pem_fingerprint(pem: &str) -> Result<String, String> {
    let (blob, _) = parse("the key", pem.as_bytes()).map_err(|why| why.to_string())?;
    Ok(format_ssh_fingerprint(&ssh_fingerprint(&blob)))
}

/// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1) in PEM (RFC 7468 §13) and returns its SSH form too.
fn parse(file: &str, bytes: &[u8]) -> Result<(Vec<u8>, Key), Malformed> {
    let malformed = |part, expected, found: String| Malformed::new(part, expected, found);
    let text =
        str::from_utf8(bytes).map_err(|error| malformed("file", "text", error.to_string()))?;
    let (label, document) = Document::from_pem(text.trim_ascii())
        .map_err(|error| malformed("PEM", "one public key", error.to_string()))?;
    if label != "PUBLIC KEY" {
        return Err(malformed("PEM label", "PUBLIC KEY", quoted(label.as_bytes())));
    }
    let broken = |error: der::Error| malformed("public key", "DER", error.to_string());
    let info = SubjectPublicKeyInfoRef::from_der(document.as_bytes()).map_err(broken)?;
    let public = info
        .subject_public_key
        .as_bytes()
        .ok_or_else(|| malformed("public key", "whole bytes", "a bit string with a rest".into()))?;
    let unknown = |id: ObjectIdentifier| {
        malformed("algorithm", "Ed25519, ECDSA P-256, P-384 or P-521, or RSA", id.to_string())
    };
    let (algorithm, ssh_blob) = match info.algorithm.oid {
        ED25519 => (Algorithm::Ed25519, fields(&[b"ssh-ed25519", public])),
        EC => {
            let curve = info.algorithm.parameters_oid().map_err(|_| unknown(EC))?;
            let (_, algorithm, name) =
                CURVES.iter().find(|(id, ..)| *id == curve).ok_or_else(|| unknown(curve))?;
            let key_type = format!("ecdsa-sha2-{name}");
            (*algorithm, fields(&[key_type.as_bytes(), name.as_bytes(), public]))
        }
        RSA => {
            let (modulus, exponent) = rsa_numbers(public).map_err(broken)?;
            (Algorithm::Rsa, fields(&[b"ssh-rsa", &mpint(exponent), &mpint(modulus)]))
        }
        other => return Err(unknown(other)),
    };
    Ok((ssh_blob, Key { file: file.into(), algorithm, public: public.into() }))
}

fn rsa_numbers(public: &[u8]) -> der::Result<(&[u8], &[u8])> {
    let mut reader = der::SliceReader::new(public)?;
    let numbers = reader.sequence(|reader| {
        let modulus: UintRef<'_> = reader.decode()?;
        let exponent: UintRef<'_> = reader.decode()?;
        Ok((modulus.as_bytes(), exponent.as_bytes()))
    })?;
    reader.finish(numbers)
}

/// RFC 4251 §5: a positive number whose highest bit is set begins with a zero byte.
fn mpint(number: &[u8]) -> Vec<u8> {
    let sign = number.first().is_some_and(|byte| byte & 0x80 != 0);
    sign.then_some(0).into_iter().chain(number.iter().copied()).collect()
}

/// RFC 4251 §5, `string`, one after the other.
fn fields(fields: &[&[u8]]) -> Vec<u8> {
    let mut blob = Vec::new();
    for field in fields {
        blob.extend(u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        blob.extend_from_slice(field);
    }
    blob
}
