//! The page as its reader sees it: sections with tables and lists, nothing judged yet.
//!
//! Only tables and lists that stand directly in a section count. Whatever else
//! looks to people like a row (a table in a block quote, a row that lost its
//! table) is a problem; so is whatever could keep them from seeing a row that
//! refgate counts (raw HTML, an element left open above). Comments, code
//! blocks and plain paragraphs are left alone.

use std::collections::BTreeMap;

use pulldown_cmark::{Event, HeadingLevel, OffsetIter, Options, Parser, Tag, TagEnd};

use crate::policy::problems::Problems;
use crate::policy::text::{Lines, quoted};

use super::cells::{Cell, Finding, Oddity, raw_cells, read_cell, skip_block};
use super::html::{self, OpenElements};
use super::{Section, SectionNames};

/// Block quotes and lists below each other that a line may open.
///
/// The parser's work for each line grows with the depth at which it stands
/// (quadratic without this bound); honest pages stay below ten.
const MAX_DEPTH: usize = 32;

/// The most columns that are read; no section knows half as many.
const MAX_COLUMNS: usize = 16;

/// What stands in one section.
pub(super) struct Body {
    /// The line of the heading.
    pub(super) heading_line: usize,
    /// The table, if there is one.
    pub(super) table: Option<Table>,
    /// The items of all lists.
    pub(super) items: Vec<(usize, Cell)>,
}

/// A table.
pub(super) struct Table {
    /// The line of the column names.
    pub(super) line: usize,
    /// The column names.
    pub(super) columns: Vec<Cell>,
    /// The rows with their lines; each has as many cells as there are columns.
    pub(super) rows: Vec<(usize, Vec<Cell>)>,
}

/// Reads a page, or nothing where it cannot even be divided into blocks.
pub(super) fn read(
    text: &str,
    names: &SectionNames,
    problems: &mut Problems,
) -> Option<BTreeMap<Section, Body>> {
    if !is_shallow(text, problems) {
        return None;
    }
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut reader = Reader {
        text,
        lines: Lines::new(text),
        names,
        events: Parser::new_ext(text, options).into_offset_iter(),
        problems,
        open_elements: OpenElements::default(),
        above: Vec::new(),
        sections: BTreeMap::new(),
    };
    reader.page();
    Some(reader.sections)
}

/// Returns whether no line opens more containers than [`MAX_DEPTH`].
fn is_shallow(text: &str, problems: &mut Problems) -> bool {
    let mut shallow = true;
    for (line, content) in (1..).zip(text.lines()) {
        let mut markers = 0;
        let mut columns = 0;
        let mut chars = content.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                ' ' => columns += 1,
                '\t' => columns += 4,
                '>' => markers += 1,
                '-' | '+' | '*' | '.' | ')' if matches!(chars.peek(), Some(' ' | '\t')) => {
                    markers += 1;
                }
                '0'..='9' => {}
                _ => break,
            }
        }
        // Indentation continues at most one list for two columns.
        if markers > MAX_DEPTH || columns / 2 > 2 * MAX_DEPTH {
            let message = format!("block quotes and lists are nested deeper than {MAX_DEPTH}");
            problems.add_with_help(line, message, "write rows directly into their section");
            shallow = false;
        }
    }
    shallow
}

struct Reader<'a, 'p> {
    text: &'a str,
    lines: Lines<'a>,
    names: &'a SectionNames,
    events: OffsetIter<'a>,
    problems: &'p mut Problems,
    /// HTML elements opened above and not closed yet.
    open_elements: OpenElements,
    /// The headings that the current block stands under, outermost first.
    above: Vec<(HeadingLevel, Option<Section>)>,
    sections: BTreeMap<Section, Body>,
}

impl Reader<'_, '_> {
    fn page(&mut self) {
        while let Some((event, range)) = self.events.next() {
            let Event::Start(tag) = event else { continue };
            if let Tag::Heading { level, .. } = tag {
                self.heading(level, range.start);
                continue;
            }
            let section = self.above.iter().rev().find_map(|(_, section)| *section);
            match section {
                Some(section) => self.block(section, &tag, range.start),
                None => self.ignored_block(range.start),
            }
        }
        if let Some((name, line)) = self.open_elements.restyling()
            && !self.sections.is_empty()
        {
            let message = format!("raw HTML ({}) may hide rows from people", quoted(name));
            self.problems.add_with_help(*line, message, "remove it");
        }
    }

    /// Reads a heading, which ends the sections of its level and below and may begin one.
    fn heading(&mut self, level: HeadingLevel, start: usize) {
        let line = self.lines.line_of(start);
        let (cell, findings) = read_cell(&mut self.events);
        let text = cell.text();
        while self.above.last().is_some_and(|(above, _)| *above >= level) {
            self.above.pop();
        }
        let section = self.names.find(&text).filter(|section| {
            self.report(&findings);
            self.check_open_elements(&text);
            self.begin(*section, line, &text)
        });
        if section.is_none() {
            for finding in findings {
                if let Oddity::Html(html) = finding.what {
                    self.open_elements.feed(&html, line);
                }
            }
            self.check_spelling(&text, line);
        }
        self.above.push((level, section));
    }

