//! What would land, judged before anybody lands it.

use super::check::judge_update;
use crate::client::change::Change;
use crate::client::workspace::Workspace;
use crate::error::Result;
use crate::id::CommitId;
use crate::refname::RefName;
use crate::repo::fault::ObjectKind;
use crate::repo::objects::Incoming;
use crate::verdict::Verdict;

/// Returns the commit that landing a change comes to: its head if that is on top of the
/// branch already, else a merge of both, which no ref holds.
///
/// # Errors
/// Objects cannot be read or written.
pub(super) fn commit(
    workspace: &Workspace,
    incoming: &Incoming<'_>,
    change: &Change,
) -> Result<CommitId> {
    if change.is_on_top() {
        return Ok(change.head);
    }
    store_computed(workspace, incoming)?;
    workspace.store()?.commit(change.tree, &[change.base, change.head], "Merge", None)
}

/// Stores the trees and files that merging computed.
///
/// # Errors
/// They cannot be written.
pub(super) fn store_computed(workspace: &Workspace, incoming: &Incoming<'_>) -> Result<()> {
    let store = workspace.store()?;
    for (_, kind, bytes) in incoming.computed() {
        if matches!(kind, ObjectKind::Tree | ObjectKind::Blob) {
            store.write(kind, &bytes)?;
        }
    }
    Ok(())
}

/// Judges landing a change.
///
/// # Errors
/// It cannot be judged.
pub(super) fn verdict(
    workspace: &Workspace,
    incoming: &Incoming<'_>,
    onto: &RefName,
    change: &Change,
) -> Result<Verdict> {
    judge_update(workspace, onto, commit(workspace, incoming, change)?.0)
}
