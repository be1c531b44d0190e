//! A journal in a PostgreSQL database, for the machines of a fleet.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Row, Socket};

use super::error::JournalError;
use super::record::{Record, RecordId, Scope, UnreadableRecord, Unsettled};
use super::store::{Journal, JournalFuture, SECRET_LENGTH};

/// Keys compare byte by byte, whatever the database's language. Two processes that create the tables at once
/// would trip over each other, hence the lock.
const SCHEMA: &str = r#"
    BEGIN;
    SELECT pg_advisory_xact_lock(7310868735422788204);
    CREATE TABLE IF NOT EXISTS flowlix_journal_secret (
        only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
        bytes bytea NOT NULL
    );
    CREATE TABLE IF NOT EXISTS flowlix_journal (
        account text COLLATE "C" NOT NULL,
        mode text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        version bigint NOT NULL,
        settled boolean NOT NULL,
        changed_at bigint NOT NULL,
        json text NOT NULL,
        PRIMARY KEY (account, mode, key)
    );
    CREATE INDEX IF NOT EXISTS flowlix_journal_unsettled
        ON flowlix_journal (account, mode, key) WHERE NOT settled;
    CREATE INDEX IF NOT EXISTS flowlix_journal_changed
        ON flowlix_journal (account, mode, changed_at) WHERE settled;
    CREATE TABLE IF NOT EXISTS flowlix_webhook_event (
        id text COLLATE "C" PRIMARY KEY,
        token bigint NOT NULL,
        lease_end bigint NOT NULL,
        abandoned boolean NOT NULL,
        completed_at bigint
    );
    CREATE INDEX IF NOT EXISTS flowlix_webhook_event_completed
        ON flowlix_webhook_event (completed_at) WHERE completed_at IS NOT NULL;
    CREATE SEQUENCE IF NOT EXISTS flowlix_webhook_token;
    COMMIT;
"#;

/// Records in a PostgreSQL database, in the tables `flowlix_journal` and `flowlix_journal_secret` of the
/// connection's first schema, which it creates when they are not there.
///
/// It holds one connection, which all clones share, and makes a new one when that is lost; a call whose
/// statement was under way then fails, and nothing is sent. What is stored is committed with the server's own
/// `synchronous_commit`: leave it on. How the connection is encrypted is yours to choose: pass
/// [`tokio_postgres::NoTls`] or a TLS connector for tokio-postgres.
///
/// It is an [`EventStore`](crate::webhooks::EventStore) too: give a clone of it to an
/// [`Inbox`](crate::webhooks::Inbox), and webhook events are remembered in the table `flowlix_webhook_event`,
/// whose claims are numbered by the sequence `flowlix_webhook_token`.
///
/// ```no_run
/// use flowlix_ext::Flowlix;
/// use flowlix_ext::journal::{PostgresJournal, tokio_postgres};
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let config = "host=db.internal user=shop dbname=shop".parse()?;
/// let journal = PostgresJournal::connect(config, tokio_postgres::NoTls).await?;
/// let flowlix = Flowlix::builder("fl_test_sk_abc123def456").journal(journal).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresJournal {
    connector: Arc<dyn Connector>,
    client: Arc<Mutex<Option<Arc<Client>>>>,
}

/// Makes a connection whose kind of TLS nobody else needs to know.
trait Connector: Send + Sync {
    fn connect(&self) -> JournalFuture<'_, Client>;
}

struct Via<T> {
    config: Config,
    tls: T,
}

impl<T> Connector for Via<T>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(&self) -> JournalFuture<'_, Client> {
        Box::pin(async move {
            let (client, connection) = self
                .config
                .connect(self.tls.clone())
                .await
                .map_err(|error| failed("the journal's database cannot be reached", error))?;
            // What breaks the connection shows in the statements that needed it.
            tokio::spawn(async move {
                let _: Result<(), tokio_postgres::Error> = connection.await;
            });
            client
                .batch_execute(SCHEMA)
                .await
                .map_err(|error| failed("the journal's tables cannot be made", error))?;
            Ok(client)
        })
    }
}

impl PostgresJournal {
    /// Connects, and creates the tables when they are not there. Runs on the current tokio runtime, and so does
    /// every later connection.
    ///
    /// # Errors
    /// When the database cannot be reached, or does not let the tables be made.
    pub async fn connect<T>(config: Config, tls: T) -> Result<Self, JournalError>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let journal = Self {
            connector: Arc::new(Via { config, tls }),
            client: Arc::default(),
        };
        journal.client().await?;
        Ok(journal)
    }

    /// The connection, a new one when the last is lost.
    pub(crate) async fn client(&self) -> Result<Arc<Client>, JournalError> {
        let mut kept = self.client.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_closed()) {
            return Ok(client.clone());
        }
        let client = Arc::new(self.connector.connect().await?);
        *kept = Some(client.clone());
        Ok(client)
    }
}

