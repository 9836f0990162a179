//! Signed envelopes (DSSE 1.0.0), alone or in a Sigstore bundle, and the in-toto statements in them.
//!
//! What was signed is judged, byte for byte: the payload is never written
//! anew. Unknown fields are ignored, as both specifications ask; a field that is
//! missing, repeated or of another type makes the line malformed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::Deserialize;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::format::excerpt::{ascii, quoted};

/// The payload type of in-toto statements (in-toto attestation framework, Envelope).
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The `_type` of an in-toto Statement v1.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The `_type` of its predecessor, which cosign still writes; what is read here is the same in both.
const STATEMENT_TYPE_V0_1: &str = "https://in-toto.io/Statement/v0.1";

/// The most signatures that are looked at in one envelope.
const MAX_SIGNATURES: usize = 16;

/// An envelope, taken apart; nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The payload, decoded.
    pub payload: Vec<u8>,
    /// The signatures, decoded. That of a Sigstore bundle is the bundle: the value alone would prove nothing.
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

/// The beginning of the media types of all versions of Sigstore bundles.
const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle";

#[derive(Deserialize)]
struct RawBundle<'a> {
    #[serde(rename = "mediaType", borrow)]
    media_type: std::borrow::Cow<'a, str>,
    #[serde(rename = "dsseEnvelope", borrow)]
    envelope: Option<RawEnvelope<'a>>,
}

impl Envelope {
    /// Reads an envelope, or the Sigstore bundle around one.
    ///
    /// # Errors
    /// Says what is malformed.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let no_envelope = match object(line) {
            Ok(raw) => return Self::from_raw(&raw),
            Err(why) => why,
        };
        let Some(raw) = object::<RawBundle<'_>>(line)
            .ok()
            .filter(|raw| raw.media_type.starts_with(BUNDLE_TYPE))
        else {
            return Err(no_envelope);
        };
        let envelope = raw.envelope.ok_or("the Sigstore bundle has no dsseEnvelope")?;
        Ok(Self { signatures: vec![line.into()], ..Self::from_raw(&envelope)? })
    }

    fn from_raw(raw: &RawEnvelope<'_>) -> Result<Self, String> {
        if raw.payload_type != PAYLOAD_TYPE {
            return Err(format!(
                "payloadType is {}, not {PAYLOAD_TYPE}",
                quoted(&raw.payload_type)
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

/// An in-toto Statement, v1 or v0.1.
#[derive(Clone, Debug)]
pub struct Statement<'a> {
    /// What it speaks of.
    pub subjects: Vec<Subject>,
    /// The type of the predicate.
    pub predicate_type: String,
    /// The predicate, as it was written.
    pub predicate: &'a RawValue,
    payload: &'a [u8],
}

/// One subject of a statement (in-toto ResourceDescriptor).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Subject {
    /// Its name; decides nothing but for statements about a repository as a whole.
    #[serde(default)]
    pub name: Option<String>,
    /// Digests of the one thing that is spoken of.
    pub digest: DigestSet,
    /// What the signer says about the subject beside its digest.
    #[serde(default)]
    pub annotations: Annotations,
}

/// Digests by algorithm (in-toto DigestSet): `gitCommit`, `gitTree`.
///
/// An algorithm stands there once. Readers differ in which of two digests they take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DigestSet(BTreeMap<String, String>);

/// The most digests in one set.
const MAX_DIGESTS: usize = 32;

impl DigestSet {
    /// Returns the digest of an algorithm.
    #[must_use]
    pub fn get(&self, algorithm: &str) -> Option<&str> {
        self.0.get(algorithm).map(String::as_str)
    }

    /// Returns all digests by the name of their algorithm.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(algorithm, digest)| (algorithm.as_str(), digest.as_str()))
    }
}

impl<'de> Deserialize<'de> for DigestSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digests;
        impl<'de> Visitor<'de> for Digests {
            type Value = DigestSet;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("digests by algorithm")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DigestSet, A::Error> {
                let mut digests = BTreeMap::new();
                while let Some((algorithm, digest)) = map.next_entry::<String, String>()? {
                    if digests.len() == MAX_DIGESTS {
                        return Err(A::Error::custom("a subject has too many digests"));
                    }
                    if let Some(first) = digests.insert(algorithm, digest) {
                        let first = quoted(&first);
                        return Err(A::Error::custom(format!(
                            "an algorithm has two digests, one of them {first}"
                        )));
                    }
                }
                Ok(DigestSet(digests))
            }
        }
        deserializer.deserialize_map(Digests)
    }
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
        if ![STATEMENT_TYPE, STATEMENT_TYPE_V0_1].contains(&raw.statement_type.as_ref()) {
            return Err(format!("_type is {}, not {STATEMENT_TYPE}", quoted(&raw.statement_type)));
        }
        if raw.subject.is_empty() {
            return Err("subject is empty: it speaks of no commit".into());
        }
        Ok(Self {
            subjects: raw.subject,
            predicate_type: raw.predicate_type.into_owned(),
            predicate: raw.predicate,
            payload,
        })
    }

    /// Returns the predicate with the blanks and newlines around it, which a JSON reader leaves out:
    /// a report that was put in as it was comes out as it was.
    #[must_use]
    pub fn predicate_bytes(&self) -> &'a [u8] {
        let predicate = self.predicate.get().as_bytes();
        let start = predicate.as_ptr().addr().wrapping_sub(self.payload.as_ptr().addr());
        let parts = self.payload.split_at_checked(start);
        let Some((before, after)) = parts.filter(|(_, after)| after.starts_with(predicate)) else {
            return predicate;
        };
        let is_blank = |byte: &&u8| matches!(**byte, b' ' | b'\t' | b'\r' | b'\n');
        let leading = before.iter().rev().take_while(is_blank).count();
        let behind = after.get(predicate.len()..).unwrap_or_default();
        let trailing = behind.iter().take_while(is_blank).count();
        let end = start.saturating_add(predicate.len()).saturating_add(trailing);
        self.payload.get(start.saturating_sub(leading)..end).unwrap_or(predicate)
    }
}

/// Reads a JSON document that is one object, with nothing behind it.
fn object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err("it is no JSON object".into());
    }
    std::str::from_utf8(bytes)
        .map_err(|error| format!("it is not UTF-8 at offset {}", error.valid_up_to()))?;
    serde_json::from_slice(bytes).map_err(|error| ascii(&error.to_string()))
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
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
        assert_eq!(statement.subjects[0].digest.get("gitCommit"), Some("x"));
        let older = good.replace("Statement/v1", "Statement/v0.1");
        Statement::parse(older.as_bytes()).expect("a statement as cosign writes it");
        for (what, text) in [
            ("type", good.replace("Statement/v1", "Statement/v9")),
            ("no subject", good.replace(r#"{"digest":{"gitCommit":"x"}}"#, "")),
            ("no digest", good.replace(r#"{"digest":{"gitCommit":"x"}}"#, "{}")),
            ("no predicate", good.replace(r#","predicate":{"a": 1}"#, "")),
            ("repeated subject", good.replacen("{", r#"{"subject":[],"#, 1)),
            ("two digests of one algorithm", good.replace(r#":"x""#, r#":"x","gitCommit":"y""#)),
            ("two equal digests", good.replace(r#":"x""#, r#":"x","gitCommi\u0074":"x""#)),
            ("a digest that is no text", good.replace(r#":"x""#, r#":7"#)),
            ("digests as an array", good.replace(r#"{"gitCommit":"x"}"#, r#"["gitCommit","x"]"#)),
        ] {
            assert!(Statement::parse(text.as_bytes()).is_err(), "{what}");
        }
    }
}
