//! Refs that hold evidence.

use super::{Context, more, run, say};
use crate::report::block::Block;
use crate::report::text::wrap;
use crate::violation::{NoteProblem, NotesViolation};

pub(super) fn describe(violation: &NotesViolation, context: &Context<'_>, block: &mut Block) {
    match violation {
        NotesViolation::RefUnknown => {
            block.title = "nobody pushes to this ref".into();
            block.seen = vec![
                "evidence, approvals and reports are pushed to".into(),
                "refs/notes/refgate/evidence, .../approvals and .../reports".into(),
            ];
        }
        NotesViolation::Removed { notes } => {
            block.title = "notes may be added and never taken away".into();
            list(notes, context, block);
            block.hints = vec![
                say("join your notes with those of the server, then push again:"),
                run("refgate attach --push"),
            ];
        }
        NotesViolation::Malformed { notes } => {
            block.title = format!("these notes are no {}", what(context));
            list(notes, context, block);
            block.hints = attach();
        }
        NotesViolation::Subject { notes } => {
            block.title = "these notes do not speak of the object that they are attached to".into();
            list(notes, context, block);
            block.hints = attach();
        }
        NotesViolation::Untrusted { notes } => {
            block.title = "these notes are signed by nobody who may speak for them".into();
            list(notes, context, block);
            block.hints = vec![say("sign with a key that meta/STRUCTURE.md lists for this")];
        }
        NotesViolation::TooLarge { notes } => {
            block.title = "these notes are larger than the limits allow".into();
            list(notes, context, block);
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

fn attach() -> Vec<super::Hint> {
    vec![say("write notes with refgate attach and refgate approve, which sign them")]
}

fn list(notes: &[NoteProblem], context: &Context<'_>, block: &mut Block) {
    for note in notes.iter().take(context.shown) {
        let line = if note.line == 0 { String::new() } else { format!(", line {}", note.line) };
        block.seen.push(format!("note {}{line}", note.annotated));
        block.seen.extend(wrap(&note.why, 58).into_iter().map(|text| format!("  {text}")));
    }
    block.seen.extend(more(notes.len(), context.shown));
}
