//! Attacks on what lands: ranges, merges, approvals used again, and trailers (T30 to T69).

use crate::support::world::{CONFIG, Person, World, attach_clean, corpus, structure};
use crate::threats_refs::REVIEW;

fn approve(world: &World, commit: &str, who: &[&'static str]) {
    for who in who {
        world.person(who).approves(commit);
    }
}

/// Writes, commits, parks and gets the approvals of Cleo and Ben.
fn approved(world: &World, dana: &Person<'_>, topic: &str) -> String {
    let commit = dana.propose(topic);
    approve(world, &commit, &["cleo", "ben"]);
    commit
}

#[test]
fn t30_one_person_is_one_voice() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    let commit = dana.propose("one");
    let ben = world.person("ben");
    // Twice the same person: for every role that they hold, and once more for one of them.
    ben.approves(&commit);
    ben.refgate(&["approve", &commit, "--role", "maintainer", "--push"]).accepted();
    world.refuses(&["review-reviewer-missing"], || dana.push(&["one:main"]));
    // A reviewer of a domain does not become a maintainer by asking.
    let cleo = world.person("cleo");
    let said = cleo.refgate(&["approve", &commit, "--role", "maintainer", "--push"]);
    assert!(!said.ok && said.err.contains("no maintainer here"), "{said}");
    cleo.approves(&commit);
    dana.push(&["one:main"]).accepted();
}

type Variables = &'static [(&'static str, &'static str)];

#[test]
fn t32_the_author_by_another_name() {
    let world = World::with(REVIEW, &structure());
    let ben = world.person("ben");
    // Ben's part in each change: author under another spelling, committer, co-author, signer.
    let parts: [(&str, Variables, &str); 4] = [
        (
            "spelling",
            &[("GIT_AUTHOR_EMAIL", "BEN@Example.ORG"), ("GIT_COMMITTER_EMAIL", "x@example.org")],
            "",
        ),
        ("committer", &[("GIT_AUTHOR_EMAIL", "dana@example.org")], ""),
        (
            "co-author",
            &[
                ("GIT_AUTHOR_EMAIL", "dana@example.org"),
                ("GIT_COMMITTER_EMAIL", "dana@example.org"),
            ],
            "\n\nCo-authored-by: Ben Ito <ben@example.org>",
        ),
        (
            "signer",
            &[
                ("GIT_AUTHOR_EMAIL", "dana@example.org"),
                ("GIT_COMMITTER_EMAIL", "dana@example.org"),
            ],
            "sign",
        ),
    ];
    for (name, variables, more) in parts {
        ben.topic(name);
        ben.write("net/up.rs", format!("fn up() {{ {name}() }}\n"));
        ben.git(&["add", "-A"]);
        let (sign, more) = if more == "sign" { ("-S", "") } else { ("--no-gpg-sign", more) };
        let mut git = ben.command();
        git.envs(variables.iter().copied());
        let message = format!("{name}{more}");
        crate::support::run(git.args(["commit", "-q", sign, "-m", &message]));
        let commit = ben.head();
        ben.push(&[&format!("+{name}")]).accepted();
        approve(&world, &commit, &["cleo", "ben"]);
        // Whoever pushes it: the approval of somebody who took part does not count.
        world.person("dana").git(&["fetch", "-q", "origin"]);
        let said = world.refuses(&["review-self-approved"], || {
            world.person("dana").push(&[&format!("origin/{name}:refs/heads/main")])
        });
        assert!(said.err.contains("Ben Ito"), "{said}");
    }
}

