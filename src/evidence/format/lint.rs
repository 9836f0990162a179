//! Lists of findings by file, line and level, as `hadolint -f json` and `shellcheck -f json`
//! write them; `shellcheck -f json1` writes the list as a member.
//!
//! Neither says which files were checked, so that a list without findings is not recognised: it
//! would prove nothing.

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
struct Comment<'a, C> {
    code: C,
    #[serde(borrow)]
    file: Text<'a>,
    line: Option<Whole>,
    #[serde(borrow)]
    level: Text<'a>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
}

/// Reads a hadolint report.
pub(super) fn hadolint(
    document: Document<'_>,
    limits: &Limits,
    overrides: &SeverityOverrides,
) -> Result<Report, ReadError> {
    let scan = Scan::new(document, limits, "Hadolint", None);
    let rule = |code: Text<'_>| code.to_string();
    read(scan, Class::Configuration, overrides, rule)
}

/// Reads a ShellCheck report.
pub(super) fn shellcheck(
    document: Document<'_>,
    limits: &Limits,
    overrides: &SeverityOverrides,
) -> Result<Report, ReadError> {
    let scan = Scan::new(document, limits, "ShellCheck", None);
    read(scan, Class::Code, overrides, |code: u64| format!("SC{code}"))
}

fn read<'a, C: Deserialize<'a>>(
    mut scan: Scan<'a>,
    class: Class,
    overrides: &SeverityOverrides,
    rule: impl Fn(C) -> String,
) -> Result<Report, ReadError> {
    let document = scan.document;
    let levels = overrides.of(&scan.tool());
    let add = |Object(comment): Object<Comment<'a, C>>| {
        let rating = levels.rate(&comment.level);
        scan.add(rating, false, |tool| {
            Ok(Finding::new(class, rating, &rule(comment.code), tool)
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
    fn levels_are_words_of_the_table() {
        let report = report(
            r#"[{"code": "DL3007", "file": "Dockerfile", "line": 1, "level": "warning", "message": "m"},
            {"code": "SC2046", "file": "Dockerfile", "line": 2, "level": "error"},
            {"code": "DL1", "file": "Dockerfile", "level": "ignore"}]"#,
        );
        assert_eq!((report.open.high, report.open.medium, report.open.unknown), (1, 1, 1));
        assert_eq!(report.findings[0].rule, "SC2046");
    }

    #[test]
    fn both_forms_of_shellcheck_are_read_alike() {
        let list = r#"[{"file": "a.sh", "line": 2, "endLine": 2, "level": "error", "code": 2164, "message": "m"},
            {"file": "a.sh", "line": 3, "endLine": 3, "level": "style", "code": 2006}]"#;
        for text in [list.to_owned(), format!(r#"{{"comments": {list}}}"#)] {
            let report = report(&text);
            assert_eq!((report.open.high, report.open.low), (1, 1), "{text}");
            assert_eq!(report.findings[0].rule, "SC2164");
        }
    }
}
