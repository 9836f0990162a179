//! An index of a ledger, for questions: an SQLite database that can be thrown
//! away and rebuilt from the lines at any time.
//!
//! It is brought up to date before each question, by following the chain from where
//! it was left. An index that is damaged, of another version, or of a ledger that
//! has changed since is rebuilt; the lines alone are the record.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

use super::chain::{Head, LineDigest};
use super::file::{Followed, Ledger, Position};
use super::query::{Entry, Query};
use super::record::{Event, Judged, Landed};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};

/// The file of the index, beside the ledger's.
const FILE: &str = "index.sqlite";

/// The schema, step by step: a database at version N has the first N steps. A step is never changed, only added to.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE state (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        count INTEGER NOT NULL,
        digest TEXT NOT NULL,
        first INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        place INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE verdict (
        number INTEGER PRIMARY KEY,
        id TEXT,
        time TEXT NOT NULL,
        seconds INTEGER NOT NULL,
        answer TEXT NOT NULL,
        landed INTEGER,
        first INTEGER NOT NULL,
        offset INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX verdict_id ON verdict (id);
    CREATE INDEX verdict_answer ON verdict (answer, number);
    CREATE INDEX verdict_seconds ON verdict (seconds, number);
    CREATE TABLE ref_update (
        number INTEGER NOT NULL,
        place INTEGER NOT NULL,
        ref TEXT NOT NULL,
        PRIMARY KEY (ref, number, place)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX ref_update_number ON ref_update (number, place);
    CREATE TABLE code (
        number INTEGER NOT NULL,
        place INTEGER NOT NULL,
        code TEXT NOT NULL,
        PRIMARY KEY (code, number, place)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX code_number ON code (number, place);
",
    "
    CREATE INDEX verdict_unlanded ON verdict (number) WHERE answer = 'accepted' AND landed IS NULL;
",
];

/// An index that is up to date.
pub struct Index {
    database: Connection,
    head: Head,
    /// Why it was built anew, if it was.
    pub rebuilt: Option<String>,
}

/// Why an index cannot go on from where it is.
enum Stale {
    /// The database is at fault, or not of this ledger: it is rebuilt.
    Index(String),
    /// The ledger is at fault.
    Ledger(Error),
}

impl From<rusqlite::Error> for Stale {
    fn from(error: rusqlite::Error) -> Self {
        Self::Index(error.to_string())
    }
}

impl Index {
    /// Opens the index of a ledger and brings it up to date.
    ///
    /// Where the directory of the ledger cannot be written, the index is made in memory.
    ///
    /// # Errors
    /// The ledger cannot be read, or its chain is broken.
    pub fn open(ledger: &Ledger) -> Result<Self> {
        let path = ledger.directory().join(FILE);
        match Self::open_file(&path, ledger) {
            Ok(index) => Ok(index),
            Err(Stale::Ledger(error)) => Err(error),
            Err(Stale::Index(why)) => Self::rebuild(&path, ledger, why),
        }
    }

    /// Answers a question; where the index turns out to be damaged it is built anew and asked again. Also
    /// returns why that was, if it was.
    ///
    /// # Errors
    /// The ledger cannot be read, or its chain is broken.
    pub fn ask<T>(
        ledger: &Ledger,
        question: impl Fn(&Self) -> Result<T>,
    ) -> Result<(T, Option<String>)> {
        let index = Self::open(ledger)?;
        let why = match question(&index) {
            Ok(answer) => return Ok((answer, index.rebuilt)),
            Err(error) => error.to_string(),
        };
        drop(index);
        let index = Self::rebuild(&ledger.directory().join(FILE), ledger, why)?;
        Ok((question(&index)?, index.rebuilt))
    }

    fn rebuild(path: &Path, ledger: &Ledger, why: String) -> Result<Self> {
        let journal = ["", "-wal", "-shm", "-journal"].map(|end| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            name
        });
        for file in journal {
            // What cannot be removed is not used either: then the index is made in memory.
            drop(std::fs::remove_file(file));
        }
        let built = match Self::open_file(path, ledger) {
            Err(Stale::Index(_)) => Connection::open_in_memory()
                .map_err(Stale::from)
                .and_then(|database| Self::up_to_date(database, ledger)),
            other => other,
        };
        match built {
            Ok(index) => Ok(Self { rebuilt: Some(why), ..index }),
            Err(Stale::Ledger(error)) => Err(error),
            Err(Stale::Index(why)) => {
                Err(Error::new(ErrorKind::Environment, why).while_("indexing the ledger"))
            }
        }
    }

    fn open_file(path: &Path, ledger: &Ledger) -> Result<Self, Stale> {
        let database = Connection::open(path)?;
        database.busy_timeout(std::time::Duration::from_secs(30))?;
        Self::up_to_date(database, ledger)
    }

    fn up_to_date(mut database: Connection, ledger: &Ledger) -> Result<Self, Stale> {
        let transaction =
            database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let version: usize = transaction
            .query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
            .map(|version| usize::try_from(version).unwrap_or(usize::MAX))?;
        let Some(steps) = MIGRATIONS.get(version..) else {
            return Err(Stale::Index(format!("version {version} of the index is not known")));
        };
        for step in steps {
            transaction.execute_batch(step)?;
        }
        if !steps.is_empty() {
            transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
        }
        let start = position(&transaction)?;
        let mut end = start.clone();
        let mut failed = None;
        let followed = ledger.follow_from(&start, |followed| {
            end = followed.position.clone();
            insert(&transaction, &followed).map_err(|error| {
                let error = error.to_string();
                failed = Some(error.clone());
                Error::new(ErrorKind::Environment, error)
            })
        });
        match (followed, failed) {
            (_, Some(error)) => return Err(Stale::Index(error)),
            // From the middle it may be the index that is wrong; from the origin it is the ledger.
            (Err(error), None) if start == Position::origin() => return Err(Stale::Ledger(error)),
            (Err(error), None) => return Err(Stale::Index(error.to_string())),
            (Ok(_), None) => {}
        }
        if end == start && steps.is_empty() {
            // Nothing is new, so nothing has to be written and synced.
            transaction.rollback()?;
            return Ok(Self { database, head: end.head, rebuilt: None });
        }
        transaction.execute(
            "INSERT OR REPLACE INTO state VALUES (1, ?1, ?2, ?3, ?4, ?5)",
            params![
                end.head.count.cast_signed(),
                end.head.digest.to_string(),
                end.first.cast_signed(),
                end.offset.cast_signed(),
                end.place.cast_signed()
            ],
        )?;
        transaction.commit()?;
        Ok(Self { database, head: end.head, rebuilt: None })
    }

    /// Returns where the ledger ends.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// Returns judgements, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn list(&self, query: &Query) -> Result<Vec<Entry>> {
        self.select(query).during(ErrorKind::Environment, || "asking the index".into())
    }

    fn select(&self, query: &Query) -> rusqlite::Result<Vec<Entry>> {
        let mut clauses: Vec<&str> = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        let mut clause = |text: &'static str, value: Value| {
            clauses.push(text);
            values.push(value);
        };
        if let Some(answer) = query.answer {
            clause("answer = ?", answer.name().to_owned().into());
        }
        let mut from = "verdict";
        if let Some(code) = &query.code {
            from = "code x CROSS JOIN verdict USING (number)";
            clause("code = ?", code.clone().into());
        }
        if let Some(name) = &query.r#ref {
            if query.code.is_some() {
                clause(
                    "EXISTS (SELECT 1 FROM ref_update u WHERE u.ref = ? AND u.number = verdict.number)",
                    name.clone().into(),
                );
            } else {
                // A push may name a ref twice, and is one judgement all the same.
                from = "ref_update x CROSS JOIN verdict USING (number)";
                clause(
                    "x.ref = ? AND NOT EXISTS (SELECT 1 FROM ref_update u \
                     WHERE u.ref = x.ref AND u.number = x.number AND u.place < x.place)",
                    name.clone().into(),
                );
            }
        }
        // In the order of the table that is walked, so that a page costs no more than a page.
        let order = if from == "verdict" { "verdict.number" } else { "x.number" };
        if let Some(since) = query.since {
            clause("seconds >= ?", since.as_second().into());
        }
        if let Some(until) = query.until {
            clause("seconds < ?", until.as_second().into());
        }
        if let Some(before) = query.before {
            if from == "verdict" {
                clause("verdict.number < ?", before.number.cast_signed().into());
            } else {
                clause("x.number < ?", before.number.cast_signed().into());
            }
        }
        if query.only_unlanded {
            // In the words of the index, which SQLite would not take by itself: few have not landed.
            clauses.push("answer = 'accepted' AND landed IS NULL");
            if from == "verdict" {
                from = "verdict INDEXED BY verdict_unlanded";
            }
        }
        let filter = if clauses.is_empty() { "1".into() } else { clauses.join(" AND ") };
        let limit = query.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        values.push(limit.into());
        let mut statement = self.database.prepare(&format!(
            "SELECT {order}, time, id, answer, landed IS NOT NULL FROM {from} \
             WHERE {filter} ORDER BY {order} DESC LIMIT ?"
        ))?;
        let mut refs =
            self.database.prepare("SELECT ref FROM ref_update WHERE number = ? ORDER BY place")?;
        let mut codes =
            self.database.prepare("SELECT code FROM code WHERE number = ? ORDER BY place")?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            found.push(Entry {
                source: None,
                repository: None,
                number: number.cast_unsigned(),
                time: row.get(1)?,
                id: row.get(2)?,
                answer: row.get(3)?,
                landed: row.get(4)?,
                refs: refs.query_map([number], |row| row.get(0))?.collect::<Result<_, _>>()?,
                codes: codes.query_map([number], |row| row.get(0))?.collect::<Result<_, _>>()?,
            });
        }
        Ok(found)
    }

    /// Returns the places of judgements with a verdict's number, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn places(&self, id: &str) -> Result<Vec<Position>> {
        let find = || -> rusqlite::Result<Vec<Position>> {
            let sql = "SELECT first, offset FROM verdict WHERE id = ?1 OR number = ?2 ORDER BY number DESC";
            let mut statement = self.database.prepare(sql)?;
            let number: Option<i64> = id.parse().ok();
            let places = statement.query_map(params![id, number], |row| {
                let (first, offset): (i64, i64) = (row.get(0)?, row.get(1)?);
                Ok(Position {
                    first: first.cast_unsigned(),
                    offset: offset.cast_unsigned(),
                    ..Position::origin()
                })
            })?;
            places.collect()
        };
        find().during(ErrorKind::Environment, || "asking the index".into())
    }
}

