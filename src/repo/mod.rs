//! The few questions that refgate asks of a repository.
//!
//! The only part that names the git library. Nothing here believes what was
//! pushed: objects are parsed strictly from raw bytes, and what git, libgit2 and
//! gix would read differently is a [`Fault`], with the difference named.

pub mod commit;
pub mod diff;
pub mod fault;
pub mod header;
pub mod layout;
pub mod merge;
pub mod notes;
pub mod objects;
pub mod range;
pub mod refs;
pub mod reftable;
pub mod shallow;
mod store;
pub mod tag;
pub mod tree;
pub mod view;
pub mod write;

pub use fault::{Fault, ReadError};
