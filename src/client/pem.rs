//! Signs with a private key in PEM, as in-toto tools outside of git do.
//!
//! The signatures are bare values and the `keyid` is the one that securesystemslib
//! computes, so that its users can verify what refgate signs with nothing but the public key.

use std::path::Path;

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PSS_SHA256, RsaKeyPair,
};
use spki::der::asn1::{AnyRef, BitStringRef, Null};
use spki::der::pem::LineEnding;
use spki::der::{self, EncodePem as _};
use spki::{AlgorithmIdentifierRef, Document, ObjectIdentifier, SubjectPublicKeyInfoRef};

use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::evidence::predicate::Sha256;
use crate::repo::layout::read_bounded;

/// A private key that makes bare signatures.
pub struct PemSigner {
    key: Key,
}

enum Key {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// No private key is longer.
const MAX_BYTES: u64 = 64 << 10;

impl PemSigner {
    /// Reads a private key in PKCS #8 (RFC 5958), not encrypted.
    ///
    /// # Errors
    /// The file cannot be read, or holds another form of key.
    pub fn read(file: &Path) -> Result<Self> {
        let step = || format!("reading the key {}", file.display());
        let bytes = read_bounded(file, MAX_BYTES)?
            .ok_or_else(|| Error::new(ErrorKind::Usage, "no such file").while_(step()))?;
        let wrong = |what: String| {
            Error::new(ErrorKind::Usage, what)
                .while_(step())
                .hint(format!("convert it: openssl pkcs8 -topk8 -nocrypt -in {}", file.display()))
        };
        let text = str::from_utf8(&bytes).map_err(|_| wrong("it is no PEM".into()))?;
        let (label, document) = Document::from_pem(text.trim_ascii())
            .map_err(|error| wrong(format!("it is no PEM: {error}")))?;
        if label != "PRIVATE KEY" {
            return Err(wrong(format!("it holds {label:?}, not \"PRIVATE KEY\"")));
        }
        let key = Key::parse(document.as_bytes());
        let expected = "it is no key of Ed25519, ECDSA P-256 or P-384, or RSA in PKCS #8";
        Ok(Self { key: key.ok_or_else(|| wrong(expected.into()))? })
    }

    /// Signs bytes.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn sign(&self, payload: &[u8]) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        let failed = || Error::new(ErrorKind::Environment, "the key cannot sign");
        match &self.key {
            Key::Ed25519(key) => Ok(key.sign(payload).as_ref().to_vec()),
            Key::P256(key) | Key::P384(key) => {
                key.sign(&random, payload).map(|value| value.as_ref().to_vec())
            }
            Key::Rsa(key) => {
                let mut value = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PSS_SHA256, &random, payload, &mut value).map(|()| value)
            }
        }
        .map_err(|_: ring::error::Unspecified| failed())
    }

    /// Returns the public key in PEM.
    ///
    /// # Errors
    /// Never on a key that could be read.
    pub fn public_key(&self) -> Result<String> {
        self.key.public().during(ErrorKind::Internal, || "writing the public key".into())
    }

    /// Returns the id that securesystemslib gives to the key: SHA-256 over canonical JSON.
    ///
    /// # Errors
    /// Never on a key that could be read.
    pub fn key_id(&self) -> Result<String> {
        let (key_type, scheme) = match &self.key {
            Key::Ed25519(_) => ("ed25519", "ed25519"),
            Key::P256(_) => ("ecdsa", "ecdsa-sha2-nistp256"),
            Key::P384(_) => ("ecdsa", "ecdsa-sha2-nistp384"),
            Key::Rsa(_) => ("rsa", "rsassa-pss-sha256"),
        };
        let public = match &self.key {
            Key::Ed25519(key) => {
                key.public_key().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
            }
            Key::P256(_) | Key::P384(_) | Key::Rsa(_) => self.public_key()?,
        };
        // Canonical JSON writes newlines as they are.
        let json = format!(
            r#"{{"keytype":"{key_type}","keyval":{{"public":"{public}"}},"scheme":"{scheme}"}}"#
        );
        Ok(Sha256::of(json.as_bytes()).to_hex())
    }
}

impl Key {
    fn parse(pkcs8: &[u8]) -> Option<Self> {
        let random = SystemRandom::new();
        let ecdsa = |algorithm| EcdsaKeyPair::from_pkcs8(algorithm, pkcs8, &random).ok();
        // OpenSSL writes Ed25519 keys without the public half.
        let ed25519 = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok().map(Self::Ed25519);
        ed25519
            .or_else(|| ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING).map(Self::P256))
            .or_else(|| ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING).map(Self::P384))
            .or_else(|| RsaKeyPair::from_pkcs8(pkcs8).ok().map(Self::Rsa))
    }

    fn public(&self) -> der::Result<String> {
        let id = ObjectIdentifier::new_unwrap;
        let (p256, p384) = (id("1.2.840.10045.3.1.7"), id("1.3.132.0.34"));
        let (oid, parameters, public): (_, Option<AnyRef<'_>>, &[u8]) = match self {
            Self::Ed25519(key) => (id("1.3.101.112"), None, key.public_key().as_ref()),
            Self::P256(key) => {
                (id("1.2.840.10045.2.1"), Some((&p256).into()), key.public_key().as_ref())
            }
            Self::P384(key) => {
                (id("1.2.840.10045.2.1"), Some((&p384).into()), key.public_key().as_ref())
            }
            Self::Rsa(key) => {
                (id("1.2.840.113549.1.1.1"), Some(Null.into()), key.public_key().as_ref())
            }
        };
        let info = SubjectPublicKeyInfoRef {
            algorithm: AlgorithmIdentifierRef { oid, parameters },
            subject_public_key: BitStringRef::from_bytes(public)?,
        };
        info.to_pem(LineEnding::LF)
    }
}
