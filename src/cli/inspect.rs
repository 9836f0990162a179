//! `refgate evidence inspect`: what refgate reads in a report, without signing anything.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::args::{EvidenceInspect, Format as Print};
use super::attach::tools;
use super::output::Output;
use super::{ACCEPTED, CANNOT_JUDGE, REFUSED};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::evidence::format::{self, Format};
use crate::evidence::kind::Kind;
use crate::evidence::report::{
    Class, Counts, Finding, ReadError, Report, Requirements, TestCounts, Unsuitable,
};
use crate::evidence::severity::SeverityOverrides;
use crate::limits::Limits;
use crate::repo::layout::read_bounded;
use crate::report::text::Foreign;

/// Findings that are listed, the worst first.
const LISTED: usize = 20;

/// Findings that are shown to people.
const SHOWN: usize = 5;

/// Reads each file and says what is in it.
///
/// # Errors
/// The command line is wrong. A file that cannot be read is a result.
pub fn inspect(dir: &Path, args: &EvidenceInspect, out: &mut Output) -> Result<ExitCode> {
    let limits = Limits::default();
    let kind = args.kind.as_deref().map(kind_of).transpose()?;
    if args.files.iter().filter(|file| file.as_os_str() == "-").count() > 1 {
        return Err(Error::new(ErrorKind::Usage, "standard input can be read only once"));
    }
    let mut worst = ACCEPTED;
    for file in &args.files {
        let name = file.display().to_string();
        let read = read_bytes(dir, file, &limits)
            .map(|bytes| format::read(&bytes, &limits, &SeverityOverrides::default()));
        let said = match &read {
            Ok(Ok(report)) => Said::of_report(&name, report, kind.as_ref()),
            Ok(Err(error)) => Said::of_error(&name, error),
            Err(error) => {
                Said { file: &name, reason: Some(error.chain().join(": ")), ..Said::default() }
            }
        };
        worst = worst.max(said.code());
        match args.format {
            Print::Json => {
                // One file is one object; several are one object to a line.
                let json = match args.files.len() {
                    1 => serde_json::to_string_pretty(&said),
                    _ => serde_json::to_string(&said),
                };
                out.line(&json.during(ErrorKind::Internal, || "writing JSON".into())?);
            }
            Print::Text => said.show(out),
        }
    }
    Ok(ExitCode::from(worst))
}

/// A kind of evidence; for tests the suite may be left out, since no report says which it is.
fn kind_of(text: &str) -> Result<Kind> {
    let whole = if text == "tests" { ANY_SUITE } else { text };
    Kind::parse(whole).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{text:?} is no kind of evidence"))
            .hint("sast, sbom, dependencies or tests")
    })
}

/// Stands for whichever suite it is.
const ANY_SUITE: &str = "tests:any";

fn read_bytes(dir: &Path, file: &Path, limits: &Limits) -> Result<Vec<u8>> {
    if file.as_os_str() != "-" {
        let found = read_bounded(&dir.join(file), limits.report_bytes)?;
        return found.ok_or_else(|| Error::new(ErrorKind::Usage, "no such file"));
    }
    let mut bytes = Vec::new();
    // One byte more than allowed shows that there is more.
    std::io::stdin()
        .take(limits.report_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .during(ErrorKind::Environment, || "reading standard input".into())?;
    Ok(bytes)
}

/// What is said about one file. Members are never left out, so that a script finds them.
#[derive(Debug, Default, Serialize)]
struct Said<'a> {
    file: &'a str,
    /// The format by its id; null if it was not recognised.
    format: Option<&'static str>,
    /// The format of the predicate, for statements and envelopes.
    predicate: Option<&'static str>,
    version: Option<&'a str>,
    tool: Option<String>,
    /// What it would be evidence of.
    kind: Option<&'static str>,
    findings: Counts,
    suppressed: u64,
    components: Option<u64>,
    scanned: Option<u64>,
    tests: Option<TestCounts>,
    accepted: bool,
    reason: Option<String>,
    remedy: Option<&'static str>,
    line: Option<usize>,
    column: Option<usize>,
    /// What makes it say less than it seems to.
    notes: Vec<String>,
    commits: &'a [String],
    worst: Vec<Listed<'a>>,
    #[serde(skip)]
    is_read: bool,
}

#[derive(Debug, Serialize)]
struct Listed<'a> {
    severity: String,
    class: &'static str,
    rule: &'a str,
    ids: Vec<&'a str>,
    locations: Vec<String>,
    title: &'a str,
    fingerprint: &'a str,
    suppressed: bool,
}

impl<'a> Said<'a> {
    fn of_report(file: &'a str, report: &'a Report, asked: Option<&Kind>) -> Self {
        let (kind, verdict) = verdict(report, asked);
        Self {
            file,
            format: Some(report.format.id()),
            predicate: report.predicate.map(Format::id),
            version: Some(report.version.as_str()).filter(|version| !version.is_empty()),
            tool: (!report.tools.is_empty()).then(|| tools(report)),
            kind,
            findings: report.open,
            suppressed: report.suppressed.total(),
            components: report.components,
            scanned: report.scanned,
            tests: report.tests,
            accepted: verdict.is_ok(),
            reason: verdict.err().map(|why| why.to_string()),
            notes: report.caveats.iter().map(ToString::to_string).collect(),
            commits: &report.commits,
            worst: report.findings.iter().take(LISTED).map(Listed::of).collect(),
            is_read: true,
            ..Self::default()
        }
    }

