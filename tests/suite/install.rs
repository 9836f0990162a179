//! `refgate install` and `uninstall`: as a whole or not at all, by whoever, and nothing is taken from others.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::support::files::{everything, script};
use crate::support::root::{Disk, NOBODY, as_nobody, give_to_nobody, open_up, require_root};
use crate::support::world::{Said, World, structure};
use crate::support::{command, output, run};
use crate::threats_refs::REVIEW;

fn bare(world: &World, name: &str) -> PathBuf {
    let path = world.path(name);
    run(command("git").args(["init", "-q", "--bare", "-b", "main"]).arg(&path));
    path
}

fn refgate(world: &World, args: &[&str], repository: &Path) -> Said {
    world.refgate(&world.path("."), &[args, &[&*repository.to_string_lossy()]].concat())
}

fn git(repository: &Path, args: &[&str]) -> String {
    String::from_utf8(run(command("git").arg("-C").arg(repository).args(args))).expect("UTF-8")
}

fn owner(path: &Path) -> u32 {
    path.symlink_metadata().expect("metadata").uid()
}

/// A hook of the repository's own, which prints its name and lets everything pass.
fn own_hook(repository: &Path) {
    script(&repository.join("hooks/pre-receive"), "#!/bin/sh\necho the old hook\n");
}

/// Each obstacle is in the way of another step; all that was done before it is undone.
#[test]
fn whatever_step_fails_the_repository_is_as_it_was() {
    let world = World::empty(&[]);
    let root = world.fingerprint("ada");
    for (obstacle, is_directory) in [
        ("hooks/post-receive", true),
        ("hooks/pre-receive", true),
        ("hooks/refgate-chained", false),
        ("refgate.installed", true),
        ("refgate", false),
        ("refgate.toml", true),
        ("config.lock", false),
    ] {
        let repository = bare(&world, &format!("{}.git", obstacle.replace('/', "-")));
        if obstacle != "hooks/pre-receive" {
            own_hook(&repository);
        }
        // The template of git may have made hooks/ already.
        let at = repository.join(obstacle);
        if is_directory {
            std::fs::create_dir(&at).expect("made");
        } else {
            std::fs::write(&at, "in the way\n").expect("written");
        }
        let before = everything(&repository);
        let said = refgate(&world, &["install", "--trust-root", &root], &repository);
        assert_eq!(said.code, Some(2), "{obstacle}: {said}");
        assert!(
            said.err.contains(obstacle.rsplit('/').next().expect("a name")),
            "{obstacle}: {said}"
        );
        assert_eq!(everything(&repository), before, "{obstacle}: {said}");
        // Once it is out of the way, everything is done, and undone.
        if is_directory {
            std::fs::remove_dir(&at).expect("removed");
        } else {
            std::fs::remove_file(&at).expect("removed");
        }
        let before = everything(&repository);
        refgate(&world, &["install", "--trust-root", &root], &repository).accepted();
        refgate(&world, &["uninstall"], &repository).accepted();
        assert_eq!(everything(&repository), before, "{obstacle}");
    }
}

/// The disk has room for no page, for one, for two ...: each write fails once.
#[test]
fn whatever_write_fails_on_a_full_disk_the_repository_is_as_it_was() {
    require_root();
    let world = World::empty(&[]);
    let root = world.fingerprint("ada");
    let disk = Disk::mount(&world.path("disk"), 1024);
    let repository = bare(&world, "disk/app.git");
    own_hook(&repository);
    let mut refused = 0;
    for pages in 0.. {
        disk.leave(pages);
        let before = everything(&repository);
        let said = refgate(&world, &["install", "--trust-root", &root], &repository);
        if said.ok {
            break;
        }
        refused += 1;
        assert_eq!(said.code, Some(2), "{pages}: {said}");
        assert!(said.err.contains("nothing was changed"), "{pages}: {said}");
        assert_eq!(everything(&repository), before, "{pages}: {said}");
        assert!(pages < 64, "it never succeeds: {said}");
    }
    assert!(refused > 4, "only {refused} writes failed");
    // Taking it out needs room as well, for the settings; without it the guard stays whole.
    disk.make_room();
    refgate(&world, &["uninstall"], &repository).accepted();
    std::fs::write(repository.join("refgate.toml"), "log = \"/var/log/refgate\"\n")
        .expect("written");
    let before = everything(&repository);
    refgate(&world, &["install", "--trust-root", &root], &repository).accepted();
    disk.leave(0);
    let installed = everything(&repository);
    let said = refgate(&world, &["uninstall"], &repository);
    assert!(said.code == Some(2) && everything(&repository) == installed, "{said}");
    disk.make_room();
    refgate(&world, &["uninstall"], &repository).accepted();
    assert_eq!(everything(&repository), before);
}

