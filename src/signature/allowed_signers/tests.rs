use proptest::prelude::*;

use super::*;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEHqH/wdqLkF77g0vf/QCQvKQYDSRv03pxMnNPJpj2io";

fn read(file: &str) -> Result<Vec<Entry>, Vec<String>> {
    parse("f", file.as_bytes()).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

/// Reads a file of one entry, with `KEY` for the key.
fn one(line: &str) -> Entry {
    let mut entries = read(&line.replace("KEY", KEY)).expect(line);
    assert_eq!(entries.len(), 1, "{line}");
    entries.remove(0)
}

/// Reads a file with one bad line, and returns what is wrong with it.
fn fault(line: &str) -> String {
    let mut faults = read(&line.replace("KEY", KEY)).expect_err(line);
    assert_eq!(faults.len(), 1, "{line}");
    faults.remove(0).strip_prefix("f:1: ").expect("the first line").to_owned()
}

fn time(text: &str) -> Timestamp {
    text.parse().expect(text)
}

#[test]
fn names_are_read() {
    for (line, expected) in [
        ("ada@example.org KEY", &["ada@example.org"][..]),
        ("  \tada@example.org\t KEY a comment with \"anything\"", &["ada@example.org"]),
        ("\"ada@example.org\" KEY", &["ada@example.org"]),
        ("\"ada lovelace,b@x\" KEY", &["ada lovelace", "b@x"]),
        ("a@x,b@x KEY\r", &["a@x", "b@x"]),
        ("a@x namespaces=\"git\" KEY", &["a@x"]),
    ] {
        let Who::Names(names) = one(line).who else { panic!("{line} is about names") };
        assert_eq!(names, expected, "{line}");
    }
}

#[test]
fn blank_lines_and_comments_are_skipped() {
    assert!(read("").expect("empty").is_empty());
    assert!(read("\n  \n\t\n# a@x KEY\n   # \u{e9}\n\r\n").expect("comments").is_empty());
    let entries = read(&format!("# first\n\na@x {KEY}\n")).expect("one entry");
    assert_eq!(entries.iter().map(|e| e.line.place.line).collect::<Vec<_>>(), [3]);
}

#[test]
fn options_are_read() {
    let plain = one("a@x KEY").line;
    assert!(
        plain.namespaces.is_none() && plain.valid_after.is_none() && plain.valid_before.is_none()
    );

    let line = one(
        "a@x NameSpaces=\"git,re*\",VALID-AFTER=\"20260301Z\",valid-before=\"202609011230\" KEY",
    )
    .line;
    let namespaces = line.namespaces.expect("given");
    assert!(
        namespaces.matches("git") && namespaces.matches("refgate") && !namespaces.matches("file")
    );
    assert_eq!(line.valid_after, Some(time("2026-03-01T00:00:00Z")));
    assert_eq!(line.valid_before, Some(time("2026-09-01T12:30:00Z")));

    let line = one("a@x valid-after=\"20260301123456Z\"\t KEY").line;
    assert_eq!(line.valid_after, Some(time("2026-03-01T12:34:56Z")));
    assert!(
        one("a@x namespaces=\"a b\\\"c\" KEY").line.namespaces.expect("given").matches("a b\"c")
    );

    let Who::CertifiedBy(list) = one("*@x,!b@x Cert-Authority,namespaces=\"git\" KEY").who else {
        panic!("an authority")
    };
    assert!(list.matches("a@x") && !list.matches("b@x"));
}

#[test]
fn t47_a_wildcard_principal_is_refused() {
    for (line, problem) in [
        ("* KEY", "wildcard in the principals \"*\""),
        ("*@x KEY", "wildcard in the principals \"*@x\""),
        ("a@x,b?@x namespaces=\"git\" KEY", "wildcard in the principals \"a@x,b?@x\""),
        ("!a@x KEY", "negated name in the principals \"!a@x\""),
        ("a@x,!a@x KEY", "negated name in the principals \"a@x,!a@x\""),
        ("a@x,,b@x KEY", "empty name in the principals \"a@x,,b@x\""),
        ("a@x, KEY", "empty name in the principals \"a@x,\""),
        ("\"\" KEY", "empty name in the principals \"\""),
        ("a@x, cert-authority KEY", "empty name in the principals \"a@x,\""),
    ] {
        assert_eq!(fault(line), problem, "{line}");
    }
}

#[test]
fn t26_principals_are_lower_case_ascii() {
    assert_eq!(fault("Ada@x KEY"), "upper-case letters in the principals \"Ada@x\"");
    assert_eq!(fault("*@X cert-authority KEY"), "upper-case letters in the principals \"*@X\"");
    assert_eq!(fault("\u{430}da@x KEY"), "expected principals in ASCII, found \"\\xd0\\xb0da@x\"");
    assert_eq!(fault("a\"b\"@x KEY"), "expected principals in ASCII, found \"a\\\"b\\\"@x\"");
}

#[test]
fn bad_lines_say_what_is_wrong() {
    for (line, problem) in [
        ("a@x", "no key after the principals"),
        ("\"a@x KEY", "no closing quote after the principals"),
        ("\"a@x\"KEY", "no blank after the quoted principals"),
        ("a@x cert-authority", "no key after \"cert-authority\""),
        ("a@x namespaces=\"git KEY", "no closing quote in the options"),
        ("a@x cert-authority,cert-authority KEY", "option \"cert-authority\" occurs twice"),
        ("a@x namespaces=\"a\",namespaces=\"a\" KEY", "option \"namespaces\" occurs twice"),
        (
            "a@x valid-after=\"20260101Z\",Valid-After=\"20260101Z\" KEY",
            "option \"Valid-After\" occurs twice",
        ),
        ("a@x cert-authority, KEY", "nothing after the last comma of the options"),
        ("a@x ,cert-authority KEY", "unknown option \"\""),
        ("a@x cert-authority,,namespaces=\"a\" KEY", "unknown option \"\""),
        (
            "a@x cert-authority=\"yes\" KEY",
            "expected a comma in the options, found \"=\\\"yes\\\"\"",
        ),
        ("a@x cert-authorityx KEY", "unknown option \"cert-authorityx\""),
        ("a@x restrict KEY", "unknown option \"restrict\""),
        ("a@x namespaces=git KEY", "expected a quoted value after the option \"namespaces\""),
        ("a@x namespaces KEY", "expected a quoted value after the option \"namespaces\""),
        ("a@x namespaces=\"a\"x KEY", "expected a comma in the options, found \"x\""),
        ("a@x namespaces=\"\" KEY", "empty name in the namespaces \"\""),
        ("a@x namespaces=\"a,\" KEY", "empty name in the namespaces \"a,\""),
        ("a@x namespaces=\"\u{e9}\" KEY", "the value of option \"namespaces\" is not ASCII"),
        ("a@x cert-authority, namespaces=\"a\" KEY", "nothing after the last comma of the options"),
        (
            "a@x cert-authority namespaces=\"a\" KEY",
            "expected a key type, found \"namespaces=\\\"a\\\"\"",
        ),
        (
            "a@x valid-after=\"20260201Z\",valid-before=\"20260101Z\" KEY",
            "valid-before 2026-01-01T00:00:00Z is not after valid-after 2026-02-01T00:00:00Z",
        ),
        (
            "a@x valid-after=\"20260101Z\",valid-before=\"20260101Z\" KEY",
            "valid-before 2026-01-01T00:00:00Z is not after valid-after 2026-01-01T00:00:00Z",
        ),
        ("a@x ssh-ed25519", "the key is not of the type \"ssh-ed25519\""),
        ("a@x ssh-ed25519 AAAA*", "the key after \"ssh-ed25519\" is not base64"),
        (
            "a@x ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
            "malformed key: Ed25519 public key: expected more bytes, found 0 bytes left of 4",
        ),
        ("a@x ssh-bar AAAAB3NzaC1mb28=", "the key is not of the type \"ssh-bar\""),
        ("a@x ssh-foo AAAAB3NzaC1mb28", "the key after \"ssh-foo\" is not base64"),
        ("a@x ssh-foo AAAAB3NzaC1mb28=", "unsupported public key type: \"ssh-foo\""),
        ("a@x\u{0} KEY", "control character \\x00 in the line"),
        ("a@x KEY \u{1b}[2J", "control character \\x1b in the line"),
        ("\u{c}a@x KEY", "control character \\x0c in the line"),
        ("a@x KEY\rb@x", "control character \\x0d in the line"),
    ] {
        assert_eq!(fault(line), problem, "{line:?}");
    }
}

#[test]
fn times_are_dates_of_the_calendar_in_utc() {
    for (text, expected) in [
        ("20260301", "2026-03-01T00:00:00Z"),
        ("20260301Z", "2026-03-01T00:00:00Z"),
        ("20240229235959Z", "2024-02-29T23:59:59Z"),
        ("99991231Z", "9999-12-30T22:00:00.999999999Z"),
        ("197001010001Z", "1970-01-01T00:01:00Z"),
    ] {
        assert_eq!(parse_time(text).expect(text), time(expected));
    }
    for text in [
        "",
        "Z",
        "2026030",
        "202603011",
        "2026030112345",
        "20260230Z",
        "20250229Z",
        "20261301Z",
        "202603012460Z",
        "20260301000060Z",
        "20260301z",
        "20260301UTC",
        "20260301ZZ",
        "+2026030",
        "2026-03-01",
        " 20260301",
        "20260301 ",
        "19700101Z",
        "19691231Z",
        "00000101Z",
        "2026 301",
        "\u{662}0260301",
    ] {
        parse_time(text).expect_err(text);
    }
}

#[test]
fn every_bad_line_is_named() {
    let file = format!("a@x {KEY}\n*@x {KEY}\n\nb@x\nc@x {KEY}");
    assert_eq!(
        read(&file).expect_err("two bad lines"),
        ["f:2: wildcard in the principals \"*@x\"", "f:4: no key after the principals",]
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _outcome = parse("f", &bytes);
    }

    #[test]
    fn any_line_is_read_without_a_panic(
        words in prop::collection::vec(
            prop_oneof![
                Just("a@x"), Just("*"), Just("\""), Just("\\"), Just(","), Just("="), Just(" "),
                Just("\t"), Just("!"), Just("namespaces"), Just("cert-authority"),
                Just("valid-after"), Just("20260101Z"), Just("ssh-ed25519"), Just(KEY), Just("\u{e9}"),
            ],
            0..16,
        ),
    ) {
        let _outcome = parse("f", words.concat().as_bytes());
    }
}
