//! Releases.

use super::{Context, more, names, run, say};
use crate::report::block::Block;
use crate::report::text::wrap;
use crate::violation::{ChecklistViolation, OpenItem, OpenItemKind};

pub(super) fn describe(violation: &ChecklistViolation, context: &Context<'_>, block: &mut Block) {
    let short = context.short_ref();
    match violation {
        ChecklistViolation::DocumentMissing { path } => {
            block.title = "the release has no document".into();
            block.seen = vec![format!("{path} is not in the tagged commit")];
            block.hints =
                vec![say("fill in the template, land the document, then tag that commit")];
        }
        ChecklistViolation::Incomplete { path, open } => {
            let n = open.len();
            block.title = format!("the release document is not complete, {n} open");
            for item in open.iter().take(2 * context.shown) {
                block.seen.extend(open_text(path, item));
            }
            block.seen.extend(more(n, 2 * context.shown));
            block.hints =
                vec![say("complete the document, land it, then tag the commit that has it")];
        }
        ChecklistViolation::TagUnsigned => {
            block.title = "the release tag is not signed, so nobody has decided to release".into();
            block.hints = vec![
                say("a release manager signs the tag:"),
                run(format!("git tag -d {short}")),
                run(format!("git tag -s {short} {}", context.new.unwrap_or("<commit>"))),
            ];
        }
        ChecklistViolation::TagSigner { why, could } => {
            block.title = "the release tag is not signed by a release manager".into();
            block.seen = wrap(why, 62);
            block.hints = vec![say(format!("a release manager ({}) signs the tag", names(could)))];
        }
    }
}

fn open_text(path: &str, item: &OpenItem) -> Vec<String> {
    let place = if item.line == 0 { path.to_owned() } else { format!("{path}:{}", item.line) };
    let what = match &item.what {
        OpenItemKind::Section { heading, count: 0 } => {
            format!("the section \"{heading}\" is missing")
        }
        OpenItemKind::Section { heading, count } => {
            format!("the section \"{heading}\" stands {count} times")
        }
        OpenItemKind::ItemMissing { text, template_line } => {
            format!(
                "missing or reworded: {} (line {template_line} of the template)",
                text.quoted(90)
            )
        }
        OpenItemKind::NotTicked { text } => format!("not ticked: {}", text.quoted(90)),
        OpenItemKind::FieldMissing { field } => format!("\"{field}\" is missing"),
        OpenItemKind::FieldEmpty { field } => format!("\"{field}\" is not filled in"),
        OpenItemKind::Unreadable(why) => why.clone(),
    };
    let mut lines = vec![place];
    lines.extend(wrap(&what, 58).into_iter().map(|line| format!("  {line}")));
    lines
}
