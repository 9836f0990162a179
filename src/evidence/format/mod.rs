//! Reports of scanners and test runners: bytes in, a [`Report`] or a [`ReadError`] out.
//!
//! Everything here comes from the push and is read as hostile: the size is
//! checked before the text, the nesting before the parser, and whatever a format
//! does not allow is an error. A report is recognised by its content, never by
//! trying readers until one succeeds: an empty object would be a log without
//! findings to a reader that forgives.
//!
//! A format is one module with a function `read`, one variant of [`Format`] with a
//! row in `known`, and one row in the table of `recognise`.

mod bandit;
mod cargo_audit;
mod checkov;
mod cppcheck;
mod cyclonedx;
mod detect_secrets;
mod envelope;
mod error;
mod eslint;
pub(crate) mod excerpt;
mod gitlab;
mod gitleaks;
mod go_test;
mod googletest;
mod grype;
mod input;
mod jest;
mod json;
mod junit;
mod known;
mod libtest;
mod lines;
mod lint;
mod mocha;
mod npm_audit;
mod osv_scanner;
mod path;
mod pip_audit;
mod recognise;
mod sarif;
mod scan;
mod semgrep;
mod spdx;
mod syft;
mod tally;
mod tap;
mod test_result;
#[cfg(test)]
mod testing;
mod trivy;
mod vulns;
mod xml;

pub use error::{Fault, Place, ReadError};
pub use tally::Listed;

use json::Document;

use super::report::Report;
use super::severity::SeverityOverrides;
use crate::limits::Limits;

pub use known::Format;

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
    read_listing(bytes, limits, overrides, Listed::ALL)
}

/// As [`read`], but lists only the findings that the caller asks for; the others are counted,
/// among [`Report::unlisted`], and what they say of their places is not read.
///
/// # Errors
/// As [`read`].
pub fn read_listing(
    bytes: &[u8],
    limits: &Limits,
    overrides: &SeverityOverrides,
    listed: Listed,
) -> Result<Report, ReadError> {
    let text = input::decode(bytes, limits.report_bytes)?;
    let format = recognise::recognise(&text, limits)?;
    read_document(Document::new(&text, format).listing(listed), limits, overrides)
}

/// Reads a text as a report of a format that is known from elsewhere, such as the type of
/// the predicate around it.
///
/// # Errors
/// Says why the text is not a report of that format: see [`Fault`].
pub fn read_as(
    format: Format,
    text: &str,
    limits: &Limits,
    overrides: &SeverityOverrides,
) -> Result<Report, ReadError> {
    read_document(Document::new(text, format), limits, overrides)
}

fn read_document(
    document: Document<'_>,
    limits: &Limits,
    overrides: &SeverityOverrides,
) -> Result<Report, ReadError> {
    match document.format() {
        Format::Sarif => sarif::read(document, limits, overrides),
        Format::BanditJson => bandit::read(document, limits),
        Format::SemgrepJson => semgrep::read(document, limits, overrides),
        Format::GitleaksJson => gitleaks::read(document, limits),
        Format::DetectSecretsJson => detect_secrets::read(document, limits),
        Format::CheckovJson => checkov::read(document, limits),
        Format::GitlabReport => gitlab::read(document, limits),
        Format::EslintJson => eslint::read(document, limits, overrides),
        Format::HadolintJson => lint::hadolint(document, limits, overrides),
        Format::ShellcheckJson => lint::shellcheck(document, limits, overrides),
        Format::CppcheckXml => cppcheck::read(document, limits, overrides),
        Format::CycloneDxJson => cyclonedx::read(document, limits),
        Format::CycloneDxXml => cyclonedx::xml::read(document, limits),
        Format::SpdxJson => spdx::json::read(document, limits),
        Format::Spdx3Json => spdx::graph::read(document, limits),
        Format::SpdxTagValue => spdx::tag_value::read(document),
        Format::SyftJson => syft::read(document),
        Format::TrivyJson => trivy::read(document, limits),
        Format::GrypeJson => grype::read(document, limits),
        Format::OsvScannerJson => osv_scanner::read(document, limits),
        Format::CargoAuditJson => cargo_audit::read(document, limits),
        Format::NpmAuditJson => npm_audit::read(document, limits),
        Format::PipAuditJson => pip_audit::read(document, limits),
        Format::InTotoVulns => vulns::read(document, limits),
        Format::CosignVuln => vulns::read_wrapped(document, limits),
        Format::JunitXml => junit::read(document, limits),
        Format::InTotoTestResult => test_result::read(document, limits),
        Format::Tap => tap::read(document, limits),
        Format::GoTestJson => go_test::read(document, limits),
        Format::LibtestJson => libtest::read(document, limits),
        Format::JestJson => jest::read(document, limits),
        Format::MochaJson => mocha::read(document, limits),
        Format::GoogletestJson => googletest::read(document, limits),
        Format::InTotoStatement => envelope::read_statement(document, limits, overrides),
        Format::Dsse => envelope::read_dsse(document, limits, overrides),
        Format::SigstoreBundle => envelope::read_bundle(document, limits, overrides),
    }
}
