//! Which format a report has, from its structure alone.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Format;
use super::error::{Fault, ReadError};
use super::excerpt;
use super::json;
use super::xml::{Event, Events};
use super::{cyclonedx, tap};
use crate::limits::Limits;

/// A format by name: one that is read, or one that is only known.
#[derive(Clone, Copy)]
enum Name {
    Read(Format),
    Known(&'static str, &'static str),
}

use Name::{Known, Read};

/// The marks of each JSON format: paths that must all be there.
///
/// `[]` is the first item of an array; `path=text` asks for a string that begins with the
/// text, `path{` for an object and `path[` for an array.
const JSON: &[(Name, &[&str])] = &[
    (Read(Format::Sarif), &["runs"]),
    (Read(Format::CycloneDxJson), &["bomFormat"]),
    (Read(Format::SpdxJson), &["spdxVersion"]),
    (Read(Format::Spdx3Json), &["@context=https://spdx.org/rdf/3", "@graph"]),
    (Read(Format::Spdx3Json), &["@context[]=https://spdx.org/rdf/3", "@graph"]),
    (Read(Format::SyftJson), &["artifacts", "artifactRelationships", "descriptor"]),
    (Read(Format::TrivyJson), &["SchemaVersion"]),
    (Read(Format::GrypeJson), &["matches", "descriptor"]),
    (Read(Format::OsvScannerJson), &["results[].packages"]),
    (Read(Format::OsvScannerJson), &["results[", "experimental_config"]),
    (Read(Format::CargoAuditJson), &["vulnerabilities", "lockfile"]),
    (Read(Format::NpmAuditJson), &["auditReportVersion"]),
    (Read(Format::PipAuditJson), &["dependencies[].vulns"]),
    (Read(Format::PipAuditJson), &["dependencies[].skip_reason"]),
    (Read(Format::PipAuditJson), &["dependencies[", "fixes["]),
    (Read(Format::PipAuditJson), &["[].name", "[].version", "[].vulns"]),
    (Read(Format::InTotoVulns), &["scanner.uri", "scanner.result["]),
    (Read(Format::CosignVuln), &["scanner.uri", "scanner.result{"]),
    (Read(Format::BanditJson), &["results", "metrics", "generated_at"]),
    (Read(Format::SemgrepJson), &["results", "paths.scanned"]),
    (Read(Format::GitleaksJson), &["[].RuleID", "[].Fingerprint"]),
    (Read(Format::DetectSecretsJson), &["plugins_used", "results"]),
    (Read(Format::CheckovJson), &["[].check_type", "[].results"]),
    (Read(Format::CheckovJson), &["check_type", "results"]),
    (Read(Format::GitlabReport), &["vulnerabilities", "scan.scanner"]),
    (Read(Format::EslintJson), &["[].filePath", "[].messages"]),
    (Read(Format::HadolintJson), &["[].code=", "[].level", "[].file", "[].line"]),
    (Read(Format::ShellcheckJson), &["[].code", "[].level", "[].file", "[].endLine"]),
    (Read(Format::ShellcheckJson), &["comments[].code", "comments[].level"]),
    (Read(Format::InTotoTestResult), &["result", "configuration"]),
    (Read(Format::GoTestJson), &["Action", "Package"]),
    (Read(Format::GoTestJson), &["Action", "ImportPath"]),
    (Read(Format::LibtestJson), &["type", "event"]),
    (Read(Format::JestJson), &["numTotalTests", "testResults"]),
    (Read(Format::MochaJson), &["stats.passes", "passes[", "failures["]),
    (Read(Format::GoogletestJson), &["testsuites[", "disabled"]),
    (Read(Format::InTotoStatement), &["_type", "predicateType"]),
    (Read(Format::Dsse), &["payload", "payloadType"]),
    (Read(Format::SigstoreBundle), &["mediaType=application/vnd.dev.sigstore.bundle"]),
    (
        Known(
            "Trivy JSON before SchemaVersion 2",
            "update Trivy: reports of SchemaVersion 2 are read",
        ),
        &["[].Target", "[].Vulnerabilities"],
    ),
    (
        Known("npm audit JSON before npm 7", "update npm: what it writes since version 7 is read"),
        &["advisories", "actions"],
    ),
    (
        Known("the error that ended npm audit", "see why npm audit failed, and run it again"),
        &["error", "method", "uri"],
    ),
    (
        Known("an OpenVEX document", "sign it instead: refgate exception vex FILE"),
        &["@context=https://openvex.dev/"],
    ),
    (
        Known("an OpenVEX document", "sign it instead: refgate exception vex FILE"),
        &["@context[]=https://openvex.dev/"],
    ),
    (
        Known(
            "a CSAF document",
            "turn it into OpenVEX or CycloneDX and sign that: refgate exception vex FILE",
        ),
        &["document.csaf_version"],
    ),
];

