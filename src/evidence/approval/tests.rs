use super::*;

fn signed() -> SignedStatement {
    let statement = Statement {
        decision: Decision::Approval,
        change: ChangeDigest::of(b"a change"),
        base: CommitId::from_hex(&[b'a'; 40]).expect("an id"),
        head: CommitId::from_hex(&[b'b'; 40]).expect("an id"),
        roles: [ClaimedRole::Maintainer, ClaimedRole::Reviewer].into(),
        by: PrincipalId::parse("ada@example.org").expect("an email"),
        at: "2026-11-23T10:12:00Z".parse().expect("a time"),
        until: "2026-12-23T10:12:00Z".parse().expect("a time"),
        reason: None,
    };
    SignedStatement { statement, form: SignatureForm::Ssh, signature: b"SSHSIG and more".to_vec() }
}

fn main() -> RefName {
    RefName::parse(b"refs/heads/main").expect("a name")
}

#[test]
fn the_payload_is_what_docs_formats_shows() {
    let payload = signed().statement.payload("git.example.org/payments/api", &main());
    let expected = "\
refgate approval v1
repository: git.example.org/payments/api
ref: refs/heads/main
change: sha256:9d9b1e93c18d7e7d08f3ffbd0e0b7a5b5c1f1b7c5d6f1f0c7d5b2f9f0a3f4b5c
base: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
head: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
roles: maintainer,reviewer
by: ada@example.org
at: 2026-11-23T10:12:00Z
until: 2026-12-23T10:12:00Z
";
    let change = ChangeDigest::of(b"a change").to_string();
    let expected: String = expected
        .lines()
        .map(|line| {
            if line.starts_with("change: ") {
                format!("change: {change}\n")
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    assert_eq!(String::from_utf8(payload).expect("ASCII"), expected);
}

#[test]
fn a_trailer_is_read_as_it_is_written() {
    let trailer = signed().to_trailer("Ada; Love<lace>\n");
    let message = format!("subject\n\n{trailer}\n");
    let found = crate::evidence::trailer::approvals(message.as_bytes()).expect("one reading");
    assert_eq!(found.trailers.len(), 1);
    assert!(
        found.trailers[0].value.starts_with("Ada Lovelace <ada@example.org>; roles="),
        "{found:?}"
    );
    assert_eq!(SignedStatement::parse_trailer(&found.trailers[0].value), Ok(signed()));
}

#[test]
fn a_note_line_is_read_as_it_is_written() {
    let line = signed().to_note_line(&main());
    assert_eq!(SignedStatement::parse_note_line(line.as_bytes()), Ok((signed(), main())));
    let mut rejection = signed();
    rejection.statement.decision = Decision::Rejection;
    rejection.statement.reason = Some("the lock is never released".into());
    let line = rejection.to_note_line(&main());
    assert_eq!(SignedStatement::parse_note_line(line.as_bytes()), Ok((rejection, main())));
}

#[test]
fn unsigned_trailers_are_told_from_malformed_ones() {
    assert_eq!(
        SignedStatement::parse_trailer("Ada <ada@example.org>"),
        Err(ApprovalError::Unsigned)
    );
    assert_eq!(SignedStatement::parse_trailer(""), Err(ApprovalError::Unsigned));
    let good = signed().to_trailer("Ada").replace("Approved-by: ", "").replace('\n', "");
    assert_eq!(SignedStatement::parse_trailer(&good), Ok(signed()));
    for (what, value) in [
        ("no email", good.replace("<ada@example.org>", "ada")),
        ("capital in the email", good.replace("ada@", "Ada@")),
        ("role", good.replace("maintainer,reviewer", "maintainer,owner")),
        ("roles twice", good.replace("maintainer,reviewer", "reviewer,reviewer")),
        ("roles out of order", good.replace("maintainer,reviewer", "reviewer,maintainer")),
        ("short base", good.replace("base=aaaa", "base=aaa")),
        ("digest", good.replace("sha256:", "sha1:")),
        ("field missing", good.replace("at=2026-11-23T10:12:00Z; ", "")),
        (
            "fields swapped",
            good.replace("base=", "x=").replace("head=", "base=").replace("x=", "head="),
        ),
        ("time zone", good.replace("at=2026-11-23T10:12:00Z", "at=2026-11-23T10:12:00+00:00")),
        ("fraction", good.replace("at=2026-11-23T10:12:00Z", "at=2026-11-23T10:12:00.5Z")),
        ("until before at", good.replace("until=2026-12", "until=2026-10")),
        ("scheme", good.replace("sig=ssh:", "sig=x509:")),
        ("base64", good.replace("sig=ssh:", "sig=ssh:!")),
        ("trailing field", format!("{good}; more=1")),
    ] {
        assert!(
            matches!(SignedStatement::parse_trailer(&value), Err(ApprovalError::Malformed(_))),
            "{what}: {value}"
        );
    }
}

#[test]
fn t70_t71_notes_with_repeated_missing_or_unknown_fields_are_malformed() {
    let good = signed().to_note_line(&main());
    for (what, line) in [
        ("repeated", good.replacen("{", r#"{"by":"eve@example.org","#, 1)),
        ("escaped repetition", good.replacen("{", r#"{"\u0062y":"eve@example.org","#, 1)),
        ("unknown", good.replacen("{", r#"{"note":"x","#, 1)),
        ("missing", good.replacen(r#""decision":"approval","#, "", 1)),
        ("null", good.replacen(r#""by":"ada@example.org""#, r#""by":null"#, 1)),
        ("array", format!("[{good}]")),
        ("two documents", format!("{good}{good}")),
        ("no ref name", good.replacen("refs/heads/main", "main", 1)),
        ("reason on an approval", good.replacen("{", r#"{"reason":"x","#, 1)),
        ("not UTF-8", good.replacen("ada@", "a\u{fffd}@", 1)),
    ] {
        assert!(
            matches!(
                SignedStatement::parse_note_line(line.as_bytes()),
                Err(ApprovalError::Malformed(_))
            ),
            "{what}"
        );
    }
}

#[test]
fn t40_t43_the_payload_binds_repository_and_ref() {
    let statement = signed().statement;
    let here = statement.payload("git.example.org/a", &main());
    assert_ne!(here, statement.payload("git.example.org/b", &main()));
    assert_ne!(
        here,
        statement.payload(
            "git.example.org/a",
            &RefName::parse(b"refs/heads/release/1.0").expect("a name")
        )
    );
}
