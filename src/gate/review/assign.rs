//! Who has to approve a change, and whether those who did are enough.
//!
//! Requirements are met by distinct people: whoever is taken as the maintainer
//! cannot also be the reviewer of a domain, while one reviewer may serve several domains.

use std::collections::{BTreeMap, BTreeSet};

use super::weigh::{Voice, signed_for};
use super::{maintainers, people};
use crate::clock::Timestamp;
use crate::evidence::approval::ClaimedRole;
use crate::evidence::change::Unit;
use crate::policy::Policy;
use crate::policy::structure::Domain;
use crate::policy::trusted_files::is_trusted_path;
use crate::principal::PrincipalId;
use crate::report::text::Foreign;
use crate::violation::{Missing, Person};

/// What a change needs.
pub(super) struct Needs {
    /// Distinct people.
    pub(super) approvals: usize,
    /// Distinct maintainers.
    pub(super) maintainers: usize,
    /// Reviewers of each touched domain.
    pub(super) reviewers: usize,
    /// The touched domains, and last the paths of no domain if any is touched.
    pub(super) domains: Vec<Touched>,
    /// Trusted files that change, with the number of maintainers that this takes.
    pub(super) trusted: Option<(Vec<Foreign>, usize)>,
}

/// A touched domain, or the paths of no domain.
pub(super) struct Touched {
    /// The domain's name; none for paths of no domain.
    pub(super) name: Option<String>,
    /// Who may review it.
    pub(super) reviewers: BTreeSet<PrincipalId>,
    /// Examples of touched paths.
    pub(super) paths: Vec<Foreign>,
}

/// How many paths a message may show for one domain.
const EXAMPLES: usize = 3;

impl Needs {
    pub(super) fn of(policy: &Policy, unit: &Unit, now: Timestamp) -> Self {
        let mut touched: BTreeMap<usize, Vec<Foreign>> = BTreeMap::new();
        let mut homeless: Vec<Foreign> = Vec::new();
        let domains = policy.structure().domains();
        for path in &unit.paths {
            let mut owned = false;
            for (at, _) in domains.iter().enumerate().filter(|(_, domain)| domain.owns(path)) {
                owned = true;
                let paths = touched.entry(at).or_default();
                if paths.len() < EXAMPLES {
                    paths.push(Foreign::from(path));
                }
            }
            if !owned && homeless.len() < EXAMPLES {
                homeless.push(Foreign::from(path));
            }
        }
        let review = &policy.config().review;
        let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let reviewers_of = |domain: &Domain| {
            if domain.window.is_active(now) { domain.reviewers.clone() } else { BTreeSet::new() }
        };
        let mut domains: Vec<Touched> = touched
            .into_iter()
            .filter_map(|(at, paths)| {
                let domain = domains.get(at)?;
                Some(Touched {
                    name: Some(domain.name.clone()),
                    reviewers: reviewers_of(domain),
                    paths,
                })
            })
            .collect();
        if !homeless.is_empty() || unit.paths.is_empty() {
            domains.push(Touched {
                name: None,
                reviewers: maintainers(policy, now),
                paths: homeless,
            });
        }
        let template = policy.config().checklist.template.as_str();
        let trusted: Vec<Foreign> = unit
            .paths
            .iter()
            .filter(|path| is_trusted_path(path, template))
            .map(Foreign::from)
            .collect();
        Self {
            approvals: size(*review.approvals),
            maintainers: size(*review.maintainers),
            reviewers: size(*review.domain_reviewers),
            domains,
            trusted: (!trusted.is_empty())
                .then(|| (trusted, size(*policy.config().trust_threshold))),
        }
    }

    /// Returns what the approval of a person counts for: the roles that they hold
    /// now and signed for; `None` if there is none that this change asks for.
    pub(super) fn voice(
        &self,
        policy: &Policy,
        by: &PrincipalId,
        roles: Option<&BTreeSet<ClaimedRole>>,
        now: Timestamp,
    ) -> Option<Voice> {
        let maintainer =
            signed_for(roles, ClaimedRole::Maintainer) && maintainers(policy, now).contains(by);
        let reviews = |touched: &Touched| match touched.name {
            Some(_) => signed_for(roles, ClaimedRole::Reviewer) && touched.reviewers.contains(by),
            None => maintainer,
        };
        let domains: BTreeSet<usize> = self
            .domains
            .iter()
            .enumerate()
            .filter(|(_, touched)| reviews(touched))
            .map(|(at, _)| at)
            .collect();
        (maintainer || !domains.is_empty()).then(|| Voice { by: by.clone(), maintainer, domains })
    }

