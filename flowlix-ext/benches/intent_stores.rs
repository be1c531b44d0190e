//! What a million finished intents cost: the time of each call of a store with some open intents alone, and with a million
//! finished intents beside them; and PostgreSQL's plan for each statement.
//!
//! `.ci/postgres cargo bench -p flowlix-ext --bench intent_stores --features sqlite`. `FLOWLIX_BENCH_INTENTS` sets another
//! number. The connection to PostgreSQL is a socket of the same machine, and the disk is the one of the temporary folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[allow(unreachable_pub)]
#[path = "../docs/postgres/deadpool.rs"]
mod deadpool;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deadpool::DeadpoolExecutor;
use deadpool_postgres::{Manager, Pool};
use flowlix_ext::Mode;
use flowlix_ext::intents::store::postgres::{PostgresExecutor, PostgresFuture, PostgresValue};
use flowlix_ext::intents::store::{
    IntentStore, PostgresStore, RecordId, ScanCursor, Scope, StoredRecord, Swap,
};
use tokio_postgres::NoTls;

const OPEN: u32 = 1000;
const CALLS: usize = 500;
const PAGE: u32 = 100;
const START: i64 = 1_719_792_000_000;
/// Bytes of a finished intent: an attempt, its payment and its history.
const BODY: usize = 1000;

type Times = BTreeMap<&'static str, Vec<Duration>>;

fn finished() -> i64 {
    let number = std::env::var("FLOWLIX_BENCH_INTENTS").ok();
    number.map_or(1_000_000, |number| number.parse().unwrap())
}

fn scope() -> Scope {
    Scope::new("my-shop", Mode::Live)
}

fn record(key: String, version: u64, state: &str, due_at: Option<i64>) -> StoredRecord {
    let id = RecordId::new(scope(), key);
    StoredRecord::new(id, version, state, due_at, START, vec![b'x'; BODY])
}

async fn store(store: &dyn IntentStore, record: &StoredRecord) {
    assert_eq!(store.compare_and_set(record).await.unwrap(), Swap::Stored);
}

async fn fill_open(of: &dyn IntentStore) {
    for number in 0..OPEN {
        let due = START + i64::from(number);
        let open = record(format!("open-{number}"), 1, "processing", Some(due));
        store(of, &open).await;
    }
}

/// One call of each kind, as often as it takes to know what is usual.
async fn measure(of: &dyn IntentStore, round: &str) -> Times {
    let mut times = Times::new();
    let scope = scope();
    let mut time = |name: &'static str, begun: Instant| {
        times.entry(name).or_default().push(begun.elapsed());
    };
    let middle = ScanCursor::behind_change(&record("m".to_owned(), 1, "", None));
    for number in 0..CALLS {
        let open = RecordId::new(
            scope.clone(),
            format!("open-{}", number * 7 % OPEN as usize),
        );
        let begun = Instant::now();
        let held = of.load(&open).await.unwrap().unwrap();
        time("load", begun);

        let first = record(format!("{round}-{number}"), 1, "created", Some(i64::MAX));
        let begun = Instant::now();
        store(of, &first).await;
        time("compare_and_set (first version)", begun);

        let mut next = held.clone();
        next.version += 1;
        let begun = Instant::now();
        store(of, &next).await;
        time("compare_and_set (next version)", begun);

        let begun = Instant::now();
        let conflict = of.compare_and_set(&next).await.unwrap();
        time("compare_and_set (conflict)", begun);
        assert_eq!(conflict, Swap::Conflict(Some(next)));

        let begun = Instant::now();
        let due = of.due(&scope, START + i64::from(OPEN), None, PAGE).await;
        time("due (100 of 1000)", begun);
        assert_eq!(due.unwrap().len(), PAGE as usize);

        let begun = Instant::now();
        let open = of.in_state(&scope, "processing", None, PAGE).await;
        time("in_state (100 of 1000 open)", begun);
        assert_eq!(open.unwrap().len(), PAGE as usize);

        let begun = Instant::now();
        of.in_state(&scope, "paid", Some(&middle), PAGE)
            .await
            .unwrap();
        time("in_state (100 of all paid)", begun);
    }
    times
}

