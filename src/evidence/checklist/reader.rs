//! From the events of the Markdown parser to a [`Page`].

use std::collections::BTreeMap;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::policy::config::Checklist;
use crate::policy::text::Lines;

use super::page::{Form, Home, Item, Mark, Page, Section, Unread};
use super::wording::{collapsed, folded};

/// The most list items of a checklist, which bounds the work of comparing them.
const MAX_ITEMS: usize = 1000;

/// What is open where raw HTML stands.
const HTML: &str = "HTML in the checklist can hide items";

/// Reads a page, whose lines are as shallow as the parser needs them.
pub(super) fn read(text: &str, checklist: &Checklist) -> Page {
    let mut reader = Reader::new(text, checklist);
    let options = Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        reader.read(event, range.start);
    }
    reader.page
}

/// A heading above the current block.
struct Heading {
    level: HeadingLevel,
    /// Which of the sections it begins, if it does.
    section: Option<usize>,
    /// Which of the homes it begins, if it does.
    home: Option<usize>,
}

/// Something that holds blocks.
enum Container {
    Quote,
    Item {
        /// Section and number of the item, if it is one of a checklist.
        place: Option<(usize, usize)>,
        /// Whether its first text was read.
        named: bool,
    },
}

/// What kind of text the current block holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Prose,
    Code,
    /// A heading with its level, line and whether it stands outside of lists and quotes.
    Heading(HeadingLevel, usize, bool),
    TableHead,
    TableCell,
}

