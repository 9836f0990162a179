//! Attacks on evidence: what it says, what it is about, who vouches for it, and where it is kept
//! (T70 to T87).

use refgate::clock::{self, Timestamp};
use refgate::evidence::kind::Kind;
use refgate::evidence::predicate::{Form, write};

use crate::support::wire;
use crate::support::world::{Person, World, corpus, structure};

/// Scans alone are asked for on one branch, tests alone on another, bills of materials on a third.
const LAB: &str = "repository = \"git.example.org/demo/app\"\n\
    [[protect]]\nrefs = [\"refs/heads/main\"]\ngates = [\"review\"]\n\
    [[protect]]\nrefs = [\"refs/heads/scans\"]\ngates = [\"scan\"]\n\
    [[protect]]\nrefs = [\"refs/heads/tests\"]\ngates = [\"tests\"]\n\
    [scan]\nrequire = [\"sast\"]\n[tests]\nsuites = [\"unit\"]\n";

const EVIDENCE: &str = "refgate/evidence";
const CLEAN: &str = "sarif/bandit-1.9.4-clean-nofindings.sarif";
const PASSED: &str = "junit/pytest-9.2.0-smoke-allpass.xml";

/// A branch for each gate, and a commit to push to them.
fn lab(config: &str) -> (World, String) {
    let world = World::with(config, &structure());
    for name in ["scans", "tests"] {
        world.server_git(&["update-ref", &format!("refs/heads/{name}"), "refs/heads/main"]);
    }
    let dana = world.person("dana");
    let commit = dana.propose("topic");
    (world, commit)
}

fn ago(days: i64) -> Timestamp {
    clock::now() - jiff::SignedDuration::from_hours(24 * days)
}

/// A statement about a commit, as `refgate attach` writes it.
fn statement(commit: &str, kind: &str, report: &[u8], at: Timestamp) -> Vec<u8> {
    let kind = Kind::parse(kind).expect("a kind");
    let digests = [("gitCommit", commit.to_owned())];
    write(&digests, &kind, at, "application/octet-stream", report, Form::Embedded).expect("written")
}

fn report(file: &str) -> Vec<u8> {
    std::fs::read(corpus(file)).expect("a file of the corpus")
}

/// The same by CI about one commit, today.
fn by_ci(world: &World, commit: &str, kind: &str, file: &str) -> String {
    world.evidence("ci", &statement(commit, kind, &report(file), ago(0)))
}

#[test]
fn t70_to_t79_reports_that_say_less_than_they_seem() {
    let (world, commit) = lab(LAB);
    let dana = world.person("dana");
    let cases: &[(&str, &[&str])] = &[
        ("adversarial/sarif-duplicate-results-key.sarif", &["scan-evidence-malformed"]),
        ("adversarial/sarif-case-variant-keys.sarif", &["scan-evidence-malformed"]),
        ("adversarial/sarif-runs-null.sarif", &["scan-evidence-malformed"]),
        ("adversarial/sarif-no-runs.sarif", &["scan-evidence-malformed"]),
        ("adversarial/json-concatenated-documents.json", &["scan-evidence-malformed"]),
        ("adversarial/json-nan-infinity.json", &["scan-evidence-malformed"]),
        ("adversarial/json-deep-nesting-100000.json", &["scan-evidence-malformed"]),
        ("adversarial/sarif-trailing-garbage.sarif", &["scan-evidence-malformed"]),
        ("adversarial/sarif-truncated.sarif", &["scan-evidence-malformed"]),
        ("adversarial/sarif-results-absent.sarif", &["scan-evidence-malformed"]),
        ("adversarial/empty-file.sarif", &["scan-evidence-malformed"]),
        ("adversarial/empty-object.json", &["scan-evidence-malformed"]),
        ("adversarial/gzip-bomb-50MB.json.gz", &["scan-evidence-malformed"]),
        ("adversarial/sarif-execution-failed-zero-results.sarif", &["scan-evidence-incomplete"]),
        ("adversarial/sarif-unknown-level.sarif", &["scan-evidence-malformed"]),
        ("adversarial/sarif-suppressed-accepted.sarif", &["scan-finding-open"]),
        ("sarif/bandit-1.9.4-pyapp.sarif", &["scan-finding-open"]),
        // A report of another kind, whatever the statement calls it (T87).
        (PASSED, &["scan-evidence-malformed"]),
    ];
    for (file, codes) in cases {
        world.put_note(EVIDENCE, &commit, &by_ci(&world, &commit, "sast", file));
        let said = dana.push(&["topic:scans"]);
        assert_eq!(said.codes(), *codes, "{file}\n{said}");
    }
    world.put_note(EVIDENCE, &commit, &by_ci(&world, &commit, "sast", CLEAN));
    dana.push(&["topic:scans"]).accepted();
}

