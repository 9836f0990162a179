//! What the client commands share: git, signing, notes, the server.
//!
//! Nothing here is on the trust path. The client may start programs and read the
//! user's configuration; what it writes counts on the server only for its signatures.

pub mod approvals;
pub mod change;
pub mod git;
pub mod notes;
pub mod pem;
pub mod remote;
pub mod sign;
pub mod store;
pub mod workspace;
