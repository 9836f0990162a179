//! `refgate audit run`: replays the drawn releases, several repositories at a time.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError, mpsc};

use super::args::Run as Args;
use crate::audit::archive::objects;
use crate::audit::clone::Clone;
use crate::audit::replay::replay;
use crate::audit::results::{self, Answer, Replayed, Results};
use crate::audit::sample::{Release, Sample};
use crate::cli::output::Output;
use crate::cli::{ACCEPTED, CANNOT_JUDGE, REFUSED};
use crate::error::{Error, ErrorKind, Result};
use crate::report::text::Foreign;

/// Reads a sample.
///
/// # Errors
/// There is none, or it is of another version.
pub(super) fn read_sample(path: &Path) -> Result<(Sample, String)> {
    let read: Option<(Sample, String)> = results::read(path)?;
    let (sample, digest) = read.ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("there is no sample {}", path.display()))
            .hint("draw one: refgate audit sample --quarter 2026-Q4 CLONE ...")
    })?;
    if sample.version != crate::audit::sample::VERSION {
        let what = format!("version {} of a sample is not known", sample.version);
        return Err(Error::new(ErrorKind::Usage, what));
    }
    Ok((sample, digest))
}

/// Returns the file that holds the results of a sample.
pub(super) fn results_file(sample: &Path, named: Option<&PathBuf>, dir: &Path) -> PathBuf {
    match named {
        Some(file) => dir.join(file),
        None => sample.with_extension("results.json"),
    }
}

/// Reads the results so far.
///
/// # Errors
/// They cannot be read, or are those of another sample.
pub(super) fn read_results(file: &Path, digest: &str) -> Result<Results> {
    let read: Option<(Results, String)> = results::read(file)?;
    match read {
        None => Ok(Results::none(digest)),
        Some((results, _)) if results.sample == digest => Ok(results),
        Some(_) => Err(results::of_another_sample(file)),
    }
}

/// All drawn releases of one repository.
pub(super) struct Task {
    /// The repository's name.
    pub(super) repository: String,
    /// Where its clone is.
    pub(super) path: PathBuf,
    /// The releases.
    pub(super) releases: Vec<Release>,
}

/// Replays what has no result yet.
///
/// # Errors
/// The sample or the results cannot be read or written.
pub(super) fn run(dir: &Path, args: &Args, out: &mut Output) -> Result<ExitCode> {
    let path = dir.join(&args.sample);
    let (sample, digest) = read_sample(&path)?;
    let file = results_file(&path, args.results.as_ref(), dir);
    let mut results = read_results(&file, &digest)?;
    #[cfg(feature = "fleet")]
    if let Some(url) = &args.database {
        super::workers::run(
            url,
            &digest,
            tasks(&sample, args, dir, &Results::none(&digest)),
            args,
            &mut results,
            out,
        )?;
        results::write(&file, &results)?;
        return Ok(summary(&sample, &results, out));
    }
    let tasks = tasks(&sample, args, dir, &results);
    let total: usize = tasks.iter().map(|task| task.releases.len()).sum();
    let skipped = sample.candidates.iter().filter(|release| release.drawn).count() - total;
    if skipped > 0 {
        out.note(&format!("{skipped} releases have a result already ({})", file.display()));
    }
    let mut done = 0;
    in_parallel(tasks, args.jobs, |replayed| {
        done += 1;
        out.progress(&format!("replayed {done} of {total} releases"));
        results.put(replayed);
        // After each release, so that whoever ends this run loses one release at most.
        results::write(&file, &results)
    })?;
    results::write(&file, &results)?;
    Ok(summary(&sample, &results, out))
}

/// Returns the work by repository, without what has a result.
fn tasks(sample: &Sample, args: &Args, dir: &Path, results: &Results) -> Vec<Task> {
    let known = results.by_release();
    let mut by_repository: BTreeMap<&str, Task> = BTreeMap::new();
    for release in sample.candidates.iter().filter(|release| release.drawn) {
        let result = known.get(&(release.repository.as_str(), release.tag.as_str()));
        // What could not be replayed is tried again.
        if result.is_some_and(|result| result.failed.is_none()) {
            continue;
        }
        let task = by_repository.entry(&release.repository).or_insert_with(|| Task {
            repository: release.repository.clone(),
            path: clone_of(release, args.clones.as_deref(), dir),
            releases: Vec::new(),
        });
        task.releases.push(release.clone());
    }
    by_repository.into_values().collect()
}

