//! What a report is good for: whether it is a positive statement of a kind of evidence.

use std::fmt;

use super::{Caveat, Format, Report};
use crate::evidence::format::excerpt::quoted;
use crate::evidence::kind::Kind;

/// What the policy asks of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// Components that a bill of materials has at least (`[scan] min-components`).
    pub min_components: u64,
    /// Whether a report may stand whose tool says it failed on parts (`[scan] incomplete`).
    pub incomplete: Incomplete,
}

/// What becomes of a report whose tool says that it failed on parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incomplete {
    /// It is no evidence.
    Refuse,
    /// It counts like any other.
    Allow,
}

/// Why a report is no positive statement of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsuitable {
    /// The format cannot be evidence of this kind.
    Format {
        /// The format of the report.
        format: Format,
        /// The kind that was asked for.
        kind: Kind,
    },
    /// A signed envelope, which is evidence on its own and no report.
    Envelope {
        /// The format of the file.
        format: Format,
    },
    /// The tool did not run to its end.
    ExecutionFailed {
        /// The tool.
        tool: String,
    },
    /// The tool reports errors of its own, and the policy does not allow that.
    ToolErrors {
        /// The tool.
        tool: String,
        /// How many errors.
        count: u64,
        /// The first of them.
        first: String,
    },
    /// A bill of materials with too few components.
    TooFewComponents {
        /// Components found.
        found: u64,
        /// Components that the policy asks for.
        needed: u64,
    },
    /// The tool left parts out, and the policy does not allow that; or it left out everything.
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
    /// The report speaks of packages alone.
    NoStatementAboutCode,
    /// Nothing in the report says that packages were checked for vulnerabilities.
    NoVulnerabilityStatement,
    /// No test ran.
    NoTestRan {
        /// Tests that were skipped.
        skipped: u64,
    },
    /// The output of a linter or scanner in the form of tests.
    LinterReport {
        /// The name that gives it away.
        suite: String,
    },
}

impl Report {
    /// Says whether the report is a complete, positive statement of `kind`.
    ///
    /// Findings and failed tests do not make a report unsuitable: they are what it is for.
    ///
    /// # Errors
    /// Returns the first reason why it is none.
    pub fn supports(&self, kind: &Kind, requirements: &Requirements) -> Result<(), Unsuitable> {
        if self.format.is_envelope() {
            return Err(Unsuitable::Envelope { format: self.format });
        }
        let formats = [Some(self.format), self.predicate];
        if let Some(format) = formats.into_iter().flatten().find(|format| !format.may_be(kind)) {
            return Err(Unsuitable::Format { format, kind: kind.clone() });
        }
        for caveat in &self.caveats {
            match caveat {
                Caveat::ExecutionFailed { tool } => {
                    return Err(Unsuitable::ExecutionFailed { tool: tool.clone() });
                }
                Caveat::ToolErrors { tool, count, first } => match requirements.incomplete {
                    Incomplete::Allow => {}
                    Incomplete::Refuse => {
                        let (tool, count, first) = (tool.clone(), *count, first.clone());
                        return Err(Unsuitable::ToolErrors { tool, count, first });
                    }
                },
                Caveat::Skipped { tool, count, of, first } => {
                    if requirements.incomplete == Incomplete::Refuse || count >= of {
                        let (tool, first) = (tool.clone(), first.clone());
                        return Err(Unsuitable::Skipped { tool, count: *count, of: *of, first });
                    }
                }
                Caveat::LinterReport { suite } => {
                    return Err(Unsuitable::LinterReport { suite: suite.clone() });
                }
                Caveat::ToolWarnings { .. }
                | Caveat::NothingNamed { .. }
                | Caveat::TotalsDisagree { .. }
                | Caveat::Informational { .. }
                | Caveat::Licences { .. } => {}
            }
        }
        match kind {
            Kind::Sast if self.is_about_packages => Err(Unsuitable::NoStatementAboutCode),
            Kind::Sast => Ok(()),
            Kind::Sbom => {
                let (found, needed) = (self.components.unwrap_or(0), requirements.min_components);
                if found < needed {
                    return Err(Unsuitable::TooFewComponents { found, needed });
                }
                Ok(())
            }
            Kind::Dependencies => {
                if !self.states_vulnerabilities {
                    return Err(Unsuitable::NoVulnerabilityStatement);
                }
                Ok(())
            }
            Kind::Tests(_) => {
                let tests = self.tests.unwrap_or_default();
                if tests.ran() == 0 && tests.hidden == 0 {
                    return Err(Unsuitable::NoTestRan { skipped: tests.skipped });
                }
                Ok(())
            }
        }
    }
}

impl Default for Requirements {
    fn default() -> Self {
        Self { min_components: 1, incomplete: Incomplete::Refuse }
    }
}

