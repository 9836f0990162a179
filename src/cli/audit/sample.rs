//! `refgate audit sample`: draws the releases of a quarter.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ring::rand::{SecureRandom as _, SystemRandom};

use super::args::Sample as Args;
use crate::audit::clone::Clone;
use crate::audit::quarter::Quarter;
use crate::audit::results;
use crate::audit::sample::{Release, Sample, Unreadable, VERSION, draw};
use crate::cli::output::Output;
use crate::cli::{ACCEPTED, CANNOT_JUDGE};
use crate::error::{Error, ErrorKind, Result};
use crate::report::text::Foreign;

/// Draws, writes the sample and shows it.
///
/// # Errors
/// The quarter or the seed is none, or the sample cannot be written. Clones that cannot be
/// read stand in the sample, and the exit status tells.
pub(super) fn sample(dir: &Path, args: &Args, out: &mut Output) -> Result<ExitCode> {
    let quarter = Quarter::parse(&args.quarter).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{:?} is no quarter", args.quarter))
            .hint("write it like 2026-Q4")
    })?;
    let seed = match &args.seed {
        Some(seed) => seed.clone(),
        None => random_seed()?,
    };
    if seed.is_empty() || seed.len() > 200 || seed.contains(char::is_control) {
        return Err(Error::new(ErrorKind::Usage, "the seed is no line of 1 to 200 bytes"));
    }
    let now = crate::clock::now();
    let (mut candidates, mut unreadable) = (Vec::new(), Vec::new());
    for (at, path) in args.repositories.iter().enumerate() {
        out.progress(&format!("reading {} of {} clones", at + 1, args.repositories.len()));
        let path = dir.join(path);
        match releases(&path, quarter, &mut unreadable, now) {
            Ok(found) => candidates.extend(found),
            Err(error) => unreadable.push(unread(&path, &error)),
        }
    }
    if !args.portfolio.is_empty() {
        candidates.retain(|release| args.portfolio.contains(&release.portfolio));
    }
    let candidates = draw(&seed, args.releases, candidates);
    let quarter = quarter.to_string();
    let sample =
        Sample { version: VERSION, quarter, seed, releases: args.releases, candidates, unreadable };
    let file = match &args.output {
        Some(file) => dir.join(file),
        None => dir.join(format!("audit-{}.json", sample.quarter)),
    };
    results::write(&file, &sample)?;
    show(&sample, &file, out);
    Ok(ExitCode::from(if sample.unreadable.is_empty() { ACCEPTED } else { CANNOT_JUDGE }))
}

fn releases(
    path: &Path,
    quarter: Quarter,
    unreadable: &mut Vec<Unreadable>,
    now: crate::clock::Timestamp,
) -> Result<Vec<Release>> {
    let clone = Clone::open(path, now)?;
    let shown = absolute(path).display().to_string();
    let mut found = Vec::new();
    for (tag, object) in clone.tags()? {
        match clone.release(&shown, &tag, object) {
            Ok(release) if quarter.contains(release.time) => found.push(release),
            Ok(_) => {}
            Err(error) => unreadable.push(unread(path, &error.while_(format!("reading {tag}")))),
        }
    }
    Ok(found)
}

fn unread(path: &Path, error: &Error) -> Unreadable {
    Unreadable { path: absolute(path).display().to_string(), why: error.to_string() }
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.into())
}

fn random_seed() -> Result<String> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::new(ErrorKind::Environment, "the system gives no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn show(sample: &Sample, file: &Path, out: &mut Output) {
    let Sample { quarter, seed, candidates, unreadable, .. } = sample;
    out.line(&format!("{quarter}, seed {seed}"));
    for release in candidates.iter().filter(|release| release.drawn) {
        let Release { portfolio, repository, tag, time, rank, .. } = release;
        let day = time.strftime("%Y-%m-%d");
        let short: String = rank.chars().take(12).collect();
        let shown = |text: &str| Foreign::from(text).shown(120);
        out.line(&format!(
            "{short}  {}  {}  {}  {day}",
            shown(portfolio),
            shown(repository),
            shown(tag)
        ));
    }
    let drawn = candidates.iter().filter(|release| release.drawn).count();
    out.line(&format!("{drawn} of {} releases drawn: {}", candidates.len(), file.display()));
    if drawn > 0 {
        out.note("anybody can redo a rank with the seed:");
        out.note(&format!(
            "    printf '%s\\n' {} PORTFOLIO REPOSITORY TAG | sha256sum",
            shlex::try_quote(seed).unwrap_or_default()
        ));
    }
    for Unreadable { path, why } in unreadable {
        out.note(&format!("error: {}: {}", path, Foreign::from(why).shown(300)));
    }
}
