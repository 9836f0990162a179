//! Which packages an exception is about.

use std::fmt;

use crate::evidence::report::Purl;

/// A package URL as a scope: one version, or every version if it names none.
///
/// Qualifiers and subpaths are no part of a finding's package, so a scope that names some
/// would cover more than it says, and is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct PackagePattern {
    text: String,
    purl: Purl,
}

/// The most bytes of a package URL.
const MAX_LEN: usize = 1000;

impl PackagePattern {
    /// Reads a package URL.
    ///
    /// # Errors
    /// Says why it is none that can be a scope.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains(['?', '#']) {
            return Err("qualifiers and subpaths are not compared: leave out what follows ? or #");
        }
        if text.ends_with('@') {
            return Err("nothing stands behind @: name the version, or leave out the @");
        }
        let plain = text.len() <= MAX_LEN && text.bytes().all(|b| b.is_ascii_graphic());
        let purl = plain.then(|| Purl::parse(text)).flatten();
        let purl = purl.ok_or("this is no package URL such as pkg:npm/lodash@4.17.20")?;
        Ok(Self { text: text.into(), purl })
    }

    /// Says whether the package that `found` names is meant; what is no package URL is not.
    #[must_use]
    pub fn matches(&self, found: &str) -> bool {
        Purl::parse(found).is_some_and(|found| self.purl.covers(&found))
    }
}

impl fmt::Display for PackagePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_names_and_nothing_else() {
        for (pattern, found, expected) in [
            ("pkg:npm/lodash@4.17.20", "pkg:npm/lodash@4.17.20", true),
            ("pkg:npm/lodash@4.17.20", "pkg:npm/lodash@4.17.21", false),
            ("pkg:npm/lodash@4.17.20", "pkg:npm/lodash@4.17.2", false),
            ("pkg:npm/lodash@4.17.20", "pkg:npm/lodash", false),
            ("pkg:npm/lodash@4.17.20", "pkg:npm/lodash@", false),
            ("pkg:npm/lodash", "pkg:npm/lodash@4.17.20", true),
            ("pkg:npm/lodash", "pkg:npm/lodash@", true),
            ("pkg:npm/lodash", "pkg:npm/lodash-es@4.17.20", false),
            ("pkg:npm/lodash", "pkg:pypi/lodash@4.17.20", false),
            ("pkg:npm/%40angular/core", "pkg:npm/%40angular/core@1.0.0", true),
            ("pkg:npm/%40angular/core", "pkg:npm/@angular/core@1.0.0", true),
            ("pkg:npm/%40angular/core", "pkg:npm/core@1.0.0", false),
            ("pkg:pypi/django-x", "pkg:PyPI/Django_x@1", true),
            ("pkg:deb/debian/curl", "pkg:deb/ubuntu/curl@7", false),
            ("pkg:npm/lodash", "lodash@4.17.20", false),
            ("pkg:npm/lodash", "", false),
        ] {
            let pattern = PackagePattern::parse(pattern).expect(pattern);
            assert_eq!(pattern.matches(found), expected, "{pattern} {found}");
        }
    }

    #[test]
    fn what_is_no_package_is_refused() {
        for text in [
            "",
            "lodash",
            "pkg:npm",
            "pkg:npm/lodash@",
            "npm/lodash",
            "pkg:npm/a b",
            "*",
            "pkg:deb/debian/curl@7?arch=i386",
            "pkg:golang/a/b#x",
        ] {
            assert!(PackagePattern::parse(text).is_err(), "{text:?}");
        }
    }
}
