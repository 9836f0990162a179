//! Gate checklist: the release document is complete, and a release manager decided to release.

use crate::clock::Timestamp;
use crate::evidence::checklist::{Template, open_items};
use crate::policy::Policy;
use crate::policy::structure::{self, Role, Section};
use crate::principal::PrincipalId;
use crate::verdict::{Outcome, Rule};
use crate::violation::{ChecklistViolation, OpenItem, OpenItemKind, Person};

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
            Ok(template) => open_items(&template, document, checklist),
            Err(why) => {
                open(0, OpenItemKind::Unreadable(format!("its template cannot be used: {why}")))
            }
        },
    };
    if !open.is_empty() {
        outcome.violations.push(ChecklistViolation::Incomplete { path, open }.into());
    }
    outcome
}

#[cfg(test)]
mod tests;
