//! Runs git as the user would: with the user's configuration, credentials and ssh.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Account, Outcome, Run};
use crate::id::{CommitId, TreeId, parse_hex};
use crate::refname::RefName;

/// A repository that the user works in.
#[derive(Clone, Debug)]
pub struct Git {
    /// The directory in which git is run.
    pub dir: PathBuf,
    /// The git directory of the work tree, absolute.
    pub git_dir: PathBuf,
    /// Whether git is told which repository is meant, so that it neither looks for one nor asks whose it is.
    pub is_named: bool,
    /// As whom git is run, if not as whoever runs refgate.
    pub account: Option<Account>,
}

impl Git {
    /// Finds the repository of a directory.
    ///
    /// # Errors
    /// There is none, or git is missing.
    pub fn find(dir: &Path) -> Result<Self> {
        if !dir.is_dir() {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("there is no directory {}", dir.display()),
            ));
        }
        let run = Run::new("git").args(["rev-parse", "--absolute-git-dir"]).in_dir(dir);
        let outcome = run.outcome()?;
        if !outcome.status.success() {
            let why = text(&outcome.stderr);
            let hint = if why.contains("dubious ownership") {
                "run it as the user who owns the repository"
            } else {
                "run refgate inside your clone, or name it: refgate -C CLONE ..."
            };
            return Err(Error::new(ErrorKind::Usage, why).hint(hint));
        }
        let git_dir = PathBuf::from(text(&outcome.stdout));
        Ok(Self { dir: dir.into(), git_dir, is_named: false, account: None })
    }

    /// Runs git and returns how it ended and what it printed.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn outcome<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Result<Outcome> {
        // refgate reads history as it is stored, so git has to as well.
        let mut run = Run::new("git").in_dir(&self.dir).variable("GIT_NO_REPLACE_OBJECTS", "1");
        if self.is_named {
            run = run.variable("GIT_DIR", &self.git_dir);
        }
        if let Some(account) = &self.account {
            run = run.as_account(account);
        }
        run.args(args).outcome()
    }

    /// Goes on if the repository has its whole history.
    ///
    /// # Errors
    /// It is a shallow clone.
    pub fn require_history(&self) -> Result<()> {
        if self.ask(["rev-parse", "--is-shallow-repository"])?.as_deref() != Some("true") {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Usage, "this clone is shallow: its history is cut off")
            .hint("git fetch --unshallow"))
    }

    /// Returns how to get what a partial clone has left out; `None` if the repository is no partial clone.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn partial_remedy(&self) -> Result<Option<String>> {
        let promisors = self.ask(["config", "--get-regexp", r"^remote\..*\.promisor$", "true"])?;
        let name = promisors.as_deref().and_then(|line| {
            line.split(' ').next()?.strip_prefix("remote.")?.strip_suffix(".promisor")
        });
        Ok(name.map(|name| format!("git fetch --refetch --no-filter {name}")))
    }

    /// Returns the top of the work tree, or the git directory of a bare repository.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn top(&self) -> Result<PathBuf> {
        let top = self.ask(["rev-parse", "--show-toplevel"])?;
        Ok(top.filter(|top| !top.is_empty()).map_or_else(|| self.git_dir.clone(), PathBuf::from))
    }

    /// Returns the email that commits of the user would bear.
    ///
    /// # Errors
    /// None is configured; one that git would make up from the name of the machine does not count.
    pub fn email(&self) -> Result<String> {
        let ident = self.ask(["-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT"])?;
        let email = ident.as_deref().and_then(|ident| ident.split_once('<')?.1.split_once('>'));
        email.map(|(email, _)| email.to_owned()).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "git does not know your name and email")
                .hint("git config user.name \"Your Name\"; git config user.email you@example.org")
        })
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

    /// Returns a value of git's configuration that is yes or no; no if it is not set.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn config_bool(&self, key: &str) -> Result<bool> {
        Ok(self.ask(["config", "--type=bool", "--get", key])?.as_deref() == Some("true"))
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

    /// Returns `+added -removed` for each path that differs between two trees; `binary` where lines do not count.
    ///
    /// # Errors
    /// git fails.
    pub fn line_counts(&self, old: TreeId, new: TreeId) -> Result<BTreeMap<Vec<u8>, String>> {
        let (old, new) = (old.to_string(), new.to_string());
        let options = ["diff-tree", "-r", "-z", "--numstat", "--no-renames", "--no-ext-diff"];
        let args = options.into_iter().chain(["--no-textconv", &old, &new]);
        let outcome = self.outcome(args)?;
        let mut counts = BTreeMap::new();
        for record in outcome.stdout.split(|b| *b == 0) {
            let mut fields = record.splitn(3, |b| *b == b'\t');
            let mut number = || fields.next().map(text).filter(|n| n != "-");
            let (added, removed) = (number(), number());
            let Some(path) = fields.next() else { continue };
            let count = match (added, removed) {
                (Some(added), Some(removed)) => format!("+{added} -{removed}"),
                _ => "binary".into(),
            };
            counts.insert(path.to_vec(), count);
        }
        Ok(counts)
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
