//! SARIF 2.1.0 (OASIS Standard), from whatever scanner.
//!
//! A result is a finding unless its `kind` says that nothing is wrong or its
//! `baselineState` that it is gone. Its severity is its `security-severity`, else
//! that of its rule, else its level: see `rules`. A run without a list of results
//! did not scan (§3.14.23), and one whose results or rules stand elsewhere
//! (§3.15) cannot be judged.

mod model;
mod place;
mod rules;

use super::Format;
use super::error::{Fault, ReadError};
use super::excerpt;
use super::json::{Document, Object, Raw, UpTo};
use super::tally::Tally;
use crate::evidence::report::{Caveat, Class, Finding, Mark, Report, Tool, is_vulnerability_id};
use crate::evidence::severity::{Rating, SeverityOverrides};
use crate::limits::Limits;
use model::SarifResult;
use place::Bases;
use rules::Rules;

/// Runs of one log that are read; real logs have one, merged ones a few dozen.
const MAX_RUNS: usize = 1_000;

/// Commits that are kept.
const KEPT_COMMITS: usize = 8;

/// Places of one finding that are kept.
const KEPT_LOCATIONS: usize = 32;

/// Reads a SARIF log.
pub(super) fn read(
    document: Document<'_>,
    limits: &Limits,
    overrides: &SeverityOverrides,
) -> Result<Report, ReadError> {
    let log: model::Log<'_> = document.root()?;
    if &*log.version != "2.1.0" {
        let (found, known) = (excerpt::prose(&log.version), "2.1.0");
        return Err(document.error_in(&log.version, Fault::UnsupportedVersion { found, known }));
    }
    if holds_something(log.inline_external_properties) {
        return Err(document.error(Fault::ExternalProperties));
    }
    let mut reading = Reading {
        document,
        overrides,
        report: Report::new(Format::Sarif, "2.1.0"),
        tally: Tally::new(document, limits),
        runs: 0,
    };
    for Object(run) in log.runs.iter().flat_map(|UpTo(runs)| runs) {
        reading.run(run)?;
    }
    let Reading { mut report, tally, runs, .. } = reading;
    if runs == 0 {
        return Err(document.error(Fault::NoRun));
    }
    report.states_vulnerabilities = true;
    report.findings = tally.into_findings();
    Ok(report)
}

struct Reading<'a, 'p> {
    document: Document<'a>,
    overrides: &'p SeverityOverrides,
    report: Report,
    tally: Tally<'a>,
    runs: usize,
}

