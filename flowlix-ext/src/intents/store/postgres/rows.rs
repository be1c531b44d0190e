//! Records as parameters and rows.

use super::executor::{PostgresRow, PostgresValue};
use crate::intents::store::{RecordId, ScanCursor, Scope, StoreError, StoredRecord};
use crate::key::Mode;

pub(super) fn text(text: &str) -> PostgresValue {
    PostgresValue::Text(text.to_owned())
}

fn scope(of: &Scope) -> [PostgresValue; 2] {
    let mode = match of.mode {
        Mode::Test => "test",
        Mode::Live => "live",
    };
    [text(&of.merchant), text(mode)]
}

/// $1 to $3.
pub(super) fn name(id: &RecordId) -> Vec<PostgresValue> {
    let [merchant, mode] = scope(&id.scope);
    vec![merchant, mode, text(&id.key)]
}

/// $1 to $4.
pub(super) fn name_and_version(id: &RecordId, version: i64) -> Vec<PostgresValue> {
    let mut parameters = name(id);
    parameters.push(PostgresValue::Bigint(Some(version)));
    parameters
}

/// $1 to $8.
pub(super) fn whole(record: &StoredRecord, version: i64) -> Vec<PostgresValue> {
    let mut parameters = name_and_version(&record.id, version);
    parameters.extend([
        text(&record.state),
        PostgresValue::Bigint(record.due_at),
        PostgresValue::Bigint(Some(record.changed_at)),
        PostgresValue::Bytea(record.body.clone()),
    ]);
    parameters
}

/// $1 to $4, and $5 and $6 behind a place.
pub(super) fn page(
    of: &Scope,
    what: PostgresValue,
    after: Option<&ScanCursor>,
    limit: u32,
) -> Vec<PostgresValue> {
    let mut parameters = scope(of).to_vec();
    parameters.extend([what, PostgresValue::Bigint(Some(limit.into()))]);
    if let Some(after) = after {
        parameters.extend([PostgresValue::Bigint(Some(after.at)), text(&after.key)]);
    }
    parameters
}

pub(super) fn bigint(row: &PostgresRow, column: usize) -> Option<i64> {
    Some(i64::from_be_bytes(row.column(column)?.try_into().ok()?))
}

fn string(row: &PostgresRow, column: usize) -> Option<String> {
    String::from_utf8(row.column(column)?.to_vec()).ok()
}

/// The record of a row; `None` when the row has none and stands for the tables alone.
pub(super) fn record(of: &Scope, row: &PostgresRow) -> Result<Option<StoredRecord>, StoreError> {
    if row.column(2).is_none() {
        return Ok(None);
    }
    let read = || {
        Some(StoredRecord {
            id: RecordId::new(of.clone(), string(row, 2)?),
            version: bigint(row, 3)?.try_into().ok()?,
            state: string(row, 4)?,
            due_at: bigint(row, 5),
            changed_at: bigint(row, 6)?,
            body: row.column(7)?.to_vec(),
        })
    };
    let unreadable = || StoreError::new("a row does not hold what a store writes");
    read().map(Some).ok_or_else(unreadable)
}