fn position(database: &Connection) -> Result<Position, Stale> {
    let row = database
        .query_row("SELECT count, digest, first, offset, place FROM state", [], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, i64>(2)?,
                row.get::<_, i64>(3)?,
                row.get::<_, i64>(4)?.cast_unsigned(),
            ))
        })
        .optional()?;
    let Some((count, digest, first, offset, place)) = row else { return Ok(Position::origin()) };
    let digest = LineDigest::parse(&digest)
        .ok_or_else(|| Stale::Index("the index holds a malformed digest".into()))?;
    Ok(Position {
        head: Head { count: count.cast_unsigned(), digest },
        first: first.cast_unsigned(),
        offset: offset.cast_unsigned(),
        place,
    })
}

fn insert(database: &Connection, followed: &Followed<'_>) -> rusqlite::Result<()> {
    let number = followed.record.number.cast_signed();
    match &followed.record.event {
        Event::Judged(judged) => insert_judged(database, followed, judged, number),
        Event::Landed(Landed { judged, .. }) => database
            .prepare_cached("UPDATE verdict SET landed = ?1 WHERE number = ?2")?
            .execute(params![number, judged.cast_signed()])
            .map(drop),
        Event::Moved(_) | Event::Unsummarised(_) | Event::Recovered { .. } => Ok(()),
    }
}

fn insert_judged(
    database: &Connection,
    followed: &Followed<'_>,
    judged: &Judged,
    number: i64,
) -> rusqlite::Result<()> {
    let time = followed.record.time;
    database
        .prepare_cached("INSERT INTO verdict VALUES (?1, ?2, ?3, ?4, ?5, NULL, ?6, ?7)")?
        .execute(params![
            number,
            judged.id,
            time.to_string(),
            time.as_second(),
            judged.answer.name(),
            followed.position.first.cast_signed(),
            followed.position.offset.cast_signed(),
        ])?;
    let mut update = database.prepare_cached("INSERT INTO ref_update VALUES (?1, ?2, ?3)")?;
    for (place, moved) in judged.updates.iter().enumerate() {
        update.execute(params![number, place as i64, moved.r#ref])?;
    }
    let mut code = database.prepare_cached("INSERT INTO code VALUES (?1, ?2, ?3)")?;
    for (place, found) in judged.codes.iter().enumerate() {
        code.execute(params![number, place as i64, found])?;
    }
    Ok(())
}
