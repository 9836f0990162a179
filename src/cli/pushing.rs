//! Sends what a client command wrote to the server, and shows what the server says.

use super::output::Output;
use crate::client::remote::Pushed;
use crate::client::workspace::Workspace;
use crate::error::{Error, ErrorKind, Result};

/// Pushes the user's evidence if asked to, or says how.
///
/// # Errors
/// The server refuses, or cannot be reached.
pub(super) fn wrap_up(workspace: &Workspace, push: bool, out: &mut Output) -> Result<()> {
    if push {
        let result = workspace.remote.push(&workspace.git, &[])?;
        return show(&result, out);
    }
    say_how(out);
    Ok(())
}

/// Says how to send what was written.
pub(super) fn say_how(out: &mut Output) {
    out.note("it is in your clone; to send it:");
    out.note("    refgate attach --push");
}

/// Shows how a push ended.
///
/// # Errors
/// The server refused.
pub(super) fn show(result: &Pushed, out: &mut Output) -> Result<()> {
    match result {
        Pushed::NothingToDo => out.line("the server has everything already"),
        Pushed::Done { refs, .. } => {
            let names: Vec<String> = refs.iter().map(ToString::to_string).collect();
            if !names.is_empty() {
                out.line(&format!("pushed {}", names.join(", ")));
            }
        }
        Pushed::Refused { said, report } => {
            out.note(said.trim_end());
            let lines = report.lines().filter(|line| line.starts_with('!'));
            lines.for_each(|line| out.note(line));
            return Err(Error::new(ErrorKind::Refused, "the server refused the push"));
        }
    }
    Ok(())
}
