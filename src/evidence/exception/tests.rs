use super::*;
use crate::limits::Limits;

const PATH: &str = "exceptions/EX-2026-014.md";

/// A document of which a test changes some words.
const GOOD: &str = r#"+++
id = "EX-2026-014"
gates = ["scan"]
requested = 2026-11-23
expires = 2026-12-23
requester = "dana@example.org"
owner = "cleo@example.org"

[scope]
refs = ["refs/heads/main"]
rules = ["CVE-2021-23337"]
packages = ["pkg:npm/lodash@4.17.20"]
paths = ["/package-lock.json"]
+++

# Exception

## Scope

The template function is never called.

## Duration

Until the next release.

## Compensating controls

- Requests are filtered.

"#;

fn problems(text: &str) -> Vec<String> {
    let found = read(PATH, text.as_bytes(), &Limits::default()).expect_err(text);
    found.iter().map(ToString::to_string).collect()
}

fn good(text: &str) -> Exception {
    read(PATH, text.as_bytes(), &Limits::default()).unwrap_or_else(|e| panic!("{e:?}"))
}

#[test]
fn a_document_is_read_as_it_is_written() {
    let exception = good(GOOD);
    assert_eq!((exception.id.as_str(), exception.waives), ("EX-2026-014", Waives::Findings));
    assert_eq!(exception.end().to_string(), "2026-12-24T00:00:00Z");
    assert_eq!(exception.owner.as_str(), "cleo@example.org");
    assert_eq!(exception.digest.to_hex(), Sha256::of(GOOD.as_bytes()).to_hex());
    let quoted = GOOD.replace("= 2026-11-23", "= \"2026-11-23\"").replace('\n', "\r\n");
    assert_eq!(good(&quoted).requested, exception.requested);
    let glass = GOOD.replace("[\"scan\"]", "[\"*\"]").lines().fold(String::new(), |text, line| {
        let narrows = ["rules", "packages", "paths"].iter().any(|key| line.starts_with(key));
        if narrows { text } else { format!("{text}{line}\n") }
    });
    assert_eq!(good(&glass).waives, Waives::EveryGate);
    assert_eq!(good(&glass.replace("\"*\"", "\"freeze\"")).waives, Waives::Freeze);
}

