//! Judges a release again: its tag, and every landing since the release before it.
//!
//! *When and by what.* A verification summary tells where each push ended, when it was judged
//! and by which commit's policy; the server has signed that. Where there is none, a run of commits
//! without summaries is one landing, the date is the claim of its newest commit, and the
//! policy is that of the commit below it (of today, for branches other than the trust ref).
//! Evidence and approvals are those of the notes refs of today, which only grow; what is dated
//! after the landing does not count for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::{Deadline, Timestamp};
use crate::collect::notes_ref::NotesRef;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{CommitId, ObjectId, parse_hex};
use crate::judge::{Circumstances, Repository, TagsAre, judge};
use crate::receive::{Name, Push, RefUpdate};
use crate::refname::RefName;
use crate::repo::objects::{Incoming, Trusted};
use crate::repo::range::{Collect, RangeError};
use crate::repo::view::View;
use crate::report::machine;
use crate::settings::Settings;
use crate::snapshot::{Ask, Rules};
use crate::verdict::Verdict;

use super::clone::{Clone, timestamp};
use super::results::{Answer, Check, GateResult, Replayed, What, Wrong};
use super::sample::{Release, TimeFrom};

/// The longest way down a branch.
const MAX_CHAIN: usize = 200_000;

/// Replays a release from the clone of its repository.
///
/// # Errors
/// The clone cannot be read, or is not that of the release.
pub fn replay(
    clone: &Clone,
    open: &impl Fn() -> Result<Trusted>,
    release: &Release,
) -> Result<Replayed> {
    let tag = RefName::parse(release.tag.as_bytes()).ok_or_else(|| no_such(release))?;
    let object = clone.view.resolve(&tag)?.value.ok_or_else(|| no_such(release))?;
    if parse_hex(release.object.as_bytes()) != Some(object) {
        let what =
            format!("{tag} holds {object} now, and held {} when it was drawn", release.object);
        return Err(Error::new(ErrorKind::Usage, what)
            .hint("a release tag never moves: find out who moved it"));
    }
    if clone.repository() != release.repository {
        let what = format!("this is {}, not {}", clone.repository(), release.repository);
        return Err(Error::new(ErrorKind::Usage, what));
    }
    let (commit, claimed) = clone.tagged(object)?;
    let way = Way { clone, open, tag: tag.clone(), commit, alone: false };
    let branch = way.branch()?;
    let mut checks = vec![way.check_tag(object, claimed, branch.as_ref())?];
    if let Some((branch, chain)) = branch {
        checks.extend(way.landings(&branch, &chain)?);
    }
    let Release { repository, tag, .. } = release.clone();
    Ok(Replayed { repository, tag, checks, failed: None })
}

/// Judges a release tag with nothing around it: by the policy of its own commit, as if the branch had just got there.
///
/// # Errors
/// The clone cannot be read, or has no such tag.
pub fn replay_tag(
    clone: &Clone,
    open: &impl Fn() -> Result<Trusted>,
    tag: &RefName,
) -> Result<Check> {
    let object = clone
        .view
        .resolve(tag)?
        .value
        .ok_or_else(|| Error::new(ErrorKind::Usage, format!("the clone has no {tag}")))?;
    let (commit, claimed) = clone.tagged(object)?;
    let way = Way { clone, open, tag: tag.clone(), commit, alone: true };
    way.check_tag(object, claimed, Some(&(clone.trust_ref.clone(), vec![commit])))
}

fn no_such(release: &Release) -> Error {
    Error::new(ErrorKind::Usage, format!("the clone has no {}", release.tag))
        .hint("fetch it with all its tags and notes: git fetch --all --tags")
}

struct Way<'c, O> {
    clone: &'c Clone,
    /// Opens the objects once more, for each judgement.
    open: &'c O,
    tag: RefName,
    commit: CommitId,
    /// Whether there is nothing else: the commit of the recorded policy is not at hand.
    alone: bool,
}

/// A branch, and its first-parent chain from the tip downwards.
type Branch = (RefName, Vec<CommitId>);

/// A push to a branch, as far as it can be told.
struct Landing {
    old: CommitId,
    new: CommitId,
    /// When, and by which commit's policy, as a summary says.
    summarised: Option<(Timestamp, Option<CommitId>)>,
}

