//! A store in PostgreSQL, with the executors that the documentation shows.
//!
//! `.ci/postgres` starts the server and the pooler that the tests need.

mod conforms;
#[allow(unreachable_pub)]
#[path = "../../../docs/postgres/deadpool.rs"]
mod deadpool;
mod outages;
mod plans;
mod rights;
mod server;
#[allow(unreachable_pub)]
#[path = "../../../docs/postgres/sqlx.rs"]
mod sqlx_executor;
mod statements;
mod versions;

use flowlix_ext::intents::store::{IntentStore, PostgresStore, StoreError, StoredRecord, Swap};

const TABLES: &str = "the store's tables in PostgreSQL ";

async fn stored(store: &PostgresStore, record: &StoredRecord) {
    assert_eq!(store.compare_and_set(record).await.unwrap(), Swap::Stored);
}

/// The problem that an error names, on one line.
#[track_caller]
fn problem(error: &StoreError) -> String {
    let line = error.to_string();
    assert!(!line.contains('\n'), "{line}");
    match line.strip_prefix(TABLES) {
        Some(problem) => problem.to_owned(),
        None => panic!("{line}"),
    }
}

/// The errors of one call of each kind.
async fn errors_of_every_call(store: &PostgresStore, record: &StoredRecord) -> Vec<StoreError> {
    let scope = &record.id.scope;
    vec![
        store.load(&record.id).await.unwrap_err(),
        store.compare_and_set(record).await.unwrap_err(),
        store
            .compare_and_set(&crate::next(record))
            .await
            .unwrap_err(),
        store.due(scope, 0, None, 1).await.unwrap_err(),
        store.in_state(scope, "paid", None, 1).await.unwrap_err(),
        store.delete(&record.id, 1).await.unwrap_err(),
    ]
}
