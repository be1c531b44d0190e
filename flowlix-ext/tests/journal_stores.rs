//! Every journal keeps the same promises, and those on a disk keep them beyond the process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use flowlix_ext::journal::{
    Journal, JournalError, JournalFuture, MemoryJournal, Record, RecordId, SECRET_LENGTH, Scope,
    UnreadableRecord, Unsettled, conformance,
};

#[tokio::test]
async fn memory_conforms() {
    common::watch::everything();
    conformance::check(&MemoryJournal::new()).await.unwrap();
}

/// Breaks one promise at a time, so that the suite is known to notice.
struct Careless(MemoryJournal, &'static str);

impl Journal for Careless {
    fn secret(&self, proposal: [u8; SECRET_LENGTH]) -> JournalFuture<'_, [u8; SECRET_LENGTH]> {
        match self.1 {
            "secret" => Box::pin(async move { Ok(proposal) }),
            _ => self.0.secret(proposal),
        }
    }
    fn load<'a>(&'a self, id: &'a RecordId) -> JournalFuture<'a, Option<Record>> {
        Box::pin(async move {
            let mut record = self.0.load(id).await?;
            if let ("reason", Some(record)) = (self.1, &mut record) {
                record.reason = record.reason.take().filter(|reason| !reason.is_empty());
            }
            Ok(record)
        })
    }
    fn store<'a>(&'a self, record: &'a Record) -> JournalFuture<'a, bool> {
        Box::pin(async move {
            let mut record = record.clone();
            match self.1 {
                "overwrite" => {
                    let stored = self.0.load(&record.id).await?;
                    record.version = stored.map_or(1, |stored| stored.version + 1);
                }
                "key case" => record.id.key = record.id.key.to_lowercase(),
                "refunds apart" if record.operation == "create_refund" => {
                    record.id.key.push_str(" of a refund");
                }
                "always true" => return self.0.store(&record).await.map(|_| true),
                _ => {}
            }
            self.0.store(&record).await
        })
    }
    fn unsettled<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a RecordId>,
        limit: u32,
    ) -> JournalFuture<'a, Vec<Unsettled>> {
        match self.1 {
            "forgets a page" => Box::pin(async move {
                let mut page = self.0.unsettled(scope, after, limit).await?;
                page.pop();
                Ok(page)
            }),
            "reads nothing" => Box::pin(async move {
                let page = self.0.unsettled(scope, after, limit).await?;
                let lost = |record: Record| {
                    UnreadableRecord::new(record.id, JournalError::new("cannot be read"))
                };
                Ok(page
                    .into_iter()
                    .map(|entry| entry.and_then(|record| Err(lost(record))))
                    .collect())
            }),
            "no limit" => self.0.unsettled(scope, after, u32::MAX),
            _ => self.0.unsettled(scope, after, limit),
        }
    }
    fn prune<'a>(&'a self, scope: &'a Scope, changed_before: i64) -> JournalFuture<'a, u64> {
        let changed_before = if self.1 == "prunes too much" {
            i64::MAX
        } else {
            changed_before
        };
        self.0.prune(scope, changed_before)
    }
}

#[tokio::test]
async fn the_suite_notices_what_a_careless_journal_does() {
    common::watch::everything();
    assert!(
        conformance::check(&Careless(MemoryJournal::new(), "nothing"))
            .await
            .is_ok()
    );
    for carelessness in [
        "secret",
        "reason",
        "overwrite",
        "key case",
        "refunds apart",
        "always true",
        "forgets a page",
        "no limit",
        "reads nothing",
        "prunes too much",
    ] {
        let journal = Careless(MemoryJournal::new(), carelessness);
        let broken = conformance::check(&journal).await;
        assert!(broken.is_err(), "{carelessness} went unnoticed");
    }
}

/// Crash, restart, recover, with a journal that outlives the process; `open` opens it anew each time.
#[cfg(any(feature = "journal-sqlite", feature = "journal-postgres"))]
mod durable {
    use std::time::Duration;

    use flowlix_ext::journal::{Journal, Record, RecordId, Recovery, Scope, Truth, conformance};
    use flowlix_ext::payments::CreateDirect;
    use flowlix_ext::{ErrorKind, Flowlix, IdempotencyKey, Mode};
    use flowlix_sandbox::{Fault, Operation};

    use crate::common::journal::{pay, restarted, restarted_with};
    use crate::common::{DIALECTS, Stage};