/// Returns where the clone of a release's repository is.
pub(super) fn clone_of(release: &Release, clones: Option<&Path>, dir: &Path) -> PathBuf {
    let Some(clones) = clones else { return PathBuf::from(&release.path) };
    let name = Path::new(&release.repository);
    // A name is no path: it must not lead out of the directory.
    let inside = name.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let clones = dir.join(clones);
    let bare = clones.join(format!("{}.git", release.repository));
    match inside {
        true if bare.exists() => bare,
        true => clones.join(name),
        false => clones.join("no-such-clone"),
    }
}

/// Replays tasks on several threads; hands each result to the caller's thread.
fn in_parallel(
    tasks: Vec<Task>,
    jobs: Option<usize>,
    mut done: impl FnMut(Replayed) -> Result<()>,
) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = jobs.unwrap_or(cores).clamp(1, tasks.len().max(1));
    let queue = Mutex::new(VecDeque::from(tasks));
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (queue, send) = (&queue, send.clone());
            scope.spawn(move || {
                loop {
                    let task = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(task) = task else { break };
                    for replayed in replay_task(&task) {
                        if send.send(replayed).is_err() {
                            return;
                        }
                    }
                }
            });
        }
        drop(send);
        let mut result = Ok(());
        for replayed in &receive {
            result = done(replayed);
            if result.is_err() {
                break;
            }
        }
        // Workers that are told that nobody listens stop at their next release.
        drop(receive);
        result
    })
}

/// Replays the releases of one repository, one after the other.
pub(super) fn replay_task(task: &Task) -> impl Iterator<Item = Replayed> {
    let opened = Clone::open(&task.path, crate::clock::now());
    task.releases.iter().map(move |release| {
        let replayed = match &opened {
            Ok(clone) => replay(clone, &|| objects(&task.path), release),
            Err(error) => return Replayed::failed(release, text(error)),
        };
        replayed.unwrap_or_else(|error| Replayed::failed(release, text(&error)))
    })
}

/// Returns an error with the places that cause it.
fn text(error: &Error) -> String {
    let places = error.diagnostics().iter().map(|diagnostic| format!("; {diagnostic}"));
    error.to_string() + &places.collect::<String>()
}

/// Shows how each release came out.
fn summary(sample: &Sample, results: &Results, out: &mut Output) -> ExitCode {
    let known = results.by_release();
    let mut worst = ACCEPTED;
    for release in sample.candidates.iter().filter(|release| release.drawn) {
        let shown = |text: &str| Foreign::from(text).shown(120);
        let name = format!("{}  {}", shown(&release.repository), shown(&release.tag));
        let Some(result) = known.get(&(release.repository.as_str(), release.tag.as_str())) else {
            worst = CANNOT_JUDGE;
            out.line(&format!("not replayed  {name}"));
            continue;
        };
        let checks = result.checks.len();
        match (result.answer(), &result.failed) {
            (Answer::Accepted, _) => {
                out.line(&format!("accepted      {name}  {checks} judgements"))
            }
            (Answer::Refused, _) => {
                worst = worst.max(REFUSED);
                out.line(&format!("refused       {name}  {checks} judgements"));
            }
            (Answer::CannotJudge, why) => {
                worst = CANNOT_JUDGE;
                out.line(&format!("cannot judge  {name}"));
                if let Some(why) = why {
                    out.note(&format!("error: {}", shown_long(why)));
                }
            }
        }
        for check in result.checks.iter().filter(|check| check.answer != Answer::Accepted) {
            let new: String = check.new.chars().take(12).collect();
            for wrong in &check.wrong {
                let title = shown_long(&wrong.title);
                out.line(&format!("    {} {new}: {}: {title}", check.r#ref, wrong.code));
            }
        }
    }
    ExitCode::from(worst)
}

fn shown_long(text: &str) -> String {
    Foreign::from(text).shown(400)
}