    /// Begins a section and returns whether it is the first of its name.
    fn begin(&mut self, section: Section, line: usize, text: &str) -> bool {
        if let Some(first) = self.sections.get(&section) {
            let first = first.heading_line;
            let message =
                format!("the heading {} stands here again, first in line {first}", quoted(text));
            self.problems.add_with_help(line, message, "put all rows under one heading");
            return false;
        }
        let body = Body { heading_line: line, table: None, items: Vec::new() };
        self.sections.insert(section, body);
        true
    }

    fn check_spelling(&mut self, text: &str, line: usize) {
        if !self.problems.is_full()
            && self.names.find(text).is_none()
            && let Some(meant) = self.names.nearest(text)
        {
            let message = format!(
                "the heading {} is not read, but looks like {}",
                quoted(text),
                quoted(meant)
            );
            let help = "spell it the same, or use a heading that cannot be mistaken for it";
            self.problems.add_with_help(line, message, help);
        }
    }

    fn check_open_elements(&mut self, heading: &str) {
        if let Some((what, line)) = self.open_elements.take_first() {
            let message = format!(
                "raw HTML ({}) is not closed before the section {}",
                quoted(&what),
                quoted(heading)
            );
            let help = "close or remove it: it may hide the rows below from people";
            self.problems.add_with_help(line, message, help);
        }
    }

    /// Reads a block that stands directly in a section.
    fn block(&mut self, section: Section, tag: &Tag<'_>, start: usize) {
        let line = self.lines.line_of(start);
        if matches!(tag, Tag::Table(_)) {
            self.table(section, line);
        } else if matches!(tag, Tag::List(_)) {
            self.list(section, line);
        } else if matches!(tag, Tag::Paragraph) {
            self.paragraph();
        } else if matches!(tag, Tag::HtmlBlock) {
            self.html_block(line);
        } else if matches!(tag, Tag::BlockQuote(_)) {
            self.block_quote();
        } else {
            skip_block(&mut self.events, |_, _| {});
        }
    }

    /// Reads over a block that no section owns, minding the HTML elements that it opens.
    fn ignored_block(&mut self, start: usize) {
        let mut block = String::new();
        let mut inline = Vec::new();
        skip_block(&mut self.events, |event, at| {
            if let Event::Html(html) = event {
                block.push_str(html);
            } else if let Event::InlineHtml(html) = event {
                inline.push((html.to_string(), at));
            }
        });
        self.open_elements.feed(&block, self.lines.line_of(start));
        for (html, at) in inline {
            self.open_elements.feed(&html, self.lines.line_of(at));
        }
    }

    fn html_block(&mut self, line: usize) {
        let mut block = String::new();
        skip_block(&mut self.events, |event, _| {
            if let Event::Html(html) = event {
                block.push_str(html);
            }
        });
        if !html::is_comment(&block) {
            self.raw_html(line);
        }
    }

    fn raw_html(&mut self, line: usize) {
        let help = "write Markdown; only comments (<!-- ... -->) may stand in this section";
        self.problems.add_with_help(line, "raw HTML may hide rows from people", help);
    }

    fn block_quote(&mut self) {
        let mut rows = None;
        skip_block(&mut self.events, |event, at| {
            if let Event::Start(Tag::Table(_) | Tag::List(_) | Tag::Heading { .. }) = event {
                rows.get_or_insert(at);
            }
        });
        if let Some(at) = rows {
            let message = "a table, list or heading in a block quote would be read by people but \
                           not by refgate";
            let help = "write rows directly into their section";
            self.problems.add_with_help(self.lines.line_of(at), message, help);
        }
    }

    /// Checks a paragraph, which may say anything as long as it does not look like a row.
    fn paragraph(&mut self) {
        let mut raw_html = None;
        let mut row = None;
        let mut shown = String::new();
        let mut begin = 0;
        skip_block(&mut self.events, |event, at| {
            if shown.is_empty() {
                begin = at;
            }
            if let Event::Text(text) = event {
                shown.push_str(text);
            } else if let Event::InlineHtml(html) = event
                && !html::is_comment(html)
                && !html::is_break(html)
            {
                raw_html.get_or_insert(at);
            } else if matches!(event, Event::SoftBreak | Event::HardBreak | Event::End(_)) {
                if is_row_like(&shown) {
                    row.get_or_insert(begin);
                }
                if !matches!(event, Event::End(_)) {
                    shown.clear();
                }
            }
        });
        if let Some(at) = raw_html {
            self.raw_html(self.lines.line_of(at));
        }
        if let Some(at) = row {
            let message = "this looks like a table row, but belongs to no table";
            let help = "a table begins with column names and a row of dashes with as many cells, \
                        and ends at a blank line";
            self.problems.add_with_help(self.lines.line_of(at), message, help);
        }
    }

