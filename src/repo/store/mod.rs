//! One object directory and those it borrows from, read lazily.
//!
//! gix's own store looks at every pack when it opens, and reads the whole offset table of an
//! index before its first lookup. A hook lives for one push, so here nothing is opened before an
//! object is looked for, and an index is asked by a few small reads: the cost of a lookup
//! does not grow with what the repository holds. Pack entries are decoded by gix.
//!
//! Whatever cannot be read is an error, never an absent object.

mod loose;
mod pack_index;
mod packs;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use once_cell::unsync::OnceCell;

use self::packs::Packs;
use super::fault::ObjectKind;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::id::{HashKind, ObjectId};

/// An object that claims more than this is refused before anything is allocated.
const ALLOCATION_BYTES: usize = 1 << 30;

/// Says of an object of a kind and size whether its bytes are wanted.
pub(super) type Wanted<'w> = &'w dyn Fn(ObjectKind, u64) -> bool;

/// What was found: kind and size.
pub(super) type Found = (ObjectKind, u64);

/// An object directory with its alternates.
pub(super) struct Store {
    objects_dir: PathBuf,
    hash: HashKind,
    directories: OnceCell<Vec<Directory>>,
    scratch: RefCell<Scratch>,
}

/// What reading objects needs again and again.
#[derive(Default)]
struct Scratch {
    inflate: gix::zlib::Inflate,
    /// A loose object as it lies in its file.
    compressed: Vec<u8>,
}

struct Directory {
    path: PathBuf,
    packs: Packs,
}

impl Store {
    /// Returns the store of an object directory; reads nothing yet.
    ///
    /// # Errors
    /// There is no such directory.
    pub(super) fn open(objects_dir: &Path, hash: HashKind) -> Result<Self> {
        if !objects_dir.is_dir() {
            let what = format!("{} is no directory", objects_dir.display());
            return Err(Error::new(ErrorKind::Repository, what));
        }
        Ok(Self {
            objects_dir: objects_dir.into(),
            hash,
            directories: OnceCell::new(),
            scratch: RefCell::default(),
        })
    }

    /// Looks an object up, and reads it into `buffer` if its kind and size are wanted.
    ///
    /// # Errors
    /// The store cannot be read, or holds something else than git writes.
    pub(super) fn find(
        &self,
        id: &ObjectId,
        buffer: &mut Vec<u8>,
        wanted: Wanted<'_>,
    ) -> Result<Option<Found>> {
        // An id of another hash function names nothing here.
        if id.kind() != self.hash {
            return Ok(None);
        }
        self.find_in_all(id, buffer, wanted)
            .map_err(|error| error.while_(format!("reading object {id}")))
    }

    /// Looks an object up again after a look at the disk: `git gc` may have moved
    /// it into another pack meanwhile.
    ///
    /// # Errors
    /// As [`Store::find`].
    pub(super) fn find_again(
        &self,
        id: &ObjectId,
        buffer: &mut Vec<u8>,
        wanted: Wanted<'_>,
    ) -> Result<Option<Found>> {
        for directory in self.directories()? {
            directory.packs.list()?;
        }
        self.find(id, buffer, wanted)
    }

    fn find_in_all(
        &self,
        id: &ObjectId,
        buffer: &mut Vec<u8>,
        wanted: Wanted<'_>,
    ) -> Result<Option<Found>> {
        let scratch = &mut *self.scratch.borrow_mut();
        // What was pushed last lies loose, and asking for a file is cheaper than asking many packs.
        for directory in self.directories()? {
            if let Some(found) = loose::find(&directory.path, id, scratch, buffer, wanted)? {
                return Ok(Some(found));
            }
        }
        for directory in self.directories()? {
            if let Some(found) = directory.packs.find(id, &mut scratch.inflate, buffer, wanted)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn directories(&self) -> Result<&[Directory]> {
        let directories = self.directories.get_or_try_init(|| {
            let mut paths = vec![self.objects_dir.clone()];
            if self.objects_dir.join("info/alternates").exists() {
                paths.extend(self.alternates()?);
            }
            let directory =
                |path: PathBuf| Directory { packs: Packs::new(path.join("pack"), self.hash), path };
            Ok::<_, Error>(paths.into_iter().map(directory).collect())
        })?;
        Ok(directories)
    }

    fn alternates(&self) -> Result<Vec<PathBuf>> {
        let step = || format!("reading {}/info/alternates", self.objects_dir.display());
        let here = std::env::current_dir().during(ErrorKind::Environment, step)?;
        gix::odb::alternate::resolve(self.objects_dir.clone(), &here)
            .during(ErrorKind::Repository, step)
    }
}

fn object_kind(kind: gix::objs::Kind) -> ObjectKind {
    match kind {
        gix::objs::Kind::Blob => ObjectKind::Blob,
        gix::objs::Kind::Tree => ObjectKind::Tree,
        gix::objs::Kind::Commit => ObjectKind::Commit,
        gix::objs::Kind::Tag => ObjectKind::Tag,
    }
}
