//! `refgate explain`: one page about each code.

use super::args::Explain;
use super::output::Output;
use crate::error::{Error, ErrorKind, Result};
use crate::explain;

/// Shows the page of a code, or lists all codes.
///
/// # Errors
/// There is no such code.
pub fn explain(args: &Explain, out: &mut Output) -> Result<()> {
    let Some(code) = &args.code else {
        for (code, page) in explain::PAGES {
            let title = page.lines().next().unwrap_or_default().trim_start_matches("# ");
            let title = title.split_once(": ").map_or(title, |(_, title)| title);
            out.line(&format!("{code:<30} {title}"));
        }
        return Ok(());
    };
    match explain::page(code) {
        Some(page) => {
            out.text(page);
            Ok(())
        }
        None => Err(Error::new(ErrorKind::Usage, format!("there is no code {code:?}"))
            .hint("refgate explain lists them all")),
    }
}
