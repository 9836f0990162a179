//! The commits that a ref update brings in.
//!
//! # Strategy
//!
//! New is what the *protected* refs with at least the same gates did not reach
//! before the push, and nothing else: commits parked on an unprotected branch, or
//! left in the store by a refused push, are still new (T54, T158).
//!
//! 1. From the new tip, every commit that the repository had not is new: no ref
//!    can have reached it. This ends at commits the repository had, usually the
//!    old tip alone, and then nothing else is read. Cost: the commits of the push.
//! 2. Otherwise those commits are compared with what the old tip reaches, newest
//!    first, until each is either reached or known to be new. Cost: as far back as the
//!    push forked off.
//! 3. Only what is still new then is compared with the other protected refs, which
//!    are listed now and not before.
//!
//! Dates order the walk and decide nothing: a commit is hidden only when a
//! hidden commit names it as its parent.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::commit::{Ancestry, Commit};
use super::fault::ReadError;
use super::objects::{Incoming, Trusted};
use crate::clock::Deadline;
use crate::error::Result;
use crate::id::CommitId;
use crate::limits::Limits;

/// The commits that a ref update brings in, each read once.
#[derive(Debug, Default)]
pub struct Range {
    /// All commits that are new, parents before children.
    pub order: Vec<CommitId>,
    /// The commits by id.
    pub commits: BTreeMap<CommitId, Commit>,
    /// Commits that the old tip reaches and the push builds on.
    pub known: BTreeSet<CommitId>,
    /// Whether commits were left out because other tips than the old one reach them.
    pub passed_elsewhere: bool,
}

/// Why the commits of an update could not be collected.
#[derive(Debug)]
pub enum RangeError {
    /// An object is at fault, or the repository.
    Read(ReadError),
    /// More commits than the limit.
    TooMany,
}

impl<E: Into<ReadError>> From<E> for RangeError {
    fn from(error: E) -> Self {
        Self::Read(error.into())
    }
}

/// What a range is collected from.
pub struct Collect<'a, 't> {
    /// Objects of the push and the repository.
    pub incoming: &'a Incoming<'t>,
    /// Objects of the repository alone.
    pub trusted: &'a Trusted,
    /// Bounds.
    pub limits: &'a Limits,
    /// When to stop.
    pub deadline: &'a Deadline,
}

impl Collect<'_, '_> {
    /// Collects the commits that `new` reaches and neither `old` nor `others` do.
    ///
    /// `others` lists further hidden tips; it is called at most once, and only
    /// if `old` does not account for everything.
    ///
    /// # Errors
    /// An object is at fault, there are too many commits, or the time is over.
    pub fn range(
        &self,
        new: CommitId,
        old: Option<CommitId>,
        others: impl FnOnce() -> Result<Vec<CommitId>>,
    ) -> Result<Range, RangeError> {
        let mut range = Range::default();
        let mut edge = self.take_new(new, old, &mut range)?;
        if let Some(old) = old.filter(|_| !edge.is_empty()) {
            edge = self.still_new(edge, &[old], &mut range.known)?;
        }
        if !edge.is_empty() {
            let mut hidden = others()?;
            if !hidden.is_empty() {
                hidden.extend(old);
                let new = edge.len();
                edge = self.still_new(edge, &hidden, &mut BTreeSet::new())?;
                range.passed_elsewhere = edge.len() < new;
            } else if old.is_none() {
                edge = self.still_new(edge, &[], &mut BTreeSet::new())?;
            }
        }
        for id in edge {
            self.insert(id, &mut range)?;
        }
        range.order = topological(new, &range.commits);
        Ok(range)
    }

    /// Says whether `tip` has `ancestor` behind it.
    ///
    /// # Errors
    /// An object is at fault, or the time is over.
    pub fn reaches(&self, tip: CommitId, ancestor: CommitId) -> Result<bool, RangeError> {
        if tip == ancestor {
            return Ok(true);
        }
        let mut reached = BTreeSet::new();
        self.still_new(BTreeSet::from([ancestor]), &[tip], &mut reached)?;
        Ok(reached.contains(&ancestor))
    }

    /// Returns the first commit on the first-parent chain of `new` that one of `tips` has on its own.
    ///
    /// What a branch passed on by first parents is what landings left behind; a commit that came in
    /// as part of a merge was never reviewed as a state of the branch.
    ///
    /// # Errors
    /// An object is at fault, or the time is over.
    pub fn fork_point(
        &self,
        new: CommitId,
        tips: &[CommitId],
    ) -> Result<Option<CommitId>, RangeError> {
        let mut buffer = Vec::new();
        let mut seen: [BTreeSet<CommitId>; 2] = Default::default();
        // Newest first, so that little more is read than what lies above the fork.
        let mut queue = BinaryHeap::new();
        let starts = tips.iter().map(|tip| (*tip, 0)).chain([(new, 1)]);
        let mut next: Vec<(CommitId, usize)> = starts.collect();
        loop {
            for (id, side) in next.drain(..) {
                let [of_tips, of_new] = &mut seen;
                let (own, other) = if side == 0 { (of_tips, of_new) } else { (of_new, of_tips) };
                if other.contains(&id) {
                    return Ok(Some(id));
                }
                if own.insert(id) {
                    self.deadline.check()?;
                    let ancestry = Ancestry::read(self.incoming, id, self.limits, &mut buffer)?;
                    queue.push((ancestry.seconds, ancestry.parents.first().copied(), side));
                }
            }
            match queue.pop() {
                Some((_, parent, side)) => next.extend(parent.map(|parent| (parent, side))),
                None => return Ok(None),
            }
        }
    }

