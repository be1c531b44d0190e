//! Tables of this version, of a newer one, and tables that many processes create at once.

use flowlix_ext::intents::store::{IntentStore, conformance};

use super::server::Database;
use super::{errors_of_every_call, problem, stored};
use crate::{next, record};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_create_the_tables_at_once() {
    let Some(database) = Database::new("creating").await else {
        return;
    };
    for isolation in ["read committed", "serializable"] {
        let set = format!(
            "DROP TABLE IF EXISTS flowlix_intents, flowlix_schema;
             ALTER DATABASE {} SET default_transaction_isolation = '{isolation}'",
            database.name()
        );
        database.run(&set).await;
        let mut racing = Vec::new();
        for _ in 0..8 {
            racing.push(tokio::spawn({
                let pool = database.deadpool();
                async move {
                    use super::deadpool::DeadpoolExecutor;
                    use flowlix_ext::intents::store::PostgresStore;
                    let store = PostgresStore::new(DeadpoolExecutor(pool));
                    store.migrate().await.unwrap();
                    store
                }
            }));
        }
        let mut stores = Vec::new();
        for racing in racing {
            stores.push(racing.await.unwrap());
        }
        conformance::check_shared(&stores[0], &stores[1])
            .await
            .unwrap();
    }
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_serializable_database_loses_no_change() {
    let Some(database) = Database::new("serializable").await else {
        return;
    };
    for isolation in ["repeatable read", "serializable"] {
        let set = format!(
            "DROP TABLE IF EXISTS flowlix_intents, flowlix_schema;
             ALTER DATABASE {} SET default_transaction_isolation = '{isolation}'",
            database.name()
        );
        database.run(&set).await;
        let (one, other) = (database.store().await, database.sqlx_store().await);
        conformance::check_shared(&one, &other).await.unwrap();
    }
    database.close().await;
}

/// What a newer version of the SDK may do to the tables.
async fn upgrade(database: &Database, change: &str, version: i64, min_reader: i64) {
    let upgrade = format!(
        "BEGIN; {change}; UPDATE flowlix_schema SET version = {version}, min_reader = {min_reader}; COMMIT"
    );
    database.run(&upgrade).await;
}

#[tokio::test]
async fn newer_tables_that_can_be_used_are_used() {
    let Some(database) = Database::new("newer").await else {
        return;
    };
    let running = database.store().await;
    stored(&running, &record("k")).await;
    let add = "ALTER TABLE flowlix_intents ADD COLUMN note text";
    upgrade(&database, add, 2, 1).await;
    let restarted = database.store().await;
    conformance::check_shared(&running, &restarted)
        .await
        .unwrap();
    let held = "SELECT version FROM flowlix_schema";
    let held: i64 = database.admin.query_one(held, &[]).await.unwrap().get(0);
    assert_eq!(held, 2, "an older SDK does not change it");
    database.close().await;
}

#[tokio::test]
async fn newer_tables_that_cannot_be_used_are_refused() {
    let Some(database) = Database::new("too_new").await else {
        return;
    };
    let store = database.store().await;
    let held = record("k");
    stored(&store, &held).await;
    let expected = "were changed by a newer version of this SDK: they have version 4, an SDK must know version 3 to use \
                    them, and this SDK knows version 1; update flowlix-ext";
    for change in [
        "SELECT",
        "ALTER TABLE flowlix_intents RENAME COLUMN due_at TO due",
        "ALTER TABLE flowlix_intents RENAME TO flowlix_intents_3",
    ] {
        upgrade(&database, change, 4, 3).await;
        for error in errors_of_every_call(&store, &held).await {
            assert_eq!(problem(&error), expected, "{change}");
        }
        assert_eq!(problem(&store.migrate().await.unwrap_err()), expected);
    }
    let back = "ALTER TABLE flowlix_intents_3 RENAME TO flowlix_intents;
                ALTER TABLE flowlix_intents RENAME COLUMN due TO due_at";
    upgrade(&database, back, 1, 1).await;
    assert_eq!(store.load(&held.id).await.unwrap(), Some(held.clone()));
    stored(&store, &next(&held)).await;
    database.close().await;
}

#[tokio::test]
async fn tables_without_a_version_are_refused() {
    let Some(database) = Database::new("versionless").await else {
        return;
    };
    let store = database.store().await;
    database.run("DELETE FROM flowlix_schema").await;
    for error in errors_of_every_call(&store, &record("k")).await {
        let expected = "do not say which version they have; call PostgresStore::migrate";
        assert_eq!(problem(&error), expected);
    }
    database.close().await;
}

#[tokio::test]
async fn a_version_that_postgres_cannot_hold_is_an_error() {
    let Some(database) = Database::new("versions").await else {
        return;
    };
    let store = database.store().await;
    let mut largest = record("k");
    for version in [u64::MAX, i64::MAX.unsigned_abs() + 1] {
        largest.version = version;
        let error = store.compare_and_set(&largest).await.unwrap_err();
        assert!(
            problem(&error).starts_with("hold no such version"),
            "{error}"
        );
        store.delete(&largest.id, version).await.unwrap_err();
    }
    largest.version = i64::MAX.unsigned_abs();
    let swap = store.compare_and_set(&largest).await.unwrap();
    assert_eq!(swap, flowlix_ext::intents::store::Swap::Conflict(None));
    database.close().await;
}
