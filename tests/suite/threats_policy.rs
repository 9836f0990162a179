//! Attacks on what a push is judged by (T20 to T29, T151), and on release tags (T100 to T109).

use std::io::Write as _;

use crate::support::wire::{self, ZERO};
use crate::support::world::{Person, Said, World, structure};
use crate::support::{command, output, run};
use crate::threats_refs::REVIEW;

/// Trusted files have a domain of their own here, whose reviewer is Cleo.
fn with_meta_domain() -> String {
    structure().replace(
        "| net | `/net/` | cleo@example.org |",
        "| net | `/net/` | cleo@example.org |\n| meta | `/meta/` | cleo@example.org |",
    )
}

fn approve(world: &World, commit: &str, who: &[&'static str]) {
    for who in who {
        world.person(who).approves(commit);
    }
}

/// Changes trusted files on a topic, and parks it.
fn change(person: &Person<'_>, topic: &str, files: &[(&str, &str)]) -> String {
    person.topic(topic);
    for (path, text) in files {
        person.write(path, text);
    }
    let commit = person.commit(topic);
    person.push(&[&format!("+{topic}")]).accepted();
    commit
}

#[test]
fn t20_a_policy_that_approves_itself() {
    let world = World::with(REVIEW, &with_meta_domain());
    let dana = world.person("dana");
    let mallory = world.fingerprint("mallory");
    let row = format!("| Mallory | mallory@example.org | `{mallory}` |");
    let ben = structure().lines().find(|line| line.contains("ben@")).expect("a row").to_owned();
    let people = with_meta_domain().replacen(&ben, &format!("{ben}\n{row}"), 1);
    let commit = change(&dana, "takeover", &[("meta/STRUCTURE.md", &people)]);
    approve(&world, &commit, &["cleo"]);
    // Mallory is nobody until the change has landed: not even the guard of notes takes her word.
    let said = world.person("mallory").refgate(&["approve", &commit, "--push"]);
    assert!(!said.ok, "{said}");
    world.refuses(&["review-approval-missing"], || dana.push(&["takeover:main"]));
    // One maintainer and the reviewer of the domain are enough for code, not for who is trusted.
    approve(&world, &commit, &["ben"]);
    let said = world.refuses(&["review-threshold-missing"], || dana.push(&["takeover:main"]));
    assert!(said.err.contains("Ada Lovelace"), "{said}");
    // The same in one push with a change that leans on it.
    dana.git(&["checkout", "-q", "-B", "both", "takeover"]);
    dana.write("net/up.rs", "fn up() { evil() }\n");
    let leaning = dana.commit("evil");
    dana.push(&["both"]).accepted();
    approve(&world, &commit, &["ada"]);
    world.refuses(&["review-approval-missing"], || dana.push(&["both:main"]));
    dana.push(&["takeover:main"]).accepted();
    let mallory = world.person("mallory");
    mallory.approves(&leaning);
    approve(&world, &leaning, &["cleo"]);
    dana.push(&["both:main"]).accepted();
}

#[test]
fn t21_t27_an_older_or_weaker_policy_elsewhere_counts_for_nothing() {
    let world = World::with(REVIEW, &structure());
    let ada = world.person("ada");
    ada.git(&["fetch", "-q", "origin"]);
    ada.push(&["origin/main:refs/heads/release/1.0"]).accepted();
    let dana = world.person("dana");
    // A weaker policy on a branch of one's own, and one on its way to a release branch.
    let weak = REVIEW.to_owned() + "[review]\napprovals = 1\ndomain-reviewers = 0\n";
    let commit = change(&dana, "weak", &[("meta/refgate.toml", &weak), ("net/up.rs", "evil\n")]);
    world.refuses(&["review-approval-missing"], || dana.push(&["weak:release/1.0"]));
    approve(&world, &commit, &["ben"]);
    world.refuses(&["review-approval-missing"], || dana.push(&["weak:release/1.0"]));
}

#[test]
fn t23_trusted_files_are_plain_files() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    let good = dana.raw_object("blob", structure().as_bytes());
    for (what, mode) in [("link", "120000"), ("executable", "100755")] {
        dana.topic(what);
        let entry = format!("{mode},{good},meta/STRUCTURE.md");
        dana.git(&["update-index", "--add", "--cacheinfo", &entry]);
        dana.git(&["commit", "-q", "-m", what]);
        dana.git(&["reset", "-q", "--hard"]);
        dana.push(&[what]).accepted();
        approve(&world, what_commit(&dana, what).as_str(), &["ada", "ben"]);
        let said = world.refuses(&["trust-files-void"], || dana.push(&[&format!("{what}:main")]));
        assert!(said.err.contains("plain file"), "{said}");
    }
    // Behind the back of every push, it stops all judging.
    let broken = what_commit(&dana, "link");
    world.server_git(&["update-ref", "refs/heads/main", &broken]);
    dana.topic("other");
    dana.commit("anything");
    world.cannot_judge(&["meta/STRUCTURE.md", "not that of a plain file (100644)"], || {
        dana.push(&["other:main"])
    });
}

