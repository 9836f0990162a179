//! SSHSIG: every key type, every field, certificates, mutations.

use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};

use super::*;
use crate::signature::key::{format_ssh_fingerprint, ssh_fingerprint};
use crate::signature::{
    CertificateProblem, Malformed, Scheme, Unsupported, UserPresence, Validity, Weak,
};

#[test]
fn every_key_type_verifies() {
    for (name, public_key, signature) in [
        ("ada", key_file!("ada.pub"), key_file!("signatures/ada.sig")),
        ("ada", key_file!("ada.pub"), key_file!("signatures/ada-sha256.sig")),
        ("ben", key_file!("ecdsa-p256.pub"), key_file!("signatures/ecdsa-p256.sig")),
        ("ben", key_file!("ecdsa-p384.pub"), key_file!("signatures/ecdsa-p384.sig")),
        ("ben", key_file!("ecdsa-p521.pub"), key_file!("signatures/ecdsa-p521.sig")),
        ("ben", key_file!("rsa-2048.pub"), key_file!("signatures/rsa-2048.sig")),
        ("ben", key_file!("rsa-4096.pub"), key_file!("signatures/rsa-4096.sig")),
    ] {
        let ring = ring(&[(name, public_key), ("cleo", key_file!("cleo.pub"))]);
        let verified = verify(&ring, signature).expect(name);
        assert_eq!(*verified.principal(), principal(name));
        assert_eq!(verified.key().ssh_fingerprint(), key_ref(public_key).ssh_fingerprint());
        assert_eq!((verified.scheme(), verified.authority()), (Scheme::Ssh, None));
        assert_eq!(verified.user_presence(), None);

        let blob = blob(signature);
        let other = Claim { signed: b"hello", ..claim(&blob) };
        assert!(
            matches!(ring.verify(&other), Err(SignatureProblem::Bad { key }) if key == *verified.key())
        );
    }
}

#[test]
fn t44_a_signature_for_another_purpose_is_refused() {
    let ring = ring(&[("ada", key_file!("ada.pub"))]);
    assert_eq!(
        verify(&ring, key_file!("signatures/ada-git.sig")),
        Err(SignatureProblem::WrongNamespace {
            expected: Namespace::Refgate,
            found: "\"git\"".into()
        })
    );
    let approval = blob(key_file!("signatures/ada.sig"));
    let as_commit = Claim { namespace: Namespace::Git, ..claim(&approval) };
    assert_eq!(
        ring.verify(&as_commit),
        Err(SignatureProblem::WrongNamespace {
            expected: Namespace::Git,
            found: "\"refgate\"".into()
        })
    );
}

#[test]
fn t48_a_key_that_is_not_listed_is_nobodys() {
    let ring = ring(&[("ben", key_file!("ben.pub"))]);
    let key = KeyRef::SshFingerprint(key_ref(key_file!("ada.pub")).ssh_fingerprint().expect("ssh"));
    assert_eq!(
        verify(&ring, key_file!("signatures/ada.sig")),
        Err(SignatureProblem::UnknownKey { key })
    );
}

#[test]
fn the_claimed_principal_must_own_the_key() {
    let ring = ring(&[("ada", key_file!("ada.pub")), ("ben", key_file!("ben.pub"))]);
    let blob = blob(key_file!("signatures/ada.sig"));
    let (ada, ben) = (principal("ada"), principal("ben"));
    let by_ada = ring.verify(&Claim { by: Some(&ada), ..claim(&blob) });
    assert_eq!(by_ada.expect("hers").principal(), &ada);
    let by_ben = ring.verify(&Claim { by: Some(&ben), ..claim(&blob) });
    assert!(matches!(
        by_ben,
        Err(SignatureProblem::WrongPrincipal { owner, claimed, .. }) if owner == ada && claimed == ben
    ));
}

