//! Signatures over bytes, verified in process.

pub mod key;
