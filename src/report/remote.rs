//! The verdict as lines for the person who pushed.
//!
//! Accepting is silent. A refusal says everything at once: per ref in the order of
//! the push, per gate in the order of the policy; the summary stands last, nearest to the prompt.

use super::block::{Block, Hint, Level};
use super::describe::{Context, describe};
use super::text::Foreign;
use crate::error::{Error, ErrorKind};
use crate::id::{ObjectId, SHORT_LEN};
use crate::verdict::{RefJudgement, Verdict};

/// How much of a verdict is shown.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Items of a kind that are shown before the rest is counted.
    pub shown: usize,
    /// Lines of the whole report; the rest is counted.
    pub lines: usize,
    /// Whether git asks about each ref alone, as it asks the `update` hook.
    pub each_ref_alone: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { shown: super::describe::SHOWN, lines: 400, each_ref_alone: false }
    }
}

impl Options {
    /// Shows all that the verdict holds.
    #[must_use]
    pub fn everything() -> Self {
        Self { shown: usize::MAX / 8, lines: usize::MAX, each_ref_alone: false }
    }
}

/// Writes the report of a verdict: nothing if the push is accepted.
#[must_use]
pub fn verdict(verdict: &Verdict) -> String {
    verdict_with(verdict, Options::default())
}

/// As [`verdict`], with more or less of it shown.
#[must_use]
pub fn verdict_with(verdict: &Verdict, options: Options) -> String {
    if verdict.is_accepted() {
        return String::new();
    }
    let mut lines: Vec<String> = Vec::new();
    let (mut violations, mut refused_refs) = (0, 0);
    let mut codes: Vec<&'static str> = Vec::new();
    for judgement in &verdict.refs {
        let blocks = blocks(judgement, verdict, options);
        violations += blocks.len();
        refused_refs += usize::from(!blocks.is_empty());
        for block in blocks {
            codes.extend(block.code.filter(|code| !codes.contains(code)));
            lines.extend(block.lines());
            lines.push(String::new());
        }
    }
    if lines.len() > options.lines {
        let left_out = lines.len() - options.lines;
        lines.truncate(options.lines);
        lines.push(format!("... and {left_out} more lines (refgate check --all shows them)"));
        lines.push(String::new());
    }
    let refs = verdict.refs.len();
    let plural = if violations == 1 { "violation" } else { "violations" };
    lines.push(format!(
        "error: push rejected, {violations} {plural} on {refused_refs} of {refs} {} (verdict {})",
        if refs == 1 { "ref" } else { "refs" },
        verdict.id
    ));
    let rests_on_notes =
        |code: &&str| ["scan-", "tests-", "review-"].iter().any(|gate| code.starts_with(gate));
    if options.each_ref_alone && codes.iter().any(rests_on_notes) {
        lines.extend(Hint::Say(EACH_REF_ALONE.into()).lines());
    }
    for code in codes.iter().take(1) {
        lines.extend(Hint::Say(format!("refgate explain {code}")).lines());
    }
    join(&lines)
}

const EACH_REF_ALONE: &str = "this server judges each ref alone (update hook), so that \
    evidence and approvals count if they were pushed before, not along with the branch";

/// Returns the messages about one ref.
#[must_use]
pub fn blocks(judgement: &RefJudgement, verdict: &Verdict, options: Options) -> Vec<Block> {
    let short = |id: ObjectId| id.to_hex_with_len(SHORT_LEN).to_string();
    let (old, new) = (judgement.old.map(short), judgement.new.map(short));
    judgement
        .violations()
        .map(|(rule, violation)| {
            let context = Context {
                ref_name: &judgement.name,
                old: old.as_deref(),
                new: new.as_deref(),
                trusted: verdict.trusted.as_ref(),
                rule,
                shown: options.shown,
            };
            describe(violation, &context)
        })
        .collect()
}