    pub(crate) async fn survives<J, F>(account: &str, open: impl Fn() -> F)
    where
        J: Journal + 'static,
        F: Future<Output = J>,
    {
        let record: Record = conformance::sample(
            flowlix_ext::journal::Scope::new(account, flowlix_ext::Mode::Test),
            "k",
        );
        let first = open().await;
        let secret = first.secret([3; 32]).await.unwrap();
        assert!(first.store(&record).await.unwrap());
        drop(first);
        let second = open().await;
        assert_eq!(second.load(&record.id).await.unwrap(), Some(record));
        assert_eq!(second.secret([4; 32]).await.unwrap(), secret);
    }

    pub(crate) async fn recovers<J, F>(prefix: &str, open: impl Fn() -> F)
    where
        J: Journal + 'static,
        F: Future<Output = J>,
    {
        for dialect in DIALECTS {
            let stage = Stage::new(dialect).await;
            let key = IdempotencyKey::custom(format!("{prefix}-{dialect:?}")).unwrap();
            let before = restarted(&stage, open().await);
            stage
                .sandbox
                .inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 1);
            let lost = pay(&before).idempotency_key(key.clone()).max_attempts(1);
            assert_eq!(lost.await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
            drop(before);
            stage.sandbox.settle();
            stage.time.advance(Duration::from_secs(65));

            let after = restarted(&stage, open().await);
            let recovery = after.recover().await.unwrap();
            let write = recovery
                .writes
                .iter()
                .find(|write| write.record.id.key == key.as_str());
            let Truth::Charged(payment) = &write.unwrap().truth else {
                panic!("{:?}", recovery.writes);
            };
            let again = pay(&restarted(&stage, open().await)).idempotency_key(key);
            let again = again.await.unwrap();
            assert!(again.receipt().is_from_journal());
            assert_eq!(again.id, payment.id);
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }

    fn pay_with(flowlix: &Flowlix, key: &str) -> CreateDirect {
        let key = IdempotencyKey::custom(key).unwrap();
        pay(flowlix).idempotency_key(key).max_attempts(1)
    }

    async fn lose_the_answer(stage: &Stage, flowlix: &Flowlix, key: &str) {
        let operation = Operation::CreateDirectPayment;
        stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
        let lost = pay_with(flowlix, key).await;
        assert!(lost.unwrap_err().outcome_unknown());
        stage.sandbox.settle();
    }

    /// The keys of the writes that were charged, and those of the records that cannot be read.
    fn told(recovery: &Recovery) -> (Vec<&str>, Vec<&str>) {
        let charged = recovery.writes.iter();
        let charged = charged.filter(|write| matches!(write.truth, Truth::Charged(_)));
        let charged = charged.map(|write| write.record.id.key.as_str()).collect();
        let unreadable = recovery.unreadable.iter();
        (charged, unreadable.map(|record| &*record.id.key).collect())
    }

    /// `overwrite` puts another text into a row.
    pub(crate) async fn tells_the_rest<J, F>(
        open: impl Fn() -> F,
        overwrite: impl AsyncFn(&RecordId, &str),
    ) where
        J: Journal + 'static,
        F: Future<Output = J>,
    {
        for dialect in DIALECTS {
            let stage = Stage::new(dialect).await;
            let (journal, account) = (open().await, format!("{dialect:?}"));
            let scope = Scope::new(&account, Mode::Test);
            let id = |key: &str| RecordId::new(scope.clone(), key);
            let shared = open().await;
            let flowlix = restarted_with(&stage, |builder| {
                builder.journal(shared).journal_account(&account)
            });
            for key in ["a", "m", "n", "o", "z"] {
                lose_the_answer(&stage, &flowlix, key).await;
            }
            let mut whole = Vec::new();
            for key in ["m", "n", "o"] {
                whole.push(journal.load(&id(key)).await.unwrap().unwrap());
            }
            let later = whole[1].to_json().unwrap().replace("in_doubt", "half_done");
            overwrite(&id("m"), "{").await;
            overwrite(&id("n"), &later).await;
            overwrite(&id("o"), &whole[0].to_json().unwrap()).await;

            let recovery = flowlix.recover().await.unwrap();
            assert_eq!(told(&recovery), (vec!["a", "z"], vec!["m", "n", "o"]));
            assert_eq!(recovery.still_unknown().count(), 0);
            assert!(!recovery.is_complete(), "three are not known");
            assert_eq!(
                recovery.unreadable[0].to_string(),
                "a write with key m: still unknown, look for it by hand: \
                 a stored record cannot be read at line 1 column 1"
            );

            // Nothing is sent for what is not known, nor is it taken for absent.
            let posts = stage.posts().len();
            for key in ["m", "n", "o"] {
                let error = pay_with(&flowlix, key).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Journal, "{error}");
                assert!(error.may_have_taken_effect() && error.journal_error().is_some());
                let key = IdempotencyKey::custom(key).unwrap();
                let error = flowlix.journal_record(&key).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Journal, "{error}");
            }
            assert_eq!(stage.posts().len(), posts);

            // It is listed in its place, and so is what comes after it, also on the pages of recover().
            let mut after = None;
            for key in ["m", "n", "o"] {
                let page = journal.unsettled(&scope, after.as_ref(), 1).await.unwrap();
                let [Err(unreadable)] = &page[..] else {
                    panic!("{page:?}");
                };
                assert_eq!(unreadable.id, id(key));
                after = Some(unreadable.id.clone());
            }
            for number in 0..99 {
                let record = conformance::sample(scope.clone(), &format!("b-{number:02}"));
                assert!(journal.store(&record).await.unwrap());
            }
            lose_the_answer(&stage, &flowlix, "y").await;
            let recovery = flowlix.recover().await.unwrap();
            assert_eq!(recovery.writes.len(), 100);
            assert_eq!(told(&recovery), (vec!["y"], vec!["m", "n", "o"]));

            for record in &whole {
                overwrite(&record.id, &record.to_json().unwrap()).await;
            }
            let recovery = flowlix.recover().await.unwrap();
            assert_eq!(told(&recovery), (vec!["m", "n", "o"], vec![]));
            assert_eq!(stage.posts().len(), 6);
            assert_eq!(stage.payments_and_charges(), (6, 6));
        }
    }
}

