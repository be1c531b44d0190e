//! A store that lives as long as the process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    IntentStore, RecordId, ScanCursor, Scope, StoreError, StoreFuture, StoredRecord, Swap,
};

/// Records in memory, for tests and for trying the SDK out.
///
/// The records end with the process: a service that starts again has forgotten which orders were paid and could charge
/// a customer twice. Services use a store that outlives them.
///
/// Clones share their records. A record stays until it is deleted, so memory grows with every intent. The store never makes room by itself: an
/// intent that is forgotten could be charged again.
///
/// ```
/// use flowlix_ext::Mode;
/// use flowlix_ext::intents::store::{
///     IntentStore, MemoryStore, RecordId, Scope, StoredRecord, Swap,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryStore::new();
/// let id = RecordId::new(Scope::new("my-shop", Mode::Test), "order-1234");
/// let record = StoredRecord::new(id, 1, "created", None, 1_719_792_000_000, vec![1, 2, 3]);
/// assert_eq!(store.compare_and_set(&record).await?, Swap::Stored);
/// assert_eq!(store.load(&record.id).await?, Some(record));
/// # Ok::<(), flowlix_ext::intents::store::StoreError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore {
    records: Arc<Mutex<BTreeMap<RecordId, StoredRecord>>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many records the store holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records().len()
    }

    /// Whether the store holds no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records().is_empty()
    }

    // A poisoned lock means that a thread panicked while it held the map; each change of the map is one call.
    fn records(&self) -> MutexGuard<'_, BTreeMap<RecordId, StoredRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn swap(&self, record: &StoredRecord) -> Swap {
        let mut records = self.records();
        let held = records.get(&record.id);
        let next = held.map_or(Some(1), |held| held.version.checked_add(1));
        if next != Some(record.version) {
            return Swap::Conflict(held.cloned());
        }
        records.insert(record.id.clone(), record.clone());
        Swap::Stored
    }

    /// The records of a scope that have a place in a scan, in its order, beginning behind a place.
    fn scan(
        &self,
        scope: &Scope,
        after: Option<&ScanCursor>,
        limit: u32,
        place: impl Fn(&StoredRecord) -> Option<ScanCursor>,
    ) -> Vec<StoredRecord> {
        let records = self.records();
        let of_scope = records
            .values()
            .filter(|record| record.id.scope == *scope)
            .filter_map(|record| Some((place(record)?, record)));
        let mut found: Vec<_> = of_scope
            .filter(|(place, _)| after.is_none_or(|after| place > after))
            .collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let records = found.into_iter().map(|(_, record)| record.clone());
        records.take(limit).collect()
    }

    fn remove(&self, id: &RecordId, version: u64) -> bool {
        let mut records = self.records();
        let is_held = records
            .get(id)
            .is_some_and(|record| record.version == version);
        is_held && records.remove(id).is_some()
    }
}

impl IntentStore for MemoryStore {
    fn load<'a>(&'a self, id: &'a RecordId) -> StoreFuture<'a, Option<StoredRecord>> {
        Box::pin(async move { Ok(self.records().get(id).cloned()) })
    }

    fn compare_and_set<'a>(&'a self, record: &'a StoredRecord) -> StoreFuture<'a, Swap> {
        Box::pin(async move { Ok(self.swap(record)) })
    }

    fn due<'a>(
        &'a self,
        scope: &'a Scope,
        until: i64,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        let place = move |record: &StoredRecord| {
            ScanCursor::behind_due(record).filter(|place| place.at <= until)
        };
        Box::pin(async move { Ok::<_, StoreError>(self.scan(scope, after, limit, place)) })
    }

    fn in_state<'a>(
        &'a self,
        scope: &'a Scope,
        state: &'a str,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        let place = move |record: &StoredRecord| {
            (record.state == state).then(|| ScanCursor::behind_change(record))
        };
        Box::pin(async move { Ok(self.scan(scope, after, limit, place)) })
    }

    fn delete<'a>(&'a self, id: &'a RecordId, version: u64) -> StoreFuture<'a, bool> {
        Box::pin(async move { Ok(self.remove(id, version)) })
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("records", &self.len())
            .finish_non_exhaustive()
    }
}
