//! `refgate install` and `refgate uninstall`: hooks of repositories on a server.
//!
//! The hook is a real file of a few lines that only starts the binary: a link
//! whose target is gone would let every push through in silence. What was there
//! before is kept beside it and runs first. Each repository is changed as a whole or not at
//! all, and what was made is written down, so that it can be taken out again.

pub mod place;
mod shared;
pub mod shim;
mod steps;

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use super::args::{Hook, Install, Uninstall};
use super::hook::{self, CHAINED, REPOSITORY_SETTINGS, settings};
use super::output::Output;
use super::{server, trust_root, watch};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::host::Host;
use crate::repo::layout::{Layout, read_bounded};
use crate::settings::{Settings, SettingsFile};
use shared::Users;
use steps::{Step, take};

/// The file in the git directory that says what was made beside hooks.
const RECORD: &str = "refgate.installed";

/// Stands above the line of the settings that names the kind of server.
const HOST_MARK: &str =
    "# The kind of server, written by \"refgate install\", removed by \"refgate uninstall\".\n";

/// Files of a few lines.
const SMALL_BYTES: u64 = 1 << 20;

/// What has to be done in one place.
struct Work {
    doing: String,
    steps: Vec<Step>,
    /// What is left for the administrator to do.
    advice: Vec<String>,
}

