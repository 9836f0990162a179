//! The user's clone with the policy of the server, as far as it was fetched.

use std::path::Path;

use super::git::Git;
use super::remote::{Remote, value};
use super::sign::Signer;
use super::store::Store;
use crate::clock::{Deadline, Timestamp};
use crate::collect::Scene;
use crate::collect::notes_ref::{NotesRef, NotesTips};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{CommitId, TreeId};
use crate::judge::Repository as Judged;
use crate::limits::Limits;
use crate::policy::config::Repository;
use crate::policy::structure::Principal;
use crate::refname::RefName;
use crate::repo::commit::Ancestry;
use crate::repo::layout::Layout;
use crate::repo::objects::{Incoming, Trusted};
use crate::repo::refs::Refs;
use crate::repo::view::View;
use crate::settings::Settings;
use crate::snapshot::{Ask, Rules, Snapshot};

/// A clone, its remote, and what pushes are judged by.
pub struct Workspace {
    /// Runs git.
    pub git: Git,
    /// The server.
    pub remote: Remote,
    /// Where things are.
    pub layout: Layout,
    /// Objects of the clone.
    pub objects: Trusted,
    /// The server's trust ref.
    pub trust_ref: RefName,
    /// The commit that it holds.
    pub anchor: CommitId,
    /// Policy, people and keys.
    pub snapshot: Snapshot,
    /// Bounds.
    pub limits: Limits,
    /// The time of the command.
    pub now: Timestamp,
}

/// A revision that fetching has moved.
pub struct Moved {
    /// The revision as the user named it.
    pub revision: String,
    /// What it names now.
    pub to: CommitId,
}

