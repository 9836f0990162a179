//! Where a repository keeps what, read from its own `config` alone.

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::id::HashKind;

/// The directories of a repository and the format of its objects.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The git directory: `HEAD` and, for a linked worktree, nothing else of interest.
    pub git_dir: PathBuf,
    /// The directory that all worktrees share: refs, objects, configuration.
    pub common_dir: PathBuf,
    /// The hash function of the repository's object ids.
    pub hash: HashKind,
    /// How the refs are stored.
    pub refs: RefFormat,
}

/// How a repository stores its refs (`extensions.refStorage`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefFormat {
    /// In files of their own, and in `packed-refs`.
    Files,
    /// In a stack of tables.
    Reftable,
}

/// A repository's `config` beyond this size is not one that people wrote.
const CONFIG_BYTES: u64 = 4 << 20;

impl Layout {
    /// Reads the layout of the repository at `git_dir`.
    ///
    /// Only the repository's own `config` is read, without includes: the
    /// configuration of the user and the environment decide nothing.
    ///
    /// # Errors
    /// Refuses what refgate cannot read faithfully: an unknown repository format or
    /// extension (`gitrepository-layout(5)`), a shallow repository, one with
    /// grafts, a partial clone.
    pub fn open(git_dir: &Path) -> Result<Self> {
        let common_dir = common_dir(git_dir)?;
        let config = common_dir.join("config");
        let bytes = read_bounded(&config, CONFIG_BYTES)?
            .ok_or_else(|| repository_error(format!("{}: no such file", config.display())))?;
        let (hash, refs) = formats(&bytes)
            .map_err(|error| error.while_(format!("reading {}", config.display())))?;
        for (file, why) in [
            ("shallow", "the repository is shallow, so its history is cut off"),
            ("info/grafts", "the repository has grafts, which rewrite its history for git alone"),
        ] {
            let path = common_dir.join(file);
            if std::fs::metadata(&path).is_ok_and(|m| m.len() > 0) {
                return Err(repository_error(format!("{}: {why}", path.display()))
                    .hint("complete the repository and remove that file"));
            }
        }
        Ok(Self { git_dir: git_dir.into(), common_dir, hash, refs })
    }

    /// Returns the directory of the repository's own objects.
    #[must_use]
    pub fn objects_dir(&self) -> PathBuf {
        self.common_dir.join("objects")
    }
}

fn common_dir(git_dir: &Path) -> Result<PathBuf> {
    let Some(bytes) = read_bounded(&git_dir.join("commondir"), 4096)? else {
        return Ok(git_dir.into());
    };
    let text =
        std::str::from_utf8(&bytes).during(ErrorKind::Repository, || "reading commondir".into())?;
    Ok(git_dir.join(text.trim_end_matches('\n')))
}

fn formats(config: &[u8]) -> Result<(HashKind, RefFormat)> {
    use gix::config::File;
    let options = gix::config::file::init::Options::default();
    let metadata = gix::config::file::Metadata::api();
    let file = File::from_bytes_no_includes(config, metadata, options)
        .during(ErrorKind::Repository, || "parsing".into())?;
    let (mut hash, mut refs) = (HashKind::Sha1, RefFormat::Files);
    let version =
        file.string("core.repositoryformatversion").map_or_else(|| "0".into(), |v| v.to_string());
    if !matches!(version.as_str(), "0" | "1") {
        return Err(repository_error(format!(
            "repository format version {version:?} is not known"
        )));
    }
    for section in file.sections_by_name("extensions").into_iter().flatten() {
        for (name, value) in section.body() {
            let name = name.to_ascii_lowercase();
            let value = value.to_string();
            match (name.as_str(), value.to_ascii_lowercase().as_str()) {
                ("objectformat", "sha1") => hash = HashKind::Sha1,
                ("objectformat", "sha256") => hash = HashKind::Sha256,
                ("refstorage", "files") => refs = RefFormat::Files,
                // git itself refuses it in a repository of the older format.
                ("refstorage", "reftable") if version == "1" => refs = RefFormat::Reftable,
                ("noop" | "preciousobjects" | "worktreeconfig" | "relativeworktrees", _) => {}
                ("partialclone", _) => {
                    return Err(repository_error(
                        "it is a partial clone, so objects may be missing",
                    ));
                }
                _ => {
                    return Err(repository_error(format!(
                        "extension {name:?} = {value:?} is not known"
                    )));
                }
            }
        }
    }
    Ok((hash, refs))
}

fn repository_error(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Repository, what)
}

/// Reads a file of at most `limit` bytes; `None` if there is none.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    use std::io::Read as _;
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error)
                .during(ErrorKind::Environment, || format!("opening {}", path.display()));
        }
    };
    // Most of these files are small: one read takes them whole, and one finds the end.
    let mut bytes = Vec::with_capacity(512);
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .during(ErrorKind::Environment, || format!("reading {}", path.display()))?;
    if bytes.len() as u64 > limit {
        return Err(repository_error(format!("{} has more than {limit} bytes", path.display())));
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formats_come_from_the_extensions() {
        let read = |config: &[u8]| formats(config).expect("known formats");
        let plain = b"[core]\n\tbare = true\n";
        assert_eq!(read(plain), (HashKind::Sha1, RefFormat::Files));
        let one = b"[core]\nrepositoryformatversion = 1\n[extensions]\n".to_vec();
        let with = |lines: &[u8]| [&one, lines].concat();
        let sha256 = with(b"\tobjectformat = sha256\n");
        assert_eq!(read(&sha256), (HashKind::Sha256, RefFormat::Files));
        let tables = with(b"\trefStorage = reftable\n");
        assert_eq!(read(&tables), (HashKind::Sha1, RefFormat::Reftable));
        let files = with(b"\trefStorage = files\n");
        assert_eq!(read(&files), (HashKind::Sha1, RefFormat::Files));
    }

    #[test]
    fn t154_other_places_for_refs_are_refused() {
        for config in [
            "[extensions]\nrefStorage = reftable\n",
            "[core]\nrepositoryformatversion = 1\n[extensions]\nrefStorage = reftable:///elsewhere\n",
            "[core]\nrepositoryformatversion = 1\n[extensions]\nrefStorage = new\n",
        ] {
            let error = formats(config.as_bytes()).expect_err(config);
            assert!(error.to_string().contains("refstorage"), "{error}");
        }
    }

    #[test]
    fn t156_a_partial_clone_and_unknown_extensions_are_refused() {
        for config in ["partialClone = origin", "compatObjectFormat = sha256", "new = thing"] {
            let config = format!("[extensions]\n{config}\n");
            assert!(formats(config.as_bytes()).is_err(), "{config}");
        }
        assert!(formats(b"[core]\nrepositoryformatversion = 2\n").is_err());
    }
}
