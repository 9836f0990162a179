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

/// What is signed, which SSH signatures name as their namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Approvals and evidence.
    Refgate,
    /// Commits.
    Git,
}

impl Purpose {
    fn namespace(self) -> &'static str {
        match self {
            Self::Refgate => "refgate",
            Self::Git => "git",
        }
    }
}

impl Signer {
    /// Returns the signer that the user's configuration names, or that signs with the key in `file`.
    ///
    /// # Errors
    /// No key is configured, or the format is one that refgate does not take.
    pub fn configured(git: &Git, file: Option<&Path>) -> Result<Self> {
        let key = git.config("user.signingKey")?;
        let ssh_program = || {
            let program = git.config_path("gpg.ssh.program")?;
            Ok::<_, Error>(program.unwrap_or_else(|| "ssh-keygen".into()))
        };
        if let Some(file) = file {
            let file = git.dir.join(file);
            return Ok(Self::Ssh { program: ssh_program()?, key: SshKey::File(file) });
        }
        let format = git.config("gpg.format")?.unwrap_or_else(|| "openpgp".into());
        match format.as_str() {
            "ssh" => Ok(Self::Ssh { program: ssh_program()?, key: ssh_key(git, key)? }),
            "openpgp" => {
                let program = match git.config_path("gpg.openpgp.program")? {
                    Some(program) => Some(program),
                    None => git.config_path("gpg.program")?,
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

    /// Signs an approval or evidence; returns the signature without its armour.
    ///
    /// # Errors
    /// The program fails; what it says is in the error.
    pub fn sign(&self, payload: &[u8]) -> Result<(SignatureForm, Vec<u8>)> {
        let armoured = self.armoured(Purpose::Refgate, payload)?;
        let step = || "reading the signature".to_owned();
        match self {
            Self::Ssh { .. } => {
                let signature = dearmor_ssh(&armoured).during(ErrorKind::Environment, step)?;
                Ok((SignatureForm::Ssh, signature))
            }
            Self::OpenPgp { .. } => {
                let signature = dearmor_openpgp(&armoured).during(ErrorKind::Environment, step)?;
                Ok((SignatureForm::OpenPgp, signature))
            }
        }
    }

    /// Signs a commit, as `git commit -S` does; returns the armoured signature.
    ///
    /// # Errors
    /// As [`Signer::sign`].
    pub fn sign_commit(&self, commit: &[u8]) -> Result<Vec<u8>> {
        self.armoured(Purpose::Git, commit)
    }

    fn armoured(&self, purpose: Purpose, payload: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Ssh { program, key } => sign_ssh(program, key, purpose, payload),
            Self::OpenPgp { program, key } => sign_openpgp(program, key.as_deref(), payload),
        }
    }
}

fn no_key() -> Error {
    Error::new(ErrorKind::Usage, "git's configuration names no key to sign with")
        .hint("git config gpg.format ssh; git config user.signingKey ~/.ssh/id_ed25519.pub")
}

fn ssh_key(git: &Git, key: Option<String>) -> Result<SshKey> {
    if let Some(key) = key {
        return Ok(match literal(&key) {
            Some(key) => SshKey::Agent(key),
            // git signs at the top of the work tree, so a relative path is relative to that.
            None => {
                SshKey::File(git.top()?.join(git.config_path("user.signingKey")?.unwrap_or(key)))
            }
        });
    }
    let Some(command) = git.config("gpg.ssh.defaultKeyCommand")? else { return Err(no_key()) };
    let failed = |why: String| {
        Error::new(ErrorKind::Environment, why)
            .while_(format!("running gpg.ssh.defaultKeyCommand, {command}"))
            .hint("it has to print a key such as key::ssh-ed25519 AAAA..., as ssh-add -L does")
    };
    let words = shlex::split(&command).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| failed("its quotes do not match".into()))?;
    let Some((program, words)) = words.split_first() else { return Err(no_key()) };
    let outcome = Run::new(program).args(words).in_dir(&git.dir).outcome()?;
    let output = String::from_utf8_lossy(&outcome.stdout).into_owned();
    output.lines().next().and_then(literal).map(SshKey::Agent).ok_or_else(|| {
        failed(if outcome.status.success() {
            "its first line is no SSH key".into()
        } else {
            String::from_utf8_lossy(&outcome.stderr).trim().to_owned()
        })
    })
}

/// Returns the public key that a value names itself, as git understands it.
fn literal(key: &str) -> Option<String> {
    key.strip_prefix("key::").or_else(|| key.starts_with("ssh-").then_some(key)).map(str::to_owned)
}

fn sign_ssh(program: &str, key: &SshKey, purpose: Purpose, payload: &[u8]) -> Result<Vec<u8>> {
    let step = || format!("signing with {program}");
    let dir = tempfile::tempdir().during(ErrorKind::Environment, step)?;
    let buffer = dir.path().join("payload");
    std::fs::write(&buffer, payload).during(ErrorKind::Environment, step)?;
    let mut run = Run::new(program).args(["-Y", "sign", "-n", purpose.namespace()]);
    run = match key {
        SshKey::File(path) => {
            if !path.exists() {
                let why = format!("there is no key {}", path.display());
                return Err(Error::new(ErrorKind::Environment, why).while_(step()).hint(
                    "name a key that is there: git config user.signingKey ~/.ssh/id_ed25519.pub",
                ));
            }
            run.args(["-f".as_ref(), path.as_os_str()])
        }
        SshKey::Agent(public) => {
            let file = dir.path().join("key.pub");
            std::fs::write(&file, format!("{public}\n")).during(ErrorKind::Environment, step)?;
            run.args(["-f".as_ref(), file.as_os_str(), "-U".as_ref()])
        }
    };
    let outcome = run.args([&buffer]).outcome()?;
    if !outcome.status.success() {
        let error = failed(&outcome.stderr).while_(step());
        return Err(match key {
            SshKey::File(_) => {
                error.hint("check that git can sign with this key: git commit -S --allow-empty")
            }
            SshKey::Agent(_) => {
                error.hint("check that the agent holds this key: ssh-add -L; add it: ssh-add FILE")
            }
        });
    }
    std::fs::read(dir.path().join("payload.sig")).during(ErrorKind::Environment, step)
}

fn sign_openpgp(program: &str, key: Option<&str>, payload: &[u8]) -> Result<Vec<u8>> {
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
        return Err(failed(&outcome.stderr).while_(step()).hint(
            "check that gpg has the secret key: gpg --list-secret-keys; name it: git config user.signingKey KEY",
        ));
    }
    Ok(outcome.stdout)
}

fn failed(stderr: &[u8]) -> Error {
    let text = String::from_utf8_lossy(stderr);
    let said: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("[GNUPG:]") && !line.trim().is_empty())
        .collect();
    Error::new(
        ErrorKind::Environment,
        if said.is_empty() { "it made no signature".into() } else { said.join("\n") },
    )
}
