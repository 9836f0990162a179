//! What is asked of owners, artifacts, gates and exceptions, beyond that something stands there.

use std::collections::BTreeSet;

use crate::policy::config::{Checklist, Digests, Owners};
use crate::report::text::Foreign;
use crate::violation::{OpenItem, OpenItemKind};

use super::listing::{Entry, EntryForm, entries, foreign_html};
use super::page::{Form, Page};
use super::wording::{folded, says_nothing};

/// The headings of sections with a meaning of their own.
pub const OWNERS: &str = "Owners";
/// See [`OWNERS`].
pub const ARTIFACTS: &str = "Artifacts";
/// The section in which exceptions are listed.
pub const EXCEPTIONS: &str = "Exceptions";
/// The section in which the gates are listed, where the template has it.
pub const GATES: &str = "Gates";

/// Columns that hold people.
const PEOPLE: [&str; 6] = ["name", "names", "owner", "owners", "person", "who"];

/// What a document is held against beside its template.
pub struct Demands<'a> {
    /// Says whether a name or an email is that of somebody who is listed.
    pub is_listed: &'a dyn Fn(&str) -> bool,
    /// The gates that the tag needs, by name.
    pub gates: &'a [&'static str],
}

/// Returns what is open in the sections of a document that the template cannot tell.
///
/// A document or template that is no plain text gives nothing: that is open already.
#[must_use]
pub fn unmet(
    template: &[u8],
    document: &[u8],
    checklist: &Checklist,
    demands: &Demands<'_>,
) -> Vec<OpenItem> {
    let (Ok(page), Ok(_)) = (Page::read(document, checklist), Page::read(template, checklist))
    else {
        return Vec::new();
    };
    let (Ok(template), Ok(document)) =
        (std::str::from_utf8(template), std::str::from_utf8(document))
    else {
        return Vec::new();
    };
    let held = Held { template, document, checklist };
    let mut open: Vec<OpenItem> = foreign_html(template, document)
        .into_iter()
        .map(|(line, raw)| OpenItem {
            line,
            what: OpenItemKind::Html { text: Foreign::from(&raw) },
        })
        .collect();
    if *checklist.owners == Owners::Listed && has_field(checklist, OWNERS) {
        open.extend(held.owners(&page, demands));
    }
    if *checklist.digests == Digests::Required && has_field(checklist, ARTIFACTS) {
        open.extend(held.artifacts());
    }
    open.extend(held.gates(demands));
    open.sort_by_key(|item| item.line);
    open
}

/// Returns the names that the section about exceptions does not hold.
#[must_use]
pub fn unlisted<'n>(
    document: &[u8],
    names: impl IntoIterator<Item = &'n str>,
) -> BTreeSet<&'n str> {
    let text = std::str::from_utf8(document).unwrap_or_default();
    let listed = entries(text, EXCEPTIONS).unwrap_or_default();
    let words: BTreeSet<String> = listed
        .iter()
        .flat_map(|entry| {
            let text = entry.text();
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            words.map(|word| word.trim_matches('-').to_owned()).collect::<Vec<_>>()
        })
        .collect();
    names.into_iter().filter(|name| !words.contains(*name)).collect()
}

fn has_field(checklist: &Checklist, name: &str) -> bool {
    checklist.fields.iter().any(|field| folded(field) == folded(name))
}

/// A document beside its template.
struct Held<'a> {
    template: &'a str,
    document: &'a str,
    checklist: &'a Checklist,
}

