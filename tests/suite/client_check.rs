//! `refgate check` and `status` say before a push what the server says to it.

use crate::support::statement::{Draft, say};
use crate::support::world::{Person, Said, World, corpus, review_only, structure};

/// The codes of a verdict in JSON, in order, and whether it accepts.
fn checked(said: &Said) -> (Vec<String>, bool) {
    let verdict: serde_json::Value = serde_json::from_str(&said.out).expect(&said.out);
    let refs = verdict["refs"].as_array().expect("refs");
    let violations =
        refs.iter().flat_map(|judged| judged["violations"].as_array().expect("a list"));
    let codes = violations.map(|violation| violation["code"].as_str().expect("a code").to_owned());
    let accepted = verdict["verdict"] == "accepted";
    assert_eq!(said.code, Some(i32::from(!accepted)), "{said}");
    (codes.collect(), accepted)
}

/// Checks a push, then pushes it with all evidence of the clone; both say the same.
#[track_caller]
fn same(person: &Person<'_>, from: &str, to: &str, codes: &[&str]) {
    let check = person.refgate(&["check", to, "--from", from, "--format", "json"]);
    let (said, accepted) = checked(&check);
    assert_eq!(said, codes, "check of {from}: {check}");
    let notes = person.git(&["for-each-ref", "--format=%(refname)", "refs/notes/refgate/"]);
    let mut push = vec!["--atomic".to_owned(), format!("+{from}:{to}")];
    push.extend(notes.lines().map(str::to_owned));
    let push: Vec<&str> = push.iter().map(String::as_str).collect();
    let pushed = person.push(&push);
    assert_eq!(pushed.codes(), codes, "push of {from}: {pushed}");
    assert_eq!(pushed.ok, accepted, "{pushed}");
}

/// Dana proposes a change of one file.
fn propose(world: &World, name: &str, path: &str, content: &str) -> String {
    let dana = world.person("dana");
    dana.topic(name);
    dana.write(path, content);
    let commit = dana.commit(&format!("Change {name}"));
    dana.push(&[&format!("+{name}")]).accepted();
    commit
}

const MAIN: &str = "refs/heads/main";

#[test]
fn gates_of_scans_and_tests() {
    let world = World::new();
    let dana = world.person("dana");
    let attach = |who: &'static str, args: &[&str], commit: &str| {
        let person = world.person(who);
        person.git(&["fetch", "-q", "origin"]);
        let key = world.path("keys").join(who);
        let mut all = vec!["attach", "--push", "--key"];
        let key = key.to_string_lossy().into_owned();
        all.push(&key);
        all.extend(args);
        all.push(commit);
        person.refgate(&all)
    };
    let topic = propose(&world, "scans", "net/up.rs", "scans\n");
    let review = ["review-approval-missing"];
    same(&dana, &topic, MAIN, &["scan-evidence-missing", "tests-evidence-missing", review[0]]);
    for who in ["cleo", "ben"] {
        world.person(who).approves(&topic);
    }
    same(&dana, &topic, MAIN, &["scan-evidence-missing", "tests-evidence-missing"]);
    world.ci_passes(&topic);
    // A finding, and tests that failed.
    let bandit = corpus("sarif/bandit-1.9.4-pyapp.sarif");
    attach("ci", &["--sast", &bandit], &topic).accepted();
    same(&dana, &topic, MAIN, &["scan-finding-open"]);
    let failed = format!("unit={}", corpus("junit/pytest-9.2.0-pyapp.xml"));
    attach("ci", &["--tests", &failed], &topic).accepted();
    same(&dana, &topic, MAIN, &["scan-finding-open", "tests-failed"]);

    // Signed by somebody who may not: the notes are refused with the branch.
    let topic = propose(&world, "untrusted", "net/up.rs", "untrusted\n");
    for who in ["cleo", "ben"] {
        world.person(who).approves(&topic);
    }
    world.ci_passes(&topic);
    let clean = corpus("sarif/bandit-1.9.4-clean-nofindings.sarif");
    dana.git(&["fetch", "-q", "origin"]);
    let mallory = attach("mallory", &["--sast", &clean], &topic);
    assert_eq!(mallory.code, Some(1), "{mallory}");
    let notes = "refs/notes/refgate/evidence";
    let from = world.person("mallory").dir();
    dana.git(&["fetch", "-q", &from.to_string_lossy(), &format!("+{notes}:{notes}")]);
    same(&dana, &topic, MAIN, &["notes-untrusted"]);
    dana.git(&["update-ref", "-d", notes]);
    same(&dana, &topic, MAIN, &[]);
}

