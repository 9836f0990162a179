//! Renders a verdict: lines for people, JSON for machines, from the same facts.

pub mod block;
pub mod describe;
pub mod json;
mod notices;
pub mod remote;
pub mod text;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
