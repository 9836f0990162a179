//! `refgate ledger`: what was judged, and proof that the record is whole.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use super::args::{Answer as AnswerArg, ExportFormat, Format, Ledger as Command, LedgerAt, Which};
use super::output::Output;
use super::{ACCEPTED, REFUSED, hook, install};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::ledger::index::Index;
use crate::ledger::query::{Cursor, Entry, Query};
use crate::ledger::record::{Answer, Event};
use crate::ledger::{Head, Ledger, LineDigest};
use crate::report::text::Foreign;

/// Runs one of the commands.
///
/// # Errors
/// The ledger cannot be read, or its chain is broken.
pub fn run(dir: &Path, command: &Command, out: &mut Output) -> Result<ExitCode> {
    match command {
        Command::List { at, which, limit, before, format } => {
            let before = before.as_deref().map(cursor).transpose()?;
            let query = Query { limit: Some(*limit), before, ..query(which)? };
            let entries = match open(dir, at)? {
                Place::Files(ledger) => asked(&ledger, out, |index| index.list(&query))?,
                #[cfg(feature = "fleet")]
                Place::Database(mut fleet) => fleet.list(&query)?,
            };
            list(&entries, &query, *format, out)
        }
        Command::Show { at, id } => {
            let lines = match open(dir, at)? {
                Place::Files(ledger) => lines(&ledger, id, out)?,
                #[cfg(feature = "fleet")]
                Place::Database(mut fleet) => {
                    fleet.lines(id)?.into_iter().map(String::into_bytes).collect()
                }
            };
            show(&lines, id, out)
        }
        Command::Export { at, which, format } => {
            let query = query(which)?;
            match open(dir, at)? {
                Place::Files(ledger) => export(&ledger, &query, *format, out),
                #[cfg(feature = "fleet")]
                Place::Database(fleet) => fleet_export(*fleet, query, *format, out),
            }
        }
        #[cfg(feature = "fleet")]
        Command::Ship(args) => super::ship::ship(dir, args, out),
        Command::Verify { at, head } => match open(dir, at)? {
            Place::Files(ledger) => verify(&ledger, head.as_deref(), out),
            #[cfg(feature = "fleet")]
            Place::Database(mut fleet) => super::ship::verify(&mut fleet, out),
        },
    }
}

/// Where judgements are looked up.
enum Place {
    /// In the files of one server.
    Files(Ledger),
    /// In the database of a fleet.
    #[cfg(feature = "fleet")]
    Database(Box<crate::ledger::fleet::Fleet>),
}

fn open(dir: &Path, at: &LedgerAt) -> Result<Place> {
    #[cfg(feature = "fleet")]
    if let Some(url) = &at.database {
        return crate::ledger::fleet::Fleet::connect(url).map(Box::new).map(Place::Database);
    }
    let ledger = match &at.ledger {
        Some(directory) => Ledger::new(dir.join(directory), None),
        None => {
            let layout = install::layout(dir).map_err(|error| {
                error.hint("run this in a repository on the server, or name a ledger: --ledger DIR")
            })?;
            hook::ledger(&layout, &hook::settings(&layout)?)
        }
    };
    if ledger.files()?.is_empty() {
        let what = format!("{} holds no ledger", ledger.directory().display());
        return Err(Error::new(ErrorKind::Usage, what).hint(
            "the hook begins one with the first push to a protected ref; --ledger DIR names another place",
        ));
    }
    Ok(Place::Files(ledger))
}

fn cursor(text: &str) -> Result<Cursor> {
    Cursor::parse(text).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("--before {text:?} is no place in a list"))
            .hint("give what the list printed behind \"older ones\"")
    })
}

fn asked<T>(
    ledger: &Ledger,
    out: &mut Output,
    question: impl Fn(&Index) -> Result<T>,
) -> Result<T> {
    let (answer, rebuilt) = Index::ask(ledger, question)?;
    if let Some(why) = rebuilt {
        out.note(&format!("note: the index was rebuilt from the ledger ({why})"));
    }
    Ok(answer)
}

