//! Stands in for Sigstore where refgate was built without it.

use super::Keys;
use crate::error::Diagnostic;
use crate::signature::problem::{SignatureProblem, Unsupported};
use crate::signature::{Claim, VerifiedSignature};

/// A file that this build cannot read.
#[derive(Debug)]
pub(in crate::signature) struct Root;

impl Root {
    /// Notes that there is a file.
    pub(in crate::signature) fn read(_file: &str, _bytes: &[u8]) -> Result<Self, Diagnostic> {
        Ok(Self)
    }
}

/// Refuses the signature.
pub(in crate::signature) fn verify(
    keys: &Keys,
    _bundle: &[u8],
    _claim: &Claim<'_>,
) -> Result<VerifiedSignature, SignatureProblem> {
    let found = match keys.listings.len() {
        0 => "a Sigstore bundle, and no row lists a Sigstore identity",
        _ => "a Sigstore bundle, which this build leaves out",
    };
    Err(Unsupported::new("signature scheme", found).into())
}
