//! From the bytes of a document to an [`Exception`].
//!
//! The document is read strictly: an unknown or repeated key, a scope that is left open, a
//! section that nobody has filled in and text behind the first signature are problems with
//! their line, and a document with a problem covers nothing.

use std::sync::OnceLock;

use jiff::civil::Date;

use super::package::PackagePattern;
use super::scope::Scope;
use super::signed::{Line, Signature, What};
use super::{Exception, ExceptionId, Waives};
use crate::error::Diagnostic;
use crate::evidence::checklist;
use crate::evidence::predicate::Sha256;
use crate::limits::Limits;
use crate::policy::config::Checklist;
use crate::policy::paths::PathPattern;
use crate::policy::problems::Problems;
use crate::policy::refs::RefPattern;
use crate::policy::text::{self, quoted};
use crate::policy::toml_reader::{self, Table, Value};
use crate::principal::PrincipalId;
use crate::report::text::Foreign;
use crate::violation::OpenItemKind;

/// The document that requests are made from, which is also what an unfilled section says.
const TEMPLATE: &str = include_str!("../../../templates/exception-request.md");

/// The sections that people fill in.
const SECTIONS: [&str; 3] = ["Scope", "Duration", "Compensating controls"];

/// The line above and below the front matter.
const FENCE: &str = "+++";

/// The most signatures that one document carries.
const MAX_LINES: usize = 32;

/// The most values of one key of the scope.
const MAX_VALUES: usize = 200;

/// Reads the document at a path of a tree, `exceptions/<id>.md`.
///
/// # Errors
/// Every problem of the document, by line.
pub fn read(path: &str, bytes: &[u8], limits: &Limits) -> Result<Exception, Vec<Diagnostic>> {
    let limits = Limits { file_bytes: limits.exception_bytes, ..limits.clone() };
    let mut problems = Problems::new(path);
    if bytes.len() as u64 > limits.exception_bytes {
        let (bytes, limit) = (bytes.len(), limits.exception_bytes);
        let message = format!(
            "the document has {bytes} bytes, more than the limit of {limit} (limits.exception-bytes)"
        );
        problems.add(0, message);
        return Err(problems.into_sorted());
    }
    let Some(text) = text::checked(bytes, &limits, &mut problems) else {
        return Err(problems.into_sorted());
    };
    let Some((front, body)) = front_matter(text) else {
        let message = "the document does not begin with front matter between two lines of +++";
        let help = "see the template: refgate exception new";
        problems.add_with_help(1, message, help);
        return Err(problems.into_sorted());
    };
    let (above, below) = text.split_at_checked(body).unwrap_or((text, ""));
    let above = above.matches('\n').count();
    if digest_end(text.as_bytes()) < body {
        problems.add(0, "a signature stands in the front matter");
        return Err(problems.into_sorted());
    }
    let lines = signatures(below, above, &mut problems);
    sections(text, body, &mut problems);
    // An empty line stands for the fence, so that lines are counted as people see them.
    let front = format!("\n{front}");
    let front = toml_reader::read_file(path, front.as_bytes(), &limits, |top| {
        let stem = path.rsplit('/').next().and_then(|name| name.strip_suffix(".md"));
        Front::read(top, stem.unwrap_or_default())
    });
    let mut found = problems.into_sorted();
    match front {
        Ok(Some(front)) if found.is_empty() => {
            let digest = Sha256::of(bytes.get(..digest_end(bytes)).unwrap_or_default());
            Ok(front.into_exception(digest, lines))
        }
        Ok(_) => Err(found),
        Err(diagnostics) => {
            found.extend(diagnostics);
            found.sort_by_key(|problem| problem.line);
            Err(found)
        }
    }
}

/// Returns where the signed part of a document ends: at the first line that begins as a signature.
#[must_use]
pub fn digest_end(bytes: &[u8]) -> usize {
    let mut at = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let begins = |what: What| {
            line.strip_prefix(what.key().as_bytes()).is_some_and(|rest| rest.starts_with(b":"))
        };
        if begins(What::Approval) || begins(What::Review) {
            return at;
        }
        at += line.len();
    }
    bytes.len()
}

