//! Gate review: enough of the right people approved exactly what lands.

use serde::Serialize;

use crate::evidence::change::{Binding, CommitLabel, Part, Place};
use crate::id::CommitId;
use crate::principal::PrincipalId;
use crate::report::text::Foreign;

super::violations! {
    /// Gate review: enough of the right people approved exactly what lands.
    pub enum ReviewViolation {
        /// Too few people approved.
        "review-approval-missing" => ApprovalMissing {
            /// The change, and what was said about it.
            gap: ReviewGap,
        },
        /// No maintainer approved.
        "review-maintainer-missing" => MaintainerMissing {
            /// The change, and what was said about it.
            gap: ReviewGap,
        },
        /// No reviewer of a touched domain approved.
        "review-reviewer-missing" => ReviewerMissing {
            /// The change, and what was said about it.
            gap: ReviewGap,
        },
        /// Too few maintainers approved a change of trusted files.
        "review-threshold-missing" => ThresholdMissing {
            /// The change, and what was said about it.
            gap: ReviewGap,
        },
        /// It would be enough if people could approve their own work.
        "review-self-approved" => SelfApproved {
            /// The change, and what was said about it.
            gap: ReviewGap,
        },
        /// Somebody objects.
        "review-rejected" => Rejected {
            /// The change, and what was said about it.
            gap: ReviewGap,
        },
        /// The approval trailers can be read in more than one way.
        "review-trailer-ambiguous" => TrailerAmbiguous {
            /// The commit.
            commit: CommitLabel,
            /// Which line, and why.
            why: String,
        },
        /// A submodule moves, and nobody reviewed what it brings.
        "review-submodule-changed" => SubmoduleChanged {
            /// The paths.
            paths: Vec<Foreign>,
        },
        /// Commits without a signature that counts.
        "review-commit-unsigned" => CommitUnsigned {
            /// The commits and why.
            commits: Vec<UnsignedCommit>,
            /// How many there are.
            count: usize,
        },
    }
}

/// A change and the approvals that it lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReviewGap {
    /// The commit below the change.
    pub base: Option<CommitId>,
    /// The commits that land with it, newest first.
    pub commits: Vec<CommitLabel>,
    /// The digest of the change.
    pub change: String,
    /// Everything that was said about it, and what it counts for.
    pub statements: Vec<Said>,
    /// Lines that look like approvals and are none: the commit, and the line of its message.
    pub look_alikes: Vec<(CommitId, usize)>,
    /// What is missing.
    pub missing: Vec<Missing>,
    /// Approvals that count.
    pub have: usize,
    /// Approvals that are needed.
    pub need: usize,
}

/// A person of the trusted list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Person {
    /// Who.
    pub id: PrincipalId,
    /// The name in the trusted list.
    pub name: String,
}

/// Something that was said about a change, and what it counts for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// Who: the name in the trusted list, or what the statement claims.
    pub who: Foreign,
    /// Where it was found.
    pub place: Place,
    /// What it counts for.
    pub standing: Standing,
}

/// What a statement counts for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Standing {
    /// An approval that counts.
    Approves {
        /// Whether as a maintainer.
        maintainer: bool,
        /// The touched domains for which they review.
        domains: Vec<String>,
    },
    /// An objection that stands.
    Rejects {
        /// Why they object.
        reason: String,
    },
    /// Taken back, or an objection that was answered by its author.
    Withdrawn,
    /// An objection by somebody whose approval would not count either.
    NoVoice,
    /// A further approval by somebody who is counted already.
    Repeated,
    /// Not signed.
    Unsigned,
    /// Malformed; says how.
    Malformed(String),
    /// The signature does not count; says why.
    Refused(String),
    /// They took part in the change.
    OwnWork(Part),
    /// They are listed, but hold no role that this change asks for.
    NoRole {
        /// Whether they hold a role for which they did not sign.
        unsigned_role: bool,
    },
    /// It no longer holds.
    Expired {
        /// Since when.
        until: String,
        /// Days between that and the push.
        days: i64,
    },
    /// It is dated in the future.
    FromFuture {
        /// When it says it was made.
        at: String,
    },
    /// The policy wants security keys to be touched, and this one was not.
    Untouched,
    /// What they read is not what lands.
    Elsewhere(Binding),
}

/// A requirement of the review gate that is not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "requirement", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Missing {
    /// So many distinct people.
    Approvals {
        /// How many more.
        more: usize,
        /// Who could give them.
        could: Vec<Person>,
    },
    /// So many maintainers.
    Maintainers {
        /// How many more.
        more: usize,
        /// Who could.
        could: Vec<Person>,
    },
    /// Reviewers of a domain, other than the maintainer.
    Reviewer {
        /// The domain.
        domain: String,
        /// How many more.
        more: usize,
        /// Who is counted as the maintainer already and therefore cannot be the reviewer.
        taken: Vec<Person>,
        /// Who could.
        could: Vec<Person>,
    },
    /// A second maintainer, for paths of no domain.
    SecondMaintainer {
        /// How many more.
        more: usize,
        /// The paths, the first few.
        paths: Vec<Foreign>,
        /// Who could.
        could: Vec<Person>,
    },
    /// So many maintainers, for a change of trusted files.
    Threshold {
        /// How many more.
        more: usize,
        /// How many in all.
        need: usize,
        /// The trusted files.
        paths: Vec<Foreign>,
        /// Who could.
        could: Vec<Person>,
    },
}

/// A commit without a signature that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnsignedCommit {
    /// The commit.
    pub commit: CommitLabel,
    /// Why its signature does not count; nothing if it has none.
    pub why: Option<String>,
}
