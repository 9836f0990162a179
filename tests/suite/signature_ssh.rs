//! SSHSIG against `ssh-keygen -Y verify`: what it refuses refgate refuses, and
//! where refgate is stricter the case says why.

use std::collections::BTreeSet;

use refgate::signature::key::KeyRef;
use refgate::signature::{
    Encoded, KeyRing, KeyRingBuilder, KeyState, Namespace, Place, SignatureProblem, Window,
    dearmor_ssh,
};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};

use crate::signature_tools::{
    Question, SshKeygen, SshSig, armour, claim, mpint, principal, public_blob, public_key,
    signed_data, strings, time,
};

const ADA: &str = "ada@example.org";
const MESSAGE: &[u8] = b"refgate approval v1\nrepository: git.example.org/x\n";
const NOW: &str = "2026-06-01T00:00:00Z";

/// What both should say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Accepted,
    Refused,
    /// Only ssh-keygen accepts it; why refgate does not.
    Stricter(&'static str),
}
use Expect::{Accepted, Refused, Stricter};

fn known(names: &[&str]) -> BTreeSet<refgate::principal::PrincipalId> {
    names.iter().map(|name| principal(name)).collect()
}

/// Says whether refgate accepts, with its reason otherwise.
fn refgate_says(question: &Question<'_>) -> Result<(), String> {
    let mut builder = KeyRingBuilder::default();
    let lines = |faults: Vec<refgate::error::Diagnostic>| {
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    builder.allowed_signers("allowed_signers", question.allowed_signers).map_err(lines)?;
    let ring = builder.build(&known(&[ADA, "ben@example.org"])).map_err(lines)?;
    let blob = dearmor_ssh(question.armour).map_err(|e| e.to_string())?;
    let by = principal(question.identity);
    let mut claim = claim(Encoded::Ssh(&blob), question.message, question.namespace, question.now);
    claim.by = Some(&by);
    ring.verify(&claim).map(drop).map_err(|problem| problem.to_string())
}

#[track_caller]
fn compare(keygen: &SshKeygen, case: &str, question: &Question<'_>, expected: Expect) {
    let theirs = keygen.verify(question, &[]);
    let ours = refgate_says(question);
    let said = match (theirs.success, &ours) {
        (true, Ok(())) => Accepted,
        (false, Err(_)) => Refused,
        (true, Err(_)) => match expected {
            Stricter(why) => Stricter(why),
            Accepted | Refused => Stricter("nobody knows why"),
        },
        (false, Ok(())) => {
            panic!("{case}: refgate accepts what ssh-keygen refuses: {}", theirs.stderr)
        }
    };
    assert_eq!(said, expected, "{case}: refgate {ours:?}, ssh-keygen {}", theirs.stderr);
}

fn question<'a>(allowed_signers: &'a str, armour: &'a [u8]) -> Question<'a> {
    Question {
        allowed_signers: allowed_signers.as_bytes(),
        armour,
        message: MESSAGE,
        identity: ADA,
        namespace: Namespace::Refgate,
        now: time(NOW),
    }
}

fn line(key: &str) -> String {
    format!("{ADA} {}\n", public_key(key))
}

#[test]
fn every_key_type_and_purpose() {
    let keygen = SshKeygen::new();
    const WEAK: &str = "RSA below 2048 bits";
    const DSA: &str = "DSA is SHA-1 and 1024 bits, and later versions of OpenSSH dropped it";
    for (key, good) in [
        ("ada", Accepted),
        ("ecdsa-p256", Accepted),
        ("ecdsa-p384", Accepted),
        ("ecdsa-p521", Accepted),
        ("rsa-2048", Accepted),
        ("rsa-4096", Accepted),
        ("rsa-1024", Stricter(WEAK)),
        ("dsa", Stricter(DSA)),
    ] {
        let allowed = line(key);
        for (namespace, other) in
            [(Namespace::Refgate, Namespace::Git), (Namespace::Git, Namespace::Refgate)]
        {
            for hash in ["sha256", "sha512"] {
                let option = format!("-Ohashalg={hash}");
                let signature = keygen.sign(key, namespace.as_str(), MESSAGE, &[&option]);
                let case = format!("{key}, {namespace}, {hash}");
                let asked = Question { namespace, ..question(&allowed, &signature) };
                compare(&keygen, &case, &asked, good);
                let tampered = Question { message: b"other", ..asked };
                compare(&keygen, &case, &tampered, Refused);
                compare(&keygen, &case, &Question { namespace: other, ..asked }, Refused);
                let mallory = line("mallory");
                let unlisted = Question { allowed_signers: mallory.as_bytes(), ..asked };
                compare(&keygen, &case, &unlisted, Refused);
                let ben = Question { identity: "ben@example.org", ..asked };
                compare(&keygen, &case, &ben, Refused);
            }
        }
    }
    let file = keygen.sign("ada", "file", MESSAGE, &[]);
    compare(&keygen, "namespace file", &question(&line("ada"), &file), Refused);
}

#[test]
fn t45_validity_of_a_line() {
    let keygen = SshKeygen::new();
    let signature = keygen.sign("ada", "refgate", MESSAGE, &[]);
    for (options, now, expected) in [
        ("valid-after=\"20260301Z\"", "2026-03-01T00:00:00Z", Accepted),
        ("valid-after=\"20260301Z\"", "2026-02-28T23:59:59Z", Refused),
        ("valid-before=\"20260301Z\"", "2026-03-01T00:00:00Z", Accepted),
        ("valid-before=\"20260301Z\"", "2026-03-01T00:00:01Z", Refused),
        ("valid-before=\"202603011230\"", "2026-03-01T12:30:00Z", Accepted),
        ("valid-before=\"202603011230\"", "2026-03-01T12:30:01Z", Refused),
        ("valid-before=\"20260301123045\"", "2026-03-01T12:30:45Z", Accepted),
        ("valid-before=\"20260301123045\"", "2026-03-01T12:30:46Z", Refused),
    ] {
        let allowed = format!("{ADA} {options} {}", public_key("ada"));
        let asked = Question { now: time(now), ..question(&allowed, &signature) };
        compare(&keygen, &format!("{options} at {now}"), &asked, expected);
    }
}

#[test]
fn t46_a_revoked_key() {
    let keygen = SshKeygen::new();
    let signature = keygen.sign("ada", "refgate", MESSAGE, &[]);
    let allowed = line("ada");
    let asked = question(&allowed, &signature);
    let revoked = keygen.write("revoked", public_key("ada").as_bytes());
    assert!(keygen.verify(&asked, &[]).success);
    assert!(!keygen.verify(&asked, &["-r", &revoked]).success);

    // refgate has rows for that, and no second file that can be missing.
    let mut builder = KeyRingBuilder::default();
    builder.allowed_signers("allowed_signers", allowed.as_bytes()).expect("good");
    let window = Window { state: KeyState::Compromised, ..Window::ALWAYS };
    let key = KeyRef::parse(&public_key("ada")).expect("a key");
    let place = Place { file: "meta/STRUCTURE.md".into(), line: 3 };
    builder.add(principal(ADA), key, window, place.clone());
    let ring = builder.build(&known(&[ADA])).expect("good");
    let blob = dearmor_ssh(&signature).expect("armour");
    let problem = ring
        .verify(&claim(Encoded::Ssh(&blob), MESSAGE, Namespace::Refgate, time(NOW)))
        .expect_err("compromised");
    assert!(matches!(problem, SignatureProblem::Compromised { place: p, .. } if p == place));
}

#[test]
fn t47_certificates() {
    let keygen = SshKeygen::new();
    let authority = |options: &str, key: &str| {
        format!("*@example.org cert-authority{options} {}\n", public_key(key))
    };
    let by_ca = authority("", "ca");
    let year = ["-V", "20260101Z:20270101Z"];
    let ada = ["-n", ADA];
    const SHARED: &str = "one key would speak for two known principals";
    const OPTION: &str = "critical options limit logins, and only sshd looks at them";
    let made = |name: &str, authority: &str, options: &[&[&str]]| {
        let key = keygen.certify(name, authority, &options.concat());
        keygen.sign(&key, "refgate", MESSAGE, &[])
    };
    let good = made("good", "ca", &[&year, &ada]);
    for (case, allowed, signature, expected) in [
        ("good", by_ca.clone(), good.clone(), Accepted),
        ("no end", by_ca.clone(), made("endless", "ca", &[&ada]), Accepted),
        ("by RSA", authority("", "rsa-ca"), made("rsa", "rsa-ca", &[&year, &ada]), Accepted),
        ("by P-521", authority("", "p521-ca"), made("p521", "p521-ca", &[&year, &ada]), Accepted),
        (
            "by RSA with SHA-1",
            authority("", "rsa-ca"),
            made("sha1", "rsa-ca", &[&["-t", "ssh-rsa"], &year, &ada]),
            Stricter("SHA-1"),
        ),
        ("by another authority", by_ca.clone(), made("other", "other-ca", &[&year, &ada]), Refused),
        ("plain authority", line("ca"), good.clone(), Refused),
        ("plain key of the certificate", line("ada"), good.clone(), Refused),
        (
            "the key as its own authority",
            authority("", "ada"),
            keygen.sign("ada", "refgate", MESSAGE, &[]),
            Refused,
        ),
        ("purpose", authority(",namespaces=\"refgate\"", "ca"), good.clone(), Accepted),
        ("other purpose", authority(",namespaces=\"git\"", "ca"), good.clone(), Refused),
        ("line expired", authority(",valid-before=\"20260301Z\"", "ca"), good.clone(), Refused),
        ("line to come", authority(",valid-after=\"20260701Z\"", "ca"), good.clone(), Refused),
        (
            "pattern of others",
            format!("ben@* cert-authority {}", public_key("ca")),
            good.clone(),
            Refused,
        ),
        (
            "negated pattern",
            format!("*,!ada@* cert-authority {}", public_key("ca")),
            good.clone(),
            Refused,
        ),
        (
            "second line fits",
            format!("ben@* cert-authority {}\n{by_ca}", public_key("ca")),
            good,
            Accepted,
        ),
        ("host", by_ca.clone(), made("host", "ca", &[&["-h"], &year, &ada]), Refused),
        ("nobody", by_ca.clone(), made("nobody", "ca", &[&year]), Refused),
        (
            "somebody else",
            by_ca.clone(),
            made("ben", "ca", &[&year, &["-n", "ben@example.org"]]),
            Refused,
        ),
        (
            "upper case",
            by_ca.clone(),
            made("upper", "ca", &[&year, &["-n", "Ada@example.org"]]),
            Refused,
        ),
        (
            "pattern in the certificate",
            by_ca.clone(),
            made("pattern", "ca", &[&year, &["-n", "*@example.org"]]),
            Refused,
        ),
        (
            "several names of one person",
            by_ca.clone(),
            made("names", "ca", &[&year, &["-n", "ada,ada@example.org,root"]]),
            Accepted,
        ),
        (
            "two known principals",
            by_ca.clone(),
            made("shared", "ca", &[&year, &["-n", "ada@example.org,ben@example.org"]]),
            Stricter(SHARED),
        ),
        (
            "expired",
            by_ca.clone(),
            made("expired", "ca", &[&["-V", "20260101Z:20260601Z"], &ada]),
            Refused,
        ),
        (
            "last second",
            by_ca.clone(),
            made("last", "ca", &[&["-V", "20260101Z:20260601000001Z"], &ada]),
            Accepted,
        ),
        (
            "not yet",
            by_ca.clone(),
            made("early", "ca", &[&["-V", "20260601000001Z:20270101Z"], &ada]),
            Refused,
        ),
        (
            "first second",
            by_ca.clone(),
            made("first", "ca", &[&["-V", "20260601Z:20270101Z"], &ada]),
            Accepted,
        ),
        (
            "unknown critical option",
            by_ca.clone(),
            made("critical", "ca", &[&["-O", "critical:x@example.org"], &year, &ada]),
            Stricter(OPTION),
        ),
        (
            "force-command",
            by_ca.clone(),
            made("force", "ca", &[&["-O", "force-command=true"], &year, &ada]),
            Stricter(OPTION),
        ),
        (
            "source-address",
            by_ca.clone(),
            made("source", "ca", &[&["-O", "source-address=10.0.0.0/8"], &year, &ada]),
            Stricter(OPTION),
        ),
        (
            "verify-required of a key that cannot",
            by_ca.clone(),
            made("verify", "ca", &[&["-O", "verify-required"], &year, &ada]),
            Stricter(OPTION),
        ),
        (
            "unknown extension",
            by_ca.clone(),
            made("extension", "ca", &[&["-O", "extension:x@example.org=y"], &year, &ada]),
            Accepted,
        ),
    ] {
        compare(&keygen, case, &question(&allowed, &signature), expected);
    }
}

#[test]
fn certified_keys_of_every_type() {
    let keygen = SshKeygen::new();
    let allowed = format!("* cert-authority {}", public_key("ca"));
    for key in ["ada", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048"] {
        let (authority, public) = (keygen.path("ca"), keygen.path(&format!("{key}.pub")));
        let args = ["-q", "-s", &authority, "-I", "x", "-n", ADA, &public];
        assert!(keygen.run(&args, b"").success);
        let certificate = format!("{key}-cert.pub");
        let signature = keygen.sign(&certificate, "refgate", MESSAGE, &[]);
        let asked = question(&allowed, &signature);
        compare(&keygen, key, &asked, Accepted);
        compare(&keygen, key, &Question { message: b"", ..asked }, Refused);

        // One bit anywhere in the certificate, and the authority did not sign it.
        let good = SshSig::read(&dearmor_ssh(&signature).expect("armour"));
        for at in (0..good.public_key.len()).step_by(41) {
            let mut changed = good.clone();
            changed.public_key[at] ^= 1;
            let armour = changed.armour();
            compare(&keygen, key, &Question { armour: &armour, ..asked }, Refused);
        }
    }
}

type Signer = dyn Fn(&[u8]) -> Vec<u8>;

/// A security key in software, laid out as PROTOCOL.u2f says.
struct SoftwareKey {
    key_type: &'static str,
    public: Vec<u8>,
    sign: Box<Signer>,
}

impl SoftwareKey {
    fn ed25519() -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).expect("a seed");
        let key_type = "sk-ssh-ed25519@openssh.com";
        let public = strings(&[key_type.as_bytes(), pair.public_key().as_ref(), b"ssh:"]);
        Self { key_type, public, sign: Box::new(move |data| pair.sign(data).as_ref().to_vec()) }
    }

    fn ecdsa() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("a key");
        let key_type = "sk-ecdsa-sha2-nistp256@openssh.com";
        let point = pair.public_key().as_ref();
        let public = strings(&[key_type.as_bytes(), b"nistp256", point, b"ssh:"]);
        let sign = move |data: &[u8]| {
            let value = pair.sign(&random, data).expect("a signature");
            let (r, s) = value.as_ref().split_at(32);
            strings(&[&mpint(r), &mpint(s)])
        };
        Self { key_type, public, sign: Box::new(sign) }
    }

    fn line(&self) -> String {
        use base64::Engine as _;
        let encoded = base64::prelude::BASE64_STANDARD.encode(&self.public);
        format!("{ADA} {} {encoded}", self.key_type)
    }

    fn signature(&self, flags: u8) -> SshSig {
        let sha256 = |bytes: &[u8]| ring::digest::digest(&ring::digest::SHA256, bytes);
        let (application, message) = (sha256(b"ssh:"), sha256(&signed_data("refgate", MESSAGE)));
        let counter = 258u32.to_be_bytes();
        let data = [application.as_ref(), &[flags], &counter, message.as_ref()].concat();
        let value = strings(&[self.key_type.as_bytes(), &(self.sign)(&data)]);
        SshSig::new(&self.public, "refgate", [value.as_slice(), &[flags], &counter].concat())
    }
}

