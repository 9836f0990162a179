//! Reports: that reading ends, and that what it says holds together.

use refgate::evidence::format;
use refgate::evidence::kind::Kind;
use refgate::evidence::report::{Format, Purl, ReadError, Report, Requirements, read};
use refgate::evidence::severity::{Rating, SeverityOverrides};
use refgate::limits::Limits;

/// The whole way of a report: size, encoding, recognition, reading.
pub fn any(bytes: &[u8]) {
    check(&read(bytes, &Limits::default(), &SeverityOverrides::default()));
}

/// Reads bytes as each of some formats, without recognising them first.
pub fn read_as(formats: &[Format], bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let overrides = SeverityOverrides::default();
    for format in formats {
        check(&format::read_as(*format, text, &Limits::default(), &overrides));
    }
}

/// Scores, vectors and words, and package URLs.
pub fn values(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let _ = Rating::from_text(text);
    if let Some(purl) = Purl::parse(text) {
        // The canonical form is one that is read as itself.
        let again = Purl::parse(purl.as_str()).expect("a canonical form");
        assert!(purl.covers(&again) && again == purl, "{purl:?} {again:?}");
    }
}

/// Asks that a message is one line that a terminal shows as it is: letters of any script, but nothing
/// that controls a terminal, turns the direction of text round, or cannot be seen.
pub fn plain(line: &str) {
    let is_hidden = |c| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let is_plain = line.chars().all(|c| !c.is_control() && !is_hidden(c));
    assert!(is_plain && line.len() < 10_000, "{line:?}");
}

fn check(result: &Result<Report, ReadError>) {
    match result {
        Ok(report) => consistent(report),
        Err(error) => plain(&error.to_string()),
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
