//! How PostgreSQL finds the rows: by an index, however many intents are finished.

use std::sync::{Arc, Mutex};

use flowlix_ext::Mode;
use flowlix_ext::intents::store::postgres::{
    PostgresExecutor, PostgresFuture, PostgresRow, PostgresValue,
};
use flowlix_ext::intents::store::{IntentStore, PostgresStore, ScanCursor, Scope, StoredRecord};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::deadpool::DeadpoolExecutor;
use super::server::Database;
use crate::record;

const FINISHED: &str = "
    INSERT INTO flowlix_intents
    SELECT 'shop', CASE WHEN n % 10 = 0 THEN 'test' ELSE 'live' END, 'order-' || n, 4,
        CASE WHEN n % 7 = 0 THEN 'unpaid' ELSE 'paid' END, NULL, 1719792000000 + n, '\\x00'
    FROM generate_series(1, 120000) AS n;
    INSERT INTO flowlix_intents
    SELECT 'shop', 'live', 'open-' || n, 2, 'processing', 1719792000000 + n, 1719792000000 + n, '\\x00'
    FROM generate_series(1, 500) AS n;
";

/// Keeps each statement with its plan, and runs none.
struct Explaining {
    client: Arc<Client>,
    seen: Arc<Mutex<Vec<(String, String)>>>,
    version: PostgresRow,
}

impl PostgresExecutor for Explaining {
    fn execute<'a>(
        &'a self,
        statement: &'a str,
        parameters: &'a [PostgresValue],
    ) -> PostgresFuture<'a> {
        Box::pin(async move {
            let typed: Vec<(&(dyn ToSql + Sync), Type)> = parameters
                .iter()
                .map(|value| match value {
                    PostgresValue::Text(text) => (text as _, Type::TEXT),
                    PostgresValue::Bigint(number) => (number as _, Type::INT8),
                    PostgresValue::Bytea(bytes) => (bytes as _, Type::BYTEA),
                })
                .collect();
            let explain = format!("EXPLAIN (COSTS OFF) {statement}");
            let rows = self.client.query_typed(&explain, &typed).await.unwrap();
            let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            let seen = (statement.to_owned(), lines.join("\n"));
            self.seen.lock().unwrap().push(seen);
            Ok(vec![self.version.clone()])
        })
    }
}

/// The plan for any parameters, as a driver gets it that keeps prepared statements.
async fn generic(client: &Client, statement: &str) -> String {
    let count = (1..=8).filter(|number| statement.contains(&format!("${number}::")));
    let nulls = vec!["NULL"; count.count()].join(", ");
    let prepare = format!("PREPARE of_any AS {statement}");
    client.batch_execute(&prepare).await.unwrap();
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE of_any({nulls})");
    let rows = client.simple_query(&explain).await.unwrap();
    client.batch_execute("DEALLOCATE of_any").await.unwrap();
    let lines = rows.iter().filter_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn assert_by_index(plan: &str, index: &str, condition: &str) {
    let rows: Vec<&str> = plan
        .lines()
        .skip_while(|line| !line.contains(&format!("Scan using {index} on flowlix_intents")))
        .collect();
    let cond = rows.get(1).copied().unwrap_or_default();
    assert!(cond.trim().starts_with("Index Cond: "), "{index}:\n{plan}");
    for column in condition.split(' ') {
        assert!(cond.contains(column), "{column} of {index}:\n{plan}");
    }
    assert!(!plan.contains("Seq Scan on flowlix_intents"), "{plan}");
    // The index gives the order; the outer sort is about the rows of one page.
    assert!(plan.matches("Sort Key").count() <= 1, "{plan}");
    if plan.contains("Limit") {
        let limit: Vec<&str> = plan
            .lines()
            .skip_while(|line| !line.contains("Limit"))
            .collect();
        assert!(limit[1].contains("Index Scan"), "{plan}");
    }
}

#[tokio::test]
async fn every_statement_uses_its_index() {
    let Some(database) = Database::new("plans").await else {
        return;
    };
    database.store().await;
    database.run(FINISHED).await;
    let client = Arc::new(database.another_admin().await);
    client
        .batch_execute("SET plan_cache_mode = force_generic_plan")
        .await
        .unwrap();
    let one = |number: i64| Some(number.to_be_bytes().to_vec());
    let seen = Arc::default();
    let store = PostgresStore::new(Explaining {
        client: client.clone(),
        seen: Arc::clone(&seen),
        version: PostgresRow::new(vec![one(1), one(1), None]),
    });
    let scope = Scope::new("shop", Mode::Live);
    let after = ScanCursor::behind_change(&record("order-7"));
    let mut changed = record("order-1");
    changed.version = 5;
    // Before the server has counted the rows, and after that.
    for analyze in ["SELECT", "ANALYZE"] {
        database.run(analyze).await;
        let _ = store.load(&changed.id).await.unwrap();
        let _ = store.compare_and_set(&record("new")).await.unwrap();
        let _ = store.compare_and_set(&changed).await.unwrap();
        let _ = store.delete(&changed.id, 4).await.unwrap();
        let until = 1_719_792_000_000 + 99;
        for after in [None, Some(&after)] {
            store.due(&scope, until, after, 50).await.unwrap();
            store.in_state(&scope, "paid", after, 50).await.unwrap();
        }
        let seen: Vec<(String, String)> = std::mem::take(&mut *seen.lock().unwrap());
        let name = ("flowlix_intents_pkey", "merchant mode key");
        let due = ("flowlix_intents_due", "merchant mode due_at");
        let state = ("flowlix_intents_state", "merchant mode state");
        let expected = [
            name, // load
            name, // insert, then the load of its conflict
            name,
            name, // update, and load
            name,
            name, // delete
            due,
            state,
            (due.0, "merchant mode ROW(due_at,"),
            (state.0, "merchant mode state ROW(changed_at,"),
        ];
        assert_eq!(seen.len(), expected.len());
        for ((statement, plan), (index, condition)) in seen.into_iter().zip(expected) {
            if statement.contains("INSERT") {
                assert!(
                    plan.contains("Conflict Arbiter Indexes: flowlix_intents_pkey"),
                    "{plan}"
                );
                continue;
            }
            assert_by_index(&plan, index, condition);
            assert_by_index(&generic(&client, &statement).await, index, condition);
        }
    }
    database.close().await;
}

#[tokio::test]
async fn a_page_is_what_the_scan_says_among_many() {
    let Some(database) = Database::new("pages").await else {
        return;
    };
    let store = database.store().await;
    let _ = DeadpoolExecutor(database.deadpool());
    database.run(FINISHED).await;
    let scope = Scope::new("shop", Mode::Live);
    let mut seen: Vec<StoredRecord> = Vec::new();
    loop {
        let after = seen.last().and_then(ScanCursor::behind_due);
        let page = store
            .due(&scope, i64::MAX, after.as_ref(), 99)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    let keys: Vec<String> = seen.into_iter().map(|record| record.id.key).collect();
    let expected: Vec<String> = (1..=500).map(|number| format!("open-{number}")).collect();
    assert_eq!(keys, expected);
    database.close().await;
}
