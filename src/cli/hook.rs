//! `refgate hook pre-receive`, `update` and `post-receive`: what git starts on the server.
//!
//! Standard output and standard error both reach the person who pushed, line by
//! line behind `remote: `. Exit status 0 needs an [`Accepted`], which only a verdict can give.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{ACCEPTED, CANNOT_JUDGE, REFUSED, dry, nonce, proc_receive, watch};
use crate::clock::Timestamp;
use crate::env::HookEnvironment;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::exec::Run;
use crate::host::{Host, Pusher};
use crate::judge::{Circumstances, Repository, TagsAre, judge};
use crate::ledger::record::Unsummarised;
use crate::ledger::{Event, Judged, Ledger, landing};
use crate::receive::{Name, Push};
use crate::repo::layout::{Layout, read_bounded};
use crate::repo::objects::{Incoming, Trusted};
use crate::repo::refs::Refs;
use crate::repo::shallow;
use crate::repo::view::View;
use crate::report::remote;
use crate::report::text::Foreign;
use crate::settings::{LedgerSettings, Settings, SettingsFile};
use crate::summary::issue;
use crate::verdict::{Accepted, Verdict};

/// The settings for all repositories of a server.
const SERVER_SETTINGS: &str = "/etc/refgate/refgate.toml";

/// The settings for one repository, in its git directory.
pub const REPOSITORY_SETTINGS: &str = "refgate.toml";

/// The directory below `hooks/` in which `install` keeps the hooks that were there before.
pub const CHAINED: &str = "refgate-chained";

/// The ledger of one repository, in its git directory, unless the settings name another place.
const LEDGER: &str = "refgate";

/// Settings beyond this size are none.
const SETTINGS_BYTES: u64 = 1 << 20;

/// A list of shallow commits beyond this size is refused.
const SHALLOW_BYTES: u64 = 1 << 20;

/// Returns what a hook is told, if the program was started as one: by `hook NAME ARGUMENT...`, or by the
/// first line of a script (`hook=NAME SCRIPT ARGUMENT...`, execve(2)).
#[must_use]
pub fn arguments(args: &[OsString]) -> Option<Vec<OsString>> {
    let first = args.get(1)?.to_str()?;
    if first == "hook" {
        return Some(args.get(2..).unwrap_or_default().to_vec());
    }
    let name = first.strip_prefix("hook=")?;
    let rest = args.get(3..).unwrap_or_default();
    let (name, rest) = match name {
        // A virtual ref of gitolite is told more than `update` is.
        "vref" => ("update", rest.get(..3).unwrap_or(rest)),
        name => (name, rest),
    };
    Some(std::iter::once(name.into()).chain(rest.iter().cloned()).collect())
}

/// Runs a hook.
#[must_use]
pub fn run(args: &[OsString]) -> ExitCode {
    report_panics();
    // Where `core.hooksPath` leads git elsewhere, the script says where it lies itself.
    let (hooks, args) = match args {
        [first, hooks, rest @ ..] if first == "--hooks" => (Some(Path::new(hooks)), rest),
        args => (None, args),
    };
    match hook(args, hooks) {
        Ok(Answer::Accepted(accepted, text)) => {
            say(&text);
            accept(accepted)
        }
        Ok(Answer::Recorded) => ExitCode::from(ACCEPTED),
        Ok(Answer::Refused(text)) => {
            say(&text);
            ExitCode::from(REFUSED)
        }
        Ok(Answer::Unjudged(text)) => {
            say(&text);
            ExitCode::from(CANNOT_JUDGE)
        }
        Err(error) => {
            log::error!("cannot judge: {error}");
            say(&remote::error(&error));
            ExitCode::from(CANNOT_JUDGE)
        }
    }
}

/// Consumes the proof: there is no other way to exit status 0.
fn accept(_accepted: Accepted) -> ExitCode {
    ExitCode::from(ACCEPTED)
}

/// What is said of a dry push that nobody would have refused; it is refused all the same.
const DRY_ACCEPTED: &str = "refgate: this dry push would pass\n";

