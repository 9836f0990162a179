//! Reads exceptions from the tree that is pushed and from the trusted tree, and verifies them.
//!
//! A document is signed, so it may come from either. What only the trusted tree can
//! do is to revoke: an id that is revoked there is dead, whatever the push says. Read only where a
//! gate has failed in a way that an exception could mend, within limits of their own.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{Scene, Stop};
use crate::error::Diagnostic;
use crate::evidence::approval::SignatureForm;
use crate::evidence::dsse::{Envelope, Statement};
use crate::evidence::exception::{
    self, DIRECTORY, Document, Exception, ExceptionId, Known, Line, LineError, SeenState, Side,
    Signature, Signer, Verified,
};
use crate::evidence::vex;
use crate::id::{BlobId, CommitId, ObjectId, TreeId};
use crate::policy::structure::Role;
use crate::repo::ReadError;
use crate::repo::commit::Ancestry;
use crate::repo::fault::ObjectKind;
use crate::repo::objects::Objects;
use crate::repo::tree::{Mode, Tree};
use crate::report::text::Foreign;
use crate::signature::{Claim, Encoded, Namespace};
use crate::violation::{Becomes, Problem, TakenBack};

/// How far a clock may run ahead of the server's.
const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// What one tree holds.
#[derive(Default)]
struct Found {
    vex: Vec<vex::Document>,
    /// Each with its blob, if it comes from a tree.
    documents: Vec<(Option<BlobId>, Exception)>,
    malformed: Vec<Problem>,
}

/// Reads and verifies the exceptions of what is pushed and of the trust anchor.
///
/// # Errors
/// The repository cannot be read; documents that are at fault are facts.
pub fn read(scene: &Scene<'_, '_>, pushed: CommitId) -> Result<Known, Stop> {
    let trusted = trusted(scene)?;
    let seen: Vec<BlobId> = trusted.documents.iter().filter_map(|(blob, _)| *blob).collect();
    let push = of_tree(scene, scene.incoming, pushed, &seen)?;
    Ok(weigh(scene, push, trusted))
}

/// As [`read`], with files of a work tree, by their paths, in place of what is pushed.
///
/// # Errors
/// The repository cannot be read.
pub fn read_files(scene: &Scene<'_, '_>, files: &[(String, Vec<u8>)]) -> Result<Known, Stop> {
    let mut push = Found::default();
    for (path, bytes) in files {
        push.add(scene, path, None, bytes);
    }
    Ok(weigh(scene, push, trusted(scene)?))
}

/// Returns the revocations of the trust anchor that a new tip of the trust ref would take back.
///
/// A copy of a revoked document that was signed lies in history for ever, and would count again. So a
/// document that revokes stays, and with the end that it had, until that end. Nothing but the
/// root trees is read where `exceptions/` stays as it is.
///
/// # Errors
/// The repository cannot be read.
pub fn taken_back(scene: &Scene<'_, '_>, pushed: CommitId) -> Result<Vec<TakenBack>, Stop> {
    let Some(anchor) = scene.anchor else { return Ok(Vec::new()) };
    let before = directory(scene, scene.trusted, anchor)?;
    if before.is_none() || before == directory(scene, scene.incoming, pushed)? {
        return Ok(Vec::new());
    }
    let before = of_tree(scene, scene.trusted, anchor, &[])?;
    let after = of_tree(scene, scene.incoming, pushed, &[])?;
    let mut taken = Vec::new();
    for (_, old) in before.documents.iter().filter(|(_, old)| old.end() > scene.now) {
        let new = after.documents.iter().map(|(_, new)| new).find(|new| new.id == old.id);
        let becomes = match new {
            Some(new) if new.revoked.is_none() => old.revoked.map(|_| Becomes::NotRevoked),
            Some(new) => (new.expires < old.expires).then_some(Becomes::EndsEarlier),
            None if after.is_unreadable(&old.id) => old.revoked.map(|_| Becomes::Unreadable),
            None => old.revoked.map(|_| Becomes::Removed),
        };
        taken.extend(becomes.map(|becomes| TakenBack {
            id: old.id.clone(),
            revoked: old.revoked.map(|on| on.to_string()),
            expires: old.expires.to_string(),
            becomes,
        }));
    }
    Ok(taken)
}

