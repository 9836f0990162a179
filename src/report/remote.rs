//! The verdict as lines for the person who pushed.
//!
//! Accepting is silent but for warnings. A refusal says everything at once: per ref in the order of
//! the push, per gate in the order of the policy; the summary stands last, nearest to the prompt.

use super::block::{Block, Hint, Level};
use super::describe::{Context, describe, problem, raise_limit};
use super::notices;
use super::text::{Foreign, prose};
use crate::error::{Error, ErrorKind};
use crate::id::{ObjectId, SHORT_LEN};
use crate::refname::RefName;
use crate::verdict::{Leniency, RefJudgement, Rule, Verdict};
use crate::violation::Violation;

/// What was judged, as the summary of a report names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Occasion {
    /// A push.
    #[default]
    Push,
    /// What somebody may push.
    Prospect,
    /// A release that was accepted before.
    Release,
}

/// How much of a verdict is shown, and to whom.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Items of a kind that are shown before the rest is counted.
    pub shown: usize,
    /// Lines of the whole report; the rest is counted.
    pub lines: usize,
    /// Whether git asks about each ref alone, as it asks the `update` hook.
    pub each_ref_alone: bool,
    /// What is only said.
    pub leniency: Leniency,
    /// What was judged.
    pub occasion: Occasion,
    /// What the reader's git calls the server.
    pub remote: &'a str,
}

/// What git calls the server unless it is told otherwise; the server itself cannot know.
pub const USUAL_REMOTE: &str = "origin";

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            shown: super::describe::SHOWN,
            lines: 200,
            each_ref_alone: false,
            leniency: Leniency::default(),
            occasion: Occasion::Push,
            remote: USUAL_REMOTE,
        }
    }
}

impl<'a> Options<'a> {
    /// Shows all that the verdict holds.
    #[must_use]
    pub fn everything() -> Self {
        Self { shown: usize::MAX / 8, lines: usize::MAX, ..Self::default() }
    }

    /// Shows all that the verdict holds to somebody whose git knows the server by a name.
    #[must_use]
    pub fn all_for(remote: &'a str) -> Self {
        Self { remote, ..Self::everything() }
    }
}

/// Writes the report of a verdict: nothing but warnings if the push is accepted.
#[must_use]
pub fn verdict(verdict: &Verdict) -> String {
    verdict_with(verdict, Options::default())
}

