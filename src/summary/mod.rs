//! Verification summaries: what a landed push has proved, signed by the server.
//!
//! After a push has moved protected refs, `post-receive` writes one in-toto statement for
//! each of them (SLSA Source track, *Source VSA*) to `refs/notes/refgate/verdicts`,
//! which nobody can push to. A clone and the public key are enough to verify one. Which
//! level is claimed is decided by [`level`], which is pure; `docs/summaries.md`
//! says where each requirement is met.

pub mod issue;
pub mod key;
pub mod level;
pub mod statement;
pub mod verify;

/// The notes ref that summaries are written to, by the server alone.
pub const NOTES: &str = "refs/notes/refgate/verdicts";
