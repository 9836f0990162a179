//! The verdict as a SARIF 2.1.0 log, for places that show scanner results.

use serde_json::{Value, json};

use super::machine::{Item, items, text_of};
use crate::error::Error;
use crate::verdict::Verdict;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Writes a verdict as one SARIF log; without results if the push is accepted.
#[must_use]
pub fn verdict(verdict: &Verdict) -> String {
    let items = items(verdict);
    let mut codes: Vec<&str> = items.iter().map(|item| item.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let results: Vec<Value> = items
        .iter()
        .map(|item| {
            let index = codes.iter().position(|code| *code == item.code);
            let mut result = json!({
                "ruleId": item.code,
                "ruleIndex": index,
                "level": "error",
                "message": { "text": item.text },
                "locations": [location(item)],
            });
            if let (Some(fingerprint), Some(result)) = (&item.fingerprint, result.as_object_mut()) {
                result.insert("partialFingerprints".into(), json!({ "refgate/v1": fingerprint }));
            }
            result
        })
        .collect();
    let rules: Vec<Value> = codes.iter().map(|code| rule(code)).collect();
    let state = if verdict.is_accepted() { "accepted" } else { "refused" };
    log(&json!({
        "tool": { "driver": driver(rules) },
        "invocations": [{ "executionSuccessful": true, "endTimeUtc": verdict.time.to_string() }],
        "results": results,
        "properties": {
            "verdict": state,
            "id": verdict.id,
            "repository": verdict.repository,
            "refs": verdict.refs.iter().map(|judged| judged.name.to_string()).collect::<Vec<_>>(),
        },
    }))
}

/// Writes why nothing could be judged: a run that failed is no run without results.
#[must_use]
pub fn error(error: &Error) -> String {
    log(&json!({
        "tool": { "driver": driver(Vec::new()) },
        "invocations": [{
            "executionSuccessful": false,
            "toolExecutionNotifications": [
                { "level": "error", "message": { "text": text_of(error) } }
            ],
        }],
        "results": [],
    }))
}

fn driver(rules: Vec<Value>) -> Value {
    json!({ "name": "refgate", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules })
}

fn rule(code: &str) -> Value {
    let title = crate::explain::page(code)
        .and_then(|page| page.lines().next())
        .map(|line| line.trim_start_matches("# ").to_owned());
    json!({
        "id": code,
        "shortDescription": { "text": title.unwrap_or_else(|| code.to_owned()) },
        "help": { "text": format!("refgate explain {code}") },
    })
}

fn location(item: &Item) -> Value {
    let mut location = json!({
        "logicalLocations": [{ "fullyQualifiedName": item.ref_name, "kind": "ref" }],
    });
    if let (Some((path, line)), Some(location)) = (&item.file, location.as_object_mut()) {
        let mut physical = json!({ "artifactLocation": { "uri": uri(path) } });
        if let (Some(line), Some(physical)) = (line, physical.as_object_mut()) {
            physical.insert("region".into(), json!({ "startLine": line }));
        }
        location.insert("physicalLocation".into(), physical);
    }
    location
}

/// Writes a path as a relative URI reference (RFC 3986).
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn log(run: &Value) -> String {
    let log = json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [run] });
    format!("{log:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::machine::samples::{accepted, refused};

    #[test]
    fn t92_foreign_text_does_not_leave_its_place() {
        let log: Value = serde_json::from_str(&verdict(&refused())).expect("JSON");
        assert_eq!(log["version"], "2.1.0");
        let results = log["runs"][0]["results"].as_array().expect("results");
        assert_eq!(results.len(), 3);
        assert_eq!(results[0]["ruleId"], "ref-deleted");
        let finding = &results[2];
        assert_eq!(finding["ruleId"], "scan-finding-open");
        let physical = &finding["locations"][0]["physicalLocation"];
        assert_eq!(physical["artifactLocation"]["uri"], "src/a%20b.rs");
        assert_eq!(physical["region"]["startLine"], 7);
        assert_eq!(finding["partialFingerprints"]["refgate/v1"], "abc");
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index"));
            let rule = &log["runs"][0]["tool"]["driver"]["rules"][index.expect("small")];
            assert_eq!(rule["id"], result["ruleId"]);
            let text = result["message"]["text"].as_str().expect("text");
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        }
    }

    #[test]
    fn our_own_reader_of_sarif_counts_the_same() {
        use crate::evidence::format::{Format, read};
        use crate::evidence::severity::SeverityOverrides;
        let limits = crate::limits::Limits::default();
        for (text, results) in [(verdict(&refused()), 3), (verdict(&accepted()), 0)] {
            let report = read(text.as_bytes(), &limits, &SeverityOverrides::default());
            let report = report.expect("a SARIF log");
            assert_eq!((report.format, report.open.total()), (Format::Sarif, results));
            assert_eq!(report.tools[0].name, "refgate");
        }
    }

    #[test]
    fn accepted_is_a_run_without_results_and_an_error_is_a_run_that_failed() {
        let log: Value = serde_json::from_str(&verdict(&accepted())).expect("JSON");
        assert_eq!(log["runs"][0]["results"], json!([]));
        assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], true);
        let failed = Error::new(crate::error::ErrorKind::Policy, "no rules");
        let log: Value = serde_json::from_str(&error(&failed)).expect("JSON");
        assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], false);
    }
}
