//! What an audit reports, from files and from a database, for people, programs and paper.

use std::path::{Path, PathBuf};

use refgate::audit::quarter::Quarter;
use refgate::clock::Timestamp;
use refgate::ledger::Ledger;
use refgate::ledger::record::{Answer, Event, Judged, Landed, Update};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::audit::{audit, mirror, read, releases, sample, this_quarter};
use crate::exceptions::{document, signed};
use crate::support::world::World;
use crate::support::{command, run};

const CLONE: &str = "clones/git.example.org/demo/app.git";

/// Writes a report as JSON.
fn json(world: &World, more: &[&str]) -> Value {
    let args = ["report", "sample.json", "--format", "json", "-o", "r.json"];
    audit(world, &[&args[..], more].concat()).accepted();
    read(&world.path("audit/r.json"))
}

fn codes(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().expect("findings").iter();
    findings.filter_map(|finding| finding["code"].as_str()).collect()
}

#[test]
fn the_report_is_written_three_times_and_findings_become_work() {
    let world = releases();
    world.main_moves(&[("README.md", "# past the hook\n")]);
    world.server_git(&["update-ref", "refs/tags/v2.0.0", "refs/heads/main"]);
    // The next push shows it.
    assert!(!world.person("dana").push(&["+HEAD~1:main"]).ok);
    mirror(&world);
    sample(&world, &[CLONE]).accepted();
    assert_eq!(audit(&world, &["run", "sample.json"]).code, Some(1));
    let server = world.server().to_string_lossy().into_owned();
    let report = |format: &str, file: &str| {
        let args = ["report", "sample.json", "--ledger", &server, "--format", format, "-o", file];
        let backlogs = ["--backlog", "backlog.md", "--backlog", "b.csv", "--backlog", "b.json"];
        audit(&world, &[&args[..], &backlogs].concat()).accepted();
        std::fs::read_to_string(world.path("audit").join(file)).expect("a report")
    };
    let json: Value = serde_json::from_str(&report("json", "r.json")).expect("JSON");
    let codes = codes(&json);
    for code in ["continuity-gap", "ref-tag-lightweight", "review-maintainer-missing"] {
        assert!(codes.contains(&code), "{codes:?}");
    }
    let controls = json["ledgers"]["controls"].as_array().expect("controls");
    let review = controls.iter().find(|control| control["gate"] == "review").expect("review");
    assert_eq!(review["since"], Value::Null, "nothing has landed since: {review:#?}");
    assert_eq!(review["landings"], 4);
    assert!(json["ledgers"]["refusals"][0]["by-gate"]["ref"].as_u64().is_some());

    let files = ["backlog.md", "b.csv", "b.json"];
    let backlogs = || files.map(|file| std::fs::read_to_string(world.path("audit").join(file)));
    let first = backlogs().map(|text| text.expect("a backlog"));
    for text in &first {
        assert_eq!(text.matches("RG-").count(), codes.len(), "{text}");
    }
    let html = report("html", "report.html");
    assert!(
        !html.contains("<script") && !html.contains("src=") && !html.contains("href="),
        "{html}"
    );
    let markdown = report("markdown", "report.md");
    assert!(markdown.contains("| payments | git.example.org/demo/app | v2.0.0 |"), "{markdown}");
    assert!(markdown.contains("| ref | "), "{markdown}");
    assert_eq!(backlogs().map(|text| text.expect("a backlog")), first, "nothing is entered twice");

    // The tag is gone, and main is judged anew: what a run looks at and does not find is closed.
    world.server_git(&["update-ref", "-d", "refs/tags/v2.0.0"]);
    mirror(&world);
    sample(&world, &[CLONE]).accepted();
    std::fs::remove_file(world.path("audit/sample.results.json")).expect("removed");
    audit(&world, &["run", "sample.json"]).accepted();
    let mended = self::json(&world, &["--ledger", &server, "--backlog", "backlog.md"]);
    assert_eq!(self::codes(&mended), ["continuity-gap"]);
    let text = std::fs::read_to_string(world.path("audit/backlog.md")).expect("a backlog");
    assert_eq!(text.matches("- [ ] RG-").count(), codes.len(), "nobody looked at v2.0.0: {text}");
}

