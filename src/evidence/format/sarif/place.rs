//! Where a result is: URIs of the report to paths of the repository.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::model;
use crate::evidence::format::error::{Fault, ReadError};
use crate::evidence::format::excerpt;
use crate::evidence::format::json::{Document, Object, Raw, Text, Whole};
use crate::evidence::format::path;
use crate::evidence::report::Location;

/// Base directories of one run that are read.
const MAX_BASES: usize = 64;

/// Bases on top of each other that are followed.
const MAX_BASE_DEPTH: usize = 8;

/// The directories that locations of a run are relative to (`originalUriBaseIds`, §3.14.14).
#[derive(Default)]
pub(super) struct Bases<'a>(BTreeMap<Text<'a>, Base<'a>>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Base<'a> {
    #[serde(borrow)]
    uri: Option<Text<'a>>,
    #[serde(borrow)]
    uri_base_id: Option<Text<'a>>,
}

impl<'a> Bases<'a> {
    /// Reads the bases of a run.
    pub(super) fn read(document: Document<'a>, raw: Raw<'a>) -> Result<Self, ReadError> {
        let mut bases = BTreeMap::new();
        document.entries(raw, |id: Text<'a>, Object(base): Object<Base<'a>>| {
            if bases.len() == MAX_BASES {
                let what = "base directories of one run";
                return Err(document.error(Fault::TooMany { what, limit: MAX_BASES }));
            }
            match bases.insert(id.clone(), base) {
                None => Ok(()),
                Some(_) => Err(document.error(Fault::DuplicateKey { key: excerpt::name(&id) })),
            }
        })?;
        Ok(Self(bases))
    }

    /// Returns the place that a location of a result names.
    pub(super) fn locate(
        &self,
        document: Document<'a>,
        location: &model::Location<'a>,
    ) -> Location {
        let physical = location.physical_location.as_ref();
        let artifact = physical.and_then(|physical| physical.artifact_location.as_ref());
        let Some(uri) = artifact.and_then(|artifact| artifact.uri.as_deref()) else {
            let text = location.message.as_ref().and_then(|message| message.text.as_deref());
            return Location::Other(excerpt::prose(text.unwrap_or_default()));
        };
        let base = artifact.and_then(|artifact| artifact.uri_base_id.as_deref());
        let line = physical.and_then(|physical| physical.region.as_ref()).and_then(|region| {
            // A line that is no number says nothing, and nothing depends on it.
            document.try_value::<Whole>(region.start_line?).and_then(Whole::line)
        });
        match self.resolve(uri, base).and_then(|path| path::normalise(&path)) {
            Some(path) => Location::File { path: excerpt::name(&path), line },
            None => Location::Other(excerpt::name(uri)),
        }
    }

    /// Returns the path of a URI below the root of the scan, or an absolute one if the root is not told.
    fn resolve(&self, uri: &str, base: Option<&str>) -> Option<String> {
        if let Some(path) = absolute(uri) {
            return path.map(|path| self.below_root(path));
        }
        let mut path = percent_decode(uri)?;
        let mut base = base;
        for _ in 0..MAX_BASE_DEPTH {
            let Some(Base { uri: Some(uri), uri_base_id }) = base.and_then(|id| self.0.get(id))
            else {
                return Some(path);
            };
            if absolute(uri).is_some() {
                return Some(path);
            }
            path = format!("{}/{path}", percent_decode(uri)?);
            base = uri_base_id.as_deref();
        }
        None
    }

    /// Cuts the root of the scan off an absolute path: the outermost base that it lies in.
    fn below_root(&self, path: String) -> String {
        let roots = self.0.values().filter_map(|base| absolute(base.uri.as_deref()?)?);
        let below = roots.filter_map(|root| {
            let rest = path.strip_prefix(root.trim_end_matches('/'))?;
            rest.strip_prefix('/').filter(|rest| !rest.is_empty())
        });
        below.max_by_key(|rest| rest.len()).map_or_else(|| path.clone(), str::to_owned)
    }
}

