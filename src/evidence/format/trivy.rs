//! What `trivy --format json` writes, `SchemaVersion` 2.
//!
//! Severity is Trivy's own word. A clean report may have no `Results` at all, or
//! entries without lists. `ExperimentalModifiedFindings` (`--show-suppressed`)
//! are the suppressed ones; licences are no vulnerabilities and counted apart.

use serde::Deserialize;

use super::Format;
use super::error::{Fault, ReadError};
use super::excerpt;
use super::json::{Document, Object, Raw, Text};
use super::path;
use super::tally::Tally;
use crate::evidence::report::{Caveat, Class, Finding, Location, Mark, Report, Tool};
use crate::evidence::severity::Rating;
use crate::limits::Limits;

/// Other ids of one vulnerability that are kept.
const KEPT_ALIASES: usize = 16;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Root<'a> {
    #[serde(borrow)]
    schema_version: Raw<'a>,
    #[serde(borrow)]
    #[expect(dead_code, reason = "it has to be there: the mark of a report")]
    artifact_type: Text<'a>,
    #[serde(borrow)]
    created_at: Option<Text<'a>>,
    #[serde(borrow)]
    metadata: Option<Object<Metadata<'a>>>,
    #[serde(borrow)]
    trivy: Option<Object<Version<'a>>>,
    #[serde(borrow)]
    results: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    commit: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version<'a> {
    #[serde(borrow)]
    version: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target<'a> {
    #[serde(borrow)]
    target: Option<Text<'a>>,
    #[serde(borrow)]
    class: Option<Text<'a>>,
    #[serde(borrow)]
    vulnerabilities: Option<Raw<'a>>,
    #[serde(borrow)]
    misconfigurations: Option<Raw<'a>>,
    #[serde(borrow)]
    secrets: Option<Raw<'a>>,
    #[serde(borrow)]
    licenses: Option<Raw<'a>>,
    #[serde(borrow)]
    packages: Option<Raw<'a>>,
    #[serde(borrow, rename = "ExperimentalModifiedFindings")]
    modified_findings: Option<Raw<'a>>,
}

/// A vulnerability, a misconfiguration or a secret, whose members do not clash.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Detected<'a> {
    #[serde(borrow, rename = "VulnerabilityID")]
    vulnerability_id: Option<Text<'a>>,
    #[serde(borrow, rename = "ID")]
    id: Option<Text<'a>>,
    #[serde(borrow, rename = "RuleID")]
    rule_id: Option<Text<'a>>,
    #[serde(borrow, rename = "VendorIDs")]
    vendor_ids: Option<Raw<'a>>,
    #[serde(borrow)]
    pkg_name: Option<Text<'a>>,
    #[serde(borrow)]
    pkg_identifier: Option<Object<Identifier<'a>>>,
    #[serde(borrow)]
    installed_version: Option<Text<'a>>,
    #[serde(borrow)]
    severity: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    /// The line of a secret; Trivy has replaced the secret itself by stars.
    #[serde(borrow, rename = "Match")]
    masked_line: Option<Text<'a>>,
    start_line: Option<u64>,
    #[serde(borrow)]
    cause_metadata: Option<Object<Cause<'a>>>,
}

#[derive(Deserialize)]
struct Identifier<'a> {
    #[serde(borrow, rename = "PURL")]
    purl: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Cause<'a> {
    #[serde(borrow)]
    resource: Option<Text<'a>>,
    start_line: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Modified<'a> {
    #[serde(borrow)]
    finding: Object<Detected<'a>>,
}

/// Reads a Trivy report.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    let version: u64 = document.value(root.schema_version)?;
    if version != 2 {
        let (found, known) = (version.to_string(), "SchemaVersion 2");
        return Err(document.error(Fault::UnsupportedVersion { found, known }));
    }
    let mut report = Report::new(Format::TrivyJson, "2");
    let tool_version = root.trivy.and_then(|Object(trivy)| trivy.version);
    let version = tool_version.map(|version| excerpt::name(&version));
    report.tools.push(Tool { name: "Trivy".into(), version });
    report.note_time(root.created_at.as_deref());
    let commit = root.metadata.and_then(|Object(metadata)| metadata.commit);
    report.commits.extend(commit.filter(|id| !id.is_empty()).map(|id| excerpt::name(&id)));
    let mut reading = Reading {
        document,
        report,
        tally: Tally::new(document, limits),
        licences: 0,
        targets: Targets::default(),
    };
    if let Some(results) = root.results {
        document.each(results, |Object(target)| reading.target(&target))?;
    }
    Ok(reading.finish())
}

