//! A journal in a file, for the processes of one machine.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::error::JournalError;
use super::record::{Record, RecordId, Scope, UnreadableRecord, Unsettled};
use super::store::{Journal, JournalFuture, SECRET_LENGTH};
use crate::intents::store::connection::{create_for_owner, set_up};

/// The tables below; a file of a later release is refused.
const SCHEMA_VERSION: i64 = 1;
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS secret (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), bytes BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS record (
        account TEXT NOT NULL, mode TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL,
        settled INTEGER NOT NULL, changed_at INTEGER NOT NULL, json TEXT NOT NULL,
        PRIMARY KEY (account, mode, key)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS record_unsettled ON record (account, mode, key) WHERE settled = 0;
    CREATE INDEX IF NOT EXISTS record_changed ON record (account, mode, changed_at) WHERE settled = 1;
    CREATE TABLE IF NOT EXISTS webhook_event (
        id TEXT NOT NULL PRIMARY KEY, token INTEGER NOT NULL, lease_end INTEGER NOT NULL, completed_at INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS webhook_event_completed ON webhook_event (completed_at)
        WHERE completed_at IS NOT NULL;
    CREATE TABLE IF NOT EXISTS webhook_token (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), last INTEGER NOT NULL);
    INSERT OR IGNORE INTO webhook_token (only_one, last) VALUES (1, 0);
    PRAGMA user_version = 1;
";

/// Records in a SQLite file. Several processes of one machine may use it at once; a file on a network drive
/// may not be shared.
///
/// Every record is on the disk before its request is sent (write-ahead log, `synchronous = FULL`). On Unix the
/// file is created for its owner alone. SQLite's work runs on tokio's threads for blocking work, so the journal
/// is used within a tokio runtime.
///
/// It is an [`EventStore`](crate::webhooks::EventStore) too: give a clone of it to an
/// [`Inbox`](crate::webhooks::Inbox), and webhook events are remembered in the same file.
///
/// ```
/// use flowlix_ext::Flowlix;
/// use flowlix_ext::journal::SqliteJournal;
///
/// # let folder = std::env::temp_dir().join(format!("flowlix-doctest-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("journal.sqlite");
/// let journal = SqliteJournal::open(&path)?;
/// let flowlix = Flowlix::builder("fl_test_sk_abc123def456").journal(journal).build()?;
/// # drop(flowlix);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SqliteJournal {
    connection: Arc<Mutex<Connection>>,
    /// For errors.
    path: Arc<PathBuf>,
}

impl SqliteJournal {
    /// Opens the file, and creates it when there is none. Where another process holds the file, the thread waits up
    /// to five seconds: open it when the service starts.
    ///
    /// # Errors
    /// When the file cannot be opened, is no SQLite database, or was written by a later release.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref();
        create_for_owner(path)
            .map_err(|error| JournalError::caused_by(about("cannot be made", path), error))?;
        let opening = |error| JournalError::caused_by(about("cannot be used", path), error);
        let mut connection = prepare(path).map_err(opening)?;
        if furnish(&mut connection).map_err(opening)? > SCHEMA_VERSION {
            let later = "was written by a later release of this SDK";
            return Err(JournalError::new(about(later, path)));
        }
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            path: Arc::new(path.to_owned()),
        })
    }

    pub(crate) async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        let connection = self.connection.clone();
        // It goes on to its end when the caller's future is dropped: SQLite is never left halfway.
        let task = tokio::task::spawn_blocking(move || {
            // A thread that panicked left no statement behind: each is one call.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut connection)
        });
        let failed = || format!("{doing} ({})", self.path.display());
        match task.await {
            Ok(done) => done.map_err(|error| JournalError::caused_by(failed(), error)),
            Err(error) => Err(JournalError::caused_by(failed(), error)),
        }
    }
}

fn prepare(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    set_up(&connection)?;
    Ok(connection)
}

/// Makes the tables where there are none yet, and says which version of them is there.
fn furnish(connection: &mut Connection) -> rusqlite::Result<i64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version <= SCHEMA_VERSION {
        transaction.execute_batch(SCHEMA)?;
    }
    transaction.commit()?;
    Ok(version)
}

