//! Gate checklist: the release document is complete and somebody decided to release.

use serde::Serialize;

use super::Person;
use crate::evidence::change::CommitLabel;
use crate::evidence::exception::ExceptionId;
use crate::report::text::Foreign;

super::violations! {
    /// Gate checklist: the release document is complete and somebody decided to release.
    pub enum ChecklistViolation {
        /// There is no release document.
        "checklist-document-missing" => DocumentMissing {
            /// Where it was looked for.
            path: String,
        },
        /// The release document is not complete.
        "checklist-incomplete" => Incomplete {
            /// Its path.
            path: String,
            /// What is open.
            open: Vec<OpenItem>,
        },
        /// Exceptions were relied upon that the document does not list.
        "checklist-exception-unlisted" => ExceptionUnlisted {
            /// The path of the document.
            path: String,
            /// The release before, if there is one.
            since: Option<String>,
            /// The exceptions.
            exceptions: Vec<Relied>,
        },
        /// Commits since the previous release have no evidence.
        "checklist-commits-unjudged" => CommitsUnjudged {
            /// The release before, if there is one.
            since: Option<String>,
            /// How many there are.
            count: u64,
            /// The first of them.
            commits: Vec<CommitLabel>,
        },
        /// The release brings more commits than can be looked at.
        "checklist-too-many-commits" => TooManyCommits {
            /// The release before, if there is one.
            since: Option<String>,
            /// The limit.
            limit: usize,
        },
        /// The release tag is not signed.
        "checklist-tag-unsigned" => TagUnsigned,
        /// The release tag is signed by nobody who may release.
        "checklist-tag-signer" => TagSigner {
            /// Why the signature does not count.
            why: String,
            /// Who may release.
            could: Vec<Person>,
        },
    }
}

/// An exception that was relied upon.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Relied {
    /// Which.
    pub id: ExceptionId,
    /// Its last day.
    pub expires: String,
    /// What it lets pass, as its document says.
    pub allows: String,
    /// Whether it let every gate be passed.
    pub break_glass: bool,
}

/// What is open in a release document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct OpenItem {
    /// The line in the document; 0 if it is not there.
    pub line: usize,
    /// What is open.
    pub what: OpenItemKind,
}

/// Why an item of a checklist is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum OpenItemKind {
    /// The section is missing, or there are two.
    Section {
        /// Its heading.
        heading: String,
        /// How many there are.
        count: usize,
    },
    /// An item of the template is not there, or not as the template words it.
    ItemMissing {
        /// The item.
        text: Foreign,
        /// The line in the template.
        template_line: usize,
    },
    /// An item is not ticked.
    NotTicked {
        /// The item.
        text: Foreign,
    },
    /// A required field is not there.
    FieldMissing {
        /// Its name.
        field: String,
    },
    /// A required field says nothing, or what the template says.
    FieldEmpty {
        /// Its name.
        field: String,
    },
    /// Somebody is named as an owner who is not listed in `meta/STRUCTURE.md`.
    OwnerUnknown {
        /// Who, as the document says.
        who: Foreign,
    },
    /// An artifact stands there without a digest.
    DigestMissing {
        /// What the document says of it.
        artifact: Foreign,
    },
    /// The table of gates says nothing about a gate.
    GateMissing {
        /// The gate.
        gate: &'static str,
    },
    /// HTML that the template has not.
    Html {
        /// The beginning of it.
        text: Foreign,
    },
    /// The document cannot be read as text.
    Unreadable(String),
}
