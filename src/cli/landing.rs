//! Makes the commits that land: a merge, one squashed commit, or the topic's commits one by one.
//!
//! Only objects are written: the user's work tree, index and branches stay as they are.

use std::collections::BTreeSet;

use super::prospect::store_computed;
use crate::client::approvals;
use crate::client::change::Change;
use crate::client::sign::Signer;
use crate::client::store::Store;
use crate::client::workspace::Workspace;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::approval::SignedStatement;
use crate::id::{CommitId, TreeId};
use crate::refname::RefName;
use crate::repo::commit::Commit;
use crate::repo::merge::{Merged, Merger};
use crate::repo::objects::Incoming;
use crate::report::text::Foreign;

/// How a topic lands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As a merge of branch and topic.
    Merge,
    /// As one commit.
    Squash,
    /// As its commits, one by one.
    Rebase,
}

/// A topic that is about to land.
pub(super) struct Topic<'a, 't> {
    pub(super) workspace: &'a Workspace,
    pub(super) incoming: &'a Incoming<'t>,
    pub(super) change: &'a Change,
    pub(super) approvals: &'a [SignedStatement],
    pub(super) onto: &'a RefName,
    /// The topic as the user named it.
    pub(super) named: &'a str,
    pub(super) message: Option<&'a str>,
}

impl Topic<'_, '_> {
    /// Makes what lands; returns its tip.
    ///
    /// # Errors
    /// A commit does not apply by itself, or objects cannot be read or written.
    pub(super) fn make(&self, way: Way) -> Result<CommitId> {
        if self.is_prepared()? {
            return Ok(self.change.head);
        }
        let signer = self.workspace.commit_signer()?;
        store_computed(self.workspace, self.incoming)?;
        let store = self.workspace.store()?;
        match way {
            Way::Merge => self.merge(&store, signer.as_ref()),
            Way::Squash => self.squash(&store, signer.as_ref()),
            Way::Rebase => self.rebase(&store, signer.as_ref()),
        }
    }

    /// Says whether the topic is a merge into the branch as it is: prepared before, and not to be merged again.
    fn is_prepared(&self) -> Result<bool> {
        let head = self.read(self.change.head)?;
        Ok(head.parents.len() > 1 && head.parents.first() == Some(&self.change.base))
    }

    /// Returns a message with the approvals as its last paragraph.
    fn with_approvals(&self, text: &str, co_authors: &BTreeSet<String>) -> String {
        let text = text.trim_end();
        let mut trailers: Vec<String> =
            co_authors.iter().map(|who| format!("Co-authored-by: {who}")).collect();
        let approvals = approvals::trailers(self.workspace, self.approvals);
        if !approvals.is_empty() {
            trailers.push(approvals);
        }
        if trailers.is_empty() {
            text.to_owned()
        } else {
            format!("{text}\n\n{}", trailers.join("\n"))
        }
    }

    fn merge(&self, store: &Store, signer: Option<&Signer>) -> Result<CommitId> {
        let name = if self.named == "HEAD" {
            let branch = self.workspace.git.branch()?;
            branch.map_or_else(|| self.change.head.short(), |branch| short(&branch))
        } else {
            self.named.to_owned()
        };
        let text = self
            .message
            .map_or_else(|| format!("Merge {name} into {}", short(self.onto)), str::to_owned);
        let parents = [self.change.base, self.change.head];
        let message = self.with_approvals(&text, &BTreeSet::new());
        store.commit(self.change.tree, &parents, &message, signer)
    }

    fn squash(&self, store: &Store, signer: Option<&Signer>) -> Result<CommitId> {
        let commits = self.commits()?;
        let Some(last) = commits.last() else { return Err(nothing(self.onto)) };
        let text = match (self.message, commits.as_slice()) {
            (Some(text), _) => text.to_owned(),
            (None, [only]) => without_approvals(&only.message),
            (None, commits) => {
                let subject =
                    |commit: &Commit| String::from_utf8_lossy(commit.subject()).into_owned();
                let subjects: Vec<String> =
                    commits.iter().map(|commit| format!("- {}", subject(commit))).collect();
                let title = commits.first().map_or_else(|| "Squash".into(), subject);
                format!("{title}\n\n{}", subjects.join("\n"))
            }
        };
        let named = commits.iter().flat_map(co_authors);
        let others = commits.iter().filter(|commit| commit.author.email != last.author.email);
        let co_authors: BTreeSet<String> = others.map(person).chain(named).collect();
        // Those that the text names already stand there.
        let co_authors =
            co_authors.into_iter().filter(|who| !text.contains(who.as_str())).collect();
        let message = self.with_approvals(&text, &co_authors);
        store.commit_by(&last.author, self.change.tree, &[self.change.base], &message, signer)
    }

