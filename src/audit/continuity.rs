//! Since when each control of each ref has held without a gap, and what was refused, from ledgers.
//!
//! Pure: records come in, in their order. A push that could not be judged or recorded was refused, so
//! that is no gap. What is one: a ref that was not where the last accepted push had left
//! it, since somebody moved it past the hook; a push that landed though a gate did not
//! agree (break-glass, or a server that only warns); and a policy that stopped asking.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::ledger::record::{Answer, Event, Judged, Record, Update};
use crate::ledger::recorded::Verdict;

/// The control that every protected ref has: who moves it is judged at all.
const REF: &str = "ref";

/// A time in which a control did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Gap {
    /// When the control was last seen to hold.
    pub from: Timestamp,
    /// When it was seen that it had not.
    pub to: Timestamp,
    /// Why it is one.
    pub why: String,
}

/// What became of one control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Control {
    /// The repository.
    pub repository: String,
    /// The ref.
    pub r#ref: String,
    /// The gate, or `ref`.
    pub gate: String,
    /// Since when it holds without a gap; none if it does not hold now.
    pub since: Option<Timestamp>,
    /// How many pushes have landed under it.
    pub landings: u64,
    /// Its gaps, from old to new.
    pub gaps: Vec<Gap>,
}

/// Refused pushes of one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Refusals {
    /// The day, by UTC.
    pub day: Date,
    /// How many pushes each gate or guard has refused.
    pub by_gate: BTreeMap<String, u64>,
}

/// A push that break-glass let through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Waived {
    /// When.
    pub time: Timestamp,
    /// Where.
    pub repository: String,
    /// The ref.
    pub r#ref: String,
    /// The number of the verdict.
    pub verdict: String,
}

/// What is known of a ref on the way.
#[derive(Default)]
struct Known {
    /// What it holds after the last accepted push, and what it may hold if a later one has not landed.
    values: Vec<Option<String>>,
    /// When a push was last judged.
    seen: Option<Timestamp>,
    /// The last push that was let through: it is pending until its landing is known.
    last: Option<Place>,
    controls: BTreeMap<String, State>,
}

#[derive(Default)]
struct State {
    since: Option<Timestamp>,
    held: Option<Timestamp>,
    landings: u64,
    gaps: Vec<Gap>,
}

/// A ledger, and the number of a record in it.
type Place = (u64, u64);

/// A judgement that let a push through and whose landing is not known yet.
struct Pending {
    id: String,
    time: Timestamp,
    repository: String,
    updates: Vec<Update>,
    verdict: Verdict,
}

/// Goes along ledgers.
pub struct Tracker {
    /// What is told: from the first moment to before the second one.
    window: (Timestamp, Timestamp),
    refs: BTreeMap<(String, String), Known>,
    refusals: BTreeMap<Date, BTreeMap<String, u64>>,
    waived: Vec<Waived>,
    pending: BTreeMap<Place, Pending>,
    count: u64,
    last: Option<Timestamp>,
}

/// What ledgers say.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Told {
    /// The controls, by repository, ref and gate.
    pub controls: Vec<Control>,
    /// What was refused, by day.
    pub refusals: Vec<Refusals>,
    /// What break-glass let through.
    pub waived: Vec<Waived>,
    /// How many records were read.
    pub records: u64,
    /// The time of the newest one.
    pub until: Option<Timestamp>,
}

/// Why a landing says nothing about the gates.
const UNRECORDED: &str = "the verdict was too large to be recorded with its gates";

impl Tracker {
    /// Tells what was before a moment; of refusals, break-glass and gaps what was not before another one.
    #[must_use]
    pub fn within(from: Timestamp, until: Timestamp) -> Self {
        Self {
            window: (from, until),
            refs: BTreeMap::new(),
            refusals: BTreeMap::new(),
            waived: Vec::new(),
            pending: BTreeMap::new(),
            count: 0,
            last: None,
        }
    }

