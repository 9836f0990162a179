//! The only reader of the environment.
//!
//! A hook's environment is hostile: `sshd` may let a client set variables
//! (`AcceptEnv`), and git passes on what it does not know. What refgate takes
//! from it is where the repository is and where git put the objects of the push; no
//! variable switches a check off.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};
use crate::host::{Host, Pusher, session_key};
use crate::repo::layout::read_bounded;
use crate::signature::key::{KeyRef, format_ssh_fingerprint};

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
    /// What the pusher says with `--push-option`, the first few; each the words of the client.
    pub push_options: Vec<Vec<u8>>,
    /// What `git-receive-pack(1)` says about a push certificate; nothing of it is believed.
    pub certificate: Option<CertificateClaim>,
    /// The word of a dry push of `refgate doctor`; counts only if it is the one that was left in the repository.
    pub doctor: Option<String>,
}

/// The most push options that are looked at.
const PUSH_OPTIONS: usize = 64;

/// The most bytes of a push option that is looked at; a longer one is none of ours.
const PUSH_OPTION_BYTES: usize = 1000;

/// Reads the push options (`githooks(5)`, pre-receive).
///
/// An option can only ask for something that is approved elsewhere, so what is not
/// of git's form counts as no option.
fn push_options() -> Vec<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    let count = variable("GIT_PUSH_OPTION_COUNT").and_then(|count| count.into_string().ok());
    let count = count.and_then(|count| count.parse::<usize>().ok()).unwrap_or(0);
    (0..count.min(PUSH_OPTIONS))
        .filter_map(|at| variable(&format!("GIT_PUSH_OPTION_{at}")))
        .map(OsStringExt::into_vec)
        .filter(|option| option.len() <= PUSH_OPTION_BYTES)
        .collect()
}

/// A push certificate, as the environment names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateClaim {
    /// The blob that holds it (`GIT_PUSH_CERT`).
    pub blob: String,
    /// The nonce that the server has given out (`GIT_PUSH_CERT_NONCE`).
    pub nonce: String,
    /// What git found when it compared the nonces (`GIT_PUSH_CERT_NONCE_STATUS`).
    pub nonce_status: String,
}

/// The longest value that is taken over from a server's variable.
const VALUE_BYTES: usize = 256;

/// A file about a session beyond this size is none.
const SESSION_BYTES: u64 = 64 << 10;

/// Returns who pushes, as a server of this kind says.
#[must_use]
pub fn pusher(host: Host) -> Option<Pusher> {
    let text = |names: &[&str]| {
        let value = names.iter().find_map(|name| variable(name))?;
        value.into_string().ok().filter(|value| value.len() <= VALUE_BYTES)
    };
    let names = host.variables();
    let session = names.session.iter().find_map(|name| variable(name)).and_then(|file| {
        let bytes = read_bounded(&PathBuf::from(file), SESSION_BYTES).ok().flatten()?;
        let text = String::from_utf8(bytes).ok()?;
        KeyRef::parse(session_key(&text)?).ok()?.ssh_fingerprint()
    });
    let pusher = Pusher {
        host,
        name: text(names.name),
        email: text(names.email),
        key: session.map(|digest| format_ssh_fingerprint(&digest)),
        via: text(names.via),
    };
    (pusher != Pusher { host, ..Pusher::default() }).then_some(pusher)
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

impl HookEnvironment {
    /// Reads what `git-receive-pack(1)` sets for its hooks.
    ///
    /// # Errors
    /// `GIT_DIR` is not set: git did not start this. Or git is told to keep refs in another place than
    /// the repository's own configuration says, where refgate would not look.
    pub fn read() -> Result<Self> {
        use std::os::unix::ffi::OsStringExt;
        if variable("GIT_REFERENCE_BACKEND").is_some() {
            let what =
                "GIT_REFERENCE_BACKEND is set: git has other refs than its configuration says";
            return Err(Error::new(ErrorKind::Environment, what)
                .hint("set extensions.refStorage in the repository instead"));
        }
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
            push_options: push_options(),
            certificate: certificate(),
            doctor: variable("REFGATE_DOCTOR").and_then(|word| word.into_string().ok()),
        })
    }
}

fn certificate() -> Option<CertificateClaim> {
    let text = |name| variable(name).and_then(|value| value.into_string().ok()).unwrap_or_default();
    let blob = text("GIT_PUSH_CERT");
    let claim = CertificateClaim {
        blob,
        nonce: text("GIT_PUSH_CERT_NONCE"),
        nonce_status: text("GIT_PUSH_CERT_NONCE_STATUS"),
    };
    (!claim.blob.is_empty()).then_some(claim)
}

/// Variables that lead git to another repository, other objects or other refs, and
/// languages that its messages would come in.
const REDIRECTING: [&str; 18] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REFERENCE_BACKEND",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
    "LANGUAGE",
    "LC_ALL",
];

/// Returns the variables that a program which a client command starts may see: those of
/// the user, such as `GIT_SSH_COMMAND`, `GIT_AUTHOR_NAME` or proxies, but nothing that
/// leads git away from the repository that refgate reads itself.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn for_programs() -> Vec<(OsString, OsString)> {
    std::env::vars_os()
        .filter(|(name, _)| !REDIRECTING.iter().any(|redirecting| name == redirecting))
        .collect()
}

/// Returns what git may see where a client must not tell it anything: no variable of git at all.
#[must_use]
pub fn without_git() -> Vec<(OsString, OsString)> {
    use std::os::unix::ffi::OsStrExt as _;
    let is_gits = |name: &OsString| name.as_bytes().starts_with(b"GIT_");
    for_programs().into_iter().filter(|(name, _)| !is_gits(name)).collect()
}

/// Returns the home of whoever runs refgate.
#[must_use]
pub fn home() -> Option<PathBuf> {
    variable("HOME").map(PathBuf::from)
}

/// Returns the level and filter of the client's log (`REFGATE_LOG`), which goes to standard error.
#[must_use]
pub fn log_filter() -> Option<String> {
    variable("REFGATE_LOG").and_then(|value| value.into_string().ok())
}

/// Says whether the terminal cannot move its cursor (`TERM=dumb`, or no `TERM` at all).
#[must_use]
pub fn is_dumb_terminal() -> bool {
    variable("TERM").is_none_or(|term| term == "dumb")
}
