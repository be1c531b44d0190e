//! Databases of a test's own, gone afterwards.
#![allow(dead_code, unused_imports, clippy::unwrap_used)]

#[cfg(feature = "journal-sqlite")]
pub(crate) use sqlite::Folder;

#[cfg(feature = "journal-postgres")]
pub(crate) use postgres::Schema;

#[cfg(feature = "journal-sqlite")]
mod sqlite {
    use std::path::PathBuf;

    use flowlix_ext::journal::SqliteJournal;

    /// A folder of its own, gone afterwards.
    pub(crate) struct Folder(pub(crate) PathBuf);

    impl Folder {
        pub(crate) fn new(name: &str) -> Self {
            let path = std::env::temp_dir();
            let path = path.join(format!("flowlix-journal-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub(crate) fn file(&self) -> PathBuf {
            self.0.join("journal.sqlite")
        }

        pub(crate) async fn open(&self) -> SqliteJournal {
            SqliteJournal::open(self.file()).unwrap()
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
}

/// Against the server that `FLOWLIX_TEST_POSTGRES` names (a connection string), or the one at the usual place.
/// Where none answers, the tests say so and end; where one was named it has to answer.
#[cfg(feature = "journal-postgres")]
mod postgres {
    use flowlix_ext::journal::PostgresJournal;
    use flowlix_ext::journal::tokio_postgres::{Client, Config, NoTls};

    const VARIABLE: &str = "FLOWLIX_TEST_POSTGRES";
    const USUAL: &str = "host=127.0.0.1 user=postgres connect_timeout=2";

    /// A schema of this test's own, gone afterwards.
    pub(crate) struct Schema {
        pub(crate) config: Config,
        pub(crate) admin: Client,
        pub(crate) name: String,
    }

    impl Schema {
        pub(crate) async fn new(name: &str) -> Option<Self> {
            let named = std::env::var(VARIABLE).ok();
            let config: Config = named.as_deref().unwrap_or(USUAL).parse().unwrap();
            let admin = match config.connect(NoTls).await {
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
            let name = format!("flowlix_{}_{name}", std::process::id());
            admin
                .batch_execute(&format!("CREATE SCHEMA {name}"))
                .await
                .unwrap();
            let config = Self::config(&name);
            Some(Self {
                config,
                admin,
                name,
            })
        }

        /// How this or another process connects to the schema of this name.
        pub(crate) fn config(name: &str) -> Config {
            let server = std::env::var(VARIABLE);
            let mut config: Config = server.as_deref().unwrap_or(USUAL).parse().unwrap();
            config.options(format!("-c search_path={name}"));
            config.application_name(name);
            config
        }

        pub(crate) async fn open(&self) -> PostgresJournal {
            PostgresJournal::connect(self.config.clone(), NoTls)
                .await
                .unwrap()
        }

        pub(crate) async fn close(self) {
            let drop = format!("DROP SCHEMA {} CASCADE", self.name);
            self.admin.batch_execute(&drop).await.unwrap();
        }
    }
}