#[test]
fn gate_review_and_the_guards() {
    let world = World::with(&review_only(""), &structure());
    let dana = world.person("dana");
    let base = world.on_server(MAIN).expect("main");

    let topic = propose(&world, "people", "net/up.rs", "people\n");
    same(&dana, &topic, MAIN, &["review-approval-missing"]);
    world.person("ben").approves(&topic);
    same(&dana, &topic, MAIN, &["review-reviewer-missing"]);
    let cleo = world.person("cleo");
    cleo.git(&["fetch", "-q"]);
    cleo.refgate(&["reject", &topic, "-m", "no", "--push"]).accepted();
    same(&dana, &topic, MAIN, &["review-rejected", "review-reviewer-missing"]);
    cleo.refgate(&["withdraw", &topic, "--push"]).accepted();
    cleo.approves(&topic);

    let ended = propose(&world, "ended", "net/up.rs", "ended\n");
    world.person("cleo").approves(&ended);
    say(&world, "ben", &Draft::approval(&base, &ended, "maintainer").at(-99).until(-9));
    same(&dana, &ended, MAIN, &["review-maintainer-missing"]);

    let own = world.person("ben").propose("own");
    dana.git(&["fetch", "-q"]);
    for who in ["cleo", "ben"] {
        world.person(who).approves(&own);
    }
    same(&dana, &own, MAIN, &["review-self-approved"]);

    let rules = propose(&world, "rules", "meta/refgate.toml", &review_only("approvals = 3\n"));
    for who in ["cleo", "ben"] {
        world.person(who).approves(&rules);
    }
    same(&dana, &rules, MAIN, &["review-approval-missing"]);
    let void = propose(&world, "void", "meta/refgate.toml", "nonsense\n");
    same(&dana, &void, MAIN, &["review-approval-missing", "trust-files-void"]);

    dana.topic("ambiguous");
    dana.write("net/up.rs", "ambiguous\n");
    let ambiguous = dana.commit("Ambiguous\n\nprose\nApproved-by: Ben Ito <ben@example.org>");
    dana.push(&["ambiguous"]).accepted();
    same(&dana, &ambiguous, MAIN, &["review-trailer-ambiguous", "review-approval-missing"]);

    dana.topic("submodule");
    let gitlink = format!("160000,{base},net/sub");
    dana.git(&["update-index", "--add", "--cacheinfo", &gitlink]);
    dana.git(&["commit", "-q", "-m", "Add a submodule"]);
    let submodule = dana.head();
    dana.git(&["checkout", "-q", "--detach", &base]);
    same(&dana, &submodule, MAIN, &["review-submodule-changed", "review-approval-missing"]);

    // The same topic, at last.
    same(&dana, &topic, MAIN, &[]);

    same(&dana, &own, MAIN, &["ref-not-fast-forward"]);
    dana.git(&["fetch", "-q"]);
    dana.git(&["checkout", "-q", "--detach", &ended]);
    dana.git(&["merge", "-q", "-s", "ours", "-m", "The wrong way round", "origin/main"]);
    let head = dana.head();
    same(&dana, &head, MAIN, &["ref-not-first-parent"]);
    // What nobody protects.
    let check = dana.refgate(&["check", "anything", "--from", &own, "--format", "json"]);
    assert_eq!(checked(&check), (Vec::new(), true));
}

#[test]
fn signed_commits() {
    let world = World::with(&review_only("signed-commits = true\n"), &structure());
    let dana = world.person("dana");
    let topic = propose(&world, "unsigned", "net/up.rs", "unsigned\n");
    for who in ["cleo", "ben"] {
        world.person(who).approves(&topic);
    }
    same(&dana, &topic, MAIN, &["review-commit-unsigned"]);
    dana.git(&["commit", "-q", "--amend", "--no-edit", "-S"]);
    let signed = dana.head();
    same(&dana, &signed, MAIN, &[]);
}

