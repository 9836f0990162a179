//! Approvals.

use super::{Context, Foreign, commit_line, count, more, names, run, say, why};
use crate::evidence::approval::ChangeDigest;
use crate::evidence::change::{Binding, Part};
use crate::report::block::Block;
use crate::report::text::{columns, prose, shell, wrap};
use crate::violation::{Missing, ReviewGap, ReviewViolation, Said, Standing, UnsignedCommit};

pub(super) fn describe(violation: &ReviewViolation, context: &Context<'_>, block: &mut Block) {
    match violation {
        ReviewViolation::ApprovalMissing { gap } => {
            block.title = format!("{} of {} approvals for this change", gap.have, gap.need);
            change(gap, context, block);
        }
        ReviewViolation::MaintainerMissing { gap } => {
            block.title = "no maintainer approved this change".into();
            if gap.missing.iter().any(|m| matches!(m, Missing::SecondMaintainer { .. })) {
                block.title = "a second maintainer has to approve".into();
            }
            change(gap, context, block);
        }
        ReviewViolation::ReviewerMissing { gap } => {
            let domains: Vec<&str> = gap.missing.iter().filter_map(domain).collect();
            block.title = format!("no reviewer of {} approved this change", some(&domains));
            change(gap, context, block);
        }
        ReviewViolation::ThresholdMissing { gap } => {
            block.title = "trusted files need more maintainers".into();
            change(gap, context, block);
        }
        ReviewViolation::SelfApproved { gap } => {
            block.title = "approvals of one's own work do not count".into();
            change(gap, context, block);
        }
        ReviewViolation::Rejected { gap } => {
            let who: std::collections::BTreeSet<String> =
                gap.statements.iter().filter(|s| rejects(s)).map(|s| s.who.shown(24)).collect();
            let verb = if who.len() == 1 { "objects" } else { "object" };
            let who: Vec<&str> = who.iter().map(String::as_str).collect();
            block.title = format!("{} {verb} to this change", some(&who));
            change(gap, context, block);
            block.hints = vec![
                say(format!(
                    "answer the objection with another change; or {} can take it back with",
                    some(&who)
                )),
                run(format!(
                    "refgate withdraw {} --onto {} --push",
                    head(gap),
                    context.short_ref()
                )),
            ];
        }
        ReviewViolation::TrailerAmbiguous { commit, why: reason } => {
            block.title = "approvals that readers read differently".into();
            block.seen = vec![commit_line(commit), format!("  {}", why(reason))];
            let id = commit.id.short();
            block.hints = vec![
                say(
                    "reword the commit, so that trailers stand in the last paragraph and nothing else does; approvals stay valid:",
                ),
                if context.new == Some(id.as_str()) {
                    run("git commit --amend")
                } else {
                    run(format!("git rebase -i {}", shell(&format!("{id}^"))))
                },
            ];
        }
        ReviewViolation::SubmoduleChanged { paths } => {
            block.title = "a submodule moves to unreviewed content".into();
            block.seen = paths.iter().take(context.shown).map(|path| path.token(62)).collect();
            block.seen.extend(more(paths.len(), context.shown));
            block.hints = vec![
                say("bring the content in as files, which are reviewed like all others"),
                say("the maintainers can set review.submodules = \"allow\" in meta/refgate.toml"),
            ];
        }
        ReviewViolation::CommitUnsigned { commits, count: all } => {
            unsigned(commits, *all, context, block);
        }
    }
}

fn unsigned(commits: &[UnsignedCommit], all: usize, context: &Context<'_>, block: &mut Block) {
    block.title =
        format!("{} a signature that counts", count(all as u64, "commit lacks", "commits lack"));
    for unsigned in commits.iter().take(context.shown) {
        block.seen.push(commit_line(&unsigned.commit));
        let reason = unsigned.why.as_deref().unwrap_or("it has no signature");
        block.seen.push(format!("  {}", why(reason)));
    }
    block.seen.extend(more(all, context.shown));
    block.hints = vec![
        say("sign the commits with a key that meta/STRUCTURE.md lists, then push again:"),
        run(format!(
            "git rebase --exec 'git commit --amend --no-edit -S' {}",
            context.old.unwrap_or("--root")
        )),
    ];
}

fn rejects(said: &Said) -> bool {
    matches!(said.standing, Standing::Rejects { .. })
}

fn domain(missing: &Missing) -> Option<&str> {
    match missing {
        Missing::Reviewer { domain, .. } => Some(domain),
        Missing::Approvals { .. }
        | Missing::Maintainers { .. }
        | Missing::SecondMaintainer { .. }
        | Missing::Threshold { .. } => None,
    }
}

fn head(gap: &ReviewGap) -> String {
    gap.commits.first().map(|commit| commit.id.short()).unwrap_or_default()
}

