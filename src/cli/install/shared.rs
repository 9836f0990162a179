//! Hooks that lie outside of a repository (`core.hooksPath`) guard all repositories that look there.
//!
//! Who has installed there is written down beside them, so that taking refgate out of one repository
//! does not take it from others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::super::server;
use super::place::{self, Place};
use super::steps::Step;
use super::{shim, text};
use crate::error::{Error, ErrorKind, Result};
use crate::repo::layout::Layout;

/// The file beside the hooks.
const RECORD: &str = "refgate.repositories";

/// The repositories that have installed into a directory of hooks, and the directories that were made for them.
pub(super) struct Users {
    file: PathBuf,
    before: String,
    lines: BTreeSet<String>,
}

impl Users {
    /// Reads who uses a directory of hooks.
    ///
    /// # Errors
    /// The record cannot be read.
    pub(super) fn read(hooks: &Path) -> Result<Self> {
        let file = hooks.join(RECORD);
        let before = text(&file)?;
        let lines = before.lines().map(str::to_owned).collect();
        Ok(Self { file, before, lines })
    }

    /// Adds a repository, and directories that it makes outside of itself.
    pub(super) fn add(&mut self, layout: &Layout, made: &[PathBuf]) {
        self.lines.insert(line(layout));
        let made = made.iter().filter(|path| !path.starts_with(&layout.common_dir));
        self.lines.extend(made.map(|path| format!("directory {}", path.display())));
    }

    /// Takes a repository out.
    pub(super) fn leave(&mut self, layout: &Layout) {
        self.lines.remove(&line(layout));
    }

    /// Returns the repositories that are still there, but those.
    fn others(&self, going: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
        let paths = self.lines.iter().filter_map(|line| line.strip_prefix("repository "));
        paths.map(PathBuf::from).filter(|path| path.is_dir() && !going.contains(path)).collect()
    }

    /// Says whether nobody is left.
    pub(super) fn is_empty(&self) -> bool {
        self.others(&BTreeSet::new()).is_empty()
    }

    /// Returns what writes the record, if it is another one now.
    pub(super) fn write(&self) -> Option<Step> {
        let text: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        let why = "who uses these hooks";
        (text != self.before).then(|| Step::File { file: self.file.clone(), text, why })
    }

    /// Returns what removes the record, and the directories that were made.
    pub(super) fn remove(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.before.is_empty() {
            steps.push(Step::Remove(self.file.clone()));
        }
        let made = self.lines.iter().rev().filter_map(|line| line.strip_prefix("directory "));
        steps.extend(made.map(|path| Step::RemoveDirectory(path.into())));
        steps
    }
}

fn line(layout: &Layout) -> String {
    format!("repository {}", layout.common_dir.display())
}

/// Refuses to take hooks out that guard repositories which stay.
///
/// # Errors
/// Others are guarded by them, or may be: all that look there by the configuration of the account or the server.
pub(super) fn require_last(
    layout: &Layout,
    place: &Place,
    going: &BTreeSet<PathBuf>,
) -> Result<()> {
    if !place.is_outside || !shim::is_ours(&place.file)? {
        return Ok(());
    }
    let hooks = place.hooks.display();
    let others = Users::read(&place.hooks)?.others(going);
    let what = if let Some(other) = others.first() {
        let more = match others.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        format!("the hooks in {hooks} guard {}{more} as well", other.display())
    } else if is_for_all(layout)? {
        format!("the hooks in {hooks} guard every repository that has no core.hooksPath of its own")
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Usage, what)
        .hint("to take the guard from all of them: refgate uninstall --shared ..."))
}

/// Says whether `core.hooksPath` comes from the account or the server, and not from the repository.
fn is_for_all(layout: &Layout) -> Result<bool> {
    let git = server::git(layout)?;
    Ok(git.ask(["config", "--local", "--get", "core.hooksPath"])?.is_none())
}

/// Refuses to install where Forgejo does not look.
///
/// # Errors
/// Forgejo has its hooks in one place, and git was not asked with the home that says so.
pub(super) fn require_home(layout: &Layout) -> Result<()> {
    let hooks = place::directory(layout)?;
    let Some(home) = place::unasked_home(layout, &hooks) else { return Ok(()) };
    let what = format!(
        "Forgejo runs the hooks of {}, and none of {}",
        home.join("hooks").display(),
        hooks.display()
    );
    Err(Error::new(ErrorKind::Usage, what).hint(format!(
        "give git the same home as Forgejo does: HOME={} refgate ...",
        home.display()
    )))
}
