//! Trees, read strictly from raw bytes.

use std::cmp::Ordering;

use super::fault::{Fault, ObjectKind, ReadError};
use super::objects::Objects;
use crate::id::{HashKind, ObjectId, TreeId};
use crate::limits::Limits;

/// What a tree entry is, in git's canonical modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// A directory, 040000.
    Tree,
    /// A plain file, 100644.
    File,
    /// An executable file, 100755.
    Executable,
    /// A symbolic link, 120000.
    Symlink,
    /// A commit of another repository (a submodule), 160000.
    Gitlink,
}

impl Mode {
    /// Returns the mode as `git diff-tree` writes it, six octal digits.
    #[must_use]
    pub fn as_octal(self) -> &'static str {
        match self {
            Self::Tree => "040000",
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
            Self::Gitlink => "160000",
        }
    }

    /// Reads the mode of an entry and makes it canonical as git does: file
    /// modes of old repositories (100664) count by their executable bit.
    fn parse(octal: &[u8]) -> Option<Self> {
        if !(5..=6).contains(&octal.len()) || octal.first() == Some(&b'0') {
            return None;
        }
        let mode = octal.iter().try_fold(0u32, |mode, digit| {
            matches!(digit, b'0'..=b'7').then(|| mode << 3 | u32::from(digit - b'0'))
        })?;
        match mode & 0o170_000 {
            0o040_000 if mode == 0o040_000 => Some(Self::Tree),
            0o100_000 if mode & 0o100 != 0 => Some(Self::Executable),
            0o100_000 => Some(Self::File),
            0o120_000 if mode == 0o120_000 => Some(Self::Symlink),
            0o160_000 if mode == 0o160_000 => Some(Self::Gitlink),
            _ => None,
        }
    }
}

/// One entry of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'t> {
    /// What it is.
    pub mode: Mode,
    /// Its name, raw.
    pub name: &'t [u8],
    /// What it names: a blob, a tree, or a commit of another repository.
    pub id: ObjectId,
}

/// The entries of one tree, in git's order, each name once.
#[derive(Clone, Debug)]
pub struct Tree {
    bytes: Vec<u8>,
    /// Mode, where the name begins, and where it ends; the id follows a NUL byte.
    entries: Vec<(Mode, u32, u32)>,
    hash: HashKind,
}

impl Tree {
    /// Returns the tree without entries.
    #[must_use]
    pub fn empty(hash: HashKind) -> Self {
        Self { bytes: Vec::new(), entries: Vec::new(), hash }
    }

    /// Reads the tree `id`. The empty tree need not be stored.
    ///
    /// # Errors
    /// A [`Fault`] if it is missing, is no tree, is too large or is not what git writes.
    pub fn read(objects: &impl Objects, id: TreeId, limits: &Limits) -> Result<Self, ReadError> {
        let hash = objects.hash();
        if id.0 == ObjectId::empty_tree(hash) {
            return Ok(Self::empty(hash));
        }
        let mut buffer = Vec::new();
        objects.read(&id.0, ObjectKind::Tree, ("tree-bytes", limits.tree_bytes), &mut buffer)?;
        Self::parse(buffer, hash)
            .map_err(|why| Fault::malformed(id.0, ObjectKind::Tree, why).into())
    }

