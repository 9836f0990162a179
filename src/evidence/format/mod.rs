//! Reports of scanners and test runners: bytes in, a [`Report`] or a [`ReadError`] out.
//!
//! Everything here comes from the push and is read as hostile: the size is
//! checked before the text, the nesting before the parser, and whatever a format
//! does not allow is an error. A report is recognised by its content, never by
//! trying readers until one succeeds: an empty object would be a log without
//! findings to a reader that forgives.
//!
//! A format is one module with a function `read`, one variant of [`Format`], and
//! one row in the table of `recognise`.

mod cyclonedx;
mod error;
pub(super) mod excerpt;
mod input;
mod json;
mod junit;
mod path;
mod recognise;
mod sarif;
mod tally;
mod trivy;
mod xml;

use std::fmt;

pub use error::{Fault, Place, ReadError};

use json::Document;

use super::kind::Kind;
use super::report::Report;
use super::severity::SeverityOverrides;
use crate::limits::Limits;

/// A format that refgate reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Static Analysis Results Interchange Format 2.1.0 (OASIS).
    Sarif,
    /// CycloneDX in JSON, 1.2 to 1.7.
    CycloneDxJson,
    /// What `trivy --format json` writes, `SchemaVersion` 2.
    TrivyJson,
    /// JUnit XML, which has many writers and no specification.
    JunitXml,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Sarif, Self::CycloneDxJson, Self::TrivyJson, Self::JunitXml];

    /// Returns the name in one lower-case word, for notes and command lines.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Sarif => "sarif",
            Self::CycloneDxJson => "cyclonedx-json",
            Self::TrivyJson => "trivy-json",
            Self::JunitXml => "junit-xml",
        }
    }

    /// Returns the format that [`Format::id`] names.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.id() == id)
    }

    /// Returns the name that people use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sarif => "SARIF",
            Self::CycloneDxJson => "CycloneDX JSON",
            Self::TrivyJson => "Trivy JSON",
            Self::JunitXml => "JUnit XML",
        }
    }

    /// Returns the media type, registered with IANA where the format has one.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Sarif => "application/sarif+json",
            Self::CycloneDxJson => "application/vnd.cyclonedx+json",
            Self::TrivyJson => "application/json",
            Self::JunitXml => "application/xml",
        }
    }

    /// Returns whether a report of this format can be evidence of a kind at all.
    #[must_use]
    pub fn may_be(self, kind: &Kind) -> bool {
        match (self, kind) {
            (Self::Sarif, Kind::Sast | Kind::Dependencies)
            | (Self::CycloneDxJson, Kind::Sbom | Kind::Dependencies)
            | (Self::TrivyJson, Kind::Dependencies)
            | (Self::JunitXml, Kind::Tests(_)) => true,
            (Self::Sarif, Kind::Sbom | Kind::Tests(_))
            | (Self::CycloneDxJson, Kind::Sast | Kind::Tests(_))
            | (Self::TrivyJson, Kind::Sast | Kind::Sbom | Kind::Tests(_))
            | (Self::JunitXml, Kind::Sast | Kind::Sbom | Kind::Dependencies) => false,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Recognises a report by its content and reads it.
///
/// `overrides` comes from the trusted policy and says what the levels of single tools mean.
///
/// # Errors
/// Says why the bytes are not a report that can be judged: see [`Fault`].
pub fn read(
    bytes: &[u8],
    limits: &Limits,
    overrides: &SeverityOverrides,
) -> Result<Report, ReadError> {
    let text = input::decode(bytes, limits.report_bytes)?;
    let format = recognise::recognise(&text, limits)?;
    let document = Document::new(&text, format);
    match format {
        Format::Sarif => sarif::read(document, limits, overrides),
        Format::CycloneDxJson => cyclonedx::read(document, limits),
        Format::TrivyJson => trivy::read(document, limits),
        Format::JunitXml => junit::read(document, limits),
    }
}
