//! What the checklist gate asks for.

use std::fmt;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

use super::Setting;

/// What stands in a field that nobody has filled in.
const BUILT_IN_PLACEHOLDER: &str = r"(?i)^(tbd|todo|n/?a|none|\?+|\.\.\.|<[^>]*>|\[[^\]]*\])$";

/// What the checklist gate asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Checklist {
    /// The document that releases are made from.
    pub template: Setting<TreePath>,
    /// The document of a release; `{tag}` stands for the short name of the tag.
    pub document: Setting<TreePath>,
    /// The heading of the checklist.
    pub section: Setting<String>,
    /// The fields that must be filled in; at least one.
    pub fields: Setting<Vec<String>>,
    /// What counts as not filled in.
    pub placeholders: Setting<Placeholders>,
}

/// A path of a file in a tree: relative, without `.`, `..`, `.git` and empty names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreePath(String);

/// Patterns of text that fills no field.
#[derive(Clone, Debug, Default)]
pub struct Placeholders {
    patterns: Vec<String>,
    compiled: OnceLock<Vec<Regex>>,
}

impl Checklist {
    pub(super) fn built_in() -> Self {
        let path = |path: &str| {
            Setting::built_in(TreePath::parse(path).expect("because it is fixed and tested"))
        };
        Self {
            template: path("templates/document-template.md"),
            document: path("releases/{tag}.md"),
            section: Setting::built_in("Release checklist".into()),
            fields: Setting::built_in(
                ["Artifacts", "Owners", "Communication", "Rollback plan"].map(String::from).into(),
            ),
            placeholders: Setting::built_in(Placeholders {
                patterns: vec![BUILT_IN_PLACEHOLDER.into()],
                compiled: OnceLock::new(),
            }),
        }
    }

    /// Returns what a document with nothing but these fields is held to.
    #[must_use]
    pub(crate) fn of_fields(fields: &[&str]) -> Self {
        let fields = fields.iter().map(|field| String::from(*field)).collect();
        Self { fields: Setting::built_in(fields), ..Self::built_in() }
    }

    /// Returns the path of the document of a release, if the tag's short name gives one.
    #[must_use]
    pub fn document_of(&self, tag: &str) -> Option<TreePath> {
        TreePath::parse(&self.document.as_str().replace("{tag}", tag))
    }
}

impl TreePath {
    /// Returns the path, or `None` if no file of a tree can have it.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let plain = |name: &str| {
            !matches!(name, "" | "." | "..")
                && !name.eq_ignore_ascii_case(".git")
                && !name.contains(['\\', '\0'])
        };
        (path.len() <= 1000 && path.split('/').all(plain)).then(|| Self(path.into()))
    }

    /// Returns the path from the root, without a leading `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Placeholders {
    /// The most patterns.
    pub(super) const MAX: usize = 50;
    /// The most bytes of a pattern.
    const MAX_LEN: usize = 500;

    /// Returns the patterns, all of which [`Placeholders::check`] took.
    pub(super) fn new(patterns: Vec<String>) -> Self {
        Self { patterns, compiled: OnceLock::new() }
    }

    /// Checks one pattern.
    ///
    /// # Errors
    /// Says in one line what is wrong with it.
    pub(super) fn check(pattern: &str) -> Result<(), String> {
        if pattern.len() > Self::MAX_LEN {
            return Err(format!("the pattern is longer than {} bytes", Self::MAX_LEN));
        }
        compile(pattern).map(drop).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the pattern is too large when compiled".into(),
            regex::Error::Syntax(text) => {
                let last = text.lines().last().unwrap_or_default();
                last.trim().trim_start_matches("error: ").into()
            }
            _ => "the pattern cannot be compiled".into(),
        })
    }

    /// Returns the patterns as they were written.
    #[must_use]
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// Returns whether a text, blanks at its ends left out, fills no field.
    ///
    /// Empty text fills none. Time is linear in the text, whatever the patterns are.
    #[must_use]
    pub fn match_text(&self, text: &str) -> bool {
        let text = text.trim();
        let compiled = self.compiled.get_or_init(|| {
            let patterns = self.patterns.iter();
            patterns
                .map(|pattern| compile(pattern).expect("because each was compiled when read"))
                .collect()
        });
        text.is_empty() || compiled.iter().any(|pattern| pattern.is_match(text))
    }
}

impl PartialEq for Placeholders {
    fn eq(&self, other: &Self) -> bool {
        self.patterns == other.patterns
    }
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(1 << 18).nest_limit(50).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fills_no_field_is_known() {
        let placeholders = Checklist::built_in().placeholders;
        for text in [
            "", "  ", "TBD", "todo", "n/a", "NA", "None", "???", "...", "<name>", "[name]", " tbd ",
        ] {
            assert!(placeholders.match_text(text), "{text:?}");
        }
        for text in ["Ada", "TBD by Ada", "v1.0 <https://x>", "nobody", "[a](b)", "a\ntbd"] {
            assert!(!placeholders.match_text(text), "{text:?}");
        }
    }

    #[test]
    fn t117_patterns_are_bounded() {
        assert_eq!(Placeholders::check("^x$"), Ok(()));
        for (pattern, error) in [
            ("(", "unclosed group"),
            ("(?=a)", "look-around, including look-ahead and look-behind, is not supported"),
            (r"(a)\1", "backreferences are not supported"),
            (&"a".repeat(501), "the pattern is longer than 500 bytes"),
            (r"(\w{100}){100}", "the pattern is too large when compiled"),
        ] {
            assert_eq!(Placeholders::check(pattern), Err(error.into()), "{pattern}");
        }
        assert!(Placeholders::check(&"(".repeat(400)).is_err());
        let nested = Placeholders::new(vec![r"^(a*)*$".into()]);
        assert!(!nested.match_text(&("a".repeat(100_000) + "b")));
    }

    #[test]
    fn paths_of_trees_stay_in_them() {
        for path in ["a", "releases/{tag}.md", "a b/c", ".github/x", "a..b"] {
            assert!(TreePath::parse(path).is_some(), "{path}");
        }
        for path in
            ["", "/a", "a/", "a//b", "../a", "a/../b", "./a", "a\\b", ".git/config", "a/.GIT/x"]
        {
            assert!(TreePath::parse(path).is_none(), "{path}");
        }
        let checklist = Checklist::built_in();
        let document = |tag| checklist.document_of(tag).map(|path| path.to_string());
        assert_eq!(document("v1.0").as_deref(), Some("releases/v1.0.md"));
        assert_eq!(document("v1/../../x"), None);
    }
}
