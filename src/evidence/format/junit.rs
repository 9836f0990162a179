//! JUnit XML, as pytest, Surefire, nextest, GoogleTest, gotestsum, jest-junit and many others write it.
//!
//! There is no specification, and the sums in the attributes are often wrong, so
//! the `testcase` elements are counted: `error` before `failure` before `skipped`
//! (or GoogleTest's `status="notrun"`, `result="skipped"`) before passed. What CTest
//! could not run it calls skipped here and failed in its own summary: an error. The
//! attributes can only make it worse: what `failures` and `errors` admit beyond
//! the cases and reruns below the same element is counted as hidden failures.

use std::borrow::Cow;

use super::Format;
use super::error::{Fault, ReadError};
use super::excerpt;
use super::json::Document;
use super::xml::{Element, Event, Events};
use crate::evidence::report::{Caveat, Report, TestCounts};
use crate::limits::Limits;

/// Names of suites and of failing tests that are kept.
const KEPT_NAMES: usize = 100;

/// Suites that linters and scanners write: an attribute and its value.
const LINTERS: [(&str, &str); 3] =
    [("name", "gitleaks"), ("name", "semgrep results"), ("package", "org.eslint")];

/// An open element.
enum Open<'a> {
    /// `testsuites` or `testsuite`.
    Suite(Suite),
    /// `testcase`.
    Case(Case<'a>),
    /// Any other, whose content is not looked at.
    Other(&'a str),
}

/// What a suite's attributes state, and what was seen below it.
#[derive(Default)]
struct Suite {
    name: String,
    /// `testsuites`, not `testsuite`.
    is_collection: bool,
    /// `failures` and `errors` together.
    stated_failures: u64,
    /// Failed cases, and reruns, which some tools count as failures.
    shown_failures: u64,
    stated_tests: Option<u64>,
    /// The sum of what the suites directly below state.
    stated_below: Option<u64>,
}

#[derive(Default)]
struct Case<'a> {
    /// The class and the name, of which a name to show is made only if the test failed.
    names: [Cow<'a, str>; 2],
    error: bool,
    failure: bool,
    skipped: bool,
    /// CTest says that it did not run, and then why: `cmCTestTestHandler::WriteJUnitXML`.
    unrun_by_ctest: bool,
    flaky: bool,
    reruns: u64,
}

/// Elements that say how a test ended; they have no other meaning anywhere.
const RESULTS: [&str; 7] =
    ["error", "failure", "skipped", "flakyFailure", "flakyError", "rerunFailure", "rerunError"];

/// Reads a JUnit report.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let mut reading = Reading {
        events: Events::new(document.text(), limits.nesting).map_err(|e| e.of(Format::JunitXml))?,
        open: Vec::new(),
        tests: TestCounts::default(),
        report: Report::new(Format::JunitXml, ""),
        limit: limits.findings,
    };
    reading.read().map_err(|error| error.of(Format::JunitXml))?;
    let Reading { tests, mut report, .. } = reading;
    report.tests = Some(tests);
    Ok(report)
}

struct Reading<'a> {
    events: Events<'a>,
    open: Vec<Open<'a>>,
    tests: TestCounts,
    report: Report,
    limit: usize,
}

impl<'a> Reading<'a> {
    fn read(&mut self) -> Result<(), ReadError> {
        while let Some(event) = self.events.next()? {
            match event {
                Event::Open(element) => {
                    let open = self.open(element)?;
                    self.open.push(open);
                }
                Event::Close => match self.open.pop() {
                    Some(Open::Suite(suite)) => self.close_suite(&suite),
                    Some(Open::Case(case)) => self.close_case(&case)?,
                    Some(Open::Other(_)) | None => {}
                },
            }
        }
        Ok(())
    }

