//! All keys of all principals, as the trusted files list them.

use std::collections::{BTreeMap, BTreeSet};

use super::allowed_signers::{self, Entry, Who};
use super::key::{KeyRef, SigstoreIdentity};
use super::listing::{Listing, Place, Row, Window};
use super::problem::SignatureProblem;
use super::{Claim, Encoded, VerifiedSignature, bare, openpgp, sigstore, ssh};
use crate::error::Diagnostic;
use crate::principal::PrincipalId;

/// All keys of all principals, immutable once built.
#[derive(Debug)]
pub struct KeyRing {
    ssh: ssh::Keys,
    openpgp: openpgp::Keys,
    bare: bare::Keys,
    sigstore: sigstore::Keys,
}

/// Collects what the trusted files say about keys.
#[derive(Debug, Default)]
pub struct KeyRingBuilder {
    rows: Vec<(PrincipalId, KeyRef, Row)>,
    entries: Vec<Entry>,
    certificates: openpgp::Certificates,
    pem: bare::Keys,
    root: Option<sigstore::Root>,
    untouched: bool,
}

impl KeyRing {
    /// Verifies a signature and tells whose it is.
    ///
    /// The key must be listed, have made the signature, and be valid at the
    /// time of the push and at the time the signature was made, where that is
    /// known. All rows of `meta/STRUCTURE.md` that list the key must permit it;
    /// so must one line of `meta/allowed_signers`, if any there lists the key
    /// for the same principal.
    ///
    /// # Errors
    /// Why the signature does not count, with what was expected and found.
    pub fn verify(&self, claim: &Claim<'_>) -> Result<VerifiedSignature, SignatureProblem> {
        match claim.signature {
            Encoded::Ssh(blob) => ssh::verify(&self.ssh, blob, claim),
            Encoded::OpenPgp(packets) => openpgp::verify(&self.openpgp, packets, claim),
            Encoded::Bare(value) => bare::verify(&self.bare, &self.ssh.plain, value, claim),
            Encoded::Sigstore(bundle) => sigstore::verify(&self.sigstore, bundle, claim),
        }
    }
}

impl KeyRingBuilder {
    /// Adds a key of a row of `meta/STRUCTURE.md`.
    ///
    /// The same key may stand in several rows of one principal, and then all
    /// of them must permit a signature.
    pub fn add(&mut self, principal: PrincipalId, key: KeyRef, window: Window, place: Place) {
        self.rows.push((principal, key, Row { window, place }));
    }

    /// Adds `meta/allowed_signers`.
    ///
    /// Names that are no known principals give nobody anything.
    ///
    /// # Errors
    /// Every bad line; OpenSSH would skip them.
    pub fn allowed_signers(&mut self, file: &str, bytes: &[u8]) -> Result<(), Vec<Diagnostic>> {
        self.entries.append(&mut allowed_signers::parse(file, bytes)?);
        Ok(())
    }

    /// Adds a file of `meta/keyring`: OpenPGP certificates in armour, or binary.
    ///
    /// A certificate counts for nobody until a row lists its primary fingerprint.
    ///
    /// # Errors
    /// What in the file is not a public certificate, or is too weak to prove anything.
    pub fn certificate(&mut self, file: &str, bytes: &[u8]) -> Result<(), Vec<Diagnostic>> {
        self.certificates.read(file, bytes)
    }

    /// Adds a file of `meta/keyring` with a public key in PEM, which makes bare signatures.
    ///
    /// Whose key it is, a row says by the fingerprint that the same key has as an SSH key.
    ///
    /// # Errors
    /// What in the file is not a public key, or is too weak to prove anything.
    pub fn public_key(&mut self, file: &str, bytes: &[u8]) -> Result<(), Vec<Diagnostic>> {
        self.pem.read(file, bytes).map_err(|fault| vec![fault])
    }

    /// Adds `meta/sigstore/trusted_root.json`, which bundles are verified with.
    ///
    /// Whose bundles count, rows say by identity and issuer.
    ///
    /// # Errors
    /// What in the file is no trusted root, or lists nothing to verify with.
    pub fn sigstore_root(&mut self, file: &str, bytes: &[u8]) -> Result<(), Vec<Diagnostic>> {
        self.root = Some(sigstore::Root::read(file, bytes).map_err(|fault| vec![fault])?);
        Ok(())
    }

    /// Returns those of the known principals to whom `meta/allowed_signers` gives a
    /// key, by a line of its own or through a certificate authority.
    #[must_use]
    pub fn signers(&self, known: &BTreeSet<PrincipalId>) -> BTreeSet<PrincipalId> {
        let is_named = |id: &PrincipalId| {
            self.entries.iter().any(|entry| match &entry.who {
                Who::Names(names) => {
                    names.iter().any(|name| PrincipalId::parse(name).as_ref() == Some(id))
                }
                Who::CertifiedBy(principals) => principals.matches(id.as_str()),
            })
        };
        known.iter().filter(|id| is_named(id)).cloned().collect()
    }