/// Characters that mean something in a mark, so that a key with one of them is none.
const SYNTAX: [char; 4] = ['.', '[', '=', '{'];

/// The formats whose documents are lines of JSON.
const LINES: [Format; 2] = [Format::GoTestJson, Format::LibtestJson];

/// Characters at the start of a plain text in which the marks of a format are looked for.
const TEXT_CHARS: usize = 4_000;

/// Keys of an unknown object that the message names.
const KEYS_SHOWN: usize = 6;

/// Returns the format of a text.
///
/// JSON is read to its end here, so that what is not one JSON document is refused
/// before its content is believed.
pub(super) fn recognise(text: &str, limits: &Limits) -> Result<Format, ReadError> {
    match text.trim_start().chars().next() {
        Some('<') => xml(text, limits),
        Some('{' | '[') => {
            json::check_nesting(text, limits.nesting)?;
            json(text)
        }
        _ => plain(text),
    }
}

fn json(text: &str) -> Result<Format, ReadError> {
    let mut sketch = Sketch::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Step { sketch: &mut sketch, path: String::new() }
        .deserialize(&mut deserializer)
        .map_err(|error| json::error(text, json::fault(&error), &error))?;
    let names = sketch.names();
    if let Err(error) = deserializer.end() {
        return match names.as_slice() {
            [Read(format)] if LINES.contains(format) => Ok(*format),
            [Read(Format::Dsse)] => {
                let format = "a list of DSSE envelopes";
                let remedy = "write each envelope to a file of its own";
                Err(ReadError::new(Fault::Unsupported { format, remedy }))
            }
            _ => Err(json::error(text, Fault::TrailingData, &error)),
        };
    }
    match names.as_slice() {
        [] => Err(ReadError::new(Fault::UnknownFormat { seen: sketch.describe() })),
        [Read(format)] => Ok(*format),
        [Known(format, remedy)] => Err(ReadError::new(Fault::Unsupported { format, remedy })),
        several => {
            let formats = several.iter().map(|name| name.as_str()).collect();
            Err(ReadError::new(Fault::Ambiguous { formats }))
        }
    }
}

impl Name {
    fn as_str(self) -> &'static str {
        match self {
            Read(format) => format.as_str(),
            Known(name, _) => name,
        }
    }
}

/// The marks that were found in a JSON text, and what to tell if they are of no format.
#[derive(Default)]
struct Sketch {
    marks: BTreeSet<&'static str>,
    keys: Vec<String>,
    is_array: bool,
    is_empty: bool,
}

impl Sketch {
    /// Records what stands at `path`; `text` is there if it is a string.
    fn see(&mut self, path: &str, text: Option<&str>) {
        for mark in JSON.iter().flat_map(|(_, marks)| *marks) {
            let found = match (mark.split_once('='), text) {
                (None, None) => *mark == path,
                (Some((at, start)), Some(text)) => at == path && text.starts_with(start),
                (None, Some(_)) | (Some(_), None) => false,
            };
            if found {
                self.marks.insert(mark);
            }
        }
    }

