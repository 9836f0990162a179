//! How fast reports are read, and how much memory that takes.
//!
//!     cargo run --release --example read-reports [FORMAT...]
//!
//! Each report of a real tool from `tests/corpus` is grown to 10 MB by repeating its
//! findings, components or tests. Each format is read in a process of its own, so that
//! the peak is that format's: what the process needed at most beyond what it held with
//! the report in memory and nothing read.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a tool for measuring, which fails by panicking"
)]

use std::path::Path;
use std::time::Instant;

use refgate::evidence::report::read;
use refgate::evidence::severity::SeverityOverrides;
use refgate::limits::Limits;
use serde_json::Value;

/// Bytes that a report is grown to.
const SIZE: usize = 10_000_000;

/// Readings of each report; the fastest counts.
const ROUNDS: usize = 5;

/// How a report is grown.
enum Grow {
    /// By the items of an array of a JSON document.
    Items(&'static str),
    /// By what stands inside the root element.
    Elements,
    /// By all lines, and a plan at the end.
    Lines,
    /// By all lines behind the first.
    Tags,
}

use Grow::{Elements, Items, Lines, Tags};

const REPORTS: [(&str, Grow); 26] = [
    ("sarif/bandit-1.9.4-pyapp.sarif", Items("/runs/0/results")),
    ("sarif/ruff-0.17.6-pyapp.sarif", Items("/runs/0/results")),
    ("other-scan/bandit-1.9.4-pyapp.json", Items("/results")),
    ("other-scan/semgrep-1.182.0-pyapp-jsapp.json", Items("/results")),
    ("gitleaks/gitleaks-8.30.1-iac.json", Items("")),
    ("other-scan/eslint-8.57.1-jsapp.json", Items("")),
    ("other-scan/cppcheck-2.10-capp.xml", Elements),
    ("cyclonedx/syft-1.18.1-jsapp-1.6.cdx.json", Items("/components")),
    ("cyclonedx/trivy-0.59.1-fs-jsapp-withvulns.cdx.json", Items("/vulnerabilities")),
    ("cyclonedx/syft-1.18.1-jsapp-1.6.cdx.xml", Elements),
    ("spdx/syft-1.18.1-jsapp-2.3.spdx.json", Items("/packages")),
    ("spdx/cdxgen-12.8.4-jsapp-3.0.1.spdx.json", Items("/@graph")),
    ("spdx/syft-1.18.1-jsapp-2.3.spdx", Tags),
    ("other-scan/syft-1.18.1-jsapp.syft.json", Items("/artifacts")),
    ("trivy/trivy-0.59.1-fs-vuln-jsapp.json", Items("/Results/0/Vulnerabilities")),
    ("trivy/trivy-0.59.1-config-iac.json", Items("/Results")),
    ("cargo-audit/cargo-audit-0.22.2-rsapp.json", Items("/warnings/unmaintained")),
    ("npm-audit/npm-11-jsapp.json", Items("/vulnerabilities/handlebars/via")),
    ("pip-audit/pip-audit-2.10.1-pyapp.json", Items("/dependencies")),
    (
        "attestation/trivy-0.59.1-cosign-vuln-predicate-jsapp.json",
        Items("/scanner/result/Results/0/Vulnerabilities"),
    ),
    ("junit/pytest-9.2.0-pyapp.xml", Elements),
    ("junit/jest-junit-17-jsapp.xml", Elements),
    ("tap/pytest-tap-3.5-pyapp.tap", Lines),
    ("test-events/go-1.19.8-only-build-failure.jsonl", Tags),
    ("test-events/cargo-nextest-0.9.143-libtest-json.jsonl", Tags),
    ("test-events/mocha-12.0.3-jsapp.json", Items("/passes")),
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if let [of, name] = args.as_slice()
        && of == "one"
    {
        let (name, grow) = REPORTS.iter().find(|(file, _)| file == name).expect("a report");
        return one(name, grow);
    }
    println!("{:<50} {:>9} {:>8} {:>9} {:>9}", "report", "MB", "ms", "MB/s", "peak MB");
    for (name, _) in &REPORTS {
        if args.is_empty() || args.iter().any(|part| name.contains(part.as_str())) {
            child(name);
        }
    }
}

fn child(name: &str) {
    let program = std::env::current_exe().expect("this program");
    let status = std::process::Command::new(program).args(["one", name]).status();
    assert!(status.expect("it runs").success(), "{name}");
}

fn one(name: &str, grow: &Grow) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let bytes = grown(&std::fs::read_to_string(file).expect(name), grow).into_bytes();
    // Growing may have taken more than reading will: the peak is counted anew.
    std::fs::write("/proc/self/clear_refs", "5").expect("the peak is counted anew");
    let before = memory("VmRSS:");
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let report = read(&bytes, &Limits::default(), &SeverityOverrides::default());
        best = best.min(start.elapsed().as_secs_f64());
        drop(report.expect(name));
    }
    let megabytes = bytes.len() as f64 / 1e6;
    let peak = memory("VmHWM:").saturating_sub(before) as f64 / 1e3;
    println!(
        "{name:<50} {megabytes:>9.1} {:>8.1} {:>9.0} {peak:>9.1}",
        best * 1e3,
        megabytes / best
    );
}

/// Returns a figure about the memory of this process, in kB.
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the figure");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

fn grown(text: &str, grow: &Grow) -> String {
    match grow {
        Items(pointer) => {
            let mut value: Value = serde_json::from_str(text).expect("JSON");
            let indent = value.to_string().len();
            let array = value.pointer_mut(pointer).and_then(Value::as_array_mut).expect("an array");
            let items = array.clone();
            let size: usize = items.iter().map(|item| item.to_string().len() + 1).sum();
            for _ in 0..SIZE.saturating_sub(indent) / size {
                array.extend(items.iter().cloned());
            }
            value.to_string()
        }
        Elements => {
            let root = text.find("?>").map_or(0, |at| at + 2);
            let start = root + text[root..].find('>').expect("a root") + 1;
            let end = text.rfind("</").expect("its end");
            let inner = &text[start..end];
            format!("{}{}{}", &text[..start], inner.repeat(SIZE / inner.len()), &text[end..])
        }
        Lines => {
            let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("1..")).collect();
            let points = lines.iter().filter(|l| l.starts_with("ok") || l.starts_with("not ok"));
            let (one, points) = (lines.join("\n") + "\n", points.count());
            let times = SIZE / one.len();
            format!("{}1..{}\n", one.repeat(times), points * times)
        }
        Tags => {
            let (first, rest) = text.split_once('\n').expect("lines");
            let rest = format!("{}\n", rest.trim_end());
            format!("{first}\n{}", rest.repeat(SIZE / rest.len()))
        }
    }
}
