//! Approval trailers of a commit message.
//!
//! Where `git interpret-trailers`, `git log --format=%(trailers)`, libgit2 and gix
//! differ about which lines are trailers, the message is refused, so that what a
//! reader of the commit takes for an approval and what counts are the same.
//! Messages without such lines are not looked at any further.
//!
//! Everything here comes from the push. Nothing in this module decides anything.

use std::fmt;

/// The key of an approval trailer.
pub const APPROVED_BY: &str = "Approved-by";

/// A trailer of the last paragraph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// The key as it is written.
    pub key: String,
    /// The value; folded lines are joined by one space.
    pub value: String,
    /// The line of the message on which it begins, from 1.
    pub line: usize,
}

/// The approval trailers of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals {
    /// The values of the `Approved-by` trailers, in order.
    pub trailers: Vec<Trailer>,
    /// Lines that look like approvals but are none: quoted, indented, or written
    /// with letters that only look like those of the key.
    pub look_alikes: Vec<usize>,
}

/// Why the trailers of a message cannot be read one way only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ambiguity {
    /// The line, from 1.
    pub line: usize,
    /// What is on it.
    pub what: AmbiguityKind,
}

/// What makes a message ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmbiguityKind {
    /// A line of the last paragraph that is no trailer.
    NotATrailer,
    /// A line that begins with `---`: git reads trailers above it, others below.
    Divider,
    /// A scissors line, below which git cuts.
    Scissors,
    /// A comment line, which some readers drop.
    Comment,
    /// A control character, a tab or a line separator.
    ControlCharacter,
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// An empty value, behind which libgit2 swallows the next trailer.
    EmptyValue,
    /// A space before the colon.
    SpaceBeforeColon,
    /// The paragraph of trailers is the whole message.
    NoSubject,
}

impl fmt::Display for Ambiguity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            AmbiguityKind::NotATrailer => "is no trailer, but stands among approvals",
            AmbiguityKind::Divider => {
                "begins with \"---\", where readers of trailers begin or stop"
            }
            AmbiguityKind::Scissors => {
                "is a scissors line, where readers of trailers stop or go on"
            }
            AmbiguityKind::Comment => "is a comment, which readers of trailers drop or keep",
            AmbiguityKind::ControlCharacter => "holds a tab or control character",
            AmbiguityKind::NotUtf8 => "is not UTF-8",
            AmbiguityKind::EmptyValue => "is a trailer without value",
            AmbiguityKind::SpaceBeforeColon => "has a space before its colon",
            AmbiguityKind::NoSubject => "is a trailer, but nothing stands above the trailers",
        };
        write!(f, "line {} of the message {what}", self.line)
    }
}

/// Reads the approval trailers of a commit message.
///
/// # Errors
/// The message holds an approval trailer and is ambiguous; says at which line.
pub fn approvals(message: &[u8]) -> Result<Approvals, Ambiguity> {
    let lines: Vec<&[u8]> = message.split(|b| *b == b'\n').collect();
    let is_approval: Vec<usize> = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| names_approval(line))
        .map(|(at, _)| at)
        .collect();
    let mut found = Approvals::default();
    if is_approval.is_empty() {
        return Ok(found);
    }
    let end = lines.iter().rposition(|line| !is_blank(line)).map_or(0, |last| last + 1);
    let start =
        lines.iter().take(end).rposition(|line| is_blank(line)).map_or(0, |blank| blank + 1);
    let counts =
        |at: &usize| *at >= start && begins_with_key(lines.get(*at).copied().unwrap_or_default());
    found.look_alikes = is_approval.iter().filter(|at| !counts(at)).map(|at| at + 1).collect();
    if !is_approval.iter().any(counts) {
        return Ok(found);
    }
    let ambiguous = |at: usize, what| Ambiguity { line: at + 1, what };
    if lines.iter().take(start).all(|line| is_blank(line)) {
        return Err(ambiguous(start, AmbiguityKind::NoSubject));
    }
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with(b"---") {
            return Err(ambiguous(at, AmbiguityKind::Divider));
        }
        if line.windows(2).any(|pair| pair == b">8") {
            return Err(ambiguous(at, AmbiguityKind::Scissors));
        }
    }
    let block = lines.iter().enumerate().take(end).skip(start);
    let mut trailers: Vec<Trailer> = Vec::new();
    for (at, line) in block {
        let text = std::str::from_utf8(line).map_err(|_| ambiguous(at, AmbiguityKind::NotUtf8))?;
        if text.chars().any(is_unfit) {
            return Err(ambiguous(at, AmbiguityKind::ControlCharacter));
        }
        if text.starts_with('#') {
            return Err(ambiguous(at, AmbiguityKind::Comment));
        }
        if let Some(folded) = text.strip_prefix(' ') {
            let previous =
                trailers.last_mut().ok_or_else(|| ambiguous(at, AmbiguityKind::NotATrailer))?;
            previous.value.push(' ');
            previous.value.push_str(folded.trim_matches(' '));
        } else {
            trailers.push(trailer(text, at + 1).map_err(|what| ambiguous(at, what))?);
        }
    }
    found.trailers =
        trailers.into_iter().filter(|t| t.key.eq_ignore_ascii_case(APPROVED_BY)).collect();
    Ok(found)
}

