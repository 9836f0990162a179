//! Releases in real pushes: from the document to the deployment, and what keeps a tag from being one.

use crate::exceptions::{
    amend, attested, document as exception, id_of, pushes, requested, signed, takes_over,
};
#[cfg(feature = "openpgp")]
use crate::support::gpg::Gpg;
use crate::support::world::{CONFIG, Said, World, structure};
use crate::support::{command, run};
use crate::threats_policy::document;

/// Main needs approvals, release tags their document and signature.
pub const RULES: &str = "repository = \"git.example.org/demo/app\"\n\
    [[protect]]\nrefs = [\"refs/heads/main\"]\ngates = [\"review\"]\n\
    [[protect]]\nrefs = [\"refs/tags/v*\"]\ngates = [\"checklist\"]\n";

/// Lands files on main as one commit, which Ada, Ben and Cleo approve.
pub fn lands(world: &World, files: &[(&str, &[u8])]) -> String {
    let dana = world.person("dana");
    dana.topic("topic");
    for (path, content) in files {
        dana.write(path, content);
    }
    let commit = dana.commit("Prepare a release");
    dana.push(&["+topic"]).accepted();
    for who in ["ada", "ben", "cleo"] {
        world.person(who).approves(&commit);
    }
    dana.push(&["topic:main"]).accepted();
    commit
}

/// Ben signs a tag of main and pushes it.
pub fn tags(world: &World, name: &str) -> Said {
    let ben = world.person("ben");
    ben.git(&["fetch", "-q", "origin"]);
    ben.git(&["tag", "-f", "-s", "-m", name, name, "origin/main"]);
    ben.push(&[&format!("refs/tags/{name}")])
}

/// Returns a message without its frame and line breaks.
pub fn words(said: &Said) -> String {
    said.err.split_whitespace().filter(|word| *word != "|").collect::<Vec<_>>().join(" ")
}

/// A clone as a deployment makes it: nobody's, with no configuration of its own.
fn deployment(world: &World, name: &str, more: &[&str]) -> std::path::PathBuf {
    let dir = world.path(name);
    let url = format!("file://{}", world.server().display());
    run(command("git").args(["clone", "-q"]).args(more).arg(url).arg(&dir));
    dir
}

fn fill(text: &str) -> String {
    let text = text
        .replace("| [name] |", "| Ben Ito |")
        .replace("[digest]", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
        .replace("- [ ]", "- [x]");
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let (mark, rest) = match line.split_once("- [x] ") {
            Some((indent, rest)) => (format!("{indent}- [x] "), rest),
            None => (String::new(), line),
        };
        out += &mark;
        out += &rest.replace("\\[", "(").replace("\\]", ")").replace('[', "").replace(']', "!");
    }
    out
}

