//! What the gates find.

use super::{MAIN, Sample, TAG, commit, id, person, retry, split};
use crate::evidence::approval::ChangeDigest;
use crate::evidence::attestation::EvidenceId;
use crate::evidence::change::{Binding, CommitLabel, Part, Place};
use crate::evidence::exception::ExceptionId;
use crate::evidence::kind::Kind;
use crate::id::{BlobId, CommitId};
use crate::policy::gates::Gate;
use crate::principal::PrincipalId;
use crate::violation::{
    ChecklistViolation, CommitGap, EvidenceGap, FailedSuite, KindGap, Missing, OpenFinding,
    OpenItem, OpenItemKind, Relied, ReviewGap, ReviewViolation, Said, ScanViolation, Standing,
    TestsViolation, UnsignedCommit,
};

pub(super) fn all() -> Vec<Sample> {
    let of = |gate: Gate, samples: Vec<Sample>| samples.into_iter().map(move |s| s.of(gate));
    of(Gate::Scan, scan())
        .chain(of(Gate::Tests, tests()))
        .chain(of(Gate::Review, review()))
        .chain(of(Gate::Checklist, checklist()))
        .collect()
}

fn kind(text: &str) -> Kind {
    Kind::parse(text).expect("a kind")
}

/// A commit, and the kinds that it lacks, each with the reason if there is one.
type Lacking<'a> = (CommitLabel, &'a [(&'a str, Option<&'a str>)]);

