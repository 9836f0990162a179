//! What installing does, step by step: shown before it is done, and undone if a later step fails.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::super::output::Output;
use super::shim;
use crate::client::git::Git;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};

/// One step.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Makes a directory.
    Directory(PathBuf),
    /// Keeps the hook that is there, which runs first from now on.
    Keep {
        /// Where it is.
        from: PathBuf,
        /// Where it is kept.
        to: PathBuf,
    },
    /// Writes a script that starts refgate.
    Script {
        /// The file.
        file: PathBuf,
        /// What is in it.
        text: String,
    },
    /// Adds a value to git's configuration of the repository.
    Config {
        /// Asks git.
        git: Git,
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
    },
    /// Writes a file of settings or of notes to ourselves.
    File {
        /// The file.
        file: PathBuf,
        /// What is in it.
        text: String,
        /// What that is good for.
        why: &'static str,
    },
}

impl Step {
    /// Says what the step does.
    #[must_use]
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Directory(directory) => format!("make {}", directory.display()),
            Self::Keep { from, to } => {
                format!("keep {}, which runs first: {}", from.display(), to.display())
            }
            Self::Config { key, value, .. } => format!("set {key} = {value}"),
            Self::Script { file, .. } => format!("write {}", file.display()),
            Self::File { file, why, .. } => format!("write {why} to {}", file.display()),
        }
    }
}

/// What puts a step back.
enum Undo {
    Remove(PathBuf),
    RemoveDirectory(PathBuf),
    Config(Git, &'static str, String),
    /// A link that was there.
    Link(PathBuf, PathBuf),
    /// A file that was there, with its mode.
    Restore(PathBuf, Vec<u8>, u32),
}

/// Takes all steps, or none: what was done is undone when one fails.
///
/// # Errors
/// A step failed; says which, and what could not be undone.
pub(super) fn take(steps: &[Step], out: &mut Output) -> Result<()> {
    let mut undo = Vec::new();
    let mut said = Vec::new();
    for step in steps {
        if let Err(mut error) = take_one(step, &mut undo, &mut said) {
            for undo in undo.into_iter().rev() {
                if let Err(problem) = put_back(&undo) {
                    error = error.while_(format!("and not undone: {problem}"));
                }
            }
            return Err(
                error.hint("nothing was changed; run this as the user who owns the repository")
            );
        }
    }
    said.iter().for_each(|line| out.line(line));
    Ok(())
}

fn take_one(step: &Step, undo: &mut Vec<Undo>, said: &mut Vec<String>) -> Result<()> {
    let doing = || step.shown();
    match step {
        Step::Directory(directory) => {
            if !directory.is_dir() {
                std::fs::create_dir(directory).during(ErrorKind::Environment, doing)?;
                undo.push(Undo::RemoveDirectory(directory.clone()));
            }
        }
        Step::Keep { from, to } => {
            undo.push(before(to)?);
            copy(from, to)?;
            said.push(format!("kept the hook that was there, which runs first: {}", to.display()));
        }
        Step::Config { git, key, value } => {
            git.run(["config", "--add", key, value]).map_err(|error| error.while_(doing()))?;
            undo.push(Undo::Config(git.clone(), key, value.clone()));
            said.push(format!("set {key} = {value}"));
        }
        Step::Script { file, text } => {
            undo.push(before(file)?);
            shim::write(file, text)?;
            said.push(format!("installed {}", file.display()));
        }
        Step::File { file, text, why } => {
            undo.push(before(file)?);
            replace(file, text)?;
            said.push(format!("wrote {why} to {}", file.display()));
        }
    }
    Ok(())
}

/// Writes a file in one step; one that is there keeps its mode.
pub(super) fn replace(file: &Path, text: &str) -> Result<()> {
    let step = || format!("writing {}", file.display());
    let mode = std::fs::metadata(file).map_or(0o644, |metadata| metadata.permissions().mode());
    let temporary = file.with_extension(format!("refgate-new-{}", std::process::id()));
    let written = std::fs::write(&temporary, text)
        .and_then(|()| {
            std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(mode & 0o7777))
        })
        .and_then(|()| std::fs::rename(&temporary, file));
    if written.is_err() {
        drop(std::fs::remove_file(&temporary));
    }
    written.during(ErrorKind::Environment, step)
}

