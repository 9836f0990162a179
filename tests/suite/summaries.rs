//! Verification summaries: written for what landed, signed, verified here and by other tools.

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use serde_json::Value;

use crate::in_toto::verified_elsewhere;
use crate::support::world::{CONFIG, Said, World, structure};
use crate::support::{command, output, run};

const NOTES: &str = "refs/notes/refgate/verdicts";

/// A world whose policy lists the key of the server.
fn world() -> World {
    world_with(CONFIG)
}

/// A world with these rules whose policy lists the key of the server.
pub fn world_with(config: &str) -> World {
    world_of(&[], config)
}

/// The same on a server that was made with these options of `git init`.
pub fn world_of(init: &[&str], config: &str) -> World {
    let world = World::empty(init);
    bootstrap(&world, config, &structure(), "");
    world
}

/// Makes the first push to a server, with its key in the last row of the people; `cells` stand behind that row.
pub fn bootstrap(world: &World, config: &str, structure: &str, cells: &str) {
    let public = public_key(world);
    let fingerprint = fingerprint(world, &public);
    let row = format!("| Server | refgate@localhost | `{fingerprint}` | summaries |{cells}\n");
    let ada = world.person("ada");
    ada.write("meta/keyring/server.pem", &public);
    world.bootstrap(config, &(structure.to_owned() + &row));
}

fn public_key(world: &World) -> String {
    let key = world.server().join("refgate/summary-key.pem");
    let public = run(command("openssl").args(["pkey", "-pubout", "-in"]).arg(key));
    String::from_utf8(public).expect("PEM")
}

/// The fingerprint as `ssh-keygen` sees the key.
fn fingerprint(world: &World, public: &str) -> String {
    let raw = base64::engine::general_purpose::STANDARD;
    let der = raw.decode(public.lines().nth(1).expect("base64")).expect("base64");
    let mut blob = Vec::new();
    for field in [&b"ssh-ed25519"[..], &der[der.len() - 32..]] {
        blob.extend(u32::try_from(field.len()).expect("short").to_be_bytes());
        blob.extend(field);
    }
    let file = world.path("server.pub");
    std::fs::write(&file, format!("ssh-ed25519 {}\n", raw.encode(blob))).expect("written");
    let listed = run(command("ssh-keygen").arg("-lf").arg(&file));
    String::from_utf8(listed).expect("text").split(' ').nth(1).expect("a fingerprint").to_owned()
}

/// Lands a change with everything that it needs.
pub fn land(world: &World, name: &str) -> String {
    let dana = world.person("dana");
    let commit = dana.propose(name);
    world.ci_passes(&commit);
    world.reviewers_approve(&commit);
    let said = dana.push(&[&format!("{name}:main")]);
    said.accepted();
    assert!(!said.err.contains("warning"), "{said}");
    commit
}

fn lines(world: &World, commit: &str) -> Vec<String> {
    let text = world.server_git(&["notes", "--ref", NOTES, "show", commit]);
    text.lines().map(str::to_owned).collect()
}

fn payload(line: &str) -> Value {
    let envelope: Value = serde_json::from_str(line).expect("JSON");
    let payload = base64::engine::general_purpose::STANDARD
        .decode(envelope["payload"].as_str().expect("text"))
        .expect("base64");
    serde_json::from_slice(&payload).expect("JSON")
}

fn shown(world: &World, revision: &str) -> (Said, Value) {
    let eve = world.person("eve");
    eve.git(&["fetch", "-q", "origin"]);
    let said = eve.refgate(&["verify", "--summary", "--format", "json", revision]);
    let value = serde_json::from_str(&said.out).unwrap_or_default();
    (said, value)
}

