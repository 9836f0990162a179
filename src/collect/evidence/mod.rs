//! Reads the evidence for commits from notes.
//!
//! Each note is read and verified once, however many commits share it by their
//! tree. Comes in: notes of the push or of the server. Goes out: facts, the bad ones included.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::notes_ref::{Notes, NotesRef, NotesTips};
use super::{Scene, Stop, label};
use crate::evidence::attestation::{CommitEvidence, EvidenceFact, EvidenceState};
use crate::evidence::change::Place;
use crate::evidence::dsse::{Envelope, Statement, Subject};
use crate::evidence::format;
use crate::evidence::kind::Kind;
use crate::evidence::predicate::{Predicate, ReportSource, Sha256};
use crate::evidence::severity::{LevelSeverities, SeverityOverrides};
use crate::id::{BlobId, ObjectId};
use crate::principal::PrincipalId;
use crate::repo::commit::Commit;
use crate::repo::fault::ObjectKind;
use crate::repo::objects::Objects as _;
use crate::signature::{Claim, Encoded, Namespace};

/// Reads evidence for one push.
pub struct EvidenceReader<'a, 's, 't> {
    scene: &'a Scene<'s, 't>,
    evidence: Notes,
    reports: Notes,
    overrides: SeverityOverrides,
    /// Notes that were read: a note on a tree serves every commit that has it.
    read: RefCell<BTreeMap<BlobId, Rc<Vec<Line>>>>,
}

/// One line of a note, verified; about which commit it speaks has not been looked at.
struct Line {
    subjects: Vec<Subject>,
    fact: Rc<EvidenceFact>,
}

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
            overrides: overrides(scene),
            read: RefCell::default(),
        })
    }

    /// Returns the evidence on a commit and on its tree.
    ///
    /// # Errors
    /// The repository cannot be read; notes that are at fault are facts.
    pub fn of_commit(&self, commit: &Commit) -> Result<CommitEvidence, Stop> {
        self.scene.deadline.check()?;
        let mut found =
            CommitEvidence { commit: label(commit), items: Vec::new(), unreadable: None };
        let mut seen: Option<Rc<Vec<Line>>> = None;
        for annotated in [commit.id.0, commit.tree.0] {
            match self.lines(&annotated) {
                // The commit and its tree may share one note.
                Ok(lines) if seen.as_ref().is_some_and(|seen| Rc::ptr_eq(seen, &lines)) => {}
                Ok(lines) => {
                    found.items.extend(lines.iter().map(|line| line.about(commit)));
                    seen = Some(lines);
                }
                Err(Stop::Violation(violation)) => {
                    found.unreadable = Some(super::why(&violation));
                }
                Err(stop) => return Err(stop),
            }
        }
        Ok(found)
    }

    fn lines(&self, annotated: &ObjectId) -> Result<Rc<Vec<Line>>, Stop> {
        let Scene { incoming, limits, .. } = *self.scene;
        let Some(blob) = self.evidence.find(incoming, annotated, limits)? else {
            return Ok(Rc::default());
        };
        if let Some(lines) = self.read.borrow().get(&blob) {
            return Ok(Rc::clone(lines));
        }
        let mut lines = Vec::new();
        for (number, bytes) in super::notes_ref::read_lines(incoming, blob, limits)? {
            let place = Place::Note { notes: NotesRef::Evidence.short(), blob, line: number };
            lines.push(self.line(&bytes, place)?);
        }
        let lines = Rc::new(lines);
        self.read.borrow_mut().insert(blob, Rc::clone(&lines));
        Ok(lines)
    }

    /// Reads and verifies one line, from the outside in.
    fn line(&self, bytes: &[u8], place: Place) -> Result<Line, Stop> {
        let line = |subjects, kind, state| Line {
            subjects,
            fact: Rc::new(EvidenceFact { place, kind, state }),
        };
        let envelope = match Envelope::parse(bytes) {
            Ok(envelope) => envelope,
            Err(why) => return Ok(line(Vec::new(), None, EvidenceState::Malformed(why))),
        };
        let statement = match Statement::parse(&envelope.payload) {
            Ok(statement) => statement,
            Err(why) => return Ok(line(Vec::new(), None, EvidenceState::Malformed(why))),
        };
        let predicate = match Predicate::read(&statement) {
            Ok(predicate) => predicate,
            Err(why) => return Ok(line(statement.subjects, None, EvidenceState::Malformed(why))),
        };
        let (kind, at) = (predicate.kind.clone(), predicate.at);
        let state = match self.vouched(&envelope, &predicate) {
            Err(why) => EvidenceState::Untrusted(why),
            Ok(by) => match self.report(predicate)? {
                Ok(report) => EvidenceState::Authentic { by, at, report: Box::new(report) },
                Err(why) => EvidenceState::Unreadable { by, at, why },
            },
        };
        Ok(line(statement.subjects, Some(kind), state))
    }

    /// Returns who vouches for a statement: the first signature by somebody who may speak for its kind.
    fn vouched(
        &self,
        envelope: &Envelope,
        predicate: &Predicate<'_>,
    ) -> Result<PrincipalId, String> {
        vouched(self.scene, envelope, &predicate.kind, predicate.at)
    }

    /// Reads the report of a statement; the inner error is a fault of the report.
    fn report(
        &self,
        predicate: Predicate<'_>,
    ) -> Result<Result<crate::evidence::report::Report, String>, Stop> {
        let Scene { incoming, limits, .. } = *self.scene;
        let read = |bytes: &[u8]| {
            format::read(bytes, limits, &self.overrides).map_err(|error| error.to_string())
        };
        Ok(match predicate.report {
            ReportSource::Predicate(bytes) => read(bytes),
            ReportSource::Content(bytes) => read(&bytes),
            ReportSource::Stored { sha256, blob } => {
                let stored = match self.reports.stored(incoming, &sha256.to_hex(), limits) {
                    Ok(stored) => stored,
                    Err(Stop::Violation(violation)) => return Ok(Err(super::why(&violation))),
                    Err(stop) => return Err(stop),
                };
                let Some(stored) = stored else {
                    return Ok(Err(format!(
                        "its report sha256:{} is not in refs/notes/refgate/reports",
                        sha256.to_hex()
                    )));
                };
                if blob.is_some_and(|blob| blob != stored) {
                    return Ok(Err("its report is another blob than it names".into()));
                }
                let mut bytes = Vec::new();
                let limit = ("report-bytes", limits.report_bytes);
                match incoming.read(&stored.0, ObjectKind::Blob, limit, &mut bytes) {
                    Ok(bytes) if Sha256::of(bytes) != sha256 => {
                        Err("its report does not have the digest that it names".into())
                    }
                    Ok(bytes) => read(bytes),
                    Err(crate::repo::ReadError::Fault(fault)) => Err(fault.to_string()),
                    Err(crate::repo::ReadError::Repository(error)) => return Err(error.into()),
                }
            }
        })
    }
}