#[test]
fn a_disk_that_is_read_only_is_named_and_nothing_is_half_done() {
    require_root();
    let world = World::empty(&[]);
    let disk = Disk::mount(&world.path("disk"), 4096);
    let repository = bare(&world, "disk/app.git");
    let before = everything(&repository);
    disk.remount("ro");
    let said = refgate(&world, &["install"], &repository);
    assert!(said.code == Some(2) && said.err.contains("Read-only"), "{said}");
    assert_eq!(everything(&repository), before);
    disk.remount("rw");
    refgate(&world, &["install"], &repository).accepted();
    let before = everything(&repository);
    disk.remount("ro");
    let said = refgate(&world, &["uninstall"], &repository);
    assert!(said.code == Some(2) && said.err.contains("Read-only"), "{said}");
    assert_eq!(everything(&repository), before);
    let said = refgate(&world, &["doctor", "--no-push"], &repository);
    assert!(said.code == Some(1) && said.out.contains("it is read-only"), "{said}");
    disk.remount("rw");
}

/// As docs/servers/plain-ssh.md has it: root installs, and the repositories are those of another account.
#[test]
fn root_installs_for_the_account_that_owns_the_repositories() {
    require_root();
    let world = World::empty(&[]);
    open_up(&world.path("."));
    let root = world.fingerprint("ada");
    let plain = bare(&world, "plain.git");
    own_hook(&plain);
    std::fs::write(plain.join("refgate.toml"), "log = \"/dev/null\"").expect("written");
    let elsewhere = bare(&world, "elsewhere.git");
    git(&elsewhere, &["config", "core.hooksPath", "my-hooks"]);
    for (repository, hooks) in [(&plain, "hooks"), (&elsewhere, "my-hooks")] {
        give_to_nobody(repository);
        let before = everything(repository);
        let said = refgate(&world, &["install", "--dry-run"], repository);
        assert!(said.ok && said.out.contains(&format!("{hooks}/pre-receive")), "{said}");
        refgate(&world, &["install", "--trust-root", &root], repository).accepted();
        assert!(repository.join(hooks).join("pre-receive").is_file());
        // git's files and directories stay those of the account, so that it can remove its repositories.
        for name in ["config", "refgate", "refgate/summary-key.pem", hooks] {
            assert_eq!(owner(&repository.join(name)), NOBODY, "{name}");
        }
        if hooks == "hooks" {
            assert_eq!(owner(&repository.join("hooks/refgate-chained")), NOBODY);
            assert_eq!(owner(&repository.join("refgate.toml")), NOBODY);
        }
        refgate(&world, &["uninstall"], repository).accepted();
        assert_eq!(everything(repository), before, "{hooks}");
        refgate(&world, &["install", "--trust-root", &root], repository).accepted();
        let sshd = world.path("none").to_string_lossy().into_owned();
        // nobody cannot start a binary that lies below somebody's home; where it can, the push is refused.
        let said = refgate(&world, &["doctor", "--no-push", "--sshd-config", &sshd], repository);
        assert_eq!(said.code, Some(0), "{said}");
    }
    // The account itself may do it as well, and nobody else.
    let binary = world.path("refgate");
    std::fs::copy(env!("CARGO_BIN_EXE_refgate"), &binary).expect("copied");
    let other = bare(&world, "other.git");
    let before = everything(&other);
    let said: Said = output(as_nobody(&binary).arg("install").arg(&other)).into();
    assert!(said.code == Some(2) && said.err.contains("Permission denied"), "{said}");
    assert_eq!(everything(&other), before);
    give_to_nobody(&other);
    let said: Said = output(as_nobody(&binary).arg("install").arg(&other)).into();
    said.accepted();
    let said: Said =
        output(as_nobody(&binary).arg("doctor").arg(&other).args(["--sshd-config", "/none"]))
            .into();
    assert!(said.out.contains("refused") || said.out.contains("dry push"), "{said}");
}

