//! The exceptions of audited repositories, by state.
//!
//! Read from clones: the documents at the tip of the trust ref, weighed by the policy of today as of the
//! day of the report, as `refgate exception list` does.

use std::collections::BTreeMap;

use serde::Serialize;

use super::clone::Clone;
use crate::clock::Deadline;
use crate::collect::{Scene, Stop, exceptions, why};
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::exception::{Document, Known, STATES, Waives, is_review_owed, state};
use crate::repo::objects::Incoming;

/// One exception.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    /// The repository.
    pub repository: String,
    /// Its name.
    pub id: String,
    /// One of [`STATES`].
    pub state: &'static str,
    /// Whether it lets pass every gate, for a push that names it.
    pub break_glass: bool,
    /// Whether it is one of those, approved, and nobody has reviewed what came of it.
    pub review_owed: bool,
    /// Who asked for it.
    pub requester: String,
    /// Who answers for the repair.
    pub owner: String,
    /// The day of the request.
    pub requested: String,
    /// The last day on which it counts.
    pub expires: String,
    /// Who approved it.
    pub approved_by: Vec<String>,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unread {
    /// The repository.
    pub repository: String,
    /// The document; none if it is the repository.
    pub file: Option<String>,
    /// Why.
    pub why: String,
}

/// The exceptions of all repositories.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Exceptions {
    /// How many there are of each state, those of none included.
    pub by_state: BTreeMap<&'static str, usize>,
    /// All of them: by state, as [`STATES`] has them, then by repository and name.
    pub all: Vec<Row>,
    /// What could not be read; then the counts are not complete.
    pub unread: Vec<Unread>,
}

impl Exceptions {
    /// Adds those of a repository, or says why it could not be read.
    pub fn add(&mut self, repository: &str, read: Result<Found>) {
        match read {
            Ok(Found { rows, unread }) => {
                self.all.extend(rows);
                self.unread.extend(unread);
            }
            Err(error) => self.unread.push(Unread {
                repository: repository.to_owned(),
                file: None,
                why: error.to_string(),
            }),
        }
    }

    /// Returns them in their order, counted.
    #[must_use]
    pub fn finish(mut self) -> Self {
        let rank = |row: &Row| STATES.iter().position(|state| *state == row.state);
        self.all
            .sort_by(|l, r| (rank(l), &l.repository, &l.id).cmp(&(rank(r), &r.repository, &r.id)));
        let count = |state: &&str| self.all.iter().filter(|row| row.state == *state).count();
        self.by_state = STATES.iter().map(|state| (*state, count(state))).collect();
        self
    }
}

/// The exceptions of one repository.
#[derive(Debug)]
pub struct Found {
    rows: Vec<Row>,
    unread: Vec<Unread>,
}

/// Reads the exceptions of a clone, as they stand at its time.
///
/// # Errors
/// The clone cannot be read.
pub fn read(clone: &Clone) -> Result<Found> {
    let incoming = Incoming::open(None, &clone.objects)?;
    let deadline = Deadline::after_ms(clone.limits.time_ms);
    let scene = Scene {
        incoming: &incoming,
        trusted: &clone.objects,
        policy: &clone.snapshot.policy,
        keys: &clone.snapshot.keys,
        limits: &clone.limits,
        deadline: &deadline,
        now: clone.now,
        anchor: Some(clone.anchor),
        pusher: None,
    };
    let known = exceptions::read_files(&scene, &[]).map_err(|stop| match stop {
        Stop::Violation(violation) => Error::new(ErrorKind::Repository, why(&violation)),
        Stop::Error(error) => error,
    })?;
    Ok(found(clone, &known))
}

fn found(clone: &Clone, known: &Known) -> Found {
    let repository = clone.repository();
    let rows = known.documents.iter().map(|document| row(clone, document)).collect();
    let mut unread: Vec<Unread> = Vec::new();
    for problem in &known.malformed {
        match unread.last_mut().filter(|last| last.file.as_ref() == Some(&problem.file)) {
            Some(last) => last.why = format!("{}; {}", last.why, problem.message),
            None => unread.push(Unread {
                repository: repository.to_owned(),
                file: Some(problem.file.clone()),
                why: problem.message.clone(),
            }),
        }
    }
    Found { rows, unread }
}

fn row(clone: &Clone, document: &Document) -> Row {
    let exception = &document.exception;
    let (state, approvers) = state(&document.standing);
    Row {
        repository: clone.repository().to_owned(),
        id: exception.id.to_string(),
        state,
        break_glass: exception.waives == Waives::EveryGate,
        review_owed: is_review_owed(&clone.snapshot.policy, document, clone.now),
        requester: exception.requester.to_string(),
        owner: exception.owner.to_string(),
        requested: exception.requested.to_string(),
        expires: exception.expires.to_string(),
        approved_by: approvers.iter().map(|approver| approver.person.id.to_string()).collect(),
    }
}
