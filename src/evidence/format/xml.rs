//! Reading XML strictly: elements and attributes of a well-formed document.
//!
//! quick-xml hands out events without building anything, but forgives a text that
//! ends early, several roots, control characters and entities that nobody
//! defined. All that is refused here, and so is a document type declaration,
//! which could define entities or name files. Text content is checked, not kept.

use std::borrow::Cow;

use quick_xml::events::attributes::Attributes;
use quick_xml::events::{BytesDecl, BytesStart};
use quick_xml::reader::Reader;

use super::error::{Fault, Place, ReadError};
use super::excerpt;

/// Attributes of one element; real reports have about a dozen.
const MAX_ATTRIBUTES: usize = 128;

/// A document, event by event.
pub(super) struct Events<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    limit: usize,
    depth: usize,
    seen_root: bool,
    /// The last element was `<empty/>`, whose end is still to be told.
    closing: bool,
    /// Where the last event began, in bytes.
    offset: usize,
    /// The text since the last start or end of an element, if it is kept.
    content: Option<String>,
    /// The next event begins a new text.
    content_ends: bool,
}

/// Bytes of the text of one element that are kept.
const CONTENT_BYTES: usize = 4_096;

/// What a document consists of.
pub(super) enum Event<'a> {
    /// An element begins.
    Open(Element<'a>),
    /// The innermost open element ends.
    Close,
}

/// The start of an element.
pub(super) struct Element<'a> {
    /// The name with its prefix, if it has one.
    pub(super) name: &'a str,
    attributes: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> Element<'a> {
    /// Returns the value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| &**value)
    }

    /// Takes the value of an attribute out of the element; it is empty if there is none.
    pub(super) fn take(&mut self, name: &str) -> Cow<'a, str> {
        let attribute = self.attributes.iter_mut().find(|(key, _)| *key == name);
        attribute.map(|(_, value)| std::mem::take(value)).unwrap_or_default()
    }

    /// Returns the name without its prefix.
    pub(super) fn local_name(&self) -> &'a str {
        self.name.rsplit_once(':').map_or(self.name, |(_, local)| local)
    }

    /// Returns whether the element has a prefix or declares a namespace of its own.
    pub(super) fn is_namespaced(&self) -> bool {
        self.name.contains(':') || self.attribute("xmlns").is_some_and(|uri| !uri.is_empty())
    }
}

impl<'a> Events<'a> {
    /// Returns the events of a text, with elements at most `limit` levels deep.
    pub(super) fn new(text: &'a str, limit: usize) -> Result<Self, ReadError> {
        if let Some((offset, character)) = forbidden(text) {
            let fault = Fault::ControlCharacter { character };
            return Err(ReadError::new(fault).at(Place::of(text, offset)));
        }
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_comments = true;
        Ok(Self {
            text,
            reader,
            limit,
            depth: 0,
            seen_root: false,
            closing: false,
            offset: 0,
            content: None,
            content_ends: false,
        })
    }

    /// Keeps the beginning of the text of each element, for [`Events::content`].
    pub(super) fn keeping_content(mut self) -> Self {
        self.content = Some(String::new());
        self
    }

    /// Returns the text between the last two events: that of an element without others in
    /// it, at its [`Event::Close`].
    pub(super) fn content(&self) -> &str {
        self.content.as_deref().unwrap_or_default()
    }

