//! OpenPGP against `gpg --verify`: what it refuses refgate refuses, and where
//! refgate is stricter the case says why. gpg ends with status 0 for much that
//! a gate must not take: revoked and expired keys, SHA-1, the future.

use std::collections::BTreeSet;
use std::fs;

use refgate::signature::key::KeyRef;
use refgate::signature::{
    Encoded, KeyRing, KeyRingBuilder, Namespace, Place, SignatureProblem, VerifiedSignature,
    Window, dearmor_openpgp,
};
use tempfile::TempDir;

use crate::signature_tools::{Said, claim, key_path, principal, run, time};

const MESSAGE: &[u8] = b"refgate approval v1\nrepository: git.example.org/x\n";
const MADE: &str = "20260601T000000";
const LISTED: [&str; 9] = ["ada", "ben", "cleo", "dana", "eve", "fay", "gus", "ci", "dsa-1024"];

/// What both should say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Accepted,
    Refused,
    /// Only gpg accepts it; why refgate does not.
    Stricter(&'static str),
}
use Expect::{Accepted, Refused, Stricter};

/// A home directory of gpg with some of the test keys.
struct Gpg {
    home: TempDir,
}

impl Gpg {
    fn new(files: &[String]) -> Self {
        let gpg = Self { home: tempfile::tempdir().expect("a directory") };
        for file in files {
            let path = key_path(&format!("openpgp/{file}"));
            let path = path.to_str().expect("a path in UTF-8");
            let said = gpg.run("20260901T000000", &["--import", path], b"");
            assert!(said.success, "gpg --import {file}: {}", said.stderr);
        }
        gpg
    }

    fn run(&self, at: &str, args: &[&str], stdin: &[u8]) -> Said {
        let at = format!("{at}!");
        let common = [
            &["--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback"][..],
            &["--passphrase", "", "--trust-model", "always", "--no-auto-key-retrieve"],
            &["--faked-system-time", &at],
        ];
        run("gpg", "gnupg", self.home.path(), &[&common.concat(), args].concat(), stdin)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.home.path().join(name);
        fs::write(&path, bytes).expect("a file");
        path.to_str().expect("a path in UTF-8").to_owned()
    }

    /// Signs as each of the names, and returns the armour.
    fn sign(&self, names: &[&str], at: &str, how: &[&str]) -> Vec<u8> {
        let users: Vec<String> =
            names.iter().map(|name| format!("--local-user=={}", user(name))).collect();
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        let said =
            self.run(at, &[&users[..], &["--armor", "--output", "-"], how].concat(), MESSAGE);
        assert!(said.success, "gpg as {names:?} with {how:?}: {}", said.stderr);
        said.stdout
    }

    fn verify(&self, armoured: &[u8], message: &[u8], at: &str) -> Said {
        let (signature, message) = (self.write("s.asc", armoured), self.write("m", message));
        self.run(at, &["--status-fd", "1", "--verify", &signature, &message], b"")
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _said = run("gpgconf", "gnupg", self.home.path(), &["--kill", "all"], b"");
    }
}

fn user(name: &str) -> String {
    format!("{name} (refgate test key, worthless) <{name}@example.org>")
}

/// A home that signs as anybody, and does not know that any key was revoked.
fn signer() -> Gpg {
    let names = LISTED.iter().chain(&["mallory", "rsa-1024"]);
    Gpg::new(&names.map(|name| format!("{name}.sec.asc")).collect::<Vec<_>>())
}

/// A home that knows the listed certificates as of September.
fn verifier() -> Gpg {
    Gpg::new(&LISTED.map(|name| format!("{name}.pub.asc")))
}

fn certificate(name: &str) -> Vec<u8> {
    fs::read(key_path(&format!("openpgp/{name}.pub.asc"))).expect(name)
}

/// Returns the primary fingerprint that gpg prints for a user.
fn fingerprint(gpg: &Gpg, name: &str) -> KeyRef {
    let said = gpg.run(MADE, &["--with-colons", "-k", &format!("={}", user(name))], b"");
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("fpr:")).expect(name);
    KeyRef::parse(line.split(':').nth(9).expect("the tenth field")).expect("a fingerprint")
}

fn key_ring(gpg: &Gpg) -> KeyRing {
    let mut builder = KeyRingBuilder::default();
    let mut known = BTreeSet::new();
    for (name, line) in LISTED.into_iter().zip(1..) {
        let file = format!("meta/keyring/{name}.asc");
        builder.certificate(&file, &certificate(name)).expect(name);
        let who = principal(&format!("{name}@example.org"));
        known.insert(who.clone());
        let place = Place { file: "meta/STRUCTURE.md".into(), line };
        builder.add(who, fingerprint(gpg, name), Window::ALWAYS, place);
    }
    builder.build(&known).expect("a good key ring")
}

