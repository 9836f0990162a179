//! What one report of a scanner or test runner says, whatever its format.
//!
//! Everything here comes from the pushed report. All texts are foreign: escape
//! them when they are shown. Nothing in this module decides anything; what a
//! report is good for is asked with [`Report::supports`].

mod finding;
mod purl;
mod suitable;

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::format::excerpt::{self, quoted};
pub use super::format::{Fault, Format, Listed, Place, ReadError, read};
use super::severity::{Rating, Severity};
pub use finding::{Class, Finding};
pub(in crate::evidence) use finding::{Mark, is_vulnerability_id};
pub use purl::Purl;
pub use suitable::{Incomplete, Requirements, Unsuitable};

/// Findings of one report that are kept, the worst first; the others are counted.
pub const KEPT_FINDINGS: usize = 1_000;

/// What a report says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The format, recognised from the content.
    pub format: Format,
    /// The format of what a Statement or an envelope holds.
    pub predicate: Option<Format>,
    /// The version of the format as the report states it; empty for formats without versions.
    pub version: String,
    /// The tools that wrote it.
    pub tools: Vec<Tool>,
    /// The worst findings, at most [`KEPT_FINDINGS`]; in the order of the report where equally bad.
    pub findings: Vec<Finding>,
    /// All findings that the report does not mark as suppressed.
    pub open: Counts,
    /// All findings that the report itself marks as suppressed, which is only its claim.
    pub suppressed: Counts,
    /// All findings that are counted above but not in `findings`.
    pub unlisted: Counts,
    /// Components of a bill of materials, nested ones included.
    pub components: Option<u64>,
    /// Files or targets that the report says were scanned; `None` where it names none.
    pub scanned: Option<u64>,
    /// Results of tests.
    pub tests: Option<TestCounts>,
    /// Tests that failed, at most 100.
    pub failing_tests: Vec<String>,
    /// Names of the outermost test suites, at most 100.
    pub suites: Vec<String>,
    /// Whether this is a statement about known vulnerabilities of dependencies.
    ///
    /// SARIF always may be one; CycloneDX only with a list of vulnerabilities, even an
    /// empty one; Trivy unless all that it looked at is something other than packages;
    /// a GitLab report by the type of its scan.
    pub states_vulnerabilities: bool,
    /// Whether this is no statement about code: a report about packages alone, in a
    /// format that also has others.
    pub is_about_packages: bool,
    /// What makes the report say less than it seems to.
    pub caveats: Vec<Caveat>,
    /// When the tool ran, as the report claims.
    pub times: Option<Times>,
    /// Commits that the report says it speaks about, at most 8.
    pub commits: Vec<String>,
}

/// A tool that a report names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// The name.
    pub name: String,
    /// The version, which is not always the real one.
    pub version: Option<String>,
}

/// Where a finding is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file.
    File {
        /// Path with `/`, below the root that the report names; it begins with `/` where that is not known.
        path: String,
        /// Line, from 1.
        line: Option<u64>,
    },
    /// A package.
    Package {
        /// Its package URL, in canonical form without qualifiers.
        purl: Option<String>,
        /// Its name.
        name: String,
        /// The version that is used.
        version: Option<String>,
    },
    /// Text that names no place in a repository; no exception by place covers it.
    Other(String),
}

/// How many findings there are of each rating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Critical ones.
    pub critical: u64,
    /// High ones.
    pub high: u64,
    /// Medium ones.
    pub medium: u64,
    /// Low ones.
    pub low: u64,
    /// Those that the report rates as harmless.
    pub none: u64,
    /// Those that the report does not rate.
    pub unknown: u64,
}

/// How tests went; each test counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TestCounts {
    /// Passed, flaky ones included.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
    /// Ended by an error.
    pub errored: u64,
    /// Not run.
    pub skipped: u64,
    /// Passed only when repeated.
    pub flaky: u64,
    /// Passed with a warning (in-toto test-result), not among those that passed.
    pub warned: u64,
    /// Expected to fail for now (TAP `TODO`), however it went; none of the above.
    pub todo: u64,
    /// Failures that the report admits beyond the tests it shows: in its own sums, or
    /// because a suite did not build or did not end.
    pub hidden: u64,
}

/// The earliest and the latest time that a report names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The earliest.
    pub earliest: Timestamp,
    /// The latest.
    pub latest: Timestamp,
}

