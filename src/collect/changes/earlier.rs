//! What notes say about other versions of a change.
//!
//! A note is found by the change that it is about, so what was said before the branch
//! moved on within the same files hangs on another object. It is looked for where it can
//! matter: beside a trailer that speaks of another version (a withdrawal or an objection
//! must be heard with it), and for merges that would be refused, whose second parent is
//! what the reviewers read.

use std::collections::BTreeSet;

use super::{Changes, Held};
use crate::collect::Stop;
use crate::collect::notes_ref::NotesRef;
use crate::collect::statements::Found;
use crate::evidence::approval::ChangeDigest;
use crate::evidence::change::{Place, Unit};
use crate::gate::review::Facts;
use crate::id::{CommitId, ObjectId, TreeId};
use crate::repo::commit::Ancestry;
use crate::repo::diff::{self, changed_paths};
use crate::repo::merge::{Merged, Merger};
use crate::repo::objects::{Objects as _, blob_id};

/// How many commits back from where a merge lands the notes are searched.
const EARLIER: usize = 64;

/// What merging a head into a base changes.
pub(super) struct Version {
    pub(super) digest: ChangeDigest,
    pub(super) blob: ObjectId,
}

impl Changes<'_, '_, '_> {
    /// Computes the change that a reviewer of `head` against `base` read; `None` if it does not merge by itself.
    pub(super) fn version(
        &self,
        base: (CommitId, TreeId),
        head: (CommitId, TreeId),
    ) -> Result<Option<Version>, Stop> {
        let crate::collect::Scene { incoming, limits, deadline, .. } = *self.scene;
        let merger = Merger { incoming, limits, deadline };
        let Merged::Clean(tree) = merger.commits(base, head)? else { return Ok(None) };
        let changed = changed_paths(incoming, base.1, tree, limits, deadline)?;
        let raw = diff::raw(&changed, ObjectId::null(incoming.hash()));
        let blob = blob_id(incoming.hash(), &raw)?;
        Ok(Some(Version { digest: ChangeDigest::of(&raw), blob }))
    }

    /// Returns what notes say about the versions that the trailers of a landing speak of.
    pub(super) fn beside_trailers(
        &self,
        held: &Held<'_>,
        trailers: &[Found],
    ) -> Result<Vec<Found>, Stop> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for signed in trailers.iter().filter_map(|trailer| trailer.read.as_ref().ok()) {
            let statement = &signed.statement;
            if statement.change == held.change || !seen.insert((statement.base, statement.head)) {
                continue;
            }
            let (Some(base), Some(head)) =
                (self.with_tree(statement.base)?, self.with_tree(statement.head)?)
            else {
                continue;
            };
            if let Some(version) = self.version(base, head)?
                && version.digest == statement.change
            {
                found.extend(self.notes_about(&version)?);
            }
        }
        Ok(found)
    }

    /// Adds to the changes what notes say about merging the same heads into earlier commits of
    /// the branch; says whether anything was added.
    ///
    /// # Errors
    /// An object is at fault, or the repository cannot be read.
    pub fn add_earlier(&self, facts: &mut Facts) -> Result<bool, Stop> {
        let mut added = false;
        for unit in facts.units.iter_mut().filter(|unit| unit.landings.len() == 1) {
            let found = self.earlier(unit)?;
            if !found.is_empty() {
                *unit = self.unit_with(unit.landings.clone(), found)?;
                added = true;
            }
        }
        Ok(added)
    }

    fn earlier(&self, unit: &Unit) -> Result<Vec<Found>, Stop> {
        let crate::collect::Scene { incoming, limits, deadline, .. } = *self.scene;
        let landing = self.chain.landings.get(unit.landings.start);
        let Some([_, head]) = landing.map(|landing| landing.parents.as_slice()) else {
            return Ok(Vec::new());
        };
        let (Some(mut at), Some(head)) =
            (self.below(unit.landings.start).0, self.with_tree(*head)?)
        else {
            return Ok(Vec::new());
        };
        let merger = Merger { incoming, limits, deadline };
        let bases = merger.merge_bases(at, head.0)?;
        let mut seen = BTreeSet::from([unit.change]);
        let (mut found, mut buffer) = (Vec::new(), Vec::new());
        for _ in 0..EARLIER {
            deadline.check()?;
            let ancestry = Ancestry::read(incoming, at, limits, &mut buffer)?;
            if let Some(version) = self.version((at, ancestry.tree), head)?
                && seen.insert(version.digest)
            {
                found.extend(self.notes_about(&version)?);
            }
            match ancestry.parents.first() {
                Some(parent) if !bases.contains(&at) => at = *parent,
                _ => break,
            }
        }
        Ok(found)
    }

    fn notes_about(&self, version: &Version) -> Result<Vec<Found>, Stop> {
        let crate::collect::Scene { incoming, limits, .. } = *self.scene;
        let Some(note) = self.approvals.lines(incoming, &version.blob, limits)? else {
            return Ok(Vec::new());
        };
        let read = |(line, bytes): (usize, Vec<u8>)| {
            let place = Place::Note { notes: NotesRef::Approvals.short(), blob: note.blob, line };
            self.read_note(place, &bytes, version.digest)
        };
        Ok(note.lines.into_iter().map(read).collect())
    }

    /// Returns a commit with its tree; `None` if it is not in the repository or no commit.
    pub(super) fn with_tree(&self, id: CommitId) -> Result<Option<(CommitId, TreeId)>, Stop> {
        let crate::collect::Scene { incoming, limits, .. } = *self.scene;
        if incoming.header(&id.0)?.is_none() {
            return Ok(None);
        }
        let mut buffer = Vec::new();
        match Ancestry::read(incoming, id, limits, &mut buffer) {
            Ok(ancestry) => Ok(Some((id, ancestry.tree))),
            Err(crate::repo::ReadError::Fault(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