#[test]
fn short_rsa_keys_are_weak_however_they_are_listed() {
    let digest = key_ref(key_file!("rsa-1024.pub")).ssh_fingerprint().expect("ssh");
    let mut builder = KeyRingBuilder::default();
    builder.add(principal("ben"), KeyRef::SshFingerprint(digest), Window::ALWAYS, place(1));
    let ring = builder.build(&known(&["ben"])).expect("a fingerprint does not tell");
    assert_eq!(
        verify(&ring, key_file!("signatures/rsa-1024.sig")),
        Err(Weak::RsaModulus { bits: 1024 }.into())
    );
}

/// The fields of an SSHSIG blob, to build any other.
#[derive(Clone)]
struct Fields {
    version: u32,
    public_key: Vec<u8>,
    namespace: Vec<u8>,
    reserved: Vec<u8>,
    hash: Vec<u8>,
    signature: Vec<u8>,
}

impl Fields {
    fn of(public_key: &[u8], signature: Vec<u8>) -> Self {
        Self {
            version: 1,
            public_key: public_key.into(),
            namespace: b"refgate".into(),
            reserved: Vec::new(),
            hash: b"sha512".into(),
            signature,
        }
    }

    fn blob(&self) -> Vec<u8> {
        let mut blob = b"SSHSIG".to_vec();
        blob.extend(self.version.to_be_bytes());
        blob.extend(strings(&[
            &self.public_key,
            &self.namespace,
            &self.reserved,
            &self.hash,
            &self.signature,
        ]));
        blob
    }
}

fn strings(fields: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        out.extend(u32::try_from(field.len()).expect("short").to_be_bytes());
        out.extend(*field);
    }
    out
}

fn signed_data() -> Vec<u8> {
    let hash = ring::digest::digest(&ring::digest::SHA512, HELLO);
    [b"SSHSIG".to_vec(), strings(&[b"refgate", b"", b"sha512", hash.as_ref()])].concat()
}

fn security_key_data(flags: u8) -> Vec<u8> {
    let sha256 = |bytes: &[u8]| ring::digest::digest(&ring::digest::SHA256, bytes);
    let (application, message) = (sha256(b"ssh:"), sha256(&signed_data()));
    [application.as_ref(), &[flags], &7u32.to_be_bytes(), message.as_ref()].concat()
}

fn ed25519() -> (Ed25519KeyPair, Vec<u8>) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed");
    let public_key = strings(&[b"ssh-ed25519", pair.public_key().as_ref()]);
    (pair, public_key)
}

fn software_ed25519_security_key(flags: u8) -> Fields {
    let (pair, _) = ed25519();
    let public_key = strings(&[b"sk-ssh-ed25519@openssh.com", pair.public_key().as_ref(), b"ssh:"]);
    let signature = pair.sign(&security_key_data(flags));
    let mut blob = strings(&[b"sk-ssh-ed25519@openssh.com", signature.as_ref()]);
    blob.push(flags);
    blob.extend(7u32.to_be_bytes());
    Fields::of(&public_key, blob)
}

fn software_ecdsa_security_key(flags: u8) -> Fields {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("a key");
    let key_type = b"sk-ecdsa-sha2-nistp256@openssh.com";
    let public_key = strings(&[key_type, b"nistp256", pair.public_key().as_ref(), b"ssh:"]);
    let signature = pair.sign(&random, &security_key_data(flags)).expect("a signature");
    let (r, s) = signature.as_ref().split_at(32);
    let mut blob = strings(&[key_type, &strings(&[&mpint(r), &mpint(s)])]);
    blob.push(flags);
    blob.extend(7u32.to_be_bytes());
    Fields::of(&public_key, blob)
}

fn mpint(number: &[u8]) -> Vec<u8> {
    let number = &number[number.iter().take_while(|b| **b == 0).count()..];
    let sign: &[u8] = if number[0] >= 0x80 { &[0] } else { &[] };
    [sign, number].concat()
}

fn ring_of(public_key: &[u8], untouched: bool) -> KeyRing {
    let mut builder = KeyRingBuilder::default();
    let key = KeyRef::SshFingerprint(ssh_fingerprint(public_key));
    builder.add(principal("ada"), key, Window::ALWAYS, place(1));
    if untouched {
        builder.accept_without_touch();
    }
    builder.build(&known(&["ada"])).expect("a key ring")
}

