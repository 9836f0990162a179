//! One page about each code, shown by `refgate explain`.
//!
//! A page has four parts: what it means, why the policy asks for it, a push that
//! triggers it, and how to get it through. It may be longer than the message, so that
//! the message can stay short.

macro_rules! pages {
    ($($code:literal),* $(,)?) => {
        /// Codes and their pages, in the order in which violations are reported.
        pub const PAGES: &[(&str, &str)] = &[$(($code, include_str!(concat!($code, ".md")))),*];
    };
}

pages! {
    "ref-frozen",
    "ref-deleted",
    "ref-not-fast-forward",
    "ref-not-first-parent",
    "ref-moved",
    "ref-named-twice",
    "ref-alias",
    "ref-spelling",
    "ref-name-unfit",
    "ref-shadows",
    "ref-replace",
    "ref-unrelated",
    "ref-object-faulty",
    "ref-too-many-commits",
    "ref-shallow",
    "ref-not-a-commit",
    "ref-tag-moved",
    "ref-tag-lightweight",
    "ref-tag-name",
    "ref-tag-target",
    "ref-tag-unreachable",
    "trust-root-unmet",
    "trust-anchor-moved",
    "trust-files-void",
    "trust-pusher-unknown",
    "trust-push-unsigned",
    "trust-certificate-faulty",
    "notes-ref-unknown",
    "notes-removed",
    "notes-malformed",
    "notes-subject",
    "notes-untrusted",
    "notes-too-large",
    "scan-evidence-missing",
    "scan-evidence-malformed",
    "scan-evidence-wrong-subject",
    "scan-evidence-untrusted",
    "scan-evidence-stale",
    "scan-evidence-empty",
    "scan-evidence-incomplete",
    "scan-finding-open",
    "tests-evidence-missing",
    "tests-evidence-malformed",
    "tests-evidence-wrong-subject",
    "tests-evidence-untrusted",
    "tests-evidence-stale",
    "tests-evidence-empty",
    "tests-failed",
    "review-approval-missing",
    "review-maintainer-missing",
    "review-reviewer-missing",
    "review-threshold-missing",
    "review-self-approved",
    "review-rejected",
    "review-trailer-ambiguous",
    "review-submodule-changed",
    "review-commit-unsigned",
    "checklist-document-missing",
    "checklist-incomplete",
    "checklist-exception-unlisted",
    "checklist-commits-unjudged",
    "checklist-too-many-commits",
    "checklist-tag-unsigned",
    "checklist-tag-signer",
    "exception-malformed",
    "exception-revoked",
    "exception-unapproved",
    "exception-self-approved",
    "exception-too-long",
    "exception-expired",
    "exception-unknown",
    "exception-not-break-glass",
    "exception-revocation-removed",
}

/// Pages about what is no violation and still has a message of its own.
pub const SITUATIONS: &[(&str, &str)] = &[("cannot-judge", include_str!("cannot-judge.md"))];

/// Returns every page, those about violations first.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGES.iter().chain(SITUATIONS).copied()
}

/// Returns the page of a code or situation.
#[must_use]
pub fn page(code: &str) -> Option<&'static str> {
    all().find(|(known, _)| *known == code).map(|(_, page)| page)
}

/// Returns what a page is about: its first line without the code.
#[must_use]
pub fn title(page: &'static str) -> &'static str {
    let first = page.lines().next().unwrap_or_default();
    first.split_once(": ").map_or(first, |(_, title)| title)
}

/// Returns the code that somebody probably meant, if one is near enough.
#[must_use]
pub fn nearest(word: &str) -> Option<&'static str> {
    let mut holding = all().map(|(code, _)| code).filter(|code| code.contains(word));
    crate::policy::suggest::nearest(word, all().map(|(code, _)| code)).or_else(|| {
        // A part of one code alone, such as its end.
        holding.next().filter(|_| !word.is_empty() && holding.next().is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [&str; 4] = [
        "## What it means",
        "## Why the policy asks for it",
        "## A push that triggers it",
        "## How to get it through",
    ];

    #[test]
    fn every_page_names_its_code_and_has_four_short_parts() {
        for (code, page) in all() {
            let mut lines = page.lines();
            assert!(lines.next().is_some_and(|first| first.starts_with(&format!("# {code}: "))));
            let parts: Vec<&str> = lines.filter(|line| line.starts_with('#')).collect();
            assert_eq!(parts, PARTS, "{code}");
            assert!(page.is_ascii() && page.lines().count() <= 60, "{code}");
            let bodies = page.split("\n## ").skip(1);
            assert!(bodies.into_iter().all(|part| part.lines().count() > 2), "{code}");
            for line in page.lines().filter(|line| !line.starts_with("    ")) {
                assert!(line.len() <= 72 && line.trim_end() == line, "{code}: {line}");
            }
        }
    }

    #[test]
    fn every_page_ends_with_something_to_do() {
        for (code, page) in all() {
            let (_, way_out) = page.rsplit_once("\n## ").expect("the last part");
            assert!(way_out.contains("\n    "), "{code} has no command");
        }
    }

    #[test]
    fn commands_of_refgate_on_pages_exist() {
        for (code, page) in all() {
            for command in page.lines().filter_map(|line| line.strip_prefix("    refgate ")) {
                let parsed = crate::cli::args::parses(&format!("refgate {command}"));
                assert_eq!(parsed, Ok(()), "{code}");
            }
        }
    }

    #[test]
    fn near_codes_are_suggested() {
        for (word, meant) in [
            ("scan-finding-opened", Some("scan-finding-open")),
            ("review-maintainer-mising", Some("review-maintainer-missing")),
            ("Ref-Moved", Some("ref-moved")),
            ("finding-open", Some("scan-finding-open")),
            ("cannot-jugde", Some("cannot-judge")),
            ("evidence-missing", None),
            ("something", None),
            ("", None),
        ] {
            assert_eq!(nearest(word), meant, "{word}");
        }
    }
}
