//! What the tests of the readers share.

use super::{Fault, read};
use crate::evidence::report::{Report, TestCounts};
use crate::evidence::severity::SeverityOverrides;
use crate::limits::Limits;

/// Reads a text that is a report.
pub(super) fn report(text: &str) -> Report {
    report_with(text, &SeverityOverrides::default())
}

/// Reads a text that is a report, under a policy's word on levels.
pub(super) fn report_with(text: &str, overrides: &SeverityOverrides) -> Report {
    read(text.as_bytes(), &Limits::default(), overrides)
        .unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// Returns why a text is no report.
pub(super) fn fault(text: &str) -> Fault {
    read(text.as_bytes(), &Limits::default(), &SeverityOverrides::default()).expect_err(text).fault
}

/// Returns how the tests of a report went.
pub(super) fn tests(text: &str) -> TestCounts {
    report(text).tests.expect("tests")
}

/// No tests.
pub(super) const NONE: TestCounts = TestCounts {
    passed: 0,
    failed: 0,
    errored: 0,
    skipped: 0,
    flaky: 0,
    warned: 0,
    todo: 0,
    hidden: 0,
};
