//! `refgate audit report`: what the audit has found.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use super::args::{Report as Args, ReportFormat};
use super::run::{clone_of, read_results, read_sample, results_file};
use crate::audit::clone::Clone;
use crate::audit::continuity::{Told, Tracker};
use crate::audit::exceptions::{self, Exceptions};
use crate::audit::findings::{Findings, Form};
use crate::audit::quarter::Quarter;
use crate::audit::report::{Report, document, page};
use crate::audit::results::{Results, write_text};
use crate::audit::sample::{Release, Sample};
use crate::cli::output::Output;
use crate::cli::{ACCEPTED, hook, install};
use crate::clock::Timestamp;
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
    let now = crate::clock::now();
    let quarter = Quarter::parse(&sample.quarter).ok_or_else(|| {
        let what = format!("the quarter of the sample, {:?}, is none", sample.quarter);
        Error::new(ErrorKind::Usage, what)
    })?;
    let told = told(dir, args, quarter, out)?;
    let exceptions = exceptions(dir, args, &sample, now, out);
    let nothing = Told::default();
    let ledgers = told.as_ref().unwrap_or(&nothing);
    let findings = Findings::of(&sample.quarter, &results, ledgers, &exceptions.all);
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
    let unread = exceptions.unread.len();
    let report = Report::new(&sample, &results, &findings, exceptions, told, now);
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
    if unread > 0 {
        out.note(&format!("warning: the exceptions are not complete, {unread} could not be read; the report says which"));
    }
    Ok(ExitCode::from(ACCEPTED))
}

fn warn_of_missing(candidates: &[Release], results: &Results, out: &mut Output) {
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

/// Reads the exceptions of every repository that the sample was drawn from.
fn exceptions(
    dir: &Path,
    args: &Args,
    sample: &Sample,
    now: Timestamp,
    out: &mut Output,
) -> Exceptions {
    let by_repository: BTreeMap<&str, &Release> =
        sample.candidates.iter().map(|release| (release.repository.as_str(), release)).collect();
    let mut all = Exceptions::default();
    for (repository, release) in by_repository {
        out.progress(&format!("reading the exceptions of {repository}"));
        let path = clone_of(release, args.clones.as_deref(), dir);
        let read = Clone::open(&path, now).and_then(|clone| {
            if clone.repository() != repository {
                let what = format!("{} is {}", path.display(), clone.repository());
                return Err(Error::new(ErrorKind::Usage, what));
            }
            exceptions::read(&clone)
        });
        all.add(repository, read);
    }
    all.finish()
}

/// Reads the ledgers that are named, for a quarter; none if none is.
fn told(dir: &Path, args: &Args, quarter: Quarter, out: &mut Output) -> Result<Option<Told>> {
    let (from, until) = quarter.bounds();
    let mut tracker = Tracker::within(from, until);
    let mut any = false;
    for (at, path) in (0..).zip(&args.ledger) {
        out.progress(&format!("reading {}", path.display()));
        let path = dir.join(path);
        let ledger = ledger(&path)?;
        let name = path.display().to_string();
        ledger.follow(|followed| tracker.take(at, &name, &followed.record))?;
        any = true;
    }
    #[cfg(feature = "fleet")]
    if let Some(url) = &args.database {
        let mut read = 0_u64;
        let behind_files = args.ledger.len() as u64;
        crate::ledger::fleet::Fleet::connect(url)?.follow(|source, name, record| {
            if read.is_multiple_of(100_000) {
                out.progress(&format!("read {read} records of the fleet's database"));
            }
            read += 1;
            tracker.take(behind_files + source.cast_unsigned(), name, record)
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
