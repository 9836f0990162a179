//! Measures questions to large ledgers: to a fleet's database, and to the index of one server.
//!
//! ```text
//! benches/ledger.sh [VERDICTS] [LINES]      makes a database of its own and runs both
//! measure-ledger fleet URL VERDICTS SMALL   fills the tables of an empty database; asks when SMALL are in and when all are
//! measure-ledger files DIRECTORY LINES      writes a ledger, builds its index, asks
//! ```
//!
//! Each question is asked for its first page and for a page far down; the time is the best of forty
//! runs of the whole call, as the commands make it. The indexes that the database says it walks are
//! printed beside it, and the blocks that it looks at. Rows come from `generate_series`, so that filling is the database's own work.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "a tool for measuring stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use refgate::ledger::fleet::Fleet;
use refgate::ledger::index::Index;
use refgate::ledger::query::{Cursor, Query};
use refgate::ledger::record::{Answer, Event, Judged, Landed, Record, Update};
use refgate::ledger::{Head, Ledger};
use serde_json::value::RawValue;

/// The first judgement.
const BEGIN: &str = "2024-01-01T00:00:00Z";

/// So many judgements are of a hundred repositories, 5,000 of each, and the next ones of others.
const BLOCK: u64 = 500_000;

/// So many on a page, as `ledger list` has by default.
const PAGE: usize = 50;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| args[at].parse::<u64>().expect("a number");
    match args.first().map(String::as_str) {
        Some("fleet") => fleet(&args[1], number(2), number(3)),
        Some("files") => files(Path::new(&args[1]), number(2)),
        _ => panic!("measure-ledger fleet URL VERDICTS SMALL | files DIRECTORY LINES"),
    }
}

fn fleet(url: &str, verdicts: u64, small: u64) {
    drop(Fleet::connect(url).expect("a database"));
    let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
    let repositories = verdicts.div_ceil(BLOCK) * 100;
    let mut times: Vec<BTreeMap<String, Asked>> = Vec::new();
    // Goes on with what a run before has filled.
    let there: i64 = client.query_one("SELECT count(*) FROM refgate_verdict", &[]).unwrap().get(0);
    let mut filled = there.cast_unsigned();
    for until in [small, verdicts] {
        if filled > until {
            times.push(BTreeMap::new());
            continue;
        }
        let start = Instant::now();
        while filled < until {
            let next = (filled + BLOCK).min(until);
            fill(&mut client, filled, next, repositories);
            filled = next;
        }
        client.batch_execute("VACUUM ANALYZE").unwrap();
        client.batch_execute("CHECKPOINT").unwrap();
        let size: String = client
            .query_one("SELECT pg_size_pretty(pg_database_size(current_database()))", &[])
            .unwrap()
            .get(0);
        println!("{until} verdicts: {size}, filled in {:.0} s", start.elapsed().as_secs_f64());
        times.push(ask_fleet(url, until, repositories));
        follow_some(url);
    }
    println!(
        "{:<50} {:>8} {:>8} {:>6} {:>7} {:>7}  index",
        "question", "small ms", "large ms", "ratio", "blocks", "blocks"
    );
    for (name, large) in &times[1] {
        let nothing = Asked::default();
        let small = times[0].get(name).unwrap_or(&nothing);
        let ratio = large.time.as_secs_f64() / small.time.as_secs_f64();
        println!(
            "{name:<50} {:>8.2} {:>8.2} {ratio:>6.2} {:>7} {:>7}  {}",
            ms(small.time),
            ms(large.time),
            small.blocks,
            large.blocks,
            large.indexes
        );
    }
}

