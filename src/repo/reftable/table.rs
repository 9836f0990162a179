//! One table: header, footer, and the way through the index to a name.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::block::{Block, Frame, Kind, Place};
use super::record::{Malformed, Value};
use crate::id::HashKind;

/// A table up to this size is read at once: two blocks, as git writes them.
const SMALL_BYTES: u64 = 8192;

/// What is read of a block whose table does not say how large blocks are, to begin with.
const BLOCK_BYTES: usize = 4096;

/// Where the bytes of a table are.
#[derive(Debug)]
pub enum Source {
    /// In memory.
    Memory(Vec<u8>),
    /// In an open file of so many bytes.
    File(File, u64),
}

impl Source {
    /// Returns the bytes of a file; those of a large one stay there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(file: File) -> std::io::Result<Self> {
        let len = file.metadata()?.len();
        let source = Self::File(file, len);
        if len > SMALL_BYTES {
            return Ok(source);
        }
        let len = usize::try_from(len).unwrap_or_default();
        source.read(0, len).map(Self::Memory).map_err(|error| std::io::Error::other(error.what))
    }

    fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, len) => *len,
        }
    }

    fn read(&self, at: u64, len: usize) -> Result<Vec<u8>, Malformed> {
        let ends_early = || Malformed::new(at, "the file ends before its content");
        match self {
            Self::Memory(bytes) => {
                let start = usize::try_from(at).map_err(|_| ends_early())?;
                let end = start.checked_add(len).ok_or_else(ends_early)?;
                bytes.get(start..end).map(<[u8]>::to_vec).ok_or_else(ends_early)
            }
            Self::File(file, size) => {
                if at.checked_add(len as u64).is_none_or(|end| end > *size) {
                    return Err(ends_early());
                }
                let mut bytes = vec![0; len];
                file.read_exact_at(&mut bytes, at)
                    .map_err(|error| Malformed::new(at, error.to_string()))?;
                Ok(bytes)
            }
        }
    }
}

/// A table of a stack.
#[derive(Debug)]
pub struct Table {
    source: Source,
    frame: Frame,
    /// Length of the header: 24 bytes, or 28 in version 2.
    header_len: usize,
    /// How blocks are aligned; 0 if they are not.
    block_size: u64,
    /// First and last update that the table holds.
    updates: (u64, u64),
    /// Where the ref blocks end at the latest; `None` if there are none.
    refs_end: Option<u64>,
    /// Where the top of the index begins and ends.
    index: Option<(u64, u64)>,
}

impl Table {
    /// Reads header and footer of a table in a repository with such object ids.
    ///
    /// # Errors
    /// They are not those of a table, or of one with other ids.
    pub fn open(source: Source, hash: HashKind) -> Result<Self, Malformed> {
        let header = Header::read(&source)?;
        if header.hash != hash {
            let what = format!("a table of {}, in a repository of {hash}", header.hash);
            return Err(Malformed::new(24, what));
        }
        let (header_len, footer_start) = (header.bytes.len(), header.footer_start);
        let [index, objects, object_index, logs, log_index] = header.sections(&source)?;
        let first = header_len as u64;
        let is_empty = footer_start == first;
        let kind = if is_empty { None } else { source.read(first, 1)?.first().copied() };
        let sections = [index, objects, object_index, logs, log_index];
        let places: Vec<u64> = sections.into_iter().filter(|place| *place != 0).collect();
        let in_order = places.is_sorted_by(|left, right| left < right)
            && places.iter().all(|place| (first..footer_start).contains(place));
        let has_refs = kind == Some(b'r');
        let fits = match kind {
            Some(b'r') => true,
            // Logs alone: they begin where refs would.
            Some(b'g') => [index, objects, object_index] == [0; 3] && matches!(logs, 0 | 24 | 28),
            Some(_) => false,
            None => places.is_empty(),
        };
        if !in_order || !fits {
            let what = "the places of its parts cannot be";
            return Err(Malformed::new(footer_start, what));
        }
        let after = |place: u64| places.iter().copied().find(|next| *next > place);
        let end = |place| after(place).unwrap_or(footer_start);
        Ok(Self {
            source,
            frame: Frame { hash, updates: header.updates.1 - header.updates.0 },
            header_len,
            block_size: header.block_size,
            updates: header.updates,
            refs_end: has_refs.then(|| end(0)),
            index: (index != 0).then(|| (index, end(index))),
        })
    }

