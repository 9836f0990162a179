//! Exceptions in real pushes: requested from a refusal, approved, and all the ways in which they do not count.

use crate::support::world::{Person, Said, World, structure};
use crate::support::{command, run};

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
pub fn attested(world: &World, commit: &str) {
    world.ci_passes(commit);
    finds(world, commit, "net/up.rs");
    for who in ["cleo", "ben", "ada"] {
        world.person(who).approves(commit);
    }
}

fn finds(world: &World, commit: &str, path: &str) {
    let ci = world.person("ci");
    ci.git(&["fetch", "-q", "origin"]);
    ci.write("../found.sarif", sarif(path));
    ci.refgate(&["attach", "--push", "--sast", "../found.sarif", commit]).accepted();
}

/// Dana's topic with a finding that blocks, and the request that she starts from the refusal.
pub fn requested<'w>(world: &'w World, more: &[&str]) -> Person<'w> {
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

pub fn id_of(person: &Person<'_>) -> String {
    let listed = std::fs::read_dir(person.dir().join("exceptions")).expect("written");
    let mut names: Vec<String> =
        listed.map(|e| e.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names.pop().expect("one").trim_end_matches(".md").to_owned()
}

/// Commits everything into the topic's one commit and shows it to the others.
pub fn amend(person: &Person<'_>) -> String {
    person.git(&["add", "-A"]);
    person.git(&["commit", "-q", "--amend", "--no-edit"]);
    person.git(&["push", "-q", "origin", "+HEAD:refs/heads/retry"]);
    person.head()
}

/// Takes the topic over, and returns the person with its document in the work tree.
pub fn takes_over<'w>(world: &'w World, name: &'static str) -> Person<'w> {
    let person = world.person(name);
    person.git(&["fetch", "-q", "origin"]);
    person.git(&["checkout", "-q", "-B", "retry", "origin/retry"]);
    person
}

pub fn pushes(world: &World, person: &Person<'_>) -> Said {
    attested(world, &person.head());
    person.push(&["HEAD:refs/heads/main"])
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

/// A branch that only asks for scans, so that a push needs nothing but a report and an exception.
const SIDE: &str = "repository = \"git.example.org/demo/app\"\n\
    [[protect]]\nrefs = [\"refs/heads/main\"]\ngates = [\"review\"]\n\
    [[protect]]\nrefs = [\"refs/heads/side\"]\ngates = [\"scan\"]\n\
    [scan]\nrequire = [\"sast\"]\n";

/// A document of which a test changes some words.
pub fn document(requested: i64, expires: i64) -> String {
    let day = |days: i64| {
        let moment = refgate::clock::now() + jiff::SignedDuration::from_hours(24 * days);
        moment.strftime("%Y-%m-%d").to_string()
    };
    format!(
        "+++\nid = \"EX-1\"\ngates = [\"scan\"]\nrequested = {}\nexpires = {}\n\
         requester = \"dana@example.org\"\nowner = \"cleo@example.org\"\n\
         [scope]\nrefs = [\"refs/heads/side\"]\nrules = [\"L1\"]\npaths = [\"/net/\"]\n+++\n\n\
         # Exception\n\n## Scope\n\nA shell.\n\n## Duration\n\nSoon.\n\n## Compensating controls\n\nA wall.\n\n",
        day(requested),
        day(expires),
    )
}

/// Signs a document as somebody, `days` ago, with stock tools.
pub fn signed(world: &World, text: &str, id: &str, who: &str, days: i64) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let moment = refgate::clock::now() - jiff::SignedDuration::from_hours(24 * days);
    let at = moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let payload = world.path("payload");
    let bytes = format!(
        "refgate exception v1\nrepository: git.example.org/demo/app\nid: {id}\n\
         document: sha256:{hex}\nby: {who}@example.org\nat: {at}\n"
    );
    std::fs::write(&payload, bytes).expect("written");
    drop(std::fs::remove_file(world.path("payload.sig")));
    run(command("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", "refgate", "-f"])
        .arg(world.path("keys").join(who))
        .arg(&payload));
    let armoured = std::fs::read_to_string(world.path("payload.sig")).expect("a signature");
    let sig: String = armoured.lines().filter(|line| !line.starts_with("-----")).collect();
    format!(
        "{text}Approved-by: {who} <{who}@example.org>;\n document=sha256:{hex};\n at={at};\n sig=ssh:{sig}\n"
    )
}

