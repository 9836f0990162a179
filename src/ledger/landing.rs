//! Which verdict a push that has moved refs was accepted by.

use std::collections::BTreeSet;

use memchr::memmem::Finder;

use super::file::Ledger;
use super::record::{Event, Judged, Landed, Record, Update};
use crate::error::Result;
use crate::receive::{Name, Push};

/// A line is searched for at most so many ids before it is parsed.
const SEARCHED: usize = 16;

/// A verdict whose refs have moved.
#[derive(Clone, Debug)]
pub struct Found {
    /// What is to be recorded.
    pub landed: Landed,
    /// The record of the verdict.
    pub judged: Judged,
}

/// Finds, for a push that git has carried out, the verdicts that accepted it and did not land before.
///
/// Looks back through at most `most` records. Ref updates that nobody judged, such as those of
/// unprotected branches, belong to no verdict.
///
/// # Errors
/// The ledger cannot be read.
pub fn of(push: &Push, ledger: &Ledger, most: usize) -> Result<Vec<Found>> {
    let mut search = Search::new(push);
    if search.moved.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<String> =
        search.moved.iter().filter_map(|u| u.new.clone().or(u.old.clone())).collect();
    let finders: Vec<Finder<'_>> = ids.iter().map(Finder::new).collect();
    // A push of unprotected branches finds nothing here, so lines are searched before they are
    // parsed, unless there is so much to search for that parsing takes less time.
    let names_one =
        |line: &[u8]| finders.len() > SEARCHED || finders.iter().any(|id| id.find(line).is_some());
    ledger.latest(most, names_one, |record| search.look_at(record))?;
    search.found.reverse();
    Ok(search.found)
}

/// The way back through the ledger.
struct Search {
    moved: Vec<Update>,
    /// Verdicts that are known to have landed.
    landed: BTreeSet<u64>,
    found: Vec<Found>,
}

impl Search {
    fn new(push: &Push) -> Self {
        let hex = |id: crate::id::ObjectId| id.to_hex().to_string();
        let moved = push.updates.iter().filter_map(|update| match &update.name {
            Name::Ref(name) => Some(Update {
                r#ref: name.to_string(),
                old: update.claimed_old.map(hex),
                new: update.new.map(hex),
            }),
            Name::Malformed(_) => None,
        });
        Self { moved: moved.collect(), landed: BTreeSet::new(), found: Vec::new() }
    }

    /// Looks at one record, newest first; says whether everything is found.
    fn look_at(&mut self, record: &Record) -> bool {
        match &record.event {
            Event::Landed(landed) => {
                self.landed.insert(landed.judged);
            }
            Event::Judged(judged)
                if judged.answer.lets_through() && !self.landed.contains(&record.number) =>
            {
                self.take(record.number, judged);
            }
            Event::Judged(_)
            | Event::Moved(_)
            | Event::Unsummarised(_)
            | Event::Recovered { .. } => {}
        }
        self.moved.is_empty()
    }

    fn take(&mut self, number: u64, judged: &Judged) {
        let (here, absent): (Vec<&Update>, Vec<&Update>) =
            judged.updates.iter().partition(|update| self.moved.contains(update));
        if here.is_empty() {
            return;
        }
        let all = |updates: &[&Update]| updates.iter().copied().cloned().collect();
        let landed = Landed {
            id: judged.id.clone().unwrap_or_default(),
            judged: number,
            refs: all(&here),
            absent: all(&absent),
        };
        self.found.push(Found { landed, judged: judged.clone() });
        self.moved.retain(|update| !judged.updates.contains(update));
    }
}
