//! Releases are drawn, and judged again from clones.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::summaries::{land, world_of};
use crate::support::world::{CONFIG, Said, World};
use crate::support::{command, run};
use crate::threats_policy::document;

/// A server with two releases, the server's key being known.
pub fn releases() -> World {
    releases_of(&[])
}

/// The same on a server that was made with these options of `git init`.
pub fn releases_of(init: &[&str]) -> World {
    let world = world_of(init, &format!("{CONFIG}portfolio = \"payments\"\n"));
    two_releases(&world);
    world
}

pub fn two_releases(world: &World) {
    land(world, "one");
    release(world, "v1.0.0");
    land(world, "two");
    release(world, "v1.1.0");
}

/// Lands a release document and tags the commit.
pub fn release(world: &World, tag: &str) {
    let dana = world.person("dana");
    dana.topic("release");
    dana.write(&format!("releases/{tag}.md"), document().replace("v1.0.0", tag));
    let commit = dana.commit(&format!("Prepare {tag}"));
    dana.push(&["+release"]).accepted();
    world.ci_passes(&commit);
    world.person("ada").approves(&commit);
    world.person("ben").approves(&commit);
    dana.push(&["release:main"]).accepted();
    let ben = world.person("ben");
    ben.git(&["fetch", "-q", "origin"]);
    ben.git(&["tag", "-s", "-m", tag, tag, &commit]);
    ben.push(&[&format!("refs/tags/{tag}")]).accepted();
}

/// Mirrors the server where auditors look for it.
pub fn mirror(world: &World) -> PathBuf {
    let mirror = world.path("audit/clones/git.example.org/demo/app.git");
    if mirror.exists() {
        std::fs::remove_dir_all(&mirror).expect("removed");
    }
    run(command("git").args(["clone", "-q", "--mirror"]).arg(world.server()).arg(&mirror));
    mirror
}

pub fn audit(world: &World, args: &[&str]) -> Said {
    world.refgate(&world.path("audit"), &[&["audit"], args].concat())
}

pub fn this_quarter() -> String {
    let text = run(command("date").args(["-u", "+%Y-Q%q"]));
    String::from_utf8(text).expect("text").trim().to_owned()
}

pub fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")
}

pub fn sample(world: &World, more: &[&str]) -> Said {
    let quarter = this_quarter();
    let args = ["sample", "--quarter", &quarter, "--seed", "the seed", "-o", "sample.json"];
    audit(world, &[&args[..], more].concat())
}

#[test]
fn a_release_is_drawn_and_replayed_from_a_mirror_alone() {
    let world = releases();
    mirror(&world);
    let clone = "clones/git.example.org/demo/app.git";
    let said = sample(&world, &[clone]);
    said.accepted();
    assert!(said.out.contains("2 of 2 releases drawn"), "{said}");
    let drawn = read(&world.path("audit/sample.json"));
    let first = &drawn["candidates"][0];
    assert_eq!((&first["portfolio"], &first["time-from"]), (&"payments".into(), &"summary".into()));
    // Redone with nothing but the seed and sha256sum.
    let text = format!(
        "the seed\npayments\ngit.example.org/demo/app\n{}\n",
        first["tag"].as_str().expect("a tag")
    );
    std::fs::write(world.path("text"), text).expect("written");
    let sum = run(command("sha256sum").arg(world.path("text")));
    assert_eq!(String::from_utf8_lossy(&sum).split(' ').next(), first["rank"].as_str());
    sample(&world, &["--releases", "1", clone]).accepted();
    let one = read(&world.path("audit/sample.json"));
    assert_eq!(one["candidates"][0]["drawn"], true);
    assert_eq!(one["candidates"][1]["drawn"], false);
    assert_eq!(one["candidates"][0]["rank"], drawn["candidates"][0]["rank"]);
    let none = sample(&world, &["--portfolio", "search", clone]);
    assert!(none.out.contains("0 of 0 releases drawn"), "{none}");

    // The server is gone; what the mirror holds is enough.
    sample(&world, &[clone]).accepted();
    std::fs::rename(world.server(), world.path("gone.git")).expect("moved");
    let said = audit(&world, &["run", "sample.json"]);
    said.accepted();
    let results = read(&world.path("audit/sample.results.json"));
    let later = &results["releases"][1];
    assert_eq!(later["tag"], "refs/tags/v1.1.0");
    let checks = later["checks"].as_array().expect("checks");
    let what: Vec<&str> = checks.iter().filter_map(|check| check["what"].as_str()).collect();
    assert_eq!(what, ["tag", "landing", "landing"], "since the release before: {checks:#?}");
    for check in checks {
        assert_eq!(check["answer"], "accepted", "{check:#?}");
        assert_eq!(check["time-from"], "summary", "{check:#?}");
    }
    assert_eq!(checks[0]["gates"].as_array().map(Vec::len), Some(4), "{:#?}", checks[0]);
    assert_eq!(checks[1]["gates"].as_array().map(Vec::len), Some(3), "{:#?}", checks[1]);
    let again = audit(&world, &["run", "sample.json"]);
    again.accepted();
    assert!(again.err.contains("2 releases have a result already"), "{again}");
}

