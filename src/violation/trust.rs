//! What a push is judged by.

use serde::Serialize;

use crate::error::Diagnostic;
use crate::report::text::Foreign;

super::violations! {
    /// What a push is judged by.
    pub enum TrustViolation {
        /// The first push does not contain what the administrator named as the root of trust.
        "trust-root-unmet" => RootUnmet {
            /// What is wanted: a commit, or one of several keys.
            wanted: Vec<String>,
            /// What was found instead.
            found: String,
        },
        /// The trust ref moved while the push was judged.
        "trust-anchor-moved" => AnchorMoved,
        /// The push would leave trusted files with which nothing can be judged.
        "trust-files-void" => FilesVoid {
            /// What is wrong in them.
            diagnostics: Vec<Problem>,
        },
        /// The server does not say who pushes, or names nobody whom the people of the repository are known by.
        "trust-pusher-unknown" => PusherUnknown {
            /// Whom it names.
            pusher: Option<Foreign>,
        },
        /// The push is not signed, and has to be.
        "trust-push-unsigned" => PushUnsigned,
        /// The push certificate does not prove who made this push.
        "trust-certificate-faulty" => CertificateFaulty {
            /// Why.
            why: String,
        },
    }
}

/// A place in a file and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl From<&Diagnostic> for Problem {
    fn from(diagnostic: &Diagnostic) -> Self {
        let Diagnostic { file, line, message, help } = diagnostic.clone();
        Self { file, line, message, help }
    }
}

impl From<Problem> for Diagnostic {
    fn from(problem: Problem) -> Self {
        let Problem { file, line, message, help } = problem;
        Self { file, line, message, help }
    }
}
