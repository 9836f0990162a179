//! `refgate audit report`: what the audit has found.

use std::path::Path;
use std::process::ExitCode;

use super::args::{Report as Args, ReportFormat};
use super::run::{read_results, read_sample, results_file};
use crate::audit::continuity::{Told, Tracker};
use crate::audit::findings::{Findings, Form};
use crate::audit::report::{Report, document, page};
use crate::audit::results::{Results, write_text};
use crate::cli::output::Output;
use crate::cli::{ACCEPTED, hook, install};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::ledger::Ledger;
use crate::repo::layout::read_bounded;

/// No backlog is longer.
const BACKLOG_BYTES: u64 = 64 << 20;

/// Writes the report, and brings the backlogs up to date.
///
/// # Errors
/// Something cannot be read or written.
pub(super) fn report(dir: &Path, args: &Args, out: &mut Output) -> Result<ExitCode> {
    let path = dir.join(&args.sample);
    let (sample, digest) = read_sample(&path)?;
    let results = read_results(&results_file(&path, args.results.as_ref(), dir), &digest)?;
    let told = told(dir, args, out)?;
    let nothing = Told::default();
    let findings = Findings::of(&sample.quarter, &results, told.as_ref().unwrap_or(&nothing));
    let now = crate::clock::now();
    let today = now.strftime("%Y-%m-%d").to_string();
    // Every backlog is read before any is written.
    let mut backlogs = Vec::new();
    for file in &args.backlog {
        let file = dir.join(file);
        let form = Form::of(&file.to_string_lossy())?;
        let step = || format!("reading the backlog {}", file.display());
        let old = read_bounded(&file, BACKLOG_BYTES)?.unwrap_or_default();
        let old = String::from_utf8(old).during(ErrorKind::Usage, step)?;
        let new = form.update(&old, &findings, &today).map_err(|error| error.while_(step()))?;
        backlogs.push((file, old, new));
    }
    let report = Report::new(&sample, &results, &findings, told, now);
    let text = match args.format {
        ReportFormat::Markdown => document(&report),
        ReportFormat::Html => page(&report),
        ReportFormat::Json => {
            let text = serde_json::to_string_pretty(&report);
            text.during(ErrorKind::Internal, || "writing the report as JSON".into())? + "\n"
        }
    };
    match &args.output {
        Some(file) => write_text(&dir.join(file), &text)?,
        None => out.text(&text),
    }
    for (file, old, new) in backlogs {
        if old != new {
            write_text(&file, &new)?;
        }
    }
    warn_of_missing(&sample.candidates, &results, out);
    Ok(ExitCode::from(ACCEPTED))
}

fn warn_of_missing(
    candidates: &[crate::audit::sample::Release],
    results: &Results,
    out: &mut Output,
) {
    let known = results.by_release();
    let missing = candidates
        .iter()
        .filter(|release| release.drawn)
        .filter(|release| !known.contains_key(&(release.repository.as_str(), release.tag.as_str())))
        .count();
    if missing > 0 {
        out.note(&format!("warning: {missing} releases have not been replayed; refgate audit run goes on with them"));
    }
}

/// Reads the ledgers that are named; none if none is.
fn told(dir: &Path, args: &Args, out: &mut Output) -> Result<Option<Told>> {
    let mut tracker = Tracker::default();
    let mut any = false;
    for path in &args.ledger {
        out.progress(&format!("reading {}", path.display()));
        let path = dir.join(path);
        let ledger = ledger(&path)?;
        tracker.next_ledger();
        let name = path.display().to_string();
        ledger.follow(|followed| {
            tracker.take(&name, &followed.record);
            Ok(())
        })?;
        any = true;
    }
    #[cfg(feature = "fleet")]
    if let Some(url) = &args.database {
        out.progress("reading the fleet's database");
        let mut last = None;
        crate::ledger::fleet::Fleet::connect(url)?.follow(|source, name, record| {
            if last != Some(source) {
                tracker.next_ledger();
                last = Some(source);
            }
            tracker.take(name, record);
            Ok(())
        })?;
        any = true;
    }
    Ok(any.then(|| tracker.finish()))
}

/// Finds the ledger of a repository, or the one in a directory.
fn ledger(path: &Path) -> Result<Ledger> {
    if path.join("HEAD").is_file() || path.join(".git").is_dir() {
        let layout = install::layout(path)?;
        return Ok(hook::ledger(&layout, &hook::settings(&layout)?));
    }
    let ledger = Ledger::new(path.to_owned(), None);
    if ledger.files()?.is_empty() {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("there is no ledger in {}", path.display()),
        )
        .hint("name a repository of the server, or the directory that holds ledger.jsonl"));
    }
    Ok(ledger)
}