/// What makes a report say less than it seems to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caveat {
    /// The tool says that it did not run to its end (SARIF 2.1.0 §3.20.14).
    ExecutionFailed {
        /// The tool.
        tool: String,
    },
    /// The tool reports errors of its own: parts were not looked at.
    ToolErrors {
        /// The tool.
        tool: String,
        /// How many errors.
        count: u64,
        /// The first of them.
        first: String,
    },
    /// The tool reports warnings of its own.
    ToolWarnings {
        /// The tool.
        tool: String,
        /// How many warnings.
        count: u64,
    },
    /// Nothing was found, and the report names nothing that was scanned nor a rule that was applied.
    NothingNamed {
        /// The tool.
        tool: String,
    },
    /// The number of tests that the report states is not the number that it shows.
    TotalsDisagree {
        /// Tests stated.
        stated: u64,
        /// Tests shown.
        shown: u64,
    },
    /// The test suite is the output of a linter or scanner in the form of tests.
    LinterReport {
        /// The name that gives it away.
        suite: String,
    },
    /// Parts were left out by the tool: packages that it could not look up, for instance.
    Skipped {
        /// The tool.
        tool: String,
        /// How many.
        count: u64,
        /// Out of how many.
        of: u64,
        /// Why the first was left out.
        first: String,
    },
    /// Advice that is no finding: unmaintained packages and the like.
    Informational {
        /// How many.
        count: u64,
    },
    /// Findings about licences, which are no vulnerabilities and not counted as findings.
    Licences {
        /// How many.
        count: u64,
    },
}

impl Report {
    /// Returns a report of a format that says nothing yet.
    pub(super) fn new(format: Format, version: impl Into<String>) -> Self {
        Self {
            format,
            predicate: None,
            version: version.into(),
            tools: Vec::new(),
            findings: Vec::new(),
            open: Counts::default(),
            suppressed: Counts::default(),
            unlisted: Counts::default(),
            components: None,
            scanned: None,
            tests: None,
            failing_tests: Vec::new(),
            suites: Vec::new(),
            states_vulnerabilities: false,
            is_about_packages: false,
            caveats: Vec::new(),
            times: None,
            commits: Vec::new(),
        }
    }

    /// Widens the times of the report by one that it names.
    ///
    /// Times that do not say their offset from UTC are left out.
    pub(super) fn note_time(&mut self, text: Option<&str>) {
        let Some(time) = text.and_then(|text| text.parse::<Timestamp>().ok()) else { return };
        let times = self.times.get_or_insert(Times { earliest: time, latest: time });
        times.earliest = times.earliest.min(time);
        times.latest = times.latest.max(time);
    }
}

impl Counts {
    /// Returns the number of findings of one rating.
    #[must_use]
    pub fn of(&self, rating: Rating) -> u64 {
        match rating {
            Rating::Known(Severity::Critical) => self.critical,
            Rating::Known(Severity::High) => self.high,
            Rating::Known(Severity::Medium) => self.medium,
            Rating::Known(Severity::Low) => self.low,
            Rating::Known(Severity::None) => self.none,
            Rating::Unknown => self.unknown,
        }
    }

    /// Returns the number of all findings.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.critical + self.high + self.medium + self.low + self.none + self.unknown
    }

    /// Returns the place where findings of one rating are counted.
    pub(super) fn of_mut(&mut self, rating: Rating) -> &mut u64 {
        match rating {
            Rating::Known(Severity::Critical) => &mut self.critical,
            Rating::Known(Severity::High) => &mut self.high,
            Rating::Known(Severity::Medium) => &mut self.medium,
            Rating::Known(Severity::Low) => &mut self.low,
            Rating::Known(Severity::None) => &mut self.none,
            Rating::Unknown => &mut self.unknown,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { critical, high, medium, low, none, unknown } = self;
        write!(f, "{critical} critical, {high} high, {medium} medium, {low} low")?;
        write!(f, ", {none} none, {unknown} unknown")
    }
}

impl TestCounts {
    /// Returns the tests that ran to a result.
    #[must_use]
    pub fn ran(&self) -> u64 {
        self.passed + self.warned + self.failed + self.errored
    }

