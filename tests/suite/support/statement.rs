//! Statements about changes made with git, sha256sum's digest and ssh-keygen alone, as
//! `docs/formats.md` says: times and bases are free, and nothing of refgate's writing is trusted.

use std::fs;

use jiff::{SignedDuration, Timestamp};

use super::world::{Person, World};
use super::{command, run};

/// What somebody says about a change, before it is signed.
pub struct Draft {
    pub decision: &'static str,
    pub base: String,
    pub head: String,
    pub roles: &'static str,
    pub at: Timestamp,
    pub until: Timestamp,
}

impl Draft {
    /// An approval of what merging `head` into `base` changes, made now and for 30 days.
    pub fn approval(base: &str, head: &str, roles: &'static str) -> Self {
        let at = now();
        Self {
            decision: "approval",
            base: base.into(),
            head: head.into(),
            roles,
            at,
            until: later(at, 30 * 24),
        }
    }

    /// Moves the time at which it was said, by hours from now.
    pub fn at(mut self, hours: i64) -> Self {
        self.at = later(now(), hours);
        self
    }

    /// Moves the time until which it holds, by hours from now.
    pub fn until(mut self, hours: i64) -> Self {
        self.until = later(now(), hours);
        self
    }

    /// The bytes to be signed for main.
    pub fn payload(&self, change: &str) -> String {
        let Self { decision, base, head, roles, at, until } = self;
        format!(
            "refgate {decision} v1\nrepository: git.example.org/demo/app\nref: refs/heads/main\n\
             change: {change}\nbase: {base}\nhead: {head}\nroles: {roles}\nby: {{by}}\nat: {at}\nuntil: {until}\n"
        )
    }
}

/// The time now, in whole seconds.
pub fn now() -> Timestamp {
    Timestamp::from_second(refgate::clock::now().as_second()).expect("a time")
}

fn later(at: Timestamp, hours: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(hours)).expect("a time")
}

/// The change from one tree to another in raw form, and its digest.
pub fn change(person: &Person<'_>, base: &str, head: &str) -> (Vec<u8>, String) {
    let merged = person.git(&["merge-tree", "--write-tree", base, head]);
    raw_change(person, base, &merged)
}

/// The change from one commit or tree to another.
pub fn raw_change(person: &Person<'_>, from: &str, to: &str) -> (Vec<u8>, String) {
    let raw = run(person
        .command()
        .args(["diff-tree", "-r", "-z", "--raw", "--no-renames"])
        .args(["--no-abbrev", from, to]));
    let path = person.dir().join("../raw");
    fs::write(&path, &raw).expect("written");
    let sum = run(command("sha256sum").arg(&path));
    let sum = String::from_utf8(sum).expect("UTF-8");
    (raw, format!("sha256:{}", sum.split(' ').next().expect("a digest")))
}

/// Signs a text as `ssh-keygen` does and returns the signature in base64, without armour.
pub fn sign(world: &World, by: &str, text: &str) -> String {
    let path = world.path("to-sign");
    fs::write(&path, text).expect("written");
    let signature = world.path("to-sign.sig");
    drop(fs::remove_file(&signature));
    run(command("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", "refgate", "-f"])
        .arg(world.path("keys").join(by))
        .arg(&path));
    let armoured = fs::read_to_string(&signature).expect("a signature");
    armoured.lines().filter(|line| !line.starts_with('-')).collect()
}

/// Signs a draft as somebody, adds it to the notes with git alone, and pushes them.
pub fn say(world: &World, by: &'static str, draft: &Draft) {
    let person = world.person(by);
    let notes = "refs/notes/refgate/approvals";
    person.git(&["fetch", "-q", "origin"]);
    drop(person.try_git(&["fetch", "-q", "origin", &format!("+{notes}:{notes}")]));
    let (raw, digest) = change(&person, &draft.base, &draft.head);
    let payload = draft.payload(&digest).replace("{by}", &format!("{by}@example.org"));
    let sig = sign(world, by, &payload);
    let Draft { decision, base, head, roles, at, until } = draft;
    let line = format!(
        r#"{{"decision":"{decision}","ref":"refs/heads/main","change":"{digest}","base":"{base}","head":"{head}","roles":"{roles}","by":"{by}@example.org","at":"{at}","until":"{until}","sig":"ssh:{sig}"}}"#
    );
    let path = world.path("raw-change");
    fs::write(&path, raw).expect("written");
    let blob = person.git(&["hash-object", "-w", &path.to_string_lossy()]);
    let shown = person.try_git(&["notes", "--ref", notes, "show", &blob]);
    let mut lines: Vec<&str> = shown.out.lines().filter(|_| shown.ok).collect();
    lines.push(&line);
    lines.sort_unstable();
    let path = world.path("note");
    fs::write(&path, format!("{}\n", lines.join("\n"))).expect("written");
    person.git(&["notes", "--ref", notes, "add", "-f", "-F", &path.to_string_lossy(), &blob]);
    person.push(&[notes]).accepted();
}