    fn open(&mut self, element: Element<'a>) -> Result<Open<'a>, ReadError> {
        let name = element.local_name();
        let judged =
            matches!(name, "testsuites" | "testsuite" | "testcase") || RESULTS.contains(&name);
        if judged && element.is_namespaced() {
            return Err(self
                .events
                .error(Fault::Namespace { element: excerpt::prose(element.name) }));
        }
        let unexpected = |inside: Option<&str>| Fault::UnexpectedElement {
            element: excerpt::prose(name),
            inside: inside.map(excerpt::prose),
        };
        match (self.open.last_mut(), name) {
            (None | Some(Open::Suite(_)), "testsuites" | "testsuite") => {
                self.open_suite(&element).map(Open::Suite)
            }
            (Some(Open::Suite(_)), "testcase") => Ok(Open::Case(Case::new(element))),
            (Some(Open::Case(case)), _) if RESULTS.contains(&name) => {
                case.add(name, element.attribute("message").unwrap_or_default());
                Ok(Open::Other(name))
            }
            // A failure outside any test: something around the tests broke.
            (Some(Open::Suite(suite)), "error" | "failure") => {
                suite.shown_failures += 1;
                self.tests.errored += 1;
                let failing = &mut self.report.failing_tests;
                push_name(failing, format!("{} ({name} of the suite)", suite.name));
                Ok(Open::Other(name))
            }
            (None, _) => Err(self.events.error(unexpected(None))),
            (Some(Open::Suite(_)), _) if judged => {
                Err(self.events.error(unexpected(Some("testsuite"))))
            }
            (Some(Open::Case(_)), _) if judged => {
                Err(self.events.error(unexpected(Some("testcase"))))
            }
            (Some(Open::Other(inside)), _) if judged => {
                let fault = unexpected(Some(inside));
                Err(self.events.error(fault))
            }
            (Some(_), _) => Ok(Open::Other(name)),
        }
    }

    fn open_suite(&mut self, element: &Element<'_>) -> Result<Suite, ReadError> {
        self.report.note_time(element.attribute("timestamp"));
        let name = element.attribute("name").unwrap_or_default();
        let linter = LINTERS
            .iter()
            .find(|(key, value)| element.attribute(key).is_some_and(|found| found == *value));
        let told =
            self.report.caveats.iter().any(|caveat| matches!(caveat, Caveat::LinterReport { .. }));
        if let (Some((_, suite)), false) = (linter, told) {
            self.report.caveats.push(Caveat::LinterReport { suite: (*suite).into() });
        }
        let is_collection = element.name == "testsuites";
        let in_collection =
            |open: &Open<'_>| matches!(open, Open::Suite(suite) if suite.is_collection);
        if !is_collection && self.open.iter().all(in_collection) {
            push_name(&mut self.report.suites, excerpt::name(name));
        }
        let failures = self.number(element, "failures")?.unwrap_or(0);
        let errors = self.number(element, "errors")?.unwrap_or(0);
        Ok(Suite {
            name: excerpt::prose(name),
            is_collection,
            stated_failures: failures.saturating_add(errors),
            stated_tests: self.number(element, "tests")?,
            ..Suite::default()
        })
    }

    fn number(
        &self,
        element: &Element<'_>,
        attribute: &'static str,
    ) -> Result<Option<u64>, ReadError> {
        let text = match element.attribute(attribute).map(str::trim) {
            None | Some("") => return Ok(None),
            Some(text) => text,
        };
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits => Ok(Some(number)),
            _ => {
                let (found, expected) = (excerpt::prose(text), "a whole number");
                Err(self.events.error(Fault::WrongValue { field: attribute, found, expected }))
            }
        }
    }

    fn close_suite(&mut self, suite: &Suite) {
        let hidden = suite.stated_failures.saturating_sub(suite.shown_failures);
        self.tests.hidden = self.tests.hidden.saturating_add(hidden);
        if hidden > 0 {
            let name = format!("{} ({hidden} more than its tests show)", suite.name);
            push_name(&mut self.report.failing_tests, name);
        }
        let stated = suite.stated_tests.or(suite.stated_below);
        match self.open.last_mut() {
            Some(Open::Suite(around)) => {
                // What is hidden below has been counted: the suite around states it as well.
                let shown = suite.shown_failures.saturating_add(hidden);
                around.shown_failures = around.shown_failures.saturating_add(shown);
                if let Some(stated) = stated {
                    around.stated_below =
                        Some(around.stated_below.unwrap_or(0).saturating_add(stated));
                }
            }
            Some(Open::Case(_) | Open::Other(_)) => {}
            None => {
                let shown = self.tests.total();
                if let Some(stated) = stated.filter(|stated| *stated != shown) {
                    self.report.caveats.push(Caveat::TotalsDisagree { stated, shown });
                }
            }
        }
    }