fn query(which: &Which) -> Result<Query> {
    let Which { verdict, r#ref, code, repository, since, until, unlanded } = which;
    Ok(Query {
        answer: verdict.map(|answer| match answer {
            AnswerArg::Accepted => Answer::Accepted,
            AnswerArg::Refused => Answer::Refused,
            AnswerArg::WouldRefuse => Answer::WouldRefuse,
            AnswerArg::CannotJudge => Answer::CannotJudge,
        }),
        r#ref: r#ref.clone(),
        code: code.clone(),
        repository: repository.clone(),
        since: since.as_deref().map(|text| time("--since", text)).transpose()?,
        until: until.as_deref().map(|text| time("--until", text)).transpose()?,
        only_unlanded: *unlanded,
        before: None,
        limit: None,
    })
}

/// Reads a time, or the beginning of a date in UTC.
fn time(option: &str, text: &str) -> Result<Timestamp> {
    let date = || {
        let date: jiff::civil::Date = text.parse().ok()?;
        date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    text.parse().ok().or_else(date).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{option} {text:?} is neither a date nor a time"))
            .hint("for example 2026-11-23, or 2026-11-23T10:12:00Z")
    })
}

fn list(entries: &[Entry], query: &Query, format: Format, out: &mut Output) -> Result<ExitCode> {
    match format {
        Format::Json => {
            let text = serde_json::to_string_pretty(entries)
                .during(ErrorKind::Internal, || "writing JSON".into())?;
            out.line(&text);
        }
        Format::Text => {
            for entry in entries {
                out.line(&row(entry));
            }
            if query.limit == Some(entries.len())
                && let Some(last) = entries.last()
            {
                out.note(&format!("older ones: --before {}", last.cursor()));
            }
        }
    }
    Ok(ExitCode::from(ACCEPTED))
}

/// One judgement on one line.
fn row(entry: &Entry) -> String {
    let state = match (entry.answer.as_str(), entry.landed) {
        ("accepted", false) => "accepted, not landed",
        (answer, _) => answer,
    };
    let refs: Vec<String> = entry.refs.iter().map(|name| Foreign::from(name).shown(60)).collect();
    let codes = if entry.codes.is_empty() {
        String::new()
    } else {
        format!("  {}", entry.codes.join(", "))
    };
    let id = entry.id.as_deref().unwrap_or("-");
    // Whole seconds are enough for people; JSON has the rest.
    let time = entry.time.get(..19).unwrap_or(&entry.time);
    let repository = entry.repository.as_deref().map(|name| Foreign::from(name).shown(60) + "  ");
    format!(
        "{:>7}  {time}Z  {id:<9}  {state:<20}  {}{}{codes}",
        entry.number,
        repository.unwrap_or_default(),
        refs.join(" ")
    )
}

/// Returns the lines of the judgements with a number.
pub(super) fn lines(ledger: &Ledger, id: &str, out: &mut Output) -> Result<Vec<Vec<u8>>> {
    asked(ledger, out, |index| index.places(id))?
        .iter()
        .map(|place| ledger.line_at(place))
        .collect()
}

fn show(lines: &[Vec<u8>], id: &str, out: &mut Output) -> Result<ExitCode> {
    if lines.is_empty() {
        return Err(Error::new(ErrorKind::Usage, format!("no judgement has the number {id:?}"))
            .hint("refgate ledger list"));
    }
    for line in lines {
        let value: serde_json::Value = serde_json::from_slice(line)
            .during(ErrorKind::Environment, || "reading a line of the ledger".into())?;
        let text = serde_json::to_string_pretty(&value)
            .during(ErrorKind::Internal, || "writing JSON".into())?;
        out.line(&text);
    }
    Ok(ExitCode::from(ACCEPTED))
}

/// Writes out what a fleet's database holds, page by page, newest first.
#[cfg(feature = "fleet")]
fn fleet_export(
    mut fleet: crate::ledger::fleet::Fleet,
    mut query: Query,
    format: ExportFormat,
    out: &mut Output,
) -> Result<ExitCode> {
    const PAGE: usize = 5000;
    query.limit = Some(PAGE);
    if format == ExportFormat::Csv {
        out.line(CSV_HEADING);
    }
    loop {
        let entries = fleet.list(&query)?;
        match format {
            ExportFormat::Csv => entries.iter().for_each(|entry| out.line(&csv_row(entry))),
            ExportFormat::Jsonl => {
                fleet.lines_of(&entries)?.iter().for_each(|line| out.line(line));
            }
        }
        query.before = match entries.last() {
            Some(last) if entries.len() == PAGE => Cursor::parse(&last.cursor()),
            _ => return Ok(ExitCode::from(ACCEPTED)),
        };
    }
}

