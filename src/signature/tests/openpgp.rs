//! OpenPGP: certificates over time, the form of signatures, what a keyring may hold.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use sequoia_openpgp::cert::{Cert, CertBuilder};
use sequoia_openpgp::crypto::KeyPair;
use sequoia_openpgp::packet::prelude::*;
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::parse::Parse as _;
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::serialize::SerializeInto as _;
use sequoia_openpgp::types::{Features, HashAlgorithm, KeyFlags, SignatureType};

use super::*;
use crate::signature::{
    CertificateProblem, Malformed, Scheme, Unsupported, Validity, Weak, dearmor_openpgp,
};

const CERTIFICATES: [(&str, &[u8], &[u8]); 9] = [
    ("ada", key_file!("openpgp/ada.pub.asc"), key_file!("signatures/openpgp-ada.asc")),
    ("ben", key_file!("openpgp/ben.pub.asc"), key_file!("signatures/openpgp-ben.asc")),
    ("cleo", key_file!("openpgp/cleo.pub.asc"), key_file!("signatures/openpgp-cleo.asc")),
    ("dana", key_file!("openpgp/dana.pub.asc"), key_file!("signatures/openpgp-dana.asc")),
    ("eve", key_file!("openpgp/eve.pub.asc"), key_file!("signatures/openpgp-eve.asc")),
    ("fay", key_file!("openpgp/fay.pub.asc"), key_file!("signatures/openpgp-fay.asc")),
    ("gus", key_file!("openpgp/gus.pub.asc"), key_file!("signatures/openpgp-gus.asc")),
    ("ci", key_file!("openpgp/ci.pub.asc"), key_file!("signatures/openpgp-ci.asc")),
    (
        "dsa-1024",
        key_file!("openpgp/dsa-1024.pub.asc"),
        key_file!("signatures/openpgp-dsa-1024.asc"),
    ),
];

const MADE: &str = "2026-06-01T00:00:00Z";

fn fingerprint(certificate: &[u8]) -> KeyRef {
    let certificate = Cert::from_bytes(certificate).expect("a certificate");
    KeyRef::OpenPgp(certificate.fingerprint().as_bytes().into())
}

/// A key ring with certificates, all listed for the names beside them.
fn pgp_ring<'a>(certificates: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> KeyRing {
    let mut builder = KeyRingBuilder::default();
    let mut names = Vec::new();
    for (line, (name, certificate)) in (1..).zip(certificates) {
        builder.certificate("meta/keyring/all.asc", certificate).expect(name);
        builder.add(principal(name), fingerprint(certificate), Window::ALWAYS, place(line));
        names.push(name);
    }
    builder.build(&known(&names)).expect("a good key ring")
}

fn everybody() -> KeyRing {
    pgp_ring(CERTIFICATES.map(|(name, certificate, _)| (name, certificate)))
}

fn packets_of(wanted: &str) -> Vec<u8> {
    let (_, _, armoured) =
        CERTIFICATES.into_iter().find(|(name, ..)| *name == wanted).expect("listed above");
    dearmor_openpgp(armoured).expect("armour of gpg")
}

/// Judges a signature made on 1 June at some later time.
fn judge(packets: &[u8], now: &str) -> Result<VerifiedSignature, SignatureProblem> {
    everybody().verify(&Claim { now: time(now), ..claim(packets) })
}

