//! The rules: who may do what, and which refs need which gates.
//!
//! `meta/refgate.toml` and `meta/STRUCTURE.md` come in as bytes of the trust
//! anchor, a [`Policy`] goes out, or every reason why there is none. A policy
//! that cannot be read, or that names nobody for a role which a gate needs, is
//! void: it refuses every push, since a rule that is broken must not be one that is skipped.

mod glob;
mod period;
pub(crate) mod problems;
pub(crate) mod suggest;
pub(crate) mod text;
pub(crate) mod toml_reader;
mod void;

pub mod config;
pub mod freeze;
pub mod gates;
pub mod paths;
pub mod refs;
pub mod structure;
pub mod trusted_files;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::error::Diagnostic;
use crate::principal::PrincipalId;

use config::Config;
use gates::Gates;
use structure::Structure;

pub use period::{Period, PeriodError};

/// Rules and people that fit together: every role that a gate in use needs has holders with keys.
#[derive(Clone, Debug)]
pub struct Policy {
    config: Config,
    structure: Structure,
    warnings: Vec<Diagnostic>,
}

impl Policy {
    /// Puts the rules and the people together.
    ///
    /// `signers` are the principals to whom `meta/allowed_signers` gives a key.
    /// `now` decides which rows count.
    ///
    /// # Errors
    /// Every reason why the policy is void: no push could be judged by it.
    pub fn new(
        config: Config,
        structure: Structure,
        signers: &BTreeSet<PrincipalId>,
        now: Timestamp,
    ) -> Result<Self, Vec<Diagnostic>> {
        let findings = void::check(&config, &structure, signers, now);
        if findings.errors.is_empty() {
            Ok(Self { config, structure, warnings: findings.warnings })
        } else {
            Err(findings.errors)
        }
    }

    /// Returns the rules.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the policy as it is for evidence that was fresh when it was asked for.
    #[must_use]
    pub fn without_ages(&self) -> Self {
        let mut policy = self.clone();
        policy.config.lift_ages();
        policy
    }

    /// Returns the people.
    #[must_use]
    pub fn structure(&self) -> &Structure {
        &self.structure
    }

    /// Returns what makes some changes impossible to land, though not all.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Returns the gates of all rules that match a ref, or `None` if it is not protected.
    #[must_use]
    pub fn gates_for(&self, ref_name: &[u8]) -> Option<Gates> {
        self.config.gates_for(ref_name)
    }
}

#[cfg(test)]
mod tests;
