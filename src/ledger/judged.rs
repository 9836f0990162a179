//! Makes a record of a verdict, or of why there is none.

use serde_json::value::RawValue;

use super::record::{Answer, Judged, Update};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::host::Pusher;
use crate::id::ObjectId;
use crate::receive::{Name, Push};
use crate::report::json;
use crate::report::text::Foreign;
use crate::verdict::{Leniency, Verdict};

/// A verdict larger than this is recorded without what it rests on, and one that is too large even so by its codes alone.
const VERDICT_BYTES: usize = 1 << 20;

impl Judged {
    /// Returns the record of a verdict.
    ///
    /// # Errors
    /// The verdict cannot be written as JSON.
    pub fn of(verdict: &Verdict, leniency: &Leniency) -> Result<Self> {
        let mut codes: Vec<String> = Vec::new();
        for (_, violation) in verdict.refs.iter().flat_map(|judgement| judgement.violations()) {
            let code = violation.code().to_owned();
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        let updates = verdict
            .refs
            .iter()
            .map(|judgement| Update {
                r#ref: judgement.name.to_string(),
                old: judgement.old.map(hex),
                new: judgement.new.map(hex),
            })
            .collect();
        let answer = if verdict.is_accepted() {
            Answer::Accepted
        } else if verdict.is_let_pass(leniency) {
            Answer::WouldRefuse
        } else {
            Answer::Refused
        };
        let line = json::verdict_line(verdict)
            .during(ErrorKind::Internal, || "writing the verdict as JSON".into())?;
        let line = match line.len() {
            bytes if bytes > VERDICT_BYTES => json::short_line(verdict, bytes)
                .during(ErrorKind::Internal, || "writing the verdict as JSON".into())?,
            _ => line,
        };
        let pusher = verdict.pusher.clone();
        Self::new(Some(verdict.id.clone()), answer, pusher, updates, codes, line)
    }

    /// Returns the record of a push that could not be judged; the old values are the client's claims.
    ///
    /// # Errors
    /// The error cannot be written as JSON.
    pub fn unjudged(push: Option<&Push>, pusher: Option<Pusher>, error: &Error) -> Result<Self> {
        let name = |name: &Name| match name {
            Name::Ref(name) => name.to_string(),
            Name::Malformed(bytes) => Foreign::from(bytes).shown(200),
        };
        let updates = push.iter().flat_map(|push| &push.updates).map(|update| Update {
            r#ref: name(&update.name),
            old: update.claimed_old.map(hex),
            new: update.new.map(hex),
        });
        let line = json::error_line(error)
            .during(ErrorKind::Internal, || "writing the error as JSON".into())?;
        Self::new(None, Answer::CannotJudge, pusher, updates.collect(), Vec::new(), line)
    }

    fn new(
        id: Option<String>,
        answer: Answer,
        pusher: Option<Pusher>,
        updates: Vec<Update>,
        codes: Vec<String>,
        verdict: String,
    ) -> Result<Self> {
        let verdict = if verdict.len() > VERDICT_BYTES {
            format!(
                r#"{{"version":{},"verdict":"{}","too-large":{}}}"#,
                json::VERSION,
                answer.name(),
                verdict.len()
            )
        } else {
            verdict
        };
        let verdict = RawValue::from_string(verdict)
            .during(ErrorKind::Internal, || "writing the verdict as JSON".into())?;
        let refgate = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Self { id, answer, refgate, pusher, updates, codes, verdict })
    }
}

fn hex(id: ObjectId) -> String {
    id.to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::evidence::attestation::EvidenceId;
    use crate::evidence::change::Place;
    use crate::id::{BlobId, CommitId};
    use crate::policy::gates::Gate;
    use crate::principal::PrincipalId;
    use crate::provenance::Source;
    use crate::refname::RefName;
    use crate::verdict::{Outcome, RefJudgement, decide};

    fn judged(evidence: u64, refs: usize) -> Judged {
        let id = |n: u64| CommitId::from_hex(format!("{n:040x}").as_bytes()).expect("an id");
        let by = PrincipalId::parse("ci@example.org").expect("an address");
        let refs = (0..refs).map(|at| {
            let name = RefName::parse(format!("refs/heads/r/{at}").as_bytes()).expect("a name");
            let mut judgement = RefJudgement::new(name, Some(id(1).0), Some(id(2).0));
            for gate in [Gate::Scan, Gate::Review] {
                let rests_on = (0..evidence).map(|n| EvidenceId {
                    kind: "sast".into(),
                    by: by.clone(),
                    also: Vec::new(),
                    place: Place::Note { notes: "evidence", blob: BlobId(id(n).0), line: 1 },
                });
                let rests_on = rests_on.collect();
                judgement.gates.push((gate, Outcome { rests_on, ..Outcome::default() }));
            }
            judgement
        });
        let anchor = Source { ref_name: "refs/heads/main".into(), commit_id: id(1).to_string() };
        let now = Timestamp::from_second(1_795_168_800).expect("a time");
        let verdict = decide(now, Some("app".into()), Some(anchor), refs.collect());
        Judged::of(&verdict, &Leniency::default()).expect("JSON")
    }

    #[test]
    fn a_verdict_that_is_too_large_is_recorded_with_its_gates() {
        let small = judged(3, 1);
        assert!(small.verdict.get().contains("rests-on"));
        let large = judged(9000, 1);
        assert!(large.verdict.get().len() < 2000, "{}", large.verdict.get().len());
        for judged in [small, large] {
            let recorded = judged.recorded().expect("a verdict");
            assert_eq!(recorded.repository.as_deref(), Some("app"));
            assert!(recorded.trusted.is_some() && recorded.time.is_some());
            let refs = recorded.refs.expect("what was judged");
            let gates: Vec<(&str, bool)> =
                refs[0].gates.iter().map(|gate| (gate.gate.as_str(), gate.passed)).collect();
            assert_eq!(gates, [("scan", true), ("review", true)]);
        }
    }

    #[test]
    fn a_push_of_more_refs_than_fit_is_recorded_by_its_codes() {
        let judged = judged(0, 9000);
        assert!(judged.verdict.get().contains("too-large"));
        assert!(judged.recorded().expect("a verdict").refs.is_none());
        assert_eq!(judged.updates.len(), 9000);
    }

    #[test]
    fn what_is_no_verdict_is_an_error() {
        let broken = RawValue::from_string("[1]".into()).expect("JSON");
        let judged = Judged { verdict: broken, ..judged(1, 1) };
        let error = judged.recorded().expect_err("no verdict");
        assert!(error.to_string().contains("reading the recorded verdict"), "{error}");
    }
}
