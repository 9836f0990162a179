//! Push certificates: the signed text that `git push --signed` sends along with its commands.
//!
//! Comes in: the blob, which the client wrote, and what git says about it in the environment,
//! which a client may forge where the transport lets it (T130). Goes out: the commands and the
//! nonce that were signed, and the signature over them. The nonce is made again from the secret of the
//! server, so that one that another server gave out, or nobody, is told apart. Git's own word about the signature
//! is not asked: it calls a signature by an unknown key good (T131).

use jiff::{SignedDuration, Timestamp};

use crate::env::CertificateClaim;
use crate::id::{HashKind, digest};
use crate::receive::Push;

/// A push certificate, as it was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// What the environment says of it.
    pub claim: CertificateClaim,
    /// What nonces of this repository are made with, if the server gives out any.
    pub issuer: Option<Issuer>,
    /// Whether the environment had it before git began: then a client has made it up.
    pub is_forged: bool,
}

/// What `git-receive-pack` makes nonces with.
#[derive(Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The secret (`receive.certNonceSeed`).
    pub seed: Vec<u8>,
    /// The path of the repository as receive-pack was told it.
    pub path: Vec<u8>,
    /// The hash function of the repository.
    pub hash: HashKind,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// The block of SHA-1 and of SHA-256.
const BLOCK: usize = 64;

impl Issuer {
    /// Returns the nonce that git gives out at a time: the time, and a digest of the secret that is keyed
    /// with path and time (RFC 2104), in this order, as `prepare_push_cert_nonce` of git has it.
    #[must_use]
    pub fn nonce(&self, seconds: i64) -> Option<String> {
        let mut key = [&self.path, format!(":{seconds}").as_bytes()].concat();
        if key.len() > BLOCK {
            key = digest(self.hash, &[&key])?;
        }
        key.resize(BLOCK, 0);
        let pad = |byte: u8| key.iter().map(|k| k ^ byte).collect::<Vec<u8>>();
        let inner = digest(self.hash, &[&pad(0x36), &self.seed])?;
        let outer = digest(self.hash, &[&pad(0x5c), &inner])?;
        let hex: String = outer.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(format!("{seconds}-{hex}"))
    }
}

/// A push certificate, taken apart; nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// The bytes that are signed.
    pub signed: &'a [u8],
    /// The armoured signature.
    pub signature: &'a [u8],
    /// The nonce of the server that it answers.
    pub nonce: &'a str,
    /// The commands.
    pub push: Push,
}

/// How old a nonce may be: the time between git's greeting and the end of the upload.
const NONCE_AGE: SignedDuration = SignedDuration::from_hours(1);

/// How far clocks of machines that serve one repository may differ.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

impl<'a> Certificate<'a> {
    /// Takes a certificate apart as `git-receive-pack` does: a head, an empty line, commands, a signature.
    ///
    /// # Errors
    /// Says what of it is missing.
    pub fn parse(bytes: &'a [u8], updates: usize) -> Result<Self, String> {
        let at = find(bytes, b"\n-----BEGIN ").ok_or("it has no signature")? + 1;
        let (signed, signature) = bytes.split_at_checked(at).ok_or("it has no signature")?;
        let end = find(signed, b"\n\n").ok_or("it has no empty line before its commands")?;
        let head = signed.get(..end).unwrap_or_default();
        let commands = signed.get(end + 2..).unwrap_or_default();
        let head = std::str::from_utf8(head).map_err(|_| "its head is not UTF-8")?;
        let mut lines = head.lines();
        if lines.next() != Some("certificate version 0.1") {
            return Err("it is not of version 0.1".into());
        }
        let mut nonces = lines.filter_map(|line| line.strip_prefix("nonce "));
        let nonce = nonces.next().ok_or("it answers no nonce")?;
        if nonces.next().is_some() {
            return Err("it answers two nonces".into());
        }
        let push = Push::parse(commands, updates).map_err(|error| error.to_string())?;
        Ok(Self { signed, signature, nonce, push })
    }