/// Puts exceptions of most states on main, past the hook.
fn with_exceptions(world: &World) {
    let of = |id: &str, requested, expires, who: Option<&str>, days| {
        let text = document(requested, expires).replace("EX-1", id);
        let text = match who {
            Some(who) => signed(world, &text, id, who, days),
            None => text,
        };
        (format!("exceptions/{id}.md"), text)
    };
    let glass = of("EX-GLASS", -1, 1, None, 0).1.replace("gates = [\"scan\"]", "gates = [\"*\"]");
    let glass = glass.replace("rules = [\"L1\"]\npaths = [\"/net/\"]\n", "");
    let revoked = of("EX-REVOKED", -9, 20, None, 0).1;
    let end = revoked.find("[scope]").expect("a scope");
    let day = refgate::clock::now().strftime("%Y-%m-%d");
    let revoked = format!(
        "{}revoked = {day}\nrevoked-because = \"the library is out\"\n{}",
        &revoked[..end],
        &revoked[end..]
    );
    let files = [
        of("EX-OPEN", -1, 30, None, 0),
        of("EX-GOOD", -1, 30, Some("eve"), 0),
        of("EX-SOON", -20, 5, Some("eve"), 18),
        of("EX-OVER", -40, -3, Some("eve"), 30),
        of("EX-LONG", -1, 300, Some("eve"), 0),
        ("exceptions/EX-GLASS.md".into(), signed(world, &glass, "EX-GLASS", "eve", 0)),
        ("exceptions/EX-REVOKED.md".into(), revoked),
        ("exceptions/EX-BROKEN.md".into(), "+++\nid = \"EX-OTHER\"\n+++\n".into()),
    ];
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    world.main_moves(&files);
}

#[test]
fn exceptions_are_told_by_their_state_and_a_review_that_is_owed_is_work() {
    let world = releases();
    with_exceptions(&world);
    mirror(&world);
    sample(&world, &[CLONE]).accepted();
    let report = json(&world, &["--backlog", "backlog.md"]);
    let exceptions = &report["exceptions"];
    let states: Vec<(&str, &str)> = exceptions["all"]
        .as_array()
        .expect("exceptions")
        .iter()
        .map(|row| (row["state"].as_str().expect("a state"), row["id"].as_str().expect("an id")))
        .collect();
    assert_eq!(
        states,
        [
            ("requested", "EX-OPEN"),
            ("too-long", "EX-LONG"),
            ("expiring", "EX-GLASS"),
            ("expiring", "EX-SOON"),
            ("approved", "EX-GOOD"),
            ("expired", "EX-OVER"),
            ("revoked", "EX-REVOKED"),
        ],
        "{exceptions:#}"
    );
    assert_eq!(exceptions["by-state"]["expiring"], 2);
    assert_eq!(exceptions["by-state"]["self-approved"], 0);
    assert_eq!(exceptions["unread"][0]["file"], "exceptions/EX-BROKEN.md");
    assert_eq!(codes(&report), ["exception-review-owed"]);
    let backlog = std::fs::read_to_string(world.path("audit/backlog.md")).expect("a backlog");
    assert!(backlog.contains("`exceptions/EX-GLASS.md`: break-glass was approved"), "{backlog}");
    for (format, words) in [
        ("markdown", "| expiring, break-glass, review owed |"),
        ("html", "<li><b>2</b> expiring</li>"),
    ] {
        let said = audit(&world, &["report", "sample.json", "--format", format]);
        said.accepted();
        assert!(said.out.contains(words), "{said}");
        assert!(said.out.contains("EX-BROKEN.md"), "{said}");
        assert!(
            said.err.contains("warning: the exceptions are not complete, 1 could not"),
            "{said}"
        );
    }
    // A clone that has vanished is said, and the report is written all the same.
    std::fs::remove_dir_all(world.path("audit/clones")).expect("removed");
    let gone = json(&world, &[]);
    let why = gone["exceptions"]["unread"][0]["why"].as_str().expect("a reason");
    assert!(why.contains("there is no repository at"), "{why}");
    let said = audit(&world, &["report", "sample.json", "--ledger", "nowhere"]);
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("there is no ledger in"), "{said}");
}

/// Draws for another quarter from the clones of a world.
fn draws_for(world: &World, quarter: &str) {
    let args = ["sample", "--quarter", quarter, "--seed", "s", "-o", "sample.json", CLONE];
    audit(world, &args).accepted();
}