    /// Returns the first and the last update that the table holds.
    #[must_use]
    pub fn updates(&self) -> (u64, u64) {
        self.updates
    }

    /// Returns what the table says of a ref; `None` if nothing.
    ///
    /// # Errors
    /// What leads to the record, or the record, is not as the format has it.
    pub fn find(&self, name: &[u8]) -> Result<Option<Value>, Malformed> {
        let found = self.seek(name)?.next()?;
        Ok(found.filter(|(key, _)| key == name).map(|(_, value)| value))
    }

    /// Returns the records from a name on: first that of `want`, or of the next name.
    ///
    /// # Errors
    /// What leads there is not as the format has it.
    pub fn seek(&self, want: &[u8]) -> Result<Cursor<'_>, Malformed> {
        let mut cursor = Cursor { table: self, block: None, found: None };
        let Some(refs_end) = self.refs_end else { return Ok(cursor) };
        let indexed = match self.index {
            Some(index) => match self.descend(want, index, refs_end)? {
                Some(start) => Some(start),
                None => return Ok(cursor),
            },
            None => None,
        };
        let mut block = self.block(indexed.unwrap_or(0), Kind::Refs, refs_end)?;
        loop {
            let mut place = block.near(want)?;
            while let Some(value) = block.next_ref(&mut place, self.frame)? {
                if place.key.as_slice() >= want {
                    cursor.found = Some((place.key.clone(), value));
                    cursor.block = Some((block, place));
                    return Ok(cursor);
                }
            }
            if indexed.is_some() {
                let what = "a block ends before the name that the index gives as its last";
                return Err(Malformed::new(block.start, what));
            }
            match self.following(&block, refs_end)? {
                Some(next) => block = self.block(next, Kind::Refs, refs_end)?,
                None => return Ok(cursor),
            }
        }
    }

    /// Returns where the block lies that `want` is in, if it is in the table.
    fn descend(
        &self,
        want: &[u8],
        (top, end): (u64, u64),
        refs_end: u64,
    ) -> Result<Option<u64>, Malformed> {
        let mut block = self.block(top, Kind::Index, end)?;
        // The top may be several blocks, one behind the other.
        let mut position = loop {
            if let Some(position) = entry(&block, want)? {
                break position;
            }
            match self.following(&block, end)? {
                Some(next) => block = self.block(next, Kind::Index, end)?,
                None => return Ok(None),
            }
        };
        loop {
            // Lower levels of the index lie between the refs and the top.
            if self.kind(position, refs_end)? == Kind::Refs {
                return Ok(Some(position));
            }
            block = self.block(position, Kind::Index, top)?;
            position = entry(&block, want)?.ok_or_else(|| {
                let what = "an index ends before the name that the one above gives as its last";
                Malformed::new(block.start, what)
            })?;
        }
    }

    /// Returns the last name of the index.
    fn last_name(&self, (top, end): (u64, u64)) -> Result<Vec<u8>, Malformed> {
        let mut block = self.block(top, Kind::Index, end)?;
        while let Some(next) = self.following(&block, end)? {
            block = self.block(next, Kind::Index, end)?;
        }
        let mut place = block.begin();
        while block.next_entry(&mut place)?.is_some() {}
        Ok(place.key)
    }

    /// Returns how many bytes of the file's header stand before the head of a block.
    fn before(&self, start: u64) -> usize {
        if start == 0 { self.header_len } else { 0 }
    }

    fn kind(&self, start: u64, end: u64) -> Result<Kind, Malformed> {
        let head = self.source.read(start, self.before(start) + Block::HEAD)?;
        let kind = Block::head(&head, self.before(start)).and_then(|(kind, _)| Kind::of(kind));
        kind.filter(|_| start < end)
            .ok_or_else(|| Malformed::new(start, "neither refs nor an index"))
    }

    /// Reads the block that begins at `start`, and ends before `end`.
    fn block(&self, start: u64, kind: Kind, end: u64) -> Result<Block, Malformed> {
        let wrong = |what: &str| Malformed::new(start, what);
        let room = end.checked_sub(start).ok_or_else(|| wrong("a block beyond its part"))?;
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let usual = usize::try_from(self.block_size).unwrap_or(0);
        let first = if usual == 0 { BLOCK_BYTES } else { usual }.min(room);
        let mut bytes = self.source.read(start, first)?;
        let before = self.before(start);
        let (found, len) =
            Block::head(&bytes, before).ok_or_else(|| wrong("no room for a block"))?;
        if Kind::of(found) != Some(kind) {
            return Err(wrong("a block of another kind"));
        }
        let too_long = kind == Kind::Refs && usual != 0 && len > usual;
        if len > room || too_long {
            return Err(wrong("a block longer than there is room for"));
        }
        if len > bytes.len() {
            bytes = self.source.read(start, len)?;
        }
        bytes.truncate(len);
        Block::parse(bytes, start, before, kind)
    }

    /// Returns where the block behind another one begins; `None` if there is none of its kind before `end`.
    fn following(&self, block: &Block, end: u64) -> Result<Option<u64>, Malformed> {
        let behind = block.start + block.len();
        if behind == end {
            return Ok(None);
        }
        let mut next = behind;
        if self.block_size != 0 {
            let aligned = behind.next_multiple_of(self.block_size).min(end);
            // git takes a byte that is no padding for the next block.
            let padding = usize::try_from(aligned - behind).unwrap_or(usize::MAX);
            let padding = self.source.read(behind, padding)?;
            if padding.first().is_none_or(|byte| *byte == 0) {
                next = aligned;
                if padding.iter().any(|byte| *byte != 0) {
                    return Err(Malformed::new(behind, "padding that is none"));
                }
            }
        }
        if next == end {
            return Ok(None);
        }
        match (block.kind, self.kind(next, end)?) {
            (Kind::Refs, Kind::Refs) | (Kind::Index, Kind::Index) => Ok(Some(next)),
            // Behind the refs come the lower levels of their index.
            (Kind::Refs, Kind::Index) if self.index.is_some() => Ok(None),
            (Kind::Refs, Kind::Index) | (Kind::Index, Kind::Refs) => {
                Err(Malformed::new(next, "a block of another kind"))
            }
        }
    }
}

