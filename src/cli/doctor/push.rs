//! The dry push: an unsigned commit, which nobody has approved, pushed to the ref that decides who is trusted.
//!
//! Made by hand, since git's own client cannot be told that a ref is hidden. All refs are hidden
//! for this one push (`receive.hideRefs`): git still asks its hooks, and then moves nothing, whatever
//! they say. A refusal drops the commit with the quarantine; where the hook accepts it, and git has
//! taken it over, it is removed by its name. refgate itself is told that this push is a dry one: it judges
//! it, accepts it never, and does not record it.

use std::path::Path;

use super::super::args::Hook;
use super::super::dry::{self, Word};
use super::super::hook::settings;
use super::super::install::place;
use super::super::server::{account, in_repository};
use super::{Check, State};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::exec::{Outcome, Run};
use crate::host::Host;
use crate::id::{ObjectId, parse_hex};
use crate::refname::RefName;
use crate::repo::layout::Layout;
use crate::repo::refs::Refs;
use crate::repo::view::View;

/// Objects of the dry push, apart from those of the repository.
struct Parcel {
    directory: tempfile::TempDir,
    commit: String,
}

/// What is pushed where.
struct Target {
    name: RefName,
    old: Option<ObjectId>,
}

/// Pushes, and says whether the guard has refused it.
pub(super) fn dry_push(layout: &Layout) -> Result<Check> {
    let settings = settings(layout)?;
    let view = View::Server(Refs::new(layout));
    let named = settings.trust_ref.as_deref().and_then(|name| RefName::parse(name.as_bytes()));
    let name = view.trust_ref(named.as_ref())?;
    let target = Target { old: view.resolve(&name)?.value, name };
    let parcel = Parcel::pack(layout, &target)?;
    let place = place::of(layout, settings.host, Hook::PreReceive);
    let through_git = matches!(settings.host, Host::Plain | Host::Gitolite)
        && !settings.leniency.is_lenient()
        && place.as_ref().is_ok_and(|place| place.file.exists());
    let word = Word::leave(layout)?;
    let outcome = if through_git {
        receive_pack(layout, &parcel, &target, &word)?
    } else {
        directly(layout, settings.host, &parcel, &target, &word)?
    };
    drop(word);
    let said = text(&outcome);
    let left = left_behind(layout, &parcel, &target, &view)?;
    let way = if through_git { "git receive-pack" } else { "the hook itself" };
    let warned = said.contains("warning: this push would be refused")
        || said.contains("which would be refused");
    let refused = said.contains("error: push rejected") || said.contains("so it is refused");
    let accepted = said.contains("this dry push would pass") && !warned;
    Ok(if let Some(left) = left.or_else(|| accepted.then(String::new)) {
        Check::not(
            "dry push",
            State::Problem,
            format!("an unsigned commit nobody has approved was accepted{left}"),
            "see the checks of hooks above",
        )
    } else if refused {
        Check::ok("dry push", format!("{way} refused an unsigned commit to {}", target.name))
    } else if warned {
        Check::not(
            "dry push",
            State::Advice,
            "refgate warned about an unsigned commit and let it pass",
            "when the roll-out is over, set mode = \"enforce\" in the server settings",
        )
    } else {
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
        let last: String = last.chars().filter(|c| !c.is_control()).take(120).collect();
        Check::not(
            "dry push",
            State::Problem,
            format!("refgate did not judge it; {way} said: {}", last.trim()),
            "see the checks of hooks above",
        )
    })
}