fn change(gap: &ReviewGap, context: &Context<'_>, block: &mut Block) {
    block.seen.extend(gap.commits.iter().take(context.shown).map(commit_line));
    block.seen.extend(more(gap.commits.len(), context.shown));
    if !gap.statements.is_empty() {
        block.seen.push(String::new());
        statements(&gap.statements, context, block);
    }
    for (commit, line) in gap.look_alikes.iter().take(context.shown) {
        block
            .seen
            .push(format!("line {line} of {} looks like an approval but is none", commit.short()));
    }
    block.seen.extend(more(gap.look_alikes.len(), context.shown));
    for missing in gap.missing.iter().take(context.shown) {
        block.labels.push(("missing", missing_text(missing)));
    }
    let left = gap.missing.len().saturating_sub(context.shown);
    if left > 0 {
        block.labels.push(("missing", format!("{left} more (refgate check --all lists them)")));
    }
    let could: std::collections::BTreeSet<String> =
        gap.missing.iter().filter_map(could_text).collect();
    if !could.is_empty() {
        let could: Vec<String> = could.into_iter().take(context.shown).collect();
        block.hints.push(say("share the commit, unless a branch of the server has it already:"));
        block.hints.push(run(format!(
            "git push {1} {0}:refs/heads/review/{0}",
            head(gap),
            context.remote()
        )));
        block.hints.push(say(format!("then {} can approve it with", could.join(", and "))));
        block.hints.push(run(format!(
            "refgate approve {} --onto {} --push",
            head(gap),
            context.short_ref()
        )));
        block.hints.push(say("then push the same commit again"));
    }
    let stuck: std::collections::BTreeSet<String> =
        gap.missing.iter().filter_map(stuck_text).collect();
    if !stuck.is_empty() {
        let stuck: Vec<String> = stuck.into_iter().take(context.shown).collect();
        block.hints.push(say(format!(
            "nobody is left who could give {}: the maintainers can add somebody to meta/STRUCTURE.md",
            stuck.join(" or ")
        )));
    }
}

fn statements(statements: &[Said], context: &Context<'_>, block: &mut Block) {
    let shown = || statements.iter().take(4 * context.shown);
    let names: Vec<String> = shown().map(speaker).collect();
    let column = names.iter().map(|name| columns(name)).max().unwrap_or(0) + 2;
    for (name, said) in names.iter().zip(shown()) {
        for (at, part) in wrap(&standing(&said.standing), 66 - column).into_iter().enumerate() {
            let head = if at == 0 { name.as_str() } else { "" };
            let pad = " ".repeat(column - columns(head));
            block.seen.push(format!("{head}{pad}{part}"));
        }
    }
    block.seen.extend(more(statements.len(), 4 * context.shown));
}

/// Names who speaks: bare if a signature proves it, in quotes if it is only claimed.
fn speaker(said: &Said) -> String {
    match said.standing {
        Standing::Unsigned | Standing::Malformed(_) | Standing::Refused(_) => said.who.quoted(24),
        Standing::Approves { .. }
        | Standing::Rejects { .. }
        | Standing::Withdrawn
        | Standing::NoVoice
        | Standing::Repeated
        | Standing::OwnWork(_)
        | Standing::NoRole { .. }
        | Standing::Expired { .. }
        | Standing::FromFuture { .. }
        | Standing::Untouched
        | Standing::Elsewhere(_) => said.who.shown(24),
    }
}

/// Joins names of the trusted list, the first few of them.
fn some(names: &[&str]) -> String {
    const MOST: usize = 3;
    let mut shown: Vec<String> = names.iter().take(MOST).map(|name| prose(name, 40)).collect();
    if names.len() > MOST {
        shown.push(format!("{} more", names.len() - MOST));
    }
    match shown.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => "somebody".into(),
    }
}

fn standing(standing: &Standing) -> String {
    match standing {
        Standing::Approves { maintainer, domains } => {
            let mut roles: Vec<String> = Vec::new();
            if *maintainer {
                roles.push("maintainer".into());
            }
            let reviews =
                domains.iter().take(3).map(|domain| format!("reviewer of {}", prose(domain, 40)));
            roles.extend(reviews);
            if domains.len() > 3 {
                roles.push(format!("{} more", domains.len() - 3));
            }
            format!("approves as {}", roles.join(", "))
        }
        Standing::Rejects { reason } => {
            format!("objects: {}", Foreign::from(reason).quoted(160))
        }
        Standing::Withdrawn => "withdrawn".into(),
        Standing::NoVoice => "objects, but holds no role for this change".into(),
        Standing::Repeated => "approves, counted already".into(),
        Standing::Unsigned => "named, but not signed".into(),
        Standing::Malformed(reason) => format!("malformed: {}", why(reason)),
        Standing::Refused(reason) => format!("signature refused: {}", why(reason)),
        Standing::OwnWork(part) => format!("{}, so the approval does not count", part_text(*part)),
        Standing::NoRole { unsigned_role: true } => {
            "good signature, but not for the role that counts".into()
        }
        Standing::NoRole { unsigned_role: false } => {
            "good signature, but no role for this change".into()
        }
        Standing::Expired { until, days } => {
            let ago = match days {
                0 => "today".into(),
                days => format!("{} ago", count(days.unsigned_abs(), "day", "days")),
            };
            format!("approved, but that ended on {}, {ago}", prose(until, 20))
        }
        Standing::FromFuture { at } => format!("dated {}, which is still to come", prose(at, 40)),
        Standing::Untouched => "signed without touching the security key".into(),
        Standing::Elsewhere(binding) => binding_text(binding),
    }
}

