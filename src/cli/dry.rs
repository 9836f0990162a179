//! The dry push of `refgate doctor`: the hook judges it like any other, never accepts it, and does not record it.
//!
//! A client could ask for that in the same words, to try the guard out unseen. So the doctor, who can write to the
//! repository, leaves a word there that nobody else knows, and says it to the hook in a variable.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use ring::rand::{SecureRandom as _, SystemRandom};

use super::server::account;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::ledger::Ledger;
use crate::repo::layout::{Layout, read_bounded};

/// The variable in which the word is said.
pub(super) const VARIABLE: &str = "REFGATE_DOCTOR";

/// The file in the git directory in which it stands, for as long as the push takes.
const FILE: &str = "refgate.doctor";

/// A word is 64 hex digits.
const WORD_BYTES: usize = 64;

/// The word of one dry push; it is forgotten when this is dropped.
pub(super) struct Word {
    file: PathBuf,
    /// The word.
    pub(super) text: String,
}

impl Word {
    /// Leaves a word where the hook can read it, and nobody but the owner of the repository and root.
    ///
    /// # Errors
    /// It cannot be written, or the system gives no random numbers.
    pub(super) fn leave(layout: &Layout) -> Result<Self> {
        let mut random = [0; WORD_BYTES / 2];
        SystemRandom::new().fill(&mut random).map_err(|_| {
            Error::new(ErrorKind::Environment, "the system gives no random numbers")
        })?;
        let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let file = layout.common_dir.join(FILE);
        let step = || format!("writing {}", file.display());
        // One that an interrupted run has left is nobody's any more.
        drop(std::fs::remove_file(&file));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut opened = options.open(&file).during(ErrorKind::Environment, step)?;
        let word = Self { file: file.clone(), text };
        opened.write_all(word.text.as_bytes()).during(ErrorKind::Environment, step)?;
        if let Some(account) = account(layout)? {
            std::os::unix::fs::chown(&file, Some(account.uid), Some(account.gid))
                .during(ErrorKind::Environment, step)?;
        }
        Ok(word)
    }
}

impl Drop for Word {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.file));
    }
}

/// Says whether a hook runs for a dry push: the word that is said is the one that was left.
///
/// # Errors
/// A word is said, and the one that was left cannot be read.
pub(super) fn is_asked(layout: &Layout, said: Option<&str>) -> Result<bool> {
    let Some(said) = said.filter(|said| said.len() == WORD_BYTES) else { return Ok(false) };
    let left = read_bounded(&layout.common_dir.join(FILE), WORD_BYTES as u64)?;
    Ok(left.is_some_and(|left| left == said.as_bytes()))
}

/// Goes on if a judgement could be recorded, without recording one.
///
/// # Errors
/// The ledger belongs to somebody else, say, or lies on a disk that is read-only.
pub(super) fn require_writable(ledger: &Ledger) -> Result<()> {
    let step = || format!("recording in {}", ledger.directory().display());
    if let Some(file) = ledger.files()?.last() {
        let opened = std::fs::OpenOptions::new().append(true).open(file);
        return opened.map(drop).during(ErrorKind::Environment, step);
    }
    let directory = ledger.directory().ancestors().find(|directory| directory.is_dir());
    let directory = directory.unwrap_or_else(|| ledger.directory());
    rustix::fs::access(directory, rustix::fs::Access::WRITE_OK).during(ErrorKind::Environment, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::HashKind;

    #[test]
    fn only_the_word_that_was_left_counts_and_only_while_it_is_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let git_dir = dir.path().to_path_buf();
        let layout = Layout {
            git_dir: git_dir.clone(),
            common_dir: git_dir,
            hash: HashKind::Sha1,
            refs: crate::repo::layout::RefFormat::Files,
        };
        let asked = |said: Option<&str>| is_asked(&layout, said).expect("read");
        assert!(!asked(Some(&"0".repeat(WORD_BYTES))), "nothing was left");
        let word = Word::leave(&layout).expect("left");
        let text = word.text.clone();
        assert!(asked(Some(&text)));
        for other in [None, Some(""), Some("1"), Some(&*"0".repeat(WORD_BYTES))] {
            assert!(!asked(other), "{other:?}");
        }
        drop(word);
        assert!(!asked(Some(&text)));
    }
}
