//! Repositories of a server as an administrator sees them: whose they are, and git as their owner runs it.
//!
//! Administrators are often root, and repositories belong to the account that pushes arrive at. git then
//! takes a repository for none ("dubious ownership"), reads root's configuration, and leaves files that are
//! root's. So git is told which repository is meant, and runs as its owner with the owner's home.

use std::path::PathBuf;

use crate::client::git::Git;
use crate::error::{ErrorKind, Result, ResultExt as _};
use crate::exec::{Account, Run};
use crate::repo::layout::{Layout, read_bounded};

/// Accounts of this machine; a file beyond this size is none.
const ACCOUNTS_BYTES: u64 = 16 << 20;

/// The user and group who own a repository.
pub(super) fn owner(layout: &Layout) -> Result<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;
    let step = || format!("looking at {}", layout.common_dir.display());
    let metadata = std::fs::metadata(&layout.common_dir).during(ErrorKind::Environment, step)?;
    Ok((metadata.uid(), metadata.gid()))
}

/// The user as whom refgate runs.
pub(super) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Returns the account to change to: the owner of the repository, if root runs this and it is not root's.
pub(super) fn account(layout: &Layout) -> Result<Option<Account>> {
    let (uid, gid) = owner(layout)?;
    if user() != 0 || uid == 0 {
        return Ok(None);
    }
    // A home that was given on purpose, such as the one that Forgejo gives to git, stays.
    let is_own = crate::env::home().is_none_or(|home| home_of(0).is_none_or(|own| own == home));
    let home = if is_own { home_of(uid).or_else(|| Some("/".into())) } else { None };
    Ok(Some(Account { uid, gid, home }))
}

/// Runs as the owner of the repository, in it, so that no file in it becomes root's.
pub(super) fn in_repository(layout: &Layout, run: Run) -> Result<Run> {
    let run = run.in_dir(&layout.common_dir);
    Ok(match account(layout)? {
        Some(account) => run.as_account(&account),
        None => run,
    })
}

/// git in this very repository, whoever owns it.
pub(super) fn git(layout: &Layout) -> Result<Git> {
    let (dir, git_dir) = (layout.common_dir.clone(), layout.git_dir.clone());
    Ok(Git { dir, git_dir, is_named: true, account: account(layout)? })
}

/// The home of an account, as `passwd(5)` has it.
fn home_of(uid: u32) -> Option<PathBuf> {
    let bytes = read_bounded("/etc/passwd".as_ref(), ACCOUNTS_BYTES).ok()??;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields.as_slice() {
            [_, _, id, _, _, home, ..] if *id == uid.to_string() => Some(PathBuf::from(home)),
            _ => None,
        }
    })
}