/// What a hook answers to git.
enum Answer {
    /// With what is said all the same: warnings, or why it would be refused where the
    /// administrator has set that this is only said.
    Accepted(Accepted, String),
    /// The refs have moved, and that is recorded.
    Recorded,
    Refused(String),
    Unjudged(String),
}

fn hook(args: &[OsString], hooks: Option<&Path>) -> Result<Answer> {
    let name = args.first().and_then(|name| name.to_str()).unwrap_or_default();
    let environment = HookEnvironment::read()?;
    let layout = Layout::open(&environment.git_dir)?;
    let settings = settings(&layout)?;
    start_log(&settings)?;
    if let ("post-receive", [_]) = (name, args) {
        return Ok(landed(&layout, &settings, hooks));
    }
    let ledger = ledger(&layout, &settings);
    let now = crate::clock::now();
    if let ("reference-transaction", [_, state]) = (name, args) {
        let refused = watch::look(&layout, &settings, &ledger, &state.to_string_lossy(), now)?;
        return Ok(match refused.first() {
            Some(name) => Answer::Refused(remote::unjudged_move(name)),
            None => Answer::Recorded,
        });
    }
    if let ("proc-receive", [_]) = (name, args) {
        return second_lock(&environment, &layout, settings, &ledger, now);
    }
    let (leniency, host) = (settings.leniency, settings.host);
    let is_dry = dry::is_asked(&layout, environment.doctor.as_deref())?;
    let pusher = crate::env::pusher(host);
    let mut received = None;
    let judged = receive_and_judge(
        name,
        args,
        Received {
            environment: &environment,
            layout: &layout,
            hooks,
            settings,
            pusher: pusher.clone(),
        },
        now,
        &mut received,
    );
    match judged {
        Ok(Judgement::Chained(status)) => Ok(Answer::Refused(format!(
            "error: the hook that was here before refgate refused the push (exit status {status})\n"
        ))),
        Ok(Judgement::Verdict(mut verdict)) => {
            verdict.pusher = pusher;
            // What cannot be recorded is not accepted.
            if is_dry {
                dry::require_writable(&ledger)?;
            } else if verdict.matters() {
                ledger.append(now, Event::Judged(Judged::of(&verdict, &leniency)?))?;
            }
            let each_ref_alone = name == "update";
            let options = remote::Options { each_ref_alone, leniency, ..Default::default() };
            let text = shown(remote::verdict_with(&verdict, options), host);
            Ok(match verdict.into_accepted(&leniency) {
                Some(_) if is_dry => Answer::Refused(text + DRY_ACCEPTED),
                Some(accepted) => Answer::Accepted(accepted, text),
                None => Answer::Refused(text),
            })
        }
        Err(error) => {
            if is_dry {
                let text = match leniency.accept_unjudged() {
                    Some(_) => remote::error_let_pass(&error),
                    None => remote::error(&error),
                };
                return Ok(Answer::Unjudged(shown(text, host)));
            }
            let recorded = Judged::unjudged(received.as_ref(), pusher, &error)
                .and_then(|judged| ledger.append(now, Event::Judged(judged)));
            if let Err(problem) = recorded {
                log::error!("not recorded: {problem}");
            }
            match leniency.accept_unjudged() {
                Some(accepted) => {
                    log::error!("cannot judge, let pass: {error}");
                    Ok(Answer::Accepted(accepted, shown(remote::error_let_pass(&error), host)))
                }
                None => {
                    log::error!("cannot judge: {error}");
                    Ok(Answer::Unjudged(shown(remote::error(&error), host)))
                }
            }
        }
    }
}

/// Writes a report as the kind of server wants it.
fn shown(text: String, host: Host) -> String {
    match host.mark() {
        Some(mark) => remote::with_marked_summary(&text, mark),
        None => text,
    }
}

/// What a hook is told beside the ref updates.
struct Received<'a> {
    environment: &'a HookEnvironment,
    layout: &'a Layout,
    /// The directory of the hook that runs, if it is not that of the repository.
    hooks: Option<&'a Path>,
    settings: Settings,
    pusher: Option<Pusher>,
}

