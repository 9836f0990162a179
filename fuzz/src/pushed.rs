//! What a push brings beside reports: refs, objects, approvals, evidence and their signatures.

use std::sync::LazyLock;

use jiff::Timestamp;
use refgate::certificate::Certificate;
use refgate::evidence::approval::SignedStatement;
use refgate::evidence::dsse::{Envelope, Statement};
use refgate::evidence::predicate::Predicate;
use refgate::evidence::trailer;
use refgate::id::{CommitId, HashKind, ObjectId, TagId};
use refgate::principal::PrincipalId;
use refgate::receive::Push;
use refgate::repo::commit::Commit;
use refgate::repo::tag::Tag;
use refgate::repo::tree::Tree;
use refgate::signature::key::KeyRef;
use refgate::signature::{
    Claim, Encoded, KeyRing, KeyRingBuilder, KeyState, Namespace, Place, Window, dearmor_openpgp,
    dearmor_ssh,
};
use refgate::summary::statement as summary;

use crate::reports::plain;

/// A line of a note: envelope, statement, predicate; and a statement by itself.
pub fn evidence(bytes: &[u8]) {
    match Envelope::parse(bytes) {
        Ok(envelope) => {
            if envelope.signatures.iter().all(|signature| !signature.starts_with(b"{")) {
                let again = Envelope::parse(envelope.to_line("").as_bytes()).expect("our own");
                assert!(again == envelope, "{envelope:?}");
            }
            statement(&envelope.payload);
        }
        Err(why) => plain(&why),
    }
    statement(bytes);
}

fn statement(payload: &[u8]) {
    match Statement::parse(payload) {
        Ok(statement) => {
            if let Err(why) = Predicate::read(&statement) {
                plain(&why);
            }
        }
        Err(why) => plain(&why),
    }
    if let Err(why) = summary::read(payload) {
        plain(&why);
    }
}

/// Trailers of messages, and lines of notes with approvals.
pub fn approval(bytes: &[u8]) {
    if let Ok((statement, name)) = SignedStatement::parse_note_line(bytes) {
        let line = statement.to_note_line(&name);
        let again = SignedStatement::parse_note_line(line.as_bytes()).expect("our own line");
        assert!(again == (statement, name), "{line}");
    }
    let _ = trailer::co_authors(bytes);
    let Ok(found) = trailer::approvals(bytes) else { return };
    for trailer in found.trailers {
        if let Ok(statement) = SignedStatement::parse_trailer(&trailer.value) {
            let message = format!("x\n\n{}\n", statement.to_trailer("A"));
            let again = trailer::approvals(message.as_bytes()).expect("our own trailer");
            let value = &again.trailers.first().expect("one").value;
            assert!(SignedStatement::parse_trailer(value).as_ref() == Ok(&statement), "{message}");
        }
    }
}

/// Signatures of every scheme, armoured or not. No seed signs these bytes.
pub fn signature(bytes: &[u8]) {
    let dearmored = [dearmor_ssh(bytes).ok(), dearmor_openpgp(bytes).ok()];
    for bytes in dearmored.iter().flatten().map(Vec::as_slice).chain([bytes]) {
        assert!(!is_signed(bytes, b"what nobody has signed"), "forged");
    }
}

/// Envelopes and Sigstore bundles with their signatures. One statement alone was ever signed.
pub fn bundle(bytes: &[u8]) {
    let Ok(envelope) = Envelope::parse(bytes) else { return };
    let signed = envelope.signed_bytes();
    let is_signed = envelope.signatures.iter().any(|signature| is_signed(signature, &signed));
    assert!(is_signed || bytes != include_bytes!("../seeds/bundle/good.json"), "does not verify");
    if is_signed {
        let statement = include_bytes!("../seeds/statement.json");
        assert!(envelope.payload == statement, "forged");
    }
}

/// When the seeds of `bundle` were signed.
const SIGNED_AT: i64 = 1_760_000_000;

fn is_signed(signature: &[u8], signed: &[u8]) -> bool {
    static KEYS: LazyLock<KeyRing> = LazyLock::new(ring);
    let now = Timestamp::from_second(SIGNED_AT).expect("a time");
    Encoded::readings(signature).any(|signature| {
        let namespace = Namespace::Refgate;
        let claim = Claim { signature, signed, namespace, by: None, made_at: None, now };
        KEYS.verify(&claim).map_err(|problem| plain(&problem.to_string())).is_ok()
    })
}

fn ring() -> KeyRing {
    let ada = PrincipalId::parse("ada@example.org").expect("an address");
    let mut keys = KeyRingBuilder::default();
    let listed = [
        include_str!("../../tests/keys/ada.pub"),
        include_str!("../../tests/keys/ecdsa-p256.pub"),
        include_str!("../../tests/keys/ecdsa-p521.pub"),
        include_str!("../../tests/keys/rsa-2048.pub"),
        "sigstore:https://token.example.org https://git.example.org/payments/api/.ci/scan.yml@refs/heads/main",
        "sigstore:https://token.example.org ci@example.org",
    ];
    for key in listed {
        let key = KeyRef::parse(key.trim()).expect("a key");
        let window = Window { from: None, until: None, state: KeyState::Active };
        keys.add(ada.clone(), key, window, Place { file: "meta/STRUCTURE.md".into(), line: 1 });
    }
    let certificate = include_bytes!("../../tests/keys/openpgp/ada.pub.asc");
    keys.certificate("meta/keyring/ada.asc", certificate).expect("a certificate");
    let root = include_bytes!("../seeds/policy/trusted_root.json");
    keys.sigstore_root("meta/sigstore/trusted_root.json", root).expect("a root");
    keys.build(&[ada].into()).expect("a key ring")
}

/// Commits, tags and trees.
pub fn objects(bytes: &[u8]) {
    for hash in [HashKind::Sha1, HashKind::Sha256] {
        let id = ObjectId::null(hash);
        for why in [
            Commit::parse(CommitId(id), bytes, hash).err(),
            Tag::parse(TagId(id), bytes, hash).err(),
            Tree::parse(bytes.to_vec(), hash).err(),
        ] {
            plain(&why.unwrap_or_default());
        }
    }
}

/// What git writes to the hook: lines of refs, and a push certificate.
pub fn push(bytes: &[u8]) {
    if let Err(error) = Push::parse(bytes, 100) {
        plain(&error.to_string());
    }
    if let Err(why) = Certificate::parse(bytes, 100) {
        plain(&why);
    }
}
