//! The tables, and which versions of this SDK can use them.
//!
//! A migration is a step from one version of the tables to the next. Each step says which version of the tables an SDK
//! must know to use them afterwards. During a deploy the new SDK migrates the tables while the old SDK still runs: a
//! step that the old SDK can live with, such as a new column that may be null, keeps that number. Any other step raises
//! the number, and every statement of the old SDK refuses the tables from then on.

use std::fmt::Write as _;

use super::executor::PostgresRow;
use super::rows::bigint;
use super::tables::Tables;
use crate::intents::store::StoreError;

/// The newest version of the tables that this SDK knows.
pub(super) const KNOWN: i64 = 1;

/// A step to the next version of the tables.
pub(super) struct Migration {
    version: i64,
    /// The version that an SDK must know to use the tables after this step.
    min_reader: i64,
    statements: fn(&Tables) -> String,
}

/// All steps, in order.
pub(super) const MIGRATIONS: [Migration; 1] = [Migration {
    version: 1,
    min_reader: 1,
    statements: create,
}];

/// Keys and states compare by their bytes, whatever the database's language is. The index of states begins with the state:
/// while the server has no statistics, it would take the index for one that finds a single key.
fn create(tables: &Tables) -> String {
    let intents = &tables.intents;
    format!(
        r#"
        CREATE TABLE {intents} (
            merchant text COLLATE "C" NOT NULL,
            mode text COLLATE "C" NOT NULL,
            key text COLLATE "C" NOT NULL,
            version bigint NOT NULL CHECK (version > 0),
            state text COLLATE "C" NOT NULL,
            due_at bigint,
            changed_at bigint NOT NULL,
            body bytea NOT NULL,
            PRIMARY KEY (merchant, mode, key)
        );
        CREATE INDEX flowlix_intents_due ON {intents} (merchant, mode, due_at, key)
            WHERE due_at IS NOT NULL;
        CREATE INDEX flowlix_intents_state ON {intents} (state, merchant, mode, changed_at, key);"#
    )
}

/// What a database says of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schema {
    pub(super) version: i64,
    min_reader: i64,
}

impl Schema {
    /// The first two columns of a row of every statement.
    pub(super) fn of(row: &PostgresRow) -> Option<Self> {
        Some(Self {
            version: bigint(row, 0)?,
            min_reader: bigint(row, 1)?,
        })
    }

    /// Fails when this SDK is too old for the tables.
    pub(super) fn check(self, tables: &Tables) -> Result<(), StoreError> {
        if self.min_reader <= KNOWN {
            return Ok(());
        }
        let Self {
            version,
            min_reader,
        } = self;
        Err(StoreError::new(tables.told(&format!(
            "were changed by a newer version of this SDK: they have version {version}, an SDK must know version \
             {min_reader} to use them, and this SDK knows version {KNOWN}; update flowlix-ext"
        ))))
    }
}

/// What the tables are, by themselves.
pub(super) fn held(tables: &Tables) -> String {
    format!(
        "SELECT int8send(version), int8send(min_reader) FROM {} WHERE only_one = 1",
        tables.versions
    )
}

/// One statement that takes all steps that the tables lack, in one transaction.
///
/// Of several processes one takes the steps, and the others wait: the lock belongs to the transaction, hence to this
/// statement, not to the session.
pub(super) fn migrate(tables: &Tables, migrations: &[Migration]) -> String {
    let Tables { versions, .. } = tables;
    let mut body = String::from(
        "
DECLARE
    held bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(7310868735422788205);
",
    );
    if let Some(schema) = tables.schema() {
        let name = tables.dollar_quoted("name", schema);
        let _ = write!(
            body,
            "    IF to_regnamespace({name}) IS NULL THEN
        CREATE SCHEMA {schema};
    END IF;
"
        );
    }
    let name = tables.dollar_quoted("name", versions);
    let _ = write!(
        body,
        "    IF to_regclass({name}) IS NULL THEN
        CREATE TABLE {versions} (
            only_one bigint PRIMARY KEY CHECK (only_one = 1),
            version bigint NOT NULL,
            min_reader bigint NOT NULL
        );
    END IF;
    SELECT max(version) INTO held FROM {versions};
    held := coalesce(held, 0);
"
    );
    for migration in migrations {
        body.push_str(&step(tables, migration));
    }
    body.push_str("END\n");
    format!("DO {}", tables.dollar_quoted("flowlix", &body))
}

fn step(tables: &Tables, migration: &Migration) -> String {
    let Migration {
        version,
        min_reader,
        statements,
    } = migration;
    let (statements, versions) = (statements(tables), &tables.versions);
    let statements = statements.trim();
    format!(
        "    IF held < {version} THEN
        {statements}
        INSERT INTO {versions} VALUES (1, {version}, {min_reader})
            ON CONFLICT (only_one) DO UPDATE SET version = {version}, min_reader = {min_reader};
    END IF;
"
    )
}

