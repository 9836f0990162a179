//! Guards the refs that hold evidence: they only grow, and only by lines that
//! somebody permitted vouches for, about objects that are there.

use std::collections::{BTreeMap, BTreeSet};

use super::notes_ref::{LinesError, NotesRef, read_lines};
use super::parallel::{self, Weight};
use super::{Scene, Stop, evidence, statements};
use crate::evidence::approval::SignedStatement;
use crate::evidence::dsse::{Envelope, Statement};
use crate::evidence::predicate::{Predicate, Sha256};
use crate::id::{BlobId, CommitId, ObjectId, TreeId};
use crate::repo::ReadError;
use crate::repo::commit::Ancestry;
use crate::repo::diff::{ChangedPath, changed_paths};
use crate::repo::fault::ObjectKind;
use crate::repo::notes::{NotesTree, annotated_id};
use crate::repo::objects::Objects as _;
use crate::repo::range::Collect;
use crate::repo::tree::Mode;
use crate::report::text::Foreign;
use crate::violation::{NoteProblem, NotesViolation, RefViolation, Violation};

/// What is wrong with notes, by what it is.
#[derive(Default)]
struct Problems {
    removed: Vec<NoteProblem>,
    malformed: Vec<NoteProblem>,
    subject: Vec<NoteProblem>,
    untrusted: Vec<NoteProblem>,
    too_large: Vec<NoteProblem>,
}

/// Judges an update of an evidence ref.
///
/// # Errors
/// An object of the push is at fault, or the repository cannot be read.
pub fn judge(
    scene: &Scene<'_, '_>,
    notes: NotesRef,
    old: Option<CommitId>,
    new: CommitId,
) -> Result<Vec<Violation>, Stop> {
    let Scene { incoming, trusted, limits, deadline, .. } = *scene;
    let collect = Collect { incoming, trusted, limits, deadline };
    let range =
        collect.range(new, old, || Ok(Vec::new())).map_err(|error| scene.range_stop(error))?;
    if let Some(old) = old {
        let continues =
            new == old || range.commits.values().any(|commit| commit.parents.contains(&old));
        if !continues {
            return Ok(vec![RefViolation::NotFastForward { old, new }.into()]);
        }
    }
    let mut buffer = Vec::new();
    let empty = TreeId(ObjectId::empty_tree(incoming.hash()));
    let old_root = match old {
        Some(old) => Ancestry::read(incoming, old, limits, &mut buffer)?.tree,
        None => empty,
    };
    let new_root = Ancestry::read(incoming, new, limits, &mut buffer)?.tree;
    let changed = changed_paths(incoming, old_root, new_root, limits, deadline)?;
    let mut problems = Problems::default();
    match notes {
        NotesRef::Reports => reports(scene, &changed, &mut problems)?,
        NotesRef::Approvals => {
            let trees = (NotesTree::new(old_root), NotesTree::new(new_root));
            for id in annotated(&changed, &mut problems) {
                deadline.check()?;
                for (number, line) in added(scene, &trees, id, &mut problems)? {
                    approval(scene, id, number, &line, &mut problems);
                }
            }
        }
        NotesRef::Evidence => {
            let trees = (NotesTree::new(old_root), NotesTree::new(new_root));
            let ids = annotated(&changed, &mut problems);
            evidence_notes(scene, &trees, ids, &mut problems)?;
        }
    }
    Ok(problems.into_violations())
}

impl Problems {
    fn join(&mut self, other: Self) {
        let Self { removed, malformed, subject, untrusted, too_large } = other;
        self.removed.extend(removed);
        self.malformed.extend(malformed);
        self.subject.extend(subject);
        self.untrusted.extend(untrusted);
        self.too_large.extend(too_large);
    }

