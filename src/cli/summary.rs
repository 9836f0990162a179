//! `refgate verify --summary`: the verification summaries of a commit.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::args::{Server, VerdictFormat};
use super::output::Output;
use super::{ACCEPTED, REFUSED};
use crate::client::remote::value;
use crate::client::workspace::Workspace;
use crate::error::{Error, ErrorKind, Result};
use crate::id::CommitId;
use crate::refname::RefName;
use crate::report::text::Foreign;
use crate::summary::verify::{Line, Verified, of_commit};
use crate::summary::{NOTES, statement::Read};

/// Shows every summary of a commit.
///
/// # Errors
/// The clone or its server cannot be read.
pub(super) fn show(
    dir: &Path,
    revision: &str,
    server: &Server,
    format: VerdictFormat,
    out: &mut Output,
) -> Result<ExitCode> {
    out.progress("asking the server");
    let workspace = Workspace::open(dir, server.remote.as_deref(), server.offline)?;
    let commit = workspace.git.commit(revision)?;
    let lines = lines(&workspace, commit)?.ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{} has no {NOTES}", workspace.remote.name))
            .hint("its administrator makes the key that signs them: refgate install REPOSITORY")
    })?;
    match format {
        VerdictFormat::Json => {
            let all: Vec<Value> = lines.iter().map(as_json).collect();
            let document = json!({ "commit": commit.to_string(), "summaries": all });
            out.line(&serde_json::to_string_pretty(&document).unwrap_or_default());
        }
        VerdictFormat::Text if lines.is_empty() => {
            out.line(&format!("{} has no verification summary", commit.short()));
        }
        VerdictFormat::Text => lines.iter().for_each(|line| print(line, out)),
        other @ (VerdictFormat::Sarif | VerdictFormat::Junit | VerdictFormat::Github) => {
            return Err(no_form(other, "--summary"));
        }
    }
    let good = !lines.is_empty() && lines.iter().all(Result::is_ok);
    Ok(ExitCode::from(if good { ACCEPTED } else { REFUSED }))
}

/// Says that something is written as text or JSON alone.
pub(super) fn no_form(format: VerdictFormat, option: &str) -> Error {
    let name = clap::ValueEnum::to_possible_value(&format);
    let name = name.map(|value| value.get_name().to_owned()).unwrap_or_default();
    Error::new(ErrorKind::Usage, format!("{option} is not written as {name}"))
}

/// Returns the summaries of a commit, good and bad; none if the server has no notes of them.
pub(super) fn lines(workspace: &Workspace, commit: CommitId) -> Result<Option<Vec<Line>>> {
    let tip = RefName::parse(NOTES.as_bytes()).and_then(|name| workspace.remote.tracking(&name));
    let tip = match &tip {
        Some(tracking) => value(&workspace.git, tracking)?,
        None => None,
    };
    let Some(tip) = tip else { return Ok(None) };
    let Workspace { objects, snapshot, limits, now, .. } = workspace;
    of_commit(objects, tip, commit, snapshot, (limits, *now)).map(Some)
}

/// Says in a line each what the summaries of a release tag claim.
pub(super) fn tell(workspace: &Workspace, commit: CommitId, out: &mut Output) -> Result<()> {
    for line in lines(workspace, commit)?.unwrap_or_default() {
        let text = match &line {
            Ok(Verified { summary, by }) => {
                let refs: Vec<String> =
                    summary.source_refs.iter().map(|name| Foreign::from(name).shown(100)).collect();
                format!("summary of {}: level {}, signed by {by}", refs.join(", "), summary.level)
            }
            Err(why) => {
                let why = Foreign::from(&why.to_string()).shown(300);
                format!("warning: a summary does not count: {why}")
            }
        };
        out.line(&text);
    }
    Ok(())
}

fn print(line: &Line, out: &mut Output) {
    match line {
        Ok(Verified { summary, by }) => {
            let Read { source_refs, time, verdict, claims, .. } = summary;
            let foreign = |text: &String| Foreign::from(text).shown(100);
            let refs: Vec<String> = source_refs.iter().map(foreign).collect();
            let at = time.map(|time| time.to_string()).unwrap_or_default();
            let verdict = verdict.as_ref().map(foreign).unwrap_or_default();
            out.line(&format!("{}  {at}  verdict {verdict}  signed by {by}", refs.join(", ")));
            claims.iter().for_each(|claim| out.line(&format!("    {}", foreign(claim))));
        }
        Err(why) => {
            out.line(&format!("does not count: {}", Foreign::from(&why.to_string()).shown(300)));
        }
    }
}

fn as_json(line: &Line) -> Value {
    match line {
        Ok(Verified { summary, by }) => json!({
            "counts": true,
            "by": by.to_string(),
            "level": summary.level,
            "claims": summary.claims,
            "source-refs": summary.source_refs,
            "tag": summary.tag,
            "time": summary.time.map(|time| time.to_string()),
            "verdict": summary.verdict,
            "policy": summary.policy,
        }),
        Err(why) => json!({ "counts": false, "why": why.to_string() }),
    }
}
