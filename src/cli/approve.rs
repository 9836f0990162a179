//! `refgate approve`, `reject` and `withdraw`: signed statements about a change.

use std::collections::BTreeSet;
use std::path::Path;

use super::args::{Approve, Change as ChangeArgs, Reject, Role as RoleArg, Withdraw};
use super::output::Output;
use super::prospect;
use super::pushing::wrap_up;
use crate::client::approvals::{record, said};
use crate::client::change::Change;
use crate::client::workspace::Workspace;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::approval::{ClaimedRole, Decision, REASON_LEN, SignedStatement, Statement};
use crate::id::{CommitId, ObjectId};
use crate::policy::Period;
use crate::policy::structure::{Principal, Role};
use crate::principal::PrincipalId;
use crate::refname::RefName;
use crate::repo::commit::Commit;
use crate::repo::objects::Incoming;
use crate::report::block::table;
use crate::report::outlook;
use crate::report::text::Foreign;

/// How many paths a summary shows.
const PATHS: usize = 12;

/// Signs an approval.
///
/// # Errors
/// The user holds no role, the topic does not merge, or signing fails.
pub fn approve(dir: &Path, args: &Approve, out: &mut Output) -> Result<()> {
    let valid = Period::parse(&args.valid).map_err(|error| {
        Error::new(ErrorKind::Usage, format!("--valid {:?}: {error}", args.valid))
            .hint("for example --valid 14d")
    })?;
    let asked = args.role.iter().map(|role| match role {
        RoleArg::Maintainer => ClaimedRole::Maintainer,
        RoleArg::Reviewer => ClaimedRole::Reviewer,
    });
    let scene = Scene::open(dir, &args.change, out)?;
    let incoming = scene.workspace.incoming()?;
    let change = scene.change(&incoming)?;
    let me = scene.workspace.me()?;
    let roles = scene.roles(me, &asked.collect())?;
    let earlier = scene.my_last(&incoming, me, change.blob)?;
    let standing = earlier.as_ref().filter(|signed| scene.says_the_same(signed, &change, &roles));
    let statement = match standing {
        Some(signed) => signed.statement.clone(),
        None => Statement {
            decision: Decision::Approval,
            roles,
            ..scene.statement(me, &change, earlier.as_ref(), valid.duration())
        },
    };
    if args.payload {
        let repository = scene.workspace.snapshot.policy.config().repository.to_string();
        out.bytes(&statement.payload(&repository, &scene.onto));
        return Ok(());
    }
    scene.summary(&incoming, &change, out)?;
    if let Some(part) = scene.took_part(me, &change)? {
        out.note(&format!("warning: you {part}, so this approval will not count"));
    }
    let roles: Vec<&str> = statement.roles.iter().map(|role| role.as_str()).collect();
    let (as_what, until) = (roles.join(" and "), statement.until.strftime("%Y-%m-%d"));
    if standing.is_some() {
        let at = statement.at.strftime("%Y-%m-%d");
        out.line(&format!("you approved this as {as_what} on {at}, until {until}"));
    } else {
        out.line(&format!("signing as {}, {as_what}", me.id()));
        record(&scene.workspace, &scene.onto, &change.raw, statement)?;
        out.line(&format!("approved until {until}"));
    }
    scene.outlook(&incoming, &change, out);
    scene.wrap_up("approve", args.change.push, out)
}

/// Signs an objection.
///
/// # Errors
/// As [`approve`].
pub fn reject(dir: &Path, args: &Reject, out: &mut Output) -> Result<()> {
    let reason = args.message.trim();
    if reason.is_empty() || reason.len() > REASON_LEN || reason.chars().any(char::is_control) {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("the reason is one line of 1 to {REASON_LEN} bytes"),
        )
        .hint("say the rest where you discuss the change: refgate reject TOPIC -m REASON"));
    }
    let scene = Scene::open(dir, &args.change, out)?;
    let incoming = scene.workspace.incoming()?;
    let change = scene.change(&incoming)?;
    let me = scene.workspace.me()?;
    let earlier = scene.my_last(&incoming, me, change.blob)?;
    let statement = Statement {
        decision: Decision::Rejection,
        roles: scene.roles(me, &BTreeSet::new())?,
        reason: Some(reason.to_owned()),
        ..scene.statement(me, &change, earlier.as_ref(), Period::days(365).duration())
    };
    scene.summary(&incoming, &change, out)?;
    record(&scene.workspace, &scene.onto, &change.raw, statement)?;
    out.line("rejected: the change cannot land until you take that back, with");
    out.line(&format!("    refgate withdraw {} --push", scene.named()));
    if args.change.push {
        return scene.wrap_up("reject", true, out);
    }
    super::pushing::say_how(out);
    Ok(())
}

