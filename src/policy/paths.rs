//! Which files a domain owns: patterns as CODEOWNERS files write them.
//!
//! The meaning is that of GitHub's CODEOWNERS ("About code owners", CODEOWNERS
//! syntax), over the bytes of a path in a tree, letters compared exactly:
//!
//! - a leading `/`, or a `/` in the middle, anchors the pattern at the root;
//! - a pattern without one (a trailing `/` does not count) matches at any depth;
//! - a name matches the file, and everything below the directory, of that name;
//! - a trailing `/` or `/**` means what lies below, `docs/*` what lies directly in `docs`;
//! - `*` and `?` stay within one component, `**` is a component of its own.
//!
//! One difference is wanted: domains add up, no later line takes a file
//! away from an earlier one. A rule that can be overridden by another row is
//! one that a reader of the first row does not see.

use std::fmt;

use super::glob::{self, Case, Part};
use super::text::hidden_char;

/// A pattern over the paths of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    parts: Vec<Part>,
}

/// Why a text is no pattern that refgate takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPatternError {
    /// Nothing, or a bare `/`.
    Empty,
    /// Longer than [`PathPattern::MAX_LEN`].
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// More groups of `*` than [`PathPattern::MAX_STARS`].
    TooManyStars {
        /// Its groups.
        groups: usize,
    },
    /// A leading `!`, which CODEOWNERS does not know.
    Negation,
    /// A leading `#`, which begins a comment in CODEOWNERS.
    Comment,
    /// `[`, `]` or a list in braces, which CODEOWNERS does not know.
    CharacterSet,
    /// A backslash, which escapes nothing in CODEOWNERS.
    Backslash,
    /// `**` that is not the whole of a component.
    StarsInName,
    /// `//`, or a `.` or `..` component: no path in a tree has one.
    NoName,
    /// A blank at an end, or a character that people do not see.
    Hidden {
        /// The character, as `U+00A0`.
        character: String,
    },
}

impl PathPattern {
    /// The most bytes of a pattern.
    pub const MAX_LEN: usize = 1000;
    /// The most groups of `*` in a pattern.
    pub const MAX_STARS: usize = 16;

    /// Reads a pattern.
    ///
    /// # Errors
    /// Refuses what CODEOWNERS does not know and what can match no file, rather
    /// than let people believe that somebody watches over it.
    pub fn parse(text: &str) -> Result<Self, PathPatternError> {
        if text.len() > Self::MAX_LEN {
            return Err(PathPatternError::TooLong { bytes: text.len() });
        }
        if let Some(character) = hidden_char(text) {
            return Err(PathPatternError::Hidden { character });
        }
        if text.trim() != text {
            return Err(PathPatternError::Hidden { character: "U+0020".into() });
        }
        match text.chars().next() {
            Some('!') => return Err(PathPatternError::Negation),
            Some('#') => return Err(PathPatternError::Comment),
            Some(_) | None => {}
        }
        if text.contains('\\') {
            return Err(PathPatternError::Backslash);
        }
        if text.contains(['[', ']']) || is_brace_list(text) {
            return Err(PathPatternError::CharacterSet);
        }
        let groups = text.split(|c| c != '*').filter(|stars| !stars.is_empty()).count();
        if groups > Self::MAX_STARS {
            return Err(PathPatternError::TooManyStars { groups });
        }
        let parts = compile(text)?;
        Ok(Self { text: text.into(), parts })
    }

    /// Returns whether a path, written from the root without a leading `/`, is one of the files meant.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        glob::matches(&self.parts, path, Case::Exact)
    }

    /// Returns the pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_brace_list(text: &str) -> bool {
    text.split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .is_some_and(|(list, _)| list.contains(','))
}

