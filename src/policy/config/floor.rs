//! The floor: what the server asks for at least, whatever the policy of a repository says.
//!
//! It belongs to the administrator, so it only ever adds: rules that protect more refs, larger
//! numbers, a lower severity that blocks. A policy that asks for more keeps what it says.

use super::read::{BLOCKING, protect};
use super::{Config, Origin, Protect, Setting};
use crate::evidence::severity::Severity;
use crate::policy::toml_reader::Table;

/// What a policy asks for at least.
#[derive(Clone, Debug, Default)]
pub struct Floor {
    protect: Vec<Protect>,
    approvals: Option<u32>,
    maintainers: Option<u32>,
    domain_reviewers: Option<u32>,
    threshold: Option<u32>,
    block: Option<Severity>,
}

impl PartialEq for Floor {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl Eq for Floor {}

impl Floor {
    /// Reads `[floor]` of the server settings.
    pub(crate) fn read(table: &mut Table<'_>) -> Self {
        let mut rules = Vec::new();
        if let Some(value) = table.value("protect") {
            for rule in value.elements().unwrap_or_default() {
                rules.extend(protect(rule).map(|rule| Protect { origin: Origin::Server, ..rule }));
            }
        }
        let mut number = |key| table.value(key).and_then(|value| value.number(1, 100));
        let (approvals, maintainers) = (number("approvals"), number("maintainers"));
        let (domain_reviewers, threshold) = (number("domain-reviewers"), number("trust-threshold"));
        let block = table.value("block").and_then(|value| value.word(&BLOCKING));
        Self { protect: rules, approvals, maintainers, domain_reviewers, threshold, block }
    }

    /// Adds what another file asks for; neither takes anything back.
    pub fn join(&mut self, other: Self) {
        self.protect.extend(other.protect);
        self.approvals = self.approvals.max(other.approvals);
        self.maintainers = self.maintainers.max(other.maintainers);
        self.domain_reviewers = self.domain_reviewers.max(other.domain_reviewers);
        self.threshold = self.threshold.max(other.threshold);
        self.block = match (self.block, other.block) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
    }

    /// Raises a policy to the floor.
    pub fn raise(&self, config: &mut Config) {
        config.protect.extend(self.protect.iter().cloned());
        raise(&mut config.review.maintainers, self.maintainers);
        raise(&mut config.review.domain_reviewers, self.domain_reviewers);
        // There are never fewer approvals than those that must come from maintainers.
        let approvals = self.approvals.max(self.maintainers);
        raise(&mut config.review.approvals, approvals);
        raise(&mut config.trust_threshold, self.threshold);
        if let Some(block) = self.block.filter(|block| *block < config.scan.block.value) {
            config.scan.block = Setting { value: block, origin: Origin::Server };
        }
    }
}

fn raise(setting: &mut Setting<u32>, least: Option<u32>) {
    if let Some(least) = least.filter(|least| *least > setting.value) {
        *setting = Setting { value: least, origin: Origin::Server };
    }
}
