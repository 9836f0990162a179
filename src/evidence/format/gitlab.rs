//! A security report of GitLab's analyzers (security-report-schemas 14 and 15).
//!
//! Severity is the word of each vulnerability. `scan.type` says what was looked at:
//! dependency and container scans speak of packages, all others of code.

use serde::Deserialize;

use super::error::{Fault, ReadError};
use super::excerpt;
use super::json::{Document, Object, Raw, Text, Whole};
use super::path;
use super::scan::{Scan, alias};
use crate::evidence::report::{
    Caveat, Class, Finding, Location, Mark, Report, is_vulnerability_id,
};
use crate::evidence::severity::Rating;
use crate::limits::Limits;

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow)]
    version: Text<'a>,
    #[serde(borrow)]
    scan: Object<About<'a>>,
    #[serde(borrow)]
    vulnerabilities: Raw<'a>,
}

#[derive(Deserialize)]
struct About<'a> {
    #[serde(borrow)]
    scanner: Object<Scanner<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    start_time: Option<Text<'a>>,
    #[serde(borrow)]
    end_time: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Scanner<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    severity: Option<Text<'a>>,
    #[serde(borrow)]
    identifiers: Option<Raw<'a>>,
    #[serde(borrow)]
    location: Option<Object<Where<'a>>>,
    #[serde(borrow)]
    raw_source_code_extract: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Identifier<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    value: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Where<'a> {
    #[serde(borrow)]
    file: Option<Text<'a>>,
    start_line: Option<Whole>,
    #[serde(borrow)]
    dependency: Option<Object<Dependency<'a>>>,
}

#[derive(Deserialize)]
struct Dependency<'a> {
    #[serde(borrow)]
    package: Option<Object<Package<'a>>>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

/// Reads a GitLab security report.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    if !root.version.starts_with("14.") && !root.version.starts_with("15.") {
        let (found, known) = (excerpt::prose(&root.version), "14 and 15");
        return Err(document.error_in(&root.version, Fault::UnsupportedVersion { found, known }));
    }
    let about = &root.scan;
    let scanner = &about.scanner;
    let mut scan = Scan::new(document, limits, &scanner.name, scanner.version.as_deref());
    scan.report.version = excerpt::prose(&root.version);
    // These have no offset, and then say nothing certain.
    scan.report.note_time(about.start_time.as_deref());
    scan.report.note_time(about.end_time.as_deref());
    if &*about.status != "success" {
        let tool = scan.tool();
        scan.report.caveats.push(Caveat::ExecutionFailed { tool });
    }
    let class = match &*about.kind {
        "dependency_scanning" | "container_scanning" | "cluster_image_scanning" => {
            Class::Dependency
        }
        "secret_detection" => Class::Secret,
        _ => Class::Code,
    };
    scan.report.states_vulnerabilities = class == Class::Dependency;
    scan.report.is_about_packages = class == Class::Dependency;
    document.each(root.vulnerabilities, |Object(found): Object<Vulnerability<'_>>| {
        let rating = Rating::from_word(found.severity.as_deref().unwrap_or_default());
        scan.add(rating, false, |tool| found.finding(document, class, rating, tool))
    })?;
    Ok(scan.finish())
}

impl<'a> Vulnerability<'a> {
    fn finding(
        &self,
        document: Document<'a>,
        class: Class,
        rating: Rating,
        tool: &str,
    ) -> Result<Finding, ReadError> {
        let mut ids: Vec<Text<'a>> = Vec::new();
        if let Some(identifiers) = self.identifiers {
            document.each(identifiers, |Object(id): Object<Identifier<'a>>| {
                // The first is the one by which the scanner knows it; of the others
                // those count that name the same vulnerability, and no class of weakness.
                let id = id.value.unwrap_or(id.name);
                if ids.is_empty() || is_vulnerability_id(&id) {
                    ids.push(id);
                }
                Ok(())
            })?;
        }
        let rule = ids.first().map(|id| &**id).unwrap_or_default();
        let title =
            self.name.as_deref().or(self.message.as_deref()).or(self.description.as_deref());
        let mut finding = Finding::new(class, rating, rule, tool).titled(title);
        for id in ids.iter().skip(1) {
            alias(&mut finding, id);
        }
        if let Some(Object(location)) = &self.location {
            finding.locations.extend(location.package());
            if let (Some(file), true) = (location.file.as_deref(), finding.locations.is_empty()) {
                finding
                    .locations
                    .push(path::location(file, location.start_line.and_then(Whole::line)));
            }
        }
        let extract = self.raw_source_code_extract.as_deref().unwrap_or_default();
        Ok(finding.identified_by(match class {
            Class::Secret => Mark::Secret(extract),
            Class::Code | Class::Configuration | Class::Dependency => Mark::Text(extract),
        }))
    }
}

impl Where<'_> {
    fn package(&self) -> Option<Location> {
        let dependency = self.dependency.as_ref()?;
        let name = &dependency.package.as_ref()?.name;
        Some(Location::package(None, name, dependency.version.as_deref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::{fault, report};
    use crate::evidence::kind::Kind;
    use crate::evidence::report::{Requirements, Unsuitable};

    fn with(kind: &str, status: &str, vulnerability: &str) -> String {
        format!(
            r#"{{"version": "15.1.1", "scan": {{"scanner": {{"name": "S"}}, "type": "{kind}", "status": "{status}"}},
            "vulnerabilities": [{vulnerability}]}}"#
        )
    }

    const FOUND: &str = r#"{"severity": "Critical", "name": "n",
        "identifiers": [{"type": "gemnasium", "name": "G-1", "value": "G-1"}, {"name": "CVE-2020-1", "value": "CVE-2020-1"},
            {"name": "CWE-79", "value": "79"}],
        "location": {"file": "Gemfile.lock", "dependency": {"package": {"name": "rails"}, "version": "5"}}}"#;

    #[test]
    fn the_type_of_the_scan_says_what_it_is_evidence_of() {
        let supports = |kind: &str, as_kind: &Kind| {
            report(&with(kind, "success", FOUND)).supports(as_kind, &Requirements::default())
        };
        assert_eq!(supports("dependency_scanning", &Kind::Dependencies), Ok(()));
        assert_eq!(
            supports("dependency_scanning", &Kind::Sast),
            Err(Unsuitable::NoStatementAboutCode)
        );
        assert_eq!(supports("sast", &Kind::Sast), Ok(()));
        assert_eq!(
            supports("sast", &Kind::Dependencies),
            Err(Unsuitable::NoVulnerabilityStatement)
        );
    }

    #[test]
    fn identifiers_of_vulnerabilities_are_ids_and_weaknesses_are_not() {
        let report = report(&with("dependency_scanning", "success", FOUND));
        let finding = &report.findings[0];
        assert_eq!(finding.ids().collect::<Vec<_>>(), ["G-1", "CVE-2020-1"]);
        assert_eq!((finding.canonical_id(), report.open.critical), ("CVE-2020-1", 1));
        assert_eq!(finding.locations[0].to_string(), "rails@5");
    }

    #[test]
    fn a_scan_that_failed_and_other_versions_are_no_evidence() {
        let failed = report(&with("sast", "failure", ""));
        assert_eq!(failed.caveats, [Caveat::ExecutionFailed { tool: "S".into() }]);
        let text = with("sast", "success", "").replace("15.1.1", "3.0");
        assert_eq!(
            fault(&text),
            Fault::UnsupportedVersion { found: "3.0".into(), known: "14 and 15" }
        );
    }
}
