//! Bare signatures by keys in PEM, and the envelopes of other in-toto tools.

use super::*;
use crate::evidence::dsse::Envelope;
use crate::signature::Scheme;

macro_rules! corpus {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/envelopes/", $name)).as_slice()
    };
}

const ED25519: &[u8] = corpus!("keys/ed25519.pub.pem");
const P256: &[u8] = corpus!("keys/ecdsa-p256.pub.pem");
const RSA: &[u8] = corpus!("keys/rsa-3072.pub.pem");
const PASSED: &[u8] = corpus!("securesystemslib-1.6.0-test-result-v0.1-passed.dsse.json");
const BOTH: &[u8] = corpus!("securesystemslib-1.6.0-test-result-v0.1-failed.dsse.json");

fn fault(pem: impl AsRef<[u8]>) -> String {
    let faults = KeyRingBuilder::default().public_key("k.pem", pem.as_ref()).expect_err("a fault");
    faults.into_iter().map(|fault| fault.to_string()).collect()
}

/// Returns the fingerprint that the fault about a key without a row names.
fn fingerprint(pem: &[u8]) -> KeyRef {
    let mut builder = KeyRingBuilder::default();
    builder.public_key("k.pem", pem).expect("a public key");
    let said = messages(builder.build(&known(&[]))).join("\n");
    let text = said.strip_prefix("k.pem: no row lists its key ").expect("the fault");
    KeyRef::parse(text).expect("a fingerprint")
}

fn ring_of(rows: &[(&str, &[u8], Window)]) -> KeyRing {
    let mut builder = KeyRingBuilder::default();
    for (at, (name, pem, window)) in (1..).zip(rows) {
        builder.add(principal(name), fingerprint(pem), window.clone(), place(at));
        builder.public_key(&format!("{name}.pem"), pem).expect("a public key");
    }
    builder.build(&known(&["ada", "ben", "cleo"])).expect("a key ring")
}

fn signers(ring: &KeyRing, envelope: &[u8]) -> Vec<Result<String, SignatureProblem>> {
    let envelope = Envelope::parse(envelope).expect("an envelope");
    let signed = envelope.signed_bytes();
    let verify = |signature: &Vec<u8>| {
        let claim =
            Claim { signature: Encoded::Bare(signature), signed: &signed, ..claim(b"SSHSIG") };
        let verified = ring.verify(&claim)?;
        assert_eq!((verified.scheme(), verified.user_presence()), (Scheme::Bare, None));
        Ok(verified.principal().to_string())
    };
    envelope.signatures.iter().map(verify).collect()
}

#[test]
fn envelopes_of_securesystemslib_verify_with_the_keys_that_made_them() {
    let ring = ring_of(&[
        ("ada", ED25519, Window::ALWAYS),
        ("ben", P256, Window::ALWAYS),
        ("cleo", RSA, Window::ALWAYS),
    ]);
    let (ada, ben) = (Ok("ada@example.org".to_owned()), Ok("ben@example.org".to_owned()));
    for (envelope, expected) in [
        (PASSED, vec![ada.clone()]),
        (BOTH, vec![ada.clone(), ben.clone()]),
        (corpus!("securesystemslib-1.6.0-cosign-vuln-v1-trivy-jsapp.dsse.json"), vec![ada.clone()]),
        (corpus!("securesystemslib-1.6.0-cyclonedx-jsapp.dsse.json"), vec![ada.clone()]),
        (corpus!("securesystemslib-1.6.0-svr-v0.2.dsse.json"), vec![ada]),
        (corpus!("securesystemslib-1.6.0-vsa-v1-passed.dsse.json"), vec![ben.clone()]),
        (corpus!("securesystemslib-1.6.0-vulns-v0.2-jsapp.dsse.json"), vec![ben]),
        (
            corpus!("securesystemslib-1.6.0-test-result-v0.1-tampered-subject.dsse.json"),
            vec![Err(SignatureProblem::NoKeyFits { keys: 3 })],
        ),
    ] {
        assert_eq!(signers(&ring, envelope), expected);
    }
    let only_ben = ring_of(&[("ben", P256, Window::ALWAYS)]);
    assert_eq!(signers(&only_ben, PASSED), [Err(SignatureProblem::NoKeyFits { keys: 1 })]);
    assert_eq!(signers(&ring_of(&[]), PASSED), [Err(SignatureProblem::NoKeyFits { keys: 0 })]);
}

