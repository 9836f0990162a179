//! Typed facts about one subject, each with the place where it was found.

pub mod kind;
pub mod severity;