fn verify_fields(fields: &Fields) -> Result<VerifiedSignature, SignatureProblem> {
    ring_of(&fields.public_key, false).verify(&claim(&fields.blob()))
}

#[test]
fn security_keys_tell_about_their_user() {
    for make in [software_ed25519_security_key, software_ecdsa_security_key] {
        for (flags, present, verified) in [(1, true, false), (5, true, true)] {
            let good = verify_fields(&make(flags)).expect("touched");
            assert_eq!(good.user_presence(), Some(UserPresence { present, verified }));
        }
    }
}

#[test]
fn a_security_key_that_was_not_touched_counts_only_where_that_is_allowed() {
    for make in [software_ed25519_security_key, software_ecdsa_security_key] {
        for (flags, verified) in [(0, false), (4, true)] {
            let fields = make(flags);
            let presence = UserPresence { present: false, verified };
            let problem = verify_fields(&fields).expect_err("not touched");
            assert!(
                matches!(problem, SignatureProblem::NotTouched { presence: p, .. } if p == presence)
            );
            let allowed = ring_of(&fields.public_key, true).verify(&claim(&fields.blob()));
            assert_eq!(allowed.expect("allowed").user_presence(), Some(presence));
        }
    }
}

#[test]
fn the_flags_and_the_counter_of_a_security_key_are_signed() {
    let good = software_ed25519_security_key(0);
    for from_the_end in [1, 5] {
        let mut changed = good.clone();
        let at = changed.signature.len() - from_the_end;
        changed.signature[at] ^= 1;
        assert!(matches!(verify_fields(&changed), Err(SignatureProblem::Bad { .. })));
    }
    let mut other_application = good;
    *other_application.public_key.last_mut().expect("bytes") = b'x';
    assert!(matches!(verify_fields(&other_application), Err(SignatureProblem::Bad { .. })));
}

fn malformed(problem: Result<VerifiedSignature, SignatureProblem>) -> (&'static str, String) {
    match problem {
        Err(SignatureProblem::Malformed(Malformed { part, found, .. })) => (part, found),
        other => panic!("expected a malformed signature, found {other:?}"),
    }
}

#[test]
fn every_field_has_one_form() {
    let (pair, public_key) = ed25519();
    let value = pair.sign(&signed_data());
    let good = Fields::of(&public_key, strings(&[b"ssh-ed25519", value.as_ref()]));
    verify_fields(&good).expect("good");

    for version in [0, 2, u32::MAX] {
        assert_eq!(
            verify_fields(&Fields { version, ..good.clone() }),
            Err(Unsupported::new("SSHSIG version", version.to_string()).into())
        );
    }
    let changed = |change: fn(&mut Fields)| {
        let mut fields = good.clone();
        change(&mut fields);
        malformed(ring_of(&public_key, false).verify(&claim(&fields.blob())))
    };
    assert_eq!(changed(|f| f.reserved = b"x".into()), ("reserved", "1 bytes".into()));
    assert_eq!(changed(|f| f.signature.push(0)), ("signature", "1 more byte".into()));
    assert_eq!(changed(|f| f.public_key.push(0)), ("public key", "1 more byte".into()));
    assert_eq!(
        changed(|f| f.signature = strings(&[b"ssh-ed25519", &[1; 63]])),
        ("Ed25519 signature", "63 bytes".into())
    );
    assert_eq!(
        changed(|f| f.signature = strings(&[b"ssh-rsa", &[1; 64]])),
        ("signature algorithm", "\"ssh-rsa\"".into())
    );
    assert_eq!(
        changed(|f| f.public_key = strings(&[b"ssh-ed25519", &[1; 31]])),
        ("Ed25519 public key", "31 bytes".into())
    );
    assert_eq!(
        malformed(ring_of(&public_key, false).verify(&claim(&[good.blob(), vec![0]].concat()))),
        ("signature blob", "1 more byte".into())
    );
    for hash in ["md5", "sha1", "SHA512", "sha384", ""] {
        assert_eq!(
            verify_fields(&Fields { hash: hash.into(), ..good.clone() }),
            Err(Unsupported::new("hash algorithm of the signature", format!("{hash:?}")).into())
        );
    }
    let unknown = Fields { public_key: strings(&[b"ssh-dss", b""]), ..good.clone() };
    assert_eq!(
        verify_fields(&unknown),
        Err(Unsupported::new("public key type", "\"ssh-dss\"").into())
    );
    let swapped = Fields { hash: b"sha256".into(), ..good };
    assert!(matches!(verify_fields(&swapped), Err(SignatureProblem::Bad { .. })));
}

