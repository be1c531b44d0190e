//! Intents in their store: read, changed under compare-and-set, never half.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::correlation::Names;
use super::protocol::record::Record;
use super::protocol::report::Lease;
use super::protocol::rules::Millis;
use super::protocol::status::Summary;
use super::store::catch_panics::{CatchPanics, in_time};
use super::store::{
    IntentStore, RecordId, ScanCursor, Scope, StoreError, StoreFuture, StoredRecord, Swap,
};
use crate::client::Flowlix;
use crate::runtime::millis;

/// How long a store may take for one call before it counts as failed.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);
/// Each lost race means that somebody else changed the record; so many in a row mean that the store is wrong.
pub(super) const MOST_RACES: u32 = 64;
/// The form in which this release writes records; it reads this one and none later.
const FORMAT: u32 = 1;

/// The records of one merchant in one mode.
#[derive(Clone)]
pub(crate) struct Records {
    store: Arc<dyn IntentStore>,
    scope: Scope,
    flowlix: Flowlix,
}

/// A record as it stood in the store when it was last read or written.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    id: RecordId,
    /// 0 when the store has no record of the intent.
    version: u64,
    pub(crate) record: Record,
    /// The record holds facts that the store does not have, because writing them failed.
    is_ahead: bool,
    /// Such facts are gone, because somebody else changed the record.
    has_lost: bool,
    /// The record holds facts that wait for the next write.
    is_held: bool,
}

/// What became of a change.
pub(crate) enum Stored {
    Done,
    /// Somebody else has changed the record: this is how it stands.
    Conflict(Box<Kept>),
}

#[derive(Serialize, Deserialize)]
struct Body<R> {
    format: u32,
    record: R,
}

impl Records {
    pub(crate) fn new(store: Arc<dyn IntentStore>, scope: Scope, flowlix: Flowlix) -> Self {
        Self {
            store: Arc::new(CatchPanics(store)),
            scope,
            flowlix,
        }
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The record of an intent.
    pub(crate) async fn load(&self, names: &Names) -> Result<Option<Kept>, StoreError> {
        self.load_key(&names.correlation_id).await
    }

    /// The record of this key, whatever intent it is of.
    pub(crate) async fn load_key(&self, key: &str) -> Result<Option<Kept>, StoreError> {
        let id = RecordId::new(self.scope.clone(), key);
        let stored = self.in_time(self.store.load(&id)).await?;
        stored.map(|stored| Kept::read(&id, &stored)).transpose()
    }

    /// The records that are due, a page of them.
    pub(crate) async fn due(
        &self,
        until: Millis,
        after: Option<&ScanCursor>,
        limit: u32,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        let due = self.store.due(&self.scope, until, after, limit);
        self.in_time(due).await
    }

    /// The records in a state, a page of them.
    pub(crate) async fn in_state(
        &self,
        state: &str,
        after: Option<&ScanCursor>,
        limit: u32,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        let found = self.store.in_state(&self.scope, state, after, limit);
        self.in_time(found).await
    }

    /// What a record of a scan says.
    pub(crate) fn read(&self, stored: &StoredRecord) -> Result<Record, StoreError> {
        self.kept(stored).map(|kept| kept.record)
    }

    /// A record of a scan, to be changed.
    pub(crate) fn kept(&self, stored: &StoredRecord) -> Result<Kept, StoreError> {
        Kept::read(&stored.id, stored)
    }

    /// An intent that nobody has stored yet.
    pub(crate) fn fresh(&self, names: &Names, record: Record) -> Kept {
        Kept::new(self.id(names), 0, record)
    }

    /// Replaces the record by its next version, if nobody else has changed it.
    pub(crate) async fn replace(
        &self,
        kept: &mut Kept,
        record: Record,
    ) -> Result<Stored, StoreError> {
        let next = Kept {
            has_lost: kept.has_lost,
            ..Kept::new(kept.id.clone(), kept.version.saturating_add(1), record)
        };
        let has_lost = kept.has_lost || kept.is_ahead;
        let written = next.write(millis(self.flowlix.now()))?;
        match self.in_time(self.store.compare_and_set(&written)).await? {
            Swap::Stored => {
                *kept = next;
                Ok(Stored::Done)
            }
            // A call that seemed to fail had stored it.
            Swap::Conflict(Some(held)) if held == written => {
                *kept = next;
                Ok(Stored::Done)
            }
            Swap::Conflict(Some(held)) => {
                let held = Kept::read(&kept.id, &held)?;
                Ok(Stored::Conflict(Box::new(Kept { has_lost, ..held })))
            }
            // Deleted meanwhile: what is known is stored anew.
            Swap::Conflict(None) => {
                let held = Kept {
                    version: 0,
                    ..kept.clone()
                };
                Ok(Stored::Conflict(Box::new(held)))
            }
        }
    }

    /// Adds a fact to the record, on top of whatever others have added. What changes nothing is not written.
    pub(crate) async fn change(
        &self,
        kept: &mut Kept,
        fact: impl Fn(&mut Record),
    ) -> Result<(), StoreError> {
        for _ in 0..MOST_RACES {
            let mut record = kept.record.clone();
            fact(&mut record);
            if record == kept.record && !kept.is_ahead && !kept.is_held {
                return Ok(());
            }
            match self.replace(kept, record).await? {
                Stored::Done => return Ok(()),
                Stored::Conflict(held) => *kept = *held,
            }
        }
        Err(too_many_races())
    }

    /// Stores which payment an API key has created, so that a later API key can show that it sees the same payments.
    pub(crate) async fn keep_witness(
        &self,
        credential: &str,
        payment: &str,
    ) -> Result<(), StoreError> {
        let now = millis(self.flowlix.now());
        let body = payment.as_bytes().to_vec();
        let record = StoredRecord::new(self.witness_id(credential), 1, "witness", None, now, body);
        // The first one stays.
        let _: Swap = self.in_time(self.store.compare_and_set(&record)).await?;
        Ok(())
    }

    /// A payment that an API key has created.
    pub(crate) async fn witness(&self, credential: &str) -> Result<Option<String>, StoreError> {
        let id = self.witness_id(credential);
        let stored = self.in_time(self.store.load(&id)).await?;
        Ok(stored.and_then(|stored| String::from_utf8(stored.body).ok()))
    }

    /// Takes the lease of polling with an API key, if it is free.
    pub(crate) async fn take_lease(
        &self,
        credential: &str,
        lease: &Lease,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let id = RecordId::new(self.scope.clone(), format!("poller-{credential}"));
        let held = self.in_time(self.store.load(&id)).await?;
        let before: Option<Lease> = held
            .as_ref()
            .and_then(|held| serde_json::from_slice(&held.body).ok());
        if !Lease::is_free(before.as_ref(), &lease.owner, now) {
            return Ok(false);
        }
        let version = held.map_or(0, |held| held.version).saturating_add(1);
        let body = serde_json::to_vec(lease)
            .map_err(|error| StoreError::caused_by("a lease cannot be written as JSON", error))?;
        let record = StoredRecord::new(id, version, "poller", None, now, body);
        let swap = self.in_time(self.store.compare_and_set(&record)).await?;
        Ok(swap == Swap::Stored)
    }

    fn id(&self, names: &Names) -> RecordId {
        RecordId::new(self.scope.clone(), names.correlation_id.clone())
    }

    fn witness_id(&self, credential: &str) -> RecordId {
        RecordId::new(self.scope.clone(), format!("witness-{credential}"))
    }

    async fn in_time<T>(&self, work: StoreFuture<'_, T>) -> Result<T, StoreError> {
        in_time(self.flowlix.runtime(), STORE_TIMEOUT, work).await
    }
}

impl Kept {
    fn new(id: RecordId, version: u64, record: Record) -> Self {
        Self {
            id,
            version,
            record,
            is_ahead: false,
            has_lost: false,
            is_held: false,
        }
    }

