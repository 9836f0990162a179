//! A real sshd on this machine, with an account for git and a key for each person.

use crate::support::service::{Service, free_port, program};
use crate::support::world::{Person, World, structure};
use crate::support::{command, output, run};
use crate::threats_refs::REVIEW;

struct Sshd<'w> {
    world: &'w World,
    port: u16,
    user: String,
    _service: Service,
}

impl<'w> Sshd<'w> {
    /// Starts sshd as docs/servers/plain-ssh.md sets it up: a forced command and a name for each key.
    fn start(world: &'w World, more: &str) -> Self {
        let dir = world.path("ssh");
        std::fs::create_dir(&dir).expect("made");
        run(command("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(dir.join("host")));
        let shell = program(&["/usr/local/bin/git-shell", "/usr/bin/git-shell"], "git");
        let mut keys = String::new();
        for name in ["ben", "cleo", "dana", "mallory"] {
            let key = std::fs::read_to_string(world.path("keys").join(format!("{name}.pub")))
                .expect("a key");
            keys += &format!(
                "restrict,command=\"{shell} -c \\\"$SSH_ORIGINAL_COMMAND\\\"\",environment=\"REFGATE_USER={name}\" {key}"
            );
        }
        std::fs::write(dir.join("authorized_keys"), keys).expect("written");
        let (port, user) = (free_port(), id("-un"));
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {0}/host\nPidFile none\n\
             AuthorizedKeysFile {0}/authorized_keys\nStrictModes no\nPermitRootLogin yes\n\
             PasswordAuthentication no\nUsePAM no\nExposeAuthInfo yes\nLogLevel ERROR\n\
             PermitUserEnvironment REFGATE_*\nAcceptEnv GIT_PROTOCOL\nMaxStartups 100\n\
             SetEnv PATH={1}\n{more}",
            dir.display(),
            path_variable(),
        );
        std::fs::write(dir.join("config"), config).expect("written");
        if id("-u") == "0" {
            // Where sshd lets go of its rights.
            std::fs::create_dir_all("/run/sshd").expect("made");
        }
        let sshd = program(&["/usr/sbin/sshd"], "openssh-server");
        let mut start = command(sshd);
        start.args(["-D", "-e", "-f"]).arg(dir.join("config"));
        let mut service = Service::start(&mut start);
        service.answers_on(port);
        Self { world, port, user, _service: service }
    }

    fn url(&self) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port, self.world.server().display())
    }

    /// Somebody whose clone knows the server by its address alone.
    fn person(&self, name: &'static str) -> Person<'w> {
        let person = self.world.person(name);
        let ssh = format!(
            "ssh -F none -i {} -o IdentitiesOnly=yes -o BatchMode=yes \
             -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
            self.world.path("keys").join(name).display()
        );
        person.git(&["config", "core.sshCommand", &ssh]);
        person.git(&["remote", "set-url", "origin", &self.url()]);
        person
    }
}

fn id(flag: &str) -> String {
    String::from_utf8_lossy(&run(command("id").arg(flag))).trim().to_owned()
}

fn path_variable() -> String {
    String::from_utf8_lossy(&run(command("sh").args(["-c", "printf %s \"$PATH\""]))).into_owned()
}

fn last_judgement(world: &World) -> serde_json::Value {
    let listed = world.refgate(&world.server(), &["ledger", "export", "--format", "jsonl"]);
    let mut lines = listed.out.lines().filter(|line| line.contains("\"judged\":{"));
    serde_json::from_str(lines.next_back().expect("a record")).expect("JSON")
}

