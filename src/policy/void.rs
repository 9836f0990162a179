//! Whether anybody could ever pass the gates: what makes a policy void.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::error::Diagnostic;
use crate::evidence::kind::Kind;
use crate::principal::PrincipalId;

use super::config::{self, Config, Origin};
use super::gates::Gate;
use super::structure::{self, Principal, Role, Section, Standing, Structure};
use super::text::quoted;

/// The most principals that a message names.
const NAMED: usize = 5;

/// What is wrong between the rules and the people.
#[derive(Default)]
pub(super) struct Findings {
    /// What makes the policy void.
    pub(super) errors: Vec<Diagnostic>,
    /// What only stands in the way of some changes.
    pub(super) warnings: Vec<Diagnostic>,
}

/// Finds everything that is wrong between the rules and the people.
pub(super) fn check(
    config: &Config,
    structure: &Structure,
    signers: &BTreeSet<PrincipalId>,
    now: Timestamp,
) -> Findings {
    let mut check = Check { config, structure, signers, now, found: Findings::default() };
    let gates = config.gates_in_use();
    check.maintainers(gates.contains(Gate::Review));
    if gates.contains(Gate::Review) {
        check.approvers();
        check.robots();
    }
    check.domains(gates.contains(Gate::Review));
    check.automation(gates.contains(Gate::Scan), gates.contains(Gate::Tests));
    if gates.contains(Gate::Checklist) {
        check.release_managers();
    }
    check.found
}

struct Check<'a> {
    config: &'a Config,
    structure: &'a Structure,
    signers: &'a BTreeSet<PrincipalId>,
    now: Timestamp,
    found: Findings,
}

impl<'a> Check<'a> {
    /// Checks that as many maintainers as any rule asks for could approve.
    ///
    /// The trust threshold counts whatever the gates are: without it nobody could change
    /// the policy any more.
    fn maintainers(&mut self, review: bool) {
        let trust = &self.config.trust_threshold;
        let mut needed = (**trust, "to change trusted files", trust.origin);
        let maintainers = &self.config.review.maintainers;
        if review && **maintainers > needed.0 {
            needed = (**maintainers, "to approve a change", maintainers.origin);
        }
        let able = self.able(Role::Maintainer).len();
        let (count, purpose, origin) = needed;
        if able < usize::try_from(count).unwrap_or(usize::MAX) {
            let message = format!(
                "{} with a key that counts, {count} are needed {purpose} ({origin})",
                people(able, "maintainer")
            );
            self.section_error(Section::Maintainers, Role::Maintainer, message);
        }
    }

    /// Checks that enough people could approve, whatever they approve as.
    fn approvers(&mut self) {
        let approvals = &self.config.review.approvals;
        let mut able: BTreeSet<_> = self.able(Role::Maintainer).into_iter().collect();
        able.extend(self.able(Role::DomainReviewer));
        if able.len() < usize::try_from(**approvals).unwrap_or(usize::MAX) {
            let message = format!(
                "{} with a key that counts in {} and {} together, {} approvals are needed ({})",
                people(able.len(), "principal"),
                self.heading(Section::Maintainers),
                self.heading(Section::DomainReviewers),
                **approvals,
                approvals.origin
            );
            self.section_error(Section::Maintainers, Role::Maintainer, message);
        }
    }

    /// Checks that no committer who counts as a robot is a person.
    fn robots(&mut self) {
        let robots = &self.config.review.robots;
        for robot in robots.iter() {
            let Some(principal) = self.structure.by_email(robot.as_str()) else { continue };
            let listed = principal.listings().iter().map(|row| row.section);
            let person = principal.listings().is_empty()
                || listed.into_iter().any(|section| section != Section::Automation);
            if person {
                let message = format!(
                    "review.robots: {robot} is an address of {}, a person",
                    quoted(principal.name())
                );
                let help = "list only the addresses under which a forge commits";
                let line = robots.origin.line();
                self.found.errors.push(Diagnostic::new(config::FILE, line, message).help(help));
            }
        }
    }

