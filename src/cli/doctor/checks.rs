//! Settings, trust, git's configuration, disk and clock.

use std::path::Path;

use super::super::hook::{ledger, settings as read_settings};
use super::super::server;
use super::{Check, State};
use crate::client::git::Git;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::exec::Run;
use crate::id::CommitId;
use crate::ledger::Event;
use crate::refname::RefName;
use crate::repo::layout::{Layout, RefFormat};
use crate::repo::objects::Trusted;
use crate::repo::refs::Refs;
use crate::repo::reftable::Stack;
use crate::repo::view::View;
use crate::settings::{Require, Settings};
use crate::snapshot::{Ask, Rules, Snapshot};

/// Keys that end within so many days are worth a word.
const SOON: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

/// Less room than this, and pushes will soon fail.
const LEAST_BYTES: u64 = 256 << 20;

/// So many packs, and looking objects up gets slow.
const MANY_PACKS: usize = 50;

/// So many loose refs, and listing them gets slow.
const MANY_REFS: usize = 2_000;

/// From here on tables of refs are worth packing; git keeps them few of its own accord.
const MANY_TABLES: usize = 64;

/// So many records are looked through for moves past the hook.
const MANY_RECORDS: usize = 1_000;

/// The oldest git that is tested.
const OLDEST_GIT: (u32, u32) = (2, 39);

/// Whether the server settings can be read, and what they let pass.
pub(super) fn settings(layout: &Layout) -> Vec<Check> {
    match read_settings(layout) {
        Err(error) => {
            let places: Vec<String> = error.diagnostics().iter().map(ToString::to_string).collect();
            let found = if places.is_empty() { error.to_string() } else { places.join("; ") };
            vec![Check::not("settings", State::Problem, found, "mend them: every push is refused")]
        }
        Ok(settings) => {
            let mut checks = vec![Check::ok("settings", format!("host {}", settings.host.name()))];
            if settings.leniency.is_lenient() {
                let found = if settings.leniency.everything {
                    "mode = \"warn\": nothing is refused"
                } else {
                    "[modes]: some gates only warn"
                };
                let remedy = "when the roll-out is over, set mode = \"enforce\"";
                checks.push(Check::not("mode", State::Advice, found, remedy));
            } else {
                checks.push(Check::ok("mode", "enforce"));
            }
            checks
        }
    }
}

/// Trust ref, root of trust, trusted files, and keys that end.
pub(super) fn trust(layout: &Layout) -> Vec<Check> {
    let Ok(settings) = read_settings(layout) else { return Vec::new() };
    match snapshot(layout, &settings) {
        Ok(Trust::Nobody { lacks }) => {
            vec![if settings.trust_root.is_some() {
                Check::ok("trust", format!("{lacks}; the first push needs the root of trust"))
            } else {
                let remedy = format!(
                    "refgate install --yes --trust-root SHA256:... {}",
                    layout.common_dir.display()
                );
                Check::not(
                    "trust",
                    State::Problem,
                    format!("{lacks}, and no root of trust"),
                    remedy,
                )
            }]
        }
        Ok(Trust::Read { at, snapshot }) => {
            let mut checks = vec![Check::ok("trust", at)];
            checks.push(keys(&snapshot));
            checks
        }
        Err(error) => {
            let places: Vec<String> = error.diagnostics().iter().map(ToString::to_string).collect();
            let found = format!("{error} {}", places.join("; "));
            vec![Check::not("trust", State::Problem, found.trim_end(), "see docs/recovery.md")]
        }
    }
}

enum Trust {
    Nobody { lacks: String },
    Read { at: String, snapshot: Box<Snapshot> },
}

fn snapshot(layout: &Layout, settings: &Settings) -> Result<Trust> {
    let named = settings.trust_ref.as_deref().and_then(|name| RefName::parse(name.as_bytes()));
    let view = View::Server(Refs::new(layout));
    let trust_ref = view.trust_ref(named.as_ref())?;
    let Some(tip) = view.resolve(&trust_ref)?.value.map(CommitId) else {
        return Ok(Trust::Nobody { lacks: format!("{trust_ref} does not exist yet") });
    };
    let objects = Trusted::open(&layout.objects_dir(), layout.hash)?;
    let ask = Ask {
        trust_ref: &trust_ref,
        repository: settings.repository.as_ref(),
        limits: &settings.limits,
        now: crate::clock::now(),
    };
    let Some(rules) = Rules::find(&objects, tip, &ask)? else {
        return Ok(Trust::Nobody { lacks: format!("{trust_ref} has no meta/STRUCTURE.md yet") });
    };
    let snapshot = Box::new(rules.complete(&objects, &ask)?);
    Ok(Trust::Read { at: format!("{trust_ref} at {}", tip.short()), snapshot })
}