#[test]
fn security_keys() {
    const TOUCH: &str = "sshd asks for a touch by default, ssh-keygen -Y verify never; \
                         without it a program on the machine can sign";
    let keygen = SshKeygen::new();
    for key in [SoftwareKey::ed25519(), SoftwareKey::ecdsa()] {
        let allowed = key.line();
        for (flags, expected) in
            [(1, Accepted), (5, Accepted), (0, Stricter(TOUCH)), (4, Stricter(TOUCH))]
        {
            let good = key.signature(flags);
            let armour = good.armour();
            let asked = question(&allowed, &armour);
            let case = format!("{}, flags {flags}", key.key_type);
            compare(&keygen, &case, &asked, expected);
            compare(&keygen, &case, &Question { message: b"x", ..asked }, Refused);

            let mut touched_later = good.clone();
            let at = touched_later.signature.len() - 5;
            touched_later.signature[at] ^= 1;
            let armour = touched_later.armour();
            compare(&keygen, &case, &Question { armour: &armour, ..asked }, Refused);

            let mut longer = good;
            longer.signature.push(0);
            let armour = longer.armour();
            compare(&keygen, &case, &Question { armour: &armour, ..asked }, Refused);
        }
    }
}

#[test]
fn forms_that_ssh_keygen_never_writes() {
    let keygen = SshKeygen::new();
    let read = |key: &str| {
        let armoured = keygen.sign(key, "refgate", MESSAGE, &[]);
        SshSig::read(&dearmor_ssh(&armoured).expect("armour"))
    };
    let (ada, p256, rsa) = (read("ada"), read("ecdsa-p256"), read("rsa-2048"));
    let with = |sig: &SshSig, change: &dyn Fn(&mut SshSig)| {
        let mut changed = sig.clone();
        change(&mut changed);
        changed
    };
    // The halves of an ECDSA signature, after its algorithm.
    let halves = &p256.signature[4 + b"ecdsa-sha2-nistp256".len() + 4..];
    let r_len = usize::from(halves[3]);
    let (r, s) = (&halves[4..4 + r_len], &halves[8 + r_len..]);
    let ecdsa = |r: &[u8], s: &[u8], more: &[u8]| {
        let value = [strings(&[r, s]), more.to_vec()].concat();
        with(&p256, &|sig| sig.signature = strings(&[b"ecdsa-sha2-nistp256", &value]))
    };
    let rsa_value = &rsa.signature[4 + b"rsa-sha2-512".len() + 4..];
    let with_rsa = |name: &str, value: &[u8]| {
        with(&rsa, &|sig| sig.signature = strings(&[name.as_bytes(), value]))
    };
    const FORM: &str = "a signature has one form";
    const UNSIGNED: &str = "the field is not signed, so anybody could change it";
    for (case, key, sig, expected) in [
        ("as written", "ada", ada.clone(), Accepted),
        ("version 0", "ada", with(&ada, &|s| s.version = 0), Stricter(UNSIGNED)),
        ("version 2", "ada", with(&ada, &|s| s.version = 2), Refused),
        ("reserved", "ada", with(&ada, &|s| s.reserved = b"x".into()), Stricter(UNSIGNED)),
        ("md5", "ada", with(&ada, &|s| s.hash = b"md5".into()), Refused),
        ("other hash", "ada", with(&ada, &|s| s.hash = b"sha256".into()), Refused),
        ("no namespace", "ada", with(&ada, &|s| s.namespace.clear()), Refused),
        ("a NUL at the end", "ada", with(&ada, &|s| s.namespace.push(0)), Stricter(FORM)),
        ("bytes after the blob", "ada", with(&ada, &|s| s.trailing.push(0)), Refused),
        ("bytes after the key", "ada", with(&ada, &|s| s.public_key.push(0)), Refused),
        ("bytes after the value", "ada", with(&ada, &|s| s.signature.push(0)), Refused),
        ("another's key", "ben", with(&ada, &|s| s.public_key = public_blob("ben")), Refused),
        ("no value", "ada", with(&ada, &|s| s.signature.clear()), Refused),
        ("ECDSA as written", "ecdsa-p256", ecdsa(r, s, b""), Accepted),
        ("leading zeros", "ecdsa-p256", ecdsa(&[b"\0\0", r].concat(), s, b""), Stricter(FORM)),
        ("bytes after s", "ecdsa-p256", ecdsa(r, s, b"\0"), Refused),
        ("r = 0", "ecdsa-p256", ecdsa(b"", s, b""), Refused),
        ("s = 0", "ecdsa-p256", ecdsa(r, b"", b""), Refused),
        ("r = s = 1", "ecdsa-p256", ecdsa(b"\x01", b"\x01", b""), Refused),
        ("s for r", "ecdsa-p256", ecdsa(s, r, b""), Refused),
        ("RSA as written", "rsa-2048", with_rsa("rsa-sha2-512", rsa_value), Accepted),
        ("SHA-256 label", "rsa-2048", with_rsa("rsa-sha2-256", rsa_value), Refused),
        ("SHA-1 label", "rsa-2048", with_rsa("ssh-rsa", rsa_value), Refused),
        (
            "a zero before",
            "rsa-2048",
            with_rsa("rsa-sha2-512", &[b"\0", rsa_value].concat()),
            Refused,
        ),
    ] {
        let (allowed, armour) = (line(key), sig.armour());
        compare(&keygen, case, &question(&allowed, &armour), expected);
    }
}