    fn into_violations(self) -> Vec<Violation> {
        let Self { removed, malformed, subject, untrusted, too_large } = self;
        let some = |notes: Vec<NoteProblem>, of: fn(Vec<NoteProblem>) -> NotesViolation| {
            (!notes.is_empty()).then(|| Violation::from(of(notes)))
        };
        [
            some(removed, |notes| NotesViolation::Removed { notes }),
            some(malformed, |notes| NotesViolation::Malformed { notes }),
            some(subject, |notes| NotesViolation::Subject { notes }),
            some(untrusted, |notes| NotesViolation::Untrusted { notes }),
            some(too_large, |notes| NotesViolation::TooLarge { notes }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn problem(annotated: impl ToString, line: usize, why: impl Into<String>) -> NoteProblem {
    NoteProblem { annotated: annotated.to_string(), line, why: why.into() }
}

/// Returns the objects whose notes changed, wherever git's fan-out has moved them.
fn annotated(changed: &[ChangedPath], problems: &mut Problems) -> BTreeSet<ObjectId> {
    let mut ids = BTreeSet::new();
    for changed in changed {
        match annotated_id(&changed.path) {
            Some(id) => {
                ids.insert(id);
            }
            None if changed.new.is_some() => {
                let path = Foreign::from(&changed.path).quoted(60);
                problems.malformed.push(problem(path, 0, "this is no path of a note"));
            }
            None => {}
        }
    }
    ids
}

/// Returns the lines that a note would gain, with their numbers; what it would lose is a problem.
fn added(
    scene: &Scene<'_, '_>,
    (old, new): &(NotesTree, NotesTree),
    id: ObjectId,
    problems: &mut Problems,
) -> Result<Vec<(usize, Vec<u8>)>, Stop> {
    let Scene { incoming, limits, .. } = *scene;
    let old_blob = old.find(incoming, &id, limits)?;
    let new_blob = match new.find(incoming, &id, limits) {
        Ok(blob) => blob,
        Err(ReadError::Fault(fault)) => {
            problems.malformed.push(problem(id, 0, fault.to_string()));
            return Ok(Vec::new());
        }
        Err(error) => return Err(error.into()),
    };
    if old_blob == new_blob {
        return Ok(Vec::new());
    }
    let before = match old_blob {
        Some(blob) => read_lines(incoming, blob, limits)?,
        None => Vec::new(),
    };
    let after = match new_blob.map(|blob| read_lines(incoming, blob, limits)).transpose() {
        Ok(lines) => lines.unwrap_or_default(),
        Err(LinesError::TooLarge(why)) => {
            problems.too_large.push(problem(id, 0, why));
            return Ok(Vec::new());
        }
        Err(error) => return Err(error.into()),
    };
    let kept: BTreeSet<&[u8]> = after.iter().map(|(_, line)| line.as_slice()).collect();
    let had: BTreeSet<&[u8]> = before.iter().map(|(_, line)| line.as_slice()).collect();
    let gone = had.difference(&kept).count();
    if gone > 0 {
        problems.removed.push(problem(
            id,
            0,
            format!("{gone} of its {} lines would be gone", had.len()),
        ));
    }
    let is_new = |(_, line): &(usize, Vec<u8>)| !had.contains(line.as_slice());
    Ok(after.into_iter().filter(is_new).collect())
}

/// New lines of one note, and what they are attached to.
struct Added {
    id: ObjectId,
    object: Annotated,
    lines: Vec<(usize, Vec<u8>)>,
}

/// The object that a note annotates.
enum Annotated {
    Missing,
    Commit { tree: TreeId, sha256: Sha256 },
    Tree,
    Other(ObjectKind),
}

impl Weight for Added {
    fn bytes(&self) -> usize {
        self.lines.iter().map(|(_, line)| line.len()).sum()
    }
}

/// Judges the new lines of evidence notes; objects are read here, lines on any thread.
fn evidence_notes(
    scene: &Scene<'_, '_>,
    trees: &(NotesTree, NotesTree),
    ids: BTreeSet<ObjectId>,
    problems: &mut Problems,
) -> Result<(), Stop> {
    let deadline = scene.deadline;
    let read = |id: ObjectId| -> Result<Added, Stop> {
        deadline.check()?;
        let lines = added(scene, trees, id, problems)?;
        Ok(Added { id, object: Annotated::read(scene, id)?, lines })
    };
    let judges = evidence::Judges::of(scene);
    let work = |added: Added| -> Result<Problems, Stop> {
        let mut found = Problems::default();
        for (number, line) in &added.lines {
            deadline.check()?;
            evidence_line(&judges, &added, *number, line, &mut found);
        }
        Ok(found)
    };
    let found = parallel::map(None, ids, read, work)?;
    for found in found {
        problems.join(found?);
    }
    Ok(())
}

fn approval(
    scene: &Scene<'_, '_>,
    id: ObjectId,
    number: usize,
    line: &[u8],
    problems: &mut Problems,
) {
    let (signed, ref_name) = match SignedStatement::parse_note_line(line) {
        Ok(parsed) => parsed,
        Err(why) => return problems.malformed.push(problem(id, number, why.to_string())),
    };
    let payload = signed.statement.payload(scene.policy.config().repository.as_str(), &ref_name);
    if let Err(why) = statements::check(scene, &signed, &payload) {
        problems.untrusted.push(problem(id, number, why));
    }
}

fn evidence_line(
    judges: &evidence::Judges<'_>,
    added: &Added,
    number: usize,
    line: &[u8],
    problems: &mut Problems,
) {
    let id = added.id;
    let parsed = Envelope::parse(line);
    let read = parsed.as_ref().map_err(Clone::clone).and_then(|envelope| {
        let statement = Statement::parse(&envelope.payload)?;
        let predicate = Predicate::read(&statement)?;
        Ok((envelope, statement, predicate))
    });
    let (envelope, statement, predicate) = match read {
        Ok(read) => read,
        Err(why) => return problems.malformed.push(problem(id, number, why)),
    };
    if let Err(why) = subject(added, &statement) {
        problems.subject.push(problem(id, number, why));
    }
    if let Err(why) = evidence::vouched(judges, envelope, &predicate.kind, predicate.at) {
        problems.untrusted.push(problem(id, number, why));
    }
}

impl Annotated {
    fn read(scene: &Scene<'_, '_>, id: ObjectId) -> Result<Self, Stop> {
        let Scene { incoming, limits, .. } = *scene;
        Ok(match incoming.header(&id)? {
            None => Self::Missing,
            Some((ObjectKind::Tree, _)) => Self::Tree,
            Some((ObjectKind::Commit, _)) => {
                let mut buffer = Vec::new();
                let tree = Ancestry::read(incoming, CommitId(id), limits, &mut buffer)?.tree;
                Self::Commit { tree, sha256: Sha256::of(&buffer) }
            }
            Some((kind @ (ObjectKind::Blob | ObjectKind::Tag), _)) => Self::Other(kind),
        })
    }
}

/// Says whether a statement speaks of the object that it is attached to, which must be there.
fn subject(added: &Added, statement: &Statement<'_>) -> Result<(), String> {
    let names = |algorithm: &str, digest: &str| {
        statement.subjects.iter().any(|subject| subject.digest.get(algorithm) == Some(digest))
    };
    let id_hex = added.id.to_hex().to_string();
    let (kind, spoken_of) = match added.object {
        Annotated::Tree => (ObjectKind::Tree, names("gitTree", &id_hex)),
        Annotated::Commit { tree, sha256 } => {
            let named = names("gitCommit", &id_hex)
                || names("gitTree", &tree.to_string())
                || names("sha256", &sha256.to_hex());
            (ObjectKind::Commit, named)
        }
        Annotated::Missing => {
            let why = "the object is not on the server: push the commit first, to any branch";
            return Err(why.into());
        }
        Annotated::Other(kind) => {
            return Err(format!("the object is a {kind}, not a commit or tree"));
        }
    };
    if spoken_of { Ok(()) } else { Err(format!("its subject is not this {kind}")) }
}

/// Reports lie under their own SHA-256, so that nobody can exchange one.
fn reports(
    scene: &Scene<'_, '_>,
    changed: &[ChangedPath],
    problems: &mut Problems,
) -> Result<(), Stop> {
    let Scene { incoming, limits, deadline, .. } = *scene;
    let mut sizes: BTreeMap<BlobId, Sha256> = BTreeMap::new();
    for changed in changed {
        deadline.check()?;
        let path = String::from_utf8_lossy(&changed.path).into_owned();
        let name = || Foreign::from(&changed.path).shown(80);
        let Some((mode, blob)) = changed.new else {
            problems.removed.push(problem(name(), 0, "the report would be gone"));
            continue;
        };
        if changed.old.is_some() {
            problems.removed.push(problem(name(), 0, "the report would be exchanged"));
            continue;
        }
        let hex: String = path.chars().filter(|c| *c != '/').collect();
        let is_name = path.len() == 65 && path.as_bytes().get(2) == Some(&b'/') && hex.len() == 64;
        if !is_name || mode != Mode::File {
            problems.malformed.push(problem(
                name(),
                0,
                "a report is a plain file at <2 digits>/<62 digits> of its SHA-256",
            ));
            continue;
        }
        let digest = match sizes.get(&BlobId(blob)) {
            Some(digest) => *digest,
            None => {
                let mut bytes = Vec::new();
                match incoming.read(
                    &blob,
                    ObjectKind::Blob,
                    ("report-bytes", limits.report_bytes),
                    &mut bytes,
                ) {
                    Ok(bytes) => Sha256::of(bytes),
                    Err(ReadError::Fault(fault)) => {
                        problems.too_large.push(problem(name(), 0, fault.to_string()));
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        };
        sizes.insert(BlobId(blob), digest);
        if digest.to_hex() != hex {
            problems.malformed.push(problem(
                name(),
                0,
                "the report does not have the SHA-256 that its path gives",
            ));
        }
    }
    Ok(())
}
