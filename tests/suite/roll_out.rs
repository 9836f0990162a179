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
    world.reviewers_approve(&commit);
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
    world.reviewers_approve(&commit);
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
    world.reviewers_approve(&commit);
    let ben = world.person("ben");
    ben.git(&["fetch", "-q", "origin"]);
    let said = world.refuses(&["review-self-approved"], || {
        ben.try_git(&["push", "--signed", "origin", &format!("{commit}:refs/heads/main")])
    });
    assert!(said.err.contains("pushes this change"), "{said}");
    dana.try_git(&["push", "--signed", "origin", "retry:main"]).accepted();
}

/// The nonces that git gives out are the ones that refgate expects, whatever seed, path and hash.
#[test]
fn nonces_are_made_as_git_makes_them() {
    use refgate::certificate::Issuer;
    use refgate::id::HashKind;
    for (format, hash) in [("sha1", HashKind::Sha1), ("sha256", HashKind::Sha256)] {
        for seed in [
            "s",
            "a seed of 64 bytes, which is a block of either hash: 0123456789abc",
            &"long-".repeat(40),
        ] {
            let world = World::empty(&[&format!("--object-format={format}")]);
            world.server_git(&["config", "receive.certNonceSeed", seed]);
            for path in [world.server().to_string_lossy().into_owned(), ".".into(), "./".into()] {
                let mut greeting = crate::support::command("git");
                greeting.current_dir(world.server());
                let said = crate::support::run(greeting.args([
                    "receive-pack",
                    "--http-backend-info-refs",
                    &path,
                ]));
                let said = String::from_utf8_lossy(&said).into_owned();
                let nonce = said.split("push-cert=").nth(1).expect("a nonce");
                let nonce = nonce.split([' ', '\n', '\0']).next().expect("a word");
                let seconds = nonce.split('-').next().and_then(|stamp| stamp.parse().ok());
                let issuer = Issuer { seed: seed.into(), path: path.into(), hash };
                assert_eq!(
                    issuer.nonce(seconds.expect("a time")).as_deref(),
                    Some(nonce),
                    "{format} {seed}"
                );
            }
        }
    }
}

/// A certificate that somebody has signed, here or elsewhere, is presented again by somebody else who may set
/// variables of git.
#[test]
fn t130_a_certificate_of_another_push_or_of_another_server_is_no_proof() {
    let world = World::with(REVIEW, &structure());
    world.server_git(&["config", "receive.certNonceSeed", "a secret"]);
    set(&world, "", "[identity]\nrequire = \"signed-push\"");
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    // Mallory's server gives out nonces as well, and keeps what it is sent.
    let elsewhere = world.path("mallorys.git");
    crate::support::run(
        crate::support::command("cp").arg("-a").arg(world.server()).arg(&elsewhere),
    );
    let kept = world.path("kept");
    let keep = format!(
        "#!/bin/sh\ngit cat-file blob \"$GIT_PUSH_CERT\" >'{0}'\necho \"$GIT_PUSH_CERT_NONCE\" >'{0}.nonce'\nexit 1\n",
        kept.display()
    );
    let presents = |what: &str, reason: &str| {
        let mallory = world.person("mallory");
        mallory.git(&["fetch", "-q", "origin"]);
        mallory.topic(&format!("proof-{what}"));
        mallory.write("proof", std::fs::read(&kept).expect("a certificate"));
        mallory.commit("A certificate");
        mallory.push(&[&format!("proof-{what}")]).accepted();
        let blob = mallory.git(&["rev-parse", "HEAD:proof"]);
        let nonce = std::fs::read_to_string(format!("{}.nonce", kept.display())).expect("a nonce");
        let hook_alone = world.hook(
            "pre-receive",
            &format!(
                "{} {commit} refs/heads/main\n",
                world.on_server("refs/heads/main").expect("a tip")
            ),
        );
        let mut push = mallory.command();
        push.args(["push", "origin", &format!("{commit}:refs/heads/main")]);
        push.env("GIT_PUSH_CERT", blob.trim());
        push.env("GIT_PUSH_CERT_NONCE", nonce.trim()).env("GIT_PUSH_CERT_NONCE_STATUS", "OK");
        let said = world.refuses(&["trust-certificate-faulty", "review-approval-missing"], || {
            crate::support::output(&mut push).into()
        });
        assert!(said.err.contains(reason), "{said}");
        // Started by nobody who is git, the hook cannot tell, and refuses.
        let mut hook = hook_alone;
        hook.env("GIT_PUSH_CERT", blob.trim());
        hook.env("GIT_PUSH_CERT_NONCE", nonce.trim()).env("GIT_PUSH_CERT_NONCE_STATUS", "OK");
        let said: Said = crate::support::output(&mut hook).into();
        assert!(said.code == Some(2) && said.err.contains("git receive-pack"), "{said}");
    };
    // Of another server.
    crate::support::files::script(&elsewhere.join("hooks/pre-receive"), &keep);
    let url = elsewhere.to_string_lossy().into_owned();
    assert!(!dana.try_git(&["push", "--signed", &url, "retry:main"]).ok);
    presents("elsewhere", "GIT_PUSH_CERT was set before git began");
    // Of this server, kept by a hook that ran beside refgate's.
    crate::support::files::script(
        &world.server().join("hooks/refgate-chained/pre-receive"),
        &keep.replace("exit 1", "exit 0"),
    );
    world.refuses(&["review-approval-missing"], || {
        dana.try_git(&["push", "--signed", "origin", "retry:main"])
    });
    std::fs::remove_dir_all(world.server().join("hooks/refgate-chained")).expect("removed");
    presents("here", "GIT_PUSH_CERT was set before git began");
}

/// Before anybody is trusted, what the server protects is protected as well.
#[test]
fn the_floor_holds_from_the_first_push_on() {
    let world = World::empty(&[]);
    let ada = world.person("ada");
    ada.write("README.md", "words\n");
    ada.git(&["add", "-A"]);
    ada.git(&["commit", "-q", "-S", "-m", "Words"]);
    ada.push(&["HEAD:refs/heads/stable"]).accepted();
    ada.push(&[":refs/heads/stable"]).accepted();
    set(&world, "", "[[floor.protect]]\nrefs = [\"refs/heads/stable\"]\ngates = [\"review\"]");
    world.refuses(&["trust-root-unmet"], || ada.push(&["HEAD:refs/heads/stable"]));
    // A list of people who could never meet it would lock everybody out.
    set(&world, "", "[floor]\nmaintainers = 3");
    ada.write("meta/refgate.toml", REVIEW);
    ada.write("meta/STRUCTURE.md", structure());
    ada.git(&["add", "-A"]);
    ada.git(&["commit", "-q", "-S", "-m", "Start"]);
    let said = ada.push(&["HEAD:main"]);
    assert!(!said.ok && said.codes() == ["trust-files-void"], "{said}");
    set(&world, "", "[floor]\nmaintainers = 2");
    ada.push(&["HEAD:main"]).accepted();
}