#[test]
fn a_change_from_clone_to_landing_over_ssh() {
    let world = World::with(REVIEW, &structure());
    let sshd = Sshd::start(&world, "");
    let dana = sshd.person("dana");
    let commit = dana.propose("retry");
    let refused = world.refuses(&["review-approval-missing"], || dana.push(&["retry:main"]));
    assert!(refused.err.contains("hint:"), "{refused}");
    let pusher = &last_judgement(&world)["event"]["judged"]["pusher"];
    assert_eq!(pusher["name"], "dana", "{pusher}");
    assert_eq!(pusher["key"], world.fingerprint("dana"), "{pusher}");
    // The other persons fetch and give their approval over ssh as well.
    for name in ["cleo", "ben"] {
        let person = sshd.person(name);
        person.git(&["fetch", "-q", "origin"]);
        person.approves(&commit);
    }
    dana.git(&[
        "fetch",
        "-q",
        "origin",
        "refs/notes/refgate/approvals:refs/notes/refgate/approvals",
    ]);
    assert!(!dana.git(&["notes", "--ref=refgate/approvals", "list"]).is_empty());
    dana.push(&["retry:main"]).accepted();
    assert_eq!(world.on_server("refs/heads/main"), Some(commit));
    let said = world.refgate(&world.server(), &["ledger", "verify"]);
    assert!(said.ok, "{said}");
}

#[test]
fn t132_t134_tricks_of_clients_do_not_get_round_the_hook() {
    let world = World::with(REVIEW, &structure());
    let sshd = Sshd::start(&world, "");
    let dana = sshd.person("dana");
    dana.propose("retry");
    let ssh = dana.git(&["config", "core.sshCommand"]);
    for more in [
        "-o SetEnv=GIT_CONFIG_COUNT=1",
        "-o SetEnv=REFGATE_USER=ada",
        "-o SetEnv=GIT_PUSH_CERT_STATUS=G",
    ] {
        dana.git(&["config", "core.sshCommand", &format!("{} {more}", ssh.trim())]);
        world.refuses(&["review-approval-missing"], || dana.push(&["retry:main"]));
        assert_eq!(last_judgement(&world)["event"]["judged"]["pusher"]["name"], "dana", "{more}");
    }
    dana.git(&["config", "core.sshCommand", ssh.trim()]);
    let before = world.refs();
    let trick = "--receive-pack=git -c core.hooksPath=/dev/null receive-pack";
    assert!(!dana.try_git(&["push", trick, "origin", "retry:main"]).ok);
    assert_eq!(world.refs(), before);
    // The doctor sees the door that is open here.
    let config = world.path("ssh/config");
    let text = std::fs::read_to_string(&config).expect("a file");
    std::fs::write(&config, text.replace("AcceptEnv GIT_PROTOCOL", "AcceptEnv GIT_*"))
        .expect("written");
    let (config, server) = (config.to_string_lossy().into_owned(), world.server());
    let args = ["doctor", "--no-push", "--sshd-config", &config, &server.to_string_lossy()];
    let said = world.refgate(&world.path("."), &args);
    assert!(said.code == Some(1) && said.out.contains("AcceptEnv GIT_*"), "{said}");
}

#[test]
fn the_account_or_the_key_of_the_session_can_be_required() {
    let world = World::with(REVIEW, &structure());
    let sshd = Sshd::start(&world, "");
    let settings = world.server().join("refgate.toml");
    let good = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("{good}\n[identity]\nrequire = \"host\"\n"))
        .expect("written");
    let dana = sshd.person("dana");
    dana.propose("retry");
    // Dana's key is listed in meta/STRUCTURE.md, Mallory's is not.
    world.refuses(&["review-approval-missing"], || dana.push(&["retry:main"]));
    let mallory = sshd.person("mallory");
    mallory.propose("other");
    world.refuses(&["trust-pusher-unknown", "review-approval-missing"], || {
        mallory.push(&["other:main"])
    });
    let mapped = format!(
        "{good}\n[identity]\nrequire = \"host\"\n[identity.users]\nmallory = \"dana@example.org\"\n"
    );
    std::fs::write(&settings, mapped).expect("written");
    world.refuses(&["review-approval-missing"], || mallory.push(&["other:main"]));
}

