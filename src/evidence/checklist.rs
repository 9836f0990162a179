//! The checklist of a release document, compared with that of its template.
//!
//! The template comes from the trusted side, the document from the push. A
//! document is complete if nothing is open in it:
//!
//! - One section has the heading of the checklist, at any level and in either case.
//! - Every item of the template stands there as a task list item (GFM §5.3) in
//!   the template's words, as often as in the template and in any order. Markup
//!   and line breaks are no words; struck-through text (`~~`) is other text.
//! - Something may be added behind the words, divided by `: `, ` - `, ` -- `, a dash
//!   between blanks or ` (`: a name, a link. A placeholder that ends an item of the
//!   template (`Announced in: [channel]`) must be replaced.
//! - Every item is ticked, those included that only the document has.
//! - Raw HTML and block quotes with items, which hide items from people or from
//!   refgate, do not stand there.
//! - Every required field is filled in. A field is a section with its name as the
//!   heading, or, if there is none, a line `Name: value` or a table row `| Name | value |`.
//!   A section is filled in if any line or cell of it says something that is no placeholder
//!   and not what the template says; in a row, the first cell that may change decides.
//!   Where a field stands twice, both must be filled in.

mod fields;
mod items;
mod page;
mod reader;
mod wording;

use std::collections::BTreeMap;

use crate::policy::config::Checklist;
use crate::policy::text::quoted;
use crate::violation::{OpenItem, OpenItemKind};

use fields::Known;
use items::Wanted;
use page::{Mark, Page, Section, Unread};
use wording::folded;

/// What a template asks of every document that is made from it.
#[derive(Clone, Debug)]
pub struct Template {
    items: Vec<Wanted>,
    /// What the template itself says in each field, by folded name.
    fields: BTreeMap<String, Known>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// One line of text: the checklist is not there exactly once, has no item, or has one that is
    /// ticked already or would not be read; a required field is missing; the file is no plain text.
    pub fn parse(bytes: &[u8], checklist: &Checklist) -> Result<Self, String> {
        let page = Page::read(bytes, checklist).map_err(|unread| first_of(&unread))?;
        let heading = quoted(&checklist.section);
        let section = match page.sections.as_slice() {
            [] => return Err(format!("the section {heading} is missing")),
            [section] => section,
            [first, second, ..] => {
                let lines = format!("lines {} and {}", first.line, second.line);
                return Err(format!("the section {heading} stands there twice, in {lines}"));
            }
        };
        let items = wanted(section, checklist)?;
        if items.is_empty() {
            return Err(format!("line {}: the section {heading} has no item", section.line));
        }
        let fields = Known::all(&page.homes);
        let missing = checklist.fields.iter().find(|name| !fields.contains_key(&folded(name)));
        match missing {
            Some(name) => Err(format!("the required field {} is missing", quoted(name))),
            None => Ok(Self { items, fields }),
        }
    }
}

/// Returns everything that is open in a document, by line; what is missing altogether comes first.
///
/// The document is complete if this is empty.
#[must_use]
pub fn open_items(template: &Template, document: &[u8], checklist: &Checklist) -> Vec<OpenItem> {
    let page = match Page::read(document, checklist) {
        Ok(page) => page,
        Err(unread) => return unread.into_iter().map(OpenItem::from).collect(),
    };
    let mut open = Vec::new();
    if let [section] = page.sections.as_slice() {
        open.extend(section.unread.iter().cloned().map(OpenItem::from));
        open.extend(items::compare(&template.items, &section.items, checklist));
    } else {
        let heading = checklist.section.to_string();
        let what = OpenItemKind::Section { heading, count: page.sections.len() };
        open.push(OpenItem { line: page.sections.get(1).map_or(0, |second| second.line), what });
    }
    open.extend(fields::compare(&template.fields, &page.homes, checklist));
    open.sort_by_key(|item| item.line);
    open
}

/// Returns the required fields that a document does not fill in, held against what a
/// template says in them; whether either has a checklist does not matter.
#[must_use]
pub fn unfilled(template: &[u8], document: &[u8], fields: &Checklist) -> Vec<OpenItem> {
    let known = Page::read(template, fields).map(|page| Known::all(&page.homes));
    match Page::read(document, fields) {
        Ok(page) => fields::compare(&known.unwrap_or_default(), &page.homes, fields),
        Err(unread) => unread.into_iter().map(OpenItem::from).collect(),
    }
}

/// Returns the items of a template's section.
fn wanted(section: &Section, checklist: &Checklist) -> Result<Vec<Wanted>, String> {
    if !section.unread.is_empty() {
        return Err(first_of(&section.unread));
    }
    let mut items = Vec::new();
    for item in &section.items {
        let (mark, text) = item.reading();
        match (item.mark, mark) {
            (Mark::Ticked, _) => {
                return Err(format!("line {}: the item is ticked already", item.line));
            }
            (Mark::Open, _) if text.is_empty() => {
                return Err(format!("line {}: the item has no text", item.line));
            }
            (Mark::Open, _) => items.push(Wanted::new(item.line, text, checklist)),
            (Mark::None, Mark::None) => {}
            (Mark::None, Mark::Open | Mark::Ticked) => {
                return Err(format!("line {}: this is no check box, write - [ ]", item.line));
            }
        }
    }
    Ok(items)
}

/// Returns the first of what cannot be read, as one line of text.
fn first_of(unread: &[Unread]) -> String {
    match unread.first() {
        None => "it cannot be read".into(),
        Some(Unread { line: 0, why }) => why.clone(),
        Some(Unread { line, why }) => format!("line {line}: {why}"),
    }
}

impl From<Unread> for OpenItem {
    fn from(unread: Unread) -> Self {
        Self { line: unread.line, what: OpenItemKind::Unreadable(unread.why) }
    }
}

#[cfg(test)]
mod tests;
