//! Approvals.

use super::{Context, commit_line, count, more, names, run, say};
use crate::evidence::approval::ChangeDigest;
use crate::evidence::change::{Binding, Part};
use crate::report::block::{Block, table};
use crate::report::text::wrap;
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
                block.title = "paths of no domain need the approval of a second maintainer".into();
            }
            change(gap, context, block);
        }
        ReviewViolation::ReviewerMissing { gap } => {
            let domains: Vec<&str> = gap.missing.iter().filter_map(domain).collect();
            block.title = format!("no reviewer of {} approved this change", domains.join(" and "));
            change(gap, context, block);
        }
        ReviewViolation::ThresholdMissing { gap } => {
            block.title = "a change of trusted files needs more maintainers".into();
            change(gap, context, block);
        }
        ReviewViolation::SelfApproved { gap } => {
            block.title = "people approved their own work, which does not count".into();
            change(gap, context, block);
        }
        ReviewViolation::Rejected { gap } => {
            let who: Vec<String> =
                gap.statements.iter().filter(|s| rejects(s)).map(|s| s.who.shown(24)).collect();
            block.title = format!("{} objects to this change", who.join(", "));
            change(gap, context, block);
            block.hints = vec![
                say(
                    "answer the objection with another change, or ask its author to take it back with",
                ),
                run(format!(
                    "refgate withdraw {} --onto {} --push",
                    head(gap),
                    context.short_ref()
                )),
            ];
        }
        ReviewViolation::TrailerAmbiguous { commit, why } => {
            block.title =
                "the approvals in a commit message can be read in more than one way".into();
            block.seen = vec![commit_line(commit)];
            block.seen.extend(wrap(why, 62));
            block.hints = vec![
                say(
                    "write the approvals into the last paragraph and nothing else there; refgate does it:",
                ),
                run("refgate seal"),
            ];
        }
        ReviewViolation::SubmoduleChanged { paths } => {
            block.title = "a submodule moves, and what it brings in was not reviewed".into();
            block.seen = paths.iter().take(context.shown).map(|path| path.quoted(62)).collect();
            block.seen.extend(more(paths.len(), context.shown));
            block.hints = vec![say(
                "bring the content in as files, or set review.submodules = \"allow\" in meta/refgate.toml",
            )];
        }
        ReviewViolation::CommitUnsigned { commits, count: all } => {
            unsigned(commits, *all, context, block)
        }
    }
}

fn unsigned(commits: &[UnsignedCommit], all: usize, context: &Context<'_>, block: &mut Block) {
    block.title = format!(
        "{} signed by nobody on the trusted list",
        count(all as u64, "commit is", "commits are")
    );
    for unsigned in commits.iter().take(context.shown) {
        block.seen.push(commit_line(&unsigned.commit));
        let why = unsigned.why.as_deref().unwrap_or("it has no signature");
        block.seen.extend(wrap(why, 58).into_iter().map(|line| format!("  {line}")));
    }
    block.seen.extend(more(all, context.shown));
    block.hints = vec![
        say("sign the commits with a key that meta/STRUCTURE.md lists:"),
        run("git rebase --exec 'git commit --amend --no-edit -S' @{upstream}"),
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
    for missing in &gap.missing {
        let text = missing_text(missing);
        block.labels.push(("missing", text));
    }
    let could: std::collections::BTreeSet<String> =
        gap.missing.iter().filter_map(could_text).collect();
    if !could.is_empty() {
        let could: Vec<String> = could.into_iter().collect();
        block.hints.push(say(format!("{} can approve it with", could.join(", and "))));
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
        let stuck: Vec<String> = stuck.into_iter().collect();
        block.hints.push(say(format!(
            "nobody is left who could give {}: the maintainers can add somebody to meta/STRUCTURE.md",
            stuck.join(" or ")
        )));
    }
}

fn statements(statements: &[Said], context: &Context<'_>, block: &mut Block) {
    let rows: Vec<Vec<String>> = statements
        .iter()
        .take(4 * context.shown)
        .map(|said| vec![said.who.shown(22), standing(&said.standing)])
        .collect();
    for line in table(&rows) {
        let column = rows
            .iter()
            .map(|row| row.first().map_or(0, |who| who.chars().count()))
            .max()
            .unwrap_or(0)
            + 2;
        let (who, text) = (
            line.chars().take(column).collect::<String>(),
            line.chars().skip(column).collect::<String>(),
        );
        for (at, part) in wrap(&text, 66 - column.min(24)).into_iter().enumerate() {
            let head = if at == 0 { who.clone() } else { " ".repeat(column) };
            block.seen.push(format!("{head}{part}"));
        }
    }
    block.seen.extend(more(statements.len(), 4 * context.shown));
}

fn standing(standing: &Standing) -> String {
    match standing {
        Standing::Approves { maintainer, domains } => {
            let mut roles: Vec<String> = Vec::new();
            if *maintainer {
                roles.push("maintainer".into());
            }
            roles.extend(domains.iter().map(|domain| format!("reviewer of {domain}")));
            format!("approves as {}", roles.join(", "))
        }
        Standing::Rejects { reason } => {
            format!("objects: {}", crate::report::text::Foreign::from(reason).quoted(100))
        }
        Standing::Withdrawn => "withdrawn".into(),
        Standing::NoVoice => "objects, but holds no role for this change".into(),
        Standing::Repeated => "approves, counted already".into(),
        Standing::Unsigned => "named, but not signed".into(),
        Standing::Malformed(why) => format!("malformed: {why}"),
        Standing::Refused(why) => format!("signature refused: {why}"),
        Standing::OwnWork(part) => format!("{}, so the approval does not count", part_text(*part)),
        Standing::NoRole { unsigned_role: true } => {
            "good signature, but not for the role that counts".into()
        }
        Standing::NoRole { unsigned_role: false } => {
            "good signature, but no role for this change".into()
        }
        Standing::Expired { until, days } => {
            format!("expired on {until}, {} ago", count(days.unsigned_abs(), "day", "days"))
        }
        Standing::FromFuture { at } => format!("dated {at}, which is still to come"),
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
            let shown: Vec<String> = paths.iter().take(3).map(|path| path.quoted(40)).collect();
            let dots = if *count > shown.len() {
                format!(" and {} more", count - shown.len())
            } else {
                String::new()
            };
            format!("approves another change; not covered: {}{dots}", shown.join(", "))
        }
        Binding::Unverifiable(why) => format!("cannot be checked: {why}"),
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
            format!("{} of domain {domain}{taken}", count(*more as u64, "reviewer", "reviewers"))
        }
        Missing::SecondMaintainer { more, paths, .. } => {
            let shown: Vec<String> = paths.iter().take(3).map(|path| path.quoted(40)).collect();
            format!(
                "{}, for paths of no domain such as {}",
                count(*more as u64, "further maintainer", "further maintainers"),
                shown.join(", ")
            )
        }
        Missing::Threshold { more, need, paths, .. } => {
            let shown: Vec<String> = paths.iter().take(3).map(|path| path.quoted(40)).collect();
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
        Missing::Reviewer { domain, could, .. } => (format!("a reviewer of {domain}"), could),
    }
}
