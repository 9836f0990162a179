//! Sigstore bundles as evidence, made by an authority and logs of the tests' own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use refgate::clock::Timestamp;
use refgate::evidence::dsse::Envelope;
use refgate::principal::PrincipalId;
use refgate::signature::key::KeyRef;
use refgate::signature::{
    Claim, Encoded, KeyRing, KeyRingBuilder, KeyState, Namespace, Place, Scheme, Window,
};

use crate::in_toto::python_tool;
use crate::support::world::{CONFIG, World, structure};
use crate::support::{command, run};

const WORKFLOW: &str = "sigstore:https://token.example.org https://git.example.org/payments/api/.ci/scan.yml@refs/heads/main";
const EMAIL: &str = "sigstore:https://token.example.org ci@example.org";
/// When the bundles are signed, for tests that choose: 2025-10-09T08:53:20Z.
const SIGNED: i64 = 1_760_000_000;

/// An authority with its logs.
struct Sigstore {
    dir: PathBuf,
}

impl Sigstore {
    fn new(dir: PathBuf) -> Self {
        run(Self::script(&["root"]).arg(&dir));
        Self { dir }
    }

    fn script(args: &[&str]) -> Command {
        let mut python = command(python_tool("python"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/sigstore.py");
        python.arg(script).args(args);
        python
    }

    /// Makes all bundles around a statement; all before are gone.
    fn sign(&self, statement: &str, at: i64) {
        let file = self.dir.join("statement");
        std::fs::write(&file, statement).expect("written");
        run(Self::script(&["bundles"]).arg(&self.dir).arg(&file).arg(at.to_string()));
    }

    fn root(&self) -> Vec<u8> {
        std::fs::read(self.dir.join("trusted_root.json")).expect("a root")
    }

    fn bundle(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.join(format!("bundles/{name}.json"))).expect(name)
    }

    fn bundles(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.dir.join("bundles")).expect("a directory");
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.expect("an entry").file_name().into_string().expect("text")
        };
        entries.map(name).map(|name| name.trim_end_matches(".json").to_owned()).collect()
    }
}

fn statement(digests: &str) -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"commit","digest":{{{digests}}}}}],"predicateType":"https://docs.oasis-open.org/sarif/sarif/v2.1.0","predicate":{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"scanner"}}}},"results":[]}}]}}}}"#
    )
}

fn some_commit() -> String {
    statement(&format!("\"sha256\":\"{}\"", "ab".repeat(32)))
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a time")
}

fn ci() -> PrincipalId {
    PrincipalId::parse("ci@example.org").expect("an address")
}

fn ring(root: &[u8], keys: &[(&str, Window)]) -> KeyRing {
    let mut builder = KeyRingBuilder::default();
    for (line, (key, window)) in (1..).zip(keys) {
        let place = Place { file: "meta/STRUCTURE.md".into(), line };
        builder.add(ci(), KeyRef::parse(key).expect(key), window.clone(), place);
    }
    builder.sigstore_root("meta/sigstore/trusted_root.json", root).expect("a root");
    builder.build(&[ci()].into()).expect("a key ring")
}