/// Returns what commits lack: each with kinds, each with a reason or none.
fn gap(commits: &[Lacking<'_>], of: usize) -> EvidenceGap {
    let commits: Vec<CommitGap> = commits
        .iter()
        .map(|(commit, kinds)| CommitGap {
            commit: commit.clone(),
            kinds: kinds
                .iter()
                .map(|(name, why)| KindGap { kind: Some(kind(name)), why: why.map(Into::into) })
                .collect(),
        })
        .collect();
    EvidenceGap { count: commits.len(), commits, of }
}

fn one(kind: &str, why: &str) -> EvidenceGap {
    gap(&[(retry(), &[(kind, Some(why))])], 1)
}

fn scan() -> Vec<Sample> {
    let many: Vec<Lacking<'_>> = (1..=7)
        .map(|n| {
            let label = commit(&format!("{n:012x}"), &format!("Step {n}"), "Dana Cole");
            (label, &[("sast", None), ("sbom", None)] as &[(&str, Option<&str>)])
        })
        .collect();
    vec![
        Sample::new(
            "scan-evidence-missing",
            MAIN,
            ScanViolation::EvidenceMissing {
                gap: gap(&[(split(), &[("sast", None)]), (retry(), &[("sast", None)])], 5),
            },
        ),
        Sample::new(
            "scan-evidence-missing-many",
            MAIN,
            ScanViolation::EvidenceMissing { gap: gap(&many, 9) },
        ),
        Sample::new(
            "scan-evidence-malformed",
            MAIN,
            ScanViolation::EvidenceMalformed {
                gap: one(
                    "sast",
                    "SARIF: \"results\" stands twice in one object at line 3, column 5",
                ),
            },
        ),
        Sample::new(
            "scan-evidence-malformed-limit",
            MAIN,
            ScanViolation::EvidenceMalformed {
                gap: one(
                    "sbom",
                    "the report has 91226112 bytes, more than the limit of 67108864 (limits.report-bytes)",
                ),
            },
        ),
        Sample::new(
            "scan-evidence-wrong-subject",
            MAIN,
            ScanViolation::EvidenceWrongSubject {
                gap: one("sast", "it speaks of gitCommit:81ad03f2c6b700000..."),
            },
        ),
        Sample::new(
            "scan-evidence-untrusted",
            MAIN,
            ScanViolation::EvidenceUntrusted {
                gap: one("dependencies", "ci@example.org may not speak for dependencies"),
            },
        ),
        Sample::new(
            "scan-evidence-stale",
            MAIN,
            ScanViolation::EvidenceStale {
                gap: one("sast", "it is of 2026-09-30, 54 days old; at most 30 days are allowed"),
            },
        ),
        Sample::new(
            "scan-evidence-empty",
            MAIN,
            ScanViolation::EvidenceEmpty { gap: one("sbom", "0 components, expected at least 1") },
        ),
        Sample::new(
            "scan-evidence-incomplete",
            MAIN,
            ScanViolation::EvidenceIncomplete {
                gap: one("sast", "\"semgrep\" says that it did not run to its end"),
            },
        ),
        Sample::new("scan-finding-open", MAIN, findings()),
    ]
}

fn findings() -> ScanViolation {
    let finding =
        |severity: &str, rule: &str, location: &str, title: &str, tool: &str| OpenFinding {
            severity: severity.into(),
            class: if tool == "Trivy" { "dependency".into() } else { "code".into() },
            rule: rule.into(),
            ids: vec![rule.into()],
            paths: Vec::new(),
            purls: Vec::new(),
            location: location.into(),
            title: title.into(),
            tool: tool.into(),
            fingerprint: "0d0f".into(),
            kind: if tool == "Trivy" { "dependencies".into() } else { "sast".into() },
            commits: vec![id("81ad03f2c6b7"), id("4f2a91c0d3e1")],
            suppressed: tool == "Bandit",
        };
    ScanViolation::FindingOpen {
        findings: vec![
            finding(
                "critical",
                "CVE-2026-31337",
                "pkg:cargo/openssl@0.10.5",
                "openssl: use after free in X509Ref::fingerprint when the certificate is shared",
                "Trivy",
            ),
            finding(
                "high",
                "B602",
                "src/db/query.py:88",
                "subprocess call with shell=True",
                "Bandit",
            ),
            finding(
                "unknown",
                "a rule with blanks",
                "docs/a b.md",
                "odd \u{1b}[31mtitle",
                "own tool",
            ),
        ],
        count: 9,
        block: "high".into(),
    }
}

fn tests() -> Vec<Sample> {
    let unit = "tests:unit";
    vec![
        Sample::new(
            "tests-evidence-missing",
            MAIN,
            TestsViolation::EvidenceMissing {
                gap: gap(&[(retry(), &[(unit, None), ("tests:smoke", None)])], 1),
            },
        ),
        Sample::new(
            "tests-evidence-malformed",
            MAIN,
            TestsViolation::EvidenceMalformed {
                gap: one(
                    unit,
                    "JUnit XML: not well-formed XML: the document ends inside \"testsuite\" at line 210, column 9",
                ),
            },
        ),
        Sample::new(
            "tests-evidence-wrong-subject",
            MAIN,
            TestsViolation::EvidenceWrongSubject {
                gap: one(unit, "it speaks of gitTree:0d0f91c0d3e1000000..."),
            },
        ),
        Sample::new(
            "tests-evidence-untrusted",
            MAIN,
            TestsViolation::EvidenceUntrusted { gap: one(unit, "nobody signed it") },
        ),
        Sample::new(
            "tests-evidence-stale",
            MAIN,
            TestsViolation::EvidenceStale { gap: one(unit, "it does not say when the tool ran") },
        ),
        Sample::new(
            "tests-evidence-empty",
            MAIN,
            TestsViolation::EvidenceEmpty { gap: one(unit, "no test ran, 12 were skipped") },
        ),
        Sample::new(
            "tests-failed",
            MAIN,
            TestsViolation::Failed {
                suites: vec![FailedSuite {
                    commit: retry(),
                    suite: "unit".into(),
                    failed: 7,
                    ran: 214,
                    tests: (1..=6)
                        .map(|n| format!("tests.net.test_retry::test_backoff[{n}]").as_str().into())
                        .collect(),
                    evidence: EvidenceId {
                        kind: unit.into(),
                        by: PrincipalId::parse("ci@example.org").expect("an address"),
                        also: Vec::new(),
                        place: Place::Note {
                            notes: "evidence",
                            blob: BlobId(id("b10b").0),
                            line: 4,
                        },
                    },
                }],
            },
        ),
    ]
}

fn said(who: &str, standing: Standing) -> Said {
    let place = Place::Trailer { commit: id("4f2a91c0d3e1"), line: 3 };
    Said { who: who.into(), place, standing }
}

fn change(statements: Vec<Said>, missing: Vec<Missing>, have: usize) -> ReviewGap {
    ReviewGap {
        base: Some(id("9be0c2d41f07")),
        commits: vec![retry()],
        change: ChangeDigest::of(b"retry").to_string(),
        statements,
        look_alikes: Vec::new(),
        missing,
        have,
        need: 2,
    }
}

fn ines() -> Said {
    said("Ines Roth", Standing::Approves { maintainer: false, domains: vec!["net".into()] })
}

fn lee() -> Said {
    said("Lee Sato", Standing::Approves { maintainer: true, domains: Vec::new() })
}

/// Everything that can be said without it counting.
fn in_vain() -> Vec<Said> {
    let expired = Standing::Expired { until: "2026-10-30".into(), days: 24 };
    let stale = Binding::Stale { change: ChangeDigest::of(b"before") };
    let residual =
        Binding::Residual { paths: vec!["net/up.rs".into(), "docs/a b.md".into()], count: 9 };
    let spent = Binding::Spent { landed: CommitId(id("5e7700").0) };
    let unverifiable = Binding::Unverifiable("its head is not in the repository".into());
    vec![
        ines(),
        said("Ines Roth", Standing::Repeated),
        said("Kim Bauer", Standing::NoRole { unsigned_role: false }),
        said("Lee Sato", Standing::NoRole { unsigned_role: true }),
        said("Lee Sato", expired),
        said("Lee Sato", Standing::Elsewhere(stale)),
        said("Lee Sato", Standing::Elsewhere(residual)),
        said("Lee Sato", Standing::Elsewhere(spent)),
        said("Lee Sato", Standing::Elsewhere(unverifiable)),
        said("Lee Sato", Standing::Elsewhere(Binding::SameChange)),
        said("Lee Sato", Standing::Elsewhere(Binding::Replay)),
        said("Ana Paz", Standing::FromFuture { at: "2026-11-24T09:30:00Z".into() }),
        said("Ana Paz", Standing::Untouched),
        said("Ana Paz", Standing::Withdrawn),
        said("Zoe Lang", Standing::NoVoice),
        said("Dana Cole", Standing::OwnWork(Part::Author)),
        said("Ada Lovelace <ada@example.org>", Standing::Unsigned),
        said("\u{1b}[2J", Standing::Malformed("\"change\" is missing".into())),
        said("Mallory", Standing::Refused("no trusted key has made it".into())),
    ]
}

fn review() -> Vec<Sample> {
    let maintainers = || vec![person("Ana Paz"), person("Lee Sato")];
    let maintainer = || Missing::Maintainers { more: 1, could: maintainers() };
    let reviewer = |could| Missing::Reviewer {
        domain: "net".into(),
        more: 1,
        taken: vec![person("Lee Sato")],
        could,
    };
    let mut vain = change(in_vain(), vec![maintainer()], 1);
    vain.look_alikes = vec![(id("4f2a91c0d3e1"), 5)];
    vec![
        Sample::new(
            "review-approval-missing",
            MAIN,
            ReviewViolation::ApprovalMissing {
                gap: change(Vec::new(), vec![maintainer(), reviewer(vec![person("Ines Roth")])], 0),
            },
        ),
        Sample::new(
            "review-approval-missing-in-vain",
            MAIN,
            ReviewViolation::ApprovalMissing { gap: vain },
        ),
        Sample::new(
            "review-maintainer-missing",
            MAIN,
            ReviewViolation::MaintainerMissing {
                gap: change(
                    vec![ines(), said("Kim Bauer", Standing::NoRole { unsigned_role: false })],
                    vec![maintainer()],
                    1,
                ),
            },
        ),
        Sample::new(
            "review-maintainer-missing-second",
            MAIN,
            ReviewViolation::MaintainerMissing {
                gap: change(
                    vec![lee()],
                    vec![Missing::SecondMaintainer {
                        more: 1,
                        paths: vec!["README.md".into()],
                        could: Vec::new(),
                    }],
                    1,
                ),
            },
        ),
        Sample::new(
            "review-reviewer-missing",
            MAIN,
            ReviewViolation::ReviewerMissing {
                gap: change(vec![lee()], vec![reviewer(vec![person("Ines Roth")])], 1),
            },
        ),
        Sample::new(
            "review-threshold-missing",
            MAIN,
            ReviewViolation::ThresholdMissing {
                gap: change(
                    vec![lee(), ines()],
                    vec![Missing::Threshold {
                        more: 1,
                        need: 2,
                        paths: vec!["meta/STRUCTURE.md".into()],
                        could: vec![person("Ana Paz")],
                    }],
                    2,
                ),
            },
        ),
        Sample::new(
            "review-self-approved",
            MAIN,
            ReviewViolation::SelfApproved {
                gap: change(
                    vec![ines(), said("Lee Sato", Standing::OwnWork(Part::CoAuthor))],
                    vec![Missing::Maintainers { more: 1, could: vec![person("Ana Paz")] }],
                    1,
                ),
            },
        ),
        Sample::new(
            "review-rejected",
            MAIN,
            ReviewViolation::Rejected {
                gap: change(
                    vec![
                        lee(),
                        said(
                            "Ines Roth",
                            Standing::Rejects {
                                reason: "retries without a bound: the uploader would never give up"
                                    .into(),
                            },
                        ),
                    ],
                    Vec::new(),
                    1,
                ),
            },
        ),
        Sample::new(
            "review-trailer-ambiguous",
            MAIN,
            ReviewViolation::TrailerAmbiguous {
                commit: retry(),
                why: "line 7 of the message is no trailer, but stands among approvals".into(),
            },
        ),
        Sample::new(
            "review-submodule-changed",
            MAIN,
            ReviewViolation::SubmoduleChanged { paths: vec!["vendor/lib".into()] },
        ),
        Sample::new(
            "review-commit-unsigned",
            MAIN,
            ReviewViolation::CommitUnsigned {
                commits: vec![
                    UnsignedCommit { commit: split(), why: None },
                    UnsignedCommit {
                        commit: retry(),
                        why: Some("no trusted key has made the signature".into()),
                    },
                ],
                count: 2,
            },
        ),
    ]
}

fn relied(id: &str, expires: &str, break_glass: bool) -> Relied {
    let id = ExceptionId::parse(id).expect("an id");
    let allows = if break_glass { "every gate, by break-glass" } else { "L1 in /net/up.rs" };
    Relied { id, expires: expires.into(), allows: allows.into(), break_glass }
}

fn checklist() -> Vec<Sample> {
    let path = || "releases/v1.2.0.md".to_owned();
    let item = |line, what| OpenItem { line, what };
    vec![
        Sample::new(
            "checklist-document-missing",
            TAG,
            ChecklistViolation::DocumentMissing { path: path() },
        ),
        Sample::new(
            "checklist-incomplete",
            TAG,
            ChecklistViolation::Incomplete {
                path: path(),
                open: vec![
                    item(
                        0,
                        OpenItemKind::ItemMissing {
                            text: "All artifacts are signed, and the signatures are published beside them".into(),
                            template_line: 14,
                        },
                    ),
                    item(0, OpenItemKind::FieldMissing { field: "Rollback plan".into() }),
                    item(21, OpenItemKind::NotTicked { text: "Support is told".into() }),
                    item(30, OpenItemKind::FieldEmpty { field: "Owners".into() }),
                ],
            },
        ),
        Sample::new(
            "checklist-incomplete-section",
            TAG,
            ChecklistViolation::Incomplete {
                path: path(),
                open: vec![item(
                    0,
                    OpenItemKind::Section { heading: "Release checklist".into(), count: 0 },
                )],
            },
        ),
        Sample::new(
            "checklist-incomplete-sections",
            TAG,
            ChecklistViolation::Incomplete {
                path: path(),
                open: vec![
                    item(9, OpenItemKind::Html { text: "<div hidden>".into() }),
                    item(14, OpenItemKind::DigestMissing { artifact: "app.tar.gz".into() }),
                    item(22, OpenItemKind::OwnerUnknown { who: "Mallory".into() }),
                    item(41, OpenItemKind::GateMissing { gate: "scan" }),
                ],
            },
        ),
        Sample::new(
            "checklist-exception-unlisted",
            TAG,
            ChecklistViolation::ExceptionUnlisted {
                path: path(),
                since: Some("v1.1.0".into()),
                exceptions: vec![
                    relied("EX-2026-014", "2026-12-23", false),
                    relied("EX-2026-041", "2026-11-27", true),
                ],
            },
        ),
        Sample::new(
            "checklist-commits-unjudged",
            TAG,
            ChecklistViolation::CommitsUnjudged {
                since: None,
                count: 2,
                commits: vec![split(), retry()],
            },
        ),
        Sample::new(
            "checklist-too-many-commits",
            TAG,
            ChecklistViolation::TooManyCommits { since: None, limit: 20_000 },
        ),
        Sample::new("checklist-tag-unsigned", TAG, ChecklistViolation::TagUnsigned),
        Sample::new(
            "checklist-tag-signer",
            TAG,
            ChecklistViolation::TagSigner {
                why: "dana@example.org signed it, who is no release manager".into(),
                could: vec![person("Ada Lovelace"), person("Ana Paz")],
            },
        ),
    ]
}
