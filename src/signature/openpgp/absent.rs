//! Stands in for OpenPGP where refgate was built without it.

use std::collections::BTreeMap;

use super::missing_certificate;
use crate::error::Diagnostic;
use crate::signature::listing::Listing;
use crate::signature::problem::{SignatureProblem, Unsupported};
use crate::signature::{Claim, VerifiedSignature};

/// Files that this build cannot read.
#[derive(Debug, Default)]
pub(in crate::signature) struct Certificates {
    any: bool,
}

/// No keys.
#[derive(Debug)]
pub(in crate::signature) struct Keys;

impl Certificates {
    /// Notes that there is a file.
    pub(in crate::signature) fn read(
        &mut self,
        _file: &str,
        _bytes: &[u8],
    ) -> Result<(), Vec<Diagnostic>> {
        self.any = true;
        Ok(())
    }

    /// Makes sure that there is a file, if any key is listed.
    pub(in crate::signature) fn into_keys(
        self,
        listings: BTreeMap<Vec<u8>, Listing>,
    ) -> Result<Keys, Vec<Diagnostic>> {
        if self.any || listings.is_empty() {
            return Ok(Keys);
        }
        Err(listings.iter().map(|(key, listing)| missing_certificate(key, listing)).collect())
    }
}

/// Refuses the signature.
pub(in crate::signature) fn verify(
    _keys: &Keys,
    _packets: &[u8],
    _claim: &Claim<'_>,
) -> Result<VerifiedSignature, SignatureProblem> {
    Err(Unsupported::new("signature scheme", "OpenPGP, which this build leaves out").into())
}
