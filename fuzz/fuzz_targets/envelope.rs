//! Statements and envelopes.

#![no_main]

use refgate::evidence::report::Format;

const FORMATS: [Format; 3] = [Format::InTotoStatement, Format::Dsse, Format::SigstoreBundle];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| refgate_fuzz::readers(&FORMATS, bytes));
