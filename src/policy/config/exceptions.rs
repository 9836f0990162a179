//! What the policy says about exceptions.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};

use super::Setting;
use crate::policy::Period;

/// What the policy says about exceptions.
#[derive(Clone, Debug, PartialEq)]
pub struct Exceptions {
    /// The longest time that an exception may last from its approval; at most a year.
    pub max_duration: Setting<Period>,
    /// The longest time that a break-glass exception may last from its approval.
    pub break_glass_max_duration: Setting<Period>,
    /// Within how many business days Security Engineering answers a request.
    pub answer_within: Setting<u32>,
    /// The days of the week that are no business days; fewer than seven.
    pub weekend: Setting<BTreeSet<Day>>,
    /// Other days that are no business days.
    pub holidays: Setting<BTreeSet<Date>>,
    /// The time zone in which business days begin, as the IANA database names it.
    pub time_zone: Setting<String>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(pub Weekday);

impl Exceptions {
    pub(super) fn built_in() -> Self {
        let weekend = [Weekday::Saturday, Weekday::Sunday].map(Day);
        Self {
            max_duration: Setting::built_in(Period::days(90)),
            break_glass_max_duration: Setting::built_in(Period::days(7)),
            answer_within: Setting::built_in(2),
            weekend: Setting::built_in(BTreeSet::from(weekend)),
            holidays: Setting::built_in(BTreeSet::new()),
            time_zone: Setting::built_in("UTC".into()),
        }
    }
}

impl Day {
    /// The days with the names that policies use, Monday first.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("monday", Self(Weekday::Monday)),
        ("tuesday", Self(Weekday::Tuesday)),
        ("wednesday", Self(Weekday::Wednesday)),
        ("thursday", Self(Weekday::Thursday)),
        ("friday", Self(Weekday::Friday)),
        ("saturday", Self(Weekday::Saturday)),
        ("sunday", Self(Weekday::Sunday)),
    ];

    fn number(self) -> i8 {
        self.0.to_monday_zero_offset()
    }
}

impl PartialOrd for Day {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Day {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.number().cmp(&other.number())
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = Self::NAMES.iter().find(|(_, day)| day == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}
