//! `refgate install --hard` and `--watch`: what happens where the hook that judges is gone, or passed by.

use crate::support::wire;
use crate::support::world::{World, structure};
use crate::support::{command, output};
use crate::threats_refs::REVIEW;

fn install(world: &World, more: &[&str]) {
    let server = world.server().to_string_lossy().into_owned();
    world.refgate(&world.path("."), &[&["install"], more, &[&server]].concat()).accepted();
}

fn remove_hook(world: &World, name: &str) {
    std::fs::remove_file(world.server().join("hooks").join(name)).expect("removed");
}

fn records_of(world: &World, event: &str) -> usize {
    let ledger =
        std::fs::read_to_string(world.server().join("refgate/ledger.jsonl")).expect("a ledger");
    ledger.matches(&format!("\"event\":{{\"{event}\"")).count()
}

/// Runs git on the server, past every push.
fn on_server(world: &World, args: &[&str]) -> bool {
    output(command("git").arg("-C").arg(world.server()).args(args)).status.success()
}

/// A server whose refs are in a reftable.
fn on_a_reftable() -> World {
    crate::reftable::required();
    let world = World::empty(&["--ref-format=reftable"]);
    world.bootstrap(REVIEW, &structure());
    world
}

#[test]
fn t141_with_a_second_lock_git_refuses_when_hooks_are_gone() {
    a_second_lock(&World::with(REVIEW, &structure()));
}

#[test]
fn t141_a_second_lock_on_a_reftable() {
    a_second_lock(&on_a_reftable());
}

fn a_second_lock(world: &World) {
    let config = std::fs::read_to_string(world.server().join("config")).expect("a file");
    install(world, &["--hard"]);
    let locked = world.server_git(&["config", "--get-all", "receive.procReceiveRefs"]);
    assert_eq!(locked.lines().next(), Some("refs/heads/main"), "{locked}");
    install(world, &["--hard"]);
    assert_eq!(world.server_git(&["config", "--get-all", "receive.procReceiveRefs"]), locked);
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.refuses(&["review-approval-missing"], || dana.push(&["retry:main"]));
    world.reviewers_approve(&commit);
    let landed = records_of(world, "landed");
    dana.push(&["retry:main", "retry:refs/heads/other"]).accepted();
    assert_eq!(world.on_server("refs/heads/main"), Some(commit));
    assert_eq!(records_of(world, "landed"), landed + 1);

    // Without the first lock the second judges, and its reason stands behind the ref.
    remove_hook(world, "pre-receive");
    let next = dana.propose("more");
    let before = world.refs();
    let said = dana.push(&["more:main"]);
    said.refused(&["review-approval-missing"]);
    assert!(said.err.contains("(refgate: review-approval-missing)"), "{said}");
    assert_eq!(world.refs(), before, "{said}");
    let said =
        wire::push(&world.server(), &[(&"0".repeat(40), &"0".repeat(40), b"refs/heads/main")]);
    assert!(!said.ok || said.err.contains("ref-deleted"), "{said}");
    assert_eq!(world.refs(), before, "{said}");
    for who in ["cleo", "ben"] {
        world.person(who).approves(&next);
    }
    dana.push(&["more:main"]).accepted();

    // Without both git refuses what is protected, and nothing else.
    remove_hook(world, "proc-receive");
    dana.propose("last");
    let tip = world.on_server("refs/heads/main");
    let said = dana.push(&["last:main"]);
    assert!(!said.ok && world.on_server("refs/heads/main") == tip, "{said}");
    dana.push(&["last:refs/heads/another"]).accepted();
    let server = world.server().to_string_lossy().into_owned();
    let said = world.refgate(&world.path("."), &["doctor", "--no-push", &server]);
    assert!(said.code == Some(1) && said.out.contains("hooks/proc-receive is not there"), "{said}");

    install(world, &["--hard"]);
    world.refgate(&world.path("."), &["uninstall", &server]).accepted();
    let after = std::fs::read_to_string(world.server().join("config")).expect("a file");
    assert!(!after.contains("procReceiveRefs"), "{after}");
    assert_eq!(after.lines().next(), config.lines().next());
    assert!(!world.server().join("hooks/proc-receive").exists());
}

#[test]
fn t144_the_watch_sees_moves_that_no_push_brought_and_breaks_no_upkeep() {
    the_watch(&World::with(REVIEW, &structure()));
}

