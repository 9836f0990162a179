//! `meta/STRUCTURE.md`: the people and robots of a repository, with keys, roles and domains.
//!
//! Bytes of a Markdown file come in, a [`Structure`] or every problem of the
//! file goes out. The file decides whom refgate believes, so it is read as
//! strictly as it is looked at loosely: a row counts only where a reader of the
//! rendered page sees one, and what looks like a row but cannot be read is a
//! problem and never skipped.

mod assemble;
mod cells;
mod columns;
mod html;
mod markdown;
mod rows;
mod sections;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::error::Diagnostic;
use crate::evidence::kind::Kind;
use crate::limits::Limits;
use crate::principal::PrincipalId;
use crate::signature::key::KeyRef;

use super::paths::PathPattern;
use super::problems::Problems;
use super::text;

pub use sections::{Section, SectionNames};

/// The path of the file in the tree of the trust anchor.
pub const FILE: &str = "meta/STRUCTURE.md";

/// What a principal may do because of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May give the maintainer's approval and approve changes of trusted files.
    Maintainer,
    /// May give the approval for the domains that name them.
    DomainReviewer,
    /// May approve exceptions.
    SecurityEngineer,
    /// May sign release tags.
    ReleaseManager,
    /// May sign evidence of the kinds that the row lists.
    Automation,
}

/// What the Status column says; an empty cell is `active`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// The row counts.
    #[default]
    Active,
    /// The row counts no longer, nor do keys by virtue of it.
    Retired,
    /// As retired, and the keys of the row count nowhere.
    Compromised,
}

/// When a row counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The first moment: 00:00 UTC of the day in From.
    pub from: Option<Timestamp>,
    /// The first moment after it: 00:00 UTC of the day after the one in Until.
    pub until: Option<Timestamp>,
    /// What the row says of itself.
    pub status: Status,
}

/// How a [`Window`] stands to a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// The row counts.
    Active,
    /// From lies ahead.
    NotYet,
    /// Until has passed.
    Expired,
    /// The status is `retired`.
    Retired,
    /// The status is `compromised`, here or in another row with the same key.
    Compromised,
}

/// A key of a principal, by virtue of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// The key as it was written.
    pub key: KeyRef,
    /// When it counts; a key that any row calls compromised is so in each.
    pub window: Window,
    /// The line of the row.
    pub line: usize,
}

/// What the Attests column says of a server that signs verification summaries.
pub const SUMMARIES: &str = "summaries";

/// A row that names a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The section of the row.
    pub section: Section,
    /// When the row counts.
    pub window: Window,
    /// The kinds of evidence that the keys may speak for; empty but for Automation.
    pub attests: BTreeSet<Kind>,
    /// Whether the keys may sign verification summaries.
    pub summaries: bool,
    /// The line of the row.
    pub line: usize,
}

/// A person or a robot, as all rows together describe them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    id: PrincipalId,
    name: Option<String>,
    aliases: BTreeMap<PrincipalId, usize>,
    keys: Vec<ListedKey>,
    listings: Vec<Listing>,
}

/// A part of the tree, with those who may approve changes of it.
///
/// The window says when the reviewers count. A domain keeps its paths while its row stands
/// there: what needed its reviewer yesterday must not pass without one
/// because a date has gone by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// The name, which no other domain has.
    pub name: String,
    /// Which files belong to it.
    pub patterns: Vec<PathPattern>,
    /// Who may approve, by canonical id.
    pub reviewers: BTreeSet<PrincipalId>,
    /// When the row counts.
    pub window: Window,
    /// The line of the row.
    pub line: usize,
}

/// One row and what it amounts to, for people to compare with the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained<'a> {
    /// The line of the row.
    pub line: usize,
    /// The section of the row.
    pub section: Section,
    /// Who is meant; for a domain, its reviewers.
    pub principals: Vec<&'a Principal>,
    /// Whether the row counts at the time asked for.
    pub standing: Standing,
    /// The keys of the row and whether they count.
    pub keys: Vec<(&'a KeyRef, Standing)>,
    /// The kinds of evidence that an Automation row may speak for.
    pub attests: Vec<&'a Kind>,
    /// Whether an Automation row may sign verification summaries.
    pub summaries: bool,
    /// The domain of a Domain reviewers row.
    pub domain: Option<&'a Domain>,
}

/// Everything that `meta/STRUCTURE.md` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    principals: BTreeMap<PrincipalId, Principal>,
    /// Every other address of a principal.
    aliases: BTreeMap<PrincipalId, PrincipalId>,
    domains: Vec<Domain>,
    /// The line of each section's heading.
    headings: BTreeMap<Section, usize>,
    names: SectionNames,
}

impl Structure {
    /// Reads the file.
    ///
    /// # Errors
    /// Every problem of the file, by line.
    pub fn parse(
        bytes: &[u8],
        names: &SectionNames,
        limits: &Limits,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Problems::new(FILE);
        let structure = text::checked(bytes, limits, &mut problems)
            .and_then(|text| markdown::read(text, names, &mut problems))
            .map(|page| assemble::assemble(&page, names, &mut problems));
        match structure {
            Some(structure) if problems.is_empty() => Ok(structure),
            Some(_) | None => Err(problems.into_sorted()),
        }
    }

    /// Returns the principal of this canonical id.
    #[must_use]
    pub fn principal(&self, id: &PrincipalId) -> Option<&Principal> {
        self.principals.get(id)
    }

    /// Returns the principal whom an address belongs to, their other addresses included.
    #[must_use]
    pub fn by_email(&self, email: &str) -> Option<&Principal> {
        let id = PrincipalId::parse(email)?;
        self.principal(self.aliases.get(&id).unwrap_or(&id))
    }

