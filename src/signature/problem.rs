//! Why a signature does not count.
//!
//! Every value carries what was expected and what was found, so that one line
//! tells the pusher what to mend. Text that came with the push is escaped and
//! cut when it is put in, by [`quoted`].

mod message;

use jiff::Timestamp;

pub(super) use self::message::quoted;
use super::key::KeyRef;
use super::listing::Place;
use super::{Namespace, UserPresence};
use crate::principal::PrincipalId;

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureProblem {
    /// The bytes are not a signature in the one form that is accepted.
    Malformed(Malformed),
    /// A form or algorithm that this build cannot verify.
    Unsupported(Unsupported),
    /// The key or the digest is too weak to prove anything.
    Weak(Weak),
    /// Made for another purpose (PROTOCOL.sshsig §2, namespace).
    WrongNamespace {
        /// The purpose that was asked for.
        expected: Namespace,
        /// The purpose inside the signature, quoted.
        found: String,
    },
    /// The key did not sign these bytes.
    Bad {
        /// The key that the signature names.
        key: KeyRef,
    },
    /// No trusted file names the key.
    UnknownKey {
        /// The key that the signature names; an OpenPGP signature may give its key id alone.
        key: KeyRef,
    },
    /// A bare signature, which names no key, and that no key in PEM has made.
    NoKeyFits {
        /// How many keys there are.
        keys: usize,
    },
    /// The key belongs to another principal than the one that is claimed.
    WrongPrincipal {
        /// The key that the signature names.
        key: KeyRef,
        /// Whose key it is.
        owner: PrincipalId,
        /// Who was said to have signed.
        claimed: PrincipalId,
    },
    /// `meta/allowed_signers` does not let the key sign for this purpose.
    NamespaceNotPermitted {
        /// The key that signed.
        key: KeyRef,
        /// The purpose of the signature.
        namespace: Namespace,
        /// The line with the `namespaces` option.
        place: Place,
    },
    /// Before the beginning of a validity.
    NotYetValid {
        /// The key that signed.
        key: KeyRef,
        /// What is not yet valid.
        of: Validity,
        /// When it becomes valid.
        from: Timestamp,
        /// The time that was judged.
        at: Timestamp,
    },
    /// After the end of a validity.
    Expired {
        /// The key that signed.
        key: KeyRef,
        /// What has run out.
        of: Validity,
        /// When it ran out.
        until: Timestamp,
        /// The time that was judged.
        at: Timestamp,
    },
    /// The OpenPGP certificate or its subkey is revoked.
    Revoked {
        /// The certificate.
        key: KeyRef,
        /// The reason that the revocation gives, quoted; may be empty.
        reason: String,
    },
    /// The key is listed as `retired`.
    Retired {
        /// The key that signed.
        key: KeyRef,
        /// The row.
        place: Place,
    },
    /// The key is listed as `compromised`.
    Compromised {
        /// The key that signed.
        key: KeyRef,
        /// The row.
        place: Place,
    },
    /// A security key signed without being touched.
    NotTouched {
        /// The key that signed.
        key: KeyRef,
        /// The flags of the signature.
        presence: UserPresence,
    },
    /// The time inside an OpenPGP signature is not the time that is claimed.
    TimesDisagree {
        /// The key that signed.
        key: KeyRef,
        /// The time inside the signature.
        created: Timestamp,
        /// The time that was claimed.
        made_at: Timestamp,
    },
    /// A Sigstore bundle that does not prove what it should.
    BundleRefused {
        /// The identity that its certificate names.
        key: KeyRef,
        /// Why not, with foreign text escaped.
        reason: String,
    },
    /// An OpenSSH or OpenPGP certificate does not let its key sign here.
    CertificateRefused {
        /// The certified key, or the OpenPGP certificate.
        key: KeyRef,
        /// Why not.
        reason: CertificateProblem,
    },
}

/// What was expected at a place in the bytes, and what stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The field, as its specification calls it.
    pub part: &'static str,
    /// Line, from 1; 0 in binary data.
    pub line: usize,
    /// What the field must be.
    pub expected: &'static str,
    /// What it is, with foreign text quoted.
    pub found: String,
}

