//! `refgate exception list`: states, what is left of each, and what is owed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::desk::Desk;
use crate::cli::args::Format;
use crate::cli::args::exception::List;
use crate::cli::output::Output;
use crate::cli::{ACCEPTED, REFUSED};
use crate::collect::evidence::EvidenceReader;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::exception::{
    Document, ExceptionId, Known, Side, Standing, Waives, business_days_since, is_review_owed,
    state,
};
use crate::verdict::Grounds;
use crate::violation::Problem;

/// One exception, as it is listed.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Row {
    id: ExceptionId,
    /// `requested`, `approved`, `expiring`, `expired`, `revoked`, `self-approved` or `too-long`.
    state: &'static str,
    /// Whether no finding that is known relies on it; unknown where that cannot be told.
    unused: Option<bool>,
    /// `scan`, `freeze`, or `*` for break-glass.
    gate: &'static str,
    break_glass: bool,
    requester: String,
    owner: String,
    requested: String,
    expires: String,
    /// Days until its last one; negative once it is over.
    days_left: i64,
    /// Business days since the request, while nobody has approved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    business_days_waiting: Option<u32>,
    /// Whether that is longer than the policy allows.
    overdue: bool,
    /// Whether it lets a push break the glass, and nobody has reviewed that yet.
    review_owed: bool,
    approved_by: Vec<String>,
    /// Whether the server's main branch has it.
    on_server: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Listing {
    version: u32,
    repository: String,
    /// Where business days begin.
    time_zone: String,
    exceptions: Vec<Row>,
    malformed: Vec<Problem>,
}

/// Lists the exceptions of the work tree and of the server's main branch.
///
/// # Errors
/// They cannot be read.
pub(super) fn list(dir: &Path, args: &List, out: &mut Output) -> Result<ExitCode> {
    let desk = Desk::open(dir, &args.server)?;
    let known = desk.known()?;
    let used = used(&desk, &known)?;
    let mut documents: Vec<&Document> = known.documents.iter().collect();
    // Where both have one, that of the work tree is what comes next.
    documents.sort_by_key(|d| (d.exception.id.clone(), d.side != Side::Push));
    documents.dedup_by_key(|d| d.exception.id.clone());
    let mut rows: Vec<Row> = documents
        .into_iter()
        .map(|document| Row::of(&desk, document, used.as_ref()))
        .collect::<Result<_>>()?;
    for row in &mut rows {
        row.on_server = known
            .documents
            .iter()
            .any(|document| document.side == Side::Trusted && document.exception.id == row.id);
    }
    let owed = rows.iter().any(|row| row.overdue || row.review_owed);
    match args.format {
        Format::Json => {
            let repository = desk.policy().config().repository.to_string();
            let time_zone = desk.policy().config().exceptions.time_zone.to_string();
            let malformed = known.malformed;
            let listing =
                Listing { version: 1, repository, time_zone, exceptions: rows, malformed };
            json(&listing, out)?;
        }
        Format::Text => print(&desk, &rows, &known.malformed, out),
    }
    Ok(ExitCode::from(if args.fail_overdue && owed { REFUSED } else { ACCEPTED }))
}

/// Writes something as JSON.
pub(super) fn json(value: &impl Serialize, out: &mut Output) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
    out.line(&text);
    Ok(())
}

fn print(desk: &Desk, rows: &[Row], malformed: &[Problem], out: &mut Output) {
    if rows.is_empty() && malformed.is_empty() {
        out.line("there are no exceptions");
        return;
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.id.to_string(),
                row.state_text(),
                row.time_text(),
                format!("owner {}", row.owner),
            ]
        })
        .collect();
    crate::report::block::table(&cells).iter().for_each(|line| out.line(line));
    for problem in malformed {
        let line = if problem.line == 0 { String::new() } else { format!(":{}", problem.line) };
        out.line(&format!("{}{line}  cannot be read: {}", problem.file, problem.message));
    }
    let rules = &desk.policy().config().exceptions;
    if rows.iter().any(|row| row.overdue) {
        let (within, zone) = (*rules.answer_within, rules.time_zone.as_str());
        out.note(&format!(
            "OVERDUE: not answered within {within} business days of the request ({zone})"
        ));
    }
    if rows.iter().any(|row| row.review_owed) {
        out.note("REVIEW OWED: refgate exception close ID -m FINDING");
    }
}

