//! Who may create the tables, and where they are.

use flowlix_ext::intents::store::{PostgresStore, conformance};

use super::deadpool::DeadpoolExecutor;
use super::server::Database;
use super::{errors_of_every_call, problem, stored};
use crate::record;

/// Lines of the printed SQL that give rights.
fn rights(sql: &str, role: &str) -> String {
    let lines = sql.lines().filter_map(|line| line.strip_prefix("--   "));
    lines
        .collect::<Vec<_>>()
        .join("\n")
        .replace("the_role", role)
}

#[tokio::test]
async fn a_role_without_create_uses_tables_made_beforehand() {
    let Some(database) = Database::new("rights").await else {
        return;
    };
    let role = database.role().await;
    let store = database.store_of(&role);
    let printed = store.schema_sql();

    let error = store.migrate().await.unwrap_err();
    let expected = "cannot be created or upgraded: the role lacks a right; the text of PostgresStore::schema_sql creates \
                    the tables and names all rights that the role needs: ";
    assert!(problem(&error).starts_with(expected), "{error}");
    for error in errors_of_every_call(&store, &record("k")).await {
        let problem = problem(&error);
        let advice = "the tables are not there; call PostgresStore::migrate, or let a database administrator run \
                      PostgresStore::schema_sql: ";
        assert!(problem.contains(advice), "{problem}");
    }

    for _ in 0..2 {
        database.run(&printed).await;
    }
    for error in errors_of_every_call(&store, &record("k")).await {
        assert!(
            problem(&error).contains("the role lacks a right"),
            "{error}"
        );
    }
    database.run(&rights(&printed, &role)).await;
    store.migrate().await.unwrap();
    conformance::check(&store).await.unwrap();
    database.drop_role(&role).await;
    database.close().await;
}

#[tokio::test]
async fn a_schema_may_have_any_name() {
    let Some(database) = Database::new("schemas").await else {
        return;
    };
    let longest = "ß".repeat(31);
    let names = [
        "shop_payments",
        "Shop Payments",
        r#"a"b"#,
        "a'b",
        "a.b",
        r"a\b",
        "$name$ $flowlix$ $1 {} %s",
        r#""; DROP TABLE x; --"#,
        "select",
        "Грюсе 🧾",
        &longest,
    ];
    let pool = database.deadpool();
    for name in names {
        let store = PostgresStore::new(DeadpoolExecutor(pool.clone()));
        let store = store.schema(name).unwrap();
        for _ in 0..2 {
            store.migrate().await.unwrap();
        }
        database.run(&store.schema_sql()).await;
        stored(&store, &record("k")).await;
        conformance::check(&store).await.unwrap();
    }
    let found =
        "SELECT nspname::text FROM pg_namespace JOIN pg_class ON relnamespace = pg_namespace.oid
                 WHERE relname = 'flowlix_intents'";
    let rows = database.admin.query(found, &[]).await.unwrap();
    let mut found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let mut names = names.map(str::to_owned);
    found.sort();
    names.sort();
    assert_eq!(found, names);
    database.close().await;
}

#[tokio::test]
async fn a_role_uses_a_schema_made_beforehand() {
    let Some(database) = Database::new("schema_rights").await else {
        return;
    };
    let role = database.role().await;
    let store = database.store_of(&role).schema("Shop's").unwrap();
    let printed = store.schema_sql();
    database.run(&printed).await;
    database.run(&rights(&printed, &role)).await;
    store.migrate().await.unwrap();
    conformance::check(&store).await.unwrap();

    let elsewhere = database.store_of(&role).schema("elsewhere").unwrap();
    for error in errors_of_every_call(&elsewhere, &record("k")).await {
        let line = error.to_string();
        let beginning = "the store's tables in the PostgreSQL schema \"elsewhere\" cannot be ";
        assert!(line.starts_with(beginning), "{line}");
        assert!(line.contains("the tables are not there"), "{line}");
    }
    database.drop_role(&role).await;
    database.close().await;
}
