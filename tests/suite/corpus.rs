//! Reports of real tools are read as an independent counter reads them, and hostile ones are refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use refgate::evidence::kind::Kind;
use refgate::evidence::report::{
    Caveat, Counts, Fault, Format, ReadError, Report, Requirements, Unsuitable, read,
};
use refgate::evidence::severity::SeverityOverrides;
use refgate::limits::Limits;
use serde::Deserialize;
use serde_json::Value;

/// What the independent counter says about one file.
#[derive(Debug, Deserialize)]
struct Truth {
    format: String,
    version: Option<Value>,
    tools: Option<Vec<String>>,
    findings: Option<BTreeMap<String, u64>>,
    suppressed: Option<u64>,
    components: Option<u64>,
    licenses: Option<u64>,
    informational: Option<u64>,
    skipped_dependencies: Option<u64>,
    scan_errors: Option<u64>,
    executed: Option<Vec<bool>>,
    notifications: Option<BTreeMap<String, u64>>,
    tests: Option<BTreeMap<String, u64>>,
    verdict: Option<String>,
    #[serde(rename = "predicateType")]
    predicate_type: Option<String>,
    error: Option<String>,
}

/// The directories of reports.
const DIRECTORIES: [&str; 16] = [
    "attestation",
    "cargo-audit",
    "cyclonedx",
    "gitleaks",
    "grype",
    "junit",
    "npm-audit",
    "osv-scanner",
    "other-scan",
    "pip-audit",
    "sarif",
    "spdx",
    "tap",
    "test-events",
    "trivy",
    "vex",
];

/// What the counter names only roughly, and what it is: format, and counts by hand
/// (`jq`) of findings from critical to unknown, or of components, or of tests.
const ROUGHLY: [(&str, Format, By); 6] = [
    ("other-scan/eslint-8.57.1-jsapp.json", Format::EslintJson, By::Findings([0, 4, 5, 0, 0, 0])),
    (
        "other-scan/hadolint-2.15.1-dockerfile.json",
        Format::HadolintJson,
        By::Findings([0, 1, 4, 2, 0, 0]),
    ),
    (
        "other-scan/shellcheck-0.11.0-run.json",
        Format::ShellcheckJson,
        By::Findings([0, 1, 4, 7, 0, 0]),
    ),
    ("other-scan/syft-1.18.1-jsapp.syft.json", Format::SyftJson, By::Components(80)),
    (
        "attestation/trivy-0.59.1-cosign-vuln-predicate-jsapp.json",
        Format::CosignVuln,
        By::Findings([3, 5, 5, 1, 0, 1]),
    ),
    ("test-events/googletest-1.12.1-capp.json", Format::GoogletestJson, By::Tests([4, 2, 0, 2])),
];

/// A count made by hand.
enum By {
    Findings([u64; 6]),
    Components(u64),
    /// Passed, failed, errored, skipped.
    Tests([u64; 4]),
}

impl By {
    fn fits(&self, report: &Report) -> bool {
        let Counts { critical, high, medium, low, none, unknown } = report.open;
        let tests = report.tests.unwrap_or_default();
        match self {
            Self::Findings(counts) => [critical, high, medium, low, none, unknown] == *counts,
            Self::Components(count) => report.components == Some(*count),
            Self::Tests(counts) => {
                [tests.passed, tests.failed, tests.errored, tests.skipped] == *counts
            }
        }
    }
}

/// The formats that the counter reads and refgate does not take as a report.
const NO_REPORTS: [&str; 4] = ["openvex", "csaf", "jsonl-attestations", "broken-json"];

/// The predicates that are reports.
const PREDICATES: [&str; 6] = [
    "https://in-toto.io/attestation/test-result/v0.1",
    "https://in-toto.io/attestation/vulns/v0.2",
    "https://cosign.sigstore.dev/attestation/vuln/v1",
    "https://cyclonedx.org/bom",
    "https://spdx.dev/Document",
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0",
];

