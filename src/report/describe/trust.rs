//! What a push is judged by.

use super::{Context, more, run, say};
use crate::report::block::Block;
use crate::report::text::{Foreign, wrap};
use crate::violation::TrustViolation;

pub(super) fn describe(violation: &TrustViolation, context: &Context<'_>, block: &mut Block) {
    match violation {
        TrustViolation::RootUnmet { wanted, found } => {
            block.title = "the first push does not rest on the root of trust".into();
            block.seen = wanted.iter().map(|text| format!("wanted  {text}")).collect();
            block.seen.extend(wrap(&format!("found   {found}"), 62));
            block.hints = vec![say(
                "push what the administrator has named as the root of trust (refgate install --trust-root)",
            )];
        }
        TrustViolation::AnchorMoved => {
            block.title = "the policy changed while this push was judged".into();
            block.hints = vec![say("fetch and push again:"), run("git fetch origin")];
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
            block.hints = vec![say("sign it with the key that your commits are signed with:")];
            block.hints.push(run(format!("git push --signed origin {}", context.ref_name)));
        }
        TrustViolation::CertificateFaulty { why } => {
            block.title = "the push certificate does not prove who pushes".into();
            block.seen = wrap(why, 62);
            block.labels = vec![("settings", "identity.require = \"signed-push\"".into())];
            block.hints = vec![say("sign the push with a key that meta/STRUCTURE.md lists:")];
            block.hints.push(run(format!("git push --signed origin {}", context.ref_name)));
        }
        TrustViolation::FilesVoid { diagnostics } => {
            block.title = "with these trusted files nothing could be judged any more".into();
            for problem in diagnostics.iter().take(context.shown) {
                let place = if problem.line == 0 {
                    problem.file.clone()
                } else {
                    format!("{}:{}", problem.file, problem.line)
                };
                block.seen.push(Foreign::from(&place).shown(60));
                block
                    .seen
                    .extend(wrap(&problem.message, 58).into_iter().map(|line| format!("  {line}")));
                let help = problem.help.iter().flat_map(|help| wrap(help, 52));
                block.seen.extend(help.enumerate().map(|(at, line)| {
                    format!("  {}{line}", if at == 0 { "help: " } else { "      " })
                }));
            }
            block.seen.extend(more(diagnostics.len(), context.shown));
            block.hints = vec![
                say("mend the files, and see what refgate reads in them before you push:"),
                run(format!("refgate policy check {}", context.new.unwrap_or("HEAD"))),
            ];
        }
    }
}