#[test]
fn what_lands_is_summarised_and_verified_from_a_clone_and_by_other_tools() {
    let world = world();
    let mode = std::fs::metadata(world.server().join("refgate/summary-key.pem")).expect("a key");
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let root = world.on_server("refs/heads/main").expect("a tip");
    let commit = land(&world, "retry");
    let all = lines(&world, &commit);
    assert_eq!(all.len(), 1, "{all:#?}");
    let statement = payload(&all[0]);
    let subject = &statement["subject"][0];
    assert_eq!(subject["digest"]["gitCommit"], commit.as_str());
    let tree = world.server_git(&["rev-parse", &format!("{commit}^{{tree}}")]);
    assert_eq!(subject["digest"]["gitTree"], tree.as_str());
    assert_eq!(subject["annotations"]["sourceRefs"], serde_json::json!(["refs/heads/main"]));
    let predicate = &statement["predicate"];
    assert_eq!(statement["predicateType"], "https://slsa.dev/verification_summary/v1");
    assert_eq!(predicate["resourceUri"], "git+https://git.example.org/demo/app");
    assert_eq!(predicate["policy"]["digest"]["gitCommit"], root.as_str());
    assert_eq!(predicate["verificationResult"], "PASSED");
    assert_eq!(
        predicate["verifiedLevels"],
        serde_json::json!([
            "SLSA_SOURCE_LEVEL_4",
            "ORG_SOURCE_REFGATE_SCAN",
            "ORG_SOURCE_REFGATE_TESTS",
            "ORG_SOURCE_REFGATE_REVIEW"
        ])
    );
    let inputs = predicate["inputAttestations"].as_array().expect("inputs");
    let blob =
        world.server_git(&["notes", "--ref", "refs/notes/refgate/evidence", "list", &commit]);
    let is_evidence = |input: &Value| input["digest"]["gitBlob"] == blob.as_str();
    assert!(inputs.len() >= 2 && inputs.iter().any(is_evidence), "{inputs:#?}");

    // The first push came in by the root of trust alone, and says no more than that.
    let first = payload(&lines(&world, &root)[0]);
    assert_eq!(first["predicate"]["verifiedLevels"], serde_json::json!(["SLSA_SOURCE_LEVEL_1"]));

    let (said, value) = shown(&world, &commit);
    said.accepted();
    assert_eq!(value["summaries"][0]["by"], "refgate@localhost");
    assert_eq!(value["summaries"][0]["level"], 4);
    let keys = world.path("public");
    std::fs::create_dir_all(&keys).expect("made");
    std::fs::write(keys.join("server.pem"), public_key(&world)).expect("written");
    let predicate_type = verified_elsewhere(&keys, "server", &all[0]);
    assert_eq!(predicate_type.as_deref(), Some("https://slsa.dev/verification_summary/v1"));
}

#[test]
fn summaries_that_nobody_permitted_signed_do_not_count() {
    let world = world();
    let commit = land(&world, "retry");
    let good = lines(&world, &commit).remove(0);
    let envelope: Value = serde_json::from_str(&good).expect("JSON");
    let base64 = base64::engine::general_purpose::STANDARD;
    let payload = base64.decode(envelope["payload"].as_str().expect("text")).expect("base64");
    let raised = String::from_utf8(payload.clone()).expect("text").replace("LEVEL_4", "LEVEL_3");
    let mut tampered = envelope.clone();
    tampered["payload"] = base64.encode(&raised).into();
    // Signed by CI, who may attest everything but this.
    let by_ci = world.evidence("ci", &payload);
    for (line, why) in [
        (tampered.to_string(), "made the signature"),
        (by_ci, "ci@example.org may not sign verification summaries"),
    ] {
        world.put_note(NOTES, &commit, &line);
        let (said, value) = shown(&world, &commit);
        assert_eq!(said.code, Some(1), "{said}");
        let found = value["summaries"][0]["why"].as_str().expect("a reason").to_owned();
        assert!(found.contains(why), "{found}");
    }
    // The right line on another commit.
    let root = world.server_git(&["rev-parse", &format!("{commit}~1")]);
    world.put_note(NOTES, &root, &good);
    let (said, _) = shown(&world, &root);
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.out.contains("not of this commit"), "{said}");
}

