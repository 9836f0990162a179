//! The change that a topic would make to a protected branch, computed in memory.

use super::workspace::Workspace;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::approval::ChangeDigest;
use crate::id::{CommitId, ObjectId, TreeId};
use crate::refname::RefName;
use crate::repo::ReadError;
use crate::repo::diff::{self, ChangedPath, changed_paths};
use crate::repo::merge::{Merged, Merger};
use crate::repo::objects::{Incoming, Objects as _, blob_id};
use crate::report::text::Foreign;

/// A change, ready to be approved or landed.
pub struct Change {
    /// The tip of the branch that it would land on.
    pub base: CommitId,
    /// The tree of that tip.
    pub base_tree: TreeId,
    /// The commit that was read.
    pub head: CommitId,
    /// The tree that landing comes to.
    pub tree: TreeId,
    /// The paths that differ.
    pub paths: Vec<ChangedPath>,
    /// The change in raw form, as `git diff-tree` writes it.
    pub raw: Vec<u8>,
    /// What an approval signs.
    pub digest: ChangeDigest,
    /// The object that approvals of it are attached to.
    pub blob: ObjectId,
}

impl Change {
    /// Computes what merging a topic into a branch of the server changes.
    ///
    /// # Errors
    /// The topic does not merge by itself, or objects cannot be read.
    pub fn compute(
        workspace: &Workspace,
        incoming: &Incoming<'_>,
        onto: &RefName,
        head: CommitId,
    ) -> Result<Self> {
        let base = workspace.tip(onto)?;
        let (base_tree, head_tree) = (workspace.tree_of(base)?, workspace.tree_of(head)?);
        let deadline = workspace.deadline();
        let merger = Merger { incoming, limits: &workspace.limits, deadline: &deadline };
        let merged = merger.commits((base, base_tree), (head, head_tree)).map_err(trusted)?;
        let tree = match merged {
            Merged::Clean(tree) => tree,
            Merged::Conflict(paths) => return Err(conflict(onto, &paths)),
        };
        let paths = changed_paths(incoming, base_tree, tree, &workspace.limits, &deadline)
            .map_err(trusted)?;
        let raw = diff::raw(&paths, ObjectId::null(incoming.hash()));
        let digest = ChangeDigest::of(&raw);
        let blob = blob_id(incoming.hash(), &raw)?;
        Ok(Self { base, base_tree, head, tree, paths, raw, digest, blob })
    }
}

fn conflict(onto: &RefName, paths: &[Vec<u8>]) -> Error {
    let short = String::from_utf8_lossy(onto.short()).into_owned();
    let what = match paths {
        [] => format!("the histories of the topic and {short} have several merge bases, or none"),
        paths => {
            let shown: Vec<String> =
                paths.iter().take(5).map(|path| Foreign::from(path).quoted(60)).collect();
            format!("the topic does not merge into {short} by itself: {}", shown.join(", "))
        }
    };
    Error::new(ErrorKind::Usage, what)
        .hint(format!("bring the topic up to date: git rebase origin/{short}"))
}

fn trusted(error: ReadError) -> Error {
    error.on_the_trusted_side()
}
