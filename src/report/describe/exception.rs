//! Exceptions.

use super::{Context, count, names, plain, run, say};
use crate::evidence::exception::{Approver, Seen, SeenState};
use crate::report::block::{Block, Hint, table};
use crate::report::text::wrap;
use crate::violation::{ExceptionViolation, Lapsed, Person, Problem};

pub(super) fn describe(violation: &ExceptionViolation, context: &Context<'_>, block: &mut Block) {
    match violation {
        ExceptionViolation::Malformed { problems } => malformed(problems, context, block),
        ExceptionViolation::Revoked { exception, on, because } => {
            block.title = format!("exception {} was revoked", exception.id);
            findings(exception, context, block);
            block.labels.push(("revoked", format!("on {on}")));
            block.labels.extend(because.as_ref().map(|why| ("because", why.quoted(160))));
            ask(exception, block);
            block.hints = vec![
                say("mend the finding, or request a new exception under a new id:"),
                run("refgate exception new"),
            ];
        }
        ExceptionViolation::Unapproved { exception, seen, could } => {
            block.title = format!("exception {} is not approved", exception.id);
            findings(exception, context, block);
            signatures(seen, context, block);
            block.labels.push(("requested", format!("on {}", exception.requested)));
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
            let until = format!("{}, {latest} would be the latest", exception.expires);
            block.labels.push(("expires", until));
            block.labels.push(("allowed", format!("{allowed} from its approval ({origin})")));
            ask(exception, block);
            block.hints = vec![
                say("set an earlier day and have it approved again:"),
                run(format!("refgate exception renew {} --expires {latest}", exception.id)),
            ];
        }
        ExceptionViolation::Expired { exception, days_ago, approvers } => {
            block.title = format!("exception {} has run out", exception.id);
            findings(exception, context, block);
            let ago = count(days_ago.unsigned_abs(), "day", "days");
            let expired = format!("{}, {ago} before this push", exception.expires);
            block.labels.push(("expired", expired));
            block.labels.push(("approved by", approved_by(approvers)));
            ask(exception, block);
            block.hints = vec![
                say("mend the finding, or ask Security Engineering for a renewal:"),
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
        ExceptionViolation::NotBreakGlass { exception, refs } => {
            block.title = format!("exception {} does not break the glass here", exception.id);
            block.seen = match refs {
                None => wrap("it is for findings of scanners (gates = [\"scan\"])", 62),
                Some(refs) => {
                    let refs: Vec<String> =
                        refs.iter().take(context.shown).map(|r| plain(r)).collect();
                    wrap(&format!("it is for {}", refs.join(", ")), 62)
                }
            };
            block.hints = vec![
                say("break-glass takes an exception with gates = [\"*\"] for this ref:"),
                run(format!("refgate exception new --break-glass --ref {}", context.ref_name)),
            ];
        }
    }
}

/// What the exception would have covered.
fn findings(exception: &Lapsed, context: &Context<'_>, block: &mut Block) {
    for finding in exception.findings.iter().take(context.shown) {
        block.seen.push(format!(
            "{} finding {} in {} ({})",
            finding.severity,
            finding.rule.shown(36),
            finding.location.shown(60),
            finding.kind
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
    let who: Vec<Vec<String>> = seen
        .iter()
        .take(context.shown)
        .map(|seen| vec![seen.who.shown(30), format!("line {}", seen.line), String::new()])
        .collect();
    for (who, seen) in table(&who).iter().zip(seen) {
        let state = state(&seen.state);
        let row = format!("{who}  {state}");
        if row.chars().count() <= 62 {
            block.seen.push(row);
        } else {
            block.seen.push(who.clone());
            block.seen.extend(wrap(&state, 60).into_iter().map(|line| format!("  {line}")));
        }
    }
    block.seen.extend(super::more(seen.len(), who.len()));
}

fn state(state: &SeenState) -> String {
    match state {
        SeenState::Unsigned => "not signed".into(),
        SeenState::Malformed(why) => format!("cannot be read: {why}"),
        SeenState::OtherDocument => "the document was changed after it was signed".into(),
        SeenState::Refused(why) => why.clone(),
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
            let day = approver.at.split('T').next().unwrap_or_default();
            format!("{} (Security Engineering), {day}", plain(&approver.person.name))
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
        let file = crate::report::text::Foreign::from(&problem.file).shown(60);
        block.seen.push(match problem.line {
            0 => file,
            line => format!("{file}:{line}"),
        });
        let lines = wrap(&problem.message, 60).into_iter();
        let help = problem.help.iter().flat_map(|help| wrap(help, 60));
        block.seen.extend(lines.chain(help).map(|line| format!("  {line}")));
    }
    block.seen.extend(super::more(problems.len(), 2 * context.shown));
    block.hints = vec![
        say("mend the documents; what refgate reads in one shows:"),
        Hint::Run("refgate exception show EX-...".into()),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::exception::ExceptionId;
    use crate::principal::PrincipalId;
    use crate::refname::RefName;
    use crate::report::block::Level;
    use crate::report::text::Foreign;
    use crate::verdict::Rule;
    use crate::violation::OpenFinding;

    fn person(name: &str, email: &str) -> Person {
        Person { id: PrincipalId::parse(email).expect("an email"), name: name.into() }
    }

    fn lapsed() -> Lapsed {
        let finding = OpenFinding {
            severity: "high".into(),
            class: "code".into(),
            rule: Foreign::from("CWE-89\u{1b}"),
            ids: Vec::new(),
            paths: Vec::new(),
            purls: Vec::new(),
            location: Foreign::from("src/db/query.rs:88"),
            title: Foreign::from("SQL injection"),
            tool: Foreign::from("Lint"),
            fingerprint: String::new(),
            kind: "sast".into(),
            commits: Vec::new(),
            suppressed: false,
        };
        Lapsed {
            id: ExceptionId::parse("EX-2026-014").expect("an id"),
            read_from: "the push",
            requester: PrincipalId::parse("dana@example.org").expect("an email"),
            owner: PrincipalId::parse("cleo@example.org").expect("an email"),
            requested: "2026-07-29".into(),
            expires: "2026-10-30".into(),
            findings: vec![finding],
            count: 1,
        }
    }

    fn text(violation: &ExceptionViolation) -> String {
        let name = RefName::parse(b"refs/heads/main").expect("a name");
        let rule = Rule::default();
        let context = Context {
            ref_name: &name,
            old: None,
            new: Some("4f2a91c0d3e1"),
            trusted: None,
            rule: &rule,
            shown: 5,
        };
        let mut block = Block {
            level: Level::Error,
            code: Some(violation.code()),
            title: String::new(),
            place: String::new(),
            seen: Vec::new(),
            labels: Vec::new(),
            hints: Vec::new(),
        };
        describe(violation, &context, &mut block);
        block.lines().join("\n")
    }

    fn approvers() -> Vec<Approver> {
        let person = person("Eve Sand", "eve@example.org");
        vec![Approver { person, at: "2026-07-30T10:00:00Z".into() }]
    }

    #[test]
    fn an_expired_exception_names_the_day_and_the_people() {
        let violation = ExceptionViolation::Expired {
            exception: lapsed(),
            days_ago: 24,
            approvers: approvers(),
        };
        insta::assert_snapshot!(text(&violation), @r"
        error[exception-expired]: exception EX-2026-014 has run out
           |  high finding CWE-89\u{1b} in src/db/query.rs:88 (sast)
           |
           = expired: 2026-10-30, 24 days before this push
           = approved by: Eve Sand (Security Engineering), 2026-07-30
           = document: exceptions/EX-2026-014.md of the push
           = requested by: dana@example.org, owned by cleo@example.org
        hint: mend the finding, or ask Security Engineering for a renewal:
        hint:     refgate exception renew EX-2026-014
        ");
    }

    #[test]
    fn an_unapproved_exception_shows_each_signature() {
        let seen = |who: &str, state| Seen { who: Foreign::from(who), line: 30, state };
        let refused =
            "the key SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa is on no list of people";
        let violation = ExceptionViolation::Unapproved {
            exception: lapsed(),
            seen: vec![
                seen("Ada Lovelace", SeenState::NotSecurity),
                seen("Eve <eve@example.org>", SeenState::Refused(refused.into())),
            ],
            could: vec![person("Eve Sand", "eve@example.org")],
        };
        insta::assert_snapshot!(text(&violation), @r"
        error[exception-unapproved]: exception EX-2026-014 is not approved
           |  high finding CWE-89\u{1b} in src/db/query.rs:88 (sast)
           |
           |  Ada Lovelace           line 30  not Security Engineering
           |  Eve <eve@example.org>  line 30
           |    the key SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa is on
           |    no list of people
           |
           = requested: on 2026-07-29
           = document: exceptions/EX-2026-014.md of the push
           = requested by: dana@example.org, owned by cleo@example.org
        hint: Security Engineering (Eve Sand) can approve it:
        hint:     refgate exception approve EX-2026-014
        hint: then commit the document and push again
        ");
    }

    #[test]
    fn every_message_is_ascii_and_keeps_within_the_width() {
        let problem = Problem {
            file: "exceptions/EX-1.md".into(),
            line: 7,
            message: "unknown key \"ownr\"".into(),
            help: Some("write owner".into()),
        };
        let exception = lapsed;
        for violation in [
            ExceptionViolation::Malformed { problems: vec![problem] },
            ExceptionViolation::Revoked {
                exception: exception(),
                on: "2026-11-01".into(),
                because: Some(Foreign::from("\u{202e}exploited\n")),
            },
            ExceptionViolation::SelfApproved {
                exception: exception(),
                seen: Vec::new(),
                could: Vec::new(),
            },
            ExceptionViolation::TooLong {
                exception: exception(),
                latest: "2026-10-28".into(),
                allowed: "90d".into(),
                origin: "built-in policy".into(),
            },
            ExceptionViolation::Unknown { named: Foreign::from("EX-\u{1b}[2J") },
            ExceptionViolation::NotBreakGlass { exception: exception(), refs: None },
            ExceptionViolation::NotBreakGlass {
                exception: exception(),
                refs: Some(vec!["refs/heads/side".into()]),
            },
        ] {
            let text = text(&violation);
            assert!(text.is_ascii(), "{text}");
            for line in text.lines().filter(|line| !line.starts_with("hint:     ")) {
                assert!(line.len() <= 72, "{line}");
            }
            assert!(text.contains("hint: "), "{text}");
        }
    }
}
