//! Where the hooks of a repository go, on each kind of server.

use std::path::{Path, PathBuf};

use super::super::args::Hook;
use super::super::server;
use crate::error::{Error, ErrorKind, Result};
use crate::host::Host;
use crate::repo::layout::{Layout, read_bounded};

/// A file that is a hook, or one of several that the server runs in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The directory of hooks in which it lies.
    pub hooks: PathBuf,
    /// Whether the server runs other hooks beside it, so that none has to make room.
    pub has_room: bool,
    /// Whether that directory is not the repository's own: what lies there is for others as well.
    pub is_outside: bool,
}

/// How much of a file is read to find out whose it is.
const SCRIPT_BYTES: u64 = 1 << 20;

/// Returns where a hook of a repository goes.
///
/// # Errors
/// The server takes hooks for all repositories alone, or git cannot be asked.
pub fn of(layout: &Layout, host: Host, hook: Hook) -> Result<Place> {
    let in_directory = |hooks: PathBuf| Place {
        file: hooks.join(format!("{}.d", hook.name())).join("refgate"),
        is_outside: is_outside(layout, &hooks),
        hooks,
        has_room: true,
    };
    match host {
        Host::Plain | Host::Gitolite => {
            let hooks = directory(layout)?;
            Ok(Place {
                file: hooks.join(hook.name()),
                is_outside: is_outside(layout, &hooks),
                hooks,
                has_room: false,
            })
        }
        // Neither has this hook, and git starts it without their help.
        Host::Gitea | Host::Forgejo if hook == Hook::ReferenceTransaction => {
            let hooks = directory(layout)?;
            Ok(Place {
                file: hooks.join(hook.name()),
                is_outside: is_outside(layout, &hooks),
                hooks,
                has_room: false,
            })
        }
        // Gitea has them in each repository; newer Forgejo in one place (`core.hooksPath`).
        Host::Gitea | Host::Forgejo => Ok(in_directory(directory(layout)?)),
        Host::Gitlab => Ok(in_directory(layout.common_dir.join("custom_hooks"))),
        Host::Ghes => Err(Error::new(
            ErrorKind::Usage,
            "GitHub Enterprise Server takes hooks for all repositories, from its own settings",
        )
        .hint("write the script for them: refgate install --host ghes --shim pre-receive.sh")),
    }
}

/// Returns the directory in which git looks for hooks: `core.hooksPath`, or `hooks/`.
///
/// # Errors
/// git cannot be asked.
pub fn directory(layout: &Layout) -> Result<PathBuf> {
    let named = server::git(layout)?.config_path("core.hooksPath")?;
    let named = named.filter(|path| !path.is_empty());
    Ok(match named {
        // A relative path begins where the hook is started: in the git directory.
        Some(path) => layout.common_dir.join(path),
        None => layout.common_dir.join("hooks"),
    })
}

/// Says whether hooks lie elsewhere than in the repository, whatever links lead there.
fn is_outside(layout: &Layout, hooks: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    !real(hooks).starts_with(real(&layout.common_dir))
}

/// Where a newer Forgejo keeps the hooks of all repositories, below its data; seen from a directory above them.
const HOMES_OF_FORGEJO: [&str; 3] = ["home", "gitea/home", "data/home"];

/// Returns the home of Forgejo's git whose hooks stand in for those of this repository, if one lies near
/// and git was not asked with it.
#[must_use]
pub fn unasked_home(layout: &Layout, hooks: &Path) -> Option<PathBuf> {
    let above = layout.common_dir.ancestors().skip(1);
    let mut homes = above.flat_map(|dir| HOMES_OF_FORGEJO.map(|home| dir.join(home)));
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    homes.find(|home| {
        let theirs = home.join("hooks");
        theirs.join("pre-receive.d/gitea").exists() && real(&theirs) != real(hooks)
    })
}

/// Finds out by what lies in a repository which kind of server it belongs to.
///
/// # Errors
/// A file of it cannot be read.
pub fn detect(layout: &Layout) -> Result<Host> {
    let dir = &layout.common_dir;
    let says = |file: PathBuf, word: &str| -> Result<bool> {
        let bytes = if file.is_file() { read_bounded(&file, SCRIPT_BYTES)? } else { None };
        Ok(bytes.is_some_and(|bytes| String::from_utf8_lossy(&bytes).contains(word)))
    };
    let theirs = dir.join("hooks/pre-receive.d/gitea");
    // In the repository, or in the one place for all of them.
    for theirs in [theirs, directory(layout)?.join("pre-receive.d/gitea")] {
        if theirs.exists() {
            let is_forgejo = says(theirs, "forgejo")?;
            return Ok(if is_forgejo { Host::Forgejo } else { Host::Gitea });
        }
    }
    if dir.join("gl-conf").is_file() || is_link_into(&dir.join("hooks/update"), ".gitolite") {
        return Ok(Host::Gitolite);
    }
    let is_hashed = dir.components().any(|part| part.as_os_str() == "@hashed");
    if is_hashed || says(dir.join("config"), "[gitlab]")? {
        return Ok(Host::Gitlab);
    }
    Ok(Host::Plain)
}

fn is_link_into(file: &Path, directory: &str) -> bool {
    std::fs::read_link(file)
        .is_ok_and(|target| target.components().any(|part| part.as_os_str() == directory))
}

/// How deep below a directory repositories are looked for.
const DEPTH: usize = 8;

/// Returns the bare repositories below a directory, in the order of their paths. Links are not followed.
///
/// # Errors
/// A directory cannot be read.
pub fn repositories_below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    look_below(directory, DEPTH, &mut found)?;
    found.sort();
    Ok(found)
}

fn look_below(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    use crate::error::ResultExt as _;
    if is_repository(directory) {
        found.push(directory.into());
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    let step = || format!("looking for repositories in {}", directory.display());
    for entry in std::fs::read_dir(directory).during(ErrorKind::Environment, step)? {
        let entry = entry.during(ErrorKind::Environment, step)?;
        if entry.file_type().during(ErrorKind::Environment, step)?.is_dir() {
            look_below(&entry.path(), depth - 1, found)?;
        }
    }
    Ok(())
}

fn is_repository(directory: &Path) -> bool {
    directory.join("HEAD").is_file()
        && directory.join("objects").is_dir()
        && directory.join("config").is_file()
}
