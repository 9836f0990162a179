//! What the release gate asks of a tag, clause by clause, in real pushes: what passes, and the file and line of what does not.

use crate::exceptions::{document as exception, signature, signed};
use crate::release::{RULES, lands, tags, words};
use crate::support::world::{World, structure};
use crate::threats_policy::document;

/// Both main and tags are scanned and tested.
const SCANNED: &str = "repository = \"git.example.org/demo/app\"\n\
    [[protect]]\nrefs = [\"refs/heads/main\"]\ngates = [\"scan\", \"tests\", \"review\"]\n\
    [[protect]]\nrefs = [\"refs/tags/v*\"]\ngates = [\"scan\", \"tests\", \"review\", \"checklist\"]\n\
    [scan]\nrequire = [\"sast\"]\n[tests]\nsuites = [\"unit\"]\n";

/// A release document of which one place is changed, and what the message says about which of its lines.
struct Case {
    /// The line that is quoted, by how it begins in the changed document; none if nothing stands there.
    line: Option<&'static str>,
    says: &'static str,
    text: String,
}

fn case(from: &str, to: &str, line: Option<&'static str>, says: &'static str) -> Case {
    let text = document().replacen(from, to, 1);
    assert_ne!(text, document(), "{from}");
    Case { line, says, text }
}

/// Puts other text into a section.
fn section(heading: &str, body: &str) -> String {
    let text = document();
    let start = text.find(&format!("## {heading}\n")).expect(heading);
    let end = text[start + 3..].find("\n## ").map_or(text.len(), |at| start + 3 + at + 1);
    format!("{}## {heading}\n\n{body}\n\n{}", &text[..start], &text[end..])
}

#[test]
fn each_open_item_is_quoted_with_its_file_and_line() {
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let mut cases = vec![
        case("- [x] The owners", "- [ ] The owners", Some("- [ ] The owners"), "not ticked:"),
        case("- [x] The owners know", "- [x] The owners guess", None, "missing or reworded:"),
        case("- [x] The owners", "<!-- - [x] The owners", None, "missing or reworded:"),
        case("- [x] The owners", "- [x] ~~The owners", None, "missing or reworded:"),
        case("## Release checklist", "## Checklist", None, "\"Release checklist\" is missing"),
        case(
            "| Release manager | Ben Ito |",
            "| Release manager | M. Mallory |",
            Some("| Release manager | M."),
            "is nobody whom meta/STRUCTURE.md lists",
        ),
        case(digest, "see the log", Some("| Ben, 2026-11-25"), "no SHA-256 digest:"),
        case(
            "## Owners",
            "<details>\n\n## Owners",
            Some("<details>"),
            "HTML that the template has not",
        ),
        case("## Owners", "## Owner", None, "\"Owners\" is missing"),
    ];
    for heading in ["Artifacts", "Owners", "Communication", "Rollback plan"] {
        let says = "is not filled in";
        for body in ["", "tbd", "N/A", "[to be written]", "<!-- later -->"] {
            let text = section(heading, body);
            let line = match heading {
                "Artifacts" => "## Artifacts",
                "Owners" => "## Owners",
                "Communication" => "## Communication",
                _ => "## Rollback plan",
            };
            cases.push(Case { line: Some(line), says, text });
        }
    }
    let world = World::with(RULES, &structure());
    let named: Vec<(String, String)> =
        (0..cases.len()).map(|n| (format!("v1.0.{n}"), format!("releases/v1.0.{n}.md"))).collect();
    let files: Vec<(&str, &[u8])> = named
        .iter()
        .zip(&cases)
        .map(|((_, path), case)| (path.as_str(), case.text.as_bytes()))
        .collect();
    let good = document();
    let all = [&files[..], &[("releases/v2.0.0.md", good.as_bytes())]].concat();
    lands(&world, &all);
    for ((name, path), case) in named.iter().zip(&cases) {
        let said = world.refuses(&["checklist-incomplete"], || tags(&world, name));
        let text = words(&said);
        assert!(text.contains(case.says), "{}: {said}", case.says);
        let place = match case.line {
            None => path.clone(),
            Some(begins) => {
                let at = case.text.lines().position(|line| line.starts_with(begins));
                format!("{path}:{} ", at.expect(begins) + 1)
            }
        };
        assert!(text.contains(&place), "{place}: {said}");
    }
    tags(&world, "v2.0.0").accepted();
}

