//! `refgate release freeze`: windows in force and the next ones.

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::args::Format;
use crate::cli::args::release::Freeze as Args;
use crate::cli::output::Output;
use crate::cli::{ACCEPTED, REFUSED};
use crate::client::workspace::Workspace;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::freeze::{Freeze, Window};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shown {
    state: &'static str,
    reason: String,
    refs: Vec<String>,
    from: String,
    until: String,
    time_zone: String,
    local_from: String,
    local_until: String,
    rule: String,
}

/// Shows the windows.
///
/// # Errors
/// The policy cannot be read.
pub(super) fn freeze(dir: &Path, args: &Args, out: &mut Output) -> Result<ExitCode> {
    out.progress("asking the server");
    let workspace = Workspace::open(dir, args.server.remote.as_deref(), args.server.offline)?;
    let name = match args.name.as_deref() {
        Some(name) => Some(workspace.branch(Some(name))?),
        None => None,
    };
    let config = workspace.snapshot.policy.config();
    let mut shown = Vec::new();
    for freeze in &config.freeze {
        if name.as_ref().is_some_and(|name| !freeze.covers(name.as_bytes())) {
            continue;
        }
        let windows =
            [("in-force", freeze.at(workspace.now)), ("next", freeze.next(workspace.now))];
        let known = windows.into_iter().filter_map(|(state, window)| Some((state, window?)));
        shown.extend(known.map(|(state, window)| show(freeze, state, window)));
    }
    shown.sort_by(|a, b| (a.state, &a.from).cmp(&(b.state, &b.from)));
    let frozen = shown.iter().any(|window| window.state == "in-force");
    match args.format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&shown).map_err(|error| {
                Error::new(ErrorKind::Internal, error.to_string()).while_("writing JSON")
            })?;
            out.line(&text);
        }
        Format::Text => {
            if shown.is_empty() {
                out.line("nothing is frozen, now or later");
            }
            for window in &shown {
                let refs = if window.refs.is_empty() {
                    "every protected ref".to_owned()
                } else {
                    window.refs.join(", ")
                };
                let state = if window.state == "next" { "next  " } else { "FROZEN" };
                out.line(&format!(
                    "{state}  {} to {} {}  {}",
                    window.local_from, window.local_until, window.time_zone, window.reason
                ));
                out.line(&format!("        {refs}, {}", window.rule));
            }
        }
    }
    Ok(ExitCode::from(if frozen && args.fail_frozen { REFUSED } else { ACCEPTED }))
}

fn show(freeze: &Freeze, state: &'static str, window: Window) -> Shown {
    Shown {
        state,
        reason: freeze.reason.clone(),
        refs: freeze.refs.iter().map(ToString::to_string).collect(),
        from: window.from.to_string(),
        until: window.until.to_string(),
        time_zone: freeze.zone.clone(),
        local_from: freeze.local(window.from),
        local_until: freeze.local(window.until),
        rule: freeze.origin.to_string(),
    }
}
