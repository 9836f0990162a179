//! Set-up as a stranger does it: `install.sh` with a home that is empty, and the demo.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::world::Said;
use crate::support::{command, output, run};

/// A place with an empty home, in which `install.sh` is run with the binary that is built already.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(dir.path().join("home")).expect("made");
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = command(program);
        command
            .current_dir(self.dir.path())
            .env("HOME", self.path("home"))
            .env_remove("GIT_CONFIG_GLOBAL")
            .env_remove("XDG_CONFIG_HOME");
        command
    }

    fn install(&self, args: &[&str]) -> Said {
        let mut sh = self.command("sh");
        output(sh.arg(root().join("install.sh")).args(args)).into()
    }

    /// Writes a program of the place's own, found before those of the system if `tools` is in the path.
    fn tool(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let file = self.path("tools").join(name);
        std::fs::create_dir_all(self.path("tools")).expect("made");
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))
            .expect("made executable");
    }

    /// Makes a bare repository, with a hook of its own if `hook` says what it does.
    fn repository(&self, name: &str, hook: Option<&str>) -> PathBuf {
        let path = self.path(name);
        run(self.command("git").args(["init", "-q", "--bare", "-b", "main"]).arg(&path));
        if let Some(hook) = hook {
            use std::os::unix::fs::PermissionsExt as _;
            let file = path.join("hooks/pre-receive");
            std::fs::write(&file, format!("#!/bin/sh\n{hook}\n")).expect("written");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))
                .expect("made executable");
        }
        path
    }
}

const BINARY: &str = env!("CARGO_BIN_EXE_refgate");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a directory with its content, and every directory.
fn everything_below(directory: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let content = if path.is_dir() {
                pending.push(path.clone());
                None
            } else {
                Some(std::fs::read(&path).expect("a file"))
            };
            found.insert(path, content);
        }
    }
    found
}

/// Text with what differs from run to run replaced: object ids and numbers of verdicts.
fn normalised(text: &str) -> String {
    let ids = regex::Regex::new(r"\b[0-9a-f]{12}\b").expect("a pattern");
    let verdicts = regex::Regex::new(r"\b[0-9a-f]{4}-[0-9a-f]{4}\b").expect("a pattern");
    verdicts.replace_all(&ids.replace_all(text, "<id>"), "<verdict>").into_owned()
}

/// The lines that are set in by four blanks, below a line and above another.
fn block<'t>(text: &'t str, below: &str, above: &str) -> Vec<&'t str> {
    let (_, rest) = text.split_once(below).unwrap_or_else(|| panic!("no {below:?} in:\n{text}"));
    let (block, _) = rest.split_once(above).unwrap_or_else(|| panic!("no {above:?} in:\n{rest}"));
    block.lines().filter_map(|line| line.strip_prefix("    ")).collect()
}

