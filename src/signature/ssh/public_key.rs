//! SSH public keys, and the signatures that they verify.
//!
//! Key blobs follow RFC 4253 §6.6 (RSA), RFC 5656 §3.1 (ECDSA), RFC 8709 §4
//! (Ed25519) and PROTOCOL.u2f of OpenSSH (security keys); signatures follow the
//! same documents and RFC 8332 (RSA with SHA-2).

use std::borrow::Cow;

use p521::ecdsa::signature::Verifier as _;
use ring::digest::{SHA256, digest};
use ring::signature::{self as algorithm, RsaPublicKeyComponents, UnparsedPublicKey};

use super::wire::Reader;
use crate::signature::UserPresence;
use crate::signature::ed25519::proves_nothing;
use crate::signature::problem::{
    KeyProblem, Malformed, SignatureProblem, Unsupported, Weak, quoted,
};

/// A plain public key, of a type and strength that can prove something.
#[derive(Clone, Copy, Debug)]
pub(super) enum PublicKey<'a> {
    Ed25519 { point: &'a [u8; 32] },
    Ecdsa { curve: Curve, point: &'a [u8] },
    Rsa { modulus: &'a [u8], exponent: &'a [u8] },
    SkEd25519 { point: &'a [u8; 32], application: &'a [u8] },
    SkEcdsa { point: &'a [u8], application: &'a [u8] },
}

/// The types of keys, as OpenSSH names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyType {
    Ed25519,
    Ecdsa(Curve),
    Rsa,
    SkEd25519,
    SkEcdsa,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

/// What came of the check of a signature whose form is in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// The key signed the message; security keys say how.
    Good(Option<UserPresence>),
    /// The key did not.
    Bad,
}

impl KeyType {
    const ALL: [Self; 7] = [
        Self::Ed25519,
        Self::Ecdsa(Curve::P256),
        Self::Ecdsa(Curve::P384),
        Self::Ecdsa(Curve::P521),
        Self::Rsa,
        Self::SkEd25519,
        Self::SkEcdsa,
    ];

    /// Returns the type with this name, if it is one that is supported.
    pub(super) fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name().as_bytes() == name)
    }

    /// Returns the type of the key inside a certificate with this name (PROTOCOL.certkeys).
    pub(super) fn parse_certified(name: &[u8]) -> Option<Self> {
        let plain = name.strip_suffix(b"-cert-v01@openssh.com")?;
        Self::ALL
            .into_iter()
            .find(|t| t.name().trim_end_matches("@openssh.com").as_bytes() == plain)
    }

    /// Returns the name at the beginning of a key blob.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::Ecdsa(Curve::P256) => "ecdsa-sha2-nistp256",
            Self::Ecdsa(Curve::P384) => "ecdsa-sha2-nistp384",
            Self::Ecdsa(Curve::P521) => "ecdsa-sha2-nistp521",
            Self::Rsa => "ssh-rsa",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
            Self::SkEcdsa => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    /// Refuses an algorithm that keys of this type do not sign with, or should not.
    fn permits_algorithm(self, name: &[u8]) -> Result<(), SignatureProblem> {
        let expected = match self {
            Self::Rsa => match name {
                b"rsa-sha2-256" | b"rsa-sha2-512" => return Ok(()),
                b"ssh-rsa" => return Err(Weak::Sha1 { algorithm: "ssh-rsa" }.into()),
                _ => "rsa-sha2-256 or rsa-sha2-512",
            },
            Self::SkEcdsa if name == b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com" => {
                return Err(Unsupported::new("signature algorithm", quoted(name)).into());
            }
            Self::Ed25519 | Self::Ecdsa(_) | Self::SkEd25519 | Self::SkEcdsa => self.name(),
        };
        if name == expected.as_bytes() {
            Ok(())
        } else {
            Err(Malformed::new("signature algorithm", expected, quoted(name)).into())
        }
    }
}

