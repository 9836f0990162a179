//! Records of a block, from bytes.

use std::fmt;

use crate::id::{HashKind, ObjectId};

/// What is wrong with a table, and at which byte of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Place in the file, from 0.
    pub at: u64,
    /// What is wrong there.
    pub what: String,
}

impl Malformed {
    pub(super) fn new(at: u64, what: impl Into<String>) -> Self {
        Self { at, what: what.into() }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.at, self.what)
    }
}

/// What a table says of a ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// It was deleted, whatever older tables say.
    Deleted,
    /// It holds an object. What a tag object leads to stands beside it, and is not needed.
    Object(ObjectId),
    /// It holds the name of another ref, unchecked.
    Symbolic(Vec<u8>),
}

/// A place in bytes that is moved forward by reading.
#[derive(Clone, Debug)]
pub(super) struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Where in the file the bytes begin.
    start: u64,
}

impl<'b> Reader<'b> {
    /// Returns a reader of `bytes` from `at` on, which lie at `start` of the file.
    pub(super) fn new(bytes: &'b [u8], at: usize, start: u64) -> Self {
        Self { bytes, at, start }
    }

    /// Returns where it stands in the bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn wrong(&self, what: impl Into<String>) -> Malformed {
        Malformed::new(self.start + self.at as u64, what)
    }

    pub(super) fn take(&mut self, len: u64) -> Result<&'b [u8], Malformed> {
        let end = usize::try_from(len).ok().and_then(|len| self.at.checked_add(len));
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.wrong("a record reaches beyond its block"))?;
        self.at += taken.len();
        Ok(taken)
    }

    /// Reads a number as git writes offsets in packs: seven bits a byte, each further byte counting from one.
    pub(super) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value: u64 = 0;
        loop {
            let [byte] = *self.take(1)? else { return Err(self.wrong("a number without bytes")) };
            value |= u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            value = value
                .checked_add(1)
                .and_then(|value| value.checked_mul(0x80))
                .ok_or_else(|| self.wrong("a number has more than 64 bits"))?;
        }
    }

    /// Reads the key of a record into `key`, which holds that of the record before; returns the type.
    pub(super) fn key(&mut self, key: &mut Vec<u8>) -> Result<u8, Malformed> {
        let prefix_len = self.varint()?;
        let rest = self.varint()?;
        let kept = usize::try_from(prefix_len).ok().filter(|len| *len <= key.len());
        let kept = kept.ok_or_else(|| self.wrong("a name begins with more than the one before"))?;
        let suffix = self.take(rest >> 3)?;
        let in_order = key.get(kept..).is_some_and(|old| old < suffix);
        if !in_order {
            return Err(self.wrong("names are not in order"));
        }
        key.truncate(kept);
        key.extend_from_slice(suffix);
        Ok((rest & 7) as u8)
    }

    /// Reads the key of a record that stands at a restart point, and so is whole.
    pub(super) fn whole_key(&mut self) -> Result<&'b [u8], Malformed> {
        let prefix_len = self.varint()?;
        if prefix_len != 0 {
            return Err(self.wrong("the name at a restart point is not whole"));
        }
        let rest = self.varint()?;
        self.take(rest >> 3)
    }

    /// Reads the value of a ref of a type; its update lies within `updates` after the first of the table.
    pub(super) fn value(
        &mut self,
        kind: u8,
        hash: HashKind,
        updates: u64,
    ) -> Result<Value, Malformed> {
        if self.varint()? > updates {
            return Err(self.wrong("a ref is newer than its table"));
        }
        match kind {
            0 => Ok(Value::Deleted),
            1 => self.id(hash).map(Value::Object),
            2 => {
                let id = self.id(hash)?;
                self.id(hash)?;
                Ok(Value::Object(id))
            }
            3 => {
                let len = self.varint()?;
                self.take(len).map(|target| Value::Symbolic(target.to_vec()))
            }
            other => Err(self.wrong(format!("a ref of type {other}"))),
        }
    }

    fn id(&mut self, hash: HashKind) -> Result<ObjectId, Malformed> {
        let bytes = self.take(hash.len_in_bytes() as u64)?;
        let id = ObjectId::try_from(bytes).map_err(|_| self.wrong("no object id"))?;
        if id.is_null() {
            return Err(self.wrong("a ref that holds the null id"));
        }
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
        let mut reader = Reader::new(bytes, 0, 0);
        reader.varint().ok().map(|value| (value, reader.at()))
    }

    #[test]
    fn numbers_are_those_of_offsets_in_packs() {
        for (bytes, value) in [
            (&[0x00][..], 0),
            (&[0x7f], 0x7f),
            (&[0x80, 0x00], 0x80),
            (&[0xff, 0x7f], 0x407f),
            (&[0x80, 0x80, 0x00], 0x4080),
            (&[0x80, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0x7f], u64::MAX),
        ] {
            assert_eq!(varint(bytes), Some((value, bytes.len())), "{bytes:x?}");
        }
        for bytes in [
            &[][..],
            &[0x80],
            &[0x81, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0x7f],
            &[0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00],
        ] {
            assert_eq!(varint(bytes), None, "{bytes:x?}");
        }
    }

    #[test]
    fn a_name_shares_its_beginning_with_the_one_before() {
        let mut key = b"refs/heads/main".to_vec();
        let mut reader = Reader::new(b"\x0b\x1atop", 0, 0);
        assert_eq!(reader.key(&mut key), Ok(2));
        assert_eq!(key, b"refs/heads/top");
        for (bytes, what) in [
            (&b"\x0f\x02a"[..], "more than the one before"),
            (b"\x0b\x1alow", "not in order"),
            (b"\x0e\x00", "not in order"),
            (b"\x0b\x2atop", "beyond its block"),
        ] {
            let mut key = key.clone();
            let error = Reader::new(bytes, 0, 100).key(&mut key).expect_err(what);
            assert!(error.to_string().contains(what) && error.at >= 100, "{error}");
        }
    }

    #[test]
    fn values_of_refs() {
        let id = [7; 20];
        let read = |kind, bytes: &[u8]| Reader::new(bytes, 0, 0).value(kind, HashKind::Sha1, 3);
        assert_eq!(read(0, &[0]), Ok(Value::Deleted));
        assert_eq!(read(1, &[&[3][..], &id].concat()), Ok(Value::Object(ObjectId::Sha1(id))));
        let peeled = [&[0][..], &id, &[8; 20]].concat();
        assert_eq!(read(2, &peeled), Ok(Value::Object(ObjectId::Sha1(id))));
        assert_eq!(read(3, b"\x01\x03abc"), Ok(Value::Symbolic(b"abc".to_vec())));
        for (kind, bytes, what) in [
            (1, &[&[4][..], &id].concat()[..], "newer than its table"),
            (1, &[0; 21], "null id"),
            (1, &[1; 20], "beyond"),
            (2, &[1; 40], "beyond"),
            (3, b"\x01\x04abc", "beyond"),
            (4, b"\x01", "type 4"),
            (7, b"\x01", "type 7"),
            (0, b"", "beyond"),
        ] {
            let error = read(kind, bytes).expect_err(what);
            assert!(error.to_string().contains(what), "{error}");
        }
    }
}
