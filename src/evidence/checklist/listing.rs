//! What stands in single sections of a document, entry by entry: owners, artifacts, exceptions, gates.
//!
//! An entry is a row of a table, a list item or a line of a paragraph. What stands in quotes and code
//! is none, and neither is struck-through text.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::policy::text::Lines;

use super::wording::{collapsed, folded, visible};

/// The most entries that are read of one section.
const MAX_ENTRIES: usize = 2000;

/// One entry of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its line.
    pub(super) line: usize,
    /// What it is.
    pub(super) form: EntryForm,
    /// The cells of a row, each with the folded text of its column; one cell of anything else.
    pub(super) cells: Vec<(String, String)>,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryForm {
    /// A row of a table.
    Row,
    /// A list item.
    Item,
    /// A line of a paragraph.
    Line,
}

impl Entry {
    /// Returns the entry as one text.
    pub(super) fn text(&self) -> String {
        self.cells.iter().map(|(_, cell)| cell.as_str()).collect::<Vec<_>>().join(" | ")
    }

    /// Returns what two entries have in common that say the same.
    pub(super) fn key(&self) -> String {
        folded(&self.text())
    }
}

/// Returns the entries of all sections with a heading, at any level; `None` if there is no such section.
pub(super) fn entries(text: &str, heading: &str) -> Option<Vec<Entry>> {
    let mut walk = Walk { heading: folded(heading), ..Walk::new(text) };
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        walk.take(event, range.start);
    }
    walk.is_there.then_some(walk.found)
}

/// Returns the raw HTML of a document that is no comment, each with its line.
pub(super) fn html(text: &str) -> Vec<(usize, String)> {
    let lines = Lines::new(text);
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut block: Option<(usize, String)> = None;
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        #[expect(clippy::wildcard_enum_match_arm, reason = "all else is no HTML")]
        match event {
            Event::Start(Tag::HtmlBlock) => {
                block = Some((lines.line_of(range.start), String::new()))
            }
            Event::Html(html) => match &mut block {
                Some((_, raw)) => raw.push_str(&html),
                None => found.push((lines.line_of(range.start), html.to_string())),
            },
            Event::InlineHtml(html) => found.push((lines.line_of(range.start), html.to_string())),
            Event::End(TagEnd::HtmlBlock) => found.extend(block.take()),
            _ => {}
        }
    }
    found.extend(block);
    found
        .into_iter()
        .map(|(line, raw)| (line, collapsed(&without_comments(&raw))))
        .filter(|(_, raw)| !raw.is_empty())
        .collect()
}

/// Returns the HTML of a document that its template has not.
pub(super) fn foreign_html(template: &str, document: &str) -> Vec<(usize, String)> {
    let own: BTreeSet<String> = html(template).into_iter().map(|(_, raw)| raw).collect();
    html(document).into_iter().filter(|(_, raw)| !own.contains(raw)).collect()
}

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH
}

fn without_comments(html: &str) -> String {
    let mut rest = html;
    let mut kept = String::new();
    while let Some((before, comment)) = rest.split_once("<!--") {
        kept.push_str(before);
        // `<!-->` and `<!--->` are whole comments (CommonMark 0.31 §6.11); an open one hides the rest.
        let short = ["->", ">"].iter().find_map(|end| comment.strip_prefix(end));
        let Some(after) = short.or_else(|| comment.split_once("-->").map(|(_, after)| after))
        else {
            return kept;
        };
        rest = after;
    }
    kept.push_str(rest);
    kept
}

