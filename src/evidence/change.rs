//! What lands on a branch, and what people said about it.
//!
//! Facts for the review gate: all that could be found out by reading. Whether an
//! approval counts is decided by the gate, which sees the policy and the time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::approval::{ChangeDigest, ClaimedRole, Decision};
use super::trailer::Ambiguity;
use crate::id::{BlobId, CommitId};
use crate::principal::PrincipalId;
use crate::report::text::Foreign;

/// A commit as messages name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommitLabel {
    /// Its id.
    pub id: CommitId,
    /// The first line of its message.
    pub subject: Foreign,
    /// The author's name, as claimed.
    pub author: Foreign,
}

/// Where a statement or a piece of evidence was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "in", rename_all = "kebab-case")]
pub enum Place {
    /// In a commit message.
    Trailer {
        /// The commit.
        commit: CommitId,
        /// The line of the message.
        line: usize,
    },
    /// In a note.
    Note {
        /// The last component of the notes ref below `refs/notes/refgate/`.
        notes: &'static str,
        /// The note.
        blob: BlobId,
        /// The line of the note.
        line: usize,
    },
}

/// One step of a branch's first-parent chain.
#[derive(Clone, Debug)]
pub struct Landing {
    /// The commit.
    pub commit: CommitLabel,
    /// Why its approval trailers cannot be read, if so.
    pub ambiguity: Option<Ambiguity>,
    /// Lines of its message that look like approvals and are none.
    pub look_alikes: Vec<usize>,
}

/// How somebody took part in a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Author of a commit.
    Author,
    /// Named as co-author.
    CoAuthor,
    /// Committer of a commit.
    Committer,
    /// Signer of a commit.
    Signer,
    /// Made a merge whose content does not follow from its parents.
    Merger,
    /// Pushes it.
    Pusher,
}

/// A change that could land as one: one landing, or several in a row.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The landings that it covers, as positions in the chain, oldest first.
    pub landings: std::ops::Range<usize>,
    /// The commit below it, which approvals name as their base.
    pub base: Option<CommitId>,
    /// What an approval of it signs.
    pub change: ChangeDigest,
    /// The paths that it touches, each once, sorted; raw.
    pub paths: Vec<Vec<u8>>,
    /// Paths of submodules that it moves.
    pub submodules: Vec<Vec<u8>>,
    /// Who took part, with the earliest part of [`Part`]'s order.
    pub contributors: BTreeMap<PrincipalId, Part>,
    /// What was said about it, in the order in which it was found.
    pub statements: Vec<StatementFact>,
}

/// A statement about a change, and what became of verifying it.
#[derive(Clone, Debug)]
pub struct StatementFact {
    /// Where it was found.
    pub place: Place,
    /// Who it says it is from.
    pub claimed_by: Foreign,
    /// What it is: only approvals stand in trailers.
    pub decision: Decision,
    /// Whether it is from that person, and about what.
    pub state: StatementState,
}

/// What verifying a statement came to.
#[derive(Clone, Debug)]
pub enum StatementState {
    /// It carries no signature.
    Unsigned,
    /// It is malformed; says how.
    Malformed(String),
    /// Its signature does not count; says why.
    Refused(String),
    /// It is from who it says it is from.
    Verified(Verified),
}

/// A statement whose signature was verified.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Who said it.
    pub by: PrincipalId,
    /// The key that signed it.
    pub key: String,
    /// The roles that they signed for.
    pub roles: BTreeSet<ClaimedRole>,
    /// When they said it.
    pub at: Timestamp,
    /// Until when it holds.
    pub until: Timestamp,
    /// Why, on a rejection.
    pub reason: Option<String>,
    /// Whether a security key was touched; `None` for other keys.
    pub touched: Option<bool>,
    /// How what they read relates to what lands.
    pub binding: Binding,
}

/// How what a reviewer read relates to what lands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binding {
    /// The same change on the same base.
    Exact,
    /// The same change; the base has moved on, elsewhere.
    SameChange,
    /// Another change, but landing it here comes to exactly this.
    Replay,
    /// Another change.
    Stale {
        /// The change that was approved.
        change: ChangeDigest,
    },
    /// Another change; landing it here leaves these paths uncovered.
    Residual {
        /// The paths, the first few.
        paths: Vec<Foreign>,
        /// How many there are.
        count: usize,
    },
    /// It cannot be told: what the reviewer read is not in the repository.
    Unverifiable(String),
    /// The same change has already landed since, and was taken back.
    Spent {
        /// The commit with which it had landed.
        landed: CommitId,
    },
}
