use std::sync::Arc;

use super::super::{evaluate, evaluate_with};
use crate::evidence::attestation::{CommitEvidence, EvidenceFact, EvidenceState, Signers};
use crate::evidence::change::{CommitLabel, Place};
use crate::evidence::exception::{
    self, Document, Known, SeenState, Side, Signer, Standing, Verified, What,
};
use crate::evidence::format;
use crate::evidence::kind::Kind;
use crate::evidence::severity::SeverityOverrides;
use crate::id::{BlobId, CommitId};
use crate::limits::Limits;
use crate::policy::Policy;
use crate::policy::config::Config;
use crate::policy::structure::{SectionNames, Structure};
use crate::principal::PrincipalId;
use crate::refname::RefName;
use crate::report::text::Foreign;
use crate::verdict::{Grounds, Outcome, Warning};

const NOW: &str = "2026-11-23T10:00:00Z";

fn now() -> jiff::Timestamp {
    NOW.parse().expect("a time")
}

fn policy() -> Policy {
    let key = |c: &str| format!("SHA256:{}A", c.repeat(42));
    let people = format!(
        "## Maintainers\n- Ada <ada@x.org> `{}`\n- Ben <ben@x.org> `{}`\n\n\
         ## Security Engineering\n| Name | Email | Keys | From | Until |\n|---|---|---|---|---|\n\
         | Eve | eve@x.org, e.sand@x.org | `{}` | | |\n\
         | Finn | finn@x.org | `{}` | 2026-11-20 | |\n\
         | Gil | gil@x.org | `{}` | | 2026-11-01 |\n\n\
         ## Automation\n| Name | Email | Keys | Attests |\n|---|---|---|---|\n\
         | CI | ci@x.org | `{}` | sast |\n",
        key("a"),
        key("b"),
        key("e"),
        key("f"),
        key("g"),
        key("c"),
    );
    let config = "repository = \"r\"\n[[protect]]\nrefs = [\"refs/heads/main\"]\n\
                  gates = [\"scan\"]\n[scan]\nrequire = [\"sast\"]\n";
    let limits = Limits::default();
    let config = Config::parse(config.as_bytes(), &limits).expect("rules");
    let structure =
        Structure::parse(people.as_bytes(), &SectionNames::default(), &limits).expect("people");
    Policy::new(config, structure, &std::collections::BTreeSet::new(), now()).expect("a policy")
}

/// Evidence with high findings of rules in files.
fn found(findings: &[(&str, &str)]) -> Vec<CommitEvidence> {
    let results: Vec<String> = findings
        .iter()
        .map(|(rule, path)| {
            format!(
                r#"{{"ruleId": "{rule}", "message": {{"text": "x"}}, "properties": {{"security-severity": "8.0"}},
                "locations": [{{"physicalLocation": {{"artifactLocation": {{"uri": "{path}"}}, "region": {{"startLine": 1}}}}}}]}}"#
            )
        })
        .collect();
    let rules: Vec<String> = findings
        .iter()
        .map(|(rule, _)| {
            format!(r#"{{"id": "{rule}", "properties": {{"security-severity": "8.0"}}}}"#)
        })
        .collect();
    let sarif = format!(
        r#"{{"version": "2.1.0", "runs": [{{"tool": {{"driver": {{"name": "Lint", "rules": [{}]}}}}, "results": [{}]}}]}}"#,
        rules.join(","),
        results.join(",")
    );
    let limits = Limits::default();
    let report = format::read(sarif.as_bytes(), &limits, &SeverityOverrides::default());
    let report = Arc::new(report.expect("a report"));
    let by = Signers::of(PrincipalId::parse("ci@x.org")).expect("an email");
    let id = CommitId::from_hex(&[b'a'; 40]).expect("an id");
    let blob = BlobId::from_hex(&[b'b'; 40]).expect("an id");
    vec![CommitEvidence {
        commit: CommitLabel { id, subject: Foreign::default(), author: Foreign::default() },
        items: vec![Arc::new(EvidenceFact {
            place: Place::Note { notes: "evidence", blob, line: 1 },
            kind: Some(Kind::Sast),
            form: None,
            state: EvidenceState::Authentic { by, at: Some(now()), report },
        })],
        unreadable: None,
    }]
}

/// An exception for rule L1 below `net/`, with signatures that were verified.
fn document(change: &dyn Fn(&str) -> String, approvals: &[(&str, &str)]) -> Document {
    let text = "+++\nid = \"EX-1\"\ngates = [\"scan\"]\nrequested = 2026-10-30\nexpires = 2026-12-23\n\
                requester = \"dana@x.org\"\nowner = \"cleo@x.org\"\n[scope]\nrefs = [\"refs/heads/main\"]\n\
                rules = [\"L1\"]\npaths = [\"/net/\"]\n+++\n## Scope\nA\n## Duration\nB\n## Compensating controls\nC\n";
    let limits = Limits::default();
    let text = change(text);
    let exception = exception::read("exceptions/EX-1.md", text.as_bytes(), &limits)
        .unwrap_or_else(|problems| panic!("{problems:?}"));
    let lines: Vec<Verified> = approvals
        .iter()
        .map(|(by, at)| Verified {
            what: What::Approval,
            line: 30,
            claimed_by: Foreign::from(*by),
            signer: match (PrincipalId::parse(by), at.parse()) {
                (Some(by), Ok(at)) => Ok(Signer { by, at }),
                _ => Err(SeenState::Refused("bad".into())),
            },
            finding: None,
        })
        .collect();
    let standing = exception::assess(&policy(), &exception, &lines, None, now());
    Document { exception, lines, side: Side::Push, standing }
}