/// What became of a push.
enum Judgement {
    /// The hook that was here before refgate has refused it, with this exit status.
    Chained(i32),
    /// It was judged.
    Verdict(Box<Verdict>),
}

/// Reads what git hands over and judges it; what was read is left in `received`, whatever comes of it.
fn receive_and_judge(
    name: &str,
    args: &[OsString],
    told: Received<'_>,
    now: Timestamp,
    received: &mut Option<Push>,
) -> Result<Judgement> {
    let Received { environment, layout, hooks, settings, pusher } = told;
    let (push, input) = match (name, args) {
        ("pre-receive", [_]) => {
            let mut input = Vec::new();
            let push = Push::read_keeping(
                std::io::stdin().lock(),
                settings.limits.ref_updates,
                &mut input,
            )?;
            (push, Some(input))
        }
        ("update", [_, name, old, new]) => {
            (Push::from_update_arguments(name.as_bytes(), old.as_bytes(), new.as_bytes())?, None)
        }
        _ => {
            return Err(Error::new(
                ErrorKind::Usage,
                "no hook of this name: refgate hook pre-receive, update <ref> <old> <new>, or post-receive",
            ));
        }
    };
    let push = received.insert(push);
    require_ids_of(layout, push)?;
    if let Some(status) = chained(layout, hooks, name, args.get(1..).unwrap_or_default(), input)? {
        return Ok(Judgement::Chained(status));
    }
    // When `update` runs, git has moved the objects of the push out of quarantine; a variable that
    // still names one was set by somebody else.
    let quarantine = if name == "pre-receive" { quarantine(environment, layout) } else { None };
    let verdict = judge_push(push, environment, layout, quarantine, settings, pusher, now)?;
    Ok(Judgement::Verdict(Box::new(verdict)))
}

/// Ids of another length are not those of this repository.
fn require_ids_of(layout: &Layout, push: &Push) -> Result<()> {
    let ids = push.updates.iter().flat_map(|update| [update.claimed_old, update.new]).flatten();
    if ids.into_iter().any(|id| id.kind() != layout.hash) {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("the ids of the push are not those of a {} repository", layout.hash),
        ));
    }
    Ok(())
}

fn judge_push(
    push: &Push,
    environment: &HookEnvironment,
    layout: &Layout,
    quarantine: Option<PathBuf>,
    settings: Settings,
    pusher: Option<Pusher>,
    now: Timestamp,
) -> Result<Verdict> {
    let repository = Repository {
        view: View::Server(Refs::new(layout)),
        trusted: Trusted::open(&layout.objects_dir(), layout.hash)?,
        quarantine,
        settings,
    };
    let certificate = nonce::presented(environment, layout, &repository.settings)?;
    let circumstances = Circumstances {
        namespace: environment.namespace.clone(),
        shallow: is_shallow(environment, &repository)?,
        break_glass: Circumstances::break_glass(&environment.push_options),
        tags: TagsAre::Pushed,
        pusher,
        certificate,
    };
    let verdict = judge(push, &repository, &circumstances, now)?;
    log::info!(
        "verdict {}: {}",
        verdict.id,
        if verdict.is_accepted() { "accepted" } else { "refused" }
    );
    Ok(verdict)
}