/// Verifies a line as evidence is: the time of the signature, or every reason why it does not count.
fn verify(
    ring: &KeyRing,
    line: &str,
    made_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Timestamp>, String> {
    let envelope = Envelope::parse(line.as_bytes())?;
    let signed = envelope.signed_bytes();
    let mut problems = Vec::new();
    for signature in envelope.signatures.iter().flat_map(|bytes| Encoded::readings(bytes)) {
        let namespace = Namespace::Refgate;
        match ring.verify(&Claim { signature, signed: &signed, namespace, by: None, made_at, now })
        {
            Ok(verified) => {
                assert_eq!((verified.scheme(), verified.principal()), (Scheme::Sigstore, &ci()));
                return Ok(verified.signed_at());
            }
            Err(problem) => problems.push(problem.to_string()),
        }
    }
    Err(problems.pop().unwrap_or_default())
}

/// Says why each bundle is refused.
const BAD: [(&str, &str); 37] = [
    (
        "other-identity",
        "no trusted file lists the key sigstore:https://token.example.org https://git.example.org/payments/api/.ci/scan.yml@refs/heads/topic",
    ),
    ("longer-identity", "no trusted file lists the key"),
    (
        "other-issuer",
        "no trusted file lists the key sigstore:https://token.example.com https://git",
    ),
    ("no-issuer", "expected an identity and its issuer, found none"),
    ("hidden-issuer", r"https://token.example.org\xe2\x80\xae\x1b[31m https://git"),
    ("expired", "CertExpired"),
    ("not-yet-valid", "CertNotValidYet"),
    ("no-sct", "certificate is missing SCT extension"),
    ("bad-sct", "SCT signature verification failed"),
    ("other-usage", "RequiredEkuNotFound"),
    ("signature", "DSSE signature verification failed"),
    ("payload", "DSSE signature verification failed"),
    ("other-certificate", "DSSE signature verification failed"),
    ("other-root", "certificate chain is invalid"),
    ("other-root-chain", "certificate chain is invalid"),
    ("leaf-as-authority", "certificate chain is invalid"),
    ("other-log", "SET verification failed"),
    ("other-log-id", "No log key valid"),
    ("other-checkpoint", "No valid Rekor signature found on checkpoint"),
    ("other-entry", "log entry does not match the bundle"),
    ("no-entry", "tlogEntries: expected 1 to 8 entries, found 0"),
    ("many-entries", "tlogEntries: expected 1 to 8 entries, found 9"),
    ("no-proof", "inclusionProof: expected a proof in each log entry, found none"),
    ("bad-proof", "invalid inclusion proof"),
    ("long-proof", "hashes: expected at most 64, found 65"),
    ("other-place", "invalid inclusion proof"),
    ("no-checkpoint", "inclusion proof has no checkpoint"),
    ("no-promise", "no verified timestamp"),
    ("bad-promise", "SET verification failed"),
    ("other-time", "SET verification failed"),
    ("no-time", "no verified timestamp"),
    ("other-kind", "unsupported Rekor entry format: dsse/0.0.9"),
    ("two-signatures", "exactly one signature, found 2"),
    ("file", "the Sigstore bundle has no dsseEnvelope"),
    ("key", "unsupported Sigstore bundle: a key without a certificate"),
    ("version", "bundle.v0.9+json"),
    ("timestamp", "no timestamp authorities configured"),
];

#[test]
fn a_good_bundle_counts_and_each_bad_one_is_refused_for_its_reason() {
    let dir = tempfile::tempdir().expect("a directory");
    let sigstore = Sigstore::new(dir.path().into());
    sigstore.sign(&some_commit(), SIGNED);
    let ring = ring(&sigstore.root(), &[(WORKFLOW, Window::ALWAYS), (EMAIL, Window::ALWAYS)]);
    let verify = |name: &str| verify(&ring, &sigstore.bundle(name), None, time(SIGNED + 3600));
    let mut left = sigstore.bundles();
    for name in ["good", "good-chain", "good-email"] {
        // Certificates are over after ten minutes; what they signed is good for longer.
        assert_eq!(verify(name), Ok(Some(time(SIGNED))), "{name}");
        left.remove(name);
    }
    for (name, reason) in BAD {
        let why = verify(name).expect_err(name);
        assert!(why.contains(reason), "{name}: {why}");
        assert!(why.is_ascii() && !why.contains(char::is_control), "{name}: {why}");
        left.remove(name);
    }
    assert_eq!(left, BTreeSet::new(), "made and not looked at");
}

#[test]
fn a_cut_or_changed_bundle_never_counts_for_another_statement() {
    let dir = tempfile::tempdir().expect("a directory");
    let sigstore = Sigstore::new(dir.path().into());
    sigstore.sign(&some_commit(), SIGNED);
    let ring = ring(&sigstore.root(), &[(WORKFLOW, Window::ALWAYS)]);
    let good = sigstore.bundle("good");
    let judged = Envelope::parse(good.as_bytes()).expect("an envelope").payload;
    for at in (0..good.len()).step_by(23) {
        let mut changed = good.clone().into_bytes();
        changed[at] ^= 1;
        let changed = String::from_utf8_lossy(&changed).into_owned();
        if verify(&ring, &changed, None, time(SIGNED)).is_ok() {
            let envelope = Envelope::parse(changed.as_bytes()).expect("an envelope");
            assert_eq!(envelope.payload, judged, "at {at}");
        }
        verify(&ring, &good[..at], None, time(SIGNED)).expect_err("a cut bundle");
    }
    // The bundle as the signature of an envelope around another statement.
    let other = some_commit().replace("scanner", "Scanner").into_bytes();
    let line = Envelope { payload: other, signatures: vec![good.into_bytes()] }.to_line("");
    let why = verify(&ring, &line, None, time(SIGNED)).expect_err("another statement");
    assert!(why.contains("expected the statement that is judged, found another"), "{why}");
}

#[test]
fn the_times_of_the_row_and_of_the_statement_are_held_against_the_time_of_the_signature() {
    let dir = tempfile::tempdir().expect("a directory");
    let sigstore = Sigstore::new(dir.path().into());
    sigstore.sign(&some_commit(), SIGNED);
    let (root, bundle) = (sigstore.root(), sigstore.bundle("good"));
    let judge = |window, made_at: Option<i64>, now: i64| {
        let ring = ring(&root, &[(WORKFLOW, window)]);
        verify(&ring, &bundle, made_at.map(time), time(now)).map(|_| ())
    };
    let from = |at| Window { from: Some(time(at)), ..Window::ALWAYS };
    let until = |at| Window { until: Some(time(at)), ..Window::ALWAYS };
    let state = |state| Window { state, ..Window::ALWAYS };
    let good = Ok(());
    assert_eq!(judge(from(SIGNED), None, SIGNED + 60), good);
    assert_eq!(judge(Window::ALWAYS, Some(SIGNED - 86_400), SIGNED + 60), good);
    assert_eq!(judge(Window::ALWAYS, Some(SIGNED + 200), SIGNED + 600), good);
    for (window, made_at, now, reason) in [
        (from(SIGNED + 1), None, SIGNED + 60, "is not valid before"),
        (until(SIGNED), None, SIGNED - 1, "was valid until"),
        (until(SIGNED + 60), None, SIGNED + 60, "was valid until"),
        (from(SIGNED - 60), Some(SIGNED - 61), SIGNED + 60, "is not valid before"),
        (state(KeyState::Retired), None, SIGNED + 60, "is retired"),
        (state(KeyState::Compromised), None, SIGNED + 60, "is compromised"),
        (Window::ALWAYS, Some(SIGNED + 301), SIGNED + 600, "as claimed"),
        (Window::ALWAYS, None, SIGNED - 301, "is not valid before 2025-10-09T08:53:20Z"),
    ] {
        let why = judge(window, made_at, now).expect_err(reason);
        assert!(why.contains(reason), "{reason}: {why}");
    }
}

#[test]
fn a_statement_without_a_sha256_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().expect("a directory");
    let sigstore = Sigstore::new(dir.path().into());
    sigstore.sign(&statement(&format!("\"gitCommit\":\"{}\"", "a".repeat(40))), SIGNED);
    let ring = ring(&sigstore.root(), &[(WORKFLOW, Window::ALWAYS)]);
    let why = verify(&ring, &sigstore.bundle("good"), None, time(SIGNED)).expect_err("no sha256");
    assert!(why.contains("none of its subjects has a sha256"), "{why}");
}

