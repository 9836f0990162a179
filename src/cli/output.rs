//! Where commands of the client write: results to standard output, all else to standard error.

use std::io::{IsTerminal as _, Write};

/// The two streams of a command.
pub struct Output {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    /// Whether somebody watches standard error.
    watched: bool,
    /// Whether a line about what is going on has to be wiped away first.
    in_progress: bool,
}

impl Output {
    /// Returns the streams of the process.
    #[must_use]
    pub fn standard() -> Self {
        let (out, err) = (std::io::stdout(), std::io::stderr());
        let watched = err.is_terminal() && !crate::env::is_dumb_terminal();
        Self { out: Box::new(out), err: Box::new(err), watched, in_progress: false }
    }

    /// Writes a line of the result. A reader who has gone away changes nothing.
    pub fn line(&mut self, text: &str) {
        self.wipe();
        drop(writeln!(self.out, "{text}"));
    }

    /// Writes a text of the result as it is.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Writes bytes of the result as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.wipe();
        drop(self.out.write_all(bytes));
        drop(self.out.flush());
    }

    /// Writes a line about the run, such as a warning.
    pub fn note(&mut self, text: &str) {
        self.wipe();
        drop(self.out.flush());
        drop(writeln!(self.err, "{text}"));
    }

    /// Says what is going on, to somebody who watches a terminal; the next line takes its place.
    pub fn progress(&mut self, text: &str) {
        if !self.watched {
            return;
        }
        self.wipe();
        drop(write!(self.err, "{text} ..."));
        drop(self.err.flush());
        self.in_progress = true;
    }

    fn wipe(&mut self) {
        if std::mem::take(&mut self.in_progress) {
            drop(write!(self.err, "\r\x1b[K"));
            drop(self.err.flush());
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.wipe();
    }
}
