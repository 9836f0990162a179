//! A refusal to start a request from: by its number, pasted as it was printed, or in JSON.
//!
//! The hook records what it has refused in its ledger, under the number that the refusal prints. Where
//! no ledger can be read, the text of the refusal names refs and commits, and those are judged again here:
//! a message shows five findings and counts the rest, so it is not taken for the findings themselves.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::desk::Desk;
use super::verdict::{Findings, Verdict};
use crate::cli::args::exception::New;
use crate::cli::output::Output;
use crate::cli::{check, hook, install, ledger};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::id::parse_hex;
use crate::ledger::Ledger;
use crate::ledger::record::{Event, Record};
use crate::refname::RefName;
use crate::repo::layout::read_bounded;
use crate::report::json;

/// The most bytes of a verdict.
const MAX_BYTES: u64 = 64 << 20;

/// Returns the findings of the refusal that the user names.
///
/// # Errors
/// It cannot be found or read, or nothing in it can be excepted.
pub(super) fn findings(
    desk: &Desk,
    dir: &Path,
    (from, args): (&str, &New),
    out: &mut Output,
) -> Result<Findings> {
    if is_number(from) {
        return by_number(desk, dir, from, args, out);
    }
    let step = || format!("reading the refusal from {from}");
    let bytes = if from == "-" {
        let mut bytes = Vec::new();
        let input = std::io::stdin().lock().take(MAX_BYTES).read_to_end(&mut bytes);
        input.during(ErrorKind::Environment, step)?;
        bytes
    } else {
        read_bounded(&dir.join(from), MAX_BYTES)?.ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("{from:?} is no file, and no number of a verdict"))
                .hint("judge anew with: refgate exception new --from-check")
        })?
    };
    if bytes.trim_ascii_start().starts_with(b"{") {
        let verdict = Verdict::parse(&bytes).map_err(|error| error.while_(step()))?;
        return of_this_repository(desk, verdict)?.findings();
    }
    judged_again(desk, &String::from_utf8_lossy(&bytes), out)
}

/// Says whether a text is the number of a verdict, such as `7c1e-0413`.
fn is_number(text: &str) -> bool {
    let hex = |part: &str| {
        part.len() == 4 && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    text.split_once('-').is_some_and(|(first, second)| hex(first) && hex(second))
}

fn by_number(
    desk: &Desk,
    dir: &Path,
    number: &str,
    args: &New,
    out: &mut Output,
) -> Result<Findings> {
    let mut looked: Vec<String> = Vec::new();
    for place in places(desk, dir, args) {
        let lines = place.lines(number, out)?;
        looked.push(place.to_string());
        // Numbers are short: of several with the same one, the newest is meant.
        let judged = lines.iter().rev().find_map(|line| {
            let record: Record = serde_json::from_slice(line).ok()?;
            let Event::Judged(judged) = record.event else { return None };
            let mine = Verdict::parse(judged.verdict.get().as_bytes());
            mine.as_ref().map_or(true, |mine| mine.is_of(&repository(desk))).then_some(mine)
        });
        if let Some(verdict) = judged {
            return verdict
                .and_then(Verdict::findings)
                .map_err(|error| error.while_(format!("reading verdict {number} in {place}")));
        }
    }
    let what = if looked.is_empty() {
        format!("no ledger can be read here, in which verdict {number} could stand")
    } else {
        format!("verdict {number} does not stand in {}", looked.join(", nor in "))
    };
    Err(Error::new(ErrorKind::Usage, what).hint(
        "the server records it: name its ledger with --ledger DIR or --database URL, or paste the refusal: refgate exception new --from-verdict -",
    ))
}

/// A place where verdicts are recorded.
enum Place {
    Files(Ledger),
    #[cfg(feature = "fleet")]
    Database(String),
}

impl Place {
    fn lines(&self, number: &str, out: &mut Output) -> Result<Vec<Vec<u8>>> {
        match self {
            Self::Files(files) => ledger::lines(files, number, out),
            #[cfg(feature = "fleet")]
            Self::Database(url) => {
                let lines = crate::ledger::fleet::Fleet::connect(url)?.lines(number)?;
                Ok(lines.into_iter().map(String::into_bytes).collect())
            }
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files(files) => write!(f, "{}", files.directory().display()),
            // The URL may hold a password.
            #[cfg(feature = "fleet")]
            Self::Database(_) => f.write_str("the fleet's database"),
        }
    }
}

/// Returns the ledger that the user names; else those of this machine: the server's, if it is a
/// directory here, and what the server settings name.
fn places(desk: &Desk, dir: &Path, args: &New) -> Vec<Place> {
    #[cfg(feature = "fleet")]
    if let Some(url) = &args.database {
        return vec![Place::Database(url.clone())];
    }
    if let Some(directory) = &args.ledger {
        return vec![Place::Files(Ledger::new(dir.join(directory), None))];
    }
    let mut found = Vec::new();
    let ledger_of = |path: &Path| {
        let layout = install::layout(path).ok()?;
        let settings = hook::settings(&layout).ok()?;
        Some((hook::ledger(&layout, &settings), settings))
    };
    let own = desk.workspace.layout.git_dir.clone();
    for path in server(desk).into_iter().chain([own]) {
        let Some((files, settings)) = ledger_of(&path) else { continue };
        if files.files().is_ok_and(|files| !files.is_empty()) {
            found.push(Place::Files(files));
        }
        #[cfg(feature = "fleet")]
        found.extend(settings.ledger.database.map(Place::Database));
        #[cfg(not(feature = "fleet"))]
        drop(settings);
    }
    found
}

/// Returns the directory of the server's repository, if it lies on this machine.
fn server(desk: &Desk) -> Option<PathBuf> {
    let url = desk.workspace.git.ask(["remote", "get-url", "--", &desk.workspace.remote.name]);
    let url = url.ok().flatten()?;
    let path = url.strip_prefix("file://").unwrap_or(&url);
    let path = desk.top.join(path);
    path.is_dir().then_some(path)
}

fn repository(desk: &Desk) -> String {
    desk.policy().config().repository.to_string()
}

fn of_this_repository(desk: &Desk, verdict: Verdict) -> Result<Verdict> {
    let ours = repository(desk);
    if verdict.is_of(&ours) {
        return Ok(verdict);
    }
    let what = format!("the verdict is about another repository than this one, {ours}");
    Err(Error::new(ErrorKind::Usage, what).hint("go to a clone of that repository"))
}

/// Judges again what a refusal speaks of.
fn judged_again(desk: &Desk, text: &str, out: &mut Output) -> Result<Findings> {
    let updates = updates(text);
    if updates.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "this is no refusal of findings that refgate prints")
            .hint("paste it whole, from its first error[...] on; or judge what you would push: refgate exception new --from-check"));
    }
    let workspace = &desk.workspace;
    let mut all = Findings::new();
    let mut accepted = Vec::new();
    for (name, short) in updates {
        let full = workspace.git.ask(["rev-parse", "--verify", "--quiet", &short])?;
        let Some(new) = full.and_then(|hex| parse_hex(hex.as_bytes())) else {
            let what = format!("{short}, which the refusal speaks of, is not in this clone");
            return Err(Error::new(ErrorKind::Usage, what)
                .hint("run this where the push was made from, or fetch the commit first"));
        };
        out.progress("judging");
        let judged = check::judge_update(workspace, &name, new)?;
        if judged.is_accepted() {
            accepted.push(name.to_string());
            continue;
        }
        let found = Verdict::parse(json::verdict(&judged).as_bytes())?.findings();
        found?.into_iter().for_each(|(rule, finding)| all.entry(rule).or_default().join(finding));
    }
    if all.is_empty() {
        let what = format!("judged again, {} would be accepted now", accepted.join(", "));
        return Err(Error::new(ErrorKind::Usage, what).hint("push it again"));
    }
    Ok(all)
}

