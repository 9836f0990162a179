//! `refgate doctor` on installations that guard and on those that do not.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::files::everything;
use crate::support::root::{Disk, NOBODY, require_root};
use crate::support::world::{Said, World, review_only, structure};
use crate::support::{command, output, run};
use crate::threats_refs::REVIEW;

fn doctor(world: &World, more: &[&str]) -> Said {
    let server = world.server().to_string_lossy().into_owned();
    let sshd = world.path("no-sshd-config").to_string_lossy().into_owned();
    let args = [&["doctor", "--sshd-config", &sshd], more, &[&server]].concat();
    world.refgate(&world.path("."), &args)
}

/// Every object of the server by its name.
fn objects(world: &World) -> String {
    world.server_git(&["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"])
}

#[test]
fn an_installation_that_guards_passes_and_the_dry_push_leaves_no_trace() {
    let world = World::with(REVIEW, &structure());
    world.server_git(&["config", "core.logAllRefUpdates", "always"]);
    let before_all = everything(&world.server());
    let (refs, before) = (world.refs(), objects(&world));
    let said = doctor(&world, &[]);
    assert_eq!(said.code, Some(0), "{said}");
    assert!(
        said.out.contains("git receive-pack refused an unsigned commit to refs/heads/main"),
        "{said}"
    );
    assert_eq!((world.refs(), objects(&world)), (refs, before), "{said}");
    // Neither in reflogs nor in the ledger, nor anywhere else.
    assert_eq!(everything(&world.server()), before_all);
    let json = doctor(&world, &["--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    let checks = report["repositories"][0]["checks"].as_array().expect("checks");
    let of = |name: &str| {
        checks.iter().find(|check| check["check"] == name).unwrap_or_else(|| panic!("{name}"))
    };
    for name in ["hooks path", "pre-receive", "post-receive", "owner", "settings", "trust", "keys"]
    {
        assert_eq!(of(name)["state"], "ok", "{name}: {report:#}");
    }
    assert_eq!(of("push options")["state"], "ok", "installing lets pushes carry options");
}

#[test]
fn t140_t141_hooks_that_git_passes_over_are_found() {
    let world = World::with(REVIEW, &structure());
    let hook = world.server().join("hooks/pre-receive");
    let good = std::fs::read(&hook).expect("a hook");
    let mode = |mode| {
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(mode)).expect("set");
    };
    let breaks: [(&str, &dyn Fn()); 6] = [
        ("is not executable", &|| mode(0o644)),
        ("leads nowhere", &|| {
            std::fs::remove_file(&hook).expect("removed");
            std::os::unix::fs::symlink("/nowhere/refgate", &hook).expect("linked");
        }),
        ("is not there", &|| std::fs::remove_file(&hook).expect("removed")),
        ("is empty", &|| std::fs::write(&hook, "").expect("written")),
        ("does not start refgate", &|| {
            std::fs::write(&hook, "#!/bin/sh\nexit 0\n").expect("written");
        }),
        ("/nowhere/refgate", &|| {
            let text = String::from_utf8_lossy(&good)
                .replace(env!("CARGO_BIN_EXE_refgate"), "/nowhere/refgate");
            std::fs::write(&hook, text).expect("written");
        }),
    ];
    let (refs, before) = (world.refs(), objects(&world));
    for (found, broken) in breaks {
        drop(std::fs::remove_file(&hook));
        std::fs::write(&hook, &good).expect("written");
        mode(0o755);
        broken();
        let said = doctor(&world, &[]);
        assert_eq!(said.code, Some(1), "{found}: {said}");
        assert!(said.out.contains(found), "{found}: {said}");
        assert_eq!((world.refs(), objects(&world)), (refs.clone(), before.clone()), "{said}");
    }
}

#[test]
fn what_hides_or_weakens_is_found() {
    let world = World::with(REVIEW, &structure());
    for (key, value, found) in [
        ("transfer.hideRefs", "refs/notes", "hides evidence"),
        ("core.hooksPath", "/nowhere/hooks", "/nowhere/hooks"),
    ] {
        world.server_git(&["config", key, value]);
        let said = doctor(&world, &[]);
        assert!(said.code == Some(1) && said.out.contains(found), "{key}: {said}");
        world.server_git(&["config", "--unset", key]);
    }
    let settings = world.server().join("refgate.toml");
    let good = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("trustref = \"x\"\n{good}")).expect("written");
    let said = doctor(&world, &[]);
    assert!(said.code == Some(1) && said.out.contains("unknown key \"trustref\""), "{said}");
    std::fs::write(&settings, format!("mode = \"warn\"\n{good}")).expect("written");
    let (refs, before) = (world.refs(), objects(&world));
    let said = doctor(&world, &[]);
    assert!(said.code == Some(0) && said.out.contains("let it pass"), "{said}");
    assert_eq!((world.refs(), objects(&world)), (refs, before), "{said}");
    std::fs::write(&settings, format!("[identity]\nrequire = \"signed-push\"\n{good}"))
        .expect("written");
    let said = doctor(&world, &[]);
    assert!(said.code == Some(1) && said.out.contains("receive.certNonceSeed"), "{said}");
}