/// Signs a withdrawal of everything that the user has said about a head.
///
/// # Errors
/// As [`approve`], or the user has said nothing.
pub fn withdraw(dir: &Path, args: &Withdraw, out: &mut Output) -> Result<()> {
    let scene = Scene::open(dir, &args.change, out)?;
    let incoming = scene.workspace.incoming()?;
    let change = scene.change(&incoming)?;
    let me = scene.workspace.me()?;
    let versions = change.earlier(&scene.workspace, &incoming)?;
    let versions = versions.iter().map(|v| (v.base, v.digest, v.blob, v.raw.as_slice()));
    let this = (change.base, change.digest, change.blob, change.raw.as_slice());
    let mut taken_back = 0;
    for (base, digest, blob, raw) in std::iter::once(this).chain(versions) {
        let last = scene.my_last(&incoming, me, blob)?;
        let Some(last) = last.filter(|last| last.statement.decision != Decision::Withdrawal) else {
            continue;
        };
        let year = Period::days(365).duration();
        let statement = Statement {
            decision: Decision::Withdrawal,
            change: digest,
            base,
            // Roles may have been lost since: what is taken back is what was said.
            roles: last.statement.roles.clone(),
            ..scene.statement(me, &change, Some(&last), year)
        };
        record(&scene.workspace, &scene.onto, raw, statement)?;
        taken_back += 1;
    }
    if taken_back == 0 {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("{} has said nothing about {} that stands", me.id(), scene.head.short()),
        )
        .hint("refgate status shows what was said"));
    }
    out.line("withdrawn: what you said before about this change no longer counts");
    if args.change.push {
        return scene.wrap_up("withdraw", true, out);
    }
    super::pushing::say_how(out);
    Ok(())
}

/// A change that somebody speaks about.
struct Scene {
    workspace: Workspace,
    onto: RefName,
    head: CommitId,
}

impl Scene {
    fn open(dir: &Path, args: &ChangeArgs, out: &mut Output) -> Result<Self> {
        out.progress("asking the server");
        let server = (args.server.remote.as_deref(), args.server.offline);
        let (workspace, head, moved) = Workspace::open_at(dir, server, &args.topic)?;
        if let Some(moved) = moved {
            out.note(&format!(
                "warning: {} has moved to {} since you fetched it; this is about {}, which you had",
                moved.revision,
                moved.to.short(),
                head.short()
            ));
        }
        let onto = workspace.branch(args.onto.as_deref())?;
        Ok(Self { workspace, onto, head })
    }

    /// Returns the change as commands name it.
    fn named(&self) -> String {
        let onto = String::from_utf8_lossy(self.onto.short()).into_owned();
        format!("{} --onto {onto}", self.head.short())
    }

    fn wrap_up(&self, command: &str, push: bool, out: &mut Output) -> Result<()> {
        let command = format!("refgate {command} {} --push", self.named());
        wrap_up(&self.workspace, push, &command, out)
    }