fn what_commit(person: &Person<'_>, name: &str) -> String {
    person.git(&["rev-parse", name])
}

#[test]
fn t22_a_tree_with_two_lists_of_people() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    dana.topic("twice");
    let tree = |args: &str| {
        let hex = dana.git(&["rev-parse", args]);
        (0..20).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).expect("hex")).collect()
    };
    let meta: Vec<u8> = tree("HEAD:meta");
    let net: Vec<u8> = tree("HEAD:net");
    // git and gix read the first `meta`, libgit2 the second.
    let mut bytes = Vec::new();
    for id in [&meta, &net] {
        bytes.extend_from_slice(b"40000 meta\0");
        bytes.extend_from_slice(id);
    }
    let tree = dana.raw_object("tree", &bytes);
    let commit = dana.git(&["commit-tree", &tree, "-p", "HEAD", "-m", "twice"]);
    let said = world
        .refuses(&["ref-object-faulty"], || dana.push(&[&format!("{commit}:refs/heads/main")]));
    assert!(said.err.contains(&tree), "{said}");
}

#[test]
fn t24_t29_a_push_that_would_leave_nothing_to_judge_by() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    let nobody = structure().replace("## Maintainers", "## Former maintainers");
    for (topic, file, text) in [
        ("nobody", "meta/STRUCTURE.md", nobody.as_str()),
        ("empty", "meta/STRUCTURE.md", ""),
        ("unknown-key", "meta/refgate.toml", "repository = \"x\"\n[review]\napproval = 2\n"),
        (
            "zero",
            "meta/refgate.toml",
            "repository = \"git.example.org/demo/app\"\n[review]\napprovals = 0\n",
        ),
        (
            "no-guard",
            "meta/refgate.toml",
            "repository = \"git.example.org/demo/app\"\n[[protect]]\nrefs = [\"refs/heads/x\"]\ngates = [\"review\"]\n",
        ),
    ] {
        let commit = change(&dana, topic, &[(file, text)]);
        approve(&world, &commit, &["ada", "ben"]);
        let said = world.refuses(&["trust-files-void"], || dana.push(&[&format!("{topic}:main")]));
        assert!(said.err.contains(file), "{said}");
    }
    // A list of people that is gone altogether.
    dana.topic("gone");
    dana.git(&["rm", "-q", "meta/STRUCTURE.md"]);
    let commit = dana.commit("gone");
    dana.push(&["gone"]).accepted();
    approve(&world, &commit, &["ada", "ben"]);
    world.refuses(&["trust-files-void"], || dana.push(&["gone:main"]));
}

#[test]
fn t24_nothing_can_be_judged_by_files_that_are_void() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    let commit =
        change(&dana, "void", &[("meta/refgate.toml", "repository = \"x\"\nnonsense = 1\n")]);
    world.server_git(&["update-ref", "refs/heads/main", &commit]);
    dana.topic("fix");
    dana.commit("fix");
    // Which refs are protected is not known, so nothing passes.
    for name in ["fix:main", "fix:free"] {
        let said = world
            .cannot_judge(&["meta/refgate.toml:2", "nothing in your push causes this"], || {
                dana.push(&[name])
            });
        assert!(said.err.contains("nonsense"), "{said}");
    }
}

#[test]
fn an_objection_stands_until_it_is_withdrawn() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    let commit = dana.propose("topic");
    approve(&world, &commit, &["cleo", "ben"]);
    let ada = world.person("ada");
    ada.git(&["fetch", "-q", "origin"]);
    ada.refgate(&["reject", &commit, "-m", "breaks the protocol", "--push"]).accepted();
    let said = world.refuses(&["review-rejected"], || dana.push(&["topic:main"]));
    assert!(said.err.contains("breaks the protocol"), "{said}");
    // Objections go as evidence goes: nowhere.
    world.refuses(&["ref-deleted"], || dana.push(&[":refs/notes/refgate/approvals"]));
}

