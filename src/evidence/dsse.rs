//! Signed envelopes (DSSE 1.0.0) and the in-toto statements in them.
//!
//! What was signed is judged, byte for byte: the payload is never written
//! anew. Unknown fields are ignored, as both specifications ask; a field that is
//! missing, repeated or of another type makes the line malformed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The payload type of in-toto statements (in-toto attestation framework, Envelope).
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The `_type` of an in-toto Statement v1.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The most signatures that are looked at in one envelope.
const MAX_SIGNATURES: usize = 16;

/// An envelope, taken apart; nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The payload, decoded.
    pub payload: Vec<u8>,
    /// The signatures, decoded.
    pub signatures: Vec<Vec<u8>>,
}

#[derive(Deserialize)]
struct RawEnvelope<'a> {
    #[serde(rename = "payloadType", borrow)]
    payload_type: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    payload: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    signatures: Vec<RawSignature<'a>>,
}

#[derive(Deserialize)]
struct RawSignature<'a> {
    /// A hint of the signer, which decides nothing (DSSE protocol, `keyid`).
    #[serde(rename = "keyid", default)]
    _keyid: Option<serde::de::IgnoredAny>,
    #[serde(borrow)]
    sig: std::borrow::Cow<'a, str>,
}

impl Envelope {
    /// Reads an envelope.
    ///
    /// # Errors
    /// Says what is malformed.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let raw: RawEnvelope<'_> = object(line)?;
        if raw.payload_type != PAYLOAD_TYPE {
            return Err(format!(
                "payloadType is {:?}, not {PAYLOAD_TYPE}",
                shorten(&raw.payload_type)
            ));
        }
        if raw.signatures.is_empty() {
            return Err("signatures is empty: nobody signed it".into());
        }
        if raw.signatures.len() > MAX_SIGNATURES {
            return Err(format!("it has more than {MAX_SIGNATURES} signatures"));
        }
        let signatures: Result<_, _> =
            raw.signatures.iter().map(|s| decode(&s.sig).ok_or("sig is not base64")).collect();
        let payload = decode(&raw.payload).ok_or("payload is not base64")?;
        Ok(Self { payload, signatures: signatures? })
    }

    /// Returns the bytes that the signatures are made over (DSSE protocol, PAE).
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        pre_authentication_encoding(&self.payload)
    }

    /// Writes the envelope on one line.
    #[must_use]
    pub fn to_line(&self, keyid: &str) -> String {
        let signatures: Vec<_> = self
            .signatures
            .iter()
            .map(|sig| serde_json::json!({ "keyid": keyid, "sig": STANDARD.encode(sig) }))
            .collect();
        let payload = STANDARD.encode(&self.payload);
        serde_json::json!({ "payloadType": PAYLOAD_TYPE, "payload": payload, "signatures": signatures }).to_string()
    }
}

/// Returns `DSSEv1 SP length SP type SP length SP payload` for an in-toto payload.
#[must_use]
pub fn pre_authentication_encoding(payload: &[u8]) -> Vec<u8> {
    let mut out =
        format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// An in-toto Statement v1.
#[derive(Clone, Debug)]
pub struct Statement<'a> {
    /// What it speaks of.
    pub subjects: Vec<Subject>,
    /// The type of the predicate.
    pub predicate_type: String,
    /// The predicate, as it was written.
    pub predicate: &'a RawValue,
}

/// One subject of a statement (in-toto ResourceDescriptor).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Subject {
    /// Its name; decides nothing but for statements about a repository as a whole.
    #[serde(default)]
    pub name: Option<String>,
    /// Digests by algorithm: `gitCommit`, `gitTree`.
    pub digest: BTreeMap<String, String>,
    /// What the signer says about the subject beside its digest.
    #[serde(default)]
    pub annotations: Annotations,
}

/// What refgate reads from the annotations of a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Annotations {
    /// The kind of the evidence.
    #[serde(rename = "refgate.dev/kind")]
    pub kind: Option<String>,
    /// When the tool ran.
    #[serde(rename = "refgate.dev/at")]
    pub at: Option<String>,
}

