//! `refgate land` and `refgate seal`: from an approved topic to the protected branch.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::world::{Person, Said, World, attach_clean, review_only, structure};

fn world() -> World {
    World::with(&review_only(""), &structure())
}

fn approved_by_two(world: &World, commit: &str) {
    world.person("cleo").approves(commit);
    world.person("ben").approves(commit);
}

/// The trailers of the tip of main that name approvals.
fn approvals(world: &World) -> usize {
    let message = world.server_git(&["log", "-1", "--format=%B", "refs/heads/main"]);
    let parsed = world.server_git(&["log", "-1", "--format=%(trailers:key=Approved-by)", "main"]);
    assert_eq!(parsed.matches("sig=ssh:").count(), message.matches("\nApproved-by: ").count());
    parsed.matches("sig=ssh:").count()
}

/// Runs a command that refgate has printed.
fn run_hint(person: &Person<'_>, command: &str) -> Said {
    let words: Vec<&str> = command.split(' ').collect();
    match words.as_slice() {
        ["git", args @ ..] => person.try_git(args),
        ["refgate", args @ ..] => person.refgate(args),
        _ => panic!("no command: {command}"),
    }
}

/// The commands that refgate has printed, in order.
fn hints(said: &Said) -> Vec<String> {
    let commands = said.err.lines().filter_map(|line| line.strip_prefix("hint:     "));
    commands.map(str::to_owned).collect()
}

/// Runs a script once during the next push to the server, before or after it is judged.
fn once_during_a_push(world: &World, hook: &str, script: &str) {
    let marker = world.path("once");
    std::fs::write(&marker, "").expect("written");
    let path = world.server().join("hooks").join(hook);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    let text = format!(
        "#!/bin/sh\n[ -e '{marker}' ] || exit 0\nrm '{marker}'\ncd '{server}'\nunset $(git rev-parse --local-env-vars) GIT_QUARANTINE_PATH\n{script}\n",
        marker = marker.display(),
        server = world.server().display(),
    );
    std::fs::write(&path, text).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
}

#[test]
fn a_merge_lands_with_its_approvals_and_leaves_the_work_tree_alone() {
    let world = world();
    let dana = world.person("dana");
    let commit = dana.propose("feature/retry");
    world.main_moves(&[("net/other", "elsewhere\n")]);
    world.person("cleo").approves(&commit);
    let ben = world.person("ben");
    ben.git(&["fetch", "-q"]);
    ben.refgate(&["approve", &commit]).accepted();
    ben.write("README.md", "in the middle of something\n");
    ben.write("staged", "x\n");
    ben.git(&["add", "staged"]);
    let before = ben.git(&["status", "--porcelain", "--branch"]);
    let landed = ben.refgate(&["land", "origin/feature/retry"]);
    landed.accepted();
    assert!(landed.out.contains("landed on refs/heads/main"), "{landed}");
    assert!(landed.out.contains("pushed refs/notes/refgate/approvals"), "{landed}");
    let state = |status: &str| status.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(state(&ben.git(&["status", "--porcelain", "--branch"])), state(&before));
    assert_eq!(approvals(&world), 2);
    let subject = world.server_git(&["log", "-1", "--format=%s|%p|%an", "main"]);
    assert!(subject.starts_with("Merge origin/feature/retry into main|"), "{subject}");
    assert!(subject.ends_with("|Ben Ito") && subject.split('|').nth(1).unwrap().contains(' '));
    let again = ben.refgate(&["land", &commit]);
    assert_eq!(again.code, Some(2), "{again}");
    assert!(again.err.contains("is on refs/heads/main already"), "{again}");
}

