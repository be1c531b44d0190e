//! Databases of a test's own, gone afterwards.
#![allow(dead_code, unused_imports, clippy::unwrap_used)]

#[cfg(feature = "journal-postgres")]
pub(crate) use postgres::Schema;
use std::path::{Path, PathBuf};

/// A folder of its own, gone afterwards.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        crate::common::watch::everything();
        let path = std::env::temp_dir().join(crate::common::own_name(name));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("journal.sqlite")
    }

    #[cfg(feature = "journal-sqlite")]
    pub(crate) async fn open(&self) -> flowlix_ext::journal::SqliteJournal {
        flowlix_ext::journal::SqliteJournal::open(self.file()).unwrap()
    }

    /// Every byte of every file in it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(&self.0).unwrap();
        files
            .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(feature = "journal-postgres")]
mod postgres {
    use flowlix_ext::journal::PostgresJournal;
    use flowlix_ext::journal::tokio_postgres::{Client, Config, NoTls};

    const VARIABLE: &str = "FLOWLIX_TEST_POSTGRES";
    const USUAL: &str = "host=127.0.0.1 user=postgres connect_timeout=2";

    /// A schema of its own, gone afterwards, on the server that `FLOWLIX_TEST_POSTGRES` names (a connection
    /// string), or the one at the usual place. Where none answers, tests say so and end; where one was named it has to
    /// answer.
    pub(crate) struct Schema {
        admin: Client,
        name: String,
    }

    impl Schema {
        pub(crate) async fn new(name: &str) -> Option<Self> {
            crate::common::watch::everything();
            let named = std::env::var(VARIABLE).ok();
            let admin = match server().connect(NoTls).await {
                Ok((admin, connection)) => {
                    tokio::spawn(connection);
                    admin
                }
                Err(error) => {
                    assert!(
                        named.is_none(),
                        "{VARIABLE} names a server that fails: {error}"
                    );
                    eprintln!("NOT TESTED: no PostgreSQL answers at {USUAL}; set {VARIABLE}");
                    return None;
                }
            };
            let name = crate::common::own_name(name);
            admin
                .batch_execute(&format!("CREATE SCHEMA {name}"))
                .await
                .unwrap();
            Some(Self { admin, name })
        }

        pub(crate) fn name(&self) -> &str {
            &self.name
        }

        pub(crate) fn admin(&self) -> &Client {
            &self.admin
        }

        pub(crate) fn config(&self) -> Config {
            Self::config_of(&self.name)
        }

        /// What connects to a schema, in another process too.
        pub(crate) fn config_of(name: &str) -> Config {
            let mut config = server();
            config.options(format!("-c search_path={name}"));
            config.application_name(name);
            config
        }

        pub(crate) async fn open(&self) -> PostgresJournal {
            PostgresJournal::connect(self.config(), NoTls)
                .await
                .unwrap()
        }

        pub(crate) async fn close(self) {
            let drop = format!("DROP SCHEMA {} CASCADE", self.name);
            self.admin.batch_execute(&drop).await.unwrap();
        }
    }

    fn server() -> Config {
        let named = std::env::var(VARIABLE).ok();
        named.as_deref().unwrap_or(USUAL).parse().unwrap()
    }
}
