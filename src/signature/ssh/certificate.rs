//! User certificates of OpenSSH (PROTOCOL.certkeys).

use super::public_key::{KeyType, PublicKey};
use super::wire::Reader;
use crate::signature::problem::{
    CertificateProblem, KeyProblem, Malformed, SignatureProblem, Unsupported, quoted,
};

/// The fields of a certificate; nothing is verified yet.
#[derive(Clone, Debug)]
pub(super) struct Certificate<'a> {
    /// The key that the certificate is about.
    pub(super) key: PublicKey<'a>,
    /// The same as a blob of its own, which is what fingerprints are taken of.
    pub(super) key_blob: Vec<u8>,
    cert_type: u32,
    pub(super) principals: Vec<&'a [u8]>,
    /// Seconds since 1970: `valid_after <= time < valid_before`.
    pub(super) valid_after: u64,
    pub(super) valid_before: u64,
    critical_options: Vec<&'a [u8]>,
    /// The key that signed the certificate, which is never a certificate itself.
    pub(super) authority: &'a [u8],
    /// What the authority signed.
    signed: &'a [u8],
    signature: &'a [u8],
}

/// As many principals as OpenSSH reads (`SSHKEY_CERT_MAX_PRINCIPALS`).
const MAX_PRINCIPALS: usize = 256;

impl<'a> Certificate<'a> {
    /// Says whether a public key blob is a certificate, by its type.
    pub(super) fn detect(blob: &[u8]) -> bool {
        Reader::new(blob)
            .string("public key type")
            .is_ok_and(|name| name.ends_with(b"-cert-v01@openssh.com"))
    }

    /// Reads a whole certificate blob.
    pub(super) fn parse(blob: &'a [u8]) -> Result<Self, SignatureProblem> {
        let mut reader = Reader::new(blob);
        let name = reader.string("public key type")?;
        let key_type = KeyType::parse_certified(name)
            .ok_or_else(|| Unsupported::new("public key type", quoted(name)))?;
        reader.string("nonce")?;
        let material = reader.rest();
        let key = PublicKey::read(key_type, &mut reader)?;
        let material_len = material.len() - reader.rest().len();
        let key_blob = plain_blob(key_type, material.get(..material_len).unwrap_or_default());
        reader.uint64("serial")?;
        let cert_type = reader.uint32("certificate type")?;
        reader.string("key id")?;
        let principals = strings(reader.string("valid principals")?, "valid principals")?;
        let valid_after = reader.uint64("valid after")?;
        let valid_before = reader.uint64("valid before")?;
        let critical_options = options(reader.string("critical options")?, "critical options")?;
        options(reader.string("extensions")?, "extensions")?;
        let reserved = reader.string("reserved")?;
        if !reserved.is_empty() {
            let found = format!("{} bytes", reserved.len());
            return Err(Malformed::new("reserved", "nothing", found).into());
        }
        let authority = reader.string("signature key")?;
        let signed = blob.get(..blob.len() - reader.rest().len()).unwrap_or_default();
        let signature = reader.string("certificate signature")?;
        reader.end("certificate")?;
        Ok(Self {
            key,
            key_blob,
            cert_type,
            principals,
            valid_after,
            valid_before,
            critical_options,
            authority,
            signed,
            signature,
        })
    }

    /// Returns the authority's key, with which [`Self::signed_by`] verifies.
    pub(super) fn authority_key(&self) -> Result<PublicKey<'a>, KeyProblem> {
        PublicKey::parse(self.authority)
    }

    /// Returns what the authority signed, and its signature.
    pub(super) fn signed_by(&self) -> (&'a [u8], &'a [u8]) {
        (self.signed, self.signature)
    }

    /// Refuses what can never sign for a principal, whoever it is.
    ///
    /// `force-command` and `source-address` limit logins in ways that a
    /// signature cannot show, so certificates with them are refused, like any
    /// unknown critical option; ssh-keygen(1) looks at none of them.
    pub(super) fn check_purpose(&self, user_verified: bool) -> Result<(), CertificateProblem> {
        const USER: u32 = 1;
        if self.cert_type != USER {
            return Err(CertificateProblem::NotForUsers);
        }
        for option in &self.critical_options {
            match *option {
                b"verify-required" if user_verified => {}
                b"verify-required" => return Err(CertificateProblem::UserNotVerified),
                other => return Err(CertificateProblem::CriticalOption(quoted(other))),
            }
        }
        if self.principals.is_empty() {
            return Err(CertificateProblem::NoPrincipals);
        }
        Ok(())
    }
}

/// Returns the blob of the plain key with the same material.
fn plain_blob(key_type: KeyType, material: &[u8]) -> Vec<u8> {
    let name = key_type.name().as_bytes();
    let len = u32::try_from(name.len()).expect("because names of key types are short");
    [&len.to_be_bytes()[..], name, material].concat()
}

fn strings<'a>(list: &'a [u8], part: &'static str) -> Result<Vec<&'a [u8]>, Malformed> {
    let mut reader = Reader::new(list);
    let mut strings = Vec::new();
    while !reader.rest().is_empty() {
        if strings.len() == MAX_PRINCIPALS {
            return Err(Malformed::new(part, "at most 256", "more"));
        }
        strings.push(reader.string(part)?);
    }
    Ok(strings)
}

/// Reads pairs of name and data, and returns the names.
fn options<'a>(list: &'a [u8], part: &'static str) -> Result<Vec<&'a [u8]>, Malformed> {
    let mut reader = Reader::new(list);
    let mut names = Vec::new();
    while !reader.rest().is_empty() {
        names.push(reader.string(part)?);
        reader.string(part)?;
    }
    Ok(names)
}