struct Reading<'a> {
    document: Document<'a>,
    report: Report,
    tally: Tally<'a>,
    licences: u64,
    targets: Targets,
}

/// What was looked at.
#[derive(Default)]
struct Targets {
    all: u64,
    /// Of packages, the only ones that speak of known vulnerabilities.
    packages: u64,
}

impl<'a> Reading<'a> {
    fn target(&mut self, target: &Target<'a>) -> Result<(), ReadError> {
        let document = self.document;
        self.targets.all += 1;
        let class = target.class.as_deref().unwrap_or_default();
        if matches!(class, "os-pkgs" | "lang-pkgs") || target.vulnerabilities.is_some() {
            self.targets.packages += 1;
        }
        if let Some(list) = target.vulnerabilities {
            document.each(list, |Object(detected)| self.finding(&detected, target, false))?;
        }
        if let Some(list) = target.misconfigurations {
            document.each(list, |Object(detected): Object<Detected<'_>>| {
                match detected.status.as_deref() {
                    // With --include-non-failures, those that were checked and passed are listed, too.
                    Some("PASS" | "EXCEPTION") => Ok(()),
                    _ => self.finding(&detected, target, false),
                }
            })?;
        }
        if let Some(list) = target.secrets {
            document.each(list, |Object(detected)| self.finding(&detected, target, false))?;
        }
        if let Some(list) = target.modified_findings {
            document
                .each(list, |Object(Modified { finding })| self.finding(&finding, target, true))?;
        }
        if let Some(list) = target.licenses {
            self.licences += document.count(list)?;
        }
        if let Some(list) = target.packages {
            *self.report.components.get_or_insert(0) += document.count(list)?;
        }
        Ok(())
    }

    fn finding(
        &mut self,
        detected: &Detected<'a>,
        target: &Target<'a>,
        suppressed: bool,
    ) -> Result<(), ReadError> {
        let Some(rule) = detected.rule() else {
            return Err(self
                .document
                .error(Fault::MissingField { field: "VulnerabilityID, ID or RuleID".into() }));
        };
        let rating = Rating::from_word(detected.severity.as_deref().unwrap_or_default());
        let (document, class) = (self.document, detected.class());
        self.tally.add(&mut self.report, rating, suppressed, || {
            let file = target.target.as_deref().unwrap_or_default();
            let title = detected.title.as_deref().or(detected.message.as_deref());
            let mut finding = Finding::new(class, rating, rule, "Trivy")
                .at(detected.location(file))
                .titled(title);
            finding.aliases = detected.aliases(document)?;
            finding.suppressed = suppressed;
            Ok(finding.identified_by(detected.mark()))
        })
    }

    fn finish(self) -> Report {
        let Self { mut report, tally, licences, targets, document: _ } = self;
        if targets.all == 0 {
            report.caveats.push(Caveat::NothingNamed { tool: "Trivy".into() });
        }
        if licences > 0 {
            report.caveats.push(Caveat::Licences { count: licences });
        }
        report.scanned = Some(targets.all);
        // Older versions leave out what has no vulnerability, so nothing at all may be a clean result.
        report.states_vulnerabilities = targets.all == 0 || targets.packages > 0;
        report.findings = tally.into_findings();
        report
    }
}

impl<'a> Detected<'a> {
    fn rule(&self) -> Option<&str> {
        self.vulnerability_id.as_deref().or(self.id.as_deref()).or(self.rule_id.as_deref())
    }

    fn class(&self) -> Class {
        match (&self.vulnerability_id, &self.id) {
            (Some(_), _) => Class::Dependency,
            (None, Some(_)) => Class::Configuration,
            (None, None) => Class::Secret,
        }
    }