#[test]
fn the_tagged_commit_itself_is_scanned_and_tested() {
    let world = World::with(SCANNED, &structure());
    let document = document();
    // As an administrator moves the branch: what landed before refgate came was not scanned.
    let first = world.main_moves(&[("releases/v1.0.0.md", &document)]);
    let missing = ["scan-evidence-missing", "tests-evidence-missing"];
    world.refuses(&missing, || tags(&world, "v1.0.0"));
    world.ci_passes(&first);
    // The commit before was scanned and tested, this one was not.
    let second =
        world.main_moves(&[("net/up.rs", "fn more() {}\n"), ("releases/v1.1.0.md", &document)]);
    world.refuses(&missing, || tags(&world, "v1.1.0"));
    world.ci_passes(&second);
    tags(&world, "v1.1.0").accepted();
}

#[test]
fn gates_are_listed_in_the_document() {
    let world = World::with(SCANNED, &structure());
    let good = document();
    let bare = good
        .lines()
        .filter(|line| !line.starts_with("| tests |"))
        .fold(String::new(), |text, line| text + line + "\n");
    let empty = good.replace("| tests | Ben, 2026-11-25, https://example.org/run |", "| tests | |");
    assert_ne!(empty, good);
    let commit = world.main_moves(&[
        ("releases/v1.0.0.md", &bare),
        ("releases/v1.0.1.md", &empty),
        ("releases/v1.0.2.md", &good),
    ]);
    world.ci_passes(&commit);
    let at = empty.lines().position(|line| line == "| tests | |").expect("the row") + 1;
    for (name, place) in [("v1.0.0", String::new()), ("v1.0.1", format!(":{at}"))] {
        let said = world.refuses(&["checklist-incomplete"], || tags(&world, name));
        let text = words(&said);
        let expected = format!(
            "releases/{name}.md{place} the section \"Gates\" says nothing about gate tests"
        );
        assert!(text.contains(&expected), "{said}");
    }
    tags(&world, "v1.0.2").accepted();
}

#[test]
fn a_release_of_more_commits_than_are_looked_at_is_refused() {
    let world = World::with(RULES, &structure());
    lands(&world, &[("releases/v1.0.0.md", document().as_bytes())]);
    let path = world.server().join("refgate.toml");
    let settings = std::fs::read_to_string(&path).expect("settings");
    std::fs::write(&path, format!("{settings}\n[limits]\ncommits = 1\n")).expect("written");
    let said = world.refuses(&["checklist-too-many-commits"], || tags(&world, "v1.0.0"));
    assert!(words(&said).contains("the release brings more than 1 commits"), "{said}");
    std::fs::write(&path, settings).expect("written");
    tags(&world, "v1.0.0").accepted();
}

#[test]
fn t108_a_document_that_is_no_plain_file() {
    let world = World::with(RULES, &structure());
    let dana = world.person("dana");
    dana.topic("topic");
    dana.write("releases/real.md", document());
    std::os::unix::fs::symlink("real.md", dana.dir().join("releases/v1.0.0.md")).expect("a link");
    let commit = dana.commit("Link the document");
    dana.push(&["+topic"]).accepted();
    for who in ["ada", "ben"] {
        world.person(who).approves(&commit);
    }
    dana.push(&["topic:main"]).accepted();
    let said = world.refuses(&["checklist-incomplete"], || tags(&world, "v1.0.0"));
    let text = words(&said);
    assert!(text.contains("releases/v1.0.0.md it has mode 120000"), "{said}");
}

#[test]
fn t109_broken_glass_is_listed_until_security_has_reviewed_it() {
    let world = World::with(RULES, &structure());
    let glass =
        exception(-1, 6).replace("[\"scan\"]", "[\"*\"]").replace("heads/side", "heads/main");
    let glass = glass.replace("rules = [\"L1\"]\npaths = [\"/net/\"]\n", "");
    let approved = signed(&world, &glass, "EX-1", "eve", 0);
    let document = document();
    let lands_with = |name: &str, text: &str| {
        let path = format!("releases/{name}.md");
        lands(&world, &[("exceptions/EX-1.md", text.as_bytes()), (&path, document.as_bytes())]);
    };
    lands_with("v1.0.0", &approved);
    let unlisted = ["checklist-exception-unlisted"];
    let said = world.refuses(&unlisted, || tags(&world, "v1.0.0"));
    assert!(said.err.contains("every gate, by break-glass"), "{said}");
    // A review by the one who asked for it is none, nor is one by a maintainer.
    let own = signature(&world, &glass, "EX-1", "dana", 0, Some("all well"));
    let other = signature(&world, &glass, "EX-1", "ada", 0, Some("all well"));
    lands_with("v1.0.1", &format!("{approved}{own}{other}"));
    world.refuses(&unlisted, || tags(&world, "v1.0.1"));
    let review = signature(&world, &glass, "EX-1", "eve", 0, Some("the port was open for an hour"));
    lands_with("v1.0.2", &format!("{approved}{own}{review}"));
    tags(&world, "v1.0.2").accepted();
}
