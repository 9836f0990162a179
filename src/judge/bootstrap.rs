//! The first push, before anybody is trusted.
//!
//! While the trust ref does not exist, or has no list of people yet, there is
//! nothing to judge by. The administrator then names a root of trust in the server
//! settings: a commit that the first push has to contain, or keys of which one has to have signed it.

use super::names::{Named, Subject};
use super::{Judge, or_violation};
use crate::collect::notes_ref::NotesTips;
use crate::collect::{Scene, Stop};
use crate::error::Result;
use crate::id::CommitId;
use crate::policy::config::{Config, Floor, Repository};
use crate::provenance::Source;
use crate::refname::RefName;
use crate::repo::commit::Commit;
use crate::repo::objects::{Incoming, Objects as _};
use crate::settings::TrustRoot;
use crate::signature::key::KeyRef;
use crate::signature::{
    ArmourKind, Claim, Encoded, KeyRing, Namespace, dearmor_openpgp, dearmor_ssh,
};
use crate::snapshot::{self, Snapshot, Void};
use crate::verdict::{Outcome, Rule, Verdict};
use crate::violation::{RefViolation, TrustViolation, Violation};

impl Judge<'_> {
    /// Judges a push to a repository in which nobody is trusted yet.
    pub(super) fn bootstrap(
        &self,
        mut named: Vec<Named>,
        trust_ref: &RefName,
        anchor: Option<CommitId>,
    ) -> Result<Verdict> {
        let built_in = built_in(&self.repository.settings.floor);
        let mut matters = false;
        for named in &mut named {
            if named.subject == Subject::Unprotected {
                let is_trust_ref = named.inner == *trust_ref;
                let gates =
                    built_in.as_ref().and_then(|config| config.gates_for(named.inner.as_bytes()));
                if is_trust_ref || gates.is_some() {
                    named.subject = Subject::Branch(gates.unwrap_or_default());
                }
            }
            matters |= !matches!(named.subject, Subject::Unprotected | Subject::Refused);
        }
        if !matters {
            return Ok(self.decide(None, None, named));
        }
        let Some(root) = &self.repository.settings.trust_root else {
            return Err(snapshot::no_anchor(trust_ref, anchor));
        };
        let incoming =
            Incoming::open(self.repository.quarantine.as_deref(), &self.repository.trusted)?;
        let mut source = None;
        let mut repository = None;
        for named in &mut named {
            if matches!(named.subject, Subject::Unprotected | Subject::Refused) {
                continue;
            }
            if named.inner != *trust_ref {
                let found = format!("{} can follow once {trust_ref} is there", named.inner);
                named.judgement.guards.push(unmet(root, found));
                continue;
            }
            if let Some((snapshot, outcomes)) =
                self.root(&incoming, named, root, trust_ref, anchor)?
            {
                source = Some(Source {
                    ref_name: trust_ref.to_string(),
                    commit_id: snapshot.policy.source().commit_id.clone(),
                });
                repository = Some(snapshot.policy.config().repository.to_string());
                // That the push rests on the root of trust is part of its record.
                named.judgement.guards.push(Outcome::of(Rule {
                    clause: "the root of trust of the first push".into(),
                    origins: vec!["server settings".into()],
                }));
                named.judgement.guards.extend(outcomes);
            }
        }
        Ok(self.decide(repository, source, named))
    }

    /// Judges the first push to the trust ref; `None` if a guard has refused it.
    fn root(
        &self,
        incoming: &Incoming<'_>,
        named: &mut Named,
        root: &TrustRoot,
        trust_ref: &RefName,
        anchor: Option<CommitId>,
    ) -> Result<Option<(Snapshot, Vec<Outcome>)>> {
        let refuse = |named: &mut Named, outcome: Outcome| {
            named.judgement.guards.push(outcome);
            Ok(None)
        };
        let Some(new) = named.judgement.new.map(CommitId) else {
            return refuse(named, Outcome::refusing([RefViolation::Deleted.into()]));
        };
        if let Some(moved) = named.moved() {
            return refuse(named, Outcome::refusing([moved]));
        }
        let commit = match root {
            TrustRoot::Commit(hex) => match CommitId::from_hex(hex.as_bytes()) {
                Some(root) if incoming.header(&root.0)?.is_some() => root,
                _ => {
                    return refuse(
                        named,
                        unmet(root, format!("the push to {trust_ref} does not contain it")),
                    );
                }
            },
            TrustRoot::Keys(_) => new,
        };
        let snapshot = match snapshot::read_all(
            incoming,
            commit,
            &self.ask(trust_ref),
            &self.repository.settings.floor,
        ) {
            Ok(snapshot) => snapshot,
            Err(Void::Files(diagnostics)) => {
                let diagnostics = diagnostics.iter().map(Into::into).collect();
                return refuse(
                    named,
                    Outcome::refusing([TrustViolation::FilesVoid { diagnostics }.into()]),
                );
            }
            Err(Void::Error(error)) => return Err(error),
        };
        let scene = Scene {
            pusher: None,
            incoming,
            trusted: &self.repository.trusted,
            policy: &snapshot.policy,
            keys: &snapshot.keys,
            limits: &self.repository.settings.limits,
            deadline: &self.deadline,
            now: self.now,
            anchor: None,
        };
        let outcomes = match root {
            TrustRoot::Keys(keys) => match self.signed_by(&scene, new, keys) {
                Ok(Ok(())) => self.continues(&scene, new, anchor),
                Ok(Err(why)) => Ok(vec![unmet(root, why)]),
                Err(stop) => Err(stop),
            },
            // What lies above the root is judged by it, like any other push.
            TrustRoot::Commit(_) => {
                let gates = snapshot.policy.gates_for(trust_ref.as_bytes()).unwrap_or_default();
                named.judgement.required = gates;
                let from = super::branch::From::Root(commit);
                self.branch_from(&scene, named, gates, &NotesTips::default(), trust_ref, from)?;
                self.continues(&scene, new, anchor)
            }
        };
        let outcomes = or_violation(outcomes, || format!("judging the first push to {trust_ref}"))?;
        Ok(Some((snapshot, outcomes)))
    }

    /// A branch that exists already goes on from where it is.
    fn continues(
        &self,
        scene: &Scene<'_, '_>,
        new: CommitId,
        anchor: Option<CommitId>,
    ) -> Result<Vec<Outcome>, Stop> {
        let Some(old) = anchor else { return Ok(Vec::new()) };
        let Scene { incoming, trusted, limits, deadline, .. } = *scene;
        let collect = crate::repo::range::Collect { incoming, trusted, limits, deadline };
        if collect.reaches(new, old).map_err(|error| scene.range_stop(error))? {
            return Ok(Vec::new());
        }
        Ok(vec![Outcome::refusing([RefViolation::NotFastForward { old, new }.into()])])
    }

    /// Says whether one of the administrator's keys has signed a commit.
    fn signed_by(
        &self,
        scene: &Scene<'_, '_>,
        commit: CommitId,
        keys: &[KeyRef],
    ) -> Result<Result<(), String>, Stop> {
        let commit = Commit::read(scene.incoming, commit, scene.limits)?;
        let Some(signed) = &commit.signature else {
            return Ok(Err(format!("commit {} is not signed", commit.id.short())));
        };
        let armour = &signed.signature;
        let bytes = match ArmourKind::detect(armour) {
            Some(ArmourKind::Ssh) => dearmor_ssh(armour).map_err(|error| error.to_string()),
            Some(ArmourKind::OpenPgp) => dearmor_openpgp(armour).map_err(|error| error.to_string()),
            Some(ArmourKind::X509) | None => Err("its signature is neither SSH nor OpenPGP".into()),
        };
        Ok(bytes.and_then(|bytes| verify(scene.keys, &bytes, &signed.payload, keys, self.now)))
    }
}

