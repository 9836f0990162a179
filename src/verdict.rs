//! Folds outcomes into one verdict; the only place that can make an [`Accepted`].

use serde::Serialize;

use crate::clock::Timestamp;
use crate::evidence::attestation::EvidenceId;
use crate::evidence::exception::{Approver, ExceptionId};
use crate::host::Pusher;
use crate::id::ObjectId;
use crate::policy::gates::{Gate, Gates};
use crate::provenance::Source;
use crate::refname::RefName;
use crate::report::text::Foreign;
use crate::violation::{OpenFinding, Person, Violation};

/// Proof that every gate of every ref was asked and agreed.
///
/// It cannot be built outside this module, so the hook cannot end with success
/// on a path that skipped a gate.
///
/// ```compile_fail
/// let accepted = refgate::verdict::Accepted(());
/// ```
#[derive(Debug)]
pub struct Accepted(());

/// What is refused, and what is only said: settings of the administrator for a roll-out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leniency {
    /// Nothing is refused.
    pub everything: bool,
    /// Violations of these gates are only said.
    gates: Gates,
}

impl Leniency {
    /// Says whether violations of a gate are only said.
    pub fn set(&mut self, gate: Gate, warns: bool) {
        let others = Gate::ALL.into_iter().filter(|other| *other != gate);
        let kept = others.filter(|other| self.gates.contains(*other));
        self.gates = kept.chain(warns.then_some(gate)).collect();
    }

    /// Says whether a violation with this code is only said.
    ///
    /// Codes begin with the name of their gate. What a guard finds belongs to
    /// no gate, so it passes only where everything does.
    #[must_use]
    pub fn lets_pass(&self, code: &str) -> bool {
        let gate = code.split_once('-').map_or(code, |(gate, _)| gate);
        self.everything || Gate::ALL.iter().any(|g| g.name() == gate && self.gates.contains(*g))
    }

    /// Says whether anything at all is only said.
    #[must_use]
    pub fn is_lenient(&self) -> bool {
        self.everything || !self.gates.is_empty()
    }

    /// Accepts a push that could not be judged, if nothing is refused.
    #[must_use]
    pub fn accept_unjudged(&self) -> Option<Accepted> {
        self.everything.then_some(Accepted(()))
    }
}

/// The rule that a gate enforces, and where it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// The gate and what it asks for, in a few words.
    pub clause: String,
    /// Places in trusted files, such as `meta/refgate.toml:12`, or `built-in policy`.
    pub origins: Vec<String>,
}

/// What a gate or guard found for one ref.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The rule.
    pub rule: Rule,
    /// What is wrong; nothing if the gate agrees.
    pub violations: Vec<Violation>,
    /// The evidence that the gate rests on when it agrees.
    pub rests_on: Vec<EvidenceId>,
    /// What does not block because of an exception.
    pub excepted: Vec<Excepted>,
    /// What will block before long.
    pub warnings: Vec<Warning>,
}

/// Findings that do not block, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Excepted {
    /// Why.
    #[serde(flatten)]
    pub grounds: Grounds,
    /// The findings, the worst first; the first few.
    pub findings: Vec<OpenFinding>,
    /// How many there are.
    pub count: u64,
}

/// Why findings do not block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Grounds {
    /// An exception in force covers them.
    Exception {
        /// The exception.
        id: ExceptionId,
        /// Its last day.
        expires: String,
        /// Who approved it.
        approvers: Vec<Approver>,
    },
    /// Security Engineering states that the vulnerability does not matter here.
    Vex {
        /// The document.
        file: String,
        /// `not_affected` or `fixed`.
        status: &'static str,
        /// Who signed it.
        by: Person,
    },
}

/// Something that is said although the push is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "warning", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Warning {
    /// An exception that is relied upon ends before long.
    ExceptionExpiring {
        /// The exception.
        id: ExceptionId,
        /// Its last day.
        expires: String,
        /// Days until then.
        days: i64,
    },
    /// A push names a break-glass exception that it does not need.
    BreakGlassIdle {
        /// The exception.
        named: Foreign,
    },
}

/// What an exception for freezes, or for every gate, lets pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Waived {
    /// The exception.
    pub id: ExceptionId,
    /// Its last day.
    pub expires: String,
    /// Who approved it.
    pub approvers: Vec<Approver>,
    /// What does not block because of it, each with the gate.
    pub violations: Vec<WaivedViolation>,
}

/// A violation that does not block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaivedViolation {
    /// The gate.
    pub gate: &'static str,
    /// What is wrong.
    #[serde(flatten)]
    pub violation: Violation,
}

impl Outcome {
    /// Returns an outcome without violations so far.
    #[must_use]
    pub fn of(rule: Rule) -> Self {
        Self { rule, ..Self::default() }
    }

