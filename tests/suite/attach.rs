//! `refgate attach` and `refgate evidence`.

use serde_json::Value;

use crate::support::world::{Person, World, corpus};

const CLEAN: &str = "sarif/bandit-1.9.4-clean-nofindings.sarif";
const DIRTY: &str = "sarif/bandit-1.9.4-pyapp.sarif";
const PASSED: &str = "junit/pytest-9.2.0-smoke-allpass.xml";
const FAILED: &str = "junit/pytest-9.2.0-pyapp.xml";
const SBOM: &str = "cyclonedx/syft-1.18.1-jsapp-1.6.cdx.json";

const EVIDENCE: &str = "refs/notes/refgate/evidence";

/// CI with a proposed commit of dana's.
fn proposed(world: &World) -> (Person<'_>, String) {
    let commit = world.person("dana").propose("retry");
    let ci = world.person("ci");
    ci.git(&["fetch", "-q", "origin"]);
    (ci, commit)
}

fn shown(person: &Person<'_>, commit: &str) -> Vec<Value> {
    let said = person.refgate(&["evidence", "show", "--format", "json", commit]);
    said.accepted();
    let shown: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(shown["commit"], person.git(&["rev-parse", commit]));
    shown["evidence"].as_array().expect("a list").clone()
}

#[test]
fn attach_shows_what_it_read_and_what_the_gates_will_say() {
    let world = World::new();
    let (ci, commit) = proposed(&world);
    let large = std::fs::read_to_string(corpus(SBOM)).expect("a file") + &" ".repeat(10_000);
    ci.write("large.json", large);
    let unit = format!("unit={}", corpus(FAILED));
    let none = format!("smoke={}", corpus("junit/pytest-9.2.0-nothing-collected.xml"));
    let args = [
        "attach",
        "--dry-run",
        "--sast",
        &corpus(DIRTY),
        "--sbom",
        "large.json",
        "--tests",
        &unit,
        "--tests",
        &none,
        &commit,
    ];
    let said = ci.refgate(&args);
    said.accepted();
    let columns = |line: &str| -> Vec<String> {
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(Into::into).collect()
    };
    let rows: Vec<Vec<String>> = said.out.lines().map(columns).collect();
    assert_eq!(rows[0], ["kind", "tool", "says", "size", "form", "file"], "{said}");
    assert_eq!(rows[1][..2], ["sast", "Bandit 1.9.4"], "{said}");
    assert!(rows[1][2].contains(" high, "), "{said}");
    assert_eq!((rows[2][0].as_str(), rows[2][4].as_str()), ("sbom", "referenced"), "{said}");
    assert_eq!(rows[3][2], "7 passed, 5 failed, 2 skipped", "{said}");
    assert_eq!(rows[4][2], "no tests", "{said}");
    for warning in [
        "will not count as tests:smoke: ",
        "warning: gate scan will refuse it: ",
        "warning: gate tests will refuse it: 5 tests failed",
    ] {
        assert!(said.err.contains(warning), "{warning}: {said}");
    }
    assert!(!ci.try_git(&["rev-parse", "--verify", EVIDENCE]).ok, "a dry run wrote something");
    let clean = ci.refgate(&["attach", "--dry-run", "--sast", &corpus(CLEAN), &commit]);
    assert_eq!(clean.err, "", "{clean}");
    let wrong = ci.refgate(&["attach", "--dry-run", "--sast", &corpus(PASSED), &commit]);
    assert_eq!((wrong.code, wrong.out.as_str()), (Some(2), ""), "{wrong}");
}

#[test]
fn attach_says_when_the_key_does_not_count() {
    let world = World::new();
    let (_, commit) = proposed(&world);
    let ben = world.person("ben");
    ben.git(&["fetch", "-q", "origin"]);
    let said = ben.refgate(&["attach", "--sast", &corpus(CLEAN), &commit]);
    said.accepted();
    assert!(
        said.err.contains("the server will not count it: ben@example.org may not speak for sast"),
        "{said}"
    );
    ben.push(&[EVIDENCE]).refused(&["notes-untrusted"]);
}

