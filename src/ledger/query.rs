//! What can be asked of a ledger, and the answers.

use serde::Serialize;

use super::record::Answer;
use crate::clock::Timestamp;

/// Which judgements are wanted; what is absent excludes nothing.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// How the push was judged.
    pub answer: Option<Answer>,
    /// The full name of a ref that was to move.
    pub r#ref: Option<String>,
    /// The code of something that was wrong.
    pub code: Option<String>,
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Accepted, and the refs never moved.
    pub only_unlanded: bool,
    /// Below this number: where an earlier page ended.
    pub before: Option<u64>,
    /// At most so many, the newest ones.
    pub limit: Option<usize>,
}

/// A judgement in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    /// The position in the ledger.
    pub number: u64,
    /// When.
    pub time: String,
    /// The number of the verdict; none if the push could not be judged.
    pub id: Option<String>,
    /// How it was judged.
    pub answer: String,
    /// Whether the refs moved.
    pub landed: bool,
    /// The refs that were to move.
    pub refs: Vec<String>,
    /// The codes of what was wrong.
    pub codes: Vec<String>,
}
