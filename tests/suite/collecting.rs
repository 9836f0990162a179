//! Evidence on many commits: the same facts on any number of threads, each note read once.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use refgate::client::notes::{Additions, Writer};
use refgate::client::pem::PemSigner;
use refgate::client::store::Store;
use refgate::clock::{Deadline, Timestamp};
use refgate::collect::Scene;
use refgate::collect::evidence::EvidenceReader;
use refgate::collect::notes_ref::{NotesRef, NotesTips};
use refgate::evidence::attestation::{CommitEvidence, EvidenceState};
use refgate::evidence::dsse::{Envelope, pre_authentication_encoding};
use refgate::evidence::kind::Kind;
use refgate::evidence::predicate::{Form, SARIF_TYPE, Sha256, write};
use refgate::gate::scan;
use refgate::id::{BlobId, CommitId, parse_hex};
use refgate::limits::Limits;
use refgate::policy::config::Floor;
use refgate::refname::RefName;
use refgate::repo::commit::Commit;
use refgate::repo::fault::ObjectKind;
use refgate::repo::layout::Layout;
use refgate::repo::objects::{Incoming, Trusted};
use refgate::signature::key::KeyRef;
use refgate::snapshot::{Ask, read_all};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use crate::support::Repo;

const COMMITS: usize = 300;
const AT: &str = "2026-11-23T10:12:00Z";

/// A key that is worth nothing: PKCS #8, and the fingerprint by which a row lists it.
fn key(repo: &Repo, seed: u8) -> (PemSigner, String) {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let der =
        [&b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"[..], &[seed; 32]];
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.concat())
    );
    let file = repo.around().join(format!("key-{seed}"));
    std::fs::write(&file, pem).expect("written");
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a key");
    let blob = [&b"\0\0\0\x0bssh-ed25519\0\0\0\x20"[..], pair.public_key().as_ref()].concat();
    (PemSigner::read(&file).expect("a key"), KeyRef::SshPublicKey(blob).to_string())
}

fn sarif(results: usize) -> Vec<u8> {
    let mut text = String::from(
        r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"scanner"}},"results":["#,
    );
    for at in 0..results {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(
            text,
            r#"{comma}{{"ruleId":"R{at}","level":"error","message":{{"text":"bad"}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"src/f{at}.c"}},"region":{{"startLine":{}}}}}}}]}}"#,
            at + 1
        );
    }
    text += "]}]}";
    text.into_bytes()
}