/// Writes why the push could not be judged.
///
/// The person who pushed learns that it is not their fault, and whom to show it to.
#[must_use]
pub fn error(error: &Error) -> String {
    let mut block = Block {
        level: Level::Error,
        code: None,
        title: "refgate cannot judge this push, so it is refused".into(),
        place: String::new(),
        seen: Vec::new(),
        labels: Vec::new(),
        hints: Vec::new(),
    };
    for diagnostic in error.diagnostics().iter().take(20) {
        let place = if diagnostic.line == 0 {
            diagnostic.file.clone()
        } else {
            format!("{}:{}", diagnostic.file, diagnostic.line)
        };
        block.seen.push(Foreign::from(&place).shown(60));
        block.seen.extend(
            super::text::wrap(&diagnostic.message, 60).into_iter().map(|line| format!("  {line}")),
        );
        block.seen.extend(
            diagnostic
                .help
                .iter()
                .flat_map(|help| super::text::wrap(help, 60))
                .map(|line| format!("  {line}")),
        );
    }
    let mut steps = error.chain().iter();
    block.place = steps.next().map(|step| plain(step)).unwrap_or_default();
    block.seen.extend(steps.flat_map(|step| super::text::wrap(&plain(step), 62)));
    let (label, who) = match error.kind() {
        ErrorKind::Usage
        | ErrorKind::Policy
        | ErrorKind::Repository
        | ErrorKind::Refused
        | ErrorKind::Environment => {
            ("nothing in your push causes this", "show this to the repository's administrator")
        }
        ErrorKind::Limit => (
            "the server bounds the work that one push may cause",
            "if the push is as it should be, show this to the repository's administrator",
        ),
        ErrorKind::Internal => (
            "this is a fault of refgate itself",
            "show this to the repository's administrator, who can report it",
        ),
    };
    block.labels.push(("note", label.into()));
    block.hints.extend(error.remedy().map(|remedy| Hint::Say(plain(remedy))));
    block.hints.push(Hint::Say(who.into()));
    join(&block.lines())
}

/// Warns that refs of an accepted push did not move, although the verdict rests on all of them.
#[must_use]
pub fn absent(id: &str, refs: &[Foreign]) -> String {
    let mut block = Block {
        level: Level::Warning,
        code: None,
        title: "the push was accepted as a whole, but part of it did not land".into(),
        place: format!("verdict {id}"),
        seen: refs.iter().map(|name| name.shown(60)).collect(),
        labels: vec![("note", "what did land may rest on evidence that is not here".into())],
        hints: vec![Hint::Say("push the refs above again, all together:".into())],
    };
    let names: Vec<String> = refs.iter().map(|name| name.shown(200)).collect();
    block.hints.push(Hint::Run(format!("git push --atomic origin {}", names.join(" "))));
    join(&block.lines())
}

/// Warns that a push has landed and that this could not be recorded.
#[must_use]
pub fn unrecorded(error: &Error) -> String {
    landed_but("the push has landed, but refgate could not record that", error)
}

/// Warns that a push has landed and that there is no verification summary of it.
#[must_use]
pub fn unsummarised(error: &Error) -> String {
    landed_but("the push has landed, but without a verification summary", error)
}

fn landed_but(title: &str, error: &Error) -> String {
    let mut seen: Vec<String> = Vec::new();
    seen.extend(error.chain().iter().flat_map(|step| super::text::wrap(&plain(step), 62)));
    let block = Block {
        level: Level::Warning,
        code: None,
        title: title.into(),
        place: String::new(),
        seen,
        labels: vec![("note", "nothing in your push causes this".into())],
        hints: vec![Hint::Say("show this to the repository's administrator".into())],
    };
    join(&block.lines())
}

/// Error texts of libraries may quote foreign bytes.
fn plain(text: &str) -> String {
    let text: String = text.chars().take(600).collect();
    text.chars()
        .map(|c| if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() { c } else { '?' })
        .collect()
}

fn join(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}
