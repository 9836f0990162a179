//! The readers of objects and refs, compared with git.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use refgate::clock::Deadline;
use refgate::id::{CommitId, ObjectId, TagId, TreeId, parse_hex};
use refgate::limits::Limits;
use refgate::refname::RefName;
use refgate::repo::ReadError;
use refgate::repo::commit::Commit;
use refgate::repo::diff;
use refgate::repo::layout::Layout;
use refgate::repo::merge::{Merged, Merger};
use refgate::repo::notes::NotesTree;
use refgate::repo::objects::{Incoming, Objects as _, Trusted};
use refgate::repo::range::{Collect, RangeError};
use refgate::repo::refs::{Refs, Target};
use refgate::repo::tag::Tag;

use crate::support::{Repo, output};

fn id(hex: &str) -> ObjectId {
    parse_hex(hex.as_bytes()).expect("an id")
}

fn commit_id(hex: &str) -> CommitId {
    CommitId(id(hex))
}

fn tree_id(repo: &Repo, revision: &str) -> TreeId {
    TreeId(id(&repo.rev(&format!("{revision}^{{tree}}"))))
}

fn open(repo: &Repo) -> Trusted {
    let layout = Layout::open(repo.git_dir()).expect("a layout");
    Trusted::open(&layout.objects_dir(), layout.hash).expect("an object store")
}

fn deadline() -> Deadline {
    Deadline::after_ms(60_000)
}

fn read(repo: &Repo, hex: &str) -> Result<Commit, ReadError> {
    Commit::read(&open(repo), commit_id(hex), &Limits::default())
}