    /// Takes the next record of a ledger; `name` is what the repository is called if the record does not say. The
    /// ledgers of one repository are taken together, in the order of time.
    ///
    /// # Errors
    /// What was recorded as a verdict is none.
    pub fn take(&mut self, ledger: u64, name: &str, record: &Record) -> Result<()> {
        if record.time >= self.window.1 {
            return Ok(());
        }
        self.count += 1;
        self.last = self.last.max(Some(record.time));
        match &record.event {
            Event::Judged(judged) => self.judged((ledger, record.number), name, record, judged)?,
            Event::Landed(landed) => {
                if let Some(pending) = self.pending.remove(&(ledger, landed.judged)) {
                    for update in &landed.refs {
                        self.landed(record.time, &pending, update);
                    }
                }
            }
            // A move that nobody judged shows by the value from which the next landing goes on.
            Event::Moved(_) | Event::Unsummarised(_) | Event::Recovered { .. } => {}
        }
        Ok(())
    }

    fn judged(&mut self, place: Place, name: &str, record: &Record, judged: &Judged) -> Result<()> {
        if judged.answer != Answer::Accepted {
            let day = record.time.to_zoned(TimeZone::UTC).date();
            let by_gate = self.refusals.entry(day).or_default();
            let mut gates: Vec<&str> =
                judged.codes.iter().filter_map(|code| code.split('-').next()).collect();
            gates.sort_unstable();
            gates.dedup();
            if judged.answer == Answer::CannotJudge {
                gates = vec!["cannot-judge"];
            }
            for gate in gates {
                *by_gate.entry(gate.to_owned()).or_default() += 1;
            }
        }
        // The old values of what could not be judged are the client's claims.
        if judged.answer == Answer::CannotJudge {
            return Ok(());
        }
        let verdict = judged.recorded()?;
        let repository = verdict.repository.clone().unwrap_or_else(|| name.to_owned());
        for update in &judged.updates {
            let key = (repository.clone(), update.r#ref.clone());
            let is_protected = verdict.refs.as_ref().is_some_and(|refs| {
                refs.iter().any(|of| of.r#ref == update.r#ref && !of.gates.is_empty())
            });
            if !is_protected && !self.refs.contains_key(&key) {
                continue;
            }
            self.has_landed_unmarked(&key, update);
            let known = self.refs.entry(key).or_default();
            if !known.values.is_empty() && !known.values.contains(&update.old) {
                let from = known.seen.unwrap_or(record.time);
                let why = "the ref was moved past the hook".to_owned();
                let gap = Gap { from, to: record.time, why };
                for state in known.controls.values_mut().filter(|state| state.since.is_some()) {
                    state.gaps.push(gap.clone());
                    state.since = None;
                }
            }
            known.values = vec![update.old.clone()];
            known.seen = Some(record.time);
            if judged.answer.lets_through() {
                known.values.push(update.new.clone());
                known.last = Some(place);
            }
        }
        if judged.answer.lets_through() {
            let id = judged.id.clone().unwrap_or_default();
            let updates = judged.updates.clone();
            let pending = Pending { id, time: record.time, repository, updates, verdict };
            self.pending.insert(place, pending);
        }
        Ok(())
    }

    /// Where a ref holds what the last push was let through for, that push has landed, though the server has died
    /// before it could say so.
    fn has_landed_unmarked(&mut self, key: &(String, String), update: &Update) {
        let Some(place) = self.refs.get(key).and_then(|known| known.last) else { return };
        let Some(pending) = self.pending.get(&place) else { return };
        let led_here = |earlier: &&Update| {
            earlier.r#ref == update.r#ref && earlier.new.is_some() && earlier.new == update.old
        };
        let Some(landed) = pending.updates.iter().find(led_here).cloned() else { return };
        if landed.old == landed.new {
            return;
        }
        if let Some(mut pending) = self.pending.remove(&place) {
            self.landed(pending.time, &pending, &landed);
            // Other refs of the same push show it by themselves.
            pending.updates.retain(|other| *other != landed);
            self.pending.insert(place, pending);
        }
    }

    fn landed(&mut self, time: Timestamp, pending: &Pending, update: &Update) {
        let Pending { id, repository, verdict, .. } = pending;
        let name = &update.r#ref;
        let key = (repository.clone(), name.clone());
        let Some(known) = self.refs.get_mut(&key) else { return };
        known.values = vec![update.new.clone()];
        known.seen = Some(time);
        let of_ref = verdict.refs.iter().flatten().find(|judged| judged.r#ref == *name);
        let mut held: BTreeMap<String, bool> = BTreeMap::from([(REF.to_owned(), true)]);
        let waived = of_ref.is_some_and(|of_ref| of_ref.waived.is_some());
        for gate in of_ref.into_iter().flat_map(|of_ref| &of_ref.gates) {
            let all = held.entry(gate.gate.clone()).or_insert(true);
            *all &= gate.passed;
        }
        if waived {
            self.waived.push(Waived {
                time,
                repository: repository.clone(),
                r#ref: name.clone(),
                verdict: id.clone(),
            });
        }
        for gate in held.keys() {
            known.controls.entry(gate.clone()).or_default();
        }
        for (gate, state) in &mut known.controls {
            let why = match held.get(gate) {
                Some(true) => {
                    state.since.get_or_insert(time);
                    state.held = Some(time);
                    state.landings += 1;
                    continue;
                }
                Some(false) if waived => "break-glass let a push through",
                Some(false) => "a push landed though the gate did not agree",
                None if verdict.refs.is_none() => UNRECORDED,
                None => "the policy did not ask for it",
            };
            if state.since.is_some() || held.contains_key(gate) {
                let from = state.held.unwrap_or(time);
                state.gaps.push(Gap { from, to: time, why: why.to_owned() });
                state.since = None;
            }
        }
    }

    /// Returns what the records said.
    #[must_use]
    pub fn finish(self) -> Told {
        let (from, _) = self.window;
        let mut controls = Vec::new();
        for ((repository, name), known) in self.refs {
            // A tag moves once: nothing goes on there.
            if name.starts_with("refs/tags/") {
                continue;
            }
            controls.extend(known.controls.into_iter().map(|(gate, state)| {
                // What lies further back was told by an earlier report, but for a gap that still is one.
                let first = state.gaps.partition_point(|gap| gap.to < from);
                let first = match state.since {
                    None if first == state.gaps.len() => first.saturating_sub(1),
                    _ => first,
                };
                Control {
                    repository: repository.clone(),
                    r#ref: name.clone(),
                    gate,
                    since: state.since,
                    landings: state.landings,
                    gaps: state.gaps.into_iter().skip(first).collect(),
                }
            }));
        }
        let first_day = from.to_zoned(TimeZone::UTC).date();
        let refusals = self.refusals.into_iter().filter(|(day, _)| *day >= first_day);
        let refusals = refusals.map(|(day, by_gate)| Refusals { day, by_gate }).collect();
        let waived = self.waived.into_iter().filter(|waived| waived.time >= from).collect();
        Told { controls, refusals, waived, records: self.count, until: self.last }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::ledger::LineDigest;
    use crate::ledger::record::Landed;

    struct Story {
        tracker: Tracker,
        number: u64,
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_second(1_795_168_800 + second.cast_signed()).expect("a time")
    }

    impl Story {
        fn new() -> Self {
            Self { tracker: Tracker::within(at(0), at(1_000_000)), number: 0 }
        }

        fn record(&mut self, event: Event) -> u64 {
            let (number, previous) = (self.number, LineDigest::origin());
            let record = Record { version: 1, number, previous, time: at(number), event };
            self.tracker.take(0, "app", &record).expect("a verdict");
            self.number += 1;
            number
        }

        fn judges(
            &mut self,
            answer: Answer,
            old: &str,
            new: &str,
            gates: &[(&str, bool)],
            extra: &str,
        ) -> u64 {
            let gates: Vec<String> = gates
                .iter()
                .map(|(gate, passed)| format!(r#"{{"gate":"{gate}","passed":{passed}}}"#))
                .collect();
            let verdict = format!(
                r#"{{"refs":[{{"ref":"refs/heads/main","gates":[{}]{extra}}}]}}"#,
                gates.join(",")
            );
            self.record(Event::Judged(Judged {
                id: Some("1-2".into()),
                answer,
                refgate: String::new(),
                updates: vec![update(old, new)],
                codes: vec!["review-approval-missing".into()],
                pusher: None,
                verdict: RawValue::from_string(verdict).expect("JSON"),
            }))
        }

        fn lands(&mut self, old: &str, new: &str, gates: &[(&str, bool)], extra: &str) {
            let judged = self.judges(Answer::Accepted, old, new, gates, extra);
            let refs = vec![update(old, new)];
            self.record(Event::Landed(Landed { id: String::new(), judged, refs, absent: vec![] }));
        }

        fn control(self, gate: &str) -> (Option<Timestamp>, Vec<String>) {
            let told = self.tracker.finish();
            let control = told.controls.into_iter().find(|control| control.gate == gate);
            let control = control.expect("the control");
            (control.since, control.gaps.into_iter().map(|gap| gap.why).collect())
        }
    }

    fn update(old: &str, new: &str) -> Update {
        let value = |text: &str| Some(text.to_owned());
        Update { r#ref: "refs/heads/main".into(), old: value(old), new: value(new) }
    }

    const BOTH: [(&str, bool); 2] = [("review", true), ("scan", true)];

    #[test]
    fn a_control_holds_since_its_first_landing() {
        let mut story = Story::new();
        story.judges(Answer::Refused, "a", "b", &[("review", false)], "");
        story.lands("a", "b", &BOTH, "");
        story.lands("b", "c", &BOTH, "");
        assert_eq!(story.control("review"), (Some(at(2)), vec![]));
    }

    #[test]
    fn a_ref_that_moved_past_the_hook_is_a_gap_for_all_its_controls() {
        let mut story = Story::new();
        story.lands("a", "b", &BOTH, "");
        story.lands("x", "y", &BOTH, "");
        let (since, gaps) = story.control("scan");
        assert_eq!((since, gaps.len()), (Some(at(3)), 1), "{gaps:?}");
        assert!(gaps[0].contains("past the hook"));
        // A refused push tells it as well.
        let mut story = Story::new();
        story.lands("a", "b", &BOTH, "");
        story.judges(Answer::Refused, "x", "y", &BOTH, "");
        assert_eq!(story.control("ref").0, None);
    }

    #[test]
    fn what_could_not_be_judged_and_what_did_not_land_is_no_gap() {
        let mut story = Story::new();
        story.lands("a", "b", &BOTH, "");
        story.judges(Answer::CannotJudge, "zzz", "y", &[], "");
        // Accepted, but git refused it; the next push starts where it was, and another from where it went.
        story.judges(Answer::Accepted, "b", "c", &BOTH, "");
        story.lands("b", "d", &BOTH, "");
        story.judges(Answer::Accepted, "d", "e", &BOTH, "");
        story.lands("e", "f", &BOTH, "");
        assert_eq!(story.control("review"), (Some(at(1)), vec![]));
    }

    #[test]
    fn a_gate_that_did_not_agree_or_was_not_asked_is_a_gap_of_its_own() {
        let mut story = Story::new();
        story.lands("a", "b", &BOTH, "");
        story.lands("b", "c", &[("review", true), ("scan", false)], r#","waived":{"id":"EX-1"}"#);
        story.lands("c", "d", &[("review", true)], "");
        story.lands("d", "e", &BOTH, "");
        let waived = story.tracker.waived.len();
        let (since, gaps) = story.control("scan");
        assert_eq!((since, waived), (Some(at(7)), 1));
        assert_eq!(gaps, ["break-glass let a push through"]);
        let mut story = Story::new();
        story.lands("a", "b", &BOTH, "");
        story.lands("b", "c", &[("review", true)], "");
        assert_eq!(story.control("scan"), (None, vec!["the policy did not ask for it".into()]));
    }

    #[test]
    fn refusals_are_counted_by_gate_and_day() {
        let mut story = Story::new();
        story.judges(Answer::Refused, "a", "b", &BOTH, "");
        story.judges(Answer::Refused, "a", "b", &BOTH, "");
        let told = story.tracker.finish();
        assert_eq!(told.refusals.len(), 1);
        assert_eq!(told.refusals[0].by_gate, BTreeMap::from([("review".to_owned(), 2)]));
    }

    #[test]
    fn a_landing_whose_mark_was_lost_shows_by_the_next_push() {
        let mut story = Story::new();
        let glass = r#","waived":{"id":"EX-1"}"#;
        story.lands("a", "b", &BOTH, "");
        // The server dies before post-receive has said that this has landed.
        story.judges(Answer::Accepted, "b", "c", &[("review", true), ("scan", false)], glass);
        story.judges(Answer::Refused, "c", "d", &BOTH, "");
        let waived: Vec<Timestamp> =
            story.tracker.waived.iter().map(|waived| waived.time).collect();
        assert_eq!(waived, [at(2)]);
        assert_eq!(story.control("scan"), (None, vec!["break-glass let a push through".into()]));
    }

    #[test]
    fn what_is_told_is_of_the_quarter_and_controls_are_as_of_its_end() {
        let tell = |from, until| {
            let mut story = Story::new();
            story.tracker = Tracker::within(at(from), at(until));
            story.lands("a", "b", &BOTH, "");
            story.lands("x", "c", &BOTH, "");
            story.lands("c", "d", &BOTH, "");
            story.lands("y", "e", &[("review", false)], "");
            story.control("review")
        };
        assert_eq!(tell(0, 2), (Some(at(1)), vec![]));
        let past = "the ref was moved past the hook".to_owned();
        assert_eq!(tell(0, 6), (Some(at(3)), vec![past.clone()]));
        assert_eq!(tell(4, 6), (Some(at(3)), vec![]), "an earlier report has told it");
        let failed = "a push landed though the gate did not agree".to_owned();
        assert_eq!(tell(4, 9), (None, vec![past, failed.clone()]));
        assert_eq!(tell(1000, 2000), (None, vec![failed]), "it is one still");
    }

    #[test]
    fn a_verdict_that_is_none_is_an_error_and_one_too_large_proves_no_gate() {
        let mut story = Story::new();
        story.lands("a", "b", &BOTH, "");
        let judged = |verdict: &str| {
            Event::Judged(Judged {
                id: None,
                answer: Answer::Accepted,
                refgate: String::new(),
                pusher: None,
                updates: vec![update("b", "c")],
                codes: vec![],
                verdict: RawValue::from_string(verdict.into()).expect("JSON"),
            })
        };
        let number = story.record(judged(r#"{"repository":"app","too-large":9}"#));
        let refs = vec![update("b", "c")];
        story.record(Event::Landed(Landed {
            id: String::new(),
            judged: number,
            refs,
            absent: vec![],
        }));
        let (number, previous) = (story.number, LineDigest::origin());
        let event = judged("7");
        let record = Record { version: 1, number, previous, time: at(number), event };
        let error = story.tracker.take(0, "app", &record).expect_err("no verdict");
        assert!(error.to_string().contains("recorded verdict"), "{error}");
        assert_eq!(story.control("scan"), (None, vec![UNRECORDED.into()]));
    }
}