impl<'a> Reading<'a, '_> {
    fn run(&mut self, run: &model::Run<'a>) -> Result<(), ReadError> {
        let document = self.document;
        if self.runs == MAX_RUNS {
            return Err(document.error(Fault::TooMany { what: "runs", limit: MAX_RUNS }));
        }
        let number = self.runs;
        self.runs += 1;
        if let Some(external) = &run.external_property_file_references
            && [external.results, external.invocations, external.extensions, external.driver]
                .into_iter()
                .any(holds_something)
        {
            return Err(document.error(Fault::ExternalProperties));
        }
        let Some(results) = run.results else {
            return Err(document.error(Fault::ResultsAbsent { run: number }));
        };
        let driver = &run.tool.driver;
        let tool = excerpt::name(&driver.name);
        let mut rules = Rules::read(document, &run.tool, self.overrides.of(&driver.name))?;
        let version = driver.semantic_version.as_deref().or(driver.version.as_deref());
        self.report.tools.push(Tool { name: tool.clone(), version: version.map(excerpt::name) });
        self.invocations(run.invocations, &mut rules, &tool)?;
        self.commits(run.version_control_provenance)?;
        let mut artifacts = 0;
        if let Some(list) = run.artifacts {
            artifacts = document.count(list)?;
            *self.report.scanned.get_or_insert(0) += artifacts;
        }
        let bases = run.original_uri_base_ids.map(|raw| Bases::read(document, raw)).transpose()?;
        let scan = Scan { document, tool: &tool, rules: &rules, bases: bases.unwrap_or_default() };
        let before = self.tally.seen();
        document.each(results, |Object(result): Object<SarifResult<'a>>| {
            scan.result(&result, &mut self.report, &mut self.tally)
        })?;
        if self.tally.seen() == before && artifacts == 0 && rules.is_empty() {
            self.report.caveats.push(Caveat::NothingNamed { tool });
        }
        Ok(())
    }

    /// Reads how the tool ran: whether to its end, and what it complained about (§3.20).
    fn invocations(
        &mut self,
        list: Option<Raw<'a>>,
        rules: &mut Rules<'a>,
        tool: &str,
    ) -> Result<(), ReadError> {
        let Some(list) = list else { return Ok(()) };
        let document = self.document;
        let (mut failed, mut errors, mut warnings, mut first) = (false, 0, 0, String::new());
        document.each(list, |Object(invocation): Object<model::Invocation<'a>>| {
            failed |= !invocation.execution_successful;
            self.report.note_time(invocation.start_time_utc.as_deref());
            self.report.note_time(invocation.end_time_utc.as_deref());
            if let Some(changes) = invocation.rule_configuration_overrides {
                rules.override_levels(document, changes)?;
            }
            let lists = [
                invocation.tool_execution_notifications,
                invocation.tool_configuration_notifications,
            ];
            for list in lists.into_iter().flatten() {
                document.each(list, |Object(notification): Object<model::Notification<'a>>| {
                    // The default is warning (§3.58.6); a level that SARIF does not have may be the worst.
                    match notification.level.as_deref().unwrap_or("warning") {
                        "none" | "note" => {}
                        "warning" => warnings += 1,
                        _ => {
                            errors += 1;
                            if errors == 1 {
                                first = text_of(notification.message.as_deref());
                            }
                        }
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        let caveats = &mut self.report.caveats;
        if failed {
            caveats.push(Caveat::ExecutionFailed { tool: tool.into() });
        }
        if errors > 0 {
            caveats.push(Caveat::ToolErrors { tool: tool.into(), count: errors, first });
        }
        if warnings > 0 {
            caveats.push(Caveat::ToolWarnings { tool: tool.into(), count: warnings });
        }
        Ok(())
    }

    fn commits(&mut self, list: Option<Raw<'a>>) -> Result<(), ReadError> {
        let Some(list) = list else { return Ok(()) };
        self.document.each(list, |Object(checkout): Object<model::Checkout<'a>>| {
            let id = checkout.revision_id.as_deref().filter(|id| !id.is_empty()).map(excerpt::name);
            let commits = &mut self.report.commits;
            if let Some(id) = id
                && commits.len() < KEPT_COMMITS
                && !commits.contains(&id)
            {
                commits.push(id);
            }
            Ok(())
        })
    }
}

/// What is needed to judge the results of one run.
struct Scan<'a, 'r> {
    document: Document<'a>,
    tool: &'r str,
    rules: &'r Rules<'a>,
    bases: Bases<'a>,
}

impl<'a> Scan<'a, '_> {
    fn result(
        &self,
        result: &SarifResult<'a>,
        report: &mut Report,
        tally: &mut Tally<'_>,
    ) -> Result<(), ReadError> {
        let is_finding =
            !matches!(result.kind.as_deref(), Some("pass" | "notApplicable" | "informational"));
        if !is_finding || result.baseline_state.as_deref() == Some("absent") {
            return Ok(());
        }
        let suppressed = self.is_suppressed(result)?;
        let (rating, rule) = self.rules.judge(self.document, result);
        tally.add(report, rating, suppressed, || self.finding(result, rating, rule, suppressed))
    }

    /// Returns whether the report marks a result as suppressed: by suppressions all of which are accepted (§3.27.23, §3.35.3).
    fn is_suppressed(&self, result: &SarifResult<'a>) -> Result<bool, ReadError> {
        let Some(list) = result.suppressions else { return Ok(false) };
        let (mut any, mut all_accepted) = (false, true);
        self.document.each(list, |Object(suppression): Object<model::Suppression<'a>>| {
            any = true;
            all_accepted &= matches!(suppression.status.as_deref(), None | Some("accepted"));
            Ok(())
        })?;
        Ok(any && all_accepted)
    }

    fn finding(
        &self,
        result: &SarifResult<'a>,
        rating: Rating,
        rule: &str,
        suppressed: bool,
    ) -> Result<Finding, ReadError> {
        let (mut locations, mut unlisted_locations, mut snippet) = (Vec::new(), 0, None);
        if let Some(list) = result.locations {
            self.document.each(list, |Object(location): Object<model::Location<'a>>| {
                if locations.len() == KEPT_LOCATIONS {
                    unlisted_locations += 1;
                    return Ok(());
                }
                if locations.is_empty() {
                    snippet = snippet_of(&location);
                }
                locations.push(self.bases.locate(self.document, &location));
                Ok(())
            })?;
        }
        let class = match rule {
            rule if is_vulnerability_id(rule) => Class::Dependency,
            _ if self.rules.is_secret_scanner() => Class::Secret,
            _ => Class::Code,
        };
        let mut finding = Finding::new(class, rating, rule, self.tool);
        finding.locations = locations;
        finding.unlisted_locations = unlisted_locations;
        finding.title = text_of(result.message.as_deref());
        finding.suppressed = suppressed;
        let sets = [&result.partial_fingerprints, &result.fingerprints];
        let hashes = sets.iter().filter_map(|set| set.as_deref());
        let hash = hashes
            .flat_map(|set| [&set.line_hash, &set.context_hash])
            .filter_map(|hash| hash.as_deref())
            .find(|hash| !hash.is_empty());
        let mark = match (hash, snippet.as_deref()) {
            (Some(hash), _) => Mark::Hash(hash),
            (None, Some(text)) if class == Class::Secret => Mark::Secret(text),
            (None, Some(text)) => Mark::Text(text),
            (None, None) => Mark::Line,
        };
        Ok(finding.identified_by(mark))
    }
}

/// Returns the flagged text of a location with its blanks folded, if there is any.
fn snippet_of(location: &model::Location<'_>) -> Option<String> {
    let region = location.physical_location.as_ref()?.region.as_ref()?;
    let text = region.snippet.as_ref()?.text.as_deref()?;
    let words: Vec<&str> = text.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn text_of(message: Option<&model::Message<'_>>) -> String {
    let text = message.and_then(|message| message.text.as_deref().or(message.markdown.as_deref()));
    excerpt::prose(text.unwrap_or_default())
}

/// Returns whether a member is there and is neither an empty array nor an empty object.
fn holds_something(member: Option<Raw<'_>>) -> bool {
    member.is_some_and(|raw| {
        let start: String =
            raw.get().chars().filter(|c| !c.is_ascii_whitespace()).take(3).collect();
        !matches!(start.as_str(), "[]" | "{}")
    })
}

#[cfg(test)]
mod tests;