impl<O: Fn() -> Result<Trusted>> Way<'_, O> {
    /// Finds the protected branch that was at the tagged commit, the trust ref before all others.
    fn branch(&self) -> Result<Option<Branch>> {
        let Clone { view, trust_ref, snapshot, .. } = self.clone;
        let mut branches = view.with_prefix(b"refs/heads/")?;
        branches.retain(|(name, _)| snapshot.policy.gates_for(name.as_bytes()).is_some());
        branches.sort_by_key(|(name, _)| name != trust_ref);
        for (name, tip) in branches {
            if let Some(chain) = self.chain(CommitId(tip))? {
                return Ok(Some((name, chain)));
            }
        }
        Ok(None)
    }

    /// Follows first parents from a tip to the tagged commit and on to the release before it, or to
    /// where refgate begins; `None` if the tagged commit is not on the way.
    fn chain(&self, tip: CommitId) -> Result<Option<Vec<CommitId>>> {
        let mut others = BTreeSet::new();
        for (name, object) in self.clone.tags()? {
            if name != self.tag
                && let Ok((commit, _)) = self.clone.tagged(object)
            {
                others.insert(commit);
            }
        }
        let mut chain = Vec::new();
        let mut next = Some(tip);
        let mut found = false;
        while let Some(id) = next {
            if found && id != self.commit && others.contains(&id) {
                chain.push(id);
                break;
            }
            found |= id == self.commit;
            chain.push(id);
            if chain.len() > MAX_CHAIN {
                let what = format!("more than {MAX_CHAIN} landings lie below {}", tip.short());
                return Err(Error::new(ErrorKind::Limit, what));
            }
            next = self.clone.commit(id)?.first_parent();
        }
        Ok(found.then_some(chain))
    }

    /// Judges every push between the release before and this one, from new to old.
    fn landings(&self, branch: &RefName, chain: &[CommitId]) -> Result<Vec<Check>> {
        let mut checks = Vec::new();
        for landing in self.pushes(branch, chain)? {
            let Landing { old, new, summarised } = &landing;
            if !self.has_policy(*old)? {
                // What the root of trust let in was judged by nobody's approval.
                break;
            }
            let claimed = timestamp(self.clone.commit(*new)?.committer.seconds);
            let (time, policy) = summarised.unwrap_or((claimed, None));
            let time_from = if summarised.is_some() { TimeFrom::Summary } else { TimeFrom::Claim };
            let anchor = if *branch == self.clone.trust_ref {
                *old
            } else {
                policy.unwrap_or(self.clone.anchor)
            };
            let refs =
                BTreeMap::from([(self.clone.trust_ref.clone(), anchor.0), (branch.clone(), old.0)]);
            let update = RefUpdate {
                name: Name::Ref(branch.clone()),
                claimed_old: Some(old.0),
                new: Some(new.0),
            };
            let verdict = self.judge(vec![update], refs, time);
            checks.push(check(
                What::Landing,
                branch,
                (Some(old.0), new.0),
                (time, time_from),
                anchor,
                verdict,
            ));
        }
        Ok(checks)
    }

    /// Cuts the chain into pushes: each ends where a summary says so, or at the tagged commit.
    fn pushes(&self, branch: &RefName, chain: &[CommitId]) -> Result<Vec<Landing>> {
        let summary = |id: CommitId| -> Result<Option<(Timestamp, Option<CommitId>)>> {
            let verified = self.clone.summary(id, branch)?.0;
            Ok(verified.and_then(|verified| {
                let policy = verified.summary.policy.and_then(|hex| parse_hex(hex.as_bytes()));
                Some((verified.summary.time?, policy.map(CommitId)))
            }))
        };
        let at = chain.iter().position(|id| *id == self.commit).unwrap_or_default();
        let mut start = (at, summary(self.commit)?);
        if start.1.is_none() {
            // The tagged commit may lie inside a push: then the push as a whole was judged.
            for (above, id) in chain.iter().enumerate().take(at).rev() {
                if let Some(found) = summary(*id)? {
                    start = (above, Some(found));
                    break;
                }
            }
        }
        let mut pushes = Vec::new();
        let (mut new_at, mut summarised) = start;
        for (below, id) in chain.iter().enumerate().skip(new_at + 1) {
            let is_last = below + 1 == chain.len();
            let found = summary(*id)?;
            if found.is_none() && !is_last {
                continue;
            }
            if let Some(new) = chain.get(new_at) {
                pushes.push(Landing { old: *id, new: *new, summarised });
            }
            (new_at, summarised) = (below, found);
        }
        Ok(pushes)
    }

    fn has_policy(&self, commit: CommitId) -> Result<bool> {
        let Clone { trust_ref, limits, now, objects, .. } = self.clone;
        let ask = Ask { trust_ref, repository: None, limits, now: *now };
        Ok(Rules::find(objects, commit, &ask)?.is_some())
    }

    fn check_tag(
        &self,
        object: ObjectId,
        claimed: Timestamp,
        branch: Option<&Branch>,
    ) -> Result<Check> {
        let Clone { trust_ref, anchor, .. } = self.clone;
        let summary = self.clone.summary(self.commit, &self.tag)?.0;
        let summarised = summary.as_ref().and_then(|verified| verified.summary.time);
        let (time, time_from) = match summarised {
            Some(time) => (time, TimeFrom::Summary),
            None => (claimed, TimeFrom::Claim),
        };
        let recorded = summary.and_then(|verified| verified.summary.policy);
        let recorded = recorded.and_then(|hex| parse_hex(hex.as_bytes())).map(CommitId);
        let recorded = recorded.filter(|_| !self.alone);
        let on_trust_ref = branch.is_some_and(|(name, _)| name == trust_ref);
        let anchor = recorded.unwrap_or(if on_trust_ref { self.commit } else { *anchor });
        let mut refs = BTreeMap::from([(trust_ref.clone(), anchor.0)]);
        let mut updates = Vec::new();
        match branch {
            // The commit and its tag came in one push, so the branch was not yet at the commit.
            Some((name, _)) if on_trust_ref && !self.has_passed(anchor)? => {
                updates.push(RefUpdate {
                    name: Name::Ref(name.clone()),
                    claimed_old: Some(anchor.0),
                    new: Some(self.commit.0),
                });
            }
            Some((name, chain)) if !on_trust_ref => {
                refs.extend(chain.first().map(|tip| (name.clone(), tip.0)));
            }
            Some(_) | None => {}
        }
        updates.push(RefUpdate {
            name: Name::Ref(self.tag.clone()),
            claimed_old: None,
            new: Some(object),
        });
        let verdict = self.judge(updates, refs, time);
        Ok(check(What::Tag, &self.tag, (None, object), (time, time_from), anchor, verdict))
    }

    /// Says whether the tagged commit is on the first-parent chain below a commit.
    fn has_passed(&self, tip: CommitId) -> Result<bool> {
        let incoming = Incoming::open(None, &self.clone.objects)?;
        let deadline = Deadline::after_ms(self.clone.limits.time_ms);
        let collect = Collect {
            incoming: &incoming,
            trusted: &self.clone.objects,
            limits: &self.clone.limits,
            deadline: &deadline,
        };
        match collect.fork_point(self.commit, &[tip]) {
            Ok(fork) => Ok(fork == Some(self.commit)),
            Err(RangeError::Read(error)) => Err(error.on_the_trusted_side()),
            Err(RangeError::TooMany) => Ok(false),
        }
    }

    fn judge(
        &self,
        updates: Vec<RefUpdate>,
        mut refs: BTreeMap<RefName, ObjectId>,
        time: Timestamp,
    ) -> Result<Verdict> {
        let Clone { view, trust_ref, limits, .. } = self.clone;
        for notes in NotesRef::ALL {
            let name = notes.name();
            if let Some(value) = view.resolve(&name)?.value {
                refs.insert(name, value);
            }
        }
        let repository = Repository {
            view: View::Fixed(refs),
            trusted: (self.open)()?,
            quarantine: None,
            settings: Settings {
                trust_ref: Some(trust_ref.to_string()),
                limits: limits.clone(),
                ..Settings::default()
            },
        };
        let tags = if self.alone { TagsAre::Archived } else { TagsAre::Pushed };
        let circumstances = Circumstances { tags, ..Circumstances::default() };
        judge(&Push { updates }, &repository, &circumstances, time)
    }
}

