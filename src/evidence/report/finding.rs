//! One finding, and what makes it the same finding in the next report.
//!
//! | class | identity |
//! |---|---|
//! | [`Class::Dependency`] | vulnerability and package URLs without version; the tool and the file do not matter |
//! | [`Class::Code`], [`Class::Configuration`] | tool, rule, path, and the flagged text, resource or a hash of either |
//! | [`Class::Secret`] | tool, rule, path, and a digest of the secret |
//!
//! Lines and versions of tools are no part of an identity, so it survives moved
//! lines and new releases. Where a report has neither the flagged text nor a hash
//! of it, the line has to serve: an identity that no longer matches blocks, one
//! that matches too much lets through.

use super::super::format::excerpt;
use super::Location;
use super::purl::Purl;
use crate::evidence::severity::Rating;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub class: Class,
    /// How bad it is.
    pub rating: Rating,
    /// The rule or vulnerability; empty where the report names none, so that no exception covers it.
    pub rule: String,
    /// Other names of the same vulnerability.
    pub aliases: Vec<String>,
    /// The tool that reports it.
    pub tool: String,
    /// Where it is, at most 32 places. An exception by place has to cover every one of
    /// them, and covers nothing if there is none.
    pub locations: Vec<Location>,
    /// Further places that are not in `locations`; if any, no exception by place covers it.
    pub unlisted_locations: u64,
    /// What it says, in a line.
    pub title: String,
    /// `sha256:` and a digest over what stays the same from one report to the next, with
    /// `:2`, `:3` and so on behind it where a report has the same several times.
    pub fingerprint: String,
    /// Whether the report itself marks it as suppressed.
    pub suppressed: bool,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Code.
    Code,
    /// A secret in a file.
    Secret,
    /// Configuration, of infrastructure for instance.
    Configuration,
    /// A known vulnerability of a package.
    Dependency,
}

impl Class {
    /// Returns the lower-case word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Secret => "secret",
            Self::Configuration => "configuration",
            Self::Dependency => "dependency",
        }
    }
}

