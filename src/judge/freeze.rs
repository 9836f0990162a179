//! Freezes: times in which nothing lands but by an exception.
//!
//! An exception for gate `freeze` lets pass what the gates let pass; it waives none of them. One that is
//! over before a window begins was never meant for it, and is not spoken of.

use std::collections::BTreeSet;

use super::Judge;
use super::names::Named;
use crate::clock::Timestamp;
use crate::collect::{Scene, Stop, exceptions};
use crate::error::Result;
use crate::evidence::exception::{Document, Known, Side, Waives};
use crate::id::{CommitId, ObjectId};
use crate::policy::Policy;
use crate::verdict::{Outcome, Rule, Waived, WaivedViolation};
use crate::violation::{ExceptionViolation, RefViolation, Violation};

impl Judge<'_> {
    /// Refuses what would land while the ref is frozen, unless an exception lets it.
    pub(super) fn freeze(
        &self,
        scene: &Scene<'_, '_>,
        named: &mut Named,
        pushed: Option<ObjectId>,
    ) -> Result<()> {
        if !self.circumstances.tags.asks_freezes() {
            return Ok(());
        }
        let name = named.inner.as_bytes().to_vec();
        let freezes = scene.policy.config().freeze.iter().filter(|freeze| freeze.covers(&name));
        let windows: Vec<_> =
            freezes.filter_map(|freeze| Some((freeze, freeze.at(self.now)?))).collect();
        let Some(began) = windows.iter().map(|(_, window)| window.from).min() else {
            return Ok(());
        };
        let mut frozen: Vec<Outcome> = windows
            .iter()
            .map(|(freeze, window)| {
                let violation = RefViolation::Frozen {
                    reason: freeze.reason.clone(),
                    from: freeze.local(window.from),
                    until: freeze.local(window.until),
                    zone: freeze.zone.clone(),
                };
                let origins = vec![freeze.origin.to_string()];
                let rule = Rule { clause: "freeze, nothing lands meanwhile".into(), origins };
                Outcome { violations: vec![violation.into()], ..Outcome::of(rule) }
            })
            .collect();
        let known = match pushed.map(|pushed| exceptions::read(scene, CommitId(pushed))) {
            None => Known::default(),
            Some(Ok(known)) => known,
            Some(Err(Stop::Violation(violation))) => {
                frozen.push(Outcome::refusing([*violation]));
                Known::default()
            }
            Some(Err(Stop::Error(error))) => return Err(error.while_("reading exceptions")),
        };
        let meant = meant(&known, &name, began);
        if let Some((document, approvers)) = lifting(&meant) {
            let violations = frozen.iter_mut().flat_map(|outcome| outcome.violations.drain(..));
            named.judgement.lifted = Some(Waived {
                id: document.exception.id.clone(),
                expires: document.exception.expires.to_string(),
                approvers,
                violations: violations
                    .map(|violation| WaivedViolation { gate: "freeze", violation })
                    .collect(),
            });
        } else {
            let lapsed = lapsed(scene.policy, &known, &meant, self.now);
            if let Some(last) = frozen.last_mut() {
                last.violations.extend(lapsed);
            }
        }
        // What is frozen is said first: nothing else matters as long as it is.
        named.judgement.guards.splice(0..0, frozen);
        Ok(())
    }
}

/// Returns the documents that were meant for freezes of a ref, and are not over before the window begins.
fn meant<'k>(known: &'k Known, name: &[u8], began: Timestamp) -> Vec<&'k Document> {
    let is_meant = |document: &&Document| {
        let exception = &document.exception;
        exception.waives == Waives::Freeze
            && exception.scope.has_ref(name)
            && exception.end() > began
    };
    known.documents.iter().filter(is_meant).collect()
}

/// Returns the exception in force that lasts longest, and who approved it.
fn lifting<'k>(
    meant: &[&'k Document],
) -> Option<(&'k Document, Vec<crate::evidence::exception::Approver>)> {
    let in_force = meant.iter().filter_map(|document| Some((*document, document.in_force()?)));
    let (document, (approvers, _)) = in_force.max_by_key(|(_, (_, days_left))| *days_left)?;
    Some((document, approvers.to_vec()))
}

/// Returns what is wrong with the exceptions that would have let the push land, each once.
fn lapsed(policy: &Policy, known: &Known, meant: &[&Document], now: Timestamp) -> Vec<Violation> {
    let mut meant = meant.to_vec();
    meant.sort_by_key(|document| document.side != Side::Push);
    let mut told = BTreeSet::new();
    let mut found: Vec<Violation> = meant
        .into_iter()
        .filter(|document| told.insert(&document.exception.id))
        .filter_map(|document| document.violation(policy, Vec::new(), 0, now))
        .map(Violation::from)
        .collect();
    if !known.malformed.is_empty() {
        let problems = known.malformed.clone();
        found.push(ExceptionViolation::Malformed { problems }.into());
    }
    found
}
