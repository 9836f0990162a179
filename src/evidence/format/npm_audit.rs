//! What `npm audit --json` writes (`auditReportVersion` 2, since npm 7).
//!
//! A finding is an advisory: an object in some `via`, told apart by its number and
//! package. A text there names another entry that is vulnerable for it. The sums of
//! `metadata` count packages and not advisories, so they only say what was looked at.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::error::{Fault, ReadError};
use super::json::{Document, Object, Raw, Text};
use super::scan::{Scan, alias};
use crate::evidence::report::{Class, Finding, Location, Mark, Purl, Report, is_vulnerability_id};
use crate::evidence::severity::Rating;
use crate::limits::Limits;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Root<'a> {
    audit_report_version: u64,
    #[serde(borrow)]
    vulnerabilities: Raw<'a>,
    #[serde(borrow)]
    metadata: Object<Metadata<'a>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    dependencies: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Sums {
    total: Option<u64>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    via: Raw<'a>,
}

#[derive(Deserialize)]
struct Advisory<'a> {
    source: Option<u64>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow)]
    severity: Option<Text<'a>>,
}

/// Reads an npm audit report.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    if root.audit_report_version != 2 {
        let (found, known) = (root.audit_report_version.to_string(), "auditReportVersion 2");
        return Err(document.error(Fault::UnsupportedVersion { found, known }));
    }
    let mut scan = Scan::new(document, limits, "npm audit", None);
    scan.report.version = "2".into();
    scan.report.states_vulnerabilities = true;
    let mut seen: BTreeSet<(Option<u64>, Text<'_>)> = BTreeSet::new();
    document.entries(root.vulnerabilities, |_: Text<'_>, Object(entry): Object<Entry<'_>>| {
        document.each(entry.via, |via: Raw<'_>| {
            if via.get().starts_with('"') {
                return Ok(());
            }
            let Object(advisory): Object<Advisory<'_>> = document.value(via)?;
            if !seen.insert((advisory.source, advisory.name.clone())) {
                return Ok(());
            }
            let rating = Rating::from_word(advisory.severity.as_deref().unwrap_or_default());
            scan.add(rating, false, |tool| Ok(advisory.finding(rating, tool)))
        })
    })?;
    let sums = root.metadata.dependencies;
    let sums: Option<Object<Sums>> = sums.map(|sums| document.value(sums)).transpose()?;
    scan.note_scanned(sums.and_then(|Object(sums)| sums.total).unwrap_or(0));
    Ok(scan.finish())
}

impl Advisory<'_> {
    fn finding(&self, rating: Rating, tool: &str) -> Finding {
        let number = self.source.map(|source| source.to_string()).unwrap_or_default();
        // The last part of the address is the id in GitHub's database.
        let id = self.url.as_deref().and_then(|url| url.rsplit('/').next());
        let rule = id.filter(|id| is_vulnerability_id(id)).unwrap_or(&number);
        let (namespace, name) = match self.name.split_once('/') {
            Some((scope, name)) => (Some(scope), name),
            None => (None, &*self.name),
        };
        // The version in use is not in the report, only the range that is vulnerable.
        let purl = Purl::new("npm", namespace, name, None);
        let mut finding = Finding::new(Class::Dependency, rating, rule, tool)
            .at(Location::package(purl.as_ref().map(Purl::as_str), &self.name, None))
            .titled(self.title.as_deref());
        alias(&mut finding, &number);
        finding.identified_by(Mark::Line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::{fault, report};

    fn with(vulnerabilities: &str) -> String {
        format!(
            r#"{{"auditReportVersion": 2, "vulnerabilities": {{{vulnerabilities}}},
            "metadata": {{"vulnerabilities": {{"total": 1}}, "dependencies": {{"prod": 1, "total": 9}}}}}}"#
        )
    }

    #[test]
    fn an_advisory_counts_once_however_many_packages_it_reaches() {
        let advisory = r#"{"source": 7, "name": "@a/qs", "title": "t", "severity": "moderate",
            "url": "https://github.com/advisories/GHSA-hrpp-h998-j3pp"}"#;
        let report = report(&with(&format!(
            r#""qs": {{"via": [{advisory}]}}, "express": {{"via": ["qs", {advisory}]}}"#
        )));
        assert_eq!((report.open.medium, report.open.total(), report.scanned), (1, 1, Some(9)));
        let finding = &report.findings[0];
        assert_eq!(finding.ids().collect::<Vec<_>>(), ["GHSA-hrpp-h998-j3pp", "7"]);
        assert_eq!(finding.locations[0].to_string(), "pkg:npm/%40a/qs");
    }

    #[test]
    fn an_audit_that_failed_is_no_report() {
        let text = r#"{"message": "405", "method": "POST", "uri": "u", "error": {"summary": "", "detail": ""}}"#;
        assert!(matches!(fault(text), Fault::Unsupported { .. }));
        assert_eq!(
            fault(r#"{"auditReportVersion": 2, "metadata": {}}"#),
            Fault::MissingField { field: "vulnerabilities".into() }
        );
        let other = with("").replace("\"auditReportVersion\": 2", "\"auditReportVersion\": 3");
        assert!(matches!(fault(&other), Fault::UnsupportedVersion { .. }));
    }
}
