//! The one merge engine: what git makes of two commits when nobody decides anything.
//!
//! It says whether a merge is *clean* (its tree follows from its parents alone)
//! and computes the change that an approval is for, in memory. Renames are not
//! followed, attributes and merge drivers not asked, and histories with
//! several merge bases are not clean: such a merge needs a person, who then
//! counts as its author. Files are merged line by line as git does.

use std::collections::BTreeMap;

use gix::diff::blob::{Algorithm, InternedInput};
use gix_merge::blob::Resolution;
use gix_merge::blob::builtin_driver;

use super::commit::Ancestry;
use super::fault::{ObjectKind, ReadError};
use super::objects::{Incoming, Objects};
use super::tree::{Entry, Mode, Tree};
use crate::clock::Deadline;
use crate::id::{CommitId, ObjectId, TreeId};
use crate::limits::Limits;

/// What a merge comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged {
    /// Nobody has to decide anything: this is the tree.
    Clean(TreeId),
    /// A person has to decide: the paths in question, or none if the histories themselves stand in the way.
    Conflict(Vec<Vec<u8>>),
}

/// Merges, and what it needs for that.
pub struct Merger<'a, 't> {
    /// Where objects come from; computed trees and files are kept there.
    pub incoming: &'a Incoming<'t>,
    /// Bounds.
    pub limits: &'a Limits,
    /// When to stop.
    pub deadline: &'a Deadline,
}

impl Merger<'_, '_> {
    /// Merges `theirs` into `ours`, given the tree of each.
    ///
    /// # Errors
    /// An object is at fault, or the time is over.
    pub fn commits(
        &self,
        (ours, our_tree): (CommitId, TreeId),
        (theirs, their_tree): (CommitId, TreeId),
    ) -> Result<Merged, ReadError> {
        let [base] = *self.merge_bases(ours, theirs)?.as_slice() else {
            return Ok(Merged::Conflict(Vec::new()));
        };
        if base == ours {
            return Ok(Merged::Clean(their_tree));
        }
        if base == theirs {
            return Ok(Merged::Clean(our_tree));
        }
        let base_tree = super::commit::Commit::read(self.incoming, base, self.limits)?.tree;
        self.trees(base_tree, our_tree, their_tree)
    }

    /// Merges two trees that came from `base`.
    ///
    /// # Errors
    /// An object is at fault, or the time is over.
    pub fn trees(&self, base: TreeId, ours: TreeId, theirs: TreeId) -> Result<Merged, ReadError> {
        let mut conflicts = Vec::new();
        let merged =
            self.directories([base, ours, theirs].map(Some), &mut Vec::new(), &mut conflicts)?;
        Ok(if conflicts.is_empty() {
            Merged::Clean(
                merged.unwrap_or_else(|| TreeId(ObjectId::empty_tree(self.incoming.hash()))),
            )
        } else {
            Merged::Conflict(conflicts)
        })
    }

    /// Returns the best common ancestors of two commits, as `git merge-base --all` does.
    ///
    /// # Errors
    /// A commit is at fault, or the time is over.
    pub fn merge_bases(&self, one: CommitId, other: CommitId) -> Result<Vec<CommitId>, ReadError> {
        let failure = std::cell::RefCell::new(None);
        let reader = Reader { merger: self, failure: &failure };
        let bases = {
            let mut graph = gix_revision::Graph::new(reader, None);
            gix_revision::merge_base(one.0, &[other.0], &mut graph)
        };
        if let Some(failure) = failure.take() {
            return Err(failure);
        }
        let bases = bases.map_err(|error| {
            crate::error::Error::new(crate::error::ErrorKind::Repository, error.to_string())
                .while_("finding merge bases")
        })?;
        Ok(bases.into_iter().flatten().map(CommitId).collect())
    }

    /// Merges the directories at `path`; `None` is a directory that is not there.
    fn directories(
        &self,
        [base, ours, theirs]: [Option<TreeId>; 3],
        path: &mut Vec<u8>,
        conflicts: &mut Vec<Vec<u8>>,
    ) -> Result<Option<TreeId>, ReadError> {
        if ours == theirs || theirs == base {
            return Ok(ours);
        }
        if ours == base {
            return Ok(theirs);
        }
        self.deadline.check()?;
        if path.split(|b| *b == b'/').count() > self.limits.tree_depth {
            conflicts.push(path.clone());
            return Ok(None);
        }
        let read = |id: Option<TreeId>| match id {
            Some(id) => Tree::read(self.incoming, id, self.limits),
            None => Ok(Tree::empty(self.incoming.hash())),
        };
        let sides = [read(base)?, read(ours)?, read(theirs)?];
        let mut names: BTreeMap<&[u8], [Option<Side>; 3]> = BTreeMap::new();
        for (which, tree) in sides.iter().enumerate() {
            for entry in tree.iter() {
                if let Some(side) = names.entry(entry.name).or_default().get_mut(which) {
                    *side = Some((entry.mode, entry.id));
                }
            }
        }
        let mut merged = Vec::new();
        for (name, sides) in names {
            let parent_len = path.len();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            if let Some((mode, id)) = self.entry(sides, path, conflicts)? {
                merged.push(Entry { mode, name, id });
            }
            path.truncate(parent_len);
        }
        merged.sort_by(|l, r| super::tree::compare(l.mode, l.name, r.mode, r.name));
        Ok((!merged.is_empty())
            .then(|| TreeId(self.incoming.keep(ObjectKind::Tree, super::tree::write(&merged)))))
    }

