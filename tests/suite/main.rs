//! All integration tests, one binary: one link, shared helpers.

mod policy_refs;
