//! Test runners that write one JSON object to a line: a report that is filled event by event.

use serde::Deserialize;

use super::error::{Fault, ReadError};
use super::excerpt;
use super::json::Document;
use crate::evidence::report::{Report, TestCounts};
use crate::limits::Limits;

/// Names of suites and of failing tests that are kept.
pub(super) const KEPT_NAMES: usize = 100;

/// A report about tests while it is read.
pub(super) struct Run<'a> {
    pub(super) document: Document<'a>,
    pub(super) report: Report,
    pub(super) tests: TestCounts,
    limit: usize,
}

impl<'a> Run<'a> {
    /// Returns a report without tests.
    pub(super) fn new(document: Document<'a>, limits: &Limits) -> Self {
        Self {
            document,
            report: Report::new(document.format(), ""),
            tests: TestCounts::default(),
            limit: limits.findings,
        }
    }

    /// Counts one test that passed.
    pub(super) fn pass(&mut self) -> Result<(), ReadError> {
        self.tests.passed += 1;
        self.check()
    }

    /// Counts one test that failed.
    pub(super) fn fail(&mut self, name: &str) -> Result<(), ReadError> {
        self.tests.failed += 1;
        self.name_failure(name);
        self.check()
    }

    /// Counts one test that did not end.
    pub(super) fn error(&mut self, name: &str) -> Result<(), ReadError> {
        self.tests.errored += 1;
        self.name_failure(name);
        self.check()
    }

    /// Counts one test that was skipped.
    pub(super) fn skip(&mut self) -> Result<(), ReadError> {
        self.tests.skipped += 1;
        self.check()
    }

    /// Counts failures that no test shows.
    pub(super) fn hide(&mut self, count: u64, what: &str) {
        if count > 0 {
            self.tests.hidden = self.tests.hidden.saturating_add(count);
            self.name_failure(what);
        }
    }

    /// Names a suite.
    pub(super) fn suite(&mut self, name: &str) {
        if self.report.suites.len() < KEPT_NAMES {
            self.report.suites.push(excerpt::name(name));
        }
    }

    /// Returns the report.
    pub(super) fn finish(self) -> Report {
        Report { tests: Some(self.tests), ..self.report }
    }

    fn name_failure(&mut self, name: &str) {
        if self.report.failing_tests.len() < KEPT_NAMES {
            self.report.failing_tests.push(excerpt::prose(name));
        }
    }

    fn check(&self) -> Result<(), ReadError> {
        self.check_with(0)
    }

    /// Refuses more tests than the server allows, of which `pending` are not counted yet.
    pub(super) fn check_with(&self, pending: usize) -> Result<(), ReadError> {
        let total = usize::try_from(self.tests.total()).unwrap_or(usize::MAX);
        if total.saturating_add(pending) <= self.limit {
            return Ok(());
        }
        Err(self.document.error(Fault::TooMany { what: "tests", limit: self.limit }))
    }
}

/// Hands the events of a run to `event`, one after the other.
///
/// A line that is no event, which a build or a test has written in between, is a failure that no
/// test shows.
///
/// # Errors
/// A line that begins like an event is none.
pub(super) fn each<'a, T: Deserialize<'a>>(
    run: &mut Run<'a>,
    mut event: impl FnMut(&mut Run<'a>, T) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let document = run.document;
    let (mut foreign, mut first) = (0, "");
    for text in document.text().lines() {
        let text = text.trim();
        if text.starts_with('{') {
            event(run, document.part(text)?)?;
        } else if !text.is_empty() {
            foreign += 1;
            first = if foreign == 1 { text } else { first };
        }
    }
    run.hide(foreign, first);
    Ok(())
}