#[test]
fn t150_twenty_clients_at_once_keep_the_chain_and_the_rules() {
    let world = World::with(REVIEW, &structure());
    let sshd = Sshd::start(&world, "");
    let dana = sshd.person("dana");
    let good = dana.propose("good");
    for name in ["cleo", "ben"] {
        let person = sshd.person(name);
        person.git(&["fetch", "-q", "origin"]);
        person.approves(&good);
    }
    dana.git(&["checkout", "-q", "main"]);
    let mut pushes: Vec<std::process::Command> = Vec::new();
    for at in 0..20 {
        // One that may land, some times; others that may not, sent whatever the client has seen (+);
        // branches that nobody protects.
        let refspec = match at % 5 {
            0 => "good:refs/heads/main".to_owned(),
            1 | 2 => format!("main~0:refs/heads/side-{at}"),
            _ => {
                dana.git(&["checkout", "-q", "-B", &format!("bad-{at}"), "main"]);
                dana.write("net/up.rs", format!("fn bad_{at}() {{}}\n"));
                dana.commit("Bad");
                format!("+bad-{at}:refs/heads/main")
            }
        };
        let mut push = dana.command();
        push.args(["push", "origin", &refspec]);
        pushes.push(push);
    }
    let said: Vec<bool> = std::thread::scope(|scope| {
        let running: Vec<_> =
            pushes.iter_mut().map(|push| scope.spawn(|| output(push).status.success())).collect();
        running.into_iter().map(|push| push.join().expect("a push")).collect()
    });
    for (at, ok) in said.iter().enumerate() {
        match at % 5 {
            0 => {}
            1 | 2 => assert!(ok, "push {at} to an unprotected branch"),
            _ => assert!(!ok, "push {at} was not approved"),
        }
    }
    assert!(said.iter().step_by(5).any(|ok| *ok), "nobody landed the approved change");
    assert_eq!(world.on_server("refs/heads/main"), Some(good));
    world.refgate(&world.server(), &["ledger", "verify"]).accepted();
    world.server_git(&["fsck", "--strict"]);
    // One landing is recorded, and one verdict for each push that touched main and was judged.
    let exported = world.refgate(&world.server(), &["ledger", "export", "--format", "jsonl"]).out;
    let landed = exported
        .lines()
        .filter(|line| line.contains("\"landed\":{") && line.contains("refs/heads/main"));
    // The first push of the world, and this one.
    assert_eq!(landed.count(), 2, "{exported}");
    let refused = exported.matches("\"answer\":\"refused\"").count();
    assert!(refused >= 8, "{refused} refusals are recorded\n{exported}");
    assert!(!world.server().join("objects").read_dir().expect("a directory").any(|entry| {
        entry.expect("an entry").file_name().to_string_lossy().starts_with("tmp_objdir")
    }));
}

#[test]
fn a_push_of_several_refs_is_refused_as_a_whole_atomic_or_not() {
    let world = World::with(REVIEW, &structure());
    let sshd = Sshd::start(&world, "");
    let dana = sshd.person("dana");
    dana.topic("retry");
    dana.commit("Retry");
    for how in ["--atomic", "--no-atomic"] {
        let said = world.refuses(&["review-maintainer-missing"], || {
            dana.try_git(&["push", how, "origin", "retry:side", "retry:main"])
        });
        assert!(said.err.contains("pre-receive hook declined"), "{said}");
        dana.try_git(&["push", how, "origin", "retry:side", "retry:refs/heads/more"]).accepted();
        dana.push(&[":side", ":more"]).accepted();
    }
}

