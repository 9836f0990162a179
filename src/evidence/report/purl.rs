//! Package URLs, compared by what they name and not as texts.

use packageurl::PackageUrl;

/// A package URL in canonical form (ECMA-427): `pkg:pypi/django-x@2.0`.
///
/// Qualifiers and subpath are left out: tools write whatever they like there, and
/// they say where a package came from, not which one it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purl {
    text: String,
    /// Bytes of `text` before the version.
    name_end: usize,
}

impl Purl {
    /// Reads a package URL; an empty version is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parsed: PackageUrl<'_> = text.trim().parse().ok()?;
        Self::new(parsed.ty(), parsed.namespace(), parsed.name(), parsed.version())
    }

    /// Returns the URL of a package by its type, namespace, name and version.
    #[must_use]
    pub fn new(
        ty: &str,
        namespace: Option<&str>,
        name: &str,
        version: Option<&str>,
    ) -> Option<Self> {
        let mut purl = PackageUrl::new(ty.to_owned(), name.to_owned()).ok()?;
        if let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) {
            purl.with_namespace(namespace.to_owned()).ok()?;
        }
        let name_end = purl.to_string().len();
        if let Some(version) = version.filter(|version| !version.is_empty()) {
            purl.with_version(version.to_owned()).ok()?;
        }
        let text = purl.to_string();
        (!text.chars().any(char::is_control)).then_some(Self { text, name_end })
    }

    /// Returns the whole URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the URL of the package in any version.
    #[must_use]
    pub fn without_version(&self) -> &str {
        self.text.get(..self.name_end).unwrap_or(&self.text)
    }

    /// Returns the version, percent-encoded as in the URL.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.text.get(self.name_end..)?.strip_prefix('@')
    }

    /// Returns whether `other` is this package: in any version if this URL has none.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.without_version() == other.without_version()
            && self.version().is_none_or(|version| other.version() == Some(version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purl(text: &str) -> Purl {
        Purl::parse(text).expect(text)
    }

    #[test]
    fn spellings_of_one_package_are_one() {
        for (text, canonical) in [
            ("pkg:PyPI/Django_X@2.0", "pkg:pypi/django-x@2.0"),
            ("pkg:npm/@angular/core@1", "pkg:npm/%40angular/core@1"),
            ("pkg:npm/%40angular/core@1", "pkg:npm/%40angular/core@1"),
            ("pkg:npm/lodash@", "pkg:npm/lodash"),
            ("pkg:npm/lodash", "pkg:npm/lodash"),
            ("pkg:deb/debian/bash@5?arch=amd64#x", "pkg:deb/debian/bash@5"),
        ] {
            assert_eq!(purl(text).as_str(), canonical, "{text}");
        }
        assert_eq!(
            (purl("pkg:npm/%40a/b@1.0").without_version(), purl("pkg:npm/%40a/b@1.0").version()),
            ("pkg:npm/%40a/b", Some("1.0"))
        );
    }

    #[test]
    fn what_is_no_package_url_is_none() {
        for text in ["", "lodash", "pkg:", "pkg:npm", "pkg:npm/", "http://x/y", "pkg:n pm/x"] {
            assert_eq!(Purl::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_url_without_version_covers_all_versions() {
        let any = purl("pkg:npm/lodash");
        let one = purl("pkg:npm/lodash@4.17.4");
        assert!(any.covers(&one) && any.covers(&any) && one.covers(&one));
        assert!(!one.covers(&any) && !one.covers(&purl("pkg:npm/lodash@4.17.5")));
        assert!(!any.covers(&purl("pkg:npm/lodash.template@4.17.4")));
    }
}
