//! `refgate verify`: judges a release tag again, from a clone alone, before what it releases is deployed.
//!
//! Rules and people are those of the server's main branch now, so that a key which was lost since
//! counts no more; the template is that of the release's time. Evidence and exceptions are judged at `--at`.

use std::path::Path;
use std::process::ExitCode;

use super::args::VerdictFormat;
use super::args::release::Verify;
use super::check::{exit, options, show_error, show_verdict};
use super::output::Output;
use super::release::tag::{Planned, object};
use super::{release, summary};
use crate::client::git::Git;
use crate::client::workspace::Workspace;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ObjectId, TagId};
use crate::judge::{Circumstances, TagsAre, judge};
use crate::receive::{Name, Push, RefUpdate};
use crate::repo::tag::Tag;
use crate::report::remote::Occasion;
use crate::verdict::Verdict;

/// Judges a release tag, or checks an archive or summaries alone.
///
/// # Errors
/// It cannot be judged.
pub fn verify(dir: &Path, args: &Verify, out: &mut Output) -> Result<ExitCode> {
    if let Some(file) = &args.archive {
        return match args.format {
            VerdictFormat::Text => release::archive::verify(dir, file, out),
            other @ (VerdictFormat::Json
            | VerdictFormat::Sarif
            | VerdictFormat::Junit
            | VerdictFormat::Github) => Err(summary::no_form(other, "--archive")),
        };
    }
    let Some(revision) = &args.tag else {
        return Err(Error::new(ErrorKind::Usage, "no tag is named"));
    };
    if args.summary {
        return summary::show(dir, revision, &args.server, args.format, out);
    }
    let judged = judge_tag(dir, revision, args, out);
    let (workspace, planned, verdict) =
        judged.inspect_err(|error| show_error(error, args.format, out))?;
    let options = options(&workspace, Occasion::Release, args.all);
    show_verdict(&verdict, args.format, options, out);
    if args.format == VerdictFormat::Text && verdict.is_accepted() {
        let commit = workspace.git.commit(&planned.name.to_string())?;
        out.line(&format!(
            "{} releases {}; good by the rules of {} {} at {}",
            planned.short,
            commit.short(),
            workspace.trust_ref,
            workspace.anchor.short(),
            workspace.now
        ));
        summary::tell(&workspace, commit, out)?;
    }
    Ok(exit(&verdict))
}

fn judge_tag(
    dir: &Path,
    tag: &str,
    args: &Verify,
    out: &mut Output,
) -> Result<(Workspace, Planned, Verdict)> {
    Git::find(dir)?.require_history()?;
    out.progress("asking the server");
    let mut workspace = Workspace::open(dir, args.server.remote.as_deref(), args.server.offline)?;
    let planned = Planned::of(&workspace, tag)?;
    let held = object(&workspace, &planned)?;
    if !args.server.offline {
        same_as_on_server(&workspace, &planned, held)?;
    }
    let Some(held) = held else {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("there is no tag {} here", planned.short),
        )
        .hint(format!("git fetch {} tag {}", workspace.remote.name, planned.short)));
    };
    if let Some(at) = &args.at {
        workspace.now = moment(&workspace, at, held)?;
    }
    out.progress("judging");
    let update =
        RefUpdate { name: Name::Ref(planned.name.clone()), claimed_old: None, new: Some(held) };
    let circumstances = Circumstances { tags: TagsAre::Accepted, ..Circumstances::default() };
    let push = Push { updates: vec![update] };
    let verdict = judge(&push, &workspace.judged()?, &circumstances, workspace.now)?;
    Ok((workspace, planned, verdict))
}

/// Goes on if the server holds the very tag that is here, or would be fetched.
fn same_as_on_server(
    workspace: &Workspace,
    planned: &Planned,
    held: Option<ObjectId>,
) -> Result<()> {
    let (remote, name) = (&workspace.remote.name, planned.name.to_string());
    let listed = workspace.git.run(["ls-remote", "--", remote, &name])?;
    let theirs = listed.lines().find_map(|line| {
        let (id, listed) = line.split_once('\t')?;
        (listed == name).then(|| id.to_owned())
    });
    let refused = |what: String| Error::new(ErrorKind::Refused, what);
    match (theirs, held.map(|id| id.to_hex().to_string())) {
        (None, _) => Err(refused(format!("{remote} has no tag {}", planned.short))
            .hint("verify the name of the tag; what nobody pushed is no release")),
        (Some(theirs), Some(ours)) if theirs != ours => {
            let short = |id: &str| id.chars().take(crate::id::SHORT_LEN).collect::<String>();
            Err(refused(format!(
                "the tag {} is {} here and {} on {remote}",
                planned.short,
                short(&ours),
                short(&theirs)
            ))
            .hint(format!(
                "take that of the server: git fetch --force {remote} tag {}",
                planned.short
            )))
        }
        (Some(_), _) => Ok(()),
    }
}

fn moment(workspace: &Workspace, at: &str, held: ObjectId) -> Result<Timestamp> {
    if at == "tag" {
        let tag = Tag::read(&workspace.objects, TagId(held), &workspace.limits)
            .map_err(|error| error.on_the_trusted_side())?;
        // Nobody can have decided later than now.
        let said = Timestamp::from_second(tag.tagger.seconds).unwrap_or(workspace.now);
        return Ok(said.min(workspace.now));
    }
    at.parse().map_err(|_| {
        Error::new(ErrorKind::Usage, format!("--at {at:?} is no time"))
            .hint("write it with its offset: --at 2026-11-25T10:00:00Z, or --at tag")
    })
}
