use flowlix_ext::intents::store::postgres::{
    PostgresError, PostgresExecutor, PostgresFuture, PostgresRow, PostgresValue,
};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgPool, PgRow};
use sqlx::{Acquire, Error, Postgres, Row};

/// Runs statements on a pool of sqlx.
pub struct SqlxExecutor(pub PgPool);

/// A connection that is closed, unless it was given back to the pool: a server that failed, or never answered, may be the
/// former primary of a failover.
struct Connection(Option<PoolConnection<Postgres>>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.take().map(PoolConnection::detach);
    }
}

/// sqlx asks the server for the types of a statement before it runs the statement. Behind pgbouncer in transaction mode,
/// only a transaction keeps the two on one connection. Without pgbouncer, run the query on `connection` itself, with
/// `persistent(true)`: that is one round trip instead of four.
async fn run(
    connection: &mut PoolConnection<Postgres>,
    statement: &str,
    parameters: &[PostgresValue],
) -> Result<Vec<PostgresRow>, Error> {
    let mut transaction = connection.begin().await?;
    let query = sqlx::query(statement).persistent(false);
    let query = parameters.iter().fold(query, |query, value| match value {
        PostgresValue::Text(text) => query.bind(text),
        PostgresValue::Bigint(number) => query.bind(number),
        PostgresValue::Bytea(bytes) => query.bind(bytes),
    });
    let rows = query.fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    let row = |row: &PgRow| (0..row.len()).map(|column| row.try_get(column)).collect();
    rows.iter().map(row).collect()
}

fn failed(error: Error) -> PostgresError {
    let code = error.as_database_error().and_then(|error| error.code());
    PostgresError::new(code.map(std::borrow::Cow::into_owned), error)
}

impl PostgresExecutor for SqlxExecutor {
    fn execute<'a>(
        &'a self,
        statement: &'a str,
        parameters: &'a [PostgresValue],
    ) -> PostgresFuture<'a> {
        Box::pin(async move {
            let mut connection = Connection(None);
            let acquired = self.0.acquire().await.map_err(failed)?;
            let result = run(connection.0.insert(acquired), statement, parameters).await;
            let result = result.map_err(failed);
            if result.is_ok() {
                drop(connection.0.take());
            }
            result
        })
    }
}
