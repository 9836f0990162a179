//! What `osv-scanner --format json` writes.
//!
//! A finding is a group: the ids under which databases know one vulnerability of one
//! package. Its severity is the group's `max_severity`, a number as text; where that
//! is empty, the worst of the vectors and words of the group's advisories. What call
//! analysis says was not called still counts.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::ReadError;
use super::json::{Document, Object, Raw, Text};
use super::scan::{Scan, alias, aliases};
use crate::evidence::report::{Class, Finding, Location, Mark, Purl, Report};
use crate::evidence::severity::Rating;
use crate::limits::Limits;

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow)]
    results: Raw<'a>,
}

#[derive(Deserialize)]
struct Source<'a> {
    #[serde(borrow)]
    packages: Raw<'a>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    package: Object<Package<'a>>,
    #[serde(borrow)]
    vulnerabilities: Option<Raw<'a>>,
    #[serde(borrow)]
    groups: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    ecosystem: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Group<'a> {
    ids: Vec<Text<'a>>,
    #[serde(borrow)]
    aliases: Option<Raw<'a>>,
    #[serde(borrow)]
    max_severity: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Advisory<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    aliases: Option<Raw<'a>>,
    #[serde(borrow)]
    summary: Option<Text<'a>>,
    #[serde(borrow)]
    severity: Option<Raw<'a>>,
    #[serde(borrow)]
    database_specific: Option<Object<Word<'a>>>,
}

#[derive(Deserialize)]
struct Word<'a> {
    #[serde(borrow)]
    severity: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Vector<'a> {
    #[serde(borrow)]
    score: Option<Text<'a>>,
}

/// What is kept of an advisory while its package is read.
struct Known<'a> {
    rating: Rating,
    aliases: Option<Raw<'a>>,
    summary: Option<Text<'a>>,
}

/// Ecosystems of OSV and the types of their package URLs.
const ECOSYSTEMS: [(&str, &str); 11] = [
    ("npm", "npm"),
    ("PyPI", "pypi"),
    ("Go", "golang"),
    ("crates.io", "cargo"),
    ("Maven", "maven"),
    ("NuGet", "nuget"),
    ("RubyGems", "gem"),
    ("Packagist", "composer"),
    ("Hex", "hex"),
    ("Pub", "pub"),
    ("CRAN", "cran"),
];

/// Reads an OSV-Scanner report.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    let mut scan = Scan::new(document, limits, "osv-scanner", None);
    scan.report.states_vulnerabilities = true;
    document.each(root.results, |Object(source): Object<Source<'_>>| {
        document
            .each(source.packages, |Object(entry): Object<Entry<'_>>| package(&mut scan, &entry))
    })?;
    Ok(scan.finish())
}

fn package<'a>(scan: &mut Scan<'a>, entry: &Entry<'a>) -> Result<(), ReadError> {
    let document = scan.document;
    let mut advisories: BTreeMap<Text<'a>, Known<'a>> = BTreeMap::new();
    if let Some(list) = entry.vulnerabilities {
        document.each(list, |Object(advisory): Object<Advisory<'a>>| {
            let rating = advisory.rating(document)?;
            let Advisory { id, aliases, summary, .. } = advisory;
            advisories.insert(id, Known { rating, aliases, summary });
            Ok(())
        })?;
    }
    let mut any = false;
    if let Some(groups) = entry.groups {
        document.each(groups, |Object(group): Object<Group<'a>>| {
            any = true;
            let rating = group.rating(&advisories);
            scan.add(rating, false, |tool| {
                finding(
                    document,
                    rating,
                    tool,
                    &entry.package,
                    &group.ids,
                    &advisories,
                    group.aliases,
                )
            })
        })?;
    }
    // Without groups each advisory stands for itself.
    for (id, known) in advisories.iter().filter(|_| !any) {
        scan.add(known.rating, false, |tool| {
            let ids = std::slice::from_ref(id);
            finding(document, known.rating, tool, &entry.package, ids, &advisories, None)
        })?;
    }
    Ok(())
}

fn finding<'a>(
    document: Document<'a>,
    rating: Rating,
    tool: &str,
    package: &Package<'a>,
    ids: &[Text<'a>],
    advisories: &BTreeMap<Text<'a>, Known<'a>>,
    other: Option<Raw<'a>>,
) -> Result<Finding, ReadError> {
    let rule = ids.first().map(|id| &**id).unwrap_or_default();
    let known = || ids.iter().filter_map(|id| advisories.get(id));
    let title = known().find_map(|known| known.summary.as_deref());
    let mut finding =
        Finding::new(Class::Dependency, rating, rule, tool).at(package.location()).titled(title);
    for id in ids {
        alias(&mut finding, id);
    }
    aliases(document, &mut finding, other)?;
    for known in known() {
        aliases(document, &mut finding, known.aliases)?;
    }
    Ok(finding.identified_by(Mark::Line))
}

