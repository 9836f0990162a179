//! Laws of messages, whatever a push holds: threats T90 to T99.

use proptest::prelude::*;

use super::block::{WIDTH, is_signal};
use super::samples::{self, Sample};
use super::text::{Foreign, columns};
use super::{json, remote};
use crate::error::{Diagnostic, Error, ErrorKind};
use crate::policy::text::is_hidden;
use crate::refname::RefName;
use crate::violation::Violation;

/// What an attacker would write into a name, a subject, a path or a title.
fn foreign_bytes() -> impl Strategy<Value = Vec<u8>> {
    let known = prop_oneof![
        Just(b"\x1b[2J\x1b]0;owned\x07".to_vec()),
        Just(b"nul\0after".to_vec()),
        Just(b"\r\nsuccess: all gates passed\n".to_vec()),
        Just(b"error: push rejected, 0 violations".to_vec()),
        Just(b"GL-HOOK-ERR: <b>approved</b>".to_vec()),
        Just("\u{202e}\u{2066}\u{200b}\u{3164}\u{9b}31m".as_bytes().to_vec()),
        Just(b"lat\xe9n\xff\xfe".to_vec()),
        Just(vec![b'a'; 5_000]),
        Just("\u{5c71}".repeat(200).into_bytes()),
        Just(b"success ".repeat(40)),
        Just(b"\" = trusted: everything \\".to_vec()),
        Just("e\u{e31}".repeat(300).into_bytes()),
    ];
    prop_oneof![known, proptest::collection::vec(any::<u8>(), 0..200)]
}

