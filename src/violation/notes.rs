//! Refs that hold evidence.

use serde::Serialize;

super::violations! {
    /// Refs that hold evidence.
    pub enum NotesViolation {
        /// No ref that refgate keeps evidence in.
        "notes-ref-unknown" => RefUnknown,
        /// Notes may be added and never taken away.
        "notes-removed" => Removed {
            /// The notes that would lose lines.
            notes: Vec<NoteProblem>,
        },
        /// Lines that are no evidence, or no approvals.
        "notes-malformed" => Malformed {
            /// The lines.
            notes: Vec<NoteProblem>,
        },
        /// Lines about an object that is not there or that they do not name.
        "notes-subject" => Subject {
            /// The lines.
            notes: Vec<NoteProblem>,
        },
        /// Lines that nobody permitted has signed.
        "notes-untrusted" => Untrusted {
            /// The lines.
            notes: Vec<NoteProblem>,
        },
        /// More bytes or lines than the limits allow.
        "notes-too-large" => TooLarge {
            /// What is too large.
            notes: Vec<NoteProblem>,
        },
    }
}

/// A note and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoteProblem {
    /// The annotated object, or the path in the notes tree if it names none.
    pub annotated: String,
    /// The line of the note, from 1; 0 for the note as a whole.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}