/// Returns what puts a file back to what it is now.
fn before(file: &Path) -> Result<Undo> {
    if let Ok(target) = std::fs::read_link(file) {
        return Ok(Undo::Link(file.into(), target));
    }
    if !file.is_file() {
        return Ok(Undo::Remove(file.into()));
    }
    let step = || format!("reading {}", file.display());
    let bytes = std::fs::read(file).during(ErrorKind::Environment, step)?;
    let mode = std::fs::metadata(file).during(ErrorKind::Environment, step)?.permissions().mode();
    Ok(Undo::Restore(file.into(), bytes, mode & 0o7777))
}

fn put_back(undo: &Undo) -> Result<()> {
    match undo {
        Undo::Remove(file) => match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).during(ErrorKind::Environment, || format!("removing {}", file.display()))
            }
            _ => Ok(()),
        },
        Undo::Config(git, key, value) => unset(git, key, value),
        Undo::Link(file, target) => link(target, file),
        Undo::RemoveDirectory(directory) => std::fs::remove_dir(directory)
            .during(ErrorKind::Environment, || format!("removing {}", directory.display())),
        Undo::Restore(file, bytes, mode) => {
            let text = String::from_utf8_lossy(bytes);
            if text.as_bytes() == bytes.as_slice() && mode & 0o111 != 0 {
                return shim::write(file, &text);
            }
            std::fs::write(file, bytes)
                .during(ErrorKind::Environment, || format!("restoring {}", file.display()))
        }
    }
}

/// Copies a hook with its mode; a symbolic link is kept as a link, which must still lead somewhere.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let step = || format!("keeping {}", from.display());
    let is_link =
        from.symlink_metadata().during(ErrorKind::Environment, step)?.file_type().is_symlink();
    if !is_link {
        return std::fs::copy(from, to).map(drop).during(ErrorKind::Environment, step);
    }
    from.canonicalize().map_err(|error| {
        Error::new(ErrorKind::Environment, error.to_string())
            .while_(step())
            .hint("the link leads nowhere: remove it, or mend it, and install again")
    })?;
    let target = std::fs::read_link(from).during(ErrorKind::Environment, step)?;
    // A relative link begins where it lies, now one directory deeper.
    let target = if target.is_absolute() { target } else { Path::new("..").join(target) };
    if to.symlink_metadata().is_ok() {
        std::fs::remove_file(to).during(ErrorKind::Environment, step)?;
    }
    std::os::unix::fs::symlink(target, to).during(ErrorKind::Environment, step)
}

/// Takes a kept hook back to its place; a relative link leads where it led before.
///
/// # Errors
/// It cannot be moved.
pub(super) fn bring_back(kept: &Path, file: &Path) -> Result<()> {
    let step = || format!("restoring {}", file.display());
    let target = std::fs::read_link(kept).ok();
    match target.as_deref().and_then(|target| target.strip_prefix("..").ok()) {
        Some(target) => {
            link(target, file)?;
            std::fs::remove_file(kept).during(ErrorKind::Environment, step)
        }
        None => std::fs::rename(kept, file).during(ErrorKind::Environment, step),
    }
}

/// Makes a link in one step, in place of what is there.
fn link(target: &Path, file: &Path) -> Result<()> {
    let temporary = file.with_extension(format!("refgate-new-{}", std::process::id()));
    std::os::unix::fs::symlink(target, &temporary)
        .and_then(|()| std::fs::rename(&temporary, file))
        .during(ErrorKind::Environment, || format!("linking {}", file.display()))
}

/// Takes one value out of git's configuration of the repository.
///
/// # Errors
/// git cannot write it.
pub(super) fn unset(git: &Git, key: &str, value: &str) -> Result<()> {
    let outcome = git.outcome(["config", "--fixed-value", "--unset-all", key, value])?;
    // Five: it is gone already.
    if outcome.status.success() || outcome.status.code() == Some(5) {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&outcome.stderr).trim().to_owned();
    Err(Error::new(ErrorKind::Environment, why).while_(format!("taking out {key} = {value}")))
}