fn about(what: &str, path: &Path) -> String {
    format!("the journal's file {} {what}", path.display())
}

impl Journal for SqliteJournal {
    fn secret(&self, proposal: [u8; SECRET_LENGTH]) -> JournalFuture<'_, [u8; SECRET_LENGTH]> {
        Box::pin(self.run("reading the journal's secret", move |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute(
                "INSERT OR IGNORE INTO secret (only_one, bytes) VALUES (1, ?1)",
                params![proposal],
            )?;
            let secret = transaction.query_row("SELECT bytes FROM secret", [], |row| row.get(0))?;
            transaction.commit()?;
            Ok(secret)
        }))
    }

    fn load<'a>(&'a self, id: &'a RecordId) -> JournalFuture<'a, Option<Record>> {
        Box::pin(async move {
            let name = id.clone();
            let json: Option<String> = self
                .run("reading a record of the journal", move |connection| {
                    connection
                        .prepare_cached(
                            "SELECT json FROM record
                             WHERE account = ?1 AND mode = ?2 AND key = ?3",
                        )?
                        .query_row(
                            params![name.scope.account, name.scope.mode_text(), name.key],
                            |row| row.get(0),
                        )
                        .optional()
                })
                .await?;
            json.map(|json| Record::read(id, &json)).transpose()
        })
    }

    fn store<'a>(&'a self, record: &'a Record) -> JournalFuture<'a, bool> {
        Box::pin(async move {
            let json = record.to_json()?;
            let (id, settled) = (record.id.clone(), record.state.is_settled());
            let version = i64::try_from(record.version)
                .map_err(|error| JournalError::caused_by("the record's version", error))?;
            let changed_at = record.changed_at;
            self.run("storing a record in the journal", move |connection| {
                let statement = if version == 1 {
                    "INSERT INTO record (account, mode, key, version, settled, changed_at, json)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING"
                } else {
                    "UPDATE record SET version = ?4, settled = ?5, changed_at = ?6, json = ?7
                     WHERE account = ?1 AND mode = ?2 AND key = ?3 AND version = ?4 - 1"
                };
                let rows = connection.prepare_cached(statement)?.execute(params![
                    id.scope.account,
                    id.scope.mode_text(),
                    id.key,
                    version,
                    settled,
                    changed_at,
                    json
                ])?;
                Ok(rows == 1)
            })
            .await
        })
    }

    fn unsettled<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a RecordId>,
        limit: u32,
    ) -> JournalFuture<'a, Vec<Unsettled>> {
        Box::pin(async move {
            let doing = "reading the journal's unsettled records";
            let of = scope.clone();
            let key = after.map(|after| after.key.clone()).unwrap_or_default();
            let found: Vec<(String, rusqlite::Result<String>)> = self
                .run(doing, move |connection| {
                    connection
                        .prepare_cached(
                            "SELECT key, json FROM record
                             WHERE settled = 0 AND account = ?1 AND mode = ?2 AND key > ?3
                             ORDER BY key LIMIT ?4",
                        )?
                        .query_map(params![of.account, of.mode_text(), key, limit], |row| {
                            Ok((row.get(0)?, row.get(1)))
                        })?
                        .collect()
                })
                .await?;
            let read = |(key, json): (String, rusqlite::Result<String>)| {
                let id = RecordId::new(scope.clone(), key);
                let json = json.map_err(|error| JournalError::caused_by(doing, error));
                json.and_then(|json| Record::read(&id, &json))
                    .map_err(|error| UnreadableRecord::new(id, error))
            };
            Ok(found.into_iter().map(read).collect())
        })
    }

    fn prune<'a>(&'a self, scope: &'a Scope, changed_before: i64) -> JournalFuture<'a, u64> {
        Box::pin(async move {
            let scope = scope.clone();
            self.run("pruning the journal", move |connection| {
                let rows = connection.execute(
                    "DELETE FROM record
                     WHERE settled = 1 AND account = ?1 AND mode = ?2 AND changed_at < ?3",
                    params![scope.account, scope.mode_text(), changed_before],
                )?;
                Ok(u64::try_from(rows).unwrap_or(u64::MAX))
            })
            .await
        })
    }
}

impl fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteJournal").finish_non_exhaustive()
    }
}
