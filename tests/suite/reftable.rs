//! Reftables, written by git and read by us: the same refs, whatever the tables look like, and errors where they are damaged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use refgate::id::{HashKind, parse_hex};
use refgate::refname::RefName;
use refgate::repo::layout::{Layout, RefFormat};
use refgate::repo::refs::{Refs, Target};
use refgate::repo::reftable::{Malformed, Source, Table, Value};

use crate::support::{Repo, command, output, run};

/// Fails the test, with the reason, where git makes no reftables.
pub fn required() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = output(
        command("git").args(["init", "-q", "--bare", "--ref-format=reftable"]).arg(dir.path()),
    );
    let version = String::from_utf8_lossy(&run(command("git").arg("version"))).into_owned();
    assert!(
        made.status.success(),
        "{} makes no reftables, so that this test cannot run: it needs git 2.45 or newer",
        version.trim()
    );
}

fn repository(format: &str) -> Repo {
    required();
    Repo::init(&["--ref-format=reftable", &format!("--object-format={format}")])
}

fn refs(repo: &Repo) -> Refs {
    let layout = Layout::open(repo.git_dir()).expect("a layout");
    assert_eq!(layout.refs, RefFormat::Reftable);
    Refs::new(&layout)
}

fn name(text: &str) -> RefName {
    RefName::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text} is no name"))
}

/// The tables of a repository, oldest first.
fn tables(repo: &Repo) -> Vec<PathBuf> {
    let dir = repo.git_dir().join("reftable");
    let list = std::fs::read_to_string(dir.join("tables.list")).expect("a list");
    list.lines().map(|line| dir.join(line)).collect()
}

/// Changes many refs in one transaction, with options for the table that git writes.
fn update(repo: &Repo, options: &[&str], commands: &str) {
    let path = repo.around().join("input");
    std::fs::write(&path, commands).expect("written");
    let mut git = repo.command();
    git.env("GIT_TEST_REFTABLE_AUTOCOMPACTION", "false");
    for option in options {
        git.args(["-c", option]);
    }
    git.args(["update-ref", "--no-deref", "--stdin"]);
    run(git.stdin(std::fs::File::open(&path).expect("read")));
}

/// All refs as git lists them, symbolic ones by what they name.
fn as_git_has_them(repo: &Repo) -> BTreeMap<String, Target> {
    let listed = repo.git(&["for-each-ref", "--format=%(refname) %(objectname) %(symref)"]);
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        let target = match fields[2] {
            "" => Target::Object(parse_hex(fields[1].as_bytes()).expect("an id")),
            symbolic => Target::Symbolic(name(symbolic)),
        };
        (fields[0].to_owned(), target)
    };
    listed.lines().map(parse).collect()
}

/// Every name reads as git has it, names beside it are absent, and prefixes list what git lists.
#[track_caller]
fn agree(repo: &Repo) {
    let ours = refs(repo);
    let expected = as_git_has_them(repo);
    for (text, target) in &expected {
        assert_eq!(ours.read(&name(text)).expect(text).as_ref(), Some(target), "{text}");
        let shorter = &text[..text.len() - 1];
        for other in [format!("{text}0"), format!("{text}-"), format!("{text}/x"), shorter.into()] {
            let Some(parsed) = RefName::parse(other.as_bytes()) else { continue };
            let found = ours.read(&parsed).expect("readable");
            assert_eq!(found.as_ref(), expected.get(&other), "{other}");
        }
    }
    for absent in ["refs/a", "refs/heads/0", "refs/heads/zzz", "refs/zzz/zzz"] {
        assert_eq!(ours.read(&name(absent)).expect("readable"), expected.get(absent).cloned());
    }
    for prefix in ["refs/", "refs/heads/", "refs/heads/many/1", "refs/tags/", "refs/zzz/", "refs/h"]
    {
        let listed = ours.with_prefix(prefix.as_bytes()).expect(prefix);
        let listed: Vec<_> = listed.iter().map(|(n, target)| (n.to_string(), target)).collect();
        let wanted: Vec<_> = expected
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, target)| (name.clone(), target))
            .collect();
        assert_eq!(listed, wanted, "{prefix}");
    }
    let head = repo.git(&["symbolic-ref", "HEAD"]);
    assert_eq!(ours.head().expect("HEAD"), Some(name(&head)));
}

