//! `allowed_signers` against ssh-keygen: whom a file lets sign, and for what.

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use refgate::signature::{Encoded, KeyRingBuilder, Namespace, dearmor_ssh};

use crate::signature_tools::{Question, SshKeygen, claim, principal, public_key, time};

const ADA: &str = "ada@example.org";
const MESSAGE: &[u8] = b"hello\n";
const NOW: &str = "2026-06-01T00:00:00Z";

/// What a file says about a signature by ada's key in ada's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Accepted,
    Refused,
    /// A bad line voids the file.
    Void,
}
use Says::{Accepted, Refused, Void};

fn refgate_says(file: &[u8], armoured: &[u8]) -> Says {
    let mut builder = KeyRingBuilder::default();
    if builder.allowed_signers("meta/allowed_signers", file).is_err() {
        return Void;
    }
    let Ok(ring) = builder.build(&BTreeSet::from([principal(ADA)])) else { return Void };
    let blob = dearmor_ssh(armoured).expect("armour of ssh-keygen");
    let ada = principal(ADA);
    let mut claim = claim(Encoded::Ssh(&blob), MESSAGE, Namespace::Refgate, time(NOW));
    claim.by = Some(&ada);
    match ring.verify(&claim) {
        Ok(_) => Accepted,
        Err(_) => Refused,
    }
}

fn ssh_keygen_says(keygen: &SshKeygen, file: &[u8], armour: &[u8]) -> Says {
    let question = Question {
        allowed_signers: file,
        armour,
        message: MESSAGE,
        identity: ADA,
        namespace: Namespace::Refgate,
        now: time(NOW),
    };
    if keygen.verify(&question, &[]).success { Accepted } else { Refused }
}

#[test]
fn files_in_a_table() {
    let keygen = SshKeygen::new();
    let armoured = keygen.sign("ada", "refgate", MESSAGE, &[]);
    // KEY is ada's key, OTHER is ben's. Where the two differ refgate is stricter.
    for (file, ours, theirs) in [
        ("ada@example.org KEY", Accepted, Accepted),
        ("ada@example.org KEY\n", Accepted, Accepted),
        ("ada@example.org KEY with a comment", Accepted, Accepted),
        ("ada@example.org\tKEY", Accepted, Accepted),
        (" \t ada@example.org \t KEY", Accepted, Accepted),
        ("ada@example.org KEY\r\n", Accepted, Accepted),
        ("# comment\n\n   # comment\nada@example.org KEY", Accepted, Accepted),
        ("\"ada@example.org\" KEY", Accepted, Accepted),
        ("\"ben@example.org,ada@example.org\" KEY", Accepted, Accepted),
        ("ben@example.org,ada@example.org KEY", Accepted, Accepted),
        ("ada@example.org OTHER\nada@example.org KEY", Accepted, Accepted),
        ("ada@example.org namespaces=\"refgate\" KEY", Accepted, Accepted),
        ("ada@example.org NAMESPACES=\"git,ref*\" KEY", Accepted, Accepted),
        ("ada@example.org namespaces=\"*,!git\" KEY", Accepted, Accepted),
        ("ada@example.org namespaces=\"a b,refgate\" KEY", Accepted, Accepted),
        (
            "ada@example.org valid-after=\"20260101Z\",valid-before=\"20270101\" KEY",
            Accepted,
            Accepted,
        ),
        ("ada@example.org valid-before=\"20250101Z\" KEY\nada@example.org KEY", Accepted, Accepted),
        // Refused by both.
        ("", Refused, Refused),
        ("# ada@example.org KEY", Refused, Refused),
        ("ben@example.org KEY", Refused, Refused),
        ("ada@example.org OTHER", Refused, Refused),
        ("ada@example.org.evil.test KEY", Refused, Refused),
        ("xada@example.org KEY", Refused, Refused),
        ("\"ada@example.org x\" KEY", Refused, Refused),
        ("ada@example.org namespaces=\"git\" KEY", Refused, Refused),
        ("ada@example.org namespaces=\"!refgate,*\" KEY", Refused, Refused),
        ("ada@example.org namespaces=\"!git\" KEY", Refused, Refused),
        ("ada@example.org namespaces=\"Refgate\" KEY", Refused, Refused),
        ("ada@example.org valid-after=\"20260602Z\" KEY", Refused, Refused),
        ("ada@example.org valid-before=\"20260531Z\" KEY", Refused, Refused),
        ("ada@example.org cert-authority KEY", Refused, Refused),
        ("* cert-authority KEY", Refused, Refused),
        // Lines that ssh-keygen skips void the file here.
        ("ada@example.org", Void, Refused),
        ("ada@example.org namespaces=refgate KEY", Void, Refused),
        ("ada@example.org namespaces=\"refgate KEY", Void, Refused),
        ("ada@example.org namespaces=\"refgate\",namespaces=\"refgate\" KEY", Void, Refused),
        ("ada@example.org unknown KEY", Void, Refused),
        ("ada@example.org ,namespaces=\"refgate\" KEY", Void, Accepted),
        ("ada@example.org namespaces=\"refgate\", KEY", Void, Refused),
        ("ada@example.org namespaces=\"refgate\" ,valid-after=\"20260101Z\" KEY", Void, Refused),
        ("ada@example.org valid-after=\"2026\" KEY", Void, Refused),
        ("ada@example.org valid-after=\"20261301Z\" KEY", Void, Refused),
        ("ada@example.org valid-after=\"20270101Z\",valid-before=\"20260101Z\" KEY", Void, Refused),
        ("ada@example.org ssh-ed25519 AAAA", Void, Refused),
        ("ada@example.org ssh-rsa KEY", Void, Refused),
        ("\"ada@example.org KEY", Void, Refused),
        ("nonsense\nada@example.org KEY", Void, Accepted),
        ("ada@example.org KEY\nnonsense", Void, Accepted),
        ("ben@example.org unknown OTHER\nada@example.org KEY", Void, Accepted),
        // Patterns belong on cert-authority lines.
        ("* KEY", Void, Accepted),
        ("*@example.org KEY", Void, Accepted),
        ("ad?@example.org KEY", Void, Accepted),
        ("ada@example.org,!ben@example.org KEY", Void, Accepted),
        ("!ada@example.org,* KEY", Void, Refused),
        // Things that are never meant.
        ("ada@example.org,,x KEY", Void, Accepted),
        ("ada@example.org, KEY", Void, Accepted),
        ("Ada@example.org KEY", Void, Refused),
        ("ada@\"example.org\" KEY", Void, Accepted),
        ("ada@example.org valid-after=\"20260231Z\" KEY", Void, Accepted),
        ("ada@example.org valid-after=\"20260101z\" KEY", Void, Accepted),
        ("ada@example.org valid-after=\"20260101UTC\" KEY", Void, Accepted),
        ("ada@example.org namespaces=\"\" KEY", Void, Refused),
        ("ada@example.org namespaces=\"refgate,\" KEY", Void, Accepted),
        ("* cert-authority,cert-authority OTHER\nada@example.org KEY", Void, Accepted),
        ("\u{c}ada@example.org KEY", Void, Refused),
        ("ada@example.org\u{b}KEY", Void, Refused),
        ("\u{feff}ada@example.org KEY", Void, Refused),
        ("ada@example.org KEY\u{1b}[2J", Void, Refused),
        ("ada@example.org KEY comment \u{1b}[2J", Void, Accepted),
    ] {
        let text = file.replace("KEY", &public_key("ada")).replace("OTHER", &public_key("ben"));
        let said = refgate_says(text.as_bytes(), &armoured);
        assert_eq!(said, ours, "refgate about {file:?}");
        let said = ssh_keygen_says(&keygen, text.as_bytes(), &armoured);
        assert_eq!(said, theirs, "ssh-keygen about {file:?}");
        assert!(ours != Accepted || theirs == Accepted, "{file:?}");
    }
}

