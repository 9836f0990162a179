//! `refgate land` and `refgate seal`: from an approved topic to the protected branch.

use std::path::Path;
use std::process::ExitCode;

use super::args::{Land, Seal};
use super::check::judge_update;
use super::landing::{Topic, Way, short};
use super::output::Output;
use super::pushing::show;
use super::{ACCEPTED, REFUSED};
use crate::client::approvals;
use crate::client::change::Change;
use crate::client::remote::{Landing, Pushed};
use crate::client::workspace::Workspace;
use crate::error::{Error, ErrorKind, Result};
use crate::id::CommitId;
use crate::refname::RefName;
use crate::report::block::Hint;
use crate::report::remote;
use crate::verdict::Verdict;

/// How often a landing is made anew when the branch has moved meanwhile.
const ATTEMPTS: usize = 5;

/// Lands a topic.
///
/// # Errors
/// The topic does not merge, or git fails.
pub fn land(dir: &Path, args: &Land, out: &mut Output) -> Result<ExitCode> {
    out.progress("asking the server");
    let server = (args.server.remote.as_deref(), args.server.offline);
    let (workspace, head, moved) = Workspace::open_at(dir, server, &args.topic)?;
    if let Some(moved) = moved {
        out.note(&format!(
            "warning: {} has moved to {} since you fetched it; landing {}, which you had",
            moved.revision,
            moved.to.short(),
            head.short()
        ));
    }
    if !args.no_push && args.server.offline {
        return Err(Error::new(ErrorKind::Usage, "landing needs the server")
            .hint("prepare it alone: refgate land --offline --no-push"));
    }
    let mut attempt = Attempt { workspace, head, args };
    for _ in 0..ATTEMPTS {
        match attempt.run(out)? {
            Ended::With(code) => return Ok(code),
            Ended::Moved => {
                out.note("the branch moved on meanwhile; making the landing anew");
                let server = (args.server.remote.as_deref(), false);
                attempt.workspace = Workspace::open(dir, server.0, server.1)?;
            }
        }
    }
    Err(Error::new(ErrorKind::Environment, format!("the branch moved on {ATTEMPTS} times"))
        .hint("try again when it is quieter"))
}

/// One go at landing a topic.
struct Attempt<'a> {
    workspace: Workspace,
    head: CommitId,
    args: &'a Land,
}

enum Ended {
    With(ExitCode),
    Moved,
}

impl Attempt<'_> {
    fn run(&self, out: &mut Output) -> Result<Ended> {
        let (workspace, head, args) = (&self.workspace, self.head, self.args);
        let onto = workspace.branch(args.onto.as_deref())?;
        let incoming = workspace.incoming()?;
        let change = Change::compute(workspace, &incoming, &onto, head)?;
        if change.has_landed() {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{} is on {onto} already", head.short()),
            )
            .hint("name the topic that shall land: refgate land TOPIC"));
        }
        let found = approvals::find(workspace, &incoming, &onto, &change)?;
        let topic = Topic {
            workspace,
            incoming: &incoming,
            change: &change,
            approvals: &found,
            onto: &onto,
            named: &args.topic,
            message: args.message.as_deref(),
        };
        let way = match (args.rebase, args.squash) {
            (true, _) => Way::Rebase,
            (false, true) => Way::Squash,
            (false, false) => Way::Merge,
        };
        let landed = topic.make(way)?;
        let as_it_is = if landed == head { ", as it is" } else { "" };
        out.line(&format!(
            "{} is what would land on {onto}{as_it_is}, with {}",
            landed.short(),
            count(found.len(), "approval")
        ));
        out.progress("judging");
        let verdict = judge_update(workspace, &onto, landed.0)?;
        let side = Side { workspace, onto: &onto, landed, args };
        if !verdict.is_accepted() {
            side.report(&verdict, head, change.tree == workspace.tree_of(head)?, out);
            let committed_by_me = landed != head && way != Way::Merge;
            if committed_by_me && found.iter().any(|a| Some(&a.statement.by) == side.me()) {
                out.note("");
                out.note(
                    "hint: whoever lands with --squash or --rebase is the committer, whose own",
                );
                out.note("hint: approval does not count; a merge leaves it as it is:");
                out.note(&format!("hint:     refgate land {} --onto {}", args.topic, short(&onto)));
            }
            if lacks_evidence(&verdict) {
                let is_new_tree = change.tree != workspace.tree_of(head)?;
                if is_new_tree || args.no_push {
                    side.advise(is_new_tree, out);
                }
            }
            return Ok(Ended::With(ExitCode::from(REFUSED)));
        }
        if args.no_push {
            out.line("it would be accepted; to land it:");
            out.line(&format!("    {}", side.command()));
            return Ok(Ended::With(ExitCode::from(ACCEPTED)));
        }
        out.progress("pushing");
        let landing = Landing { commit: landed, onto: onto.clone(), base: change.base };
        let result = workspace.remote.land(&workspace.git, &landing)?;
        if result == Pushed::Moved {
            return Ok(Ended::Moved);
        }
        show(&result, out)?;
        out.line(&format!("landed on {onto}"));
        Ok(Ended::With(ExitCode::from(ACCEPTED)))
    }
}

