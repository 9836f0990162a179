//! Every way to fail: the code of each violation and the facts it carries.
//!
//! A violation is data. Its wording lives in [`crate::report`], one page about
//! each code in `src/explain/`. Codes are promises: they are never given to
//! another meaning, and renamed only with a line in the changelog.

mod checklist;
mod exception;
mod notes;
mod ref_guard;
mod review;
mod scan;
mod testing;
mod trust;

use serde::Serialize;

pub use checklist::{ChecklistViolation, OpenItem, OpenItemKind, Relied};
pub use exception::{Becomes, ExceptionViolation, Lapsed, TakenBack};
pub use notes::{NoteProblem, NotesViolation};
pub use ref_guard::{FewerGates, RefViolation};
pub use review::{Missing, Person, ReviewGap, ReviewViolation, Said, Standing, UnsignedCommit};
pub use scan::{CommitGap, EvidenceGap, KindGap, OpenFinding, ScanViolation};
pub use testing::{FailedSuite, TestsViolation};
pub use trust::{Problem, TrustViolation};

/// Defines the violations of one gate: each variant with its code, which is
/// also its name in JSON.
macro_rules! violations {
    (
        $(#[$enum_meta:meta])*
        pub enum $enum:ident {
            $(
                $(#[$meta:meta])*
                $code:literal => $variant:ident $({
                    $( $(#[$field_meta:meta])* $field:ident: $type:ty, )*
                })?,
            )*
        }
    ) => {
        $(#[$enum_meta])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
        #[serde(tag = "code", rename_all_fields = "kebab-case")]
        pub enum $enum {
            $(
                $(#[$meta])*
                #[serde(rename = $code)]
                $variant $({
                    $( $(#[$field_meta])* $field: $type, )*
                })?,
            )*
        }

        impl $enum {
            /// The codes of these violations, in the order in which they are reported.
            pub const CODES: &[&str] = &[$($code),*];

            /// Returns the code.
            #[must_use]
            pub fn code(&self) -> &'static str {
                match self {
                    $( Self::$variant { .. } => $code, )*
                }
            }
        }
    };
}
use violations;

/// What a gate, the ref guard or the notes guard found wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Violation {
    /// How protected refs move.
    Ref(RefViolation),
    /// What the push is judged by.
    Trust(TrustViolation),
    /// Refs that hold evidence.
    Notes(NotesViolation),
    /// Gate scan.
    Scan(ScanViolation),
    /// Gate tests.
    Tests(TestsViolation),
    /// Gate review.
    Review(ReviewViolation),
    /// Gate checklist.
    Checklist(ChecklistViolation),
    /// Exceptions, whatever the gate.
    Exception(ExceptionViolation),
}

impl Violation {
    /// Returns the code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ref(violation) => violation.code(),
            Self::Trust(violation) => violation.code(),
            Self::Notes(violation) => violation.code(),
            Self::Scan(violation) => violation.code(),
            Self::Tests(violation) => violation.code(),
            Self::Review(violation) => violation.code(),
            Self::Checklist(violation) => violation.code(),
            Self::Exception(violation) => violation.code(),
        }
    }

    /// Returns every code that there is, in the order in which they are reported.
    #[must_use]
    pub fn codes() -> Vec<&'static str> {
        [
            RefViolation::CODES,
            TrustViolation::CODES,
            NotesViolation::CODES,
            ScanViolation::CODES,
            TestsViolation::CODES,
            ReviewViolation::CODES,
            ChecklistViolation::CODES,
            ExceptionViolation::CODES,
        ]
        .concat()
    }
}

macro_rules! from_violations {
    ($($variant:ident($type:ident)),* $(,)?) => {$(
        impl From<$type> for Violation {
            fn from(violation: $type) -> Self {
                Self::$variant(violation)
            }
        }
    )*};
}

from_violations! {
    Ref(RefViolation),
    Trust(TrustViolation),
    Notes(NotesViolation),
    Scan(ScanViolation),
    Tests(TestsViolation),
    Review(ReviewViolation),
    Checklist(ChecklistViolation),
    Exception(ExceptionViolation),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_kebab_case_and_begin_with_their_gate() {
        let codes = Violation::codes();
        let unique: std::collections::BTreeSet<_> = codes.iter().collect();
        assert_eq!(unique.len(), codes.len());
        for code in &codes {
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{code}");
            let gate = code.split('-').next().unwrap_or_default();
            assert!(
                ["ref", "trust", "notes", "scan", "tests", "review", "checklist", "exception"]
                    .contains(&gate),
                "{code}"
            );
        }
        insta::assert_snapshot!(codes.join("\n"));
    }

    #[test]
    fn json_names_the_code() {
        let violation = Violation::from(RefViolation::Alias {
            target: crate::refname::RefName::parse(b"refs/heads/main").expect("a name"),
        });
        let json = serde_json::to_string(&violation).expect("JSON");
        assert_eq!(json, r#"{"code":"ref-alias","target":"refs/heads/main"}"#);
    }
}