/// Returns the addresses of all co-authors that a message names.
///
/// Taken generously, from any line that begins with `Co-authored-by:`: they are
/// people whose approval does not count, so one too many is on the safe side.
#[must_use]
pub fn co_authors(message: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"co-authored-by";
    let mut found = Vec::new();
    for line in message.split(|b| matches!(b, b'\n' | b'\r')) {
        let line = line.trim_ascii();
        let Some((key, rest)) = line.split_at_checked(KEY.len()) else { continue };
        if !key.eq_ignore_ascii_case(KEY) || !rest.trim_ascii_start().starts_with(b":") {
            continue;
        }
        let text = String::from_utf8_lossy(rest);
        let words =
            text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | ':'));
        found.extend(words.filter(|word| word.contains('@')).map(str::to_owned));
    }
    found
}

fn trailer(line: &str, number: usize) -> Result<Trailer, AmbiguityKind> {
    let (key, value) = line.split_once(':').ok_or(AmbiguityKind::NotATrailer)?;
    if key.ends_with(' ') {
        return Err(AmbiguityKind::SpaceBeforeColon);
    }
    if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(AmbiguityKind::NotATrailer);
    }
    let value = value.trim_matches(' ');
    if value.is_empty() {
        return Err(AmbiguityKind::EmptyValue);
    }
    Ok(Trailer { key: key.into(), value: value.into(), line: number })
}

/// Says whether a reader could take the line for an approval, letters that only look alike included.
fn names_approval(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|b| *b == b':') else { return false };
    let key = String::from_utf8_lossy(line.get(..colon).unwrap_or_default());
    let plain: String = key.chars().filter_map(skeleton).collect();
    plain == "approvedby"
}

/// Maps a letter to the ASCII letter that it looks like; `None` for what is not seen.
fn skeleton(c: char) -> Option<char> {
    match c {
        '\u{0410}' | '\u{0430}' | '\u{0391}' | '\u{03b1}' => Some('a'),
        '\u{0420}' | '\u{0440}' | '\u{03a1}' | '\u{03c1}' => Some('p'),
        '\u{041e}' | '\u{043e}' | '\u{039f}' | '\u{03bf}' => Some('o'),
        '\u{0415}' | '\u{0435}' | '\u{0395}' => Some('e'),
        '\u{0412}' | '\u{0392}' => Some('b'),
        '\u{0423}' | '\u{0443}' | '\u{03a5}' => Some('y'),
        '\u{0501}' => Some('d'),
        '\u{03bd}' | '\u{0475}' => Some('v'),
        c if c.is_ascii_alphanumeric() => Some(c.to_ascii_lowercase()),
        c if c.is_alphanumeric() => Some(c),
        _ => None,
    }
}

fn begins_with_key(line: &[u8]) -> bool {
    let Some((key, rest)) = line.split_at_checked(APPROVED_BY.len()) else { return false };
    key.eq_ignore_ascii_case(APPROVED_BY.as_bytes()) && rest.trim_ascii_start().starts_with(b":")
}

fn is_blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

