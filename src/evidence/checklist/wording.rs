//! What two texts have in common for those who read them.

use crate::policy::config::Checklist;
use crate::policy::text::is_hidden;

/// Returns the words of a text, divided by single blanks.
pub(super) fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the words of a text without the characters that people do not see.
pub(super) fn visible(text: &str) -> String {
    let seen = text.chars().filter(|c| c.is_whitespace() || !is_hidden(*c));
    collapsed(&seen.collect::<String>())
}

/// Returns the form in which headings and names of fields are compared.
pub(super) fn folded(text: &str) -> String {
    visible(text).to_lowercase()
}

/// Returns whether a [`visible`] text is a placeholder, with or without marks around it, or holds
/// neither letters nor digits.
pub(super) fn says_nothing(text: &str, checklist: &Checklist) -> bool {
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
    let placeholder = |text| checklist.placeholders.match_text(text);
    bare.is_empty() || placeholder(bare) || placeholder(text)
}
