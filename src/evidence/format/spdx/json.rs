//! SPDX 2.2 and 2.3 in JSON.

use serde::Deserialize;

use super::{VERSIONS, note_creator};
use crate::evidence::format::error::{Fault, ReadError};
use crate::evidence::format::excerpt;
use crate::evidence::format::json::{Document, Object, Raw, Text};
use crate::evidence::report::Report;
use crate::limits::Limits;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Root<'a> {
    #[serde(borrow)]
    spdx_version: Text<'a>,
    #[serde(borrow)]
    creation_info: Object<Creation<'a>>,
    #[serde(borrow)]
    packages: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Creation<'a> {
    #[serde(borrow)]
    created: Option<Text<'a>>,
    #[serde(borrow)]
    creators: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow)]
    #[expect(dead_code, reason = "it has to be there: what has no name is no package")]
    name: Text<'a>,
}

/// Reads an SPDX document.
pub(in crate::evidence::format) fn read(
    document: Document<'_>,
    _limits: &Limits,
) -> Result<Report, ReadError> {
    let root: Root<'_> = document.root()?;
    if !VERSIONS.contains(&&*root.spdx_version) {
        let (found, known) = (excerpt::prose(&root.spdx_version), "SPDX-2.2 and SPDX-2.3");
        return Err(
            document.error_in(&root.spdx_version, Fault::UnsupportedVersion { found, known })
        );
    }
    let mut report = Report::new(document.format(), excerpt::prose(&root.spdx_version));
    report.note_time(root.creation_info.created.as_deref());
    if let Some(creators) = root.creation_info.creators {
        document.each(creators, |creator: Text<'_>| {
            note_creator(&mut report, &creator);
            Ok(())
        })?;
    }
    let mut packages = 0;
    if let Some(list) = root.packages {
        document.each(list, |Object(_): Object<Package<'_>>| {
            packages += 1;
            Ok(())
        })?;
    }
    report.components = Some(packages);
    report.scanned = Some(packages);
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::{fault, report};

    fn with(version: &str, packages: &str) -> String {
        format!(
            r#"{{"spdxVersion": "{version}", "creationInfo": {{"created": "2026-11-23T09:18:33Z", "creators": ["Tool: syft-1"]}},
            "packages": [{packages}]}}"#
        )
    }

    #[test]
    fn packages_are_components() {
        let report = report(&with("SPDX-2.3", r#"{"name": "a"}, {"name": "b"}"#));
        assert_eq!((report.components, report.version.as_str()), (Some(2), "SPDX-2.3"));
        assert_eq!((report.tools[0].name.as_str(), report.times.is_some()), ("syft", true));
    }

    #[test]
    fn other_versions_and_nameless_packages_are_refused() {
        for version in ["SPDX-2.1", "SPDX-3.0", "2.3", "spdx-2.3"] {
            assert!(
                matches!(fault(&with(version, "")), Fault::UnsupportedVersion { .. }),
                "{version}"
            );
        }
        assert_eq!(fault(&with("SPDX-2.3", "{}")), Fault::MissingField { field: "name".into() });
    }
}
