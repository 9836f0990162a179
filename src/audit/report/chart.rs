//! Refusals by gate over time, as a chart that needs nothing but the page it is in.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::html::escaped;
use super::line;
use crate::audit::continuity::Refusals;

/// The most columns of a chart.
const COLUMNS: i64 = 14;

/// The order of gates and guards, and a colour for each.
const GATES: [(&str, &str); 9] = [
    ("scan", "#3b6ea5"),
    ("tests", "#c98a1b"),
    ("review", "#7a4f9a"),
    ("checklist", "#2f7f6f"),
    ("ref", "#8a8f98"),
    ("notes", "#c3c7cd"),
    ("exception", "#b5495b"),
    ("trust", "#5c4632"),
    ("cannot-judge", "#1d2129"),
];

/// The colour of what a newer refgate has refused.
const OTHER: &str = "#e0a9c0";

/// Refusals in steps of whole days, so that there are few enough columns.
pub(super) struct Buckets {
    /// The first day of each step.
    days: Vec<Date>,
    /// How many days a step has.
    pub(super) step: i64,
    counts: BTreeMap<(usize, String), u64>,
    gates: Vec<String>,
}

impl Buckets {
    /// Counts refusals into steps.
    pub(super) fn of(refusals: &[Refusals]) -> Self {
        let mut buckets =
            Self { days: Vec::new(), step: 1, counts: BTreeMap::new(), gates: Vec::new() };
        let (Some(first), Some(last)) = (refusals.first(), refusals.last()) else { return buckets };
        let days_until =
            |day: Date| first.day.until(day).map_or(0, |span| i64::from(span.get_days()));
        let days = days_until(last.day) + 1;
        buckets.step =
            if days <= COLUMNS { 1 } else { (days + 7 * COLUMNS - 1) / (7 * COLUMNS) * 7 };
        let mut day = first.day;
        while day <= last.day {
            buckets.days.push(day);
            match day.checked_add(jiff::Span::new().days(buckets.step)) {
                Ok(next) => day = next,
                Err(_) => break,
            }
        }
        let mut gates = BTreeSet::new();
        for refusals in refusals {
            let at = usize::try_from(days_until(refusals.day) / buckets.step).unwrap_or_default();
            for (gate, count) in &refusals.by_gate {
                gates.insert(gate.clone());
                *buckets.counts.entry((at, gate.clone())).or_default() += count;
            }
        }
        let rank = |gate: &String| {
            let at = GATES.iter().position(|(name, _)| name == gate);
            (at.unwrap_or(GATES.len()), gate.clone())
        };
        buckets.gates = gates.into_iter().collect();
        buckets.gates.sort_by_key(rank);
        buckets
    }

    fn count(&self, at: usize, gate: &str) -> u64 {
        self.counts.get(&(at, gate.to_owned())).copied().unwrap_or_default()
    }

    /// Returns the head of a table of everything that was counted.
    pub(super) fn head(&self) -> Vec<&str> {
        std::iter::once("From").chain(self.gates.iter().map(String::as_str)).collect()
    }