fn part_text(part: Part) -> &'static str {
    match part {
        Part::Author => "author of this change",
        Part::CoAuthor => "co-author of this change",
        Part::Committer => "committer of this change",
        Part::Signer => "signer of a commit of this change",
        Part::Merger => "made a merge with content of its own",
        Part::Pusher => "pushes this change",
    }
}

fn binding_text(binding: &Binding) -> String {
    match binding {
        Binding::Exact => "approves this change on this base".into(),
        Binding::SameChange => "approves the same change, but on another base".into(),
        Binding::Replay => "approves what this comes from, but not this itself".into(),
        Binding::Stale { change } => format!("approves another change ({})", short_digest(change)),
        Binding::Residual { paths, count } => {
            let shown: Vec<String> = paths.iter().take(3).map(|path| path.token(40)).collect();
            let dots = if *count > shown.len() {
                format!(" and {} more", count - shown.len())
            } else {
                String::new()
            };
            format!("approves another change; not covered: {}{dots}", shown.join(", "))
        }
        Binding::Unverifiable(reason) => format!("cannot be checked: {}", why(reason)),
        Binding::Spent { landed } => {
            format!("spent: the change landed with {} and was taken back", landed.short())
        }
    }
}

fn short_digest(change: &ChangeDigest) -> String {
    change.to_string().chars().take("sha256:".len() + crate::id::SHORT_LEN).collect()
}

fn missing_text(missing: &Missing) -> String {
    match missing {
        Missing::Approvals { more, .. } => count(*more as u64, "more approval", "more approvals"),
        Missing::Maintainers { more, .. } => count(*more as u64, "maintainer", "maintainers"),
        Missing::Reviewer { domain, more, taken, .. } => {
            let taken = match taken.as_slice() {
                [] => String::new(),
                people => {
                    format!(" other than {}, who is counted as the maintainer", names(people))
                }
            };
            let reviewers = count(*more as u64, "reviewer", "reviewers");
            format!("{reviewers} of domain {}{taken}", prose(domain, 40))
        }
        Missing::SecondMaintainer { more, paths, .. } => {
            let shown: Vec<String> = paths.iter().take(3).map(|path| path.token(40)).collect();
            let maintainers = count(*more as u64, "further maintainer", "further maintainers");
            if shown.is_empty() {
                return format!("{maintainers}, since the change touches no path");
            }
            format!("{maintainers}, for paths of no domain such as {}", shown.join(", "))
        }
        Missing::Threshold { more, need, paths, .. } => {
            let shown: Vec<String> = paths.iter().take(3).map(|path| path.token(40)).collect();
            format!(
                "{} of the {need} that a change of {} needs",
                count(*more as u64, "maintainer", "maintainers"),
                shown.join(", ")
            )
        }
    }
}

/// Writes what is missing and who could give it, in one line.
#[must_use]
pub fn missing_line(missing: &Missing) -> String {
    let (_, could) = missing_from(missing);
    let could = if could.is_empty() { "nobody is left".to_owned() } else { names(could) };
    format!("{}: {could}", missing_text(missing))
}

/// Names who could give what is missing; nothing if nobody is left.
fn could_text(missing: &Missing) -> Option<String> {
    let (who, could) = missing_from(missing);
    (!could.is_empty()).then(|| format!("{who} ({})", names(could)))
}

/// Says what nobody is left to give.
fn stuck_text(missing: &Missing) -> Option<String> {
    let (who, could) = missing_from(missing);
    could.is_empty().then(|| format!("the approval of {who}"))
}

fn missing_from(missing: &Missing) -> (String, &[crate::violation::Person]) {
    match missing {
        Missing::Approvals { could, .. } => ("a reviewer or maintainer".to_owned(), could),
        Missing::Maintainers { could, .. }
        | Missing::SecondMaintainer { could, .. }
        | Missing::Threshold { could, .. } => ("a maintainer".to_owned(), could),
        Missing::Reviewer { domain, could, .. } => {
            (format!("a reviewer of {}", prose(domain, 40)), could)
        }
    }
}
