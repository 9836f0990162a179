//! What can be wrong with an object that a push names or brings.

use std::fmt;

use serde::Serialize;

use crate::error::{Error, ErrorKind};
use crate::id::ObjectId;

/// The kind of an object, in git's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectKind {
    /// File content.
    Blob,
    /// A directory.
    Tree,
    /// A commit.
    Commit,
    /// An annotated tag.
    Tag,
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Commit => "commit",
            Self::Tag => "tag",
        })
    }
}

/// An object that cannot be used, and why.
///
/// On the side of the push this is a violation, which the pusher can mend; on
/// the trusted side it is an error for the administrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The object's id in full.
    #[serde(serialize_with = "crate::repo::fault::as_hex")]
    pub id: ObjectId,
    /// What the object was expected to be.
    pub kind: ObjectKind,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
    /// It is not there.
    Missing,
    /// It is of another kind.
    IsA(ObjectKind),
    /// It has more bytes than the limit (name of the setting, the limit, its size).
    TooLarge {
        /// Name of the setting below `[limits]`.
        setting: &'static str,
        /// The limit, in bytes.
        limit: u64,
        /// The object's size, in bytes.
        size: u64,
    },
    /// It holds more of something than the limit.
    TooMany {
        /// Name of the setting below `[limits]`.
        setting: &'static str,
        /// The limit.
        limit: usize,
        /// What there is too much of.
        what: &'static str,
    },
    /// Its bytes are not what git itself would write; says where and why.
    Malformed(String),
}

pub(crate) fn as_hex<S: serde::Serializer>(
    id: &ObjectId,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&id.to_hex())
}

impl Fault {
    /// Returns the fault of an object whose bytes are malformed.
    pub fn malformed(id: ObjectId, kind: ObjectKind, why: impl Into<String>) -> Self {
        Self { id, kind, problem: Problem::Malformed(why.into()) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.kind, self.id.to_hex_with_len(crate::id::SHORT_LEN))?;
        match &self.problem {
            Problem::Missing => f.write_str("is missing"),
            Problem::IsA(found) => write!(f, "is a {found}"),
            Problem::TooLarge { setting, limit, size } => {
                write!(f, "has {size} bytes, more than the limit of {limit} (limits.{setting})")
            }
            Problem::TooMany { setting, limit, what } => {
                write!(f, "has more than the limit of {limit} {what} (limits.{setting})")
            }
            Problem::Malformed(why) => write!(f, "is malformed: {why}"),
        }
    }
}

/// Why an object could not be read: it is at fault, or the repository is.
#[derive(Debug)]
pub enum ReadError {
    /// The object itself is at fault.
    Fault(Fault),
    /// The repository could not be read.
    Repository(Error),
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Repository(error)
    }
}

impl ReadError {
    /// Turns either into an error, for objects that were on the server before the push.
    #[must_use]
    pub fn on_the_trusted_side(self) -> Error {
        match self {
            Self::Fault(fault) => Error::new(ErrorKind::Repository, fault.to_string()),
            Self::Repository(error) => error,
        }
    }
}
