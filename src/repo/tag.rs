//! Annotated tags, read strictly from raw bytes.

use super::commit::Signed;
use super::fault::{Fault, ObjectKind, ReadError};
use super::header::{self, Ident};
use super::objects::Objects;
use crate::id::{HashKind, ObjectId, TagId, parse_hex};
use crate::limits::Limits;

/// An annotated tag.
#[derive(Clone, Debug)]
pub struct Tag {
    /// Its id.
    pub id: TagId,
    /// What it tags.
    pub target: ObjectId,
    /// The kind of what it tags, as the tag says.
    pub target_kind: ObjectKind,
    /// The name inside the tag, raw.
    pub name: Vec<u8>,
    /// Who made it, as claimed.
    pub tagger: Ident,
    /// The signature and what it signs, if the tag is signed.
    pub signature: Option<Signed>,
    /// The message without the signature, raw.
    pub message: Vec<u8>,
}

const ARMOUR_BEGINS: [&[u8]; 4] = [
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----BEGIN PGP MESSAGE-----",
    b"-----BEGIN SSH SIGNATURE-----",
    b"-----BEGIN SIGNED MESSAGE-----",
];

impl Tag {
    /// Reads the tag `id`.
    ///
    /// # Errors
    /// A [`Fault`] if it is missing, is no tag, is too large or is not what git writes.
    pub fn read(objects: &impl Objects, id: TagId, limits: &Limits) -> Result<Self, ReadError> {
        let mut buffer = Vec::new();
        let limit = ("commit-bytes", limits.commit_bytes);
        let bytes = objects.read(&id.0, ObjectKind::Tag, limit, &mut buffer)?;
        Self::parse(id, bytes, objects.hash())
            .map_err(|why| Fault::malformed(id.0, ObjectKind::Tag, why).into())
    }

    /// Parses the bytes of a tag object: `object`, `type`, `tag`, `tagger`, a
    /// message, and at its end at most one armoured signature.
    ///
    /// # Errors
    /// Says what is malformed.
    pub fn parse(id: TagId, object: &[u8], hash: HashKind) -> Result<Self, String> {
        let (headers, message_start) = header::split(object)?;
        let keys: Vec<&[u8]> = headers.iter().map(|h| h.key).collect();
        if keys != [&b"object"[..], b"type", b"tag", b"tagger"] {
            return Err("its headers are not object, type, tag and tagger, each once".into());
        }
        let mut lines = headers.iter();
        let mut value = || {
            let header = lines.next().ok_or("a header is missing")?;
            if header.range.len() != header.key.len() + 1 + header.first_line.len() + 1 {
                return Err(format!("header {} is folded", header::show(header.key)));
            }
            Ok::<_, String>(header.first_line)
        };
        let target = value()?;
        let target = parse_hex(target)
            .filter(|id| id.kind() == hash)
            .ok_or_else(|| format!("{} is no object id", header::show(target)))?;
        let target_kind = match value()? {
            b"commit" => ObjectKind::Commit,
            b"tag" => ObjectKind::Tag,
            b"tree" => ObjectKind::Tree,
            b"blob" => ObjectKind::Blob,
            other => return Err(format!("it tags a {}", header::show(other))),
        };
        let name = value()?.into();
        let tagger = Ident::parse(value()?).map_err(|why| format!("tagger: {why}"))?;
        let body = object.get(message_start..).unwrap_or_default();
        let starts: Vec<usize> = line_starts(body)
            .filter(|at| {
                body.get(*at..)
                    .is_some_and(|rest| ARMOUR_BEGINS.iter().any(|b| rest.starts_with(b)))
            })
            .collect();
        let (message, signature) = match starts.as_slice() {
            [] => (body, None),
            [start] => {
                let payload = object.get(..message_start + start).unwrap_or_default();
                let signature = body.get(*start..).unwrap_or_default();
                (
                    body.get(..*start).unwrap_or_default(),
                    Some(Signed { signature: signature.into(), payload: payload.into() }),
                )
            }
            _ => return Err("it holds more than one signature".into()),
        };
        Ok(Self { id, target, target_kind, name, tagger, signature, message: message.into() })
    }
}

fn line_starts(text: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let after_newlines =
        text.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(after_newlines)
}
