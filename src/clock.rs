//! The time of the push, read once.
//!
//! Nothing else in refgate asks the system for the time: a judgement has one
//! "now", which is the server's clock and never a date that came with the push.

pub use jiff::Timestamp;

/// Returns the time of the server's clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// How long a judgement may go on.
///
/// Work that grows with a push asks it now and then, so that a push that is too
/// heavy is refused in time instead of being killed by the server without a word.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: std::time::Instant,
    limit_ms: u64,
}

impl Deadline {
    /// Returns the deadline `limit_ms` milliseconds from now.
    #[must_use]
    pub fn after_ms(limit_ms: u64) -> Self {
        Self {
            at: std::time::Instant::now() + std::time::Duration::from_millis(limit_ms),
            limit_ms,
        }
    }

    /// Goes on while there is time.
    ///
    /// # Errors
    /// The time is over.
    pub fn check(&self) -> crate::error::Result<()> {
        if std::time::Instant::now() < self.at {
            return Ok(());
        }
        let what = format!("judging took longer than {} ms (limits.time-ms)", self.limit_ms);
        Err(crate::error::Error::new(crate::error::ErrorKind::Limit, what)
            .hint("push fewer commits at a time, or ask the administrator for more time"))
    }
}