/// Something that no code here verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// The kind of thing: a key type, a hash, a version.
    pub what: &'static str,
    /// Which one, with foreign text quoted.
    pub found: String,
}

/// A weakness that voids a signature or a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weak {
    /// An Ed25519 public key of small order, under which anybody can make signatures.
    SmallOrder,
    /// An RSA modulus shorter than 2048 bits or longer than 8192.
    RsaModulus {
        /// Length of the modulus.
        bits: usize,
    },
    /// A signature over SHA-1.
    Sha1 {
        /// The algorithm as the signature names it.
        algorithm: &'static str,
    },
    /// The OpenPGP policy refuses the digest or the key.
    Policy(String),
}

/// Why a public key cannot prove anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyProblem {
    Malformed(Malformed),
    Unsupported(Unsupported),
    Weak(Weak),
}

/// Whose beginning and end a time was compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validity {
    /// A row of `meta/STRUCTURE.md` or a line of `meta/allowed_signers`.
    Listed(Place),
    /// An OpenSSH or OpenPGP certificate.
    Certificate,
    /// The OpenPGP key inside the certificate that signed.
    Subkey,
    /// The OpenPGP signature itself.
    Signature,
}

/// Why a certificate does not let its key sign here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateProblem {
    /// No `cert-authority` line names the key that signed the certificate.
    UnknownAuthority {
        /// The key that signed the certificate.
        authority: KeyRef,
    },
    /// The authority did not sign these bytes.
    NotSigned {
        /// The key that the certificate names as its signer.
        authority: KeyRef,
    },
    /// A host certificate.
    NotForUsers,
    /// A certificate without principals would be good for anybody.
    NoPrincipals,
    /// The principals of the certificate are not the one that is claimed, or nobody known.
    PrincipalNotNamed {
        /// Who was said to have signed.
        claimed: Option<PrincipalId>,
        /// The principals of the certificate, quoted.
        named: String,
    },
    /// Several known principals share the certificate: one key would have several votes.
    SharedByPrincipals(Vec<PrincipalId>),
    /// The certified key is listed as somebody else's own key.
    KeyOfAnother {
        /// Whose key it is.
        owner: PrincipalId,
    },
    /// A critical option that has no meaning here, quoted.
    CriticalOption(String),
    /// The option `verify-required`, and a signature without verification of the user.
    UserNotVerified,
    /// The OpenPGP key may not sign, or is not bound to the certificate.
    NotForSigning(String),
}

impl Malformed {
    /// Returns a fault in binary data.
    pub(super) fn new(
        part: &'static str,
        expected: &'static str,
        found: impl Into<String>,
    ) -> Self {
        Self { part, line: 0, expected, found: found.into() }
    }

    /// Sets the line, in text.
    pub(super) fn on_line(self, line: usize) -> Self {
        Self { line, ..self }
    }
}

impl Unsupported {
    /// Returns something of the kind `what` that cannot be verified.
    pub(super) fn new(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, found: found.into() }
    }
}

impl From<KeyProblem> for SignatureProblem {
    fn from(problem: KeyProblem) -> Self {
        match problem {
            KeyProblem::Malformed(malformed) => Self::Malformed(malformed),
            KeyProblem::Unsupported(unsupported) => Self::Unsupported(unsupported),
            KeyProblem::Weak(weak) => Self::Weak(weak),
        }
    }
}

impl From<Malformed> for KeyProblem {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Unsupported> for KeyProblem {
    fn from(unsupported: Unsupported) -> Self {
        Self::Unsupported(unsupported)
    }
}

impl From<Weak> for KeyProblem {
    fn from(weak: Weak) -> Self {
        Self::Weak(weak)
    }
}

impl From<Malformed> for SignatureProblem {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Unsupported> for SignatureProblem {
    fn from(unsupported: Unsupported) -> Self {
        Self::Unsupported(unsupported)
    }
}

impl From<Weak> for SignatureProblem {
    fn from(weak: Weak) -> Self {
        Self::Weak(weak)
    }
}

impl std::error::Error for SignatureProblem {}
impl std::error::Error for Malformed {}
