//! Ledgers are drained into a real PostgreSQL, whoever dies on the way.

use std::time::Duration;

use refgate::clock::Timestamp;
use refgate::ledger::record::Event;
use refgate::ledger::{Head, Ledger};
use serde_json::Value;

use crate::support::postgres::Postgres;
use crate::support::world::{Person, Said, World};
use crate::support::{command, run};

fn ship(world: &World, url: &str) -> Said {
    let server = world.server();
    world.refgate(&server, &["ledger", "ship", "--database", url])
}

fn listed(world: &World, url: &str, args: &[&str]) -> Vec<Value> {
    let all = [&["ledger", "list", "--database", url, "--format", "json"], args].concat();
    let said = world.refgate(&world.path("."), &all);
    said.accepted();
    serde_json::from_str(&said.out).expect("JSON")
}

/// A database whose disk is full says so in these words, with its own code, whenever a line is stored.
const FULL: &str = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
    IF NEW.number >= 1500 THEN \
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; \
    END IF; RETURN NEW; END $$; \
    CREATE TRIGGER full_disk BEFORE INSERT ON refgate_record FOR EACH ROW EXECUTE FUNCTION full_disk()";

/// Appends so many lines; what they say does not matter here.
fn fill(ledger: &Ledger, lines: usize) -> Head {
    let mut head = Head::origin();
    for n in 0..lines {
        let time = Timestamp::from_second(1_795_168_800 + i64::try_from(n).expect("small"))
            .expect("a time");
        head = ledger.append(time, Event::Recovered { bytes: "eA==".into() }).expect("recorded");
    }
    head
}

#[test]
fn judgements_of_all_repositories_are_found_in_one_place() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let (one, other) = (
        World::new(),
        World::with(
            "repository = \"git.example.org/other\"\n",
            &crate::support::world::structure(),
        ),
    );
    let dana = one.person("dana");
    dana.propose("retry");
    assert!(!dana.push(&["retry:main"]).ok);
    for world in [&one, &other] {
        ship(world, &url).accepted();
    }
    let again = ship(&one, &url);
    again.accepted();
    assert!(again.out.contains("git.example.org/demo/app: 0 new records"), "{again}");

    let all = listed(&one, &url, &[]);
    let mut repositories: Vec<&str> =
        all.iter().map(|e| e["repository"].as_str().expect("a name")).collect();
    repositories.sort_unstable();
    repositories.dedup();
    assert_eq!(repositories, ["git.example.org/demo/app", "git.example.org/other"]);
    let refused = listed(
        &one,
        &url,
        &["--verdict", "refused", "--code", "review-approval-missing", "--ref", "refs/heads/main"],
    );
    assert_eq!(refused.len(), 1);
    let id = refused[0]["id"].as_str().expect("a number");
    let new = |person: &Person<'_>| {
        person.refgate(&["exception", "new", "--database", &url, "--from-verdict", id])
    };
    let said = new(&dana);
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("in the fleet's database"), "{said}");
    assert!(said.err.contains("no finding of the verdict can be excepted"), "{said}");
    // In a clone of another repository this number means nothing.
    let said = new(&other.person("dana"));
    assert!(said.err.contains("does not stand in the fleet's database"), "{said}");
    assert!(
        listed(&one, &url, &["--repository", "git.example.org/other"])
            .iter()
            .all(|e| e["repository"] == "git.example.org/other")
    );
    // Page by page it is the same list.
    let mut paged = Vec::new();
    let mut before: Option<String> = None;
    loop {
        let mut args = vec!["--limit", "1"];
        if let Some(before) = &before {
            args.extend(["--before", before]);
        }
        let Some(entry) = listed(&one, &url, &args).pop() else { break };
        before = Some(format!(
            "{}/{}/{}",
            entry["time"].as_str().expect("a time"),
            entry["source"],
            entry["number"]
        ));
        paged.push(entry);
    }
    assert_eq!(paged, all);
    let id = refused[0]["id"].as_str().expect("an id");
    let shown = one.refgate(&one.path("."), &["ledger", "show", "--database", &url, id]);
    shown.accepted();
    assert_eq!(
        serde_json::from_str::<Value>(&shown.out).expect("JSON")["event"]["judged"]["id"],
        id
    );
    let exported =
        one.refgate(&one.path("."), &["ledger", "export", "--database", &url, "--format", "csv"]);
    exported.accepted();
    assert_eq!(exported.out.lines().count(), all.len() + 1, "{exported}");
    let verified = one.refgate(&one.path("."), &["ledger", "verify", "--database", &url]);
    verified.accepted();
    assert_eq!(verified.out.matches(": head ").count(), 2, "{verified}");
}

