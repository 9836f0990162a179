//! Text of trusted files: what may stand in it, where its lines begin, and how a message shows it.
//!
//! Everything here was written by people and may be hostile all the same: a
//! file is checked as a whole before a parser sees it, and what a message
//! repeats is escaped and cut.

use crate::limits::Limits;

use super::problems::Problems;

/// The most characters of foreign text that one message repeats.
const SHOWN_CHARS: usize = 200;

/// Returns `text` in quotes, every character but printable ASCII escaped, cut to 200 characters.
///
/// ASCII alone, so that a look-alike letter in an address shows itself.
#[must_use]
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for (shown, c) in text.chars().enumerate() {
        if shown == SHOWN_CHARS {
            out.push_str("...");
            break;
        }
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            c => out.extend(c.escape_default()),
        }
    }
    out.push('"');
    out
}

/// Returns whether people cannot see `c`, or see something else because of it.
///
/// Control characters, everything that Unicode lets a renderer leave out
/// (Default_Ignorable_Code_Point in `DerivedCoreProperties.txt`, Unicode 16), bidi controls, line
/// and paragraph separators, and every blank but the ASCII space.
#[must_use]
pub(crate) fn is_hidden(c: char) -> bool {
    let ignorable = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    let private = matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}');
    c.is_control() || ignorable || private || (c.is_whitespace() && c != ' ')
}

/// Returns the first character of `text` that [`is_hidden`], as a message names it.
#[must_use]
pub(crate) fn hidden_char(text: &str) -> Option<String> {
    text.chars().find(|c| is_hidden(*c)).map(|c| format!("U+{:04X}", u32::from(c)))
}

/// Returns `text` without blanks at its ends and with single blanks inside.
#[must_use]
pub(crate) fn squeezed(text: &str) -> String {
    text.split([' ', '\t', '\n', '\r'])
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Reads a whole trusted file as text, or says why it is none.
///
/// A byte order mark at the start is left out. Refused are files above
/// [`Limits::file_bytes`], other encodings than UTF-8, control characters, and
/// lines that end in a lone carriage return, which renderers and parsers
/// divide differently.
pub(crate) fn checked<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    problems: &mut Problems,
) -> Option<&'a str> {
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limits.file_bytes {
        let message = format!(
            "the file has {} bytes, more than the limit of {} (limits.file-bytes)",
            bytes.len(),
            limits.file_bytes
        );
        problems.add(0, message);
        return None;
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        problems.add_with_help(0, "the file is UTF-16, not UTF-8", "save the file as UTF-8");
        return None;
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = bytes.iter().take(error.valid_up_to());
            let line = 1 + before.filter(|byte| **byte == b'\n').count();
            problems.add_with_help(line, "the line is not UTF-8", "save the file as UTF-8");
            return None;
        }
    };
    let mut clean = true;
    for (line, content) in (1..).zip(text.split('\n')) {
        let content = content.strip_suffix('\r').unwrap_or(content);
        if let Some(c) = content.chars().find(|c| c.is_control() && *c != '\t') {
            let c = u32::from(c);
            problems.add(line, format!("the line holds the control character U+{c:04X}"));
            clean = false;
        }
    }
    clean.then_some(text)
}

/// Where the lines of a text begin.
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    /// Finds the lines of `text`.
    #[must_use]
    pub(crate) fn new(text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// Returns the line, from 1, that the byte at `offset` stands in.
    #[must_use]
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// Returns the text of the line, from 1, without its end; empty past the last line.
    #[must_use]
    pub(crate) fn text_of(&self, line: usize) -> &'a str {
        let start = line.checked_sub(1).and_then(|index| self.starts.get(index));
        let rest = start.and_then(|start| self.text.get(*start..)).unwrap_or_default();
        rest.lines().next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_repeats_is_ascii_quoted_and_cut() {
        assert_eq!(quoted("O'Brien \"x\" \\"), r#""O'Brien \"x\" \\""#);
        assert_eq!(quoted("\u{430}da\u{202e}\x1b[2J\n"), r#""\u{430}da\u{202e}\u{1b}[2J\n""#);
        assert_eq!(quoted(&"x".repeat(1000)).len(), 205);
        assert!(quoted(&"\u{10ffff}".repeat(1000)).len() < 2100);
    }

    #[test]
    fn hidden_characters_are_those_that_people_do_not_see() {
        for c in ['\0', '\x7f', '\u{85}', '\u{a0}', '\u{ad}', '\u{200b}', '\u{200d}', '\u{202e}']
            .into_iter()
            .chain(['\u{2028}', '\u{2066}', '\u{3000}', '\u{3164}', '\u{feff}', '\u{e0041}'])
        {
            assert!(is_hidden(c), "{c:?}");
        }
        for c in ['a', ' ', '\u{e9}', '\u{444}', '\u{660e}', '\u{1f600}', '\''] {
            assert!(!is_hidden(c), "{c:?}");
        }
    }

    #[test]
    fn lines_are_found_by_offset_and_number() {
        let lines = Lines::new("a\r\nbc\n\nd");
        let found: Vec<_> = [0, 1, 2, 3, 5, 6, 7, 8, 99].map(|at| lines.line_of(at)).into();
        assert_eq!(found, [1, 1, 1, 2, 2, 3, 4, 4, 4]);
        assert_eq!(
            [0, 1, 2, 3, 4, 5].map(|line| lines.text_of(line)),
            ["", "a", "bc", "", "d", ""]
        );
    }

    fn problems_of(bytes: &[u8]) -> Vec<String> {
        let mut problems = Problems::new("f");
        let limits = Limits { file_bytes: 64, ..Limits::default() };
        let text = checked(bytes, &limits, &mut problems);
        let found = problems.into_sorted();
        assert_eq!(text.is_none(), !found.is_empty());
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_that_is_not_plain_text_is_refused_with_its_line() {
        assert!(problems_of(b"").is_empty());
        assert!(problems_of(b"\xef\xbb\xbfa\r\n\tb\n").is_empty());
        assert_eq!(
            problems_of(&[b'x'; 65]),
            ["f: the file has 65 bytes, more than the limit of 64 (limits.file-bytes)"]
        );
        assert_eq!(problems_of(b"\xff\xfea\0"), ["f: the file is UTF-16, not UTF-8"]);
        assert_eq!(problems_of(b"a\nb\xff\n"), ["f:2: the line is not UTF-8"]);
        assert_eq!(
            problems_of(b"a\n\0\nb\x1b\nc\rd\n\xc2\x85"),
            [
                "f:2: the line holds the control character U+0000",
                "f:3: the line holds the control character U+001B",
                "f:4: the line holds the control character U+000D",
                "f:5: the line holds the control character U+0085",
            ]
        );
    }
}
