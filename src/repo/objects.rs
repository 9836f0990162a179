//! Object stores: one that sees the push, one that cannot.
//!
//! git keeps the objects of a push in a quarantine until `pre-receive` agrees
//! (`git-receive-pack(1)`, QUARANTINE ENVIRONMENT). [`Incoming`] reads the
//! quarantine first and then the repository. [`Trusted`] has no quarantine in it,
//! so what it returns was on the server before the push. Replace refs are off in
//! both: ids mean the bytes they hash.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use super::fault::{Fault, ObjectKind, Problem, ReadError};
use super::store::Store;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::id::{HashKind, ObjectId};

/// A place to read objects from.
pub trait Objects {
    /// Looks an object up, and reads it into `buffer` if `wanted` says so of its
    /// kind and size; returns these, or `None` if there is no object of that id.
    ///
    /// # Errors
    /// The store cannot be read.
    fn find(
        &self,
        id: &ObjectId,
        buffer: &mut Vec<u8>,
        wanted: &dyn Fn(ObjectKind, u64) -> bool,
    ) -> Result<Option<(ObjectKind, u64)>>;

    /// Returns the hash function of the repository's object ids.
    fn hash(&self) -> HashKind;

    /// Returns kind and size of an object, or `None` if there is none of that id.
    ///
    /// # Errors
    /// The store cannot be read.
    fn header(&self, id: &ObjectId) -> Result<Option<(ObjectKind, u64)>> {
        self.find(id, &mut Vec::new(), &|_, _| false)
    }

    /// Reads an object of a kind and of at most `limit.1` bytes; `limit.0` names
    /// the setting. The size is known before the object is read.
    ///
    /// # Errors
    /// A [`Fault`] if the object is missing, of another kind or too large.
    fn read<'b>(
        &self,
        id: &ObjectId,
        kind: ObjectKind,
        limit: (&'static str, u64),
        buffer: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], ReadError> {
        let fault = |problem| ReadError::Fault(Fault { id: *id, kind, problem });
        let (setting, limit) = limit;
        let wanted = |found, size| found == kind && size <= limit;
        let Some((found, size)) = self.find(id, buffer, &wanted)? else {
            return Err(fault(Problem::Missing));
        };
        if found != kind {
            return Err(fault(Problem::IsA(found)));
        }
        if size > limit {
            return Err(fault(Problem::TooLarge { setting, limit, size }));
        }
        Ok(buffer)
    }
}

/// The objects that were in the repository before the push.
pub struct Trusted {
    store: Store,
    hash: HashKind,
}

impl Trusted {
    /// Opens the objects of a repository, and of the repositories it borrows from
    /// (`objects/info/alternates`).
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn open(objects_dir: &Path, hash: HashKind) -> Result<Self> {
        Ok(Self { store: Store::open(objects_dir, hash)?, hash })
    }

    /// Says whether the object was on the server before the push, without looking again at the disk.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn contains(&self, id: &ObjectId) -> Result<bool> {
        Ok(self.store.find(id, &mut Vec::new(), &|_, _| false)?.is_some())
    }
}

impl Objects for Trusted {
    fn find(
        &self,
        id: &ObjectId,
        buffer: &mut Vec<u8>,
        wanted: &dyn Fn(ObjectKind, u64) -> bool,
    ) -> Result<Option<(ObjectKind, u64)>> {
        let found = match self.store.find(id, buffer, wanted)? {
            Some(found) => Some(found),
            None => self.store.find_again(id, buffer, wanted)?,
        };
        if let Some((kind, size)) = found
            && wanted(kind, size)
        {
            has_id(id, kind, buffer)?;
        }
        Ok(found)
    }

    fn hash(&self) -> HashKind {
        self.hash
    }
}

/// The objects of the push, and then those of the repository.
pub struct Incoming<'t> {
    quarantine: Option<Store>,
    trusted: &'t Trusted,
    /// Objects that refgate computed and nobody stored, such as the tree of a merge.
    computed: RefCell<BTreeMap<ObjectId, (ObjectKind, Vec<u8>)>>,
}