/// Returns the principal who vouches for an envelope with a good signature and may speak for the kind.
pub(super) fn vouched(
    scene: &Scene<'_, '_>,
    envelope: &Envelope,
    kind: &Kind,
    at: Option<jiff::Timestamp>,
) -> Result<PrincipalId, String> {
    let signed = envelope.signed_bytes();
    let mut first: Option<String> = None;
    for signature in &envelope.signatures {
        let Some(signature) = Encoded::detect(signature) else {
            first.get_or_insert_with(|| "its signature is neither SSHSIG nor OpenPGP".into());
            continue;
        };
        let claim = Claim {
            signature,
            signed: &signed,
            namespace: Namespace::Refgate,
            by: None,
            made_at: at,
            now: scene.now,
        };
        match scene.keys.verify(&claim) {
            Ok(verified) => {
                let principal = scene.policy.structure().principal(verified.principal());
                if principal.is_some_and(|principal| principal.may_attest(kind, scene.now)) {
                    return Ok(verified.principal().clone());
                }
                first.get_or_insert_with(|| {
                    format!("{} may not speak for {kind}", verified.principal())
                });
            }
            Err(problem) => {
                first.get_or_insert_with(|| problem.to_string());
            }
        }
    }
    Err(first.unwrap_or_else(|| "nobody signed it".into()))
}

impl Line {
    /// Returns the fact as it stands towards a commit.
    fn about(&self, commit: &Commit) -> Rc<EvidenceFact> {
        let by = match &self.fact.state {
            EvidenceState::Authentic { by, .. } | EvidenceState::Unreadable { by, .. } => by,
            EvidenceState::Malformed(_)
            | EvidenceState::Untrusted(_)
            | EvidenceState::WrongSubject { .. } => {
                return Rc::clone(&self.fact);
            }
        };
        if self.subjects.iter().any(|subject| speaks_of(subject, commit)) {
            return Rc::clone(&self.fact);
        }
        let names = self
            .subjects
            .iter()
            .flat_map(|subject| &subject.digest)
            .take(4)
            .map(|(algorithm, digest)| format!("{}:{}", cut(algorithm), cut(digest)))
            .collect();
        let state = EvidenceState::WrongSubject { by: by.clone(), names };
        Rc::new(EvidenceFact {
            place: self.fact.place.clone(),
            kind: self.fact.kind.clone(),
            state,
        })
    }
}

/// Says whether a subject is the commit or its tree; where it names both, both must be right.
pub(super) fn speaks_of(subject: &Subject, commit: &Commit) -> bool {
    let matches =
        |algorithm: &str, id: String| subject.digest.get(algorithm).map(|digest| *digest == id);
    match (matches("gitCommit", commit.id.to_string()), matches("gitTree", commit.tree.to_string()))
    {
        (None, None) => false,
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