#[derive(Deserialize)]
struct RawStatement<'a> {
    #[serde(rename = "_type", borrow)]
    statement_type: std::borrow::Cow<'a, str>,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType", borrow)]
    predicate_type: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    predicate: &'a RawValue,
}

impl<'a> Statement<'a> {
    /// Reads a statement from the payload of an envelope.
    ///
    /// # Errors
    /// Says what is malformed.
    pub fn parse(payload: &'a [u8]) -> Result<Self, String> {
        let raw: RawStatement<'a> = object(payload)?;
        if raw.statement_type != STATEMENT_TYPE {
            return Err(format!(
                "_type is {:?}, not {STATEMENT_TYPE}",
                shorten(&raw.statement_type)
            ));
        }
        if raw.subject.is_empty() {
            return Err("subject is empty: it speaks of no commit".into());
        }
        Ok(Self {
            subjects: raw.subject,
            predicate_type: raw.predicate_type.into_owned(),
            predicate: raw.predicate,
        })
    }
}

/// Reads a JSON document that is one object, with nothing behind it.
fn object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err("it is no JSON object".into());
    }
    std::str::from_utf8(bytes)
        .map_err(|error| format!("it is not UTF-8 at offset {}", error.valid_up_to()))?;
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            payload: br#"{"_type":"https://in-toto.io/Statement/v1"}"#.to_vec(),
            signatures: vec![vec![1, 2, 255]],
        }
    }

    #[test]
    fn an_envelope_is_read_as_it_is_written() {
        assert_eq!(Envelope::parse(envelope().to_line("SHA256:x").as_bytes()), Ok(envelope()));
    }

    #[test]
    fn the_signed_bytes_are_those_of_the_dsse_specification() {
        assert_eq!(
            pre_authentication_encoding(b"hello"),
            b"DSSEv1 28 application/vnd.in-toto+json 5 hello"
        );
    }

    #[test]
    fn both_alphabets_of_base64_are_read() {
        let line = envelope().to_line("");
        assert!(line.contains("AQL/"));
        assert_eq!(Envelope::parse(line.replace("AQL/", "AQL_").as_bytes()), Ok(envelope()));
    }

    #[test]
    fn t70_to_t73_malformed_envelopes_are_refused() {
        let good = envelope().to_line("k");
        for (what, line) in [
            ("repeated payload", good.replacen("{", r#"{"payload":"","#, 1)),
            ("payload type", good.replace("in-toto", "other")),
            (
                "no signature",
                r#"{"payloadType":"application/vnd.in-toto+json","payload":"","signatures":[]}"#
                    .into(),
            ),
            (
                "no signatures",
                r#"{"payloadType":"application/vnd.in-toto+json","payload":""}"#.into(),
            ),
            ("not base64", good.replace("AQL/", "AQL!")),
            (
                "array in place of an object",
                r#"["application/vnd.in-toto+json","",[["AA=="]]]"#.into(),
            ),
            ("signature as an array", good.replace(r#"{"keyid""#, r#"["AA=="],{"keyid""#)),
            ("two documents", format!("{good}{good}")),
            ("byte order mark", format!("\u{feff}{good}")),
            ("empty", String::new()),
        ] {
            assert!(Envelope::parse(line.as_bytes()).is_err(), "{what}: {line}");
        }
    }

    #[test]
    fn statements_without_subject_or_of_another_type_are_refused() {
        let good = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"gitCommit":"x"}}],"predicateType":"t","predicate":{"a": 1}}"#;
        let statement = Statement::parse(good.as_bytes()).expect("a statement");
        assert_eq!(statement.predicate.get(), r#"{"a": 1}"#);
        assert_eq!(statement.subjects[0].digest["gitCommit"], "x");
        for (what, text) in [
            ("type", good.replace("Statement/v1", "Statement/v9")),
            ("no subject", good.replace(r#"{"digest":{"gitCommit":"x"}}"#, "")),
            ("no digest", good.replace(r#"{"digest":{"gitCommit":"x"}}"#, "{}")),
            ("no predicate", good.replace(r#","predicate":{"a": 1}"#, "")),
            ("repeated subject", good.replacen("{", r#"{"subject":[],"#, 1)),
        ] {
            assert!(Statement::parse(text.as_bytes()).is_err(), "{what}");
        }
    }
}