#[test]
fn ecdsa_numbers_have_one_form() {
    let original = blob(key_file!("signatures/ecdsa-p256.sig"));
    let key = key_ref(key_file!("ecdsa-p256.pub"));
    let KeyRef::SshPublicKey(public_key) = key else { panic!("a public key line") };
    let fields = |r: &[u8], s: &[u8]| {
        Fields::of(&public_key, strings(&[b"ecdsa-sha2-nistp256", &strings(&[r, s])]))
    };
    assert!(original.starts_with(b"SSHSIG"));
    let long = [vec![0], vec![0xff; 33]].concat();
    for (r, s, part, found) in [
        (&b"\x01"[..], &b""[..], "ECDSA s", "zero"),
        (b"\0", b"\x01", "ECDSA r", "zero"),
        (b"\0\x01", b"\x01", "ECDSA r", "needless leading zeros"),
        (b"\xff", b"\x01", "ECDSA r", "a negative number"),
        (&long, b"\x01", "ECDSA r", "33 bytes"),
    ] {
        assert_eq!(malformed(verify_fields(&fields(r, s))), (part, found.into()));
    }
    assert!(matches!(verify_fields(&fields(b"\x01", b"\x01")), Err(SignatureProblem::Bad { .. })));
    let order = [vec![0], vec![0xff; 32]].concat();
    assert!(matches!(verify_fields(&fields(&order, &order)), Err(SignatureProblem::Bad { .. })));
}

#[test]
fn an_rsa_signature_over_sha1_is_weak() {
    let KeyRef::SshPublicKey(public_key) = key_ref(key_file!("rsa-2048.pub")) else {
        panic!("a public key line")
    };
    let fields = Fields::of(&public_key, strings(&[b"ssh-rsa", &[1; 256]]));
    assert_eq!(verify_fields(&fields), Err(Weak::Sha1 { algorithm: "ssh-rsa" }.into()));
}

#[test]
fn an_rsa_key_with_the_exponent_one_signs_nothing() {
    // With e = 1 the padded digest is its own signature (RFC 8017 §9.2).
    let KeyRef::SshPublicKey(blob) = key_ref(key_file!("rsa-2048.pub")) else {
        panic!("a public key line")
    };
    let modulus = &blob[blob.len() - 257..];
    assert_eq!(modulus[0], 0, "the sign byte");
    let hash = ring::digest::digest(&ring::digest::SHA512, &signed_data());
    let digest_info = [
        &[0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04][..],
        &[0x02, 0x03, 0x05, 0x00, 0x04, 0x40],
        hash.as_ref(),
    ]
    .concat();
    let mut value = vec![0xff; 256 - digest_info.len()];
    (value[0], value[1]) = (0, 1);
    *value.last_mut().expect("bytes") = 0;
    value.extend(digest_info);
    for exponent in [1, 2] {
        let public_key = strings(&[b"ssh-rsa", &[exponent], modulus]);
        let fields = Fields::of(&public_key, strings(&[b"rsa-sha2-512", &value]));
        assert!(matches!(verify_fields(&fields), Err(SignatureProblem::Bad { .. })));
    }
}

