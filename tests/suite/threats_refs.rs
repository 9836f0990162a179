//! Attacks on the wire and on the name space of refs (T01 to T19).
//!
//! Each is made by a real client against the installed hook. The refused push says why, and moves
//! no ref of the server; where the same thing done honestly is accepted, that is shown beside it.

use crate::support::wire::{self, ZERO};
use crate::support::world::{CONFIG, Said, World, structure};
use crate::support::{command, output, run};

/// Protects what the built-in policy does, by the review gate alone.
pub const REVIEW: &str = "repository = \"git.example.org/demo/app\"\n\
    [[protect]]\nrefs = [\"refs/heads/main\", \"refs/heads/release/*\"]\ngates = [\"review\"]\n\
    [[protect]]\nrefs = [\"refs/tags/v*\"]\ngates = [\"review\", \"checklist\"]\n";

/// A commit that nobody approved, parked on a branch that nobody protects.
fn parked(world: &World) -> String {
    let mallory = world.person("mallory");
    mallory.topic("scratch");
    mallory.write("net/up.rs", "fn up() { evil() }\n");
    let evil = mallory.commit("Looks harmless");
    mallory.push(&["+scratch"]).accepted();
    evil
}

fn send(world: &World, commands: &[(&str, &str, &str)]) -> Said {
    let commands: Vec<(&str, &str, &[u8])> =
        commands.iter().map(|(old, new, name)| (*old, *new, name.as_bytes())).collect();
    wire::push(&world.server(), &commands)
}

fn main_of(world: &World) -> String {
    world.on_server("refs/heads/main").expect("a main branch")
}

/// git itself deletes without a look at the old value when the client claims one that means nothing.
#[test]
fn t01_t02_a_deletion_that_claims_another_old_value() {
    let world = World::new();
    let evil = parked(&world);
    let unknown = "1234567890123456789012345678901234567890";
    for old in [ZERO, unknown, &main_of(&world), &evil] {
        let codes: &[&str] = &["ref-deleted"];
        world.refuses(codes, || send(&world, &[(old, ZERO, "refs/heads/main")]));
    }
    // The same command takes an unprotected branch away, so the client is no toy.
    send(&world, &[(ZERO, ZERO, "refs/heads/scratch")]).accepted();
    assert_eq!(world.on_server("refs/heads/scratch"), None);
}

#[test]
fn t03_two_commands_for_one_ref() {
    let world = World::new();
    let evil = parked(&world);
    let main = main_of(&world);
    let twice = &["ref-named-twice", "ref-named-twice"];
    world.refuses(twice, || {
        send(&world, &[(&main, &evil, "refs/heads/main"), (&main, &main, "refs/heads/main")])
    });
    world.refuses(twice, || {
        send(&world, &[(&main, &evil, "refs/heads/main"), (&evil, &main, "refs/heads/main")])
    });
    // Spellings that a file system folds are one ref too, and so are unprotected refs.
    world.refuses(twice, || {
        send(&world, &[(ZERO, &evil, "refs/heads/x"), (ZERO, &main, "refs/heads/X")])
    });
    send(&world, &[(ZERO, &evil, "refs/heads/x"), (ZERO, &main, "refs/heads/y")]).accepted();
}

#[test]
fn t04_an_old_value_that_the_ref_does_not_hold() {
    let world = World::new();
    let evil = parked(&world);
    for old in [ZERO, &evil] {
        let said =
            world.refuses(&["ref-moved"], || send(&world, &[(old, &evil, "refs/heads/main")]));
        assert!(
            said.err.contains("hint: bring in what is on the server, then push again:"),
            "{said}"
        );
    }
    let main = main_of(&world);
    world.refuses(&["ref-moved"], || send(&world, &[(&main, &evil, "refs/heads/release/1.0")]));
    // With the real value it is judged on what it brings.
    let codes = &["scan-evidence-missing", "tests-evidence-missing", "review-approval-missing"];
    world.refuses(codes, || send(&world, &[(&main, &evil, "refs/heads/main")]));
}