fn is_unfit(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(message: &str) -> Vec<String> {
        approvals(message.as_bytes())
            .expect(message)
            .trailers
            .into_iter()
            .map(|t| t.value)
            .collect()
    }

    fn ambiguity(message: &[u8]) -> AmbiguityKind {
        approvals(message).expect_err("an ambiguous message").what
    }

    #[test]
    fn approvals_of_the_last_paragraph_count() {
        assert_eq!(
            values("s\n\nbody\n\nApproved-by: A\nReviewed-by: B\nApproved-by: C\n d;\n e\n"),
            ["A", "C d; e"]
        );
        assert_eq!(values("s\n\nApproved-by: A\n\n\n"), ["A"]);
        assert_eq!(values("s\n\nbody: x\n"), Vec::<String>::new());
        assert_eq!(values(""), Vec::<String>::new());
    }

    #[test]
    fn t60_quoted_approvals_are_no_approvals() {
        for message in [
            "s\n\nApproved-by: A\n\nmore text\n",
            "Revert \"s\"\n\n> Approved-by: A\n\nThis reverts x.\n",
            "s\n\n  Approved-by: A\n",
            "s\n\nText\n\n\tApproved-by: A\n\nSigned-off-by: B\n",
        ] {
            let found = approvals(message.as_bytes()).expect(message);
            assert!(found.trailers.is_empty(), "{message:?}");
            assert_eq!(found.look_alikes.len(), 1, "{message:?}");
        }
    }

    #[test]
    fn t61_t69_dividers_scissors_and_comments_are_ambiguous() {
        assert_eq!(
            ambiguity(b"s\n\nApproved-by: A\n---\nApproved-by: E\n"),
            AmbiguityKind::Divider
        );
        assert_eq!(ambiguity(b"s\n---\n\nApproved-by: A\n"), AmbiguityKind::Divider);
        assert_eq!(
            ambiguity(b"s\n\nApproved-by: A\n# --- >8 ---\nSecond: x\n"),
            AmbiguityKind::Scissors
        );
        assert_eq!(ambiguity(b"s\n\nApproved-by: A\n# note\n"), AmbiguityKind::Comment);
        // git passes over a Conflicts paragraph and gix does not: then nothing is approved.
        let message = b"s\n\nApproved-by: A\n\nConflicts: foo\n";
        let conflicts = approvals(message).expect("no trailer, no ambiguity");
        assert_eq!((conflicts.trailers.len(), conflicts.look_alikes), (0, vec![3]));
    }

    #[test]
    fn t62_folding_with_tabs_and_empty_values_are_ambiguous() {
        assert_eq!(ambiguity(b"s\n\nApproved-by: A\n\tb\n"), AmbiguityKind::ControlCharacter);
        assert_eq!(ambiguity(b"s\n\nApproved-by:\nX: y\n"), AmbiguityKind::EmptyValue);
        assert_eq!(ambiguity(b"s\n\nX: \nApproved-by: A\n"), AmbiguityKind::EmptyValue);
    }

    #[test]
    fn t63_t64_control_characters_are_ambiguous() {
        for bad in ["\r", "\u{b}", "\u{c}", "\0", "\u{85}", "\u{2028}", "\u{1b}[1m"] {
            let message = format!("s\n\nApproved-by: A{bad}x\n");
            assert_eq!(ambiguity(message.as_bytes()), AmbiguityKind::ControlCharacter, "{bad:?}");
        }
        assert_eq!(ambiguity(b"s\n\nApproved-by: A\xff\n"), AmbiguityKind::NotUtf8);
    }

    #[test]
    fn t66_look_alikes_are_reported() {
        for key in
            ["Approved\u{2010}by", "\u{410}pproved-by", "Approved\u{200b}-by", "Appr\u{43e}ved-by"]
        {
            let message = format!("s\n\n{key}: A\n");
            let found =
                approvals(message.as_bytes()).expect("no approval, so nothing is ambiguous");
            assert_eq!((found.trailers.len(), found.look_alikes), (0, vec![3]), "{key}");
        }
    }

    #[test]
    fn t67_prose_among_trailers_is_ambiguous() {
        assert_eq!(
            ambiguity(b"s\n\nprose here\nSigned-off-by: B\nApproved-by: A\n"),
            AmbiguityKind::NotATrailer
        );
        assert_eq!(ambiguity(b"Approved-by: A\n"), AmbiguityKind::NoSubject);
        assert_eq!(ambiguity(b"\n\nApproved-by: A\n"), AmbiguityKind::NoSubject);
    }

    #[test]
    fn t68_one_spelling_of_the_separator() {
        assert_eq!(values("s\n\napproved-BY:A\n"), ["A"]);
        assert_eq!(ambiguity(b"s\n\nApproved-by : A\n"), AmbiguityKind::SpaceBeforeColon);
    }

    #[test]
    fn co_authors_are_found_wherever_they_are_named() {
        let message = b"s\n\nco-authored-BY: B <b@x.org>\ntext\nCo-authored-by : c@x.org, D <d@x.org>\n  Co-authored-by: <e@x.org>";
        assert_eq!(co_authors(message), ["b@x.org", "c@x.org", "d@x.org", "e@x.org"]);
        assert!(co_authors(b"s\n\nAuthored-by: b@x.org").is_empty());
    }
}
