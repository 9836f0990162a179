//! What a release brings: the commits that no release before had, and the exceptions they relied upon.
//!
//! The releases before are the protected release tags that the server had before the push. The commits
//! of a release are those that its tag reaches and none of these does; the previous release is the
//! first of them on the first-parent chain below. All of this costs as much as the release brings.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::EvidenceReader;
use super::notes_ref::NotesTips;
use super::{Scene, Stop, exceptions};
use crate::evidence::attestation::CommitEvidence;
use crate::evidence::change::CommitLabel;
use crate::evidence::exception::{Exception, ExceptionId, Known, Side, Standing, Waives};
use crate::gate::checklist::Since;
use crate::gate::scan;
use crate::id::{CommitId, ObjectId, TagId, TreeId};
use crate::policy::config::{ListedExceptions, ReleaseCommits, ScanCommits};
use crate::refname::RefName;
use crate::repo::fault::ObjectKind;
use crate::repo::objects::Objects as _;
use crate::repo::range::{Collect, Range, RangeError};
use crate::repo::tag::Tag;
use crate::repo::tree::Tree;
use crate::verdict::Grounds;
use crate::violation::{Relied, ScanViolation, Violation};

/// Released commits, each with the short name of a tag.
pub type Releases = BTreeMap<CommitId, String>;

/// The commits of a release.
pub struct Brought {
    /// The release before, if there is one.
    pub previous: Option<(String, CommitId)>,
    /// The commits.
    pub range: Range,
}

/// Returns which commit each of the release tags is of; tags of something else are no releases.
///
/// # Errors
/// The repository cannot be read.
pub fn releases(
    scene: &Scene<'_, '_>,
    tags: impl IntoIterator<Item = (RefName, ObjectId)>,
) -> Result<Releases, Stop> {
    let mut found = Releases::new();
    for (name, id) in tags {
        scene.deadline.check()?;
        let kind = scene.trusted.header(&id)?.map(|(kind, _)| kind);
        let commit = match kind {
            Some(ObjectKind::Commit) => Some(CommitId(id)),
            Some(ObjectKind::Tag) => match Tag::read(scene.trusted, TagId(id), scene.limits) {
                Ok(tag) if tag.target_kind == ObjectKind::Commit => Some(CommitId(tag.target)),
                Ok(_) | Err(crate::repo::ReadError::Fault(_)) => None,
                Err(error) => return Err(error.into()),
            },
            Some(ObjectKind::Tree | ObjectKind::Blob) | None => None,
        };
        if let Some(commit) = commit {
            let short = String::from_utf8_lossy(name.short()).into_owned();
            // Of two tags of one commit the later name is the one that people know it by.
            found.insert(commit, short);
        }
    }
    Ok(found)
}

/// Returns the commits of a release.
///
/// # Errors
/// An object is at fault, or there are too many.
pub fn brought(
    scene: &Scene<'_, '_>,
    commit: CommitId,
    releases: &Releases,
) -> Result<Brought, RangeError> {
    let Scene { incoming, trusted, limits, deadline, .. } = *scene;
    let collect = Collect { incoming, trusted, limits, deadline };
    let range = collect.range(commit, None, || Ok(releases.keys().copied().collect()))?;
    let mut at = Some(commit);
    let mut previous = None;
    while let Some(id) = at {
        if let Some(name) = releases.get(&id) {
            previous = Some((name.clone(), id));
            break;
        }
        at = range.commits.get(&id).and_then(|commit| commit.parents.first().copied());
    }
    Ok(Brought { previous, range })
}

/// Collects what the checklist gate asks about the commits of a release that lies on `branch`.
///
/// # Errors
/// An object is at fault.
pub fn read(
    scene: &Scene<'_, '_>,
    tips: &NotesTips,
    (name, branch): (&RefName, &RefName),
    commit: CommitId,
    releases: &Releases,
) -> Result<Since, Stop> {
    let checklist = &scene.policy.config().checklist;
    let asks_evidence = *checklist.commits == ReleaseCommits::Evidence;
    if !asks_evidence && *checklist.exceptions == ListedExceptions::Optional {
        return Ok(Since::default());
    }
    let brought = match brought(scene, commit, releases) {
        Ok(brought) => brought,
        Err(RangeError::TooMany) => {
            return Ok(Since { too_many: Some(scene.limits.commits), ..Since::default() });
        }
        Err(RangeError::Read(error)) => return Err(error.into()),
    };
    let known = documents(scene, commit, &brought.range)?;
    let has_documents = !known.documents.is_empty();
    let mut since = Since {
        previous: brought.previous.as_ref().map(|(name, _)| name.clone()),
        relied: Vec::new(),
        unjudged: Vec::new(),
        too_many: None,
    };
    if !has_documents && !asks_evidence {
        return Ok(since);
    }
    let evidence = gated_evidence(scene, tips, commit, &brought.range)?;
    // They were fresh when they landed; what they say is not undone by age.
    let policy = scene.policy.without_ages();
    let mut relied = BTreeSet::new();
    for on in [branch, name] {
        let outcome = scan::evaluate_with(&policy, &evidence, &known, on, scene.now);
        let covered = outcome.excepted.iter().filter_map(|excepted| match &excepted.grounds {
            Grounds::Exception { id, expires, .. } => Some((id, expires.as_str())),
            Grounds::Vex { .. } => None,
        });
        let over = outcome.violations.iter().filter_map(over);
        relied.extend(covered.chain(over).filter_map(|(id, expires)| of(&known, id, expires)));
        if on == branch {
            since.unjudged = without_evidence(&outcome.violations);
        }
    }
    relied.extend(broken_glass(scene, &known));
    since.relied = relied.into_iter().collect();
    Ok(since)
}

