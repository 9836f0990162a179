//! The predicates in which scanners attest vulnerabilities: in-toto's vulns v0.1 and
//! v0.2, and cosign's vuln v1, which wraps a scanner's own report.
//!
//! In v0.2 a result has `id` and `severity`, in v0.1 both stand in `vulnerability`.
//! Of several scores the worst counts; a score is a number, a vector or a word.

use serde::Deserialize;

use super::Format;
use super::error::{Fault, ReadError};
use super::excerpt;
use super::json::{Document, Object, Raw, Text};
use super::scan::Scan;
use crate::evidence::report::{Class, Finding, Location, Mark, Report};
use crate::evidence::severity::Rating;
use crate::limits::Limits;

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow)]
    scanner: Object<Scanner<'a>>,
    #[serde(borrow)]
    metadata: Option<Object<Metadata<'a>>>,
}

#[derive(Deserialize)]
struct Scanner<'a> {
    #[serde(borrow)]
    uri: Text<'a>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    result: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    scan_started_on: Option<Text<'a>>,
    #[serde(borrow)]
    scan_finished_on: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    severity: Option<Raw<'a>>,
    #[serde(borrow)]
    annotations: Option<Raw<'a>>,
    #[serde(borrow)]
    vulnerability: Option<Object<Inner<'a>>>,
}

#[derive(Deserialize)]
struct Inner<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    severity: Option<Raw<'a>>,
    #[serde(borrow)]
    annotations: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Score<'a> {
    #[serde(borrow)]
    score: Text<'a>,
}

#[derive(Deserialize)]
struct Annotation<'a> {
    #[serde(borrow)]
    purl: Option<Raw<'a>>,
}

/// Reads the predicate of in-toto vulns.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    let scanner = &root.scanner;
    let mut scan = Scan::new(document, limits, &scanner.uri, scanner.version.as_deref());
    scan.report.states_vulnerabilities = true;
    root.note_times(&mut scan.report);
    document.each(scanner.result, |Object(entry): Object<Entry<'_>>| {
        let inner = match (entry.vulnerability, entry.id) {
            (Some(Object(inner)), None) => inner,
            (None, Some(id)) => {
                Inner { id, severity: entry.severity, annotations: entry.annotations }
            }
            (Some(_), Some(id)) => {
                let what = format!("result {} has an id and another inside", excerpt::quoted(&id));
                return Err(document.error(Fault::Contradiction { what }));
            }
            (None, None) => return Err(document.error(Fault::MissingField { field: "id".into() })),
        };
        let rating = inner.rating(document)?;
        scan.add(rating, false, |tool| inner.finding(document, rating, tool))
    })?;
    Ok(scan.finish())
}

/// Reads the predicate of cosign's vuln, in which the report is that of Trivy.
pub(super) fn read_wrapped(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    let inner = document.within(root.scanner.result, Format::TrivyJson);
    let mut report = super::trivy::read(inner, limits)?;
    root.note_times(&mut report);
    report.format = document.format();
    Ok(report)
}

impl Root<'_> {
    fn note_times(&self, report: &mut Report) {
        let Some(metadata) = &self.metadata else { return };
        report.note_time(metadata.scan_started_on.as_deref());
        report.note_time(metadata.scan_finished_on.as_deref());
    }
}

impl<'a> Inner<'a> {
    fn rating(&self, document: Document<'a>) -> Result<Rating, ReadError> {
        let mut worst = Rating::Unknown;
        let mut add = |Object(score): Object<Score<'_>>| {
            worst = worst.or_worse(Rating::from_text(&score.score));
            Ok(())
        };
        match self.severity {
            // The text of the specification calls it an object and a list at once.
            Some(one) if one.get().starts_with('{') => add(document.value(one)?)?,
            Some(list) => document.each(list, add)?,
            None => {}
        }
        Ok(worst)
    }

    fn finding(
        &self,
        document: Document<'a>,
        rating: Rating,
        tool: &str,
    ) -> Result<Finding, ReadError> {
        let mut finding = Finding::new(Class::Dependency, rating, &self.id, tool);
        if let Some(annotations) = self.annotations {
            // Nothing but a package URL is looked for; the rest is the scanner's own affair.
            document.each(annotations, |raw: Raw<'_>| {
                let annotation: Option<Object<Annotation<'_>>> = document.try_value(raw);
                let purl = annotation.and_then(|Object(annotation)| annotation.purl);
                let purl: Option<Text<'_>> = purl.and_then(|raw| document.try_value(raw));
                match purl {
                    Some(purl) if finding.locations.is_empty() => {
                        finding.locations.push(Location::package(Some(&purl), &purl, None));
                    }
                    Some(_) => finding.unlisted_locations += 1,
                    None => {}
                }
                Ok(())
            })?;
        }
        Ok(finding.identified_by(Mark::Line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::{fault, report};

    fn with(results: &str) -> String {
        format!(
            r#"{{"scanner": {{"uri": "pkg:github/aquasecurity/trivy", "version": "0.59", "db": {{}}, "result": {results}}},
            "metadata": {{"scanStartedOn": "2026-11-23T09:00:00Z", "scanFinishedOn": "2026-11-23T09:01:00Z"}}}}"#
        )
    }

    #[test]
    fn both_versions_are_read_and_the_worst_score_counts() {
        let report = report(&with(
            r#"[{"id": "CVE-1", "severity": [{"method": "nvd", "score": "medium"}, {"method": "cvss_score", "score": "9.8"}],
                "annotations": [{"purl": "pkg:npm/a@1"}, {"x": 1}]},
            {"vulnerability": {"id": "CVE-2", "severity": {"method": "nvd", "score": "high"}}},
            {"id": "CVE-3", "severity": []}]"#,
        ));
        assert_eq!((report.open.critical, report.open.high, report.open.unknown), (1, 1, 1));
        assert_eq!(report.findings[0].locations[0].to_string(), "pkg:npm/a@1");
        assert!(report.times.is_some());
    }

    #[test]
    fn an_empty_list_says_that_nothing_was_found() {
        assert_eq!(report(&with("[]")).open.total(), 0);
    }

    #[test]
    fn a_result_has_one_id() {
        assert_eq!(fault(&with("[{}]")), Fault::MissingField { field: "id".into() });
        let two = with(r#"[{"id": "A", "vulnerability": {"id": "B"}}]"#);
        assert!(matches!(fault(&two), Fault::Contradiction { .. }));
    }

    #[test]
    fn cosigns_predicate_is_the_report_inside_it() {
        let report = report(&with(
            r#"{"SchemaVersion": 2, "ArtifactType": "filesystem", "Results": [{"Class": "lang-pkgs",
            "Vulnerabilities": [{"VulnerabilityID": "CVE-1", "Severity": "LOW"}]}]}"#,
        ));
        assert_eq!((report.format, report.open.low), (Format::CosignVuln, 1));
    }
}
