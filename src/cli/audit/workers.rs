//! `refgate audit run --database`: workers on many machines share the repositories.

use super::args::Run as Args;
use super::run::{Task, replay_task};
use crate::audit::claims::{Claims, Next};
use crate::audit::results::Results;
use crate::cli::output::Output;
use crate::error::Result;

/// How long a worker waits for others before it looks whether one of them has died.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

/// Works until nothing is left that this machine has clones for, and gathers what all workers found.
///
/// # Errors
/// The database does not answer.
pub(super) fn run(
    url: &str,
    digest: &str,
    tasks: Vec<Task>,
    args: &Args,
    results: &mut Results,
    out: &mut Output,
) -> Result<()> {
    let all: Vec<String> = tasks.iter().map(|task| task.repository.clone()).collect();
    let here: Vec<&Task> = tasks.iter().filter(|task| task.path.exists()).collect();
    let mine: Vec<String> = here.iter().map(|task| task.repository.clone()).collect();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let worker = format!("{}:{}", host.trim(), std::process::id());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or(cores).clamp(1, mine.len().max(1));
    // The rows are there before anybody looks for work.
    let mut gathering = Claims::open(url, digest, &all)?;
    out.progress(&format!("replaying {} repositories together with other workers", all.len()));
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            let mut claims = Claims::open(url, digest, &all)?;
            loop {
                let next = claims.work(&mine, &worker, |repository| {
                    let task = here.iter().find(|task| task.repository == repository);
                    task.map(|task| replay_task(task).collect()).unwrap_or_default()
                })?;
                match next {
                    Next::Done => {}
                    Next::Wait => std::thread::sleep(PAUSE),
                    Next::Nothing => return Ok(()),
                }
            }
        };
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| {
            worker.join().unwrap_or_else(|_| {
                let what = "a worker has panicked";
                Err(crate::error::Error::new(crate::error::ErrorKind::Internal, what))
            })
        });
        ended.collect::<Result<Vec<()>>>()
    })?;
    let (replayed, missing) = gathering.results()?;
    replayed.into_iter().for_each(|replayed| results.put(replayed));
    if missing > 0 {
        out.note(&format!("{missing} repositories have no result: no worker had their clones"));
    }
    Ok(())
}
