//! Which known word somebody probably meant.

/// Words longer than this get no suggestion; it bounds the work.
const MAX_CHARS: usize = 64;

/// Returns the known word that is nearest to `word`, if it is near enough to be meant.
///
/// At most one edit for every four letters begun, letters in either case: what is
/// further away is another word, and a wrong suggestion is worse than none.
#[must_use]
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    within(word.chars().take(MAX_CHARS).count().div_ceil(4), word, known)
}

/// Returns the known word that is nearest to `word`, if it takes no more than `max` edits.
#[must_use]
pub(crate) fn within<'a>(
    max: usize,
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let length = word.chars().take(MAX_CHARS + 1).count();
    if length > MAX_CHARS {
        return None;
    }
    let scored = known.into_iter().filter_map(|candidate| {
        if candidate.chars().count().abs_diff(length) > max {
            return None;
        }
        let edits = distance(&word.to_lowercase(), &candidate.to_lowercase());
        (edits <= max).then_some((edits, candidate))
    });
    scored.min_by_key(|(edits, _)| *edits).map(|(_, candidate)| candidate)
}

/// Returns how many letters must be put in, left out, changed or swapped with their neighbour
/// (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut two_above: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut previous_a = None;
    for (row, a_char) in a.chars().enumerate() {
        let mut current = vec![row + 1];
        let mut left = row + 1;
        let mut previous_b = None;
        for (column, b_char) in b.iter().copied().enumerate() {
            let at =
                |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(usize::MAX);
            let changed = at(&above, column) + usize::from(a_char != b_char);
            let mut best = changed.min(at(&above, column + 1) + 1).min(left + 1);
            if previous_a == Some(b_char) && previous_b == Some(a_char) && column > 0 {
                best = best.min(at(&two_above, column - 1).saturating_add(1));
            }
            current.push(best);
            left = best;
            previous_b = Some(b_char);
        }
        two_above = std::mem::replace(&mut above, current);
        previous_a = Some(a_char);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (a, b, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("gates", "gates", 0),
            ("gate", "gates", 1),
            ("gaets", "gates", 1),
            ("kitten", "sitting", 3),
            ("approvals", "aprovalls", 2),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }

    #[test]
    fn only_near_words_are_suggested() {
        let known = ["approvals", "maintainers", "refs", "carry"];
        for (word, meant) in [
            ("aproval", Some("approvals")),
            ("Maintainer", Some("maintainers")),
            ("ref", Some("refs")),
            ("cary", Some("carry")),
            ("reviewers", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word:?}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
    }
}
