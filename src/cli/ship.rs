//! `refgate ledger ship`: drains the ledgers of a server into the fleet's database.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::args::Ship;
use super::output::Output;
use super::{ACCEPTED, REFUSED, hook, install};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::fleet::{Fleet, From};
use crate::repo::objects::Trusted;
use crate::repo::refs::Refs;
use crate::repo::view::View;
use crate::snapshot::{Ask, Rules};

/// Ships each ledger; goes on with the next one where one cannot be shipped.
///
/// # Errors
/// No database is named, or none of the repositories can be read.
pub fn ship(dir: &Path, args: &Ship, out: &mut Output) -> Result<ExitCode> {
    let here = [PathBuf::from(".")];
    let repositories = if args.repositories.is_empty() { &here[..] } else { &args.repositories };
    loop {
        let mut failed = false;
        let mut fleets: Vec<(String, Fleet)> = Vec::new();
        for repository in repositories {
            let path = dir.join(repository);
            if let Err(error) = ship_one(&path, args, &mut fleets, out) {
                failed = true;
                super::show(&error.while_(format!("shipping {}", path.display())), out);
            }
        }
        let Some(seconds) = args.every else {
            return Ok(ExitCode::from(if failed { REFUSED } else { ACCEPTED }));
        };
        std::thread::sleep(std::time::Duration::from_secs(seconds));
    }
}

fn ship_one(
    path: &Path,
    args: &Ship,
    fleets: &mut Vec<(String, Fleet)>,
    out: &mut Output,
) -> Result<()> {
    let layout = install::layout(path)?;
    let settings = hook::settings(&layout)?;
    let url = args.database.clone().or_else(|| settings.ledger.database.clone());
    let url = url.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "no database is named")
            .hint("refgate ledger ship --database postgresql://db.example.org/audit; or set ledger.database in the server settings")
    })?;
    let known = fleets.iter().position(|(known, _)| *known == url);
    let at = match known {
        Some(at) => at,
        None => {
            fleets.push((url.clone(), Fleet::connect(&url)?));
            fleets.len() - 1
        }
    };
    let Some((_, fleet)) = fleets.get_mut(at) else { return Ok(()) };
    let name = name(&layout, &settings);
    let place = format!("{}:{}", host(), layout.common_dir.display());
    let from = From { repository: &name, place: &place };
    let shipped = fleet.ship(&hook::ledger(&layout, &settings), from, crate::clock::now());
    if shipped.is_err() {
        // A connection that failed is not used for the next repository.
        fleets.retain(|(known, _)| *known != url);
    }
    let shipped = shipped?;
    let new = shipped.after - shipped.before;
    out.line(&format!("{name}: {new} new records, {} in all", shipped.after));
    Ok(())
}

/// Returns the repository's name: as the settings or its policy say, else its directory.
fn name(layout: &crate::repo::layout::Layout, settings: &crate::settings::Settings) -> String {
    if let Some(name) = &settings.repository {
        return name.to_string();
    }
    let from_policy = || -> Result<String> {
        let view = View::Server(Refs::new(layout));
        let trusted = Trusted::open(&layout.objects_dir(), layout.hash)?;
        let trust_ref = view.trust_ref(None)?;
        let anchor =
            view.resolve(&trust_ref)?.value.map(crate::id::CommitId).ok_or_else(|| {
                Error::new(ErrorKind::Policy, format!("{trust_ref} does not exist"))
            })?;
        let now = crate::clock::now();
        let ask = Ask { trust_ref: &trust_ref, repository: None, limits: &settings.limits, now };
        Ok(Rules::read(&trusted, anchor, &ask)?.config().repository.to_string())
    };
    from_policy().unwrap_or_else(|error| {
        log::warn!("the repository has no name: {error}");
        layout.common_dir.display().to_string()
    })
}

/// Returns the name of this machine.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "unknown".into(), |name| name.trim().to_owned())
}

/// Follows the chain of every ledger in the database.
///
/// # Errors
/// The database does not answer.
pub fn verify(fleet: &mut Fleet, out: &mut Output) -> Result<ExitCode> {
    let mut broken = false;
    for (name, result) in fleet.verify()? {
        match result {
            Ok(head) => out.line(&format!("{name}: head {}:{}", head.count, head.digest)),
            Err(why) => {
                broken = true;
                out.line(&format!("{name}: broken: {why}"));
            }
        }
    }
    Ok(ExitCode::from(if broken { REFUSED } else { ACCEPTED }))
}