#[test]
fn ten_thousand_commits_in_one_push() {
    let world = World::with(REVIEW, &structure());
    let sshd = Sshd::start(&world, "");
    let settings = world.server().join("refgate.toml");
    let good = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("{good}\n[limits]\ntime-ms = 600000\n")).expect("written");
    let dana = sshd.person("dana");
    let tip = dana.git(&["rev-parse", "HEAD"]);
    let mut stream = String::new();
    for at in 0..10_000 {
        let from = if at == 0 { format!("from {}\n", tip.trim()) } else { String::new() };
        stream += &format!(
            "commit refs/heads/large\ncommitter Dana <dana@example.org> {} +0000\ndata 6\nChange\n{from}\
             M 100644 inline file-{}\ndata 6\n{at:06}\n",
            crate::support::COMMIT_TIME + at,
            at % 100,
        );
    }
    let file = world.path("stream");
    std::fs::write(&file, stream).expect("written");
    let mut import = dana.command();
    import.args(["fast-import", "--quiet"]).stdin(std::fs::File::open(&file).expect("opened"));
    run(&mut import);
    dana.push(&["large"]).accepted();
    world.refuses(&["review-maintainer-missing"], || dana.push(&["large:main"]));
    // Approved, they land, with the record of it and its summary; the server's own limits are for what people push.
    let large = dana.git(&["rev-parse", "large"]);
    for name in ["ada", "ben"] {
        let person = world.person(name);
        person.git(&["fetch", "-q", "origin"]);
        person.approves(large.trim());
    }
    dana.push(&["large:main"]).accepted();
    assert_eq!(world.on_server("refs/heads/main"), Some(large));
    world.refgate(&world.server(), &["ledger", "verify"]).accepted();
}

/// From the first push to a landed change, over ssh, in a repository of SHA-256 objects.
#[test]
fn t153_a_sha256_repository_over_ssh() {
    let world = World::empty(&["--object-format=sha256"]);
    world.bootstrap(REVIEW, &structure());
    let sshd = Sshd::start(&world, "");
    let dana = sshd.person("dana");
    let commit = dana.propose("retry");
    assert_eq!(commit.len(), 64);
    world.refuses(&["review-approval-missing"], || dana.push(&["retry:main"]));
    for name in ["cleo", "ben"] {
        let person = sshd.person(name);
        person.git(&["fetch", "-q", "origin"]);
        person.approves(&commit);
    }
    dana.push(&["retry:main"]).accepted();
    assert_eq!(world.on_server("refs/heads/main"), Some(commit));
    world.refgate(&world.server(), &["ledger", "verify"]).accepted();
}

/// A signed push carries options that are signed with it; both arrive over ssh, where the nonce names the path
/// that the client asked for.
#[test]
fn t131_a_signed_push_with_options_over_ssh() {
    let world = World::with(REVIEW, &structure());
    let sshd = Sshd::start(&world, "");
    world.server_git(&["config", "receive.certNonceSeed", "secret of this server"]);
    let settings = world.server().join("refgate.toml");
    let good = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("{good}\n[identity]\nrequire = \"signed-push\"\n"))
        .expect("written");
    let dana = sshd.person("dana");
    let commit = dana.propose("retry");
    for name in ["cleo", "ben"] {
        let person = sshd.person(name);
        person.git(&["fetch", "-q", "origin"]);
        person.approves(&commit);
    }
    world.refuses(&["trust-push-unsigned"], || {
        dana.try_git(&["push", "-o", "ci.skip", "origin", "retry:main"])
    });
    // Another path to the same repository is another nonce, and as good.
    let other = world.path("also.git");
    std::os::unix::fs::symlink(world.server(), &other).expect("linked");
    let url = sshd.url().replace("server.git", "also.git");
    let said = dana.try_git(&["push", "--signed", "-o", "ci.skip", &url, "retry:refs/heads/side"]);
    said.accepted();
    let refused = dana.try_git(&[
        "push",
        "--signed",
        "-o",
        "ci.skip",
        &url,
        "+main:refs/heads/main",
        "retry:refs/heads/release/1.0",
    ]);
    assert!(!refused.err.contains("trust-certificate-faulty"), "{refused}");
    dana.try_git(&["push", "--signed", "-o", "ci.skip", "origin", "retry:main"]).accepted();
    assert_eq!(world.on_server("refs/heads/main"), Some(commit));
}
