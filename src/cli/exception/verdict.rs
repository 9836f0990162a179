//! The findings of a refusal, as `refgate check --format json` prints it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::repo::layout::read_bounded;
use crate::report::json::VERSION;
use crate::violation::{ExceptionViolation, ScanViolation};

/// The most bytes of a verdict.
const MAX_BYTES: u64 = 64 << 20;

/// What the findings of one rule on some refs come to.
#[derive(Debug, Default)]
pub(super) struct Finding {
    pub(super) refs: BTreeSet<String>,
    pub(super) paths: BTreeSet<String>,
    pub(super) packages: BTreeSet<String>,
    pub(super) fingerprints: BTreeSet<String>,
    /// The tool, if it is the same for all.
    pub(super) tools: BTreeSet<String>,
    /// A line about each, for the section Scope.
    pub(super) lines: Vec<String>,
}

#[derive(Deserialize)]
struct Document {
    version: u32,
    refs: Vec<Ref>,
}

#[derive(Deserialize)]
struct Ref {
    r#ref: String,
    violations: Vec<Violation>,
}

#[derive(Deserialize)]
struct Violation {
    code: String,
    #[serde(default)]
    findings: Vec<Open>,
    #[serde(default)]
    exception: Option<Lapsed>,
}

#[derive(Deserialize)]
struct Lapsed {
    findings: Vec<Open>,
}

#[derive(Deserialize)]
struct Open {
    severity: String,
    rule: String,
    location: String,
    title: String,
    tool: String,
    fingerprint: String,
    paths: Vec<String>,
    purls: Vec<String>,
}

/// Reads the findings that block from a file or from standard input.
///
/// # Errors
/// As [`findings`], or the file cannot be read.
pub(super) fn read(dir: &Path, from: &str) -> Result<BTreeMap<String, Finding>> {
    let step = || format!("reading the verdict from {from}");
    let bytes = if from == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .take(MAX_BYTES)
            .read_to_end(&mut bytes)
            .during(ErrorKind::Environment, step)?;
        bytes
    } else {
        read_bounded(&dir.join(from), MAX_BYTES)?.ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("{from:?} is no file here"))
                .hint("judge anew with: refgate exception new --from-check")
        })?
    };
    findings(&bytes).map_err(|error| error.while_(step()))
}

/// Returns the findings that block, by rule: one request for each, so that none covers
/// one rule at the places of another.
///
/// # Errors
/// It is no verdict of this version, or nothing in it can be excepted.
pub(super) fn findings(bytes: &[u8]) -> Result<BTreeMap<String, Finding>> {
    let document: Document = serde_json::from_slice(bytes).map_err(|error| {
        Error::new(ErrorKind::Usage, error.to_string())
            .hint("write it with: refgate check --format json")
    })?;
    if document.version != VERSION {
        let what = format!("the verdict is of version {}, not {VERSION}", document.version);
        return Err(Error::new(ErrorKind::Usage, what));
    }
    let mut rules: BTreeMap<String, Finding> = BTreeMap::new();
    for judged in document.refs {
        let open = judged.violations.into_iter().filter(can_be_excepted);
        let lapsed = |violation: Violation| {
            violation.exception.map_or(violation.findings, |exception| exception.findings)
        };
        for open in open.flat_map(lapsed) {
            add(&mut rules, &judged.r#ref, open);
        }
    }
    if rules.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "no finding of the verdict can be excepted")
            .hint("exceptions are for findings of scanners; for all else there is --break-glass"));
    }
    Ok(rules)
}

fn can_be_excepted(violation: &Violation) -> bool {
    let codes = [ScanViolation::CODES, ExceptionViolation::CODES].concat();
    codes.contains(&violation.code.as_str())
}

fn add(rules: &mut BTreeMap<String, Finding>, ref_name: &str, open: Open) {
    let Open { severity, rule, location, title, tool, fingerprint, paths, purls } = open;
    // A finding without a rule or a place cannot be named, so it cannot be excepted.
    if rule.is_empty() || (paths.is_empty() && purls.is_empty()) {
        return;
    }
    let finding = rules.entry(rule.clone()).or_default();
    finding.refs.insert(ref_name.to_owned());
    finding.paths.extend(paths);
    finding.packages.extend(purls);
    finding.fingerprints.insert(fingerprint);
    finding.tools.insert(tool.clone());
    let plain = |text: &str| crate::report::text::Foreign::from(text).shown(120);
    finding.lines.push(format!(
        "- {severity} `{}` in `{}`: {} ({})",
        plain(&rule).replace('`', "'"),
        plain(&location).replace('`', "'"),
        plain(&title).replace(['[', ']', '<', '>', '`', '*', '_'], " "),
        plain(&tool).replace('`', "'"),
    ));
}
