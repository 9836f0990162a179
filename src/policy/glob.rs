//! Names in components, matched by patterns in components: what paths and refs share.
//!
//! A whole-pattern matcher with `**` backtracks (gix's takes 0.7 s for sixteen
//! `**/a/` on one path of 4 kB), so only the wildcards inside a component are left to
//! `gix::glob`, where no `**` can occur. Across components one step back,
//! behind the last `**`, is enough: a match costs at most the length of the
//! pattern times that of the name.

use std::slice;

use gix::glob::wildmatch::Mode;

/// How letters compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// Byte by byte.
    Exact,
    /// ASCII letters in either case.
    Folded,
}

/// One component of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// `**`: any number of components, none included.
    AnyDepth,
    /// `*`: exactly one component.
    Any,
    /// A component with `*` or `?` in it.
    Wild(String),
    /// A component to be met as it is.
    Literal(String),
}

impl Part {
    /// Reads one component, in which `*` and `?` alone are special.
    pub(crate) fn new(text: &str) -> Self {
        match text {
            "**" => Self::AnyDepth,
            "*" => Self::Any,
            text if text.contains(['*', '?']) => Self::Wild(text.into()),
            text => Self::Literal(text.into()),
        }
    }

    /// Returns whether the part meets one component; `**` meets each.
    fn meets(&self, name: &[u8], case: Case) -> bool {
        match (self, case) {
            (Self::AnyDepth | Self::Any, _) => true,
            (Self::Literal(text), Case::Exact) => text.as_bytes() == name,
            (Self::Literal(text), Case::Folded) => text.as_bytes().eq_ignore_ascii_case(name),
            (Self::Wild(text), case) => {
                let mode = match case {
                    Case::Exact => Mode::NO_MATCH_SLASH_LITERAL,
                    Case::Folded => Mode::NO_MATCH_SLASH_LITERAL | Mode::IGNORE_CASE,
                };
                gix::glob::wildmatch(text.as_str().into(), name.into(), mode)
            }
        }
    }
}

/// Returns whether the parts meet the components of `name`, all of both.
pub(crate) fn matches(parts: &[Part], name: &[u8], case: Case) -> bool {
    let mut parts = parts.iter();
    let mut names = name.split(|byte| *byte == b'/');
    // Behind the last `**`: the parts to begin again with, and the names that it has not taken yet.
    let mut again: Option<(slice::Iter<'_, Part>, _)> = None;
    loop {
        match parts.next() {
            Some(Part::AnyDepth) if parts.as_slice().is_empty() => return true,
            Some(Part::AnyDepth) => {
                again = Some((parts.clone(), names.clone()));
                continue;
            }
            Some(part @ (Part::Any | Part::Wild(_) | Part::Literal(_))) => match names.next() {
                Some(name) if part.meets(name, case) => continue,
                Some(_) => {}
                None => return false,
            },
            None if names.next().is_none() => return true,
            None => {}
        }
        let Some((behind, untaken)) = &mut again else { return false };
        if untaken.next().is_none() {
            return false;
        }
        parts = behind.clone();
        names = untaken.clone();
    }
}

/// Returns whether the parts meet anything below the directory `name`.
pub(crate) fn reaches_below(parts: &[Part], name: &[u8], case: Case) -> bool {
    let mut open = vec![parts];
    for name in name.split(|byte| *byte == b'/') {
        let mut next: Vec<&[Part]> = Vec::new();
        // `**` may meet nothing, or this component and more.
        let mut waiting = open;
        while let Some(rest) = waiting.pop() {
            match rest.split_first() {
                Some((Part::AnyDepth, after)) => {
                    waiting.push(after);
                    next.push(rest);
                }
                Some((part, after)) if part.meets(name, case) => next.push(after),
                Some(_) | None => {}
            }
        }
        next.sort_by_key(|rest| rest.len());
        next.dedup_by_key(|rest| rest.len());
        open = next;
    }
    open.iter().any(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(pattern: &str) -> Vec<Part> {
        pattern.split('/').map(Part::new).collect()
    }

    /// The definition, as slow as it is plain.
    fn plainly(pattern: &[Part], names: &[&[u8]]) -> bool {
        match (pattern.split_first(), names.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some((Part::AnyDepth, rest)), _) => {
                (0..=names.len()).any(|taken| plainly(rest, &names[taken..]))
            }
            (Some(_), None) => false,
            (Some((part, rest)), Some((name, others))) => {
                let met = match part {
                    Part::Wild(text) => chars_plainly(text.as_bytes(), name),
                    Part::AnyDepth | Part::Any | Part::Literal(_) => part.meets(name, Case::Exact),
                };
                met && plainly(rest, others)
            }
        }
    }

    fn chars_plainly(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|taken| chars_plainly(rest, &text[taken..])),
            Some((c, rest)) => text
                .split_first()
                .is_some_and(|(t, others)| (*c == b'?' || c == t) && chars_plainly(rest, others)),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_matcher_agrees_with_the_definition(
            pattern in prop::collection::vec(prop::sample::select(
                vec!["**", "*", "a", "b", "a*", "*b", "?", "*a*b", "a?*"]), 1..7),
            names in prop::collection::vec("[ab]{1,4}", 1..7),
        ) {
            let parts = parts(&pattern.join("/"));
            let path = names.join("/");
            let names: Vec<&[u8]> = path.split('/').map(str::as_bytes).collect();
            prop_assert_eq!(matches(&parts, path.as_bytes(), Case::Exact), plainly(&parts, &names));
            let below = format!("{path}/x/y");
            if matches(&parts, below.as_bytes(), Case::Exact) {
                prop_assert!(reaches_below(&parts, path.as_bytes(), Case::Exact));
            }
        }
    }

    #[test]
    fn what_lies_below_a_directory_is_found() {
        for (pattern, reached) in [
            ("**", true),
            ("a/**", true),
            ("a/b/**", true),
            ("a/b/c", true),
            ("a/b/**/x", true),
            ("*/*/x", true),
            ("**/x", true),
            ("A/b/*", false),
            ("a/b", false),
            ("a/*", false),
            ("a/bb/**", false),
            ("x/**", false),
        ] {
            assert_eq!(reaches_below(&parts(pattern), b"a/b", Case::Exact), reached, "{pattern}");
        }
        assert!(reaches_below(&parts("A/B*/x"), b"a/b", Case::Folded));
    }

    #[test]
    fn t117_hostile_patterns_end() {
        let long = "a/".repeat(2048) + "b";
        for pattern in
            ["**/a/".repeat(16) + "c", "**/".repeat(300) + "c", "a/**/".repeat(100) + "c"]
        {
            assert!(!matches(&parts(&pattern), long.as_bytes(), Case::Exact));
        }
        let name = "a".repeat(4096);
        assert!(!matches(&parts(&("*a".repeat(16) + "b")), name.as_bytes(), Case::Folded));
    }
}
