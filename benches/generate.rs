//! Makes a repository to measure refgate on: history, people, and a row of
//! commits that pass every gate, to be pushed one after the other.
//!
//! ```text
//! cargo run --release --example generate-repository -- --out DIR [--commits N] [--extra E]
//!     [--files F] [--refs R [--loose-refs | --reftable]] [--notes N] [--note-bytes B] [--report-bytes B]
//!     [--packs P]
//! ```
//!
//! Below DIR: `server.git`, `client.git` (has the extra commits), `extra.txt` (their ids, oldest
//! first), `keys/`, `meta.json`, and two reports of B bytes to attach. Each extra commit is signed by its author, carries two
//! signed approvals as trailers, and has two pieces of evidence of B bytes in one note.
//! Keys are derived from fixed bytes and worth nothing. Approvals hold for 30 days.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a tool for measuring stops at the first surprise"
)]
#![allow(clippy::disallowed_methods, clippy::expect_used, reason = "a tool for measuring")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use refgate::evidence::approval::{
    ChangeDigest, ClaimedRole, Decision, SignatureForm, SignedStatement, Statement,
};
use refgate::evidence::dsse::{Envelope, pre_authentication_encoding};
use refgate::evidence::kind::Kind;
use refgate::evidence::predicate::{self, Form, SARIF_TYPE};
use refgate::id::{CommitId, ObjectId, parse_hex};
use refgate::principal::PrincipalId;
use refgate::refname::RefName;
use refgate::repo::diff::{ChangedPath, raw};
use refgate::repo::tree::{Entry, Mode, compare, write};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

const REPOSITORY: &str = "bench.example.org/repository";

struct Options {
    out: PathBuf,
    commits: usize,
    extra: usize,
    files: usize,
    refs: usize,
    loose_refs: bool,
    reftable: bool,
    notes: usize,
    note_bytes: usize,
    report_bytes: usize,
    packs: usize,
}

fn main() {
    let options = options();
    std::fs::create_dir_all(options.out.join("keys")).unwrap();
    let mut make = Maker::new(&options);
    let root = make.history(&options);
    let (extra, notes) = make.extra(&options, root);
    let evidence = make.notes_commit(&options, notes);
    make.write(&options, root, &extra, evidence);
    println!(
        "{}: {} commits, {} to be pushed",
        options.out.display(),
        options.commits,
        extra.len()
    );
}

fn options() -> Options {
    let mut options = Options {
        out: PathBuf::new(),
        commits: 1000,
        extra: 100,
        files: 100,
        refs: 0,
        loose_refs: false,
        reftable: false,
        notes: 0,
        note_bytes: 20_480,
        report_bytes: 0,
        packs: 1,
    };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        if name == "--loose-refs" {
            options.loose_refs = true;
            continue;
        }
        if name == "--reftable" {
            options.reftable = true;
            continue;
        }
        let value = args.next().unwrap_or_else(|| panic!("{name} takes a value"));
        let number = || value.parse().unwrap_or_else(|_| panic!("{name} takes a number"));
        match name.as_str() {
            "--out" => options.out = value.into(),
            "--commits" => options.commits = number(),
            "--extra" => options.extra = number(),
            "--files" => options.files = number(),
            "--refs" => options.refs = number(),
            "--notes" => options.notes = number(),
            "--note-bytes" => options.note_bytes = number(),
            "--report-bytes" => options.report_bytes = number(),
            "--packs" => options.packs = number(),
            other => panic!("no option {other}"),
        }
    }
    assert!(!options.out.as_os_str().is_empty(), "--out DIR is needed");
    options
}

/// Somebody with a key.
struct Signer {
    name: &'static str,
    email: String,
    key: Ed25519KeyPair,
    seed: [u8; 32],
}

