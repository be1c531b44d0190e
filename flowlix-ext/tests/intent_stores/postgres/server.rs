//! A database of a test's own, and pools of connections to it.

use std::time::Duration;

use deadpool_postgres::{Manager, Pool, Runtime};
use flowlix_ext::intents::store::PostgresStore;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use super::deadpool::DeadpoolExecutor;
use super::sqlx_executor::SqlxExecutor;

const SERVER: &str = "FLOWLIX_TEST_POSTGRES";
const POOLER: &str = "FLOWLIX_TEST_PGBOUNCER";
const CONNECTIONS: usize = 4;
const WAIT: Duration = Duration::from_secs(20);

/// A database of its own, on the server that `FLOWLIX_TEST_POSTGRES` names.
pub(crate) struct Database {
    server: Config,
    name: String,
    /// A connection to the database, with all rights.
    pub(crate) admin: Client,
}

pub(crate) async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn named(variable: &str) -> Option<Config> {
    let Ok(named) = std::env::var(variable) else {
        eprintln!("NOT TESTED: {variable} names no server; run the tests with .ci/postgres");
        return None;
    };
    Some(named.parse().unwrap())
}

impl Database {
    /// `None`, and a line that says so, where no server is named.
    pub(crate) async fn new(name: &str) -> Option<Self> {
        crate::common::watch::everything();
        let server = named(SERVER)?;
        let name = crate::common::own_name(name);
        let of_server = connect(&server).await;
        // In English, "a" comes before "B". The store must not care.
        let create = format!("CREATE DATABASE {name} TEMPLATE template0");
        let in_english = format!("{create} LOCALE_PROVIDER icu ICU_LOCALE 'en-US'");
        if let Err(error) = of_server.batch_execute(&in_english).await {
            eprintln!("NOT TESTED: a database in English, which PostgreSQL 15 knows: {error}");
            of_server.batch_execute(&create).await.unwrap();
        }
        let admin = connect(server.clone().dbname(&name)).await;
        Some(Self {
            server,
            name,
            admin,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) async fn close(self) {
        let of_server = connect(&self.server).await;
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        of_server.batch_execute(&drop).await.unwrap();
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.admin.batch_execute(sql).await.unwrap();
    }

    /// Another connection with all rights.
    pub(crate) async fn another_admin(&self) -> Client {
        connect(&self.config()).await
    }

    /// A role that may log in, and nothing else.
    pub(crate) async fn role(&self) -> String {
        let role = format!("{}_role", self.name);
        self.run(&format!(
            "DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN"
        ))
        .await;
        role
    }

    pub(crate) async fn drop_role(&self, role: &str) {
        self.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
            .await;
    }

    pub(crate) fn config(&self) -> Config {
        let mut config = self.server.clone();
        config.dbname(&self.name).application_name("store");
        config
    }

    pub(crate) fn deadpool(&self) -> Pool {
        deadpool(self.config())
    }

    /// A store on a pool of deadpool-postgres, with its tables.
    pub(crate) async fn store(&self) -> PostgresStore {
        let store = PostgresStore::new(DeadpoolExecutor(self.deadpool()));
        store.migrate().await.unwrap();
        store
    }

    /// A store on a pool of sqlx, with its tables.
    pub(crate) async fn sqlx_store(&self) -> PostgresStore {
        let store = PostgresStore::new(SqlxExecutor(sqlx_pool(&self.config())));
        store.migrate().await.unwrap();
        store
    }

    pub(crate) fn store_of(&self, role: &str) -> PostgresStore {
        PostgresStore::new(DeadpoolExecutor(deadpool(self.config().user(role).clone())))
    }

    /// What connects to this database through pgbouncer in transaction mode.
    pub(crate) fn through_pooler(&self) -> Option<Config> {
        let mut config = named(POOLER)?;
        config.dbname(&self.name);
        Some(config)
    }

    /// Ends the connections of the stores, as a failover and a restart do.
    pub(crate) async fn kill(&self) -> i64 {
        let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
        self.admin.query_one(kill, &[]).await.unwrap().get(0)
    }
}

pub(crate) fn deadpool(config: Config) -> Pool {
    Pool::builder(Manager::new(config, NoTls))
        .max_size(CONNECTIONS)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(WAIT))
        .recycle_timeout(Some(WAIT))
        .build()
        .unwrap()
}

pub(crate) fn sqlx_pool(config: &Config) -> PgPool {
    let options = PgConnectOptions::new_without_pgpass();
    let options = match config.get_hosts().first() {
        Some(Host::Unix(path)) => options.socket(path),
        Some(Host::Tcp(name)) => options.host(name),
        None => options,
    };
    let options = options
        .port(config.get_ports().first().copied().unwrap_or(5432))
        .username(config.get_user().unwrap())
        .database(config.get_dbname().unwrap())
        // It logs how long a statement took, and such a number may look like a CVC.
        .disable_statement_logging();
    PgPoolOptions::new()
        .max_connections(CONNECTIONS.try_into().unwrap())
        .acquire_timeout(WAIT)
        .connect_lazy_with(options)
}
