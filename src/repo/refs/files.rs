//! Refs in files of their own, and in `packed-refs`.

use std::path::{Path, PathBuf};

use gix::refs::packed;
use once_cell::unsync::OnceCell;

use super::Target;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::id::{HashKind, parse_hex};
use crate::refname::RefName;
use crate::repo::layout::{Layout, read_bounded};

/// A ref file beyond this size is none.
const REF_BYTES: u64 = 8192;

/// The refs of one repository, in the `files` format.
pub(super) struct Files {
    common_dir: PathBuf,
    git_dir: PathBuf,
    hash: HashKind,
    packed: OnceCell<Option<packed::Buffer>>,
}

impl Files {
    pub(super) fn new(layout: &Layout) -> Self {
        Self {
            common_dir: layout.common_dir.clone(),
            git_dir: layout.git_dir.clone(),
            hash: layout.hash,
            packed: OnceCell::new(),
        }
    }

    /// Returns what `HEAD` holds.
    pub(super) fn head(&self) -> Result<Option<Target>> {
        self.read_file(&self.git_dir.join("HEAD"), "HEAD")
    }

    pub(super) fn read(&self, name: &RefName) -> Result<Option<Target>> {
        let path = self.common_dir.join(os_path(name.as_bytes()));
        if let Some(target) = self.read_file(&path, &name.to_string())? {
            return Ok(Some(target));
        }
        self.read_packed(name)
    }

    /// Only the directories below the prefix are read, and of the packed refs only those that begin with it.
    pub(super) fn with_prefix(&self, prefix: &[u8]) -> Result<Vec<(RefName, Target)>> {
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
    pub(super) fn read_packed(&self, name: &RefName) -> Result<Option<Target>> {
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
    let malformed = || {
        Error::new(ErrorKind::Repository, format!("{} is no ref", crate::repo::header::show(bytes)))
    };
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
