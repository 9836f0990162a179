//! What installing and uninstalling do, step by step: shown before it is done, and undone if a later step fails.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::client::git::Git;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::repo::layout::Layout;
use crate::summary::key;

/// One step.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Makes a directory, which belongs to whoever owns the one above it.
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
        key: String,
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
    /// Makes the key that signs verification summaries.
    Key(Layout),
    /// Takes one value out of git's configuration of the repository.
    Unset {
        /// Asks git.
        git: Git,
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// Takes a kept hook back to its place.
    BringBack {
        /// Where it is kept.
        kept: PathBuf,
        /// Where it was.
        file: PathBuf,
    },
    /// Removes a file.
    Remove(PathBuf),
    /// Removes a directory, unless others have put something there.
    RemoveDirectory(PathBuf),
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
            Self::Key(layout) => {
                let path = key::path(layout);
                format!("make a key that signs verification summaries: {}", path.display())
            }
            Self::Unset { key, value, .. } => format!("take out {key} = {value}"),
            Self::BringBack { file, .. } => format!("put back {}", file.display()),
            Self::Remove(file) => format!("remove {}", file.display()),
            Self::RemoveDirectory(directory) => {
                format!("remove {} if it is empty", directory.display())
            }
        }
    }
}

/// What puts a step back.
enum Undo {
    Remove(PathBuf),
    RemoveDirectory(PathBuf),
    Unset(Git, String, String),
    Add(Git, String, String),
    /// What was there.
    Restore(PathBuf, Was),
}

/// A file or a link as it was.
enum Was {
    /// The very file under another name: to take it back needs no room on the disk.
    Kept(PathBuf),
    /// What was in it, where it can have no other name.
    File(Vec<u8>, Mode),
    Link(PathBuf),
}

/// Mode and owner.
#[derive(Clone, Copy)]
struct Mode {
    mode: u32,
    uid: u32,
    gid: u32,
}

impl Mode {
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            mode: metadata.permissions().mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
        }
    }

    /// Gives a file that we have made this mode and, as far as we may, this owner.
    fn give(self, file: &Path) -> std::io::Result<()> {
        let is = Self::of(&std::fs::metadata(file)?);
        if (is.uid, is.gid) != (self.uid, self.gid) {
            std::os::unix::fs::chown(file, Some(self.uid), Some(self.gid))?;
        }
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(self.mode))
    }
}

/// Takes all steps, or none: what was done is undone when one fails. Returns what was done.
///
/// # Errors
/// A step failed; says which, and what could not be undone.
pub(super) fn take(steps: &[Step]) -> Result<Vec<String>> {
    let mut undo = Vec::new();
    let mut said = Vec::new();
    // Directories go last, when nothing is kept in them any more; that they stay is no failure.
    let is_last = |step: &&Step| matches!(step, Step::RemoveDirectory(_));
    for step in steps.iter().filter(|step| !is_last(step)) {
        if let Err(mut error) = take_one(step, &mut undo, &mut said) {
            let mut is_undone = true;
            for undo in undo.into_iter().rev() {
                if let Err(problem) = put_back(undo) {
                    is_undone = false;
                    error = error.while_(format!("and not undone: {problem}"));
                }
            }
            return Err(if is_undone {
                error.hint("nothing was changed; run this as the user who owns the repository")
            } else {
                error.hint("mend what the message names, then run this again")
            });
        }
    }
    for undo in undo {
        if let Undo::Restore(_, Was::Kept(other)) = undo {
            drop(std::fs::remove_file(other));
        }
    }
    for step in steps.iter().filter(is_last) {
        if let Step::RemoveDirectory(directory) = step {
            drop(std::fs::remove_dir(directory));
        }
    }
    Ok(said)
}

