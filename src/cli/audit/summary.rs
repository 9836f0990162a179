//! `refgate audit summary`: the verification summaries of a commit.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::args::Summary;
use crate::cli::args::Format;
use crate::cli::output::Output;
use crate::cli::{ACCEPTED, REFUSED};
use crate::client::remote::value;
use crate::client::workspace::Workspace;
use crate::error::{Error, ErrorKind, Result};
use crate::refname::RefName;
use crate::report::text::Foreign;
use crate::summary::verify::{Line, Verified, of_commit};
use crate::summary::{NOTES, statement::Read};

/// Shows every summary of a commit.
///
/// # Errors
/// The clone or its server cannot be read.
pub(super) fn show(dir: &Path, args: &Summary, out: &mut Output) -> Result<ExitCode> {
    out.progress("asking the server");
    let workspace = Workspace::open(dir, args.server.remote.as_deref(), args.server.offline)?;
    let commit = workspace.git.commit(&args.revision)?;
    let tip = RefName::parse(NOTES.as_bytes()).and_then(|name| workspace.remote.tracking(&name));
    let tip = match &tip {
        Some(tracking) => value(&workspace.git, tracking)?,
        None => None,
    };
    let tip = tip.ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{} has no {NOTES}", workspace.remote.name))
            .hint("its administrator makes the key that signs them: refgate install REPOSITORY")
    })?;
    let Workspace { objects, snapshot, limits, now, .. } = &workspace;
    let lines = of_commit(objects, tip, commit, snapshot, (limits, *now))?;
    match args.format {
        Format::Json => {
            let all: Vec<Value> = lines.iter().map(as_json).collect();
            let document = json!({ "commit": commit.to_string(), "summaries": all });
            out.line(&serde_json::to_string_pretty(&document).unwrap_or_default());
        }
        Format::Text if lines.is_empty() => {
            out.line(&format!("{} has no verification summary", commit.short()));
        }
        Format::Text => lines.iter().for_each(|line| print(line, out)),
    }
    let good = !lines.is_empty() && lines.iter().all(Result::is_ok);
    Ok(ExitCode::from(if good { ACCEPTED } else { REFUSED }))
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
