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
    /// The name of the repository, where there are several.
    pub repository: Option<String>,
    /// Before the entry on which an earlier page ended.
    pub before: Option<Cursor>,
    /// At most so many, the newest ones.
    pub limit: Option<usize>,
}

/// Where a page of a list ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The time of the last entry, where lists are ordered by time.
    pub time: Option<Timestamp>,
    /// The ledger of the last entry, where there are several.
    pub source: Option<u64>,
    /// The number of the last entry.
    pub number: u64,
}

impl Cursor {
    /// Reads what [`Entry::cursor`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split('/').collect::<Vec<_>>().as_slice() {
            [number] => Some(Self { time: None, source: None, number: number.parse().ok()? }),
            [time, source, number] => Some(Self {
                time: Some(time.parse().ok()?),
                source: Some(source.parse().ok()?),
                number: number.parse().ok()?,
            }),
            _ => None,
        }
    }
}

impl Entry {
    /// Returns the place of this entry, from which the next page goes on.
    #[must_use]
    pub fn cursor(&self) -> String {
        match self.source {
            Some(source) => format!("{}/{source}/{}", self.time, self.number),
            None => self.number.to_string(),
        }
    }
}

/// A judgement in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    /// The ledger, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<u64>,
    /// The repository, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
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
