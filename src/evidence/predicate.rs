//! The predicates that refgate takes as evidence, and the report in each.
//!
//! Two forms: a tool's own report as the predicate, under the type by which
//! others know it, or refgate's own predicate, which says what the report is and
//! holds or names it. Whichever it is, the raw report is what gets judged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::dsse::Statement;
use super::format::excerpt::{ascii, quoted};
use super::kind::Kind;
use crate::id::BlobId;

/// The type of refgate's own predicate.
pub const REPORT_TYPE: &str = "https://refgate.dev/report/v1";

/// The type under which a SARIF log is the predicate.
pub const SARIF_TYPE: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0";

/// The type under which a CycloneDX document is the predicate (in-toto attestation
/// framework, CycloneDX predicate); a version may follow behind `/v`.
pub const CYCLONEDX_TYPE: &str = "https://cyclonedx.org/bom";

/// The type under which an SPDX document is the predicate (in-toto attestation
/// framework, SPDX predicate); a version may follow behind `/v`.
const SPDX_TYPE: &str = "https://spdx.dev/Document";

/// The type of vulnerability results; a version may follow behind `/v`.
const VULNS_TYPE: &str = "https://in-toto.io/attestation/vulns";

/// The type under which cosign wraps the report of a vulnerability scanner.
const COSIGN_VULN_TYPE: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

/// The type of test results.
const TEST_RESULT_TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// What a predicate type says about the kind of the evidence.
enum Known {
    /// refgate's own predicate, which names the kind.
    Own,
    /// The report itself, of this kind unless an annotation says another.
    Report(Option<Kind>),
}

fn known(predicate_type: &str) -> Option<Known> {
    let versioned = |base: &str, versions: &[&str]| {
        predicate_type
            .strip_prefix(base)
            .is_some_and(|rest| rest.is_empty() || versions.iter().any(|v| rest.starts_with(v)))
    };
    Some(match predicate_type {
        REPORT_TYPE => Known::Own,
        SARIF_TYPE => Known::Report(Some(Kind::Sast)),
        COSIGN_VULN_TYPE => Known::Report(Some(Kind::Dependencies)),
        // Which suite ran, the predicate does not say.
        TEST_RESULT_TYPE => Known::Report(None),
        _ if versioned(CYCLONEDX_TYPE, &["/v"]) => Known::Report(Some(Kind::Sbom)),
        _ if versioned(SPDX_TYPE, &["/v2.", "/v3"]) => Known::Report(Some(Kind::Sbom)),
        _ if versioned(VULNS_TYPE, &["/v0.1", "/v0.2"]) => Known::Report(Some(Kind::Dependencies)),
        _ => return None,
    })
}

/// What a statement says about a report.
#[derive(Debug)]
pub struct Predicate<'a> {
    /// What the report is evidence of.
    pub kind: Kind,
    /// When the tool ran, if the signer says so.
    pub at: Option<Timestamp>,
    /// The report.
    pub report: ReportSource<'a>,
}

/// Where the report is.
#[derive(Debug)]
pub enum ReportSource<'a> {
    /// It is the predicate itself.
    Predicate(&'a [u8]),
    /// It is in the predicate.
    Content(Vec<u8>),
    /// It lies on the reports ref under its digest.
    Stored {
        /// SHA-256 of the report.
        sha256: Sha256,
        /// The blob that holds it, if the signer says so.
        blob: Option<BlobId>,
    },
}

