//! CycloneDX in JSON, 1.2 to 1.7: bills of materials, vulnerabilities, VEX.
//!
//! Components are counted with those nested in them, without the subject of the
//! document itself. A vulnerability is one finding however many components it
//! affects; its severity is the worst of its ratings, each read from its word, or
//! else its score, or else its vector. `analysis.state` decides about suppression.

mod inventory;
pub(super) mod xml;

use serde::Deserialize;

use super::Format;
use super::error::{Fault, ReadError};
use super::excerpt;
use super::json::{Document, Object, Raw, Text};
use super::tally::Tally;
use crate::evidence::report::{Class, Finding, Mark, Report, Tool};
use crate::evidence::severity::Rating;
use crate::limits::Limits;
use inventory::{Components, Inventory};

/// The versions that are read; 1.0 and 1.1 have no JSON form.
const VERSIONS: [&str; 6] = ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"];

/// Tools, aliases and places of one report or finding that are kept.
const KEPT: usize = 32;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bom<'a> {
    #[serde(borrow)]
    bom_format: Text<'a>,
    #[serde(borrow)]
    spec_version: Text<'a>,
    #[serde(borrow)]
    metadata: Option<Object<Metadata<'a>>>,
    #[serde(borrow)]
    components: Option<Raw<'a>>,
    #[serde(borrow)]
    vulnerabilities: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    timestamp: Option<Text<'a>>,
    /// An array until 1.4; since 1.5 also an object.
    #[serde(borrow)]
    tools: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Tools<'a> {
    #[serde(borrow)]
    components: Option<Raw<'a>>,
    #[serde(borrow)]
    services: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Vulnerability<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    references: Option<Raw<'a>>,
    #[serde(borrow)]
    ratings: Option<Raw<'a>>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    analysis: Option<Object<Analysis<'a>>>,
    #[serde(borrow)]
    affects: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct RatingEntry<'a> {
    #[serde(borrow)]
    severity: Option<Text<'a>>,
    score: Option<f64>,
    #[serde(borrow)]
    vector: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Analysis<'a> {
    #[serde(borrow)]
    state: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Affected<'a> {
    #[serde(borrow, rename = "ref")]
    reference: Text<'a>,
}

/// Reads a CycloneDX document.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let bom: Bom<'_> = document.root()?;
    if &*bom.bom_format != "CycloneDX" {
        let (field, expected) = ("bomFormat", "\"CycloneDX\"");
        let found = excerpt::prose(&bom.bom_format);
        return Err(
            document.error_in(&bom.bom_format, Fault::WrongValue { field, found, expected })
        );
    }
    if !VERSIONS.contains(&&*bom.spec_version) {
        let (found, known) = (excerpt::prose(&bom.spec_version), "1.2 to 1.7");
        return Err(
            document.error_in(&bom.spec_version, Fault::UnsupportedVersion { found, known })
        );
    }
    let mut report = Report::new(Format::CycloneDxJson, excerpt::prose(&bom.spec_version));
    if let Some(metadata) = &bom.metadata {
        report.note_time(metadata.timestamp.as_deref());
        report.tools = tools(document, metadata)?;
    }
    // Names of components are kept only if something may refer to them.
    let mut inventory = Inventory::new(bom.vulnerabilities.is_some());
    if let Some(components) = bom.components {
        document.seeded(components, Components(&mut inventory))?;
    }
    report.components = Some(inventory.count());
    report.scanned = Some(inventory.count());
    report.states_vulnerabilities = bom.vulnerabilities.is_some();
    let mut tally = Tally::new(document, limits);
    if let Some(vulnerabilities) = bom.vulnerabilities {
        let tool = report.tools.first().map_or_else(String::new, |tool| tool.name.clone());
        document.each(vulnerabilities, |Object(vulnerability): Object<Vulnerability<'_>>| {
            let rating = vulnerability.rating(document)?;
            let suppressed = vulnerability.is_suppressed();
            tally.add(&mut report, rating, suppressed, || {
                vulnerability.finding(document, &inventory, &tool, rating)
            })
        })?;
    }
    report.findings = tally.into_findings();
    Ok(report)
}

