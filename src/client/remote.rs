//! The server as the client sees it: which remote, what it has, and pushing evidence to it.

use super::git::Git;
use super::notes::Writer;
use super::store::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{CommitId, parse_hex};
use crate::limits::Limits;
use crate::refname::RefName;
use crate::repo::layout::Layout;
use crate::repo::objects::Trusted;

/// The refs below `refs/notes/refgate/` that people and automation push to.
pub const EVIDENCE: [&str; 3] = ["evidence", "approvals", "reports"];

/// How often a push of evidence is tried when somebody else was faster.
const ATTEMPTS: usize = 6;

/// A remote of the user's repository.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Its name in git's configuration.
    pub name: String,
}

impl Remote {
    /// Returns the remote that is named, that the branch follows, or that is the only one.
    ///
    /// # Errors
    /// It cannot be told which.
    pub fn choose(git: &Git, named: Option<&str>) -> Result<Self> {
        if let Some(name) = named {
            return Ok(Self { name: name.into() });
        }
        if let Some(branch) = git.branch()? {
            let short = String::from_utf8_lossy(branch.short()).into_owned();
            for key in [
                format!("branch.{short}.pushRemote"),
                "remote.pushDefault".into(),
                format!("branch.{short}.remote"),
            ] {
                if let Some(name) = git.config(&key)?.filter(|name| name != ".") {
                    return Ok(Self { name });
                }
            }
        }
        let remotes = git.run(["remote"])?;
        let names: Vec<&str> = remotes.lines().collect();
        match names.as_slice() {
            [only] => Ok(Self { name: (*only).into() }),
            names if names.contains(&"origin") => Ok(Self { name: "origin".into() }),
            [] => Err(Error::new(ErrorKind::Usage, "this repository has no remote")
                .hint("git remote add origin URL")),
            _ => Err(Error::new(ErrorKind::Usage, "there are several remotes")
                .hint("name one with --remote NAME")),
        }
    }

    /// Returns where the client keeps what a ref of the server held when it last looked.
    ///
    /// Branches are git's own remote-tracking branches; evidence refs have a place of their own.
    #[must_use]
    pub fn tracking(&self, name: &RefName) -> Option<RefName> {
        let remote = self.name.as_bytes();
        let bytes = name.as_bytes();
        let tracked = if let Some(branch) = bytes.strip_prefix(b"refs/heads/") {
            [b"refs/remotes/", remote, b"/", branch].concat()
        } else if let Some(notes) = bytes.strip_prefix(crate::refname::EVIDENCE_PREFIX) {
            [b"refs/refgate/", remote, b"/", notes].concat()
        } else {
            bytes.to_vec()
        };
        RefName::parse(&tracked)
    }

    /// Fetches branches, tags and evidence, so that judging here comes to what the server would say.
    ///
    /// # Errors
    /// git cannot reach the server.
    pub fn fetch(&self, git: &Git) -> Result<()> {
        let heads = format!("+refs/heads/*:refs/remotes/{}/*", self.name);
        let notes = format!("+refs/notes/refgate/*:refs/refgate/{}/*", self.name);
        git.run([
            "fetch",
            "--quiet",
            "--prune",
            "--no-write-fetch-head",
            &self.name,
            &heads,
            &notes,
        ])?;
        // Which branch the server takes for its main one; servers without any answer with an error.
        git.ask(["remote", "set-head", &self.name, "--auto"])?;
        Ok(())
    }

    /// Fetches evidence alone.
    ///
    /// # Errors
    /// git cannot reach the server.
    pub fn fetch_evidence(&self, git: &Git) -> Result<()> {
        let notes = format!("+refs/notes/refgate/*:refs/refgate/{}/*", self.name);
        git.run(["fetch", "--quiet", "--no-write-fetch-head", &self.name, &notes]).map(drop)
    }

    /// Joins the evidence of the server into the user's own; returns the refs that the user has more of.
    ///
    /// # Errors
    /// The notes cannot be read or written.
    pub fn join_evidence(&self, git: &Git) -> Result<Vec<RefName>> {
        let layout = Layout::open(&git.git_dir)?;
        let objects = Trusted::open(&layout.objects_dir(), layout.hash)?;
        let (store, limits) = (Store::open(&git.git_dir)?, Limits::default());
        let writer = Writer { objects: &objects, store: &store, limits: &limits };
        let mut ahead = Vec::new();
        for notes in EVIDENCE {
            let Some(name) = RefName::parse(format!("refs/notes/refgate/{notes}").as_bytes())
            else {
                continue;
            };
            let Some(tracking) = self.tracking(&name) else { continue };
            let ours = value(git, &name)?;
            let theirs = value(git, &tracking)?;
            let joined = match (ours, theirs) {
                (None, None) => continue,
                (Some(ours), None) => ours,
                (ours, Some(theirs)) => writer.join(&name, ours, theirs)?,
            };
            if Some(joined) != theirs {
                ahead.push(name);
            }
        }
        Ok(ahead)
    }

    /// Pushes refs in one atomic push, together with all evidence that the server has not.
    ///
    /// Evidence that somebody else pushed meanwhile is fetched and joined, and the push tried again.
    ///
    /// # Errors
    /// The server refuses; what it says has been shown to the user.
    pub fn push(&self, git: &Git, refspecs: &[String]) -> Result<Pushed> {
        for _ in 0..ATTEMPTS {
            self.fetch_evidence(git)?;
            let ahead = self.join_evidence(git)?;
            if refspecs.is_empty() && ahead.is_empty() {
                return Ok(Pushed::NothingToDo);
            }
            let mut args: Vec<String> = ["push", "--atomic", "--porcelain", &self.name]
                .into_iter()
                .map(Into::into)
                .collect();
            args.extend(refspecs.iter().cloned());
            args.extend(ahead.iter().map(|name| format!("{name}:{name}")));
            let outcome = git.outcome(&args)?;
            let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
            if outcome.status.success() {
                return Ok(Pushed::Done { refs: ahead, said });
            }
            let report = String::from_utf8_lossy(&outcome.stdout).into_owned();
            if !somebody_was_faster(&report, &said) {
                return Ok(Pushed::Refused { said, report });
            }
        }
        Err(Error::new(
            ErrorKind::Environment,
            format!("somebody else was faster {ATTEMPTS} times"),
        )
        .while_(format!("pushing to {}", self.name))
        .hint("try again"))
    }
}

/// How a push ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The server has everything already.
    NothingToDo,
    /// The server took it.
    Done {
        /// The evidence refs that went along.
        refs: Vec<RefName>,
        /// What the server said.
        said: String,
    },
    /// The server refused.
    Refused {
        /// What the server said.
        said: String,
        /// git's own line for each ref.
        report: String,
    },
}

/// Tells a race on an evidence ref, which is mended by fetching, from a refusal.
fn somebody_was_faster(report: &str, said: &str) -> bool {
    let race = [
        "[rejected]",
        "(fetch first)",
        "(non-fast-forward)",
        "cannot lock ref",
        "failed to update ref",
        "[ref-moved]",
    ];
    let refused = report.contains("pre-receive hook declined") && !said.contains("[ref-moved]");
    !refused && race.iter().any(|sign| report.contains(sign) || said.contains(sign))
}

/// Returns the commit that a ref holds.
///
/// # Errors
/// git cannot be started.
pub fn value(git: &Git, name: &RefName) -> Result<Option<CommitId>> {
    let spec = format!("{name}^{{commit}}");
    let found = git.ask(["rev-parse", "--verify", "--quiet", "--end-of-options", &spec])?;
    Ok(found.and_then(|hex| parse_hex(hex.as_bytes())).map(CommitId))
}