    /// Returns the rows of that table: a first day, and what each gate has refused.
    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        let row = |(at, day): (usize, &Date)| {
            let counts = self.gates.iter().map(|gate| self.count(at, gate).to_string());
            std::iter::once(day.to_string()).chain(counts).collect()
        };
        self.days.iter().enumerate().map(row).collect()
    }

    /// Draws stacked columns with a legend; nothing if nothing was refused.
    pub(super) fn svg(&self) -> String {
        let columns = self.days.len();
        let total = |at| self.gates.iter().map(|gate| self.count(at, gate)).sum::<u64>();
        let highest = (0..columns).map(total).max().unwrap_or(0);
        if highest == 0 {
            return String::new();
        }
        let (width, height, left, top) = (760.0_f64, 220.0_f64, 44.0_f64, 12.0_f64);
        let top_value = nice(highest);
        let scale = |count: u64| count as f64 / top_value as f64 * height;
        let slot = (width - left) / columns as f64;
        let bar = (slot * 0.68).min(64.0);
        let bottom = top + height;
        let mut svg = format!(
            "<svg viewBox=\"0 0 {width} {}\" role=\"img\" aria-labelledby=\"chart-title\">\
             <title id=\"chart-title\">Refused pushes by gate over time</title>\n",
            bottom + 58.0
        );
        for part in 0..=4_u64 {
            let value = top_value * part / 4;
            let y = bottom - scale(value);
            line(
                &mut svg,
                &format!(
                    "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{width}\" y2=\"{y:.1}\" class=\"grid\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" class=\"axis\" text-anchor=\"end\">{value}</text>",
                    left - 8.0,
                    y + 4.0
                ),
            );
        }
        for (at, day) in self.days.iter().enumerate() {
            let x = left + slot * at as f64 + (slot - bar) / 2.0;
            let mut y = bottom;
            for gate in &self.gates {
                let count = self.count(at, gate);
                if count == 0 {
                    continue;
                }
                let tall = scale(count);
                y -= tall;
                line(
                    &mut svg,
                    &format!(
                        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{bar:.1}\" height=\"{tall:.1}\" fill=\"{}\" stroke=\"#fff\">\
                     <title>{}: {count} from {day}</title></rect>",
                        colour(gate),
                        escaped(gate)
                    ),
                );
            }
            let label = day.strftime("%d %b");
            line(
                &mut svg,
                &format!(
                    "<text x=\"{:.1}\" y=\"{:.1}\" class=\"axis\" text-anchor=\"middle\">{label}</text>",
                    x + bar / 2.0,
                    bottom + 18.0
                ),
            );
        }
        let mut x = left;
        for gate in &self.gates {
            line(
                &mut svg,
                &format!(
                    "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"11\" height=\"11\" fill=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" class=\"axis\">{}</text>",
                    bottom + 36.0,
                    colour(gate),
                    x + 16.0,
                    bottom + 46.0,
                    escaped(gate)
                ),
            );
            x += 32.0 + 6.0 * gate.chars().count() as f64;
        }
        svg + "</svg>\n"
    }
}

fn colour(gate: &str) -> &'static str {
    GATES.iter().find(|(name, _)| *name == gate).map_or(OTHER, |(_, colour)| colour)
}

/// Returns a round number of quarters that is not below `highest`.
fn nice(highest: u64) -> u64 {
    let mut step = 1_u64;
    loop {
        for factor in [1, 2, 3, 4, 5, 6, 8] {
            let top = 4 * step.saturating_mul(factor);
            if top >= highest {
                return top;
            }
        }
        step = step.saturating_mul(10);
        if step > u64::MAX / 100 {
            return highest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals(days: &[(&str, &[(&str, u64)])]) -> Vec<Refusals> {
        let one = |(day, gates): &(&str, &[(&str, u64)])| Refusals {
            day: day.parse().expect("a day"),
            by_gate: gates.iter().map(|(gate, count)| ((*gate).to_owned(), *count)).collect(),
        };
        days.iter().map(one).collect()
    }

    #[test]
    fn all_refusals_are_counted_whatever_the_step() {
        for (last, step) in [("2026-10-02", 1), ("2026-12-31", 7), ("2028-12-31", 63)] {
            let all = refusals(&[
                ("2026-10-01", &[("scan", 2), ("review", 1)]),
                (last, &[("scan", 3), ("notes", 1)]),
            ]);
            let buckets = Buckets::of(&all);
            assert_eq!(buckets.step, step, "{last}");
            let counts = buckets.rows().into_iter().flat_map(|row| row.into_iter().skip(1));
            let sum: u64 = counts.map(|count| count.parse::<u64>().expect("a number")).sum();
            assert_eq!(sum, 7, "{last}");
            assert_eq!(buckets.head(), ["From", "scan", "review", "notes"]);
            assert!(buckets.svg().contains("<svg"), "{last}");
            assert_eq!(buckets.gates, ["scan", "review", "notes"]);
        }
        assert_eq!(Buckets::of(&[]).svg(), "");
    }

    #[test]
    fn the_axis_ends_at_a_round_number() {
        for (highest, top) in
            [(1, 4), (4, 4), (5, 8), (9, 12), (40, 40), (41, 80), (u64::MAX, u64::MAX)]
        {
            assert_eq!(nice(highest), top);
        }
    }
}
