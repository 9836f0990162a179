//! Reads `meta/allowed_signers` (ssh-keygen(1), ALLOWED SIGNERS).
//!
//! OpenSSH skips a line that it cannot read and tries the next one. Here the
//! file is part of the policy, so any bad line is an error. The other ways in
//! which this reader is stricter: principals of plain keys are names and never
//! patterns (`*` would let anybody who holds the key be anybody), they
//! are written in lower case (OpenSSH compares them byte by byte), options do
//! not repeat, dates exist, and keys can prove something.
//!
//! A time without `Z` is local time for OpenSSH and UTC here, because a verdict
//! must not depend on the time zone of the machine that finds it.

use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::key::{is_ssh_key_type, ssh_blob_type, ssh_fingerprint};
use super::listing::{Line, Place};
use super::pattern::PatternList;
use super::problem::quoted;
use super::ssh;
use crate::error::Diagnostic;

/// One line that lists a key.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) fingerprint: [u8; 32],
    pub(super) who: Who,
    pub(super) line: Line,
}

/// Whom the key of a line speaks for.
#[derive(Debug)]
pub(super) enum Who {
    /// The key itself signs, for these names.
    Names(Vec<String>),
    /// Certificates that the key signed do, for names that match.
    CertifiedBy(PatternList),
}

/// What is wrong with a line, and what to write instead.
type Fault = (String, Option<&'static str>);

/// Reads the whole file.
///
/// # Errors
/// Every bad line, with its number.
pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Vec<Entry>, Vec<Diagnostic>> {
    let mut entries = Vec::new();
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|b| *b == b'\n')) {
        let place = Place { file: file.into(), line: number };
        match parse_line(line, &place) {
            Ok(entry) => entries.extend(entry),
            Err((message, help)) => {
                let fault = Diagnostic::new(file, number, message);
                faults.push(match help {
                    Some(help) => fault.help(help),
                    None => fault,
                });
            }
        }
    }
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

/// Returns the entry of one line, or `None` for blank lines and comments.
fn parse_line(line: &[u8], place: &Place) -> Result<Option<Entry>, Fault> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = skip_blanks(line);
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    if let Some(control) = line.iter().find(|b| b.is_ascii_control() && **b != b'\t') {
        return fault(format!("control character \\x{control:02x} in the line"));
    }
    let (principals, rest) = take_principals(line)?;
    let (options, rest) = match first_word(rest) {
        (b"", _) => return fault("no key after the principals"),
        (word, _) if str::from_utf8(word).is_ok_and(is_ssh_key_type) => (&b""[..], rest),
        _ => take_options(rest)?,
    };
    let options = Options::parse(options)?;
    let fingerprint = parse_key(rest)?;
    let who = if options.cert_authority {
        let list = PatternList::parse(&principals).ok_or_else(|| {
            (format!("empty name in the principals {}", quoted(principals.as_bytes())), None)
        })?;
        Who::CertifiedBy(list)
    } else {
        Who::Names(parse_names(&principals)?)
    };
    let line = Line {
        namespaces: options.namespaces,
        valid_after: options.valid_after,
        valid_before: options.valid_before,
        place: place.clone(),
    };
    Ok(Some(Entry { fingerprint, who, line }))
}

fn fault<T>(message: impl Into<String>) -> Result<T, Fault> {
    Err((message.into(), None))
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|b| !is_blank(b)).unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

/// Splits at the first blank, and drops the blanks there.
fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(is_blank).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, b""));
    (word, skip_blanks(rest))
}

/// Takes the first field, which may be quoted as a whole.
fn take_principals(line: &[u8]) -> Result<(String, &[u8]), Fault> {
    let (field, rest) = match line.strip_prefix(b"\"") {
        None => first_word(line),
        Some(quoted) => {
            let Some(end) = quoted.iter().position(|b| *b == b'"') else {
                return fault("no closing quote after the principals");
            };
            let (field, rest) = quoted.split_at_checked(end).unwrap_or_default();
            let rest = rest.strip_prefix(b"\"").unwrap_or_default();
            if !rest.first().is_none_or(is_blank) {
                return fault("no blank after the quoted principals");
            }
            (field, skip_blanks(rest))
        }
    };
    match str::from_utf8(field) {
        Ok(text) if text.is_ascii() && !text.contains('"') => {
            if text.bytes().any(|b| b.is_ascii_uppercase()) {
                let help = "write it in lower case: OpenSSH compares names byte by byte";
                return Err((
                    format!("upper-case letters in the principals {}", quoted(text.as_bytes())),
                    Some(help),
                ));
            }
            Ok((text.into(), rest))
        }
        _ => fault(format!("expected principals in ASCII, found {}", quoted(field))),
    }
}

fn parse_names(principals: &str) -> Result<Vec<String>, Fault> {
    let name = |name: &str| {
        let problem = if name.is_empty() {
            "empty name"
        } else if name.starts_with('!') {
            "negated name"
        } else if name.contains(['*', '?']) {
            "wildcard"
        } else {
            return Ok(name.to_owned());
        };
        let help = "list each person's key with the one name of that person; \
                    patterns belong on cert-authority lines";
        Err((format!("{problem} in the principals {}", quoted(principals.as_bytes())), Some(help)))
    };
    principals.split(',').map(name).collect()
}

/// Takes the field of options: up to the first blank that is not inside quotes.
fn take_options(text: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let mut quotes = false;
    let mut escaped = false;
    let scan = text.iter().enumerate().try_for_each(|(at, byte)| {
        match byte {
            b' ' | b'\t' if !quotes => return ControlFlow::Break(at),
            b'"' if !escaped => quotes = !quotes,
            _ => {}
        }
        escaped = *byte == b'\\';
        ControlFlow::Continue(())
    });
    match scan {
        ControlFlow::Break(end) => {
            let (options, rest) = text.split_at_checked(end).unwrap_or((text, b""));
            Ok((options, skip_blanks(rest)))
        }
        ControlFlow::Continue(()) if quotes => fault("no closing quote in the options"),
        ControlFlow::Continue(()) => fault(format!("no key after {}", quoted(text))),
    }
}