/// How many blocks of a kind a table has whose blocks are aligned.
fn blocks(table: &Path, size: usize, kind: u8) -> usize {
    let bytes = std::fs::read(table).expect("a table");
    let footer = bytes.len() - if bytes[4] == 1 { 68 } else { 72 };
    (1..footer.div_ceil(size)).filter(|block| bytes[block * size] == kind).count()
}

#[test]
fn every_ref_reads_as_git_reads_it() {
    for format in ["sha1", "sha256"] {
        let repo = repository(format);
        let first = repo.commit("first");
        repo.git(&["tag", "-a", "-m", "annotated", "v1"]);
        let tag = repo.rev("refs/tags/v1");
        agree(&repo);
        // Several tables: many refs, some of them tags of tags and symbolic; then deletions, changes and new ones.
        let creates: String = (0..3000)
            .map(|n| {
                let id = if n % 3 == 0 { &tag } else { &first };
                format!("create refs/heads/many/{n} {id}\n")
            })
            .collect();
        update(
            &repo,
            &[],
            &creates.replace("refs/heads/many/999 ", "refs/tags/many/999 ").replace(&tag, &first),
        );
        update(
            &repo,
            &[],
            &format!("create refs/tags/v2 {tag}\ncreate refs/changes/01/1/1 {tag}\n"),
        );
        assert!(tables(&repo).len() > 2, "{:?}", tables(&repo));
        agree(&repo);
        let second = repo.commit("second");
        // Dropping logs writes tables that hold logs alone.
        let mut expire = repo.command();
        expire.env("GIT_TEST_REFTABLE_AUTOCOMPACTION", "false");
        run(expire.args(["reflog", "expire", "--expire=now", "refs/heads/main"]));
        let first_kind = |path: &PathBuf| {
            let bytes = std::fs::read(path).expect("a table");
            bytes[if bytes[4] == 1 { 24 } else { 28 }]
        };
        assert_eq!(tables(&repo).last().map(first_kind), Some(b'g'));
        agree(&repo);
        let changes: String = (0..3000)
            .filter(|n| *n != 999)
            .filter_map(|n| match n % 5 {
                0 => Some(format!("delete refs/heads/many/{n}\n")),
                1 => Some(format!("update refs/heads/many/{n} {second}\n")),
                _ => None,
            })
            .collect();
        update(&repo, &[], &changes);
        repo.git(&["symbolic-ref", "refs/heads/alias", "refs/heads/many/1"]);
        repo.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main"]);
        agree(&repo);
        // Anew what was deleted, and gone what was there.
        update(
            &repo,
            &[],
            &format!("create refs/heads/many/0 {first}\ndelete refs/heads/many/1\n"),
        );
        let ours = refs(&repo);
        // It leads nowhere now: git does not list it.
        assert_eq!(
            ours.resolve(&name("refs/heads/alias")).expect("an alias"),
            (name("refs/heads/many/1"), None)
        );
        repo.git(&["symbolic-ref", "--delete", "refs/heads/alias"]);
        agree(&repo);
        repo.git(&["pack-refs"]);
        assert_eq!(tables(&repo).len(), 1);
        assert!(blocks(&tables(&repo)[0], 4096, b'i') > 0, "an index");
        agree(&repo);
        repo.git(&["checkout", "-q", "--detach"]);
        assert_eq!(refs(&repo).head().expect("HEAD"), None);
    }
}

#[test]
fn indexes_of_many_levels_and_blocks_of_any_size() {
    let repo = repository("sha1");
    let first = repo.commit("first");
    let creates: String =
        (0..2500).map(|n| format!("create refs/heads/many/{n} {first}\n")).collect();
    update(&repo, &[], &creates);
    for (options, size, least) in [
        // A top of more than three blocks gets a level above it.
        (&["reftable.blockSize=256"][..], 256, 8),
        (&["reftable.blockSize=300", "reftable.restartInterval=1"], 300, 8),
        (&["reftable.blockSize=1000", "reftable.restartInterval=200"], 1000, 1),
        (&["reftable.blockSize=256", "reftable.indexObjects=false"], 256, 8),
        (&["reftable.blockSize=1000000"], 1_000_000, 0),
        (&["reftable.blockSize=16777215"], 16_777_215, 0),
    ] {
        // Packing is for tables of more than one: the next has to be there.
        update(&repo, &[], &format!("update refs/heads/main {first}\n"));
        let mut args: Vec<&str> = options.iter().flat_map(|option| ["-c", option]).collect();
        args.push("pack-refs");
        repo.git(&args);
        assert_eq!(tables(&repo).len(), 1, "{options:?}");
        let found = blocks(&tables(&repo)[0], size, b'i');
        assert!(found >= least, "{found} index blocks with {options:?}");
        agree(&repo);
    }
}

