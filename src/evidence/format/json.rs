//! Reading JSON strictly: what serde would forgive is refused here.
//!
//! Structs are read from objects alone (serde also takes arrays for them), names
//! that stand twice are errors, and long arrays are handed over item by item, so
//! that a report is never in memory as a whole a second time. Members that a
//! format does not judge are skipped without being built.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::Format;
use super::error::{Fault, Place, ReadError};
use super::excerpt;
use super::tally::Listed;

/// A value that is read later, as it stands in the text.
pub(super) type Raw<'a> = &'a RawValue;

/// The text of a report of a recognised format.
#[derive(Clone, Copy)]
pub(super) struct Document<'a> {
    /// What places are counted in; `text` is a part of it.
    whole: &'a str,
    text: &'a str,
    format: Format,
    listed: Listed,
}

impl<'a> Document<'a> {
    /// Returns the document that `text` is.
    pub(super) fn new(text: &'a str, format: Format) -> Self {
        Self { whole: text, text, format, listed: Listed::ALL }
    }

    /// Sets which of its findings are listed.
    pub(super) fn listing(self, listed: Listed) -> Self {
        Self { listed, ..self }
    }

    /// Returns which of its findings are listed.
    pub(super) fn listed(self) -> Listed {
        self.listed
    }

    /// Returns a part of this document as a document of another format.
    pub(super) fn within(self, raw: Raw<'a>, format: Format) -> Self {
        Self { text: raw.get(), format, ..self }
    }

    /// Returns the format.
    pub(super) fn format(self) -> Format {
        self.format
    }

    /// Returns the whole text.
    pub(super) fn text(self) -> &'a str {
        self.text
    }

    /// Reads the whole text as one object.
    pub(super) fn root<T: Deserialize<'a>>(self) -> Result<T, ReadError> {
        self.read(self.text, |deserializer| {
            Object::deserialize(deserializer).map(|Object(root)| root)
        })
    }

    /// Hands the items of the whole text, an array, to `item`.
    pub(super) fn root_each<T: Deserialize<'a>>(
        self,
        item: impl FnMut(T) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let raw: Raw<'a> = self.read(self.text, |deserializer| Raw::deserialize(deserializer))?;
        self.each(raw, item)
    }

    /// Reads one object that is a piece of this text.
    pub(super) fn part<T: Deserialize<'a>>(self, part: &'a str) -> Result<T, ReadError> {
        self.read(part, |deserializer| Object::deserialize(deserializer).map(|Object(root)| root))
    }

    /// Reads a value of the document.
    pub(super) fn value<T: Deserialize<'a>>(self, raw: Raw<'a>) -> Result<T, ReadError> {
        self.read(raw.get(), |deserializer| T::deserialize(deserializer))
    }

    /// Reads a value of the document that may also be something else.
    ///
    /// An error with its place costs as much time as the text before it is long, so
    /// errors that are not passed on are not made.
    pub(super) fn try_value<T: Deserialize<'a>>(self, raw: Raw<'a>) -> Option<T> {
        serde_json::from_str(raw.get()).ok()
    }

    /// Reads a value of the document with a reader that has state.
    pub(super) fn seeded<S: DeserializeSeed<'a>>(
        self,
        raw: Raw<'a>,
        seed: S,
    ) -> Result<S::Value, ReadError> {
        self.read(raw.get(), |deserializer| seed.deserialize(deserializer))
    }

    /// Hands the items of an array to `item`, one after the other.
    pub(super) fn each<T: Deserialize<'a>>(
        self,
        array: Raw<'a>,
        mut item: impl FnMut(T) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut refusal = None;
        let read = self.read(array.get(), |deserializer| {
            deserializer.deserialize_seq(Items {
                item: &mut item,
                refusal: &mut refusal,
                of: PhantomData,
            })
        });
        refusal.map_or(read, Err)
    }

    /// Hands the members of an object to `member`, one after the other.
    pub(super) fn entries<T: Deserialize<'a>>(
        self,
        object: Raw<'a>,
        mut member: impl FnMut(Text<'a>, T) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut refusal = None;
        let read = self.read(object.get(), |deserializer| {
            deserializer.deserialize_map(Members {
                member: &mut member,
                refusal: &mut refusal,
                of: PhantomData,
            })
        });
        refusal.map_or(read, Err)
    }

    /// Returns how many items an array has.
    pub(super) fn count(self, array: Raw<'a>) -> Result<u64, ReadError> {
        let mut count = 0;
        self.each(array, |_: IgnoredAny| {
            count += 1;
            Ok(())
        })?;
        Ok(count)
    }

    /// Returns an error about this document as a whole.
    pub(super) fn error(self, fault: Fault) -> ReadError {
        ReadError::new(fault).of(self.format)
    }

    /// Returns an error about `part`, a piece of this text; about the whole where `part` is a
    /// copy, as that of a string with escapes is.
    pub(super) fn error_in(self, part: &str, fault: Fault) -> ReadError {
        let error = self.error(fault);
        let start = part.as_ptr().addr().wrapping_sub(self.whole.as_ptr().addr());
        match start < self.whole.len() {
            true => error.at(Place::of(self.whole, start)),
            false => error,
        }
    }

    /// Reads `part`, a piece of this text, to its end.
    pub(super) fn read<T>(
        self,
        part: &'a str,
        read: impl FnOnce(
            &mut serde_json::Deserializer<serde_json::de::StrRead<'a>>,
        ) -> serde_json::Result<T>,
    ) -> Result<T, ReadError> {
        let mut deserializer = serde_json::Deserializer::from_str(part);
        let value =
            read(&mut deserializer).map_err(|error| self.explain(fault(&error), part, &error))?;
        deserializer.end().map_err(|error| self.explain(Fault::TrailingData, part, &error))?;
        Ok(value)
    }

    fn explain(self, fault: Fault, part: &str, error: &serde_json::Error) -> ReadError {
        self.error(fault).at(place(self.whole, part, error))
    }
}