fn same(text: &str) -> String {
    text.to_owned()
}

const AT: &str = "2026-11-01T12:00:00Z";

fn judge(documents: Vec<Document>, findings: &[(&str, &str)], name: &str) -> Outcome {
    let known = Known { documents, ..Known::default() };
    let name = RefName::parse(name.as_bytes()).expect("a name");
    evaluate_with(&policy(), &found(findings), &known, &name, now())
}

fn codes(outcome: &Outcome) -> Vec<&'static str> {
    outcome.violations.iter().map(|violation| violation.code()).collect()
}

const MAIN: &str = "refs/heads/main";
const ONE: &[(&str, &str)] = &[("L1", "net/a.c")];

#[test]
fn a_finding_in_scope_is_shown_as_excepted_and_does_not_block() {
    let outcome = judge(vec![document(&same, &[("eve@x.org", AT)])], ONE, MAIN);
    assert_eq!(codes(&outcome), [""; 0]);
    let [excepted] = outcome.excepted.as_slice() else { panic!("{outcome:?}") };
    let Grounds::Exception { id, expires, approvers } = &excepted.grounds else {
        panic!("{excepted:?}")
    };
    assert_eq!((id.as_str(), expires.as_str(), excepted.count), ("EX-1", "2026-12-23", 1));
    assert_eq!(approvers[0].person.name, "Eve");
    assert_eq!(outcome.warnings, []);
    assert_eq!(codes(&evaluate(&policy(), &found(ONE), now())), ["scan-finding-open"]);
}

#[test]
fn what_is_out_of_scope_blocks_as_ever() {
    let good = || vec![document(&same, &[("eve@x.org", AT)])];
    for (findings, name) in [
        (&[("L2", "net/a.c")][..], MAIN),
        (&[("l1", "net/a.c")], MAIN),
        (&[("L1", "web/a.c")], MAIN),
        (&[("L1", "web/net/a.c")], MAIN),
        (&[("L1", "/srv/net/a.c")], MAIN),
        (ONE, "refs/heads/main2"),
        (ONE, "refs/tags/v1"),
    ] {
        assert_eq!(codes(&judge(good(), findings, name)), ["scan-finding-open"], "{findings:?}");
    }
    let both = judge(good(), &[("L1", "net/a.c"), ("L1", "web/a.c")], MAIN);
    assert_eq!(codes(&both), ["scan-finding-open"]);
    assert_eq!(both.excepted[0].count, 1);
    let narrower = |key: &str, value: &str| {
        let more = format!("[scope]\n{key} = [\"{value}\"]\n");
        vec![document(&|text| text.replace("[scope]\n", &more), &[("eve@x.org", AT)])]
    };
    assert_eq!(codes(&judge(narrower("tools", "lint"), ONE, MAIN)), [""; 0]);
    assert_eq!(codes(&judge(narrower("tools", "other"), ONE, MAIN)), ["scan-finding-open"]);
    let digest = format!("sha256:{}", "a".repeat(64));
    assert_eq!(codes(&judge(narrower("fingerprints", &digest), ONE, MAIN)), ["scan-finding-open"]);
}