#[test]
fn a_malleable_ed25519_signature() {
    // S + L (RFC 8032 §5.1): other bytes, and good for the reference code in OpenSSH 9.2.
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let keygen = SshKeygen::new();
    let armoured = keygen.sign("ada", "refgate", MESSAGE, &[]);
    let mut sig = SshSig::read(&dearmor_ssh(&armoured).expect("armour"));
    let at = sig.signature.len() - 32;
    let mut carry = 0;
    for (byte, l) in sig.signature[at..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(l) + carry;
        *byte = u8::try_from(sum & 0xff).expect("masked");
        carry = sum >> 8;
    }
    let (allowed, armour) = (line("ada"), sig.armour());
    let expected = Stricter("RFC 8032 §5.1.7 wants S < L");
    compare(&keygen, "S + L", &question(&allowed, &armour), expected);
}

#[test]
fn an_ed25519_key_of_small_order() {
    use base64::Engine as _;
    let keygen = SshKeygen::new();
    // The neutral element: R = A and S = 0 are good for every message.
    let mut point = [0; 32];
    point[0] = 1;
    let public = strings(&[b"ssh-ed25519", &point]);
    let value = [point, [0; 32]].concat();
    let sig = SshSig::new(&public, "refgate", strings(&[b"ssh-ed25519", &value]));
    let encoded = base64::prelude::BASE64_STANDARD.encode(&public);
    let allowed = format!("{ADA} ssh-ed25519 {encoded}");
    let armour = sig.armour();
    let expected = Stricter("anybody can sign for such a key");
    compare(&keygen, "small order", &question(&allowed, &armour), expected);
}

