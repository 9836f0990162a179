//! Refs as the server has them: resolved by full name, listed by prefix alone.
//!
//! A ref that cannot be read is an error, never an absent ref: an empty answer
//! would make a guard judge nothing.

mod files;

use self::files::Files;
use super::layout::{Layout, RefFormat};
use super::reftable::{Stack, Value};
use crate::error::{Error, ErrorKind, Result};
use crate::id::ObjectId;
use crate::refname::RefName;

/// What a ref holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An object.
    Object(ObjectId),
    /// The name of another ref (`git-symbolic-ref(1)`).
    Symbolic(RefName),
}

/// How many symbolic refs may stand behind each other, as in git (`SYMREF_MAXDEPTH`).
const SYMBOLIC_DEPTH: usize = 5;

/// The refs of one repository.
///
/// Those that a linked worktree has for itself are not looked at, its `HEAD` aside: a bare repository
/// has no worktrees, and no ref that anybody protects is one of them.
pub struct Refs(Storage);

enum Storage {
    Files(Files),
    Tables {
        shared: Stack,
        /// Where `HEAD` is: in the shared stack, or in that of a linked worktree.
        of_worktree: Option<Stack>,
    },
}

impl Refs {
    /// Returns the refs of a repository; reads nothing yet.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        Self(match layout.refs {
            RefFormat::Files => Storage::Files(Files::new(layout)),
            RefFormat::Reftable => Storage::Tables {
                shared: Stack::new(&layout.common_dir, layout.hash),
                of_worktree: (layout.git_dir != layout.common_dir)
                    .then(|| Stack::new(&layout.git_dir, layout.hash)),
            },
        })
    }

    /// Returns the branch that `HEAD` names, born or unborn; `None` if `HEAD` is detached.
    ///
    /// # Errors
    /// `HEAD` cannot be read or is malformed.
    pub fn head(&self) -> Result<Option<RefName>> {
        let head = match &self.0 {
            Storage::Files(files) => files.head()?,
            Storage::Tables { shared, of_worktree } => {
                // The file is there for git alone, to know the directory by; it names no branch.
                let value = of_worktree.as_ref().unwrap_or(shared).find(b"HEAD")?;
                value.map(|value| target(b"HEAD", value)).transpose()?
            }
        };
        match head {
            Some(Target::Symbolic(name)) => Ok(Some(name)),
            Some(Target::Object(_)) => Ok(None),
            None => Err(Error::new(ErrorKind::Repository, "HEAD is missing")),
        }
    }

    /// Returns what the ref of that full name holds, without following it.
    ///
    /// # Errors
    /// The ref cannot be read or is malformed.
    pub fn read(&self, name: &RefName) -> Result<Option<Target>> {
        match &self.0 {
            Storage::Files(files) => files.read(name),
            Storage::Tables { shared, .. } => {
                let value = shared.find(name.as_bytes())?;
                value.map(|value| target(name.as_bytes(), value)).transpose()
            }
        }
    }

    /// Follows symbolic refs from `name` to the ref that holds an object, or
    /// would hold one; returns its name and value.
    ///
    /// # Errors
    /// A ref cannot be read, or more than five symbolic refs stand behind each other.
    pub fn resolve(&self, name: &RefName) -> Result<(RefName, Option<ObjectId>)> {
        let mut name = name.clone();
        for _ in 0..=SYMBOLIC_DEPTH {
            match self.read(&name)? {
                None => return Ok((name, None)),
                Some(Target::Object(id)) => return Ok((name, Some(id))),
                Some(Target::Symbolic(next)) => name = next,
            }
        }
        Err(Error::new(ErrorKind::Repository, format!("{name} is a symbolic ref without end")))
    }

    /// Returns all refs whose names begin with `prefix`, which must reach beyond `refs/`, sorted by name.
    ///
    /// Nothing is read but what begins with the prefix, and what leads there.
    ///
    /// # Errors
    /// A ref below the prefix cannot be read or is malformed.
    pub fn with_prefix(&self, prefix: &[u8]) -> Result<Vec<(RefName, Target)>> {
        match &self.0 {
            Storage::Files(files) => files.with_prefix(prefix),
            Storage::Tables { shared, .. } => {
                let listed = |(name, value): (Vec<u8>, Value)| {
                    let target = target(&name, value)?;
                    let what = || format!("{} is no name of a ref", super::header::show(&name));
                    let name = RefName::parse(&name)
                        .ok_or_else(|| Error::new(ErrorKind::Repository, what()))?;
                    Ok((name, target))
                };
                shared.with_prefix(prefix)?.into_iter().map(listed).collect()
            }
        }
    }

    /// Returns what `packed-refs` says about a ref, whatever its own file says. Packing a reftable writes
    /// no ref anew, so that nothing is packed there.
    ///
    /// # Errors
    /// `packed-refs` cannot be read.
    pub fn read_packed(&self, name: &RefName) -> Result<Option<Target>> {
        match &self.0 {
            Storage::Files(files) => files.read_packed(name),
            Storage::Tables { .. } => Ok(None),
        }
    }
}

/// Returns what a value of a reftable is, once the name in it is found to be one.
fn target(name: &[u8], value: Value) -> Result<Target> {
    let wrong = |what: String| {
        Error::new(ErrorKind::Repository, what)
            .while_(format!("reading {} in the reftable", super::header::show(name)))
    };
    match value {
        Value::Object(id) => Ok(Target::Object(id)),
        Value::Symbolic(target) => RefName::parse(&target)
            .map(Target::Symbolic)
            .ok_or_else(|| wrong(format!("{} is no ref", super::header::show(&target)))),
        Value::Deleted => Err(wrong("what was deleted is listed".into())),
    }
}
