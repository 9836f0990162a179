//! What GoogleTest writes with `--gtest_output=json`.
//!
//! The same as its JUnit XML: a test with `failures` failed, one that was not run or was
//! skipped is skipped, and sums can only make it worse.

use serde::Deserialize;

use super::error::ReadError;
use super::json::{Document, Object, Raw, Text};
use super::lines::Run;
use crate::evidence::report::Report;
use crate::limits::Limits;

#[derive(Deserialize)]
struct Root<'a> {
    failures: Option<u64>,
    errors: Option<u64>,
    #[serde(borrow)]
    timestamp: Option<Text<'a>>,
    #[serde(borrow)]
    testsuites: Raw<'a>,
}

#[derive(Deserialize)]
struct Suite<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    testsuite: Raw<'a>,
}

#[derive(Deserialize)]
struct Case<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    result: Option<Text<'a>>,
    #[serde(borrow)]
    failures: Option<Raw<'a>>,
}

/// Reads a GoogleTest report.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    let mut run = Run::new(document, limits);
    run.report.note_time(root.timestamp.as_deref());
    document.each(root.testsuites, |Object(suite): Object<Suite<'_>>| {
        let of = suite.name.as_deref().unwrap_or_default();
        run.suite(of);
        document.each(suite.testsuite, |Object(case): Object<Case<'_>>| {
            let failures = case.failures.map(|list| document.count(list)).transpose()?;
            let (status, result) = (case.status.as_deref(), case.result.as_deref());
            if failures.unwrap_or(0) > 0 {
                run.fail(&format!("{of} {}", case.name.as_deref().unwrap_or_default()))
            } else if status == Some("NOTRUN") || matches!(result, Some("SKIPPED" | "SUPPRESSED")) {
                run.skip()
            } else {
                run.pass()
            }
        })
    })?;
    let stated = root.failures.unwrap_or(0).saturating_add(root.errors.unwrap_or(0));
    let admitted = stated.saturating_sub(run.tests.failed);
    run.hide(admitted, "tests that are counted as failed and not shown");
    Ok(run.finish())
}

#[cfg(test)]
mod tests {
    use crate::evidence::format::testing::report;
    use crate::evidence::report::TestCounts;

    #[test]
    fn cases_are_counted_and_sums_make_it_worse() {
        let text = r#"{"tests": 4, "failures": 2, "disabled": 1, "errors": 1, "testsuites": [{"name": "s", "testsuite": [
            {"name": "a", "status": "RUN", "result": "COMPLETED"},
            {"name": "b", "status": "RUN", "result": "COMPLETED", "failures": [{"failure": "x"}]},
            {"name": "c", "status": "NOTRUN", "result": "SUPPRESSED"},
            {"name": "d", "status": "RUN", "result": "SKIPPED"}]}]}"#;
        let expected =
            TestCounts { passed: 1, failed: 1, skipped: 2, hidden: 2, ..TestCounts::default() };
        assert_eq!(report(text).tests, Some(expected));
        assert_eq!(report(text).failing_tests[0], "s b");
    }
}