/// Commits that git takes and that readers understand differently, or not at all.
#[test]
fn t34_to_t39_commits_that_readers_disagree_on_are_refused() {
    let repo = Repo::new();
    let tree = repo.rev(&repo.git(&["write-tree"]));
    let parent = repo.commit("root");
    let who = "Ada <ada@example.org> 1795168800 +0000";
    let good = format!("tree {tree}\nparent {parent}\nauthor {who}\ncommitter {who}\n\nmessage\n");
    let good_id = repo.raw_object("commit", good.as_bytes());
    assert_eq!(
        read(&repo, &good_id).expect("git's own form is read").parents,
        [commit_id(&parent)]
    );
    let sig = "gpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n";
    let cases = [
        ("t34 second tree", good.replace("\nparent", &format!("\ntree {tree}\nparent"))),
        (
            "t35 second author",
            good.replace("\ncommitter", "\nauthor Eve <eve@x> 1 +0000\ncommitter"),
        ),
        ("t35 second committer", good.replace("\n\nm", &format!("\ncommitter {who}\n\nm"))),
        ("t36 parent after committer", good.replace("\n\nm", &format!("\nparent {parent}\n\nm"))),
        (
            "t36 parent after author",
            good.replace("\ncommitter", &format!("\nparent {parent}\ncommitter")),
        ),
        ("t37 NUL in message", good.replace("message", "mess\0age")),
        ("t37 encoding", good.replace("\n\nm", "\nencoding UTF-16\n\nm")),
        (
            "t38 two closing brackets",
            good.replace("author Ada <ada@example.org>", "author A <a@x>> <evil@x>"),
        ),
        (
            "t38 no date",
            good.replace(
                "author Ada <ada@example.org> 1795168800 +0000",
                "author Ada <ada@example.org>",
            ),
        ),
        (
            "t38 overflowing date",
            good.replace(
                "author Ada <ada@example.org> 1795168800",
                "author Ada <ada@example.org> 99999999999999999999",
            ),
        ),
        ("t39 two signatures", good.replace("\n\nm", &format!("\n{sig}{sig}\nm"))),
        (
            "t39 signature of another format",
            good.replace("\n\nm", &format!("\n{}\nm", sig.replace("gpgsig", "gpgsig-sha256"))),
        ),
        ("t55 parent named twice", good.replace("\nauthor", &format!("\nparent {parent}\nauthor"))),
        ("author before tree", format!("author {who}\ntree {tree}\ncommitter {who}\n\nmessage\n")),
        ("upper-case id", good.replace(&tree, &tree.to_uppercase())),
        ("short id", good.replace(&tree, &tree[..39])),
        ("no empty line", format!("tree {tree}\nauthor {who}\ncommitter {who}\n")),
        ("folded author", good.replace("author Ada", "author Ada\n Eve")),
        ("empty", String::new()),
    ];
    for (what, bytes) in cases {
        let id = repo.raw_object("commit", bytes.as_bytes());
        match read(&repo, &id) {
            Err(ReadError::Fault(fault)) => {
                assert!(fault.to_string().contains("malformed"), "{what}: {fault}")
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn commits_are_read_as_git_reads_them() {
    let repo = Repo::new();
    repo.write("a", "1");
    repo.commit("first\n\nbody");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    repo.write("b", "2");
    repo.commit("second");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("c", "3");
    repo.commit("third");
    repo.git(&["merge", "-q", "--no-ff", "-m", "merge", "topic"]);
    for hex in repo.git(&["rev-list", "HEAD"]).lines() {
        let commit = read(&repo, hex).expect("a commit of git's own");
        let ours = format!(
            "{}|{}|{}|{}|{}",
            commit.tree,
            commit.parents.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            String::from_utf8_lossy(&commit.author.name),
            String::from_utf8_lossy(&commit.committer.email),
            String::from_utf8_lossy(commit.subject()),
        );
        assert_eq!(ours, repo.git(&["log", "-1", "--format=%T|%P|%an|%ce|%s", hex]));
        let raw = repo.git(&["cat-file", "commit", hex]);
        assert!(raw.ends_with(String::from_utf8_lossy(&commit.message).trim_end()), "{raw}");
    }
}

#[test]
fn tags_are_read_strictly() {
    let repo = Repo::new();
    let commit = repo.commit("root");
    repo.git(&["tag", "-a", "-m", "release\n\nnotes", "v1.0.0"]);
    let store = open(&repo);
    let read = |hex: &str| Tag::read(&store, TagId(id(hex)), &Limits::default());
    let tag = read(&repo.rev("v1.0.0")).expect("a tag");
    assert_eq!((tag.target, tag.name.as_slice()), (id(&commit), &b"v1.0.0"[..]));
    assert!(tag.signature.is_none());
    let good = repo.git(&["cat-file", "tag", "v1.0.0"]) + "\n";
    for (what, bytes) in [
        ("second object", good.replacen("type", &format!("object {commit}\ntype"), 1)),
        ("no tagger", good.replacen("tagger", "taggr", 1)),
        (
            "two signatures",
            format!("{good}-----BEGIN PGP SIGNATURE-----\nx\n-----BEGIN SSH SIGNATURE-----\ny\n"),
        ),
        ("NUL", good.replace("notes", "no\0tes")),
        ("unknown kind", good.replace("type commit", "type cookie")),
    ] {
        let hex = repo.raw_object("tag", bytes.as_bytes());
        let store = open(&repo);
        assert!(
            matches!(
                Tag::read(&store, TagId(id(&hex)), &Limits::default()),
                Err(ReadError::Fault(_))
            ),
            "{what}"
        );
    }
}

fn tree_entry(mode: &str, name: &[u8], hex: &str) -> Vec<u8> {
    [mode.as_bytes(), b" ", name, b"\0", id(hex).as_slice()].concat()
}

#[test]
fn t22_trees_that_readers_disagree_on_are_refused() {
    let repo = Repo::new();
    let blob = repo.raw_object("blob", b"x");
    let empty = repo.raw_object("tree", b"");
    let file = |name: &[u8]| tree_entry("100644", name, &blob);
    let directory = |name: &[u8]| tree_entry("40000", name, &empty);
    let cases: [(&str, Vec<u8>); 12] = [
        ("duplicate", [file(b"meta"), file(b"meta")].concat()),
        ("file and directory", [file(b"meta"), file(b"meta.x"), directory(b"meta")].concat()),
        ("unsorted", [file(b"b"), file(b"a")].concat()),
        ("directory sorted as a file", [directory(b"a"), file(b"a.b")].concat()),
        ("slash", file(b"meta/STRUCTURE.md")),
        ("empty name", file(b"")),
        (".git", directory(b".GIT")),
        ("..", directory(b"..")),
        ("zero-padded mode", tree_entry("040000", b"a", &empty)),
        ("mode 0", tree_entry("0", b"a", &blob)),
        ("unknown type", tree_entry("060000", b"a", &blob)),
        ("cut off", file(b"a")[..20].to_vec()),
    ];
    let who = "Ada <ada@example.org> 1795168800 +0000";
    for (what, bytes) in cases {
        let tree = repo.raw_object("tree", &bytes);
        let store = open(&repo);
        let read = refgate::repo::tree::Tree::read(&store, TreeId(id(&tree)), &Limits::default());
        assert!(matches!(read, Err(ReadError::Fault(_))), "{what}: {who}");
    }
    let good = repo.raw_object("tree", &[file(b"a.b"), directory(b"a"), file(b"a0")].concat());
    let store = open(&repo);
    let tree = refgate::repo::tree::Tree::read(&store, TreeId(id(&good)), &Limits::default())
        .expect("git's order");
    assert_eq!(tree.len(), 3);
    assert!(tree.find(b"a").is_some_and(|e| e.id == id(&empty)));
    assert!(tree.find(b"a.b").is_some() && tree.find(b"b").is_none());
}

/// Our change bytes are git's, on trees with every kind of entry and change.
#[test]
fn t50_to_t52_changes_are_byte_for_byte_what_git_diff_tree_writes() {
    let repo = Repo::new();
    for format in ["sha1", "sha256"] {
        let repo = if format == "sha1" { &repo } else { &Repo::init(&["--object-format=sha256"]) };
        let mut random = Random(7);
        let names: [&[u8]; 9] = [
            b"a",
            b"a.b",
            b"a0",
            b"dir",
            b"dir-x",
            "s\u{e9}c".as_bytes(),
            b"with\nnewline",
            b"q\"uote",
            b"\xff\xfe",
        ];
        let mut trees = vec![repo.raw_object("tree", b"")];
        for _ in 0..40 {
            let tree = random_tree(repo, &mut random, &names, 0);
            trees.push(tree);
        }
        let store = open(repo);
        for pair in trees.windows(2) {
            let args = [
                "diff-tree",
                "-r",
                "-z",
                "--raw",
                "--no-renames",
                "--no-abbrev",
                &pair[0],
                &pair[1],
            ];
            let theirs = crate::support::run(repo.command().args(args));
            let paths = diff::changed_paths(
                &store,
                TreeId(id(&pair[0])),
                TreeId(id(&pair[1])),
                &Limits::default(),
                &deadline(),
            )
            .expect("trees of this test");
            let ours = diff::raw(&paths, ObjectId::null(store.hash()));
            assert_eq!(
                ours.escape_ascii().to_string(),
                theirs.escape_ascii().to_string(),
                "{pair:?}"
            );
        }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn random_tree(repo: &Repo, random: &mut Random, names: &[&[u8]], depth: u64) -> String {
    let mut lines = Vec::new();
    for name in names {
        let kind = random.below(9);
        let (mode, kind, hex) = match kind {
            0 | 1 => (
                "100644",
                "blob",
                repo.raw_object("blob", format!("{}", random.below(3)).as_bytes()),
            ),
            2 => (
                "100755",
                "blob",
                repo.raw_object("blob", format!("{}", random.below(3)).as_bytes()),
            ),
            3 => ("120000", "blob", repo.raw_object("blob", b"target")),
            4 => (
                "160000",
                "commit",
                format!(
                    "{:0>width$}",
                    random.below(3) + 1,
                    width = repo.raw_object("tree", b"").len()
                ),
            ),
            5 | 6 if depth < 2 => ("040000", "tree", random_tree(repo, random, names, depth + 1)),
            _ => continue,
        };
        lines.push([format!("{mode} {kind} {hex}\t").as_bytes(), name, b"\0"].concat());
    }
    let id = repo.git_with_input(&["mktree", "-z", "--missing"], &lines.concat());
    String::from_utf8(id).expect("an id").trim().to_owned()
}

#[test]
fn t113_a_tree_bomb_is_counted_and_refused() {
    let repo = Repo::new();
    let mut tree = repo.raw_object("blob", b"x");
    for level in 0..12 {
        let mode = if level == 0 { "100644" } else { "40000" };
        let entries: Vec<u8> =
            (0..10u8).flat_map(|n| tree_entry(mode, &[b'a' + n], &tree)).collect();
        tree = repo.raw_object("tree", &entries);
    }
    let empty = repo.raw_object("tree", b"");
    let limits = Limits { changed_paths: 5_000, ..Limits::default() };
    let result = diff::changed_paths(
        &open(&repo),
        TreeId(id(&empty)),
        TreeId(id(&tree)),
        &limits,
        &deadline(),
    );
    match result {
        Err(ReadError::Fault(fault)) => {
            assert!(fault.to_string().contains("limits.changed-paths"), "{fault}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn notes_are_found_at_every_fan_out_that_git_writes() {
    let repo = Repo::new();
    repo.commit("root");
    let mut stream = String::new();
    for mark in 1..=400 {
        stream += &format!(
            "commit refs/heads/many\nmark :{mark}\ncommitter A <a@x> {mark} +0000\ndata 0\n"
        );
    }
    stream += "commit refs/notes/refgate/evidence\ncommitter A <a@x> 1 +0000\ndata 0\n";
    for mark in 1..=400 {
        stream += &format!("N inline :{mark}\ndata 4\n{mark:04}\n");
    }
    repo.git_with_input(&["fast-import", "--quiet"], stream.as_bytes());
    let ids: Vec<String> = repo.git(&["rev-list", "many"]).lines().map(Into::into).collect();
    assert_eq!(ids.len(), 400);
    let paths = repo.git(&["ls-tree", "-r", "--name-only", "refs/notes/refgate/evidence"]);
    assert!(paths.lines().next().is_some_and(|p| p.contains('/')), "git fanned out");
    let store = open(&repo);
    let notes = NotesTree::new(tree_id(&repo, "refs/notes/refgate/evidence"));
    for hex in &ids {
        let found =
            notes.find(&store, &id(hex), &Limits::default()).expect("a sane tree").expect("a note");
        assert_eq!(found.to_string(), repo.git(&["notes", "--ref=refgate/evidence", "list", hex]));
    }
    let absent = repo.raw_object("blob", b"without note");
    assert_eq!(notes.find(&store, &id(&absent), &Limits::default()).expect("a sane tree"), None);
}

#[test]
fn t83_two_notes_for_one_object_and_odd_modes_are_refused() {
    let repo = Repo::new();
    let blob = repo.raw_object("blob", b"a note");
    let hex = "0123456789abcdef0123456789abcdef01234567";
    let flat = tree_entry("100644", hex.as_bytes(), &blob);
    let below = repo.raw_object("tree", &tree_entry("100644", &hex.as_bytes()[2..], &blob));
    let fanned = tree_entry("40000", &hex.as_bytes()[..2], &below);
    let cases = [
        ("flat", flat.clone(), true),
        ("fanned out", fanned.clone(), true),
        ("both", [fanned, flat].concat(), false),
        ("symbolic link", tree_entry("120000", hex.as_bytes(), &blob), false),
        ("executable", tree_entry("100755", hex.as_bytes(), &blob), false),
        ("file in place of a directory", tree_entry("100644", &hex.as_bytes()[..2], &blob), false),
    ];
    for (what, bytes, sane) in cases {
        let root = repo.raw_object("tree", &bytes);
        let found =
            NotesTree::new(TreeId(id(&root))).find(&open(&repo), &id(hex), &Limits::default());
        match found {
            Ok(Some(found)) => assert!(sane && found.0 == id(&blob), "{what}"),
            Err(ReadError::Fault(_)) => assert!(!sane, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn refs_are_read_as_git_reads_them() {
    let repo = Repo::new();
    let first = repo.commit("first");
    for name in ["release/1.0", "release/2.0", "releases", "topic"] {
        repo.git(&["branch", name]);
    }
    repo.git(&["pack-refs", "--all"]);
    let second = repo.commit("second");
    repo.git(&["branch", "-f", "release/2.0"]);
    repo.git(&["branch", "release/3.0"]);
    repo.git(&["symbolic-ref", "refs/heads/master", "refs/heads/main"]);
    let refs = Refs::new(&Layout::open(repo.git_dir()).expect("a layout"));
    let name = |text: &str| RefName::parse(text.as_bytes()).expect("a name");
    assert_eq!(refs.head().expect("HEAD"), Some(name("refs/heads/main")));
    for (ref_name, value) in [
        ("refs/heads/main", Some(&second)),
        ("refs/heads/release/1.0", Some(&first)),
        ("refs/heads/release/2.0", Some(&second)),
        ("refs/heads/release", None),
        ("refs/heads/release/1.0/below", None),
        ("refs/heads/absent", None),
    ] {
        let expected = value.map(|hex| Target::Object(id(hex)));
        assert_eq!(refs.read(&name(ref_name)).expect(ref_name), expected, "{ref_name}");
    }
    let (target, value) = refs.resolve(&name("refs/heads/master")).expect("an alias");
    assert_eq!((target, value), (name("refs/heads/main"), Some(id(&second))));
    let listed: Vec<String> = refs
        .with_prefix(b"refs/heads/release/")
        .expect("a list")
        .iter()
        .map(|(n, _)| n.to_string())
        .collect();
    assert_eq!(
        listed,
        ["refs/heads/release/1.0", "refs/heads/release/2.0", "refs/heads/release/3.0"]
    );
    assert_eq!(refs.with_prefix(b"refs/heads/rel").expect("a list").len(), 4);
    assert_eq!(refs.with_prefix(b"refs/nothing/").expect("an empty list").len(), 0);
}

#[test]
fn broken_refs_are_errors_and_never_absent() {
    let repo = Repo::new();
    repo.commit("first");
    for (content, what) in [("nonsense\n", "text"), ("", "empty"), ("ref: HEAD~1\n", "no ref name")]
    {
        std::fs::write(repo.git_dir().join("refs/heads/broken"), content).expect("written");
        let refs = Refs::new(&Layout::open(repo.git_dir()).expect("a layout"));
        let name = RefName::parse(b"refs/heads/broken").expect("a name");
        assert!(refs.read(&name).is_err(), "{what}");
        assert!(refs.with_prefix(b"refs/heads/").is_err(), "{what}");
    }
    std::fs::write(repo.git_dir().join("refs/heads/broken"), "ref: refs/heads/broken\n")
        .expect("written");
    let refs = Refs::new(&Layout::open(repo.git_dir()).expect("a layout"));
    assert!(refs.resolve(&RefName::parse(b"refs/heads/broken").expect("a name")).is_err());
}

#[test]
fn t157_grafts_and_shallow_files_are_refused() {
    let repo = Repo::new();
    let commit = repo.commit("first");
    for file in ["shallow", "info/grafts"] {
        let path = repo.git_dir().join(file);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        std::fs::write(&path, format!("{commit}\n")).expect("written");
        let error = Layout::open(repo.git_dir()).expect_err("history is cut");
        assert!(error.to_string().contains(file), "{error}");
        std::fs::remove_file(&path).expect("removed");
    }
    assert!(Layout::open(repo.git_dir()).is_ok());
}

#[test]
fn t07_t08_replace_refs_change_nothing() {
    let repo = Repo::new();
    let good = repo.commit("good");
    let evil = repo.commit("evil");
    repo.git(&["update-ref", &format!("refs/replace/{evil}"), &good]);
    assert_eq!(read(&repo, &evil).expect("a commit").subject(), b"evil");
    repo.git(&["update-ref", &format!("refs/replace/{good}"), &good]);
    assert_eq!(read(&repo, &good).expect("a commit").subject(), b"good");
}

#[test]
fn t125_a_damaged_object_is_an_error() {
    let repo = Repo::new();
    let hex = repo.commit("first");
    let path = repo.git_dir().join("objects").join(&hex[..2]).join(&hex[2..]);
    let bytes = std::fs::read(&path).expect("a loose object");
    for len in [0, 1, 5, 20, bytes.len() / 2] {
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, &bytes[..len]).expect("written");
        assert!(read(&repo, &hex).is_err(), "{len} bytes");
    }
    std::fs::remove_file(&path).expect("removed");
    std::fs::write(&path, b"\x78\x9cgarbage").expect("written");
    assert!(matches!(read(&repo, &hex), Err(ReadError::Repository(_))));
}

fn range(
    repo: &Repo,
    quarantine: Option<&Path>,
    new: &str,
    old: Option<&str>,
    others: &[&str],
) -> Result<Vec<String>, RangeError> {
    let trusted = open(repo);
    let incoming = Incoming::open(quarantine, &trusted).expect("a quarantine");
    let (limits, deadline) = (Limits::default(), deadline());
    let collect =
        Collect { incoming: &incoming, trusted: &trusted, limits: &limits, deadline: &deadline };
    let others = others.iter().map(|hex| commit_id(hex)).collect();
    let range = collect.range(commit_id(new), old.map(commit_id), || Ok(others))?;
    Ok(range.order.iter().map(ToString::to_string).collect())
}

/// Random histories: the new commits are what the new tip reaches and the hidden ones do not.
#[test]
fn new_commits_are_those_that_hidden_tips_do_not_reach() {
    for skewed in [false, true] {
        let repo = Repo::new();
        let mut random = Random(11);
        let tree = repo.git(&["write-tree"]);
        let mut commits: Vec<String> = Vec::new();
        let mut ancestors: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for number in 0..60 {
            let mut args =
                vec!["commit-tree".to_owned(), tree.clone(), "-m".into(), number.to_string()];
            let mut reached = BTreeSet::new();
            for _ in 0..=random.below(2) {
                if !commits.is_empty() {
                    let back = random.below((commits.len() as u64).min(8)) as usize;
                    let parent = commits[commits.len() - 1 - back].clone();
                    if !args.contains(&parent) {
                        reached.extend(ancestors[&parent].iter().cloned());
                        args.extend(["-p".into(), parent]);
                    }
                }
            }
            let seconds = if skewed { random.below(10_000) as i64 } else { number * 60 };
            let mut git = repo.command();
            git.args(&args).env("GIT_COMMITTER_DATE", format!("{} +0000", 1_700_000_000 + seconds));
            let id =
                String::from_utf8(crate::support::run(&mut git)).expect("an id").trim().to_owned();
            reached.insert(id.clone());
            ancestors.insert(id.clone(), reached);
            commits.push(id);
        }
        for _ in 0..200 {
            let mut pick = || commits[random.below(commits.len() as u64) as usize].clone();
            let (new, old, other) = (pick(), pick(), pick());
            let ours = range(&repo, None, &new, Some(&old), &[&other]).expect("a sane history");
            for (at, id) in ours.iter().enumerate() {
                let is_later =
                    |other: &String| ours.iter().position(|o| o == other).is_some_and(|p| p > at);
                assert!(!ancestors[id].iter().any(is_later), "a parent comes after its child");
            }
            let ours: BTreeSet<String> = ours.into_iter().collect();
            let hidden: BTreeSet<String> =
                ancestors[&old].union(&ancestors[&other]).cloned().collect();
            let exact: BTreeSet<String> = ancestors[&new].difference(&hidden).cloned().collect();
            assert!(
                exact.is_subset(&ours),
                "a new commit would not be judged: {new} --not {old} {other}"
            );
            assert!(skewed || exact == ours, "{new} --not {old} {other}: {exact:?} {ours:?}");
        }
    }
}

#[test]
fn t54_commits_parked_in_the_repository_are_still_new() {
    let repo = Repo::new();
    let old = repo.commit("old");
    let parked = repo.commit("parked");
    let new = repo.commit("new");
    repo.git(&["branch", "scratch", &parked]);
    assert_eq!(range(&repo, None, &new, Some(&old), &[]).expect("a range"), [parked, new]);
}

#[test]
fn t115_more_commits_than_the_limit_are_refused() {
    let repo = Repo::new();
    let old = repo.commit("old");
    for number in 0..6 {
        repo.commit(&number.to_string());
    }
    let trusted = open(&repo);
    let incoming = Incoming::open(None, &trusted).expect("no quarantine");
    let (limits, deadline) = (Limits { commits: 5, ..Limits::default() }, deadline());
    let collect =
        Collect { incoming: &incoming, trusted: &trusted, limits: &limits, deadline: &deadline };
    let result = collect.range(commit_id(&repo.head()), Some(commit_id(&old)), || Ok(Vec::new()));
    assert!(matches!(result, Err(RangeError::TooMany)));
}

/// Where our engine calls a merge clean, git's has the same tree.
#[test]
fn clean_merges_have_the_tree_that_git_merge_makes() {
    let repo = Repo::new();
    let lines = |change: &[(usize, &str)]| -> String {
        (0..40)
            .map(|n| {
                change
                    .iter()
                    .find(|(at, _)| *at == n)
                    .map_or(format!("line {n}\n"), |(_, text)| format!("{text}\n"))
            })
            .collect()
    };
    repo.write("text", lines(&[]));
    repo.write("gone", "x");
    repo.write("mode", "x");
    repo.write("dir/a", "1");
    repo.write("binary", b"\0\x01base");
    repo.commit("base");
    let topics: [(&str, &dyn Fn()); 8] = [
        ("edit-top", &|| repo.write("text", lines(&[(2, "top")]))),
        ("edit-bottom", &|| repo.write("text", lines(&[(37, "bottom")]))),
        ("edit-same", &|| repo.write("text", lines(&[(2, "top"), (20, "middle")]))),
        ("edit-other", &|| repo.write("text", lines(&[(2, "other")]))),
        ("delete", &|| std::fs::remove_file(repo.work().join("gone")).expect("removed")),
        ("into-directory", &|| {
            std::fs::remove_file(repo.work().join("gone")).expect("removed");
            repo.write("gone/below", "y");
        }),
        ("directory", &|| repo.write("dir/b/c", "2")),
        ("binary", &|| repo.write("binary", b"\0\x02changed")),
    ];
    for (name, change) in topics {
        repo.git(&["checkout", "-q", "-b", name, "main"]);
        change();
        repo.commit(name);
    }
    let (mut clean, mut conflicts) = (0, 0);
    for (ours, _) in topics {
        for (theirs, _) in topics {
            let git = output(repo.command().args([
                "merge-tree",
                "--write-tree",
                "-X",
                "no-renames",
                ours,
                theirs,
            ]));
            let git_tree =
                String::from_utf8_lossy(&git.stdout).lines().next().unwrap_or_default().to_owned();
            let trusted = open(&repo);
            let incoming = Incoming::open(None, &trusted).expect("no quarantine");
            let (limits, deadline) = (Limits::default(), deadline());
            let merger = Merger { incoming: &incoming, limits: &limits, deadline: &deadline };
            let side = |name: &str| (commit_id(&repo.rev(name)), tree_id(&repo, name));
            match merger.commits(side(ours), side(theirs)).expect("a sane history") {
                Merged::Clean(tree) => {
                    assert!(git.status.success(), "{ours} and {theirs}: git sees a conflict");
                    assert_eq!(tree.to_string(), git_tree, "{ours} and {theirs}");
                    clean += 1;
                }
                Merged::Conflict(paths) => {
                    assert!(
                        !git.status.success(),
                        "{ours} and {theirs}: {paths:?} is no conflict for git"
                    );
                    conflicts += 1;
                }
            }
        }
    }
    assert!(clean > 40 && conflicts >= 4, "{clean} clean, {conflicts} conflicts");
}

#[test]
fn criss_cross_histories_need_a_person() {
    let repo = Repo::new();
    repo.commit("base");
    repo.git(&["checkout", "-q", "-b", "one"]);
    repo.write("one", "1");
    let one = repo.commit("one");
    repo.git(&["checkout", "-q", "-b", "two", "main"]);
    repo.write("two", "2");
    let two = repo.commit("two");
    repo.git(&["merge", "-q", "--no-ff", "-m", "x", &one]);
    repo.git(&["checkout", "-q", "one"]);
    repo.git(&["merge", "-q", "--no-ff", "-m", "y", &two]);
    let trusted = open(&repo);
    let incoming = Incoming::open(None, &trusted).expect("no quarantine");
    let (limits, deadline) = (Limits::default(), deadline());
    let merger = Merger { incoming: &incoming, limits: &limits, deadline: &deadline };
    let side = |name: &str| (commit_id(&repo.rev(name)), tree_id(&repo, name));
    assert_eq!(
        merger.commits(side("one"), side("two")).expect("read"),
        Merged::Conflict(Vec::new())
    );
}

#[test]
fn t110_an_object_larger_than_its_limit_is_not_read() {
    let repo = Repo::new();
    let big = repo.raw_object("blob", &vec![b'x'; 100_000]);
    let mut buffer = Vec::new();
    let result = open(&repo).read(
        &id(&big),
        refgate::repo::fault::ObjectKind::Blob,
        ("note-bytes", 1000),
        &mut buffer,
    );
    match result {
        Err(ReadError::Fault(fault)) => {
            assert!(fault.to_string().contains("limits.note-bytes"), "{fault}")
        }
        other => panic!("{other:?}"),
    }
    assert!(buffer.is_empty(), "nothing was read");
}