#[test]
fn the_same_symbolic_refs_lead_nowhere_and_in_circles() {
    let repo = repository("sha1");
    repo.commit("first");
    for number in 1..=6 {
        let (from, to) = (format!("refs/heads/s{number}"), format!("refs/heads/s{}", number - 1));
        repo.git(&["symbolic-ref", &from, &to.replace("s0", "main")]);
    }
    let ours = refs(&repo);
    assert_eq!(ours.resolve(&name("refs/heads/s5")).expect("five").0, name("refs/heads/main"));
    assert!(ours.resolve(&name("refs/heads/s6")).is_err(), "six are too many, as in git");
    assert!(
        !output(repo.command().args(["rev-parse", "-q", "--verify", "refs/heads/s6"]))
            .status
            .success()
    );
    repo.git(&["symbolic-ref", "refs/heads/circle", "refs/heads/circle"]);
    assert!(ours.resolve(&name("refs/heads/circle")).is_err());
    repo.git(&["symbolic-ref", "HEAD", "refs/heads/unborn"]);
    assert_eq!(ours.head().expect("HEAD"), Some(name("refs/heads/unborn")));
}

/// The bytes of a small table with every type of value, and the names in it.
fn small() -> (Repo, PathBuf, Vec<String>) {
    let repo = repository("sha1");
    let commit = repo.commit("first");
    repo.git(&["tag", "-a", "-m", "annotated", "v1"]);
    repo.git(&["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    update(&repo, &[], &format!("create refs/heads/topic {commit}\n"));
    repo.git(&["pack-refs"]);
    let path = tables(&repo).pop().expect("a table");
    let names = ["HEAD", "refs/heads/alias", "refs/heads/main", "refs/heads/topic", "refs/tags/v1"];
    (repo, path, names.map(str::to_owned).into())
}

/// All that a table says, by going through it and by asking for names.
fn read_all(bytes: &[u8], names: &[String]) -> Result<Vec<(Vec<u8>, Value)>, Malformed> {
    let table = Table::open(Source::Memory(bytes.to_vec()), HashKind::Sha1)?;
    let mut all = Vec::new();
    let mut cursor = table.seek(b"")?;
    while let Some(record) = cursor.next()? {
        all.push(record);
    }
    for name in names {
        let listed = all.iter().find(|(found, _)| found == name.as_bytes());
        let asked = table.find(name.as_bytes())?;
        assert_eq!(asked.as_ref(), listed.map(|(_, value)| value), "{name}");
    }
    Ok(all)
}

#[test]
fn a_table_that_is_cut_off_anywhere_is_refused() {
    let (_repo, path, names) = small();
    let bytes = std::fs::read(path).expect("a table");
    assert_eq!(read_all(&bytes, &names).expect("a table").len(), names.len());
    for len in 0..bytes.len() {
        let table = Table::open(Source::Memory(bytes[..len].to_vec()), HashKind::Sha1);
        assert!(table.is_err(), "{len} of {} bytes", bytes.len());
    }
    let longer = [&bytes[..], b"\0"].concat();
    assert!(Table::open(Source::Memory(longer), HashKind::Sha1).is_err());
    let error = Table::open(Source::Memory(bytes), HashKind::Sha256).expect_err("other ids");
    assert!(error.to_string().contains("sha256"), "{error}");
}

/// Header and footer have a checksum. In a block, a bit that flips is an error or reads as
/// what git reads: it can become another name or id, and no ref becomes absent for it unless its name is another.
#[test]
fn a_bit_that_flips_is_an_error_or_reads_as_git_reads_it() {
    let (repo, path, names) = small();
    let good = std::fs::read(&path).expect("a table");
    let whole = read_all(&good, &names).expect("a table");
    let block_len = usize::from(u16::from_be_bytes([good[26], good[27]]));
    let footer = good.len() - 68;
    let mut refused = 0;
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            let read = read_all(&bytes, &[]);
            let guarded = at < 24 || at >= footer;
            assert!(!guarded || read.is_err(), "byte {at}, bit {bit}");
            refused += usize::from(read.is_err());
            let Ok(read) = read else { continue };
            // Behind the refs lie the logs, which nobody reads.
            assert!(at < block_len || read == whole, "byte {at}, bit {bit}");
            assert_eq!(read.len(), whole.len(), "byte {at}, bit {bit}");
        }
    }
    assert!(refused > 8 * (24 + 68), "{refused}");
    std::fs::remove_file(&path).expect("read-only");
    for at in 24..block_len {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&path, &bytes).expect("written");
        let ours = refs(&repo);
        for text in
            names.iter().filter(|name| name.starts_with("refs/heads/") && !name.ends_with("alias"))
        {
            let Ok(found) = ours.resolve(&name(text)) else { continue };
            let theirs = output(repo.command().args(["rev-parse", "-q", "--verify", text]));
            let theirs = parse_hex(String::from_utf8_lossy(&theirs.stdout).trim().as_bytes());
            assert_eq!(found.1, theirs, "byte {at}, {text}");
        }
    }
}