/// A world whose branch `side` stands at the first commit.
fn side() -> World {
    let world = World::with(SIDE, &structure());
    world.server_git(&["branch", "side", "main"]);
    world
}

/// Commits a document on top of `side`, with a report that has a finding in `net/up.rs`.
fn brings<'w>(world: &'w World, id: &str, text: &str) -> Person<'w> {
    let dana = world.person("dana");
    dana.git(&["fetch", "-q", "origin"]);
    dana.git(&["checkout", "-q", "-B", "topic", "origin/side"]);
    dana.write(&format!("exceptions/{id}.md"), text);
    let commit = dana.commit("Bring an exception");
    dana.git(&["push", "-q", "origin", "+HEAD:refs/heads/topic"]);
    finds(world, &commit, "net/up.rs");
    dana
}

const TO_SIDE: [&str; 1] = ["HEAD:refs/heads/side"];

#[test]
fn t88_an_exception_covers_what_it_says_while_it_is_in_force_and_nothing_else() {
    let world = side();
    let good = document(-1, 30);
    let eve = |text: &str| signed(&world, text, "EX-1", "eve", 0);
    let past = document(-40, -3);
    let own = good.replace("requester = \"dana@", "requester = \"eve@");
    let long = document(-1, 100);
    for (what, text, codes, says) in [
        ("not approved", good.clone(), &["exception-unapproved"][..], "requested: on "),
        (
            "approved by a maintainer",
            signed(&world, &good, "EX-1", "ada", 0),
            &["exception-unapproved"],
            "not Security Engineering",
        ),
        ("self-approved", eve(&own), &["exception-self-approved"], "asks for it, or answers"),
        (
            "edited after it was signed",
            eve(&good).replace("A wall.", "A fence."),
            &["exception-unapproved"],
            "changed since it was signed",
        ),
        (
            "signed for another exception",
            signed(&world, &good, "EX-2", "eve", 0),
            &["exception-unapproved"],
            "line 28",
        ),
        (
            "expired",
            signed(&world, &past, "EX-1", "eve", 40),
            &["exception-expired"],
            "3 days before this push",
        ),
        ("too long", eve(&long), &["exception-too-long"], "90d from its approval"),
        (
            "revoked",
            eve(&good.replacen("gates", "revoked = 2026-01-02\ngates", 1)),
            &["exception-revoked"],
            "revoked: on 2026-01-02",
        ),
        ("other path", eve(&good.replace("/net/", "/network/")), &["scan-finding-open"], "L1"),
        ("other rule", eve(&good.replace("L1", "L2")), &["scan-finding-open"], "L1"),
        ("other ref", eve(&good.replace("side", "sid")), &["scan-finding-open"], "L1"),
        (
            "unknown key",
            eve(&good.replace("owner", "ownr")),
            &["scan-finding-open", "exception-malformed"],
            "exceptions/EX-1.md:7",
        ),
    ] {
        let dana = brings(&world, "EX-1", &text);
        let said = dana.push(&TO_SIDE);
        assert_eq!(said.codes(), codes, "{what}: {said}");
        assert!(said.err.contains(says), "{what}: {said}");
    }
    let soon = document(-1, 9);
    let accepted = brings(&world, "EX-1", &eve(&soon)).push(&TO_SIDE);
    accepted.accepted();
    assert!(accepted.err.contains("warning: exception EX-1 expires on "), "{accepted}");
    assert!(accepted.err.contains(", in 9 days"), "{accepted}");
}