/// Parts of lines, good ones and bad ones, so that many files are good.
fn any_file() -> impl Strategy<Value = String> {
    let principals = prop::sample::select(vec![
        ADA,
        "ada@example.org,x@y",
        "\"ada@example.org\"",
        "ben@example.org",
        "x,ada@example.org",
        "*",
        "!ada@example.org",
        "#ada@example.org",
    ]);
    let option = prop::sample::select(vec![
        "cert-authority",
        "Cert-Authority",
        "namespaces=\"refgate\"",
        "namespaces=\"git\"",
        "namespaces=\"*,!refgate\"",
        "namespaces=\"r?fg*\"",
        "valid-after=\"20260101Z\"",
        "valid-after=\"20260601000001Z\"",
        "valid-before=\"20260601Z\"",
        "valid-before=\"20260531235959\"",
        "namespaces=\"a\\\"b,refgate\"",
        "unknown",
        "",
    ]);
    let options = prop::collection::vec(option, 0..3).prop_map(|o| o.join(","));
    let blank = prop::sample::select(vec![" ", "  ", "\t", " \t "]);
    let key = prop::sample::select(vec!["ada", "ada", "ada", "ben", "ca"]);
    let comment = prop::sample::select(vec!["", " x", " ssh-ed25519 AAAA", "\r"]);
    let line =
        (principals, options, blank, key, comment).prop_map(|(who, options, blank, key, c)| {
            let options = if options.is_empty() { options } else { format!("{options}{blank}") };
            format!("{who}{blank}{options}{}{c}", public_key(key))
        });
    prop::collection::vec(line, 1..3).prop_map(|lines| lines.join("\n"))
}

#[test]
fn no_file_lets_more_sign_than_ssh_keygen_would() {
    let keygen = SshKeygen::new();
    let armoured = keygen.sign("ada", "refgate", MESSAGE, &[]);
    let accepted = Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&any_file(), |file| {
            let ours = refgate_says(file.as_bytes(), &armoured);
            let theirs = ssh_keygen_says(&keygen, file.as_bytes(), &armoured);
            match ours {
                Void => {}
                Accepted | Refused => prop_assert_eq!(ours, theirs),
            }
            accepted.set(accepted.get() + i32::from(ours == Accepted));
            Ok(())
        })
        .expect("no difference");
    assert!(accepted.get() > 10, "only {} files were good", accepted.get());
}