#[test]
fn nothing_is_lost_or_doubled_whoever_dies() {
    let world = World::empty(&[]);
    let postgres = Postgres::start();
    let url = postgres.url();
    let ledger = Ledger::new(world.server().join("refgate"), Some(200_000));
    let head = fill(&ledger, 6000);
    // Each run lives a little longer, now the shipper is killed and now the database.
    for round in 0..14_u64 {
        let mut shipper = world
            .refgate_command()
            .current_dir(world.server())
            .args(["ledger", "ship", "--database", &url])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("started");
        std::thread::sleep(Duration::from_millis(15 + 25 * round));
        if round % 3 == 2 {
            postgres.kill();
            assert!(shipper.wait().is_ok());
            postgres.go();
        } else {
            drop(shipper.kill());
            assert!(shipper.wait().is_ok());
        }
    }
    // Two at once do not get in each other's way either.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| ship(&world, &url));
        }
    });
    ship(&world, &url).accepted();
    assert_eq!(
        postgres.ask("SELECT count(*), count(DISTINCT number), max(number) FROM refgate_record"),
        "6000|6000|5999"
    );
    assert_eq!(
        postgres.ask("SELECT count, digest FROM refgate_source"),
        format!("6000|{}", head.digest)
    );
    let verified = world.refgate(&world.path("."), &["ledger", "verify", "--database", &url]);
    verified.accepted();
    assert!(verified.out.contains(&format!("head 6000:{}", head.digest)), "{verified}");
}

#[test]
fn a_ledger_that_was_changed_after_it_was_shipped_is_refused() {
    let world = World::empty(&[]);
    let postgres = Postgres::start();
    let url = postgres.url();
    let ledger = Ledger::new(world.server().join("refgate"), None);
    fill(&ledger, 5);
    ship(&world, &url).accepted();
    let path = world.server().join("refgate/ledger.jsonl");
    let text = std::fs::read_to_string(&path).expect("the ledger");
    // Cut off, and then written on as if nothing had been there.
    let lines: Vec<&str> = text.lines().collect();
    std::fs::write(&path, lines[..3].join("\n") + "\n").expect("written");
    let cut = ship(&world, &url);
    assert_eq!(cut.code, Some(1), "{cut}");
    let time = Timestamp::from_second(1_795_168_900).expect("a time");
    for _ in 0..4 {
        ledger.append(time, Event::Recovered { bytes: "eQ==".into() }).expect("recorded");
    }
    let changed = ship(&world, &url);
    assert_eq!(changed.code, Some(1), "{changed}");
    assert!(changed.err.contains("it was changed after it was read"), "{changed}");
    assert_eq!(postgres.ask("SELECT count(*) FROM refgate_record"), "5", "what was shipped stays");
}

#[test]
fn a_database_that_does_not_answer_is_named_and_nothing_is_lost() {
    let world = World::empty(&[]);
    fill(&Ledger::new(world.server().join("refgate"), None), 1);
    let said =
        ship(&world, "postgresql://refgate@127.0.0.1:1/none?connect_timeout=2&sslmode=disable");
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.err.contains("speaking to the fleet's database"), "{said}");
    assert!(said.err.contains("hint: nothing is lost"), "{said}");
    let said = ship(&world, "nonsense");
    assert_eq!(said.code, Some(1), "{said}");
    // The tool that the tests look into the database with is there.
    assert!(command("psql").arg("--version").output().is_ok());
}

#[test]
fn a_database_that_is_full_is_named_and_shipping_goes_on_when_there_is_room() {
    let world = World::empty(&[]);
    let postgres = Postgres::start();
    let url = postgres.url();
    let ledger = Ledger::new(world.server().join("refgate"), None);
    let head = fill(&ledger, 1);
    ship(&world, &url).accepted();
    assert_eq!(head.count, 1);
    let head = fill(&ledger, 2400);
    postgres.ask(FULL);
    for _ in 0..2 {
        let said = ship(&world, &url);
        assert_eq!(said.code, Some(1), "{said}");
        assert!(said.err.contains("No space left on device"), "{said}");
        assert!(said.err.contains("hint: nothing is lost"), "{said}");
        // What was stored whole stays, and nothing of the batch that failed.
        assert_eq!(postgres.ask("SELECT count(*), max(number) FROM refgate_record"), "1001|1000");
        assert_eq!(postgres.ask("SELECT count FROM refgate_source"), "1001");
    }
    postgres.ask("DROP TRIGGER full_disk ON refgate_record");
    ship(&world, &url).accepted();
    let stored = postgres.ask("SELECT count, digest FROM refgate_source");
    assert_eq!(stored, format!("2401|{}", head.digest));
    world.refgate(&world.path("."), &["ledger", "verify", "--database", &url]).accepted();
}