fn tools<'a>(document: Document<'a>, metadata: &Metadata<'a>) -> Result<Vec<Tool>, ReadError> {
    let mut tools = Vec::new();
    let lists = match metadata.tools {
        Some(list) if list.get().starts_with('[') => [Some(list), None],
        Some(object) => {
            let Object(Tools { components, services }) = document.value(object)?;
            [components, services]
        }
        None => [None, None],
    };
    for list in lists.into_iter().flatten() {
        document.each(list, |Object(tool): Object<Named<'_>>| {
            if tools.len() < KEPT {
                tools.push(Tool {
                    name: excerpt::name(tool.name.as_deref().unwrap_or_default()),
                    version: tool.version.as_deref().map(excerpt::name),
                });
            }
            Ok(())
        })?;
    }
    Ok(tools)
}

impl<'a> Vulnerability<'a> {
    fn rating(&self, document: Document<'a>) -> Result<Rating, ReadError> {
        let mut worst = Rating::Unknown;
        if let Some(ratings) = self.ratings {
            document.each(ratings, |Object(entry): Object<RatingEntry<'_>>| {
                worst = worst.or_worse(entry.rating());
                Ok(())
            })?;
        }
        Ok(worst)
    }

    /// Returns whether the document says that the vulnerability does no harm here (CycloneDX `impactAnalysisState`).
    fn is_suppressed(&self) -> bool {
        let state = self.analysis.as_ref().and_then(|analysis| analysis.state.as_deref());
        state.is_some_and(is_harmless)
    }

    fn finding(
        &self,
        document: Document<'a>,
        inventory: &Inventory<'a>,
        tool: &str,
        rating: Rating,
    ) -> Result<Finding, ReadError> {
        let id = self.id.as_deref().unwrap_or_default();
        let mut finding =
            Finding::new(Class::Dependency, rating, id, tool).titled(self.description.as_deref());
        if let Some(references) = self.references {
            document.each(references, |Object(reference): Object<Reference<'_>>| {
                let other = reference.id.as_deref().filter(|other| *other != id);
                if let Some(other) = other
                    && finding.aliases.len() < KEPT
                {
                    finding.aliases.push(excerpt::name(other));
                }
                Ok(())
            })?;
        }
        if let Some(affects) = self.affects {
            document.each(affects, |Object(affected): Object<Affected<'_>>| {
                if finding.locations.len() < KEPT {
                    finding.locations.push(inventory.locate(&affected.reference));
                } else {
                    finding.unlisted_locations += 1;
                }
                Ok(())
            })?;
        }
        finding.suppressed = self.is_suppressed();
        Ok(finding.identified_by(Mark::Line))
    }
}

impl RatingEntry<'_> {
    fn rating(&self) -> Rating {
        let score = self.score.map_or(Rating::Unknown, Rating::from_score);
        rating(self.severity.as_deref(), score, self.vector.as_deref())
    }
}

/// Returns what one rating says: its word, or else its score, or else its vector.
fn rating(word: Option<&str>, score: Rating, vector: Option<&str>) -> Rating {
    let word = Rating::from_word(word.unwrap_or_default());
    match (word, score) {
        (Rating::Known(_), _) => word,
        (Rating::Unknown, Rating::Known(_)) => score,
        (Rating::Unknown, Rating::Unknown) => {
            vector.map_or(Rating::Unknown, Rating::from_cvss_vector)
        }
    }
}

