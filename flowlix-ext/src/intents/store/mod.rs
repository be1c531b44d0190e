//! Where intents are kept: a store of opaque, versioned records.
//!
//! A store only keeps what it is given. Which record may follow which, what may be sent and what an outcome means is
//! decided by the SDK, on top of [`compare_and_set`](IntentStore::compare_and_set), which must be atomic.

pub(super) mod catch_panics;
#[cfg(feature = "test-util")]
pub mod conformance;
mod error;
mod memory;
pub mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::pin::Pin;
use std::sync::Arc;

pub(crate) use catch_panics::{catch_panics, in_time_or};
pub use error::StoreError;
pub use memory::MemoryStore;
pub use postgres::PostgresStore;
/// The library of [`SqliteStore`], whose errors are a [`cause`](StoreError::cause): 0.32 to 0.43, whichever version cargo
/// chose for the whole program.
#[cfg(feature = "sqlite")]
pub use rusqlite;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
#[cfg(feature = "journal-sqlite")]
pub(crate) use sqlite::connection;

use crate::key::Mode;

/// Whose records: one merchant in one mode. Test and live records never meet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Scope {
    /// The merchant's name, from `IntentsBuilder::merchant`.
    pub merchant: String,
    /// Whether the records are about test or real money; stores write `test` and `live`, its `Display` text.
    pub mode: Mode,
}

impl Scope {
    /// The scope of a merchant in a mode.
    #[must_use]
    pub fn new(merchant: impl Into<String>, mode: Mode) -> Self {
        Self {
            merchant: merchant.into(),
            mode,
        }
    }
}

/// What names a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct RecordId {
    /// Whose record.
    pub scope: Scope,
    /// The record's key in its scope: printable ASCII, at most 64 characters.
    pub key: String,
}

impl RecordId {
    /// The name of a record.
    #[must_use]
    pub fn new(scope: Scope, key: impl Into<String>) -> Self {
        Self {
            scope,
            key: key.into(),
        }
    }
}

/// A record as a store keeps it: an opaque body, and what the store must be able to search by.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredRecord {
    /// The record's name.
    pub id: RecordId,
    /// The number of this version, 1 for the first one.
    pub version: u64,
    /// A word for where the record stands, such as `paid`: lower case ASCII, at most 32 characters.
    pub state: String,
    /// When the record needs attention next, Unix milliseconds; `None` when it needs none.
    pub due_at: Option<i64>,
    /// When this version was made, Unix milliseconds.
    pub changed_at: i64,
    /// What the SDK keeps. It names orders and amounts; it never holds card data.
    pub body: Vec<u8>,
}

impl StoredRecord {
    /// A record's first or next version.
    #[must_use]
    pub fn new(
        id: RecordId,
        version: u64,
        state: impl Into<String>,
        due_at: Option<i64>,
        changed_at: i64,
        body: Vec<u8>,
    ) -> Self {
        Self {
            id,
            version,
            state: state.into(),
            due_at,
            changed_at,
            body,
        }
    }
}

/// Shows no body: it names orders and customers' payments.
impl std::fmt::Debug for StoredRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredRecord")
            .field("key", &self.id.key)
            .field("version", &self.version)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// What [`IntentStore::compare_and_set`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Swap {
    /// The record is stored.
    Stored,
    /// Nothing was changed: the store holds another version than the one before this record, or no record at all
    /// (`None`).
    Conflict(Option<StoredRecord>),
}

/// A place in a scan, [`IntentStore::due`] or [`IntentStore::in_state`]: the moment and the name of the last record that
/// was returned. The record itself may be gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct ScanCursor {
    /// [`StoredRecord::due_at`] or [`StoredRecord::changed_at`] of that record.
    pub at: i64,
    /// [`RecordId::key`] of that record.
    pub key: String,
}

impl ScanCursor {
    /// The place before every record of this moment.
    pub(crate) fn at(at: i64) -> Self {
        Self {
            at,
            key: String::new(),
        }
    }

    /// The place behind a record in [`IntentStore::due`].
    #[must_use]
    pub fn behind_due(record: &StoredRecord) -> Option<Self> {
        Some(Self {
            at: record.due_at?,
            key: record.id.key.clone(),
        })
    }

    /// The place behind a record in [`IntentStore::in_state`].
    #[must_use]
    pub fn behind_change(record: &StoredRecord) -> Self {
        Self {
            at: record.changed_at,
            key: record.id.key.clone(),
        }
    }
}

/// What the methods of [`IntentStore`] return.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A store of records.
///
/// What is stored must be durable when the future is done: a payment is sent right after. A future that is dropped may
/// or may not have stored; nothing may be stored in part. A method that panics counts as one that failed.
///
/// Object-safe; shared by all clones of an `Intents`. Hold an implementation against
/// `intents::store::conformance::check` (feature `test-util`).
pub trait IntentStore: Send + Sync {
    /// The record of this name.
    ///
    /// # Errors
    /// When the store cannot answer; nothing is sent then.
    fn load<'a>(&'a self, id: &'a RecordId) -> StoreFuture<'a, Option<StoredRecord>>;

    /// Stores a record if the store holds the version before it, atomically: none for version 1, otherwise
    /// `record.version - 1`. Otherwise it changes nothing and returns what it holds.
    ///
    /// # Errors
    /// When the store cannot do it, or cannot say whether it did.
    fn compare_and_set<'a>(&'a self, record: &'a StoredRecord) -> StoreFuture<'a, Swap>;

    /// The records of a scope whose [`due_at`](StoredRecord::due_at) is at or before `until` (Unix milliseconds),
    /// ordered by `due_at`, then key; at most `limit`, beginning behind `after`.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn due<'a>(
        &'a self,
        scope: &'a Scope,
        until: i64,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>>;

    /// The records of a scope in a [state](StoredRecord::state), ordered by `changed_at`, then key; at most `limit`,
    /// beginning behind `after`. It must not grow slower with the records in other states.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn in_state<'a>(
        &'a self,
        scope: &'a Scope,
        state: &'a str,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>>;

    /// Deletes a record if the store holds exactly this version, and says whether it did.
    ///
    /// # Errors
    /// When the store cannot do it.
    fn delete<'a>(&'a self, id: &'a RecordId, version: u64) -> StoreFuture<'a, bool>;
}

impl<S: IntentStore + ?Sized> IntentStore for Arc<S> {
    fn load<'a>(&'a self, id: &'a RecordId) -> StoreFuture<'a, Option<StoredRecord>> {
        (**self).load(id)
    }

    fn compare_and_set<'a>(&'a self, record: &'a StoredRecord) -> StoreFuture<'a, Swap> {
        (**self).compare_and_set(record)
    }

    fn due<'a>(
        &'a self,
        scope: &'a Scope,
        until: i64,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        (**self).due(scope, until, after, limit)
    }

    fn in_state<'a>(
        &'a self,
        scope: &'a Scope,
        state: &'a str,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        (**self).in_state(scope, state, after, limit)
    }

    fn delete<'a>(&'a self, id: &'a RecordId, version: u64) -> StoreFuture<'a, bool> {
        (**self).delete(id, version)
    }
}