/// Returns where an index leads to for a name; `None` if all that it speaks of is before it.
fn entry(block: &Block, want: &[u8]) -> Result<Option<u64>, Malformed> {
    let mut place = block.near(want)?;
    while let Some(position) = block.next_entry(&mut place)? {
        if place.key.as_slice() >= want {
            return Ok(Some(position));
        }
    }
    Ok(None)
}

/// Goes through the refs of a table in order.
#[derive(Debug)]
pub struct Cursor<'t> {
    table: &'t Table,
    block: Option<(Block, Place)>,
    /// What seeking has read already.
    found: Option<(Vec<u8>, Value)>,
}

impl Cursor<'_> {
    /// Returns the next name and what the table says of it; `None` behind the last.
    ///
    /// # Errors
    /// It is not as the format has it.
    #[expect(clippy::should_implement_trait, reason = "it fails, and is no iterator then")]
    pub fn next(&mut self) -> Result<Option<(Vec<u8>, Value)>, Malformed> {
        if let Some(found) = self.found.take() {
            return Ok(Some(found));
        }
        let (Some((block, place)), Some(refs_end)) = (&mut self.block, self.table.refs_end) else {
            return Ok(None);
        };
        let frame = self.table.frame;
        if let Some(value) = block.next_ref(place, frame)? {
            return Ok(Some((place.key.clone(), value)));
        }
        let last = std::mem::take(&mut place.key);
        let Some(start) = self.table.following(block, refs_end)? else {
            let at = block.start;
            self.block = None;
            // A block that is taken for another kind would cut the refs off here.
            if let Some(index) = self.table.index
                && self.table.last_name(index)? != last
            {
                return Err(Malformed::new(at, "refs end before the last one of their index"));
            }
            return Ok(None);
        };
        let block = self.table.block(start, Kind::Refs, refs_end)?;
        let mut place = block.begin();
        let value = block.next_ref(&mut place, frame)?;
        let value = value.ok_or_else(|| Malformed::new(start, "a block without refs"))?;
        if place.key <= last {
            return Err(Malformed::new(start, "names are not in order"));
        }
        let key = place.key.clone();
        self.block = Some((block, place));
        Ok(Some((key, value)))
    }
}

/// The header of a table.
struct Header {
    bytes: Vec<u8>,
    block_size: u64,
    updates: (u64, u64),
    hash: HashKind,
    footer_start: u64,
}