impl Row {
    /// Describes a document; `used` are the exceptions that known findings rely on.
    pub(super) fn of(
        desk: &Desk,
        document: &Document,
        used: Option<&BTreeSet<ExceptionId>>,
    ) -> Result<Self> {
        let exception = &document.exception;
        let policy = desk.policy();
        let rules = &policy.config().exceptions;
        let now = desk.workspace.now;
        let days_left = crate::evidence::exception::days_between(desk.today(), exception.expires);
        let (state, approvers) = state(&document.standing);
        let waits = matches!(
            document.standing,
            Standing::Unapproved { .. } | Standing::SelfApproved { .. }
        );
        let waiting = waits.then(|| business_days_since(rules, exception.requested, now));
        let break_glass = exception.waives == Waives::EveryGate;
        let in_force = matches!(document.standing, Standing::InForce { .. });
        let unused = match used {
            Some(used) if in_force && exception.waives == Waives::Findings => {
                Some(!used.contains(&exception.id))
            }
            Some(_) | None => None,
        };
        Ok(Self {
            id: exception.id.clone(),
            state,
            unused,
            gate: exception.waives.gate(),
            break_glass,
            requester: exception.requester.to_string(),
            owner: exception.owner.to_string(),
            requested: exception.requested.to_string(),
            expires: exception.expires.to_string(),
            days_left,
            business_days_waiting: waiting,
            overdue: waiting.is_some_and(|days| days > *rules.answer_within),
            review_owed: is_review_owed(policy, document, now),
            approved_by: approvers.iter().map(|approver| approver.person.id.to_string()).collect(),
            on_server: document.side == Side::Trusted,
        })
    }

    /// Returns the state and what belongs to it, in words.
    pub(super) fn state_text(&self) -> String {
        let mut text = String::from(self.state);
        if self.unused == Some(true) {
            text += ", unused";
        }
        if self.gate == Waives::Freeze.gate() {
            text += ", freeze";
        }
        if self.break_glass {
            text += ", break-glass";
        }
        if self.review_owed {
            text += ", REVIEW OWED";
        }
        if self.overdue {
            text += ", OVERDUE";
        }
        text
    }

    fn time_text(&self) -> String {
        let days = |n: u64| if n == 1 { "1 day".to_owned() } else { format!("{n} days") };
        match self.business_days_waiting {
            Some(1) => "waiting for 1 business day".into(),
            Some(n) => format!("waiting for {n} business days"),
            None if self.days_left < 0 => format!("{} over", days(self.days_left.unsigned_abs())),
            None => format!("{} left", days(self.days_left.unsigned_abs())),
        }
    }
}

/// Returns the exceptions that findings at the tips of the server's protected branches rely on;
/// nothing where no tip has evidence, so that it cannot be told.
fn used(desk: &Desk, known: &Known) -> Result<Option<BTreeSet<ExceptionId>>> {
    let in_force = known.documents.iter().any(|document| {
        matches!(document.standing, Standing::InForce { .. })
            && document.exception.waives == Waives::Findings
    });
    if !in_force {
        return Ok(Some(BTreeSet::new()));
    }
    let tips = desk.workspace.protected_tips()?;
    desk.with_scene(|scene| {
        let notes = desk.workspace.notes_tips()?;
        let stopped = super::desk::stopped;
        let reader = EvidenceReader::open(scene, &notes).map_err(stopped)?;
        let mut used = BTreeSet::new();
        let mut any = false;
        for (name, tip) in tips {
            let commit = crate::repo::commit::Commit::read(scene.incoming, tip, scene.limits)
                .map_err(|error| error.on_the_trusted_side())?;
            let evidence = reader.of_commits([&commit]).map_err(stopped)?;
            any |= evidence.iter().any(|evidence| !evidence.items.is_empty());
            let outcome =
                crate::gate::scan::evaluate_with(scene.policy, &evidence, known, &name, scene.now);
            used.extend(outcome.excepted.into_iter().filter_map(
                |excepted| match excepted.grounds {
                    Grounds::Exception { id, .. } => Some(id),
                    Grounds::Vex { .. } => None,
                },
            ));
        }
        Ok(any.then_some(used))
    })
}