fn print(store: &str, before: &Times, after: &Times) {
    println!(
        "\n{store}: median and 99th percentile in ms, with {OPEN} open intents alone, and with {} finished ones",
        finished()
    );
    println!("| call | alone | | with finished ones | |\n|---|--:|--:|--:|--:|");
    for (name, alone) in before {
        let [alone, beside] = [alone, &after[name]].map(|times| {
            let mut times = times.clone();
            times.sort();
            let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
            format!("{:.2} | {:.2}", at(50), at(99))
        });
        println!("| {name} | {alone} | {beside} |");
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite() {
    use flowlix_ext::intents::store::{SqliteStore, rusqlite};

    let folder = std::env::temp_dir().join(format!("flowlix-bench-stores-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("payments.sqlite");
    let store = SqliteStore::open(&path).unwrap();
    fill_open(&store).await;
    let before = measure(&store, "before").await;
    let mut connection = rusqlite::Connection::open(&path).unwrap();
    let transaction = connection.transaction().unwrap();
    let insert =
        "INSERT INTO flowlix_intents VALUES ('my-shop', 'live', ?1, 5, 'paid', NULL, ?2, ?3)";
    for number in 0..finished() {
        let mut insert = transaction.prepare_cached(insert).unwrap();
        let key = format!("order-{number}");
        let body = vec![b'x'; BODY];
        insert
            .execute(rusqlite::params![key, START + number, body])
            .unwrap();
    }
    transaction.commit().unwrap();
    let after = measure(&store, "after").await;
    print("SQLite", &before, &after);
    println!("{} MB", std::fs::metadata(&path).unwrap().len() / 1_000_000);
    drop((store, connection));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A text with the parameters of its first run.
type Statement = (String, Vec<PostgresValue>);

/// Keeps what it runs.
struct Keeping {
    inner: DeadpoolExecutor,
    kept: Arc<Mutex<Vec<Statement>>>,
}

impl PostgresExecutor for Keeping {
    fn execute<'a>(
        &'a self,
        statement: &'a str,
        parameters: &'a [PostgresValue],
    ) -> PostgresFuture<'a> {
        let mut kept = self.kept.lock().unwrap();
        if kept.iter().all(|(known, _)| known != statement) {
            kept.push((statement.to_owned(), parameters.to_vec()));
        }
        self.inner.execute(statement, parameters)
    }
}

async fn postgres(config: tokio_postgres::Config) {
    let pool = Pool::builder(Manager::new(config, NoTls)).build().unwrap();
    let schema = format!("flowlix_bench_{}", std::process::id());
    let kept = Arc::default();
    let executor = Keeping {
        inner: DeadpoolExecutor(pool.clone()),
        kept: Arc::clone(&kept),
    };
    let store = PostgresStore::new(executor).schema(&schema).unwrap();
    store.migrate().await.unwrap();
    fill_open(&store).await;
    let before = measure(&store, "before").await;
    let client = pool.get().await.unwrap();
    let fill = format!(
        "INSERT INTO {schema}.flowlix_intents
         SELECT 'my-shop', 'live', 'order-' || n, 5, 'paid', NULL, {START} + n, convert_to(repeat('x', {BODY}), 'UTF8')
         FROM generate_series(0, {} - 1) AS n",
        finished()
    );
    client.batch_execute(&fill).await.unwrap();
    // Autovacuum does so within a minute.
    let vacuum = format!("VACUUM ANALYZE {schema}.flowlix_intents");
    client.batch_execute(&vacuum).await.unwrap();
    let after = measure(&store, "after").await;
    print("PostgreSQL", &before, &after);
    let size = format!("SELECT pg_total_relation_size('{schema}.flowlix_intents') / 1000000");
    let size: i64 = client.query_one(&size, &[]).await.unwrap().get(0);
    println!("{size} MB");
    let kept = std::mem::take(&mut *kept.lock().unwrap());
    plans(&pool, &kept).await;
    let drop = format!("DROP SCHEMA {schema} CASCADE");
    client.batch_execute(&drop).await.unwrap();
}

async fn plans(pool: &Pool, kept: &[Statement]) {
    let client = pool.get().await.unwrap();
    for (statement, parameters) in kept {
        if !statement.starts_with("WITH") {
            continue;
        }
        let values = parameters.iter().map(|value| match value {
            PostgresValue::Text(text) => format!("'{text}'"),
            PostgresValue::Bigint(Some(number)) => number.to_string(),
            PostgresValue::Bigint(None) => "NULL".to_owned(),
            PostgresValue::Bytea(_) => "''".to_owned(),
        });
        let values: Vec<String> = values.collect();
        let explain = format!(
            "BEGIN; SET LOCAL plan_cache_mode = force_custom_plan; PREPARE it AS {statement};
             EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) EXECUTE it({}); ROLLBACK; DEALLOCATE it",
            values.join(", ")
        );
        println!(
            "\n{}",
            statement.split_whitespace().collect::<Vec<_>>().join(" ")
        );
        for message in client.simple_query(&explain).await.unwrap() {
            if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
                println!("    {}", row.get(0).unwrap_or_default());
            }
        }
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    #[cfg(feature = "sqlite")]
    runtime.block_on(sqlite());
    match std::env::var("FLOWLIX_TEST_POSTGRES") {
        Ok(server) => runtime.block_on(postgres(server.parse().unwrap())),
        Err(_) => println!("no PostgreSQL: run this with .ci/postgres"),
    }
}