    /// Merges what stands at one path: git knows files alone, so a file and a
    /// directory of one name are two things, of which one may be left.
    fn entry(
        &self,
        sides: [Option<Side>; 3],
        path: &mut Vec<u8>,
        conflicts: &mut Vec<Vec<u8>>,
    ) -> Result<Option<Side>, ReadError> {
        let trees = sides
            .map(|side| side.filter(|(mode, _)| *mode == Mode::Tree).map(|(_, id)| TreeId(id)));
        let directory = self.directories(trees, path, conflicts)?.map(|id| (Mode::Tree, id.0));
        let [base, ours, theirs] = sides.map(|side| side.filter(|(mode, _)| *mode != Mode::Tree));
        let file = if ours == theirs || theirs == base {
            ours
        } else if ours == base {
            theirs
        } else if let (Some(base), Some(ours), Some(theirs)) = (base, ours, theirs)
            && let Some(merged) = self.files(base, ours, theirs)?
        {
            Some(merged)
        } else {
            conflicts.push(path.clone());
            None
        };
        if file.is_some() && directory.is_some() {
            conflicts.push(path.clone());
        }
        Ok(file.or(directory))
    }

    /// Merges a file that both sides changed; `None` if a person has to.
    fn files(&self, base: Side, ours: Side, theirs: Side) -> Result<Option<Side>, ReadError> {
        let is_file = |(mode, _): Side| matches!(mode, Mode::File | Mode::Executable);
        if ![base, ours, theirs].into_iter().all(is_file) {
            return Ok(None);
        }
        let mode = if ours.0 == base.0 { theirs.0 } else { ours.0 };
        if ours.1 == theirs.1 || theirs.1 == base.1 {
            return Ok(Some((mode, ours.1)));
        }
        if ours.1 == base.1 {
            return Ok(Some((mode, theirs.1)));
        }
        let (Some(base), Some(ours), Some(theirs)) =
            (self.text(base.1)?, self.text(ours.1)?, self.text(theirs.1)?)
        else {
            return Ok(None);
        };
        let mut merged = Vec::new();
        let mut input = InternedInput::default();
        let options = builtin_driver::text::Options {
            diff_algorithm: Algorithm::Histogram,
            ..Default::default()
        };
        let labels = builtin_driver::text::Labels::default();
        let resolution =
            builtin_driver::text(&mut merged, &mut input, labels, &ours, &base, &theirs, options);
        Ok((resolution == Resolution::Complete)
            .then(|| (mode, self.incoming.keep(ObjectKind::Blob, merged))))
    }

    /// Reads a file as text; `None` if git would take it for binary, or it is too large to merge.
    fn text(&self, id: ObjectId) -> Result<Option<Vec<u8>>, ReadError> {
        let is_small =
            self.incoming.header(&id)?.is_none_or(|(_, size)| size <= self.limits.merge_blob_bytes);
        if !is_small {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.incoming.read(
            &id,
            ObjectKind::Blob,
            ("merge-blob-bytes", self.limits.merge_blob_bytes),
            &mut bytes,
        )?;
        let is_binary = bytes.iter().take(8000).any(|b| *b == 0);
        Ok((!is_binary).then_some(bytes))
    }
}

/// What one side has at a path.
type Side = (Mode, ObjectId);

/// Gives commits to the merge-base search, and keeps what went wrong while it did.
struct Reader<'m, 'a, 't> {
    merger: &'m Merger<'a, 't>,
    failure: &'m std::cell::RefCell<Option<ReadError>>,
}

impl gix::objs::Find for Reader<'_, '_, '_> {
    fn try_find<'b>(
        &self,
        id: &gix::oid,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Option<gix::objs::Data<'b>>, gix::Error> {
        let merger = self.merger;
        let mut read = || -> Result<(), ReadError> {
            merger.deadline.check()?;
            Ancestry::read(merger.incoming, CommitId(id.to_owned()), merger.limits, buffer)
                .map(drop)
        };
        match read() {
            Ok(()) => Ok(Some(gix::objs::Data {
                kind: gix::objs::Kind::Commit,
                object_hash: id.kind(),
                data: buffer,
            })),
            Err(failure) => {
                *self.failure.borrow_mut() = Some(failure);
                Err(gix::error::message("the commit cannot be read").into())
            }
        }
    }
}
