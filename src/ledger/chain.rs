//! The chain of digests that holds the lines of a ledger together.
//!
//! Pure: lines come in, a [`Head`] or the first [`Break`] goes out. The chain shows
//! every change but one: lines cut off at its end. Against that, keep the
//! head somewhere else (`refgate ledger verify` prints it) and compare.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::record::{Record, VERSION};

/// The SHA-256 of a line without its newline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineDigest([u8; 32]);

impl LineDigest {
    /// What the first line names as the line before it: the digest of no bytes.
    #[must_use]
    pub fn origin() -> Self {
        Self::of(b"")
    }

    /// Returns the digest of a line.
    #[must_use]
    pub fn of(line: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, line);
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Self(bytes)
    }

    /// Reads `sha256:` and 64 hexadecimal digits in lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?.as_bytes();
        let mut bytes = [0; 32];
        let (pairs, rest) = hex.as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(bytes))
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for LineDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LineDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for LineDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LineDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("expected sha256: and 64 hex digits"))
    }
}

/// Where a ledger ends: what the next line has to continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many lines there are.
    pub count: u64,
    /// The digest of the last one.
    pub digest: LineDigest,
}

impl Head {
    /// The head of a ledger without a line.
    #[must_use]
    pub fn origin() -> Self {
        Self { count: 0, digest: LineDigest::origin() }
    }

    /// Returns the head after one more line.
    #[must_use]
    pub fn after(self, line: &[u8]) -> Self {
        Self { count: self.count + 1, digest: LineDigest::of(line) }
    }
}

/// How a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Break {
    /// A line is no record; says why.
    Malformed(String),
    /// A line is of a version that this refgate does not know.
    Version(u32),
    /// A line does not continue the one before it: something was changed, removed, added or moved.
    Digest {
        /// The digest of the line before it.
        expected: LineDigest,
        /// The digest that it names.
        found: LineDigest,
    },
    /// A line has another number than its place.
    Number {
        /// The number of its place.
        expected: u64,
        /// The number that it has.
        found: u64,
    },
    /// A line is older than the one before it: the clock was set back.
    Time {
        /// The time of the line before it.
        before: jiff::Timestamp,
        /// The time that it has.
        found: jiff::Timestamp,
    },
}

impl Break {
    /// Says whether the chain still holds: a clock that was set back is worth a
    /// look, but nothing was changed.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        match self {
            Self::Time { .. } => true,
            Self::Malformed(_) | Self::Version(_) | Self::Digest { .. } | Self::Number { .. } => {
                false
            }
        }
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "the line is no record: {why}"),
            Self::Version(version) => {
                write!(f, "version {version} is not known; a newer refgate wrote it")
            }
            Self::Digest { expected, found } => write!(
                f,
                "the line continues {found}, but the line before it is {expected}: \
                 lines were changed, removed, added or moved here"
            ),
            Self::Number { expected, found } => {
                write!(f, "the line has number {found} in place {expected}")
            }
            Self::Time { before, found } => {
                write!(f, "the clock went back from {before} to {found}")
            }
        }
    }
}

/// Follows a chain line by line.
#[derive(Clone, Copy, Debug)]
pub struct Verifier {
    head: Head,
    time: Option<jiff::Timestamp>,
}

impl Verifier {
    /// Begins where a ledger ends so far: at its origin, or at a head that was verified before.
    #[must_use]
    pub fn from(head: Head) -> Self {
        Self { head, time: None }
    }