fn take_one(step: &Step, undo: &mut Vec<Undo>, said: &mut Vec<String>) -> Result<()> {
    let doing = || step.shown();
    match step {
        Step::Directory(directory) => {
            if !directory.is_dir() {
                make_directory(directory).during(ErrorKind::Environment, doing)?;
                undo.push(Undo::RemoveDirectory(directory.clone()));
            }
        }
        Step::Keep { from, to } => {
            undo.push(Undo::Remove(to.clone()));
            keep(from, to)?;
            said.push(format!("kept the hook that was there, which runs first: {}", to.display()));
        }
        Step::Config { git, key, value } => {
            git.run(["config", "--add", key, value]).map_err(|error| error.while_(doing()))?;
            undo.push(Undo::Unset(git.clone(), key.clone(), value.clone()));
            said.push(format!("set {key} = {value}"));
        }
        Step::Script { file, text } => {
            undo.push(before(file)?);
            write(file, text.as_bytes(), Some(0o755))?;
            said.push(format!("installed {}", file.display()));
        }
        Step::File { file, text, why } => {
            undo.push(before(file)?);
            write(file, text.as_bytes(), None)?;
            said.push(format!("wrote {why} to {}", file.display()));
        }
        Step::Key(layout) => {
            let path = key::path(layout);
            if let Some(directory) = path.parent().filter(|directory| !directory.exists()) {
                undo.push(Undo::RemoveDirectory(directory.into()));
            }
            undo.push(Undo::Remove(path.with_extension("pem.new")));
            undo.push(Undo::Remove(path));
            said.extend(key::make(layout)?.iter().flat_map(told_of_key));
        }
        Step::Unset { git, key, value } => {
            unset(git, key, value)?;
            undo.push(Undo::Add(git.clone(), key.clone(), value.clone()));
        }
        Step::BringBack { kept, file } => {
            undo.push(before(file)?);
            undo.push(before(kept)?);
            bring_back(kept, file)?;
        }
        Step::Remove(file) => {
            undo.push(before(file)?);
            std::fs::remove_file(file).during(ErrorKind::Environment, doing)?;
        }
        // See `take`.
        Step::RemoveDirectory(_) => {}
    }
    Ok(())
}

/// Says how the key of the server becomes known.
fn told_of_key(made: &key::Made) -> Vec<String> {
    let mut told = vec![
        format!("made a key that signs verification summaries: {}", made.path.display()),
        "so that clones can verify them, commit its public half to meta/keyring/server.pem:".into(),
    ];
    told.extend(made.public.lines().map(str::to_owned));
    told.push("and list it under \"Automation\" in meta/STRUCTURE.md:".into());
    told.push(format!("| Server | refgate@localhost | `{}` | summaries |", made.fingerprint));
    told
}

/// Makes a directory for whoever owns the one above it, so that they can remove it again.
fn make_directory(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir(directory)?;
    let Some(above) = directory.parent() else { return Ok(()) };
    let Mode { uid, gid, .. } = Mode::of(&std::fs::metadata(above)?);
    Mode { uid, gid, ..Mode::of(&std::fs::metadata(directory)?) }.give(directory)
}

/// Writes a file in one step: whoever reads it meanwhile finds the old or the new one.
///
/// A file that is there keeps its owner, and its mode unless another is asked for. Scripts get the
/// owner of whoever runs this: they are not for the account that people push to to change.
fn write(file: &Path, bytes: &[u8], mode: Option<u32>) -> Result<()> {
    let was = std::fs::metadata(file).ok().map(|metadata| Mode::of(&metadata));
    let wanted = match (mode, was) {
        (None, Some(was)) => Some(was),
        _ => None,
    };
    let step = || format!("writing {}", file.display());
    put(file, step, |temporary| {
        std::fs::write(temporary, bytes)?;
        match wanted {
            Some(wanted) => wanted.give(temporary)?,
            None => {
                let mode = std::fs::Permissions::from_mode(mode.unwrap_or(0o644));
                std::fs::set_permissions(temporary, mode)?;
            }
        }
        std::fs::File::open(temporary)?.sync_all()
    })
}

/// Makes a file under another name and renames it.
fn put(
    file: &Path,
    step: impl FnOnce() -> String,
    make: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<()> {
    let temporary = beside(file, "new");
    // One that an earlier run with this number has left behind is in nobody's way.
    drop(std::fs::remove_file(&temporary));
    let made = make(&temporary).and_then(|()| std::fs::rename(&temporary, file));
    if made.is_err() {
        drop(std::fs::remove_file(&temporary));
    }
    made.during(ErrorKind::Environment, step)
}

/// A name in the same directory that nobody looks for.
fn beside(file: &Path, what: &str) -> PathBuf {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    file.with_file_name(format!(".{name}.refgate-{what}-{}", std::process::id()))
}

/// Returns what puts a file back to what it is now.
fn before(file: &Path) -> Result<Undo> {
    if let Ok(target) = std::fs::read_link(file) {
        return Ok(Undo::Restore(file.into(), Was::Link(target)));
    }
    if !file.is_file() {
        return Ok(Undo::Remove(file.into()));
    }
    let other = beside(file, "was");
    drop(std::fs::remove_file(&other));
    if std::fs::hard_link(file, &other).is_ok() {
        return Ok(Undo::Restore(file.into(), Was::Kept(other)));
    }
    let step = || format!("reading {}", file.display());
    let bytes = std::fs::read(file).during(ErrorKind::Environment, step)?;
    let metadata = std::fs::metadata(file).during(ErrorKind::Environment, step)?;
    Ok(Undo::Restore(file.into(), Was::File(bytes, Mode::of(&metadata))))
}

fn put_back(undo: Undo) -> Result<()> {
    match undo {
        Undo::Remove(file) => match std::fs::remove_file(&file) {
            // What could not be made is not there, or is a directory that was there before.
            Err(error)
                if error.kind() != std::io::ErrorKind::NotFound
                    && !file.is_dir()
                    && file.symlink_metadata().is_ok() =>
            {
                Err(error).during(ErrorKind::Environment, || format!("removing {}", file.display()))
            }
            _ => Ok(()),
        },
        Undo::Unset(git, key, value) => unset(&git, &key, &value),
        Undo::Add(git, key, value) => git.run(["config", "--add", &key, &value]).map(drop),
        Undo::RemoveDirectory(directory) => match std::fs::remove_dir(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)
                .during(ErrorKind::Environment, || format!("removing {}", directory.display())),
            _ => Ok(()),
        },
        Undo::Restore(file, Was::Link(target)) => link(&target, &file),
        Undo::Restore(file, Was::Kept(other)) => {
            let put_back = std::fs::rename(&other, &file);
            // Where it was not replaced yet, both names are those of one file, and stay (`rename(2)`).
            drop(std::fs::remove_file(&other));
            put_back.during(ErrorKind::Environment, || format!("restoring {}", file.display()))
        }
        Undo::Restore(file, Was::File(bytes, mode)) => {
            let is_there = std::fs::read(&file).is_ok_and(|now| now == bytes)
                && file.symlink_metadata().is_ok_and(|now| now.is_file());
            if is_there {
                return Ok(());
            }
            put(
                &file,
                || format!("restoring {}", file.display()),
                |temporary| {
                    std::fs::write(temporary, &bytes)?;
                    mode.give(temporary)
                },
            )
        }
    }
}

