//! Which level and properties a summary may claim.

use crate::policy::gates::Gate;

/// What is known of a ref that has moved.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The gates that were asked, and whether each agreed by itself.
    pub gates: Vec<(Gate, bool)>,
    /// Whether a break-glass exception let the push pass.
    pub waived: bool,
    /// Whether something that would have blocked was covered by an exception.
    pub excepted: bool,
    /// Whether the policy asks for the approval of two persons.
    pub two_persons: bool,
    /// Whether the ref was where the last summary left it.
    pub continuous: bool,
    /// For a tag, the level of its commit on a branch; none if it has no summary there.
    pub of_commit: Option<Option<u8>>,
}

impl Facts {
    fn passed(&self, gate: Gate) -> bool {
        self.gates.iter().any(|(asked, passed)| *asked == gate && *passed)
    }

    /// Returns the level of the SLSA Source track, 1 to 4.
    #[must_use]
    pub fn level(&self) -> u8 {
        let own = self.own_level();
        match self.of_commit {
            None => own,
            Some(of_commit) => own.min(of_commit.unwrap_or(1)),
        }
    }

    /// Returns the level that this move of the ref has reached by itself.
    fn own_level(&self) -> u8 {
        // Signed approvals or a signed tag say who let it in, whatever the server knows of the pusher.
        let identified = self.passed(Gate::Review) || self.passed(Gate::Checklist);
        if !self.continuous || !identified {
            return 1;
        }
        if self.waived || self.gates.iter().any(|(_, passed)| !passed) {
            return 2;
        }
        if self.two_persons && self.passed(Gate::Review) { 4 } else { 3 }
    }

    /// Returns everything that the summary claims: the level, then the properties.
    #[must_use]
    pub fn claims(&self) -> Vec<String> {
        let mut claims = vec![format!("SLSA_SOURCE_LEVEL_{}", self.level())];
        for gate in Gate::ALL {
            if self.passed(gate) {
                let name = gate.name().to_ascii_uppercase();
                claims.push(format!("ORG_SOURCE_REFGATE_{name}"));
            }
        }
        if self.waived || self.excepted {
            claims.push("ORG_SOURCE_REFGATE_EXCEPTION_ACTIVE".into());
        }
        claims
    }
}

/// Returns the level that claims name, if they name exactly one.
#[must_use]
pub fn level_of(claims: &[String]) -> Option<u8> {
    let mut levels = claims.iter().filter_map(|claim| claim.strip_prefix("SLSA_SOURCE_LEVEL_"));
    let level = levels.next()?.parse().ok().filter(|level| (0..=4).contains(level))?;
    levels.next().is_none().then_some(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Facts {
        Facts {
            gates: vec![(Gate::Scan, true), (Gate::Tests, true), (Gate::Review, true)],
            two_persons: true,
            continuous: true,
            ..Facts::default()
        }
    }

    #[test]
    fn a_level_is_claimed_only_where_its_requirements_held() {
        let cases: [(&str, u8, Facts); 9] = [
            ("everything held", 4, good()),
            ("one approval is asked for", 3, Facts { two_persons: false, ..good() }),
            ("the glass was broken", 2, Facts { waived: true, ..good() }),
            (
                "a gate did not agree",
                2,
                Facts { gates: vec![(Gate::Scan, false), (Gate::Review, true)], ..good() },
            ),
            ("the ref moved unseen", 1, Facts { continuous: false, ..good() }),
            ("nobody signed for it", 1, Facts { gates: vec![(Gate::Scan, true)], ..good() }),
            ("no gate", 1, Facts { gates: Vec::new(), ..good() }),
            ("a tag of a lesser commit", 2, Facts { of_commit: Some(Some(2)), ..good() }),
            ("a tag of an unknown commit", 1, Facts { of_commit: Some(None), ..good() }),
        ];
        for (what, level, facts) in cases {
            assert_eq!(facts.level(), level, "{what}");
            assert_eq!(level_of(&facts.claims()), Some(level), "{what}");
        }
    }

    #[test]
    fn exactly_one_level_and_the_properties_that_held_are_claimed() {
        let facts = Facts { excepted: true, ..good() };
        assert_eq!(
            facts.claims(),
            [
                "SLSA_SOURCE_LEVEL_4",
                "ORG_SOURCE_REFGATE_SCAN",
                "ORG_SOURCE_REFGATE_TESTS",
                "ORG_SOURCE_REFGATE_REVIEW",
                "ORG_SOURCE_REFGATE_EXCEPTION_ACTIVE"
            ]
        );
        for claims in [
            vec![],
            vec!["SLSA_SOURCE_LEVEL_5".to_owned()],
            vec!["SLSA_SOURCE_LEVEL_1".to_owned(), "SLSA_SOURCE_LEVEL_2".to_owned()],
        ] {
            assert_eq!(level_of(&claims), None, "{claims:?}");
        }
    }
}