#[test]
fn certificates_are_judged_now_and_when_they_signed() {
    #[derive(Debug, PartialEq)]
    enum Says {
        Good,
        Expired(Validity),
        Revoked,
    }
    let july = time("2026-07-01T00:00:00Z");
    for (name, before, after) in [
        ("ada", Says::Good, Says::Good),
        ("ben", Says::Good, Says::Good),
        ("ci", Says::Good, Says::Good),
        ("cleo", Says::Good, Says::Expired(Validity::Subkey)),
        ("dana", Says::Good, Says::Expired(Validity::Certificate)),
        ("eve", Says::Revoked, Says::Revoked),
        ("fay", Says::Good, Says::Revoked),
        ("gus", Says::Revoked, Says::Revoked),
    ] {
        for (now, expected) in [("2026-06-15T00:00:00Z", before), ("2026-08-01T00:00:00Z", after)] {
            let says = match judge(&packets_of(name), now) {
                Ok(verified) => {
                    assert_eq!(*verified.principal(), principal(name));
                    assert_eq!(
                        (verified.scheme(), verified.user_presence()),
                        (Scheme::OpenPgp, None)
                    );
                    Says::Good
                }
                Err(SignatureProblem::Expired { of, until, .. }) => {
                    // gpg ends keys at noon of the day that it is told.
                    assert!(until.duration_since(july).as_hours() <= 12, "{until}");
                    Says::Expired(of)
                }
                Err(SignatureProblem::Revoked { .. }) => Says::Revoked,
                Err(other) => panic!("{name} at {now}: {other:?}"),
            };
            assert_eq!(says, expected, "{name} at {now}");
        }
    }
}

#[test]
fn t49_weak_keys_are_refused() {
    assert!(matches!(
        judge(&packets_of("dsa-1024"), MADE),
        Err(SignatureProblem::Weak(Weak::Policy(_)))
    ));
    let mut builder = KeyRingBuilder::default();
    let faults = builder.certificate("meta/keyring/x.asc", key_file!("openpgp/rsa-1024.pub.asc"));
    let [fault] = <[Diagnostic; 1]>::try_from(faults.expect_err("weak")).expect("one fault");
    assert_eq!((fault.file.as_str(), fault.line), ("meta/keyring/x.asc", 0));
    assert!(fault.message.ends_with(": weak key: RSA with 1024 bits, expected 2048 to 8192"));
}

#[test]
fn t48_a_certificate_that_is_not_listed_is_nobodys() {
    let mut builder = KeyRingBuilder::default();
    for file in [key_file!("openpgp/ada.pub.asc"), key_file!("openpgp/mallory.pub.asc")] {
        builder.certificate("meta/keyring/x.asc", file).expect("a certificate");
    }
    let ada = fingerprint(key_file!("openpgp/ada.pub.asc"));
    builder.add(principal("ada"), ada, Window::ALWAYS, place(1));
    let ring = builder.build(&known(&["ada"])).expect("good");
    let packets = dearmor_openpgp(key_file!("signatures/openpgp-mallory.asc")).expect("armour");
    assert_eq!(
        ring.verify(&claim(&packets)),
        Err(SignatureProblem::UnknownKey {
            key: fingerprint(key_file!("openpgp/mallory.pub.asc"))
        })
    );
}

#[test]
fn other_bytes_and_other_people_are_refused() {
    let packets = packets_of("ada");
    let key = fingerprint(key_file!("openpgp/ada.pub.asc"));
    let ring = everybody();
    let ben = principal("ben");
    assert_eq!(
        ring.verify(&Claim { signed: b"hello", ..claim(&packets) }),
        Err(SignatureProblem::Bad { key: key.clone() })
    );
    assert_eq!(
        ring.verify(&Claim { by: Some(&ben), ..claim(&packets) }),
        Err(SignatureProblem::WrongPrincipal {
            key,
            owner: principal("ada"),
            claimed: ben.clone()
        })
    );
}

#[test]
fn the_time_inside_must_be_the_claimed_one_and_not_the_future() {
    let packets = packets_of("ada");
    let ring = everybody();
    let judge = |made_at: Option<&str>, now| {
        ring.verify(&Claim { made_at: made_at.map(time), now: time(now), ..claim(&packets) })
    };
    judge(None, "2026-05-31T23:55:00Z").expect("5 minutes of skew");
    judge(Some("2026-06-01T00:05:00Z"), MADE).expect("5 minutes later");
    judge(Some("2026-05-31T23:55:00Z"), MADE).expect("5 minutes earlier");
    assert!(matches!(
        judge(None, "2026-05-31T23:54:59Z"),
        Err(SignatureProblem::NotYetValid { of: Validity::Signature, .. })
    ));
    for made_at in ["2026-06-01T00:05:01Z", "2026-05-31T23:54:59Z"] {
        assert!(matches!(
            judge(Some(made_at), MADE),
            Err(SignatureProblem::TimesDisagree { made_at: m, .. }) if m == time(made_at)
        ));
    }
}