#[test]
fn t05_t06_an_alias_of_a_protected_branch() {
    let world = World::new();
    let evil = parked(&world);
    world.server_git(&["symbolic-ref", "refs/heads/master", "refs/heads/main"]);
    let mallory = world.person("mallory");
    let said = world.refuses(&["ref-alias"], || mallory.push(&["scratch:refs/heads/master"]));
    assert!(said.err.contains("it leads to refs/heads/main"), "{said}");
    world.refuses(&["ref-alias"], || mallory.push(&[":refs/heads/master"]));
    world.refuses(&["ref-alias"], || send(&world, &[(ZERO, ZERO, "refs/heads/master")]));
    let main = main_of(&world);
    world.refuses(&["ref-named-twice", "ref-named-twice"], || {
        send(&world, &[(&main, &evil, "refs/heads/master"), (&main, &main, "refs/heads/main")])
    });
    // An alias among branches that nobody protects is the owner's business.
    world.server_git(&["symbolic-ref", "refs/heads/other", "refs/heads/scratch"]);
    mallory.topic("more");
    mallory.git(&["reset", "-q", "--hard", "origin/scratch"]);
    mallory.commit("more");
    mallory.push(&["more:refs/heads/other"]).accepted();
}

/// The other way round: the protected name is the alias, and its target has a name that nobody protects.
#[test]
fn t05_a_protected_branch_that_is_an_alias_itself() {
    let world = World::with(&REVIEW.replace("release/*\"", "stable\""), &structure());
    let evil = parked(&world);
    let main = main_of(&world);
    world.server_git(&["update-ref", "refs/heads/trunk", &main]);
    world.server_git(&["symbolic-ref", "refs/heads/main", "refs/heads/trunk"]);
    for name in ["refs/heads/trunk", "refs/heads/main"] {
        world.cannot_judge(&["no rule protects refs/heads/trunk"], || {
            send(&world, &[(&main, &evil, name)])
        });
    }
    // A branch that is not where the policy is read from is refused by the guard.
    world.server_git(&["symbolic-ref", "--delete", "refs/heads/main"]);
    world.server_git(&["update-ref", "refs/heads/main", &main]);
    world.server_git(&["symbolic-ref", "refs/heads/stable", "refs/heads/trunk"]);
    world.refuses(&["ref-alias"], || send(&world, &[(&main, &evil, "refs/heads/trunk")]));
    world.refuses(&["ref-alias"], || send(&world, &[(&main, ZERO, "refs/heads/trunk")]));
}

#[test]
fn t07_t08_replace_refs() {
    let world = World::new();
    let evil = parked(&world);
    let main = main_of(&world);
    let mallory = world.person("mallory");
    for (new, what) in [(&main, &evil), (&evil, &evil)] {
        let name = format!("{new}:refs/replace/{what}");
        world.refuses(&["ref-replace"], || mallory.push(&[&name]));
    }
    world.refuses(&["ref-replace"], || mallory.push(&[&format!("{main}:refs/Replace/{evil}")]));
    // One that is there already, by whatever way, changes nothing: the commit is judged that was pushed.
    world.server_git(&["update-ref", &format!("refs/replace/{evil}"), &main]);
    let codes = &["scan-evidence-missing", "tests-evidence-missing", "review-approval-missing"];
    let said = world.refuses(codes, || send(&world, &[(&main, &evil, "refs/heads/main")]));
    assert!(said.err.contains("Looks harmless"), "{said}");
}