#[test]
fn release_tags() {
    let world = World::new();
    let dana = world.person("dana");
    let ben = world.person("ben");
    ben.git(&["fetch", "-q"]);
    let tag = |name: &str| format!("refs/tags/{name}");
    let both = |name: &str, codes: &[&str]| {
        let check = ben.refgate(&["check", &tag(name), "--format", "json"]);
        assert_eq!(checked(&check).0, codes, "check {name}: {check}");
        let pushed = ben.push(&[&tag(name)]);
        assert_eq!(pushed.codes(), codes, "push {name}: {pushed}");
    };
    ben.git(&["tag", "v1", "origin/main"]);
    both("v1", &["ref-tag-lightweight"]);
    // Commits before the root of trust were never scanned, so that much is said of every tag.
    ben.git(&["tag", "-a", "-m", "two", "v2", "origin/main"]);
    let (check, pushed) =
        (ben.refgate(&["check", "v2", "--format", "json"]), ben.push(&[&tag("v2")]));
    let codes = checked(&check).0;
    assert_eq!(pushed.codes(), codes, "{pushed}");
    assert!(codes.contains(&"checklist-tag-unsigned".to_owned()), "{codes:?}");
    assert!(codes.contains(&"checklist-document-missing".to_owned()), "{codes:?}");
    let hidden = propose(&world, "hidden", "net/up.rs", "hidden\n");
    dana.git(&["tag", "-a", "-m", "three", "v3", &hidden]);
    let check = dana.refgate(&["check", "v3", "--format", "json"]);
    assert_eq!(checked(&check).0, dana.push(&[&tag("v3")]).codes());
}

#[test]
fn every_format_comes_from_the_same_verdict() {
    let world = World::with(&review_only(""), &structure());
    let dana = world.person("dana");
    dana.topic("formats");
    dana.write("net/up.rs", "formats\n");
    let commit = dana.commit("<b>&\"100%\"\u{1b}[31m::error::");
    dana.push(&["formats"]).accepted();
    let check = |format: &str| {
        let said = dana.refgate(&["check", "--format", format]);
        assert_eq!(said.code, Some(1), "{said}");
        said.out
    };
    let sarif: serde_json::Value = serde_json::from_str(&check("sarif")).expect("JSON");
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "review-approval-missing");
    let github = check("github");
    assert_eq!(github.lines().count(), 1, "{github}");
    assert!(github.starts_with("::error file=meta/STRUCTURE.md,line="), "{github}");
    // Reports of refgate are reports like any other: a CI may attach them.
    for (format, args) in [("junit", "--tests"), ("sarif", "--sast")] {
        let file = world.path(format);
        std::fs::write(&file, check(format)).expect("written");
        let file = file.to_string_lossy().into_owned();
        let file = if format == "junit" { format!("unit={file}") } else { file };
        dana.refgate(&["attach", "--dry-run", args, &file, &commit]).accepted();
    }
    // What cannot be judged is said in the same format, too.
    dana.git(&["remote", "set-url", "origin", "/nonexistent"]);
    for (format, says) in [
        ("json", "\"verdict\": \"cannot-judge\""),
        ("sarif", "\"executionSuccessful\": false"),
        ("junit", "<error message=\""),
        ("github", "::error title=refgate cannot judge::"),
    ] {
        let said = dana.refgate(&["check", "--format", format]);
        assert_eq!(said.code, Some(2), "{said}");
        assert!(said.out.contains(says) && said.err.starts_with("error: "), "{said}");
    }
    assert_eq!(dana.refgate(&["check", "--offline"]).code, Some(1), "what was fetched is judged");
}

#[test]
fn status_says_in_few_lines_who_can_give_what() {
    let world = World::new();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    let short = &commit[..12];
    let main = &world.on_server(MAIN).expect("main")[..12];
    let status = dana.refgate(&["status"]);
    assert_eq!(status.code, Some(1), "{status}");
    let lines: Vec<&str> = status.out.lines().collect();
    assert_eq!(
        lines,
        [
            &*format!("{short} onto refs/heads/main, by the rules of refs/heads/main {main}"),
            "  scan        sast, sbom, dependencies: Build Robot",
            "  tests       tests:integration, tests:smoke, tests:unit: Build Robot",
            "  review      1 maintainer: Ada Lovelace, Ben Ito",
            "              1 reviewer of domain net: Cleo Roth",
            "it would be refused; refgate check says why, and what to do",
        ],
        "{status}"
    );
    world.ci_passes(&commit);
    world.reviewers_approve(&commit);
    let status = dana.refgate(&["status"]);
    assert!(status.ok && status.out.ends_with("it would be accepted\n"), "{status}");
    assert!(status.out.contains("  review      ok\n"), "{status}");
    // Where the branch has moved on, it is the merge that counts.
    world.main_moves(&[("net/other", "elsewhere\n")]);
    let status = dana.refgate(&["status"]);
    assert!(status.out.starts_with(&format!("a merge of {short} onto ")), "{status}");
    assert!(status.out.contains("  review      ok\n"), "{status}");
    assert!(status.out.contains("Build Robot"), "the merge was not scanned: {status}");
}

