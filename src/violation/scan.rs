//! Gate scan: every commit was scanned, and nothing blocking was found.

use serde::Serialize;

use crate::evidence::change::CommitLabel;
use crate::evidence::kind::Kind;
use crate::id::CommitId;
use crate::report::text::Foreign;

super::violations! {
    /// Gate scan: every commit was scanned, and nothing blocking was found.
    pub enum ScanViolation {
        /// Commits without evidence of a required kind.
        "scan-evidence-missing" => EvidenceMissing {
            /// What is lacking.
            gap: EvidenceGap,
        },
        /// Commits whose evidence cannot be read.
        "scan-evidence-malformed" => EvidenceMalformed {
            /// What is lacking.
            gap: EvidenceGap,
        },
        /// Commits whose notes hold evidence about something else.
        "scan-evidence-wrong-subject" => EvidenceWrongSubject {
            /// What is lacking.
            gap: EvidenceGap,
        },
        /// Commits whose evidence nobody permitted has signed.
        "scan-evidence-untrusted" => EvidenceUntrusted {
            /// What is lacking.
            gap: EvidenceGap,
        },
        /// Commits whose evidence is too old.
        "scan-evidence-stale" => EvidenceStale {
            /// What is lacking.
            gap: EvidenceGap,
        },
        /// Commits whose evidence says nothing: no run, no component.
        "scan-evidence-empty" => EvidenceEmpty {
            /// What is lacking.
            gap: EvidenceGap,
        },
        /// Commits whose evidence is of a tool that failed, or failed on parts.
        "scan-evidence-incomplete" => EvidenceIncomplete {
            /// What is lacking.
            gap: EvidenceGap,
        },
        /// Findings that block.
        "scan-finding-open" => FindingOpen {
            /// The findings, the worst first; the first few.
            findings: Vec<OpenFinding>,
            /// How many there are.
            count: u64,
            /// The severity from which on they block.
            block: String,
        },
    }
}

/// Commits that lack evidence, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EvidenceGap {
    /// The commits, the first few.
    pub commits: Vec<CommitGap>,
    /// How many commits there are.
    pub count: usize,
    /// How many commits were looked at.
    pub of: usize,
}

/// What one commit lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommitGap {
    /// The commit.
    pub commit: CommitLabel,
    /// The kinds that it lacks, each with the reason if there is one to give.
    pub kinds: Vec<KindGap>,
}

/// A kind of evidence that is lacking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindGap {
    /// The kind; none where a note could not be read far enough to tell.
    #[serde(serialize_with = "kind_text")]
    pub kind: Option<Kind>,
    /// Why what was found does not do.
    pub why: Option<String>,
}

/// A finding that blocks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OpenFinding {
    /// `critical`, `high`, `medium`, `low` or `unknown`.
    pub severity: String,
    /// `code`, `secret`, `configuration` or `dependency`.
    pub class: String,
    /// The rule or vulnerability.
    pub rule: Foreign,
    /// All its names: the rule, then other names of the same vulnerability.
    pub ids: Vec<Foreign>,
    /// The files that it is in.
    pub paths: Vec<Foreign>,
    /// The package URLs that it is about, in canonical form.
    pub purls: Vec<Foreign>,
    /// Where it is.
    pub location: Foreign,
    /// What it is about.
    pub title: Foreign,
    /// The tool that found it.
    pub tool: Foreign,
    /// Its identity across runs.
    pub fingerprint: String,
    /// The kind of evidence that it stands in.
    pub kind: String,
    /// The commits that have it, the first few.
    pub commits: Vec<CommitId>,
    /// Whether the report itself marks it as suppressed.
    pub suppressed: bool,
}

fn kind_text<S: serde::Serializer>(kind: &Option<Kind>, serializer: S) -> Result<S::Ok, S::Error> {
    match kind {
        Some(kind) => serializer.collect_str(kind),
        None => serializer.serialize_none(),
    }
}
