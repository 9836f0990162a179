//! What a piece of evidence speaks about.

use std::fmt;

/// The kind of a piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Static analysis of the source, secret scanners included.
    Sast,
    /// A bill of materials.
    Sbom,
    /// Known vulnerabilities of the dependencies.
    Dependencies,
    /// The results of one named test suite.
    Tests(SuiteName),
}

/// The name of a test suite: lower-case letters, digits and `-`, at most 40.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SuiteName(String);

impl SuiteName {
    /// Returns the suite that `name` names, or `None` if it is not a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (plain && (1..=40).contains(&name.len())).then(|| Self(name.into()))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Kind {
    /// Reads `sast`, `sbom`, `dependencies` or `tests:<suite>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "sast" => Some(Self::Sast),
            "sbom" => Some(Self::Sbom),
            "dependencies" => Some(Self::Dependencies),
            _ => SuiteName::parse(text.strip_prefix("tests:")?).map(Self::Tests),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sast => f.write_str("sast"),
            Self::Sbom => f.write_str("sbom"),
            Self::Dependencies => f.write_str("dependencies"),
            Self::Tests(suite) => write!(f, "tests:{}", suite.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_as_it_is_written() {
        for text in ["sast", "sbom", "dependencies", "tests:unit", "tests:smoke-2"] {
            assert_eq!(Kind::parse(text).expect(text).to_string(), text);
        }
        for text in ["", "SAST", "tests:", "tests:Unit", "tests:a b", "tests", "unit"] {
            assert_eq!(Kind::parse(text), None, "{text:?}");
        }
    }
}
