//! A clone as auditors read it: what the server's refs held, and by which rules.

use std::path::Path;

use crate::client::remote::Remote;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{CommitId, ObjectId, TagId};
use crate::limits::Limits;
use crate::policy::gates::Gate;
use crate::refname::RefName;
use crate::repo::ReadError;
use crate::repo::commit::Commit;
use crate::repo::fault::ObjectKind;
use crate::repo::layout::Layout;
use crate::repo::objects::{Objects as _, Trusted};
use crate::repo::refs::{Refs, Target};
use crate::repo::tag::Tag;
use crate::repo::view::View;
use crate::snapshot::{Ask, Rules, Snapshot};
use crate::summary::verify::{self, Verified};

use super::sample::{NO_PORTFOLIO, Release, TimeFrom};

/// The remote whose refs a clone with a work tree keeps.
const REMOTE: &str = "origin";

/// How much longer than a hook an audit may take for one judgement.
const PATIENCE: u64 = 60;

/// A clone, or the repository itself.
pub struct Clone {
    /// Its objects.
    pub objects: Trusted,
    /// The refs of the server.
    pub view: View,
    /// The ref that the policy is read from.
    pub trust_ref: RefName,
    /// What it holds.
    pub anchor: CommitId,
    /// Policy, people and keys of today.
    pub snapshot: Snapshot,
    /// Bounds.
    pub limits: Limits,
    /// The time of the audit.
    pub now: Timestamp,
}

impl Clone {
    /// Opens a clone: a mirror (`git clone --mirror`), or one with a work tree and a remote called origin.
    ///
    /// # Errors
    /// There is no repository, or its policy cannot be read.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self> {
        let inner = path.join(".git");
        let git_dir = if inner.is_dir() { inner } else { path.to_owned() };
        if !git_dir.join("HEAD").is_file() {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("there is no repository at {}", path.display()),
            )
            .hint(format!("git clone --mirror URL {}", path.display())));
        }
        let layout = Layout::open(&git_dir)?;
        let view = view(&layout)?;
        let objects = Trusted::open(&layout.objects_dir(), layout.hash)?;
        let mut limits = Limits::default();
        limits.time_ms = limits.time_ms.saturating_mul(PATIENCE);
        let trust_ref = view.trust_ref(None)?;
        let anchor = view.resolve(&trust_ref)?.value.map(CommitId).ok_or_else(|| {
            Error::new(
                ErrorKind::Policy,
                format!("{trust_ref} does not exist, so there is no policy"),
            )
        })?;
        let ask = Ask { trust_ref: &trust_ref, repository: None, limits: &limits, now };
        let snapshot = Rules::read(&objects, anchor, &ask)?.complete(&objects, &ask)?;
        Ok(Self { objects, view, trust_ref, anchor, snapshot, limits, now })
    }

    /// Returns the repository's name.
    #[must_use]
    pub fn repository(&self) -> &str {
        self.snapshot.policy.config().repository.as_str()
    }

    /// Returns the portfolio.
    #[must_use]
    pub fn portfolio(&self) -> &str {
        let portfolio = self.snapshot.policy.config().portfolio.as_ref();
        portfolio.map_or(NO_PORTFOLIO, |portfolio| portfolio.as_str())
    }

    /// Returns the release tags: those that the policy protects with the checklist.
    ///
    /// # Errors
    /// The refs cannot be read.
    pub fn tags(&self) -> Result<Vec<(RefName, ObjectId)>> {
        let mut tags = self.view.with_prefix(b"refs/tags/")?;
        tags.retain(|(name, _)| {
            let gates = self.snapshot.policy.gates_for(name.as_bytes());
            gates.is_some_and(|gates| gates.contains(Gate::Checklist))
        });
        Ok(tags)
    }

    /// Returns the commit of a tag, and the date that the tag or commit claims.
    ///
    /// # Errors
    /// The objects cannot be read, or it is a tag of something else.
    pub fn tagged(&self, object: ObjectId) -> Result<(CommitId, Timestamp)> {
        let fault = ReadError::on_the_trusted_side;
        let (commit, seconds) = match self.objects.header(&object)? {
            Some((ObjectKind::Tag, _)) => {
                let tag = Tag::read(&self.objects, TagId(object), &self.limits).map_err(fault)?;
                (CommitId(tag.target), tag.tagger.seconds)
            }
            _ => (CommitId(object), self.commit(CommitId(object))?.committer.seconds),
        };
        Ok((commit, timestamp(seconds)))
    }

    /// Reads a commit.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn commit(&self, id: CommitId) -> Result<Commit> {
        Commit::read(&self.objects, id, &self.limits).map_err(ReadError::on_the_trusted_side)
    }

    /// Returns the good summary of a commit that speaks of a ref, if there is one, and whether there
    /// are lines that count for nothing.
    ///
    /// # Errors
    /// The notes cannot be read.
    pub fn summary(&self, commit: CommitId, name: &RefName) -> Result<(Option<Verified>, bool)> {
        let Some(notes) = RefName::parse(crate::summary::NOTES.as_bytes()) else {
            return Ok((None, false));
        };
        let Some(tip) = self.view.resolve(&notes)?.value.map(CommitId) else {
            return Ok((None, false));
        };
        let when = (&self.limits, self.now);
        let lines = verify::of_commit(&self.objects, tip, commit, &self.snapshot, when)?;
        let bad = lines.iter().any(Result::is_err);
        let name = name.to_string();
        let good =
            lines.into_iter().flatten().find(|line| line.summary.source_refs.contains(&name));
        Ok((good, bad))
    }

    /// Returns a release with its time.
    ///
    /// # Errors
    /// The tag cannot be read.
    pub fn release(&self, path: &str, tag: &RefName, object: ObjectId) -> Result<Release> {
        let (commit, claimed) = self.tagged(object)?;
        let summarised = self.summary(commit, tag)?.0.and_then(|verified| verified.summary.time);
        Ok(Release {
            portfolio: self.portfolio().to_owned(),
            repository: self.repository().to_owned(),
            path: path.to_owned(),
            tag: tag.to_string(),
            object: object.to_hex().to_string(),
            time: summarised.unwrap_or(claimed),
            time_from: if summarised.is_some() { TimeFrom::Summary } else { TimeFrom::Claim },
            rank: String::new(),
            drawn: false,
        })
    }
}

/// Returns a date that an object claims; what no calendar holds counts as 1970.
#[must_use]
pub fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Returns the refs of the server as a clone has them.
fn view(layout: &Layout) -> Result<View> {
    let refs = Refs::new(layout);
    let prefix = format!("refs/remotes/{REMOTE}/");
    if refs.with_prefix(prefix.as_bytes())?.is_empty() {
        return Ok(View::Server(refs));
    }
    let remote = Remote { name: REMOTE.into() };
    let head = RefName::parse(format!("{prefix}HEAD").as_bytes());
    let head = match head.map(|head| refs.read(&head)).transpose()?.flatten() {
        Some(Target::Symbolic(name)) => {
            let branch = name.as_bytes().strip_prefix(prefix.as_bytes());
            branch.and_then(|branch| RefName::parse(&[b"refs/heads/", branch].concat()))
        }
        Some(Target::Object(_)) | None => refs.head()?,
    };
    let tracking = move |name: &RefName| remote.tracking(name);
    Ok(View::Clone { refs, tracking: Box::new(tracking), head })
}
