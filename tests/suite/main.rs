//! All integration tests, one binary: one link, shared helpers.

#![allow(
    missing_docs,
    unreachable_pub,
    reason = "helpers of tests explain themselves and are nobody else's"
)]
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod corpus;
#[cfg(feature = "fleet")]
mod fleet;
mod ground;
mod ledger;
mod policy_refs;
mod push;
mod signature_allowed_signers;
#[cfg(feature = "openpgp")]
mod signature_openpgp;
mod signature_ssh;
mod signature_tools;
mod support;
mod tidy;
