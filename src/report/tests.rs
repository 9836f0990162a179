//! Every message, human and JSON, from one and the same verdict.

use std::collections::BTreeSet;

use super::block::WIDTH;
use super::samples::{self, Sample};
use super::text::columns;
use super::{json, remote};
use crate::error::ErrorKind;
use crate::verdict::RefJudgement;
use crate::violation::{ScanViolation, Violation};

/// Asserts the snapshot `src/report/snapshots/<name>.snap`.
fn assert_file(name: &str, text: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

fn both(sample: &Sample) -> String {
    let verdict = sample.verdict();
    format!("{}\n{}", remote::verdict(&verdict), json::verdict(&verdict))
}

fn snapshots_of(gate: &str) {
    let samples: Vec<Sample> =
        samples::all().into_iter().filter(|s| s.name.split('-').next() == Some(gate)).collect();
    assert!(!samples.is_empty(), "no sample begins with {gate}");
    for sample in samples {
        assert_file(sample.name, &both(&sample));
    }
}

#[test]
fn messages_about_refs() {
    snapshots_of("ref");
}

#[test]
fn messages_about_trust() {
    snapshots_of("trust");
}

#[test]
fn messages_about_notes() {
    snapshots_of("notes");
}

#[test]
fn messages_of_gate_scan() {
    snapshots_of("scan");
}

#[test]
fn messages_of_gate_tests() {
    snapshots_of("tests");
}

#[test]
fn messages_of_gate_review() {
    snapshots_of("review");
}

#[test]
fn messages_of_gate_checklist() {
    snapshots_of("checklist");
}

#[test]
fn messages_about_exceptions() {
    snapshots_of("exception");
}

/// A new code needs a sample here, and with it a snapshot of its message.
#[test]
fn every_code_has_a_snapshot_and_every_snapshot_a_sample() {
    let samples = samples::all();
    let mut codes: Vec<&str> = samples.iter().map(Sample::code).collect();
    codes.dedup();
    assert_eq!(codes, Violation::codes(), "one sample or more for each code, in their order");
    let names: BTreeSet<&str> = samples.iter().map(|sample| sample.name).collect();
    assert_eq!(names.len(), samples.len(), "names of samples are unique");
    for sample in &samples {
        assert!(sample.name.starts_with(sample.code()), "{}", sample.name);
    }
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/report/snapshots");
    let files: BTreeSet<String> = std::fs::read_dir(directory)
        .expect("snapshots")
        .filter_map(|entry| {
            let name = entry.expect("an entry").file_name().into_string().expect("a name");
            name.strip_suffix(".snap").map(str::to_owned)
        })
        .collect();
    let whole = ["push-of-many-refs", "push-with-everything-wrong"];
    let expected: BTreeSet<String> = names.into_iter().chain(whole).map(str::to_owned).collect();
    assert_eq!(files, expected);
}

/// Rules 4 and 8 of every message: prose keeps within its columns, and commands are what the
/// command line has, alone on their line.
#[test]
fn every_message_keeps_to_the_form() {
    for sample in samples::all() {
        let text = remote::verdict(&sample.verdict());
        assert!(text.is_ascii(), "{text}");
        let mut commands = 0;
        for line in text.lines() {
            let command = line.strip_prefix("hint:     ");
            assert!(command.is_some() || columns(line) <= WIDTH, "{line}");
            assert!(line.trim_end() == line, "{line:?}");
            if let Some(command) = command {
                commands += 1;
                if command.starts_with("refgate ") {
                    assert_eq!(crate::cli::args::parses(command), Ok(()), "{}", sample.name);
                }
                assert!(!command.contains('<'), "{command} is not complete");
            }
        }
        let (title, rest) = text.split_once('\n').expect("several lines");
        assert!(title.starts_with(&format!("error[{}]: ", sample.code())), "{title}");
        assert!(!title.ends_with('.') && !title.contains('?'), "{title}");
        assert!(rest.contains("   = gate: "), "{text}");
        assert!(rest.contains("   = trusted: "), "{text}");
        assert!(rest.contains("hint: "), "{text}");
        assert!(commands <= 12, "{text}");
        let summary = rest.rsplit("\n\n").next().expect("a summary");
        assert!(
            summary.starts_with("error: push rejected, 1 violation on 1 of 1 ref "),
            "{summary}"
        );
        assert!(summary.ends_with(&format!("hint: refgate explain {}\n", sample.code())));
    }
}

#[test]
fn json_and_lines_are_of_one_verdict() {
    for sample in samples::all() {
        let verdict = sample.verdict();
        let text = remote::verdict_with(&verdict, remote::Options::everything());
        let document: serde_json::Value =
            serde_json::from_str(&json::verdict(&verdict)).expect("JSON");
        let violation = &document["refs"][0]["violations"][0];
        assert_eq!(violation["code"], sample.code());
        assert!(text.contains(&format!("(verdict {})", document["id"].as_str().expect("an id"))));
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat(&text).contains(&flat(violation["title"].as_str().expect("a title"))));
        for hint in violation["hints"].as_array().expect("hints") {
            let hint = flat(hint.as_str().expect("a hint"));
            assert!(flat(&text.replace("hint:", "")).contains(&hint), "{hint}\n{text}");
        }
    }
}

