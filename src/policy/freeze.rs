//! When nothing may land: windows of time in which refs are frozen.
//!
//! A rule is a span of time, days of the week, or both: then the days within the span. All of it
//! is local time of a named zone. Everything here is pure: the time comes in.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::config::{Day, Origin};
use super::refs::RefPattern;

/// How many days ahead windows are looked for.
const HORIZON_DAYS: usize = 400;

/// One `[[freeze]]` rule.
#[derive(Clone, Debug)]
pub struct Freeze {
    /// Why, for those who are refused.
    pub reason: String,
    /// The refs; every protected ref if there is none.
    pub refs: Vec<RefPattern>,
    /// The time zone, as the IANA database names it.
    pub zone: String,
    /// From the first moment to the one that is no longer part of it.
    pub span: Option<(DateTime, DateTime)>,
    /// The days of the week; all of the span if there is none.
    pub weekdays: BTreeSet<Day>,
    /// The time of these days, in minutes since midnight; the whole day by default.
    pub hours: (u16, u16),
    /// Where the rule stands.
    pub origin: Origin,
}

/// A time in which refs are frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment that is no longer part of it.
    pub until: Timestamp,
}

/// Minutes of a day.
pub const DAY: u16 = 24 * 60;

impl Freeze {
    /// Says whether the rule is about a protected ref.
    #[must_use]
    pub fn covers(&self, name: &[u8]) -> bool {
        self.refs.is_empty() || self.refs.iter().any(|refs| refs.matches(name))
    }

    /// Returns the window that a moment lies in.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Option<Window> {
        self.windows(now).into_iter().find(|window| window.from <= now && now < window.until)
    }

    /// Returns the next window that begins after a moment.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<Window> {
        self.windows(now).into_iter().find(|window| window.from > now)
    }

    /// Returns a moment as the rule's zone has it: `2026-12-20 18:00`.
    #[must_use]
    pub fn local(&self, moment: Timestamp) -> String {
        let zone = TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC);
        let local = zone.to_datetime(moment);
        format!("{} {:02}:{:02}", local.date(), local.hour(), local.minute())
    }

    /// Returns the windows around a moment and after it, those that touch joined.
    fn windows(&self, now: Timestamp) -> Vec<Window> {
        // The reader of policies takes known zones alone.
        let zone = TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC);
        let instant = |local: DateTime| zone.to_timestamp(local).ok();
        let span = self.span.and_then(|(from, until)| {
            Some(Window { from: instant(from)?, until: instant(until)? })
        });
        if self.weekdays.is_empty() {
            return span.into_iter().collect();
        }
        let mut joined: Vec<Window> = Vec::new();
        for day in self.days(now, &zone) {
            let part = |minutes: u16| instant(moment_of(day, minutes)?);
            let (Some(mut from), Some(mut until)) = (part(self.hours.0), part(self.hours.1)) else {
                continue;
            };
            if let Some(span) = span {
                (from, until) = (from.max(span.from), until.min(span.until));
            }
            if from >= until {
                continue;
            }
            match joined.last_mut() {
                Some(last) if last.until >= from => last.until = last.until.max(until),
                Some(_) | None => joined.push(Window { from, until }),
            }
        }
        joined
    }

    /// Returns the days of the week that are meant: from a week ago, or the begin of the span
    /// if that is later.
    fn days(&self, now: Timestamp, zone: &TimeZone) -> impl Iterator<Item = Date> {
        let today = zone.to_datetime(now).date();
        let mut first = today.checked_sub(8.days()).unwrap_or(today);
        if let Some((from, _)) = self.span {
            first = first.max(from.date());
        }
        std::iter::successors(Some(first), |day| day.tomorrow().ok())
            .take(HORIZON_DAYS)
            .filter(|day| self.weekdays.contains(&Day(day.weekday())))
    }
}

/// Freezes are equal when they freeze the same, wherever they stand.
impl PartialEq for Freeze {
    fn eq(&self, other: &Self) -> bool {
        (&self.reason, &self.refs, &self.zone, self.span, &self.weekdays, self.hours)
            == (&other.reason, &other.refs, &other.zone, other.span, &other.weekdays, other.hours)
    }
}

