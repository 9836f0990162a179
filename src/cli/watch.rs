//! `reference-transaction`: moves of protected refs that no judged push has brought.
//!
//! git calls this hook for every change of a ref, by whatever command: `update-ref`, a fetch, a web
//! interface that deletes a branch, and packing of refs, which looks like a deletion. What it may
//! break is more than what it can guard, so it records, and refuses only where the
//! administrator says so, and never a deletion.

use crate::clock::Timestamp;
use crate::error::{ErrorKind, Result, ResultExt as _};
use crate::id::{CommitId, ObjectId, parse_hex};
use crate::ledger::record::{Answer, Moved, Update};
use crate::ledger::{Event, Ledger};
use crate::policy::config::{Config, Repository};
use crate::refname::RefName;
use crate::repo::layout::Layout;
use crate::repo::objects::Trusted;
use crate::repo::refs::{Refs, Target};
use crate::repo::view::View;
use crate::settings::{Settings, Watch};
use crate::snapshot::{Ask, Rules};

/// How many records are looked through for the judgement of a move.
const LOOK_BACK: usize = 256;

/// More input than this is not read.
const INPUT_BYTES: u64 = 64 << 20;

/// One line of git's input.
struct Line {
    name: RefName,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
}

/// Looks at a transaction; returns the refs whose moves are refused.
///
/// # Errors
/// Refs or records cannot be read or written.
pub fn look(
    layout: &Layout,
    settings: &Settings,
    ledger: &Ledger,
    state: &str,
    now: Timestamp,
) -> Result<Vec<RefName>> {
    let refuses = settings.watch == Watch::Refuse && !settings.leniency.everything;
    let is_committed = state == "committed";
    let matters = is_committed || state == "prepared" && refuses;
    if !matters {
        return Ok(Vec::new());
    }
    let lines = read()?;
    let view = View::Server(Refs::new(layout));
    let mut moved = Vec::new();
    let mut rules = None;
    for line in lines {
        let value = view.resolve(&line.name)?.value;
        let is_move = match (is_committed, line.new) {
            // Before: what the ref is about to hold is new. A deletion may be packing of refs.
            (false, new) => new.is_some() && new != value,
            // After: what packing of refs deletes is there all the same.
            (true, new) => new == value,
        };
        if !is_move {
            continue;
        }
        let protected = match &rules {
            Some(rules) => rules,
            None => rules.insert(Protected::read(layout, settings, &view, now)?),
        };
        if !protected.covers(&line.name) {
            continue;
        }
        let inner = line.name.without_namespace();
        let is_fine = if is_committed {
            // A writer who does not say what the ref held may have gone back to what was judged once.
            line.old.is_some() && is_let_through(ledger, &inner, line.old, line.new)?
                || is_as_before(layout, ledger, &line)?
        } else {
            is_let_through(ledger, &inner, value, line.new)?
        };
        if !is_fine {
            moved.push(line);
        }
    }
    if is_committed && !moved.is_empty() {
        let hex = |id: Option<ObjectId>| id.map(|id| id.to_hex().to_string());
        let refs = moved.iter().map(|line| Update {
            r#ref: line.name.to_string(),
            old: hex(line.old),
            new: hex(line.new),
        });
        ledger.append(now, Event::Moved(Moved { refs: refs.collect() }))?;
        return Ok(Vec::new());
    }
    Ok(moved.into_iter().map(|line| line.name).collect())
}

/// Reads the transaction; lines about symbolic refs and pseudo refs move nothing that is protected.
fn read() -> Result<Vec<Line>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(INPUT_BYTES)
        .read_to_end(&mut bytes)
        .during(ErrorKind::Environment, || "reading the ref transaction".into())?;
    Ok(bytes.split(|byte| *byte == b'\n').filter_map(parse).collect())
}

fn parse(line: &[u8]) -> Option<Line> {
    let mut fields = line.splitn(3, |byte| *byte == b' ');
    let (old, new, name) = (fields.next()?, fields.next()?, fields.next()?);
    let id = |hex: &[u8]| parse_hex(hex).map(|id| (!id.is_null()).then_some(id));
    let name = RefName::parse(name).filter(|name| name.as_bytes().starts_with(b"refs/"))?;
    // What the ref held may be a symbolic ref, and is not needed.
    Some(Line { name, old: id(old).flatten(), new: id(new)? })
}

/// Which refs are protected, as far as can be told.
struct Protected {
    trust_ref: RefName,
    rules: Option<Rules>,
    built_in: Option<Config>,
}

