//! Turns argv into one command, runs it and maps the result to an exit status.

fn main() {}