fn read_bytes(bytes: &[u8]) -> Result<Report, ReadError> {
    read(bytes, &Limits::default(), &SeverityOverrides::default())
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// Returns the files below a directory, by their path from it.
fn files(root: &Path, directory: &str) -> Vec<String> {
    // All reports of some tools are public ones, which are not copied.
    let Ok(entries) = fs::read_dir(root.join(directory)) else { return Vec::new() };
    let mut files: Vec<String> = entries
        .map(|entry| entry.expect("a directory entry"))
        .filter(|entry| entry.file_type().expect("a file type").is_file())
        .map(|entry| format!("{directory}/{}", entry.file_name().to_string_lossy()))
        .collect();
    files.sort();
    files
}

/// Returns how a report differs from the truth; nothing if it does not.
fn differences(name: &str, result: &Result<Report, ReadError>, truth: &Truth) -> Vec<String> {
    let fault = result.as_ref().err().map(|error| &error.fault);
    if let Some((_, format, by)) = ROUGHLY.iter().find(|(file, ..)| *file == name) {
        return match result {
            Ok(report) if report.format == *format && by.fits(report) => Vec::new(),
            other => vec![format!("{other:?}")],
        };
    }
    let is_known = Format::parse(&truth.format).is_some();
    let predicate = truth.predicate_type.as_deref();
    let is_predicate = |known: &&str| predicate.is_some_and(|kind| kind.starts_with(*known));
    let expected = match truth.format.as_str() {
        format if NO_REPORTS.contains(&format) => Err("no report"),
        _ if truth.error.is_some() => Err("an error"),
        "dsse" | "sigstore-bundle" | "in-toto-statement"
            if !PREDICATES.iter().any(is_predicate) =>
        {
            Err("a predicate that is no report")
        }
        _ if is_known => Ok(()),
        _ => Err("unknown"),
    };
    let report = match (result, expected) {
        (Ok(report), Ok(())) => report,
        (Err(_), Err(_)) => {
            let is_told = matches!(
                fault,
                Some(
                    Fault::Unsupported { .. }
                        | Fault::UnsupportedVersion { .. }
                        | Fault::UnknownFormat { .. }
                        | Fault::NotJson { .. }
                        | Fault::TrailingData
                        | Fault::MissingField { .. }
                )
            );
            return if is_told { Vec::new() } else { vec![format!("{fault:?}")] };
        }
        (Ok(report), Err(why)) => {
            return vec![format!("read as {}, expected {why}", report.format)];
        }
        (Err(error), Ok(())) => return vec![format!("{error}; expected {}", truth.format)],
    };
    let mut out = Vec::new();
    let mut compare = |what: &str, found: String, expected: String| {
        if found != expected {
            out.push(format!("{what}: found {found}, expected {expected}"));
        }
    };
    compare("format", report.format.id().into(), truth.format.clone());
    if let Some(version) = &truth.version {
        compare("version", report.version.clone(), version.to_string().replace('"', ""));
    }
    if let Some(tools) = truth.tools.as_ref().filter(|_| !truth.format.starts_with("spdx")) {
        let unstated = if report.format == Format::Sarif { "?" } else { "None" };
        let written = report
            .tools
            .iter()
            .map(|tool| format!("{} {}", tool.name, tool.version.as_deref().unwrap_or(unstated)));
        compare("tools", format!("{:?}", written.collect::<Vec<_>>()), format!("{tools:?}"));
    }
    if let Some(findings) = &truth.findings {
        let of = |severity: &str| findings.get(severity).copied().expect("every severity");
        let expected = Counts {
            critical: of("critical"),
            high: of("high"),
            medium: of("medium"),
            low: of("low"),
            none: of("none"),
            unknown: of("unknown"),
        };
        compare("findings", report.open.to_string(), expected.to_string());
        let all = report.open.total() + report.suppressed.total();
        let listed = u64::try_from(report.findings.len()).expect("few");
        compare("listed", (listed + report.unlisted.total()).to_string(), all.to_string());
    }
    if let Some(suppressed) = truth.suppressed {
        compare("suppressed", report.suppressed.total().to_string(), suppressed.to_string());
    }
    if let Some(components) = truth.components {
        compare("components", report.components.unwrap_or(0).to_string(), components.to_string());
    }
    if let Some(licenses) = truth.licenses {
        let told = report.caveats.iter().find_map(|caveat| {
            if let Caveat::Licences { count } = caveat { Some(*count) } else { None }
        });
        compare("licences", told.unwrap_or(0).to_string(), licenses.to_string());
    }
    let told = |count: fn(&Caveat) -> Option<u64>| {
        report.caveats.iter().filter_map(count).sum::<u64>().to_string()
    };
    if let Some(count) = truth.informational {
        let found =
            told(|c| if let Caveat::Informational { count } = c { Some(*count) } else { None });
        compare("informational", found, count.to_string());
    }
    if let Some(count) = truth.skipped_dependencies {
        let found =
            told(|c| if let Caveat::Skipped { count, .. } = c { Some(*count) } else { None });
        compare("skipped dependencies", found, count.to_string());
    }
    if let Some(count) = truth.scan_errors {
        let found =
            told(|c| if let Caveat::ToolErrors { count, .. } = c { Some(*count) } else { None });
        compare("errors of the scan", found, count.to_string());
    }
    if let Some(executed) = &truth.executed {
        let failed =
            report.caveats.iter().any(|caveat| matches!(caveat, Caveat::ExecutionFailed { .. }));
        compare("failed", failed.to_string(), executed.contains(&false).to_string());
    }
    if let Some(notifications) = &truth.notifications {
        let (mut errors, mut warnings) = (0, 0);
        for caveat in &report.caveats {
            if let Caveat::ToolErrors { count, .. } = caveat {
                errors += count;
            } else if let Caveat::ToolWarnings { count, .. } = caveat {
                warnings += count;
            }
        }
        let of = |level: &str| notifications.get(level).copied().unwrap_or(0);
        compare(
            "notifications",
            format!("{errors} and {warnings}"),
            format!("{} and {}", of("error"), of("warning")),
        );
    }
    if let Some(tests) = &truth.tests {
        let counts = report.tests.unwrap_or_default();
        for (kind, found) in [
            ("total", counts.total()),
            ("passed", counts.passed),
            ("failed", counts.failed),
            ("errored", counts.errored),
            ("skipped", counts.skipped),
            ("flaky", counts.flaky),
            ("warned", counts.warned),
            ("todo", counts.todo),
        ] {
            // mocha's sum leaves out a hook that failed, which stands among the failures.
            if kind == "total" && report.format == Format::MochaJson {
                continue;
            }
            if let Some(expected) = tests.get(kind) {
                compare(kind, found.to_string(), expected.to_string());
            }
        }
        let verdict = match (counts.failures(), counts.ran()) {
            (0, 0) => "no-tests",
            (0, _) => "passed",
            _ => "failed",
        };
        if let Some(expected) = &truth.verdict {
            compare("verdict", verdict.into(), expected.clone());
        }
    }
    out
}

fn assert_no_differences(different: &[String]) {
    assert!(different.is_empty(), "{} differences:\n{}", different.len(), different.join("\n"));
}

#[test]
fn the_corpus_is_read_as_the_independent_counter_reads_it() {
    let root = corpus();
    let text = fs::read(root.join("expected.json")).expect("expected.json");
    let expected: BTreeMap<String, Truth> = serde_json::from_slice(&text).expect("expected.json");
    let found: BTreeSet<String> =
        DIRECTORIES.iter().flat_map(|directory| files(&root, directory)).collect();
    let mut different: Vec<String> = expected
        .keys()
        .filter(|name| !found.contains(*name))
        .map(|name| format!("{name}: in expected.json, but there is no such file"))
        .collect();
    for name in &found {
        match expected.get(name) {
            None => different.push(format!("{name}: not in expected.json")),
            Some(truth) => {
                let result = read_bytes(&fs::read(root.join(name)).expect(name));
                let lines = differences(name, &result, truth);
                different.extend(lines.into_iter().map(|line| format!("{name}: {line}")));
            }
        }
    }
    assert_no_differences(&different);
}

/// What becomes of a hostile file.
enum Fate {
    /// It is refused while it is read.
    Refused(fn(&Fault) -> bool),
    /// It is read: critical, high, medium, low, none, unknown; suppressed ones.
    Read([u64; 6], u64),
    /// It is read: passed, failed, errored, skipped.
    Tests([u64; 4]),
}

/// Matches one fault, with its fields where they are given.
macro_rules! refused {
    ($pattern:pat) => {
        Fate::Refused(|fault| matches!(fault, $pattern))
    };
}

/// Each file of `adversarial/`, and what must become of it.
fn fates() -> Vec<(&'static str, Fate)> {
    use Fate::{Read, Tests};
    vec![
        (
            "cdx-not-cyclonedx.json",
            Fate::Refused(|fault| {
                let expected = "\"CycloneDX\"";
                *fault
                    == Fault::WrongValue { field: "bomFormat", found: "CycloneDx".into(), expected }
            }),
        ),
        ("cdx-vulnerability-without-ratings.json", Read([2, 1, 0, 0, 0, 3], 0)),
        ("dsse-payload-not-base64.json", refused!(Fault::NotBase64 { field: "payload" })),
        (
            "dsse-payload-type-mismatch.json",
            refused!(Fault::WrongValue { field: "payloadType", .. }),
        ),
        ("empty-array.json", refused!(Fault::UnknownFormat { .. })),
        ("empty-file.sarif", refused!(Fault::Empty)),
        ("empty-object.json", refused!(Fault::UnknownFormat { .. })),
        ("gzip-bomb-50MB.json.gz", refused!(Fault::Compressed { by: "gzip" })),
        ("intoto-empty-subject.json", refused!(Fault::Contradiction { .. })),
        ("json-comments-and-trailing-comma.json", refused!(Fault::NotJson { .. })),
        ("json-concatenated-documents.json", refused!(Fault::TrailingData)),
        ("json-deep-nesting-100000.json", refused!(Fault::TooDeep { limit: 64 })),
        ("json-nan-infinity.json", refused!(Fault::NotJson { .. })),
        ("junit-attributes-lie-zero-failures.xml", Tests([1, 1, 0, 0])),
        ("junit-billion-laughs.xml", refused!(Fault::Doctype)),
        ("junit-control-character.xml", refused!(Fault::ControlCharacter { character: '\u{8}' })),
        ("junit-duplicate-attribute.xml", refused!(Fault::NotXml { .. })),
        ("junit-tests-attribute-without-cases.xml", Tests([0, 0, 0, 0])),
        ("junit-utf16.xml", Tests([0, 1, 0, 0])),
        ("junit-wrong-root.xml", refused!(Fault::UnknownFormat { .. })),
        ("junit-xxe.xml", refused!(Fault::Doctype)),
        ("sarif-case-variant-keys.sarif", refused!(Fault::NoRun)),
        ("sarif-deep-nesting-200.sarif", refused!(Fault::TooDeep { limit: 64 })),
        (
            "sarif-duplicate-results-key.sarif",
            Fate::Refused(|fault| *fault == Fault::DuplicateKey { key: "results".into() }),
        ),
        ("sarif-execution-failed-zero-results.sarif", Read([0; 6], 0)),
        ("sarif-invalid-utf8.sarif", refused!(Fault::Encoding { .. })),
        ("sarif-no-runs.sarif", refused!(Fault::NoRun)),
        ("sarif-nul-in-string.sarif", Read([0, 1, 0, 0, 0, 0], 0)),
        ("sarif-results-absent.sarif", refused!(Fault::ResultsAbsent { run: 0 })),
        ("sarif-ruleindex-out-of-range.sarif", Read([0, 3, 0, 0, 0, 0], 0)),
        ("sarif-runs-null.sarif", refused!(Fault::NoRun)),
        ("sarif-score-band-edges.sarif", Read([1, 2, 2, 2, 1, 0], 0)),
        ("sarif-suppressed-accepted.sarif", Read([0, 1, 0, 0, 0, 0], 1)),
        ("sarif-trailing-garbage.sarif", refused!(Fault::TrailingData)),
        ("sarif-truncated.sarif", refused!(Fault::NotJson { .. })),
        ("sarif-unknown-level.sarif", refused!(Fault::WrongType { .. })),
        ("sarif-utf16le-bom.sarif", Read([0, 1, 0, 0, 0, 0], 0)),
        (
            "sarif-utf16le-no-bom.sarif",
            refused!(Fault::Encoding { found: "UTF-16 without a byte order mark" }),
        ),
        ("sarif-utf8-bom.sarif", Read([0, 1, 0, 0, 0, 0], 0)),
        (
            "sarif-version-2.0.0.sarif",
            Fate::Refused(|fault| {
                *fault == Fault::UnsupportedVersion { found: "2.0.0".into(), known: "2.1.0" }
            }),
        ),
        ("tap-empty-plan.tap", Tests([0, 0, 0, 0])),
        ("tap-no-plan.tap", Tests([2, 0, 0, 0])),
        ("tap-todo-failing-only.tap", Tests([0, 0, 0, 0])),
        ("trivy-severity-case-and-unknown.json", Read([2, 2, 0, 0, 0, 3], 0)),
        ("whitespace-only.json", refused!(Fault::Empty)),
    ]
}

#[test]
fn hostile_files_are_refused_or_read_for_what_they_are() {
    let root = corpus();
    let fates = fates();
    let mut different = Vec::new();
    for (name, fate) in &fates {
        let bytes = fs::read(root.join("adversarial").join(name)).expect(name);
        let start = Instant::now();
        let result = read_bytes(&bytes);
        if start.elapsed() > Duration::from_secs(2) {
            different.push(format!("{name}: took {:?}", start.elapsed()));
        }
        let as_expected = match (fate, &result) {
            (Fate::Refused(is_expected), Err(error)) => is_expected(&error.fault),
            (Fate::Read(counts, suppressed), Ok(report)) => {
                let Counts { critical, high, medium, low, none, unknown } = report.open;
                [critical, high, medium, low, none, unknown] == *counts
                    && report.suppressed.total() == *suppressed
            }
            (Fate::Tests(counts), Ok(report)) => {
                let tests = report.tests.unwrap_or_default();
                [tests.passed, tests.failed, tests.errored, tests.skipped] == *counts
            }
            (Fate::Refused(_), Ok(_)) | (Fate::Read(..) | Fate::Tests(_), Err(_)) => false,
        };
        if !as_expected {
            different.push(format!("{name}: {result:?}"));
        }
        if let Err(error) = &result {
            let line = error.to_string();
            if line.chars().any(|c| !c.is_ascii() || c.is_ascii_control()) || line.len() > 2_000 {
                different.push(format!("{name}: not a line for a terminal: {line:?}"));
            }
            let is_about_all = matches!(
                error.fault,
                Fault::Empty
                    | Fault::Compressed { .. }
                    | Fault::Encoding { found: "UTF-16 without a byte order mark" }
                    | Fault::UnknownFormat { .. }
                    | Fault::NoRun
                    | Fault::ResultsAbsent { .. }
            );
            if error.place.is_none() != is_about_all || error.remedy().len() < 10 {
                different.push(format!("{name}: no place or remedy: {error:?}"));
            }
        }
    }
    let listed: BTreeSet<String> =
        fates.iter().map(|(name, _)| format!("adversarial/{name}")).collect();
    let found: BTreeSet<String> = files(&root, "adversarial").into_iter().collect();
    different.extend(
        listed.symmetric_difference(&found).map(|name| format!("{name}: not on both sides")),
    );
    assert_no_differences(&different);
}

#[test]
fn hostile_files_that_can_be_read_are_no_evidence() {
    let supports = |name: &str, kind: &str| {
        let bytes = fs::read(corpus().join("adversarial").join(name)).expect(name);
        let kind = Kind::parse(kind).expect(kind);
        read_bytes(&bytes).expect(name).supports(&kind, &Requirements::default())
    };
    assert_eq!(
        supports("sarif-execution-failed-zero-results.sarif", "sast"),
        Err(Unsuitable::ExecutionFailed { tool: "handmade".into() })
    );
    assert_eq!(
        supports("junit-tests-attribute-without-cases.xml", "tests:unit"),
        Err(Unsuitable::NoTestRan { skipped: 0 })
    );
    assert_eq!(
        supports("cdx-vulnerability-without-ratings.json", "sbom"),
        Err(Unsuitable::TooFewComponents { found: 0, needed: 1 })
    );
}

#[test]
fn real_reports_that_say_less_than_they_seem_to_are_no_evidence() {
    let supports = |name: &str, kind: &str| {
        let bytes = fs::read(corpus().join(name)).expect(name);
        let kind = Kind::parse(kind).expect(kind);
        read_bytes(&bytes).expect(name).supports(&kind, &Requirements::default())
    };
    for (name, kind) in [
        ("sarif/bandit-1.9.4-clean-nofindings.sarif", "sast"),
        ("sarif/trivy-0.59.1-fs-vuln-jsapp.sarif", "dependencies"),
        ("cyclonedx/syft-1.18.1-jsapp-1.6.cdx.json", "sbom"),
        ("cyclonedx/trivy-0.59.1-fs-jsapp-withvulns.cdx.json", "dependencies"),
        ("trivy/trivy-0.59.1-fs-vuln-jsapp.json", "dependencies"),
        ("junit/pytest-9.2.0-smoke-allpass.xml", "tests:smoke"),
        ("junit/gotestsum-1.8.2-only-build-failure.xml", "tests:unit"),
    ] {
        assert_eq!(supports(name, kind), Ok(()), "{name}");
    }
    for (name, kind, reason) in [
        (
            "cyclonedx/syft-1.18.1-capp-nocomponents.cdx.json",
            "sbom",
            Unsuitable::TooFewComponents { found: 0, needed: 1 },
        ),
        (
            "cyclonedx/syft-1.18.1-jsapp-1.6.cdx.json",
            "dependencies",
            Unsuitable::NoVulnerabilityStatement,
        ),
        (
            "trivy/trivy-0.59.1-fs-license-jsapp.json",
            "dependencies",
            Unsuitable::NoVulnerabilityStatement,
        ),
        (
            "trivy/trivy-0.59.1-config-iac.json",
            "dependencies",
            Unsuitable::NoVulnerabilityStatement,
        ),
        (
            "junit/pytest-9.2.0-nothing-collected.xml",
            "tests:unit",
            Unsuitable::NoTestRan { skipped: 0 },
        ),
        (
            "junit/gitleaks-8.30.1-iac.xml",
            "tests:unit",
            Unsuitable::LinterReport { suite: "gitleaks".into() },
        ),
        (
            "junit/semgrep-1.182.0-pyapp.xml",
            "tests:unit",
            Unsuitable::LinterReport { suite: "semgrep results".into() },
        ),
    ] {
        assert_eq!(supports(name, kind), Err(reason), "{name}");
    }
}

#[test]
fn very_long_names_and_very_deep_elements_are_bounded() {
    let sarif = |rule: &str| {
        format!(
            r#"{{"version": "2.1.0", "runs": [{{"tool": {{"driver": {{"name": "t"}}}},
                "results": [{{"ruleId": "{rule}", "level": "error"}}]}}]}}"#
        )
    };
    let report = read_bytes(sarif(&"A".repeat(1_000_000)).as_bytes()).expect("read");
    assert_eq!((report.open.high, report.open.total()), (1, 1));
    assert!(report.findings[0].rule.len() < 1_200);
    let error = read_bytes("<testsuite>".repeat(100_000).as_bytes()).expect_err("refused");
    assert_eq!(error.fault, Fault::TooDeep { limit: 64 });
    let nested = format!(
        r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": {}"#,
        r#"[{"name": "a", "components": "#.repeat(100_000)
    );
    let error = read_bytes(nested.as_bytes()).expect_err("refused");
    assert_eq!(error.fault, Fault::TooDeep { limit: 64 });
}