    /// Returns all tests that are shown.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.ran() + self.skipped + self.todo
    }

    /// Returns everything that speaks against these tests: failures, errors, and what the sums admit.
    #[must_use]
    pub fn failures(&self) -> u64 {
        // What is hidden is a number out of the report, and may be any.
        self.hidden.saturating_add(self.failed + self.errored)
    }
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExecutionFailed { tool } => {
                write!(f, "{} says that it did not run to its end", quoted(tool))
            }
            Self::ToolErrors { tool, count, first } => {
                write!(
                    f,
                    "{} reports {count} errors of its own, the first: {}",
                    quoted(tool),
                    quoted(first)
                )
            }
            Self::ToolWarnings { tool, count } => {
                write!(f, "{} reports {count} warnings of its own", quoted(tool))
            }
            Self::NothingNamed { tool } => {
                write!(f, "{} found nothing and names nothing that it scanned", quoted(tool))
            }
            Self::TotalsDisagree { stated, shown } => {
                write!(f, "the report states {stated} tests and shows {shown}")
            }
            Self::LinterReport { suite } => {
                write!(f, "test suite {} is the output of a linter or scanner", quoted(suite))
            }
            Self::Skipped { tool, count, of, first } => {
                let (tool, first) = (quoted(tool), quoted(first));
                write!(f, "{tool} left out {count} of {of}, the first: {first}")
            }
            Self::Informational { count } => {
                write!(f, "{count} informational notices are not counted as findings")
            }
            Self::Licences { count } => {
                write!(f, "{count} findings about licences are not counted")
            }
        }
    }
}

impl Location {
    /// Returns the place that a package is; a text that is no package URL is left out.
    pub(in crate::evidence) fn package(
        purl: Option<&str>,
        name: &str,
        version: Option<&str>,
    ) -> Self {
        let purl = purl.and_then(Purl::parse);
        Self::Package {
            purl: purl.map(|purl| excerpt::name(purl.as_str())),
            name: excerpt::name(name),
            version: version.filter(|version| !version.is_empty()).map(excerpt::name),
        }
    }

    /// Returns the path, if it is a file.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::Package { .. } | Self::Other(_) => None,
        }
    }

    /// Returns the package URL, if it is a package that has one.
    #[must_use]
    pub fn purl(&self) -> Option<&str> {
        match self {
            Self::Package { purl, .. } => purl.as_deref(),
            Self::File { .. } | Self::Other(_) => None,
        }
    }

    /// Returns the line, if it is one of a file.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::File { line, .. } => *line,
            Self::Package { .. } | Self::Other(_) => None,
        }
    }

    /// Returns the place without line and version.
    fn place(&self) -> String {
        match self {
            Self::File { path: text, .. }
            | Self::Package { name: text, .. }
            | Self::Other(text) => text.clone(),
        }
    }
}

impl fmt::Display for Location {
    /// Writes `path:line`, a package URL, `name@version` or the text, as the report has them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: Some(line) } => write!(f, "{path}:{line}"),
            Self::File { path: text, line: None }
            | Self::Package { purl: Some(text), .. }
            | Self::Package { name: text, version: None, .. }
            | Self::Other(text) => f.write_str(text),
            Self::Package { name, version: Some(version), .. } => write!(f, "{name}@{version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caveats_show_foreign_text_in_quotes() {
        let caveat = Caveat::ToolErrors { tool: "t\u{1b}".into(), count: 2, first: "no\n".into() };
        let text = r#""t\u{1b}" reports 2 errors of its own, the first: "no\n""#;
        assert_eq!(caveat.to_string(), text);
    }

    #[test]
    fn the_times_of_a_report_are_those_with_an_offset() {
        let mut report = Report::new(Format::JunitXml, "");
        report.note_time(Some("2026-11-23T10:00:00"));
        report.note_time(Some("yesterday"));
        report.note_time(None);
        assert_eq!(report.times, None);
        report.note_time(Some("2026-11-23T10:00:00+01:00"));
        report.note_time(Some("2026-11-23T08:00:00.5Z"));
        let times = report.times.expect("two times");
        assert_eq!(times.latest.to_string(), "2026-11-23T09:00:00Z");
        assert_eq!(times.earliest.to_string(), "2026-11-23T08:00:00.5Z");
    }

    #[test]
    fn a_location_is_written_as_people_name_it() {
        let package = |purl: Option<&str>, version: Option<&str>| Location::Package {
            purl: purl.map(Into::into),
            name: "lodash".into(),
            version: version.map(Into::into),
        };
        for (location, text) in [
            (Location::File { path: "src/a.c".into(), line: Some(7) }, "src/a.c:7"),
            (Location::File { path: "src/a.c".into(), line: None }, "src/a.c"),
            (package(Some("pkg:npm/lodash@4.0.0"), Some("4.0.0")), "pkg:npm/lodash@4.0.0"),
            (package(None, Some("4.0.0")), "lodash@4.0.0"),
            (package(None, None), "lodash"),
            (Location::Other("urn:x".into()), "urn:x"),
        ] {
            assert_eq!(location.to_string(), text);
        }
    }
}
