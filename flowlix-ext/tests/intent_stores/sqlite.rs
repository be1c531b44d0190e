//! A store in a SQLite file: what becomes of the file, and of those who share it.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use flowlix_ext::Mode;
use flowlix_ext::intents::store::{
    IntentStore, RecordId, ScanCursor, Scope, SqliteStore, StoreError, StoredRecord, Swap,
    conformance, rusqlite,
};
use rusqlite::{Connection, params};

use crate::common::databases::Folder;
use crate::common::watch;
use crate::{next, record};

pub(crate) fn file(folder: &Folder) -> PathBuf {
    folder.path().join("payments.sqlite")
}

fn companion(folder: &Folder, suffix: &str) -> PathBuf {
    let mut name = file(folder).into_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

async fn stored(store: &SqliteStore, record: &StoredRecord) {
    assert_eq!(store.compare_and_set(record).await.unwrap(), Swap::Stored);
}

/// The problem that an error names behind the file, on one line.
#[track_caller]
pub(crate) fn problem(error: &StoreError, path: &Path) -> String {
    let line = error.to_string();
    let beginning = format!("the store's file {} ", path.display());
    assert!(!line.contains('\n'), "{line}");
    match line.strip_prefix(&beginning) {
        Some(problem) => problem.to_owned(),
        None => panic!("{line}"),
    }
}

#[tokio::test]
async fn a_sqlite_store_conforms() {
    let folder = Folder::new("intents-conforms");
    let store = SqliteStore::open(file(&folder)).unwrap();
    conformance::check(&store).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_connections_to_one_file_conform() {
    let folder = Folder::new("intents-shared");
    let one = SqliteStore::open(file(&folder)).unwrap();
    let other = SqliteStore::open(file(&folder)).unwrap();
    conformance::check_shared(&one, &other).await.unwrap();
}

#[tokio::test]
async fn records_outlive_the_store() {
    let folder = Folder::new("intents-outlive");
    let first = SqliteStore::open(file(&folder)).unwrap();
    let kept = record("k");
    stored(&first, &kept).await;
    drop(first);
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "closed, and all in one file: {names:?}");
    let second = SqliteStore::open(file(&folder)).unwrap();
    assert_eq!(second.load(&kept.id).await.unwrap(), Some(kept.clone()));
    stored(&second, &next(&kept)).await;
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("intents-owner");
    let _store = SqliteStore::open(file(&folder)).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let metadata = std::fs::metadata(companion(&folder, suffix)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{suffix}");
    }
}

#[tokio::test]
async fn a_store_says_where_its_file_is() {
    let folder = Folder::new("intents-says");
    let store = SqliteStore::open(file(&folder)).unwrap();
    let path = format!("{:?}", file(&folder));
    assert_eq!(
        format!("{store:?}"),
        format!("SqliteStore {{ path: {path}, .. }}")
    );
}

mod path {
    use super::*;

    #[test]
    fn a_special_name_of_sqlite_is_refused() {
        for name in [
            "",
            ":memory:",
            ":MEMORY:",
            "file:payments.sqlite",
            "file::memory:?cache=shared",
            "FILE:///tmp/payments.sqlite?mode=memory",
        ] {
            let error = SqliteStore::open(name).unwrap_err().to_string();
            let expected = format!("{name:?} is a special name of SQLite, not the path of a file");
            assert_eq!(error, expected);
        }
    }

    #[tokio::test]
    async fn a_path_that_looks_special_is_a_path() {
        let folder = Folder::new("intents-special");
        for name in [
            ":memory:",
            "file:x?mode=memory",
            "a%20b?mode=ro#c",
            "Grüße 🧾",
        ] {
            let path = folder.path().join(name);
            let store = SqliteStore::open(&path).unwrap();
            stored(&store, &record("k")).await;
            drop(store);
            assert!(std::fs::metadata(&path).unwrap().len() > 0, "{name}");
        }
    }

    #[test]
    fn a_path_without_a_file_is_refused_by_name() {
        let folder = Folder::new("intents-none");
        let nowhere = folder.path().join("no/such/folder");
        let error = SqliteStore::open(&nowhere).unwrap_err();
        let expected = "cannot be created: No such file or directory (os error 2)";
        assert_eq!(problem(&error, &nowhere), expected);
        assert!(error.cause().unwrap().is::<std::io::Error>());
        let error = SqliteStore::open(folder.path()).unwrap_err();
        assert_eq!(problem(&error, folder.path()), "is a folder or a device");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_or_a_lost_link_is_refused() {
        let folder = Folder::new("intents-device");
        let device = Path::new("/dev/null");
        let error = SqliteStore::open(device).unwrap_err();
        assert_eq!(problem(&error, device), "is a folder or a device");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("gone"), &link).unwrap();
        let error = SqliteStore::open(&link).unwrap_err();
        let expected = "cannot be found: No such file or directory (os error 2)";
        assert_eq!(problem(&error, &link), expected);
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        let folder = Folder::new("intents-letter");
        let letter = "Dear aunt, this is a letter and not a database. ".repeat(50);
        std::fs::write(file(&folder), &letter).unwrap();
        let error = SqliteStore::open(file(&folder)).unwrap_err();
        let problem = problem(&error, &file(&folder));
        assert!(
            problem.starts_with("cannot be used: file is not a database"),
            "{problem}"
        );
        assert!(error.cause().unwrap().is::<rusqlite::Error>());
        let still = std::fs::read_to_string(file(&folder)).unwrap();
        assert_eq!(still, letter, "nothing was written into it");
    }

    #[test]
    fn a_file_whose_log_cannot_be_written_is_refused() {
        let folder = Folder::new("intents-log");
        std::fs::create_dir(companion(&folder, "-wal")).unwrap();
        let error = SqliteStore::open(file(&folder)).unwrap_err();
        let problem = problem(&error, &file(&folder));
        assert!(problem.starts_with("cannot be used: "), "{problem}");
    }
}

mod sharing {
    use super::*;

    #[tokio::test]
    async fn a_new_file_opened_by_many_threads_is_one_store() {
        for round in 0..8 {
            let folder = Folder::new(&format!("intents-many-{round}"));
            let together = std::sync::Barrier::new(8);
            let open = || {
                together.wait();
                SqliteStore::open(file(&folder)).unwrap()
            };
            let stores: Vec<SqliteStore> = std::thread::scope(|threads| {
                let opening: Vec<_> = (0..8).map(|_| threads.spawn(open)).collect();
                opening.into_iter().map(|one| one.join().unwrap()).collect()
            });
            let mut swaps = Vec::new();
            for store in &stores {
                swaps.push(store.compare_and_set(&record("k")).await.unwrap());
            }
            let mut expected = vec![Swap::Conflict(Some(record("k"))); 8];
            expected[0] = Swap::Stored;
            assert_eq!(swaps, expected);
        }
    }

    #[tokio::test]
    async fn other_tables_of_the_file_stay_as_they_are() {
        let folder = Folder::new("intents-others");
        let others = Connection::open(file(&folder)).unwrap();
        others
            .execute_batch(
                "CREATE TABLE record (a); INSERT INTO record VALUES (7); PRAGMA user_version = 42;",
            )
            .unwrap();
        let store = SqliteStore::open(file(&folder)).unwrap();
        stored(&store, &record("k")).await;
        let read = |sql: &str| {
            others
                .query_row(sql, [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        assert_eq!(
            (read("SELECT a FROM record"), read("PRAGMA user_version")),
            (7, 42)
        );
        let names = "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE '%flowlix_%' AND name <> 'record'";
        assert_eq!(read(names), 0);
    }

    #[tokio::test]
    async fn a_writer_keeps_nobody_from_reading() {
        let folder = Folder::new("intents-writer");
        let store = SqliteStore::open(file(&folder)).unwrap();
        let (one, two) = (record("k"), next(&record("k")));
        stored(&store, &one).await;
        let other = Connection::open(file(&folder)).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert_eq!(store.load(&one.id).await.unwrap(), Some(one.clone()));
        let waiting = {
            let (store, two) = (store.clone(), two.clone());
            tokio::spawn(async move { store.compare_and_set(&two).await })
        };
        other.execute_batch("COMMIT").unwrap();
        assert_eq!(waiting.await.unwrap().unwrap(), Swap::Stored);
    }

    #[cfg(feature = "journal-sqlite")]
    #[tokio::test]
    async fn the_journal_may_be_in_the_same_file() {
        use flowlix_ext::journal::SqliteJournal;
        let folder = Folder::new("intents-journal");
        let store = SqliteStore::open(file(&folder)).unwrap();
        let journal = SqliteJournal::open(file(&folder)).unwrap();
        flowlix_ext::journal::conformance::check(&journal)
            .await
            .unwrap();
        conformance::check(&store).await.unwrap();
    }
}

/// On Unix a file can be removed while it is open.
#[cfg(unix)]
mod removed {
    use super::*;

    /// Fails at every call, and names the file that is not the one that the store opened.
    async fn assert_lost(store: &SqliteStore, path: &Path, end: &str) {
        let held = record("k");
        let errors = [
            store.load(&held.id).await.unwrap_err(),
            store.compare_and_set(&next(&held)).await.unwrap_err(),
            store.due(&held.id.scope, 0, None, 1).await.unwrap_err(),
            store.delete(&held.id, 1).await.unwrap_err(),
        ];
        let lost = "was removed or replaced while the store had it open: put it back, or open the store anew";
        for error in errors {
            assert_eq!(problem(&error, path), format!("{lost}{end}"));
        }
    }

    #[tokio::test]
    async fn a_file_that_is_removed_is_noticed() {
        let folder = Folder::new("intents-removed");
        let store = SqliteStore::open(file(&folder)).unwrap();
        stored(&store, &record("k")).await;
        let away = folder.path().join("away");
        for suffix in ["", "-wal", "-shm"] {
            let path = companion(&folder, suffix);
            std::fs::rename(&path, &away).unwrap();
            assert_lost(&store, &path, ": No such file or directory (os error 2)").await;
            std::fs::rename(&away, &path).unwrap();
        }
        let held = store.load(&record("k").id).await.unwrap();
        assert_eq!(held, Some(record("k")), "put back, nothing is lost");
        stored(&store, &next(&record("k"))).await;
    }

    #[tokio::test]
    async fn a_file_that_is_replaced_is_noticed() {
        let folder = Folder::new("intents-replaced");
        let store = SqliteStore::open(file(&folder)).unwrap();
        stored(&store, &record("k")).await;
        for suffix in ["", "-wal", "-shm"] {
            let path = companion(&folder, suffix);
            let (copy, away) = (folder.path().join("copy"), folder.path().join("away"));
            std::fs::copy(&path, &copy).unwrap();
            std::fs::rename(&path, &away).unwrap();
            std::fs::rename(&copy, &path).unwrap();
            assert_lost(&store, &path, "").await;
            std::fs::rename(&away, &path).unwrap();
        }
    }

    #[tokio::test]
    async fn a_link_that_leads_elsewhere_is_noticed() {
        let folder = Folder::new("intents-link");
        let (link, one) = (folder.path().join("link"), folder.path().join("one"));
        std::fs::write(&one, "").unwrap();
        std::os::unix::fs::symlink(&one, &link).unwrap();
        let store = SqliteStore::open(&link).unwrap();
        stored(&store, &record("k")).await;
        let other = folder.path().join("other");
        SqliteStore::open(&other).unwrap();
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        assert_lost(&store, &link, "").await;
    }
}

mod schema {
    use super::*;

    /// What a newer version of the SDK may do to the tables.
    fn upgrade(folder: &Folder, version: i64, min_reader: i64) {
        let newer = Connection::open(file(folder)).unwrap();
        newer
            .execute_batch("ALTER TABLE flowlix_intents ADD COLUMN note TEXT")
            .unwrap();
        let changed = newer.execute(
            "UPDATE flowlix_schema SET version = ?1, min_reader = ?2",
            params![version, min_reader],
        );
        assert_eq!(changed.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_newer_schema_that_can_be_read_is_used() {
        let folder = Folder::new("intents-newer");
        let running = SqliteStore::open(file(&folder)).unwrap();
        stored(&running, &record("k")).await;
        upgrade(&folder, 3, 1);
        let restarted = SqliteStore::open(file(&folder)).unwrap();
        conformance::check_shared(&running, &restarted)
            .await
            .unwrap();
        let newer = Connection::open(file(&folder)).unwrap();
        let version = newer.query_row("SELECT version FROM flowlix_schema", [], |row| row.get(0));
        assert_eq!(version, Ok(3), "an older SDK does not change it");
    }

    #[tokio::test]
    async fn a_newer_schema_that_cannot_be_read_is_refused() {
        let folder = Folder::new("intents-too-new");
        let running = SqliteStore::open(file(&folder)).unwrap();
        let held = record("k");
        stored(&running, &held).await;
        upgrade(&folder, 4, 3);
        let expected = "was changed by a newer version of this SDK: its tables have version 4, an SDK must know \
                        version 3 to use them, and this SDK knows version 2; update flowlix-ext";
        for error in [
            SqliteStore::open(file(&folder)).unwrap_err(),
            running.load(&held.id).await.unwrap_err(),
            running.compare_and_set(&next(&held)).await.unwrap_err(),
            running.delete(&held.id, 1).await.unwrap_err(),
        ] {
            assert_eq!(problem(&error, &file(&folder)), expected);
        }
    }
}

mod damaged {
    use super::*;

    fn damage(folder: &Folder, change: &str, key: &str) {
        let connection = Connection::open(file(folder)).unwrap();
        let statement = format!("UPDATE flowlix_intents SET {change} WHERE key = ?1");
        assert_eq!(connection.execute(&statement, params![key]).unwrap(), 1);
    }

    /// Rows that hold what no store has written: text that is no UTF-8, and versions below zero.
    async fn damaged(folder: &Folder) -> (SqliteStore, Vec<StoredRecord>) {
        let store = SqliteStore::open(file(folder)).unwrap();
        let mut whole = Vec::new();
        for (number, key) in ["a", "b", "c", "d", "e", "f", "g"].into_iter().enumerate() {
            let record = record(key);
            stored(&store, &record).await;
            if number % 3 == 0 {
                whole.push(record);
            }
        }
        let not_text = "CAST(x'ff' AS TEXT)";
        damage(folder, &format!("state = {not_text}"), "b");
        damage(folder, "version = -1", "c");
        damage(folder, &format!("state = {not_text}, due_at = 100"), "e");
        damage(folder, &format!("key = key || {not_text}"), "f");
        (store, whole)
    }

    #[tokio::test]
    async fn a_damaged_row_hides_no_other() {
        let folder = Folder::new("intents-damaged");
        let (store, whole) = damaged(&folder).await;
        let scope = Scope::new("shop", Mode::Test);
        assert_eq!(store.due(&scope, 100, None, 9).await.unwrap(), whole);
        for limit in 1..4 {
            let mut seen: Vec<StoredRecord> = Vec::new();
            loop {
                let after = seen.last().and_then(ScanCursor::behind_due);
                let page = store.due(&scope, 100, after.as_ref(), limit).await.unwrap();
                if page.is_empty() {
                    break;
                }
                seen.extend(page);
            }
            assert_eq!(seen, whole, "{limit} a page");
        }
        let telling = watch::targets();
        assert!(
            telling.contains("flowlix_ext::intents::store::sqlite"),
            "{telling:?}"
        );
    }

    #[tokio::test]
    async fn a_damaged_row_is_not_taken_for_absent() {
        let folder = Folder::new("intents-unreadable");
        let (store, _) = damaged(&folder).await;
        for key in ["b", "c", "e"] {
            let id = RecordId::new(Scope::new("shop", Mode::Test), key);
            let error = store.load(&id).await.unwrap_err();
            let problem = problem(&error, &file(&folder));
            assert!(problem.starts_with("cannot be read: "), "{problem}");
            let again = store.compare_and_set(&record(key)).await.unwrap_err();
            assert!(again.cause().unwrap().is::<rusqlite::Error>());
        }
    }

    #[tokio::test]
    async fn a_ruined_file_is_an_error_of_every_call() {
        let folder = Folder::new("intents-ruined");
        let store = SqliteStore::open(file(&folder)).unwrap();
        for suffix in ["", "-wal", "-shm"] {
            let path = companion(&folder, suffix);
            let length = usize::try_from(std::fs::metadata(&path).unwrap().len()).unwrap();
            std::fs::write(&path, vec![0; length]).unwrap();
        }
        let held = record("k");
        for error in [
            store.load(&held.id).await.unwrap_err(),
            store.compare_and_set(&held).await.unwrap_err(),
        ] {
            assert!(
                problem(&error, &file(&folder)).starts_with("cannot be "),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn no_table_takes_a_value_of_another_type() {
        let folder = Folder::new("intents-strict");
        let store = SqliteStore::open(file(&folder)).unwrap();
        stored(&store, &record("k")).await;
        let connection = Connection::open(file(&folder)).unwrap();
        for change in [
            "version = 'one'",
            "due_at = x'00'",
            "body = 'text'",
            "state = NULL",
        ] {
            let statement = format!("UPDATE flowlix_intents SET {change}");
            connection.execute(&statement, []).unwrap_err();
        }
    }
}

#[test]
fn a_call_outside_a_tokio_runtime_is_an_error() {
    let folder = Folder::new("intents-runtime");
    let store = SqliteStore::open(file(&folder)).unwrap();
    let held = record("k");
    let mut call = pin!(store.load(&held.id));
    let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Err(error)) = polled else {
        panic!("{polled:?}");
    };
    let problem = problem(&error, &file(&folder));
    assert!(
        problem.starts_with("cannot be read: there is no reactor running"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_version_that_sqlite_cannot_hold_is_an_error() {
    let folder = Folder::new("intents-version");
    let store = SqliteStore::open(file(&folder)).unwrap();
    let mut largest = record("k");
    for version in [u64::MAX, i64::MAX.unsigned_abs() + 1] {
        largest.version = version;
        let error = store.compare_and_set(&largest).await.unwrap_err();
        let problem = problem(&error, &file(&folder));
        assert!(problem.starts_with("holds no such version"), "{problem}");
        store.delete(&largest.id, version).await.unwrap_err();
    }
    largest.version = i64::MAX.unsigned_abs();
    let swap = store.compare_and_set(&largest).await.unwrap();
    assert_eq!(swap, Swap::Conflict(None));
}
