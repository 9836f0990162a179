//! Sigstore bundles (sigstore/protobuf-specs, `sigstore_bundle.proto`), verified offline.
//!
//! The signature of such a bundle was made by a key that lived for minutes. Whose it was says a
//! certificate, that it lived then say a transparency log and timestamps; all of them are in the bundle, and
//! the keys that they are checked with are in `meta/sigstore/trusted_root.json`. A row lists no key
//! but an identity together with the issuer that vouched for it, letter for letter.
//!
//! Bundles are evidence and nothing else: whoever reads an approval, a commit or a tag
//! never takes its signature for one.

#[cfg(not(feature = "sigstore"))]
mod absent;
#[cfg(feature = "sigstore")]
mod provider;
#[cfg(feature = "sigstore")]
mod verify;

use std::collections::BTreeMap;

#[cfg(not(feature = "sigstore"))]
use self::absent as build;
pub(super) use self::build::{Root, verify};
#[cfg(feature = "sigstore")]
use self::verify as build;
use super::key::SigstoreIdentity;
use super::listing::Listing;
use crate::error::Diagnostic;

/// The identities that rows list, and what their bundles are verified with.
#[derive(Debug)]
pub(super) struct Keys {
    listings: BTreeMap<SigstoreIdentity, Listing>,
    #[cfg_attr(not(feature = "sigstore"), expect(dead_code, reason = "nothing is verified"))]
    root: Option<Root>,
}

impl Keys {
    /// Joins the rows and the trusted root.
    ///
    /// # Errors
    /// Rows list identities, and there is no root.
    pub(super) fn new(
        listings: BTreeMap<SigstoreIdentity, Listing>,
        root: Option<Root>,
    ) -> Result<Self, Vec<Diagnostic>> {
        if root.is_some() || listings.is_empty() {
            return Ok(Self { listings, root });
        }
        let fault = |(identity, listing): (&SigstoreIdentity, &Listing)| {
            let (file, line) =
                listing.place().map_or(("", 0), |place| (place.file.as_str(), place.line));
            Diagnostic::new(file, line, format!("{identity} is listed without a trusted root"))
                .help("cosign trusted-root create --with-default-services --out meta/sigstore/trusted_root.json")
        };
        Err(listings.iter().map(fault).collect())
    }
}

/// Says whether bytes look like a bundle: one JSON object, as no other signature is.
pub(super) fn is_bundle(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii();
    bytes.first() == Some(&b'{') && bytes.last() == Some(&b'}')
}