    fn close_case(&mut self, case: &Case<'_>) -> Result<(), ReadError> {
        let tests = &mut self.tests;
        let failed = case.error || case.failure;
        if case.error {
            tests.errored += 1;
        } else if case.failure {
            tests.failed += 1;
        } else if case.skipped {
            tests.skipped += 1;
        } else {
            tests.passed += 1;
            tests.flaky += u64::from(case.flaky);
        }
        if failed {
            let [class, name] = &case.names;
            push_name(&mut self.report.failing_tests, excerpt::prose_of([class, name]));
        }
        if let Some(Open::Suite(suite)) = self.open.last_mut() {
            let shown = case.reruns.saturating_add(u64::from(failed));
            suite.shown_failures = suite.shown_failures.saturating_add(shown);
        }
        if usize::try_from(self.tests.total()).is_ok_and(|total| total <= self.limit) {
            return Ok(());
        }
        Err(self.events.error(Fault::TooMany { what: "tests", limit: self.limit }))
    }
}

impl<'a> Case<'a> {
    fn new(mut element: Element<'a>) -> Self {
        let names = ["classname", "name"].map(|name| element.take(name));
        let attribute = |name| element.attribute(name).unwrap_or_default();
        let (status, result) = (attribute("status"), attribute("result"));
        Self {
            // CTest has no classes, and gives the name instead.
            unrun_by_ctest: status == "notrun" && names[0] == names[1],
            names,
            // Not seen without an element that says so, but it would be no pass.
            failure: [status, result]
                .iter()
                .any(|word| matches!(*word, "fail" | "failed" | "failure" | "error")),
            skipped: matches!(status, "notrun" | "skipped" | "disabled")
                || matches!(result, "skipped" | "suppressed"),
            ..Self::default()
        }
    }

    /// Adds what one of [`RESULTS`] says.
    fn add(&mut self, element: &str, message: &str) {
        match element {
            // Its reasons to skip are SKIP_RETURN_CODE and SKIP_REGULAR_EXPRESSION; others are that the
            // program is not there, that what the test needs failed, and the like.
            "skipped" if self.unrun_by_ctest && !message.starts_with("SKIP_") => self.error = true,
            "error" => self.error = true,
            "failure" => self.failure = true,
            "skipped" => self.skipped = true,
            "flakyFailure" | "flakyError" => {
                self.flaky = true;
                self.reruns += 1;
            }
            _ => self.reruns += 1,
        }
    }
}

