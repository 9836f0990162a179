//! Judges a push: from what git handed over to a verdict.
//!
//! 1. Names: which refs the push really moves, and which of them matter.
//! 2. Trust: the policy at the trust anchor, read once.
//! 3. Notes: evidence refs are guarded first, since the gates read them.
//! 4. Branches, then tags: guards, then each gate that the policy asks for.
//! 5. The trust anchor again: if it moved meanwhile, the push is refused.
//!
//! A push that touches nothing protected ends after the rules were read.

mod bootstrap;
mod branch;
mod break_glass;
mod freeze;
mod names;
mod pusher;
mod tag;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::certificate::Presented;
use crate::clock::{Deadline, Timestamp};
use crate::collect::notes_ref::{NotesRef, NotesTips};
use crate::collect::{Scene, Stop, exceptions, notes_guard};
use crate::error::{Error, ErrorKind, Result};
use crate::host::Pusher;
use crate::id::{CommitId, ObjectId};
use crate::policy::gates::Gates;
use crate::provenance::Source;
use crate::receive::Push;
use crate::refname::RefName;
use crate::repo::fault::ObjectKind;
use crate::repo::objects::{Incoming, Objects as _, Trusted};
use crate::repo::view::View;
use crate::report::text::Foreign;
use crate::settings::Settings;
use crate::snapshot::{Ask, Rules, Snapshot};
use crate::verdict::{Outcome, Verdict, decide};
use crate::violation::{
    ExceptionViolation, NotesViolation, RefViolation, TrustViolation, Violation,
};

use names::{Named, Subject};

/// The repository that a push goes to, as it was before the push.
pub struct Repository {
    /// Its refs.
    pub view: View,
    /// Its objects.
    pub trusted: Trusted,
    /// Where the objects of the push are, if they are apart.
    pub quarantine: Option<PathBuf>,
    /// What the administrator has set.
    pub settings: Settings,
}

/// Circumstances of a push beside its ref updates.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// The namespace that the pusher sees.
    pub namespace: Option<Vec<u8>>,
    /// Whether the push comes from a shallow clone and lacks history that the server lacks too.
    pub shallow: bool,
    /// The exceptions that the push names to break the glass, as they were sent.
    pub break_glass: Vec<Foreign>,
    /// Why release tags are judged.
    pub tags: TagsAre,
    /// Who pushes, as the server says.
    pub pusher: Option<Pusher>,
    /// The push certificate, where one is asked for and was presented.
    pub certificate: Option<Presented>,
}

/// Why release tags are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagsAre {
    /// Somebody pushes them.
    #[default]
    Pushed,
    /// They are to be made: whether a commit has landed is asked, and then what else is open.
    Planned,
    /// They have been accepted, and what they release is about to go out: no freeze is asked, and the
    /// template is that of the time.
    Accepted,
    /// They have been accepted, and the history before them is not at hand: what it rested on
    /// is what the verification summary says.
    Archived,
}

impl TagsAre {
    /// Says whether a freeze stops them: not where what was accepted is only looked at again.
    fn asks_freezes(self) -> bool {
        match self {
            Self::Pushed | Self::Planned => true,
            Self::Accepted | Self::Archived => false,
        }
    }

    /// Says whether a commit that has not landed is one thing among others that are open.
    fn may_be_unlanded(self) -> bool {
        match self {
            Self::Planned => true,
            Self::Pushed | Self::Accepted | Self::Archived => false,
        }
    }

    /// Says whether the template is that of the time of the release, and not the trusted one of now.
    fn has_template_of_the_time(self) -> bool {
        match self {
            Self::Accepted => true,
            Self::Pushed | Self::Planned | Self::Archived => false,
        }
    }

    /// Says whether the commits since the release before are looked at.
    fn asks_history(self) -> bool {
        match self {
            Self::Pushed | Self::Planned | Self::Accepted => true,
            Self::Archived => false,
        }
    }
}

/// The push option that names an exception to break the glass with.
const BREAK_GLASS: &[u8] = b"refgate.break-glass=";

/// The most exceptions that one push can name.
const BREAK_GLASSES: usize = 8;

impl Circumstances {
    /// Returns the exceptions that push options name, the first few.
    #[must_use]
    pub fn break_glass(options: &[Vec<u8>]) -> Vec<Foreign> {
        options
            .iter()
            .filter_map(|option| option.strip_prefix(BREAK_GLASS))
            .take(BREAK_GLASSES)
            .map(Foreign::from)
            .collect()
    }
}

/// Judges a push.
///
/// # Errors
/// It cannot be judged: trusted files or the repository are at fault, or a limit is reached.
pub fn judge(
    push: &Push,
    repository: &Repository,
    circumstances: &Circumstances,
    now: Timestamp,
) -> Result<Verdict> {
    Judge {
        repository,
        circumstances,
        now,
        deadline: Deadline::after_ms(repository.settings.limits.time_ms),
    }
    .judge(push)
}

