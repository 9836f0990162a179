//! Which refs a rule protects: full names in which `*` and `**` stand for components.

use std::fmt;

use super::glob::{self, Case, Part};
use super::text::hidden_char;

/// The refs that refgate itself guards or forbids, whatever the policy says.
const RESERVED: [&str; 2] = ["refs/notes/refgate", "refs/replace"];

/// A pattern over full ref names.
///
/// `*` stays within one component, `**` is a component of its own and stands
/// for any number of them; at the end for at least one. There is no other wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefPattern {
    text: String,
    parts: Vec<Part>,
}

/// Why a text is no pattern of refs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefPatternError {
    /// Does not begin with `refs/`.
    NotFull,
    /// Longer than [`RefPattern::MAX_LEN`] bytes.
    TooLong,
    /// More groups of `*` than [`RefPattern::MAX_STARS`].
    TooManyStars,
    /// `?`, `[` or a backslash.
    OtherWildcard,
    /// `**` that is not the whole of a component.
    StarsInName,
    /// A character that people do not see.
    Hidden,
    /// No ref that the pattern matches could exist (git-check-ref-format(1)).
    NoRefName,
    /// `refs/**`: every ref there is, evidence and other tools' refs included.
    Everything,
    /// Matches names below a directory that refgate guards by itself.
    Reserved(&'static str),
}

impl RefPattern {
    /// The most bytes of a pattern.
    pub const MAX_LEN: usize = 1000;
    /// The most groups of `*` in a pattern.
    pub const MAX_STARS: usize = 16;

    /// Reads a pattern.
    ///
    /// # Errors
    /// Refuses what could match no ref, and what reaches refs that a rule cannot protect.
    pub fn parse(text: &str) -> Result<Self, RefPatternError> {
        let Some(below) = text.strip_prefix("refs/") else {
            return Err(RefPatternError::NotFull);
        };
        if text.len() > Self::MAX_LEN {
            return Err(RefPatternError::TooLong);
        }
        if text.split(|c| c != '*').filter(|stars| !stars.is_empty()).count() > Self::MAX_STARS {
            return Err(RefPatternError::TooManyStars);
        }
        if text.contains(['?', '[', '\\']) {
            return Err(RefPatternError::OtherWildcard);
        }
        if hidden_char(text).is_some() {
            return Err(RefPatternError::Hidden);
        }
        let mut parts = Vec::new();
        let mut example = Vec::new();
        for name in text.split('/') {
            if name.contains("**") && name != "**" {
                return Err(RefPatternError::StarsInName);
            }
            let part = Part::new(name);
            if !(part == Part::AnyDepth && parts.last() == Some(&Part::AnyDepth)) {
                parts.push(part);
            }
            example.push(name.replace("**", "x").replace('*', "x"));
        }
        if gix::validate::reference::name(example.join("/").as_str().into()).is_err() {
            return Err(RefPatternError::NoRefName);
        }
        if below == "**" || below.starts_with("**/") {
            return Err(RefPatternError::Everything);
        }
        if parts.last() == Some(&Part::AnyDepth) {
            parts.pop();
            parts.extend([Part::Any, Part::AnyDepth]);
        }
        for reserved in RESERVED {
            if glob::reaches_below(&parts, reserved.as_bytes(), Case::Folded) {
                return Err(RefPatternError::Reserved(reserved));
            }
        }
        Ok(Self { text: text.into(), parts })
    }

    /// Returns whether the pattern protects the ref of this full name.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        glob::matches(&self.parts, name, Case::Exact)
    }

    /// Returns whether it would protect the ref if ASCII letters had no case.
    ///
    /// On a file system that folds case, `refs/heads/Main` is the file of
    /// `refs/heads/main`.
    #[must_use]
    pub fn matches_folded(&self, name: &[u8]) -> bool {
        glob::matches(&self.parts, name, Case::Folded)
    }

    /// Returns what every matching name begins with, for listing them.
    #[must_use]
    pub fn literal_prefix(&self) -> &str {
        self.text.split('*').next().unwrap_or_default()
    }

    /// Returns the pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for RefPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl RefPatternError {
    /// Returns what to write instead.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::NotFull => "write the full name, such as refs/heads/main or refs/tags/v*",
            Self::TooLong | Self::TooManyStars => "divide it into several patterns",
            Self::OtherWildcard => "write one pattern for each case; only * and ** are wildcards",
            Self::StarsInName => "write * within a name, or ** between slashes",
            Self::Hidden => "remove the character",
            Self::NoRefName => "see git help check-ref-format",
            Self::Everything => {
                "name the branches and tags, such as refs/heads/** and refs/tags/**"
            }
            Self::Reserved(_) => "leave these refs out; they are guarded without a rule",
        }
    }
}

