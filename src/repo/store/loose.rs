//! Loose objects: one zlib stream a file, `kind SP size NUL` and then the bytes.

use std::fs::File;
use std::io::{ErrorKind as IoErrorKind, Read as _};
use std::path::{Path, PathBuf};

use gix::zlib::Status;

use super::{ALLOCATION_BYTES, Found, Scratch, Wanted, object_kind};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::id::ObjectId;

/// The first bytes of the file, enough for the header and for most commits and trees whole.
const FIRST_BYTES: usize = 4096;

/// No header is longer: a kind, a size in decimal digits, a space and a NUL byte.
const HEADER_BYTES: usize = 32;

/// Looks an object up in an object directory.
pub(super) fn find(
    objects_dir: &Path,
    id: &ObjectId,
    scratch: &mut Scratch,
    buffer: &mut Vec<u8>,
    wanted: Wanted<'_>,
) -> Result<Option<Found>> {
    let mut hex = gix::hash::Kind::hex_buf();
    let (directory, file) = id.hex_to_buf(&mut hex).split_at_checked(2).unwrap_or_default();
    let mut path =
        PathBuf::with_capacity(objects_dir.as_os_str().len() + id.kind().len_in_hex() + 2);
    path.extend([objects_dir, Path::new(directory), Path::new(file)]);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == IoErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error)
                .during(ErrorKind::Repository, || format!("opening {}", path.display()));
        }
    };
    read(&mut file, scratch, buffer, wanted)
        .map(Some)
        .map_err(|error| error.while_(format!("reading {}", path.display())))
}

fn read(
    file: &mut File,
    scratch: &mut Scratch,
    buffer: &mut Vec<u8>,
    wanted: Wanted<'_>,
) -> Result<Found> {
    let step = || "the file".to_owned();
    let Scratch { inflate, compressed: input } = scratch;
    input.clear();
    input.reserve(FIRST_BYTES);
    file.take(FIRST_BYTES as u64).read_to_end(input).during(ErrorKind::Repository, step)?;
    let mut first = [0; HEADER_BYTES];
    inflate.reset();
    let (_, _, len) = inflate.prefix(input, &mut first).during(ErrorKind::Repository, step)?;
    let first = first.get(..len).unwrap_or_default();
    let header_len = first.iter().position(|b| *b == 0).map_or(0, |nul| nul + 1);
    let (kind, size) = first
        .get(..header_len.saturating_sub(1))
        .and_then(parse_header)
        .ok_or_else(|| broken("it does not begin with a kind and a size"))?;
    let found = (object_kind(kind), size);
    if !wanted(found.0, found.1) {
        return Ok(found);
    }
    let whole_len = usize::try_from(size)
        .ok()
        .filter(|size| *size <= ALLOCATION_BYTES)
        .map(|size| header_len + size)
        .ok_or_else(|| broken("it is larger than any object that is read"))?;
    if input.len() == FIRST_BYTES {
        // What zlib makes longer, it makes longer by less than an eighth.
        let rest = size + size / 8 + FIRST_BYTES as u64;
        file.take(rest).read_to_end(input).during(ErrorKind::Repository, step)?;
    }
    buffer.clear();
    // One byte more than there should be, to notice if there is more.
    buffer.resize(whole_len + 1, 0);
    inflate.reset();
    let (status, consumed, len) =
        inflate.once(input, buffer).during(ErrorKind::Repository, step)?;
    if status != Status::StreamEnd || len != whole_len || consumed != input.len() {
        return Err(broken("it does not end where it says"));
    }
    buffer.truncate(whole_len);
    buffer.drain(..header_len);
    Ok(found)
}

/// Reads `kind SP size`, as git writes it: no sign, no leading zero.
fn parse_header(header: &[u8]) -> Option<(gix::objs::Kind, u64)> {
    let space = header.iter().position(|b| *b == b' ')?;
    let (kind, digits) = (header.get(..space)?, header.get(space + 1..)?);
    let kind = gix::objs::Kind::from_bytes(kind).ok()?;
    let plain = digits.iter().all(u8::is_ascii_digit)
        && (digits.len() == 1 || digits.first() != Some(&b'0'));
    let size = std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()?;
    Some((kind, size))
}

fn broken(why: &str) -> Error {
    Error::new(ErrorKind::Repository, format!("the object is broken: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_kind_and_a_plain_number() {
        let good = parse_header(b"blob 0").expect("an empty blob");
        assert_eq!(good, (gix::objs::Kind::Blob, 0));
        assert_eq!(parse_header(b"commit 1234").map(|(_, size)| size), Some(1234));
        for bad in [
            &b"blob"[..],
            b"blob ",
            b"blob 01",
            b"blob -1",
            b"blob +1",
            b"blob 1 ",
            b"blub 1",
            b"blob 99999999999999999999",
            b"",
        ] {
            assert!(parse_header(bad).is_none(), "{}", bad.escape_ascii());
        }
    }
}
