//! Every judgement of a real push is recorded, and nobody changes the record unseen.

use std::fs;

use serde_json::Value;

use crate::support::world::{Said, World};

fn ledger(world: &World, args: &[&str]) -> Said {
    let mut all = vec!["-C".to_owned(), world.server().to_string_lossy().into_owned()];
    all.push("ledger".into());
    all.extend(args.iter().map(|arg| (*arg).to_owned()));
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    world.refgate(&world.path("."), &all)
}

fn listed(world: &World, args: &[&str]) -> Vec<Value> {
    let said = ledger(world, &[&["list", "--format", "json"], args].concat());
    said.accepted();
    serde_json::from_str(&said.out).expect("JSON")
}

fn file(world: &World) -> std::path::PathBuf {
    world.server().join("refgate/ledger.jsonl")
}

/// A change that is refused twice and then lands.
fn land(world: &World) -> String {
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    assert!(!dana.push(&["retry:main"]).ok);
    world.ci_passes(&commit);
    assert!(!dana.push(&["retry:main"]).ok);
    world.reviewers_approve(&commit);
    dana.push(&["retry:main"]).accepted();
    commit
}

#[test]
fn accepted_and_refused_pushes_are_recorded_and_landings_marked() {
    let world = World::new();
    let commit = land(&world);
    let main = listed(&world, &["--ref", "refs/heads/main"]);
    let answers: Vec<&str> = main.iter().map(|e| e["answer"].as_str().expect("a word")).collect();
    assert_eq!(answers, ["accepted", "refused", "refused", "accepted"], "newest first");
    assert_eq!(main[0]["landed"], true);
    assert_eq!(main[1]["codes"], serde_json::json!(["review-approval-missing"]));
    // Evidence refs are recorded too; unprotected branches are nobody's business.
    assert!(!listed(&world, &["--ref", "refs/notes/refgate/evidence"]).is_empty());
    assert!(listed(&world, &["--ref", "refs/heads/retry"]).is_empty());
    assert!(listed(&world, &["--unlanded"]).is_empty());
    assert_eq!(listed(&world, &["--code", "scan-evidence-missing"]).len(), 1);
    assert_eq!(listed(&world, &["--verdict", "refused", "--limit", "1"]).len(), 1);
    let number = main[1]["number"].to_string();
    let older = listed(&world, &["--before", &number]);
    assert!(older.iter().all(|e| e["number"].as_u64() < main[1]["number"].as_u64()));

    let id = main[0]["id"].as_str().expect("an id");
    let shown = ledger(&world, &["show", id]);
    shown.accepted();
    let shown: Value = serde_json::from_str(&shown.out).expect("JSON");
    let judged = &shown["event"]["judged"];
    assert_eq!(judged["updates"][0]["new"], commit.as_str());
    let kinds: Vec<&str> = judged["verdict"]["refs"][0]["gates"]
        .as_array()
        .expect("gates")
        .iter()
        .flat_map(|gate| gate["rests-on"].as_array().expect("evidence"))
        .filter_map(|evidence| evidence["kind"].as_str())
        .collect();
    for kind in ["sast", "sbom", "dependencies", "tests:unit", "approval"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert!(judged["verdict"]["trusted"]["commit"].is_string());
}

#[test]
fn exports_hold_what_was_asked_for() {
    let world = World::new();
    land(&world);
    let csv = ledger(&world, &["export", "--format", "csv", "--ref", "refs/heads/main"]);
    csv.accepted();
    let lines: Vec<&str> = csv.out.lines().collect();
    assert_eq!(lines[0], "repository,number,time,verdict,answer,landed,refs,codes");
    assert_eq!(lines.len(), 5, "{csv}");
    assert!(lines[4].contains(",accepted,true,refs/heads/main,"), "{csv}");
    let jsonl = ledger(&world, &["export"]);
    jsonl.accepted();
    assert_eq!(jsonl.out, fs::read_to_string(file(&world)).expect("the ledger"));
}

#[test]
fn an_edit_breaks_the_chain_and_a_cut_end_shows_against_a_kept_head() {
    let world = World::new();
    land(&world);
    let whole = ledger(&world, &["verify"]);
    whole.accepted();
    let head = whole.out.lines().find_map(|l| l.strip_prefix("head ")).expect("a head").to_owned();
    ledger(&world, &["verify", "--head", &head]).accepted();
    let text = fs::read_to_string(file(&world)).expect("the ledger");

    fs::write(file(&world), text.replacen("refused", "accepted", 1)).expect("written");
    let edited = ledger(&world, &["verify"]);
    assert_eq!(edited.code, Some(1), "{edited}");
    assert!(edited.err.contains("lines were changed, removed, added or moved here"), "{edited}");
    assert_eq!(ledger(&world, &["list"]).code, Some(2), "an index of a broken ledger says so");

    let cut: Vec<&str> = text.lines().collect();
    fs::write(file(&world), cut[..cut.len() - 1].join("\n") + "\n").expect("written");
    ledger(&world, &["verify"]).accepted();
    let cut = ledger(&world, &["verify", "--head", &head]);
    assert_eq!(cut.code, Some(1), "{cut}");
    assert!(cut.err.contains("does not hold the head"), "{cut}");
}

#[test]
fn the_index_is_rebuilt_when_it_is_damaged() {
    let world = World::new();
    land(&world);
    let before = listed(&world, &[]);
    fs::write(
        world.server().join("refgate/index.sqlite"),
        "this is no database, whatever its name says",
    )
    .expect("written");
    let said = ledger(&world, &["list", "--format", "json"]);
    said.accepted();
    assert!(said.err.contains("the index was rebuilt from the ledger"), "{said}");
    assert_eq!(serde_json::from_str::<Vec<Value>>(&said.out).expect("JSON"), before);
}

#[test]
fn t122_what_cannot_be_recorded_is_not_accepted() {
    let world = World::new();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.ci_passes(&commit);
    world.reviewers_approve(&commit);
    let before = world.refs();
    let settings = world.server().join("refgate.toml");
    let text = fs::read_to_string(&settings).expect("settings");
    fs::write(&settings, format!("{text}\n[ledger]\ndirectory = \"/dev/null/refgate\"\n"))
        .expect("written");
    let refused = dana.push(&["retry:main"]);
    assert!(!refused.ok, "{refused}");
    assert!(refused.err.contains("refgate cannot judge this push, so it is refused"), "{refused}");
    assert!(refused.err.contains("recording in /dev/null/refgate"), "{refused}");
    assert_eq!(world.refs(), before);
    fs::write(&settings, text).expect("written");
    dana.push(&["retry:main"]).accepted();
}

#[test]
fn a_push_that_cannot_be_judged_is_recorded() {
    let world = World::new();
    // An administrator breaks the trusted files on the server itself.
    let ada = world.person("ada");
    ada.topic("broken");
    ada.write("meta/STRUCTURE.md", "# Nobody\n");
    let broken = ada.commit("Break it");
    ada.push(&["broken"]).accepted();
    world.server_git(&["update-ref", "refs/heads/main", &broken]);
    ada.commit("more");
    assert!(!ada.push(&["broken:main"]).ok);
    let listed = listed(&world, &["--verdict", "cannot-judge"]);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["refs"], serde_json::json!(["refs/heads/main"]));
}

