//! A store in a file, for the processes of one machine.

pub(crate) mod connection;
mod file;
mod rows;
mod schema;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use super::{
    IntentStore, RecordId, ScanCursor, Scope, StoreError, StoreFuture, StoredRecord, Swap,
};
use file::StoreFile;

/// Records in a SQLite file, for the processes of one machine.
///
/// Several processes may use one file at once, also of two adjacent versions of this SDK during a deploy: the file says
/// which versions can read it. The tables are named `flowlix_…`, so the file may hold other tables too.
///
/// A record is on the disk when the call returns (write-ahead log, `synchronous = FULL`). A call waits up to five
/// seconds for another process that writes. On Unix a new file is readable by its owner only. SQLite runs on tokio's
/// threads for blocking work, so the store must be called within a tokio runtime.
///
/// # Keep the file where it is
/// - The file must be on a local disk. SQLite cannot lock files on a network drive reliably.
/// - The file and its companions `…-wal` and `…-shm` belong together. On Unix every call notices that one of the three
///   was removed, moved or replaced since the store was opened, and fails. Windows does not let anyone remove an open file.
///   On other systems nobody notices.
/// - Nobody notices a copy that is written *into* the open file (`cp backup.sqlite payments.sqlite`). Stop every process
///   before you restore a backup.
/// - Make a backup with SQLite's own tools (`VACUUM INTO`, or `.backup` of the `sqlite3` program), not by copying the
///   file.
///
/// # Which SQLite
/// SQLite is built in. Cargo chooses one version of rusqlite, 0.32 to 0.43, for the whole program. With rusqlite 0.39 or
/// newer, SQLite has the fix for a rare fault (the "WAL-reset bug" of SQLite 3.7.0 to 3.51.2): a file that several
/// connections write at once can be damaged. sqlx 0.8 holds rusqlite at 0.32, whose SQLite has the fault; a service with
/// sqlx 0.8 opens the file once, in one process, and clones the store.
///
/// ```
/// use flowlix_ext::intents::store::SqliteStore;
///
/// # let folder = std::env::temp_dir().join(format!("flowlix-doctest-store-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("payments.sqlite");
/// let store = SqliteStore::open(&path)?;
/// # drop(store);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    /// One statement at a time: SQLite itself allows one writer.
    opened: Arc<Mutex<Opened>>,
    file: Arc<StoreFile>,
}

struct Opened {
    connection: Connection,
    file: Arc<StoreFile>,
}

impl SqliteStore {
    /// Opens the file, and creates it when there is none. The folder must exist. The thread waits up to five seconds
    /// for another process that holds the file: open the store when the service starts.
    ///
    /// # Errors
    /// When `path` is no path but one of SQLite's special names (`:memory:`, an empty name, a `file:` URI); when the
    /// file cannot be created, opened or written, or is no SQLite database; when a newer version of this SDK changed the
    /// file so that this version cannot read it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let mut file = StoreFile::create_or_find(path.as_ref())?;
        let failed = |error| StoreError::caused_by(file.told("cannot be used"), error);
        let mut connection = connection::open(file.resolved()).map_err(failed)?;
        connection::set_up(&connection).map_err(failed)?;
        let schema = schema::migrate(&mut connection, &schema::MIGRATIONS).map_err(failed)?;
        schema.check(&file)?;
        file.watch()?;
        let file = Arc::new(file);
        Ok(Self {
            opened: Arc::new(Mutex::new(Opened {
                connection,
                file: file.clone(),
            })),
            file,
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Transaction) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(doing, TransactionBehavior::Deferred, work).await
    }

    async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Transaction) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(doing, TransactionBehavior::Immediate, work).await
    }

    async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let failed = || self.file.told(doing);
        let runtime =
            Handle::try_current().map_err(|error| StoreError::caused_by(failed(), error))?;
        let mut opened = self.opened.clone().lock_owned().await;
        // The work goes on to its end when the caller's future is dropped: a transaction is never left halfway.
        let task = runtime.spawn_blocking(move || opened.transact(doing, behavior, work));
        match task.await {
            Ok(done) => done,
            Err(error) => Err(StoreError::caused_by(failed(), error)),
        }
    }
}

