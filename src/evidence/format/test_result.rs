//! The predicate of in-toto test-result v0.1: names of tests by how they went.
//!
//! `result` must agree with the lists. A passed run that names no test shows none.

use serde::Deserialize;

use super::error::{Fault, ReadError};
use super::excerpt;
use super::json::{Document, Raw, Text};
use crate::evidence::report::{Report, TestCounts};
use crate::limits::Limits;

/// Names of failing tests that are kept.
const KEPT_NAMES: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Root<'a> {
    #[serde(borrow)]
    result: Text<'a>,
    #[serde(borrow)]
    configuration: Raw<'a>,
    #[serde(borrow)]
    passed_tests: Option<Raw<'a>>,
    #[serde(borrow)]
    warned_tests: Option<Raw<'a>>,
    #[serde(borrow)]
    failed_tests: Option<Raw<'a>>,
}

/// Reads the predicate.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    let mut report = Report::new(document.format(), "");
    document.count(root.configuration)?;
    let mut names = Vec::new();
    let mut count = |list: Option<Raw<'_>>, keep: bool| {
        let mut count = 0;
        let Some(list) = list else { return Ok(0) };
        document.each(list, |name: Text<'_>| {
            count += 1;
            if usize::try_from(count).is_ok_and(|count| count > limits.findings) {
                let what = "tests";
                return Err(document.error(Fault::TooMany { what, limit: limits.findings }));
            }
            if keep && names.len() < KEPT_NAMES {
                names.push(excerpt::prose(&name));
            }
            Ok(())
        })?;
        Ok(count)
    };
    let mut tests = TestCounts {
        passed: count(root.passed_tests, false)?,
        warned: count(root.warned_tests, false)?,
        failed: count(root.failed_tests, true)?,
        ..TestCounts::default()
    };
    match &*root.result {
        "PASSED" | "WARNED" if tests.failed > 0 => {
            let what = format!("the result is {} and {} tests failed", &*root.result, tests.failed);
            return Err(document.error_in(&root.result, Fault::Contradiction { what }));
        }
        "PASSED" if tests.warned > 0 => {
            let what = format!("the result is PASSED and {} tests warned", tests.warned);
            return Err(document.error_in(&root.result, Fault::Contradiction { what }));
        }
        "PASSED" | "WARNED" => {}
        "FAILED" if tests.failed == 0 => {
            tests.hidden = 1;
            names.push("the run as a whole (no test is named)".into());
        }
        "FAILED" => {}
        other => {
            let (field, found) = ("result", excerpt::prose(other));
            let expected = "PASSED, WARNED or FAILED";
            return Err(
                document.error_in(&root.result, Fault::WrongValue { field, found, expected })
            );
        }
    }
    report.tests = Some(tests);
    report.failing_tests = names;
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::{fault, report};

    fn with(result: &str, lists: &str) -> String {
        format!(r#"{{"result": "{result}", "configuration": []{lists}}}"#)
    }

    #[test]
    fn lists_are_counted() {
        let tests = |result: &str, lists: &str| report(&with(result, lists)).tests.expect("tests");
        let passed = tests("WARNED", r#", "passedTests": ["a"], "warnedTests": ["b"]"#);
        assert_eq!((passed.passed, passed.warned, passed.failures(), passed.ran()), (1, 1, 0, 2));
        let failed = tests("FAILED", r#", "failedTests": ["a", "b"]"#);
        assert_eq!((failed.failed, failed.failures()), (2, 2));
        assert_eq!(tests("FAILED", "").failures(), 1);
        assert_eq!(tests("PASSED", "").ran(), 0);
    }

    #[test]
    fn a_result_that_its_lists_contradict_is_refused() {
        for (result, lists) in [
            ("PASSED", r#", "failedTests": ["a"]"#),
            ("WARNED", r#", "failedTests": ["a"]"#),
            ("PASSED", r#", "warnedTests": ["a"]"#),
        ] {
            assert!(matches!(fault(&with(result, lists)), Fault::Contradiction { .. }), "{result}");
        }
        for result in ["passed", "OK", ""] {
            assert!(matches!(fault(&with(result, "")), Fault::WrongValue { field: "result", .. }));
        }
    }
}