#[test]
fn a_release_from_its_document_to_the_deployment() {
    let world = World::with(CONFIG, &structure());
    let dana = world.person("dana");
    dana.topic("release");
    dana.refgate(&["release", "new", "1.0.0"]).accepted();
    let path = dana.dir().join("releases/v1.0.0.md");
    let written = std::fs::read_to_string(&path).expect("written");
    assert!(written.starts_with("# Release v1.0.0\n"), "{written}");
    assert!(written.contains("From the beginning up to"), "{written}");
    let items = written.split_once("\n## Release checklist").expect("the checklist").1;
    assert!(!items.contains("[x]"), "what people decide stays open: {written}");
    let again = dana.refgate(&["release", "new", "v1.0.0"]);
    assert!(again.code == Some(2) && again.err.contains("is there already"), "{again}");
    assert_eq!(std::fs::read_to_string(&path).expect("kept"), written);

    dana.commit("Draft the release document");
    let open = dana.refgate(&["release", "check", "--all"]);
    assert_eq!(open.code, Some(1), "{open}");
    assert!(open.out.contains("error[checklist-incomplete]"), "{open}");
    assert!(open.out.contains("releases/v1.0.0.md:"), "{open}");
    assert!(open.out.contains("error[ref-tag-unreachable]"), "{open}");
    assert!(!open.out.contains("checklist-tag-unsigned"), "{open}");
    let json = dana.refgate(&["release", "check", "v1.0.0", "--format", "json"]);
    assert!(json.out.contains("\"code\": \"checklist-incomplete\""), "{json}");
    assert_eq!(dana.refgate(&["release", "check", "../nightly"]).code, Some(2));

    dana.write("releases/v1.0.0.md", fill(&written));
    let commit = {
        dana.git(&["add", "-A"]);
        dana.git(&["commit", "-q", "--amend", "--no-edit"]);
        dana.head()
    };
    dana.push(&["+release"]).accepted();
    world.ci_passes(&commit);
    for who in ["ada", "ben"] {
        world.person(who).approves(&commit);
    }
    dana.push(&["release:main"]).accepted();

    // Dana may not release: the tag is made, judged and taken away again.
    let refused = dana.refgate(&["release", "sign", "1.0.0"]);
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.out.contains("error[checklist-tag-signer]"), "{refused}");
    assert_eq!(dana.git(&["tag"]), "");

    let ben = world.person("ben");
    ben.git(&["fetch", "-q", "origin"]);
    ben.git(&["checkout", "-q", "--detach", "origin/main"]);
    let fine = ben.refgate(&["release", "check"]);
    assert!(fine.code == Some(0) && fine.out.contains("nothing is open in v1.0.0"), "{fine}");
    let signed = ben.refgate(&["release", "sign", "--push", "1.0.0"]);
    assert!(signed.code == Some(0) && signed.out.contains("released v1.0.0"), "{signed}");
    assert!(world.on_server("refs/tags/v1.0.0").is_some());
    assert_eq!(ben.refgate(&["release", "sign", "1.0.0"]).code, Some(2));

    // From a clone alone, with no key and no name.
    let clone = deployment(&world, "deploy", &[]);
    let good = world.refgate(&clone, &["verify", "v1.0.0"]);
    assert!(good.code == Some(0) && good.out.contains("v1.0.0 releases"), "{good}");
    assert_eq!(world.refgate(&clone, &["verify", "--offline", "1.0.0"]).code, Some(0));
    for format in ["json", "sarif", "junit", "github"] {
        let said = world.refgate(&clone, &["verify", "v1.0.0", "--format", format]);
        assert_eq!(said.code, Some(0), "{said}");
    }
    // Evidence grows old, unless the time of the tag is asked for.
    let late = world.refgate(&clone, &["verify", "v1.0.0", "--at", "2099-01-01T00:00:00Z"]);
    assert_eq!(late.code, Some(1), "{late}");
    assert!(late.out.contains("error[scan-evidence-stale]"), "{late}");
    assert_eq!(world.refgate(&clone, &["verify", "v1.0.0", "--at", "tag"]).code, Some(0));
    assert_eq!(world.refgate(&clone, &["verify", "v1.0.0", "--at", "noon"]).code, Some(2));
    assert_eq!(world.refgate(&clone, &["verify", "v1.0.1"]).code, Some(1));
    // Another tag of the same name in the clone, as a thief of the build machine would make it.
    run(command("git").current_dir(&clone).args([
        "-c",
        "user.name=M",
        "-c",
        "user.email=m@x.org",
        "tag",
        "-f",
        "-a",
        "-m",
        "x",
        "v1.0.0",
        "HEAD~1",
    ]));
    let moved = world.refgate(&clone, &["verify", "v1.0.0"]);
    assert!(moved.code == Some(1) && moved.err.contains("here and"), "{moved}");
    assert_eq!(world.refgate(&clone, &["verify", "--offline", "v1.0.0"]).code, Some(1));
    let shallow = deployment(&world, "shallow", &["--depth", "1"]);
    let cut = world.refgate(&shallow, &["verify", "v1.0.0"]);
    assert!(cut.code == Some(2) && cut.err.contains("git fetch --unshallow"), "{cut}");

    // The next release counts from this one.
    dana.topic("next");
    dana.refgate(&["release", "new", "1.1.0"]).accepted();
    let next = std::fs::read_to_string(dana.dir().join("releases/v1.1.0.md")).expect("written");
    assert!(next.contains("Since v1.0.0 ("), "{next}");
    assert!(next.contains("- nothing came in"), "{next}");
}