#[test]
fn the_facts_do_not_depend_on_the_number_of_threads() {
    let repo = Repo::new();
    let (signer, fingerprint) = key(&repo, 7);
    let (stranger, _) = key(&repo, 9);
    // History: one commit with the trusted files, then many, each second one with the tree of its parent.
    repo.write("meta/refgate.toml", "repository = \"x\"\n[[protect]]\nrefs = [\"refs/heads/main\"]\ngates = [\"scan\", \"review\"]\n[scan]\nrequire = [\"sast\"]\n");
    let head = "| Name | Email | Keys |";
    let row = |name: &str, seed: u8| {
        format!("| {name} | {name}@example.org | `{}` |", key(&repo, seed).1)
    };
    repo.write("meta/STRUCTURE.md", format!(
        "## Maintainers\n\n{head}\n|---|---|---|\n{}\n{}\n\n## Automation\n\n{} Attests |\n|---|---|---|---|\n| CI | ci@example.org | `{fingerprint}` | sast |\n",
        row("ada", 1), row("ben", 2), head
    ));
    repo.write("meta/keyring/ci.pem", signer.public_key().expect("a public key"));
    repo.git(&["config", "user.name", "CI"]);
    repo.git(&["config", "user.email", "ci@example.org"]);
    repo.git(&["add", "meta"]);
    repo.git(&["commit", "-q", "-m", "start"]);
    let parse = |hex: String| CommitId(parse_hex(hex.trim().as_bytes()).expect("an id"));
    let anchor = parse(repo.git(&["rev-parse", "HEAD"]));
    let mut stream = format!("reset refs/heads/main\nfrom {anchor}\n\n");
    for at in 0..COMMITS {
        let _ = write!(
            stream,
            "commit refs/heads/main\ncommitter C <c@example.org> {} +0000\ndata 1\nx\n",
            1_795_000_000 + at
        );
        if at % 2 == 0 {
            let text = at.to_string();
            let _ = write!(stream, "M 100644 inline file\ndata {}\n{text}\n", text.len());
        }
        stream += "\n";
    }
    repo.git_with_input(&["fast-import", "--quiet", "--force"], stream.as_bytes());
    let ids = repo.git(&["rev-list", "--reverse", &format!("{anchor}..refs/heads/main")]);
    let ids: Vec<CommitId> = ids.lines().map(|hex| parse(hex.into())).collect();
    assert_eq!(ids.len(), COMMITS);

    let layout = Layout::open(repo.git_dir()).expect("a repository");
    let trusted = Trusted::open(&layout.objects_dir(), layout.hash).expect("objects");
    let limits = Limits::default();
    let incoming = Incoming::open(None, &trusted).expect("objects");
    let commits: Vec<Commit> =
        ids.iter().map(|id| Commit::read(&incoming, *id, &limits).expect("a commit")).collect();
    let store = Store::open(repo.git_dir()).expect("a store");
    let writer = Writer { objects: &trusted, store: &store, limits: &limits };
    let at: Timestamp = AT.parse().expect("a time");
    let line = |signer: &PemSigner, commit: &Commit, report: &[u8], form| {
        let digests = [("gitCommit", commit.id.to_string()), ("gitTree", commit.tree.to_string())];
        let payload = write(&digests, &Kind::Sast, at, "application/sarif+json", report, form)
            .expect("UTF-8");
        let signatures = vec![signer.sign(&pre_authentication_encoding(&payload)).expect("signed")];
        Envelope { payload, signatures }.to_line("").into_bytes()
    };
    let mild = String::from_utf8(sarif(2)).expect("text").replace("error", "note").into_bytes();
    let mut additions = Additions::new();
    let mut reports = None;
    for (at, commit) in commits.iter().enumerate() {
        let mut lines = BTreeSet::new();
        let native = Form::Native(SARIF_TYPE);
        match at % 6 {
            0 => lines.insert(line(&signer, commit, &sarif(at % 40), native)),
            1 => lines.insert(line(&signer, commit, &mild, Form::Embedded)),
            2 => lines.insert(line(&stranger, commit, &sarif(1), native)),
            3 => lines.insert(line(&signer, &commits[0], &sarif(1), native)),
            4 => lines.insert(b"{\"payload\":1}".to_vec()),
            _ => {
                // The same report for all of them, on the reports ref.
                let report = sarif(3);
                let blob = store.write(ObjectKind::Blob, &report).expect("written");
                let hex = Sha256::of(&report).to_hex();
                if reports.is_none() {
                    let path = [&hex[..2], &hex[2..]];
                    let name = NotesRef::Reports.name();
                    reports =
                        Some(writer.add_file(&name, None, &path, blob, "x").expect("written"));
                }
                lines.insert(line(&signer, commit, &report, Form::Stored(BlobId(blob))))
            }
        };
        let on = if at % 3 == 0 { commit.tree.0 } else { commit.id.0 };
        additions.entry(on).or_default().extend(lines);
    }
    let evidence = writer.add(&NotesRef::Evidence.name(), None, &additions, "x").expect("written");
    let mut tips = NotesTips::default();
    tips.0.insert(NotesRef::Evidence, evidence);
    tips.0.extend(reports.map(|tip| (NotesRef::Reports, tip)));

    let trust_ref = RefName::parse(b"refs/heads/main").expect("a name");
    let trusted = Trusted::open(&layout.objects_dir(), layout.hash).expect("objects");
    let incoming = Incoming::open(None, &trusted).expect("objects");
    let now: Timestamp = "2026-11-24T00:00:00Z".parse().expect("a time");
    let ask = Ask { trust_ref: &trust_ref, repository: None, limits: &limits, now };
    let snapshot = read_all(&trusted, anchor, &ask, &Floor::default()).ok().expect("a policy");
    let deadline = Deadline::after_ms(limits.time_ms);
    let scene = Scene {
        incoming: &incoming,
        trusted: &trusted,
        policy: &snapshot.policy,
        keys: &snapshot.keys,
        limits: &limits,
        deadline: &deadline,
        now,
        anchor: Some(anchor),
        pusher: None,
    };
    let read = |threads| -> Vec<CommitEvidence> {
        let reader = EvidenceReader::open(&scene, &tips).expect("notes");
        reader.on_threads(threads).of_commits(&commits).expect("evidence")
    };
    let first = read(1);
    let outcome = format!("{:?}", scan::evaluate(&snapshot.policy, &first, now));
    for threads in [2, 3, 8] {
        let other = read(threads);
        assert!(format!("{first:?}") == format!("{other:?}"), "{threads} threads");
        assert_eq!(outcome, format!("{:?}", scan::evaluate(&snapshot.policy, &other, now)));
    }
    let mut stored = Vec::new();
    let mut states = [0; 5];
    let mut mild_ones = 0;
    for fact in first.iter().flat_map(|evidence| &evidence.items) {
        let at = match &fact.state {
            EvidenceState::Authentic { report, .. } => {
                let blocking = report.open.high + report.open.critical;
                assert_eq!(report.findings.len() as u64, blocking, "what cannot block is counted");
                assert_eq!(report.open.total() - blocking, report.open.low);
                mild_ones += report.open.low;
                if report.findings.len() == 3 {
                    stored.push(Arc::clone(report));
                }
                0
            }
            EvidenceState::WrongSubject { .. } => 1,
            EvidenceState::Untrusted(_) => 2,
            EvidenceState::Malformed(_) => 3,
            EvidenceState::Unreadable { .. } => 4,
        };
        states[at] += 1;
    }
    assert!(states[..4].iter().all(|count| *count > 30) && states[4] == 0, "{states:?}");
    assert!(mild_ones >= 80, "{mild_ones}");
    assert!(stored.len() >= 50, "{}", stored.len());
    let same = stored.iter().filter(|report| Arc::ptr_eq(report, &stored[0])).count();
    assert!(same >= 50, "a report that many statements name is read once: {same}");
}