struct Walk<'a> {
    lines: Lines<'a>,
    heading: String,
    is_there: bool,
    /// The level of the section's heading, inside of it.
    inside: Option<HeadingLevel>,
    /// The level and text of a heading that is being read.
    reading: Option<(HeadingLevel, String)>,
    quotes: usize,
    code: bool,
    struck: usize,
    /// Whether each of the open list items has its first line; headings count outside of them alone.
    items: Vec<bool>,
    columns: Vec<String>,
    in_head: bool,
    row: Option<(usize, Vec<String>)>,
    cell: String,
    line: Option<(usize, String)>,
    found: Vec<Entry>,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            lines: Lines::new(text),
            heading: String::new(),
            is_there: false,
            inside: None,
            reading: None,
            quotes: 0,
            code: false,
            struck: 0,
            items: Vec::new(),
            columns: Vec::new(),
            in_head: false,
            row: None,
            cell: String::new(),
            line: None,
            found: Vec::new(),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not named makes no entry")]
    fn take(&mut self, event: Event<'_>, at: usize) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                self.end_line();
                if self.items.is_empty() && self.quotes == 0 {
                    self.reading = Some((level, String::new()));
                }
            }
            Event::End(TagEnd::Heading(_)) => self.end_heading(),
            Event::Start(Tag::BlockQuote(_)) => {
                self.end_line();
                self.quotes += 1;
            }
            Event::End(TagEnd::BlockQuote(_)) => {
                self.line = None;
                self.quotes = self.quotes.saturating_sub(1);
            }
            Event::Start(Tag::CodeBlock(_)) => {
                self.end_line();
                self.code = true;
            }
            Event::End(TagEnd::CodeBlock) => self.code = false,
            Event::Start(Tag::Strikethrough) => self.struck += 1,
            Event::End(TagEnd::Strikethrough) => self.struck = self.struck.saturating_sub(1),
            Event::Start(Tag::Item) => {
                self.end_line();
                self.items.push(false);
            }
            Event::End(TagEnd::Item) => {
                self.end_line();
                self.items.pop();
            }
            Event::Start(Tag::TableHead) => {
                self.end_line();
                self.columns.clear();
                self.in_head = true;
            }
            Event::End(TagEnd::TableHead) => self.in_head = false,
            Event::Start(Tag::TableRow) => self.row = Some((self.lines.line_of(at), Vec::new())),
            Event::Start(Tag::TableCell) => self.cell.clear(),
            Event::End(TagEnd::TableCell) => self.end_cell(),
            Event::End(TagEnd::TableRow) => self.end_row(),
            Event::Text(text) | Event::Code(text) => self.text(&text, at),
            Event::SoftBreak | Event::HardBreak => self.end_line(),
            Event::End(TagEnd::Paragraph) | Event::Start(Tag::Paragraph) => self.end_line(),
            _ => {}
        }
    }

    fn end_heading(&mut self) {
        let Some((level, text)) = self.reading.take() else { return };
        if folded(&text) == self.heading {
            self.is_there = true;
            self.inside = Some(level);
        } else if self.inside.is_some_and(|inside| level <= inside) {
            self.inside = None;
        }
    }

    fn text(&mut self, text: &str, at: usize) {
        if self.struck > 0 || self.code {
            return;
        }
        if let Some((_, heading)) = &mut self.reading {
            heading.push_str(text);
        } else if self.in_head || self.row.is_some() {
            self.cell.push_str(text);
        } else if let Some((_, line)) = &mut self.line {
            line.push_str(text);
        } else {
            self.line = Some((self.lines.line_of(at), text.to_owned()));
        }
    }

    fn end_cell(&mut self) {
        let cell = visible(&std::mem::take(&mut self.cell));
        match &mut self.row {
            Some((_, cells)) => cells.push(cell),
            None => self.columns.push(folded(&cell)),
        }
    }

    fn end_row(&mut self) {
        let Some((line, cells)) = self.row.take() else { return };
        let columns = self.columns.iter().cloned().chain(std::iter::repeat(String::new()));
        let cells = columns.zip(cells).collect();
        self.add(Entry { line, form: EntryForm::Row, cells });
    }

    fn end_line(&mut self) {
        let Some((line, text)) = self.line.take() else { return };
        let text = visible(&text);
        // Further lines of an item belong to it, and are entries of their own all the same.
        let form = match self.items.last_mut() {
            Some(named @ false) => {
                *named = true;
                EntryForm::Item
            }
            Some(true) | None => EntryForm::Line,
        };
        if !text.is_empty() {
            self.add(Entry { line, form, cells: vec![(String::new(), text)] });
        }
    }

    fn add(&mut self, entry: Entry) {
        if self.inside.is_some() && self.quotes == 0 && self.found.len() < MAX_ENTRIES {
            self.found.push(entry);
        }
    }
}
