//! Sends what a client command wrote to the server, and shows what the server says.

use super::output::Output;
use crate::client::remote::Pushed;
use crate::client::workspace::Workspace;
use crate::error::{Error, ErrorKind, Result};

/// Pushes the user's evidence if asked to, or says how: with the command that is given.
///
/// # Errors
/// The server refuses, or cannot be reached.
pub(super) fn wrap_up(
    workspace: &Workspace,
    push: bool,
    command: &str,
    out: &mut Output,
) -> Result<()> {
    if push {
        out.progress("pushing");
        let result = workspace.remote.push(&workspace.git)?;
        return show(&result, out);
    }
    out.note("it is in your clone; to send it:");
    out.note(&format!("    {command}"));
    Ok(())
}

/// Says how to send evidence that was written.
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
        Pushed::Done { refs, said } => {
            // A server that accepts may still have something to say, such as a warning.
            said.lines()
                .filter(|line| line.starts_with("remote: "))
                .for_each(|line| out.note(line));
            let names: Vec<String> = refs.iter().map(ToString::to_string).collect();
            if !names.is_empty() {
                out.line(&format!("pushed {}", names.join(", ")));
            }
        }
        Pushed::Moved => {
            return Err(Error::new(ErrorKind::Environment, "the branch moved on before the push")
                .hint("try again"));
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
