//! Laws that hold for all facts and all bytes.
//!
//! More approvals never hurt and more findings never help; what is said about something else and
//! the order in which things are found decide nothing; and no bytes make a reader panic.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use refgate::clock::Timestamp;
use refgate::evidence::approval::{ChangeDigest, ClaimedRole, Decision, SignedStatement};
use refgate::evidence::attestation::{CommitEvidence, EvidenceFact, EvidenceState, Signers};
use refgate::evidence::change::{
    Binding, CommitLabel, Landing, Part, Place, StatementFact, StatementState, Unit, Verified,
};
use refgate::evidence::dsse::{Envelope, Statement};
use refgate::evidence::kind::Kind;
use refgate::evidence::predicate::Predicate;
use refgate::evidence::severity::SeverityOverrides;
use refgate::evidence::{format, trailer};
use refgate::gate::{review, scan};
use refgate::id::{BlobId, CommitId, HashKind, ObjectId, TagId};
use refgate::limits::Limits;
use refgate::policy::Policy;
use refgate::policy::config::Config;
use refgate::policy::gates::{Gate, Gates};
use refgate::policy::structure::Structure;
use refgate::principal::PrincipalId;
use refgate::receive::Push;
use refgate::refname::RefName;
use refgate::repo::commit::Commit;
use refgate::repo::notes::annotated_id;
use refgate::repo::tag::Tag;
use refgate::repo::tree::Tree;
use refgate::report::text::Foreign;
use refgate::settings::{Settings, SettingsFile};
use refgate::verdict::{Outcome, RefJudgement, decide};
use refgate::violation::RefViolation;

use crate::support::world::structure;
use crate::threats_refs::REVIEW;

const PEOPLE: [&str; 6] = ["ada", "ben", "cleo", "dana", "eve", "mallory"];

fn now() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().expect("a time")
}

fn days(from_now: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_hours(24 * from_now)
}

fn person(name: &str) -> PrincipalId {
    PrincipalId::parse(&format!("{name}@example.org")).expect("an email")
}

fn commit_id(n: usize) -> CommitId {
    CommitId::from_hex(format!("{:040x}", n + 1).as_bytes()).expect("an id")
}

fn label(n: usize) -> CommitLabel {
    CommitLabel { id: commit_id(n), subject: Foreign::from("s"), author: Foreign::from("a") }
}

fn place(line: usize) -> Place {
    let blob = BlobId::from_hex(&[b'b'; 40]).expect("an id");
    Place::Note { notes: "approvals", blob, line }
}

fn policy(rules: &str) -> Policy {
    let limits = Limits::default();
    let config = Config::parse(rules.as_bytes(), &limits).expect("good rules");
    let people =
        Structure::parse(PEOPLE_TEXT.with(Clone::clone).as_bytes(), &config.sections, &limits);
    Policy::new(config, people.expect("good people"), &BTreeSet::new(), now()).expect("a policy")
}

thread_local! {
    /// The list of people, whose fingerprints a program has to be asked for.
    static PEOPLE_TEXT: String = structure();
}

fn binding() -> impl Strategy<Value = Binding> {
    let change = ChangeDigest::of(b"another");
    prop_oneof![
        9 => Just(Binding::Exact),
        5 => Just(Binding::SameChange),
        1 => Just(Binding::Stale { change }),
        1 => Just(Binding::Spent { landed: commit_id(90) }),
        1 => Just(Binding::Unverifiable("gone".into())),
    ]
}

prop_compose! {
    fn verified(decision: Decision)(
        who in select(PEOPLE.to_vec()),
        maintainer in prop::bool::weighted(0.8),
        reviewer in prop::bool::weighted(0.8),
        at in -25i64..1,
        lasts in 20i64..60,
        binding in binding(),
    ) -> StatementFact {
        let roles = [(maintainer, ClaimedRole::Maintainer), (reviewer, ClaimedRole::Reviewer)];
        StatementFact {
            place: place(1),
            claimed_by: Foreign::from(who),
            decision,
            state: StatementState::Verified(Verified {
                by: person(who),
                key: format!("key of {who}"),
                roles: roles.into_iter().filter_map(|(has, role)| has.then_some(role)).collect(),
                at: days(at),
                until: days(at + lasts),
                reason: (decision == Decision::Rejection).then(|| "no".to_owned()),
                touched: None,
                binding,
            }),
        }
    }
}

