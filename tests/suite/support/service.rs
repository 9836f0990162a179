//! Servers that run for the length of a test: stopped when it ends, however it ends.

use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::command;

/// A program that runs until this is dropped.
pub struct Service {
    child: Child,
}

impl Service {
    pub fn start(command: &mut Command) -> Self {
        let program = command.get_program().to_string_lossy().into_owned();
        // A group of its own, so that its children end with it.
        let child = command
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
        Self { child }
    }

    /// Waits until somebody answers on a port of this machine.
    #[track_caller]
    pub fn answers_on(&mut self, port: u16) {
        self.waits_for("port", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    #[track_caller]
    pub fn waits_for(&mut self, what: &str, is_there: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_there() {
            if let Some(status) = self.child.try_wait().expect("asked") {
                panic!("the service has ended: {status}");
            }
            assert!(start.elapsed() < Duration::from_secs(60), "no {what} within a minute");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Asked first, so that it ends its own children.
        let group = format!("-{}", self.child.id());
        drop(command("kill").args(["-TERM", "--", &group]).status());
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(command("kill").args(["-KILL", "--", &group]).status());
        drop(self.child.wait());
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The whole path of a program, or how to get it.
pub fn program(names: &[&str], package: &str) -> String {
    let found = names.iter().find(|name| Path::new(name).is_file());
    (*found.unwrap_or_else(|| panic!("{names:?} is not here: apt-get install {package}")))
        .to_owned()
}