/// Returns an error that was found in `text` before its format was known.
pub(super) fn error(text: &str, fault: Fault, error: &serde_json::Error) -> ReadError {
    ReadError::new(fault).at(place(text, text, error))
}

/// Refuses a text whose objects and arrays are nested deeper than `limit`.
///
/// Runs before any parser: it keeps two words of state, whatever the text is.
pub(super) fn check_nesting(text: &str, limit: usize) -> Result<(), ReadError> {
    let bytes = text.as_bytes();
    let (mut depth, mut offset) = (0_usize, 0);
    while let Some(byte) = bytes.get(offset) {
        match byte {
            b'"' => offset += string_length(bytes.get(offset + 1..).unwrap_or_default()),
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return Err(
                        ReadError::new(Fault::TooDeep { limit }).at(Place::of(text, offset))
                    );
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        offset += 1;
    }
    Ok(())
}

/// Returns how many bytes of a text belong to a string that has begun before it, its end included.
fn string_length(text: &[u8]) -> usize {
    let mut length = 0;
    while let Some(rest) = text.get(length..)
        && let Some(found) = memchr::memchr2(b'"', b'\\', rest)
    {
        // What is escaped is skipped together with its backslash.
        let is_end = rest.get(found) == Some(&b'"');
        length += found + if is_end { 1 } else { 2 };
        if is_end {
            return length;
        }
    }
    text.len()
}

/// Returns what a JSON error means. serde makes texts of all its errors; a test pins them.
pub(super) fn fault(error: &serde_json::Error) -> Fault {
    let text = error.to_string();
    // serde_json appends the position, which is counted from the part that was read.
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => {
            Fault::NotJson { what: excerpt::ascii(what) }
        }
        Category::Data => {
            let field = |start: &str| Some(what.strip_prefix(start)?.strip_suffix('`')?.to_owned());
            if let Some(key) = field("duplicate field `") {
                Fault::DuplicateKey { key }
            } else if let Some(field) = field("missing field `") {
                Fault::MissingField { field }
            } else {
                // serde has put foreign text into quotes already.
                Fault::WrongType { what: excerpt::ascii(what) }
            }
        }
    }
}

/// Returns the place in `text` of an error that was found in `part` of it.
fn place(text: &str, part: &str, error: &serde_json::Error) -> Place {
    let start = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    let start = Place::of(text, start);
    match error.line() {
        0 | 1 => {
            Place { line: start.line, column: start.column + error.column().saturating_sub(1) }
        }
        line => Place { line: start.line + line - 1, column: error.column().max(1) },
    }
}