#[test]
fn the_demo_is_refused_three_times_then_accepted_and_leaves_the_rest_to_the_user() {
    let place = Place::new();
    let demo = place.path("demo");
    let said = place.install(&["--demo", "--binary", BINARY, "--directory", "demo"]);
    said.accepted();
    assert_eq!(said.err, "", "{said}");

    let told: Vec<&str> = said
        .out
        .lines()
        .filter_map(|line| {
            let line = line.trim_start();
            line.strip_prefix("==> ").map(|rest| rest.split(';').next().unwrap_or_default()).or(
                line.strip_prefix("remote: error[")
                    .and_then(|rest| rest.split_once(']'))
                    .map(|(code, _)| code),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "accepted",
            "review-approval-missing",
            "refused",
            "scan-finding-open",
            "refused",
            "review-self-approved",
            "refused",
            "accepted",
        ],
        "{said}"
    );
    let on_server = |name: &str| {
        let server = demo.join("server.git");
        let id =
            run(place.command("git").arg("-C").arg(server).args(["rev-parse", "--verify", name]));
        String::from_utf8(id).expect("an id").trim().to_owned()
    };
    assert_eq!(on_server("refs/heads/main"), on_server("refs/heads/retry"));

    for clone in ["ada", "cleo", "ci"] {
        let tip =
            run(place.command("git").arg("-C").arg(demo.join(clone)).args(["rev-parse", "HEAD"]));
        let tip = String::from_utf8(tip).expect("an id");
        assert_eq!(tip.trim(), on_server("refs/heads/main"), "{clone} can be tried in");
    }

    // What it proposes in the end works as it stands there.
    let script = block(&said.out, "--- Your turn", "Or look around").join("\n");
    let tried: Said = output(place.command("sh").args(["-c", &script])).into();
    tried.accepted();
    assert!(tried.out.ends_with("landed on refs/heads/main\n"), "{tried}");
    assert_eq!(on_server("refs/heads/main^2"), on_server("refs/heads/timeout"));
    let moved = on_server("refs/heads/main");
    for command in block(&said.out, "Or look around", "And in the end") {
        let script =
            format!("cd '{0}/ben'; export PATH='{0}/bin':$PATH; {command}", demo.display());
        let tried: Said = output(place.command("sh").args(["-c", &script])).into();
        let expected = if command.contains("land shell") { 1 } else { 0 };
        assert_eq!(tried.code, Some(expected), "{command}: {tried}");
    }
    assert_eq!(on_server("refs/heads/main"), moved, "looking around changes nothing");

    // The home of whoever runs it stays as it was.
    assert!(everything_below(&place.path("home")).is_empty());

    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let (_, shown) = readme.split_once("```console\n").expect("a console block");
    let (shown, _) = shown.split_once("```").expect("the end of the block");
    let real: Vec<&str> =
        block(&said.out, "--- 1.", "--- 2.").into_iter().filter(|l| !l.is_empty()).collect();
    let real = real.join("\n").replace(&*demo.to_string_lossy(), "/srv/git").replace("ben$", "$");
    assert_eq!(normalised(shown.trim_end()), normalised(&real), "README.md shows another refusal");
}

#[test]
fn the_demo_says_what_it_needs() {
    let place = Place::new();
    std::fs::create_dir(place.path("tools")).expect("made");
    // The tools of any system, and git, but no ssh-keygen.
    for tool in ["sh", "dirname", "id", "git"] {
        let found = run(place.command("sh").args(["-c", &format!("command -v {tool}")]));
        let found = String::from_utf8(found).expect("a path");
        std::os::unix::fs::symlink(found.trim(), place.path("tools").join(tool)).expect("linked");
    }
    let said: Said = output(
        place
            .command("sh")
            .arg(root().join("install.sh"))
            .args(["--demo", "--binary", BINARY])
            .env("PATH", place.path("tools")),
    )
    .into();
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.starts_with("error: ssh-keygen is not here\nhint: "), "{said}");
}

#[test]
fn the_demo_takes_no_directory_that_holds_something() {
    let place = Place::new();
    std::fs::create_dir(place.path("mine")).expect("made");
    std::fs::write(place.path("mine/thesis.txt"), "years of work").expect("written");
    let before = everything_below(&place.path("mine"));
    let said = place.install(&["--demo", "--binary", BINARY, "--directory", "mine"]);
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("mine is not empty"), "{said}");
    assert_eq!(everything_below(&place.path("mine")), before);
}

#[test]
fn what_is_installed_judges_and_uninstalling_leaves_nothing() {
    let place = Place::new();
    let plain = place.repository("plain.git", None);
    let hooked = place.repository("with a hook.git", Some("echo the old hook ran"));
    let before = everything_below(place.dir.path());

    let key = root().join("tests/keys/ada.pub");
    let listed = run(place.command("ssh-keygen").arg("-lf").arg(&key));
    let listed = String::from_utf8(listed).expect("text");
    let fingerprint = listed.split(' ').nth(1).expect("a fingerprint");
    let args = [
        "--binary",
        BINARY,
        "plain.git",
        "--prefix",
        "opt",
        "--trust-root",
        fingerprint,
        "with a hook.git",
    ];
    let said = place.install(&args);
    said.accepted();
    assert!(
        said.out.contains(&format!("installed {}", place.path("opt/bin/refgate").display())),
        "{said}"
    );

    // Both hooks start what was installed, and refuse a push that nobody signed.
    run(place.command("git").args(["init", "-q", "-b", "main", "work"]));
    let work = |args: &[&str]| -> Said {
        let identity = ["-c", "user.name=Dana", "-c", "user.email=dana@example.org"];
        output(place.command("git").arg("-C").arg(place.path("work")).args(identity).args(args))
            .into()
    };
    work(&["commit", "-q", "--allow-empty", "-m", "Start"]).accepted();
    for server in [&plain, &hooked] {
        let pushed = work(&["push", &server.to_string_lossy(), "main"]);
        pushed.refused(&["trust-files-void"]);
        assert_eq!(pushed.err.contains("the old hook ran"), server == &hooked, "{pushed}");
    }
    std::fs::remove_dir_all(place.path("work")).expect("removed");

    // Installing again, as for a newer version, changes nothing that uninstalling would miss.
    place.install(&["--prefix", "opt", "--binary", BINARY, "plain.git"]).accepted();

    place.install(&["--uninstall", "--prefix", "opt", "plain.git"]).accepted();
    assert!(!plain.join("hooks/pre-receive").exists());
    assert!(place.path("opt/bin/refgate").exists(), "another repository needs it");
    place.install(&["--uninstall", "--prefix", "opt"]).accepted();
    // What was judged stays on record, for whoever removes it knowingly.
    for server in [&plain, &hooked] {
        assert!(server.join("refgate/ledger.jsonl").is_file());
        std::fs::remove_dir_all(server.join("refgate")).expect("removed");
    }
    let after = everything_below(place.dir.path());
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    assert!(after == before, "a file has another content than before");
}

