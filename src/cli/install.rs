//! `refgate install` and `refgate uninstall`: hooks of repositories on a server.
//!
//! The hook is a real file of a few lines that only starts the binary: a link
//! whose target is gone would let every push through in silence. What was there
//! before is kept beside it and runs first.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::args::{Hook, Install, Uninstall};
use super::hook::CHAINED;
use super::output::Output;
use super::trust_root;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::repo::layout::{Layout, read_bounded};

const PRE_RECEIVE: &str = include_str!("../../hooks/pre-receive");
const UPDATE: &str = include_str!("../../hooks/update");
const POST_RECEIVE: &str = include_str!("../../hooks/post-receive");

/// The line by which our hooks are known.
const MARK: &str = "# refgate: judges each push";

/// Installs the hook into each repository.
///
/// # Errors
/// A repository cannot be read or written; those before it are installed.
pub fn install(args: &Install, out: &mut Output) -> Result<()> {
    let program = std::env::current_exe()
        .during(ErrorKind::Environment, || "finding refgate itself".into())?;
    let root = trust_root::parse(&args.trust_root)?;
    for path in &args.repositories {
        let step = || format!("installing into {}", path.display());
        let layout = layout(path).map_err(|error| error.while_(step()))?;
        for hook in [args.hook, Hook::PostReceive] {
            write_hook(&layout, hook, &program, out).map_err(|error| error.while_(step()))?;
        }
        summary_key(&layout, out).map_err(|error| error.while_(step()))?;
        match &root {
            Some(root) => trust_root::write(&layout, root, out),
            None => trust_root::advise(&layout, path, out),
        }
        .map_err(|error| error.while_(step()))?;
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

/// Takes the hook out of each repository, and what `install` wrote to its settings, and puts back what was there before.
///
/// # Errors
/// A repository cannot be read or written.
pub fn uninstall(args: &Uninstall, out: &mut Output) -> Result<()> {
    for path in &args.repositories {
        let step = || format!("uninstalling from {}", path.display());
        let layout = layout(path).map_err(|error| error.while_(step()))?;
        let hooks = layout.common_dir.join("hooks");
        for name in Hook::ALL.map(Hook::name) {
            let hook = hooks.join(name);
            if !is_ours(&hook)? {
                continue;
            }
            let kept = hooks.join(CHAINED).join(name);
            let result = if kept.exists() {
                std::fs::rename(&kept, &hook)
            } else {
                std::fs::remove_file(&hook)
            };
            result.during(ErrorKind::Environment, step)?;
            out.line(&format!("{}: {name} is as it was before", path.display()));
        }
        // The directory goes if nothing is left in it.
        drop(std::fs::remove_dir(hooks.join(CHAINED)));
        trust_root::remove(&layout, out).map_err(|error| error.while_(step()))?;
    }
    Ok(())
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

fn is_ours(hook: &Path) -> Result<bool> {
    let bytes = read_bounded(hook, 1 << 20)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).lines().nth(1).is_some_and(|line| line.starts_with(MARK)))
}

fn write_hook(layout: &Layout, hook: Hook, program: &Path, out: &mut Output) -> Result<()> {
    let hooks = layout.common_dir.join("hooks");
    let step = || format!("writing {}", hooks.join(hook.name()).display());
    if let Some(elsewhere) = hooks_path(layout)? {
        let what = format!(
            "core.hooksPath names {elsewhere}, so git does not look into {}",
            hooks.display()
        );
        return Err(Error::new(ErrorKind::Usage, what)
            .hint("unset core.hooksPath for this repository, or install the hook there yourself"));
    }
    std::fs::create_dir_all(&hooks).during(ErrorKind::Environment, step)?;
    let target = hooks.join(hook.name());
    if target.symlink_metadata().is_ok() && !is_ours(&target)? {
        let kept = hooks.join(CHAINED);
        std::fs::create_dir_all(&kept).during(ErrorKind::Environment, step)?;
        // A copy takes its place first, so that no moment is without a hook.
        let place = kept.join(hook.name());
        copy(&target, &place)?;
        out.line(&format!("kept the hook that was there, which runs first: {}", place.display()));
    }
    let program = program
        .to_str()
        .ok_or_else(|| Error::new(ErrorKind::Environment, "the path of refgate is not UTF-8"))?;
    let text = match hook {
        Hook::PreReceive => PRE_RECEIVE,
        Hook::Update => UPDATE,
        Hook::PostReceive => POST_RECEIVE,
    };
    let text = text.replace("@REFGATE@", &program.replace('\'', r"'\''"));
    let temporary = hooks.join(format!(".{}.refgate-new", hook.name()));
    std::fs::write(&temporary, text).during(ErrorKind::Environment, step)?;
    std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(0o755))
        .during(ErrorKind::Environment, step)?;
    std::fs::rename(&temporary, &target).during(ErrorKind::Environment, step)?;
    out.line(&format!("installed {}", target.display()));
    Ok(())
}

/// Copies a hook with its mode; a symbolic link is kept as a link, which must still lead somewhere.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let step = || format!("keeping {}", from.display());
    let is_link =
        from.symlink_metadata().during(ErrorKind::Environment, step)?.file_type().is_symlink();
    if is_link {
        let target = from.canonicalize().during(ErrorKind::Environment, step)?;
        if to.symlink_metadata().is_ok() {
            std::fs::remove_file(to).during(ErrorKind::Environment, step)?;
        }
        return std::os::unix::fs::symlink(target, to).during(ErrorKind::Environment, step);
    }
    std::fs::copy(from, to).map(drop).during(ErrorKind::Environment, step)
}

fn hooks_path(layout: &Layout) -> Result<Option<String>> {
    let git =
        crate::client::git::Git { dir: layout.common_dir.clone(), git_dir: layout.git_dir.clone() };
    Ok(git.config("core.hooksPath")?.filter(|path| !path.is_empty()))
}
