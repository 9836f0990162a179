//! What the trusted files say together.

use super::*;
use crate::signature::Validity;

fn line(principals: &str, options: &str, public_key: &[u8]) -> String {
    let key = str::from_utf8(public_key).expect("text").trim_end();
    format!("{principals} {options}{}{key}", if options.is_empty() { "" } else { " " })
}

/// One row for ada with a window, and an `allowed_signers` file.
fn both(window: Window, file: &str) -> KeyRing {
    let mut builder = KeyRingBuilder::default();
    builder.add(principal("ada"), key_ref(key_file!("ada.pub")), window, place(7));
    builder.allowed_signers("meta/allowed_signers", file.as_bytes()).expect("a good file");
    builder.build(&known(&["ada", "ben"])).expect("a good key ring")
}

#[test]
fn t31_a_key_of_two_principals_is_an_error() {
    let mut rows = KeyRingBuilder::default();
    rows.add(principal("ada"), key_ref(key_file!("ada.pub")), Window::ALWAYS, place(3));
    let digest = key_ref(key_file!("ada.pub")).ssh_fingerprint().expect("ssh");
    rows.add(principal("ben"), KeyRef::SshFingerprint(digest), Window::ALWAYS, place(4));
    let key = KeyRef::SshFingerprint(digest);
    assert_eq!(
        messages(rows.build(&known(&["ada", "ben"]))),
        [format!(
            "meta/STRUCTURE.md:4: the key {key} of ben@example.org is also that of \
             ada@example.org (meta/STRUCTURE.md:3)"
        )]
    );

    let in_one_line = line("ada@example.org,ben@example.org", "", key_file!("ada.pub"));
    let in_two_lines = format!(
        "{}\n{}",
        line("ada@example.org", "", key_file!("ada.pub")),
        line("ben@example.org", "namespaces=\"git\"", key_file!("ada.pub")),
    );
    for (file, at) in [(in_one_line, 1), (in_two_lines, 2)] {
        assert_eq!(
            messages(allowed(&["ada", "ben"], &file)),
            [format!(
                "meta/allowed_signers:{at}: the key {key} of ben@example.org is also that of \
                 ada@example.org (meta/allowed_signers:1)"
            )]
        );
        allowed(&["ada"], &file).expect("nobody knows ben");
    }
    let mut across = KeyRingBuilder::default();
    across.add(principal("ben"), key_ref(key_file!("ada.pub")), Window::ALWAYS, place(5));
    let file = line("ada@example.org", "", key_file!("ada.pub"));
    across.allowed_signers("meta/allowed_signers", file.as_bytes()).expect("good");
    assert_eq!(messages(across.build(&known(&["ada", "ben"]))).len(), 1);
}

#[test]
fn t30_the_same_key_in_two_rows_of_one_principal_is_one_key() {
    let mut builder = KeyRingBuilder::default();
    for at in [3, 9] {
        builder.add(principal("ada"), key_ref(key_file!("ada.pub")), Window::ALWAYS, place(at));
    }
    let ring = builder.build(&known(&["ada"])).expect("one person may have two roles");
    let first = verify(&ring, key_file!("signatures/ada.sig")).expect("good");
    let again = verify(&ring, key_file!("signatures/ada-sha256.sig")).expect("good");
    assert_eq!((first.principal(), first.key()), (again.principal(), again.key()));
}

#[test]
fn t46_every_row_of_a_key_must_permit_it() {
    let key = KeyRef::SshFingerprint(key_ref(key_file!("ada.pub")).ssh_fingerprint().expect("ssh"));
    for (state, problem) in [
        (KeyState::Retired, SignatureProblem::Retired { key: key.clone(), place: place(9) }),
        (
            KeyState::Compromised,
            SignatureProblem::Compromised { key: key.clone(), place: place(9) },
        ),
    ] {
        let mut builder = KeyRingBuilder::default();
        builder.add(principal("ada"), key.clone(), Window::ALWAYS, place(3));
        builder.add(principal("ada"), key.clone(), Window { state, ..Window::ALWAYS }, place(9));
        let ring = builder.build(&known(&["ada"])).expect("good");
        assert_eq!(verify(&ring, key_file!("signatures/ada.sig")), Err(problem));
    }
}

