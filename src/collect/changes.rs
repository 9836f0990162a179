//! The changes that could land as one, and what was said about each.
//!
//! Every landing is a change of its own. Several in a row are one where a trailer
//! names the commit below them as its base, where approvals for them are found in
//! notes, and always the whole push.

mod earlier;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::chain::Chain;
use super::notes_ref::{Notes, NotesRef, NotesTips};
use super::statements::{self, Found};
use super::{Scene, Stop, label};
use crate::evidence::approval::{ApprovalError, ChangeDigest, SignedStatement};
use crate::evidence::change::{Binding, Landing, Part, Place, StatementFact, StatementState, Unit};
use crate::evidence::trailer;
use crate::gate::review::Facts;
use crate::id::{CommitId, ObjectId, TreeId};
use crate::policy::config::Contributor;
use crate::principal::PrincipalId;
use crate::refname::RefName;
use crate::repo::commit::{Ancestry, Commit};
use crate::repo::diff::{self, ChangedPath, changed_paths};
use crate::repo::merge::{Merged, Merger};
use crate::repo::objects::{Objects as _, blob_id};
use crate::repo::range::Range as CommitRange;
use crate::repo::tree::{Mode, Tree};
use crate::report::text::Foreign;
use crate::signature::{
    ArmourKind, Claim, Encoded, Namespace, SignatureProblem, dearmor_openpgp, dearmor_ssh,
};
use crate::violation::UnsignedCommit;

/// Pushes of at most so many landings are searched for any group that approvals in notes cover.
const ALL_GROUPS: usize = 12;

/// The most groups that trailers of one push may name.
const GROUPS: usize = 512;

/// Collects the changes of one branch update.
pub struct Changes<'a, 's, 't> {
    scene: &'a Scene<'s, 't>,
    ref_name: &'a RefName,
    chain: &'a Chain,
    range: &'a CommitRange,
    approvals: Notes,
    /// What the trailers of each landing say.
    trailers: Vec<Vec<Found>>,
    landings: Vec<Landing>,
    /// Landings that have approval trailers.
    sealed: BTreeSet<usize>,
    positions: BTreeMap<CommitId, usize>,
    /// Who signed each new commit, as far as that could be verified.
    signers: BTreeMap<CommitId, PrincipalId>,
    unsigned: Vec<UnsignedCommit>,
    clean: RefCell<BTreeMap<CommitId, bool>>,
}

impl<'a, 's, 't> Changes<'a, 's, 't> {
    /// Reads trailers and signatures of what lands.
    ///
    /// # Errors
    /// An object is at fault, or the repository cannot be read.
    pub fn read(
        scene: &'a Scene<'s, 't>,
        ref_name: &'a RefName,
        chain: &'a Chain,
        range: &'a CommitRange,
        tips: &NotesTips,
    ) -> Result<Self, Stop> {
        let approvals = Notes::open(scene.incoming, tips, NotesRef::Approvals, scene.limits)?;
        let mut changes = Self {
            scene,
            ref_name,
            chain,
            range,
            approvals,
            trailers: Vec::new(),
            landings: Vec::new(),
            sealed: BTreeSet::new(),
            positions: BTreeMap::new(),
            signers: BTreeMap::new(),
            unsigned: Vec::new(),
            clean: RefCell::default(),
        };
        for commit in &chain.landings {
            changes.read_trailers(commit);
        }
        let new = range.order.iter().filter_map(|id| range.commits.get(id));
        for commit in new {
            scene.deadline.check()?;
            changes.read_signature(commit);
        }
        Ok(changes)
    }

    fn read_trailers(&mut self, commit: &Commit) {
        let mut landing =
            Landing { commit: label(commit), ambiguity: None, look_alikes: Vec::new() };
        let mut found = Vec::new();
        match trailer::approvals(&commit.message) {
            Ok(approvals) => {
                landing.look_alikes = approvals.look_alikes;
                for trailer in approvals.trailers.iter().take(self.scene.limits.trailers) {
                    let who = trailer.value.split(';').next().unwrap_or_default();
                    found.push(Found {
                        place: Place::Trailer { commit: commit.id, line: trailer.line },
                        claimed_by: Foreign::from(who),
                        read: SignedStatement::parse_trailer(&trailer.value),
                    });
                }
                if approvals.trailers.len() > self.scene.limits.trailers {
                    let why = format!(
                        "more than {} approval trailers (limits.trailers)",
                        self.scene.limits.trailers
                    );
                    found.push(Found {
                        place: Place::Trailer { commit: commit.id, line: 0 },
                        claimed_by: Foreign::default(),
                        read: Err(ApprovalError::Malformed(why)),
                    });
                }
            }
            Err(ambiguity) => landing.ambiguity = Some(ambiguity),
        }
        let at = self.landings.len();
        self.positions.insert(commit.id, at);
        if !found.is_empty() {
            self.sealed.insert(at);
        }
        self.landings.push(landing);
        self.trailers.push(found);
    }

