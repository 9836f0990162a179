//! What the nonce of a push certificate is held against.
//!
//! This is the one place where judging starts a program: git, for its secret, and only where the settings
//! require signed pushes and one was made. git alone knows which files its configuration is in.

use crate::certificate::{Issuer, Presented};
use crate::env::HookEnvironment;
use crate::error::{ErrorKind, Result, ResultExt as _};
use crate::exec::Run;
use crate::receive_pack::ReceivePack;
use crate::repo::layout::Layout;
use crate::settings::{Require, Settings};

/// Returns the push certificate, with what its nonce is held against, where the settings ask for one.
///
/// The secret comes from the files of git's configuration, as git reads them without a word of the client.
///
/// # Errors
/// git did not start this hook, or cannot be asked.
pub(super) fn presented(
    environment: &HookEnvironment,
    layout: &Layout,
    settings: &Settings,
) -> Result<Option<Presented>> {
    let (Some(claim), Require::SignedPush) = (&environment.certificate, settings.identity.require)
    else {
        return Ok(None);
    };
    let started = ReceivePack::find()?;
    let git_dir = std::path::absolute(&layout.git_dir)
        .during(ErrorKind::Environment, || "finding the git directory".into())?;
    let seed = Run::new("git")
        .without_git_variables()
        .variable("GIT_DIR", git_dir)
        .args(["config", "-z", "--get", "receive.certNonceSeed"])
        .outcome()?;
    let seed = seed.stdout.strip_suffix(b"\0").filter(|seed| !seed.is_empty());
    let issuer = seed.map(|seed| Issuer {
        seed: seed.to_vec(),
        path: started.path.clone(),
        hash: layout.hash,
    });
    let is_forged = started.was_told_of_certificate;
    Ok(Some(Presented { claim: claim.clone(), issuer, is_forged }))
}
