//! Protected branches.

use std::collections::BTreeSet;

use super::names::Named;
use super::{Judge, kind_of, missing, or_violation};
use crate::collect::chain::{self, Chain};
use crate::collect::changes::Changes;
use crate::collect::evidence::EvidenceReader;
use crate::collect::notes_ref::NotesTips;
use crate::collect::{Scene, Stop, exceptions};
use crate::error::Result;
use crate::evidence::attestation::CommitEvidence;
use crate::gate::{review, scan, testing};
use crate::id::CommitId;
use crate::policy::config::{Config, ScanCommits, TestCommits};
use crate::policy::gates::{Gate, Gates};
use crate::policy::trusted_files::is_trusted_path;
use crate::refname::RefName;
use crate::repo::fault::ObjectKind;
use crate::repo::range::{Collect, Range};
use crate::snapshot::{self, Void};
use crate::verdict::{Outcome, Rule};
use crate::violation::{FewerGates, RefViolation, TrustViolation, Violation};

/// Where a branch begins to be judged.
#[derive(Clone, Copy)]
pub(super) enum From {
    /// At what the ref holds.
    Tip(Option<CommitId>),
    /// At the root of trust, which the administrator named.
    Root(CommitId),
}

/// What an update of a branch brings in.
struct Laid {
    /// Commits that no protected branch with these gates had.
    new: Range,
    /// All commits that this branch had not, where that is more.
    all: Option<Range>,
    /// The landings.
    chain: Chain,
}

