//! The one line that each problem is told in.
//!
//! Lower case, ASCII, no full stop. Foreign text stands in quotes.

use std::fmt;

use super::{
    CertificateProblem, KeyProblem, Malformed, SignatureProblem, Unsupported, Validity, Weak,
};
use crate::signature::key::KeyRef;

/// Puts foreign bytes into quotes: printable ASCII stays, all else is escaped,
/// what is longer than 200 characters is cut.
pub(in crate::signature) fn quoted(bytes: &[u8]) -> String {
    const MAX: usize = 200;
    let mut escaped = bytes.iter().take(MAX + 1).flat_map(|b| b.escape_ascii()).map(char::from);
    let text: String = escaped.by_ref().take(MAX).collect();
    let dots = if escaped.next().is_some() { "..." } else { "" };
    format!("\"{text}{dots}\"")
}

impl fmt::Display for SignatureProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => write!(f, "malformed signature: {malformed}"),
            Self::Unsupported(unsupported) => write!(f, "unsupported {unsupported}"),
            Self::Weak(weak) => weak.fmt(f),
            Self::WrongNamespace { expected, found } => {
                write!(f, "the signature was made for {found}, not for \"{expected}\"")
            }
            Self::Bad { key } => write!(f, "bad signature: {key} did not sign these bytes"),
            Self::UnknownKey { key } => write!(f, "no trusted file lists the key {key}"),
            Self::NoKeyFits { keys: 0 } => f.write_str(
                "the signature is neither SSHSIG nor OpenPGP, and meta/keyring holds no key in PEM",
            ),
            Self::NoKeyFits { keys } => {
                write!(f, "none of the {keys} keys in meta/keyring/*.pem made the signature")
            }
            Self::WrongPrincipal { key, owner, claimed } => {
                write!(f, "the key {key} is that of {owner}, not of {claimed}")
            }
            Self::NamespaceNotPermitted { key, namespace, place } => {
                write!(f, "the key {key} may not sign for \"{namespace}\" ({place})")
            }
            Self::NotYetValid { key, of, from, at } => {
                of.write(key, f)?;
                write!(f, " is not valid before {from}, and was needed at {at}")
            }
            Self::Expired { key, of, until, at } => {
                of.write(key, f)?;
                write!(f, " was valid until {until}, and was needed at {at}")
            }
            Self::Revoked { key, reason } => {
                write!(f, "the OpenPGP certificate {key} or its signing key is revoked: {reason}")
            }
            Self::Retired { key, place } => write!(f, "the key {key} is retired ({place})"),
            Self::Compromised { key, place } => {
                write!(f, "the key {key} is compromised ({place})")
            }
            Self::NotTouched { key, presence } => {
                write!(f, "the security key {key} was not touched ({presence})")
            }
            Self::TimesDisagree { key, created, made_at } => write!(
                f,
                "the OpenPGP signature of {key} was made at {created}, not at {made_at} as claimed"
            ),
            Self::BundleRefused { key, reason } => {
                write!(f, "the bundle of {key} does not count: {reason}")
            }
            Self::CertificateRefused { key, reason } => {
                write!(f, "the certificate of {key} does not count: {reason}")
            }
        }
    }
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => write!(f, "malformed key: {malformed}"),
            Self::Unsupported(unsupported) => write!(f, "unsupported {unsupported}"),
            Self::Weak(weak) => weak.fmt(f),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        write!(f, "{}: expected {}, found {}", self.part, self.expected, self.found)
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.found)
    }
}

impl fmt::Display for Weak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SmallOrder => f.write_str("weak key: an Ed25519 point of small order"),
            Self::RsaModulus { bits } => {
                write!(f, "weak key: RSA with {bits} bits, expected 2048 to 8192")
            }
            Self::Sha1 { algorithm } => {
                write!(f, "weak signature: {algorithm} uses SHA-1, expected SHA-2")
            }
            Self::Policy(reason) => write!(f, "weak signature or key: {reason}"),
        }
    }
}

