//! Freshness and replacement of evidence.

use std::sync::Arc;

use super::*;
use crate::evidence::attestation::ReportForm;
use crate::evidence::change::{CommitLabel, Place};
use crate::evidence::format;
use crate::id::{BlobId, CommitId};
use crate::limits::Limits;
use crate::principal::PrincipalId;

const NOW: &str = "2026-11-23T12:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn demands() -> Demands {
    Demands {
        max_age: jiff::SignedDuration::from_hours(30 * 24),
        requirements: Requirements::default(),
        now: time(NOW),
    }
}

fn sarif(tool: &str, results: &str, successful: bool) -> Arc<Report> {
    let text = format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"{tool}"}}}},
        "invocations":[{{"executionSuccessful":{successful}}}],"results":[{results}]}}]}}"#
    );
    let report = format::read(text.as_bytes(), &Limits::default(), &Default::default());
    Arc::new(report.expect("a report"))
}

const HIGH: &str = r#"{"ruleId":"R","level":"error","message":{"text":"bad"}}"#;

fn signers(names: &[&str]) -> Signers {
    let id = |name: &&str| PrincipalId::parse(&format!("{name}@example.org")).expect("an address");
    Signers::of(names.iter().map(id)).expect("somebody")
}

fn item(
    line: usize,
    by: &[&str],
    at: Option<&str>,
    report: Result<Arc<Report>, &str>,
) -> Arc<EvidenceFact> {
    let (by, at) = (signers(by), at.map(time));
    let blob = BlobId::from_hex(&[b'c'; 40]).expect("an id");
    Arc::new(EvidenceFact {
        place: Place::Note { notes: "evidence", blob, line },
        kind: Some(Kind::Sast),
        form: Some(ReportForm::Native),
        state: match report {
            Ok(report) => EvidenceState::Authentic { by, at, report },
            Err(why) => EvidenceState::Unreadable { by, at, why: why.into() },
        },
    })
}

fn commit(items: Vec<Arc<EvidenceFact>>) -> CommitEvidence {
    let id = CommitId::from_hex(&[b'a'; 40]).expect("an id");
    let commit = CommitLabel { id, subject: "".into(), author: "".into() };
    CommitEvidence { commit, items, unreadable: None }
}

/// The lines that count, and whether SAST stands.
fn judged(items: Vec<Arc<EvidenceFact>>) -> (Vec<usize>, Result<(), Gap>) {
    let mut results = Vec::new();
    // The order of the lines says nothing.
    for items in [items.clone(), items.into_iter().rev().collect()] {
        let evidence = commit(items);
        let current = current(&evidence, &demands());
        let stands = stands(&evidence, &current, &Kind::Sast, &demands());
        let mut lines: Vec<usize> = current
            .iter()
            .map(|current| match current.fact.place {
                Place::Note { line, .. } | Place::Trailer { line, .. } => line,
            })
            .collect();
        lines.sort_unstable();
        results.push((lines, stands));
    }
    assert_eq!(results[0], results[1]);
    results.remove(0)
}

#[test]
fn a_newer_run_of_the_same_tool_by_the_same_signers_replaces_the_older() {
    let (old, new) = (Some("2026-11-20T00:00:00Z"), Some("2026-11-21T00:00:00Z"));
    let dirty = || sarif("bandit", HIGH, true);
    let clean = || sarif("bandit", "", true);
    let other = || sarif("semgrep", "", true);
    type Run<'a> = (&'a [&'a str], Option<&'a str>, Arc<Report>);
    let cases: Vec<(&str, Run<'_>, Run<'_>, &[usize])> = vec![
        ("newer", (&["ci"], old, dirty()), (&["ci"], new, clean()), &[2]),
        ("undated before dated", (&["ci"], None, dirty()), (&["ci"], new, clean()), &[2]),
        ("the same moment", (&["ci"], new, dirty()), (&["ci"], new, clean()), &[1, 2]),
        ("another tool", (&["ci"], old, dirty()), (&["ci"], new, other()), &[1, 2]),
        ("another signer", (&["ci"], old, dirty()), (&["bot"], new, clean()), &[1, 2]),
        ("one of two signers", (&["ci", "bot"], old, dirty()), (&["ci"], new, clean()), &[1, 2]),
        ("one more signer", (&["ci"], old, dirty()), (&["bot", "ci"], new, clean()), &[2]),
        (
            "T89: dated in the future",
            (&["ci"], old, dirty()),
            (&["ci"], Some("2026-11-23T12:05:01Z"), clean()),
            &[1, 2],
        ),
        (
            "within the skew of clocks",
            (&["ci"], old, dirty()),
            (&["ci"], Some("2026-11-23T12:05:00Z"), clean()),
            &[2],
        ),
        (
            "T79: a run that failed",
            (&["ci"], old, dirty()),
            (&["ci"], new, sarif("bandit", "", false)),
            &[1, 2],
        ),
    ];
    for (what, (by, at, report), (new_by, new_at, new_report), lines) in cases {
        let items = vec![item(1, by, at, Ok(report)), item(2, new_by, new_at, Ok(new_report))];
        assert_eq!(judged(items).0, lines, "{what}");
    }
}

#[test]
fn t86_evidence_has_a_time_and_it_is_neither_too_old_nor_to_come() {
    for (at, gap) in [
        (Some("2026-11-23T11:59:59Z"), None),
        (Some("2026-10-24T12:00:00Z"), None),
        (Some("2026-11-23T12:05:00Z"), None),
        (
            Some("2026-10-24T11:59:59Z"),
            Some("it is of 2026-10-24, 30 days old; at most 30 days are allowed"),
        ),
        (
            Some("2026-11-23T12:05:01Z"),
            Some("it is dated 2026-11-23T12:05:01Z, which is still to come"),
        ),
        (None, Some("it does not say when the tool ran")),
    ] {
        let (_, stands) = judged(vec![item(1, &["ci"], at, Ok(sarif("bandit", "", true)))]);
        assert_eq!(stands, gap.map_or(Ok(()), |gap| Err(Gap::Stale(gap.into()))), "{at:?}");
    }
}

#[test]
fn an_unreadable_report_blocks_until_the_same_signers_attest_a_newer_one() {
    let (old, new) = (Some("2026-11-20T00:00:00Z"), Some("2026-11-21T00:00:00Z"));
    let stands = |at, by: &[&str], report| {
        judged(vec![item(1, &["ci"], new, Err("broken")), item(2, by, at, Ok(report))]).1
    };
    let clean = || sarif("bandit", "", true);
    let blocked = Err(Gap::Malformed("broken".into()));
    assert_eq!(stands(Some("2026-11-22T00:00:00Z"), &["ci"], clean()), Ok(()));
    assert_eq!(stands(old, &["ci"], clean()), blocked);
    assert_eq!(stands(Some("2026-11-22T00:00:00Z"), &["bot"], clean()), blocked);
    let failed = sarif("bandit", "", false);
    assert_eq!(stands(Some("2026-11-22T00:00:00Z"), &["ci"], failed), blocked);
}