    fn keep(&mut self, text: &str) {
        if let Some(content) = &mut self.content {
            let room = CONTENT_BYTES.saturating_sub(content.len());
            content.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or_default());
        }
    }

    /// Returns the next event, or `None` at the end of a whole document.
    pub(super) fn next(&mut self) -> Result<Option<Event<'a>>, ReadError> {
        use quick_xml::events::Event as Raw;
        if std::mem::replace(&mut self.content_ends, true)
            && let Some(content) = &mut self.content
        {
            content.clear();
        }
        if std::mem::take(&mut self.closing) {
            self.depth -= 1;
            return Ok(Some(Event::Close));
        }
        loop {
            self.offset = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
            let event = self.reader.read_event().map_err(|error| {
                self.offset = usize::try_from(self.reader.error_position()).unwrap_or(usize::MAX);
                self.ill_formed(error.to_string())
            })?;
            match event {
                Raw::Start(start) => return self.open(&start).map(Some),
                Raw::Empty(start) => {
                    self.closing = true;
                    return self.open(&start).map(Some);
                }
                Raw::End(_) => {
                    // The reader has matched it with an open element.
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Some(Event::Close));
                }
                Raw::Text(text) => {
                    if self.depth == 0
                        && !text.chars().all(|c| matches!(c, ' ' | '\t' | '\r' | '\n'))
                    {
                        return Err(self.ill_formed("text outside the root element"));
                    }
                    self.keep(&text);
                }
                Raw::CData(text) => {
                    self.inside("a CDATA section")?;
                    self.keep(&text);
                }
                Raw::GeneralRef(reference) => {
                    self.inside("a reference")?;
                    let character = self.resolve(&reference)?;
                    self.keep(character.encode_utf8(&mut [0; 4]));
                }
                Raw::Decl(declaration) => self.check_declaration(&declaration)?,
                Raw::DocType(_) => return Err(self.error(Fault::Doctype)),
                Raw::Comment(_) | Raw::PI(_) => {}
                Raw::Eof if self.depth > 0 => {
                    return Err(self.ill_formed("the text ends inside an element"));
                }
                Raw::Eof if !self.seen_root => return Err(self.ill_formed("no root element")),
                Raw::Eof => return Ok(None),
            }
        }
    }

    /// Returns an error at the last event.
    pub(super) fn error(&self, fault: Fault) -> ReadError {
        ReadError::new(fault).at(Place::of(self.text, self.offset))
    }

    fn ill_formed(&self, what: impl AsRef<str>) -> ReadError {
        self.error(Fault::NotXml { what: excerpt::ascii(what.as_ref()) })
    }

    fn inside(&self, what: &str) -> Result<(), ReadError> {
        if self.depth == 0 {
            return Err(self.ill_formed(format!("{what} outside the root element")));
        }
        Ok(())
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<Event<'a>, ReadError> {
        if self.depth == 0 && std::mem::replace(&mut self.seen_root, true) {
            return Err(self.ill_formed("a second root element"));
        }
        self.depth += 1;
        if self.depth > self.limit {
            return Err(self.error(Fault::TooDeep { limit: self.limit }));
        }
        // The same bytes once more, but with the lifetime of the text.
        let inside = self.offset + 1..self.offset + 1 + start.len();
        let tag = self.text.get(inside).filter(|tag| *tag == &**start);
        let name_bytes = start.name().as_ref().len();
        let name = tag.and_then(|tag| tag.get(..name_bytes));
        let (Some(tag), Some(name)) = (tag, name) else {
            return Err(self.ill_formed("the position of a tag is lost"));
        };
        self.check_name(name)?;
        let mut attributes = Vec::new();
        // The reader compares each name with all before it, so their number is limited.
        for attribute in Attributes::new(tag, name_bytes) {
            let attribute = attribute.map_err(|error| self.ill_formed(error.to_string()))?;
            let key = attribute.key.0;
            self.check_name(key)?;
            if attributes.len() == MAX_ATTRIBUTES {
                let what = "attributes of one element";
                return Err(self.error(Fault::TooMany { what, limit: MAX_ATTRIBUTES }));
            }
            attributes.push((key, self.attribute_value(attribute.value)?));
        }
        Ok(Event::Open(Element { name, attributes }))
    }

    /// Refuses what is no name, without the full table of letters of XML 1.0 §2.3.
    fn check_name(&self, name: &str) -> Result<(), ReadError> {
        let mut chars = name.chars();
        let starts = |c: char| c.is_alphabetic() || c == '_' || c == ':' || !c.is_ascii();
        let continues = |c: char| starts(c) || matches!(c, '0'..='9' | '-' | '.');
        if chars.next().is_some_and(starts) && chars.all(continues) {
            return Ok(());
        }
        Err(self.ill_formed(format!("{} is no name", excerpt::quoted(name))))
    }

    /// Returns the value of an attribute with its references resolved (XML 1.0 §3.3.3).
    fn attribute_value(&self, raw: Cow<'a, str>) -> Result<Cow<'a, str>, ReadError> {
        if raw.contains('<') {
            return Err(self.ill_formed("\"<\" in the value of an attribute"));
        }
        if !raw.contains('&') {
            return Ok(raw);
        }
        let mut pieces = raw.split('&');
        let mut value = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let Some((reference, rest)) = piece.split_once(';') else {
                return Err(self.ill_formed("\"&\" without \";\" in the value of an attribute"));
            };
            value.push(self.resolve(reference)?);
            value.push_str(rest);
        }
        Ok(Cow::Owned(value))
    }

    /// Returns the character that a reference stands for: nobody can have defined other entities.
    fn resolve(&self, reference: &str) -> Result<char, ReadError> {
        let code = match reference {
            "lt" => return Ok('<'),
            "gt" => return Ok('>'),
            "amp" => return Ok('&'),
            "apos" => return Ok('\''),
            "quot" => return Ok('"'),
            _ => match (reference.strip_prefix("#x"), reference.strip_prefix('#')) {
                (Some(hex), _) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
                    u32::from_str_radix(hex, 16).ok()
                }
                (None, Some(digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                    digits.parse().ok()
                }
                _ => None,
            },
        };
        match code.and_then(char::from_u32) {
            Some(character) if is_allowed(character) => Ok(character),
            Some(character) => Err(self.error(Fault::ControlCharacter { character })),
            None => {
                let what = format!("the reference {} is not defined", excerpt::quoted(reference));
                Err(self.ill_formed(what))
            }
        }
    }

    /// Accepts `<?xml version="1.0"?>` at the very beginning, with an encoding that the text can have.
    fn check_declaration(&self, declaration: &BytesDecl<'_>) -> Result<(), ReadError> {
        if self.offset != 0 {
            return Err(self.ill_formed("an XML declaration that is not at the beginning"));
        }
        let version = declaration.version().map_err(|error| self.ill_formed(error.to_string()))?;
        if version != "1.0" {
            let known = "XML 1.0";
            return Err(
                self.error(Fault::UnsupportedVersion { found: excerpt::prose(&version), known })
            );
        }
        match declaration.encoding().transpose() {
            Err(error) => Err(self.ill_formed(error.to_string())),
            Ok(None) => Ok(()),
            Ok(Some(name)) => {
                let unicode = ["UTF-8", "UTF-16", "US-ASCII"];
                if self.text.is_ascii()
                    || unicode.iter().any(|known| known.eq_ignore_ascii_case(&name))
                {
                    return Ok(());
                }
                Err(self.error(Fault::Encoding { found: "a declaration of another encoding" }))
            }
        }
    }
}

