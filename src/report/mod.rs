//! Renders a verdict: lines for people, JSON for machines, from the same facts.

pub mod text;
