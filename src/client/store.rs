//! Writes objects and refs into a repository.
//!
//! A clone has worktrees, reflogs and refs in one format or another, and git knows them all: there a
//! ref is moved by git itself. On a server, where a person waits for it, a ref in files is moved in process.
//! Either way only if it is where it is believed to be.

use std::ffi::OsStr;
use std::path::Path;

use super::sign::Signer;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::Run;
use crate::id::{CommitId, HashKind, ObjectId, TreeId};
use crate::refname::RefName;
use crate::repo::fault::ObjectKind;
use crate::repo::header::Ident;
use crate::repo::layout::{Layout, RefFormat};
use crate::repo::write::{move_file_ref, write_loose};

/// A repository that is written to.
pub struct Store {
    layout: Layout,
    is_server: bool,
}

impl Store {
    /// Opens the clone at a git directory.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(git_dir: &Path) -> Result<Self> {
        Ok(Self { layout: Layout::open(git_dir)?, is_server: false })
    }

    /// Returns the store of a server's repository.
    #[must_use]
    pub fn of_server(layout: &Layout) -> Self {
        Self { layout: layout.clone(), is_server: true }
    }

    /// Stores an object and returns its id.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, kind: ObjectKind, bytes: &[u8]) -> Result<ObjectId> {
        write_loose(&self.layout.objects_dir(), self.layout.hash, kind, bytes)
    }

    /// Stores a commit of the user and returns its id; signs it if there is a signer.
    ///
    /// # Errors
    /// Nobody is configured as the committer, or the commit cannot be signed or written.
    pub fn commit(
        &self,
        tree: TreeId,
        parents: &[CommitId],
        message: &str,
        signer: Option<&Signer>,
    ) -> Result<CommitId> {
        let who = self.who()?;
        self.write_commit(tree, parents, (&who, &who), message, signer)
    }

    /// Stores a commit of another author that the user commits, and returns its id.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn commit_by(
        &self,
        author: &Ident,
        tree: TreeId,
        parents: &[CommitId],
        message: &str,
        signer: Option<&Signer>,
    ) -> Result<CommitId> {
        let author =
            format!("{} <{}> {} +0000", plain(&author.name), plain(&author.email), author.seconds);
        self.write_commit(tree, parents, (&author, &self.who()?), message, signer)
    }

    /// Stores a commit of the server itself, who has no configuration, and returns its id.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn commit_of_server(
        &self,
        tree: TreeId,
        parent: Option<CommitId>,
        message: &str,
        now: crate::clock::Timestamp,
    ) -> Result<CommitId> {
        let who = format!("refgate <refgate@localhost> {} +0000", now.as_second());
        let parents: Vec<CommitId> = parent.into_iter().collect();
        self.write_commit(tree, &parents, (&who, &who), message, None)
    }

    fn write_commit(
        &self,
        tree: TreeId,
        parents: &[CommitId],
        (author, committer): (&str, &str),
        message: &str,
        signer: Option<&Signer>,
    ) -> Result<CommitId> {
        let parents: String = parents.iter().map(|parent| format!("parent {parent}\n")).collect();
        let header = format!("tree {tree}\n{parents}author {author}\ncommitter {committer}\n");
        let message = message.trim_end();
        let text = format!("{header}\n{message}\n");
        let Some(signer) = signer else {
            return self.write(ObjectKind::Commit, text.as_bytes()).map(CommitId);
        };
        let signature = signer.sign_commit(text.as_bytes())?;
        let signature = String::from_utf8_lossy(&signature).trim_end().replace('\n', "\n ");
        let field = match tree.0.kind() {
            HashKind::Sha1 => "gpgsig",
            HashKind::Sha256 => "gpgsig-sha256",
            _ => return Err(Error::new(ErrorKind::Internal, "an unknown object format")),
        };
        let text = format!("{header}{field} {signature}\n\n{message}\n");
        self.write(ObjectKind::Commit, text.as_bytes()).map(CommitId)
    }

    /// Returns the user as the header of a commit names them, as git would.
    ///
    /// # Errors
    /// Nobody is configured.
    fn who(&self) -> Result<String> {
        let outcome = Run::new("git")
            .args(["-c", "user.useConfigOnly=true", "--git-dir"])
            .args([&self.layout.git_dir])
            .args(["var", "GIT_COMMITTER_IDENT"])
            .outcome()?;
        if outcome.status.success() {
            return Ok(String::from_utf8_lossy(&outcome.stdout).trim_end().to_owned());
        }
        Err(Error::new(ErrorKind::Usage, "git does not know your name and email")
            .hint("git config user.name \"Your Name\"; git config user.email you@example.org"))
    }

    /// Moves a ref from what it held to something new, or creates it.
    ///
    /// # Errors
    /// Somebody else moved it meanwhile, or it cannot be written.
    pub fn move_ref(
        &self,
        name: &RefName,
        new: CommitId,
        old: Option<CommitId>,
        why: &str,
    ) -> Result<()> {
        let (new, old) = (new.0, old.map(|old| old.0));
        if self.is_server && self.layout.refs == RefFormat::Files {
            return move_file_ref(&self.layout, name, new, old);
        }
        let old = old.unwrap_or_else(|| ObjectId::null(self.layout.hash));
        self.update_ref(name, new, old, why).map_err(|error| error.while_(format!("moving {name}")))
    }

    /// Moves a ref by `git-update-ref(1)`; the null id stands for none. No hook is run.
    fn update_ref(&self, name: &RefName, new: ObjectId, old: ObjectId, why: &str) -> Result<()> {
        use std::os::unix::ffi::OsStrExt as _;
        let outcome = Run::new("git")
            .args(["-c", "core.hooksPath=/dev/null", "-c", "reftable.lockTimeout=3000"])
            .args(["--git-dir".as_ref(), self.layout.git_dir.as_os_str()])
            .args(["update-ref", "-m", why])
            .args([OsStr::from_bytes(name.as_bytes())])
            .args([new.to_hex().to_string(), old.to_hex().to_string()])
            .outcome()?;
        if outcome.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&outcome.stderr).trim_end().to_owned();
        Err(Error::new(ErrorKind::Repository, said))
    }
}

/// Makes a name or email fit for a header.
fn plain(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace(['<', '>', '\n', '\0'], "")
}
