//! The names by which a trust list lists keys.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// A key as `meta/STRUCTURE.md` lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyRef {
    /// The fingerprint that `ssh-keygen -l` prints: SHA-256 over the public key blob (RFC 4253 §6.6).
    SshFingerprint([u8; 32]),
    /// A whole public key line; the blob is what follows the key type.
    SshPublicKey(Vec<u8>),
    /// The fingerprint of an OpenPGP certificate's primary key, version 4 (20 bytes) or 6 (32 bytes).
    OpenPgp(Vec<u8>),
    /// Whoever an issuer vouches for towards Sigstore; the key is another each time.
    Sigstore(SigstoreIdentity),
}

/// An identity in a certificate of Sigstore, and the issuer that vouched for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SigstoreIdentity {
    issuer: String,
    identity: String,
}

/// Why a text names no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefError {
    /// `SHA256:` is not followed by 43 base64 characters.
    Fingerprint,
    /// The key type and the blob of a public key line do not belong together, or the blob is not base64.
    PublicKey,
    /// `sigstore:` is not followed by the URL of an issuer and an identity.
    Sigstore,
    /// None of the four forms.
    Unknown,
}

impl fmt::Display for KeyRefError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fingerprint => "\"SHA256:\" must be followed by the 43 base64 characters that ssh-keygen -l prints",
            Self::PublicKey => "the public key is not one that ssh-keygen writes",
            Self::Sigstore => "\"sigstore:\" must be followed by the https URL of the issuer, one blank, and the whole address or URI of the identity",
            Self::Unknown => "not a key: expected SHA256:..., an OpenSSH public key line, or an OpenPGP fingerprint of 40 or 64 hex digits",
        })
    }
}

impl KeyRef {
    /// Reads one key as a trust list writes it.
    ///
    /// # Errors
    /// Says which of the four forms was meant and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, KeyRefError> {
        if let Some(digest) = text.strip_prefix("SHA256:") {
            let bytes = STANDARD_NO_PAD.decode(digest).map_err(|_| KeyRefError::Fingerprint)?;
            return bytes
                .try_into()
                .map(Self::SshFingerprint)
                .map_err(|_| KeyRefError::Fingerprint);
        }
        if let Some(pair) = text.strip_prefix("sigstore:") {
            let (issuer, identity) = pair.split_once(' ').ok_or(KeyRefError::Sigstore)?;
            return SigstoreIdentity::new(issuer, identity)
                .map(Self::Sigstore)
                .ok_or(KeyRefError::Sigstore);
        }
        let mut words = text.split_ascii_whitespace();
        if let (Some(key_type), Some(blob)) = (words.next(), words.next())
            && is_ssh_key_type(key_type)
        {
            let blob = STANDARD.decode(blob).map_err(|_| KeyRefError::PublicKey)?;
            return if ssh_blob_type(&blob) == Some(key_type.as_bytes()) {
                Ok(Self::SshPublicKey(blob))
            } else {
                Err(KeyRefError::PublicKey)
            };
        }
        let hex: String = text.chars().filter(|c| *c != ' ').collect();
        let hex = hex.strip_prefix("0x").unwrap_or(&hex);
        if matches!(hex.len(), 40 | 64) {
            return decode_hex(hex).map(Self::OpenPgp).ok_or(KeyRefError::Unknown);
        }
        Err(KeyRefError::Unknown)
    }

    /// Returns the SSH fingerprint, whichever way the key was written; `None` for all others.
    #[must_use]
    pub fn ssh_fingerprint(&self) -> Option<[u8; 32]> {
        match self {
            Self::SshFingerprint(digest) => Some(*digest),
            Self::SshPublicKey(blob) => Some(ssh_fingerprint(blob)),
            Self::OpenPgp(_) | Self::Sigstore(_) => None,
        }
    }
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SshFingerprint(digest) => f.write_str(&format_ssh_fingerprint(digest)),
            Self::SshPublicKey(blob) => {
                f.write_str(&format_ssh_fingerprint(&ssh_fingerprint(blob)))
            }
            Self::OpenPgp(bytes) => bytes.iter().try_for_each(|b| write!(f, "{b:02X}")),
            Self::Sigstore(identity) => identity.fmt(f),
        }
    }
}

impl SigstoreIdentity {
    /// The longest issuer or identity.
    const MAX: usize = 1000;

    /// Takes an issuer and an identity, both of them letter for letter: there are no patterns.
    #[must_use]
    pub fn new(issuer: &str, identity: &str) -> Option<Self> {
        let printed = |text: &str| {
            text.len() <= Self::MAX && text.bytes().all(|b| b.is_ascii_graphic() && b != b'*')
        };
        let known = identity.contains("://") || identity.contains('@');
        (issuer.len() > "https://".len() && issuer.starts_with("https://") && known)
            .then_some([issuer, identity])
            .filter(|texts| texts.iter().all(|text| printed(text)))
            .map(|[issuer, identity]| Self { issuer: issuer.into(), identity: identity.into() })
    }

