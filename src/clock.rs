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