fn statement() -> impl Strategy<Value = StatementFact> {
    prop_oneof![
        60 => verified(Decision::Approval),
        1 => verified(Decision::Rejection),
        1 => verified(Decision::Withdrawal),
        1 => Just(StatementFact {
            place: place(2),
            claimed_by: Foreign::from("ada"),
            decision: Decision::Approval,
            state: StatementState::Unsigned,
        }),
        1 => Just(StatementFact {
            place: place(3),
            claimed_by: Foreign::from("ben"),
            decision: Decision::Approval,
            state: StatementState::Refused("bad signature".into()),
        }),
    ]
}

prop_compose! {
    fn unit(start: usize, end: usize)(
        statements in proptest::collection::vec(statement(), 0..9),
        paths in subsequence(vec!["net/a", "README.md", "meta/STRUCTURE.md"], 0..=3),
        contributors in subsequence(PEOPLE.to_vec(), 0..=1),
    ) -> Unit {
        Unit {
            landings: start..end,
            base: Some(commit_id(50 + start)),
            change: ChangeDigest::of(format!("{start} {end}").as_bytes()),
            paths: paths.iter().map(|path| path.as_bytes().to_vec()).collect(),
            submodules: Vec::new(),
            contributors: contributors.iter().map(|who| (person(who), Part::Author)).collect::<BTreeMap<_, _>>(),
            statements,
        }
    }
}

/// A chain of landings with every group of them as a unit.
fn review_facts() -> impl Strategy<Value = review::Facts> {
    prop_oneof![3 => Just(1usize), 2 => Just(2), 1 => Just(3)].prop_flat_map(|len| {
        let mut ranges: Vec<(usize, usize)> =
            (0..len).flat_map(|start| (start + 1..=len).map(move |end| (start, end))).collect();
        ranges.sort_by_key(|(start, end)| (end - start, *start));
        let units: Vec<_> =
            ranges.into_iter().map(|(start, end)| unit(start, end).boxed()).collect();
        units.prop_map(move |units| review::Facts {
            landings: (0..len)
                .map(|n| Landing { commit: label(n), ambiguity: None, look_alikes: Vec::new() })
                .collect(),
            units,
            unsigned: Vec::new(),
        })
    })
}

/// The codes of a gate, in no order.
fn codes(outcome: &Outcome) -> BTreeSet<&'static str> {
    outcome.violations.iter().map(|violation| violation.code()).collect()
}

/// A SARIF log of a tool with one result for each level.
fn sarif(tool: &str, levels: &[&str]) -> Vec<u8> {
    let results: Vec<String> = levels
        .iter()
        .enumerate()
        .map(|(n, level)| {
            format!(
                r#"{{"ruleId":"R{n}","level":"{level}","message":{{"text":"x"}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"f{n}.c"}}}}}}]}}"#
            )
        })
        .collect();
    format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"{tool}"}}}},"results":[{}]}}]}}"#,
        results.join(",")
    )
    .into_bytes()
}

/// One piece of evidence: its tool, its levels, its age in days.
type Piece = (&'static str, Vec<&'static str>, i64);

fn piece() -> impl Strategy<Value = Piece> {
    let levels = proptest::collection::vec(select(vec!["none", "note", "warning", "error"]), 0..4);
    (select(vec!["a", "b"]), levels, -1i64..40)
}

fn fact(state: EvidenceState) -> Arc<EvidenceFact> {
    let kind = Kind::parse("sast");
    Arc::new(EvidenceFact { place: place(1), kind, form: None, state })
}

fn authentic((tool, levels, age): &Piece) -> Arc<EvidenceFact> {
    let report =
        format::read(&sarif(tool, levels), &Limits::default(), &SeverityOverrides::default());
    fact(EvidenceState::Authentic {
        by: Signers::of([person("ci")]).expect("one"),
        at: Some(days(-age)),
        report: Arc::new(report.expect("a report")),
    })
}

fn beside_the_point() -> Vec<Arc<EvidenceFact>> {
    let names = vec!["gitCommit:ffff".to_owned()];
    vec![
        fact(EvidenceState::WrongSubject { by: Signers::of([person("ci")]).expect("one"), names }),
        fact(EvidenceState::Untrusted("nobody".into())),
        fact(EvidenceState::Malformed("no JSON".into())),
    ]
}

