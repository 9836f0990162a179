//! `refgate approve`, `reject` and `withdraw` as people use them, and their pushes when others are faster.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::statement::change;
use crate::support::world::{World, review_only, structure};
use crate::support::{command, output, run};

fn world() -> World {
    World::with(&review_only(""), &structure())
}

/// A script beside the hooks of the server.
fn script(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("executable");
}

#[test]
fn people_see_what_they_sign_and_what_is_still_missing() {
    let world = world();
    let dana = world.person("dana");
    dana.topic("retry");
    dana.write("net/up.rs", "fn up() {\n    retry();\n}\n");
    dana.write("net/evil\u{202e}\u{1b}[2J.rs", "x\n");
    let commit = dana.commit("Retry uploads");
    dana.push(&["retry"]).accepted();
    let cleo = world.person("cleo");
    let (_, digest) = {
        cleo.git(&["fetch", "-q"]);
        change(&cleo, "origin/main", &commit)
    };
    let approved = cleo.refgate(&["approve", "origin/retry"]);
    approved.accepted();
    for text in [
        "\"Retry uploads\" by \"Dana Cole\"",
        "onto refs/heads/main at ",
        &digest,
        "modified  +3 -1  net/up.rs",
        "added     +1 -0  net/evil\\u{202e}\\u{1b}[2J.rs",
        "signing as cleo@example.org, reviewer",
        "the review still needs\n  1 maintainer: Ada Lovelace, Ben Ito",
    ] {
        assert!(approved.out.contains(text), "{text:?} in {approved}");
    }
    let hint = format!("    refgate approve {} --onto main --push", &commit[..12]);
    assert!(approved.err.lines().any(|line| line == hint), "{approved}");
    // The command that it prints sends what was signed, and signs nothing again.
    let sent = cleo.refgate(&["approve", &commit[..12], "--onto", "main", "--push"]);
    sent.accepted();
    assert!(sent.out.contains("you approved this as reviewer on "), "{sent}");
    assert!(sent.out.contains("pushed refs/notes/refgate/approvals"), "{sent}");
    let ben = world.person("ben");
    let approved = ben.refgate(&["approve", &commit, "--push"]);
    approved.accepted();
    assert!(approved.out.contains("the review is complete"), "{approved}");
    dana.push(&["retry:main"]).accepted();
    let late = cleo.refgate(&["approve", &commit]);
    assert_eq!(late.code, Some(2), "{late}");
    assert!(late.err.contains("is on refs/heads/main already"), "{late}");
}

#[test]
fn the_payload_verifies_with_ssh_keygen() {
    let world = world();
    let commit = world.person("dana").propose("retry");
    let ben = world.person("ben");
    ben.approves(&commit);
    let payload = ben.refgate(&["approve", &commit, "--payload"]);
    payload.accepted();
    assert!(payload.out.starts_with("refgate approval v1\nrepository: git.example.org/demo/app\n"));
    let (raw, digest) = change(&ben, "origin/main", &commit);
    assert!(payload.out.contains(&format!("\nchange: {digest}\n")), "{payload}");
    std::fs::write(world.path("raw"), raw).expect("written");
    let blob = ben.git(&["hash-object", &world.path("raw").to_string_lossy()]);
    let note = ben.git(&["notes", "--ref", "refgate/approvals", "show", &blob]);
    let (_, sig) = note.split_once("\"sig\":\"ssh:").expect("a signature");
    let sig = sig.split('"').next().expect("base64");
    let armoured = format!("-----BEGIN SSH SIGNATURE-----\n{sig}\n-----END SSH SIGNATURE-----\n");
    std::fs::write(world.path("sig"), armoured).expect("written");
    let key = std::fs::read_to_string(world.path("keys/ben.pub")).expect("a key");
    std::fs::write(world.path("signers"), format!("ben@example.org {key}")).expect("written");
    std::fs::write(world.path("payload"), &payload.out).expect("written");
    let verify = |namespace: &str| {
        let mut verify = command("ssh-keygen");
        verify.args(["-Y", "verify", "-n", namespace, "-I", "ben@example.org", "-f"]);
        verify.arg(world.path("signers")).arg("-s").arg(world.path("sig"));
        verify.stdin(std::fs::File::open(world.path("payload")).expect("the payload"));
        output(&mut verify).status.success()
    };
    assert!(verify("refgate"));
    assert!(!verify("git"));
}

#[test]
fn what_was_read_is_approved_and_not_what_fetching_brings() {
    let world = world();
    let dana = world.person("dana");
    let read = dana.propose("retry");
    let ben = world.person("ben");
    ben.git(&["fetch", "-q"]);
    dana.write("net/up.rs", "something else\n");
    let pushed = dana.commit("Sneak in");
    dana.push(&["retry"]).accepted();
    let approved = ben.refgate(&["approve", "origin/retry", "--push"]);
    approved.accepted();
    assert!(approved.err.contains("origin/retry has moved to"), "{approved}");
    assert!(approved.out.contains(&read[..12]) && !approved.out.contains(&pushed[..12]));
    world.person("cleo").approves(&read);
    dana.push(&["retry:main"]).refused(&["review-approval-missing"]);
    dana.push(&[&format!("{read}:main")]).accepted();
}