/// What a release branch has passed needs no second scan on main; who wrote it is still known there.
#[test]
fn t32_the_author_of_what_another_branch_has_passed() {
    let world = World::with(REVIEW, &structure());
    let ada = world.person("ada");
    ada.git(&["fetch", "-q", "origin"]);
    ada.push(&["origin/main:refs/heads/release/1.0"]).accepted();
    let ben = world.person("ben");
    let commit = ben.propose("hotfix");
    for who in ["ada", "cleo"] {
        let person = world.person(who);
        person.git(&["fetch", "-q", "origin"]);
        person.refgate(&["approve", &commit, "--onto", "release/1.0", "--push"]).accepted();
    }
    ben.push(&["hotfix:release/1.0"]).accepted();
    // Main has moved meanwhile, so the fix comes in by a merge that somebody else makes.
    let other = approved_elsewhere(&world);
    let dana = world.person("dana");
    dana.topic("forward");
    assert_eq!(dana.head(), other);
    dana.git(&["merge", "-q", "--no-ff", "-m", "Merge release 1.0", "origin/release/1.0"]);
    let merge = dana.head();
    dana.push(&["forward"]).accepted();
    approve(&world, &merge, &["cleo", "ben"]);
    world.refuses(&["review-self-approved"], || dana.push(&["forward:main"]));
    approve(&world, &merge, &["ada"]);
    dana.push(&["forward:main"]).accepted();
}

/// Lands a change beside `net/`, which takes two maintainers.
fn approved_elsewhere(world: &World) -> String {
    let dana = world.person("dana");
    dana.topic("docs");
    dana.write("README.md", "# better\n");
    let commit = dana.commit("Better words");
    dana.push(&["docs"]).accepted();
    approve(world, &commit, &["ada", "ben"]);
    dana.push(&["docs:main"]).accepted();
    commit
}

#[test]
fn t33_a_mailmap_renames_nobody() {
    let world = World::with(REVIEW, &structure());
    let ben = world.person("ben");
    ben.topic("map");
    ben.write(".mailmap", "Dana Cole <dana@example.org> <ben@example.org>\n");
    ben.write("net/up.rs", "fn up() { mapped() }\n");
    let commit = ben.commit("Add a mailmap");
    ben.push(&["map"]).accepted();
    approve(&world, &commit, &["cleo", "ben"]);
    let said = ben.push(&["map:main"]);
    assert!(said.codes().iter().all(|code| code.starts_with("review-")), "{said}");
    assert!(said.err.contains("author of this change"), "{said}");
}

/// Commits that readers understand differently, made by hand and approved as what they seem to be.
#[test]
fn t34_to_t39_hostile_commits_are_refused() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    dana.topic("hostile");
    dana.write("net/up.rs", "fn up() { x() }\n");
    dana.commit("base");
    let raw = dana.git(&["cat-file", "commit", "HEAD"]) + "\n";
    let tree = dana.git(&["rev-parse", "HEAD~^{tree}"]);
    let parent = dana.git(&["rev-parse", "HEAD~"]);
    let author = raw.lines().find(|line| line.starts_with("author ")).expect("an author");
    let signature = "gpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n";
    for (what, bytes) in [
        ("T34 two trees", raw.replacen('\n', &format!("\ntree {tree}\n"), 1)),
        ("T35 two authors", raw.replace("\ncommitter", "\nauthor Eve <eve@x> 1 +0000\ncommitter")),
        ("T36 a late parent", raw.replace("\n\nbase", &format!("\nparent {parent}\n\nbase"))),
        ("T37 NUL", raw.replace("base", "ba\0se")),
        ("T37 an encoding", raw.replace("\n\nbase", "\nencoding UTF-16\n\nbase")),
        ("T38 brackets", raw.replace(author, &author.replace('>', ">> <eve@x>"))),
        ("T38 no date", raw.replace(author, "author Dana Cole <dana@example.org>")),
        ("T39 two signatures", raw.replace("\n\nbase", &format!("\n{signature}{signature}\nbase"))),
        (
            "T55 one parent twice",
            raw.replacen(
                &format!("parent {parent}\n"),
                &format!("parent {parent}\nparent {parent}\n"),
                1,
            ),
        ),
    ] {
        assert_ne!(bytes, raw, "{what}");
        let id = dana.raw_object("commit", bytes.as_bytes());
        dana.git(&["update-ref", "refs/heads/hostile", &id]);
        let said = world.refuses(&["ref-object-faulty"], || dana.push(&["+hostile:main"]));
        assert!(said.err.contains(&id), "{what}\n{said}");
    }
    // The same commit as git writes it lacks approvals, and nothing else.
    let id = dana.raw_object("commit", raw.as_bytes());
    dana.git(&["update-ref", "refs/heads/hostile", &id]);
    world.refuses(&["review-approval-missing"], || dana.push(&["+hostile:main"]));
}

