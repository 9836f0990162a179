//! Writes objects, and moves a ref of a server.
//!
//! Nothing is decided here, and the hook that judges never comes here.

use std::path::Path;

use gix::lock::acquire::Fail;
use gix::refs::file::Store;
use gix::refs::store::WriteReflog;
use gix::refs::store::init::Options;
use gix::refs::transaction::{PreviousValue, RefEdit};
use gix::refs::{FullName, Target};

use super::fault::ObjectKind;
use super::layout::Layout;
use super::objects::gix_kind;
use crate::error::{ErrorKind, Result, ResultExt as _};
use crate::id::{HashKind, ObjectId};
use crate::refname::RefName;

/// How long a lock that somebody else holds is waited for.
const PATIENCE: Fail = Fail::AfterDurationWithBackoff(std::time::Duration::from_secs(1));

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

/// Moves a ref that is kept in files from what it held to something new, or creates it. It has no
/// reflog, and no hook is run.
///
/// # Errors
/// Somebody else moved it meanwhile, or it cannot be written.
pub fn move_file_ref(
    layout: &Layout,
    name: &RefName,
    new: ObjectId,
    old: Option<ObjectId>,
) -> Result<()> {
    let step = || format!("moving {name}");
    let full = FullName::try_from(gix::bstr::BString::from(name.as_bytes()))
        .during(ErrorKind::Usage, step)?;
    let expected = match old {
        Some(old) => PreviousValue::MustExistAndMatch(Target::Object(old)),
        None => PreviousValue::MustNotExist,
    };
    let options = Options { write_reflog: WriteReflog::Disable, ..Options::default() };
    Store::at_opts(layout.common_dir.clone(), layout.hash, options)
        .transaction()
        .prepare([RefEdit::update(full, new, expected, "")], PATIENCE, PATIENCE)
        .and_then(|prepared| prepared.commit(None))
        .map(drop)
        .during(ErrorKind::Repository, step)
}