#[test]
fn somebody_who_is_faster_is_joined_and_not_overwritten() {
    // Between judging and moving refs, or before judging: another push of notes comes in.
    for hook in ["update", "refgate-chained/pre-receive"] {
        for created_before in [false, true] {
            let world = world();
            let dana = world.person("dana");
            let earlier = dana.propose("earlier");
            let commit = dana.propose("retry");
            if created_before {
                world.person("ada").approves(&earlier);
            }
            let (cleo, ben) = (world.person("cleo"), world.person("ben"));
            ben.git(&["fetch", "-q"]);
            ben.refgate(&["approve", &commit]).accepted();
            let marker = world.path("once");
            std::fs::write(&marker, "").expect("written");
            script(
                &world.server().join("hooks").join(hook),
                &format!(
                    "#!/bin/sh\n[ -e '{marker}' ] || exit 0\nrm '{marker}'\nunset $(git rev-parse --local-env-vars) GIT_QUARANTINE_PATH\n\
                     git -C '{ben}' push -q origin refs/notes/refgate/approvals >&2 || exit 1\n",
                    marker = marker.display(),
                    ben = ben.dir().display()
                ),
            );
            cleo.git(&["fetch", "-q"]);
            let approved = cleo.refgate(&["approve", &commit, "--push"]);
            approved.accepted();
            assert!(!marker.exists(), "{hook}: the other push came in between");
            std::fs::remove_file(world.server().join("hooks").join(hook)).expect("removed");
            dana.push(&["retry:main"]).accepted();
            if created_before {
                dana.topic("earlier");
                let log = world.server_git(&["log", "--format=%s", "refs/notes/refgate/approvals"]);
                assert_eq!(log.matches("Approve").count(), 3, "nothing was lost: {log}");
            }
        }
    }
}

#[test]
fn two_people_at_once_both_get_through() {
    let world = world();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    let people = ["ada", "ben", "cleo"].map(|name| {
        let person = world.person(name);
        person.git(&["fetch", "-q"]);
        let mut refgate = world.refgate_command();
        refgate.current_dir(person.dir()).args(["approve", &commit, "--push"]);
        refgate.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        refgate.spawn().expect("started")
    });
    for child in people {
        let said: crate::support::world::Said = child.wait_with_output().expect("ended").into();
        said.accepted();
    }
    dana.push(&["retry:main"]).accepted();
}

#[test]
fn notes_of_git_itself_are_joined_too() {
    let world = world();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.person("cleo").approves(&commit);
    let ben = world.person("ben");
    ben.git(&["fetch", "-q"]);
    ben.refgate(&["approve", &commit, "--offline"]).accepted();
    // Ben merges the server's notes with git, and pushes with git.
    let notes = "refs/notes/refgate/approvals";
    ben.git(&["fetch", "-q", "origin", &format!("{notes}:refs/notes/theirs")]);
    let theirs =
        ["notes", "--ref", notes, "merge", "-q", "-s", "cat_sort_uniq", "refs/notes/theirs"];
    ben.git(&theirs);
    ben.push(&[notes]).accepted();
    dana.push(&["retry:main"]).accepted();
}

#[test]
fn clones_of_all_kinds_are_worked_in() {
    let world = world();
    let dana = world.person("dana");
    let commit = dana.propose("feature/with/slashes");
    let ben = world.person("ben");
    // From a subdirectory, with a detached HEAD, and settings that change what git does by itself.
    for (key, value) in [
        ("push.default", "matching"),
        ("push.followTags", "true"),
        ("commit.gpgSign", "true"),
        ("core.autocrlf", "true"),
        ("core.hooksPath", "/nonexistent"),
        ("diff.noprefix", "true"),
        ("diff.external", "false"),
        ("color.ui", "always"),
        ("core.quotePath", "false"),
        ("fetch.prune", "true"),
        ("transfer.fsckObjects", "true"),
    ] {
        ben.git(&["config", key, value]);
    }
    ben.git(&["fetch", "-q"]);
    ben.git(&["checkout", "-q", "--detach", "origin/main"]);
    let before = ben.git(&["status", "--porcelain", "--branch"]);
    ben.git(&["tag", "-m", "mine", "mine"]);
    let subdirectory = ben.dir().join("net");
    let approved = world.refgate(&subdirectory, &["approve", "origin/feature/with/slashes"]);
    approved.accepted();
    let pushed = world.refgate(&subdirectory, &["approve", &commit, "--push"]);
    pushed.accepted();
    assert_eq!(ben.git(&["status", "--porcelain", "--branch"]), before);
    assert_eq!(world.on_server("refs/tags/mine"), None, "nothing else is pushed");

    // From a linked work tree of a clone whose remote has another name.
    let cleo = world.person("cleo");
    cleo.git(&["remote", "rename", "origin", "upstream"]);
    let linked = world.path("linked");
    cleo.git(&["worktree", "add", "-q", "--detach", &linked.to_string_lossy(), "upstream/main"]);
    world.refgate(&linked, &["approve", "upstream/feature/with/slashes", "--push"]).accepted();
    dana.push(&["feature/with/slashes:main"]).accepted();

    // From bare clones, mirrors among them.
    let other = dana.propose("other");
    for (kind, who) in [("--bare", "ben"), ("--mirror", "cleo")] {
        let bare = world.path(kind);
        run(command("git").args(["clone", "-q", kind]).arg(world.server()).arg(&bare));
        let key = world.path("keys").join(who);
        for (name, value) in [
            ("user.name", who),
            ("user.email", &format!("{who}@example.org")),
            ("gpg.format", "ssh"),
            ("user.signingKey", &key.to_string_lossy()),
        ] {
            run(command("git").arg("-C").arg(&bare).args(["config", name, value]));
        }
        world.refgate(&bare, &["approve", &other, "--push"]).accepted();
    }
    dana.push(&["other:main"]).accepted();
}

