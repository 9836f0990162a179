//! Envelopes of the Python reference implementations count here, and ours verify there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::world::{CONFIG, World, corpus, structure};
use crate::support::{command, output, run};

const KEYS: [&str; 6] = ["ed25519", "p256", "p384", "p521", "rsa-pss", "rsa-pkcs1"];
const CLEAN: &str = "sarif/bandit-1.9.4-clean-nofindings.sarif";

/// Returns a program of the virtual environment with `tests/requirements.txt`.
pub fn python_tool(name: &str) -> PathBuf {
    let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-python/bin");
    let tool = bin.join(name);
    assert!(
        tool.exists(),
        "{} is not there; install it:\n    python3 -m venv target/test-python\n    \
         target/test-python/bin/pip install -r tests/requirements.txt",
        tool.display()
    );
    tool
}

fn envelopes(args: &[&str]) -> Command {
    let mut python = command(python_tool("python"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/envelopes.py");
    python.arg(script).args(args);
    python
}

/// Verifies an envelope with the reference implementations; returns its predicate type if it holds.
pub fn verified_elsewhere(keys: &Path, name: &str, line: &str) -> Option<String> {
    let mut python = envelopes(&["verify", &keys.to_string_lossy(), name]);
    let file = keys.join("envelope");
    std::fs::write(&file, line).expect("written");
    python.stdin(Stdio::from(std::fs::File::open(&file).expect("a file")));
    let said = output(&mut python);
    said.status.success().then(|| String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

fn sign(keys: &Path, names: &str, commit: &str, at: &str) -> String {
    let (keys, report) = (keys.to_string_lossy(), corpus(CLEAN));
    let line = run(&mut envelopes(&["sign", &keys, names, commit, "sast", at, &report]));
    String::from_utf8(line).expect("JSON").trim_end().to_owned()
}

pub fn now() -> String {
    let text = run(command("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]));
    String::from_utf8(text).expect("a time").trim().to_owned()
}

/// A server that asks for one SAST report on `release/*`, signed by so many, and lists
/// Pipeline with all keys of the reference implementation but the last, which is Scanner's.
fn world(signers: u32) -> (World, PathBuf) {
    let world = World::empty(&[]);
    let keys = world.path("pem");
    std::fs::create_dir_all(&keys).expect("a directory");
    run(&mut envelopes(&["keys", &keys.to_string_lossy()]));
    let config = format!(
        "{CONFIG}[[protect]]\nrefs = [\"refs/heads/main\"]\ngates = [\"scan\", \"review\"]\n\
         [[protect]]\nrefs = [\"refs/heads/release/*\"]\ngates = [\"scan\"]\n\
         [scan]\nrequire = [\"sast\"]\nsigners = {signers}\n"
    );
    let ada = world.person("ada");
    ada.write("meta/refgate.toml", &config);
    ada.write("meta/STRUCTURE.md", structure());
    for name in KEYS {
        let pem = std::fs::read(keys.join(format!("{name}.pem"))).expect("a key");
        ada.write(&format!("meta/keyring/{name}.pem"), pem);
    }
    ada.commit("keys that no row lists yet");
    let said = ada.refgate(&["policy", "check"]);
    assert!(!said.ok, "{said}");
    let text = format!("{}{}", said.out, said.err);
    // The line that names the key stands above the one that names the file.
    let fingerprint = |name: &str| {
        let (above, _) = text.split_once(&format!("{name}.pem")).expect(&text);
        let at = above.rfind("SHA256:").expect(above);
        let rest = above[at..].split(|c: char| c.is_whitespace() || c == '`');
        rest.take(1).collect::<String>()
    };
    let (last, first) = KEYS.split_last().expect("keys");
    let listed: Vec<String> = first.iter().map(|name| format!("`{}`", fingerprint(name))).collect();
    let rows = format!(
        "| Pipeline | pipeline@example.org | {} | sast, sbom |\n\
         | Scanner | scanner@example.org | `{}` | sast |\n",
        listed.join(", "),
        fingerprint(last)
    );
    ada.git(&["update-ref", "-d", "HEAD"]);
    world.bootstrap(&config, &(structure() + &rows));
    (world, keys)
}

/// Puts lines on a commit as plain git would, and pushes them.
fn note(
    world: &World,
    who: &'static str,
    commit: &str,
    lines: &[String],
) -> crate::support::world::Said {
    let person = world.person(who);
    person.write("note", lines.join("\n"));
    let notes = "refs/notes/refgate/evidence";
    person.git(&["fetch", "-q", "origin", &format!("+{notes}:{notes}")]);
    person.git(&["notes", "--ref", notes, "append", "--no-separator", "-F", "note", commit]);
    person.push(&[notes])
}

fn shown(world: &World, commit: &str) -> Vec<Value> {
    let said = world.person("dana").refgate(&["evidence", "show", "--format", "json", commit]);
    said.accepted();
    let shown: Value = serde_json::from_str(&said.out).expect("JSON");
    shown["evidence"].as_array().expect("a list").clone()
}

#[test]
fn envelopes_of_the_reference_implementation_count_with_every_kind_of_key() {
    let (world, keys) = world(1);
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    dana.push(&["retry:release/1"]).refused(&["scan-evidence-missing"]);
    // The notes ref is there once somebody has attached something.
    world.person("ci").git(&["fetch", "-q", "origin"]);
    world
        .person("ci")
        .refgate(&[
            "attach",
            "--push",
            "--sbom",
            &corpus("cyclonedx/syft-1.18.1-jsapp-1.6.cdx.json"),
            &commit,
        ])
        .accepted();
    let at = now();
    let mut lines: Vec<String> = KEYS.iter().map(|name| sign(&keys, name, &commit, &at)).collect();
    let tampered = lines[0].replace("\"sig\": \"", "\"sig\": \"AAAA");
    note(&world, "mallory", &commit, &[tampered]).refused(&["notes-untrusted"]);
    let other = sign(&keys, "ed25519", &"a".repeat(40), &at);
    note(&world, "ben", &commit, &[other]).refused(&["notes-subject"]);
    lines.push(sign(&keys, "ed25519,rsa-pkcs1", &commit, &at));
    // Who wrote the note makes no difference.
    note(&world, "cleo", &commit, &lines).accepted();
    let items = shown(&world, &commit);
    let sast: Vec<&Value> = items.iter().filter(|item| item["kind"] == "sast").collect();
    assert_eq!(sast.len(), 7, "{items:#?}");
    assert!(sast.iter().all(|item| item["counts"] == true), "{sast:#?}");
    let by = |expected: &[&str]| {
        sast.iter().filter(|item| item["by"] == serde_json::json!(expected)).count()
    };
    assert_eq!(by(&["pipeline@example.org"]), 5);
    assert_eq!(by(&["scanner@example.org"]), 1);
    assert_eq!(by(&["pipeline@example.org", "scanner@example.org"]), 1);
    dana.push(&["retry:release/1"]).accepted();
}

#[test]
fn as_many_principals_sign_as_the_policy_asks_for() {
    let (world, keys) = world(2);
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    let at = now();
    world.person("ci").git(&["fetch", "-q", "origin"]);
    let seen = world.person("ci").refgate(&["attach", "--sast", &corpus(CLEAN), &commit]);
    seen.accepted();
    assert!(seen.err.contains("and 2 principals must sign evidence of sast"), "{seen}");
    // Two keys of one principal are one signer.
    let one = sign(&keys, "ed25519,p256", &commit, &at);
    let person = world.person("ben");
    person.write("note", &one);
    let notes = "refs/notes/refgate/evidence";
    person.git(&["fetch", "-q", "origin"]);
    person.git(&["notes", "--ref", notes, "add", "-F", "note", &commit]);
    person.push(&[notes]).refused(&["notes-untrusted"]);
    person.write("note", sign(&keys, "p384,rsa-pkcs1", &commit, &at));
    person.git(&["update-ref", "-d", notes]);
    person.git(&["notes", "--ref", notes, "add", "-F", "note", &commit]);
    person.push(&[notes]).accepted();
    dana.push(&["retry:release/1"]).accepted();
}

#[test]
fn our_envelopes_verify_with_the_reference_implementations() {
    let (world, keys) = world(1);
    let commit = world.person("dana").propose("retry");
    let ci = world.person("ci");
    ci.git(&["fetch", "-q", "origin"]);
    for name in ["ed25519", "p256", "p384", "rsa-pss"] {
        let key = keys.join(format!("{name}.key"));
        let signed = ci.refgate(&[
            "attach",
            "--pem-key",
            &key.to_string_lossy(),
            "--sast",
            &corpus(CLEAN),
            &commit,
        ]);
        signed.accepted();
        assert_eq!(signed.err.matches("warning").count(), 0, "{signed}");
    }
    let note = ci.git(&["notes", "--ref", "refs/notes/refgate/evidence", "show", &commit]);
    let mut verified = 0;
    for name in ["ed25519", "p256", "p384", "rsa-pss"] {
        for line in note.lines() {
            if let Some(predicate_type) = verified_elsewhere(&keys, name, line) {
                assert_eq!(predicate_type, "https://docs.oasis-open.org/sarif/sarif/v2.1.0");
                verified += 1;
            }
        }
    }
    assert_eq!((note.lines().count(), verified), (4, 4), "each line verifies with its key alone");
    let items = shown_in(&ci, &commit);
    assert!(
        items.iter().all(|item| item["counts"] == true || item["why"] == "a newer run replaces it"),
        "{items:#?}"
    );
}

fn shown_in(person: &crate::support::world::Person<'_>, commit: &str) -> Vec<Value> {
    let said = person.refgate(&["evidence", "show", "--offline", "--format", "json", commit]);
    said.accepted();
    let shown: Value = serde_json::from_str(&said.out).expect("JSON");
    shown["evidence"].as_array().expect("a list").clone()
}
