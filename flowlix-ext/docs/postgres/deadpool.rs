use deadpool_postgres::tokio_postgres::types::{ToSql, Type};
use deadpool_postgres::tokio_postgres::{Error, Row};
use deadpool_postgres::{Object, Pool};
use flowlix_ext::intents::store::postgres::{
    PostgresError, PostgresExecutor, PostgresFuture, PostgresRow, PostgresValue,
};

/// Runs statements on a pool of deadpool-postgres.
pub struct DeadpoolExecutor(pub Pool);

/// A connection that is closed, unless it was given back to the pool: a server that failed, or never answered, may be the
/// former primary of a failover.
struct Connection(Option<Object>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.take().map(Object::take);
    }
}

impl PostgresExecutor for DeadpoolExecutor {
    fn execute<'a>(
        &'a self,
        statement: &'a str,
        parameters: &'a [PostgresValue],
    ) -> PostgresFuture<'a> {
        Box::pin(async move {
            let object = self.0.get().await;
            let mut connection = Connection(None);
            let client = connection
                .0
                .insert(object.map_err(|error| PostgresError::new(None, error))?);
            let typed: Vec<(&(dyn ToSql + Sync), Type)> = parameters
                .iter()
                .map(|value| match value {
                    PostgresValue::Text(text) => (text as _, Type::TEXT),
                    PostgresValue::Bigint(number) => (number as _, Type::INT8),
                    PostgresValue::Bytea(bytes) => (bytes as _, Type::BYTEA),
                })
                .collect();
            // One round trip, and no named prepared statement: this works behind pgbouncer too.
            let answer = client.query_typed(statement, &typed).await;
            let read = answer.and_then(|rows| {
                let row = |row: &Row| (0..row.len()).map(|column| row.try_get(column)).collect();
                rows.iter().map(row).collect()
            });
            let failed = |error: Error| {
                PostgresError::new(error.code().map(|code| code.code().to_owned()), error)
            };
            let result: Result<Vec<PostgresRow>, _> = read.map_err(failed);
            if result.is_ok() {
                drop(connection.0.take());
            }
            result
        })
    }
}