#[test]
fn a_squash_is_one_commit_that_names_everybody() {
    let world = world();
    let dana = world.person("dana");
    dana.topic("squash");
    dana.write("net/one", "1\n");
    dana.commit("Add one\n\nCo-authored-by: Fay Other <fay@example.org>");
    dana.write("net/two", "2\n");
    let author = "Gus Third <gus@example.org>";
    dana.git(&["add", "-A"]);
    dana.git(&["commit", "-q", "--author", author, "-m", "Add two"]);
    dana.push(&["squash"]).accepted();
    let head = dana.head();
    world.main_moves(&[("net/other", "elsewhere\n")]);
    approved_by_two(&world, &head);
    dana.refgate(&["land", "squash", "--squash"]).accepted();
    assert_eq!(approvals(&world), 2);
    let shown = world.server_git(&["log", "-1", "--format=%P%n%an%n%B", "main"]);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(!lines[0].contains(' '), "one parent");
    assert_eq!(&lines[1..6], ["Gus Third", "Add one", "", "- Add one", "- Add two"]);
    for who in ["Dana Cole <dana@example.org>", "Fay Other <fay@example.org>"] {
        assert_eq!(shown.matches(&format!("\nCo-authored-by: {who}\n")).count(), 1, "{shown}");
    }
    let files = world.server_git(&["ls-tree", "--name-only", "main", "net/"]);
    assert_eq!(files, "net/one\nnet/other\nnet/two\nnet/up.rs");
}

#[test]
fn a_rebase_lands_commit_by_commit() {
    let world = world();
    let dana = world.person("dana");
    dana.topic("steps");
    dana.write("net/one", "1\n");
    dana.commit("Add one");
    dana.write("net/two", "2\n");
    let head = dana.commit("Add two");
    dana.push(&["steps"]).accepted();
    world.main_moves(&[("net/other", "elsewhere\n")]);
    approved_by_two(&world, &head);
    dana.refgate(&["land", "--rebase", "steps"]).accepted();
    let subjects = world.server_git(&["log", "-3", "--format=%s", "main"]);
    assert_eq!(subjects, "Add two\nAdd one\nSomething else");
    assert_eq!(approvals(&world), 2);
    // A topic that is on top of the branch lands as it is.
    let head = dana.propose("on-top");
    approved_by_two(&world, &head);
    dana.refgate(&["land", "--rebase", "on-top"]).accepted();
    assert_eq!(world.on_server("refs/heads/main"), Some(head));
}

#[test]
fn approvals_of_an_earlier_version_land_under_replay() {
    let world = World::with(&review_only("carry = \"replay\"\n"), &structure());
    let lines = |first: &str, last: &str| format!("{first}\n2\n3\n4\n5\n6\n{last}\n");
    world.main_moves(&[("net/lines", &lines("1", "7"))]);
    let dana = world.person("dana");
    dana.topic("first");
    dana.write("net/lines", lines("one", "7"));
    let commit = dana.commit("Change the first line");
    dana.push(&["first"]).accepted();
    approved_by_two(&world, &commit);
    world.main_moves(&[("net/lines", &lines("1", "seven"))]);
    dana.refgate(&["land", "first", "--squash"]).accepted();
    assert_eq!(approvals(&world), 2);
}

#[test]
fn whoever_squashes_commits_and_is_told_so() {
    let world = world();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.main_moves(&[("net/other", "elsewhere\n")]);
    approved_by_two(&world, &commit);
    let ben = world.person("ben");
    let refused = ben.refgate(&["land", &commit, "--squash"]);
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.out.contains("error[review-self-approved]"), "{refused}");
    let [command] = hints(&refused).try_into().expect("one command");
    run_hint(&ben, &command).accepted();
    assert_eq!(approvals(&world), 2);
}

#[test]
fn conflicts_are_named_with_the_way_out() {
    let world = world();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.main_moves(&[("net/up.rs", "fn up() { /* main */ }\n")]);
    for args in [&["land", "retry"][..], &["approve", "retry"], &["status"]] {
        let said = match args {
            ["approve", _] => {
                world.person("ben").git(&["fetch", "-q"]);
                world.person("ben").refgate(&["approve", &commit])
            }
            args => dana.refgate(args),
        };
        assert_eq!(said.code, Some(2), "{said}");
        let says = [
            "error: the topic does not merge into main by itself; in conflict:",
            "  \"net/up.rs\"",
            "hint:     git rebase origin/main",
        ];
        for text in says {
            assert!(said.err.lines().any(|line| line == text), "{text}: {said}");
        }
    }
    assert!(!dana.try_git(&["rev-parse", "--verify", "MERGE_HEAD"]).ok);
}

