//! Foreign text cut to a length, so that neither memory nor a message grows with a report.

use std::fmt::Write as _;

/// Characters of prose (titles, messages) that are kept.
const PROSE_CHARS: usize = 200;

/// Characters of a name (rule, path, package) that are kept; longer ones also keep a digest.
const NAME_CHARS: usize = 1_000;

/// Returns the beginning of a text that people read, its blanks and line ends folded.
pub(in crate::evidence) fn prose(text: &str) -> String {
    prose_of([text])
}

/// Returns the beginning of several texts that people read as one.
pub(super) fn prose_of<const N: usize>(texts: [&str; N]) -> String {
    let len: usize = texts.iter().map(|text| text.len() + 1).sum();
    let mut short = String::with_capacity(len.min(PROSE_CHARS + 3));
    let mut chars = 0;
    for word in texts.iter().flat_map(|text| text.split_whitespace()) {
        let separator = usize::from(!short.is_empty());
        for c in " ".chars().take(separator).chain(word.chars()) {
            if chars == PROSE_CHARS {
                short.push_str("...");
                return short;
            }
            short.push(c);
            chars += 1;
        }
    }
    short
}

/// Returns a name as it is, or its beginning and a digest if it is very long.
///
/// Exceptions are matched against names, so two long names that begin alike
/// must stay two.
pub(in crate::evidence) fn name(text: &str) -> String {
    match text.char_indices().nth(NAME_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => {
            let start = text.get(..end).unwrap_or_default();
            format!("{start}...{}", digest([text]))
        }
    }
}

/// Returns the beginning of a text in double quotes, as printable ASCII.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars().take(PROSE_CHARS) {
        out.extend(c.escape_default());
    }
    out.push_str(if text.chars().nth(PROSE_CHARS).is_some() { "...\"" } else { "\"" });
    out
}

/// Returns the beginning of a message that holds foreign text, as printable ASCII.
pub(crate) fn ascii(message: &str) -> String {
    let mut out = String::new();
    for c in message.chars().take(PROSE_CHARS) {
        if c.is_ascii() && !c.is_ascii_control() {
            out.push(c);
        } else {
            out.extend(c.escape_default());
        }
    }
    out
}

/// Returns `sha256:` and the digest of the parts, each with its length before it.
pub(in crate::evidence) fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut len = String::with_capacity(24);
    for part in parts {
        len.clear();
        write!(len, "{} ", part.len()).expect("because a String takes any text");
        context.update(len.as_bytes());
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    let mut out = String::with_capacity("sha256:".len() + 2 * digest.as_ref().len());
    out.push_str("sha256:");
    // A report has a digest for each finding: digit by digit, and not through the formatter.
    for byte in digest.as_ref() {
        out.extend(
            [byte >> 4, byte & 15]
                .map(|digit| char::from_digit(digit.into(), 16))
                .into_iter()
                .flatten(),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_one_line_of_bounded_length() {
        assert_eq!(prose("  a\n\tb  c "), "a b c");
        assert_eq!(prose(""), "");
        assert_eq!(prose(&"x".repeat(200)), "x".repeat(200));
        assert_eq!(prose(&"é ".repeat(1_000_000)).chars().count(), 203);
    }

    #[test]
    fn long_names_that_begin_alike_stay_different() {
        let a = format!("{}a", "r".repeat(5_000));
        let b = format!("{}b", "r".repeat(5_000));
        assert_ne!(name(&a), name(&b));
        assert!(name(&a).len() < 1_100);
        assert_eq!(name("CVE-2024-1"), "CVE-2024-1");
    }

    #[test]
    fn t90_quoted_text_is_printable_ascii() {
        assert_eq!(quoted("a\u{1b}[2J\n\u{202e}\"é\0"), r#""a\u{1b}[2J\n\u{202e}\"\u{e9}\u{0}""#);
        assert!(quoted(&"\u{202e}".repeat(100_000)).len() < 2_000);
    }

    #[test]
    fn a_digest_tells_where_one_part_ends() {
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
        assert_eq!(
            digest([]),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