#[test]
fn what_the_trusted_tree_revokes_is_dead_wherever_it_comes_from() {
    let world = side();
    let good = signed(&world, &document(-1, 30), "EX-1", "eve", 0);
    let dana = world.person("dana");
    dana.topic("retry");
    dana.write("exceptions/EX-1.md", &good);
    dana.refgate(&["exception", "revoke", "EX-1", "-m", "the wall fell"]).accepted();
    let commit = dana.commit("Revoke EX-1");
    dana.push(&["+retry"]).accepted();
    for who in ["ada", "ben"] {
        world.person(who).approves(&commit);
    }
    dana.push(&["retry:main"]).accepted();
    let refused = brings(&world, "EX-1", &good).push(&TO_SIDE);
    refused.refused(&["exception-revoked"]);
    assert!(refused.err.contains("because: \"the wall fell\""), "{refused}");
}

#[test]
fn break_glass_waives_gates_loudly_and_never_the_guards() {
    let world = side();
    let push = |person: &Person<'_>, id: &str, more: &[&str]| -> Said {
        let option = format!("refgate.break-glass={id}");
        let mut args = vec!["push", "-o", &option, "origin"];
        args.extend(more);
        person.try_git(&args)
    };
    let glass = document(-1, 6).replace("[\"scan\"]", "[\"*\"]");
    let glass = glass.replace("rules = [\"L1\"]\npaths = [\"/net/\"]\n", "");
    let glass = glass.replace("heads/side\"]", "heads/side\", \"refs/heads/main\"]");
    let scan = document(-1, 30).replace("/net/", "/other/");
    let dana = brings(&world, "EX-1", &signed(&world, &scan, "EX-1", "eve", 0));
    push(&dana, "EX-1", &TO_SIDE).refused(&["exception-not-break-glass", "scan-finding-open"]);
    push(&dana, "EX-\u{1b}[2J", &TO_SIDE).refused(&["exception-unknown", "scan-finding-open"]);
    let dana = brings(&world, "EX-1", &glass);
    push(&dana, "EX-1", &TO_SIDE).refused(&["exception-unapproved", "scan-finding-open"]);

    let dana = brings(&world, "EX-1", &signed(&world, &glass, "EX-1", "eve", 0));
    dana.push(&TO_SIDE).refused(&["scan-finding-open"]);
    let check = dana.refgate(&["check", "side", "--break-glass", "EX-1", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&check.out).expect("JSON");
    let waived = &json["refs"][0]["waived"];
    assert_eq!(waived["violations"][0]["code"], "scan-finding-open", "{check}");
    assert_eq!((json["verdict"].as_str(), waived["id"].as_str()), (Some("accepted"), Some("EX-1")));
    assert_eq!(waived["approvers"][0]["name"], "Eve Sand", "{check}");
    let accepted = push(&dana, "EX-1", &TO_SIDE);
    accepted.accepted();
    for line in [
        "warning: BREAK-GLASS on refs/heads/side: EX-1, approved by Eve Sand",
        "warning:     scan-finding-open (gate scan)",
        "warning:     refgate exception close EX-1",
    ] {
        assert!(accepted.err.contains(line), "{line}: {accepted}");
    }
    let before = world.refs();
    push(&dana, "EX-1", &["+HEAD~1:refs/heads/side"]).refused(&["ref-not-fast-forward"]);
    assert_eq!(world.refs(), before);

    // Whom to trust is not decided behind broken glass.
    dana.git(&["checkout", "-q", "-B", "coup", "origin/main"]);
    dana.write("exceptions/EX-1.md", signed(&world, &glass, "EX-1", "eve", 0));
    dana.commit("Bring it");
    push(&dana, "EX-1", &["HEAD:refs/heads/main"]).accepted();
    let meta = structure().replace("ben@example.org", "mallory@example.org");
    dana.write("meta/STRUCTURE.md", meta);
    dana.commit("Take over");
    let refused = push(&dana, "EX-1", &["HEAD:refs/heads/main"]);
    assert!(!refused.ok && !refused.codes().is_empty(), "{refused}");

    let overdue = dana.refgate(&["exception", "list", "--fail-overdue"]);
    assert_eq!(overdue.code, Some(1), "{overdue}");
    assert!(overdue.out.contains("REVIEW OWED"), "{overdue}");
    let eve = world.person("eve");
    eve.git(&["fetch", "-q", "origin"]);
    eve.git(&["checkout", "-q", "-B", "review", "origin/main"]);
    eve.refgate(&["exception", "close", "EX-1", "-m", "the port was open for an hour"]).accepted();
    let listed = eve.refgate(&["exception", "list", "--fail-overdue"]);
    assert_eq!(listed.code, Some(0), "{listed}");
}

