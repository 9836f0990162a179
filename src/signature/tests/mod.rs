//! Tests of the whole module, with the keys and signatures of `tests/keys`.

mod bare;
mod key_ring;
#[cfg(feature = "openpgp")]
mod openpgp;
mod ssh;

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::key::KeyRef;
use super::{
    Claim, Encoded, KeyRing, KeyRingBuilder, KeyState, Namespace, Place, SignatureProblem,
    VerifiedSignature, Window, dearmor_ssh,
};
use crate::error::Diagnostic;
use crate::principal::PrincipalId;

/// What every signature in `tests/keys/signatures` covers.
const HELLO: &[u8] = b"hello\n";

/// Returns the bytes of a file in `tests/keys`.
macro_rules! key_file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/", $name)).as_slice()
    };
}
pub(super) use key_file;

fn time(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn principal(name: &str) -> PrincipalId {
    PrincipalId::parse(&format!("{name}@example.org")).expect("an address")
}

fn known(names: &[&str]) -> BTreeSet<PrincipalId> {
    names.iter().map(|name| principal(name)).collect()
}

fn place(line: usize) -> Place {
    Place { file: "meta/STRUCTURE.md".into(), line }
}

fn key_ref(public_key: &[u8]) -> KeyRef {
    let line = str::from_utf8(public_key).expect("a public key is text");
    KeyRef::parse(line).expect("a key")
}

/// A key ring of rows that are always valid.
fn ring(rows: &[(&str, &[u8])]) -> KeyRing {
    let mut builder = KeyRingBuilder::default();
    for (line, (name, key)) in (1..).zip(rows) {
        builder.add(principal(name), key_ref(key), Window::ALWAYS, place(line));
    }
    let names: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
    builder.build(&known(&names)).expect("a good key ring")
}

/// A key ring of one `allowed_signers` file.
fn allowed(names: &[&str], file: &str) -> Result<KeyRing, Vec<Diagnostic>> {
    let mut builder = KeyRingBuilder::default();
    builder.allowed_signers("meta/allowed_signers", file.as_bytes())?;
    builder.build(&known(names))
}

fn blob(armoured: &[u8]) -> Vec<u8> {
    dearmor_ssh(armoured).expect("armour of ssh-keygen")
}

/// A claim over [`HELLO`] for approvals, on 1 June 2026.
fn claim(signature: &[u8]) -> Claim<'_> {
    Claim {
        signature: Encoded::detect(signature).expect("a signature"),
        signed: HELLO,
        namespace: Namespace::Refgate,
        by: None,
        made_at: None,
        now: time("2026-06-01T00:00:00Z"),
    }
}

/// Verifies an armoured SSH signature over [`HELLO`].
fn verify(ring: &KeyRing, armoured: &[u8]) -> Result<VerifiedSignature, SignatureProblem> {
    ring.verify(&claim(&blob(armoured)))
}

fn messages(result: Result<KeyRing, Vec<Diagnostic>>) -> Vec<String> {
    result.expect_err("faults").iter().map(ToString::to_string).collect()
}