#[test]
fn t75_a_bill_of_materials_without_a_component() {
    let config = LAB.replace("[\"sast\"]", "[\"sbom\"]");
    let (world, commit) = lab(&config);
    let dana = world.person("dana");
    let file = "cyclonedx/syft-1.18.1-capp-nocomponents.cdx.json";
    world.put_note(EVIDENCE, &commit, &by_ci(&world, &commit, "sbom", file));
    world.refuses(&["scan-evidence-empty"], || dana.push(&["topic:scans"]));
    // A document that makes every vulnerability "not affected" is no bill of materials either.
    let file = "cyclonedx/own-cyclonedx-vex-1.6-order-desk.cdx.json";
    world.put_note(EVIDENCE, &commit, &by_ci(&world, &commit, "sbom", file));
    let said = dana.push(&["topic:scans"]);
    assert!(!said.ok, "{said}");
    let file = "cyclonedx/syft-1.18.1-jsapp-1.6.cdx.json";
    world.put_note(EVIDENCE, &commit, &by_ci(&world, &commit, "sbom", file));
    dana.push(&["topic:scans"]).accepted();
}

#[test]
fn t76_to_t78_tests_that_did_not_run_or_did_not_pass() {
    let (world, commit) = lab(LAB);
    let dana = world.person("dana");
    let cases: &[(&str, &str, &[&str])] = &[
        ("tests:unit", "junit/pytest-9.2.0-nothing-collected.xml", &["tests-evidence-empty"]),
        ("tests:unit", "adversarial/junit-attributes-lie-zero-failures.xml", &["tests-failed"]),
        ("tests:unit", "adversarial/junit-billion-laughs.xml", &["tests-evidence-malformed"]),
        ("tests:unit", "adversarial/junit-xxe.xml", &["tests-evidence-malformed"]),
        ("tests:unit", "junit/pytest-9.2.0-pyapp.xml", &["tests-failed"]),
        (
            "tests:unit",
            "junit/semgrep-1.182.0-pyapp.xml",
            &["tests-evidence-malformed", "tests-failed"],
        ),
        // Another suite under a name that is not asked for.
        ("tests:smoke", PASSED, &["tests-evidence-missing"]),
    ];
    for (kind, file, codes) in cases {
        world.put_note(EVIDENCE, &commit, &by_ci(&world, &commit, kind, file));
        let said = dana.push(&["topic:tests"]);
        assert_eq!(said.codes(), *codes, "{kind} {file}\n{said}");
    }
    // One failed run is not outvoted by runs that passed: a newer run of the same tool replaces it.
    let old = statement(&commit, "tests:unit", &report("junit/pytest-9.2.0-pyapp.xml"), ago(1));
    let failed = world.evidence("ci", &old);
    let passed = by_ci(&world, &commit, "tests:unit", PASSED);
    world.put_note(EVIDENCE, &commit, &format!("{failed}\n{passed}"));
    dana.push(&["topic:tests"]).accepted();
}