#[test]
fn uninstalling_leaves_what_others_have() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("usr/bin")).expect("made");
    let before = everything_below(&place.path("usr"));
    place.install(&["--prefix", "usr", "--binary", BINARY]).accepted();
    place.install(&["--uninstall", "--prefix", "usr"]).accepted();
    assert_eq!(everything_below(&place.path("usr")), before, "the empty bin/ was there before");

    place.install(&["--prefix", "usr", "--binary", BINARY]).accepted();
    std::fs::write(place.path("usr/share/of-somebody"), "else").expect("written");
    place.install(&["--uninstall", "--prefix", "usr"]).accepted();
    assert!(place.path("usr/share/of-somebody").exists());
}

#[test]
fn a_repository_that_is_gone_does_not_keep_refgate_there() {
    let place = Place::new();
    let gone = place.repository("gone.git", None);
    place.install(&["--prefix", "opt", "--binary", BINARY, "gone.git"]).accepted();
    std::fs::remove_dir_all(&gone).expect("removed");
    let said = place.install(&["--uninstall", "--prefix", "opt"]);
    said.accepted();
    assert!(said.out.contains("gone.git is gone"), "{said}");
    assert!(!place.path("opt").exists());
}

#[test]
fn mistakes_on_the_command_line_change_nothing() {
    let place = Place::new();
    let before = everything_below(place.dir.path());
    for (args, told) in [
        (&["--bogus"][..], "there is no option --bogus"),
        (&["--prefix"], "--prefix needs a value"),
        (&["--demo", "server.git"], "--demo makes its own repository"),
        (&["--uninstall", "--prefix", "nowhere"], "nowhere/bin/refgate"),
        (&["--binary", "absent", "--prefix", "opt"], "absent is no program"),
        (&["--binary", BINARY, "--prefix", "opt", "absent.git"], "absent.git is no directory"),
        (&["--trust-root", "a b"], "--trust-root 'a b' is no commit id and no fingerprint"),
    ] {
        let said = place.install(args);
        assert_eq!(said.code, Some(2), "{args:?}: {said}");
        assert!(said.err.starts_with("error: ") && said.err.contains(told), "{args:?}: {said}");
        assert_eq!(everything_below(place.dir.path()), before, "{args:?}");
    }
    let help = place.install(&["--help"]);
    help.accepted();
    for option in
        ["--demo", "--directory", "--prefix", "--binary", "--hook", "--trust-root", "--uninstall"]
    {
        assert!(help.out.contains(option), "{option}: {help}");
    }
}

#[test]
fn installing_says_when_nobody_is_trusted_yet() {
    let place = Place::new();
    let server = place.repository("server.git", None);
    let install = |args: &[&str]| -> Said {
        output(place.command(BINARY).arg("install").args(args).arg(&server)).into()
    };
    let absent = install(&[]);
    absent.accepted();
    assert!(absent.err.starts_with("refs/heads/main does not exist yet, so "), "{absent}");

    // A project that was there before refgate has commits, and nobody to judge the next by.
    let tree = run(place.command("git").arg("-C").arg(&server).arg("mktree"));
    let tree = String::from_utf8(tree).expect("an id");
    let identity = ["-c", "user.name=Dana", "-c", "user.email=dana@example.org"];
    let commit = run(place.command("git").arg("-C").arg(&server).args(identity).args([
        "commit-tree",
        "-m",
        "Old",
        tree.trim(),
    ]));
    let commit = String::from_utf8(commit).expect("an id");
    let update = ["update-ref", "refs/heads/main", commit.trim()];
    run(place.command("git").arg("-C").arg(&server).args(update));
    let without_people = install(&[]);
    without_people.accepted();
    let told = "refs/heads/main has no meta/STRUCTURE.md yet, so ";
    assert!(without_people.err.starts_with(told), "{without_people}");

    install(&["--trust-root", commit.trim()]).accepted();
    // From a timer, say: the same again is nothing new, and another one is not what was agreed.
    let settings = std::fs::read_to_string(server.join("refgate.toml")).expect("settings");
    install(&["--trust-root", commit.trim()]).accepted();
    let again = std::fs::read_to_string(server.join("refgate.toml")).expect("settings");
    assert_eq!(again, settings);
    let before = everything_below(&server);
    let other = install(&["--trust-root", "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"]);
    assert_eq!(other.code, Some(2), "{other}");
    assert!(other.err.contains("name another root of trust already"), "{other}");
    assert_eq!(everything_below(&server), before, "nothing was changed");
    assert_eq!(install(&[]).err, "", "nothing is missing any more");

    std::fs::write(server.join("refgate.toml"), "trustroot = 1\n").expect("written");
    let broken = install(&[]);
    assert_eq!(broken.code, Some(2), "{broken}");
    assert!(broken.err.contains("unknown key \"trustroot\""), "{broken}");
}

