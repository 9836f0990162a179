//! A release in one file, which is checked years later with nothing else.

use std::path::Path;

use refgate::audit::archive::{Archive, check};
use refgate::audit::results::Answer;
use refgate::clock::Timestamp;

use crate::audit::{mirror, release, releases};
use crate::summaries::{bootstrap, land};
use crate::support::world::{CONFIG, Said, World, structure};
use crate::support::{command, run};

/// Writes the archive of a release from a repository or clone.
fn archive(world: &World, place: &Path, tag: &str, file: &str) -> Said {
    let (place, file) = (place.to_string_lossy(), world.path(file));
    let file = file.to_string_lossy();
    world.refgate(&world.path("."), &["-C", &place, "release", "archive", tag, "-o", &file])
}

#[test]
fn a_release_fits_into_one_file_that_is_checked_without_anything_else() {
    let world = releases();
    archive(&world, &mirror(&world), "v1.0.0", "one.tar").accepted();
    archive(&world, &world.server(), "v1.0.0", "two.tar").accepted();
    let one = std::fs::read(world.path("one.tar")).expect("an archive");
    assert_eq!(Some(&one), std::fs::read(world.path("two.tar")).ok().as_ref(), "the same bytes");
    // A clone with a work tree does as well; it names the file after the tag.
    let ada = world.person("ada");
    ada.git(&["fetch", "-q", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*"]);
    ada.git(&["fetch", "-q", "origin", "+refs/notes/refgate/*:refs/refgate/origin/*"]);
    ada.refgate(&["release", "archive", "v1.0.0"]).accepted();
    assert_eq!(Some(&one), std::fs::read(ada.dir().join("v1.0.0.tar")).ok().as_ref());
    let none = archive(&world, &world.server(), "v9.0.0", "none.tar");
    assert_eq!(none.code, Some(2), "{none}");
    assert!(none.err.contains("the clone has no refs/tags/v9.0.0"), "{none}");
    assert!(!world.path("none.tar").exists());
    std::fs::rename(world.server(), world.path("gone.git")).expect("moved");
    for dir in ["audit", "ada", "ben", "cleo", "dana", "ci"] {
        std::fs::remove_dir_all(world.path(dir)).expect("removed");
    }
    let check = |file: &str| world.refgate(&world.path("."), &["verify", "--archive", file]);
    let said = check("one.tar");
    said.accepted();
    for words in ["scan: passed", "checklist: passed", "refs/heads/main: level 4", "and holds"] {
        assert!(said.out.contains(words), "{words}\n{said}");
    }
    // Anybody can look into it: the names are the ids that git gives.
    let unpacked = world.path("unpacked");
    std::fs::create_dir_all(&unpacked).expect("made");
    run(command("tar").arg("-xf").arg(world.path("one.tar")).arg("-C").arg(&unpacked));
    for object in std::fs::read_dir(unpacked.join("objects")).expect("objects").flatten() {
        let sum = run(command("sha1sum").arg(object.path()));
        let name = object.file_name();
        assert_eq!(String::from_utf8_lossy(&sum).split(' ').next(), name.to_str());
    }
    // One byte of a report is another one.
    let at = one.windows(6).rposition(|bytes| bytes == b"refgat").expect("some text");
    let mut changed = one.clone();
    changed[at] ^= 1;
    std::fs::write(world.path("changed.tar"), changed).expect("written");
    let said = check("changed.tar");
    assert_eq!(said.code, Some(2), "{said}");
    std::fs::write(world.path("cut.tar"), &one[..one.len() / 2]).expect("written");
    assert_eq!(check("cut.tar").code, Some(2));
}

#[test]
fn an_archive_of_a_sha256_repository_holds_after_its_keys_have_run_out() {
    let world = World::empty(&["--object-format=sha256"]);
    // The server's key is listed for some months.
    let people = structure()
        .replace("| Attests |\n|---|---|---|---|", "| Attests | Until |\n|---|---|---|---|---|")
        .replace("tests:smoke |", "tests:smoke | |");
    bootstrap(&world, CONFIG, &people, " 2027-06-30 |");
    land(&world, "one");
    release(&world, "v1.0.0");
    archive(&world, &world.server(), "v1.0.0", "one.tar").accepted();
    archive(&world, &mirror(&world), "v1.0.0", "two.tar").accepted();
    let bytes = std::fs::read(world.path("one.tar")).expect("an archive");
    assert_eq!(Some(&bytes), std::fs::read(world.path("two.tar")).ok().as_ref(), "the same bytes");
    std::fs::rename(world.server(), world.path("gone.git")).expect("moved");
    let said = world.refgate(&world.path("."), &["verify", "--archive", "one.tar"]);
    said.accepted();
    assert!(said.out.contains("refs/heads/main: level 4"), "{said}");
    let unpacked = world.path("unpacked");
    std::fs::create_dir_all(&unpacked).expect("made");
    run(command("tar").arg("-xf").arg(world.path("one.tar")).arg("-C").arg(&unpacked));
    for object in std::fs::read_dir(unpacked.join("objects")).expect("objects").flatten() {
        let sum = run(command("sha256sum").arg(object.path()));
        let name = object.file_name();
        assert_eq!(String::from_utf8_lossy(&sum).split(' ').next(), name.to_str());
    }
    for year in [2028, 2046, 2126] {
        let now: Timestamp = format!("{year}-01-01T00:00:00Z").parse().expect("a time");
        let place = tempfile::tempdir().expect("a directory");
        let checked = check(&bytes, place.path(), now).expect("an archive");
        assert_eq!(checked.check.answer, Answer::Accepted, "{year}: {:#?}", checked.check);
        let levels: Vec<(String, u8)> = checked
            .summaries
            .iter()
            .map(|(name, verified)| (name.to_string(), verified.summary.level))
            .collect();
        assert_eq!(
            levels,
            [("refs/tags/v1.0.0".to_owned(), 4), ("refs/heads/main".to_owned(), 4)],
            "{year}"
        );
    }
    // What is left out is noticed, whatever it is.
    let whole = Archive::read(&bytes).expect("an archive");
    for id in whole.objects.keys() {
        let mut objects = whole.objects.clone();
        objects.remove(id);
        let less = Archive { manifest: whole.manifest.clone(), objects };
        let place = tempfile::tempdir().expect("a directory");
        let now = refgate::clock::now();
        let is_whole = check(&less.write().expect("bytes"), place.path(), now)
            .is_ok_and(|checked| checked.check.answer == Answer::Accepted);
        assert!(!is_whole, "{id} can be missing");
    }
}
