//! The report of an audit: one set of facts, written for people and for programs.

mod chart;
mod html;
mod markdown;

use std::collections::BTreeMap;

use serde::Serialize;

pub use self::html::page;
pub use self::markdown::document;
use super::continuity::{Control, Gap, Told};
use super::exceptions::Exceptions;
use super::findings::{Findings, Item};
use super::results::{Answer, Replayed, Results};
use super::sample::{Release, Sample, Unreadable};
use crate::clock::Timestamp;

/// The version of the JSON form. It changes when a field changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// Everything that a report says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The version of this form.
    pub version: u32,
    /// The quarter.
    pub quarter: String,
    /// The seed of the draw.
    pub seed: String,
    /// When the report was made.
    pub time: Timestamp,
    /// How many releases there were to draw from.
    pub candidates: usize,
    /// The drawn releases.
    pub releases: Vec<Drawn>,
    /// Repositories that could not be read.
    pub unreadable: Vec<Unreadable>,
    /// What is to be mended.
    pub findings: Vec<Item>,
    /// The exceptions of the repositories of the sample, as of the day of the report.
    pub exceptions: Exceptions,
    /// What the ledgers say until the end of the quarter; nothing where none was read.
    pub ledgers: Option<Told>,
}

/// A drawn release and what replaying it came to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Drawn {
    /// The release.
    pub release: Release,
    /// The result; none if it was not replayed.
    pub result: Option<Replayed>,
}

impl Drawn {
    /// Returns how it came out, in a word or two.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self.result.as_ref().map(Replayed::answer) {
            Some(Answer::Accepted) => "accepted",
            Some(Answer::Refused) => "refused",
            Some(Answer::CannotJudge) => "cannot judge",
            None => "not replayed",
        }
    }

    /// Returns whether a gate agreed in every judgement that asked it; none if none did.
    #[must_use]
    pub fn gate(&self, gate: &str) -> Option<bool> {
        let checks = self.result.iter().flat_map(|result| &result.checks);
        checks
            .flat_map(|check| &check.gates)
            .filter(|result| result.gate == gate)
            .map(|result| result.passed)
            .reduce(|one, other| one && other)
    }

    /// Returns how many judgements were replayed.
    #[must_use]
    pub fn judgements(&self) -> usize {
        self.result.as_ref().map_or(0, |result| result.checks.len())
    }
}

impl Report {
    /// Puts a report together.
    #[must_use]
    pub fn new(
        sample: &Sample,
        results: &Results,
        findings: &Findings,
        exceptions: Exceptions,
        ledgers: Option<Told>,
        time: Timestamp,
    ) -> Self {
        let known = results.by_release();
        let drawn = sample.candidates.iter().filter(|release| release.drawn);
        let releases = drawn.map(|release| Drawn {
            release: release.clone(),
            result: known
                .get(&(release.repository.as_str(), release.tag.as_str()))
                .map(|result| (*result).clone()),
        });
        Self {
            version: VERSION,
            quarter: sample.quarter.clone(),
            seed: sample.seed.clone(),
            time,
            candidates: sample.candidates.len(),
            releases: releases.collect(),
            unreadable: sample.unreadable.clone(),
            findings: findings.items.clone(),
            exceptions,
            ledgers,
        }
    }

    /// Returns the counts at the head of a report, each with its name.
    fn counts(&self) -> [(&'static str, usize); 4] {
        let with =
            |outcome| self.releases.iter().filter(|drawn| drawn.outcome() == outcome).count();
        let accepted = with("accepted");
        let refused = with("refused");
        [
            ("releases drawn", self.releases.len()),
            ("accepted again", accepted),
            ("refused now", refused),
            ("could not be judged", self.releases.len() - accepted - refused),
        ]
    }
}

/// A gap, and all controls of a ref that share it.
struct SharedGap<'a> {
    repository: &'a str,
    r#ref: &'a str,
    controls: Vec<&'a str>,
    gap: &'a Gap,
}

/// Returns the gaps by repository, ref and time, each once.
fn gaps(controls: &[Control]) -> Vec<SharedGap<'_>> {
    let mut shared: BTreeMap<_, SharedGap<'_>> = BTreeMap::new();
    for Control { repository, r#ref, gate, gaps, .. } in controls {
        for gap in gaps {
            let one = shared
                .entry((repository, r#ref, gap.to, gap.from, &gap.why))
                .or_insert_with(|| SharedGap { repository, r#ref, controls: Vec::new(), gap });
            one.controls.push(gate);
        }
    }
    shared.into_values().collect()
}

/// Returns a day.
fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// Adds a line to a text.
fn line(text: &mut String, line: &str) {
    *text += line;
    text.push('\n');
}
