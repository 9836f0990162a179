//! The outer form of OpenPGP packets (RFC 9580 §4.2 and §5.2.3).
//!
//! Sequoia reads a stream of packets of any kind, nested and compressed ones
//! included. What reaches it from here is flat: packets with a definite length
//! of the few kinds that belong there, and nothing around them.

use crate::signature::problem::{Malformed, SignatureProblem, Unsupported};

/// A packet and what remains after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    /// Packet type (RFC 9580 §5).
    pub(super) kind: u8,
    pub(super) body: &'a [u8],
    rest: &'a [u8],
}

/// The packet types that are named here.
pub(super) mod kind {
    pub(in crate::signature::openpgp) const SIGNATURE: u8 = 2;
    pub(in crate::signature::openpgp) const SECRET_KEY: u8 = 5;
    pub(in crate::signature::openpgp) const PUBLIC_KEY: u8 = 6;
    pub(in crate::signature::openpgp) const SECRET_SUBKEY: u8 = 7;
    pub(in crate::signature::openpgp) const TRUST: u8 = 12;
    pub(in crate::signature::openpgp) const USER_ID: u8 = 13;
    pub(in crate::signature::openpgp) const PUBLIC_SUBKEY: u8 = 14;
    pub(in crate::signature::openpgp) const USER_ATTRIBUTE: u8 = 17;
}

/// Reads one packet after another until one is malformed.
pub(super) fn packets(bytes: &[u8]) -> impl Iterator<Item = Result<Packet<'_>, Malformed>> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let packet = Packet::read(rest.take().filter(|rest| !rest.is_empty())?);
        rest = packet.as_ref().ok().map(|packet| packet.rest);
        Some(packet)
    })
}

/// Makes sure that the bytes are one signature packet over a binary document.
pub(super) fn check_signature(bytes: &[u8]) -> Result<(), SignatureProblem> {
    let packet = Packet::read(bytes)?;
    if packet.kind != kind::SIGNATURE {
        let found = format!("packet type {}", packet.kind);
        return Err(Malformed::new("OpenPGP packet", "a signature", found).into());
    }
    if !packet.rest.is_empty() {
        let found = format!("{} more bytes", packet.rest.len());
        return Err(Malformed::new("OpenPGP signature", "exactly one packet", found).into());
    }
    let mut body = Bytes(packet.body);
    let version = body.byte("signature version")?;
    if !matches!(version, 4 | 6) {
        return Err(Unsupported::new("OpenPGP signature version", version.to_string()).into());
    }
    let signature_type = body.byte("signature type")?;
    if signature_type != 0 {
        let found = format!("type {signature_type:#04x}");
        return Err(Malformed::new("signature type", "0x00, a binary document", found).into());
    }
    body.byte("public key algorithm")?;
    body.byte("hash algorithm")?;
    let (mut creation_times, mut issuers) = (0, 0);
    for (part, hashed) in [("hashed subpackets", true), ("unhashed subpackets", false)] {
        let len = match version {
            4 => u32::from(u16::from_be_bytes(*body.array(part)?)),
            _ => u32::from_be_bytes(*body.array(part)?),
        };
        let mut area = Bytes(body.take(part, len)?);
        while !area.0.is_empty() {
            let (kind, critical) = area.subpacket(part)?;
            creation_times += usize::from(hashed && kind == CREATION_TIME);
            issuers += usize::from(matches!(kind, ISSUER_KEY_ID | ISSUER_FINGERPRINT));
            if kind == EMBEDDED_SIGNATURE {
                let found = if critical { "a critical embedded one" } else { "an embedded one" };
                return Err(Malformed::new(part, "no other signature", found).into());
            }
        }
    }
    if creation_times != 1 {
        let found = format!("{creation_times} of them");
        return Err(Malformed::new("hashed subpackets", "one creation time", found).into());
    }
    // Each could make the verifier try another key; one key is named in two ways at most.
    if issuers > 4 {
        let found = format!("{issuers} of them");
        return Err(Malformed::new("subpackets", "at most 4 issuers", found).into());
    }
    Ok(())
}

/// Subpacket types (RFC 9580 §5.2.3.7).
const CREATION_TIME: u8 = 2;
const ISSUER_KEY_ID: u8 = 16;
const EMBEDDED_SIGNATURE: u8 = 32;
const ISSUER_FINGERPRINT: u8 = 33;

impl<'a> Packet<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        const PART: &str = "OpenPGP packet header";
        let mut reader = Bytes(bytes);
        let header = reader.byte(PART)?;
        if header & 0x80 == 0 {
            let found = format!("{header:#04x}");
            return Err(Malformed::new(PART, "a byte with the first bit set", found));
        }
        let (kind, len) = if header & 0x40 == 0 {
            // The older format, which gpg still writes.
            let len = match header & 3 {
                0 => u32::from(reader.byte(PART)?),
                1 => u32::from(u16::from_be_bytes(*reader.array(PART)?)),
                2 => u32::from_be_bytes(*reader.array(PART)?),
                _ => return Err(Malformed::new(PART, "a definite length", "none")),
            };
            (header >> 2 & 0x0f, len)
        } else {
            let len = match reader.byte(PART)? {
                short @ 0..192 => u32::from(short),
                first @ 192..224 => two_byte_length(first, reader.byte(PART)?),
                255 => u32::from_be_bytes(*reader.array(PART)?),
                224..255 => return Err(Malformed::new(PART, "a definite length", "a part of it")),
            };
            (header & 0x3f, len)
        };
        let body = reader.take("OpenPGP packet", len)?;
        Ok(Self { kind, body, rest: reader.0 })
    }
}

fn two_byte_length(first: u8, second: u8) -> u32 {
    ((u32::from(first) - 192) << 8) + u32::from(second) + 192
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self, part: &'static str) -> Result<u8, Malformed> {
        self.array::<1>(part).map(|[byte]| *byte)
    }

    fn array<const N: usize>(&mut self, part: &'static str) -> Result<&'a [u8; N], Malformed> {
        let Some((array, rest)) = self.0.split_first_chunk() else {
            let found = format!("{} bytes left of {N}", self.0.len());
            return Err(Malformed::new(part, "more bytes", found));
        };
        self.0 = rest;
        Ok(array)
    }

    fn take(&mut self, part: &'static str, len: u32) -> Result<&'a [u8], Malformed> {
        let split = usize::try_from(len).ok().and_then(|len| self.0.split_at_checked(len));
        let Some((bytes, rest)) = split else {
            let found = format!("a length of {len} with {} bytes left", self.0.len());
            return Err(Malformed::new(part, "as many bytes as its length says", found));
        };
        self.0 = rest;
        Ok(bytes)
    }

    /// Skips a subpacket and returns its type and whether it is critical (RFC 9580 §5.2.3.7).
    fn subpacket(&mut self, part: &'static str) -> Result<(u8, bool), Malformed> {
        let len = match self.byte(part)? {
            short @ 0..192 => u32::from(short),
            first @ 192..255 => two_byte_length(first, self.byte(part)?),
            255 => u32::from_be_bytes(*self.array(part)?),
        };
        let body = self.take(part, len)?;
        match body.first() {
            Some(kind) => Ok((kind & 0x7f, kind & 0x80 != 0)),
            None => Err(Malformed::new(part, "a type in each subpacket", "an empty one")),
        }
    }
}
