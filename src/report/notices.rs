//! What is said beside violations: what stands by an exception, and what will block before long.

use super::block::WIDTH;
use super::describe::exception::approved_by;
use super::text::{Foreign, wrap};
use crate::verdict::{Excepted, Grounds, Verdict, Waived, Warning};
use crate::violation::{RefViolation, Violation};

/// Returns lines about what does not block because of an exception.
pub(super) fn excepted(verdict: &Verdict) -> Vec<String> {
    verdict
        .refs
        .iter()
        .flat_map(|judgement| judgement.excepted())
        .flat_map(|excepted| lines("note:", &excepted_text(excepted)))
        .collect()
}

/// Returns the warnings of a verdict, each once, what is loud last.
pub(super) fn warnings(verdict: &Verdict) -> Vec<String> {
    let mut told: Vec<&Warning> = Vec::new();
    let mut out = Vec::new();
    for warning in verdict.refs.iter().flat_map(|judgement| judgement.all_warnings()) {
        if !told.contains(&warning) {
            told.push(warning);
            out.extend(lines("warning:", &warning_text(warning)));
        }
    }
    for judgement in &verdict.refs {
        let name = judgement.name.to_string();
        out.extend(judgement.lifted.iter().flat_map(|lifted| thawed(&name, lifted)));
        let waived = judgement.waived.iter();
        out.extend(waived.flat_map(|waived| broken_glass(&judgement.name.to_string(), waived)));
    }
    out
}

fn excepted_text(excepted: &Excepted) -> String {
    let n = excepted.count;
    let findings = if n == 1 { "1 finding stands".into() } else { format!("{n} findings stand") };
    let which: Vec<String> = excepted
        .findings
        .iter()
        .take(3)
        .map(|finding| format!("{} in {}", finding.rule.token(40), finding.location.token(60)))
        .collect();
    let dots = if excepted.findings.len() > which.len() { ", ..." } else { "" };
    format!("{findings} by {}: {}{dots}", grounds(&excepted.grounds), which.join(", "))
}

/// Says why findings do not block.
pub(super) fn grounds(grounds: &Grounds) -> String {
    match grounds {
        Grounds::Exception { id, expires, approvers } => {
            format!("exception {id}, until {expires}, approved by {}", approved_by(approvers))
        }
        Grounds::Vex { file, status, by } => format!(
            "{}, which {} signed as {status}",
            Foreign::from(file).shown(60),
            Foreign::from(&by.name).shown(30)
        ),
    }
}

/// Says by whose leave something was waived.
pub(super) fn leave(waived: &Waived) -> String {
    let Waived { id, expires, approvers, .. } = waived;
    format!("exception {id}, until {expires}, approved by {}", approved_by(approvers))
}

fn warning_text(warning: &Warning) -> String {
    match warning {
        Warning::ExceptionExpiring { id, expires, days } => {
            let when = match days {
                0 => "today".into(),
                1 => "tomorrow".into(),
                days => format!("in {days} days"),
            };
            format!("exception {id} expires on {expires}, {when}")
        }
        Warning::BreakGlassIdle { named } => {
            format!("no gate fails, so break-glass exception {} was not used", idle(named))
        }
    }
}

fn idle(named: &Foreign) -> String {
    named.quoted(48)
}

/// What would not have landed now, and by whose leave it does.
fn thawed(ref_name: &str, lifted: &Waived) -> Vec<String> {
    let Waived { id, expires, approvers, violations } = lifted;
    let reasons: Vec<String> = violations
        .iter()
        .filter_map(|waived| {
            let Violation::Ref(RefViolation::Frozen { reason, until, zone, .. }) =
                &waived.violation
            else {
                return None;
            };
            Some(format!("{} (until {until}, {zone})", Foreign::from(reason).shown(60)))
        })
        .collect();
    let text = format!(
        "{} is frozen: {}; it lands by exception {id}, until {expires}, approved by {}",
        Foreign::from(ref_name).shown(60),
        reasons.join("; "),
        approved_by(approvers)
    );
    lines("warning:", &text)
}

/// Break-glass is loud: what was waived, by whose leave, and what is owed for it.
fn broken_glass(ref_name: &str, waived: &Waived) -> Vec<String> {
    let Waived { id, approvers, violations, .. } = waived;
    let mut out = lines(
        "warning:",
        &format!(
            "BREAK-GLASS on {}: {id}, approved by {}, waives what the gates found:",
            Foreign::from(ref_name).shown(60),
            approved_by(approvers)
        ),
    );
    out.extend(
        violations.iter().map(|waived| {
            format!("warning:     {} (gate {})", waived.violation.code(), waived.gate)
        }),
    );
    let owed = "this is recorded and stays an open obligation until Security Engineering has \
                reviewed it:";
    out.extend(lines("warning:", owed));
    out.push(format!("warning:     refgate exception close {id}"));
    out
}

fn lines(head: &str, text: &str) -> Vec<String> {
    let lines = wrap(text, WIDTH - head.len() - 1).into_iter();
    lines.map(|line| format!("{head} {line}")).collect()
}
