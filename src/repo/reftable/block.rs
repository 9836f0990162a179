//! A block of refs or of an index: records with shared beginnings, and the restart points among them.

use super::record::{Malformed, Reader, Value};
use crate::id::HashKind;

/// What the records of a block are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Refs.
    Refs,
    /// Names of the last records of other blocks, and where these blocks lie.
    Index,
}

impl Kind {
    /// Returns the kind that the first byte of a block stands for.
    pub(super) fn of(byte: u8) -> Option<Self> {
        match byte {
            b'r' => Some(Self::Refs),
            b'i' => Some(Self::Index),
            _ => None,
        }
    }
}

/// One block.
#[derive(Debug)]
pub(super) struct Block {
    /// Where it lies in the file.
    pub(super) start: u64,
    pub(super) kind: Kind,
    /// From `start` to the end of the restart points; in the first block of a file with the file's header.
    bytes: Vec<u8>,
    /// Where the first record begins.
    first: usize,
    /// Places of records whose names are whole, ascending.
    restarts: Vec<usize>,
    /// Where the records end.
    end: usize,
}

/// The place of a record in a block, with the name that was read last.
#[derive(Debug)]
pub(super) struct Place {
    at: usize,
    /// How many restart points lie behind.
    passed: usize,
    pub(super) key: Vec<u8>,
}

/// What all ids and updates of a table are measured by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) hash: HashKind,
    /// The last update less the first.
    pub(super) updates: u64,
}

impl Block {
    /// The bytes before the first record: kind and length.
    pub(super) const HEAD: usize = 4;

    /// Returns kind and length of the block whose head stands at `at` of bytes.
    pub(super) fn head(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
        match *bytes.get(at..at.checked_add(Self::HEAD)?)? {
            [kind, a, b, c] => Some((kind, u24([a, b, c]))),
            _ => None,
        }
    }

    /// Returns the block of these bytes, which end where it ends; `before` bytes of them are the file's header.
    pub(super) fn parse(
        bytes: Vec<u8>,
        start: u64,
        before: usize,
        kind: Kind,
    ) -> Result<Self, Malformed> {
        let wrong = |at: usize, what: &str| Malformed::new(start + at as u64, what);
        let first = before + Self::HEAD;
        let len = bytes.len();
        let count = match bytes.get(len.saturating_sub(2)..) {
            Some(&[a, b]) if len >= first + 2 => usize::from(u16::from_be_bytes([a, b])),
            _ => return Err(wrong(len, "a block too short for its head")),
        };
        let end = (len - 2).checked_sub(3 * count).filter(|end| count > 0 && *end > first);
        let end = end.ok_or_else(|| wrong(len, "the number of restart points cannot be"))?;
        let table = bytes.get(end..len - 2).unwrap_or_default();
        let restarts: Vec<usize> =
            table.as_chunks::<3>().0.iter().map(|bytes| u24(*bytes)).collect();
        let ascending = restarts.is_sorted_by(|left, right| left < right);
        let within = restarts.last().is_some_and(|last| *last < end);
        if restarts.first() != Some(&first) || !ascending || !within {
            return Err(wrong(end, "the restart points are not those of its records"));
        }
        Ok(Self { start, kind, bytes, first, restarts, end })
    }

    /// Returns its length, padding left out.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Returns the place of the first record.
    pub(super) fn begin(&self) -> Place {
        Place { at: self.first, passed: 0, key: Vec::new() }
    }

