//! Where a request for an exception starts from: the number of a refusal, its text, or questions on a terminal.

use crate::exceptions::{attested, brings, document, id_of, side};
use crate::support::world::{Person, Said, World};

/// Dana's push with a finding, as the server has refused it.
fn refused(world: &World) -> (Person<'_>, Said) {
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    attested(world, &commit);
    let said = dana.push(&["retry:main"]);
    said.refused(&["scan-finding-open"]);
    (dana, said)
}

fn number(said: &Said) -> &str {
    let (_, rest) = said.err.split_once("(verdict ").expect("a number");
    rest.split_once(')').expect("its end").0
}

/// Requests something with every section filled in.
fn new(dana: &Person<'_>, more: &[&str]) -> Said {
    dana.refgate(&with_sections(more))
}

fn with_sections<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["exception", "new", "--duration", "Soon", "--controls", "A wall"];
    args.extend(more);
    args
}

fn text_of(person: &Person<'_>) -> String {
    let path = person.dir().join(format!("exceptions/{}.md", id_of(person)));
    std::fs::read_to_string(path).expect("written")
}

fn has_written(person: &Person<'_>) -> bool {
    person.dir().join("exceptions").exists()
}

#[test]
fn the_number_that_a_refusal_prints_is_enough_where_a_ledger_can_be_read() {
    let world = World::new();
    let (dana, said) = refused(&world);
    let number = number(&said);
    // The server lies on this machine, so its ledger is found.
    let found = new(&dana, &["--from-verdict", number]);
    assert!(found.ok && found.out.contains("wrote exceptions/EX-"), "{found}");
    let text = text_of(&dana);
    for line in ["rules = [\"L1\"]", "paths = [\"/net/up.rs\"]", "refs = [\"refs/heads/main\"]"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(text.contains("- high `L1` in `net/up.rs:7`: a shell is started"), "{text}");

    // Where it does not, the ledger is named, or the refusal pasted.
    let away = format!("file://{}/moved.git", world.path("").display());
    std::fs::rename(world.server(), world.path("moved.git")).expect("moved");
    let nowhere = new(&dana, &["--offline", "--from-verdict", number]);
    assert_eq!(nowhere.code, Some(2), "{nowhere}");
    assert!(nowhere.err.contains("no ledger can be read here"), "{nowhere}");
    assert!(nowhere.err.contains("--ledger DIR"), "{nowhere}");
    assert!(nowhere.err.contains("refgate exception new --from-verdict -"), "{nowhere}");
    let ledger = world.path("moved.git/refgate").to_string_lossy().into_owned();
    let named = ["--offline", "--ledger", &ledger, "--from-verdict"];
    new(&dana, &[&named[..], &[number]].concat()).accepted();
    dana.git(&["remote", "set-url", "origin", &away]);

    let unknown = new(&dana, &["--from-verdict", "0000-0000"]);
    assert_eq!(unknown.code, Some(2), "{unknown}");
    assert!(unknown.err.contains("verdict 0000-0000 does not stand in "), "{unknown}");
    assert!(unknown.err.contains("moved.git/refgate"), "{unknown}");
    let no_file = new(&dana, &["--from-verdict", "verdict.json"]);
    assert!(no_file.err.contains("is no file, and no number of a verdict"), "{no_file}");
}

#[test]
fn verdicts_of_another_repository_or_version_start_nothing() {
    let world = side();
    let dana = brings(&world, "EX-1", &document(-1, 30));
    let check = dana.refgate(&["check", "side", "--format", "json"]);
    std::fs::remove_dir_all(dana.dir().join("exceptions")).expect("removed");
    let other = check.out.replace("git.example.org/demo/app", "git.example.org/demo/lib");
    let said = dana.refgate_reads(&with_sections(&["--from-verdict", "-"]), &other);
    assert!(said.code == Some(2) && said.err.contains("about another repository"), "{said}");
    let newer = check.out.replacen("\"version\": 1", "\"version\": 2", 1);
    let said = dana.refgate_reads(&with_sections(&["--from-verdict", "-"]), &newer);
    assert!(said.code == Some(2) && said.err.contains("of version 2, not 1"), "{said}");
    let large = "{\"version\": 1, \"verdict\": \"refused\", \"too-large\": 2000000}";
    let said = dana.refgate_reads(&with_sections(&["--from-verdict", "-"]), large);
    assert!(said.err.contains("too large to be recorded whole"), "{said}");
    let nothing = check.out.replace("scan-finding-open", "review-approval-missing");
    let nothing = nothing.replace("exception-unapproved", "review-approval-missing");
    let said = dana.refgate_reads(&with_sections(&["--from-verdict", "-"]), &nothing);
    assert!(said.err.contains("no finding of the verdict can be excepted"), "{said}");
    assert!(!has_written(&dana));
    dana.refgate_reads(&with_sections(&["--from-verdict", "-"]), &check.out).accepted();
}

#[test]
fn a_refusal_that_is_pasted_is_judged_again() {
    let world = World::new();
    let (dana, said) = refused(&world);
    // As the terminal showed it.
    let shown: Vec<String> =
        said.err.lines().map(|line| format!("remote: {line}        ")).collect();
    let shown = shown.join("\n");
    let paste = with_sections(&["--from-verdict", "-"]);
    let garbage = dana.refgate_reads(&paste, "To server\n ! [remote rejected]\n");
    assert!(garbage.code == Some(2) && garbage.err.contains("this is no refusal"), "{garbage}");
    let elsewhere = world
        .person("mallory")
        .refgate_reads(&paste, &shown.replace(&dana.head()[..12], "0123456789ab"));
    assert!(
        elsewhere.err.contains("0123456789ab, which the refusal speaks of, is not"),
        "{elsewhere}"
    );
    assert!(!has_written(&dana));
    dana.refgate_reads(&paste, &shown).accepted();
    let text = text_of(&dana);
    assert!(text.contains("rules = [\"L1\"]") && text.contains("\"/net/up.rs\""), "{text}");
    std::fs::write(world.path("refusal"), &shown).expect("written");
    new(&dana, &["--from-verdict", "../refusal"]).accepted();
    // The scanner was mistaken, and says so: nothing is left to except.
    world.ci_passes(&dana.head());
    let ci = world.person("ci");
    let clean = std::fs::read_to_string(ci.dir().join("../found.sarif")).expect("a report");
    ci.write("../found.sarif", clean.replace("8.1", "1.0"));
    ci.refgate(&["attach", "--push", "--sast", "../found.sarif", &dana.head()]).accepted();
    let late = dana.refgate_reads(&paste, &shown);
    assert!(late.code == Some(2) && late.err.contains("would be accepted now"), "{late}");
}

#[test]
fn questions_on_a_terminal_are_asked_again_until_the_answer_fits() {
    let world = side();
    let dana = world.person("dana");
    let said = dana.refgate_asks(
        &["exception", "new"],
        &[
            "",
            "CVE-2021-23337, L1",
            "",
            "pkg:npm/lodash@",
            "../up, /net/",
            "/net/, pkg:npm/lodash@4.17.20",
            "refs/**",
            "side",
            "yesterday",
            "400d",
            "10d",
            "nobody",
            "cleo@example.org",
            "The template function is never called",
            "Until the next release",
            "A wall",
        ],
    );
    assert!(said.ok, "{said}");
    for line in [
        "Rules or vulnerabilities, divided by commas",
        "  an exception names what it covers; once more:",
        "  an exception names its places; * is every file; once more:",
        "  pkg:npm/lodash@: nothing stands behind @",
        "  ../up: ",
        "Refs, divided by commas [refs/heads/main]:",
        "  refs/**: ",
        "  \"yesterday\" is no day ahead, nor a period; once more:",
        "  the policy allows 2",
        "  \"nobody\" is no email address; once more:",
        "Who answers for the repair [dana@example.org]:",
        "wrote exceptions/EX-",
    ] {
        assert!(said.out.contains(line), "{line}: {said}");
    }
    let text = text_of(&dana);
    for line in [
        "rules = [\"CVE-2021-23337\", \"L1\"]",
        "paths = [\"/net/\"]",
        "packages = [\"pkg:npm/lodash@4.17.20\"]",
        "refs = [\"refs/heads/side\"]",
        "owner = \"cleo@example.org\"",
        "requester = \"dana@example.org\"",
        "\nThe template function is never called\n",
        "\nUntil the next release\n",
        "\nA wall\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let shown = dana.refgate(&["exception", "list"]);
    assert!(shown.out.contains("requested") && shown.out.contains("waiting for"), "{shown}");
}

#[test]
fn who_ends_the_input_wants_no_request() {
    let world = side();
    let dana = world.person("dana");
    for typed in [&["^D"][..], &["L1", "^D"], &["L1", "/net/", "", "", "", "why", "^D"]] {
        let said = dana.refgate_asks(&["exception", "new"], typed);
        assert_eq!(said.code, Some(2), "{said}");
        assert!(said.out.contains("not answered to the end, so nothing was written"), "{said}");
        assert!(!has_written(&dana), "{typed:?}");
    }
    // What flags say is not asked, and empty answers take what stands in brackets.
    let flags = ["exception", "new", "--rule", "L1", "--path", "/net/", "--expires", "5d"];
    let said = dana.refgate_asks(&flags, &["", "", "Why", "", "A wall"]);
    assert!(said.ok && said.out.contains("the section \"Duration\" is not filled in"), "{said}");
    assert!(!said.out.contains("Last day"), "{said}");
    let text = text_of(&dana);
    assert!(text.contains("refs = [\"refs/heads/main\"]"), "{text}");
    assert!(text.contains("owner = \"dana@example.org\""), "{text}");
}
