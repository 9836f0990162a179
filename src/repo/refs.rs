//! Refs as the server has them: resolved by full name, listed by prefix alone.
//!
//! A ref that cannot be read is an error, never an absent ref: an empty answer
//! would make a guard judge nothing.

use std::path::{Path, PathBuf};

use gix::refs::packed;
use once_cell::unsync::OnceCell;

use super::layout::read_bounded;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::id::{HashKind, ObjectId, parse_hex};
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

/// A ref file beyond this size is none.
const REF_BYTES: u64 = 8192;

/// The refs of one repository, in the `files` format.
pub struct Refs {
    common_dir: PathBuf,
    git_dir: PathBuf,
    hash: HashKind,
    packed: OnceCell<Option<packed::Buffer>>,
}

impl Refs {
    /// Returns the refs of a repository; reads nothing yet.
    #[must_use]
    pub fn new(layout: &super::layout::Layout) -> Self {
        Self {
            common_dir: layout.common_dir.clone(),
            git_dir: layout.git_dir.clone(),
            hash: layout.hash,
            packed: OnceCell::new(),
        }
    }

    /// Returns the branch that `HEAD` names, born or unborn; `None` if `HEAD` is detached.
    ///
    /// # Errors
    /// `HEAD` cannot be read or is malformed.
    pub fn head(&self) -> Result<Option<RefName>> {
        match self.read_file(&self.git_dir.join("HEAD"), "HEAD")? {
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
        let path = self.common_dir.join(os_path(name.as_bytes()));
        if let Some(target) = self.read_file(&path, &name.to_string())? {
            return Ok(Some(target));
        }
        self.read_packed(name)
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
    /// Only the directories below the prefix are read, and of the packed refs only those that begin with it.
    ///
    /// # Errors
    /// A ref below the prefix cannot be read or is malformed.
    pub fn with_prefix(&self, prefix: &[u8]) -> Result<Vec<(RefName, Target)>> {
        let mut found = std::collections::BTreeMap::new();
        if let Some(buffer) = self.packed()? {
            let step = || "reading packed-refs".to_owned();
            let refs = buffer.iter_prefixed(prefix.into()).during(ErrorKind::Repository, step)?;
            for packed in refs {
                let packed = packed.during(ErrorKind::Repository, step)?;
                if let Some(name) = RefName::parse(packed.name.as_bstr()) {
                    found.insert(name, Target::Object(packed.target()));
                }
            }
        }
        let directory = prefix
            .iter()
            .rposition(|b| *b == b'/')
            .map_or(&b""[..], |at| prefix.get(..at).unwrap_or_default());
        let mut names = Vec::new();
        self.loose_names(directory, prefix, 0, &mut names)?;
        for name in names {
            if let Some(target) = self.read(&name)? {
                found.insert(name, target);
            }
        }
        Ok(found.into_iter().collect())
    }

    fn loose_names(
        &self,
        directory: &[u8],
        prefix: &[u8],
        depth: usize,
        names: &mut Vec<RefName>,
    ) -> Result<()> {
        use std::os::unix::ffi::OsStrExt as _;
        let path = self.common_dir.join(os_path(directory));
        let step = || format!("listing {}", directory.escape_ascii());
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(error).during(ErrorKind::Repository, step),
        };
        if depth > 64 {
            return Err(
                Error::new(ErrorKind::Repository, "directories are nested too deep").while_(step())
            );
        }
        for entry in entries {
            let entry = entry.during(ErrorKind::Repository, step)?;
            let name = [directory, b"/", entry.file_name().as_bytes()].concat();
            let is_dir = entry.path().is_dir();
            let on_the_way = name.starts_with(prefix)
                || (is_dir && prefix.starts_with(&[&name[..], b"/"].concat()));
            if !on_the_way || name.ends_with(b".lock") {
                continue;
            }
            if is_dir {
                self.loose_names(&name, prefix, depth + 1, names)?;
            } else if let Some(name) = RefName::parse(&name) {
                names.push(name);
            }
        }
        Ok(())
    }

    fn read_file(&self, path: &Path, shown: &str) -> Result<Option<Target>> {
        let step = || format!("reading {shown}");
        let bytes = match read_bounded(path, REF_BYTES) {
            Ok(bytes) => bytes,
            // A directory of refs, or a name below an existing ref: no ref of that name.
            Err(_) if path.is_dir() || path.ancestors().skip(1).any(Path::is_file) => None,
            Err(error) => return Err(error.while_(step())),
        };
        bytes
            .map(|bytes| parse(&bytes, self.hash))
            .transpose()
            .map_err(|error| error.while_(step()))
    }

    fn packed(&self) -> Result<Option<&packed::Buffer>> {
        let buffer = self.packed.get_or_try_init(|| {
            let path = self.common_dir.join("packed-refs");
            match std::fs::metadata(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => {
                    return Err(error)
                        .during(ErrorKind::Repository, || "reading packed-refs".into());
                }
                Ok(_) => {}
            }
            packed::Buffer::open(path, 32 * 1024, self.hash)
                .map(Some)
                .during(ErrorKind::Repository, || "reading packed-refs".into())
        })?;
        Ok(buffer.as_ref())
    }

    /// Returns what `packed-refs` says about a ref, whatever its own file says.
    ///
    /// # Errors
    /// `packed-refs` cannot be read.
    pub fn read_packed(&self, name: &RefName) -> Result<Option<Target>> {
        let Some(buffer) = self.packed()? else { return Ok(None) };
        let step = || format!("looking for {name} in packed-refs");
        let bytes: &gix::bstr::BStr = name.as_bytes().into();
        let full: &gix::refs::FullNameRef = bytes.try_into().during(ErrorKind::Repository, step)?;
        let found = buffer.try_find(full).during(ErrorKind::Repository, step)?;
        Ok(found.map(|packed| Target::Object(packed.target())))
    }
}

fn parse(bytes: &[u8], hash: HashKind) -> Result<Target> {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let malformed =
        || Error::new(ErrorKind::Repository, format!("{} is no ref", super::header::show(bytes)));
    if let Some(name) = text.strip_prefix(b"ref:") {
        let name = name.trim_ascii();
        return RefName::parse(name).map(Target::Symbolic).ok_or_else(malformed);
    }
    parse_hex(text.trim_ascii_end())
        .filter(|id| id.kind() == hash)
        .map(Target::Object)
        .ok_or_else(malformed)
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

#[cfg(unix)]
fn os_path(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}
