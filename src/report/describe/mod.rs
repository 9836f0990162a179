//! The wording of every violation.
//!
//! One file per gate. Each function names facts that the violation carries; none decides anything.

mod checklist;
mod evidence;
pub(in crate::report) mod exception;
mod notes;
mod ref_guard;
mod review;
mod trust;

pub use review::missing_line;

use super::block::{Block, Hint, Level};
use crate::evidence::change::CommitLabel;
use crate::provenance::Source;
use crate::refname::RefName;
use crate::verdict::Rule;
use crate::violation::{Person, Violation};

/// What stands around a violation.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The ref, as it was sent.
    pub ref_name: &'a RefName,
    /// The first digits of what the ref holds, if it holds something.
    pub old: Option<&'a str>,
    /// The first digits of what the ref shall hold, unless it shall be deleted.
    pub new: Option<&'a str>,
    /// The commit that policy and people were read from.
    pub trusted: Option<&'a Source>,
    /// The rule that was broken.
    pub rule: &'a Rule,
    /// How many items of a kind to show before the rest is counted.
    pub shown: usize,
}

/// How many items of a kind a message shows before it counts the rest.
pub const SHOWN: usize = 5;

/// The columns that a subject may take.
const SUBJECT_WIDTH: usize = 44;

/// The columns that a person's name may take.
const NAME_WIDTH: usize = 24;

/// Returns the message for a violation.
#[must_use]
pub fn describe(violation: &Violation, context: &Context<'_>) -> Block {
    let mut block = Block {
        level: Level::Error,
        code: Some(violation.code()),
        title: String::new(),
        place: context.place(),
        seen: Vec::new(),
        labels: Vec::new(),
        hints: Vec::new(),
    };
    match violation {
        Violation::Ref(violation) => ref_guard::describe(violation, context, &mut block),
        Violation::Trust(violation) => trust::describe(violation, context, &mut block),
        Violation::Notes(violation) => notes::describe(violation, context, &mut block),
        Violation::Scan(violation) => evidence::scan(violation, context, &mut block),
        Violation::Tests(violation) => evidence::tests(violation, context, &mut block),
        Violation::Review(violation) => review::describe(violation, context, &mut block),
        Violation::Checklist(violation) => checklist::describe(violation, context, &mut block),
        Violation::Exception(violation) => exception::describe(violation, context, &mut block),
    }
    if !context.rule.clause.is_empty() {
        block.labels.insert(0, ("gate", context.rule.clause.clone()));
    }
    if let Some(text) = context.trusted_text() {
        block.labels.push(("trusted", text));
    }
    block
}

impl Context<'_> {
    fn place(&self) -> String {
        match (self.old, self.new) {
            (Some(old), Some(new)) => format!("{}, {old}..{new}", self.ref_name),
            (None, Some(new)) => format!("{}, {new}", self.ref_name),
            (_, None) => self.ref_name.to_string(),
        }
    }

    fn trusted_text(&self) -> Option<String> {
        let built_in = crate::policy::config::Origin::BuiltIn.to_string();
        let (ours, files): (Vec<&String>, Vec<&String>) =
            self.rule.origins.iter().partition(|origin| **origin == built_in);
        let files = files.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let source = self.trusted?;
        let short: String = source.commit_id.chars().take(crate::id::SHORT_LEN).collect();
        let name = source.ref_name.strip_prefix("refs/heads/").unwrap_or(&source.ref_name);
        match (ours.is_empty(), files.is_empty()) {
            (true, true) => None,
            (false, true) => Some(built_in),
            (true, false) => Some(format!("{files} as of {name} {short}")),
            (false, false) => Some(format!("{built_in}; {files} as of {name} {short}")),
        }
    }

    /// Returns the ref as commands take it.
    fn short_ref(&self) -> String {
        let short = self.ref_name.short();
        RefName::parse(&[b"refs/heads/", short].concat()).map_or_else(
            || self.ref_name.to_string(),
            |name| {
                let text = name.to_string();
                text.strip_prefix("refs/heads/").unwrap_or(&text).to_owned()
            },
        )
    }
}

/// Writes a commit as `4f2a91c0d3e1  "subject", by "author"`.
fn commit_line(commit: &CommitLabel) -> String {
    format!(
        "{}  {}, by {}",
        commit.id.short(),
        commit.subject.quoted(SUBJECT_WIDTH - 12),
        commit.author.quoted(NAME_WIDTH - 6)
    )
}

/// Writes what was left out of a list.
fn more(count: usize, shown: usize) -> Option<String> {
    (count > shown)
        .then(|| format!("... and {} more (refgate check --all lists them)", count - shown))
}

/// Writes names of people, the first few.
fn names(people: &[Person]) -> String {
    let mut names: Vec<String> = people.iter().take(SHOWN).map(|p| plain(&p.name)).collect();
    if people.len() > SHOWN {
        names.push(format!("{} more", people.len() - SHOWN));
    }
    names.join(", ")
}

/// Writes a name of the trusted list, which holds no hidden characters.
fn plain(name: &str) -> String {
    super::text::Foreign::from(name).shown(NAME_WIDTH)
}

fn count(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

fn say(text: impl Into<String>) -> Hint {
    Hint::Say(text.into())
}

fn run(command: impl Into<String>) -> Hint {
    Hint::Run(command.into())
}