/// The SHA-256 of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// Returns the digest of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut digest = [0; 32];
        digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
        Self(digest)
    }

    /// Reads 64 hexadecimal digits in lower case.
    #[must_use]
    pub fn from_hex(hex: &str) -> Option<Self> {
        sha256(hex)
    }

    /// Returns the 64 hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    kind: String,
    at: String,
    report: WireReport,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WireReport {
    media_type: String,
    digest: WireDigest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WireDigest {
    sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    git_blob: Option<String>,
}

impl<'a> Predicate<'a> {
    /// Reads the predicate of a statement.
    ///
    /// # Errors
    /// The type is not known, or the predicate is malformed; says how.
    pub fn read(statement: &Statement<'a>) -> Result<Self, String> {
        let default = match known(&statement.predicate_type) {
            Some(Known::Own) => return Self::read_own(statement.predicate.get()),
            Some(Known::Report(default)) => default,
            None => {
                let shown = quoted(&statement.predicate_type);
                return Err(format!(
                    "predicateType {shown} is not one of {REPORT_TYPE}, {SARIF_TYPE}, {CYCLONEDX_TYPE}, {SPDX_TYPE}, {VULNS_TYPE}, {COSIGN_VULN_TYPE}, {TEST_RESULT_TYPE}"
                ));
            }
        };
        let kind = match annotation(statement, |subject| subject.annotations.kind.as_ref())? {
            Some(text) => Kind::parse(text)
                .ok_or_else(|| format!("{} is no kind of evidence", quoted(text)))?,
            None => default.ok_or("no annotation refgate.dev/kind says which test suite ran")?,
        };
        let at = annotation(statement, |subject| subject.annotations.at.as_ref())?;
        let report = ReportSource::Predicate(statement.predicate_bytes());
        Ok(Self { kind, at: at.map(time).transpose()?, report })
    }

    fn read_own(json: &str) -> Result<Self, String> {
        if !json.trim_start().starts_with('{') {
            return Err("predicate is no JSON object".into());
        }
        let wire: Wire =
            serde_json::from_str(json).map_err(|error| ascii(&format!("predicate: {error}")))?;
        let kind = Kind::parse(&wire.kind)
            .ok_or_else(|| format!("{} is no kind of evidence", quoted(&wire.kind)))?;
        let sha256 = sha256(&wire.report.digest.sha256)
            .ok_or("report.digest.sha256 is not 64 hex digits")?;
        let blob = match &wire.report.digest.git_blob {
            Some(hex) => Some(
                BlobId::from_hex(hex.as_bytes()).ok_or("report.digest.gitBlob is no blob id")?,
            ),
            None => None,
        };
        let report = match wire.report.content {
            Some(content) => {
                let bytes = STANDARD.decode(content).map_err(|_| "report.content is not base64")?;
                if Sha256::of(&bytes) != sha256 {
                    return Err(
                        "report.content does not have the digest that report.digest.sha256 gives"
                            .into(),
                    );
                }
                ReportSource::Content(bytes)
            }
            None => ReportSource::Stored { sha256, blob },
        };
        Ok(Self { kind, at: Some(time(&wire.at)?), report })
    }
}

/// Returns what an annotation says, which must be the same on all subjects that have it.
fn annotation<'s>(
    statement: &'s Statement<'_>,
    of: impl Fn(&'s super::dsse::Subject) -> Option<&'s String>,
) -> Result<Option<&'s String>, String> {
    let mut values = statement.subjects.iter().filter_map(of);
    let first = values.next();
    match values.all(|value| Some(value) == first) {
        true => Ok(first),
        false => Err("its subjects are annotated in different ways".into()),
    }
}

fn time(text: impl AsRef<str>) -> Result<Timestamp, String> {
    let text = text.as_ref();
    text.parse().map_err(|_| format!("{} is no time like 2026-11-23T10:12:00Z", quoted(text)))
}

fn sha256(hex: &str) -> Option<Sha256> {
    if hex.len() != 64 || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(Sha256(digest))
}

/// How a report travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As the predicate itself, under the type by which others know it.
    Native(&'static str),
    /// Inside refgate's own predicate.
    Embedded,
    /// On the reports ref, named by digest and blob.
    Stored(BlobId),
}