#[test]
fn without_summaries_dates_are_claims_and_the_verdicts_the_same() {
    let world = releases();
    world.server_git(&["update-ref", "-d", "refs/notes/refgate/verdicts"]);
    mirror(&world);
    sample(&world, &["clones/git.example.org/demo/app.git"]).accepted();
    audit(&world, &["run", "sample.json", "--jobs", "2"]).accepted();
    let results = read(&world.path("audit/sample.results.json"));
    for check in results["releases"][0]["checks"].as_array().expect("checks") {
        assert_eq!(check["time-from"], "claim", "{check:#?}");
    }
}

#[test]
fn what_came_past_the_hook_is_found_and_what_cannot_be_read_is_said() {
    let world = releases();
    // An administrator moves main and makes a tag, and no gate was asked.
    world.main_moves(&[("README.md", "# past the hook\n")]);
    world.server_git(&["update-ref", "refs/tags/v2.0.0", "refs/heads/main"]);
    mirror(&world);
    let clone = "clones/git.example.org/demo/app.git";
    let said = sample(&world, &[clone, "clones/nothing.git"]);
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("there is no repository at"), "{said}");
    let said = audit(&world, &["run", "sample.json"]);
    assert_eq!(said.code, Some(1), "{said}");
    for code in ["ref-tag-lightweight", "scan-evidence-missing", "review-maintainer-missing"] {
        assert!(said.out.contains(code), "{code}\n{said}");
    }
    assert_eq!(said.out.matches("accepted  ").count(), 2, "{said}");

    // A clone that has vanished is tried again, and costs the others nothing.
    sample(&world, &[clone]).accepted();
    let refused = audit(&world, &["run", "sample.json"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.err.contains("holds the results of another sample"), "{refused}");
    std::fs::rename(world.path("audit/clones"), world.path("audit/elsewhere")).expect("moved");
    let results = ["run", "sample.json", "--results", "new.json"];
    let said = audit(&world, &results);
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("there is no repository at"), "{said}");
    let said = audit(&world, &[&results[..], &["--clones", "elsewhere"]].concat());
    assert_eq!(said.code, Some(1), "{said}");
    std::fs::write(world.path("audit/new.json"), "{").expect("written");
    let said = audit(&world, &results);
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("reading") && said.err.contains("new.json"), "{said}");
}

#[cfg(feature = "fleet")]
#[test]
fn workers_share_an_audit_and_the_claim_of_a_dead_one_returns() {
    use crate::support::postgres::Postgres;
    let world = releases();
    mirror(&world);
    // The same repository under several names: the policy of each clone says who it is.
    let clone = "clones/git.example.org/demo/app.git";
    sample(&world, &[clone]).accepted();
    let postgres = Postgres::start();
    let url = postgres.url();
    let run = || {
        let mut run = world.refgate_command();
        run.current_dir(world.path("audit")).args(["audit", "run", "sample.json"]);
        run.args(["--jobs", "1", "--database", &url]);
        run.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        run.spawn().expect("started")
    };
    let undone = "SELECT count(*) FROM refgate_audit WHERE result IS NULL";
    let free = "SELECT count(*) FROM (SELECT 1 FROM refgate_audit WHERE result IS NULL FOR UPDATE SKIP LOCKED) AS free";
    let ask = |sql: &str| {
        let there = postgres.ask("SELECT to_regclass('refgate_audit') IS NOT NULL");
        if there == "t" { postgres.ask(sql) } else { "none yet".to_owned() }
    };
    let mut first = run();
    // Stopped in the middle of its work, with its claim.
    let pid = first.id().to_string();
    let mut claimed = false;
    for _ in 0..400 {
        if ask(free) == "0" && ask(undone) == "1" {
            crate::support::run(command("kill").args(["-STOP", &pid]));
            claimed = ask(undone) == "1";
            break;
        }
    }
    assert!(claimed, "the claim was never seen");
    let mut second = run();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(second.try_wait().expect("known").is_none(), "nobody works on what is claimed");
    assert_eq!(ask(undone), "1");
    first.kill().expect("killed");
    first.wait().expect("ended");
    assert!(second.wait().expect("ended").success());
    assert_eq!(ask(undone), "0");
    let worker = ask("SELECT worker FROM refgate_audit");
    assert!(worker.ends_with(&format!(":{}", second.id())), "{worker}");
    let results = read(&world.path("audit/sample.results.json"));
    assert_eq!(results["releases"].as_array().map(Vec::len), Some(2));
    // A third one finds everything done.
    assert!(run().wait().expect("ended").success());
}
