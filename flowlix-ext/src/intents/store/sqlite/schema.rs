//! The tables, and which versions of this SDK can use them.
//!
//! A migration is a step from one version of the tables to the next. Each step says which version of the tables an SDK
//! must know to use the file afterwards. During a deploy the new SDK migrates the file while the old SDK still runs: a
//! step that the old SDK can live with, such as a new column that may be null, keeps that number. Any other step raises the
//! number, and the old SDK refuses the file at its next call instead of writing what the new SDK cannot use.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::file::StoreFile;
use crate::intents::store::StoreError;

/// The newest version of the tables that this SDK knows.
const KNOWN: i64 = 2;

/// A step to the next version of the tables.
pub(super) struct Migration {
    version: i64,
    /// The version that an SDK must know to use the tables after this step.
    min_reader: i64,
    statements: &'static str,
}

/// All steps, in order.
pub(super) const MIGRATIONS: [Migration; 2] = [
    Migration {
    version: 1,
    min_reader: 1,
    statements: "
        CREATE TABLE flowlix_intents (
            merchant TEXT NOT NULL,
            mode TEXT NOT NULL,
            key TEXT NOT NULL,
            version INTEGER NOT NULL,
            state TEXT NOT NULL,
            due_at INTEGER,
            changed_at INTEGER NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (merchant, mode, key)
        ) STRICT;
        CREATE INDEX flowlix_intents_due ON flowlix_intents (merchant, mode, due_at, key)
            WHERE due_at IS NOT NULL;
    ",
    },
    Migration {
        version: 2,
        min_reader: 1,
        statements: "
        CREATE INDEX flowlix_intents_state ON flowlix_intents (merchant, mode, state, changed_at, key);
    ",
    },
];

/// Which version of the tables a file holds.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS flowlix_schema (
        only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
        version INTEGER NOT NULL,
        min_reader INTEGER NOT NULL
    ) STRICT;
";

/// What a file says of its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schema {
    version: i64,
    min_reader: i64,
}

impl Schema {
    const NONE: Self = Self {
        version: 0,
        min_reader: 0,
    };

    /// Fails when this SDK is too old for the tables.
    pub(super) fn check(self, file: &StoreFile) -> Result<(), StoreError> {
        if self.min_reader <= KNOWN {
            return Ok(());
        }
        let Self {
            version,
            min_reader,
        } = self;
        Err(StoreError::new(file.told(&format!(
            "was changed by a newer version of this SDK: its tables have version {version}, an SDK must know version \
             {min_reader} to use them, and this SDK knows version {KNOWN}; update flowlix-ext"
        ))))
    }
}

/// What the file says of its tables now: another process may have changed them.
pub(super) fn held(connection: &Connection) -> rusqlite::Result<Schema> {
    connection
        .prepare_cached("SELECT version, min_reader FROM flowlix_schema")?
        .query_row([], |row| {
            Ok(Schema {
                version: row.get(0)?,
                min_reader: row.get(1)?,
            })
        })
}

/// Takes all steps that the file lacks, in one transaction. Of several processes that open a new file one takes them.
pub(super) fn migrate(
    connection: &mut Connection,
    migrations: &[Migration],
) -> rusqlite::Result<Schema> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(SCHEMA)?;
    // SQLite opens a file that may not be written for reading. Even a write that changes nothing fails then.
    transaction.execute("DELETE FROM flowlix_schema WHERE 0", [])?;
    let mut schema = held(&transaction).optional()?.unwrap_or(Schema::NONE);
    for migration in migrations {
        if migration.version > schema.version {
            schema = step(&transaction, migration)?;
        }
    }
    transaction.commit()?;
    Ok(schema)
}

fn step(transaction: &Transaction, migration: &Migration) -> rusqlite::Result<Schema> {
    transaction.execute_batch(migration.statements)?;
    let schema = Schema {
        version: migration.version,
        min_reader: migration.min_reader,
    };
    transaction.execute(
        "INSERT INTO flowlix_schema (only_one, version, min_reader) VALUES (1, ?1, ?2)
         ON CONFLICT (only_one) DO UPDATE SET version = excluded.version, min_reader = excluded.min_reader",
        params![schema.version, schema.min_reader],
    )?;
    Ok(schema)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LATER: [Migration; 2] = [
        Migration {
            version: 3,
            min_reader: 1,
            statements: "ALTER TABLE flowlix_intents ADD COLUMN note TEXT DEFAULT 'none'",
        },
        Migration {
            version: 4,
            min_reader: 4,
            statements: "ALTER TABLE flowlix_intents RENAME COLUMN note TO remark",
        },
    ];

    fn memory() -> Connection {
        Connection::open_in_memory().unwrap()
    }

    fn remarks(connection: &Connection) -> i64 {
        let sql = "SELECT count(*) FROM flowlix_intents WHERE remark = 'none'";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn each_step_is_taken_once_and_keeps_the_records() {
        let mut connection = memory();
        let [third, fourth] = LATER;
        let first = migrate(&mut connection, &MIGRATIONS).unwrap();
        assert_eq!((first.version, first.min_reader), (2, 1));
        let insert =
            "INSERT INTO flowlix_intents VALUES ('shop', 'test', 'k', 1, 'paid', NULL, 0, x'')";
        connection.execute(insert, []).unwrap();
        let now = migrate(&mut connection, &[third]).unwrap();
        assert_eq!((now.version, now.min_reader), (3, 1));
        for _ in 0..2 {
            let now = migrate(&mut connection, std::slice::from_ref(&fourth)).unwrap();
            assert_eq!((now.version, now.min_reader), (4, 4));
            assert_eq!(remarks(&connection), 1);
        }
        let seen_by_old = migrate(&mut connection, &MIGRATIONS).unwrap();
        assert_eq!((seen_by_old.version, seen_by_old.min_reader), (4, 4));
    }

    #[test]
    fn all_steps_are_taken_or_none() {
        let mut connection = memory();
        let [third, mut fourth] = LATER;
        fourth.statements = "ALTER TABLE flowlix_intents RENAME COLUMN no_such_column TO remark";
        migrate(&mut connection, &MIGRATIONS).unwrap();
        migrate(&mut connection, &[third, fourth]).unwrap_err();
        let held = held(&connection).unwrap();
        assert_eq!((held.version, held.min_reader), (2, 1));
        let columns =
            "SELECT count(*) FROM pragma_table_info('flowlix_intents') WHERE name = 'note'";
        let notes: i64 = connection.query_row(columns, [], |row| row.get(0)).unwrap();
        assert_eq!(notes, 0);
    }

    #[test]
    fn this_sdk_knows_its_own_last_step() {
        let [.., last] = &MIGRATIONS;
        assert_eq!(last.version, KNOWN);
        let mut before = 0;
        for step in &MIGRATIONS {
            assert!(step.version > before && step.min_reader <= step.version);
            before = step.version;
        }
    }
}