#[test]
fn each_way_of_not_being_in_force_has_a_code_of_its_own() {
    type Change = fn(&str) -> String;
    type Case = (&'static str, Change, &'static [(&'static str, &'static str)], &'static str);
    let same: Change = |text| text.to_owned();
    let cases: [Case; 14] = [
        ("nobody", same, &[], "exception-unapproved"),
        ("a bad signature", same, &[("eve@x.org", "never")], "exception-unapproved"),
        ("a maintainer", same, &[("ada@x.org", AT)], "exception-unapproved"),
        ("a stranger", same, &[("mallory@x.org", AT)], "exception-unapproved"),
        ("not yet security then", same, &[("finn@x.org", AT)], "exception-unapproved"),
        (
            "no longer security",
            same,
            &[("gil@x.org", "2026-10-31T12:00:00Z")],
            "exception-unapproved",
        ),
        ("from the future", same, &[("eve@x.org", "2026-11-23T10:06:00Z")], "exception-unapproved"),
        (
            "the requester",
            |text| text.replace("dana@", "eve@"),
            &[("eve@x.org", AT)],
            "exception-self-approved",
        ),
        (
            "the owner, under another address",
            |text| text.replace("cleo@", "E.Sand@"),
            &[("eve@x.org", AT), ("ada@x.org", AT)],
            "exception-self-approved",
        ),
        (
            "yesterday",
            |text| text.replace("2026-12-23", "2026-11-22"),
            &[("eve@x.org", AT)],
            "exception-expired",
        ),
        (
            "91 days",
            |text| text.replace("2026-12-23", "2027-01-31"),
            &[("eve@x.org", AT)],
            "exception-too-long",
        ),
        (
            // A later approval does not move the end that the first one allows.
            "91 days, approved again",
            |text| text.replace("2026-12-23", "2027-01-31"),
            &[("eve@x.org", AT), ("finn@x.org", "2026-11-23T09:00:00Z")],
            "exception-too-long",
        ),
        (
            "revoked",
            |text| text.replacen("gates", "revoked = 2026-11-02\ngates", 1),
            &[("eve@x.org", AT)],
            "exception-revoked",
        ),
        (
            "revoked and expired",
            |text| {
                text.replacen("gates", "revoked = 2026-11-02\ngates", 1)
                    .replace("2026-12-23", "2026-11-22")
            },
            &[("eve@x.org", AT)],
            "exception-revoked",
        ),
    ];
    for (what, change, approvals, code) in cases {
        let outcome = judge(vec![document(&change, approvals)], ONE, MAIN);
        assert_eq!(codes(&outcome), [code], "{what}");
        assert!(outcome.excepted.is_empty(), "{what}");
        // One that is in force beside it decides.
        let beside = vec![
            document(&change, approvals),
            document(&|text| same(text), &[("finn@x.org", "2026-11-21T00:00:00Z")]),
        ];
        assert_eq!(codes(&judge(beside, ONE, MAIN)), [""; 0], "{what}");
    }
}

#[test]
fn the_last_days_are_announced_and_the_last_one_counts() {
    for (expires, expected) in [
        ("2026-12-08", None),
        ("2026-12-07", Some(14)),
        ("2026-11-24", Some(1)),
        ("2026-11-23", Some(0)),
    ] {
        let change = |text: &str| text.replace("2026-12-23", expires);
        let outcome = judge(vec![document(&change, &[("eve@x.org", AT)])], ONE, MAIN);
        assert_eq!(codes(&outcome), [""; 0], "{expires}");
        let days = outcome.warnings.first().map(|warning| match warning {
            Warning::ExceptionExpiring { days, .. } => *days,
            Warning::BreakGlassIdle { .. } => -1,
        });
        assert_eq!(days, expected, "{expires}");
    }
    let longest = |text: &str| text.replace("2026-12-23", "2027-01-30");
    assert_eq!(codes(&judge(vec![document(&longest, &[("eve@x.org", AT)])], ONE, MAIN)), [""; 0]);
}

#[test]
fn break_glass_covers_nothing_by_itself() {
    let glass = |text: &str| {
        text.replace("[\"scan\"]", "[\"*\"]").replace("rules = [\"L1\"]\npaths = [\"/net/\"]\n", "")
    };
    let approved = [("eve@x.org", "2026-11-23T09:00:00Z")];
    let short = |text: &str| glass(text).replace("2026-12-23", "2026-11-30");
    let document = document(&short, &approved);
    assert!(matches!(document.standing, Standing::InForce { .. }), "{document:?}");
    assert_eq!(codes(&judge(vec![document], ONE, MAIN)), ["scan-finding-open"]);
    let long = super::tests::document(&glass, &approved);
    assert!(matches!(long.standing, Standing::TooLong { .. }), "{long:?}");
}

#[test]
fn a_document_that_cannot_be_read_is_told_where_something_blocks() {
    let problem = crate::violation::Problem {
        file: "exceptions/EX-2.md".into(),
        line: 3,
        message: "x".into(),
        help: None,
    };
    let known = Known {
        documents: vec![document(&same, &[("eve@x.org", AT)])],
        malformed: vec![problem],
        ..Known::default()
    };
    let name = RefName::parse(MAIN.as_bytes()).expect("a name");
    let judge = |findings| evaluate_with(&policy(), &found(findings), &known, &name, now());
    assert_eq!(codes(&judge(ONE)), [""; 0]);
    assert_eq!(codes(&judge(&[("L2", "a")])), ["scan-finding-open", "exception-malformed"]);
}

#[test]
fn time_going_on_never_revives_an_exception() {
    let good = document(&same, &[("eve@x.org", AT), ("finn@x.org", "2026-12-20T12:00:00Z")]);
    let mut was_in_force = false;
    let mut is_over = false;
    for hour in (0..24 * 120).step_by(7) {
        let moment = AT.parse::<jiff::Timestamp>().expect("a time")
            + jiff::SignedDuration::from_hours(hour - 24);
        let standing = exception::assess(&policy(), &good.exception, &good.lines, None, moment);
        let in_force = matches!(standing, Standing::InForce { .. });
        assert!(!(in_force && is_over), "revived at {moment}");
        was_in_force |= in_force;
        is_over |= was_in_force && !in_force;
    }
    assert!(was_in_force && is_over);
}