    /// Adds a fact that the next write takes along. Returns whether it says anything new.
    pub(crate) fn hold(&mut self, fact: impl Fn(&mut Record)) -> bool {
        let mut record = self.record.clone();
        fact(&mut record);
        let is_new = record != self.record;
        self.record = record;
        self.is_held |= is_new;
        is_new
    }

    /// Whether the store does not have all that the record says, and could take it now.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_ahead || self.is_held
    }

    /// Adds a fact that the store could not take.
    pub(crate) fn add_unstored(&mut self, fact: impl Fn(&mut Record)) {
        fact(&mut self.record);
        self.is_ahead = true;
    }

    /// Whether the store has, or had, every fact that was ever added.
    pub(crate) fn is_recorded(&self) -> bool {
        !self.is_ahead && !self.has_lost
    }

    /// Whether the record was read from the store, or written to it.
    pub(crate) fn is_stored(&self) -> bool {
        self.version > 0
    }

    fn read(id: &RecordId, stored: &StoredRecord) -> Result<Self, StoreError> {
        if stored.id != *id {
            let text = format!("the store returned another record than {}", id.key);
            return Err(StoreError::new(text));
        }
        // The text of serde's error quotes the record.
        let unreadable = |error: &serde_json::Error| {
            let place = format!("line {} column {}", error.line(), error.column());
            StoreError::new(format!("the record {} cannot be read at {place}", id.key))
        };
        let head: Body<serde::de::IgnoredAny> =
            serde_json::from_slice(&stored.body).map_err(|error| unreadable(&error))?;
        if head.format > FORMAT {
            let text = format!(
                "the record {} was written by a later release of this SDK",
                id.key
            );
            return Err(StoreError::new(text));
        }
        let body: Body<Record> =
            serde_json::from_slice(&stored.body).map_err(|error| unreadable(&error))?;
        // A record that was copied to another row must not decide about this intent.
        let names = Names::new(&id.scope, &body.record.reference);
        if !body.record.is_erased() && names.correlation_id != id.key {
            let text = format!("the record {} holds another intent", id.key);
            return Err(StoreError::new(text));
        }
        Ok(Self::new(id.clone(), stored.version, body.record))
    }

    fn write(&self, now: Millis) -> Result<StoredRecord, StoreError> {
        let body = Body {
            format: FORMAT,
            record: &self.record,
        };
        let body = serde_json::to_vec(&body)
            .map_err(|error| StoreError::caused_by("a record cannot be written as JSON", error))?;
        let state = match self.record.is_erased() {
            true => "erased",
            false => Summary::of(&self.record).name(),
        };
        let due_at = self.record.due_at(now);
        Ok(StoredRecord::new(
            self.id.clone(),
            self.version,
            state,
            due_at,
            now,
            body,
        ))
    }
}

pub(crate) fn too_many_races() -> StoreError {
    StoreError::new("the store refused the record again and again, though nobody else changed it")
}
