//! Writes the summaries of a push that has landed.
//!
//! Everything a summary says comes from the recorded verdict and from the policy at the trust anchor
//! that is named there. The notes ref is moved only from where it was read, under a
//! lock that all writers of this server take, so that pushes that land at
//! the same time lose nothing.

use std::fs::OpenOptions;

use super::level::Facts;
use super::statement::{self, Summary};
use super::{NOTES, key};
use crate::client::notes::{Additions, Writer};
use crate::client::store::Store;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::evidence::dsse::{Envelope, pre_authentication_encoding};
use crate::id::{CommitId, ObjectId, TagId, parse_hex};
use crate::ledger::landing::Found;
use crate::ledger::record::{Answer, Judged, Landed, Update};
use crate::ledger::recorded::{Place, Ref, Verdict};
use crate::policy::gates::Gate;
use crate::refname::RefName;
use crate::repo::commit::Ancestry;
use crate::repo::fault::ObjectKind;
use crate::repo::layout::Layout;
use crate::repo::notes::NotesTree;
use crate::repo::objects::{Objects as _, Trusted};
use crate::repo::refs::Refs;
use crate::repo::tag::Tag;
use crate::settings::Settings;
use crate::snapshot::{Ask, Rules};

/// How often the notes ref is tried to move when somebody else moves it without our lock, or
/// moves any other ref of a reftable, which has one lock for all.
const ATTEMPTS: u32 = 10;

/// Returns the updates of a landed push that have a summary: those of protected refs. What would
/// have been refused and was only warned about has none: it did not pass.
pub fn summarised<'l>(landed: &'l Landed, judged: &Judged) -> impl Iterator<Item = &'l Update> {
    // One that cannot be read shows where its summary is made.
    let verdict = judged.recorded().ok();
    landed.refs.iter().filter(move |update| {
        update.new.is_some()
            && judged.answer == Answer::Accepted
            && verdict
                .as_ref()
                .is_none_or(|verdict| verdict.refs.is_none() || protects(verdict, update).is_some())
    })
}

/// Returns what was judged of an update, if gates stood before it or it was the first one of all.
fn protects<'v>(verdict: &'v Verdict, update: &Update) -> Option<&'v Ref> {
    let judged = verdict.refs.iter().flatten().find(|judged| judged.r#ref == update.r#ref)?;
    let is_first = update.old.is_none()
        && verdict.trusted.as_ref().is_some_and(|anchor| anchor.r#ref == update.r#ref);
    (!judged.gates.is_empty() || is_first).then_some(judged)
}

/// Writes the summaries of verdicts that have landed.
///
/// # Errors
/// They cannot be made or written; none of this push is then.
pub fn issue(layout: &Layout, settings: &Settings, found: &[Found], now: Timestamp) -> Result<()> {
    let step = || "writing verification summaries".to_owned();
    let mut wanted = Vec::new();
    for Found { landed, judged } in found {
        let updates: Vec<&Update> = summarised(landed, judged).collect();
        if updates.is_empty() {
            continue;
        }
        let verdict = judged.recorded().map_err(|error| error.while_(step()))?;
        wanted.push((judged.id.clone().unwrap_or_default(), updates, verdict));
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let issuer = || -> Result<Issuer<'_>> {
        Ok(Issuer {
            layout,
            settings,
            now,
            objects: Trusted::open(&layout.objects_dir(), layout.hash)?,
            signer: key::open(layout)?,
            notes: RefName::parse(NOTES.as_bytes())
                .ok_or_else(|| Error::new(ErrorKind::Internal, "the notes ref has no name"))?,
        })
    };
    issuer().and_then(|issuer| issuer.write(&wanted)).map_err(|error| error.while_(step()))
}

type Wanted<'l> = (String, Vec<&'l Update>, Verdict);

struct Issuer<'r> {
    layout: &'r Layout,
    settings: &'r Settings,
    now: Timestamp,
    objects: Trusted,
    signer: crate::client::pem::PemSigner,
    notes: RefName,
}