impl Signer {
    fn new(name: &'static str) -> Self {
        let mut seed = [7; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        let key = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        Self { name, email: format!("{name}@example.org"), key, seed }
    }

    fn blob(&self) -> Vec<u8> {
        [string(b"ssh-ed25519"), string(self.key.public_key().as_ref())].concat()
    }

    /// An SSHSIG blob over bytes (OpenSSH PROTOCOL.sshsig).
    fn sign(&self, namespace: &str, bytes: &[u8]) -> Vec<u8> {
        let digest = ring::digest::digest(&ring::digest::SHA512, bytes);
        let rest = [string(namespace.as_bytes()), string(b""), string(b"sha512")].concat();
        let signed = [b"SSHSIG".to_vec(), rest.clone(), string(digest.as_ref())].concat();
        let signature = [string(b"ssh-ed25519"), string(self.key.sign(&signed).as_ref())].concat();
        [
            b"SSHSIG".to_vec(),
            1u32.to_be_bytes().to_vec(),
            string(&self.blob()),
            rest,
            string(&signature),
        ]
        .concat()
    }

    fn armoured(&self, bytes: &[u8]) -> String {
        let text = STANDARD.encode(self.sign("git", bytes));
        let lines: Vec<&str> =
            text.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----", lines.join("\n"))
    }

    /// The private key as OpenSSH keeps it (PROTOCOL.key), without a passphrase.
    fn private(&self) -> String {
        let public = self.key.public_key();
        let mut secret = [
            b"\0\0\0\x07\0\0\0\x07".to_vec(),
            self.blob(),
            string(&[&self.seed, public.as_ref()].concat()),
            string(self.email.as_bytes()),
        ]
        .concat();
        secret.extend((1..=8).take((8 - secret.len() % 8) % 8));
        let none = string(b"none");
        let text = STANDARD.encode(
            [
                b"openssh-key-v1\0".to_vec(),
                none.clone(),
                none,
                string(b""),
                1u32.to_be_bytes().to_vec(),
                string(&self.blob()),
                string(&secret),
            ]
            .concat(),
        );
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{text}\n-----END OPENSSH PRIVATE KEY-----\n")
    }

    fn public(&self) -> String {
        format!("ssh-ed25519 {} {}", STANDARD.encode(self.blob()), self.email)
    }

    fn header(&self, seconds: i64) -> String {
        format!("{} <{}> {seconds} +0000", self.name, self.email)
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

struct Maker {
    repository: git2::Repository,
    people: [Signer; 4],
    files: BTreeMap<usize, ObjectId>,
    meta: ObjectId,
    now: i64,
}

const PER_DIRECTORY: usize = 100;

impl Maker {
    fn new(options: &Options) -> Self {
        let server = options.out.join("server.git");
        let repository = git2::Repository::init_bare(&server).unwrap();
        std::fs::write(server.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        let people =
            [Signer::new("ada"), Signer::new("cleo"), Signer::new("dana"), Signer::new("ci")];
        for person in &people {
            std::fs::write(
                options.out.join("keys").join(format!("{}.pub", person.name)),
                person.public() + "\n",
            )
            .unwrap();
            std::fs::write(
                options.out.join("keys").join(format!("{}.seed", person.name)),
                person.seed,
            )
            .unwrap();
        }
        std::fs::write(options.out.join("keys/ci"), people[3].private()).unwrap();
        let signers: String =
            people.iter().map(|p| format!("{} {}\n", p.email, p.public())).collect();
        std::fs::write(options.out.join("keys/allowed_signers"), signers).unwrap();
        let now = refgate::clock::now().as_second();
        let zero = ObjectId::null(refgate::id::HashKind::Sha1);
        let mut maker = Self { repository, people, files: BTreeMap::new(), meta: zero, now };
        maker.meta = maker.trusted_files();
        for file in 0..options.files.max(1) {
            let blob = maker.object(git2::ObjectType::Blob, format!("file {file}\n").as_bytes());
            maker.files.insert(file, blob);
        }
        maker
    }

    fn object(&self, kind: git2::ObjectType, bytes: &[u8]) -> ObjectId {
        let id = self.repository.odb().unwrap().write(kind, bytes).unwrap();
        parse_hex(id.to_string().as_bytes()).unwrap()
    }

    fn trusted_files(&self) -> ObjectId {
        let [ada, cleo, dana, ci] = &self.people;
        let row = |p: &Signer| format!("| {} | {} | `{}` |\n", p.name, p.email, p.public());
        let head = "| Name | Email | Keys |\n|---|---|---|\n";
        let structure = format!(
            "# Structure\n\n## Maintainers\n\n{head}{}{}\n## People\n\n{head}{}{}\n\
             ## Domain reviewers\n\n| Domain | Paths | Reviewers |\n|---|---|---|\n| source | `/src/` | cleo@example.org |\n\n\
             ## Release managers\n\n{head}{}\n\
             ## Automation\n\n| Name | Email | Keys | Attests |\n|---|---|---|---|\n| ci | ci@example.org | `{}` | sast, tests:unit |\n",
            row(ada),
            row(&Signer::new("ben")),
            row(cleo),
            row(dana),
            row(ada),
            ci.public(),
        );
        let config = format!(
            "repository = \"{REPOSITORY}\"\n[scan]\nrequire = [\"sast\"]\n[tests]\nsuites = [\"unit\"]\n"
        );
        let structure = self.object(git2::ObjectType::Blob, structure.as_bytes());
        let config = self.object(git2::ObjectType::Blob, config.as_bytes());
        self.tree(vec![
            (Mode::File, "STRUCTURE.md".into(), structure),
            (Mode::File, "refgate.toml".into(), config),
        ])
    }

    fn tree(&self, mut entries: Vec<(Mode, String, ObjectId)>) -> ObjectId {
        entries.sort_by(|l, r| compare(l.0, l.1.as_bytes(), r.0, r.1.as_bytes()));
        let entries: Vec<Entry<'_>> = entries
            .iter()
            .map(|(mode, name, id)| Entry { mode: *mode, name: name.as_bytes(), id: *id })
            .collect();
        self.object(git2::ObjectType::Tree, &write(&entries))
    }

    fn directory(&self, number: usize) -> ObjectId {
        let range = number * PER_DIRECTORY..(number + 1) * PER_DIRECTORY;
        self.tree(
            self.files
                .range(range)
                .map(|(file, id)| (Mode::File, format!("f{file}"), *id))
                .collect(),
        )
    }

    fn root_tree(&self, directories: &BTreeMap<usize, ObjectId>) -> ObjectId {
        let source = self
            .tree(directories.iter().map(|(n, id)| (Mode::Tree, format!("d{n}"), *id)).collect());
        self.tree(vec![(Mode::Tree, "meta".into(), self.meta), (Mode::Tree, "src".into(), source)])
    }

    fn directories(&self) -> BTreeMap<usize, ObjectId> {
        (0..=(self.files.len() - 1) / PER_DIRECTORY).map(|n| (n, self.directory(n))).collect()
    }

    fn history(&mut self, options: &Options) -> CommitId {
        let mut directories = self.directories();
        let start = self.now - 86_400 - i64::try_from(options.commits).unwrap() * 60;
        let mut tip: Option<CommitId> = None;
        for number in 0..options.commits.max(1) {
            let file = number % self.files.len();
            let blob = self
                .object(git2::ObjectType::Blob, format!("file {file} at {number}\n").as_bytes());
            self.files.insert(file, blob);
            directories.insert(file / PER_DIRECTORY, self.directory(file / PER_DIRECTORY));
            let tree = self.root_tree(&directories);
            let seconds = start + i64::try_from(number).unwrap() * 60;
            let parent = tip.map(|tip| format!("parent {tip}\n")).unwrap_or_default();
            let who = self.people[2].header(seconds);
            let text =
                format!("tree {tree}\n{parent}author {who}\ncommitter {who}\n\nChange {number}\n");
            tip = Some(CommitId(self.object(git2::ObjectType::Commit, text.as_bytes())));
        }
        tip.unwrap()
    }

    /// Commits that pass every gate, and the notes for them.
    fn extra(
        &mut self,
        options: &Options,
        root: CommitId,
    ) -> (Vec<CommitId>, BTreeMap<ObjectId, ObjectId>) {
        let mut directories = self.directories();
        let main = RefName::parse(b"refs/heads/main").unwrap();
        let (mut tip, mut commits, mut notes) = (root, Vec::new(), BTreeMap::new());
        for number in 0..options.extra {
            let file = number % self.files.len();
            let old = self.files[&file];
            let new = self.object(
                git2::ObjectType::Blob,
                format!("file {file} in push {number}\n").as_bytes(),
            );
            self.files.insert(file, new);
            directories.insert(file / PER_DIRECTORY, self.directory(file / PER_DIRECTORY));
            let tree = self.root_tree(&directories);
            let path = format!("src/d{}/f{file}", file / PER_DIRECTORY).into_bytes();
            let changed =
                ChangedPath { path, old: Some((Mode::File, old)), new: Some((Mode::File, new)) };
            let change = ChangeDigest::of(&raw(&[changed], ObjectId::null(old.kind())));
            let trailers: Vec<String> = [(0, ClaimedRole::Maintainer), (1, ClaimedRole::Reviewer)]
                .into_iter()
                .map(|(person, role)| self.approval(&self.people[person], role, change, tip, &main))
                .collect();
            let who = self.people[2].header(self.now - 3600 + i64::try_from(number).unwrap());
            let head = format!("tree {tree}\nparent {tip}\nauthor {who}\ncommitter {who}\n");
            let body = format!("\nPush {number}\n\n{}\n", trailers.join("\n"));
            let signature =
                self.people[2].armoured(format!("{head}{body}").as_bytes()).replace('\n', "\n ");
            let text = format!("{head}gpgsig {signature}\n{body}");
            tip = CommitId(self.object(git2::ObjectType::Commit, text.as_bytes()));
            commits.push(tip);
            notes.insert(tip.0, self.note(tip, tree, options.note_bytes));
        }
        (commits, notes)
    }

    fn approval(
        &self,
        by: &Signer,
        role: ClaimedRole,
        change: ChangeDigest,
        base: CommitId,
        main: &RefName,
    ) -> String {
        let time = |seconds: i64| jiff::Timestamp::from_second(seconds).unwrap();
        let statement = Statement {
            decision: Decision::Approval,
            change,
            base,
            head: base,
            roles: [role].into(),
            by: PrincipalId::parse(&by.email).unwrap(),
            at: time(self.now - 3600),
            until: time(self.now - 3600 + 30 * 86_400),
            reason: None,
        };
        let signature = by.sign("refgate", &statement.payload(REPOSITORY, main));
        SignedStatement { statement, form: SignatureForm::Ssh, signature }.to_trailer(by.name)
    }

    fn note(&self, commit: CommitId, tree: ObjectId, bytes: usize) -> ObjectId {
        let digests = [("gitCommit", commit.to_string()), ("gitTree", tree.to_hex().to_string())];
        let at = jiff::Timestamp::from_second(self.now).unwrap();
        let ci = &self.people[3];
        let line = |kind: &str, report: &str, form: Form| {
            let kind = Kind::parse(kind).unwrap();
            let payload =
                predicate::write(&digests, &kind, at, "application/xml", report.as_bytes(), form)
                    .unwrap();
            let signature = ci.sign("refgate", &pre_authentication_encoding(&payload));
            Envelope { payload, signatures: vec![signature] }.to_line("")
        };
        let lines = [
            line("sast", &sarif(bytes), Form::Native(SARIF_TYPE)),
            line("tests:unit", &junit(bytes), Form::Embedded),
        ];
        self.object(git2::ObjectType::Blob, format!("{}\n", lines.join("\n")).as_bytes())
    }

    fn notes_commit(
        &mut self,
        options: &Options,
        mut notes: BTreeMap<ObjectId, ObjectId>,
    ) -> ObjectId {
        let small = self.object(git2::ObjectType::Blob, b"a note\n");
        for number in 0..options.notes {
            let digest = ring::digest::digest(&ring::digest::SHA256, &number.to_be_bytes());
            notes.insert(ObjectId::try_from(&digest.as_ref()[..20]).unwrap(), small);
        }
        let mut directories: BTreeMap<String, Vec<(Mode, String, ObjectId)>> = BTreeMap::new();
        for (id, blob) in notes {
            let hex = id.to_hex().to_string();
            directories.entry(hex[..2].into()).or_default().push((
                Mode::File,
                hex[2..].into(),
                blob,
            ));
        }
        let entries = directories
            .into_iter()
            .map(|(name, entries)| (Mode::Tree, name, self.tree(entries)))
            .collect();
        let tree = self.tree(entries);
        let who = self.people[3].header(self.now);
        self.object(
            git2::ObjectType::Commit,
            format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nNotes\n").as_bytes(),
        )
    }

    fn write(&self, options: &Options, root: CommitId, extra: &[CommitId], evidence: ObjectId) {
        let server = options.out.join("server.git");
        let client = options.out.join("client.git");
        git(&["init", "-q", "--bare", "-b", "main", &text(&client)]);
        git(&["-C", &text(&server), "update-ref", "refs/heads/main", &root.to_string()]);
        git(&[
            "-C",
            &text(&server),
            "update-ref",
            "refs/notes/refgate/evidence",
            &evidence.to_hex().to_string(),
        ]);
        std::fs::write(
            client.join("objects/info/alternates"),
            format!("{}\n", text(&server.canonicalize().unwrap().join("objects"))),
        )
        .unwrap();
        // The client has the extra commits in a pack of its own, the server everything else.
        let last = extra.last().copied().unwrap_or(root);
        let list = format!("{last}\n^{root}\n");
        let pack = run_with_input(
            &["-C", &text(&server), "pack-objects", "--revs", "--stdout", "-q"],
            list.as_bytes(),
        );
        for number in 0..options.refs {
            let name = format!("refs/heads/branch/{number}");
            std::fs::create_dir_all(server.join("refs/heads/branch")).unwrap();
            std::fs::write(server.join(&name), format!("{root}\n")).unwrap();
        }
        if options.reftable {
            git(&["-C", &text(&server), "refs", "migrate", "--ref-format=reftable"]);
        } else if !options.loose_refs {
            git(&["-C", &text(&server), "pack-refs", "--all"]);
        }
        git(&["-C", &text(&server), "repack", "-adq"]);
        if options.packs > 1 {
            split(&server, options.packs);
        }
        git(&["-C", &text(&server), "prune-packed", "-q"]);
        git(&["-C", &text(&server), "prune", "--expire=now"]);
        run_with_input(&["-C", &text(&client), "index-pack", "--stdin", "--fix-thin"], &pack);
        git(&["-C", &text(&client), "update-ref", "refs/heads/main", &last.to_string()]);
        let ids: String = extra.iter().map(|id| format!("{id}\n")).collect();
        std::fs::write(options.out.join("extra.txt"), ids).unwrap();
        if options.report_bytes > 0 {
            let path = |name: &str| options.out.join(name);
            std::fs::write(path("report.sarif"), sarif(options.report_bytes)).unwrap();
            std::fs::write(path("report.xml"), junit(options.report_bytes)).unwrap();
        }
        std::fs::write(options.out.join("meta.json"), format!("{{\"root\": \"{root}\"}}\n"))
            .unwrap();
    }
}

/// Spreads the objects of the one pack over many, in the order of history.
fn split(server: &Path, packs: usize) {
    let listed = run_with_input(&["-C", &text(server), "rev-list", "--objects", "--all"], b"");
    let listed = String::from_utf8(listed).unwrap();
    let ids: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
    let directory = server.join("objects/pack");
    let old: Vec<PathBuf> =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    for ids in ids.chunks(ids.len().div_ceil(packs)) {
        let name = text(&directory.join("part"));
        let input = ids.join("\n") + "\n";
        run_with_input(&["-C", &text(server), "pack-objects", "-q", &name], input.as_bytes());
    }
    for path in old {
        std::fs::remove_file(path).unwrap();
    }
}

fn sarif(bytes: usize) -> String {
    let mut results = Vec::new();
    let mut len = 0;
    while len + 400 < bytes {
        let n = results.len();
        let result = format!(
            r#"{{"ruleId":"STYLE{:03}","level":"note","message":{{"text":"line {n} could be written in a simpler way"}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"src/d{}/f{n}"}},"region":{{"startLine":{}}}}}}}]}}"#,
            n % 90,
            n % 7,
            n * 13 % 997 + 1
        );
        len += result.len() + 1;
        results.push(result);
    }
    let results = results.join(",");
    format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"bench","version":"1.0"}}}},"invocations":[{{"executionSuccessful":true}}],"results":[{results}]}}]}}"#
    )
}

fn junit(bytes: usize) -> String {
    let mut cases = String::new();
    let mut count = 0;
    while cases.len() + 200 < bytes {
        cases += &format!(
            "<testcase classname=\"suite.part{}\" name=\"test_number_{count}\" time=\"0.00{}\"/>\n",
            count % 17,
            count % 10
        );
        count += 1;
    }
    format!(
        "<?xml version=\"1.0\"?>\n<testsuites><testsuite name=\"unit\" tests=\"{count}\" failures=\"0\" errors=\"0\" skipped=\"0\">\n{cases}</testsuite></testsuites>\n"
    )
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn git(args: &[&str]) {
    let status = std::process::Command::new("git").args(args).status().unwrap();
    assert!(status.success(), "git {args:?}");
}

fn run_with_input(args: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut child = std::process::Command::new("git")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || pipe.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "git {args:?}");
    output.stdout
}
