//! Exceptions: approved deviations with an end.
//!
//! An exception is a Markdown document in `exceptions/` that people read, with
//! TOML front matter that refgate reads and, at its end, signatures over everything
//! above them (`docs/exceptions.md`). Being signed, it counts wherever it comes
//! from, so a push may bring the exception that it needs.
//!
//! Documents come from the push or from the repository; nothing in them is trusted before
//! [`standing::assess`] has weighed the verified signatures. An exception covers what its
//! scope names and nothing else: no key of the scope has a default that widens it.

mod business;
mod document;
mod package;
mod scope;
mod signed;
mod standing;
mod state;

use std::fmt;

use jiff::civil::Date;

use super::predicate::Sha256;
use super::vex;
use crate::policy::Policy;
use crate::principal::PrincipalId;
use crate::violation::{ExceptionViolation, Lapsed, OpenFinding, Problem};

pub use business::business_days_since;
pub use document::{digest_end, read};
pub use package::PackagePattern;
pub use scope::Scope;
pub(in crate::evidence) use scope::same_rule;
pub use signed::{Line, LineError, Signature, Statement, What, fit_finding};
pub use standing::{
    Approver, Seen, SeenState, Signer, Standing, Verified, assess, could_approve, latest_end,
    may_approve, person,
};
pub use state::{STATES, is_review_owed, state};

/// The directory of exception documents, at the root of a tree.
pub const DIRECTORY: &str = "exceptions";

/// How many days before its end an exception is called expiring.
pub const WARN_DAYS: i64 = 14;

/// The name of an exception: `EX-` and at most 40 of `A-Z`, `0-9` and `-`.
///
/// One spelling alone, so that no file system takes two for one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct ExceptionId(String);

/// What an exception lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waives {
    /// Findings of scanners (`gates = ["scan"]`).
    Findings,
    /// Freezes (`gates = ["freeze"]`): what lands meanwhile passes the gates as ever.
    Freeze,
    /// Every gate, but only for a push that names the exception (`gates = ["*"]`).
    EveryGate,
}

impl Waives {
    /// Returns the gate as documents name it.
    #[must_use]
    pub fn gate(self) -> &'static str {
        match self {
            Self::Findings => "scan",
            Self::Freeze => "freeze",
            Self::EveryGate => "*",
        }
    }
}

/// What an exception document says.
#[derive(Clone, Debug, PartialEq)]
pub struct Exception {
    /// Its name, which is that of its file.
    pub id: ExceptionId,
    /// What it lets pass.
    pub waives: Waives,
    /// What it covers.
    pub scope: Scope,
    /// The day of the request.
    pub requested: Date,
    /// The last day on which it counts, in UTC.
    pub expires: Date,
    /// Who asks for it.
    pub requester: PrincipalId,
    /// Who answers for the repair.
    pub owner: PrincipalId,
    /// The day on which it was revoked.
    pub revoked: Option<Date>,
    /// Why it was revoked.
    pub revoked_because: Option<String>,
    /// What its signatures are made over: everything above them.
    pub digest: Sha256,
    /// The lines of signatures, in order.
    pub lines: Vec<Line>,
}

/// What is known about exceptions when a push is judged.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The documents that could be read, each with how it stands now.
    pub documents: Vec<Document>,
    /// What is wrong with the others.
    pub malformed: Vec<Problem>,
    /// VEX documents that Security Engineering has signed.
    pub vex: Vec<vex::Document>,
}

/// An exception document and how it stands.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it says.
    pub exception: Exception,
    /// What its signatures came to.
    pub lines: Vec<Verified>,
    /// Where it was read.
    pub side: Side,
    /// How it stands.
    pub standing: Standing,
}

/// Which tree a document was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What is pushed.
    Push,
    /// The trust anchor.
    Trusted,
}

impl Document {
    /// Returns who approved it and until when, if it is in force.
    #[must_use]
    pub fn in_force(&self) -> Option<(&[Approver], i64)> {
        match &self.standing {
            Standing::InForce { approvers, days_left } => Some((approvers, *days_left)),
            Standing::Revoked { .. }
            | Standing::Unapproved { .. }
            | Standing::SelfApproved { .. }
            | Standing::TooLong { .. }
            | Standing::Expired { .. } => None,
        }
    }