/// The larger collection that the copied files were taken from, where it is at hand.
pub fn large_corpus() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../shared/corpus", "../../shared/corpus"]
        .iter()
        .map(|path| root.join(path))
        .find(|path| path.join("truth.py").is_file())
}

#[expect(clippy::disallowed_methods, reason = "the independent counter is a program")]
fn truths(root: &Path, names: &[String]) -> Vec<Truth> {
    let output = std::process::Command::new("python3")
        .arg("truth.py")
        .args(names)
        .current_dir(root)
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let truths: Vec<Truth> =
        lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(truths.len(), names.len(), "one line for each file");
    truths
}

#[test]
fn the_large_corpus_is_read_as_the_independent_counter_reads_it() {
    let Some(root) = large_corpus() else {
        println!("the large corpus is not here: skipped");
        return;
    };
    let mut different = Vec::new();
    let names: Vec<String> =
        DIRECTORIES.iter().flat_map(|directory| files(&root, directory)).collect();
    for (name, truth) in names.iter().zip(truths(&root, &names)) {
        let result = read_bytes(&fs::read(root.join(name)).expect(name));
        let lines = differences(name, &result, &truth);
        different.extend(lines.into_iter().map(|line| format!("{name}: {line}")));
    }
    assert_no_differences(&different);
}

