//! A server and people who push to it: a bare repository with the installed hook, clones
//! with keys of their own, a CI that attests, and the client commands of the built binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use refgate::evidence::dsse::{Envelope, pre_authentication_encoding};
use refgate::signature::dearmor_ssh;

use super::{command, output, run};

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Said {
    pub ok: bool,
    pub code: Option<i32>,
    pub out: String,
    /// Standard error, without `remote: ` and without the blanks that git puts behind each line.
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        let err: Vec<&str> = err
            .lines()
            .map(|line| {
                line.strip_prefix("remote: ")
                    .or(line.strip_prefix("remote:"))
                    .unwrap_or(line)
                    .trim_end()
            })
            .collect();
        Self {
            ok: output.status.success(),
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: err.join("\n"),
        }
    }
}

impl Said {
    /// The codes of all violations that the server named, in order.
    pub fn codes(&self) -> Vec<&str> {
        self.err
            .lines()
            .filter_map(|line| line.strip_prefix("error[")?.split_once(']').map(|(code, _)| code))
            .collect()
    }

    /// The push was refused for exactly these reasons.
    #[track_caller]
    pub fn refused(&self, codes: &[&str]) {
        assert!(!self.ok, "accepted:\n{self}");
        assert_eq!(self.codes(), codes, "{self}");
    }

    #[track_caller]
    pub fn accepted(&self) {
        assert!(self.ok, "{self}");
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {:?}\n--- out\n{}\n--- err\n{}", self.code, self.out, self.err)
    }
}

pub struct World {
    dir: tempfile::TempDir,
}

/// Somebody with a clone and a key of their own.
pub struct Person<'w> {
    world: &'w World,
    pub name: &'static str,
}

/// People of the worlds: name, and what they sign with.
pub const PEOPLE: [&str; 7] = ["ada", "ben", "cleo", "dana", "eve", "ci", "mallory"];

/// The rules of most worlds: the built-in policy under a name.
pub const CONFIG: &str = "repository = \"git.example.org/demo/app\"\n";

impl World {
    /// A server whose main branch holds people and rules, made by the first push under a root of trust.
    ///
    /// Ada and Ben maintain, Cleo reviews `net/`, Dana writes, Eve does security, Ben
    /// releases, CI attests everything. Mallory is on no list.
    pub fn new() -> Self {
        Self::with(CONFIG, &structure())
    }

    pub fn with(config: &str, structure: &str) -> Self {
        let world = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        let pattern = pattern(config, structure);
        copy(&pattern, world.dir.path());
        replace(&world.path("ada/.git/config"), Path::new(PLACE), world.dir.path());
        world
    }

    /// A server with the hook and the root of trust, and nothing pushed yet.
    pub fn empty(init: &[&str]) -> Self {
        let world = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        world.prepare(init);
        world
    }

    fn prepare(&self, init: &[&str]) {
        copy_keys(&self.path("keys"));
        run(command("git")
            .args(["init", "-q", "--bare", "-b", "main"])
            .args(init)
            .arg(self.server()));
        let root = self.fingerprint("ada");
        let installed = self
            .refgate(self.dir.path(), &["install", "--trust-root", &root, &text(&self.server())]);
        assert!(installed.ok, "{installed}");
    }