#[test]
fn t149_a_push_that_a_later_hook_refuses_is_judged_and_never_landed() {
    let world = World::new();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.ci_passes(&commit);
    world.reviewers_approve(&commit);
    let update = world.server().join("hooks/update");
    fs::write(&update, "#!/bin/sh\nexit 1\n").expect("written");
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(&update, fs::Permissions::from_mode(0o755)).expect("executable");
    assert!(!dana.push(&["retry:main"]).ok);
    let unlanded = listed(&world, &["--unlanded"]);
    assert_eq!(unlanded.len(), 1);
    fs::remove_file(&update).expect("removed");
    dana.push(&["retry:main"]).accepted();
    let main = listed(&world, &["--ref", "refs/heads/main", "--verdict", "accepted"]);
    assert_eq!(main[0]["landed"], true);
    assert_eq!(main[1]["landed"], false, "the first one stays what it was");
}

#[test]
fn the_index_is_rebuilt_when_it_is_damaged_inside() {
    let world = World::new();
    land(&world);
    let before = listed(&world, &[]);
    let index = world.server().join("refgate/index.sqlite");
    let mut bytes = fs::read(&index).expect("an index");
    // The head of the file is good; the table that answers is not.
    let page = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    assert!(bytes.len() > 4 * page, "{} bytes", bytes.len());
    bytes[2 * page..].fill(0xa5);
    fs::write(&index, bytes).expect("written");
    let said = ledger(&world, &["list", "--format", "json"]);
    said.accepted();
    assert!(said.err.contains("the index was rebuilt from the ledger"), "{said}");
    assert_eq!(serde_json::from_str::<Vec<Value>>(&said.out).expect("JSON"), before);
    let again = ledger(&world, &["list"]);
    assert!(!again.err.contains("rebuilt"), "once is enough: {again}");
}

