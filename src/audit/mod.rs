//! The quarterly audit: releases are drawn, replayed from clones, and reported.
//!
//! [`sample`] draws, and is pure, so that anybody can redo the draw with `sha256sum`. [`replay`] judges
//! each release and every landing in it again, as of its time and by the policy of
//! its time, from the objects and notes of a [`clone`](mod@clone) alone. [`continuity`]
//! reads ledgers, [`exceptions`] what clones say of exceptions, and [`findings`] and [`report`] turn all of it into work and documents.

pub mod archive;
#[cfg(feature = "fleet")]
pub mod claims;
pub mod clone;
pub mod continuity;
pub mod exceptions;
pub mod findings;
pub mod quarter;
pub mod replay;
pub mod report;
pub mod results;
pub mod sample;