#[cfg(feature = "journal-sqlite")]
mod sqlite {
    use flowlix_ext::journal::{Journal, RecordId, SqliteJournal, conformance, rusqlite};
    use flowlix_ext::{ErrorKind, Flowlix, IdempotencyKey};

    use crate::common::databases::Folder;
    use crate::common::journal::{pay, restarted};
    use crate::common::{DIALECTS, Stage, VISA};
    use crate::durable;

    fn holds(bytes: &[u8], text: &str) -> bool {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    }

    #[tokio::test]
    async fn it_conforms_and_survives() {
        let folder = Folder::new("conforms");
        let journal = SqliteJournal::open(folder.file()).unwrap();
        conformance::check(&journal).await.unwrap();
        let folder = Folder::new("survives");
        let open = || async { SqliteJournal::open(folder.file()).unwrap() };
        durable::survives("survives", open).await;
        durable::recovers("order", open).await;
    }

    /// Puts something else into a row.
    fn overwrite(folder: &Folder, id: &RecordId, json: impl rusqlite::ToSql) {
        let connection = rusqlite::Connection::open(folder.file()).unwrap();
        let statement = "UPDATE record SET json = ?1 WHERE account = ?2 AND mode = ?3 AND key = ?4";
        let values = rusqlite::params![json, id.scope.account, id.scope.mode_text(), id.key];
        assert_eq!(connection.execute(statement, values).unwrap(), 1);
    }

    #[tokio::test]
    async fn one_record_that_cannot_be_read_does_not_hide_the_others() {
        let folder = Folder::new("unreadable");
        let open = || async { SqliteJournal::open(folder.file()).unwrap() };
        let change = async |id: &RecordId, json: &str| overwrite(&folder, id, json);
        durable::tells_the_rest(open, change).await;

        // What is no text at all is one, too.
        let journal = open().await;
        let scope = flowlix_ext::journal::Scope::new("bytes", flowlix_ext::Mode::Test);
        for key in ["a", "b"] {
            let record = conformance::sample(scope.clone(), key);
            assert!(journal.store(&record).await.unwrap());
        }
        let id = RecordId::new(scope.clone(), "a");
        overwrite(&folder, &id, [0xff_u8].as_slice());
        let listed = journal.unsettled(&scope, None, 9).await.unwrap();
        let [Err(unreadable), Ok(_)] = &listed[..] else {
            panic!("{listed:?}");
        };
        assert_eq!(unreadable.id, id);
        assert!(unreadable.error.cause().unwrap().is::<rusqlite::Error>());
    }