/// What refgate says at a time that is written as gpg writes it.
fn refgate_says(
    ring: &KeyRing,
    armoured: &[u8],
    message: &[u8],
    at: &str,
) -> Result<VerifiedSignature, SignatureProblem> {
    let packets = dearmor_openpgp(armoured)?;
    let now = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S", at).expect(at);
    let now = now.to_zoned(jiff::tz::TimeZone::UTC).expect(at).timestamp();
    ring.verify(&claim(Encoded::OpenPgp(&packets), message, Namespace::Refgate, now))
}

struct Pair {
    gpg: Gpg,
    ring: KeyRing,
}

impl Pair {
    fn new() -> Self {
        let gpg = verifier();
        let ring = key_ring(&gpg);
        Self { gpg, ring }
    }

    #[track_caller]
    fn compare(&self, case: &str, armoured: &[u8], message: &[u8], at: &str, expected: Expect) {
        let theirs = self.gpg.verify(armoured, message, at);
        let ours = refgate_says(&self.ring, armoured, message, at);
        let status = String::from_utf8_lossy(&theirs.stdout).into_owned();
        let said = match (theirs.success, &ours) {
            (true, Ok(verified)) => {
                let valid = status.lines().find_map(|l| l.strip_prefix("[GNUPG:] VALIDSIG "));
                let primary = valid.and_then(|fields| fields.split(' ').nth(9)).expect("a primary");
                assert_eq!(primary, verified.key().to_string(), "{case}");
                Accepted
            }
            (false, Err(_)) => Refused,
            (true, Err(_)) => match expected {
                Stricter(why) => Stricter(why),
                Accepted | Refused => Stricter("nobody knows why"),
            },
            (false, Ok(_)) => panic!("{case}: refgate accepts what gpg refuses: {status}"),
        };
        assert_eq!(said, expected, "{case}: refgate {ours:?}, gpg {status}{}", theirs.stderr);
    }
}

#[test]
fn t49_keys_over_time() {
    const NOW: &str = "gpg says EXPKEYSIG and ends with 0; expired now is expired";
    const REVOKED: &str = "gpg says REVKEYSIG and ends with 0";
    const WEAK: &str = "DSA with 1024 bits";
    const FUTURE: &str = "a signature of the future";
    let (signer, pair) = (signer(), Pair::new());
    for (name, june, august) in [
        ("ada", Accepted, Accepted),
        ("ben", Accepted, Accepted),
        ("ci", Accepted, Accepted),
        ("cleo", Accepted, Stricter(NOW)),
        ("dana", Accepted, Stricter(NOW)),
        ("eve", Stricter(REVOKED), Stricter(REVOKED)),
        ("fay", Accepted, Stricter(REVOKED)),
        ("gus", Stricter(REVOKED), Stricter(REVOKED)),
        ("dsa-1024", Stricter(WEAK), Stricter(WEAK)),
    ] {
        let signature = signer.sign(&[name], MADE, &["--detach-sign"]);
        for (at, expected) in [("20260615T000000", june), ("20260801T000000", august)] {
            let case = format!("{name} at {at}");
            pair.compare(&case, &signature, MESSAGE, at, expected);
            pair.compare(&case, &signature, b"another message", at, Refused);
        }
        pair.compare(name, &signature, MESSAGE, "20260531T000000", Stricter(FUTURE));
    }
}

#[test]
fn t49_digests() {
    const OLD: &str = "gpg accepts SHA-1 and RIPEMD-160";
    let (signer, pair) = (signer(), Pair::new());
    for (digest, expected) in [
        ("SHA224", Accepted),
        ("SHA256", Accepted),
        ("SHA384", Accepted),
        ("SHA512", Accepted),
        ("SHA1", Stricter(OLD)),
        ("RIPEMD160", Stricter(OLD)),
        ("MD5", Refused),
    ] {
        let how = ["--allow-weak-digest-algos", "--digest-algo", digest, "--detach-sign"];
        let signature = signer.sign(&["ben"], MADE, &how);
        pair.compare(digest, &signature, MESSAGE, MADE, expected);
    }
}

