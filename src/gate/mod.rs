//! One pure function per gate: policy, facts and the time in, an outcome out.
//!
//! No gate reads a file, a clock or the environment; what it looks at was
//! collected before, and what it decides is all that it does.

pub mod checklist;
pub mod current;
pub mod review;
pub mod scan;
pub mod testing;