/// A struct that is read from a JSON object and from nothing else.
///
/// What serde derives also reads a struct from an array of its members.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A string, borrowed from the text unless it has escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// A whole number, which may be written as `2` or as `2.0`.
///
/// JSON has no integers (RFC 8259 §6), and what passes through a protobuf `Struct`, as
/// predicates do in some libraries, comes out with a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole(pub(super) i64);

/// Numbers up to this one are exact as floating point (2^53).
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Whole {
    /// Returns the number if it is above 0: lines are counted from 1.
    pub(super) fn line(self) -> Option<u64> {
        u64::try_from(self.0).ok().filter(|line| *line > 0)
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WholeVisitor;

        impl Visitor<'_> for WholeVisitor {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Whole, E> {
                Ok(Whole(number))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Whole, E> {
                i64::try_from(number)
                    .map(Whole)
                    .map_err(|_| E::custom("a number that is too large"))
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Whole, E> {
                if number.fract() != 0.0 || number.abs() > EXACT {
                    return Err(E::invalid_value(serde::de::Unexpected::Float(number), &self));
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "it is whole and not too large"
                )]
                Ok(Whole(number as i64))
            }
        }

        deserializer.deserialize_i64(WholeVisitor)
    }
}

/// The beginning of an array: the first `N` items and one more if there are more.
///
/// For arrays of few large items, which would otherwise be passed over once and read then.
pub(super) struct UpTo<T, const N: usize>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for UpTo<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UpToVisitor<T, const N: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for UpToVisitor<T, N> {
            type Value = UpTo<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut kept = Vec::new();
                while kept.len() <= N {
                    match items.next_element()? {
                        Some(item) => kept.push(item),
                        None => return Ok(UpTo(kept)),
                    }
                }
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(UpTo(kept))
            }
        }

        deserializer.deserialize_seq(UpToVisitor(PhantomData))
    }
}

struct Items<'f, T, F> {
    item: &'f mut F,
    refusal: &'f mut Option<ReadError>,
    of: PhantomData<T>,
}

impl<'de, T, F> Visitor<'de> for Items<'_, T, F>
where
    T: Deserialize<'de>,
    F: FnMut(T) -> Result<(), ReadError>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            if let Err(refusal) = (self.item)(item) {
                *self.refusal = Some(refusal);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

struct Members<'f, T, F> {
    member: &'f mut F,
    refusal: &'f mut Option<ReadError>,
    of: PhantomData<T>,
}

