//! Failures and hostile surroundings (T90 to T99, T119 to T147): whatever breaks, the push is
//! refused, the repository is as it was, and the message is one that people can read.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::support::wire::{self, ZERO};
use crate::support::world::{Said, World, structure};
use crate::support::{command, output};
use crate::threats_refs::REVIEW;

/// A world, a commit on its server that nobody approved, and the line that asks to land it.
fn unapproved() -> (World, String, String) {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    let commit = dana.propose("topic");
    let main = world.on_server("refs/heads/main").expect("a branch");
    (world, commit.clone(), format!("{main} {commit} refs/heads/main\n"))
}

fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("executable");
}

/// All files below a directory with their sizes.
fn files(directory: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let len = path.metadata().expect("a file").len();
                found.push((path, len));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn t90_t91_t92_t98_t99_foreign_text_stays_text() {
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    dana.topic("hostile");
    let subject = "success: all gates passed\u{1b}[32m\r\u{9b}1m\u{202e}evil\u{200b}";
    for name in ["\u{1b}]0;title\u{7}", "error: fine", "GL-HOOK-ERR: <b>x</b>", "a\nremote: b"] {
        dana.write(&format!("net/{name}"), "x");
    }
    dana.git(&["add", "-A"]);
    let author = "Dana\u{1b}[1m \u{202e}Cole <dana@example.org>";
    dana.git(&["commit", "-q", "--author", author, "-m", subject]);
    dana.push(&["hostile"]).accepted();
    world.refuses(&["review-approval-missing"], || dana.push(&["hostile:main"]));
    let raw = output(dana.command().args(["push", "origin", "hostile:main"])).stderr;
    let raw = String::from_utf8(raw).expect("UTF-8");
    assert!(raw.contains("success: all gates passed"), "{raw}");
    for line in raw.lines() {
        let text = line.strip_prefix("remote: ").unwrap_or(line);
        assert!(
            !text.contains(|c: char| c.is_control() || "\u{202e}\u{200b}".contains(c)),
            "{line:?}"
        );
        for word in ["success", "GL-HOOK-ERR", "error: fine"] {
            assert!(!text.trim_start().starts_with(word), "{line:?}");
        }
    }
}

#[test]
fn t94_thousands_of_findings_are_counted() {
    let config = REVIEW.to_owned()
        + "[scan]\nrequire = [\"sast\"]\n\
        [[protect]]\nrefs = [\"refs/heads/scans\"]\ngates = [\"scan\"]\n";
    let world = World::with(&config, &structure());
    world.server_git(&["update-ref", "refs/heads/scans", "refs/heads/main"]);
    let dana = world.person("dana");
    let commit = dana.propose("topic");
    let mut results = String::new();
    for n in 0..10_000 {
        let comma = if n == 0 { "" } else { "," };
        write!(results, "{comma}{{\"ruleId\":\"R{n}\",\"level\":\"error\",\"message\":{{\"text\":\"bad {n}\"}},\
            \"locations\":[{{\"physicalLocation\":{{\"artifactLocation\":{{\"uri\":\"f{n}.c\"}}}}}}]}}").expect("text");
    }
    let sarif = format!(
        "{{\"version\":\"2.1.0\",\"runs\":[{{\"tool\":{{\"driver\":{{\"name\":\"t\"}}}},\"results\":[{results}]}}]}}"
    );
    let file = world.path("many.sarif");
    std::fs::write(&file, sarif).expect("written");
    let ci = world.person("ci");
    ci.git(&["fetch", "-q", "origin"]);
    ci.refgate(&["attach", "--push", "--sast", &file.to_string_lossy(), &commit]).accepted();
    let said = world.refuses(&["scan-finding-open"], || dana.push(&["topic:scans"]));
    assert!(said.err.contains("10000 blocking findings"), "{said}");
    assert!(said.err.lines().count() < 60 && said.err.contains("more"), "{said}");
}

#[test]
fn t95_messages_name_no_path_of_the_server() {
    let (world, commit, _) = unapproved();
    let dana = world.person("dana");
    let hooks_say = |said: &Said| {
        let lines = said.err.lines().take_while(|line| !line.starts_with("To "));
        lines.collect::<Vec<_>>().join("\n")
    };
    let place = world.path(".").canonicalize().expect("a path").to_string_lossy().into_owned();
    let refused = world.refuses(&["review-approval-missing"], || dana.push(&["topic:main"]));
    assert!(!hooks_say(&refused).contains(&place), "{refused}");
    std::fs::write(world.server().join("refgate.toml"), "nonsense = 1\n").expect("written");
    let broken = world.cannot_judge(&["refgate.toml"], || dana.push(&["topic:main"]));
    assert!(!hooks_say(&broken).contains(&place), "{broken}");
    assert_eq!(world.on_server("refs/heads/topic"), Some(commit));
}

/// Push options are no words of ours and no switch.
#[test]
fn t97_t133_push_options_do_nothing() {
    let (world, _, _) = unapproved();
    world.server_git(&["config", "receive.advertisePushOptions", "true"]);
    let dana = world.person("dana");
    for option in ["refgate.skip=1", "skip-hooks", "\u{1b}[32mok"] {
        let said = world
            .refuses(&["review-approval-missing"], || dana.push(&["-o", option, "topic:main"]));
        assert!(!said.err.contains(option), "{said}");
    }
}

#[test]
fn t120_a_hook_that_is_killed_leaves_everything_as_it_was() {
    let (world, _, _) = unapproved();
    let before = (files(&world.server()), world.refs());
    let chained = world.server().join("hooks/refgate-chained/pre-receive");
    // The hook that runs first kills refgate, which waits for it.
    script(&chained, "kill -9 $PPID; sleep 1");
    let dana = world.person("dana");
    dana.topic("more");
    dana.write("net/new.rs", "new\n");
    dana.commit("new objects");
    let said = dana.push(&["more:main", "more"]);
    assert!(!said.ok && said.err.contains("pre-receive hook declined"), "{said}");
    std::fs::remove_file(&chained).expect("removed");
    std::fs::remove_dir(chained.parent().expect("a directory")).expect("removed");
    assert_eq!((files(&world.server()), world.refs()), before);
}

#[test]
fn t121_t124_an_empty_environment_is_enough() {
    let (world, commit, line) = unapproved();
    let free = format!("{ZERO} {commit} refs/heads/free\n");
    for (input, code) in [(&line, 1), (&free, 0)] {
        let mut hook = world.hook("pre-receive", input);
        hook.env_clear().env("GIT_DIR", ".");
        let said: Said = output(&mut hook).into();
        assert_eq!(said.code, Some(code), "{said}");
        assert_eq!(said.codes().contains(&"review-approval-missing"), code == 1, "{said}");
    }
    // Without the one variable that it needs, it judges nothing and accepts nothing.
    let said: Said = output(world.hook("pre-receive", &line).env_clear()).into();
    assert_eq!(said.code, Some(2), "{said}");
}

/// Nothing in the environment switches anything off, nor does the configuration of the user.
#[test]
fn t130_t131_t133_t135_t139_t147_a_hostile_environment_changes_nothing() {
    let (world, commit, line) = unapproved();
    let home = world.path("home");
    std::fs::create_dir_all(&home).expect("made");
    let include = world.path("evil-config");
    std::fs::write(&include, "[core]\n\trepositoryformatversion = 9\n\thooksPath = /dev/null\n")
        .expect("written");
    std::fs::write(home.join(".gitconfig"), format!("[include]\n\tpath = {}\n", include.display()))
        .expect("written");
    world.server_git(&["config", "include.path", &include.to_string_lossy()]);
    world.server_git(&["config", "core.useReplaceRefs", "true"]);
    let main = world.on_server("refs/heads/main").expect("a branch");
    world.server_git(&["update-ref", &format!("refs/replace/{commit}"), &main]);
    let mut hook = world.hook("pre-receive", &line);
    hook.envs([
        ("GIT_PUSH_CERT", main.as_str()),
        ("GIT_PUSH_CERT_STATUS", "G"),
        ("GIT_PUSH_CERT_SIGNER", "ada@example.org"),
        ("GIT_PUSH_CERT_KEY", "SHA256:x"),
        ("GIT_PUSH_CERT_NONCE_STATUS", "OK"),
        ("REFGATE_SKIP", "1"),
        ("REFGATE_MODE", "off"),
        ("GL_BYPASS_ACCESS_CHECKS", "1"),
        ("GL_ID", "key-1"),
        ("GITEA_INTERNAL_PUSH", "true"),
        ("GIT_CONFIG_PARAMETERS", "'core.hooksPath'='/dev/null'"),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "core.hooksPath"),
        ("GIT_CONFIG_VALUE_0", "/dev/null"),
        ("GIT_REPLACE_REF_BASE", "refs/heads/"),
        ("GIT_GRAFT_FILE", "/nowhere"),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", "/nowhere:/dev/null"),
        ("GIT_PUSH_OPTION_COUNT", "1"),
        ("GIT_PUSH_OPTION_0", "skip"),
        ("LANG", "xx_XX"),
        ("LC_MESSAGES", "\u{1b}[31m"),
        ("TZ", "Nowhere/Never"),
        ("PATH", "/nowhere"),
        ("RUST_BACKTRACE", "1"),
        ("RUST_LOG", "trace"),
    ]);
    hook.env("HOME", &home).env("XDG_CONFIG_HOME", &home).env_remove("GIT_CONFIG_GLOBAL");
    let said: Said = output(&mut hook).into();
    assert_eq!(said.code, Some(1), "{said}");
    said.refused(&["review-approval-missing"]);
    assert!(said.err.contains(&commit[..12]) && !said.err.contains("[31m"), "{said}");
}

