//! The commands: one file each. They parse arguments, call the library, and own the output.

pub mod approve;
pub mod args;
pub mod attach;
pub mod audit;
pub mod check;
pub mod doctor;
mod dry;
pub mod evidence;
pub mod exception;
pub mod explain;
pub mod hook;
pub mod init;
pub mod inspect;
pub mod install;
pub mod land;
mod landing;
pub mod ledger;
mod nonce;
pub mod output;
pub mod policy;
pub mod proc_receive;
mod prospect;
mod pushing;
pub mod release;
#[cfg(feature = "fleet")]
mod server;
pub mod ship;
mod summary;
mod trust_root;
pub mod verify;
pub mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Cli, Command};
use output::Output;

use crate::client::git::Git;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};

/// The push is accepted, or there is nothing wrong.
pub const ACCEPTED: u8 = 0;
/// Judged, and refused.
pub const REFUSED: u8 = 1;
/// Could not judge.
pub const CANNOT_JUDGE: u8 = 2;

/// Runs the command that the arguments name.
#[must_use]
pub fn run(args: &[std::ffi::OsString]) -> ExitCode {
    // The hook stands between a person and their push: it is started before anything else is set up.
    if let Some(args) = hook::arguments(args) {
        return hook::run(&args);
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let is_help = !error.use_stderr();
            drop(error.print());
            return ExitCode::from(if is_help { ACCEPTED } else { CANNOT_JUDGE });
        }
    };
    crate::logging::to_stderr();
    let mut out = Output::standard();
    match command(&cli, &mut out) {
        Ok(code) => code,
        Err(error) => {
            let error = with_partial_remedy(&cli, error);
            show(&error, &mut out);
            ExitCode::from(if error.kind() == ErrorKind::Refused { REFUSED } else { CANNOT_JUDGE })
        }
    }
}

fn command(cli: &Cli, out: &mut Output) -> Result<ExitCode> {
    let directory = cli.directory.clone().unwrap_or_else(|| PathBuf::from("."));
    let dir: &Path = &directory;
    let done = |result: Result<()>| result.map(|()| ExitCode::from(ACCEPTED));
    match &cli.command {
        Command::Init(args) => done(init::init(dir, args, out)),
        Command::Approve(args) => done(approve::approve(dir, args, out)),
        Command::Reject(args) => done(approve::reject(dir, args, out)),
        Command::Withdraw(args) => done(approve::withdraw(dir, args, out)),
        Command::Attach(args) => done(attach::attach(dir, args, out)),
        Command::Evidence(args) => evidence::run(dir, args, out),
        Command::Check(args) => check::check(dir, args, out),
        Command::Status(args) => check::status(dir, args, out),
        Command::Land(args) => land::land(dir, args, out),
        Command::Seal(args) => land::seal(dir, args, out),
        Command::Exception(args) => exception::run(dir, args, out),
        Command::Release(args) => release::run(dir, args, out),
        Command::Verify(args) => verify::verify(dir, args, out),
        Command::Explain(args) => done(explain::explain(args, out)),
        Command::Policy(args) => policy::run(dir, args, out),
        Command::Ledger(args) => ledger::run(dir, args, out),
        Command::Audit(args) => audit::run(dir, args, out),
        Command::Install(args) => done(install::install(args, out)),
        Command::Uninstall(args) => done(install::uninstall(args, out)),
        Command::Doctor(args) => doctor::doctor(args, out),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "refgate", &mut script);
            out.bytes(&script);
            Ok(ExitCode::from(ACCEPTED))
        }
        Command::Man { directory } => done(
            clap_mangen::generate_to(Cli::command(), directory)
                .during(ErrorKind::Environment, || format!("writing to {}", directory.display())),
        ),
        Command::Hook { args } => Ok(hook::run(args)),
    }
}

/// Where objects cannot be read, adds what mends a partial clone: git would fetch them, and refgate reads what is there.
fn with_partial_remedy(cli: &Cli, error: Error) -> Error {
    let messages = error.diagnostics().iter().map(|diagnostic| &diagnostic.message);
    let lacks_something = messages.chain(error.chain()).any(|text| text.contains("is missing"));
    if !lacks_something {
        return error;
    }
    let directory = cli.directory.as_deref().unwrap_or(Path::new("."));
    match Git::find(directory).and_then(|git| git.partial_remedy()) {
        Ok(Some(remedy)) => error.hint(remedy),
        Ok(None) | Err(_) => error,
    }
}

/// Shows an error of a client command: what was being done, what failed, what mends it.
fn show(error: &Error, out: &mut Output) {
    let text = error.chain().join(": ");
    let mut lines = text.lines();
    out.note(&format!("error: {}", lines.next().unwrap_or_default()));
    // Programs and lists of paths take several lines.
    lines.for_each(|line| out.note(&format!("  {line}")));
    for diagnostic in error.diagnostics() {
        out.note(&format!("  --> {diagnostic}"));
        if let Some(help) = &diagnostic.help {
            out.note(&format!("      help: {help}"));
        }
    }
    for line in error.remedy().into_iter().flat_map(str::lines) {
        out.note(&format!("hint: {line}"));
    }
}
