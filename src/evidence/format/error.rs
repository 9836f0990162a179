//! Why a report cannot be read: what is wrong, where, and the way out.

use std::fmt;

use super::Format;
use super::excerpt::quoted;

/// Why bytes are not a report that refgate can judge.
///
/// `Display` is one line without the remedy, which [`ReadError::remedy`] has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The format that the report was recognised as, where it came that far.
    pub format: Option<Format>,
    /// Where in the text, after decoding; `None` where the report as a whole is meant.
    pub place: Option<Place>,
    /// What is wrong.
    pub fault: Fault,
}

/// A place in a text: line and column from 1, the column counted in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The byte in the line.
    pub column: usize,
}

/// What is wrong with a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No bytes, or blanks only.
    Empty,
    /// More bytes than the server allows.
    TooLarge {
        /// Bytes of the report.
        bytes: u64,
        /// Bytes allowed (`[limits] report-bytes`).
        limit: u64,
    },
    /// Compressed or packed data.
    Compressed {
        /// The packer by whose first bytes it was recognised.
        by: &'static str,
    },
    /// Text in an encoding that is not accepted, or not text.
    Encoding {
        /// What was found.
        found: &'static str,
    },
    /// Not JSON (RFC 8259).
    NotJson {
        /// What the JSON reader says.
        what: String,
    },
    /// Something follows the one JSON document.
    TrailingData,
    /// A name twice in one object.
    DuplicateKey {
        /// The name.
        key: String,
    },
    /// A value of another type than the format has there.
    WrongType {
        /// What was found and expected.
        what: String,
    },
    /// A member that the format requires is absent.
    MissingField {
        /// The name of the member.
        field: String,
    },
    /// A member holds another value than the format has there.
    WrongValue {
        /// The name of the member.
        field: &'static str,
        /// The value found.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// Objects, arrays or elements too far inside each other.
    TooDeep {
        /// Levels allowed (`[limits] nesting`).
        limit: usize,
    },
    /// More of something than is read.
    TooMany {
        /// What there is too much of, in the plural.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
    /// None of the formats that refgate knows.
    UnknownFormat {
        /// What was seen of it.
        seen: String,
    },
    /// Marks of several formats, which different readers would read differently.
    Ambiguous {
        /// The formats.
        formats: Vec<&'static str>,
    },
    /// A format that refgate knows but does not read.
    Unsupported {
        /// The format.
        format: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// A version of the format that is not read.
    UnsupportedVersion {
        /// The version found.
        found: String,
        /// The versions that are read.
        known: &'static str,
    },
    /// No run: nothing was scanned.
    NoRun,
    /// A run without a list of results: it did not scan (SARIF 2.1.0 §3.14.23).
    ResultsAbsent {
        /// The run, from 0.
        run: usize,
    },
    /// Results or rules stand in other files (SARIF 2.1.0 §3.15), which cannot be judged.
    ExternalProperties,
    /// Parts of the report say opposite things.
    Contradiction {
        /// What they say.
        what: String,
    },
    /// Text that should be base64 (RFC 4648 §4 or §5) and is not.
    NotBase64 {
        /// The name of the member.
        field: &'static str,
    },
    /// Not well-formed XML.
    NotXml {
        /// What is wrong.
        what: String,
    },
    /// A document type declaration: it could define entities.
    Doctype,
    /// A character that XML does not allow (XML 1.0 §2.2).
    ControlCharacter {
        /// The character.
        character: char,
    },
    /// An element where the format has none of this name.
    UnexpectedElement {
        /// The name of the element.
        element: String,
        /// The element around it, or `None` at the root.
        inside: Option<String>,
    },
    /// An element in an XML namespace that the format does not have.
    Namespace {
        /// The name of the element.
        element: String,
    },
}

impl ReadError {
    /// Returns an error about a report as a whole.
    pub(super) fn new(fault: Fault) -> Self {
        Self { format: None, place: None, fault }
    }

    /// Adds the place.
    pub(super) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Adds the format that was recognised.
    pub(super) fn of(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// Returns what whoever made the report can do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match &self.fault {
            Fault::Empty => "see whether the tool ran at all, and attach the file that it writes",
            Fault::TooLarge { .. } => {
                "scan less in one run, or have the administrator raise report-bytes"
            }
            Fault::Compressed { .. } => "attach the unpacked report",
            Fault::Encoding { .. } => {
                "write the report as UTF-8; in Windows PowerShell use the tool's own output option instead of \">\""
            }
            Fault::NotJson { .. } | Fault::NotXml { .. } | Fault::TrailingData => {
                "attach exactly what the tool writes: one document, without its log"
            }
            Fault::TooDeep { .. } => {
                "have the administrator raise nesting if the report is what the tool writes"
            }
            Fault::TooMany { .. } => "scan less in one run",
            Fault::UnknownFormat { .. } | Fault::Ambiguous { .. } => {
                "have the tool write SARIF, CycloneDX, SPDX or JUnit XML; docs/evidence.md lists all formats"
            }
            Fault::Unsupported { remedy, .. } => remedy,
            Fault::UnsupportedVersion { .. } => "have the tool write one of these",
            Fault::NoRun | Fault::ResultsAbsent { .. } => {
                "see whether the tool ran; one that found nothing writes an empty list of results"
            }
            Fault::ExternalProperties => "have the tool write one file that holds everything",
            Fault::Doctype => "remove the <!DOCTYPE ...> declaration",
            Fault::ControlCharacter { .. } => {
                "have the test runner strip control characters from what the tests print"
            }
            Fault::DuplicateKey { .. }
            | Fault::WrongType { .. }
            | Fault::MissingField { .. }
            | Fault::WrongValue { .. }
            | Fault::NotBase64 { .. }
            | Fault::UnexpectedElement { .. }
            | Fault::Namespace { .. } => {
                "attach what the tool wrote, unchanged; if it wrote that, let it write another format of docs/evidence.md"
            }
            Fault::Contradiction { .. } => {
                "run the tool again, and attach what it writes, unchanged"
            }
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(format) = self.format {
            write!(f, "{format}: ")?;
        }
        self.fault.fmt(f)?;
        match self.place {
            Some(Place { line, column }) => write!(f, " at line {line}, column {column}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the report is empty"),
            Self::TooLarge { bytes, limit } => {
                write!(
                    f,
                    "the report has {bytes} bytes, more than the limit of {limit} (limits.report-bytes)"
                )
            }
            Self::Compressed { by } => write!(f, "the report is compressed ({by})"),
            Self::Encoding { found } => write!(f, "expected UTF-8, found {found}"),
            Self::NotJson { what } => write!(f, "not JSON: {what}"),
            Self::TrailingData => f.write_str("more text after the end of the document"),
            Self::DuplicateKey { key } => write!(f, "{} stands twice in one object", quoted(key)),
            Self::WrongType { what } => f.write_str(what),
            Self::MissingField { field } => write!(f, "{} is missing", quoted(field)),
            Self::WrongValue { field, found, expected } => {
                write!(f, "\"{field}\" is {}, expected {expected}", quoted(found))
            }
            Self::TooDeep { limit } => {
                write!(f, "nested deeper than the limit of {limit} levels (limits.nesting)")
            }
            Self::TooMany { what, limit } => write!(f, "more than {limit} {what}"),
            Self::UnknownFormat { seen } => {
                write!(f, "the format is not known: found {seen}")
            }
            Self::Ambiguous { formats } => {
                write!(f, "the report claims to be several formats: {}", formats.join(", "))
            }
            Self::Unsupported { format, remedy: _ } => {
                write!(f, "{format} is no report that can be judged")
            }
            Self::UnsupportedVersion { found, known } => {
                write!(f, "version {} is not supported, expected {known}", quoted(found))
            }
            Self::NoRun => f.write_str("the report has no run, so nothing was scanned"),
            Self::ResultsAbsent { run } => {
                write!(f, "runs[{run}] has no list of results, so nothing was scanned")
            }
            Self::ExternalProperties => {
                f.write_str("parts of the report stand in other files or outside the run")
            }
            Self::Contradiction { what } => write!(f, "the report contradicts itself: {what}"),
            Self::NotBase64 { field } => write!(f, "\"{field}\" is not base64"),
            Self::NotXml { what } => write!(f, "not well-formed XML: {what}"),
            Self::Doctype => f.write_str("a document type declaration is not allowed"),
            Self::ControlCharacter { character } => {
                write!(f, "U+{:04X} is not allowed in XML", u32::from(*character))
            }
            Self::UnexpectedElement { element, inside: Some(inside) } => {
                write!(f, "element {} is not allowed inside {}", quoted(element), quoted(inside))
            }
            Self::UnexpectedElement { element, inside: None } => {
                write!(f, "root element {} is not one of this format", quoted(element))
            }
            Self::Namespace { element } => {
                write!(
                    f,
                    "element {} is in an XML namespace that the format does not have",
                    quoted(element)
                )
            }
        }
    }
}

impl std::error::Error for ReadError {}

impl Place {
    /// Returns the place of a byte of `text`.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        Self { line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_format_fault_and_place() {
        let error = ReadError::new(Fault::DuplicateKey { key: "results".into() })
            .at(Place { line: 3, column: 5 })
            .of(Format::Sarif);
        assert_eq!(
            error.to_string(),
            "SARIF: \"results\" stands twice in one object at line 3, column 5"
        );
        assert!(error.remedy().starts_with("attach what the tool wrote"));
        assert_eq!(ReadError::new(Fault::Empty).to_string(), "the report is empty");
        let absent = ReadError::new(Fault::ResultsAbsent { run: 1 });
        assert_eq!(absent.to_string(), "runs[1] has no list of results, so nothing was scanned");
        assert!(absent.remedy().starts_with("see whether the tool ran"));
    }

    #[test]
    fn places_count_lines_and_bytes() {
        assert_eq!(Place::of("ab\ncd", 0), Place { line: 1, column: 1 });
        assert_eq!(Place::of("ab\ncd", 4), Place { line: 2, column: 2 });
        assert_eq!(Place::of("ab\n", 99), Place { line: 2, column: 1 });
    }
}
