//! `refgate release check` and `refgate release sign`.

use std::path::Path;
use std::process::ExitCode;

use super::tag::{self, Planned};
use crate::cli::args::VerdictFormat;
use crate::cli::args::release::{Check, Sign};
use crate::cli::check::{exit, judge_with, options, show_error, show_verdict};
use crate::cli::output::Output;
use crate::cli::pushing;
use crate::cli::{ACCEPTED, REFUSED};
use crate::client::workspace::Workspace;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{CommitId, ObjectId};
use crate::judge::{Circumstances, TagsAre};
use crate::repo::fault::ObjectKind;
use crate::report::remote::Occasion;
use crate::verdict::{self, Verdict};
use crate::violation::{ChecklistViolation, Violation};

/// Says what is open in a release.
///
/// # Errors
/// It cannot be judged.
pub(super) fn check(dir: &Path, args: &Check, out: &mut Output) -> Result<ExitCode> {
    let judged = judge_release(dir, args, out);
    let (workspace, planned, is_made, verdict) =
        judged.inspect_err(|error| show_error(error, args.format, out))?;
    let options = options(&workspace, Occasion::Prospect, args.all);
    show_verdict(&verdict, args.format, options, out);
    if args.format == VerdictFormat::Text && verdict.is_accepted() {
        let left = if is_made { "push it" } else { "sign it" };
        out.line(&format!("nothing is open in {}; what is left is to {left}:", planned.short));
        out.line(&if is_made {
            format!("    git push {} {}", workspace.remote.name, planned.short)
        } else {
            format!("    refgate release sign --push {}", planned.short)
        });
    }
    Ok(exit(&verdict))
}

fn judge_release(
    dir: &Path,
    args: &Check,
    out: &mut Output,
) -> Result<(Workspace, Planned, bool, Verdict)> {
    out.progress("asking the server");
    let workspace = Workspace::open(dir, args.server.remote.as_deref(), args.server.offline)?;
    let planned = match &args.version {
        Some(version) => Planned::of(&workspace, version)?,
        None => only_planned(&workspace, &args.commit)?,
    };
    out.progress("judging");
    if let Some(made) = tag::object(&workspace, &planned)? {
        let verdict = judge_with(&workspace, &planned.name, made, &Circumstances::default())?;
        return Ok((workspace, planned, true, verdict));
    }
    let commit = workspace.git.commit(&args.commit)?;
    let verdict = judge_planned(&workspace, &planned, commit)?;
    Ok((workspace, planned, false, verdict))
}

/// Returns the release whose document is in the commit and whose tag is not made.
fn only_planned(workspace: &Workspace, commit: &str) -> Result<Planned> {
    let pattern = workspace.snapshot.policy.config().checklist.document.as_str().to_owned();
    let (head, tail) = pattern.split_once("{tag}").unwrap_or((&pattern, ""));
    let commit = workspace.git.commit(commit)?.to_string();
    let listed = workspace.git.run(["ls-tree", "-r", "-z", "--name-only", &commit])?;
    let mut found = Vec::new();
    for path in listed.split('\0') {
        let named = path.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
        let Some(planned) = named.and_then(|tag| Planned::of(workspace, tag).ok()) else {
            continue;
        };
        if planned.document == path && tag::object(workspace, &planned)?.is_none() {
            found.push(planned);
        }
    }
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Error::new(ErrorKind::Usage, "no release document is without a tag")
            .hint("write one: refgate release new VERSION")),
        several => {
            let names: Vec<&str> = several.iter().map(|planned| planned.short.as_str()).collect();
            let what = format!("several releases have no tag yet: {}", names.join(", "));
            Err(Error::new(ErrorKind::Usage, what).hint("name one: refgate release check VERSION"))
        }
    }
}

