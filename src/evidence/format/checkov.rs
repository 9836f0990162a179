//! What `checkov -o json` writes: one object for each framework, or one alone.
//!
//! Severity is null unless checkov is connected to its vendor's platform, and then
//! the finding is unknown. `skipped_checks` (comments in the files) are suppressed,
//! `parsing_errors` are files that were not checked.

use serde::Deserialize;

use super::error::ReadError;
use super::json::{Document, Object, Raw, Text};
use super::path;
use super::scan::Scan;
use crate::evidence::report::{Class, Finding, Mark, Report};
use crate::evidence::severity::Rating;
use crate::limits::Limits;

#[derive(Deserialize)]
struct Framework<'a> {
    #[serde(borrow)]
    results: Object<Results<'a>>,
    #[serde(borrow)]
    summary: Option<Object<Summary<'a>>>,
}

#[derive(Deserialize)]
struct Results<'a> {
    #[serde(borrow)]
    passed_checks: Option<Raw<'a>>,
    #[serde(borrow)]
    failed_checks: Raw<'a>,
    #[serde(borrow)]
    skipped_checks: Option<Raw<'a>>,
    #[serde(borrow)]
    parsing_errors: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Summary<'a> {
    #[serde(borrow)]
    checkov_version: Option<Text<'a>>,
    passed: Option<u64>,
}

#[derive(Deserialize)]
struct Check<'a> {
    #[serde(borrow)]
    check_id: Text<'a>,
    #[serde(borrow)]
    check_name: Option<Text<'a>>,
    #[serde(borrow)]
    file_path: Option<Text<'a>>,
    file_line_range: Option<Vec<u64>>,
    #[serde(borrow)]
    resource: Option<Text<'a>>,
    #[serde(borrow)]
    severity: Option<Text<'a>>,
}

/// Reads a checkov report.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let mut reading = Reading {
        scan: Scan::new(document, limits, "checkov", None),
        checked: 0,
        errors: 0,
        first: String::new(),
    };
    if document.text().trim_start().starts_with('[') {
        document.root_each(|Object(framework)| reading.framework(&framework))?;
    } else {
        reading.framework(&document.root()?)?;
    }
    let Reading { mut scan, checked, errors, first } = reading;
    scan.note_errors(errors, &first);
    scan.note_scanned(checked);
    Ok(scan.finish())
}

struct Reading<'a> {
    scan: Scan<'a>,
    checked: u64,
    errors: u64,
    first: String,
}

impl<'a> Reading<'a> {
    fn framework(&mut self, framework: &Framework<'a>) -> Result<(), ReadError> {
        let document = self.scan.document;
        let results = &framework.results;
        for (list, suppressed) in
            [(Some(results.failed_checks), false), (results.skipped_checks, true)]
        {
            let Some(list) = list else { continue };
            document.each(list, |Object(check): Object<Check<'_>>| {
                self.checked += 1;
                let rating = Rating::from_word(check.severity.as_deref().unwrap_or_default());
                self.scan.add(rating, suppressed, |tool| Ok(check.finding(rating, tool)))
            })?;
        }
        // With --compact or --quiet the checks that passed are only counted.
        let listed = results.passed_checks.map(|list| document.count(list)).transpose()?;
        let summary = framework.summary.as_deref();
        let passed = summary.and_then(|summary| summary.passed).unwrap_or(0);
        self.checked = self.checked.saturating_add(passed.max(listed.unwrap_or(0)));
        if let (Some(version), Some(tool)) = (
            summary.and_then(|summary| summary.checkov_version.as_deref()),
            self.scan.report.tools.first_mut(),
        ) {
            tool.version = Some(super::excerpt::name(version));
        }
        let Some(errors) = results.parsing_errors else { return Ok(()) };
        document.each(errors, |file: Text<'_>| {
            self.errors += 1;
            if self.errors == 1 {
                self.first = (*file).to_owned();
            }
            Ok(())
        })
    }
}

impl Check<'_> {
    fn finding(&self, rating: Rating, tool: &str) -> Finding {
        let line = self.file_line_range.as_ref().and_then(|range| range.first().copied());
        // checkov writes paths from the root of what it checked with a slash before them.
        let file = self.file_path.as_deref().unwrap_or_default().trim_start_matches('/');
        Finding::new(Class::Configuration, rating, &self.check_id, tool)
            .at(path::location(file, line.filter(|line| *line > 0)))
            .titled(self.check_name.as_deref())
            .identified_by(Mark::Resource(self.resource.as_deref().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use crate::evidence::format::testing::report;
    use crate::evidence::report::Caveat;

    fn framework(failed: &str) -> String {
        format!(
            r#"{{"check_type": "terraform", "results": {{"failed_checks": [{failed}], "skipped_checks": [{{"check_id": "S"}}],
            "passed_checks": [{{}}], "parsing_errors": ["/bad.tf"]}}, "summary": {{"passed": 4, "checkov_version": "3.3.30"}}}}"#
        )
    }

    const FAILED: &str = r#"{"check_id": "CKV_AWS_1", "check_name": "n", "file_path": "/main.tf",
        "file_line_range": [7, 9], "resource": "aws_s3_bucket.b", "severity": null}"#;

    #[test]
    fn one_framework_and_several_are_read_alike() {
        let one = report(&framework(FAILED));
        assert_eq!((one.open.unknown, one.suppressed.unknown, one.scanned), (1, 1, Some(6)));
        assert_eq!(one.findings[0].locations[0].to_string(), "main.tf:7");
        assert_eq!(one.tools[0].version.as_deref(), Some("3.3.30"));
        let first = "/bad.tf".to_owned();
        assert_eq!(one.caveats, [Caveat::ToolErrors { tool: "checkov".into(), count: 1, first }]);
        let several = report(&format!("[{}, {}]", framework(FAILED), framework("")));
        assert_eq!((several.open.unknown, several.suppressed.unknown), (1, 2));
    }

    #[test]
    fn a_finding_is_known_by_its_resource() {
        let moved = FAILED.replace("[7, 9]", "[70, 90]");
        let of = |failed: &str| report(&framework(failed)).findings[0].fingerprint.clone();
        assert_eq!(of(FAILED), of(&moved));
        assert_ne!(of(FAILED), of(&FAILED.replace("bucket.b", "bucket.c")));
    }
}
