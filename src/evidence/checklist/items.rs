//! The items of a document, compared with those of its template.

use std::cmp::Reverse;

use crate::policy::config::Checklist;
use crate::report::text::{Foreign, cut, escape};
use crate::violation::{OpenItem, OpenItemKind};

use super::page::{Item, Mark};
use super::wording::{says_nothing, visible};

/// What may stand between the words of the template and what the document adds.
const DIVIDERS: [&str; 6] = [": ", " - ", " -- ", " \u{2013} ", " \u{2014} ", " ("];

/// Placeholders of fields that answer an item: `Known issues: none`.
const ANSWERS: [&str; 3] = ["none", "n/a", "na"];

/// An item that a document must have.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    line: usize,
    text: String,
    /// The words before the placeholder that the document must replace, if there is one.
    stem: Option<String>,
}

/// How an item of a document fulfils one of the template; the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// The same words.
    Same,
    /// The words, and something behind them.
    Extended,
    /// The words, but the placeholder is still there, or nothing in its place.
    Unfilled,
    /// In words one of the above, but without a check box.
    NoBox,
}

impl Wanted {
    /// Returns the item of a template with these words.
    pub(super) fn new(line: usize, text: &str, checklist: &Checklist) -> Self {
        let divided = DIVIDERS.iter().filter_map(|divider| text.rsplit_once(divider));
        let last = divided.min_by_key(|(_, tail)| tail.len());
        let stem = last.filter(|(_, tail)| is_blank(tail, checklist)).map(|(stem, _)| stem.into());
        Self { line, text: text.into(), stem }
    }

    fn words(&self) -> &str {
        self.stem.as_deref().unwrap_or(&self.text)
    }

    fn fit(&self, item: &Item, checklist: &Checklist) -> Option<Fit> {
        let (mark, text) = item.reading();
        let fit = if self.stem.is_none() && text == self.text {
            Fit::Same
        } else if let Some(added) = added(self.words(), text) {
            let blank = self.stem.is_some() && is_blank(added, checklist);
            if blank { Fit::Unfilled } else { Fit::Extended }
        } else if self.stem.is_some() && text.trim_end_matches([':', '-', ' ']) == self.words() {
            Fit::Unfilled
        } else {
            return None;
        };
        match mark {
            Mark::Ticked | Mark::Open => Some(fit),
            Mark::None => Some(Fit::NoBox),
        }
    }
}

/// Returns what is open among the items of a document.
///
/// Each item fulfils one of the template. The same words go before longer ones, and longer
/// words of the template before shorter ones, so that `Tests` does not use up `Tests: smoke`.
pub(super) fn compare(wanted: &[Wanted], found: &[Item], checklist: &Checklist) -> Vec<OpenItem> {
    let mut open = Vec::new();
    for item in found {
        if let (Mark::Open, text) = item.reading() {
            open.push(not_ticked(item.line, text));
        }
    }
    let mut left: Vec<&Item> = found.iter().collect();
    let mut missing: Vec<&Wanted> = wanted.iter().collect();
    missing.sort_by_key(|wanted| Reverse(wanted.words().len()));
    for fit in [Fit::Same, Fit::Extended, Fit::Unfilled, Fit::NoBox] {
        missing.retain(|wanted| {
            let fits = |item: &&Item| wanted.fit(item, checklist) == Some(fit);
            let Some(at) = left.iter().position(fits) else { return true };
            let item = left.remove(at);
            match fit {
                Fit::Same | Fit::Extended => {}
                Fit::Unfilled => {
                    let field = cut(&escape(wanted.words().as_bytes()), 90);
                    let what = OpenItemKind::FieldEmpty { field };
                    open.push(OpenItem { line: item.line, what });
                }
                Fit::NoBox => open.push(not_ticked(item.line, item.reading().1)),
            }
            false
        });
    }
    missing.sort_by_key(|wanted| wanted.line);
    open.extend(missing.into_iter().map(|wanted| {
        let text = Foreign::from(&wanted.text);
        let what = OpenItemKind::ItemMissing { text, template_line: wanted.line };
        OpenItem { line: 0, what }
    }));
    open
}

fn not_ticked(line: usize, text: &str) -> OpenItem {
    OpenItem { line, what: OpenItemKind::NotTicked { text: Foreign::from(text) } }
}

/// Returns what stands behind `words` and a divider.
fn added<'a>(words: &str, text: &'a str) -> Option<&'a str> {
    let rest = text.strip_prefix(words)?;
    let label = rest.strip_prefix(' ').filter(|_| words.ends_with(':'));
    label.or_else(|| DIVIDERS.iter().find_map(|divider| rest.strip_prefix(divider)))
}

/// Returns whether a text behind a divider is a place to be filled in.
fn is_blank(text: &str, checklist: &Checklist) -> bool {
    let text = visible(text.strip_suffix(')').unwrap_or(text));
    says_nothing(&text, checklist) && !ANSWERS.contains(&text.to_lowercase().as_str())
}
