//! Full names of refs, as bytes: git takes any byte from 0x80 up in them.

use std::fmt;

use serde::{Serialize, Serializer};

/// The prefix under which refgate keeps what it is shown as evidence.
pub const EVIDENCE_PREFIX: &[u8] = b"refs/notes/refgate/";

/// A full ref name that `git check-ref-format` accepts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(Vec<u8>);

impl RefName {
    /// Returns the ref that `name` names, or `None` if git would not take the
    /// name for a ref (`git-check-ref-format(1)`) or it does not begin with `refs/`.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        (name.starts_with(b"refs/") && is_well_formed(name)).then(|| Self(name.into()))
    }

    /// Returns the name under which a malformed name is reported; no ref has it.
    #[must_use]
    pub fn placeholder() -> Self {
        Self(b"(no ref name)".into())
    }

    /// Returns the bytes of the name.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns what follows `refs/heads/`, `refs/tags/`, or else `refs/`.
    #[must_use]
    pub fn short(&self) -> &[u8] {
        let name = self.as_bytes();
        [&b"refs/heads/"[..], b"refs/tags/", b"refs/"]
            .iter()
            .find_map(|prefix| name.strip_prefix(*prefix))
            .unwrap_or(name)
    }

    /// Says whether this is a tag.
    #[must_use]
    pub fn is_tag(&self) -> bool {
        self.0.starts_with(b"refs/tags/")
    }

    /// Says whether this ref holds evidence, approvals or other records of refgate, or stands in
    /// the way of those that do: a ref and refs below it cannot both be there.
    #[must_use]
    pub fn is_evidence(&self) -> bool {
        self.0.starts_with(EVIDENCE_PREFIX) || EVIDENCE_PREFIX.strip_suffix(b"/") == Some(&self.0)
    }

    /// Returns the name below every namespace (`gitnamespaces(7)`):
    /// `refs/namespaces/a/refs/heads/main` is `refs/heads/main`.
    #[must_use]
    pub fn without_namespace(&self) -> Self {
        let mut name = self.as_bytes();
        while let Some(rest) = name.strip_prefix(b"refs/namespaces/") {
            let Some(slash) = rest.iter().position(|b| *b == b'/') else { break };
            match rest.get(slash + 1..) {
                Some(inner) if inner.starts_with(b"refs/") => name = inner,
                _ => break,
            }
        }
        Self(name.into())
    }

    /// Returns the name inside a namespace as git resolves it: each component
    /// of `namespace` stands behind a `refs/namespaces/` of its own.
    #[must_use]
    pub fn in_namespace(&self, namespace: &[u8]) -> Option<Self> {
        let mut name = Vec::new();
        for component in namespace.split(|b| *b == b'/').filter(|c| !c.is_empty()) {
            name.extend_from_slice(b"refs/namespaces/");
            name.extend_from_slice(component);
            name.push(b'/');
        }
        name.extend_from_slice(self.as_bytes());
        Self::parse(&name)
    }
}

/// `git-check-ref-format(1)`, rules 1 to 10, for a name with at least one slash.
fn is_well_formed(name: &[u8]) -> bool {
    let component_is_well_formed =
        |c: &[u8]| !c.is_empty() && !c.starts_with(b".") && !c.ends_with(b".lock");
    let forbidden = |b: &u8| {
        *b < 0x20 || matches!(*b, 0x7f | b' ' | b'~' | b'^' | b':' | b'?' | b'*' | b'[' | b'\\')
    };
    name.split(|b| *b == b'/').all(component_is_well_formed)
        && !name.iter().any(forbidden)
        && !name.windows(2).any(|pair| pair == b".." || pair == b"@{")
        && !name.ends_with(b".")
        && name.len() <= 4096
}

impl fmt::Debug for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefName({})", self.0.escape_ascii())
    }
}

impl fmt::Display for RefName {
    /// Writes the name in ASCII; other bytes are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0 {
            match byte {
                0x21..=0x7e => write!(f, "{}", char::from(*byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

impl Serialize for RefName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RefName {
        RefName::parse(text.as_bytes()).expect("a ref name")
    }

    #[test]
    fn names_that_git_refuses_are_refused() {
        for bad in [
            "",
            "main",
            "refs",
            "refs/",
            "refs//x",
            "refs/heads/.x",
            "refs/heads/x.lock",
            "refs/heads/a..b",
            "refs/heads/a b",
            "refs/heads/a~",
            "refs/heads/a^",
            "refs/heads/a:",
            "refs/heads/a?",
            "refs/heads/a*",
            "refs/heads/a[",
            "refs/heads/a\\",
            "refs/heads/a@{b",
            "refs/heads/a.",
            "refs/heads/a/",
            "refs/heads/a\u{7f}",
            "refs/heads/a\n",
            "HEAD",
        ] {
            assert_eq!(RefName::parse(bad.as_bytes()), None, "{bad:?}");
        }
        assert!(RefName::parse(b"refs/heads/m\xffain").is_some());
        assert!(RefName::parse(b"refs/heads/-x;$(id)`@").is_some());
    }

    #[test]
    fn t19_a_namespace_is_no_way_around_a_pattern() {
        let inner = name("refs/namespaces/a/refs/namespaces/b/refs/heads/main");
        assert_eq!(inner.without_namespace(), name("refs/heads/main"));
        assert_eq!(name("refs/heads/main").in_namespace(b"a/b"), Some(inner));
        let no_ref = name("refs/namespaces/a/heads/main");
        assert_eq!(no_ref.without_namespace(), no_ref);
    }

    #[test]
    fn t85_what_blocks_the_refs_of_evidence_counts_as_one() {
        for (text, is_evidence) in [
            ("refs/notes/refgate", true),
            ("refs/notes/refgate/evidence", true),
            ("refs/notes/refgated", false),
            ("refs/notes/commits", false),
        ] {
            assert_eq!(name(text).is_evidence(), is_evidence, "{text}");
        }
    }

    #[test]
    fn bytes_outside_ascii_are_shown_escaped() {
        assert_eq!(
            RefName::parse(b"refs/heads/m\xe2\x80\xaex").expect("a name").to_string(),
            "refs/heads/m\\xe2\\x80\\xaex"
        );
    }
}
