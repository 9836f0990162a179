//! Exceptions in real pushes: requested from a refusal, approved, and all the ways in which they do not count.

use crate::support::world::{Person, Said, World};

/// One finding of high severity, in a file that the test names.
fn sarif(path: &str) -> String {
    format!(
        r#"{{"version": "2.1.0", "runs": [{{"tool": {{"driver": {{"name": "Lint", "rules": [
            {{"id": "L1", "properties": {{"security-severity": "8.1"}}}}]}}}},
            "results": [{{"ruleId": "L1", "level": "error", "message": {{"text": "a shell is started"}},
            "locations": [{{"physicalLocation": {{"artifactLocation": {{"uri": "{path}"}},
            "region": {{"startLine": 7, "snippet": {{"text": "sh -c x"}}}}}}}}]}}]}}]}}"#
    )
}

/// Attests a commit with one finding of high severity, and has it approved.
fn attested(world: &World, commit: &str) {
    world.ci_passes(commit);
    finds(world, commit, "net/up.rs");
    for who in ["cleo", "ben", "ada"] {
        world.person(who).approves(commit);
    }
}

fn finds(world: &World, commit: &str, path: &str) {
    let ci = world.person("ci");
    ci.write("../found.sarif", sarif(path));
    ci.refgate(&["attach", "--push", "--sast", "../found.sarif", commit]).accepted();
}

/// Dana's topic with a finding that blocks, and the request that she starts from the refusal.
fn requested<'w>(world: &'w World, more: &[&str]) -> Person<'w> {
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    attested(world, &commit);
    dana.push(&["retry:main"]).refused(&["scan-finding-open"]);
    let verdict = dana.refgate(&["check", "--format", "json"]);
    assert_eq!(verdict.code, Some(1), "{verdict}");
    dana.write("../verdict.json", &verdict.out);
    let mut args = vec!["exception", "new", "--from-verdict", "../verdict.json"];
    args.extend(["--duration", "the library is replaced in the next release"]);
    args.extend(["--controls", "- the port is closed to the outside"]);
    args.extend(more);
    let new = dana.refgate(&args);
    new.accepted();
    assert!(new.out.contains("wrote exceptions/EX-"), "{new}");
    dana
}

fn id_of(person: &Person<'_>) -> String {
    let listed = std::fs::read_dir(person.dir().join("exceptions")).expect("written");
    let mut names: Vec<String> =
        listed.map(|e| e.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names.pop().expect("one").trim_end_matches(".md").to_owned()
}

/// Commits everything into the topic's one commit and shows it to the others.
fn amend(person: &Person<'_>) -> String {
    person.git(&["add", "-A"]);
    person.git(&["commit", "-q", "--amend", "--no-edit"]);
    person.git(&["push", "-q", "origin", "+HEAD:refs/heads/retry"]);
    person.head()
}

/// Takes the topic over, and returns the person with its document in the work tree.
fn takes_over<'w>(world: &'w World, name: &'static str) -> Person<'w> {
    let person = world.person(name);
    person.git(&["fetch", "-q", "origin"]);
    person.git(&["checkout", "-q", "-B", "retry", "origin/retry"]);
    person
}

fn pushes(world: &World, person: &Person<'_>) -> Said {
    attested(world, &person.head());
    person.push(&["HEAD:refs/heads/main"])
}

fn document(person: &Person<'_>) -> (String, String) {
    let id = id_of(person);
    let path = format!("exceptions/{id}.md");
    let text = std::fs::read_to_string(person.dir().join(&path)).expect("a document");
    (path, text)
}

#[test]
fn a_finding_lands_with_an_exception_that_security_approved() {
    let world = World::new();
    let dana = requested(&world, &[]);
    let id = id_of(&dana);
    amend(&dana);
    let refused = pushes(&world, &dana);
    refused.refused(&["exception-unapproved"]);
    assert!(refused.err.contains("Security Engineering (Eve Sand) can approve it:"), "{refused}");
    assert!(refused.err.contains(&format!("refgate exception approve {id}")), "{refused}");

    let own = dana.refgate(&["exception", "approve", &id]);
    assert!(!own.ok && own.err.contains("cannot approve it"), "{own}");
    let ada = takes_over(&world, "ada");
    let other = ada.refgate(&["exception", "approve", &id]);
    assert!(!other.ok && other.err.contains("not Security Engineering"), "{other}");

    let eve = takes_over(&world, "eve");
    let payload = eve.refgate(&["exception", "approve", &id, "--payload"]);
    assert!(
        payload
            .out
            .starts_with("refgate exception v1\nrepository: git.example.org/demo/app\nid: EX-")
    );
    eve.refgate(&["exception", "approve", &id]).accepted();
    let commit = amend(&eve);
    let accepted = pushes(&world, &eve);
    accepted.accepted();
    assert!(!accepted.err.contains("warning"), "30 days are left: {accepted}");
    assert_eq!(world.on_server("refs/heads/main"), Some(commit));
    let shown = eve.refgate(&["exception", "list", "--format", "json"]);
    assert!(shown.out.contains("\"state\": \"approved\""), "{shown}");
    assert!(shown.out.contains("\"unused\": false"), "{shown}");

    // The trusted tree has it now: another topic lands by it without bringing it along.
    let next = takes_over(&world, "dana");
    next.git(&["checkout", "-q", "-B", "retry", "origin/main"]);
    next.write("net/up.rs", "fn up() { /* next */ }\n");
    next.commit("Change next");
    next.git(&["push", "-q", "origin", "+HEAD:refs/heads/retry"]);
    attested(&world, &next.head());
    let check = next.refgate(&["check", "main"]);
    let note = "note: 1 finding stands by exception";
    assert!(check.ok && check.out.contains(note) && check.out.contains("L1 in"), "{check}");
    next.push(&["HEAD:refs/heads/main"]).accepted();
}
