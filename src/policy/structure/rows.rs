//! Rows as what they say: a principal with keys, or a domain with reviewers.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::evidence::kind::Kind;
use crate::policy::paths::PathPattern;
use crate::policy::problems::Problems;
use crate::policy::text::{hidden_char, quoted, squeezed};
use crate::principal::PrincipalId;
use crate::signature::key::KeyRef;

use super::cells::{Cell, Part};
use super::columns::{Column, columns};
use super::markdown::Body;
use super::{SUMMARIES, Section, Status, Window};

/// A row or list item that names a principal.
pub(super) struct PrincipalRow {
    /// The line of the row.
    pub(super) line: usize,
    /// The name.
    pub(super) name: String,
    /// The first address.
    pub(super) id: PrincipalId,
    /// The other addresses.
    pub(super) aliases: Vec<PrincipalId>,
    /// The keys; none where they are all listed elsewhere.
    pub(super) keys: Vec<KeyRef>,
    /// When the row counts.
    pub(super) window: Window,
    /// The kinds of evidence of an Automation row.
    pub(super) attests: BTreeSet<Kind>,
    /// Whether an Automation row may sign verification summaries.
    pub(super) summaries: bool,
}

/// A row that describes a domain.
pub(super) struct DomainRow {
    /// The line of the row.
    pub(super) line: usize,
    /// The name of the domain.
    pub(super) name: String,
    /// Its files.
    pub(super) patterns: Vec<PathPattern>,
    /// The addresses of its reviewers, as they stand there.
    pub(super) reviewers: Vec<PrincipalId>,
    /// When the row counts.
    pub(super) window: Window,
}

/// Reads the rows of a section that names principals.
pub(super) fn principals(
    section: Section,
    body: &Body,
    problems: &mut Problems,
) -> Vec<PrincipalRow> {
    let mut rows = Vec::new();
    if let Some(table) = &body.table
        && let Some(columns) = columns(section, table, problems)
    {
        for (line, cells) in &table.rows {
            let mut reader = RowReader { line: *line, columns: &columns, cells, problems };
            rows.extend(reader.principal(section));
        }
    }
    for (line, item) in &body.items {
        rows.extend(list_item(*line, item, problems));
    }
    rows
}

/// Reads the rows of Domain reviewers.
pub(super) fn domains(body: &Body, problems: &mut Problems) -> Vec<DomainRow> {
    let Some(table) = &body.table else { return Vec::new() };
    let Some(columns) = columns(Section::DomainReviewers, table, problems) else {
        return Vec::new();
    };
    let rows = table.rows.iter().filter_map(|(line, cells)| {
        RowReader { line: *line, columns: &columns, cells, problems }.domain()
    });
    rows.collect()
}

struct RowReader<'r, 'p> {
    line: usize,
    columns: &'r [Column],
    cells: &'r [Cell],
    problems: &'p mut Problems,
}