#[test]
fn t09_a_name_that_is_not_utf8_in_front_of_a_protected_one() {
    let world = World::new();
    let evil = parked(&world);
    let main = main_of(&world);
    let codes = &["scan-evidence-missing", "tests-evidence-missing", "review-approval-missing"];
    world.refuses(codes, || {
        wire::push(
            &world.server(),
            &[(ZERO, &evil, b"refs/heads/m\xffain"), (&main, &evil, b"refs/heads/main")],
        )
    });
    let said = world.refuses(&["ref-name-unfit"], || {
        wire::push(&world.server(), &[(ZERO, &main, b"refs/heads/release/\xff1")])
    });
    assert!(said.err.contains(r#"sent as "refs/heads/release/\xff1""#), "{said}");
    wire::push(&world.server(), &[(ZERO, &evil, b"refs/heads/m\xffain")]).accepted();
}

#[test]
fn t10_t11_lines_that_no_git_writes() {
    let world = World::new();
    let evil = parked(&world);
    let main = main_of(&world);
    let good = format!("{main} {evil} refs/heads/main\n");
    let long = format!("{ZERO} {evil} refs/heads/{}\n{good}", "x".repeat(100_000));
    for input in [
        "",
        "\n",
        &good[..good.len() - 1],
        &format!("{main} {evil}\n{good}"),
        &good.replace(' ', "\t"),
        &good.replace('\n', "\r\n"),
        &good.replace(&main, &main.to_uppercase()),
        &good.replace(&main, &main[..39]),
        &good.replace(&evil, "--option"),
        &good.replace(&evil, "HEAD^{tree}"),
        &good.replace(' ', "\u{a0}"),
        &good.replace(&main, &"a".repeat(64)).replace(&evil, &"b".repeat(64)),
        &long,
    ] {
        let said: Said = output(&mut world.hook("pre-receive", input)).into();
        let refused = said.code == Some(2) || !said.codes().is_empty();
        assert!(refused && said.code != Some(0), "{input:.100}\n{said}");
        assert!(said.err.lines().all(|line| line.len() < 120), "{said}");
    }
    // A name that is longer than any file system takes, from a real client.
    let name = format!("refs/heads/{}", "x".repeat(6000));
    world.cannot_judge(&["ref update 1 is not \"old new ref\""], || {
        send(&world, &[(ZERO, &evil, &name), (&main, &evil, "refs/heads/main")])
    });
}

#[test]
fn t12_names_that_short_names_are_taken_for() {
    let world = World::new();
    parked(&world);
    let mallory = world.person("mallory");
    for name in [
        "refs/tags/main",
        "refs/tags/heads/main",
        "refs/heads/heads/main",
        "refs/heads/refs/heads/main",
        "refs/main",
        "refs/heads/HEAD",
        "refs/tags/HEAD",
    ] {
        world.refuses(&["ref-shadows"], || mallory.push(&[&format!("scratch:{name}")]));
    }
    for name in ["refs/tags/maintained", "refs/heads/heads/other", "refs/remotes/x/main"] {
        mallory.push(&[&format!("scratch:{name}")]).accepted();
    }
}

#[test]
fn t13_names_that_a_file_system_folds() {
    let world = World::new();
    parked(&world);
    let mallory = world.person("mallory");
    for name in [
        "refs/heads/Main",
        "refs/heads/Release/1.0",
        "refs/Heads/main",
        "refs/tags/V1.0",
        "refs/notes/Refgate/evidence",
        "refs/Notes/refgate/approvals",
    ] {
        world.refuses(&["ref-spelling"], || mallory.push(&[&format!("scratch:{name}")]));
    }
    mallory.push(&["scratch:refs/heads/Maintenance"]).accepted();
}

#[test]
fn t14_names_that_look_like_others() {
    let world = World::new();
    let evil = parked(&world);
    let mallory = world.person("mallory");
    // Cyrillic letters, a decomposed letter, a zero-width joiner, a bidi override, a C1 control.
    for name in ["1.0\u{430}", "e\u{301}", "1\u{200d}", "\u{202e}1", "\u{9b}31m"] {
        let name = format!("refs/heads/release/{name}");
        let said = world.refuses(&["ref-name-unfit"], || {
            wire::push(&world.server(), &[(ZERO, &evil, name.as_bytes())])
        });
        let place = said.err.lines().find(|line| line.starts_with("  --> ")).expect("a place");
        assert!(place.is_ascii() && place.contains("\\x"), "{said}");
        assert!(!said.err.contains(['\u{200d}', '\u{202e}']), "{said}");
    }
    // Elsewhere the name is free, and matches no pattern.
    mallory.push(&["scratch:refs/heads/m\u{430}in"]).accepted();
}

#[test]
fn t15_back_to_an_older_commit() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    let before = main_of(&world);
    let commit = dana.propose("fix");
    world.reviewers_approve(&commit);
    dana.push(&["fix:main"]).accepted();
    world.refuses(&["ref-not-fast-forward"], || dana.push(&[&format!("+{before}:main")]));
    // A rewritten commit in place of the one that landed.
    dana.git(&["checkout", "-q", "--detach", "origin/main~1"]);
    let other = dana.commit("another history");
    world.refuses(&["ref-not-fast-forward"], || dana.push(&[&format!("+{other}:main")]));
    // A merge that has the branch as its second parent leaves the chain of reviewed landings.
    dana.git(&["merge", "-q", "--no-ff", "-m", "the wrong way round", "origin/main"]);
    world.refuses(&["ref-not-first-parent"], || dana.push(&["HEAD:main"]));
}

#[test]
fn t16_deletion_in_all_its_forms() {
    let world = World::with(REVIEW, &structure());
    let ada = world.person("ada");
    ada.push(&["main:refs/heads/release/1.0"]).accepted();
    let said = world.refuses(&["ref-deleted"], || ada.push(&["--delete", "main"]));
    assert!(said.err.contains("hint: if it has to go, an administrator deletes it"), "{said}");
    world.refuses(&["ref-deleted", "ref-deleted"], || {
        ada.push(&["--delete", "main", "release/1.0"])
    });
    let empty = world.person("mallory");
    empty.git(&["checkout", "-q", "--detach"]);
    empty.git(&["update-ref", "-d", "refs/heads/main"]);
    let said = empty.try_git(&["push", "--mirror", "origin"]);
    assert!(!said.ok && said.codes().contains(&"ref-deleted"), "{said}");
    let said = empty.try_git(&["push", "--prune", "origin", "refs/heads/*:refs/heads/*"]);
    assert!(!said.ok && said.codes().contains(&"ref-deleted"), "{said}");
    assert!(world.on_server("refs/heads/main").is_some());
    assert!(world.on_server("refs/heads/release/1.0").is_some());
}

#[test]
fn t17_a_protected_branch_from_nowhere() {
    let world = World::with(REVIEW, &structure());
    let evil = parked(&world);
    let main = main_of(&world);
    // Deleted and made anew in one push.
    world.refuses(&["ref-named-twice", "ref-named-twice"], || {
        send(&world, &[(&main, ZERO, "refs/heads/main"), (ZERO, &evil, "refs/heads/main")])
    });
    let mallory = world.person("mallory");
    mallory.git(&["checkout", "-q", "--orphan", "elsewhere"]);
    mallory.commit("a history of its own");
    world.refuses(&["ref-unrelated"], || mallory.push(&["elsewhere:refs/heads/release/6.6"]));
    mallory.git(&["checkout", "-q", "scratch"]);
    world.refuses(&["review-approval-missing"], || mallory.push(&["scratch:release/6.6"]));
    mallory.push(&["origin/main:refs/heads/release/6.6"]).accepted();
}

/// A commit that came to main as a part of a merge was never what a landing left behind.
#[test]
fn t17_a_release_branch_from_within_a_merged_topic() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    dana.topic("topic");
    dana.write("net/up.rs", "fn up() { backdoor() }\n");
    let evil = dana.commit("try something");
    dana.write("net/up.rs", "fn up() { better() }\n");
    let tip = dana.commit("no, rather this");
    dana.push(&["topic"]).accepted();
    for who in ["cleo", "ben"] {
        world.person(who).approves(&tip);
    }
    dana.git(&["checkout", "-q", "-B", "landing", "origin/main"]);
    dana.git(&["merge", "-q", "--no-ff", "-m", "Merge topic", "topic"]);
    let merge = dana.head();
    dana.push(&["landing:main"]).accepted();
    let said = world.refuses(&["review-approval-missing"], || {
        dana.push(&[&format!("{evil}:refs/heads/release/1.0")])
    });
    assert!(said.err.contains("try something"), "{said}");
    // The approvals were for main, so the tip of the topic is not approved for a release either.
    world.refuses(&["review-approval-missing"], || {
        dana.push(&[&format!("{tip}:refs/heads/release/1.0")])
    });
    // What main has been may be released from: the merge, and what it was made on.
    dana.push(&[&format!("{merge}:refs/heads/release/1.0")]).accepted();
    dana.push(&[&format!("{merge}^1:refs/heads/release/0.9")]).accepted();
}