impl Workspace {
    /// Opens the clone that holds a directory, after fetching unless `offline`.
    ///
    /// # Errors
    /// There is no clone or no server, or nobody is trusted there yet.
    pub fn open(dir: &Path, remote: Option<&str>, offline: bool) -> Result<Self> {
        let git = Git::find(dir)?;
        git.require_history()?;
        let remote = Remote::choose(&git, remote)?;
        if !offline {
            remote.fetch(&git)?;
        }
        let layout = Layout::open(&git.git_dir)?;
        let objects = Trusted::open(&layout.objects_dir(), layout.hash)?;
        let (limits, now) = (Limits::default(), crate::clock::now());
        let trust_ref = main_branch(&git, &remote)?;
        let tracking = remote.tracking(&trust_ref);
        let anchor = match &tracking {
            Some(tracking) => value(&git, tracking)?,
            None => None,
        };
        let anchor = anchor.ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                format!("{} has no {trust_ref} yet, so nobody is trusted there", remote.name),
            )
            .hint("the first push brings meta/ with it: refgate init, commit, push")
        })?;
        let named = named_repository(&git)?;
        let ask = Ask { trust_ref: &trust_ref, repository: named.as_ref(), limits: &limits, now };
        let snapshot = Rules::read(&objects, anchor, &ask)?.complete(&objects, &ask)?;
        Ok(Self { git, remote, layout, objects, trust_ref, anchor, snapshot, limits, now })
    }

    /// Opens the clone as [`Workspace::open`] does, with a commit as it was named before fetching.
    ///
    /// Whoever speaks about `origin/topic` means what they have read, and not what
    /// fetching brings along while they speak.
    ///
    /// # Errors
    /// As [`Workspace::open`], or the revision names no commit.
    pub fn open_at(
        dir: &Path,
        (remote, offline): (Option<&str>, bool),
        revision: &str,
    ) -> Result<(Self, CommitId, Option<Moved>)> {
        let before = Git::find(dir)?.commit(revision).ok();
        let workspace = Self::open(dir, remote, offline)?;
        let after = workspace.git.commit(revision);
        let Some(before) = before else { return Ok((workspace, after?, None)) };
        let moved = after.ok().filter(|after| *after != before);
        let moved = moved.map(|to| Moved { revision: revision.to_owned(), to });
        Ok((workspace, before, moved))
    }

    /// Opens the store that objects and refs are written to.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn store(&self) -> Result<Store> {
        Store::open(&self.git.git_dir)
    }

    /// Returns a deadline for work on the client.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        Deadline::after_ms(self.limits.time_ms.saturating_mul(20))
    }

    /// Returns the objects of the clone, with room for computed ones.
    ///
    /// # Errors
    /// Never on a clone that could be opened.
    pub fn incoming(&self) -> Result<Incoming<'_>> {
        Incoming::open(None, &self.objects)
    }

    /// Returns what collecting facts needs, as of the server's main branch.
    #[must_use]
    pub fn scene<'a>(
        &'a self,
        incoming: &'a Incoming<'a>,
        deadline: &'a Deadline,
    ) -> Scene<'a, 'a> {
        Scene {
            incoming,
            trusted: &self.objects,
            policy: &self.snapshot.policy,
            keys: &self.snapshot.keys,
            limits: &self.limits,
            deadline,
            now: self.now,
            anchor: Some(self.anchor),
            pusher: None,
        }
    }

    /// Returns the protected branch that is meant: by its name, or the server's main branch.
    ///
    /// # Errors
    /// The name is no name of a branch.
    pub fn branch(&self, name: Option<&str>) -> Result<RefName> {
        let Some(name) = name else { return Ok(self.trust_ref.clone()) };
        let local = name.strip_prefix(&format!("{}/", self.remote.name)).unwrap_or(name);
        let full = if local.starts_with("refs/") {
            local.to_owned()
        } else {
            format!("refs/heads/{local}")
        };
        RefName::parse(full.as_bytes())
            .ok_or_else(|| Error::new(ErrorKind::Usage, format!("{name:?} is no name of a branch")))
    }

    /// Returns what the server held in a ref when it was last asked.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn on_server(&self, name: &RefName) -> Result<Option<CommitId>> {
        match self.remote.tracking(name) {
            Some(tracking) => value(&self.git, &tracking),
            None => Ok(None),
        }
    }

    /// Returns the evidence that the server had when it was last asked.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn notes_tips(&self) -> Result<NotesTips> {
        let mut tips = NotesTips::default();
        for notes in NotesRef::ALL {
            if let Some(tip) = self.on_server(&notes.name())? {
                tips.0.insert(notes, tip);
            }
        }
        Ok(tips)
    }

    /// Returns the protected branches of the server with their tips.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn protected_tips(&self) -> Result<Vec<(RefName, CommitId)>> {
        let prefix = format!("refs/remotes/{}/", self.remote.name);
        let listed = self.git.run(["for-each-ref", "--format=%(refname)", &prefix])?;
        let mut tips = Vec::new();
        for tracking in listed.lines() {
            let branch = tracking.strip_prefix(&prefix).filter(|branch| *branch != "HEAD");
            let name = branch.map(|branch| format!("refs/heads/{branch}"));
            let Some(name) = name.and_then(|name| RefName::parse(name.as_bytes())) else {
                continue;
            };
            if self.snapshot.policy.gates_for(name.as_bytes()).is_some()
                && let Some(tip) = self.on_server(&name)?
            {
                tips.push((name, tip));
            }
        }
        Ok(tips)
    }

    /// Returns the tip of a branch of the server.
    ///
    /// # Errors
    /// The server has no such branch.
    pub fn tip(&self, name: &RefName) -> Result<CommitId> {
        self.on_server(name)?.ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("{} has no {name}", self.remote.name)).hint(
                format!(
                    "git branch -r lists those of {}; name one: --onto BRANCH",
                    self.remote.name
                ),
            )
        })
    }

    /// Returns the tree of a commit.
    ///
    /// # Errors
    /// The commit cannot be read.
    pub fn tree_of(&self, commit: CommitId) -> Result<TreeId> {
        let mut buffer = Vec::new();
        let ancestry = Ancestry::read(&self.objects, commit, &self.limits, &mut buffer);
        Ok(ancestry.map_err(|error| error.on_the_trusted_side())?.tree)
    }

    /// Returns the listed person that the user is, by the email of git's configuration.
    ///
    /// # Errors
    /// No email is configured, or it is on no list.
    pub fn me(&self) -> Result<&Principal> {
        let email = self.git.email()?;
        self.snapshot.policy.structure().by_email(&email).ok_or_else(|| {
            let file = crate::policy::structure::FILE;
            Error::new(ErrorKind::Usage, format!("{email} is not listed in {file} as of {}", self.anchor.short()))
                .hint(format!("ask the maintainers to add you to {file}, or use the address that it lists: git config user.email ADDRESS"))
        })
    }

    /// Returns what signs the user's commits, if they are to be signed: by the user's configuration or by the policy.
    ///
    /// # Errors
    /// They are, and no key is configured.
    pub fn commit_signer(&self) -> Result<Option<Signer>> {
        let wanted = *self.snapshot.policy.config().review.signed_commits
            || self.git.config_bool("commit.gpgSign")?;
        wanted.then(|| Signer::configured(&self.git, None)).transpose()
    }

    /// Returns the server's repository as this clone knows it, for judging before a push.
    ///
    /// # Errors
    /// The objects cannot be opened.
    pub fn judged(&self) -> Result<Judged> {
        let remote = self.remote.clone();
        let view = View::Clone {
            refs: Refs::new(&self.layout),
            // Tags of a clone are not known to be the server's: a new one is what gets judged.
            tracking: Box::new(
                move |name| if name.is_tag() { None } else { remote.tracking(name) },
            ),
            head: Some(self.trust_ref.clone()),
        };
        let settings = Settings {
            repository: named_repository(&self.git)?,
            trust_ref: Some(self.trust_ref.to_string()),
            // What the server bounds by its time the client may take longer for.
            limits: Limits {
                time_ms: self.limits.time_ms.saturating_mul(20),
                ..self.limits.clone()
            },
            ..Settings::default()
        };
        let trusted = Trusted::open(&self.layout.objects_dir(), self.layout.hash)?;
        Ok(Judged { view, trusted, quarantine: None, settings })
    }
}

