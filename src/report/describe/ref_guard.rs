//! How protected refs move.

use super::{Context, raise_limit, run, say, shown_ref, why};
use crate::repo::fault::{Fault, ObjectKind, Problem};
use crate::report::block::{Block, Hint, table};
use crate::report::text::{prose, shell};
use crate::violation::RefViolation;

#[expect(clippy::too_many_lines, reason = "one arm for each code, which belong side by side")]
pub(super) fn describe(violation: &RefViolation, context: &Context<'_>, block: &mut Block) {
    let short = context.short_ref();
    let full = shell(&context.ref_name.to_string());
    let remote = context.remote();
    match violation {
        RefViolation::Frozen { reason, from, until, zone } => {
            block.title = format!("frozen: {}", prose(reason, 60));
            block.seen = vec![
                format!("since  {}", prose(from, 20)),
                format!("until  {}, {}", prose(until, 20), prose(zone, 30)),
            ];
            block.hints = vec![
                say("push again when the window is over; all windows are shown by"),
                run("refgate release freeze"),
                say("what cannot wait needs an exception that Security Engineering approves:"),
                run(format!("refgate exception new --freeze --ref {full} --expires 2d")),
            ];
        }
        RefViolation::Deleted => {
            block.title = "this ref is protected and cannot be deleted".into();
            block.hints = vec![
                say("if it has to go, an administrator deletes it on the server:"),
                run(format!("git update-ref -d {full}")),
            ];
        }
        RefViolation::NotFastForward { old, new } => {
            block.title =
                "this would rewrite history: the old tip is not part of the new one".into();
            block.seen =
                vec![format!("old tip  {}", old.short()), format!("new tip  {}", new.short())];
            block.hints = context.catch_up();
        }
        RefViolation::NotFirstParent { old, new } => {
            block.title =
                "the branch would go on from a side branch: merge the other way round".into();
            block.seen = vec![
                format!("new tip  {}", new.short()),
                format!("old tip  {}, reached, but not by first parents", old.short()),
            ];
            block.hints = vec![
                say("make the merge on what the server has, which becomes its first parent:"),
                run(format!("refgate land {} --onto {short}", new.short())),
            ];
        }
        RefViolation::Moved { actual } => {
            block.title = "the ref moved: somebody pushed before you".into();
            block.seen = vec![match actual {
                Some(id) => {
                    let short: String = id.chars().take(crate::id::SHORT_LEN).collect();
                    format!("the server has {}", prose(&short, 2 * crate::id::SHORT_LEN))
                }
                None => "the server has no such ref".into(),
            }];
            block.hints = context.catch_up();
        }
        RefViolation::NamedTwice { names } => {
            block.title = "one push updates this ref more than once".into();
            block.seen = names.iter().take(context.shown).map(shown_ref).collect();
            block.seen.extend(super::more(names.len(), context.shown));
            block.hints = vec![say("push each ref once, under one name")];
        }
        RefViolation::Alias { target } => {
            block.title = "this name is an alias of another ref on the server".into();
            block.seen = vec![format!("it leads to {}", shown_ref(target))];
            block.hints = vec![
                say("push to the ref itself:"),
                run(format!(
                    "git push {} {}",
                    context.remote(),
                    shell(&format!("{}:{target}", context.new.unwrap_or_default()))
                )),
            ];
        }
        RefViolation::Spelling { pattern } => {
            block.title =
                "this name differs from a protected one only in upper and lower case".into();
            block.seen = vec![format!("protected: {}", why(pattern))];
            block.hints = vec![say("use the protected spelling, or another name")];
        }
        RefViolation::NameUnfit { name } => {
            block.title = "this name cannot be the name of a protected ref".into();
            block.seen = vec![format!("sent as {}", name.quoted(56))];
            block.hints = vec![say(
                "use a name of printable ASCII characters that git check-ref-format takes",
            )];
        }
        RefViolation::Shadows { protected } => {
            block.title = "this name would be taken for another ref".into();
            block.seen = vec![
                format!("it could stand for {}", prose(protected, 40)),
                "in commands that take short names".into(),
            ];
            block.hints = vec![say("use another name")];
        }
        RefViolation::Replace => {
            block.title = "replace refs make objects pretend to be others".into();
            block.hints =
                vec![say("keep refs/replace/ in your own clone, and leave it out of the push")];
        }
        RefViolation::Unrelated { fewer } if fewer.is_empty() => {
            block.title = "the new branch begins on no protected branch".into();
            block.seen =
                vec!["by first parents it comes to nothing that has passed the gates".into()];
            let start = format!("{}/{}", context.remote, context.bare_trust_branch());
            let start = shell(&format!("{start}:{}", context.ref_name));
            block.hints = vec![
                say("start it where a protected branch is, and land the rest on it:"),
                run(format!("git push {remote} {start}")),
            ];
        }
        RefViolation::Unrelated { fewer } => {
            block.title = "the new branch begins where not all of its gates were asked".into();
            let lines = fewer.iter().take(context.shown).map(|branch| {
                vec![
                    shown_ref(&branch.name),
                    format!("asks nothing of {}", branch.lacks.join(", ")),
                ]
            });
            block.seen = table(&lines.collect::<Vec<_>>());
            block.seen.extend(super::more(fewer.len(), context.shown));
            block.hints = vec![
                say("begin it on a branch with all of its gates"),
                say("or let one of these ask for them too ([[protect]] in meta/refgate.toml)"),
                say("or an administrator, who answers for the history, makes it on the server:"),
                run(format!("git update-ref {full} {}", context.new_or_head())),
            ];
        }
        RefViolation::ObjectFaulty { fault } => faulty(fault, context, block),
        RefViolation::TooManyCommits { limit } => {
            block.title = format!("more than {limit} new commits in one update");
            block.hints = vec![
                say("push the history in steps, each a part of it, such as"),
                run(format!("git push {remote} HEAD~{limit}:{full}")),
            ];
            block.hints.extend(raise_limit(["(limits.commits)"]));
        }
        RefViolation::Shallow => {
            block.title = "the push comes from a shallow clone, so its history is cut off".into();
            block.hints =
                vec![say("complete your clone, then push again:"), run("git fetch --unshallow")];
        }
        RefViolation::NotACommit { kind } => {
            block.title = format!("this ref holds commits, and this is a {kind}");
            block.hints = match kind {
                ObjectKind::Tag => vec![
                    say("push the commit that the tag is of:"),
                    run(format!("git push {remote} {}:{full}", context.tagged())),
                ],
                ObjectKind::Commit | ObjectKind::Tree | ObjectKind::Blob => {
                    vec![say("push a commit")]
                }
            };
        }
        RefViolation::TagMoved => {
            block.title = "a release tag never moves once it is published".into();
            block.hints = vec![
                say("release under a new version; to have the server's tag in your clone again:"),
                run(format!("git fetch --force {remote} tag {short}")),
            ];
        }
        RefViolation::TagLightweight => {
            block.title = "a release tag is a tag object with a signature, not a bare name".into();
            block.hints = retag(context, "a release manager makes the tag anew and signs it:");
        }
        RefViolation::TagName { inner } => {
            block.title = "the name inside the tag is not the name of the ref".into();
            block.seen = vec![
                format!("inside  {}", inner.quoted(56)),
                format!("ref     {}", super::Foreign::from(context.ref_name.short()).quoted(56)),
            ];
            block.hints = vec![
                say("tag the commit under the name that you push:"),
                run(format!("git tag -f -s {short} {}", context.tagged())),
                run(format!("git push {remote} {short}")),
            ];
        }
        RefViolation::TagTarget { kind } => {
            block.title = format!("a release tag is of a commit, and this one is of a {kind}");
            block.hints = match kind {
                ObjectKind::Tag => retag(context, "tag the commit itself:"),
                ObjectKind::Commit | ObjectKind::Tree | ObjectKind::Blob => {
                    vec![say("tag the commit itself")]
                }
            };
        }
        RefViolation::TagUnreachable { commit, branches } => {
            block.title = "the tagged commit is on no protected branch".into();
            block.seen = vec![format!("commit {}", commit.short())];
            let names = branches.iter().take(context.shown);
            block.seen.extend(names.map(|name| format!("not on {}", shown_ref(name))));
            block.seen.extend(super::more(branches.len(), context.shown));
            block.hints = vec![
                say("land the commit on a protected branch, then tag what landed:"),
                run(format!("refgate land {} --onto {}", commit.short(), context.trust_branch())),
            ];
        }
    }
}