#[test]
fn a_repository_that_has_vanished_is_named_and_the_others_are_shipped() {
    let world = World::empty(&[]);
    let postgres = Postgres::start();
    let url = postgres.url();
    fill(&Ledger::new(world.server().join("refgate"), None), 3);
    let (gone, server) = (world.path("gone.git"), world.server());
    let (gone, server) = (gone.to_string_lossy(), server.to_string_lossy());
    let args = ["ledger", "ship", "--database", &url, &gone, &server];
    let said = world.refgate(&world.path("."), &args);
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.err.contains("shipping") && said.err.contains("gone.git"), "{said}");
    assert!(said.out.contains("3 new records, 3 in all"), "{said}");
    assert_eq!(postgres.ask("SELECT count(*) FROM refgate_record"), "3");
    // One that vanishes later leaves what it has shipped.
    std::fs::rename(world.server(), world.path("moved.git")).expect("moved");
    assert_eq!(world.refgate(&world.path("."), &args).code, Some(1));
    world.refgate(&world.path("."), &["ledger", "verify", "--database", &url]).accepted();
    assert_eq!(postgres.ask("SELECT count(*) FROM refgate_record"), "3");
}

/// A judgement of `main` by all gates, at some second.
fn judged(second: i64, old: u8, new: u8) -> (Timestamp, Event) {
    use refgate::ledger::record::{Answer, Judged, Update};
    let hex = |n: u8| Some(format!("{n:040x}"));
    let verdict = r#"{"version":1,"repository":"git.example.org/two","refs":[{"ref":"refs/heads/main","gates":[{"gate":"review","passed":true}]}]}"#;
    let event = Event::Judged(Judged {
        id: Some(format!("0000-{new:04x}")),
        answer: Answer::Accepted,
        refgate: "0.1.0".into(),
        pusher: None,
        updates: vec![Update { r#ref: "refs/heads/main".into(), old: hex(old), new: hex(new) }],
        codes: Vec::new(),
        verdict: serde_json::value::RawValue::from_string(verdict.into()).expect("JSON"),
    });
    (Timestamp::from_second(1_700_000_000 + second).expect("a time"), event)
}

#[test]
fn two_servers_ship_one_repository() {
    let world =
        World::with("repository = \"git.example.org/two\"\n", &crate::support::world::structure());
    let postgres = Postgres::start();
    let url = postgres.url();
    let other = world.path("other.git");
    run(command("cp").arg("-a").arg(world.server()).arg(&other));
    let ship_from =
        |place: &std::path::Path| world.refgate(place, &["ledger", "ship", "--database", &url]);
    // A copy of the same ledger is the same ledger: nothing is doubled, wherever it is shipped from.
    ship_from(&world.server()).accepted();
    let copied = ship_from(&other);
    copied.accepted();
    assert!(copied.out.contains(": 0 new records"), "{copied}");
    let count = postgres.ask("SELECT count(*) FROM refgate_record");
    assert_eq!(postgres.ask("SELECT count(*) FROM refgate_source"), "1");
    // Where both go on from the copy, the second one is told, and loses nothing.
    let ledgers =
        [world.server(), other.clone()].map(|place| Ledger::new(place.join("refgate"), None));
    let now = refgate::clock::now();
    for (ledger, bytes) in ledgers.iter().zip(["b25l", "dHdv"]) {
        ledger.append(now, Event::Recovered { bytes: bytes.into() }).expect("recorded");
    }
    ship_from(&world.server()).accepted();
    let forked = ship_from(&other);
    assert_eq!(forked.code, Some(1), "{forked}");
    assert!(forked.err.contains("it was changed after it was read"), "{forked}");
    let stored: u64 =
        postgres.ask("SELECT count(*) FROM refgate_record").parse().expect("a number");
    assert_eq!(stored, count.parse::<u64>().expect("a number") + 1);
    // With a ledger of its own each has a place, and the two are read in the order of time: pushes went now
    // to one server and now to the other, and no ref moved unseen.
    let pushes = [(0, 1), (1, 0), (0, 2), (1, 1)];
    let all = std::array::from_fn::<_, 2, _>(|server| {
        let directory = world.path(if server == 0 { "one" } else { "two" });
        (Ledger::new(directory.clone(), None), directory)
    });
    for (at, (server, _)) in (0_u8..).zip(pushes) {
        let (time, event) = judged(i64::from(at) * 10, at, at + 1);
        all[server].0.append(time, event).expect("recorded");
    }
    for (directory, place) in [(&all[0].1, world.server()), (&all[1].1, other)] {
        let settings = format!("[ledger]\ndirectory = \"{}\"\n", directory.display());
        std::fs::write(place.join("refgate.toml"), settings).expect("written");
        ship_from(&place).accepted();
    }
    let listed =
        listed(&world, &url, &["--repository", "git.example.org/two", "--until", "2024-01-01"]);
    let sources: Vec<u64> = listed.iter().filter_map(|entry| entry["source"].as_u64()).collect();
    assert_eq!(sources.len(), 4);
    assert!(sources[0] == sources[2] && sources[1] == sources[3] && sources[0] != sources[1]);
    let mut tracker =
        refgate::audit::continuity::Tracker::within(Timestamp::UNIX_EPOCH, Timestamp::MAX);
    let first = i64::try_from(sources[0].min(sources[1])).expect("small");
    refgate::ledger::fleet::Fleet::connect(&url)
        .expect("a database")
        .follow(|source, name, record| match source < first {
            true => Ok(()),
            false => tracker.take(source.cast_unsigned(), name, record),
        })
        .expect("records");
    let told = tracker.finish();
    assert_eq!(told.records, 4);
    assert!(told.controls.iter().all(|control| control.gaps.is_empty()), "{:#?}", told.controls);
    assert_eq!(told.controls.iter().map(|control| control.landings).max(), Some(3));
}

#[test]
fn every_question_walks_an_index_and_pages_join() {
    use refgate::ledger::fleet::Fleet;
    use refgate::ledger::query::{Cursor, Query};
    use refgate::ledger::record::Answer;
    let postgres = Postgres::start();
    let mut fleet = Fleet::connect(&postgres.url()).expect("a database");
    postgres.ask(
        "INSERT INTO refgate_source (id, origin, repository, shipped_from, shipped_at, count, digest, first, file_offset, place) \
            SELECT r, r::TEXT, 'r' || r, '', now(), 0, '', 0, 0, 0 FROM generate_series(1, 20) r; \
         INSERT INTO refgate_verdict SELECT n % 20 + 1, n, TIMESTAMPTZ '2026-01-01' + n / 3 * INTERVAL '1 second', n::TEXT, \
            CASE n % 4 WHEN 0 THEN 'refused' ELSE 'accepted' END, CASE WHEN n % 500 = 1 THEN NULL ELSE n END, \
            ARRAY[CASE n % 9 WHEN 0 THEN 'refs/heads/next' ELSE 'refs/heads/main' END], \
            CASE n % 4 WHEN 0 THEN ARRAY['tests-failed'] ELSE '{}' END FROM generate_series(1, 20000) n; \
         INSERT INTO refgate_ref SELECT refs[1], time, source, number, answer FROM refgate_verdict; \
         INSERT INTO refgate_code SELECT codes[1], time, source, number, answer FROM refgate_verdict WHERE codes <> '{}'; \
         ANALYZE",
    );
    let all = Query::default();
    let main = Query { r#ref: Some("refs/heads/next".into()), ..all.clone() };
    let failed = Query { code: Some("tests-failed".into()), ..all.clone() };
    let of_one = Query { repository: Some("r5".into()), ..all.clone() };
    let refused = Some(Answer::Refused);
    for (query, count) in [
        (all.clone(), 20_000),
        (main.clone(), 2_222),
        (failed.clone(), 5_000),
        (of_one.clone(), 1_000),
        (Query { answer: refused, ..all.clone() }, 5_000),
        (Query { answer: refused, ..main.clone() }, 555),
        (Query { answer: refused, ..of_one.clone() }, 1_000),
        (Query { code: failed.code.clone(), ..main.clone() }, 555),
        (Query { code: failed.code.clone(), ..of_one.clone() }, 1_000),
        (Query { only_unlanded: true, ..all.clone() }, 40),
        (Query { only_unlanded: true, ..main.clone() }, 4),
        (Query { repository: Some("nobody".into()), ..all.clone() }, 0),
    ] {
        let mut page = Query { limit: Some(300), ..query.clone() };
        let few = Query { limit: Some(20), ..query.clone() };
        let plan = fleet.plan(&few).expect("a plan").join("\n");
        assert!(!plan.contains("Seq Scan on refgate_verdict"), "{query:?}\n{plan}");
        let mut paged = Vec::new();
        loop {
            let entries = fleet.list(&page).expect("entries");
            let Some(last) = entries.last() else { break };
            page.before = Cursor::parse(&last.cursor());
            paged.extend(entries);
        }
        assert_eq!(paged.len(), count, "{query:?}");
        assert_eq!(paged, fleet.list(&query).expect("entries"), "{query:?}");
    }
}
