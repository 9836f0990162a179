//! Who pushes: what the server or a push certificate says, held against the people of the trust anchor.

use super::Judge;
use crate::certificate::Certificate;
use crate::error::Result;
use crate::host::Pusher;
use crate::id::parse_hex;
use crate::principal::PrincipalId;
use crate::receive::Push;
use crate::repo::ReadError;
use crate::repo::fault::ObjectKind;
use crate::repo::objects::{Incoming, Objects as _};
use crate::report::text::Foreign;
use crate::settings::{Identity, Require};
use crate::signature::key::KeyRef;
use crate::signature::{ArmourKind, Claim, Encoded, Namespace, dearmor_openpgp, dearmor_ssh};
use crate::snapshot::Snapshot;
use crate::violation::{TrustViolation, Violation};

/// The largest certificate that is read: ten thousand refs fit.
const CERTIFICATE_BYTES: u64 = 16 << 20;

impl Judge<'_> {
    /// Returns the principal who pushes, if that is known, and what is wrong if it must be and is not.
    pub(super) fn pusher(
        &self,
        push: &Push,
        snapshot: &Snapshot,
        incoming: &Incoming<'_>,
    ) -> Result<(Option<PrincipalId>, Option<Violation>)> {
        let identity = &self.repository.settings.identity;
        let said = self.circumstances.pusher.as_ref();
        let by_host = said.and_then(|pusher| by_host(pusher, identity, snapshot));
        match identity.require {
            Require::None => Ok((by_host, None)),
            Require::Host if by_host.is_some() => Ok((by_host, None)),
            Require::Host => {
                let pusher = said.map(|pusher| Foreign::from(&shown(pusher)));
                Ok((None, Some(TrustViolation::PusherUnknown { pusher }.into())))
            }
            Require::SignedPush => match self.by_certificate(push, snapshot, incoming)? {
                Ok(who) => Ok((Some(who), None)),
                Err(violation) => Ok((by_host, Some(violation.into()))),
            },
        }
    }

    /// Verifies the push certificate itself; what git says about it decides nothing.
    fn by_certificate(
        &self,
        push: &Push,
        snapshot: &Snapshot,
        incoming: &Incoming<'_>,
    ) -> Result<Result<PrincipalId, TrustViolation>> {
        let Some(presented) = &self.circumstances.certificate else {
            return Ok(Err(TrustViolation::PushUnsigned));
        };
        let faulty = |why: String| Ok(Err(TrustViolation::CertificateFaulty { why }));
        let Some(blob) = parse_hex(presented.claim.blob.as_bytes()) else {
            return faulty("its id is none".into());
        };
        let mut bytes = Vec::new();
        let limit = ("push-certificate", CERTIFICATE_BYTES);
        match incoming.read(&blob, ObjectKind::Blob, limit, &mut bytes) {
            Ok(_) => {}
            Err(ReadError::Fault(fault)) => return faulty(fault.to_string()),
            Err(ReadError::Repository(error)) => return Err(error),
        }
        let updates = self.repository.settings.limits.ref_updates;
        let verified = Certificate::parse(&bytes, updates).and_then(|certificate| {
            certificate.fits(push, presented, self.now)?;
            self.verify(&certificate, snapshot)
        });
        match verified {
            Ok(who) => Ok(Ok(who)),
            Err(why) => faulty(why),
        }
    }

    fn verify(
        &self,
        certificate: &Certificate<'_>,
        snapshot: &Snapshot,
    ) -> Result<PrincipalId, String> {
        let armour = certificate.signature;
        let bytes = match ArmourKind::detect(armour) {
            Some(ArmourKind::Ssh) => dearmor_ssh(armour).map_err(|error| error.to_string())?,
            Some(ArmourKind::OpenPgp) => {
                dearmor_openpgp(armour).map_err(|error| error.to_string())?
            }
            Some(ArmourKind::X509) | None => {
                return Err("its signature is neither SSH nor OpenPGP".into());
            }
        };
        let claim = Claim {
            signature: Encoded::detect(&bytes).ok_or("its signature is of no known form")?,
            signed: certificate.signed,
            namespace: Namespace::Git,
            by: None,
            made_at: None,
            now: self.now,
        };
        let verified = snapshot.keys.verify(&claim).map_err(|problem| problem.to_string())?;
        Ok(verified.principal().clone())
    }
}

/// Maps what the server says to a principal: an account that the settings list, an address or a
/// key of `meta/STRUCTURE.md`, or an account in the mail domain of the settings. In this order.
fn by_host(pusher: &Pusher, identity: &Identity, snapshot: &Snapshot) -> Option<PrincipalId> {
    let structure = snapshot.policy.structure();
    let listed = |email: &str| structure.by_email(email).map(|principal| principal.id().clone());
    let name = pusher.name.as_deref();
    if let Some(who) = name.and_then(|name| identity.users.get(name)) {
        return listed(who.as_str());
    }
    if let Some(who) = pusher.email.as_deref().and_then(listed) {
        return Some(who);
    }
    if let Some(key) = pusher.key.as_deref().and_then(|key| KeyRef::parse(key).ok()) {
        let fingerprint = key.ssh_fingerprint();
        let owner = structure.principals().find(|principal| {
            principal.keys().iter().any(|listed| listed.key.ssh_fingerprint() == fingerprint)
        });
        if fingerprint.is_some()
            && let Some(owner) = owner
        {
            return Some(owner.id().clone());
        }
    }
    let (name, domain) = (name?, identity.domain.as_deref()?);
    listed(&format!("{name}@{domain}"))
}

/// Says who pushes, as far as the server knows.
fn shown(pusher: &Pusher) -> String {
    let Pusher { host: _, name, email, key, via: _ } = pusher;
    [name, email, key].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
}