    fn table(&mut self, section: Section, line: usize) {
        let mut columns = None;
        let mut rows = Vec::new();
        while let Some((event, range)) = self.events.next() {
            if matches!(event, Event::Start(Tag::TableHead)) {
                columns = self.row(range.start, None);
                if columns.is_none() {
                    self.events.by_ref().find(|(event, _)| *event == Event::End(TagEnd::Table));
                    break;
                }
            } else if matches!(event, Event::Start(Tag::TableRow)) {
                let line = self.lines.line_of(range.start);
                let expected = columns.as_ref().map(Vec::len);
                rows.extend(self.row(range.start, expected).map(|cells| (line, cells)));
            } else if matches!(event, Event::End(TagEnd::Table)) {
                break;
            }
        }
        let Some(body) = self.sections.get_mut(&section) else { return };
        let heading = quoted(self.names.heading(section));
        if body.table.is_some() {
            let message = format!("a second table in {heading}");
            let help = "put all rows into one table, or give this one a heading of its own";
            self.problems.add_with_help(line, message, help);
        } else if !body.items.is_empty() {
            self.table_and_list(section, line);
        } else if let Some(columns) = columns {
            body.table = Some(Table { line, columns, rows });
        }
    }

    fn table_and_list(&mut self, section: Section, line: usize) {
        let message = format!("{} has a table and a list", quoted(self.names.heading(section)));
        self.problems.add_with_help(line, message, "write all rows in the same form");
    }

    /// Reads a row up to its end; `columns` is `None` for the column names themselves.
    fn row(&mut self, start: usize, columns: Option<usize>) -> Option<Vec<Cell>> {
        let line = self.lines.line_of(start);
        let mut cells = Vec::new();
        let mut ranges = Vec::new();
        let mut findings = Vec::new();
        while let Some((event, range)) = self.events.next() {
            if matches!(event, Event::End(TagEnd::TableHead | TagEnd::TableRow)) {
                break;
            }
            if matches!(event, Event::Start(Tag::TableCell)) {
                let (cell, found) = read_cell(&mut self.events);
                cells.push(cell);
                ranges.push(range);
                findings.extend(found);
            }
        }
        let row = self.lines.text_of(line);
        let written = raw_cells(row);
        let expected = columns.unwrap_or(written.len());
        if expected > MAX_COLUMNS {
            if columns.is_none() {
                let message =
                    format!("the table has {expected} columns, {MAX_COLUMNS} are allowed");
                self.problems.add(line, message);
            }
            return None;
        }
        if row.contains("\\\\|") {
            self.unclear_cells(line);
            return None;
        }
        if written.len() != expected {
            let (kind, help) = if written.len() > expected {
                ("surplus", "remove the surplus; a | inside a cell is written \\|")
            } else {
                ("missing", "write a cell under every column name; a blank line ends the table")
            };
            let message = format!(
                "the row has {kind} cells: {} under {expected} column names",
                written.len()
            );
            self.problems.add_with_help(line, message, help);
            return None;
        }
        let agrees = written.len() == cells.len()
            && written.iter().zip(ranges).all(|(cell, range)| {
                self.text.get(range).is_some_and(|read| read.trim() == cell.trim())
            });
        if !agrees {
            self.unclear_cells(line);
            return None;
        }
        self.report(&findings);
        findings.is_empty().then_some(cells)
    }

    fn unclear_cells(&mut self, line: usize) {
        let message = "it is not clear where the cells of this row begin and end";
        let help = "write \\| for a | inside a cell, and no other backslash before it";
        self.problems.add_with_help(line, message, help);
    }

    fn list(&mut self, section: Section, line: usize) {
        let mut items = Vec::new();
        while let Some((event, range)) = self.events.next() {
            if matches!(event, Event::End(TagEnd::List(_))) {
                break;
            }
            if matches!(event, Event::Start(Tag::Item)) {
                let (cell, findings) = read_cell(&mut self.events);
                self.report(&findings);
                if findings.is_empty() {
                    items.push((self.lines.line_of(range.start), cell));
                }
            }
        }
        if !section.takes_list() {
            let message =
                format!("{} needs a table, not a list", quoted(self.names.heading(section)));
            self.problems.add_with_help(line, message, "write the rows as a table");
            return;
        }
        let Some(body) = self.sections.get_mut(&section) else { return };
        if body.table.is_some() {
            self.table_and_list(section, line);
        } else {
            body.items.extend(items);
        }
    }

    fn report(&mut self, findings: &[Finding]) {
        for finding in findings {
            let plain = "write plain text and code spans";
            let (what, help) = match &finding.what {
                Oddity::Html(_) => ("raw HTML", plain),
                Oddity::Struck => {
                    ("text that is struck through", "remove it, or set Status to retired")
                }
                Oddity::Image => ("an image", plain),
                Oddity::CheckBox => ("a check box", plain),
                Oddity::Block => (
                    "a nested list, table, heading, quote or code block",
                    "write one row for each principal",
                ),
                Oddity::Markup => ("this markup", plain),
            };
            let line = self.lines.line_of(finding.at);
            let message = format!("{what} would be read by people but not by refgate");
            self.problems.add_with_help(line, message, help);
        }
    }
}

/// Returns whether a line of a paragraph looks to people like a row of a table.
fn is_row_like(line: &str) -> bool {
    line.trim_start().starts_with('|') || line.matches(" | ").count() >= 2
}
