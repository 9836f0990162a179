//! Exceptions.

use super::{Context, count, names, plain, run, say};
use crate::evidence::exception::{Approver, Seen, SeenState};
use crate::report::block::{Block, table};
use crate::report::text::{Foreign, prose, shell};
use crate::violation::{Becomes, ExceptionViolation, Lapsed, Person, Problem, TakenBack};

pub(super) fn describe(violation: &ExceptionViolation, context: &Context<'_>, block: &mut Block) {
    match violation {
        ExceptionViolation::Malformed { problems } => malformed(problems, context, block),
        ExceptionViolation::Revoked { exception, on, because } => {
            block.title = format!("exception {} was revoked", exception.id);
            findings(exception, context, block);
            block.labels.push(("revoked", format!("on {}", day(on))));
            block.labels.extend(because.as_ref().map(|why| ("because", why.quoted(160))));
            ask(exception, block);
            let mend =
                if exception.gate == "scan" { "mend the finding, or request" } else { "request" };
            block.hints = vec![
                say(format!("{mend} a new exception under a new id:")),
                run(request(exception, context)),
            ];
        }
        ExceptionViolation::Unapproved { exception, seen, could } => {
            block.title = format!("exception {} is not approved", exception.id);
            findings(exception, context, block);
            signatures(seen, context, block);
            block.labels.push(("requested", format!("on {}", day(&exception.requested))));
            ask(exception, block);
            approve(exception, seen, could, block);
        }
        ExceptionViolation::SelfApproved { exception, seen, could } => {
            block.title =
                format!("exception {} is approved only by those who ask for it", exception.id);
            findings(exception, context, block);
            signatures(seen, context, block);
            ask(exception, block);
            approve(exception, seen, could, block);
        }
        ExceptionViolation::TooLong { exception, latest, allowed, origin } => {
            block.title = format!("exception {} lasts longer than it may", exception.id);
            findings(exception, context, block);
            let latest = day(latest);
            let until = format!("{}, {latest} would be the latest", day(&exception.expires));
            block.labels.push(("expires", until));
            let allowed =
                format!("{} from its approval ({})", prose(allowed, 12), prose(origin, 60));
            block.labels.push(("allowed", allowed));
            ask(exception, block);
            block.hints = vec![
                say("set a day that is allowed, and have it approved again:"),
                run(format!("refgate exception renew {}", exception.id)),
            ];
        }
        ExceptionViolation::Expired { exception, days_ago, approvers } => {
            block.title = format!("exception {} has run out", exception.id);
            findings(exception, context, block);
            let ago = count(days_ago.unsigned_abs(), "day", "days");
            let expired = format!("{}, {ago} before this push", day(&exception.expires));
            block.labels.push(("expired", expired));
            block.labels.push(("approved by", approved_by(approvers)));
            ask(exception, block);
            block.hints = vec![
                say(if exception.gate == "scan" {
                    "mend the finding, or ask Security Engineering for a renewal:"
                } else {
                    "ask Security Engineering for a renewal:"
                }),
                run(format!("refgate exception renew {}", exception.id)),
            ];
        }
        ExceptionViolation::Unknown { named } => {
            block.title =
                format!("there is no exception {} to break the glass with", named.quoted(48));
            block.labels.push((
                "looked in",
                "exceptions/ of what is pushed, and of the trusted tree".into(),
            ));
            block.hints = vec![say("see which there are:"), run("refgate exception list")];
        }
        ExceptionViolation::RevocationRemoved { exceptions } => {
            taken_back(exceptions, context, block)
        }
        ExceptionViolation::NotBreakGlass { exception, refs } => {
            block.title = format!("exception {} does not break the glass here", exception.id);
            block.seen = match refs {
                None => {
                    vec!["it is for one gate alone, not for every one (gates = [\"*\"])".into()]
                }
                Some(refs) => {
                    let token = |name: &String| Foreign::from(name).token(60);
                    let refs = refs.iter().take(context.shown);
                    refs.map(|name| format!("it is for {}", token(name))).collect()
                }
            };
            block.hints = vec![
                say("break-glass takes an exception with gates = [\"*\"] for this ref:"),
                run(format!(
                    "refgate exception new --break-glass --ref {}",
                    shell(&context.ref_name.to_string())
                )),
            ];
        }
    }
}

fn taken_back(exceptions: &[TakenBack], context: &Context<'_>, block: &mut Block) {
    block.title = format!(
        "this takes back {}",
        count(
            exceptions.len() as u64,
            "revocation before its time",
            "revocations before their time"
        )
    );
    for taken in exceptions.iter().take(context.shown) {
        let becomes = match taken.becomes {
            Becomes::Removed => "is removed",
            Becomes::Unreadable => "cannot be read any more",
            Becomes::NotRevoked => "no longer says that it is revoked",
            Becomes::EndsEarlier => "would name an earlier end",
        };
        block.seen.push(format!("{} {becomes}", taken.id.path()));
        let revoked = taken.revoked.as_ref().map_or_else(
            || "revoked by this push".to_owned(),
            |on| format!("revoked on {}", day(on)),
        );
        block.seen.push(format!("  {revoked}, to stay until {}", day(&taken.expires)));
    }
    block.seen.extend(super::more(exceptions.len(), context.shown));
    let note = "a signed copy of the document, in any commit, would count again";
    block.labels.push(("because", note.into()));
    let kept = exceptions.iter().filter(|taken| taken.revoked.is_some()).take(context.shown);
    let paths: Vec<String> = kept.map(|taken| taken.id.path()).collect();
    if paths.is_empty() {
        let id = exceptions.first().map_or_else(String::new, |taken| taken.id.to_string());
        block.hints = vec![
            say("let it end on the day that the server has; the command leaves it as it is:"),
            run(format!("refgate exception revoke {id} -m REASON")),
        ];
        return;
    }
    block.hints = vec![
        say("leave the documents as the server has them:"),
        run(format!("git checkout {} -- {}", context.trust_tracking(), paths.join(" "))),
        say("commit that, and push again"),
    ];
}