#[test]
fn t39_a_commit_signature_that_does_not_fit() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    dana.topic("signed");
    dana.write("net/up.rs", "fn up() { signed() }\n");
    dana.git(&["add", "-A"]);
    dana.git(&["commit", "-q", "-S", "-m", "Signed"]);
    let raw = dana.git(&["cat-file", "commit", "HEAD"]) + "\n";
    for bytes in [
        raw.replace("Signed", "Forged"),
        raw.replace(" -----END SSH SIGNATURE-----\n", " -----END SSH SIGNATURE-----\n trailing\n"),
    ] {
        let id = dana.raw_object("commit", bytes.as_bytes());
        dana.git(&["update-ref", "refs/heads/forged", &id]);
        dana.push(&["+forged"]).accepted();
        approve(&world, &id, &["cleo", "ben"]);
        world.refuses(&["review-commit-unsigned"], || dana.push(&["forged:main"]));
    }
}

#[test]
fn t40_an_approval_for_another_branch() {
    let world = World::with(REVIEW, &structure());
    let ada = world.person("ada");
    ada.git(&["fetch", "-q", "origin"]);
    ada.push(&["origin/main:refs/heads/release/1.0"]).accepted();
    let dana = world.person("dana");
    approved(&world, &dana, "fix");
    let said = world.refuses(&["review-approval-missing"], || dana.push(&["fix:release/1.0"]));
    assert!(said.err.contains("refs/heads/main"), "{said}");
    // In trailers the ref is not named at all: the signature does not verify for another one.
    dana.refgate(&["seal"]).accepted();
    world.refuses(&["review-approval-missing"], || dana.push(&["HEAD:release/1.0"]));
    dana.push(&["HEAD:main"]).accepted();
}

#[test]
fn t41_a_change_after_its_approval() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    approved(&world, &dana, "fix");
    dana.write("net/up.rs", "fn up() { more() }\n");
    dana.git(&["add", "-A"]);
    dana.git(&["commit", "-q", "--amend", "--no-edit"]);
    world.refuses(&["review-approval-missing"], || dana.push(&["fix:main"]));
    // One more commit on top is not approved by what was said about the one below it.
    let commit = approved(&world, &dana, "other");
    dana.write("net/down.rs", "fn down() {}\n");
    dana.commit("one more");
    world.refuses(&["review-approval-missing"], || dana.push(&["other:main"]));
    // Another message is no other change.
    dana.git(&["reset", "-q", "--hard", &commit]);
    dana.git(&["commit", "-q", "--amend", "-m", "Better words"]);
    dana.push(&["other:main"]).accepted();
}

#[test]
fn t42_a_reverted_change_again() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    let commit = approved(&world, &dana, "flaw");
    dana.push(&["flaw:main"]).accepted();
    dana.topic("back");
    dana.git(&["revert", "--no-edit", &commit]);
    let back = dana.head();
    dana.push(&["back"]).accepted();
    approve(&world, &back, &["cleo", "ben"]);
    dana.push(&["back:main"]).accepted();
    dana.topic("again");
    dana.git(&["cherry-pick", "--allow-empty", &commit]);
    let said = world.refuses(&["review-approval-missing"], || dana.push(&["again:main"]));
    assert!(said.err.contains("landed"), "{said}");
    // Approved anew it may land again.
    let again = dana.head();
    dana.push(&["again"]).accepted();
    approve(&world, &again, &["cleo", "ben"]);
    dana.push(&["again:main"]).accepted();
}

