//! The reports in evidence, byte for byte, for those who take them out again.

use super::line::Asked;
use super::{EvidenceReader, Stop};
use crate::collect::notes_ref::{NotesRef, read_lines};
use crate::evidence::change::Place;
use crate::evidence::dsse::{Envelope, Statement};
use crate::evidence::kind::Kind;
use crate::evidence::predicate::{Predicate, ReportSource, Sha256};
use crate::repo::commit::Commit;

/// A report as it was attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawReport {
    /// Where the statement about it stands.
    pub place: Place,
    /// What it is said to be.
    pub kind: Kind,
    /// Its bytes, or why they cannot be had.
    pub bytes: Result<Vec<u8>, String>,
}

impl EvidenceReader<'_, '_, '_> {
    /// Returns the reports of all statements on a commit and its tree that can be read; nothing is verified.
    ///
    /// # Errors
    /// The repository or a note cannot be read.
    pub fn raw_reports(&self, commit: &Commit) -> Result<Vec<RawReport>, Stop> {
        let mut plan = super::Plan::default();
        drop(self.find(commit, &mut plan)?);
        let mut reports = Vec::new();
        for blob in plan.blobs {
            for (line, bytes) in read_lines(self.scene.incoming, blob, self.scene.limits)? {
                let place = Place::Note { notes: NotesRef::Evidence.short(), blob, line };
                let Ok(envelope) = Envelope::parse(&bytes) else { continue };
                let Ok(statement) = Statement::parse(&envelope.payload) else { continue };
                let Ok(predicate) = Predicate::read(&statement) else { continue };
                let bytes = match predicate.report {
                    ReportSource::Predicate(bytes) => Ok(bytes.to_vec()),
                    ReportSource::Content(bytes) => Ok(bytes),
                    ReportSource::Stored { sha256, blob } => {
                        let stored = self.stored(&Asked { sha256, blob })?;
                        stored.and_then(|bytes| match Sha256::of(&bytes) == sha256 {
                            true => Ok(bytes),
                            false => Err("it does not have the digest that is named".into()),
                        })
                    }
                };
                reports.push(RawReport { place, kind: predicate.kind, bytes });
            }
        }
        Ok(reports)
    }
}
