//! Samples about exceptions.

use super::{MAIN, Sample, person};
use crate::evidence::exception::{Approver, ExceptionId, Seen, SeenState};
use crate::policy::gates::Gate;
use crate::principal::PrincipalId;
use crate::report::text::Foreign;
use crate::violation::{Becomes, ExceptionViolation, Lapsed, OpenFinding, Problem, TakenBack};

fn email(text: &str) -> PrincipalId {
    PrincipalId::parse(text).expect("an address")
}

fn lapsed(findings: Vec<OpenFinding>) -> Lapsed {
    Lapsed {
        id: ExceptionId::parse("EX-2026-014").expect("an id"),
        gate: "scan",
        read_from: "the push",
        requester: email("dana@example.org"),
        owner: email("cleo@example.org"),
        requested: "2026-07-29".into(),
        expires: "2026-10-30".into(),
        count: findings.len() as u64,
        findings,
    }
}

fn with_finding() -> Lapsed {
    lapsed(vec![OpenFinding {
        severity: "high".into(),
        class: "code".into(),
        rule: "CWE-89".into(),
        ids: vec!["CWE-89".into()],
        paths: vec!["src/db/query.rs".into()],
        purls: Vec::new(),
        location: "src/db/query.rs:88".into(),
        title: "SQL from user input".into(),
        tool: "Semgrep".into(),
        fingerprint: "sha256:0d0f".into(),
        kind: "sast".into(),
        commits: Vec::new(),
        suppressed: false,
    }])
}

fn seen(who: &str, line: usize, state: SeenState) -> Seen {
    Seen { who: Foreign::from(who), line, state }
}

fn taken_back(id: &str, revoked: Option<&str>, becomes: Becomes) -> TakenBack {
    TakenBack {
        id: ExceptionId::parse(id).expect("an id"),
        revoked: revoked.map(Into::into),
        expires: "2026-12-30".into(),
        becomes,
    }
}

pub(super) fn all() -> Vec<Sample> {
    let of =
        |name, violation: ExceptionViolation| Sample::new(name, MAIN, violation).of(Gate::Scan);
    let approvers =
        vec![Approver { person: person("Priya Nair"), at: "2026-07-30T10:00:00Z".into() }];
    vec![
        of(
            "exception-malformed",
            ExceptionViolation::Malformed {
                problems: vec![
                    Problem {
                        file: "exceptions/EX-2026-014.md".into(),
                        line: 7,
                        message: "unknown key \"ownr\"".into(),
                        help: Some("write owner".into()),
                    },
                    Problem {
                        file: "exceptions/lodash.vex.json".into(),
                        line: 0,
                        message: "ada@example.org is not Security Engineering".into(),
                        help: None,
                    },
                ],
            },
        ),
        of(
            "exception-revoked",
            ExceptionViolation::Revoked {
                exception: with_finding(),
                on: "2026-11-02".into(),
                because: Some("exploited in the wild".into()),
            },
        ),
        Sample::new(
            "exception-revoked-freeze",
            MAIN,
            ExceptionViolation::Revoked {
                exception: Lapsed { gate: "freeze", ..lapsed(Vec::new()) },
                on: "2026-11-02".into(),
                because: None,
            },
        ),
        of(
            "exception-unapproved",
            ExceptionViolation::Unapproved {
                exception: with_finding(),
                seen: vec![
                    seen("Ada Lovelace", 31, SeenState::NotSecurity),
                    seen("Priya Nair <priya@example.org>", 35, SeenState::OtherDocument),
                ],
                could: vec![person("Priya Nair")],
            },
        ),
        of(
            "exception-self-approved",
            ExceptionViolation::SelfApproved {
                exception: with_finding(),
                seen: vec![seen("Dana Cole", 31, SeenState::OwnRequest)],
                could: vec![person("Priya Nair")],
            },
        ),
        of(
            "exception-too-long",
            ExceptionViolation::TooLong {
                exception: with_finding(),
                latest: "2026-10-28".into(),
                allowed: "90d".into(),
                origin: "built-in policy".into(),
            },
        ),
        of(
            "exception-expired",
            ExceptionViolation::Expired {
                exception: with_finding(),
                days_ago: 24,
                approvers: approvers.clone(),
            },
        ),
        Sample::new(
            "exception-expired-freeze",
            MAIN,
            ExceptionViolation::Expired {
                exception: Lapsed { gate: "freeze", ..lapsed(Vec::new()) },
                days_ago: 1,
                approvers: approvers.clone(),
            },
        ),
        Sample::new(
            "exception-unknown",
            MAIN,
            ExceptionViolation::Unknown { named: "EX-2026-41".into() },
        ),
        Sample::new(
            "exception-not-break-glass",
            MAIN,
            ExceptionViolation::NotBreakGlass { exception: lapsed(Vec::new()), refs: None },
        ),
        Sample::new(
            "exception-not-break-glass-refs",
            MAIN,
            ExceptionViolation::NotBreakGlass {
                exception: lapsed(Vec::new()),
                refs: Some(vec!["refs/heads/release/*".into()]),
            },
        ),
        Sample::new(
            "exception-revocation-removed",
            MAIN,
            ExceptionViolation::RevocationRemoved {
                exceptions: vec![
                    taken_back("EX-2026-014", Some("2026-11-02"), Becomes::Removed),
                    taken_back("EX-2026-015", Some("2026-11-02"), Becomes::NotRevoked),
                    taken_back("EX-2026-016", Some("2026-11-02"), Becomes::Unreadable),
                ],
            },
        ),
        Sample::new(
            "exception-revocation-removed-early",
            MAIN,
            ExceptionViolation::RevocationRemoved {
                exceptions: vec![taken_back("EX-2026-014", None, Becomes::EndsEarlier)],
            },
        ),
    ]
}