#[test]
fn lines_of_strangers_in_the_clone_are_named_with_a_way_out() {
    let world = World::new();
    let (ci, commit) = proposed(&world);
    let stranger = world.path("keys/mallory").display().to_string();
    let attach = |args: &[&str]| {
        ci.refgate(&[&["attach", "--sast", &corpus(CLEAN)], args, &[&commit]].concat())
    };
    let said = attach(&["--key", &stranger]);
    said.accepted();
    let warning = format!("no trusted file lists the key {}", world.fingerprint("mallory"));
    assert!(said.err.contains(&format!("the server will not count it: {warning}")), "{said}");
    let refused = attach(&["--push"]);
    assert_eq!(refused.code, Some(1), "{refused}");
    let way_out = format!("git update-ref -d {EVIDENCE}");
    for words in ["error[notes-untrusted]", &world.fingerprint("mallory"), &way_out] {
        assert!(refused.err.contains(words), "{words}: {refused}");
    }
    ci.git(&["update-ref", "-d", EVIDENCE]);
    attach(&["--push"]).accepted();
    let items = shown(&ci, &commit);
    assert_eq!((items.len(), &items[0]["counts"]), (1, &Value::Bool(true)), "{items:#?}");
}

#[test]
fn a_report_that_names_another_commit_is_refused() {
    let world = World::new();
    let (ci, commit) = proposed(&world);
    let report = |revision: &str| {
        let text = std::fs::read_to_string(corpus(CLEAN)).expect("a report");
        let mut log: Value = serde_json::from_str(&text).expect("JSON");
        log["runs"][0]["versionControlProvenance"] = serde_json::json!([{ "repositoryUri": "https://example.org/x", "revisionId": revision }]);
        ci.write("report.sarif", log.to_string());
        ci.refgate(&["attach", "--sast", "report.sarif", &commit])
    };
    let said = report(&"a".repeat(40));
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("report.sarif says it is about aaaaaaaa"), "{said}");
    assert!(said.err.contains(&format!("not about {}", &commit[..12])), "{said}");
    let parent = ci.git(&["rev-parse", &format!("{commit}~1")]);
    assert_eq!(report(&parent).code, Some(2));
    report(&commit).accepted();
    report(&commit[..10]).accepted();
    report("main").accepted();
    // A commit that CI made of the same tree, as for a merge that nobody has made yet.
    let tree = format!("{commit}^{{tree}}");
    let twin = ci.git(&["commit-tree", "-m", "twin", &tree]);
    report(&twin).accepted();
}

#[test]
fn evidence_on_a_tree_serves_every_commit_that_has_it() {
    let world = World::new();
    let (ci, commit) = proposed(&world);
    let tree = ci.git(&["rev-parse", &format!("{commit}^{{tree}}")]);
    ci.refgate(&["attach", "--push", "--tree", "--sast", &corpus(CLEAN), &tree]).accepted();
    let wrong = ci.refgate(&["attach", "--tree", "--sast", &corpus(CLEAN), "no-such-thing"]);
    assert!(wrong.err.contains("names no tree here"), "{wrong}");
    let twin = ci.git(&["commit-tree", "-m", "other words", &tree]);
    for commit in [&commit, &twin] {
        let items = shown(&ci, commit);
        assert_eq!((items.len(), &items[0]["counts"]), (1, &Value::Bool(true)), "{items:#?}");
    }
}

