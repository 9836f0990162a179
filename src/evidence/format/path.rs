//! Paths that reports name, in the one form in which exceptions are matched.

use super::excerpt;
use crate::evidence::report::Location;

/// Returns the place that a path and a line name, or the text if it is no path of a repository.
pub(super) fn location(path: &str, line: Option<u64>) -> Location {
    match normalise(path) {
        Some(path) => Location::File { path: excerpt::name(&path), line },
        None => Location::Other(excerpt::name(path)),
    }
}

/// Returns a path without empty and `.` segments; `/` at its beginning stays.
///
/// `None` for a path with `..` or control characters, and for one that names nothing.
pub(super) fn normalise(path: &str) -> Option<String> {
    if path.chars().any(char::is_control) {
        return None;
    }
    let mut out = String::from(if path.starts_with('/') { "/" } else { "" });
    for segment in path.split('/') {
        match segment {
            "" | "." => continue,
            ".." => return None,
            _ => {}
        }
        if !out.is_empty() && !out.ends_with('/') {
            out.push('/');
        }
        out.push_str(segment);
    }
    (!matches!(out.as_str(), "" | "/")).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_path_are_one() {
        for path in ["src/a.c", "./src/a.c", "src//a.c", "src/./a.c", "src/a.c/"] {
            assert_eq!(normalise(path).as_deref(), Some("src/a.c"), "{path}");
        }
        assert_eq!(normalise("/src/a.c").as_deref(), Some("/src/a.c"));
        assert_eq!(normalise("a b/..c/é").as_deref(), Some("a b/..c/é"));
    }

    #[test]
    fn what_is_no_path_matches_none() {
        for path in ["", ".", "/", "../a", "src/../a", "src/..", "a\0b", "a\nb", "a\u{9b}b"] {
            assert_eq!(normalise(path), None, "{path:?}");
            assert_eq!(location(path, Some(1)), Location::Other(path.into()));
        }
    }
}
