//! Which files of a repository decide what is trusted.

use super::{config, structure};

/// Path of the OpenSSH file of allowed signers.
pub const ALLOWED_SIGNERS: &str = "meta/allowed_signers";

/// Directory of OpenPGP certificates, and of public keys in PEM.
pub const KEYRING: &str = "meta/keyring";

/// Path of the authorities and logs that Sigstore bundles are verified with.
pub const SIGSTORE_ROOT: &str = "meta/sigstore/trusted_root.json";

/// Says whether a path is that of a trusted file; `template` is that of the release document's template.
///
/// A change of one needs the trust threshold: it decides how later pushes are judged.
#[must_use]
pub fn is_trusted_path(path: &[u8], template: &str) -> bool {
    let below = |directory: &str| {
        path.strip_prefix(directory.as_bytes())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    let files = [structure::FILE, config::FILE, ALLOWED_SIGNERS, template, "meta"];
    files.iter().any(|file| path == file.as_bytes())
        || [KEYRING, "meta/sigstore"].into_iter().any(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trusted_files_are_known_by_their_path() {
        let trusted =
            |path: &str| is_trusted_path(path.as_bytes(), "templates/document-template.md");
        for path in [
            "meta/STRUCTURE.md",
            "meta/refgate.toml",
            "meta/allowed_signers",
            "meta/keyring/ada.asc",
            "meta/keyring",
            "meta/sigstore/trusted_root.json",
            "meta/sigstore",
            "meta",
            "templates/document-template.md",
        ] {
            assert!(trusted(path), "{path}");
        }
        for path in [
            "meta/README.md",
            "metadata",
            "meta/keyrings",
            "a/meta/STRUCTURE.md",
            "templates/other.md",
        ] {
            assert!(!trusted(path), "{path}");
        }
    }
}