#[test]
fn init_names_everything_that_git_does_not_know() {
    let place = Place::new();
    run(place.command("git").args(["init", "-q", "app"]));
    let init = || -> Said {
        output(place.command(BINARY).arg("init").current_dir(place.path("app"))).into()
    };
    let nobody = init();
    assert_eq!(nobody.code, Some(2), "{nobody}");
    assert_eq!(
        nobody.err,
        "error: git does not know your name and email\n\
         hint: git config user.name \"Your Name\"; git config user.email you@example.org",
    );
    let key = place.path("key");
    run(place.command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key));
    for (name, value) in [
        ("user.name", "Ada Lovelace"),
        ("user.email", "ada@example.org"),
        ("gpg.format", "ssh"),
        ("user.signingKey", &*key.to_string_lossy()),
    ] {
        run(place.command("git").current_dir(place.path("app")).args(["config", name, value]));
    }
    let made = init();
    made.accepted();
    assert_eq!(
        made.out,
        "wrote meta/STRUCTURE.md\nwrote meta/refgate.toml\nwrote templates/document-template.md\n\
         wrote templates/exception-request.md\n"
    );
    let before = everything_below(&place.path("app"));
    let again = init();
    assert_eq!(again.code, Some(2), "{again}");
    assert!(again.err.contains("nothing is overwritten, and here already: meta/STRUCTURE.md"));
    assert_eq!(everything_below(&place.path("app")), before);
}

/// How a release is linked depends on what is installed. Compilers of the test's own say
/// what they were asked to do, since a real release takes minutes.
#[test]
fn a_release_is_static_where_it_can_be() {
    for (musl, glibc, target, flags) in [
        (true, true, "x86_64-unknown-linux-musl", "-C target-feature=+crt-static"),
        (true, false, "x86_64-unknown-linux-musl", "-C target-feature=+crt-static"),
        (false, true, "x86_64-unknown-linux-gnu", "-C target-feature=+crt-static"),
        (false, false, "", ""),
    ] {
        let place = Place::new();
        let at = |name: &str| place.path(name).to_string_lossy().into_owned();
        place.tool(
            "rustc",
            &format!(
                "case $1 in -vV) echo 'host: x86_64-unknown-linux-gnu' ;; *) echo '{}' ;; esac",
                at("sysroot"),
            ),
        );
        place.tool(
            "cargo",
            &format!(
                "echo \"$RUSTFLAGS|$*\" >>'{log}'\n\
                 if [ \"$1\" = metadata ]; then echo '{{\"target_directory\":\"{built}\",\"version\":1}}'; exit; fi\n\
                 out='{built}/{target}/release'; mkdir -p \"$out\"; cp '{BINARY}' \"$out/refgate\"",
                log = at("log"),
                built = at("built"),
            ),
        );
        place.tool("cc", if glibc { "exit 0" } else { "exit 1" });
        if musl {
            place.tool("musl-gcc", "exit 0");
            let library = "sysroot/lib/rustlib/x86_64-unknown-linux-musl/lib";
            std::fs::create_dir_all(place.path(library)).expect("made");
        }
        let path = format!("{}:/usr/bin:/bin", at("tools"));
        let said: Said = output(
            place
                .command("sh")
                .arg(root().join("install.sh"))
                .args(["--prefix", "opt"])
                .env("PATH", path)
                .env_remove("RUSTFLAGS")
                .env_remove("CC"),
        )
        .into();
        said.accepted();
        let asked = std::fs::read_to_string(place.path("log")).expect("cargo ran");
        let build = asked.lines().next().expect("a build");
        let option = if target.is_empty() { String::new() } else { format!(" --target {target}") };
        assert!(
            build.ends_with(&format!(
                "--locked --profile release --bin refgate --features sigstore{option}"
            )),
            "{build}"
        );
        assert_eq!(build.split('|').next().map(str::trim), Some(flags), "{build}");
        assert_eq!(said.out.contains("nothing here links statically"), target.is_empty(), "{said}");
        assert!(place.path("opt/bin/refgate").exists(), "{said}");
    }
}