    /// Returns an outcome of violations, for guards whose rule is always on.
    pub fn refusing(violations: impl IntoIterator<Item = Violation>) -> Self {
        Self { violations: violations.into_iter().collect(), ..Self::default() }
    }
}

/// What was found for one ref update.
#[derive(Clone, Debug)]
pub struct RefJudgement {
    /// The ref, as it was sent.
    pub name: RefName,
    /// What it holds.
    pub old: Option<ObjectId>,
    /// What it shall hold.
    pub new: Option<ObjectId>,
    /// The gates that the policy asks of it; none for refs that nobody protects.
    pub required: Gates,
    /// The rules that protect the ref, which the guards enforce.
    pub protected_by: Rule,
    /// What the guards found: the ref guard, the notes guard, trust.
    pub guards: Vec<Outcome>,
    /// What the gates found, each with the gate.
    pub gates: Vec<(Gate, Outcome)>,
    /// What a break-glass exception lets pass.
    pub waived: Option<Waived>,
    /// The freezes that an exception for them lifts.
    pub lifted: Option<Waived>,
    /// What is said about the ref beside what its gates say.
    pub warnings: Vec<Warning>,
}

impl RefJudgement {
    /// Returns a judgement of an update to which nothing applies so far.
    #[must_use]
    pub fn new(name: RefName, old: Option<ObjectId>, new: Option<ObjectId>) -> Self {
        Self {
            name,
            old,
            new,
            required: Gates::NONE,
            protected_by: Rule::default(),
            guards: Vec::new(),
            gates: Vec::new(),
            waived: None,
            lifted: None,
            warnings: Vec::new(),
        }
    }

    /// Says whether a gate or guard was asked about this update at all.
    #[must_use]
    pub fn matters(&self) -> bool {
        self.required != Gates::NONE || self.outcomes().next().is_some()
    }

    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.guards.iter().chain(self.gates.iter().map(|(_, outcome)| outcome))
    }

    /// Returns what is wrong, in the order in which it is reported, each with its rule.
    pub fn violations(&self) -> impl Iterator<Item = (&Rule, &Violation)> {
        self.outcomes().flat_map(|outcome| {
            let is_guard = outcome.rule == Rule::default();
            let rule = if is_guard { &self.protected_by } else { &outcome.rule };
            outcome.violations.iter().map(move |violation| (rule, violation))
        })
    }

    /// Returns what is said although nothing blocks.
    pub fn all_warnings(&self) -> impl Iterator<Item = &Warning> {
        self.outcomes().flat_map(|outcome| &outcome.warnings).chain(&self.warnings)
    }

    /// Returns what does not block because of an exception.
    pub fn excepted(&self) -> impl Iterator<Item = &Excepted> {
        self.outcomes().flat_map(|outcome| &outcome.excepted)
    }

    /// Says whether the gates that were not asked are those of a ref on which a guard has spoken already.
    fn is_complete(&self) -> bool {
        let asked: Gates = self.gates.iter().map(|(gate, _)| *gate).collect();
        asked.includes(self.required)
    }
}

/// The answer to one push.
#[derive(Debug)]
pub struct Verdict {
    /// The number by which people name it.
    pub id: String,
    /// When it was reached, by the server's clock.
    pub time: Timestamp,
    /// The repository, if the policy was asked.
    pub repository: Option<String>,
    /// What the push was judged by, if the policy was asked.
    pub trusted: Option<Source>,
    /// The refs, in the order of the push.
    pub refs: Vec<RefJudgement>,
    /// Who pushed, as the server says.
    pub pusher: Option<Pusher>,
    /// Proof of acceptance, or none.
    accepted: Option<Accepted>,
}

impl Verdict {
    /// Says whether the push is accepted.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.accepted.is_some()
    }

    /// Says whether the push touched anything that is guarded.
    #[must_use]
    pub fn matters(&self) -> bool {
        self.refs.iter().any(RefJudgement::matters)
    }

    /// Says whether the push passes although it would be refused.
    #[must_use]
    pub fn is_let_pass(&self, leniency: &Leniency) -> bool {
        let complete = self.refs.iter().all(RefJudgement::is_complete) && !self.refs.is_empty();
        let mut violations = self.refs.iter().flat_map(RefJudgement::violations);
        !self.is_accepted()
            && violations.all(|(_, violation)| leniency.lets_pass(violation.code()))
            && (complete || leniency.everything)
    }

    /// Gives up the proof of acceptance, if there is one or the administrator lets the push pass.
    #[must_use]
    pub fn into_accepted(self, leniency: &Leniency) -> Option<Accepted> {
        if self.is_let_pass(leniency) { Some(Accepted(())) } else { self.accepted }
    }
}