#[cfg(feature = "fleet")]
#[test]
fn a_report_of_the_fleet_is_that_of_its_ledgers_and_of_its_quarter() {
    use crate::support::postgres::Postgres;
    let world = releases();
    let dana = world.person("dana");
    dana.propose("refused");
    assert!(!dana.push(&["refused:main"]).ok);
    mirror(&world);
    let postgres = Postgres::start();
    let url = postgres.url();
    let server = world.server();
    world.refgate(&server, &["ledger", "ship", "--database", &url]).accepted();
    sample(&world, &[CLONE]).accepted();
    let server = server.to_string_lossy().into_owned();
    let of_files = json(&world, &["--ledger", &server]);
    let of_fleet = json(&world, &["--database", &url]);
    assert_eq!(of_fleet["ledgers"], of_files["ledgers"]);
    let told = &of_fleet["ledgers"];
    let controls = told["controls"].as_array().expect("controls");
    let review = controls.iter().find(|c| c["gate"] == "review" && c["ref"] == "refs/heads/main");
    let review = review.expect("review");
    assert!(review["since"].is_string() && review["landings"] == 4, "{review:#}");
    assert!(told["refusals"][0]["by-gate"]["review"].as_u64().is_some(), "{told:#}");

    // Before all of it there was nothing; after it controls hold since then, and nothing is refused anew.
    draws_for(&world, "2020-Q1");
    let before = json(&world, &["--database", &url]);
    assert_eq!(before["ledgers"]["records"], 0);
    assert_eq!(before["ledgers"]["controls"], serde_json::json!([]));
    draws_for(&world, "8999-Q4");
    for source in [["--database", url.as_str()], ["--ledger", server.as_str()]] {
        let after = json(&world, &source);
        assert_eq!(after["ledgers"]["records"], told["records"]);
        assert_eq!(after["ledgers"]["refusals"], serde_json::json!([]));
        assert_eq!(after["ledgers"]["controls"], told["controls"]);
    }
    // A record that is none is an error, and says where to look.
    postgres.ask("UPDATE refgate_record SET line = '{}' WHERE number = 3");
    let said = audit(&world, &["report", "sample.json", "--database", &url]);
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("record 3 of git.example.org/demo/app"), "{said}");
    let said =
        audit(&world, &["report", "sample.json", "--database", "postgresql://x@127.0.0.1:1/x"]);
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("speaking to the fleet's database"), "{said}");
}

