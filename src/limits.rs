//! Bounds on everything that a push can make large.
//!
//! Each limit has a default that honest pushes stay far below, can be changed
//! in the server settings (`[limits]`), and has a message of its own.

use serde::Deserialize;

/// Where an administrator changes a limit, for messages.
pub const WHERE: &str = "below [limits] in refgate.toml of the repository on the server, or in /etc/refgate/refgate.toml";

/// The limits of one judgement.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Ref updates in one push.
    pub ref_updates: usize,
    /// Commits that one ref update may bring in.
    pub commits: usize,
    /// Bytes of one commit or tag object.
    pub commit_bytes: u64,
    /// Bytes of one tree object.
    pub tree_bytes: u64,
    /// Directories below each other that are entered.
    pub tree_depth: usize,
    /// Paths that one change may touch.
    pub changed_paths: usize,
    /// Bytes of one note.
    pub note_bytes: u64,
    /// Bytes of one line (envelope or approval) of a note.
    pub note_line_bytes: usize,
    /// Lines of one note.
    pub note_lines: usize,
    /// Bytes of one report, embedded or referenced.
    pub report_bytes: u64,
    /// Findings that one report may hold.
    pub findings: usize,
    /// Elements of JSON or XML below each other.
    pub nesting: usize,
    /// Approval trailers of one commit.
    pub trailers: usize,
    /// Bytes of one trusted file or release document.
    pub file_bytes: u64,
    /// Files of `exceptions/` in one tree.
    pub exceptions: usize,
    /// Bytes of one exception document or VEX file.
    pub exception_bytes: u64,
    /// Bytes of one blob that a merge is recomputed with.
    pub merge_blob_bytes: u64,
    /// Milliseconds that the whole judgement may take.
    pub time_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ref_updates: 10_000,
            commits: 20_000,
            commit_bytes: 1 << 20,
            tree_bytes: 64 << 20,
            tree_depth: 256,
            changed_paths: 200_000,
            note_bytes: 32 << 20,
            note_line_bytes: 16 << 20,
            note_lines: 1_000,
            report_bytes: 64 << 20,
            findings: 1_000_000,
            nesting: 64,
            trailers: 64,
            file_bytes: 1 << 20,
            exceptions: 500,
            exception_bytes: 256 << 10,
            merge_blob_bytes: 8 << 20,
            time_ms: 30_000,
        }
    }
}
