//! What all fuzz targets ask of a reader: that it ends, and that what it says holds together.

use refgate::evidence::kind::Kind;
use refgate::evidence::report::{Format, ReadError, Report, Requirements, read};
use refgate::evidence::severity::SeverityOverrides;
use refgate::limits::Limits;

/// Reads bytes as refgate reads a report, from the size on.
pub fn report(bytes: &[u8]) {
    check(&read(bytes, &Limits::default(), &SeverityOverrides::default()));
}

/// Reads bytes as each of some formats, without recognising them first.
pub fn readers(formats: &[Format], bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let overrides = SeverityOverrides::default();
    for format in formats {
        check(&refgate::evidence::format::read_as(*format, text, &Limits::default(), &overrides));
    }
}

fn check(result: &Result<Report, ReadError>) {
    match result {
        Ok(report) => consistent(report),
        Err(error) => {
            let line = error.to_string();
            let is_plain = line.chars().all(|c| c.is_ascii() && !c.is_ascii_control());
            assert!(is_plain && line.len() < 10_000, "{line:?}");
        }
    }
}

fn consistent(report: &Report) {
    let all = report.open.total() + report.suppressed.total();
    assert_eq!(report.findings.len() as u64 + report.unlisted.total(), all);
    for finding in &report.findings {
        assert!(finding.fingerprint.starts_with("sha256:"), "{finding:?}");
        assert!(finding.rule.len() < 10_000 && finding.title.len() < 1_000);
    }
    for kind in ["sast", "sbom", "dependencies", "tests:unit"] {
        let kind = Kind::parse(kind).expect("a kind");
        if let Err(why) = report.supports(&kind, &Requirements::default()) {
            assert!(why.to_string().is_ascii(), "{why}");
        }
    }
}
