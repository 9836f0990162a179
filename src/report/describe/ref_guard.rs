//! How protected refs move.

use super::{Context, run, say};
use crate::report::block::Block;
use crate::violation::RefViolation;

pub(super) fn describe(violation: &RefViolation, context: &Context<'_>, block: &mut Block) {
    let short = context.short_ref();
    match violation {
        RefViolation::Frozen { reason, from, until, zone } => {
            block.title = format!("frozen: {reason}");
            block.seen = vec![format!("since  {from}"), format!("until  {until}, {zone}")];
            block.hints = vec![
                say("push again when the window is over; all windows are shown by"),
                run("refgate release freeze"),
                say("what cannot wait needs a break-glass exception of Security Engineering:"),
                run(format!("refgate exception new --break-glass --ref {short} --expires 2d")),
            ];
        }
        RefViolation::Deleted => {
            block.title = "this ref is protected and cannot be deleted".into();
            block.hints = vec![say(
                "an administrator can delete it on the server, after the policy stops protecting it",
            )];
        }
        RefViolation::NotFastForward { old, new } => {
            block.title =
                "this would rewrite history: the old tip is not part of the new one".into();
            block.seen =
                vec![format!("old tip  {}", old.short()), format!("new tip  {}", new.short())];
            block.hints = vec![
                say("bring in what is on the server, then push again:"),
                run("git fetch origin"),
                run(format!("git rebase origin/{short}")),
            ];
        }
        RefViolation::NotFirstParent { old, new } => {
            block.title =
                "the branch would go on from a side branch: merge the other way round".into();
            block.seen = vec![
                format!(
                    "old tip  {}  is reached from the new tip, but not by first parents",
                    old.short()
                ),
                format!("new tip  {}", new.short()),
            ];
            block.hints = vec![
                say(format!(
                    "make the merge on {short}, so that its first parent is what the server has:"
                )),
                run(format!("refgate land --onto {short}")),
            ];
        }
        RefViolation::Moved { actual } => {
            block.title = "the ref moved: somebody pushed before you".into();
            block.seen = vec![match actual {
                Some(id) => format!(
                    "the server has {}",
                    id.chars().take(crate::id::SHORT_LEN).collect::<String>()
                ),
                None => "the server has no such ref".into(),
            }];
            block.hints = vec![say("fetch and push again:"), run("git fetch origin")];
        }
        RefViolation::NamedTwice { names } => {
            block.title = "one push updates this ref more than once".into();
            block.seen = names.iter().map(ToString::to_string).collect();
            block.hints = vec![say("push each ref once, under one name")];
        }
        RefViolation::Alias { target } => {
            block.title = "this name is an alias of another ref on the server".into();
            block.seen = vec![format!("{} -> {target}", context.ref_name)];
            block.hints = vec![say(format!("push to {target} itself"))];
        }
        RefViolation::Spelling { pattern } => {
            block.title =
                "this name differs from a protected one only in upper and lower case".into();
            block.seen = vec![format!("protected: {pattern}")];
            block.hints = vec![say("use the protected spelling, or another name")];
        }
        RefViolation::NameUnfit { name } => {
            block.title = "this name cannot be the name of a protected ref".into();
            block.seen = vec![format!("sent as {}", name.quoted(60))];
            block.hints = vec![say(
                "use a name of printable ASCII characters that git check-ref-format takes",
            )];
        }
        RefViolation::Shadows { protected } => {
            block.title = "this name would be taken for another ref".into();
            block.seen =
                vec![format!("it could stand for {protected} in commands that take short names")];
            block.hints = vec![say("use another name")];
        }
        RefViolation::Replace => {
            block.title = "replace refs make objects pretend to be others".into();
            block.hints = vec![say("keep refs/replace/ in your own clone")];
        }
        RefViolation::Unrelated => {
            block.title = "the new branch has no commit in common with any protected branch".into();
            block.hints =
                vec![say("start protected branches from a commit that has passed the gates")];
        }
        RefViolation::ObjectFaulty { fault } => {
            block.title = "the push holds an object that readers do not agree on".into();
            block.seen = vec![format!("{} {}", fault.kind, fault.id.to_hex())];
            block.seen.extend(crate::report::text::wrap(&fault_text(fault), 62));
            block.hints = vec![
                say("make the object anew with git itself, for example:"),
                run("git commit --amend --no-edit"),
            ];
        }
        RefViolation::TooManyCommits { limit } => {
            block.title = format!("more than {limit} new commits in one update");
            block.hints = vec![
                say("push in steps, each a part of the history"),
                say(
                    "for an import, an administrator can raise limits.commits in the server settings",
                ),
            ];
        }
        RefViolation::Shallow => {
            block.title = "the push comes from a shallow clone, so its history is cut off".into();
            block.hints =
                vec![say("complete your clone, then push again:"), run("git fetch --unshallow")];
        }
        RefViolation::NotACommit { kind } => {
            block.title = format!("a protected branch holds commits, and this is a {kind}");
        }
        RefViolation::TagMoved => {
            block.title = "a release tag never moves once it is published".into();
            block.hints = vec![say("release under a new version")];
        }
        RefViolation::TagLightweight => {
            block.title =
                "a release tag is an annotated, signed tag, and this is a plain commit".into();
            block.hints = vec![
                say("delete the tag in your clone and make a signed one:"),
                run(format!("git tag -d {short}")),
                run(format!("git tag -s {short} {}", context.new.unwrap_or("<commit>"))),
            ];
        }
        RefViolation::TagName { inner } => {
            block.title = "the name inside the tag is not the name of the ref".into();
            block.seen =
                vec![format!("inside: {}", inner.quoted(60)), format!("ref:    \"{short}\"")];
            block.hints = vec![say("tag the commit anew under the name that you push")];
        }
        RefViolation::TagTarget { kind } => {
            block.title = format!("a release tag is of a commit, and this one is of a {kind}");
            block.hints = vec![say("tag the commit itself")];
        }
        RefViolation::TagUnreachable { commit, branches } => {
            block.title = "the tagged commit is on no protected branch".into();
            block.seen = vec![format!("commit {}", commit.short())];
            block
                .seen
                .extend(branches.iter().take(context.shown).map(|name| format!("not on {name}")));
            block.seen.extend(super::more(branches.len(), context.shown));
            block.hints = vec![say("land the commit on a protected branch, then tag what landed")];
        }
    }
}

fn fault_text(fault: &crate::repo::fault::Fault) -> String {
    let text = fault.to_string();
    let prefix = format!("{} {} ", fault.kind, fault.id.to_hex_with_len(crate::id::SHORT_LEN));
    format!("it {}", text.strip_prefix(&prefix).unwrap_or(&text))
}
