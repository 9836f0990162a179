//! Exceptions that would have let something pass, if only they were in force.

use serde::Serialize;

use super::{OpenFinding, Person, Problem};
use crate::evidence::exception::{Approver, ExceptionId, Seen};
use crate::principal::PrincipalId;
use crate::report::text::Foreign;

super::violations! {
    /// Exceptions that would have let something pass, if only they were in force.
    pub enum ExceptionViolation {
        /// Documents that cannot be read, beside findings that block.
        "exception-malformed" => Malformed {
            /// What is wrong in them.
            problems: Vec<Problem>,
        },
        /// It was revoked.
        "exception-revoked" => Revoked {
            /// The exception.
            exception: Lapsed,
            /// On this day.
            on: String,
            /// Why.
            because: Option<Foreign>,
        },
        /// Nobody whose approval counts has approved it.
        "exception-unapproved" => Unapproved {
            /// The exception.
            exception: Lapsed,
            /// The signatures that it has.
            seen: Vec<Seen>,
            /// Who could approve it.
            could: Vec<Person>,
        },
        /// Only people who ask for it approved it.
        "exception-self-approved" => SelfApproved {
            /// The exception.
            exception: Lapsed,
            /// The signatures that it has.
            seen: Vec<Seen>,
            /// Who could approve it.
            could: Vec<Person>,
        },
        /// It lasts longer than the policy allows.
        "exception-too-long" => TooLong {
            /// The exception.
            exception: Lapsed,
            /// The last day that it could have.
            latest: String,
            /// What the policy allows, such as `90d`.
            allowed: String,
            /// Where the policy says so.
            origin: String,
        },
        /// It is over.
        "exception-expired" => Expired {
            /// The exception.
            exception: Lapsed,
            /// Days since its last one.
            days_ago: i64,
            /// Who had approved it.
            approvers: Vec<Approver>,
        },
        /// A push names an exception that neither it nor the trusted tree has.
        "exception-unknown" => Unknown {
            /// What the push option says.
            named: Foreign,
        },
        /// A push names an exception that waives no gate of this ref.
        "exception-not-break-glass" => NotBreakGlass {
            /// The exception.
            exception: Lapsed,
            /// The refs that it is for, if it is for every gate of them.
            refs: Option<Vec<String>>,
        },
        /// What is pushed to the trust ref takes revocations back before they have done their work.
        "exception-revocation-removed" => RevocationRemoved {
            /// The revoked exceptions.
            exceptions: Vec<TakenBack>,
        },
    }
}

/// A revocation that a push takes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TakenBack {
    /// The exception.
    pub id: ExceptionId,
    /// The day on which it was revoked; none if the push itself revokes it.
    pub revoked: Option<String>,
    /// The day on which it would have run out.
    pub expires: String,
    /// What becomes of its document.
    pub becomes: Becomes,
}

/// What becomes of the document of a revoked exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Becomes {
    /// It is not there any more.
    Removed,
    /// It cannot be read any more.
    Unreadable,
    /// It no longer says that it is revoked.
    NotRevoked,
    /// It names an earlier end.
    EndsEarlier,
}

/// An exception that would have let something pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lapsed {
    /// Its id.
    pub id: ExceptionId,
    /// What it is for: `scan`, `freeze`, or `*` for break-glass.
    pub gate: &'static str,
    /// Where its document was read: in the push, or in the trusted tree.
    pub read_from: &'static str,
    /// Who asks for it.
    pub requester: PrincipalId,
    /// Who answers for the repair.
    pub owner: PrincipalId,
    /// The day of the request.
    pub requested: String,
    /// Its last day.
    pub expires: String,
    /// The findings that it would have covered, the worst first; the first few.
    pub findings: Vec<OpenFinding>,
    /// How many there are.
    pub count: u64,
}