/// Enters judgements as `ship` would, a ledger's lines beside each other: one in ten is refused, one in 100,000 by a rare code; of
/// the accepted ones one in 20,000 never landed.
fn fill(client: &mut postgres::Client, from: u64, until: u64, repositories: u64) {
    let sql = format!(
        "INSERT INTO refgate_source (id, origin, repository, shipped_from, shipped_at, count, digest, first, file_offset, place)
            SELECT r, 'sha256:' || r, 'git.example.org/team-' || r % 40 || '/repository-' || r, 'bench', now(), 0, '', 0, 0, 0
            FROM generate_series(1, {repositories}) r ON CONFLICT DO NOTHING;
         CREATE TEMPORARY TABLE new AS SELECT
            n, n / {BLOCK} * 100 + n % 100 + 1 AS source, n % {BLOCK} / 100 * 2 AS number,
            TIMESTAMPTZ '{BEGIN}' + n * INTERVAL '9 seconds' AS time,
            to_hex(n % 65536) || '-' || to_hex(n / 65536) AS id,
            CASE WHEN n % 100003 = 7 THEN 'cannot-judge' WHEN n % 10 = 3 THEN 'refused' ELSE 'accepted' END AS answer,
            CASE WHEN n % 10 = 3 OR n % 100003 = 7 OR n % 20000 = 11 THEN NULL ELSE n % {BLOCK} / 100 * 2 + 1 END AS landed,
            CASE WHEN n % 4 = 0 THEN 'refs/notes/refgate/evidence' WHEN n % 50021 = 1 THEN 'refs/heads/release/1' ELSE 'refs/heads/main' END AS ref,
            CASE WHEN n % 100000 = 3 THEN 'checklist-tag-signer'
                 WHEN n % 10 = 3 THEN (ARRAY['review-approval-missing', 'scan-evidence-missing', 'tests-evidence-missing', 'scan-finding-open'])[n / 10 % 4 + 1] END AS code
            FROM generate_series({from}::BIGINT, {until}::BIGINT - 1) n;
         INSERT INTO refgate_record SELECT source, number,
            '{{\"version\":1,\"number\":' || number || ',\"previous\":\"sha256:' || md5(n::TEXT) || md5(id) || '\",\"time\":\"' || to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
            || '\",\"event\":{{\"judged\":{{\"id\":\"' || id || '\",\"answer\":\"' || answer || '\",\"refgate\":\"0.1.0\",\"updates\":[{{\"ref\":\"' || ref || '\",\"old\":\"' || md5((n - {repositories})::TEXT) || '00000000\",\"new\":\"' || md5(n::TEXT) || '00000000\"}}],\"codes\":[],'
            || '\"verdict\":{{\"version\":1,\"repository\":\"r\",\"refs\":[{{\"ref\":\"' || ref || '\",\"gates\":[{{\"gate\":\"scan\",\"passed\":true}},{{\"gate\":\"review\",\"passed\":true}}]}}]}}}}}}}}' FROM new ORDER BY source, number;
         INSERT INTO refgate_record SELECT source, landed,
            '{{\"version\":1,\"number\":' || landed || ',\"previous\":\"sha256:' || md5(id) || md5(n::TEXT) || '\",\"time\":\"' || to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
            || '\",\"event\":{{\"landed\":{{\"id\":\"' || id || '\",\"judged\":' || number || ',\"refs\":[{{\"ref\":\"' || ref || '\",\"old\":null,\"new\":\"' || md5(n::TEXT) || '00000000\"}}],\"absent\":[]}}}}}}' FROM new WHERE landed IS NOT NULL ORDER BY source, number;
         INSERT INTO refgate_verdict SELECT source, number, time, id, answer, landed, ARRAY[ref], CASE WHEN code IS NULL THEN '{{}}' ELSE ARRAY[code] END FROM new ORDER BY source, number;
         INSERT INTO refgate_ref SELECT ref, time, source, number, answer FROM new;
         INSERT INTO refgate_code SELECT code, time, source, number, answer FROM new WHERE code IS NOT NULL;
         DROP TABLE new;"
    );
    client.batch_execute(&sql).unwrap();
}