const CSV_HEADING: &str = "repository,number,time,verdict,answer,landed,refs,codes";

fn csv_row(entry: &Entry) -> String {
    let Entry { source: _, repository, number, time, id, answer, landed, refs, codes } = entry;
    let refs: Vec<String> = refs.iter().map(|name| Foreign::from(name).shown(400)).collect();
    let fields = [
        repository.clone().unwrap_or_default(),
        number.to_string(),
        time.clone(),
        id.clone().unwrap_or_default(),
        answer.clone(),
        landed.to_string(),
        refs.join(" "),
        codes.join(" "),
    ];
    fields.map(|field| csv_field(&field)).join(",")
}

fn export(
    ledger: &Ledger,
    query: &Query,
    format: ExportFormat,
    out: &mut Output,
) -> Result<ExitCode> {
    let mut entries = asked(ledger, out, |index| index.list(query))?;
    entries.reverse();
    if format == ExportFormat::Csv {
        out.line(CSV_HEADING);
        entries.iter().for_each(|entry| out.line(&csv_row(entry)));
        return Ok(ExitCode::from(ACCEPTED));
    }
    let wanted: BTreeSet<u64> = entries.iter().map(|entry| entry.number).collect();
    ledger.follow(|followed| {
        let is_wanted = match &followed.record.event {
            Event::Judged(_) => wanted.contains(&followed.record.number),
            Event::Landed(landed) => wanted.contains(&landed.judged),
            Event::Unsummarised(missing) => wanted.contains(&missing.judged),
            Event::Moved(_) | Event::Recovered { .. } => false,
        };
        if is_wanted {
            out.bytes(&[followed.line, b"\n"].concat());
        }
        Ok(())
    })?;
    Ok(ExitCode::from(ACCEPTED))
}

/// Quotes a field (RFC 4180); what a spreadsheet would take for a formula is made text.
fn csv_field(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

fn verify(ledger: &Ledger, expected: Option<&str>, out: &mut Output) -> Result<ExitCode> {
    let expected = expected.map(head).transpose()?;
    let mut met = expected.is_none_or(|expected| expected.count == 0);
    let mut warnings = 0_u32;
    let followed = ledger.follow(|followed| {
        if let Some(warning) = &followed.warning {
            warnings += 1;
            out.note(&format!(
                "warning: {}:{}: {warning}",
                followed.path.display(),
                followed.position.place
            ));
        }
        met |= Some(followed.position.head) == expected;
        Ok(())
    });
    let end = match followed {
        Ok(end) => end,
        Err(error) => {
            super::show(&error, out);
            return Ok(ExitCode::from(REFUSED));
        }
    };
    if !met {
        out.note("error: the ledger does not hold the head that was printed before");
        out.note("hint: lines were cut off or rewritten since; compare with a copy of the ledger");
        return Ok(ExitCode::from(REFUSED));
    }
    out.line(&format!("{} records, the chain holds", end.count));
    out.line(&format!("head {}:{}", end.count, end.digest));
    if warnings > 0 {
        out.note(&format!("{warnings} warnings"));
    }
    Ok(ExitCode::from(ACCEPTED))
}

/// Reads a head as `verify` prints it.
fn head(text: &str) -> Result<Head> {
    let parsed = text.split_once(':').and_then(|(count, digest)| {
        Some(Head { count: count.parse().ok()?, digest: LineDigest::parse(digest)? })
    });
    parsed.ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{text:?} is no head of a ledger"))
            .hint("give what refgate ledger verify printed behind \"head\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_are_no_formulas() {
        for (text, field) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "'=1+1"),
            ("@x", "'@x"),
        ] {
            assert_eq!(csv_field(text), field);
        }
    }

    #[test]
    fn times_are_dates_or_times() {
        assert_eq!(
            time("--since", "2026-11-23").expect("a date").to_string(),
            "2026-11-23T00:00:00Z"
        );
        assert_eq!(
            time("--since", "2026-11-23T10:12:00+02:00").expect("a time").to_string(),
            "2026-11-23T08:12:00Z"
        );
        assert!(time("--since", "yesterday").is_err());
    }
}