#[test]
fn a_malleable_ed25519_signature_is_bad() {
    // S + L, with L = 2^252 + 27742317777372353535851937790883648493 (RFC 8032 §5.1).
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let (pair, public_key) = ed25519();
    let mut value = pair.sign(&signed_data()).as_ref().to_vec();
    let mut carry = 0;
    for (byte, l) in value[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(l) + carry;
        *byte = u8::try_from(sum & 0xff).expect("masked");
        carry = sum >> 8;
    }
    let fields = Fields::of(&public_key, strings(&[b"ssh-ed25519", &value]));
    assert!(matches!(verify_fields(&fields), Err(SignatureProblem::Bad { .. })));
}

#[test]
fn points_of_small_order_are_no_keys() {
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let mut one = [0; 32];
    one[0] = 1;
    let p_and_more = (0xed..=0xff).map(|low| {
        let mut point = minus_one;
        point[0] = low;
        point
    });
    let order_8 = [
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ];
    let order_8 = order_8.map(|hex| {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex"))
    });
    for point in [[0; 32], one, minus_one].into_iter().chain(order_8).chain(p_and_more) {
        for sign in [0, 0x80] {
            let mut point = point;
            point[31] |= sign;
            let public_key = strings(&[b"ssh-ed25519", &point]);
            // R = A, S = 0 would verify for many messages.
            let value = [&point[..], &[0; 32]].concat();
            let fields = Fields::of(&public_key, strings(&[b"ssh-ed25519", &value]));
            assert_eq!(verify_fields(&fields), Err(Weak::SmallOrder.into()), "{point:02x?}");
        }
    }
}

#[test]
fn no_change_of_a_byte_makes_another_good_signature() {
    let ring = ring(&[("ada", key_file!("ada.pub")), ("ben", key_file!("ecdsa-p256.pub"))]);
    for armoured in [key_file!("signatures/ada.sig"), key_file!("signatures/ecdsa-p256.sig")] {
        let good = blob(armoured);
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut changed = good.clone();
                changed[at] ^= 1 << bit;
                let Some(signature) = Encoded::detect(&changed) else { continue };
                let outcome = ring.verify(&Claim { signature, ..claim(&good) });
                assert!(outcome.is_err(), "byte {at}, bit {bit}");
            }
        }
        for len in 0..good.len() {
            let cut = &good[..len];
            let Some(signature) = Encoded::detect(cut) else { continue };
            let outcome = ring.verify(&Claim { signature, ..claim(&good) });
            assert!(matches!(outcome, Err(SignatureProblem::Malformed(_))), "{len}: {outcome:?}");
        }
    }
}

fn authority_line(name: &str, public_key: &[u8]) -> String {
    format!("{name} cert-authority {}", str::from_utf8(public_key).expect("text"))
}

#[test]
fn a_certificate_speaks_for_its_principal() {
    for (authority, signature) in [
        (key_file!("ca.pub"), key_file!("signatures/ada-by-ca.sig")),
        (key_file!("rsa-ca.pub"), key_file!("signatures/ada-by-rsa-ca.sig")),
        (key_file!("p521-ca.pub"), key_file!("signatures/ada-by-p521-ca.sig")),
    ] {
        let ring = allowed(&["ada"], &authority_line("*@example.org", authority)).expect("good");
        let verified = verify(&ring, signature).expect("good");
        assert_eq!(*verified.principal(), principal("ada"));
        assert_eq!(
            verified.key().ssh_fingerprint(),
            key_ref(key_file!("ada.pub")).ssh_fingerprint()
        );
        assert_eq!(
            verified.authority().and_then(KeyRef::ssh_fingerprint),
            key_ref(authority).ssh_fingerprint()
        );
    }
}

fn certificate_problem(ring: &KeyRing, by: Option<&str>) -> CertificateProblem {
    let blob = blob(key_file!("signatures/ada-by-ca.sig"));
    let by = by.map(principal);
    match ring.verify(&Claim { by: by.as_ref(), ..claim(&blob) }) {
        Err(SignatureProblem::CertificateRefused { reason, .. }) => reason,
        other => panic!("expected a refused certificate, found {other:?}"),
    }
}