struct Judge<'r> {
    repository: &'r Repository,
    circumstances: &'r Circumstances,
    now: Timestamp,
    deadline: Deadline,
}

/// What a push is judged by.
struct Trust {
    trust_ref: RefName,
    anchor: CommitId,
    rules: Rules,
}

impl<'r> Judge<'r> {
    fn judge(&self, push: &Push) -> Result<Verdict> {
        let mut named = names::resolve(push, &self.repository.view, self.circumstances)?;
        if !named.iter().any(Named::may_matter) {
            return Ok(self.decide(None, None, named));
        }
        let trust_ref = self.trust_ref()?;
        let anchor = self.anchor(&trust_ref)?;
        let ask = self.ask(&trust_ref);
        let trust = match anchor {
            Some(anchor) => Rules::find(&self.repository.trusted, anchor, &ask)?
                .map(|rules| rules.raised(&self.repository.settings.floor))
                .map(|rules| Trust { trust_ref: trust_ref.clone(), anchor, rules }),
            None => None,
        };
        let Some(trust) = trust else { return self.bootstrap(named, &trust_ref, anchor) };
        let config = trust.rules.config();
        for named in &mut named {
            names::protect(named, config, &self.repository.view)?;
        }
        let source = config.source().clone();
        let repository_name = config.repository.to_string();
        if named.iter().any(|named| named.subject != Subject::Unprotected) {
            let snapshot = trust.rules.complete(&self.repository.trusted, &ask)?;
            self.judge_refs(push, &mut named, &snapshot, &trust.trust_ref)?;
            if self.anchor(&trust.trust_ref)? != Some(trust.anchor) {
                for named in named.iter_mut().filter(|named| named.subject != Subject::Unprotected)
                {
                    let moved = Violation::from(TrustViolation::AnchorMoved);
                    named.judgement.guards.push(Outcome::refusing([moved]));
                }
            }
        }
        Ok(self.decide(Some(repository_name), Some(source), named))
    }

    fn decide(
        &self,
        repository: Option<String>,
        source: Option<Source>,
        named: Vec<Named>,
    ) -> Verdict {
        decide(
            self.now,
            repository,
            source,
            named.into_iter().map(|named| named.judgement).collect(),
        )
    }

    fn ask<'a>(&'a self, trust_ref: &'a RefName) -> Ask<'a> {
        let Settings { repository, limits, .. } = &self.repository.settings;
        Ask { trust_ref, repository: repository.as_ref(), limits, now: self.now }
    }

    fn trust_ref(&self) -> Result<RefName> {
        let named = match &self.repository.settings.trust_ref {
            Some(text) => Some(RefName::parse(text.as_bytes()).ok_or_else(|| {
                Error::new(
                    ErrorKind::Policy,
                    format!("trust-ref {text:?} in the server settings is no full ref name"),
                )
            })?),
            None => None,
        };
        let name = self.repository.view.trust_ref(named.as_ref())?;
        // Where it is an alias, whoever may move its target may move it: the rules have to protect that.
        Ok(self.repository.view.resolve(&name)?.target)
    }

    /// Returns the commit that the trust ref holds now.
    fn anchor(&self, trust_ref: &RefName) -> Result<Option<CommitId>> {
        Ok(self.repository.view.resolve(trust_ref)?.value.map(CommitId))
    }

    /// Judges everything that matters: evidence first, branches next, tags last.
    fn judge_refs(
        &self,
        push: &Push,
        named: &mut [Named],
        snapshot: &Snapshot,
        trust_ref: &RefName,
    ) -> Result<()> {
        let incoming =
            Incoming::open(self.repository.quarantine.as_deref(), &self.repository.trusted)?;
        let (pusher, unproven) = self.pusher(push, snapshot, &incoming)?;
        if let Some(violation) = unproven {
            // Evidence proves itself, whoever brings it.
            let protected =
                |named: &&mut Named| matches!(named.subject, Subject::Branch(_) | Subject::Tag(_));
            for named in named.iter_mut().filter(protected) {
                named.judgement.guards.push(Outcome::refusing([violation.clone()]));
            }
        }
        let scene = Scene {
            pusher: pusher.as_ref(),
            incoming: &incoming,
            trusted: &self.repository.trusted,
            policy: &snapshot.policy,
            keys: &snapshot.keys,
            limits: &self.repository.settings.limits,
            deadline: &self.deadline,
            now: self.now,
            anchor: CommitId::from_hex(snapshot.policy.source().commit_id.as_bytes()),
        };
        let mut tips: BTreeMap<Vec<u8>, NotesTips> = BTreeMap::new();
        for named in named.iter_mut().filter(|named| named.subject == Subject::Evidence) {
            let outcome = self.guard_notes(&scene, named, &mut tips)?;
            named.judgement.guards.push(outcome);
        }
        let mut landed: Vec<(RefName, Gates, CommitId)> = Vec::new();
        for named in named.iter_mut() {
            if let Subject::Branch(gates) = named.subject {
                let tips = self.tips(&mut tips, &named.namespace)?;
                self.branch(&scene, named, gates, tips, trust_ref)?;
                if named.inner == *trust_ref {
                    keep_revocations(&scene, named)?;
                }
                self.freeze(&scene, named, named.judgement.new)?;
                self.break_glass(&scene, named, named.judgement.new)?;
                if let (None, Some(new)) =
                    (named.judgement.violations().next(), named.judgement.new)
                {
                    landed.push((named.inner.clone(), gates, CommitId(new)));
                }
            }
        }
        for named in named.iter_mut() {
            if let Subject::Tag(gates) = named.subject {
                let tips = self.tips(&mut tips, &named.namespace)?;
                let template = snapshot.template.as_deref();
                let commit = self.tag(&scene, named, gates, tips, &landed, template)?;
                self.freeze(&scene, named, commit)?;
                self.break_glass(&scene, named, commit)?;
            }
        }
        self.warn_of_idle_break_glass(named);
        Ok(())
    }

