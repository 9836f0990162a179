//! The files of a ledger: appended under a lock, synced, rotated, read.
//!
//! `ledger.jsonl` is the file that lines are appended to. When it has grown it is renamed to
//! `ledger-<number of its first line>.jsonl`, and the chain goes on in a new one. A
//! lock on `ledger.lock` keeps hooks that run at the same time apart; it
//! goes with the process that holds it, so that a killed hook blocks nobody.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;

use super::chain::{Break, Head, Verifier};
use super::record::{Event, Record, VERSION};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};

/// The file that lines are appended to.
const CURRENT: &str = "ledger.jsonl";

/// Files that were rotated are called so, with the number of their first line between these.
const ROTATED: (&str, &str) = ("ledger-", ".jsonl");

/// The file that is locked.
const LOCK: &str = "ledger.lock";

/// When a file has grown to this size the next line begins a new one, unless the settings say otherwise.
pub const ROTATE_BYTES: u64 = 64 << 20;

/// The longest line. A verdict is cut to its codes long before.
pub const LINE_BYTES: usize = 4 << 20;

/// How far back the end of a file is read at a time.
const STEP_BYTES: usize = 16 << 10;

/// How far the server's clock may stand behind the last record before it is taken for wrong.
const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// A ledger: the directory that holds its files.
#[derive(Clone, Debug)]
pub struct Ledger {
    directory: PathBuf,
    rotate_bytes: u64,
}

/// The end of a file.
struct Tail {
    /// The last whole line.
    line: Option<Vec<u8>>,
    /// Where the whole lines end.
    end: u64,
    /// What stands behind them: a line that was cut short.
    torn: Vec<u8>,
}

impl Ledger {
    /// Returns the ledger in a directory, which need not exist yet.
    #[must_use]
    pub fn new(directory: PathBuf, rotate_bytes: Option<u64>) -> Self {
        Self { directory, rotate_bytes: rotate_bytes.unwrap_or(ROTATE_BYTES) }
    }

    /// Returns the directory of the files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Appends what happened, and returns the new head once the line is on the disk.
    ///
    /// # Errors
    /// The line cannot be written as a whole and synced, the end of the ledger is no
    /// record, or the clock stands behind it. Nothing is left half written.
    pub fn append(&self, now: Timestamp, event: Event) -> Result<Head> {
        self.append_all(now, vec![event])
    }

