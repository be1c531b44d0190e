//! The stores of intents, and what is kept in them.

use flowlix_ext::Mode;
use flowlix_ext::intents::store::postgres::{
    PostgresError, PostgresExecutor, PostgresFuture, PostgresRow, PostgresValue,
};
use flowlix_ext::intents::store::{
    IntentStore, MemoryStore, PostgresStore, RecordId, ScanCursor, Scope, StoreError, StoredRecord,
    Swap,
};
use flowlix_ext::runtime::RandomUnavailable;

use crate::common::secrets::{AMEX, VISA};
use crate::shown::{Shown, show};

pub(crate) async fn drive(shown: &mut Shown) {
    let id = RecordId::new(Scope::new("shop", Mode::Test), "order-1234");
    let body = format!("a body shows nothing, not even {VISA}").into_bytes();
    let record = StoredRecord::new(id, 1, "created", Some(1), 1, body);
    show!(shown, &record, &record.id, &record.id.scope);
    show!(shown, &ScanCursor::behind_due(&record).unwrap());
    let store = MemoryStore::new();
    for _ in 0..2 {
        let swap: Swap = store.compare_and_set(&record).await.unwrap();
        show!(shown, &swap);
    }
    show!(shown, &store, &StoreError::new("the disk is full"));
    show!(
        shown,
        &StoreError::caused_by("the disk is full", RandomUnavailable),
        &StoreError::caused_by("the disk is full", std::io::Error::other(AMEX))
    );
    shown.other("flowlix_ext::StoreFuture");
    postgres(shown).await;
    #[cfg(feature = "test-util")]
    suite(shown).await;
    #[cfg(feature = "sqlite")]
    sqlite(shown);
}

/// A server that answers with what it was sent.
struct Echoing;

impl PostgresExecutor for Echoing {
    fn execute<'a>(&'a self, _: &'a str, _: &'a [PostgresValue]) -> PostgresFuture<'a> {
        let words = format!("duplicate key: (merchant, key)=(shop, {AMEX})");
        let error = PostgresError::new(Some("42501".to_owned()), std::io::Error::other(words));
        Box::pin(std::future::ready(Err(error)))
    }
}

async fn postgres(shown: &mut Shown) {
    let body = format!("a body shows nothing, not even {VISA}");
    for value in [
        PostgresValue::Text(body.clone()),
        PostgresValue::Bigint(VISA.parse().ok()),
        PostgresValue::Bytea(body.clone().into_bytes()),
    ] {
        show!(shown, &value);
    }
    show!(
        shown,
        &PostgresRow::new(vec![Some(body.into_bytes()), None])
    );
    show!(shown, &Echoing.execute("", &[]).await.unwrap_err());
    shown.other("flowlix_ext::PostgresFuture");
    let store = PostgresStore::new(Echoing).schema("shop").unwrap();
    show!(shown, &store, &store.migrate().await.unwrap_err());
    shown.text(&store.schema_sql());
    let id = RecordId::new(Scope::new("shop", Mode::Test), AMEX);
    show!(shown, &store.load(&id).await.unwrap_err());
    let refused = PostgresStore::new(Echoing).schema("a\nb").unwrap_err();
    show!(shown, &refused);
}

/// A store that is not empty breaks the first promise.
#[cfg(feature = "test-util")]
async fn suite(shown: &mut Shown) {
    use flowlix_ext::intents::store::conformance;

    let used = MemoryStore::new();
    conformance::check(&used).await.unwrap();
    show!(shown, &conformance::check(&used).await.unwrap_err());
}

#[cfg(feature = "sqlite")]
fn sqlite(shown: &mut Shown) {
    use flowlix_ext::intents::store::SqliteStore;

    let folder = crate::common::databases::Folder::new("stores-shown");
    let path = folder.path().join("payments.sqlite");
    show!(shown, &SqliteStore::open(path).unwrap());
    let nowhere = folder.path().join("none/payments.sqlite");
    show!(shown, &SqliteStore::open(nowhere).unwrap_err());
    let letter = folder.path().join("letter");
    std::fs::write(&letter, AMEX.repeat(99)).unwrap();
    show!(shown, &SqliteStore::open(letter).unwrap_err());
    // Another crate, whose types are its own.
    shown.other("rusqlite");
}
