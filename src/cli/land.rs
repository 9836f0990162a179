//! `refgate land` and `refgate seal`: from an approved topic to the protected branch.

use std::path::Path;
use std::process::ExitCode;

use super::args::{Land, Seal};
use super::check::judge_update;
use super::output::Output;
use super::pushing::show;
use super::{ACCEPTED, REFUSED};
use crate::client::approvals;
use crate::client::change::Change;
use crate::client::workspace::Workspace;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::approval::SignedStatement;
use crate::id::{CommitId, TreeId};
use crate::refname::RefName;
use crate::repo::commit::Commit;
use crate::repo::fault::ObjectKind;
use crate::repo::merge::{Merged, Merger};
use crate::repo::objects::Incoming;
use crate::report::remote;
use crate::verdict::Verdict;

/// Lands a topic.
///
/// # Errors
/// The topic does not merge, or git fails.
pub fn land(dir: &Path, args: &Land, out: &mut Output) -> Result<ExitCode> {
    let workspace = Workspace::open(dir, args.server.remote.as_deref(), args.server.offline)?;
    let onto = workspace.branch(args.onto.as_deref())?;
    let head = workspace.git.commit(&args.topic)?;
    let incoming = workspace.incoming()?;
    let change = Change::compute(&workspace, &incoming, &onto, head)?;
    if change.base == head {
        return Err(Error::new(ErrorKind::Usage, format!("{} is on {onto} already", head.short())));
    }
    let found = approvals::find(&workspace, &incoming, &onto, &change)?;
    let topic = Topic {
        workspace: &workspace,
        incoming: &incoming,
        change: &change,
        approvals: &found,
        onto: &onto,
    };
    let landed = if args.rebase {
        topic.rebase()?
    } else if args.squash {
        topic.squash(args.message.as_deref())?
    } else {
        topic.merge(&args.topic, args.message.as_deref())?
    };
    out.line(&format!(
        "{} is what would land on {onto}, with {}",
        landed.short(),
        count(found.len(), "approval")
    ));
    let verdict = judge_update(&workspace, &onto, landed.0)?;
    if !verdict.is_accepted() {
        out.text(&remote::verdict(&verdict));
        advise(&verdict, &onto, landed, change.tree != workspace.tree_of(head)?, &args.topic, out);
        return Ok(ExitCode::from(REFUSED));
    }
    if args.no_push {
        out.line(&format!("git push {} {landed}:{onto}", workspace.remote.name));
        return Ok(ExitCode::from(ACCEPTED));
    }
    let result = workspace.remote.push(&workspace.git, &[format!("{landed}:{onto}")])?;
    show(&result, out)?;
    out.line(&format!("landed on {onto}"));
    Ok(ExitCode::from(ACCEPTED))
}

/// Writes the approvals of the branch into an empty commit on top of it.
///
/// # Errors
/// There is no approval, or git fails.
pub fn seal(dir: &Path, args: &Seal, out: &mut Output) -> Result<ExitCode> {
    let workspace = Workspace::open(dir, args.server.remote.as_deref(), args.server.offline)?;
    let onto = workspace.branch(args.onto.as_deref())?;
    let branch = workspace.git.branch()?.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "no branch is checked out")
            .hint("check out the branch that you want to seal")
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
            "a reviewer does it with: refgate approve {} --onto {}",
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
    let sealed = store.commit(workspace.tree_of(head)?, &[head], &message)?;
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

/// A topic that is about to land.
struct Topic<'a, 't> {
    workspace: &'a Workspace,
    incoming: &'a Incoming<'t>,
    change: &'a Change,
    approvals: &'a [SignedStatement],
    onto: &'a RefName,
}

impl Topic<'_, '_> {
    fn message(&self, text: &str) -> String {
        let trailers = approvals::trailers(self.workspace, self.approvals);
        if trailers.is_empty() {
            text.trim_end().to_owned()
        } else {
            format!("{}\n\n{trailers}", text.trim_end())
        }
    }

    /// Stores the trees and files that merging computed.
    fn store_computed(&self) -> Result<()> {
        let store = self.workspace.store()?;
        for (_, kind, bytes) in self.incoming.computed() {
            if matches!(kind, ObjectKind::Tree | ObjectKind::Blob) {
                store.write(kind, &bytes)?;
            }
        }
        Ok(())
    }

    fn merge(&self, named: &str, message: Option<&str>) -> Result<CommitId> {
        self.store_computed()?;
        let name = if named == "HEAD" {
            let branch = self.workspace.git.branch()?;
            branch.map_or_else(|| self.change.head.short(), |branch| short(&branch))
        } else {
            named.to_owned()
        };
        let text = message
            .map_or_else(|| format!("Merge {name} into {}", short(self.onto)), str::to_owned);
        let parents = [self.change.base, self.change.head];
        self.workspace.store()?.commit(self.change.tree, &parents, &self.message(&text))
    }

