//! CycloneDX in XML, 1.2 to 1.7: the same document as in JSON, in elements.
//!
//! What is judged is told by the path of an element from the root, so that a
//! component in a pedigree, in the metadata or among the tools is not counted as one
//! of the document.

use super::inventory::{Component, Inventory};
use super::{KEPT, VERSIONS, is_harmless, rating};
use crate::evidence::format::error::{Fault, ReadError};
use crate::evidence::format::excerpt;
use crate::evidence::format::json::{Document, Text};
use crate::evidence::format::scan::alias;
use crate::evidence::format::tally::Tally;
use crate::evidence::format::xml::{Element, Event, Events};
use crate::evidence::report::{Class, Finding, Mark, Report, Tool};
use crate::evidence::severity::Rating;
use crate::limits::Limits;

/// The namespaces of the versions begin so.
pub(in crate::evidence::format) const NAMESPACE: &str = "http://cyclonedx.org/schema/bom/";

/// Reads a CycloneDX document.
pub(in crate::evidence::format) fn read(
    document: Document<'_>,
    limits: &Limits,
) -> Result<Report, ReadError> {
    let format = document.format();
    let events = Events::new(document.text(), limits.nesting).map_err(|error| error.of(format))?;
    let mut reading = Reading {
        events: events.keeping_content(),
        report: Report::new(format, ""),
        tally: Tally::new(document, limits),
        inventory: Inventory::new(true),
        open: Vec::new(),
        components: Vec::new(),
        vulnerability: None,
    };
    reading.read().map_err(|error| error.of(format))?;
    let Reading { mut report, tally, inventory, .. } = reading;
    report.components = Some(inventory.count());
    report.scanned = Some(inventory.count());
    report.findings = tally.into_findings();
    Ok(report)
}

struct Reading<'a> {
    events: Events<'a>,
    report: Report,
    tally: Tally<'a>,
    inventory: Inventory<'a>,
    /// The names of the open elements.
    open: Vec<&'a str>,
    /// The open components of the document, the outermost first.
    components: Vec<Part>,
    vulnerability: Option<Vulnerability>,
}

#[derive(Default)]
struct Part {
    reference: Option<String>,
    name: Option<String>,
    version: Option<String>,
    purl: Option<String>,
}

#[derive(Default)]
struct Vulnerability {
    id: String,
    aliases: Vec<String>,
    worst: Option<Rating>,
    severity: Option<String>,
    score: Option<String>,
    vector: Option<String>,
    description: String,
    suppressed: bool,
    affects: Vec<String>,
    unlisted: u64,
}

impl<'a> Reading<'a> {
    fn read(&mut self) -> Result<(), ReadError> {
        // The depth of an element of another namespace, whose content is not ours.
        let mut foreign: Option<usize> = None;
        while let Some(event) = self.events.next()? {
            match event {
                Event::Open(element) => {
                    if foreign.is_none() {
                        if element.name.contains(':') {
                            foreign = Some(self.open.len());
                        } else {
                            self.opened(&element)?;
                        }
                    }
                    self.open.push(element.name);
                }
                Event::Close => {
                    if foreign.is_none() {
                        self.closed()?;
                    }
                    self.open.pop();
                    if foreign == Some(self.open.len()) {
                        foreign = None;
                    }
                }
            }
        }
        Ok(())
    }

