//! Real pushes of real git to a server with the installed hook: the main job.

use crate::support::world::{World, attach_clean, corpus};

#[test]
fn a_change_lands_once_scans_tests_and_two_approvals_are_there() {
    let world = World::new();
    let before = world.on_server("refs/heads/main");
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    let refused = dana.push(&["retry:main"]);
    refused.refused(&[
        "scan-evidence-missing",
        "tests-evidence-missing",
        "review-approval-missing",
    ]);
    assert_eq!(world.on_server("refs/heads/main"), before);
    world.ci_passes(&commit);
    dana.push(&["retry:main"]).refused(&["review-approval-missing"]);
    world.person("cleo").approves(&commit);
    dana.push(&["retry:main"]).refused(&["review-maintainer-missing"]);
    world.person("ben").approves(&commit);
    let accepted = dana.push(&["retry:main"]);
    accepted.accepted();
    assert!(
        !accepted.err.contains("refgate") && !accepted.err.contains("error"),
        "accepting is silent: {accepted}"
    );
    assert_eq!(world.on_server("refs/heads/main"), Some(commit));
}

#[test]
fn a_high_finding_blocks() {
    let world = World::new();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.ci_passes(&commit);
    let ci = world.person("ci");
    let bandit = corpus("sarif/bandit-1.9.4-pyapp.sarif");
    ci.refgate(&["attach", "--push", "--sast", &bandit, &commit]).accepted();
    world.reviewers_approve(&commit);
    let before = world.refs();
    let refused = dana.push(&["retry:main"]);
    refused.refused(&["scan-finding-open"]);
    assert!(refused.err.contains("high B602 in"), "{refused}");
    assert_eq!(world.refs(), before, "a refused push moves no ref");
}

#[test]
fn failed_tests_block() {
    let world = World::new();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.ci_passes(&commit);
    let ci = world.person("ci");
    let failed = format!("unit={}", corpus("junit/pytest-9.2.0-pyapp.xml"));
    ci.refgate(&["attach", "--push", "--tests", &failed, &commit]).accepted();
    world.reviewers_approve(&commit);
    dana.push(&["retry:main"]).refused(&["tests-failed"]);
}

#[test]
fn nobody_approves_their_own_work() {
    let world = World::new();
    let ben = world.person("ben");
    let commit = ben.propose("own");
    world.ci_passes(&commit);
    world.person("cleo").approves(&commit);
    let approved = ben.refgate(&["approve", "own", "--push"]);
    approved.accepted();
    assert!(
        approved.err.contains("you wrote part of this change, so this approval will not count"),
        "{approved}"
    );
    let refused = ben.push(&["own:main"]);
    refused.refused(&["review-self-approved"]);
    assert!(
        refused.err.contains("Ben Ito    author of this change, so the approval does not count"),
        "{refused}"
    );
    world.person("ada").approves(&commit);
    ben.push(&["own:main"]).accepted();
}

#[test]
fn evidence_and_branch_may_come_in_one_push() {
    let world = World::new();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.reviewers_approve(&commit);
    // CI attests in its own clone and hands its notes over without pushing them.
    let ci = world.person("ci");
    ci.git(&["fetch", "-q", "origin"]);
    let mut args = attach_clean(&commit);
    args.retain(|arg| arg != "--push");
    ci.refgate(&args).accepted();
    let notes = "refs/notes/refgate/evidence";
    dana.git(&["fetch", "-q", &ci.dir().to_string_lossy(), &format!("{notes}:{notes}")]);
    dana.push(&["--atomic", "retry:main", notes]).accepted();
    assert_eq!(world.on_server("refs/heads/main"), Some(commit));
}

#[test]
fn unprotected_branches_pass_without_a_word() {
    let world = World::new();
    let mallory = world.person("mallory");
    mallory.topic("anything");
    mallory.commit("whatever");
    let pushed = mallory.push(&["anything"]);
    pushed.accepted();
    assert!(!pushed.err.contains("error"), "{pushed}");
    mallory.push(&["--delete", "anything"]).accepted();
}

#[test]
fn check_says_what_the_server_says() {
    let world = World::new();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    let codes = |said: &crate::support::world::Said| {
        let lines = format!("{}{}", said.out, said.err);
        lines
            .lines()
            .filter_map(|l| l.strip_prefix("error[")?.split_once(']').map(|(c, _)| c.to_owned()))
            .collect::<Vec<_>>()
    };
    let mut steps: Vec<Box<dyn Fn()>> = vec![
        Box::new(|| {}),
        Box::new(|| world.ci_passes(&commit)),
        Box::new(|| world.person("cleo").approves(&commit)),
        Box::new(|| world.person("ben").approves(&commit)),
    ];
    for step in steps.drain(..) {
        step();
        let check = dana.refgate(&["check"]);
        let push = dana.push(&["--dry-run", "retry:main"]);
        assert!(push.ok, "a dry run asks nobody");
        let checked = codes(&check);
        assert_eq!(check.code, Some(i32::from(!checked.is_empty())), "{check}");
        let probe = dana.push(&["retry:main"]);
        assert_eq!(codes(&probe), checked, "{check}\n{probe}");
        assert_eq!(probe.ok, checked.is_empty());
    }
}
