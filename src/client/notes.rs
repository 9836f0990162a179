//! Adds lines to notes and joins the notes of two repositories.
//!
//! A line says who vouches for it, so two versions of a note are joined by taking
//! the lines of both, each once and sorted, as `git notes merge -s cat_sort_uniq` does.

use std::collections::{BTreeMap, BTreeSet};

use super::store::Store;
use crate::clock::Deadline;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{BlobId, CommitId, ObjectId, TreeId};
use crate::limits::Limits;
use crate::refname::RefName;
use crate::repo::diff::changed_paths;
use crate::repo::fault::ObjectKind;
use crate::repo::notes::annotated_id;
use crate::repo::objects::{Objects, Trusted};
use crate::repo::tree::{self, Entry, Mode, Tree};
use crate::repo::{ReadError, commit::Commit};

/// Lines to be added, by the object that they are about.
pub type Additions = BTreeMap<ObjectId, BTreeSet<Vec<u8>>>;

/// Writes notes in one repository.
pub struct Writer<'a> {
    /// Where to read.
    pub objects: &'a Trusted,
    /// Where to write.
    pub store: &'a Store,
    /// Bounds.
    pub limits: &'a Limits,
}

impl Writer<'_> {
    /// Adds lines to the notes of a ref; returns the new tip.
    ///
    /// # Errors
    /// The notes cannot be read or written, or somebody else moved the ref meanwhile.
    pub fn add(
        &self,
        name: &RefName,
        tip: Option<CommitId>,
        additions: &Additions,
        message: &str,
    ) -> Result<CommitId> {
        let root = tip.map(|tip| self.tree_of(tip)).transpose()?;
        let root = self.edit(root, additions)?;
        let parents: Vec<CommitId> = tip.into_iter().collect();
        let commit = self.store.commit(root, &parents, message, None)?;
        self.store.move_ref(name, commit, tip, message)?;
        Ok(commit)
    }

    /// Returns the notes of a commit with lines added, stored but held by no ref.
    ///
    /// # Errors
    /// The notes cannot be read or written.
    pub fn tree_with(&self, tip: Option<CommitId>, additions: &Additions) -> Result<TreeId> {
        let root = tip.map(|tip| self.tree_of(tip)).transpose()?;
        self.edit(root, additions)
    }

    /// Stores a file at a path of a content-addressed tree; returns the new tip.
    ///
    /// # Errors
    /// As [`Writer::add`].
    pub fn add_file(
        &self,
        name: &RefName,
        tip: Option<CommitId>,
        path: &[&str],
        blob: ObjectId,
        message: &str,
    ) -> Result<CommitId> {
        let root = tip.map(|tip| self.tree_of(tip)).transpose()?;
        let components: Vec<&[u8]> = path.iter().map(|component| component.as_bytes()).collect();
        let root = self.put(root, &components, blob)?;
        let parents: Vec<CommitId> = tip.into_iter().collect();
        let commit = self.store.commit(root, &parents, message, None)?;
        self.store.move_ref(name, commit, tip, message)?;
        Ok(commit)
    }

    /// Joins the notes of another repository into those of a ref; returns the new
    /// tip, which has both as ancestors.
    ///
    /// # Errors
    /// As [`Writer::add`].
    pub fn join(
        &self,
        name: &RefName,
        ours: Option<CommitId>,
        theirs: CommitId,
    ) -> Result<CommitId> {
        let Some(ours) = ours else {
            self.store.move_ref(name, theirs, None, "fetch")?;
            return Ok(theirs);
        };
        let (our_root, their_root) = (self.tree_of(ours)?, self.tree_of(theirs)?);
        let deadline = Deadline::after_ms(self.limits.time_ms.saturating_mul(10));
        let differing = changed_paths(self.objects, their_root, our_root, self.limits, &deadline)
            .map_err(trusted)?;
        let mut additions = Additions::new();
        let mut files: Vec<(Vec<u8>, ObjectId)> = Vec::new();
        for changed in &differing {
            let Some((Mode::File, blob)) = changed.new else { continue };
            match annotated_id(&changed.path) {
                Some(id) if !name.as_bytes().ends_with(b"/reports") => {
                    additions.entry(id).or_default().extend(self.lines(BlobId(blob))?);
                }
                _ => files.push((changed.path.clone(), blob)),
            }
        }
        let mut root = self.edit(Some(their_root), &additions)?;
        for (path, blob) in files {
            let components: Vec<&[u8]> = path.split(|b| *b == b'/').collect();
            root = self.put(Some(root), &components, blob)?;
        }
        if root == their_root && self.reaches(theirs, ours)? {
            self.store.move_ref(name, theirs, Some(ours), "fast-forward")?;
            return Ok(theirs);
        }
        if root == our_root && self.reaches(ours, theirs)? {
            return Ok(ours);
        }
        let commit = self.store.commit(root, &[theirs, ours], "Join notes", None)?;
        self.store.move_ref(name, commit, Some(ours), "join notes")?;
        Ok(commit)
    }

    /// Says whether `tip` has `ancestor` behind it.
    fn reaches(&self, tip: CommitId, ancestor: CommitId) -> Result<bool> {
        let mut pending = vec![tip];
        let mut seen = BTreeSet::from([tip]);
        let mut buffer = Vec::new();
        while let Some(id) = pending.pop() {
            if id == ancestor {
                return Ok(true);
            }
            let ancestry =
                crate::repo::commit::Ancestry::read(self.objects, id, self.limits, &mut buffer)
                    .map_err(trusted)?;
            pending.extend(ancestry.parents.into_iter().filter(|parent| seen.insert(*parent)));
        }
        Ok(false)
    }

    fn tree_of(&self, commit: CommitId) -> Result<TreeId> {
        Ok(Commit::read(self.objects, commit, self.limits).map_err(trusted)?.tree)
    }

    /// Returns the lines of a note.
    fn lines(&self, blob: BlobId) -> Result<BTreeSet<Vec<u8>>> {
        let mut bytes = Vec::new();
        let limit = ("note-bytes", self.limits.note_bytes);
        self.objects.read(&blob.0, ObjectKind::Blob, limit, &mut bytes).map_err(trusted)?;
        Ok(bytes
            .split(|b| *b == b'\n')
            .filter(|line| !line.is_empty())
            .map(<[u8]>::to_vec)
            .collect())
    }

    fn edit(&self, root: Option<TreeId>, additions: &Additions) -> Result<TreeId> {
        let mut root = root;
        for (id, lines) in additions {
            let hex = id.to_hex().to_string();
            root = Some(self.add_note(root, hex.as_bytes(), lines, 0)?);
        }
        match root {
            Some(root) => Ok(root),
            None => self.store.write(ObjectKind::Tree, b"").map(TreeId),
        }
    }

    /// Adds lines to the note at whatever fan-out it lies, or where it would be put.
    fn add_note(
        &self,
        tree: Option<TreeId>,
        rest: &[u8],
        lines: &BTreeSet<Vec<u8>>,
        depth: usize,
    ) -> Result<TreeId> {
        let current = self.read(tree)?;
        let (directory, below) = rest.split_at_checked(2).unwrap_or((rest, b""));
        let subtree = current
            .find(directory)
            .filter(|entry| entry.mode == Mode::Tree)
            .map(|entry| TreeId(entry.id));
        let existing = current
            .find(rest)
            .filter(|entry| entry.mode == Mode::File)
            .map(|entry| BlobId(entry.id));
        if existing.is_none() && (subtree.is_some() || depth == 0) && !below.is_empty() {
            let child = self.add_note(subtree, below, lines, depth + 1)?;
            return self.replace(&current, directory, (Mode::Tree, child.0));
        }
        let mut all = existing.map(|blob| self.lines(blob)).transpose()?.unwrap_or_default();
        all.extend(lines.iter().cloned());
        let mut bytes: Vec<u8> = Vec::new();
        for line in &all {
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
        }
        let blob = self.store.write(ObjectKind::Blob, &bytes)?;
        self.replace(&current, rest, (Mode::File, blob))
    }

    fn put(&self, tree: Option<TreeId>, path: &[&[u8]], blob: ObjectId) -> Result<TreeId> {
        let current = self.read(tree)?;
        let Some((name, below)) = path.split_first() else {
            return Err(Error::new(ErrorKind::Internal, "a file without a name"));
        };
        if below.is_empty() {
            return self.replace(&current, name, (Mode::File, blob));
        }
        let subtree = current
            .find(name)
            .filter(|entry| entry.mode == Mode::Tree)
            .map(|entry| TreeId(entry.id));
        let child = self.put(subtree, below, blob)?;
        self.replace(&current, name, (Mode::Tree, child.0))
    }

    fn read(&self, tree: Option<TreeId>) -> Result<Tree> {
        match tree {
            Some(id) => {
                // Trees that this run has stored are found by looking again at the disk.
                Tree::read(self.objects, id, self.limits).map_err(trusted)
            }
            None => Ok(Tree::empty(self.objects.hash())),
        }
    }

    fn replace(&self, tree: &Tree, name: &[u8], (mode, id): (Mode, ObjectId)) -> Result<TreeId> {
        let mut entries: Vec<Entry<'_>> = tree.iter().filter(|entry| entry.name != name).collect();
        entries.push(Entry { mode, name, id });
        entries.sort_by(|l, r| tree::compare(l.mode, l.name, r.mode, r.name));
        self.store.write(ObjectKind::Tree, &tree::write(&entries)).map(TreeId)
    }
}

fn trusted(error: ReadError) -> Error {
    error.on_the_trusted_side()
}