/// Returns the refs and commits of a refusal whose findings could be excepted, each once.
fn updates(text: &str) -> Vec<(RefName, String)> {
    let mut found: Vec<(RefName, String)> = Vec::new();
    let mut wanted = false;
    let mut lines = text.lines().map(|line| line.strip_prefix("remote:").unwrap_or(line).trim());
    while let Some(line) = lines.next() {
        if let Some((code, _)) = line.strip_prefix("error[").and_then(|rest| rest.split_once(']')) {
            wanted = super::verdict::can_be_excepted(code);
        }
        let Some(place) = line.strip_prefix("--> ").filter(|_| wanted) else { continue };
        // A long name has the commits on the line below.
        let mut place = place.to_owned();
        if place.ends_with(',')
            && let Some(next) = lines.next()
        {
            place = format!("{place} {next}");
        }
        let Some((name, commits)) = place.split_once(", ") else { continue };
        let new = commits.rsplit("..").next().unwrap_or_default();
        let is_hex = (7..=64).contains(&new.len()) && new.bytes().all(|b| b.is_ascii_hexdigit());
        let Some(name) = RefName::parse(name.as_bytes()).filter(|_| is_hex) else { continue };
        let update = (name, new.to_owned());
        if !found.contains(&update) {
            found.push(update);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_verdicts_are_told_from_files() {
        assert!(is_number("7c1e-0413"));
        for text in ["7c1e0413", "7C1E-0413", "7c1e-041", "./7c1e-0413", "-", "verdict.json", ""] {
            assert!(!is_number(text), "{text}");
        }
    }

    #[test]
    fn a_pasted_refusal_names_what_was_pushed() {
        let text = "\
To /srv/git/server.git
remote: error[review-approval-missing]: 0 of 2 approvals for this change        
remote:   --> refs/heads/other, acdc50ae8ebe..e3d568619797
remote: error[scan-finding-open]: 1 finding blocks the push
remote:   --> refs/heads/main, acdc50ae8ebe..e3d568619797
remote:    |  high  L1 in net/up.rs:7
remote: error[exception-expired]: exception EX-1 has run out
remote:   --> refs/heads/main, acdc50ae8ebe..e3d568619797
error[scan-finding-open]: 2 findings block the push
  --> refs/heads/a-rather-long-name-of-a-branch-that-nobody-would-choose,
      4f2a91c0d3e1
";
        let found: Vec<String> =
            updates(text).into_iter().map(|(name, new)| format!("{name} {new}")).collect();
        assert_eq!(
            found,
            [
                "refs/heads/main e3d568619797",
                "refs/heads/a-rather-long-name-of-a-branch-that-nobody-would-choose 4f2a91c0d3e1",
            ]
        );
        for text in ["", "error[scan-finding-open]: x\n --> refs/heads/main, --all", "--> a, b"] {
            assert!(updates(text).is_empty(), "{text}");
        }
    }
}