    fn read_signature(&mut self, commit: &Commit) {
        let must_be_signed = *self.scene.policy.config().review.signed_commits;
        let why = match &commit.signature {
            None => must_be_signed.then_some(None),
            Some(signed) => match self.verify_commit(&signed.signature, &signed.payload) {
                Ok(signer) => {
                    self.signers.insert(commit.id, signer);
                    None
                }
                // A signature that is wrong is refused whatever the policy asks for.
                Err((why, wrong)) => (must_be_signed || wrong).then_some(Some(why)),
            },
        };
        if let Some(why) = why {
            self.unsigned.push(UnsignedCommit { commit: label(commit), why });
        }
    }

    /// Returns who signed a commit, or why that cannot be said and whether the signature is plainly wrong.
    fn verify_commit(
        &self,
        armoured: &[u8],
        payload: &[u8],
    ) -> Result<PrincipalId, (String, bool)> {
        let bytes = match ArmourKind::detect(armoured) {
            Some(ArmourKind::Ssh) => dearmor_ssh(armoured),
            Some(ArmourKind::OpenPgp) => dearmor_openpgp(armoured),
            Some(ArmourKind::X509) => {
                return Err(("X.509 signatures cannot be verified yet".into(), false));
            }
            None => return Err(("its signature has no armour".into(), true)),
        };
        let bytes = bytes.map_err(|error| (error.to_string(), true))?;
        let Some(signature) = Encoded::detect(&bytes) else {
            return Err(("its signature is of no known form".into(), true));
        };
        let claim = Claim {
            signature,
            signed: payload,
            namespace: Namespace::Git,
            by: None,
            made_at: None,
            now: self.scene.now,
        };
        self.scene.keys.verify(&claim).map(|verified| verified.principal().clone()).map_err(
            |problem| {
                let wrong = matches!(
                    problem,
                    SignatureProblem::Bad { .. } | SignatureProblem::Malformed(_)
                );
                (problem.to_string(), wrong)
            },
        )
    }

    /// Returns the facts for the review gate.
    ///
    /// # Errors
    /// An object is at fault, or the repository cannot be read.
    pub fn facts(&self) -> Result<Facts, Stop> {
        let len = self.landings.len();
        let mut ranges: BTreeSet<(usize, usize)> = (0..len).map(|at| (at, at + 1)).collect();
        if len > 0 {
            ranges.insert((0, len));
        }
        for end in 1..=len {
            ranges.extend(
                self.starts(end - 1)
                    .into_iter()
                    .take(GROUPS.saturating_sub(ranges.len().min(GROUPS)))
                    .map(|start| (start, end)),
            );
        }
        let mut units = Vec::new();
        // Single landings first: the gate takes the smallest step that is approved.
        let mut ordered: Vec<(usize, usize)> = ranges.into_iter().collect();
        ordered.sort_by_key(|(start, end)| (end - start, *start));
        for (start, end) in ordered {
            units.push(self.unit(start..end)?);
        }
        Ok(Facts { landings: self.landings.clone(), units, unsigned: self.unsigned.clone() })
    }

    /// Adds every group of landings in a row to the facts, if there are few enough; says whether any was added.
    ///
    /// # Errors
    /// As [`Changes::facts`].
    pub fn add_all_groups(&self, facts: &mut Facts) -> Result<bool, Stop> {
        let len = self.landings.len();
        if !(3..=ALL_GROUPS).contains(&len) {
            return Ok(false);
        }
        let known: BTreeSet<(usize, usize)> =
            facts.units.iter().map(|unit| (unit.landings.start, unit.landings.end)).collect();
        let before = facts.units.len();
        for size in 2..len {
            for start in 0..=len - size {
                if !known.contains(&(start, start + size)) {
                    facts.units.push(self.unit(start..start + size)?);
                }
            }
        }
        Ok(facts.units.len() > before)
    }

