//! What the SDK writes down: no byte of it gives a secret away, and nothing of it depends on one.

use std::sync::{Arc, Mutex};

use flowlix_ext::journal::{Journal, MemoryJournal, Record};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{CardDetails, IdempotencyKey, Money};
use flowlix_sandbox::{Dialect, Fault, Operation, Sandbox};

use crate::common::secrets::{self, AMEX, CVC, DECLINED, THREE_D_SECURE, VISA, is_card};
use crate::common::{DIALECTS, watch};
use crate::journal::Noting;
use crate::{builder, card};

/// Stands in every record, so that an empty file proves nothing.
const ORDER: &str = "order-on-disk";

/// Writes of every kind and end: accepted, declined, waiting for the customer, lost, refused, repeated, refunded.
async fn write_everything(journal: impl Journal + Clone + 'static, dialect: Dialect) {
    let sandbox = Sandbox::start().await.unwrap();
    let time = ManualTime::automatic();
    let flowlix = builder(&sandbox, dialect, &time)
        .journal(journal.clone())
        .journal_account(format!("{dialect:?}"))
        .build()
        .unwrap();
    let at = Operation::CreateDirectPayment;
    for (number, fault) in [
        (VISA, None),
        (AMEX, None),
        (DECLINED, None),
        (THREE_D_SECURE, None),
        (AMEX, Some((Fault::LoseAnswer, 4))),
        (VISA, Some((Fault::status(503), 4))),
        (VISA, Some((Fault::status(422), 1))),
        (VISA, Some((Fault::Garbage, 1))),
    ] {
        let key = IdempotencyKey::derive(ORDER, [number, &format!("{fault:?}")]).unwrap();
        if let Some((fault, times)) = fault {
            sandbox.inject_at(at, fault, times);
        }
        let create = || {
            let payments = flowlix.payments();
            let create = payments.create_direct(Money::eur(49_99), card(number));
            let create = create
                .return_url("https://shop.example.com/3ds")
                .description(ORDER);
            create.idempotency_key(key.clone())
        };
        let _: Result<_, _> = create().await;
        sandbox.clear_faults();
        // With another card under the same key, and once more as it was.
        let payments = flowlix.payments();
        let other = payments.create_direct(Money::eur(1), card(AMEX));
        let _: Result<_, _> = other.idempotency_key(key.clone()).await;
        if let Ok(payment) = create().await {
            let _: Result<_, _> = flowlix.payments().wait(&payment.id).await;
            let refund = flowlix
                .refunds()
                .create(&payment.id)
                .reason("late")
                .amount(1);
            let _: Result<_, _> = refund.await;
        }
    }
    time.advance(std::time::Duration::from_secs(3600));
    let _: Result<_, _> = flowlix.recover().await;
}

/// The record of a payment with this card as it was first stored.
async fn first_record(dialect: Dialect, number: &str, cvc: &str) -> Record {
    let sandbox = Sandbox::start().await.unwrap();
    let noted = Arc::<Mutex<Vec<Record>>>::default();
    let journal = Noting(MemoryJournal::new(), noted.clone());
    let flowlix = builder(&sandbox, dialect, &ManualTime::automatic())
        .journal(journal)
        .build()
        .unwrap();
    let card = CardDetails::new(number, 12, 2027, cvc, "Jenny Rosen");
    let create = flowlix.payments().create_direct(Money::eur(49_99), card);
    let create = create.idempotency_key(IdempotencyKey::custom(ORDER).unwrap());
    create
        .return_url("https://shop.example.com/3ds")
        .await
        .unwrap();
    let mut record = noted.lock().unwrap()[0].clone();
    // A random name of the client.
    record.holder = String::new();
    record
}

/// The strongest there is: from what does not depend on a secret nobody can guess it.
#[tokio::test]
async fn a_record_does_not_depend_on_what_is_hidden_of_the_card() {
    watch::everything();
    let like_visa = (0..10_000)
        .map(|middle| format!("41117365{middle:04}1111"))
        .find(|number| is_card(number))
        .unwrap();
    for dialect in DIALECTS {
        let one = first_record(dialect, VISA, CVC).await;
        let other = first_record(dialect, &like_visa, "521").await;
        assert_eq!(one, other);
        let last4 = first_record(dialect, DECLINED, CVC).await;
        assert_ne!(one, last4, "the last four digits do count");
    }
}

