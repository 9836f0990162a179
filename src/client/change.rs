//! The change that a topic would make to a protected branch, computed in memory.

use super::workspace::Workspace;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::approval::ChangeDigest;
use crate::id::{CommitId, ObjectId, TreeId};
use crate::refname::RefName;
use crate::repo::ReadError;
use crate::repo::commit::Ancestry;
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
    /// The best common ancestors of both.
    pub merge_bases: Vec<CommitId>,
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
            Merged::Conflict(paths) => return Err(conflict(workspace, onto, &paths)),
        };
        let paths = changed_paths(incoming, base_tree, tree, &workspace.limits, &deadline)
            .map_err(trusted)?;
        let raw = diff::raw(&paths, ObjectId::null(incoming.hash()));
        let digest = ChangeDigest::of(&raw);
        let blob = blob_id(incoming.hash(), &raw)?;
        let merge_bases = merger.merge_bases(base, head).map_err(trusted)?;
        Ok(Self { base, base_tree, head, merge_bases, tree, paths, raw, digest, blob })
    }

    /// Says whether the branch has the head already.
    #[must_use]
    pub fn has_landed(&self) -> bool {
        self.merge_bases == [self.head]
    }

    /// Says whether the head is on top of the branch, so that it can land as it is.
    #[must_use]
    pub fn is_on_top(&self) -> bool {
        self.merge_bases == [self.base] && !self.has_landed()
    }
}

impl Change {
    /// Returns what else the same head would have changed on earlier commits of the branch, newest first.
    ///
    /// What was said about it before the branch moved on within the same files hangs on these.
    ///
    /// # Errors
    /// Objects cannot be read.
    pub fn earlier(&self, workspace: &Workspace, incoming: &Incoming<'_>) -> Result<Vec<Version>> {
        let deadline = workspace.deadline();
        let merger = Merger { incoming, limits: &workspace.limits, deadline: &deadline };
        let head = (self.head, workspace.tree_of(self.head)?);
        let mut versions: Vec<Version> = Vec::new();
        let mut at = self.base;
        for _ in 0..EARLIER {
            let mut buffer = Vec::new();
            let ancestry = Ancestry::read(incoming, at, &workspace.limits, &mut buffer);
            let ancestry = ancestry.map_err(trusted)?;
            let merged = merger.commits((at, ancestry.tree), head).map_err(trusted)?;
            if let Merged::Clean(tree) = merged {
                let paths =
                    changed_paths(incoming, ancestry.tree, tree, &workspace.limits, &deadline)
                        .map_err(trusted)?;
                let raw = diff::raw(&paths, ObjectId::null(incoming.hash()));
                let digest = ChangeDigest::of(&raw);
                let known = |version: &Version| version.digest == digest;
                if digest != self.digest && !versions.iter().any(known) {
                    let blob = blob_id(incoming.hash(), &raw)?;
                    versions.push(Version { base: at, digest, raw, blob });
                }
            }
            match ancestry.parents.first() {
                Some(parent) if !self.merge_bases.contains(&at) => at = *parent,
                _ => break,
            }
        }
        Ok(versions)
    }
}

/// What the head of a change would have changed on an earlier commit of the branch.
pub struct Version {
    /// That commit.
    pub base: CommitId,
    /// The digest.
    pub digest: ChangeDigest,
    /// The change in raw form.
    pub raw: Vec<u8>,
    /// The object that statements about it are attached to.
    pub blob: ObjectId,
}

/// How many commits back the server looks for what was said about a head.
const EARLIER: usize = 64;

/// How many paths in conflict are named.
const PATHS: usize = 8;

fn conflict(workspace: &Workspace, onto: &RefName, paths: &[Vec<u8>]) -> Error {
    let short = String::from_utf8_lossy(onto.short()).into_owned();
    let upstream = format!("{}/{short}", workspace.remote.name);
    if paths.is_empty() {
        let what =
            format!("the histories of the topic and {short} have several merge bases, or none");
        return Error::new(ErrorKind::Usage, what)
            .hint(format!("bring the topic up to date: git rebase {upstream}"));
    }
    let mut what = format!("the topic does not merge into {short} by itself; in conflict:");
    for path in paths.iter().take(PATHS) {
        what.push_str(&format!("\n{}", Foreign::from(path).quoted(68)));
    }
    if paths.len() > PATHS {
        what.push_str(&format!("\nand {} more paths", paths.len() - PATHS));
    }
    Error::new(ErrorKind::Usage, what).hint(format!(
        "bring the topic up to date, solve the conflicts, and have that reviewed:\n    git rebase {upstream}"
    ))
}

fn trusted(error: ReadError) -> Error {
    error.on_the_trusted_side()
}