#[test]
fn the_users_ssh_reaches_the_server() {
    let world = world();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    let ben = world.person("ben");
    let url = format!("ssh://git.example.org{}", world.server().display());
    ben.git(&["remote", "set-url", "origin", &url]);
    // Runs what ssh would run on the host.
    let ssh = world.path("ssh");
    script(&ssh, "#!/bin/sh\nfor last; do :; done\nexec sh -c \"$last\"\n");
    let mut refgate = world.refgate_command();
    refgate.current_dir(ben.dir()).env("GIT_SSH_COMMAND", &ssh).env("GIT_SSH_VARIANT", "simple");
    refgate.args(["approve", &commit, "--push"]);
    let said: crate::support::world::Said = output(&mut refgate).into();
    said.accepted();
    assert!(said.out.contains("pushed refs/notes/refgate/approvals"), "{said}");
}

#[test]
fn errors_say_what_where_and_what_to_do() {
    let world = world();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    let ben = world.person("ben");
    ben.git(&["fetch", "-q"]);
    let nowhere = world.path("nowhere");
    std::fs::create_dir(&nowhere).expect("made");
    let cases: [(&Path, &[&str], &[&str]); 9] = [
        (&nowhere, &["approve"], &["not a git repository", "hint: run refgate inside your clone"]),
        (&ben.dir(), &["-C", "missing", "approve"], &["there is no directory missing"]),
        (&ben.dir(), &["approve", "no-such"], &["\"no-such\" names no commit here", "git fetch"]),
        (
            &ben.dir(),
            &["approve", &commit, "--onto", "release/9"],
            &["origin has no refs/heads/release/9", "git branch -r", "--onto BRANCH"],
        ),
        (
            &ben.dir(),
            &["approve", &commit, "--remote", "elsewhere"],
            &["there is no remote \"elsewhere\"", "git remote -v"],
        ),
        (
            &ben.dir(),
            &["approve", &commit, "--role", "reviewer"],
            &["ben@example.org is no reviewer here", "refgate policy show"],
        ),
        (
            &ben.dir(),
            &["approve", &commit, "--valid", "soon"],
            &["--valid \"soon\"", "--valid 14d"],
        ),
        (&ben.dir(), &["reject", &commit, "-m", " "], &["the reason is one line"]),
        (
            &ben.dir(),
            &["withdraw", &commit],
            &["ben@example.org has said nothing about", "refgate status"],
        ),
    ];
    for (dir, args, says) in cases {
        let said = world.refgate(dir, args);
        assert_eq!(said.code, Some(2), "{args:?}: {said}");
        assert!(said.err.starts_with("error: "), "{args:?}: {said}");
        for text in says {
            assert!(said.err.contains(text), "{args:?} says {text:?}: {said}");
        }
    }
    ben.git(&["remote", "set-url", "origin", "/nonexistent/server.git"]);
    let said = ben.refgate(&["approve", &commit]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("fetching from origin: ")
            && said.err.contains("hint: or use what was fetched before: --offline"),
        "{said}"
    );
    ben.refgate(&["approve", &commit, "--offline"]).accepted();
}

#[test]
fn a_reader_who_goes_away_is_no_error() {
    let world = world();
    let ben = world.person("ben");
    let mut shell = command("sh");
    let binary = env!("CARGO_BIN_EXE_refgate");
    shell
        .current_dir(ben.dir())
        .args(["-c", &format!("{binary} policy show | exec true; {binary} policy show >&-")]);
    let said: crate::support::world::Said = output(&mut shell).into();
    assert!(said.ok && said.err.is_empty(), "{said}");
}
