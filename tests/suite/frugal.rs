//! What a push costs is bounded by what is never looked at: refs, objects, packs, notes and
//! history that have nothing to do with the push can be unreadable, and it is judged all the same.

use std::path::Path;
use std::process::Stdio;

use crate::support::world::{Person, Said, World};
use crate::support::{command, run};

/// Runs the hook as git would, the objects of the push in quarantine, on a
/// server that git itself might refuse to serve in this state.
fn judge(world: &World, person: &Person<'_>, new: &str, name: &str) -> Said {
    let server = world.server();
    let quarantine = server.join("objects/tmp_objdir-incoming-test");
    let old = world.on_server(name).unwrap_or_else(|| "0".repeat(new.len()));
    let list = world.path("list");
    std::fs::write(&list, format!("{new}\n^origin/main\n")).expect("written");
    let pack = world.path("pushed.pack");
    run(person
        .command()
        .args(["pack-objects", "--revs", "--stdout", "-q"])
        .stdin(std::fs::File::open(&list).expect("read"))
        .stdout(std::fs::File::create(&pack).expect("created")));
    if !quarantine.exists() {
        std::fs::create_dir(&quarantine).expect("made");
        run(command("git")
            .arg("-C")
            .arg(&server)
            .args(["unpack-objects", "-q"])
            .env("GIT_OBJECT_DIRECTORY", &quarantine)
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", server.join("objects"))
            .stdin(std::fs::File::open(&pack).expect("read")));
    }
    let input = world.path("input");
    std::fs::write(&input, format!("{old} {new} {name}\n")).expect("written");
    let empty = world.path("empty-path");
    std::fs::create_dir_all(&empty).expect("made");
    // No program can be found, so none can be started.
    let mut hook = world.refgate_command();
    hook.current_dir(&server)
        .args(["hook", "pre-receive"])
        .env("PATH", &empty)
        .env("GIT_DIR", ".")
        .env("GIT_QUARANTINE_PATH", &quarantine)
        .env("GIT_OBJECT_DIRECTORY", &quarantine)
        .stdin(Stdio::from(std::fs::File::open(&input).expect("read")));
    crate::support::output(&mut hook).into()
}

/// A server on which a change has landed, and another that may land.
fn ready(world: &World) -> (Person<'_>, String) {
    let dana = world.person("dana");
    approved(world, &dana, "first");
    dana.push(&["first:main"]).accepted();
    let commit = approved(world, &dana, "second");
    // The commit itself arrives with the push: nobody has parked it on a branch.
    dana.push(&["--delete", "first", "second"]).accepted();
    world.server_git(&["prune", "--expire=now"]);
    dana.git(&["fetch", "-q", "origin"]);
    (dana, commit)
}

fn approved(world: &World, dana: &Person<'_>, name: &str) -> String {
    let commit = dana.propose(name);
    world.ci_passes(&commit);
    world.reviewers_approve(&commit);
    commit
}

fn spoil(path: &Path) {
    let len = std::fs::metadata(path).expect("a file").len();
    std::fs::remove_file(path).expect("git makes objects read-only");
    std::fs::write(path, vec![0xee; usize::try_from(len).expect("small")]).expect("written");
}

fn loose(server: &Path, hex: &str) -> std::path::PathBuf {
    server.join("objects").join(&hex[..2]).join(&hex[2..])
}

#[test]
fn what_has_nothing_to_do_with_a_push_is_never_read() {
    let world = World::new();
    let (dana, commit) = ready(&world);
    let server = world.server();
    judge(&world, &dana, &commit, "refs/heads/main").accepted();
    // History: nothing below the old tip is read.
    let older = ["main~1^{tree}", "main~1"].map(|name| world.server_git(&["rev-parse", name]));
    older.iter().for_each(|hex| spoil(&loose(&server, hex)));
    // Files: what the push does not touch is not read.
    spoil(&loose(&server, &world.server_git(&["rev-parse", "main:README.md"])));
    spoil(&loose(&server, &world.server_git(&["rev-parse", "main:net/up.rs"])));
    // Refs: unprotected ones are not read, in files or packed.
    std::fs::write(server.join("refs/heads/broken"), "no ref\n").expect("written");
    std::fs::create_dir_all(server.join("refs/tags")).expect("made");
    std::fs::write(server.join("refs/tags/broken"), "no ref\n").expect("written");
    // Notes: those of other commits are not read.
    let main = world.on_server("refs/heads/main").expect("a branch");
    let note = world.server_git(&["notes", "--ref=refs/notes/refgate/evidence", "list", &main]);
    spoil(&loose(&server, &note));
    // Packs: one that holds nothing of interest is not opened, its index aside.
    let input = world.path("blob");
    std::fs::write(&input, "in a pack of its own\n").expect("written");
    let path = input.to_str().expect("UTF-8");
    let blob = world.server_git(&["hash-object", "-w", path]);
    let list = world.path("list");
    std::fs::write(&list, format!("{blob}\n")).expect("written");
    let name = run(command("git")
        .arg("-C")
        .arg(&server)
        .args(["pack-objects", "-q", "objects/pack/pack"])
        .stdin(std::fs::File::open(&list).expect("read")));
    let name = String::from_utf8(name).expect("a name");
    spoil(&server.join(format!("objects/pack/pack-{}.pack", name.trim())));
    judge(&world, &dana, &commit, "refs/heads/main").accepted();
    // The guard is worth nothing if nothing would have noticed: the old tip does matter.
    spoil(&loose(&server, &main));
    let refused = judge(&world, &dana, &commit, "refs/heads/main");
    assert_eq!(refused.code, Some(2), "{refused}");
}

#[test]
fn an_unprotected_ref_costs_the_rules_and_nothing_else() {
    let world = World::new();
    let (dana, commit) = ready(&world);
    let server = world.server();
    judge(&world, &dana, &commit, "refs/heads/topic").accepted();
    // Neither people nor what is pushed is looked at.
    spoil(&loose(&server, &world.server_git(&["rev-parse", "main:meta/STRUCTURE.md"])));
    spoil(&loose(&server, &world.server_git(&["rev-parse", "refs/notes/refgate/evidence"])));
    let quarantine = server.join("objects/tmp_objdir-incoming-test");
    spoil(&quarantine.join(&commit[..2]).join(&commit[2..]));
    judge(&world, &dana, &commit, "refs/heads/topic").accepted();
    let refused = judge(&world, &dana, &commit, "refs/heads/main");
    assert_eq!(refused.code, Some(2), "{refused}");
}
