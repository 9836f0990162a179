//! The SSHSIG blob (PROTOCOL.sshsig), read in its one canonical form.

use ring::digest::{SHA256, SHA512, digest};

use super::wire::Reader;
use crate::signature::problem::{Malformed, SignatureProblem, Unsupported, quoted};

/// The first bytes of a blob and of what is signed.
pub(in crate::signature) const MAGIC: &[u8; 6] = b"SSHSIG";

/// The fields of a blob; nothing is verified yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct SshSig<'a> {
    pub(super) public_key: &'a [u8],
    pub(super) namespace: &'a [u8],
    hash: Hash,
    pub(super) signature: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha512,
}

impl<'a> SshSig<'a> {
    /// Reads a blob without its armour.
    ///
    /// Stricter than OpenSSH 9.2, which also takes version 0 and ignores what
    /// is in `reserved`: neither is signed, so either could be changed at will.
    pub(super) fn parse(blob: &'a [u8]) -> Result<Self, SignatureProblem> {
        let Some(fields) = blob.strip_prefix(MAGIC) else {
            let start = blob.get(..6).unwrap_or(blob);
            return Err(Malformed::new("magic", "\"SSHSIG\"", quoted(start)).into());
        };
        let mut reader = Reader::new(fields);
        let version = reader.uint32("version")?;
        if version != 1 {
            return Err(Unsupported::new("SSHSIG version", version.to_string()).into());
        }
        let public_key = reader.string("public key")?;
        let namespace = reader.string("namespace")?;
        let reserved = reader.string("reserved")?;
        if !reserved.is_empty() {
            let found = format!("{} bytes", reserved.len());
            return Err(Malformed::new("reserved", "nothing", found).into());
        }
        let hash = reader.string("hash algorithm")?;
        let hash = Hash::parse(hash)
            .ok_or_else(|| Unsupported::new("hash algorithm of the signature", quoted(hash)))?;
        let signature = reader.string("signature")?;
        reader.end("signature blob")?;
        Ok(Self { public_key, namespace, hash, signature })
    }

    /// Returns the bytes that the key signed, for a message (PROTOCOL.sshsig §3).
    pub(super) fn signed_data(&self, message: &[u8]) -> Vec<u8> {
        let hashed = digest(self.hash.algorithm(), message);
        let mut data = MAGIC.to_vec();
        for field in [self.namespace, b"", self.hash.name().as_bytes(), hashed.as_ref()] {
            let len = u32::try_from(field.len()).expect("because each was read with such a length");
            data.extend(len.to_be_bytes());
            data.extend(field);
        }
        data
    }
}

impl Hash {
    fn parse(name: &[u8]) -> Option<Self> {
        [Self::Sha256, Self::Sha512].into_iter().find(|hash| hash.name().as_bytes() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn algorithm(self) -> &'static ring::digest::Algorithm {
        match self {
            Self::Sha256 => &SHA256,
            Self::Sha512 => &SHA512,
        }
    }
}
