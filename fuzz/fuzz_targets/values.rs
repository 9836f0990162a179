//! Scores, vectors and words, and package URLs.

#![no_main]

use refgate::evidence::report::Purl;
use refgate::evidence::severity::Rating;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = Rating::from_text(text);
    if let Some(purl) = Purl::parse(text) {
        // The canonical form is one that is read as itself.
        let again = Purl::parse(purl.as_str()).expect(purl.as_str());
        assert!(purl.covers(&again) && again == purl, "{purl:?} {again:?}");
    }
});