#[test]
fn what_does_not_say_exactly_what_it_covers_is_refused() {
    let mut untold = Vec::new();
    for (from, to, expected) in [
        ("id = ", "id = \"EX-2026-014\"\nid = ", ":3: not TOML: duplicate key"),
        ("owner = ", "ownr = ", ":7: unknown key \"ownr\""),
        ("[scope]", "[scope]\nrule = [\"x\"]", ":10: unknown key \"rule\" in [scope]"),
        ("[scope]", "[other]", ": [scope] is missing"),
        ("\"scan\"", "\"tests\"", ":3: gates: \"tests\" is not known"),
        ("\"scan\"", "\"scan\", \"*\"", ":3: gates: an exception is for one gate"),
        ("[\"scan\"]", "[\"*\"]", ": scope.rules would narrow nothing"),
        ("[\"scan\"]", "[\"freeze\"]", ": scope.packages would narrow nothing"),
        ("[\"scan\"]", "[\"freeze\", \"*\"]", ":3: gates: an exception is for one gate"),
        ("= 2026-12-23", "= 2026-02-30", ":5: not TOML"),
        (
            "= 2026-12-23",
            "= \"2026-02-30\"",
            ":5: expires: \"2026-02-30\" is no day of the calendar",
        ),
        ("= 2026-12-23", "= \"2026-2-3\"", ":5: expires: \"2026-2-3\" is no day"),
        (
            "= 2026-12-23",
            "= 2026-12-23T10:00:00Z",
            ":5: expires: \"2026-12-23T10:00:00Z\" is no day",
        ),
        ("= 2026-12-23", "= 2026-11-22", ":5: it expires on 2026-11-22, before it was requested"),
        ("expires = 2026-12-23\n", "", ": expires is missing"),
        ("EX-2026-014\"\n", "EX-2026-15\"\n", ":2: id: the file has the name of another exception"),
        ("EX-2026-014\"\n", "ex-2026-014\"\n", ":2: id: \"ex-2026-014\" is no id"),
        ("refs = [\"refs/heads/main\"]\n", "", ": scope.refs is missing"),
        ("refs/heads/main", "refs/**", ":10: scope.refs: \"refs/**\": refs/** would protect"),
        ("rules = [\"CVE-2021-23337\"]\n", "", ": scope.rules is missing"),
        ("[\"CVE-2021-23337\"]", "[]", ":11: scope.rules: the list is empty"),
        ("@4.17.20", "@", ":12: scope.packages: \"pkg:npm/lodash@\": nothing stands behind @"),
        ("/package-lock.json", "../x", ":13: scope.paths: \"../x\""),
        ("Until the next release.\n", "[Why]\n", ":22: the section \"Duration\" is not filled in"),
        (
            "Until the next release.\n",
            "<!-- soon -->\n",
            ":22: the section \"Duration\" is not filled",
        ),
        ("## Duration\n\nUntil the next release.\n", "", ": the section \"Duration\" is missing"),
        ("Until the", "Approved-by: Eve\n\nUntil the", ":26: text behind the signature in line 24"),
        ("+++\nid", "---\nid", ":1: the document does not begin with front matter"),
        (
            "owner = ",
            "revoked-because = \"x\"\nowner = ",
            ": revoked-because stands without revoked",
        ),
        ("dana@", "d\u{430}na@", ":6: requester: \"d\\u{430}na@example.org\" is no email"),
        ("# Exception", "# Exception\u{7}", ":16: the line holds the control character U+0007"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let found = problems(&text);
        let is_told = found.iter().any(|problem| match expected.strip_prefix(": ") {
            Some(anywhere) => problem.contains(anywhere),
            None => problem.starts_with(&format!("{PATH}{expected}")),
        });
        if !is_told {
            untold.push((expected, found));
        }
    }
    assert!(untold.is_empty(), "{untold:#?}");
    assert_eq!(
        read(PATH, b"+++\nid = \"\xff\"\n", &Limits::default()).expect_err("no text")[0]
            .to_string(),
        format!("{PATH}:2: the line is not UTF-8")
    );
    let long = format!("{GOOD}{}", "x".repeat(300_000));
    assert!(problems(&long)[0].contains("limit of 262144 (limits.exception-bytes)"));
    let hidden = GOOD.replace("owner = ", "note = \"\"\"\nApproved-by: x\"\"\"\nowner = ");
    assert!(problems(&hidden)[0].contains("a signature stands in the front matter"));
}

#[test]
fn what_is_signed_is_everything_above_the_first_signature() {
    let exception = good(GOOD);
    let statement = Statement {
        what: What::Approval,
        document: exception.digest,
        by: PrincipalId::parse("eve@example.org").expect("an email"),
        at: "2026-11-23T10:12:00Z".parse().expect("a time"),
        finding: None,
    };
    let payload = statement.payload("git.example.org/payments/api", &exception.id);
    let expected = format!(
        "refgate exception v1\nrepository: git.example.org/payments/api\nid: EX-2026-014\n\
         document: sha256:{}\nby: eve@example.org\nat: 2026-11-23T10:12:00Z\n",
        exception.digest.to_hex()
    );
    assert_eq!(String::from_utf8(payload).expect("ASCII"), expected);
    let form = crate::evidence::approval::SignatureForm::OpenPgp;
    let signature = Signature { statement, form, signature: b"a signature".to_vec() };
    let review = Signature {
        statement: Statement {
            what: What::Review,
            finding: fit_finding(" all well "),
            ..signature.statement.clone()
        },
        ..signature.clone()
    };
    let line = signature.to_line("Eve; Sand\n");
    let text = format!("{GOOD}{line}\n\n{}\nApproved-by: Eve\n", review.to_line("Eve"));
    let read = good(&text);
    assert_eq!(read.digest, exception.digest);
    assert_eq!(read.lines[0].read, Ok(signature));
    assert_eq!(read.lines[1].read, Ok(review));
    assert_eq!(read.lines[2].read, Err(LineError::Unsigned));
    assert_eq!(read.lines.iter().map(|line| line.line).collect::<Vec<_>>(), [30, 35, 40]);
    for (from, to, why) in [
        ("sig=pgp:", "sig=x509:", "sig begins with neither"),
        ("document=sha256:", "document=sha256:0", "document is no sha256"),
        (" at=2026-11-23T10:12:00Z;\n", "", "at= is missing or out of order"),
        ("10:12:00Z", "10:12:00+00:00", "at is no time"),
        ("eve@", "Eve@", "it does not begin with Name <email"),
        ("Eve Sand <", "Eve Sand ", "it does not begin with Name <email"),
    ] {
        let text = format!("{GOOD}{}\n", line.replacen(from, to, 1));
        let Err(LineError::Malformed(found)) = &good(&text).lines[0].read else {
            panic!("{from} is read");
        };
        assert!(found.starts_with(why), "{found}");
    }
    assert_eq!(fit_finding("a; sig=ssh:"), None);
    assert_eq!(fit_finding("a\nb"), None);
}

#[test]
fn names_of_exceptions_have_one_spelling() {
    for text in ["EX-1", "EX-2026-014", "EX-A"] {
        assert_eq!(ExceptionId::parse(text).expect(text).as_str(), text);
    }
    for text in ["EX-", "ex-1", "EX-a", "EX-1.md", "EX-../x", "EX-1 ", "1", "EX-\u{661}"] {
        assert_eq!(ExceptionId::parse(text), None, "{text:?}");
    }
    assert!(is_document(b"EX-1.md") && is_document(b"ex-1.md") && !is_document(b"README.md"));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_a_document_or_none(at in 0..GOOD.len(), bytes: Vec<u8>) {
        let mut text = GOOD.as_bytes().to_vec();
        text.splice(at..at, bytes);
        if let Ok(exception) = read(PATH, &text, &Limits::default()) {
            proptest::prop_assert!(!exception.scope.refs.is_empty());
        }
    }
}