fn keys(snapshot: &Snapshot) -> Check {
    let now = crate::clock::now();
    let mut ending = Vec::new();
    for principal in snapshot.policy.structure().principals() {
        for listed in principal.keys() {
            if let Some(until) =
                listed.window.until.filter(|until| *until > now && *until <= now + SOON)
            {
                // The last day on which they count, as the list has it.
                let day = (until - jiff::SignedDuration::from_secs(1)).to_string();
                let day = day.split('T').next().unwrap_or_default();
                ending.push(format!("{} on {day}", principal.id()));
            }
        }
    }
    if ending.is_empty() {
        return Check::ok("keys", "none ends within 30 days");
    }
    let remedy = "list new keys in meta/STRUCTURE.md before that day";
    Check::not("keys", State::Advice, format!("these end: {}", ending.join(", ")), remedy)
}

/// Git's version, and its configuration of this repository.
pub(super) fn git(layout: &Layout) -> Vec<Check> {
    let git = match server::git(layout) {
        Ok(git) => git,
        Err(error) => return vec![Check::or_unknown("git", Err(error))],
    };
    let mut checks = vec![Check::or_unknown("git", version())];
    checks.push(Check::or_unknown("evidence refs", hidden(&git)));
    checks.push(Check::or_unknown("replace refs", replace(&git)));
    checks.push(Check::or_unknown("push options", push_options(&git)));
    if read_settings(layout).is_ok_and(|s| s.identity.require == Require::SignedPush) {
        checks.push(Check::or_unknown("signed pushes", signed(&git)));
    }
    checks
}

fn version() -> Result<Check> {
    let outcome = Run::new("git").args(["version"]).outcome()?;
    let text = String::from_utf8_lossy(&outcome.stdout).trim().to_owned();
    let number = text.strip_prefix("git version ").unwrap_or_default();
    let mut parts = number.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    Ok(if found >= OLDEST_GIT {
        Check::ok("git", text)
    } else {
        let (major, minor) = OLDEST_GIT;
        Check::not("git", State::Advice, text, format!("install git {major}.{minor} or newer"))
    })
}

/// All values of a key, one a line.
fn values(git: &Git, key: &str) -> Result<Vec<String>> {
    let outcome = git.outcome(["config", "--get-all", key])?;
    Ok(String::from_utf8_lossy(&outcome.stdout).lines().map(str::to_owned).collect())
}

fn hidden(git: &Git) -> Result<Check> {
    let evidence = "refs/notes/refgate/evidence";
    for key in ["transfer.hideRefs", "uploadpack.hideRefs", "receive.hideRefs"] {
        for value in values(git, key)? {
            let prefix = value.trim_start_matches('^').trim_end_matches('/');
            let hides = evidence == prefix || evidence.starts_with(&format!("{prefix}/"));
            if hides && !value.starts_with('!') {
                let found = format!("{key} = {value} hides evidence from those who need it");
                let remedy = format!("add {key} = !refs/notes/refgate");
                return Ok(Check::not("evidence refs", State::Problem, found, remedy));
            }
        }
    }
    Ok(Check::ok("evidence refs", "refs/notes/refgate/* are advertised"))
}

fn replace(git: &Git) -> Result<Check> {
    let hidden = values(git, "receive.hideRefs")?
        .iter()
        .chain(&values(git, "transfer.hideRefs")?)
        .any(|value| value.trim_end_matches('/') == "refs/replace");
    Ok(if hidden {
        Check::ok("replace refs", "hidden")
    } else {
        Check::not(
            "replace refs",
            State::Advice,
            "refgate refuses pushes of refs/replace/*; git would refuse them as well if they were hidden",
            "git config --add receive.hideRefs refs/replace",
        )
    })
}

fn push_options(git: &Git) -> Result<Check> {
    Ok(if git.config_bool("receive.advertisePushOptions")? {
        Check::ok("push options", "advertised")
    } else {
        Check::not(
            "push options",
            State::Advice,
            "not advertised, so git push -o fails",
            "git config receive.advertisePushOptions true",
        )
    })
}

fn signed(git: &Git) -> Result<Check> {
    let key = "receive.certNonceSeed";
    let is_offered = git.config(key)?.is_some_and(|seed| !seed.is_empty());
    let is_own = git.ask(["config", "--local", "--get", key])?.is_some();
    Ok(if is_offered && is_own {
        Check::ok("signed pushes", "offered, with a secret of this repository")
    } else if is_offered {
        Check::not(
            "signed pushes",
            State::Advice,
            "offered, with a secret of several repositories: over http they take each other's",
            "git config receive.certNonceSeed with a secret of this repository",
        )
    } else {
        Check::not(
            "signed pushes",
            State::Problem,
            "the settings require them, and git does not offer them",
            "git config receive.certNonceSeed with a secret of this repository",
        )
    })
}

/// Room on the disk, and how the repository lies on it.
pub(super) fn disk(layout: &Layout) -> Vec<Check> {
    vec![
        Check::or_unknown("disk", room(&layout.common_dir)),
        Check::or_unknown("objects", objects(layout)),
    ]
}

