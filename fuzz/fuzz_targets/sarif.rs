//! SARIF.

#![no_main]

use refgate::evidence::report::Format;

const FORMATS: [Format; 1] = [Format::Sarif];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| refgate_fuzz::readers(&FORMATS, bytes));