    #[tokio::test]
    async fn two_connections_share_one_file() {
        let folder = Folder::new("shared");
        let one = SqliteJournal::open(folder.file()).unwrap();
        let other = SqliteJournal::open(folder.file()).unwrap();
        let record = conformance::sample(
            flowlix_ext::journal::Scope::new("", flowlix_ext::Mode::Test),
            "k",
        );
        let (first, second) = tokio::join!(one.store(&record), other.store(&record));
        assert_ne!(first.unwrap(), second.unwrap(), "one of them was first");
        assert_eq!(other.load(&record.id).await.unwrap(), Some(record));
    }

    #[tokio::test]
    async fn many_may_open_it_for_the_first_time_and_one_wins() {
        let folder = Folder::new("first");
        let all_at_once = std::sync::Barrier::new(16);
        let open = || {
            all_at_once.wait();
            SqliteJournal::open(folder.file()).unwrap()
        };
        let journals: Vec<SqliteJournal> = std::thread::scope(|scope| {
            let opening: Vec<_> = (0..16).map(|_| scope.spawn(open)).collect();
            let opened = opening.into_iter().map(|opening| opening.join().unwrap());
            opened.collect()
        });
        let scope = flowlix_ext::journal::Scope::new("", flowlix_ext::Mode::Test);
        let record = conformance::sample(scope, "k");
        let mut stored = 0;
        for journal in &journals {
            stored += u32::from(journal.store(&record).await.unwrap());
        }
        assert_eq!(stored, 1);
    }

    #[tokio::test]
    async fn no_byte_of_the_file_is_a_secret() {
        for dialect in DIALECTS {
            let folder = Folder::new(&format!("secrets-{dialect:?}"));
            let stage = Stage::new(dialect).await;
            let flowlix = restarted(&stage, SqliteJournal::open(folder.file()).unwrap());
            let canary = "98765";
            let card =
                flowlix_ext::CardDetails::new(VISA, 12, 2027, crate::common::CVC, "Jenny Canary");
            let payment = flowlix
                .payments()
                .create_direct(flowlix_ext::Money::eur(49_99), card)
                .return_url(format!("https://shop.example.com/{canary}"))
                .idempotency_key(IdempotencyKey::custom("order-1234").unwrap())
                .await
                .unwrap();
            let bytes = folder.bytes();
            assert!(holds(&bytes, payment.id.as_str()) && holds(&bytes, "order-1234"));
            let key = stage.sandbox.key(dialect);
            for secret in [
                VISA,
                &VISA[..8],
                &VISA[4..15],
                "Jenny Canary",
                canary,
                key,
                &key[12..],
            ] {
                assert!(!holds(&bytes, secret), "{secret}");
            }
            // Three digits stand in many a hash: the security code is looked for as a word.
            assert_eq!(crate::common::secrets::leak_in_bytes(&bytes), None);
        }
    }

    #[tokio::test]
    async fn a_file_that_is_none_is_refused_by_name() {
        let folder = Folder::new("none");
        std::fs::write(
            folder.file(),
            "this is not a database, it is a letter to my aunt",
        )
        .unwrap();
        let error = SqliteJournal::open(folder.file()).unwrap_err();
        let path = folder.file().display().to_string();
        let expected = format!("the journal's file {path} cannot be used: file is not a database");
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert!(error.cause().unwrap().is::<rusqlite::Error>());
        assert!(std::error::Error::source(&error).is_none(), "told already");
        let nowhere = folder.path().join("no/such/folder");
        let error = SqliteJournal::open(&nowhere).unwrap_err().to_string();
        let expected = format!("the journal's file {} cannot be made: ", nowhere.display());
        assert!(error.starts_with(&expected), "{error}");
        assert!(error.len() > expected.len(), "{error}");
    }

    #[test]
    fn a_new_file_is_opened_by_many_at_once() {
        for round in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            let folder = Folder::new(&format!("opened-{round}"));
            let together = std::sync::Barrier::new(8);
            std::thread::scope(|threads| {
                let open = || {
                    together.wait();
                    SqliteJournal::open(folder.file())
                };
                let opened: Vec<_> = (0..8).map(|_| threads.spawn(open)).collect();
                for opened in opened {
                    opened.join().unwrap().unwrap();
                }
            });
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new("owner");
        SqliteJournal::open(folder.file()).unwrap();
        let mode = std::fs::metadata(folder.file())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_file_that_is_ruined_keeps_payments_from_being_sent() {
        for dialect in DIALECTS {
            let folder = Folder::new(&format!("full-{dialect:?}"));
            let stage = Stage::new(dialect).await;
            let journal = SqliteJournal::open(folder.file()).unwrap();
            ruin(&folder);
            let flowlix: Flowlix = restarted(&stage, journal);
            let error = pay(&flowlix).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Journal, "{error}");
            let path = folder.file().display().to_string();
            let line = error.to_string();
            assert_eq!(line.matches(&path).count(), 1, "{line}");
            assert!(line.contains("file is not a database"), "{line}");
            assert!(std::error::Error::source(&error).is_none(), "told already");
            assert!(error.journal_error().unwrap().cause().is_some());
            assert!(stage.posts().is_empty());
        }
    }