impl Header {
    fn read(source: &Source) -> Result<Self, Malformed> {
        let wrong = |at: u64, what: &str| Malformed::new(at, what);
        let start = source.read(0, 24)?;
        let [magic @ .., version] = start.get(..5).unwrap_or_default() else {
            return Err(wrong(0, "no header"));
        };
        if magic != b"REFT" {
            return Err(wrong(0, "no reftable"));
        }
        let (bytes, hash) = match version {
            1 => (start, HashKind::Sha1),
            2 => {
                let bytes = source.read(0, 28)?;
                let hash = match bytes.get(24..) {
                    Some(b"sha1") => HashKind::Sha1,
                    Some(b"s256") => HashKind::Sha256,
                    Some(_) | None => return Err(wrong(24, "an unknown kind of object ids")),
                };
                (bytes, hash)
            }
            other => return Err(wrong(4, &format!("version {other} is not known"))),
        };
        let block_size = number(&bytes, 5, 3);
        let updates = (number(&bytes, 8, 8), number(&bytes, 16, 8));
        if updates.0 > updates.1 {
            return Err(wrong(8, "its first update comes after its last"));
        }
        let footer_len = (bytes.len() + FOOTER_BYTES) as u64;
        let footer_start = source.len().checked_sub(footer_len);
        let footer_start = footer_start
            .filter(|start| *start >= bytes.len() as u64)
            .ok_or_else(|| wrong(0, "no room for a footer"))?;
        Ok(Self { bytes, block_size, updates, hash, footer_start })
    }

    /// Reads the footer: returns where the parts of the table begin, in their order.
    fn sections(&self, source: &Source) -> Result<[u64; 5], Malformed> {
        let len = self.bytes.len();
        let footer = source.read(self.footer_start, len + FOOTER_BYTES)?;
        let (checked, sum) = footer.split_at_checked(len + FOOTER_BYTES - 4).unwrap_or_default();
        if u64::from(crc32fast::hash(checked)) != number(sum, 0, 4) {
            return Err(Malformed::new(self.footer_start, "the checksum of the footer is wrong"));
        }
        if !footer.starts_with(&self.bytes) {
            return Err(Malformed::new(self.footer_start, "header and footer differ"));
        }
        let place = |index: usize| number(&footer, len + index * 8, 8);
        // The lower bits are the length of abbreviated ids there.
        Ok([place(0), place(1) >> 5, place(2), place(3), place(4)])
    }
}

/// What the footer has besides the header: five places and a checksum.
const FOOTER_BYTES: usize = 5 * 8 + 4;