/// Says how a tag is made anew; its ref is not on the server.
pub(super) fn retag(context: &Context<'_>, who: &str) -> Vec<Hint> {
    let short = context.short_ref();
    vec![
        say(who),
        run(format!("git tag -d {short}")),
        run(format!("git tag -s {short} {}", context.tagged())),
        run(format!("git push {} {short}", context.remote())),
    ]
}

fn faulty(fault: &Fault, context: &Context<'_>, block: &mut Block) {
    let text = why(&fault.to_string());
    let prefix = format!("{} {} ", fault.kind, fault.id.to_hex_with_len(crate::id::SHORT_LEN));
    let rest = text.strip_prefix(&prefix).unwrap_or(&text);
    block.seen =
        vec![format!("{} {}", fault.kind, fault.id.to_hex_with_len(40)), format!("it {rest}")];
    (block.title, block.hints) = match &fault.problem {
        Problem::Missing | Problem::IsA(_) => (
            "an object that the push needs is not there as it should be".into(),
            vec![say("see what is wrong in your clone:"), run("git fsck --connectivity-only")],
        ),
        Problem::TooLarge { .. } | Problem::TooMany { .. } => (
            "an object of the push is larger than a limit of the server".into(),
            raise_limit([rest]),
        ),
        Problem::Malformed(_) => (
            "an object of the push is not as git writes it".into(),
            match fault.kind {
                ObjectKind::Commit if context.ref_name.is_tag() => Vec::new(),
                ObjectKind::Commit => vec![
                    say("make the commit and those on top of it anew with git itself:"),
                    run(format!(
                        "git rebase --force-rebase {}",
                        shell(&format!("{}^", fault.id.to_hex_with_len(crate::id::SHORT_LEN)))
                    )),
                ],
                ObjectKind::Tag => retag(context, "make the tag anew with git itself:"),
                ObjectKind::Tree | ObjectKind::Blob => {
                    vec![say("make the commits that hold it anew with git itself")]
                }
            },
        ),
    };
}