#[test]
fn t43_an_approval_for_another_repository() {
    let world = World::with(REVIEW, &structure());
    let other = World::with(&REVIEW.replace("demo/app", "demo/fork"), &structure());
    let dana = other.person("dana");
    let commit = dana.propose("fix");
    approve(&other, &commit, &["cleo", "ben"]);
    dana.git(&["fetch", "-q", "origin", "refs/notes/refgate/*:refs/notes/refgate/*"]);
    let server = world.server().to_string_lossy().into_owned();
    let push = |refspecs: &[&str]| dana.try_git(&[&["push", &server], refspecs].concat());
    // The two repositories have no commit in common, so the notes alone are tried.
    world.refuses(&["notes-untrusted"], || push(&["refs/notes/refgate/approvals"]));
}

#[test]
fn t50_an_evil_merge() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    let commit = approved(&world, &dana, "fix");
    dana.git(&["checkout", "-q", "-B", "landing", "origin/main"]);
    dana.git(&["merge", "-q", "--no-ff", "--no-commit", "fix"]);
    dana.write("net/key.txt", "swapped\n");
    dana.commit("Merge fix");
    let said = world.refuses(&["review-approval-missing"], || dana.push(&["landing:main"]));
    assert!(said.err.contains("Merge fix"), "{said}");
    // A merge that drops what the branch has is another change as well (T56).
    dana.git(&["checkout", "-q", "-B", "landing", "origin/main"]);
    dana.git(&["merge", "-q", "-s", "ours", "--no-ff", "-m", "Merge nothing", &commit]);
    world.refuses(&["review-maintainer-missing"], || dana.push(&["landing:main"]));
    // The honest merge has the approved change.
    dana.git(&["checkout", "-q", "-B", "landing", "origin/main"]);
    dana.git(&["merge", "-q", "--no-ff", "-m", "Merge fix", "fix"]);
    dana.push(&["landing:main"]).accepted();
}

#[test]
fn t51_t52_a_file_that_leaves_its_domain_under_any_name() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    for (n, (from, to)) in
        [("net/up.rs", "src/up.rs"), ("README.md", "net/\"q\u{e9}\n.rs"), ("net/up.rs", "")]
            .into_iter()
            .enumerate()
    {
        let topic = format!("move{n}");
        dana.topic(&topic);
        if to.is_empty() {
            dana.git(&["rm", "-q", from]);
        } else {
            std::fs::create_dir_all(dana.dir().join("src")).expect("made");
            dana.git(&["mv", from, to]);
        }
        let commit = dana.commit("Move");
        dana.push(&[&topic]).accepted();
        approve(&world, &commit, &["ada", "ben"]);
        // Two maintainers are enough for what lies in no domain, and not for net/.
        let said =
            world.refuses(&["review-reviewer-missing"], || dana.push(&[&format!("{topic}:main")]));
        assert!(said.err.contains("net"), "{said}");
    }
    approve(&world, "origin/move0", &["cleo"]);
    dana.push(&["move0:main"]).accepted();
}

#[test]
fn t53_a_bad_commit_and_its_revert() {
    let config = format!(
        "{CONFIG}[[protect]]\nrefs = [\"refs/heads/main\"]\ngates = [\"scan\", \"review\"]\n"
    );
    let world = World::with(&config, &structure());
    let dana = world.person("dana");
    dana.topic("topic");
    dana.write("net/up.rs", "fn up() { bad() }\n");
    let bad = dana.commit("bad");
    dana.write("net/up.rs", "fn up() { good() }\n");
    let good = dana.commit("good");
    dana.push(&["topic"]).accepted();
    approve(&world, &good, &["cleo", "ben"]);
    world.ci_passes(&good);
    let said = world.refuses(&["scan-evidence-missing"], || dana.push(&["topic:main"]));
    assert!(said.err.contains("1 of 2 commits lacks scan evidence"), "{said}");
    let ci = world.person("ci");
    let mut args = attach_clean(&bad);
    args[3] = corpus("sarif/bandit-1.9.4-pyapp.sarif");
    ci.refgate(&args).accepted();
    world.refuses(&["scan-finding-open"], || dana.push(&["topic:main"]));
}