    fn aliases(&self, document: Document<'a>) -> Result<Vec<String>, ReadError> {
        let mut aliases = Vec::new();
        if let Some(ids) = self.vendor_ids {
            document.each(ids, |id: Text<'_>| {
                if aliases.len() < KEPT_ALIASES {
                    aliases.push(excerpt::name(&id));
                }
                Ok(())
            })?;
        }
        Ok(aliases)
    }

    fn purl(&self) -> Option<&str> {
        self.pkg_identifier.as_ref().and_then(|identifier| identifier.purl.as_deref())
    }

    fn line(&self) -> Option<u64> {
        let cause = self.cause_metadata.as_ref().and_then(|cause| cause.start_line);
        self.start_line.or(cause).filter(|line| *line > 0)
    }

    fn location(&self, file: &str) -> Location {
        match (&self.pkg_name, self.purl()) {
            (None, None) => path::location(file, self.line()),
            (name, purl) => Location::package(
                purl,
                name.as_deref().or(purl).unwrap_or_default(),
                self.installed_version.as_deref(),
            ),
        }
    }

    fn mark(&self) -> Mark<'_> {
        let resource = self.cause_metadata.as_ref().and_then(|cause| cause.resource.as_deref());
        match (self.masked_line.as_deref(), resource) {
            (Some(line), _) => Mark::Secret(line),
            (None, Some(resource)) => Mark::Resource(resource),
            (None, None) => Mark::Line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::read as read_report;
    use crate::evidence::kind::Kind;
    use crate::evidence::report::{Requirements, Unsuitable};
    use crate::evidence::severity::SeverityOverrides;

    fn read_text(text: &str) -> Result<Report, ReadError> {
        read_report(text.as_bytes(), &Limits::default(), &SeverityOverrides::default())
    }

    /// A report with the given members of `Results`' only entry.
    fn report(target: &str) -> Report {
        let text = format!(
            r#"{{"SchemaVersion": 2, "ArtifactType": "filesystem", "Results": [{{{target}}}]}}"#
        );
        read_text(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    fn fault(text: &str) -> Fault {
        read_text(text).expect_err(text).fault
    }

    #[test]
    fn severity_is_the_word_in_any_letter_case() {
        let report = report(
            r#""Vulnerabilities": [{"VulnerabilityID": "A", "Severity": "CRITICAL"}, {"VulnerabilityID": "B", "Severity": "high"},
            {"VulnerabilityID": "C", "Severity": "UNKNOWN"}, {"VulnerabilityID": "D"}, {"VulnerabilityID": "E", "Severity": "SEVERE"}]"#,
        );
        assert_eq!((report.open.critical, report.open.high, report.open.unknown), (1, 1, 3));
        let rules: Vec<&str> =
            report.findings.iter().map(|finding| finding.rule.as_str()).collect();
        assert_eq!(rules, ["A", "B", "C", "D", "E"]);
    }

    #[test]
    fn only_what_passed_or_was_excepted_is_no_finding() {
        let report = report(
            r#""Misconfigurations": [{"ID": "A", "Severity": "HIGH", "Status": "PASS"}, {"ID": "B", "Severity": "HIGH", "Status": "EXCEPTION"},
            {"ID": "C", "Severity": "HIGH", "Status": "FAIL"}, {"ID": "D", "Severity": "HIGH"}, {"ID": "E", "Severity": "HIGH", "Status": "pass"}],
            "Secrets": [{"RuleID": "F", "Severity": "HIGH", "Status": "PASS"}],
            "Vulnerabilities": [{"VulnerabilityID": "G", "Severity": "HIGH", "Status": "PASS"}]"#,
        );
        assert_eq!(report.open.high, 5);
    }

    #[test]
    fn modified_findings_are_suppressed_and_licences_are_apart() {
        let report = report(
            r#""Class": "lang-pkgs", "Licenses": [{"Severity": "CRITICAL"}, {}], "Packages": [{}, {}, {}],
            "ExperimentalModifiedFindings": [{"Type": "vulnerability", "Status": "ignored", "Finding": {"VulnerabilityID": "A", "Severity": "HIGH"}}]"#,
        );
        assert_eq!(
            (report.open.total(), report.suppressed.high, report.components),
            (0, 1, Some(3))
        );
        assert!(report.findings[0].suppressed);
        assert_eq!(report.caveats, [Caveat::Licences { count: 2 }]);
    }

    #[test]
    fn a_finding_names_its_package_or_file() {
        let report = report(
            r#""Target": "./app/x.yaml", "Vulnerabilities": [{"VulnerabilityID": "CVE-1", "VendorIDs": ["DSA-1"], "PkgName": "p",
                "PkgIdentifier": {"PURL": "pkg:npm/p@1"}, "InstalledVersion": "1", "Title": "bad", "Severity": "HIGH"}],
            "Misconfigurations": [{"ID": "C", "Message": "m", "Severity": "LOW", "CauseMetadata": {"StartLine": 7}}]"#,
        );
        let [package, file] = report.findings.as_slice() else { panic!("two: {report:?}") };
        assert_eq!(
            (package.locations[0].to_string().as_str(), package.title.as_str()),
            ("pkg:npm/p@1", "bad")
        );
        assert_eq!(package.aliases, ["DSA-1"]);
        assert_eq!(
            (file.locations[0].to_string().as_str(), file.title.as_str()),
            ("app/x.yaml:7", "m")
        );
    }

    #[test]
    fn a_fingerprint_is_blind_to_the_version_of_a_package() {
        let of = |version: &str, target: &str| {
            let target = format!(
                r#""Target": "{target}", "Vulnerabilities": [{{"VulnerabilityID": "CVE-1", "PkgName": "p", "InstalledVersion": "{version}"}}]"#
            );
            report(&target).findings[0].fingerprint.clone()
        };
        assert_eq!(of("1", "a.lock"), of("2", "a.lock"));
        assert_eq!(
            of("1", "a.lock"),
            of("1", "b.lock"),
            "the package matters, not where it is listed"
        );
    }

    #[test]
    fn what_is_no_report_of_schema_2_is_refused() {
        let version = |found: &str| Fault::UnsupportedVersion {
            found: found.into(),
            known: "SchemaVersion 2",
        };
        assert_eq!(fault(r#"{"SchemaVersion": 1, "ArtifactType": "x"}"#), version("1"));
        assert_eq!(fault(r#"{"SchemaVersion": 3, "ArtifactType": "x"}"#), version("3"));
        assert_eq!(
            fault(r#"{"SchemaVersion": 2}"#),
            Fault::MissingField { field: "ArtifactType".into() }
        );
        for schema in ["null", "-2", "2.0", "\"2\"", "[2]", "1e999"] {
            let text = format!(r#"{{"SchemaVersion": {schema}, "ArtifactType": "x"}}"#);
            assert!(
                matches!(fault(&text), Fault::WrongType { .. } | Fault::NotJson { .. }),
                "{text}"
            );
        }
        let nameless = r#"{"SchemaVersion": 2, "ArtifactType": "x", "Results": [{"Secrets": [{"Severity": "LOW"}]}]}"#;
        assert_eq!(
            fault(nameless),
            Fault::MissingField { field: "VulnerabilityID, ID or RuleID".into() }
        );
        for results in
            ["{}", "[[]]", r#"[{"Vulnerabilities": {}}]"#, r#"[{"Vulnerabilities": [["CVE-1"]]}]"#]
        {
            let text =
                format!(r#"{{"SchemaVersion": 2, "ArtifactType": "x", "Results": {results}}}"#);
            assert!(matches!(fault(&text), Fault::WrongType { .. }), "{text}");
        }
        let twice = r#"{"SchemaVersion": 2, "ArtifactType": "x", "Results": [{"Secrets": [], "Secrets": []}]}"#;
        assert_eq!(fault(twice), Fault::DuplicateKey { key: "Secrets".into() });
    }

    #[test]
    fn a_scan_of_something_else_says_nothing_about_dependencies() {
        let supports =
            |report: &Report| report.supports(&Kind::Dependencies, &Requirements::default());
        for class in ["os-pkgs", "lang-pkgs"] {
            assert_eq!(supports(&report(&format!(r#""Class": "{class}""#))), Ok(()));
        }
        for class in ["license", "config", "secret", ""] {
            let report = report(&format!(r#""Class": "{class}""#));
            assert_eq!(supports(&report), Err(Unsuitable::NoVulnerabilityStatement), "{class}");
        }
        let nothing = read_text(r#"{"SchemaVersion": 2, "ArtifactType": "filesystem"}"#)
            .expect("a clean report");
        assert_eq!(supports(&nothing), Ok(()));
        assert_eq!(nothing.caveats, [Caveat::NothingNamed { tool: "Trivy".into() }]);
    }
}
