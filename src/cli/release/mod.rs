//! `refgate release`: the document, the check before the tag, the signed tag, freezes, and archives.

pub(super) mod archive;
mod freeze;
mod new;
pub(super) mod sign;
pub(super) mod tag;

use std::path::Path;
use std::process::ExitCode;

use super::args::release::Release;
use super::output::Output;
use crate::error::Result;

/// Runs a command about releases.
///
/// # Errors
/// As the command says.
pub fn run(dir: &Path, command: &Release, out: &mut Output) -> Result<ExitCode> {
    match command {
        Release::New(args) => new::new(dir, args, out),
        Release::Check(args) => sign::check(dir, args, out),
        Release::Sign(args) => sign::sign(dir, args, out),
        Release::Freeze(args) => freeze::freeze(dir, args, out),
        Release::Archive(args) => archive::write(dir, args, out),
    }
}
