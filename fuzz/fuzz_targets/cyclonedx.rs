//! CycloneDX in both forms.

#![no_main]

use refgate::evidence::report::Format;

const FORMATS: [Format; 2] = [Format::CycloneDxJson, Format::CycloneDxXml];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| refgate_fuzz::readers(&FORMATS, bytes));
