//! `refgate install` and `refgate uninstall`: hooks of repositories on a server.
//!
//! The hook is a real file of a few lines that only starts the binary: a link
//! whose target is gone would let every push through in silence. What was there
//! before is kept beside it and runs first. Each repository is changed as a whole or not at
//! all, and what was made is written down, so that it can be taken out again.

pub mod place;
pub mod shim;
mod steps;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use super::args::{Hook, Install, Uninstall};
use super::hook::{self, CHAINED, REPOSITORY_SETTINGS, settings};
use super::output::Output;
use super::{trust_root, watch};
use crate::client::git::Git;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::host::Host;
use crate::repo::layout::{Layout, read_bounded};
use steps::{Step, bring_back, replace, take, unset};

/// The file in the git directory that says what was made beside hooks.
const RECORD: &str = "refgate.installed";

/// Stands above the line of the settings that names the kind of server.
const HOST_MARK: &str =
    "# The kind of server, written by \"refgate install\", removed by \"refgate uninstall\".\n";

/// Files of a few lines.
const SMALL_BYTES: u64 = 1 << 20;

/// Installs the hook into each repository.
///
/// # Errors
/// A repository cannot be read or written; those before it are installed.
pub fn install(args: &Install, out: &mut Output) -> Result<()> {
    let program = std::env::current_exe()
        .during(ErrorKind::Environment, || "finding refgate itself".into())?;
    let root = trust_root::parse(&args.trust_root)?;
    let only_shown = args.dry_run || (!args.yes && std::io::stdout().is_terminal());
    let mut work: Vec<(String, Option<PathBuf>, Vec<Step>)> = Vec::new();
    if let Some(file) = &args.shim {
        let text = shim::text(args.hook, &program, None)?;
        let step = Step::Script { file: absolute(file)?, text };
        work.push((format!("writing {}", file.display()), None, vec![step]));
    }
    if let Some(directory) = &args.template {
        let steps = template(&absolute(directory)?, args.hook, &program)?;
        work.push((format!("installing into {}", directory.display()), None, steps));
    }
    let repositories = repositories(&args.repositories, args.all_under.as_deref())?;
    for path in &repositories {
        let step = || format!("installing into {}", path.display());
        let steps = layout(path).and_then(|layout| plan(&layout, args, &program));
        work.push((step(), Some(path.clone()), steps.map_err(|error| error.while_(step()))?));
    }
    for (doing, path, steps) in &work {
        if only_shown {
            out.line(&format!("{doing} would"));
            steps.iter().for_each(|step| out.line(&format!("  {}", step.shown())));
            continue;
        }
        take(steps, out).map_err(|error| error.while_(doing.clone()))?;
        let Some(path) = path else { continue };
        let trusted = layout(path).and_then(|layout| {
            summary_key(&layout, out)?;
            match &root {
                Some(root) => trust_root::write(&layout, root, out),
                None => trust_root::advise(&layout, path, out),
            }
        });
        trusted.map_err(|error| error.while_(doing.clone()))?;
    }
    if only_shown {
        out.note("Nothing was changed. To do it:");
        out.note("    refgate install --yes ...");
    }
    Ok(())
}

/// Makes the key that signs verification summaries, and says how to make it known.
fn summary_key(layout: &Layout, out: &mut Output) -> Result<()> {
    let Some(made) = crate::summary::key::make(layout)? else { return Ok(()) };
    out.line(&format!("made a key that signs verification summaries: {}", made.path.display()));
    out.line("so that clones can verify them, commit its public half to meta/keyring/server.pem:");
    made.public.lines().for_each(|line| out.line(line));
    out.line("and list it under \"Automation\" in meta/STRUCTURE.md:");
    out.line(&format!("| Server | refgate@localhost | `{}` | summaries |", made.fingerprint));
    Ok(())
}

/// Returns the repositories that are named, and those below a directory.
///
/// # Errors
/// The directory cannot be read, or there is none below it.
pub(super) fn repositories(named: &[PathBuf], below: Option<&Path>) -> Result<Vec<PathBuf>> {
    let mut all = named.to_vec();
    if let Some(directory) = below {
        let found = place::repositories_below(directory)?;
        if found.is_empty() && all.is_empty() {
            let what = format!("there is no bare repository below {}", directory.display());
            return Err(Error::new(ErrorKind::Usage, what));
        }
        all.extend(found);
    }
    Ok(all)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .during(ErrorKind::Environment, || format!("finding {}", path.display()))
}

