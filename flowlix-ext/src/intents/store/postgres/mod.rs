//! A store in a PostgreSQL database, for the machines of a fleet, on a service's own pool.
//!
//! The library has no driver of its own. A service brings its pool, with its TLS and settings, as a [`PostgresExecutor`].
//! The two below are complete; the tests of this crate run them against PostgreSQL, one directly and one behind pgbouncer.
//! Copy one, or write one for another driver.
//!
//! # tokio-postgres with deadpool-postgres
//! Give the pool timeouts, and the connection `keepalives` and `tcp_user_timeout`. With several servers, name them all, and
//! say `target_session_attrs=read-write`.
//! ```
#![doc = include_str!("../../../../docs/postgres/deadpool.rs")]
//! ```
//!
//! # sqlx 0.8
//! ```
#![doc = include_str!("../../../../docs/postgres/sqlx.rs")]
//! ```

mod advice;
mod executor;
mod rows;
mod schema;
mod statements;
mod tables;

use std::fmt;
use std::sync::Arc;

use super::{
    IntentStore, RecordId, ScanCursor, Scope, StoreError, StoreFuture, StoredRecord, Swap,
};
pub use executor::{PostgresError, PostgresExecutor, PostgresFuture, PostgresRow, PostgresValue};
use schema::{KNOWN, MIGRATIONS, Schema};
use statements::Statements;
use tables::Tables;

/// How often a statement runs that a concurrent transaction made fail without an effect.
const RUNS: u32 = 10;

/// Records in a PostgreSQL database, for the machines of a fleet.
///
/// The tables are `flowlix_intents` and `flowlix_schema`. Any number of processes may use them at once, also of two
/// adjacent versions of this SDK during a deploy: the tables say which versions can use them.
///
/// A record is durable when the call returns, as far as the server's `synchronous_commit` says so: leave the setting on. A
/// failover to a replica that is not synchronous can lose the last records. Run
/// [`reconcile`](crate::intents::Intents::reconcile) before the service goes on then.
///
/// Each call is one statement that commits by itself; a compare-and-set that finds another version reads the record with a
/// second one. Nothing depends on a session, so pgbouncer works in transaction mode. A statement may go on in the server
/// after the SDK has stopped waiting for the answer. It stores its version only on top of the version before, so it
/// overwrites nothing. Set `statement_timeout` to end such a statement.
///
/// Every call is refused by a read-only server, reads too: after a failover, the former primary does not know what the new
/// one has stored.
///
/// ```no_run
/// # mod adapter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/postgres/deadpool.rs")); }
/// # use adapter::DeadpoolExecutor;
/// use flowlix_ext::intents::store::PostgresStore;
///
/// # async fn start(pool: deadpool_postgres::Pool) -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::new(DeadpoolExecutor(pool)).schema("shop_payments")?;
/// // Where a database administrator creates the tables: println!("{}", store.schema_sql());
/// store.migrate().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    executor: Arc<dyn PostgresExecutor>,
    tables: Arc<Tables>,
    statements: Arc<Statements>,
}

impl PostgresStore {
    /// A store whose tables the search path of the role finds. No statement runs yet.
    #[must_use]
    pub fn new(executor: impl PostgresExecutor + 'static) -> Self {
        Self::with_tables(Arc::new(executor), Tables::on_search_path())
    }

    /// Names the schema of the tables, to the letter: upper case stays upper case.
    ///
    /// # Errors
    /// When the name is empty, is longer than 63 bytes, or has control characters.
    pub fn schema(self, name: &str) -> Result<Self, StoreError> {
        Ok(Self::with_tables(self.executor, Tables::in_schema(name)?))
    }

    fn with_tables(executor: Arc<dyn PostgresExecutor>, tables: Tables) -> Self {
        Self {
            executor,
            statements: Arc::new(Statements::new(&tables)),
            tables: Arc::new(tables),
        }
    }

