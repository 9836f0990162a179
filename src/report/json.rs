//! The verdict for machines: the same facts as the lines, with a version.

use serde::Serialize;

use super::block::{Block, Hint};
use crate::error::{Error, ErrorKind};
use crate::id::ObjectId;
use crate::verdict::{Excepted, Rule, Verdict, Waived, Warning};
use crate::violation::Violation;

/// The version of this form. It changes when a field changes its meaning or goes away.
pub const VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    version: u32,
    verdict: &'static str,
    id: &'a str,
    time: String,
    repository: Option<&'a str>,
    trusted: Option<Trusted<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pusher: Option<&'a crate::host::Pusher>,
    /// How many bytes the whole has, where the largest parts are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    too_large: Option<usize>,
    refs: Vec<Ref<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Trusted<'a> {
    r#ref: &'a str,
    commit: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Ref<'a> {
    r#ref: String,
    old: Option<String>,
    new: Option<String>,
    gates: Vec<Gate<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    violations: Option<Vec<Described<'a>>>,
    /// What a break-glass exception lets pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    waived: Option<&'a Waived>,
    /// The freezes that an exception for them lifts.
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted: Option<&'a Waived>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<&'a Warning>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Gate<'a> {
    gate: &'static str,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a Rule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rests_on: Option<&'a [crate::evidence::attestation::EvidenceId]>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    excepted: &'a [Excepted],
}

#[derive(Serialize)]
struct Clause<'a> {
    clause: &'a str,
    origins: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Described<'a> {
    #[serde(flatten)]
    violation: &'a Violation,
    title: String,
    rule: Clause<'a>,
    hints: Vec<String>,
}

/// Writes a verdict as one JSON document.
#[must_use]
pub fn verdict(verdict: &Verdict) -> String {
    verdict_with(verdict, super::remote::Options::everything())
}

/// As [`verdict`], with hints for somebody whose git knows the server by another name.
#[must_use]
pub fn verdict_with(verdict: &Verdict, options: super::remote::Options<'_>) -> String {
    write(&document(verdict, options))
}

/// Writes a verdict as JSON on one line, as it is recorded.
///
/// # Errors
/// It cannot be written as JSON.
pub fn verdict_line(verdict: &Verdict) -> serde_json::Result<String> {
    serde_json::to_string(&document(verdict, super::remote::Options::default()))
}

/// Writes what summaries and audits go by as JSON on one line, for a verdict that is too large to be recorded: what
/// each gate said, and a few of the exceptions that it went by.
///
/// # Errors
/// It cannot be written as JSON.
pub fn short_line(verdict: &Verdict, bytes: usize) -> serde_json::Result<String> {
    let mut document = document(verdict, super::remote::Options::default());
    document.too_large = Some(bytes);
    for judged in &mut document.refs {
        judged.violations = None;
        judged.warnings.clear();
        for gate in &mut judged.gates {
            (gate.rule, gate.rests_on) = (None, None);
            gate.excepted = gate.excepted.get(..FEW).unwrap_or(gate.excepted);
        }
    }
    serde_json::to_string(&document)
}

/// So many exceptions of each gate are in the short form.
const FEW: usize = 2;

fn document<'v>(verdict: &'v Verdict, options: super::remote::Options<'_>) -> Document<'v> {
    let hex = |id: Option<ObjectId>| id.map(|id| id.to_hex().to_string());
    let refs = verdict
        .refs
        .iter()
        .map(|judgement| {
            let blocks = super::remote::blocks(judgement, verdict, options);
            let described = judgement.violations().zip(blocks).map(|((rule, violation), block)| {
                let clause = super::describe::clause(violation, rule);
                let rule = Clause { clause, origins: &rule.origins };
                Described { violation, rule, hints: hints(&block), title: block.title }
            });
            Ref {
                r#ref: judgement.name.to_string(),
                old: hex(judgement.old),
                new: hex(judgement.new),
                gates: judgement
                    .gates
                    .iter()
                    .map(|(gate, outcome)| Gate {
                        gate: gate.name(),
                        passed: outcome.violations.is_empty(),
                        rule: Some(&outcome.rule),
                        rests_on: Some(&outcome.rests_on),
                        excepted: &outcome.excepted,
                    })
                    .collect(),
                violations: Some(described.collect()),
                waived: judgement.waived.as_ref(),
                lifted: judgement.lifted.as_ref(),
                warnings: judgement.all_warnings().collect(),
            }
        })
        .collect();
    Document {
        version: VERSION,
        verdict: if verdict.is_accepted() { "accepted" } else { "refused" },
        id: &verdict.id,
        time: verdict.time.to_string(),
        repository: verdict.repository.as_deref(),
        trusted: verdict
            .trusted
            .as_ref()
            .map(|source| Trusted { r#ref: &source.ref_name, commit: &source.commit_id }),
        pusher: verdict.pusher.as_ref(),
        too_large: None,
        refs,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Unjudged<'a> {
    version: u32,
    verdict: &'static str,
    kind: ErrorKind,
    error: &'a [String],
    diagnostics: Vec<crate::violation::Problem>,
    remedy: Option<&'a str>,
}

/// Writes why nothing could be judged as one JSON document.
#[must_use]
pub fn error(error: &Error) -> String {
    write(&unjudged(error))
}

/// Writes why nothing could be judged as JSON on one line, as it is recorded.
///
/// # Errors
/// It cannot be written as JSON.
pub fn error_line(error: &Error) -> serde_json::Result<String> {
    serde_json::to_string(&unjudged(error))
}

fn unjudged(error: &Error) -> Unjudged<'_> {
    Unjudged {
        version: VERSION,
        verdict: "cannot-judge",
        kind: error.kind(),
        error: error.chain(),
        diagnostics: error.diagnostics().iter().map(Into::into).collect(),
        remedy: error.remedy(),
    }
}

fn hints(block: &Block) -> Vec<String> {
    block
        .hints
        .iter()
        .map(|hint| match hint {
            Hint::Say(text) | Hint::Run(text) => text.clone(),
        })
        .collect()
}

fn write(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document)
        .unwrap_or_else(|error| format!("{{\"error\": {:?}}}", error.to_string()));
    text.push('\n');
    ascii(&text)
}

/// Escapes everything outside ASCII, which JSON has inside strings alone: the value stays the same, and
/// a terminal that is shown the document is not fooled by what JSON lets stand as it is.
fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() && c != '\u{7f}' {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}