#[test]
fn vex_of_security_clears_a_vulnerability_of_a_package() {
    let world = side();
    let dana = brings(&world, "EX-1", &document(-1, 30));
    let trivy = |version: &str| {
        format!(
            r#"{{"SchemaVersion": 2, "ArtifactName": "app", "ArtifactType": "filesystem", "Results": [
            {{"Target": "package-lock.json", "Class": "lang-pkgs", "Type": "npm", "Vulnerabilities": [
            {{"VulnerabilityID": "CVE-2021-23337", "PkgName": "lodash", "InstalledVersion": "{version}",
            "PkgIdentifier": {{"PURL": "pkg:npm/lodash@{version}"}}, "Severity": "HIGH", "Title": "x"}}]}}]}}"#
        )
    };
    let vex = include_str!("../corpus/vex/own-openvex-0.2.0-order-desk.json");
    let signs = |who: &'static str| -> (Said, Person<'_>) {
        let person = world.person(who);
        person.git(&["fetch", "-q", "origin"]);
        person.git(&["checkout", "-q", "-B", "vex", "origin/side"]);
        person.write("../order.desk.json", vex);
        (person.refgate(&["exception", "vex", "../order.desk.json"]), person)
    };
    let (refused, _) = signs("ada");
    assert!(!refused.ok && refused.err.contains("not Security Engineering"), "{refused}");
    let (signed, eve) = signs("eve");
    signed.accepted();
    assert!(signed.out.contains("CVE-2021-23337  pkg:npm/lodash@4.17.4  not_affected"), "{signed}");
    let vex = std::fs::read(eve.dir().join("exceptions/order.vex.json")).expect("written");
    let lands = |version: &str, vex: &[u8]| -> Said {
        dana.git(&["checkout", "-q", "-B", "topic", "origin/side"]);
        dana.write("exceptions/order.vex.json", vex);
        dana.write("package-lock.json", version);
        let commit = dana.commit("State what does not affect us");
        dana.git(&["push", "-q", "origin", "+HEAD:refs/heads/topic"]);
        let ci = world.person("ci");
        ci.git(&["fetch", "-q", "origin"]);
        ci.write("../clean.sarif", sarif("x").replace("8.1", "1.0"));
        ci.write("../trivy.json", trivy(version));
        let attach = ["--sast", "../clean.sarif", "--dependencies", "../trivy.json", &commit];
        ci.refgate(&[&["attach", "--push"][..], &attach].concat()).accepted();
        dana.push(&TO_SIDE)
    };
    lands("4.17.5", &vex).refused(&["scan-finding-open"]);
    let mut forged = vex.clone();
    let middle = forged.len() / 2;
    forged[middle] = if forged[middle] == b'A' { b'B' } else { b'A' };
    lands("4.17.4", &forged).refused(&["scan-finding-open", "exception-malformed"]);
    lands("4.17.4", &vex).accepted();
}

