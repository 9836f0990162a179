//! Text that a terminal may be shown: escaping, cutting and wrapping.
//!
//! Names, subjects, paths and scanner titles come from the push. Shown raw they
//! could repaint the pusher's terminal, forge lines of the report, or swallow them
//! (a NUL byte drops the rest of a `remote:` line).

use serde::{Serialize, Serializer};

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
}

/// Escapes what is not plainly readable: control characters, invalid UTF-8, and
/// every character outside ASCII that is no letter or digit, such as bidirectional
/// controls and blanks without width. Quotes and backslashes are escaped too.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                ' '..='~' => out.push(c),
                c if c.is_alphanumeric() => out.push(c),
                c => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Cuts a text to a number of columns; what is cut off shows as `...`.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.into();
    }
    let kept: String = text.chars().take(width.saturating_sub(3)).collect();
    format!("{kept}...")
}

/// Breaks prose into lines of at most `width` columns, between words.
///
/// A word that is longer than a line, such as a command or an id, gets a line of its own.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
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
        ] {
            assert_eq!(escape(raw), shown);
        }
    }

    #[test]
    fn long_text_is_cut_and_prose_is_wrapped_between_words() {
        assert_eq!(Foreign(b"abcdefghij".to_vec()).quoted(10), "\"abcde...\"");
        assert_eq!(Foreign(b"abcdefgh".to_vec()).quoted(10), "\"abcdefgh\"");
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("a averyveryverylongword b", 6), ["a", "averyveryverylongword", "b"]);
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
            prop_assert!(Foreign(bytes).quoted(width).chars().count() <= width);
        }

        #[test]
        fn wrapped_lines_fit_or_are_single_words(text in "[a-z ]{0,200}", width in 1usize..40) {
            for line in wrap(&text, width) {
                prop_assert!(line.len() <= width || !line.contains(' '));
            }
        }
    }
}
