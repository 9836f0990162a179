//! The rules: who may do what, and which refs need which gates.
