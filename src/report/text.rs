//! Text that a terminal may be shown: escaping, cutting and wrapping.
//!
//! Names, subjects, paths and scanner titles come from the push. Shown raw they
//! could repaint the pusher's terminal, forge lines of the report, or swallow them
//! (a NUL byte drops the rest of a `remote:` line).

use serde::{Serialize, Serializer};
use unicode_width::UnicodeWidthChar as _;

use crate::policy::text::is_hidden;

/// Bytes that came with a push, for showing alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Foreign(pub Vec<u8>);

impl<T: AsRef<[u8]> + ?Sized> From<&T> for Foreign {
    fn from(bytes: &T) -> Self {
        Self(bytes.as_ref().into())
    }
}

impl Serialize for Foreign {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&String::from_utf8_lossy(&self.0))
    }
}

impl Foreign {
    /// Returns the text between quotes, escaped, at most `width` columns wide.
    #[must_use]
    pub fn quoted(&self, width: usize) -> String {
        format!("\"{}\"", cut(&escape(&self.0), width.saturating_sub(2)))
    }

    /// Returns the text escaped, at most `width` columns wide; for places that no other text can be taken for.
    #[must_use]
    pub fn shown(&self, width: usize) -> String {
        cut(&escape(&self.0), width)
    }

    /// Returns a name such as a rule, a path or a place: bare if it is one plain word, else between quotes.
    #[must_use]
    pub fn token(&self, width: usize) -> String {
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_./:@+%=#~".contains(b);
        if !self.0.is_empty() && self.0.iter().all(plain) {
            cut(&String::from_utf8_lossy(&self.0), width)
        } else {
            self.quoted(width)
        }
    }
}

/// Escapes what is not plainly readable: control characters, invalid UTF-8, characters that people
/// cannot see, and every character outside ASCII that is no letter or digit, such as
/// bidirectional controls. Quotes and backslashes are escaped too.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                c => push_readable(&mut out, c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Returns prose of our own that may quote foreign text, as messages of parsers do: quotes stay,
/// what could fool a terminal is escaped, and it is cut to `most` columns.
#[must_use]
pub fn prose(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most));
    // Whatever is escaped only gets longer, so that nothing beyond `most` characters would be shown.
    text.chars().take(most + 1).for_each(|c| push_readable(&mut out, c));
    cut(&out, most)
}

fn push_readable(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        ' '..='~' => out.push(c),
        c if c.is_alphanumeric() && !is_hidden(c) => out.push(c),
        c => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
    }
}

/// Returns how many columns a text takes on a terminal.
///
/// Marks that stand on the letter before count as one, so that a pile of them has a length, too.
#[must_use]
pub fn columns(text: &str) -> usize {
    text.chars().map(column).sum()
}

fn column(c: char) -> usize {
    c.width().unwrap_or(1).max(1)
}

/// Cuts a text to a number of columns; what is cut off shows as `...`.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.into();
    }
    format!("{}...", head(text, width.saturating_sub(3)))
}

/// Returns the longest beginning of a text that takes no more than `width` columns.
fn head(text: &str, width: usize) -> &str {
    let mut taken = 0;
    let end = text.char_indices().find_map(|(at, c)| {
        taken += column(c);
        (taken > width).then_some(at)
    });
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Breaks prose into lines of at most `width` columns, between words.
///
/// A word that is longer than a line is broken where the line ends.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for mut word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(word) <= width => {
                line.push(' ');
                line.push_str(word);
                continue;
            }
            _ => {}
        }
        while columns(word) > width.max(1) {
            let part = match head(word, width) {
                // A letter that is wider than the line stands alone.
                "" => word.get(..word.chars().next().map_or(0, char::len_utf8)).unwrap_or(word),
                part => part,
            };
            lines.push(part.into());
            word = word.get(part.len()..).unwrap_or_default();
        }
        if !word.is_empty() {
            lines.push(word.into());
        }
    }
    lines
}

