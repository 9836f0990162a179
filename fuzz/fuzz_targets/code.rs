//! What scanners of code, secrets and configuration write.

#![no_main]

use refgate::evidence::report::Format;

const FORMATS: [Format; 10] = [
    Format::BanditJson,
    Format::SemgrepJson,
    Format::GitleaksJson,
    Format::DetectSecretsJson,
    Format::CheckovJson,
    Format::GitlabReport,
    Format::EslintJson,
    Format::HadolintJson,
    Format::ShellcheckJson,
    Format::CppcheckXml,
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| refgate_fuzz::readers(&FORMATS, bytes));