#[test]
fn t108_documents_that_hide_or_lack_something() {
    let world = World::with(RULES, &structure());
    let good = document();
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("v1.0.0", good.clone().into_bytes(), ""),
        ("v1.0.1", [good.as_bytes(), b"\nM\xfcller\n"].concat(), "the line is not UTF-8"),
        (
            "v1.0.2",
            good.replacen("## Owners", "<div hidden>\n\n## Owners", 1).into_bytes(),
            "HTML that the template has not can hide text: \"<div hidden>\"",
        ),
        (
            "v1.0.3",
            good.replacen("Ben Ito", "Mallory", 1).into_bytes(),
            "\"Mallory\" is nobody whom meta/STRUCTURE.md lists as a person now",
        ),
        ("v1.0.4", good.replace(digest, "in the log").into_bytes(), "no SHA-256 digest:"),
        (
            "v1.0.5",
            good.replacen("- [x] The owners", "<!-- - [x] The owners", 1).into_bytes(),
            "missing or reworded: \"The owners",
        ),
        ("v1.0.6", good.replacen("| scan | Ben", "| lint | Ben", 1).into_bytes(), ""),
        (
            "v1.0.7",
            good.replacen("Ben Ito", "Build Robot", 1).into_bytes(),
            "\"Build Robot\" is nobody whom",
        ),
    ];
    let paths: Vec<String> =
        cases.iter().map(|(name, _, _)| format!("releases/{name}.md")).collect();
    let files: Vec<(&str, &[u8])> = paths
        .iter()
        .zip(&cases)
        .map(|(path, (_, content, _))| (path.as_str(), content.as_slice()))
        .collect();
    lands(&world, &files);
    for (name, _, expected) in &cases {
        if expected.is_empty() {
            tags(&world, name).accepted();
            continue;
        }
        let said = world.refuses(&["checklist-incomplete"], || tags(&world, name));
        let text = words(&said);
        assert!(text.contains(expected), "{name}: {said}");
        assert!(text.contains(&format!("releases/{name}.md:")), "{name}: {said}");
    }
}

#[test]
fn t108_a_template_that_changed_between_releases() {
    let world = World::with(RULES, &structure());
    let old = document();
    lands(
        &world,
        &[("releases/v1.0.0.md", old.as_bytes()), ("releases/v1.1.0.md", old.as_bytes())],
    );
    tags(&world, "v1.0.0").accepted();
    let template = include_str!("../../templates/document-template.md");
    let template = template.trim_end().to_owned() + "\n- [ ] Support knows\n";
    lands(&world, &[("templates/document-template.md", template.as_bytes())]);
    let said = world.refuses(&["checklist-incomplete"], || tags(&world, "v1.1.0"));
    assert!(words(&said).contains("missing or reworded: \"Support knows\""), "{said}");
    // What was complete by the template of its time can still be deployed.
    let clone = deployment(&world, "deploy", &[]);
    let good = world.refgate(&clone, &["verify", "v1.0.0"]);
    assert_eq!(good.code, Some(0), "{good}");
    // Bringing a template of one's own along does not help: that of the trust ref judges.
    let ben = world.person("ben");
    ben.topic("own");
    ben.write("templates/document-template.md", "# T\n\n## Release checklist\n\n- [ ] A\n");
    let own = ben.commit("An easier template");
    ben.git(&["tag", "-f", "-s", "-m", "x", "v1.1.0", &own]);
    world.refuses(&["ref-tag-unreachable"], || ben.push(&["refs/tags/v1.1.0"]));
}

#[test]
fn t109_an_exception_that_the_release_does_not_list() {
    let rules = format!(
        "{CONFIG}[[protect]]\nrefs = [\"refs/heads/main\"]\ngates = [\"scan\", \"tests\", \"review\"]\n\
         [[protect]]\nrefs = [\"refs/tags/v*\"]\ngates = [\"checklist\"]\n"
    );
    let world = World::with(&rules, &structure());
    let dana = requested(&world, &[]);
    let id = id_of(&dana);
    let none = document();
    dana.write("releases/v1.0.0.md", &none);
    let listed =
        none.replacen("## Release checklist", &format!("- {id}\n\n## Release checklist"), 1);
    dana.write("releases/v1.0.1.md", &listed);
    let hidden =
        none.replacen("## Release checklist", &format!("<!-- {id} -->\n\n## Release checklist"), 1);
    dana.write("releases/v1.0.2.md", &hidden);
    amend(&dana);
    let eve = takes_over(&world, "eve");
    eve.refgate(&["exception", "approve", &id]).accepted();
    amend(&eve);
    pushes(&world, &eve).accepted();
    for name in ["v1.0.0", "v1.0.2"] {
        let said = world.refuses(&["checklist-exception-unlisted"], || tags(&world, name));
        assert!(said.err.contains(&id), "{said}");
    }
    let new = dana.refgate(&["release", "new", "v1.0.3"]);
    new.accepted();
    let written = std::fs::read_to_string(dana.dir().join("releases/v1.0.3.md")).expect("written");
    assert!(written.contains(&format!("\n- {id}: L1 in /net/up.rs, until ")), "{written}");
    tags(&world, "v1.0.1").accepted();
}