    fn squash(&self, message: Option<&str>) -> Result<CommitId> {
        self.store_computed()?;
        let commits = self.commits()?;
        let text = match (message, commits.as_slice()) {
            (Some(text), _) => text.to_owned(),
            (None, [only]) => String::from_utf8_lossy(&only.message).into_owned(),
            (None, commits) => {
                let subjects: Vec<String> = commits
                    .iter()
                    .map(|commit| format!("- {}", String::from_utf8_lossy(commit.subject())))
                    .collect();
                let title = commits
                    .first()
                    .map(|commit| String::from_utf8_lossy(commit.subject()).into_owned());
                format!("{}\n\n{}", title.unwrap_or_else(|| "Squash".into()), subjects.join("\n"))
            }
        };
        let Some(last) = commits.last() else { return Err(nothing(self.onto)) };
        let mut message = self.message(&text);
        let others: std::collections::BTreeSet<String> = commits
            .iter()
            .filter(|commit| commit.author.email != last.author.email)
            .map(person)
            .collect();
        if !others.is_empty() {
            // Trailers stand together: co-authors go above the approvals, in their paragraph.
            let co_authors: Vec<String> =
                others.iter().map(|who| format!("Co-authored-by: {who}")).collect();
            message = match self.approvals {
                [] => format!("{message}\n\n{}", co_authors.join("\n")),
                _ => {
                    let (text, trailers) = message.rsplit_once("\n\n").unwrap_or((&message, ""));
                    format!("{text}\n\n{}\n{trailers}", co_authors.join("\n"))
                }
            };
        }
        self.workspace.store()?.commit_by(
            &last.author,
            self.change.tree,
            &[self.change.base],
            &message,
        )
    }

    /// Replays the topic's commits one by one; a topic that is on top of the branch already stays as it is.
    fn rebase(&self) -> Result<CommitId> {
        let commits = self.commits()?;
        let starts_on_base =
            commits.first().is_some_and(|first| first.parents == [self.change.base]);
        if starts_on_base {
            return Ok(self.change.head);
        }
        let store = self.workspace.store()?;
        let deadline = self.workspace.deadline();
        let merger =
            Merger { incoming: self.incoming, limits: &self.workspace.limits, deadline: &deadline };
        let (mut tip, mut tree): (CommitId, TreeId) = (self.change.base, self.change.base_tree);
        for commit in &commits {
            let [parent] = commit.parents.as_slice() else {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("{} is a merge, which cannot be rebased", commit.id.short()),
                )
                .hint("land the topic as a merge or with --squash"));
            };
            let parent_tree = self.workspace.tree_of(*parent)?;
            match merger
                .trees(parent_tree, tree, commit.tree)
                .map_err(|error| error.on_the_trusted_side())?
            {
                Merged::Clean(merged) => tree = merged,
                Merged::Conflict(_) => {
                    return Err(Error::new(
                        ErrorKind::Usage,
                        format!("{} does not apply by itself", commit.id.short()),
                    )
                    .hint(format!(
                        "git rebase {}/{}",
                        self.workspace.remote.name,
                        short(self.onto)
                    )));
                }
            }
            self.store_computed()?;
            let message = String::from_utf8_lossy(&commit.message).trim_end().to_owned();
            tip = store.commit_by(&commit.author, tree, &[tip], &message)?;
        }
        Ok(tip)
    }

    /// Returns the commits of the topic, oldest first.
    fn commits(&self) -> Result<Vec<Commit>> {
        let range = format!("{}..{}", self.change.base, self.change.head);
        let listed = self.workspace.git.run(["rev-list", "--reverse", "--topo-order", &range])?;
        let mut commits = Vec::new();
        for hex in listed.lines() {
            if let Some(id) = CommitId::from_hex(hex.as_bytes()) {
                let commit = Commit::read(self.incoming, id, &self.workspace.limits);
                commits.push(commit.map_err(|error| error.on_the_trusted_side())?);
            }
        }
        if commits.is_empty() { Err(nothing(self.onto)) } else { Ok(commits) }
    }
}

fn nothing(onto: &RefName) -> Error {
    Error::new(ErrorKind::Usage, format!("the topic has no commit that {onto} has not"))
}

fn person(commit: &Commit) -> String {
    let plain = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(['<', '>', '\n'], "");
    format!("{} <{}>", plain(&commit.author.name), plain(&commit.author.email))
}

/// Says what to do about a merge result that nothing has looked at yet.
fn advise(
    verdict: &Verdict,
    onto: &RefName,
    landed: CommitId,
    is_new_tree: bool,
    topic: &str,
    out: &mut Output,
) {
    let lacks_evidence = verdict
        .refs
        .iter()
        .flat_map(|judgement| judgement.violations())
        .any(|(_, violation)| violation.code().ends_with("-evidence-missing"));
    if !lacks_evidence || !is_new_tree {
        return;
    }
    let short = short(onto);
    out.note("");
    out.note("hint: the merge result is a tree that nothing has scanned or tested yet");
    out.note("hint: either bring the topic up to date, and scan and test that:");
    out.note(&format!("hint:     git rebase origin/{short} {topic}"));
    out.note("hint: or let the automation look at the prepared merge, then land that:");
    out.note(&format!("hint:     git push origin {landed}:refs/heads/landing/{}", landed.short()));
    out.note(&format!("hint:     git push origin {landed}:{onto}"));
}

fn short(name: &RefName) -> String {
    String::from_utf8_lossy(name.short()).into_owned()
}

fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