fn check(
    what: What,
    name: &RefName,
    (old, new): (Option<ObjectId>, ObjectId),
    (time, time_from): (Timestamp, TimeFrom),
    policy: CommitId,
    verdict: Result<Verdict>,
) -> Check {
    let (answer, gates, wrong) = match &verdict {
        Ok(verdict) => {
            let judged = verdict.refs.iter().filter(|judged| judged.name == *name);
            let gates = judged
                .flat_map(|judged| &judged.gates)
                .map(|(gate, outcome)| GateResult {
                    gate: gate.to_string(),
                    passed: outcome.violations.is_empty(),
                })
                .collect();
            let wrong = machine::titles(verdict)
                .into_iter()
                .map(|(code, title)| Wrong { code: code.to_owned(), title })
                .collect();
            let answer = if verdict.is_accepted() { Answer::Accepted } else { Answer::Refused };
            (answer, gates, wrong)
        }
        Err(error) => {
            let wrong = Wrong { code: "cannot-judge".into(), title: error.to_string() };
            (Answer::CannotJudge, Vec::new(), vec![wrong])
        }
    };
    Check {
        what,
        r#ref: name.to_string(),
        old: old.map(|id| id.to_hex().to_string()),
        new: new.to_hex().to_string(),
        time,
        time_from,
        policy: policy.to_string(),
        answer,
        gates,
        wrong,
    }
}
