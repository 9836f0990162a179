//! Signatures over bytes, verified in process.
//!
//! Comes in: the bytes of a signature and the bytes that it is said to cover,
//! both from the push, and a [`KeyRing`] made of trusted files alone. Goes out: a
//! [`VerifiedSignature`], which nothing but this module can make, or the
//! [`SignatureProblem`] that the pusher has to mend.
//!
//! A scheme is one module: `ssh` reads SSHSIG, `openpgp` reads OpenPGP packets, `bare` takes
//! signatures that are nothing but a number, made by keys in PEM, `sigstore` reads bundles. None trusts what a signature says about its key: a key counts for
//! the principal that a trusted file lists it for, at the times and for the
//! purposes that are written there.
//!
//! ```compile_fail
//! // Nobody outside the module can claim that a signature was verified.
//! use refgate::signature::{Scheme, VerifiedSignature};
//! fn forge(mut signature: VerifiedSignature) -> VerifiedSignature {
//!     signature.scheme = Scheme::Ssh;
//!     signature
//! }
//! ```
//!
//! ```
//! // The same function without the assignment compiles.
//! use refgate::signature::{Scheme, VerifiedSignature};
//! fn forge(mut signature: VerifiedSignature) -> VerifiedSignature {
//!     let _: Scheme = signature.scheme();
//!     signature
//! }
//! ```

mod allowed_signers;
mod armour;
mod bare;
mod ed25519;
pub mod key;
mod key_ring;
mod listing;
mod openpgp;
mod pattern;
mod problem;
mod sigstore;
mod ssh;

use std::fmt;

use jiff::Timestamp;

pub use self::armour::{ArmourKind, dearmor_openpgp, dearmor_ssh};
pub use self::bare::pem_fingerprint;
use self::key::KeyRef;
pub use self::key_ring::{KeyRing, KeyRingBuilder};
pub use self::listing::{KeyState, Place, Window};
pub use self::problem::{
    CertificateProblem, Malformed, SignatureProblem, Unsupported, Validity, Weak,
};
use crate::principal::PrincipalId;

/// The purpose that an SSH signature is made for (PROTOCOL.sshsig §2).
///
/// OpenPGP signatures have none: what they sign must say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// Approvals, exceptions and evidence.
    Refgate,
    /// Commits, tags and push certificates, which git signs.
    Git,
}

/// The formats of signatures that can be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// SSHSIG.
    Ssh,
    /// OpenPGP, RFC 9580 and RFC 4880.
    OpenPgp,
    /// The bare value, made by a key that `meta/keyring` holds in PEM.
    Bare,
    /// A Sigstore bundle.
    Sigstore,
}

/// A signature without its armour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoded<'a> {
    /// A blob that begins with `SSHSIG`.
    Ssh(&'a [u8]),
    /// OpenPGP packets.
    OpenPgp(&'a [u8]),
    /// The value that the algorithm gives, without a word about the key.
    Bare(&'a [u8]),
    /// A Sigstore bundle in JSON, with the statement that it signs.
    Sigstore(&'a [u8]),
}

/// What a signature is said to prove; nothing of it is believed.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The signature.
    pub signature: Encoded<'a>,
    /// The bytes that it covers.
    pub signed: &'a [u8],
    /// What it was made for.
    pub namespace: Namespace,
    /// Who made it; `None` takes whoever did.
    pub by: Option<&'a PrincipalId>,
    /// When it was made, where that is known: the key must be valid then too.
    pub made_at: Option<Timestamp>,
    /// The time of the push, at which the key must be valid.
    pub now: Timestamp,
}

/// Proof that a listed key of one principal signed the claimed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSignature {
    principal: PrincipalId,
    key: KeyRef,
    authority: Option<KeyRef>,
    scheme: Scheme,
    presence: Option<UserPresence>,
    signed_at: Option<Timestamp>,
}

/// What a security key says about its user (the flags of PROTOCOL.u2f).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserPresence {
    /// Somebody touched it.
    pub present: bool,
    /// It checked a PIN or a finger.
    pub verified: bool,
}

impl Namespace {
    /// Returns the name inside signatures.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refgate => "refgate",
            Self::Git => "git",
        }
    }
}

impl<'a> Encoded<'a> {
    /// Tells the scheme from the first bytes: `SSHSIG`, or the header of an
    /// OpenPGP signature packet (RFC 9580 §4.2, packet type 2).
    #[must_use]
    pub fn detect(bytes: &'a [u8]) -> Option<Self> {
        if bytes.starts_with(ssh::MAGIC) {
            return Some(Self::Ssh(bytes));
        }
        matches!(bytes.first(), Some(0x88..=0x8b | 0xc2)).then_some(Self::OpenPgp(bytes))
    }

    /// Returns everything that a signature in an envelope (DSSE) can be, the last of
    /// them the most telling.
    ///
    /// A bare value may begin with any byte, so what looks like an OpenPGP packet may be one.
    pub fn readings(bytes: &'a [u8]) -> impl Iterator<Item = Self> {
        let detected = Self::detect(bytes);
        let bare = !matches!(detected, Some(Self::Ssh(_)));
        let bundle = sigstore::is_bundle(bytes).then_some(Self::Sigstore(bytes));
        bare.then_some(Self::Bare(bytes)).into_iter().chain(detected).chain(bundle)
    }
}

impl Claim<'_> {
    /// Returns the times at which the key must be valid.
    fn times(&self) -> impl Iterator<Item = Timestamp> {
        self.made_at.into_iter().chain([self.now])
    }
}

impl VerifiedSignature {
    /// Returns who signed.
    #[must_use]
    pub fn principal(&self) -> &PrincipalId {
        &self.principal
    }

    /// Returns the key that signed: an SSH fingerprint, or the primary fingerprint of an
    /// OpenPGP certificate. For an SSH certificate it is the certified key.
    #[must_use]
    pub fn key(&self) -> &KeyRef {
        &self.key
    }

    /// Returns the `cert-authority` key behind the signature, if there is one.
    #[must_use]
    pub fn authority(&self) -> Option<&KeyRef> {
        self.authority.as_ref()
    }

    /// Returns the format of the signature.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns when it was made, as others than the signer have witnessed; `None` where nobody has.
    #[must_use]
    pub fn signed_at(&self) -> Option<Timestamp> {
        self.signed_at
    }

    /// Returns what a security key said about its user; `None` for all other keys.
    #[must_use]
    pub fn user_presence(&self) -> Option<UserPresence> {
        self.presence
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for UserPresence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = |flag| if flag { "" } else { "not " };
        write!(f, "user {}present, {}verified", not(self.present), not(self.verified))
    }
}

#[cfg(test)]
mod tests;
