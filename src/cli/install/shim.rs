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

/// The longest first line of a script that every kernel reads whole (`BINPRM_BUF_SIZE` of Linux before 5.1,
/// execve(2)), its end included.
const FIRST_LINE_BYTES: usize = 127;

/// Returns the script of a hook that starts `program`; hooks that make room for it go to `chained`.
///
/// The kernel starts the program from the first line, which saves a shell for each push. Where that
/// line cannot say everything (execve(2): one argument, no blanks in the path), a shell does.
///
/// # Errors
/// A path is not UTF-8.
pub fn text(hook: Hook, program: &Path, hooks: Option<&Path>) -> Result<String> {
    let text = match hook {
        Hook::PreReceive => PRE_RECEIVE,
        Hook::Update => UPDATE,
        Hook::PostReceive => POST_RECEIVE,
        Hook::Vref => VREF,
        Hook::ProcReceive => PROC_RECEIVE,
        Hook::ReferenceTransaction => REFERENCE_TRANSACTION,
    };
    let (shell, rest) = text.split_once('\n').unwrap_or_default();
    let direct = format!("#!{} hook={}", utf8(program)?, hook.name());
    let is_direct = hooks.is_none()
        && program.is_absolute()
        && direct.len() < FIRST_LINE_BYTES
        && direct.split_ascii_whitespace().count() == 2;
    let first = if is_direct { &direct } else { shell };
    let rest = rest.replace("@REFGATE@", &quoted(program)?);
    let rest = match hooks {
        Some(hooks) => {
            let (direct, name) = (format!(" hook={} \"$0\"", hook.name()), hook.name());
            rest.replacen(&direct, &format!(" hook --hooks '{}' {name}", quoted(hooks)?), 1)
        }
        None => rest,
    };
    Ok(format!("{first}\n{rest}"))
}

fn utf8(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| {
        Error::new(ErrorKind::Environment, format!("{} is not UTF-8", path.display()))
    })
}

/// Returns a path as it stands between the quotes of a shell.
fn quoted(path: &Path) -> Result<String> {
    Ok(utf8(path)?.replace('\'', r"'\''"))
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

    #[test]
    fn a_shell_is_started_only_where_the_first_line_cannot_say_everything() {
        let first = |program: &str, hooks: Option<&Path>| {
            let text = text(Hook::PreReceive, Path::new(program), hooks).expect("a script");
            text.lines().next().unwrap_or_default().to_owned()
        };
        assert_eq!(first("/usr/bin/refgate", None), "#!/usr/bin/refgate hook=pre-receive");
        let long = |length: usize| format!("/{}", "x".repeat(length - 1));
        // With `#!`, ` hook=pre-receive` and the end of the line: 127 bytes.
        assert!(first(&long(107), None).ends_with(" hook=pre-receive"));
        assert_eq!(first(&long(108), None), "#!/bin/sh");
        for program in ["/a b/refgate", "/a\tb/refgate", "refgate"] {
            assert_eq!(first(program, None), "#!/bin/sh", "{program}");
        }
        assert_eq!(first("/usr/bin/refgate", Some(Path::new("/etc/hooks"))), "#!/bin/sh");
    }
}
