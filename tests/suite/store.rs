//! The object store, compared with git, and what it does when a repository changes or breaks.

use std::path::{Path, PathBuf};

use refgate::id::{ObjectId, parse_hex};
use refgate::repo::fault::ObjectKind;
use refgate::repo::layout::Layout;
use refgate::repo::objects::{Objects as _, Trusted};

use crate::support::Repo;

fn open(repo: &Repo) -> Trusted {
    let layout = Layout::open(repo.git_dir()).expect("a layout");
    Trusted::open(&layout.objects_dir(), layout.hash).expect("an object store")
}

fn id(hex: &str) -> ObjectId {
    parse_hex(hex.as_bytes()).expect("an id")
}

fn kind(name: &str) -> ObjectKind {
    match name {
        "blob" => ObjectKind::Blob,
        "tree" => ObjectKind::Tree,
        "commit" => ObjectKind::Commit,
        "tag" => ObjectKind::Tag,
        other => panic!("git knows no {other}"),
    }
}

/// A history in which files grow, so that packs hold deltas; with a tag, and a file that no delta makes small.
fn grow(repo: &Repo) {
    let mut text = String::new();
    for number in 0..25u32 {
        text += &format!("line {number} of a file that grows by a line at a time\n");
        repo.write("grows.txt", &text);
        repo.write(format!("dir/{}/file.txt", number % 7), format!("{number}\n"));
        repo.commit(&format!("Change {number}"));
    }
    let noise: Vec<u8> =
        (0..200_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    repo.write("noise", &noise);
    repo.write("empty", "");
    repo.commit("Large and empty");
    repo.git(&["tag", "-a", "-m", "a tag", "v1"]);
}

/// All objects as git reads them.
fn all_objects(repo: &Repo) -> Vec<(ObjectId, ObjectKind, Vec<u8>)> {
    let all = repo.git_with_input(&["cat-file", "--batch-all-objects", "--batch"], b"");
    let mut rest = all.as_slice();
    let mut objects = Vec::new();
    while let Some(end) = rest.iter().position(|b| *b == b'\n') {
        let head = std::str::from_utf8(&rest[..end]).expect("a line");
        let words: Vec<&str> = head.split(' ').collect();
        let [hex, name, size] = words.as_slice() else { panic!("{head}") };
        let content = end + 1..end + 1 + size.parse::<usize>().expect("a size");
        objects.push((id(hex), kind(name), rest[content.clone()].to_vec()));
        rest = &rest[content.end + 1..];
    }
    objects
}

/// Every object of a repository has the kind, size and bytes that git says.
#[track_caller]
fn agrees_with_git(repo: &Repo, least: usize) {
    let store = open(repo);
    let objects = all_objects(repo);
    assert!(objects.len() >= least, "{} objects", objects.len());
    for (id, kind, content) in objects {
        let found = store.header(&id).expect("a sane store").expect("an object");
        assert_eq!(found, (kind, content.len() as u64), "{id}");
        assert!(store.contains(&id).expect("a sane store"));
        let mut buffer = Vec::new();
        let ours = store.read(&id, kind, ("test", u64::MAX), &mut buffer);
        assert!(ours.expect("a sane object") == content, "{kind} {id}");
    }
    let absent = id(&"5".repeat(store.hash().len_in_hex()));
    assert!(store.header(&absent).expect("a sane store").is_none());
    assert!(!store.contains(&absent).expect("a sane store"));
}

#[test]
fn loose_and_packed_objects_are_what_git_says() {
    let repo = Repo::new();
    grow(&repo);
    agrees_with_git(&repo, 100);
    // Half packed, half loose, then everything in one pack of deltas.
    repo.git(&["repack", "-dq"]);
    repo.write("more.txt", "more\n");
    repo.commit("More");
    agrees_with_git(&repo, 100);
    repo.git(&["repack", "-adfq", "--depth=50"]);
    agrees_with_git(&repo, 100);
}

#[test]
fn deltas_that_name_their_base_by_id_are_read() {
    let repo = Repo::new();
    grow(&repo);
    repo.git(&["-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq"]);
    agrees_with_git(&repo, 100);
}

#[test]
fn an_index_may_hold_offsets_of_eight_bytes() {
    let repo = Repo::new();
    grow(&repo);
    repo.git(&["repack", "-adfq"]);
    for path in packs(&repo, "idx") {
        std::fs::remove_file(&path).expect("removed");
        let pack = path.with_extension("pack");
        let out = path.to_str().expect("UTF-8");
        repo.git(&[
            "index-pack",
            "--index-version=2,0x40",
            "-o",
            out,
            pack.to_str().expect("UTF-8"),
        ]);
    }
    agrees_with_git(&repo, 100);
}

#[test]
fn sha256_repositories_and_many_packs_are_read() {
    let repo = Repo::init(&["--object-format=sha256"]);
    for number in 0..12 {
        repo.write(format!("{number}.txt"), format!("{number}\n"));
        repo.commit(&format!("Change {number}"));
        repo.git(&["repack", "-dq"]);
    }
    assert_eq!(packs(&repo, "idx").len(), 12);
    agrees_with_git(&repo, 36);
}

#[test]
fn objects_of_alternates_are_read() {
    let lender = Repo::new();
    grow(&lender);
    lender.git(&["repack", "-adfq"]);
    let borrower = Repo::new();
    let objects = lender.git_dir().join("objects");
    let line = format!("{}\n", objects.display());
    std::fs::write(borrower.git_dir().join("objects/info/alternates"), line).expect("written");
    borrower.commit("Own");
    agrees_with_git(&borrower, 100);
}

/// `git gc` writes a new pack and removes those that the store has looked at already.
#[test]
fn objects_that_move_to_another_pack_meanwhile_are_found() {
    let repo = Repo::new();
    let early = repo.commit("early");
    repo.git(&["repack", "-dq"]);
    let late = repo.commit("late");
    let store = open(&repo);
    assert!(store.header(&id(&early)).expect("a sane store").is_some());
    repo.git(&["repack", "-adq"]);
    repo.git(&["prune-packed", "-q"]);
    for hex in [&late, &early] {
        assert!(store.header(&id(hex)).expect("a sane store").is_some(), "{hex}");
    }
}

/// No damage makes the store panic, hang, or answer with other bytes.
#[test]
fn a_broken_index_or_pack_is_an_error_or_hides_objects_and_never_panics() {
    let repo = Repo::new();
    for number in 0..6 {
        repo.write("a.txt", format!("{number}\n").repeat(50));
        repo.commit(&format!("Change {number}"));
    }
    repo.git(&["repack", "-adfq"]);
    let objects = all_objects(&repo);
    for extension in ["idx", "pack"] {
        let [path] = <[PathBuf; 1]>::try_from(packs(&repo, extension)).expect("one pack");
        let good = std::fs::read(&path).expect("read");
        std::fs::remove_file(&path).expect("git makes packs read-only");
        let step = good.len() / 150 + 1;
        for at in (0..good.len()).step_by(step) {
            let mut flipped = good.clone();
            flipped[at] ^= 0x81;
            for bytes in [&good[..at], flipped.as_slice()] {
                std::fs::write(&path, bytes).expect("written");
                let store = open(&repo);
                for (id, kind, content) in &objects {
                    let mut buffer = Vec::new();
                    // A pack that git did not check could hold anything, but one changed byte never
                    // decodes to the bytes of another object without zlib's checksum noticing.
                    if let Ok(read) = store.read(id, *kind, ("test", 1 << 20), &mut buffer)
                        && extension == "pack"
                    {
                        assert_eq!(read.len(), content.len(), "{extension} broken at {at}");
                    }
                }
            }
        }
        std::fs::write(&path, &good).expect("written");
        agrees_with_git(&repo, objects.len());
    }
}

#[test]
fn a_broken_loose_object_is_an_error() {
    let repo = Repo::new();
    repo.write("a.txt", "some text\n".repeat(2000));
    repo.commit("One");
    let hex = repo.rev("HEAD:a.txt");
    let path = repo.git_dir().join("objects").join(&hex[..2]).join(&hex[2..]);
    let good = std::fs::read(&path).expect("read");
    std::fs::remove_file(&path).expect("git makes objects read-only");
    for at in 0..good.len() {
        let mut flipped = good.clone();
        flipped[at] ^= 0x55;
        for bytes in [&good[..at], flipped.as_slice()] {
            std::fs::write(&path, bytes).expect("written");
            let store = open(&repo);
            let mut buffer = Vec::new();
            let read = store.read(&id(&hex), ObjectKind::Blob, ("test", 1 << 20), &mut buffer);
            // The two bytes of the zlib header name a level that decides nothing.
            assert!(read.is_err() || at < 2, "broken at {at}");
        }
    }
}

fn packs(repo: &Repo, extension: &str) -> Vec<PathBuf> {
    let directory = repo.git_dir().join("objects/pack");
    let entries = std::fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_wanted = |path: &Path| path.extension().is_some_and(|found| found == extension);
    let mut paths: Vec<PathBuf> = paths.filter(|path| is_wanted(path)).collect();
    paths.sort();
    paths
}