/// Returns the command that requests another exception of the same kind.
fn request(exception: &Lapsed, context: &Context<'_>) -> String {
    let of_ref = |flag| {
        format!("refgate exception new --{flag} --ref {}", shell(&context.ref_name.to_string()))
    };
    match exception.gate {
        "freeze" => of_ref("freeze"),
        "*" => of_ref("break-glass"),
        _ => "refgate exception new --from-check".into(),
    }
}

/// What the exception would have covered.
fn findings(exception: &Lapsed, context: &Context<'_>, block: &mut Block) {
    for finding in exception.findings.iter().take(context.shown) {
        block.seen.push(format!(
            "{} finding {} in {} ({})",
            prose(&finding.severity, 10),
            finding.rule.token(40),
            finding.location.token(60),
            prose(&finding.kind, 40)
        ));
    }
    let shown = exception.findings.len().min(context.shown);
    let all = usize::try_from(exception.count).unwrap_or(usize::MAX);
    block.seen.extend(super::more(all, shown));
}

fn signatures(seen: &[Seen], context: &Context<'_>, block: &mut Block) {
    if !block.seen.is_empty() && !seen.is_empty() {
        block.seen.push(String::new());
    }
    let rows: Vec<Vec<String>> = seen
        .iter()
        .take(context.shown)
        .map(|seen| vec![seen.who.shown(28), format!("line {}", seen.line), state(&seen.state)])
        .collect();
    block.seen.extend(table(&rows));
    block.seen.extend(super::more(seen.len(), rows.len()));
}

fn state(state: &SeenState) -> String {
    match state {
        SeenState::Unsigned => "not signed".into(),
        SeenState::Malformed(why) => format!("cannot be read: {}", prose(why, 120)),
        SeenState::OtherDocument => "changed since it was signed".into(),
        SeenState::Refused(why) => prose(why, 160),
        SeenState::NotSecurity => "not Security Engineering".into(),
        SeenState::OwnRequest => "asks for it, or answers for the repair".into(),
        SeenState::FromFuture => "dated in the future".into(),
    }
}

fn ask(exception: &Lapsed, block: &mut Block) {
    let Lapsed { id, read_from, requester, owner, .. } = exception;
    block.labels.push(("document", format!("{} of {read_from}", id.path())));
    let people = if requester == owner {
        requester.to_string()
    } else {
        format!("{requester}, owned by {owner}")
    };
    block.labels.push(("requested by", people));
}

fn approve(exception: &Lapsed, seen: &[Seen], could: &[Person], block: &mut Block) {
    let edited = seen.iter().any(|seen| seen.state == SeenState::OtherDocument);
    let what = match (could.is_empty(), edited) {
        (true, _) => "nobody else of Security Engineering is listed who could approve it".into(),
        (false, true) => {
            format!("Security Engineering ({}) approves what it says now:", names(could))
        }
        (false, false) => format!("Security Engineering ({}) can approve it:", names(could)),
    };
    block.hints = vec![say(what)];
    if !could.is_empty() {
        block.hints.push(run(format!("refgate exception approve {}", exception.id)));
        block.hints.push(say("then commit the document and push again"));
    }
}

/// Names those who approved, each with the day.
pub(in crate::report) fn approved_by(approvers: &[Approver]) -> String {
    let approvers: Vec<String> = approvers
        .iter()
        .map(|approver| {
            let at = day(approver.at.split('T').next().unwrap_or_default());
            format!("{} (Security Engineering), {at}", plain(&approver.person.name))
        })
        .collect();
    approvers.join("; ")
}

fn malformed(problems: &[Problem], context: &Context<'_>, block: &mut Block) {
    let files: std::collections::BTreeSet<&str> =
        problems.iter().map(|problem| problem.file.as_str()).collect();
    block.title = format!(
        "{} cannot be read, and could have covered what is open",
        count(files.len() as u64, "exception document", "exception documents")
    );
    for problem in problems.iter().take(2 * context.shown) {
        let file = Foreign::from(&problem.file).token(60);
        block.seen.push(match problem.line {
            0 => file,
            line => format!("{file}:{line}"),
        });
        block.seen.push(format!("  {}", prose(&problem.message, 240)));
        block.seen.extend(problem.help.iter().map(|help| format!("  {}", prose(help, 240))));
    }
    block.seen.extend(super::more(problems.len(), 2 * context.shown));
    block.hints = vec![
        say("mend the documents, and have them approved as they are then; see how they stand:"),
        run("refgate exception list"),
    ];
}

/// Writes a day of the calendar.
fn day(text: &str) -> String {
    prose(text, 12)
}