    /// Says whether the certificate was made for this push.
    ///
    /// # Errors
    /// It answers another nonce or an old one, or one of another server, or signs other commands.
    pub fn fits(&self, push: &Push, presented: &Presented, now: Timestamp) -> Result<(), String> {
        let Presented { claim, issuer, is_forged } = presented;
        if *is_forged {
            return Err("GIT_PUSH_CERT was set before git began, by whoever pushes".into());
        }
        if claim.nonce_status != "OK" || claim.nonce != self.nonce {
            return Err("it does not answer the nonce of this push".into());
        }
        let stamp = self.nonce.split_once('-').and_then(|(stamp, _)| stamp.parse().ok());
        let given = stamp
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .ok_or("its nonce has no time")?;
        if given > now + SKEW || given + NONCE_AGE < now {
            return Err(format!("its nonce was given out at {given}, which is not now"));
        }
        let issuer = issuer.as_ref().ok_or(
            "this server gives out no nonces: receive.certNonceSeed is in no file of git's configuration",
        )?;
        if issuer.nonce(given.as_second()).as_deref() != Some(self.nonce) {
            return Err("its nonce was not given out by this server for this repository".into());
        }
        let signed = &self.push.updates;
        let unsigned = push.updates.iter().filter(|update| !signed.contains(update)).count();
        if unsigned > 0 || signed.len() != push.updates.len() {
            return Err("it signs other ref updates than this push makes".into());
        }
        Ok(())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn text(head: &str, commands: &str) -> String {
        format!("{head}\n{commands}-----BEGIN SSH SIGNATURE-----\nx\n-----END SSH SIGNATURE-----\n")
    }

    fn head(nonce: &str) -> String {
        format!("certificate version 0.1\npusher Ada <ada@example.org> 1 +0000\nnonce {nonce}\n")
    }

    fn command(name: &str) -> String {
        format!("{A} {B} refs/heads/{name}\n")
    }

    fn issuer() -> Issuer {
        Issuer {
            seed: b"secret of this server".to_vec(),
            path: b"/srv/git/app.git".to_vec(),
            hash: HashKind::Sha1,
        }
    }

    #[test]
    fn a_certificate_is_for_one_push_at_one_time() {
        let now = Timestamp::from_second(1_795_168_800).expect("a time");
        let nonce = issuer().nonce(1_795_168_790).expect("a nonce");
        let good = text(&head(&nonce), &command("main"));
        let main = Push::parse(command("main").as_bytes(), 9).expect("a push");
        let both = Push::parse((command("main") + &command("x")).as_bytes(), 9).expect("a push");
        let presented = |nonce: &str, status: &str| Presented {
            claim: CertificateClaim {
                blob: String::new(),
                nonce: nonce.into(),
                nonce_status: status.into(),
            },
            issuer: Some(issuer()),
            is_forged: false,
        };
        let ok = presented(&nonce, "OK");
        let certificate = Certificate::parse(good.as_bytes(), 9).expect("a certificate");
        assert!(certificate.signed.ends_with(b"refs/heads/main\n"));
        assert_eq!(certificate.fits(&main, &ok, now), Ok(()));
        let elsewhere = |change: &dyn Fn(&mut Issuer)| {
            let mut issuer = issuer();
            change(&mut issuer);
            Presented { issuer: Some(issuer), ..ok.clone() }
        };
        for (push, presented, now, why) in [
            (&main, presented(&nonce, "SLOP"), now, "nonce of this push"),
            (&main, presented(&nonce, ""), now, "nonce of this push"),
            (&main, presented("1795168790-cd", "OK"), now, "nonce of this push"),
            (&both, ok.clone(), now, "other ref updates"),
            (&main, ok.clone(), now + SignedDuration::from_hours(2), "not now"),
            (&main, ok.clone(), now - SignedDuration::from_hours(1), "not now"),
            (&main, Presented { is_forged: true, ..ok.clone() }, now, "before git began"),
            (&main, Presented { issuer: None, ..ok.clone() }, now, "gives out no nonces"),
            (&main, elsewhere(&|i| i.seed.push(b'x')), now, "not given out by this server"),
            (&main, elsewhere(&|i| i.path.push(b'/')), now, "not given out by this server"),
            (&main, elsewhere(&|i| i.hash = HashKind::Sha256), now, "not given out by this server"),
        ] {
            let error = certificate.fits(push, &presented, now).expect_err(why);
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_told_why() {
        let command = command("main");
        for (text, why) in [
            (String::new(), "no signature"),
            (format!("{}\n{command}", head("1-a")), "no signature"),
            (text(&head("1-a").replace("0.1", "0.2"), &command), "version 0.1"),
            (text("certificate version 0.1\npusher x\n", &command), "answers no nonce"),
            (text(&(head("1-a") + "nonce 2-b\n"), &command), "two nonces"),
            (text(&head("1-a"), ""), "no ref update"),
            (text(&head("1-a"), "x y z\n"), "ref update 1"),
            (text(head("1-a").trim_end(), &command), "empty line"),
        ] {
            let error = Certificate::parse(text.as_bytes(), 9).expect_err(why);
            assert!(error.contains(why), "{why}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_taken_without_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = Certificate::parse(&bytes, 9).is_ok();
        }
    }
}