#[test]
fn t45_a_key_must_be_valid_now_and_when_it_signed() {
    let window = Window {
        from: Some(time("2026-03-01T00:00:00Z")),
        until: Some(time("2026-09-01T00:00:00Z")),
        state: KeyState::Active,
    };
    let file = line(
        "ada@example.org",
        "valid-after=\"20260301Z\",valid-before=\"20260831235959Z\"",
        key_file!("ada.pub"),
    );
    let listed = allowed(&["ada"], &file).expect("good");
    let row = both(window, "");
    let blob = blob(key_file!("signatures/ada.sig"));
    for (ring, at) in
        [(row, place(7)), (listed, Place { file: "meta/allowed_signers".into(), line: 1 })]
    {
        let judge = |made_at: &str, now: &str| {
            ring.verify(&Claim { made_at: Some(time(made_at)), now: time(now), ..claim(&blob) })
        };
        judge("2026-03-01T00:00:00Z", "2026-08-31T23:59:59.999Z").expect("both ends");
        let expired = judge("2026-06-01T00:00:00Z", "2026-09-01T00:00:00Z").expect_err("expired");
        assert!(
            matches!(&expired, SignatureProblem::Expired { of: Validity::Listed(p), at: t, .. }
                if *p == at && *t == time("2026-09-01T00:00:00Z")),
            "{expired:?}"
        );
        let early = judge("2026-02-28T23:59:59Z", "2026-06-01T00:00:00Z").expect_err("early");
        assert!(
            matches!(&early, SignatureProblem::NotYetValid { of: Validity::Listed(p), at: t, .. }
                if *p == at && *t == time("2026-02-28T23:59:59Z")),
            "{early:?}"
        );
    }
}

#[test]
fn both_files_must_permit_a_key_that_both_list() {
    let signature = key_file!("signatures/ada.sig");
    let file = line("ada@example.org", "namespaces=\"git\"", key_file!("ada.pub"));
    assert!(matches!(
        verify(&both(Window::ALWAYS, &file), signature),
        Err(SignatureProblem::NamespaceNotPermitted { namespace: Namespace::Refgate, .. })
    ));
    let two_lines =
        format!("{file}\n{}", line("ada@example.org", "namespaces=\"re*\"", key_file!("ada.pub")));
    verify(&both(Window::ALWAYS, &two_lines), signature).expect("the second line permits it");
    let nobody = line("zoe@example.org", "namespaces=\"git\"", key_file!("ada.pub"));
    verify(&both(Window::ALWAYS, &nobody), signature).expect("the line is about nobody known");
    let retired = Window { state: KeyState::Retired, ..Window::ALWAYS };
    let open = line("ada@example.org", "", key_file!("ada.pub"));
    assert!(matches!(
        verify(&both(retired, &open), signature),
        Err(SignatureProblem::Retired { .. })
    ));
}

#[test]
fn one_line_must_permit_both_times() {
    let half = |options| line("ada@example.org", options, key_file!("ada.pub"));
    let file =
        format!("{}\n{}", half("valid-before=\"20260601Z\""), half("valid-after=\"20260602Z\""));
    let ring = allowed(&["ada"], &file).expect("good");
    let blob = blob(key_file!("signatures/ada.sig"));
    let judge = |made_at: &str, now: &str| {
        ring.verify(&Claim { made_at: Some(time(made_at)), now: time(now), ..claim(&blob) })
    };
    judge("2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z").expect("the first line");
    judge("2026-06-03T00:00:00Z", "2026-06-04T00:00:00Z").expect("the second line");
    judge("2026-05-01T00:00:00Z", "2026-06-04T00:00:00Z").expect_err("neither line");
}

#[test]
fn a_line_gives_unknown_names_nothing() {
    let file = line("ada@example.org", "", key_file!("ada.pub"));
    let ring = allowed(&["ben"], &file).expect("good");
    assert!(matches!(
        verify(&ring, key_file!("signatures/ada.sig")),
        Err(SignatureProblem::UnknownKey { .. })
    ));
    let ring = allowed(&["ada"], &file).expect("good");
    verify(&ring, key_file!("signatures/ada.sig")).expect("known");
}