/// Returns what a tree has under the name of the directory.
fn directory(
    scene: &Scene<'_, '_>,
    objects: &impl Objects,
    commit: CommitId,
) -> Result<Option<(Mode, ObjectId)>, Stop> {
    let root = Ancestry::read(objects, commit, scene.limits, &mut Vec::new())?.tree;
    let root = Tree::read(objects, root, scene.limits)?;
    Ok(root.find(DIRECTORY.as_bytes()).map(|entry| (entry.mode, entry.id)))
}

fn trusted(scene: &Scene<'_, '_>) -> Result<Found, Stop> {
    match scene.anchor {
        Some(anchor) => of_tree(scene, scene.trusted, anchor, &[]),
        None => Ok(Found::default()),
    }
}

fn weigh(scene: &Scene<'_, '_>, push: Found, trusted: Found) -> Known {
    let revoked: BTreeMap<ExceptionId, (Date, Option<String>)> = trusted
        .documents
        .iter()
        .filter_map(|(_, exception)| {
            let on = exception.revoked?;
            Some((exception.id.clone(), (on, exception.revoked_because.clone())))
        })
        .collect();
    // Whether a trusted document that cannot be read revokes the exception cannot be told.
    let unread: Vec<ExceptionId> = [&push, &trusted]
        .into_iter()
        .flat_map(|found| &found.documents)
        .filter(|(_, exception)| trusted.is_unreadable(&exception.id))
        .map(|(_, exception)| exception.id.clone())
        .collect();
    let mut known = Known::default();
    for (side, found) in [(Side::Push, push), (Side::Trusted, trusted)] {
        for problem in found.malformed {
            if !known.malformed.contains(&problem) {
                known.malformed.push(problem);
            }
        }
        known.vex.extend(found.vex);
        for (_, exception) in found.documents {
            if unread.contains(&exception.id) {
                continue;
            }
            let lines = verify(scene, &exception);
            let elsewhere = revoked.get(&exception.id).cloned();
            let policy = scene.policy;
            let standing = exception::assess(policy, &exception, &lines, elsewhere, scene.now);
            known.documents.push(Document { exception, lines, side, standing });
        }
    }
    known
}