/// Judges a tag that is not made yet, but for its signature.
///
/// # Errors
/// It cannot be judged.
pub(in crate::cli) fn judge_planned(
    workspace: &Workspace,
    planned: &Planned,
    commit: CommitId,
) -> Result<Verdict> {
    let unsigned = format!(
        "object {commit}\ntype commit\ntag {}\ntagger refgate <refgate@localhost> {} +0000\n\nPlanned\n",
        planned.short,
        workspace.now.as_second()
    );
    let object = workspace.store()?.write(ObjectKind::Tag, unsigned.as_bytes())?;
    let circumstances = Circumstances { tags: TagsAre::Planned, ..Circumstances::default() };
    let verdict = judge_with(workspace, &planned.name, object, &circumstances)?;
    Ok(but_for_signature(verdict))
}

fn but_for_signature(verdict: Verdict) -> Verdict {
    let Verdict { time, repository, trusted, mut refs, .. } = verdict;
    let is_signature = |violation: &Violation| {
        matches!(violation, Violation::Checklist(ChecklistViolation::TagUnsigned))
    };
    for judgement in &mut refs {
        for (_, outcome) in &mut judgement.gates {
            outcome.violations.retain(|violation| !is_signature(violation));
        }
    }
    verdict::decide(time, repository, trusted, refs)
}

/// Checks a release and makes its signed tag.
///
/// # Errors
/// It cannot be judged, or git cannot sign or push.
pub(super) fn sign(dir: &Path, args: &Sign, out: &mut Output) -> Result<ExitCode> {
    out.progress("asking the server");
    let workspace = Workspace::open(dir, args.server.remote.as_deref(), args.server.offline)?;
    let planned = Planned::of(&workspace, &args.version)?;
    let (git, short) = (&workspace.git, &planned.short);
    if tag::object(&workspace, &planned)?.is_some() {
        return Err(Error::new(ErrorKind::Usage, format!("there is a tag {short} already"))
            .hint(format!("push it: git push {} {short}", workspace.remote.name)));
    }
    let commit = git.commit(&args.commit)?;
    out.progress("judging");
    let verdict = judge_planned(&workspace, &planned, commit)?;
    if !verdict.is_accepted() {
        let options = options(&workspace, Occasion::Prospect, false);
        show_verdict(&verdict, VerdictFormat::Text, options, out);
        out.note(&format!("no tag was made; when nothing is open: refgate release sign {short}"));
        return Ok(ExitCode::from(REFUSED));
    }
    let message = args.message.clone().unwrap_or_else(|| format!("Release {short}"));
    let id = commit.to_string();
    // git signs as its configuration says: format, key and program.
    git.run(["tag", "--sign", "--message", &message, "--end-of-options", short, &id])?;
    let made: Option<ObjectId> = tag::object(&workspace, &planned)?;
    let made =
        made.ok_or_else(|| Error::new(ErrorKind::Environment, format!("git made no tag {short}")))?;
    let verdict = judge_with(&workspace, &planned.name, made, &Circumstances::default())?;
    if !verdict.is_accepted() {
        git.run(["tag", "--delete", "--", short.as_str()])?;
        let options = options(&workspace, Occasion::Prospect, false);
        show_verdict(&verdict, VerdictFormat::Text, options, out);
        out.note("the tag was taken away again");
        return Ok(ExitCode::from(REFUSED));
    }
    out.line(&format!("signed {short} of {}", commit.short()));
    if !args.push {
        out.note("it is in your clone; to release:");
        out.note(&format!("    git push {} {short}", workspace.remote.name));
        return Ok(ExitCode::from(ACCEPTED));
    }
    out.progress("pushing");
    // The gates look at evidence, which has to be there when the tag arrives.
    pushing::show(&workspace.remote.push(git)?, out)?;
    let outcome = git.outcome(["push", "--", &workspace.remote.name, &planned.name.to_string()])?;
    let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
    if !outcome.status.success() {
        out.note(said.trim_end());
        return Err(Error::new(ErrorKind::Refused, "the server refused the tag")
            .hint(format!("it is in your clone; to take it away: git tag -d {short}")));
    }
    said.lines().filter(|line| line.starts_with("remote: ")).for_each(|line| out.note(line));
    out.line(&format!("released {short}"));
    Ok(ExitCode::from(ACCEPTED))
}
