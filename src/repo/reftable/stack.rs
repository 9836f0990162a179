//! The tables of a repository, read while git writes and packs them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::record::{Malformed, Value};
use super::table::{Source, Table};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::id::HashKind;
use crate::repo::layout::read_bounded;

/// A stack of more tables is not read. git packs a stack while it writes, so that there are about as many
/// tables as its largest has binary digits.
const TABLES: usize = 512;

/// No file has a longer name.
const NAME_BYTES: usize = 255;

/// How often the list is read anew while tables vanish because git packs them.
const ATTEMPTS: u64 = 60;

/// The stack in one directory.
pub struct Stack {
    directory: PathBuf,
    hash: HashKind,
    seen: RefCell<Option<Rc<Seen>>>,
}

/// The tables as the list named them when it was read last.
struct Seen {
    list: Vec<u8>,
    /// Oldest first.
    tables: Vec<(String, Rc<Table>)>,
}

impl Stack {
    /// Returns the stack of a git directory; reads nothing yet.
    #[must_use]
    pub fn new(git_dir: &Path, hash: HashKind) -> Self {
        Self { directory: git_dir.join("reftable"), hash, seen: RefCell::default() }
    }

    /// Returns what a ref holds; `None` if it is not there. Never [`Value::Deleted`].
    ///
    /// # Errors
    /// A table cannot be read or is malformed.
    pub fn find(&self, name: &[u8]) -> Result<Option<Value>> {
        for (file, table) in self.current()?.tables.iter().rev() {
            if let Some(value) = table.find(name).map_err(|error| self.in_file(file, &error))? {
                return Ok(Some(value).filter(|value| *value != Value::Deleted));
            }
        }
        Ok(None)
    }

    /// Returns all refs whose names begin with `prefix`, sorted by name. None is [`Value::Deleted`].
    ///
    /// # Errors
    /// A table cannot be read or is malformed.
    pub fn with_prefix(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Value)>> {
        let mut found = BTreeMap::new();
        for (file, table) in &self.current()?.tables {
            let wrong = |error: Malformed| self.in_file(file, &error);
            let mut cursor = table.seek(prefix).map_err(wrong)?;
            while let Some((name, value)) = cursor.next().map_err(wrong)? {
                if !name.starts_with(prefix) {
                    break;
                }
                found.insert(name, value);
            }
        }
        found.retain(|_, value| *value != Value::Deleted);
        Ok(found.into_iter().collect())
    }

    /// Returns how many tables there are.
    ///
    /// # Errors
    /// A table cannot be read or is malformed.
    pub fn depth(&self) -> Result<usize> {
        Ok(self.current()?.tables.len())
    }

    /// Returns the tables that count now. Each question asks anew, as git does: a hook has to see what
    /// has changed since it was started.
    fn current(&self) -> Result<Rc<Seen>> {
        let path = self.directory.join("tables.list");
        let step = || format!("reading {}", path.display());
        for attempt in 0.. {
            let list = read_bounded(&path, (TABLES * (NAME_BYTES + 1)) as u64)?
                .ok_or_else(|| Error::new(ErrorKind::Repository, "no such file").while_(step()))?;
            let known = self.seen.borrow().clone();
            if let Some(known) = known.as_ref().filter(|known| known.list == list) {
                return Ok(Rc::clone(known));
            }
            let names = parse(&list).map_err(|error| error.while_(step()))?;
            let known = known.as_ref().map_or(&[][..], |known| &known.tables);
            match self.open(&names, known)? {
                Opened::All(tables) => {
                    let seen = Rc::new(Seen { list, tables });
                    self.seen.replace(Some(Rc::clone(&seen)));
                    return Ok(seen);
                }
                // git has packed it meanwhile, and then the list names others.
                Opened::Missing(_) if attempt < ATTEMPTS && self.has_changed(&path, &list)? => {
                    std::thread::sleep(Duration::from_millis(attempt));
                }
                Opened::Missing(name) => {
                    let what = format!("{} is missing", self.directory.join(name).display());
                    return Err(Error::new(ErrorKind::Repository, what).while_(step()));
                }
            }
        }
        Err(Error::new(ErrorKind::Internal, "the attempts came to an end").while_(step()))
    }