/// `proc-receive`: lets pass what `pre-receive` has let pass, and judges the rest itself.
fn second_lock(
    environment: &HookEnvironment,
    layout: &Layout,
    settings: Settings,
    ledger: &Ledger,
    now: Timestamp,
) -> Result<Answer> {
    let limit = settings.limits.ref_updates;
    let mut out = std::io::stdout().lock();
    let push = proc_receive::receive(&mut std::io::stdin().lock(), &mut out, limit)?;
    require_ids_of(layout, &push)?;
    let mut is_known = true;
    for update in &push.updates {
        is_known &= match &update.name {
            Name::Ref(name) => watch::is_let_through(ledger, name, update.claimed_old, update.new)?,
            Name::Malformed(_) => false,
        };
    }
    if is_known {
        proc_receive::answer(&mut out, &push, None)?;
        return Ok(Answer::Recorded);
    }
    let leniency = settings.leniency;
    let pusher = crate::env::pusher(settings.host);
    let mut verdict = judge_push(&push, environment, layout, None, settings, pusher.clone(), now)?;
    verdict.pusher = pusher;
    if verdict.matters() {
        ledger.append(now, Event::Judged(Judged::of(&verdict, &leniency)?))?;
    }
    let options = remote::Options { leniency, ..Default::default() };
    say(&remote::verdict_with(&verdict, options));
    let code = verdict.refs.iter().flat_map(|judgement| judgement.violations()).next();
    let why = code.map_or("refgate".into(), |(_, v)| format!("refgate: {}", v.code()));
    Ok(match verdict.into_accepted(&leniency) {
        Some(accepted) => {
            proc_receive::answer(&mut out, &push, None)?;
            Answer::Accepted(accepted, String::new())
        }
        None => {
            // Each ref is refused by its line; git takes another status for a hook that failed.
            proc_receive::answer(&mut out, &push, Some(&why))?;
            Answer::Recorded
        }
    })
}

/// Returns the ledger of a repository.
#[must_use]
pub fn ledger(layout: &Layout, settings: &Settings) -> Ledger {
    let LedgerSettings { directory, rotate_mib, database: _ } = &settings.ledger;
    let directory = directory.clone().unwrap_or_else(|| layout.common_dir.join(LEDGER));
    Ledger::new(directory, rotate_mib.map(|mib| u64::from(mib) << 20))
}

/// How many records `post-receive` looks back for the verdict of the push that it is told about.
const LOOK_BACK: usize = 256;

/// `post-receive`: records that a push which was accepted has moved its refs.
///
/// Git ignores how this hook ends, and the refs have moved; so what cannot be
/// recorded is said aloud.
fn landed(layout: &Layout, settings: &Settings, hooks: Option<&Path>) -> Answer {
    match record_landing(layout, settings, hooks) {
        Ok(warnings) => warnings.iter().for_each(|warning| say(warning)),
        Err(error) => {
            log::error!("the landing is not recorded: {error}");
            say(&remote::unrecorded(&error));
        }
    }
    Answer::Recorded
}

