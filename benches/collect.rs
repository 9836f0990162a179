//! Measures how fast evidence is collected: notes looked up, read, taken apart and verified.
//!
//! ```text
//! cargo run --release --example collect-evidence -- SERVER.git FROM TO [THREADS]...
//! ```
//!
//! Reads the evidence of FROM..TO as the hook of SERVER.git would, with policy and keys as of
//! FROM, once for each number of threads, and prints time, throughput and the peak of memory.
//! `generate-repository` makes such a server; give it `--extra 10000`, push the notes, and fetch the commits into it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool for measuring stops at the first surprise"
)]

use std::path::PathBuf;
use std::time::Instant;

use refgate::clock::{Deadline, now};
use refgate::collect::Scene;
use refgate::collect::evidence::EvidenceReader;
use refgate::collect::notes_ref::{Notes, NotesRef, NotesTips, read_note};
use refgate::gate::scan;
use refgate::id::{CommitId, parse_hex};
use refgate::limits::Limits;
use refgate::refname::RefName;
use refgate::repo::layout::Layout;
use refgate::repo::objects::{Incoming, Trusted};
use refgate::repo::range::Collect;
use refgate::repo::refs::Refs;
use refgate::snapshot::{Ask, Rules};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let commit = |hex: &str| CommitId(parse_hex(hex.as_bytes()).expect("a commit id"));
    let (from, to) = (commit(&args[1]), commit(&args[2]));
    let threads: Vec<usize> = args[3..].iter().map(|n| n.parse().expect("a number")).collect();
    let layout = Layout::open(&PathBuf::from(&args[0])).unwrap();
    let trusted = Trusted::open(&layout.objects_dir(), layout.hash).unwrap();
    let limits = Limits { time_ms: 600_000, ..Limits::default() };
    let trust_ref = RefName::parse(b"refs/heads/main").unwrap();
    let ask = Ask { trust_ref: &trust_ref, repository: None, limits: &limits, now: now() };
    let snapshot = Rules::read(&trusted, from, &ask).unwrap().complete(&trusted, &ask).unwrap();
    let refs = Refs::new(&layout);
    let mut tips = NotesTips::default();
    for notes in NotesRef::ALL {
        let (_, id) = refs.resolve(&notes.name()).unwrap();
        tips.0.extend(id.map(|id| (notes, CommitId(id))));
    }
    for threads in threads {
        let incoming = Incoming::open(None, &trusted).unwrap();
        let deadline = Deadline::after_ms(limits.time_ms);
        let scene = Scene {
            incoming: &incoming,
            trusted: &trusted,
            policy: &snapshot.policy,
            keys: &snapshot.keys,
            limits: &limits,
            deadline: &deadline,
            now: ask.now,
            anchor: None,
            pusher: None,
        };
        let collect = Collect {
            incoming: &incoming,
            trusted: &trusted,
            limits: &limits,
            deadline: &deadline,
        };
        let range = collect.range(to, Some(from), || Ok(Vec::new())).expect("a range");
        let start = Instant::now();
        let notes = Notes::open(&incoming, &tips, NotesRef::Evidence, &limits).expect("notes");
        let mut bytes = 0;
        for commit in range.commits.values() {
            for annotated in [commit.id.0, commit.tree.0] {
                if let Some(blob) = notes.find(&incoming, &annotated, &limits).expect("a note") {
                    bytes += read_note(&incoming, blob, &limits).ok().expect("a note").len();
                }
            }
        }
        println!("{bytes} bytes of notes read alone in {:.2?}", start.elapsed());
        let start = Instant::now();
        let commits = range.order.iter().filter_map(|id| range.commits.get(id));
        let reader = EvidenceReader::open(&scene, &tips).expect("notes").on_threads(threads);
        let found = reader.of_commits(commits).expect("evidence");
        let read = start.elapsed();
        let outcome = scan::evaluate(&snapshot.policy, &found, ask.now);
        let judged = start.elapsed() - read;
        let items: usize = found.iter().map(|evidence| evidence.items.len()).sum();
        println!(
            "{threads} threads: {} commits, {items} items in {read:.2?}, judged in {judged:.2?}, {} violations, peak {}",
            found.len(),
            outcome.violations.len(),
            peak()
        );
    }
}

fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.trim_start_matches("VmHWM:").trim().to_owned()
}
