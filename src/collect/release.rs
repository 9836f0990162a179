//! Release tags: the tag object, who signed it, and the release document in the tagged commit.

use super::{Scene, Stop};
use crate::gate::checklist::{Facts, Signer, Since};
use crate::id::{CommitId, ObjectId, TagId, TreeId};
use crate::policy::gates::Gate;
use crate::policy::structure::Role;
use crate::refname::RefName;
use crate::repo::ReadError;
use crate::repo::commit::Ancestry;
use crate::repo::fault::ObjectKind;
use crate::repo::objects::Objects as _;
use crate::repo::tag::Tag;
use crate::repo::tree::{Mode, Tree};
use crate::report::text::Foreign;
use crate::signature::{ArmourKind, Claim, Encoded, Namespace, dearmor_openpgp, dearmor_ssh};
use crate::violation::{RefViolation, Violation};

/// Reads a release tag and the commit that it is of.
///
/// # Errors
/// It is no annotated tag, names another tag, or is of something other than a commit.
pub fn read_tag(
    scene: &Scene<'_, '_>,
    name: &RefName,
    id: ObjectId,
) -> Result<(Tag, CommitId), Stop> {
    let refuse = |violation: RefViolation| Err(Violation::from(violation).into());
    let kind = scene.incoming.header(&id)?.map(|(kind, _)| kind);
    match kind {
        Some(ObjectKind::Tag) => {}
        Some(ObjectKind::Commit) => return refuse(RefViolation::TagLightweight),
        Some(kind @ (ObjectKind::Tree | ObjectKind::Blob)) => {
            return refuse(RefViolation::TagTarget { kind });
        }
        None => {
            return Err(crate::repo::Fault {
                id,
                kind: ObjectKind::Tag,
                problem: crate::repo::fault::Problem::Missing,
            }
            .into());
        }
    }
    let tag = Tag::read(scene.incoming, TagId(id), scene.limits)?;
    if tag.target_kind != ObjectKind::Commit {
        return refuse(RefViolation::TagTarget { kind: tag.target_kind });
    }
    if tag.name != name.short() {
        return refuse(RefViolation::TagName { inner: Foreign::from(&tag.name) });
    }
    let commit = CommitId(tag.target);
    Ok((tag, commit))
}

/// Collects what the checklist gate looks at.
///
/// # Errors
/// The tagged commit cannot be read.
pub fn facts(
    scene: &Scene<'_, '_>,
    name: &RefName,
    tag: &Tag,
    commit: CommitId,
    template: Option<&[u8]>,
    since: Since,
) -> Result<Facts, Stop> {
    let checklist = &scene.policy.config().checklist;
    let short = String::from_utf8_lossy(name.short()).into_owned();
    let path = checklist.document_of(&short).map(|path| path.as_str().to_owned());
    let document = match &path {
        Some(path) => read_file(scene, commit, path)?,
        None => Document::Missing,
    };
    let (document, unreadable) = match document {
        Document::Text(bytes) => (Some(bytes), None),
        Document::Missing => (None, None),
        Document::Unfit(why) => (None, Some(why)),
    };
    let gates = scene.policy.gates_for(name.as_bytes()).unwrap_or_default();
    let gates = gates.iter().filter(|gate| *gate != Gate::Checklist).map(Gate::name).collect();
    Ok(Facts {
        path: path.unwrap_or_else(|| checklist.document.as_str().to_owned()),
        document,
        unreadable,
        template: template.map(<[u8]>::to_vec),
        signer: signer(scene, tag),
        gates,
        since,
    })
}

/// Returns a plain file of a commit.
///
/// # Errors
/// The commit cannot be read.
pub fn file(scene: &Scene<'_, '_>, commit: CommitId, path: &str) -> Result<Option<Vec<u8>>, Stop> {
    Ok(match read_file(scene, commit, path)? {
        Document::Text(bytes) => Some(bytes),
        Document::Missing | Document::Unfit(_) => None,
    })
}

enum Document {
    Text(Vec<u8>),
    Missing,
    Unfit(String),
}

fn read_file(scene: &Scene<'_, '_>, commit: CommitId, path: &str) -> Result<Document, Stop> {
    let mut buffer = Vec::new();
    let mut tree = Ancestry::read(scene.incoming, commit, scene.limits, &mut buffer)?.tree;
    let mut components = path.split('/').peekable();
    while let Some(component) = components.next() {
        let read = Tree::read(scene.incoming, tree, scene.limits)?;
        let Some(entry) = read.find(component.as_bytes()) else { return Ok(Document::Missing) };
        if components.peek().is_some() {
            if entry.mode != Mode::Tree {
                return Ok(Document::Missing);
            }
            tree = TreeId(entry.id);
            continue;
        }
        if entry.mode != Mode::File {
            return Ok(Document::Unfit(format!(
                "it has mode {}, not that of a plain file",
                entry.mode.as_octal()
            )));
        }
        let limit = ("file-bytes", scene.limits.file_bytes);
        return match scene.incoming.read(&entry.id, ObjectKind::Blob, limit, &mut buffer) {
            Ok(bytes) => Ok(Document::Text(bytes.to_vec())),
            Err(ReadError::Fault(fault)) => Ok(Document::Unfit(fault.to_string())),
            Err(error) => Err(error.into()),
        };
    }
    Ok(Document::Missing)
}

/// Says who decided to release: whoever signed the tag, if they may.
fn signer(scene: &Scene<'_, '_>, tag: &Tag) -> Signer {
    let Some(signed) = &tag.signature else { return Signer::Unsigned };
    let armour = &signed.signature;
    let bytes = match ArmourKind::detect(armour) {
        Some(ArmourKind::Ssh) => dearmor_ssh(armour),
        Some(ArmourKind::OpenPgp) => dearmor_openpgp(armour),
        Some(ArmourKind::X509) => {
            return Signer::Refused("X.509 signatures cannot be verified yet".into());
        }
        None => return Signer::Refused("the signature has no armour".into()),
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => return Signer::Refused(error.to_string()),
    };
    let Some(signature) = Encoded::detect(&bytes) else {
        return Signer::Refused("the signature is of no known form".into());
    };
    let claim = Claim {
        signature,
        signed: &signed.payload,
        namespace: Namespace::Git,
        by: None,
        made_at: None,
        now: scene.now,
    };
    match scene.keys.verify(&claim) {
        Ok(verified) => {
            let may = scene.policy.structure().holders(Role::ReleaseManager, scene.now);
            if may.into_iter().any(|principal| principal.id() == verified.principal()) {
                Signer::ReleaseManager(verified.principal().clone())
            } else {
                Signer::Refused(format!(
                    "{} signed it, who is no release manager",
                    verified.principal()
                ))
            }
        }
        Err(problem) => Signer::Refused(problem.to_string()),
    }
}
