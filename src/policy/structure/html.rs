//! Raw HTML on the page: what may hide rows from the people who look at it.
//!
//! refgate renders nothing. It only needs to know whether a piece of raw HTML is
//! a comment, which nobody sees, and whether an element that was opened is still
//! open where a section begins: `<details>` around a table folds it away.
//! What cannot be told for certain counts as open.

/// One piece of raw HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// `<name ...>`
    Open(String),
    /// `</name>`
    Close(String),
    /// `<!-- ... -->`, which HTML and Markdown end at the same place.
    Comment,
    /// Characters that are shown.
    Text,
    /// What browsers and Markdown read differently, or what does not end.
    Unclear(&'static str),
}

/// The elements that are open, each with the line where it was opened.
#[derive(Default)]
pub(super) struct OpenElements {
    open: Vec<(String, usize)>,
    /// The first element that can change how the whole page looks, wherever it stands.
    restyling: Option<(String, usize)>,
}

impl OpenElements {
    /// The most elements that are kept; more are as bad as so many.
    const MAX: usize = 1000;

    /// Reads a piece of raw HTML that begins in a line.
    pub(super) fn feed(&mut self, html: &str, line: usize) {
        for piece in pieces(html) {
            match piece {
                Piece::Open(name) if matches!(name.as_str(), "style" | "script" | "link") => {
                    self.restyling.get_or_insert((name, line));
                }
                Piece::Open(name) if self.open.len() < Self::MAX && !is_void(&name) => {
                    self.open.push((name, line));
                }
                Piece::Unclear(what) if self.open.len() < Self::MAX => {
                    self.open.push((what.into(), line));
                }
                Piece::Close(name) => {
                    if let Some(at) = self.open.iter().rposition(|(open, _)| *open == name) {
                        self.open.truncate(at);
                    }
                }
                Piece::Open(_) | Piece::Unclear(_) | Piece::Comment | Piece::Text => {}
            }
        }
    }

    /// Returns the first element that can change how the whole page looks.
    pub(super) fn restyling(&self) -> Option<&(String, usize)> {
        self.restyling.as_ref()
    }

    /// Returns the outermost open element and forgets all, so that each is named once.
    pub(super) fn take_first(&mut self) -> Option<(String, usize)> {
        let first = self.open.first().cloned();
        self.open.clear();
        first
    }
}

/// Returns whether the HTML consists of comments and blanks, so that nobody sees it.
pub(super) fn is_comment(html: &str) -> bool {
    pieces(html).iter().all(|piece| *piece == Piece::Comment)
}

/// Returns whether the HTML is a line break.
pub(super) fn is_break(html: &str) -> bool {
    pieces(html) == [Piece::Open("br".into())]
}

/// Divides raw HTML into pieces; blanks between them are left out.
fn pieces(html: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        if !before.trim_ascii().is_empty() {
            found.push(Piece::Text);
        }
        let (piece, behind) = piece(after);
        rest = behind;
        if let Piece::Open(name) = &piece
            && is_raw_text(name)
        {
            rest = skip_raw_text(rest, name);
        }
        found.push(piece);
    }
    if !rest.trim_ascii().is_empty() {
        found.push(Piece::Text);
    }
    found
}

/// Reads what follows a `<`, and returns the rest behind it.
fn piece(after: &str) -> (Piece, &str) {
    if let Some(body) = after.strip_prefix("!--") {
        return comment(body);
    }
    let (closing, named) = match after.strip_prefix('/') {
        Some(named) => (true, named),
        None => (false, after),
    };
    let end = named.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'));
    let (name, rest) = end.and_then(|end| named.split_at_checked(end)).unwrap_or((named, ""));
    match name.chars().next() {
        Some(c) if c.is_ascii_alphabetic() => {}
        Some('!' | '?') => return (Piece::Unclear("a declaration"), rest),
        Some(_) | None => return (Piece::Text, after),
    }
    let name = name.to_ascii_lowercase();
    match behind_tag(rest) {
        None => (Piece::Unclear("an unfinished tag"), ""),
        Some(rest) if closing => (Piece::Close(name), rest),
        Some(rest) => (Piece::Open(name), rest),
    }
}

/// Reads a comment behind its `<!--`.
///
/// Refuses the forms that HTML ends earlier than CommonMark does (HTML Standard,
/// "comment start state" and "comment end bang state"): what stands behind that
/// end is shown to people although Markdown takes it for a comment.
fn comment(body: &str) -> (Piece, &str) {
    let Some((text, rest)) = body.split_once("-->") else {
        return (Piece::Unclear("an unfinished comment"), "");
    };
    if body.starts_with('>') || body.starts_with("->") || text.contains("--!>") {
        return (Piece::Unclear("a malformed comment"), rest);
    }
    (Piece::Comment, rest)
}

