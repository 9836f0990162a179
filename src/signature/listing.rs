//! Where a key is listed, and when and for what it may be used.

use std::fmt;

use jiff::Timestamp;

use super::key::KeyRef;
use super::pattern::PatternList;
use super::problem::{SignatureProblem, Validity};
use super::{Claim, Namespace};
use crate::principal::PrincipalId;

/// A line of a trusted file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Path inside the tree.
    pub file: String,
    /// Line, from 1; 0 where the file as a whole is meant.
    pub line: usize,
}

/// When a listed key may be used: `from <= time < until`, while it is active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment; `None` is the beginning of time.
    pub from: Option<Timestamp>,
    /// The moment after the last one; `None` is the end of time.
    pub until: Option<Timestamp>,
    /// The status of the row.
    pub state: KeyState,
}

/// The column Status of `meta/STRUCTURE.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// May sign.
    Active,
    /// Signs no more.
    Retired,
    /// In wrong hands: nothing that it signed counts.
    Compromised,
}

/// One row of `meta/STRUCTURE.md`.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) window: Window,
    pub(super) place: Place,
}

/// The options of one line of `meta/allowed_signers`.
#[derive(Debug)]
pub(super) struct Line {
    /// `None` permits all.
    pub(super) namespaces: Option<PatternList>,
    pub(super) valid_after: Option<Timestamp>,
    /// The last second at which the line counts.
    pub(super) valid_before: Option<Timestamp>,
    pub(super) place: Place,
}

/// Everything that the trusted files say about one key.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) principal: PrincipalId,
    /// All of them must permit a signature.
    pub(super) rows: Vec<Row>,
    /// One of them must permit a signature, unless there is none.
    pub(super) lines: Vec<Line>,
}

impl Window {
    /// Permits every time.
    pub const ALWAYS: Self = Self { from: None, until: None, state: KeyState::Active };
}

impl Listing {
    pub(super) fn new(principal: PrincipalId) -> Self {
        Self { principal, rows: Vec::new(), lines: Vec::new() }
    }

    /// Returns the first row or line, where there is any.
    pub(super) fn place(&self) -> Option<&Place> {
        let rows = self.rows.iter().map(|row| &row.place);
        rows.chain(self.lines.iter().map(|line| &line.place)).next()
    }

    /// Says whether the key may make the claimed signature.
    pub(super) fn permits(&self, key: &KeyRef, claim: &Claim<'_>) -> Result<(), SignatureProblem> {
        if let Some(claimed) = claim.by
            && *claimed != self.principal
        {
            return Err(SignatureProblem::WrongPrincipal {
                key: key.clone(),
                owner: self.principal.clone(),
                claimed: claimed.clone(),
            });
        }
        self.rows.iter().try_for_each(|row| row.permits(key, claim))?;
        any_permits(&self.lines, key, claim)
    }
}

/// Says whether one line permits the signature, for its purpose and at all its
/// times; the problem is that of the first. No line at all is no restriction.
pub(super) fn any_permits<'a>(
    lines: impl IntoIterator<Item = &'a Line>,
    key: &KeyRef,
    claim: &Claim<'_>,
) -> Result<(), SignatureProblem> {
    let mut first = Ok(());
    for line in lines {
        match line.permits(key, claim) {
            Ok(()) => return Ok(()),
            Err(problem) => first = first.and(Err(problem)),
        }
    }
    first
}

impl Row {
    fn permits(&self, key: &KeyRef, claim: &Claim<'_>) -> Result<(), SignatureProblem> {
        let (key, place) = (key.clone(), self.place.clone());
        match self.window.state {
            KeyState::Active => {}
            KeyState::Retired => return Err(SignatureProblem::Retired { key, place }),
            KeyState::Compromised => return Err(SignatureProblem::Compromised { key, place }),
        }
        let of = Validity::Listed(place);
        for at in claim.times() {
            if let Some(from) = self.window.from
                && at < from
            {
                return Err(SignatureProblem::NotYetValid { key, of, from, at });
            }
            if let Some(until) = self.window.until
                && at >= until
            {
                return Err(SignatureProblem::Expired { key, of, until, at });
            }
        }
        Ok(())
    }
}

impl Line {
    /// ssh-keygen(1), ALLOWED SIGNERS: valid at or after `valid-after`, and at or before `valid-before`.
    fn permits(&self, key: &KeyRef, claim: &Claim<'_>) -> Result<(), SignatureProblem> {
        let (key, place, namespace) = (key.clone(), self.place.clone(), claim.namespace);
        if !self.permits_namespace(namespace) {
            return Err(SignatureProblem::NamespaceNotPermitted { key, namespace, place });
        }
        let of = Validity::Listed(place);
        for at in claim.times() {
            if let Some(from) = self.valid_after
                && at < from
            {
                return Err(SignatureProblem::NotYetValid { key, of, from, at });
            }
            if let Some(until) = self.valid_before
                && at.as_second() > until.as_second()
            {
                return Err(SignatureProblem::Expired { key, of, until, at });
            }
        }
        Ok(())
    }

    fn permits_namespace(&self, namespace: Namespace) -> bool {
        self.namespaces.as_ref().is_none_or(|list| list.matches(namespace.as_str()))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}
