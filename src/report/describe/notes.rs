//! Refs that hold evidence.

use super::{Context, more, raise_limit, run, say, why};
use crate::report::block::{Block, Hint};
use crate::report::text::{prose, shell};
use crate::violation::{NoteProblem, NotesViolation};

pub(super) fn describe(violation: &NotesViolation, context: &Context<'_>, block: &mut Block) {
    match violation {
        NotesViolation::RefUnknown => {
            block.title = "nobody pushes to this ref".into();
            block.seen = ["evidence", "approvals", "reports"]
                .map(|name| format!("open to pushes: refs/notes/refgate/{name}"))
                .into();
            block.hints =
                vec![say("let refgate push what you have:"), run("refgate attach --push")];
        }
        NotesViolation::Removed { notes } => {
            block.title = "notes may be added and never taken away".into();
            list(notes, context, block);
            block.hints = context.catch_up();
        }
        NotesViolation::Malformed { notes } => {
            block.title = format!("these notes are no {}", what(context));
            list(notes, context, block);
            block.hints = start_over(context, "write them with refgate:");
        }
        NotesViolation::Subject { notes } => {
            block.title = "these notes speak of something else".into();
            list(notes, context, block);
            block.hints = start_over(context, "speak of each object where it is:");
        }
        NotesViolation::Untrusted { notes } => {
            block.title = "nobody who may speak for these notes signed them".into();
            list(notes, context, block);
            block.hints =
                start_over(context, "let somebody sign whom meta/STRUCTURE.md lists for it:");
        }
        NotesViolation::TooLarge { notes } => {
            block.title = "these notes are larger than the limits allow".into();
            list(notes, context, block);
            block.hints = start_over(context, "write less:");
            block.hints.extend(raise_limit(notes.iter().map(|note| note.why.as_str())));
        }
    }
}

fn what(context: &Context<'_>) -> &'static str {
    match context.ref_name.as_bytes() {
        b"refs/notes/refgate/approvals" => "approvals",
        b"refs/notes/refgate/reports" => "reports",
        _ => "evidence",
    }
}

/// Says how to get rid of notes that the server does not take, and what to do then.
fn start_over(context: &Context<'_>, then: &str) -> Vec<Hint> {
    let command = match what(context) {
        "approvals" => "refgate approve TOPIC --push",
        _ => "refgate attach --push --sast FILE COMMIT",
    };
    vec![
        say("drop the notes of your clone, which are not on the server:"),
        run(format!("git update-ref -d {}", shell(&context.ref_name.to_string()))),
        say(then),
        run(command),
    ]
}

fn list(notes: &[NoteProblem], context: &Context<'_>, block: &mut Block) {
    for note in notes.iter().take(context.shown) {
        let line = if note.line == 0 { String::new() } else { format!(", line {}", note.line) };
        block.seen.push(format!("note {}{line}", prose(&note.annotated, 48)));
        block.seen.push(format!("  {}", why(&note.why)));
    }
    block.seen.extend(more(notes.len(), context.shown));
}
