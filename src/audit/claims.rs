//! Shares the repositories of an audit among workers on many machines.
//!
//! A worker claims a repository by locking its row (`FOR UPDATE SKIP LOCKED`) for as long as it
//! works. The lock goes with the connection, so the claim of a worker that has died is
//! free again as soon as the database notices that, without anybody's help and without
//! a timeout that could be wrong.

use postgres::{Client, Transaction};

use super::results::Replayed;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::ledger::fleet::{Fleet, database};

/// The work of one audit, in the fleet's database.
pub struct Claims {
    fleet: Fleet,
    /// The SHA-256 of the sample.
    audit: String,
}

/// What a worker is to do next.
pub enum Next {
    /// A repository was done.
    Done,
    /// Others are busy with all that is left.
    Wait,
    /// Nothing is left that this worker could do.
    Nothing,
}

impl Claims {
    /// Connects, and enters the repositories of an audit; those that are there already stay as they are.
    ///
    /// # Errors
    /// The database does not answer.
    pub fn open(url: &str, audit: &str, repositories: &[String]) -> Result<Self> {
        let mut claims = Self { fleet: Fleet::connect(url)?, audit: audit.to_owned() };
        let audit = claims.audit.clone();
        // A machine that has gone without a word is noticed in about a minute.
        let keep_alive = "SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 4";
        claims.client().batch_execute(keep_alive).map_err(|error| database(&error))?;
        claims
            .client()
            .execute(
                "INSERT INTO refgate_audit (audit, repository) \
                 SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING",
                &[&audit, &repositories],
            )
            .map_err(|error| database(&error))?;
        Ok(claims)
    }

    fn client(&mut self) -> &mut Client {
        self.fleet.client()
    }

    /// Claims one of the repositories, works on it, and stores what came of it.
    ///
    /// # Errors
    /// The database does not answer; then the claim is free again.
    pub fn work(
        &mut self,
        mine: &[String],
        worker: &str,
        work: impl FnOnce(&str) -> Vec<Replayed>,
    ) -> Result<Next> {
        let audit = self.audit.clone();
        let step = |error: postgres::Error| database(&error);
        let mut transaction = self.client().transaction().map_err(step)?;
        let claimed = transaction
            .query_opt(
                "SELECT repository FROM refgate_audit \
                 WHERE audit = $1 AND result IS NULL AND repository = ANY($2) \
                 ORDER BY repository LIMIT 1 FOR UPDATE SKIP LOCKED",
                &[&audit, &mine],
            )
            .map_err(step)?;
        let Some(row) = claimed else {
            let left = left(&mut transaction, &audit, mine)?;
            return Ok(if left > 0 { Next::Wait } else { Next::Nothing });
        };
        let repository: String = row.get(0);
        let replayed = work(&repository);
        let json = serde_json::to_string(&replayed)
            .during(ErrorKind::Internal, || "writing results as JSON".into())?
            // PostgreSQL's text holds no NUL, and JSON has it as an escape alone.
            .replace("\\u0000", "\\ufffd");
        transaction
            .execute(
                "UPDATE refgate_audit SET result = $3, worker = $4, done_at = now() \
                 WHERE audit = $1 AND repository = $2",
                &[&audit, &repository, &json, &worker],
            )
            .map_err(step)?;
        transaction.commit().map_err(step)?;
        Ok(Next::Done)
    }

    /// Returns all results so far, and how many repositories have none.
    ///
    /// # Errors
    /// The database does not answer, or holds what is no result.
    pub fn results(&mut self) -> Result<(Vec<Replayed>, usize)> {
        let audit = self.audit.clone();
        let rows = self
            .client()
            .query("SELECT repository, result FROM refgate_audit WHERE audit = $1", &[&audit])
            .map_err(|error| database(&error))?;
        let (mut all, mut missing) = (Vec::new(), 0);
        for row in rows {
            match row.get::<_, Option<String>>(1) {
                None => missing += 1,
                Some(json) => {
                    let replayed: Vec<Replayed> = serde_json::from_str(&json).map_err(|error| {
                        let what = format!("the result of {}: {error}", row.get::<_, &str>(0));
                        Error::new(ErrorKind::Environment, what)
                    })?;
                    all.extend(replayed);
                }
            }
        }
        Ok((all, missing))
    }
}

fn left(transaction: &mut Transaction<'_>, audit: &str, mine: &[String]) -> Result<i64> {
    let row = transaction
        .query_one(
            "SELECT count(*) FROM refgate_audit \
             WHERE audit = $1 AND result IS NULL AND repository = ANY($2)",
            &[&audit, &mine],
        )
        .map_err(|error| database(&error))?;
    Ok(row.get(0))
}