/// What is asked; each question is asked for its first page and for one far down.
fn questions(
    one_repository: Option<String>,
    middle: refgate::clock::Timestamp,
) -> Vec<(&'static str, Query)> {
    let day = jiff::SignedDuration::from_hours(24);
    let all = Query { limit: Some(PAGE), ..Query::default() };
    let code = |code: &str| Query { code: Some(code.into()), ..all.clone() };
    let name = |name: &str| Query { r#ref: Some(name.into()), ..all.clone() };
    let answer = |answer| Query { answer: Some(answer), ..all.clone() };
    let of_one = Query { repository: one_repository.clone(), ..all.clone() };
    let mut asked = vec![
        ("all", all.clone()),
        ("--verdict refused", answer(Answer::Refused)),
        ("--verdict cannot-judge", answer(Answer::CannotJudge)),
        ("--verdict would-refuse (none)", answer(Answer::WouldRefuse)),
        ("--code review-approval-missing", code("review-approval-missing")),
        ("--code checklist-tag-signer", code("checklist-tag-signer")),
        ("--ref refs/heads/main", name("refs/heads/main")),
        ("--ref refs/heads/release/1", name("refs/heads/release/1")),
        (
            "--ref main --verdict refused",
            Query { answer: Some(Answer::Refused), ..name("refs/heads/main") },
        ),
        (
            "--ref main --verdict cannot-judge",
            Query { answer: Some(Answer::CannotJudge), ..name("refs/heads/main") },
        ),
        (
            "--code review-approval-missing --ref release/1",
            Query { code: Some("review-approval-missing".into()), ..name("refs/heads/release/1") },
        ),
        ("--unlanded", Query { only_unlanded: true, ..all.clone() }),
        (
            "--since --until, a day",
            Query { since: Some(middle), until: Some(middle + day), ..all.clone() },
        ),
        (
            "--since --until --verdict refused",
            Query { since: Some(middle), until: Some(middle + day), ..answer(Answer::Refused) },
        ),
    ];
    if one_repository.is_some() {
        asked.extend([
            ("--repository R", of_one.clone()),
            (
                "--repository R --verdict refused",
                Query { answer: Some(Answer::Refused), ..of_one.clone() },
            ),
            (
                "--repository R --code checklist-tag-signer",
                Query { code: Some("checklist-tag-signer".into()), ..of_one.clone() },
            ),
            (
                "--repository R --ref main",
                Query { r#ref: Some("refs/heads/main".into()), ..of_one },
            ),
        ]);
    }
    asked
}

fn ask_fleet(url: &str, verdicts: u64, repositories: u64) -> BTreeMap<String, Asked> {
    let mut fleet = Fleet::connect(url).unwrap();
    let begin: refgate::clock::Timestamp = BEGIN.parse().unwrap();
    let at = |n: u64| begin + jiff::SignedDuration::from_secs((n * 9).cast_signed());
    let repository = "git.example.org/team-7/repository-7".to_owned();
    assert!(repositories > 7, "too few verdicts");
    let mut found = BTreeMap::new();
    for (name, query) in questions(Some(repository), at(verdicts / 2)) {
        // Far down: all but a hundredth lies above it.
        let far = Cursor { time: Some(at(verdicts / 100)), source: Some(0), number: 0 };
        let below = if query.since.is_some() {
            at(verdicts / 2) + jiff::SignedDuration::from_hours(1)
        } else {
            at(verdicts / 100)
        };
        let far = Query { before: Some(Cursor { time: Some(below), ..far }), ..query.clone() };
        for (page, query) in [("first", query), ("far", far)] {
            let time = best(|| drop(fleet.list(&query).unwrap()));
            let plan = fleet.plan(&query).unwrap();
            let (indexes, blocks) = (walked(&plan), blocks(&plan));
            found.insert(format!("{name}, {page}"), Asked { time, indexes, blocks });
        }
    }
    let entries = fleet.list(&Query { limit: Some(5000), ..Query::default() }).unwrap();
    let id = entries[0].id.clone().unwrap();
    let shown = best(|| drop(fleet.lines(&id).unwrap()));
    found.insert("show".into(), Asked { time: shown, ..Asked::default() });
    let exported = best(|| drop(fleet.lines_of(&entries).unwrap()));
    found.insert("export, lines of 5000".into(), Asked { time: exported, ..Asked::default() });
    found
}

/// How fast `audit report` reads whole ledgers: the first of them, for ten seconds.
fn follow_some(url: &str) {
    let (mut read, start) = (0_u64, Instant::now());
    let stopped = Fleet::connect(url).unwrap().follow(|_, _, _: &Record| {
        read += 1;
        if start.elapsed() > Duration::from_secs(10) {
            return Err(refgate::error::Error::new(refgate::error::ErrorKind::Internal, "enough"));
        }
        Ok(())
    });
    let rate = read as f64 / start.elapsed().as_secs_f64();
    let all = if stopped.is_ok() { ", all there are" } else { "" };
    println!("read for continuity: {rate:.0} records a second{all}");
}

/// How a question was answered.
#[derive(Default)]
struct Asked {
    time: Duration,
    indexes: String,
    blocks: u64,
}

/// How many blocks of 8 KiB the database has looked at; unlike the time, other programs do not change that.
fn blocks(plan: &[String]) -> u64 {
    let line = plan.iter().find_map(|line| line.trim().strip_prefix("Buffers: shared "));
    let counts = line.into_iter().flat_map(|counts| counts.split(' '));
    counts
        .filter_map(|count| count.strip_prefix("hit=").or(count.strip_prefix("read=")))
        .map(|count| count.parse::<u64>().unwrap())
        .sum()
}

/// The indexes that a plan names, or the tables that it reads as a whole.
fn walked(plan: &[String]) -> String {
    let mut names: Vec<String> = Vec::new();
    for line in plan {
        let name = match (
            line.split_once(" using "),
            line.split_once("Index Scan on "),
            line.split_once("Seq Scan on "),
        ) {
            (Some((_, rest)), _, _) | (_, Some((_, rest)), _) => {
                rest.split(' ').next().unwrap_or_default().to_owned()
            }
            (_, _, Some((_, rest))) => {
                format!("ALL OF {}", rest.split(' ').next().unwrap_or_default())
            }
            _ => continue,
        };
        if !names.contains(&name)
            && name != "refgate_source_pkey"
            && name != "ALL OF refgate_source"
        {
            names.push(name);
        }
    }
    names.join(", ")
}

fn files(directory: &Path, lines: u64) {
    let start = Instant::now();
    let head = write(directory, lines);
    let ledger = Ledger::new(directory.to_owned(), None);
    assert_eq!(ledger.follow(|_| Ok(())).unwrap(), head, "the chain holds");
    println!("{lines} lines, written and followed once in {:.1} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    ledger.follow(|_| Ok(())).unwrap();
    println!("ledger verify: {:.1} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    drop(Index::open(&ledger).unwrap());
    println!("index built: {:.1} s", start.elapsed().as_secs_f64());
    let size = std::fs::metadata(directory.join("index.sqlite")).unwrap().len();
    println!("index: {} MiB", size >> 20);
    println!("index opened again: {:.2} ms", ms(best(|| drop(Index::open(&ledger).unwrap()))));
    let index = Index::open(&ledger).unwrap();
    let begin: refgate::clock::Timestamp = BEGIN.parse().unwrap();
    let middle = begin + jiff::SignedDuration::from_secs((lines / 2 * 9).cast_signed());
    println!("{:<44} {:>9} {:>9}", "question", "first ms", "far ms");
    for (name, query) in questions(None, middle) {
        let far = Cursor {
            time: None,
            source: None,
            number: if query.since.is_some() { lines / 2 + 400 } else { lines / 100 },
        };
        let first = best(|| drop(index.list(&query).unwrap()));
        let far = Query { before: Some(far), ..query };
        let far = best(|| drop(index.list(&far).unwrap()));
        println!("{name:<44} {:>9.2} {:>9.2}", ms(first), ms(far));
    }
    let shown = best(|| drop(index.places("8-1").unwrap()));
    println!("{:<44} {:>9.2}", "show", ms(shown));
}

/// Writes a ledger without syncing each line; the lines are those of the other half, with a verdict of 2 KB.
fn write(directory: &Path, lines: u64) -> Head {
    use std::io::Write as _;
    std::fs::create_dir_all(directory).unwrap();
    let begin: refgate::clock::Timestamp = BEGIN.parse().unwrap();
    let mut head = Head::origin();
    let rotated = 40_000;
    let mut out = None;
    let verdict = format!(
        r#"{{"version":1,"refs":[{{"ref":"refs/heads/main","gates":[{{"gate":"scan","passed":true}}],"violations":[],"x":"{}"}}]}}"#,
        "rests on evidence ".repeat(110)
    );
    for n in 0..lines {
        if n % rotated == 0 {
            let last = n + rotated >= lines;
            let name = if last { "ledger.jsonl".into() } else { format!("ledger-{n:016}.jsonl") };
            out =
                Some(std::io::BufWriter::new(std::fs::File::create(directory.join(name)).unwrap()));
        }
        let m = n / 2;
        let id = format!("{:x}-{:x}", m % 65536, m / 65536);
        let name = match m {
            m if m % 4 == 0 => "refs/notes/refgate/evidence",
            m if m % 50_021 == 1 => "refs/heads/release/1",
            _ => "refs/heads/main",
        };
        let updates =
            vec![Update { r#ref: name.into(), old: None, new: Some(format!("{m:040x}")) }];
        let refused = m % 10 == 3;
        let event = if n % 2 == 1 && !refused && m % 20_000 != 11 {
            Event::Landed(Landed { id, judged: n - 1, refs: updates, absent: vec![] })
        } else {
            let code =
                if m % 100_000 == 3 { "checklist-tag-signer" } else { "review-approval-missing" };
            Event::Judged(Judged {
                id: Some(id),
                answer: match m {
                    m if m % 100_003 == 7 => Answer::CannotJudge,
                    _ if refused => Answer::Refused,
                    _ => Answer::Accepted,
                },
                refgate: "0.1.0".into(),
                pusher: None,
                updates,
                codes: if refused { vec![code.into()] } else { vec![] },
                verdict: RawValue::from_string(verdict.clone()).unwrap(),
            })
        };
        let time = begin + jiff::SignedDuration::from_secs((n * 9).cast_signed());
        let record = Record { version: 1, number: n, previous: head.digest, time, event };
        let line = serde_json::to_vec(&record).unwrap();
        head = head.after(&line);
        let out = out.as_mut().unwrap();
        out.write_all(&line).unwrap();
        out.write_all(b"\n").unwrap();
    }
    head
}

fn best(mut run: impl FnMut()) -> Duration {
    let timed = (0..40).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed()
    });
    timed.min().unwrap()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
