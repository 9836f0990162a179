//! The required fields of a document, compared with what its template says in them.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::config::Checklist;
use crate::violation::{OpenItem, OpenItemKind};

use super::page::{Form, Home};
use super::wording::{folded, says_nothing, visible};

/// What the template itself says in a field: every text and every line of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(BTreeSet<String>);

impl Known {
    /// Returns what the template says in each field, by folded name.
    pub(super) fn all(homes: &[Home]) -> BTreeMap<String, Self> {
        let mut fields: BTreeMap<String, Self> = BTreeMap::new();
        for home in homes {
            let known = fields.entry(folded(&home.field)).or_default();
            for text in &home.texts {
                known.0.insert(visible(text));
                known.0.extend(text.lines().map(visible));
            }
        }
        fields
    }

    /// Returns whether what a document says in a field is more than the template and placeholders.
    fn is_filled(&self, home: &Home, checklist: &Checklist) -> bool {
        let mut texts = home.texts.iter();
        match home.form {
            Form::Section => texts.any(|text| self.is_answered_by(text, checklist)),
            Form::Line => texts
                .find(|text| !self.is_fixed(text, checklist))
                .is_some_and(|text| self.is_answered_by(text, checklist)),
        }
    }

    /// Returns whether a cell is one that the template itself has filled in.
    fn is_fixed(&self, cell: &str, checklist: &Checklist) -> bool {
        let cell = visible(cell);
        self.0.contains(&cell) && !says_nothing(&cell, checklist)
    }

    /// Returns whether a text says something of its own.
    ///
    /// A text that only has other line breaks than the template's says what the template says.
    fn is_answered_by(&self, text: &str, checklist: &Checklist) -> bool {
        !self.0.contains(&visible(text)) && text.lines().any(|line| self.has_news(line, checklist))
    }

    fn has_news(&self, line: &str, checklist: &Checklist) -> bool {
        let line = visible(line);
        let value = line.split_once(':').map_or(line.as_str(), |(_, value)| value.trim());
        let silent = |text| says_nothing(text, checklist);
        !self.0.contains(&line) && !silent(&line) && !silent(value)
    }
}

/// Returns the required fields that are open.
pub(super) fn compare(
    template: &BTreeMap<String, Known>,
    homes: &[Home],
    checklist: &Checklist,
) -> Vec<OpenItem> {
    let nothing = Known::default();
    let mut by_name: BTreeMap<&str, Vec<&Home>> = BTreeMap::new();
    for home in homes {
        by_name.entry(&home.field).or_default().push(home);
    }
    let mut open = Vec::new();
    for field in checklist.fields.iter() {
        let known = template.get(&folded(field)).unwrap_or(&nothing);
        let homes = by_name.remove(field.as_str()).unwrap_or_default();
        let field = || field.clone();
        if homes.is_empty() {
            open.push(OpenItem { line: 0, what: OpenItemKind::FieldMissing { field: field() } });
        }
        let has_section = homes.iter().any(|home| home.form == Form::Section);
        for home in homes {
            let counts = home.form == Form::Section || !has_section;
            if counts && !known.is_filled(home, checklist) {
                let what = OpenItemKind::FieldEmpty { field: field() };
                open.push(OpenItem { line: home.line, what });
            }
        }
    }
    open
}