#[test]
fn the_update_hook_and_an_empty_repository_are_proved_as_well() {
    let world = World::with(REVIEW, &structure());
    let server = world.server().to_string_lossy().into_owned();
    world.refgate(&world.path("."), &["uninstall", &server]).accepted();
    world.refgate(&world.path("."), &["install", "--hook", "update", &server]).accepted();
    let said = doctor(&world, &[]);
    assert!(said.out.contains("the hook itself refused an unsigned commit"), "{said}");
    let empty = World::empty(&["--object-format=sha256"]);
    let said = doctor(&empty, &[]);
    assert!(said.code == Some(0) && said.out.contains("refused an unsigned commit"), "{said}");
    assert!(said.out.contains("the first push needs the root of trust"), "{said}");
    let said = empty.refgate(&empty.path("."), &["doctor", "keys"]);
    assert!(said.code == Some(1) && said.out.contains("is no git repository"), "{said}");
}

#[test]
fn the_clock_is_held_against_the_last_record() {
    let world = World::with(REVIEW, &structure());
    let ledger = world.server().join("refgate/ledger.jsonl");
    let text = std::fs::read_to_string(&ledger).expect("a ledger");
    let year = regex::Regex::new(r#""time":"\d{4}-"#).expect("a pattern");
    std::fs::write(&ledger, year.replace_all(&text, "\"time\":\"9001-").as_bytes())
        .expect("written");
    let said = doctor(&world, &["--no-push"]);
    assert!(said.code == Some(1) && said.out.contains("must not go back in time"), "{said}");
}

#[test]
fn completions_and_manual_pages_are_those_of_the_command_line() {
    let world = World::empty(&[]);
    for shell in ["bash", "zsh", "fish"] {
        let said = world.refgate(&world.path("."), &["completions", shell]);
        assert!(said.ok && said.out.contains("doctor"), "{said}");
    }
    std::fs::create_dir(world.path("man")).expect("made");
    world.refgate(&world.path("."), &["man", "man"]).accepted();
    assert!(world.path("man/refgate-doctor.1").is_file());
    let page = std::fs::read_to_string(world.path("man/refgate.1")).expect("a page");
    assert!(page.contains(".TH refgate 1"), "{page}");
}

/// The word of a dry push is the doctor's alone: a client that says one is judged and recorded like everybody.
#[test]
fn a_client_cannot_ask_for_a_dry_push() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    dana.propose("retry");
    let ledger = world.server().join("refgate/ledger.jsonl");
    let lines = || std::fs::read_to_string(&ledger).expect("a ledger").lines().count();
    let before = lines();
    let mut push = dana.command();
    push.env("REFGATE_DOCTOR", "0".repeat(64)).args(["push", "origin", "retry:main"]);
    world.refuses(&["review-approval-missing"], || output(&mut push).into());
    assert_eq!(lines(), before + 1);
}

