//! What an exception covers.

use super::package::PackagePattern;
use crate::evidence::report::{Finding, Location, is_vulnerability_id};
use crate::policy::paths::PathPattern;
use crate::policy::refs::RefPattern;

/// The scope of an exception, as its document names it.
///
/// For findings `rules` and one of `paths` and `packages` are there; for freezes and
/// break-glass nothing but `refs`. The reader of documents holds this.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// The refs on which it counts; at least one pattern.
    pub refs: Vec<RefPattern>,
    /// Rules or vulnerabilities, by any of their names.
    pub rules: Vec<String>,
    /// Tools whose findings are meant; all if there is none.
    pub tools: Vec<String>,
    /// The very findings that are meant; all of the rule if there is none.
    pub fingerprints: Vec<String>,
    /// Files.
    pub paths: Vec<PathPattern>,
    /// Packages.
    pub packages: Vec<PackagePattern>,
}

impl Scope {
    /// Says whether the exception counts on a ref.
    #[must_use]
    pub fn has_ref(&self, name: &[u8]) -> bool {
        self.refs.iter().any(|refs| refs.matches(name))
    }

    /// Says whether a finding is meant: its rule, its tool, and every one of its places.
    ///
    /// A finding without a rule or without a place is never meant, nor is one with places that
    /// the report no longer lists.
    #[must_use]
    pub fn covers(&self, finding: &Finding) -> bool {
        let rule = finding.ids().any(|name| self.rules.iter().any(|rule| same_rule(rule, name)));
        let tool = self.tools.is_empty()
            || self.tools.iter().any(|tool| tool.eq_ignore_ascii_case(&finding.tool));
        let itself =
            self.fingerprints.is_empty() || self.fingerprints.contains(&finding.fingerprint);
        let places = &finding.locations;
        let everywhere = !places.is_empty()
            && finding.unlisted_locations == 0
            && places.iter().all(|place| self.has_place(place));
        rule && tool && itself && everywhere
    }

    fn has_place(&self, place: &Location) -> bool {
        match place {
            // A path that does not begin at a known root names no file of the tree.
            Location::File { path, .. } if path.starts_with('/') => false,
            Location::File { path, .. } => {
                self.paths.iter().any(|pattern| pattern.matches(path.as_bytes()))
            }
            Location::Package { purl: Some(purl), .. } => {
                self.packages.iter().any(|package| package.matches(purl))
            }
            Location::Package { purl: None, .. } | Location::Other(_) => false,
        }
    }
}

/// Says whether two names are of one rule: letter by letter, vulnerability ids in either case.
#[must_use]
pub(crate) fn same_rule(left: &str, right: &str) -> bool {
    left == right || (is_vulnerability_id(left) && left.eq_ignore_ascii_case(right))
}
