//! refgate judges each push to a protected ref before the ref moves.
//!
//! A push is *read* at the edge, *judged* by pure code and *reported* at the
//! edge. The modules, in the order in which a push meets them, are listed in
//! `docs/architecture.md`.

pub mod clock;
pub mod error;
pub mod evidence;
pub mod limits;
pub mod policy;
pub mod principal;
pub mod provenance;
pub mod settings;
pub mod signature;
