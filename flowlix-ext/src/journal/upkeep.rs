//! Asking the journal, and keeping it small.

use std::time::Duration;

use super::book::Book;
use super::record::{Record, millis, span_millis};
use crate::client::Flowlix;
use crate::error::Error;
use crate::idempotency::IdempotencyKey;

/// Younger records are never pruned: Flowlix keeps a key for a day, and clocks differ.
pub const KEPT_AT_LEAST: Duration = Duration::from_secs(2 * 24 * 60 * 60);

impl Flowlix {
    /// What the [journal](crate::journal) knows of a key; nobody else is asked. For a service that died between
    /// hearing an outcome and storing it with the order.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) when the client has no journal,
    /// [`Journal`](crate::ErrorKind::Journal) when it cannot be read.
    pub async fn journal_record(&self, key: &IdempotencyKey) -> Result<Option<Record>, Error> {
        let book = open(self)?;
        book.find(key.as_str()).await.map_err(Error::journal_unread)
    }

    /// Deletes what is settled in this client's account and mode and last changed longer ago than `age`, but never
    /// what is younger than [two days](KEPT_AT_LEAST); says how many records that were. Their keys are protected no
    /// longer: `age` has to be longer than your service may take to repeat a call.
    ///
    /// # Errors
    /// As for [`journal_record`](Self::journal_record).
    pub async fn prune_journal(&self, age: Duration) -> Result<u64, Error> {
        let book = open(self)?;
        let kept = span_millis(age.max(KEPT_AT_LEAST));
        let changed_before = millis(self.runtime().now()).saturating_sub(kept);
        let pruned = book.journal.prune(&book.scope, changed_before).await;
        pruned.map_err(Error::journal_unread)
    }
}

pub(super) fn open(client: &Flowlix) -> Result<&Book, Error> {
    client
        .book()
        .ok_or_else(|| Error::configuration("there is no journal; give the builder one", None))
}
