//! One line of a note: an envelope, from the outside in.
//!
//! Works on bytes alone, so that it runs on any thread. Everything is a claim of the
//! push until a signature of somebody permitted has been verified over it.

use std::sync::Arc;

use super::vouch::{Judges, Vouched, vouched};
use super::{Note, NoteBytes, StoredBytes};
use crate::clock::Deadline;
use crate::collect::notes_ref::{NotesRef, split_lines};
use crate::collect::{Scene, Stop};
use crate::evidence::attestation::{EvidenceFact, EvidenceState, ReportForm};
use crate::evidence::change::Place;
use crate::evidence::dsse::{Envelope, Statement, Subject};
use crate::evidence::format;
use crate::evidence::predicate::{Predicate, ReportSource, Sha256};
use crate::evidence::report::{Listed, Report};
use crate::evidence::severity::{LevelSeverities, SeverityOverrides};
use crate::gate::scan::{blocking_ratings, blocks};
use crate::id::BlobId;
use crate::limits::Limits;
use crate::repo::commit::Commit;

/// One line of a note, verified; about which commit it speaks has not been looked at.
pub(super) struct Line {
    pub(super) subjects: Vec<Subject>,
    pub(super) fact: Arc<EvidenceFact>,
    /// The report that it names and that has not been read.
    pub(super) asks: Option<Asked>,
}

/// A report on the reports ref, as a statement names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    pub(super) sha256: Sha256,
    pub(super) blob: Option<BlobId>,
}

/// What reading lines and reports needs, on any thread.
pub(super) struct Reader<'s> {
    judges: Judges<'s>,
    limits: &'s Limits,
    deadline: &'s Deadline,
    overrides: SeverityOverrides,
    /// The findings that are read in full: those that could block.
    listed: Listed,
}

impl<'s> Reader<'s> {
    pub(super) fn new(scene: &Scene<'s, '_>) -> Self {
        let judges = Judges::of(scene);
        let overrides = overrides(scene);
        let listed = Listed::down_to(blocking_ratings(&scene.policy.config().scan));
        Self { judges, limits: scene.limits, deadline: scene.deadline, overrides, listed }
    }

    /// Takes a note apart.
    ///
    /// # Errors
    /// The time is over.
    pub(super) fn note(&self, note: NoteBytes) -> Result<Note, Stop> {
        let NoteBytes { blob, bytes } = note;
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(why) => return Ok(Err(why)),
        };
        let lines = match split_lines(&bytes, self.limits) {
            Ok(lines) => lines,
            Err(why) => return Ok(Err(why)),
        };
        let read = |(number, bytes)| {
            self.deadline.check()?;
            let place = Place::Note { notes: NotesRef::Evidence.short(), blob, line: number };
            Ok(self.line(bytes, place))
        };
        Ok(Ok(lines.into_iter().map(read).collect::<Result<_, Stop>>()?))
    }

    /// Reads a report that lay on the reports ref; the inner error is what is wrong with it.
    ///
    /// # Errors
    /// The time is over.
    pub(super) fn stored(&self, stored: StoredBytes) -> Result<Result<Arc<Report>, String>, Stop> {
        self.deadline.check()?;
        Ok(stored.bytes.and_then(|bytes| match Sha256::of(&bytes) == stored.sha256 {
            true => self.report(&bytes),
            false => Err("its report does not have the digest that it names".into()),
        }))
    }

    fn line(&self, bytes: &[u8], place: Place) -> Line {
        let line = |subjects, kind, form, state| Line {
            subjects,
            fact: Arc::new(EvidenceFact { place, kind, form, state }),
            asks: None,
        };
        let malformed = |why| EvidenceState::Malformed(why);
        let envelope = match Envelope::parse(bytes) {
            Ok(envelope) => envelope,
            Err(why) => return line(Vec::new(), None, None, malformed(why)),
        };
        let statement = match Statement::parse(&envelope.payload) {
            Ok(statement) => statement,
            Err(why) => return line(Vec::new(), None, None, malformed(why)),
        };
        let predicate = match Predicate::read(&statement) {
            Ok(predicate) => predicate,
            Err(why) => return line(statement.subjects, None, None, malformed(why)),
        };
        let Predicate { kind, at, report } = predicate;
        let form = match &report {
            ReportSource::Predicate(_) => ReportForm::Native,
            ReportSource::Content(_) => ReportForm::Embedded,
            ReportSource::Stored { .. } => ReportForm::Stored,
        };
        let mut asks = None;
        let state = match vouched(&self.judges, &envelope, &kind, at) {
            Err(why) => EvidenceState::Untrusted(why),
            Ok(Vouched { by, signed_at }) => {
                let read = match report {
                    ReportSource::Predicate(bytes) => self.report(bytes),
                    ReportSource::Content(bytes) => self.report(&bytes),
                    ReportSource::Stored { sha256, blob } => {
                        asks = Some(Asked { sha256, blob });
                        Err("its report has not been read".into())
                    }
                };
                match read {
                    Ok(report) => {
                        // Nobody says when the tool ran, but it had run when this was signed.
                        let at = at.or(signed_at.filter(|_| report.times.is_none()));
                        EvidenceState::Authentic { by, at, report }
                    }
                    Err(why) => EvidenceState::Unreadable { by, at, why },
                }
            }
        };
        Line { asks, ..line(statement.subjects, Some(kind), Some(form), state) }
    }

    /// Reads a report without the findings that cannot block: they take most of the time, and of
    /// thousands of commits they would take as much memory as the reports themselves. The counts
    /// have them all.
    fn report(&self, bytes: &[u8]) -> Result<Arc<Report>, String> {
        let read = format::read_listing(bytes, self.limits, &self.overrides, self.listed);
        let mut report = read.map_err(|error| error.to_string())?;
        let scan = &self.judges.policy.config().scan;
        report.findings.retain(|finding| blocks(scan, finding.rating));
        report.findings.shrink_to_fit();
        Ok(Arc::new(report))
    }
}

