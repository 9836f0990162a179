//! `refgate check` and `refgate status`: the server's judgement, before pushing.

use std::path::Path;
use std::process::ExitCode;

use super::args::{Check, Format, Status};
use super::output::Output;
use super::{ACCEPTED, REFUSED};
use crate::client::remote::value;
use crate::client::workspace::Workspace;
use crate::collect::notes_ref::NotesRef;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{CommitId, ObjectId, parse_hex};
use crate::judge::{Circumstances, judge};
use crate::policy::gates::Gate;
use crate::receive::{Name, Push, RefUpdate};
use crate::refname::RefName;
use crate::report::{json, remote};
use crate::verdict::Verdict;

/// Judges what would be pushed.
///
/// # Errors
/// It cannot be judged.
pub fn check(dir: &Path, args: &Check, out: &mut Output) -> Result<ExitCode> {
    let workspace = Workspace::open(dir, args.server.remote.as_deref(), args.server.offline)?;
    let to = destination(&workspace, args.to.as_deref())?;
    let new = object(&workspace, &to, &args.from)?;
    let break_glass = args.break_glass.iter().map(Into::into).collect();
    let circumstances = Circumstances { break_glass, ..Circumstances::default() };
    let verdict = judge_with(&workspace, &to, new, &circumstances)?;
    match args.format {
        Format::Json => out.text(&json::verdict(&verdict)),
        Format::Text => {
            let options =
                if args.all { remote::Options::everything() } else { remote::Options::default() };
            out.text(&remote::verdict_with(&verdict, options));
            if verdict.is_accepted() {
                out.text(&remote::excepted(&verdict));
                out.line(&format!("{to} would be accepted"));
            }
        }
    }
    Ok(exit(&verdict))
}

/// Shows in a few lines what a push would need.
///
/// # Errors
/// It cannot be judged.
pub fn status(dir: &Path, args: &Status, out: &mut Output) -> Result<ExitCode> {
    let workspace = Workspace::open(dir, args.server.remote.as_deref(), args.server.offline)?;
    let to = destination(&workspace, args.to.as_deref())?;
    let new = object(&workspace, &to, "HEAD")?;
    let verdict = judge_update(&workspace, &to, new)?;
    if args.format == Format::Json {
        out.text(&json::verdict(&verdict));
        return Ok(exit(&verdict));
    }
    let short = new.to_hex_with_len(crate::id::SHORT_LEN);
    out.line(&format!(
        "{short} onto {to}, judged by {} {}",
        workspace.trust_ref,
        workspace.anchor.short()
    ));
    for judgement in &verdict.refs {
        for block in guards(judgement, &verdict) {
            out.line(&format!("  refused    {block}"));
        }
        for (gate, outcome) in &judgement.gates {
            let state = if outcome.violations.is_empty() { "ok" } else { "open" };
            out.line(&format!("  {:<10} {state}", gate.name()));
            let titles = remote::blocks(judgement, &verdict, remote::Options::default());
            let codes: Vec<&str> =
                outcome.violations.iter().map(|violation| violation.code()).collect();
            for block in
                titles.iter().filter(|block| block.code.is_some_and(|code| codes.contains(&code)))
            {
                out.line(&format!("             {}", block.title));
            }
        }
        let missing: Vec<&str> = judgement
            .required
            .iter()
            .filter(|gate| !judgement.gates.iter().any(|(g, _)| g == gate))
            .map(Gate::name)
            .collect();
        if !missing.is_empty() {
            out.line(&format!("  not judged yet: {}", missing.join(", ")));
        }
    }
    out.line(if verdict.is_accepted() {
        "a push would be accepted"
    } else {
        "a push would be refused; refgate check says why and what to do"
    });
    Ok(exit(&verdict))
}