    fn append_all(&self, now: Timestamp, events: Vec<Event>) -> Result<Head> {
        let step = || format!("recording in {}", self.directory.display());
        let lock = match self.open_lock() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                std::fs::create_dir_all(&self.directory).during(ErrorKind::Environment, step)?;
                self.open_lock()
            }
            opened => opened,
        };
        let lock = lock.during(ErrorKind::Environment, step)?;
        lock.lock().during(ErrorKind::Environment, step)?;
        // The lock is let go when `lock` is closed.
        self.append_locked(now, events).map_err(|error| error.while_(step()))
    }

    fn open_lock(&self) -> std::io::Result<File> {
        OpenOptions::new().create(true).truncate(false).write(true).open(self.directory.join(LOCK))
    }

    fn append_locked(&self, now: Timestamp, mut events: Vec<Event>) -> Result<Head> {
        let path = self.directory.join(CURRENT);
        let io = |step: &str| {
            let what = format!("{step} {}", path.display());
            move || what
        };
        let open = |create| OpenOptions::new().create(create).read(true).append(true).open(&path);
        let mut file = match open(false) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let file = open(true).during(ErrorKind::Environment, io("opening"))?;
                self.sync_directory()?;
                file
            }
            opened => opened.during(ErrorKind::Environment, io("opening"))?,
        };
        let tail = read_tail(&file).during(ErrorKind::Environment, io("reading"))?;
        let last = match &tail.line {
            Some(line) => Some(line.clone()),
            None => self.last_rotated_line()?,
        };
        let (mut head, last_time) = match &last {
            Some(line) => head_of(line)?,
            None => (Head::origin(), None),
        };
        if let Some(last_time) = last_time.filter(|last| now + SKEW < *last) {
            let what = format!("the clock says {now}, but the last record was made at {last_time}");
            return Err(Error::new(ErrorKind::Environment, what)
                .hint("set the server's clock; records must not go back in time"));
        }
        if !tail.torn.is_empty() {
            file.set_len(tail.end).during(ErrorKind::Environment, io("mending"))?;
            let bytes = base64::engine::general_purpose::STANDARD.encode(&tail.torn);
            events.insert(0, Event::Recovered { bytes });
        }
        let mut text = Vec::new();
        for event in events {
            let record = Record {
                version: VERSION,
                number: head.count,
                previous: head.digest,
                time: now,
                event,
            };
            let line = serde_json::to_vec(&record)
                .during(ErrorKind::Internal, || "writing a record as JSON".into())?;
            if line.len() > LINE_BYTES {
                let what = format!("a record of {} bytes is too long", line.len());
                return Err(Error::new(ErrorKind::Internal, what));
            }
            head = head.after(&line);
            text.extend(line);
            text.push(b'\n');
        }
        let written = file.write_all(&text).and_then(|()| file.sync_data());
        if let Err(error) = written {
            // What a full disk has cut short is taken back; a later hook would do it otherwise.
            drop(file.set_len(tail.end));
            return Err(error).during(ErrorKind::Environment, io("writing to"));
        }
        if tail.end + text.len() as u64 >= self.rotate_bytes {
            self.rotate(&path)?;
        }
        Ok(head)
    }

    /// Puts a file aside that has grown; the chain goes on in a new one.
    fn rotate(&self, path: &Path) -> Result<()> {
        let step = || format!("rotating {}", path.display());
        let mut file = File::open(path).during(ErrorKind::Environment, step)?;
        let number = first_number(&mut file).during(ErrorKind::Environment, step)?.unwrap_or(0);
        let rotated = self.directory.join(format!("{}{number:016}{}", ROTATED.0, ROTATED.1));
        if rotated.exists() {
            let what = format!("{} exists already", rotated.display());
            return Err(Error::new(ErrorKind::Environment, what).while_(step()));
        }
        std::fs::rename(path, &rotated).during(ErrorKind::Environment, step)?;
        self.sync_directory()
    }

    fn sync_directory(&self) -> Result<()> {
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .during(ErrorKind::Environment, || format!("syncing {}", self.directory.display()))
    }

    fn last_rotated_line(&self) -> Result<Option<Vec<u8>>> {
        let Some(path) = self.rotated()?.pop() else { return Ok(None) };
        let step = || format!("reading {}", path.display());
        let file = File::open(&path).during(ErrorKind::Environment, step)?;
        Ok(read_tail(&file).during(ErrorKind::Environment, step)?.line)
    }

    /// Returns the files that were rotated, in their order.
    fn rotated(&self) -> Result<Vec<PathBuf>> {
        let step = || format!("listing {}", self.directory.display());
        let mut found = Vec::new();
        let entries = match std::fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(error).during(ErrorKind::Environment, step),
        };
        for entry in entries {
            let entry = entry.during(ErrorKind::Environment, step)?;
            let name = entry.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_prefix(ROTATED.0)?.strip_suffix(ROTATED.1));
            if number.is_some_and(|n| n.len() == 16 && n.bytes().all(|b| b.is_ascii_digit())) {
                found.push(entry.path());
            }
        }
        found.sort();
        Ok(found)
    }

    /// Returns all files in the order of their lines.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = self.rotated()?;
        files.extend(Some(self.directory.join(CURRENT)).filter(|path| path.exists()));
        Ok(files)
    }

    /// Follows the whole chain and hands out each record with its line.
    ///
    /// A line that was cut short at the very end is no break: a hook that died while
    /// it wrote has accepted nothing.
    ///
    /// # Errors
    /// A file cannot be read, the chain is broken, or `each` fails.
    pub fn follow(&self, each: impl FnMut(Followed<'_>) -> Result<()>) -> Result<Head> {
        self.follow_from(&Position::origin(), each)
    }

    /// As [`Ledger::follow`], from a position that was reached before.
    ///
    /// # Errors
    /// As [`Ledger::follow`]; and the ledger is not what it was at that position.
    pub fn follow_from(
        &self,
        start: &Position,
        mut each: impl FnMut(Followed<'_>) -> Result<()>,
    ) -> Result<Head> {
        let mut verifier = Verifier::from(start.head);
        for path in self.files()? {
            let step = || format!("reading {}", path.display());
            let mut file = File::open(&path).during(ErrorKind::Environment, step)?;
            let Some(first) = first_number(&mut file).during(ErrorKind::Environment, step)? else {
                continue;
            };
            let mut position = Position { head: verifier.head(), first, offset: 0, place: 0 };
            if first < start.first {
                continue;
            }
            if first == start.first && start.offset > 0 {
                let last = line_before(&file, start.offset).during(ErrorKind::Environment, step)?;
                if super::LineDigest::of(&last) != start.head.digest {
                    return Err(broken(
                        &path,
                        start.place,
                        &Break::Malformed("it was changed after it was read".into()),
                    ));
                }
                position = start.clone();
            }
            file.seek(SeekFrom::Start(position.offset)).during(ErrorKind::Environment, step)?;
            let mut reader = BufReader::with_capacity(256 << 10, file);
            let mut line = Vec::new();
            loop {
                line.clear();
                let read = (&mut reader)
                    .take(LINE_BYTES as u64 + 1)
                    .read_until(b'\n', &mut line)
                    .during(ErrorKind::Environment, step)?;
                if read == 0 || !line.ends_with(b"\n") && read <= LINE_BYTES {
                    break;
                }
                line.pop();
                position.place += 1;
                let (record, warning) = verifier
                    .next(&line)
                    .map_err(|problem| broken(&path, position.place, &problem))?;
                position.offset += read as u64;
                position.head = verifier.head();
                let position = &position;
                each(Followed { path: &path, position, line: &line, record, warning })?;
            }
        }
        Ok(verifier.head())
    }

    /// Returns the digest of the first line, by which a ledger is known; none if it has no line.
    ///
    /// # Errors
    /// The first file cannot be read.
    pub fn origin(&self) -> Result<Option<super::LineDigest>> {
        let Some(path) = self.files()?.into_iter().next() else { return Ok(None) };
        let step = || format!("reading {}", path.display());
        let mut line = Vec::new();
        let file = File::open(&path).during(ErrorKind::Environment, step)?;
        BufReader::new(file.take(LINE_BYTES as u64 + 1))
            .read_until(b'\n', &mut line)
            .during(ErrorKind::Environment, step)?;
        Ok(line.strip_suffix(b"\n").map(super::LineDigest::of))
    }

    /// Reads one line whose place is known.
    ///
    /// # Errors
    /// The ledger cannot be read, or has no line there.
    pub fn line_at(&self, position: &Position) -> Result<Vec<u8>> {
        for path in self.files()? {
            let step = || format!("reading {}", path.display());
            let mut file = File::open(&path).during(ErrorKind::Environment, step)?;
            if first_number(&mut file).during(ErrorKind::Environment, step)? == Some(position.first)
            {
                return line_before(&file, position.offset).during(ErrorKind::Environment, step);
            }
        }
        Err(Error::new(ErrorKind::Environment, "a file of the ledger is gone"))
    }

    /// Looks at the last `most` lines, newest first: hands out the records of those that
    /// `interesting` picks, until `enough` says so.
    ///
    /// # Errors
    /// A file cannot be read, or a line that was picked is no record.
    pub fn latest(
        &self,
        most: usize,
        interesting: impl Fn(&[u8]) -> bool,
        mut enough: impl FnMut(&Record) -> bool,
    ) -> Result<()> {
        let mut left = most;
        for path in self.files()?.iter().rev() {
            let step = || format!("reading {}", path.display());
            let file = File::open(path).during(ErrorKind::Environment, step)?;
            let end = file.metadata().during(ErrorKind::Environment, step)?.len();
            let mut lines = Backwards::new(&file, end);
            // What a hook that died has left behind the last line.
            drop(lines.next().during(ErrorKind::Environment, step)?);
            while left > 0 {
                let Some(line) = lines.next().during(ErrorKind::Environment, step)? else { break };
                left -= 1;
                if interesting(&line) && enough(&record(&line)?) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// A place between two lines, named so that rotation does not change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// What the next line has to continue.
    pub head: Head,
    /// The number of the first line of the file.
    pub first: u64,
    /// Where the next line begins.
    pub offset: u64,
    /// How many lines of the file come before.
    pub place: u64,
}

impl Position {
    /// The place before the first line.
    #[must_use]
    pub fn origin() -> Self {
        Self { head: Head::origin(), first: 0, offset: 0, place: 0 }
    }
}

/// A record on the way along the chain.
pub struct Followed<'a> {
    /// The file.
    pub path: &'a Path,
    /// The place behind the line.
    pub position: &'a Position,
    /// The line, without its newline.
    pub line: &'a [u8],
    /// What it says.
    pub record: Record,
    /// What is odd about it, though the chain holds.
    pub warning: Option<Break>,
}

fn broken(path: &Path, place: u64, problem: &Break) -> Error {
    let what = format!("{}:{place}: {problem}", path.display());
    Error::new(ErrorKind::Environment, what)
        .while_("the ledger is broken")
        .hint("compare with a copy of the ledger; everything before that line is as it was written")
}

fn record(line: &[u8]) -> Result<Record> {
    serde_json::from_slice(line)
        .during(ErrorKind::Environment, || "the last line of the ledger is no record".into())
        .map_err(|error| error.hint("see where it breaks: refgate ledger verify"))
}

/// Returns the head behind a line, and the line's time.
fn head_of(line: &[u8]) -> Result<(Head, Option<Timestamp>)> {
    let record = record(line)?;
    let before = Head { count: record.number, digest: record.previous };
    Ok((before.after(line), Some(record.time)))
}

/// Returns the number of the first line; none if there is no whole line.
fn first_number(file: &mut File) -> std::io::Result<Option<u64>> {
    file.seek(SeekFrom::Start(0))?;
    let mut line = Vec::new();
    BufReader::new(file.take(LINE_BYTES as u64 + 1)).read_until(b'\n', &mut line)?;
    if !line.ends_with(b"\n") {
        return Ok(None);
    }
    // A first line that is no record is reported where the chain is followed.
    Ok(Some(serde_json::from_slice::<Record>(&line).map_or(0, |record| record.number)))
}

/// Reads the end of a file: its last whole line, and what a crash left behind it.
fn read_tail(file: &File) -> std::io::Result<Tail> {
    let len = file.metadata()?.len();
    let mut lines = Backwards::new(file, len);
    let mut torn = lines.next()?.unwrap_or_default();
    let end = len - torn.len() as u64;
    if torn.len() > LINE_BYTES {
        torn.truncate(LINE_BYTES / 2);
    }
    Ok(Tail { line: lines.next()?, end, torn })
}

/// Reads the line that ends, newline included, at `end`.
fn line_before(file: &File, end: u64) -> std::io::Result<Vec<u8>> {
    Ok(Backwards::new(file, end.saturating_sub(1)).next()?.unwrap_or_default())
}

/// The lines of a file from a place backwards; what has been read is not read again.
struct Backwards<'f> {
    file: &'f File,
    /// Where `rest` begins in the file.
    start: u64,
    /// What has been read and not been handed out.
    rest: Vec<u8>,
    is_over: bool,
}

impl<'f> Backwards<'f> {
    fn new(file: &'f File, end: u64) -> Self {
        Self { file, start: end, rest: Vec::new(), is_over: false }
    }

    /// Returns what stands before what was returned last, or before the end, back to a newline:
    /// at the end of a file that is what is behind its last whole line.
    fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = memchr::memrchr(b'\n', &self.rest) {
                let line = self.rest.split_off(at + 1);
                self.rest.pop();
                return Ok(Some(line));
            }
            if self.start == 0 {
                let is_first = !std::mem::replace(&mut self.is_over, true);
                return Ok(is_first.then(|| std::mem::take(&mut self.rest)));
            }
            self.read_more()?;
        }
    }

    fn read_more(&mut self) -> std::io::Result<()> {
        // Doubled each time, so that a long line is not moved once for each step.
        let step = self.start.min(self.rest.len().max(STEP_BYTES) as u64);
        self.start -= step;
        let step = usize::try_from(step).map_err(std::io::Error::other)?;
        let mut piece = vec![0; step + self.rest.len()];
        let (read, rest) = piece.split_at_mut(step);
        self.file.read_exact_at(read, self.start)?;
        rest.copy_from_slice(&self.rest);
        self.rest = piece;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_168_800 + second).expect("a time")
    }

    fn event(text: &str) -> Event {
        Event::Recovered { bytes: text.into() }
    }

    fn ledger(rotate_bytes: u64) -> (tempfile::TempDir, Ledger) {
        let dir = tempfile::tempdir().expect("a directory");
        let ledger = Ledger::new(dir.path().join("refgate"), Some(rotate_bytes));
        (dir, ledger)
    }

    fn texts(ledger: &Ledger) -> Vec<String> {
        let mut texts = Vec::new();
        let head = ledger.follow(|followed| {
            if let Event::Recovered { bytes } = followed.record.event {
                texts.push(bytes);
            }
            Ok(())
        });
        assert_eq!(head.expect("the chain holds").count, texts.len() as u64);
        texts
    }

    #[test]
    fn lines_are_appended_and_the_chain_goes_on_across_files() {
        let (_dir, ledger) = ledger(1000);
        for n in 0..20 {
            ledger.append(at(n), event(&n.to_string())).expect("recorded");
        }
        let expected: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        assert_eq!(texts(&ledger), expected);
        let files = ledger.files().expect("files");
        assert!(files.len() > 3, "{files:?}");
        let mut newest = Vec::new();
        ledger
            .latest(
                7,
                |_| true,
                |record| {
                    newest.push(record.number);
                    false
                },
            )
            .expect("read");
        assert_eq!(newest, [19, 18, 17, 16, 15, 14, 13]);
    }

    #[test]
    fn lines_are_read_backwards_whatever_their_length() {
        let long = "x".repeat(3 * STEP_BYTES);
        for text in [
            String::new(),
            "torn".into(),
            "\n".into(),
            "a\n".into(),
            "a\nb\ntorn".into(),
            format!("a\n{long}\n\n{long}b\n"),
            format!("{long}\n{}\n", "y".repeat(STEP_BYTES - 1)),
            long.clone(),
            "line\n".repeat(STEP_BYTES),
        ] {
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(text.as_bytes()).expect("written");
            let mut lines = Backwards::new(&file, text.len() as u64);
            for expected in text.rsplit('\n') {
                let line = lines.next().expect("read").expect("a line");
                assert!(line == expected.as_bytes(), "{expected:.20}");
            }
            assert_eq!(lines.next().expect("read"), None);
        }
    }

    #[test]
    fn the_way_goes_on_from_any_place() {
        let (_dir, ledger) = ledger(700);
        for n in 0..9 {
            ledger.append(at(n), event("x")).expect("recorded");
        }
        let mut places = vec![Position::origin()];
        let head = ledger
            .follow(|followed| {
                places.push(followed.position.clone());
                assert_eq!(ledger.line_at(followed.position).expect("the line"), followed.line);
                Ok(())
            })
            .expect("the chain holds");
        for (seen, place) in places.iter().enumerate() {
            let mut rest = 0;
            let end = ledger.follow_from(place, |_| {
                rest += 1;
                Ok(())
            });
            assert_eq!(end.expect("the chain holds"), head);
            assert_eq!(rest, 9 - seen);
        }
    }

    #[test]
    fn a_line_that_was_cut_short_is_put_aside() {
        let (_dir, ledger) = ledger(ROTATE_BYTES);
        ledger.append(at(0), event("one")).expect("recorded");
        let path = ledger.directory().join(CURRENT);
        let mut file = OpenOptions::new().append(true).open(&path).expect("the file");
        file.write_all(b"{\"version\":1,\"numb").expect("written");
        assert_eq!(texts(&ledger), ["one"], "a torn end is no break");
        ledger.append(at(1), event("two")).expect("recorded");
        let torn = base64::engine::general_purpose::STANDARD.encode(b"{\"version\":1,\"numb");
        assert_eq!(texts(&ledger), ["one", &torn, "two"]);
    }

    #[test]
    fn t89_a_clock_far_behind_the_last_record_is_refused() {
        let (_dir, ledger) = ledger(ROTATE_BYTES);
        ledger.append(at(1000), event("one")).expect("recorded");
        ledger.append(at(800), event("two")).expect("some skew is forgiven");
        let error = ledger.append(at(0), event("three")).expect_err("the clock is wrong");
        assert!(error.to_string().contains("the clock says"), "{error}");
    }

    #[test]
    fn an_edited_ledger_is_found_and_takes_no_more_lines_at_its_end() {
        let (_dir, ledger) = ledger(ROTATE_BYTES);
        for n in 0..3 {
            ledger.append(at(n), event("innocent")).expect("recorded");
        }
        let path = ledger.directory().join(CURRENT);
        let text = std::fs::read_to_string(&path).expect("text");
        std::fs::write(&path, text.replacen("innocent", "harmless", 1)).expect("written");
        let error = ledger.follow(|_| Ok(())).expect_err("broken");
        assert!(error.to_string().contains("ledger.jsonl:2: the line continues"), "{error}");
        std::fs::write(&path, format!("{text}nonsense\n")).expect("written");
        let error = ledger.append(at(9), event("x")).expect_err("no record to continue");
        assert!(error.to_string().contains("no record"), "{error}");
    }

    #[test]
    fn hooks_that_run_at_the_same_time_do_not_lose_a_line() {
        let (_dir, ledger) = ledger(4000);
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let ledger = &ledger;
                scope.spawn(move || {
                    for n in 0..25 {
                        ledger.append(at(0), event(&format!("{writer}-{n}"))).expect("recorded");
                    }
                });
            }
        });
        let mut texts = texts(&ledger);
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), 200);
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        std::fs::write(&file, "").expect("written");
        let ledger = Ledger::new(file.join("refgate"), None);
        let error = ledger.append(at(0), event("x")).expect_err("no directory");
        assert!(error.to_string().contains("recording in"), "{error}");
    }
}