/// Returns the front matter and where the text behind it begins.
fn front_matter(text: &str) -> Option<(&str, usize)> {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().filter(|line| line.trim_end() == FENCE)?;
    let mut at = first.len();
    for line in lines {
        if line.trim_end() == FENCE {
            return Some((text.get(first.len()..at)?, at + line.len()));
        }
        at += line.len();
    }
    None
}

/// Reads the lines of signatures; `above` lines stand above this part of the document.
fn signatures(body: &str, above: usize, problems: &mut Problems) -> Vec<Line> {
    let mut found: Vec<(usize, What, String)> = Vec::new();
    for (number, line) in (above + 1..).zip(body.lines()) {
        if let Some((what, value)) = What::of_line(line) {
            found.push((number, what, value.trim().to_owned()));
        } else if let Some((_, _, value)) = found.last_mut() {
            if line.starts_with(' ') && !line.trim().is_empty() {
                value.push(' ');
                value.push_str(line.trim());
            } else if !line.trim().is_empty() {
                let first = found.first().map_or(0, |(first, _, _)| *first);
                let message =
                    format!("text behind the signature in line {first}, which does not cover it");
                let help = "move signatures to the end, and have the document approved anew";
                problems.add_with_help(number, message, help);
                return Vec::new();
            }
        }
    }
    if found.len() > MAX_LINES {
        problems.add(0, format!("the document has more than {MAX_LINES} signatures"));
        return Vec::new();
    }
    found
        .into_iter()
        .map(|(line, what, value)| Line {
            line,
            what,
            claimed_by: Foreign::from(value.split(';').next().unwrap_or_default()),
            read: Signature::parse(what, &value),
        })
        .collect()
}

/// Checks that people have filled in the sections.
fn sections(text: &str, body: usize, problems: &mut Problems) {
    // One for all documents, since its placeholders are compiled when they are first needed.
    static ASKED: OnceLock<Checklist> = OnceLock::new();
    let asked = ASKED.get_or_init(|| Checklist::of_fields(&SECTIONS));
    // The signatures are no text of a section, and the front matter is none of the page.
    let end = digest_end(text.as_bytes());
    let above = "\n".repeat(text.get(..body).unwrap_or_default().matches('\n').count());
    let page = format!("{above}{}", text.get(body..end).unwrap_or_default());
    let template = front_matter(TEMPLATE).and_then(|(_, body)| TEMPLATE.get(body..));
    let template = template.unwrap_or(TEMPLATE);
    for open in checklist::unfilled(template.as_bytes(), page.as_bytes(), asked) {
        match open.what {
            OpenItemKind::FieldMissing { field } => {
                let help = format!("write a heading \"## {field}\" and what belongs there");
                problems.add_with_help(0, format!("the section \"{field}\" is missing"), help);
            }
            OpenItemKind::FieldEmpty { field } => {
                let message = format!("the section \"{field}\" is not filled in");
                problems.add_with_help(open.line, message, "replace what the template says there");
            }
            OpenItemKind::Unreadable(why) => problems.add(open.line, why),
            OpenItemKind::Section { .. }
            | OpenItemKind::ItemMissing { .. }
            | OpenItemKind::NotTicked { .. }
            | OpenItemKind::OwnerUnknown { .. }
            | OpenItemKind::DigestMissing { .. }
            | OpenItemKind::GateMissing { .. }
            | OpenItemKind::Html { .. } => {}
        }
    }
}

/// What the front matter says.
struct Front {
    id: ExceptionId,
    waives: Waives,
    scope: Scope,
    requested: Date,
    expires: Date,
    requester: PrincipalId,
    owner: PrincipalId,
    revoked: Option<Date>,
    revoked_because: Option<String>,
}

