//! What scanners of dependencies write.

#![no_main]

use refgate::evidence::report::Format;

const FORMATS: [Format; 8] = [
    Format::TrivyJson,
    Format::GrypeJson,
    Format::OsvScannerJson,
    Format::CargoAuditJson,
    Format::NpmAuditJson,
    Format::PipAuditJson,
    Format::InTotoVulns,
    Format::CosignVuln,
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| refgate_fuzz::readers(&FORMATS, bytes));
