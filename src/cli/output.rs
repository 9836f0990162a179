//! Where commands of the client write: results to standard output, all else to standard error.

use std::io::Write;

/// The two streams of a command.
pub struct Output {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
}

impl Output {
    /// Returns the streams of the process.
    #[must_use]
    pub fn standard() -> Self {
        Self { out: Box::new(std::io::stdout()), err: Box::new(std::io::stderr()) }
    }

    /// Writes a line of the result. A reader who has gone away changes nothing.
    pub fn line(&mut self, text: &str) {
        drop(writeln!(self.out, "{text}"));
    }

    /// Writes a text of the result as it is.
    pub fn text(&mut self, text: &str) {
        drop(self.out.write_all(text.as_bytes()));
        drop(self.out.flush());
    }

    /// Writes bytes of the result as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        drop(self.out.write_all(bytes));
        drop(self.out.flush());
    }

    /// Writes a line about the run, such as a warning.
    pub fn note(&mut self, text: &str) {
        drop(writeln!(self.err, "{text}"));
    }
}
