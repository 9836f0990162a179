//! SPDX 3.0 in JSON-LD: a graph of elements, of which the packages are counted.
//!
//! Only the form is read that the specification's own context gives: its short
//! names, in one `@graph`. JSON-LD could write the same in many other ways.

use serde::Deserialize;

use super::KEPT;
use crate::evidence::format::error::{Fault, ReadError};
use crate::evidence::format::excerpt;
use crate::evidence::format::json::{Document, Object, Raw, Text};
use crate::evidence::report::{Report, Tool};
use crate::limits::Limits;

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow, rename = "@graph")]
    graph: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Element<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow, rename = "@type")]
    kind_in_full: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    spec_version: Option<Text<'a>>,
    #[serde(borrow)]
    created: Option<Text<'a>>,
}

/// Reads an SPDX 3 document.
pub(in crate::evidence::format) fn read(
    document: Document<'_>,
    _limits: &Limits,
) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    let mut report = Report::new(document.format(), "");
    let mut packages = 0;
    let mut version: Option<String> = None;
    document.each(root.graph, |Object(element): Object<Element<'_>>| {
        match element.kind.as_deref().or(element.kind_in_full.as_deref()) {
            Some("software_Package") => packages += 1,
            Some("Tool") if report.tools.len() < KEPT => {
                let name = excerpt::name(element.name.as_deref().unwrap_or_default());
                report.tools.push(Tool { name, version: None });
            }
            Some("CreationInfo") => {
                report.note_time(element.created.as_deref());
                let found = element.spec_version.as_deref().unwrap_or_default();
                if !found.starts_with("3.0")
                    || version.as_deref().is_some_and(|known| known != found)
                {
                    let (found, known) = (excerpt::prose(found), "3.0, one for all elements");
                    return Err(document.error(Fault::UnsupportedVersion { found, known }));
                }
                version = Some(excerpt::prose(found));
            }
            _ => {}
        }
        Ok(())
    })?;
    let Some(version) = version else {
        return Err(document.error(Fault::MissingField { field: "CreationInfo".into() }));
    };
    report.version = version;
    report.components = Some(packages);
    report.scanned = Some(packages);
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::{fault, report};

    fn with(elements: &str) -> String {
        format!(
            r#"{{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [{elements}]}}"#
        )
    }

    const INFO: &str =
        r#"{"type": "CreationInfo", "specVersion": "3.0.1", "created": "2026-11-23T09:29:44Z"}"#;

    #[test]
    fn packages_of_the_graph_are_components() {
        let report = report(&with(&format!(
            r#"{INFO}, {{"type": "software_Package", "name": "a"}}, {{"@type": "software_Package"}},
            {{"type": "software_File"}}, {{"type": "Tool", "name": "t"}}, {{"type": "ai_AIPackage"}}"#
        )));
        assert_eq!((report.components, report.version.as_str()), (Some(2), "3.0.1"));
        assert_eq!(report.tools[0].name, "t");
    }

    #[test]
    fn a_graph_without_one_known_version_is_refused() {
        assert_eq!(fault(&with("")), Fault::MissingField { field: "CreationInfo".into() });
        for other in
            [INFO.replace("3.0.1", "4.0"), format!("{INFO}, {}", INFO.replace("3.0.1", "3.0.0"))]
        {
            assert!(matches!(fault(&with(&other)), Fault::UnsupportedVersion { .. }), "{other}");
        }
    }
}
