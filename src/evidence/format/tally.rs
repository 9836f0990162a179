//! Counting all findings of a report and keeping the worst.

use std::collections::BTreeMap;

use super::error::{Fault, ReadError};
use super::json::Document;
use crate::evidence::report::{Finding, KEPT_FINDINGS, Report};
use crate::evidence::severity::{Rating, Severity};
use crate::limits::Limits;

/// Which findings of a report are listed one by one; all of them are counted.
///
/// Most findings of most reports cannot block. To read where such a one is, what it says and
/// by what it is known again takes longer than all else, and nobody would look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Findings whose rank is below this one.
    below: u8,
}

impl Listed {
    /// All findings, up to [`KEPT_FINDINGS`].
    pub const ALL: Self = Self { below: u8::MAX };

    /// Those that are as bad as one of these ratings, or worse.
    #[must_use]
    pub fn down_to(ratings: impl IntoIterator<Item = Rating>) -> Self {
        Self { below: ratings.into_iter().map(|rating| rank(rating) + 1).max().unwrap_or(0) }
    }
}

/// The findings of one report while it is read.
///
/// Its size does not depend on how many findings there are.
pub(super) struct Tally<'a> {
    document: Document<'a>,
    limit: usize,
    /// By badness, then by order in the report.
    kept: BTreeMap<(u8, usize), Finding>,
    seen: usize,
}

/// Returns how early findings of a rating are shown: the worst have the lowest number.
///
/// Unknown stands below high: it blocks by default, and is often thousands.
fn rank(rating: Rating) -> u8 {
    match rating {
        Rating::Known(Severity::Critical) => 0,
        Rating::Known(Severity::High) => 1,
        Rating::Unknown => 2,
        Rating::Known(Severity::Medium) => 3,
        Rating::Known(Severity::Low) => 4,
        Rating::Known(Severity::None) => 5,
    }
}

impl<'a> Tally<'a> {
    /// Returns an empty tally that takes as many findings as the server allows.
    pub(super) fn new(document: Document<'a>, limits: &Limits) -> Self {
        Self { document, limit: limits.findings, kept: BTreeMap::new(), seen: 0 }
    }

    /// Counts a finding in `report`, and keeps what `finding` returns if it is among the worst.
    ///
    /// # Errors
    /// There are too many findings, or `finding` cannot be made.
    pub(super) fn add(
        &mut self,
        report: &mut Report,
        rating: Rating,
        suppressed: bool,
        finding: impl FnOnce() -> Result<Finding, ReadError>,
    ) -> Result<(), ReadError> {
        if self.seen == self.limit {
            let what = "findings";
            return Err(self.document.error(Fault::TooMany { what, limit: self.limit }));
        }
        let counts = if suppressed { &mut report.suppressed } else { &mut report.open };
        *counts.of_mut(rating) += 1;
        let key = (rank(rating), self.seen);
        self.seen += 1;
        if key.0 >= self.document.listed().below {
            *report.unlisted.of_mut(rating) += 1;
            return Ok(());
        }
        if self.kept.len() >= KEPT_FINDINGS {
            match self.kept.last_entry() {
                Some(last) if *last.key() > key => {
                    *report.unlisted.of_mut(last.remove().rating) += 1
                }
                _ => {
                    *report.unlisted.of_mut(rating) += 1;
                    return Ok(());
                }
            }
        }
        self.kept.insert(key, finding()?);
        Ok(())
    }

    /// Returns how many findings were counted.
    pub(super) fn seen(&self) -> usize {
        self.seen
    }

    /// Returns the findings that were kept, the worst first, and tells those with one fingerprint apart.
    pub(super) fn into_findings(self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.kept.into_values().collect();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for finding in findings.iter_mut().filter(|finding| finding.is_counted_apart()) {
            let occurrence = seen.entry(finding.fingerprint.clone()).or_insert(0);
            *occurrence += 1;
            if *occurrence > 1 {
                finding.fingerprint.push_str(&format!(":{occurrence}"));
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::report::{Class, Format, Mark};

    fn add(tally: &mut Tally<'_>, report: &mut Report, rating: Rating, rule: &str) {
        let finding = Finding::new(Class::Code, rating, rule, "").identified_by(Mark::Line);
        tally.add(report, rating, false, || Ok(finding)).expect("counted");
    }

    #[test]
    fn t94_the_worst_are_kept_and_all_are_counted() {
        let document = Document::new("", Format::Sarif);
        let mut tally = Tally::new(document, &Limits::default());
        let mut report = Report::new(Format::Sarif, "");
        for n in 0..KEPT_FINDINGS {
            add(&mut tally, &mut report, Rating::Known(Severity::Low), &format!("low{n}"));
        }
        add(&mut tally, &mut report, Rating::Known(Severity::Low), "late");
        add(&mut tally, &mut report, Rating::Unknown, "unknown");
        add(&mut tally, &mut report, Rating::Known(Severity::Critical), "critical");
        let findings = tally.into_findings();
        let rules: Vec<&str> = findings.iter().map(|finding| finding.rule.as_str()).collect();
        assert_eq!(rules[..3], ["critical", "unknown", "low0"]);
        assert_eq!((rules.len(), rules[KEPT_FINDINGS - 1]), (KEPT_FINDINGS, "low997"));
        assert_eq!((report.open.low, report.open.total()), (1_001, 1_003));
        assert_eq!((report.unlisted.low, report.unlisted.total()), (3, 3));
    }

    #[test]
    fn what_is_milder_than_what_is_listed_is_counted_and_not_made() {
        let severities = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];
        let ratings = severities.map(Rating::Known).into_iter().chain([Rating::Unknown]);
        let ratings: Vec<Rating> = ratings.collect();
        for (down_to, listed) in [
            (vec![], 0),
            (vec![Rating::Known(Severity::Critical)], 1),
            (vec![Rating::Known(Severity::Critical), Rating::Known(Severity::High)], 2),
            (vec![Rating::Unknown, Rating::Known(Severity::High)], 3),
            (vec![Rating::Known(Severity::Medium)], 4),
        ] {
            let document = Document::new("", Format::Sarif).listing(Listed::down_to(down_to));
            let mut tally = Tally::new(document, &Limits::default());
            let mut report = Report::new(Format::Sarif, "");
            let mut made = 0;
            for rating in &ratings {
                let finding = || {
                    made += 1;
                    Ok(Finding::new(Class::Code, *rating, "r", "").identified_by(Mark::Line))
                };
                tally.add(&mut report, *rating, false, finding).expect("counted");
            }
            assert_eq!((made, tally.into_findings().len()), (listed, listed));
            assert_eq!(report.open.total(), 5);
            assert_eq!(report.unlisted.total(), 5 - listed as u64);
        }
    }

    #[test]
    fn equal_findings_of_one_report_are_told_apart_by_their_number() {
        let document = Document::new("", Format::Sarif);
        let mut tally = Tally::new(document, &Limits::default());
        let mut report = Report::new(Format::Sarif, "");
        for rule in ["a", "b", "a", "a"] {
            add(&mut tally, &mut report, Rating::Unknown, rule);
        }
        let findings = tally.into_findings();
        let prints: Vec<&str> = findings.iter().map(|f| f.fingerprint.as_str()).collect();
        assert_eq!(prints[2], format!("{}:2", prints[0]));
        assert_eq!(prints[3], format!("{}:3", prints[0]));
        assert!(!prints[1].starts_with(prints[0]));
    }
}
