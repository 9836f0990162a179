//! A Markdown page as far as the checklist gate looks at it; nothing is judged yet.

use crate::limits::Limits;
use crate::policy::config::Checklist;
use crate::policy::problems::Problems;
use crate::policy::text;

use super::reader;

/// Block quotes and lists below each other that a line may open.
///
/// The parser's work for each line grows with the depth at which it stands.
const MAX_DEPTH: usize = 32;

/// The sections and fields of a page.
#[derive(Default)]
pub(super) struct Page {
    /// Every section with the heading of the checklist.
    pub(super) sections: Vec<Section>,
    /// Every place of a required field.
    pub(super) homes: Vec<Home>,
}

/// A section with the heading of the checklist.
pub(super) struct Section {
    /// The line of the heading.
    pub(super) line: usize,
    /// The list items, outside of block quotes.
    pub(super) items: Vec<Item>,
    /// What must not stand there.
    pub(super) unread: Vec<Unread>,
}

/// A list item.
pub(super) struct Item {
    /// The line where it begins.
    pub(super) line: usize,
    /// Its check box.
    pub(super) mark: Mark,
    /// Its first block of text, without markup, words divided by single blanks.
    pub(super) text: String,
}

/// The check box of a list item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// `[x]` or `[X]`
    Ticked,
    /// `[ ]`
    Open,
    /// Nothing that CommonMark renderers show as a check box.
    None,
}

/// A place where a required field stands.
pub(super) struct Home {
    /// The name, as the policy writes it.
    pub(super) field: String,
    /// The line where it begins.
    pub(super) line: usize,
    /// What it is.
    pub(super) form: Form,
    /// The paragraphs, cells and code blocks, with their line breaks.
    pub(super) texts: Vec<String>,
}

/// What a [`Home`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A section with the name as its heading.
    Section,
    /// A line or a table row that begins with the name.
    Line,
}

/// Something that refgate does not read.
#[derive(Clone, Debug)]
pub(super) struct Unread {
    /// Its line; 0 where the whole page is meant.
    pub(super) line: usize,
    /// What it is.
    pub(super) why: String,
}

impl Item {
    /// Returns the check box and the text behind it, as people read them.
    ///
    /// What only looks like a check box (`[X ]`, `[*]`, `[x]text`) is one that is not ticked.
    pub(super) fn reading(&self) -> (Mark, &str) {
        let boxed = self.text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        match (self.mark, boxed) {
            (Mark::None, Some((inside, text))) if inside.chars().nth(4).is_none() => {
                (Mark::Open, text.trim_start())
            }
            (mark, _) => (mark, &self.text),
        }
    }
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// The lines that keep it from being read as text.
    pub(super) fn read(bytes: &[u8], checklist: &Checklist) -> Result<Self, Vec<Unread>> {
        plain_text(bytes).map(|text| reader::read(text, checklist))
    }

    /// Returns an item by the numbers of its section and of itself.
    pub(super) fn item(&mut self, (section, number): (usize, usize)) -> Option<&mut Item> {
        self.sections.get_mut(section)?.items.get_mut(number)
    }
}

/// Returns the text of a page that can be parsed in linear time.
fn plain_text(bytes: &[u8]) -> Result<&str, Vec<Unread>> {
    let limits = Limits { file_bytes: u64::MAX, ..Limits::default() };
    let mut problems = Problems::new("");
    let text = text::checked(bytes, &limits, &mut problems);
    for (line, content) in (1..).zip(text.unwrap_or_default().lines()) {
        if is_deep(content) {
            problems.add(line, "block quotes and lists are nested too deep");
        }
    }
    let unread = problems.into_sorted().into_iter();
    let mut unread: Vec<_> = unread.map(|p| Unread { line: p.line, why: p.message }).collect();
    match text {
        Some(text) if unread.is_empty() => Ok(text),
        Some(_) => Err(unread),
        None => {
            // Never without a reason: an empty list would mean that nothing is open.
            if unread.is_empty() {
                unread.push(Unread { line: 0, why: "it cannot be read as text".into() });
            }
            Err(unread)
        }
    }
}

/// Returns whether a line could stand in, or open, more containers than [`MAX_DEPTH`].
fn is_deep(line: &str) -> bool {
    let mut columns = 0;
    let mut markers = 0;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let ends_word = matches!(chars.peek(), None | Some(' ' | '\t'));
        match c {
            ' ' => columns += 1,
            '\t' => columns += 4,
            '>' => markers += 1,
            '-' | '+' | '*' | '.' | ')' if ends_word => markers += 1,
            '0'..='9' => {}
            _ => break,
        }
    }
    // An item is indented by two columns at least.
    markers > MAX_DEPTH || columns > 4 * MAX_DEPTH
}