#[test]
fn hooks_that_others_use_as_well_are_not_taken_from_them() {
    let world = World::empty(&[]);
    let (one, two) = (bare(&world, "srv/one.git"), bare(&world, "srv/two.git"));
    let hooks = world.path("hooks-of-all");
    for repository in [&one, &two] {
        git(repository, &["config", "core.hooksPath", &hooks.to_string_lossy()]);
    }
    let before = (everything(&one), everything(&two));
    let srv = world.path("srv");
    refgate(&world, &["install", "--all-under"], &srv).accepted();
    assert!(hooks.join("pre-receive").is_file());
    let installed = (everything(&one), everything(&two), everything(&hooks));
    let said = refgate(&world, &["uninstall"], &one);
    assert!(said.code == Some(2) && said.err.contains("two.git as well"), "{said}");
    assert_eq!((everything(&one), everything(&two), everything(&hooks)), installed);
    // All at once, nobody is left who needs them.
    refgate(&world, &["uninstall", "--all-under"], &srv).accepted();
    assert_eq!((everything(&one), everything(&two)), before);
    assert!(!hooks.exists(), "the directory was made by install");

    // A repository that is gone needs no hook.
    refgate(&world, &["install", "--all-under"], &srv).accepted();
    std::fs::remove_dir_all(&two).expect("removed");
    refgate(&world, &["uninstall"], &one).accepted();
    assert_eq!(everything(&one), before.0);
}

#[test]
fn hooks_for_the_whole_server_go_only_if_that_is_said() {
    let world = World::empty(&[]);
    let (one, hooks) = (bare(&world, "one.git"), world.path("hooks-of-all"));
    script(&hooks.join("pre-receive"), "#!/bin/sh\nexit 0\n");
    let before = (everything(&one), everything(&hooks));
    let config = world.path("gitconfig");
    std::fs::write(&config, format!("[core]\n\thooksPath = {}\n", hooks.display()))
        .expect("written");
    let run = |args: &[&str]| -> Said {
        let mut command = world.refgate_command();
        output(command.env("GIT_CONFIG_GLOBAL", &config).args(args).arg(&one)).into()
    };
    run(&["install"]).accepted();
    assert!(hooks.join("refgate-chained/pre-receive").is_file());
    let said = run(&["uninstall"]);
    assert!(said.code == Some(2) && said.err.contains("guard every repository"), "{said}");
    assert!(said.err.contains("refgate uninstall --shared"), "{said}");
    run(&["uninstall", "--shared"]).accepted();
    assert_eq!((everything(&one), everything(&hooks)), before);
}

#[test]
fn a_hook_that_somebody_puts_over_ours_costs_nobody_theirs() {
    let world = World::empty(&[]);
    let repository = bare(&world, "app.git");
    own_hook(&repository);
    refgate(&world, &["install"], &repository).accepted();
    script(&repository.join("hooks/pre-receive"), "#!/bin/sh\necho another\n");
    let before = everything(&repository);
    let said = refgate(&world, &["install"], &repository);
    assert!(said.code == Some(2) && said.err.contains("is kept already"), "{said}");
    assert_eq!(everything(&repository), before);
}

#[test]
fn of_many_repositories_one_that_fails_is_named_and_the_rest_are_counted() {
    let world = World::empty(&[]);
    let names = ["a.git", "b.git", "c.git"];
    let all: Vec<PathBuf> = names.iter().map(|name| bare(&world, &format!("srv/{name}"))).collect();
    // What can be seen beforehand stops all of it ...
    std::fs::create_dir(all[1].join("refgate.toml")).expect("made");
    let srv = world.path("srv");
    let before = everything(&srv);
    let said = refgate(&world, &["install", "--all-under"], &srv);
    assert!(said.code == Some(2) && said.err.contains("b.git"), "{said}");
    assert_eq!(everything(&srv), before);
    std::fs::remove_dir(all[1].join("refgate.toml")).expect("removed");
    // ... and what shows only then leaves each as a whole.
    std::fs::write(all[1].join("config.lock"), "").expect("written");
    let before = everything(&all[1]);
    let said = refgate(&world, &["install", "--all-under"], &srv);
    assert!(said.code == Some(2) && said.err.contains("b.git"), "{said}");
    assert!(said.err.contains("1 before this one are installed, 1 behind it are not"), "{said}");
    assert_eq!(everything(&all[1]), before);
    assert!(
        all[0].join("hooks/pre-receive").exists() && !all[2].join("hooks/pre-receive").exists()
    );
    std::fs::remove_file(all[1].join("config.lock")).expect("removed");
    refgate(&world, &["install", "--all-under"], &srv).accepted();
    assert!(all.iter().all(|repository| repository.join("hooks/pre-receive").exists()));
}

