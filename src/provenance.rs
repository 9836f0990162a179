//! Which side of the push a value was read from.
//!
//! Policy, people and keys reach the gates only as [`Trusted`] values, and only
//! [`crate::snapshot`] can make one: pushed bytes cannot become policy.
//!
//! ```compile_fail
//! // A value of the push cannot be vouched for from outside the crate.
//! let policy = refgate::provenance::Trusted::vouch("pushed", refgate::provenance::Source::example());
//! ```
//!
//! ```
//! // The same line without the forbidden call compiles.
//! let source = refgate::provenance::Source::example();
//! assert_eq!(source.ref_name, "refs/heads/main");
//! ```

use std::ops::Deref;

/// The commit that trusted values were read from, and why that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Full name of the trust ref.
    pub ref_name: String,
    /// Full hexadecimal id of the commit.
    pub commit_id: String,
}

impl Source {
    /// Returns a source for examples and tests.
    #[must_use]
    pub fn example() -> Self {
        Self {
            ref_name: "refs/heads/main".into(),
            commit_id: "0123456789abcdef0123456789abcdef01234567".into(),
        }
    }
}

/// A value read at the trust anchor, with the commit that it came from.
#[derive(Clone, Debug)]
pub struct Trusted<T> {
    value: T,
    source: Source,
}

impl<T> Trusted<T> {
    /// Marks `value` as read from the trusted side.
    ///
    /// Called by the snapshot alone, which reads through the object store that
    /// cannot see the quarantine (a test of the project holds this).
    pub(crate) fn vouch(value: T, source: Source) -> Self {
        Self { value, source }
    }

    /// Returns the commit that the value was read from.
    pub fn source(&self) -> &Source {
        &self.source
    }
}

impl<T> Deref for Trusted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