    fn change(&self, incoming: &Incoming<'_>) -> Result<Change> {
        let change = Change::compute(&self.workspace, incoming, &self.onto, self.head)?;
        if change.has_landed() {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{} is on {} already", self.head.short(), self.onto),
            )
            .hint("name the topic that shall land: refgate approve TOPIC"));
        }
        Ok(change)
    }

    /// Returns what the user last said about a change, by their own count of seconds.
    fn my_last(
        &self,
        incoming: &Incoming<'_>,
        me: &Principal,
        blob: ObjectId,
    ) -> Result<Option<SignedStatement>> {
        let mine = said(&self.workspace, incoming, &self.onto, blob)?
            .into_iter()
            .filter(|signed| signed.statement.by == *me.id());
        let takes_back = |decision| decision != Decision::Approval;
        Ok(mine.max_by_key(|s| (s.statement.at, takes_back(s.statement.decision))))
    }

    /// Says whether an approval that the user has given still holds and says what they would say now.
    fn says_the_same(
        &self,
        signed: &SignedStatement,
        change: &Change,
        roles: &BTreeSet<ClaimedRole>,
    ) -> bool {
        let statement = &signed.statement;
        statement.decision == Decision::Approval
            && (statement.base, statement.head) == (change.base, change.head)
            && statement.roles == *roles
            && statement.until > self.workspace.now
    }

    /// Returns a statement of the user that is still to be given its decision and roles.
    fn statement(
        &self,
        me: &Principal,
        change: &Change,
        last: Option<&SignedStatement>,
        valid: jiff::SignedDuration,
    ) -> Statement {
        let second = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
        let now = second(self.workspace.now);
        // What is said later in the same second has to be later.
        let after = last.map(|last| last.statement.at).filter(|at| *at >= now);
        let after = after.and_then(|at| Timestamp::from_second(at.as_second() + 1).ok());
        let at = after.unwrap_or(now);
        Statement {
            decision: Decision::Approval,
            change: change.digest,
            base: change.base,
            head: change.head,
            roles: BTreeSet::new(),
            by: me.id().clone(),
            at,
            until: at.saturating_add(valid).map_or(Timestamp::MAX, second),
            reason: None,
        }
    }

    /// Returns the roles that the user holds now, or those of them that they asked to act in.
    fn roles(
        &self,
        me: &Principal,
        asked: &BTreeSet<ClaimedRole>,
    ) -> Result<BTreeSet<ClaimedRole>> {
        let structure = self.workspace.snapshot.policy.structure();
        let holds = |role| {
            structure.holders(role, self.workspace.now).any(|principal| principal.id() == me.id())
        };
        let held: BTreeSet<ClaimedRole> = [
            (Role::Maintainer, ClaimedRole::Maintainer),
            (Role::DomainReviewer, ClaimedRole::Reviewer),
        ]
        .into_iter()
        .filter(|(role, _)| holds(*role))
        .map(|(_, claimed)| claimed)
        .collect();
        let roles = if asked.is_empty() { held.clone() } else { asked.clone() };
        let show = "refgate policy show prints who counts as what";
        if let Some(missing) = roles.difference(&held).next() {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{} is no {} here", me.id(), missing.as_str()),
            )
            .hint(show));
        }
        if roles.is_empty() {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{} is listed, but is neither a maintainer nor a domain reviewer", me.id()),
            )
            .hint(show));
        }
        Ok(roles)
    }

    /// Shows what is about to be signed.
    fn summary(&self, incoming: &Incoming<'_>, change: &Change, out: &mut Output) -> Result<()> {
        let head = Commit::read(incoming, change.head, &self.workspace.limits)
            .map_err(|error| error.on_the_trusted_side())?;
        out.line(&format!(
            "{} {} by {}",
            change.head.short(),
            Foreign::from(head.subject()).quoted(50),
            Foreign::from(&head.author.name).quoted(30)
        ));
        out.line(&format!("  onto {} at {}", self.onto, change.base.short()));
        out.line(&format!("  change {}", change.digest));
        prospect::store_computed(&self.workspace, incoming)?;
        let counts = self.workspace.git.line_counts(change.base_tree, change.tree)?;
        let rows: Vec<Vec<String>> = change
            .paths
            .iter()
            .take(PATHS)
            .map(|path| {
                let status = match (path.old, path.new) {
                    (None, _) => "added",
                    (_, None) => "deleted",
                    (Some((old, _)), Some((new, _))) if old != new => "mode changed",
                    (Some(_), Some(_)) => "modified",
                };
                let count = counts.get(&path.path).cloned().unwrap_or_default();
                vec![status.into(), count, Foreign::from(&path.path).shown(100)]
            })
            .collect();
        table(&rows).iter().for_each(|line| out.line(&format!("  {line}")));
        if change.paths.len() > PATHS {
            out.line(&format!("  ... and {} more paths", change.paths.len() - PATHS));
        }
        Ok(())
    }

    /// Says what the review still needs. The statement stands whether or not that can be told.
    fn outlook(&self, incoming: &Incoming<'_>, change: &Change, out: &mut Output) {
        out.progress("judging");
        let policy = &self.workspace.snapshot.policy;
        match prospect::verdict(&self.workspace, incoming, &self.onto, change) {
            Ok(verdict) => {
                let missing = outlook::review(&verdict, policy, self.workspace.now);
                if missing.is_empty() {
                    out.line("the review is complete");
                } else {
                    out.line("the review still needs");
                    missing.iter().for_each(|line| out.line(&format!("  {line}")));
                }
            }
            Err(error) => {
                out.note(&format!("warning: what is still missing is not known: {error}"))
            }
        }
    }

    /// Says which part the user took in the topic, if any.
    fn took_part(&self, me: &Principal, change: &Change) -> Result<Option<&'static str>> {
        let workspace = &self.workspace;
        let range = format!("{}..{}", change.base, change.head);
        let listed = workspace.git.run(["rev-list", "--no-merges", "--max-count=1000", &range])?;
        let structure = workspace.snapshot.policy.structure();
        let is_me = |email: &[u8]| is(structure, me.id(), email);
        for hex in listed.lines() {
            let Some(id) = CommitId::from_hex(hex.as_bytes()) else { continue };
            let Ok(commit) = Commit::read(&workspace.objects, id, &workspace.limits) else {
                continue;
            };
            if is_me(&commit.author.email) {
                return Ok(Some("wrote part of this change"));
            }
            if is_me(&commit.committer.email) {
                return Ok(Some("committed part of this change"));
            }
            if crate::evidence::trailer::co_authors(&commit.message)
                .iter()
                .any(|email| is_me(email.as_bytes()))
            {
                return Ok(Some("are named as co-author of this change"));
            }
        }
        Ok(None)
    }
}

fn is(structure: &crate::policy::structure::Structure, me: &PrincipalId, email: &[u8]) -> bool {
    let listed = std::str::from_utf8(email).ok().and_then(|email| structure.by_email(email));
    listed.is_some_and(|principal| principal.id() == me)
}