fn sample(name: &str) -> Sample {
    samples::all().into_iter().find(|sample| sample.name == name).expect(name)
}

/// One ref with several violations, one that is as it should be, and a tag.
fn push_of_many_refs() -> crate::verdict::Verdict {
    let mut main = sample("scan-evidence-missing").judgement();
    for name in ["tests-failed", "review-maintainer-missing"] {
        main.gates.extend(sample(name).judgement().gates);
    }
    let topic = samples::name("refs/heads/topic");
    let topic = RefJudgement::new(topic, None, Some(samples::id("4f2a91c0d3e1").0));
    let tag = sample("checklist-tag-unsigned").judgement();
    samples::verdict(vec![main, topic, tag])
}

#[test]
fn a_push_of_many_refs_is_answered_as_a_whole() {
    let verdict = push_of_many_refs();
    let text = remote::verdict(&verdict);
    let titles: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("error[")?.split(']').next()).collect();
    let expected = [
        "scan-evidence-missing",
        "tests-failed",
        "review-maintainer-missing",
        "checklist-tag-unsigned",
    ];
    assert_eq!(titles, expected, "refs as pushed, gates in their order");
    assert_file("push-of-many-refs", &format!("{text}\n{}", json::verdict(&verdict)));
}

/// Guards speak before gates; a report has an end, and says how to see the rest.
#[test]
fn t94_a_report_is_cut_and_says_how_to_see_the_rest() {
    let all: Vec<RefJudgement> = samples::all().iter().map(Sample::judgement).collect();
    let verdict = samples::verdict(all);
    let text = remote::verdict(&verdict);
    assert_file("push-with-everything-wrong", &text);
    assert!(text.lines().count() <= 205, "{}", text.lines().count());
    let whole = remote::verdict_with(&verdict, remote::Options::everything());
    for code in Violation::codes() {
        assert!(whole.contains(&format!("error[{code}]: ")), "{code}");
    }
    assert!(!whole.contains("more lines (refgate check --all"));
}

/// After a few items of a kind the rest is counted; `--all` lists everything.
#[test]
fn what_is_left_out_is_counted() {
    let verdict = sample("scan-evidence-missing-many").verdict();
    let text = remote::verdict(&verdict);
    assert!(text.contains("... and 2 more (refgate check --all lists them)"), "{text}");
    let whole = remote::verdict_with(&verdict, remote::Options::everything());
    assert!(whole.contains("\"Step 7\"") && !whole.contains("... and"), "{whole}");
}

#[test]
fn accepting_is_silent() {
    let topic = samples::name("refs/heads/topic");
    let new = Some(samples::id("4f2a91c0d3e1").0);
    let verdict = samples::verdict(vec![RefJudgement::new(topic, None, new)]);
    assert!(verdict.is_accepted());
    assert_eq!(remote::verdict(&verdict), "");
    assert!(json::verdict(&verdict).contains("\"verdict\": \"accepted\""));
}

