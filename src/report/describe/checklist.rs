//! Releases.

use super::ref_guard::retag;
use super::{Context, count, more, names, run, say, why};
use crate::report::block::{Block, Hint};
use crate::report::text::{Foreign, prose};
use crate::violation::{ChecklistViolation, OpenItem, OpenItemKind};

pub(super) fn describe(violation: &ChecklistViolation, context: &Context<'_>, block: &mut Block) {
    match violation {
        ChecklistViolation::DocumentMissing { path } => {
            block.title = "the release has no document".into();
            block.seen =
                vec![format!("{} is not in the tagged commit", Foreign::from(path).token(60))];
            block.hints = land_first(context, "fill in the template, land the document,");
        }
        ChecklistViolation::Incomplete { path, open } => {
            let n = open.len();
            block.title =
                format!("{} open in the release document", count(n as u64, "item", "items"));
            for item in open.iter().take(2 * context.shown) {
                block.seen.extend(open_text(path, item));
            }
            block.seen.extend(more(n, 2 * context.shown));
            block.hints = land_first(context, "complete the document, land it,");
        }
        ChecklistViolation::TagUnsigned => {
            block.title = "nobody has signed the release tag".into();
            block.hints = retag(context, "a release manager signs the tag:");
        }
        ChecklistViolation::TagSigner { why: reason, could } => {
            block.title = "no release manager signed the release tag".into();
            block.seen = vec![why(reason)];
            let who = format!("a release manager ({}) signs the tag:", names(could));
            block.hints = retag(context, &who);
        }
    }
}

/// Says how a release is made once its document is right.
fn land_first(context: &Context<'_>, first: &str) -> Vec<Hint> {
    let mut hints =
        vec![say(format!("{first} then tag the commit that has it:")), run("git fetch origin")];
    let short = context.short_ref();
    hints.push(run(format!("git tag -f -s {short} origin/{}", context.trust_branch())));
    hints.push(say("see what is still open, without pushing:"));
    hints.push(run(format!("refgate check {short}")));
    hints
}

fn open_text(path: &str, item: &OpenItem) -> Vec<String> {
    let path = Foreign::from(path).token(60);
    let place = if item.line == 0 { path } else { format!("{path}:{}", item.line) };
    let what = match &item.what {
        OpenItemKind::Section { heading, count: 0 } => {
            format!("the section \"{}\" is missing", prose(heading, 60))
        }
        OpenItemKind::Section { heading, count } => {
            format!("the section \"{}\" stands {count} times", prose(heading, 60))
        }
        OpenItemKind::ItemMissing { text, template_line } => {
            format!(
                "missing or reworded: {} (line {template_line} of the template)",
                text.quoted(90)
            )
        }
        OpenItemKind::NotTicked { text } => format!("not ticked: {}", text.quoted(90)),
        OpenItemKind::FieldMissing { field } => {
            format!("\"{}\" is missing", prose(field, 60))
        }
        OpenItemKind::FieldEmpty { field } => {
            format!("\"{}\" is not filled in", prose(field, 60))
        }
        OpenItemKind::Unreadable(reason) => why(reason),
    };
    vec![place, format!("  {what}")]
}
