//! TOML files read key by key, so that every problem is found and has its line.
//!
//! serde stops at the first thing it does not like. Here a table is a set of
//! keys that are asked for one by one; what is there and was not asked for is
//! unknown, which is an error with the known key that was probably meant.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::Diagnostic;
use crate::limits::Limits;

use super::problems::Problems;
use super::suggest;
use super::text::{self, Lines, hidden_char, quoted};

/// The most values of a list; comparing them with each other stays cheap.
pub(crate) const MAX_ELEMENTS: usize = 1000;

/// The most bytes of a file, whatever the limits allow: the parser takes two hundred times as many.
const MAX_BYTES: u64 = 1 << 17;

/// A file that is being read.
struct Source<'s> {
    lines: Lines<'s>,
    problems: RefCell<Problems>,
}

/// A table, from which keys are asked for.
pub(crate) struct Table<'t> {
    source: &'t Source<'t>,
    /// The keys that lead here, dots between them; empty at the top.
    name: String,
    line: usize,
    entries: BTreeMap<&'t str, (Range<usize>, &'t Spanned<DeValue<'t>>)>,
    asked: Vec<&'static str>,
}

/// A value, with the place to complain about.
pub(crate) struct Value<'t> {
    source: &'t Source<'t>,
    name: String,
    line: usize,
    value: &'t DeValue<'t>,
}

/// Reads a file with `read`, which asks the top table for its keys.
///
/// # Errors
/// Every problem of the file, by line.
pub(crate) fn read_file<T>(
    file: &str,
    bytes: &[u8],
    limits: &Limits,
    read: impl FnOnce(&mut Table<'_>) -> T,
) -> Result<T, Vec<Diagnostic>> {
    let mut problems = Problems::new(file);
    if limits.file_bytes > MAX_BYTES && bytes.len() as u64 > MAX_BYTES {
        let message =
            format!("the file has {} bytes, {MAX_BYTES} are allowed at most", bytes.len());
        problems.add(0, message);
        return Err(problems.into_sorted());
    }
    let Some(text) = text::checked(bytes, limits, &mut problems) else {
        return Err(problems.into_sorted());
    };
    let lines = Lines::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = error.span().map_or(0, |span| lines.line_of(span.start));
        let message = error.message().lines().next().unwrap_or_default();
        problems.add_with_help(line, format!("not TOML: {}", ascii(message)), "see toml.io");
    }
    if !problems.is_empty() {
        return Err(problems.into_sorted());
    }
    let source = Source { lines, problems: RefCell::new(problems) };
    let value = {
        let mut table = Table::new(&source, String::new(), 0, document.get_ref());
        let value = read(&mut table);
        table.finish();
        value
    };
    let problems = source.problems.into_inner();
    if problems.is_empty() { Ok(value) } else { Err(problems.into_sorted()) }
}

/// Returns the parser's message with foreign characters escaped.
fn ascii(message: &str) -> String {
    let quoted = quoted(message);
    quoted.trim_matches('"').replace("\\\"", "\"").replace("\\\\", "\\")
}

impl<'t> Table<'t> {
    fn new(source: &'t Source<'t>, name: String, line: usize, table: &'t DeTable<'t>) -> Self {
        let entries =
            table.iter().map(|(key, value)| (key.get_ref().as_ref(), (key.span(), value)));
        Self { source, name, line, entries: entries.collect(), asked: Vec::new() }
    }

    /// Returns the value of a key, if it is there.
    pub(crate) fn value(&mut self, key: &'static str) -> Option<Value<'t>> {
        self.asked.push(key);
        let (span, value) = self.entries.get(key)?;
        Some(self.value_at(key, span, value))
    }

    /// Returns every value, for tables whose keys are free.
    pub(crate) fn all(&mut self) -> Vec<(&'t str, Value<'t>)> {
        let entries = std::mem::take(&mut self.entries);
        let values =
            entries.into_iter().map(|(key, (span, value))| (key, self.value_at(key, &span, value)));
        values.collect()
    }

    /// Reads the table under a key, if it is there, and reports what `read` does not ask for.
    pub(crate) fn table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        self.value(key)?.table(read)
    }

    /// Reports a problem of the table as a whole.
    pub(crate) fn wrong(&self, message: impl Into<String>, help: impl Into<String>) {
        self.wrong_at(self.line, message, help);
    }

    /// Reports a problem between values of the table, at the line of one of them.
    pub(crate) fn wrong_at(
        &self,
        line: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.source.problems.borrow_mut().add_with_help(line, message, help);
    }

    fn value_at(
        &self,
        key: &str,
        span: &Range<usize>,
        value: &'t Spanned<DeValue<'t>>,
    ) -> Value<'t> {
        Value {
            source: self.source,
            name: joined(&self.name, key),
            line: self.source.lines.line_of(span.start),
            value: value.get_ref(),
        }
    }

    /// Reports every key that was not asked for.
    fn finish(self) {
        let mut problems = self.source.problems.borrow_mut();
        let known = || self.asked.iter().copied();
        for (key, (span, _)) in &self.entries {
            if self.asked.contains(key) {
                continue;
            }
            let line = self.source.lines.line_of(span.start);
            let meant = if problems.is_full() { None } else { suggest::nearest(key, known()) };
            let place = if self.name.is_empty() {
                String::new()
            } else {
                format!(" in [{}]", ascii(&self.name))
            };
            let help = match meant {
                Some(meant) => format!("write {meant}"),
                None => format!("known here are {}", known().collect::<Vec<_>>().join(", ")),
            };
            problems.add_with_help(line, format!("unknown key {}{place}", quoted(key)), help);
        }
    }
}