/// Variables of an administrator's own shell lead nowhere else, and a home is not needed.
#[test]
fn variables_of_git_and_a_missing_home_change_nothing_about_what_is_installed() {
    let world = World::empty(&[]);
    let (wanted, other) = (bare(&world, "wanted.git"), bare(&world, "other.git"));
    let before = everything(&other);
    let mut install = world.refgate_command();
    install.env_remove("HOME").args(["install"]).arg(&wanted);
    for name in ["GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_CONFIG"]
    {
        install.env(name, &other);
    }
    let said: Said = output(&mut install).into();
    said.accepted();
    assert!(wanted.join("hooks/pre-receive").exists());
    assert_eq!(everything(&other), before);
    let mut uninstall = world.refgate_command();
    let said: Said = output(uninstall.env_remove("HOME").arg("uninstall").arg(&wanted)).into();
    said.accepted();
    assert!(!wanted.join("hooks/pre-receive").exists());
}

/// A plan for whoever watches a terminal, and the deed for scripts and with `--yes`.
#[test]
fn on_a_terminal_install_shows_a_plan_first() {
    let world = World::empty(&[]);
    let repository = bare(&world, "app.git");
    let before = everything(&repository);
    let on_terminal = |more: &str| -> Said {
        let line =
            format!("{} install {more} {}", env!("CARGO_BIN_EXE_refgate"), repository.display());
        // script(1) gives it a terminal of its own.
        let mut script = command("script");
        output(script.args(["-qec", &line, "/dev/null"]).env("HOME", world.path("."))).into()
    };
    let said = on_terminal("");
    assert!(
        said.ok && said.out.contains("would") && said.out.contains("hooks/pre-receive"),
        "{said}"
    );
    assert!(said.out.contains("Nothing was changed. To do it:"), "{said}");
    assert_eq!(everything(&repository), before);
    on_terminal("--yes").accepted();
    assert!(repository.join("hooks/pre-receive").exists());
}

/// The record of judgements on a disk of its own that is full, read-only or somebody else's: the push is
/// refused, the administrator told, and afterwards everything goes on.
#[test]
fn what_cannot_be_recorded_is_not_accepted_and_goes_through_later() {
    require_root();
    let world = World::with(REVIEW, &structure());
    open_up(&world.path("."));
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.reviewers_approve(&commit);
    let disk = Disk::mount(&world.path("records"), 64);
    let settings = world.server().join("refgate.toml");
    let good = std::fs::read_to_string(&settings).expect("settings");
    let directory = world.path("records/ledger");
    let text = format!("{good}\n[ledger]\ndirectory = \"{}\"\n", directory.display());
    std::fs::write(&settings, text).expect("written");
    disk.leave(0);
    world.cannot_judge(&["No space left on device"], || dana.push(&["retry:main"]));
    disk.make_room();
    disk.remount("ro");
    world.cannot_judge(&["Read-only file system"], || dana.push(&["retry:main"]));
    disk.remount("rw");
    dana.push(&["retry:main"]).accepted();
    assert_eq!(world.on_server("refs/heads/main"), Some(commit));
}

/// A hook that another account starts cannot record, and git itself trusts no repository of others.
#[test]
fn a_hook_run_by_the_wrong_user_refuses() {
    require_root();
    let world = World::with(REVIEW, &structure());
    open_up(&world.path("."));
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.reviewers_approve(&commit);
    // The hook starts a binary that everybody can reach.
    let binary = world.path("refgate");
    std::fs::copy(env!("CARGO_BIN_EXE_refgate"), &binary).expect("copied");
    for hook in ["pre-receive", "post-receive"] {
        let hook = world.server().join("hooks").join(hook);
        let text = std::fs::read_to_string(&hook).expect("a hook");
        std::fs::write(
            &hook,
            text.replace(env!("CARGO_BIN_EXE_refgate"), &binary.to_string_lossy()),
        )
        .expect("written");
    }
    let main = world.on_server("refs/heads/main").expect("a tip");
    let input = world.path("input");
    std::fs::write(&input, format!("{main} {commit} refs/heads/main\n")).expect("written");
    let mut hook = as_nobody(world.server().join("hooks/pre-receive"));
    hook.current_dir(world.server()).env("GIT_DIR", ".");
    hook.stdin(std::fs::File::open(&input).expect("opened"));
    let said: Said = output(&mut hook).into();
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("Permission denied") && said.err.contains("administrator"), "{said}");
    // Through git the push does not come that far.
    let clone = world.path("clone");
    run(command("git").args(["clone", "-q", "--bare"]).arg(world.server()).arg(&clone));
    give_to_nobody(&clone);
    let before = world.refs();
    let mut push = as_nobody("git");
    push.arg("-C").arg(&clone).arg("push").arg(world.server());
    let said: Said = output(push.arg(format!("{commit}:refs/heads/main"))).into();
    assert!(!said.ok && said.err.contains("dubious ownership"), "{said}");
    assert_eq!(world.refs(), before);
    dana.push(&["retry:main"]).accepted();
}

