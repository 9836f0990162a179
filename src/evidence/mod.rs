//! Typed facts about one subject, each with the place where it was found.

pub mod approval;
pub mod attestation;
pub mod change;
pub mod checklist;
pub mod dsse;
pub mod exception;
pub mod format;
pub mod kind;
pub mod predicate;
pub mod report;
pub mod severity;
pub mod trailer;
pub mod vex;