fn guards(judgement: &crate::verdict::RefJudgement, verdict: &Verdict) -> Vec<String> {
    let guarded: Vec<&str> = judgement
        .guards
        .iter()
        .flat_map(|outcome| &outcome.violations)
        .map(|violation| violation.code())
        .collect();
    remote::blocks(judgement, verdict, remote::Options::default())
        .into_iter()
        .filter(|block| block.code.is_some_and(|code| guarded.contains(&code)))
        .map(|block| block.title)
        .collect()
}

fn exit(verdict: &Verdict) -> ExitCode {
    ExitCode::from(if verdict.is_accepted() { ACCEPTED } else { REFUSED })
}

/// Judges the push of one commit or tag to a ref, together with all evidence of the clone.
///
/// # Errors
/// It cannot be judged.
pub(super) fn judge_update(workspace: &Workspace, to: &RefName, new: ObjectId) -> Result<Verdict> {
    judge_with(workspace, to, new, &Circumstances::default())
}

fn judge_with(
    workspace: &Workspace,
    to: &RefName,
    new: ObjectId,
    circumstances: &Circumstances,
) -> Result<Verdict> {
    workspace.remote.join_evidence(&workspace.git)?;
    let mut updates = Vec::new();
    let old = workspace.on_server(to)?.filter(|_| !to.is_tag()).map(|id| id.0);
    if old != Some(new) {
        updates.push(RefUpdate { name: Name::Ref(to.clone()), claimed_old: old, new: Some(new) });
    }
    for notes in NotesRef::ALL {
        let name = notes.name();
        let (ours, theirs) = (value(&workspace.git, &name)?, workspace.on_server(&name)?);
        if let Some(ours) = ours.filter(|ours| Some(*ours) != theirs) {
            updates.push(RefUpdate {
                name: Name::Ref(name),
                claimed_old: theirs.map(|id| id.0),
                new: Some(ours.0),
            });
        }
    }
    if updates.is_empty() {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("{to} has this commit already, and there is nothing else to push"),
        ));
    }
    judge(&Push { updates }, &workspace.judged()?, circumstances, workspace.now)
}

/// Returns the ref that would be pushed to.
pub(super) fn destination(workspace: &Workspace, named: Option<&str>) -> Result<RefName> {
    let git = &workspace.git;
    if let Some(named) = named {
        if named.starts_with("refs/") {
            return RefName::parse(named.as_bytes())
                .ok_or_else(|| Error::new(ErrorKind::Usage, format!("{named:?} is no ref name")));
        }
        let tag = RefName::parse(format!("refs/tags/{named}").as_bytes());
        let is_tag = match &tag {
            Some(tag) => git.ask(["rev-parse", "--verify", "--quiet", &tag.to_string()])?.is_some(),
            None => false,
        };
        let branch = workspace.branch(Some(named))?;
        return Ok(match tag {
            Some(tag) if is_tag && workspace.on_server(&branch)?.is_none() => tag,
            _ => branch,
        });
    }
    if let Some(branch) = git.branch()? {
        let short = String::from_utf8_lossy(branch.short()).into_owned();
        if let Some(merge) = git.config(&format!("branch.{short}.merge"))?
            && let Some(name) = RefName::parse(merge.as_bytes())
            && workspace.snapshot.policy.gates_for(name.as_bytes()).is_some()
        {
            return Ok(name);
        }
    }
    Ok(workspace.trust_ref.clone())
}

/// Returns what would be pushed: for a tag the tag object, else the commit.
fn object(workspace: &Workspace, to: &RefName, from: &str) -> Result<ObjectId> {
    if to.is_tag() && from == "HEAD" {
        let hex = workspace.git.ask(["rev-parse", "--verify", "--quiet", &to.to_string()])?;
        return hex.and_then(|hex| parse_hex(hex.as_bytes())).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("there is no tag {to} here"))
                .hint("make it first: git tag -s TAG COMMIT")
        });
    }
    workspace.git.commit(from).map(|CommitId(id)| id)
}
