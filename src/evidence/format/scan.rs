//! What the readers of scanner reports share: a report that is filled finding by finding.

use super::error::ReadError;
use super::excerpt;
use super::json::{Document, Text};
use super::tally::Tally;
use crate::evidence::report::{Caveat, Finding, Report, Tool};
use crate::evidence::severity::Rating;
use crate::limits::Limits;

/// Other ids of one vulnerability that are kept.
pub(super) const KEPT_ALIASES: usize = 32;

/// A report of one tool while it is read.
pub(super) struct Scan<'a> {
    pub(super) document: Document<'a>,
    pub(super) report: Report,
    tally: Tally<'a>,
    tool: String,
}

impl<'a> Scan<'a> {
    /// Returns a report of `tool` without findings.
    pub(super) fn new(
        document: Document<'a>,
        limits: &Limits,
        tool: &str,
        version: Option<&str>,
    ) -> Self {
        let mut report = Report::new(document.format(), "");
        let tool = excerpt::name(tool);
        report.tools.push(Tool { name: tool.clone(), version: version.map(excerpt::name) });
        Self { document, report, tally: Tally::new(document, limits), tool }
    }

    /// Returns the name of the tool.
    pub(super) fn tool(&self) -> String {
        self.tool.clone()
    }

    /// Counts a finding; `finding` makes it if it is among those that are kept.
    pub(super) fn add(
        &mut self,
        rating: Rating,
        suppressed: bool,
        finding: impl FnOnce(&str) -> Result<Finding, ReadError>,
    ) -> Result<(), ReadError> {
        let Self { report, tally, tool, .. } = self;
        tally.add(report, rating, suppressed, || {
            let mut finding = finding(tool)?;
            finding.suppressed = suppressed;
            Ok(finding)
        })
    }

    /// Notes errors of the tool's own, the first of them in words.
    pub(super) fn note_errors(&mut self, count: u64, first: &str) {
        if count > 0 {
            let (tool, first) = (self.tool(), excerpt::prose(first));
            self.report.caveats.push(Caveat::ToolErrors { tool, count, first });
        }
    }

    /// Notes how much was looked at; a clean report that looked at nothing is told.
    pub(super) fn note_scanned(&mut self, scanned: u64) {
        self.report.scanned = Some(scanned);
        if scanned == 0 && self.tally.seen() == 0 {
            self.report.caveats.push(Caveat::NothingNamed { tool: self.tool() });
        }
    }

    /// Returns the report.
    pub(super) fn finish(self) -> Report {
        let Self { mut report, tally, .. } = self;
        report.findings = tally.into_findings();
        report
    }
}

/// Adds other ids of a vulnerability to a finding, without its own and up to a limit.
pub(super) fn alias(finding: &mut Finding, id: &str) {
    if !id.is_empty()
        && finding.aliases.len() < KEPT_ALIASES
        && !finding.ids().any(|known| known.eq_ignore_ascii_case(id))
    {
        finding.aliases.push(excerpt::name(id));
    }
}

/// Adds a list of ids, see [`alias`].
pub(super) fn aliases<'a>(
    document: Document<'a>,
    finding: &mut Finding,
    ids: Option<super::json::Raw<'a>>,
) -> Result<(), ReadError> {
    let Some(ids) = ids else { return Ok(()) };
    document.each(ids, |id: Text<'_>| {
        alias(finding, &id);
        Ok(())
    })
}
