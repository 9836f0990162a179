//! Draws the releases that are audited.
//!
//! Each release has a rank: the SHA-256 of four lines, which are the seed, the portfolio, the repository and the
//! full name of the tag. Of every portfolio those with the lowest ranks are drawn. Who
//! knows the seed can redo it: `printf '%s\n' SEED PORTFOLIO REPOSITORY TAG | sha256sum`.
//! The seed is drawn after the quarter and published, so that nobody can know before
//! which releases will be looked at.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::evidence::predicate::Sha256;

/// The version of the form of a sample.
pub const VERSION: u32 = 1;

/// The portfolio of repositories that name none.
pub const NO_PORTFOLIO: &str = "-";

/// Where the time of a release is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeFrom {
    /// A verification summary that the server signed.
    Summary,
    /// The date inside the tag or commit, which is its maker's claim.
    Claim,
}

/// A release that can be drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Release {
    /// The portfolio.
    pub portfolio: String,
    /// The name of the repository.
    pub repository: String,
    /// Where its clone was when the sample was drawn.
    pub path: String,
    /// The full name of the tag.
    pub tag: String,
    /// The object that the tag held.
    pub object: String,
    /// When it was released.
    pub time: Timestamp,
    /// Where that is known from.
    pub time_from: TimeFrom,
    /// The rank, as 64 hexadecimal digits.
    pub rank: String,
    /// Whether it was drawn.
    pub drawn: bool,
}

/// A repository of which no release could be considered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Unreadable {
    /// Where its clone was to be.
    pub path: String,
    /// Why.
    pub why: String,
}

/// What was drawn, and from what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sample {
    /// The version of this form.
    pub version: u32,
    /// The quarter.
    pub quarter: String,
    /// The seed.
    pub seed: String,
    /// How many releases of each portfolio were to be drawn.
    pub releases: usize,
    /// All releases of the quarter, by portfolio and rank.
    pub candidates: Vec<Release>,
    /// Repositories that could not be read.
    pub unreadable: Vec<Unreadable>,
}

/// Returns the rank of a release.
#[must_use]
pub fn rank(seed: &str, portfolio: &str, repository: &str, tag: &str) -> String {
    Sha256::of(format!("{seed}\n{portfolio}\n{repository}\n{tag}\n").as_bytes()).to_hex()
}

/// Draws so many releases of each portfolio.
///
/// A release that two clones hold stands there once.
#[must_use]
pub fn draw(seed: &str, releases: usize, candidates: Vec<Release>) -> Vec<Release> {
    let mut seen = BTreeSet::new();
    let mut all: Vec<Release> = candidates
        .into_iter()
        .map(|release| {
            let rank = rank(seed, &release.portfolio, &release.repository, &release.tag);
            Release { rank, drawn: false, ..release }
        })
        .collect();
    all.sort_by(|l, r| (&l.portfolio, &l.rank, &l.path).cmp(&(&r.portfolio, &r.rank, &r.path)));
    all.retain(|release| seen.insert(release.rank.clone()));
    let mut drawn: BTreeMap<String, usize> = BTreeMap::new();
    for release in &mut all {
        let count = drawn.entry(release.portfolio.clone()).or_default();
        release.drawn = *count < releases;
        *count += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(portfolio: &str, repository: &str, tag: &str) -> Release {
        Release {
            portfolio: portfolio.into(),
            repository: repository.into(),
            path: repository.into(),
            tag: format!("refs/tags/{tag}"),
            object: "a".repeat(40),
            time: Timestamp::UNIX_EPOCH,
            time_from: TimeFrom::Claim,
            rank: String::new(),
            drawn: false,
        }
    }

    #[test]
    fn the_draw_follows_from_the_seed_and_nothing_else() {
        let all: Vec<Release> = (0..20)
            .flat_map(|n| {
                let tag = format!("v{n}");
                [release("payments", "a", &tag), release("search", "b", &tag)]
            })
            .collect();
        let one = draw("seed", 3, all.clone());
        let mut turned = all.clone();
        turned.reverse();
        turned.extend(all.clone());
        assert_eq!(draw("seed", 3, turned), one, "order and repetition change nothing");
        for portfolio in ["payments", "search"] {
            let of = one.iter().filter(|release| release.portfolio == portfolio);
            assert_eq!(of.filter(|release| release.drawn).count(), 3);
        }
        assert_ne!(draw("other", 3, all), one);
        assert_eq!(draw("seed", 3, vec![release("p", "a", "v1")]).len(), 1);
    }

    #[test]
    fn the_rank_is_what_sha256sum_says() {
        // printf '%s\n' seed payments git.example.org/a refs/tags/v1 | sha256sum
        assert_eq!(
            rank("seed", "payments", "git.example.org/a", "refs/tags/v1"),
            "816c9f77dd9a8dd9eafc60fce60e44da5dfb41f89ea36183c404715e7d27248b"
        );
    }
}
