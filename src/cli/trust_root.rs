//! The root of trust in a repository's server settings: `refgate install` writes it, `refgate uninstall` takes it out.

use std::path::{Path, PathBuf};

use super::hook::{REPOSITORY_SETTINGS, settings};
use super::output::Output;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::id::{CommitId, parse_hex};
use crate::policy::structure;
use crate::refname::RefName;
use crate::repo::layout::{Layout, read_bounded};
use crate::repo::objects::Trusted;
use crate::repo::refs::Refs;
use crate::repo::view::View;
use crate::signature::key::KeyRef;
use crate::snapshot::{Ask, Rules};

/// The line by which `uninstall` knows what `install` wrote.
const MARK: &str = "# Written by \"refgate install\", removed by \"refgate uninstall\".\n";

const TABLE: &str = "[trust-root]\n";

/// How much of a settings file is read.
const SETTINGS_BYTES: u64 = 1 << 20;

/// Reads what the administrator named, one commit or keys, as a table of the settings.
///
/// # Errors
/// A word is neither.
pub(super) fn parse(texts: &[String]) -> Result<Option<String>> {
    if texts.is_empty() {
        return Ok(None);
    }
    if let [only] = texts
        && parse_hex(only.as_bytes()).is_some()
        // Forty digits may also be an OpenPGP fingerprint, which people write in capitals.
        && !only.bytes().any(|b| b.is_ascii_uppercase())
    {
        return Ok(Some(format!("{MARK}{TABLE}commit = \"{only}\"\n")));
    }
    let mut keys = Vec::new();
    for text in texts {
        let key = KeyRef::parse(text).map_err(|error| {
            Error::new(ErrorKind::Usage, format!("--trust-root {text:?}: {error}"))
                .hint("give a full commit id in lower case, or the fingerprint that ssh-keygen -lf KEY prints")
        })?;
        if matches!(key, KeyRef::Sigstore(_)) {
            let message =
                format!("--trust-root {text:?}: it makes no signatures but those of evidence");
            return Err(Error::new(ErrorKind::Usage, message)
                .hint("give the fingerprint that ssh-keygen -lf KEY prints"));
        }
        keys.push(format!("\"{key}\""));
    }
    Ok(Some(format!("{MARK}{TABLE}keys = [{}]\n", keys.join(", "))))
}

/// Writes the root of trust behind what the settings of the repository say already.
///
/// # Errors
/// They name one already, or cannot be read or written.
pub(super) fn write(layout: &Layout, root: &str, out: &mut Output) -> Result<()> {
    let file = file(layout);
    let existing = read(&file)?.unwrap_or_default();
    if settings(layout)?.trust_root.is_some() {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("the settings of {} name a root of trust already", layout.common_dir.display()),
        )
        .hint(format!("see {}", file.display())));
    }
    let text = match existing.trim_end() {
        "" => root.to_owned(),
        before => format!("{before}\n\n{root}"),
    };
    std::fs::write(&file, text)
        .during(ErrorKind::Environment, || format!("writing {}", file.display()))?;
    out.line(&format!("wrote the root of trust to {}", file.display()));
    Ok(())
}

/// Takes out what [`write`] wrote; a root of trust that was edited since stays.
///
/// # Errors
/// The settings cannot be read or written.
pub(super) fn remove(layout: &Layout, out: &mut Output) -> Result<()> {
    let file = file(layout);
    let Some(text) = read(&file)? else { return Ok(()) };
    let step = || format!("writing {}", file.display());
    match without_root(&text) {
        Some(rest) if rest.is_empty() => {
            std::fs::remove_file(&file).during(ErrorKind::Environment, step)?;
            out.line(&format!("removed {}", file.display()));
        }
        Some(rest) => {
            std::fs::write(&file, rest).during(ErrorKind::Environment, step)?;
            out.line(&format!("removed the root of trust from {}", file.display()));
        }
        None => out.line(&format!("{} is yours and stays", file.display())),
    }
    Ok(())
}

/// Returns settings without what [`write`] added; `None` if it is not there as it was written.
fn without_root(text: &str) -> Option<String> {
    let (before, rest) = text.split_once(MARK)?;
    let (value, after) = rest.strip_prefix(TABLE)?.split_once('\n')?;
    let is_ours = value.starts_with("commit = ") || value.starts_with("keys = ");
    let ends = after.lines().find(|line| !line.trim().is_empty());
    if !is_ours || ends.is_some_and(|line| !line.starts_with('[')) {
        return None;
    }
    let before = before.trim_end();
    let after = after.trim_start_matches('\n');
    Some(match (before, after) {
        ("", after) => after.to_owned(),
        (before, "") => format!("{before}\n"),
        (before, after) => format!("{before}\n\n{after}"),
    })
}