/// What tells findings of one rule in one file apart.
#[derive(Clone, Copy, Debug)]
pub(in crate::evidence) enum Mark<'a> {
    /// A hash that the tool made of the flagged place.
    Hash(&'a str),
    /// The flagged text; blanks in it do not matter.
    Text(&'a str),
    /// The leaked secret, which only goes into the digest.
    Secret(&'a str),
    /// The resource that is configured.
    Resource(&'a str),
    /// The report has none of these.
    Line,
}

/// Databases of vulnerabilities, by the beginning of their ids; the first is the one that all others refer to.
const DATABASES: [&str; 14] = [
    "CVE-", "GHSA-", "RUSTSEC-", "PYSEC-", "GO-", "OSV-", "MAL-", "DSA-", "DLA-", "RHSA-", "ALAS",
    "ELSA-", "USN-", "SNYK-",
];

impl Finding {
    /// Returns a finding at no place.
    pub(in crate::evidence) fn new(class: Class, rating: Rating, rule: &str, tool: &str) -> Self {
        Self {
            class,
            rating,
            rule: excerpt::name(rule),
            aliases: Vec::new(),
            tool: tool.into(),
            locations: Vec::new(),
            unlisted_locations: 0,
            title: String::new(),
            fingerprint: String::new(),
            suppressed: false,
        }
    }

    /// Adds one place.
    pub(in crate::evidence) fn at(mut self, location: Location) -> Self {
        self.locations.push(location);
        self
    }

    /// Sets what the finding says.
    pub(in crate::evidence) fn titled(mut self, text: Option<&str>) -> Self {
        self.title = excerpt::prose(text.unwrap_or_default());
        self
    }

    /// Sets the fingerprint from all that was set before.
    pub(in crate::evidence) fn identified_by(mut self, mark: Mark<'_>) -> Self {
        self.fingerprint = self.fingerprint_of(mark);
        self
    }

    /// Returns all names of the rule or vulnerability, its own first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.rule.as_str())
            .filter(|rule| !rule.is_empty())
            .chain(self.aliases.iter().map(String::as_str))
    }

    /// Returns the files that it is in, as paths of the repository.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.locations.iter().filter_map(Location::path)
    }

    /// Returns the package URLs that it is about, in canonical form.
    pub fn purls(&self) -> impl Iterator<Item = &str> {
        self.locations.iter().filter_map(Location::purl)
    }

    /// Returns the name by which most databases know the vulnerability: its CVE id if it has one.
    #[must_use]
    pub fn canonical_id(&self) -> &str {
        let rank = |id: &str| DATABASES.iter().position(|start| starts_with(id, start));
        self.ids()
            .filter_map(|id| Some((rank(id)?, id)))
            .min()
            .map_or(self.rule.as_str(), |(_, id)| id)
    }

    /// Returns whether the same twice in a report are two findings and not one told twice.
    pub(in crate::evidence) fn is_counted_apart(&self) -> bool {
        self.class != Class::Dependency || self.packages().next().is_none()
    }

    fn packages(&self) -> impl Iterator<Item = String> {
        self.locations.iter().filter_map(|location| match location {
            Location::Package { purl, name, .. } => {
                let parsed = purl.as_deref().and_then(Purl::parse);
                Some(parsed.map_or_else(|| name.clone(), |purl| purl.without_version().into()))
            }
            Location::File { .. } | Location::Other(_) => None,
        })
    }

    fn fingerprint_of(&self, mark: Mark<'_>) -> String {
        if self.class == Class::Dependency {
            let mut places: Vec<String> = self.packages().collect();
            if places.is_empty() {
                places.extend(self.locations.first().map(Location::place));
            }
            places.sort_unstable();
            places.dedup();
            let head = ["dependency", self.canonical_id()].into_iter();
            return excerpt::digest(head.chain(places.iter().map(String::as_str)));
        }
        let tool = self.tool.to_ascii_lowercase();
        let place = self.locations.first().map(Location::place).unwrap_or_default();
        let head = [self.class.as_str(), &tool, &self.rule, &place];
        let digest =
            |how: &'static str, what: &str| excerpt::digest(head.into_iter().chain([how, what]));
        match mark {
            Mark::Hash(hash) if !hash.trim().is_empty() => digest("hash", hash),
            Mark::Text(text) if !text.trim().is_empty() => {
                digest("text", &text.split_whitespace().collect::<Vec<_>>().join(" "))
            }
            Mark::Secret(secret) if !secret.is_empty() => digest("secret", secret),
            Mark::Resource(resource) if !resource.is_empty() => digest("resource", resource),
            Mark::Hash(_) | Mark::Text(_) | Mark::Secret(_) | Mark::Resource(_) | Mark::Line => {
                let line = self.locations.first().and_then(Location::line).unwrap_or(0);
                digest("line", &format!("{line} {}", self.title))
            }
        }
    }
}

/// Returns whether an id is one of a database of vulnerabilities, and not of a rule.
pub(in crate::evidence) fn is_vulnerability_id(id: &str) -> bool {
    DATABASES.iter().any(|start| starts_with(id, start))
}

fn starts_with(id: &str, start: &str) -> bool {
    id.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::severity::Severity;

    const HIGH: Rating = Rating::Known(Severity::High);

    fn code(path: &str, line: u64, mark: Mark<'_>) -> String {
        Finding::new(Class::Code, HIGH, "B101", "Bandit")
            .at(Location::File { path: path.into(), line: Some(line) })
            .titled(Some("assert used"))
            .identified_by(mark)
            .fingerprint
    }

    fn dependency(id: &str, aliases: &[&str], purl: &str) -> Finding {
        let mut finding = Finding::new(Class::Dependency, HIGH, id, "a tool")
            .at(Location::package(Some(purl), "lodash", None));
        finding.aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        finding.identified_by(Mark::Line)
    }

    #[test]
    fn code_is_known_by_its_text_wherever_it_moves() {
        let moved = code("src/a.py", 70, Mark::Text("assert  x\n"));
        assert_eq!(code("src/a.py", 7, Mark::Text("assert x")), moved);
        assert_ne!(code("src/b.py", 7, Mark::Text("assert x")), moved);
        assert_ne!(code("src/a.py", 7, Mark::Text("assert y")), moved);
        assert_ne!(code("src/a.py", 7, Mark::Hash("assert x")), moved);
    }

    #[test]
    fn without_text_or_with_an_empty_mark_the_line_counts() {
        for mark in [Mark::Line, Mark::Hash(" "), Mark::Text("\n"), Mark::Secret("")] {
            assert_ne!(code("a", 7, mark), code("a", 8, mark));
            assert_eq!(code("a", 7, mark), code("a", 7, Mark::Line));
        }
    }

    #[test]
    fn a_vulnerability_is_known_by_any_of_its_names_in_every_version() {
        let one = dependency("CVE-2020-8203", &["GHSA-p6mc-m468-83gw"], "pkg:npm/lodash@4.17.4");
        let two = dependency("GHSA-p6mc-m468-83gw", &["CVE-2020-8203"], "pkg:npm/lodash@4.17.5");
        assert_eq!((one.canonical_id(), &one.fingerprint), ("CVE-2020-8203", &two.fingerprint));
        let other = dependency("CVE-2020-8203", &[], "pkg:npm/lodash.template@4.17.4");
        assert_ne!(one.fingerprint, other.fingerprint);
        let same = dependency("CVE-2020-8203", &[], "pkg:NPM/lodash@1?arch=x#y");
        assert_eq!(one.fingerprint, same.fingerprint);
    }

    #[test]
    fn a_finding_tells_its_ids_paths_and_packages() {
        let mut finding = dependency("GHSA-x", &["CVE-1"], "pkg:pypi/Django_X@2");
        finding.locations.push(Location::File { path: "a.lock".into(), line: None });
        assert_eq!(finding.ids().collect::<Vec<_>>(), ["GHSA-x", "CVE-1"]);
        assert_eq!(finding.paths().collect::<Vec<_>>(), ["a.lock"]);
        assert_eq!(finding.purls().collect::<Vec<_>>(), ["pkg:pypi/django-x@2"]);
        finding.rule.clear();
        assert_eq!(finding.ids().collect::<Vec<_>>(), ["CVE-1"]);
    }
}