    /// Returns every principal, by id.
    pub fn principals(&self) -> impl Iterator<Item = &Principal> {
        self.principals.values()
    }

    /// Returns the domains, in the order of their rows.
    #[must_use]
    pub fn domains(&self) -> &[Domain] {
        &self.domains
    }

    /// Returns who holds a role at a moment, by id.
    pub fn holders(&self, role: Role, at: Timestamp) -> impl Iterator<Item = &Principal> {
        self.principals().filter(move |principal| match role {
            Role::DomainReviewer => self.domains.iter().any(|domain| {
                domain.window.is_active(at) && domain.reviewers.contains(&principal.id)
            }),
            Role::Maintainer | Role::SecurityEngineer | Role::ReleaseManager | Role::Automation => {
                principal.grants(role).any(|row| row.window.is_active(at))
            }
        })
    }

    /// Returns who may sign evidence of a kind at a moment, by id.
    pub fn attesters(&self, kind: &Kind, at: Timestamp) -> impl Iterator<Item = &Principal> {
        self.principals().filter(move |principal| principal.may_attest(kind, at))
    }

    /// Returns the line of a section's heading, if the file has the section.
    #[must_use]
    pub fn heading_line(&self, section: Section) -> Option<usize> {
        self.headings.get(&section).copied()
    }

    /// Returns the heading under which a section is looked for.
    #[must_use]
    pub fn heading(&self, section: Section) -> &str {
        self.names.heading(section)
    }

    /// Returns every row by line, with what it amounts to at a moment.
    #[must_use]
    pub fn explain(&self, at: Timestamp) -> Vec<Explained<'_>> {
        let mut rows: Vec<Explained<'_>> = Vec::new();
        for principal in self.principals() {
            for listing in &principal.listings {
                let keys = principal.keys.iter().filter(|key| key.line == listing.line);
                rows.push(Explained {
                    line: listing.line,
                    section: listing.section,
                    principals: vec![principal],
                    standing: listing.window.standing(at),
                    keys: keys.map(|key| (&key.key, key.window.standing(at))).collect(),
                    attests: listing.attests.iter().collect(),
                    summaries: listing.summaries,
                    domain: None,
                });
            }
        }
        for domain in &self.domains {
            rows.push(Explained {
                line: domain.line,
                section: Section::DomainReviewers,
                principals: domain.reviewers.iter().filter_map(|id| self.principal(id)).collect(),
                standing: domain.window.standing(at),
                keys: Vec::new(),
                attests: Vec::new(),
                summaries: false,
                domain: Some(domain),
            });
        }
        rows.sort_by_key(|row| row.line);
        rows
    }
}

/// Returns every domain that a path belongs to, in the order of their rows.
///
/// All of them: domains add up, and a change needs a reviewer of each.
pub fn touched_domains<'a>(
    domains: &'a [Domain],
    path: &'a [u8],
) -> impl Iterator<Item = &'a Domain> {
    domains.iter().filter(|domain| domain.owns(path))
}

impl Principal {
    /// Returns the canonical id.
    #[must_use]
    pub fn id(&self) -> &PrincipalId {
        &self.id
    }

    /// Returns the name, or the id of somebody whom only a Reviewers cell names.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }

    /// Returns the other addresses.
    pub fn aliases(&self) -> impl Iterator<Item = &PrincipalId> {
        self.aliases.keys()
    }

    /// Returns the keys of all rows; one that two rows list is there twice, each with its window.
    #[must_use]
    pub fn keys(&self) -> &[ListedKey] {
        &self.keys
    }

    /// Returns the rows that name the principal, by line; those of domains excepted.
    #[must_use]
    pub fn listings(&self) -> &[Listing] {
        &self.listings
    }

    /// Returns the rows that give a role; none for domain reviewers, whose rows are the domains'.
    pub fn grants(&self, role: Role) -> impl Iterator<Item = &Listing> {
        self.listings.iter().filter(move |row| row.section.role() == Some(role))
    }

    /// Returns whether the principal may sign evidence of a kind at a moment.
    #[must_use]
    pub fn may_attest(&self, kind: &Kind, at: Timestamp) -> bool {
        self.grants(Role::Automation)
            .any(|row| row.window.is_active(at) && row.attests.contains(kind))
    }

    /// Returns whether the principal may sign verification summaries at a moment.
    #[must_use]
    pub fn may_summarise(&self, at: Timestamp) -> bool {
        self.grants(Role::Automation).any(|row| row.window.is_active(at) && row.summaries)
    }

    /// Returns whether a listed key counts at a moment.
    #[must_use]
    pub fn has_key(&self, at: Timestamp) -> bool {
        self.keys.iter().any(|key| key.window.is_active(at))
    }
}

impl Domain {
    /// Returns whether a path belongs to the domain.
    #[must_use]
    pub fn owns(&self, path: &[u8]) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(path))
    }
}

impl Window {
    /// Returns whether the row counts at a moment.
    #[must_use]
    pub fn is_active(&self, at: Timestamp) -> bool {
        self.standing(at) == Standing::Active
    }

    /// Returns whether the row counts at a moment, and if not, why.
    #[must_use]
    pub fn standing(&self, at: Timestamp) -> Standing {
        match self.status {
            Status::Compromised => Standing::Compromised,
            Status::Retired => Standing::Retired,
            Status::Active if self.from.is_some_and(|from| at < from) => Standing::NotYet,
            Status::Active if self.until.is_some_and(|until| at >= until) => Standing::Expired,
            Status::Active => Standing::Active,
        }
    }
}

#[cfg(test)]
mod tests;
