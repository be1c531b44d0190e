//! What is in a statement's text, which servers and poolers write to their logs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use flowlix_ext::intents::Intents;
use flowlix_ext::intents::store::postgres::{PostgresExecutor, PostgresFuture, PostgresValue};
use flowlix_ext::intents::store::{PostgresStore, conformance};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Flowlix, Money};
use flowlix_sandbox::Sandbox;

use super::deadpool::DeadpoolExecutor;
use super::server::Database;
use crate::common::{DIALECTS, card, secrets};

/// Keeps the text of every statement, and looks for card data in the parameters.
struct Listening {
    inner: DeadpoolExecutor,
    heard: Arc<Mutex<BTreeSet<String>>>,
    of_payments: bool,
}

fn assert_no_card_data(parameters: &[PostgresValue]) {
    for value in parameters {
        let leak = match value {
            PostgresValue::Text(text) => secrets::leak(text),
            PostgresValue::Bytea(bytes) => secrets::leak_in_bytes(bytes),
            PostgresValue::Bigint(_) => None,
        };
        assert_eq!(leak, None);
    }
}

impl PostgresExecutor for Listening {
    fn execute<'a>(
        &'a self,
        statement: &'a str,
        parameters: &'a [PostgresValue],
    ) -> PostgresFuture<'a> {
        self.heard.lock().unwrap().insert(statement.to_owned());
        if self.of_payments {
            assert_no_card_data(parameters);
        }
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

async fn listening(
    database: &Database,
    of_payments: bool,
) -> (PostgresStore, Arc<Mutex<BTreeSet<String>>>) {
    let heard = Arc::default();
    let store = PostgresStore::new(Listening {
        inner: DeadpoolExecutor(database.deadpool()),
        heard: Arc::clone(&heard),
        of_payments,
    });
    store.migrate().await.unwrap();
    (store, heard)
}

#[tokio::test]
async fn no_statement_holds_a_value() {
    let Some(database) = Database::new("statements").await else {
        return;
    };
    let (store, heard) = listening(&database, false).await;
    conformance::check(&store).await.unwrap();
    // Thousands of records, and ten texts: what is in them depends on no record.
    let heard = std::mem::take(&mut *heard.lock().unwrap());
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

#[tokio::test]
async fn a_payment_leaves_no_card_data_in_the_database() {
    let Some(database) = Database::new("cards").await else {
        return;
    };
    for dialect in DIALECTS {
        let (store, heard) = listening(&database, true).await;
        let sandbox = Sandbox::start().await.unwrap();
        let flowlix = Flowlix::builder(sandbox.key(dialect)).base_url(sandbox.base_url());
        let flowlix = flowlix.runtime(ManualTime::automatic());
        let intents = Intents::builder(flowlix.build().unwrap(), store)
            .merchant(format!("{dialect:?}"))
            .build()
            .unwrap();
        for (reference, number) in [("order-1", secrets::DECLINED), ("order-1", secrets::VISA)] {
            let intent = intents.intent(reference, Money::eur(49_99));
            let pay = intent
                .pay(card(number))
                .return_url("https://shop.example.com/back");
            pay.await.unwrap();
        }
        assert_eq!(sandbox.ledger().charges(), 1);
        // The texts of `migrate` and of four kinds of calls at most.
        let heard = heard.lock().unwrap().len();
        assert!((4..=6).contains(&heard), "{heard}");
    }
    let all = "SELECT flowlix_intents::text, convert_from(body, 'UTF8') FROM flowlix_intents";
    let rows = database.admin.query(all, &[]).await.unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        for column in 0..2 {
            let text: String = row.get(column);
            assert_eq!(secrets::leak(&text), None, "{text}");
        }
    }
    database.close().await;
}