#[test]
fn t54_t158_parked_commits_are_still_new() {
    let world = World::new();
    let dana = world.person("dana");
    let commit = dana.propose("parked");
    // On the server by now, and on a branch; to main they are as new as ever.
    for name in ["scratch/a", "scratch/b"] {
        dana.push(&[&format!("parked:{name}")]).accepted();
    }
    let codes = &["scan-evidence-missing", "tests-evidence-missing", "review-approval-missing"];
    let said = world.refuses(codes, || dana.push(&["parked:main"]));
    assert!(said.err.contains(&commit[..12]), "{said}");
}

#[test]
fn t55_octopus_and_criss_cross() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    for name in ["a", "b", "c"] {
        dana.topic(name);
        dana.write(&format!("net/{name}.rs"), format!("{name}\n"));
        dana.commit(name);
    }
    dana.topic("octopus");
    dana.git(&["merge", "-q", "--no-ff", "-m", "All of them", "a", "b", "c"]);
    let octopus = dana.head();
    dana.push(&["octopus"]).accepted();
    world.refuses(&["review-approval-missing"], || dana.push(&["octopus:main"]));
    approve(&world, &octopus, &["cleo", "ben"]);
    dana.push(&["octopus:main"]).accepted();
    // More parents than anybody needs are refused, not walked.
    let tree = dana.git(&["rev-parse", "HEAD^{tree}"]);
    let mut args = vec!["commit-tree".to_owned(), tree.clone(), "-m".into(), "wide".into()];
    args.extend(["-p".into(), octopus.clone()]);
    for n in 0..64 {
        let parent = dana.git(&["commit-tree", &tree, "-m", &n.to_string(), "-p", &octopus]);
        args.extend(["-p".into(), parent]);
    }
    let wide = dana.git(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let said =
        world.refuses(&["ref-object-faulty"], || dana.push(&[&format!("{wide}:refs/heads/main")]));
    assert!(said.err.contains("more than 64 parents"), "{said}");
}

#[test]
fn t57_an_empty_change_collects_no_approvals_for_later() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    dana.topic("empty");
    let empty = dana.commit("nothing");
    dana.push(&["empty"]).accepted();
    approve(&world, &empty, &["ada", "ben"]);
    dana.topic("other");
    dana.commit("nothing either");
    world.refuses(&["review-maintainer-missing"], || dana.push(&["other:main"]));
    dana.push(&["empty:main"]).accepted();
}

#[test]
fn t58_a_submodule_moves() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    dana.topic("sub");
    let elsewhere = "1234567890123456789012345678901234567890";
    dana.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{elsewhere},net/lib")]);
    dana.git(&["commit", "-q", "-m", "Move the library"]);
    let commit = dana.head();
    dana.push(&["sub"]).accepted();
    approve(&world, &commit, &["cleo", "ben"]);
    let said = world.refuses(&["review-submodule-changed"], || dana.push(&["sub:main"]));
    assert!(said.err.contains("net/lib"), "{said}");
}

#[test]
fn t59_a_merge_made_on_the_server_needs_nothing_new() {
    // What a forge's button makes: a commit by somebody else, of the approved change.
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    let commit = approved(&world, &dana, "squash");
    let tree = dana.git(&["rev-parse", &format!("{commit}^{{tree}}")]);
    let mut git = dana.command();
    git.envs([
        ("GIT_AUTHOR_NAME", "Dana Cole"),
        ("GIT_AUTHOR_EMAIL", "dana@example.org"),
        ("GIT_COMMITTER_NAME", "Forge"),
        ("GIT_COMMITTER_EMAIL", "noreply@forge.example.org"),
    ]);
    git.args(["commit-tree", &tree, "-p", "origin/main", "-m", "Squash it (#12)"]);
    let made = String::from_utf8(crate::support::run(&mut git)).expect("an id");
    dana.push(&[&format!("{}:refs/heads/main", made.trim())]).accepted();
}