    /// Returns where the chain is now.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// Takes the next line, without its newline.
    ///
    /// # Errors
    /// It is no record or does not continue the chain.
    pub fn next(&mut self, line: &[u8]) -> Result<(Record, Option<Break>), Break> {
        let record: Record =
            serde_json::from_slice(line).map_err(|error| Break::Malformed(error.to_string()))?;
        if record.version != VERSION {
            return Err(Break::Version(record.version));
        }
        if record.previous != self.head.digest {
            return Err(Break::Digest { expected: self.head.digest, found: record.previous });
        }
        if record.number != self.head.count {
            return Err(Break::Number { expected: self.head.count, found: record.number });
        }
        let back = self
            .time
            .filter(|before| record.time < *before)
            .map(|before| Break::Time { before, found: record.time });
        self.head = self.head.after(line);
        self.time = Some(record.time);
        Ok((record, back))
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{Event, Landed};
    use super::*;

    /// Returns a ledger of so many lines.
    fn lines(count: u64) -> Vec<Vec<u8>> {
        let mut head = Head::origin();
        let mut lines = Vec::new();
        for number in 0..count {
            let landed = Landed {
                id: format!("0000-{number:04}"),
                judged: number,
                refs: Vec::new(),
                absent: Vec::new(),
            };
            let record = Record {
                version: VERSION,
                number,
                previous: head.digest,
                time: jiff::Timestamp::from_second(1_795_168_800 + number.cast_signed())
                    .expect("a time"),
                event: Event::Landed(landed),
            };
            let line = serde_json::to_vec(&record).expect("JSON");
            head = head.after(&line);
            lines.push(line);
        }
        lines
    }

    /// Follows a ledger; returns its head, or the place and kind of the first break.
    fn follow(lines: &[Vec<u8>]) -> Result<Head, (usize, Break)> {
        let mut verifier = Verifier::from(Head::origin());
        for (at, line) in lines.iter().enumerate() {
            verifier.next(line).map_err(|problem| (at, problem))?;
        }
        Ok(verifier.head())
    }

    #[test]
    fn an_untouched_chain_holds() {
        assert_eq!(follow(&lines(5)).map(|head| head.count), Ok(5));
        assert_eq!(follow(&[]), Ok(Head::origin()));
    }

    #[test]
    fn every_change_is_found_behind_the_place_where_it_was_made() {
        let good = lines(5);
        let edited = {
            let mut lines = good.clone();
            lines[2] = String::from_utf8(lines[2].clone())
                .expect("text")
                .replace("0000-0002", "0000-0009")
                .into_bytes();
            lines
        };
        let removed = [&good[..2], &good[3..]].concat();
        let swapped = {
            let mut lines = good.clone();
            lines.swap(1, 2);
            lines
        };
        let doubled = [&good[..3], &good[2..]].concat();
        for (what, lines, at) in [
            ("edited", edited, 3),
            ("removed", removed, 2),
            ("swapped", swapped, 1),
            ("doubled", doubled, 3),
        ] {
            match follow(&lines) {
                Err((found, Break::Digest { .. })) => assert_eq!(found, at, "{what}"),
                other => panic!("{what}: {other:?}"),
            }
        }
        // Lines cut off at the end show only against a head that was kept elsewhere.
        assert_ne!(follow(&good[..4]), follow(&good));
    }

    #[test]
    fn what_is_no_record_is_named() {
        let mut broken = lines(2);
        broken[1] = b"{}".to_vec();
        assert!(matches!(follow(&broken), Err((1, Break::Malformed(_)))));
        let mut newer = lines(1);
        newer[0] = String::from_utf8(newer[0].clone())
            .expect("text")
            .replace("\"version\":1", "\"version\":2")
            .into_bytes();
        assert_eq!(follow(&newer), Err((0, Break::Version(2))));
    }

    #[test]
    fn a_clock_that_went_back_is_a_warning() {
        let mut verifier = Verifier::from(Head::origin());
        let at = |second| jiff::Timestamp::from_second(second).expect("a time");
        for (number, (time, warns)) in
            [(100, false), (90, true), (91, false)].into_iter().enumerate()
        {
            let record = Record {
                version: VERSION,
                number: number as u64,
                previous: verifier.head().digest,
                time: at(time),
                event: Event::Recovered { bytes: String::new() },
            };
            let line = serde_json::to_vec(&record).expect("JSON");
            let (_, warning) = verifier.next(&line).expect("the chain holds");
            assert_eq!(warning.is_some(), warns, "{warning:?}");
            assert!(warning.is_none_or(|warning| warning.is_warning()));
        }
    }

    #[test]
    fn digests_are_read_as_they_are_written() {
        let digest = LineDigest::of(b"x");
        assert_eq!(LineDigest::parse(&digest.to_string()), Some(digest));
        for bad in [
            "",
            "sha256:",
            "sha1:00",
            &digest.to_string().to_uppercase(),
            &digest.to_string()[..70],
        ] {
            assert_eq!(LineDigest::parse(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_taken_without_a_panic(line in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Verifier::from(Head::origin()).next(&line).is_ok();
        }
    }
}