#[test]
fn a_row_limits_a_certificate_too() {
    let mut builder = KeyRingBuilder::default();
    let certificate = key_file!("openpgp/ada.pub.asc");
    builder.certificate("meta/keyring/ada.asc", certificate).expect("a certificate");
    let window = Window { state: KeyState::Compromised, ..Window::ALWAYS };
    builder.add(principal("ada"), fingerprint(certificate), window, place(8));
    let ring = builder.build(&known(&["ada"])).expect("good");
    assert!(matches!(
        ring.verify(&claim(&packets_of("ada"))),
        Err(SignatureProblem::Compromised { place: p, .. }) if p == place(8)
    ));
}

#[test]
fn t31_a_fingerprint_of_two_principals_is_an_error() {
    let mut builder = KeyRingBuilder::default();
    let certificate = key_file!("openpgp/ada.pub.asc");
    builder.certificate("meta/keyring/ada.asc", certificate).expect("a certificate");
    builder.add(principal("ada"), fingerprint(certificate), Window::ALWAYS, place(1));
    builder.add(principal("ben"), fingerprint(certificate), Window::ALWAYS, place(2));
    assert_eq!(
        messages(builder.build(&known(&["ada", "ben"]))),
        [format!(
            "meta/STRUCTURE.md:2: the key {} of ben@example.org is also that of \
             ada@example.org (meta/STRUCTURE.md:1)",
            fingerprint(certificate)
        )]
    );
}

fn malformed(packets: &[u8]) -> (&'static str, String) {
    match everybody().verify(&Claim { signature: Encoded::OpenPgp(packets), ..claim(b"SSHSIG") }) {
        Err(SignatureProblem::Malformed(Malformed { part, found, .. })) => (part, found),
        other => panic!("expected a malformed signature, found {other:?}"),
    }
}

#[test]
fn t49_a_signature_is_exactly_one_packet_over_a_binary_document() {
    let good = packets_of("ada");
    // gpg writes the older packet format with one byte of length.
    assert_eq!((good[0], usize::from(good[1])), (0x88, good.len() - 2));
    let with = |change: fn(&mut Vec<u8>)| {
        let mut packets = good.clone();
        change(&mut packets);
        packets
    };
    let twice = [good.clone(), good.clone()].concat();
    assert_eq!(malformed(&twice), ("OpenPGP signature", format!("{} more bytes", good.len())));
    assert_eq!(malformed(&with(|p| p.push(0))), ("OpenPGP signature", "1 more bytes".into()));
    assert_eq!(malformed(&with(|p| p[3] = 1)), ("signature type", "type 0x01".into()));
    assert_eq!(malformed(&with(|p| p[0] = 0x8b)).1, "none");
    assert_eq!(malformed(&with(|p| p[0] = 0xa0)).1, "packet type 8");
    assert_eq!(malformed(&with(|p| p[0] = 0x08)).1, "0x08");
    assert_eq!(malformed(&[0xc2, 224]).1, "a part of it");
    let version_3 = with(|p| p[2] = 3);
    assert_eq!(
        judge(&version_3, MADE),
        Err(Unsupported::new("OpenPGP signature version", "3").into())
    );
}

/// A certificate with one signing subkey, and what it takes to sign.
fn generated(flags: KeyFlags) -> (Cert, KeyPair) {
    let created = SystemTime::from(time("2026-01-01T00:00:00Z"));
    let (certificate, _) = CertBuilder::new()
        .set_creation_time(created)
        .add_userid("generated@example.org")
        .add_subkey(flags, None, None)
        .generate()
        .expect("a certificate");
    let subkey = certificate.keys().subkeys().next().expect("one subkey").key().clone();
    let pair = subkey.parts_into_secret().expect("secret").into_keypair().expect("a pair");
    (certificate, pair)
}

