//! Makes a record of a verdict, or of why there is none.

use serde_json::value::RawValue;

use super::record::{Answer, Judged, Update};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::host::Pusher;
use crate::id::ObjectId;
use crate::receive::{Name, Push};
use crate::report::json;
use crate::report::text::Foreign;
use crate::verdict::{Leniency, Verdict};

/// A verdict larger than this is recorded by its codes alone.
const VERDICT_BYTES: usize = 1 << 20;

impl Judged {
    /// Returns the record of a verdict.
    ///
    /// # Errors
    /// The verdict cannot be written as JSON.
    pub fn of(verdict: &Verdict, leniency: &Leniency) -> Result<Self> {
        let mut codes: Vec<String> = Vec::new();
        for (_, violation) in verdict.refs.iter().flat_map(|judgement| judgement.violations()) {
            let code = violation.code().to_owned();
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        let updates = verdict
            .refs
            .iter()
            .map(|judgement| Update {
                r#ref: judgement.name.to_string(),
                old: judgement.old.map(hex),
                new: judgement.new.map(hex),
            })
            .collect();
        let answer = if verdict.is_accepted() {
            Answer::Accepted
        } else if verdict.is_let_pass(leniency) {
            Answer::WouldRefuse
        } else {
            Answer::Refused
        };
        let line = json::verdict_line(verdict)
            .during(ErrorKind::Internal, || "writing the verdict as JSON".into())?;
        let pusher = verdict.pusher.clone();
        Self::new(Some(verdict.id.clone()), answer, pusher, updates, codes, line)
    }

    /// Returns the record of a push that could not be judged; the old values are the client's claims.
    ///
    /// # Errors
    /// The error cannot be written as JSON.
    pub fn unjudged(push: Option<&Push>, pusher: Option<Pusher>, error: &Error) -> Result<Self> {
        let name = |name: &Name| match name {
            Name::Ref(name) => name.to_string(),
            Name::Malformed(bytes) => Foreign::from(bytes).shown(200),
        };
        let updates = push.iter().flat_map(|push| &push.updates).map(|update| Update {
            r#ref: name(&update.name),
            old: update.claimed_old.map(hex),
            new: update.new.map(hex),
        });
        let line = json::error_line(error)
            .during(ErrorKind::Internal, || "writing the error as JSON".into())?;
        Self::new(None, Answer::CannotJudge, pusher, updates.collect(), Vec::new(), line)
    }

    fn new(
        id: Option<String>,
        answer: Answer,
        pusher: Option<Pusher>,
        updates: Vec<Update>,
        codes: Vec<String>,
        verdict: String,
    ) -> Result<Self> {
        let verdict = if verdict.len() > VERDICT_BYTES {
            format!(
                r#"{{"version":{},"verdict":"{}","too-large":{}}}"#,
                json::VERSION,
                answer.name(),
                verdict.len()
            )
        } else {
            verdict
        };
        let verdict = RawValue::from_string(verdict)
            .during(ErrorKind::Internal, || "writing the verdict as JSON".into())?;
        let refgate = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Self { id, answer, refgate, pusher, updates, codes, verdict })
    }
}

fn hex(id: ObjectId) -> String {
    id.to_hex().to_string()
}
