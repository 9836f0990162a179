//! The verdict as a SARIF 2.1.0 log, for places that show scanner results.

use serde_json::{Value, json};

use super::machine::{Excused, Item, excused, items, text_of};
use super::remote::Options;
use crate::error::Error;
use crate::verdict::Verdict;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Writes a verdict as one SARIF log. What an exception lets pass is a suppressed result; there
/// are no others if the push is accepted.
#[must_use]
pub fn verdict(verdict: &Verdict, options: Options<'_>) -> String {
    let (items, excused) = (items(verdict, options), excused(verdict, options));
    let all = || items.iter().chain(excused.iter().map(|excused| &excused.item));
    let mut codes: Vec<&str> = all().map(|item| item.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let results = items.iter().map(|item| result(item, &codes));
    let suppressed = excused.iter().map(|Excused { item, why, .. }| {
        let mut result = result(item, &codes);
        if let Some(result) = result.as_object_mut() {
            let leave = json!([{ "kind": "external", "status": "accepted", "justification": why }]);
            result.insert("suppressions".into(), leave);
        }
        result
    });
    let results: Vec<Value> = results.chain(suppressed).collect();
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

fn result(item: &Item, codes: &[&str]) -> Value {
    let mut result = json!({
        "ruleId": item.code,
        "ruleIndex": codes.iter().position(|code| *code == item.code),
        "level": "error",
        "message": { "text": item.text },
        "locations": [location(item)],
    });
    if let (Some(fingerprint), Some(result)) = (&item.fingerprint, result.as_object_mut()) {
        result.insert("partialFingerprints".into(), json!({ "refgate/v1": fingerprint }));
    }
    result
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
    use crate::report::machine::samples::{accepted, excused, refused};

    #[test]
    fn t92_foreign_text_does_not_leave_its_place() {
        let log: Value =
            serde_json::from_str(&verdict(&refused(), Options::everything())).expect("JSON");
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
    fn what_an_exception_lets_pass_is_a_suppressed_result() {
        let text = verdict(&excused(), Options::everything());
        let log: Value = serde_json::from_str(&text).expect("JSON");
        let results = log["runs"][0]["results"].as_array().expect("results");
        let codes: Vec<_> = results.iter().filter_map(|one| one["ruleId"].as_str()).collect();
        assert_eq!(codes, ["scan-finding-open", "ref-frozen", "review-submodule-changed"]);
        for (result, id) in results.iter().zip(["EX-1", "EX-2", "EX-3"]) {
            let suppression = &result["suppressions"][0];
            assert_eq!(suppression["status"], "accepted");
            let leave = format!("exception {id}, until 2026-12-24, approved by Eve Sand (Security");
            let why = suppression["justification"].as_str().expect("text");
            assert!(why.starts_with(&leave), "{why}");
        }
        assert_eq!(log["runs"][0]["properties"]["verdict"], "accepted");
    }

    #[test]
    fn our_own_reader_of_sarif_counts_the_same() {
        use crate::evidence::format::{Format, read};
        use crate::evidence::severity::SeverityOverrides;
        let limits = crate::limits::Limits::default();
        for (text, results) in [
            (verdict(&refused(), Options::everything()), 3),
            (verdict(&accepted(), Options::everything()), 0),
        ] {
            let report = read(text.as_bytes(), &limits, &SeverityOverrides::default());
            let report = report.expect("a SARIF log");
            assert_eq!((report.format, report.open.total()), (Format::Sarif, results));
            assert_eq!(report.tools[0].name, "refgate");
        }
    }

    #[test]
    fn accepted_is_a_run_without_results_and_an_error_is_a_run_that_failed() {
        let log: Value =
            serde_json::from_str(&verdict(&accepted(), Options::everything())).expect("JSON");
        assert_eq!(log["runs"][0]["results"], json!([]));
        assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], true);
        let failed = Error::new(crate::error::ErrorKind::Policy, "no rules");
        let log: Value = serde_json::from_str(&error(&failed)).expect("JSON");
        assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], false);
    }
}
