//! Quarters of a year.

use std::fmt;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use crate::clock::Timestamp;

/// A quarter, by UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarter {
    year: i16,
    /// 1 to 4.
    number: i8,
}

impl Quarter {
    /// Reads `2026-Q4`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, number) = text.split_once("-Q")?;
        let is_number =
            |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(year, 4) || !is_number(number, 1) {
            return None;
        }
        let (year, number) = (year.parse().ok()?, number.parse().ok()?);
        ((1970..=9000).contains(&year) && (1..=4).contains(&number))
            .then_some(Self { year, number })
    }

    /// Says whether a moment lies in the quarter.
    #[must_use]
    pub fn contains(self, time: Timestamp) -> bool {
        let (first, after) = self.bounds();
        first <= time && time < after
    }

    /// Returns its first moment, and the first one after it.
    #[must_use]
    pub fn bounds(self) -> (Timestamp, Timestamp) {
        let first = date(self.year, self.number * 3 - 2, 1);
        let after = if self.number == 4 {
            date(self.year + 1, 1, 1)
        } else {
            date(self.year, self.number * 3 + 1, 1)
        };
        (midnight(first), midnight(after))
    }
}

fn midnight(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-Q{}", self.year, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_is_three_months_by_utc() {
        let quarter = Quarter::parse("2026-Q4").expect("a quarter");
        for (time, inside) in [
            ("2026-09-30T23:59:59Z", false),
            ("2026-10-01T00:00:00Z", true),
            ("2026-12-31T23:59:59Z", true),
            ("2027-01-01T00:00:00Z", false),
        ] {
            assert_eq!(quarter.contains(time.parse().expect("a time")), inside, "{time}");
        }
        assert!(Quarter::parse("2026-Q1").is_some_and(|quarter| quarter.to_string() == "2026-Q1"));
        for text in ["", "2026", "2026-Q0", "2026-Q5", "26-Q1", "2026-Q11", "+026-Q1", "2026-q1"] {
            assert_eq!(Quarter::parse(text), None, "{text}");
        }
    }
}
