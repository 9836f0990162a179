//! Verifies summaries from a clone: who signed, for which repository, about which commit.

use std::fmt;

use super::statement::{self, Read};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::evidence::dsse::Envelope;
use crate::id::{BlobId, CommitId};
use crate::limits::Limits;
use crate::principal::PrincipalId;
use crate::repo::ReadError;
use crate::repo::commit::Ancestry;
use crate::repo::fault::ObjectKind;
use crate::repo::notes::NotesTree;
use crate::repo::objects::Objects;
use crate::signature::{Claim, Encoded, Namespace};
use crate::snapshot::Snapshot;

/// A summary that a server which the policy lists has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What it says.
    pub summary: Read,
    /// Who signed it.
    pub by: PrincipalId,
}

/// What became of one line of a note.
pub type Line = Result<Verified, Problem>;

/// Why a line counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(pub String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads all summaries of a commit at a tip of the notes ref, good and bad.
///
/// # Errors
/// The clone cannot be read.
pub fn of_commit(
    objects: &impl Objects,
    tip: CommitId,
    commit: CommitId,
    snapshot: &Snapshot,
    (limits, now): (&Limits, Timestamp),
) -> Result<Vec<Line>> {
    let fault = ReadError::on_the_trusted_side;
    let root = Ancestry::read(objects, tip, limits, &mut Vec::new()).map_err(fault)?.tree;
    let tree = Ancestry::read(objects, commit, limits, &mut Vec::new()).map_err(fault)?.tree;
    let blob = NotesTree::new(root).find(objects, &commit.0, limits).map_err(fault)?;
    let Some(BlobId(blob)) = blob else { return Ok(Vec::new()) };
    let mut bytes = Vec::new();
    let limit = ("note-bytes", limits.note_bytes);
    objects.read(&blob, ObjectKind::Blob, limit, &mut bytes).map_err(fault)?;
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines
        .map(|line| {
            let verified = envelope(line, snapshot, now)?;
            let Read { commit: of, tree: of_tree, .. } = &verified.summary;
            if *of != commit.to_string() || of_tree.as_ref().is_some_and(|t| *t != tree.to_string())
            {
                return Err(Problem(format!("it speaks of {of:.64}, not of this commit")));
            }
            Ok(verified)
        })
        .collect())
}

/// Verifies one envelope in the order in which consumers do (SLSA, verifying source): signature, type,
/// signer and verifier, repository, result, levels. The caller compares the commit.
///
/// # Errors
/// It counts for nothing; says why.
pub fn envelope(line: &[u8], snapshot: &Snapshot, now: Timestamp) -> Line {
    let envelope = Envelope::parse(line).map_err(Problem)?;
    let signed = envelope.signed_bytes();
    let mut why = "nobody signed it".to_owned();
    let mut by = None;
    for signature in envelope.signatures.iter().flat_map(|bytes| Encoded::readings(bytes)) {
        let namespace = Namespace::Refgate;
        let claim = Claim { signature, signed: &signed, namespace, by: None, made_at: None, now };
        match snapshot.keys.verify(&claim) {
            Ok(verified) => {
                let principal = snapshot.policy.structure().principal(verified.principal());
                if principal.is_some_and(|principal| principal.may_summarise(now)) {
                    by = Some(verified.principal().clone());
                    break;
                }
                why = format!("{} may not sign verification summaries", verified.principal());
            }
            Err(problem) => why = problem.to_string(),
        }
    }
    let by = by.ok_or(Problem(why))?;
    let summary = statement::read(&envelope.payload).map_err(Problem)?;
    let here = statement::resource_uri(snapshot.policy.config().repository.as_str());
    if summary.resource != here {
        return Err(Problem(format!("it is about {:.200}, not {here}", summary.resource)));
    }
    Ok(Verified { summary, by })
}