    /// Takes the tables away from under the journal.
    fn ruin(folder: &Folder) {
        for name in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"] {
            let path = folder.path().join(name);
            if let Ok(metadata) = std::fs::metadata(&path) {
                std::fs::write(&path, vec![0_u8; usize::try_from(metadata.len()).unwrap()])
                    .unwrap();
            }
        }
    }
}

/// Against a server, where one answers.
#[cfg(feature = "journal-postgres")]
mod postgres {
    use std::time::Duration;

    use flowlix_ext::journal::tokio_postgres::types::ToSql;
    use flowlix_ext::journal::tokio_postgres::{Config, NoTls};
    use flowlix_ext::journal::{Journal, PostgresJournal, RecordId, conformance};

    use crate::common::databases::Schema;
    use crate::durable;

    #[tokio::test]
    async fn it_conforms_and_survives() {
        let Some(schema) = Schema::new("conforms").await else {
            return;
        };
        conformance::check(&schema.open().await).await.unwrap();
        schema.close().await;
        let schema = Schema::new("survives").await.unwrap();
        durable::survives("survives", || schema.open()).await;
        durable::recovers("order", || schema.open()).await;
        schema.close().await;
    }

    #[tokio::test]
    async fn many_may_open_it_for_the_first_time_and_one_wins() {
        let Some(schema) = Schema::new("first").await else {
            return;
        };
        let opening = (0..8).map(|_| {
            let config = schema.config();
            tokio::spawn(PostgresJournal::connect(config, NoTls))
        });
        let opening: Vec<_> = opening.collect();
        let scope = flowlix_ext::journal::Scope::new("", flowlix_ext::Mode::Test);
        let record = conformance::sample(scope, "k");
        let mut stored = 0;
        for journal in opening {
            let journal = journal.await.unwrap().unwrap();
            stored += u32::from(journal.store(&record).await.unwrap());
        }
        assert_eq!(stored, 1);
        schema.close().await;
    }

    #[tokio::test]
    async fn one_record_that_cannot_be_read_does_not_hide_the_others() {
        let Some(schema) = Schema::new("unreadable").await else {
            return;
        };
        let change = async |id: &RecordId, json: &str| {
            let statement = format!(
                "UPDATE {}.flowlix_journal SET json = $1 WHERE account = $2 AND mode = $3 AND key = $4",
                schema.name()
            );
            let mode = id.scope.mode_text();
            let values: [&(dyn ToSql + Sync); 4] = [&json, &id.scope.account, &mode, &id.key];
            let changed = schema.admin().execute(&statement, &values).await;
            assert_eq!(changed.unwrap(), 1);
        };
        durable::tells_the_rest(|| schema.open(), change).await;
        schema.close().await;
    }

    #[tokio::test]
    async fn a_lost_connection_is_made_anew() {
        let Some(schema) = Schema::new("lost").await else {
            return;
        };
        let journal = schema.open().await;
        let secret = journal.secret([5; 32]).await.unwrap();
        let ended = schema
            .admin()
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE pid <> pg_backend_pid() AND application_name = $1",
                &[&schema.name()],
            )
            .await
            .unwrap();
        assert_eq!(ended, 1);
        // The statement that meets the end may fail; the ones after it do not.
        let mut again = journal.secret([6; 32]).await;
        for _ in 0..3 {
            if again.is_ok() {
                break;
            }
            again = journal.secret([6; 32]).await;
        }
        assert_eq!(again.unwrap(), secret);
        schema.close().await;
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_an_error_in_words() {
        crate::common::watch::everything();
        let mut config = Config::new();
        config.host("127.0.0.1").port(1).user("nobody");
        config.connect_timeout(Duration::from_secs(2));
        let error = PostgresJournal::connect(config, NoTls).await.unwrap_err();
        let line = error.to_string();
        let expected = "the journal's database cannot be reached: error connecting to server: ";
        assert!(
            line.starts_with(expected) && line.len() > expected.len(),
            "{line}"
        );
    }
}