/// Returns the first character that XML does not allow.
///
/// Looks at bytes: all that is forbidden is ASCII but for two characters.
fn forbidden(text: &str) -> Option<(usize, char)> {
    let is_control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    let control = text.as_bytes().iter().position(is_control);
    let first =
        [control, text.find('\u{fffe}'), text.find('\u{ffff}')].into_iter().flatten().min()?;
    Some((first, text.get(first..)?.chars().next()?))
}

/// Returns whether XML allows a character (XML 1.0 §2.2).
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the events of a text: names with attributes, `/` for an end.
    fn events(text: &str) -> Result<String, ReadError> {
        let mut events = Events::new(text, 5)?;
        let mut out = String::new();
        while let Some(event) = events.next()? {
            match event {
                Event::Close => out.push('/'),
                Event::Open(element) => {
                    out.push_str(element.name);
                    for (key, value) in element.attributes {
                        out.push_str(&format!(" {key}={value}"));
                    }
                }
            }
        }
        Ok(out)
    }

    fn fault(text: &str) -> Fault {
        events(text).expect_err(text).fault
    }

    #[test]
    fn well_formed_documents_are_read() {
        for (text, expected) in [
            ("<a/>", "a/"),
            (
                "<?xml version='1.0' encoding='utf-8'?>\n<!-- x -->\n<a><b/>t</a>\n<!-- y --><?p q?>\n",
                "ab//",
            ),
            ("<a x='1' y=\"&lt;&#65;&#x42;&amp;amp;&quot;\"></a>", "a x=1 y=<AB&amp;\"/"),
            ("<a>&lt;&#10;<![CDATA[<b>&nope;]]><b/></a>", "ab//"),
            ("<p:a xmlns:p='u'><é/></p:a>", "p:a xmlns:p=ué//"),
            ("<a\n x = 'y' />", "a x=y/"),
            ("<a><b><c><d><e/></d></c></b></a>", "abcde/////"),
            ("<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "a/"),
        ] {
            assert_eq!(events(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn the_text_of_an_element_is_kept_up_to_a_limit() {
        let contents = |text: &str| {
            let mut events = Events::new(text, 5).expect(text).keeping_content();
            let mut out = Vec::new();
            while let Some(event) = events.next().expect(text) {
                if matches!(event, Event::Close) {
                    out.push(events.content().to_owned());
                }
            }
            out
        };
        assert_eq!(contents("<a>x<b>1&lt;<!-- c -->2<![CDATA[<]]></b>y</a>"), ["1<2<", "y"]);
        assert_eq!(contents("<a>x<b/></a>"), ["", ""]);
        let long = format!("<a>{}</a>", "é".repeat(10_000));
        assert_eq!(contents(&long)[0].len(), 4_096);
    }

    #[test]
    fn text_that_is_not_well_formed_is_refused() {
        for text in [
            "",
            " ",
            "x",
            "<a>",
            "<a",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "x<a/>",
            "</a>",
            "<a></a></a>",
            "<a x=1/>",
            "<a x/>",
            "<a x='1' x='2'/>",
            "<a x='<'/>",
            "<a x='&'/>",
            "<a x='&y;'/>",
            "<a>&nope;</a>",
            "<a>& </a>",
            "<a/>&lt;",
            "<![CDATA[x]]><a/>",
            "<a><!-- -- --></a>",
            "<a><![CDATA[</a>",
            "<a><?p </a>",
            "<1/>",
            "< a/>",
            "<a<b/>",
            "<a x\"='y'/>",
            "<a>&#xZZ;</a>",
            "<a>&#x110000;</a>",
            "<a>&#xD800;</a>",
            "<a>&#+65;</a>",
            "<a>&#99999999999;</a>",
            " <?xml version='1.0'?><a/>",
            "<a><?xml version='1.0'?></a>",
            "<?xml encoding='x'?><a/>",
            "<>x</>",
        ] {
            assert!(matches!(fault(text), Fault::NotXml { .. }), "{text}: {:?}", fault(text));
        }
    }

    #[test]
    fn what_is_forbidden_as_bytes_is_what_is_not_allowed() {
        for c in ('\0'..=char::MAX).filter(|c| !is_allowed(*c) || u32::from(*c) < 0x300) {
            let text = format!("aé{c}\u{fffe}");
            let expected = if is_allowed(c) { '\u{fffe}' } else { c };
            assert_eq!(forbidden(&text).map(|(_, c)| c), Some(expected), "{c:?}");
        }
        assert_eq!(forbidden("aé\t\r\n\u{10ffff}"), None);
    }

    #[test]
    fn a_document_type_is_refused_and_nothing_is_expanded() {
        for text in [
            "<!DOCTYPE a><a/>",
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
            "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        ] {
            assert_eq!(fault(text), Fault::Doctype, "{text}");
        }
    }

    #[test]
    fn control_characters_are_refused_as_bytes_and_as_references() {
        for (text, character) in [
            ("<a x='\u{1}'/>", '\u{1}'),
            ("<a>\0</a>", '\0'),
            ("<a>\u{fffe}</a>", '\u{fffe}'),
            ("<a x='&#27;'/>", '\u{1b}'),
            ("<a>&#x1b;</a>", '\u{1b}'),
            ("<a>&#0;</a>", '\0'),
        ] {
            assert_eq!(fault(text), Fault::ControlCharacter { character }, "{text:?}");
        }
    }

    #[test]
    fn depth_and_attributes_are_limited() {
        assert_eq!(fault(&"<a>".repeat(100_000)), Fault::TooDeep { limit: 5 });
        assert_eq!(fault("<a><b><c><d><e><f/></e></d></c></b></a>"), Fault::TooDeep { limit: 5 });
        let many = |n: usize| {
            let attributes: String = (0..n).map(|n| format!(" a{n}=''")).collect();
            format!("<a{attributes}/>")
        };
        assert!(events(&many(128)).is_ok());
        let too_many = Fault::TooMany { what: "attributes of one element", limit: 128 };
        assert_eq!(fault(&many(129)), too_many);
        assert_eq!(fault(&many(300_000)), too_many);
    }

    #[test]
    fn versions_and_encodings_that_are_not_read_are_named() {
        assert_eq!(
            fault("<?xml version='1.1'?><a/>"),
            Fault::UnsupportedVersion { found: "1.1".into(), known: "XML 1.0" }
        );
        assert_eq!(
            fault("<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>"),
            Fault::Encoding { found: "a declaration of another encoding" }
        );
    }

    #[test]
    fn the_place_of_an_error_is_told() {
        let error = events("<a>\n <b x='&y;'/></a>").expect_err("refused");
        assert_eq!(error.place, Some(Place { line: 2, column: 2 }));
    }
}