/// One good pair of approval trailers, and messages in which git, libgit2 and gix would see other ones.
#[test]
fn t60_to_t69_trailers_that_readers_see_differently() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    let commit = approved(&world, &dana, "fix");
    // The notes are taken away again, so that trailers alone can approve.
    dana.refgate(&["seal"]).accepted();
    let sealed = dana.git(&["log", "-1", "--format=%B", "HEAD"]);
    let trailers: String = sealed
        .lines()
        .skip_while(|line| !line.starts_with("Approved-by: "))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(trailers.matches("Approved-by: ").count(), 2, "{sealed}");
    world.server_git(&["update-ref", "-d", "refs/notes/refgate/approvals"]);
    let tree = dana.git(&["rev-parse", &format!("{commit}^{{tree}}")]);
    let base = dana.git(&["rev-parse", "origin/main"]);
    let landing = |message: &str| -> String {
        let raw = dana.git(&["cat-file", "commit", &commit]);
        let head = raw.split("\n\n").next().expect("a header");
        assert!(head.contains(&tree) && head.contains(&base));
        dana.raw_object("commit", format!("{head}\n\n{message}").as_bytes())
    };
    let missing = "review-approval-missing";
    let maintainer = "review-maintainer-missing";
    let ambiguous = "review-trailer-ambiguous";
    let quoted: String = trailers.lines().map(|line| format!("> {line}\n")).collect();
    let cases: [(&str, String, &[&str]); 12] = [
        ("T60 in the body", format!("Fix\n\n{trailers}\nmore text\n"), &[missing]),
        ("T60 quoted", format!("Revert\n\n{quoted}"), &[missing]),
        ("T61 a divider", format!("Fix\n\n{trailers}---\nafter\n"), &[ambiguous, missing]),
        ("T62 folded into another", format!("Fix\n\nNote: z\n {trailers}"), &[maintainer]),
        ("T62 a TAB", format!("Fix\n\n{}", trailers.replace("\n ", "\n\t")), &[ambiguous, missing]),
        ("T63 CRLF", format!("Fix\n\n{}", trailers.replace('\n', "\r\n")), &[ambiguous, missing]),
        (
            "T65 the same person twice",
            format!("Fix\n\n{}{}", first(&trailers), first(&trailers)),
            &["review-reviewer-missing"],
        ),
        (
            "T66 a look-alike",
            format!("Fix\n\n{}", trailers.replace("Approved-by", "Approved\u{2010}by")),
            &[missing],
        ),
        (
            "T67 prose among them",
            format!("Fix\n\nSigned-off-by: Dana Cole <dana@example.org>\nprose\n{trailers}"),
            &[ambiguous, missing],
        ),
        (
            "T68 another separator",
            format!("Fix\n\n{}", trailers.replace("Approved-by:", "Approved-by :")),
            &[ambiguous, missing],
        ),
        (
            "T69 scissors",
            format!("Fix\n\n{trailers}# ------------------------ >8 ------------------------\nx\n"),
            &[ambiguous, missing],
        ),
        ("T69 a comment", format!("Fix\n\n{trailers}# Conflicts:\n#\tx\n"), &[ambiguous, missing]),
    ];
    for (what, message, codes) in cases {
        let id = landing(&message);
        let said = dana.push(&[&format!("{id}:refs/heads/main")]);
        assert!(!said.ok, "{what}\n{said}");
        let found = said.codes();
        assert!(
            found.iter().all(|code| codes.contains(code)) && found.contains(&codes[0]),
            "{what}: {found:?}\n{said}"
        );
        assert_eq!(world.on_server("refs/heads/main").as_deref(), Some(&*base), "{what}");
    }
    dana.push(&[&format!("{}:refs/heads/main", landing(&format!("Fix\n\n{trailers}")))]).accepted();
}

/// The first trailer of a block.
fn first(trailers: &str) -> &str {
    let end = trailers[1..].find("\nApproved-by").expect("another one") + 2;
    &trailers[..end]
}
