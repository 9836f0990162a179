//! Why refgate could not judge, and to whom that is addressed.
//!
//! A refused push is not an error but a [`crate::verdict`]. An error means that
//! there is no verdict, and then the answer is no as well.

use std::fmt;

/// A result whose error means "could not judge".
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the reader of the error can do about it; one variant per reaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The command line or the input of a hook is not what was asked for.
    Usage,
    /// A trusted file or a server setting is missing or invalid: an administrator mends it.
    Policy,
    /// The repository cannot be read, or is of a kind that refgate does not know.
    Repository,
    /// Something in the environment failed: a file, a program, the network, the clock.
    Environment,
    /// The server refused, and has said why. Client commands alone end with it.
    Refused,
    /// A limit of the server was reached.
    Limit,
    /// An invariant of refgate itself does not hold.
    Internal,
}

/// Why no verdict was reached: what was being done, on what, and what failed.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    /// Outermost step first.
    context: Vec<String>,
    /// A command or sentence that mends it.
    hint: Option<String>,
    /// The exact places in trusted files, where that is the cause.
    diagnostics: Vec<Diagnostic>,
}

/// One thing that is wrong in a file, with the place and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Path inside the tree, or of the server's file.
    pub file: String,
    /// Line, from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// What is wrong: lower case, no full stop, foreign text in quotes.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Returns a diagnostic for one line of a file.
    pub fn new(file: impl Into<String>, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.into(), line, message: message.into(), help: None }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

impl Error {
    /// Returns an error of a kind, saying what is wrong.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self { kind, context: vec![what.into()], hint: None, diagnostics: Vec::new() }
    }

    /// Returns an error whose causes are places in files.
    pub fn from_diagnostics(what: impl Into<String>, diagnostics: Vec<Diagnostic>) -> Self {
        Self { kind: ErrorKind::Policy, context: vec![what.into()], hint: None, diagnostics }
    }

    /// Adds the step during which this happened, naming the object.
    #[must_use]
    pub fn while_(mut self, step: impl Into<String>) -> Self {
        self.context.insert(0, step.into());
        self
    }

    /// Adds the command or sentence that mends it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Returns what the reader can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the steps, outermost first, ending with what failed.
    #[must_use]
    pub fn chain(&self) -> &[String] {
        &self.context
    }

    /// Returns the remedy, if one is known.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns the places in trusted files that cause the error.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context.join(": "))
    }
}

impl std::error::Error for Error {}

/// Adds a step to whatever went wrong while it ran.
pub trait ResultExt<T> {
    /// Turns the error into an [`Error`] of `kind` that names the step.
    ///
    /// # Errors
    /// Passes the error of the receiver on.
    fn during(self, kind: ErrorKind, step: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> ResultExt<T> for std::result::Result<T, E> {
    fn during(self, kind: ErrorKind, step: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::new(kind, error.to_string()).while_(step()))
    }
}
