//! `refgate exception show`: what refgate reads in a document, and how it stands.

use std::path::Path;

use super::desk::{Desk, id};
use super::list;
use crate::cli::args::Format;
use crate::cli::args::exception::Show;
use crate::cli::output::Output;
use crate::error::Result;
use crate::evidence::exception::{Document, Exception, SeenState, Waives, What, could_approve};
use crate::report::block::table;
use crate::report::text::Foreign;

/// Shows one exception.
///
/// # Errors
/// There is none of that id, or it cannot be read.
pub(super) fn show(dir: &Path, args: &Show, out: &mut Output) -> Result<()> {
    let desk = Desk::open(dir, &args.server)?;
    let document = desk.document(&id(&args.id)?)?;
    if args.format == Format::Json {
        let row = list::Row::of(&desk, &document, None)?;
        return list::json(&row, out);
    }
    print(&desk, &document, out);
    let row = list::Row::of(&desk, &document, None)?;
    out.line(&format!("state: {}", row.state_text()));
    for line in &document.lines {
        let what = match line.what {
            What::Approval => "approval",
            What::Review => "review",
        };
        let says = match &line.signer {
            Ok(signer) => format!("{} at {}", signer.by, signer.at),
            Err(state) => format!("{}: {}", line.claimed_by.shown(60), why(state)),
        };
        out.line(&format!("  line {}: {what} by {says}", line.line));
    }
    let could: Vec<String> = could_approve(desk.policy(), &document.exception, desk.workspace.now)
        .into_iter()
        .map(|person| format!("{} <{}>", person.name, person.id))
        .collect();
    out.line(&format!("can be approved by: {}", could.join(", ")));
    Ok(())
}

fn why(state: &SeenState) -> String {
    match state {
        SeenState::Unsigned => "not signed".into(),
        SeenState::Malformed(why) | SeenState::Refused(why) => why.clone(),
        SeenState::OtherDocument => "the document was changed after it was signed".into(),
        SeenState::NotSecurity => "not Security Engineering".into(),
        SeenState::OwnRequest => "asks for it, or answers for the repair".into(),
        SeenState::FromFuture => "dated in the future".into(),
    }
}

/// Prints what an exception says, before it is signed.
pub(super) fn print(desk: &Desk, document: &Document, out: &mut Output) {
    let Exception { id, waives, scope, requested, expires, requester, owner, .. } =
        &document.exception;
    let what = match waives {
        Waives::Findings => "findings of scanners",
        Waives::Freeze => "freezes: what passes the gates lands meanwhile",
        Waives::EveryGate => "BREAK-GLASS: every gate, for a push that names it",
    };
    out.line(&format!("{id}: {what}"));
    let list = |items: Vec<String>| {
        items.iter().map(|item| Foreign::from(item).shown(100)).collect::<Vec<_>>().join(", ")
    };
    let mut rows: Vec<Vec<String>> = vec![
        vec!["  requested".into(), format!("{requested} by {requester}")],
        vec!["  owner".into(), owner.to_string()],
        vec![
            "  expires".into(),
            format!(
                "{expires}, {} days from today",
                crate::evidence::exception::days_between(desk.today(), *expires)
            ),
        ],
        vec!["  refs".into(), list(scope.refs.iter().map(ToString::to_string).collect())],
    ];
    for (key, items) in [
        ("rules", scope.rules.clone()),
        ("tools", scope.tools.clone()),
        ("fingerprints", scope.fingerprints.clone()),
        ("paths", scope.paths.iter().map(ToString::to_string).collect()),
        ("packages", scope.packages.iter().map(ToString::to_string).collect()),
    ] {
        if !items.is_empty() {
            rows.push(vec![format!("  {key}"), list(items)]);
        }
    }
    table(&rows).iter().for_each(|row| out.line(row));
}