/// A prepared landing, and what can be done with it.
struct Side<'a> {
    workspace: &'a Workspace,
    onto: &'a RefName,
    landed: CommitId,
    args: &'a Land,
}

impl Side<'_> {
    fn me(&self) -> Option<&crate::principal::PrincipalId> {
        self.workspace.me().ok().map(|me| me.id())
    }

    /// Returns the command that lands what was prepared.
    fn command(&self) -> String {
        let rebase = if self.args.rebase || self.args.squash { " --rebase" } else { "" };
        format!("refgate land {} --onto {}{rebase}", self.landed.short(), short(self.onto))
    }

    /// Shows what is wrong with the prepared landing.
    ///
    /// Nobody else has the prepared commits, so people are sent to the topic, whose change is the same;
    /// and so is automation, if the tree is.
    fn report(&self, verdict: &Verdict, head: CommitId, is_same_tree: bool, out: &mut Output) {
        let (landed, head) = (self.landed.short(), head.short());
        let options =
            remote::Options { remote: &self.workspace.remote.name, ..remote::Options::default() };
        for judgement in &verdict.refs {
            for mut block in remote::blocks(judgement, verdict, options) {
                let mut hints: Vec<Hint> = Vec::new();
                for hint in block.hints {
                    let hint = match hint {
                        Hint::Run(command)
                            if is_same_tree || command.starts_with("refgate approve ") =>
                        {
                            Hint::Run(command.replace(&landed, &head))
                        }
                        Hint::Say(text) if text == "then push the same commit again" => {
                            Hint::Say("then land it again".into())
                        }
                        other @ (Hint::Say(_) | Hint::Run(_)) => other,
                    };
                    if !hints.contains(&hint) {
                        hints.push(hint);
                    }
                }
                block.hints = hints;
                block.lines().iter().for_each(|line| out.line(line));
                out.line("");
            }
        }
        out.line("nothing was pushed");
    }

    /// Says what to do about a result that nothing has looked at yet.
    fn advise(&self, is_new_tree: bool, out: &mut Output) {
        let (onto, remote) = (short(self.onto), &self.workspace.remote.name);
        let landed = self.landed;
        out.note("");
        if is_new_tree {
            out.note("hint: the result is a tree that nothing has scanned or tested yet");
            out.note("hint: either bring the topic up to date, and have that scanned and tested:");
            out.note(&format!("hint:     git rebase {remote}/{onto} {}", self.args.topic));
            out.note("hint: or let the automation look at the prepared result, then land that:");
        } else {
            out.note("hint: to let the automation look at the prepared result, then land that:");
        }
        let side = format!("refs/heads/landing/{}", landed.short());
        out.note(&format!("hint:     git push {remote} {landed}:{side}"));
        out.note(&format!("hint:     {}", self.command()));
    }
}

fn lacks_evidence(verdict: &Verdict) -> bool {
    verdict
        .refs
        .iter()
        .flat_map(|judgement| judgement.violations())
        .any(|(_, violation)| violation.code().ends_with("-evidence-missing"))
}

/// Writes the approvals of the branch into an empty commit on top of it.
///
/// # Errors
/// There is no approval, or git fails.
pub fn seal(dir: &Path, args: &Seal, out: &mut Output) -> Result<ExitCode> {
    out.progress("asking the server");
    let workspace = Workspace::open(dir, args.server.remote.as_deref(), args.server.offline)?;
    let onto = workspace.branch(args.onto.as_deref())?;
    let branch = workspace.git.branch()?.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "no branch is checked out")
            .hint("check out the branch that you want to seal: git switch BRANCH")
    })?;
    let head = workspace.git.commit("HEAD")?;
    let incoming = workspace.incoming()?;
    let change = Change::compute(&workspace, &incoming, &onto, head)?;
    let found = approvals::find(&workspace, &incoming, &onto, &change)?;
    if found.is_empty() {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("nobody has approved this change to {onto} yet"),
        )
        .hint(format!(
            "a reviewer does it with:\n    refgate approve {} --onto {} --push",
            head.short(),
            short(&onto)
        )));
    }
    let message = format!(
        "Seal {}\n\n{}",
        count(found.len(), "approval"),
        approvals::trailers(&workspace, &found)
    );
    let store = workspace.store()?;
    let signer = workspace.commit_signer()?;
    let sealed = store.commit(workspace.tree_of(head)?, &[head], &message, signer.as_ref())?;
    store.move_ref(&branch, sealed, Some(head), "refgate seal")?;
    out.line(&format!(
        "sealed {} with {} as {}",
        head.short(),
        count(found.len(), "approval"),
        sealed.short()
    ));
    out.note("now push it:");
    out.note(&format!("    git push {} HEAD:{}", workspace.remote.name, short(&onto)));
    Ok(ExitCode::from(ACCEPTED))
}

fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