/// Records what landed; returns what the person who pushed has to know.
fn record_landing(
    layout: &Layout,
    settings: &Settings,
    hooks: Option<&Path>,
) -> Result<Vec<String>> {
    let mut input = Vec::new();
    let push =
        Push::read_keeping(std::io::stdin().lock(), settings.limits.ref_updates, &mut input)?;
    chained(layout, hooks, "post-receive", &[], Some(input))?;
    let ledger = ledger(layout, settings);
    let mut warnings = Vec::new();
    let found = landing::of(&push, &ledger, LOOK_BACK)?;
    for landing::Found { landed, .. } in &found {
        if !landed.absent.is_empty() {
            let absent: Vec<_> = landed.absent.iter().map(|u| Foreign::from(&u.r#ref)).collect();
            warnings.push(remote::absent(&landed.id, &absent));
        }
        ledger.append(crate::clock::now(), Event::Landed(landed.clone()))?;
    }
    warnings.extend(summarise(layout, settings, &ledger, &found)?);
    Ok(warnings)
}

/// Writes the verification summaries of what landed; where that fails, it is recorded and said.
fn summarise(
    layout: &Layout,
    settings: &Settings,
    ledger: &Ledger,
    found: &[landing::Found],
) -> Result<Option<String>> {
    let now = crate::clock::now();
    let Err(error) = issue::issue(layout, settings, found, now) else { return Ok(None) };
    log::error!("no verification summary: {error}");
    for landing::Found { landed, judged } in found {
        let refs = issue::summarised(landed, judged).map(|update| update.r#ref.clone()).collect();
        let why = error.to_string();
        let missing = Unsummarised { judged: landed.judged, refs, why };
        if !missing.refs.is_empty() {
            ledger.append(now, Event::Unsummarised(missing))?;
        }
    }
    Ok(Some(remote::unsummarised(&error)))
}

/// Reads the settings of the server and of the repository.
///
/// # Errors
/// A file cannot be read, or says something that it may not.
pub fn settings(layout: &Layout) -> Result<Settings> {
    let own = layout.common_dir.join(REPOSITORY_SETTINGS);
    let server_bytes = read_bounded(Path::new(SERVER_SETTINGS), SETTINGS_BYTES)?;
    let own_bytes = read_bounded(&own, SETTINGS_BYTES)?;
    let server = server_bytes.as_ref().map(|bytes| SettingsFile { path: SERVER_SETTINGS, bytes });
    let repository =
        own_bytes.as_ref().map(|bytes| SettingsFile { path: REPOSITORY_SETTINGS, bytes });
    Settings::read(server, repository)
        .map_err(|diagnostics| Error::from_diagnostics("reading the server settings", diagnostics))
}

/// The objects of the push are apart only if git says so, and says it of another directory than the repository's own.
fn quarantine(environment: &HookEnvironment, layout: &Layout) -> Option<PathBuf> {
    let objects = layout.objects_dir();
    environment.quarantine.clone().filter(|path| !is_same_file(path, &objects))
}

/// Says whether two paths lead to one file, however they are written.
fn is_same_file(left: &Path, right: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (left.metadata(), right.metadata()) {
        (Ok(left), Ok(right)) => (left.dev(), left.ino()) == (right.dev(), right.ino()),
        _ => left == right,
    }
}

fn is_shallow(environment: &HookEnvironment, repository: &Repository) -> Result<bool> {
    let Some(file) = &environment.shallow_file else { return Ok(false) };
    let Some(list) = read_bounded(file, SHALLOW_BYTES)? else {
        let what = format!("{}, the list of shallow commits, is missing", file.display());
        return Err(Error::new(ErrorKind::Environment, what));
    };
    let Repository { trusted, quarantine, settings, .. } = repository;
    let incoming = Incoming::open(quarantine.as_deref(), trusted)?;
    shallow::cuts_history(&list, &incoming, &settings.limits)
}

/// Runs the hook that was here before refgate, with what git gave to ours; returns its exit status if it refuses.
fn chained(
    layout: &Layout,
    hooks: Option<&Path>,
    name: &str,
    args: &[OsString],
    input: Option<Vec<u8>>,
) -> Result<Option<i32>> {
    use std::os::unix::fs::PermissionsExt as _;
    let own = layout.common_dir.join("hooks");
    let program = hooks.unwrap_or(&own).join(CHAINED).join(name);
    let step = || format!("looking for the hook in {}", program.display());
    match program.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        found => found.during(ErrorKind::Environment, step)?,
    };
    // A link whose target has gone is a check that was made and is made no longer.
    let metadata = std::fs::metadata(&program).during(ErrorKind::Environment, step)?;
    if metadata.permissions().mode() & 0o111 == 0 {
        return Ok(None);
    }
    let program = program.canonicalize().unwrap_or(program);
    let mut run = Run::new(&program).args(args).with_whole_environment();
    if let Some(input) = input {
        run = run.input(input);
    }
    let status = run.status()?;
    Ok((!status.success()).then(|| status.code().unwrap_or(-1)))
}

/// Writes to the person who pushed. A failed write changes nothing: the answer is the exit status.
fn say(text: &str) {
    let mut channel = std::io::stderr().lock();
    for line in text.split_inclusive('\n') {
        if channel.write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}

/// A broken invariant refuses the push with one clean line, and not with a backtrace of the server.
#[expect(clippy::exit, reason = "a panic must not run on into code that does not expect it")]
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        log::error!("panic: {panic}");
        let (file, line) = panic.location().map_or(("", 0), |place| (place.file(), place.line()));
        say(&remote::panic(file, line));
        std::process::exit(i32::from(CANNOT_JUDGE));
    }));
}

/// Starts the log, if the administrator has named a file for it.
fn start_log(settings: &Settings) -> Result<()> {
    let Some(path) = &settings.log else { return Ok(()) };
    crate::logging::to_file(path)
}
