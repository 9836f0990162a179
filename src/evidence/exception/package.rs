//! Which packages an exception or a VEX statement is about.

use std::fmt;
use std::str::FromStr as _;

use packageurl::PackageUrl;

/// The most bytes of a package URL.
const MAX_LEN: usize = 1000;

/// A package URL (purl-spec) as a scope: what it leaves out may be anything.
///
/// Type, namespace and name are those of the package, in the canonical form of its
/// type. A version, a qualifier or a subpath that is given must be the same there;
/// without a version every version is meant.
#[derive(Clone, Debug, PartialEq)]
pub struct PackagePattern {
    text: String,
    url: PackageUrl<'static>,
}

impl PackagePattern {
    /// Reads a package URL.
    ///
    /// # Errors
    /// Says why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = parse(text).ok_or("this is no package URL such as pkg:npm/lodash@4.17.20")?;
        if url.version() == Some("") {
            return Err("nothing stands behind @: name the version, or leave out the @".into());
        }
        Ok(Self { text: text.into(), url })
    }

    /// Says whether the package that `found` names is meant; what is no package URL is not.
    #[must_use]
    pub fn matches(&self, found: &str) -> bool {
        parse(found).is_some_and(|found| self.covers(&found))
    }

    fn covers(&self, found: &PackageUrl<'_>) -> bool {
        let wanted = &self.url;
        let same_package = (wanted.ty(), wanted.namespace(), wanted.name())
            == (found.ty(), found.namespace(), found.name());
        same_package
            && wanted.version().is_none_or(|version| found.version() == Some(version))
            && wanted.subpath().is_none_or(|subpath| found.subpath() == Some(subpath))
            && wanted.qualifiers().iter().all(|(key, value)| {
                found.qualifiers().get(key.as_ref()).is_some_and(|found| found == value)
            })
    }

    /// Returns the text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn parse(text: &str) -> Option<PackageUrl<'static>> {
    if text.len() > MAX_LEN || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    PackageUrl::from_str(text).ok()
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
            ("pkg:deb/debian/curl@7?arch=i386", "pkg:deb/debian/curl@7?arch=i386&distro=x", true),
            ("pkg:deb/debian/curl@7?arch=i386", "pkg:deb/debian/curl@7?arch=amd64", false),
            ("pkg:deb/debian/curl@7?arch=i386", "pkg:deb/debian/curl@7", false),
            ("pkg:deb/debian/curl@7", "pkg:deb/debian/curl@7?arch=i386", true),
            ("pkg:golang/a/b#x/y", "pkg:golang/a/b#x/y", true),
            ("pkg:golang/a/b#x/y", "pkg:golang/a/b", false),
            ("pkg:npm/lodash", "lodash@4.17.20", false),
            ("pkg:npm/lodash", "", false),
        ] {
            let pattern = PackagePattern::parse(pattern).expect(pattern);
            assert_eq!(pattern.matches(found), expected, "{pattern} {found}");
        }
    }

    #[test]
    fn what_is_no_package_is_refused() {
        for text in ["", "lodash", "pkg:npm", "pkg:npm/lodash@", "npm/lodash", "pkg:npm/a b", "*"] {
            assert!(PackagePattern::parse(text).is_err(), "{text:?}");
        }
    }
}