/// Each check with a state that it must not like; what it says when all is well is asserted above.
#[test]
fn each_check_finds_what_it_is_for() {
    let world = World::with(REVIEW, &structure());
    let server = world.server();
    let mode = |path: &std::path::Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
    };
    let check = |found: &[&str], code: i32| {
        let said = doctor(&world, &["--no-push"]);
        assert_eq!(said.code, Some(code), "{found:?}: {said}");
        found.iter().for_each(|found| assert!(said.out.contains(found), "{found:?}: {said}"));
    };
    check(&["it guards", "ok       owner", "ok       disk", "ok       evidence refs"], 0);
    // Owner and modes.
    mode(&server.join("config"), 0o666);
    check(&["PROBLEM  owner", "everybody on this machine can change"], 1);
    mode(&server.join("config"), 0o644);
    // Push options, evidence, replace refs.
    world.server_git(&["config", "receive.advertisePushOptions", "false"]);
    check(&["advice   push options", "advice   replace refs"], 0);
    world.server_git(&["config", "receive.advertisePushOptions", "true"]);
    world.server_git(&["config", "--add", "receive.hideRefs", "refs/replace"]);
    check(&["ok       push options", "ok       replace refs"], 0);
    // A secret for signed pushes: none, one of many repositories, one of its own.
    let settings = server.join("refgate.toml");
    let good = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("[identity]\nrequire = \"signed-push\"\n{good}"))
        .expect("written");
    check(&["PROBLEM  signed pushes"], 1);
    world.server_git(&["config", "receive.certNonceSeed", "secret"]);
    check(&["ok       signed pushes"], 0);
    world.server_git(&["config", "--unset", "receive.certNonceSeed"]);
    let config = world.path("gitconfig");
    std::fs::write(&config, "[receive]\n\tcertNonceSeed = secret\n").expect("written");
    let mut with_config = world.refgate_command();
    with_config.env("GIT_CONFIG_GLOBAL", &config).args(["doctor", "--no-push"]).arg(&server);
    let said: Said = output(&mut with_config).into();
    assert!(said.out.contains("advice   signed pushes"), "{said}");
    std::fs::write(&settings, &good).expect("written");
    // Kept hooks.
    let kept = server.join("hooks/refgate-chained/pre-receive");
    std::fs::create_dir(kept.parent().expect("a directory")).expect("made");
    std::os::unix::fs::symlink("/nowhere/hook", &kept).expect("linked");
    check(&["PROBLEM  kept hook"], 1);
    std::fs::remove_file(&kept).expect("removed");
    std::fs::write(&kept, "#!/bin/sh\n").expect("written");
    check(&["advice   kept hook", "is not executable"], 0);
    mode(&kept, 0o755);
    check(&["ok       kept hook", "runs first"], 0);
    std::fs::remove_dir_all(kept.parent().expect("a directory")).expect("removed");
    // Landings are recorded by a hook of their own.
    let landing = server.join("hooks/post-receive");
    std::fs::rename(&landing, world.path("post-receive")).expect("moved");
    check(&["advice   post-receive"], 0);
    std::fs::rename(world.path("post-receive"), &landing).expect("moved");
    // How it lies on the disk.
    for at in 0..51 {
        std::fs::write(server.join(format!("objects/pack/pack-{at:040}.pack")), "")
            .expect("written");
    }
    check(&["advice   objects", "git gc", "commit-graph"], 0);
    // The trust ref names nobody, or nonsense.
    std::fs::write(&settings, "trust-ref = \"refs/heads/none\"\n").expect("written");
    check(&["PROBLEM  trust", "no root of trust"], 1);
    std::fs::write(&settings, &good).expect("written");
    world.main_moves(&[("meta/STRUCTURE.md", "# Nobody\n")]);
    check(&["PROBLEM  trust", "see docs/recovery.md"], 1);
}

#[test]
fn keys_that_end_soon_are_named() {
    let now = refgate::clock::now();
    let day = |days: i64| {
        let then = (now + jiff::SignedDuration::from_hours(24 * days)).to_string();
        then.split('T').next().expect("a day").to_owned()
    };
    for (days, found) in [(10, "advice   keys"), (100, "ok       keys")] {
        let until = day(days);
        let people = structure().replacen(
            "| Name | Email | Keys |\n|---|---|---|",
            "| Name | Email | Keys | Until |\n|---|---|---|---|",
            1,
        );
        let mut rows = 0;
        let people: Vec<String> = people
            .lines()
            .map(|line| {
                let is_row =
                    line.starts_with("| ") && line.contains("@example.org | `") && rows < 2;
                rows += usize::from(is_row);
                if is_row { format!("{line} {until} |") } else { line.to_owned() }
            })
            .collect();
        let world = World::with(&review_only(""), &(people.join("\n") + "\n"));
        let said = doctor(&world, &["--no-push"]);
        assert!(said.code == Some(0) && said.out.contains(found), "{found}: {said}");
        assert_eq!(said.out.contains(&until), days == 10, "{said}");
    }
}

#[test]
fn an_old_git_a_small_disk_and_another_account_are_seen() {
    require_root();
    let world = World::with(REVIEW, &structure());
    // A git that calls itself old.
    let real =
        String::from_utf8(run(command("sh").args(["-c", "command -v git"]))).expect("a path");
    let old = world.path("old/git");
    let text = format!(
        "#!/bin/sh\n[ \"$1\" != version ] || {{ echo git version 2.30.9; exit; }}\nexec {} \"$@\"\n",
        real.trim()
    );
    crate::support::files::script(&old, &text);
    let mut doctor = world.refgate_command();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", world.path("old").display());
    doctor.env("PATH", path).args(["doctor", "--no-push"]).arg(world.server());
    let said: Said = output(&mut doctor).into();
    assert!(said.out.contains("advice   git") && said.out.contains("2.39 or newer"), "{said}");
    // A disk of four MiB.
    let disk = Disk::mount(&world.path("disk"), 4096);
    let small = world.path("disk/app.git");
    run(command("git").args(["init", "-q", "--bare", "-b", "main"]).arg(&small));
    let small = small.to_string_lossy().into_owned();
    let said = world.refgate(&world.path("."), &["doctor", "--no-push", &small]);
    assert!(said.code == Some(1) && said.out.contains("PROBLEM  disk"), "{said}");
    drop(disk);
    // Settings that another account could change.
    let settings = world.server().join("refgate.toml");
    std::os::unix::fs::chown(&settings, Some(NOBODY), None).expect("given away");
    let server = world.server().to_string_lossy().into_owned();
    let said = world.refgate(&world.path("."), &["doctor", "--no-push", &server]);
    assert!(said.code == Some(1) && said.out.contains("belongs to another user"), "{said}");
}
