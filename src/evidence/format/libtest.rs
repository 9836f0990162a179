//! What Rust's test harness writes with `--format json`, and nextest as `libtest-json`.
//!
//! A suite states how many tests it has when it starts, and whether it failed when it
//! ends; what its tests do not show of that is hidden.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::error::ReadError;
use super::json::{Document, Text};
use super::lines::{self, Run};
use crate::evidence::report::Report;
use crate::limits::Limits;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    event: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
}

/// Reads the events of a test harness.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let mut run = Run::new(document, limits);
    let mut running: BTreeSet<Text<'_>> = BTreeSet::new();
    let (mut suites, mut failed_suites) = (0_u64, 0_u64);
    lines::each(&mut run, |run, event: Event<'_>| {
        let what = event.event.as_deref().unwrap_or_default();
        match (&*event.kind, what) {
            ("suite", "started") => suites += 1,
            ("suite", "ok") => suites = suites.saturating_sub(1),
            ("suite", _) => {
                suites = suites.saturating_sub(1);
                failed_suites += 1;
            }
            ("test", "started") => {
                running.extend(event.name);
                run.check_with(running.len())?;
            }
            ("test", _) => {
                let name = event.name.as_deref().unwrap_or_default();
                // A timeout only says that it takes long; the end is still to come.
                if what != "timeout" {
                    running.remove(name);
                }
                match what {
                    "ok" => run.pass()?,
                    "ignored" => run.skip()?,
                    "timeout" => {}
                    _ => run.fail(name)?,
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    for name in &running {
        run.error(name)?;
    }
    if run.tests.failed + run.tests.errored == 0 {
        run.hide(failed_suites, "a suite that failed (no test shows why)");
    }
    run.hide(suites, "a suite that did not end");
    Ok(run.finish())
}

#[cfg(test)]
mod tests {
    use crate::evidence::format::testing::report;
    use crate::evidence::report::TestCounts;

    fn tests(events: &[(&str, &str, &str)]) -> TestCounts {
        let lines = events.iter().map(|(kind, event, name)| {
            format!("{{\"type\": \"{kind}\", \"event\": \"{event}\", \"name\": \"{name}\"}}\n")
        });
        report(&lines.collect::<String>()).tests.expect("tests")
    }

    #[test]
    fn each_test_counts_by_its_end() {
        let counts = tests(&[
            ("suite", "started", ""),
            ("test", "started", "a"),
            ("test", "timeout", "a"),
            ("test", "ok", "a"),
            ("test", "failed", "b"),
            ("test", "ignored", "c"),
            ("test", "started", "d"),
            ("suite", "failed", ""),
        ]);
        let expected =
            TestCounts { passed: 1, failed: 1, errored: 1, skipped: 1, ..TestCounts::default() };
        assert_eq!(counts, expected);
    }

    #[test]
    fn suites_that_failed_or_did_not_end_are_hidden_failures() {
        let ok = ("test", "ok", "a");
        assert_eq!(tests(&[("suite", "started", ""), ok, ("suite", "failed", "")]).hidden, 1);
        assert_eq!(tests(&[("suite", "started", ""), ok]).hidden, 1);
        assert_eq!(tests(&[("suite", "started", ""), ok, ("suite", "ok", "")]).hidden, 0);
    }
}