    /// Returns where a group that ends with a landing may begin, by what its trailers say:
    /// at the base of the push, at the base that a trailer names, or where the group before it ended.
    fn starts(&self, last: usize) -> BTreeSet<usize> {
        let Some(trailers) = self.trailers.get(last).filter(|trailers| !trailers.is_empty()) else {
            return BTreeSet::new();
        };
        let bases = trailers
            .iter()
            .filter_map(|found| found.read.as_ref().ok())
            .map(|signed| signed.statement.base);
        let mut starts: BTreeSet<usize> =
            bases.filter_map(|base| self.position(base)).filter(|start| *start <= last).collect();
        starts.insert(0);
        starts.extend(self.sealed.range(..last).next_back().map(|at| at + 1));
        starts
    }

    /// Returns the position in the chain above a commit of it.
    fn position(&self, commit: CommitId) -> Option<usize> {
        if self.chain.base == Some(commit) {
            return Some(0);
        }
        self.positions.get(&commit).map(|at| at + 1)
    }

    fn below(&self, start: usize) -> (Option<CommitId>, TreeId) {
        let commit = start.checked_sub(1).and_then(|at| self.chain.landings.get(at));
        commit.map_or((self.chain.base, self.chain.base_tree), |commit| {
            (Some(commit.id), commit.tree)
        })
    }

    fn unit(&self, landings: Range<usize>) -> Result<Unit, Stop> {
        self.unit_with(landings, Vec::new())
    }

    /// Returns a change with what was said about it, and with further statements that were found elsewhere.
    fn unit_with(&self, landings: Range<usize>, further: Vec<Found>) -> Result<Unit, Stop> {
        let Scene { incoming, limits, deadline, .. } = *self.scene;
        let (base, base_tree) = self.below(landings.start);
        let (_, tree) = self.below(landings.end);
        let changed = changed_paths(incoming, base_tree, tree, limits, deadline)?;
        let raw = diff::raw(&changed, ObjectId::null(incoming.hash()));
        let change = ChangeDigest::of(&raw);
        let held =
            Held { landings: landings.clone(), base, base_tree, tree, change, changed: &changed };
        let statements = self.statements(&held, &raw, further)?;
        let approvers: BTreeSet<PrincipalId> = statements.iter().filter_map(approver).collect();
        let contributors = self.contributors(landings.clone(), &approvers)?;
        let submodules = |changed: &&ChangedPath| {
            [changed.old, changed.new].into_iter().flatten().any(|(mode, _)| mode == Mode::Gitlink)
        };
        Ok(Unit {
            landings,
            base,
            change,
            paths: changed
                .iter()
                .map(|changed| changed.path.clone())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            submodules: changed
                .iter()
                .filter(submodules)
                .map(|changed| changed.path.clone())
                .collect(),
            contributors,
            statements,
        })
    }

    /// Finds and verifies what was said about a change.
    fn statements(
        &self,
        held: &Held<'_>,
        raw: &[u8],
        further: Vec<Found>,
    ) -> Result<Vec<StatementFact>, Stop> {
        let Scene { incoming, limits, .. } = *self.scene;
        let mut found: Vec<Found> = Vec::new();
        let last = held.landings.end - 1;
        for trailer in self.trailers.get(last).into_iter().flatten() {
            let belongs = match &trailer.read {
                Ok(signed) => {
                    signed.statement.change == held.change
                        || self.home(signed, last) == held.landings
                }
                Err(_) => held.landings == (last..last + 1),
            };
            if belongs {
                found.push(trailer.clone());
            }
        }
        found.extend(self.beside_trailers(held, &found)?);
        let id = blob_id(incoming.hash(), raw)?;
        if let Some(note) = self.approvals.lines(incoming, &id, limits)? {
            for (number, line) in note.lines {
                let place = Place::Note {
                    notes: NotesRef::Approvals.short(),
                    blob: note.blob,
                    line: number,
                };
                found.push(self.read_note(place, &line, held.change));
            }
        }
        found.extend(further);
        // The same signature in a trailer and in a note is one statement.
        let mut seen: BTreeSet<Vec<u8>> = BTreeSet::new();
        found.retain(|found| {
            found.read.as_ref().map_or(true, |signed| seen.insert(signed.signature.clone()))
        });
        found
            .iter()
            .map(|found| {
                statements::verify(self.scene, self.ref_name, found, |signed| {
                    self.bind(signed, held)
                })
            })
            .collect()
    }

    /// Returns the group that a trailer speaks of, as far as its base tells.
    fn home(&self, signed: &SignedStatement, last: usize) -> Range<usize> {
        let start =
            self.position(signed.statement.base).filter(|start| *start <= last).unwrap_or(last);
        start..last + 1
    }