/// Keeps a hook as it is: the very file where it can have two names, else a copy with its mode and
/// owner; a symbolic link is kept as a link, which must still lead somewhere.
fn keep(from: &Path, to: &Path) -> Result<()> {
    let step = || format!("keeping {}", from.display());
    let metadata = from.symlink_metadata().during(ErrorKind::Environment, step)?;
    if metadata.is_dir() {
        return Err(Error::new(ErrorKind::Environment, "it is a directory").while_(step()));
    }
    if !metadata.file_type().is_symlink() {
        return std::fs::hard_link(from, to)
            .or_else(|_| {
                std::fs::copy(from, to)?;
                // Where we may not give it away, it is a copy of our own.
                drop(Mode::of(&metadata).give(to));
                Ok::<(), std::io::Error>(())
            })
            .during(ErrorKind::Environment, step);
    }
    from.canonicalize().map_err(|error| {
        Error::new(ErrorKind::Environment, error.to_string())
            .while_(step())
            .hint("the link leads nowhere: remove it, or mend it, and install again")
    })?;
    let target = std::fs::read_link(from).during(ErrorKind::Environment, step)?;
    // A relative link begins where it lies, now one directory deeper.
    let target = if target.is_absolute() { target } else { Path::new("..").join(target) };
    std::os::unix::fs::symlink(target, to)
        .and_then(|()| own_link(to, &metadata))
        .during(ErrorKind::Environment, step)
}

/// Gives a link the owner that another had.
fn own_link(link: &Path, was: &std::fs::Metadata) -> std::io::Result<()> {
    let is = link.symlink_metadata()?;
    if (is.uid(), is.gid()) == (was.uid(), was.gid()) {
        return Ok(());
    }
    std::os::unix::fs::lchown(link, Some(was.uid()), Some(was.gid()))
}

/// Takes a kept hook back to its place; a relative link leads where it led before.
fn bring_back(kept: &Path, file: &Path) -> Result<()> {
    let step = || format!("restoring {}", file.display());
    let target = std::fs::read_link(kept).ok();
    match target.as_deref().and_then(|target| target.strip_prefix("..").ok()) {
        Some(target) => {
            let was = kept.symlink_metadata().during(ErrorKind::Environment, step)?;
            link(target, file)?;
            own_link(file, &was).during(ErrorKind::Environment, step)?;
            std::fs::remove_file(kept).during(ErrorKind::Environment, step)
        }
        None => std::fs::rename(kept, file).during(ErrorKind::Environment, step),
    }
}

/// Makes a link in one step, in place of what is there.
fn link(target: &Path, file: &Path) -> Result<()> {
    let step = || format!("linking {}", file.display());
    put(file, step, |temporary| std::os::unix::fs::symlink(target, temporary))
}

/// Takes one value out of git's configuration of the repository.
fn unset(git: &Git, key: &str, value: &str) -> Result<()> {
    let outcome = git.outcome(["config", "--fixed-value", "--unset-all", key, value])?;
    // Five: it is gone already.
    if outcome.status.success() || outcome.status.code() == Some(5) {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&outcome.stderr).trim().to_owned();
    Err(Error::new(ErrorKind::Environment, why).while_(format!("taking out {key} = {value}")))
}