/// Notes that are on the server already, past every guard: the gates judge them all the same.
#[test]
fn t80_t84_t86_evidence_of_others_about_others_or_of_yesteryear() {
    let (world, commit) = lab(LAB);
    let dana = world.person("dana");
    let main = world.on_server("refs/heads/main").expect("a branch");
    let sast = |commit: &str, at| statement(commit, "sast", &report(CLEAN), at);
    let unit = |commit: &str, at| statement(commit, "tests:unit", &report(PASSED), at);
    let tampered = by_ci(&world, &main, "sast", CLEAN);
    let other = by_ci(&world, &commit, "sast", CLEAN);
    // The payload of one envelope under the signature of another.
    let spliced = splice(&other, &tampered);
    let cases: Vec<(&str, String, &str)> = vec![
        ("nothing", "\n".into(), "scan-evidence-missing"),
        ("no JSON", "scanned, all fine\n".into(), "scan-evidence-malformed"),
        (
            "T80 about another commit",
            world.evidence("ci", &sast(&main, ago(0))),
            "scan-evidence-wrong-subject",
        ),
        ("T80 spliced", spliced, "scan-evidence-untrusted"),
        (
            "T84 by the author",
            world.evidence("dana", &sast(&commit, ago(0))),
            "scan-evidence-untrusted",
        ),
        (
            "T84 by a maintainer",
            world.evidence("ben", &sast(&commit, ago(0))),
            "scan-evidence-untrusted",
        ),
        (
            "T84 by nobody",
            world.evidence("mallory", &sast(&commit, ago(0))),
            "scan-evidence-untrusted",
        ),
        ("T86 of last month", world.evidence("ci", &sast(&commit, ago(40))), "scan-evidence-stale"),
        ("T89 of tomorrow", world.evidence("ci", &sast(&commit, ago(-2))), "scan-evidence-stale"),
    ];
    for (what, note, code) in cases {
        world.put_note(EVIDENCE, &commit, &note);
        let said = dana.push(&["topic:scans"]);
        assert_eq!(said.codes(), [code], "{what}\n{said}");
    }
    for (payload, signer, code) in [
        (unit(&main, ago(0)), "ci", "tests-evidence-wrong-subject"),
        (unit(&commit, ago(0)), "dana", "tests-evidence-untrusted"),
        (unit(&commit, ago(40)), "ci", "tests-evidence-stale"),
    ] {
        world.put_note(EVIDENCE, &commit, &world.evidence(signer, &payload));
        world.refuses(&[code], || dana.push(&["topic:tests"]));
    }
    // Bad lines beside good ones hide nothing and forge nothing.
    let good = world.evidence("ci", &sast(&commit, ago(0)));
    let bad = world.evidence("mallory", &sast(&commit, ago(0)));
    world.put_note(EVIDENCE, &commit, &format!("{bad}\n{good}\n"));
    dana.push(&["topic:scans"]).accepted();
}

/// The first envelope with the payload of the second.
fn splice(to: &str, from: &str) -> String {
    let payload = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        value["payload"].as_str().expect("a payload").to_owned()
    };
    from.replace(&payload(from), &payload(to))
}

/// CI whose key may speak for tests alone says something about scans (T84, T87).
#[test]
fn t87_a_robot_speaks_for_its_own_kinds() {
    let structure = structure().replace("sast, sbom, dependencies, tests:unit", "tests:unit")
        + "| Eve Sand | eve@example.org | | sast |\n";
    let world = World::with(LAB, &structure);
    world.server_git(&["update-ref", "refs/heads/scans", "refs/heads/main"]);
    let dana = world.person("dana");
    let commit = dana.propose("topic");
    let line = by_ci(&world, &commit, "sast", CLEAN);
    world.put_note(EVIDENCE, &commit, &line);
    let said = world.refuses(&["scan-evidence-untrusted"], || dana.push(&["topic:scans"]));
    assert!(said.err.contains("may not speak for sast"), "{said}");
}

fn push_notes(person: &Person<'_>) -> crate::support::world::Said {
    person.push(&["+refs/notes/refgate/evidence"])
}