impl Front {
    fn read(top: &mut Table<'_>, stem: &str) -> Option<Self> {
        let id = required(top, "id", "id = \"EX-2026-014\"", |value| id(value, stem));
        let waives = required(top, "gates", "gates = [\"scan\"]", gates);
        let example = "requested = \"2026-11-23\"";
        let requested =
            required(top, "requested", example, |value| Some((value.line(), value.date()?)));
        let example = "expires = \"2026-12-23\"";
        let expires =
            required(top, "expires", example, |value| Some((value.line(), value.date()?)));
        let requester = required(top, "requester", "requester = \"you@example.org\"", email);
        let owner = required(top, "owner", "owner = \"you@example.org\"", email);
        let revoked = top.value("revoked").map(|value| value.date());
        let because = top.value("revoked-because").map(|value| value.string().map(str::to_owned));
        if let (None, Some(_)) = (&revoked, &because) {
            top.wrong("revoked-because stands without revoked", "add revoked = \"<date>\"");
        }
        let scope = top.value("scope");
        if scope.is_none() {
            top.wrong("[scope] is missing", "say what is covered: refs, rules, paths or packages");
        }
        let scope = scope.and_then(|value| value.table(|table| scope_of(table, waives)));
        if let (Some((_, requested)), Some((line, expires))) = (requested, expires)
            && expires < requested
        {
            let message = format!("it expires on {expires}, before it was requested");
            top.wrong_at(line, message, "set a later day");
        }
        Some(Self {
            id: id?,
            waives: waives?,
            scope: scope??,
            requested: requested?.1,
            expires: expires?.1,
            requester: requester?,
            owner: owner?,
            revoked: match revoked {
                Some(day) => Some(day?),
                None => None,
            },
            revoked_because: because.flatten(),
        })
    }

    fn into_exception(self, digest: Sha256, lines: Vec<Line>) -> Exception {
        let Self { id, waives, scope, requested, expires, requester, owner, .. } = self;
        let Self { revoked, revoked_because, .. } = self;
        Exception {
            id,
            waives,
            scope,
            requested,
            expires,
            requester,
            owner,
            revoked,
            revoked_because,
            digest,
            lines,
        }
    }
}

/// Reads a key that must be there.
fn required<'t, T>(
    table: &mut Table<'t>,
    key: &'static str,
    example: &str,
    read: impl FnOnce(&Value<'t>) -> Option<T>,
) -> Option<T> {
    let value = table.value(key);
    if value.is_none() {
        table.wrong(format!("{key} is missing"), format!("add a line such as {example}"));
    }
    value.and_then(|value| read(&value))
}

fn id(value: &Value<'_>, stem: &str) -> Option<ExceptionId> {
    let text = value.string()?;
    let Some(id) = ExceptionId::parse(text) else {
        let message = format!("{} is no id of an exception", quoted(text));
        value.wrong(message, "write EX- and at most 40 of A-Z, 0-9 and -, such as EX-2026-014");
        return None;
    };
    if id.as_str() != stem {
        let help = format!("call the file {}", id.path());
        value.wrong(format!("the file has the name of another exception, {}", quoted(stem)), help);
        return None;
    }
    Some(id)
}

fn gates(value: &Value<'_>) -> Option<Waives> {
    let words = [("scan", Waives::Findings), ("freeze", Waives::Freeze), ("*", Waives::EveryGate)];
    match value.list(|gate| gate.word(&words))?.as_slice() {
        [one] => Some(*one),
        _ => {
            let help = "keep one, and request an exception of its own for each other";
            value.wrong("an exception is for one gate", help);
            None
        }
    }
}

fn email(value: &Value<'_>) -> Option<PrincipalId> {
    let text = value.string()?;
    let email = PrincipalId::parse(text);
    if email.is_none() {
        value.wrong(format!("{} is no email address", quoted(text)), "write name@example.org");
    }
    email
}

