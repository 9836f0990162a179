//! Releases.

use super::ref_guard::retag;
use super::{Context, commit_line, count, more, names, run, say, why};
use crate::report::block::{Block, Hint};
use crate::report::text::{Foreign, prose};
use crate::violation::{ChecklistViolation, OpenItem, OpenItemKind, Relied};

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
                say(format!(
                    "list each by its id, in the section \"Exceptions\" of {}:",
                    prose(path, 60)
                )),
                run(exceptions.first().map_or_else(String::new, |first| format!("- {}", first.id))),
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

fn relied_text(relied: &Relied) -> String {
    format!("{}  until {}, {}", relied.id, prose(&relied.expires, 12), prose(&relied.allows, 160))
}

fn previous(since: Option<&String>) -> String {
    let none = || "the beginning, there is no release before".into();
    since.map_or_else(none, |name| prose(name, 40))
}

/// Says how a release is made once its document is right.
fn land_first(context: &Context<'_>, first: &str) -> Vec<Hint> {
    let mut hints = vec![
        say(format!("{first} then tag the commit that has it:")),
        run(format!("git fetch {}", context.remote())),
    ];
    let short = context.short_ref();
    hints.push(run(format!("git tag -f -s {short} {}", context.trust_tracking())));
    hints.push(say("see what is still open, without pushing:"));
    hints.push(run(format!("refgate release check {short}")));
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
        OpenItemKind::Unreadable(reason) => why(reason),
    };
    vec![place, format!("  {what}")]
}