/// As [`verdict`], with more or less of it shown.
#[must_use]
pub fn verdict_with(verdict: &Verdict, options: Options<'_>) -> String {
    let warnings = notices::warnings(verdict);
    if verdict.is_accepted() {
        return if warnings.is_empty() { String::new() } else { join(&warnings) };
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
    let notices = [notices::excepted(verdict), warnings].concat();
    if !notices.is_empty() {
        lines.extend(notices);
        lines.push(String::new());
    }
    let passes = verdict.is_let_pass(&options.leniency);
    let refs = verdict.refs.len();
    let plural = if violations == 1 { "violation" } else { "violations" };
    let what = match options.occasion {
        Occasion::Push if passes => "this push would be refused",
        Occasion::Push => "push rejected",
        Occasion::Prospect => "this push would be refused",
        Occasion::Release => "this release is not good",
    };
    // Only what a hook has judged is recorded under its number.
    let number = match options.occasion {
        Occasion::Push => format!(" (verdict {})", verdict.id),
        Occasion::Prospect | Occasion::Release => String::new(),
    };
    let summary = format!(
        "{what}, {violations} {plural} on {refused_refs} of {refs} {}{number}",
        if refs == 1 { "ref" } else { "refs" },
    );
    let level = if passes { Level::Warning } else { Level::Error };
    lines.extend(Block::of(level, &summary).lines());
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

/// Writes what does not block because of an exception; nothing if there is nothing.
#[must_use]
pub fn excepted(verdict: &Verdict) -> String {
    let lines = notices::excepted(verdict);
    if lines.is_empty() { String::new() } else { join(&lines) }
}

/// Returns the messages about one ref.
#[must_use]
pub fn blocks(judgement: &RefJudgement, verdict: &Verdict, options: Options<'_>) -> Vec<Block> {
    judgement
        .violations()
        .map(|(rule, violation)| {
            let mut block = block(judgement, verdict, (rule, violation), options);
            if options.leniency.lets_pass(violation.code()) {
                block.level = Level::Warning;
            }
            block
        })
        .collect()
}

/// Returns the message about one violation of a ref, whether it blocks or not.
pub(super) fn block(
    judgement: &RefJudgement,
    verdict: &Verdict,
    (rule, violation): (&Rule, &Violation),
    options: Options<'_>,
) -> Block {
    let short = |id: ObjectId| id.to_hex_with_len(SHORT_LEN).to_string();
    let (old, new) = (judgement.old.map(short), judgement.new.map(short));
    let context = Context {
        ref_name: &judgement.name,
        old: old.as_deref(),
        new: new.as_deref(),
        trusted: verdict.trusted.as_ref(),
        rule,
        shown: options.shown,
        remote: options.remote,
    };
    describe(violation, &context)
}

/// Places in trusted files that an error lists before it counts the rest.
const PLACES: usize = 12;

/// Steps of an error that are shown.
const STEPS: usize = 6;

/// The columns that a step may take, over several lines.
const STEP_WIDTH: usize = 300;

/// Writes why the push could not be judged.
///
/// The person who pushed learns that it is not their fault, and whom to show it to.
#[must_use]
pub fn error(error: &Error) -> String {
    unjudged(error, Level::Error, "refgate cannot judge this push, so it is refused")
}

/// As [`error`], where nothing is refused.
#[must_use]
pub fn error_let_pass(error: &Error) -> String {
    unjudged(error, Level::Warning, "refgate cannot judge this push, which would be refused")
}

/// Adds one line that says everything in short, for a server that shows lines with this mark
/// alone to those who push from its web interface.
#[must_use]
pub fn with_marked_summary(text: &str, mark: &str) -> String {
    let heads: Vec<&str> = text
        .lines()
        .filter(|line| ["error", "warning"].iter().any(|level| line.starts_with(level)))
        .collect();
    if heads.is_empty() { text.to_owned() } else { format!("{text}{mark}{}\n", heads.join("; ")) }
}

fn unjudged(error: &Error, level: Level, title: &str) -> String {
    let mut block = Block::of(level, title);
    for diagnostic in error.diagnostics().iter().take(PLACES) {
        let help = diagnostic.help.as_deref();
        block.seen.extend(problem(&diagnostic.file, diagnostic.line, &diagnostic.message, help));
    }
    block.seen.extend(more(error.diagnostics().len(), PLACES, "places"));
    let mut steps = error.chain().iter().map(|step| prose(step, STEP_WIDTH));
    block.place = steps.next().unwrap_or_default();
    block.seen.extend(steps.take(STEPS));
    block.seen.extend(more(error.chain().len(), STEPS + 1, "steps"));
    let (note, who) = match error.kind() {
        ErrorKind::Usage => (
            "the hook was not started as git starts hooks",
            "show this to the repository's administrator, who installs it anew",
        ),
        ErrorKind::Policy => (
            "nothing in your push causes this",
            "show this to the repository's administrator, who mends what pushes are judged by",
        ),
        ErrorKind::Repository => (
            "nothing in your push causes this",
            "show this to the repository's administrator, who looks what is wrong with the repository",
        ),
        ErrorKind::Environment => (
            "nothing in your push causes this",
            "try again; if it stays, show this to the repository's administrator",
        ),
        ErrorKind::Refused => (
            "another server refused, and has said why",
            "show this to the repository's administrator",
        ),
        ErrorKind::Limit => (
            "the server bounds the work that one push may cause",
            "if the push is as it should be, show this to the repository's administrator",
        ),
        ErrorKind::Internal => (
            "this is a fault of refgate itself",
            "show this to the repository's administrator, who can report it",
        ),
    };
    block.labels.push(("note", note.into()));
    block.hints.extend(error.remedy().into_iter().flat_map(remedy));
    block.hints.push(Hint::Say(who.into()));
    block.hints.extend(raise_limit(error.chain().iter().map(String::as_str)));
    block.hints.push(Hint::Say("refgate explain cannot-judge".into()));
    join(&block.lines())
}

/// Warns that refs of an accepted push did not move, although the verdict rests on all of them.
#[must_use]
pub fn absent(id: &str, refs: &[Foreign]) -> String {
    let title = "the push was accepted as a whole, but part of it did not land";
    let mut block = Block {
        place: format!("verdict {id}"),
        seen: refs.iter().map(|name| name.shown(60)).collect(),
        labels: vec![("note", "what did land may rest on evidence that is not here".into())],
        hints: vec![Hint::Say("push the refs above again, all together:".into())],
        ..Block::of(Level::Warning, title)
    };
    let names: Vec<String> = refs.iter().map(|name| name.shown(200)).collect();
    block.hints.push(Hint::Run(format!("git push --atomic {USUAL_REMOTE} {}", names.join(" "))));
    join(&block.lines())
}

/// Says that a protected ref was to move past the hook that judges pushes.
#[must_use]
pub fn unjudged_move(name: &RefName) -> String {
    let block = Block {
        level: Level::Error,
        code: None,
        title: "refgate has not judged this move of a protected ref".into(),
        place: Foreign::from(name.as_bytes()).shown(60),
        seen: Vec::new(),
        labels: vec![("settings", "watch = \"refuse\"".into())],
        hints: vec![Hint::Say("push it, so that it can be judged".into())],
    };
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
    let block = Block {
        seen: error.chain().iter().map(|step| prose(step, STEP_WIDTH)).collect(),
        labels: vec![("note", "nothing in your push causes this".into())],
        hints: vec![Hint::Say("show this to the repository's administrator".into())],
        ..Block::of(Level::Warning, title)
    };
    join(&block.lines())
}

/// Writes the one message about a broken invariant; nothing of the server's paths is in it.
#[must_use]
pub fn panic(file: &str, line: u32) -> String {
    // Files of libraries are named by where they lie on the machine that built refgate.
    let parts: Vec<&str> = file.rsplit(['/', '\\']).take(4).collect();
    let below: Vec<&str> = parts.iter().rev().copied().skip_while(|part| *part != "src").collect();
    let file = if below.is_empty() {
        parts.first().copied().unwrap_or_default().into()
    } else {
        below.join("/")
    };
    error(&Error::new(ErrorKind::Internal, format!("an invariant does not hold at {file}:{line}")))
}

/// Writes a remedy: advice, and a command behind a colon alone on its line.
fn remedy(text: &str) -> Vec<Hint> {
    let text = prose(text, STEP_WIDTH);
    match text.split_once(": ") {
        Some((what, command)) if command.starts_with("refgate ") || command.starts_with("git ") => {
            vec![Hint::Say(format!("{what}:")), Hint::Run(command.into())]
        }
        _ => vec![Hint::Say(text)],
    }
}

fn more(count: usize, shown: usize, what: &str) -> Option<String> {
    (count > shown).then(|| format!("... and {} more {what}", count - shown))
}

fn join(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}