fn scope_of<'t>(table: &mut Table<'t>, waives: Option<Waives>) -> Option<Scope> {
    let mut given: Vec<&'static str> = Vec::new();
    let mut list = |table: &mut Table<'t>, key: &'static str| {
        let value = table.value(key)?;
        given.push(key);
        Some(value)
    };
    let refs = list(table, "refs").map(|value| values(&value, ref_pattern));
    let rules = list(table, "rules").map(|value| values(&value, text_of));
    let tools = list(table, "tools").map(|value| values(&value, text_of));
    let fingerprints = list(table, "fingerprints").map(|value| values(&value, fingerprint));
    let paths = list(table, "paths").map(|value| values(&value, path_pattern));
    let packages = list(table, "packages").map(|value| values(&value, package));
    if refs.is_none() {
        table.wrong("scope.refs is missing", "add refs = [\"refs/heads/main\"]");
    }
    match waives {
        Some(Waives::Findings) => {
            if rules.is_none() {
                let help = "name the rule or vulnerability, such as rules = [\"CVE-2021-23337\"]";
                table.wrong("scope.rules is missing", help);
            }
            if paths.is_none() && packages.is_none() {
                let help = "say where, such as paths = [\"/src/parse.c\"]; \"*\" is every file";
                table.wrong("the scope has neither paths nor packages", help);
            }
        }
        Some(Waives::Freeze | Waives::EveryGate) => {
            for key in given.iter().filter(|key| **key != "refs") {
                let help = "remove it: only exceptions for findings have a scope beside refs";
                table.wrong(format!("scope.{key} would narrow nothing"), help);
            }
        }
        None => {}
    }
    Some(Scope {
        refs: refs??,
        rules: or_none(rules)?,
        tools: or_none(tools)?,
        fingerprints: or_none(fingerprints)?,
        paths: or_none(paths)?,
        packages: or_none(packages)?,
    })
}

/// A key that is not there is empty; one that could not be read spoils the scope.
fn or_none<T>(values: Option<Option<Vec<T>>>) -> Option<Vec<T>> {
    values.unwrap_or_else(|| Some(Vec::new()))
}

fn values<'t, T: PartialEq>(
    value: &Value<'t>,
    read: impl Fn(&Value<'t>) -> Option<T>,
) -> Option<Vec<T>> {
    let values = value.list(read)?;
    if values.len() > MAX_VALUES {
        value.wrong(format!("the list has more than {MAX_VALUES} values"), "divide the exception");
        return None;
    }
    Some(values)
}

fn text_of(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    if text.trim() != text {
        value.wrong(format!("{} has blanks at its ends", quoted(text)), "remove them");
        return None;
    }
    Some(text.to_owned())
}

fn fingerprint(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    let digest = text.strip_prefix("sha256:").unwrap_or_default();
    let (hex, number) = digest.split_once(':').unwrap_or((digest, "2"));
    let is_one = Sha256::from_hex(hex).is_some()
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit());
    if !is_one {
        value.wrong(
            format!("{} is no fingerprint of a finding", quoted(text)),
            "copy it from: refgate check --format json",
        );
    }
    is_one.then(|| text.to_owned())
}

fn ref_pattern(value: &Value<'_>) -> Option<RefPattern> {
    let text = value.string()?;
    RefPattern::parse(text)
        .map_err(|error| value.wrong(format!("{}: {error}", quoted(text)), error.help()))
        .ok()
}

fn path_pattern(value: &Value<'_>) -> Option<PathPattern> {
    let text = value.string()?;
    PathPattern::parse(text)
        .map_err(|error| {
            let help = "write a pattern as in CODEOWNERS, such as /src/parse.c";
            value.wrong(format!("{}: {error}", quoted(text)), help);
        })
        .ok()
}

fn package(value: &Value<'_>) -> Option<PackagePattern> {
    let text = value.string()?;
    PackagePattern::parse(text)
        .map_err(|why| {
            let help = "write it as the report does, such as pkg:npm/lodash@4.17.20";
            value.wrong(format!("{}: {why}", quoted(text)), help);
        })
        .ok()
}