    /// Returns what is missing for a unit, given the voices that count.
    pub(super) fn missing(
        &self,
        policy: &Policy,
        unit: &Unit,
        voices: &[Voice],
        now: Timestamp,
    ) -> Vec<Missing> {
        let voices = by_person(voices);
        let spoken: BTreeSet<&PrincipalId> =
            voices.keys().copied().chain(unit.contributors.keys()).collect();
        let all_maintainers = maintainers(policy, now);
        let could_maintain = || people(policy, all_maintainers.iter(), &spoken);
        let mut missing = Vec::new();
        if let Some((paths, need)) = &self.trusted {
            let have = voices.values().filter(|voice| voice.maintainer).count();
            if have < *need {
                let (more, need, paths) = (need - have, *need, paths.clone());
                missing.push(Missing::Threshold { more, need, paths, could: could_maintain() });
            }
        }
        let candidates: Vec<&Voice> = voices.values().filter(|voice| voice.maintainer).collect();
        if candidates.len() < self.maintainers {
            let more = self.maintainers - candidates.len();
            missing.push(Missing::Maintainers { more, could: could_maintain() });
        }
        let taken = self.take_maintainers(&voices, &candidates);
        for (at, touched) in self.domains.iter().enumerate() {
            let have = voices
                .values()
                .filter(|v| v.domains.contains(&at) && !taken.contains(&v.by))
                .count();
            if have >= self.reviewers {
                continue;
            }
            let more = self.reviewers - have;
            let could = people(policy, touched.reviewers.iter(), &spoken);
            missing.push(match &touched.name {
                Some(domain) => {
                    let counted = taken.iter().filter(|id| touched.reviewers.contains(*id));
                    let taken: Vec<Person> = people(policy, counted, &BTreeSet::new());
                    Missing::Reviewer { domain: domain.clone(), more, taken, could }
                }
                None => Missing::SecondMaintainer { more, paths: touched.paths.clone(), could },
            });
        }
        if voices.len() < self.approvals && missing.is_empty() {
            let mut eligible = all_maintainers.clone();
            eligible
                .extend(self.domains.iter().flat_map(|touched| touched.reviewers.iter().cloned()));
            let could = people(policy, eligible.iter(), &spoken);
            missing.push(Missing::Approvals { more: self.approvals - voices.len(), could });
        }
        missing
    }

    /// Chooses whom to take as the maintainers, so that the fewest reviewers are lacking.
    ///
    /// People are interchangeable if they serve the same domains, so the search is over
    /// how many to take of each such group; the number of groups is small.
    fn take_maintainers(
        &self,
        voices: &BTreeMap<&PrincipalId, Voice>,
        candidates: &[&Voice],
    ) -> BTreeSet<PrincipalId> {
        let mut groups: BTreeMap<&BTreeSet<usize>, Vec<&PrincipalId>> = BTreeMap::new();
        for voice in candidates {
            groups.entry(&voice.domains).or_default().push(&voice.by);
        }
        let have: Vec<usize> = (0..self.domains.len())
            .map(|at| voices.values().filter(|v| v.domains.contains(&at)).count())
            .collect();
        let groups: Vec<(&BTreeSet<usize>, Vec<&PrincipalId>)> = groups.into_iter().collect();
        let mut search = Search { needs: self, groups: &groups, best: None, steps: 0 };
        search.go(0, self.maintainers.min(candidates.len()), have, Vec::new());
        search.best.map(|(_, taken)| taken).unwrap_or_default()
    }
}

/// The search gives up looking for something better after so many steps; what it has
/// found by then is a valid choice, only perhaps not the best one.
const STEPS: usize = 20_000;

struct Search<'a> {
    needs: &'a Needs,
    groups: &'a [(&'a BTreeSet<usize>, Vec<&'a PrincipalId>)],
    /// Reviewers lacking, and whom to take.
    best: Option<(usize, BTreeSet<PrincipalId>)>,
    steps: usize,
}

impl<'a> Search<'a> {
    fn go(&mut self, group: usize, left: usize, have: Vec<usize>, taken: Vec<&'a PrincipalId>) {
        self.steps += 1;
        if self.best.as_ref().is_some_and(|(lacking, _)| *lacking == 0 || self.steps > STEPS) {
            return;
        }
        let Some((domains, members)) = self.groups.get(group) else {
            if left == 0 {
                let lacking =
                    have.iter().map(|have| self.needs.reviewers.saturating_sub(*have)).sum();
                if self.best.as_ref().is_none_or(|(best, _)| lacking < *best) {
                    self.best = Some((lacking, taken.into_iter().cloned().collect()));
                }
            }
            return;
        };
        let rest: usize =
            self.groups.iter().skip(group + 1).map(|(_, members)| members.len()).sum();
        for take in (left.saturating_sub(rest)..=left.min(members.len())).rev() {
            let mut have = have.clone();
            for at in domains.iter() {
                if let Some(count) = have.get_mut(*at) {
                    *count = count.saturating_sub(take);
                }
            }
            let mut taken = taken.clone();
            taken.extend(members.iter().take(take));
            self.go(group + 1, left - take, have, taken);
        }
    }
}

/// Joins the voices of each person: one person, with all the roles that they signed for.
fn by_person(voices: &[Voice]) -> BTreeMap<&PrincipalId, Voice> {
    let mut joined: BTreeMap<&PrincipalId, Voice> = BTreeMap::new();
    for voice in voices {
        let entry = joined.entry(&voice.by).or_insert_with(|| voice.clone());
        entry.maintainer |= voice.maintainer;
        entry.domains.extend(voice.domains.iter().copied());
    }
    joined
}
