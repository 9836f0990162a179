//! The header lines that commits and annotated tags begin with.
//!
//! One strict grammar for both: `key SP value LF`, continued by lines that
//! begin with a space, ended by an empty line (`git-hash-object` writes nothing
//! else). Where readers differ (repeated or misplaced headers, NUL bytes), the
//! object is refused rather than read one way (`docs/threats.md`, T34 to T39).

use std::ops::Range;

/// One header: its key, and where key and value lie in the object.
#[derive(Clone, Debug)]
pub(crate) struct Header<'a> {
    pub(crate) key: &'a [u8],
    /// The value up to the end of its first line.
    pub(crate) first_line: &'a [u8],
    /// The whole header, continuation lines and last newline included.
    pub(crate) range: Range<usize>,
    /// Where the value begins.
    pub(crate) value_start: usize,
}

impl Header<'_> {
    /// Returns the value with continuation lines joined by newlines, as git signs and shows it.
    pub(crate) fn unfolded(&self, object: &[u8]) -> Vec<u8> {
        let value = object.get(self.value_start..self.range.end).unwrap_or_default();
        let mut out = Vec::with_capacity(value.len());
        for (number, line) in value.split_inclusive(|b| *b == b'\n').enumerate() {
            out.extend_from_slice(if number == 0 {
                line
            } else {
                line.strip_prefix(b" ").unwrap_or(line)
            });
        }
        out
    }
}

/// Splits an object into its headers and the offset where its message begins.
///
/// # Errors
/// Says what is malformed.
pub(crate) fn split(object: &[u8]) -> Result<(Vec<Header<'_>>, usize), String> {
    if let Some(at) = object.iter().position(|b| *b == 0) {
        return Err(format!("NUL byte at offset {at}, where readers stop or go on"));
    }
    let mut headers: Vec<Header<'_>> = Vec::new();
    let mut at = 0;
    loop {
        let rest = object.get(at..).unwrap_or_default();
        let Some(len) = rest.iter().position(|b| *b == b'\n') else {
            return Err("the header does not end with an empty line".into());
        };
        let line = rest.get(..len).unwrap_or_default();
        let next = at + len + 1;
        if line.is_empty() {
            return Ok((headers, next));
        }
        if line.first() == Some(&b' ') {
            match headers.last_mut() {
                Some(header) => header.range.end = next,
                None => return Err("it begins with a continuation line".into()),
            }
        } else {
            let Some(space) = line.iter().position(|b| *b == b' ') else {
                return Err(format!("header line {} has no value", show(line)));
            };
            let key = line.get(..space).unwrap_or_default();
            if key.is_empty()
                || !key
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':' | b'_' | b'.'))
            {
                return Err(format!("header line {} has no key", show(line)));
            }
            headers.push(Header {
                key,
                first_line: line.get(space + 1..).unwrap_or_default(),
                range: at..next,
                value_start: at + space + 1,
            });
        }
        at = next;
        if headers.len() > 1000 {
            return Err("it has more than 1000 headers".into());
        }
    }
}

/// Shows the beginning of a foreign line in a message.
pub(crate) fn show(bytes: &[u8]) -> String {
    let head = bytes.get(..bytes.len().min(60)).unwrap_or_default();
    let dots = if head.len() < bytes.len() { "..." } else { "" };
    format!("\"{}{dots}\"", head.escape_ascii())
}

/// Who did something and when, as commits and tags record it.
///
/// A claim: nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    /// The name, raw.
    pub name: Vec<u8>,
    /// The email between the angle brackets, raw.
    pub email: Vec<u8>,
    /// Seconds since 1970, as claimed.
    pub seconds: i64,
}

impl Ident {
    /// Reads `Name <email> seconds zone`, exactly one pair of angle brackets.
    ///
    /// # Errors
    /// Says what readers would take differently.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, String> {
        let bad = |why: &str| Err(format!("{why} in {}", show(value)));
        let count = |byte| value.iter().filter(|b| **b == byte).count();
        if count(b'<') != 1 || count(b'>') != 1 {
            return bad("not exactly one <email>");
        }
        let mut parts = value.splitn(2, |b| *b == b'<');
        let (Some(name), Some(rest)) = (parts.next(), parts.next()) else {
            return bad("no <email>");
        };
        let mut parts = rest.splitn(2, |b| *b == b'>');
        let (Some(email), Some(date)) = (parts.next(), parts.next()) else {
            return bad("no <email>");
        };
        if value.contains(&b'\r') {
            return bad("carriage return");
        }
        let Some(date) = date.strip_prefix(b" ").and_then(|d| std::str::from_utf8(d).ok()) else {
            return bad("no date");
        };
        let Some((seconds, zone)) = date.split_once(' ') else { return bad("no time zone") };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let zone_digits = zone.strip_prefix(['+', '-']).unwrap_or_default();
        if !digits(seconds) || !digits(zone_digits) || !(4..=5).contains(&zone_digits.len()) {
            return bad("a date that is no date");
        }
        let Ok(seconds) = seconds.parse() else { return bad("a date out of range") };
        let name = name.strip_suffix(b" ").unwrap_or(name);
        Ok(Self { name: name.into(), email: email.into(), seconds })
    }
}
