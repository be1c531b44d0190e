//! What the store asks of a service's own pool.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::intents::store::StoreError;
use crate::intents::store::error::causes;

/// What [`PostgresExecutor::execute`] returns.
pub type PostgresFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<PostgresRow>, PostgresError>> + Send + 'a>>;

/// Runs single statements on a connection of the service's own pool.
///
/// Each call is one statement that commits by itself. The store needs nothing of a session: an executor may run every
/// call on another connection, or behind pgbouncer in transaction mode. The [module](super) shows executors for two
/// drivers.
///
/// An executor keeps three rules:
/// 1. The statement is committed when the future is done without an error.
/// 2. A connection goes back to the pool after a success only. After an error, the server may be the former primary of a
///    failover, or gone. When the future is dropped before its end, the server may never answer.
/// 3. Behind a pooler in transaction mode, the driver prepares no named statement.
pub trait PostgresExecutor: Send + Sync {
    /// Runs a statement with the parameters `$1`, `$2`, …, and returns its rows. Every column of a row has the type
    /// `bytea`.
    ///
    /// # Errors
    /// When there is no connection, when the server refuses the statement, or when the answer is lost.
    fn execute<'a>(
        &'a self,
        statement: &'a str,
        parameters: &'a [PostgresValue],
    ) -> PostgresFuture<'a>;
}

impl<E: PostgresExecutor + ?Sized> PostgresExecutor for Arc<E> {
    fn execute<'a>(
        &'a self,
        statement: &'a str,
        parameters: &'a [PostgresValue],
    ) -> PostgresFuture<'a> {
        (**self).execute(statement, parameters)
    }
}

/// A parameter of a statement.
///
/// The three types are all that the store uses, so a `match` over them is complete.
#[derive(Clone, PartialEq, Eq)]
pub enum PostgresValue {
    /// A value of the type `text`.
    Text(String),
    /// A value of the type `bigint`, or NULL.
    Bigint(Option<i64>),
    /// A value of the type `bytea`.
    Bytea(Vec<u8>),
}

/// Shows the type alone: a value names orders and customers' payments.
impl fmt::Debug for PostgresValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Bigint(_) => "Bigint(..)",
            Self::Bytea(_) => "Bytea(..)",
        })
    }
}

/// A row of a result: the bytes of each column, `None` for NULL.
///
/// The statements return `bytea` alone, so an executor never looks at a column's type.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresRow {
    columns: Vec<Option<Vec<u8>>>,
}

impl PostgresRow {
    /// A row with these columns.
    #[must_use]
    pub fn new(columns: Vec<Option<Vec<u8>>>) -> Self {
        Self { columns }
    }

    /// A column; `None` when it is NULL or when there is no such column.
    pub(super) fn column(&self, index: usize) -> Option<&[u8]> {
        self.columns.get(index)?.as_deref()
    }
}

impl FromIterator<Option<Vec<u8>>> for PostgresRow {
    fn from_iter<I: IntoIterator<Item = Option<Vec<u8>>>>(columns: I) -> Self {
        Self::new(columns.into_iter().collect())
    }
}

/// Shows how many columns there are: their values name orders and customers' payments.
impl fmt::Debug for PostgresRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresRow")
            .field("columns", &self.columns.len())
            .finish_non_exhaustive()
    }
}

/// Why a statement failed: the driver's error, and PostgreSQL's code where the server sent one.
///
/// The code decides what the store advises, and whether the store repeats a statement that certainly did nothing. An
/// executor without the code works; its errors then carry the driver's words alone.
#[derive(Clone)]
pub struct PostgresError {
    sqlstate: Option<String>,
    cause: Arc<dyn Error + Send + Sync>,
}

impl PostgresError {
    /// A driver's error with the [SQLSTATE](https://www.postgresql.org/docs/current/errcodes-appendix.html) that the
    /// server sent, such as `40001`.
    #[must_use]
    pub fn new(sqlstate: Option<String>, cause: impl Error + Send + Sync + 'static) -> Self {
        Self {
            sqlstate,
            cause: Arc::new(cause),
        }
    }

    /// The server's code for what went wrong.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        self.sqlstate.as_deref()
    }

    /// The driver's error.
    #[must_use]
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.cause
    }

    pub(super) fn into_store_error(self, message: impl Into<String>) -> StoreError {
        StoreError::caused_by_shared(message, self.cause)
    }
}

impl fmt::Display for PostgresError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&causes(&*self.cause))
    }
}

/// The same line as `Display`: the `Debug` of a driver's error may hold parameters.
impl fmt::Debug for PostgresError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresError")
            .field(&self.to_string())
            .finish()
    }
}

impl Error for PostgresError {}