#[test]
fn t123_little_memory_and_few_files_never_accept() {
    let (world, _, line) = unapproved();
    let mut judged = 0;
    let files = (3..14).map(|n| format!("ulimit -n {n}"));
    // From where not even the program can be mapped to where there is room enough.
    let memory =
        [4, 8, 12, 16, 24, 32, 48, 64, 128, 1024].map(|mib| format!("ulimit -v {}", mib << 10));
    let processor = ["ulimit -t 0".to_owned(), "ulimit -f 0".to_owned(), "ulimit -s 64".to_owned()];
    for limit in files.chain(memory).chain(processor) {
        let hook = world.hook("pre-receive", &line);
        let mut shell = command("sh");
        shell.current_dir(world.server()).env("GIT_DIR", ".");
        shell.arg("-c").arg(format!("{limit} && exec \"$0\"")).arg(hook.get_program());
        shell.stdin(std::fs::File::open(world.path("stdin")).expect("opened"));
        let said: Said = output(&mut shell).into();
        assert_ne!(said.code, Some(0), "{limit}\n{said}");
        judged += usize::from(said.codes() == ["review-approval-missing"]);
    }
    assert!(judged > 3, "with room enough it is judged");
}

#[test]
fn t125_a_damaged_repository_cannot_be_judged() {
    // What is missing or damaged, and whether it must be noticed.
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    let ada = world.person("ada");
    ada.git(&["fetch", "-q", "origin"]);
    ada.push(&["origin/main:refs/heads/release/1.0"]).accepted();
    let commit = dana.propose("topic");
    let line = format!("{} {commit} refs/heads/main\n", ada.git(&["rev-parse", "origin/main"]));
    let judge = || -> Said { output(&mut world.hook("pre-receive", &line)).into() };
    judge().refused(&["review-approval-missing"]);
    for revision in [
        "main",
        "main^{tree}",
        "main:meta",
        "main:meta/STRUCTURE.md",
        "main:meta/refgate.toml",
        "main:net",
    ] {
        let id = world.server_git(&["rev-parse", revision]);
        let object = world.server().join("objects").join(&id[..2]).join(&id[2..]);
        let bytes = std::fs::read(&object).expect("a loose object");
        std::fs::remove_file(&object).expect("removed");
        let mut damaged = bytes.clone();
        let at = damaged.len() / 2;
        damaged[at] ^= 0xff;
        for content in [None, Some(&damaged), Some(&Vec::new())] {
            if let Some(content) = content {
                std::fs::write(&object, content).expect("written");
            }
            let said = judge();
            assert_eq!(said.code, Some(2), "{revision}\n{said}");
            assert!(said.err.contains("cannot judge"), "{revision}\n{said}");
            assert!(said.err.contains(&id[..12]), "{revision} {id} is not named\n{said}");
            drop(std::fs::remove_file(&object));
        }
        std::fs::write(&object, bytes).expect("written");
    }
    // Refs that cannot be read are no absent refs.
    for name in ["refs/heads/main", "refs/notes/refgate/evidence", "HEAD"] {
        let path = world.server().join(name);
        let before = std::fs::read(&path).ok();
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        std::fs::write(&path, "garbage\n").expect("written");
        let said = judge();
        assert_eq!(said.code, Some(2), "{name}\n{said}");
        match before {
            Some(before) => std::fs::write(&path, before).expect("written"),
            None => std::fs::remove_file(&path).expect("removed"),
        }
    }
    judge().refused(&["review-approval-missing"]);
}

