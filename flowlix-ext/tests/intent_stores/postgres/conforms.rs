//! Both executors keep all promises: alone, beside one another, and behind a pooler.

use flowlix_ext::intents::store::postgres::{
    PostgresError, PostgresExecutor, PostgresFuture, PostgresValue,
};
use flowlix_ext::intents::store::{IntentStore, PostgresStore, conformance};
use tokio_postgres::{Client, Error};

use super::deadpool::DeadpoolExecutor;
use super::problem;
use super::server::{Database, connect, deadpool, sqlx_pool};
use super::sqlx_executor::SqlxExecutor;
use crate::record;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_on_deadpool_conforms() {
    let Some(database) = Database::new("deadpool").await else {
        return;
    };
    conformance::check(&database.store().await).await.unwrap();
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_on_sqlx_conforms() {
    let Some(database) = Database::new("sqlx").await else {
        return;
    };
    let store = database.sqlx_store().await;
    conformance::check(&store).await.unwrap();
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_pools_of_two_drivers_conform() {
    let Some(database) = Database::new("shared").await else {
        return;
    };
    let (one, other) = (database.store().await, database.sqlx_store().await);
    conformance::check_shared(&one, &other).await.unwrap();
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_behind_pgbouncer_conform() {
    let Some(database) = Database::new("pgbouncer").await else {
        return;
    };
    if let Some(config) = database.through_pooler() {
        // Six pools share the two connections of the pooler.
        let stores = || {
            let one = PostgresStore::new(DeadpoolExecutor(deadpool(config.clone())));
            (one, PostgresStore::new(SqlxExecutor(sqlx_pool(&config))))
        };
        let all = [stores(), stores(), stores()];
        for (one, other) in &all {
            one.migrate().await.unwrap();
            other.migrate().await.unwrap();
        }
        let [(one, other), busy @ ..] = all;
        let busy = busy.map(|(one, other)| {
            tokio::spawn(async move {
                for number in 0..200 {
                    let key = format!("{number}");
                    one.load(&record(&key).id).await.unwrap();
                    other.due(&record(&key).id.scope, 0, None, 9).await.unwrap();
                }
            })
        });
        conformance::check_shared(&one, &other).await.unwrap();
        for busy in busy {
            busy.await.unwrap();
        }
    }
    database.close().await;
}

/// Prepares named statements, as drivers do when nothing tells them not to. Meanwhile, somebody else is busy on the
/// connection on which the statement was prepared.
struct Naming {
    client: Client,
    busy: Client,
}

impl PostgresExecutor for Naming {
    fn execute<'a>(
        &'a self,
        statement: &'a str,
        parameters: &'a [PostgresValue],
    ) -> PostgresFuture<'a> {
        Box::pin(async move {
            let texts = parameters.iter().map(|value| match value {
                PostgresValue::Text(text) => text,
                other => panic!("{other:?}"),
            });
            let prepared = self.client.prepare(statement).await.unwrap();
            self.busy.batch_execute("BEGIN").await.unwrap();
            let answer = self.client.query_raw(&prepared, texts).await;
            let failed = |error: Error| {
                PostgresError::new(error.code().map(|code| code.code().into()), error)
            };
            answer.map(|_| Vec::new()).map_err(failed)
        })
    }
}

#[tokio::test]
async fn named_statements_behind_pgbouncer_are_explained() {
    let Some(database) = Database::new("naming").await else {
        return;
    };
    database.store().await;
    if let Some(config) = database.through_pooler() {
        let (client, busy) = (connect(&config).await, connect(&config).await);
        let store = PostgresStore::new(Naming { client, busy });
        let problem = problem(&store.load(&record("k").id).await.unwrap_err());
        let expected = "cannot be read: a pooler gave the session to somebody else; behind a pooler in transaction mode \
                        the executor must not prepare named statements: ";
        assert!(problem.starts_with(expected), "{problem}");
    }
    database.close().await;
}