fn compile(text: &str) -> Result<Vec<Part>, PathPatternError> {
    let (rooted, body) = match text.strip_prefix('/') {
        Some(body) => (true, body),
        None => (false, text),
    };
    let (directory, body) = match body.strip_suffix('/') {
        Some(body) => (true, body),
        None => (false, body),
    };
    if body.is_empty() {
        return Err(PathPatternError::Empty);
    }
    let mut parts = Vec::new();
    if !rooted && !body.contains('/') {
        parts.push(Part::AnyDepth);
    }
    for name in body.split('/') {
        if matches!(name, "" | "." | "..") {
            return Err(PathPatternError::NoName);
        }
        if name.contains("**") && name != "**" {
            return Err(PathPatternError::StarsInName);
        }
        let part = Part::new(name);
        if !(part == Part::AnyDepth && parts.last() == Some(&Part::AnyDepth)) {
            parts.push(part);
        }
    }
    match parts.last() {
        Some(Part::AnyDepth) => {
            // A trailing `/**`: at least one component below.
            parts.pop();
            parts.extend([Part::Any, Part::AnyDepth]);
        }
        Some(_) if directory => parts.extend([Part::Any, Part::AnyDepth]),
        // A trailing `/*`: one level, no directories' content.
        Some(Part::Any) | None => {}
        Some(Part::Wild(_) | Part::Literal(_)) => parts.push(Part::AnyDepth),
    }
    Ok(parts)
}

impl PathPatternError {
    /// Returns what to write instead.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Empty => "write * for every file",
            Self::TooLong { .. } | Self::TooManyStars { .. } => "divide it into several patterns",
            Self::Negation => "domains add up: list what belongs to the domain, and nothing else",
            Self::Comment => "write /# for a file in the root whose name begins with #",
            Self::CharacterSet => "write one pattern for each case",
            Self::Backslash => "leave the backslash out; * and ? cannot be escaped",
            Self::StarsInName => "write * within a name, or **/ for any directories",
            Self::NoName => "write the path from the root as git ls-tree shows it",
            Self::Hidden { .. } => "remove the character",
        }
    }
}