#[test]
fn t18_a_push_from_a_shallow_clone() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    dana.topic("deep");
    for n in 0..3 {
        dana.commit(&format!("step {n}"));
    }
    dana.push(&["deep"]).accepted();
    world.server_git(&["config", "receive.shallowUpdate", "true"]);
    let shallow = world.path("shallow");
    let server = format!("file://{}", world.server().display());
    run(command("git").args(["clone", "-q", "--depth=1", "-b", "deep", &server]).arg(&shallow));
    let git = |args: &[&str]| -> Said {
        let who = ["-c", "user.name=Dana Cole", "-c", "user.email=dana@example.org"];
        output(command("git").arg("-C").arg(&shallow).args(who).args(args)).into()
    };
    git(&["commit", "-q", "--allow-empty", "-m", "from a shallow clone"]).accepted();
    // The server has what is cut off, so nothing is hidden from it and all commits are judged.
    git(&["push", "origin", "HEAD:refs/heads/topic"]).accepted();
    let said =
        world.refuses(&["review-maintainer-missing"], || git(&["push", "origin", "+HEAD:main"]));
    assert!(said.err.contains("step 0"), "{said}");
    // A history that the server does not have would be cut off on the server too.
    let other = world.path("other");
    run(command("git").args(["init", "-q", "-b", "main"]).arg(&other));
    let in_other = |args: &[&str]| -> Said {
        let who = ["-c", "user.name=Eve", "-c", "user.email=eve@example.org"];
        output(command("git").arg("-C").arg(&other).args(who).args(args)).into()
    };
    for n in 0..3 {
        in_other(&["commit", "-q", "--allow-empty", "-m", &format!("{n}")]).accepted();
    }
    let cut = world.path("cut");
    let from = format!("file://{}", other.display());
    run(command("git").args(["clone", "-q", "--depth=1", &from]).arg(&cut));
    for name in ["refs/heads/release/1.0", "refs/heads/free"] {
        let said = world.refuses(&["ref-shallow"], || {
            let refspec = format!("HEAD:{name}");
            output(command("git").arg("-C").arg(&cut).args(["push", &server, &refspec])).into()
        });
        assert!(said.err.contains("git fetch --unshallow"), "{said}");
    }
    assert!(!world.server().join("shallow").exists());
}