impl fmt::Display for Unsuitable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format { format, kind } => {
                write!(f, "{format} cannot be evidence of kind {kind}")
            }
            Self::Envelope { format } => {
                write!(f, "the signatures of a {format} are checked in a note, not in a file")
            }
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
            Self::TooFewComponents { found, needed } => {
                write!(f, "{found} components, expected at least {needed}")
            }
            Self::Skipped { tool, count, of, first } => {
                let (tool, first) = (quoted(tool), quoted(first));
                write!(f, "{tool} left out {count} of {of}, the first: {first}")
            }
            Self::NoStatementAboutCode => f.write_str("the report speaks of packages, not of code"),
            Self::NoVulnerabilityStatement => f.write_str(
                "nothing in the report says that packages were checked for vulnerabilities",
            ),
            Self::NoTestRan { skipped } => write!(f, "no test ran, {skipped} were skipped"),
            Self::LinterReport { suite } => {
                write!(f, "test suite {} is the output of a linter or scanner", quoted(suite))
            }
        }
    }
}

impl std::error::Error for Unsuitable {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::report::TestCounts;

    fn requirements() -> Requirements {
        Requirements::default()
    }

    fn kind(text: &str) -> Kind {
        Kind::parse(text).expect(text)
    }

    #[test]
    fn each_format_serves_the_kinds_it_speaks_of() {
        for (format, kinds) in [
            (Format::Sarif, &["sast", "dependencies"][..]),
            (Format::CycloneDxJson, &["sbom", "dependencies"]),
            (Format::TrivyJson, &["dependencies"]),
            (Format::JunitXml, &["tests:unit"]),
        ] {
            let report = Report {
                components: Some(1),
                states_vulnerabilities: true,
                tests: Some(TestCounts { passed: 1, ..TestCounts::default() }),
                ..Report::new(format, "")
            };
            for text in ["sast", "sbom", "dependencies", "tests:unit"] {
                let expected = if kinds.contains(&text) {
                    Ok(())
                } else {
                    Err(Unsuitable::Format { format, kind: kind(text) })
                };
                assert_eq!(
                    report.supports(&kind(text), &requirements()),
                    expected,
                    "{format} {text}"
                );
            }
        }
    }

    #[test]
    fn t75_a_bill_of_materials_needs_components() {
        for components in [None, Some(0)] {
            let report = Report { components, ..Report::new(Format::CycloneDxJson, "1.6") };
            assert_eq!(
                report.supports(&Kind::Sbom, &requirements()),
                Err(Unsuitable::TooFewComponents { found: 0, needed: 1 })
            );
        }
        let report = Report { components: Some(9), ..Report::new(Format::CycloneDxJson, "1.6") };
        let needs_ten = Requirements { min_components: 10, ..requirements() };
        assert_eq!(
            report.supports(&Kind::Sbom, &needs_ten),
            Err(Unsuitable::TooFewComponents { found: 9, needed: 10 })
        );
    }

    #[test]
    fn t76_tests_that_did_not_run_are_no_evidence() {
        let tests = |tests| Report { tests, ..Report::new(Format::JunitXml, "") };
        let skipped = TestCounts { skipped: 7, ..TestCounts::default() };
        for (counts, skipped) in [(None, 0), (Some(TestCounts::default()), 0), (Some(skipped), 7)] {
            assert_eq!(
                tests(counts).supports(&kind("tests:unit"), &requirements()),
                Err(Unsuitable::NoTestRan { skipped })
            );
        }
        let failed = TestCounts { failed: 1, hidden: u64::MAX, ..TestCounts::default() };
        assert_eq!(failed.failures(), u64::MAX);
        assert_eq!(tests(Some(failed)).supports(&kind("tests:unit"), &requirements()), Ok(()));
    }

    #[test]
    fn t79_a_tool_that_failed_says_nothing() {
        let report =
            |caveat| Report { caveats: vec![caveat], ..Report::new(Format::Sarif, "2.1.0") };
        let failed = report(Caveat::ExecutionFailed { tool: "t".into() });
        let allow = Requirements { incomplete: Incomplete::Allow, ..requirements() };
        for requirements in [requirements(), allow] {
            assert_eq!(
                failed.supports(&Kind::Sast, &requirements),
                Err(Unsuitable::ExecutionFailed { tool: "t".into() })
            );
        }
        let errors = report(Caveat::ToolErrors { tool: "t".into(), count: 97, first: "x".into() });
        assert_eq!(
            errors.supports(&Kind::Sast, &requirements()),
            Err(Unsuitable::ToolErrors { tool: "t".into(), count: 97, first: "x".into() })
        );
        assert_eq!(errors.supports(&Kind::Sast, &allow), Ok(()));
    }
}
