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
const ATTEMPTS: u32 = 8;

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
            if git.ask(["remote", "get-url", "--", name])?.is_none() {
                return Err(Error::new(ErrorKind::Usage, format!("there is no remote {name:?}"))
                    .hint("git remote -v lists those that are there"));
            }
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
        self.fetch_refspecs(git, &["--prune"], &[&heads, &notes])?;
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
        self.fetch_refspecs(git, &[], &[&notes])
    }

    fn fetch_refspecs(&self, git: &Git, options: &[&str], refspecs: &[&str]) -> Result<()> {
        // Without --refmap= git would also do what is configured, such as +refs/notes/*:refs/notes/*,
        // and throw away what was signed and not pushed yet.
        let mut args = vec!["fetch", "--quiet", "--no-write-fetch-head", "--refmap="];
        args.push("--recurse-submodules=no");
        args.extend(options);
        args.extend(["--", self.name.as_str()]);
        args.extend(refspecs);
        let outcome = git.outcome(args)?;
        if outcome.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&outcome.stderr).trim_end().to_owned();
        Err(Error::new(ErrorKind::Environment, said)
            .while_(format!("fetching from {}", self.name))
            .hint(format!("see whether git itself can: git fetch {}\nor use what was fetched before: --offline", self.name)))
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

    /// Pushes all evidence that the server has not.
    ///
    /// Evidence that somebody else pushed meanwhile is fetched and joined, and the push tried again.
    ///
    /// # Errors
    /// The server cannot be reached, or others are faster again and again.
    pub fn push(&self, git: &Git) -> Result<Pushed> {
        self.push_with(git, None)
    }

    /// Pushes a landing together with all evidence that the server has not, in one atomic push.
    ///
    /// # Errors
    /// As [`Remote::push`].
    pub fn land(&self, git: &Git, landing: &Landing) -> Result<Pushed> {
        self.push_with(git, Some(landing))
    }

    fn push_with(&self, git: &Git, landing: Option<&Landing>) -> Result<Pushed> {
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                std::thread::sleep(pause(attempt));
            }
            if let Some(landing) = landing {
                self.fetch(git)?;
                let now = self.tracking(&landing.onto).map(|name| value(git, &name)).transpose()?;
                if now.flatten() != Some(landing.base) {
                    return Ok(Pushed::Moved);
                }
            } else {
                self.fetch_evidence(git)?;
            }
            let ahead = self.join_evidence(git)?;
            if landing.is_none() && ahead.is_empty() {
                return Ok(Pushed::NothingToDo);
            }
            let outcome = git.outcome(self.push_arguments(&ahead, landing))?;
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
        .hint("what you signed is in your clone; send it again: refgate attach --push"))
    }

    /// Returns the arguments of one push; what the user has set for pushes of their own does not add to it.
    fn push_arguments(&self, ahead: &[RefName], landing: Option<&Landing>) -> Vec<String> {
        let mut args: Vec<String> = vec![
            "-c".into(),
            "push.followTags=false".into(),
            "-c".into(),
            format!("remote.{}.mirror=false", self.name),
            "push".into(),
            "--atomic".into(),
            "--porcelain".into(),
        ];
        if landing.is_none() {
            // A pre-push hook of the user is about branches.
            args.extend(["--no-verify".into(), "--recurse-submodules=no".into()]);
        }
        args.extend(["--".into(), self.name.clone()]);
        args.extend(landing.map(|landing| format!("{}:{}", landing.commit, landing.onto)));
        args.extend(ahead.iter().map(|name| format!("{name}:{name}")));
        args
    }
}

/// A commit that is about to be pushed to a protected branch.
#[derive(Clone, Debug)]
pub struct Landing {
    /// The commit.
    pub commit: CommitId,
    /// The branch of the server.
    pub onto: RefName,
    /// What the branch has to hold still: the commit was made and judged on top of it.
    pub base: CommitId,
}

/// How a push ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The server has everything already.
    NothingToDo,
    /// The branch moved on before the push: what was prepared does not land on top of it any more.
    Moved,
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

/// Waits a little longer each time, and not as long as everybody else does.
fn pause(attempt: u32) -> std::time::Duration {
    let spread = u64::from(std::process::id() % 7) * 10;
    std::time::Duration::from_millis(u64::from(attempt) * 60 + spread)
}

/// Tells a race for a ref, which is mended by fetching, from a refusal.
fn somebody_was_faster(report: &str, said: &str) -> bool {
    const RACE: [&str; 8] = [
        "(fetch first)",
        "(non-fast-forward)",
        "(stale info)",
        "cannot lock ref",
        "failed to update ref",
        "incorrect old value",
        "reference already exists",
        "[ref-moved]",
    ];
    let shown = |sign: &str| report.contains(sign) || said.contains(sign);
    let by_a_hook = report.contains("hook declined") && !said.contains("[ref-moved]");
    !by_a_hook && RACE.iter().any(|sign| shown(sign))
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
