//! The only reader of the environment.
//!
//! A hook's environment is hostile: `sshd` may let a client set variables
//! (`AcceptEnv`), and git passes on what it does not know. What refgate takes
//! from it is where the repository is and where git put the objects of the push; no
//! variable switches a check off.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};

/// What git tells a hook about the repository (`githooks(5)`, `git(1)`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookEnvironment {
    /// The git directory, absolute or relative to the current directory.
    pub git_dir: PathBuf,
    /// Where the objects of the push are, while they are in quarantine.
    pub quarantine: Option<PathBuf>,
    /// The list of commits whose parents the pusher did not send.
    pub shallow_file: Option<PathBuf>,
    /// The namespace that the pusher sees (`gitnamespaces(7)`).
    pub namespace: Option<Vec<u8>>,
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

impl HookEnvironment {
    /// Reads what `git-receive-pack(1)` sets for its hooks.
    ///
    /// # Errors
    /// `GIT_DIR` is not set: git did not start this.
    pub fn read() -> Result<Self> {
        use std::os::unix::ffi::OsStringExt;
        let git_dir = variable("GIT_DIR").ok_or_else(|| {
            Error::new(ErrorKind::Usage, "GIT_DIR is not set: git starts this command as a hook")
                .hint("to judge before pushing, use: refgate check")
        })?;
        // GitLab passes the object directory, but not the quarantine path.
        let quarantine =
            variable("GIT_QUARANTINE_PATH").or_else(|| variable("GIT_OBJECT_DIRECTORY"));
        Ok(Self {
            git_dir: git_dir.into(),
            quarantine: quarantine.map(PathBuf::from),
            shallow_file: variable("GIT_SHALLOW_FILE").map(PathBuf::from),
            namespace: variable("GIT_NAMESPACE").map(OsStringExt::into_vec),
        })
    }
}

/// Returns the variables that a program which refgate starts may see: what it
/// needs to find its files, agent and terminal, and nothing that redirects git.
#[must_use]
pub fn for_programs() -> Vec<(OsString, OsString)> {
    const PASSED: [&str; 18] = [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "TMPDIR",
        "TERM",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "XDG_CONFIG_HOME",
        "XDG_RUNTIME_DIR",
        "SSH_AUTH_SOCK",
        "SSH_ASKPASS",
        "SSH_ASKPASS_REQUIRE",
        "GNUPGHOME",
        "GPG_TTY",
        "SSL_CERT_FILE",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
    ];
    PASSED
        .iter()
        .filter_map(|name| variable(name).map(|value| (OsString::from(name), value)))
        .collect()
}

/// Returns the level and filter of the client's log (`REFGATE_LOG`), which goes to standard error.
#[must_use]
pub fn log_filter() -> Option<String> {
    variable("REFGATE_LOG").and_then(|value| value.into_string().ok())
}