    fn read_note(&self, place: Place, line: &[u8], change: ChangeDigest) -> Found {
        match SignedStatement::parse_note_line(line) {
            Ok((signed, ref_name)) => {
                let claimed_by = Foreign::from(signed.statement.by.as_str());
                let read = if ref_name != *self.ref_name {
                    Err(ApprovalError::Malformed(format!("it is for {ref_name}")))
                } else if signed.statement.change != change {
                    Err(ApprovalError::Malformed(
                        "it is attached to a change that it is not about".into(),
                    ))
                } else {
                    Ok(signed)
                };
                Found { place, claimed_by, read }
            }
            Err(error) => Found { place, claimed_by: Foreign::from("a note"), read: Err(error) },
        }
    }

    /// Says how what a reviewer read relates to what lands.
    fn bind(&self, signed: &SignedStatement, held: &Held<'_>) -> Result<Binding, Stop> {
        let statement = &signed.statement;
        if statement.change != held.change {
            return self.replay(signed, held);
        }
        if Some(statement.base) == held.base {
            if !held.changed.is_empty() {
                return Ok(Binding::Exact);
            }
            // An empty change looks the same wherever it lands: only the commit that was read may land.
            let landed = self.chain.landings.get(held.landings.end - 1);
            let read = landed.is_some_and(|commit| {
                commit.id == statement.head
                    || commit.parents.iter().skip(1).any(|parent| *parent == statement.head)
            });
            return Ok(if read { Binding::Exact } else { Binding::SameChange });
        }
        self.spent(statement.base, held)
    }

    /// Looks whether the change has been on this ref since the reviewer's base.
    ///
    /// The change says what its paths held before and after. If they held what comes
    /// after at some commit since then, the change had landed and was taken back.
    fn spent(&self, since: CommitId, held: &Held<'_>) -> Result<Binding, Stop> {
        let Scene { incoming, limits, deadline, .. } = *self.scene;
        let mut at = held.base;
        let mut buffer = Vec::new();
        for _ in 0..limits.commits {
            let Some(id) = at else { break };
            if id == since {
                return Ok(Binding::SameChange);
            }
            deadline.check()?;
            let ancestry = Ancestry::read(incoming, id, limits, &mut buffer)?;
            if self.has(ancestry.tree, held.changed)? {
                return Ok(Binding::Spent { landed: id });
            }
            at = ancestry.parents.first().copied();
        }
        Ok(Binding::Unverifiable(format!("its base {} is not on this branch", since.short())))
    }

    /// Says whether a tree holds what a change leads to, on every path.
    fn has(&self, tree: TreeId, changed: &[ChangedPath]) -> Result<bool, Stop> {
        for changed in changed {
            if lookup(self.scene, tree, &changed.path)? != changed.new {
                return Ok(false);
            }
        }
        Ok(!changed.is_empty())
    }

    /// Recomputes what landing the approved commit here comes to.
    fn replay(&self, signed: &SignedStatement, held: &Held<'_>) -> Result<Binding, Stop> {
        let Scene { incoming, limits, deadline, .. } = *self.scene;
        let statement = &signed.statement;
        let stale = Binding::Stale { change: statement.change };
        for (what, id) in [("base", statement.base), ("head", statement.head)] {
            if incoming.header(&id.0)?.is_none() {
                return Ok(Binding::Unverifiable(format!(
                    "the {what} {} that was read is not in the repository",
                    id.short()
                )));
            }
        }
        let (Some(base), Some(head), Some(below)) =
            (self.with_tree(statement.base)?, self.with_tree(statement.head)?, held.base)
        else {
            return Ok(stale);
        };
        if self.version(base, head)?.is_none_or(|version| version.digest != statement.change) {
            return Ok(stale);
        }
        let merger = Merger { incoming, limits, deadline };
        let Merged::Clean(replayed) = merger.commits((below, held.base_tree), head)? else {
            return Ok(stale);
        };
        if replayed == held.tree {
            let spent = if held.base == Some(statement.base) {
                Binding::SameChange
            } else {
                self.spent(statement.base, held)?
            };
            return Ok(if spent == Binding::SameChange { Binding::Replay } else { spent });
        }
        let residue = changed_paths(incoming, replayed, held.tree, limits, deadline)?;
        let paths = residue.iter().take(5).map(|changed| Foreign::from(&changed.path)).collect();
        Ok(Binding::Residual { paths, count: residue.len() })
    }

