//! All problems of one file, gathered while it is read.

use crate::error::Diagnostic;

/// The most problems of one file that are kept; the others are counted.
const KEPT: usize = 100;

/// The problems found in one file so far.
pub(crate) struct Problems {
    file: String,
    found: Vec<Diagnostic>,
    left_out: usize,
}

impl Problems {
    /// Begins with none, for the file that messages call `file`.
    #[must_use]
    pub(crate) fn new(file: &str) -> Self {
        Self { file: file.into(), found: Vec::new(), left_out: 0 }
    }

    /// Adds a problem at a line (0 means the whole file).
    pub(crate) fn add(&mut self, line: usize, message: impl Into<String>) {
        self.push(|file| Diagnostic::new(file, line, message));
    }

    /// Adds a problem with its remedy.
    pub(crate) fn add_with_help(
        &mut self,
        line: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(|file| Diagnostic::new(file, line, message).help(help));
    }

    /// Returns whether none was found.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns whether further ones would only be counted, so that no work need go into their text.
    #[must_use]
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= KEPT
    }

    /// Returns the problems by line, and as the last one how many were left out, if any.
    #[must_use]
    pub(crate) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|problem| problem.line);
        if self.left_out > 0 {
            let message = format!("... and {} more problems", self.left_out);
            self.found.push(Diagnostic::new(self.file.as_str(), 0, message));
        }
        self.found
    }

    fn push(&mut self, problem: impl FnOnce(&str) -> Diagnostic) {
        if self.is_full() {
            self.left_out += 1;
        } else {
            self.found.push(problem(&self.file));
        }
    }
}