#[test]
fn t47_a_certificate_counts_only_through_its_authority() {
    let authority =
        KeyRef::SshFingerprint(key_ref(key_file!("ca.pub")).ssh_fingerprint().expect("ssh"));
    let other = authority_line("*", key_file!("other-ca.pub"));
    let plain = format!("ada@example.org {}", str::from_utf8(key_file!("ca.pub")).expect("text"));
    let own = format!("ada@example.org {}", str::from_utf8(key_file!("ada.pub")).expect("text"));
    for file in [other, plain, own] {
        let ring = allowed(&["ada"], &file).expect("good");
        assert_eq!(
            certificate_problem(&ring, None),
            CertificateProblem::UnknownAuthority { authority: authority.clone() }
        );
    }
}

#[test]
fn t47_an_authority_does_not_sign_as_a_plain_key() {
    let ring = allowed(&["ada"], &authority_line("*", key_file!("ada.pub"))).expect("good");
    assert!(matches!(
        verify(&ring, key_file!("signatures/ada.sig")),
        Err(SignatureProblem::UnknownKey { .. })
    ));
}

#[test]
fn t47_a_certificate_speaks_for_nobody_else() {
    let named = "\"ada@example.org\"".to_owned();
    let for_ben = authority_line("ben@example.org", key_file!("ca.pub"));
    let for_all = authority_line("*", key_file!("ca.pub"));
    let not_ada = authority_line("*,!ada@*", key_file!("ca.pub"));
    for (names, file, by) in [
        (&["ada", "ben"][..], &for_ben, None),
        (&["ada", "ben"], &not_ada, None),
        (&["ben"], &for_all, None),
        (&["ada", "ben"], &for_all, Some("ben")),
        (&["ada"], &for_all, Some("ben")),
    ] {
        let ring = allowed(names, file).expect("good");
        let claimed = by.map(principal);
        assert_eq!(
            certificate_problem(&ring, by),
            CertificateProblem::PrincipalNotNamed { claimed, named: named.clone() }
        );
    }
}

#[test]
fn t45_a_certificate_is_judged_now_and_when_it_was_used() {
    let ring = allowed(&["ada"], &authority_line("*", key_file!("ca.pub"))).expect("good");
    let blob = blob(key_file!("signatures/ada-by-ca.sig"));
    let at = |made_at: Option<&str>, now| {
        ring.verify(&Claim { made_at: made_at.map(time), now: time(now), ..claim(&blob) })
    };
    at(None, "2026-01-01T00:00:00Z").expect("the first second");
    at(None, "2026-12-31T23:59:59.9Z").expect("the last second");
    for (made_at, now) in [
        (None, "2027-01-01T00:00:00Z"),
        (Some("2026-12-31T00:00:00Z"), "2027-01-01T00:00:00Z"),
        (Some("2027-01-01T00:00:00Z"), "2026-12-31T00:00:00Z"),
    ] {
        let problem = at(made_at, now).expect_err("expired");
        assert!(
            matches!(&problem, SignatureProblem::Expired { of: Validity::Certificate, until, .. }
                if *until == time("2027-01-01T00:00:00Z")),
            "{problem:?}"
        );
    }
    for (made_at, now) in [
        (None, "2025-12-31T23:59:59Z"),
        (Some("2025-12-31T23:59:59Z"), "2026-06-01T00:00:00Z"),
        (None, "1960-01-01T00:00:00Z"),
    ] {
        let problem = at(made_at, now).expect_err("not yet");
        assert!(
            matches!(&problem, SignatureProblem::NotYetValid { of: Validity::Certificate, from, .. }
                if *from == time("2026-01-01T00:00:00Z")),
            "{problem:?}"
        );
    }
}

