//! The whole way of a report: size, encoding, recognition, reading.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| refgate_fuzz::report(bytes));
