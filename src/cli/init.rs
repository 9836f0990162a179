//! `refgate init`: the trusted files of a repository that starts with refgate.

use std::path::{Path, PathBuf};

use super::args::Init;
use super::output::Output;
use crate::client::git::Git;
use crate::client::sign::{Signer, SshKey};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::policy::config::{self, Repository};
use crate::policy::structure;
use crate::principal::PrincipalId;
use crate::signature::key::KeyRef;

const STRUCTURE: &str = include_str!("../../templates/STRUCTURE.md");
const CONFIG: &str = include_str!("../../templates/refgate.toml");
const REQUEST: &str = super::exception::TEMPLATE;
const REQUEST_FILE: &str = super::exception::TEMPLATE_FILE;
const DOCUMENT: &str = include_str!("../../templates/document-template.md");

/// Writes `meta/` and `templates/` into the work tree.
///
/// # Errors
/// A file is there already, nothing is overwritten; or git knows no email or key.
pub fn init(dir: &Path, args: &Init, out: &mut Output) -> Result<()> {
    let git = Git::find(dir)?;
    let top = git.run(["rev-parse", "--show-toplevel"])?;
    if top.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "a bare repository has no work tree")
            .hint("run refgate init in a clone"));
    }
    let top = PathBuf::from(top);
    let repository = repository(&git, args.repository.as_deref(), &top)?;
    let (name, email) = identity(&git)?;
    let me = PrincipalId::parse(&email).ok_or_else(|| {
        Error::new(
            ErrorKind::Usage,
            format!("{email:?} cannot name a principal: write it in plain ASCII"),
        )
    })?;
    let key = own_key(&git)?;
    let fill = |text: &str| {
        text.replace("{{repository}}", repository.as_str())
            .replace("{{name}}", &cell(&name))
            .replace("{{email}}", me.as_str())
            .replace("{{key}}", &key.to_string())
    };
    let files = [
        (structure::FILE, fill(STRUCTURE)),
        (config::FILE, fill(CONFIG)),
        ("templates/document-template.md", fill(DOCUMENT)),
        // As it is: refgate exception new fills in what stands in braces.
        (REQUEST_FILE, REQUEST.to_owned()),
    ];
    let existing: Vec<&str> =
        files.iter().map(|(path, _)| *path).filter(|path| top.join(path).exists()).collect();
    if !existing.is_empty() {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("nothing is overwritten, and here already: {}", existing.join(", ")),
        )
        .hint("see what refgate reads in it: refgate policy show"));
    }
    for (path, text) in &files {
        let target = top.join(path);
        let step = || format!("writing {path}");
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).during(ErrorKind::Environment, step)?;
        }
        std::fs::write(&target, text).during(ErrorKind::Environment, step)?;
        out.line(&format!("wrote {path}"));
    }
    out.note("");
    out.note(&format!("You ({me}) are the first maintainer and release manager. The built-in"));
    out.note("policy also needs, each with a key in meta/STRUCTURE.md:");
    out.note("    a second maintainer");
    out.note("    automation that attests scans and tests");
    out.note("Domain reviewers can be named there too. Then:");
    out.note("    git add meta templates && git commit -S -m \"Start refgate\"");
    out.note("    refgate policy check");
    out.note("    git push");
    out.note("What policy check finds is mended with git commit --amend.");
    Ok(())
}

/// Returns name and email of git's configuration.
fn identity(git: &Git) -> Result<(String, String)> {
    let nobody = |what: &str, hints: &[&str]| {
        Err(Error::new(ErrorKind::Usage, format!("git does not know your {what}"))
            .hint(hints.join("; ")))
    };
    let set_name = "git config user.name \"Your Name\"";
    let set_email = "git config user.email you@example.org";
    match (git.config("user.name")?, git.config("user.email")?) {
        (Some(name), Some(email)) => Ok((name, email)),
        (Some(_), None) => nobody("email", &[set_email]),
        (None, Some(_)) => nobody("name", &[set_name]),
        (None, None) => nobody("name and email", &[set_name, set_email]),
    }
}