#[test]
fn t80_t81_t84_what_the_notes_guard_lets_in() {
    let (world, commit) = lab(LAB);
    let main = world.on_server("refs/heads/main").expect("a branch");
    let dana = world.person("dana");
    let line = by_ci(&world, &commit, "sast", CLEAN);
    // Who carries the notes is irrelevant; what is in them is not.
    let of_others = [
        (&main, line.clone(), "notes-subject"),
        (&commit, "looks good to me".into(), "notes-malformed"),
        (
            &commit,
            world.evidence("dana", &statement(&commit, "sast", b"{}", ago(0))),
            "notes-untrusted",
        ),
    ];
    for (object, text, code) in of_others {
        dana.note(EVIDENCE, object, &text);
        world.refuses(&[code], || push_notes(&dana));
        dana.git(&["update-ref", "-d", "refs/notes/refgate/evidence"]);
    }
    // A commit that the server does not have.
    dana.topic("unpushed");
    let unpushed = dana.commit("unpushed");
    dana.note(EVIDENCE, &unpushed, &by_ci(&world, &unpushed, "sast", CLEAN));
    let said = world.refuses(&["notes-subject"], || push_notes(&dana));
    assert!(said.err.contains("push the commit first"), "{said}");
    dana.git(&["update-ref", "-d", "refs/notes/refgate/evidence"]);
    dana.note(EVIDENCE, &commit, &line);
    push_notes(&dana).accepted();
    // Once there, evidence stays there.
    dana.note(EVIDENCE, &commit, &by_ci(&world, &commit, "sast", "sarif/bandit-1.9.4-pyapp.sarif"));
    world.refuses(&["notes-removed"], || push_notes(&dana));
    world.refuses(&["ref-deleted"], || dana.push(&[":refs/notes/refgate/evidence"]));
    let root = dana.git(&["commit-tree", "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "-m", "none"]);
    world.refuses(&["ref-not-fast-forward"], || {
        dana.push(&[&format!("+{root}:refs/notes/refgate/evidence")])
    });
    let both = format!("{line}\n{}", by_ci(&world, &commit, "tests:unit", PASSED));
    dana.note(EVIDENCE, &commit, &both);
    push_notes(&dana).accepted();
}

/// The branch would land and its evidence never arrive: git runs the two commands apart.
#[test]
fn t82_evidence_that_will_not_arrive() {
    let (world, commit) = lab(LAB);
    let ci = world.person("ci");
    ci.git(&["fetch", "-q", "origin"]);
    ci.note(EVIDENCE, &commit, &by_ci(&world, &commit, "tests:unit", PASSED));
    push_notes(&ci).accepted();
    let notes = "refs/notes/refgate/evidence";
    let (stale, branch) = (ci.git(&["rev-parse", notes]), "refs/heads/scans");
    ci.note(
        EVIDENCE,
        &commit,
        &format!(
            "{}\n{}",
            ci.git(&["notes", "--ref", EVIDENCE, "show", &commit]),
            by_ci(&world, &commit, "sast", CLEAN)
        ),
    );
    let new = ci.git(&["rev-parse", notes]);
    // The objects are on the server, as after any update that git itself refused.
    ci.push(&[&format!("{new}:refs/heads/objects")]).accepted();
    let main = world.on_server(branch).expect("a branch");
    let wrong = "1234567890123456789012345678901234567890";
    world.refuses(&["scan-evidence-missing", "ref-moved"], || {
        let commands: [(&str, &str, &[u8]); 2] =
            [(&main, &commit, branch.as_bytes()), (wrong, &new, notes.as_bytes())];
        wire::push(&world.server(), &commands)
    });
    let commands: [(&str, &str, &[u8]); 2] =
        [(&main, &commit, branch.as_bytes()), (&stale, &new, notes.as_bytes())];
    wire::push(&world.server(), &commands).accepted();
}

#[test]
fn t83_t85_notes_trees_that_readers_disagree_on() {
    let (world, commit) = lab(LAB);
    let dana = world.person("dana");
    let line = by_ci(&world, &commit, "sast", CLEAN);
    let blob = dana.raw_object("blob", line.as_bytes());
    let tree_of = |entries: &[(&str, &str, &str)]| -> String {
        let listing: String = entries
            .iter()
            .map(|(mode, name, id)| {
                let kind = if *mode == "40000" { "tree" } else { "blob" };
                format!("{mode} {kind} {id}\t{name}\n")
            })
            .collect();
        let path = world.path("listing");
        std::fs::write(&path, listing).expect("written");
        let mut git = dana.command();
        git.arg("mktree").stdin(std::fs::File::open(path).expect("opened"));
        String::from_utf8(crate::support::run(&mut git)).expect("an id").trim().to_owned()
    };
    let inner = tree_of(&[("100644", &commit[2..], &blob)]);
    let elsewhere = "a".repeat(40);
    let trees = [
        ("T83 twice", tree_of(&[("40000", &commit[..2], &inner), ("100644", &commit, &blob)])),
        ("T83 a link", tree_of(&[("120000", &commit, &blob)])),
        ("T83 upper case", tree_of(&[("100644", &commit.to_uppercase(), &blob)])),
        ("T85 no path of a note", tree_of(&[("100644", "readme", &blob)])),
        ("T85 a directory of three digits", tree_of(&[("40000", &commit[..3], &inner)])),
    ];
    for (what, tree) in trees {
        let notes = dana.git(&["commit-tree", &tree, "-m", what]);
        let refspec = format!("{notes}:refs/notes/refgate/evidence");
        let said = world.refuses(&["notes-malformed"], || dana.push(&[&refspec]));
        assert!(!said.ok, "{what}");
    }
    let elsewhere = tree_of(&[("100644", &elsewhere, &blob)]);
    let notes = dana.git(&["commit-tree", &elsewhere, "-m", "about nothing"]);
    world.refuses(&["notes-subject"], || {
        dana.push(&[&format!("{notes}:refs/notes/refgate/evidence")])
    });
    // Refs that hold no commit, and refs that refgate has no use for.
    for object in [&blob, &inner] {
        let refspec = format!("{object}:refs/notes/refgate/evidence");
        world.refuses(&["ref-not-a-commit"], || dana.push(&[&refspec]));
    }
    for name in ["/verdicts", "/evidence2", "/a/b", ""] {
        let refspec = format!("+topic:refs/notes/refgate{name}");
        world.refuses(&["notes-ref-unknown"], || dana.push(&[&refspec]));
    }
    // Reports lie under their digest, and stay there.
    let notes =
        dana.git(&["commit-tree", &tree_of(&[("100644", "report.sarif", &blob)]), "-m", "x"]);
    world.refuses(&["notes-malformed"], || {
        dana.push(&[&format!("{notes}:refs/notes/refgate/reports")])
    });
    let notes =
        dana.git(&["commit-tree", &tree_of(&[("40000", &commit[..2], &inner)]), "-m", "good"]);
    dana.push(&[&format!("{notes}:refs/notes/refgate/evidence")]).accepted();
    dana.push(&["topic:scans"]).accepted();
}

#[test]
fn t110_a_note_that_is_larger_than_any_evidence() {
    let (world, commit) = lab(LAB);
    let dana = world.person("dana");
    // 33 MiB that travel as some kilobytes.
    let blob = dana.raw_object("blob", &vec![b'a'; 33 << 20]);
    dana.git(&["notes", "--ref", EVIDENCE, "add", "-C", &blob, &commit]);
    let said = world.refuses(&["notes-too-large"], || push_notes(&dana));
    assert!(said.err.contains("limits.note-bytes"), "{said}");
    for (limit, text) in [("note-lines = 2", "a\nb\nc\n"), ("note-line-bytes = 3", "abcd\n")] {
        std::fs::write(world.server().join("refgate.toml"), format!("[limits]\n{limit}\n"))
            .expect("written");
        dana.note(EVIDENCE, &commit, text);
        let said = world.refuses(&["notes-too-large"], || push_notes(&dana));
        let name = limit.split(' ').next().expect("a name");
        assert!(said.err.contains(&format!("limits.{name}")), "{said}");
    }
}