#[test]
fn a_kind_of_server_that_is_not_known_is_refused_everywhere() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    dana.propose("retry");
    let settings = world.server().join("refgate.toml");
    let good = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("host = \"sourcehut\"\n{good}")).expect("written");
    let before = everything(&world.server());
    let known = "\"sourcehut\" is not known";
    world.cannot_judge(&[known], || dana.push(&["retry:main"]));
    for args in [&["install"][..], &["uninstall"], &["doctor", "--no-push"]] {
        let said = refgate(&world, args, &world.server());
        let text = format!("{}{}", said.out, said.err);
        assert!(!said.ok && text.contains(known), "{args:?}: {said}");
    }
    let after = everything(&world.server());
    let changed: Vec<_> =
        after.keys().filter(|path| before.get(*path) != after.get(*path)).collect();
    assert!(changed.is_empty(), "{changed:?}");
}

/// Hooks that were there get what git gives them, say what they say, end as they end, and take their time.
#[test]
fn hooks_that_are_kept_run_as_git_ran_them() {
    let world = World::with(REVIEW, &structure());
    let server = world.server();
    refgate(&world, &["uninstall"], &server).accepted();
    let seen = world.path("seen");
    let note = |what: &str| {
        format!("#!/bin/sh\n{{ echo \"{what} $# $*\"; cat; }} >>'{}'\n", seen.display())
    };
    script(
        &server.join("hooks/update"),
        &(note("update") + "echo update speaks\n[ \"$1\" != refs/heads/no ]\n"),
    );
    script(
        &server.join("hooks/post-receive"),
        &(note("post-receive") + "echo post-receive speaks >&2\n"),
    );
    // Slower than refgate itself may be.
    script(&server.join("hooks/pre-receive"), &(note("pre-receive") + "sleep 2\n"));
    let settings = server.join("refgate.toml");
    let root = world.fingerprint("ada");
    std::fs::write(&settings, "[limits]\ntime-ms = 1500\n").expect("written");
    let before = everything(&server);
    refgate(&world, &["install", "--trust-root", &root], &server).accepted();
    let dana = world.person("dana");
    let commit = dana.propose("topic");
    world.refuses(&["review-approval-missing"], || dana.push(&["topic:main"]));
    world.reviewers_approve(&commit);
    std::fs::remove_file(&seen).expect("removed");
    let main = world.on_server("refs/heads/main").expect("a tip");
    let said = dana.push(&["topic:main"]);
    said.accepted();
    assert!(
        said.err.contains("update speaks") && said.err.contains("post-receive speaks"),
        "{said}"
    );
    let line = format!("{main} {commit} refs/heads/main\n");
    assert_eq!(
        std::fs::read_to_string(&seen).expect("written by the hooks"),
        format!(
            "pre-receive 0 \n{line}update 3 refs/heads/main {main} {commit}\npost-receive 0 \n{line}"
        )
    );
    // The update hook is not ours here, and refuses as it did; as ours it is kept, and refuses still.
    assert!(!dana.push(&["topic:no"]).ok);
    refgate(&world, &["install", "--hook", "update"], &server).accepted();
    let said = dana.push(&["topic:no"]);
    assert!(!said.ok && said.err.contains("update speaks"), "{said}");
    refgate(&world, &["uninstall"], &server).accepted();
    let after = everything(&server);
    for (path, was) in &before {
        let is_of_git = path.starts_with(server.join("objects"))
            || path.starts_with(server.join("refs"))
            || path.starts_with(server.join("refgate"));
        assert!(is_of_git || after.get(path) == Some(was), "{} is not as it was", path.display());
    }
}
