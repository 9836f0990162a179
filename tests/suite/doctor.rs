//! `refgate doctor` on installations that guard and on those that do not.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::world::{Said, World, structure};
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
    let (refs, before) = (world.refs(), objects(&world));
    let said = doctor(&world, &[]);
    assert_eq!(said.code, Some(0), "{said}");
    assert!(
        said.out.contains("git receive-pack refused an unsigned commit to refs/heads/main"),
        "{said}"
    );
    assert_eq!((world.refs(), objects(&world)), (refs, before), "{said}");
    let listed = world.refgate(&world.server(), &["ledger", "list", "--limit", "1"]);
    assert!(listed.out.contains("refused"), "the dry push is recorded like any other\n{listed}");
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
