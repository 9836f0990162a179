//! The statement of a summary, written and read.

use serde::Deserialize;
use serde_json::{Value, json};

use super::level::level_of;
use crate::clock::Timestamp;
use crate::evidence::dsse::STATEMENT_TYPE;
use crate::evidence::format::excerpt::{ascii, quoted};

/// The type of the predicate (SLSA v1.2, Verification Summary Attestation).
pub const PREDICATE_TYPE: &str = "https://slsa.dev/verification_summary/v1";

/// Who verifies: the hook of refgate, whoever runs it. Which server is told by the key.
pub const VERIFIER: &str = "https://refgate.dev/hook";

/// The policy in a summary is named by this path below the repository.
const POLICY_FRAGMENT: &str = "#meta";

/// What a summary says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The repository's name, as the policy says it.
    pub repository: String,
    /// The commit.
    pub commit: String,
    /// Its tree.
    pub tree: String,
    /// The ref that was moved to it.
    pub source_ref: String,
    /// The tag object, where the ref is a tag.
    pub tag: Option<String>,
    /// When the verdict was reached.
    pub time: Timestamp,
    /// The number of the verdict, under which the ledger has it.
    pub verdict: String,
    /// The trust anchor: the commit that policy, people and keys were read from.
    pub policy: String,
    /// What it rests on: where it is, and the algorithm and digest of the object that holds it.
    pub inputs: Vec<(String, &'static str, String)>,
    /// The level and the properties.
    pub claims: Vec<String>,
}

/// Returns the URI of a repository.
#[must_use]
pub fn resource_uri(repository: &str) -> String {
    format!("git+https://{repository}")
}

impl Summary {
    /// Writes the payload of the envelope.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        let resource = resource_uri(&self.repository);
        let mut annotations = json!({
            "sourceRefs": [self.source_ref],
            "refgate.dev/verdict": self.verdict,
        });
        if let (Some(tag), Some(annotations)) = (&self.tag, annotations.as_object_mut()) {
            annotations.insert("refgate.dev/tag".into(), Value::from(tag.as_str()));
        }
        let inputs: Vec<Value> = self
            .inputs
            .iter()
            .map(|(place, algorithm, digest)| {
                json!({ "uri": format!("{resource}#{place}"), "digest": { *algorithm: digest } })
            })
            .collect();
        let mut predicate = json!({
            "verifier": {
                "id": VERIFIER,
                "version": { "refgate": env!("CARGO_PKG_VERSION") },
            },
            "timeVerified": self.time.to_string(),
            "resourceUri": resource,
            "policy": {
                "uri": format!("{resource}@{}{POLICY_FRAGMENT}", self.policy),
                "digest": { "gitCommit": self.policy },
            },
            "verificationResult": "PASSED",
            "verifiedLevels": self.claims,
            "slsaVersion": "1.2",
        });
        // Where inputs are listed the list has to be complete, so none is better than an empty one.
        if let (false, Some(predicate)) = (inputs.is_empty(), predicate.as_object_mut()) {
            predicate.insert("inputAttestations".into(), Value::from(inputs));
        }
        json!({
            "_type": STATEMENT_TYPE,
            "subject": [{
                "digest": { "gitCommit": self.commit, "gitTree": self.tree },
                "annotations": annotations,
            }],
            "predicateType": PREDICATE_TYPE,
            "predicate": predicate,
        })
        .to_string()
        .into_bytes()
    }
}

/// What is read from a summary; whether anybody vouches for it is another question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The commit.
    pub commit: String,
    /// Its tree, where the summary names it.
    pub tree: Option<String>,
    /// The refs that were moved to it.
    pub source_refs: Vec<String>,
    /// The number of the verdict.
    pub verdict: Option<String>,
    /// The tag object.
    pub tag: Option<String>,
    /// When it was verified.
    pub time: Option<Timestamp>,
    /// The URI of the repository.
    pub resource: String,
    /// The trust anchor.
    pub policy: Option<String>,
    /// The level.
    pub level: u8,
    /// All claims, the level among them.
    pub claims: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawStatement {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<RawSubject>,
    predicate_type: String,
    predicate: RawPredicate,
}