    /// Says whether somebody who may has reviewed what it was used for.
    #[must_use]
    pub fn is_reviewed(&self, policy: &Policy, now: jiff::Timestamp) -> bool {
        let counts = |signer: &Signer| {
            may_approve(policy, &self.exception, &signer.by, signer.at, now).is_ok()
        };
        self.lines
            .iter()
            .filter(|line| line.what == What::Review)
            .any(|line| line.signer.as_ref().is_ok_and(counts))
    }

    /// Returns the exception as violations name it, with the findings that it would have covered.
    #[must_use]
    pub fn lapsed(&self, findings: Vec<OpenFinding>, count: u64) -> Lapsed {
        let Exception { id, requester, owner, requested, expires, .. } = &self.exception;
        Lapsed {
            id: id.clone(),
            gate: self.exception.waives.gate(),
            read_from: match self.side {
                Side::Push => "the push",
                Side::Trusted => "the trusted tree",
            },
            requester: requester.clone(),
            owner: owner.clone(),
            requested: requested.to_string(),
            expires: expires.to_string(),
            findings,
            count,
        }
    }

    /// Returns what is wrong with an exception that is not in force, for what it would have covered.
    #[must_use]
    pub fn violation(
        &self,
        policy: &Policy,
        findings: Vec<OpenFinding>,
        count: u64,
        now: jiff::Timestamp,
    ) -> Option<ExceptionViolation> {
        let exception = self.lapsed(findings, count);
        let could = || could_approve(policy, &self.exception, now);
        Some(match &self.standing {
            Standing::InForce { .. } => return None,
            Standing::Revoked { on, because } => ExceptionViolation::Revoked {
                exception,
                on: on.to_string(),
                because: because.as_ref().map(Into::into),
            },
            Standing::Unapproved { seen } => {
                ExceptionViolation::Unapproved { exception, seen: seen.clone(), could: could() }
            }
            Standing::SelfApproved { seen } => {
                ExceptionViolation::SelfApproved { exception, seen: seen.clone(), could: could() }
            }
            Standing::TooLong { latest, allowed, .. } => ExceptionViolation::TooLong {
                exception,
                latest: latest.to_string(),
                allowed: allowed.clone(),
                origin: standing::longest(policy, self.exception.waives).origin.to_string(),
            },
            Standing::Expired { days_ago, approvers } => ExceptionViolation::Expired {
                exception,
                days_ago: *days_ago,
                approvers: approvers.clone(),
            },
        })
    }
}

impl ExceptionId {
    /// Returns the exception that `text` names, or `None` if it is no name of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("EX-")?;
        let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
        ((1..=40).contains(&rest.len()) && rest.bytes().all(plain)).then(|| Self(text.into()))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the path of its document in a tree.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{DIRECTORY}/{}.md", self.0)
    }
}

impl fmt::Display for ExceptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Exception {
    /// Says in a few words what it lets pass.
    #[must_use]
    pub fn allows(&self) -> String {
        match self.waives {
            Waives::EveryGate => "every gate, by break-glass".into(),
            Waives::Freeze => "landing in a freeze".into(),
            Waives::Findings => {
                let places = self.scope.paths.iter().map(ToString::to_string);
                let places = places.chain(self.scope.packages.iter().map(ToString::to_string));
                let places: Vec<String> = places.collect();
                format!("{} in {}", self.scope.rules.join(", "), places.join(", "))
            }
        }
    }

    /// Returns the first moment at which it no longer counts: 00:00 UTC of the day after `expires`.
    #[must_use]
    pub fn end(&self) -> jiff::Timestamp {
        end_of(self.expires)
    }
}

/// Says whether a file of the directory is taken for an exception: its name begins with `EX-`, in
/// either case, so that one that is misspelt is refused and not passed over.
#[must_use]
pub fn is_document(name: &[u8]) -> bool {
    name.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(b"EX-"))
}

/// Returns 00:00 UTC of the day after.
fn end_of(day: Date) -> jiff::Timestamp {
    day.tomorrow()
        .ok()
        .and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map_or(jiff::Timestamp::MAX, |zoned| zoned.timestamp())
}

/// Returns the day of a moment, in UTC.
#[must_use]
pub fn day_of(moment: jiff::Timestamp) -> Date {
    moment.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Returns the days from one day to another.
#[must_use]
pub fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

#[cfg(test)]
mod tests;
