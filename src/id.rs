//! Names of objects, each saying what kind of object it names.

use std::fmt;

pub use gix::ObjectId;
pub use gix::hash::Kind as HashKind;
use serde::{Serialize, Serializer};

/// How many hexadecimal digits of an id a message shows.
pub const SHORT_LEN: usize = 12;

macro_rules! object_ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub ObjectId);

        impl $name {
            /// Reads a full id in lower-case hexadecimal digits, 40 or 64 of them.
            #[must_use]
            pub fn from_hex(hex: &[u8]) -> Option<Self> {
                parse_hex(hex).map(Self)
            }

            /// Returns the first digits, as messages show them.
            #[must_use]
            pub fn short(&self) -> String {
                self.0.to_hex_with_len(SHORT_LEN).to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.to_hex().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.to_hex_with_len(SHORT_LEN))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

object_ids! {
    /// The id of a commit.
    CommitId
    /// The id of a tree.
    TreeId
    /// The id of a blob.
    BlobId
    /// The id of an annotated tag.
    TagId
}

/// Reads a full object id as git writes it: 40 (SHA-1) or 64 (SHA-256)
/// lower-case hexadecimal digits, nothing else.
#[must_use]
pub fn parse_hex(hex: &[u8]) -> Option<ObjectId> {
    let lower = hex.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (lower && matches!(hex.len(), 40 | 64)).then(|| ObjectId::from_hex(hex).ok()).flatten()
}

/// Returns the digest of bytes, given in parts, by the hash function of a repository.
#[must_use]
pub fn digest(hash: HashKind, parts: &[&[u8]]) -> Option<Vec<u8>> {
    let mut hasher = gix::hash::hasher(hash);
    parts.iter().for_each(|part| hasher.update(part));
    // SHA-1 notices attempts at a collision.
    hasher.try_finalize().ok().map(|id| id.as_slice().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_lower_case_ids_are_read() {
        assert!(parse_hex(&[b'a'; 40]).is_some());
        assert!(parse_hex(&[b'0'; 64]).is_some());
        for bad in [&[b'A'; 40][..], &[b'a'; 39], &[b'a'; 41], b"", &[b'g'; 40], &[b'a'; 63]] {
            assert!(parse_hex(bad).is_none());
        }
    }
}