#[test]
fn t19_a_namespace_is_no_way_around() {
    let world = World::new();
    let evil = parked(&world);
    let mallory = world.person("mallory");
    // By the whole name, past every pattern that was written for refs/heads/.
    let said = mallory.push(&["scratch:refs/namespaces/acme/refs/heads/main"]);
    assert!(!said.ok, "{said}");
    assert_eq!(world.on_server("refs/namespaces/acme/refs/heads/main"), None);
    // As git sees it inside the namespace, where the old value is that of the namespace.
    let main = main_of(&world);
    world.server_git(&["update-ref", "refs/namespaces/acme/refs/heads/main", &main]);
    let codes = &["scan-evidence-missing", "tests-evidence-missing", "review-approval-missing"];
    let in_namespace = |refspec: &str| -> Said {
        let mut git = mallory.command();
        output(git.env("GIT_NAMESPACE", "acme").args(["push", "origin", refspec])).into()
    };
    world.refuses(codes, || in_namespace("scratch:main"));
    world.refuses(&["ref-deleted"], || in_namespace(":main"));
    world.refuses(&["ref-replace"], || in_namespace(&format!("{main}:refs/replace/{evil}")));
    in_namespace("scratch:refs/heads/free").accepted();
    assert_eq!(world.on_server("refs/namespaces/acme/refs/heads/free"), Some(evil));
    in_namespace(&format!("{main}:refs/heads/release/1.0")).accepted();
}

#[test]
fn many_refs_in_one_push_are_judged_together() {
    let world = World::with(CONFIG, &structure());
    let evil = parked(&world);
    let main = main_of(&world);
    let mut commands: Vec<(String, String, String)> =
        (0..300).map(|n| (ZERO.to_owned(), evil.clone(), format!("refs/heads/many/{n}"))).collect();
    commands.insert(150, (main, evil, "refs/heads/main".into()));
    let all: Vec<(&str, &str, &str)> =
        commands.iter().map(|(old, new, name)| (&**old, &**new, &**name)).collect();
    let codes = &["scan-evidence-missing", "tests-evidence-missing", "review-approval-missing"];
    let said = world.refuses(codes, || send(&world, &all));
    assert!(said.err.contains("on 1 of 301 refs"), "{said}");
    let free: Vec<(&str, &str, &str)> =
        all.iter().copied().filter(|(_, _, name)| *name != "refs/heads/main").collect();
    send(&world, &free).accepted();
}
