//! The first-parent chain of a branch update: its landings, oldest first.

use std::collections::{BTreeMap, BTreeSet};

use super::{Scene, Stop};
use crate::id::{CommitId, TreeId};
use crate::repo::commit::{Ancestry, Commit};
use crate::repo::range::Range;
use crate::violation::{RefViolation, Violation};

/// What lands on a branch.
pub struct Chain {
    /// The commit below the first landing.
    pub base: Option<CommitId>,
    /// The tree below the first landing.
    pub base_tree: TreeId,
    /// The landings, oldest first.
    pub landings: Vec<Commit>,
    /// The new commits that come in with each landing, the landing itself among them.
    pub commits: Vec<BTreeSet<CommitId>>,
}

/// Follows first parents from the new tip down to the old one.
///
/// # Errors
/// The old tip is not on the chain.
pub fn follow(
    scene: &Scene<'_, '_>,
    old: CommitId,
    new: CommitId,
    range: &Range,
) -> Result<Chain, Stop> {
    let mut landings: Vec<Commit> = Vec::new();
    let mut next = Some(new);
    let base = loop {
        let Some(id) = next else { break None };
        if id == old {
            break Some(id);
        }
        scene.deadline.check()?;
        // Below what the old tip reaches, its first parents lead away from it.
        if landings.len() == scene.limits.commits || range.known.contains(&id) {
            break None;
        }
        let commit = match range.commits.get(&id) {
            Some(commit) => commit.clone(),
            None => Commit::read(scene.incoming, id, scene.limits)?,
        };
        next = commit.first_parent();
        landings.push(commit);
    };
    let Some(base) = base else {
        return Err(astray(old, new, range, landings.len() == scene.limits.commits, scene));
    };
    landings.reverse();
    let mut buffer = Vec::new();
    let base_tree = Ancestry::read(scene.incoming, base, scene.limits, &mut buffer)?.tree;
    let commits = partition(&landings, &range.commits);
    Ok(Chain { base: Some(base), base_tree, landings, commits })
}

/// Says why the chain does not end where it should.
fn astray(
    old: CommitId,
    new: CommitId,
    range: &Range,
    too_long: bool,
    scene: &Scene<'_, '_>,
) -> Stop {
    let is_parent = || range.commits.values().any(|commit| commit.parents.contains(&old));
    let violation = if too_long {
        RefViolation::TooManyCommits { limit: scene.limits.commits }
    } else if range.known.contains(&old) || is_parent() {
        RefViolation::NotFirstParent { old, new }
    } else {
        RefViolation::NotFastForward { old, new }
    };
    Violation::from(violation).into()
}

/// Gives each new commit to the oldest landing that reaches it.
fn partition(landings: &[Commit], commits: &BTreeMap<CommitId, Commit>) -> Vec<BTreeSet<CommitId>> {
    let mut given: BTreeSet<CommitId> = BTreeSet::new();
    landings
        .iter()
        .map(|landing| {
            let mut own = BTreeSet::from([landing.id]);
            given.insert(landing.id);
            let mut pending: Vec<CommitId> = landing.parents.clone();
            while let Some(id) = pending.pop() {
                if let Some(commit) = commits.get(&id)
                    && given.insert(id)
                {
                    own.insert(id);
                    pending.extend(commit.parents.iter().copied());
                }
            }
            own
        })
        .collect()
}
