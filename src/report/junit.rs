//! The verdict as JUnit XML, for places that show test results: a suite for each ref, a case for each gate.

use super::machine::{Excused, excused, items, text_of};
use super::remote::Options;
use crate::error::Error;
use crate::verdict::{RefJudgement, Verdict};

/// Writes a verdict as one JUnit document.
#[must_use]
pub fn verdict(verdict: &Verdict, options: Options<'_>) -> String {
    let (items, excused) = (items(verdict, options), excused(verdict, options));
    let suites: Vec<Suite> = verdict
        .refs
        .iter()
        .enumerate()
        .map(|(at, judgement)| {
            let failed = items.iter().filter(|item| item.judgement == at).map(|item| Case {
                name: format!("{}: {}", item.group, item.code),
                failure: Some(("failure", item.title.clone(), item.text.clone())),
            });
            let passed = passed(judgement).into_iter().map(|name| Case { name, failure: None });
            let excused = excused.iter().filter(|excused| excused.item.judgement == at);
            let excused = excused.map(|Excused { item, why, .. }| Case {
                name: format!("{}: {}", item.group, item.code),
                failure: Some((SKIPPED, format!("{}; {why}", item.title), item.text.clone())),
            });
            let cases = failed.chain(excused).chain(passed).collect();
            Suite { name: judgement.name.to_string(), cases }
        })
        .collect();
    document(&suites, Some(&verdict.time.strftime("%Y-%m-%dT%H:%M:%S").to_string()))
}

/// Writes why nothing could be judged.
#[must_use]
pub fn error(error: &Error) -> String {
    let what = error.chain().last().cloned().unwrap_or_default();
    let failure = Some(("error", what, text_of(error)));
    let cases = vec![Case { name: "judging".into(), failure }];
    document(&[Suite { name: "refgate".into(), cases }], None)
}

/// Returns the names of the guards and gates that agreed.
fn passed(judgement: &RefJudgement) -> Vec<String> {
    let gates = judgement.gates.iter().filter(|(_, outcome)| outcome.violations.is_empty());
    let mut names: Vec<String> = gates.map(|(gate, _)| gate.name().to_owned()).collect();
    if judgement.guards.iter().all(|outcome| outcome.violations.is_empty()) {
        names.insert(0, "ref".into());
    }
    names
}

/// The element of a case that an exception lets pass.
const SKIPPED: &str = "skipped";

struct Suite {
    name: String,
    cases: Vec<Case>,
}

struct Case {
    name: String,
    /// `failure`, `error` or `skipped`, the title and the text.
    failure: Option<(&'static str, String, String)>,
}

fn document(suites: &[Suite], time: Option<&str>) -> String {
    let count = |suite: &Suite, element: &str| {
        let of = |case: &&Case| case.failure.as_ref().is_some_and(|(e, _, _)| *e == element);
        suite.cases.iter().filter(of).count()
    };
    let all = |element: &str| suites.iter().map(|suite| count(suite, element)).sum::<usize>();
    let tests: usize = suites.iter().map(|suite| suite.cases.len()).sum();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"refgate\" tests=\"{tests}\" failures=\"{}\" errors=\"{}\">\n",
        all("failure"),
        all("error")
    );
    let time = time.map(|time| format!(" timestamp=\"{time}\"")).unwrap_or_default();
    for suite in suites {
        out.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"{time}>\n",
            escape(&suite.name),
            suite.cases.len(),
            count(suite, "failure"),
            count(suite, "error"),
            count(suite, SKIPPED)
        ));
        for case in &suite.cases {
            let (class, name) = (escape(&suite.name), escape(&case.name));
            let head = format!("    <testcase classname=\"{class}\" name=\"{name}\" time=\"0\"");
            match &case.failure {
                None => out.push_str(&format!("{head}/>\n")),
                Some((element, title, text)) => out.push_str(&format!(
                    "{head}>\n      <{element} message=\"{}\">{}</{element}>\n    </testcase>\n",
                    escape(title),
                    escape(text)
                )),
            }
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Escapes text for XML 1.0, which has no place for most control characters at all.
fn escape(text: &str) -> String {
    let fit = |c: &char| !c.is_control() || *c == '\n';
    let text: String = text.chars().filter(fit).collect();
    quick_xml::escape::escape(text.as_str()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format;
    use crate::evidence::severity::SeverityOverrides;
    use crate::limits::Limits;
    use crate::report::machine::samples::{accepted, excused, refused};

    #[test]
    fn what_an_exception_lets_pass_is_a_test_that_was_skipped() {
        let text = verdict(&excused(), Options::everything());
        assert_eq!(tests(&text), (3, 0, 0));
        assert_eq!(text.matches("<skipped message=").count(), 3, "{text}");
        assert!(text.contains("skipped=\"3\""), "{text}");
        assert!(
            text.contains("; exception EX-2, until 2026-12-24, approved by Eve Sand"),
            "{text}"
        );
    }

    fn tests(text: &str) -> (u64, u64, u64) {
        let report =
            format::read(text.as_bytes(), &Limits::default(), &SeverityOverrides::default());
        let tests = report.expect("our own reader reads it").tests.expect("tests");
        (tests.passed, tests.failed, tests.errored)
    }

    #[test]
    fn each_gate_is_a_test_that_our_own_reader_counts() {
        assert_eq!(tests(&verdict(&refused(), Options::everything())), (1, 3, 0));
        assert_eq!(tests(&verdict(&accepted(), Options::everything())), (2, 0, 0));
        let failed = Error::new(crate::error::ErrorKind::Policy, "no <rules> & \"no\" people");
        assert_eq!(tests(&error(&failed)), (0, 0, 1));
    }

    #[test]
    fn t92_foreign_text_does_not_leave_its_place() {
        let text = verdict(&refused(), Options::everything());
        assert!(!text.contains("<script>") && text.contains("&lt;script&gt;"), "{text}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    }
}