#[test]
fn a_trusted_root_that_trusts_nothing_or_is_broken_is_a_fault() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = String::from_utf8(Sigstore::new(dir.path().into()).root()).expect("JSON");
    let json: serde_json::Value = serde_json::from_str(&root).expect("JSON");
    let without = |list: &str| {
        let mut json = json.clone();
        json[list] = serde_json::json!([]);
        json.to_string()
    };
    let key = json["tlogs"][0]["publicKey"]["rawBytes"].as_str().expect("a key");
    for (root, reason) in [
        (String::new(), "it is no trusted root"),
        ("{}".into(), "it is no trusted root"),
        (without("certificateAuthorities"), "certificateAuthorities is empty"),
        (without("ctlogs"), "ctlogs is empty"),
        (without("tlogs"), "tlogs is empty"),
        (root.replace(key, "AAAA"), "a key or certificate in it is bad"),
    ] {
        let faults = KeyRingBuilder::default().sigstore_root("root.json", root.as_bytes());
        let fault = faults.expect_err(reason)[0].to_string();
        assert!(fault.starts_with("root.json: ") && fault.contains(reason), "{fault}");
    }
}

/// A server that asks for one SAST report on `release/*`, and lists a workflow that writes it.
fn world(sigstore: impl FnOnce(&World) -> Sigstore) -> (World, Sigstore) {
    let world = World::empty(&[]);
    let sigstore = sigstore(&world);
    world.person("ada").write("meta/sigstore/trusted_root.json", sigstore.root());
    let config = format!(
        "{CONFIG}[[protect]]\nrefs = [\"refs/heads/main\"]\ngates = [\"scan\", \"review\"]\n\
         [[protect]]\nrefs = [\"refs/heads/release/*\"]\ngates = [\"scan\"]\n\
         [scan]\nrequire = [\"sast\"]\n"
    );
    let row = format!("| Scanner | scanner@example.org | `{WORKFLOW}` | sast |\n");
    world.bootstrap(&config, &(structure() + &row));
    (world, sigstore)
}

