//! What is in a statement's text, which servers and poolers write to their logs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use flowlix_ext::intents::store::postgres::{PostgresExecutor, PostgresFuture, PostgresValue};
use flowlix_ext::intents::store::{PostgresStore, conformance};

use super::deadpool::DeadpoolExecutor;
use super::server::Database;

/// Keeps the text of every statement.
struct Listening {
    inner: DeadpoolExecutor,
    heard: Arc<Mutex<BTreeSet<String>>>,
}

impl PostgresExecutor for Listening {
    fn execute<'a>(
        &'a self,
        statement: &'a str,
        parameters: &'a [PostgresValue],
    ) -> PostgresFuture<'a> {
        self.heard.lock().unwrap().insert(statement.to_owned());
        for shown in [format!("{parameters:?}"), format!("{parameters:#?}")] {
            let names = ["Text(..)", "Bigint(..)", "Bytea(..)"];
            let rest = names
                .iter()
                .fold(shown, |shown, name| shown.replace(name, ""));
            assert!(!rest.contains(char::is_alphanumeric), "{rest}");
        }
        self.inner.execute(statement, parameters)
    }
}

#[tokio::test]
async fn no_statement_holds_a_value() {
    let Some(database) = Database::new("statements").await else {
        return;
    };
    let heard = Arc::default();
    let store = PostgresStore::new(Listening {
        inner: DeadpoolExecutor(database.deadpool()),
        heard: Arc::clone(&heard),
    });
    store.migrate().await.unwrap();
    conformance::check(&store).await.unwrap();
    // Thousands of records, and ten texts: what is in them depends on no record.
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 10, "{heard:#?}");
    for session in ["SET ", "LISTEN", "PREPARE", "BEGIN;", "TEMP"] {
        assert!(
            heard
                .iter()
                .all(|text| text.starts_with("DO ") || !text.contains(&format!("\n{session}"))),
            "{session}"
        );
        assert!(
            !heard.iter().any(|text| text.starts_with(session)),
            "{session}"
        );
    }
    database.close().await;
}