    fn names(&self) -> Vec<Name> {
        let matching = |marks: &&[&str]| marks.iter().all(|mark| self.marks.contains(mark));
        let names = JSON.iter().filter(|(_, marks)| matching(marks)).map(|(name, _)| *name);
        let mut names: Vec<Name> = names.collect();
        // A format may be known by several sets of marks.
        names.dedup_by_key(|name| name.as_str());
        names
    }

    fn describe(&self) -> String {
        match (self.is_array, self.is_empty) {
            (true, true) => "an empty JSON array, which does not say what ran".into(),
            (true, false) => "a JSON array".into(),
            (false, true) => "an empty JSON object".into(),
            (false, false) => format!("a JSON object with {}", self.keys.join(", ")),
        }
    }
}

/// Returns whether a mark lies at `path` or below it.
fn matters(path: &str) -> bool {
    let mut marks = JSON.iter().flat_map(|(_, marks)| *marks);
    marks.any(|mark| {
        mark.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(SYNTAX))
    })
}

/// Reads one value at a path, and those below it that may be marks.
struct Step<'s> {
    sketch: &'s mut Sketch,
    path: String,
}

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.sketch.see(&self.path, None);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let is_root = self.path.is_empty();
        self.sketch.is_empty |= is_root;
        self.sketch.see(&format!("{}{{", self.path), None);
        while let Some(key) = map.next_key::<json::Text<'de>>()? {
            if is_root {
                self.sketch.is_empty = false;
                if self.sketch.keys.len() < KEYS_SHOWN {
                    self.sketch.keys.push(excerpt::quoted(&key));
                }
            }
            let nested = if is_root { None } else { Some(format!("{}.{}", self.path, &*key)) };
            let path = nested.as_deref().unwrap_or(&key);
            if key.is_empty() || key.contains(SYNTAX) || !matters(path) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let path = path.to_owned();
            map.next_value_seed(Step { sketch: &mut *self.sketch, path })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let is_root = self.path.is_empty();
        self.sketch.see(&format!("{}[", self.path), None);
        let path = format!("{}[]", self.path);
        let first = if matters(&path) {
            items.next_element_seed(Step { sketch: &mut *self.sketch, path })?
        } else {
            items.next_element::<IgnoredAny>()?.map(|_| ())
        };
        if is_root {
            self.sketch.is_array = true;
            self.sketch.is_empty = first.is_none();
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.sketch.see(&self.path, Some(text));
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Recognises XML by the name and namespace of its root element.
fn xml(text: &str, limits: &Limits) -> Result<Format, ReadError> {
    let mut events = Events::new(text, limits.nesting)?;
    let mut open = None;
    while open.is_none() {
        match events.next()? {
            Some(Event::Open(element)) => open = Some(element),
            Some(Event::Close) | None => break,
        }
    }
    let Some(root) = open else {
        return Err(ReadError::new(Fault::UnknownFormat { seen: "XML without an element".into() }));
    };
    let namespace = root.attribute("xmlns").unwrap_or_default();
    match root.name {
        "testsuites" | "testsuite" => Ok(Format::JunitXml),
        "bom" if namespace.starts_with(cyclonedx::xml::NAMESPACE) => Ok(Format::CycloneDxXml),
        "results" if matches!(events.next()?, Some(Event::Open(child)) if child.name == "cppcheck") => {
            Ok(Format::CppcheckXml)
        }
        name => {
            let seen = format!("XML with the root element {}", excerpt::quoted(name));
            Err(ReadError::new(Fault::UnknownFormat { seen }))
        }
    }
}

/// Recognises a text that is neither JSON nor XML by its first lines.
fn plain(text: &str) -> Result<Format, ReadError> {
    let end = text.char_indices().nth(TEXT_CHARS).map_or(text.len(), |(end, _)| end);
    let start = text.get(..end).unwrap_or_default();
    let of_spdx = start.lines().any(|line| line.starts_with("SPDXVersion:"));
    // A comment or the output of a test may be longer than the start, but not a plan at the end.
    let of_tap = start.lines().any(|line| tap::parse(line).is_some());
    // Before Go 1.24 a package that does not compile is told in plain text.
    let of_go =
        start.lines().any(|line| line.starts_with("{\"Time\":") && line.contains("\"Action\":"));
    let found: Vec<Format> =
        [(of_spdx, Format::SpdxTagValue), (of_tap, Format::Tap), (of_go, Format::GoTestJson)]
            .into_iter()
            .filter_map(|(found, format)| found.then_some(format))
            .collect();
    match found.as_slice() {
        [format] => Ok(*format),
        [] => {
            let first = start.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let seen = format!("text that begins with {}", excerpt::quoted(first));
            Err(ReadError::new(Fault::UnknownFormat { seen }))
        }
        several => {
            let formats = several.iter().map(|format| format.as_str()).collect();
            Err(ReadError::new(Fault::Ambiguous { formats }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        recognise(text, &Limits::default()).expect_err("refused").fault
    }

    fn seen(text: &str) -> String {
        let Fault::UnknownFormat { seen } = fault(text) else {
            panic!("{text}: {:?}", fault(text))
        };
        seen
    }

    #[test]
    fn what_is_read_is_recognised_by_one_mark() {
        for (text, format) in [
            (r#"{"runs": null}"#, Format::Sarif),
            (r#" {"x": [[{"bomFormat": 1}]], "runs": []}"#, Format::Sarif),
            (r#"{"r\u0075ns": []}"#, Format::Sarif),
            (r#"{"bomFormat": 7, "dependencies": [{"ref": "a"}]}"#, Format::CycloneDxJson),
            (r#"{"SchemaVersion": 1}"#, Format::TrivyJson),
            ("<testsuite/>", Format::JunitXml),
            ("<?xml version='1.0'?><!-- x --><testsuites></testsuites>", Format::JunitXml),
        ] {
            assert_eq!(recognise(text, &Limits::default()), Ok(format), "{text}");
        }
    }

    #[test]
    fn each_format_is_recognised_by_its_marks() {
        for (text, format) in [
            (r#"{"matches": [], "descriptor": {"name": "grype"}}"#, Format::GrypeJson),
            (r#"{"results": [{"packages": []}]}"#, Format::OsvScannerJson),
            (r#"{"results": [], "experimental_config": {}}"#, Format::OsvScannerJson),
            (r#"{"vulnerabilities": {}, "lockfile": {}}"#, Format::CargoAuditJson),
            (r#"{"auditReportVersion": 2, "vulnerabilities": {}}"#, Format::NpmAuditJson),
            (r#"{"dependencies": [{"vulns": []}]}"#, Format::PipAuditJson),
            (r#"{"dependencies": [{"skip_reason": "x"}]}"#, Format::PipAuditJson),
            (r#"{"dependencies": [{"skip_reason": "x", "vulns": []}]}"#, Format::PipAuditJson),
            (r#"{"dependencies": [], "fixes": []}"#, Format::PipAuditJson),
            (r#"[{"RuleID": "x", "Fingerprint": "y"}]"#, Format::GitleaksJson),
            (r#"[{"code": "DL1", "level": "x", "file": "f", "line": 1}]"#, Format::HadolintJson),
            (
                r#"[{"code": 1, "level": "x", "file": "f", "line": 1, "endLine": 1}]"#,
                Format::ShellcheckJson,
            ),
            (r#"{"scanner": {"uri": "x", "result": []}}"#, Format::InTotoVulns),
            (r#"{"scanner": {"uri": "x", "result": {}}}"#, Format::CosignVuln),
            (r#"{"spdxVersion": "SPDX-2.3"}"#, Format::SpdxJson),
            (r#"{"@context": "https://spdx.org/rdf/3.0.1/x", "@graph": []}"#, Format::Spdx3Json),
            (
                r#"{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}"#,
                Format::SigstoreBundle,
            ),
            ("{\"Action\": \"run\", \"Package\": \"p\"}\n{}", Format::GoTestJson),
            ("# p\n{\"Time\":\"x\",\"Action\":\"run\"}", Format::GoTestJson),
            ("SPDXVersion: SPDX-2.3", Format::SpdxTagValue),
            ("TAP version 13\n1..0", Format::Tap),
            ("# x\nok 1 - a", Format::Tap),
            ("<bom xmlns=\"http://cyclonedx.org/schema/bom/1.6\"/>", Format::CycloneDxXml),
            ("<results version=\"2\">\n <cppcheck/></results>", Format::CppcheckXml),
        ] {
            assert_eq!(recognise(text, &Limits::default()), Ok(format), "{text}");
        }
    }

    #[test]
    fn documents_that_are_no_reports_are_named() {
        for (text, format) in [
            (r#"{"@context": "https://openvex.dev/ns/v0.2.0"}"#, "an OpenVEX document"),
            (r#"{"@context": ["https://openvex.dev/ns/v0.2.0", "x"]}"#, "an OpenVEX document"),
            (r#"{"document": {"csaf_version": "2.0"}}"#, "a CSAF document"),
            (r#"{"error": {}, "method": "POST", "uri": "x"}"#, "the error that ended npm audit"),
            ("{\"payload\": \"\", \"payloadType\": \"\"}\n{}", "a list of DSSE envelopes"),
        ] {
            let found = fault(text);
            assert!(
                matches!(found, Fault::Unsupported { format: found, .. } if found == format),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_known_is_described() {
        for (text, what) in [
            ("{}", "an empty JSON object"),
            ("[]", "an empty JSON array, which does not say what ran"),
            ("[1]", "a JSON array"),
            ("[[{\"runs\": []}]]", "a JSON array"),
            (r#"{"findings": [], "Runs": []}"#, r#"a JSON object with "findings", "Runs""#),
            (r#"{"a": {"runs": []}}"#, r#"a JSON object with "a""#),
            (r#"{"": {"runs": []}}"#, r#"a JSON object with """#),
            (r#"{"document.csaf_version": 2}"#, r#"a JSON object with "document.csaf_version""#),
            (r#"{"@context": "https://example.org"}"#, r#"a JSON object with "@context""#),
            ("Scanning...\n{\"runs\": []}", "text that begins with \"Scanning...\""),
            ("<html><testsuite/></html>", "XML with the root element \"html\""),
            ("<bom/>", "XML with the root element \"bom\""),
        ] {
            assert_eq!(seen(text), what, "{text}");
        }
    }

    #[test]
    fn marks_of_several_formats_are_refused() {
        let formats = vec!["SARIF", "Trivy JSON"];
        assert_eq!(fault(r#"{"SchemaVersion": 2, "runs": []}"#), Fault::Ambiguous { formats });
    }

    #[test]
    fn t73_what_is_not_one_json_document_is_refused() {
        assert_eq!(fault(r#"{"runs": []} {"runs": []}"#), Fault::TrailingData);
        assert_eq!(fault("{\"runs\": []}\n]"), Fault::TrailingData);
        for text in [
            "{\"runs\": []",
            "{\"runs\": [], // x\n}",
            "{\"runs\": [1,]}",
            "{\"a\": NaN}",
            "{'runs': []}",
        ] {
            assert!(matches!(fault(text), Fault::NotJson { .. }), "{text}");
        }
    }

    #[test]
    fn depth_is_limited_before_the_parser_sees_it() {
        for open in ["[", "{\"a\":"] {
            assert_eq!(fault(&open.repeat(100_000)), Fault::TooDeep { limit: 64 });
        }
    }
}