impl Issuer<'_> {
    fn write(&self, wanted: &[Wanted<'_>]) -> Result<()> {
        let path = self.layout.common_dir.join("refgate/verdicts.lock");
        let step = || format!("locking {}", path.display());
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.during(ErrorKind::Environment, step)?;
        lock.lock().during(ErrorKind::Environment, step)?;
        let store = Store::of_server(self.layout);
        let writer =
            Writer { objects: &self.objects, store: &store, limits: &self.settings.limits };
        let mut attempt = 0;
        loop {
            attempt += 1;
            let tip = Refs::new(self.layout).resolve(&self.notes)?.1.map(CommitId);
            let lines = self.lines(wanted, tip)?;
            let tree = writer.tree_with(tip, &lines)?;
            let commit = store.commit_of_server(tree, tip, "Verification summaries", self.now)?;
            match store.move_ref(&self.notes, commit, tip, "refgate: verification summaries") {
                Ok(()) => return Ok(()),
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => {
                    std::thread::sleep(std::time::Duration::from_millis(20) * attempt);
                }
            }
        }
    }

    /// Makes the lines of all summaries; those of branches first, since tags go by them.
    fn lines(&self, wanted: &[Wanted<'_>], tip: Option<CommitId>) -> Result<Additions> {
        let mut lines = Additions::new();
        let mut branches: Vec<Summary> = Vec::new();
        for tags in [false, true] {
            for (id, updates, verdict) in wanted {
                let is_tag = |update: &&&Update| update.r#ref.starts_with("refs/tags/") == tags;
                for update in updates.iter().filter(is_tag) {
                    let summary = self.summary(id, update, verdict, tip, &branches)?;
                    let payload = summary.payload();
                    let signature = self.signer.sign(&pre_authentication_encoding(&payload))?;
                    let envelope = Envelope { payload, signatures: vec![signature] };
                    let line = envelope.to_line(&self.signer.key_id()?).into_bytes();
                    let commit = object_id(&summary.commit)?;
                    lines.entry(commit).or_default().insert(line);
                    if !tags {
                        branches.push(summary);
                    }
                }
            }
        }
        Ok(lines)
    }

    fn summary(
        &self,
        id: &str,
        update: &Update,
        verdict: &Verdict,
        tip: Option<CommitId>,
        branches: &[Summary],
    ) -> Result<Summary> {
        let lacks = || {
            Error::new(ErrorKind::Internal, format!("verdict {id} is recorded without its gates"))
        };
        let judged = protects(verdict, update).ok_or_else(lacks)?;
        let (Some(anchor), Some(repository)) = (&verdict.trusted, &verdict.repository) else {
            return Err(lacks());
        };
        let limits = &self.settings.limits;
        let new = object_id(update.new.as_deref().unwrap_or_default())?;
        let fault = |error: crate::repo::ReadError| error.on_the_trusted_side();
        let (commit, tag) = match self.objects.header(&new)? {
            Some((ObjectKind::Tag, _)) => {
                let tag = Tag::read(&self.objects, TagId(new), limits).map_err(fault)?;
                (CommitId(tag.target), Some(new.to_hex().to_string()))
            }
            _ => (CommitId(new), None),
        };
        let tree =
            Ancestry::read(&self.objects, commit, limits, &mut Vec::new()).map_err(fault)?.tree;
        let trust_ref = RefName::parse(anchor.r#ref.as_bytes()).ok_or_else(lacks)?;
        let anchor_id = CommitId(object_id(&anchor.commit)?);
        let named = self.settings.repository.as_ref();
        let ask = Ask { trust_ref: &trust_ref, repository: named, limits, now: self.now };
        let rules = Rules::read(&self.objects, anchor_id, &ask)?;
        let facts = Facts {
            gates: judged
                .gates
                .iter()
                .filter_map(|asked| {
                    let gate = Gate::ALL.into_iter().find(|gate| gate.name() == asked.gate)?;
                    Some((gate, asked.passed))
                })
                .collect(),
            waived: judged.waived.is_some(),
            excepted: judged.gates.iter().any(|gate| !gate.excepted.is_empty()),
            two_persons: *rules.config().review.approvals >= 2,
            continuous: self.continuous(update, tip)?,
            of_commit: match tag {
                Some(_) => Some(self.level_on_a_branch(commit, tip, branches)?),
                None => None,
            },
        };
        Ok(Summary {
            repository: repository.clone(),
            commit: commit.to_string(),
            tree: tree.to_string(),
            source_ref: update.r#ref.clone(),
            tag,
            time: verdict.time.unwrap_or(self.now),
            verdict: id.to_owned(),
            policy: anchor.commit.clone(),
            inputs: inputs(judged),
            claims: facts.claims(),
        })
    }

    /// Says whether the ref was where a summary left it: who moves it past the hook leaves none.
    fn continuous(&self, update: &Update, tip: Option<CommitId>) -> Result<bool> {
        let Some(old) = &update.old else { return Ok(true) };
        let known = self.known(CommitId(object_id(old)?), tip)?;
        Ok(known.iter().any(|summary| summary.source_refs.contains(&update.r#ref)))
    }

    /// Returns the highest level that a commit has reached on a branch.
    fn level_on_a_branch(
        &self,
        commit: CommitId,
        tip: Option<CommitId>,
        branches: &[Summary],
    ) -> Result<Option<u8>> {
        let known = self.known(commit, tip)?;
        let before = known
            .iter()
            .filter(|summary| {
                summary.source_refs.iter().any(|name| !name.starts_with("refs/tags/"))
            })
            .map(|summary| summary.level);
        let now = branches
            .iter()
            .filter(|summary| summary.commit == commit.to_string())
            .filter_map(|summary| super::level::level_of(&summary.claims));
        Ok(before.chain(now).max())
    }

    /// Returns the summaries that were written before. The ref is ours alone, so they are believed.
    fn known(&self, commit: CommitId, tip: Option<CommitId>) -> Result<Vec<statement::Read>> {
        let Some(tip) = tip else { return Ok(Vec::new()) };
        let limits = &self.settings.limits;
        let fault = |error: crate::repo::ReadError| error.on_the_trusted_side();
        let root = Ancestry::read(&self.objects, tip, limits, &mut Vec::new()).map_err(fault)?.tree;
        let blob = NotesTree::new(root).find(&self.objects, &commit.0, limits).map_err(fault)?;
        let Some(blob) = blob else { return Ok(Vec::new()) };
        let mut bytes = Vec::new();
        let limit = ("note-bytes", limits.note_bytes);
        self.objects.read(&blob.0, ObjectKind::Blob, limit, &mut bytes).map_err(fault)?;
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        Ok(lines
            .filter_map(|line| statement::read(&Envelope::parse(line).ok()?.payload).ok())
            .collect())
    }
}

/// Returns where everything is that the gates rest on, each place once.
fn inputs(judged: &Ref) -> Vec<(String, &'static str, String)> {
    let mut inputs = Vec::new();
    for evidence in judged.gates.iter().flat_map(|gate| &gate.rests_on) {
        let input = match &evidence.place {
            Place::Trailer { commit } => ("trailers".to_owned(), "gitCommit", commit.clone()),
            Place::Note { notes, blob } => {
                (format!("refs/notes/refgate/{notes}"), "gitBlob", blob.clone())
            }
            // An incomplete list would say that there is nothing else.
            Place::Elsewhere => return Vec::new(),
        };
        if !inputs.contains(&input) {
            inputs.push(input);
        }
    }
    inputs
}

fn object_id(hex: &str) -> Result<ObjectId> {
    parse_hex(hex.as_bytes()).ok_or_else(|| {
        Error::new(ErrorKind::Internal, format!("{hex:?} in the record is no object id"))
    })
}
