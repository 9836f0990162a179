//! What an audit has found, as work with ids that stay, and the backlogs that keep it.
//!
//! An id follows from the repository, the release or ref, the commit and the code, so the same finding
//! of a later run is the same item. A run closes what it looked at and did not find again;
//! what it did not look at stays as it is.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::continuity::Told;
use super::exceptions::Row;
use super::results::{Answer, Results};
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::exception::DIRECTORY;
use crate::evidence::predicate::Sha256;
use crate::report::text::{cut, escape};

/// Something to be mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Item {
    /// The id.
    pub id: String,
    /// Whether it is still to be mended.
    pub open: bool,
    /// What is wrong.
    pub code: String,
    /// The repository.
    pub repository: String,
    /// The tag or ref.
    pub subject: String,
    /// What is wrong, in one line.
    pub title: String,
    /// The quarter in whose audit it was found first.
    pub found: String,
    /// The day on which a run did not find it any more.
    pub closed: Option<String>,
}

/// The findings of one run, and what the run has looked at.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// What was found, by repository and subject.
    pub items: Vec<Item>,
    /// The repositories and subjects that were looked at.
    pub covered: BTreeSet<(String, String)>,
}

/// The letters before each id.
const PREFIX: &str = "RG-";

fn item(
    quarter: &str,
    (repository, subject): (&str, &str),
    place: &str,
    code: &str,
    title: &str,
) -> Item {
    let digest =
        Sha256::of(format!("{repository}\n{subject}\n{place}\n{code}\n").as_bytes()).to_hex();
    let plain = |text: &str, width| cut(&escape(text.as_bytes()), width).replace('`', "'");
    Item {
        id: format!("{PREFIX}{}", digest.chars().take(10).collect::<String>()),
        open: true,
        code: plain(code, 60),
        repository: plain(repository, 200),
        subject: plain(subject, 200),
        title: plain(title, 300),
        found: quarter.to_owned(),
        closed: None,
    }
}