/// Each reaction has a message of its own.
#[test]
fn errors_say_whose_turn_it_is() {
    use crate::error::{Diagnostic, Error};
    let usage = Error::new(ErrorKind::Usage, "git sent no ref update");
    insta::assert_snapshot!(remote::error(&usage), @"
    error: refgate cannot judge this push, so it is refused
      --> git sent no ref update
       = note: the hook was not started as git starts hooks
    hint: show this to the repository's administrator, who installs it anew
    hint: refgate explain cannot-judge
    ");
    let policy = Error::from_diagnostics(
        "reading the policy as of refs/heads/main 9be0c2d41f07",
        vec![
            Diagnostic::new("meta/STRUCTURE.md", 14, "maintainer \"Ana Paz\" has no key")
                .help("add an SSH fingerprint, a public key or an OpenPGP fingerprint"),
            Diagnostic::new("meta/refgate.toml", 0, "\"repository\" is missing"),
        ],
    );
    insta::assert_snapshot!(remote::error(&policy), @r#"
    error: refgate cannot judge this push, so it is refused
      --> reading the policy as of refs/heads/main 9be0c2d41f07
       |  meta/STRUCTURE.md:14
       |    maintainer "Ana Paz" has no key
       |    help: add an SSH fingerprint, a public key or an OpenPGP
       |      fingerprint
       |  meta/refgate.toml
       |    "repository" is missing
       |
       = note: nothing in your push causes this
    hint: show this to the repository's administrator, who mends what pushes
    hint: are judged by
    hint: refgate explain cannot-judge
    "#);
    let anchor = crate::snapshot::no_anchor(&samples::name(samples::MAIN), None);
    insta::assert_snapshot!(remote::error(&anchor), @"
    error: refgate cannot judge this push, so it is refused
      --> refs/heads/main does not exist yet, and the server settings name
         no root of trust
       = note: nothing in your push causes this
    hint: an administrator names it on the server:
    hint:     refgate install --trust-root COMMIT-OR-KEY REPOSITORY
    hint: show this to the repository's administrator, who mends what pushes
    hint: are judged by
    hint: refgate explain cannot-judge
    ");
    let repository =
        Error::new(ErrorKind::Repository, "pack-4f2a91c0.pack: the checksum at its end is wrong")
            .while_("judging refs/heads/main");
    insta::assert_snapshot!(remote::error(&repository), @"
    error: refgate cannot judge this push, so it is refused
      --> judging refs/heads/main
       |  pack-4f2a91c0.pack: the checksum at its end is wrong
       |
       = note: nothing in your push causes this
    hint: show this to the repository's administrator, who looks what is
    hint: wrong with the repository
    hint: refgate explain cannot-judge
    ");
    let environment = Error::new(ErrorKind::Environment, "No space left on device (os error 28)")
        .while_("writing the log");
    insta::assert_snapshot!(remote::error(&environment), @"
    error: refgate cannot judge this push, so it is refused
      --> writing the log
       |  No space left on device (os error 28)
       |
       = note: nothing in your push causes this
    hint: try again; if it stays, show this to the repository's
    hint: administrator
    hint: refgate explain cannot-judge
    ");
    let refused = Error::new(ErrorKind::Refused, "the server refused the push");
    insta::assert_snapshot!(remote::error(&refused), @"
    error: refgate cannot judge this push, so it is refused
      --> the server refused the push
       = note: another server refused, and has said why
    hint: show this to the repository's administrator
    hint: refgate explain cannot-judge
    ");
    let limit = crate::clock::Deadline::after_ms(0).check().expect_err("no time");
    insta::assert_snapshot!(remote::error(&limit), @"
    error: refgate cannot judge this push, so it is refused
      --> judging took longer than 0 ms (limits.time-ms)
       = note: the server bounds the work that one push may cause
    hint: push fewer commits at a time, or ask the administrator for more
    hint: time
    hint: if the push is as it should be, show this to the repository's
    hint: administrator
    hint: an administrator can raise time-ms below [limits] in refgate.toml
    hint: of the repository on the server, or in /etc/refgate/refgate.toml
    hint: refgate explain cannot-judge
    ");
    insta::assert_snapshot!(json::error(&limit), @r#"
    {
      "version": 1,
      "verdict": "cannot-judge",
      "kind": "limit",
      "error": [
        "judging took longer than 0 ms (limits.time-ms)"
      ],
      "diagnostics": [],
      "remedy": "push fewer commits at a time, or ask the administrator for more time"
    }
    "#);
}

/// A broken invariant refuses with a few clean lines; where libraries lie on the build machine is not told.
#[test]
fn t95_a_panic_is_one_clean_message() {
    insta::assert_snapshot!(remote::panic("src/judge/mod.rs", 41), @"
    error: refgate cannot judge this push, so it is refused
      --> an invariant does not hold at src/judge/mod.rs:41
       = note: this is a fault of refgate itself
    hint: show this to the repository's administrator, who can report it
    hint: refgate explain cannot-judge
    ");
    let library = remote::panic("/home/ci/.cargo/registry/src/index-1/gix-0.90.0/src/odb.rs", 7);
    assert!(library.contains("at src/odb.rs:7") && !library.contains("/home"), "{library}");
    assert!(remote::panic("", 0).starts_with("error: refgate cannot judge"));
}

/// Every limit has a message that names it, its key, and where it is changed.
#[test]
fn every_limit_has_a_message_of_its_own() {
    use crate::limits::Limits;
    let whole = |text: &str| {
        let lines = text.lines().map(|line| line.trim_start_matches("hint:").trim());
        lines.collect::<Vec<_>>().join(" ")
    };
    let where_to = whole(crate::limits::WHERE);
    let mut said: Vec<(&str, String)> = Vec::new();
    // Limits that stop a push before it is judged.
    let updates = crate::receive::Push::parse(UPDATES, 1).expect_err("two updates");
    said.push(("ref-updates", remote::error(&updates)));
    let time = crate::clock::Deadline::after_ms(0).check().expect_err("no time");
    said.push(("time-ms", remote::error(&time)));
    // Limits that make the push itself wrong.
    let named = |sample: &str, limit: &str, reason: Option<String>| {
        let mut sample = self::sample(sample);
        if let Some(reason) = reason {
            put_reason(&mut sample.violation, reason);
        }
        (limit.to_owned(), remote::verdict(&sample.verdict()))
    };
    let read = |report: &[u8], limits: Limits| {
        let overrides = crate::evidence::severity::SeverityOverrides::default();
        let error =
            crate::evidence::format::read(report, &limits, &overrides).expect_err("too much");
        Some(error.to_string())
    };
    let deep = read(b"{\"a\": [[[]]]}", Limits { nesting: 1, ..Limits::default() });
    let large = read(b"[1, 2]", Limits { report_bytes: 3, ..Limits::default() });
    let mut pushed = vec![
        named("ref-too-many-commits", "commits", None),
        named("ref-object-faulty-too-large", "commit-bytes", None),
        named("ref-object-faulty-too-many", "changed-paths", None),
        named("notes-too-large", "note-lines", None),
        named("scan-evidence-malformed", "nesting", deep),
        named("scan-evidence-malformed", "report-bytes", large),
    ];
    pushed.extend(said.into_iter().map(|(limit, text)| (limit.to_owned(), text)));
    for (limit, text) in pushed {
        let text = whole(&text);
        assert!(text.contains(&format!("an administrator can raise {limit} {where_to}")), "{text}");
    }
}

const UPDATES: &[u8] = b"9be0c2d41f070000000000000000000000000000 4f2a91c0d3e10000000000000000000000000000 refs/heads/a\n\
9be0c2d41f070000000000000000000000000000 4f2a91c0d3e10000000000000000000000000000 refs/heads/b\n";

/// Puts another reason into a violation about evidence.
fn put_reason(violation: &mut Violation, reason: String) {
    if let Violation::Scan(ScanViolation::EvidenceMalformed { gap }) = violation {
        gap.commits[0].kinds[0].why = Some(reason);
    }
}