/// Small real reports of each format, for the tests that change them.
const SMALL: [&str; 24] = [
    "sarif/semgrep-1.182.0-pyapp-jsapp.sarif",
    "sarif/eslint-8.57.1-jsapp.sarif",
    "sarif/flawfinder-2.0.20-capp.sarif",
    "cyclonedx/own-cyclonedx-vex-1.6-order-desk.cdx.json",
    "cyclonedx/cyclonedx-py-7.5.0-requirements-1.6.cdx.json",
    "trivy/trivy-0.59.1-fs-vuln-jsapp-ignored-and-vex.json",
    "junit/maven-surefire-2.22.3-CalcTest-rerun.xml",
    "junit/googletest-1.12.1-capp.xml",
    "junit/gotestsum-1.8.2-only-build-failure.xml",
    "other-scan/bandit-1.9.4-pyapp.json",
    "other-scan/semgrep-1.182.0-pyapp-jsapp.json",
    "other-scan/eslint-8.57.1-jsapp.json",
    "other-scan/hadolint-2.15.1-dockerfile.json",
    "other-scan/shellcheck-0.11.0-run.json",
    "other-scan/cppcheck-2.10-capp.xml",
    "gitleaks/gitleaks-8.30.1-iac.json",
    "cargo-audit/cargo-audit-0.22.2-rsapp.json",
    "npm-audit/npm-11-jsapp.json",
    "pip-audit/pip-audit-2.10.1-pyapp.json",
    "cyclonedx/cyclonedx-py-7.5.0-requirements-1.5.cdx.xml",
    "spdx/syft-1.18.1-capp-nocomponents.spdx.json",
    "test-events/googletest-1.12.1-capp.json",
    "test-events/mocha-12.0.3-jsapp.json",
    "attestation/in-toto-attestation-0.9.3-test-result-v0.1-unsigned.json",
];

