//! What `go test -json` writes (`cmd/test2json`).
//!
//! A test is a package and a name; its last `pass`, `fail` or `skip` counts. One that
//! ran and has none did not end. A package that failed without a failing test, a build
//! that failed, and a line that is no event are failures that no test shows: before
//! Go 1.24 a package that does not compile is nothing but such a line.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::ReadError;
use super::json::{Document, Text};
use super::lines::{self, Run};
use crate::evidence::report::Report;
use crate::limits::Limits;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event<'a> {
    #[serde(borrow)]
    action: Text<'a>,
    #[serde(borrow)]
    package: Option<Text<'a>>,
    #[serde(borrow)]
    test: Option<Text<'a>>,
    #[serde(borrow)]
    time: Option<Text<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Running,
    Passed,
    Failed,
    Skipped,
}

/// Reads the events of `go test`.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let mut run = Run::new(document, limits);
    let mut tests: BTreeMap<(Text<'_>, Text<'_>), Fate> = BTreeMap::new();
    let mut packages: BTreeMap<Text<'_>, Fate> = BTreeMap::new();
    lines::each(&mut run, |run, event: Event<'_>| {
        run.report.note_time(event.time.as_deref());
        let fate = match &*event.action {
            "run" | "start" => Fate::Running,
            "pass" => Fate::Passed,
            "fail" | "build-fail" => Fate::Failed,
            "skip" => Fate::Skipped,
            _ => return Ok(()),
        };
        match (event.package, event.test) {
            (Some(package), Some(test)) => {
                tests.insert((package, test), fate);
            }
            (Some(package), None) => {
                packages.insert(package, fate);
            }
            // A build that failed names what it built in another member.
            (None, _) if fate == Fate::Failed => run.hide(1, "a build that failed"),
            (None, _) => {}
        }
        run.check_with(tests.len())
    })?;
    for ((package, test), fate) in &tests {
        let name = || format!("{} {}", &**package, &**test);
        match fate {
            Fate::Passed => run.pass()?,
            Fate::Failed => run.fail(&name())?,
            Fate::Skipped => run.skip()?,
            Fate::Running => run.error(&name())?,
        }
    }
    for (package, fate) in &packages {
        run.suite(package);
        let shown = || {
            let from = (package.clone(), Text::default());
            let mut own = tests.range(from..).take_while(|((of, _), _)| of == package);
            own.any(|(_, fate)| matches!(fate, Fate::Failed | Fate::Running))
        };
        if matches!(fate, Fate::Failed | Fate::Running) && !shown() {
            run.hide(1, &format!("{} (no test shows why)", &**package));
        }
    }
    Ok(run.finish())
}

#[cfg(test)]
mod tests {
    use crate::evidence::format::Fault;
    use crate::evidence::format::testing::{fault, report};
    use crate::evidence::report::TestCounts;

    fn event(action: &str, package: &str, test: &str) -> String {
        let test = if test.is_empty() { String::new() } else { format!(r#", "Test": "{test}""#) };
        format!("{{\"Action\": \"{action}\", \"Package\": \"{package}\"{test}}}\n")
    }

    fn tests(events: &[(&str, &str, &str)]) -> TestCounts {
        let text: String =
            events.iter().map(|(action, package, test)| event(action, package, test)).collect();
        report(&text).tests.expect("tests")
    }

    #[test]
    fn the_last_word_about_a_test_counts() {
        let counts = tests(&[
            ("run", "p", "A"),
            ("output", "p", "A"),
            ("pass", "p", "A"),
            ("run", "p", "B"),
            ("fail", "p", "B"),
            ("skip", "p", "C"),
            ("run", "q", "A"),
            ("fail", "p", ""),
        ]);
        let expected =
            TestCounts { passed: 1, failed: 1, errored: 1, skipped: 1, ..TestCounts::default() };
        assert_eq!(counts, expected);
    }

    #[test]
    fn what_failed_without_a_test_is_hidden() {
        assert_eq!(tests(&[("pass", "p", "A"), ("fail", "q", "")]).hidden, 1);
        assert_eq!(tests(&[("pass", "p", "A"), ("start", "q", "")]).hidden, 1);
        let text = format!("{}FAIL\tq [build failed]\n", event("pass", "p", "A"));
        assert_eq!(report(&text).tests.map(|tests| (tests.passed, tests.hidden)), Some((1, 1)));
        let text = format!(
            "{}{{\"Action\": \"build-fail\", \"ImportPath\": \"q\"}}",
            event("pass", "p", "A")
        );
        assert_eq!(report(&text).tests.map(|tests| tests.hidden), Some(1));
    }

    #[test]
    fn a_line_that_breaks_off_is_refused() {
        let text = format!("{}{{\"Action\": \"pa", event("pass", "p", "A"));
        assert!(matches!(fault(&text), Fault::NotJson { .. }));
    }
}
