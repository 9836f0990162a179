//! Whether git or the server finds a hook that starts refgate, and nobody else can change it.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use super::super::args::Hook;
use super::super::hook::{CHAINED, settings};
use super::super::install::{place, shim};
use super::super::server::{self, owner, user};
use super::{Check, State};
use crate::error::Result;
use crate::exec::Run;
use crate::host::Host;
use crate::repo::layout::{Layout, read_bounded};

/// How much of a script is read.
const SCRIPT_BYTES: u64 = 1 << 20;

/// Follows the way from git to refgate.
pub(super) fn hooks(layout: &Layout) -> Vec<Check> {
    let host = settings(layout).map_or(Host::Plain, |settings| settings.host);
    if host == Host::Ghes {
        return vec![Check::ok("hook", "the server keeps it; see the dry push of its own tools")];
    }
    let mut checks = vec![Check::or_unknown("hooks path", hooks_path(layout, host))];
    let installed = |hook| -> Result<bool> {
        Ok(place::of(layout, host, hook)?.file.symlink_metadata().is_ok())
    };
    // Servers without pre-receive have the update hook in its place.
    let judging = match (installed(Hook::PreReceive), installed(Hook::Update)) {
        (Ok(false), Ok(true)) if host != Host::Gitolite => Hook::Update,
        _ => Hook::PreReceive,
    };
    let mut expected = vec![judging, Hook::PostReceive];
    if let Ok(place) = place::of(layout, host, Hook::ReferenceTransaction)
        && shim::is_ours(&place.file).unwrap_or(false)
    {
        expected.push(Hook::ReferenceTransaction);
    }
    let locks = server::git(layout).and_then(|git| git.config("receive.procReceiveRefs"));
    if matches!(locks, Ok(Some(_))) {
        expected.push(Hook::ProcReceive);
    }
    if let Some(check) = dispatcher(layout, host, judging).transpose() {
        checks.push(Check::or_unknown("dispatcher", check));
    }
    for hook in expected {
        checks.push(Check::or_unknown(hook.name(), one(layout, host, hook)));
    }
    checks.extend(kept(layout, host));
    checks.push(Check::or_unknown("owner", ownership(layout, host, judging)));
    checks
}

fn hooks_path(layout: &Layout, host: Host) -> Result<Check> {
    let found = place::directory(layout)?;
    let own = layout.common_dir.join("hooks");
    if host == Host::Forgejo
        && let Some(home) = place::unasked_home(layout, &found)
    {
        let found =
            format!("Forgejo runs the hooks of {}/hooks, and none of these", home.display());
        let remedy =
            format!("ask again as Forgejo does: HOME={} refgate doctor ...", home.display());
        return Ok(Check::not("hooks path", State::Problem, found, remedy));
    }
    if found == own {
        return Ok(Check::ok("hooks path", "git looks into hooks/"));
    }
    let shown = format!("core.hooksPath leads git to {}", found.display());
    Ok(match host {
        Host::Plain | Host::Gitolite | Host::Gitea | Host::Forgejo => {
            Check::ok("hooks path", shown)
        }
        Host::Gitlab | Host::Ghes => Check::not(
            "hooks path",
            State::Problem,
            shown,
            "this server runs hooks from its own place: unset core.hooksPath",
        ),
    })
}

/// Where a server starts the hooks of a directory by a script of its own, that must be there.
fn dispatcher(layout: &Layout, host: Host, hook: Hook) -> Result<Option<Check>> {
    if !matches!(host, Host::Gitea | Host::Forgejo) {
        return Ok(None);
    }
    let script = place::of(layout, host, hook)?.hooks.join(hook.name());
    let shown = script.display();
    let is_executable = std::fs::metadata(&script)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0);
    let text = read_bounded(&script, SCRIPT_BYTES).ok().flatten().unwrap_or_default();
    let starts_them = String::from_utf8_lossy(&text).contains(".d");
    Ok(Some(if is_executable && starts_them {
        Check::ok("dispatcher", format!("{shown} runs what is beside it"))
    } else {
        let found = format!("{shown} does not run {}.d: git accepts everything", hook.name());
        Check::not("dispatcher", State::Problem, found, "let the server synchronise its hooks")
    }))
}

