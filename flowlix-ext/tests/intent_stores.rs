//! Every store of intents keeps the same promises, and one on a disk keeps them beyond the process.
#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

#[path = "intent_stores/careless.rs"]
mod careless;
#[path = "intent_stores/postgres/mod.rs"]
mod postgres;
#[cfg(all(feature = "sqlite", unix))]
#[path = "intent_stores/processes.rs"]
mod processes;
#[cfg(feature = "sqlite")]
#[path = "intent_stores/sqlite.rs"]
mod sqlite;

use std::sync::Arc;

use flowlix_ext::Mode;
use flowlix_ext::intents::store::{
    IntentStore, MemoryStore, RecordId, Scope, StoredRecord, Swap, conformance,
};

/// A first version of a record.
fn record(key: &str) -> StoredRecord {
    let id = RecordId::new(Scope::new("shop", Mode::Test), key);
    StoredRecord::new(id, 1, "created", Some(100), 100, key.as_bytes().to_vec())
}

/// The version after a record.
fn next(record: &StoredRecord) -> StoredRecord {
    let mut next = record.clone();
    next.version += 1;
    next
}

#[tokio::test]
async fn a_memory_store_conforms() {
    common::watch::everything();
    let store = MemoryStore::new();
    conformance::check(&store).await.unwrap();
    let shared = Arc::new(MemoryStore::new());
    conformance::check_shared(&shared, &shared.clone())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_memory_store_forgets_no_record() {
    common::watch::everything();
    let store = MemoryStore::new();
    assert!(store.is_empty());
    for number in 0..20_000 {
        let stored = store.compare_and_set(&record(&number.to_string())).await;
        assert_eq!(stored.unwrap(), Swap::Stored);
    }
    assert_eq!(store.len(), 20_000);
    let first = record("0");
    assert_eq!(store.load(&first.id).await.unwrap(), Some(first));
}

#[tokio::test]
async fn the_largest_version_conflicts_in_memory() {
    common::watch::everything();
    let store = MemoryStore::new();
    let mut largest = record("k");
    largest.version = u64::MAX;
    let swap = store.compare_and_set(&largest).await.unwrap();
    assert_eq!(swap, Swap::Conflict(None));
}
