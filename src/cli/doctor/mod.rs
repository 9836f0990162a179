//! `refgate doctor`: finds out whether an installation guards, and says what to mend.
//!
//! Looks at files, settings and git's configuration as the administrator who runs it,
//! and at last pushes a commit that must be refused. Nothing it does moves a ref.

mod checks;
mod hooks;
mod push;
mod sshd;

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::args::{Doctor, Format};
use super::install;
use super::output::Output;
use super::{ACCEPTED, CANNOT_JUDGE, REFUSED};
use crate::error::{ErrorKind, Result, ResultExt as _};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As it should be.
    Ok,
    /// It guards, and could be better.
    Advice,
    /// It does not guard, or soon will not.
    Problem,
    /// That cannot be found out.
    Unknown,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at, in a word.
    pub check: &'static str,
    /// How that ended.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Check {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, state: State::Ok, found: found.into(), remedy: None }
    }

    fn not(
        check: &'static str,
        state: State,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { check, state, found: found.into(), remedy: Some(remedy.into()) }
    }

    /// Takes the answer of a check that could not be made for one that is not known.
    fn or_unknown(check: &'static str, answer: Result<Self>) -> Self {
        answer.unwrap_or_else(|error| {
            let remedy = error.remedy().unwrap_or("run it as the user who owns the repository");
            Self::not(check, State::Unknown, error.to_string(), remedy)
        })
    }
}

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    repositories: &'a [Examined],
}

#[derive(Serialize)]
struct Examined {
    repository: String,
    checks: Vec<Check>,
}

/// Examines each repository.
///
/// # Errors
/// The report cannot be written.
pub fn doctor(args: &Doctor, out: &mut Output) -> Result<ExitCode> {
    let mut examined = Vec::new();
    for path in install::repositories(&args.repositories, args.all_under.as_deref())? {
        let checks = examine(&path, args);
        examined.push(Examined { repository: path.display().to_string(), checks });
    }
    match args.format {
        Format::Json => {
            let report = Report { version: 1, repositories: &examined };
            let text = serde_json::to_string_pretty(&report)
                .during(ErrorKind::Internal, || "writing the report as JSON".into())?;
            out.line(&text);
        }
        Format::Text => examined.iter().for_each(|examined| show(examined, out)),
    }
    let states = || examined.iter().flat_map(|examined| &examined.checks).map(|check| check.state);
    let status = if states().any(|state| state == State::Problem) {
        REFUSED
    } else if states().any(|state| state == State::Unknown) {
        CANNOT_JUDGE
    } else {
        ACCEPTED
    };
    Ok(ExitCode::from(status))
}

fn show(examined: &Examined, out: &mut Output) {
    out.line(&examined.repository);
    for Check { check, state, found, remedy } in &examined.checks {
        let word = match state {
            State::Ok => "ok",
            State::Advice => "advice",
            State::Problem => "PROBLEM",
            State::Unknown => "unknown",
        };
        out.line(&format!("  {word:<8} {check:<16} {found}"));
        if let Some(remedy) = remedy {
            out.line(&format!("  {:<8} {:<16} -> {remedy}", "", ""));
        }
    }
    let problems = examined.checks.iter().filter(|check| check.state >= State::Problem).count();
    out.line(&match problems {
        0 => "  it guards".to_owned(),
        1 => "  1 check did not pass".to_owned(),
        count => format!("  {count} checks did not pass"),
    });
}

fn examine(path: &Path, args: &Doctor) -> Vec<Check> {
    let layout = match install::layout(path) {
        Ok(layout) => layout,
        Err(error) => {
            let remedy = error.remedy().unwrap_or("name a repository of the server");
            return vec![Check::not("repository", State::Problem, error.to_string(), remedy)];
        }
    };
    let mut checks = vec![Check::ok("repository", format!("{} object ids", layout.hash))];
    checks.extend(checks::settings(&layout));
    checks.extend(hooks::hooks(&layout));
    checks.extend(checks::trust(&layout));
    checks.extend(checks::git(&layout));
    checks.extend(checks::disk(&layout));
    checks.push(Check::or_unknown("moves", checks::moves(&layout)));
    checks.push(Check::or_unknown("clock", checks::clock(&layout)));
    checks.extend(sshd::check(&args.sshd_config));
    if !args.no_push {
        checks.push(Check::or_unknown("dry push", push::dry_push(&layout)));
    }
    checks
}
