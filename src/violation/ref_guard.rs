//! How protected refs move.

use crate::id::CommitId;
use crate::refname::RefName;
use crate::repo::fault::{Fault, ObjectKind};
use crate::report::text::Foreign;

super::violations! {
    /// How protected refs move.
    pub enum RefViolation {
        /// Nothing may land on the ref now.
        "ref-frozen" => Frozen {
            /// Why.
            reason: String,
            /// Since when.
            from: String,
            /// Until when; the first moment that is free again.
            until: String,
            /// The time zone of the rule.
            zone: String,
        },
        /// A protected ref would be deleted.
        "ref-deleted" => Deleted,
        /// The old tip is no ancestor of the new one: history would be rewritten.
        "ref-not-fast-forward" => NotFastForward {
            /// The tip before.
            old: CommitId,
            /// The tip after.
            new: CommitId,
        },
        /// The old tip is an ancestor, but not by first parents: the branch would go on from a side branch.
        "ref-not-first-parent" => NotFirstParent {
            /// The tip before.
            old: CommitId,
            /// The tip after.
            new: CommitId,
        },
        /// The ref does not hold what the client says it holds.
        "ref-moved" => Moved {
            /// What the ref holds.
            actual: Option<String>,
        },
        /// The push names one ref more than once.
        "ref-named-twice" => NamedTwice {
            /// The names, as they were sent.
            names: Vec<RefName>,
        },
        /// The ref is a symbolic ref, and it or its target is protected.
        "ref-alias" => Alias {
            /// The ref that would move.
            target: RefName,
        },
        /// The name is that of a protected ref but for upper and lower case.
        "ref-spelling" => Spelling {
            /// The pattern that protects the other spelling.
            pattern: String,
        },
        /// The name of a protected ref holds bytes that people cannot read, or is no ref name.
        "ref-name-unfit" => NameUnfit {
            /// The name, as it was sent.
            name: Foreign,
        },
        /// The name would be taken for that of a protected ref, or for `HEAD`.
        "ref-shadows" => Shadows {
            /// What it would be taken for.
            protected: String,
        },
        /// A replace ref, with which objects pretend to be others.
        "ref-replace" => Replace,
        /// A new protected branch that has no commit in common with any other.
        "ref-unrelated" => Unrelated {
            /// Protected branches that it does begin on, which ask for fewer gates.
            fewer: Vec<FewerGates>,
        },
        /// An object that the push brings or names cannot be used.
        "ref-object-faulty" => ObjectFaulty {
            /// What is wrong with it.
            fault: Fault,
        },
        /// The update brings in more commits than the limit.
        "ref-too-many-commits" => TooManyCommits {
            /// The limit.
            limit: usize,
        },
        /// The push comes from a shallow clone.
        "ref-shallow" => Shallow,
        /// A protected branch would hold something other than a commit.
        "ref-not-a-commit" => NotACommit {
            /// What it would hold.
            kind: ObjectKind,
        },
        /// A release tag that exists would be moved.
        "ref-tag-moved" => TagMoved,
        /// A release tag without a tag object.
        "ref-tag-lightweight" => TagLightweight,
        /// The name inside the tag is not that of the ref.
        "ref-tag-name" => TagName {
            /// The name inside.
            inner: Foreign,
        },
        /// The tag is not of a commit.
        "ref-tag-target" => TagTarget {
            /// What it is of.
            kind: ObjectKind,
        },
        /// The tagged commit is on no protected branch.
        "ref-tag-unreachable" => TagUnreachable {
            /// The tagged commit.
            commit: CommitId,
            /// The branches on which it could be.
            branches: Vec<RefName>,
        },
    }
}

/// A protected branch that asks for fewer gates than another.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FewerGates {
    /// The branch.
    pub name: RefName,
    /// The gates that it does not ask for.
    pub lacks: Vec<&'static str>,
}
