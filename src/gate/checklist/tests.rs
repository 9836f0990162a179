use std::collections::BTreeSet;

use super::*;
use crate::limits::Limits;
use crate::policy::config::Config;
use crate::policy::structure::Structure;
use crate::report::text::Foreign;
use crate::violation::Violation;

const TEMPLATE: &str = "## Owners\n\n[names]\n\n## Release checklist\n\n- [ ] Signed\n";
const COMPLETE: &str = "## Owners\n\nAda\n\n## Release checklist\n\n- [x] Signed\n";
const PATH: &str = "releases/v1.0.md";

fn now() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().expect("a time")
}

fn id(email: &str) -> PrincipalId {
    PrincipalId::parse(email).expect("an email")
}

/// A policy whose release managers are Ada, and Ben in the past.
fn policy() -> Policy {
    policy_with("")
}

fn policy_with(more: &str) -> Policy {
    let rules = "\
repository = \"r\"
[[protect]]
refs = [\"refs/tags/v*\"]
gates = [\"checklist\"]
[checklist]
fields = [\"Owners\"]
";
    let key = |letter: &str| format!("`SHA256:{}A`", letter.repeat(42));
    let people = format!(
        "\
# Maintainers

- Ada <ada@example.org> {}
- Ben <ben@example.org> {}

# Release managers

| Name | Email | Keys | Until |
|---|---|---|---|
| Ada | ada@example.org | | |
| Ben | ben@example.org | | 2026-01-01 |
",
        key("a"),
        key("b")
    );
    let rules = format!("{rules}{more}");
    let config = Config::parse(rules.as_bytes(), &Limits::default()).expect("good rules");
    let people = Structure::parse(people.as_bytes(), &config.sections, &Limits::default());
    Policy::new(config, people.expect("good people"), &BTreeSet::new(), now()).expect("a policy")
}

/// The facts of a release with nothing wrong.
fn facts() -> Facts {
    Facts {
        path: PATH.into(),
        document: Some(COMPLETE.into()),
        unreadable: None,
        template: Some(TEMPLATE.into()),
        signer: Signer::ReleaseManager(id("ada@example.org")),
        gates: Vec::new(),
        since: Since::default(),
    }
}

fn violations(facts: &Facts) -> Vec<Violation> {
    evaluate(&policy(), facts, now()).violations
}

fn incomplete(line: usize, what: OpenItemKind) -> Vec<Violation> {
    let open = vec![OpenItem { line, what }];
    vec![ChecklistViolation::Incomplete { path: PATH.into(), open }.into()]
}

#[test]
fn a_complete_document_and_a_release_managers_signature_are_enough() {
    let outcome = evaluate(&policy(), &facts(), now());
    assert_eq!(outcome.violations, []);
    assert_eq!(
        outcome.rule.clause,
        "checklist, releases/{tag}.md complete and the tag signed by a release manager"
    );
    assert_eq!(outcome.rule.origins, ["built-in policy", "meta/STRUCTURE.md:6"]);
}

#[test]
fn an_unsigned_tag_is_no_decision_to_release() {
    let facts = Facts { signer: Signer::Unsigned, ..facts() };
    assert_eq!(violations(&facts), [ChecklistViolation::TagUnsigned.into()]);
}

#[test]
fn a_signature_that_does_not_count_is_refused_with_those_who_could_sign() {
    let why = "ben@example.org signed it, who is no release manager";
    let facts = Facts { signer: Signer::Refused(why.into()), ..facts() };
    let could = vec![Person { id: id("ada@example.org"), name: "Ada".into() }];
    let expected = ChecklistViolation::TagSigner { why: why.into(), could };
    assert_eq!(violations(&facts), [expected.into()]);
}

#[test]
fn a_missing_document_is_named_by_its_path() {
    let facts = Facts { document: None, ..facts() };
    assert_eq!(
        violations(&facts),
        [ChecklistViolation::DocumentMissing { path: PATH.into() }.into()]
    );
}

#[test]
fn an_open_item_is_named_by_its_line() {
    let document = COMPLETE.replace("[x]", "[ ]");
    let facts = Facts { document: Some(document.into()), ..facts() };
    let text = Foreign::from("Signed");
    assert_eq!(violations(&facts), incomplete(7, OpenItemKind::NotTicked { text }));
}

#[test]
fn a_document_that_cannot_be_read_is_incomplete() {
    let why = "it has mode 120000, not that of a plain file";
    for document in [None, Some(COMPLETE.into())] {
        let facts = Facts { document, unreadable: Some(why.into()), ..facts() };
        assert_eq!(violations(&facts), incomplete(0, OpenItemKind::Unreadable(why.into())));
    }
    let facts = Facts { document: Some(b"\xff".to_vec()), ..facts() };
    let why = "the line is not UTF-8";
    assert_eq!(violations(&facts), incomplete(1, OpenItemKind::Unreadable(why.into())));
}

#[test]
fn t108_no_document_is_complete_without_a_usable_template() {
    for (template, why) in [
        (None, "its template templates/document-template.md is not on the trusted side"),
        (Some(""), "its template cannot be used: the section \"Release checklist\" is missing"),
        (Some(COMPLETE), "its template cannot be used: line 7: the item is ticked already"),
    ] {
        let facts = Facts { template: template.map(Into::into), ..facts() };
        assert_eq!(violations(&facts), incomplete(0, OpenItemKind::Unreadable(why.into())));
    }
}

#[test]
fn what_is_wrong_with_tag_and_document_is_reported_at_once() {
    let document = Some(COMPLETE.replace("Ada", "N/A").into());
    let facts = Facts { signer: Signer::Unsigned, document, ..facts() };
    let codes: Vec<_> = violations(&facts).iter().map(Violation::code).collect();
    assert_eq!(codes, ["checklist-tag-unsigned", "checklist-incomplete"]);
    let facts = Facts { document: None, ..facts };
    let codes: Vec<_> = violations(&facts).iter().map(Violation::code).collect();
    assert_eq!(codes, ["checklist-tag-unsigned", "checklist-document-missing"]);
}

#[test]
fn t109_exceptions_that_were_relied_upon_are_listed() {
    let relied = |id: &str, break_glass| Relied {
        id: crate::evidence::exception::ExceptionId::parse(id).expect("an id"),
        expires: "2026-12-23".into(),
        allows: "L1 in /net/up.rs".into(),
        break_glass,
    };
    let document = COMPLETE.replace("## Release", "## Exceptions\n\n- EX-1\n\n## Release");
    let since = Since {
        previous: Some("v0.9".into()),
        relied: vec![relied("EX-1", false), relied("EX-2", true)],
        ..Since::default()
    };
    let facts = Facts { document: Some(document.into()), since: since.clone(), ..facts() };
    let expected = ChecklistViolation::ExceptionUnlisted {
        path: PATH.into(),
        since: Some("v0.9".into()),
        exceptions: vec![relied("EX-2", true)],
    };
    assert_eq!(violations(&facts), [expected.into()]);
    let facts = Facts { since: Since { relied: vec![relied("EX-1", false)], ..since }, ..facts };
    assert_eq!(violations(&facts), []);
}

#[test]
fn more_commits_than_can_be_looked_at_are_too_many() {
    let facts = Facts { since: Since { too_many: Some(20), ..Since::default() }, ..facts() };
    assert_eq!(codes(&facts), ["checklist-too-many-commits"]);
}

#[test]
fn commits_without_evidence_matter_where_the_policy_asks_for_it() {
    let commit = CommitLabel {
        id: crate::id::CommitId::from_hex(&[b'a'; 40]).expect("an id"),
        subject: Foreign::default(),
        author: Foreign::default(),
    };
    let facts = Facts { since: Since { unjudged: vec![commit], ..Since::default() }, ..facts() };
    assert_eq!(codes(&facts), [""; 0]);
    let policy = policy_with("commits = \"evidence\"\n");
    let outcome = evaluate(&policy, &facts, now());
    let found: Vec<_> = outcome.violations.iter().map(Violation::code).collect();
    assert_eq!(found, ["checklist-commits-unjudged"]);
}

fn codes(facts: &Facts) -> Vec<&'static str> {
    violations(facts).iter().map(Violation::code).collect()
}
