//! What `detect-secrets scan` writes: leaks by file, each of them high.

use serde::Deserialize;

use super::error::ReadError;
use super::excerpt;
use super::json::{Document, Object, Raw, Text, Whole};
use super::path;
use super::scan::Scan;
use crate::evidence::report::{Class, Finding, Mark, Report};
use crate::evidence::severity::{Rating, Severity};
use crate::limits::Limits;

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    plugins_used: Raw<'a>,
    #[serde(borrow)]
    results: Raw<'a>,
    #[serde(borrow)]
    generated_at: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Secret<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    hashed_secret: Option<Text<'a>>,
    line_number: Option<Whole>,
}

/// Reads a detect-secrets report.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    let mut scan = Scan::new(document, limits, "detect-secrets", root.version.as_deref());
    scan.report.version = root.version.as_deref().map(excerpt::name).unwrap_or_default();
    scan.report.note_time(root.generated_at.as_deref());
    let rating = Rating::Known(Severity::High);
    document.entries(root.results, |file: Text<'_>, secrets: Raw<'_>| {
        document.each(secrets, |Object(secret): Object<Secret<'_>>| {
            scan.add(rating, false, |tool| {
                Ok(Finding::new(Class::Secret, rating, &secret.kind, tool)
                    .at(path::location(&file, secret.line_number.and_then(Whole::line)))
                    .titled(Some(&secret.kind))
                    .identified_by(Mark::Hash(secret.hashed_secret.as_deref().unwrap_or_default())))
            })
        })
    })?;
    // A scan without detectors would find nothing in anything.
    let detectors = document.count(root.plugins_used)?;
    if detectors == 0 {
        scan.note_scanned(0);
    }
    Ok(scan.finish())
}

#[cfg(test)]
mod tests {
    use crate::evidence::format::testing::report;

    #[test]
    fn each_secret_of_each_file_is_high() {
        let report = report(
            r#"{"version": "1.5.0", "plugins_used": [{"name": "x"}], "results": {
            "a.py": [{"type": "AWS Access Key", "hashed_secret": "00ff", "line_number": 3}, {"type": "x"}],
            "b.py": [{"type": "AWS Access Key", "hashed_secret": "00ff"}]}, "generated_at": "2026-11-23T09:15:46Z"}"#,
        );
        assert_eq!((report.open.high, report.version.as_str()), (3, "1.5.0"));
        assert_eq!(report.findings[0].locations[0].to_string(), "a.py:3");
        assert_ne!(report.findings[0].fingerprint, report.findings[2].fingerprint);
    }
}