    /// Lets security keys sign without being touched, as `ssh-keygen -Y verify` does.
    pub fn accept_without_touch(&mut self) {
        self.untouched = true;
    }

    /// Returns the keys of the known principals.
    ///
    /// # Errors
    /// A key that two principals claim, that cannot prove anything, or that is
    /// an OpenPGP fingerprint without a certificate; a row of somebody unknown.
    pub fn build(self, known: &BTreeSet<PrincipalId>) -> Result<KeyRing, Vec<Diagnostic>> {
        let mut listings = Listings::default();
        for (principal, key, row) in self.rows {
            listings.add_row(known, principal, &key, row);
        }
        let mut authorities: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for Entry { fingerprint, who, line } in self.entries {
            match who {
                Who::CertifiedBy(principals) => {
                    let authority = ssh::Authority { principals, line };
                    authorities.entry(fingerprint).or_default().push(authority);
                }
                Who::Names(names) => {
                    let principals: BTreeSet<_> = names
                        .iter()
                        .filter_map(|name| PrincipalId::parse(name))
                        .filter(|id| known.contains(id))
                        .collect();
                    let place = line.place.clone();
                    let key = KeyRef::SshFingerprint(fingerprint);
                    let mut line = Some(line);
                    for principal in principals {
                        let ssh = &mut listings.ssh;
                        let owned = claim_key(ssh, fingerprint, principal, &key, &place);
                        match owned {
                            Ok(listing) => listing.lines.extend(line.take()),
                            Err(fault) => listings.faults.push(fault),
                        }
                    }
                }
            }
        }
        let Listings { ssh: plain, openpgp, sigstore, mut faults } = listings;
        faults.extend(self.pem.unlisted(&plain));
        let sigstore = match sigstore::Keys::new(sigstore, self.root) {
            Ok(sigstore) => sigstore,
            Err(mut more) => {
                faults.append(&mut more);
                return Err(faults);
            }
        };
        match self.certificates.into_keys(openpgp) {
            Ok(openpgp) if faults.is_empty() => {
                let (known, untouched) = (known.clone(), self.untouched);
                let ssh = ssh::Keys { plain, authorities, known, untouched };
                Ok(KeyRing { ssh, openpgp, bare: self.pem, sigstore })
            }
            Ok(_) => Err(faults),
            Err(mut more) => {
                faults.append(&mut more);
                Err(faults)
            }
        }
    }
}

#[derive(Default)]
struct Listings {
    ssh: BTreeMap<[u8; 32], Listing>,
    openpgp: BTreeMap<Vec<u8>, Listing>,
    sigstore: BTreeMap<SigstoreIdentity, Listing>,
    faults: Vec<Diagnostic>,
}

impl Listings {
    fn add_row(&mut self, known: &BTreeSet<PrincipalId>, who: PrincipalId, key: &KeyRef, row: Row) {
        let place = row.place.clone();
        let fault = |message| Diagnostic::new(place.file.as_str(), place.line, message);
        if !known.contains(&who) {
            self.faults.push(fault(format!("the key {key} is listed for {who}, who is not known")));
        }
        let owned = match key {
            KeyRef::OpenPgp(fingerprint) => {
                claim_key(&mut self.openpgp, fingerprint.clone(), who, key, &place)
            }
            KeyRef::Sigstore(identity) => {
                claim_key(&mut self.sigstore, identity.clone(), who, key, &place)
            }
            KeyRef::SshFingerprint(digest) => claim_key(&mut self.ssh, *digest, who, key, &place),
            KeyRef::SshPublicKey(blob) => {
                if let Err(problem) = ssh::check_key(blob) {
                    self.faults.push(fault(problem.to_string()));
                }
                claim_key(&mut self.ssh, super::key::ssh_fingerprint(blob), who, key, &place)
            }
        };
        match owned {
            Ok(listing) => listing.rows.push(row),
            Err(fault) => self.faults.push(fault),
        }
    }
}

/// Returns the listing of the key, which must be that principal's alone.
fn claim_key<'a, K: Ord>(
    listings: &'a mut BTreeMap<K, Listing>,
    index: K,
    principal: PrincipalId,
    key: &KeyRef,
    place: &Place,
) -> Result<&'a mut Listing, Diagnostic> {
    let listing = listings.entry(index).or_insert_with(|| Listing::new(principal.clone()));
    if listing.principal == principal {
        return Ok(listing);
    }
    let other = match listing.place() {
        Some(other) => format!("{} ({other})", listing.principal),
        None => listing.principal.to_string(),
    };
    let message = format!("the key {key} of {principal} is also that of {other}");
    let help = "a key belongs to one person: list it once, or let one of them make another";
    Err(Diagnostic::new(place.file.as_str(), place.line, message).help(help))
}
