//! Writes objects and refs into the user's repository.
//!
//! The only use of libgit2: storing bytes under the right name, in whatever
//! format the repository has, and moving a ref only if it is where it is believed to be.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::id::{CommitId, ObjectId, TreeId, parse_hex};
use crate::refname::RefName;
use crate::repo::fault::ObjectKind;
use crate::repo::header::Ident;

/// A repository that is written to.
pub struct Store {
    repository: git2::Repository,
}

impl Store {
    /// Opens the repository at a git directory.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(git_dir: &Path) -> Result<Self> {
        let repository = git2::Repository::open(git_dir)
            .during(ErrorKind::Repository, || format!("opening {}", git_dir.display()))?;
        Ok(Self { repository })
    }

    /// Stores an object and returns its id.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, kind: ObjectKind, bytes: &[u8]) -> Result<ObjectId> {
        let step = || format!("storing a {kind}");
        let kind = match kind {
            ObjectKind::Blob => git2::ObjectType::Blob,
            ObjectKind::Tree => git2::ObjectType::Tree,
            ObjectKind::Commit => git2::ObjectType::Commit,
            ObjectKind::Tag => git2::ObjectType::Tag,
        };
        let odb = self.repository.odb().during(ErrorKind::Repository, step)?;
        let id = odb.write(kind, bytes).during(ErrorKind::Repository, step)?;
        parse_hex(id.to_string().as_bytes())
            .ok_or_else(|| Error::new(ErrorKind::Internal, "libgit2 returned no id").while_(step()))
    }

    /// Stores a commit of the user and returns its id.
    ///
    /// # Errors
    /// Nobody is configured as the committer, or the commit cannot be written.
    pub fn commit(&self, tree: TreeId, parents: &[CommitId], message: &str) -> Result<CommitId> {
        let who = self.who()?;
        self.write_commit(tree, parents, &who, &who, message)
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
    ) -> Result<CommitId> {
        let author =
            format!("{} <{}> {} +0000", plain(&author.name), plain(&author.email), author.seconds);
        self.write_commit(tree, parents, &author, &self.who()?, message)
    }

    fn write_commit(
        &self,
        tree: TreeId,
        parents: &[CommitId],
        author: &str,
        committer: &str,
        message: &str,
    ) -> Result<CommitId> {
        let parents: String = parents.iter().map(|parent| format!("parent {parent}\n")).collect();
        let text = format!(
            "tree {tree}\n{parents}author {author}\ncommitter {committer}\n\n{}\n",
            message.trim_end()
        );
        self.write(ObjectKind::Commit, text.as_bytes()).map(CommitId)
    }

    /// Returns the user as the header of a commit names them.
    ///
    /// # Errors
    /// Nobody is configured.
    fn who(&self) -> Result<String> {
        let signature = self.repository.signature().map_err(|_| {
            Error::new(ErrorKind::Usage, "git does not know your name and email")
                .hint("git config user.name \"Your Name\"; git config user.email you@example.org")
        })?;
        let plain =
            |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(['<', '>', '\n', '\0'], "");
        let time = signature.when();
        let (sign, minutes) = if time.offset_minutes() < 0 {
            ('-', -time.offset_minutes())
        } else {
            ('+', time.offset_minutes())
        };
        Ok(format!(
            "{} <{}> {} {sign}{:02}{:02}",
            plain(signature.name_bytes()),
            plain(signature.email_bytes()),
            time.seconds(),
            minutes / 60,
            minutes % 60
        ))
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
        let oid = |id: CommitId| {
            git2::Oid::from_bytes(id.0.as_slice())
                .during(ErrorKind::Internal, || "converting an id".into())
        };
        let text = String::from_utf8(name.as_bytes().to_vec()).during(ErrorKind::Usage, step)?;
        let result = match old {
            Some(old) => self.repository.reference_matching(&text, oid(new)?, true, oid(old)?, why),
            None => self.repository.reference(&text, oid(new)?, false, why),
        };
        result.map(drop).during(ErrorKind::Repository, step)
    }
}

/// Makes a name or email fit for a header.
fn plain(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace(['<', '>', '\n', '\0'], "")
}
