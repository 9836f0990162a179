//! Runs programs: with a cleared environment, a bound on what they print, and no shell.
//!
//! The hook starts none of its own accord. The client starts git, and the
//! program that the user's configuration names for signing.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::error::{Error, ErrorKind, Result, ResultExt as _};

/// A program that prints more than this is stopped.
const OUTPUT_BYTES: u64 = 256 << 20;

/// One run of a program.
#[derive(Debug)]
pub struct Run {
    command: Command,
    input: Option<Vec<u8>>,
}

/// Another user, as whom a program is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub uid: u32,
    /// Their group.
    pub gid: u32,
    /// Their home, if it is not the one that refgate was given.
    pub home: Option<PathBuf>,
}

/// What a program printed and how it ended.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl Run {
    /// Prepares a run of `program`, which is looked for in `PATH` unless it names a file.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts programs")]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.env_clear().envs(crate::env::for_programs()).env("LC_ALL", "C.UTF-8");
        Self { command, input: None }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes from the program what the environment says to git, which a client may have set.
    #[must_use]
    pub fn without_git_variables(mut self) -> Self {
        self.command.env_clear().envs(crate::env::without_git()).env("LC_ALL", "C.UTF-8");
        self
    }

    /// Passes on exactly the environment of refgate, for a program that git would have started itself.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a chained hook gets what git gave to its own")]
    pub fn with_whole_environment(mut self) -> Self {
        self.command.env_clear().envs(std::env::vars_os());
        self
    }

    /// Runs as another user, which only root may ask for.
    #[must_use]
    pub fn as_account(mut self, account: &Account) -> Self {
        use std::os::unix::process::CommandExt as _;
        self.command.uid(account.uid).gid(account.gid);
        if let Some(home) = &account.home {
            self.command.env("HOME", home).env("XDG_CONFIG_HOME", home.join(".config"));
        }
        self
    }

    /// Runs in another directory.
    #[must_use]
    pub fn in_dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Writes bytes to the program's standard input.
    #[must_use]
    pub fn input(mut self, bytes: Vec<u8>) -> Self {
        self.input = Some(bytes);
        self
    }

    /// Runs the program and collects what it prints.
    ///
    /// # Errors
    /// The program cannot be started, or prints too much. How it ended is in the outcome.
    pub fn outcome(mut self) -> Result<Outcome> {
        let program = self.command.get_program().to_string_lossy().into_owned();
        let step = || format!("running {program}");
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.spawn(&program)?;
        let mut errors = child.stderr.take();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = errors
                .as_mut()
                .map_or(Ok(0), |pipe| pipe.take(OUTPUT_BYTES).read_to_end(&mut bytes));
            read.map(|_| bytes)
        });
        let writer = feed(&mut child, self.input.take());
        let mut stdout = Vec::new();
        if let Some(mut pipe) = child.stdout.take() {
            pipe.by_ref()
                .take(OUTPUT_BYTES)
                .read_to_end(&mut stdout)
                .during(ErrorKind::Environment, step)?;
            if stdout.len() as u64 == OUTPUT_BYTES {
                child.kill().during(ErrorKind::Environment, step)?;
                return Err(Error::new(ErrorKind::Environment, "it prints too much").while_(step()));
            }
        }
        let status = child.wait().during(ErrorKind::Environment, step)?;
        join(writer);
        let stderr = reader
            .join()
            .map_err(|_| Error::new(ErrorKind::Internal, "a reader stopped").while_(step()))?
            .during(ErrorKind::Environment, step)?;
        Ok(Outcome { status, stdout, stderr })
    }

    /// Runs the program, which prints to wherever refgate prints, and returns how it ended.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn status(mut self) -> Result<ExitStatus> {
        let program = self.command.get_program().to_string_lossy().into_owned();
        let mut child = self.spawn(&program)?;
        let writer = feed(&mut child, self.input.take());
        let status =
            child.wait().during(ErrorKind::Environment, || format!("running {program}"))?;
        join(writer);
        Ok(status)
    }

    fn spawn(&mut self, program: &str) -> Result<Child> {
        self.command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        self.command.spawn().map_err(|error| {
            let hint = format!("install {program}, or name another program in git's configuration");
            Error::new(ErrorKind::Environment, error.to_string())
                .while_(format!("starting {program}"))
                .hint(hint)
        })
    }
}

/// Feeds the program from a thread of its own, so that neither side waits for the other.
fn feed(child: &mut Child, input: Option<Vec<u8>>) -> Option<std::thread::JoinHandle<()>> {
    let (mut pipe, input) = (child.stdin.take()?, input?);
    Some(std::thread::spawn(move || {
        // A program that does not read all of its input is free to do so: its exit status counts.
        drop(pipe.write_all(&input));
    }))
}

fn join(writer: Option<std::thread::JoinHandle<()>>) {
    if let Some(writer) = writer {
        drop(writer.join());
    }
}