    /// Checks that the reviewers of each domain can sign, and are as many as are asked for.
    fn domains(&mut self, review: bool) {
        let needed = &self.config.review.domain_reviewers;
        for domain in self.structure.domains() {
            let name = quoted(&domain.name);
            for id in &domain.reviewers {
                let listed = self.structure.principal(id).is_some_and(|p| !p.keys().is_empty());
                if !listed && !self.signers.contains(id) {
                    let message = format!("{id}, a reviewer of {name}, has no key");
                    let help = format!(
                        "list them with their keys under {}, or in meta/allowed_signers",
                        self.heading(Section::People)
                    );
                    self.error(structure::FILE, domain.line, message, help);
                }
            }
            let count = usize::try_from(**needed).unwrap_or(usize::MAX);
            if review && domain.reviewers.len() < count {
                let message = format!(
                    "{} of {name}, {count} are needed ({})",
                    people(domain.reviewers.len(), "reviewer"),
                    needed.origin
                );
                self.error(structure::FILE, domain.line, message, "add reviewers to the row");
            } else if review {
                let reviewers =
                    domain.reviewers.iter().filter_map(|id| self.structure.principal(id));
                let able = reviewers.filter(|principal| self.can_sign(principal)).count();
                let able = if domain.window.is_active(self.now) { able } else { 0 };
                if able < count {
                    let message = format!(
                        "{} of {name} with a key that counts, {count} are needed ({})",
                        people(able, "reviewer"),
                        needed.origin
                    );
                    let help = "until this is mended, no change of the domain's paths can land";
                    let warning = Diagnostic::new(structure::FILE, domain.line, message).help(help);
                    self.found.warnings.push(warning);
                }
            }
        }
    }

    /// Checks that somebody may speak for each kind of evidence that is asked for.
    fn automation(&mut self, scan: bool, tests: bool) {
        let (require, suites) = (&self.config.scan.require, &self.config.tests.suites);
        let mut needed: BTreeMap<Kind, Origin> = BTreeMap::new();
        if scan {
            needed.extend(require.iter().map(|kind| (kind.clone(), require.origin)));
        }
        if tests {
            let kinds = suites.iter().cloned().map(Kind::Tests);
            needed.extend(kinds.map(|kind| (kind, suites.origin)));
        }
        for (kind, origin) in needed {
            let attesters = self.structure.attesters(&kind, self.now);
            let able = attesters.filter(|principal| self.can_sign(principal)).count();
            let signers = self.config.signers(&kind);
            if (1..usize::try_from(**signers).unwrap_or(usize::MAX)).contains(&able) {
                let message = format!(
                    "{} with a key that counts may attest {kind}, {} must sign it ({})",
                    people(able, "principal"),
                    **signers,
                    signers.origin
                );
                self.section_error(Section::Automation, Role::Automation, message);
            }
            if able == 0 {
                let message = format!(
                    "nobody with a key that counts may attest {kind}, which is needed ({origin})"
                );
                self.section_error(Section::Automation, Role::Automation, message);
            }
        }
    }

    /// Checks that somebody could sign a release.
    fn release_managers(&mut self) {
        if self.able(Role::ReleaseManager).is_empty() {
            let message = "nobody with a key that counts could sign a release".into();
            self.section_error(Section::ReleaseManagers, Role::ReleaseManager, message);
        }
    }

    /// Returns who holds a role now and has a key that counts now.
    fn able(&self, role: Role) -> Vec<&'a PrincipalId> {
        let holders = self.structure.holders(role, self.now);
        holders.filter(|principal| self.can_sign(principal)).map(Principal::id).collect()
    }

    fn can_sign(&self, principal: &Principal) -> bool {
        principal.has_key(self.now) || self.signers.contains(principal.id())
    }

    fn heading(&self, section: Section) -> String {
        quoted(self.structure.heading(section))
    }

    /// Adds an error about a section, saying why those who stand in it do not count.
    fn section_error(&mut self, section: Section, role: Role, mut message: String) {
        let Some(line) = self.structure.heading_line(section) else {
            let help = format!("add the section {} with a table", self.heading(section));
            let missing = format!("{message}; there is no section {}", self.heading(section));
            self.error(structure::FILE, 0, missing, help);
            return;
        };
        let idle = self.idle(role);
        if !idle.is_empty() {
            let rest = idle.len().saturating_sub(NAMED);
            let named: Vec<_> = idle.into_iter().take(NAMED).collect();
            message.push_str("; not counted: ");
            message.push_str(&named.join(", "));
            if rest > 0 {
                message.push_str(&format!(" and {rest} more"));
            }
        }
        self.error(structure::FILE, line, message, "add rows with keys, or correct those");
    }

    /// Returns who stands under a role in vain, and why.
    fn idle(&self, role: Role) -> Vec<String> {
        let mut idle = Vec::new();
        for principal in self.structure.principals() {
            for row in principal.grants(role) {
                let why = match row.window.standing(self.now) {
                    Standing::NotYet => "not yet",
                    Standing::Expired => "expired",
                    Standing::Retired => "retired",
                    Standing::Compromised => "compromised",
                    Standing::Active if !self.can_sign(principal) => "no key that counts",
                    Standing::Active => continue,
                };
                idle.push(format!("{} ({why})", quoted(principal.name())));
            }
        }
        idle
    }

    fn error(
        &mut self,
        file: &str,
        line: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.found.errors.push(Diagnostic::new(file, line, message).help(help));
    }
}

/// Returns `1 maintainer`, `2 maintainers`, `no maintainer`.
fn people(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
