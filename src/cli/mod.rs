//! The commands: one file each. They parse arguments, call the library, and own the output.

pub mod hook;

use std::process::ExitCode;

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
    if args.get(1).is_some_and(|first| first == "hook") {
        return hook::run(args.get(2..).unwrap_or_default());
    }
    ExitCode::from(CANNOT_JUDGE)
}
