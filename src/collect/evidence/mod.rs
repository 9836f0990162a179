//! Reads the evidence for commits from notes.
//!
//! Comes in: notes of the push or of the server. Goes out: facts, the bad ones
//! included. Each note is read and verified once, however many commits share it by their
//! tree, and so is each report that lies on the reports ref. Objects are read by one
//! thread, and what they hold is worked out by several ([`super::parallel`]); what
//! comes out does not depend on how many.

mod line;
mod raw;
mod vouch;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::line::{Asked, Line, Reader};
pub use self::raw::RawReport;
pub use self::vouch::{Judges, Vouched, vouched};
use super::notes_ref::{LinesError, Notes, NotesRef, NotesTips, read_note};
use super::parallel::{self, Weight};
use super::{Scene, Stop, label};
use crate::evidence::attestation::{CommitEvidence, EvidenceState};
use crate::evidence::report::Report;
use crate::id::{BlobId, ObjectId};
use crate::repo::commit::Commit;
use crate::repo::fault::ObjectKind;
use crate::repo::objects::Objects as _;

/// Reads evidence for one push.
pub struct EvidenceReader<'a, 's, 't> {
    scene: &'a Scene<'s, 't>,
    evidence: Notes,
    reports: Notes,
    threads: Option<usize>,
}

/// What became of a note: its lines, or why they cannot be had.
type Note = Result<Vec<Line>, String>;

impl<'a, 's, 't> EvidenceReader<'a, 's, 't> {
    /// Opens the notes that hold evidence.
    ///
    /// # Errors
    /// The notes refs cannot be read.
    pub fn open(scene: &'a Scene<'s, 't>, tips: &NotesTips) -> Result<Self, Stop> {
        let open = |notes| Notes::open(scene.incoming, tips, notes, scene.limits);
        Ok(Self {
            scene,
            evidence: open(NotesRef::Evidence)?,
            reports: open(NotesRef::Reports)?,
            threads: None,
        })
    }

    /// Sets the number of threads, which changes nothing but the time that it takes.
    #[must_use]
    pub fn on_threads(self, threads: usize) -> Self {
        Self { threads: Some(threads), ..self }
    }

