//! What `bandit -f json` writes.
//!
//! Severity is `issue_severity`. `errors` are files that were not scanned. The
//! flagged text is taken from `code`, which has lines around it and their numbers.

use serde::Deserialize;

use super::error::ReadError;
use super::json::{Document, Object, Raw, Text, Whole};
use super::path;
use super::scan::Scan;
use crate::evidence::report::{Class, Finding, Mark, Report};
use crate::evidence::severity::Rating;
use crate::limits::Limits;

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow)]
    results: Raw<'a>,
    #[serde(borrow)]
    errors: Option<Raw<'a>>,
    #[serde(borrow)]
    metrics: Raw<'a>,
    #[serde(borrow)]
    generated_at: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Issue<'a> {
    #[serde(borrow)]
    test_id: Text<'a>,
    #[serde(borrow)]
    filename: Text<'a>,
    line_number: Option<Whole>,
    line_range: Option<Vec<Whole>>,
    #[serde(borrow)]
    issue_severity: Option<Text<'a>>,
    #[serde(borrow)]
    issue_text: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Failure<'a> {
    #[serde(borrow)]
    filename: Option<Text<'a>>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

/// Reads a Bandit report.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    let mut scan = Scan::new(document, limits, "Bandit", None);
    scan.report.note_time(root.generated_at.as_deref());
    document.each(root.results, |Object(issue): Object<Issue<'_>>| {
        let rating = Rating::from_word(issue.issue_severity.as_deref().unwrap_or_default());
        scan.add(rating, false, |tool| Ok(issue.finding(rating, tool)))
    })?;
    let (mut failures, mut first) = (0, String::new());
    if let Some(errors) = root.errors {
        document.each(errors, |Object(failure): Object<Failure<'_>>| {
            failures += 1;
            if failures == 1 {
                let of = |text: &Option<Text<'_>>| text.as_deref().unwrap_or_default().to_owned();
                first = format!("{}: {}", of(&failure.filename), of(&failure.reason));
            }
            Ok(())
        })?;
    }
    scan.note_errors(failures, &first);
    // Besides the files, metrics hold a sum over all of them.
    let mut files: u64 = 0;
    document.entries(root.metrics, |name: Text<'_>, _: serde::de::IgnoredAny| {
        files += u64::from(&*name != "_totals");
        Ok(())
    })?;
    scan.note_scanned(files);
    Ok(scan.finish())
}

impl Issue<'_> {
    fn finding(&self, rating: Rating, tool: &str) -> Finding {
        let text = self.flagged();
        Finding::new(Class::Code, rating, &self.test_id, tool)
            .at(path::location(&self.filename, self.line_number.and_then(Whole::line)))
            .titled(self.issue_text.as_deref())
            .identified_by(Mark::Text(&text))
    }

    /// Returns the flagged lines without their numbers.
    fn flagged(&self) -> String {
        let one: Vec<Whole> = self.line_number.into_iter().collect();
        let lines = self.line_range.as_ref().unwrap_or(&one);
        let numbered = |line: &str| {
            let (number, text) = line.split_once(' ')?;
            let number = number.parse().ok().map(Whole)?;
            lines.contains(&number).then(|| text.to_owned())
        };
        let code = self.code.as_deref().unwrap_or_default();
        code.lines().filter_map(numbered).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use crate::evidence::format::Fault;
    use crate::evidence::format::testing::{fault, report};
    use crate::evidence::report::Caveat;

    fn with(results: &str, errors: &str) -> String {
        format!(
            r#"{{"results": [{results}], "errors": [{errors}], "generated_at": "2026-11-23T09:15:46Z",
            "metrics": {{"_totals": {{}}, "a.py": {{}}}}}}"#
        )
    }

    fn issue(line: u64, code: &str) -> String {
        format!(
            r#"{{"test_id": "B101", "filename": "./a.py", "line_number": {line}, "line_range": [{line}],
            "issue_severity": "HIGH", "issue_text": "x", "code": "{code}"}}"#
        )
    }

    #[test]
    fn a_finding_is_known_by_its_line_of_code_wherever_that_stands() {
        let one = report(&with(&issue(4, "3 import os\\n4 assert x\\n5 y\\n"), ""));
        let two = report(&with(&issue(9, "8 other\\n9 assert x\\n"), ""));
        assert_eq!((one.open.high, one.scanned), (1, Some(1)));
        assert_eq!(one.findings[0].fingerprint, two.findings[0].fingerprint);
        assert_eq!(one.findings[0].locations[0].to_string(), "a.py:4");
        let three = report(&with(&issue(4, "4 assert z\\n"), ""));
        assert_ne!(one.findings[0].fingerprint, three.findings[0].fingerprint);
    }

    #[test]
    fn files_that_were_not_scanned_are_told() {
        let report = report(&with("", r#"{"filename": "b.py", "reason": "syntax error"}"#));
        let first = "b.py: syntax error".into();
        assert_eq!(report.caveats, [Caveat::ToolErrors { tool: "Bandit".into(), count: 1, first }]);
    }

    #[test]
    fn a_finding_without_severity_is_unknown_and_one_without_rule_is_refused() {
        let text = with(r#"{"test_id": "B1", "filename": "a"}"#, "");
        assert_eq!(report(&text).open.unknown, 1);
        let text = with(r#"{"filename": "a"}"#, "");
        assert_eq!(fault(&text), Fault::MissingField { field: "test_id".into() });
    }
}
