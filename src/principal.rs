//! Who a signature speaks for: a person or a robot, identified by email.

use std::fmt;

/// The canonical email of a principal: printable ASCII, lower case.
///
/// Thresholds count principals, never keys. Two spellings of one address are
/// one principal, and an address that could be mistaken for another (letters
/// outside ASCII, blanks, control bytes) is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct PrincipalId(String);

impl PrincipalId {
    /// The longest address that is taken, in bytes (RFC 5321 §4.5.3.1).
    pub const MAX_LEN: usize = 254;

    /// Returns the principal that `email` names, or `None` if it cannot name one.
    ///
    /// Only the shape that a trust list needs is accepted: one `@` with text on
    /// both sides, printable ASCII without blanks, quotes, commas, semicolons or brackets.
    #[must_use]
    pub fn parse(email: &str) -> Option<Self> {
        let (local, domain) = email.split_once('@')?;
        let plain = |c: char| {
            c.is_ascii_graphic()
                && !matches!(
                    c,
                    '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | '"' | '\\' | '|' | '`' | '@'
                )
        };
        let fits = !local.is_empty() && !domain.is_empty() && email.len() <= Self::MAX_LEN;
        (fits && local.chars().all(plain) && domain.chars().all(plain))
            .then(|| Self(email.to_ascii_lowercase()))
    }

    /// Returns the canonical address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_one_principal() {
        assert_eq!(PrincipalId::parse("Ada@Example.org"), PrincipalId::parse("ada@example.ORG"));
    }

    #[test]
    fn t26_look_alikes_and_blanks_name_nobody() {
        for email in [
            "",
            "ada",
            "@x",
            "a@",
            "a@b@c",
            "аda@example.org",
            " ada@x",
            "a da@x",
            "a@x>",
            "a@x\n",
            "a@x\u{200b}",
            "\"a\"@x",
            "a,b@x",
        ] {
            assert_eq!(PrincipalId::parse(email), None, "{email:?}");
        }
    }
}