impl Judge<'_> {
    pub(super) fn branch(
        &self,
        scene: &Scene<'_, '_>,
        named: &mut Named,
        gates: Gates,
        tips: &NotesTips,
        trust_ref: &RefName,
    ) -> Result<()> {
        let refusal = match named.judgement.new {
            None => Some(RefViolation::Deleted.into()),
            Some(new) => match (named.moved(), kind_of(scene, new)?) {
                (Some(moved), _) => Some(moved),
                (None, Some(ObjectKind::Commit)) => None,
                (None, Some(kind)) => Some(RefViolation::NotACommit { kind }.into()),
                (None, None) => {
                    Some(Violation::from(RefViolation::ObjectFaulty { fault: missing(new) }))
                }
            },
        };
        if let Some(violation) = refusal {
            named.judgement.guards.push(Outcome::refusing([violation]));
            return Ok(());
        }
        let from = From::Tip(named.judgement.old.map(CommitId));
        self.branch_from(scene, named, gates, tips, trust_ref, from)
    }

    /// Judges what lands on a branch above a starting point.
    pub(super) fn branch_from(
        &self,
        scene: &Scene<'_, '_>,
        named: &mut Named,
        gates: Gates,
        tips: &NotesTips,
        trust_ref: &RefName,
        from: From,
    ) -> Result<()> {
        let Some(new) = named.judgement.new.map(CommitId) else { return Ok(()) };
        let inner = named.inner.clone();
        let collected = self.lay_out(scene, &named.namespace, &inner, gates, new, from);
        let Laid { new: range, all, chain } = match collected {
            Ok(found) => found,
            Err(stop) => {
                let outcomes = or_violation(Err(stop), || format!("judging {inner}"))?;
                named.judgement.guards.extend(outcomes);
                return Ok(());
            }
        };
        let config = scene.policy.config();
        let mut evidence = None;
        for gate in gates.iter() {
            let outcomes = match gate {
                Gate::Scan | Gate::Tests => {
                    self.evidence_gate(scene, &inner, gate, &range, &chain, tips, &mut evidence)
                }
                Gate::Review => self
                    .review(
                        scene,
                        &inner,
                        &chain,
                        all.as_ref().unwrap_or(&range),
                        tips,
                        new,
                        trust_ref,
                    )
                    .map(|(outcomes, changes_trust)| {
                        named.changes_trust |= changes_trust;
                        outcomes
                    }),
                Gate::Checklist => Ok(vec![no_checklist(config)]),
            };
            let outcomes = or_violation(outcomes, || format!("gate {gate} on {inner}"))?;
            named.judgement.gates.extend(outcomes.into_iter().map(|outcome| (gate, outcome)));
        }
        Ok(())
    }

    /// Finds the new commits and the chain of landings.
    ///
    /// Commits that another protected branch has passed are not scanned and tested again, but who may
    /// approve their landing here depends on who wrote them.
    fn lay_out(
        &self,
        scene: &Scene<'_, '_>,
        namespace: &[u8],
        name: &RefName,
        gates: Gates,
        new: CommitId,
        from: From,
    ) -> Result<Laid, Stop> {
        let Scene { incoming, trusted, limits, deadline, policy, .. } = *scene;
        let collect = Collect { incoming, trusted, limits, deadline };
        let stop = |error| scene.range_stop(error);
        let others = || self.other_tips(policy.config(), namespace, name, gates);
        let old = match from {
            From::Tip(Some(old)) | From::Root(old) => old,
            // A new branch goes on from what another one with these gates has been.
            From::Tip(None) => match collect.fork_point(new, &others()?).map_err(stop)? {
                Some(fork) => fork,
                None => return Err(self.unrelated(scene, namespace, name, gates, new)?.into()),
            },
        };
        let range = collect.range(new, Some(old), others).map_err(stop)?;
        if !range.passed_elsewhere {
            let chain = chain::follow(scene, old, new, &range)?;
            return Ok(Laid { new: range, all: None, chain });
        }
        let all = collect.range(new, Some(old), || Ok(Vec::new())).map_err(stop)?;
        let chain = chain::follow(scene, old, new, &all)?;
        Ok(Laid { new: range, all: Some(all), chain })
    }

    /// Returns what the other protected refs with at least these gates hold: their history has passed them.
    pub(super) fn other_tips(
        &self,
        config: &Config,
        namespace: &[u8],
        name: &RefName,
        gates: Gates,
    ) -> Result<Vec<CommitId>> {
        let all = self.protected_tips(config, namespace, name)?;
        let has_passed = |other: &Gates| other.includes(without_checklist(gates));
        let tips = all.into_iter().filter(|(_, other, _)| has_passed(other)).map(|(_, _, tip)| tip);
        Ok(tips.collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Says why a new branch does not begin where its gates were asked.
    fn unrelated(
        &self,
        scene: &Scene<'_, '_>,
        namespace: &[u8],
        name: &RefName,
        gates: Gates,
        new: CommitId,
    ) -> Result<Violation, Stop> {
        let Scene { incoming, trusted, limits, deadline, policy, .. } = *scene;
        let collect = Collect { incoming, trusted, limits, deadline };
        let mut fewer: Vec<FewerGates> = Vec::new();
        for (branch, other, tip) in self.protected_tips(policy.config(), namespace, name)? {
            let fork = collect.fork_point(new, &[tip]).map_err(|error| scene.range_stop(error))?;
            let wanted = without_checklist(gates);
            let lacks = wanted.iter().filter(|gate| !other.contains(*gate)).map(Gate::name);
            if fork.is_some() && fewer.iter().all(|known| known.name != branch) {
                fewer.push(FewerGates { name: branch, lacks: lacks.collect() });
            }
        }
        Ok(RefViolation::Unrelated { fewer }.into())
    }

    /// Returns the protected branches, but for one, each with its gates and its tip.
    fn protected_tips(
        &self,
        config: &Config,
        namespace: &[u8],
        name: &RefName,
    ) -> Result<Vec<(RefName, Gates, CommitId)>> {
        let mut tips = Vec::new();
        for rule in &config.protect {
            for pattern in
                rule.refs.iter().filter(|pattern| pattern.to_string().starts_with("refs/heads/"))
            {
                let prefix = [namespace, pattern.literal_prefix().as_bytes()].concat();
                for (full, id) in self.repository.view.with_prefix(&prefix)? {
                    let inner = full.without_namespace();
                    if let Some(gates) = config.gates_for(inner.as_bytes())
                        && inner != *name
                    {
                        tips.push((inner, gates, CommitId(id)));
                    }
                }
            }
        }
        Ok(tips)
    }

    #[expect(clippy::too_many_arguments, reason = "what the gates look at, no more")]
    fn evidence_gate(
        &self,
        scene: &Scene<'_, '_>,
        name: &RefName,
        gate: Gate,
        range: &Range,
        chain: &Chain,
        tips: &NotesTips,
        known: &mut Option<Vec<CommitEvidence>>,
    ) -> Result<Vec<Outcome>, Stop> {
        let config = scene.policy.config();
        let all = match known {
            Some(all) => all,
            None => known.insert(read_evidence(scene, range, tips)?),
        };
        let landings: Vec<CommitId> = chain.landings.iter().map(|landing| landing.id).collect();
        let is_landing = |evidence: &&CommitEvidence| landings.contains(&evidence.commit.id);
        let is_tip = |evidence: &&CommitEvidence| landings.last() == Some(&evidence.commit.id);
        let outcome = match gate {
            Gate::Tests => {
                let commits: Vec<CommitEvidence> = match *config.tests.commits {
                    TestCommits::Every => all.clone(),
                    TestCommits::Landing => all.iter().filter(is_landing).cloned().collect(),
                    TestCommits::Tip => all.iter().filter(is_tip).cloned().collect(),
                };
                testing::evaluate(scene.policy, &commits, self.now)
            }
            Gate::Scan | Gate::Review | Gate::Checklist => {
                let commits: Vec<CommitEvidence> = match *config.scan.commits {
                    ScanCommits::Every => all.clone(),
                    ScanCommits::Landing => all.iter().filter(is_landing).cloned().collect(),
                };
                let tip = landings.last().copied();
                scan_with_exceptions(scene, name, tip, &commits)?
            }
        };
        Ok(vec![outcome])
    }

    #[expect(clippy::too_many_arguments, reason = "what the review gate looks at, no more")]
    fn review(
        &self,
        scene: &Scene<'_, '_>,
        name: &RefName,
        chain: &Chain,
        range: &Range,
        tips: &NotesTips,
        new: CommitId,
        trust_ref: &RefName,
    ) -> Result<(Vec<Outcome>, bool), Stop> {
        let changes = Changes::read(scene, name, chain, range, tips)?;
        let mut facts = changes.facts()?;
        let mut outcome = review::evaluate(scene.policy, &facts, self.now);
        if !outcome.violations.is_empty() && changes.add_all_groups(&mut facts)? {
            outcome = review::evaluate(scene.policy, &facts, self.now);
        }
        if !outcome.violations.is_empty() && changes.add_earlier(&mut facts)? {
            outcome = review::evaluate(scene.policy, &facts, self.now);
        }
        let mut outcomes = vec![outcome];
        let template = scene.policy.config().checklist.template.as_str();
        let changes_trust = facts
            .units
            .iter()
            .flat_map(|unit| &unit.paths)
            .any(|path| is_trusted_path(path, template));
        if name == trust_ref && changes_trust {
            outcomes.extend(self.void(scene, new, trust_ref)?);
        }
        Ok((outcomes, changes_trust))
    }

    /// Refuses a push after which nothing could be judged any more.
    pub(super) fn void(
        &self,
        scene: &Scene<'_, '_>,
        new: CommitId,
        trust_ref: &RefName,
    ) -> Result<Option<Outcome>, Stop> {
        match snapshot::read_all(
            scene.incoming,
            new,
            &self.ask(trust_ref),
            &self.repository.settings.floor,
        ) {
            Ok(_) => Ok(None),
            Err(Void::Files(diagnostics)) => {
                let diagnostics = diagnostics.iter().map(Into::into).collect();
                Ok(Some(Outcome::refusing([TrustViolation::FilesVoid { diagnostics }.into()])))
            }
            Err(Void::Error(error)) => Err(error.into()),
        }
    }
}

/// Judges scans; exceptions are read only where a finding blocks.
pub(super) fn scan_with_exceptions(
    scene: &Scene<'_, '_>,
    name: &RefName,
    pushed: Option<CommitId>,
    commits: &[CommitEvidence],
) -> Result<Outcome, Stop> {
    let outcome = scan::evaluate(scene.policy, commits, scene.now);
    match pushed {
        Some(pushed) if scan::could_be_excepted(&outcome) => {
            let known = exceptions::read(scene, pushed)?;
            Ok(scan::evaluate_with(scene.policy, commits, &known, name, scene.now))
        }
        Some(_) | None => Ok(outcome),
    }
}

/// Reads the evidence of every new commit, parents before children.
fn read_evidence(
    scene: &Scene<'_, '_>,
    range: &Range,
    tips: &NotesTips,
) -> Result<Vec<CommitEvidence>, Stop> {
    let commits = range.order.iter().filter_map(|id| range.commits.get(id));
    EvidenceReader::open(scene, tips)?.of_commits(commits)
}

/// A branch has no release document: the gate applies to tags alone.
fn no_checklist(config: &Config) -> Outcome {
    let origins = vec![config.checklist.document.origin.to_string()];
    Outcome::of(Rule { clause: "checklist, which is asked of release tags".into(), origins })
}

/// A branch never passes the checklist, so having it or not says nothing about its history.
fn without_checklist(gates: Gates) -> Gates {
    gates.iter().filter(|gate| *gate != Gate::Checklist).collect()
}
