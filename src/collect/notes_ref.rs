//! The notes that count for a push: those of the server, or those that the push brings along.

use std::collections::BTreeMap;

use super::Stop;
use crate::id::{BlobId, CommitId, ObjectId, TreeId};
use crate::limits::Limits;
use crate::refname::RefName;
use crate::repo::ReadError;
use crate::repo::commit::Ancestry;
use crate::repo::fault::{ObjectKind, Problem};
use crate::repo::notes::NotesTree;
use crate::repo::objects::{Incoming, Objects as _};
use crate::repo::tree::{Mode, Tree};
use crate::violation::{NoteProblem, NotesViolation, Violation};

/// The refs below [`crate::refname::EVIDENCE_PREFIX`] that evidence is pushed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotesRef {
    /// Signed statements about commits and trees.
    Evidence,
    /// Approvals, objections and withdrawals.
    Approvals,
    /// Raw reports that statements name by their digest.
    Reports,
}

impl NotesRef {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Evidence, Self::Approvals, Self::Reports];

    /// Returns the last component of the ref's name.
    #[must_use]
    pub fn short(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Approvals => "approvals",
            Self::Reports => "reports",
        }
    }

    /// Returns the full name of the ref.
    ///
    /// # Panics
    /// Never: the names are fixed and well-formed.
    #[must_use]
    #[expect(clippy::expect_used, reason = "three fixed names, all of them tested")]
    pub fn name(self) -> RefName {
        let name = [crate::refname::EVIDENCE_PREFIX, self.short().as_bytes()].concat();
        RefName::parse(&name).expect("because a fixed name is well-formed")
    }

    /// Returns the ref of that name.
    #[must_use]
    pub fn of(name: &RefName) -> Option<Self> {
        Self::ALL.into_iter().find(|notes| *name == notes.name())
    }
}

/// The commits that the evidence refs hold if the push succeeds.
#[derive(Clone, Debug, Default)]
pub struct NotesTips(pub BTreeMap<NotesRef, CommitId>);

/// The notes of one ref, open for reading.
pub struct Notes {
    tree: Option<NotesTree>,
}

impl Notes {
    /// Opens the notes of a ref; a ref that does not exist has none.
    ///
    /// # Errors
    /// Its commit cannot be read.
    pub fn open(
        incoming: &Incoming<'_>,
        tips: &NotesTips,
        notes: NotesRef,
        limits: &Limits,
    ) -> Result<Self, Stop> {
        let tree = match tips.0.get(&notes) {
            Some(tip) => {
                let mut buffer = Vec::new();
                Some(NotesTree::new(Ancestry::read(incoming, *tip, limits, &mut buffer)?.tree))
            }
            None => None,
        };
        Ok(Self { tree })
    }

    /// Returns the note for an object and its lines, each with its number from 1.
    ///
    /// # Errors
    /// The note cannot be read, or is larger than the limits allow.
    pub fn lines(
        &self,
        incoming: &Incoming<'_>,
        id: &ObjectId,
        limits: &Limits,
    ) -> Result<Option<NoteLines>, Stop> {
        let Some(tree) = &self.tree else { return Ok(None) };
        let Some(blob) = tree.find(incoming, id, limits)? else { return Ok(None) };
        Ok(Some(NoteLines { blob, lines: read_lines(incoming, blob, limits)? }))
    }

    /// Returns the note that annotates an object, without reading it.
    ///
    /// # Errors
    /// The notes tree cannot be read.
    pub fn find(
        &self,
        incoming: &Incoming<'_>,
        id: &ObjectId,
        limits: &Limits,
    ) -> Result<Option<BlobId>, Stop> {
        match &self.tree {
            Some(tree) => Ok(tree.find(incoming, id, limits)?),
            None => Ok(None),
        }
    }

    /// Returns the file that a content-addressed tree holds for a SHA-256 in hexadecimal digits.
    ///
    /// # Errors
    /// The tree cannot be read.
    pub fn stored(
        &self,
        incoming: &Incoming<'_>,
        sha256: &str,
        limits: &Limits,
    ) -> Result<Option<BlobId>, Stop> {
        let (Some(tree), Some((directory, rest))) = (&self.tree, sha256.split_at_checked(2)) else {
            return Ok(None);
        };
        let root = Tree::read(incoming, tree.root(), limits)?;
        let Some(entry) = root.find(directory.as_bytes()).filter(|entry| entry.mode == Mode::Tree)
        else {
            return Ok(None);
        };
        let tree = Tree::read(incoming, TreeId(entry.id), limits)?;
        Ok(tree
            .find(rest.as_bytes())
            .filter(|entry| entry.mode == Mode::File)
            .map(|entry| BlobId(entry.id)))
    }
}

/// A note, taken apart.
pub struct NoteLines {
    /// The blob that holds it.
    pub blob: BlobId,
    /// Its lines with their numbers, empty ones left out.
    pub lines: Vec<(usize, Vec<u8>)>,
}

/// Why the lines of a note cannot be had.
pub enum LinesError {
    /// The note is larger, or has more or longer lines, than the limits allow; says which.
    TooLarge(String),
    /// Something else.
    Stop(Stop),
}

/// Reads a note line by line, within the limits.
///
/// # Errors
/// The note is too large, or cannot be read.
pub fn read_lines(
    incoming: &Incoming<'_>,
    blob: BlobId,
    limits: &Limits,
) -> Result<Vec<(usize, Vec<u8>)>, LinesError> {
    let bytes = read_note(incoming, blob, limits)?;
    let lines = split_lines(&bytes, limits).map_err(LinesError::TooLarge)?;
    Ok(lines.into_iter().map(|(number, line)| (number, line.to_vec())).collect())
}

/// Reads a note, if it is no larger than the limits allow.
///
/// # Errors
/// The note is too large, or cannot be read.
pub fn read_note(
    incoming: &Incoming<'_>,
    blob: BlobId,
    limits: &Limits,
) -> Result<Vec<u8>, LinesError> {
    let mut bytes = Vec::new();
    match incoming.read(&blob.0, ObjectKind::Blob, ("note-bytes", limits.note_bytes), &mut bytes) {
        Ok(_) => Ok(bytes),
        Err(ReadError::Fault(fault)) if matches!(fault.problem, Problem::TooLarge { .. }) => {
            Err(LinesError::TooLarge(fault.to_string()))
        }
        Err(error) => Err(LinesError::Stop(error.into())),
    }
}

/// Takes a note apart: its lines with their numbers from 1, empty ones left out.
///
/// # Errors
/// It has more or longer lines than the limits allow; says which.
pub fn split_lines<'n>(bytes: &'n [u8], limits: &Limits) -> Result<Vec<(usize, &'n [u8])>, String> {
    let mut lines = Vec::new();
    for (at, line) in bytes.split(|b| *b == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        if lines.len() == limits.note_lines {
            let limit = limits.note_lines;
            return Err(format!("the note has more than {limit} lines (limits.note-lines)"));
        }
        if line.len() > limits.note_line_bytes {
            let limit = limits.note_line_bytes;
            return Err(format!(
                "line {} has more than {limit} bytes (limits.note-line-bytes)",
                at + 1
            ));
        }
        lines.push((at + 1, line));
    }
    Ok(lines)
}

impl From<LinesError> for Stop {
    fn from(error: LinesError) -> Self {
        match error {
            LinesError::TooLarge(why) => {
                let notes =
                    vec![NoteProblem { annotated: "that counts here".into(), line: 0, why }];
                Violation::from(NotesViolation::TooLarge { notes }).into()
            }
            LinesError::Stop(stop) => stop,
        }
    }
}
