//! Reads what git hands a hook into a [`Push`].
//!
//! Everything here comes from the client, the old ids and the names included.
//! Nothing in this module decides anything, and nothing is skipped: input that is not
//! exactly what `githooks(5)` describes is an error.

use std::io::Read;

use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::id::{ObjectId, parse_hex};
use crate::refname::RefName;

/// The ref updates of one push, in the order in which the client sent them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Push {
    /// The updates.
    pub updates: Vec<RefUpdate>,
}

/// One ref update, as the client claims it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefUpdate {
    /// The name, as it was sent.
    pub name: Name,
    /// What the client says that the ref held; `None` if it held nothing. A claim.
    pub claimed_old: Option<ObjectId>,
    /// What the ref shall hold; `None` if it shall be deleted.
    pub new: Option<ObjectId>,
}

/// A ref name as it was sent: git refuses malformed ones itself, but only after the hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A full ref name.
    Ref(RefName),
    /// Something else.
    Malformed(Vec<u8>),
}

/// The longest line: two SHA-256 ids and a name of 4096 bytes.
const LINE_BYTES: usize = 64 + 1 + 64 + 1 + 4096;

impl Push {
    /// Reads the standard input of `pre-receive`: one `old SP new SP ref LF` for each update.
    ///
    /// # Errors
    /// The input cannot be read, a line is not of this form, there are more
    /// updates than `limit`, or none.
    pub fn read(input: impl Read, limit: usize) -> Result<Self> {
        Self::read_keeping(input, limit, &mut Vec::new())
    }

    /// As [`Push::read`]; keeps what was read, for a hook that runs before ours.
    ///
    /// # Errors
    /// As [`Push::read`].
    pub fn read_keeping(input: impl Read, limit: usize, bytes: &mut Vec<u8>) -> Result<Self> {
        let most = (LINE_BYTES as u64 + 1).saturating_mul(limit as u64 + 1);
        input
            .take(most)
            .read_to_end(bytes)
            .during(ErrorKind::Environment, || "reading the ref updates".into())?;
        Self::parse(bytes, limit)
    }

    /// Parses the standard input of `pre-receive`.
    ///
    /// # Errors
    /// As [`Push::read`].
    pub fn parse(bytes: &[u8], limit: usize) -> Result<Self> {
        let mut updates = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let number = updates.len() + 1;
            if number > limit {
                return Err(Error::new(
                    ErrorKind::Limit,
                    format!("more than {limit} ref updates in one push (limits.ref-updates)"),
                )
                .hint("push fewer refs at a time"));
            }
            let newline = rest.iter().take(LINE_BYTES + 1).position(|b| *b == b'\n');
            let (line, next) = newline
                .and_then(|at| Some((rest.get(..at)?, rest.get(at + 1..)?)))
                .ok_or_else(|| malformed(number, rest))?;
            updates.push(parse_line(line).ok_or_else(|| malformed(number, line))?);
            rest = next;
        }
        if updates.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "git sent no ref update"));
        }
        Ok(Self { updates })
    }

    /// Reads the three arguments of `update`: the ref, the old and the new id.
    ///
    /// # Errors
    /// They are not of this form.
    pub fn from_update_arguments(name: &[u8], old: &[u8], new: &[u8]) -> Result<Self> {
        let line = [old, b" ", new, b" ", name].concat();
        let update = parse_line(&line).ok_or_else(|| malformed(1, &line))?;
        Ok(Self { updates: vec![update] })
    }
}

fn malformed(number: usize, line: &[u8]) -> Error {
    let head = line.get(..line.len().min(80)).unwrap_or_default();
    Error::new(
        ErrorKind::Usage,
        format!("ref update {number} is not \"old new ref\": \"{}\"", head.escape_ascii()),
    )
}

