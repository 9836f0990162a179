//! SPDX in its three forms.

#![no_main]

use refgate::evidence::report::Format;

const FORMATS: [Format; 4] =
    [Format::SpdxJson, Format::Spdx3Json, Format::SpdxTagValue, Format::SyftJson];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| refgate_fuzz::readers(&FORMATS, bytes));