#[derive(Deserialize)]
struct RawSubject {
    digest: RawDigests,
    #[serde(default)]
    annotations: RawAnnotations,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDigests {
    git_commit: Option<String>,
    git_tree: Option<String>,
}

#[derive(Default, Deserialize)]
struct RawAnnotations {
    // Older tools write it with an underscore.
    #[serde(default, rename = "sourceRefs", alias = "source_refs")]
    source_refs: Vec<String>,
    #[serde(rename = "refgate.dev/verdict")]
    verdict: Option<String>,
    #[serde(rename = "refgate.dev/tag")]
    tag: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPredicate {
    verifier: RawVerifier,
    time_verified: Option<Timestamp>,
    resource_uri: String,
    #[serde(default)]
    policy: RawPolicy,
    verification_result: String,
    verified_levels: Vec<String>,
}

#[derive(Deserialize)]
struct RawVerifier {
    id: String,
}

#[derive(Default, Deserialize)]
struct RawPolicy {
    #[serde(default)]
    digest: RawDigests,
}

/// Reads the payload of an envelope.
///
/// # Errors
/// It is no summary that refgate has written and that says PASSED; says why.
pub fn read(payload: &[u8]) -> Result<Read, String> {
    let raw: RawStatement = serde_json::from_slice(payload)
        .map_err(|error| ascii(&format!("it is no summary: {error}")))?;
    let is = |what: &str, found: String, wanted: &str| match found == wanted {
        true => Ok(()),
        false => Err(format!("its {what} is {}, not {wanted}", quoted(&found))),
    };
    is("_type", raw.statement_type, STATEMENT_TYPE)?;
    is("predicateType", raw.predicate_type, PREDICATE_TYPE)?;
    let RawPredicate { verifier, time_verified, resource_uri, policy, .. } = raw.predicate;
    is("verifier", verifier.id, VERIFIER)?;
    is("verificationResult", raw.predicate.verification_result, "PASSED")?;
    let claims = raw.predicate.verified_levels;
    let level = level_of(&claims).ok_or("verifiedLevels does not name exactly one level")?;
    let [subject] = <[RawSubject; 1]>::try_from(raw.subject)
        .map_err(|subjects| format!("it has {} subjects, not one", subjects.len()))?;
    Ok(Read {
        commit: subject.digest.git_commit.ok_or("its subject has no gitCommit")?,
        tree: subject.digest.git_tree,
        source_refs: subject.annotations.source_refs,
        verdict: subject.annotations.verdict,
        tag: subject.annotations.tag,
        time: time_verified,
        resource: resource_uri,
        policy: policy.digest.git_commit,
        level,
        claims,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        Summary {
            repository: "git.example.org/demo/app".into(),
            commit: "a".repeat(40),
            tree: "b".repeat(40),
            source_ref: "refs/heads/main".into(),
            tag: None,
            time: Timestamp::UNIX_EPOCH,
            verdict: "7c1e-0413".into(),
            policy: "c".repeat(40),
            inputs: vec![("refs/notes/refgate/evidence".into(), "gitBlob", "d".repeat(40))],
            claims: vec!["SLSA_SOURCE_LEVEL_3".into(), "ORG_SOURCE_REFGATE_SCAN".into()],
        }
    }

    #[test]
    fn what_is_wrong_is_told_in_plain_words_whatever_the_text() {
        let good = String::from_utf8(summary().payload()).expect("text");
        let hostile = "\u{443}\u{202e}\u{1b}[31m";
        let quoted = serde_json::to_string(hostile).expect("JSON");
        for (old, new) in [
            (r#""gitCommit":"#, format!(r#""gitCommit":{quoted},"gitCommit":"#)),
            (r#""subject":["#, format!(r#""subject":{quoted},"x":["#)),
            (STATEMENT_TYPE, hostile.escape_debug().to_string().replace("\\u{1b}", "")),
        ] {
            let bad = good.replacen(old, &new, 1);
            assert_ne!(bad, good, "{old}");
            let why = read(bad.as_bytes()).map(|_| ()).expect_err("refused");
            assert!(why.bytes().all(|b| matches!(b, b' '..=b'~')) && why.len() < 400, "{why:?}");
        }
    }

    #[test]
    fn a_summary_is_read_as_it_is_written() {
        let read = read(&summary().payload()).expect("a summary");
        assert_eq!((read.level, read.commit), (3, "a".repeat(40)));
        assert_eq!(read.source_refs, ["refs/heads/main"]);
        assert_eq!(read.policy, Some("c".repeat(40)));
        assert_eq!(read.resource, "git+https://git.example.org/demo/app");
        assert_eq!(read.time, Some(Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn what_is_no_summary_is_refused() {
        let good = String::from_utf8(summary().payload()).expect("UTF-8");
        for (from, to) in [
            ("Statement/v1", "Statement/v9"),
            ("verification_summary", "provenance"),
            ("PASSED", "FAILED"),
            ("SLSA_SOURCE_LEVEL_3", "SLSA_SOURCE_LEVEL_9"),
            ("refgate.dev/hook", "other.example/hook"),
            ("\"gitCommit\":\"aaaa", "\"gitBranch\":\"aaaa"),
            ("{\"_type\"", "{\"_type\":\"x\",\"_type\""),
        ] {
            assert!(good.contains(from), "{from} is not in {good}");
            assert!(read(good.replace(from, to).as_bytes()).is_err(), "{to}");
        }
        assert!(read(b"[]").is_err());
    }
}
