//! Commits, read strictly from raw bytes.

use super::fault::{Fault, ObjectKind, ReadError};
use super::header::{self, Header, Ident};
use super::objects::Objects;
use crate::id::{CommitId, HashKind, ObjectId, TreeId, parse_hex};
use crate::limits::Limits;

/// The most parents that a merge may have.
pub const MAX_PARENTS: usize = 64;

/// A commit and the bytes that it consists of.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its id.
    pub id: CommitId,
    /// Its tree.
    pub tree: TreeId,
    /// Its parents, first parent first, each once.
    pub parents: Vec<CommitId>,
    /// Who wrote the change, as claimed.
    pub author: Ident,
    /// Who made the commit, as claimed.
    pub committer: Ident,
    /// The signature and what it signs, if the commit is signed.
    pub signature: Option<Signed>,
    /// The message, raw.
    pub message: Vec<u8>,
    /// The SHA-256 of its bytes, those of `git cat-file commit`: how tools name it that know nothing of git.
    pub sha256: [u8; 32],
}

/// A signature and the bytes that it was made over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The armoured signature.
    pub signature: Vec<u8>,
    /// The object without its signature.
    pub payload: Vec<u8>,
}

impl Commit {
    /// Reads the commit `id`.
    ///
    /// # Errors
    /// A [`Fault`] if it is missing, is no commit, is too large or is not what git writes.
    pub fn read(objects: &impl Objects, id: CommitId, limits: &Limits) -> Result<Self, ReadError> {
        let mut buffer = Vec::new();
        let limit = ("commit-bytes", limits.commit_bytes);
        let bytes = objects.read(&id.0, ObjectKind::Commit, limit, &mut buffer)?;
        Self::parse(id, bytes, objects.hash())
            .map_err(|why| Fault::malformed(id.0, ObjectKind::Commit, why).into())
    }

    /// Parses the bytes of a commit object.
    ///
    /// Strict where git, libgit2 and gix differ: exactly one tree, then parents,
    /// author and committer in this order, each other header once (merge tags
    /// apart), UTF-8 only, one signature in the header of the repository's hash.
    ///
    /// # Errors
    /// Says what is malformed.
    pub fn parse(id: CommitId, object: &[u8], hash: HashKind) -> Result<Self, String> {
        let (headers, message_start) = header::split(object)?;
        let mut headers = headers.iter().peekable();
        let object_id = |header: &Header<'_>| {
            parse_hex(header.first_line)
                .filter(|id| {
                    id.kind() == hash
                        && header.range.len() == header.key.len() + id.kind().len_in_hex() + 2
                })
                .ok_or_else(|| format!("{} is no object id", header::show(header.first_line)))
        };
        let tree = match headers.next() {
            Some(header) if header.key == b"tree" => TreeId(object_id(header)?),
            _ => return Err("it does not begin with a tree".into()),
        };
        let mut parents: Vec<CommitId> = Vec::new();
        while let Some(header) = headers.next_if(|h| h.key == b"parent") {
            let parent = CommitId(object_id(header)?);
            if parents.contains(&parent) {
                return Err(format!("parent {parent} is named twice"));
            }
            if parents.len() == MAX_PARENTS {
                return Err(format!("it has more than {MAX_PARENTS} parents"));
            }
            parents.push(parent);
        }
        let mut ident = |key: &str| match headers.next() {
            Some(header) if header.key == key.as_bytes() => {
                if header.range.len() != header.key.len() + 1 + header.first_line.len() + 1 {
                    return Err(format!("{key} is folded"));
                }
                Ident::parse(header.first_line).map_err(|why| format!("{key}: {why}"))
            }
            _ => Err(format!("{key} is not where it belongs")),
        };
        let author = ident("author")?;
        let committer = ident("committer")?;
        let signature = signature(object, headers, hash)?;
        let message = object.get(message_start..).unwrap_or_default().into();
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, object).as_ref());
        Ok(Self { id, tree, parents, author, committer, signature, message, sha256 })
    }

    /// Returns the first parent, along which a branch has grown.
    #[must_use]
    pub fn first_parent(&self) -> Option<CommitId> {
        self.parents.first().copied()
    }

    /// Returns the first line of the message, raw.
    #[must_use]
    pub fn subject(&self) -> &[u8] {
        let start = self.message.iter().position(|b| *b != b'\n').unwrap_or(0);
        let rest = self.message.get(start..).unwrap_or_default();
        rest.split(|b| *b == b'\n').next().unwrap_or_default()
    }
}