/// Returns the server's main branch: what its `HEAD` names, or the only likely one.
fn main_branch(git: &Git, remote: &Remote) -> Result<RefName> {
    if let Some(named) = git.config("refgate.trustRef")? {
        return RefName::parse(named.as_bytes()).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("refgate.trustRef {named:?} is no full ref name"))
        });
    }
    let head =
        git.ask(["symbolic-ref", "--quiet", &format!("refs/remotes/{}/HEAD", remote.name)])?;
    let prefix = format!("refs/remotes/{}/", remote.name);
    let branch = head.as_deref().and_then(|head| head.strip_prefix(&prefix)).map(str::to_owned);
    let branch = match branch {
        Some(branch) => branch,
        None => {
            let exists = |name: &str| {
                git.ask(["rev-parse", "--verify", "--quiet", &format!("{prefix}{name}")])
            };
            match (exists("main")?, exists("master")?) {
                (None, Some(_)) => "master".into(),
                (Some(_) | None, _) => "main".into(),
            }
        }
    };
    RefName::parse(format!("refs/heads/{branch}").as_bytes())
        .ok_or_else(|| Error::new(ErrorKind::Usage, format!("{branch:?} is no name of a branch")))
}

/// Returns the name of the repository from git's configuration, where its policy has none.
fn named_repository(git: &Git) -> Result<Option<Repository>> {
    let Some(name) = git.config("refgate.repository")? else { return Ok(None) };
    Repository::parse(&name).map(Some).ok_or_else(|| {
        Error::new(
            ErrorKind::Usage,
            format!("refgate.repository {name:?} is no name of a repository"),
        )
    })
}
