//! SPDX 2.2 and 2.3 as tags and values: a line for each, longer texts in `<text>`.

use super::{VERSIONS, note_creator};
use crate::evidence::format::error::{Fault, Place, ReadError};
use crate::evidence::format::excerpt;
use crate::evidence::format::json::Document;
use crate::evidence::report::Report;

/// Reads an SPDX document.
pub(in crate::evidence::format) fn read(document: Document<'_>) -> Result<Report, ReadError> {
    let mut report = Report::new(document.format(), "");
    let (mut packages, mut offset, mut text_since) = (0, 0, None);
    for line in document.text().split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        if text_since.is_some() {
            // What stands in a text is no tag, whatever it looks like.
            if line.contains("</text>") {
                text_since = None;
            }
            continue;
        }
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let refuse = |fault| document.error(fault).at(Place::of(document.text(), start));
        let Some((tag, value)) = line.split_once(':') else {
            let (found, expected) = (excerpt::prose(line), "a tag and a colon");
            return Err(refuse(Fault::WrongValue { field: "line", found, expected }));
        };
        let value = value.trim();
        if let Some((_, text)) = value.split_once("<text>")
            && !text.contains("</text>")
        {
            text_since = Some(start);
        }
        match tag {
            "SPDXVersion" if !report.version.is_empty() => {
                return Err(refuse(Fault::DuplicateKey { key: tag.into() }));
            }
            "SPDXVersion" if VERSIONS.contains(&value) => report.version = value.to_owned(),
            "SPDXVersion" => {
                let (found, known) = (excerpt::prose(value), "SPDX-2.2 and SPDX-2.3");
                return Err(refuse(Fault::UnsupportedVersion { found, known }));
            }
            "Creator" => note_creator(&mut report, value),
            "Created" => report.note_time(Some(value)),
            "PackageName" => packages += 1,
            _ => {}
        }
    }
    if let Some(start) = text_since {
        let what = "a <text> that does not end".to_owned();
        return Err(document
            .error(Fault::Contradiction { what })
            .at(Place::of(document.text(), start)));
    }
    if report.version.is_empty() {
        return Err(document.error(Fault::MissingField { field: "SPDXVersion".into() }));
    }
    report.components = Some(packages);
    report.scanned = Some(packages);
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::{fault, report};

    #[test]
    fn packages_are_counted_outside_texts() {
        let report = report(
            "SPDXVersion: SPDX-2.3\nCreator: Tool: syft-1.18.1\n\n# x\nPackageName: a\n\
             PackageComment: <text>b\nPackageName: c\n</text>\nPackageName: d\r\nPackageComment: <text>e</text>\n",
        );
        assert_eq!((report.components, report.version.as_str()), (Some(2), "SPDX-2.3"));
        assert_eq!(report.tools[0].version.as_deref(), Some("1.18.1"));
    }

    #[test]
    fn lines_that_are_no_tags_and_other_versions_are_refused() {
        assert!(matches!(fault("SPDXVersion: SPDX-2.1\n"), Fault::UnsupportedVersion { .. }));
        assert!(matches!(
            fault("SPDXVersion: SPDX-2.3\nhello\n"),
            Fault::WrongValue { field: "line", .. }
        ));
        assert!(matches!(
            fault("SPDXVersion: SPDX-2.3\nSPDXVersion: SPDX-2.3"),
            Fault::DuplicateKey { .. }
        ));
        assert!(matches!(fault("SPDXVersion: SPDX-2.3\nA: <text>x"), Fault::Contradiction { .. }));
    }
}