/// Looks through the headers behind the committer and takes out the signature.
fn signature<'h>(
    object: &[u8],
    headers: impl Iterator<Item = &'h Header<'h>>,
    hash: HashKind,
) -> Result<Option<Signed>, String> {
    let (own, other) = if hash == HashKind::Sha256 {
        (&b"gpgsig-sha256"[..], &b"gpgsig"[..])
    } else {
        (&b"gpgsig"[..], &b"gpgsig-sha256"[..])
    };
    let mut seen: Vec<&[u8]> = Vec::new();
    let mut signed = None;
    for header in headers {
        if matches!(header.key, b"tree" | b"parent" | b"author" | b"committer") {
            return Err(format!("header {} is not where it belongs", header::show(header.key)));
        }
        if header.key == other {
            return Err(format!(
                "header {} belongs to another object format",
                header::show(header.key)
            ));
        }
        if header.key != b"mergetag" && seen.contains(&header.key) {
            return Err(format!("header {} stands twice", header::show(header.key)));
        }
        seen.push(header.key);
        if header.key == b"encoding"
            && !matches!(header.first_line.to_ascii_lowercase().as_slice(), b"utf-8" | b"utf8")
        {
            return Err(format!("encoding {} is not UTF-8", header::show(header.first_line)));
        }
        if header.key == own {
            let before = object.get(..header.range.start).unwrap_or_default();
            let after = object.get(header.range.end..).unwrap_or_default();
            signed = Some(Signed {
                signature: header.unfolded(object),
                payload: [before, after].concat(),
            });
        }
    }
    Ok(signed)
}

/// The tree, the parents and the date of a commit that was accepted long ago.
///
/// Read leniently, as git reads history: the first lines count, the rest is not looked at.
#[derive(Clone, Debug)]
pub struct Ancestry {
    /// Its tree.
    pub tree: TreeId,
    /// Its parents.
    pub parents: Vec<CommitId>,
    /// The committer's date, as claimed; 0 where it cannot be read. Orders a walk, decides nothing.
    pub seconds: i64,
}

impl Ancestry {
    /// Reads the parents of the commit `id`.
    ///
    /// # Errors
    /// A [`Fault`] if it is missing, is no commit, or is too large.
    pub fn read(
        objects: &impl Objects,
        id: CommitId,
        limits: &Limits,
        buffer: &mut Vec<u8>,
    ) -> Result<Self, ReadError> {
        let limit = ("commit-bytes", limits.commit_bytes);
        let bytes = objects.read(&id.0, ObjectKind::Commit, limit, buffer)?;
        let malformed = |why: &str| Fault::malformed(id.0, ObjectKind::Commit, why);
        let first =
            bytes.split(|b| *b == b'\n').next().and_then(|line| line.strip_prefix(b"tree "));
        let tree =
            first.and_then(parse_hex).map(TreeId).ok_or_else(|| malformed("it has no tree"))?;
        let mut parents = Vec::new();
        let mut seconds = 0;
        for line in bytes.split(|b| *b == b'\n') {
            if let Some(hex) = line.strip_prefix(b"parent ") {
                let parent: ObjectId =
                    parse_hex(hex).ok_or_else(|| malformed("a parent is no object id"))?;
                parents.push(CommitId(parent));
            } else if line.starts_with(b"committer ") {
                seconds = line
                    .rsplit(|b| *b == b'>')
                    .next()
                    .and_then(|date| {
                        std::str::from_utf8(date)
                            .ok()?
                            .split_ascii_whitespace()
                            .next()?
                            .parse()
                            .ok()
                    })
                    .unwrap_or(0);
                break;
            } else if line.is_empty() {
                break;
            }
        }
        Ok(Self { tree, parents, seconds })
    }
}
