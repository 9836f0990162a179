//! Kinds of repositories, and what is in them: each is judged, or refused with the reason.

use crate::support::wire;
use crate::support::world::{CONFIG, World, attach_clean, structure};
use crate::support::{command, run};
use crate::threats_refs::REVIEW;

#[test]
fn t153_a_sha256_repository_from_first_push_to_release_branch() {
    let world = World::empty(&["--object-format=sha256"]);
    world.bootstrap(CONFIG, &structure());
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    assert_eq!(commit.len(), 64);
    let codes = &["scan-evidence-missing", "tests-evidence-missing", "review-approval-missing"];
    world.refuses(codes, || dana.push(&["retry:main"]));
    world.person("ci").git(&["fetch", "-q", "origin"]);
    world.person("ci").refgate(&attach_clean(&commit)).accepted();
    world.reviewers_approve(&commit);
    dana.push(&["retry:main"]).accepted();
    dana.push(&["retry:release/1.0"]).accepted();
    let zero = "0".repeat(64);
    world.refuses(&["ref-deleted"], || {
        let capabilities = "report-status side-band-64k object-format=sha256";
        wire::push_with(&world.server(), &[(&zero, &zero, b"refs/heads/main")], capabilities)
    });
}

#[test]
fn t157_grafts_and_a_shallow_file_on_the_server() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    let commit = dana.propose("topic");
    for (file, text) in [("shallow", &commit), ("info/grafts", &commit)] {
        let path = world.server().join(file);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        std::fs::write(&path, format!("{text}\n")).expect("written");
        world.cannot_judge(&[file], || dana.push(&["topic:main"]));
        std::fs::remove_file(path).expect("removed");
    }
    world.refuses(&["review-approval-missing"], || dana.push(&["topic:main"]));
}

#[test]
fn packed_refs_and_packed_objects() {
    let world = World::with(REVIEW, &structure());
    let ada = world.person("ada");
    ada.push(&["main:refs/heads/release/1.0"]).accepted();
    world.server_git(&["pack-refs", "--all", "--prune"]);
    world.server_git(&["repack", "-adq"]);
    assert!(!world.server().join("refs/heads/main").exists());
    let dana = world.person("dana");
    dana.topic("many");
    // Beyond receive.unpackLimit objects the push stays a pack in the quarantine.
    for n in 0..150 {
        dana.write(&format!("net/{n}.rs"), format!("{n}\n"));
    }
    let commit = dana.commit("Many files");
    let said = world.refuses(&["review-approval-missing"], || dana.push(&["many:main"]));
    assert!(said.err.contains("Many files"), "{said}");
    dana.push(&["many"]).accepted();
    world.reviewers_approve(&commit);
    world.server_git(&["pack-refs", "--all", "--prune"]);
    world.server_git(&["repack", "-adq"]);
    dana.push(&["many:main"]).accepted();
    world.refuses(&["ref-deleted"], || dana.push(&["--delete", "release/1.0"]));
}

/// A fork network shares one store: what another repository has is not what this one's refs have (T155).
#[test]
fn t155_objects_of_another_repository_are_not_history() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    dana.topic("elsewhere");
    dana.write("net/up.rs", "fn up() { impostor() }\n");
    let commit = dana.commit("impostor");
    let fork = world.path("fork.git");
    run(command("git").args(["clone", "-q", "--bare"]).arg(dana.dir()).arg(&fork));
    let alternates = world.server().join("objects/info/alternates");
    std::fs::write(alternates, format!("{}\n", fork.join("objects").display())).expect("written");
    let main = world.on_server("refs/heads/main").expect("a branch");
    let said = world.refuses(&["review-approval-missing"], || {
        wire::push(&world.server(), &[(&main, &commit, b"refs/heads/main")])
    });
    assert!(said.err.contains("impostor"), "{said}");
    for who in ["cleo", "ben"] {
        let person = world.person(who);
        person.git(&["fetch", "-q", &fork.to_string_lossy(), &commit]);
        person.refgate(&["approve", &commit, "--push"]).accepted();
    }
    wire::push(&world.server(), &[(&main, &commit, b"refs/heads/main")]).accepted();
}

#[test]
fn atomic_or_not_a_refused_push_moves_nothing() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    dana.propose("topic");
    for options in [&["topic:main", "topic:free"][..], &["--atomic", "topic:main", "topic:free"]] {
        world.refuses(&["review-approval-missing"], || dana.push(options));
        assert_eq!(world.on_server("refs/heads/free"), None);
    }
}

