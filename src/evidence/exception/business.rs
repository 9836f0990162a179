//! Business days: how long a request has been waiting.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::policy::config::{Day, Exceptions};

/// The most days that are counted one by one.
const MOST: i64 = 3660;

/// Returns how many business days lie after a day, up to and including that of a moment.
///
/// The day of the request does not count: a request of Friday is one business day old on
/// Monday. Days begin where the policy's time zone is.
#[must_use]
pub fn business_days_since(rules: &Exceptions, requested: Date, now: Timestamp) -> u32 {
    let zone = TimeZone::get(&rules.time_zone).unwrap_or(TimeZone::UTC);
    let today = now.to_zoned(zone).date();
    let from = requested.max(today.saturating_sub(jiff::Span::new().days(MOST)));
    let mut count = 0;
    let mut day = from;
    while day < today {
        let Ok(next) = day.tomorrow() else { break };
        day = next;
        let is_weekend = rules.weekend.contains(&Day(day.weekday()));
        count += u32::from(!is_weekend && !rules.holidays.contains(&day));
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::policy::config::Config;

    fn rules(text: &str) -> Exceptions {
        let text = format!("repository = \"r\"\n[exceptions]\n{text}");
        Config::parse(text.as_bytes(), &Limits::default()).expect("a policy").exceptions
    }

    #[test]
    fn weekends_and_holidays_are_no_business_days() {
        // 2026-11-20 is a Friday.
        for (policy, requested, now, expected) in [
            ("", "2026-11-20", "2026-11-20T23:59:59Z", 0),
            ("", "2026-11-20", "2026-11-22T12:00:00Z", 0),
            ("", "2026-11-20", "2026-11-23T00:00:00Z", 1),
            ("", "2026-11-20", "2026-11-25T09:00:00Z", 3),
            ("", "2026-11-25", "2026-11-20T09:00:00Z", 0),
            ("holidays = [2026-11-23]", "2026-11-20", "2026-11-24T09:00:00Z", 1),
            ("weekend = [\"friday\", \"saturday\"]", "2026-11-19", "2026-11-22T09:00:00Z", 1),
            ("weekend = []", "2026-11-20", "2026-11-22T09:00:00Z", 2),
            ("time-zone = \"Asia/Tokyo\"", "2026-11-20", "2026-11-22T15:00:00Z", 1),
            ("time-zone = \"America/New_York\"", "2026-11-20", "2026-11-23T04:59:00Z", 0),
            ("", "-009999-01-01", "2026-11-25T09:00:00Z", 2614),
        ] {
            let found = business_days_since(
                &rules(policy),
                requested.parse().expect(requested),
                now.parse().expect(now),
            );
            assert_eq!(found, expected, "{policy} {requested} {now}");
        }
    }
}