/// Returns the path of a `file:` URI or of a path from the root, `Some(None)` for any other
/// URI with a scheme, and `None` for a relative reference (RFC 3986 §4.2).
fn absolute(uri: &str) -> Option<Option<String>> {
    if uri.starts_with('/') {
        return Some(percent_decode(uri));
    }
    let (scheme, rest) = uri.split_once(':')?;
    let mut chars = scheme.chars();
    let is_scheme = chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    if !is_scheme {
        return None;
    }
    if !scheme.eq_ignore_ascii_case("file") {
        return Some(None);
    }
    let path = match rest.strip_prefix("//") {
        // A file on another host is none of this repository.
        Some(authority) => authority.strip_prefix("localhost").unwrap_or(authority),
        None => rest,
    };
    Some(path.starts_with('/').then(|| percent_decode(path)).flatten())
}

/// Undoes percent-encoding once (RFC 3986 §2.1); `None` if it is none or not UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (hex, rest) = piece.split_at_checked(2)?;
        if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::report::Format;

    fn locate(bases: &str, uri: &str, base: Option<&str>) -> Location {
        let text = serde_json::json!({
            "bases": serde_json::from_str::<serde_json::Value>(bases).expect("JSON"),
            "location": {"physicalLocation": {
                "artifactLocation": {"uri": uri, "uriBaseId": base}, "region": {"startLine": 3}}},
        })
        .to_string();
        #[derive(Deserialize)]
        struct Sample<'a> {
            #[serde(borrow)]
            bases: Raw<'a>,
            #[serde(borrow)]
            location: Object<model::Location<'a>>,
        }
        let document = Document::new(&text, Format::Sarif);
        let sample: Sample<'_> = document.root().expect("a sample");
        Bases::read(document, sample.bases).expect("bases").locate(document, &sample.location)
    }

    fn file(path: &str) -> Location {
        Location::File { path: path.into(), line: Some(3) }
    }

    const ROOT: &str = r#"{"SRCROOT": {"uri": "file:///src/app/"}, "SUB": {"uri": "sub/", "uriBaseId": "SRCROOT"},
        "LOOP": {"uri": "x/", "uriBaseId": "LOOP"}}"#;

    #[test]
    fn the_ways_to_write_a_path_come_out_the_same() {
        for (uri, base) in [
            ("src/a%20b.c", None),
            ("./src/a%20b.c", Some("SRCROOT")),
            ("src/a b.c", Some("%UNKNOWN%")),
            ("file:///src/app/src/a%20b.c", None),
            ("file:/src/app/src/a%20b.c", None),
            ("file://localhost/src/app/src/a%20b.c", Some("SUB")),
            ("/src/app/src/a%20b.c", None),
        ] {
            assert_eq!(locate(ROOT, uri, base), file("src/a b.c"), "{uri}");
        }
        assert_eq!(locate(ROOT, "a.c", Some("SUB")), file("sub/a.c"));
        assert_eq!(locate("{}", "file:///src/app/a.c", None), file("/src/app/a.c"));
        assert_eq!(locate(ROOT, "file:///src/app2/a.c", None), file("/src/app2/a.c"));
    }

    #[test]
    fn what_may_lie_outside_the_repository_matches_no_path() {
        for (uri, base) in [
            ("../a.c", None),
            ("src/%2e%2e/a.c", None),
            ("src/a%00.c", None),
            ("src/%zz.c", None),
            ("src/%c3.c", None),
            ("https://example.org/a.c", None),
            ("C:/src/a.c", None),
            ("file://other/src/a.c", None),
            ("a.c", Some("LOOP")),
            ("", None),
        ] {
            assert_eq!(locate(ROOT, uri, base), Location::Other(uri.into()), "{uri}");
        }
    }

    #[test]
    fn decoding_happens_once() {
        assert_eq!(locate("{}", "a%252e%252e", None), file("a%2e%2e"));
    }
}