#[test]
fn the_window_of_the_row_holds_for_a_key_in_pem() {
    let ring = |window| ring_of(&[("ada", ED25519, window)]);
    let retired = Window { state: KeyState::Retired, ..Window::ALWAYS };
    let key = fingerprint(ED25519);
    let expected = SignatureProblem::Retired { key, place: place(1) };
    assert_eq!(signers(&ring(retired), PASSED), [Err(expected)]);
    let over = Window { until: Some(time("2026-05-31T00:00:00Z")), ..Window::ALWAYS };
    let [Err(SignatureProblem::Expired { .. })] = &signers(&ring(over), PASSED)[..] else {
        panic!("the key counts after its end")
    };
}

#[test]
fn the_fingerprint_is_that_of_the_key_as_an_ssh_key() {
    // By ssh-keygen -i -m PKCS8, and ssh-keygen -l.
    let fingerprints = [
        (P256, "SHA256:WZXdOywt8wMml5PCfNIQ9X0tnac3/UogefNpFJsqQcY"),
        (RSA, "SHA256:IhqLgZLHMuygEBA97+psF6Rk+cpJNhejTwTJ8KX+C/4"),
    ];
    for (pem, expected) in fingerprints {
        assert_eq!(fingerprint(pem).to_string(), expected);
    }
}

#[test]
fn t31_a_key_in_pem_belongs_to_one_principal() {
    let mut builder = KeyRingBuilder::default();
    builder.public_key("k.pem", ED25519).expect("a public key");
    for (at, name) in [(1, "ada"), (2, "ben")] {
        builder.add(principal(name), fingerprint(ED25519), Window::ALWAYS, place(at));
    }
    let said = messages(builder.build(&known(&["ada", "ben"])));
    assert!(said[0].contains("is also that of ada@example.org"), "{said:?}");
    let mut builder = KeyRingBuilder::default();
    builder.public_key("a.pem", ED25519).expect("a public key");
    let twice = builder.public_key("b.pem", ED25519).expect_err("the same key");
    assert_eq!(twice[0].to_string(), "b.pem: it holds the same key as a.pem");
}

#[test]
fn what_is_not_one_good_public_key_is_refused() {
    let text = |pem: &[u8]| String::from_utf8(pem.to_vec()).expect("text");
    let pem = text(ED25519);
    // RFC 8410: 12 bytes of header, then the point; this one is the neutral element.
    let weak = "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let pem_of =
        |base64: &str| format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n");
    for (pem, why) in [
        (String::new(), "PEM: expected one public key"),
        ("ssh-ed25519 AAAA".into(), "PEM: expected one public key"),
        (pem.replace("PUBLIC", "PRIVATE"), "PEM label: expected PUBLIC KEY, found \"PRIVATE KEY\""),
        (format!("{pem}{pem}"), "PEM: expected one public key"),
        (format!("{pem}{}", text(P256)), "PEM: expected one public key"),
        (pem.replace("MCow", "MCoy"), "public key: expected DER"),
        (pem_of("MCowBQYDK2VwAyEA"), "PEM: expected one public key"),
        (
            pem_of("MCowBQYDK2VuAyEAz0kw3kXwxKfV0h6WKmbJeWwHRejs9j54sZ+ClWQLjbw="),
            "algorithm: expected",
        ),
        (pem_of(weak), "an Ed25519 point of small order"),
    ] {
        let said = fault(&pem);
        assert!(said.contains(why), "{pem}: {said}");
    }
    assert!(fault(b"\xff").contains("file: expected text"));
}

#[test]
fn a_changed_signature_or_text_is_nobodys() {
    let ring = ring_of(&[("ada", ED25519, Window::ALWAYS), ("ben", P256, Window::ALWAYS)]);
    let envelope = Envelope::parse(BOTH).expect("an envelope");
    let signed = envelope.signed_bytes();
    for signature in &envelope.signatures {
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            for signature in [&changed[..], &signature[..at]] {
                let claim = Claim {
                    signature: Encoded::Bare(signature),
                    signed: &signed,
                    ..claim(b"SSHSIG")
                };
                assert_eq!(ring.verify(&claim), Err(SignatureProblem::NoKeyFits { keys: 2 }));
            }
        }
        let changed = [&signed[..], b" "].concat();
        let claim =
            Claim { signature: Encoded::Bare(signature), signed: &changed, ..claim(b"SSHSIG") };
        assert_eq!(ring.verify(&claim), Err(SignatureProblem::NoKeyFits { keys: 2 }));
    }
}