    /// Creates the schema and the tables, or upgrades the tables, where they are missing or old. Otherwise it changes
    /// nothing, and the role needs no right to create anything. Several processes may call it at once.
    ///
    /// # Errors
    /// When the tables are missing or old and the role may not create them; when a newer version of this SDK changed the
    /// tables so that this version cannot use them; when the database cannot be reached or is read-only.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let script = schema::migrate(&self.tables, &MIGRATIONS);
        let mut failure = None;
        for _ in 0..RUNS {
            if let Some(schema) = self.held().await? {
                schema.check(&self.tables)?;
                if schema.version >= KNOWN {
                    return Ok(());
                }
            }
            if let Err(error) = self.executor.execute(&script, &[]).await {
                let told = self.failed("cannot be created or upgraded", error.clone());
                if !advice::lost_a_race(error.sqlstate()) {
                    return Err(told);
                }
                failure = Some(told);
            }
        }
        let unknown = || self.failure("were not created or upgraded");
        Err(failure.unwrap_or_else(unknown))
    }

    /// The SQL that [`migrate`](Self::migrate) runs, and the rights that a service needs, for a database administrator.
    /// Where the administrator has run it, the service's role needs no right to create anything.
    #[must_use]
    pub fn schema_sql(&self) -> String {
        schema::printed(&self.tables)
    }

    /// What the database says of the tables; `None` when they are not there.
    async fn held(&self) -> Result<Option<Schema>, StoreError> {
        let statement = schema::held(&self.tables);
        match self.executor.execute(&statement, &[]).await {
            Ok(rows) => Ok(rows.first().and_then(Schema::of)),
            Err(error) if advice::has_no_table(error.sqlstate()) => Ok(None),
            Err(error) => Err(self.failed("cannot be read", error)),
        }
    }

    /// Runs a statement, again when a concurrent transaction made it fail without an effect, and checks the tables.
    async fn run(
        &self,
        doing: &str,
        statement: &str,
        parameters: &[PostgresValue],
    ) -> Result<Vec<PostgresRow>, StoreError> {
        let mut runs = 1;
        loop {
            match self.executor.execute(statement, parameters).await {
                Ok(rows) => {
                    let schema = rows.first().and_then(Schema::of);
                    let missing = || {
                        self.failure(
                            "do not say which version they have; call PostgresStore::migrate",
                        )
                    };
                    schema.ok_or_else(missing)?.check(&self.tables)?;
                    return Ok(rows);
                }
                Err(error) if runs < RUNS && advice::may_run_again(error.sqlstate()) => runs += 1,
                Err(error) => {
                    // Tables that are too new may lack what the statement names.
                    if advice::tables_differ(error.sqlstate())
                        && let Ok(Some(schema)) = self.held().await
                    {
                        schema.check(&self.tables)?;
                    }
                    return Err(self.failed(doing, error));
                }
            }
        }
    }

    async fn read(
        &self,
        of: &Scope,
        statement: &str,
        parameters: Vec<PostgresValue>,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        let doing = "cannot be read";
        let rows = self.run(doing, statement, &parameters).await?;
        let records = rows.iter().map(|row| rows::record(of, row));
        let records: Result<Vec<_>, _> = records.filter_map(Result::transpose).collect();
        records.map_err(|error| StoreError::caused_by(self.tables.told(doing), error))
    }

    /// Whether the statement changed a row.
    async fn write(
        &self,
        statement: &str,
        parameters: Vec<PostgresValue>,
    ) -> Result<bool, StoreError> {
        let rows = self
            .run("cannot be written", statement, &parameters)
            .await?;
        Ok(rows.first().is_some_and(|row| row.column(2).is_some()))
    }

    /// PostgreSQL's integers have a sign.
    fn version(&self, version: u64) -> Result<i64, StoreError> {
        let too_large =
            |error| StoreError::caused_by(self.tables.told("hold no such version"), error);
        i64::try_from(version).map_err(too_large)
    }

    fn failure(&self, problem: &str) -> StoreError {
        StoreError::new(self.tables.told(problem))
    }

    fn failed(&self, doing: &str, error: PostgresError) -> StoreError {
        let mut message = self.tables.told(doing);
        if let Some(advice) = advice::advice(error.sqlstate()) {
            message = format!("{message}: {advice}");
        }
        error.into_store_error(message)
    }
}

impl IntentStore for PostgresStore {
    fn load<'a>(&'a self, id: &'a RecordId) -> StoreFuture<'a, Option<StoredRecord>> {
        Box::pin(async move {
            let found = self.read(&id.scope, &self.statements.load, rows::name(id));
            Ok(found.await?.pop())
        })
    }

    fn compare_and_set<'a>(&'a self, record: &'a StoredRecord) -> StoreFuture<'a, Swap> {
        Box::pin(async move {
            let version = self.version(record.version)?;
            let statement = match version {
                1 => &self.statements.insert,
                _ => &self.statements.update,
            };
            if self.write(statement, rows::whole(record, version)).await? {
                return Ok(Swap::Stored);
            }
            Ok(Swap::Conflict(self.load(&record.id).await?))
        })
    }

    fn due<'a>(
        &'a self,
        scope: &'a Scope,
        until: i64,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        let Statements {
            due, due_behind, ..
        } = &*self.statements;
        let statement = after.map_or(due, |_| due_behind);
        let until = PostgresValue::Bigint(Some(until));
        Box::pin(self.read(scope, statement, rows::page(scope, until, after, limit)))
    }

    fn in_state<'a>(
        &'a self,
        scope: &'a Scope,
        state: &'a str,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        let Statements {
            in_state,
            in_state_behind,
            ..
        } = &*self.statements;
        let statement = after.map_or(in_state, |_| in_state_behind);
        Box::pin(self.read(
            scope,
            statement,
            rows::page(scope, rows::text(state), after, limit),
        ))
    }

    fn delete<'a>(&'a self, id: &'a RecordId, version: u64) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let parameters = rows::name_and_version(id, self.version(version)?);
            self.write(&self.statements.delete, parameters).await
        })
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("tables", &self.tables.intents)
            .finish_non_exhaustive()
    }
}
