//! One page about each code, shown by `refgate explain`.

macro_rules! pages {
    ($($code:literal),* $(,)?) => {
        /// Codes and their pages, in the order in which violations are reported.
        pub const PAGES: &[(&str, &str)] = &[$(($code, include_str!(concat!($code, ".md")))),*];
    };
}

pages! {
    "exception-malformed",
    "exception-revoked",
    "exception-unapproved",
    "exception-self-approved",
    "exception-too-long",
    "exception-expired",
    "exception-unknown",
    "exception-not-break-glass",
}

/// Returns the page of a code.
#[must_use]
pub fn page(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == code).map(|(_, page)| *page)
}