/// Set in a process of its own, in which the child of the next test panics.
const PANICS: &str = "TEST_OF_A_PANIC";

#[test]
fn t126_a_panic_is_one_clean_message() {
    #[expect(clippy::disallowed_methods, reason = "the test starts itself")]
    if std::env::var_os(PANICS).is_some() {
        refgate::cli::hook::report_panics();
        panic!("secret \u{1b}[31m of /some/path");
    }
    let mut child = command(std::env::current_exe().expect("this program"));
    let said: Said = output(child.env(PANICS, "1").env("RUST_BACKTRACE", "full").args([
        "--exact",
        "--nocapture",
        "threats_failure::t126_a_panic_is_one_clean_message",
    ]))
    .into();
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("error: refgate cannot judge this push, so it is refused"), "{said}");
    assert!(said.err.contains("this is a fault of refgate itself"), "{said}");
    let is_clean = |word: &str| !said.err.contains(word);
    assert!(is_clean("secret") && is_clean("backtrace") && is_clean("panicked"), "{said}");
}

#[test]
fn t127_t128_nobody_listens() {
    let (world, commit, line) = unapproved();
    let free = format!("{ZERO} {commit} refs/heads/free\n");
    for (input, code) in [(&line, 1), (&free, 0)] {
        for redirection in ["2>&-", "2>/dev/full", "1>&- 2>&-", ">/dev/full 2>&1", "2>&1 | true"] {
            let hook = world.hook("pre-receive", input);
            let mut shell = command("bash");
            shell.current_dir(world.server()).env("GIT_DIR", ".").arg("-c");
            shell.arg(format!("set -o pipefail; \"$0\" {redirection}")).arg(hook.get_program());
            shell.stdin(std::fs::File::open(world.path("stdin")).expect("opened"));
            let said: Said = output(&mut shell).into();
            assert_eq!(said.code, Some(code), "{redirection}\n{said}");
        }
    }
    // A client that is gone before the hook has read its input.
    let mut hook = world.hook("pre-receive", &line);
    hook.stdin(Stdio::null());
    assert_eq!(output(&mut hook).status.code(), Some(2));
}