impl Line {
    /// Returns the fact as it stands towards a commit.
    pub(super) fn about(&self, commit: &Commit) -> Arc<EvidenceFact> {
        let by = match &self.fact.state {
            EvidenceState::Authentic { by, .. } | EvidenceState::Unreadable { by, .. } => by,
            EvidenceState::Malformed(_)
            | EvidenceState::Untrusted(_)
            | EvidenceState::WrongSubject { .. } => {
                return Arc::clone(&self.fact);
            }
        };
        if self.subjects.iter().any(|subject| speaks_of(subject, commit)) {
            return Arc::clone(&self.fact);
        }
        let names = self
            .subjects
            .iter()
            .flat_map(|subject| subject.digest.iter())
            .take(4)
            .map(|(algorithm, digest)| format!("{}:{}", cut(algorithm), cut(digest)))
            .collect();
        let state = EvidenceState::WrongSubject { by: by.clone(), names };
        Arc::new(EvidenceFact { state, ..EvidenceFact::clone(&self.fact) })
    }
}

/// Says whether a subject is the commit or its tree; where it names both, both must be right.
/// Where it names neither, it may have the SHA-256 of the commit's bytes.
pub(super) fn speaks_of(subject: &Subject, commit: &Commit) -> bool {
    let matches =
        |algorithm: &str, id: String| subject.digest.get(algorithm).map(|digest| digest == id);
    match (matches("gitCommit", commit.id.to_string()), matches("gitTree", commit.tree.to_string()))
    {
        (None, None) => matches("sha256", Sha256(commit.sha256).to_hex()).unwrap_or(false),
        (commit, tree) => commit.unwrap_or(true) && tree.unwrap_or(true),
    }
}

fn cut(text: &str) -> String {
    crate::report::text::Foreign::from(text).shown(20)
}

fn overrides(scene: &Scene<'_, '_>) -> SeverityOverrides {
    let mut overrides = SeverityOverrides::default();
    for (tool, levels) in &scene.policy.config().scan.tools {
        let levels =
            LevelSeverities { error: levels.error, warning: levels.warning, note: levels.note };
        overrides.insert(tool, levels);
    }
    overrides
}