fn evidence(commits: &[Vec<Piece>]) -> Vec<CommitEvidence> {
    let all = commits.iter().enumerate();
    all.map(|(n, pieces)| CommitEvidence {
        commit: label(n),
        items: pieces.iter().map(authentic).collect(),
        unreadable: None,
    })
    .collect()
}

fn scans() -> Policy {
    policy(&(REVIEW.to_owned() + "[scan]\nrequire = [\"sast\"]\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_approval_taken_away_never_lets_a_change_land(facts in review_facts(), at in any::<Index>(), which in any::<Index>()) {
        let policy = policy(REVIEW);
        if !review::evaluate(&policy, &facts, now()).violations.is_empty() {
            let mut fewer = facts.clone();
            let unit = &mut fewer.units[at.index(facts.units.len())];
            let approvals: Vec<usize> = (0..unit.statements.len())
                .filter(|n| unit.statements[*n].decision == Decision::Approval)
                .collect();
            if !approvals.is_empty() {
                unit.statements.remove(approvals[which.index(approvals.len())]);
                prop_assert!(!review::evaluate(&policy, &fewer, now()).violations.is_empty());
            }
        }
    }

    #[test]
    fn an_objection_more_never_lets_a_change_land(facts in review_facts(), at in any::<Index>(), objection in verified(Decision::Rejection)) {
        let policy = policy(REVIEW);
        if !review::evaluate(&policy, &facts, now()).violations.is_empty() {
            let mut more = facts.clone();
            more.units[at.index(facts.units.len())].statements.push(objection);
            prop_assert!(!review::evaluate(&policy, &more, now()).violations.is_empty());
        }
    }

    #[test]
    fn the_order_in_which_people_spoke_is_nothing(facts in review_facts(), seed in any::<u64>()) {
        let policy = policy(REVIEW);
        let mut other = facts.clone();
        for (n, unit) in other.units.iter_mut().enumerate() {
            let len = unit.statements.len().max(1);
            unit.statements.rotate_left(usize::try_from(seed >> (n % 32)).unwrap_or(0) % len);
            if seed % 2 == 0 {
                unit.statements.reverse();
            }
        }
        let (one, two) = (review::evaluate(&policy, &facts, now()), review::evaluate(&policy, &other, now()));
        prop_assert_eq!(codes(&one), codes(&two));
    }

    #[test]
    fn nobody_approves_alone_or_what_they_wrote(mut facts in review_facts(), who in select(PEOPLE.to_vec())) {
        // With only one person's word left everywhere, nothing lands.
        for unit in &mut facts.units {
            unit.statements.retain(|said| match &said.state {
                StatementState::Verified(verified) => verified.by == person(who),
                StatementState::Unsigned | StatementState::Malformed(_) | StatementState::Refused(_) => false,
            });
        }
        prop_assert!(!review::evaluate(&policy(REVIEW), &facts, now()).violations.is_empty());
    }

    #[test]
    fn a_finding_more_never_lets_a_commit_in(
        commits in proptest::collection::vec(proptest::collection::vec(piece(), 0..3), 1..4),
        at in any::<Index>(), which in any::<Index>(), level in select(vec!["none", "note", "warning", "error"]),
    ) {
        let policy = scans();
        if !scan::evaluate(&policy, &evidence(&commits), now()).violations.is_empty() {
            let mut more = commits.clone();
            let pieces = &mut more[at.index(commits.len())];
            if !pieces.is_empty() {
                let which = which.index(pieces.len());
                pieces[which].1.push(level);
                prop_assert!(!scan::evaluate(&policy, &evidence(&more), now()).violations.is_empty());
            }
        }
    }

    #[test]
    fn evidence_about_something_else_changes_nothing(
        commits in proptest::collection::vec(proptest::collection::vec(piece(), 0..3), 1..4), reverse in any::<bool>(),
    ) {
        let policy = scans();
        let (plain, mut other) = (evidence(&commits), evidence(&commits));
        for evidence in &mut other {
            evidence.items.extend(beside_the_point());
            if reverse {
                evidence.items.reverse();
            }
        }
        if reverse {
            other.reverse();
        }
        let (one, two) = (scan::evaluate(&policy, &plain, now()), scan::evaluate(&policy, &other, now()));
        prop_assert_eq!(one.violations.is_empty(), two.violations.is_empty());
        // Without the ballast the order alone changes not even the codes.
        let mut turned = evidence(&commits);
        turned.reverse();
        prop_assert_eq!(codes(&one), codes(&scan::evaluate(&policy, &turned, now())));
    }

    #[test]
    fn one_refusal_among_any_refs_refuses_the_push(states in proptest::collection::vec(0usize..4, 1..8), seed in any::<Index>()) {
        let judgement = |state: usize| {
            let name = RefName::parse(format!("refs/heads/{state}").as_bytes()).expect("a name");
            let mut judgement = RefJudgement::new(name, None, None);
            judgement.required = if state == 0 { Gates::NONE } else { [Gate::Review].into_iter().collect() };
            match state {
                // A gate agreed, a gate was not asked, a guard refuses.
                1 => judgement.gates.push((Gate::Review, Outcome::default())),
                3 => judgement.guards.push(Outcome::refusing([RefViolation::Deleted.into()])),
                _ => {}
            }
            judgement
        };
        let accepts = |states: &[usize]| {
            let refs = states.iter().map(|state| judgement(*state)).collect();
            decide(now(), None, None, refs).is_accepted()
        };
        let mut turned = states.clone();
        turned.rotate_left(seed.index(states.len()));
        prop_assert_eq!(accepts(&states), states.iter().all(|state| *state < 2));
        prop_assert_eq!(accepts(&states), accepts(&turned));
    }
}

/// Good input of each reader, to be damaged.
fn seeds() -> Vec<Vec<u8>> {
    let (a, b) = ("a".repeat(40), "b".repeat(40));
    let who = "Ada <ada@example.org> 1795168800 +0000";
    let approval = format!(
        "Approved-by: Ada <ada@example.org>; roles=maintainer,reviewer;\n change=sha256:{};\n base={a};\n head={b};\n \
         at=2026-11-23T10:12:00Z;\n until=2026-12-23T10:12:00Z;\n sig=ssh:U1NIU0lH",
        "c".repeat(64)
    );
    let envelope = Envelope {
        payload: statement_of(&sarif("t", &["error"])),
        signatures: vec![vec![1, 2, 3]],
    };
    vec![
        format!("{a} {b} refs/heads/main\n").into_bytes(),
        format!("tree {a}\nparent {b}\nauthor {who}\ncommitter {who}\ngpgsig x\n y\n\nFix\n\n{approval}\n").into_bytes(),
        format!("object {a}\ntype commit\ntag v1\ntagger {who}\n\nv1\n-----BEGIN SSH SIGNATURE-----\nAA==\n-----END SSH SIGNATURE-----\n").into_bytes(),
        [&b"100644 a\0"[..], &[7; 20], b"40000 b\0", &[8; 20]].concat(),
        format!("{}/{}", &a[..2], &a[2..]).into_bytes(),
        approval.trim_start_matches("Approved-by: ").replace("\n ", " ").into_bytes(),
        format!(
            r#"{{"decision":"approval","ref":"refs/heads/main","change":"sha256:{}","base":"{a}","head":"{b}","roles":"maintainer","by":"ada@example.org","at":"2026-11-23T10:12:00Z","until":"2026-12-23T10:12:00Z","sig":"ssh:AAAA"}}"#,
            "c".repeat(64)
        )
        .into_bytes(),
        envelope.to_line("k").into_bytes(),
        statement_of(&sarif("t", &["error", "note"])),
        REVIEW.as_bytes().to_vec(),
        PEOPLE_TEXT.with(Clone::clone).into_bytes(),
        b"trust-ref = \"refs/heads/main\"\n[trust-root]\nkeys = [\"SHA256:x\"]\n[limits]\ncommits = 3\n".to_vec(),
    ]
}

fn statement_of(report: &[u8]) -> Vec<u8> {
    let digests = [("gitCommit", "a".repeat(40))];
    let kind = Kind::parse("sast").expect("a kind");
    let form = refgate::evidence::predicate::Form::Native(refgate::evidence::predicate::SARIF_TYPE);
    refgate::evidence::predicate::write(&digests, &kind, now(), "application/json", report, form)
        .expect("UTF-8")
}

/// Gives bytes to every reader there is. What they say is not asked; that they say it is.
fn read_all(bytes: &[u8]) {
    let limits = Limits::default();
    let null = |hash: HashKind| ObjectId::null(hash);
    drop(Push::parse(bytes, 100));
    for hash in [HashKind::Sha1, HashKind::Sha256] {
        if let Ok(commit) = Commit::parse(CommitId(null(hash)), bytes, hash) {
            drop(trailer::approvals(&commit.message));
        }
        drop(Tag::parse(TagId(null(hash)), bytes, hash));
        drop(Tree::parse(bytes.to_vec(), hash));
    }
    let _id = annotated_id(bytes);
    drop(RefName::parse(bytes));
    if let Ok(approvals) = trailer::approvals(bytes) {
        for trailer in &approvals.trailers {
            drop(SignedStatement::parse_trailer(&trailer.value));
        }
    }
    drop(trailer::co_authors(bytes));
    drop(SignedStatement::parse_trailer(&String::from_utf8_lossy(bytes)));
    drop(SignedStatement::parse_note_line(bytes));
    drop(Envelope::parse(bytes));
    if let Ok(statement) = Statement::parse(bytes) {
        drop(Predicate::read(&statement));
    }
    drop(format::read(bytes, &limits, &SeverityOverrides::default()));
    let config = Config::parse(REVIEW.as_bytes(), &limits).expect("good rules");
    drop(Config::parse(bytes, &limits));
    drop(Structure::parse(bytes, &config.sections, &limits));
    drop(Settings::read(Some(SettingsFile { path: "refgate.toml", bytes }), None));
    drop(refgate::signature::dearmor_ssh(bytes));
    drop(refgate::signature::dearmor_openpgp(bytes));
}

#[test]
fn the_seeds_are_good() {
    let seeds = seeds();
    let limits = Limits::default();
    let hash = HashKind::Sha1;
    assert!(Push::parse(&seeds[0], 9).is_ok());
    let commit = Commit::parse(CommitId(ObjectId::null(hash)), &seeds[1], hash).expect("a commit");
    assert_eq!(trailer::approvals(&commit.message).expect("trailers").trailers.len(), 1);
    assert!(Tag::parse(TagId(ObjectId::null(hash)), &seeds[2], hash).is_ok());
    assert!(Tree::parse(seeds[3].clone(), hash).is_ok());
    assert!(annotated_id(&seeds[4]).is_some());
    assert!(SignedStatement::parse_trailer(&String::from_utf8_lossy(&seeds[5])).is_ok());
    assert!(SignedStatement::parse_note_line(&seeds[6]).is_ok());
    assert!(Envelope::parse(&seeds[7]).is_ok());
    assert!(Predicate::read(&Statement::parse(&seeds[8]).expect("a statement")).is_ok());
    assert!(Config::parse(&seeds[9], &limits).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        read_all(&bytes);
    }

    #[test]
    fn damaged_input_is_read_without_a_panic(
        which in any::<Index>(),
        edits in proptest::collection::vec((any::<Index>(), 0u8..5, select(b"\0\n\r\t \"'{}[]|`<>-=;:,/\\\x1b\x7f\x80\xff09aZ".to_vec())), 1..8),
    ) {
        let seeds = seeds();
        let mut bytes = seeds[which.index(seeds.len())].clone();
        for (at, what, byte) in edits {
            let at = at.index(bytes.len() + 1);
            match what {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, byte),
                2 => drop(bytes.splice(at.., bytes[at..].iter().rev().copied().collect::<Vec<_>>())),
                3 => bytes.extend_from_within(at..),
                _ if at < bytes.len() => bytes[at] = byte,
                _ => {}
            }
        }
        read_all(&bytes);
    }
}

/// Laws about facts that are all refused, or all accepted, would say nothing.
#[test]
fn the_facts_reach_both_sides() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (reviews, commits) = (review_facts(), proptest::collection::vec(piece(), 1..3));
    let (review_policy, scan_policy) = (policy(REVIEW), scans());
    let mut accepted = [0, 0];
    for _ in 0..1000 {
        let facts = reviews.new_tree(&mut runner).expect("facts").current();
        accepted[0] +=
            usize::from(review::evaluate(&review_policy, &facts, now()).violations.is_empty());
        let pieces = commits.new_tree(&mut runner).expect("pieces").current();
        let outcome = scan::evaluate(&scan_policy, &evidence(&[pieces]), now());
        accepted[1] += usize::from(outcome.violations.is_empty());
    }
    assert!(accepted.iter().all(|accepted| (20..980).contains(accepted)), "{accepted:?}");
}