    /// Ada makes the first push: people, rules, the release template and some files.
    pub fn bootstrap(&self, config: &str, structure: &str) {
        let ada = self.person("ada");
        ada.write("meta/refgate.toml", config);
        ada.write("meta/STRUCTURE.md", structure);
        ada.write(
            "templates/document-template.md",
            include_str!("../../../templates/document-template.md"),
        );
        ada.write("net/up.rs", "fn up() {}\n");
        ada.write("README.md", "# demo\n");
        ada.git(&["add", "-A"]);
        ada.git(&["commit", "-q", "-S", "-m", "Start refgate"]);
        ada.push(&["main"]).accepted();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn server(&self) -> PathBuf {
        self.path("server.git")
    }

    /// What a ref of the server holds, or nothing.
    pub fn on_server(&self, name: &str) -> Option<String> {
        let out = output(command("git").arg("-C").arg(self.server()).args([
            "rev-parse",
            "--verify",
            "--quiet",
            name,
        ]));
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
    }

    pub fn server_git(&self, args: &[&str]) -> String {
        text_of(run(command("git").arg("-C").arg(self.server()).args(args)))
    }

    /// All refs of the server with their values, symbolic ones with what they name.
    pub fn refs(&self) -> String {
        self.server_git(&["for-each-ref", "--format=%(refname) %(objectname) %(symref)"])
    }

    /// Pushes something that must be refused for exactly these reasons, and moves no ref.
    #[track_caller]
    pub fn refuses(&self, codes: &[&str], push: impl FnOnce() -> Said) -> Said {
        let before = self.refs();
        let said = push();
        said.refused(codes);
        assert_eq!(self.refs(), before, "a refused push moved a ref\n{said}");
        said
    }

    /// Pushes something that cannot be judged, which the message must say with these words, and moves no ref.
    #[track_caller]
    pub fn cannot_judge(&self, words: &[&str], push: impl FnOnce() -> Said) -> Said {
        let before = self.refs();
        let said = push();
        assert!(!said.ok, "accepted:\n{said}");
        assert!(
            said.err.contains("error: refgate cannot judge this push, so it is refused"),
            "{said}"
        );
        let joined = said.err.split_whitespace().filter(|word| *word != "|").collect::<Vec<_>>();
        let joined = joined.join(" ");
        for word in words {
            assert!(joined.contains(word), "{word:?} is not in\n{said}");
        }
        assert_eq!(self.refs(), before, "a refused push moved a ref\n{said}");
        said
    }

    pub fn fingerprint(&self, name: &str) -> String {
        fingerprint(&self.path("keys").join(format!("{name}.pub")))
    }

    /// Runs the built binary in a directory.
    pub fn refgate(&self, dir: &Path, args: &[&str]) -> Said {
        output(self.refgate_command().current_dir(dir).args(args)).into()
    }

    pub fn refgate_command(&self) -> Command {
        let mut refgate = command(env!("CARGO_BIN_EXE_refgate"));
        refgate.env("HOME", self.dir.path());
        refgate
    }

    /// The hook of the server as git starts it, with any bytes on its standard input.
    pub fn hook(&self, name: &str, input: &str) -> Command {
        let path = self.path("stdin");
        std::fs::write(&path, input).expect("written");
        let mut hook = command(self.server().join("hooks").join(name));
        hook.current_dir(self.server())
            .env("GIT_DIR", ".")
            .stdin(std::fs::File::open(&path).expect("opened"));
        hook
    }

    /// Returns somebody, with a clone that is made when they first need it.
    pub fn person(&self, name: &'static str) -> Person<'_> {
        let person = Person { world: self, name };
        if !person.dir().exists() {
            let mut clone = command("git");
            clone.args(["clone", "-q"]);
            for (key, value) in [
                ("user.name", display_name(name)),
                ("user.email", format!("{name}@example.org")),
                ("gpg.format", "ssh".to_owned()),
                ("user.signingKey", text(&self.path("keys").join(name))),
                ("push.default", "upstream".to_owned()),
            ] {
                clone.arg("-c").arg(format!("{key}={value}"));
            }
            run(clone.arg(self.server()).arg(person.dir()));
            if self.on_server("refs/heads/main").is_none() {
                person.git(&["symbolic-ref", "HEAD", "refs/heads/main"]);
            }
        }
        person
    }

    /// Moves the server's main branch to a commit with these files, as nobody can by pushing.
    pub fn main_moves(&self, files: &[(&str, &str)]) -> String {
        let ada = self.person("ada");
        ada.topic("elsewhere");
        for (path, content) in files {
            ada.write(path, content);
        }
        let commit = ada.commit("Something else");
        ada.push(&["+elsewhere"]).accepted();
        self.server_git(&["update-ref", "refs/heads/main", &commit]);
        commit
    }

    /// A line of evidence as its signer wants it, whatever refgate itself would write.
    pub fn evidence(&self, signer: &str, payload: &[u8]) -> String {
        let signed = pre_authentication_encoding(payload);
        let file = self.path("to-sign");
        std::fs::write(&file, signed).expect("written");
        let mut sign = command("ssh-keygen");
        sign.args(["-q", "-Y", "sign", "-n", "refgate", "-f"]).arg(self.path("keys").join(signer));
        run(sign.arg(&file));
        let armoured = std::fs::read(self.path("to-sign.sig")).expect("a signature");
        std::fs::remove_file(self.path("to-sign.sig")).expect("removed");
        let signature = dearmor_ssh(&armoured).expect("armour");
        Envelope { payload: payload.into(), signatures: vec![signature] }.to_line(signer)
    }

    /// Puts a note on the server past every hook, as if it had been there before refgate.
    pub fn put_note(&self, notes: &str, object: &str, text: &str) {
        let file = self.path("note");
        std::fs::write(&file, text).expect("written");
        let mut git = command("git");
        git.arg("-C").arg(self.server());
        git.args(["-c", "user.name=Old", "-c", "user.email=old@example.org", "notes"]);
        git.args(["--ref", notes, "add", "-f", "-F"]).arg(&file).arg(object);
        run(&mut git);
    }

    /// CI attests everything that the built-in policy asks for, on one commit, with clean reports.
    pub fn ci_passes(&self, commit: &str) {
        let ci = self.person("ci");
        ci.git(&["fetch", "-q", "origin"]);
        ci.refgate(&attach_clean(commit)).accepted();
    }

    /// Both reviewers of what dana proposes approve it: a domain reviewer and a maintainer.
    pub fn reviewers_approve(&self, commit: &str) {
        for who in ["cleo", "ben"] {
            self.person(who).approves(commit);
        }
    }
}

/// Rules under which main asks for approvals alone, with further lines for `[review]`.
pub fn review_only(review: &str) -> String {
    format!(
        "{CONFIG}[[protect]]\nrefs = [\"refs/heads/main\"]\ngates = [\"review\"]\n[review]\n{review}"
    )
}

/// Returns a world that was made once for these rules, to be copied: most tests begin in the same one.
///
/// It is kept among the files of the build, under a name that the built binary is part of.
fn pattern(config: &str, structure: &str) -> PathBuf {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    let built = std::fs::metadata(env!("CARGO_BIN_EXE_refgate")).expect("the built binary");
    (config, structure, built.len(), built.modified().ok()).hash(&mut hasher);
    let patterns = Path::new(env!("CARGO_TARGET_TMPDIR")).join("worlds");
    std::fs::create_dir_all(&patterns).expect("made");
    let pattern = patterns.join(format!("{:016x}", hasher.finish()));
    if !pattern.exists() {
        let made = World { dir: tempfile::tempdir_in(&patterns).expect("a directory") };
        made.prepare(&[]);
        made.bootstrap(config, structure);
        // Ada's clone knows the server and her key by their paths.
        let old = made.dir.path().to_owned();
        replace(&made.path("ada/.git/config"), &old, Path::new(PLACE));
        let made = made.dir.keep();
        // Another test may have been faster; its world is as good as this one.
        if std::fs::rename(&made, &pattern).is_err() {
            std::fs::remove_dir_all(&made).expect("removed");
        }
    }
    pattern
}

/// Stands for the directory of the world in a world that is kept to be copied.
const PLACE: &str = "/the-world";

fn replace(file: &Path, from: &Path, to: &Path) {
    let content = std::fs::read_to_string(file).expect("a text file");
    std::fs::write(file, content.replace(&text(from), &text(to))).expect("written");
}

/// Copies a directory with everything in it.
fn copy(from: &Path, to: &Path) {
    run(command("cp").arg("-a").arg(from.join(".")).arg(to));
}

/// The arguments that attach a clean report of every kind, and push.
pub fn attach_clean(commit: &str) -> Vec<String> {
    let mut args: Vec<String> = vec!["attach".into(), "--push".into()];
    for (flag, file) in [
        ("--sast", "sarif/bandit-1.9.4-clean-nofindings.sarif"),
        ("--sbom", "cyclonedx/syft-1.18.1-jsapp-1.6.cdx.json"),
        ("--dependencies", "sarif/trivy-0.59.1-fs-secret-goapp-nofindings.sarif"),
    ] {
        args.extend([flag.into(), corpus(file)]);
    }
    for suite in ["unit", "integration", "smoke"] {
        args.extend([
            "--tests".into(),
            format!("{suite}={}", corpus("junit/pytest-9.2.0-smoke-allpass.xml")),
        ]);
    }
    args.push(commit.into());
    args
}

/// The path of a file of the corpus.
pub fn corpus(file: &str) -> String {
    text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(file))
}

impl Person<'_> {
    pub fn dir(&self) -> PathBuf {
        self.world.path(self.name)
    }