/// Decides: a push is accepted if every required gate of every ref was asked and
/// nothing at all is wrong.
#[must_use]
pub fn decide(
    time: Timestamp,
    repository: Option<String>,
    trusted: Option<Source>,
    refs: Vec<RefJudgement>,
) -> Verdict {
    let clean = refs
        .iter()
        .all(|judgement| judgement.violations().next().is_none() && judgement.is_complete());
    let accepted = (clean && !refs.is_empty()).then_some(Accepted(()));
    let id = number(time, repository.as_deref(), trusted.as_ref(), &refs, accepted.is_some());
    Verdict { id, time, repository, trusted, refs, pusher: None, accepted }
}

/// Returns a number that follows from what was judged, by what, when, and with what result.
fn number(
    time: Timestamp,
    repository: Option<&str>,
    trusted: Option<&Source>,
    refs: &[RefJudgement],
    accepted: bool,
) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut feed = |text: &str| {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    };
    feed(&time.to_string());
    feed(repository.unwrap_or_default());
    feed(trusted.map_or("", |source| &source.commit_id));
    feed(if accepted { "accepted" } else { "refused" });
    for judgement in refs {
        feed(&judgement.name.to_string());
        let id = |id: Option<ObjectId>| id.map(|id| id.to_hex().to_string()).unwrap_or_default();
        feed(&id(judgement.old));
        feed(&id(judgement.new));
        for (_, violation) in judgement.violations() {
            feed(violation.code());
        }
        for waived in judgement.waived.iter().chain(&judgement.lifted) {
            feed(waived.id.as_str());
        }
    }
    let digest = context.finish();
    let hex: String = digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let (first, second) = hex.split_at(4);
    format!("{first}-{second}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::violation::RefViolation;

    fn judgement() -> RefJudgement {
        RefJudgement::new(RefName::parse(b"refs/heads/main").expect("a name"), None, None)
    }

    fn decide_on(refs: Vec<RefJudgement>) -> Verdict {
        decide(Timestamp::UNIX_EPOCH, None, None, refs)
    }

    #[test]
    fn a_push_is_accepted_only_if_every_required_gate_agreed() {
        let required: Gates = [Gate::Scan, Gate::Review].into_iter().collect();
        let mut asked = RefJudgement { required, ..judgement() };
        assert!(!decide_on(vec![asked.clone()]).is_accepted(), "no gate was asked");
        asked.gates.push((Gate::Scan, Outcome::default()));
        assert!(!decide_on(vec![asked.clone()]).is_accepted(), "one gate was not asked");
        asked.gates.push((Gate::Review, Outcome::default()));
        assert!(decide_on(vec![asked.clone()]).is_accepted());
        assert!(!decide_on(Vec::new()).is_accepted(), "nothing was judged");
        let mut refused = judgement();
        refused.guards.push(Outcome::refusing([RefViolation::Deleted.into()]));
        assert!(!decide_on(vec![asked, refused]).is_accepted(), "one ref of two is refused");
    }

    #[test]
    fn a_push_passes_only_where_all_that_is_wrong_is_let_pass() {
        use crate::violation::ReviewViolation;
        let required: Gates = [Gate::Review].into_iter().collect();
        let failed = ReviewViolation::SubmoduleChanged { paths: Vec::new() };
        let gates = vec![(Gate::Review, Outcome::refusing([failed.into()]))];
        let asked = RefJudgement { required, gates, ..judgement() };
        let guarded = RefJudgement {
            guards: vec![Outcome::refusing([RefViolation::Deleted.into()])],
            ..asked.clone()
        };
        let mut review = Leniency::default();
        review.set(Gate::Review, true);
        let mut scan = Leniency::default();
        scan.set(Gate::Scan, true);
        let all = Leniency { everything: true, ..Leniency::default() };
        for (leniency, refs, passes) in [
            (Leniency::default(), vec![asked.clone()], false),
            (review, vec![asked.clone()], true),
            (scan, vec![asked.clone()], false),
            (review, vec![asked.clone(), guarded.clone()], false),
            (all, vec![asked, guarded], true),
        ] {
            assert_eq!(decide_on(refs.clone()).is_let_pass(&leniency), passes, "{leniency:?}");
            assert_eq!(decide_on(refs).into_accepted(&leniency).is_some(), passes);
        }
        let clean = decide_on(vec![judgement()]);
        assert!(!clean.is_let_pass(&all), "nothing is wrong with it");
        assert!(clean.into_accepted(&Leniency::default()).is_some());
    }

    #[test]
    fn the_number_follows_from_what_was_judged() {
        let one = decide_on(vec![judgement()]);
        assert_eq!(one.id, decide_on(vec![judgement()]).id);
        let mut other = judgement();
        other.guards.push(Outcome::refusing([RefViolation::Deleted.into()]));
        assert_ne!(one.id, decide_on(vec![other]).id);
    }
}
