//! The ledger: a record of every judgement, accepted or refused, that nobody
//! can change later without being found out.
//!
//! A file of JSON lines. Each line names the SHA-256 of the line before it, so
//! an edit, a removal or another order breaks the chain from there on. The hook
//! appends under a file lock and syncs before it answers git: what cannot be
//! recorded is not accepted. What a record says is told by [`record`]; that a
//! chain holds is decided by [`chain`], which is pure; files are touched in
//! [`file`](mod@file) alone.

pub mod chain;
pub mod file;
#[cfg(feature = "fleet")]
pub mod fleet;
pub mod index;
mod judged;
pub mod landing;
pub mod query;
pub mod record;
pub mod recorded;

pub use chain::{Break, Head, LineDigest, Verifier};
pub use file::Ledger;
pub use record::{Event, Judged, Landed, Record};
