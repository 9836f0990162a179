//! The content of cells, list items and headings.

use pulldown_cmark::{Event, LinkType, OffsetIter, Tag, TagEnd};

use crate::policy::text::squeezed;

use super::html;

/// The content of a cell, list item or heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    /// The content, without markup that only emphasises.
    pub(super) parts: Vec<Part>,
}

/// A piece of a [`Cell`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Characters as they are shown.
    Text(String),
    /// A code span.
    Code(String),
    /// An address in angle brackets.
    Email(String),
    /// A `<br>`.
    Break,
}

/// Something in a cell that people see and refgate does not.
pub(super) struct Finding {
    /// The byte where it begins.
    pub(super) at: usize,
    /// What it is.
    pub(super) what: Oddity,
}

/// What a [`Finding`] is.
pub(super) enum Oddity {
    /// Raw HTML other than comments and line breaks, with its text.
    Html(String),
    /// Text that is struck through.
    Struck,
    /// An image.
    Image,
    /// A check box.
    CheckBox,
    /// A list, table, heading, quote or code block below an item.
    Block,
    /// Other markup.
    Markup,
}

impl Cell {
    /// Returns the content as one line of text; line breaks count as blanks.
    pub(super) fn text(&self) -> String {
        let pieces = self.parts.iter().map(|part| match part {
            Part::Text(text) | Part::Code(text) | Part::Email(text) => text.as_str(),
            Part::Break => " ",
        });
        squeezed(&pieces.collect::<String>())
    }

    /// Returns the content divided at commas and line breaks, blanks and empty pieces left out.
    pub(super) fn listed(&self) -> Vec<String> {
        let pieces = self.parts.iter().map(|part| match part {
            Part::Text(text) | Part::Code(text) | Part::Email(text) => text.as_str(),
            Part::Break => ",",
        });
        let joined: String = pieces.collect();
        joined.split(',').map(squeezed).filter(|piece| !piece.is_empty()).collect()
    }

    fn push_text(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(Part::Text(before)) => before.push_str(text),
            Some(Part::Code(_) | Part::Email(_) | Part::Break) | None => {
                self.parts.push(Part::Text(text.into()));
            }
        }
    }
}

/// Reads up to the end of the block whose start was read last.
///
/// What may not stand there is returned beside the content: headings of
/// sections that are not read may hold anything.
pub(super) fn read_cell(events: &mut OffsetIter<'_>) -> (Cell, Vec<Finding>) {
    let mut cell = Cell::default();
    let mut findings = Vec::new();
    let mut email = None;
    let mut depth = 1_usize;
    while let Some((event, range)) = events.next() {
        let mut find = |what| findings.push(Finding { at: range.start, what });
        match event {
            Event::Start(Tag::HtmlBlock) => {
                let mut block = String::new();
                skip_block(events, |event, _| {
                    if let Event::Html(html) = event {
                        block.push_str(html);
                    }
                });
                if !html::is_comment(&block) {
                    find(Oddity::Html(block));
                }
            }
            Event::Start(Tag::Image { .. }) => {
                skip_block(events, |_, _| {});
                find(Oddity::Image);
            }
            Event::Start(tag) => {
                match tag {
                    Tag::Paragraph => cell.push_text(" "),
                    Tag::Link { link_type: LinkType::Email, .. } => email = Some(String::new()),
                    Tag::Link { .. } | Tag::Emphasis | Tag::Strong => {}
                    Tag::Strikethrough => find(Oddity::Struck),
                    Tag::Table(_)
                    | Tag::List(_)
                    | Tag::Heading { .. }
                    | Tag::BlockQuote(_)
                    | Tag::CodeBlock(_) => {
                        skip_block(events, |_, _| {});
                        find(Oddity::Block);
                        continue;
                    }
                    Tag::HtmlBlock
                    | Tag::Item
                    | Tag::FootnoteDefinition(_)
                    | Tag::DefinitionList
                    | Tag::DefinitionListTitle
                    | Tag::DefinitionListDefinition
                    | Tag::TableHead
                    | Tag::TableRow
                    | Tag::TableCell
                    | Tag::Superscript
                    | Tag::Subscript
                    | Tag::Image { .. }
                    | Tag::MetadataBlock(_) => {
                        skip_block(events, |_, _| {});
                        find(Oddity::Markup);
                        continue;
                    }
                }
                depth += 1;
            }
            Event::End(tag) => {
                if tag == TagEnd::Link
                    && let Some(address) = email.take()
                {
                    cell.parts.push(Part::Email(address));
                }
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            Event::Text(text) => match &mut email {
                Some(address) => address.push_str(&text),
                None => cell.push_text(&text),
            },
            Event::Code(code) => cell.parts.push(Part::Code(code.into_string())),
            Event::SoftBreak | Event::HardBreak => cell.push_text(" "),
            Event::InlineHtml(html) | Event::Html(html) => {
                if html::is_break(&html) {
                    cell.parts.push(Part::Break);
                } else if !html::is_comment(&html) {
                    find(Oddity::Html(html.into_string()));
                }
            }
            Event::TaskListMarker(_) => find(Oddity::CheckBox),
            Event::Rule
            | Event::FootnoteReference(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_) => find(Oddity::Markup),
        }
    }
    (cell, findings)
}

/// Reads over the rest of the block whose start was read last, showing what is in it.
pub(super) fn skip_block(events: &mut OffsetIter<'_>, mut see: impl FnMut(&Event<'_>, usize)) {
    let mut depth = 1_usize;
    while depth > 0 {
        let Some((event, range)) = events.next() else { return };
        if matches!(event, Event::Start(_)) {
            depth += 1;
        } else if matches!(event, Event::End(_)) {
            depth -= 1;
        }
        see(&event, range.start);
    }
}

/// Divides a row as it is written into its cells.
///
/// GFM divides at every `|` that has no backslash before it, code spans or not, before anything
/// else in the row is read; one `|` at either end is no cell of its own (GFM §4.10).
pub(super) fn raw_cells(row: &str) -> Vec<&str> {
    let row = row.trim_matches([' ', '\t']);
    let mut after_backslash = false;
    let mut cells: Vec<&str> = row
        .split(|c| {
            let divides = c == '|' && !after_backslash;
            after_backslash = c == '\\';
            divides
        })
        .collect();
    if cells.len() > 1 && cells.last().is_some_and(|cell| cell.is_empty()) {
        cells.pop();
    }
    if cells.len() > 1 && row.starts_with('|') {
        cells.remove(0);
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_divided_as_gfm_does() {
        for (row, cells) in [
            ("| a | b |", &[" a ", " b "] as &[&str]),
            ("a | b", &["a ", " b"]),
            ("  | a |", &[" a "]),
            ("| a |  | |", &[" a ", "  ", " "]),
            ("|a|b", &["a", "b"]),
            ("| a \\| b | `c|d` |", &[" a \\| b ", " `c", "d` "]),
            ("| a | b \\|", &[" a ", " b \\|"]),
            ("text", &["text"]),
            ("|", &[""]),
            ("||", &[""]),
        ] {
            assert_eq!(raw_cells(row), cells, "{row}");
        }
    }
}
