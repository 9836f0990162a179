//! `refgate evidence inspect` says what is in a report, and its exit status whether it would count.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Runs the command in the directory of the reports; returns exit status, output and errors.
#[expect(clippy::disallowed_methods, reason = "the command is a program")]
fn inspect(args: &[&str], input: &[u8]) -> (i32, String, String) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut child = Command::new(env!("CARGO_BIN_EXE_refgate"))
        .args(["evidence", "inspect"])
        .args(args)
        .current_dir(corpus)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("refgate runs");
    // A command line that is refused ends before its input is read.
    drop(child.stdin.take().expect("piped").write_all(input));
    let output = child.wait_with_output().expect("ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("a status"), text(output.stdout), text(output.stderr))
}

fn json_of(file: &str) -> (i32, Value) {
    let (status, out, err) = inspect(&[file, "--format", "json"], b"");
    assert_eq!(err, "", "{file}");
    (status, serde_json::from_str(&out).expect("one JSON object"))
}

#[test]
fn a_report_of_findings_is_told_in_json() {
    let (status, said) = json_of("trivy/trivy-0.59.1-fs-vuln-jsapp.json");
    assert_eq!(status, 0);
    for (member, value) in [
        ("file", json!("trivy/trivy-0.59.1-fs-vuln-jsapp.json")),
        ("format", json!("trivy-json")),
        ("version", json!("2")),
        ("kind", json!("dependencies")),
        (
            "findings",
            json!({"critical": 3, "high": 5, "medium": 5, "low": 1, "none": 0, "unknown": 1}),
        ),
        ("suppressed", json!(0)),
        ("components", Value::Null),
        ("tests", Value::Null),
        ("accepted", json!(true)),
        ("reason", Value::Null),
    ] {
        assert_eq!(said[member], value, "{member}");
    }
    assert!(said["tool"].as_str().is_some_and(|tool| tool.starts_with("Trivy")));
    assert_eq!(said["worst"][0]["severity"], "critical");
    assert!(said["worst"][0]["fingerprint"].as_str().is_some_and(|f| f.starts_with("sha256:")));
}

#[test]
fn bills_and_tests_are_told_in_json() {
    let (status, said) = json_of("spdx/syft-1.18.1-jsapp-2.3.spdx");
    assert_eq!((status, &said["kind"], &said["components"]), (0, &json!("sbom"), &json!(81)));
    let (status, said) = json_of("junit/pytest-9.2.0-pyapp.xml");
    assert_eq!((status, &said["kind"]), (0, &json!("tests")));
    let tests = &said["tests"];
    let counts = ["passed", "failed", "errored", "skipped"].map(|name| tests[name].as_u64());
    assert_eq!(counts, [Some(7), Some(3), Some(2), Some(2)]);
}

#[test]
fn what_would_not_count_ends_with_1_and_what_cannot_be_read_with_2() {
    for (file, status, format, reason) in [
        ("junit/pytest-9.2.0-nothing-collected.xml", 1, "junit-xml", "no test ran, 0 were skipped"),
        (
            "pip-audit/pip-audit-2.10.1-all-skipped.json",
            1,
            "pip-audit-json",
            "\"pip-audit\" left out 7 of 7, the first: \"Dependency not found on PyPI and could not be audited: flask (0.12.2)\"",
        ),
        (
            "attestation/securesystemslib-1.6.0-test-result-v0.1-passed.dsse.json",
            1,
            "dsse",
            "the signatures of a DSSE envelope are checked in a note, not in a file",
        ),
        (
            "adversarial/sarif-duplicate-results-key.sarif",
            2,
            "sarif",
            "SARIF: \"results\" stands twice in one object at line 1, column 134",
        ),
    ] {
        let (code, said) = json_of(file);
        assert_eq!((code, &said["accepted"]), (status, &json!(false)), "{file}");
        assert_eq!((&said["format"], &said["reason"]), (&json!(format), &json!(reason)), "{file}");
    }
    let (status, said) = json_of("adversarial/empty-file.sarif");
    assert_eq!((status, &said["format"]), (2, &Value::Null));
    assert!(said["remedy"].is_string());
    let (status, said) = json_of("no-such-file");
    assert_eq!((status, &said["reason"]), (2, &json!("no such file")));
}

#[test]
fn several_files_are_one_object_to_a_line_and_the_worst_decides() {
    let files = [
        "junit/pytest-9.2.0-smoke-allpass.xml",
        "junit/pytest-9.2.0-nothing-collected.xml",
        "--format",
        "json",
    ];
    let (status, out, _) = inspect(&files, b"");
    let lines: Vec<Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let accepted: Vec<&Value> = lines.iter().map(|line| &line["accepted"]).collect();
    assert_eq!((status, accepted), (1, vec![&json!(true), &json!(false)]));
    assert_eq!(inspect(&[files[0], "adversarial/empty-object.json", files[1]], b"").0, 2);
}

#[test]
fn a_report_may_come_from_standard_input_and_a_kind_may_be_asked_for() {
    let tap = b"1..1\nok 1 - a\n";
    let (status, out, err) = inspect(&["-"], tap);
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "-: evidence of kind tests\n  format      tap\n  tests       1 passed, 0 failed, 0 errored, 0 skipped\n"
    );
    let (status, out, _) = inspect(&["-", "--kind", "sbom"], tap);
    assert_eq!(status, 1);
    assert!(out.starts_with("-: no evidence: TAP cannot be evidence of kind sbom\n"), "{out}");
    let (status, _, err) = inspect(&["-", "--kind", "x"], tap);
    assert_eq!((status, err.contains("\"x\" is no kind of evidence")), (2, true));
    assert_eq!(inspect(&["-", "-"], tap).0, 2);
}

#[test]
fn people_are_told_file_place_and_remedy() {
    let (status, out, err) = inspect(&["adversarial/sarif-invalid-utf8.sarif"], b"");
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(err.starts_with("error: adversarial/sarif-invalid-utf8.sarif: expected UTF-8, found bytes that are not UTF-8 at line "), "{err}");
    assert!(err.contains("\nhint: write the report as UTF-8"), "{err}");
}
