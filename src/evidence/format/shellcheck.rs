//! What `shellcheck -f json1` writes, and `-f json`, which is its list alone.
//!
//! Neither says which files were checked, so a list without comments is not
//! recognised: it would prove nothing.

use serde::Deserialize;

use super::error::ReadError;
use super::json::{Document, Object, Raw, Text, Whole};
use super::path;
use super::scan::Scan;
use crate::evidence::report::{Class, Finding, Mark, Report};
use crate::evidence::severity::SeverityOverrides;
use crate::limits::Limits;

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow)]
    comments: Raw<'a>,
}

#[derive(Deserialize)]
struct Comment<'a> {
    code: u64,
    #[serde(borrow)]
    file: Text<'a>,
    line: Option<Whole>,
    #[serde(borrow)]
    level: Text<'a>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
}

/// Reads a ShellCheck report.
pub(super) fn read(
    document: Document<'_>,
    limits: &Limits,
    overrides: &SeverityOverrides,
) -> Result<Report, ReadError> {
    let mut scan = Scan::new(document, limits, "ShellCheck", None);
    let levels = overrides.of("ShellCheck");
    let add = |Object(comment): Object<Comment<'_>>| {
        let rating = levels.rate(&comment.level);
        scan.add(rating, false, |tool| {
            Ok(Finding::new(Class::Code, rating, &format!("SC{}", comment.code), tool)
                .at(path::location(&comment.file, comment.line.and_then(Whole::line)))
                .titled(comment.message.as_deref())
                .identified_by(Mark::Line))
        })
    };
    if document.text().trim_start().starts_with('[') {
        document.root_each(add)?;
    } else {
        let root: Root<'_> = document.root()?;
        document.each(root.comments, add)?;
    }
    Ok(scan.finish())
}

#[cfg(test)]
mod tests {
    use crate::evidence::format::testing::report;

    #[test]
    fn both_forms_are_read_alike() {
        let list = r#"[{"file": "a.sh", "line": 2, "endLine": 2, "level": "error", "code": 2164, "message": "m"},
            {"file": "a.sh", "line": 3, "endLine": 3, "level": "style", "code": 2006}]"#;
        for text in [list.to_owned(), format!(r#"{{"comments": {list}}}"#)] {
            let report = report(&text);
            assert_eq!((report.open.high, report.open.low), (1, 1), "{text}");
            assert_eq!(report.findings[0].rule, "SC2164");
        }
    }
}