fn parse_line(line: &[u8]) -> Option<RefUpdate> {
    let mut fields = line.splitn(3, |b| *b == b' ');
    let (old, new, name) = (fields.next()?, fields.next()?, fields.next()?);
    if old.len() != new.len() || name.is_empty() {
        return None;
    }
    let (old, new) = (parse_hex(old)?, parse_hex(new)?);
    let value = |id: ObjectId| (!id.is_null()).then_some(id);
    let name = RefName::parse(name).map_or_else(|| Name::Malformed(name.into()), Name::Ref);
    Some(RefUpdate { name, claimed_old: value(old), new: value(new) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const NULL: &str = "0000000000000000000000000000000000000000";

    fn parse(text: &str) -> Result<Push> {
        Push::parse(text.as_bytes(), 100)
    }

    #[test]
    fn updates_creations_and_deletions_are_told_by_the_new_id() {
        let push = parse(&format!("{A} {B} refs/heads/a\n{NULL} {B} refs/heads/b\n{A} {NULL} refs/heads/c\n{NULL} {NULL} refs/heads/d\n"))
            .expect("git's own form");
        let shapes: Vec<_> =
            push.updates.iter().map(|u| (u.claimed_old.is_some(), u.new.is_some())).collect();
        assert_eq!(shapes, [(true, true), (false, true), (true, false), (false, false)]);
    }

    #[test]
    fn t10_t11_lines_that_git_does_not_write_refuse_the_push() {
        let good = format!("{A} {B} refs/heads/main\n");
        for bad in [
            String::new(),
            "\n".into(),
            format!("{good}\n"),
            good.trim_end().into(),
            format!("{A} {B}\n"),
            format!("{A}\t{B}\trefs/heads/main\n"),
            format!("{} {B} refs/heads/main\n", A.to_uppercase()),
            format!("{} {B} refs/heads/main\n", &A[..39]),
            format!("{A}a {B} refs/heads/main\n"),
            format!("--option {B} refs/heads/main\n"),
            format!("{A}^{{}} {B} refs/heads/main\n"),
            format!("{A}\u{a0}{B} refs/heads/main\n"),
            format!("{A} {B} refs/heads/{}\n", "x".repeat(5000)),
            format!("{good}{}", "x".repeat(100_000)),
        ] {
            assert!(parse(&bad).is_err(), "{bad:.80}");
        }
    }

    #[test]
    fn names_that_are_no_refs_are_kept_as_they_came() {
        for name in ["HEAD", "refs/heads/a b", "refs/heads/x\r", "config"] {
            let push = parse(&format!("{A} {B} {name}\n")).expect("git refuses these names later");
            assert_eq!(push.updates[0].name, Name::Malformed(name.into()));
        }
    }

    #[test]
    fn t09_a_name_that_is_not_utf8_hides_nothing_behind_it() {
        let input = [
            format!("{A} {B} refs/heads/m").as_bytes(),
            b"\xffain\n",
            format!("{A} {B} refs/heads/main\n").as_bytes(),
        ]
        .concat();
        let push = Push::parse(&input, 100).expect("bytes are taken");
        assert_eq!(push.updates.len(), 2);
        assert_eq!(
            push.updates[0].name,
            Name::Ref(RefName::parse(b"refs/heads/m\xffain").expect("git takes it"))
        );
    }

    #[test]
    fn t112_more_updates_than_the_limit_are_refused() {
        let line = format!("{A} {B} refs/heads/main\n");
        assert!(Push::parse(line.repeat(100).as_bytes(), 100).is_ok());
        let error = Push::parse(line.repeat(101).as_bytes(), 100).expect_err("too many");
        assert!(error.to_string().contains("limits.ref-updates"), "{error}");
        assert!(Push::read(line.repeat(101).as_bytes(), 100).is_err());
    }

    #[test]
    fn the_update_hook_has_its_arguments_in_another_order() {
        let push = Push::from_update_arguments(b"refs/heads/main", A.as_bytes(), B.as_bytes())
            .expect("three arguments");
        assert_eq!(push, parse(&format!("{A} {B} refs/heads/main\n")).expect("one line"));
        assert!(Push::from_update_arguments(b"refs/heads/main", B.as_bytes(), b"").is_err());
    }
}