#[test]
fn t39_text_around_the_armour() {
    const AROUND: &str = "nothing covers what stands around a signature";
    const FORM: &str = "base64 has one form";
    let keygen = SshKeygen::new();
    let good = keygen.sign("ada", "refgate", MESSAGE, &[]);
    let text = String::from_utf8(good.clone()).expect("text");
    let blob = dearmor_ssh(&good).expect("armour");
    let allowed = line("ada");
    let first_line = text.lines().nth(1).expect("base64");
    for (case, armour, expected) in [
        ("as written", text.clone(), Accepted),
        ("no newline at the end", text.trim_end().to_owned(), Accepted),
        ("text after", format!("{text}x"), Stricter(AROUND)),
        ("blank line after", format!("{text}\n"), Stricter(AROUND)),
        ("a second one", format!("{text}{text}"), Stricter(AROUND)),
        ("text before", format!("x\n{text}"), Refused),
        ("blank line before", format!("\n{text}"), Refused),
        ("blanks inside", text.replace(first_line, &format!(" {first_line} ")), Stricter(FORM)),
        ("blank line inside", text.replace(first_line, &format!("{first_line}\n")), Stricter(FORM)),
        ("short lines", text.replace(first_line, &format!("U\n{}", &first_line[1..])), Accepted),
        ("no end", text.replace("-----END SSH SIGNATURE-----\n", ""), Refused),
        ("other label", text.replace("SSH SIGNATURE", "PGP SIGNATURE"), Refused),
        ("CR LF", text.replace('\n', "\r\n"), Refused),
        ("no armour", String::from_utf8_lossy(&blob).into_owned(), Refused),
    ] {
        compare(&keygen, case, &question(&allowed, armour.as_bytes()), expected);
    }
}

