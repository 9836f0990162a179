//! Settings of the administrator: modes that only warn, who pushes, and signed pushes.

use crate::support::world::{Said, World, review_only, structure};
use crate::threats_refs::REVIEW;

/// Puts lines before and tables behind what the settings of the repository say already.
fn set(world: &World, lines: &str, tables: &str) {
    let file = world.server().join("refgate.toml");
    let kept = world.path("settings-as-installed");
    if !kept.exists() {
        std::fs::copy(&file, &kept).expect("copied");
    }
    let good = std::fs::read_to_string(&kept).expect("settings");
    std::fs::write(&file, format!("{lines}\n{good}\n{tables}")).expect("written");
}

fn last_record(world: &World) -> serde_json::Value {
    let exported = world.refgate(&world.server(), &["ledger", "export", "--format", "jsonl"]);
    let line = exported.out.lines().rfind(|line| line.contains("\"judged\":{")).expect("a record");
    serde_json::from_str::<serde_json::Value>(line).expect("JSON")["event"]["judged"].clone()
}

#[test]
fn warn_mode_says_the_same_lets_pass_and_records() {
    let world = World::new();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    let refused = world.refuses(
        &["scan-evidence-missing", "tests-evidence-missing", "review-approval-missing"],
        || dana.push(&["retry:main"]),
    );
    set(&world, "mode = \"warn\"", "");
    let said = dana.push(&["retry:main"]);
    said.accepted();
    assert_eq!(world.on_server("refs/heads/main"), Some(commit));
    // Word by word: a longer level moves the ends of lines.
    let body = |said: &Said, level: &str| -> Vec<String> {
        let lines = said.err.lines().take_while(|line| {
            !line.starts_with("error: push rejected") && !line.starts_with("warning: this push")
        });
        let words = lines
            .flat_map(str::split_whitespace)
            .filter(|word| !["hint:", "|", "="].contains(word));
        words.map(|word| word.replace(&format!("{level}["), "level[")).collect()
    };
    assert_eq!(body(&said, "warning"), body(&refused, "error"), "{said}");
    assert!(said.err.contains("warning: this push would be refused, 3 violations"), "{said}");
    assert!(!said.err.contains("error"), "{said}");
    let record = last_record(&world);
    assert_eq!(record["answer"], "would-refuse");
    assert_eq!(record["codes"].as_array().map(Vec::len), Some(3));
    let listed = world.refgate(&world.server(), &["ledger", "list", "--verdict", "would-refuse"]);
    assert!(listed.ok && listed.out.contains("would-refuse"), "{listed}");
    // It has landed, and that is recorded too.
    let export = world.refgate(&world.server(), &["ledger", "export", "--format", "jsonl"]);
    assert!(export.out.lines().last().is_some_and(|line| line.contains("\"landed\"")), "{export}");
}

#[test]
fn one_gate_can_warn_while_the_others_refuse() {
    let world = World::new();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    set(&world, "", "[modes]\nscan = \"warn\"\ntests = \"warn\"");
    let said = world.refuses(&["review-approval-missing"], || dana.push(&["retry:main"]));
    assert!(said.err.contains("warning[scan-evidence-missing]"), "{said}");
    for who in ["cleo", "ben"] {
        world.person(who).approves(&commit);
    }
    let said = dana.push(&["retry:main"]);
    said.accepted();
    assert!(said.err.contains("warning[tests-evidence-missing]"), "{said}");
    // Guards are no gates: a branch is not deleted with a warning.
    set(&world, "", "[modes]\nscan = \"warn\"\ntests = \"warn\"\nreview = \"warn\"");
    world.refuses(&["ref-deleted"], || dana.push(&[":main"]));
}

#[test]
fn a_policy_can_be_stricter_than_the_floor_and_not_laxer() {
    let world = World::with(&review_only("approvals = 1\n"), &structure());
    let dana = world.person("dana");
    dana.topic("docs");
    dana.write("README.md", "words\n");
    let commit = dana.commit("Words");
    dana.push(&["docs"]).accepted();
    for who in ["ada", "ben"] {
        world.person(who).git(&["fetch", "-q", "origin"]);
    }
    world.person("ada").approves(&commit);
    world.person("ben").approves(&commit);
    set(
        &world,
        "",
        "[floor]\napprovals = 3\n[[floor.protect]]\nrefs = [\"refs/heads/stable\"]\ngates = [\"review\"]",
    );
    world.refuses(&["review-approval-missing"], || dana.push(&["docs:main"]));
    world.refuses(&["review-maintainer-missing"], || dana.push(&["docs:stable"]));
    set(&world, "", "[floor]\napprovals = 1");
    dana.push(&["docs:stable"]).accepted();
    dana.push(&["docs:main"]).accepted();
}