#[test]
fn a_bundle_about_the_commit_lands_it_and_one_about_another_does_not() {
    let (world, sigstore) = world(|world| Sigstore::new(world.path("sigstore")));
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    dana.push(&["retry:release/1"]).refused(&["scan-evidence-missing"]);
    // What docs/ci/sigstore.md signs: git cat-file commit HEAD > commit.
    let raw = run(command("git").current_dir(dana.dir()).args(["cat-file", "commit", &commit]));
    let digest = ring::digest::digest(&ring::digest::SHA256, &raw);
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let now = crate::in_toto::now().parse::<Timestamp>().expect("a time").as_second() - 5;
    let attach = |line: &str| {
        dana.note("refgate/evidence", &commit, line);
        dana.push(&["refs/notes/refgate/evidence"])
    };
    sigstore.sign(&some_commit(), now);
    world.refuses(&["notes-subject"], || attach(&sigstore.bundle("good")));
    dana.git(&["update-ref", "-d", "refs/notes/refgate/evidence"]);
    sigstore.sign(&statement(&format!("\"sha256\":\"{hex}\"")), now);
    for name in ["other-identity", "other-root", "bad-proof"] {
        world.refuses(&["notes-untrusted"], || attach(&sigstore.bundle(name)));
        dana.git(&["update-ref", "-d", "refs/notes/refgate/evidence"]);
    }
    attach(&sigstore.bundle("good")).accepted();
    dana.push(&["retry:release/1"]).accepted();
    let said = dana.refgate(&["evidence", "show", "--format", "json", &commit]);
    said.accepted();
    let shown: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    let item = &shown["evidence"][0];
    assert_eq!(item["by"], serde_json::json!(["scanner@example.org"]), "{item:#}");
    assert_eq!((&item["counts"], &item["at"]), (&true.into(), &time(now).to_string().into()));
}

#[test]
fn a_trusted_root_and_identities_belong_together_and_to_automation() {
    let (world, _) = world(|world| Sigstore::new(world.path("sigstore")));
    let ada = world.person("ada");
    let check = |said: &str| {
        let checked = ada.refgate(&["policy", "check"]);
        assert!(
            !checked.ok && format!("{}{}", checked.out, checked.err).contains(said),
            "{checked}"
        );
    };
    let listed = structure().replacen("` |", &format!("` `{EMAIL}` |"), 1);
    ada.write("meta/STRUCTURE.md", &listed);
    ada.commit("ada signs by address");
    check("makes no signatures but those of evidence");
    ada.git(&["reset", "-q", "--hard", "HEAD^"]);
    ada.git(&["rm", "-q", "meta/sigstore/trusted_root.json"]);
    ada.commit("nobody vouches");
    check("is listed without a trusted root");
}

#[test]
fn public_bundles_verify_with_the_public_root() {
    let Some(corpus) = crate::corpus::large_corpus() else { return };
    let root = sigstore_verify::trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT.as_bytes();
    let read =
        |name: &str| std::fs::read_to_string(corpus.join("attestation").join(name)).expect(name);
    let now = crate::in_toto::now().parse().expect("a time");
    let good = read("pub-sigstore-bundle-happy-path-intoto-in-dsse-v3.json");
    let why = verify(&ring(root, &[]), &good, None, now).expect_err("nobody is listed");
    let (_, identity) = why.split_once("lists the key ").expect(&why);
    let ring = ring(root, &[(identity, Window::ALWAYS)]);
    verify(&ring, &good, None, now).expect("a good bundle").expect("a time");
    for name in [
        "dsse-invalid-sig_fail",
        "dsse-mismatch-envelope_fail",
        "bundle-malformed-json_fail",
        "bundle-unknown-version_fail",
    ] {
        let bad = read(&format!("pub-sigstore-bundle-{name}.json"));
        verify(&ring, &bad, None, now).expect_err(name);
    }
}
