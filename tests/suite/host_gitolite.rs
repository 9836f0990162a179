//! A real gitolite: its own hooks stay, refgate runs as a hook of one repository and as a virtual ref.

use std::path::PathBuf;

use crate::support::service::program;
use crate::support::world::{Person, World, structure};
use crate::support::{command, run};
use crate::threats_refs::REVIEW;

/// The account that gitolite lives in, reached as sshd's forced command reaches it.
struct Gitolite<'w> {
    world: &'w World,
    home: PathBuf,
}

impl<'w> Gitolite<'w> {
    fn set_up(world: &'w World, rules: &str) -> Self {
        let home = world.path("gitolite");
        std::fs::create_dir(&home).expect("made");
        let gitolite = Self { world, home };
        let shell = program(&["/usr/share/gitolite3/gitolite-shell"], "gitolite3");
        let script = format!(
            "#!/bin/sh\n# What sshd does with the forced command of a key.\nwhile [ $# -gt 1 ]; do shift; done\n\
             exec env -u GIT_CONFIG_GLOBAL USER=git HOME='{}' SSH_ORIGINAL_COMMAND=\"$1\" SSH_CONNECTION='127.0.0.1 1 127.0.0.1 22' \
             '{shell}' \"$GITOLITE_USER\"\n",
            gitolite.home.display()
        );
        let ssh = world.path("forced-command");
        std::fs::write(&ssh, script).expect("written");
        run(command("chmod").arg("755").arg(&ssh));
        run(gitolite.command("git").args(["config", "--global", "init.defaultBranch", "master"]));
        let admin = world.path("keys/ada.pub");
        run(gitolite.command("gitolite").args(["setup", "-pk"]).arg(admin));
        gitolite.allow_hooks_of_ours();
        std::fs::create_dir_all(gitolite.home.join("local/hooks/repo-specific")).expect("made");
        let conf = gitolite.home.join(".gitolite/conf/gitolite.conf");
        std::fs::write(&conf, format!("repo app\n    RW+ = @all\n{rules}")).expect("written");
        gitolite.apply();
        run(gitolite.command("git").args(["-C"]).arg(gitolite.repository()).args([
            "symbolic-ref",
            "HEAD",
            "refs/heads/main",
        ]));
        gitolite
    }

    /// Says in gitolite's settings what docs/servers/gitolite.md says.
    fn allow_hooks_of_ours(&self) {
        let rc = self.home.join(".gitolite.rc");
        let text = std::fs::read_to_string(&rc).expect("settings of gitolite");
        let text = text
            .replace(
                "# LOCAL_CODE                =>  \"$ENV{HOME}/local\"",
                "LOCAL_CODE => \"$ENV{HOME}/local\"",
            )
            .replace("# 'repo-specific-hooks'", "'repo-specific-hooks'");
        assert!(
            text.contains("LOCAL_CODE => \"")
                && text.contains("\n            'repo-specific-hooks'"),
            "{text}"
        );
        std::fs::write(&rc, text).expect("written");
    }

    fn apply(&self) {
        run(self.command("gitolite").args(["setup"]));
    }

    fn command(&self, program: &str) -> std::process::Command {
        let mut command = command(program);
        // gitolite lives by the configuration of its own account, which is in its home.
        command.env_remove("GIT_CONFIG_GLOBAL").env("USER", "git");
        command.env("HOME", &self.home).current_dir(&self.home);
        command
    }

    fn repository(&self) -> PathBuf {
        self.home.join("repositories/app.git")
    }

    /// The script for gitolite's own place, and the settings of the repository.
    fn install(&self, hook: &str, place: &str) {
        let file = self.home.join(place);
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("made");
        let file = file.to_string_lossy().into_owned();
        self.world
            .refgate(&self.world.path("."), &["install", "--hook", hook, "--shim", &file])
            .accepted();
        let settings = format!(
            "host = \"gitolite\"\n[trust-root]\nkeys = [\"{}\"]\n",
            self.world.fingerprint("ada")
        );
        std::fs::write(self.repository().join("refgate.toml"), settings).expect("written");
        self.apply();
    }

    fn person(&self, name: &'static str) -> Person<'w> {
        let person = self.world.person(name);
        let ssh =
            format!("env GITOLITE_USER={name} {}", self.world.path("forced-command").display());
        person.git(&["config", "core.sshCommand", &ssh]);
        person.git(&["config", "ssh.variant", "ssh"]);
        person.git(&["remote", "set-url", "origin", "git@gitolite:app"]);
        person
    }

    fn tip(&self) -> Option<String> {
        let git = self
            .command("git")
            .arg("-C")
            .arg(self.repository())
            .args(["rev-parse", "--verify", "-q", "refs/heads/main"])
            .output();
        let git = git.expect("git");
        git.status.success().then(|| String::from_utf8_lossy(&git.stdout).trim().to_owned())
    }

    fn first_push_and_a_change(&self) {
        let ada = self.person("ada");
        ada.push(&["main"]).accepted();
        let dana = self.person("dana");
        dana.git(&["fetch", "-q", "origin"]);
        let commit = dana.propose("retry");
        let before = self.tip();
        let said = dana.push(&["retry:main"]);
        said.refused(&["review-approval-missing"]);
        assert_eq!(self.tip(), before, "{said}");
        for name in ["cleo", "ben"] {
            let person = self.person(name);
            dana.push(&["retry"]);
            person.git(&["fetch", "-q", "origin"]);
            person.approves(&commit);
        }
        dana.push(&["retry:main"]).accepted();
        assert_eq!(self.tip(), Some(commit));
        let exported =
            self.world.refgate(&self.repository(), &["ledger", "export", "--format", "jsonl"]);
        assert!(
            exported.out.contains("\"pusher\":{\"host\":\"gitolite\",\"name\":\"dana\"}"),
            "{exported}"
        );
    }
}

#[test]
fn refgate_as_a_hook_of_one_repository() {
    let world = World::with(REVIEW, &structure());
    let gitolite = Gitolite::set_up(&world, "    option hook.pre-receive = refgate\n");
    gitolite.install("pre-receive", "local/hooks/repo-specific/refgate");
    gitolite.first_push_and_a_change();
    // The hook that gitolite lives by is still its own.
    let update = std::fs::read_link(gitolite.repository().join("hooks/update")).expect("a link");
    assert!(update.ends_with(".gitolite/hooks/common/update"), "{}", update.display());
}

#[test]
fn refgate_as_a_virtual_ref() {
    let world = World::with(REVIEW, &structure());
    let gitolite = Gitolite::set_up(&world, "    -   VREF/refgate = @all\n");
    gitolite.install("vref", "local/VREF/refgate");
    gitolite.first_push_and_a_change();
    // gitolite itself refuses when the program is gone.
    std::fs::remove_file(gitolite.home.join("local/VREF/refgate")).expect("removed");
    let dana = gitolite.person("dana");
    dana.topic("other");
    dana.commit("Other");
    let before = gitolite.tip();
    assert!(!dana.push(&["other:main"]).ok);
    assert_eq!(gitolite.tip(), before);
}
