//! What `cargo audit --json` writes.
//!
//! Severity is the score of the advisory's vector; many have none. Warnings
//! (unmaintained, unsound, yanked) are no findings. Advisories that were ignored by
//! configuration are no longer in the list, so each is a suppressed finding of unknown
//! severity: whoever runs the scanner is not the one to except.

use serde::Deserialize;

use super::error::{Fault, ReadError};
use super::json::{Document, Object, Raw, Text};
use super::scan::{Scan, aliases};
use crate::evidence::report::{Caveat, Class, Finding, Location, Mark, Purl, Report};
use crate::evidence::severity::Rating;
use crate::limits::Limits;

#[derive(Deserialize)]
struct Root<'a> {
    lockfile: Object<Lockfile>,
    #[serde(borrow)]
    settings: Option<Object<Settings<'a>>>,
    #[serde(borrow)]
    vulnerabilities: Object<Vulnerabilities<'a>>,
    #[serde(borrow)]
    warnings: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Lockfile {
    dependency_count: u64,
}

#[derive(Deserialize)]
struct Settings<'a> {
    #[serde(borrow)]
    ignore: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Vulnerabilities<'a> {
    count: u64,
    #[serde(borrow)]
    list: Raw<'a>,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(borrow)]
    advisory: Object<Advisory<'a>>,
    #[serde(borrow)]
    package: Object<Package<'a>>,
}

#[derive(Deserialize)]
struct Advisory<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    aliases: Option<Raw<'a>>,
    #[serde(borrow)]
    cvss: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    version: Text<'a>,
}

/// Reads a cargo-audit report.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    let mut scan = Scan::new(document, limits, "cargo-audit", None);
    scan.report.states_vulnerabilities = true;
    let mut listed = 0;
    document.each(root.vulnerabilities.list, |Object(found): Object<Vulnerability<'_>>| {
        listed += 1;
        let vector = found.advisory.cvss.as_deref().unwrap_or_default();
        let rating = Rating::from_cvss_vector(vector);
        scan.add(rating, false, |tool| found.finding(document, rating, tool))
    })?;
    if listed != root.vulnerabilities.count {
        let stated = root.vulnerabilities.count;
        let what = format!("it counts {stated} vulnerabilities and lists {listed}");
        return Err(document.error(Fault::Contradiction { what }));
    }
    if let Some(ignored) = root.settings.as_ref().and_then(|settings| settings.ignore) {
        document.each(ignored, |id: Text<'_>| {
            scan.add(Rating::Unknown, true, |tool| {
                Ok(Finding::new(Class::Dependency, Rating::Unknown, &id, tool)
                    .titled(Some("ignored by the configuration of cargo-audit"))
                    .identified_by(Mark::Line))
            })
        })?;
    }
    let mut notices = 0;
    if let Some(warnings) = root.warnings {
        document.entries(warnings, |_: Text<'_>, list: Raw<'_>| {
            notices += document.count(list)?;
            Ok(())
        })?;
    }
    if notices > 0 {
        scan.report.caveats.push(Caveat::Informational { count: notices });
    }
    scan.report.components = Some(root.lockfile.dependency_count);
    scan.note_scanned(root.lockfile.dependency_count);
    Ok(scan.finish())
}

impl<'a> Vulnerability<'a> {
    fn finding(
        &self,
        document: Document<'a>,
        rating: Rating,
        tool: &str,
    ) -> Result<Finding, ReadError> {
        let (advisory, package) = (&self.advisory, &self.package);
        let purl = Purl::new("cargo", None, &package.name, Some(&package.version));
        let purl = purl.as_ref().map(Purl::as_str);
        let mut finding = Finding::new(Class::Dependency, rating, &advisory.id, tool)
            .at(Location::package(purl, &package.name, Some(&package.version)))
            .titled(advisory.title.as_deref());
        aliases(document, &mut finding, advisory.aliases)?;
        Ok(finding.identified_by(Mark::Line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::{fault, report};

    fn with(count: u64, list: &str, ignore: &str) -> String {
        format!(
            r#"{{"lockfile": {{"dependency-count": 3}}, "settings": {{"ignore": [{ignore}]}},
            "vulnerabilities": {{"found": true, "count": {count}, "list": [{list}]}},
            "warnings": {{"unmaintained": [{{}}, {{}}], "yanked": [{{}}]}}}}"#
        )
    }

    const FOUND: &str = r#"{"advisory": {"id": "RUSTSEC-1", "aliases": ["CVE-1"], "title": "t",
        "cvss": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}, "package": {"name": "regex", "version": "1.5.1"}}"#;

    #[test]
    fn vectors_are_computed_and_absent_ones_unknown() {
        let without = FOUND.replace("\"cvss\"", "\"none\"");
        let report = report(&with(2, &format!("{FOUND}, {without}"), ""));
        assert_eq!((report.open.high, report.open.unknown, report.components), (1, 1, Some(3)));
        assert_eq!(report.findings[0].locations[0].to_string(), "pkg:cargo/regex@1.5.1");
        assert_eq!(report.caveats, [Caveat::Informational { count: 3 }]);
    }

    #[test]
    fn what_the_configuration_ignores_is_suppressed_and_not_gone() {
        let report = report(&with(0, "", r#""RUSTSEC-2020-1""#));
        assert_eq!((report.open.total(), report.suppressed.unknown), (0, 1));
        assert_eq!(report.findings[0].rule, "RUSTSEC-2020-1");
    }

    #[test]
    fn a_list_that_was_shortened_is_refused() {
        assert!(matches!(fault(&with(1, "", "")), Fault::Contradiction { .. }));
    }
}
