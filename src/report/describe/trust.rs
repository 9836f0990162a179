//! What a push is judged by.

use super::{Context, more, run, say, why};
use crate::report::block::Block;
use crate::report::text::prose;
use crate::violation::TrustViolation;

pub(super) fn describe(violation: &TrustViolation, context: &Context<'_>, block: &mut Block) {
    match violation {
        TrustViolation::RootUnmet { wanted, found } => {
            block.title = "this push does not rest on the root of trust".into();
            let wanted_lines = wanted.iter().take(context.shown);
            block.seen = wanted_lines.map(|text| format!("wanted: {}", prose(text, 120))).collect();
            block.seen.extend(more(wanted.len(), context.shown));
            block.seen.push(format!("found: {}", why(found)));
            block.labels.push(("named in", "[trust-root] of the server settings".into()));
            block.hints = vec![
                say(
                    "push what the administrator has named, or have another root named on the server:",
                ),
                run("refgate install --trust-root COMMIT-OR-KEY REPOSITORY"),
            ];
        }
        TrustViolation::AnchorMoved => {
            block.title = "the policy changed while this push was judged".into();
            block.hints = context.catch_up();
        }
        TrustViolation::FilesVoid { diagnostics } => {
            block.title = "with these files nothing could be judged".into();
            for problem in diagnostics.iter().take(context.shown) {
                block.seen.extend(super::problem(
                    &problem.file,
                    problem.line,
                    &problem.message,
                    problem.help.as_deref(),
                ));
            }
            block.seen.extend(more(diagnostics.len(), context.shown));
            block.hints = vec![
                say("mend the files, and see what refgate reads in them before you push:"),
                run(format!("refgate policy check {}", context.new_or_head())),
            ];
        }
    }
}
