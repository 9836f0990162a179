//! The findings of a verdict, as `refgate check --format json` prints it and the ledger keeps it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};
use crate::report::json::VERSION;
use crate::violation::{ExceptionViolation, ScanViolation};

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

/// What a verdict says, as far as it is needed here.
#[derive(Deserialize)]
pub(super) struct Verdict {
    repository: Option<String>,
    #[serde(default)]
    refs: Vec<Ref>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Head {
    version: u32,
    too_large: Option<u64>,
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

/// The findings that block, by rule: one request for each, so that none covers one rule at
/// the places of another.
pub(super) type Findings = BTreeMap<String, Finding>;

impl Verdict {
    /// Reads a verdict as `refgate check --format json` writes it, or the ledger keeps it.
    ///
    /// # Errors
    /// It is no verdict of this version, or is not kept whole.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let head: Head = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
        if head.version != VERSION {
            let what = format!("the verdict is of version {}, not {VERSION}", head.version);
            return Err(Error::new(ErrorKind::Usage, what));
        }
        if head.too_large.is_some() {
            let what = "the verdict was too large to be recorded whole";
            return Err(Error::new(ErrorKind::Usage, what)
                .hint("judge the push again: refgate exception new --from-check"));
        }
        serde_json::from_slice(bytes).map_err(|error| not_json(&error))
    }

    /// Says whether it is about a repository; one that nobody is trusted in yet has no name.
    pub(super) fn is_of(&self, repository: &str) -> bool {
        self.repository.as_deref().is_none_or(|own| own == repository)
    }

    /// Returns the findings that block.
    ///
    /// # Errors
    /// Nothing in it can be excepted.
    pub(super) fn findings(self) -> Result<Findings> {
        let mut rules = Findings::new();
        for judged in self.refs {
            let open =
                judged.violations.into_iter().filter(|violation| can_be_excepted(&violation.code));
            let lapsed = |violation: Violation| {
                violation.exception.map_or(violation.findings, |exception| exception.findings)
            };
            for open in open.flat_map(lapsed) {
                add(&mut rules, &judged.r#ref, open);
            }
        }
        if rules.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "no finding of the verdict can be excepted")
                .hint("exceptions are for findings of scanners; for a freeze there is --freeze, for all else --break-glass"));
        }
        Ok(rules)
    }
}

impl Finding {
    /// Takes in what another ref adds.
    pub(super) fn join(&mut self, other: Self) {
        self.refs.extend(other.refs);
        self.paths.extend(other.paths);
        self.packages.extend(other.packages);
        self.fingerprints.extend(other.fingerprints);
        self.tools.extend(other.tools);
        for line in other.lines {
            if !self.lines.contains(&line) {
                self.lines.push(line);
            }
        }
    }
}

fn not_json(error: &serde_json::Error) -> Error {
    Error::new(ErrorKind::Usage, error.to_string())
        .hint("write it with: refgate check --format json")
}

/// Says whether the findings of a violation with this code could be excepted.
pub(super) fn can_be_excepted(code: &str) -> bool {
    [ScanViolation::CODES, ExceptionViolation::CODES].concat().contains(&code)
}

fn add(rules: &mut Findings, ref_name: &str, open: Open) {
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
