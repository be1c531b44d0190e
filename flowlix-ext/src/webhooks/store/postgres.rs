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
    INSERT INTO flowlix_webhook_event AS event (id, done, token, lease_end, abandoned)
    SELECT $1::text, false, token, $3::bigint, false FROM proposed
    ON CONFLICT (id) DO UPDATE SET
        token = CASE WHEN event.done OR $2::bigint < event.lease_end
            THEN event.token ELSE excluded.token END,
        lease_end = CASE WHEN event.done OR $2::bigint < event.lease_end
            THEN event.lease_end ELSE excluded.lease_end END,
        abandoned = event.abandoned OR NOT (event.done OR $2::bigint < event.lease_end)
    RETURNING event.done, event.token = (SELECT token FROM proposed), event.token, event.lease_end,
        event.abandoned";

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

    fn complete<'a>(&'a self, id: &'a EventId, token: ClaimToken) -> StoreFuture<'a, Completion> {
        Box::pin(async move {
            let doing = "completing a webhook event";
            let client = self.client().await.map_err(EventStoreError::new)?;
            let held = client
                .execute(
                    "UPDATE flowlix_webhook_event SET done = true
                     WHERE id = $1 AND NOT done AND token = $2",
                    &[&id.as_str(), &from_token(token)],
                )
                .await
                .map_err(|error| failed(doing, error))?;
            if held == 1 {
                return Ok(Completion::InTime);
            }
            // A token that is lost stays lost, so nothing that happens in between changes the answer.
            client
                .execute(
                    "INSERT INTO flowlix_webhook_event (id, done, token, lease_end, abandoned)
                     VALUES ($1, true, 0, 0, false) ON CONFLICT (id) DO UPDATE SET done = true",
                    &[&id.as_str()],
                )
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
                    "DELETE FROM flowlix_webhook_event WHERE id = $1 AND NOT done AND token = $2",
                    &[&id.as_str(), &from_token(token)],
                )
                .await
                .map_err(|error| failed("releasing a webhook event", error))?;
            Ok(())
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
