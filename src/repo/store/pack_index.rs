//! The index of one pack (`gitformat-pack(5)`, version 2), asked without being read whole.
//!
//! The fan-out table is kept; a lookup then reads the few ids that begin with
//! the same byte, and one offset.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::id::{HashKind, ObjectId};

/// The signature and the version of the only format that git has written since 2008.
const MAGIC: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];

const FAN: usize = 256;

/// Where the table of ids begins.
const IDS_AT: u64 = 8 + 4 * FAN as u64;

/// So many ids are read at once, when halving has come down to them.
const WINDOW: u32 = 128;

/// An index, open.
pub(super) struct PackIndex {
    file: File,
    hash_len: u64,
    /// How many ids begin with at most that byte.
    fan: Box<[u32; FAN]>,
    /// Offsets of 8 bytes that the index holds.
    large: u64,
}

impl PackIndex {
    /// Opens an index; `None` if it is gone.
    ///
    /// # Errors
    /// It cannot be read, or is no index of version 2.
    pub(super) fn open(path: &Path, hash: HashKind) -> Result<Option<Self>> {
        let step = || format!("opening {}", path.display());
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).during(ErrorKind::Repository, step),
        };
        let len = file.metadata().during(ErrorKind::Repository, step)?.len();
        Self::read(file, len, hash)
            .map(Some)
            .map_err(|error| error.while_(step()).hint("write the packs anew: git repack -ad"))
    }

    fn read(file: File, len: u64, hash: HashKind) -> Result<Self> {
        let mut head = [0; IDS_AT as usize];
        file.read_exact_at(&mut head, 0)
            .during(ErrorKind::Repository, || "its first bytes".into())?;
        let (magic, table) = head.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(broken("it is no pack index of version 2"));
        }
        let mut fan = Box::new([0; FAN]);
        let mut before = 0;
        for (count, bytes) in fan.iter_mut().zip(table.chunks_exact(4)) {
            *count = number(bytes);
            if *count < before {
                return Err(broken("its fan-out table does not grow"));
            }
            before = *count;
        }
        let hash_len = hash.len_in_bytes() as u64;
        let objects = u64::from(before);
        let fixed = IDS_AT + objects * (hash_len + 8) + 2 * hash_len;
        match len.checked_sub(fixed) {
            Some(rest) if rest % 8 == 0 && rest / 8 <= objects => {
                Ok(Self { file, hash_len, fan, large: rest / 8 })
            }
            _ => Err(broken(&format!("{len} bytes cannot be an index of {objects} objects"))),
        }
    }

    /// Returns where the pack holds an object, if it does.
    ///
    /// # Errors
    /// The index cannot be read, or contradicts itself.
    pub(super) fn offset_of(&self, id: &ObjectId) -> Result<Option<u64>> {
        let first = usize::from(id.first_byte());
        let below = first.checked_sub(1).and_then(|at| self.fan.get(at)).copied().unwrap_or(0);
        let mut low = below;
        let mut high = self.fan.get(first).copied().unwrap_or(below);
        let mut bytes = Vec::new();
        while high - low > WINDOW {
            let middle = low + (high - low) / 2;
            self.ids(middle, 1, &mut bytes)?;
            if bytes.as_slice() <= id.as_bytes() { low = middle } else { high = middle }
        }
        if low == high {
            return Ok(None);
        }
        self.ids(low, high - low, &mut bytes)?;
        let found = bytes
            .chunks_exact(id.as_bytes().len())
            .zip(low..)
            .find(|(candidate, _)| *candidate == id.as_bytes());
        found.map(|(_, at)| self.offset(at)).transpose()
    }

    fn ids(&self, from: u32, count: u32, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.resize(count as usize * self.hash_len as usize, 0);
        self.read_at(bytes, IDS_AT + u64::from(from) * self.hash_len)
    }

    fn offset(&self, at: u32) -> Result<u64> {
        let objects = u64::from(self.fan.last().copied().unwrap_or(0));
        // Behind the ids stand a checksum and an offset of 4 bytes for each.
        let offsets_at = IDS_AT + objects * (self.hash_len + 4);
        let mut small = [0; 4];
        self.read_at(&mut small, offsets_at + 4 * u64::from(at))?;
        let offset = number(&small);
        let Some(index) = offset.checked_sub(1 << 31).map(u64::from) else {
            return Ok(u64::from(offset));
        };
        if index >= self.large {
            return Err(broken("an offset points behind the end of the index"));
        }
        let mut large = [0; 8];
        self.read_at(&mut large, offsets_at + 4 * objects + 8 * index)?;
        Ok(u64::from_be_bytes(large))
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> Result<()> {
        self.file
            .read_exact_at(bytes, at)
            .during(ErrorKind::Repository, || "reading the index of a pack".into())
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn broken(why: &str) -> Error {
    Error::new(ErrorKind::Repository, why)
}