fn builder_at(made: &str) -> SignatureBuilder {
    SignatureBuilder::new(SignatureType::Binary)
        .set_signature_creation_time(SystemTime::from(time(made)))
        .expect("a time")
}

fn sign(builder: SignatureBuilder, pair: &mut KeyPair) -> Vec<u8> {
    let signature = builder.sign_message(pair, HELLO).expect("a signature");
    Packet::from(signature).to_vec().expect("packets")
}

fn judge_generated(
    certificate: &Cert,
    packets: &[u8],
) -> Result<VerifiedSignature, SignatureProblem> {
    let bytes = certificate.to_vec().expect("a certificate");
    pgp_ring([("ada", bytes.as_slice())]).verify(&claim(packets))
}

#[test]
fn a_key_that_is_not_for_signing_does_not_sign() {
    let (certificate, mut pair) = generated(KeyFlags::empty().set_signing());
    let good = sign(builder_at(MADE), &mut pair);
    judge_generated(&certificate, &good).expect("a signing key");

    for flags in [KeyFlags::empty().set_authentication(), KeyFlags::empty().set_certification()] {
        let (certificate, mut pair) = generated(flags);
        let packets = sign(builder_at(MADE), &mut pair);
        assert!(matches!(
            judge_generated(&certificate, &packets),
            Err(SignatureProblem::CertificateRefused {
                reason: CertificateProblem::NotForSigning(_),
                ..
            })
        ));
    }
}

#[test]
fn a_signature_ends_when_it_says() {
    let (certificate, mut pair) = generated(KeyFlags::empty().set_signing());
    for (seconds, expired) in [(60, false), (30, true), (0, false)] {
        let builder = builder_at("2026-05-31T23:59:30Z")
            .set_signature_validity_period(Duration::from_secs(seconds))
            .expect("a period");
        let outcome = judge_generated(&certificate, &sign(builder, &mut pair));
        match outcome {
            Ok(_) => assert!(!expired, "{seconds}"),
            Err(SignatureProblem::Expired { of: Validity::Signature, until, .. }) => {
                assert!(expired && until == time(MADE));
            }
            other => panic!("{seconds}: {other:?}"),
        }
    }
}

#[test]
fn t49_a_signature_over_sha1_is_weak() {
    let (certificate, mut pair) = generated(KeyFlags::empty().set_signing());
    let packets = sign(builder_at(MADE).set_hash_algo(HashAlgorithm::SHA1), &mut pair);
    assert!(matches!(
        judge_generated(&certificate, &packets),
        Err(SignatureProblem::Weak(Weak::Policy(_)))
    ));
}

#[test]
fn a_signature_that_holds_another_is_refused() {
    let (certificate, mut pair) = generated(KeyFlags::empty().set_signing());
    let inner = builder_at(MADE).sign_message(&mut pair, HELLO).expect("a signature");
    let builder = builder_at(MADE).set_embedded_signature(inner).expect("room");
    let packets = sign(builder, &mut pair);
    assert!(matches!(
        judge_generated(&certificate, &packets),
        Err(SignatureProblem::Malformed(Malformed { part: "hashed subpackets", .. }))
    ));
}

#[test]
fn a_signature_does_not_name_a_crowd_of_issuers() {
    let crowd = |count: usize| {
        let mut packets = packets_of("ada");
        // The area of unhashed subpackets holds one key id of 10 bytes; repeat it.
        let at = packets.windows(4).position(|w| w == [0, 10, 9, 16]).expect("as gpg writes it");
        let issuer = packets[at + 2..at + 12].to_vec();
        packets.splice(at + 2..at + 12, issuer.repeat(count));
        let len = u16::try_from(10 * count).expect("small").to_be_bytes();
        packets.splice(at..at + 2, len);
        let len = u16::try_from(packets.len() - 2).expect("small").to_be_bytes();
        packets.splice(..2, [0x89, len[0], len[1]]);
        packets
    };
    everybody().verify(&claim(&crowd(3))).expect("four issuers in all");
    assert_eq!(malformed(&crowd(4)), ("subpackets", "5 of them".into()));
    assert_eq!(malformed(&crowd(6_000)), ("subpackets", "6001 of them".into()));
}