#[test]
fn t136_names_that_mean_something_to_a_shell() {
    let (world, commit, _) = unapproved();
    let dana = world.person("dana");
    for name in [
        "refs/heads/-x",
        "refs/heads/$(touch${IFS}x)",
        "refs/heads/`id`",
        "refs/heads/a;b",
        "refs/heads/--upload-pack=x",
    ] {
        dana.push(&[&format!("{commit}:{name}")]).accepted();
        dana.push(&[&format!(":{name}")]).accepted();
    }
    world.refuses(&["review-approval-missing"], || {
        dana.push(&["topic:main", "topic:refs/heads/-rf"])
    });
}

#[test]
fn t156_a_partial_clone_as_a_server() {
    let (world, _, _) = unapproved();
    world.server_git(&["config", "core.repositoryFormatVersion", "1"]);
    world.server_git(&["config", "extensions.partialClone", "origin"]);
    let dana = world.person("dana");
    let said = dana.push(&["topic:main"]);
    assert!(!said.ok && said.err.contains("it is a partial clone"), "{said}");
}

#[test]
fn policy_files_and_settings_that_cannot_be_read() {
    let (world, _, _) = unapproved();
    let dana = world.person("dana");
    let settings = world.server().join("refgate.toml");
    for (text, word) in [
        ("[limits]\nnote = 1\n", "refgate.toml:2"),
        ("trust-ref = \"main\"\n", "no full name of a ref"),
        ("not toml", "refgate.toml:1"),
        ("repository = \"git.example.org/other\"\n", "the repository is"),
    ] {
        std::fs::write(&settings, text).expect("written");
        world.cannot_judge(&[word], || dana.push(&["topic:main"]));
    }
    std::fs::remove_file(&settings).expect("removed");
    std::fs::create_dir(&settings).expect("made");
    world.cannot_judge(&["refgate.toml"], || dana.push(&["topic:main"]));
    std::fs::remove_dir(&settings).expect("removed");
    // A log that cannot be written is noticed before anything is judged.
    std::fs::write(&settings, "log = \"/nowhere/refgate.log\"\n").expect("written");
    world.cannot_judge(&["/nowhere/refgate.log"], || dana.push(&["topic:main"]));
    std::fs::remove_file(&settings).expect("removed");
    world.refuses(&["review-approval-missing"], || dana.push(&["topic:main"]));
}