/// A table of many small blocks, with an index of several levels.
fn large() -> (Vec<u8>, Vec<String>) {
    let repo = repository("sha1");
    let first = repo.commit("first");
    let creates: String =
        (0..1000).map(|n| format!("create refs/heads/many/{n} {first}\n")).collect();
    update(&repo, &[], &creates);
    repo.git(&["-c", "reftable.blockSize=256", "pack-refs"]);
    let names = as_git_has_them(&repo).into_keys().collect();
    (std::fs::read(&tables(&repo)[0]).expect("a table"), names)
}

#[test]
fn damage_anywhere_in_a_large_table_ends_in_an_answer() {
    let (good, names) = large();
    let whole = read_all(&good, &names).expect("a table");
    let blocks_end = good.len() - 68;
    for at in (0..blocks_end).step_by(131) {
        let mut bytes = good.clone();
        bytes[at] = !bytes[at];
        drop(read_all(&bytes, &[]));
        let Ok(table) = Table::open(Source::Memory(bytes), HashKind::Sha1) else { continue };
        for name in names.iter().step_by(17) {
            drop(table.find(name.as_bytes()));
        }
    }
    // A block that is taken for one of another kind would cut the list off.
    for start in (256..blocks_end).step_by(256) {
        if good[start] != b'r' {
            continue;
        }
        for kind in *b"igo" {
            let mut bytes = good.clone();
            bytes[start] = kind;
            assert!(read_all(&bytes, &[]).is_err(), "block at {start} as {}", char::from(kind));
        }
        let mut bytes = good.clone();
        bytes[start..start + 256].fill(0);
        assert!(read_all(&bytes, &[]).is_err(), "block at {start} is empty");
    }
    assert!(whole.len() > 1000);
}

/// The cost of a lookup does not grow with the refs: all blocks that it has no need of may be unreadable.
#[test]
fn one_name_is_found_without_reading_the_others() {
    let (good, names) = large();
    let kinds = |bytes: &[u8]| -> Vec<usize> {
        (256..bytes.len() - 68).step_by(256).filter(|at| bytes[*at] == b'r').collect()
    };
    let refs = kinds(&good);
    let kept = refs[refs.len() / 2];
    let mut bytes = good.clone();
    for start in refs.iter().filter(|start| **start != kept) {
        bytes[*start..start + 256].fill(0xee);
    }
    bytes[28..256].fill(0xee);
    let clean = Table::open(Source::Memory(good), HashKind::Sha1).expect("a table");
    let spoilt =
        Table::open(Source::Memory(bytes), HashKind::Sha1).expect("header and footer are whole");
    let mut found = 0;
    for name in &names {
        let Ok(value) = spoilt.find(name.as_bytes()) else { continue };
        assert_eq!(value, clean.find(name.as_bytes()).expect("a table"), "{name}");
        assert!(value.is_some(), "{name}");
        found += 1;
    }
    assert!((2..30).contains(&found), "{found} names are in one block");
}

