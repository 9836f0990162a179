//! What one line of the ledger says.
//!
//! Field names are promises: lines that were written once are read for years. A
//! field that is added later is optional here; one that is unknown is an error, since an older
//! refgate must not pass over what a newer one has recorded.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::chain::LineDigest;
use crate::host::Pusher;

/// The version of the form of a line.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Record {
    /// The version of this form.
    pub version: u32,
    /// The position in the ledger, from 0, counted through all its files.
    pub number: u64,
    /// The digest of the line before; of nothing for the first line.
    pub previous: LineDigest,
    /// When it was written, by the server's clock.
    pub time: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Event {
    /// A push was judged.
    Judged(Judged),
    /// A push that was accepted has moved its refs.
    Landed(Landed),
    /// Protected refs have moved that no push was let through for.
    Moved(Moved),
    /// No verification summary could be written of refs that have moved.
    Unsummarised(Unsummarised),
    /// A line that a crash or a full disk had cut short was put aside; the push it
    /// was about had not been accepted.
    Recovered {
        /// The bytes of the line, as base64.
        bytes: String,
    },
}

/// How a push was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Every gate agreed.
    Accepted,
    /// A gate or guard found something missing.
    Refused,
    /// As refused, but the administrator has set that this is only said.
    WouldRefuse,
    /// It could not be judged, and was refused.
    CannotJudge,
}

impl Answer {
    /// Says whether git was let move the refs.
    #[must_use]
    pub fn lets_through(self) -> bool {
        match self {
            Self::Accepted | Self::WouldRefuse => true,
            Self::Refused | Self::CannotJudge => false,
        }
    }

    /// Returns the word by which the answer goes in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::WouldRefuse => "would-refuse",
            Self::CannotJudge => "cannot-judge",
        }
    }
}

/// A judgement: who pushed what, and the verdict with everything that it rests on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Judged {
    /// The number by which people name the verdict; none if it could not be judged.
    pub id: Option<String>,
    /// How it was judged.
    pub answer: Answer,
    /// The version of refgate.
    pub refgate: String,
    /// Who pushed, as the server said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pusher: Option<Pusher>,
    /// The ref updates, with the values that the refs really had.
    pub updates: Vec<Update>,
    /// The codes of what was wrong, each once, in the order of the report.
    pub codes: Vec<String>,
    /// The verdict, as `refgate check --format json` writes it.
    pub verdict: Box<RawValue>,
}

/// One ref update of a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Update {
    /// The name of the ref, as it was sent.
    pub r#ref: String,
    /// What it held; none if it did not exist.
    pub old: Option<String>,
    /// What it was to hold; none for a deletion.
    pub new: Option<String>,
}

/// A push has moved its refs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Landed {
    /// The number of the verdict.
    pub id: String,
    /// The position of its record.
    pub judged: u64,
    /// The ref updates that were carried out.
    pub refs: Vec<Update>,
    /// Ref updates that were accepted in the same push and were not carried out.
    pub absent: Vec<Update>,
}

/// Refs have moved past the hook that judges pushes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Moved {
    /// The moves, as git told them: what a ref held is absent where the writer did not say.
    pub refs: Vec<Update>,
}

/// Refs have moved, and there is no verification summary of that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Unsummarised {
    /// The position of the record of the verdict.
    pub judged: u64,
    /// The refs.
    pub refs: Vec<String>,
    /// Why.
    pub why: String,
}
