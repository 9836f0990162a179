//! `refgate audit`: what auditors look at, from clones and ledgers.

pub mod args;
mod report;
mod run;
mod sample;
#[cfg(feature = "fleet")]
mod workers;

use std::path::Path;
use std::process::ExitCode;

use args::Audit;

use super::output::Output;
use crate::error::Result;

/// Runs one of the commands.
///
/// # Errors
/// Something cannot be read or written.
pub fn run(dir: &Path, command: &Audit, out: &mut Output) -> Result<ExitCode> {
    match command {
        Audit::Sample(args) => sample::sample(dir, args, out),
        Audit::Run(args) => run::run(dir, args, out),
        Audit::Report(args) => report::report(dir, args, out),
    }
}