impl Package<'_> {
    fn location(&self) -> Location {
        let purl = self.purl();
        Location::package(purl.as_ref().map(Purl::as_str), &self.name, self.version.as_deref())
    }

    fn purl(&self) -> Option<Purl> {
        // Behind the colon stands a release, of a distribution for instance.
        let ecosystem = self.ecosystem.as_deref()?.split(':').next()?;
        let (_, ty) = ECOSYSTEMS.iter().find(|(name, _)| *name == ecosystem)?;
        let separator = if *ty == "maven" { ':' } else { '/' };
        let (namespace, name) = match self.name.rsplit_once(separator) {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, &*self.name),
        };
        Purl::new(ty, namespace, name, self.version.as_deref())
    }
}

impl<'a> Group<'a> {
    fn rating(&self, advisories: &BTreeMap<Text<'a>, Known<'a>>) -> Rating {
        let score = self.max_severity.as_deref().map(str::trim).filter(|text| !text.is_empty());
        match score.map(Rating::parse_score) {
            // OSV-Scanner writes 0.0 for what it cannot rate.
            Some(Some(score)) if score > 0.0 => Rating::from_score(score),
            Some(Some(_) | None) => Rating::Unknown,
            None => {
                let known = self.ids.iter().filter_map(|id| advisories.get(id));
                known.fold(Rating::Unknown, |worst, known| worst.or_worse(known.rating))
            }
        }
    }
}

impl<'a> Advisory<'a> {
    /// Returns the worst of the vectors (OSV schema, `severity[]`) and the database's word.
    fn rating(&self, document: Document<'a>) -> Result<Rating, ReadError> {
        let word = self.database_specific.as_ref().and_then(|specific| specific.severity);
        // What a database puts there is its own affair, and not always a word.
        let word: Option<Text<'_>> = word.and_then(|raw| document.try_value(raw));
        let mut worst = word.map_or(Rating::Unknown, |word| Rating::from_word(&word));
        if let Some(severity) = self.severity {
            document.each(severity, |Object(vector): Object<Vector<'_>>| {
                let rating = Rating::from_cvss_vector(vector.score.as_deref().unwrap_or_default());
                worst = worst.or_worse(rating);
                Ok(())
            })?;
        }
        Ok(worst)
    }
}

#[cfg(test)]
mod tests {
    use crate::evidence::format::Fault;
    use crate::evidence::format::testing::{fault, report};

    fn with(groups: &str, vulnerabilities: &str) -> String {
        format!(
            r#"{{"results": [{{"packages": [{{"package": {{"name": "@a/b", "version": "1", "ecosystem": "npm"}},
            "vulnerabilities": [{vulnerabilities}], "groups": [{groups}]}}]}}]}}"#
        )
    }

    const ADVISORY: &str = r#"{"id": "GHSA-1", "aliases": ["CVE-1"], "summary": "s",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "database_specific": {"severity": "MODERATE"}}"#;

    #[test]
    fn a_group_is_one_finding_under_all_its_names() {
        let report =
            report(&with(r#"{"ids": ["GHSA-1", "PYSEC-1"], "max_severity": "5.3"}"#, ADVISORY));
        assert_eq!((report.open.medium, report.open.total()), (1, 1));
        let finding = &report.findings[0];
        assert_eq!(finding.ids().collect::<Vec<_>>(), ["GHSA-1", "PYSEC-1", "CVE-1"]);
        assert_eq!(finding.locations[0].to_string(), "pkg:npm/%40a/b@1");
        assert_eq!(finding.title, "s");
    }

    #[test]
    fn without_a_score_the_worst_word_or_vector_counts() {
        for (severity, [critical, unknown]) in [
            ("", [1, 0]),
            (r#", "max_severity": """#, [1, 0]),
            (r#", "max_severity": "0.0""#, [0, 1]),
            (r#", "max_severity": "bad""#, [0, 1]),
        ] {
            let report = report(&with(&format!(r#"{{"ids": ["GHSA-1"]{severity}}}"#), ADVISORY));
            assert_eq!(
                [report.open.critical, report.open.unknown],
                [critical, unknown],
                "{severity}"
            );
        }
        assert_eq!(report(&with("", ADVISORY)).open.critical, 1, "no groups at all");
    }

    #[test]
    fn what_only_looks_like_it_is_refused() {
        let text = r#"{"results": [{"packages": []}, {"package": {"name": "x"}}]}"#;
        assert_eq!(fault(text), Fault::MissingField { field: "packages".into() });
    }
}