impl<'t> Value<'t> {
    /// Returns the line of the key, or of the element of an array.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// Reports a problem of the value.
    pub(crate) fn wrong(&self, message: impl std::fmt::Display, help: impl Into<String>) {
        let message = format!("{}: {message}", ascii(&self.name));
        self.source.problems.borrow_mut().add_with_help(self.line, message, help);
    }

    /// Returns a string of 1 to 1000 characters that people see as it is.
    pub(crate) fn string(&self) -> Option<&'t str> {
        let DeValue::String(text) = self.value else {
            return self.not_a("a string in quotes");
        };
        if text.trim().is_empty() {
            self.wrong("the string is empty", "write a value, or leave the key out");
            return None;
        }
        if text.chars().count() > 1000 {
            self.wrong("the string is longer than 1000 characters", "shorten it");
            return None;
        }
        if let Some(character) = hidden_char(text) {
            let message = format!("{} holds the hidden character {character}", quoted(text));
            self.wrong(message, "type it anew");
            return None;
        }
        Some(text)
    }

    /// Returns a whole number within bounds.
    pub(crate) fn number(&self, least: u32, most: u32) -> Option<u32> {
        let DeValue::Integer(number) = self.value else {
            return self.not_a("a whole number");
        };
        let parsed = i128::from_str_radix(number.as_str(), number.radix()).ok();
        let fits = parsed.and_then(|number| u32::try_from(number).ok());
        let fits = fits.filter(|number| (least..=most).contains(number));
        if fits.is_none() {
            let help = format!("write a number from {least} to {most}");
            self.wrong(format!("{} is out of bounds", quoted(number.as_str())), help);
        }
        fits
    }

    /// Returns a truth value.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(value) => Some(*value),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => self.not_a("true or false"),
        }
    }

    /// Returns a date or time as it is written, with or without quotes.
    pub(crate) fn date_text(&self) -> Option<String> {
        match self.value {
            DeValue::String(_) => self.string().map(str::to_owned),
            DeValue::Datetime(day) => Some(day.to_string()),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => self.not_a("a day such as 2026-11-23"),
        }
    }

    /// Returns a day: `2026-11-23`, with or without quotes.
    pub(crate) fn date(&self) -> Option<jiff::civil::Date> {
        let text = self.date_text()?;
        let day = text.parse::<jiff::civil::Date>().ok();
        let day = day.filter(|day| day.to_string() == text);
        if day.is_none() {
            let help = "write year, month and day, such as 2026-11-23";
            self.wrong(format!("{} is no day of the calendar", quoted(&text)), help);
        }
        day
    }

    /// Returns what a word stands for.
    pub(crate) fn word<T: Clone>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.string()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known = || words.iter().map(|(word, _)| *word);
            let help = match suggest::nearest(text, known()) {
                Some(meant) => format!("write \"{meant}\""),
                None => format!("write one of {}", known().collect::<Vec<_>>().join(", ")),
            };
            self.wrong(format!("{} is not known", quoted(text)), help);
        }
        found.map(|(_, value)| value.clone())
    }

    /// Returns the elements of an array that has at least one.
    pub(crate) fn elements(&self) -> Option<Vec<Self>> {
        let elements = self.up_to(MAX_ELEMENTS)?;
        if elements.is_empty() {
            self.wrong("the list is empty", "write at least one value, or leave the key out");
            return None;
        }
        Some(elements)
    }

    /// Returns the elements of an array, each read by `read`; `None` if one could not be read.
    pub(crate) fn list<T: PartialEq>(&self, read: impl Fn(&Self) -> Option<T>) -> Option<Vec<T>> {
        distinct(self.elements()?, read)
    }

    /// Returns the elements of an array that may be empty and has no more than `most`.
    pub(crate) fn any_list<T: PartialEq>(
        &self,
        most: usize,
        read: impl Fn(&Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        distinct(self.up_to(most)?, read)
    }

    /// Reads a table and reports what `read` does not ask for.
    pub(crate) fn table<T>(self, read: impl FnOnce(&mut Table<'t>) -> T) -> Option<T> {
        let DeValue::Table(table) = self.value else {
            return self.not_a("a table");
        };
        let mut table = Table::new(self.source, self.name, self.line, table);
        let value = read(&mut table);
        table.finish();
        Some(value)
    }

    fn up_to(&self, most: usize) -> Option<Vec<Self>> {
        let DeValue::Array(array) = self.value else {
            return self.not_a("a list in brackets");
        };
        if array.len() > most {
            let message = format!("the list has {} values, {most} are allowed", array.len());
            self.wrong(message, "shorten it");
            return None;
        }
        let elements = array.iter().map(|element| Value {
            source: self.source,
            name: self.name.clone(),
            line: self.source.lines.line_of(element.span().start),
            value: element.get_ref(),
        });
        Some(elements.collect())
    }

    fn not_a<T>(&self, what: &str) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.wrong(format!("expected {what}, found {found}"), format!("write {what}"));
        None
    }
}

/// Reads every element, and reports those that were there before.
fn distinct<'t, T: PartialEq>(
    elements: Vec<Value<'t>>,
    read: impl Fn(&Value<'t>) -> Option<T>,
) -> Option<Vec<T>> {
    let mut values: Option<Vec<T>> = Some(Vec::new());
    for element in elements {
        match (read(&element), &mut values) {
            (Some(value), Some(values)) if values.contains(&value) => {
                element.wrong("the list holds a value twice", "keep one of them");
            }
            (Some(value), Some(values)) => values.push(value),
            (Some(_), None) => {}
            (None, _) => values = None,
        }
    }
    values
}

fn joined(table: &str, key: &str) -> String {
    if table.is_empty() { key.into() } else { format!("{table}.{key}") }
}
