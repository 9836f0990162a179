//! Break-glass: a push that names an exception for every gate of its ref.
//!
//! What the gates found is kept with the verdict and no longer blocks, and neither does a freeze. The
//! other guards are not asked: how refs and evidence move, who signed a commit, and what decides whom to trust,
//! no exception can waive, so a change of trusted files needs its reviews all the same.

use super::Judge;
use super::names::Named;
use crate::collect::{Scene, Stop, exceptions};
use crate::error::Result;
use crate::evidence::exception::{Document, ExceptionId, Known, Side, Standing, Waives};
use crate::id::{CommitId, ObjectId};
use crate::verdict::{Outcome, Waived, WaivedViolation, Warning};
use crate::violation::{ExceptionViolation, RefViolation, ReviewViolation, Violation};

impl Judge<'_> {
    /// Waives what the gates of a ref found, if the push names an exception that may.
    pub(super) fn break_glass(
        &self,
        scene: &Scene<'_, '_>,
        named: &mut Named,
        pushed: Option<ObjectId>,
    ) -> Result<()> {
        let options = &self.circumstances.break_glass;
        let Some(pushed) = pushed.map(CommitId).filter(|_| !options.is_empty()) else {
            return Ok(());
        };
        let changes_trust = named.changes_trust;
        let blocks = |outcome: &Outcome| {
            outcome.violations.iter().any(|violation| can_be_waived(violation, changes_trust))
        };
        let all = named.judgement.guards.iter();
        let mut all = all.chain(named.judgement.gates.iter().map(|(_, outcome)| outcome));
        if !all.any(blocks) {
            return Ok(());
        }
        let known = match exceptions::read(scene, pushed) {
            Ok(known) => known,
            Err(Stop::Violation(violation)) => {
                named.judgement.guards.push(Outcome::refusing([*violation]));
                return Ok(());
            }
            Err(Stop::Error(error)) => return Err(error.while_("reading exceptions")),
        };
        let ref_name = named.inner.clone();
        let mut refused: Vec<Violation> = Vec::new();
        for option in options {
            let text = String::from_utf8_lossy(&option.0);
            let found = ExceptionId::parse(&text).and_then(|id| best(&known, &id));
            let Some(document) = found else {
                if !known.malformed.is_empty() {
                    let problems = known.malformed.clone();
                    refused.push(ExceptionViolation::Malformed { problems }.into());
                }
                refused.push(ExceptionViolation::Unknown { named: option.clone() }.into());
                continue;
            };
            let exception = &document.exception;
            let is_for_ref = exception.scope.has_ref(ref_name.as_bytes());
            if exception.waives != Waives::EveryGate || !is_for_ref {
                let refs = (exception.waives == Waives::EveryGate)
                    .then(|| exception.scope.refs.iter().map(ToString::to_string).collect());
                let exception = document.lapsed(Vec::new(), 0);
                refused.push(ExceptionViolation::NotBreakGlass { exception, refs }.into());
                continue;
            }
            let Standing::InForce { approvers, .. } = &document.standing else {
                let violation = document.violation(scene.policy, Vec::new(), 0, scene.now);
                refused.extend(violation.map(Violation::from));
                continue;
            };
            let mut waived = Waived {
                id: exception.id.clone(),
                expires: exception.expires.to_string(),
                approvers: approvers.clone(),
                violations: Vec::new(),
            };
            let guards = named.judgement.guards.iter_mut().map(|outcome| ("freeze", outcome));
            let gates = named.judgement.gates.iter_mut();
            for (gate, outcome) in guards.chain(gates.map(|(gate, outcome)| (gate.name(), outcome)))
            {
                let (waives, stays): (Vec<_>, Vec<_>) = std::mem::take(&mut outcome.violations)
                    .into_iter()
                    .partition(|violation| can_be_waived(violation, changes_trust));
                outcome.violations = stays;
                let waives =
                    waives.into_iter().map(|violation| WaivedViolation { gate, violation });
                waived.violations.extend(waives);
            }
            named.judgement.waived = Some(waived);
            return Ok(());
        }
        named.judgement.guards.push(Outcome::refusing(refused));
        Ok(())
    }

    /// Says so where a push names an exception that no ref of it needs.
    pub(super) fn warn_of_idle_break_glass(&self, named: &mut [Named]) {
        let used = named.iter().any(|named| named.judgement.waived.is_some());
        let clean = named.iter().all(|named| named.judgement.violations().next().is_none());
        if let (false, true, Some(first)) = (used, clean, named.first_mut()) {
            let idle = self.circumstances.break_glass.iter().cloned();
            let warnings = idle.map(|named| Warning::BreakGlassIdle { named });
            first.judgement.warnings.extend(warnings);
        }
    }
}

/// Returns the document of an id: one that is in force, else that of the push.
fn best<'k>(known: &'k Known, id: &ExceptionId) -> Option<&'k Document> {
    let of_id = || known.documents.iter().filter(|document| document.exception.id == *id);
    of_id()
        .find(|document| matches!(document.standing, Standing::InForce { .. }))
        .or_else(|| of_id().find(|document| document.side == Side::Push))
        .or_else(|| of_id().next())
}

/// Says whether break-glass may waive it: what a gate asks for, and nothing that trust rests on.
fn can_be_waived(violation: &Violation, changes_trust: bool) -> bool {
    match violation {
        Violation::Review(
            ReviewViolation::ThresholdMissing { .. } | ReviewViolation::CommitUnsigned { .. },
        ) => false,
        Violation::Review(_) => !changes_trust,
        Violation::Exception(ExceptionViolation::RevocationRemoved { .. }) => false,
        Violation::Scan(_)
        | Violation::Tests(_)
        | Violation::Checklist(_)
        | Violation::Exception(_) => true,
        Violation::Ref(RefViolation::Frozen { .. }) => true,
        Violation::Ref(_) | Violation::Trust(_) | Violation::Notes(_) => false,
    }
}
