//! A store that lives as long as the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{DueCursor, IntentStore, RecordId, Scope, StoreFuture, StoredRecord, Swap};

/// Records in memory, for tests and examples: what it holds is lost with the process, and an intent that is forgotten
/// could be charged again. It never forgets a record by itself. Clones share their records.
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

    // A poisoned lock means that a thread panicked while it held plain values; each is whole.
    fn records(&self) -> MutexGuard<'_, BTreeMap<RecordId, StoredRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore")
            .field("records", &self.records().len())
            .finish()
    }
}

impl IntentStore for MemoryStore {
    fn load<'a>(&'a self, id: &'a RecordId) -> StoreFuture<'a, Option<StoredRecord>> {
        Box::pin(async move { Ok(self.records().get(id).cloned()) })
    }

    fn compare_and_set<'a>(&'a self, record: &'a StoredRecord) -> StoreFuture<'a, Swap> {
        Box::pin(async move {
            let mut records = self.records();
            let held = records.get(&record.id);
            if held.map_or(0, |held| held.version).checked_add(1) != Some(record.version) {
                return Ok(Swap::Conflict(held.cloned()));
            }
            records.insert(record.id.clone(), record.clone());
            Ok(Swap::Stored)
        })
    }

    fn due<'a>(
        &'a self,
        scope: &'a Scope,
        until: i64,
        after: Option<&'a DueCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        Box::pin(async move {
            let records = self.records();
            let place = |record: &StoredRecord| DueCursor::behind(record);
            let mut due: Vec<StoredRecord> = records
                .values()
                .filter(|record| record.id.scope == *scope)
                .filter(|record| record.due_at.is_some_and(|at| at <= until))
                .filter(|record| after.is_none_or(|after| place(record).as_ref() > Some(after)))
                .cloned()
                .collect();
            due.sort_by_key(place);
            due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            Ok(due)
        })
    }

    fn delete<'a>(&'a self, id: &'a RecordId, version: u64) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let mut records = self.records();
            let is_it = records.get(id).is_some_and(|held| held.version == version);
            if is_it {
                records.remove(id);
            }
            Ok(is_it)
        })
    }
}
