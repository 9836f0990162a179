//! The gates of the release policy, and sets of them.

use std::fmt;

/// One gate of the release policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// Every commit that enters was scanned, and nothing blocking was found.
    Scan,
    /// The named test suites passed on what lands.
    Tests,
    /// Enough of the right people approved exactly what lands.
    Review,
    /// The release document is complete and the release manager signed the tag.
    Checklist,
}

impl Gate {
    /// Every gate, in the order in which reports name them.
    pub const ALL: [Self; 4] = [Self::Scan, Self::Tests, Self::Review, Self::Checklist];

    /// Returns the name that `meta/refgate.toml` uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Tests => "tests",
            Self::Review => "review",
            Self::Checklist => "checklist",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Scan => 1,
            Self::Tests => 2,
            Self::Review => 4,
            Self::Checklist => 8,
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of gates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gates(u8);

impl Gates {
    /// The set without a gate.
    pub const NONE: Self = Self(0);

    /// Returns whether no gate is in the set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Returns whether `gate` is in the set.
    #[must_use]
    pub fn contains(self, gate: Gate) -> bool {
        self.0 & gate.bit() != 0
    }

    /// Returns the gates of either set: rules that match one ref add up.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns whether every gate of `other` is in this set too, so that history which passed
    /// these gates has passed those.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Returns the gates in report order.
    pub fn iter(self) -> impl Iterator<Item = Gate> {
        Gate::ALL.into_iter().filter(move |gate| self.contains(*gate))
    }
}

impl FromIterator<Gate> for Gates {
    fn from_iter<I: IntoIterator<Item = Gate>>(gates: I) -> Self {
        Self(gates.into_iter().fold(0, |bits, gate| bits | gate.bit()))
    }
}

impl fmt::Display for Gates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().map(Gate::name).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_gates_add_up_and_compare() {
        let branch = Gates::from_iter([Gate::Scan, Gate::Tests, Gate::Review]);
        let tag = branch.union(Gates::from_iter([Gate::Checklist]));
        assert_eq!(tag.iter().collect::<Vec<_>>(), Gate::ALL);
        assert_eq!(tag.to_string(), "scan, tests, review, checklist");
        assert!(tag.includes(branch) && tag.includes(tag) && branch.includes(Gates::NONE));
        assert!(!branch.includes(tag));
        assert!(branch.contains(Gate::Review) && !branch.contains(Gate::Checklist));
        assert!(Gates::NONE.is_empty() && !branch.is_empty());
    }
}
