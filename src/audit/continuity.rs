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
use crate::ledger::record::{Answer, Event, Judged, Record};

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
    controls: BTreeMap<String, State>,
}

#[derive(Default)]
struct State {
    since: Option<Timestamp>,
    held: Option<Timestamp>,
    landings: u64,
    gaps: Vec<Gap>,
}

/// Goes along ledgers.
#[derive(Default)]
pub struct Tracker {
    refs: BTreeMap<(String, String), Known>,
    refusals: BTreeMap<Date, BTreeMap<String, u64>>,
    waived: Vec<Waived>,
    /// Accepted judgements of the current ledger that have not landed.
    pending: BTreeMap<u64, Judged>,
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

impl Tracker {
    /// Goes on with another ledger.
    pub fn next_ledger(&mut self) {
        self.pending.clear();
    }

    /// Takes the next record; `name` is what the repository is called if the record does not say.
    pub fn take(&mut self, name: &str, record: &Record) {
        self.count += 1;
        self.last = self.last.max(Some(record.time));
        match &record.event {
            Event::Judged(judged) => {
                let repository = judged.recorded().and_then(|verdict| verdict.repository);
                let repository = repository.unwrap_or_else(|| name.to_owned());
                self.judged(&repository, record, judged);
            }
            Event::Landed(landed) => {
                if let Some(judged) = self.pending.remove(&landed.judged) {
                    let repository = judged.recorded().and_then(|verdict| verdict.repository);
                    let repository = repository.unwrap_or_else(|| name.to_owned());
                    for update in &landed.refs {
                        self.landed(&repository, record.time, &judged, &update.r#ref, &update.new);
                    }
                }
            }
            // A move that nobody judged shows by the value from which the next landing goes on.
            Event::Moved(_) | Event::Unsummarised(_) | Event::Recovered { .. } => {}
        }
    }

    fn judged(&mut self, repository: &str, record: &Record, judged: &Judged) {
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
            return;
        }
        let protected = judged.recorded().map(|verdict| verdict.refs).unwrap_or_default();
        let is_protected = |name: &str| {
            protected.iter().any(|judged| judged.r#ref == name && !judged.gates.is_empty())
        };
        for update in &judged.updates {
            let key = (repository.to_owned(), update.r#ref.clone());
            if !is_protected(&update.r#ref) && !self.refs.contains_key(&key) {
                continue;
            }
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
            }
        }
        if judged.answer.lets_through() {
            self.pending.insert(record.number, judged.clone());
        }
    }

    fn landed(
        &mut self,
        repository: &str,
        time: Timestamp,
        judged: &Judged,
        name: &str,
        new: &Option<String>,
    ) {
        let key = (repository.to_owned(), name.to_owned());
        let Some(known) = self.refs.get_mut(&key) else { return };
        known.values = vec![new.clone()];
        known.seen = Some(time);
        let of_ref = judged
            .recorded()
            .and_then(|verdict| verdict.refs.into_iter().find(|judged| judged.r#ref == name));
        let mut held: BTreeMap<String, bool> = BTreeMap::from([(REF.to_owned(), true)]);
        let waived = of_ref.as_ref().is_some_and(|of_ref| of_ref.waived.is_some());
        for gate in of_ref.into_iter().flat_map(|of_ref| of_ref.gates) {
            let all = held.entry(gate.gate).or_insert(true);
            *all &= gate.passed;
        }
        if waived {
            self.waived.push(Waived {
                time,
                repository: repository.to_owned(),
                r#ref: name.to_owned(),
                verdict: judged.id.clone().unwrap_or_default(),
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
                None => "the policy did not ask for it",
            };
            if state.since.is_some() || held.contains_key(gate) {
                let from = state.held.unwrap_or(time);
                state.gaps.push(Gap { from, to: time, why: why.to_owned() });
                state.since = None;
            }
        }
    }

    /// Returns what all records said.
    #[must_use]
    pub fn finish(self) -> Told {
        let mut controls = Vec::new();
        for ((repository, name), known) in self.refs {
            // A tag moves once: nothing goes on there.
            if name.starts_with("refs/tags/") {
                continue;
            }
            controls.extend(known.controls.into_iter().map(|(gate, state)| Control {
                repository: repository.clone(),
                r#ref: name.clone(),
                gate,
                since: state.since,
                landings: state.landings,
                gaps: state.gaps,
            }));
        }
        let refusals =
            self.refusals.into_iter().map(|(day, by_gate)| Refusals { day, by_gate }).collect();
        Told { controls, refusals, waived: self.waived, records: self.count, until: self.last }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::ledger::LineDigest;
    use crate::ledger::record::{Landed, Update};

    struct Story {
        tracker: Tracker,
        number: u64,
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_second(1_795_168_800 + second.cast_signed()).expect("a time")
    }

    impl Story {
        fn new() -> Self {
            Self { tracker: Tracker::default(), number: 0 }
        }

        fn record(&mut self, event: Event) -> u64 {
            let (number, previous) = (self.number, LineDigest::origin());
            let record = Record { version: 1, number, previous, time: at(number), event };
            self.tracker.take("app", &record);
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
}
