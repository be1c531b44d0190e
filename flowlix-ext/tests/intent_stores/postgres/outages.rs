//! What the database does to a store, and that the store works again when the database does.

use std::time::Duration;

use flowlix_ext::intents::store::{IntentStore, PostgresStore, Swap};

use super::deadpool::DeadpoolExecutor;
use super::server::{Database, deadpool, sqlx_pool};
use super::sqlx_executor::SqlxExecutor;
use super::{errors_of_every_call, problem, stored};
use crate::{next, record};

/// Stores of both drivers, each with a connection in its pool.
async fn stores(database: &Database) -> [PostgresStore; 2] {
    [database.store().await, database.sqlx_store().await]
}

#[tokio::test]
async fn a_read_only_server_is_left_behind() {
    let Some(database) = Database::new("failover").await else {
        return;
    };
    let name = database.name();
    let stores = stores(&database).await;
    let mut held = record("k");
    stored(&stores[0], &held).await;
    // The connections that come from now on are read-only, and stay so: those to a former primary are such.
    database
        .run(&format!(
            "ALTER DATABASE {name} SET default_transaction_read_only = on"
        ))
        .await;
    for _ in 0..3 {
        database.kill().await;
        for store in &stores {
            // A pool may learn only now that its connections are gone.
            let _ = store.load(&held.id).await;
            for error in errors_of_every_call(store, &held).await {
                let problem = problem(&error);
                let advice = "the server is read-only, as a former primary is after a failover; the next call works when \
                              the pool connects to the new primary: ";
                assert!(problem.contains(advice), "{problem}");
            }
        }
    }
    let over = format!("SET default_transaction_read_only = off; ALTER DATABASE {name} RESET ALL");
    database.run(&over).await;
    for store in &stores {
        let found = store.load(&held.id).await.unwrap();
        assert_eq!(found, Some(held.clone()));
        held = next(&held);
        stored(store, &held).await;
    }
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_connections_cost_single_calls_only() {
    let Some(database) = Database::new("killed").await else {
        return;
    };
    for store in stores(&database).await {
        let first = record("k");
        let writing = async {
            let mut written = first.clone();
            let (mut errors, mut unknown) = (0, false);
            for _ in 0..400 {
                match store.compare_and_set(&written).await {
                    Ok(Swap::Stored) => {
                        unknown = false;
                        written = next(&written);
                    }
                    Ok(Swap::Conflict(held)) => {
                        let held = held.unwrap();
                        assert!(
                            unknown && held == written,
                            "{held:?} instead of {written:?}"
                        );
                        unknown = false;
                        written = next(&held);
                    }
                    Err(error) => {
                        assert!(problem(&error).starts_with("cannot be "), "{error}");
                        errors += 1;
                        unknown = true;
                    }
                }
            }
            (errors, written)
        };
        let killing = async {
            let mut killed = 0;
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                killed += database.kill().await;
            }
            killed
        };
        let ((errors, written), killed) = tokio::join!(writing, killing);
        assert!(
            killed > 0 && errors <= killed,
            "{errors} errors, {killed} killed"
        );
        let held = store.load(&written.id).await.unwrap().unwrap();
        assert!(held.version + 1 >= written.version, "{held:?}, {written:?}");
        database.run("DELETE FROM flowlix_intents").await;
    }
    database.close().await;
}

/// The server waits for a lock, and the SDK gives up: the connection is closed, and the statement may still go on.
#[tokio::test]
async fn a_statement_that_hangs_takes_no_connection_along() {
    let Some(database) = Database::new("hanging").await else {
        return;
    };
    let pool = database.deadpool();
    let sqlx = sqlx_pool(&database.config());
    let on_deadpool = PostgresStore::new(DeadpoolExecutor(pool.clone()));
    let on_sqlx = PostgresStore::new(SqlxExecutor(sqlx.clone()));
    on_deadpool.migrate().await.unwrap();
    on_sqlx.migrate().await.unwrap();
    let mut held = record("k");
    stored(&on_deadpool, &held).await;
    for store in [&on_deadpool, &on_sqlx] {
        let blocking = database.another_admin().await;
        blocking
            .batch_execute("BEGIN; LOCK TABLE flowlix_intents")
            .await
            .unwrap();
        let late = next(&held);
        // More often than the pool has connections.
        for _ in 0..9 {
            let limit = Duration::from_millis(150);
            let given_up = tokio::time::timeout(limit, store.compare_and_set(&late)).await;
            assert!(given_up.is_err(), "{given_up:?}");
        }
        let open = (pool.status().size, sqlx.size());
        assert!(open.0 <= 1 && open.1 <= 1, "{open:?}");
        blocking.batch_execute("COMMIT").await.unwrap();
        // What the server did afterwards is stored whole, once or not at all.
        let found = match store.compare_and_set(&late).await.unwrap() {
            Swap::Stored => late.clone(),
            Swap::Conflict(found) => found.unwrap(),
        };
        assert_eq!(found, late);
        held = next(&late);
        stored(store, &held).await;
        // Nothing that is still under way overwrites the newer version.
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(store.load(&held.id).await.unwrap(), Some(held.clone()));
    }
    database.close().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_of_every_call() {
    crate::common::watch::everything();
    let nowhere = "host=/nowhere user=shop dbname=shop password=canaryKey4711";
    let config: tokio_postgres::Config = nowhere.parse().unwrap();
    let store = PostgresStore::new(DeadpoolExecutor(deadpool(config)));
    for error in errors_of_every_call(&store, &record("k")).await {
        let problem = problem(&error);
        assert!(problem.starts_with("cannot be "), "{problem}");
        assert!(!problem.contains("4711"), "{problem}");
    }
    assert!(store.schema_sql().contains("CREATE TABLE"));
}