fn text(outcome: &Outcome) -> String {
    let bytes = [joined(&outcome.stdout).as_slice(), &outcome.stderr].concat();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Joins what git sends in packets on the side band (`gitprotocol-pack(5)`): it reads a hook's words
/// in pieces, so that a packet may end in the middle of one. What is no packet stays as it is.
fn joined(stdout: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = stdout;
    while let Some((head, tail)) = rest.split_at_checked(4) {
        let len =
            std::str::from_utf8(head).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
        rest = match len {
            Some(0) => tail,
            Some(len) if len > 4 => {
                let Some((packet, after)) = tail.split_at_checked(len - 4) else { break };
                if let Some((1..=3, said)) = packet.split_first() {
                    text.extend_from_slice(said);
                }
                after
            }
            _ => break,
        };
    }
    text.extend_from_slice(rest);
    text
}

impl Parcel {
    /// Makes the commit, outside the repository.
    fn pack(layout: &Layout, target: &Target) -> Result<Self> {
        let directory = tempfile::tempdir()
            .during(ErrorKind::Environment, || "making a temporary directory".into())?;
        // The owner of the repository, as whom git runs, must be able to look inside.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(directory.path(), open)
            .during(ErrorKind::Environment, || "opening a temporary directory".into())?;
        let git = |args: &[&str], input: &str| -> Result<String> {
            let run = in_repository(layout, Run::new("git"))?
                .args(["-c", "safe.directory=*"])
                .args(args)
                .variable("GIT_DIR", &layout.common_dir)
                .variable("GIT_OBJECT_DIRECTORY", directory.path())
                .variable("GIT_ALTERNATE_OBJECT_DIRECTORIES", layout.objects_dir());
            let outcome = run.input(input.as_bytes().to_vec()).outcome()?;
            let said = String::from_utf8_lossy(&outcome.stdout).trim().to_owned();
            if outcome.status.success() {
                return Ok(said);
            }
            let why = String::from_utf8_lossy(&outcome.stderr).trim().to_owned();
            Err(Error::new(ErrorKind::Environment, format!("git {}: {why}", args.join(" "))))
        };
        give_to_owner(layout, directory.path())?;
        let (tree, parent) = match target.old {
            Some(old) => {
                let spec = format!("{old}^{{tree}}");
                (git(&["rev-parse", "--verify", &spec], "")?, format!("parent {old}\n"))
            }
            None => (git(&["hash-object", "-t", "tree", "-w", "--stdin"], "")?, String::new()),
        };
        let seconds = crate::clock::now().as_second();
        let who = format!("refgate doctor <doctor@refgate.invalid> {seconds} +0000");
        let commit = format!(
            "tree {tree}\n{parent}author {who}\ncommitter {who}\n\n\
             refgate doctor: this push must be refused\n\nIt is number {}.\n",
            std::process::id()
        );
        let commit = git(&["hash-object", "-t", "commit", "-w", "--stdin"], &commit)?;
        Ok(Self { directory, commit })
    }
}

/// Gives a directory to the owner of the repository, if another user has made it.
fn give_to_owner(layout: &Layout, directory: &Path) -> Result<()> {
    let Some(account) = account(layout)? else { return Ok(()) };
    std::os::unix::fs::chown(directory, Some(account.uid), Some(account.gid))
        .during(ErrorKind::Environment, || format!("giving away {}", directory.display()))
}

/// Pushes through git, as a client would.
fn receive_pack(layout: &Layout, parcel: &Parcel, target: &Target, word: &Word) -> Result<Outcome> {
    let zero = layout.hash.null().to_hex().to_string();
    let old = target.old.map_or(zero, |old| old.to_hex().to_string());
    let Parcel { directory, commit } = parcel;
    let command = format!(
        "{old} {commit} {}\0 report-status side-band-64k object-format={}",
        target.name, layout.hash
    );
    let mut input = format!("{:04x}{command}", command.len() + 4).into_bytes();
    input.extend(b"0000");
    let pack = in_repository(layout, Run::new("git"))?
        .args(["-c", "safe.directory=*", "pack-objects", "--stdout", "-q"])
        .variable("GIT_DIR", &layout.common_dir)
        .variable("GIT_OBJECT_DIRECTORY", directory.path())
        .variable("GIT_ALTERNATE_OBJECT_DIRECTORIES", layout.objects_dir())
        .input(objects(parcel)?)
        .outcome()?;
    input.extend(pack.stdout);
    in_repository(layout, Run::new("git"))?
        .args([
            "-c",
            "safe.directory=*",
            "-c",
            "receive.hideRefs=refs/",
            "-c",
            "receive.autogc=false",
        ])
        .args(["receive-pack"])
        .variable(dry::VARIABLE, &word.text)
        .args([&layout.common_dir])
        .input(input)
        .outcome()
}

/// The names of the objects of the parcel, one a line.
fn objects(parcel: &Parcel) -> Result<Vec<u8>> {
    let mut names = String::new();
    let step = || "listing a temporary directory".to_owned();
    for entry in std::fs::read_dir(parcel.directory.path()).during(ErrorKind::Environment, step)? {
        let entry = entry.during(ErrorKind::Environment, step)?;
        let first = entry.file_name().to_string_lossy().into_owned();
        if first.len() != 2 {
            continue;
        }
        for rest in std::fs::read_dir(entry.path()).during(ErrorKind::Environment, step)? {
            let rest = rest.during(ErrorKind::Environment, step)?.file_name();
            let name = format!("{first}{}", rest.to_string_lossy());
            if parse_hex(name.as_bytes()).is_some() {
                names.push_str(&name);
                names.push('\n');
            }
        }
    }
    Ok(names.into_bytes())
}

/// Starts the hook as the server would, where the server is more than git.
fn directly(
    layout: &Layout,
    host: Host,
    parcel: &Parcel,
    target: &Target,
    word: &Word,
) -> Result<Outcome> {
    let zero = layout.hash.null().to_hex().to_string();
    let old = target.old.map_or(zero, |old| old.to_hex().to_string());
    let update = place::of(layout, host, Hook::Update)?.file;
    let pre_receive = place::of(layout, host, Hook::PreReceive)?.file;
    let is_update = !pre_receive.exists() && update.exists();
    let file = if is_update { update } else { pre_receive };
    let run = in_repository(layout, Run::new(&file))?
        .variable(dry::VARIABLE, &word.text)
        .variable("GIT_DIR", &layout.common_dir)
        .variable("GIT_OBJECT_DIRECTORY", parcel.directory.path())
        .variable("GIT_ALTERNATE_OBJECT_DIRECTORIES", layout.objects_dir());
    let name = target.name.to_string();
    if is_update {
        return run.args([&name, &old, &parcel.commit]).outcome();
    }
    run.input(format!("{old} {} {name}\n", parcel.commit).into_bytes()).outcome()
}

/// Says what the push has left behind, and removes an object that git has taken over.
fn left_behind(
    layout: &Layout,
    parcel: &Parcel,
    target: &Target,
    view: &View,
) -> Result<Option<String>> {
    let moved = view.resolve(&target.name)?.value != target.old;
    let (first, rest) = parcel.commit.split_at_checked(2).unwrap_or_default();
    let object = layout.objects_dir().join(first).join(rest);
    if object.is_file() {
        std::fs::remove_file(&object)
            .during(ErrorKind::Environment, || format!("removing {}", object.display()))?;
        return Ok(Some(if moved {
            format!(", and {} moved", target.name)
        } else {
            String::new()
        }));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn a_word_that_two_packets_share_is_one_word() {
        let sent = b"000c0000 cap0000000c\x02error: 0012\x02push rejected0000";
        assert_eq!(joined(sent), b"error: push rejected");
        assert_eq!(joined(b"error: plain words\n"), b"error: plain words\n");
        for cut in 0..sent.len() {
            let _ = joined(&sent[..cut]).len();
        }
    }
}