impl fmt::Display for RefPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFull => f.write_str("a pattern of refs must begin with refs/"),
            Self::TooLong => write!(f, "the pattern is longer than {} bytes", RefPattern::MAX_LEN),
            Self::TooManyStars => {
                write!(f, "the pattern has more than {} groups of *", RefPattern::MAX_STARS)
            }
            Self::OtherWildcard => f.write_str("a pattern of refs cannot hold ?, [ or a backslash"),
            Self::StarsInName => f.write_str("** must stand alone between slashes"),
            Self::Hidden => f.write_str("the pattern holds a character that people do not see"),
            Self::NoRefName => f.write_str("git takes no ref name of this form"),
            Self::Everything => f.write_str(
                "refs/** would protect every ref, notes and the refs of other tools included",
            ),
            Self::Reserved(prefix) => write!(f, "the pattern covers refs below {prefix}/"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_full_names() {
        for (pattern, name, expected) in [
            ("refs/heads/main", "refs/heads/main", true),
            ("refs/heads/main", "refs/heads/main2", false),
            ("refs/heads/main", "refs/heads/main/x", false),
            ("refs/heads/main", "refs/heads/Main", false),
            ("refs/heads/release/*", "refs/heads/release/1.0", true),
            ("refs/heads/release/*", "refs/heads/release/1.0/fix", false),
            ("refs/heads/release/*", "refs/heads/release", false),
            ("refs/heads/release/**", "refs/heads/release/1.0/fix", true),
            ("refs/heads/release/**", "refs/heads/release", false),
            ("refs/heads/**/prod", "refs/heads/prod", true),
            ("refs/heads/**/prod", "refs/heads/a/b/prod", true),
            ("refs/heads/**/prod", "refs/heads/a/b/prod2", false),
            ("refs/tags/v*", "refs/tags/v1.0.0", true),
            ("refs/tags/v*", "refs/tags/v", true),
            ("refs/tags/v*", "refs/tags/nv", false),
            ("refs/tags/v*.*", "refs/tags/v1.0", true),
            ("refs/heads/*-stable", "refs/heads/6-stable", true),
            ("refs/notes/commits", "refs/notes/commits", true),
        ] {
            let pattern = RefPattern::parse(pattern).expect(pattern);
            assert_eq!(pattern.matches(name.as_bytes()), expected, "{pattern} {name}");
            assert!(!expected || name.starts_with(pattern.literal_prefix()));
        }
        let pattern = RefPattern::parse("refs/heads/Rel*").expect("a pattern");
        assert!(pattern.matches_folded(b"REFS/HEADS/rEL1") && !pattern.matches(b"refs/heads/rel1"));
        assert!(pattern.matches(b"refs/heads/Rel\xff"));
    }

    #[test]
    fn the_literal_prefix_ends_at_the_first_wildcard() {
        for (pattern, prefix) in [
            ("refs/heads/main", "refs/heads/main"),
            ("refs/tags/v*", "refs/tags/v"),
            ("refs/heads/**", "refs/heads/"),
            ("refs/heads/**/x*", "refs/heads/"),
        ] {
            assert_eq!(RefPattern::parse(pattern).expect(pattern).literal_prefix(), prefix);
        }
    }

    #[test]
    fn what_no_rule_can_protect_is_refused() {
        use RefPatternError as E;
        for (pattern, error) in [
            ("", E::NotFull),
            ("main", E::NotFull),
            ("heads/main", E::NotFull),
            ("HEAD", E::NotFull),
            ("Refs/heads/main", E::NotFull),
            ("refs/heads/a?", E::OtherWildcard),
            ("refs/heads/[ab]", E::OtherWildcard),
            ("refs/heads/a\\*", E::OtherWildcard),
            ("refs/heads/rel**", E::StarsInName),
            ("refs/heads/***", E::StarsInName),
            ("refs/heads/a\u{200b}", E::Hidden),
            ("refs/", E::NoRefName),
            ("refs/heads/", E::NoRefName),
            ("refs//heads", E::NoRefName),
            ("refs/heads/a..b", E::NoRefName),
            ("refs/heads/.*", E::NoRefName),
            ("refs/heads/*.lock", E::NoRefName),
            ("refs/heads/a b", E::NoRefName),
            ("refs/heads/a^", E::NoRefName),
            ("refs/heads/a~1", E::NoRefName),
            ("refs/heads/a:b", E::NoRefName),
            ("refs/heads/@{u}", E::NoRefName),
            ("refs/heads/a.", E::NoRefName),
            ("refs/**", E::Everything),
            ("refs/**/main", E::Everything),
            ("refs/**/**", E::Everything),
            ("refs/notes/**", E::Reserved("refs/notes/refgate")),
            ("refs/notes/refgate/**", E::Reserved("refs/notes/refgate")),
            ("refs/notes/refgate/approvals", E::Reserved("refs/notes/refgate")),
            ("refs/notes/Refgate/approvals", E::Reserved("refs/notes/refgate")),
            ("refs/*/*/x", E::Reserved("refs/notes/refgate")),
            ("refs/n*/**/x", E::Reserved("refs/notes/refgate")),
            ("refs/replace/*", E::Reserved("refs/replace")),
            ("refs/rep*/*", E::Reserved("refs/replace")),
        ] {
            let found = RefPattern::parse(pattern).expect_err(pattern);
            assert_eq!(found, error, "{pattern:?}");
            assert!(!found.help().is_empty() && found.to_string().is_ascii());
        }
        assert_eq!(RefPattern::parse(&format!("refs/{}", "a".repeat(1000))), Err(E::TooLong));
        assert_eq!(
            RefPattern::parse(&format!("refs/heads/{}", "*a".repeat(17))),
            Err(E::TooManyStars)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_pattern_or_none(text in "refs/[a*/?.@{]{0,20}|\\PC{0,30}", name: Vec<u8>) {
            if let Ok(pattern) = RefPattern::parse(&text) {
                prop_assert!(!pattern.matches(b"refs/notes/refgate/approvals"));
                prop_assert!(!pattern.matches(b"refs/replace/0123"));
                prop_assert!(!pattern.matches(&name) || pattern.matches_folded(&name));
                prop_assert!(!pattern.matches(&name) || name.starts_with(pattern.literal_prefix().as_bytes()));
            }
        }
    }
}