fn verify(
    ring: &KeyRing,
    bytes: &[u8],
    payload: &[u8],
    keys: &[KeyRef],
    now: crate::clock::Timestamp,
) -> Result<(), String> {
    let signature = Encoded::detect(bytes).ok_or("its signature is of no known form")?;
    let claim = Claim {
        signature,
        signed: payload,
        namespace: Namespace::Git,
        by: None,
        made_at: None,
        now,
    };
    let verified = ring.verify(&claim).map_err(|problem| problem.to_string())?;
    let found = verified.key();
    let is_named = keys.iter().any(|key| match key.ssh_fingerprint() {
        Some(fingerprint) => found.ssh_fingerprint() == Some(fingerprint),
        None => key == found,
    });
    if is_named { Ok(()) } else { Err(format!("it is signed with {found}")) }
}

fn unmet(root: &TrustRoot, found: String) -> Outcome {
    let wanted = match root {
        TrustRoot::Commit(hex) => vec![format!("commit {hex}")],
        TrustRoot::Keys(keys) => keys.iter().map(|key| format!("a signature by {key}")).collect(),
    };
    Outcome::refusing([Violation::from(TrustViolation::RootUnmet { wanted, found })])
}

/// The built-in rules and those of the server, for telling which refs would be protected.
fn built_in(floor: &Floor) -> Option<Config> {
    let mut config = Repository::parse("unnamed").map(Config::built_in)?;
    floor.raise(&mut config);
    Some(config)
}
