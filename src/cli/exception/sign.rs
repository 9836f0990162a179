//! `refgate exception approve` and `close`: signed lines at the end of a document.

use std::path::Path;

use super::desk::{Desk, id, say_commit};
use crate::cli::args::exception::{Approve, Close};
use crate::cli::output::Output;
use crate::client::sign::Signer;
use crate::collect::exceptions;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::exception::{
    Document, Exception, ExceptionId, SeenState, Signature, Standing, Statement, Waives, What,
    fit_finding, latest_end, may_approve,
};

/// Signs an approval and adds it to the document.
///
/// # Errors
/// The user may not approve it, the document cannot be approved, or signing fails.
pub(super) fn approve(dir: &Path, args: &Approve, out: &mut Output) -> Result<()> {
    let desk = Desk::open(dir, &args.server)?;
    let id = id(&args.id)?;
    let document = desk.document(&id)?;
    let statement = statement(&desk, &document.exception, What::Approval, None)?;
    if args.payload {
        let repository = desk.policy().config().repository.to_string();
        out.bytes(&statement.payload(&repository, &id));
        return Ok(());
    }
    let exception = &document.exception;
    if let Standing::Revoked { on, .. } = &document.standing {
        return Err(Error::new(ErrorKind::Usage, format!("{id} was revoked on {on}"))
            .hint("request a new one: refgate exception new"));
    }
    if desk.workspace.now >= exception.end() {
        let what = format!("{id} expired on {}", exception.expires);
        return Err(Error::new(ErrorKind::Usage, what)
            .hint(format!("set a new end first: refgate exception renew {id}")));
    }
    let (latest, allowed) = latest_end(desk.policy(), exception.waives, statement.at);
    if exception.expires > latest {
        let what =
            format!("{id} lasts until {}, but {allowed} from now is {latest}", exception.expires);
        return Err(Error::new(ErrorKind::Usage, what)
            .hint(format!("refgate exception renew {id} --expires {latest}")));
    }
    super::show::print(&desk, &document, out);
    let name = add_line(&desk, &document, statement)?;
    out.line(&format!("approved as {name} until {}", exception.expires));
    say_commit(&[id], "Approve exception", out);
    Ok(())
}

/// Signs a review of what a break-glass exception was used for.
///
/// # Errors
/// As [`approve`].
pub(super) fn close(dir: &Path, args: &Close, out: &mut Output) -> Result<()> {
    let desk = Desk::open(dir, &args.server)?;
    let id = id(&args.id)?;
    let finding = fit_finding(&args.message).ok_or_else(|| {
        Error::new(ErrorKind::Usage, "the finding is one line of at most 400 bytes, without \";\"")
    })?;
    let document = desk.document(&id)?;
    if document.exception.waives != Waives::EveryGate {
        let what = format!("{id} is no break-glass exception, so there is nothing to close");
        return Err(Error::new(ErrorKind::Usage, what)
            .hint(format!("to end it early: refgate exception revoke {id} -m REASON")));
    }
    let statement = statement(&desk, &document.exception, What::Review, Some(finding))?;
    let name = add_line(&desk, &document, statement)?;
    out.line(&format!("reviewed as {name}"));
    say_commit(&[id], "Close exception", out);
    Ok(())
}

fn statement(
    desk: &Desk,
    exception: &Exception,
    what: What,
    finding: Option<String>,
) -> Result<Statement> {
    let me = desk.workspace.me()?;
    let now = desk.workspace.now;
    let at = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
    may_approve(desk.policy(), exception, me.id(), at, now).map_err(|state| {
        let id = &exception.id;
        let why = if state == SeenState::OwnRequest {
            format!("{} asks for {id}, or answers for the repair, and cannot approve it", me.id())
        } else {
            format!("{} is not Security Engineering, who approve exceptions", me.id())
        };
        Error::new(ErrorKind::Usage, why).hint("refgate policy show prints who is")
    })?;
    Ok(Statement { what, document: exception.digest, by: me.id().clone(), at, finding })
}

/// Signs, checks that the server will take it, and writes the line; returns the name of the signer.
fn add_line(desk: &Desk, document: &Document, statement: Statement) -> Result<String> {
    let id: &ExceptionId = &document.exception.id;
    let text = desk.text(id)?;
    let repository = desk.policy().config().repository.to_string();
    let payload = statement.payload(&repository, id);
    let (form, signature) = Signer::configured(&desk.workspace.git, None)?.sign(&payload)?;
    let signature = Signature { statement, form, signature };
    desk.with_scene(|scene| {
        exceptions::check(scene, &document.exception, &signature).map_err(|problem| {
            let what = format!("the server would not accept this signature: {problem}");
            Error::new(ErrorKind::Usage, what)
                .hint("sign with a key that meta/STRUCTURE.md lists for you")
        })
    })?;
    let name = desk.workspace.me()?.name().to_owned();
    let line = signature.to_line(&name);
    // The blank line above the first signature is part of what is signed, so it must be there
    // already; `new` writes it, and one more is harmless below the first.
    let separator = if text.ends_with('\n') { "" } else { "\n" };
    if text.ends_with('\n') || !document.exception.lines.is_empty() {
        desk.write(id, &format!("{text}{separator}{line}\n"))?;
        return Ok(name);
    }
    Err(Error::new(ErrorKind::Usage, format!("{} does not end with a new line", id.path()))
        .hint("end its last line, then approve it"))
}
