//! `refgate approve`, `reject` and `withdraw`: signed statements about a change.

use std::collections::BTreeSet;
use std::path::Path;

use super::args::{Approve, Change as ChangeArgs, Reject, Role as RoleArg, Withdraw};
use super::output::Output;
use super::pushing::wrap_up;
use crate::client::approvals::record;
use crate::client::change::Change;
use crate::client::workspace::Workspace;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::approval::{ClaimedRole, Decision, REASON_LEN, Statement};
use crate::id::CommitId;
use crate::policy::Period;
use crate::policy::structure::{Principal, Role};
use crate::refname::RefName;
use crate::repo::commit::Commit;
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
    let scene = Scene::open(dir, &args.change, asked.collect())?;
    let incoming = scene.workspace.incoming()?;
    let change = scene.change(&incoming)?;
    let statement = scene.statement(Decision::Approval, &change, valid.duration(), None)?;
    if args.payload {
        let repository = scene.workspace.snapshot.policy.config().repository.to_string();
        out.bytes(&statement.payload(&repository, &scene.onto));
        return Ok(());
    }
    summary(&scene, &change, out);
    if let Some(part) = took_part(&scene, &change)? {
        out.note(&format!("warning: you {part}, so this approval will not count"));
    }
    let roles: Vec<&str> = statement.roles.iter().map(|role| role.as_str()).collect();
    let until = statement.until.strftime("%Y-%m-%d");
    out.line(&format!("approved as {} until {until}", roles.join(" and ")));
    record(&scene.workspace, &scene.onto, &change, statement)?;
    wrap_up(&scene.workspace, args.change.push, out)
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
            format!("the reason is one line of at most {REASON_LEN} bytes"),
        ));
    }
    speak(dir, &args.change, Decision::Rejection, Some(reason.to_owned()), out)
}

/// Signs a withdrawal.
///
/// # Errors
/// As [`approve`].
pub fn withdraw(dir: &Path, args: &Withdraw, out: &mut Output) -> Result<()> {
    speak(dir, &args.change, Decision::Withdrawal, None, out)
}

fn speak(
    dir: &Path,
    args: &ChangeArgs,
    decision: Decision,
    reason: Option<String>,
    out: &mut Output,
) -> Result<()> {
    let scene = Scene::open(dir, args, BTreeSet::new())?;
    let incoming = scene.workspace.incoming()?;
    let change = scene.change(&incoming)?;
    let valid = Period::days(365).duration();
    let statement = scene.statement(decision, &change, valid, reason)?;
    summary(&scene, &change, out);
    record(&scene.workspace, &scene.onto, &change, statement)?;
    out.line(match decision {
        Decision::Approval => "approved",
        Decision::Rejection => "rejected: the change cannot land until you withdraw",
        Decision::Withdrawal => {
            "withdrawn: what you said before about this change no longer counts"
        }
    });
    wrap_up(&scene.workspace, args.push, out)
}

/// A change that somebody speaks about.
struct Scene {
    workspace: Workspace,
    onto: RefName,
    head: CommitId,
    asked: BTreeSet<ClaimedRole>,
}

impl Scene {
    fn open(dir: &Path, args: &ChangeArgs, asked: BTreeSet<ClaimedRole>) -> Result<Self> {
        let workspace = Workspace::open(dir, args.server.remote.as_deref(), args.server.offline)?;
        let onto = workspace.branch(args.onto.as_deref())?;
        let head = workspace.git.commit(&args.topic)?;
        Ok(Self { workspace, onto, head, asked })
    }

    fn change(&self, incoming: &crate::repo::objects::Incoming<'_>) -> Result<Change> {
        let change = Change::compute(&self.workspace, incoming, &self.onto, self.head)?;
        if change.base == change.head {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{} is on {} already", self.head.short(), self.onto),
            )
            .hint("name the topic that shall land: refgate approve TOPIC"));
        }
        Ok(change)
    }

    fn statement(
        &self,
        decision: Decision,
        change: &Change,
        valid: jiff::SignedDuration,
        reason: Option<String>,
    ) -> Result<Statement> {
        let me = self.workspace.me()?;
        let roles = self.roles(me)?;
        let at = jiff::Timestamp::from_second(self.workspace.now.as_second())
            .unwrap_or(self.workspace.now);
        let until = at.saturating_add(valid).unwrap_or(jiff::Timestamp::MAX);
        Ok(Statement {
            decision,
            change: change.digest,
            base: change.base,
            head: change.head,
            roles,
            by: me.id().clone(),
            at,
            until,
            reason,
        })
    }

    /// Returns the roles that the user holds now, or those of them that they asked to act in.
    fn roles(&self, me: &Principal) -> Result<BTreeSet<ClaimedRole>> {
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
        let roles = if self.asked.is_empty() { held.clone() } else { self.asked.clone() };
        if let Some(missing) = roles.difference(&held).next() {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{} is no {} here", me.id(), missing.as_str()),
            ));
        }
        if roles.is_empty() {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{} is listed, but is neither a maintainer nor a domain reviewer", me.id()),
            )
            .hint("refgate policy show prints who counts as what"));
        }
        Ok(roles)
    }
}

fn summary(scene: &Scene, change: &Change, out: &mut Output) {
    out.line(&format!("change {} onto {} at {}", change.digest, scene.onto, change.base.short()));
    for path in change.paths.iter().take(PATHS) {
        let status = match (path.old, path.new) {
            (None, _) => "added   ",
            (_, None) => "deleted ",
            (Some(_), Some(_)) => "modified",
        };
        out.line(&format!("  {status}  {}", Foreign::from(&path.path).shown(100)));
    }
    if change.paths.len() > PATHS {
        out.line(&format!("  ... and {} more paths", change.paths.len() - PATHS));
    }
}

/// Says which part the user took in the topic, if any.
fn took_part(scene: &Scene, change: &Change) -> Result<Option<&'static str>> {
    let workspace = &scene.workspace;
    let me = workspace.me()?.id();
    let range = format!("{}..{}", change.base, change.head);
    let listed = workspace.git.run(["rev-list", "--no-merges", "--max-count=1000", &range])?;
    let structure = workspace.snapshot.policy.structure();
    let is_me = |email: &[u8]| {
        std::str::from_utf8(email)
            .ok()
            .and_then(|email| structure.by_email(email))
            .is_some_and(|p| p.id() == me)
    };
    for hex in listed.lines() {
        let Some(id) = CommitId::from_hex(hex.as_bytes()) else { continue };
        let Ok(commit) = Commit::read(&workspace.objects, id, &workspace.limits) else { continue };
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
