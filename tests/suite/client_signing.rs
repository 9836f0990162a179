//! Signing follows the user's git configuration: key files, literal keys, agents, programs and gpg.

use std::process::{Child, Stdio};

#[cfg(feature = "openpgp")]
use crate::support::gpg::Gpg;
use crate::support::world::{Person, World, review_only, structure};
use crate::support::{command, output, run};

fn world() -> World {
    World::with(&review_only(""), &structure())
}

/// A real ssh-agent that ends with the test.
struct Agent {
    child: Child,
    socket: std::path::PathBuf,
}

impl Agent {
    fn holding(world: &World, who: &str) -> Self {
        let socket = world.path("agent");
        let mut agent = command("ssh-agent");
        agent.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).stderr(Stdio::null());
        let child = agent.spawn().expect("ssh-agent is installed");
        let agent = Self { child, socket };
        for _ in 0..200 {
            if agent.socket.exists() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let mut add = command("ssh-add");
        add.env("SSH_AUTH_SOCK", &agent.socket).arg("-q").arg(world.path("keys").join(who));
        run(&mut add);
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn approve(world: &World, person: &Person<'_>, commit: &str, env: &[(&str, &std::path::Path)]) {
    person.git(&["fetch", "-q"]);
    let mut refgate = world.refgate_command();
    refgate.current_dir(person.dir()).envs(env.iter().copied());
    refgate.args(["approve", commit, "--push"]);
    let said: crate::support::world::Said = output(&mut refgate).into();
    said.accepted();
}

#[test]
fn keys_that_only_an_agent_holds() {
    let world = world();
    let agent = Agent::holding(&world, "ben");
    let environment = [("SSH_AUTH_SOCK", agent.socket.as_path())];
    let ben = world.person("ben");
    let public = std::fs::read_to_string(world.path("keys/ben.pub")).expect("a key");
    std::fs::rename(world.path("keys/ben"), world.path("keys/hidden")).expect("hidden");
    let dana = world.person("dana");
    // As a literal, as the public key in a file, and as what a command prints.
    let literal = format!("key::{}", public.trim());
    let file = world.path("keys/ben.pub").to_string_lossy().into_owned();
    for (at, key) in [Some(literal.as_str()), Some(file.as_str()), None].into_iter().enumerate() {
        match key {
            Some(key) => ben.git(&["config", "user.signingKey", key]),
            None => {
                ben.git(&["config", "--unset", "user.signingKey"]);
                std::fs::write(world.path("a key"), &literal).expect("written");
                let command = format!("cat '{}'", world.path("a key").display());
                ben.git(&["config", "gpg.ssh.defaultKeyCommand", &command])
            }
        };
        let commit = dana.propose(["one", "two", "three"][at]);
        world.person("cleo").approves(&commit);
        approve(&world, &ben, &commit, &environment);
        dana.push(&[&format!("{commit}:main")]).accepted();
    }
    ben.git(&["config", "user.signingKey", &literal]);
    let commit = dana.propose("four");
    ben.git(&["fetch", "-q"]);
    let without = ben.refgate(&["approve", &commit]);
    assert_eq!(without.code, Some(2), "{without}");
    assert!(
        without.err.contains("signing with ssh-keygen") && without.err.contains("ssh-add"),
        "{without}"
    );
    ben.git(&["config", "--unset", "user.signingKey"]);
    ben.git(&["config", "gpg.ssh.defaultKeyCommand", "echo nothing"]);
    let without = ben.refgate(&["approve", &commit]);
    assert!(without.err.contains("its first line is no SSH key"), "{without}");
    ben.git(&["config", "--unset", "gpg.ssh.defaultKeyCommand"]);
    let without = ben.refgate(&["approve", &commit]);
    assert!(without.err.contains("names no key to sign with"), "{without}");
    assert!(without.err.contains("hint: git config gpg.format ssh"), "{without}");
}

#[test]
fn programs_and_relative_keys_of_the_configuration() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = world();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    let ben = world.person("ben");
    let program = world.path("own-keygen");
    std::fs::write(&program, "#!/bin/sh\necho used >>\"$0.log\"\nexec ssh-keygen \"$@\"\n")
        .expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("executable");
    // HOME is the directory of the world.
    ben.git(&["config", "gpg.ssh.program", "~/own-keygen"]);
    ben.git(&["config", "user.signingKey", "../keys/ben"]);
    let subdirectory = ben.dir().join("net");
    ben.git(&["fetch", "-q"]);
    world.refgate(&subdirectory, &["approve", &commit, "--push"]).accepted();
    assert!(world.path("own-keygen.log").exists(), "the configured program signed");
    world.person("cleo").approves(&commit);
    dana.push(&["retry:main"]).accepted();
}

#[test]
fn a_key_that_the_list_does_not_name_is_noticed_before_anything_is_written() {
    let world = world();
    let commit = world.person("dana").propose("retry");
    let ben = world.person("ben");
    ben.git(&["config", "user.signingKey", &world.path("keys/mallory").to_string_lossy()]);
    ben.git(&["fetch", "-q"]);
    let said = ben.refgate(&["approve", &commit, "--push"]);
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("the server would not accept this signature"), "{said}");
    assert!(said.err.contains("meta/STRUCTURE.md lists for ben@example.org"), "{said}");
    assert_eq!(world.on_server("refs/notes/refgate/approvals"), None);
    assert!(!ben.try_git(&["rev-parse", "--verify", "refs/notes/refgate/approvals"]).ok);
}

#[cfg(feature = "openpgp")]
#[test]
fn gpg_signs_and_the_server_reads_the_keyring_in_meta() {
    let gpg = Gpg::of("ben");
    let world = gpg.world(&review_only(""), &structure(), &[]);
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.person("cleo").approves(&commit);
    let ben = gpg.person(&world);
    ben.git(&["fetch", "-q", "origin"]);
    gpg.refgate(&world, &["approve", &commit, "--push"]).accepted();
    let note = ben.git(&["log", "-m", "-p", "refs/notes/refgate/approvals"]);
    assert!(note.contains("\"sig\":\"pgp:"), "{note}");
    dana.push(&["retry:main"]).accepted();
}
