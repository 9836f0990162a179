//! The key of the server.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};
use spki::der::pem::{LineEnding, encode_string};

use crate::client::pem::PemSigner;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::repo::layout::Layout;
use crate::signature::pem_fingerprint;

/// Where the key is, in the git directory.
const FILE: &str = "refgate/summary-key.pem";

/// What stands before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410 §7).
const PKCS8_HEAD: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// A key that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The file of the private key.
    pub path: PathBuf,
    /// The public key, in PEM.
    pub public: String,
    /// The fingerprint by which people list it.
    pub fingerprint: String,
}

/// Returns the place of a repository's key.
#[must_use]
pub fn path(layout: &Layout) -> PathBuf {
    layout.common_dir.join(FILE)
}

/// Makes the key of a repository; `None` if it has one.
///
/// Only the owner of the repository, as whom the hook runs, may read it.
///
/// # Errors
/// It cannot be written, or the system gives no random numbers.
pub fn make(layout: &Layout) -> Result<Option<Made>> {
    let path = path(layout);
    if path.symlink_metadata().is_ok() {
        return Ok(None);
    }
    let step = || format!("writing {}", path.display());
    let owner = std::fs::metadata(&layout.common_dir).during(ErrorKind::Environment, step)?;
    let own = |path: &Path| -> std::io::Result<()> {
        let is = path.metadata()?;
        if (is.uid(), is.gid()) == (owner.uid(), owner.gid()) {
            return Ok(());
        }
        std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid()))
    };
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)
            .and_then(|()| own(directory))
            .during(ErrorKind::Environment, step)?;
    }
    // A key that was cut short would be taken for one later.
    let temporary = path.with_extension("pem.new");
    let pem = generate()?;
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| own(&temporary))
        .and_then(|()| std::fs::rename(&temporary, &path))
        .during(ErrorKind::Environment, step)?;
    let public = PemSigner::read(&path)?.public_key()?;
    let fingerprint =
        pem_fingerprint(&public).map_err(|why| Error::new(ErrorKind::Internal, why))?;
    Ok(Some(Made { path, public, fingerprint }))
}

/// Makes an Ed25519 key, in the form that every tool reads.
fn generate() -> Result<String> {
    let mut seed = [0; 32];
    SystemRandom::new()
        .fill(&mut seed)
        .map_err(|_| Error::new(ErrorKind::Environment, "the system gives no random numbers"))?;
    let der = [&PKCS8_HEAD[..], &seed[..]].concat();
    encode_string("PRIVATE KEY", LineEnding::LF, &der)
        .during(ErrorKind::Internal, || "writing a key in PEM".into())
}

/// Opens the key of a repository.
///
/// # Errors
/// There is none, or it is no key.
pub fn open(layout: &Layout) -> Result<PemSigner> {
    let path = path(layout);
    if path.symlink_metadata().is_err() {
        let what = format!("there is no key {}", path.display());
        return Err(Error::new(ErrorKind::Environment, what)
            .hint(format!("make one: refgate install {}", layout.common_dir.display())));
    }
    PemSigner::read(&path)
}
