//! `refgate check` and `refgate status`: the server's judgement, before pushing.

use std::path::Path;
use std::process::ExitCode;

use super::args::{Check, Format, Status, VerdictFormat};
use super::output::Output;
use super::{ACCEPTED, REFUSED, prospect};
use crate::client::change::Change;
use crate::client::remote::value;
use crate::client::workspace::Workspace;
use crate::collect::notes_ref::NotesRef;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{CommitId, ObjectId, parse_hex};
use crate::judge::{Circumstances, judge};
use crate::receive::{Name, Push, RefUpdate};
use crate::refname::RefName;
use crate::report::remote::{Occasion, Options};
use crate::report::{github, json, junit, outlook, remote, sarif};
use crate::verdict::Verdict;

/// Judges what would be pushed.
///
/// # Errors
/// It cannot be judged.
pub fn check(dir: &Path, args: &Check, out: &mut Output) -> Result<ExitCode> {
    let judged = judge_check(dir, args, out);
    let (workspace, verdict) = judged.inspect_err(|error| show_error(error, args.format, out))?;
    let options = options(&workspace, Occasion::Prospect, args.all);
    show_verdict(&verdict, args.format, options, out);
    if args.format == VerdictFormat::Text && verdict.is_accepted() {
        let refs: Vec<String> = verdict.refs.iter().map(|r| r.name.to_string()).collect();
        out.line(&format!("{} would be accepted", refs.join(", ")));
    }
    Ok(exit(&verdict))
}

/// Writes an error where a program reads the output; people learn it on standard error.
pub(super) fn show_error(error: &Error, format: VerdictFormat, out: &mut Output) {
    match format {
        VerdictFormat::Text => {}
        VerdictFormat::Json => out.text(&json::error(error)),
        VerdictFormat::Sarif => out.text(&sarif::error(error)),
        VerdictFormat::Junit => out.text(&junit::error(error)),
        VerdictFormat::Github => out.text(&github::error(error)),
    }
}

/// Returns how a verdict is shown in a clone.
pub(super) fn options(workspace: &Workspace, occasion: Occasion, all: bool) -> Options<'_> {
    let whole = if all { Options::everything() } else { Options::default() };
    Options { occasion, remote: &workspace.remote.name, ..whole }
}

/// Writes a verdict in one of its forms.
pub(super) fn show_verdict(
    verdict: &Verdict,
    format: VerdictFormat,
    options: Options<'_>,
    out: &mut Output,
) {
    let everything = Options::all_for(options.remote);
    match format {
        VerdictFormat::Json => out.text(&json::verdict_with(verdict, everything)),
        VerdictFormat::Sarif => out.text(&sarif::verdict(verdict, everything)),
        VerdictFormat::Junit => out.text(&junit::verdict(verdict, everything)),
        VerdictFormat::Github => out.text(&github::verdict(verdict, everything)),
        VerdictFormat::Text => {
            out.text(&remote::verdict_with(verdict, options));
            if verdict.is_accepted() {
                out.text(&remote::excepted(verdict));
            }
        }
    }
}

fn judge_check(dir: &Path, args: &Check, out: &mut Output) -> Result<(Workspace, Verdict)> {
    out.progress("asking the server");
    let workspace = Workspace::open(dir, args.server.remote.as_deref(), args.server.offline)?;
    let to = destination(&workspace, args.to.as_deref())?;
    let new = object(&workspace, &to, &args.from)?;
    out.progress("judging");
    let break_glass = args.break_glass.iter().map(Into::into).collect();
    let circumstances = Circumstances { break_glass, ..Circumstances::default() };
    let verdict = judge_with(&workspace, &to, new, &circumstances)?;
    let evidence: Vec<String> = verdict
        .refs
        .iter()
        .filter(|judged| judged.name.is_evidence())
        .map(|judged| judged.name.to_string())
        .collect();
    if !evidence.is_empty() && args.format == VerdictFormat::Text {
        let (remote, evidence) = (&workspace.remote.name, evidence.join(" "));
        out.note(&format!("counting evidence that {remote} has not, as if pushed along:"));
        let new = new.to_hex_with_len(crate::id::SHORT_LEN);
        out.note(&format!("    git push --atomic {remote} {new}:{to} {evidence}"));
    }
    Ok((workspace, verdict))
}

/// Shows in a few lines what landing would still need, and who can give it.
///
/// # Errors
/// It cannot be judged.
pub fn status(dir: &Path, args: &Status, out: &mut Output) -> Result<ExitCode> {
    out.progress("asking the server");
    let workspace = Workspace::open(dir, args.server.remote.as_deref(), args.server.offline)?;
    let to = destination(&workspace, args.to.as_deref())?;
    let new = object(&workspace, &to, "HEAD")?;
    let (landing, new) = would_land(&workspace, &to, new)?;
    out.progress("judging");
    let verdict = judge_update(&workspace, &to, new)?;
    if args.format == Format::Json {
        let options = Options::all_for(&workspace.remote.name);
        out.text(&json::verdict_with(&verdict, options));
        return Ok(exit(&verdict));
    }
    let anchor = (workspace.trust_ref.to_string(), workspace.anchor.short());
    out.line(&format!("{landing} onto {to}, by the rules of {} {}", anchor.0, anchor.1));
    let policy = &workspace.snapshot.policy;
    outlook::lines(&verdict, policy, workspace.now).iter().for_each(|line| out.line(line));
    out.line(if verdict.is_accepted() {
        "it would be accepted"
    } else {
        "it would be refused; refgate check says why, and what to do"
    });
    Ok(exit(&verdict))
}

/// Returns what would land of a commit, in words and as an object: the commit itself, or
/// its merge where the branch has moved on.
fn would_land(workspace: &Workspace, to: &RefName, new: ObjectId) -> Result<(String, ObjectId)> {
    let short = new.to_hex_with_len(crate::id::SHORT_LEN).to_string();
    if to.is_tag() || workspace.on_server(to)?.is_none() {
        return Ok((short, new));
    }
    let incoming = workspace.incoming()?;
    let change = Change::compute(workspace, &incoming, to, CommitId(new))?;
    if change.has_landed() {
        return Ok((short, new));
    }
    let landed = prospect::commit(workspace, &incoming, &change)?;
    let words = if landed.0 == new { short } else { format!("a merge of {short}") };
    Ok((words, landed.0))
}

pub(super) fn exit(verdict: &Verdict) -> ExitCode {
    ExitCode::from(if verdict.is_accepted() { ACCEPTED } else { REFUSED })
}

/// Judges the push of one commit or tag to a ref, together with all evidence of the clone.
///
/// # Errors
/// It cannot be judged.
pub(super) fn judge_update(workspace: &Workspace, to: &RefName, new: ObjectId) -> Result<Verdict> {
    judge_with(workspace, to, new, &Circumstances::default())
}

pub(super) fn judge_with(
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
        )
        .hint("name what you would push: refgate check REF --from COMMIT"));
    }
    judge(&Push { updates }, &workspace.judged()?, circumstances, workspace.now)
}

/// Returns the ref that would be pushed to.
pub(super) fn destination(workspace: &Workspace, named: Option<&str>) -> Result<RefName> {
    let git = &workspace.git;
    if let Some(named) = named {
        if named.starts_with("refs/") {
            return RefName::parse(named.as_bytes()).ok_or_else(|| {
                Error::new(ErrorKind::Usage, format!("{named:?} is no ref name"))
                    .hint("name a branch or tag of the server, such as main or refs/tags/v1.0")
            });
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
