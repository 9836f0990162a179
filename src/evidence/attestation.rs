//! Evidence about a commit: a statement of the automation, and the report in it.
//!
//! Facts for the scan and tests gates. Whether a piece of evidence is fresh and
//! what its findings mean is decided by the gates.

use std::rc::Rc;

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
    pub items: Vec<Rc<EvidenceFact>>,
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
    /// What became of reading it.
    pub state: EvidenceState,
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
        by: PrincipalId,
        /// What it speaks of, as `gitCommit:…` or `gitTree:…`.
        names: Vec<String>,
    },
    /// Signed by somebody permitted, but the report in it cannot be read; says why.
    Unreadable {
        /// Who signed it.
        by: PrincipalId,
        /// When it says the tool ran.
        at: Option<Timestamp>,
        /// Why.
        why: String,
    },
    /// Signed by somebody permitted, about this commit, with a report.
    Authentic {
        /// Who signed it.
        by: PrincipalId,
        /// When it says the tool ran.
        at: Option<Timestamp>,
        /// The report.
        report: Box<Report>,
    },
}

/// How a piece of evidence is named in verdicts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EvidenceId {
    /// What it is.
    pub kind: String,
    /// Who signed it.
    pub by: PrincipalId,
    /// Where it is.
    pub place: Place,
}