#[test]
fn adoption_by_a_repository_that_has_a_history() {
    let world = World::empty(&[]);
    let ada = world.person("ada");
    // What was there before refgate: old commits, of which one is malformed.
    std::fs::rename(world.server().join("hooks/pre-receive"), world.path("kept")).expect("moved");
    ada.write("README.md", "# old\n");
    let old = ada.commit("old");
    let raw = ada.git(&["cat-file", "commit", &old]) + "\n";
    let odd =
        ada.raw_object("commit", raw.replace("\n\nold", "\nencoding latin-1\n\nold").as_bytes());
    ada.git(&["reset", "-q", "--hard", &odd]);
    ada.commit("newer");
    ada.push(&["main"]).accepted();
    std::fs::rename(world.path("kept"), world.server().join("hooks/pre-receive")).expect("moved");
    let mallory = world.person("mallory");
    mallory.topic("mine");
    mallory.write("meta/STRUCTURE.md", structure());
    mallory.write("meta/refgate.toml", REVIEW);
    mallory.commit("I decide");
    world.refuses(&["trust-root-unmet"], || mallory.push(&["mine:main"]));
    // The first policy goes on from the history that is there.
    ada.git(&["checkout", "-q", "--orphan", "apart"]);
    ada.write("meta/STRUCTURE.md", structure());
    ada.write("meta/refgate.toml", REVIEW);
    ada.git(&["add", "-A"]);
    ada.git(&["commit", "-q", "-S", "-m", "Start apart"]);
    world.refuses(&["ref-not-fast-forward"], || ada.push(&["+apart:main"]));
    ada.git(&["checkout", "-q", "main"]);
    ada.write("meta/STRUCTURE.md", structure());
    ada.write("meta/refgate.toml", REVIEW);
    ada.git(&["add", "-A"]);
    ada.git(&["commit", "-q", "-S", "-m", "Start refgate"]);
    ada.push(&["main"]).accepted();
    // From now on everybody is judged, and the old commits are not judged again.
    let dana = world.person("dana");
    let commit = dana.propose("next");
    world.refuses(&["review-approval-missing"], || dana.push(&["next:main"]));
    world.reviewers_approve(&commit);
    dana.push(&["next:main"]).accepted();
}

#[test]
fn the_root_of_trust_may_be_a_commit() {
    let world = World::empty(&[]);
    let ada = world.person("ada");
    ada.write("meta/STRUCTURE.md", structure());
    ada.write("meta/refgate.toml", REVIEW);
    let root = ada.commit("Start refgate");
    let settings = world.server().join("refgate.toml");
    std::fs::remove_file(&settings).expect("removed");
    world.cannot_judge(&["the server settings name no root of trust", "--trust-root"], || {
        ada.push(&["main"])
    });
    let server = world.server().to_string_lossy().into_owned();
    world.refgate(&ada.dir(), &["install", "--trust-root", &root, &server]).accepted();
    ada.git(&["commit", "-q", "--amend", "-m", "Another start"]);
    world.refuses(&["trust-root-unmet"], || ada.push(&["main"]));
    // What lies above the root is judged by it.
    ada.git(&["reset", "-q", "--hard", &root]);
    ada.write("net/up.rs", "fn up() {}\n");
    ada.commit("more");
    world.refuses(&["review-approval-missing"], || ada.push(&["main"]));
    world.refuses(&["trust-root-unmet"], || ada.push(&[&format!("{root}:refs/heads/release/1.0")]));
    ada.push(&[&format!("{root}:refs/heads/main")]).accepted();
}

/// Limits belong to the administrator; each has a message of its own.
#[test]
fn limits_of_a_push_have_their_own_messages() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    dana.topic("topic");
    for n in 0..4 {
        dana.write(&format!("net/deep/er/{n}"), "x\n");
        dana.commit(&format!("step {n}"));
    }
    let settings = world.server().join("refgate.toml");
    let with =
        |limits: &str| std::fs::write(&settings, format!("[limits]\n{limits}\n")).expect("written");
    for (limit, code, words) in [
        ("commits = 3", "ref-too-many-commits", "more than 3 new commits"),
        ("commit-bytes = 100", "", "limits.commit-bytes"),
        ("tree-bytes = 40", "", "limits.tree-bytes"),
        ("tree-depth = 1", "ref-object-faulty", "limits.tree-depth"),
        ("changed-paths = 3", "ref-object-faulty", "limits.changed-paths"),
        ("file-bytes = 100", "", "limits.file-bytes"),
        ("ref-updates = 1", "", "limits.ref-updates"),
        ("time-ms = 1", "", "limits.time-ms"),
    ] {
        with(limit);
        let said = dana.push(&["topic:main", "topic:other"]);
        assert!(!said.ok, "{limit}\n{said}");
        assert_eq!(said.codes().first().copied().unwrap_or_default(), code, "{limit}\n{said}");
        let joined = said.err.replace("\n   |  ", " ").replace("\n hint: ", " ");
        assert!(joined.contains(words), "{limit}\n{said}");
        assert_eq!(world.on_server("refs/heads/other"), None, "{limit}");
    }
    with("commits = 4");
    let said = dana.push(&["topic:main", "topic:other"]);
    said.refused(&["review-approval-missing"]);
}