impl Opened {
    fn transact<T>(
        &mut self,
        doing: &str,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let file = &self.file;
        let failed = |error| StoreError::caused_by(file.told(doing), error);
        file.check()?;
        let transaction = self
            .connection
            .transaction_with_behavior(behavior)
            .map_err(failed)?;
        let schema = schema::held(&transaction).map_err(failed)?;
        schema.check(file)?;
        let done = work(&transaction).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        // What was written into a file that is gone is lost.
        file.check()?;
        Ok(done)
    }
}

impl IntentStore for SqliteStore {
    fn load<'a>(&'a self, id: &'a RecordId) -> StoreFuture<'a, Option<StoredRecord>> {
        let id = id.clone();
        Box::pin(self.read("cannot be read", move |transaction| {
            rows::load(transaction, &id)
        }))
    }

    fn compare_and_set<'a>(&'a self, record: &'a StoredRecord) -> StoreFuture<'a, Swap> {
        Box::pin(async move {
            let version = self.version(record.version)?;
            let record = record.clone();
            self.write("cannot be written", move |transaction| {
                rows::compare_and_set(transaction, &record, version)
            })
            .await
        })
    }

    fn due<'a>(
        &'a self,
        scope: &'a Scope,
        until: i64,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        Box::pin(async move {
            let (of, after) = (scope.clone(), after.cloned());
            let page = self
                .read("cannot be read", move |transaction| {
                    rows::due(transaction, &of, until, after.as_ref(), limit)
                })
                .await?;
            Ok(self.told_of(page))
        })
    }

    fn in_state<'a>(
        &'a self,
        scope: &'a Scope,
        state: &'a str,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        Box::pin(async move {
            let (of, state, after) = (scope.clone(), state.to_owned(), after.cloned());
            let page = self
                .read("cannot be read", move |transaction| {
                    rows::in_state(transaction, &of, &state, after.as_ref(), limit)
                })
                .await?;
            Ok(self.told_of(page))
        })
    }

    fn delete<'a>(&'a self, id: &'a RecordId, version: u64) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let (id, version) = (id.clone(), self.version(version)?);
            self.write("cannot be written", move |transaction| {
                rows::delete(transaction, &id, version)
            })
            .await
        })
    }
}

impl SqliteStore {
    /// The records of a page; what cannot be read hides no other record, and is logged.
    fn told_of(&self, page: rows::Page) -> Vec<StoredRecord> {
        if page.unreadable > 0 {
            let (file, records) = (self.file.path().display(), page.unreadable);
            tracing::warn!(%file, records, "records of the store cannot be read");
        }
        page.records
    }

    /// SQLite's integers have a sign.
    fn version(&self, version: u64) -> Result<i64, StoreError> {
        let too_large =
            |error| StoreError::caused_by(self.file.told("holds no such version"), error);
        i64::try_from(version).map_err(too_large)
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.file.path())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rusqlite::ErrorCode;

    use super::*;
    use crate::key::Mode;

    #[tokio::test]
    async fn a_full_disk_is_an_error_until_there_is_room() {
        let folder = std::env::temp_dir().join(format!("flowlix-full-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("payments.sqlite");
        let store = SqliteStore::open(&path).unwrap();
        let id = RecordId::new(Scope::new("shop", Mode::Test), "k");
        let one = StoredRecord::new(id, 1, "created", None, 0, vec![1]);
        assert_eq!(store.compare_and_set(&one).await.unwrap(), Swap::Stored);
        let room = |pages: i64| {
            store.read("cannot be limited", move |transaction| {
                transaction.pragma_update(None, "max_page_count", pages)
            })
        };
        room(1).await.unwrap();
        let two = StoredRecord {
            version: 2,
            body: vec![2; 1 << 20],
            ..one.clone()
        };
        let error = store.compare_and_set(&two).await.unwrap_err();
        let line = error.to_string();
        let expected = format!(
            "the store's file {} cannot be written: database or disk is full",
            path.display()
        );
        assert!(line.starts_with(&expected), "{line}");
        let cause = error.cause().unwrap().downcast_ref::<rusqlite::Error>();
        let code = cause.and_then(rusqlite::Error::sqlite_error_code);
        assert_eq!(code, Some(ErrorCode::DiskFull));
        assert_eq!(store.load(&one.id).await.unwrap(), Some(one));
        room(i64::from(u16::MAX)).await.unwrap();
        assert_eq!(store.compare_and_set(&two).await.unwrap(), Swap::Stored);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