    fn opened(&mut self, element: &Element<'a>) -> Result<(), ReadError> {
        if self.open.is_empty() {
            let namespace = element.attribute("xmlns").unwrap_or_default();
            let version = namespace.strip_prefix(NAMESPACE).unwrap_or_default();
            if !VERSIONS.contains(&version) {
                let (found, known) = (excerpt::prose(version), "1.2 to 1.7");
                return Err(self.events.error(Fault::UnsupportedVersion { found, known }));
            }
            self.report.version = version.to_owned();
            return Ok(());
        }
        if element.is_namespaced() {
            let element = excerpt::prose(element.name);
            return Err(self.events.error(Fault::Namespace { element }));
        }
        match (self.open.as_slice(), element.name) {
            (["bom"], "vulnerabilities") => self.report.states_vulnerabilities = true,
            (["bom", "vulnerabilities"], "vulnerability") => {
                self.vulnerability = Some(Vulnerability::default());
            }
            (["bom", "metadata", "tools"], "tool")
            | (["bom", "metadata", "tools", "components" | "services"], "component" | "service")
                if self.report.tools.len() < KEPT =>
            {
                self.report.tools.push(Tool { name: String::new(), version: None });
            }
            (["bom", path @ ..], "component") if are_components(path) => {
                self.inventory.count_one();
                let reference = element.attribute("bom-ref").map(str::to_owned);
                self.components.push(Part { reference, ..Part::default() });
            }
            _ => {}
        }
        Ok(())
    }