/// Returns whether an `impactAnalysisState` says that a vulnerability does no harm here.
fn is_harmless(state: &str) -> bool {
    matches!(state, "resolved" | "resolved_with_pedigree" | "false_positive" | "not_affected")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::read as read_report;
    use crate::evidence::kind::Kind;
    use crate::evidence::report::{Location, Requirements, Unsuitable};
    use crate::evidence::severity::{Severity, SeverityOverrides};

    fn read_text(text: &str) -> Result<Report, ReadError> {
        read_report(text.as_bytes(), &Limits::default(), &SeverityOverrides::default())
    }

    fn bom(members: &str) -> String {
        format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6"{members}}}"#)
    }

    fn report(members: &str) -> Report {
        read_text(&bom(members)).unwrap_or_else(|error| panic!("{error} in {members}"))
    }

    fn fault(text: &str) -> Fault {
        read_text(text).expect_err(text).fault
    }

    #[test]
    fn components_are_counted_with_those_inside_them() {
        let report = report(
            r#", "metadata": {"component": {"type": "application", "name": "app", "components": [{"name": "x"}]}},
            "components": [{"name": "a", "components": [{"name": "b"}, {"name": "c", "components": [{"name": "d"}]}]}, {"name": "e"}]"#,
        );
        assert_eq!(report.components, Some(5));
        assert_eq!(report.supports(&Kind::Sbom, &Requirements::default()), Ok(()));
    }

    #[test]
    fn t75_a_document_without_components_is_no_bill_of_materials() {
        for members in [
            "",
            r#", "components": []"#,
            r#", "components": null"#,
            r#", "Components": [{"name": "a"}]"#,
        ] {
            let too_few = Unsuitable::TooFewComponents { found: 0, needed: 1 };
            assert_eq!(
                report(members).supports(&Kind::Sbom, &Requirements::default()),
                Err(too_few),
                "{members}"
            );
        }
    }

    #[test]
    fn a_bill_of_materials_without_vulnerabilities_says_nothing_about_them() {
        let supports =
            |members: &str| report(members).supports(&Kind::Dependencies, &Requirements::default());
        assert_eq!(
            supports(r#", "components": [{"name": "a"}]"#),
            Err(Unsuitable::NoVulnerabilityStatement)
        );
        assert_eq!(
            supports(r#", "vulnerabilities": null"#),
            Err(Unsuitable::NoVulnerabilityStatement)
        );
        assert_eq!(supports(r#", "vulnerabilities": []"#), Ok(()));
    }

    #[test]
    fn only_the_known_names_and_versions_are_read() {
        for version in ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"] {
            let text = format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "{version}"}}"#);
            assert_eq!(read_text(&text).expect(version).version, version);
        }
        for found in ["1.1", "1.8", "2.0", "1.06", ""] {
            let text = format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "{found}"}}"#);
            assert_eq!(
                fault(&text),
                Fault::UnsupportedVersion { found: found.into(), known: "1.2 to 1.7" }
            );
        }
        let (field, expected) = ("bomFormat", "\"CycloneDX\"");
        assert_eq!(
            fault(r#"{"bomFormat": "CycloneDx", "specVersion": "1.6"}"#),
            Fault::WrongValue { field, found: "CycloneDx".into(), expected }
        );
        assert_eq!(
            fault(r#"{"bomFormat": "CycloneDX"}"#),
            Fault::MissingField { field: "specVersion".into() }
        );
        assert!(matches!(
            fault(r#"{"bomFormat": "CycloneDX", "specVersion": 1.6}"#),
            Fault::WrongType { .. }
        ));
    }

    #[test]
    fn a_rating_is_the_word_else_the_score_else_the_vector_and_the_worst_counts() {
        let rate = |ratings: &str| {
            let report = report(&format!(r#", "vulnerabilities": [{{"id": "A"{ratings}}}]"#));
            report.findings[0].rating
        };
        for (ratings, rating) in [
            ("", Rating::Unknown),
            (r#", "ratings": []"#, Rating::Unknown),
            (r#", "ratings": [{"severity": "unknown"}]"#, Rating::Unknown),
            (r#", "ratings": [{"severity": "high"}]"#, Rating::Known(Severity::High)),
            (r#", "ratings": [{"severity": "low", "score": 9.8}]"#, Rating::Known(Severity::Low)),
            (
                r#", "ratings": [{"severity": "unknown", "score": 9.8}]"#,
                Rating::Known(Severity::Critical),
            ),
            (r#", "ratings": [{"score": 7}]"#, Rating::Known(Severity::High)),
            (r#", "ratings": [{"score": 11}]"#, Rating::Unknown),
            (
                r#", "ratings": [{"vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]"#,
                Rating::Known(Severity::Critical),
            ),
            (r#", "ratings": [{"vector": "CVSS:3.1/AV:N"}]"#, Rating::Unknown),
            (
                r#", "ratings": [{"severity": "low"}, {"severity": "high"}, {}]"#,
                Rating::Known(Severity::High),
            ),
            (r#", "ratings": [{"severity": "info"}]"#, Rating::Known(Severity::Low)),
        ] {
            assert_eq!(rate(ratings), rating, "{ratings}");
        }
    }

    #[test]
    fn the_analysis_decides_about_suppression() {
        for (state, suppressed) in [
            ("resolved", 1),
            ("resolved_with_pedigree", 1),
            ("false_positive", 1),
            ("not_affected", 1),
            ("exploitable", 0),
            ("in_triage", 0),
            ("Not_Affected", 0),
            ("", 0),
        ] {
            let report = report(&format!(
                r#", "vulnerabilities": [{{"id": "A", "analysis": {{"state": "{state}"}}}}]"#
            ));
            assert_eq!(
                (report.suppressed.total(), report.open.total()),
                (suppressed, 1 - suppressed),
                "{state}"
            );
        }
    }

    #[test]
    fn a_finding_names_every_component_that_it_affects() {
        let report = report(
            r#", "vulnerabilities": [{"id": "CVE-1", "description": "bad", "references": [{"id": "GHSA-1"}, {"id": "CVE-1"}, {}],
                "affects": [{"ref": "r1"}, {"ref": "r2"}, {"ref": "pkg:npm/c@3"}, {"ref": "urn:cdx:x"}, {"ref": "twice"}]}],
            "components": [{"bom-ref": "r1", "name": "a", "version": "1", "purl": "pkg:npm/a@1"},
                {"name": "x", "components": [{"bom-ref": "r2", "name": "b", "version": "2"}]},
                {"bom-ref": "twice", "name": "d"}, {"bom-ref": "twice", "name": "e"}]"#,
        );
        let finding = &report.findings[0];
        let places: Vec<String> = finding.locations.iter().map(ToString::to_string).collect();
        assert_eq!(places, ["pkg:npm/a@1", "b@2", "pkg:npm/c@3", "urn:cdx:x", "twice"]);
        assert_eq!(finding.locations[4], Location::Other("twice".into()));
        assert_eq!(finding.aliases, ["GHSA-1"]);
    }

    #[test]
    fn a_fingerprint_is_blind_to_versions_and_order() {
        let of = |first: &str, second: &str| {
            let members = format!(
                r#", "vulnerabilities": [{{"id": "CVE-1", "affects": [{{"ref": "{first}"}}, {{"ref": "{second}"}}]}}]"#
            );
            report(&members).findings[0].fingerprint.clone()
        };
        assert_eq!(
            of("pkg:npm/%40s/a@1", "pkg:npm/b@1?x=y"),
            of("pkg:npm/b@2", "pkg:npm/%40s/a@3#sub")
        );
        assert_ne!(of("pkg:npm/a@1", "pkg:npm/b@1"), of("pkg:npm/a@1", "pkg:npm/c@1"));
    }

    #[test]
    fn t70_t72_components_are_objects_without_repetitions() {
        assert_eq!(
            fault(&bom(
                r#", "components": [{"name": "a", "components": [], "components": [{"name": "b"}]}]"#
            )),
            Fault::DuplicateKey { key: "components".into() }
        );
        assert_eq!(
            fault(&bom(r#", "components": [{"name": "a", "name": "b"}]"#)),
            Fault::DuplicateKey { key: "name".into() }
        );
        assert_eq!(
            fault(&bom(r#", "components": [{"type": "library"}]"#)),
            Fault::MissingField { field: "name".into() }
        );
        for members in [
            r#", "components": {}"#,
            r#", "components": ["a"]"#,
            r#", "components": [["library", "a"]]"#,
            r#", "components": [{"name": "a", "components": {}}]"#,
            r#", "components": [null]"#,
            r#", "vulnerabilities": [["CVE-1"]]"#,
            r#", "vulnerabilities": [{"id": "A", "ratings": [["high"]]}]"#,
            r#", "vulnerabilities": [{"id": "A", "analysis": ["resolved"]}]"#,
            r#", "metadata": ["2026-11-23T10:00:00Z"]"#,
        ] {
            assert!(matches!(fault(&bom(members)), Fault::WrongType { .. }), "{members}");
        }
    }

    #[test]
    fn tools_stand_in_a_list_or_in_an_object() {
        for tools in [
            r#"[{"vendor": "v", "name": "syft", "version": "1.18.1"}]"#,
            r#"{"components": [{"type": "application", "name": "syft", "version": "1.18.1"}]}"#,
            r#"{"services": [{"name": "syft", "version": "1.18.1"}]}"#,
        ] {
            let report = report(&format!(
                r#", "metadata": {{"timestamp": "2026-11-23T10:00:00Z", "tools": {tools}}}"#
            ));
            assert_eq!(
                report.tools,
                [Tool { name: "syft".into(), version: Some("1.18.1".into()) }]
            );
            assert!(report.times.is_some());
        }
    }
}