#[test]
fn hooks_that_were_there_before_run_first() {
    let world = World::with(REVIEW, &structure());
    let server = world.server().to_string_lossy().into_owned();
    world.refgate(&world.path("."), &["uninstall", &server]).accepted();
    let hook = world.server().join("hooks/pre-receive");
    assert!(!hook.exists());
    let (seen, refuse) = (world.path("seen"), world.path("refuse"));
    let text = format!(
        "echo \"dir $GIT_DIR, $# arguments, quarantine ${{GIT_QUARANTINE_PATH:+set}}\" >'{0}'\ncat >>'{0}'\n\
         echo 'the old hook speaks'\n[ ! -e '{1}' ] || exit 7",
        seen.display(),
        refuse.display()
    );
    script(&hook, &text);
    world.refgate(&world.path("."), &["install", &server]).accepted();
    let dana = world.person("dana");
    let commit = dana.propose("topic");
    let main = world.on_server("refs/heads/main").expect("a branch");
    let said = world.refuses(&["review-approval-missing"], || dana.push(&["topic:main"]));
    assert!(said.err.contains("the old hook speaks"), "{said}");
    let got = std::fs::read_to_string(&seen).expect("written by the hook");
    assert_eq!(
        got,
        format!("dir ., 0 arguments, quarantine set\n{main} {commit} refs/heads/main\n")
    );
    // Its refusal is enough, also where nothing is protected.
    std::fs::write(&refuse, "").expect("written");
    let said = dana.push(&["topic:free"]);
    assert!(!said.ok && said.err.contains("(exit status 7)"), "{said}");
    // Installing twice keeps the hook and not refgate's own in its place; uninstalling restores it.
    world.refgate(&world.path("."), &["install", &server]).accepted();
    let said = dana.push(&["topic:free"]);
    assert!(!said.ok && said.err.matches("the old hook speaks").count() == 1, "{said}");
    world.refgate(&world.path("."), &["uninstall", &server]).accepted();
    assert_eq!(std::fs::read_to_string(&hook).expect("restored"), format!("#!/bin/sh\n{text}\n"));
    std::fs::remove_file(&refuse).expect("removed");
    dana.push(&["topic:main"]).accepted();
}

/// A kept hook that is gone is a check that nobody makes any more (T141, T146).
#[test]
fn t146_a_kept_hook_that_has_gone_refuses() {
    let (world, _, _) = unapproved();
    let dana = world.person("dana");
    let chained = world.server().join("hooks/refgate-chained/pre-receive");
    std::fs::create_dir_all(chained.parent().expect("a directory")).expect("made");
    std::os::unix::fs::symlink("/nowhere/checks", &chained).expect("linked");
    world.cannot_judge(&["refgate-chained/pre-receive"], || dana.push(&["topic:free"]));
    // git runs no hook that is not executable, and says so; neither does refgate.
    std::fs::remove_file(&chained).expect("removed");
    std::fs::write(&chained, "#!/bin/sh\nexit 1\n").expect("written");
    dana.push(&["topic:free"]).accepted();
}

#[test]
fn t146_a_hook_whose_program_has_gone_refuses() {
    let (world, _, line) = unapproved();
    let dana = world.person("dana");
    let hook = world.server().join("hooks/pre-receive");
    let text = std::fs::read_to_string(&hook).expect("the hook");
    assert!(text.starts_with("#!/") && !text.starts_with("#!/bin/sh"), "no shell: {text}");
    // Whoever hands it to a shell, as dispatchers of servers do, gets the same answer.
    let mut shell = command("sh");
    shell.current_dir(world.server()).env("GIT_DIR", ".").arg("hooks/pre-receive");
    drop(world.hook("pre-receive", &line));
    shell.stdin(std::fs::File::open(world.path("stdin")).expect("opened"));
    let said: Said = output(&mut shell).into();
    said.refused(&["review-approval-missing"]);
    let program = env!("CARGO_BIN_EXE_refgate");
    let before = world.refs();
    for first in [None, Some("#!/bin/sh")] {
        let mut gone = text.replace(program, "/nowhere/refgate");
        if let (Some(first), Some((_, rest))) = (first, gone.split_once('\n')) {
            gone = format!("{first}\n{rest}");
        }
        std::fs::write(&hook, &gone).expect("written");
        let said = dana.push(&["topic:free"]);
        assert!(said.code == Some(1) && said.err.contains("pre-receive hook declined"), "{said}");
        assert_eq!(world.refs(), before);
    }
}