/// Returns the number in so many bytes, the highest first.
fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    let bytes = bytes.get(at..at + len).unwrap_or_default();
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ObjectId;

    /// A block of whole names, each with a restart point; `before` bytes of the file stand in it.
    fn block(kind: u8, before: usize, records: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = vec![kind, 0, 0, 0];
        let mut restarts = Vec::new();
        for (name, rest) in records {
            restarts.extend([0, 0, u8::try_from(before + bytes.len()).expect("short")]);
            let kind = u8::from(kind == b'r');
            bytes.extend([0, u8::try_from(name.len() << 3).expect("short") | kind]);
            bytes.extend(name.as_bytes());
            bytes.extend(rest);
        }
        let count = u8::try_from(records.len()).expect("few");
        bytes.extend(restarts);
        bytes.extend([0, count]);
        bytes.splice(1..4, [0, 0, u8::try_from(before + bytes.len()).expect("short")]);
        bytes
    }

    fn header(version: u8, block_size: u8) -> Vec<u8> {
        let mut bytes = b"REFT".to_vec();
        bytes.extend([version, 0, 0, block_size]);
        bytes.extend(3u64.to_be_bytes());
        bytes.extend(7u64.to_be_bytes());
        if version == 2 {
            bytes.extend(b"s256");
        }
        bytes
    }

    /// Adds a footer to header and blocks.
    fn finish(mut bytes: Vec<u8>, header: &[u8], index: usize) -> Vec<u8> {
        let start = bytes.len();
        bytes.extend(header);
        bytes.extend((index as u64).to_be_bytes());
        bytes.extend([0; 32]);
        let sum = crc32fast::hash(bytes.get(start..).expect("the footer"));
        bytes.extend(sum.to_be_bytes());
        bytes
    }

    fn name(number: u8) -> String {
        format!("n{number:02}")
    }

    /// Three blocks of three refs each without padding, as git reads but does not write them, and an index.
    fn unaligned(block_size: u8) -> Vec<u8> {
        let header = header(1, block_size);
        let mut bytes = header.clone();
        let mut index = Vec::new();
        for group in 0..3u8 {
            let before = if group == 0 { header.len() } else { 0 };
            let start = u8::try_from(bytes.len() - before).expect("short");
            let records: Vec<_> = (0..3)
                .map(|n| (name(group * 3 + n), [&[2][..], &[group * 3 + n + 1; 20]].concat()))
                .collect();
            bytes.extend(block(b'r', before, &records));
            // A number beyond 127 has two bytes.
            let position = if start < 128 { vec![start] } else { vec![0x80, start - 128] };
            index.push((name(group * 3 + 2), position));
        }
        let top = bytes.len();
        bytes.extend(block(b'i', 0, &index));
        finish(bytes, &header, top)
    }

    fn open(bytes: Vec<u8>) -> Result<Table, Malformed> {
        Table::open(Source::Memory(bytes), HashKind::Sha1)
    }

    #[test]
    fn blocks_without_padding_are_read() {
        // 255 is a size that says nothing where no block is padded to it.
        for block_size in [0, 255] {
            let table = open(unaligned(block_size)).expect("a table");
            assert_eq!(table.updates(), (3, 7));
            let mut cursor = table.seek(b"n01").expect("a table");
            for number in 1..9 {
                let value = Value::Object(ObjectId::Sha1([number + 1; 20]));
                assert_eq!(cursor.next(), Ok(Some((name(number).into_bytes(), value.clone()))));
                assert_eq!(table.find(name(number).as_bytes()), Ok(Some(value)));
            }
            assert_eq!(cursor.next(), Ok(None));
            assert_eq!(cursor.next(), Ok(None));
            for absent in ["", "a", "n", "n000", "n031", "n09", "z"] {
                assert_eq!(table.find(absent.as_bytes()), Ok(None), "{absent}");
            }
        }
    }

    #[test]
    fn an_index_that_promises_what_its_block_does_not_hold() {
        let good = unaligned(0);
        // The last name of the index becomes a later one.
        let at = good.len() - 68 - 2 - 9 - 3;
        assert_eq!(good.get(at), Some(&b'8'));
        let mut bytes = good;
        bytes.splice(at..=at, *b"9");
        let table = open(bytes).expect("header and footer are whole");
        assert!(table.find(b"n09").is_err(), "promised, and not there");
        assert_eq!(table.find(b"n08").map(|found| found.is_some()), Ok(true));
        let mut cursor = table.seek(b"n08").expect("a table");
        assert!(cursor.next().is_ok());
        assert!(cursor.next().is_err(), "the list ends before what the index promises");
    }

    #[test]
    fn a_table_may_be_empty() {
        let table = open(finish(header(1, 0), &header(1, 0), 0)).expect("a table");
        assert_eq!(table.find(b"HEAD"), Ok(None));
        assert_eq!(table.seek(b"").expect("a table").next(), Ok(None));
        let newer = finish(header(2, 0), &header(2, 0), 0);
        let table = Table::open(Source::Memory(newer.clone()), HashKind::Sha256);
        assert_eq!(table.expect("a table").find(b"HEAD"), Ok(None));
        assert!(open(newer).is_err(), "other ids");
        assert!(open(finish(header(1, 0), &header(1, 0), 24)).is_err(), "an index of nothing");
    }

    #[test]
    fn headers_and_footers_that_cannot_be_are_refused() {
        for (version, word) in [(0, "version 0"), (3, "version 3")] {
            let error = open(finish(header(version, 0), &header(version, 0), 0)).expect_err(word);
            assert!(error.to_string().contains(word), "{error}");
        }
        let error = open(finish(header(1, 0), &header(1, 1), 0)).expect_err("two headers");
        assert!(error.to_string().contains("header and footer differ"), "{error}");
        let mut backwards = header(1, 0);
        backwards.splice(15..16, [9]);
        assert!(open(finish(backwards.clone(), &backwards, 0)).is_err());
        for other in [b'o', b'i', 0] {
            let mut bytes = header(1, 0);
            bytes.extend(block(other, 24, &[(name(1), vec![0; 21])]));
            assert!(open(finish(bytes, &header(1, 0), 0)).is_err(), "{other}");
        }
    }
}
