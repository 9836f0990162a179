//! Releases.

use super::{Context, commit_line, count, more, names, run, say};
use crate::report::block::Block;
use crate::report::text::wrap;
use crate::violation::{ChecklistViolation, OpenItem, OpenItemKind, Relied};

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
        ChecklistViolation::ExceptionUnlisted { path, since, exceptions } => {
            let n = exceptions.len() as u64;
            block.title = format!(
                "the release document does not list {}",
                count(n, "exception that was relied upon", "exceptions that were relied upon")
            );
            block.seen = exceptions.iter().take(context.shown).map(relied_text).collect();
            block.seen.extend(more(exceptions.len(), context.shown));
            block.labels.push(("since", previous(since.as_ref())));
            block.hints = vec![
                say(format!("list each by its id in the section \"Exceptions\" of {path}:")),
                run(exceptions.first().map_or_else(String::new, |first| {
                    format!("- {}, until {}", first.id, first.expires)
                })),
                say("land the document, then tag the commit that has it"),
            ];
        }
        ChecklistViolation::CommitsUnjudged { since, count: n, commits } => {
            block.title = format!(
                "{} of this release {} no evidence of scans",
                count(*n, "commit", "commits"),
                if *n == 1 { "has" } else { "have" }
            );
            block.seen = commits.iter().take(context.shown).map(commit_line).collect();
            let shown = context.shown.min(commits.len());
            block.seen.extend(more(usize::try_from(*n).unwrap_or(usize::MAX), shown));
            block.labels.push(("since", previous(since.as_ref())));
            let first = commits.first().map_or_else(String::new, |first| first.id.short());
            block.hints = vec![
                say("the automation scans them and attaches what it found:"),
                run(format!("refgate attach --sast sast.sarif --push {first}")),
            ];
        }
        ChecklistViolation::TooManyCommits { since, limit } => {
            block.title = format!("the release brings more than {limit} commits");
            block.labels.push(("since", previous(since.as_ref())));
            block.hints = vec![
                say("an administrator can tag on the server the state from which on releases"),
                say("are judged, or raise the limit for this repository in refgate.toml:"),
                run("printf '[limits]\\ncommits = 100000\\n' >> refgate.toml"),
            ];
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

fn relied_text(relied: &Relied) -> String {
    let what = if relied.break_glass { ", break-glass" } else { "" };
    format!("{}  until {}{what}", relied.id, relied.expires)
}

fn previous(since: Option<&String>) -> String {
    since.map_or_else(|| "the beginning, there is no release before".into(), Clone::clone)
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
        OpenItemKind::OwnerUnknown { who } => {
            format!("{} is nobody whom meta/STRUCTURE.md lists as a person now", who.quoted(40))
        }
        OpenItemKind::DigestMissing { artifact } => {
            format!("no SHA-256 digest: {}", artifact.quoted(60))
        }
        OpenItemKind::GateMissing { gate } => {
            format!("the section \"Gates\" says nothing about gate {gate}")
        }
        OpenItemKind::Html { text } => {
            format!("HTML that the template has not can hide text: {}", text.quoted(40))
        }
        OpenItemKind::Unreadable(why) => why.clone(),
    };
    let mut lines = vec![place];
    lines.extend(wrap(&what, 58).into_iter().map(|line| format!("  {line}")));
    lines
}