    /// Returns who took part in the commits of some landings.
    fn contributors(
        &self,
        landings: Range<usize>,
        approvers: &BTreeSet<PrincipalId>,
    ) -> Result<BTreeMap<PrincipalId, Part>, Stop> {
        let exclude = &self.scene.policy.config().review.exclude;
        let robots = &self.scene.policy.config().review.robots;
        let mut found: BTreeMap<PrincipalId, Part> = BTreeMap::new();
        let mut add = |who: Option<PrincipalId>, part: Part| {
            if let Some(who) = who {
                let entry = found.entry(who).or_insert(part);
                *entry = (*entry).min(part);
            }
        };
        if exclude.contains(&Contributor::Pusher) {
            add(self.scene.pusher.filter(|who| !robots.contains(*who)).cloned(), Part::Pusher);
        }
        for at in landings {
            let landing = self.chain.landings.get(at);
            let ids = self.chain.commits.get(at).into_iter().flatten();
            let commits = ids.filter_map(|id| {
                self.range.commits.get(id).or(landing.filter(|landing| landing.id == *id))
            });
            for commit in commits {
                let author = self.person(&commit.author.email);
                let committer = self.person(&commit.committer.email).filter(|who| {
                    exclude.contains(&Contributor::Committer) && !robots.contains(who)
                });
                let signer =
                    self.signers.get(&commit.id).cloned().filter(|who| !robots.contains(who));
                if exclude.contains(&Contributor::CoAuthor) {
                    for email in trailer::co_authors(&commit.message) {
                        add(self.person(email.as_bytes()), Part::CoAuthor);
                    }
                }
                if commit.parents.len() < 2 {
                    add(author, Part::Author);
                    add(committer, Part::Committer);
                    add(signer, Part::Signer);
                    continue;
                }
                let people: BTreeSet<PrincipalId> =
                    [author, committer, signer].into_iter().flatten().collect();
                // Whether a merge is clean matters only to somebody who approved.
                let matters = people.iter().any(|who| approvers.contains(who));
                if !matters || !self.is_clean(commit)? {
                    people.into_iter().for_each(|who| add(Some(who), Part::Merger));
                }
            }
        }
        Ok(found)
    }

    /// Says whether the tree of a merge follows from its parents alone.
    fn is_clean(&self, merge: &Commit) -> Result<bool, Stop> {
        if let Some(clean) = self.clean.borrow().get(&merge.id) {
            return Ok(*clean);
        }
        let Scene { incoming, limits, deadline, .. } = *self.scene;
        let clean = match merge.parents.as_slice() {
            [ours, theirs] => {
                let mut buffer = Vec::new();
                let our_tree = Ancestry::read(incoming, *ours, limits, &mut buffer)?.tree;
                let their_tree = Ancestry::read(incoming, *theirs, limits, &mut buffer)?.tree;
                let merged = Merger { incoming, limits, deadline }
                    .commits((*ours, our_tree), (*theirs, their_tree))?;
                merged == Merged::Clean(merge.tree)
            }
            _ => false,
        };
        self.clean.borrow_mut().insert(merge.id, clean);
        Ok(clean)
    }

    /// Returns the principal whom an address of a commit means: the one of the list,
    /// or whoever the address itself names.
    fn person(&self, email: &[u8]) -> Option<PrincipalId> {
        let email = std::str::from_utf8(email).ok()?.trim();
        let listed =
            self.scene.policy.structure().by_email(email).map(|principal| principal.id().clone());
        listed.or_else(|| PrincipalId::parse(email))
    }
}

/// A change that statements are held against.
struct Held<'a> {
    landings: Range<usize>,
    base: Option<CommitId>,
    base_tree: TreeId,
    tree: TreeId,
    change: ChangeDigest,
    changed: &'a [ChangedPath],
}

fn approver(fact: &StatementFact) -> Option<PrincipalId> {
    match &fact.state {
        StatementState::Verified(verified) => Some(verified.by.clone()),
        StatementState::Unsigned | StatementState::Malformed(_) | StatementState::Refused(_) => {
            None
        }
    }
}

/// Returns what a tree holds at a path; directories count as nothing, as in a change.
fn lookup(
    scene: &Scene<'_, '_>,
    root: TreeId,
    path: &[u8],
) -> Result<Option<(Mode, ObjectId)>, Stop> {
    let mut tree = root;
    let mut components = path.split(|b| *b == b'/').peekable();
    while let Some(component) = components.next() {
        let read = Tree::read(scene.incoming, tree, scene.limits)?;
        let Some(entry) = read.find(component) else { return Ok(None) };
        if components.peek().is_none() {
            return Ok((entry.mode != Mode::Tree).then_some((entry.mode, entry.id)));
        }
        if entry.mode != Mode::Tree {
            return Ok(None);
        }
        tree = TreeId(entry.id);
    }
    Ok(None)
}