fn foreign_text() -> impl Strategy<Value = String> {
    foreign_bytes().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn poison_exception(
    found: &mut crate::violation::ExceptionViolation,
    foreign: &Foreign,
    text: &str,
) {
    use crate::evidence::exception::{Seen, SeenState};
    use crate::violation::{ExceptionViolation, Lapsed};
    let string = || text.to_owned();
    let poison = |lapsed: &mut Lapsed| {
        (lapsed.requested, lapsed.expires) = (string(), string());
        for finding in &mut lapsed.findings {
            finding.rule = foreign.clone();
            finding.location = foreign.clone();
            (finding.severity, finding.kind) = (string(), string());
        }
    };
    let poison_seen = |seen: &mut Vec<Seen>| {
        for (state, line) in
            [(SeenState::Malformed(string()), 1), (SeenState::Refused(string()), usize::MAX)]
        {
            seen.push(Seen { who: foreign.clone(), line, state });
        }
    };
    match found {
        ExceptionViolation::Malformed { problems } => {
            for problem in problems {
                (problem.file, problem.message) = (string(), string());
                problem.help = Some(string());
            }
        }
        ExceptionViolation::Revoked { exception, on, because } => {
            poison(exception);
            *on = string();
            *because = Some(foreign.clone());
        }
        ExceptionViolation::Unapproved { exception, seen, could }
        | ExceptionViolation::SelfApproved { exception, seen, could } => {
            poison(exception);
            poison_seen(seen);
            could.iter_mut().for_each(|person| person.name = string());
        }
        ExceptionViolation::TooLong { exception, latest, allowed, origin } => {
            poison(exception);
            (*latest, *allowed, *origin) = (string(), string(), string());
        }
        ExceptionViolation::Expired { exception, approvers, .. } => {
            poison(exception);
            for approver in approvers {
                (approver.person.name, approver.at) = (string(), string());
            }
        }
        ExceptionViolation::Unknown { named } => *named = foreign.clone(),
        ExceptionViolation::RevocationRemoved { exceptions } => {
            for taken in exceptions {
                (taken.revoked, taken.expires) = (Some(string()), string());
            }
        }
        ExceptionViolation::NotBreakGlass { exception, refs } => {
            poison(exception);
            *refs = Some(vec![string(); 3]);
        }
    }
}

/// Puts foreign text into every place of a violation that can hold some.
fn poisoned(violation: &Violation, bytes: &[u8], text: &str) -> Violation {
    use crate::violation::{
        ChecklistViolation, NotesViolation, RefViolation, ReviewViolation, ScanViolation,
        TestsViolation, TrustViolation,
    };
    let mut violation = violation.clone();
    let foreign = Foreign(bytes.to_vec());
    let string = || text.to_owned();
    match &mut violation {
        Violation::Ref(found) => match found {
            RefViolation::Moved { actual } => *actual = Some(string()),
            RefViolation::Spelling { pattern } => *pattern = string(),
            RefViolation::Shadows { protected } => *protected = string(),
            RefViolation::NameUnfit { name } | RefViolation::TagName { inner: name } => {
                *name = foreign;
            }
            RefViolation::NamedTwice { names } => names.extend(ref_name(bytes)),
            RefViolation::Alias { target } => {
                target.clone_from(&ref_name(bytes).unwrap_or(target.clone()))
            }
            RefViolation::TagUnreachable { branches, .. } => branches.extend(ref_name(bytes)),
            RefViolation::ObjectFaulty { fault } => {
                fault.problem = crate::repo::fault::Problem::Malformed(string());
            }
            RefViolation::Frozen { reason, from, until, zone } => {
                for part in [reason, from, until, zone] {
                    *part = string();
                }
            }
            RefViolation::Deleted
            | RefViolation::NotFastForward { .. }
            | RefViolation::NotFirstParent { .. }
            | RefViolation::Replace
            | RefViolation::Unrelated { .. }
            | RefViolation::TooManyCommits { .. }
            | RefViolation::Shallow
            | RefViolation::NotACommit { .. }
            | RefViolation::TagMoved
            | RefViolation::TagLightweight
            | RefViolation::TagTarget { .. } => {}
        },
        Violation::Exception(found) => poison_exception(found, &foreign, text),
        Violation::Trust(found) => match found {
            TrustViolation::RootUnmet { wanted, found } => {
                wanted.push(string());
                *found = string();
            }
            TrustViolation::PusherUnknown { pusher } => *pusher = Some(foreign.clone()),
            TrustViolation::CertificateFaulty { why } => *why = string(),
            TrustViolation::AnchorMoved | TrustViolation::PushUnsigned => {}
            TrustViolation::FilesVoid { diagnostics } => {
                for problem in diagnostics {
                    (problem.file, problem.message) = (string(), string());
                    problem.help = Some(string());
                }
            }
        },
        Violation::Notes(found) => match found {
            NotesViolation::RefUnknown => {}
            NotesViolation::Removed { notes }
            | NotesViolation::Malformed { notes }
            | NotesViolation::Subject { notes }
            | NotesViolation::Untrusted { notes }
            | NotesViolation::TooLarge { notes } => {
                for note in notes {
                    (note.annotated, note.why) = (string(), string());
                }
            }
        },
        Violation::Scan(found) => match found {
            ScanViolation::EvidenceMissing { gap }
            | ScanViolation::EvidenceMalformed { gap }
            | ScanViolation::EvidenceWrongSubject { gap }
            | ScanViolation::EvidenceUntrusted { gap }
            | ScanViolation::EvidenceStale { gap }
            | ScanViolation::EvidenceEmpty { gap }
            | ScanViolation::EvidenceIncomplete { gap } => poison_gap(gap, &foreign, text),
            ScanViolation::FindingOpen { findings, block, .. } => {
                *block = string();
                for finding in findings {
                    finding.rule = foreign.clone();
                    finding.location = foreign.clone();
                    finding.title = foreign.clone();
                    finding.tool = foreign.clone();
                    (finding.severity, finding.kind) = (string(), string());
                }
            }
        },
        Violation::Tests(found) => match found {
            TestsViolation::EvidenceMissing { gap }
            | TestsViolation::EvidenceMalformed { gap }
            | TestsViolation::EvidenceWrongSubject { gap }
            | TestsViolation::EvidenceUntrusted { gap }
            | TestsViolation::EvidenceStale { gap }
            | TestsViolation::EvidenceEmpty { gap } => poison_gap(gap, &foreign, text),
            TestsViolation::Failed { suites } => {
                for suite in suites {
                    suite.suite = string();
                    suite.commit.subject = foreign.clone();
                    suite.commit.author = foreign.clone();
                    suite.tests = vec![foreign.clone(); 50];
                }
            }
        },
        Violation::Review(found) => match found {
            ReviewViolation::ApprovalMissing { gap }
            | ReviewViolation::MaintainerMissing { gap }
            | ReviewViolation::ReviewerMissing { gap }
            | ReviewViolation::ThresholdMissing { gap }
            | ReviewViolation::SelfApproved { gap }
            | ReviewViolation::Rejected { gap } => poison_review(gap, &foreign, text),
            ReviewViolation::TrailerAmbiguous { commit, why } => {
                commit.subject = foreign.clone();
                commit.author = foreign;
                *why = string();
            }
            ReviewViolation::SubmoduleChanged { paths } => *paths = vec![foreign; 50],
            ReviewViolation::CommitUnsigned { commits, .. } => {
                for unsigned in commits {
                    unsigned.commit.subject = foreign.clone();
                    unsigned.why = Some(string());
                }
            }
        },
        Violation::Checklist(found) => match found {
            ChecklistViolation::DocumentMissing { path } => *path = string(),
            ChecklistViolation::Incomplete { path, open } => {
                *path = string();
                open.iter_mut().for_each(|item| poison_item(&mut item.what, &foreign, text));
            }
            ChecklistViolation::ExceptionUnlisted { path, since, exceptions } => {
                (*path, *since) = (string(), Some(string()));
                exceptions.iter_mut().for_each(|relied| relied.expires = string());
            }
            ChecklistViolation::CommitsUnjudged { since, commits, .. } => {
                *since = Some(string());
                for commit in commits {
                    (commit.subject, commit.author) = (foreign.clone(), foreign.clone());
                }
            }
            ChecklistViolation::TooManyCommits { since, .. } => *since = Some(string()),
            ChecklistViolation::TagUnsigned => {}
            ChecklistViolation::TagSigner { why, could } => {
                *why = string();
                could.iter_mut().for_each(|person| person.name = string());
            }
        },
    }
    violation
}

fn poison_gap(gap: &mut crate::violation::EvidenceGap, foreign: &Foreign, text: &str) {
    for lacking in &mut gap.commits {
        lacking.commit.subject = foreign.clone();
        lacking.commit.author = foreign.clone();
        lacking.kinds.iter_mut().for_each(|kind| kind.why = Some(text.to_owned()));
    }
}

fn poison_review(gap: &mut crate::violation::ReviewGap, foreign: &Foreign, text: &str) {
    use crate::evidence::change::Binding;
    use crate::violation::{Missing, Standing};
    let string = || text.to_owned();
    for commit in &mut gap.commits {
        commit.subject = foreign.clone();
        commit.author = foreign.clone();
    }
    for said in &mut gap.statements {
        said.who = foreign.clone();
        match &mut said.standing {
            Standing::Approves { domains, .. } => *domains = vec![string(); 40],
            Standing::Rejects { reason } => *reason = string(),
            Standing::Malformed(why) | Standing::Refused(why) => *why = string(),
            Standing::Expired { until, .. } => *until = string(),
            Standing::FromFuture { at } => *at = string(),
            Standing::Elsewhere(Binding::Unverifiable(why)) => *why = string(),
            Standing::Elsewhere(Binding::Residual { paths, .. }) => {
                *paths = vec![foreign.clone(); 9];
            }
            Standing::Elsewhere(
                Binding::Exact
                | Binding::SameChange
                | Binding::Replay
                | Binding::Stale { .. }
                | Binding::Spent { .. },
            )
            | Standing::Withdrawn
            | Standing::NoVoice
            | Standing::Repeated
            | Standing::Unsigned
            | Standing::OwnWork(_)
            | Standing::NoRole { .. }
            | Standing::Untouched => {}
        }
    }
    for missing in &mut gap.missing {
        match missing {
            Missing::Approvals { could, .. } | Missing::Maintainers { could, .. } => {
                could.iter_mut().for_each(|person| person.name = string());
            }
            Missing::Reviewer { domain, taken, could, .. } => {
                *domain = string();
                taken.iter_mut().chain(could).for_each(|person| person.name = string());
            }
            Missing::SecondMaintainer { paths, could, .. }
            | Missing::Threshold { paths, could, .. } => {
                *paths = vec![foreign.clone(); 9];
                could.iter_mut().for_each(|person| person.name = string());
            }
        }
    }
}

fn poison_item(what: &mut crate::violation::OpenItemKind, foreign: &Foreign, text: &str) {
    use crate::violation::OpenItemKind;
    match what {
        OpenItemKind::Section { heading, .. } => *heading = text.to_owned(),
        OpenItemKind::ItemMissing { text, .. }
        | OpenItemKind::NotTicked { text }
        | OpenItemKind::OwnerUnknown { who: text }
        | OpenItemKind::DigestMissing { artifact: text }
        | OpenItemKind::Html { text } => {
            *text = foreign.clone();
        }
        OpenItemKind::FieldMissing { field } | OpenItemKind::FieldEmpty { field } => {
            *field = text.to_owned();
        }
        OpenItemKind::GateMissing { .. } => {}
        OpenItemKind::Unreadable(why) => *why = text.to_owned(),
    }
}

/// Returns a ref name of foreign bytes, as far as git takes them.
fn ref_name(bytes: &[u8]) -> Option<RefName> {
    let kept: Vec<u8> =
        bytes.iter().copied().filter(|b| b.is_ascii_graphic() || *b >= 0x80).collect();
    RefName::parse(&[b"refs/heads/", kept.as_slice()].concat())
}

/// Asserts what holds for every text that refgate sends to a person who pushed.
fn lawful(text: &str) -> Result<(), TestCaseError> {
    prop_assert!(text.ends_with('\n'));
    for line in text.lines() {
        // T90, T91, T99: nothing that repaints, hides, or ends the line for the terminal.
        prop_assert!(!line.chars().any(is_hidden), "{line:?}");
        // Commands alone may run over, and they are ASCII.
        match line.strip_prefix("hint:     ") {
            Some(command) => prop_assert!(command.is_ascii(), "{command:?}"),
            None => prop_assert!(columns(line) <= WIDTH, "{line:?}"),
        }
        // T93, T98: a signal at the beginning of a line is one of ours.
        let ours = ["error[", "error: push rejected, ", "error: refgate cannot judge", "hint: "];
        if is_signal(line) {
            prop_assert!(ours.iter().any(|start| line.starts_with(start)), "{line:?}");
        }
        // Every other line begins with a frame of ours.
        let frames = ["  --> ", "   |", "   = ", "     ", " ", "... and "];
        let framed =
            line.is_empty() || is_signal(line) || frames.iter().any(|f| line.starts_with(f));
        prop_assert!(framed, "{line:?}");
    }
    Ok(())
}

fn any_sample() -> impl Strategy<Value = Sample> {
    let all = samples::all();
    (0..all.len()).prop_map(move |at| samples::all().swap_remove(at.min(all.len() - 1)))
}

proptest! {
    #[test]
    fn t90_t91_t98_t99_no_message_lets_foreign_text_act(
        sample in any_sample(), bytes in foreign_bytes(), text in foreign_text()
    ) {
        let violation = poisoned(&sample.violation, &bytes, &text);
        let poisoned = Sample { violation, ..sample };
        let mut judgement = poisoned.judgement();
        if let Some(name) = ref_name(&bytes) {
            judgement.name = name;
        }
        let verdict = samples::verdict(vec![judgement]);
        let text = remote::verdict(&verdict);
        lawful(&text)?;
        lawful(&remote::verdict_with(&verdict, remote::Options::everything()))?;
        // T94: what one violation takes has a bound, whatever it holds.
        prop_assert!(text.lines().count() <= 205, "{} lines", text.lines().count());
    }

    #[test]
    fn t92_json_is_one_document_of_ascii(
        sample in any_sample(), bytes in foreign_bytes(), text in foreign_text()
    ) {
        let violation = poisoned(&sample.violation, &bytes, &text);
        let verdict = Sample { violation, ..sample }.verdict();
        let document = json::verdict(&verdict);
        prop_assert!(document.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b)));
        let read: serde_json::Value = serde_json::from_str(&document).expect("JSON");
        prop_assert_eq!(&read["refs"][0]["violations"][0]["code"], verdict.refs[0].violations().next().expect("one").1.code());
    }

    #[test]
    fn t93_errors_let_no_foreign_text_act(text in foreign_text(), line in 0usize..3, many in 1usize..16) {
        let place = || Diagnostic::new(text.clone(), line, text.clone()).help(text.clone());
        for kind in [
            ErrorKind::Usage,
            ErrorKind::Policy,
            ErrorKind::Repository,
            ErrorKind::Environment,
            ErrorKind::Refused,
            ErrorKind::Limit,
            ErrorKind::Internal,
        ] {
            let mut error = Error::new(kind, text.clone()).hint(text.clone());
            for _ in 0..many {
                error = error.while_(text.clone());
            }
            let said = remote::error(&error);
            lawful(&said)?;
            prop_assert!(said.lines().count() <= 120, "{} lines", said.lines().count());
        }
        let error = Error::from_diagnostics(text.clone(), vec![place(); many]);
        let said = remote::error(&error);
        lawful(&said)?;
        prop_assert!(said.lines().count() <= 300, "{} lines", said.lines().count());
        lawful(&remote::panic(&text, 7))?;
    }
}

/// Ten thousand findings, refs and commits end in a short message that counts the rest.
#[test]
fn t94_ten_thousand_of_anything_are_counted() {
    use crate::violation::ScanViolation;
    let mut sample =
        samples::all().into_iter().find(|s| s.name == "scan-finding-open").expect("findings");
    if let Violation::Scan(ScanViolation::FindingOpen { findings, count, .. }) =
        &mut sample.violation
    {
        let one = findings.first().cloned().expect("a finding");
        *findings = vec![one; 10_000];
        *count = 10_000;
    }
    let text = remote::verdict(&sample.verdict());
    assert!(text.lines().count() < 40, "{text}");
    assert!(text.contains("... and 9995 more (refgate check --all lists them)"), "{text}");
    let small = samples::all().swap_remove(0);
    let many = vec![small.judgement(); 1_000];
    let text = remote::verdict(&samples::verdict(many));
    assert!(text.lines().count() <= 205 && text.len() < 20_000);
    assert!(text.contains("error: push rejected, 1000 violations on 1000 of 1000 refs"));
}
