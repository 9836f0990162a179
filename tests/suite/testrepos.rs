//! What refgate says about the repositories that the stories in `testrepos/` make.
//!
//! A story makes the same ids on each run, so the snapshots hold real ones, and the time of the
//! push is fixed like everything else: nothing here will ever look different because a day has passed.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use refgate::judge::{Circumstances, Repository, judge};
use refgate::receive::Push;
use refgate::repo::layout::Layout;
use refgate::repo::objects::Trusted;
use refgate::repo::refs::Refs;
use refgate::repo::view::View;
use refgate::report::remote;

use crate::support::wire::ZERO;
use crate::support::{command, run};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Lets a story happen in a directory of its own.
fn tell(story: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let keys = dir.path().join("keys");
    std::fs::create_dir(&keys).expect("made");
    for name in ["ada", "ben", "cleo", "dana", "mallory"] {
        for file in [name.to_owned(), format!("{name}.pub")] {
            let copy = keys.join(&file);
            std::fs::copy(root().join("tests/keys").join(&file), &copy).expect("copied");
            std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).expect("set");
        }
    }
    let mut script = command("sh");
    script.arg(root().join("testrepos").join(format!("{story}.sh")));
    run(script.env("TESTREPO", dir.path()).env("KEYS", &keys).env("HOME", dir.path()));
    dir
}

/// The names of the pushes of a story, sorted.
fn pushes(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join("pushes")).expect("the story pushes something");
    let mut pushes: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    pushes.sort();
    pushes
}

/// Makes the refs hold what lines of "old new ref" begin with, and returns such lines for what they held.
///
/// A story goes on after a push that it tells of; each push is judged at its own time.
fn rewind(server: &Path, lines: &str) -> String {
    let git = |args: &[&str]| {
        let printed = run(command("git").arg("-C").arg(server).args(args));
        String::from_utf8(printed).expect("UTF-8").trim_end().to_owned()
    };
    let mut before = String::new();
    for line in lines.lines() {
        let [old, _, name] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let held = git(&["for-each-ref", "--format=%(objectname)", name]);
        let held = if held.is_empty() { ZERO } else { &held };
        writeln!(before, "{held} {old} {name}").expect("text");
        // The null id stands for a ref that is not there.
        git(&["update-ref", name, old]);
    }
    before
}

/// Refs and pushes of a story, and what refgate says about each push on 2026-11-23.
fn judged(dir: &Path) -> String {
    let server = dir.join("server.git");
    let mut text = String::from("before:\n");
    let list = ["for-each-ref", "--format=  %(refname) %(objectname)"];
    text +=
        &String::from_utf8(run(command("git").arg("-C").arg(&server).args(list))).expect("UTF-8");
    for path in pushes(dir) {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let lines = std::fs::read(&path).expect("a push");
        let before = rewind(&server, &String::from_utf8_lossy(&lines));
        let layout = Layout::open(&server).expect("a repository");
        let repository = Repository {
            trusted: Trusted::open(&layout.objects_dir(), layout.hash).expect("objects"),
            settings: refgate::cli::hook::settings(&layout).expect("settings"),
            view: View::Server(Refs::new(&layout)),
            quarantine: None,
        };
        let push = Push::parse(&lines, 100).expect("a push");
        let now = "2026-11-23T12:00:00Z".parse().expect("a time");
        let says = match judge(&push, &repository, &Circumstances::default(), now) {
            Ok(verdict) if verdict.is_accepted() => "accepted\n".to_owned(),
            Ok(verdict) => remote::verdict(&verdict),
            Err(error) => remote::error(&error),
        };
        write!(text, "\npush {name}:\n  {}\n", String::from_utf8_lossy(&lines).trim_end())
            .expect("text");
        rewind(&server, &before);
        text += &says
            .lines()
            .map(|line| format!("    {line}\n").replace("    \n", "\n"))
            .collect::<String>();
    }
    text
}

/// Every story, the same twice, and as it was when somebody last looked at it.
macro_rules! stories {
    ($($test:ident $story:literal),* $(,)?) => {$(
        #[test]
        fn $test() {
            let (one, two) = (tell($story), tell($story));
            let said = judged(one.path());
            assert_eq!(said, judged(two.path()), "the story goes differently each time");
            insta::assert_snapshot!($story, said);
        }
    )*};
}

stories! {
    criss_cross "criss-cross",
    evil_merge "evil-merge",
    first_push "first-push",
    hostile_commits "hostile-commits",
    landings "landings",
    parked "parked",
    policy_change "policy-change",
    revert_replayed "revert-replayed",
}