impl<'r> RowReader<'r, '_> {
    fn principal(&mut self, section: Section) -> Option<PrincipalRow> {
        let (name, emails) = (self.name(Column::Name), self.emails(Column::Email));
        let (keys, window) = (self.keys(), self.window());
        let attests = match section {
            Section::Automation => self.attests(),
            Section::People
            | Section::Maintainers
            | Section::DomainReviewers
            | Section::SecurityEngineering
            | Section::ReleaseManagers => Some((BTreeSet::new(), false)),
        };
        let mut emails = emails?.into_iter();
        let (attests, summaries) = attests?;
        Some(PrincipalRow {
            line: self.line,
            name: name?,
            id: emails.next()?,
            aliases: emails.collect(),
            keys: keys?,
            window: window?,
            attests,
            summaries,
        })
    }

    fn domain(&mut self) -> Option<DomainRow> {
        let (name, patterns) = (self.name(Column::Domain), self.patterns());
        let (reviewers, window) = (self.emails(Column::Reviewers), self.window());
        let window = window?;
        if window.status != Status::Active {
            let help = "delete the row to give the domain up; mark people in their own rows";
            self.problems.add_with_help(self.line, "a domain can only be active", help);
            return None;
        }
        Some(DomainRow {
            line: self.line,
            name: name?,
            patterns: patterns?,
            reviewers: reviewers?,
            window,
        })
    }

    /// Returns the cell under a column, if the table has the column.
    fn cell(&self, column: Column) -> Option<&'r Cell> {
        let pairs = self.columns.iter().zip(self.cells);
        pairs.into_iter().find_map(|(under, cell)| (*under == column).then_some(cell))
    }

    fn wrong(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.problems.add_with_help(self.line, message, help);
    }

    fn name(&mut self, column: Column) -> Option<String> {
        let name = self.cell(column)?.text();
        checked_name(self.line, column.name(), name, self.problems)
    }

    /// Reads a cell of at least one address.
    fn emails(&mut self, column: Column) -> Option<Vec<PrincipalId>> {
        let listed = self.cell(column)?.listed();
        if listed.is_empty() {
            self.wrong(format!("{} is empty", column.name()), "write an email address");
            return None;
        }
        let mut emails = Some(Vec::new());
        for text in listed {
            let email = parse_email(self.line, &text, self.problems);
            match (email, &mut emails) {
                (Some(email), Some(emails)) if emails.contains(&email) => {
                    self.wrong(format!("{} stands here twice", quoted(&text)), "keep one of them");
                }
                (Some(email), Some(emails)) => emails.push(email),
                (Some(_), None) => {}
                (None, _) => emails = None,
            }
        }
        emails
    }

    fn keys(&mut self) -> Option<Vec<KeyRef>> {
        let cell = self.cell(Column::Keys)?;
        let mut keys = Some(Vec::new());
        for part in &cell.parts {
            let texts: Vec<&str> = match part {
                Part::Code(code) => vec![code],
                Part::Text(text) | Part::Email(text) => {
                    text.split(',').filter(|text| !text.trim().is_empty()).collect()
                }
                Part::Break => Vec::new(),
            };
            for text in texts {
                let key = parse_key(self.line, text, self.problems);
                match (key, &mut keys) {
                    (Some(key), Some(keys)) => keys.push(key),
                    (Some(_), None) => {}
                    (None, _) => keys = None,
                }
            }
        }
        keys
    }

    /// Returns the kinds of evidence, and whether verification summaries are named among them.
    fn attests(&mut self) -> Option<(BTreeSet<Kind>, bool)> {
        let mut listed = self.cell(Column::Attests)?.listed();
        let help = "write sast, sbom, dependencies or tests:<suite>, such as tests:unit";
        if listed.is_empty() {
            self.wrong("Attests is empty", help);
            return None;
        }
        let before = listed.len();
        listed.retain(|text| text != SUMMARIES);
        let summaries = listed.len() < before;
        let mut kinds = Some(BTreeSet::new());
        for text in listed {
            match (Kind::parse(&text), &mut kinds) {
                (Some(kind), Some(kinds)) => {
                    kinds.insert(kind);
                }
                (Some(_), None) => {}
                (None, _) => {
                    self.wrong(format!("{} is no kind of evidence", quoted(&text)), help);
                    kinds = None;
                }
            }
        }
        Some((kinds?, summaries))
    }

    fn patterns(&mut self) -> Option<Vec<PathPattern>> {
        let cell = self.cell(Column::Paths)?;
        let mut patterns = Some(Vec::new());
        for part in &cell.parts {
            match part {
                Part::Code(code) => match (PathPattern::parse(code), &mut patterns) {
                    (Ok(pattern), Some(patterns)) => patterns.push(pattern),
                    (Ok(_), None) => {}
                    (Err(error), _) => {
                        self.wrong(format!("{}: {error}", quoted(code)), error.help());
                        patterns = None;
                    }
                },
                Part::Text(text) | Part::Email(text) => {
                    if text.split([',', ' ']).any(|word| !word.is_empty()) {
                        let message = format!("{} is not in a code span", quoted(text.trim()));
                        self.wrong(message, "write each pattern between backticks");
                        patterns = None;
                    }
                }
                Part::Break => {}
            }
        }
        if patterns.as_ref().is_some_and(Vec::is_empty) {
            self.wrong("Paths is empty", "write patterns in code spans, such as `src/net/`");
            return None;
        }
        patterns
    }

    fn window(&mut self) -> Option<Window> {
        let from = self.date(Column::From, 0);
        let until = self.date(Column::Until, 1);
        let status = self.status();
        let window = Window { from: from?, until: until?, status: status? };
        if let (Some(from), Some(until)) = (window.from, window.until)
            && from >= until
        {
            self.wrong("Until lies before From", "exchange them");
            return None;
        }
        Some(window)
    }

    /// Reads a date as 00:00 UTC of the day that comes `days` after it.
    ///
    /// The outer `None` means that the cell cannot be read, the inner one that it is empty.
    fn date(&mut self, column: Column, days: i64) -> Option<Option<Timestamp>> {
        let text = self.cell(column).map(Cell::text).unwrap_or_default();
        if text.is_empty() {
            return Some(None);
        }
        let moment = parse_date(&text).and_then(|date| {
            let day = date.checked_add(jiff::Span::new().days(days)).ok()?;
            Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
        });
        if moment.is_none() {
            let message = format!("{} is not a date", quoted(&text));
            self.wrong(message, "write year, month and day, such as 2026-11-23");
        }
        moment.map(Some)
    }

    fn status(&mut self) -> Option<Status> {
        let text = self.cell(Column::Status).map(Cell::text).unwrap_or_default();
        match text.to_ascii_lowercase().as_str() {
            "" | "active" => Some(Status::Active),
            "retired" => Some(Status::Retired),
            "compromised" => Some(Status::Compromised),
            _ => {
                let message = format!("{} is no status", quoted(&text));
                self.wrong(message, "write active, retired or compromised");
                None
            }
        }
    }
}