#[test]
fn t154_lists_and_tables_that_are_missing_or_wrong_are_errors() {
    let repo = repository("sha1");
    let commit = repo.commit("first");
    update(&repo, &[], &format!("create refs/heads/topic {commit}\n"));
    let list = repo.git_dir().join("reftable/tables.list");
    let good = std::fs::read_to_string(&list).expect("a list");
    let lines: Vec<&str> = good.lines().collect();
    assert!(lines.len() >= 2, "{good}");
    let (main, gone) = (name("refs/heads/main"), name("refs/heads/gone"));
    #[track_caller]
    fn refused(repo: &Repo, names: [&RefName; 2], word: &str) {
        let ours = refs(repo);
        for name in names {
            let error = ours.read(name).expect_err(word);
            assert!(error.to_string().contains(word), "{word}: {error}");
        }
        assert!(ours.with_prefix(b"refs/heads/").is_err(), "{word}");
        assert!(ours.head().is_err(), "{word}");
    }
    let backwards = format!("{}\n{}\n", lines[1], lines[0]);
    for (content, word) in [
        ("", "is empty"),
        (good.trim_end(), "cut off"),
        (&format!("{good}\n"), "no name of a further table"),
        (&format!("{good}{}\n", lines[0]), "no name of a further table"),
        (&format!("{good}../HEAD\n"), "no name of a further table"),
        (&format!("{good}0x9-0x9-none.ref\n"), "0x9-0x9-none.ref is missing"),
        (&backwards, "is no newer than"),
    ] {
        std::fs::write(&list, content).expect("written");
        refused(&repo, [&main, &gone], word);
    }
    std::fs::remove_file(&list).expect("removed");
    refused(&repo, [&main, &gone], "no such file");
    std::fs::write(&list, &good).expect("written");
    assert!(refs(&repo).read(&main).expect("whole again").is_some());
    // A table of another repository, and one that is none.
    let newest = tables(&repo).pop().expect("a table");
    let kept = std::fs::read(&newest).expect("a table");
    std::fs::remove_file(&newest).expect("read-only");
    let other = repository("sha256");
    other.commit("first");
    let foreign = std::fs::read(tables(&other).pop().expect("a table")).expect("a table");
    for (content, word) in
        [(&foreign[..], "sha256"), (b"no table", "ends before"), (&kept[1..], "no reftable")]
    {
        std::fs::write(&newest, content).expect("written");
        refused(&repo, [&main, &gone], word);
    }
}

/// git packs tables, and deletes the old ones, while we read.
#[test]
fn refs_are_read_while_git_writes_and_packs_them() {
    let repo = repository("sha1");
    let first = repo.commit("first");
    repo.git(&["branch", "fixed"]);
    let creates: String =
        (0..2000).map(|n| format!("create refs/heads/many/{n} {first}\n")).collect();
    update(&repo, &[], &creates);
    let done = AtomicBool::new(false);
    let (mut rounds, mut highest) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..150 {
                let moved = format!("refs/heads/counter/{number:03}");
                repo.git(&["update-ref", &moved, &first]);
                if number > 0 {
                    repo.git(&[
                        "update-ref",
                        "-d",
                        &format!("refs/heads/counter/{:03}", number - 1),
                    ]);
                }
                if number % 10 == 0 {
                    repo.git(&["pack-refs"]);
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        // One reader that stays, as a hook has it, and new ones.
        let stays = refs(&repo);
        while !done.load(Ordering::SeqCst) {
            let fresh = refs(&repo);
            for ours in [&stays, &fresh] {
                let fixed = ours.read(&name("refs/heads/fixed")).expect("readable");
                assert!(fixed.is_some(), "a ref that nobody touches");
                let listed = ours.with_prefix(b"refs/heads/counter/").expect("readable");
                assert!(listed.len() <= 2, "{listed:?}");
                if let Some((last, _)) = listed.last() {
                    let number: u32 = last.to_string()[19..].parse().expect("a number");
                    assert!(number >= highest, "{number} after {highest}");
                    highest = number;
                }
                rounds += 1;
            }
        }
    });
    assert!(rounds > 20 && highest > 0, "{rounds} rounds, {highest}");
    agree(&repo);
}
