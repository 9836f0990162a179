//! Writes objects and refs into the user's repository.
//!
//! The only use of libgit2: storing bytes under the right name, in whatever
//! format the repository has, and moving a ref only if it is where it is believed to be. It knows no
//! reftables; there objects are written by gix, and refs are moved by git itself.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::sign::Signer;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::exec::Run;
use crate::id::{CommitId, HashKind, ObjectId, TreeId, parse_hex};
use crate::refname::RefName;
use crate::repo::fault::ObjectKind;
use crate::repo::header::Ident;
use crate::repo::layout::{Layout, RefFormat};
use crate::repo::write::write_loose;

/// A repository that is written to.
pub struct Store {
    git_dir: PathBuf,
    means: Means,
}

/// What writes.
enum Means {
    Libgit2(git2::Repository),
    /// Where refs are in a reftable.
    Git {
        objects_dir: PathBuf,
        hash: HashKind,
    },
}

impl Store {
    /// Opens the repository at a git directory.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(git_dir: &Path) -> Result<Self> {
        let step = || format!("opening {}", git_dir.display());
        let means = match git2::Repository::open(git_dir) {
            Ok(repository) => Means::Libgit2(repository),
            Err(error) if error.message().contains("extension") => {
                let layout = Layout::open(git_dir)?;
                match layout.refs {
                    RefFormat::Reftable => {
                        Means::Git { objects_dir: layout.objects_dir(), hash: layout.hash }
                    }
                    RefFormat::Files => return Err(error).during(ErrorKind::Repository, step),
                }
            }
            Err(error) => return Err(error).during(ErrorKind::Repository, step),
        };
        Ok(Self { git_dir: git_dir.into(), means })
    }

    /// Stores an object and returns its id.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, kind: ObjectKind, bytes: &[u8]) -> Result<ObjectId> {
        let step = || format!("storing a {kind}");
        let repository = match &self.means {
            Means::Libgit2(repository) => repository,
            Means::Git { objects_dir, hash } => {
                return write_loose(objects_dir, *hash, kind, bytes);
            }
        };
        let kind = match kind {
            ObjectKind::Blob => git2::ObjectType::Blob,
            ObjectKind::Tree => git2::ObjectType::Tree,
            ObjectKind::Commit => git2::ObjectType::Commit,
            ObjectKind::Tag => git2::ObjectType::Tag,
        };
        let odb = repository.odb().during(ErrorKind::Repository, step)?;
        let id = odb.write(kind, bytes).during(ErrorKind::Repository, step)?;
        parse_hex(id.to_string().as_bytes())
            .ok_or_else(|| Error::new(ErrorKind::Internal, "libgit2 returned no id").while_(step()))
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
            .args([&self.git_dir])
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
        let step = || format!("moving {name}");
        let repository = match &self.means {
            Means::Libgit2(repository) => repository,
            Means::Git { hash, .. } => {
                let old = old.map_or_else(|| ObjectId::null(*hash), |old| old.0);
                return self.update_ref(name, new.0, old, why).map_err(|e| e.while_(step()));
            }
        };
        let oid = |id: CommitId| {
            git2::Oid::from_bytes(id.0.as_slice())
                .during(ErrorKind::Internal, || "converting an id".into())
        };
        let text = String::from_utf8(name.as_bytes().to_vec()).during(ErrorKind::Usage, step)?;
        let result = match old {
            Some(old) => repository.reference_matching(&text, oid(new)?, true, oid(old)?, why),
            None => repository.reference(&text, oid(new)?, false, why),
        };
        result.map(drop).during(ErrorKind::Repository, step)
    }

    /// Moves a ref by `git-update-ref(1)`; the null id stands for none. No hook is run, as libgit2 runs none.
    fn update_ref(&self, name: &RefName, new: ObjectId, old: ObjectId, why: &str) -> Result<()> {
        use std::os::unix::ffi::OsStrExt as _;
        let outcome = Run::new("git")
            .args(["-c", "core.hooksPath=/dev/null", "-c", "reftable.lockTimeout=3000"])
            .args(["--git-dir".as_ref(), self.git_dir.as_os_str()])
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