/// Reads `Ada Lovelace <ada@example.org> `key` `key``.
fn list_item(line: usize, item: &Cell, problems: &mut Problems) -> Option<PrincipalRow> {
    let form = "write - Name <name@example.org> `SHA256:...`";
    let mut name = String::new();
    let mut emails: Vec<&str> = Vec::new();
    let mut keys: Vec<&str> = Vec::new();
    for part in &item.parts {
        match part {
            Part::Text(text) if emails.is_empty() => name.push_str(text),
            Part::Text(text) => {
                let odd = text.trim_matches([' ', ',']);
                if !odd.is_empty() {
                    let message = format!("{} would not be read", quoted(odd));
                    problems.add_with_help(line, message, form);
                    return None;
                }
            }
            Part::Email(email) if keys.is_empty() => emails.push(email),
            Part::Code(key) if !emails.is_empty() => keys.push(key),
            Part::Email(text) | Part::Code(text) => {
                let message = format!("{} does not stand in its place", quoted(text));
                problems.add_with_help(line, message, form);
                return None;
            }
            Part::Break => {}
        }
    }
    if emails.is_empty() {
        let message = format!("{} names nobody by email", quoted(&item.text()));
        problems.add_with_help(line, message, form);
        return None;
    }
    let name = checked_name(line, "the name", squeezed(&name), problems);
    let ids: Vec<_> = emails.iter().map(|email| parse_email(line, email, problems)).collect();
    let keys: Vec<_> = keys.iter().map(|key| parse_key(line, key, problems)).collect();
    let mut ids = ids.into_iter().collect::<Option<Vec<_>>>()?.into_iter();
    Some(PrincipalRow {
        line,
        name: name?,
        id: ids.next()?,
        aliases: ids.collect(),
        keys: keys.into_iter().collect::<Option<_>>()?,
        window: Window::default(),
        attests: BTreeSet::new(),
        summaries: false,
    })
}

/// Checks a name: what people see, and nothing that breaks a trailer.
fn checked_name(line: usize, what: &str, name: String, problems: &mut Problems) -> Option<String> {
    let wrong = if name.is_empty() {
        Some((format!("{what} is empty"), "write a name"))
    } else if name.chars().count() > 100 {
        Some((format!("{what} is longer than 100 characters"), "shorten it"))
    } else if let Some(character) = hidden_char(&name) {
        let message = format!("{what} {} holds the hidden character {character}", quoted(&name));
        Some((message, "type the name anew"))
    } else if name.contains(['<', '>']) {
        Some((format!("{what} {} holds < or >", quoted(&name)), "leave it out"))
    } else {
        None
    };
    match wrong {
        None => Some(name),
        Some((message, help)) => {
            problems.add_with_help(line, message, help);
            None
        }
    }
}

fn parse_email(line: usize, text: &str, problems: &mut Problems) -> Option<PrincipalId> {
    let email = PrincipalId::parse(text);
    if email.is_none() {
        let message = format!("{} is not an email address that names a principal", quoted(text));
        let help = "write name@example.org in plain ASCII, several divided by commas";
        problems.add_with_help(line, message, help);
    }
    email
}

fn parse_key(line: usize, text: &str, problems: &mut Problems) -> Option<KeyRef> {
    let text = text.trim();
    match KeyRef::parse(text) {
        Ok(key) => Some(key),
        Err(error) => {
            let message = format!("the key {} cannot be read: {error}", quoted(text));
            let help = "write each key in a code span of its own";
            problems.add_with_help(line, message, help);
            None
        }
    }
}

/// Reads `YYYY-MM-DD`, and nothing else that ISO 8601 has.
fn parse_date(text: &str) -> Option<Date> {
    let shape = text.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    shape.eq(*b"0000-00-00").then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_one_form() {
        for text in ["2026-11-23", "2024-02-29", "0001-01-01"] {
            assert!(parse_date(text).is_some(), "{text}");
        }
        for text in [
            "2026-11-31",
            "2025-02-29",
            "20261123",
            "2026-11-3",
            "2026-W01-1",
            "23.11.2026",
            "2026-11-23T00:00",
            "+002026-11-23",
            " 2026-11-23",
            "2026\u{2010}11\u{2010}23",
        ] {
            assert!(parse_date(text).is_none(), "{text}");
        }
    }
}