    /// Returns what the evidence refs of a namespace hold if the push succeeds.
    fn tips<'t>(
        &self,
        known: &'t mut BTreeMap<Vec<u8>, NotesTips>,
        namespace: &[u8],
    ) -> Result<&'t NotesTips> {
        let tips = known.entry(namespace.to_vec()).or_default();
        for notes in NotesRef::ALL {
            if tips.0.contains_key(&notes) {
                continue;
            }
            let name = RefName::parse(&[namespace, notes.name().as_bytes()].concat());
            if let Some(name) = name
                && let Some(value) = self.repository.view.resolve(&name)?.value
            {
                tips.0.insert(notes, CommitId(value));
            }
        }
        Ok(tips)
    }

    fn guard_notes(
        &self,
        scene: &Scene<'_, '_>,
        named: &Named,
        tips: &mut BTreeMap<Vec<u8>, NotesTips>,
    ) -> Result<Outcome> {
        let refuse = |violation: Violation| Ok(Outcome::refusing([violation]));
        let Some(notes) = NotesRef::of(&named.inner) else {
            return refuse(NotesViolation::RefUnknown.into());
        };
        let Some(new) = named.judgement.new else { return refuse(RefViolation::Deleted.into()) };
        if let Some(moved) = named.moved() {
            return refuse(moved);
        }
        match kind_of(scene, new)? {
            Some(ObjectKind::Commit) => {}
            Some(kind) => return refuse(RefViolation::NotACommit { kind }.into()),
            None => {
                let fault = missing(new);
                return refuse(RefViolation::ObjectFaulty { fault }.into());
            }
        }
        let (old, new) = (named.judgement.old.map(CommitId), CommitId(new));
        match notes_guard::judge(scene, notes, old, new) {
            Ok(violations) => {
                if violations.is_empty() {
                    tips.entry(named.namespace.clone()).or_default().0.insert(notes, new);
                }
                Ok(Outcome::refusing(violations))
            }
            Err(Stop::Violation(violation)) => refuse(*violation),
            Err(Stop::Error(error)) => Err(error.while_(format!("judging {}", named.inner))),
        }
    }
}

/// Refuses a new tip of the trust ref that takes back a revocation before its time.
fn keep_revocations(scene: &Scene<'_, '_>, named: &mut Named) -> Result<()> {
    let Some(new) = named.judgement.new.map(CommitId) else { return Ok(()) };
    // What guards have refused already may be no commit.
    if named.judgement.guards.iter().any(|outcome| !outcome.violations.is_empty()) {
        return Ok(());
    }
    let taken = exceptions::taken_back(scene, new).map(|exceptions| {
        let taken = ExceptionViolation::RevocationRemoved { exceptions: exceptions.clone() };
        vec![Outcome::refusing((!exceptions.is_empty()).then(|| taken.into()))]
    });
    let outcomes = or_violation(taken, || "comparing revocations".into())?;
    named.judgement.guards.extend(outcomes);
    Ok(())
}

fn kind_of(scene: &Scene<'_, '_>, id: ObjectId) -> Result<Option<ObjectKind>> {
    Ok(scene.incoming.header(&id)?.map(|(kind, _)| kind))
}

fn missing(id: ObjectId) -> crate::repo::Fault {
    crate::repo::Fault {
        id,
        kind: ObjectKind::Commit,
        problem: crate::repo::fault::Problem::Missing,
    }
}

/// Runs a step that collects and judges; what is at fault in the push becomes a violation.
fn or_violation(
    outcome: Result<Vec<Outcome>, Stop>,
    doing: impl FnOnce() -> String,
) -> Result<Vec<Outcome>> {
    match outcome {
        Ok(outcomes) => Ok(outcomes),
        Err(Stop::Violation(violation)) => Ok(vec![Outcome::refusing([*violation])]),
        Err(Stop::Error(error)) => Err(error.while_(doing())),
    }
}
