//! What `mocha --reporter json` writes: tests in lists by how they ended.
//!
//! A hook that fails stands among the failures and in no other list, so the sums of
//! `stats` have more failures than tests; like everywhere they can only make it worse.

use serde::Deserialize;

use super::error::ReadError;
use super::json::{Document, Object, Raw, Text};
use super::lines::Run;
use crate::evidence::report::Report;
use crate::limits::Limits;

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow)]
    stats: Object<Stats<'a>>,
    #[serde(borrow)]
    passes: Raw<'a>,
    #[serde(borrow)]
    failures: Raw<'a>,
    #[serde(borrow)]
    pending: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Stats<'a> {
    failures: Option<u64>,
    #[serde(borrow)]
    start: Option<Text<'a>>,
    #[serde(borrow)]
    end: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test<'a> {
    #[serde(borrow)]
    full_title: Option<Text<'a>>,
}

/// Reads a mocha report.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    let mut run = Run::new(document, limits);
    run.report.note_time(root.stats.start.as_deref());
    run.report.note_time(root.stats.end.as_deref());
    document.each(root.passes, |Object(_): Object<Test<'_>>| run.pass())?;
    document.each(root.failures, |Object(test): Object<Test<'_>>| {
        run.fail(test.full_title.as_deref().unwrap_or_default())
    })?;
    if let Some(pending) = root.pending {
        document.each(pending, |Object(_): Object<Test<'_>>| run.skip())?;
    }
    let admitted = root.stats.failures.unwrap_or(0).saturating_sub(run.tests.failed);
    run.hide(admitted, "tests that are counted as failed and not shown");
    Ok(run.finish())
}

#[cfg(test)]
mod tests {
    use crate::evidence::format::testing::report;
    use crate::evidence::report::TestCounts;

    #[test]
    fn lists_are_counted_and_sums_make_it_worse() {
        let text = r#"{"stats": {"tests": 2, "passes": 1, "failures": 3}, "passes": [{"fullTitle": "a"}],
            "failures": [{"fullTitle": "b"}], "pending": [{}, {}]}"#;
        let expected =
            TestCounts { passed: 1, failed: 1, skipped: 2, hidden: 2, ..TestCounts::default() };
        assert_eq!(report(text).tests, Some(expected));
    }
}
