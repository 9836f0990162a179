//! The root of trust in a repository's server settings: `refgate install` writes it, `refgate uninstall` takes it out.

use std::path::Path;

use super::hook::settings;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{CommitId, parse_hex};
use crate::policy::structure;
use crate::refname::RefName;
use crate::repo::layout::Layout;
use crate::repo::objects::Trusted;
use crate::repo::refs::Refs;
use crate::repo::view::View;
use crate::settings::{Settings, SettingsFile};
use crate::signature::key::KeyRef;
use crate::snapshot::{Ask, Rules};

/// The line by which `uninstall` knows what `install` wrote.
const MARK: &str = "# Written by \"refgate install\", removed by \"refgate uninstall\".\n";

const TABLE: &str = "[trust-root]\n";

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

/// Returns settings with the root of trust behind what they say already; `None` if they name this one.
///
/// # Errors
/// They name another one.
pub(super) fn with(
    settings: &Settings,
    file: &Path,
    before: Option<&str>,
    root: &str,
) -> Result<Option<String>> {
    if let Some(present) = &settings.trust_root {
        let parsed = Settings::read(None, Some(SettingsFile { path: "", bytes: root.as_bytes() }));
        if parsed.is_ok_and(|parsed| parsed.trust_root.as_ref() == Some(present)) {
            return Ok(None);
        }
        let what = "the settings name another root of trust already";
        return Err(Error::new(ErrorKind::Usage, what).hint(format!("see {}", file.display())));
    }
    Ok(Some(before.map_or_else(|| root.to_owned(), |before| format!("{before}\n{root}"))))
}

/// Returns settings without what [`with`] added; `None` if it is not there as it was written.
#[must_use]
pub(super) fn without(text: &str) -> Option<String> {
    let (before, rest) = text.split_once(MARK)?;
    let (value, after) = rest.strip_prefix(TABLE)?.split_once('\n')?;
    let is_ours = value.starts_with("commit = ") || value.starts_with("keys = ");
    let ends = after.lines().find(|line| !line.trim().is_empty());
    if !is_ours || ends.is_some_and(|line| !line.starts_with('[')) {
        return None;
    }
    let before = before.strip_suffix('\n').unwrap_or(before);
    let gap = !before.is_empty() && !before.ends_with('\n') && !after.is_empty();
    Some([before, if gap { "\n" } else { "" }, after].concat())
}

/// Says what is still needed where nobody is trusted yet and no root of trust is named.
///
/// # Errors
/// The repository or its settings cannot be read.
pub(super) fn advice(layout: &Layout, path: &Path) -> Result<Vec<String>> {
    let settings = settings(layout)?;
    if settings.trust_root.is_some() {
        return Ok(Vec::new());
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
                Ok(Some(_)) => return Ok(Vec::new()),
                // Rules that are there and wrong are what the hook and policy check report.
                Err(error) if error.kind() == ErrorKind::Policy => return Ok(Vec::new()),
                Err(error) => return Err(error),
            }
            format!("{trust_ref} has no {} yet", structure::FILE)
        }
    };
    Ok(vec![
        format!("{lacks}, so every push to a protected ref is refused."),
        "Name the key that will sign the commit that brings it (ssh-keygen -lf KEY.pub):".into(),
        format!("    refgate install --trust-root SHA256:... {}", path.display()),
    ])
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
    fn what_was_written_comes_out_again_byte_by_byte_and_nothing_else() {
        let root = root(&[ID]);
        let with = |before: Option<&str>| {
            let settings = Settings::default();
            let text = with(&settings, Path::new("x"), before, &root).expect("none is named");
            text.expect("written")
        };
        assert_eq!(without(&with(None)).as_deref(), Some(""));
        for before in [
            "",
            "\n",
            "log = \"/var/log/refgate\"",
            "log = \"/var/log/refgate\"\n",
            "[limits]\ncommits = 7\n\n\n",
        ] {
            let written = with(Some(before));
            assert_eq!(without(&written).as_deref(), Some(before), "{written}");
            let parsed =
                Settings::read(None, Some(SettingsFile { path: "x", bytes: written.as_bytes() }));
            assert!(parsed.expect("settings").trust_root.is_some(), "{written}");
        }
        for (before, after) in
            [("log = \"/a\"\n", "log = \"/a\"\n\n"), ("log = \"/a\"", "log = \"/a\"\n\n")]
        {
            let followed = format!("{}\n[limits]\ncommits = 7\n", with(Some(before)));
            let expected = format!("{after}[limits]\ncommits = 7\n");
            assert_eq!(without(&followed), Some(expected));
        }
        for of_the_administrator in [
            format!("[trust-root]\ncommit = \"{ID}\"\n"),
            root.replace("commit", "# commit"),
            format!("{root}keys = []\n"),
            "log = \"/a\"\n".into(),
            String::new(),
        ] {
            assert_eq!(without(&of_the_administrator), None, "{of_the_administrator}");
        }
    }

    #[test]
    fn the_same_root_again_changes_nothing_and_another_is_refused() {
        let written = root(&[ID]);
        let settings =
            Settings::read(None, Some(SettingsFile { path: "x", bytes: written.as_bytes() }))
                .expect("settings");
        let again = |root: &str| with(&settings, Path::new("x"), Some(&written), root);
        assert_eq!(again(&written).expect("the same"), None);
        let other = root(&["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"]);
        assert_eq!(again(&other).expect_err("another").kind(), ErrorKind::Usage);
    }
}