#[test]
fn requests_are_written_listed_renewed_and_revoked() {
    let world = side();
    let eve = world.person("eve");
    let path = |id: &str| eve.dir().join(format!("exceptions/{id}.md"));
    let read = |id: &str| std::fs::read_to_string(path(id)).expect("a document");
    let year = &refgate::clock::now().strftime("%Y").to_string();
    let id = &format!("EX-{year}-001");

    let nothing = eve.refgate(&["exception", "new"]);
    assert!(!nothing.ok && nothing.err.contains("no rule is named"), "{nothing}");
    let bad = eve.refgate(&["exception", "new", "--from-verdict", "gone.json"]);
    assert_eq!(bad.code, Some(2), "{bad}");
    let new = |more: &[&str]| -> Said {
        let mut args = vec!["exception", "new", "--rule", "L1", "--path", "/net/"];
        args.extend(["--scope", "A shell", "--controls", "Approved-by: nobody\nA wall"]);
        args.extend(more);
        eve.refgate(&args)
    };
    let open = new(&["--owner", "cleo@example.org"]);
    assert!(open.ok && open.err.contains("the section \"Duration\" is not filled in"), "{open}");
    let malformed = eve.refgate(&["exception", "list"]);
    assert!(malformed.out.contains("cannot be read: the section"), "{malformed}");
    let refused = eve.refgate(&["exception", "approve", id]);
    assert!(!refused.ok && refused.err.contains(&format!("exceptions/{id}.md:")), "{refused}");
    let filled =
        read(id).replace("[Why it takes until then, and what will have been done]", "Soon");
    std::fs::write(path(id), filled).expect("written");

    // Whoever asks cannot approve; for somebody else's request she can.
    let own = eve.refgate(&["exception", "approve", id]);
    assert!(!own.ok && own.err.contains("cannot approve it"), "{own}");
    let dana = read(id).replace("requester = \"eve@", "requester = \"dana@");
    std::fs::write(path(id), dana).expect("written");
    let listed = eve.refgate(&["exception", "list", "--fail-overdue"]);
    assert!(listed.ok && listed.out.contains("requested"), "{listed}");
    let old = read(id);
    let day = old.split("requested = \"").nth(1).expect("a day").split('"').next().expect("a day");
    std::fs::write(path(id), old.replace(day, "2020-01-01")).expect("written");
    let overdue = eve.refgate(&["exception", "list", "--fail-overdue"]);
    assert_eq!(overdue.code, Some(1), "{overdue}");
    assert!(overdue.out.contains("requested, OVERDUE  waiting for "), "{overdue}");
    std::fs::write(path(id), &old).expect("written");

    eve.refgate(&["exception", "approve", id]).accepted();
    let shown = eve.refgate(&["exception", "show", id]);
    assert!(
        shown.out.contains("state: approved") && shown.out.contains("approval by eve@"),
        "{shown}"
    );
    let long = eve.refgate(&["exception", "renew", id, "--expires", "91d"]);
    long.accepted();
    assert!(!read(id).contains("\nApproved-by: Eve"), "the signatures are gone");
    let refused = eve.refgate(&["exception", "approve", id]);
    assert!(!refused.ok && refused.err.contains("but 90d from now is"), "{refused}");
    eve.refgate(&["exception", "renew", id, "--expires", "10d"]).accepted();
    eve.refgate(&["exception", "approve", id]).accepted();
    let listed = eve.refgate(&["exception", "list", "--format", "json"]);
    assert!(listed.out.contains("\"state\": \"expiring\""), "{listed}");
    assert!(listed.out.contains("\"days-left\": 10"), "{listed}");

    let close = eve.refgate(&["exception", "close", id, "-m", "x"]);
    assert!(!close.ok && close.err.contains("is no break-glass exception"), "{close}");
    eve.refgate(&["exception", "revoke", id, "-m", "no \"reason\""]).accepted();
    let twice = eve.refgate(&["exception", "revoke", id, "-m", "again"]);
    assert!(!twice.ok && twice.err.contains("was revoked on"), "{twice}");
    let renewed = eve.refgate(&["exception", "renew", id]);
    assert!(!renewed.ok && renewed.err.contains("was revoked on"), "{renewed}");

    let dana = brings(&world, id, &document(-1, 30));
    let check = dana.refgate(&["exception", "new", "--from-check", "--ref", "side", "--exact"]);
    check.accepted();
    let third = std::fs::read_to_string(dana.dir().join(format!("exceptions/EX-{year}-002.md")));
    let third = third.expect("written");
    assert!(third.contains("paths = [\"/net/up.rs\"]"), "{third}");
    assert!(third.contains("fingerprints = [\"sha256:"), "{third}");

    let glass = ["exception", "new", "--break-glass", "--ref", "side", "--scope", "A night"];
    eve.refgate(&glass).accepted();
    let second = read(&format!("EX-{year}-002"));
    assert!(second.contains("gates = [\"*\"]") && second.contains("refs = [\"refs/heads/side\"]"));
    assert!(!second.contains("rules ="), "{second}");
}
