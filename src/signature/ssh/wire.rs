//! The data types of SSH (RFC 4251 §5), read in their one canonical form.

use crate::signature::problem::Malformed;

/// Reads fields one after another; nothing is copied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns what has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn byte(&mut self, part: &'static str) -> Result<u8, Malformed> {
        self.array::<1>(part).map(|[byte]| *byte)
    }

    pub(super) fn uint32(&mut self, part: &'static str) -> Result<u32, Malformed> {
        self.array(part).map(|bytes| u32::from_be_bytes(*bytes))
    }

    pub(super) fn uint64(&mut self, part: &'static str) -> Result<u64, Malformed> {
        self.array(part).map(|bytes| u64::from_be_bytes(*bytes))
    }

    pub(super) fn string(&mut self, part: &'static str) -> Result<&'a [u8], Malformed> {
        let len = self.uint32(part)?;
        let split = usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len));
        let Some((string, rest)) = split else {
            let found = format!("a length of {len} with {} bytes left", self.rest.len());
            return Err(Malformed::new(part, "a string", found));
        };
        self.rest = rest;
        Ok(string)
    }

    /// Reads a positive `mpint` and returns its bytes without the sign byte.
    ///
    /// OpenSSH also reads needless leading zeros; here a number has one form.
    pub(super) fn positive_mpint(&mut self, part: &'static str) -> Result<&'a [u8], Malformed> {
        let bytes = self.string(part)?;
        let (number, canonical) = match bytes {
            [0, number @ ..] => (number, number.first().is_some_and(|b| *b >= 0x80)),
            number => (number, number.first().is_some_and(|b| *b < 0x80)),
        };
        if canonical {
            Ok(number)
        } else {
            let found = match bytes {
                [] | [0] => "zero",
                [0, ..] => "needless leading zeros",
                _ => "a negative number",
            };
            Err(Malformed::new(part, "a positive number in its shortest form", found))
        }
    }

    /// Makes sure that nothing follows.
    pub(super) fn end(self, part: &'static str) -> Result<(), Malformed> {
        match self.rest.len() {
            0 => Ok(()),
            more => Err(Malformed::new(part, "nothing after its last field", bytes_more(more))),
        }
    }

    fn array<const N: usize>(&mut self, part: &'static str) -> Result<&'a [u8; N], Malformed> {
        let Some((array, rest)) = self.rest.split_first_chunk() else {
            let found = format!("{} bytes left of {N}", self.rest.len());
            return Err(Malformed::new(part, "more bytes", found));
        };
        self.rest = rest;
        Ok(array)
    }
}

fn bytes_more(count: usize) -> String {
    match count {
        1 => "1 more byte".into(),
        _ => format!("{count} more bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mpint(bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut blob = u32::try_from(bytes.len()).expect("short").to_be_bytes().to_vec();
        blob.extend(bytes);
        Reader::new(&blob).positive_mpint("n").map(<[u8]>::to_vec).map_err(|e| e.found)
    }

    #[test]
    fn a_number_has_one_form() {
        assert_eq!(mpint(&[0x7f]), Ok(vec![0x7f]));
        assert_eq!(mpint(&[0, 0x80]), Ok(vec![0x80]));
        assert_eq!(mpint(&[]), Err("zero".into()));
        assert_eq!(mpint(&[0]), Err("zero".into()));
        assert_eq!(mpint(&[0, 0x7f]), Err("needless leading zeros".into()));
        assert_eq!(mpint(&[0, 0, 0x80]), Err("needless leading zeros".into()));
        assert_eq!(mpint(&[0x80]), Err("a negative number".into()));
    }

    #[test]
    fn a_length_beyond_the_end_is_an_error() {
        let mut reader = Reader::new(&[0xff, 0xff, 0xff, 0xff, 1]);
        let error = reader.string("key").expect_err("4 GiB are not there");
        assert_eq!(error.found, "a length of 4294967295 with 1 bytes left");
        assert_eq!(Reader::new(&[0, 0, 0]).uint32("n").expect_err("short").part, "n");
        assert_eq!(Reader::new(&[0]).end("blob").expect_err("long").found, "1 more byte");
    }
}