fn room(directory: &Path) -> Result<Check> {
    let disk = rustix::fs::statvfs(directory)
        .during(ErrorKind::Environment, || format!("asking about {}", directory.display()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let found = format!("{} MiB are free", free >> 20);
    if disk.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        return Ok(Check::not("disk", State::Problem, "it is read-only", "mount it for writing"));
    }
    Ok(if free < LEAST_BYTES || disk.f_favail == 0 && disk.f_files > 0 {
        let remedy = "make room: what cannot be recorded is refused";
        Check::not("disk", State::Problem, found, remedy)
    } else {
        Check::ok("disk", found)
    })
}

fn objects(layout: &Layout) -> Result<Check> {
    let dir = layout.objects_dir();
    let count = |directory: &Path, ending: &str| -> Result<usize> {
        let step = || format!("listing {}", directory.display());
        if !directory.is_dir() {
            return Ok(0);
        }
        let entries = std::fs::read_dir(directory).during(ErrorKind::Environment, step)?;
        Ok(entries
            .filter_map(|entry| entry.ok())
            .filter(|entry| entry.file_name().to_string_lossy().ends_with(ending))
            .count())
    };
    let packs = count(&dir.join("pack"), ".pack")?;
    // As git gc counts: one directory of 256 stands for all.
    let loose = count(&dir.join("17"), "")? * 256;
    let graph = dir.join("info/commit-graph").exists() || dir.join("info/commit-graphs").exists();
    let (refs, many, what, remedy) = match layout.refs {
        RefFormat::Files => {
            let refs = loose_refs(&layout.common_dir.join("refs"), 0)?;
            (refs, MANY_REFS, "loose refs", "git pack-refs --all")
        }
        RefFormat::Reftable => {
            let tables = Stack::new(&layout.common_dir, layout.hash).depth()?;
            (tables, MANY_TABLES, "tables of refs", "git pack-refs")
        }
    };
    let found = format!("{packs} packs, about {loose} loose objects, {refs} {what}");
    let mut advice = Vec::new();
    if packs > MANY_PACKS || loose > 6_700 {
        advice.push("git gc");
    }
    if !graph && packs > 0 {
        advice.push("git commit-graph write --reachable");
    }
    if refs > many {
        advice.push(remedy);
    }
    Ok(if advice.is_empty() {
        Check::ok("objects", found)
    } else {
        Check::not("objects", State::Advice, found, advice.join("; "))
    })
}

fn loose_refs(directory: &Path, depth: usize) -> Result<usize> {
    let step = || format!("listing {}", directory.display());
    let mut count = 0;
    for entry in std::fs::read_dir(directory).during(ErrorKind::Environment, step)? {
        let entry = entry.during(ErrorKind::Environment, step)?;
        if !entry.file_type().during(ErrorKind::Environment, step)?.is_dir() {
            count += 1;
        } else if depth < 16 {
            count += loose_refs(&entry.path(), depth + 1)?;
        }
        if count > MANY_REFS {
            break;
        }
    }
    Ok(count)
}

/// Whether protected refs have moved past the hook, as far as the watch has seen.
pub(super) fn moves(layout: &Layout) -> Result<Check> {
    let settings = read_settings(layout)?;
    let mut moved: Vec<String> = Vec::new();
    let is_move = |line: &[u8]| {
        std::str::from_utf8(line).is_ok_and(|line| line.contains("\"event\":{\"moved\""))
    };
    ledger(layout, &settings).latest(MANY_RECORDS, is_move, |record| {
        if let Event::Moved(moves) = &record.event {
            moved.extend(
                moves.refs.iter().map(|update| format!("{} {}", update.r#ref, record.time)),
            );
        }
        moved.len() > 4
    })?;
    Ok(match moved.is_empty() {
        true => Check::ok("moves", "no protected ref is known to have moved past the hook"),
        false => Check::not(
            "moves",
            State::Advice,
            format!("moved without being judged: {}", moved.join(", ")),
            "find out who has written to the repository",
        ),
    })
}

/// The server's clock against the last record.
pub(super) fn clock(layout: &Layout) -> Result<Check> {
    let settings = read_settings(layout)?;
    let mut last = None;
    ledger(layout, &settings).latest(
        1,
        |_| true,
        |record| {
            last = Some(record.time);
            true
        },
    )?;
    let now = crate::clock::now();
    Ok(match last {
        Some(last) if last > now => Check::not(
            "clock",
            State::Problem,
            format!("it says {now}, and the last record was made at {last}"),
            "set the server's clock: records must not go back in time",
        ),
        Some(last) => Check::ok("clock", format!("it says {now}; the last record is of {last}")),
        None if now.as_second() < 1_700_000_000 => Err(Error::new(
            ErrorKind::Environment,
            format!("it says {now}, which is before refgate was written"),
        ))?,
        None => Check::ok("clock", format!("it says {now}; nothing is recorded yet")),
    })
}
