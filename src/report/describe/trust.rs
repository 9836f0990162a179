//! What a push is judged by.

use super::{Context, more, run, say, why};
use crate::report::block::{Block, Hint};
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
        TrustViolation::PusherUnknown { pusher } => {
            block.title = "the server does not know you as one of the people here".into();
            block.seen = vec![match pusher {
                Some(pusher) => format!("it knows you as {}", pusher.quoted(50)),
                None => "it does not say who pushes".into(),
            }];
            block.labels = vec![("settings", "identity.require = \"host\"".into())];
            block.hints = vec![say(
                "the administrator maps accounts to addresses: [identity.users] in the server settings",
            )];
        }
        TrustViolation::PushUnsigned => {
            block.title = "the push is not signed".into();
            block.labels = vec![("settings", "identity.require = \"signed-push\"".into())];
            block.hints =
                signed_push(context, "sign it with the key that your commits are signed with:");
        }
        TrustViolation::CertificateFaulty { why } => {
            block.title = "the push certificate does not prove who pushes".into();
            block.seen = vec![prose(why, 300)];
            block.labels = vec![("settings", "identity.require = \"signed-push\"".into())];
            block.hints =
                signed_push(context, "sign the push with a key that meta/STRUCTURE.md lists:");
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

/// How a push is signed, behind the words for whom it is.
fn signed_push(context: &Context<'_>, words: &str) -> Vec<Hint> {
    let command = format!("git push --signed {} {}", context.remote(), context.ref_name);
    vec![say(words), run(command)]
}
