//! Repositories made by real git in a world of their own: no configuration of
//! the user, fixed names and dates, nothing left behind.

pub mod files;
#[cfg(feature = "openpgp")]
pub mod gpg;
#[cfg(feature = "fleet")]
pub mod postgres;
pub mod root;
pub mod service;
pub mod statement;
pub mod wire;
pub mod world;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The time of all commits in tests, unless a test moves it: 2026-11-20T10:00:00Z.
pub const COMMIT_TIME: i64 = 1_795_168_800;

/// A repository and the directory that it lives in.
pub struct Repo {
    dir: tempfile::TempDir,
    git_dir: PathBuf,
    work: PathBuf,
}

/// Returns a command that sees nothing of the user's configuration.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "tests start programs")]
    let mut command = Command::new(program);
    for (name, _) in variables() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("GIT_")
            || name_text.starts_with("SSH_")
            || name_text.starts_with("REFGATE_")
        {
            command.env_remove(&name);
        }
    }
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        // No file can be there: writing a configuration fails, where /dev/null itself would be replaced.
        .env("GIT_CONFIG_GLOBAL", "/dev/null/none")
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::null());
    command
}

#[expect(clippy::disallowed_methods, reason = "tests choose what a program inherits")]
fn variables() -> std::env::VarsOs {
    std::env::vars_os()
}

/// Runs a command that must succeed, and returns what it printed.
pub fn run(command: &mut Command) -> Vec<u8> {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output.stdout
}

/// Runs a command; a program that is missing fails the test with its name.
pub fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| {
        panic!(
            "{:?} cannot be started ({error}): ./tests/run.sh installs what the tests need",
            command.get_program()
        )
    })
}

impl Repo {
    /// Makes a repository with a work tree, on an unborn branch `main`.
    pub fn new() -> Self {
        Self::init(&[])
    }

    /// Makes a repository with further options of `git init`.
    pub fn init(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let work = dir.path().join("work");
        let mut git = command("git");
        git.args(["init", "-q", "-b", "main"]).args(options).arg(&work);
        run(&mut git);
        Self { git_dir: work.join(".git"), work, dir }
    }

    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Returns the directory around the work tree, for files of the test.
    pub fn around(&self) -> &Path {
        self.dir.path()
    }

    /// Returns a git command in the work tree, as Ada Lovelace.
    pub fn command(&self) -> Command {
        let mut git = command("git");
        let date = format!("{COMMIT_TIME} +0000");
        git.current_dir(&self.work)
            .args(["-c", "protocol.file.allow=always", "-c", "gc.auto=0"])
            .envs([("GIT_AUTHOR_NAME", "Ada Lovelace"), ("GIT_AUTHOR_EMAIL", "ada@example.org")])
            .envs([
                ("GIT_COMMITTER_NAME", "Ada Lovelace"),
                ("GIT_COMMITTER_EMAIL", "ada@example.org"),
            ])
            .envs([("GIT_AUTHOR_DATE", &date), ("GIT_COMMITTER_DATE", &date)]);
        git
    }

    /// Runs git, which must succeed, and returns what it printed without the last newline.
    pub fn git(&self, args: &[&str]) -> String {
        let text = String::from_utf8(run(self.command().args(args))).expect("git printed UTF-8");
        text.trim_end_matches('\n').to_owned()
    }

    /// Runs git with bytes on its standard input.
    pub fn git_with_input(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut git = self.command();
        git.args(args);
        let path = self.around().join("input");
        std::fs::write(&path, input).expect("the input is written");
        git.stdin(std::fs::File::open(&path).expect("the input is read"));
        run(&mut git)
    }

    /// Writes a file in the work tree, with the directories it needs.
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.work.join(path);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("directories are made");
        std::fs::write(path, content).expect("the file is written");
    }

    /// Commits everything in the work tree and returns the commit's id.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.head()
    }

    pub fn head(&self) -> String {
        self.rev("HEAD")
    }

    pub fn rev(&self, revision: &str) -> String {
        self.git(&["rev-parse", "--verify", revision])
    }

    /// Stores bytes as an object of any kind, checked by nobody, and returns its id.
    pub fn raw_object(&self, kind: &str, bytes: &[u8]) -> String {
        let id = self
            .git_with_input(&["hash-object", "-t", kind, "-w", "--stdin", "--literally"], bytes);
        String::from_utf8(id).expect("an id").trim().to_owned()
    }
}
