//! The refs of the server, as the hook or as a client sees them.

use std::collections::BTreeMap;

use super::refs::{Refs, Target};
use crate::error::{Error, ErrorKind, Result};
use crate::id::ObjectId;
use crate::refname::RefName;

/// What a ref is on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The ref that symbolic refs lead to.
    pub target: RefName,
    /// The object that it holds.
    pub value: Option<ObjectId>,
}

/// Maps a ref of the server to the ref of a clone that holds what it held.
pub type Tracking = Box<dyn Fn(&RefName) -> Option<RefName>>;

/// Where the refs of the server are read.
pub enum View {
    /// Nowhere: these are all there are, as they were at some time.
    Fixed(BTreeMap<RefName, ObjectId>),
    /// On the server itself.
    Server(Refs),
    /// In a clone, where the server's refs stand under other names.
    Clone {
        /// The refs of the clone.
        refs: Refs,
        /// Maps a ref of the server to the ref of the clone that holds what it held.
        tracking: Tracking,
        /// The server's main branch.
        head: Option<RefName>,
    },
}

impl View {
    /// Returns the server's main branch; `None` if its `HEAD` is detached.
    ///
    /// # Errors
    /// `HEAD` cannot be read.
    pub fn head(&self) -> Result<Option<RefName>> {
        match self {
            Self::Fixed(_) => Ok(None),
            Self::Server(refs) => refs.head(),
            Self::Clone { head, .. } => Ok(head.clone()),
        }
    }

    /// Returns what a ref of the server is, symbolic refs followed.
    ///
    /// # Errors
    /// The ref cannot be read.
    pub fn resolve(&self, name: &RefName) -> Result<Resolved> {
        match self {
            Self::Fixed(refs) => {
                Ok(Resolved { target: name.clone(), value: refs.get(name).copied() })
            }
            Self::Server(refs) => {
                let (target, value) = refs.resolve(name)?;
                Ok(Resolved { target, value })
            }
            Self::Clone { refs, tracking, .. } => {
                let value = match tracking(name) {
                    Some(tracked) => refs.resolve(&tracked)?.1,
                    None => None,
                };
                Ok(Resolved { target: name.clone(), value })
            }
        }
    }

    /// Returns the refs of the server whose names begin with a prefix and that hold an object.
    ///
    /// # Errors
    /// A ref below the prefix cannot be read.
    pub fn with_prefix(&self, prefix: &[u8]) -> Result<Vec<(RefName, ObjectId)>> {
        let (refs, listed) = match self {
            Self::Fixed(refs) => {
                let below = refs.iter().filter(|(name, _)| name.as_bytes().starts_with(prefix));
                return Ok(below.map(|(name, id)| (name.clone(), *id)).collect());
            }
            Self::Server(refs) => (refs, prefix.to_vec()),
            Self::Clone { refs, tracking, .. } => {
                // The prefix of a name is mapped as a name of its own would be.
                let probe = RefName::parse(&[prefix, b"x"].concat());
                let mapped = probe.as_ref().and_then(tracking);
                let Some(mapped) = mapped else { return Ok(Vec::new()) };
                let mapped = mapped.as_bytes();
                (refs, mapped.get(..mapped.len().saturating_sub(1)).unwrap_or_default().to_vec())
            }
        };
        let mut found = Vec::new();
        for (name, target) in refs.with_prefix(&listed)? {
            let rest = name.as_bytes().get(listed.len()..).unwrap_or_default();
            let Some(original) = RefName::parse(&[prefix, rest].concat()) else { continue };
            let id = match target {
                Target::Object(id) => Some(id),
                Target::Symbolic(_) => refs.resolve(&name)?.1,
            };
            found.extend(id.map(|id| (original, id)));
        }
        Ok(found)
    }

    /// Returns the tags whose names begin with a prefix.
    ///
    /// A clone has the server's tags under their own names.
    ///
    /// # Errors
    /// A ref below the prefix cannot be read.
    pub fn tags(&self, prefix: &[u8]) -> Result<Vec<(RefName, ObjectId)>> {
        let refs = match self {
            Self::Fixed(_) | Self::Server(_) => return self.with_prefix(prefix),
            Self::Clone { refs, .. } => refs,
        };
        let mut found = Vec::new();
        for (name, target) in refs.with_prefix(prefix)? {
            let id = match target {
                Target::Object(id) => Some(id),
                Target::Symbolic(_) => refs.resolve(&name)?.1,
            };
            found.extend(id.map(|id| (name, id)));
        }
        Ok(found)
    }

    /// Returns the trust ref: the one that is named, or the main branch.
    ///
    /// # Errors
    /// None is named and `HEAD` is detached or cannot be read.
    pub fn trust_ref(&self, named: Option<&RefName>) -> Result<RefName> {
        match named {
            Some(name) => Ok(name.clone()),
            None => self.head()?.ok_or_else(|| {
                Error::new(
                    ErrorKind::Policy,
                    "HEAD names no branch, so it is not known where the policy is",
                )
                .hint("name the branch in the server settings: trust-ref = \"refs/heads/main\"")
            }),
        }
    }
}
