//! A real PostgreSQL server of a test's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{command, run};

pub struct Postgres {
    dir: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes a cluster and starts it.
    pub fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("refgate-pg").tempdir().expect("a directory");
        if is_root() {
            run(command("chown").arg("postgres").arg(dir.path()));
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let postgres = Self { dir, programs: programs(), port };
        run(postgres
            .program("initdb")
            .args(["-A", "trust", "-U", "refgate", "-E", "UTF8", "--no-sync", "-D"])
            .arg(postgres.data()));
        postgres.go();
        postgres
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// PostgreSQL does not run as root.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut program = if is_root() {
            let mut runuser = command("runuser");
            runuser.args(["-u", "postgres", "--"]).arg(path);
            runuser
        } else {
            command(path)
        };
        program.current_dir(self.dir.path());
        program
    }

    pub fn go(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off",
            self.port,
            self.dir.path().display()
        );
        let log = self.dir.path().join("log");
        run(self
            .program("pg_ctl")
            .args(["-w", "-s", "-t", "120", "-o", &options, "-D"])
            .arg(self.data())
            .arg("-l")
            .arg(log)
            .arg("start"));
    }

    /// Stops it in the middle of whatever it does.
    pub fn kill(&self) {
        run(self
            .program("pg_ctl")
            .args(["-w", "-s", "-m", "immediate", "-D"])
            .arg(self.data())
            .arg("stop"));
    }

    pub fn url(&self) -> String {
        format!(
            "postgresql://refgate@127.0.0.1:{}/postgres?sslmode=disable&connect_timeout=5",
            self.port
        )
    }

    /// Asks the server with its own client.
    pub fn ask(&self, sql: &str) -> String {
        let port = self.port.to_string();
        let out = run(self.program("psql").args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "refgate",
            "-d",
            "postgres",
            "-c",
            sql,
        ]));
        String::from_utf8(out).expect("UTF-8").trim_end().to_owned()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(
            self.program("pg_ctl")
                .args(["-s", "-m", "immediate", "-D"])
                .arg(self.data())
                .arg("stop")
                .output(),
        );
    }
}

fn is_root() -> bool {
    let id = run(command("id").arg("-u"));
    id == b"0\n"
}

/// Debian keeps the programs of each version in a directory of its own.
fn programs() -> PathBuf {
    let versions = Path::new("/usr/lib/postgresql");
    let mut found: Vec<PathBuf> = std::fs::read_dir(versions)
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    found.retain(|path| path.join("initdb").exists());
    found.sort();
    found.pop().unwrap_or_else(|| {
        panic!("PostgreSQL's server is not here: ./tests/run.sh installs what the tests need")
    })
}
