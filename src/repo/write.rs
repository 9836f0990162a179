//! Writes objects where libgit2 cannot: it opens no repository whose refs are in a reftable.

use std::path::Path;

use super::fault::ObjectKind;
use super::objects::gix_kind;
use crate::error::{ErrorKind, Result, ResultExt as _};
use crate::id::{HashKind, ObjectId};

/// Stores an object in a file of its own and returns its id.
///
/// # Errors
/// It cannot be written.
pub fn write_loose(
    objects_dir: &Path,
    hash: HashKind,
    kind: ObjectKind,
    bytes: &[u8],
) -> Result<ObjectId> {
    use gix::objs::Write as _;
    let store = gix::odb::loose::Store::at(objects_dir, hash);
    store
        .write_buf(gix_kind(kind), bytes)
        .during(ErrorKind::Repository, || format!("storing a {kind}"))
}
