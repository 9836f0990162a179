//! Signs as `git commit -S` would: with the format, key and program of the
//! user's git configuration (`git-config(1)`, `gpg.*` and `user.signingKey`).

use std::path::{Path, PathBuf};

use super::git::Git;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::evidence::approval::SignatureForm;
use crate::exec::Run;
use crate::signature::{dearmor_openpgp, dearmor_ssh};

/// What signs: a program and a key.
#[derive(Clone, Debug)]
pub enum Signer {
    /// `ssh-keygen -Y sign`.
    Ssh {
        /// The program.
        program: String,
        /// The key.
        key: SshKey,
    },
    /// `gpg -bs`.
    OpenPgp {
        /// The program.
        program: String,
        /// The key; the program's default if none.
        key: Option<String>,
    },
}

/// Where an SSH key is.
#[derive(Clone, Debug)]
pub enum SshKey {
    /// In a file: a private key, or a public key whose private key an agent holds.
    File(PathBuf),
    /// In an agent; this is its public key.
    Agent(String),
}

/// The namespace of refgate's SSH signatures.
const NAMESPACE: &str = "refgate";

impl Signer {
    /// Returns the signer that the user's configuration names, or that signs with the key in `file`.
    ///
    /// # Errors
    /// No key is configured, or the format is one that refgate does not take.
    pub fn configured(git: &Git, file: Option<&Path>) -> Result<Self> {
        let key = git.config("user.signingKey")?;
        let ssh_program = || {
            Ok::<_, Error>(git.config("gpg.ssh.program")?.unwrap_or_else(|| "ssh-keygen".into()))
        };
        if let Some(file) = file {
            return Ok(Self::Ssh { program: ssh_program()?, key: SshKey::File(file.into()) });
        }
        let format = git.config("gpg.format")?.unwrap_or_else(|| "openpgp".into());
        match format.as_str() {
            "ssh" => Ok(Self::Ssh { program: ssh_program()?, key: ssh_key(git, key)? }),
            "openpgp" => {
                let program = match git.config("gpg.openpgp.program")? {
                    Some(program) => Some(program),
                    None => git.config("gpg.program")?,
                };
                let key = match key {
                    Some(key) => Some(key),
                    None => git.config("user.email")?,
                };
                if key.is_none() {
                    return Err(no_key());
                }
                Ok(Self::OpenPgp { program: program.unwrap_or_else(|| "gpg".into()), key })
            }
            other => Err(Error::new(
                ErrorKind::Usage,
                format!("gpg.format is {other:?}, which refgate cannot verify yet"),
            )
            .hint("sign with an SSH or OpenPGP key: git config gpg.format ssh")),
        }
    }

    /// Signs bytes; returns the signature without its armour.
    ///
    /// # Errors
    /// The program fails; what it says is in the error.
    pub fn sign(&self, payload: &[u8]) -> Result<(SignatureForm, Vec<u8>)> {
        match self {
            Self::Ssh { program, key } => sign_ssh(program, key, payload),
            Self::OpenPgp { program, key } => sign_openpgp(program, key.as_deref(), payload),
        }
    }
}

fn no_key() -> Error {
    Error::new(ErrorKind::Usage, "git's configuration names no key to sign with")
        .hint("git config gpg.format ssh; git config user.signingKey ~/.ssh/id_ed25519.pub")
}

fn ssh_key(git: &Git, key: Option<String>) -> Result<SshKey> {
    let literal = |key: &str| {
        key.strip_prefix("key::")
            .or_else(|| key.starts_with("ssh-").then_some(key))
            .map(str::to_owned)
    };
    if let Some(key) = key {
        return Ok(match literal(&key) {
            Some(key) => SshKey::Agent(key),
            None => SshKey::File(git.config_path("user.signingKey")?.unwrap_or(key).into()),
        });
    }
    let Some(command) = git.config("gpg.ssh.defaultKeyCommand")? else { return Err(no_key()) };
    let mut words = command.split_ascii_whitespace();
    let program = words.next().ok_or_else(no_key)?;
    let outcome = Run::new(program).args(words).in_dir(&git.dir).outcome()?;
    let output = String::from_utf8_lossy(&outcome.stdout).into_owned();
    output.lines().next().and_then(literal).map(SshKey::Agent).ok_or_else(no_key)
}

fn sign_ssh(program: &str, key: &SshKey, payload: &[u8]) -> Result<(SignatureForm, Vec<u8>)> {
    let step = || format!("signing with {program}");
    let dir = tempfile::tempdir().during(ErrorKind::Environment, step)?;
    let buffer = dir.path().join("payload");
    std::fs::write(&buffer, payload).during(ErrorKind::Environment, step)?;
    let mut run = Run::new(program).args(["-Y", "sign", "-n", NAMESPACE]);
    run = match key {
        SshKey::File(path) => run.args(["-f".as_ref(), path.as_os_str()]),
        SshKey::Agent(public) => {
            let file = dir.path().join("key.pub");
            std::fs::write(&file, format!("{public}\n")).during(ErrorKind::Environment, step)?;
            run.args(["-f".as_ref(), file.as_os_str(), "-U".as_ref()])
        }
    };
    let outcome = run.args([&buffer]).outcome()?;
    if !outcome.status.success() {
        return Err(failed(&outcome.stderr).while_(step()));
    }
    let armoured =
        std::fs::read(dir.path().join("payload.sig")).during(ErrorKind::Environment, step)?;
    let signature = dearmor_ssh(&armoured).during(ErrorKind::Environment, step)?;
    Ok((SignatureForm::Ssh, signature))
}

fn sign_openpgp(
    program: &str,
    key: Option<&str>,
    payload: &[u8],
) -> Result<(SignatureForm, Vec<u8>)> {
    let step = || format!("signing with {program}");
    let mut run = Run::new(program).args(["--status-fd=2", "-bsa"]);
    if let Some(key) = key {
        run = run.args(["-u", key]);
    }
    let outcome = run.input(payload.into()).outcome()?;
    let created = outcome
        .stderr
        .split(|b| *b == b'\n')
        .any(|line| line.starts_with(b"[GNUPG:] SIG_CREATED "));
    if !outcome.status.success() || !created {
        return Err(failed(&outcome.stderr).while_(step()));
    }
    let signature = dearmor_openpgp(&outcome.stdout).during(ErrorKind::Environment, step)?;
    Ok((SignatureForm::OpenPgp, signature))
}

fn failed(stderr: &[u8]) -> Error {
    let text = String::from_utf8_lossy(stderr);
    let said: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("[GNUPG:]") && !line.trim().is_empty())
        .collect();
    Error::new(
        ErrorKind::Environment,
        if said.is_empty() { "it made no signature".into() } else { said.join("; ") },
    )
    .hint("check that git can sign with this key: git commit -S --allow-empty --dry-run")
}