/// Writes a statement about one commit and its tree, ready to be signed.
///
/// A native report is taken over byte for byte, blanks and newlines around it included, so
/// that it can be taken out again as it was.
///
/// # Errors
/// A native report is not UTF-8.
pub fn write(
    digests: &[(&str, String)],
    kind: &Kind,
    at: Timestamp,
    media_type: &str,
    report: &[u8],
    form: Form,
) -> Result<Vec<u8>, String> {
    // One subject for each digest: either of them alone says what was looked at.
    let mut subjects: Vec<serde_json::Value> =
        digests.iter().map(|(name, hex)| serde_json::json!({ "digest": { *name: hex } })).collect();
    let (predicate_type, predicate) = match form {
        Form::Native(predicate_type) => {
            let annotations = serde_json::json!({ "refgate.dev/kind": kind.to_string(), "refgate.dev/at": at.to_string() });
            for subject in subjects.iter_mut().filter_map(serde_json::Value::as_object_mut) {
                subject.insert("annotations".into(), annotations.clone());
            }
            let report = std::str::from_utf8(report).map_err(|error| error.to_string())?;
            (predicate_type, report.to_owned())
        }
        Form::Embedded | Form::Stored(_) => {
            let (content, git_blob) = match form {
                Form::Stored(blob) => (None, Some(blob.to_string())),
                Form::Embedded | Form::Native(_) => (Some(STANDARD.encode(report)), None),
            };
            let digest = WireDigest { sha256: Sha256::of(report).to_hex(), git_blob };
            let report = WireReport { media_type: media_type.into(), digest, content };
            let wire = Wire { kind: kind.to_string(), at: at.to_string(), report };
            (REPORT_TYPE, serde_json::to_string(&wire).map_err(|error| error.to_string())?)
        }
    };
    let head = serde_json::json!({
        "_type": super::dsse::STATEMENT_TYPE,
        "subject": subjects,
        "predicateType": predicate_type,
    });
    // The predicate goes last, in its own bytes: what is signed is what the tool wrote.
    let head = head.to_string();
    let open = head.strip_suffix('}').unwrap_or(&head);
    Ok(format!("{open},\"predicate\":{predicate}}}").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-11-23T10:12:00Z";

    fn statement(form: Form, report: &[u8]) -> Vec<u8> {
        let digests = [("gitCommit", "a".repeat(40)), ("gitTree", "b".repeat(40))];
        let kind = Kind::parse("tests:unit").expect("a kind");
        write(&digests, &kind, AT.parse().expect("a time"), "application/xml", report, form)
            .expect("UTF-8")
    }

    #[test]
    fn each_form_is_read_as_it_is_written() {
        let report = b"\n {\"version\": \"2.1.0\",  \"runs\":[]}\r\n\n";
        let blob = BlobId::from_hex(&[b'c'; 40]).expect("an id");
        for form in [Form::Native(SARIF_TYPE), Form::Embedded, Form::Stored(blob)] {
            let payload = statement(form, report);
            let statement = Statement::parse(&payload).expect("a statement");
            assert_eq!(statement.subjects[1].digest.get("gitTree"), Some("b".repeat(40).as_str()));
            let predicate = Predicate::read(&statement).expect("a predicate");
            assert_eq!(
                (predicate.kind.to_string().as_str(), predicate.at),
                ("tests:unit", Some(AT.parse().expect("a time")))
            );
            match (form, predicate.report) {
                (Form::Native(_), ReportSource::Predicate(bytes)) => assert_eq!(bytes, &report[..]),
                (Form::Embedded, ReportSource::Content(bytes)) => assert_eq!(bytes, &report[..]),
                (Form::Stored(blob), ReportSource::Stored { sha256, blob: stored }) => {
                    assert_eq!((sha256, stored), (Sha256::of(report), Some(blob)));
                }
                (form, report) => panic!("{form:?}: {report:?}"),
            }
        }
    }

    #[test]
    fn predicates_that_say_too_little_or_too_much_are_refused() {
        let good = String::from_utf8(statement(Form::Embedded, b"<testsuites/>")).expect("UTF-8");
        for (what, text) in [
            ("unknown type", good.replace(REPORT_TYPE, "https://example.org/x")),
            ("unknown field", good.replace(r#""kind":"#, r#""extra":1,"kind":"#)),
            ("repeated field", good.replace(r#""kind":"#, r#""kind":"sast","kind":"#)),
            ("no time", good.replace(&format!(r#""at":"{AT}","#), "")),
            ("no kind of evidence", good.replace("tests:unit", "tests:")),
            ("digest", good.replace(r#""sha256":""#, r#""sha256":"0"#)),
            (
                "other content",
                good.replace(&STANDARD.encode(b"<testsuites/>"), &STANDARD.encode(b"<other/>")),
            ),
        ] {
            let statement = Statement::parse(text.as_bytes()).expect(what);
            assert!(Predicate::read(&statement).is_err(), "{what}: {text}");
        }
    }

    #[test]
    fn a_native_report_without_annotations_has_its_usual_kind_and_no_time() {
        for (predicate_type, kind) in [
            ("https://docs.oasis-open.org/sarif/sarif/v2.1.0", Ok("sast")),
            ("https://docs.oasis-open.org/sarif/sarif/v2.1.1", Err("is not one of")),
            ("https://cyclonedx.org/bom", Ok("sbom")),
            ("https://cyclonedx.org/bom/v1.6", Ok("sbom")),
            ("https://cyclonedx.org/bomb", Err("is not one of")),
            ("https://spdx.dev/Document", Ok("sbom")),
            ("https://spdx.dev/Document/v2.3", Ok("sbom")),
            ("https://spdx.dev/Document/v3", Ok("sbom")),
            ("https://spdx.dev/Document/v4", Err("is not one of")),
            ("https://in-toto.io/attestation/vulns", Ok("dependencies")),
            ("https://in-toto.io/attestation/vulns/v0.1", Ok("dependencies")),
            ("https://in-toto.io/attestation/vulns/v0.2", Ok("dependencies")),
            ("https://in-toto.io/attestation/vulns/v1", Err("is not one of")),
            ("https://cosign.sigstore.dev/attestation/vuln/v1", Ok("dependencies")),
            ("https://in-toto.io/attestation/test-result/v0.1", Err("which test suite ran")),
            ("https://slsa.dev/verification_summary/v1", Err("is not one of")),
        ] {
            let text = format!(
                r#"{{"_type":"{}","subject":[{{"digest":{{}}}}],"predicateType":"{predicate_type}","predicate":{{}}}}"#,
                super::super::dsse::STATEMENT_TYPE
            );
            let statement = Statement::parse(text.as_bytes()).expect("a statement");
            match (Predicate::read(&statement), kind) {
                (Ok(predicate), Ok(kind)) => {
                    assert_eq!((predicate.kind.to_string().as_str(), predicate.at), (kind, None));
                }
                (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
                (read, _) => panic!("{predicate_type}: {read:?}"),
            }
            let annotated = text.replace(
                r#""digest":{}"#,
                r#""digest":{},"annotations":{"refgate.dev/kind":"tests:unit"}"#,
            );
            let statement = Statement::parse(annotated.as_bytes()).expect("a statement");
            let read = Predicate::read(&statement);
            assert_eq!(read.is_ok(), known(predicate_type).is_some(), "{predicate_type}");
        }
    }
}
