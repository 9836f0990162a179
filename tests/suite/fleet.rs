//! Ledgers are drained into a real PostgreSQL, whoever dies on the way.

use std::time::Duration;

use refgate::clock::Timestamp;
use refgate::ledger::record::Event;
use refgate::ledger::{Head, Ledger};
use serde_json::Value;

use crate::support::command;
use crate::support::postgres::Postgres;
use crate::support::world::{Person, Said, World};

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