/// Binds the subkey of one certificate to another, with the consent of the subkey or without.
fn adopt(into: &Cert, subkey_of: &Cert, pair: &mut KeyPair, consent: bool) -> Cert {
    let created = SystemTime::from(time("2026-01-02T00:00:00Z"));
    let subkey = subkey_of.keys().subkeys().next().expect("one").key().clone();
    let primary = into.primary_key().key().clone().parts_into_secret().expect("secret");
    let mut primary = primary.into_keypair().expect("a pair");
    let mut builder = SignatureBuilder::new(SignatureType::SubkeyBinding)
        .set_signature_creation_time(created)
        .expect("a time")
        .set_features(Features::sequoia())
        .expect("room")
        .set_key_flags(KeyFlags::empty().set_signing())
        .expect("room");
    if consent {
        let back = SignatureBuilder::new(SignatureType::PrimaryKeyBinding)
            .set_signature_creation_time(created)
            .expect("a time")
            .sign_primary_key_binding(pair, into.primary_key().key(), &subkey)
            .expect("a signature");
        builder = builder.set_embedded_signature(back).expect("room");
    }
    let binding = subkey.bind(&mut primary, into, builder).expect("a binding");
    let public = subkey.take_secret().0;
    into.clone()
        .insert_packets([Packet::from(public), Packet::from(binding)])
        .expect("packets of a certificate")
        .0
        .strip_secret_key_material()
}

#[test]
fn t31_a_subkey_in_the_certificates_of_two_principals_is_an_error() {
    let (ada, mut pair) = generated(KeyFlags::empty().set_signing());
    let (mallory, _) = generated(KeyFlags::empty().set_signing());
    for consent in [true, false] {
        let thief = adopt(&mallory, &ada, &mut pair, consent).to_vec().expect("bytes");
        let owner = ada.to_vec().expect("bytes");
        let mut builder = KeyRingBuilder::default();
        for (name, bytes) in [("ada", &owner), ("mallory", &thief)] {
            builder.certificate("meta/keyring/x.pgp", bytes).expect("a certificate");
            builder.add(principal(name), fingerprint(bytes), Window::ALWAYS, place(1));
        }
        let faults = messages(builder.build(&known(&["ada", "mallory"])));
        let subkey = ada.keys().subkeys().next().expect("one").key().fingerprint();
        let [fault] = <[String; 1]>::try_from(faults).expect("one fault");
        assert!(
            fault.starts_with(&format!(
                "meta/keyring/x.pgp: the key {subkey} is in the certificates of both "
            )),
            "{fault}"
        );
    }
}

#[test]
fn a_subkey_that_did_not_consent_does_not_sign_for_the_certificate() {
    let (ada, mut pair) = generated(KeyFlags::empty().set_signing());
    let (mallory, _) = generated(KeyFlags::empty().set_signing());
    let packets = sign(builder_at(MADE), &mut pair);
    let adopted = adopt(&mallory, &ada, &mut pair, true);
    judge_generated(&adopted, &packets).expect("the subkey consented");
    let stolen = adopt(&mallory, &ada, &mut pair, false);
    let problem = judge_generated(&stolen, &packets).expect_err("the subkey did not consent");
    assert!(
        matches!(
            problem,
            SignatureProblem::CertificateRefused {
                reason: CertificateProblem::NotForSigning(_),
                ..
            }
        ),
        "{problem:?}"
    );
}

fn fault(bytes: &[u8]) -> String {
    let mut builder = KeyRingBuilder::default();
    let faults = builder.certificate("k", bytes).expect_err("no certificate");
    let [fault] = <[Diagnostic; 1]>::try_from(faults).expect("one fault");
    fault.to_string()
}

