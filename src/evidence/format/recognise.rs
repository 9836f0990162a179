//! Which format a report has, from its structure alone.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Format;
use super::error::{Fault, ReadError};
use super::excerpt;
use super::json;
use super::xml::{Event, Events};
use crate::limits::Limits;

/// A format by name: one that is read, or one that is only known.
#[derive(Clone, Copy)]
enum Name {
    Read(Format),
    Known(&'static str),
}

/// The marks of each JSON format: paths that must all be there.
///
/// `[]` is the first item of an array; `path=text` asks for a string that begins with the text.
const JSON: &[(Name, &[&str])] = &[
    (Name::Read(Format::Sarif), &["runs"]),
    (Name::Read(Format::CycloneDxJson), &["bomFormat"]),
    (Name::Read(Format::TrivyJson), &["SchemaVersion"]),
    (Name::Known("Trivy JSON before SchemaVersion 2"), &["[].Target", "[].Vulnerabilities"]),
    (Name::Known("Grype JSON"), &["matches", "descriptor"]),
    (Name::Known("OSV-Scanner JSON"), &["results[].packages"]),
    (Name::Known("cargo-audit JSON"), &["vulnerabilities", "lockfile"]),
    (Name::Known("npm audit JSON"), &["auditReportVersion"]),
    (Name::Known("pip-audit JSON"), &["dependencies[].vulns"]),
    (Name::Known("pip-audit JSON"), &["dependencies[].skip_reason"]),
    (Name::Known("gitleaks JSON"), &["[].RuleID", "[].Fingerprint"]),
    (Name::Known("checkov JSON"), &["[].check_type", "[].results"]),
    (Name::Known("Bandit JSON"), &["results", "metrics", "generated_at"]),
    (Name::Known("Semgrep JSON"), &["results", "paths.scanned"]),
    (Name::Known("a GitLab security report"), &["vulnerabilities", "scan.scanner"]),
    (Name::Known("SPDX JSON"), &["spdxVersion"]),
    (Name::Known("SPDX 3 JSON-LD"), &["@context=https://spdx.org/rdf/3", "@graph"]),
    (Name::Known("SPDX 3 JSON-LD"), &["@context[]=https://spdx.org/rdf/3", "@graph"]),
    (Name::Known("OpenVEX"), &["@context=https://openvex.dev/"]),
    (Name::Known("OpenVEX"), &["@context[]=https://openvex.dev/"]),
    (Name::Known("CSAF"), &["document.csaf_version"]),
    (Name::Known("a DSSE envelope"), &["payload", "payloadType", "signatures"]),
    (Name::Known("a Sigstore bundle"), &["mediaType=application/vnd.dev.sigstore.bundle"]),
    (Name::Known("an in-toto statement"), &["_type", "subject", "predicateType"]),
    (Name::Known("go test -json"), &["Action", "Package"]),
    (Name::Known("libtest JSON"), &["type", "event"]),
    (Name::Known("Jest JSON"), &["numTotalTests", "testResults"]),
];

/// Characters that mean something in a mark, so that a key with one of them is none.
const SYNTAX: [char; 3] = ['.', '[', '='];

/// The formats whose documents are lines of JSON.
const LINES: [&str; 3] = ["go test -json", "libtest JSON", "a DSSE envelope"];

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
        _ => Err(ReadError::new(plain(text))),
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
        return Err(match names.as_slice() {
            [Name::Known(format)] if LINES.contains(format) => {
                ReadError::new(Fault::Unsupported { format })
            }
            _ => json::error(text, Fault::TrailingData, &error),
        });
    }
    match names.as_slice() {
        [] => Err(ReadError::new(Fault::UnknownFormat { seen: sketch.describe() })),
        [Name::Read(format)] => Ok(*format),
        [Name::Known(format)] => Err(ReadError::new(Fault::Unsupported { format })),
        several => {
            let formats = several.iter().map(|name| name.as_str()).collect();
            Err(ReadError::new(Fault::Ambiguous { formats }))
        }
    }
}