/// Reports in lines, which may end anywhere.
const LINES: [&str; 5] = [
    "spdx/syft-1.18.1-jsapp-2.3.spdx",
    "tap/mocha-12.0.3-jsapp.tap",
    "tap/node-20.20.2-test.tap",
    "test-events/cargo-nextest-0.9.143-libtest-json.jsonl",
    "test-events/go-1.19.8-only-build-failure.jsonl",
];

fn small(name: &str) -> Vec<u8> {
    fs::read(corpus().join(name)).expect(name)
}

#[test]
fn a_report_that_is_cut_off_anywhere_is_refused() {
    for name in SMALL {
        let bytes = small(name);
        let end = bytes.trim_ascii_end().len();
        let step = end.div_ceil(500);
        for cut in (0..end).step_by(step).chain([end - 1]) {
            assert!(read_bytes(&bytes[..cut]).is_err(), "{name} cut at {cut}");
        }
        assert!(read_bytes(&bytes[..end]).is_ok(), "{name}");
    }
}

/// Returns the places of all objects below a value, as JSON pointers.
fn objects(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.push(at.into());
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                objects(member, &format!("{at}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                objects(item, &format!("{at}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn t72_an_object_that_becomes_an_array_is_refused_or_was_not_judged() {
    for name in SMALL.iter().filter(|name| !name.ends_with(".xml")) {
        let value: Value = serde_json::from_slice(&small(name)).expect(name);
        let report = read_bytes(value.to_string().as_bytes()).expect(name);
        let mut places = Vec::new();
        objects(&value, "", &mut places);
        let mut refused = 0;
        // Reports repeat themselves: some two hundred of their objects say it all.
        let step = places.len().div_ceil(200);
        for place in places.iter().step_by(step) {
            let mut changed = value.clone();
            let object = changed.pointer_mut(place).expect(place);
            let members = object.as_object().expect(place).values().cloned().collect();
            *object = Value::Array(members);
            match read_bytes(changed.to_string().as_bytes()) {
                Err(_) => refused += 1,
                Ok(found) => assert_eq!(found, report, "{name} at {place}"),
            }
        }
        assert!(refused > 2, "{name}: {refused} of {}", places.len());
    }
}

/// Pieces of reports, from which hostile ones are put together.
const PIECES: [&str; 72] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "false",
    "-1",
    "1e999",
    "0",
    "\"version\"",
    "\"2.1.0\"",
    "\"runs\"",
    "\"tool\"",
    "\"driver\"",
    "\"name\"",
    "\"rules\"",
    "\"results\"",
    "\"ruleId\"",
    "\"ruleIndex\"",
    "\"level\"",
    "\"error\"",
    "\"properties\"",
    "\"security-severity\"",
    "\"suppressions\"",
    "\"locations\"",
    "\"bomFormat\"",
    "\"CycloneDX\"",
    "\"specVersion\"",
    "\"1.6\"",
    "\"components\"",
    "\"vulnerabilities\"",
    "\"ratings\"",
    "\"SchemaVersion\"",
    "\"Results\"",
    "\"ArtifactType\"",
    " ",
    "\n",
    "<",
    ">",
    "/>",
    "</",
    "<testsuite",
    "<testcase",
    "<failure/>",
    "</testsuite>",
    " name=",
    "'",
    "&",
    ";",
    "<!--",
    "-->",
    "<![CDATA[",
    "<?xml version='1.0'?>",
    "\"scanner\"",
    "\"result\"",
    "\"matches\"",
    "\"packages\"",
    "\"dependencies\"",
    "\"Action\"",
    "\"type\"",
    "ok 1",
    "not ok",
    "1..1",
    "PackageName: ",
    "<component>",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        drop(read_bytes(&bytes));
    }

    #[test]
    fn any_pieces_are_read_or_refused(
        pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..60)
    ) {
        if let Err(error) = read_bytes(pieces.concat().as_bytes()) {
            prop_assert!(error.to_string().is_ascii());
        }
    }

    #[test]
    fn changed_reports_are_read_or_refused(
        name in proptest::sample::select([&SMALL[..], &LINES[..]].concat()),
        at in any::<proptest::sample::Index>(),
        piece in proptest::sample::select(&PIECES[..]),
        removed in 0_usize..40,
    ) {
        let mut bytes = small(name);
        let at = at.index(bytes.len());
        let end = bytes.len().min(at + removed);
        bytes.splice(at..end, piece.bytes());
        drop(read_bytes(&bytes));
    }
}
