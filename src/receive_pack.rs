//! The `git-receive-pack` that has started a hook, as the kernel tells of it (`proc(5)`).
//!
//! A variable in the environment of a hook may come from git, or past git from a client (T130). What
//! receive-pack itself was started with tells them apart: git sets `GIT_PUSH_CERT` for its hooks
//! alone. It also is the only place where the path stands that git makes nonces with.

use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::repo::layout::read_bounded;

/// Arguments and variables of a process; the kernel's own limit is below this.
const PROCESS_BYTES: u64 = 16 << 20;

/// So many processes may lie between receive-pack and refgate: scripts that run several hooks.
const ANCESTORS: usize = 16;

/// What receive-pack was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivePack {
    /// The path of the repository, in the words of whoever started it.
    pub path: Vec<u8>,
    /// Whether it was told of a push certificate, which nobody but a client would do.
    pub was_told_of_certificate: bool,
}

impl ReceivePack {
    /// Finds the nearest one above this process.
    ///
    /// # Errors
    /// There is none, or the system does not let us look at it.
    pub fn find() -> Result<Self> {
        let mut pid = std::process::id();
        for _ in 0..ANCESTORS {
            let Some(parent) = parent_of(&read(pid, "stat")?) else { break };
            if parent == 0 {
                break;
            }
            pid = parent;
            if let Some(path) = path_of(&read(pid, "cmdline")?) {
                let environment = read(pid, "environ")?;
                return Ok(Self { path, was_told_of_certificate: names_certificate(&environment) });
            }
        }
        Err(Error::new(ErrorKind::Environment, "git receive-pack has not started this")
            .hint("signed pushes need a hook that git itself has started, and /proc"))
    }
}

fn read(pid: u32, what: &str) -> Result<Vec<u8>> {
    let file = PathBuf::from(format!("/proc/{pid}/{what}"));
    let bytes = read_bounded(&file, PROCESS_BYTES)?;
    bytes
        .ok_or("it is gone")
        .during(ErrorKind::Environment, || format!("reading {}", file.display()))
}

/// The parent stands behind the state, behind a name in parentheses that may hold anything.
fn parent_of(stat: &[u8]) -> Option<u32> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Returns the last argument of a receive-pack: `git-receive-pack DIR`, `git receive-pack [OPTION] DIR`.
fn path_of(arguments: &[u8]) -> Option<Vec<u8>> {
    let arguments: Vec<&[u8]> =
        arguments.strip_suffix(b"\0").unwrap_or(arguments).split(|byte| *byte == 0).collect();
    let (program, rest) = arguments.split_first()?;
    let name = program.rsplit(|byte| *byte == b'/').next()?;
    let is_receive_pack =
        name == b"git-receive-pack" || name == b"git" && rest.contains(&&b"receive-pack"[..]);
    rest.last().filter(|_| is_receive_pack).map(|path| path.to_vec())
}

fn names_certificate(environment: &[u8]) -> bool {
    environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(b"GIT_PUSH_CERT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_found_whatever_a_process_calls_itself() {
        assert_eq!(parent_of(b"12 (sh) S 7 12 12 0"), Some(7));
        assert_eq!(parent_of(b"12 (a) R 1 (b) S 7 12"), Some(7));
        assert_eq!(parent_of(b"12 sh S 7"), None);
    }

    #[test]
    fn receive_pack_is_known_by_its_name_alone() {
        for (arguments, path) in [
            (&b"git-receive-pack\0/srv/app.git\0"[..], Some(&b"/srv/app.git"[..])),
            (b"/usr/lib/git-core/git-receive-pack\0app.git\0", Some(b"app.git")),
            (b"git\0receive-pack\0--stateless-rpc\0.\0", Some(b".")),
            (b"/usr/bin/git\0-c\0a=b\0receive-pack\0x y\0", Some(b"x y")),
            (b"sh\0-c\0git-receive-pack '/srv/app.git'\0", None),
            (b"git\0push\0origin\0", None),
            (b"", None),
        ] {
            let shown = String::from_utf8_lossy(arguments).into_owned();
            assert_eq!(path_of(arguments).as_deref(), path, "{shown}");
        }
        assert!(names_certificate(b"PATH=/bin\0GIT_PUSH_CERT_STATUS=G\0"));
        assert!(!names_certificate(b"PATH=/bin\0X=GIT_PUSH_CERT\0"));
    }
}