#[test]
fn no_changed_byte_is_accepted_that_ssh_keygen_refuses() {
    let keygen = SshKeygen::new();
    for key in ["ada", "ecdsa-p256"] {
        let allowed = line(key);
        let good = dearmor_ssh(&keygen.sign(key, "refgate", MESSAGE, &[])).expect("armour");
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1 << (at % 8);
            let armour = armour(&changed);
            let asked = question(&allowed, &armour);
            let (ours, theirs) = (refgate_says(&asked), keygen.verify(&asked, &[]));
            assert!(ours.is_err(), "{key}, byte {at}");
            // The version and the length of `reserved` are not signed.
            assert!(!theirs.success || (6..10).contains(&at), "{key}, byte {at}");
        }
    }
}

#[test]
fn stock_ssh_keygen_verifies_what_refgate_does() {
    // The other direction: nothing that refgate accepts needs refgate.
    let keygen = SshKeygen::new();
    let ring = |file: &str| -> KeyRing {
        let mut builder = KeyRingBuilder::default();
        builder.allowed_signers("meta/allowed_signers", file.as_bytes()).expect("good");
        builder.build(&known(&[ADA])).expect("good")
    };
    let allowed = format!("{ADA} namespaces=\"refgate,git\" {}\n", public_key("ada"));
    let armoured = keygen.sign("ada", "git", MESSAGE, &[]);
    let blob = dearmor_ssh(&armoured).expect("armour");
    let verified = ring(&allowed)
        .verify(&claim(Encoded::Ssh(&blob), MESSAGE, Namespace::Git, time(NOW)))
        .expect("good");
    let said = keygen
        .verify(&Question { namespace: Namespace::Git, ..question(&allowed, &armoured) }, &[]);
    let expected =
        format!("Good \"git\" signature for {ADA} with ED25519 key {}\n", verified.key());
    assert_eq!(String::from_utf8(said.stdout).expect("text"), expected);
}