fn failed(doing: &'static str, error: tokio_postgres::Error) -> JournalError {
    JournalError::caused_by(doing, error)
}

impl Journal for PostgresJournal {
    fn secret(&self, proposal: [u8; SECRET_LENGTH]) -> JournalFuture<'_, [u8; SECRET_LENGTH]> {
        Box::pin(async move {
            let doing = "reading the journal's secret";
            let client = self.client().await?;
            client
                .execute(
                    "INSERT INTO flowlix_journal_secret (bytes) VALUES ($1) ON CONFLICT DO NOTHING",
                    &[&proposal.as_slice()],
                )
                .await
                .map_err(|error| failed(doing, error))?;
            let row = client
                .query_one("SELECT bytes FROM flowlix_journal_secret", &[])
                .await
                .map_err(|error| failed(doing, error))?;
            let bytes: &[u8] = row.try_get(0).map_err(|error| failed(doing, error))?;
            bytes.try_into().map_err(|error| {
                JournalError::caused_by("the journal's secret is not 32 bytes", error)
            })
        })
    }

    fn load<'a>(&'a self, id: &'a RecordId) -> JournalFuture<'a, Option<Record>> {
        Box::pin(async move {
            let doing = "reading a record of the journal";
            let row = self
                .client()
                .await?
                .query_opt(
                    "SELECT json FROM flowlix_journal
                     WHERE account = $1 AND mode = $2 AND key = $3",
                    &[&id.scope.account, &id.scope.mode_text(), &id.key],
                )
                .await
                .map_err(|error| failed(doing, error))?;
            let Some(row) = row else { return Ok(None) };
            let json: &str = row.try_get(0).map_err(|error| failed(doing, error))?;
            Record::read(id, json).map(Some)
        })
    }

    fn store<'a>(&'a self, record: &'a Record) -> JournalFuture<'a, bool> {
        Box::pin(async move {
            let json = record.to_json()?;
            let id = &record.id;
            let version = i64::try_from(record.version)
                .map_err(|error| JournalError::caused_by("the record's version", error))?;
            let statement = if version == 1 {
                "INSERT INTO flowlix_journal
                    (account, mode, key, version, settled, changed_at, json)
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"
            } else {
                "UPDATE flowlix_journal SET version = $4::bigint, settled = $5, changed_at = $6, json = $7
                 WHERE account = $1 AND mode = $2 AND key = $3 AND version = $4::bigint - 1"
            };
            let rows = self
                .client()
                .await?
                .execute(
                    statement,
                    &[
                        &id.scope.account,
                        &id.scope.mode_text(),
                        &id.key,
                        &version,
                        &record.state.is_settled(),
                        &record.changed_at,
                        &json,
                    ],
                )
                .await
                .map_err(|error| failed("storing a record in the journal", error))?;
            Ok(rows == 1)
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
            let key = after.map_or("", |after| &after.key);
            let rows = self
                .client()
                .await?
                .query(
                    "SELECT key, json FROM flowlix_journal
                     WHERE NOT settled AND account = $1 AND mode = $2 AND key > $3
                     ORDER BY key LIMIT $4",
                    &[&scope.account, &scope.mode_text(), &key, &i64::from(limit)],
                )
                .await
                .map_err(|error| failed(doing, error))?;
            let read = |row: &Row| {
                let key: String = row.try_get(0).map_err(|error| failed(doing, error))?;
                let id = RecordId::new(scope.clone(), key);
                let json = row.try_get(1).map_err(|error| failed(doing, error));
                Ok(json
                    .and_then(|json| Record::read(&id, json))
                    .map_err(|error| UnreadableRecord::new(id, error)))
            };
            rows.iter().map(read).collect()
        })
    }

    fn prune<'a>(&'a self, scope: &'a Scope, changed_before: i64) -> JournalFuture<'a, u64> {
        Box::pin(async move {
            self.client()
                .await?
                .execute(
                    "DELETE FROM flowlix_journal
                     WHERE settled AND account = $1 AND mode = $2 AND changed_at < $3",
                    &[&scope.account, &scope.mode_text(), &changed_before],
                )
                .await
                .map_err(|error| failed("pruning the journal", error))
        })
    }
}

impl fmt::Debug for PostgresJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresJournal").finish_non_exhaustive()
    }
}