impl Curve {
    /// Returns the name inside a key blob (RFC 5656 §10.1).
    fn name(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
            Self::P521 => "nistp521",
        }
    }

    /// Returns the length of a coordinate, and of each half of a signature, in bytes.
    fn width(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

impl<'a> PublicKey<'a> {
    /// Reads a whole key blob.
    pub(super) fn parse(blob: &'a [u8]) -> Result<Self, KeyProblem> {
        let mut reader = Reader::new(blob);
        let name = reader.string("public key type")?;
        let key_type = KeyType::parse(name)
            .ok_or_else(|| Unsupported::new("public key type", quoted(name)))?;
        let key = Self::read(key_type, &mut reader)?;
        reader.end("public key")?;
        Ok(key)
    }

    /// Reads what follows the type in a key blob, and stops after it.
    pub(super) fn read(key_type: KeyType, reader: &mut Reader<'a>) -> Result<Self, KeyProblem> {
        Ok(match key_type {
            KeyType::Ed25519 => Self::Ed25519 { point: read_ed25519(reader)? },
            KeyType::Ecdsa(curve) => Self::Ecdsa { curve, point: read_ecdsa(curve, reader)? },
            KeyType::Rsa => {
                let exponent = reader.positive_mpint("RSA exponent")?;
                let modulus = reader.positive_mpint("RSA modulus")?;
                let bits = bit_length(modulus);
                if !(2048..=8192).contains(&bits) {
                    return Err(Weak::RsaModulus { bits }.into());
                }
                Self::Rsa { modulus, exponent }
            }
            KeyType::SkEd25519 => Self::SkEd25519 {
                point: read_ed25519(reader)?,
                application: reader.string("application of the security key")?,
            },
            KeyType::SkEcdsa => Self::SkEcdsa {
                point: read_ecdsa(Curve::P256, reader)?,
                application: reader.string("application of the security key")?,
            },
        })
    }

    /// Checks a signature blob, whose algorithm must be one of this key's type.
    pub(super) fn check(&self, message: &[u8], blob: &[u8]) -> Result<Check, SignatureProblem> {
        let mut reader = Reader::new(blob);
        let name = reader.string("signature algorithm")?;
        self.key_type().permits_algorithm(name)?;
        let signature = reader.string("signature value")?;
        let mut presence = None;
        let signed = match self {
            Self::Ed25519 { .. } | Self::Ecdsa { .. } | Self::Rsa { .. } => message.into(),
            Self::SkEd25519 { application, .. } | Self::SkEcdsa { application, .. } => {
                let flags = reader.byte("security key flags")?;
                let counter = reader.uint32("security key counter")?;
                presence = Some(UserPresence { present: flags & 1 != 0, verified: flags & 4 != 0 });
                Cow::Owned(security_key_message(application, flags, counter, message))
            }
        };
        reader.end("signature")?;
        let good = match self {
            Self::Ed25519 { point } | Self::SkEd25519 { point, .. } => {
                verifies_ed25519(point, &signed, signature)?
            }
            Self::Ecdsa { curve, point } => verifies_ecdsa(*curve, point, &signed, signature)?,
            Self::SkEcdsa { point, .. } => verifies_ecdsa(Curve::P256, point, &signed, signature)?,
            Self::Rsa { modulus, exponent } => {
                let hash = match name {
                    b"rsa-sha2-256" => &algorithm::RSA_PKCS1_2048_8192_SHA256,
                    _ => &algorithm::RSA_PKCS1_2048_8192_SHA512,
                };
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(hash, &signed, signature).is_ok()
            }
        };
        Ok(if good { Check::Good(presence) } else { Check::Bad })
    }

    fn key_type(&self) -> KeyType {
        match self {
            Self::Ed25519 { .. } => KeyType::Ed25519,
            Self::Ecdsa { curve, .. } => KeyType::Ecdsa(*curve),
            Self::Rsa { .. } => KeyType::Rsa,
            Self::SkEd25519 { .. } => KeyType::SkEd25519,
            Self::SkEcdsa { .. } => KeyType::SkEcdsa,
        }
    }
}

fn bit_length(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |b| b.leading_zeros());
    number.len() * 8 - usize::try_from(leading).unwrap_or(0)
}

fn read_ed25519<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8; 32], KeyProblem> {
    let bytes = reader.string("Ed25519 public key")?;
    let point: &[u8; 32] = bytes.try_into().map_err(|_| {
        Malformed::new("Ed25519 public key", "32 bytes", format!("{} bytes", bytes.len()))
    })?;
    if proves_nothing(point) { Err(Weak::SmallOrder.into()) } else { Ok(point) }
}

fn read_ecdsa<'a>(curve: Curve, reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let name = reader.string("curve")?;
    if name != curve.name().as_bytes() {
        return Err(Malformed::new("curve", curve.name(), quoted(name)));
    }
    let point = reader.string("ECDSA public key")?;
    if point.first() == Some(&4) && point.len() == 1 + 2 * curve.width() {
        Ok(point)
    } else {
        let found = format!("{} bytes", point.len());
        Err(Malformed::new("ECDSA public key", "an uncompressed point of the curve", found))
    }
}

/// Returns the bytes that a security key signs (PROTOCOL.u2f, SSH U2F signatures).
fn security_key_message(application: &[u8], flags: u8, counter: u32, message: &[u8]) -> Vec<u8> {
    let mut signed = digest(&SHA256, application).as_ref().to_vec();
    signed.push(flags);
    signed.extend(counter.to_be_bytes());
    signed.extend(digest(&SHA256, message).as_ref());
    signed
}

/// ring refuses S >= L and non-canonical R, both of which OpenSSH 9.2 lets pass.
fn verifies_ed25519(point: &[u8; 32], message: &[u8], signature: &[u8]) -> Result<bool, Malformed> {
    if signature.len() != 64 {
        let found = format!("{} bytes", signature.len());
        return Err(Malformed::new("Ed25519 signature", "64 bytes", found));
    }
    Ok(UnparsedPublicKey::new(&algorithm::ED25519, point).verify(message, signature).is_ok())
}

fn verifies_ecdsa(
    curve: Curve,
    point: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<bool, Malformed> {
    let mut reader = Reader::new(signature);
    let mut fixed = Vec::with_capacity(2 * curve.width());
    for part in ["ECDSA r", "ECDSA s"] {
        let number = reader.positive_mpint(part)?;
        let Some(padding) = curve.width().checked_sub(number.len()) else {
            let found = format!("{} bytes", number.len());
            return Err(Malformed::new(part, "a number below the order of the curve", found));
        };
        fixed.resize(fixed.len() + padding, 0);
        fixed.extend(number);
    }
    reader.end("ECDSA signature")?;
    Ok(match curve {
        Curve::P256 => verifies_with(&algorithm::ECDSA_P256_SHA256_FIXED, point, message, &fixed),
        Curve::P384 => verifies_with(&algorithm::ECDSA_P384_SHA384_FIXED, point, message, &fixed),
        Curve::P521 => verifies_p521(point, message, &fixed),
    })
}

fn verifies_with(
    algorithm: &'static dyn algorithm::VerificationAlgorithm,
    point: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    UnparsedPublicKey::new(algorithm, point).verify(message, signature).is_ok()
}

fn verifies_p521(point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(point);
    let signature = p521::ecdsa::Signature::from_slice(signature);
    matches!((key, signature), (Ok(key), Ok(signature)) if key.verify(message, &signature).is_ok())
}