    /// Returns the URL of the issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the address or URI.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Says whether the identity is a URI and no address.
    #[must_use]
    pub fn is_uri(&self) -> bool {
        self.identity.contains("://")
    }
}

impl fmt::Display for SigstoreIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sigstore:{} {}", self.issuer, self.identity)
    }
}

/// Returns the SHA-256 of a public key blob, which is its fingerprint.
#[must_use]
pub fn ssh_fingerprint(blob: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, blob);
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

/// Writes a fingerprint as `ssh-keygen -l` does.
#[must_use]
pub fn format_ssh_fingerprint(digest: &[u8; 32]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(digest))
}

pub(super) fn is_ssh_key_type(word: &str) -> bool {
    word.starts_with("ssh-")
        || word.starts_with("ecdsa-sha2-")
        || word.starts_with("sk-ssh-")
        || word.starts_with("sk-ecdsa-")
}

/// Returns the key type that a blob begins with (RFC 4251 §5 `string`).
pub(super) fn ssh_blob_type(blob: &[u8]) -> Option<&[u8]> {
    let (len, rest) = blob.split_first_chunk::<4>()?;
    rest.get(..usize::try_from(u32::from_be_bytes(*len)).ok()?)
}

fn decode_hex(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        hex.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    Some(
        digits?
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect(),
    )
}

/// Returns the key that an SSHSIG blob says it was made with (PROTOCOL.sshsig §2); nothing is verified.
#[must_use]
pub fn of_sshsig(blob: &[u8]) -> Option<KeyRef> {
    let rest = blob.strip_prefix(b"SSHSIG")?;
    let (_version, rest) = rest.split_first_chunk::<4>()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let key = rest.get(..usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
    Some(KeyRef::SshPublicKey(key.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGB3ZJ1GvTnlXvA8rZQeGwE1iQ1pQz3eV5n8u0U0rJxT ada";

    #[test]
    fn a_public_key_line_and_its_fingerprint_name_the_same_key() {
        let line = KeyRef::parse(ED25519).expect("a public key line is a key");
        let fingerprint = KeyRef::parse(&line.to_string()).expect("a printed fingerprint is a key");
        assert_eq!(line.ssh_fingerprint(), fingerprint.ssh_fingerprint());
    }

    #[test]
    fn openpgp_fingerprints_are_read_with_and_without_blanks() {
        let with = KeyRef::parse("0123 4567 89AB CDEF 0123  4567 89ab cdef 0123 4567");
        assert_eq!(with, KeyRef::parse("0123456789ABCDEF0123456789ABCDEF01234567"));
        assert_eq!(
            with.expect("40 digits").to_string(),
            "0123456789ABCDEF0123456789ABCDEF01234567"
        );
    }

    #[test]
    fn a_sigstore_identity_is_an_issuer_and_a_name_without_patterns() {
        for text in [
            "sigstore:https://accounts.google.com ci@example.org",
            "sigstore:https://token.example.org https://git.example.org/a/b/.ci/scan.yml@refs/heads/main",
        ] {
            assert_eq!(KeyRef::parse(text).expect(text).to_string(), text);
        }
        for text in [
            "sigstore:",
            "sigstore:https://accounts.google.com",
            "sigstore:https://accounts.google.com ",
            "sigstore:https://accounts.google.com  ci@example.org",
            "sigstore:https://accounts.google.com ci@example.org x",
            "sigstore:https:// ci@example.org",
            "sigstore:http://accounts.google.com ci@example.org",
            "sigstore:accounts.google.com ci@example.org",
            "sigstore:https://accounts.google.com ci",
            "sigstore:https://accounts.google.com *@example.org",
            "sigstore:https://accounts.google.com ci@example.org\u{202e}",
        ] {
            assert_eq!(KeyRef::parse(text), Err(KeyRefError::Sigstore), "{text}");
        }
    }

    #[test]
    fn what_is_no_key_says_which_form_was_meant() {
        assert_eq!(KeyRef::parse("SHA256:short"), Err(KeyRefError::Fingerprint));
        assert_eq!(
            KeyRef::parse(
                "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIGB3ZJ1GvTnlXvA8rZQeGwE1iQ1pQz3eV5n8u0U0rJxT"
            ),
            Err(KeyRefError::PublicKey)
        );
        assert_eq!(KeyRef::parse("MD5:00:11"), Err(KeyRefError::Unknown));
        assert_eq!(KeyRef::parse("0123456789ABCDEF"), Err(KeyRefError::Unknown));
    }
}
