//! What `grype -o json` writes.
//!
//! Severity is the word of the matched vulnerability (`Negligible` is low).
//! `ignoredMatches` are the suppressed ones: rules in a file, and VEX documents.

use serde::Deserialize;

use super::error::{Fault, ReadError};
use super::excerpt;
use super::json::{Document, Object, Raw, Text};
use super::scan::{Scan, alias};
use crate::evidence::report::{Class, Finding, Location, Mark, Report};
use crate::evidence::severity::Rating;
use crate::limits::Limits;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Root<'a> {
    #[serde(borrow)]
    matches: Raw<'a>,
    #[serde(borrow)]
    ignored_matches: Option<Raw<'a>>,
    #[serde(borrow)]
    descriptor: Object<Descriptor<'a>>,
}

#[derive(Deserialize)]
struct Descriptor<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    timestamp: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match<'a> {
    #[serde(borrow)]
    vulnerability: Object<Vulnerability<'a>>,
    #[serde(borrow)]
    related_vulnerabilities: Option<Raw<'a>>,
    #[serde(borrow)]
    artifact: Object<Artifact<'a>>,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    severity: Option<Text<'a>>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Artifact<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    purl: Option<Text<'a>>,
}

/// Reads a Grype report.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    let descriptor = &root.descriptor;
    if &*descriptor.name != "grype" {
        let (field, expected) = ("descriptor.name", "\"grype\"");
        let found = excerpt::prose(&descriptor.name);
        return Err(
            document.error_in(&descriptor.name, Fault::WrongValue { field, found, expected })
        );
    }
    let version = descriptor.version.as_deref();
    let mut scan = Scan::new(document, limits, "grype", version);
    scan.report.version = version.map(excerpt::name).unwrap_or_default();
    scan.report.note_time(descriptor.timestamp.as_deref());
    scan.report.states_vulnerabilities = true;
    for (list, suppressed) in [(Some(root.matches), false), (root.ignored_matches, true)] {
        let Some(list) = list else { continue };
        document.each(list, |Object(found): Object<Match<'_>>| {
            let word = found.vulnerability.severity.as_deref().unwrap_or_default();
            let rating = Rating::from_word(word);
            scan.add(rating, suppressed, |tool| found.finding(document, rating, tool))
        })?;
    }
    Ok(scan.finish())
}

impl<'a> Match<'a> {
    fn finding(
        &self,
        document: Document<'a>,
        rating: Rating,
        tool: &str,
    ) -> Result<Finding, ReadError> {
        let (vulnerability, artifact) = (&self.vulnerability, &self.artifact);
        let mut finding = Finding::new(Class::Dependency, rating, &vulnerability.id, tool)
            .at(Location::package(
                artifact.purl.as_deref(),
                &artifact.name,
                artifact.version.as_deref(),
            ))
            .titled(vulnerability.description.as_deref());
        if let Some(related) = self.related_vulnerabilities {
            document.each(related, |Object(other): Object<Vulnerability<'_>>| {
                alias(&mut finding, &other.id);
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

    const MATCH: &str = r#"{"vulnerability": {"id": "GHSA-1", "severity": "Negligible"},
        "relatedVulnerabilities": [{"id": "CVE-1"}, {"id": "ghsa-1"}],
        "artifact": {"name": "p", "version": "1", "purl": "pkg:npm/p@1"}}"#;

    #[test]
    fn matches_count_by_their_word_and_ignored_ones_apart() {
        let report = report(&format!(
            r#"{{"matches": [{MATCH}], "ignoredMatches": [{MATCH}], "descriptor": {{"name": "grype", "version": "1"}}}}"#
        ));
        assert_eq!((report.open.low, report.suppressed.low), (1, 1));
        let finding = &report.findings[0];
        assert_eq!(finding.ids().collect::<Vec<_>>(), ["GHSA-1", "CVE-1"]);
        assert_eq!(finding.purls().collect::<Vec<_>>(), ["pkg:npm/p@1"]);
    }

    #[test]
    fn another_tool_with_the_same_members_is_refused() {
        let text = r#"{"matches": [], "descriptor": {"name": "other"}}"#;
        assert!(matches!(fault(text), Fault::WrongValue { field: "descriptor.name", .. }));
    }
}
