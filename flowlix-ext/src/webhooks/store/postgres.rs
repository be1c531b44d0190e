//! Events remembered in the journal's database.

use std::time::{Duration, SystemTime};

use flowlix_api::model::EventId;
use tokio_postgres::Row;

use super::column::{from_time, from_token, lease_end, to_time, to_token};
use super::{Claim, ClaimToken, Completion, EventStore, EventStoreError, StoreFuture};
use crate::journal::{JournalError, PostgresJournal};

/// One statement, so that it is atomic on a connection that several callers share. A row that stays as it was
/// is written again: that way the answer tells of it as it is, under its lock.
const CLAIM: &str = "
    WITH proposed AS (SELECT nextval('flowlix_webhook_token') AS token)
    INSERT INTO flowlix_webhook_event AS event (id, token, lease_end, abandoned)
    SELECT $1::text, token, $3::bigint, false FROM proposed
    ON CONFLICT (id) DO UPDATE SET
        token = CASE WHEN event.completed_at IS NOT NULL OR $2::bigint < event.lease_end
            THEN event.token ELSE excluded.token END,
        lease_end = CASE WHEN event.completed_at IS NOT NULL OR $2::bigint < event.lease_end
            THEN event.lease_end ELSE excluded.lease_end END,
        abandoned = event.abandoned OR NOT (event.completed_at IS NOT NULL OR $2::bigint < event.lease_end)
    RETURNING event.completed_at IS NOT NULL, event.token = (SELECT token FROM proposed), event.token,
        event.lease_end, event.abandoned";

/// Done is final, and so is its moment.
const COMPLETE_WITHOUT_CLAIM: &str = "
    INSERT INTO flowlix_webhook_event AS event (id, token, lease_end, abandoned, completed_at)
    VALUES ($1, 0, 0, false, $2)
    ON CONFLICT (id) DO UPDATE SET completed_at = excluded.completed_at WHERE event.completed_at IS NULL";

impl EventStore for PostgresJournal {
    fn claim<'a>(
        &'a self,
        id: &'a EventId,
        now: SystemTime,
        lease: Duration,
    ) -> StoreFuture<'a, Claim> {
        Box::pin(async move {
            let (now, until) = (from_time(now)?, lease_end(now, lease)?);
            let row = self
                .client()
                .await
                .map_err(EventStoreError::new)?
                .query_one(CLAIM, &[&id.as_str(), &now, &until])
                .await
                .map_err(|error| failed("claiming a webhook event", error))?;
            answer(&row)
        })
    }

    fn complete<'a>(
        &'a self,
        id: &'a EventId,
        token: ClaimToken,
        now: SystemTime,
    ) -> StoreFuture<'a, Completion> {
        Box::pin(async move {
            let doing = "completing a webhook event";
            let now = from_time(now)?;
            let client = self.client().await.map_err(EventStoreError::new)?;
            let held = client
                .execute(
                    "UPDATE flowlix_webhook_event SET completed_at = $3
                     WHERE id = $1 AND completed_at IS NULL AND token = $2",
                    &[&id.as_str(), &from_token(token), &now],
                )
                .await
                .map_err(|error| failed(doing, error))?;
            if held == 1 {
                return Ok(Completion::InTime);
            }
            // A token that is lost stays lost, so nothing that happens in between changes the answer.
            client
                .execute(COMPLETE_WITHOUT_CLAIM, &[&id.as_str(), &now])
                .await
                .map_err(|error| failed(doing, error))?;
            Ok(Completion::LeaseLost)
        })
    }

    fn release<'a>(&'a self, id: &'a EventId, token: ClaimToken) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            self.client()
                .await
                .map_err(EventStoreError::new)?
                .execute(
                    "DELETE FROM flowlix_webhook_event
                     WHERE id = $1 AND completed_at IS NULL AND token = $2",
                    &[&id.as_str(), &from_token(token)],
                )
                .await
                .map_err(|error| failed("releasing a webhook event", error))?;
            Ok(())
        })
    }

    fn forget(&self, completed_before: SystemTime) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let before = from_time(completed_before)?;
            self.client()
                .await
                .map_err(EventStoreError::new)?
                // Of an event that is not done the moment is NULL, which lies before nothing.
                .execute(
                    "DELETE FROM flowlix_webhook_event WHERE completed_at < $1",
                    &[&before],
                )
                .await
                .map_err(|error| failed("pruning webhook events", error))
        })
    }
}

/// Reads what [`CLAIM`] returns.
fn answer(row: &Row) -> Result<Claim, EventStoreError> {
    let reading = |error| failed("the answer to a claim", error);
    if row.try_get(0).map_err(reading)? {
        return Ok(Claim::Done);
    }
    if row.try_get(1).map_err(reading)? {
        return Ok(Claim::Granted {
            token: to_token(row.try_get(2).map_err(reading)?)?,
            abandoned: row.try_get(4).map_err(reading)?,
        });
    }
    Ok(Claim::Held {
        until: to_time(row.try_get(3).map_err(reading)?)?,
    })
}

fn failed(doing: &'static str, error: tokio_postgres::Error) -> EventStoreError {
    EventStoreError::new(JournalError::caused_by(doing, error))
}
