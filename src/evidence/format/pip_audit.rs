//! What `pip-audit -f json` writes.
//!
//! The format has no severity, so all findings are unknown. A dependency with
//! `skip_reason` was not looked up: pip-audit still says that it found nothing, and
//! exits with success, if that is so for all of them.

use serde::Deserialize;

use super::error::ReadError;
use super::json::{Document, Object, Raw, Text};
use super::scan::{Scan, aliases};
use crate::evidence::report::{Caveat, Class, Finding, Location, Mark, Purl, Report};
use crate::evidence::severity::Rating;
use crate::limits::Limits;

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow)]
    dependencies: Raw<'a>,
}

#[derive(Deserialize)]
struct Dependency<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    vulns: Option<Raw<'a>>,
    #[serde(borrow)]
    skip_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    aliases: Option<Raw<'a>>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
}

/// Reads a pip-audit report.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let mut scan = Scan::new(document, limits, "pip-audit", None);
    scan.report.states_vulnerabilities = true;
    let (mut all, mut skipped, mut first) = (0, 0, String::new());
    let add = |Object(dependency): Object<Dependency<'_>>| {
        all += 1;
        if let Some(reason) = &dependency.skip_reason {
            skipped += 1;
            if skipped == 1 {
                first = super::excerpt::prose(reason);
            }
        }
        let Some(list) = dependency.vulns else { return Ok(()) };
        document.each(list, |Object(found): Object<Vulnerability<'_>>| {
            scan.add(Rating::Unknown, false, |tool| found.finding(document, &dependency, tool))
        })
    };
    // Before pip-audit 2.2 the list stood alone.
    if document.text().trim_start().starts_with('[') {
        document.root_each(add)?;
    } else {
        let root: Root<'_> = document.root()?;
        document.each(root.dependencies, add)?;
    }
    scan.report.components = Some(all);
    scan.note_scanned(all - skipped);
    if skipped > 0 {
        let tool = scan.tool();
        scan.report.caveats.push(Caveat::Skipped { tool, count: skipped, of: all, first });
    }
    Ok(scan.finish())
}

impl<'a> Vulnerability<'a> {
    fn finding(
        &self,
        document: Document<'a>,
        dependency: &Dependency<'a>,
        tool: &str,
    ) -> Result<Finding, ReadError> {
        let version = dependency.version.as_deref();
        let purl = Purl::new("pypi", None, &dependency.name, version);
        let purl = purl.as_ref().map(Purl::as_str);
        let mut finding = Finding::new(Class::Dependency, Rating::Unknown, &self.id, tool)
            .at(Location::package(purl, &dependency.name, version))
            .titled(self.description.as_deref());
        aliases(document, &mut finding, self.aliases)?;
        Ok(finding.identified_by(Mark::Line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::report;
    use crate::evidence::kind::Kind;
    use crate::evidence::report::{Incomplete, Requirements, Unsuitable};

    const FLASK: &str = r#"{"name": "Flask", "version": "0.12.2", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"]}, {"id": "PYSEC-2"}]}"#;
    const SKIPPED: &str = r#"{"name": "x", "skip_reason": "not found"}"#;

    fn with(dependencies: &str) -> Report {
        report(&format!(r#"{{"dependencies": [{dependencies}], "fixes": []}}"#))
    }

    #[test]
    fn every_vulnerability_is_of_unknown_severity() {
        for report in [with(FLASK), report(&format!("[{FLASK}]"))] {
            assert_eq!((report.open.unknown, report.components), (2, Some(1)));
            assert_eq!(report.findings[0].locations[0].to_string(), "pkg:pypi/flask@0.12.2");
            assert_eq!(report.findings[0].canonical_id(), "CVE-1");
        }
    }

    #[test]
    fn what_was_skipped_is_no_clean_result() {
        let supports = |dependencies: &str, incomplete| {
            let requirements = Requirements { incomplete, ..Requirements::default() };
            with(dependencies).supports(&Kind::Dependencies, &requirements)
        };
        let skipped = |of| {
            Err(Unsuitable::Skipped {
                tool: "pip-audit".into(),
                count: 1,
                of,
                first: "not found".into(),
            })
        };
        let partly = format!("{FLASK}, {SKIPPED}");
        assert_eq!(supports(&partly, Incomplete::Refuse), skipped(2));
        assert_eq!(supports(&partly, Incomplete::Allow), Ok(()));
        assert_eq!(supports(SKIPPED, Incomplete::Allow), skipped(1));
    }
}