#[tokio::test]
async fn no_record_is_given_a_secret_to_keep() {
    watch::everything();
    for dialect in DIALECTS {
        let noted = Arc::<Mutex<Vec<Record>>>::default();
        let journal = Arc::new(Noting(MemoryJournal::new(), noted.clone()));
        write_everything(journal, dialect).await;
        let noted = noted.lock().unwrap();
        assert!(noted.len() > 16, "{}", noted.len());
        for record in noted.iter() {
            let text = record.to_json().unwrap();
            assert_eq!(secrets::leak_in_bytes(text.as_bytes()), None, "{text}");
        }
    }
}

#[cfg(feature = "journal-sqlite")]
mod sqlite {
    use std::path::Path;

    use super::{ORDER, write_everything};
    use crate::common::databases::Folder;
    use crate::common::{DIALECTS, secrets, watch};
    use crate::shown::{Shown, show};
    use crate::webhooks;

    fn assert_silent(folder: &Path, files: usize) {
        let paths = std::fs::read_dir(folder).unwrap();
        let paths: Vec<_> = paths.map(|entry| entry.unwrap().path()).collect();
        assert_eq!(paths.len(), files, "{paths:?}");
        let mut orders = 0;
        for path in paths {
            let bytes = std::fs::read(&path).unwrap();
            let order = ORDER.as_bytes();
            orders += bytes
                .windows(order.len())
                .filter(|text| *text == order)
                .count();
            let leak = secrets::leak_in_bytes(&bytes);
            assert!(leak.is_none(), "{}: {leak:?}", path.display());
        }
        assert!(orders > 8, "the files hold {orders} orders");
    }

    #[tokio::test]
    async fn no_byte_of_sqlites_files_is_a_secret() {
        watch::everything();
        let folder = Folder::new("disk");
        let journal = folder.open().await;
        for dialect in DIALECTS {
            write_everything(journal.clone(), dialect).await;
        }
        let mut shown = Shown::default();
        webhooks::inbox(&mut shown, journal.clone()).await;
        show!(shown, &journal);
        assert!(shown.leaks().is_empty(), "{:?}", shown.leaks());
        // While it is open, with the write-ahead log and its index.
        assert_silent(folder.path(), 3);
        drop(journal);
        // Closed, and all in one file.
        assert_silent(folder.path(), 1);
    }
}

/// Where a PostgreSQL server answers; see the suite of the journals.
#[cfg(feature = "journal-postgres")]
mod postgres {
    use flowlix_ext::journal::PostgresJournal;

    use super::{ORDER, write_everything};
    use crate::common::databases::Schema;
    use crate::common::{DIALECTS, secrets, watch};
    use crate::shown::{Shown, show};
    use crate::webhooks;

    #[tokio::test]
    async fn no_row_of_postgresql_is_a_secret() {
        watch::everything();
        let Some(schema) = Schema::new("canary").await else {
            return;
        };
        let journal: PostgresJournal = schema.open().await;
        for dialect in DIALECTS {
            write_everything(journal.clone(), dialect).await;
        }
        let mut shown = Shown::default();
        webhooks::inbox(&mut shown, journal.clone()).await;
        show!(shown, &journal);
        assert!(shown.leaks().is_empty(), "{:?}", shown.leaks());
        let tables = schema
            .admin()
            .query(
                "SELECT table_name::text FROM information_schema.tables WHERE table_schema = $1",
                &[&schema.name()],
            )
            .await
            .unwrap();
        assert!(tables.len() >= 3, "{tables:?}");
        let mut orders = 0;
        for table in &tables {
            let table: &str = table.get(0);
            // A whole row as text, binary columns in hexadecimal.
            let rows = format!("SELECT t::text FROM {}.{table} t", schema.name());
            for row in schema.admin().query(&rows, &[]).await.unwrap() {
                let text: &str = row.get(0);
                orders += usize::from(text.contains(ORDER));
                assert!(secrets::leak(text).is_none(), "{table}: {text}");
            }
        }
        assert!(orders > 8, "the tables hold {orders} orders");
        schema.close().await;
    }
}