impl Findings {
    /// Gathers what replaying, the ledgers and the exceptions have shown.
    #[must_use]
    pub fn of(quarter: &str, results: &Results, told: &Told, exceptions: &[Row]) -> Self {
        let mut findings = Self::default();
        for replayed in &results.releases {
            let at = (replayed.repository.as_str(), replayed.tag.as_str());
            let cover = |findings: &mut Self| {
                let covered = item(quarter, at, "", "", "");
                findings.covered.insert((covered.repository, covered.subject));
            };
            match &replayed.failed {
                Some(why) => {
                    findings.items.push(item(quarter, at, "", "cannot-replay", why));
                    continue;
                }
                None => cover(&mut findings),
            }
            for check in replayed.checks.iter().filter(|check| check.answer != Answer::Accepted) {
                let short: String = check.new.chars().take(12).collect();
                for wrong in &check.wrong {
                    let title = format!("{} at {short}: {}", check.r#ref, wrong.title);
                    let place = format!("{} {}", check.r#ref, check.new);
                    findings.items.push(item(quarter, at, &place, &wrong.code, &title));
                }
            }
        }
        for control in &told.controls {
            let at = (control.repository.as_str(), control.r#ref.as_str());
            let covered = item(quarter, at, "", "", "");
            findings.covered.insert((covered.repository, covered.subject));
            // A gap that all gates share is one finding.
            for gap in &control.gaps {
                let all = gap.why.contains("past the hook");
                if all && control.gate != "ref" {
                    continue;
                }
                let seen = gap.to.strftime("%Y-%m-%d %H:%M UTC");
                let title = format!("{}: {} (seen {seen})", control.gate, gap.why);
                let place = format!("{} {}", control.gate, gap.to);
                findings.items.push(item(quarter, at, &place, "continuity-gap", &title));
            }
        }
        for row in exceptions {
            let subject = format!("{DIRECTORY}/{}.md", row.id);
            let at = (row.repository.as_str(), subject.as_str());
            let title = "break-glass was approved, and nobody has reviewed what came of it";
            let item = item(quarter, at, "", "exception-review-owed", title);
            findings.covered.insert((item.repository.clone(), item.subject.clone()));
            findings.items.extend(row.review_owed.then_some(item));
        }
        findings.items.sort_by(|l, r| {
            (&l.repository, &l.subject, &l.code, &l.id).cmp(&(
                &r.repository,
                &r.subject,
                &r.code,
                &r.id,
            ))
        });
        findings.items.dedup_by(|l, r| l.id == r.id);
        findings
    }

    /// Returns a backlog after this run: new items added, those found again open, those looked at and not found closed.
    #[must_use]
    pub fn merge(&self, backlog: Vec<Item>, today: &str) -> Vec<Item> {
        let found = |id: &str| self.items.iter().find(|item| item.id == id);
        let mut merged: Vec<Item> = backlog
            .into_iter()
            .map(|old| match found(&old.id) {
                Some(again) => Item { found: old.found, ..again.clone() },
                None if old.open
                    && self.covered.contains(&(old.repository.clone(), old.subject.clone())) =>
                {
                    Item { open: false, closed: Some(today.to_owned()), ..old }
                }
                None => old,
            })
            .collect();
        let known: BTreeSet<String> = merged.iter().map(|item| item.id.clone()).collect();
        merged.extend(self.items.iter().filter(|item| !known.contains(&item.id)).cloned());
        merged
    }
}

/// The form of a backlog file, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `.md`: a task list; all lines that are no items stay as they are.
    Markdown,
    /// `.csv`.
    Csv,
    /// `.json`.
    Json,
}

const COLUMNS: [&str; 8] =
    ["id", "state", "code", "repository", "subject", "title", "found", "closed"];

impl Form {
    /// Tells the form of a file.
    ///
    /// # Errors
    /// The name ends otherwise.
    pub fn of(name: &str) -> Result<Self> {
        match name.rsplit_once('.').map(|(_, end)| end) {
            Some("md") => Ok(Self::Markdown),
            Some("csv") => Ok(Self::Csv),
            Some("json") => Ok(Self::Json),
            _ => Err(Error::new(ErrorKind::Usage, format!("{name:?} is no backlog"))
                .hint("name a file that ends with .md, .csv or .json")),
        }
    }

    /// Returns a backlog with the findings of a run in it.
    ///
    /// # Errors
    /// The old one cannot be read; nothing of it is thrown away then.
    pub fn update(self, old: &str, findings: &Findings, today: &str) -> Result<String> {
        match self {
            Self::Markdown => Ok(markdown(old, findings, today)),
            Self::Csv => Ok(write_csv(&findings.merge(read_csv(old)?, today))),
            Self::Json => {
                let items: Vec<Item> = match old.trim() {
                    "" => Vec::new(),
                    old => serde_json::from_str(old)
                        .map_err(|error| Error::new(ErrorKind::Usage, error.to_string()))?,
                };
                let merged = findings.merge(items, today);
                let text = serde_json::to_string_pretty(&merged)
                    .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
                Ok(text + "\n")
            }
        }
    }
}

fn markdown(old: &str, findings: &Findings, today: &str) -> String {
    let items: Vec<Item> = old.lines().filter_map(read_line).collect();
    let merged = findings.merge(items.clone(), today);
    let mut text = String::new();
    for line in old.lines() {
        let new = read_line(line).and_then(|old| merged.iter().find(|item| item.id == old.id));
        // Only what has changed is written anew: people may have added words to an item.
        let changed =
            new.filter(|new| items.iter().any(|old| old.id == new.id && old.open != new.open));
        match changed {
            Some(new) => text += &write_line(new),
            None => text += line,
        }
        text.push('\n');
    }
    let fresh: Vec<&Item> =
        merged.iter().filter(|item| items.iter().all(|old| old.id != item.id)).collect();
    if !fresh.is_empty() {
        if !old.lines().any(|line| line == HEADING) {
            if !text.is_empty() {
                text.push('\n');
            }
            text += HEADING;
            text += "\n\n";
        }
        for item in fresh {
            text += &write_line(item);
            text.push('\n');
        }
    }
    text
}

const HEADING: &str = "## Audit findings";

fn write_line(item: &Item) -> String {
    let Item { id, open, code, repository, subject, title, found, closed } = item;
    let mark = if *open { ' ' } else { 'x' };
    let closed = closed.as_ref().map(|day| format!(", closed {day}")).unwrap_or_default();
    format!(
        "- [{mark}] {id} `{code}` in `{repository}` `{subject}`: {title} (found {found}{closed})"
    )
}

/// Reads what [`write_line`] writes, whatever people have written behind it.
fn read_line(line: &str) -> Option<Item> {
    let (open, rest) = match line.strip_prefix("- [ ] ") {
        Some(rest) => (true, rest),
        None => (false, line.strip_prefix("- [x] ")?),
    };
    let (id, rest) = rest.split_once(' ')?;
    id.strip_prefix(PREFIX)?;
    let mut spans = rest.splitn(7, '`');
    let (_, code, _, repository) = (spans.next()?, spans.next()?, spans.next()?, spans.next()?);
    let (_, subject, rest) = (spans.next()?, spans.next()?, spans.next()?);
    let rest = rest.strip_prefix(": ")?;
    let (title, end) = rest.rsplit_once(" (found ")?;
    let (inside, _) = end.split_once(')')?;
    let (found, closed) = match inside.split_once(", closed ") {
        Some((found, closed)) => (found, Some(closed.to_owned())),
        None => (inside, None),
    };
    let own = str::to_owned;
    Some(Item {
        id: own(id),
        open,
        code: own(code),
        repository: own(repository),
        subject: own(subject),
        title: own(title),
        found: own(found),
        closed,
    })
}

fn write_csv(items: &[Item]) -> String {
    let quoted = |text: &str| {
        // A spreadsheet takes some first characters for a formula.
        let text = match text.chars().next() {
            Some('=' | '+' | '-' | '@') => format!("'{text}"),
            _ => text.to_owned(),
        };
        format!("\"{}\"", text.replace('"', "\"\""))
    };
    let mut text = COLUMNS.join(",") + "\r\n";
    for item in items {
        let state = if item.open { "open" } else { "closed" };
        let closed = item.closed.as_deref().unwrap_or_default();
        let cells = [
            &item.id,
            state,
            &item.code,
            &item.repository,
            &item.subject,
            &item.title,
            &item.found,
            closed,
        ];
        text += &cells.map(quoted).join(",");
        text += "\r\n";
    }
    text
}

fn read_csv(text: &str) -> Result<Vec<Item>> {
    let wrong = |row: usize| {
        Error::new(ErrorKind::Usage, format!("row {row} is no item of a backlog"))
            .hint(format!("its columns are {}", COLUMNS.join(", ")))
    };
    let mut items = Vec::new();
    for (at, row) in csv_rows(text).into_iter().enumerate() {
        if at == 0 {
            if row != COLUMNS {
                return Err(wrong(1));
            }
            continue;
        }
        let [id, state, code, repository, subject, title, found, closed] =
            <[String; 8]>::try_from(row).map_err(|_| wrong(at + 1))?;
        let open = match state.as_str() {
            "open" => true,
            "closed" => false,
            _ => return Err(wrong(at + 1)),
        };
        let closed = Some(closed).filter(|day| !day.is_empty());
        items.push(Item { id, open, code, repository, subject, title, found, closed });
    }
    Ok(items)
}

/// Takes a table apart (RFC 4180).
fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quoted) {
            ('"', true) if chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\r', false) => {}
            ('\n', false) => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            (c, _) => cell.push(c),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(titles: &[&str]) -> Findings {
        let at = ("git.example.org/a", "refs/tags/v1");
        let covered = BTreeSet::from([(at.0.to_owned(), at.1.to_owned())]);
        let items =
            titles.iter().map(|title| item("2026-Q4", at, title, "scan-finding-open", title));
        Findings { items: items.collect(), covered }
    }

    #[test]
    fn a_backlog_gains_each_finding_once_and_closes_what_is_mended() {
        for form in [Form::Markdown, Form::Csv, Form::Json] {
            let one = form.update("", &findings(&["a", "b, \"`c`\" (found x)"]), "2026-12-01");
            let one = one.expect("a backlog");
            let same = form.update(&one, &findings(&["a", "b, \"`c`\" (found x)"]), "2026-12-02");
            assert_eq!(same.expect("a backlog"), one, "{form:?}");
            let mended = form.update(&one, &findings(&["a"]), "2026-12-03").expect("a backlog");
            assert_eq!(mended.matches("2026-12-03").count(), 1, "{mended}");
            assert_eq!(mended.matches("RG-").count(), 2, "{mended}");
            // What was not looked at stays open.
            let unseen = form.update(&one, &Findings::default(), "2026-12-03").expect("a backlog");
            assert_eq!(unseen, one);
            // What comes back is open again, under its old id.
            let again =
                form.update(&mended, &findings(&["a", "b, \"`c`\" (found x)"]), "2026-12-04");
            assert_eq!(again.expect("a backlog"), one, "{form:?}");
        }
    }

    #[test]
    fn lines_of_people_stay_as_they_are() {
        let backlog = "# Ours\n\n- [ ] Write more tests\n- [ ] RG- is a prefix\n";
        let text = Form::Markdown.update(backlog, &findings(&["a"]), "2026-12-01");
        let text = text.expect("a backlog");
        assert!(text.starts_with(backlog), "{text}");
        let edited = text.replace("(found 2026-Q4)", "(found 2026-Q4) asked Ada");
        let same = Form::Markdown.update(&edited, &findings(&["a"]), "2026-12-02");
        assert_eq!(same.expect("a backlog"), edited);
    }

    #[test]
    fn what_is_no_backlog_is_not_written_over() {
        assert!(Form::Csv.update("a,b\r\n", &findings(&[]), "").is_err());
        assert!(Form::Json.update("{}", &findings(&[]), "").is_err());
        assert!(Form::of("notes.txt").is_err());
    }
}