fn one(layout: &Layout, host: Host, hook: Hook) -> Result<Check> {
    let name = hook.name();
    let file = place::of(layout, host, hook)?.file;
    let shown = file.display();
    // Without post-receive, pushes are judged and their landing is not recorded.
    let state = if hook == Hook::PostReceive { State::Advice } else { State::Problem };
    let again = format!("refgate install --yes {}", layout.common_dir.display());
    let wrong = |found: String| Ok(Check::not(name, state, found, again.clone()));
    let Ok(metadata) = file.symlink_metadata() else {
        return wrong(format!("{shown} is not there"));
    };
    let Ok(real) = std::fs::metadata(&file) else {
        return wrong(format!("{shown} is a link that leads nowhere: git accepts everything"));
    };
    if !real.is_file() {
        return wrong(format!("{shown} is no file"));
    }
    if real.permissions().mode() & 0o111 == 0 {
        return wrong(format!("{shown} is not executable: git accepts everything"));
    }
    if real.len() == 0 {
        return wrong(format!("{shown} is empty: git accepts everything"));
    }
    if metadata.file_type().is_symlink() && !shim::is_ours(&file)? {
        return wrong(format!("{shown} leads to a script that is not refgate's"));
    }
    let text = read_bounded(&file, SCRIPT_BYTES)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let Some(program) = shim::program_of(&text) else {
        return wrong(format!("{shown} does not start refgate"));
    };
    let version = match Run::new(&program).args(["--version"]).outcome() {
        Ok(outcome) if outcome.status.success() => outcome.stdout,
        Ok(outcome) => {
            return wrong(format!("{} does not run: {}", program.display(), outcome.status));
        }
        Err(error) => return wrong(format!("{}: {error}", program.display())),
    };
    let version = String::from_utf8_lossy(&version).trim().to_owned();
    if !version.starts_with("refgate ") {
        return wrong(format!("{} is not refgate", program.display()));
    }
    if let Some(place) = writable(&program) {
        let remedy = format!("chmod go-w {place}");
        return Ok(Check::not(
            name,
            State::Problem,
            format!("{place} can be changed by others"),
            remedy,
        ));
    }
    if metadata.file_type().is_symlink() {
        let found = format!("{shown} is a link: if its target goes, git accepts everything");
        return Ok(Check::not(name, State::Advice, found, "copy the script in its place"));
    }
    Ok(Check::ok(name, format!("starts {} ({version})", program.display())))
}

/// Hooks that made room must still be able to run.
fn kept(layout: &Layout, host: Host) -> Vec<Check> {
    let mut checks = Vec::new();
    for hook in [Hook::PreReceive, Hook::Update, Hook::PostReceive] {
        let Ok(place) = place::of(layout, host, hook) else { continue };
        let file = place.hooks.join(CHAINED).join(hook.name());
        if file.symlink_metadata().is_err() {
            continue;
        }
        let shown = file.display();
        checks.push(match std::fs::metadata(&file) {
            Err(error) => Check::not(
                "kept hook",
                State::Problem,
                format!("{shown}: {error}, so that every push is refused"),
                "mend the link, or remove it",
            ),
            Ok(metadata) if metadata.permissions().mode() & 0o111 == 0 => Check::not(
                "kept hook",
                State::Advice,
                format!("{shown} is not executable and does not run"),
                "remove it, or make it executable",
            ),
            Ok(_) => Check::ok("kept hook", format!("{shown} runs first")),
        });
    }
    checks
}

fn ownership(layout: &Layout, host: Host, hook: Hook) -> Result<Check> {
    let (uid, _) = owner(layout)?;
    let file = place::of(layout, host, hook)?.file;
    let settings = layout.common_dir.join("refgate.toml");
    for path in [&layout.common_dir, &layout.common_dir.join("config"), &file, &settings] {
        let Ok(metadata) = std::fs::metadata(path) else { continue };
        if metadata.permissions().mode() & 0o002 != 0 {
            let found = format!("everybody on this machine can change {}", path.display());
            let remedy = format!("chmod o-w {}", path.display());
            return Ok(Check::not("owner", State::Problem, found, remedy));
        }
        if metadata.uid() != uid && metadata.uid() != 0 {
            let found = format!("{} belongs to another user than the repository", path.display());
            let remedy = format!("chown {uid} {}", path.display());
            return Ok(Check::not("owner", State::Problem, found, remedy));
        }
    }
    match user() {
        me if me != uid && me != 0 => {
            let found = format!("the repository belongs to user {uid}, and you are {me}");
            Ok(Check::not("owner", State::Unknown, found, "run this as that user, or as root"))
        }
        _ => Ok(Check::ok("owner", format!("user {uid}, and nobody else can write"))),
    }
}

/// Returns the file or the directory above it that others can write to.
fn writable(program: &Path) -> Option<String> {
    program.ancestors().find_map(|path| {
        let mode = std::fs::metadata(path).ok()?.permissions().mode();
        // In a directory with the sticky bit nobody removes what belongs to others.
        let open = mode & 0o002 != 0 && mode & 0o1000 == 0;
        open.then(|| path.display().to_string())
    })
}