    /// Parses the bytes of a tree object: `mode SP name NUL id`, sorted as git
    /// sorts, no name twice, none that names another directory.
    ///
    /// # Errors
    /// Says what is malformed.
    pub fn parse(bytes: Vec<u8>, hash: HashKind) -> Result<Self, String> {
        if u32::try_from(bytes.len()).is_err() {
            return Err("it has more than 4 GiB".into());
        }
        let mut entries: Vec<(Mode, u32, u32)> = Vec::new();
        let mut at = 0;
        let mut previous: Option<(Mode, &[u8])> = None;
        while let Some(rest) = bytes.get(at..).filter(|r| !r.is_empty()) {
            let truncated = || format!("entry at offset {at} is cut off");
            let space = rest.iter().take(8).position(|b| *b == b' ').ok_or_else(truncated)?;
            let octal = rest.get(..space).unwrap_or_default();
            let mode = Mode::parse(octal)
                .ok_or_else(|| format!("mode {} is not known", super::header::show(octal)))?;
            let name_start = space + 1;
            let name = rest.get(name_start..).unwrap_or_default();
            let len = name.iter().position(|b| *b == 0).ok_or_else(truncated)?;
            let name = name.get(..len).unwrap_or_default();
            check_name(name)?;
            if let Some((previous_mode, previous_name)) = previous {
                let shown = || super::header::show(name);
                match compare(previous_mode, previous_name, mode, name) {
                    Ordering::Less => {}
                    Ordering::Equal => {
                        return Err(format!(
                            "{} stands twice, and readers differ in which they take",
                            shown()
                        ));
                    }
                    Ordering::Greater => return Err(format!("{} is not in git's order", shown())),
                }
            }
            let end = name_start + len + 1 + hash.len_in_bytes();
            if rest.len() < end {
                return Err(truncated());
            }
            // Lossless: the whole was checked to fit above.
            entries.push((mode, (at + name_start) as u32, (at + name_start + len) as u32));
            previous = Some((mode, name));
            at += end;
        }
        let tree = Self { bytes, entries, hash };
        match tree.name_of_file_and_directory() {
            Some(name) => {
                Err(format!("{} is a file and a directory at once", super::header::show(name)))
            }
            None => Ok(tree),
        }
    }

    /// A file and a directory of one name do not stand beside each other, so order alone does not find them.
    fn name_of_file_and_directory(&self) -> Option<&[u8]> {
        self.iter()
            .filter(|e| e.mode == Mode::Tree)
            .map(|e| e.name)
            .find(|name| self.search(Mode::File, name).is_some())
    }

    /// Returns the entries in git's order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.entries.iter().map(|entry| self.entry(*entry))
    }

    /// Returns the number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Says whether the tree has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn entry(&self, (mode, start, end): (Mode, u32, u32)) -> Entry<'_> {
        let (start, end) = (start as usize, end as usize);
        let id = self.bytes.get(end + 1..end + 1 + self.hash.len_in_bytes()).unwrap_or_default();
        Entry {
            mode,
            name: self.bytes.get(start..end).unwrap_or_default(),
            id: ObjectId::try_from(id).unwrap_or_else(|_| ObjectId::null(self.hash)),
        }
    }

    /// Returns the entry of that name, file or directory.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<Entry<'_>> {
        self.search(Mode::File, name).or_else(|| self.search(Mode::Tree, name))
    }

    fn search(&self, mode: Mode, name: &[u8]) -> Option<Entry<'_>> {
        let at = self
            .entries
            .binary_search_by(|entry| {
                let entry = self.entry(*entry);
                compare(entry.mode, entry.name, mode, name)
            })
            .ok()?;
        self.entries.get(at).map(|entry| self.entry(*entry))
    }
}

/// Compares names as git orders them in a tree: a directory as if `/` stood behind its name.
#[must_use]
pub fn compare(left_mode: Mode, left: &[u8], right_mode: Mode, right: &[u8]) -> Ordering {
    let end = |mode: Mode| if mode == Mode::Tree { b'/' } else { 0 };
    let shared = left.len().min(right.len());
    left.get(..shared).cmp(&right.get(..shared)).then_with(|| {
        let next = |name: &[u8], mode| name.get(shared).copied().unwrap_or(end(mode));
        next(left, left_mode).cmp(&next(right, right_mode)).then(left.len().cmp(&right.len()))
    })
}

/// Writes the entries of a tree, which must be sorted, as git stores them.
#[must_use]
pub fn write(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend_from_slice(entry.mode.as_octal().trim_start_matches('0').as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(entry.name);
        bytes.push(0);
        bytes.extend_from_slice(entry.id.as_slice());
    }
    bytes
}

fn check_name(name: &[u8]) -> Result<(), String> {
    let shown = || super::header::show(name);
    if name.is_empty() || name.contains(&b'/') {
        return Err(format!("{} is no name of an entry", shown()));
    }
    if matches!(name, b"." | b"..") || name.eq_ignore_ascii_case(b".git") {
        return Err(format!("{} would be taken for another directory", shown()));
    }
    Ok(())
}