#[test]
fn show_lists_all_evidence_and_why_some_of_it_does_not_count() {
    let world = World::new();
    let (ci, commit) = proposed(&world);
    let unit = format!("unit={}", corpus(FAILED));
    ci.refgate(&["attach", "--sast", &corpus(DIRTY), "--tests", &unit, &commit]).accepted();
    // Times are in whole seconds, and a newer run replaces an older one.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    ci.refgate(&["attach", "--push", "--sast", &corpus(CLEAN), &commit]).accepted();
    let items = shown(&ci, &commit);
    let find = |counts: bool, kind: &str| {
        let mut found = items.iter().filter(|i| i["counts"] == counts && i["kind"] == kind);
        found.next().unwrap_or_else(|| panic!("{kind} {counts}: {items:#?}")).clone()
    };
    let old = find(false, "sast");
    assert_eq!(old["why"], "a newer run replaces it");
    assert!(old["findings"]["high"].as_u64() > Some(0), "{old}");
    let new = find(true, "sast");
    assert_eq!(new["by"], serde_json::json!(["ci@example.org"]));
    assert_eq!(
        (&new["form"], &new["format"], &new["age-days"]),
        (&"native".into(), &"sarif".into(), &0.into())
    );
    assert_eq!(new["tools"][0]["name"], "Bandit");
    assert_eq!(find(true, "tests:unit")["tests"]["failed"], 3);
    let text = ci.refgate(&["evidence", "show", &commit]);
    text.accepted();
    assert!(text.out.starts_with(&format!("commit {commit}, tree ")), "{text}");
    assert!(text.out.contains("    a newer run replaces it"), "{text}");
    let nothing = ci.refgate(&["evidence", "show", "origin/main"]);
    assert!(nothing.out.ends_with("no evidence\n"), "{nothing}");
}

#[test]
fn reports_come_out_byte_for_byte() {
    let world = World::new();
    let (ci, commit) = proposed(&world);
    let with_mark =
        [b"\xef\xbb\xbf".as_slice(), &std::fs::read(corpus(CLEAN)).expect("read")].concat();
    ci.write("mark.sarif", &with_mark);
    let blanks =
        [b"\r\n ".as_slice(), &std::fs::read(corpus(CLEAN)).expect("read"), b"\t\n\n"].concat();
    ci.write("blanks.sarif", &blanks);
    let large = std::fs::read_to_string(corpus(SBOM)).expect("a file") + &" ".repeat(10_000);
    ci.write("large.json", &large);
    let unit = format!("unit={}", corpus(PASSED));
    ci.refgate(&[
        "attach",
        "--push",
        "--sast",
        &corpus(CLEAN),
        "--sast",
        "mark.sarif",
        "--sast",
        "blanks.sarif",
        "--sbom",
        &corpus(SBOM),
        "--sbom",
        "large.json",
        "--tests",
        &unit,
        &commit,
    ])
    .accepted();
    let dana = world.person("dana");
    let exported = dana.refgate(&["evidence", "export", "--output", "reports", &commit]);
    exported.accepted();
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(dana.dir().join("reports"))
        .expect("a directory")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(path).expect("a file"))
        })
        .collect();
    files.sort();
    let mut expected: Vec<Vec<u8>> = vec![with_mark, blanks, large.into_bytes()];
    for file in [CLEAN, SBOM, PASSED] {
        expected.push(std::fs::read(corpus(file)).expect("a file"));
    }
    let mut found: Vec<Vec<u8>> = files.iter().map(|(_, bytes)| bytes.clone()).collect();
    expected.sort();
    found.sort();
    assert!(
        found == expected,
        "{:?}\n{exported}",
        files.iter().map(|(name, _)| name).collect::<Vec<_>>()
    );
    assert_eq!(exported.out.lines().count(), 6, "{exported}");
    dana.refgate(&["evidence", "export", "--output", "reports", &commit]).accepted();
    dana.write(&format!("reports/{}", files[0].0), "something else");
    let again = dana.refgate(&["evidence", "export", "--output", "reports", &commit]);
    assert_eq!(again.code, Some(2), "files are never overwritten: {again}");
    let nothing = dana.refgate(&["evidence", "export", "origin/main"]);
    assert_eq!(nothing.code, Some(2), "{nothing}");
}