#[test]
fn a_keyring_file_holds_public_certificates_and_nothing_else() {
    let ada = dearmored(key_file!("openpgp/ada.pub.asc"));
    let ben = dearmored(key_file!("openpgp/ben.pub.asc"));
    let mut builder = KeyRingBuilder::default();
    builder.certificate("binary", &[ada.as_slice(), &ben].concat()).expect("two, binary");
    let both = [key_file!("openpgp/ada.pub.asc"), b"\n", key_file!("openpgp/ben.pub.asc")].concat();
    builder.certificate("armoured", &both).expect("two, in armour, known already");

    let secret = Cert::from_bytes(key_file!("openpgp/ada.sec.asc")).expect("a key");
    assert_eq!(
        fault(&secret.as_tsk().to_vec().expect("bytes")),
        "k: a secret key: remove it, and replace the key, which is public now"
    );
    assert_eq!(
        fault(key_file!("openpgp/ada.sec.asc")),
        "k:1: armour: expected \"-----BEGIN PGP PUBLIC KEY BLOCK-----\", \
         found \"-----BEGIN PGP PRIVATE KEY BLOCK-----\""
    );
    assert_eq!(fault(b"").split(", found").next(), fault(b"x").split(", found").next());
    assert_eq!(fault(&packets_of("ada")), "k: expected a certificate, found OpenPGP packet type 2");
    let compressed = [ada.as_slice(), &[0xc8, 2, 0, 0]].concat();
    assert_eq!(fault(&compressed), "k: OpenPGP packet type 8 is no part of a certificate");
    let truncated = &ada[..ada.len() - 1];
    assert!(fault(truncated).starts_with("k: OpenPGP packet: expected as many bytes"));
    let user_id = [0xcd, 1, b'x'];
    let crowd: Vec<u8> = [ada.as_slice(), &user_id.repeat(254)].concat();
    assert!(fault(&crowd).starts_with("k: a certificate of more than 256 OpenPGP packets"));
}

fn dearmored(certificate: &[u8]) -> Vec<u8> {
    Cert::from_bytes(certificate).expect("a certificate").to_vec().expect("bytes")
}

#[test]
fn t46_a_revocation_in_any_copy_counts() {
    let revoked = key_file!("openpgp/eve.pub.asc");
    let clean = Cert::from_bytes(key_file!("openpgp/eve.sec.asc")).expect("a key");
    let clean = clean.strip_secret_key_material().to_vec().expect("bytes");
    let packets = packets_of("eve");
    for (copies, good) in
        [(vec![&clean[..]], true), (vec![&clean, revoked], false), (vec![revoked, &clean], false)]
    {
        let mut builder = KeyRingBuilder::default();
        for copy in copies {
            builder.certificate("meta/keyring/eve.asc", copy).expect("a certificate");
        }
        builder.add(principal("eve"), fingerprint(revoked), Window::ALWAYS, place(1));
        let ring = builder.build(&known(&["eve"])).expect("good");
        match ring.verify(&claim(&packets)) {
            Ok(_) => assert!(good),
            Err(problem) => {
                assert!(matches!(problem, SignatureProblem::Revoked { .. }) && !good);
            }
        }
    }
}

#[test]
fn no_change_of_a_byte_makes_another_good_signature() {
    let ring = everybody();
    let good = packets_of("ada");
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1 << (at % 8);
        let signature = Encoded::OpenPgp(&changed);
        // Unhashed subpackets may change, but nothing changes what is signed.
        let other = Claim { signature, signed: b"bye\n", ..claim(&good) };
        assert!(ring.verify(&other).is_err(), "byte {at}");
    }
    for len in 0..good.len() {
        let signature = Encoded::OpenPgp(&good[..len]);
        let outcome = ring.verify(&Claim { signature, ..claim(&good) });
        assert!(matches!(outcome, Err(SignatureProblem::Malformed(_))), "{len}: {outcome:?}");
    }
}