struct Reader<'a> {
    lines: Lines<'a>,
    /// The heading of the checklist, folded.
    heading: String,
    /// The names of the fields, by their folded form.
    fields: BTreeMap<String, &'a str>,
    above: Vec<Heading>,
    containers: Vec<Container>,
    kind: Kind,
    /// The text of the current block, in lines with their numbers.
    block: Vec<(usize, String)>,
    /// The line of the current table row, and its cells.
    row: (usize, Vec<String>),
    page: Page,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, checklist: &'a Checklist) -> Self {
        Self {
            lines: Lines::new(text),
            heading: folded(&checklist.section),
            fields: checklist.fields.iter().map(|name| (folded(name), name.as_str())).collect(),
            above: Vec::new(),
            containers: Vec::new(),
            kind: Kind::Prose,
            block: Vec::new(),
            row: (0, Vec::new()),
            page: Page::default(),
        }
    }

    fn read(&mut self, event: Event<'_>, at: usize) {
        match event {
            Event::Start(tag) => self.start(&tag, at),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Code(text) => self.text(&text, at),
            Event::SoftBreak | Event::HardBreak => {
                let line = self.lines.line_of(at) + 1;
                self.block.push((line, String::new()));
            }
            Event::InlineHtml(_) => self.unread(at, HTML),
            Event::TaskListMarker(ticked) => self.mark(ticked, at),
            Event::Html(_)
            | Event::Rule
            | Event::FootnoteReference(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_) => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>, at: usize) {
        match tag {
            Tag::Paragraph | Tag::List(_) | Tag::Table(_) => self.finish_block(),
            Tag::Heading { level, .. } => {
                self.finish_block();
                let outermost = self.containers.is_empty();
                if outermost {
                    while self.above.last().is_some_and(|above| above.level >= *level) {
                        self.above.pop();
                    }
                }
                self.kind = Kind::Heading(*level, self.lines.line_of(at), outermost);
            }
            Tag::CodeBlock(_) => {
                self.finish_block();
                self.kind = Kind::Code;
            }
            Tag::HtmlBlock => {
                self.finish_block();
                self.unread(at, HTML);
            }
            Tag::BlockQuote(_) => {
                self.finish_block();
                self.containers.push(Container::Quote);
            }
            Tag::Item => {
                self.finish_block();
                let place = self.begin_item(at);
                self.containers.push(Container::Item { place, named: false });
            }
            Tag::TableHead => self.kind = Kind::TableHead,
            Tag::TableRow => {
                self.kind = Kind::TableCell;
                self.row = (self.lines.line_of(at), Vec::new());
            }
            Tag::TableCell => self.block.clear(),
            Tag::Image { .. } => self.text("![", at),
            Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Emphasis
            | Tag::Strong
            | Tag::Strikethrough
            | Tag::Superscript
            | Tag::Subscript
            | Tag::Link { .. }
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::CodeBlock | TagEnd::TableCell => {
                self.finish_block();
            }
            TagEnd::BlockQuote(_) | TagEnd::Item => {
                self.finish_block();
                self.containers.pop();
            }
            TagEnd::TableRow => self.finish_row(),
            TagEnd::Table => self.kind = Kind::Prose,
            TagEnd::Image => {
                if let Some((_, line)) = self.block.last_mut() {
                    line.push(']');
                }
            }
            TagEnd::HtmlBlock
            | TagEnd::List(_)
            | TagEnd::TableHead
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::Link
            | TagEnd::MetadataBlock(_) => {}
        }
    }

    fn text(&mut self, text: &str, at: usize) {
        if self.block.is_empty() {
            self.block.push((self.lines.line_of(at), String::new()));
        }
        let Some((_, line)) = self.block.last_mut() else { return };
        match self.kind {
            Kind::Code => line.push_str(text),
            // A line break here was written `&#10;` and shows as a blank.
            Kind::Prose | Kind::Heading(..) | Kind::TableHead | Kind::TableCell => {
                line.extend(text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }));
            }
        }
    }

    /// Ends a run of text: a paragraph, a heading, a cell, a code block.
    fn finish_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        let kind = self.kind;
        match kind {
            Kind::Prose => {
                self.name_item(&block);
                if !self.is_quoted() {
                    self.find_fields(&block);
                }
            }
            Kind::Heading(..) | Kind::Code => self.kind = Kind::Prose,
            Kind::TableHead | Kind::TableCell => {}
        }
        let lines: Vec<String> = block.into_iter().map(|(_, line)| line).collect();
        let text = lines.join("\n");
        match kind {
            Kind::Heading(level, line, true) => self.begin_section(level, line, &text),
            Kind::Heading(_, _, false) | Kind::TableHead => {}
            Kind::Prose | Kind::Code => self.add_content(text),
            Kind::TableCell => {
                self.row.1.push(text.clone());
                self.add_content(text);
            }
        }
    }

    fn finish_row(&mut self) {
        let (line, cells) = std::mem::take(&mut self.row);
        let mut cells = cells.into_iter();
        let field = cells.next().and_then(|cell| self.fields.get(&folded(&cell)).copied());
        if let Some(field) = field.filter(|_| !self.is_quoted()) {
            self.add_home(field, line, Form::Line, cells.collect());
        }
    }

    /// Begins the section under a heading that stands outside of lists and quotes.
    fn begin_section(&mut self, level: HeadingLevel, line: usize, text: &str) {
        let name = folded(text);
        let section = (name == self.heading).then(|| {
            self.page.sections.push(Section { line, items: Vec::new(), unread: Vec::new() });
            self.page.sections.len() - 1
        });
        let field = self.fields.get(&name).copied();
        let home = field.map(|field| self.add_home(field, line, Form::Section, Vec::new()));
        self.above.push(Heading { level, section, home });
    }

    /// Adds a list item, if it stands in a checklist, and returns its place.
    fn begin_item(&mut self, at: usize) -> Option<(usize, usize)> {
        let number = self.section().filter(|_| !self.is_quoted())?;
        let section = self.page.sections.get_mut(number)?;
        if section.items.len() == MAX_ITEMS {
            let why = format!("the checklist has more than {MAX_ITEMS} list items");
            if section.unread.last().is_none_or(|last| last.why != why) {
                section.unread.push(Unread { line: self.lines.line_of(at), why });
            }
            return None;
        }
        let line = self.lines.line_of(at);
        section.items.push(Item { line, mark: Mark::None, text: String::new() });
        Some((number, section.items.len() - 1))
    }

    fn mark(&mut self, ticked: bool, at: usize) {
        if self.is_quoted() {
            self.unread(at, "an item in a block quote is not read");
        } else if let Some(Container::Item { place: Some(place), .. }) = self.containers.last()
            && let Some(item) = self.page.item(*place)
        {
            item.mark = if ticked { Mark::Ticked } else { Mark::Open };
        }
    }

    /// Gives the innermost list item its text, if this is the first.
    ///
    /// A text below a blank line is not that of the check box above it (GFM §5.3).
    fn name_item(&mut self, block: &[(usize, String)]) {
        let Some(Container::Item { place, named: named @ false }) = self.containers.last_mut()
        else {
            return;
        };
        let lines: Vec<&str> = block.iter().map(|(_, line)| line.as_str()).collect();
        let text = collapsed(&lines.join(" "));
        *named = !text.is_empty();
        if let Some(item) = place.and_then(|place| self.page.item(place))
            && block.first().is_some_and(|(line, _)| *line <= item.line + 1)
        {
            item.text = text;
        }
    }

    /// Adds the fields that lines of the form `Name: value` are.
    fn find_fields(&mut self, block: &[(usize, String)]) {
        for (line, text) in block {
            if let Some((name, value)) = text.split_once(':')
                && let Some(field) = self.fields.get(&folded(name)).copied()
            {
                self.add_home(field, *line, Form::Line, vec![value.into()]);
            }
        }
    }

    /// Adds text to the field under whose heading it stands, unless another section comes between.
    fn add_content(&mut self, text: String) {
        let owner = self.above.iter().rev().find(|h| h.section.is_some() || h.home.is_some());
        if let Some(home) = owner.and_then(|heading| heading.home)
            && let Some(home) = self.page.homes.get_mut(home)
            && !text.is_empty()
        {
            home.texts.push(text);
        }
    }

    fn add_home(&mut self, field: &str, line: usize, form: Form, texts: Vec<String>) -> usize {
        self.page.homes.push(Home { field: field.into(), line, form, texts });
        self.page.homes.len() - 1
    }

    /// Notes something that must not stand in a checklist, once for each line.
    fn unread(&mut self, at: usize, why: &str) {
        let line = self.lines.line_of(at);
        let number = self.section();
        if let Some(section) = number.and_then(|number| self.page.sections.get_mut(number))
            && section.unread.last().is_none_or(|last| last.line != line)
        {
            section.unread.push(Unread { line, why: why.into() });
        }
    }

    /// Returns the innermost checklist that the current block stands in.
    fn section(&self) -> Option<usize> {
        self.above.iter().rev().find_map(|heading| heading.section)
    }

    fn is_quoted(&self) -> bool {
        self.containers.iter().any(|container| matches!(container, Container::Quote))
    }
}
