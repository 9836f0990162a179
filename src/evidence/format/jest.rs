//! What `jest --json` and `vitest --reporter=json` write.
//!
//! The results of the files are counted; the sums can only make it worse: suites that
//! could not run at all, and more failures than the results show.

use serde::Deserialize;

use super::error::ReadError;
use super::json::{Document, Object, Raw, Text};
use super::lines::Run;
use crate::evidence::report::Report;
use crate::limits::Limits;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Root<'a> {
    num_failed_tests: Option<u64>,
    success: Option<bool>,
    #[serde(borrow)]
    test_results: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    assertion_results: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assertion<'a> {
    #[serde(borrow)]
    full_name: Option<Text<'a>>,
    #[serde(borrow)]
    status: Text<'a>,
}

/// Reads a Jest report.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    let mut run = Run::new(document, limits);
    document.each(root.test_results, |Object(file): Object<File<'_>>| {
        let name = file.name.as_deref().unwrap_or_default();
        run.suite(name);
        let before = run.tests.failures();
        document.each(file.assertion_results, |Object(test): Object<Assertion<'_>>| {
            let name = test.full_name.as_deref().unwrap_or_default();
            match &*test.status {
                "passed" => run.pass(),
                "pending" | "skipped" | "disabled" => run.skip(),
                "todo" => {
                    run.tests.todo += 1;
                    Ok(())
                }
                _ => run.fail(name),
            }
        })?;
        if file.status.as_deref() == Some("failed") && run.tests.failures() == before {
            run.hide(1, &format!("{name} (could not run)"));
        }
        Ok(())
    })?;
    let shown = run.tests.failures();
    let admitted = root.num_failed_tests.unwrap_or(0).saturating_sub(shown);
    run.hide(admitted, "tests that are counted as failed and not shown");
    if root.success == Some(false) && run.tests.failures() == 0 {
        run.hide(1, "the run as a whole");
    }
    Ok(run.finish())
}

#[cfg(test)]
mod tests {
    use crate::evidence::format::testing::report;
    use crate::evidence::report::TestCounts;

    fn tests(sums: &str, files: &str) -> TestCounts {
        let text = format!(r#"{{"numTotalTests": 1{sums}, "testResults": [{files}]}}"#);
        report(&text).tests.expect("tests")
    }

    #[test]
    fn results_are_counted() {
        let file = r#"{"name": "a.js", "status": "failed", "assertionResults": [{"status": "passed"}, {"status": "failed", "fullName": "f"},
            {"status": "pending"}, {"status": "todo"}, {"status": "strange"}]}"#;
        let expected =
            TestCounts { passed: 1, failed: 2, skipped: 1, todo: 1, ..TestCounts::default() };
        assert_eq!(tests("", file), expected);
    }

    #[test]
    fn what_only_the_sums_admit_is_hidden() {
        let failed = r#"{"name": "a.js", "status": "failed", "assertionResults": []}"#;
        assert_eq!(tests("", failed).hidden, 1);
        let passed =
            r#"{"name": "a.js", "status": "passed", "assertionResults": [{"status": "passed"}]}"#;
        assert_eq!(tests(r#", "numFailedTests": 2, "success": false"#, passed).hidden, 2);
        assert_eq!(tests(r#", "success": false"#, passed).hidden, 1);
        assert_eq!(tests(r#", "success": true"#, passed).hidden, 0);
    }
}