#[test]
fn rows_name_keys_that_can_prove_something() {
    let mut builder = KeyRingBuilder::default();
    builder.add(principal("ada"), key_ref(key_file!("rsa-1024.pub")), Window::ALWAYS, place(2));
    builder.add(principal("ada"), key_ref(key_file!("dsa.pub")), Window::ALWAYS, place(3));
    builder.add(principal("zoe"), key_ref(key_file!("ben.pub")), Window::ALWAYS, place(4));
    let KeyRef::SshPublicKey(mut blob) = key_ref(key_file!("cleo.pub")) else { panic!("a line") };
    blob.push(0);
    builder.add(principal("ada"), KeyRef::SshPublicKey(blob), Window::ALWAYS, place(5));
    let key = key_ref(key_file!("ben.pub"));
    assert_eq!(
        messages(builder.build(&known(&["ada"]))),
        [
            "meta/STRUCTURE.md:2: weak key: RSA with 1024 bits, expected 2048 to 8192".to_owned(),
            "meta/STRUCTURE.md:3: unsupported public key type: \"ssh-dss\"".to_owned(),
            format!("meta/STRUCTURE.md:4: the key {key} is listed for zoe@example.org, who is not known"),
            "meta/STRUCTURE.md:5: malformed key: public key: expected nothing after its last field, \
             found 1 more byte".to_owned(),
        ]
    );
}

#[test]
fn an_openpgp_fingerprint_needs_its_certificate() {
    let mut builder = KeyRingBuilder::default();
    let key = KeyRef::OpenPgp(vec![0xab; 20]);
    builder.add(principal("ada"), key.clone(), Window::ALWAYS, place(6));
    let faults = builder.build(&known(&["ada"])).expect_err("no certificate");
    assert_eq!(
        faults,
        [Diagnostic::new(
            "meta/STRUCTURE.md",
            6,
            format!("no certificate in meta/keyring has the fingerprint {key}")
        )
        .help(format!("gpg --armor --export {key} > meta/keyring/ada@example.org.asc"))]
    );
}

#[test]
fn a_sigstore_identity_needs_a_trusted_root() {
    let mut builder = KeyRingBuilder::default();
    let key = KeyRef::parse("sigstore:https://token.example.org ci@example.org").expect("a key");
    builder.add(principal("ada"), key.clone(), Window::ALWAYS, place(6));
    assert_eq!(
        messages(builder.build(&known(&["ada"]))),
        [format!("meta/STRUCTURE.md:6: {key} is listed without a trusted root")]
    );
}

#[cfg(not(feature = "sigstore"))]
#[test]
fn without_sigstore_its_bundles_are_unsupported() {
    let verify = |builder: KeyRingBuilder| {
        let ring = builder.build(&known(&["ada"])).expect("a key ring");
        let claim = Claim { signature: Encoded::Sigstore(b"{}"), ..claim(b"SSHSIG") };
        ring.verify(&claim).expect_err("a bundle").to_string()
    };
    assert_eq!(
        verify(KeyRingBuilder::default()),
        "unsupported signature scheme: a Sigstore bundle, and no row lists a Sigstore identity"
    );
    let mut builder = KeyRingBuilder::default();
    let key = KeyRef::parse("sigstore:https://token.example.org ci@example.org").expect("a key");
    builder.add(principal("ada"), key, Window::ALWAYS, place(6));
    builder.sigstore_root("root.json", b"any").expect("not looked at");
    assert_eq!(
        verify(builder),
        "unsupported signature scheme: a Sigstore bundle, which this build leaves out"
    );
}

#[cfg(not(feature = "openpgp"))]
#[test]
fn without_openpgp_its_signatures_are_unsupported() {
    let packets = crate::signature::dearmor_openpgp(key_file!("signatures/openpgp-ada.asc"));
    let ring = ring(&[("ada", key_file!("ada.pub"))]);
    assert!(matches!(
        ring.verify(&claim(&packets.expect("armour"))),
        Err(SignatureProblem::Unsupported(_))
    ));
}