impl<'de, T, F> Visitor<'de> for Members<'_, T, F>
where
    T: Deserialize<'de>,
    F: FnMut(Text<'de>, T) -> Result<(), ReadError>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some((key, value)) = members.next_entry()? {
            if let Err(refusal) = (self.member)(key, value) {
                *self.refusal = Some(refusal);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Sample<'a> {
        #[serde(borrow)]
        name: Text<'a>,
        #[serde(borrow)]
        list: Option<Raw<'a>>,
    }

    fn read(text: &str) -> Result<Sample<'_>, ReadError> {
        Document::new(text, Format::Sarif).root()
    }

    fn refused(text: &str) -> Fault {
        read(text).expect_err("refused").fault
    }

    #[test]
    fn only_the_beginning_of_an_array_is_kept() {
        let kept = |text: &str| serde_json::from_str::<UpTo<u64, 2>>(text).map(|UpTo(kept)| kept);
        assert_eq!(kept("[1, 2]").expect("read"), [1, 2]);
        assert_eq!(kept("[1, 2, 3, {}, null]").expect("read"), [1, 2, 3]);
        assert!(kept("[1, {}]").is_err() && kept("[1, 2, 3, }").is_err());
    }

    #[test]
    fn a_whole_number_may_have_a_point() {
        let whole = |text: &str| serde_json::from_str::<Whole>(text).ok().map(|Whole(n)| n);
        for (text, number) in [("2", 2), ("2.0", 2), ("-1", -1), ("0", 0), ("1e3", 1_000)] {
            assert_eq!(whole(text), Some(number), "{text}");
        }
        for text in ["2.5", "\"2\"", "1e300", "18446744073709551615", "null", "[2]"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn unknown_members_are_skipped() {
        let sample = read(r#" {"other": [{"a": 1e999}], "name": "n\u0041"} "#).expect("read");
        assert_eq!((&*sample.name, sample.list.is_none()), ("nA", true));
    }

    #[test]
    fn t70_a_name_that_stands_twice_is_refused_however_it_is_written() {
        let twice = Fault::DuplicateKey { key: "name".into() };
        assert_eq!(refused(r#"{"name": "a", "name": "b"}"#), twice);
        assert_eq!(refused(r#"{"name": "a", "n\u0061me": "b"}"#), twice);
    }

    #[test]
    fn t71_a_required_member_that_is_absent_null_or_spelt_otherwise_is_refused() {
        let missing = Fault::MissingField { field: "name".into() };
        assert_eq!(refused("{}"), missing);
        assert_eq!(refused(r#"{"Name": "a"}"#), missing);
        assert!(matches!(refused(r#"{"name": null}"#), Fault::WrongType { .. }));
    }

    #[test]
    fn t72_an_array_in_place_of_an_object_is_refused() {
        let Fault::WrongType { what } = refused(r#"["a", null]"#) else { panic!("wrong type") };
        assert_eq!(what, "invalid type: sequence, expected an object");
        assert!(
            serde_json::from_str::<Sample<'_>>(r#"["a", null]"#).is_ok(),
            "the wrapper is needed"
        );
    }

    #[test]
    fn t73_the_text_is_one_document() {
        assert_eq!(refused(r#"{"name": "a"} {}"#), Fault::TrailingData);
        assert_eq!(refused(r#"{"name": "a"}]"#), Fault::TrailingData);
        assert!(matches!(refused("\u{feff}{}"), Fault::NotJson { .. }));
        assert!(matches!(refused(r#"{"name": "a""#), Fault::NotJson { .. }));
    }

    #[test]
    fn the_place_of_an_error_is_that_in_the_whole_text() {
        let text = "{\"name\": \"a\",\n \"list\": [1,\n  {}]}";
        let sample = read(text).expect("read");
        let document = Document::new(text, Format::Sarif);
        let list = sample.list.expect("there");
        let error = document.each(list, |_: u64| Ok(())).expect_err("refused");
        // serde_json reports the byte before a value that it has not taken yet.
        assert_eq!(error.place, Some(Place { line: 3, column: 2 }));
        let error = document.value::<u64>(list).expect_err("refused");
        assert_eq!(error.place, Some(Place { line: 2, column: 10 }));
    }

    #[test]
    fn a_refusal_of_an_item_ends_the_reading() {
        let text = r#"{"name": "a", "list": [1, 2, 3]}"#;
        let document = Document::new(text, Format::Sarif);
        let list = read(text).expect("read").list.expect("there");
        let mut seen = Vec::new();
        let error = document.each(list, |number: u64| {
            seen.push(number);
            if number == 2 { Err(document.error(Fault::NoRun)) } else { Ok(()) }
        });
        assert_eq!((seen, error.expect_err("refused").fault), (vec![1, 2], Fault::NoRun));
        assert_eq!(document.count(list), Ok(3));
    }

    #[test]
    fn foreign_text_in_a_message_is_ascii_and_short() {
        let text = format!(r#"{{"name": {{"{}": 1}}, "list": 0}}"#, "é".repeat(1_000));
        let Fault::WrongType { what } = refused(&text) else { panic!("wrong type") };
        assert!(what.is_ascii() && what.len() < 2_000, "{what}");
        let document = Document::new(r#"{"name": "\u00e9\u202e"}"#, Format::Sarif);
        #[derive(Debug, Deserialize)]
        struct Number {
            #[expect(dead_code, reason = "reading it is the test")]
            name: u64,
        }
        let Fault::WrongType { what } = document.root::<Number>().expect_err("refused").fault
        else {
            panic!("wrong type")
        };
        assert_eq!(what, "invalid type: string \"\\u{e9}\\u{202e}\", expected u64");
    }

    #[test]
    fn nesting_is_counted_outside_strings_only() {
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(check_nesting(&deep(64), 64), Ok(()));
        let error = check_nesting(&deep(65), 64).expect_err("refused");
        assert_eq!(
            (error.fault, error.place),
            (Fault::TooDeep { limit: 64 }, Some(Place { line: 1, column: 65 }))
        );
        assert_eq!(check_nesting(r#"{"a": "[[[[[\"[[[["}"#, 1), Ok(()));
        assert_eq!(check_nesting("]]]][[", 2), Ok(()));
    }
}