/// What the README tells people to type exists, down to the options.
#[test]
fn the_commands_of_the_readme_exist() {
    let place = Place::new();
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let mut seen = 0;
    for block in readme.split("```sh\n").skip(1) {
        let (block, _) = block.split_once("```").expect("the end of the block");
        let commands = block
            .lines()
            .map(|line| line.split(" # ").next().unwrap_or_default())
            .flat_map(|line| line.split("&&").map(str::trim));
        for command in commands {
            let words: Vec<&str> = command.split_whitespace().collect();
            let options = words.iter().filter(|word| word.starts_with("--"));
            let help = match words.as_slice() {
                ["refgate", "policy", sub, ..] => vec!["policy", sub, "--help"],
                ["refgate", sub, ..] => vec![sub, "--help"],
                ["./install.sh", ..] => {
                    let help = place.install(&["--help"]);
                    options.for_each(|option| assert!(help.out.contains(option), "{command}"));
                    seen += 1;
                    continue;
                }
                ["./tests/run.sh"] => {
                    assert!(root().join("tests/run.sh").exists());
                    continue;
                }
                ["git" | "$EDITOR", ..] | [] => continue,
                _ => panic!("{command:?}: what is this?"),
            };
            let help: Said = output(place.command(BINARY).args(help)).into();
            help.accepted();
            options.for_each(|option| assert!(help.out.contains(option), "{command}: {help}"));
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen} commands were found");
}

/// A newer version is put into its place while people push: each push is judged by one or the other.
#[test]
fn upgrading_while_people_push_loses_no_push() {
    let place = Place::new();
    let server = place.repository("server.git", None);
    place.install(&["--prefix", "opt", "--binary", BINARY, "server.git"]).accepted();
    run(place.command("git").args(["init", "-q", "-b", "main", "work"]));
    let work = |args: &[&str]| -> Said {
        let identity = ["-c", "user.name=Dana", "-c", "user.email=dana@example.org"];
        output(place.command("git").arg("-C").arg(place.path("work")).args(identity).args(args))
            .into()
    };
    work(&["commit", "-q", "--allow-empty", "-m", "Start"]).accepted();
    let url = server.to_string_lossy().into_owned();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let upgrades = std::thread::scope(|scope| {
        let upgrading = scope.spawn(|| {
            let mut upgrades = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                place.install(&["--prefix", "opt", "--binary", BINARY]).accepted();
                upgrades += 1;
            }
            upgrades
        });
        for at in 0..15 {
            let refused = work(&["push", &url, "main"]);
            assert!(!refused.ok && refused.err.contains("no root of trust"), "{at}: {refused}");
            work(&["push", &url, &format!("main:refs/heads/side-{at}")]).accepted();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        upgrading.join().expect("upgraded")
    });
    assert!(upgrades > 0);
    let refs = run(place.command("git").arg("-C").arg(&server).arg("for-each-ref"));
    assert_eq!(String::from_utf8_lossy(&refs).matches("refs/heads/side-").count(), 15);
}

/// Where the binary goes, so do hooks that guard others as well: they would refuse everything without it.
#[test]
fn uninstalling_everything_takes_hooks_along_that_many_share() {
    let place = Place::new();
    let (one, two) = (place.repository("one.git", None), place.repository("two.git", None));
    let hooks = place.path("hooks-of-all");
    for repository in [&one, &two] {
        let mut git = place.command("git");
        git.arg("-C").arg(repository).args(["config", "core.hooksPath"]).arg(&hooks);
        run(&mut git);
    }
    let before = everything_below(place.dir.path());
    place.install(&["--prefix", "opt", "--binary", BINARY, "one.git", "two.git"]).accepted();
    assert!(hooks.join("pre-receive").is_file());
    let said = place.install(&["--uninstall", "--prefix", "opt", "one.git"]);
    assert!(!said.ok && said.err.contains("two.git as well"), "{said}");
    place.install(&["--uninstall", "--prefix", "opt"]).accepted();
    assert_eq!(everything_below(place.dir.path()), before);
}