/// Installs the hook into each repository.
///
/// What can be found out beforehand is found out for all of them before anything is changed.
///
/// # Errors
/// A repository cannot be read or written; it is as it was, those before it are installed.
pub fn install(args: &Install, out: &mut Output) -> Result<()> {
    let program = std::env::current_exe()
        .during(ErrorKind::Environment, || "finding refgate itself".into())?;
    let root = trust_root::parse(&args.trust_root)?;
    let only_shown = args.dry_run || (!args.yes && std::io::stdout().is_terminal());
    let mut work = Vec::new();
    if let Some(file) = &args.shim {
        let text = shim::text(args.hook, &program, None)?;
        let step = Step::Script { file: absolute(file)?, text };
        let doing = format!("writing {}", file.display());
        work.push(Work { doing, steps: vec![step], advice: Vec::new() });
    }
    if let Some(directory) = &args.template {
        let steps = template(&absolute(directory)?, args.hook, &program)?;
        let doing = format!("installing into {}", directory.display());
        work.push(Work { doing, steps, advice: Vec::new() });
    }
    let repositories = repositories(&args.repositories, args.all_under.as_deref())?;
    for path in &repositories {
        let doing = format!("installing into {}", path.display());
        let planned = layout(path).and_then(|layout| {
            let steps = plan(&layout, args, &program, root.as_deref())?;
            let advice = match &root {
                Some(_) => Vec::new(),
                None => trust_root::advice(&layout, path)?,
            };
            Ok((steps, advice))
        });
        let (steps, advice) = planned.map_err(|error| error.while_(doing.clone()))?;
        work.push(Work { doing, steps, advice });
    }
    if only_shown {
        for Work { doing, steps, .. } in &work {
            out.line(&format!("{doing} would"));
            steps.iter().for_each(|step| out.line(&format!("  {}", step.shown())));
        }
        out.note("Nothing was changed. To do it:");
        out.note("    refgate install --yes ...");
        return Ok(());
    }
    for (at, Work { doing, steps, advice }) in work.iter().enumerate() {
        match take(steps) {
            Ok(said) => said.iter().for_each(|line| out.line(line)),
            Err(error) => {
                if work.len() > 1 {
                    let rest = work.len() - at - 1;
                    let told =
                        format!("{at} before this one are installed, {rest} behind it are not");
                    out.note(&told);
                }
                return Err(error.while_(doing.clone()));
            }
        }
        advice.iter().for_each(|line| out.note(line));
    }
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
fn plan(layout: &Layout, args: &Install, program: &Path, root: Option<&str>) -> Result<Vec<Step>> {
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
    let (has_lock, has_watch) = match host {
        Host::Plain | Host::Gitolite => (true, true),
        Host::Gitea | Host::Forgejo => (false, true),
        Host::Gitlab | Host::Ghes => (false, false),
    };
    for (is_asked, has_place, option) in
        [(args.hard, has_lock, "--hard"), (args.watch, has_watch, "--watch")]
    {
        if is_asked && !has_place {
            let what = format!("{} uses that hook itself, or has no place for it", host.name());
            return Err(Error::new(ErrorKind::Usage, what).hint(format!("leave out {option}")));
        }
    }
    if host == Host::Forgejo {
        shared::require_home(layout)?;
    }
    let mut outside = None;
    for hook in hooks {
        let place = place::of(layout, host, hook)?;
        let directory = place.file.parent().unwrap_or(&place.hooks).to_path_buf();
        make(&directory, &mut steps, &mut made);
        let is_foreign = place.file.symlink_metadata().is_ok() && !shim::is_ours(&place.file)?;
        let is_ours_alone = matches!(hook, Hook::ProcReceive | Hook::ReferenceTransaction);
        if is_foreign && !place.has_room && !is_ours_alone {
            let kept = place.hooks.join(CHAINED);
            make(&kept, &mut steps, &mut made);
            let to = kept.join(hook.name());
            if to.symlink_metadata().is_ok() {
                let what = format!(
                    "{} is not refgate's, and {} is kept already",
                    place.file.display(),
                    to.display()
                );
                return Err(Error::new(ErrorKind::Usage, what)
                    .hint("remove the one of them that shall not run"));
            }
            steps.push(Step::Keep { from: place.file.clone(), to });
        } else if is_foreign {
            let what = format!("{} is there, and not refgate's", place.file.display());
            return Err(Error::new(ErrorKind::Usage, what).hint("give it another name"));
        }
        // Where git finds hooks elsewhere, the script says where those are that made room.
        let elsewhere = !place.has_room && place.hooks != layout.common_dir.join("hooks");
        let hooks = elsewhere.then_some(place.hooks.as_path());
        steps.push(Step::Script { file: place.file, text: shim::text(hook, program, hooks)? });
        outside = place.is_outside.then_some(place.hooks).or(outside);
    }
    if let Some(hooks) = outside {
        let mut users = Users::read(&hooks)?;
        users.add(layout, &made);
        steps.extend(users.write());
        made.retain(|path| path.starts_with(&layout.common_dir));
    }
    let record = layout.common_dir.join(RECORD);
    let recorded = recorded(layout)?;
    let locks = if args.hard { locks(layout)? } else { Vec::new() };
    let takes_options = args.hook == Hook::PreReceive && !takes_push_options(layout)?;
    let options = takes_options.then(|| format!("config {PUSH_OPTIONS} true\n"));
    let settings = new_settings(layout, host, root)?;
    let settings_file = settings_file(layout);
    let is_new = settings.is_some() && !settings_file.exists();
    let lines: Vec<String> = made
        .iter()
        .map(|directory| format!("directory {}\n", directory.display()))
        .chain(locks.iter().map(|name| format!("config {LOCKS} {name}\n")))
        .chain(options)
        .chain(is_new.then(|| MADE_SETTINGS.to_owned()))
        .filter(|line| !recorded.contains(line.as_str()))
        .collect();
    if !lines.is_empty() {
        let text = recorded + &lines.concat();
        steps.push(Step::File { file: record, text, why: "what uninstalling takes out" });
    }
    if crate::summary::key::path(layout).symlink_metadata().is_err() {
        steps.push(Step::Key(layout.clone()));
    }
    steps.extend(settings.map(|(text, why)| Step::File { file: settings_file, text, why }));
    // Once git asks the second lock, it must be there.
    let git = server::git(layout)?;
    if takes_options {
        let (key, value) = (PUSH_OPTIONS.into(), "true".into());
        steps.push(Step::Config { git: git.clone(), key, value });
    }
    let key = LOCKS.to_owned();
    steps.extend(locks.into_iter().map(|value| Step::Config {
        git: git.clone(),
        key: key.clone(),
        value,
    }));
    Ok(steps)
}

/// The line of the record that says that the settings of the repository are our file.
const MADE_SETTINGS: &str = "settings\n";

/// Returns the settings of the repository with the kind of server and the root of trust, and what is new in
/// them; nothing if they say that already.
///
/// # Errors
/// They name another root of trust, or could not be read any more.
fn new_settings(
    layout: &Layout,
    host: Host,
    root: Option<&str>,
) -> Result<Option<(String, &'static str)>> {
    let file = settings_file(layout);
    let before = file.exists().then(|| text(&file)).transpose()?;
    let settings = settings(layout)?;
    let mut new = before;
    let is_other_host = settings.host != host;
    if is_other_host {
        let rest = new.as_deref().map(without_host).unwrap_or_default();
        new = Some(format!("{HOST_MARK}host = \"{}\"\n{rest}", host.name()));
    }
    let rooted = root.map(|root| trust_root::with(&settings, &file, new.as_deref(), root));
    let rooted = rooted.transpose()?.flatten();
    let why = match (is_other_host, rooted.is_some()) {
        (false, false) => return Ok(None),
        (true, false) => "the kind of server",
        (false, true) => "the root of trust",
        (true, true) => "the kind of server and the root of trust",
    };
    let text = rooted.or(new).unwrap_or_default();
    let written = SettingsFile { path: REPOSITORY_SETTINGS, bytes: text.as_bytes() };
    Settings::read(None, Some(written)).map_err(|diagnostics| {
        Error::from_diagnostics("adding to the settings of the repository", diagnostics)
    })?;
    Ok(Some((text, why)))
}

/// The key of git's configuration that names refs which `proc-receive` is asked about.
const LOCKS: &str = "receive.procReceiveRefs";

/// The setting by which a server takes push options; break-glass names its exception in one.
const PUSH_OPTIONS: &str = "receive.advertisePushOptions";

/// Says whether the repository has a setting for push options already; an administrator's own choice stays.
fn takes_push_options(layout: &Layout) -> Result<bool> {
    Ok(server::git(layout)?.ask(["config", "--local", "--get", PUSH_OPTIONS])?.is_some())
}

/// Returns the refs that the second lock is still to be put on.
fn locks(layout: &Layout) -> Result<Vec<String>> {
    let present = server::git(layout)?.outcome(["config", "--get-all", LOCKS])?;
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
/// A repository cannot be read or written; it is as it was. Or hooks of several repositories would go
/// that are to stay in others; then nothing was changed.
pub fn uninstall(args: &Uninstall, out: &mut Output) -> Result<()> {
    let mut all = Vec::new();
    for path in repositories(&args.repositories, args.all_under.as_deref())? {
        let step = || format!("uninstalling from {}", path.display());
        let layout = layout(&path).map_err(|error| error.while_(step()))?;
        all.push((path, layout));
    }
    let going: BTreeSet<PathBuf> =
        all.iter().map(|(_, layout)| layout.common_dir.clone()).collect();
    if !args.shared {
        for (path, layout) in &all {
            let host = settings(layout)?.host;
            let places = Hook::ALL.into_iter().filter(|hook| *hook != Hook::Vref);
            places
                .map(|hook| place::of(layout, host, hook))
                .try_for_each(|place| shared::require_last(layout, &place?, &going))
                .map_err(|error| error.while_(format!("uninstalling from {}", path.display())))?;
        }
    }
    for (path, layout) in &all {
        take_out(layout, path, args.shared, out)
            .map_err(|error| error.while_(format!("uninstalling from {}", path.display())))?;
    }
    Ok(())
}

fn take_out(layout: &Layout, path: &Path, of_all: bool, out: &mut Output) -> Result<()> {
    let settings = settings(layout)?;
    let mut steps = Vec::new();
    let mut said = Vec::new();
    // Before the second lock itself, so that pushes are not refused meanwhile.
    let recorded = recorded(layout)?;
    for line in recorded.lines().filter_map(|line| line.strip_prefix("config ")) {
        if let Some((key, value)) = line.split_once(' ') {
            let (key, value) = (key.to_owned(), value.to_owned());
            steps.push(Step::Unset { git: server::git(layout)?, key, value });
        }
    }
    let mut users: Option<Users> = None;
    for hook in Hook::ALL.into_iter().filter(|hook| *hook != Hook::Vref) {
        let place = place::of(layout, settings.host, hook)?;
        if !shim::is_ours(&place.file)? {
            continue;
        }
        if place.is_outside {
            let users = match &mut users {
                Some(users) => users,
                none => none.insert(Users::read(&place.hooks)?),
            };
            users.leave(layout);
            // The last of those that go takes them along.
            if !of_all && !users.is_empty() {
                continue;
            }
        }
        let kept = place.hooks.join(CHAINED).join(hook.name());
        if !place.has_room && kept.symlink_metadata().is_ok() {
            steps.push(Step::BringBack { kept, file: place.file });
        } else {
            steps.push(Step::Remove(place.file));
        }
        said.push(format!("{}: {} is as it was before", path.display(), hook.name()));
        // The directory goes if nothing is left in it.
        steps.push(Step::RemoveDirectory(place.hooks.join(CHAINED)));
    }
    if let Some(users) = &users {
        if of_all || users.is_empty() {
            steps.extend(users.remove());
        } else {
            steps.extend(users.write());
        }
    }
    let file = settings_file(layout);
    if file.exists() {
        let before = text(&file)?;
        let without_root = trust_root::without(&before);
        let after = without_host(without_root.as_deref().unwrap_or(&before));
        if after == before {
            said.push(format!("{} is yours and stays", file.display()));
        } else if after.is_empty() && recorded.contains(MADE_SETTINGS) {
            said.push(format!("removed {}", file.display()));
            steps.push(Step::Remove(file));
        } else {
            said.push(format!("took out of {} what was written by install", file.display()));
            steps.push(Step::File { file, text: after, why: "the settings as they were" });
        }
    }
    // A key that has signed nothing goes; one that has signed summaries stays with the records.
    let key = crate::summary::key::path(layout);
    if key.symlink_metadata().is_ok() && hook::ledger(layout, &settings).files()?.is_empty() {
        let directory = key.parent().map(Path::to_path_buf);
        steps.push(Step::Remove(key));
        steps.extend(directory.map(Step::RemoveDirectory));
    }
    let made = recorded.lines().rev().filter_map(|line| line.strip_prefix("directory "));
    steps.extend(made.map(|path| Step::RemoveDirectory(path.into())));
    let record = layout.common_dir.join(RECORD);
    if record.exists() {
        steps.push(Step::Remove(record));
    }
    take(&steps)?;
    said.iter().for_each(|line| out.line(line));
    Ok(())
}

/// The settings of the repository; where a link leads to them, what it leads to.
fn settings_file(layout: &Layout) -> PathBuf {
    let file = layout.common_dir.join(REPOSITORY_SETTINGS);
    file.canonicalize().unwrap_or(file)
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