    /// Replays the topic's commits one by one; the approvals of all of it go into the last.
    ///
    /// A topic that is on top of the branch stays as it is: so does what was attested of its commits.
    fn rebase(&self, store: &Store, signer: Option<&Signer>) -> Result<CommitId> {
        let commits = self.commits()?;
        let mut below = self.change.base;
        let is_on_top = commits.iter().all(|commit| {
            let fits = commit.parents == [below];
            below = commit.id;
            fits
        });
        if is_on_top {
            return Ok(self.change.head);
        }
        let deadline = self.workspace.deadline();
        let merger =
            Merger { incoming: self.incoming, limits: &self.workspace.limits, deadline: &deadline };
        let (mut tip, mut tree): (CommitId, TreeId) = (self.change.base, self.change.base_tree);
        for (at, commit) in commits.iter().enumerate() {
            let [parent] = commit.parents.as_slice() else {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("{} is a merge, which cannot be rebased", commit.id.short()),
                )
                .hint("land the topic as a merge, which is the default, or with --squash"));
            };
            let parent_tree = self.workspace.tree_of(*parent)?;
            match merger
                .trees(parent_tree, tree, commit.tree)
                .map_err(|error| error.on_the_trusted_side())?
            {
                Merged::Clean(merged) => tree = merged,
                Merged::Conflict(paths) => return Err(self.does_not_apply(commit, &paths)),
            }
            store_computed(self.workspace, self.incoming)?;
            let message = without_approvals(&commit.message);
            let message = if at + 1 == commits.len() {
                self.with_approvals(&message, &BTreeSet::new())
            } else {
                message
            };
            tip = store.commit_by(&commit.author, tree, &[tip], &message, signer)?;
        }
        if tree != self.change.tree {
            return Err(Error::new(
                ErrorKind::Usage,
                "replayed one by one, the commits come to something else than their merge, which was approved",
            )
            .hint("land the topic as a merge, which is the default, or with --squash"));
        }
        Ok(tip)
    }

    fn does_not_apply(&self, commit: &Commit, paths: &[Vec<u8>]) -> Error {
        let mut what = format!(
            "{} {} does not apply by itself; in conflict:",
            commit.id.short(),
            Foreign::from(commit.subject()).quoted(40)
        );
        for path in paths.iter().take(8) {
            what.push_str(&format!("\n{}", Foreign::from(path).quoted(68)));
        }
        Error::new(ErrorKind::Usage, what).hint(format!(
            "bring the topic up to date and solve the conflicts:\n    git rebase {}/{}",
            self.workspace.remote.name,
            short(self.onto)
        ))
    }

    fn read(&self, id: CommitId) -> Result<Commit> {
        Commit::read(self.incoming, id, &self.workspace.limits)
            .map_err(|error| error.on_the_trusted_side())
    }

    /// Returns the commits of the topic, oldest first.
    pub(super) fn commits(&self) -> Result<Vec<Commit>> {
        let range = format!("{}..{}", self.change.base, self.change.head);
        let listed = self.workspace.git.run(["rev-list", "--reverse", "--topo-order", &range])?;
        let ids = listed.lines().filter_map(|hex| CommitId::from_hex(hex.as_bytes()));
        let commits: Vec<Commit> = ids.map(|id| self.read(id)).collect::<Result<_>>()?;
        if commits.is_empty() { Err(nothing(self.onto)) } else { Ok(commits) }
    }
}

fn nothing(onto: &RefName) -> Error {
    Error::new(ErrorKind::Usage, format!("the topic has no commit that {onto} has not"))
        .hint("name the topic that shall land: refgate land TOPIC")
}

/// Returns a message without signed approvals: they were about another base, and new ones are added.
fn without_approvals(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let mut kept: Vec<&str> = Vec::new();
    let mut in_approval = false;
    for line in text.lines() {
        let is_approval = line
            .get(..crate::evidence::trailer::APPROVED_BY.len() + 1)
            .is_some_and(|key| key.eq_ignore_ascii_case("Approved-by:"));
        in_approval = is_approval || (in_approval && line.starts_with(' '));
        if !in_approval {
            kept.push(line);
        }
    }
    kept.join("\n").trim_end().to_owned()
}

fn co_authors(commit: &Commit) -> Vec<String> {
    let text = String::from_utf8_lossy(&commit.message).into_owned();
    let value = |line: &str| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case("Co-authored-by").then(|| value.trim().to_owned())
    };
    text.lines().filter_map(value).filter(|who| !who.is_empty()).collect()
}

fn person(commit: &Commit) -> String {
    let plain = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(['<', '>', '\n'], "");
    format!("{} <{}>", plain(&commit.author.name), plain(&commit.author.email))
}

pub(super) fn short(name: &RefName) -> String {
    String::from_utf8_lossy(name.short()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::without_approvals;

    #[test]
    fn approvals_are_taken_out_with_their_folded_lines() {
        let message = b"Title\n\nText\n  indented\n\nSigned-off-by: B\nApproved-by: A;\n x=1;\n sig=2\nOther: C\n";
        assert_eq!(
            without_approvals(message),
            "Title\n\nText\n  indented\n\nSigned-off-by: B\nOther: C"
        );
        assert_eq!(without_approvals(b"Title\n\nApproved-by: A\n"), "Title");
        assert_eq!(without_approvals(b"Title\n"), "Title");
    }
}
