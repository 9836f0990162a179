//! Gate tests: the suites passed on what lands.

use serde::Serialize;

use super::EvidenceGap;
use crate::evidence::attestation::EvidenceId;
use crate::evidence::change::CommitLabel;
use crate::report::text::Foreign;

super::violations! {
    /// Gate tests: the suites passed on what lands.
    pub enum TestsViolation {
        /// Commits without results of a required suite.
        "tests-evidence-missing" => EvidenceMissing {
            /// What is lacking.
            gap: EvidenceGap,
        },
        /// Commits whose results cannot be read.
        "tests-evidence-malformed" => EvidenceMalformed {
            /// What is lacking.
            gap: EvidenceGap,
        },
        /// Commits whose notes hold results about something else.
        "tests-evidence-wrong-subject" => EvidenceWrongSubject {
            /// What is lacking.
            gap: EvidenceGap,
        },
        /// Commits whose results nobody permitted has signed.
        "tests-evidence-untrusted" => EvidenceUntrusted {
            /// What is lacking.
            gap: EvidenceGap,
        },
        /// Commits whose results are too old.
        "tests-evidence-stale" => EvidenceStale {
            /// What is lacking.
            gap: EvidenceGap,
        },
        /// Commits of which no test ran.
        "tests-evidence-empty" => EvidenceEmpty {
            /// What is lacking.
            gap: EvidenceGap,
        },
        /// Suites in which tests failed.
        "tests-failed" => Failed {
            /// The suites.
            suites: Vec<FailedSuite>,
        },
    }
}

/// A suite with failed tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedSuite {
    /// The commit.
    pub commit: CommitLabel,
    /// The suite.
    pub suite: String,
    /// Tests that failed or ended in an error, hidden ones included.
    pub failed: u64,
    /// Tests that ran.
    pub ran: u64,
    /// Names of failed tests, the first few.
    pub tests: Vec<Foreign>,
    /// The evidence.
    pub evidence: EvidenceId,
}