#[test]
fn a_result_that_nothing_has_scanned_is_scanned_on_a_side_branch_and_landed() {
    for tree_alone in [false, true] {
        let world = World::new();
        let dana = world.person("dana");
        let commit = dana.propose("retry");
        world.ci_passes(&commit);
        approved_by_two(&world, &commit);
        world.main_moves(&[("net/other", "elsewhere\n")]);
        let refused = dana.refgate(&["land", "retry", "--no-push"]);
        assert_eq!(refused.code, Some(1), "{refused}");
        assert!(refused.err.contains("a tree that nothing has scanned or tested yet"), "{refused}");
        let [rebase, side, land] = hints(&refused).try_into().expect("three commands");
        assert_eq!(rebase, "git rebase origin/main retry");
        run_hint(&dana, &side).accepted();
        let prepared =
            side.split(' ').nth(3).and_then(|spec| spec.split(':').next()).expect("an id");
        let ci = world.person("ci");
        ci.git(&["fetch", "-q", "origin"]);
        let mut args = attach_clean(prepared);
        if tree_alone {
            args.push("--tree".into());
        }
        ci.refgate(&args).accepted();
        let landed = run_hint(&dana, &land);
        landed.accepted();
        assert!(landed.out.contains("as it is"), "{landed}");
        assert_eq!(world.on_server("refs/heads/main").as_deref(), Some(prepared));
        assert_eq!(approvals(&world), 2);
    }
}

#[test]
fn a_branch_that_moves_meanwhile_is_landed_on_anew() {
    for hook in ["refgate-chained/pre-receive", "update"] {
        let world = world();
        let dana = world.person("dana");
        let commit = dana.propose("retry");
        approved_by_two(&world, &commit);
        let old = world.on_server("refs/heads/main").expect("main");
        let moved = world.main_moves(&[("net/other", "elsewhere\n")]);
        world.server_git(&["update-ref", "refs/heads/main", &old]);
        once_during_a_push(&world, hook, &format!("git update-ref refs/heads/main {moved}"));
        let landed = dana.refgate(&["land", "retry"]);
        landed.accepted();
        assert!(
            landed.err.contains("the branch moved on meanwhile; making the landing anew"),
            "{landed}"
        );
        let parents = world.server_git(&["log", "-1", "--format=%P", "main"]);
        assert_eq!(parents, format!("{moved} {commit}"));
    }
}

#[test]
fn what_does_not_merge_any_more_does_not_land() {
    let world = world();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    approved_by_two(&world, &commit);
    let old = world.on_server("refs/heads/main").expect("main");
    let moved = world.main_moves(&[("net/up.rs", "fn up() { /* main */ }\n")]);
    world.server_git(&["update-ref", "refs/heads/main", &old]);
    once_during_a_push(&world, "update", &format!("git update-ref refs/heads/main {moved}"));
    let landed = dana.refgate(&["land", "retry"]);
    assert_eq!(landed.code, Some(2), "{landed}");
    assert!(landed.err.contains("in conflict:\n  \"net/up.rs\""), "{landed}");
    assert_eq!(world.on_server("refs/heads/main"), Some(moved));
}