impl<'t> Incoming<'t> {
    /// Joins the quarantine, if there is one, with the repository.
    ///
    /// # Errors
    /// The quarantine cannot be read.
    pub fn open(quarantine: Option<&Path>, trusted: &'t Trusted) -> Result<Self> {
        let quarantine = quarantine.map(|dir| Store::open(dir, trusted.hash)).transpose()?;
        Ok(Self { quarantine, trusted, computed: RefCell::default() })
    }

    /// Keeps a computed object in memory, so that it can be read like others.
    pub fn keep(&self, kind: ObjectKind, bytes: Vec<u8>) -> ObjectId {
        let id = hash_object(self.trusted.hash, gix_kind(kind), &bytes);
        self.computed.borrow_mut().insert(id, (kind, bytes));
        id
    }

    /// Returns the objects that were computed, for a client that stores them.
    pub fn computed(&self) -> Vec<(ObjectId, ObjectKind, Vec<u8>)> {
        self.computed
            .borrow()
            .iter()
            .map(|(id, (kind, bytes))| (*id, *kind, bytes.clone()))
            .collect()
    }
}

impl Objects for Incoming<'_> {
    fn find(
        &self,
        id: &ObjectId,
        buffer: &mut Vec<u8>,
        wanted: &dyn Fn(ObjectKind, u64) -> bool,
    ) -> Result<Option<(ObjectKind, u64)>> {
        if let Some((kind, bytes)) = self.computed.borrow().get(id) {
            let found = (*kind, bytes.len() as u64);
            if wanted(found.0, found.1) {
                buffer.clear();
                buffer.extend_from_slice(bytes);
            }
            return Ok(Some(found));
        }
        if let Some(quarantine) = &self.quarantine
            && let Some(found) = quarantine.find(id, buffer, wanted)?
        {
            return Ok(Some(found));
        }
        self.trusted.find(id, buffer, wanted)
    }

    fn hash(&self) -> HashKind {
        self.trusted.hash
    }
}

pub(super) fn gix_kind(kind: ObjectKind) -> gix::objs::Kind {
    match kind {
        ObjectKind::Blob => gix::objs::Kind::Blob,
        ObjectKind::Tree => gix::objs::Kind::Tree,
        ObjectKind::Commit => gix::objs::Kind::Commit,
        ObjectKind::Tag => gix::objs::Kind::Tag,
    }
}

/// Says whether bytes are those that an id was given for.
///
/// Nothing below asks: a bit that flipped on the server's disk would be read as another policy, or as
/// another history. What is in quarantine was hashed by git a moment ago.
fn has_id(id: &ObjectId, kind: ObjectKind, bytes: &[u8]) -> Result<()> {
    let step = || format!("reading object {id}");
    let found = gix::objs::compute_hash(id.kind(), gix_kind(kind), bytes)
        .during(ErrorKind::Repository, step)?;
    if found == *id {
        return Ok(());
    }
    let what = "it is damaged: its bytes are not those that its id stands for";
    Err(Error::new(ErrorKind::Repository, what)
        .while_(step())
        .hint("look for more damage: git fsck"))
}

/// Returns the id that git gives to an object.
///
/// # Panics
/// Never on bytes that were read from a repository: hashing fails only on a
/// detected SHA-1 collision, which is a fault of the object that refgate computed itself.
#[expect(
    clippy::expect_used,
    reason = "a collision in bytes that refgate wrote is a broken invariant"
)]
pub(crate) fn hash_object(hash: HashKind, kind: gix::objs::Kind, bytes: &[u8]) -> ObjectId {
    gix::objs::compute_hash(hash, kind, bytes).expect("because refgate computed these bytes itself")
}

/// Returns the id that git gives to a blob of these bytes.
///
/// # Errors
/// The bytes are a SHA-1 collision attack.
pub fn blob_id(hash: HashKind, bytes: &[u8]) -> Result<ObjectId> {
    gix::objs::compute_hash(hash, gix::objs::Kind::Blob, bytes).map_err(|error| {
        Error::new(ErrorKind::Internal, error.to_string()).while_("hashing a blob")
    })
}