/// Returns a word as a POSIX shell takes it: bare if it is plain, else between single quotes.
#[must_use]
pub fn shell(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@+%=,".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn t90_t91_t99_what_could_fool_a_terminal_is_escaped() {
        for (raw, shown) in [
            (&b"\x1b]0;owned\x07"[..], "\\u{1b}]0;owned\\u{7}"),
            (b"a\0b\r\nc", "a\\u{0}b\\u{d}\\nc"),
            (
                "\u{202e}evil\u{2066}\u{200b}\u{9b}".as_bytes(),
                "\\u{202e}evil\\u{2066}\\u{200b}\\u{9b}",
            ),
            (b"lat\xe9n", "lat\\xe9n"),
            ("Zo\u{eb} 山".as_bytes(), "Zo\u{eb} 山"),
            (b"say \"x\"\\", "say \\\"x\\\"\\\\"),
            // Letters that nobody sees: the fillers of Hangul.
            ("a\u{3164}\u{115f}".as_bytes(), "a\\u{3164}\\u{115f}"),
        ] {
            assert_eq!(escape(raw), shown);
        }
    }

    #[test]
    fn long_text_is_cut_and_prose_is_wrapped_between_words() {
        assert_eq!(Foreign(b"abcdefghij".to_vec()).quoted(10), "\"abcde...\"");
        assert_eq!(Foreign(b"abcdefgh".to_vec()).quoted(10), "\"abcdefgh\"");
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(
            wrap("a averyveryverylongword b", 6),
            ["a", "averyv", "eryver", "ylongw", "ord b"]
        );
        assert_eq!(wrap("\u{5c71}\u{5c71}", 1), ["\u{5c71}", "\u{5c71}"]);
        assert_eq!(wrap("", 8), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn escaped_text_has_no_control_characters(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = escape(&bytes);
            let unfit = |c: char| c.is_control() || ('\u{2000}'..='\u{206f}').contains(&c);
            prop_assert!(!text.chars().any(unfit));
        }

        #[test]
        fn quoted_text_fits(bytes in proptest::collection::vec(any::<u8>(), 0..200), width in 5usize..80) {
            prop_assert!(columns(&Foreign(bytes.clone()).quoted(width)) <= width);
            prop_assert!(columns(&Foreign(bytes).token(width)) <= width);
        }

        #[test]
        fn wrapped_lines_fit_and_lose_nothing(text in "[a-z \\u{5c71}\\u{e01}\\u{e31}]{0,200}", width in 2usize..40) {
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|line| columns(line) <= width));
            let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }

        #[test]
        fn prose_is_short_and_has_no_control_characters(text in any::<String>(), most in 4usize..300) {
            let shown = prose(&text, most);
            prop_assert!(columns(&shown) <= most && !shown.chars().any(is_hidden));
        }
    }

    #[test]
    fn plain_names_stand_bare_and_others_in_quotes() {
        for (raw, shown) in [
            ("CWE-89", "CWE-89"),
            ("src/db/query.rs:88", "src/db/query.rs:88"),
            ("src/a b.rs", "\"src/a b.rs\""),
            ("", "\"\""),
            ("x, approved", "\"x, approved\""),
        ] {
            assert_eq!(Foreign::from(raw).token(40), shown);
        }
    }

    #[test]
    fn columns_are_those_of_a_terminal() {
        for (text, width) in [("", 0), ("ab", 2), ("\u{5c71}", 2), ("e\u{e31}", 2)] {
            assert_eq!(columns(text), width, "{text}");
        }
        assert_eq!(cut("\u{5c71}\u{5c71}\u{5c71}", 5), "\u{5c71}...");
    }

    #[test]
    fn a_shell_takes_a_word_as_one() {
        for (word, taken) in [
            ("main", "main"),
            ("a;$(id)`", "'a;$(id)`'"),
            ("it's", "'it'\\''s'"),
            ("4f2a^{commit}", "'4f2a^{commit}'"),
        ] {
            assert_eq!(shell(word), taken);
        }
    }
}
