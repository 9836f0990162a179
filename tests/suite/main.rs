//! All integration tests, one binary: one link, shared helpers.

#![allow(
    missing_docs,
    unreachable_pub,
    reason = "helpers of tests explain themselves and are nobody else's"
)]

mod ground;
mod support;
