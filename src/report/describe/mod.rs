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
use super::text::{Foreign, prose, shell};
use crate::evidence::change::CommitLabel;
use crate::provenance::Source;
use crate::refname::RefName;
use crate::verdict::Rule;
use crate::violation::{ExceptionViolation, Person, Violation};

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
    /// What the reader's git calls the server.
    pub remote: &'a str,
}

/// How many items of a kind a message shows before it counts the rest.
pub const SHOWN: usize = 5;

/// The columns that a subject may take.
const SUBJECT_WIDTH: usize = 44;

/// The columns that a person's name may take.
const NAME_WIDTH: usize = 24;

/// The columns that the name of a ref may take where it is shown.
const REF_WIDTH: usize = 60;

/// The columns that a reason given by a parser may take, over several lines.
const WHY_WIDTH: usize = 400;

/// Returns the message for a violation.
#[must_use]
pub fn describe(violation: &Violation, context: &Context<'_>) -> Block {
    let mut block = Block::of(Level::Error, "");
    block.code = Some(violation.code());
    block.place = context.place();
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
    block.labels.insert(0, ("gate", prose(clause(violation, context.rule), WHY_WIDTH)));
    if let Some(text) = context.trusted_text() {
        block.labels.push(("trusted", text));
    }
    block
}

/// Returns the clause that was broken: the gate's own, or that of the guard that is always on.
#[must_use]
pub fn clause<'a>(violation: &Violation, rule: &'a Rule) -> &'a str {
    if !rule.clause.is_empty() {
        return &rule.clause;
    }
    match violation {
        Violation::Trust(_) => "trust guard, always on",
        Violation::Notes(_) => "notes guard, always on for evidence",
        Violation::Ref(_)
        | Violation::Scan(_)
        | Violation::Tests(_)
        | Violation::Review(_)
        | Violation::Checklist(_) => "ref guard, always on",
        Violation::Exception(ExceptionViolation::RevocationRemoved { .. }) => {
            "revocations, which stay until they have done their work"
        }
        Violation::Exception(_) => "break-glass, which the push asks for",
    }
}

impl Context<'_> {
    fn place(&self) -> String {
        let name = shown_ref(self.ref_name);
        match (self.old, self.new) {
            (Some(old), Some(new)) if old == new => format!("{name}, {new}"),
            (Some(old), Some(new)) => format!("{name}, {old}..{new}"),
            (None, Some(new)) => format!("{name}, {new}"),
            (_, None) => name,
        }
    }

    /// Returns what the ref shall hold, for commands.
    fn new_or_head(&self) -> &str {
        self.new.unwrap_or("HEAD")
    }

    /// Returns the commit that a pushed tag is of, for commands: the tag object is there, too, when its ref is deleted.
    fn tagged(&self) -> String {
        shell(&format!("{}^{{commit}}", self.new_or_head()))
    }

    /// Returns the branch that the policy was read from, as commands take it.
    fn trust_branch(&self) -> String {
        shell(self.bare_trust_branch())
    }

    fn bare_trust_branch(&self) -> &str {
        let name = self.trusted.map_or("main", |source| source.ref_name.as_str());
        name.strip_prefix("refs/heads/").unwrap_or(name)
    }

    /// Returns what the reader has of that branch, as commands take it.
    fn trust_tracking(&self) -> String {
        shell(&format!("{}/{}", self.remote, self.bare_trust_branch()))
    }

    /// Returns the name of the server, as commands take it.
    fn remote(&self) -> String {
        shell(self.remote)
    }

    fn trusted_text(&self) -> Option<String> {
        let built_in = crate::policy::config::Origin::BuiltIn.to_string();
        let (ours, files): (Vec<&String>, Vec<&String>) =
            self.rule.origins.iter().partition(|origin| **origin == built_in);
        let files = files.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let files = prose(&files, WHY_WIDTH);
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
        let text = self.ref_name.to_string();
        let prefixes = ["refs/heads/", "refs/tags/"];
        let short = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix));
        // A name that a command would take for an option is written in full.
        shell(short.filter(|short| !short.starts_with('-')).unwrap_or(&text))
    }

    /// Says how to bring in what is on the server, and push again.
    fn catch_up(&self) -> Vec<Hint> {
        if self.ref_name.is_evidence() {
            let what = "join your notes with those of the server and push them:";
            return vec![say(what), run("refgate attach --push")];
        }
        let branch = self.bare_ref();
        vec![
            say("bring in what is on the server, then push again:"),
            run(format!("git fetch {}", self.remote())),
            run(format!("git rebase {}", shell(&format!("{}/{branch}", self.remote)))),
            run(format!("git push {} {}", self.remote(), shell(&format!("HEAD:{branch}")))),
        ]
    }

    /// Returns the ref without `refs/heads/`, as a part of a word of a command.
    fn bare_ref(&self) -> String {
        let text = self.ref_name.to_string();
        text.strip_prefix("refs/heads/").unwrap_or(&text).to_owned()
    }
}

/// Writes the name of a ref, which is ASCII, for showing.
fn shown_ref(name: &RefName) -> String {
    super::text::cut(&name.to_string(), REF_WIDTH)
}

/// Writes what is wrong in a file, with its place and the remedy.
pub(super) fn problem(file: &str, line: usize, message: &str, help: Option<&str>) -> Vec<String> {
    let file = prose(file, 56);
    let place = if line == 0 { file } else { format!("{file}:{line}") };
    let mut lines = vec![place, format!("  {}", why(message))];
    lines.extend(help.map(|help| format!("  help: {}", why(help))));
    lines
}

/// Writes a reason that a parser gives.
fn why(text: &str) -> String {
    prose(text, WHY_WIDTH)
}

/// Says where an administrator changes the limit that a reason names as `limits.<key>`; nothing if it names none.
pub(super) fn raise_limit<'a>(reasons: impl IntoIterator<Item = &'a str>) -> Vec<Hint> {
    let keys: std::collections::BTreeSet<&str> = reasons
        .into_iter()
        .flat_map(|reason| reason.split("(limits.").skip(1))
        .filter_map(|rest| rest.split(')').next())
        .filter(|key| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
        .collect();
    let hint = |key| say(format!("an administrator can raise {key} {}", crate::limits::WHERE));
    keys.into_iter().take(SHOWN).map(hint).collect()
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
    Foreign::from(name).shown(NAME_WIDTH)
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
