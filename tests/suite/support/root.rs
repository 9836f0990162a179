//! What only root can set up: another account, a small disk, a disk that is read-only.
//!
//! CI runs as root. Elsewhere such a test fails and says so, rather than pass without having looked.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{command, run};

/// The account of nobody, which is everywhere.
pub const NOBODY: u32 = 65_534;

#[track_caller]
pub fn require_root() {
    let id = String::from_utf8_lossy(&run(command("id").arg("-u"))).trim().to_owned();
    assert_eq!(
        id, "0",
        "this test makes accounts and disks: run it as root, as ./tests/run.sh in CI does"
    );
}

/// A program as nobody starts it, who has no home.
pub fn as_nobody(program: impl AsRef<OsStr>) -> Command {
    let mut setpriv = command("setpriv");
    setpriv.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program);
    setpriv.env("HOME", "/nonexistent");
    setpriv
}

/// Gives a directory and all in it to nobody, and lets them reach it.
pub fn give_to_nobody(directory: &Path) {
    run(command("chown").args(["-R", "65534:65534"]).arg(directory));
}

/// Lets everybody reach what is below a temporary directory.
pub fn open_up(directory: &Path) {
    run(command("chmod").arg("a+rx").arg(directory));
}

/// A disk of a few pages, gone when this is dropped.
pub struct Disk {
    at: PathBuf,
}

impl Disk {
    pub fn mount(at: &Path, kib: u32) -> Self {
        require_root();
        std::fs::create_dir_all(at).expect("made");
        let size = format!("size={kib}k,mode=755");
        run(command("mount").args(["-t", "tmpfs", "-o", &size, "refgate-test"]).arg(at));
        Self { at: at.into() }
    }

    /// Leaves so many pages of 4 KiB free.
    pub fn leave(&self, pages: u64) {
        let filler = self.at.join("filler");
        drop(std::fs::remove_file(&filler));
        let free = rustix::fs::statvfs(&self.at).expect("asked").f_bavail;
        let len = usize::try_from(free.saturating_sub(pages) * 4096).expect("small");
        std::fs::write(&filler, vec![0; len]).expect("filled");
    }

    pub fn make_room(&self) {
        std::fs::remove_file(self.at.join("filler")).expect("removed");
    }

    pub fn remount(&self, how: &str) {
        run(command("mount").args(["-o", &format!("remount,{how}")]).arg(&self.at));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(command("umount").arg("-l").arg(&self.at).status());
    }
}