#[test]
fn t144_the_watch_on_a_reftable() {
    the_watch(&on_a_reftable());
}

fn the_watch(world: &World) {
    install(world, &["--watch"]);
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.reviewers_approve(&commit);
    let first = world.on_server("refs/heads/main").expect("a tip");
    dana.push(&["retry:main"]).accepted();
    assert_eq!(records_of(world, "moved"), 0, "a push that was judged is no move past the hook");
    for upkeep in
        [&["pack-refs", "--all"][..], &["gc", "-q", "--prune=now"], &["pack-refs", "--all"]]
    {
        assert!(on_server(world, upkeep), "{upkeep:?}");
    }
    assert!(on_server(world, &["update-ref", "refs/heads/side", &first]));
    assert_eq!(records_of(world, "moved"), 0, "nobody protects refs/heads/side");
    assert!(on_server(world, &["update-ref", "refs/heads/release/1.0", &first]));
    assert_eq!(records_of(world, "moved"), 1, "a release branch that nobody pushed");
    // What was pushed was judged: going back to it is not.
    assert!(on_server(world, &["update-ref", "refs/heads/main", &format!("{first}~0^{{}}")]));
    assert_eq!(records_of(world, "moved"), 2);
    dana.topic("unseen");
    let unseen = dana.commit("Unseen");
    dana.push(&["unseen"]).accepted();
    assert!(on_server(world, &["update-ref", "refs/heads/main", &unseen]));
    assert_eq!(records_of(world, "moved"), 3);
    let server = world.server().to_string_lossy().into_owned();
    let said = world.refgate(&world.path("."), &["doctor", "--no-push", &server]);
    assert!(said.out.contains("moved without being judged: refs/heads/main"), "{said}");
    world.refgate(&world.server(), &["ledger", "verify"]).accepted();

    let settings = world.server().join("refgate.toml");
    let good = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("watch = \"refuse\"\n{good}")).expect("written");
    dana.topic("refused");
    let refused = dana.commit("Refused");
    dana.push(&["refused"]).accepted();
    assert!(!on_server(world, &["update-ref", "refs/heads/main", &refused]));
    assert_eq!(world.on_server("refs/heads/main"), Some(unseen));
    for upkeep in
        [&["pack-refs", "--all"][..], &["gc", "-q", "--prune=now"], &["branch", "-D", "side"]]
    {
        assert!(on_server(world, upkeep), "{upkeep:?}");
    }
}

/// A web interface that deletes a branch runs `git branch -D`, and no hook of a push (Gitea issue 27970).
#[test]
fn the_watch_sees_what_a_web_interface_deletes() {
    use crate::support::files::script;
    let world = World::with(REVIEW, &structure());
    let server = world.server().to_string_lossy().into_owned();
    world.refgate(&world.path("."), &["uninstall", &server]).accepted();
    let hooks = world.server().join("hooks");
    script(
        &hooks.join("pre-receive"),
        "#!/bin/sh\nfor hook in \"$0.d\"/*; do \"$hook\" || exit; done\n",
    );
    script(
        &hooks.join("pre-receive.d/gitea"),
        "#!/bin/sh\n# /usr/local/bin/gitea hook\ncat >/dev/null\n",
    );
    let said = world.refgate(&world.path("."), &["install", "--hard", &server]);
    assert!(said.code == Some(2) && said.err.contains("leave out --hard"), "{said}");
    install(&world, &["--watch"]);
    assert!(hooks.join("reference-transaction").is_file());
    let tip = world.on_server("refs/heads/main").expect("a tip");
    assert!(on_server(&world, &["update-ref", "refs/heads/release/1.0", &tip]));
    assert_eq!(records_of(&world, "moved"), 1);
    assert!(on_server(&world, &["branch", "-D", "release/1.0"]));
    assert_eq!(records_of(&world, "moved"), 2, "a protected branch that was deleted");
    let said = world.refgate(&world.path("."), &["doctor", "--no-push", &server]);
    assert!(said.out.contains("moved without being judged: refs/heads/release/1.0"), "{said}");
    world.refgate(&world.path("."), &["uninstall", &server]).accepted();
    assert!(
        !hooks.join("reference-transaction").exists() && hooks.join("pre-receive.d/gitea").exists()
    );
}