    /// Returns the evidence on each commit and on its tree, in the order of the commits.
    ///
    /// # Errors
    /// The repository cannot be read; notes that are at fault are facts.
    pub fn of_commits<'c>(
        &self,
        commits: impl IntoIterator<Item = &'c Commit>,
    ) -> Result<Vec<CommitEvidence>, Stop> {
        let mut plan = Plan::default();
        let mut found = Vec::new();
        for commit in commits {
            self.scene.deadline.check()?;
            let evidence =
                CommitEvidence { commit: label(commit), items: Vec::new(), unreadable: None };
            let (notes, unreadable) = self.find(commit, &mut plan)?;
            found.push((commit, CommitEvidence { unreadable, ..evidence }, notes));
        }
        let notes = self.read(&plan.blobs)?;
        let about = |(commit, mut evidence, at): (&Commit, CommitEvidence, Vec<usize>)| {
            for note in at.into_iter().filter_map(|at| notes.get(at)) {
                match note {
                    Ok(lines) => evidence.items.extend(lines.iter().map(|line| line.about(commit))),
                    Err(why) => evidence.unreadable = Some(why.clone()),
                }
            }
            evidence
        };
        Ok(found.into_iter().map(about).collect())
    }

    /// Looks up the notes on a commit and on its tree, which may share one, without reading them.
    fn find(&self, commit: &Commit, plan: &mut Plan) -> Result<(Vec<usize>, Option<String>), Stop> {
        let Scene { incoming, limits, .. } = *self.scene;
        let mut notes = Vec::new();
        let mut unreadable = None;
        for annotated in [commit.id.0, commit.tree.0] {
            match self.evidence.find(incoming, &annotated, limits) {
                Ok(Some(blob)) => {
                    let at = plan.add(blob);
                    if !notes.contains(&at) {
                        notes.push(at);
                    }
                }
                Ok(None) => {}
                Err(Stop::Violation(violation)) => unreadable = Some(super::why(&violation)),
                Err(stop) => return Err(stop),
            }
        }
        Ok((notes, unreadable))
    }

    /// Reads and verifies notes, and then the reports that they name.
    fn read(&self, blobs: &[BlobId]) -> Result<Vec<Note>, Stop> {
        let reader = Reader::new(self.scene);
        let read = |blob: &BlobId| self.note_bytes(*blob);
        let notes = parallel::map(self.threads, blobs, read, |note: NoteBytes| reader.note(note))?;
        let mut notes: Vec<Note> = notes.into_iter().collect::<Result<_, Stop>>()?;
        let mut asked: BTreeMap<Asked, Result<Arc<Report>, String>> = BTreeMap::new();
        for line in notes.iter().flatten().flatten() {
            asked.extend(line.asks.as_ref().map(|asks| (asks.clone(), Err(String::new()))));
        }
        let read = |asked: &Asked| self.stored_bytes(asked);
        let work = |stored: StoredBytes| reader.stored(stored);
        let reports = parallel::map(self.threads, asked.keys(), read, work)?;
        for (report, at) in reports.into_iter().zip(asked.values_mut()) {
            *at = report?;
        }
        for line in notes.iter_mut().flatten().flatten() {
            let report = line.asks.as_ref().and_then(|asks| asked.get(asks).cloned());
            line.answer(report);
        }
        Ok(notes)
    }

    fn note_bytes(&self, blob: BlobId) -> Result<NoteBytes, Stop> {
        let Scene { incoming, limits, deadline, .. } = *self.scene;
        deadline.check()?;
        let bytes = match read_note(incoming, blob, limits) {
            Ok(bytes) => Ok(bytes),
            Err(LinesError::TooLarge(why)) => Err(why),
            Err(LinesError::Stop(Stop::Violation(violation))) => Err(super::why(&violation)),
            Err(LinesError::Stop(stop)) => return Err(stop),
        };
        Ok(NoteBytes { blob, bytes })
    }

    fn stored_bytes(&self, asked: &Asked) -> Result<StoredBytes, Stop> {
        self.scene.deadline.check()?;
        let bytes = match self.stored(asked) {
            Ok(bytes) => bytes,
            Err(Stop::Violation(violation)) => Err(super::why(&violation)),
            Err(stop) => return Err(stop),
        };
        Ok(StoredBytes { sha256: asked.sha256, bytes })
    }

    /// Reads a report from the reports ref; the inner error is what is wrong with it.
    fn stored(&self, asked: &Asked) -> Result<Result<Vec<u8>, String>, Stop> {
        let Scene { incoming, limits, .. } = *self.scene;
        let hex = asked.sha256.to_hex();
        let Some(stored) = self.reports.stored(incoming, &hex, limits)? else {
            return Ok(Err(format!(
                "its report sha256:{hex} is not in refs/notes/refgate/reports"
            )));
        };
        if asked.blob.is_some_and(|blob| blob != stored) {
            return Ok(Err("its report is another blob than it names".into()));
        }
        let mut bytes = Vec::new();
        let limit = ("report-bytes", limits.report_bytes);
        incoming.read(&stored.0, ObjectKind::Blob, limit, &mut bytes)?;
        Ok(Ok(bytes))
    }
}

/// The notes to read, each once, in the order in which they are first needed.
#[derive(Default)]
struct Plan {
    blobs: Vec<BlobId>,
    at: BTreeMap<ObjectId, usize>,
}

impl Plan {
    fn add(&mut self, blob: BlobId) -> usize {
        *self.at.entry(blob.0).or_insert_with(|| {
            self.blobs.push(blob);
            self.blobs.len() - 1
        })
    }
}

/// A note that was read and not yet looked at.
struct NoteBytes {
    blob: BlobId,
    bytes: Result<Vec<u8>, String>,
}

/// A report that was read and not yet looked at.
struct StoredBytes {
    sha256: crate::evidence::predicate::Sha256,
    bytes: Result<Vec<u8>, String>,
}

impl Weight for NoteBytes {
    fn bytes(&self) -> usize {
        self.bytes.as_ref().map_or(0, Vec::len)
    }
}

impl Weight for StoredBytes {
    fn bytes(&self) -> usize {
        self.bytes.as_ref().map_or(0, Vec::len)
    }
}

impl Line {
    /// Puts in the report that the line names and that was read meanwhile.
    fn answer(&mut self, report: Option<Result<Arc<Report>, String>>) {
        let fact = Arc::make_mut(&mut self.fact);
        let EvidenceState::Unreadable { by, at, .. } = &fact.state else { return };
        let (by, at) = (by.clone(), *at);
        fact.state = match report {
            Some(Ok(report)) => EvidenceState::Authentic { by, at, report },
            Some(Err(why)) => EvidenceState::Unreadable { by, at, why },
            None => return,
        };
    }
}
