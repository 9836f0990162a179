//! The packs of one object directory: listed when first asked, each opened when it may hold what is looked for.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gix::odb::pack::cache::Never;
use gix::odb::pack::data;
use gix::odb::pack::data::decode::{entry, header};
use gix::zlib::Inflate;
use once_cell::unsync::OnceCell;

use super::pack_index::PackIndex;
use super::{ALLOCATION_BYTES, Found, Wanted, object_kind};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::id::{HashKind, ObjectId};

pub(super) struct Packs {
    directory: PathBuf,
    hash: HashKind,
    /// The pack that answered last comes first: what belongs together was packed together.
    packs: RefCell<Option<Vec<Rc<Pack>>>>,
}

impl Packs {
    /// Returns the packs of a directory; reads nothing yet.
    pub(super) fn new(directory: PathBuf, hash: HashKind) -> Self {
        Self { directory, hash, packs: RefCell::default() }
    }

    /// Lists the directory, and keeps what is open already.
    ///
    /// # Errors
    /// It cannot be listed.
    pub(super) fn list(&self) -> Result<()> {
        let step = || format!("listing {}", self.directory.display());
        let mut packs = self.packs.borrow_mut();
        let mut known = packs.take().unwrap_or_default();
        let entries = match std::fs::read_dir(&self.directory) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).during(ErrorKind::Repository, step),
        };
        for entry in entries.into_iter().flatten() {
            let name = entry.during(ErrorKind::Repository, step)?.file_name();
            if Path::new(&name).extension().is_none_or(|extension| extension != "idx") {
                continue;
            }
            let path = self.directory.join(name);
            if !known.iter().any(|pack| pack.index_path == path && !pack.is_gone()) {
                known.push(Rc::new(Pack::new(path)));
            }
        }
        *packs = Some(known);
        Ok(())
    }

    /// Looks an object up.
    ///
    /// # Errors
    /// A pack or its index cannot be read.
    pub(super) fn find(
        &self,
        id: &ObjectId,
        inflate: &mut Inflate,
        buffer: &mut Vec<u8>,
        wanted: Wanted<'_>,
    ) -> Result<Option<Found>> {
        if self.packs.borrow().is_none() {
            self.list()?;
        }
        let count = self.packs.borrow().as_ref().map_or(0, Vec::len);
        for at in 0..count {
            let pack = self.packs.borrow().as_ref().and_then(|packs| packs.get(at).cloned());
            let Some(pack) = pack else { continue };
            let Some(index) = pack.index(self.hash)? else { continue };
            let Some(offset) = index.offset_of(id).map_err(|error| pack.error(error))? else {
                continue;
            };
            let Some(data) = pack.data(self.hash)? else { continue };
            if let Some(packs) = self.packs.borrow_mut().as_mut() {
                packs.swap(0, at);
            }
            return read(data, index, offset, inflate, buffer, wanted)
                .map(Some)
                .map_err(|error| pack.error(error));
        }
        Ok(None)
    }
}

/// A pack with its index; what has gone meanwhile is `None`, and `git gc` has put the objects elsewhere.
struct Pack {
    index_path: PathBuf,
    index: OnceCell<Option<PackIndex>>,
    data: OnceCell<Option<data::File<gix::odb::pack::MMap>>>,
}

impl Pack {
    fn new(index_path: PathBuf) -> Self {
        Self { index_path, index: OnceCell::new(), data: OnceCell::new() }
    }

    fn is_gone(&self) -> bool {
        matches!(self.index.get(), Some(None)) || matches!(self.data.get(), Some(None))
    }

    fn index(&self, hash: HashKind) -> Result<Option<&PackIndex>> {
        let index = self.index.get_or_try_init(|| PackIndex::open(&self.index_path, hash))?;
        Ok(index.as_ref())
    }

    fn data(&self, hash: HashKind) -> Result<Option<&data::File<gix::odb::pack::MMap>>> {
        let data = self.data.get_or_try_init(|| {
            let path = self.index_path.with_extension("pack");
            match data::File::at(&path, hash) {
                Ok(file) => Ok(Some(file.with_alloc_limit_bytes(Some(ALLOCATION_BYTES)))),
                Err(_) if !path.exists() => Ok(None),
                Err(error) => Err(error)
                    .during(ErrorKind::Repository, || format!("opening {}", path.display())),
            }
        })?;
        Ok(data.as_ref())
    }

    fn error(&self, error: Error) -> Error {
        error.while_(format!("in {}", self.index_path.with_extension("pack").display()))
    }
}

/// Reads the entry at an offset, with what it is a delta of. A pack that git stores
/// holds those too (`git-index-pack(1)`, `--fix-thin`).
fn read(
    pack: &data::File<gix::odb::pack::MMap>,
    index: &PackIndex,
    offset: u64,
    inflate: &mut Inflate,
    buffer: &mut Vec<u8>,
    wanted: Wanted<'_>,
) -> Result<Found> {
    let step = || format!("at offset {offset}");
    let base = |id: &gix::oid| -> gix::Result<Option<data::Entry>> {
        let offset = index.offset_of(&id.to_owned());
        let offset = offset.map_err(|error| gix::error::corruption(error.to_string()))?;
        offset.map(|offset| pack.entry(offset)).transpose()
    };
    let at = pack.entry(offset).during(ErrorKind::Repository, step)?;
    let header = pack
        .decode_header(at.clone(), inflate, &|id| Ok(base(id)?.map(header::ResolvedBase::InPack)))
        .during(ErrorKind::Repository, step)?;
    let found = (object_kind(header.kind), header.object_size);
    if !wanted(found.0, found.1) {
        return Ok(found);
    }
    let outcome = pack
        .decode_entry(
            at,
            buffer,
            inflate,
            &|id, _| Ok(base(id)?.map(entry::ResolvedBase::InPack)),
            &mut Never,
        )
        .during(ErrorKind::Repository, step)?;
    buffer.truncate(usize::try_from(outcome.object_size).unwrap_or(usize::MAX));
    if outcome.object_size != found.1 || buffer.len() as u64 != found.1 {
        let what = format!("the entry {} has another size than it says", step());
        return Err(Error::new(ErrorKind::Repository, what));
    }
    Ok(found)
}