#[test]
fn lines_in_another_order_or_cut_in_the_middle_are_named() {
    let world = World::new();
    land(&world);
    let text = fs::read_to_string(file(&world)).expect("the ledger");
    let lines: Vec<&str> = text.lines().collect();
    let swapped = {
        let mut lines = lines.clone();
        lines.swap(1, 2);
        lines.join("\n") + "\n"
    };
    let missing = [&lines[..2], &lines[3..]].concat().join("\n") + "\n";
    let halved = text.replacen(lines[2], &lines[2][..lines[2].len() / 2], 1);
    for (what, text, place) in
        [("swapped", swapped, ":2:"), ("missing", missing, ":3:"), ("halved", halved, ":3:")]
    {
        fs::write(file(&world), text).expect("written");
        let said = ledger(&world, &["verify"]);
        assert_eq!(said.code, Some(1), "{what}: {said}");
        assert!(said.err.contains(&format!("ledger.jsonl{place}")), "{what}: {said}");
        assert!(said.err.contains("the ledger is broken"), "{what}: {said}");
        let audit = ["audit", "report", "none.json"];
        assert_eq!(world.refgate(&world.path("."), &audit).code, Some(2), "{what}");
        assert_eq!(ledger(&world, &["export"]).code, Some(2), "{what}");
    }
}

#[test]
fn a_clock_that_jumps_stops_pushes_until_the_ledger_is_put_aside_and_nothing_is_lost() {
    let world = World::new();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.ci_passes(&commit);
    world.reviewers_approve(&commit);
    // The clock was a year ahead for one record, and was set right.
    let directory = world.server().join("refgate");
    let ahead = refgate::clock::now() + jiff::SignedDuration::from_hours(24 * 365);
    let line = refgate::ledger::Event::Recovered { bytes: String::new() };
    refgate::ledger::Ledger::new(directory.clone(), None).append(ahead, line).expect("recorded");
    let before = world.refs();
    let said = dana.push(&["retry:main"]);
    assert!(!said.ok, "{said}");
    assert!(said.err.contains("record was made at"), "{said}");
    assert_eq!(world.refs(), before);
    // As docs/recovery.md says.
    let aside = world.server().join("refgate-ahead");
    fs::create_dir(&aside).expect("made");
    fs::rename(file(&world), aside.join("ledger.jsonl")).expect("moved");
    dana.push(&["retry:main"]).accepted();
    ledger(&world, &["verify"]).accepted();
    let old = ledger(&world, &["verify", "--ledger", &aside.to_string_lossy()]);
    old.accepted();
    let all = listed(&world, &[]);
    assert_eq!(all.len(), 1, "the index is of the new ledger: {all:#?}");
}
