//! `refgate exception`: requests, approvals and the rest of an exception's life.

mod ask;
mod desk;
mod edit;
mod list;
mod new;
mod refusal;
mod show;
mod sign;
mod verdict;
mod vex;

pub(super) use new::{TEMPLATE, TEMPLATE_FILE};

use std::path::Path;
use std::process::ExitCode;

use super::ACCEPTED;
use super::args::exception::Exception;
use super::output::Output;
use crate::error::Result;

/// Runs the command.
///
/// # Errors
/// There is no clone or no server, the document cannot be read or written, or signing fails.
pub fn run(dir: &Path, args: &Exception, out: &mut Output) -> Result<ExitCode> {
    let done = |result: Result<()>| result.map(|()| ExitCode::from(ACCEPTED));
    match args {
        Exception::New(args) => done(new::new(dir, args, out)),
        Exception::Approve(args) => done(sign::approve(dir, args, out)),
        Exception::Close(args) => done(sign::close(dir, args, out)),
        Exception::Vex(args) => done(vex::vex(dir, args, out)),
        Exception::Revoke(args) => done(edit::revoke(dir, args, out)),
        Exception::Renew(args) => done(edit::renew(dir, args, out)),
        Exception::List(args) => list::list(dir, args, out),
        Exception::Show(args) => done(show::show(dir, args, out)),
    }
}
