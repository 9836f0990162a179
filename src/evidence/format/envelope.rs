//! Statements and envelopes as files: what is judged is the predicate inside.
//!
//! A Statement names commits, which the report takes over. An envelope is only shown:
//! nobody has looked at its signatures here, and an envelope is evidence on its own.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use super::error::{Fault, ReadError};
use super::json::{Document, Object, Raw, Text};
use super::{Format, excerpt, read_document};
use crate::evidence::report::Report;
use crate::evidence::severity::SeverityOverrides;
use crate::limits::Limits;

/// Types of Statements: v1, and the one before it.
const STATEMENTS: [&str; 2] =
    ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];

/// Commits that are kept.
const KEPT_COMMITS: usize = 8;

/// The predicates that are reports: the beginning of their type, how it may end, and their format.
///
/// CycloneDX and SPDX are also written with a version behind it.
const PREDICATES: [(&str, &[&str], Format); 7] = [
    ("https://in-toto.io/attestation/test-result", &["/v0.1"], Format::InTotoTestResult),
    ("https://in-toto.io/attestation/vulns", &["", "/v0.1", "/v0.2"], Format::InTotoVulns),
    ("https://cosign.sigstore.dev/attestation/vuln", &["/v1"], Format::CosignVuln),
    (
        "https://cyclonedx.org/bom",
        &["", "/v1.2", "/v1.3", "/v1.4", "/v1.5", "/v1.6", "/v1.7"],
        Format::CycloneDxJson,
    ),
    ("https://spdx.dev/Document", &["", "/v2.2", "/v2.3"], Format::SpdxJson),
    ("https://spdx.dev/Document", &["/v3", "/v3.0", "/v3.0.0", "/v3.0.1"], Format::Spdx3Json),
    ("https://docs.oasis-open.org/sarif/sarif", &["/v2.1.0"], Format::Sarif),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement<'a> {
    #[serde(borrow, rename = "_type")]
    kind: Text<'a>,
    #[serde(borrow)]
    subject: Raw<'a>,
    #[serde(borrow)]
    predicate_type: Text<'a>,
    #[serde(borrow)]
    predicate: Raw<'a>,
}

#[derive(Deserialize)]
struct Subject<'a> {
    #[serde(borrow)]
    digest: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow)]
    payload: Text<'a>,
    #[serde(borrow)]
    payload_type: Text<'a>,
    #[serde(borrow)]
    signatures: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle<'a> {
    #[serde(borrow)]
    media_type: Text<'a>,
    #[serde(borrow)]
    dsse_envelope: Option<Object<Envelope<'a>>>,
}

/// The media types of Sigstore bundles that are read.
const BUNDLES: [&str; 4] = [
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
];

/// Reads a Statement.
pub(super) fn read_statement(
    document: Document<'_>,
    limits: &Limits,
    overrides: &SeverityOverrides,
) -> Result<Report, ReadError> {
    let statement: Statement<'_> = document.root()?;
    if !STATEMENTS.contains(&&*statement.kind) {
        let (found, known) = (excerpt::prose(&statement.kind), STATEMENTS[0]);
        return Err(document.error_in(&statement.kind, Fault::UnsupportedVersion { found, known }));
    }
    let (mut subjects, mut commits) = (0, Vec::new());
    document.each(statement.subject, |Object(subject): Object<Subject<'_>>| {
        subjects += 1;
        document.entries(subject.digest, |name: Text<'_>, value: Text<'_>| {
            let commit = excerpt::name(&value);
            if matches!(&*name, "gitCommit" | "sha1")
                && commits.len() < KEPT_COMMITS
                && !commits.contains(&commit)
            {
                commits.push(commit);
            }
            Ok(())
        })
    })?;
    if subjects == 0 {
        let what = "it has no subject, so it speaks of nothing".to_owned();
        return Err(document.error_in(statement.subject.get(), Fault::Contradiction { what }));
    }
    let Some(format) = format_of(&statement.predicate_type) else {
        let (found, known) = (
            excerpt::prose(&statement.predicate_type),
            "test-result v0.1, vulns v0.1 and v0.2, cosign vuln v1, CycloneDX, SPDX and SARIF",
        );
        return Err(document
            .error_in(&statement.predicate_type, Fault::UnsupportedVersion { found, known }));
    };
    let inner = Document::new(statement.predicate.get(), format).listing(document.listed());
    let mut report = read_document(inner, limits, overrides)?;
    // The version is the predicate's: that of Statements has just been checked.
    report.format = document.format();
    report.predicate = Some(format);
    report.commits = commits;
    Ok(report)
}

/// Returns the format of the predicates of a type.
fn format_of(predicate_type: &str) -> Option<Format> {
    PREDICATES
        .iter()
        .find(|(start, ends, _)| {
            predicate_type.strip_prefix(start).is_some_and(|end| ends.contains(&end))
        })
        .map(|(.., format)| *format)
}

/// Reads a DSSE envelope without verifying it.
pub(super) fn read_dsse(
    document: Document<'_>,
    limits: &Limits,
    overrides: &SeverityOverrides,
) -> Result<Report, ReadError> {
    let envelope: Envelope<'_> = document.root()?;
    read_envelope(document, &envelope, limits, overrides)
}