    /// Takes what the repository had not, and returns where that ends.
    fn take_new(
        &self,
        new: CommitId,
        old: Option<CommitId>,
        range: &mut Range,
    ) -> Result<BTreeSet<CommitId>, RangeError> {
        let mut edge = BTreeSet::new();
        let mut pending = vec![new];
        let mut seen = BTreeSet::from([new]);
        while let Some(id) = pending.pop() {
            if Some(id) == old {
                range.known.insert(id);
            } else if self.trusted.contains(&id.0)? {
                edge.insert(id);
            } else {
                let parents = self.insert(id, range)?;
                pending.extend(parents.into_iter().filter(|parent| seen.insert(*parent)));
            }
        }
        Ok(edge)
    }

    fn insert(&self, id: CommitId, range: &mut Range) -> Result<Vec<CommitId>, RangeError> {
        self.deadline.check()?;
        if range.commits.len() == self.limits.commits {
            return Err(RangeError::TooMany);
        }
        let commit = Commit::read(self.incoming, id, self.limits)?;
        let parents = commit.parents.clone();
        range.commits.insert(id, commit);
        Ok(parents)
    }

    /// Returns all commits that `edge` reaches and `hidden` does not; puts those of `edge` that `hidden` reaches into `reached`.
    fn still_new(
        &self,
        edge: BTreeSet<CommitId>,
        hidden: &[CommitId],
        reached: &mut BTreeSet<CommitId>,
    ) -> Result<BTreeSet<CommitId>, RangeError> {
        let mut walk = Walk {
            collect: self,
            state: BTreeMap::new(),
            queue: BinaryHeap::new(),
            open: 0,
            oldest_new: i64::MAX,
            buffer: Vec::new(),
        };
        for id in hidden {
            walk.paint(*id, Paint::Hidden)?;
        }
        for id in &edge {
            walk.paint(*id, Paint::New)?;
        }
        walk.run()?;
        let mut new = BTreeSet::new();
        for (id, seen) in &walk.state {
            match seen.paint {
                Paint::New => {
                    new.insert(*id);
                }
                Paint::Hidden if edge.contains(id) => {
                    reached.insert(*id);
                }
                Paint::Hidden => {}
            }
        }
        Ok(new)
    }
}

/// How many older commits the walk still looks at when everything seems decided,
/// for clocks that ran wrong. A commit that it misses is judged once more, never once less.
const PATIENCE: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paint {
    New,
    Hidden,
}

struct Seen {
    paint: Paint,
    queued: bool,
    /// Whether the walk must not end before this commit has been taken from the queue.
    counted: bool,
    ancestry: Ancestry,
}

struct Walk<'a, 'c, 't> {
    collect: &'a Collect<'c, 't>,
    state: BTreeMap<CommitId, Seen>,
    /// Newest first by the claimed date.
    queue: BinaryHeap<(i64, CommitId)>,
    /// Commits in the queue that are new so far, or that were taken for new and
    /// are hidden after all; the walk ends when there are none.
    open: usize,
    /// The oldest date of a commit that was taken for new: what is hidden and newer may still reach it.
    oldest_new: i64,
    buffer: Vec<u8>,
}

impl Walk<'_, '_, '_> {
    fn paint(&mut self, id: CommitId, paint: Paint) -> Result<(), RangeError> {
        if let Some(seen) = self.state.get_mut(&id) {
            if seen.paint == Paint::New && paint == Paint::Hidden {
                seen.paint = Paint::Hidden;
                // Whether it waits or was taken for new before: its parents are hidden too.
                if !seen.queued {
                    seen.queued = true;
                    seen.counted = true;
                    self.open += 1;
                    self.queue.push((seen.ancestry.seconds, id));
                }
            }
            return Ok(());
        }
        let limits = self.collect.limits;
        let ancestry = Ancestry::read(self.collect.incoming, id, limits, &mut self.buffer)?;
        self.queue.push((ancestry.seconds, id));
        let counted = paint == Paint::New;
        if counted {
            self.oldest_new = self.oldest_new.min(ancestry.seconds);
        }
        self.open += usize::from(counted);
        self.state.insert(id, Seen { paint, queued: true, counted, ancestry });
        Ok(())
    }

    fn run(&mut self) -> Result<(), RangeError> {
        let mut patience = PATIENCE;
        while let Some((seconds, id)) = self.queue.pop() {
            if self.open > 0 || seconds >= self.oldest_new {
                patience = PATIENCE;
            } else if patience == 0 {
                return Ok(());
            } else {
                patience -= 1;
            }
            self.collect.deadline.check()?;
            let Some(seen) = self.state.get_mut(&id) else { continue };
            if !seen.queued {
                continue;
            }
            seen.queued = false;
            let paint = seen.paint;
            let parents = seen.ancestry.parents.clone();
            self.open -= usize::from(std::mem::take(&mut seen.counted));
            for parent in parents {
                self.paint(parent, paint)?;
            }
        }
        Ok(())
    }
}

/// Orders commits so that parents come before their children, the first parent's side first.
fn topological(tip: CommitId, commits: &BTreeMap<CommitId, Commit>) -> Vec<CommitId> {
    let mut order = Vec::with_capacity(commits.len());
    let mut placed = BTreeSet::new();
    let mut pending = vec![(tip, false)];
    while let Some((id, parents_done)) = pending.pop() {
        let Some(commit) = commits.get(&id) else { continue };
        if parents_done {
            order.push(id);
        } else if placed.insert(id) {
            pending.push((id, true));
            pending.extend(commit.parents.iter().rev().map(|parent| (*parent, false)));
        }
    }
    order
}