    pub fn command(&self) -> Command {
        let mut git = command("git");
        git.current_dir(self.dir()).env("HOME", self.world.dir.path());
        git
    }

    /// Runs git, which must succeed, and returns what it printed.
    pub fn git(&self, args: &[&str]) -> String {
        text_of(run(self.command().args(args)))
    }

    pub fn try_git(&self, args: &[&str]) -> Said {
        output(self.command().args(args)).into()
    }

    pub fn push(&self, refspecs: &[&str]) -> Said {
        self.try_git(&[&["push", "origin"], refspecs].concat())
    }

    pub fn refgate<S: AsRef<str>>(&self, args: &[S]) -> Said {
        let args: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
        output(self.world.refgate_command().current_dir(self.dir()).args(args)).into()
    }

    /// Runs the built binary with a text on its standard input.
    pub fn refgate_reads(&self, args: &[&str], input: &str) -> Said {
        let path = self.world.path("input");
        std::fs::write(&path, input).expect("written");
        let mut refgate = self.world.refgate_command();
        refgate.current_dir(self.dir()).args(args);
        output(refgate.stdin(std::fs::File::open(&path).expect("opened"))).into()
    }

    /// Runs the built binary on a terminal, and types a line at each question; `^D` ends the input.
    pub fn refgate_asks(&self, args: &[&str], typed: &[&str]) -> Said {
        let path = self.world.path("typed");
        std::fs::write(&path, typed.join("\n")).expect("written");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/terminal.py");
        let mut python = command("python3");
        python.current_dir(self.dir()).env("HOME", self.world.dir.path()).env("TERM", "dumb");
        output(python.arg(script).arg(&path).arg(env!("CARGO_BIN_EXE_refgate")).args(args)).into()
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.dir().join(path);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        std::fs::write(path, content).expect("written");
    }

    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Stores bytes as an object of any kind, checked by nobody, and returns its id.
    pub fn raw_object(&self, kind: &str, bytes: &[u8]) -> String {
        let path = self.world.path("raw-object");
        std::fs::write(&path, bytes).expect("written");
        let mut git = self.command();
        git.args(["hash-object", "-t", kind, "-w", "--stdin", "--literally"]);
        text_of(run(git.stdin(std::fs::File::open(&path).expect("opened"))))
    }

