//! What `gitleaks -f json` writes: an array of leaks, each of them high.
//!
//! An empty array is what gitleaks writes when it finds nothing, and what many other
//! tools write as well. It does not say what ran, so it is no evidence: gitleaks
//! writes SARIF, which does.

use serde::Deserialize;

use super::error::ReadError;
use super::json::{Document, Object, Text, Whole};
use super::path;
use super::scan::Scan;
use crate::evidence::report::{Class, Finding, Mark, Report};
use crate::evidence::severity::{Rating, Severity};
use crate::limits::Limits;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Leak<'a> {
    #[serde(borrow, rename = "RuleID")]
    rule_id: Text<'a>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    file: Text<'a>,
    start_line: Option<Whole>,
    #[serde(borrow)]
    secret: Option<Text<'a>>,
    #[serde(borrow, rename = "Match")]
    matched: Option<Text<'a>>,
}

/// What `--redact` puts in place of a secret.
const REDACTED: &str = "REDACTED";

/// Reads a gitleaks report.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let rating = Rating::Known(Severity::High);
    let mut scan = Scan::new(document, limits, "gitleaks", None);
    document.root_each(|Object(leak): Object<Leak<'_>>| {
        scan.add(rating, false, |tool| Ok(leak.finding(rating, tool)))
    })?;
    Ok(scan.finish())
}

impl Leak<'_> {
    fn finding(&self, rating: Rating, tool: &str) -> Finding {
        let secret = self.secret.as_deref().filter(|secret| *secret != REDACTED);
        let matched = self.matched.as_deref().filter(|text| !text.contains(REDACTED));
        Finding::new(Class::Secret, rating, &self.rule_id, tool)
            .at(path::location(&self.file, self.start_line.and_then(Whole::line)))
            .titled(self.description.as_deref())
            .identified_by(secret.or(matched).map_or(Mark::Line, Mark::Secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::report;

    fn leak(line: u64, secret: &str) -> Report {
        report(&format!(
            r#"[{{"RuleID": "r", "Description": "d", "File": "a.tf", "StartLine": {line}, "Secret": "{secret}",
            "Fingerprint": "a.tf:r:{line}"}}]"#
        ))
    }

    #[test]
    fn a_leak_is_high_and_known_by_its_secret_which_is_not_shown() {
        let one = leak(3, "hunter2");
        assert_eq!(one.open.high, 1);
        assert_eq!(one.findings[0].fingerprint, leak(9, "hunter2").findings[0].fingerprint);
        assert_ne!(one.findings[0].fingerprint, leak(3, "hunter3").findings[0].fingerprint);
        assert!(!format!("{one:?}").contains("hunter2"));
    }

    #[test]
    fn a_redacted_secret_identifies_nothing() {
        assert_ne!(
            leak(3, "REDACTED").findings[0].fingerprint,
            leak(4, "REDACTED").findings[0].fingerprint
        );
    }
}
