//! The certificates of `meta/keyring`, each read once.

use std::collections::BTreeMap;

use sequoia_openpgp::cert::{Cert, CertParser};
use sequoia_openpgp::crypto::mpi;
use sequoia_openpgp::parse::Parse as _;

use super::missing_certificate;
use super::packet::{self, kind};
use crate::error::Diagnostic;
use crate::signature::armour::dearmor_certificates;
use crate::signature::ed25519::proves_nothing;
use crate::signature::key::KeyRef;
use crate::signature::listing::Listing;
use crate::signature::problem::{Weak, quoted};

/// The certificates of all files, by primary fingerprint.
#[derive(Debug, Default)]
pub(in crate::signature) struct Certificates(BTreeMap<Vec<u8>, (String, Cert)>);

/// The listed certificates, and where to find them.
#[derive(Debug)]
pub(in crate::signature) struct Keys {
    pub(super) certificates: Vec<(Cert, Listing)>,
    /// Fingerprints and key ids of all keys in the certificates, and whose they are.
    pub(super) by_handle: BTreeMap<Vec<u8>, Vec<usize>>,
}

/// Packets of one certificate. Sequoia tries each signature that fits nowhere on
/// all components, so that its work can grow with the square of their number.
const MAX_PACKETS: usize = 256;

impl Certificates {
    /// Reads one file: certificates in armour, or binary.
    ///
    /// # Errors
    /// Everything in the file that is not a public certificate.
    pub(in crate::signature) fn read(
        &mut self,
        file: &str,
        bytes: &[u8],
    ) -> Result<(), Vec<Diagnostic>> {
        let fault = |line, message: String| vec![Diagnostic::new(file, line, message)];
        let armoured = bytes.first().is_none_or(u8::is_ascii);
        let dearmored = match armoured {
            true => Some(
                dearmor_certificates(bytes).map_err(|e| fault(e.line, e.on_line(0).to_string()))?,
            ),
            false => None,
        };
        let packets = dearmored.as_deref().unwrap_or(bytes);
        check_packets(packets).map_err(|message| fault(0, message))?;
        let parser = CertParser::from_bytes(packets).map_err(|e| fault(0, parse_error(&e)))?;
        for certificate in parser {
            let certificate = certificate.map_err(|e| fault(0, parse_error(&e)))?;
            check_strength(&certificate).map_err(|message| fault(0, message))?;
            self.insert(file, certificate).map_err(|message| fault(0, message))?;
        }
        Ok(())
    }

    /// Keeps one certificate per fingerprint: copies are merged, so that a
    /// revocation in one of them counts.
    fn insert(&mut self, file: &str, certificate: Cert) -> Result<(), String> {
        let fingerprint = certificate.fingerprint().as_bytes().to_vec();
        let merged = match self.0.remove(&fingerprint) {
            Some((_, other)) => other.merge_public(certificate).map_err(|e| parse_error(&e))?,
            None => certificate,
        };
        self.0.insert(fingerprint, (file.into(), merged));
        Ok(())
    }

    /// Joins listed fingerprints and certificates.
    ///
    /// # Errors
    /// A fingerprint without a certificate, and a key that is in the certificates of two principals.
    pub(in crate::signature) fn into_keys(
        mut self,
        listings: BTreeMap<Vec<u8>, Listing>,
    ) -> Result<Keys, Vec<Diagnostic>> {
        let mut faults = Vec::new();
        let mut owners = BTreeMap::new();
        let mut keys = Keys { certificates: Vec::new(), by_handle: BTreeMap::new() };
        for (fingerprint, listing) in listings {
            let Some((file, certificate)) = self.0.remove(&fingerprint) else {
                faults.push(missing_certificate(&fingerprint, &listing));
                continue;
            };
            for key in certificate.keys().map(|key| key.key().clone()) {
                let (fingerprint, id) = (key.fingerprint(), key.keyid());
                let owner = listing.principal.clone();
                if let Some(other) = owners.insert(fingerprint.as_bytes().to_vec(), owner)
                    && other != listing.principal
                {
                    let message = format!(
                        "the key {fingerprint} is in the certificates of both {other} and {}",
                        listing.principal
                    );
                    faults.push(Diagnostic::new(file.as_str(), 0, message));
                }
                let index = keys.certificates.len();
                for handle in [fingerprint.as_bytes(), id.as_bytes()] {
                    keys.by_handle.entry(handle.to_vec()).or_default().push(index);
                }
            }
            keys.certificates.push((certificate, listing));
        }
        if faults.is_empty() { Ok(keys) } else { Err(faults) }
    }
}

/// Makes sure that a file holds nothing but public certificates.
fn check_packets(bytes: &[u8]) -> Result<(), String> {
    let mut count = 0;
    for packet in packet::packets(bytes) {
        count += 1;
        match packet.map_err(|e| e.to_string())?.kind {
            kind::SECRET_KEY | kind::SECRET_SUBKEY => {
                let message = "a secret key: remove it, and replace the key, which is public now";
                return Err(message.into());
            }
            kind::PUBLIC_KEY => count = 1,
            other if count == 1 => {
                return Err(format!("expected a certificate, found OpenPGP packet type {other}"));
            }
            kind::SIGNATURE
            | kind::TRUST
            | kind::USER_ID
            | kind::PUBLIC_SUBKEY
            | kind::USER_ATTRIBUTE => {}
            other => {
                return Err(format!("OpenPGP packet type {other} is no part of a certificate"));
            }
        }
        if count > MAX_PACKETS {
            return Err(format!(
                "a certificate of more than {MAX_PACKETS} OpenPGP packets: \
                 export it with gpg --export-options export-minimal"
            ));
        }
    }
    if count == 0 { Err("expected a certificate, found an empty file".into()) } else { Ok(()) }
}

/// Refuses keys that can prove nothing; what is merely old is left to the policy.
fn check_strength(certificate: &Cert) -> Result<(), String> {
    for key in certificate.keys().map(|key| key.key().clone()) {
        if let mpi::PublicKey::RSA { n, .. } = key.mpis()
            && key.pk_algo().for_signing()
            && n.bits() < 2048
        {
            return Err(refused(&key.fingerprint(), &Weak::RsaModulus { bits: n.bits() }));
        }
        let point = if let mpi::PublicKey::EdDSA { q, .. } = key.mpis() {
            // RFC 9580 §11.2.1: 0x40, then the point as Ed25519 encodes it.
            q.value().strip_prefix(&[0x40]).and_then(|point| point.try_into().ok())
        } else if let mpi::PublicKey::Ed25519 { a } = key.mpis() {
            Some(*a)
        } else {
            None
        };
        if point.is_some_and(|point| proves_nothing(&point)) {
            return Err(refused(&key.fingerprint(), &Weak::SmallOrder));
        }
    }
    Ok(())
}

fn refused(fingerprint: &sequoia_openpgp::Fingerprint, weak: &Weak) -> String {
    format!("{}: {weak}", KeyRef::OpenPgp(fingerprint.as_bytes().into()))
}

fn parse_error(error: &impl ToString) -> String {
    format!("not an OpenPGP certificate: {}", quoted(error.to_string().as_bytes()))
}