fn moment_of(day: Date, minutes: u16) -> Option<DateTime> {
    if minutes >= DAY {
        return Some(day.tomorrow().ok()?.to_datetime(Time::midnight()));
    }
    let (hour, minute) = (i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?);
    Some(day.to_datetime(Time::new(hour, minute, 0, 0).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::policy::config::Config;

    fn freezes(rules: &str) -> Vec<Freeze> {
        let text = format!("repository = \"r\"\n[[freeze]]\nreason = \"rest\"\n{rules}");
        Config::parse(text.as_bytes(), &Limits::default()).expect(rules).freeze
    }

    fn problems(rules: &str) -> Vec<String> {
        let text = format!("repository = \"r\"\n[[freeze]]\n{rules}");
        let found = Config::parse(text.as_bytes(), &Limits::default()).expect_err(rules);
        found.iter().map(|problem| format!("{}: {}", problem.line, problem.message)).collect()
    }

    fn time(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    /// Returns the window at a moment, as `from until`, or nothing.
    fn at(rules: &str, now: &str) -> String {
        let window = freezes(rules).first().and_then(|freeze| freeze.at(time(now)));
        window.map_or_else(String::new, |window| format!("{} {}", window.from, window.until))
    }

    fn next(rules: &str, now: &str) -> String {
        let window = freezes(rules).first().and_then(|freeze| freeze.next(time(now)));
        window.map_or_else(String::new, |window| format!("{} {}", window.from, window.until))
    }

    #[test]
    fn a_span_of_days_is_frozen_with_its_last_day() {
        let rules = "from = 2026-12-20\nuntil = \"2027-01-03\"\ntime-zone = \"Europe/Berlin\"";
        let window = "2026-12-19T23:00:00Z 2027-01-03T23:00:00Z";
        for (now, expected) in [
            ("2026-12-19T22:59:59Z", ""),
            ("2026-12-19T23:00:00Z", window),
            ("2027-01-03T22:59:59Z", window),
            ("2027-01-03T23:00:00Z", ""),
        ] {
            assert_eq!(at(rules, now), expected, "{now}");
        }
        assert_eq!(next(rules, "2026-11-25T00:00:00Z"), window);
        assert_eq!(next(rules, "2026-12-24T00:00:00Z"), "");
    }

    #[test]
    fn a_span_of_moments_ends_at_its_last_one() {
        let rules = "from = 2026-12-20T18:00:00\nuntil = \"2026-12-20T20:30\"";
        assert_eq!(at(rules, "2026-12-20T20:29:59Z"), "2026-12-20T18:00:00Z 2026-12-20T20:30:00Z");
        assert_eq!(at(rules, "2026-12-20T20:30:00Z"), "");
    }

    #[test]
    fn days_of_the_week_that_touch_are_one_window() {
        let rules = "weekdays = [\"saturday\", \"sunday\"]";
        let window = "2026-11-28T00:00:00Z 2026-11-30T00:00:00Z";
        assert_eq!(at(rules, "2026-11-28T00:00:00Z"), window);
        assert_eq!(at(rules, "2026-11-29T23:59:59Z"), window);
        assert_eq!(at(rules, "2026-11-30T00:00:00Z"), "");
        assert_eq!(next(rules, "2026-11-25T12:00:00Z"), window);
        let rules = "weekdays = [\"friday\"]\nhours = [\"16:00\", \"24:00\"]\ntime-zone = \"America/New_York\"";
        assert_eq!(at(rules, "2026-11-27T20:59:00Z"), "");
        assert_eq!(at(rules, "2026-11-27T21:00:00Z"), "2026-11-27T21:00:00Z 2026-11-28T05:00:00Z");
    }

    #[test]
    fn days_within_a_span_are_frozen_in_it_alone() {
        let rules = "weekdays = [\"monday\"]\nfrom = 2026-12-01\nuntil = 2026-12-31";
        assert_eq!(at(rules, "2026-11-30T12:00:00Z"), "");
        assert_eq!(at(rules, "2026-12-07T12:00:00Z"), "2026-12-07T00:00:00Z 2026-12-08T00:00:00Z");
        assert_eq!(
            next(rules, "2026-11-30T12:00:00Z"),
            "2026-12-07T00:00:00Z 2026-12-08T00:00:00Z"
        );
        assert_eq!(next(rules, "2026-12-28T12:00:00Z"), "");
    }

    #[test]
    fn hours_that_the_clock_skips_or_repeats_are_frozen() {
        // Clocks go from 02:00 to 03:00 on 2026-03-29, and from 03:00 to 02:00 on 2026-10-25.
        let rules =
            "from = 2026-03-29T02:30\nuntil = 2026-03-29T04:00\ntime-zone = \"Europe/Berlin\"";
        let rules = rules.replace("T02:30", "T02:30:00").replace("T04:00", "T04:00:00");
        assert_eq!(at(&rules, "2026-03-29T01:45:00Z"), "2026-03-29T01:30:00Z 2026-03-29T02:00:00Z");
        let rules = "weekdays = [\"sunday\"]\ntime-zone = \"Europe/Berlin\"";
        assert_eq!(at(rules, "2026-10-25T01:30:00Z"), "2026-10-24T22:00:00Z 2026-10-25T23:00:00Z");
    }

    #[test]
    fn refs_that_are_named_are_frozen_alone() {
        let rules = "refs = [\"refs/heads/main\"]\nweekdays = [\"monday\"]";
        let named = freezes(rules);
        let all = freezes("weekdays = [\"monday\"]");
        let covers = |freezes: &[Freeze], name: &[u8]| freezes.iter().any(|f| f.covers(name));
        assert!(covers(&named, b"refs/heads/main") && covers(&all, b"refs/heads/main"));
        assert!(!covers(&named, b"refs/tags/v1") && covers(&all, b"refs/tags/v1"));
    }

    #[test]
    fn rules_that_say_nothing_or_too_much_are_errors_with_their_line() {
        for (rules, expected) in [
            ("weekdays = [\"monday\"]", "2: the freeze has no reason"),
            ("reason = \"x\"", "2: the freeze has neither days of the week nor from and until"),
            (
                "reason = \"x\"\nfrom = 2026-12-01",
                "2: the freeze has neither days of the week nor from and until",
            ),
            (
                "reason = \"x\"\nfrom = 2026-12-02\nuntil = 2026-12-01",
                "5: freeze.until: it is not after from",
            ),
            (
                "reason = \"x\"\nfrom = \"2026-02-30\"\nuntil = 2026-12-01",
                "4: freeze.from: \"2026-02-30\" is no day or time of the calendar",
            ),
            (
                "reason = \"x\"\nfrom = 2026-12-01T00:00:00Z\nuntil = 2026-12-02",
                "4: freeze.from: \"2026-12-01T00:00:00Z\" is no day or time of the calendar",
            ),
            (
                "reason = \"x\"\nweekdays = [\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\", \"saturday\", \"sunday\"]",
                "2: the freeze never ends",
            ),
            (
                "reason = \"x\"\nweekdays = [\"monday\"]\nhours = [\"18:00\", \"17:00\"]",
                "5: freeze.hours: the second time is not after the first",
            ),
            (
                "reason = \"x\"\nweekdays = [\"monday\"]\nhours = [\"25:00\", \"26:00\"]",
                "5: freeze.hours: \"25:00\" is no time of the day",
            ),
            (
                "reason = \"x\"\nweekdays = [\"monday\"]\ntime-zone = \"Mars/Base\"",
                "5: freeze.time-zone: \"Mars/Base\" is no time zone",
            ),
        ] {
            let found = problems(rules);
            assert!(
                found.iter().any(|line| line
                    .contains(expected.split_once(": ").map_or(expected, |(_, text)| text))),
                "{rules}: {found:?}"
            );
        }
    }
}