    fn of_error(file: &'a str, error: &ReadError) -> Self {
        Self {
            file,
            format: error.format.map(Format::id),
            reason: Some(error.to_string()),
            remedy: Some(error.remedy()),
            line: error.place.map(|place| place.line),
            column: error.place.map(|place| place.column),
            ..Self::default()
        }
    }

    /// Returns how the command ends.
    fn code(&self) -> u8 {
        match (self.accepted, self.is_read) {
            (true, _) => ACCEPTED,
            (false, true) => REFUSED,
            (false, false) => CANNOT_JUDGE,
        }
    }

    fn show(&self, out: &mut Output) {
        let file = Foreign::from(self.file).shown(200);
        let reason = self.reason.as_deref().unwrap_or_default();
        match (self.is_read, self.accepted) {
            (false, _) => {
                out.note(&format!("error: {file}: {reason}"));
                if let Some(remedy) = self.remedy {
                    out.note(&format!("hint: {remedy}"));
                }
                return;
            }
            (true, true) => {
                out.line(&format!("{file}: evidence of kind {}", self.kind.unwrap_or_default()));
            }
            (true, false) => out.line(&format!("{file}: no evidence: {reason}")),
        }
        let mut row = |name: &str, text: String| out.line(&format!("  {name:<12}{text}"));
        let format = [self.format, self.predicate].into_iter().flatten().collect::<Vec<_>>();
        let version = self.version.map(|version| Foreign::from(version).shown(40));
        row(
            "format",
            format!("{} {}", format.join(", "), version.unwrap_or_default()).trim_end().to_owned(),
        );
        if let Some(tool) = &self.tool {
            row("tool", tool.clone());
        }
        if let Some(tests) = &self.tests {
            let TestCounts { passed, failed, errored, skipped, flaky, warned, todo, hidden } =
                tests;
            let rare =
                [("flaky", flaky), ("warned", warned), ("todo", todo), ("not shown", hidden)];
            let rare = rare.iter().filter(|(_, count)| **count > 0);
            let rare: String = rare.map(|(name, count)| format!(", {count} {name}")).collect();
            row(
                "tests",
                format!(
                    "{passed} passed, {failed} failed, {errored} errored, {skipped} skipped{rare}"
                ),
            );
        } else {
            row("findings", format!("{}; {} suppressed", self.findings, self.suppressed));
        }
        if let Some(components) = self.components {
            row("components", components.to_string());
        }
        for note in &self.notes {
            row("note", note.clone());
        }
        for finding in self.worst.iter().take(SHOWN) {
            let place = finding.locations.first().map(|place| Foreign::from(place.as_str()));
            let place = place.map(|place| format!(" in {}", place.shown(60))).unwrap_or_default();
            let suppressed = if finding.suppressed { ", suppressed" } else { "" };
            let rule = Foreign::from(finding.rule);
            row(&finding.severity, format!("{}{place}{suppressed}", rule.shown(40)));
        }
    }
}

impl<'a> Listed<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            severity: finding.rating.to_string(),
            class: finding.class.as_str(),
            rule: &finding.rule,
            ids: finding.ids().collect(),
            locations: finding.locations.iter().map(ToString::to_string).collect(),
            title: &finding.title,
            fingerprint: &finding.fingerprint,
            suppressed: finding.suppressed,
        }
    }
}

/// Returns what a report is evidence of, or would be, and why it is not.
fn verdict(
    report: &Report,
    asked: Option<&Kind>,
) -> (Option<&'static str>, Result<(), Unsuitable>) {
    let requirements = Requirements::default();
    if let Some(kind) = asked {
        return (Some(name(kind)), report.supports(kind, &requirements));
    }
    let mut kinds = ["sast", "sbom", "dependencies", ANY_SUITE];
    let is_about_packages = |finding: &Finding| finding.class == Class::Dependency;
    if report.format == Format::Sarif
        && !report.findings.is_empty()
        && report.findings.iter().all(is_about_packages)
    {
        kinds = ["dependencies", "sast", "sbom", ANY_SUITE];
    }
    let mut refusal: Option<(Option<&'static str>, Unsuitable)> = None;
    for kind in kinds.into_iter().filter_map(Kind::parse) {
        let why = match report.supports(&kind, &requirements) {
            Ok(()) => return (Some(name(&kind)), Ok(())),
            Err(why) => why,
        };
        // That the format cannot be of a kind is a reason only if it cannot be of any.
        let of_kind = !matches!(why, Unsuitable::Format { .. } | Unsuitable::Envelope { .. });
        if refusal.as_ref().is_none_or(|(known, _)| known.is_none() && of_kind) {
            refusal = Some((of_kind.then(|| name(&kind)), why));
        }
    }
    match refusal {
        Some((kind, why)) => (kind, Err(why)),
        None => (None, Ok(())),
    }
}

fn name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Sast => "sast",
        Kind::Sbom => "sbom",
        Kind::Dependencies => "dependencies",
        Kind::Tests(_) => "tests",
    }
}
