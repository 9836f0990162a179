//! Pattern lists of OpenSSH (ssh_config(5), PATTERNS).

/// Comma-separated patterns with `*`, `?` and a leading `!`; case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PatternList(Vec<Pattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    negated: bool,
    glob: Vec<u8>,
}

impl PatternList {
    /// Reads a list; `None` if an entry is empty, which is never meant.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let entry = |entry: &str| {
            let glob = entry.strip_prefix('!').unwrap_or(entry);
            let negated = glob.len() < entry.len();
            (!glob.is_empty()).then(|| Pattern { negated, glob: glob.into() })
        };
        text.split(',').map(entry).collect::<Option<_>>().map(Self)
    }

    /// Says whether a pattern matches, and no negated one does.
    pub(super) fn matches(&self, text: &str) -> bool {
        let hits = |negated| {
            self.0.iter().any(|p| p.negated == negated && glob_matches(&p.glob, text.as_bytes()))
        };
        hits(false) && !hits(true)
    }
}

/// Matches with at most `glob.len() * text.len()` steps: only the last `*` is
/// ever tried again, which suffices because an earlier one can take less.
fn glob_matches(mut glob: &[u8], mut text: &[u8]) -> bool {
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (glob.split_first(), text.split_first()) {
            (Some((b'*', rest)), _) => {
                retry = Some((rest, text));
                glob = rest;
            }
            (Some((g, glob_rest)), Some((t, text_rest))) if *g == b'?' || g == t => {
                (glob, text) = (glob_rest, text_rest);
            }
            (None, None) => return true,
            _ => {
                let Some((after, (_, rest))) =
                    retry.and_then(|(after, from)| Some((after, from.split_first()?)))
                else {
                    return false;
                };
                retry = Some((after, rest));
                (glob, text) = (after, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_matches_as_openssh_does() {
        for (list, text, expected) in [
            ("ada@example.org", "ada@example.org", true),
            ("Ada@example.org", "ada@example.org", false),
            ("*@example.org", "ada@example.org", true),
            ("*@example.org", "ada@example.org.evil.test", false),
            ("a?a@*", "ada@example.org", true),
            ("a?@*", "ada@example.org", false),
            ("*", "anything", true),
            ("**", "", true),
            ("?", "", false),
            ("*a*a*", "banana", true),
            ("*a*b*", "banana", false),
            ("*ana", "banana", true),
            ("*@example.org,!ada@example.org", "ada@example.org", false),
            ("!ada@example.org,*@example.org", "ada@example.org", false),
            ("!ada@example.org,*@example.org", "ben@example.org", true),
            ("!ada@example.org", "ben@example.org", false),
        ] {
            let list = PatternList::parse(list).expect(list);
            assert_eq!(list.matches(text), expected, "{list:?} {text}");
        }
    }

    #[test]
    fn empty_entries_are_no_list() {
        for list in ["", ",", "a,", ",a", "a,,b", "!", "a,!"] {
            assert_eq!(PatternList::parse(list), None, "{list:?}");
        }
    }

    #[test]
    fn many_stars_end_soon() {
        let list = PatternList::parse(&"*a".repeat(2_000)).expect("a list");
        assert!(!list.matches(&"a".repeat(254)));
    }
}