#[test]
fn what_cannot_be_judged_passes_in_warn_mode_alone() {
    let world = World::empty(&[]);
    let dana = world.person("dana");
    dana.write("README.md", "no people yet\n");
    dana.git(&["add", "-A"]);
    dana.git(&["commit", "-q", "-m", "Nobody is trusted"]);
    std::fs::write(world.server().join("refgate.toml"), "").expect("written");
    world.cannot_judge(&["no root of trust"], || dana.push(&["HEAD:main"]));
    std::fs::write(world.server().join("refgate.toml"), "mode = \"warn\"\n").expect("written");
    let said = dana.push(&["HEAD:main"]);
    said.accepted();
    assert!(
        said.err.contains("warning: refgate cannot judge this push, which would be refused"),
        "{said}"
    );
    assert_eq!(last_record(&world)["answer"], "cannot-judge");
    // Settings that cannot be read do not say that anything passes.
    std::fs::write(world.server().join("refgate.toml"), "mode = \"wran\"\n").expect("written");
    dana.write("README.md", "more\n");
    dana.git(&["commit", "-qam", "More"]);
    world.cannot_judge(&["mode: \"wran\" is not known"], || dana.push(&["HEAD:main"]));
}

#[test]
fn t130_t131_signed_pushes_are_verified_by_refgate_itself() {
    let world = World::with(REVIEW, &structure());
    world.server_git(&["config", "receive.certNonceSeed", "a secret"]);
    set(&world, "", "[identity]\nrequire = \"signed-push\"");
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    for who in ["cleo", "ben"] {
        world.person(who).approves(&commit);
    }
    world.refuses(&["trust-push-unsigned"], || dana.push(&["retry:main"]));
    // git calls this signature good: the key is unknown to it, and it does not ask whose it is.
    let mallory = world.person("mallory");
    mallory.git(&["fetch", "-q", "origin"]);
    world.refuses(&["trust-certificate-faulty"], || {
        mallory.try_git(&["push", "--signed", "origin", &format!("{commit}:refs/heads/main")])
    });
    // A forged environment proves nothing, whatever object it names.
    let blob = dana.git(&["rev-parse", "HEAD:README.md"]);
    let mut push = dana.command();
    for (name, value) in [
        ("GIT_PUSH_CERT", blob.trim()),
        ("GIT_PUSH_CERT_STATUS", "G"),
        ("GIT_PUSH_CERT_SIGNER", "dana@example.org"),
        ("GIT_PUSH_CERT_NONCE", "1-a"),
        ("GIT_PUSH_CERT_NONCE_STATUS", "OK"),
    ] {
        push.env(name, value);
    }
    push.args(["push", "origin", "retry:main"]);
    world.refuses(&["trust-certificate-faulty"], || crate::support::output(&mut push).into());
    // Evidence proves itself; only protected branches and tags ask who pushes.
    dana.push(&["retry:topic"]).accepted();
    dana.try_git(&["push", "--signed", "origin", "retry:main"]).accepted();
    assert_eq!(world.on_server("refs/heads/main"), Some(commit));
}

#[test]
fn t32_a_known_pusher_does_not_count_for_their_own_push() {
    let config = review_only("exclude = [\"author\", \"co-author\", \"committer\", \"pusher\"]\n");
    let world = World::with(&config, &structure());
    world.server_git(&["config", "receive.certNonceSeed", "a secret"]);
    set(&world, "", "[identity]\nrequire = \"signed-push\"");
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    for who in ["cleo", "ben"] {
        world.person(who).approves(&commit);
    }
    let ben = world.person("ben");
    ben.git(&["fetch", "-q", "origin"]);
    let said = world.refuses(&["review-self-approved"], || {
        ben.try_git(&["push", "--signed", "origin", &format!("{commit}:refs/heads/main")])
    });
    assert!(said.err.contains("pushes this change"), "{said}");
    dana.try_git(&["push", "--signed", "origin", "retry:main"]).accepted();
}