    /// Returns the place of a record such that none before it bears `want` or a later name.
    ///
    /// Found by bisection; the few records up to the next restart point have to be read.
    pub(super) fn near(&self, want: &[u8]) -> Result<Place, Malformed> {
        let (mut low, mut high) = (0, self.restarts.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let at = self.restarts.get(middle).copied().unwrap_or(self.end);
            if self.reader(at).whole_key()? <= want {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let passed = low.saturating_sub(1);
        let at = self.restarts.get(passed).copied().unwrap_or(self.first);
        Ok(Place { at, passed, key: Vec::new() })
    }

    /// Reads the ref at a place and goes on; `None` behind the last one.
    pub(super) fn next_ref(
        &self,
        place: &mut Place,
        frame: Frame,
    ) -> Result<Option<Value>, Malformed> {
        let Some((mut reader, kind)) = self.next_key(place)? else { return Ok(None) };
        let value = reader.value(kind, frame.hash, frame.updates)?;
        place.at = reader.at();
        Ok(Some(value))
    }

    /// Reads the entry of an index at a place and goes on; returns where the block lies that it speaks of.
    pub(super) fn next_entry(&self, place: &mut Place) -> Result<Option<u64>, Malformed> {
        let Some((mut reader, kind)) = self.next_key(place)? else { return Ok(None) };
        if kind != 0 {
            return Err(reader.wrong(format!("an index entry of type {kind}")));
        }
        let position = reader.varint()?;
        // Indexes are written after what they speak of, so that going down comes to an end.
        if position >= self.start {
            return Err(reader.wrong("an index entry that leads forward"));
        }
        place.at = reader.at();
        Ok(Some(position))
    }

    fn next_key(&self, place: &mut Place) -> Result<Option<(Reader<'_>, u8)>, Malformed> {
        let mut reader = self.reader(place.at);
        match self.restarts.get(place.passed) {
            Some(restart) if *restart < place.at => {
                return Err(reader.wrong("a restart point inside of a record"));
            }
            Some(restart) if *restart == place.at => {
                place.passed += 1;
                self.reader(place.at).whole_key()?;
            }
            Some(_) | None => {}
        }
        if place.at >= self.end {
            return Ok(None);
        }
        let kind = reader.key(&mut place.key)?;
        Ok(Some((reader, kind)))
    }

    fn reader(&self, at: usize) -> Reader<'_> {
        Reader::new(self.bytes.get(..self.end).unwrap_or_default(), at, self.start)
    }
}

fn u24([a, b, c]: [u8; 3]) -> usize {
    usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An index block at byte 1000 with these entries, each name whole, a restart point at those of `restarts`.
    fn index(entries: &[(&str, u8)], restarts: &[usize]) -> Vec<u8> {
        let mut bytes = b"i\0\0\0".to_vec();
        let mut table = Vec::new();
        for (number, (name, position)) in entries.iter().enumerate() {
            if restarts.contains(&number) {
                table.extend([0, 0, u8::try_from(bytes.len()).expect("short")]);
            }
            bytes.extend([0, u8::try_from(name.len() << 3).expect("short")]);
            bytes.extend(name.as_bytes());
            bytes.push(*position);
        }
        let count = u8::try_from(table.len() / 3).expect("few");
        bytes.extend(table);
        bytes.extend([0, count]);
        bytes
    }

    fn parse(bytes: Vec<u8>) -> Result<Block, Malformed> {
        Block::parse(bytes, 1000, 0, Kind::Index)
    }

    fn find(block: &Block, want: &str) -> Option<(String, u64)> {
        let mut place = block.near(want.as_bytes()).expect("sane");
        while let Some(position) = block.next_entry(&mut place).expect("sane") {
            if place.key.as_slice() >= want.as_bytes() {
                return Some((String::from_utf8(place.key).expect("UTF-8"), position));
            }
        }
        None
    }

    #[test]
    fn the_first_name_that_is_not_before_the_wanted_one() {
        let entries = [("b", 1), ("d", 2), ("f", 3), ("h", 4), ("j", 5)];
        for restarts in [&[0][..], &[0, 1, 2, 3, 4], &[0, 2], &[0, 3, 4]] {
            let block = parse(index(&entries, restarts)).expect("a block");
            for (want, name, position) in [
                ("a", "b", 1),
                ("b", "b", 1),
                ("c", "d", 2),
                ("d", "d", 2),
                ("e", "f", 3),
                ("i", "j", 5),
                ("j", "j", 5),
            ] {
                assert_eq!(
                    find(&block, want),
                    Some((name.into(), position)),
                    "{want} {restarts:?}"
                );
            }
            assert_eq!(find(&block, "k"), None);
            assert_eq!(find(&block, "ja"), None);
        }
    }

    #[test]
    fn blocks_that_cannot_be_are_refused() {
        let good = index(&[("b", 1), ("d", 2)], &[0, 1]);
        assert!(parse(good.clone()).is_ok());
        for len in 0..good.len() {
            assert!(parse(good.get(..len).unwrap_or_default().to_vec()).is_err(), "{len}");
        }
        for restarts in [&[][..], &[1]] {
            assert!(parse(index(&[("b", 1), ("d", 2)], restarts)).is_err(), "{restarts:?}");
        }
        // Two restart points in one place, and one inside of a record.
        let table = good.len() - 8;
        let mut twice = good.clone();
        twice.splice(table + 3..table + 6, [0, 0, 4]);
        assert!(parse(twice).is_err());
        let mut inside = good;
        inside.splice(table + 3..table + 6, [0, 0, 5]);
        let block = parse(inside).expect("only its records tell");
        let mut place = block.begin();
        let all = std::iter::from_fn(|| block.next_entry(&mut place).transpose());
        assert!(all.collect::<Result<Vec<_>, _>>().is_err());
    }

    #[test]
    fn an_index_leads_back_and_names_are_in_order() {
        for entries in [[("b", 1), ("b", 2)], [("d", 1), ("b", 2)]] {
            let block = parse(index(&entries, &[0])).expect("a block");
            let mut place = block.begin();
            assert_eq!(block.next_entry(&mut place), Ok(Some(1)));
            assert!(block.next_entry(&mut place).is_err(), "{entries:?}");
        }
        let forward = Block::parse(index(&[("b", 9)], &[0]), 9, 0, Kind::Index).expect("a block");
        assert!(forward.next_entry(&mut forward.begin()).is_err());
    }
}