/// Says what has to be done in one repository.
fn plan(layout: &Layout, args: &Install, program: &Path) -> Result<Vec<Step>> {
    let host = match args.host {
        Some(host) => host,
        None => match settings(layout)?.host {
            Host::Plain => place::detect(layout)?,
            named @ (Host::Gitolite | Host::Gitea | Host::Forgejo | Host::Gitlab | Host::Ghes) => {
                named
            }
        },
    };
    let mut steps = Vec::new();
    let mut made = Vec::new();
    let mut hooks = vec![Hook::PostReceive, args.hook];
    hooks.extend(args.watch.then_some(Hook::ReferenceTransaction));
    hooks.extend(args.hard.then_some(Hook::ProcReceive));
    if (args.hard || args.watch) && !matches!(host, Host::Plain | Host::Gitolite) {
        let what = format!("{} uses these hooks itself, or has no place for them", host.name());
        return Err(Error::new(ErrorKind::Usage, what).hint("leave out --hard and --watch"));
    }
    for hook in hooks {
        let place = place::of(layout, host, hook)?;
        let directory = place.file.parent().unwrap_or(&place.hooks).to_path_buf();
        make(&directory, &mut steps, &mut made);
        let is_foreign = place.file.symlink_metadata().is_ok() && !shim::is_ours(&place.file)?;
        let is_ours_alone = matches!(hook, Hook::ProcReceive | Hook::ReferenceTransaction);
        if is_foreign && !place.is_shared && !is_ours_alone {
            let kept = place.hooks.join(CHAINED);
            make(&kept, &mut steps, &mut made);
            let to = kept.join(hook.name());
            steps.push(Step::Keep { from: place.file.clone(), to });
        } else if is_foreign {
            let what = format!("{} is there, and not refgate's", place.file.display());
            return Err(Error::new(ErrorKind::Usage, what).hint("give it another name"));
        }
        // Where git finds hooks elsewhere, the script says where those are that made room.
        let elsewhere = !place.is_shared && place.hooks != layout.common_dir.join("hooks");
        let hooks = elsewhere.then_some(place.hooks.as_path());
        steps.push(Step::Script { file: place.file, text: shim::text(hook, program, hooks)? });
    }
    let recorded = recorded(layout)?;
    let locks = if args.hard { locks(layout)? } else { Vec::new() };
    let takes_options = args.hook == Hook::PreReceive && !takes_push_options(layout)?;
    let options = takes_options.then(|| format!("config {PUSH_OPTIONS} true\n"));
    let lines: Vec<String> = made
        .iter()
        .map(|directory| format!("directory {}\n", directory.display()))
        .chain(locks.iter().map(|name| format!("config {LOCKS} {name}\n")))
        .chain(options)
        .filter(|line| !recorded.contains(line.as_str()))
        .collect();
    if !lines.is_empty() {
        let file = layout.common_dir.join(RECORD);
        let text = recorded + &lines.concat();
        steps.push(Step::File { file, text, why: "what uninstalling takes out" });
    }
    // Once git asks the second lock, it must be there.
    let git = git(layout);
    if takes_options {
        steps.push(Step::Config { git: git.clone(), key: PUSH_OPTIONS, value: "true".into() });
    }
    steps.extend(locks.into_iter().map(|value| Step::Config {
        git: git.clone(),
        key: LOCKS,
        value,
    }));
    steps.extend(host_setting(layout, host)?);
    Ok(steps)
}

/// The key of git's configuration that names refs which `proc-receive` is asked about.
const LOCKS: &str = "receive.procReceiveRefs";

/// The setting by which a server takes push options; break-glass names its exception in one.
const PUSH_OPTIONS: &str = "receive.advertisePushOptions";

/// Says whether the repository has a setting for push options already; an administrator's own choice stays.
fn takes_push_options(layout: &Layout) -> Result<bool> {
    Ok(git(layout).ask(["config", "--local", "--get", PUSH_OPTIONS])?.is_some())
}

fn git(layout: &Layout) -> Git {
    Git { dir: layout.common_dir.clone(), git_dir: layout.git_dir.clone() }
}

/// Returns the refs that the second lock is still to be put on.
fn locks(layout: &Layout) -> Result<Vec<String>> {
    let present = git(layout).outcome(["config", "--get-all", LOCKS])?;
    let present = String::from_utf8_lossy(&present.stdout).into_owned();
    let mut wanted = watch::protected_prefixes(layout, &settings(layout)?)?;
    wanted.retain(|name| !present.lines().any(|line| line == name));
    Ok(wanted)
}

/// Makes a directory and those above it that are not there.
fn make(directory: &Path, steps: &mut Vec<Step>, made: &mut Vec<PathBuf>) {
    let missing = directory.ancestors().take_while(|directory| !directory.is_dir());
    let missing: Vec<&Path> = missing.filter(|d| !made.iter().any(|m| m == d)).collect();
    for directory in missing.into_iter().rev() {
        made.push(directory.into());
        steps.push(Step::Directory(directory.into()));
    }
}

/// Writes the kind of server down, unless it is the usual one or the settings say it already.
fn host_setting(layout: &Layout, host: Host) -> Result<Option<Step>> {
    if settings(layout)?.host == host {
        return Ok(None);
    }
    let file = layout.common_dir.join(REPOSITORY_SETTINGS);
    let existing = text(&file)?;
    let existing = without_host(&existing);
    let text = format!("{HOST_MARK}host = \"{}\"\n{existing}", host.name());
    Ok(Some(Step::File { file, text, why: "the kind of server" }))
}