/// Returns the exceptions that any commit of the release brought along, with those of the trust anchor.
///
/// One that was relied upon may be gone from the tree again by the time of the release.
fn documents(scene: &Scene<'_, '_>, tagged: CommitId, range: &Range) -> Result<Known, Stop> {
    let mut known = exceptions::read(scene, tagged)?;
    let mut seen: BTreeSet<ObjectId> = BTreeSet::new();
    let directory = |tree: TreeId| -> Result<Option<ObjectId>, Stop> {
        let tree = Tree::read(scene.incoming, tree, scene.limits)?;
        let entry = tree.find(crate::evidence::exception::DIRECTORY.as_bytes());
        Ok(entry.map(|entry| entry.id))
    };
    for id in range.order.iter().rev() {
        scene.deadline.check()?;
        let Some(commit) = range.commits.get(id) else { continue };
        let Some(found) = directory(commit.tree)? else { continue };
        if !seen.insert(found) || *id == tagged {
            continue;
        }
        for document in exceptions::read(scene, *id)?.documents {
            let is_new = |other: &crate::evidence::exception::Document| {
                other.exception.id != document.exception.id
                    || other.exception.digest != document.exception.digest
            };
            if document.side == Side::Push && known.documents.iter().all(is_new) {
                known.documents.push(document);
            }
        }
    }
    Ok(known)
}

/// Returns the evidence of the commits that the scan gate asks for.
fn gated_evidence(
    scene: &Scene<'_, '_>,
    tips: &NotesTips,
    tagged: CommitId,
    range: &Range,
) -> Result<Vec<CommitEvidence>, Stop> {
    let commits = match *scene.policy.config().scan.commits {
        ScanCommits::Every => range.order.clone(),
        ScanCommits::Landing => {
            let below = |commit: &CommitId| {
                range.commits.get(commit).and_then(|commit| commit.parents.first().copied())
            };
            std::iter::successors(Some(tagged), below).collect()
        }
    };
    let commits = commits.iter().filter_map(|id| range.commits.get(id));
    EvidenceReader::open(scene, tips)?.of_commits(commits)
}

/// Returns the document that a finding relied upon.
fn of(known: &Known, id: &ExceptionId, expires: &str) -> Option<Relied> {
    let mut documents = known.documents.iter().map(|document| &document.exception);
    documents
        .find(|exception| exception.id == *id && exception.expires.to_string() == expires)
        .map(relied)
}

/// Returns an exception that is over and would cover a finding: it covered it when that landed.
fn over(violation: &Violation) -> Option<(&ExceptionId, &str)> {
    use crate::violation::ExceptionViolation as E;
    match violation {
        Violation::Exception(E::Expired { exception, .. } | E::Revoked { exception, .. }) => {
            Some((&exception.id, &exception.expires))
        }
        Violation::Exception(
            E::Malformed { .. }
            | E::Unapproved { .. }
            | E::SelfApproved { .. }
            | E::TooLong { .. }
            | E::Unknown { .. }
            | E::NotBreakGlass { .. }
            | E::RevocationRemoved { .. },
        )
        | Violation::Ref(_)
        | Violation::Trust(_)
        | Violation::Notes(_)
        | Violation::Scan(_)
        | Violation::Tests(_)
        | Violation::Review(_)
        | Violation::Checklist(_) => None,
    }
}

/// Returns the approved exceptions for every gate whose use nobody has reviewed yet.
///
/// Whether a push named one, no object of the repository tells.
fn broken_glass(scene: &Scene<'_, '_>, known: &Known) -> Vec<Relied> {
    let approved = |standing: &Standing| match standing {
        Standing::InForce { .. } | Standing::Expired { .. } => true,
        Standing::Revoked { .. }
        | Standing::Unapproved { .. }
        | Standing::SelfApproved { .. }
        | Standing::TooLong { .. } => false,
    };
    let open = known.documents.iter().filter(|document| {
        document.exception.waives == Waives::EveryGate
            && approved(&document.standing)
            && !document.is_reviewed(scene.policy, scene.now)
    });
    open.map(|document| relied(&document.exception)).collect()
}

fn relied(exception: &Exception) -> Relied {
    Relied {
        id: exception.id.clone(),
        expires: exception.expires.to_string(),
        allows: exception.allows(),
        break_glass: exception.waives == Waives::EveryGate,
    }
}

/// Returns the commits about which nothing that counts says anything.
fn without_evidence(violations: &[Violation]) -> Vec<CommitLabel> {
    let mut found: Vec<CommitLabel> = Vec::new();
    for violation in violations {
        let gap = match violation {
            Violation::Scan(
                ScanViolation::EvidenceMissing { gap }
                | ScanViolation::EvidenceMalformed { gap }
                | ScanViolation::EvidenceWrongSubject { gap }
                | ScanViolation::EvidenceUntrusted { gap }
                | ScanViolation::EvidenceStale { gap }
                | ScanViolation::EvidenceEmpty { gap }
                | ScanViolation::EvidenceIncomplete { gap },
            ) => gap,
            Violation::Scan(ScanViolation::FindingOpen { .. })
            | Violation::Exception(_)
            | Violation::Ref(_)
            | Violation::Trust(_)
            | Violation::Notes(_)
            | Violation::Tests(_)
            | Violation::Review(_)
            | Violation::Checklist(_) => continue,
        };
        for commit in gap.commits.iter().map(|gap| &gap.commit) {
            if !found.contains(commit) {
                found.push(commit.clone());
            }
        }
    }
    found
}
