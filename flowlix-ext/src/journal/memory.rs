//! A journal that lives as long as the process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::JournalError;
use super::record::{Record, RecordId, Scope, Unsettled};
use super::store::{Journal, JournalFuture, SECRET_LENGTH};

/// Records in memory, at most a given number.
///
/// It lets concurrent callers with one key send once, catches reused keys and returns stored results; it does
/// **not** survive a crash. When it is full the settled records that changed longest ago make room; records
/// that are not settled never do: a journal full of them refuses new writes instead of forgetting old ones.
#[derive(Debug)]
pub struct MemoryJournal {
    capacity: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    secret: Option<[u8; SECRET_LENGTH]>,
    records: HashMap<RecordId, Record>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept")
            .field("records", &self.records.len())
            .finish_non_exhaustive()
    }
}

/// Records that a [`MemoryJournal`] keeps unless you say otherwise.
pub const DEFAULT_CAPACITY: usize = 10_000;

impl MemoryJournal {
    /// An empty journal for 10 000 records.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// An empty journal for this many records, at least one.
    #[must_use]
    pub fn with_capacity(records: usize) -> Self {
        Self {
            capacity: records.max(1),
            kept: Mutex::default(),
        }
    }

    /// How many records it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept().records.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // A poisoned lock means that a thread panicked while it held plain values; each is whole.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, record: &Record) -> Result<bool, JournalError> {
        let mut kept = self.kept();
        let stored = kept.records.get(&record.id).map(|stored| stored.version);
        if stored.unwrap_or(0).checked_add(1) != Some(record.version) {
            return Ok(false);
        }
        if stored.is_none() && kept.records.len() >= self.capacity {
            kept.make_room()?;
        }
        kept.records.insert(record.id.clone(), record.clone());
        Ok(true)
    }
}

impl Kept {
    fn make_room(&mut self) -> Result<(), JournalError> {
        let oldest = self
            .records
            .values()
            .filter(|record| record.state.is_settled())
            .min_by_key(|record| record.changed_at)
            .map(|record| record.id.clone());
        match oldest {
            Some(id) => {
                self.records.remove(&id);
                Ok(())
            }
            None => Err(JournalError::new(
                "the journal in memory is full of writes that are not settled; run recover()",
            )),
        }
    }
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl Journal for MemoryJournal {
    fn secret(&self, proposal: [u8; SECRET_LENGTH]) -> JournalFuture<'_, [u8; SECRET_LENGTH]> {
        Box::pin(async move { Ok(*self.kept().secret.get_or_insert(proposal)) })
    }

    fn load<'a>(&'a self, id: &'a RecordId) -> JournalFuture<'a, Option<Record>> {
        Box::pin(async move { Ok(self.kept().records.get(id).cloned()) })
    }

    fn store<'a>(&'a self, record: &'a Record) -> JournalFuture<'a, bool> {
        Box::pin(async move { self.put(record) })
    }

    fn unsettled<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a RecordId>,
        limit: u32,
    ) -> JournalFuture<'a, Vec<Unsettled>> {
        Box::pin(async move {
            let mut found: Vec<Record> = self
                .kept()
                .records
                .values()
                .filter(|record| record.id.scope == *scope && !record.state.is_settled())
                .filter(|record| after.is_none_or(|after| record.id > *after))
                .cloned()
                .collect();
            found.sort_by(|one, other| one.id.cmp(&other.id));
            found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            Ok(found.into_iter().map(Ok).collect())
        })
    }

    fn prune<'a>(&'a self, scope: &'a Scope, changed_before: i64) -> JournalFuture<'a, u64> {
        Box::pin(async move {
            let mut kept = self.kept();
            let before = kept.records.len();
            kept.records.retain(|id, record| {
                id.scope != *scope
                    || !record.state.is_settled()
                    || record.changed_at >= changed_before
            });
            let gone = before.saturating_sub(kept.records.len());
            Ok(u64::try_from(gone).unwrap_or(u64::MAX))
        })
    }
}