fn push_name(names: &mut Vec<String>, name: String) {
    if names.len() < KEPT_NAMES {
        names.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::read as read_report;
    use crate::evidence::format::testing::{NONE, fault, report, tests};
    use crate::evidence::kind::Kind;
    use crate::evidence::report::{Requirements, Unsuitable};
    use crate::evidence::severity::SeverityOverrides;

    /// Counts one test case with the given attributes and content.
    fn one(attributes: &str, content: &str) -> TestCounts {
        tests(&format!(
            "<testsuite name='s'><testcase name='a' {attributes}>{content}</testcase></testsuite>"
        ))
    }

    #[test]
    fn the_worst_word_about_a_test_counts() {
        let passed = TestCounts { passed: 1, ..NONE };
        let failed = TestCounts { failed: 1, ..NONE };
        let errored = TestCounts { errored: 1, ..NONE };
        let skipped = TestCounts { skipped: 1, ..NONE };
        for (attributes, content, expected) in [
            ("", "", passed),
            ("status='run' result='completed'", "<system-out>x</system-out>", passed),
            ("", "<failure message='m'>t</failure>", failed),
            ("", "<failure/><failure/>", failed),
            ("", "<error/>", errored),
            ("", "<failure/><error/>", errored),
            ("", "<skipped/>", skipped),
            ("", "<failure/><skipped/>", failed),
            ("status='notrun'", "", skipped),
            ("result='suppressed'", "", skipped),
            ("status='notrun'", "<failure/>", failed),
            ("status='failed'", "", failed),
            ("", "<flakyFailure/><flakyError/>", TestCounts { flaky: 1, ..passed }),
            ("", "<failure/><rerunFailure/>", failed),
            ("", "<properties><property name='x'/></properties>", passed),
        ] {
            assert_eq!(one(attributes, content), expected, "{attributes} {content}");
        }
    }

    #[test]
    fn cases_are_counted_at_every_level() {
        let text = "<testsuites><testsuite name='a'><testcase name='1'/><testsuite name='b'><testcase name='2'/>
            <testcase classname='c' name='3'><failure/></testcase></testsuite></testsuite><testsuite name='d'/></testsuites>";
        let report = report(text);
        assert_eq!(report.tests, Some(TestCounts { passed: 2, failed: 1, ..NONE }));
        assert_eq!(report.suites, ["a", "d"]);
        assert_eq!(report.failing_tests, ["c 3"]);
        assert_eq!(tests("<testsuites><testcase name='a'/></testsuites>").passed, 1);
    }

    #[test]
    fn t78_sums_that_admit_more_failures_than_the_cases_show_are_hidden_failures() {
        for (text, hidden) in [
            // gotestsum, a package that does not compile.
            (
                "<testsuites errors='1' failures='0'><testsuite failures='0'><testcase/></testsuite></testsuites>",
                1,
            ),
            ("<testsuite failures='2' errors='1'><testcase><failure/></testcase></testsuite>", 2),
            // The suite around repeats what the one inside states.
            ("<testsuites failures='2'><testsuite failures='2'/></testsuites>", 2),
            // Neither a failure nor a rerun in another suite explains it.
            (
                "<testsuites><testsuite failures='1'><testcase/></testsuite><testsuite><testcase><failure/></testcase></testsuite></testsuites>",
                1,
            ),
            (
                "<testsuites><testsuite failures='1'><testcase/></testsuite><testsuite><testcase><flakyError/></testcase></testsuite></testsuites>",
                1,
            ),
            // Surefire counts the failures of a test that passed when repeated.
            (
                "<testsuite failures='2'><testcase><flakyFailure/></testcase><testcase><failure/><rerunFailure/></testcase></testsuite>",
                0,
            ),
            // mocha states errors for what it shows as failures.
            ("<testsuite failures='0' errors='1'><testcase><failure/></testcase></testsuite>", 0),
            ("<testsuite failures='0'><testcase><failure/></testcase></testsuite>", 0),
            ("<testsuite failures='' errors=''><testcase/></testsuite>", 0),
            (
                "<testsuite failures='18446744073709551615' errors='18446744073709551615'/>",
                u64::MAX,
            ),
        ] {
            assert_eq!(tests(text).hidden, hidden, "{text}");
        }
    }

    #[test]
    fn t78_a_number_of_tests_that_is_not_shown_is_told() {
        let told = |text: &str| report(text).caveats;
        let caveat = |stated, shown| vec![Caveat::TotalsDisagree { stated, shown }];
        assert_eq!(
            told(
                "<testsuites tests='30'><testsuite tests='3'><testcase/></testsuite></testsuites>"
            ),
            caveat(30, 1)
        );
        assert_eq!(
            told(
                "<testsuites><testsuite tests='3'><testcase/></testsuite><testsuite tests='1'/></testsuites>"
            ),
            caveat(4, 1)
        );
        assert_eq!(
            told("<testsuites><testsuite tests='1'><testcase/></testsuite></testsuites>"),
            []
        );
        assert_eq!(told("<testsuites><testsuite><testcase/></testsuite></testsuites>"), []);
    }

    #[test]
    fn t72_sums_are_whole_numbers() {
        for number in ["-1", "1.0", "1e3", "x", "18446744073709551616", "+1", "0x1"] {
            let expected = Fault::WrongValue {
                field: "failures",
                found: number.into(),
                expected: "a whole number",
            };
            assert_eq!(fault(&format!("<testsuite failures='{number}'/>")), expected);
        }
    }

    #[test]
    fn a_failure_of_a_suite_is_an_error() {
        let report = report(
            "<testsuite name='s' errors='1'><error message='setup'/><testcase name='a'/></testsuite>",
        );
        assert_eq!(report.tests, Some(TestCounts { passed: 1, errored: 1, ..NONE }));
        assert_eq!(report.failing_tests, ["s (error of the suite)"]);
    }

    #[test]
    fn results_in_places_where_they_might_be_overlooked_are_refused() {
        for (text, element, inside) in [
            ("<testsuite><testcase><testcase/></testcase></testsuite>", "testcase", "testcase"),
            ("<testsuite><group><testcase/></group></testsuite>", "testcase", "group"),
            ("<testsuite><group><testsuite/></group></testsuite>", "testsuite", "group"),
            ("<testsuite><testcase><x><failure/></x></testcase></testsuite>", "failure", "x"),
            ("<testsuite><skipped/></testsuite>", "skipped", "testsuite"),
            (
                "<testsuite><testcase><failure><error/></failure></testcase></testsuite>",
                "error",
                "failure",
            ),
        ] {
            let expected =
                Fault::UnexpectedElement { element: element.into(), inside: Some(inside.into()) };
            assert_eq!(fault(text), expected, "{text}");
        }
    }

    #[test]
    fn elements_of_another_namespace_are_refused() {
        for text in [
            "<testsuite xmlns='urn:x'/>",
            "<testsuite><testcase><x:failure xmlns:x='urn:x'/></testcase></testsuite>",
            "<testsuite><testcase xmlns='urn:x'/></testsuite>",
        ] {
            assert!(matches!(fault(text), Fault::Namespace { .. }), "{text}");
        }
        // Surefire declares a prefix that it uses for an attribute only.
        assert_eq!(
            tests("<testsuite xmlns:xsi='urn:i' xsi:schema='x'><testcase/></testsuite>").passed,
            1
        );
    }

    #[test]
    fn t76_nothing_that_ran_is_no_evidence_and_linters_are_no_tests() {
        let kind = Kind::parse("tests:unit").expect("a kind");
        let supports = |text: &str| report(text).supports(&kind, &Requirements::default());
        assert_eq!(
            supports("<testsuites tests='250'/>"),
            Err(Unsuitable::NoTestRan { skipped: 0 })
        );
        assert_eq!(
            supports("<testsuite><testcase><skipped/></testcase></testsuite>"),
            Err(Unsuitable::NoTestRan { skipped: 1 })
        );
        assert_eq!(supports("<testsuite><testcase/></testsuite>"), Ok(()));
        for attribute in
            ["name='gitleaks'", "name='semgrep results'", "package='org.eslint' name='a.js'"]
        {
            let text =
                format!("<testsuites><testsuite {attribute}><testcase/></testsuite></testsuites>");
            assert!(matches!(supports(&text), Err(Unsuitable::LinterReport { .. })), "{text}");
        }
    }

    #[test]
    fn what_ctest_could_not_run_is_an_error_and_what_it_skipped_is_none() {
        let case = |message: &str| {
            one("classname='a' status='notrun'", &format!("<skipped message='{message}'/>"))
        };
        assert_eq!(case("Unable to find executable"), TestCounts { errored: 1, ..NONE });
        assert_eq!(case("Fixture dependency failed"), TestCounts { errored: 1, ..NONE });
        assert_eq!(case(""), TestCounts { errored: 1, ..NONE });
        assert_eq!(case("SKIP_RETURN_CODE=77"), TestCounts { skipped: 1, ..NONE });
        let other = one("classname='b' status='notrun'", "<skipped message='not today'/>");
        assert_eq!(other, TestCounts { skipped: 1, ..NONE });
    }

    #[test]
    fn depth_and_number_of_tests_are_limited() {
        assert_eq!(fault(&"<testsuite>".repeat(50_000)), Fault::TooDeep { limit: 64 });
        let few = Limits { findings: 2, ..Limits::default() };
        let text = "<testsuite><testcase/><testcase/><testcase/></testsuite>";
        let error =
            read_report(text.as_bytes(), &few, &SeverityOverrides::default()).expect_err("refused");
        assert_eq!(error.fault, Fault::TooMany { what: "tests", limit: 2 });
    }
}
