//! Release tags.

use std::collections::BTreeMap;

use super::branch::scan_with_exceptions;
use super::names::Named;
use super::{Judge, or_violation};
use crate::collect::evidence::EvidenceReader;
use crate::collect::notes_ref::NotesTips;
use crate::collect::{Scene, Stop, release, since};
use crate::error::Result;
use crate::gate::{checklist, testing};
use crate::id::{CommitId, ObjectId};
use crate::policy::gates::{Gate, Gates};
use crate::refname::RefName;
use crate::repo::commit::Commit;
use crate::repo::range::Collect;
use crate::verdict::{Outcome, Rule};
use crate::violation::{RefViolation, Violation};

/// What was asked about a tag.
struct Asked {
    commit: CommitId,
    /// That the commit has not landed, where only a plan is judged.
    guard: Option<Outcome>,
    gates: Vec<(Gate, Outcome)>,
}

impl Judge<'_> {
    /// Judges a release tag; returns the commit that it is of, if its gates could be asked.
    pub(super) fn tag(
        &self,
        scene: &Scene<'_, '_>,
        named: &mut Named,
        gates: Gates,
        tips: &NotesTips,
        landed: &[(RefName, Gates, CommitId)],
        template: Option<&[u8]>,
    ) -> Result<Option<ObjectId>> {
        let refusal = match (named.judgement.new, named.judgement.old) {
            (None, _) => Some(RefViolation::Deleted.into()),
            (Some(_), Some(_)) => Some(RefViolation::TagMoved.into()),
            (Some(_), None) => named.moved(),
        };
        if let Some(violation) = refusal {
            named.judgement.guards.push(Outcome::refusing([violation]));
            return Ok(None);
        }
        let Some(new) = named.judgement.new else { return Ok(None) };
        let inner = named.inner.clone();
        match self.gates_of_tag(scene, &named.namespace, &inner, new, gates, tips, landed, template)
        {
            Ok(Asked { commit, guard, gates }) => {
                named.judgement.guards.extend(guard);
                named.judgement.gates.extend(gates);
                Ok(Some(commit.0))
            }
            Err(stop) => {
                let outcomes = or_violation(Err(stop), || format!("judging {inner}"))?;
                named.judgement.guards.extend(outcomes);
                Ok(None)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what the gates of a tag look at, no more")]
    fn gates_of_tag(
        &self,
        scene: &Scene<'_, '_>,
        namespace: &[u8],
        name: &RefName,
        new: ObjectId,
        gates: Gates,
        tips: &NotesTips,
        landed: &[(RefName, Gates, CommitId)],
        template: Option<&[u8]>,
    ) -> Result<Asked, Stop> {
        let (tag, commit) = release::read_tag(scene, name, new)?;
        let tags = self.circumstances.tags;
        let mut guard = None;
        let branch = match self.branch_of(scene, namespace, commit, gates, landed) {
            Err(Stop::Violation(violation)) if tags.may_be_unlanded() => {
                guard = Some(Outcome::refusing([*violation]));
                self.trust_ref()?
            }
            found => found?,
        };
        let of_the_time =
            if tags.has_template_of_the_time() { template_at(scene, commit)? } else { None };
        let template = of_the_time.as_deref().or(template);
        let mut outcomes = Vec::new();
        let mut evidence = None;
        for gate in gates.iter() {
            let outcome = match gate {
                Gate::Scan | Gate::Tests => {
                    let evidence = match &evidence {
                        Some(evidence) => evidence,
                        None => {
                            let commit = Commit::read(scene.incoming, commit, scene.limits)?;
                            evidence
                                .insert(EvidenceReader::open(scene, tips)?.of_commits([&commit])?)
                        }
                    };
                    if gate == Gate::Scan {
                        scan_with_exceptions(scene, name, Some(commit), evidence)?
                    } else {
                        testing::evaluate(scene.policy, evidence, self.now)
                    }
                }
                // The commit passed this gate when it landed on the branch.
                Gate::Review => Outcome::of(Rule {
                    clause: format!("review, on {branch}"),
                    origins: Vec::new(),
                }),
                Gate::Checklist => {
                    let since = if tags.asks_history() {
                        let releases = self.releases(scene, namespace, name)?;
                        since::read(scene, tips, (name, &branch), commit, &releases)?
                    } else {
                        checklist::Since::default()
                    };
                    let facts = release::facts(scene, name, &tag, commit, template, since)?;
                    checklist::evaluate(scene.policy, &facts, self.now)
                }
            };
            outcomes.push((gate, outcome));
        }
        Ok(Asked { commit, guard, gates: outcomes })
    }

    /// Returns the releases that the server had before this push, but for the tag itself.
    fn releases(
        &self,
        scene: &Scene<'_, '_>,
        namespace: &[u8],
        name: &RefName,
    ) -> Result<since::Releases, Stop> {
        let config = scene.policy.config();
        let mut tags = BTreeMap::new();
        let patterns = config.protect.iter().flat_map(|rule| &rule.refs);
        for pattern in patterns.filter(|pattern| pattern.as_str().starts_with("refs/tags/")) {
            let prefix = [namespace, pattern.literal_prefix().as_bytes()].concat();
            for (full, id) in self.repository.view.tags(&prefix)? {
                let inner = full.without_namespace();
                let gates = config.gates_for(inner.as_bytes());
                let is_release = gates.is_some_and(|gates| gates.contains(Gate::Checklist));
                if is_release && inner != *name {
                    tags.insert(inner, id);
                }
            }
        }
        since::releases(scene, tags)
    }

    /// Returns a protected branch that was at the tagged commit, by what the server has or by what this push lands.
    fn branch_of(
        &self,
        scene: &Scene<'_, '_>,
        namespace: &[u8],
        commit: CommitId,
        gates: Gates,
        landed: &[(RefName, Gates, CommitId)],
    ) -> Result<RefName, Stop> {
        let config = scene.policy.config();
        let needed: Gates = gates.iter().filter(|gate| *gate != Gate::Checklist).collect();
        let mut branches: Vec<(RefName, CommitId)> = landed
            .iter()
            .filter(|(_, gates, _)| gates.includes(needed))
            .map(|(name, _, tip)| (name.clone(), *tip))
            .collect();
        for rule in &config.protect {
            for pattern in
                rule.refs.iter().filter(|pattern| pattern.to_string().starts_with("refs/heads/"))
            {
                let prefix = [namespace, pattern.literal_prefix().as_bytes()].concat();
                for (full, id) in self.repository.view.with_prefix(&prefix)? {
                    let inner = full.without_namespace();
                    if config
                        .gates_for(inner.as_bytes())
                        .is_some_and(|gates| gates.includes(needed))
                    {
                        branches.push((inner, CommitId(id)));
                    }
                }
            }
        }
        let Scene { incoming, trusted, limits, deadline, .. } = *scene;
        let collect = Collect { incoming, trusted, limits, deadline };
        // The tip of a branch costs nothing to find; what lies behind one does.
        branches.sort_by_key(|(_, tip)| *tip != commit);
        for (name, tip) in &branches {
            let fork =
                collect.fork_point(commit, &[*tip]).map_err(|error| scene.range_stop(error))?;
            if fork == Some(commit) {
                return Ok(name.clone());
            }
        }
        let branches = branches.into_iter().map(|(name, _)| name).collect();
        Err(Violation::from(RefViolation::TagUnreachable { commit, branches }).into())
    }
}

/// Returns the template as the trust ref had it when the tagged commit was there, or parted from it.
///
/// A template that was changed since must not stop what was complete by its own.
fn template_at(scene: &Scene<'_, '_>, commit: CommitId) -> Result<Option<Vec<u8>>, Stop> {
    let Some(anchor) = scene.anchor else { return Ok(None) };
    let Scene { incoming, trusted, limits, deadline, .. } = *scene;
    let collect = Collect { incoming, trusted, limits, deadline };
    let fork = collect.fork_point(commit, &[anchor]).map_err(|error| scene.range_stop(error))?;
    let Some(fork) = fork else { return Ok(None) };
    release::file(scene, fork, scene.policy.config().checklist.template.as_str())
}