/// Main moves while the hook is at work, which is held by a ref that is a pipe.
#[test]
fn t28_t151_the_policy_moves_while_a_push_is_judged() {
    let world = World::with(REVIEW, &structure());
    let ada = world.person("ada");
    ada.git(&["fetch", "-q", "origin"]);
    ada.push(&["origin/main:refs/heads/release/1.0"]).accepted();
    let dana = world.person("dana");
    let commit = dana.propose("topic");
    for who in ["cleo", "ben"] {
        let person = world.person(who);
        person.git(&["fetch", "-q", "origin"]);
        person.refgate(&["approve", &commit, "--onto", "release/1.0", "--push"]).accepted();
    }
    let main = world.on_server("refs/heads/main").expect("a branch");
    let line = format!("{main} {commit} refs/heads/release/1.0\n");
    let judge = || -> Said { output(&mut world.hook("pre-receive", &line)).into() };
    judge().accepted();
    // Refs of evidence are read when the policy has long been read.
    let pipe = world.server().join("refs/notes/refgate/reports");
    run(command("mkfifo").arg(&pipe));
    let (server, moved, held) = (world.server(), commit.clone(), main.clone());
    let mover = std::thread::spawn(move || {
        // Opening waits until the hook reads.
        let mut pipe = std::fs::OpenOptions::new().write(true).open(pipe).expect("a reader");
        run(command("git").arg("-C").arg(server).args(["update-ref", "refs/heads/main", &moved]));
        writeln!(pipe, "{held}").expect("written");
    });
    let said = judge();
    mover.join().expect("the thread ends");
    assert_eq!(said.code, Some(1), "{said}");
    said.refused(&["trust-anchor-moved"]);
}

pub fn document() -> String {
    let template = include_str!("../../templates/document-template.md");
    let text = template.replace("- [ ]", "- [x]").replace("[version]", "v1.0.0");
    // Every placeholder is filled in.
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('[') {
        let (head, tail) = rest.split_at(at);
        out += head;
        match tail.find(']') {
            Some(end) if &tail[..=end] != "[x]" => {
                out += "Ben, 2026-11-25, https://example.org/run";
                rest = &tail[end + 1..];
            }
            _ => {
                out += "[";
                rest = &tail[1..];
            }
        }
    }
    out + rest
}

/// A world with a complete release document on main, for the checklist gate alone.
fn release_world() -> World {
    let config = REVIEW.replace("gates = [\"review\", \"checklist\"]", "gates = [\"checklist\"]");
    let world = World::with(&config, &structure());
    let dana = world.person("dana");
    dana.topic("release");
    dana.write("releases/v1.0.0.md", document());
    let commit = dana.commit("Prepare v1.0.0");
    dana.push(&["release"]).accepted();
    approve(&world, &commit, &["ada", "ben"]);
    dana.push(&["release:main"]).accepted();
    world
}

fn tag(person: &Person<'_>, args: &[&str]) {
    person.git(&[&["tag", "-f"], args].concat());
}

