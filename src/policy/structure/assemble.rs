//! Rows put together: one principal each, whose addresses and keys are nobody else's.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::problems::Problems;
use crate::policy::text::quoted;
use crate::principal::PrincipalId;
use crate::signature::key::{KeyRef, SigstoreIdentity, ssh_fingerprint};

use super::markdown::Body;
use super::rows::{self, DomainRow, PrincipalRow};
use super::{Domain, ListedKey, Listing, Principal, Section, SectionNames, Status, Structure};

/// A key by what it is, however it was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum KeyIdentity {
    Ssh([u8; 32]),
    OpenPgp(Vec<u8>),
    Sigstore(SigstoreIdentity),
}

impl KeyIdentity {
    fn of(key: &KeyRef) -> Self {
        match key {
            KeyRef::SshFingerprint(digest) => Self::Ssh(*digest),
            KeyRef::SshPublicKey(blob) => Self::Ssh(ssh_fingerprint(blob)),
            KeyRef::OpenPgp(fingerprint) => Self::OpenPgp(fingerprint.clone()),
            KeyRef::Sigstore(identity) => Self::Sigstore(identity.clone()),
        }
    }
}

/// Puts all rows together; what contradicts itself is reported.
pub(super) fn assemble(
    sections: &BTreeMap<Section, Body>,
    names: &SectionNames,
    problems: &mut Problems,
) -> Structure {
    let mut assembly = Assembly {
        principals: BTreeMap::new(),
        aliases: BTreeMap::new(),
        key_owners: BTreeMap::new(),
        problems,
    };
    let mut domain_rows = Vec::new();
    let mut rows = Vec::new();
    for (section, body) in sections {
        match section {
            Section::DomainReviewers => domain_rows = rows::domains(body, assembly.problems),
            Section::People
            | Section::Maintainers
            | Section::SecurityEngineering
            | Section::ReleaseManagers
            | Section::Automation => {
                let read = rows::principals(*section, body, assembly.problems);
                rows.extend(read.into_iter().map(|row| (*section, row)));
            }
        }
    }
    rows.sort_by_key(|(_, row)| row.line);
    for (section, row) in &rows {
        assembly.add(*section, row, names);
    }
    for (_, row) in &rows {
        assembly.add_aliases(row);
    }
    assembly.spread_compromise();
    let domains = assembly.domains(domain_rows);
    Structure {
        principals: assembly.principals,
        aliases: assembly.aliases.into_iter().map(|(alias, (owner, _))| (alias, owner)).collect(),
        domains,
        headings: sections.iter().map(|(section, body)| (*section, body.heading_line)).collect(),
        names: names.clone(),
    }
}

struct Assembly<'p> {
    principals: BTreeMap<PrincipalId, Principal>,
    /// Every other address, with its owner and the line that says so.
    aliases: BTreeMap<PrincipalId, (PrincipalId, usize)>,
    key_owners: BTreeMap<KeyIdentity, (PrincipalId, usize)>,
    problems: &'p mut Problems,
}

