//! What `syft -o syft-json` writes: a bill of materials in Syft's own form.

use serde::Deserialize;

use super::error::{Fault, ReadError};
use super::excerpt;
use super::json::{Document, Object, Raw, Text};
use crate::evidence::report::{Report, Tool};

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow)]
    artifacts: Raw<'a>,
    #[serde(borrow)]
    descriptor: Object<Named<'a>>,
    #[serde(borrow)]
    schema: Object<Schema<'a>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Schema<'a> {
    #[serde(borrow)]
    version: Text<'a>,
}

#[derive(Deserialize)]
struct Artifact<'a> {
    #[serde(borrow)]
    #[expect(dead_code, reason = "it has to be there: what has no name is no component")]
    name: Text<'a>,
}

/// Reads a Syft document.
pub(super) fn read(document: Document<'_>) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    if &*root.descriptor.name != "syft" {
        let (field, expected) = ("descriptor.name", "\"syft\"");
        let found = excerpt::prose(&root.descriptor.name);
        return Err(
            document.error_in(&root.descriptor.name, Fault::WrongValue { field, found, expected })
        );
    }
    let mut report = Report::new(document.format(), excerpt::prose(&root.schema.version));
    let version = root.descriptor.version.as_deref().map(excerpt::name);
    report.tools.push(Tool { name: "syft".into(), version });
    let mut components = 0;
    document.each(root.artifacts, |Object(_): Object<Artifact<'_>>| {
        components += 1;
        Ok(())
    })?;
    report.components = Some(components);
    report.scanned = Some(components);
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::{fault, report};

    #[test]
    fn artifacts_are_components() {
        let text = r#"{"artifacts": [{"name": "a"}, {"name": "b"}], "artifactRelationships": [],
            "descriptor": {"name": "syft", "version": "1.18.1"}, "schema": {"version": "16.0.18"}}"#;
        let report = report(text);
        assert_eq!((report.components, report.version.as_str()), (Some(2), "16.0.18"));
        assert!(matches!(fault(&text.replace("\"syft\"", "\"x\"")), Fault::WrongValue { .. }));
    }
}