impl Held<'_> {
    /// Returns the entries of a section but for those that are the template's own words.
    fn entries(&self, heading: &str) -> Option<Vec<Entry>> {
        let own: BTreeSet<String> =
            entries(self.template, heading).unwrap_or_default().iter().map(Entry::key).collect();
        let is_blank =
            |entry: &Entry| entry.cells.iter().any(|(_, cell)| says_nothing(cell, self.checklist));
        let found = entries(self.document, heading)?.into_iter();
        Some(found.filter(|entry| !own.contains(&entry.key()) || is_blank(entry)).collect())
    }

    fn owners(&self, page: &Page, demands: &Demands<'_>) -> Vec<OpenItem> {
        let mut entries = match self.entries(OWNERS) {
            Some(entries) => entries,
            None => lines_of_field(page, OWNERS),
        };
        // Where owners stand in a table or list, the text around it is only text.
        if entries.iter().any(|entry| entry.form != EntryForm::Line) {
            entries.retain(|entry| entry.form != EntryForm::Line);
        }
        let unknown = entries.iter().filter_map(|entry| Some((entry, unknown(entry, demands)?)));
        let open = |(entry, who): (&Entry, String)| OpenItem {
            line: entry.line,
            what: OpenItemKind::OwnerUnknown { who: Foreign::from(&who) },
        };
        unknown.map(open).collect()
    }

    fn artifacts(&self) -> Vec<OpenItem> {
        let entries = self.entries(ARTIFACTS).unwrap_or_default().into_iter();
        let listed = entries.filter(|entry| entry.form != EntryForm::Line);
        listed
            .filter(|entry| !has_digest(&entry.text()))
            .map(|entry| {
                let artifact = entry.cells.first().map_or("", |(_, cell)| cell.as_str());
                let what = OpenItemKind::DigestMissing { artifact: Foreign::from(artifact) };
                OpenItem { line: entry.line, what }
            })
            .collect()
    }

    fn gates(&self, demands: &Demands<'_>) -> Vec<OpenItem> {
        if entries(self.template, GATES).is_none() {
            return Vec::new();
        }
        let entries = entries(self.document, GATES).unwrap_or_default();
        let says = |gate: &&&'static str| entries.iter().any(|entry| self.is_about(entry, gate));
        let missing = demands.gates.iter().filter(|gate| !says(gate));
        missing
            .map(|gate| {
                let named = entries.iter().find(|entry| first_word(entry) == *gate);
                let line = named.map_or(0, |entry| entry.line);
                OpenItem { line, what: OpenItemKind::GateMissing { gate } }
            })
            .collect()
    }

    fn is_about(&self, entry: &Entry, gate: &str) -> bool {
        let mut cells = entry.cells.iter().skip(1).map(|(_, cell)| cell.as_str());
        let text = entry.text();
        let says_something = match entry.form {
            EntryForm::Row => cells.any(|cell| !says_nothing(cell, self.checklist)),
            EntryForm::Item | EntryForm::Line => text
                .split_once(':')
                .is_some_and(|(_, value)| !says_nothing(value.trim(), self.checklist)),
        };
        first_word(entry) == gate && says_something
    }
}

fn first_word(entry: &Entry) -> String {
    let first = entry.cells.first().map_or("", |(_, cell)| cell.as_str());
    folded(first.split(':').next().unwrap_or_default())
}

/// Returns the places of a field that is written as lines, as entries.
fn lines_of_field(page: &Page, field: &str) -> Vec<Entry> {
    let homes = page.homes.iter().filter(|home| folded(&home.field) == folded(field));
    homes
        .filter(|home| home.form == Form::Line)
        .map(|home| {
            let cells = home.texts.iter().map(|text| (String::new(), text.trim().to_owned()));
            Entry { line: home.line, form: EntryForm::Row, cells: cells.collect() }
        })
        .collect()
}

/// Returns who of an entry is not listed; `None` if everybody is.
fn unknown(entry: &Entry, demands: &Demands<'_>) -> Option<String> {
    let named: Vec<&str> = entry
        .cells
        .iter()
        .filter(|(column, _)| PEOPLE.contains(&column.as_str()))
        .map(|(_, cell)| cell.as_str())
        .collect();
    let first_unknown = |text: &str| {
        let mut people = people_of(text);
        people.find(|person| !is_listed(person, demands)).map(str::to_owned)
    };
    if !named.is_empty() {
        return named.into_iter().find_map(first_unknown);
    }
    // Without a column of people one cell has to name them.
    let cells: Vec<&str> = entry.cells.iter().map(|(_, cell)| cell.as_str()).collect();
    let mut values =
        cells.iter().map(|cell| cell.split_once(':').map_or(*cell, |(_, value)| value));
    if values.clone().any(|value| first_unknown(value).is_none()) {
        return None;
    }
    values.next_back().and_then(first_unknown)
}

/// Returns the people whom a text names; one empty name where it names none.
fn people_of(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';', '&', '/']).flat_map(|part| part.split(" and ")).map(str::trim)
}

/// Says whether somebody is listed: by the email, if there is one, else by the name.
fn is_listed(person: &str, demands: &Demands<'_>) -> bool {
    let email = person.split_whitespace().find(|word| word.contains('@'));
    let plain = |word: &str| {
        word.trim_matches(|c: char| matches!(c, '<' | '>' | '(' | ')' | '[' | ']')).to_owned()
    };
    match email {
        Some(email) => (demands.is_listed)(&plain(email)),
        None => !person.is_empty() && (demands.is_listed)(person),
    }
}

/// Says whether a text holds a SHA-256 digest.
fn has_digest(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests;