#[derive(Default)]
struct Options {
    cert_authority: bool,
    namespaces: Option<PatternList>,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
}

impl Options {
    fn parse(mut text: &[u8]) -> Result<Self, Fault> {
        let mut options = Self::default();
        while !text.is_empty() {
            let end = text.iter().position(|b| matches!(b, b'=' | b',')).unwrap_or(text.len());
            let (name, rest) = text.split_at_checked(end).unwrap_or((text, b""));
            let lower = name.to_ascii_lowercase();
            let repeats = |already: bool| match already {
                true => fault(format!("option {} occurs twice", quoted(name))),
                false => Ok(()),
            };
            text = match lower.as_slice() {
                b"cert-authority" => {
                    repeats(options.cert_authority)?;
                    options.cert_authority = true;
                    rest
                }
                b"namespaces" => {
                    let (value, rest) = take_value(name, rest)?;
                    repeats(options.namespaces.is_some())?;
                    let list = PatternList::parse(&value).ok_or_else(|| {
                        (format!("empty name in the namespaces {}", quoted(value.as_bytes())), None)
                    })?;
                    options.namespaces = Some(list);
                    rest
                }
                b"valid-after" | b"valid-before" => {
                    let (value, rest) = take_value(name, rest)?;
                    let slot = match lower.as_slice() {
                        b"valid-after" => &mut options.valid_after,
                        _ => &mut options.valid_before,
                    };
                    repeats(slot.is_some())?;
                    *slot = Some(parse_time(&value)?);
                    rest
                }
                _ => {
                    let help = "the options are cert-authority, namespaces=\"...\", \
                                valid-after=\"...\" and valid-before=\"...\"";
                    return Err((format!("unknown option {}", quoted(name)), Some(help)));
                }
            };
            text = match text.split_first() {
                None => text,
                Some((b',', [])) => return fault("nothing after the last comma of the options"),
                Some((b',', more)) => more,
                Some(_) => {
                    return fault(format!(
                        "expected a comma in the options, found {}",
                        quoted(text)
                    ));
                }
            };
        }
        match (options.valid_after, options.valid_before) {
            (Some(after), Some(before)) if before <= after => {
                fault(format!("valid-before {before} is not after valid-after {after}"))
            }
            _ => Ok(options),
        }
    }
}

/// Takes `="value"`; inside, `\"` is a quote.
fn take_value<'a>(name: &[u8], text: &'a [u8]) -> Result<(String, &'a [u8]), Fault> {
    let Some(mut rest) = text.strip_prefix(b"=\"") else {
        return fault(format!("expected a quoted value after the option {}", quoted(name)));
    };
    let mut value = Vec::new();
    loop {
        rest = match rest {
            [b'"', rest @ ..] => {
                return match String::from_utf8(value) {
                    Ok(value) if value.is_ascii() => Ok((value, rest)),
                    _ => fault(format!("the value of option {} is not ASCII", quoted(name))),
                };
            }
            [b'\\', b'"', rest @ ..] => {
                value.push(b'"');
                rest
            }
            [byte, rest @ ..] => {
                value.push(*byte);
                rest
            }
            [] => return fault(format!("no closing quote after the option {}", quoted(name))),
        };
    }
}

/// Reads `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, each with or without `Z`.
fn parse_time(text: &str) -> Result<Timestamp, Fault> {
    let digits = text.strip_suffix('Z').unwrap_or(text);
    let number = |from: usize, to: usize| digits.get(from..to).map_or(Some(0), |d| d.parse().ok());
    let shape = matches!(digits.len(), 8 | 12 | 14) && digits.bytes().all(|b| b.is_ascii_digit());
    let time = || {
        let short = |from, to| number(from, to).and_then(|n: i16| i8::try_from(n).ok());
        let civil = DateTime::new(
            number(0, 4)?,
            short(4, 6)?,
            short(6, 8)?,
            short(8, 10)?,
            short(10, 12)?,
            short(12, 14)?,
            0,
        );
        // The last two days of the year 9999 are beyond the end of Timestamp, and mean for ever.
        let zoned = civil.ok()?.to_zoned(TimeZone::UTC);
        let time = zoned.map_or(Timestamp::MAX, |zoned| zoned.timestamp());
        (time.as_second() > 0).then_some(time)
    };
    if shape && let Some(time) = time() {
        return Ok(time);
    }
    let help = "write YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, and Z after it: times are UTC";
    Err((format!("not a time after 1970: {}", quoted(text.as_bytes())), Some(help)))
}

/// Reads key type and key; what follows is a comment.
fn parse_key(text: &[u8]) -> Result<[u8; 32], Fault> {
    let (key_type, rest) = first_word(text);
    let (encoded, _comment) = first_word(rest);
    if !str::from_utf8(key_type).is_ok_and(is_ssh_key_type) {
        return fault(format!("expected a key type, found {}", quoted(key_type)));
    }
    let Ok(blob) = STANDARD.decode(encoded) else {
        return fault(format!("the key after {} is not base64", quoted(key_type)));
    };
    if ssh_blob_type(&blob) != Some(key_type) {
        return fault(format!("the key is not of the type {}", quoted(key_type)));
    }
    match ssh::check_key(&blob) {
        Ok(()) => Ok(ssh_fingerprint(&blob)),
        Err(problem) => fault(problem.to_string()),
    }
}

#[cfg(test)]
mod tests;
