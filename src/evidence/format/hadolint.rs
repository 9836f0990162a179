//! What `hadolint -f json` writes: an array of findings in Dockerfiles.
//!
//! The array is empty when there are none, and then says as little as any other.

use serde::Deserialize;

use super::error::ReadError;
use super::json::{Document, Object, Text, Whole};
use super::path;
use super::scan::Scan;
use crate::evidence::report::{Class, Finding, Mark, Report};
use crate::evidence::severity::SeverityOverrides;
use crate::limits::Limits;

#[derive(Deserialize)]
struct Problem<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow)]
    file: Text<'a>,
    line: Option<Whole>,
    #[serde(borrow)]
    level: Text<'a>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
}

/// Reads a hadolint report.
pub(super) fn read(
    document: Document<'_>,
    limits: &Limits,
    overrides: &SeverityOverrides,
) -> Result<Report, ReadError> {
    let mut scan = Scan::new(document, limits, "Hadolint", None);
    let levels = overrides.of("Hadolint");
    document.root_each(|Object(problem): Object<Problem<'_>>| {
        let rating = levels.rate(&problem.level);
        scan.add(rating, false, |tool| {
            Ok(Finding::new(Class::Configuration, rating, &problem.code, tool)
                .at(path::location(&problem.file, problem.line.and_then(Whole::line)))
                .titled(problem.message.as_deref())
                .identified_by(Mark::Line))
        })
    })?;
    Ok(scan.finish())
}

#[cfg(test)]
mod tests {
    use crate::evidence::format::testing::report;

    #[test]
    fn levels_are_words_of_the_table() {
        let report = report(
            r#"[{"code": "DL3007", "file": "Dockerfile", "line": 1, "level": "warning", "message": "m"},
            {"code": "SC2046", "file": "Dockerfile", "line": 2, "level": "error"},
            {"code": "DL1", "file": "Dockerfile", "level": "ignore"}]"#,
        );
        assert_eq!((report.open.high, report.open.medium, report.open.unknown), (1, 1, 1));
        assert_eq!(report.findings[0].rule, "SC2046");
    }
}