/// A ledger of a busy quarter: refusals of every kind, landings, a gap and a glass that was broken.
fn busy(directory: PathBuf, repository: &str, quarter: Quarter, ends_badly: bool) {
    const CODES: [&str; 8] = [
        "scan-finding-open",
        "tests-failed",
        "review-approval-missing",
        "review-approval-missing",
        "checklist-incomplete",
        "ref-not-fast-forward",
        "scan-evidence-missing",
        "notes-malformed",
    ];
    let (first, after) = quarter.bounds();
    let ledger = Ledger::new(directory, None);
    let (mut time, mut n, mut tip) = (first, 7_u64, 0_u64);
    let mut number = 0;
    let mut append = |time: Timestamp, event: Event| {
        ledger.append(time, event).expect("recorded");
        number += 1;
        number - 1
    };
    let mut is_last = false;
    while !is_last {
        // The last push of one repository breaks the glass: there a control does not hold.
        is_last = time >= after - jiff::SignedDuration::from_hours(30);
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = usize::try_from(n >> 40).expect("small");
        let refused = draw % 3 != 0 && !is_last;
        let update = Update {
            r#ref: "refs/heads/main".into(),
            old: Some(format!("{:040x}", if draw % 61 == 0 { 999 } else { tip })),
            new: Some(format!("{:040x}", tip + 1)),
        };
        let waived = if tip % 16 == 11 || is_last && ends_badly {
            r#","waived":{"id":"EX-GLASS"}"#
        } else {
            ""
        };
        let gates: Vec<String> = ["scan", "tests", "review"]
            .map(|gate| {
                let passed = waived.is_empty() || gate != "scan";
                format!(r#"{{"gate":"{gate}","passed":{passed}}}"#)
            })
            .to_vec();
        let verdict = format!(
            r#"{{"version":1,"repository":"{repository}","refs":[{{"ref":"refs/heads/main","gates":[{}]{waived}}}]}}"#,
            gates.join(",")
        );
        let judged = append(
            time,
            Event::Judged(Judged {
                id: Some(format!("{:04x}-{:04x}", draw % 65_536, number_of(tip))),
                answer: if refused { Answer::Refused } else { Answer::Accepted },
                refgate: "0.1.0".into(),
                pusher: None,
                updates: vec![update.clone()],
                codes: if refused { vec![CODES[draw / 7 % CODES.len()].into()] } else { vec![] },
                verdict: RawValue::from_string(verdict).expect("JSON"),
            }),
        );
        if !refused {
            tip += 1;
            let refs = vec![update];
            append(time, Event::Landed(Landed { id: String::new(), judged, refs, absent: vec![] }));
        }
        time += jiff::SignedDuration::from_mins(300 + i64::try_from(draw % 1500).expect("small"));
    }
}

fn number_of(tip: u64) -> u64 {
    tip.wrapping_mul(40_503) % 65_536
}

/// A real browser draws the page on a wide screen, on a narrow one and on paper, and nothing sticks out.
///
/// The pictures are kept among the files of the build, for people to look at.
#[test]
fn the_page_is_fit_for_screens_and_paper() {
    let world = releases();
    with_exceptions(&world);
    world.server_git(&["update-ref", "refs/tags/v2.0.0", "refs/heads/main"]);
    mirror(&world);
    sample(&world, &[CLONE]).accepted();
    // The quarter is one that lies behind us as a whole.
    let file = world.path("audit/sample.json");
    let text = std::fs::read_to_string(&file).expect("a sample");
    std::fs::write(&file, text.replace(&this_quarter(), "2025-Q3")).expect("written");
    assert_eq!(audit(&world, &["run", "sample.json"]).code, Some(1));
    let quarter = Quarter::parse("2025-Q3").expect("a quarter");
    busy(world.path("audit/one"), "git.example.org/demo/app", quarter, false);
    let long = "git.example.org/payments/settlement-engine-for-international-transfers";
    busy(world.path("audit/two"), long, quarter, true);
    let ledgers = ["--ledger", "one", "--ledger", "two", "--format", "html", "-o", "report.html"];
    audit(&world, &[&["report", "sample.json"], &ledgers[..]].concat()).accepted();
    let page = world.path("audit/report.html");
    let html = std::fs::read_to_string(&page).expect("a page");
    for words in ["<svg", "Exceptions by state", "Continuity of controls", "<h3>Gaps</h3>"] {
        assert!(html.contains(words), "{words}");
    }
    for (name, width, height) in [("wide", 1280, 3200), ("narrow", 500, 4200)] {
        let picture = picture(name, "png");
        browse(
            &world,
            &page,
            &[
                &format!("--window-size={width},{height}"),
                &format!("--screenshot={}", picture.display()),
            ],
        );
        let bytes = std::fs::read(&picture).expect("a picture");
        assert!(bytes.starts_with(b"\x89PNG"), "no PNG");
        assert!(bytes.len() > 60_000, "a page of {} bytes is blank", bytes.len());
    }
    let paper = picture("paper", "pdf");
    browse(
        &world,
        &page,
        &["--no-pdf-header-footer", &format!("--print-to-pdf={}", paper.display())],
    );
    let text = run(command("pdftotext").arg("-layout").arg(&paper).arg("-"));
    let text = String::from_utf8(text).expect("text");
    for words in [
        "Release audit 2025-Q3",
        "EX-GLASS",
        "review owed",
        "break-glass let a push through",
        "does not hold",
    ] {
        assert!(text.contains(words), "{words} is not on paper:\n{text}");
    }
    assert!(text.matches("2025-07-").count() > 5, "the numbers of the chart are on paper:\n{text}");
}

fn picture(name: &str, end: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("audit-report-{name}.{end}"))
}

fn browse(world: &World, page: &Path, options: &[&str]) {
    let mut browser = command("chromium");
    browser
        .env("HOME", world.path("."))
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
        .args(options)
        .arg(format!("file://{}", page.display()));
    run(&mut browser);
}
