//! The rules: who may do what, and which refs need which gates.

mod glob;
mod period;
pub(crate) mod problems;
pub(crate) mod suggest;
pub(crate) mod text;

pub mod gates;
pub mod paths;
pub mod refs;
pub mod structure;

pub use period::{Period, PeriodError};
