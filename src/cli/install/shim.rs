//! The few lines that git or a server starts, which do nothing but start refgate.

use std::path::{Path, PathBuf};

use super::super::args::Hook;
use crate::error::{Error, ErrorKind, Result};
use crate::repo::layout::read_bounded;

const PRE_RECEIVE: &str = include_str!("../../../hooks/pre-receive");
const UPDATE: &str = include_str!("../../../hooks/update");
const POST_RECEIVE: &str = include_str!("../../../hooks/post-receive");
const VREF: &str = include_str!("../../../hooks/vref");
const PROC_RECEIVE: &str = include_str!("../../../hooks/proc-receive");
const REFERENCE_TRANSACTION: &str = include_str!("../../../hooks/reference-transaction");

/// The line by which our hooks are known.
const MARK: &str = "# refgate: judges each push";

/// A script beyond this size is none of ours.
const SCRIPT_BYTES: u64 = 1 << 20;

/// Returns the script of a hook that starts `program`; hooks that make room for it go to `chained`.
///
/// # Errors
/// A path is not UTF-8.
pub fn text(hook: Hook, program: &Path, hooks: Option<&Path>) -> Result<String> {
    let quoted = |path: &Path| {
        let text = path.to_str().ok_or_else(|| {
            Error::new(ErrorKind::Environment, format!("{} is not UTF-8", path.display()))
        })?;
        Ok::<_, Error>(text.replace('\'', r"'\''"))
    };
    let text = match hook {
        Hook::PreReceive => PRE_RECEIVE,
        Hook::Update => UPDATE,
        Hook::PostReceive => POST_RECEIVE,
        Hook::Vref => VREF,
        Hook::ProcReceive => PROC_RECEIVE,
        Hook::ReferenceTransaction => REFERENCE_TRANSACTION,
    };
    let text = text.replace("@REFGATE@", &quoted(program)?);
    match hooks {
        Some(hooks) => {
            let beside = format!(" hook --hooks '{}' ", quoted(hooks)?);
            Ok(text.replacen(" hook ", &beside, 1))
        }
        None => Ok(text),
    }
}

/// Says whether a file is a script of ours.
///
/// # Errors
/// It cannot be read.
pub fn is_ours(file: &Path) -> Result<bool> {
    if !file.is_file() {
        return Ok(false);
    }
    let bytes = read_bounded(file, SCRIPT_BYTES)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).lines().nth(1).is_some_and(|line| line.starts_with(MARK)))
}

/// Returns the program that a script of ours starts.
#[must_use]
pub fn program_of(text: &str) -> Option<PathBuf> {
    let line = text.lines().find_map(|line| line.split_once("exec '"))?.1;
    // The path ends at a quote that does not belong to an escaped one.
    let mut path = String::new();
    let mut rest = line;
    loop {
        let (part, behind) = rest.split_once('\'')?;
        path.push_str(part);
        match behind.strip_prefix(r"\''") {
            Some(further) => {
                path.push('\'');
                rest = further;
            }
            None => return Some(path.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_again_however_it_is_called() {
        for program in ["/usr/local/bin/refgate", "/opt/it's/refgate", "/a b/'/refgate"] {
            for hook in Hook::ALL {
                for hooks in [None, Some(Path::new("/etc/x's/hooks"))] {
                    let text = text(hook, Path::new(program), hooks).expect("a script");
                    assert_eq!(program_of(&text).as_deref(), Some(Path::new(program)), "{text}");
                }
            }
        }
        assert_eq!(program_of("#!/bin/sh\nexit 0\n"), None);
    }
}
