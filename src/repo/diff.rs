//! The change between two trees, byte for byte as git writes it.
//!
//! `git diff-tree -r -z --raw --no-renames --no-abbrev <base> <result>` is the
//! definition: approvals sign the SHA-256 of its output. Only directories that
//! differ are read, so the cost follows the change and not the tree.

use std::cmp::Ordering;

use super::fault::{Fault, ObjectKind, Problem, ReadError};
use super::objects::Objects;
use super::tree::{self, Entry, Mode, Tree};
use crate::clock::Deadline;
use crate::id::{ObjectId, TreeId};
use crate::limits::Limits;

/// One path that differs between two trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedPath {
    /// The path, raw, with `/` between components.
    pub path: Vec<u8>,
    /// What was there; `None` if it was added.
    pub old: Option<(Mode, ObjectId)>,
    /// What is there now; `None` if it was deleted.
    pub new: Option<(Mode, ObjectId)>,
}

/// Returns the paths that differ between two trees, in the order of `git diff-tree`.
///
/// # Errors
/// A [`Fault`] if a tree that differs cannot be used or the change touches more
/// paths than the limits allow.
pub fn changed_paths(
    objects: &impl Objects,
    old: TreeId,
    new: TreeId,
    limits: &Limits,
    deadline: &Deadline,
) -> Result<Vec<ChangedPath>, ReadError> {
    let mut walk = Walk { objects, limits, deadline, root: new, found: Vec::new() };
    walk.trees(Some(old), Some(new), &mut Vec::new(), 0)?;
    Ok(walk.found)
}

struct Walk<'a, O> {
    objects: &'a O,
    limits: &'a Limits,
    deadline: &'a Deadline,
    root: TreeId,
    found: Vec<ChangedPath>,
}

impl<O: Objects> Walk<'_, O> {
    fn too_many(&self, setting: &'static str, limit: usize, what: &'static str) -> ReadError {
        let problem = Problem::TooMany { setting, limit, what };
        Fault { id: self.root.0, kind: ObjectKind::Tree, problem }.into()
    }

    fn trees(
        &mut self,
        old: Option<TreeId>,
        new: Option<TreeId>,
        path: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), ReadError> {
        if old == new {
            return Ok(());
        }
        self.deadline.check()?;
        if depth > self.limits.tree_depth {
            let limit = self.limits.tree_depth;
            return Err(self.too_many("tree-depth", limit, "directories below each other"));
        }
        let read = |id: Option<TreeId>| match id {
            Some(id) => Tree::read(self.objects, id, self.limits),
            None => Ok(Tree::empty(self.objects.hash())),
        };
        let (old, new) = (read(old)?, read(new)?);
        let (mut left, mut right) = (old.iter().peekable(), new.iter().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(l), Some(r)) => tree::compare(l.mode, l.name, r.mode, r.name),
            };
            let before = if order.is_le() { left.next() } else { None };
            let after = if order.is_ge() { right.next() } else { None };
            self.entry(before, after, path, depth)?;
        }
    }

    fn entry(
        &mut self,
        old: Option<Entry<'_>>,
        new: Option<Entry<'_>>,
        path: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), ReadError> {
        let Some(name) = old.or(new).map(|entry| entry.name) else { return Ok(()) };
        let value = |entry: Option<Entry<'_>>| entry.map(|e| (e.mode, e.id));
        let (old, new) = (value(old), value(new));
        if old == new {
            return Ok(());
        }
        let parent_len = path.len();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        let subtree = |value: Option<(Mode, ObjectId)>| match value {
            Some((Mode::Tree, id)) => Some(TreeId(id)),
            _ => None,
        };
        let file = |value: Option<(Mode, ObjectId)>| value.filter(|(mode, _)| *mode != Mode::Tree);
        if file(old).is_some() || file(new).is_some() {
            if self.found.len() == self.limits.changed_paths {
                let limit = self.limits.changed_paths;
                return Err(self.too_many("changed-paths", limit, "changed paths"));
            }
            self.found.push(ChangedPath { path: path.clone(), old: file(old), new: file(new) });
        }
        if subtree(old).is_some() || subtree(new).is_some() {
            self.trees(subtree(old), subtree(new), path, depth + 1)?;
        }
        path.truncate(parent_len);
        Ok(())
    }
}

/// Writes the change as `git diff-tree -r -z --raw --no-renames --no-abbrev` does.
#[must_use]
pub fn raw(paths: &[ChangedPath], null: ObjectId) -> Vec<u8> {
    let mut out = Vec::new();
    for changed in paths {
        let side = |value: Option<(Mode, ObjectId)>| {
            value.map_or_else(|| ("000000", null), |(mode, id)| (mode.as_octal(), id))
        };
        let ((old_mode, old_id), (new_mode, new_id)) = (side(changed.old), side(changed.new));
        let status = match (changed.old, changed.new) {
            (None, _) => 'A',
            (_, None) => 'D',
            (Some((old, _)), Some((new, _))) if file_type(old) != file_type(new) => 'T',
            (Some(_), Some(_)) => 'M',
        };
        out.extend_from_slice(
            format!(":{old_mode} {new_mode} {old_id} {new_id} {status}\0").as_bytes(),
        );
        out.extend_from_slice(&changed.path);
        out.push(0);
    }
    out
}

fn file_type(mode: Mode) -> Mode {
    if mode == Mode::Executable { Mode::File } else { mode }
}
