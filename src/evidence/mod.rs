//! Typed facts about one subject, each with the place where it was found.

pub mod format;
pub mod kind;
pub mod report;
pub mod severity;