#[test]
fn t49_kinds_of_signatures() {
    const ONE: &str = "one signature has one signer";
    const TEXT: &str = "a text signature is good for other bytes too";
    let (signer, pair) = (signer(), Pair::new());
    let detached = "--detach-sign";
    for (case, names, how, at, expected) in [
        ("detached", &["ada"][..], &[detached][..], MADE, Accepted),
        ("two signers", &["ada", "ben"], &[detached], MADE, Stricter(ONE)),
        ("one of two is unknown", &["ada", "mallory"], &[detached], MADE, Refused),
        ("of a text", &["ada"], &["--textmode", detached], MADE, Stricter(TEXT)),
        ("message inside", &["ada"], &["--sign"], MADE, Refused),
        ("clear text", &["ada"], &["--clear-sign"], MADE, Refused),
        (
            "alive",
            &["ada"],
            &["--default-sig-expire", "10d", detached],
            "20260610T000000",
            Accepted,
        ),
        (
            "run out",
            &["ada"],
            &["--default-sig-expire", "10d", detached],
            "20260612T000000",
            Refused,
        ),
        ("notation", &["ada"], &["--sig-notation", "x@example.org=1", detached], MADE, Accepted),
        (
            "critical notation",
            &["ada"],
            &["--sig-notation", "!x@example.org=1", detached],
            MADE,
            Refused,
        ),
        (
            "critical policy URL",
            &["ada"],
            &["--sig-policy-url", "!https://example.org/", detached],
            MADE,
            Accepted,
        ),
        ("unknown key", &["mallory"], &[detached], MADE, Refused),
    ] {
        let signature = signer.sign(names, MADE, how);
        pair.compare(case, &signature, MESSAGE, at, expected);
    }
}

#[test]
fn t48_a_key_that_gpg_has_and_nobody_listed() {
    let (signer, pair) = (signer(), Pair::new());
    let mallory = key_path("openpgp/mallory.pub.asc");
    let mallory = mallory.to_str().expect("a path in UTF-8");
    assert!(pair.gpg.run(MADE, &["--import", mallory], b"").success);
    let signature = signer.sign(&["mallory"], MADE, &["--detach-sign"]);
    let why = "a key in a keyring is not a listed key";
    pair.compare("unlisted", &signature, MESSAGE, MADE, Stricter(why));
    assert_eq!(
        refgate_says(&pair.ring, &signature, MESSAGE, MADE),
        Err(SignatureProblem::UnknownKey { key: fingerprint(&pair.gpg, "mallory") })
    );
}

#[test]
fn t49_a_short_rsa_key_is_refused_where_it_is_listed() {
    let signer = signer();
    let gpg = Gpg::new(&["rsa-1024.pub.asc".to_owned()]);
    let signature = signer.sign(&["rsa-1024"], MADE, &["--detach-sign"]);
    assert!(gpg.verify(&signature, MESSAGE, MADE).success);
    let mut builder = KeyRingBuilder::default();
    builder.certificate("meta/keyring/x.asc", &certificate("rsa-1024")).expect_err("weak");
}

#[test]
fn t49_text_around_the_armour_and_in_it() {
    const AROUND: &str = "nothing covers what stands around a signature";
    const FORM: &str = "armour has one form";
    let (signer, pair) = (signer(), Pair::new());
    let good = signer.sign(&["ada"], MADE, &["--detach-sign"]);
    let text = String::from_utf8(good).expect("text");
    let sum = text.lines().find(|line| line.starts_with('=')).expect("a checksum").to_owned();
    let first = text.lines().nth(2).expect("base64").to_owned();
    let end = "-----END PGP SIGNATURE-----";
    for (case, armoured, expected) in [
        ("as written", text.clone(), Accepted),
        ("no newline at the end", text.trim_end().to_owned(), Accepted),
        ("a comment", text.replacen("\n\n", "\nComment: x\n\n", 1), Accepted),
        ("no checksum", text.replace(&format!("{sum}\n"), ""), Accepted),
        ("wrong checksum", text.replace(&sum, "=AAAA"), Refused),
        ("text after", format!("{text}x"), Stricter(AROUND)),
        ("text before", format!("x\n{text}"), Stricter(AROUND)),
        ("twice", format!("{text}{text}"), Stricter(AROUND)),
        ("blank line before", format!("\n{text}"), Stricter(AROUND)),
        ("CR LF", text.replace('\n', "\r\n"), Stricter(FORM)),
        ("blank at a line's end", text.replace(&first, &format!("{first} ")), Stricter(FORM)),
        ("cut short", text.replace(&first, &first[..8]), Refused),
        ("a letter changed", text.replace(&first, &first.replacen('A', "B", 1)), Refused),
        ("no end", text.replace(end, ""), Stricter(FORM)),
    ] {
        pair.compare(case, armoured.as_bytes(), MESSAGE, MADE, expected);
    }
}

#[test]
fn no_changed_byte_is_accepted_that_gpg_refuses() {
    let (signer, pair) = (signer(), Pair::new());
    let armoured = signer.sign(&["ci"], MADE, &["--detach-sign"]);
    let good = dearmor_openpgp(&armoured).expect("armour of gpg");
    let now = time("2026-06-01T00:00:00Z");
    for at in (0..good.len()).step_by(3) {
        let mut changed = good.clone();
        changed[at] ^= 1 << (at % 8);
        let signature = Encoded::OpenPgp(&changed);
        let ours = pair.ring.verify(&claim(signature, MESSAGE, Namespace::Refgate, now));
        if ours.is_ok() {
            let theirs = pair.gpg.verify(&changed, MESSAGE, MADE);
            assert!(theirs.success, "byte {at}: {}", theirs.stderr);
        }
    }
}
