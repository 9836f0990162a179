//! Runs git as the user would: with the user's configuration, credentials and ssh.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Outcome, Run};
use crate::id::{CommitId, parse_hex};
use crate::refname::RefName;

/// A repository that the user works in.
#[derive(Clone, Debug)]
pub struct Git {
    /// The directory in which git is run.
    pub dir: PathBuf,
    /// The git directory of the work tree, absolute.
    pub git_dir: PathBuf,
}

impl Git {
    /// Finds the repository of a directory.
    ///
    /// # Errors
    /// There is none, or git is missing.
    pub fn find(dir: &Path) -> Result<Self> {
        let run = Run::new("git").args(["rev-parse", "--absolute-git-dir"]).in_dir(dir);
        let outcome = run.outcome()?;
        if !outcome.status.success() {
            return Err(Error::new(ErrorKind::Usage, "this is no git repository")
                .hint("run refgate inside your clone"));
        }
        Ok(Self { dir: dir.into(), git_dir: PathBuf::from(text(&outcome.stdout)) })
    }

    /// Runs git and returns how it ended and what it printed.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn outcome<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Result<Outcome> {
        Run::new("git").args(args).in_dir(&self.dir).outcome()
    }

    /// Runs git, which must succeed, and returns what it printed without the last newline.
    ///
    /// # Errors
    /// git fails; its message is in the error.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Result<String> {
        let args: Vec<A> = args.into_iter().collect();
        let outcome = self.outcome(&args)?;
        if outcome.status.success() {
            return Ok(text(&outcome.stdout));
        }
        let command: Vec<String> =
            args.iter().map(|a| a.as_ref().to_string_lossy().into_owned()).collect();
        Err(Error::new(ErrorKind::Environment, text(&outcome.stderr))
            .while_(format!("git {}", command.join(" "))))
    }

    /// Runs git for a question that may have no answer; `None` if git fails.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn ask<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Option<String>> {
        let outcome = self.outcome(args)?;
        Ok(outcome.status.success().then(|| text(&outcome.stdout)))
    }

    /// Returns a value of git's configuration.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn config(&self, key: &str) -> Result<Option<String>> {
        self.ask(["config", "--get", key])
    }

    /// Returns a value of git's configuration that is a path, with `~` expanded.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn config_path(&self, key: &str) -> Result<Option<String>> {
        self.ask(["config", "--type=path", "--get", key])
    }

    /// Returns the commit that a revision names (`gitrevisions(7)`).
    ///
    /// # Errors
    /// It names none.
    pub fn commit(&self, revision: &str) -> Result<CommitId> {
        let spec = format!("{revision}^{{commit}}");
        let found = self.ask(["rev-parse", "--verify", "--quiet", "--end-of-options", &spec])?;
        found.and_then(|hex| parse_hex(hex.as_bytes())).map(CommitId).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("{revision:?} names no commit here"))
                .hint("fetch it first: git fetch")
        })
    }

    /// Returns the branch that is checked out; `None` if `HEAD` is detached.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn branch(&self) -> Result<Option<RefName>> {
        let name = self.ask(["symbolic-ref", "--quiet", "HEAD"])?;
        Ok(name.and_then(|name| RefName::parse(name.as_bytes())))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned()
}