impl fmt::Display for PathPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the pattern names no file"),
            Self::TooLong { bytes } => {
                write!(f, "the pattern has {bytes} bytes, {} are allowed", PathPattern::MAX_LEN)
            }
            Self::TooManyStars { groups } => write!(
                f,
                "the pattern has {groups} groups of *, {} are allowed",
                PathPattern::MAX_STARS
            ),
            Self::Negation => f.write_str("a pattern cannot begin with !"),
            Self::Comment => f.write_str("a pattern cannot begin with #"),
            Self::CharacterSet => f.write_str("a pattern cannot hold [...] or {...,...}"),
            Self::Backslash => f.write_str("a pattern cannot hold a backslash"),
            Self::StarsInName => f.write_str("** must stand alone between slashes"),
            Self::NoName => f.write_str("an empty name, \".\" or \"..\" matches no file"),
            Self::Hidden { character } => {
                write!(f, "the pattern holds {character} where people do not see it")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        PathPattern::parse(pattern).expect(pattern).matches(path.as_bytes())
    }

    #[test]
    fn patterns_mean_what_codeowners_documents() {
        for (pattern, path, expected) in [
            // GitHub, "Example of a CODEOWNERS file"
            ("*", "README.md", true),
            ("*", "a/b/c.rs", true),
            ("*.js", "app.js", true),
            ("*.js", "src/deep/app.js", true),
            ("*.js", "app.jsx", false),
            ("*.go", "cmd/main.go", true),
            ("*.txt", "notes.txt", true),
            ("/build/logs/", "build/logs/a.log", true),
            ("/build/logs/", "build/logs/2026/a.log", true),
            ("/build/logs/", "src/build/logs/a.log", false),
            ("/build/logs/", "build/logs", false),
            ("docs/*", "docs/getting-started.md", true),
            ("docs/*", "docs/build-app/troubleshooting.md", false),
            ("docs/*", "src/docs/getting-started.md", false),
            ("apps/", "apps/a", true),
            ("apps/", "x/apps/y/z", true),
            ("apps/", "apps", false),
            ("apps/", "myapps/a", false),
            ("/docs/", "docs/a", true),
            ("/docs/", "docs/a/b", true),
            ("/docs/", "x/docs/a", false),
            ("/scripts/", "scripts/run.sh", true),
            ("**/logs", "build/logs/a.log", true),
            ("**/logs", "scripts/logs/b/c.log", true),
            ("**/logs", "deeply/nested/logs/d", true),
            ("**/logs", "logs", true),
            ("**/logs", "catalogs/d", false),
            ("/apps/github", "apps/github/x", true),
            ("/apps/github", "apps/github", true),
            ("/apps/github", "apps/github-actions/x", false),
            ("/apps/", "apps/github/x", true),
            // GitLab, "Code Owners", where it means the same
            ("README.md", "README.md", true),
            ("README.md", "internal/README.md", true),
            ("/README.md", "internal/README.md", false),
            ("/docs/README.md", "docs/README.md", true),
            ("docs/*.md", "docs/index.md", true),
            ("docs/*.md", "docs/api/index.md", false),
            ("/docs/**/*.md", "docs/index.md", true),
            ("/docs/**/*.md", "docs/api/v1/index.md", true),
            ("/docs/**/*.md", "docs/api/v1/index.txt", false),
            ("/docs/**/index.md", "docs/index.md", true),
            ("/docs/**/index.md", "docs/api/graphql/index.md", true),
            ("path with spaces/", "path with spaces/a", true),
            // Otherwise
            ("/*", "README.md", true),
            ("/*", "src/lib.rs", false),
            ("**", "a/b", true),
            ("docs/**", "docs/a/b", true),
            ("docs/**", "docs", false),
            ("docs/**", "x/docs/a", false),
            ("src/**/test", "src/test/a", true),
            ("src/**/test", "src/a/b/test", true),
            ("src/**/**/test", "src/test", true),
            ("src", "src/lib.rs", true),
            ("src", "lib/src/x", true),
            ("src", "src2/x", false),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("a*c", "a/c", false),
            ("Docs/", "docs/a", false),
            ("meta/STRUCTURE.md", "meta/STRUCTURE.md", true),
            ("meta/STRUCTURE.md", "x/meta/STRUCTURE.md", false),
            ("f\u{fc}r/", "f\u{fc}r/x", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_path_need_not_be_utf_8() {
        let pattern = PathPattern::parse("src/*.c").expect("a pattern");
        assert!(pattern.matches(b"src/\xff\xfe.c"));
        assert!(!pattern.matches(b"src/\xff/\xfe.c"));
    }

    #[test]
    fn what_codeowners_does_not_know_is_refused() {
        use PathPatternError as E;
        let hidden = |c: &str| E::Hidden { character: c.into() };
        for (pattern, error) in [
            ("", E::Empty),
            ("/", E::Empty),
            ("//", E::Empty),
            ("!docs/", E::Negation),
            ("# all", E::Comment),
            ("\\#x", E::Backslash),
            ("a\\ b", E::Backslash),
            ("[ab].c", E::CharacterSet),
            ("a]", E::CharacterSet),
            ("src/{a,b}/", E::CharacterSet),
            ("a**", E::StarsInName),
            ("***", E::StarsInName),
            ("a//b", E::NoName),
            ("a/./b", E::NoName),
            ("../a", E::NoName),
            (" a", hidden("U+0020")),
            ("a ", hidden("U+0020")),
            ("a\u{200b}", hidden("U+200B")),
            ("a\nb", hidden("U+000A")),
            ("a\u{202e}b", hidden("U+202E")),
        ] {
            let found = PathPattern::parse(pattern).expect_err(pattern);
            assert_eq!(found, error, "{pattern:?}");
            assert!(!found.help().is_empty() && found.to_string().is_ascii());
        }
        assert!(PathPattern::parse("{{name}}/a").is_ok());
    }

    #[test]
    fn t117_long_and_starry_patterns_are_refused() {
        let long = "a".repeat(1001);
        assert_eq!(PathPattern::parse(&long), Err(PathPatternError::TooLong { bytes: 1001 }));
        assert!(PathPattern::parse(&"a".repeat(1000)).is_ok());
        let starry = "*a".repeat(17);
        assert_eq!(PathPattern::parse(&starry), Err(PathPatternError::TooManyStars { groups: 17 }));
        assert!(PathPattern::parse(&"*a".repeat(16)).is_ok());
        assert!(PathPattern::parse(&"**/a/".repeat(16)).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_a_pattern_or_none(text in "\\PC{0,40}|[*/?a!#\\[. \\\\]{0,20}", path: Vec<u8>) {
            if let Ok(pattern) = PathPattern::parse(&text) {
                prop_assert_eq!(pattern.as_str(), text);
                prop_assert!(pattern.matches(&path) == pattern.clone().matches(&path));
            }
        }
    }
}