    fn has_changed(&self, path: &Path, list: &[u8]) -> Result<bool> {
        let now = read_bounded(path, (TABLES * (NAME_BYTES + 1)) as u64)?;
        Ok(now.is_none_or(|now| now != list))
    }

    fn open(&self, names: &[String], known: &[(String, Rc<Table>)]) -> Result<Opened> {
        let mut tables: Vec<(String, Rc<Table>)> = Vec::with_capacity(names.len());
        for name in names {
            let table = match known.iter().find(|(known, _)| known == name) {
                Some((_, table)) => Rc::clone(table),
                None => match self.open_one(name)? {
                    Some(table) => Rc::new(table),
                    None => return Ok(Opened::Missing(name.clone())),
                },
            };
            if let Some((_, older)) = tables.last()
                && older.updates().1 >= table.updates().0
            {
                let what = "it is no newer than the table before it in tables.list";
                return Err(self.in_file(name, &Malformed { at: 8, what: what.into() }));
            }
            tables.push((name.clone(), table));
        }
        Ok(Opened::All(tables))
    }

    fn open_one(&self, name: &str) -> Result<Option<Table>> {
        let path = self.directory.join(name);
        let step = || format!("opening {}", path.display());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).during(ErrorKind::Environment, step),
        };
        let source = Source::of(file).during(ErrorKind::Environment, step)?;
        Table::open(source, self.hash).map(Some).map_err(|error| self.in_file(name, &error))
    }

    fn in_file(&self, name: &str, error: &Malformed) -> Error {
        let path = self.directory.join(name);
        Error::new(ErrorKind::Repository, format!("{}, {error}", path.display()))
            .hint("look for more damage: git fsck")
    }
}

enum Opened {
    All(Vec<(String, Rc<Table>)>),
    /// The table of that name is not there.
    Missing(String),
}

/// Reads the list: one name a line, each once. It is never empty, since `HEAD` is in a table.
fn parse(list: &[u8]) -> Result<Vec<String>> {
    let wrong = |what: String| Error::new(ErrorKind::Repository, what);
    let lines = list
        .strip_suffix(b"\n")
        .ok_or_else(|| wrong("the list of tables is empty, or its last line is cut off".into()))?;
    let mut names = Vec::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_name = line.iter().all(fits) && !line.starts_with(b".") && line.len() <= NAME_BYTES;
        let name = str::from_utf8(line).ok().filter(|name| is_name && !name.is_empty());
        let name = name.map(str::to_owned).filter(|name| !names.contains(name));
        let shown = crate::repo::header::show(line);
        names.push(name.ok_or_else(|| wrong(format!("{shown} is no name of a further table")))?);
    }
    if names.len() > TABLES {
        return Err(wrong(format!("{} tables are more than {TABLES}", names.len()))
            .hint("let git pack them: git pack-refs"));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_tables() {
        let names = parse(b"0x1-0x2-a.ref\n0x3-0x3-b.log\n").expect("a list");
        assert_eq!(names, ["0x1-0x2-a.ref", "0x3-0x3-b.log"]);
        for bad in [
            &b""[..],
            b"\n",
            b"a.ref",
            b"a.ref\nb.ref",
            b"a.ref\n\n",
            b"a.ref\na.ref\n",
            b"../a.ref\n",
            b"dir/a.ref\n",
            b".\n",
            b"a.ref\r\n",
            b"a\0.ref\n",
            b"\xff.ref\n",
        ] {
            assert!(parse(bad).is_err(), "{}", bad.escape_ascii());
        }
        let many: String = (0..=TABLES).map(|number| format!("{number}.ref\n")).collect();
        let error = parse(many.as_bytes()).expect_err("too many");
        assert_eq!(error.remedy(), Some("let git pack them: git pack-refs"));
    }
}
