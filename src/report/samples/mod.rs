//! Verdicts for tests of messages: every violation with facts as real pushes give them.

mod exceptions;
mod gates;
mod guards;

use crate::clock::Timestamp;
use crate::evidence::change::CommitLabel;
use crate::id::CommitId;
use crate::policy::gates::Gate;
use crate::principal::PrincipalId;
use crate::provenance::Source;
use crate::refname::RefName;
use crate::verdict::{Outcome, RefJudgement, Rule, Verdict, decide};
use crate::violation::{Person, Violation};

/// A violation, and where it was found.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// The code, with a word behind it where a code has several messages.
    pub(super) name: &'static str,
    /// The ref that was pushed.
    pub(super) ref_name: &'static str,
    /// The gate that found it; none for guards.
    pub(super) gate: Option<Gate>,
    /// What was found.
    pub(super) violation: Violation,
}

/// Returns samples of all codes, in the order of the codes.
pub(super) fn all() -> Vec<Sample> {
    let mut all = guards::all();
    all.extend(gates::all());
    all.extend(exceptions::all());
    all
}

pub(super) const MAIN: &str = "refs/heads/main";
pub(super) const TAG: &str = "refs/tags/v1.2.0";
pub(super) const EVIDENCE: &str = "refs/notes/refgate/evidence";

pub(super) fn now() -> Timestamp {
    "2026-11-23T09:30:00Z".parse().expect("a time")
}

impl Sample {
    fn new(name: &'static str, ref_name: &'static str, violation: impl Into<Violation>) -> Self {
        Self { name, ref_name, gate: None, violation: violation.into() }
    }

    fn of(self, gate: Gate) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// Returns the code that the name begins with.
    pub(super) fn code(&self) -> &'static str {
        self.violation.code()
    }

    /// Returns the judgement of the ref, with this violation alone.
    pub(super) fn judgement(&self) -> RefJudgement {
        let is_new = self.ref_name.starts_with("refs/tags/");
        let old = (!is_new).then(|| id("9be0c2d41f07").0);
        let mut judgement = RefJudgement::new(name(self.ref_name), old, Some(id("4f2a91c0d3e1").0));
        judgement.protected_by =
            Rule { clause: String::new(), origins: vec!["meta/refgate.toml:9".into()] };
        match self.gate {
            None => judgement.guards.push(Outcome::refusing([self.violation.clone()])),
            Some(gate) => {
                let mut outcome = Outcome::of(rule(gate));
                outcome.violations.push(self.violation.clone());
                judgement.gates.push((gate, outcome));
            }
        }
        judgement
    }

    /// Returns the verdict about a push of this ref alone.
    pub(super) fn verdict(&self) -> Verdict {
        verdict(vec![self.judgement()])
    }
}

/// Returns the verdict about a push.
pub(super) fn verdict(refs: Vec<RefJudgement>) -> Verdict {
    let trusted = Source { ref_name: MAIN.into(), commit_id: id("9be0c2d41f07").to_string() };
    decide(now(), Some("git.example.org/payments/api".into()), Some(trusted), refs)
}

fn rule(gate: Gate) -> Rule {
    let (clause, origins): (&str, &[&str]) = match gate {
        Gate::Scan => ("scan, sast, sbom, dependencies for each commit", &["built-in policy"]),
        Gate::Tests => {
            ("tests, suites unit, integration, smoke pass on what lands", &["meta/refgate.toml:21"])
        }
        Gate::Review => (
            "review, 2 approvals by 1 maintainer and 1 reviewer of each touched domain",
            &["built-in policy", "meta/STRUCTURE.md:12", "meta/STRUCTURE.md:19"],
        ),
        Gate::Checklist => (
            "checklist, releases/{tag}.md complete and the tag signed by a release manager",
            &["built-in policy", "meta/STRUCTURE.md:31"],
        ),
    };
    Rule { clause: clause.into(), origins: origins.iter().copied().map(Into::into).collect() }
}

pub(super) fn name(text: &str) -> RefName {
    RefName::parse(text.as_bytes()).expect("a ref name")
}

/// Returns a full id from its first digits.
pub(super) fn id(digits: &str) -> CommitId {
    CommitId::from_hex(format!("{digits:0<40}").as_bytes()).expect("an id")
}

fn commit(digits: &str, subject: &str, author: &str) -> CommitLabel {
    CommitLabel { id: id(digits), subject: subject.into(), author: author.into() }
}

fn retry() -> CommitLabel {
    commit("4f2a91c0d3e1", "Add retry to uploader", "Dana Cole")
}

fn split() -> CommitLabel {
    commit("81ad03f2c6b7", "Split the parser", "Dana Cole")
}

fn person(name: &str) -> Person {
    let email = format!("{}@example.org", name.split(' ').next().unwrap_or_default());
    Person { id: PrincipalId::parse(&email).expect("an address"), name: name.into() }
}
