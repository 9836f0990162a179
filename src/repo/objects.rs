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

use gix::objs::{Exists as _, Find as _, FindHeader as _};
use once_cell::unsync::OnceCell;

use super::fault::{Fault, ObjectKind, Problem, ReadError};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::id::{HashKind, ObjectId};

/// A place to read objects from.
pub trait Objects {
    /// Returns kind and size of an object, or `None` if there is none of that id.
    ///
    /// # Errors
    /// The store cannot be read.
    fn header(&self, id: &ObjectId) -> Result<Option<(ObjectKind, u64)>>;

    /// Reads an object into `buffer`, or returns `false` if there is none of that id.
    ///
    /// # Errors
    /// The store cannot be read.
    fn read_into(&self, id: &ObjectId, buffer: &mut Vec<u8>) -> Result<bool>;

    /// Returns the hash function of the repository's object ids.
    fn hash(&self) -> HashKind;

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
        let Some((found, size)) = self.header(id)? else { return Err(fault(Problem::Missing)) };
        if found != kind {
            return Err(fault(Problem::IsA(found)));
        }
        let (setting, limit) = limit;
        if size > limit {
            return Err(fault(Problem::TooLarge { setting, limit, size }));
        }
        if !self.read_into(id, buffer)? {
            return Err(fault(Problem::Missing));
        }
        Ok(buffer)
    }
}

/// A pack or loose object that claims more than this is refused before anything is allocated.
const ALLOCATION_BYTES: usize = 1 << 30;

struct Store {
    handle: gix::odb::Handle,
    /// The same store, which looks again at the disk when an object is missing:
    /// `git gc` may have moved it into another pack meanwhile.
    refreshing: OnceCell<gix::odb::Handle>,
}

impl Store {
    fn open(objects_dir: &Path, hash: HashKind) -> Result<Self> {
        let options = gix::odb::store::init::Options {
            alloc_limit_bytes: Some(ALLOCATION_BYTES),
            ..Default::default()
        };
        let no_replacements = &mut std::iter::empty();
        let store = gix::odb::Store::at_opts(objects_dir.into(), hash, no_replacements, options)
            .during(ErrorKind::Repository, || format!("opening {}", objects_dir.display()))?;
        let store = std::rc::Rc::new(store);
        let mut handle = gix::odb::Cache::from(store.to_handle());
        handle.refresh_never();
        Ok(Self { handle, refreshing: OnceCell::new() })
    }

    fn refreshing(&self) -> &gix::odb::Handle {
        self.refreshing.get_or_init(|| gix::odb::Cache::from(self.handle.store().to_handle()))
    }
}

fn broken(id: &ObjectId, error: &gix::Error) -> Error {
    Error::new(ErrorKind::Repository, error.to_string()).while_(format!("reading object {id}"))
}

/// An id of another hash function names nothing here: asking the store for it would be asking for its prefix.
fn is_foreign(handle: &gix::odb::Handle, id: &ObjectId) -> bool {
    id.kind() != handle.store_ref().object_hash()
}

fn header_in(handle: &gix::odb::Handle, id: &ObjectId) -> Result<Option<(ObjectKind, u64)>> {
    if is_foreign(handle, id) {
        return Ok(None);
    }
    match handle.try_header(id) {
        Ok(header) => Ok(header.map(|h| (object_kind(h.kind), h.size))),
        Err(error) => Err(broken(id, &error)),
    }
}

/// Reads an object as it is stored; returns its kind.
fn read_in(
    handle: &gix::odb::Handle,
    id: &ObjectId,
    buffer: &mut Vec<u8>,
) -> Result<Option<gix::objs::Kind>> {
    if is_foreign(handle, id) {
        return Ok(None);
    }
    match handle.try_find(id, buffer) {
        Ok(Some(data)) => {
            let (kind, len) = (data.kind, data.data.len());
            buffer.truncate(len);
            Ok(Some(kind))
        }
        Ok(None) => Ok(None),
        Err(error) => Err(broken(id, &error)),
    }
}

/// Says whether bytes are those that an id was given for.
///
/// gix does not ask: a bit that flipped on the server's disk would be read as another policy, or as
/// another history. What is in quarantine was hashed by git a moment ago.
fn has_id(id: &ObjectId, kind: gix::objs::Kind, bytes: &[u8]) -> Result<()> {
    let step = || format!("reading object {id}");
    let found =
        gix::objs::compute_hash(id.kind(), kind, bytes).during(ErrorKind::Repository, step)?;
    if found == *id {
        return Ok(());
    }
    let what = "it is damaged: its bytes are not those that its id stands for";
    Err(Error::new(ErrorKind::Repository, what)
        .while_(step())
        .hint("look for more damage: git fsck"))
}

fn object_kind(kind: gix::objs::Kind) -> ObjectKind {
    match kind {
        gix::objs::Kind::Blob => ObjectKind::Blob,
        gix::objs::Kind::Tree => ObjectKind::Tree,
        gix::objs::Kind::Commit => ObjectKind::Commit,
        gix::objs::Kind::Tag => ObjectKind::Tag,
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
    #[must_use]
    pub fn contains(&self, id: &ObjectId) -> bool {
        !is_foreign(&self.store.handle, id) && self.store.handle.exists(id)
    }
}

impl Objects for Trusted {
    fn header(&self, id: &ObjectId) -> Result<Option<(ObjectKind, u64)>> {
        match header_in(&self.store.handle, id)? {
            Some(found) => Ok(Some(found)),
            None => header_in(self.store.refreshing(), id),
        }
    }

    fn read_into(&self, id: &ObjectId, buffer: &mut Vec<u8>) -> Result<bool> {
        let found = match read_in(&self.store.handle, id, buffer)? {
            Some(kind) => Some(kind),
            None => read_in(self.store.refreshing(), id, buffer)?,
        };
        if let Some(kind) = found {
            has_id(id, kind, buffer)?;
        }
        Ok(found.is_some())
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
        let gix_kind = match kind {
            ObjectKind::Blob => gix::objs::Kind::Blob,
            ObjectKind::Tree => gix::objs::Kind::Tree,
            ObjectKind::Commit => gix::objs::Kind::Commit,
            ObjectKind::Tag => gix::objs::Kind::Tag,
        };
        let id = hash_object(self.trusted.hash, gix_kind, &bytes);
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
    fn header(&self, id: &ObjectId) -> Result<Option<(ObjectKind, u64)>> {
        if let Some((kind, bytes)) = self.computed.borrow().get(id) {
            return Ok(Some((*kind, bytes.len() as u64)));
        }
        if let Some(quarantine) = &self.quarantine
            && let Some(found) = header_in(&quarantine.handle, id)?
        {
            return Ok(Some(found));
        }
        self.trusted.header(id)
    }

    fn read_into(&self, id: &ObjectId, buffer: &mut Vec<u8>) -> Result<bool> {
        if let Some((_, bytes)) = self.computed.borrow().get(id) {
            buffer.clear();
            buffer.extend_from_slice(bytes);
            return Ok(true);
        }
        if let Some(quarantine) = &self.quarantine
            && read_in(&quarantine.handle, id, buffer)?.is_some()
        {
            return Ok(true);
        }
        self.trusted.read_into(id, buffer)
    }

    fn hash(&self) -> HashKind {
        self.trusted.hash
    }
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
