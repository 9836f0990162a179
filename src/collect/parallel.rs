//! Work on as many threads as pay, with the same result on any number of them.
//!
//! Object stores belong to one thread, so everything is read here, one thing after the
//! other; what is done with the bytes (inflated text to facts: JSON, signatures) goes
//! to the threads. How much is on its way at a time is bounded, whatever there is in all.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};

use super::Stop;
use crate::error::{Error, ErrorKind};

/// Below so many items of together so many bytes, starting threads costs more than it saves.
const ALONE_ITEMS: usize = 32;
const ALONE_BYTES: usize = 1 << 20;

/// A thread takes up to so many items of together so many bytes at once; one large item goes alone.
const BATCH_ITEMS: usize = 16;
const BATCH_BYTES: usize = 256 << 10;

/// The most threads: a server has other things to do as well.
const MAX_THREADS: usize = 8;

/// Returns how many threads this machine runs at once, within reason.
///
/// Asks the system, through several files, so it is called only where there is much to do.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_THREADS)
}

/// Something that work is done on.
pub(super) trait Weight {
    /// Returns roughly how many bytes it takes.
    fn bytes(&self) -> usize;
}

/// Numbered items.
type Batch<T> = Vec<(usize, T)>;

/// Reads each item on this thread and works on it on any; the results are in the order of the items.
///
/// Without a number of threads it takes as many as the machine runs at once.
///
/// # Errors
/// The first item that cannot be read.
pub(super) fn map<I, J: Weight + Send, R: Send>(
    threads: Option<usize>,
    items: impl IntoIterator<Item = I>,
    read: impl FnMut(I) -> Result<J, Stop>,
    work: impl Fn(J) -> R + Sync,
) -> Result<Vec<R>, Stop> {
    let mut items = items.into_iter().map(read).enumerate();
    let mut first = Vec::new();
    let mut bytes = 0;
    let mut is_all = true;
    for (at, job) in items.by_ref() {
        let job = job?;
        bytes += job.bytes();
        first.push((at, job));
        if first.len() >= ALONE_ITEMS || bytes >= ALONE_BYTES {
            is_all = false;
            break;
        }
    }
    let threads = if is_all { 1 } else { threads.unwrap_or_else(self::threads) };
    if threads <= 1 {
        let rest = items.map(|(_, job)| Ok::<R, Stop>(work(job?)));
        let mut done: Vec<R> = first.into_iter().map(|(_, job)| work(job)).collect();
        for result in rest {
            done.push(result?);
        }
        return Ok(done);
    }
    let (sender, receiver) = sync_channel::<Batch<J>>(threads);
    let receiver = Mutex::new(receiver);
    let mut done = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| work_off(&receiver, &work))).collect();
        // The sender goes with this closure, which is what lets the threads come to an end.
        let feed = move || -> Result<(), Stop> {
            let mut batch: Batch<J> = first;
            let mut bytes = bytes;
            for (at, job) in items {
                if batch.len() >= BATCH_ITEMS || bytes >= BATCH_BYTES {
                    bytes = 0;
                    if sender.send(std::mem::take(&mut batch)).is_err() {
                        return Ok(());
                    }
                }
                let job = job?;
                bytes += job.bytes();
                batch.push((at, job));
            }
            // Nobody takes it only if all threads have ended, which is noticed below.
            sender.send(batch).or(Ok(()))
        };
        let fed = feed();
        let mut done = Vec::new();
        for worker in workers {
            done.extend(worker.join().map_err(|_| {
                Error::new(ErrorKind::Internal, "a thread that reads evidence ended too early")
            })?);
        }
        fed.map(|()| done)
    })?;
    done.sort_unstable_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

fn work_off<J, R>(receiver: &Mutex<Receiver<Batch<J>>>, work: &impl Fn(J) -> R) -> Batch<R> {
    let next = || receiver.lock().ok()?.recv().ok();
    let batches = std::iter::from_fn(next);
    batches.flatten().map(|(at, job)| (at, work(job))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weight for usize {
        fn bytes(&self) -> usize {
            *self
        }
    }

    #[test]
    fn results_are_in_order_on_any_number_of_threads() {
        for count in [0, 1, 5, ALONE_ITEMS, 1_000] {
            for weight in [1, BATCH_BYTES / 3, ALONE_BYTES] {
                for threads in [1, 2, 8] {
                    let read = |_: usize| Ok(weight);
                    let at = std::sync::atomic::AtomicUsize::new(0);
                    let counted = |weight| {
                        at.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        weight
                    };
                    let done = map(Some(threads), 0..count, read, counted).expect("no error");
                    assert_eq!(done, vec![weight; count]);
                    assert_eq!(at.into_inner(), count);
                    let numbers =
                        map(Some(threads), 0..count, Ok, |number| number).expect("no error");
                    assert_eq!(numbers, (0..count).collect::<Vec<_>>());
                }
            }
        }
    }

    #[test]
    fn the_first_item_that_cannot_be_read_stops_it() {
        for (bad, threads) in [(3, 1), (3, 2), (500, 1), (500, 2)] {
            let read = |at| match at == bad || at == bad + 7 {
                true => Err(Error::new(ErrorKind::Repository, format!("item {at}")).into()),
                false => Ok(at),
            };
            match map(Some(threads), 0..1_000_usize, read, |at| at) {
                Err(Stop::Error(error)) => assert_eq!(error.chain(), [format!("item {bad}")]),
                other => panic!("{other:?}"),
            }
        }
    }
}
