//! Renders a verdict: lines for people, JSON for machines, from the same facts.

pub mod block;
pub mod describe;
pub mod github;
pub mod json;
pub mod junit;
pub(crate) mod machine;
mod notices;
pub mod outlook;
pub mod remote;
pub mod sarif;
pub mod text;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