/// Returns what stands behind the `>` of a tag, attributes in quotes skipped.
fn behind_tag(attributes: &str) -> Option<&str> {
    let mut rest = attributes;
    loop {
        let at = rest.find(['>', '"', '\''])?;
        let (_, from) = rest.split_at_checked(at)?;
        let mut chars = from.chars();
        let mark = chars.next()?;
        rest = chars.as_str();
        if mark == '>' {
            return Some(rest);
        }
        (_, rest) = rest.split_once(mark)?;
    }
}

/// Skips to the end tag of an element whose content is no markup; to the end if there is none.
fn skip_raw_text<'a>(content: &'a str, name: &str) -> &'a str {
    let end = content.match_indices("</").find(|(at, _)| {
        let tag = content.get(at + 2..at + 2 + name.len());
        tag.is_some_and(|tag| tag.eq_ignore_ascii_case(name))
    });
    end.and_then(|(at, _)| content.get(at..)).unwrap_or_default()
}

/// HTML Standard, "Elements": raw text and escapable raw text elements, and two obsolete ones.
fn is_raw_text(name: &str) -> bool {
    matches!(name, "script" | "style" | "textarea" | "title" | "xmp" | "plaintext")
}

/// HTML Standard, "Void elements": those that have no content and no end tag.
fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn t25_only_whole_comments_are_comments() {
        for html in
            ["", " \n", "<!-- a -->", "<!-- a\n\n| b | -->\n<!---->\n", "<!-- <details> -->"]
        {
            assert!(is_comment(html), "{html:?}");
        }
        for html in [
            "<!-- a --> b",
            "<!-- a --> <details>",
            "<!-- a",
            "<!-->",
            "<!--->",
            "<!--> <table> -->",
            "<!-- a --!> <table> -->",
            "<details>",
            "<br>",
            "</p>",
            "<!DOCTYPE html>",
            "<?php ?>",
            "a < b",
        ] {
            assert!(!is_comment(html), "{html:?}");
        }
    }

    #[test]
    fn a_line_break_is_told_from_other_elements() {
        assert!(["<br>", "<br/>", "<BR />"].into_iter().all(is_break));
        assert!(!["<b>", "</br>", "<br", "<br>x", "<brr>", ""].into_iter().any(is_break));
    }

    #[test]
    fn t25_what_is_open_is_known() {
        for (html, open) in [
            ("", None),
            ("<p align=\"center\"><img src=x></p>", None),
            ("<details><summary>x</summary>y</details>", None),
            ("<div><p>x</div>", None),
            ("<img alt=\"a > b\" src='<details>'>", None),
            ("<script>if (a < b) '<div>'</script>", None),
            ("1 < 2 </p>", None),
            ("<details>", Some("details")),
            ("<DETAILS open>", Some("details")),
            ("<details><summary>x</summary>", Some("details")),
            ("<details/>", Some("details")),
            ("<div><details></div", Some("div")),
            ("<details", Some("an unfinished tag")),
            ("<a title=\"", Some("an unfinished tag")),
            ("<details><script>'</details>'</script>", Some("details")),
            ("<textarea>x", Some("textarea")),
            ("<div>\n<!-- ", Some("div")),
            ("<!-- ", Some("an unfinished comment")),
            ("<!--> <table> -->", Some("a malformed comment")),
            ("<?x", Some("a declaration")),
        ] {
            let mut elements = OpenElements::default();
            elements.feed(html, 7);
            let open = open.map(|name: &str| (name.to_string(), 7));
            assert_eq!(elements.take_first(), open, "{html:?}");
            assert_eq!(elements.take_first(), None);
        }
    }

    #[test]
    fn t25_what_restyles_the_page_is_known() {
        for (html, restyling) in [
            ("<style>table { display: none }</style>", Some("style")),
            ("<p><SCRIPT src=x></script></p>", Some("script")),
            ("<link rel=stylesheet href=x>", Some("link")),
            ("<!-- <style> --><p style=\"color: red\">x</p>", None),
        ] {
            let mut elements = OpenElements::default();
            elements.feed(html, 7);
            let found = elements.restyling().map(|(name, line)| (name.as_str(), *line));
            assert_eq!(found, restyling.map(|name: &str| (name, 7)), "{html:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(html in "[<>/!?'\" \\-a-d\u{e9}]{0,60}") {
            let mut elements = OpenElements::default();
            elements.feed(&html, 1);
            is_break(&html);
        }
    }
}
