//! VEX: statements of Security Engineering on whether a vulnerability matters here.
//!
//! A VEX document travels as a DSSE envelope in `exceptions/<name>.vex.json`, so that it
//! is reviewed, kept and taken back like the exceptions beside it. Its in-toto
//! statement names the repository as a subject, so a statement for another repository
//! does not count, and carries OpenVEX or CycloneDX as its predicate.
//!
//! Only `not_affected`, with a reason, and `fixed` let a finding pass, and only for
//! the packages that they name. Of several statements about one vulnerability and package the
//! latest decides, whatever it says; where two are of the same time, the one that lets nothing pass.

mod cyclonedx;
mod openvex;

use jiff::Timestamp;

use super::dsse::Statement as InToto;
use super::exception::PackagePattern;
use super::format::excerpt::quoted;
use super::predicate::CYCLONEDX_TYPE;
use super::report::{Finding, Location};
use crate::violation::Person;

/// What the name of a file of VEX ends with.
pub const SUFFIX: &str = ".vex.json";

/// The predicate types of OpenVEX 0.2.0 documents.
pub const OPENVEX_TYPES: [&str; 2] = ["https://openvex.dev/ns/v0.2.0", "https://openvex.dev/ns"];

/// The most statements of one document.
const MAX_STATEMENTS: usize = 2_000;

/// What a statement says about a vulnerability in a product (OpenVEX 0.2.0, Status Labels).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does not matter here, for the reason that is given.
    NotAffected,
    /// The product has the remedy.
    Fixed,
    /// It matters, or nobody knows yet.
    Other,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// All names of the vulnerability.
    pub ids: Vec<String>,
    /// The packages that it speaks of.
    pub packages: Vec<PackagePattern>,
    /// What it says.
    pub status: Status,
    /// When it was made.
    pub at: Timestamp,
}

/// A document whose signature was verified.
#[derive(Clone, Debug)]
pub struct Document {
    /// Where it was read.
    pub file: String,
    /// Who signed it.
    pub by: Person,
    /// What it says.
    pub statements: Vec<Statement>,
}

/// What is signed: the predicate of a statement, and the time that it gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Vex {
    /// When the document was made.
    pub at: Timestamp,
    /// What it says.
    pub statements: Vec<Statement>,
}

impl Status {
    /// Returns the word of OpenVEX.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAffected => "not_affected",
            Self::Fixed => "fixed",
            Self::Other => "affected",
        }
    }
}

/// Says whether a file of `exceptions/` is taken for VEX.
#[must_use]
pub fn is_document(name: &[u8]) -> bool {
    name.strip_suffix(SUFFIX.as_bytes()).is_some_and(|stem| !stem.is_empty())
}

/// Reads the predicate of an in-toto statement for a repository.
///
/// # Errors
/// It is for another repository, of an unknown type, or malformed; says how.
pub fn read(statement: &InToto<'_>, repository: &str) -> Result<Vex, String> {
    let names = |name: &Option<String>| name.as_deref() == Some(repository);
    if !statement.subjects.iter().any(|subject| names(&subject.name)) {
        return Err("it does not name this repository as its subject".into());
    }
    read_document(&statement.predicate_type, statement.predicate.get())
}

/// Reads a VEX document of a predicate type.
///
/// # Errors
/// It is of an unknown type, or malformed; says how.
pub fn read_document(predicate_type: &str, json: &str) -> Result<Vex, String> {
    let is_cyclonedx = predicate_type
        .strip_prefix(CYCLONEDX_TYPE)
        .is_some_and(|version| version.is_empty() || version.starts_with("/v"));
    let vex = if OPENVEX_TYPES.contains(&predicate_type) {
        openvex::read(json)?
    } else if is_cyclonedx {
        cyclonedx::read(json)?
    } else {
        let shown = quoted(predicate_type);
        return Err(format!("predicateType {shown} is neither OpenVEX 0.2.0 nor CycloneDX"));
    };
    if vex.statements.len() > MAX_STATEMENTS {
        return Err(format!("it has more than {MAX_STATEMENTS} statements"));
    }
    Ok(vex)
}

/// Returns the predicate type of a document, by what it says it is.
#[must_use]
pub fn type_of(json: &str) -> Option<&'static str> {
    #[derive(serde::Deserialize)]
    struct Head {
        #[serde(rename = "@context")]
        context: Option<serde::de::IgnoredAny>,
        #[serde(rename = "bomFormat")]
        bom_format: Option<serde::de::IgnoredAny>,
    }
    let head: Head = serde_json::from_str(json).ok()?;
    match (head.context, head.bom_format) {
        (Some(_), None) => OPENVEX_TYPES.first().copied(),
        (None, Some(_)) => Some(CYCLONEDX_TYPE),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

/// Returns the document and status that let a finding pass, if the latest statement on each of its
/// packages does.
#[must_use]
pub fn lets_pass<'d>(
    documents: &'d [Document],
    finding: &Finding,
) -> Option<(&'d Document, Status)> {
    let packages: Vec<Option<&str>> = finding
        .locations
        .iter()
        .filter_map(|place| match place {
            Location::Package { purl, .. } => Some(purl.as_deref()),
            // The file that lists a package is not what a statement speaks of.
            Location::File { .. } | Location::Other(_) => None,
        })
        .collect();
    if finding.unlisted_locations > 0 {
        return None;
    }
    let mut grounds = None;
    for package in packages {
        grounds = Some(latest(documents, finding, package?)?);
    }
    grounds
}

fn latest<'d>(
    documents: &'d [Document],
    finding: &Finding,
    package: &str,
) -> Option<(&'d Document, Status)> {
    let is_about = |statement: &Statement| {
        let same = |id: &String| finding.ids().any(|name| super::exception::same_rule(id, name));
        statement.ids.iter().any(same)
            && statement.packages.iter().any(|pattern| pattern.matches(package))
    };
    documents
        .iter()
        .flat_map(|document| document.statements.iter().map(move |said| (document, said)))
        .filter(|(_, statement)| is_about(statement))
        .max_by_key(|(_, statement)| (statement.at, statement.status == Status::Other))
        .filter(|(_, statement)| statement.status != Status::Other)
        .map(|(document, statement)| (document, statement.status))
}

/// Reads the package that a statement names; what is none is left out, and so lets nothing pass.
///
/// Qualifiers and subpath say where a package came from, and are left out of a finding's package as
/// well. What is `fixed` is one version: without it the statement would be about every version there is.
fn package(text: &str, status: Status) -> Option<PackagePattern> {
    let purl = super::report::Purl::parse(text)?;
    if status == Status::Fixed && purl.version().is_none() {
        return None;
    }
    PackagePattern::parse(purl.as_str()).ok()
}

/// Reads a time as both formats write it.
fn time(text: Option<&str>) -> Result<Option<Timestamp>, String> {
    text.map(|text| {
        text.parse().map_err(|_| format!("{} is no time like 2026-11-23T10:12:00Z", quoted(text)))
    })
    .transpose()
}

#[cfg(test)]
mod tests;
