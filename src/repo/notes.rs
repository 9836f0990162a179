//! Notes, looked up by path and never listed.
//!
//! A notes tree maps object ids to blobs, the id spread over directories of two
//! hex digits ("fan-out", `git-notes(1)`). git joins two notes for one object,
//! libgit2 takes one of them, gix refuses: here they are a fault.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::fault::{Fault, ObjectKind, ReadError};
use super::objects::Objects;
use super::tree::{Mode, Tree};
use crate::id::{BlobId, ObjectId, TreeId};
use crate::limits::Limits;

/// The notes of one commit on a notes ref.
pub struct NotesTree {
    root: TreeId,
    /// Directories that were read: evidence for many commits shares them.
    trees: RefCell<BTreeMap<TreeId, Rc<Tree>>>,
}

impl NotesTree {
    /// Returns the notes tree with that root; reads nothing yet.
    #[must_use]
    pub fn new(root: TreeId) -> Self {
        Self { root, trees: RefCell::default() }
    }

    /// Returns the tree at the root.
    #[must_use]
    pub fn root(&self) -> TreeId {
        self.root
    }

    /// Returns the blob that annotates `id`, at whatever fan-out it lies.
    ///
    /// # Errors
    /// A [`Fault`] if two notes annotate `id`, or the note is no plain file.
    pub fn find(
        &self,
        objects: &impl Objects,
        id: &ObjectId,
        limits: &Limits,
    ) -> Result<Option<BlobId>, ReadError> {
        let hex = id.to_hex().to_string();
        let mut rest = hex.as_bytes();
        let mut tree_id = self.root;
        let mut found: Option<BlobId> = None;
        loop {
            let tree = self.tree(objects, tree_id, limits)?;
            let fault =
                |why: String| ReadError::from(Fault::malformed(tree_id.0, ObjectKind::Tree, why));
            if let Some(entry) = tree.find(rest) {
                if entry.mode != Mode::File {
                    return Err(fault(format!(
                        "the note for {hex} has mode {}",
                        entry.mode.as_octal()
                    )));
                }
                if found.is_some() {
                    return Err(fault(format!("it holds two notes for {hex}")));
                }
                found = Some(BlobId(entry.id));
            }
            let Some((component, below)) =
                rest.split_at_checked(2).filter(|(_, below)| !below.is_empty())
            else {
                return Ok(found);
            };
            match tree.find(component) {
                Some(entry) if entry.mode == Mode::Tree => tree_id = TreeId(entry.id),
                Some(_) => {
                    return Err(fault(format!(
                        "{} is no directory",
                        super::header::show(component)
                    )));
                }
                None => return Ok(found),
            }
            rest = below;
        }
    }

    fn tree(
        &self,
        objects: &impl Objects,
        id: TreeId,
        limits: &Limits,
    ) -> Result<Rc<Tree>, ReadError> {
        if let Some(tree) = self.trees.borrow().get(&id) {
            return Ok(Rc::clone(tree));
        }
        let tree = Rc::new(Tree::read(objects, id, limits)?);
        self.trees.borrow_mut().insert(id, Rc::clone(&tree));
        Ok(tree)
    }
}

/// Returns the object that a path in a notes tree annotates: hex digits with a
/// slash behind some of the pairs; `None` if the path is no such name.
#[must_use]
pub fn annotated_id(path: &[u8]) -> Option<ObjectId> {
    let mut components = path.split(|b| *b == b'/').rev();
    let last = components.next()?;
    if components.any(|directory| directory.len() != 2) || last.is_empty() {
        return None;
    }
    let hex: Vec<u8> = path.iter().copied().filter(|b| *b != b'/').collect();
    crate::id::parse_hex(&hex)
}
