//! Gate checklist: the release document is complete, and a release manager decided to release.

use crate::clock::Timestamp;
use crate::evidence::change::CommitLabel;
use crate::evidence::checklist::{Demands, Template, open_items, unlisted, unmet};
use crate::policy::Policy;
use crate::policy::config::{ListedExceptions, ReleaseCommits};
use crate::policy::structure::{self, Listing, Principal, Role, Section};
use crate::principal::PrincipalId;
use crate::verdict::{Outcome, Rule};
use crate::violation::{ChecklistViolation, OpenItem, OpenItemKind, Person, Relied, Violation};

/// Commits that a violation lists; the rest is counted.
const LISTED: usize = 200;

/// What the checklist gate looks at.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Where the release document has to be.
    pub path: String,
    /// The document in the tagged commit, if it is there.
    pub document: Option<Vec<u8>>,
    /// Why the document cannot be read, if so.
    pub unreadable: Option<String>,
    /// The template at the trust anchor, if it is there.
    pub template: Option<Vec<u8>>,
    /// Who signed the tag.
    pub signer: Signer,
    /// The gates that the tag needs beside this one, by name.
    pub gates: Vec<&'static str>,
    /// What came since the previous release.
    pub since: Since,
}

/// What a release brings.
#[derive(Clone, Debug, Default)]
pub struct Since {
    /// The release before, if there is one.
    pub previous: Option<String>,
    /// The exceptions that its commits relied upon.
    pub relied: Vec<Relied>,
    /// Its commits without evidence, where the policy asks for some.
    pub unjudged: Vec<CommitLabel>,
    /// The limit, if there are more commits than can be looked at.
    pub too_many: Option<usize>,
}

/// Who signed a release tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// Nobody.
    Unsigned,
    /// Somebody whose signature does not count; says why.
    Refused(String),
    /// A release manager.
    ReleaseManager(PrincipalId),
}

/// Judges a release.
#[must_use]
pub fn evaluate(policy: &Policy, facts: &Facts, now: Timestamp) -> Outcome {
    let checklist = &policy.config().checklist;
    let clause = format!(
        "checklist, {} complete and the tag signed by a release manager",
        checklist.document.as_str()
    );
    let heading = policy.structure().heading_line(Section::ReleaseManagers);
    let origins = std::iter::once(checklist.document.origin.to_string())
        .chain(heading.map(|line| format!("{}:{line}", structure::FILE)));
    let mut outcome = Outcome::of(Rule { clause, origins: origins.collect() });
    match &facts.signer {
        Signer::ReleaseManager(_) => {}
        Signer::Unsigned => outcome.violations.push(ChecklistViolation::TagUnsigned.into()),
        Signer::Refused(why) => {
            let could = policy.structure().holders(Role::ReleaseManager, now);
            let could =
                could.map(|p| Person { id: p.id().clone(), name: p.name().to_owned() }).collect();
            outcome
                .violations
                .push(ChecklistViolation::TagSigner { why: why.clone(), could }.into());
        }
    }
    outcome.violations.extend(since(policy, &facts.since));
    let path = facts.path.clone();
    let open = |line, what| vec![OpenItem { line, what }];
    let open = match (&facts.document, &facts.unreadable, &facts.template) {
        (_, Some(why), _) => open(0, OpenItemKind::Unreadable(why.clone())),
        (None, None, _) => {
            outcome.violations.push(ChecklistViolation::DocumentMissing { path }.into());
            return outcome;
        }
        (Some(_), None, None) => {
            let template = checklist.template.as_str();
            open(
                0,
                OpenItemKind::Unreadable(format!(
                    "its template {template} is not on the trusted side"
                )),
            )
        }
        (Some(document), None, Some(template)) => match Template::parse(template, checklist) {
            Ok(read) => {
                let mut open = open_items(&read, document, checklist);
                let is_listed = |who: &str| is_person(policy, who, now);
                let demands = Demands { is_listed: &is_listed, gates: &facts.gates };
                open.extend(unmet(template, document, checklist, &demands));
                open.sort_by_key(|item| item.line);
                open
            }
            Err(why) => {
                open(0, OpenItemKind::Unreadable(format!("its template cannot be used: {why}")))
            }
        },
    };
    let document = facts.document.as_deref().unwrap_or_default();
    outcome.violations.extend(unlisted_exceptions(policy, facts, document));
    if !open.is_empty() {
        outcome.violations.push(ChecklistViolation::Incomplete { path, open }.into());
    }
    outcome
}

/// Says whether a name or an email is that of a person who counts now; robots own nothing.
fn is_person(policy: &Policy, who: &str, now: Timestamp) -> bool {
    let structure = policy.structure();
    let counts = |principal: &Principal| {
        let is_active = |row: &Listing| {
            row.section.role() != Some(Role::Automation) && row.window.is_active(now)
        };
        principal.listings().iter().any(is_active)
    };
    let by_name = |principal: &&Principal| principal.name().eq_ignore_ascii_case(who);
    structure.by_email(who).is_some_and(counts)
        || structure.principals().filter(by_name).any(counts)
}

/// Returns what is wrong with the commits since the previous release.
fn since(policy: &Policy, since: &Since) -> Vec<Violation> {
    let previous = || since.previous.clone();
    let mut found: Vec<Violation> = Vec::new();
    if let Some(limit) = since.too_many {
        found.push(ChecklistViolation::TooManyCommits { since: previous(), limit }.into());
    }
    let asks = *policy.config().checklist.commits == ReleaseCommits::Evidence;
    if asks && !since.unjudged.is_empty() {
        let commits = since.unjudged.iter().take(LISTED).cloned().collect();
        let count = since.unjudged.len() as u64;
        found
            .push(ChecklistViolation::CommitsUnjudged { since: previous(), count, commits }.into());
    }
    found
}

/// Returns the exceptions that the document does not list, as a violation.
fn unlisted_exceptions(policy: &Policy, facts: &Facts, document: &[u8]) -> Option<Violation> {
    if *policy.config().checklist.exceptions == ListedExceptions::Optional {
        return None;
    }
    let relied = &facts.since.relied;
    let missing = unlisted(document, relied.iter().map(|relied| relied.id.as_str()));
    let exceptions: Vec<Relied> =
        relied.iter().filter(|relied| missing.contains(relied.id.as_str())).cloned().collect();
    let since = facts.since.previous.clone();
    let path = facts.path.clone();
    (!exceptions.is_empty())
        .then(|| ChecklistViolation::ExceptionUnlisted { path, since, exceptions }.into())
}

#[cfg(test)]
mod tests;
