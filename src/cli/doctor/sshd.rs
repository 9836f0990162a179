//! What sshd lets a client say about its environment.

use std::path::{Path, PathBuf};

use super::{Check, State};
use crate::repo::layout::read_bounded;

/// A configuration beyond this size is none.
const CONFIG_BYTES: u64 = 1 << 20;

/// How deep files may include each other.
const DEPTH: usize = 4;

/// Looks for variables with which a client could switch hooks off (T132); nothing if sshd is not here.
pub(super) fn check(file: &Path) -> Option<Check> {
    if !file.exists() {
        return None;
    }
    let mut accepted = Vec::new();
    if let Err(problem) = read(file, DEPTH, &mut accepted) {
        return Some(Check::not("sshd", State::Unknown, problem, "run this as root"));
    }
    let dangerous: Vec<String> =
        accepted.into_iter().filter(|pattern| is_dangerous(pattern)).collect();
    Some(if dangerous.is_empty() {
        Check::ok("sshd", "clients cannot set variables of git")
    } else {
        let found = format!("{} has AcceptEnv {}", file.display(), dangerous.join(" "));
        Check::not(
            "sshd",
            State::Problem,
            found,
            "clients can switch hooks off with it; write AcceptEnv GIT_PROTOCOL",
        )
    })
}

fn read(file: &Path, depth: usize, accepted: &mut Vec<String>) -> Result<(), String> {
    let bytes = read_bounded(file, CONFIG_BYTES).map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
    for line in text.lines() {
        let Some((keyword, values)) = directive(line) else { continue };
        if keyword.eq_ignore_ascii_case("AcceptEnv") {
            accepted.extend(values.split_ascii_whitespace().map(|word| unquoted(word).to_owned()));
        } else if keyword.eq_ignore_ascii_case("Include") && depth > 0 {
            for pattern in values.split_ascii_whitespace().map(unquoted) {
                for file in included(file, pattern)? {
                    read(&file, depth - 1, accepted)?;
                }
            }
        }
    }
    Ok(())
}

/// A line as `sshd_config(5)` reads it: a keyword, blanks or one `=`, and values.
fn directive(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find(|c: char| c.is_ascii_whitespace() || c == '=')?;
    let (keyword, values) = line.split_at_checked(end)?;
    Some((keyword, values.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '=')))
}

fn unquoted(word: &str) -> &str {
    word.trim_matches('"')
}

/// Files that an `Include` names: one, or those of a directory with an ending, as Debian has it.
fn included(from: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let base = from.parent().unwrap_or(Path::new("/"));
    let path = base.join(pattern);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let Some((before, after)) = name.as_deref().and_then(|name| name.split_once('*')) else {
        return Ok(vec![path]);
    };
    let directory = path.parent().unwrap_or(base);
    let mut found = Vec::new();
    if !directory.is_dir() {
        return Ok(found);
    }
    let entries = std::fs::read_dir(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    for entry in entries {
        let entry = entry.map_err(|error| format!("{}: {error}", directory.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(before) && name.ends_with(after) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Says whether a pattern matches a variable that git or refgate would believe.
fn is_dangerous(pattern: &str) -> bool {
    const BELIEVED: [&str; 9] = [
        "GIT_CONFIG_COUNT",
        "GIT_DIR",
        "GIT_OBJECT_DIRECTORY",
        "GIT_TRACE",
        "GIT_EXEC_PATH",
        "GIT_PUSH_CERT",
        "REFGATE_USER",
        "GL_USER",
        "PATH",
    ];
    pattern.starts_with("GIT_") && pattern != "GIT_PROTOCOL"
        || BELIEVED.iter().any(|name| matches(pattern.as_bytes(), name.as_bytes()))
}

/// `*` is any text and `?` one byte, as in `ssh_config(5)` PATTERNS.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            matches(rest, text) || text.split_first().is_some_and(|(_, t)| matches(pattern, t))
        }
        (Some((b'?', pattern)), Some((_, text))) => matches(pattern, text),
        (Some((p, pattern)), Some((t, text))) => p == t && matches(pattern, text),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t132_variables_that_git_believes_are_found_wherever_they_stand() {
        let directory = tempfile::tempdir().expect("a directory");
        let main = directory.path().join("sshd_config");
        let part = directory.path().join("sshd_config.d/git.conf");
        std::fs::create_dir(part.parent().expect("a directory")).expect("made");
        for (text, part_text, bad) in [
            ("AcceptEnv LANG LC_*\n", "", false),
            ("AcceptEnv GIT_PROTOCOL\n", "", false),
            ("acceptenv GIT_*\n", "", true),
            ("AcceptEnv LANG \"GIT_CONFIG_*\"\n", "", true),
            ("AcceptEnv=G*\n", "", true),
            ("AcceptEnv *\n", "", true),
            ("AcceptEnv GIT_AUTHOR_NAME\n", "", true),
            ("# AcceptEnv GIT_*\n", "", false),
            ("Include sshd_config.d/*.conf\n", "Match User git\n  AcceptEnv GIT_*\n", true),
            ("Include sshd_config.d/*.conf\n", "AcceptEnv LANG\n", false),
            ("Include sshd_config.d/git.conf\n", "AcceptEnv REFGATE_*\n", true),
        ] {
            std::fs::write(&main, text).expect("written");
            std::fs::write(&part, part_text).expect("written");
            let check = check(&main).expect("a configuration");
            assert_eq!(check.state == State::Problem, bad, "{text}{part_text}{check:?}");
        }
        assert_eq!(check(&directory.path().join("nowhere")), None);
    }
}
