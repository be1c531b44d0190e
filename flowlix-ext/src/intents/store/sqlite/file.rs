//! The file of a store: where it is, and whether it is still there.

use std::path::{Path, PathBuf};

use super::connection::create_for_owner;
use crate::intents::store::StoreError;

/// What SQLite puts behind the name of a file for the files beside it, which hold what the file itself does not yet.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// A store's file.
pub(super) struct StoreFile {
    /// As the user gave it, made absolute: the working directory may change.
    path: PathBuf,
    /// The same without symbolic links, as SQLite opens it.
    resolved: PathBuf,
    /// The files that must stay what they are.
    watched: Vec<Watched>,
}

struct Watched {
    path: PathBuf,
    identity: Identity,
}

impl StoreFile {
    /// Finds the file, or creates an empty one.
    pub(super) fn create_or_find(given: &Path) -> Result<Self, StoreError> {
        if is_special(given) {
            let problem = "is a special name of SQLite, not the path of a file";
            return Err(StoreError::new(format!("{given:?} {problem}")));
        }
        let failed = |what: &'static str| {
            move |error| {
                StoreError::caused_by(
                    format!("the store's file {} {what}", given.display()),
                    error,
                )
            }
        };
        let path = std::path::absolute(given).map_err(failed("cannot be found"))?;
        create_for_owner(&path).map_err(failed("cannot be created"))?;
        let resolved = std::fs::canonicalize(&path).map_err(failed("cannot be found"))?;
        let metadata = std::fs::metadata(&resolved).map_err(failed("cannot be found"))?;
        if !metadata.is_file() {
            let problem = "is a folder or a device";
            return Err(StoreError::new(format!(
                "the store's file {} {problem}",
                given.display()
            )));
        }
        let watched = vec![Watched {
            path: path.clone(),
            identity: Identity::of(&metadata),
        }];
        Ok(Self {
            path,
            resolved,
            watched,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn resolved(&self) -> &Path {
        &self.resolved
    }

    /// Names the file and its problem on one line.
    pub(super) fn told(&self, problem: &str) -> String {
        format!("the store's file {} {problem}", self.path.display())
    }

    /// Begins to watch the companions too: they exist as long as SQLite has the file open.
    pub(super) fn watch(&mut self) -> Result<(), StoreError> {
        for suffix in COMPANIONS {
            let mut path = self.resolved.clone().into_os_string();
            path.push(suffix);
            let path = PathBuf::from(path);
            if let Ok(metadata) = std::fs::metadata(&path) {
                let identity = Identity::of(&metadata);
                self.watched.push(Watched { path, identity });
            }
        }
        // Another file may have come to this place before SQLite opened it.
        self.check()
    }

    /// Fails when a file that SQLite has open is no longer the one at its path.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        for Watched { path, identity } in &self.watched {
            let lost = || {
                format!(
                    "the store's file {} was removed or replaced while the store had it open: put it back, or open the store anew",
                    path.display()
                )
            };
            match std::fs::metadata(path) {
                Ok(metadata) if Identity::of(&metadata) == *identity => {}
                Ok(_) => return Err(StoreError::new(lost())),
                Err(error) => return Err(StoreError::caused_by(lost(), error)),
            }
        }
        Ok(())
    }
}

/// Names that SQLite does not take for paths.
fn is_special(path: &Path) -> bool {
    let name = path.as_os_str().as_encoded_bytes();
    let is_uri = name
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"file:"));
    name.is_empty() || name.eq_ignore_ascii_case(b":memory:") || is_uri
}

/// What tells a file from another one that is put in its place.
#[derive(PartialEq, Eq)]
struct Identity {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    inode: u64,
}

impl Identity {
    #[cfg(unix)]
    fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    #[cfg(not(unix))]
    fn of(_: &std::fs::Metadata) -> Self {
        Self {}
    }
}
