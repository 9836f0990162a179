//! Asks for what flags do not say, where somebody sits at a terminal.
//!
//! An answer that does not fit is asked for again, with the reason. Whoever ends the input (Ctrl-D) wants
//! no request: the command ends before it has written anything.

use std::io::{BufRead as _, IsTerminal as _};

use crate::cli::output::Output;
use crate::error::{Error, ErrorKind, Result};

/// Somebody at a terminal, or nobody.
pub(super) struct Asker {
    can_ask: bool,
}

impl Asker {
    /// Asks if standard input is a terminal and not taken for something else.
    pub(super) fn new(input_is_taken: bool) -> Self {
        Self { can_ask: !input_is_taken && std::io::stdin().is_terminal() }
    }

    /// Asks until an answer fits; nothing where nobody can be asked.
    ///
    /// # Errors
    /// The input ends before that.
    pub(super) fn until<T>(
        &self,
        question: &str,
        out: &mut Output,
        fits: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Result<Option<T>> {
        if !self.can_ask {
            return Ok(None);
        }
        out.note(&format!("{question}:"));
        loop {
            let mut answer = String::new();
            let read = std::io::stdin().lock().read_line(&mut answer);
            if !matches!(read, Ok(1..)) {
                let what = "the questions were not answered to the end, so nothing was written";
                return Err(Error::new(ErrorKind::Usage, what)
                    .hint("answer them with flags: refgate exception new --help"));
            }
            match fits(answer.trim()) {
                Ok(fitting) => return Ok(Some(fitting)),
                Err(why) => out.note(&format!("  {why}; once more:")),
            }
        }
    }

    /// Returns a text that was given, or asks for it; an empty answer leaves it open.
    ///
    /// # Errors
    /// As [`Asker::until`].
    pub(super) fn text(
        &self,
        given: Option<&String>,
        question: &str,
        out: &mut Output,
    ) -> Result<Option<String>> {
        if let Some(given) = given {
            return Ok(Some(given.clone()));
        }
        let question = format!("{question} (empty to fill it in later)");
        let answer = self.until(&question, out, |answer| Ok(answer.to_owned()))?;
        Ok(answer.filter(|answer| !answer.is_empty()))
    }
}

/// Returns the parts of an answer that commas divide.
pub(super) fn parts(answer: &str) -> impl Iterator<Item = &str> {
    answer.split(',').map(str::trim).filter(|part| !part.is_empty())
}