#[test]
fn t132_the_update_hook_takes_no_objects_from_where_a_variable_points() {
    let (world, _, _) = unapproved();
    let dana = world.person("dana");
    dana.topic("elsewhere");
    let commit = dana.commit("Only in the clone");
    let main = world.on_server("refs/heads/main").expect("a branch");
    let objects = dana.dir().join(".git/objects");
    let judge = |args: &[&str]| -> Said {
        let mut hook = world.refgate_command();
        hook.current_dir(world.server()).env("GIT_DIR", ".").env("GIT_OBJECT_DIRECTORY", &objects);
        output(hook.args(["hook"]).args(args)).into()
    };
    let said = judge(&["update", "refs/heads/main", &main, &commit]);
    assert_eq!(said.codes(), ["ref-object-faulty"], "{said}");
    assert!(said.err.contains(&commit[..12]), "{said}");
}

#[test]
fn the_update_hook_judges_each_ref_by_itself() {
    let world = World::with(REVIEW, &structure());
    let server = world.server().to_string_lossy().into_owned();
    world.refgate(&world.path("."), &["uninstall", &server]).accepted();
    world.refgate(&world.path("."), &["install", "--hook", "update", &server]).accepted();
    let dana = world.person("dana");
    let commit = dana.propose("topic");
    let said = world.refuses(&["review-approval-missing"], || dana.push(&["topic:main"]));
    assert!(said.err.contains("hint: this server judges each ref alone (update hook)"), "{said}");
    // One ref is refused, the others move: git asks for each ref alone.
    let said = dana.push(&["topic:main", "topic:free"]);
    said.refused(&["review-approval-missing"]);
    assert_eq!(world.on_server("refs/heads/free"), Some(commit.clone()));
    world.refuses(&["review-approval-missing"], || {
        dana.push(&["--atomic", "topic:main", "topic:free2"])
    });
    // git has guards of its own against deletion, which this one passes (T01).
    world.refuses(&["ref-deleted"], || {
        wire::push(&world.server(), &[(ZERO, ZERO, b"refs/heads/main")])
    });
    world.reviewers_approve(&commit);
    dana.push(&["topic:main"]).accepted();
    // The guard of notes is the same.
    dana.note("refgate/evidence", &commit, "fine");
    world.refuses(&["notes-malformed"], || dana.push(&["refs/notes/refgate/evidence"]));
}

/// Both hooks see the same old value; git's lock lets one of them through.
#[test]
fn t150_pushes_at_once() {
    let (world, commit, _) = unapproved();
    world.reviewers_approve(&commit);
    let dana = world.person("dana");
    let main = world.on_server("refs/heads/main").expect("a branch");
    // The same change in other words, so that the same approvals serve.
    let commits: Vec<String> = (0..4)
        .map(|n| {
            let message = format!("words {n}");
            dana.git(&["commit", "-q", "--amend", "-m", &message]);
            dana.push(&[&format!("HEAD:refs/heads/words/{n}")]).accepted();
            dana.head()
        })
        .collect();
    let server = world.server();
    let landed: Vec<bool> = std::thread::scope(|scope| {
        let pushes: Vec<_> = commits
            .iter()
            .map(|new| scope.spawn(|| wire::push(&server, &[(&main, new, b"refs/heads/main")]).ok))
            .collect();
        pushes.into_iter().map(|push| push.join().expect("the push ends")).collect()
    });
    assert_eq!(landed.iter().filter(|ok| **ok).count(), 1, "{landed:?}");
    let winner = commits.iter().zip(&landed).find(|(_, ok)| **ok).map(|(commit, _)| commit.clone());
    assert_eq!(world.on_server("refs/heads/main"), winner);
}