#[test]
fn a_certificate_revives_no_listed_key() {
    let digest = key_ref(key_file!("ada.pub"));
    let ring_with = |owner, state| {
        let mut builder = KeyRingBuilder::default();
        builder.add(principal(owner), digest.clone(), Window { state, ..Window::ALWAYS }, place(9));
        let line = authority_line("*", key_file!("ca.pub"));
        builder.allowed_signers("meta/allowed_signers", line.as_bytes()).expect("good");
        builder.build(&known(&["ada", "ben"])).expect("good")
    };
    let signature = key_file!("signatures/ada-by-ca.sig");
    verify(&ring_with("ada", KeyState::Active), signature).expect("both agree");
    assert!(matches!(
        verify(&ring_with("ada", KeyState::Compromised), signature),
        Err(SignatureProblem::Compromised { place: p, .. }) if p == place(9)
    ));
    assert_eq!(
        certificate_problem(&ring_with("ben", KeyState::Active), None),
        CertificateProblem::KeyOfAnother { owner: principal("ben") }
    );
}

/// A certificate made here, to have it as no tool would write it.
struct Certificate {
    cert_type: u32,
    principals: Vec<&'static str>,
    critical: Vec<&'static str>,
    reserved: &'static [u8],
    tampered: bool,
}

impl Certificate {
    const GOOD: Self = Self {
        cert_type: 1,
        principals: Vec::new(),
        critical: Vec::new(),
        reserved: b"",
        tampered: false,
    };

    /// Certifies the Ed25519 key of this module by itself, and signs with it.
    fn verify(&self, names: &[&str]) -> Result<VerifiedSignature, SignatureProblem> {
        let (pair, authority) = ed25519();
        let principals: Vec<&[u8]> = self.principals.iter().map(|p| p.as_bytes()).collect();
        let critical: Vec<u8> =
            self.critical.iter().flat_map(|name| strings(&[name.as_bytes(), b""])).collect();
        let mut body =
            strings(&[b"ssh-ed25519-cert-v01@openssh.com", b"nonce", pair.public_key().as_ref()]);
        body.extend(1u64.to_be_bytes());
        body.extend(self.cert_type.to_be_bytes());
        body.extend(strings(&[b"key id", &strings(&principals)]));
        body.extend(0u64.to_be_bytes());
        body.extend(u64::MAX.to_be_bytes());
        body.extend(strings(&[&critical, b"", self.reserved, &authority]));
        let signature = pair.sign(&body);
        if self.tampered {
            body[50] ^= 1;
        }
        body.extend(strings(&[&strings(&[b"ssh-ed25519", signature.as_ref()])]));
        let value = pair.sign(&signed_data());
        let fields = Fields::of(&body, strings(&[b"ssh-ed25519", value.as_ref()]));
        let encoded = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &authority);
        let ring =
            allowed(names, &format!("* cert-authority ssh-ed25519 {encoded}")).expect("a key ring");
        ring.verify(&claim(&fields.blob()))
    }

    fn problem(&self, names: &[&str]) -> CertificateProblem {
        match self.verify(names) {
            Err(SignatureProblem::CertificateRefused { reason, .. }) => reason,
            other => panic!("expected a refused certificate, found {other:?}"),
        }
    }
}

#[test]
fn t47_each_part_of_a_certificate_counts() {
    let ada = || Certificate { principals: vec!["ada@example.org"], ..Certificate::GOOD };
    ada().verify(&["ada", "ben"]).expect("good");
    assert_eq!(
        Certificate { cert_type: 2, ..ada() }.problem(&["ada"]),
        CertificateProblem::NotForUsers
    );
    assert_eq!(Certificate::GOOD.problem(&["ada"]), CertificateProblem::NoPrincipals);
    for name in ["force-command", "source-address", "x@example.org"] {
        assert_eq!(
            Certificate { critical: vec![name], ..ada() }.problem(&["ada"]),
            CertificateProblem::CriticalOption(format!("{name:?}"))
        );
    }
    assert_eq!(
        Certificate { critical: vec!["verify-required"], ..ada() }.problem(&["ada"]),
        CertificateProblem::UserNotVerified
    );
    assert!(matches!(
        Certificate { tampered: true, ..ada() }.problem(&["ada"]),
        CertificateProblem::NotSigned { .. }
    ));
    assert_eq!(malformed(Certificate { reserved: b"x", ..ada() }.verify(&["ada"])).0, "reserved");
    let upper = Certificate { principals: vec!["Ada@example.org"], ..Certificate::GOOD };
    assert!(matches!(upper.problem(&["ada"]), CertificateProblem::PrincipalNotNamed { .. }));
    let many = Certificate { principals: vec!["x"; 257], ..Certificate::GOOD };
    assert_eq!(malformed(many.verify(&["ada"])).0, "valid principals");
}

