//! Bytes of a report to text: size, packing and encoding.

use std::borrow::Cow;

use super::error::{Fault, Place, ReadError};

/// First bytes of packed files.
const PACKERS: [(&[u8], &str); 5] = [
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
];

/// What JSON (RFC 8259 §2) and XML (1.0 §2.3) call white space.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Returns the text of a report, without a byte order mark.
///
/// UTF-16 with a byte order mark is decoded, because a redirection in Windows
/// PowerShell writes it; the text is then at most half as long again as the bytes.
pub(super) fn decode(bytes: &[u8], limit: u64) -> Result<Cow<'_, str>, ReadError> {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > limit {
        return Err(ReadError::new(Fault::TooLarge { bytes: size, limit }));
    }
    if let Some((_, by)) = PACKERS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(ReadError::new(Fault::Compressed { by }));
    }
    let text = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(utf8(rest)?),
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Err(encoding("UTF-32")),
        [0xff, 0xfe, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)?),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)?),
        // Every format begins with an ASCII character.
        [0, _, ..] | [_, 0, ..] => return Err(encoding("UTF-16 without a byte order mark")),
        _ => Cow::Borrowed(utf8(bytes)?),
    };
    if text.trim_matches(BLANKS).is_empty() {
        return Err(ReadError::new(Fault::Empty));
    }
    Ok(text)
}

fn encoding(found: &'static str) -> ReadError {
    ReadError::new(Fault::Encoding { found })
}

fn utf8(bytes: &[u8]) -> Result<&str, ReadError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let place = Place::of(&String::from_utf8_lossy(valid), error.valid_up_to());
        encoding("bytes that are not UTF-8").at(place)
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, ReadError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(encoding("UTF-16 that ends in half a character"));
    }
    let mut text = String::with_capacity(pairs.len());
    for c in char::decode_utf16(pairs.iter().copied().map(unit)) {
        match c {
            Ok(c) => text.push(c),
            Err(_) => {
                let place = Place::of(&text, text.len());
                return Err(encoding("UTF-16 with half a surrogate pair").at(place));
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(bytes: &[u8]) -> Fault {
        decode(bytes, 100).expect_err("refused").fault
    }

    fn utf16le(text: &str) -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn utf8_with_and_without_mark_and_utf16_with_mark_are_text() {
        assert_eq!(decode(b" {}\n", 100).unwrap(), " {}\n");
        assert_eq!(decode(b"\xef\xbb\xbf{}", 100).unwrap(), "{}");
        assert_eq!(decode(&utf16le("{\"\u{1f600}é\"}"), 100).unwrap(), "{\"\u{1f600}é\"}");
        assert_eq!(decode(b"\xfe\xff\0{\0}", 100).unwrap(), "{}");
    }

    #[test]
    fn nothing_is_empty_in_every_encoding() {
        for bytes in [
            &b""[..],
            b" \n\t\r ",
            b"\xef\xbb\xbf",
            b"\xef\xbb\xbf \n",
            b"\xff\xfe",
            b"\xff\xfe \0",
        ] {
            assert_eq!(fault(bytes), Fault::Empty, "{bytes:?}");
        }
    }

    #[test]
    fn other_encodings_are_named() {
        for (bytes, found) in [
            (&b"{\0}\0"[..], "UTF-16 without a byte order mark"),
            (b"\0{\0}", "UTF-16 without a byte order mark"),
            (b"\xff\xfe{\0}", "UTF-16 that ends in half a character"),
            (b"\xff\xfe\0\xd8{\0", "UTF-16 with half a surrogate pair"),
            (b"\xff\xfe\0\0{\0\0\0", "UTF-32"),
            (b"\0\0\xfe\xff\0\0\0{", "UTF-32"),
            (b"{\"\xe9\"}", "bytes that are not UTF-8"),
            (b"{\"\xc0\x80\"}", "bytes that are not UTF-8"),
            (b"{\"\xed\xa0\x80\"}", "bytes that are not UTF-8"),
        ] {
            assert_eq!(fault(bytes), Fault::Encoding { found }, "{bytes:?}");
        }
        let error = decode(b"{\n \xff}", 100).expect_err("refused");
        assert_eq!(error.place, Some(Place { line: 2, column: 2 }));
    }

    #[test]
    fn t110_size_and_packing_are_seen_before_anything_is_read() {
        assert_eq!(fault(&[b' '; 101]), Fault::TooLarge { bytes: 101, limit: 100 });
        assert_eq!(fault(b"\x1f\x8b\x08\x00"), Fault::Compressed { by: "gzip" });
        assert_eq!(fault(b"PK\x03\x04"), Fault::Compressed { by: "zip" });
    }
}