/// Says what is still needed where nobody is trusted yet and no root of trust is named.
///
/// # Errors
/// The repository or its settings cannot be read.
pub(super) fn advise(layout: &Layout, path: &Path, out: &mut Output) -> Result<()> {
    let settings = settings(layout)?;
    if settings.trust_root.is_some() {
        return Ok(());
    }
    let named = settings.trust_ref.as_deref().and_then(|name| RefName::parse(name.as_bytes()));
    let view = View::Server(Refs::new(layout));
    let trust_ref = view.trust_ref(named.as_ref())?;
    let lacks = match view.resolve(&trust_ref)?.value {
        None => format!("{trust_ref} does not exist yet"),
        Some(tip) => {
            let objects = Trusted::open(&layout.objects_dir(), layout.hash)?;
            let ask = Ask {
                trust_ref: &trust_ref,
                repository: None,
                limits: &settings.limits,
                now: crate::clock::now(),
            };
            match Rules::find(&objects, CommitId(tip), &ask) {
                Ok(None) => {}
                Ok(Some(_)) => return Ok(()),
                // Rules that are there and wrong are what the hook and policy check report.
                Err(error) if error.kind() == ErrorKind::Policy => return Ok(()),
                Err(error) => return Err(error),
            }
            format!("{trust_ref} has no {} yet", structure::FILE)
        }
    };
    out.note(&format!("{lacks}, so every push to a protected ref is refused."));
    out.note("Name the key that will sign the commit that brings it (ssh-keygen -lf KEY.pub):");
    out.note(&format!("    refgate install --trust-root SHA256:... {}", path.display()));
    Ok(())
}

fn file(layout: &Layout) -> PathBuf {
    layout.common_dir.join(REPOSITORY_SETTINGS)
}

fn read(file: &Path) -> Result<Option<String>> {
    let Some(bytes) = read_bounded(file, SETTINGS_BYTES)? else { return Ok(None) };
    String::from_utf8(bytes)
        .map(Some)
        .during(ErrorKind::Policy, || format!("reading {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn root(texts: &[&str]) -> String {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        parse(&texts).expect("a root of trust").expect("is named")
    }

    #[test]
    fn a_root_is_one_commit_or_keys() {
        assert_eq!(root(&[ID]), format!("{MARK}[trust-root]\ncommit = \"{ID}\"\n"));
        let key = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
        assert_eq!(
            root(&[key, key]),
            format!("{MARK}[trust-root]\nkeys = [\"{key}\", \"{key}\"]\n")
        );
        let openpgp = root(&[&ID.to_uppercase()]);
        assert!(openpgp.contains("keys = ["), "{openpgp}");
        assert_eq!(parse(&[]).expect("nothing is named"), None);
        for wrong in ["HEAD", "SHA256:short", ""] {
            let error = parse(&[wrong.to_owned()]).expect_err(wrong);
            assert_eq!(error.kind(), ErrorKind::Usage, "{wrong}");
        }
    }

    #[test]
    fn what_was_written_comes_out_again_and_nothing_else() {
        let root = root(&[ID]);
        for before in ["", "log = \"/var/log/refgate\"\n", "[limits]\ncommits = 7\n"] {
            let written = match before.trim_end() {
                "" => root.clone(),
                before => format!("{before}\n\n{root}"),
            };
            assert_eq!(without_root(&written).as_deref(), Some(before), "{written}");
        }
        let followed = format!("log = \"/a\"\n\n{root}\n[limits]\ncommits = 7\n");
        assert_eq!(
            without_root(&followed).as_deref(),
            Some("log = \"/a\"\n\n[limits]\ncommits = 7\n")
        );
        for of_the_administrator in [
            format!("[trust-root]\ncommit = \"{ID}\"\n"),
            root.replace("commit", "# commit"),
            format!("{root}keys = []\n"),
            "log = \"/a\"\n".into(),
            String::new(),
        ] {
            assert_eq!(without_root(&of_the_administrator), None, "{of_the_administrator}");
        }
    }
}