#[test]
fn clones_that_lack_history_say_so_with_the_remedy() {
    let world = World::with(&review_only(""), &structure());
    world.main_moves(&[("net/other", "elsewhere\n")]);
    let commit = world.person("dana").propose("retry");
    world.server_git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", world.server().display());
    for (option, remedy) in [
        ("--depth=1", "git fetch --unshallow"),
        ("--filter=blob:none", "git fetch --refetch --no-filter origin"),
    ] {
        let clone = world.path(option);
        let mut git = crate::support::command("git");
        git.args(["clone", "-q", "--no-checkout", "--no-single-branch", option, &url]).arg(&clone);
        crate::support::run(&mut git);
        let said = world.refgate(&clone, &["check", "main", "--from", &commit]);
        assert_eq!(said.code, Some(2), "{option}: {said}");
        assert!(said.err.contains(&format!("hint: {remedy}")), "{option}: {said}");
    }
}

#[test]
fn who_watches_a_terminal_sees_what_is_going_on_and_nobody_else() {
    let world = World::with(&review_only(""), &structure());
    let dana = world.person("dana");
    dana.propose("retry");
    let mut script = crate::support::command("script");
    let line = format!("{} status", env!("CARGO_BIN_EXE_refgate"));
    script.current_dir(dana.dir()).env("HOME", world.path(".")).env("TERM", "xterm");
    script.args(["-qec", &line, "/dev/null"]);
    let watched: Said = crate::support::output(&mut script).into();
    assert!(watched.out.contains("asking the server ...\r\u{1b}[K"), "{watched}");
    let piped = dana.refgate(&["status"]);
    assert!(piped.err.is_empty() && !piped.out.contains("..."), "{piped}");
}

#[test]
fn hints_name_the_remote_of_the_clone_and_nothing_was_pushed() {
    let world = World::with(&review_only(""), &structure());
    let dana = world.person("dana");
    dana.topic("retry");
    dana.write("net/up.rs", "fn up() { /* retry */ }\n");
    dana.commit("Retry");
    dana.git(&["remote", "rename", "origin", "upstream"]);
    dana.git(&["config", "branch.retry.remote", "upstream"]);
    let said = dana.refgate(&["check", "main"]);
    assert_eq!(said.code, Some(1), "{said}");
    let hint = "hint:     git push upstream ";
    assert!(said.out.contains(hint) && !said.out.contains("push origin"), "{said}");
    let summary = "error: this push would be refused, 1 violation on 1 of 1 ref\n";
    assert!(said.out.contains(summary), "no number, since no ledger has it: {said}");
    let json = dana.refgate(&["check", "main", "--format", "json"]);
    assert!(json.out.contains("git push upstream "), "{json}");
    let pushed = dana.try_git(&["push", "upstream", "retry:main"]);
    assert!(
        pushed.err.contains("error: push rejected, 1 violation on 1 of 1 ref (verdict "),
        "{pushed}"
    );
}

#[test]
fn a_new_branch_that_asks_for_more_gates_than_where_it_begins() {
    let rules = format!(
        "{}[[protect]]\nrefs = [\"refs/heads/release/*\"]\ngates = [\"scan\", \"review\"]\n",
        review_only("approvals = 2\n").replace("[review]\napprovals = 2\n", "")
    );
    let world = World::with(&rules, &structure());
    let dana = world.person("dana");
    let said =
        world.refuses(&["ref-unrelated"], || dana.push(&["origin/main:refs/heads/release/1.0"]));
    assert!(said.err.contains("begins where not all of its gates"), "{said}");
    assert!(said.err.contains("refs/heads/main  asks nothing of scan"), "{said}");
    let main = &world.on_server(MAIN).expect("main")[..12];
    assert!(said.err.contains(&format!("git update-ref refs/heads/release/1.0 {main}")), "{said}");
    // Once it is there, another one may begin where it is.
    world.server_git(&["update-ref", "refs/heads/release/1.0", main]);
    dana.push(&["origin/main:refs/heads/release/1.1"]).accepted();
}

#[test]
fn one_of_several_commits_lacks_evidence() {
    let world = World::new();
    let dana = world.person("dana");
    let first = propose(&world, "two", "net/up.rs", "one\n");
    world.ci_passes(&first);
    dana.write("net/up.rs", "two\n");
    dana.commit("And another");
    let said = dana.refgate(&["check", "main"]);
    let words = said.out.replace('\n', "");
    assert!(words.contains("1 of 2 commits lacks scan evidence"), "{said}");
}
