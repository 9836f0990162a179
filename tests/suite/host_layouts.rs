//! Repositories laid out, and hooks started, as servers that cannot run here do it.
//!
//! Gitea as its source has it at commit 721cf39e (modules/repository/hooks.go), whose layout Forgejo has
//! kept; GitLab as gitaly's source had it in January 2024 (custom hooks: places, order, variables);
//! GitHub Enterprise Server as its documentation names the variables.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::support::files::{everything, script};
use crate::support::world::{World, structure};
use crate::support::{command, output, run};
use crate::threats_refs::REVIEW;

/// Does what the hook does that Gitea writes into each repository: gives its input to every executable
/// file of a directory, in the order of their names and after failures too, and ends as the first that failed.
const DISPATCHER: &str = r#"#!/bin/sh
# Stands for the script that the server makes and makes again.
input=$(cat)
result=0
for file in "${GIT_DIR:-.}/hooks/$(basename "$0").d"/*; do
    if [ -f "$file" ] && [ -x "$file" ]; then
        printf '%s\n' "$input" | "$file" || {
            status=$?
            [ "$result" -ne 0 ] || result=$status
        }
    fi
done
exit "$result"
"#;

fn bare(world: &World, name: &str) -> PathBuf {
    let path = world.path(name);
    run(command("git").args(["init", "-q", "--bare", "-b", "main"]).arg(&path));
    path
}

fn install(world: &World, args: &[&str]) {
    world.refgate(&world.path("."), &[&["install"], args].concat()).accepted();
}

fn uninstall(world: &World, repository: &Path) {
    world.refgate(&world.path("."), &["uninstall", &repository.to_string_lossy()]).accepted();
}

#[test]
fn each_server_gets_its_place_and_gets_back_what_it_had() {
    let world = World::empty(&[]);
    let gitea = bare(&world, "gitea/org/app.git");
    script(&gitea.join("hooks/pre-receive"), DISPATCHER);
    script(
        &gitea.join("hooks/pre-receive.d/gitea"),
        "#!/bin/sh\n\"/usr/local/bin/gitea\" hook pre-receive\n",
    );
    let forgejo = bare(&world, "forgejo/org/app.git");
    script(&forgejo.join("hooks/pre-receive"), DISPATCHER);
    script(
        &forgejo.join("hooks/pre-receive.d/gitea"),
        "#!/bin/sh\n\"/usr/local/bin/forgejo\" hook pre-receive\n",
    );
    let gitlab = bare(&world, "gitlab/@hashed/6b/86/6b86.git");
    let gitolite = bare(&world, "gitolite/app.git");
    std::fs::write(gitolite.join("gl-conf"), "%one_repo = ();\n").expect("written");
    let plain = bare(&world, "plain/app.git");
    script(&world.path("plain/ours"), "#!/bin/sh\nexit 0\n");
    std::os::unix::fs::symlink("../../ours", plain.join("hooks/pre-receive")).expect("linked");
    let elsewhere = bare(&world, "elsewhere.git");
    run(command("git").arg("-C").arg(&elsewhere).args(["config", "core.hooksPath", "my-hooks"]));
    for (repository, host, file) in [
        (&gitea, "gitea", "hooks/pre-receive.d/refgate"),
        (&forgejo, "forgejo", "hooks/pre-receive.d/refgate"),
        (&gitlab, "gitlab", "custom_hooks/pre-receive.d/refgate"),
        (&gitolite, "gitolite", "hooks/pre-receive"),
        (&plain, "plain", "hooks/pre-receive"),
        (&elsewhere, "plain", "my-hooks/pre-receive"),
    ] {
        let before = everything(repository);
        let path = repository.to_string_lossy().into_owned();
        let planned = world.refgate(&world.path("."), &["install", "--dry-run", &path]);
        assert!(planned.ok && planned.out.contains(file), "{planned}");
        assert_eq!(everything(repository), before, "a dry run changed something");
        install(&world, &[&path]);
        assert!(repository.join(file).is_file(), "{file}");
        let settings = std::fs::read_to_string(repository.join("refgate.toml")).unwrap_or_default();
        assert_eq!(settings.contains(&format!("host = \"{host}\"")), host != "plain", "{settings}");
        let once = everything(repository);
        install(&world, &[&path]);
        assert_eq!(everything(repository), once, "installing twice is installing once");
        uninstall(&world, repository);
        assert_eq!(everything(repository), before, "{host}");
    }
}

/// Since version 11 (its source at commit 3b716a05, modules/git/hooks.go and git.go) Forgejo has the hooks of all
/// repositories in its home, and looks into no repository any more; old ones still have theirs.
#[test]
fn forgejos_one_place_for_hooks_is_used_and_another_is_refused() {
    let world = World::with(REVIEW, &structure());
    uninstall(&world, &world.server());
    let before = everything(&world.server());
    let home = world.path("home");
    let hooks = home.join("hooks");
    let theirs = "#!/bin/sh\n# /usr/local/bin/forgejo\nexit 0\n";
    let dispatcher = DISPATCHER.replace("${GIT_DIR:-.}/hooks", "$(dirname \"$0\")");
    for name in ["pre-receive", "update", "post-receive"] {
        script(&hooks.join(name), &dispatcher);
        script(&hooks.join(format!("{name}.d/gitea")), theirs);
    }
    std::fs::write(home.join(".gitconfig"), format!("[core]\n\thooksPath = {}\n", hooks.display()))
        .expect("written");
    // What an older version has left in the repository, where nobody looks any more.
    let server = world.server();
    script(&server.join("hooks/pre-receive"), DISPATCHER);
    script(&server.join("hooks/pre-receive.d/gitea"), theirs);
    let path = server.to_string_lossy().into_owned();
    let said = world.refgate(&world.path("."), &["install", &path]);
    assert!(said.code == Some(2) && said.err.contains("Forgejo runs the hooks of"), "{said}");
    assert!(said.err.contains(&format!("HOME={}", home.display())), "{said}");
    let with_home = |args: &[&str]| -> crate::support::world::Said {
        let mut refgate = world.refgate_command();
        refgate.env("HOME", &home).env_remove("GIT_CONFIG_GLOBAL");
        output(refgate.args(args).arg(&server)).into()
    };
    let root = world.fingerprint("ada");
    with_home(&["install", "--trust-root", &root]).accepted();
    assert!(hooks.join("pre-receive.d/refgate").is_file());
    assert!(!server.join("hooks/pre-receive.d/refgate").exists());
    let settings = std::fs::read_to_string(server.join("refgate.toml")).expect("settings");
    assert!(settings.contains("host = \"forgejo\""), "{settings}");
    // As Forgejo starts git.
    let dana = world.person("dana");
    dana.propose("retry");
    let refused = world.refuses(&["review-approval-missing"], || {
        let mut push = dana.command();
        push.env("HOME", &home).env_remove("GIT_CONFIG_GLOBAL").env("GITEA_PUSHER_NAME", "dana");
        output(push.args(["push", "origin", "retry:main"])).into()
    });
    assert!(!refused.ok);
    let said = with_home(&["doctor", "--sshd-config", "/none"]);
    assert!(said.code == Some(0) && said.out.contains("core.hooksPath leads git to"), "{said}");
    let blind = world.refgate(&world.path("."), &["doctor", "--no-push", &path]);
    assert!(blind.code == Some(1) && blind.out.contains("Forgejo runs the hooks of"), "{blind}");
    std::fs::rename(hooks.join("pre-receive"), world.path("dispatcher")).expect("moved");
    let said = with_home(&["doctor", "--no-push"]);
    assert!(said.code == Some(1) && said.out.contains("does not run pre-receive.d"), "{said}");
    std::fs::rename(world.path("dispatcher"), hooks.join("pre-receive")).expect("moved");
    let said = with_home(&["uninstall"]);
    assert!(said.code == Some(2) && said.err.contains("guard every repository"), "{said}");
    with_home(&["uninstall", "--shared"]).accepted();
    assert!(
        !hooks.join("pre-receive.d/refgate").exists() && hooks.join("pre-receive.d/gitea").exists()
    );
    std::fs::remove_dir_all(server.join("hooks/pre-receive.d")).expect("removed");
    std::fs::remove_file(server.join("hooks/pre-receive")).expect("removed");
    let after = everything(&server);
    let mine =
        |path: &&PathBuf| path.starts_with(server.join("hooks")) || path.ends_with("refgate.toml");
    let kept = |all: &std::collections::BTreeMap<PathBuf, _>| -> Vec<PathBuf> {
        all.keys().filter(mine).cloned().collect()
    };
    assert_eq!(kept(&after), kept(&before));
}

#[test]
fn all_repositories_below_a_directory_and_those_to_come() {
    let world = World::empty(&[]);
    let (one, two) = (bare(&world, "srv/a/one.git"), bare(&world, "srv/two.git"));
    let srv = world.path("srv").to_string_lossy().into_owned();
    install(&world, &["--all-under", &srv]);
    assert!([&one, &two].iter().all(|r| r.join("hooks/pre-receive").is_file()));
    let template = world.path("template").to_string_lossy().into_owned();
    install(&world, &["--template", &template]);
    let new = world.path("srv/new.git");
    run(command("git").args(["init", "-q", "--bare", "--template", &template]).arg(&new));
    let said = world.refgate(&world.path("."), &["doctor", "--no-push", "--all-under", &srv]);
    assert_eq!(said.out.matches("ok       pre-receive").count(), 3, "{said}");
    world.refgate(&world.path("."), &["uninstall", "--all-under", &srv]).accepted();
    assert!(![&one, &two, &new].iter().any(|r| r.join("hooks/pre-receive").exists()));
}

#[test]
fn a_repository_that_cannot_be_written_is_left_as_it_was() {
    let world = World::empty(&[]);
    let repository = bare(&world, "app.git");
    // A directory in the place of the hook: the last step fails, after others were taken.
    std::fs::create_dir(repository.join("hooks/pre-receive")).expect("made");
    let before = everything(&repository);
    let said = world.refgate(&world.path("."), &["install", &repository.to_string_lossy()]);
    assert!(said.code == Some(2) && said.err.contains("nothing was changed"), "{said}");
    assert_eq!(everything(&repository), before, "{said}");
    let said = world.refgate(&world.path("."), &["install", "--host", "github", "app.git"]);
    assert!(said.code == Some(2) && said.err.contains("known here are plain, gitolite"), "{said}");
    let said = world.refgate(&world.path("."), &["install", "--host", "ghes", "app.git"]);
    assert!(said.code == Some(2) && said.err.contains("--shim"), "{said}");
}

/// What a server sets for its hooks, what it is known to say of the pusher, and how refgate shows it.
#[test]
fn pushers_are_who_the_chosen_server_says_and_nobody_else() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    dana.propose("retry");
    let settings = world.server().join("refgate.toml");
    let good = std::fs::read_to_string(&settings).expect("settings");
    let everything = [
        ("GITEA_PUSHER_NAME", "gita"),
        ("GITEA_PUSHER_EMAIL", "gita@example.org"),
        ("GITEA_REPO_NAME", "app"),
        ("GITEA_PUSH_TRIGGER", "pr-merge-to-base"),
        ("GITEA_INTERNAL_PUSH", "true"),
        ("GL_USERNAME", "labs"),
        ("GL_ID", "user-7"),
        ("GL_PROTOCOL", "web"),
        ("GL_USER", "lite"),
        ("GL_BYPASS_ACCESS_CHECKS", "1"),
        ("GITHUB_USER_LOGIN", "hubert"),
        ("GITHUB_VIA", "merge button"),
        ("REMOTE_USER", "rem"),
    ];
    for (host, pusher) in [
        ("plain", r#"{"host":"plain","name":"rem"}"#),
        ("gitolite", r#"{"host":"gitolite","name":"lite"}"#),
        (
            "gitea",
            r#"{"host":"gitea","name":"gita","email":"gita@example.org","via":"pr-merge-to-base"}"#,
        ),
        (
            "forgejo",
            r#"{"host":"forgejo","name":"gita","email":"gita@example.org","via":"pr-merge-to-base"}"#,
        ),
        ("gitlab", r#"{"host":"gitlab","name":"labs","via":"web"}"#),
        ("ghes", r#"{"host":"ghes","name":"hubert","via":"merge button"}"#),
    ] {
        std::fs::write(&settings, format!("host = \"{host}\"\n{good}")).expect("written");
        let mut push = dana.command();
        push.envs(everything).args(["push", "origin", "retry:main"]);
        // Nothing that a server sets, its ways round its own checks included, gets round refgate (T147).
        let said = world.refuses(&["review-approval-missing"], || output(&mut push).into());
        let marked: Vec<&str> =
            said.err.lines().filter(|line| line.starts_with("GL-HOOK-ERR: ")).collect();
        assert_eq!(marked.len(), usize::from(host == "gitlab"), "{said}");
        assert!(marked.iter().all(|line| line.contains("review-approval-missing")), "{said}");
        let export = world.refgate(&world.server(), &["ledger", "export", "--format", "jsonl"]);
        let last = export.out.lines().last().expect("a record");
        assert!(last.contains(&format!("\"pusher\":{pusher}")), "{host}: {last}");
    }
}

#[test]
fn t146_giteas_dispatcher_runs_refgate_beside_its_own_hook() {
    let world = World::with(REVIEW, &structure());
    let server = world.server().to_string_lossy().into_owned();
    uninstall(&world, &world.server());
    script(&world.server().join("hooks/pre-receive"), DISPATCHER);
    script(&world.server().join("hooks/pre-receive.d/gitea"), "#!/bin/sh\necho gitea was here\n");
    install(&world, &[&server]);
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    let said = world.refuses(&["review-approval-missing"], || dana.push(&["retry:main"]));
    assert!(said.err.contains("gitea was here"), "{said}");
    world.reviewers_approve(&commit);
    dana.push(&["retry:main"]).accepted();
    // "Resync hooks" rewrites gitea's own files and leaves ours.
    script(&world.server().join("hooks/pre-receive"), DISPATCHER);
    let hook = world.server().join("hooks/pre-receive.d/refgate");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o644)).expect("set");
    let said = world.refgate(&world.path("."), &["doctor", "--no-push", &server]);
    assert!(said.code == Some(1) && said.out.contains("is not executable"), "{said}");
}

/// gitaly gives hooks absolute paths, an object directory and no quarantine path.
#[test]
fn a_custom_hook_of_gitlab_judges_what_gitaly_hands_over() {
    let world = World::with(REVIEW, &structure());
    uninstall(&world, &world.server());
    let server = world.server().to_string_lossy().into_owned();
    install(&world, &["--host", "gitlab", &server]);
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    let old = world.on_server("refs/heads/main").expect("a tip");
    let objects = dana.dir().join(".git/objects");
    let hook = world.server().join("custom_hooks/pre-receive.d/refgate");
    let start = || {
        let input = world.path("input");
        std::fs::write(&input, format!("{old} {commit} refs/heads/main\n")).expect("written");
        let mut hook = command(&hook);
        hook.env_clear()
            .current_dir(world.server())
            .env("PATH", "/usr/bin:/bin")
            .env("GIT_DIR", world.server().canonicalize().expect("a path"))
            .env("GIT_OBJECT_DIRECTORY", &objects)
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", world.server().join("objects"))
            .envs([("GL_ID", "user-7"), ("GL_USERNAME", "dana"), ("GL_PROTOCOL", "web")])
            .stdin(std::fs::File::open(&input).expect("opened"));
        crate::support::world::Said::from(output(&mut hook))
    };
    let said = start();
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.err.contains("GL-HOOK-ERR: error[review-approval-missing]"), "{said}");
    world.reviewers_approve(&commit);
    assert_eq!(start().code, Some(0));
}

#[test]
fn t141_installing_again_while_people_push_loses_no_push() {
    let world = World::with(REVIEW, &structure());
    let server = world.server().to_string_lossy().into_owned();
    let dana = world.person("dana");
    dana.propose("bad");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (refs, installs) = std::thread::scope(|scope| {
        let installing = scope.spawn(|| {
            let mut installs = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                install(&world, &[&server]);
                installs += 1;
            }
            installs
        });
        for at in 0..12 {
            let refused = dana.push(&["bad:main"]);
            assert!(!refused.ok && refused.codes() == ["review-approval-missing"], "{refused}");
            dana.push(&[&format!("bad:refs/heads/side-{at}")]).accepted();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        (world.refs(), installing.join().expect("installed"))
    });
    assert!(installs > 0 && refs.matches("refs/heads/side-").count() == 12, "{installs}: {refs}");
    assert!(!world.server().join("hooks").read_dir().expect("a directory").any(|entry| {
        entry.expect("an entry").file_name().to_string_lossy().contains("refgate-new")
    }));
}