#[test]
fn the_document_says_what_the_release_brings_and_rests_on() {
    let rules = "repository = \"git.example.org/demo/app\"\n\
        [[protect]]\nrefs = [\"refs/heads/main\"]\ngates = [\"review\"]\n\
        [[protect]]\nrefs = [\"refs/tags/v*\"]\ngates = [\"scan\", \"tests\", \"review\", \"checklist\"]\n\
        [scan]\nrequire = [\"sast\"]\n[tests]\nsuites = [\"unit\"]\n";
    let world = World::with(rules, &structure());
    let ben = world.person("ben");
    ben.topic("retry");
    ben.write("net/up.rs", "fn up() { /* retry */ }\n");
    let except = exception(-1, 30)
        .replace("refs = [\"refs/heads/side\"]", "refs = [\"refs/heads/main\", \"refs/tags/v*\"]");
    ben.write("exceptions/EX-1.md", signed(&world, &except, "EX-1", "eve", 0));
    let commit = ben.commit("Retry | with [odd] <title>");
    ben.push(&["+retry"]).accepted();
    attested(&world, &commit);
    ben.push(&["retry:main"]).refused(&["review-self-approved"]);
    // Paths of no domain need a second maintainer, and Ben's own approval is none: an administrator helps.
    world.server_git(&["update-ref", "refs/heads/main", &commit]);

    let dana = world.person("dana");
    dana.topic("release");
    dana.refgate(&["release", "new", "1.0.0"]).accepted();
    let path = dana.dir().join("releases/v1.0.0.md");
    let written = std::fs::read_to_string(path).expect("written");
    let short = &commit[..12];
    for line in [
        &format!(
            "- {short} Retry \\| with \\[odd\\] \\<title\\>; approved by Ada Lovelace, Cleo Roth\n"
        ),
        &format!("| scan | sast of ci@example.org, 1 finding stands by EX-1 on {short} |\n"),
        &format!("| tests | tests:unit of ci@example.org on {short} |\n"),
        &format!("| review | {short} of refs/heads/main, 1 landing |\n"),
        &"- EX-1: L1 in /net/, until 2".to_owned(),
    ] {
        assert!(written.contains(line.as_str()), "{line}: {written}");
    }
}

#[test]
fn commits_without_evidence_count_from_the_previous_release() {
    let rules = format!("{RULES}[checklist]\ncommits = \"evidence\"\n");
    let world = World::with(&rules, &structure());
    let commit = lands(&world, &[("releases/v1.0.0.md", document().as_bytes())]);
    let said = world.refuses(&["checklist-commits-unjudged"], || tags(&world, "v1.0.0"));
    assert!(words(&said).contains("2 commits of this release have no evidence"), "{said}");
    // An administrator says from where on releases count; the rest can be scanned.
    let first = world.server_git(&["rev-parse", "refs/heads/main~1"]);
    world.server_git(&["update-ref", "refs/tags/v0.0.0", &first]);
    let said = world.refuses(&["checklist-commits-unjudged"], || tags(&world, "v1.0.0"));
    assert!(words(&said).contains("since: v0.0.0"), "{said}");
    assert!(words(&said).contains("1 commit of this release has no evidence"), "{said}");
    world.ci_passes(&commit);
    tags(&world, "v1.0.0").accepted();
}

#[cfg(feature = "openpgp")]
#[test]
fn a_release_manager_signs_with_gpg() {
    let gpg = Gpg::of("ben");
    let world = gpg.world(RULES, &structure(), &[("releases/v1.0.0.md", &document())]);
    gpg.person(&world);
    let said = gpg.refgate(&world, &["release", "sign", "--push", "v1.0.0"]);
    assert!(said.code == Some(0) && said.out.contains("released v1.0.0"), "{said}");
    let tag = world.server_git(&["cat-file", "tag", "v1.0.0"]);
    assert!(tag.contains("-----BEGIN PGP SIGNATURE-----"), "{tag}");
    let clone = deployment(&world, "deploy", &[]);
    assert_eq!(world.refgate(&clone, &["verify", "v1.0.0"]).code, Some(0));
}