#[test]
fn a_security_key_that_certifies_must_be_touched_too() {
    let (subject, _) = ed25519();
    let pair = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).expect("a seed");
    let key_type = b"sk-ssh-ed25519@openssh.com";
    let authority = strings(&[key_type, pair.public_key().as_ref(), b"ssh:"]);
    for (flags, good) in [(1, true), (0, false)] {
        let mut body =
            strings(&[b"ssh-ed25519-cert-v01@openssh.com", b"", subject.public_key().as_ref()]);
        body.extend([0; 8]);
        body.extend(1u32.to_be_bytes());
        body.extend(strings(&[b"", &strings(&[b"ada@example.org"])]));
        body.extend(0u64.to_be_bytes());
        body.extend(u64::MAX.to_be_bytes());
        body.extend(strings(&[b"", b"", b"", &authority]));
        let sha256 = |bytes: &[u8]| ring::digest::digest(&ring::digest::SHA256, bytes);
        let counter = 1u32.to_be_bytes();
        let (application, message) = (sha256(b"ssh:"), sha256(&body));
        let data = [application.as_ref(), &[flags], &counter, message.as_ref()].concat();
        let mut signature = strings(&[key_type, pair.sign(&data).as_ref()]);
        signature.push(flags);
        signature.extend(counter);
        body.extend(strings(&[&signature]));
        let value = subject.sign(&signed_data());
        let fields = Fields::of(&body, strings(&[b"ssh-ed25519", value.as_ref()]));
        let encoded = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &authority);
        let line = format!("* cert-authority sk-ssh-ed25519@openssh.com {encoded}");
        let ring = allowed(&["ada"], &line).expect("a key ring");
        match ring.verify(&claim(&fields.blob())) {
            Ok(_) => assert!(good),
            Err(problem) => {
                assert!(!good && matches!(problem, SignatureProblem::NotTouched { .. }));
            }
        }
    }
}

#[test]
fn t31_a_certificate_that_two_known_principals_share_counts_for_neither() {
    let shared = Certificate {
        principals: vec!["ben@example.org", "ada@example.org", "ada", "ada@example.org"],
        ..Certificate::GOOD
    };
    assert_eq!(
        shared.problem(&["ada", "ben"]),
        CertificateProblem::SharedByPrincipals(vec![principal("ada"), principal("ben")])
    );
    let verified = shared.verify(&["ada"]).expect("only one of them is known");
    assert_eq!(*verified.principal(), principal("ada"));
    let (_, public_key) = ed25519();
    assert_eq!(verified.key().to_string(), format_ssh_fingerprint(&ssh_fingerprint(&public_key)));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let ring = ring(&[("ada", key_file!("ada.pub"))]);
        let blob = [b"SSHSIG\0\0\0\x01", bytes.as_slice()].concat();
        prop_assert!(ring.verify(&claim(&blob)).is_err());
    }

    #[test]
    fn any_public_key_and_signature_are_read_without_a_panic(
        key_type in prop::sample::select(vec![
            "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521",
            "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
            "ssh-ed25519-cert-v01@openssh.com", "ssh-rsa-cert-v01@openssh.com",
        ]),
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..12),
        signature in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let public_key = [strings(&[key_type.as_bytes()]), strings(&parts)].concat();
        let fields = Fields::of(&public_key, strings(&[key_type.as_bytes(), &signature]));
        prop_assert!(verify_fields(&fields).is_err());
    }
}