/// Reads the documents of one tree, but for those that were read before.
fn of_tree(
    scene: &Scene<'_, '_>,
    objects: &impl Objects,
    commit: CommitId,
    seen: &[BlobId],
) -> Result<Found, Stop> {
    let limits = scene.limits;
    let mut found = Found::default();
    let mut buffer = Vec::new();
    let root = Ancestry::read(objects, commit, limits, &mut buffer)?.tree;
    let root = Tree::read(objects, root, limits)?;
    let Some(entry) = root.find(DIRECTORY.as_bytes()) else { return Ok(found) };
    if entry.mode != Mode::Tree {
        found.wrong(DIRECTORY, "it is no directory");
        return Ok(found);
    }
    let directory = Tree::read(objects, TreeId(entry.id), limits)?;
    if directory.len() > limits.exceptions {
        let limit = limits.exceptions;
        let why = format!(
            "it has {} files, {limit} are read (limits.exceptions): remove those that are over",
            directory.len()
        );
        found.wrong(DIRECTORY, &why);
        return Ok(found);
    }
    for entry in directory.iter() {
        scene.deadline.check()?;
        let name = Foreign::from(entry.name).shown(80);
        let path = format!("{DIRECTORY}/{name}");
        let is_one = exception::is_document(entry.name) || vex::is_document(entry.name);
        if !is_one || seen.contains(&BlobId(entry.id)) {
            continue;
        }
        if entry.mode != Mode::File {
            let mode = entry.mode.as_octal();
            found.wrong(&path, &format!("it has mode {mode}, not that of a plain file (100644)"));
            continue;
        }
        let limit = ("exception-bytes", limits.exception_bytes);
        match objects.read(&entry.id, ObjectKind::Blob, limit, &mut buffer) {
            Ok(bytes) => found.add(scene, &path, Some(BlobId(entry.id)), bytes),
            Err(ReadError::Fault(fault)) => found.wrong(&path, &fault.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

impl Found {
    fn add(&mut self, scene: &Scene<'_, '_>, path: &str, blob: Option<BlobId>, bytes: &[u8]) {
        if vex::is_document(path.as_bytes()) {
            match read_vex(scene, path, bytes) {
                Ok(document) => self.vex.push(document),
                Err(why) => self.wrong(path, &why),
            }
            return;
        }
        match exception::read(path, bytes, scene.limits) {
            Ok(exception) => self.documents.push((blob, exception)),
            Err(diagnostics) => self.malformed.extend(diagnostics.iter().map(Problem::from)),
        }
    }

    /// Says whether the document of an exception, or the directory as a whole, cannot be read.
    fn is_unreadable(&self, id: &ExceptionId) -> bool {
        let path = id.path();
        self.malformed.iter().any(|problem| problem.file == path || problem.file == DIRECTORY)
    }

    fn wrong(&mut self, path: &str, why: &str) {
        self.malformed.push(Problem::from(&Diagnostic::new(path, 0, why)));
    }
}

/// Reads a VEX document that Security Engineering has signed for this repository.
///
/// Who signed it must be Security Engineering both when the document was made and now; a
/// document that is dated in the future is none.
fn read_vex(scene: &Scene<'_, '_>, path: &str, bytes: &[u8]) -> Result<vex::Document, String> {
    let envelope = Envelope::parse(bytes.trim_ascii_end())?;
    let statement = Statement::parse(&envelope.payload)?;
    let repository = scene.policy.config().repository.as_str();
    let vex = vex::read(&statement, repository)?;
    let dated = vex.statements.iter().map(|said| said.at).chain([vex.at]).max();
    if dated.is_some_and(|at| at.duration_since(scene.now) > SKEW) {
        return Err("it is dated in the future".into());
    }
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
            made_at: Some(vex.at),
            now: scene.now,
        };
        match scene.keys.verify(&claim) {
            Ok(verified) => {
                let by = verified.principal();
                let structure = scene.policy.structure();
                let is_security = |moment| {
                    let mut holders = structure.holders(Role::SecurityEngineer, moment);
                    holders.any(|holder| holder.id() == by)
                };
                if is_security(vex.at) && is_security(scene.now) {
                    let by = exception::person(scene.policy, by);
                    let statements = vex.statements;
                    return Ok(vex::Document { file: path.to_owned(), by, statements });
                }
                first.get_or_insert_with(|| format!("{by} is not Security Engineering"));
            }
            Err(problem) => {
                first.get_or_insert_with(|| problem.to_string());
            }
        }
    }
    Err(first.unwrap_or_else(|| "nobody signed it".into()))
}

/// Verifies the signatures of a document.
#[must_use]
pub fn verify(scene: &Scene<'_, '_>, exception: &Exception) -> Vec<Verified> {
    exception.lines.iter().map(|line| verify_line(scene, exception, line)).collect()
}

fn verify_line(scene: &Scene<'_, '_>, exception: &Exception, line: &Line) -> Verified {
    let Line { line: number, what, claimed_by, read } = line;
    let seen = |signer, finding| Verified {
        what: *what,
        line: *number,
        claimed_by: claimed_by.clone(),
        signer,
        finding,
    };
    let signature = match read {
        Ok(signature) => signature,
        Err(LineError::Unsigned) => return seen(Err(SeenState::Unsigned), None),
        Err(LineError::Malformed(why)) => {
            return seen(Err(SeenState::Malformed(why.clone())), None);
        }
    };
    let statement = &signature.statement;
    if statement.document != exception.digest {
        return seen(Err(SeenState::OtherDocument), None);
    }
    match check(scene, exception, signature) {
        Ok(()) => {
            let signer = Signer { by: statement.by.clone(), at: statement.at };
            seen(Ok(signer), statement.finding.clone())
        }
        Err(why) => seen(Err(SeenState::Refused(why)), None),
    }
}

/// Checks one signature over a document.
///
/// # Errors
/// Says why it does not count.
pub fn check(
    scene: &Scene<'_, '_>,
    exception: &Exception,
    signature: &Signature,
) -> Result<(), String> {
    let statement = &signature.statement;
    let payload = statement.payload(scene.policy.config().repository.as_str(), &exception.id);
    let claim = Claim {
        signature: match signature.form {
            SignatureForm::Ssh => Encoded::Ssh(&signature.signature),
            SignatureForm::OpenPgp => Encoded::OpenPgp(&signature.signature),
        },
        signed: &payload,
        namespace: Namespace::Refgate,
        by: Some(&statement.by),
        made_at: Some(statement.at),
        now: scene.now,
    };
    scene.keys.verify(&claim).map(drop).map_err(|problem| problem.to_string())
}
