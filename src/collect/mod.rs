//! Finds out what the gates look at.
//!
//! Here objects, notes and signatures are read and turned into facts; the gates,
//! which are pure, decide. What the push brought is read through the store that sees the
//! quarantine, what it is judged by came through the one that cannot.

pub mod chain;
pub mod changes;
pub mod evidence;
pub mod exceptions;
pub mod notes_guard;
pub mod notes_ref;
pub mod parallel;
pub mod release;
pub mod since;
pub mod statements;

use crate::clock::{Deadline, Timestamp};
use crate::error::{Error, ErrorKind};
use crate::id::CommitId;
use crate::limits::Limits;
use crate::policy::Policy;
use crate::principal::PrincipalId;
use crate::repo::ReadError;
use crate::repo::fault::{Fault, Problem};
use crate::repo::objects::{Incoming, Trusted};
use crate::repo::range::RangeError;
use crate::signature::KeyRing;
use crate::violation::{RefViolation, Violation};

/// Everything that collecting facts needs.
#[derive(Clone, Copy)]
pub struct Scene<'a, 't> {
    /// Objects of the push and of the repository.
    pub incoming: &'a Incoming<'t>,
    /// Objects of the repository alone.
    pub trusted: &'t Trusted,
    /// Rules and people.
    pub policy: &'a Policy,
    /// Keys.
    pub keys: &'a KeyRing,
    /// Bounds.
    pub limits: &'a Limits,
    /// When to stop.
    pub deadline: &'a Deadline,
    /// The time of the push.
    pub now: Timestamp,
    /// The commit that rules and people were read from, once there is one on the server.
    pub anchor: Option<CommitId>,
    /// Who pushes, if that is known.
    pub pusher: Option<&'a PrincipalId>,
}

/// Why facts could not be collected: the push is at fault, or refgate cannot judge.
#[derive(Debug)]
pub enum Stop {
    /// The push is at fault.
    Violation(Box<Violation>),
    /// It cannot be judged.
    Error(Error),
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Violation(Box::new(violation))
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Fault> for Stop {
    /// git takes no push that leaves an object out (`receive-pack` checks that all it names are
    /// connected), so that an object is missing is a fault of the repository.
    fn from(fault: Fault) -> Self {
        match fault.problem {
            Problem::Missing => {
                Error::new(ErrorKind::Repository, fault.to_string()).hint(DAMAGED).into()
            }
            Problem::IsA(_)
            | Problem::TooLarge { .. }
            | Problem::TooMany { .. }
            | Problem::Malformed(_) => Violation::from(RefViolation::ObjectFaulty { fault }).into(),
        }
    }
}

const DAMAGED: &str =
    "the repository may be damaged, which this tells: git fsck --connectivity-only";

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Fault(fault) => fault.into(),
            ReadError::Repository(error) => error.into(),
        }
    }
}

impl Scene<'_, '_> {
    /// Turns what went wrong while a range was collected into what that means for the push.
    #[must_use]
    pub fn range_stop(&self, error: RangeError) -> Stop {
        match error {
            RangeError::Read(error) => error.into(),
            RangeError::TooMany => {
                Violation::from(RefViolation::TooManyCommits { limit: self.limits.commits }).into()
            }
        }
    }
}

/// Returns a commit as messages name it.
#[must_use]
pub fn label(commit: &crate::repo::commit::Commit) -> crate::evidence::change::CommitLabel {
    crate::evidence::change::CommitLabel {
        id: commit.id,
        subject: commit.subject().into(),
        author: (&commit.author.name).into(),
    }
}

/// Returns in one line what a violation about an object or a note says.
#[must_use]
pub fn why(violation: &Violation) -> String {
    match violation {
        Violation::Ref(RefViolation::ObjectFaulty { fault }) => fault.to_string(),
        Violation::Notes(crate::violation::NotesViolation::TooLarge { notes }) => {
            notes.first().map_or_else(String::new, |note| note.why.clone())
        }
        Violation::Ref(_)
        | Violation::Trust(_)
        | Violation::Notes(_)
        | Violation::Scan(_)
        | Violation::Tests(_)
        | Violation::Review(_)
        | Violation::Checklist(_)
        | Violation::Exception(_) => violation.code().into(),
    }
}
