//! Test Anything Protocol, versions 12 to 14.
//!
//! Test points at the margin are counted; indented ones are subtests, of which their
//! parent speaks. `SKIP` and `TODO` are directives behind a `#` that is not escaped.
//! A run that bailed out, that has no plan or another number of points than it
//! planned did not go as it should: that is one hidden failure each.

use super::error::{Fault, Place, ReadError};
use super::json::Document;
use super::lines::Run;
use crate::evidence::report::Report;
use crate::limits::Limits;

/// A line at the margin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// `TAP version 14`.
    Version(&'a str),
    /// `1..4`.
    Plan(u64),
    /// `ok 1 - name # SKIP`.
    Point { passed: bool, name: &'a str, directive: Option<Directive> },
    /// `Bail out! reason`.
    BailOut(&'a str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Directive {
    Skip,
    Todo,
}

/// Reads a line; `None` for one that means nothing at the margin.
pub(super) fn parse(line: &str) -> Option<Line<'_>> {
    if let Some(version) = line.strip_prefix("TAP version ") {
        return Some(Line::Version(version.trim()));
    }
    if let Some(reason) = line.strip_prefix("Bail out!") {
        return Some(Line::BailOut(reason.trim()));
    }
    if let Some(rest) = line.strip_prefix("1..") {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let is_plan = behind.trim().is_empty() || behind.trim_start().starts_with('#');
        return if is_plan { number.parse().ok().map(Line::Plan) } else { None };
    }
    let (passed, rest) = match line.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok")?),
    };
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return None;
    }
    let (name, directive) = split_directive(rest.trim());
    Some(Line::Point { passed, name, directive })
}

/// Splits a description from the directive behind its last `#` that is not escaped.
fn split_directive(text: &str) -> (&str, Option<Directive>) {
    for (at, _) in text.match_indices('#') {
        let (name, behind) = text.split_at(at);
        let slashes = name.bytes().rev().take_while(|byte| *byte == b'\\').count();
        if slashes % 2 == 1 {
            continue;
        }
        let word = behind.trim_start_matches('#').trim_start();
        let is = |directive: &str| {
            word.get(..directive.len()).is_some_and(|start| start.eq_ignore_ascii_case(directive))
        };
        let ends = |at: usize| {
            !word.get(at..).unwrap_or_default().starts_with(|c: char| c.is_alphanumeric())
        };
        // "SKIPPED" is written, too.
        if is("skip") {
            return (name.trim(), Some(Directive::Skip));
        }
        if is("todo") && ends(4) {
            return (name.trim(), Some(Directive::Todo));
        }
    }
    (text, None)
}

/// Reads a TAP stream.
pub(super) fn read(document: Document<'_>, limits: &Limits) -> Result<Report, ReadError> {
    let mut run = Run::new(document, limits);
    let (mut plan, mut bailed_out) = (None, None);
    let mut offset = 0;
    for line in document.text().split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let refuse = |fault| document.error(fault).at(Place::of(document.text(), start));
        match parse(line.trim_end()) {
            None => {}
            Some(Line::Version("12" | "13" | "14")) => {}
            Some(Line::Version(found)) => {
                let (found, known) = (super::excerpt::prose(found), "12 to 14");
                return Err(refuse(Fault::UnsupportedVersion { found, known }));
            }
            Some(Line::Plan(_)) if plan.is_some() => {
                let what = "it has two plans, as if two runs had been joined".to_owned();
                return Err(refuse(Fault::Contradiction { what }));
            }
            Some(Line::Plan(number)) => plan = Some(number),
            Some(Line::BailOut(reason)) => bailed_out = Some(reason),
            Some(Line::Point { passed, name, directive }) => match (directive, passed) {
                (Some(Directive::Skip), _) => run.skip()?,
                (Some(Directive::Todo), _) => {
                    run.tests.todo += 1;
                    run.check_with(0)?;
                }
                (None, true) => run.pass()?,
                (None, false) => run.fail(name)?,
            },
        }
    }
    let total = run.tests.total();
    if let Some(reason) = bailed_out {
        run.hide(1, &format!("bailed out: {reason}"));
    }
    match plan {
        None => run.hide(1, "no plan, so the run may have ended early"),
        Some(plan) if plan != total => {
            run.hide(1, &format!("{plan} tests were planned and {total} are shown"));
        }
        Some(_) => {}
    }
    Ok(run.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::{NONE, fault, tests};
    use crate::evidence::report::TestCounts;

    #[test]
    fn points_at_the_margin_are_counted_by_their_directives() {
        for (point, expected) in [
            ("ok", TestCounts { passed: 1, ..NONE }),
            ("ok 1 - a", TestCounts { passed: 1, ..NONE }),
            ("not ok 1 a", TestCounts { failed: 1, ..NONE }),
            ("ok 1 # skip why", TestCounts { skipped: 1, ..NONE }),
            ("ok 1 # SKIPPED", TestCounts { skipped: 1, ..NONE }),
            ("not ok 1 # TODO later", TestCounts { todo: 1, ..NONE }),
            ("not ok 1 - a # todos", TestCounts { failed: 1, ..NONE }),
            ("not ok 1 - a \\# TODO", TestCounts { failed: 1, ..NONE }),
            ("not ok 1 - a # time=3", TestCounts { failed: 1, ..NONE }),
            ("not ok 1 - a # x # SKIP", TestCounts { skipped: 1, ..NONE }),
        ] {
            assert_eq!(tests(&format!("{point}\n    not ok 1 sub\n1..1\n")), expected, "{point}");
        }
    }

    #[test]
    fn a_run_that_did_not_go_as_planned_has_a_hidden_failure() {
        for (text, hidden) in [
            ("1..2\nok\n", 1),
            ("1..1\nok\nok\n", 1),
            ("ok\n", 1),
            ("1..1\nok\nBail out! disk full\n", 1),
            ("1..2\nok\nBail out!\n", 2),
            ("1..0 # SKIP no network\n", 0),
            ("TAP version 13\nok\n1..1\n# done\n", 0),
        ] {
            assert_eq!(tests(text).hidden, hidden, "{text}");
        }
    }

    #[test]
    fn what_only_begins_like_a_point_is_none() {
        for line in ["okay", "not okay", "ok-1", "1..x", "1..2x", " ok 1", "nok"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn two_plans_and_unknown_versions_are_refused() {
        assert!(matches!(fault("1..1\nok\n1..1\nok\n"), Fault::Contradiction { .. }));
        assert!(matches!(fault("TAP version 15\n1..0\n"), Fault::UnsupportedVersion { .. }));
    }
}