#[test]
fn nobody_pushes_summaries_and_a_ref_that_moved_unseen_loses_its_level() {
    let world = world();
    let mallory = world.person("mallory");
    mallory.git(&["notes", "--ref", NOTES, "add", "-m", "trust me", "HEAD"]);
    world.refuses(&["notes-ref-unknown"], || mallory.push(&[&format!("+{NOTES}")]));
    world.main_moves(&[("README.md", "# moved past the hook\n")]);
    let first = land(&world, "one");
    let second = land(&world, "two");
    let level = |commit: &str| shown(&world, commit).1["summaries"][0]["level"].clone();
    assert_eq!((level(&first), level(&second)), (1.into(), 4.into()));
}

#[test]
fn what_cannot_be_summarised_lands_and_is_said_and_recorded() {
    let world = world();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.ci_passes(&commit);
    world.reviewers_approve(&commit);
    let key = world.server().join("refgate/summary-key.pem");
    std::fs::rename(&key, world.path("key")).expect("moved");
    let said = dana.push(&["retry:main"]);
    said.accepted();
    assert!(said.err.contains("but without a verification summary"), "{said}");
    assert_eq!(world.on_server("refs/heads/main"), Some(commit));
    let ledger = std::fs::read_to_string(world.server().join("refgate/ledger.jsonl"));
    let last = ledger.expect("a ledger").lines().last().expect("a line").to_owned();
    let last: Value = serde_json::from_str(&last).expect("JSON");
    let missing = &last["event"]["unsummarised"];
    assert_eq!(missing["refs"], serde_json::json!(["refs/heads/main"]), "{last}");
    assert!(missing["why"].as_str().expect("why").contains("there is no key"), "{last}");
    let server = world.server().to_string_lossy().into_owned();
    world.refgate(&world.path("."), &["-C", &server, "ledger", "verify"]).accepted();
    // Evidence alone has no summary, so nobody is told of one that is missing.
    let other = dana.propose("other");
    assert!(!dana.push(&["other"]).err.contains("summary"));
    world.ci_passes(&other);
}

#[test]
fn landings_at_the_same_time_lose_no_summary() {
    let rules = format!(
        "{CONFIG}[[protect]]\nrefs = [\"refs/heads/main\", \"refs/heads/r/*\"]\ngates = [\"review\"]\n"
    );
    let world = World::with(&rules, &structure());
    let root = world.on_server("refs/heads/main").expect("a tip");
    const MANY: usize = 6;
    // New branches at a commit that has landed need nothing more.
    let people = ["ada", "ben", "cleo", "dana", "eve", "ci"];
    let clones: Vec<_> = people.iter().map(|name| world.person(name).dir()).collect();
    std::thread::scope(|scope| {
        for (at, dir) in clones.iter().enumerate() {
            let refspec = format!("origin/main:refs/heads/r/{at}");
            scope.spawn(move || {
                let mut git = command("git");
                let said: Said =
                    output(git.current_dir(dir).args(["push", "origin", &refspec])).into();
                said.accepted();
                assert!(!said.err.contains("warning"), "{said}");
            });
        }
    });
    let mut refs: Vec<String> = lines(&world, &root)
        .iter()
        .filter_map(|line| {
            let refs = payload(line)["subject"][0]["annotations"]["sourceRefs"][0].clone();
            refs.as_str().map(str::to_owned)
        })
        .collect();
    refs.sort();
    let mut expected: Vec<String> = (0..MANY).map(|at| format!("refs/heads/r/{at}")).collect();
    expected.insert(0, "refs/heads/main".into());
    assert_eq!(refs, expected);
    let chain = world.server_git(&["rev-list", "--count", NOTES]);
    assert_eq!(chain, (MANY + 1).to_string());
}
