//! What a failed statement means for the store, by PostgreSQL's code for it.

/// The server or the transaction is read-only.
pub(super) const READ_ONLY: &str = "25006";
const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK: &str = "40P01";
const NO_SUCH_TABLE: &str = "42P01";
const NO_SUCH_COLUMN: &str = "42703";

/// What somebody can do about it.
pub(super) fn advice(sqlstate: Option<&str>) -> Option<&'static str> {
    Some(match sqlstate? {
        READ_ONLY => {
            "the server is read-only, as a former primary is after a failover; the next call works when the pool \
             connects to the new primary"
        }
        NO_SUCH_TABLE | "3F000" => {
            "the tables are not there; call PostgresStore::migrate, or let a database administrator run \
             PostgresStore::schema_sql"
        }
        "42501" => {
            "the role lacks a right; the text of PostgresStore::schema_sql creates the tables and names all rights that \
             the role needs"
        }
        // A prepared statement that is not there, or is there already.
        "26000" | "42P05" => {
            "a pooler gave the session to somebody else; behind a pooler in transaction mode the executor must not \
             prepare named statements"
        }
        _ => return None,
    })
}

/// Whether the statement certainly did nothing and may succeed when it runs again. Such an answer comes where the
/// database's own setting makes transactions repeatable or serializable.
pub(super) fn may_run_again(sqlstate: Option<&str>) -> bool {
    matches!(sqlstate, Some(SERIALIZATION_FAILURE | DEADLOCK))
}

/// Whether another process may have created the same tables at the same moment.
pub(super) fn lost_a_race(sqlstate: Option<&str>) -> bool {
    // The table, the schema or the row is there already.
    let is_there = matches!(sqlstate, Some("42P07" | "42P06" | "23505"));
    is_there || may_run_again(sqlstate)
}

/// Whether the tables are others than the statement expects.
pub(super) fn tables_differ(sqlstate: Option<&str>) -> bool {
    matches!(sqlstate, Some(NO_SUCH_TABLE | NO_SUCH_COLUMN))
}

/// Whether there is no such table.
pub(super) fn has_no_table(sqlstate: Option<&str>) -> bool {
    sqlstate == Some(NO_SUCH_TABLE)
}
