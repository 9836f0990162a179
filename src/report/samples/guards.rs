//! What the guards find: how refs move, trust, evidence refs.

use super::{EVIDENCE, MAIN, Sample, TAG, id, name};
use crate::repo::fault::{Fault, ObjectKind, Problem};
use crate::violation::{FewerGates, NoteProblem, NotesViolation, RefViolation, TrustViolation};

pub(super) fn all() -> Vec<Sample> {
    let mut all = refs();
    all.extend(tags());
    all.extend(trust());
    all.extend(notes());
    all
}

fn refs() -> Vec<Sample> {
    let (old, new) = (id("9be0c2d41f07"), id("4f2a91c0d3e1"));
    let fault = |problem| RefViolation::ObjectFaulty {
        fault: Fault { id: new.0, kind: ObjectKind::Commit, problem },
    };
    vec![
        Sample::new(
            "ref-frozen",
            MAIN,
            RefViolation::Frozen {
                reason: "end of the year".into(),
                from: "2026-11-20 18:00".into(),
                until: "2026-12-04 00:00".into(),
                zone: "Europe/Berlin".into(),
            },
        ),
        Sample::new("ref-deleted", MAIN, RefViolation::Deleted),
        Sample::new("ref-not-fast-forward", MAIN, RefViolation::NotFastForward { old, new }),
        Sample::new(
            "ref-not-fast-forward-notes",
            EVIDENCE,
            RefViolation::NotFastForward { old, new },
        ),
        Sample::new("ref-not-first-parent", MAIN, RefViolation::NotFirstParent { old, new }),
        Sample::new(
            "ref-moved",
            MAIN,
            RefViolation::Moved { actual: Some(id("c0ffee123456").to_string()) },
        ),
        Sample::new("ref-moved-away", MAIN, RefViolation::Moved { actual: None }),
        Sample::new(
            "ref-named-twice",
            MAIN,
            RefViolation::NamedTwice { names: vec![name(MAIN), name("refs/heads/Main")] },
        ),
        Sample::new("ref-alias", "refs/heads/master", RefViolation::Alias { target: name(MAIN) }),
        Sample::new(
            "ref-spelling",
            "refs/heads/Release/2.0",
            RefViolation::Spelling { pattern: "refs/heads/release/*".into() },
        ),
        Sample::new(
            "ref-name-unfit",
            "refs/heads/release/\u{202e}0.2",
            RefViolation::NameUnfit { name: "refs/heads/release/\u{202e}0.2".into() },
        ),
        Sample::new(
            "ref-shadows",
            "refs/tags/main",
            RefViolation::Shadows { protected: MAIN.into() },
        ),
        Sample::new(
            "ref-replace",
            "refs/replace/4f2a91c0d3e10000000000000000000000000000",
            RefViolation::Replace,
        ),
        Sample::new(
            "ref-unrelated",
            "refs/heads/release/2.0",
            RefViolation::Unrelated { fewer: Vec::new() },
        ),
        Sample::new(
            "ref-unrelated-fewer",
            "refs/heads/release/2.0",
            RefViolation::Unrelated {
                fewer: vec![FewerGates { name: name(MAIN), lacks: vec!["scan", "tests"] }],
            },
        ),
        Sample::new(
            "ref-object-faulty",
            MAIN,
            fault(Problem::Malformed("its header has two lines \"author\"".into())),
        ),
        Sample::new("ref-object-faulty-missing", MAIN, fault(Problem::Missing)),
        Sample::new(
            "ref-object-faulty-too-large",
            MAIN,
            fault(Problem::TooLarge { setting: "commit-bytes", limit: 1 << 20, size: 9_312_044 }),
        ),
        Sample::new(
            "ref-object-faulty-too-many",
            MAIN,
            fault(Problem::TooMany {
                setting: "changed-paths",
                limit: 200_000,
                what: "changed paths",
            }),
        ),
        Sample::new("ref-too-many-commits", MAIN, RefViolation::TooManyCommits { limit: 20_000 }),
        Sample::new("ref-shallow", MAIN, RefViolation::Shallow),
        Sample::new("ref-not-a-commit", MAIN, RefViolation::NotACommit { kind: ObjectKind::Tag }),
    ]
}