    fn closed(&mut self) -> Result<(), ReadError> {
        let text = self.events.content().trim();
        match self.open.as_slice() {
            ["bom", "metadata", "timestamp"] => self.report.note_time(Some(text)),
            ["bom", "metadata", "tools", "tool", field]
            | ["bom", "metadata", "tools", "components", "component", field]
            | ["bom", "metadata", "tools", "services", "service", field] => {
                match (self.report.tools.last_mut(), *field) {
                    (Some(tool), "name") => tool.name = excerpt::name(text),
                    (Some(tool), "version") => tool.version = Some(excerpt::name(text)),
                    _ => {}
                }
            }
            ["bom", "vulnerabilities", "vulnerability"] => return self.end_vulnerability(),
            ["bom", "vulnerabilities", "vulnerability", path @ ..] => {
                if let Some(vulnerability) = &mut self.vulnerability {
                    vulnerability.take(path, text);
                }
            }
            ["bom", path @ .., "component"] if are_components(path) => return self.end_component(),
            ["bom", path @ .., "component", field] if are_components(path) => {
                let text = Some(text.to_owned());
                match (self.components.last_mut(), *field) {
                    (Some(part), "name") => part.name = text,
                    (Some(part), "version") => part.version = text,
                    (Some(part), "purl") => part.purl = text,
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end_component(&mut self) -> Result<(), ReadError> {
        let Some(part) = self.components.pop() else { return Ok(()) };
        let Some(name) = part.name else {
            return Err(self.events.error(Fault::MissingField { field: "name".into() }));
        };
        let component = Component {
            name: name.into(),
            version: part.version.map(Text::from),
            purl: part.purl.map(Text::from),
        };
        self.inventory.index(part.reference.map(Text::from), component);
        Ok(())
    }

    fn end_vulnerability(&mut self) -> Result<(), ReadError> {
        let Some(found) = self.vulnerability.take() else { return Ok(()) };
        let rating = found.worst.unwrap_or(Rating::Unknown);
        let tool = self.report.tools.first().map_or_else(String::new, |tool| tool.name.clone());
        let (inventory, suppressed) = (&self.inventory, found.suppressed);
        self.tally.add(&mut self.report, rating, suppressed, || {
            let mut finding = Finding::new(Class::Dependency, rating, &found.id, &tool)
                .titled(Some(&found.description));
            for id in &found.aliases {
                alias(&mut finding, id);
            }
            finding.locations = found.affects.iter().map(|to| inventory.locate(to)).collect();
            finding.unlisted_locations = found.unlisted;
            finding.suppressed = suppressed;
            Ok(finding.identified_by(Mark::Line))
        })
    }
}

impl Vulnerability {
    /// Takes the text of an element of the vulnerability, or the end of one.
    fn take(&mut self, path: &[&str], text: &str) {
        let text = || text.to_owned();
        match path {
            ["id"] => self.id = text(),
            ["description"] => self.description = text(),
            ["references", "reference", "id"] if self.aliases.len() < KEPT => {
                self.aliases.push(text());
            }
            ["ratings", "rating", "severity"] => self.severity = Some(text()),
            ["ratings", "rating", "score"] => self.score = Some(text()),
            ["ratings", "rating", "vector"] => self.vector = Some(text()),
            ["ratings", "rating"] => {
                let score = self.score.take();
                let score = score.as_deref().and_then(Rating::parse_score);
                let score = score.map_or(Rating::Unknown, Rating::from_score);
                let (word, vector) = (self.severity.take(), self.vector.take());
                let one = rating(word.as_deref(), score, vector.as_deref());
                self.worst = Some(self.worst.unwrap_or(Rating::Unknown).or_worse(one));
            }
            ["analysis", "state"] => self.suppressed = is_harmless(&text()),
            ["affects", "target", "ref"] if self.affects.len() < KEPT => self.affects.push(text()),
            ["affects", "target", "ref"] => self.unlisted += 1,
            _ => {}
        }
    }
}

/// Returns whether a path below the root leads through components alone, to a list of them.
fn are_components(path: &[&str]) -> bool {
    let (pairs, rest) = path.as_chunks::<2>();
    rest == ["components"] && pairs.iter().all(|pair| *pair == ["components", "component"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::{fault, report};

    fn with(content: &str) -> String {
        format!(
            "<?xml version='1.0'?><bom xmlns='http://cyclonedx.org/schema/bom/1.6'>{content}</bom>"
        )
    }

    #[test]
    fn components_are_counted_with_those_inside_and_without_the_subject() {
        let report = report(&with(
            "<metadata><timestamp>2026-11-23T09:00:00Z</timestamp><tools><components><component><name>t</name><version>1</version></component></components></tools>
            <component><name>subject</name></component></metadata>
            <components><component><name>a</name><pedigree><ancestors><component><name>x</name></component></ancestors></pedigree>
                <components><component><name>b</name></component></components></component>
            <component><name>c</name></component></components>",
        ));
        assert_eq!((report.components, report.version.as_str()), (Some(3), "1.6"));
        assert_eq!(
            (report.tools[0].name.as_str(), report.tools[0].version.as_deref()),
            ("t", Some("1"))
        );
        assert!(!report.states_vulnerabilities && report.times.is_some());
    }

    #[test]
    fn a_vulnerability_is_read_as_in_json() {
        let report = report(&with(
            "<components><component bom-ref='r'><name>p</name><version>1</version><purl>pkg:npm/p@1</purl></component></components>
            <vulnerabilities><vulnerability><id>CVE-1</id><references><reference><id>GHSA-1</id></reference></references>
                <ratings><rating><score>5.0</score></rating><rating><vector>CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H</vector></rating></ratings>
                <affects><target><ref>r</ref></target></affects></vulnerability>
            <vulnerability><id>CVE-2</id><analysis><state>not_affected</state></analysis></vulnerability></vulnerabilities>",
        ));
        assert_eq!((report.open.critical, report.suppressed.unknown), (1, 1));
        let finding = &report.findings[0];
        assert_eq!(finding.ids().collect::<Vec<_>>(), ["CVE-1", "GHSA-1"]);
        assert_eq!(finding.purls().collect::<Vec<_>>(), ["pkg:npm/p@1"]);
        assert!(report.states_vulnerabilities);
    }

    #[test]
    fn other_versions_namespaces_and_nameless_components_are_refused() {
        let text = with("").replace("/1.6", "/2.0");
        assert!(matches!(fault(&text), Fault::UnsupportedVersion { .. }));
        let text =
            with("<components><component xmlns='urn:x'><name>a</name></component></components>");
        assert!(matches!(fault(&text), Fault::Namespace { .. }));
        let text = with("<components><component/></components>");
        assert_eq!(fault(&text), Fault::MissingField { field: "name".into() });
        let text = with("<x:y xmlns:x='urn:x'><components><component/></components></x:y>");
        assert_eq!(report(&text).components, Some(0));
    }
}