impl Protected {
    fn read(layout: &Layout, settings: &Settings, view: &View, now: Timestamp) -> Result<Self> {
        let named = settings.trust_ref.as_deref().and_then(|name| RefName::parse(name.as_bytes()));
        let trust_ref = view.trust_ref(named.as_ref())?;
        let ask = Ask {
            trust_ref: &trust_ref,
            repository: settings.repository.as_ref(),
            limits: &settings.limits,
            now,
        };
        let rules = match view.resolve(&trust_ref)?.value {
            Some(tip) => {
                let objects = Trusted::open(&layout.objects_dir(), layout.hash)?;
                // Rules that are void protect what the built-in ones do.
                let rules = Rules::find(&objects, CommitId(tip), &ask).ok().flatten();
                rules.map(|rules| rules.raised(&settings.floor))
            }
            None => None,
        };
        let mut built_in = Repository::parse("unnamed").map(Config::built_in);
        built_in.iter_mut().for_each(|config| settings.floor.raise(config));
        Ok(Self { trust_ref, rules, built_in })
    }

    fn covers(&self, name: &RefName) -> bool {
        let inner = name.without_namespace();
        let config = self.rules.as_ref().map(|rules| &**rules.config()).or(self.built_in.as_ref());
        inner == self.trust_ref
            || inner.is_evidence()
            || config.is_some_and(|config| config.gates_for(inner.as_bytes()).is_some())
    }
}

/// Says whether a ref held this before: packing of refs writes values without saying what they were.
///
/// The last record about the ref tells; where there is none, a value that stands in
/// `packed-refs` already was packed just now.
fn is_as_before(layout: &Layout, ledger: &Ledger, line: &Line) -> Result<bool> {
    let name = line.name.without_namespace().to_string();
    let new = line.new.map(|id| id.to_hex().to_string());
    let mut last = None;
    let names_it = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|text| text.contains(&name));
    ledger.latest(LOOK_BACK, names_it, |record| {
        let updates = match &record.event {
            Event::Judged(judged) => match judged.answer {
                Answer::Accepted | Answer::WouldRefuse => judged.updates.as_slice(),
                Answer::Refused | Answer::CannotJudge => &[],
            },
            Event::Moved(moved) => &moved.refs,
            Event::Landed(_) | Event::Unsummarised(_) | Event::Recovered { .. } => &[],
        };
        last = updates.iter().find(|update| update.r#ref == name).map(|update| update.new.clone());
        last.is_some()
    })?;
    Ok(match last {
        Some(last) => last == new,
        None => match line.new {
            Some(new) => Refs::new(layout).read_packed(&line.name)? == Some(Target::Object(new)),
            None => line.old.is_none(),
        },
    })
}

/// Says whether a push that moves a ref so was let through.
///
/// # Errors
/// The ledger cannot be read.
pub(super) fn is_let_through(
    ledger: &Ledger,
    name: &RefName,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
) -> Result<bool> {
    let hex = |id: ObjectId| id.to_hex().to_string();
    let wanted = Update { r#ref: name.to_string(), old: old.map(hex), new: new.map(hex) };
    let needle = wanted.new.as_ref().or(wanted.old.as_ref()).cloned().unwrap_or_default();
    let mut found = false;
    let names_it =
        |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|text| text.contains(&needle));
    ledger.latest(LOOK_BACK, names_it, |record| {
        if let Event::Judged(judged) = &record.event
            && matches!(judged.answer, Answer::Accepted | Answer::WouldRefuse)
        {
            // The old value as well: going back to what was judged once is another move.
            found |= judged.updates.contains(&wanted);
        }
        found
    })?;
    Ok(found)
}

/// Returns prefixes of ref names, as `receive.procReceiveRefs` takes them, that together hold all protected refs.
///
/// # Errors
/// The repository cannot be read.
pub(super) fn protected_prefixes(layout: &Layout, settings: &Settings) -> Result<Vec<String>> {
    let view = View::Server(Refs::new(layout));
    let protected = Protected::read(layout, settings, &view, crate::clock::now())?;
    let config = protected.rules.as_ref().map(|rules| &**rules.config());
    let mut prefixes = vec![protected.trust_ref.to_string()];
    for pattern in config.or(protected.built_in.as_ref()).into_iter().flat_map(|c| &c.protect) {
        for pattern in &pattern.refs {
            let text = pattern.to_string();
            let literal = pattern.literal_prefix();
            // A pattern is a directory to git: refs/tags/v* lies in refs/tags.
            let prefix = if literal == text {
                text
            } else {
                literal.rsplit_once('/').map_or(literal, |(directory, _)| directory).to_owned()
            };
            if !prefixes.contains(&prefix) {
                prefixes.push(prefix);
            }
        }
    }
    Ok(prefixes)
}