/// The same for a database administrator, with the rights that a service needs.
pub(super) fn printed(tables: &Tables) -> String {
    let Tables {
        intents, versions, ..
    } = tables;
    let script = migrate(tables, &MIGRATIONS);
    let usage = tables
        .schema()
        .map(|schema| format!("--   GRANT USAGE ON SCHEMA {schema} TO the_role;\n"))
        .unwrap_or_default();
    format!(
        "-- The tables of flowlix-ext, version {KNOWN}. Running this again changes nothing.
{script};

-- The role of the service needs no more than these rights:
{usage}--   GRANT SELECT ON {versions} TO the_role;
--   GRANT SELECT, INSERT, UPDATE, DELETE ON {intents} TO the_role;
"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio_postgres::{Client, Config, NoTls};

    use super::*;

    const LATER: [Migration; 2] = [
        Migration {
            version: 2,
            min_reader: 1,
            statements: |tables| {
                let intents = &tables.intents;
                format!("ALTER TABLE {intents} ADD COLUMN note text DEFAULT 'none';")
            },
        },
        Migration {
            version: 3,
            min_reader: 3,
            statements: |tables| {
                let intents = &tables.intents;
                format!("ALTER TABLE {intents} RENAME COLUMN note TO remark;")
            },
        },
    ];

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

    /// A schema of its own on the server of `.ci/postgres`.
    async fn connect(name: &str) -> Option<(Client, Tables)> {
        let Ok(server) = std::env::var("FLOWLIX_TEST_POSTGRES") else {
            eprintln!("NOT TESTED: FLOWLIX_TEST_POSTGRES names no server");
            return None;
        };
        let server: Config = server.parse().unwrap();
        let (client, connection) = server.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        let tables = Tables::in_schema(&format!("{name} {}", std::process::id())).unwrap();
        Some((client, tables))
    }

    async fn close(client: Client, tables: &Tables) {
        let drop = format!("DROP SCHEMA {} CASCADE", tables.schema().unwrap());
        client.batch_execute(&drop).await.unwrap();
    }

    async fn schema(client: &Client, tables: &Tables) -> (i64, i64) {
        let rows = client.query(&held(tables), &[]).await.unwrap();
        let row = rows.first().unwrap();
        let schema = Schema::of(&PostgresRow::new(vec![row.get(0), row.get(1)])).unwrap();
        (schema.version, schema.min_reader)
    }

    #[tokio::test]
    async fn each_step_is_taken_once_and_keeps_the_records() {
        let Some((client, tables)) = connect("steps").await else {
            return;
        };
        let [first] = MIGRATIONS;
        let [second, third] = LATER;
        let all = [first, second, third];
        let [first, second, third] = [1, 2, 3].map(|to| migrate(&tables, all.get(..to).unwrap()));
        client.batch_execute(&first).await.unwrap();
        assert_eq!(schema(&client, &tables).await, (1, 1));
        let intents = &tables.intents;
        let insert =
            format!("INSERT INTO {intents} VALUES ('shop', 'test', 'k', 1, 'paid', NULL, 0, '')");
        client.batch_execute(&insert).await.unwrap();
        client.batch_execute(&second).await.unwrap();
        assert_eq!(schema(&client, &tables).await, (2, 1));
        for sdk in [&third, &third, &second, &first] {
            client.batch_execute(sdk).await.unwrap();
            assert_eq!(schema(&client, &tables).await, (3, 3));
            let kept = format!("SELECT FROM {intents} WHERE remark = 'none'");
            assert_eq!(client.query(&kept, &[]).await.unwrap().len(), 1);
        }
        close(client, &tables).await;
    }

    #[tokio::test]
    async fn all_steps_are_taken_or_none() {
        let Some((client, tables)) = connect("all or none").await else {
            return;
        };
        let [first] = MIGRATIONS;
        let [second, mut third] = LATER;
        third.statements = |_| "SELECT no_such_column FROM flowlix_nowhere;".to_owned();
        let all = [first, second, third];
        let first = migrate(&tables, all.get(..1).unwrap());
        client.batch_execute(&first).await.unwrap();
        client
            .batch_execute(&migrate(&tables, &all))
            .await
            .unwrap_err();
        assert_eq!(schema(&client, &tables).await, (1, 1));
        let note = format!("SELECT note FROM {}", tables.intents);
        client.query(&note, &[]).await.unwrap_err();
        close(client, &tables).await;
    }
}
