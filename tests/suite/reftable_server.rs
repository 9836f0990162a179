//! Servers and clones whose refs are in a reftable: everything works as with files, and damage refuses the push.

use refgate::repo::layout::{Layout, RefFormat};

use crate::audit::{audit, releases_of, this_quarter};
use crate::reftable::required;
use crate::summaries::{land, world_of};
use crate::support::wire::{self, ZERO};
use crate::support::world::{CONFIG, Person, Said, World, structure};
use crate::support::{command, output, run};
use crate::threats_refs::REVIEW;

const TABLES: &str = "--ref-format=reftable";
const SUMMARIES: &str = "refs/notes/refgate/verdicts";

fn ledger(world: &World) -> String {
    std::fs::read_to_string(world.server().join("refgate/ledger.jsonl")).expect("a ledger")
}

#[test]
fn t154_a_reftable_server_from_first_push_to_release_branch() {
    required();
    for format in ["sha1", "sha256"] {
        let world = world_of(&[TABLES, &format!("--object-format={format}")], CONFIG);
        let server = world.server();
        assert_eq!(Layout::open(&server).expect("a layout").refs, RefFormat::Reftable);
        let stub = std::fs::read_to_string(server.join("HEAD")).expect("a file");
        assert_eq!(stub, "ref: refs/heads/.invalid\n", "the file says nothing");
        let dana = world.person("dana");
        dana.propose("retry");
        let codes = &["scan-evidence-missing", "tests-evidence-missing", "review-approval-missing"];
        world.refuses(codes, || dana.push(&["retry:main"]));
        let commit = land(&world, "retry");
        assert_eq!(world.on_server("refs/heads/main").as_ref(), Some(&commit));
        let summary = world.server_git(&["notes", "--ref", SUMMARIES, "list", &commit]);
        assert!(!summary.is_empty(), "a summary of what landed");
        dana.push(&["retry:release/1.0"]).accepted();
        world.refuses(&["ref-deleted"], || dana.push(&["--delete", "release/1.0"]));
        world.server_git(&["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
        dana.propose("more");
        world.refuses(&["ref-alias"], || dana.push(&["more:alias"]));
        world.refuses(&["ref-spelling"], || dana.push(&["more:Main"]));
        dana.push(&["--delete", "retry"]).accepted();
        assert_eq!(world.on_server("refs/heads/retry"), None);
        world.server_git(&["pack-refs"]);
        world.server_git(&["gc", "-q", "--prune=now"]);
        world.refuses(codes, || dana.push(&["more:main"]));
        land(&world, "again");
        let path = server.to_string_lossy().into_owned();
        let sshd = world.path("no-sshd-config").to_string_lossy().into_owned();
        let said = world.refgate(&world.path("."), &["doctor", "--sshd-config", &sshd, &path]);
        assert_eq!(said.code, Some(0), "{said}");
        assert!(said.out.contains("tables of refs"), "{said}");
        assert!(said.out.contains("git receive-pack refused an unsigned commit"), "{said}");
        world.refgate(&server, &["ledger", "verify"]).accepted();
    }
}

/// A server that was served for long moves its refs into a reftable, and back.
#[test]
fn t154_refs_that_migrate_are_guarded_on_both_sides() {
    required();
    let world = World::with(REVIEW, &structure());
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    for format in ["reftable", "files", "reftable"] {
        world.server_git(&["refs", "migrate", &format!("--ref-format={format}")]);
        world.refuses(&["review-approval-missing"], || dana.push(&["retry:main"]));
    }
    world.reviewers_approve(&commit);
    dana.push(&["retry:main"]).accepted();
    assert_eq!(world.on_server("refs/heads/main"), Some(commit));
}

/// All refs of a reftable have one lock, for which git does not wait long: a push that meets it is tried again.
#[test]
fn t150_twenty_pushes_at_once_on_a_reftable() {
    required();
    let rules = format!(
        "{CONFIG}[[protect]]\nrefs = [\"refs/heads/main\", \"refs/heads/r/*\"]\ngates = [\"review\"]\n"
    );
    let world = world_of(&[TABLES], &rules);
    let dana = world.person("dana");
    let main = world.on_server("refs/heads/main").expect("a branch");
    let first = dana.propose("rival");
    for who in ["cleo", "ben"] {
        world.person(who).approves(&first);
    }
    // The same change in other words, so that the same approvals serve; one of them can land.
    let mut rivals = vec![first];
    for number in 0..3 {
        dana.git(&["commit", "-q", "--amend", "-m", &format!("words {number}")]);
        dana.push(&[&format!("HEAD:refs/heads/words/{number}")]).accepted();
        rivals.push(dana.head());
    }
    let server = world.server();
    let mut pushes: Vec<(String, String, String)> =
        rivals.iter().map(|new| (main.clone(), new.clone(), "refs/heads/main".into())).collect();
    pushes.extend((0..8).map(|at| (ZERO.into(), main.clone(), format!("refs/heads/r/{at}"))));
    pushes.extend((0..8).map(|at| (ZERO.into(), main.clone(), format!("refs/heads/free/{at}"))));
    assert_eq!(pushes.len(), 20);
    let push = |(old, new, name): &(String, String, String)| -> Said {
        for _ in 0..200 {
            let said = wire::push(&server, &[(old, new, name.as_bytes())]);
            let met_the_lock = !said.ok && said.codes().is_empty() && !said.err.contains("refgate");
            // Rules are read from main, which moves: what was judged meanwhile is judged anew.
            if !met_the_lock && said.codes() != ["trust-anchor-moved"] {
                return said;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("{name} met the lock two hundred times");
    };
    let said: Vec<Said> = std::thread::scope(|scope| {
        let all: Vec<_> = pushes.iter().map(|one| scope.spawn(|| push(one))).collect();
        all.into_iter().map(|one| one.join().expect("the push ends")).collect()
    });
    let landed: Vec<&String> =
        rivals.iter().zip(&said).filter(|(_, said)| said.ok).map(|(commit, _)| commit).collect();
    assert_eq!(landed.len(), 1, "{said:?}");
    assert_eq!(world.on_server("refs/heads/main").as_ref(), Some(landed[0]));
    for ((_, new, name), said) in pushes.iter().zip(&said).skip(rivals.len()) {
        said.accepted();
        assert_eq!(world.on_server(name).as_ref(), Some(new), "{name}");
        assert!(!said.err.contains("warning"), "no summary is lost\n{said}");
    }
    world.refgate(&server, &["ledger", "verify"]).accepted();
    assert!(!ledger(&world).contains("unsummarised"));
    let lines = world.server_git(&["notes", "--ref", SUMMARIES, "show", &main]);
    assert_eq!(lines.lines().count(), 9, "the first push, and eight branches\n{lines}");
}

/// The notes that the hook itself writes are no move past the hook.
#[test]
fn t144_summaries_in_a_reftable_are_no_moves_past_the_hook() {
    required();
    let world = world_of(&[TABLES], CONFIG);
    let path = world.server().to_string_lossy().into_owned();
    world.refgate(&world.path("."), &["install", "--watch", &path]).accepted();
    let commit = land(&world, "retry");
    assert!(!world.server_git(&["notes", "--ref", SUMMARIES, "list", &commit]).is_empty());
    assert!(!ledger(&world).contains("\"event\":{\"moved\""), "{}", ledger(&world));
    world.server_git(&["update-ref", SUMMARIES, "HEAD"]);
    assert!(ledger(&world).contains("\"event\":{\"moved\""), "{}", ledger(&world));
}

/// Somebody whose clone keeps its refs in a reftable.
fn in_a_reftable<'w>(world: &'w World, name: &'static str) -> Person<'w> {
    let person = world.person(name);
    std::fs::remove_dir_all(person.dir().join(".git/logs")).expect("git 2.47 migrates no reflogs");
    person.git(&["refs", "migrate", "--ref-format=reftable"]);
    person.git(&["config", "core.logAllRefUpdates", "true"]);
    person
}

#[test]
fn clients_work_in_reftable_clones() {
    required();
    for format in ["sha1", "sha256"] {
        let world = World::empty(&[TABLES, &format!("--object-format={format}")]);
        world.bootstrap(CONFIG, &structure());
        for name in ["dana", "ben", "cleo", "ci"] {
            in_a_reftable(&world, name);
        }
        let dana = world.person("dana");
        let commit = dana.propose("retry");
        let said = dana.refgate(&["check"]);
        assert_eq!(said.code, Some(1), "{said}");
        assert!(said.out.contains("review-approval-missing"), "{said}");
        world.ci_passes(&commit);
        for who in ["cleo", "ben"] {
            let person = world.person(who);
            person.git(&["fetch", "-q", "origin"]);
            // First here alone, then with what others have pushed meanwhile.
            person.refgate(&["approve", &commit]).accepted();
            let log = person.git(&["log", "-g", "--format=%gs", "refs/notes/refgate/approvals"]);
            assert!(!log.is_empty(), "as with files, the log of the ref says why it moved");
            person.refgate(&["approve", &commit, "--push"]).accepted();
        }
        let said = dana.refgate(&["status"]);
        said.accepted();
        dana.refgate(&["check"]).accepted();
        dana.refgate(&["land", "retry"]).accepted();
        assert!(world.on_server("refs/heads/main").is_some_and(|tip| tip != ZERO));
        let tip = world.on_server("refs/heads/main").expect("a branch");
        world.server_git(&["merge-base", "--is-ancestor", &commit, &tip]);
        dana.git(&["fsck", "--strict"]);
        // A worktree of such a clone has a stack of its own for its HEAD.
        dana.git(&["worktree", "add", "-q", "-b", "elsewhere", "../elsewhere", "origin/main"]);
        let linked = dana.dir().join(".git/worktrees/elsewhere");
        let refs = refgate::repo::refs::Refs::new(&Layout::open(&linked).expect("a layout"));
        assert_eq!(
            refs.head().expect("HEAD").map(|n| n.to_string()),
            Some("refs/heads/elsewhere".into())
        );
    }
}

#[test]
fn audits_read_reftable_servers_and_mirrors() {
    required();
    let world = releases_of(&[TABLES]);
    let mirror = world.path("audit/clones/git.example.org/demo/app.git");
    run(command("git").args(["clone", "-q", "--mirror", TABLES]).arg(world.server()).arg(&mirror));
    assert_eq!(Layout::open(&mirror).expect("a layout").refs, RefFormat::Reftable);
    let server = world.server().to_string_lossy().into_owned();
    let quarter = this_quarter();
    for (place, file) in
        [("clones/git.example.org/demo/app.git", "mirror.json"), (&server, "server.json")]
    {
        let args = ["sample", "--quarter", &quarter, "--seed", "s", "-o", file, place];
        let said = audit(&world, &args);
        said.accepted();
        assert!(said.out.contains("2 of 2 releases drawn"), "{said}");
        audit(&world, &["run", file]).accepted();
    }
    // Where git makes reftables of its own accord, an archive is unpacked into one.
    let (place, file) = (mirror.to_string_lossy(), world.path("audit/release.tar"));
    let file = file.to_string_lossy();
    world
        .refgate(&world.path("audit"), &["-C", &place, "release", "archive", "v1.0.0", "-o", &file])
        .accepted();
    let mut check = world.refgate_command();
    check.current_dir(world.path("audit")).env("GIT_DEFAULT_REF_FORMAT", "reftable");
    let said: Said = output(check.args(["verify", "--archive", &file])).into();
    said.accepted();
}

#[test]
fn the_doctor_advises_to_pack_what_git_has_not_packed() {
    required();
    let world = World::empty(&[TABLES]);
    world.bootstrap(REVIEW, &structure());
    let path = world.server().to_string_lossy().into_owned();
    let doctor = || world.refgate(&world.path("."), &["doctor", "--no-push", &path]);
    assert!(!doctor().out.contains("git pack-refs"), "{}", doctor());
    for number in 0..70 {
        let name = format!("refs/heads/many/{number}");
        let mut git = command("git");
        git.arg("-C").arg(world.server()).env("GIT_TEST_REFTABLE_AUTOCOMPACTION", "false");
        run(git.args(["update-ref", &name, "HEAD"]));
    }
    let said = doctor();
    assert!(said.out.contains("tables of refs") && said.out.contains("git pack-refs"), "{said}");
    world.server_git(&["pack-refs"]);
    assert!(doctor().out.contains(" 1 tables of refs"), "{}", doctor());
}

#[test]
fn t154_damage_in_a_reftable_refuses_the_push_and_is_named() {
    required();
    let world = World::empty(&[TABLES]);
    world.bootstrap(REVIEW, &structure());
    let main = world.on_server("refs/heads/main").expect("a branch");
    let input = format!("{} {main} refs/heads/topic\n", "0".repeat(40));
    let judge = || -> Said { output(&mut world.hook("pre-receive", &input)).into() };
    judge().accepted();
    world.server_git(&["pack-refs"]);
    let dir = world.server().join("reftable");
    let list = std::fs::read_to_string(dir.join("tables.list")).expect("a list");
    let table = dir.join(list.trim());
    let good = std::fs::read(&table).expect("a table");
    std::fs::remove_file(&table).expect("read-only");
    let footer = good.len() - 68;
    for (at, word) in [
        (0, "byte 0: no reftable"),
        (footer + 30, "the checksum of the footer is wrong"),
        (28, "byte"),
    ] {
        let mut bytes = good.clone();
        bytes[at] = !bytes[at];
        std::fs::write(&table, bytes).expect("written");
        let said = judge();
        assert!(!said.ok, "{said}");
        let text = said.err.split_whitespace().filter(|w| *w != "|").collect::<Vec<_>>().join(" ");
        assert!(text.contains("refgate cannot judge this push"), "{said}");
        assert!(text.contains(word) && text.contains(list.trim()), "{word}: {said}");
        assert!(text.contains("git fsck"), "{said}");
    }
    std::fs::remove_file(&table).expect("removed");
    let said = judge();
    assert!(!said.ok && said.err.contains("is missing"), "{said}");
    std::fs::write(&table, good).expect("written");
    judge().accepted();
    // Newer git lets the environment say that refs are elsewhere.
    let said: Said =
        output(world.hook("pre-receive", &input).env("GIT_REFERENCE_BACKEND", "files:///tmp"))
            .into();
    assert!(!said.ok && said.err.contains("GIT_REFERENCE_BACKEND"), "{said}");
}