#[test]
fn a_sealed_branch_needs_no_notes() {
    let world = world();
    let dana = world.person("dana");
    dana.topic("sealed");
    dana.write("net/one", "1\n");
    dana.commit("Add one");
    dana.write("net/two", "2\n");
    let head = dana.commit("Add two");
    dana.push(&["sealed"]).accepted();
    let early = dana.refgate(&["seal"]);
    assert_eq!(early.code, Some(2), "{early}");
    let command = format!("hint:     refgate approve {} --onto main --push", &head[..12]);
    assert!(early.err.lines().any(|line| line == command), "{early}");
    approved_by_two(&world, &head);
    dana.refgate(&["seal"]).accepted();
    assert_eq!(dana.git(&["rev-parse", "HEAD^"]), head);
    assert_eq!(dana.git(&["diff", "--stat", "HEAD^", "HEAD"]), "");
    assert_eq!(dana.git(&["status", "--porcelain"]), "");
    world.server_git(&["update-ref", "-d", "refs/notes/refgate/approvals"]);
    dana.push(&[&format!("{head}:main")]).refused(&["review-approval-missing"]);
    dana.push(&["HEAD:main"]).accepted();
    assert_eq!(approvals(&world), 2);
}

#[test]
fn landed_commits_are_signed_where_the_policy_wants_it() {
    let world = World::with(&review_only("signed-commits = true\n"), &structure());
    let dana = world.person("dana");
    dana.topic("signed");
    dana.write("net/one", "1\n");
    dana.git(&["add", "-A"]);
    dana.git(&["commit", "-q", "-S", "-m", "Add one"]);
    let head = dana.head();
    dana.push(&["signed"]).accepted();
    world.main_moves(&[("net/other", "elsewhere\n")]);
    world.person("cleo").approves(&head);
    let ben = world.person("ben");
    ben.git(&["fetch", "-q"]);
    let approved = ben.refgate(&["approve", &head, "--push"]);
    assert!(approved.out.contains("the review is complete"), "{approved}");
    dana.refgate(&["land", "signed"]).accepted();
    std::fs::write(
        world.path("signers"),
        format!(
            "dana@example.org {}",
            std::fs::read_to_string(world.path("keys/dana.pub")).expect("a key")
        ),
    )
    .expect("written");
    let signers = format!("gpg.ssh.allowedSignersFile={}", world.path("signers").display());
    dana.git(&["fetch", "-q"]);
    dana.git(&["-c", &signers, "verify-commit", "origin/main"]);
}

#[test]
fn nobody_lands_what_was_not_approved() {
    let world = World::new();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    let before = world.refs();
    let refused = dana.refgate(&["land"]);
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.out.contains("error[review-approval-missing]"), "{refused}");
    assert_eq!(world.refs(), before);
    // Reviewers and automation have the topic, and nobody has the merge that was prepared here.
    let short = &commit[..12];
    let commands: Vec<&str> =
        refused.out.lines().filter_map(|line| line.strip_prefix("hint:     ")).collect();
    assert!(commands.iter().all(|command| command.contains(short)), "{refused}");
    assert_eq!(commands.len(), 4, "{refused}");
    world.ci_passes(&commit);
    let approve = commands.iter().find(|command| command.starts_with("refgate approve"));
    for who in ["cleo", "ben"] {
        let person = world.person(who);
        person.git(&["fetch", "-q"]);
        run_hint(&person, approve.expect("a command")).accepted();
    }
    dana.refgate(&["land"]).accepted();
    let offline = dana.refgate(&["land", "--offline"]);
    assert_eq!(offline.code, Some(2));
    assert!(offline.err.contains("hint: prepare it alone: refgate land --offline --no-push"));
}

#[test]
fn repositories_of_sha256_work_alike() {
    let world = World::empty(&["--object-format=sha256"]);
    world.bootstrap(crate::support::world::CONFIG, &structure());
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    assert_eq!(commit.len(), 64);
    approved_by_two(&world, &commit);
    world.ci_passes(&commit);
    dana.git(&["config", "commit.gpgSign", "true"]);
    dana.refgate(&["land", "retry"]).accepted();
    assert_eq!(approvals(&world), 2);
    assert!(
        world.server_git(&["cat-file", "commit", "main"]).contains("\ngpgsig-sha256 -----BEGIN")
    );
}