/// Reads the envelope of a Sigstore bundle without verifying it.
pub(super) fn read_bundle(
    document: Document<'_>,
    limits: &Limits,
    overrides: &SeverityOverrides,
) -> Result<Report, ReadError> {
    let bundle: Bundle<'_> = document.root()?;
    if !BUNDLES.contains(&&*bundle.media_type) {
        let (found, known) = (excerpt::prose(&bundle.media_type), "bundles 0.1 to 0.3");
        return Err(
            document.error_in(&bundle.media_type, Fault::UnsupportedVersion { found, known })
        );
    }
    let Some(envelope) = &bundle.dsse_envelope else {
        return Err(document.error(Fault::MissingField { field: "dsseEnvelope".into() }));
    };
    read_envelope(document, envelope, limits, overrides)
}

fn read_envelope<'a>(
    document: Document<'a>,
    envelope: &Envelope<'a>,
    limits: &Limits,
    overrides: &SeverityOverrides,
) -> Result<Report, ReadError> {
    let expected = "application/vnd.in-toto+json";
    if &*envelope.payload_type != expected {
        let (field, found) = ("payloadType", excerpt::prose(&envelope.payload_type));
        return Err(
            document.error_in(&envelope.payload_type, Fault::WrongValue { field, found, expected })
        );
    }
    document.count(envelope.signatures)?;
    let bytes = decode_base64(&envelope.payload).ok_or_else(|| {
        document.error_in(&envelope.payload, Fault::NotBase64 { field: "payload" })
    })?;
    let of_envelope = |error: ReadError| error.of(document.format());
    let text = super::input::decode(&bytes, limits.report_bytes).map_err(of_envelope)?;
    super::json::check_nesting(&text, limits.nesting).map_err(of_envelope)?;
    let statement = Document::new(&text, Format::InTotoStatement).listing(document.listed());
    let mut report = read_statement(statement, limits, overrides)?;
    report.format = document.format();
    Ok(report)
}

/// Decodes base64 in either alphabet, with or without padding (DSSE 1.0.0 allows both).
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet =
        if text.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    GeneralPurpose::new(alphabet, config).decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::{fault, report};
    use crate::evidence::kind::Kind;
    use crate::evidence::report::{Requirements, Unsuitable};

    fn statement(predicate_type: &str, subject: &str) -> String {
        format!(
            r#"{{"_type": "https://in-toto.io/Statement/v1", "subject": [{subject}], "predicateType": "{predicate_type}",
            "predicate": {{"result": "PASSED", "configuration": [], "passedTests": ["a"]}}}}"#
        )
    }

    const TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";
    const SUBJECT: &str = r#"{"name": "x", "digest": {"gitCommit": "5f0d", "gitTree": "00"}}"#;

    fn envelope(payload: &str, payload_type: &str) -> String {
        format!(r#"{{"payload": "{payload}", "payloadType": "{payload_type}", "signatures": []}}"#)
    }

    #[test]
    fn a_statement_is_its_predicate_about_its_commits() {
        let report = report(&statement(TYPE, SUBJECT));
        assert_eq!(
            (report.format, report.predicate),
            (Format::InTotoStatement, Some(Format::InTotoTestResult))
        );
        assert_eq!(report.commits, ["5f0d"]);
        let supports =
            |kind: &str| report.supports(&Kind::parse(kind).expect(kind), &Requirements::default());
        assert_eq!(supports("tests:unit"), Ok(()));
        assert!(matches!(supports("sbom"), Err(Unsuitable::Format { .. })));
    }

    #[test]
    fn a_statement_about_nothing_or_of_another_type_is_refused() {
        assert!(matches!(fault(&statement(TYPE, "")), Fault::Contradiction { .. }));
        for other in [
            "https://in-toto.io/attestation/test-result/v0.2",
            "https://slsa.dev/provenance/v1",
            "",
        ] {
            assert!(
                matches!(fault(&statement(other, SUBJECT)), Fault::UnsupportedVersion { .. }),
                "{other}"
            );
        }
        let text = statement(TYPE, SUBJECT).replace("Statement/v1", "Statement/v2");
        assert!(matches!(fault(&text), Fault::UnsupportedVersion { .. }));
    }

    #[test]
    fn an_envelope_is_shown_and_is_no_evidence() {
        let payload = base64::engine::general_purpose::STANDARD.encode(statement(TYPE, SUBJECT));
        let report = report(&envelope(&payload, "application/vnd.in-toto+json"));
        assert_eq!(
            (report.format, report.tests.map(|tests| tests.passed)),
            (Format::Dsse, Some(1))
        );
        let kind = Kind::parse("tests:unit").expect("a kind");
        assert!(matches!(
            report.supports(&kind, &Requirements::default()),
            Err(Unsuitable::Envelope { .. })
        ));
    }

    #[test]
    fn envelopes_of_something_else_are_refused() {
        assert!(matches!(
            fault(&envelope("e30=", "application/json")),
            Fault::WrongValue { field: "payloadType", .. }
        ));
        let text = envelope("!", "application/vnd.in-toto+json");
        assert_eq!(fault(&text), Fault::NotBase64 { field: "payload" });
        let text = envelope("e30=", "application/vnd.in-toto+json");
        assert!(matches!(fault(&text), Fault::MissingField { .. }));
    }
}
