//! Events remembered in the journal's file.

use std::time::{Duration, SystemTime};

use flowlix_api::model::EventId;
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};

use super::column::{from_time, from_token, lease_end, to_time, to_token};
use super::{Claim, ClaimToken, Completion, EventStore, EventStoreError, StoreFuture};
use crate::journal::SqliteJournal;

/// What the file says to a claim.
enum Answer {
    Granted { token: i64, abandoned: bool },
    Held { lease_end: i64 },
    Done,
}

impl EventStore for SqliteJournal {
    fn claim<'a>(
        &'a self,
        id: &'a EventId,
        now: SystemTime,
        lease: Duration,
    ) -> StoreFuture<'a, Claim> {
        Box::pin(async move {
            let (now, until) = (from_time(now)?, lease_end(now, lease)?);
            let id = id.as_str().to_owned();
            let answer = self
                .run("claiming a webhook event", move |connection| {
                    let transaction =
                        connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                    let answer = claim(&transaction, &id, now, until)?;
                    transaction.commit()?;
                    Ok(answer)
                })
                .await
                .map_err(EventStoreError::new)?;
            Ok(match answer {
                Answer::Granted { token, abandoned } => Claim::Granted {
                    token: to_token(token)?,
                    abandoned,
                },
                Answer::Held { lease_end } => Claim::Held {
                    until: to_time(lease_end)?,
                },
                Answer::Done => Claim::Done,
            })
        })
    }

    fn complete<'a>(
        &'a self,
        id: &'a EventId,
        token: ClaimToken,
        now: SystemTime,
    ) -> StoreFuture<'a, Completion> {
        Box::pin(async move {
            let now = from_time(now)?;
            let id = id.as_str().to_owned();
            let token = from_token(token);
            self.run("completing a webhook event", move |connection| {
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let held = transaction.execute(
                    "UPDATE webhook_event SET completed_at = ?3
                     WHERE id = ?1 AND completed_at IS NULL AND token = ?2",
                    params![id, token, now],
                )?;
                if held == 0 {
                    transaction.execute(
                        "INSERT INTO webhook_event (id, token, lease_end, completed_at) VALUES (?1, 0, 0, ?2)
                         ON CONFLICT (id) DO UPDATE SET completed_at = excluded.completed_at
                         WHERE completed_at IS NULL",
                        params![id, now],
                    )?;
                }
                transaction.commit()?;
                Ok(if held == 0 {
                    Completion::LeaseLost
                } else {
                    Completion::InTime
                })
            })
            .await
            .map_err(EventStoreError::new)
        })
    }

    fn release<'a>(&'a self, id: &'a EventId, token: ClaimToken) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let id = id.as_str().to_owned();
            let token = from_token(token);
            self.run("releasing a webhook event", move |connection| {
                connection.execute(
                    "DELETE FROM webhook_event WHERE id = ?1 AND completed_at IS NULL AND token = ?2",
                    params![id, token],
                )?;
                Ok(())
            })
            .await
            .map_err(EventStoreError::new)
        })
    }

    fn forget(&self, completed_before: SystemTime) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let before = from_time(completed_before)?;
            self.run("pruning webhook events", move |connection| {
                // Of an event that is not done the moment is NULL, which lies before nothing.
                let rows = connection.execute(
                    "DELETE FROM webhook_event WHERE completed_at < ?1",
                    params![before],
                )?;
                Ok(u64::try_from(rows).unwrap_or(u64::MAX))
            })
            .await
            .map_err(EventStoreError::new)
        })
    }
}

fn claim(transaction: &Transaction, id: &str, now: i64, until: i64) -> rusqlite::Result<Answer> {
    let found: Option<(bool, i64)> = transaction
        .query_row(
            "SELECT completed_at IS NOT NULL, lease_end FROM webhook_event WHERE id = ?1",
            params![id],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    match found {
        Some((true, _)) => return Ok(Answer::Done),
        Some((false, lease_end)) if now < lease_end => return Ok(Answer::Held { lease_end }),
        _ => {}
    }
    // Counted apart from the events: a released event is deleted, and its token must not come again.
    let token = transaction.query_row(
        "UPDATE webhook_token SET last = last + 1 RETURNING last",
        [],
        |row| row.get(0),
    )?;
    transaction.execute(
        "INSERT INTO webhook_event (id, token, lease_end) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET token = excluded.token, lease_end = excluded.lease_end",
        params![id, token, until],
    )?;
    Ok(Answer::Granted {
        token,
        abandoned: found.is_some(),
    })
}
