//! What `eslint -f json` writes: an array of files with their messages.
//!
//! Severity 2 is `error`, 1 is `warning`. A fatal message means that the file could
//! not be parsed, so it was not linted. `suppressedMessages` are the suppressed ones.

use serde::Deserialize;

use super::error::ReadError;
use super::json::{Document, Object, Raw, Text, Whole};
use super::path;
use super::scan::Scan;
use crate::evidence::report::{Class, Finding, Mark, Report};
use crate::evidence::severity::{LevelSeverities, Rating, SeverityOverrides};
use crate::limits::Limits;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    #[serde(borrow)]
    file_path: Text<'a>,
    #[serde(borrow)]
    messages: Raw<'a>,
    #[serde(borrow)]
    suppressed_messages: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow)]
    rule_id: Option<Text<'a>>,
    severity: Option<u64>,
    fatal: Option<bool>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    line: Option<Whole>,
}

/// Reads an ESLint report.
pub(super) fn read(
    document: Document<'_>,
    limits: &Limits,
    overrides: &SeverityOverrides,
) -> Result<Report, ReadError> {
    let mut scan = Scan::new(document, limits, "ESLint", None);
    let levels = overrides.of("ESLint");
    let (mut files, mut fatal, mut first) = (0, 0, String::new());
    document.root_each(|Object(file): Object<File<'_>>| {
        files += 1;
        for (list, suppressed) in [(Some(file.messages), false), (file.suppressed_messages, true)] {
            let Some(list) = list else { continue };
            document.each(list, |Object(message): Object<Message<'_>>| {
                if message.fatal == Some(true) {
                    fatal += 1;
                    if fatal == 1 {
                        let text = message.message.as_deref().unwrap_or_default();
                        first = format!("{}: {text}", &*file.file_path);
                    }
                    return Ok(());
                }
                let rating = message.rating(levels);
                scan.add(rating, suppressed, |tool| Ok(message.finding(&file, rating, tool)))
            })?;
        }
        Ok(())
    })?;
    scan.note_errors(fatal, &first);
    scan.note_scanned(files);
    Ok(scan.finish())
}

impl Message<'_> {
    fn rating(&self, levels: LevelSeverities) -> Rating {
        match self.severity {
            Some(2) => levels.rate("error"),
            Some(1) => levels.rate("warning"),
            _ => Rating::Unknown,
        }
    }

    fn finding(&self, file: &File<'_>, rating: Rating, tool: &str) -> Finding {
        let rule = self.rule_id.as_deref().unwrap_or_default();
        Finding::new(Class::Code, rating, rule, tool)
            .at(path::location(&file.file_path, self.line.and_then(Whole::line)))
            .titled(self.message.as_deref())
            .identified_by(Mark::Line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::{report, report_with};
    use crate::evidence::report::Caveat;
    use crate::evidence::severity::Severity;

    const TEXT: &str = r#"[{"filePath": "a.js", "messages": [{"ruleId": "no-eval", "severity": 2, "line": 3},
        {"ruleId": "no-var", "severity": 1}, {"ruleId": "x"}, {"ruleId": null, "fatal": true, "severity": 2, "message": "Parsing error"}],
        "suppressedMessages": [{"ruleId": "no-eval", "severity": 2}]}]"#;

    #[test]
    fn numbers_are_levels_and_a_file_that_does_not_parse_was_not_linted() {
        let report = report(TEXT);
        assert_eq!((report.open.high, report.open.medium, report.open.unknown), (1, 1, 1));
        assert_eq!((report.suppressed.high, report.scanned), (1, Some(1)));
        let first = "a.js: Parsing error".to_owned();
        assert_eq!(report.caveats, [Caveat::ToolErrors { tool: "ESLint".into(), count: 1, first }]);
    }

    #[test]
    fn the_policy_may_say_what_a_level_of_the_tool_means() {
        let mut overrides = SeverityOverrides::default();
        let levels = LevelSeverities { error: Some(Severity::Low), ..LevelSeverities::default() };
        overrides.insert("eslint", levels);
        let report = report_with(TEXT, &overrides);
        assert_eq!((report.open.high, report.open.low, report.open.medium), (0, 1, 1));
    }
}