#[test]
fn t100_to_t106_release_tags() {
    let world = release_world();
    let ben = world.person("ben");
    ben.git(&["fetch", "-q", "origin"]);
    let main = ben.git(&["rev-parse", "origin/main"]);
    let push = |name: &str| -> Said { ben.push(&[&format!("+refs/tags/{name}")]) };
    tag(&ben, &["v1.0.0", &main]);
    world.refuses(&["ref-tag-lightweight"], || push("v1.0.0"));
    tag(&ben, &["-a", "-m", "unsigned", "v1.0.0", &main]);
    world.refuses(&["checklist-tag-unsigned"], || push("v1.0.0"));
    let dana = world.person("dana");
    dana.git(&["fetch", "-q", "origin"]);
    tag(&dana, &["-s", "-m", "by an outsider", "v1.0.0", &main]);
    world.refuses(&["checklist-tag-signer"], || dana.push(&["refs/tags/v1.0.0"]));
    for (object, what) in [("origin/main^{tree}", "tree"), ("origin/main:README.md", "blob")] {
        tag(&ben, &["-s", "-m", what, "v1.0.0", object]);
        world.refuses(&["ref-tag-target"], || push("v1.0.0"));
        let object = ben.git(&["rev-parse", object]);
        world.refuses(&["ref-tag-target"], || ben.push(&[&format!("{object}:refs/tags/v1.0.0")]));
    }
    tag(&ben, &["-s", "-m", "inner", "inner", &main]);
    tag(&ben, &["-s", "-m", "a tag of a tag", "v1.0.0", "inner"]);
    world.refuses(&["ref-tag-target"], || push("v1.0.0"));
    // No document for this version, and none that the template would know (T107, T108).
    tag(&ben, &["-s", "-m", "v2", "v2.0.0", &main]);
    world.refuses(&["checklist-document-missing"], || push("v2.0.0"));
    tag(&ben, &["-s", "-m", "v1", "v1.0.0", &main]);
    world.refuses(&["ref-tag-name"], || ben.push(&["refs/tags/v1.0.0:refs/tags/v9.9.9"]));
    push("v1.0.0").accepted();
    tag(&ben, &["-s", "-m", "again", "v1.0.0", &main]);
    world.refuses(&["ref-tag-moved"], || push("v1.0.0"));
    world.refuses(&["ref-deleted"], || ben.push(&[":refs/tags/v1.0.0"]));
    let held = world.on_server("refs/tags/v1.0.0").expect("a tag");
    world.refuses(&["ref-deleted"], || {
        wire::push(&world.server(), &[(ZERO, ZERO, b"refs/tags/v1.0.0")])
    });
    assert_eq!(world.on_server("refs/tags/v1.0.0"), Some(held));
}

#[test]
fn t105_a_tag_beside_what_was_reviewed() {
    let world = release_world();
    let ben = world.person("ben");
    ben.git(&["fetch", "-q", "origin"]);
    ben.git(&["checkout", "-q", "--detach", "origin/main"]);
    ben.write("net/up.rs", "fn up() { evil() }\n");
    let evil = ben.commit("beside");
    tag(&ben, &["-s", "-m", "beside", "v1.0.0", &evil]);
    world.refuses(&["ref-tag-unreachable"], || ben.push(&["refs/tags/v1.0.0"]));
    // A commit that came in with a merge, as itself, is no state that anybody approved.
    let dana = world.person("dana");
    dana.topic("topic");
    dana.write("net/up.rs", "fn up() { backdoor() }\n");
    let inside = dana.commit("try");
    dana.write("net/up.rs", "fn up() { better() }\n");
    let tip = dana.commit("rather this");
    dana.push(&["topic"]).accepted();
    approve(&world, &tip, &["cleo", "ben"]);
    dana.git(&["checkout", "-q", "-B", "landing", "origin/main"]);
    dana.git(&["merge", "-q", "--no-ff", "-m", "Merge topic", "topic"]);
    let merge = dana.head();
    dana.push(&["landing:main"]).accepted();
    ben.git(&["fetch", "-q", "origin"]);
    for (commit, is_good) in [(&inside, false), (&tip, false), (&merge, true)] {
        tag(&ben, &["-s", "-m", "release", "v1.0.0", commit]);
        let push = || ben.push(&["+refs/tags/v1.0.0"]);
        if is_good {
            push().accepted();
        } else {
            world.refuses(&["ref-tag-unreachable"], push);
        }
    }
}

#[test]
fn t108_an_open_checklist() {
    let world = World::with(
        &REVIEW.replace("gates = [\"review\", \"checklist\"]", "gates = [\"checklist\"]"),
        &structure(),
    );
    let dana = world.person("dana");
    dana.topic("release");
    dana.write(
        "releases/v1.0.0.md",
        document().replacen("- [x] The owners", "- [ ] The owners", 1),
    );
    let commit = dana.commit("Prepare v1.0.0");
    dana.push(&["release"]).accepted();
    approve(&world, &commit, &["ada", "ben"]);
    dana.push(&["release:main"]).accepted();
    let ben = world.person("ben");
    ben.git(&["fetch", "-q", "origin"]);
    tag(&ben, &["-s", "-m", "v1", "v1.0.0", "origin/main"]);
    let said = world.refuses(&["checklist-incomplete"], || ben.push(&["refs/tags/v1.0.0"]));
    assert!(said.err.contains("The owners"), "{said}");
}