impl Name {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read(format) => format.as_str(),
            Self::Known(name) => name,
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
            let found = match mark.split_once('=') {
                None => *mark == path,
                Some((at, start)) => at == path && text.is_some_and(|text| text.starts_with(start)),
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
        "bom" if namespace.starts_with("http://cyclonedx.org/schema/bom/") => {
            Err(ReadError::new(Fault::Unsupported { format: "CycloneDX XML" }))
        }
        "results" if matches!(events.next()?, Some(Event::Open(child)) if child.name == "cppcheck") => {
            Err(ReadError::new(Fault::Unsupported { format: "cppcheck XML" }))
        }
        name => {
            let seen = format!("XML with the root element {}", excerpt::quoted(name));
            Err(ReadError::new(Fault::UnknownFormat { seen }))
        }
    }
}

/// Names the plain-text formats.
fn plain(text: &str) -> Fault {
    let end = text.char_indices().nth(TEXT_CHARS).map_or(text.len(), |(end, _)| end);
    let mut start = text.get(..end).unwrap_or_default().lines();
    let is_tap = |line: &str| {
        line.starts_with("TAP version ")
            || line
                .strip_prefix("1..")
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            || line == "ok"
            || line == "not ok"
            || line.starts_with("ok ")
            || line.starts_with("not ok ")
    };
    if start.clone().any(|line| line.starts_with("SPDXVersion:")) {
        return Fault::Unsupported { format: "SPDX tag-value" };
    }
    if start.clone().any(is_tap) {
        return Fault::Unsupported { format: "TAP" };
    }
    let first = start.find(|line| !line.trim().is_empty()).unwrap_or_default();
    Fault::UnknownFormat { seen: format!("text that begins with {}", excerpt::quoted(first)) }
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
    fn formats_that_are_not_read_are_named() {
        for (text, format) in [
            (r#"{"matches": [], "descriptor": {"name": "grype"}}"#, "Grype JSON"),
            (r#"{"results": [{"packages": []}]}"#, "OSV-Scanner JSON"),
            (r#"{"vulnerabilities": {}, "lockfile": {}}"#, "cargo-audit JSON"),
            (r#"{"auditReportVersion": 2}"#, "npm audit JSON"),
            (r#"{"dependencies": [{"vulns": []}]}"#, "pip-audit JSON"),
            (r#"{"dependencies": [{"skip_reason": "x"}]}"#, "pip-audit JSON"),
            (r#"{"dependencies": [{"skip_reason": "x", "vulns": []}]}"#, "pip-audit JSON"),
            (r#"[{"RuleID": "x", "Fingerprint": "y"}]"#, "gitleaks JSON"),
            (r#"{"@context": "https://openvex.dev/ns/v0.2.0"}"#, "OpenVEX"),
            (r#"{"@context": ["https://openvex.dev/ns/v0.2.0", "x"]}"#, "OpenVEX"),
            (r#"{"@context": "https://spdx.org/rdf/3.0.1/x", "@graph": []}"#, "SPDX 3 JSON-LD"),
            (r#"{"document": {"csaf_version": "2.0"}}"#, "CSAF"),
            (
                r#"{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}"#,
                "a Sigstore bundle",
            ),
            ("{\"Action\": \"run\", \"Package\": \"p\"}\n{}", "go test -json"),
            ("SPDXVersion: SPDX-2.3", "SPDX tag-value"),
            ("TAP version 13\n1..0", "TAP"),
            ("# x\nok 1 - a", "TAP"),
            ("<bom xmlns=\"http://cyclonedx.org/schema/bom/1.6\"/>", "CycloneDX XML"),
            ("<results version=\"2\">\n <cppcheck/></results>", "cppcheck XML"),
        ] {
            assert_eq!(fault(text), Fault::Unsupported { format }, "{text}");
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
