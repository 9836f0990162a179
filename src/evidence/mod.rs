//! Typed facts about one subject, each with the place where it was found.

pub mod approval;
pub mod dsse;
pub mod kind;
pub mod trailer;
