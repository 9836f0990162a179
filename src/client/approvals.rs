//! Signs statements about changes, and finds those that others signed.

use std::collections::{BTreeMap, BTreeSet};

use super::change::Change;
use super::notes::{Additions, Writer};
use super::remote::value;
use super::sign::Signer;
use super::workspace::Workspace;
use crate::collect::notes_ref::{NotesRef, read_lines};
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::approval::{Decision, SignatureForm, SignedStatement, Statement};
use crate::id::ObjectId;
use crate::policy::config::Carry;
use crate::principal::PrincipalId;
use crate::refname::RefName;
use crate::repo::fault::ObjectKind;
use crate::repo::notes::NotesTree;
use crate::repo::objects::Incoming;
use crate::signature::{Claim, Encoded, Namespace};

/// Signs a statement, checks that it will count as the user's, and adds it to the notes of the clone.
///
/// # Errors
/// Signing fails, the key is not listed for the user, or the notes cannot be written.
pub fn record(
    workspace: &Workspace,
    onto: &RefName,
    raw: &[u8],
    statement: Statement,
) -> Result<SignedStatement> {
    let repository = workspace.snapshot.policy.config().repository.to_string();
    let payload = statement.payload(&repository, onto);
    let (form, signature) = Signer::configured(&workspace.git, None)?.sign(&payload)?;
    let signed = SignedStatement { statement, form, signature };
    verify(workspace, &signed, &payload)?;
    let store = workspace.store()?;
    // What is annotated is stored as well, so that git can show what an approval is about.
    let blob = store.write(ObjectKind::Blob, raw)?;
    let line = signed.to_note_line(onto).into_bytes();
    let additions = Additions::from([(blob, BTreeSet::from([line]))]);
    let name = NotesRef::Approvals.name();
    let writer = Writer { objects: &workspace.objects, store: &store, limits: &workspace.limits };
    let what = match signed.statement.decision {
        Decision::Approval => "Approve",
        Decision::Rejection => "Reject",
        Decision::Withdrawal => "Withdraw from",
    };
    writer.add(
        &name,
        value(&workspace.git, &name)?,
        &additions,
        &format!("{what} {}", signed.statement.head.short()),
    )?;
    Ok(signed)
}

/// Verifies the user's own signature as the server will, so that a key that is not listed is noticed here.
fn verify(workspace: &Workspace, signed: &SignedStatement, payload: &[u8]) -> Result<()> {
    let signature = match signed.form {
        SignatureForm::Ssh => Encoded::Ssh(&signed.signature),
        SignatureForm::OpenPgp => Encoded::OpenPgp(&signed.signature),
    };
    let claim = Claim {
        signature,
        signed: payload,
        namespace: Namespace::Refgate,
        by: Some(&signed.statement.by),
        made_at: Some(signed.statement.at),
        now: workspace.now,
    };
    workspace.snapshot.keys.verify(&claim).map(drop).map_err(|problem| {
        let file = crate::policy::structure::FILE;
        Error::new(
            ErrorKind::Usage,
            format!("the server would not accept this signature: {problem}"),
        )
        .hint(format!(
            "sign with a key that {file} lists for {}, or ask the maintainers to list yours",
            signed.statement.by
        ))
    })
}

/// Returns everything that was said about a change, by the notes of the clone and of the server, each once.
///
/// # Errors
/// The notes cannot be read.
pub fn said(
    workspace: &Workspace,
    incoming: &Incoming<'_>,
    onto: &RefName,
    blob: ObjectId,
) -> Result<Vec<SignedStatement>> {
    let name = NotesRef::Approvals.name();
    let mut found: Vec<SignedStatement> = Vec::new();
    for tip in [value(&workspace.git, &name)?, workspace.on_server(&name)?].into_iter().flatten() {
        let notes = NotesTree::new(workspace.tree_of(tip)?);
        let blob = notes
            .find(incoming, &blob, &workspace.limits)
            .map_err(|error| error.on_the_trusted_side())?;
        let Some(blob) = blob else { continue };
        let Ok(lines) = read_lines(incoming, blob, &workspace.limits) else { continue };
        for (_, line) in lines {
            if let Ok((signed, ref_name)) = SignedStatement::parse_note_line(&line)
                && ref_name == *onto
                && !found.contains(&signed)
            {
                found.push(signed);
            }
        }
    }
    Ok(found)
}

/// Returns the approvals of a change that are worth landing with it: the newest of each
/// person that is verified, has not run out and was not taken back.
///
/// Under `carry = "replay"` those of earlier versions of the change are among them.
///
/// # Errors
/// The notes cannot be read.
pub fn find(
    workspace: &Workspace,
    incoming: &Incoming<'_>,
    onto: &RefName,
    change: &Change,
) -> Result<Vec<SignedStatement>> {
    let mut blobs = vec![change.blob];
    if *workspace.snapshot.policy.config().review.carry == Carry::Replay {
        let earlier = change.earlier(workspace, incoming)?;
        blobs.extend(earlier.iter().map(|version| version.blob));
    }
    let repository = workspace.snapshot.policy.config().repository.to_string();
    let mut found: Vec<SignedStatement> = Vec::new();
    for blob in blobs {
        let said = said(workspace, incoming, onto, blob)?;
        let mut latest: BTreeMap<&PrincipalId, &SignedStatement> = BTreeMap::new();
        for signed in &said {
            let payload = signed.statement.payload(&repository, onto);
            if verify(workspace, signed, &payload).is_ok() {
                let entry = latest.entry(&signed.statement.by).or_insert(signed);
                // What takes back counts from its own second on.
                let order = |signed: &SignedStatement| {
                    let takes_back = signed.statement.decision != Decision::Approval;
                    (signed.statement.at, takes_back)
                };
                if order(signed) > order(entry) {
                    *entry = signed;
                }
            }
        }
        for signed in latest.into_values() {
            let statement = &signed.statement;
            let counts =
                statement.decision == Decision::Approval && statement.until > workspace.now;
            if counts && !found.iter().any(|other| other.statement.by == statement.by) {
                found.push(signed.clone());
            }
        }
    }
    Ok(found)
}

/// Writes approvals as the last paragraph of a commit message.
#[must_use]
pub fn trailers(workspace: &Workspace, approvals: &[SignedStatement]) -> String {
    let structure = workspace.snapshot.policy.structure();
    let lines: Vec<String> = approvals
        .iter()
        .map(|signed| {
            let by = &signed.statement.by;
            let name = structure
                .principal(by)
                .map_or_else(|| by.to_string(), |principal| principal.name().to_owned());
            signed.to_trailer(&name)
        })
        .collect();
    lines.join("\n")
}