impl Assembly<'_> {
    /// Adds what a row says to its principal.
    fn add(&mut self, section: Section, row: &PrincipalRow, names: &SectionNames) {
        let principal = self.principals.entry(row.id.clone()).or_insert_with(|| Principal {
            id: row.id.clone(),
            name: Some(row.name.clone()),
            aliases: BTreeMap::new(),
            keys: Vec::new(),
            listings: Vec::new(),
        });
        if let Some(other) = principal.listings.iter().find(|other| other.section == section) {
            let heading = quoted(names.heading(section));
            let message =
                format!("{} stands in {heading} twice, first in line {}", row.id, other.line);
            let help = "keep one row, with all keys and addresses in it";
            self.problems.add_with_help(row.line, message, help);
            return;
        }
        if principal.name() != row.name
            && let Some(first) = principal.listings.first()
        {
            let message = format!(
                "{} is called {} here and {} in line {}",
                row.id,
                quoted(&row.name),
                quoted(principal.name()),
                first.line
            );
            self.problems.add_with_help(row.line, message, "write the same name in every section");
        }
        principal.listings.push(Listing {
            section,
            window: row.window,
            attests: row.attests.clone(),
            summaries: row.summaries,
            line: row.line,
        });
        let mut in_row = BTreeSet::new();
        for key in &row.keys {
            let identity = KeyIdentity::of(key);
            if matches!(key, KeyRef::Sigstore(_)) && section != Section::Automation {
                let message = format!("{key} makes no signatures but those of evidence");
                let heading = quoted(names.heading(Section::Automation));
                let help = format!("list it in {heading}, and here a key that a person holds");
                self.problems.add_with_help(row.line, message, help);
                continue;
            }
            match self.key_owners.get(&identity) {
                Some((owner, line)) if *owner != row.id => {
                    let message = format!(
                        "the key {key} of {} is also that of {owner} in line {line}",
                        row.id
                    );
                    let help = "a key speaks for one principal: give each a key of their own";
                    self.problems.add_with_help(row.line, message, help);
                    continue;
                }
                Some(_) => {}
                None => {
                    self.key_owners.insert(identity.clone(), (row.id.clone(), row.line));
                }
            }
            if in_row.insert(identity) {
                let window = row.window;
                principal.keys.push(ListedKey { key: key.clone(), window, line: row.line });
            }
        }
    }

    /// Adds the other addresses of a row, after the canonical ones of all rows are known.
    fn add_aliases(&mut self, row: &PrincipalRow) {
        for alias in &row.aliases {
            let other = match self.aliases.get(alias) {
                Some((owner, line)) if *owner != row.id => Some((owner.clone(), *line)),
                Some(_) => None,
                None => self.principals.get(alias).map(|other| {
                    (other.id.clone(), other.listings.first().map_or(0, |first| first.line))
                }),
            };
            if let Some((owner, line)) = other {
                let message = if owner == *alias {
                    format!("{alias} is a principal of its own in line {line}")
                } else {
                    format!("{alias} is also an address of {owner} in line {line}")
                };
                let help =
                    "an address belongs to one principal, whose rows all begin with the same";
                self.problems.add_with_help(row.line, message, help);
                continue;
            }
            self.aliases.entry(alias.clone()).or_insert_with(|| (row.id.clone(), row.line));
            if let Some(principal) = self.principals.get_mut(&row.id) {
                principal.aliases.entry(alias.clone()).or_insert(row.line);
            }
        }
    }

    /// Marks every listing of a key that one row calls compromised.
    fn spread_compromise(&mut self) {
        for principal in self.principals.values_mut() {
            let compromised: BTreeSet<_> = principal
                .keys
                .iter()
                .filter(|key| key.window.status == Status::Compromised)
                .map(|key| KeyIdentity::of(&key.key))
                .collect();
            for key in &mut principal.keys {
                if compromised.contains(&KeyIdentity::of(&key.key)) {
                    key.window.status = Status::Compromised;
                }
            }
        }
    }

    /// Reads the domains; reviewers who stand in no other section become principals without a row.
    fn domains(&mut self, rows: Vec<DomainRow>) -> Vec<Domain> {
        let mut lines = BTreeMap::new();
        let mut domains = Vec::new();
        for row in rows {
            if let Some(first) = lines.insert(row.name.to_lowercase(), row.line) {
                let message =
                    format!("the domain {} stands in line {first} already", quoted(&row.name));
                let help = "put all paths and reviewers of a domain into one row";
                self.problems.add_with_help(row.line, message, help);
                continue;
            }
            let mut reviewers = BTreeSet::new();
            for reviewer in row.reviewers {
                let owner = self.aliases.get(&reviewer).map(|(owner, _)| owner.clone());
                let id = owner.unwrap_or(reviewer);
                self.principals.entry(id.clone()).or_insert_with(|| Principal {
                    id: id.clone(),
                    name: None,
                    aliases: BTreeMap::new(),
                    keys: Vec::new(),
                    listings: Vec::new(),
                });
                if !reviewers.insert(id.clone()) {
                    let message = format!("{id} stands here under two addresses");
                    self.problems.add_with_help(row.line, message, "keep one of them");
                }
            }
            domains.push(Domain {
                name: row.name,
                patterns: row.patterns,
                reviewers,
                window: row.window,
                line: row.line,
            });
        }
        domains
    }
}
