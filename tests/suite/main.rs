//! All integration tests, one binary: one link, shared helpers.

mod corpus;