fn tags() -> Vec<Sample> {
    vec![
        Sample::new("ref-tag-moved", TAG, RefViolation::TagMoved),
        Sample::new("ref-tag-lightweight", TAG, RefViolation::TagLightweight),
        Sample::new("ref-tag-name", TAG, RefViolation::TagName { inner: "v1.0.0".into() }),
        Sample::new("ref-tag-target", TAG, RefViolation::TagTarget { kind: ObjectKind::Tag }),
        Sample::new(
            "ref-tag-unreachable",
            TAG,
            RefViolation::TagUnreachable {
                commit: id("81ad03f2c6b7"),
                branches: vec![name(MAIN), name("refs/heads/release/1.1")],
            },
        ),
    ]
}

fn trust() -> Vec<Sample> {
    let diagnostics = [
        crate::error::Diagnostic::new(
            "meta/STRUCTURE.md",
            14,
            "maintainer \"Ana Paz\" has no key",
        )
        .help("add an SSH fingerprint (ssh-keygen -lf KEY.pub), a public key or an OpenPGP fingerprint"),
        crate::error::Diagnostic::new("meta/refgate.toml", 0, "\"repository\" is missing"),
    ];
    vec![
        Sample::new(
            "trust-root-unmet",
            MAIN,
            TrustViolation::RootUnmet {
                wanted: vec![
                    "a signature by SHA256:47DEQpj8HBSaPTImWtJZ1yVqbmCJJq2sNOOQ0ZlyIbM".into(),
                ],
                found: "it is signed with SHA256:Xq1HXyqkZLe0sBy6yZmD7Z8bWbmQfr0Ox7fWjmUMyYc"
                    .into(),
            },
        ),
        Sample::new("trust-anchor-moved", MAIN, TrustViolation::AnchorMoved),
        Sample::new(
            "trust-files-void",
            MAIN,
            TrustViolation::FilesVoid { diagnostics: diagnostics.iter().map(Into::into).collect() },
        ),
        Sample::new(
            "trust-pusher-unknown",
            MAIN,
            TrustViolation::PusherUnknown { pusher: Some("dana".into()) },
        ),
        Sample::new("trust-push-unsigned", MAIN, TrustViolation::PushUnsigned),
        Sample::new(
            "trust-certificate-faulty",
            MAIN,
            TrustViolation::CertificateFaulty {
                why: "its signature: no trusted file lists the key that made it".into(),
            },
        ),
    ]
}

fn notes() -> Vec<Sample> {
    let problem = |line, why: &str| NoteProblem {
        annotated: id("4f2a91c0d3e1").to_string(),
        line,
        why: why.into(),
    };
    vec![
        Sample::new("notes-ref-unknown", "refs/notes/refgate/verdicts", NotesViolation::RefUnknown),
        Sample::new(
            "notes-removed",
            EVIDENCE,
            NotesViolation::Removed { notes: vec![problem(0, "2 of its 5 lines would be gone")] },
        ),
        Sample::new(
            "notes-malformed",
            EVIDENCE,
            NotesViolation::Malformed {
                notes: vec![problem(3, "the line is no JSON: expected value at column 1")],
            },
        ),
        Sample::new(
            "notes-malformed-approvals",
            "refs/notes/refgate/approvals",
            NotesViolation::Malformed { notes: vec![problem(1, "\"sig\" is missing")] },
        ),
        Sample::new(
            "notes-subject",
            EVIDENCE,
            NotesViolation::Subject {
                notes: vec![
                    problem(
                        1,
                        "the object is not on the server: push the commit first, to any branch",
                    ),
                    problem(2, "its subject is not this commit"),
                ],
            },
        ),
        Sample::new(
            "notes-untrusted",
            EVIDENCE,
            NotesViolation::Untrusted {
                notes: vec![problem(1, "dana@example.org may not speak for sast")],
            },
        ),
        Sample::new(
            "notes-too-large",
            EVIDENCE,
            NotesViolation::TooLarge {
                notes: vec![problem(0, "the note has more than 1000 lines (limits.note-lines)")],
            },
        ),
    ]
}