/// Sequoia's own verifier, as a second opinion at one time.
fn sequoia_accepts(certificate: &[u8], packets: &[u8], now: &str) -> bool {
    use sequoia_openpgp::KeyHandle;
    use sequoia_openpgp::parse::stream::{
        DetachedVerifierBuilder, MessageLayer, MessageStructure, VerificationHelper,
    };
    struct Helper(Cert);
    impl VerificationHelper for Helper {
        fn get_certs(&mut self, _: &[KeyHandle]) -> sequoia_openpgp::Result<Vec<Cert>> {
            Ok(vec![self.0.clone()])
        }
        fn check(&mut self, structure: MessageStructure<'_>) -> sequoia_openpgp::Result<()> {
            let good = structure.into_iter().all(|layer| match layer {
                MessageLayer::SignatureGroup { results } => results.iter().all(Result::is_ok),
                MessageLayer::Compression { .. } | MessageLayer::Encryption { .. } => false,
            });
            if good { Ok(()) } else { Err(sequoia_openpgp::Error::ManipulatedMessage.into()) }
        }
    }
    let now = SystemTime::from(time(now));
    let policy = StandardPolicy::at(now);
    let helper = Helper(Cert::from_bytes(certificate).expect("a certificate"));
    DetachedVerifierBuilder::from_bytes(packets)
        .and_then(|builder| builder.with_policy(&policy, now, helper))
        .is_ok_and(|mut verifier| verifier.verify_bytes(HELLO).is_ok())
}

#[test]
fn what_sequoias_verifier_refuses_is_refused() {
    for (name, certificate, armoured) in CERTIFICATES {
        let packets = dearmor_openpgp(armoured).expect("armour");
        for now in ["2026-01-15T00:00:00Z", "2026-06-15T00:00:00Z", "2026-08-01T00:00:00Z"] {
            let accepted = judge(&packets, now).is_ok();
            let opinion = sequoia_accepts(certificate, &packets, now);
            assert!(opinion || !accepted, "{name} at {now}");
            let later = now == "2026-08-01T00:00:00Z";
            // It asks for validity at the time of signing alone.
            let stricter = later && matches!(name, "cleo" | "dana" | "fay");
            assert_eq!(accepted, opinion && !stricter, "{name} at {now}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_no_signature_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let signature = Encoded::OpenPgp(&bytes);
        let ring = pgp_ring([("ada", key_file!("openpgp/ada.pub.asc"))]);
        let outcome = ring.verify(&Claim { signature, ..claim(b"SSHSIG") });
        prop_assert!(outcome.is_err());
    }

    #[test]
    fn changed_bytes_are_no_panic(
        at in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut packets = packets_of("ada");
        let mut certificate = dearmored(key_file!("openpgp/ben.pub.asc"));
        for (index, byte) in at {
            *index.get_mut(&mut packets) = byte;
            *index.get_mut(&mut certificate) = byte;
        }
        let ring = pgp_ring([("ada", key_file!("openpgp/ada.pub.asc"))]);
        let signature = Encoded::OpenPgp(&packets);
        let _outcome = ring.verify(&Claim { signature, ..claim(b"SSHSIG") });
        let _read = KeyRingBuilder::default().certificate("k", &certificate);
    }

    #[test]
    fn changed_certificates_are_no_panic(
        who in prop::sample::select(vec!["ada", "ben", "cleo", "gus"]),
        at in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (_, original, _) = CERTIFICATES.into_iter().find(|(n, ..)| *n == who).expect("listed");
        let mut changed = dearmored(original);
        for (index, byte) in at {
            *index.get_mut(&mut changed) = byte;
        }
        let mut builder = KeyRingBuilder::default();
        if builder.certificate("k", &changed).is_ok()
            && let Ok(certificate) = Cert::from_bytes(&changed)
        {
            let key = KeyRef::OpenPgp(certificate.fingerprint().as_bytes().into());
            builder.add(principal("ada"), key, Window::ALWAYS, place(1));
            if let Ok(ring) = builder.build(&known(&["ada"])) {
                let _outcome = ring.verify(&claim(&packets_of(who)));
            }
        }
    }
}