    /// Starts a topic from the server's main branch.
    pub fn topic(&self, name: &str) {
        self.git(&["fetch", "-q", "origin"]);
        self.git(&["checkout", "-q", "--no-track", "-B", name, "origin/main"]);
    }

    /// Commits everything and returns the commit's id.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.head()
    }

    /// Writes a topic of one commit to `net/` and pushes it to a branch of its own.
    pub fn propose(&self, name: &str) -> String {
        self.topic(name);
        self.write("net/up.rs", format!("fn up() {{ /* {name} */ }}\n"));
        let commit = self.commit(&format!("Change {name}"));
        self.push(&[&format!("+{name}")]).accepted();
        commit
    }

    /// Writes a note in the clone, after fetching what the server has.
    pub fn note(&self, notes: &str, object: &str, text: &str) {
        let refspec = format!("+refs/notes/{notes}:refs/notes/{notes}");
        self.try_git(&["fetch", "-q", "origin", &refspec]);
        let file = self.world.path(&format!("note-of-{}", self.name));
        std::fs::write(&file, text).expect("written");
        let file = file.to_string_lossy().into_owned();
        self.git(&["notes", "--ref", notes, "add", "-f", "-F", &file, object]);
    }

    /// Fetches, and approves a commit onto main.
    pub fn approves(&self, commit: &str) {
        self.git(&["fetch", "-q", "origin"]);
        self.refgate(&["approve", commit, "--push"]).accepted();
    }
}

/// The people of most worlds.
pub fn structure() -> String {
    let fp = |name: &str| {
        let key =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(format!("{name}.pub"));
        fingerprint(&key)
    };
    let row =
        |name: &str| format!("| {} | {name}@example.org | `{}` |", display_name(name), fp(name));
    let head = "| Name | Email | Keys |\n|---|---|---|";
    format!(
        "# Structure\n\n## Maintainers\n\n{head}\n{}\n{}\n\n## People\n\n{head}\n{}\n{}\n\n\
         ## Domain reviewers\n\n| Domain | Paths | Reviewers |\n|---|---|---|\n| net | `/net/` | cleo@example.org |\n\n\
         ## Security Engineering\n\n{head}\n{}\n\n## Release managers\n\n{head}\n{}\n\n\
         ## Automation\n\n| Name | Email | Keys | Attests |\n|---|---|---|---|\n\
         | {} | ci@example.org | `{}` | sast, sbom, dependencies, tests:unit, tests:integration, tests:smoke |\n",
        row("ada"),
        row("ben"),
        row("cleo"),
        row("dana"),
        row("eve"),
        row("ben"),
        display_name("ci"),
        fp("ci"),
    )
}

fn display_name(name: &str) -> String {
    match name {
        "ada" => "Ada Lovelace",
        "ben" => "Ben Ito",
        "cleo" => "Cleo Roth",
        "dana" => "Dana Cole",
        "eve" => "Eve Sand",
        "ci" => "Build Robot",
        other => other,
    }
    .to_owned()
}

fn fingerprint(public_key: &Path) -> String {
    let listed = run(command("ssh-keygen").arg("-lf").arg(public_key));
    let listed = String::from_utf8_lossy(&listed).into_owned();
    listed.split(' ').nth(1).expect("a fingerprint").to_owned()
}

/// Test keys are copied: ssh-keygen takes no private key that others can read.
fn copy_keys(to: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(to).expect("made");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys");
    for name in PEOPLE {
        for name in [name.to_owned(), format!("{name}.pub")] {
            let target = to.join(&name);
            std::fs::copy(from.join(&name), &target).expect("copied");
            std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o600))
                .expect("restricted");
        }
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8").trim_end_matches('\n').to_owned()
}
