//! What other test runners write.

#![no_main]

use refgate::evidence::report::Format;

const FORMATS: [Format; 7] = [
    Format::Tap,
    Format::GoTestJson,
    Format::LibtestJson,
    Format::JestJson,
    Format::MochaJson,
    Format::GoogletestJson,
    Format::InTotoTestResult,
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| refgate_fuzz::readers(&FORMATS, bytes));
