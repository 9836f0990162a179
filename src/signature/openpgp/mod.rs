//! The scheme OpenPGP: detached binary signatures (RFC 9580, RFC 4880).
//!
//! Comes in: the packets of a signature, from the push, and the certificates
//! that the trusted tree keeps in `meta/keyring`. A certificate counts for
//! nobody until its primary fingerprint is listed for a principal.
//!
//! Without the feature `openpgp` certificates are not read, and every
//! signature is refused as unsupported.

#[cfg(not(feature = "openpgp"))]
mod absent;
#[cfg(feature = "openpgp")]
mod certificates;
#[cfg(feature = "openpgp")]
mod packet;
#[cfg(feature = "openpgp")]
mod verify;

#[cfg(not(feature = "openpgp"))]
pub(super) use self::absent::{Certificates, Keys, verify};
#[cfg(feature = "openpgp")]
pub(super) use self::certificates::{Certificates, Keys};
#[cfg(feature = "openpgp")]
pub(super) use self::verify::verify;

use super::listing::{Listing, Place};
use crate::error::Diagnostic;

/// Returns the diagnostic for a listed fingerprint that no certificate has.
fn missing_certificate(fingerprint: &[u8], listing: &Listing) -> Diagnostic {
    let place = listing.place();
    let (file, line) = place.map_or(("", 0), |Place { file, line }| (file.as_str(), *line));
    let key = super::key::KeyRef::OpenPgp(fingerprint.into());
    Diagnostic::new(file, line, format!("no certificate in meta/keyring has the fingerprint {key}"))
        .help(format!("gpg --armor --export {key} > meta/keyring/{}.asc", listing.principal))
}