/// Returns the name of the repository: as given, or host and path of the remote's URL.
fn repository(git: &Git, named: Option<&str>, top: &Path) -> Result<Repository> {
    if let Some(name) = named {
        return Repository::parse(name).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("{name:?} is no name of a repository"))
                .hint("for example git.example.org/team/project")
        });
    }
    let remotes = git.run(["remote"])?;
    let first = remotes.lines().find(|name| *name == "origin").or_else(|| remotes.lines().next());
    let url = match first {
        Some(remote) => git.config(&format!("remote.{remote}.url"))?,
        None => None,
    };
    let from_url = url.as_deref().and_then(name_of_url);
    let directory = || top.file_name().map(|name| name.to_string_lossy().into_owned());
    from_url.or_else(directory).and_then(|name| Repository::parse(&name)).ok_or_else(|| {
        Error::new(ErrorKind::Usage, "the repository has no name yet")
            .hint("refgate init --repository git.example.org/team/project")
    })
}

/// Returns `host/path` of a URL as git takes them, or the last component of a local path.
fn name_of_url(url: &str) -> Option<String> {
    let trimmed = url.trim_end_matches('/').trim_end_matches(".git");
    let name = if let Some((scheme, rest)) = trimmed.split_once("://") {
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        if scheme == "file" { rest.rsplit('/').next()?.to_owned() } else { without_port(rest) }
    } else if let Some((host, path)) =
        trimmed.split_once(':').filter(|(host, _)| !host.contains('/'))
    {
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        format!("{host}/{}", path.trim_start_matches('/'))
    } else {
        trimmed.rsplit('/').next()?.to_owned()
    };
    (!name.is_empty()).then_some(name)
}

fn without_port(rest: &str) -> String {
    match rest.split_once('/') {
        Some((host, path)) => format!("{}/{path}", host.split(':').next().unwrap_or(host)),
        None => rest.into(),
    }
}

/// A name for a table cell: a pipe would end it.
fn cell(name: &str) -> String {
    name.replace('|', "\\|")
}

/// Returns the key that the user signs with, as a trust list names it.
fn own_key(git: &Git) -> Result<KeyRef> {
    let hint = "git config gpg.format ssh; git config user.signingKey ~/.ssh/id_ed25519.pub";
    match Signer::configured(git, None)? {
        Signer::Ssh { key: SshKey::Agent(public), .. } => KeyRef::parse(&public).map_err(|error| {
            Error::new(ErrorKind::Usage, format!("user.signingKey: {error}")).hint(hint)
        }),
        Signer::Ssh { key: SshKey::File(path), .. } => {
            let public = if path.extension().is_some_and(|ext| ext == "pub") {
                path
            } else {
                with_pub(&path)
            };
            let text = std::fs::read_to_string(&public).map_err(|error| {
                Error::new(ErrorKind::Usage, format!("{}: {error}", public.display())).hint(hint)
            })?;
            KeyRef::parse(text.trim()).map_err(|error| {
                Error::new(ErrorKind::Usage, format!("{}: {error}", public.display())).hint(hint)
            })
        }
        Signer::OpenPgp { program, key } => {
            let user = key.unwrap_or_default();
            let outcome = crate::exec::Run::new(&program)
                .args(["--with-colons", "--fingerprint", &user])
                .outcome()?;
            let listing = String::from_utf8_lossy(&outcome.stdout).into_owned();
            let fingerprint = listing
                .lines()
                .find_map(|line| line.strip_prefix("fpr:").and_then(|rest| rest.split(':').nth(8)));
            fingerprint.and_then(|text| KeyRef::parse(text).ok()).ok_or_else(|| {
                Error::new(ErrorKind::Usage, format!("gpg knows no key of {user}")).hint(hint)
            })
        }
    }
}

fn with_pub(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::name_of_url;

    #[test]
    fn repositories_are_named_by_host_and_path() {
        for (url, name) in [
            ("https://git.example.org/payments/api.git", "git.example.org/payments/api"),
            ("https://user@git.example.org:8443/payments/api", "git.example.org/payments/api"),
            ("ssh://git@git.example.org:2222/payments/api.git/", "git.example.org/payments/api"),
            ("git@git.example.org:payments/api.git", "git.example.org/payments/api"),
            ("file:///srv/git/api.git", "api"),
            ("/srv/git/api.git", "api"),
            ("../api", "api"),
        ] {
            assert_eq!(name_of_url(url).as_deref(), Some(name), "{url}");
        }
    }
}
