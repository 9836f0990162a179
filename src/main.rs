//! Turns argv into one command, runs it and maps the result to an exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    refgate::cli::run(&args)
}