/// Returns settings without the line that names the kind of server, as we wrote it.
fn without_host(text: &str) -> String {
    let Some(rest) = text.strip_prefix(HOST_MARK) else { return text.to_owned() };
    match rest.split_once('\n') {
        Some((line, rest)) if line.starts_with("host = ") => rest.to_owned(),
        _ => text.to_owned(),
    }
}

fn template(directory: &Path, hook: Hook, program: &Path) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let hooks = directory.join("hooks");
    make(&hooks, &mut steps, &mut Vec::new());
    for hook in [Hook::PostReceive, hook] {
        let file = hooks.join(hook.name());
        if file.symlink_metadata().is_ok() && !shim::is_ours(&file)? {
            let what = format!("{} is there, and not refgate's", file.display());
            return Err(Error::new(ErrorKind::Usage, what)
                .hint("move it to hooks/refgate-chained/ of the template, where it runs first"));
        }
        steps.push(Step::Script { file, text: shim::text(hook, program, None)? });
    }
    Ok(steps)
}

/// Takes the hook out of each repository, and what `install` wrote to its settings, and puts back what was there before.
///
/// # Errors
/// A repository cannot be read or written.
pub fn uninstall(args: &Uninstall, out: &mut Output) -> Result<()> {
    for path in &repositories(&args.repositories, args.all_under.as_deref())? {
        let step = || format!("uninstalling from {}", path.display());
        layout(path)
            .and_then(|layout| take_out(&layout, path, out))
            .map_err(|error| error.while_(step()))?;
    }
    Ok(())
}

fn take_out(layout: &Layout, path: &Path, out: &mut Output) -> Result<()> {
    let host = settings(layout)?.host;
    // Before the second lock itself, so that pushes are not refused meanwhile.
    let recorded = recorded(layout)?;
    for line in recorded.lines().filter_map(|line| line.strip_prefix("config ")) {
        if let Some((key, value)) = line.split_once(' ') {
            unset(&git(layout), key, value)?;
        }
    }
    let hooks = Hook::ALL.into_iter().filter(|hook| *hook != Hook::Vref);
    for hook in hooks {
        let place = place::of(layout, host, hook)?;
        if !shim::is_ours(&place.file)? {
            continue;
        }
        let kept = place.hooks.join(CHAINED).join(hook.name());
        let is_kept = !place.is_shared && kept.symlink_metadata().is_ok();
        if is_kept {
            bring_back(&kept, &place.file)?;
        } else {
            std::fs::remove_file(&place.file)
                .during(ErrorKind::Environment, || place.file.display().to_string())?;
        }
        out.line(&format!("{}: {} is as it was before", path.display(), hook.name()));
        // The directory goes if nothing is left in it.
        drop(std::fs::remove_dir(place.hooks.join(CHAINED)));
    }
    let file = layout.common_dir.join(REPOSITORY_SETTINGS);
    let before = text(&file)?;
    let after = without_host(&before);
    if after != before {
        let removed = if after.is_empty() {
            std::fs::remove_file(&file)
                .during(ErrorKind::Environment, || file.display().to_string())
        } else {
            replace(&file, &after)
        };
        removed?;
        out.line(&format!("removed the kind of server from {}", file.display()));
    }
    trust_root::remove(layout, out)?;
    // A key that has signed nothing goes; one that has signed summaries stays with the records.
    if hook::ledger(layout, &settings(layout)?).files()?.is_empty() {
        crate::summary::key::remove(layout)?;
    }
    let record = layout.common_dir.join(RECORD);
    for directory in recorded.lines().rev().filter_map(|line| line.strip_prefix("directory ")) {
        // What others have put there since stays.
        drop(std::fs::remove_dir(directory));
    }
    if record.exists() {
        std::fs::remove_file(&record)
            .during(ErrorKind::Environment, || record.display().to_string())?;
    }
    Ok(())
}

fn recorded(layout: &Layout) -> Result<String> {
    text(&layout.common_dir.join(RECORD))
}

fn text(file: &Path) -> Result<String> {
    let bytes = read_bounded(file, SMALL_BYTES)?.unwrap_or_default();
    String::from_utf8(bytes).during(ErrorKind::Policy, || format!("reading {}", file.display()))
}

/// Finds the git directory: that of a bare repository, or of a work tree.
pub(super) fn layout(path: &Path) -> Result<Layout> {
    let inner = path.join(".git");
    let git_dir = if inner.is_dir() { inner } else { path.to_owned() };
    let git_dir = git_dir.canonicalize().map_err(|error| {
        Error::new(ErrorKind::Usage, format!("{}: {error}", path.display()))
            .hint("name a git repository")
    })?;
    if !git_dir.join("HEAD").is_file() {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("{} is no git repository", path.display()),
        ));
    }
    Layout::open(&git_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_server_comes_out_of_the_settings_as_it_went_in() {
        for rest in ["", "log = \"/a\"\n", "[limits]\ncommits = 7\n"] {
            let written = format!("{HOST_MARK}host = \"gitea\"\n{rest}");
            assert_eq!(without_host(&written), rest);
            assert_eq!(without_host(rest), rest);
        }
        let of_the_administrator = "host = \"gitea\"\n";
        assert_eq!(without_host(of_the_administrator), of_the_administrator);
    }
}
