//! Evidence about a commit: a statement of the automation, and the report in it.
//!
//! Facts for the scan and tests gates. Whether a piece of evidence is fresh and
//! what its findings mean is decided by the gates.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::change::{CommitLabel, Place};
use super::kind::Kind;
use super::report::Report;
use crate::principal::PrincipalId;

/// All evidence that was found for one commit, on the commit or on its tree.
#[derive(Clone, Debug)]
pub struct CommitEvidence {
    /// The commit.
    pub commit: CommitLabel,
    /// What was found, each with what became of reading it.
    pub items: Vec<Arc<EvidenceFact>>,
    /// Why its notes cannot be read, if so.
    pub unreadable: Option<String>,
}

/// One line of an evidence note.
#[derive(Clone, Debug)]
pub struct EvidenceFact {
    /// Where it was found.
    pub place: Place,
    /// What it says it is; unknown if it could not be read that far.
    pub kind: Option<Kind>,
    /// Where its report is; unknown if it could not be read that far.
    pub form: Option<ReportForm>,
    /// What became of reading it.
    pub state: EvidenceState,
}

/// Where the report of a piece of evidence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportForm {
    /// It is the predicate, under the type by which others know it.
    Native,
    /// Inside refgate's own predicate.
    Embedded,
    /// On the reports ref.
    Stored,
}

/// The principals who signed a statement and may speak for its kind; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signers {
    first: PrincipalId,
    others: BTreeSet<PrincipalId>,
}

impl Signers {
    /// Returns the principals of good signatures, or `None` of none; who signed twice counts once.
    #[must_use]
    pub fn of(principals: impl IntoIterator<Item = PrincipalId>) -> Option<Self> {
        let mut principals = principals.into_iter();
        let first = principals.next()?;
        let others = principals.filter(|other| *other != first).collect();
        Some(Self { first, others })
    }

    /// Returns how many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// Returns them, the first signature's first and the others by name.
    pub fn iter(&self) -> impl Iterator<Item = &PrincipalId> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Says whether all of `others` are among them.
    #[must_use]
    pub fn include(&self, others: &Self) -> bool {
        others.iter().all(|other| *other == self.first || self.others.contains(other))
    }
}

impl fmt::Display for Signers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        self.others.iter().try_for_each(|other| write!(f, ", {other}"))
    }
}

/// What reading a piece of evidence came to, from the outside in.
#[derive(Clone, Debug)]
pub enum EvidenceState {
    /// The envelope or the statement is malformed; says how. Nobody vouches for it.
    Malformed(String),
    /// No signature of a principal that may speak for this kind; says why.
    Untrusted(String),
    /// It speaks of another commit and tree.
    WrongSubject {
        /// Who signed it.
        by: Signers,
        /// What it speaks of, as `gitCommit:…` or `gitTree:…`.
        names: Vec<String>,
    },
    /// Signed by somebody permitted, but the report in it cannot be read; says why.
    Unreadable {
        /// Who signed it.
        by: Signers,
        /// When it says the tool ran.
        at: Option<Timestamp>,
        /// Why.
        why: String,
    },
    /// Signed by somebody permitted, about this commit, with a report.
    Authentic {
        /// Who signed it.
        by: Signers,
        /// When it says the tool ran.
        at: Option<Timestamp>,
        /// The report.
        report: Arc<Report>,
    },
}

/// How a piece of evidence is named in verdicts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EvidenceId {
    /// What it is.
    pub kind: String,
    /// Who signed it.
    pub by: PrincipalId,
    /// Who signed it besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<PrincipalId>,
    /// Where it is.
    pub place: Place,
}

impl EvidenceId {
    /// Names a piece of evidence.
    #[must_use]
    pub fn new(kind: &Kind, by: &Signers, place: Place) -> Self {
        let also = by.others.iter().cloned().collect();
        Self { kind: kind.to_string(), by: by.first.clone(), also, place }
    }
}
