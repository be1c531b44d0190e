//! Records as rows of the table `flowlix_intents`.

use rusqlite::{Error, OptionalExtension, Row, ToSql, Transaction, params};

use crate::intents::store::{RecordId, ScanCursor, Scope, StoredRecord, Swap};
use crate::key::Mode;

/// What a scan found.
pub(super) struct Page {
    pub(super) records: Vec<StoredRecord>,
    /// How many rows were passed over because they cannot be read.
    pub(super) unreadable: u32,
}

/// What a scan selects: ?1 and ?2 are the scope, ?3 what is scanned for, ?4 and ?5 the place.
macro_rules! scan {
    ($by:literal, $rows:literal, $more:literal) => {
        concat!(
            "SELECT key, version, state, due_at, changed_at, body FROM flowlix_intents
             WHERE merchant = ?1 AND mode = ?2 AND ",
            $rows,
            $more,
            " ORDER BY ",
            $by,
            ", key"
        )
    };
}

// `due_at <= ?3` keeps the scan in the index of what is due.
const DUE: &str = scan!("due_at", "due_at <= ?3", "");
const DUE_BEHIND: &str = scan!("due_at", "due_at <= ?3", " AND (due_at, key) > (?4, ?5)");
const IN_STATE: &str = scan!("changed_at", "state = ?3", "");
const IN_STATE_BEHIND: &str = scan!(
    "changed_at",
    "state = ?3",
    " AND (changed_at, key) > (?4, ?5)"
);

const LOAD: &str = "SELECT key, version, state, due_at, changed_at, body FROM flowlix_intents
     WHERE merchant = ?1 AND mode = ?2 AND key = ?3";
const UPDATE: &str =
    "UPDATE flowlix_intents SET version = ?4, state = ?5, due_at = ?6, changed_at = ?7, body = ?8
     WHERE merchant = ?1 AND mode = ?2 AND key = ?3 AND version = ?4 - 1";
const DELETE: &str = "DELETE FROM flowlix_intents
     WHERE merchant = ?1 AND mode = ?2 AND key = ?3 AND version = ?4";

fn mode(scope: &Scope) -> &'static str {
    match scope.mode {
        Mode::Test => "test",
        Mode::Live => "live",
    }
}

pub(super) fn load(
    transaction: &Transaction,
    id: &RecordId,
) -> rusqlite::Result<Option<StoredRecord>> {
    transaction
        .prepare_cached(LOAD)?
        .query_row(params![id.scope.merchant, mode(&id.scope), id.key], |row| {
            record(&id.scope, row)
        })
        .optional()
}

pub(super) fn compare_and_set(
    transaction: &Transaction,
    record: &StoredRecord,
    version: i64,
) -> rusqlite::Result<Swap> {
    let statement = if version == 1 {
        "INSERT INTO flowlix_intents (merchant, mode, key, version, state, due_at, changed_at, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING"
    } else {
        UPDATE
    };
    let id = &record.id;
    let stored = transaction.prepare_cached(statement)?.execute(params![
        id.scope.merchant,
        mode(&id.scope),
        id.key,
        version,
        record.state,
        record.due_at,
        record.changed_at,
        record.body,
    ])?;
    match stored {
        0 => Ok(Swap::Conflict(load(transaction, id)?)),
        _ => Ok(Swap::Stored),
    }
}

pub(super) fn due(
    transaction: &Transaction,
    scope: &Scope,
    until: i64,
    after: Option<&ScanCursor>,
    limit: u32,
) -> rusqlite::Result<Page> {
    let statement = after.map_or(DUE, |_| DUE_BEHIND);
    scan(transaction, statement, scope, &until, after, limit)
}

pub(super) fn in_state(
    transaction: &Transaction,
    scope: &Scope,
    state: &str,
    after: Option<&ScanCursor>,
    limit: u32,
) -> rusqlite::Result<Page> {
    let statement = after.map_or(IN_STATE, |_| IN_STATE_BEHIND);
    scan(transaction, statement, scope, &state, after, limit)
}

fn scan(
    transaction: &Transaction,
    statement: &str,
    scope: &Scope,
    what: &dyn ToSql,
    after: Option<&ScanCursor>,
    limit: u32,
) -> rusqlite::Result<Page> {
    let mut statement = transaction.prepare_cached(statement)?;
    let (of, mode) = (&scope.merchant, mode(scope));
    let mut rows = match after {
        None => statement.query(params![of, mode, what])?,
        Some(after) => statement.query(params![of, mode, what, after.at, after.key])?,
    };
    let mut page = Page {
        records: Vec::new(),
        unreadable: 0,
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    while page.records.len() < limit {
        let Some(row) = rows.next()? else {
            break;
        };
        match record(scope, row) {
            Ok(record) => page.records.push(record),
            // The caller asks for what comes behind the last record of a full page, so no page ends at such a row.
            Err(_) => page.unreadable = page.unreadable.saturating_add(1),
        }
    }
    Ok(page)
}

pub(super) fn delete(
    transaction: &Transaction,
    id: &RecordId,
    version: i64,
) -> rusqlite::Result<bool> {
    let rows = transaction.prepare_cached(DELETE)?.execute(params![
        id.scope.merchant,
        mode(&id.scope),
        id.key,
        version
    ])?;
    Ok(rows > 0)
}

fn record(scope: &Scope, row: &Row) -> rusqlite::Result<StoredRecord> {
    let version: i64 = row.get(1)?;
    Ok(StoredRecord {
        id: RecordId::new(scope.clone(), row.get::<_, String>(0)?),
        version: u64::try_from(version).map_err(|_| Error::IntegralValueOutOfRange(1, version))?,
        state: row.get(2)?,
        due_at: row.get(3)?,
        changed_at: row.get(4)?,
        body: row.get(5)?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rusqlite::Connection;

    use super::super::schema::{MIGRATIONS, migrate};
    use super::*;

    #[test]
    fn a_statement_reads_only_its_records_and_sorts_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &MIGRATIONS).unwrap();
        let by_name = "SEARCH flowlix_intents USING INDEX sqlite_autoindex_flowlix_intents_1 (merchant=? AND mode=? AND \
                       key=?)";
        for (sql, expected) in [
            (LOAD, by_name),
            (UPDATE, by_name),
            (DELETE, by_name),
            (
                DUE,
                "SEARCH flowlix_intents USING INDEX flowlix_intents_due (merchant=? AND mode=? AND due_at<?)",
            ),
            (
                DUE_BEHIND,
                "SEARCH flowlix_intents USING INDEX flowlix_intents_due (merchant=? AND mode=? AND \
                 (due_at,key)>(?,?) AND due_at<?)",
            ),
            (
                IN_STATE,
                "SEARCH flowlix_intents USING INDEX flowlix_intents_state (merchant=? AND mode=? AND state=?)",
            ),
            (
                IN_STATE_BEHIND,
                "SEARCH flowlix_intents USING INDEX flowlix_intents_state (merchant=? AND mode=? AND state=? AND \
                 (changed_at,key)>(?,?))",
            ),
        ] {
            let mut plan = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                .unwrap();
            let unbound = vec![rusqlite::types::Null; plan.parameter_count()];
            let steps = plan
                .query_map(rusqlite::params_from_iter(unbound), |row| row.get(3))
                .unwrap();
            let steps: Vec<String> = steps.map(Result::unwrap).collect();
            assert_eq!(steps, [expected]);
        }
    }
}
