//! All integration tests, one binary: one link, shared helpers.

#[cfg(test)]
mod signature_allowed_signers;
#[cfg(test)]
#[cfg(feature = "openpgp")]
mod signature_openpgp;
#[cfg(test)]
mod signature_ssh;
#[cfg(test)]
mod signature_tools;