impl Validity {
    /// Writes what of the key is meant.
    fn write(&self, key: &KeyRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(place) => write!(f, "the key {key} ({place})"),
            Self::Certificate => write!(f, "the certificate of {key}"),
            Self::Subkey => write!(f, "the signing key of {key}"),
            Self::Signature => write!(f, "the signature of {key}"),
        }
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAuthority { authority } => {
                write!(f, "no cert-authority line lists its signer {authority}")
            }
            Self::NotSigned { authority } => write!(f, "{authority} did not sign it"),
            Self::NotForUsers => f.write_str("expected a user certificate, found another type"),
            Self::NoPrincipals => f.write_str("it names no principals"),
            Self::PrincipalNotNamed { claimed: Some(claimed), named } => {
                write!(f, "its authority does not let it speak for {claimed}, but for {named}")
            }
            Self::PrincipalNotNamed { claimed: None, named } => {
                write!(f, "its authority lets it speak for nobody known; it names {named}")
            }
            Self::SharedByPrincipals(principals) => {
                f.write_str("one key speaks for one principal, and it names")?;
                let separators = std::iter::once(" ").chain(std::iter::repeat(", "));
                principals.iter().zip(separators).try_for_each(|(p, sep)| write!(f, "{sep}{p}"))
            }
            Self::KeyOfAnother { owner } => write!(f, "the key is listed as that of {owner}"),
            Self::CriticalOption(name) => write!(f, "critical option {name} has no meaning here"),
            Self::UserNotVerified => {
                f.write_str("it requires verification of the user, and the signature has none")
            }
            Self::NotForSigning(reason) => f.write_str(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::PrincipalId;
    use crate::signature::{Namespace, Place, UserPresence};

    #[test]
    fn foreign_bytes_are_escaped_and_cut() {
        assert_eq!(quoted(b"a\x1b[31m\n\"\xe2\x80\xae"), r#""a\x1b[31m\n\"\xe2\x80\xae""#);
        let long = quoted(&[b'x'; 1000]);
        assert_eq!(long, format!("\"{}...\"", "x".repeat(200)));
        assert_eq!(quoted(&[b'x'; 200]), format!("\"{}\"", "x".repeat(200)));
    }

    #[test]
    fn each_problem_is_told_in_one_line() {
        let key = || KeyRef::OpenPgp(vec![0xab; 4]);
        let ada = || PrincipalId::parse("ada@example.org").expect("an address");
        let ben = || PrincipalId::parse("ben@example.org").expect("an address");
        let place = || Place { file: "meta/STRUCTURE.md".into(), line: 12 };
        let (early, late) = (jiff::Timestamp::UNIX_EPOCH, jiff::Timestamp::constant(86_400, 0));
        let refused = |reason| SignatureProblem::CertificateRefused { key: key(), reason };
        for (problem, text) in [
            (
                Malformed::new("reserved", "nothing", "1 bytes").into(),
                "malformed signature: reserved: expected nothing, found 1 bytes",
            ),
            (
                Malformed::new("armour", "base64", "\"*\"").on_line(3).into(),
                "malformed signature: line 3: armour: expected base64, found \"*\"",
            ),
            (Unsupported::new("SSHSIG version", "0").into(), "unsupported SSHSIG version: 0"),
            (Weak::SmallOrder.into(), "weak key: an Ed25519 point of small order"),
            (
                Weak::RsaModulus { bits: 1024 }.into(),
                "weak key: RSA with 1024 bits, expected 2048 to 8192",
            ),
            (
                Weak::Sha1 { algorithm: "ssh-rsa" }.into(),
                "weak signature: ssh-rsa uses SHA-1, expected SHA-2",
            ),
            (
                Weak::Policy("the OpenPGP policy refuses \"SHA1\"".into()).into(),
                "weak signature or key: the OpenPGP policy refuses \"SHA1\"",
            ),
            (
                SignatureProblem::WrongNamespace {
                    expected: Namespace::Refgate,
                    found: "\"git\"".into(),
                },
                "the signature was made for \"git\", not for \"refgate\"",
            ),
            (
                SignatureProblem::Bad { key: key() },
                "bad signature: ABABABAB did not sign these bytes",
            ),
            (SignatureProblem::UnknownKey { key: key() }, "no trusted file lists the key ABABABAB"),
            (
                SignatureProblem::WrongPrincipal { key: key(), owner: ada(), claimed: ben() },
                "the key ABABABAB is that of ada@example.org, not of ben@example.org",
            ),
            (
                SignatureProblem::NamespaceNotPermitted {
                    key: key(),
                    namespace: Namespace::Git,
                    place: place(),
                },
                "the key ABABABAB may not sign for \"git\" (meta/STRUCTURE.md:12)",
            ),
            (
                SignatureProblem::NotYetValid {
                    key: key(),
                    of: Validity::Listed(place()),
                    from: late,
                    at: early,
                },
                "the key ABABABAB (meta/STRUCTURE.md:12) is not valid before \
                 1970-01-02T00:00:00Z, and was needed at 1970-01-01T00:00:00Z",
            ),
            (
                SignatureProblem::Expired {
                    key: key(),
                    of: Validity::Certificate,
                    until: early,
                    at: late,
                },
                "the certificate of ABABABAB was valid until 1970-01-01T00:00:00Z, \
                 and was needed at 1970-01-02T00:00:00Z",
            ),
            (
                SignatureProblem::Revoked { key: key(), reason: "no reason given".into() },
                "the OpenPGP certificate ABABABAB or its signing key is revoked: no reason given",
            ),
            (
                SignatureProblem::Retired { key: key(), place: place() },
                "the key ABABABAB is retired (meta/STRUCTURE.md:12)",
            ),
            (
                SignatureProblem::Compromised { key: key(), place: place() },
                "the key ABABABAB is compromised (meta/STRUCTURE.md:12)",
            ),
            (
                SignatureProblem::NotTouched {
                    key: key(),
                    presence: UserPresence { present: false, verified: true },
                },
                "the security key ABABABAB was not touched (user not present, verified)",
            ),
            (
                SignatureProblem::TimesDisagree { key: key(), created: early, made_at: late },
                "the OpenPGP signature of ABABABAB was made at 1970-01-01T00:00:00Z, \
                 not at 1970-01-02T00:00:00Z as claimed",
            ),
            (
                SignatureProblem::BundleRefused { key: key(), reason: "no time".into() },
                "the bundle of ABABABAB does not count: no time",
            ),
            (
                refused(CertificateProblem::UnknownAuthority { authority: key() }),
                "the certificate of ABABABAB does not count: \
                 no cert-authority line lists its signer ABABABAB",
            ),
            (
                refused(CertificateProblem::NotSigned { authority: key() }),
                "the certificate of ABABABAB does not count: ABABABAB did not sign it",
            ),
            (
                refused(CertificateProblem::NotForUsers),
                "the certificate of ABABABAB does not count: \
                 expected a user certificate, found another type",
            ),
            (
                refused(CertificateProblem::NoPrincipals),
                "the certificate of ABABABAB does not count: it names no principals",
            ),
            (
                refused(CertificateProblem::PrincipalNotNamed {
                    claimed: Some(ada()),
                    named: "\"x\"".into(),
                }),
                "the certificate of ABABABAB does not count: \
                 its authority does not let it speak for ada@example.org, but for \"x\"",
            ),
            (
                refused(CertificateProblem::PrincipalNotNamed {
                    claimed: None,
                    named: "\"x\"".into(),
                }),
                "the certificate of ABABABAB does not count: \
                 its authority lets it speak for nobody known; it names \"x\"",
            ),
            (
                refused(CertificateProblem::SharedByPrincipals(vec![ada(), ben()])),
                "the certificate of ABABABAB does not count: one key speaks for one \
                 principal, and it names ada@example.org, ben@example.org",
            ),
            (
                refused(CertificateProblem::KeyOfAnother { owner: ben() }),
                "the certificate of ABABABAB does not count: \
                 the key is listed as that of ben@example.org",
            ),
            (
                refused(CertificateProblem::CriticalOption("\"force-command\"".into())),
                "the certificate of ABABABAB does not count: \
                 critical option \"force-command\" has no meaning here",
            ),
            (
                refused(CertificateProblem::UserNotVerified),
                "the certificate of ABABABAB does not count: \
                 it requires verification of the user, and the signature has none",
            ),
            (
                refused(CertificateProblem::NotForSigning("its key is not meant for it".into())),
                "the certificate of ABABABAB does not count: its key is not meant for it",
            ),
        ] {
            assert_eq!(problem.to_string(), text);
            assert!(text.is_ascii() && !text.ends_with('.'));
        }
    }
}
