//! The statements of the store. Each is one transaction of its own.
//!
//! Every statement returns the version of the tables too, so that tables that this SDK does not know are noticed at once.
//! A statement that writes changes nothing then.
//!
//! Every column is returned as `bytea`: an executor needs no more than one type.

use super::schema::KNOWN;
use super::tables::Tables;

/// Texts that depend on nothing but the names of the tables.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) load: String,
    pub(super) insert: String,
    pub(super) update: String,
    pub(super) delete: String,
    pub(super) due: String,
    pub(super) due_behind: String,
    pub(super) in_state: String,
    pub(super) in_state_behind: String,
}

/// $1 and $2 are the scope in all of them.
const SCOPE: &str = "merchant = $1::text AND mode = $2::text";

impl Statements {
    pub(super) fn new(tables: &Tables) -> Self {
        // `due_at <= $3` keeps the scan in the index of what is due.
        let due = format!("{SCOPE} AND due_at <= $3::bigint");
        let in_state = format!("{SCOPE} AND state = $3::text");
        let behind =
            |rows: &str, by: &str| format!("{rows} AND ({by}, key) > ($5::bigint, $6::text)");
        let load = format!("{SCOPE} AND key = $3::text");
        Self {
            load: read(tables, &load, "", ""),
            insert: insert(tables),
            update: update(tables),
            delete: delete(tables),
            due: scan(tables, &due, "due_at"),
            due_behind: scan(tables, &behind(&due, "due_at"), "due_at"),
            in_state: scan(tables, &in_state, "changed_at"),
            in_state_behind: scan(tables, &behind(&in_state, "changed_at"), "changed_at"),
        }
    }
}

/// $4 is the limit.
fn scan(tables: &Tables, rows: &str, by: &str) -> String {
    let page = format!("ORDER BY {by}, key LIMIT $4::bigint");
    read(
        tables,
        rows,
        &page,
        &format!("ORDER BY found.{by}, found.key"),
    )
}

/// Reads records. A server that is read-only refuses the update, which changes nothing: a former primary would answer with
/// what was true before the failover, and a pooler must not send the statement to a replica.
fn read(tables: &Tables, rows: &str, page: &str, order: &str) -> String {
    let Tables {
        intents, versions, ..
    } = tables;
    format!(
        "WITH on_the_primary AS (UPDATE {intents} SET version = version WHERE false)
         SELECT int8send(tables.version), int8send(tables.min_reader), convert_to(found.key, 'UTF8'),
             int8send(found.version), convert_to(found.state, 'UTF8'), int8send(found.due_at),
             int8send(found.changed_at), found.body
         FROM {versions} AS tables LEFT JOIN LATERAL (
             SELECT key, version, state, due_at, changed_at, body FROM {intents} WHERE {rows} {page}
         ) AS found ON true
         WHERE tables.only_one = 1 {order}"
    )
}

fn insert(tables: &Tables) -> String {
    let intents = &tables.intents;
    write(
        tables,
        &format!(
            "INSERT INTO {intents} (merchant, mode, key, version, state, due_at, changed_at, body)
             SELECT $1::text, $2::text, $3::text, $4::bigint, $5::text, $6::bigint, $7::bigint, $8::bytea
             FROM tables WHERE tables.min_reader <= {KNOWN}
             ON CONFLICT (merchant, mode, key) DO NOTHING"
        ),
    )
}

fn update(tables: &Tables) -> String {
    let intents = &tables.intents;
    write(
        tables,
        &format!(
            "UPDATE {intents} AS held
             SET version = $4::bigint, state = $5::text, due_at = $6::bigint, changed_at = $7::bigint, body = $8::bytea
             FROM tables WHERE tables.min_reader <= {KNOWN}
                 AND {SCOPE} AND key = $3::text AND held.version = $4::bigint - 1"
        ),
    )
}

fn delete(tables: &Tables) -> String {
    let intents = &tables.intents;
    write(
        tables,
        &format!(
            "DELETE FROM {intents} AS held USING tables WHERE tables.min_reader <= {KNOWN}
                 AND {SCOPE} AND key = $3::text AND held.version = $4::bigint"
        ),
    )
}

/// Writes, and returns one row, whose third column is NULL when nothing was changed.
fn write(tables: &Tables, change: &str) -> String {
    let versions = &tables.versions;
    format!(
        "WITH tables AS (SELECT version, min_reader FROM {versions} WHERE only_one = 1),
         changed AS ({change} RETURNING key)
         SELECT int8send(tables.version), int8send(tables.min_reader), convert_to(changed.key, 'UTF8')
         FROM tables LEFT JOIN changed ON true"
    )
}
