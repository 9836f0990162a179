//! From a `[[freeze]]` table to a [`Freeze`].

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};

use super::{ref_pattern, short_text, time_zone};
use crate::policy::config::{Day, Origin};
use crate::policy::freeze::{DAY, Freeze};
use crate::policy::text::quoted;
use crate::policy::toml_reader::Value;

/// Which end of a span a value is.
#[derive(Clone, Copy)]
enum End {
    From,
    Until,
}

pub(super) fn freeze(rule: Value<'_>) -> Option<Freeze> {
    let line = rule.line();
    rule.table(|table| {
        let reason = table.value("reason");
        if reason.is_none() {
            table.wrong("the freeze has no reason", "write reason = \"...\", for those it stops");
        }
        let refs = table.value("refs").map(|value| value.list(ref_pattern));
        let zone = table.value("time-zone").map(|value| time_zone(&value));
        let from = table.value("from");
        let until = table.value("until");
        let weekdays = table.value("weekdays").map(|value| value.list(|day| day.word(&Day::NAMES)));
        let hours = table.value("hours").map(|value| hours(&value));
        let is_whole = |days: &Option<Vec<Day>>| days.as_ref().is_some_and(|days| days.len() == 7);
        if from.is_some() != until.is_some() || (from.is_none() && weekdays.is_none()) {
            let help = "write from and until, or weekdays, or all of them";
            table.wrong("the freeze has neither days of the week nor from and until", help);
            return None;
        }
        if from.is_none() && hours.is_none() && weekdays.as_ref().is_some_and(is_whole) {
            table.wrong("the freeze never ends", "leave out a day, or write from and until");
            return None;
        }
        if hours.is_some() && weekdays.is_none() {
            table.wrong(
                "hours are of no day of the week",
                "write weekdays, or times in from and until",
            );
            return None;
        }
        let end = until.as_ref().map(|value| moment(value, End::Until));
        let start = from.as_ref().map(|value| moment(value, End::From));
        let span = match (start, end) {
            (Some(start), Some(end)) => {
                let (start, end) = (start?, end?);
                if end <= start {
                    if let Some(until) = &until {
                        until.wrong("it is not after from", "write a later day");
                    }
                    return None;
                }
                Some((start, end))
            }
            (Some(_), None) | (None, Some(_) | None) => None,
        };
        Some(Freeze {
            reason: short_text(&reason?)?,
            refs: refs.unwrap_or_else(|| Some(Vec::new()))?,
            zone: zone.unwrap_or_else(|| Some("UTC".into()))?,
            span,
            weekdays: BTreeSet::from_iter(weekdays.unwrap_or_else(|| Some(Vec::new()))?),
            hours: hours.unwrap_or(Some((0, DAY)))?,
            origin: Origin::Line(line),
        })
    })
    .flatten()
}

/// Reads a day or a local time; the last day of a span is part of it.
fn moment(value: &Value<'_>, end: End) -> Option<DateTime> {
    let text = value.date_text()?;
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'T' | b' '));
    let day = text.parse::<Date>().ok().filter(|day| day.to_string() == text);
    let found = match (day, end) {
        (Some(day), End::From) => Some(day.at(0, 0, 0, 0)),
        (Some(day), End::Until) => day.tomorrow().ok().map(|next| next.at(0, 0, 0, 0)),
        (None, _) => text.parse::<DateTime>().ok().filter(|_| plain && text.len() > 10),
    };
    if found.is_none() {
        let help = "write a day such as 2026-12-20 or a local time such as \"2026-12-20T18:00\"";
        value.wrong(format!("{} is no day or time of the calendar", quoted(&text)), help);
    }
    found
}

/// Reads two times of a day, in minutes since midnight.
fn hours(value: &Value<'_>) -> Option<(u16, u16)> {
    let times = value.list(|time| {
        let text = time.string()?;
        let parsed = text.split_once(':').and_then(|(hour, minute)| {
            let number = |part: &str| {
                let plain = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
                plain.then(|| part.parse::<u16>().ok()).flatten()
            };
            let (hour, minute) = (number(hour)?, number(minute)?);
            let minutes = hour * 60 + minute;
            (minute < 60 && minutes <= DAY).then_some(minutes)
        });
        if parsed.is_none() {
            time.wrong(format!("{} is no time of the day", quoted(text)), "write \"16:00\"");
        }
        parsed
    })?;
    match times.as_slice() {
        [from, until] if from < until => Some((*from, *until)),
        [_, _] => {
            value.wrong("the second time is not after the first", "write two rules for a night");
            None
        }
        _ => {
            value.wrong("these are not two times", "write hours = [\"16:00\", \"24:00\"]");
            None
        }
    }
}
