//! Which findings an exception covers, and which one would have if it were in force.

use std::collections::BTreeMap;

use super::{Findings, LISTED};
use crate::clock::Timestamp;
use crate::evidence::exception::{Document, Known, Side, Standing, WARN_DAYS, Waives};
use crate::evidence::report::Finding;
use crate::evidence::vex;
use crate::policy::Policy;
use crate::refname::RefName;
use crate::verdict::{Excepted, Grounds, Outcome, Warning};
use crate::violation::{ExceptionViolation, Person};

/// The exceptions that concern one ref, the ones to be preferred first.
pub(super) struct Exceptions<'k> {
    known: &'k Known,
    documents: Vec<&'k Document>,
    /// What each document covers or would have covered, by its position.
    found: BTreeMap<usize, Findings>,
    /// What VEX lets pass, by file, status and signer.
    cleared: BTreeMap<(String, &'static str), (Person, Findings)>,
}

impl<'k> Exceptions<'k> {
    pub(super) fn new(known: &'k Known, ref_name: &RefName) -> Self {
        let mut documents: Vec<&Document> = known
            .documents
            .iter()
            .filter(|document| document.exception.waives == Waives::Findings)
            .filter(|document| document.exception.scope.has_ref(ref_name.as_bytes()))
            .collect();
        documents.sort_by_key(|document| {
            let rank = rank(&document.standing);
            (rank, document.side != Side::Push, document.exception.id.clone())
        });
        Self { known, documents, found: BTreeMap::new(), cleared: BTreeMap::new() }
    }

    /// Returns where a finding that blocks goes: to the exception that covers it, in force or not.
    ///
    /// One in force comes before all others, so a lapsed one never takes away what another allows.
    pub(super) fn of(&mut self, finding: &Finding) -> Option<&mut Findings> {
        if let Some((document, status)) = vex::lets_pass(&self.known.vex, finding) {
            let key = (document.file.clone(), status.as_str());
            let cleared = self.cleared.entry(key);
            return Some(&mut cleared.or_insert_with(|| (document.by.clone(), Findings::new())).1);
        }
        let covers = |document: &&Document| document.exception.scope.covers(finding);
        let at = self.documents.iter().position(covers)?;
        Some(self.found.entry(at).or_default())
    }

    /// Writes what was found into the outcome; returns whether something blocks.
    pub(super) fn report(self, policy: &Policy, now: Timestamp, outcome: &mut Outcome) {
        for ((file, status), (by, findings)) in self.cleared {
            let count = findings.len() as u64;
            let findings = findings.into_values().take(LISTED).collect();
            let grounds = Grounds::Vex { file, status, by };
            outcome.excepted.push(Excepted { grounds, findings, count });
        }
        for (at, findings) in self.found {
            let Some(document) = self.documents.get(at) else { continue };
            let count = findings.len() as u64;
            let findings = findings.into_values().take(LISTED).collect();
            let exception = &document.exception;
            if let Standing::InForce { approvers, days_left } = &document.standing {
                let (id, expires) = (exception.id.clone(), exception.expires.to_string());
                if *days_left <= WARN_DAYS {
                    let (id, expires) = (id.clone(), expires.clone());
                    let days = *days_left;
                    outcome.warnings.push(Warning::ExceptionExpiring { id, expires, days });
                }
                let grounds = Grounds::Exception { id, expires, approvers: approvers.clone() };
                outcome.excepted.push(Excepted { grounds, findings, count });
            } else {
                let violation = document.violation(policy, findings, count, now);
                outcome.violations.extend(violation.map(Into::into));
            }
        }
        // Only where something blocks: a document that cannot be read could have covered it.
        if !outcome.violations.is_empty() && !self.known.malformed.is_empty() {
            let problems = self.known.malformed.clone();
            outcome.violations.push(ExceptionViolation::Malformed { problems }.into());
        }
    }
}

/// In force first, the longest of them before the others; then by what is nearest to being in force.
fn rank(standing: &Standing) -> (u8, i64) {
    match standing {
        Standing::InForce { days_left, .. } => (0, -days_left),
        Standing::Expired { days_ago, .. } => (1, *days_ago),
        Standing::TooLong { .. } => (2, 0),
        Standing::SelfApproved { .. } => (3, 0),
        Standing::Unapproved { .. } => (4, 0),
        Standing::Revoked { .. } => (5, 0),
    }
}

#[cfg(test)]
mod tests;
