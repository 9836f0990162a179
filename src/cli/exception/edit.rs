//! `refgate exception revoke` and `renew`: changes of the front matter.

use std::path::Path;

use jiff::civil::Date;

use super::desk::{Desk, id, say_commit};
use crate::cli::args::exception::{Renew, Revoke};
use crate::cli::output::Output;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::exception::{
    self, Exception, ExceptionId, Standing, days_between, digest_end, latest_end,
};

/// The longest reason of a revocation, in bytes.
const REASON_LEN: usize = 400;

/// Marks an exception as revoked.
///
/// # Errors
/// It is revoked already, or cannot be read or written.
pub(super) fn revoke(dir: &Path, args: &Revoke, out: &mut Output) -> Result<()> {
    let desk = Desk::open(dir, &args.server)?;
    let id = id(&args.id)?;
    let reason = args.message.trim();
    if reason.is_empty()
        || reason.len() > REASON_LEN
        || crate::policy::text::hidden_char(reason).is_some()
    {
        let what = format!("the reason is one line of at most {REASON_LEN} bytes");
        return Err(Error::new(ErrorKind::Usage, what));
    }
    let document = desk.document(&id)?;
    if let Standing::Revoked { on, .. } = document.standing {
        return Err(Error::new(ErrorKind::Usage, format!("{id} was revoked on {on}")));
    }
    let text = desk.text(&id)?;
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let reason = serde_json::Value::from(reason);
    let today = desk.today();
    let text = format!("{first}\nrevoked = \"{today}\"\nrevoked-because = {reason}\n{rest}");
    reread(&desk, &id, &text, |exception| exception.revoked == Some(today))?;
    desk.write(&id, &text)?;
    out.line(&format!(
        "{id} is marked as revoked; it is dead once this is on the server's {}",
        desk.workspace.trust_ref
    ));
    out.note("keep the document there until it would have expired");
    say_commit(&[id], "Revoke exception", out);
    Ok(())
}

/// Gives an exception a new end and takes its signatures off.
///
/// # Errors
/// It is revoked, or cannot be read or written.
pub(super) fn renew(dir: &Path, args: &Renew, out: &mut Output) -> Result<()> {
    let desk = Desk::open(dir, &args.server)?;
    let id = id(&args.id)?;
    let document = desk.document(&id)?;
    let exception = &document.exception;
    if let Standing::Revoked { on, .. } = document.standing {
        return Err(Error::new(ErrorKind::Usage, format!("{id} was revoked on {on}"))
            .hint("request a new one: refgate exception new"));
    }
    let expires = match &args.expires {
        Some(text) => desk.last_day(text)?,
        None => as_long_as_before(&desk, exception),
    };
    let text = desk.text(&id)?;
    let signed = text.get(..digest_end(text.as_bytes())).unwrap_or(&text);
    let today = desk.today();
    let text = with_key(signed, "expires", expires)
        .and_then(|text| with_key(&text, "requested", today))
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                format!("{}: expires is not on a line of its own", id.path()),
            )
            .hint("set requested and expires by hand, and remove the signatures below")
        })?;
    desk.write(&id, &text)?;
    out.line(&format!(
        "{id} asks for an end on {expires}; say in \"Duration\" why, then have it approved"
    ));
    out.note(&format!("    refgate exception approve {id}"));
    say_commit(&[id], "Renew exception", out);
    Ok(())
}

/// Checks that a changed document says what it shall say, before it is written.
fn reread(
    desk: &Desk,
    id: &ExceptionId,
    text: &str,
    says: impl Fn(&Exception) -> bool,
) -> Result<()> {
    match exception::read(&id.path(), text.as_bytes(), &desk.workspace.limits) {
        Ok(exception) if says(&exception) => Ok(()),
        Ok(_) => Err(Error::new(
            ErrorKind::Usage,
            format!("{}: the key does not stand on a line of its own", id.path()),
        )
        .hint("edit the document by hand")),
        Err(problems) => Err(Error::from_diagnostics(format!("changing {}", id.path()), problems)),
    }
}

fn as_long_as_before(desk: &Desk, exception: &Exception) -> Date {
    let (latest, _) = latest_end(desk.policy(), exception.waives, desk.workspace.now);
    let days = days_between(exception.requested, exception.expires);
    let span = jiff::Span::new().try_days(days).unwrap_or_default();
    desk.today().checked_add(span).map_or(latest, |day| day.min(latest))
}

/// Sets a key of the front matter that stands on a line of its own.
fn with_key(text: &str, key: &str, day: Date) -> Option<String> {
    let mut set = false;
    let mut fences = 0;
    let lines: Vec<String> = text
        .split_inclusive('\n')
        .map(|line| {
            fences += usize::from(line.trim_end() == "+++");
            let is_key =
                line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
            if fences == 1 && is_key && !set {
                set = true;
                return format!("{key} = \"{day}\"\n");
            }
            line.to_owned()
        })
        .collect();
    set.then(|| lines.concat())
}
