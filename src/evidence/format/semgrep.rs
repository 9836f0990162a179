//! What `semgrep scan --json` writes.
//!
//! Severity is `extra.severity`: `CRITICAL`, `HIGH`, `MEDIUM`, `LOW` or the older
//! `ERROR`, `WARNING`, `INFO`. Results with `extra.is_ignored` (a `nosemgrep`
//! comment) are suppressed. Without a login Semgrep writes "requires login" in
//! place of the flagged lines and of the fingerprint, for all findings alike.

use serde::Deserialize;

use super::error::ReadError;
use super::json::{Document, Object, Raw, Text, Whole};
use super::path;
use super::scan::Scan;
use crate::evidence::report::{Caveat, Class, Finding, Mark, Report};
use crate::evidence::severity::{Rating, SeverityOverrides};
use crate::limits::Limits;

/// What Semgrep writes in place of what only its paying users get.
const WITHHELD: &str = "requires login";

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    results: Raw<'a>,
    #[serde(borrow)]
    errors: Option<Raw<'a>>,
    #[serde(borrow)]
    paths: Object<Paths<'a>>,
}

#[derive(Deserialize)]
struct Paths<'a> {
    #[serde(borrow)]
    scanned: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Hit<'a> {
    #[serde(borrow)]
    check_id: Text<'a>,
    #[serde(borrow)]
    path: Text<'a>,
    start: Option<Object<Position>>,
    #[serde(borrow)]
    extra: Object<Extra<'a>>,
}

#[derive(Deserialize)]
struct Position {
    line: Option<Whole>,
}

#[derive(Deserialize)]
struct Extra<'a> {
    #[serde(borrow)]
    severity: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    lines: Option<Text<'a>>,
    is_ignored: Option<bool>,
}

#[derive(Deserialize)]
struct Failure<'a> {
    #[serde(borrow)]
    level: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
}

/// Reads a Semgrep report.
pub(super) fn read(
    document: Document<'_>,
    limits: &Limits,
    overrides: &SeverityOverrides,
) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    let mut scan = Scan::new(document, limits, "Semgrep", root.version.as_deref());
    scan.report.version = root.version.as_deref().map(super::excerpt::name).unwrap_or_default();
    let levels = overrides.of("Semgrep");
    document.each(root.results, |Object(hit): Object<Hit<'_>>| {
        let rating = levels.rate(hit.extra.severity.as_deref().unwrap_or_default());
        let suppressed = hit.extra.is_ignored == Some(true);
        scan.add(rating, suppressed, |tool| Ok(hit.finding(rating, tool)))
    })?;
    let (mut failures, mut warnings, mut first) = (0, 0, String::new());
    if let Some(errors) = root.errors {
        document.each(errors, |Object(failure): Object<Failure<'_>>| {
            match failure.level.as_deref() {
                Some("warn" | "warning") => warnings += 1,
                Some("info") => {}
                _ => {
                    failures += 1;
                    if failures == 1 {
                        first = failure.message.as_deref().unwrap_or_default().to_owned();
                    }
                }
            }
            Ok(())
        })?;
    }
    scan.note_errors(failures, &first);
    if warnings > 0 {
        let tool = scan.tool();
        scan.report.caveats.push(Caveat::ToolWarnings { tool, count: warnings });
    }
    let scanned = root.paths.scanned.map(|list| document.count(list)).transpose()?;
    scan.note_scanned(scanned.unwrap_or(0));
    Ok(scan.finish())
}

impl Hit<'_> {
    fn finding(&self, rating: Rating, tool: &str) -> Finding {
        let line = self.start.as_ref().and_then(|start| start.line).and_then(Whole::line);
        let lines = self.extra.lines.as_deref().filter(|lines| lines.trim() != WITHHELD);
        Finding::new(Class::Code, rating, &self.check_id, tool)
            .at(path::location(&self.path, line))
            .titled(self.extra.message.as_deref())
            .identified_by(lines.map_or(Mark::Line, Mark::Text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::report;

    fn hit(line: u64, extra: &str) -> String {
        format!(
            r#"{{"check_id": "r", "path": "a.py", "start": {{"line": {line}}}, "extra": {{{extra}}}}}"#
        )
    }

    fn with(hits: &[String], errors: &str) -> String {
        format!(
            r#"{{"version": "1.182.0", "results": [{}], "errors": [{errors}], "paths": {{"scanned": ["a.py"]}}}}"#,
            hits.join(",")
        )
    }

    #[test]
    fn a_text_that_all_findings_share_identifies_none() {
        let login =
            r#""severity": "ERROR", "lines": "requires login", "fingerprint": "requires login""#;
        let report = report(&with(&[hit(1, login), hit(2, login)], ""));
        assert_eq!(report.open.high, 2);
        assert_ne!(report.findings[0].fingerprint, report.findings[1].fingerprint);
        assert!(!report.findings[1].fingerprint.contains(":2"), "told apart by their lines");
    }

    #[test]
    fn ignored_results_are_suppressed_and_errors_are_told() {
        let ignored = hit(1, r#""severity": "CRITICAL", "is_ignored": true"#);
        let report = report(&with(
            &[ignored],
            r#"{"level": "error", "message": "boom"}, {"level": "warn"}, {"message": "no level"}"#,
        ));
        assert_eq!((report.open.total(), report.suppressed.critical), (0, 1));
        let tool = || "Semgrep".to_owned();
        assert_eq!(
            report.caveats,
            [
                Caveat::ToolErrors { tool: tool(), count: 2, first: "boom".into() },
                Caveat::ToolWarnings { tool: tool(), count: 1 }
            ]
        );
    }
}
