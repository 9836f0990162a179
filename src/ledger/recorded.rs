//! What is read again from the verdict inside of a record.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::record::Judged;
use crate::clock::Timestamp;
use crate::error::{ErrorKind, Result, ResultExt as _};

/// A verdict as `refgate check --format json` writes it; fields that nobody asks for here are left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verdict {
    /// When it was reached.
    pub time: Option<Timestamp>,
    /// The repository.
    pub repository: Option<String>,
    /// The trust anchor.
    pub trusted: Option<Anchor>,
    /// What was judged of each ref; nothing if it was too large to be recorded, or there was no verdict.
    pub refs: Option<Vec<Ref>>,
}

/// The commit that the policy was read from.
#[derive(Clone, Debug, Deserialize)]
pub struct Anchor {
    /// The trust ref.
    pub r#ref: String,
    /// What it held.
    pub commit: String,
}

/// What was judged of one ref.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ref {
    /// The ref.
    pub r#ref: String,
    /// The gates that were asked.
    #[serde(default)]
    pub gates: Vec<Gate>,
    /// What a break-glass exception let pass.
    pub waived: Option<IgnoredAny>,
}

/// What a gate said.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Gate {
    /// Its name.
    pub gate: String,
    /// Whether it agreed by itself.
    pub passed: bool,
    /// What it rests on.
    #[serde(default)]
    pub rests_on: Vec<Evidence>,
    /// What does not block because of an exception.
    #[serde(default)]
    pub excepted: Vec<IgnoredAny>,
}

/// A piece of evidence.
#[derive(Clone, Debug, Deserialize)]
pub struct Evidence {
    /// Where it is.
    pub place: Place,
}

/// Where a piece of evidence is.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "in", rename_all = "kebab-case")]
pub enum Place {
    /// In the message of a commit.
    Trailer {
        /// The commit.
        commit: String,
    },
    /// In a note.
    Note {
        /// The last component of the notes ref.
        notes: String,
        /// The note.
        blob: String,
    },
    /// Somewhere that this version does not know.
    #[serde(other)]
    Elsewhere,
}

impl Judged {
    /// Reads the verdict again.
    ///
    /// # Errors
    /// What is recorded is no verdict.
    pub fn recorded(&self) -> Result<Verdict> {
        serde_json::from_str(self.verdict.get()).during(ErrorKind::Environment, || {
            let id = self.id.as_deref().unwrap_or("without a number");
            format!("reading the recorded verdict {id}")
        })
    }
}
