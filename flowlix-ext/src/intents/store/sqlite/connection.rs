//! How a SQLite file is created, opened and set up.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

/// How long a statement waits for another connection.
const BUSY: Duration = Duration::from_secs(5);
/// The pause between two requests for a lock that SQLite itself does not wait for.
const PAUSE: Duration = Duration::from_millis(5);

/// Opens an existing file. The path must be absolute: SQLite may take a relative one for a special name.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
}

/// Makes a connection wait for others, and a commit durable.
pub(crate) fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    write_ahead(connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // On macOS alone does a flush leave data in the drive's cache without this.
    connection.pragma_update(None, "fullfsync", "ON")
}

/// Switches a new file to the write-ahead log. SQLite refuses at once, instead of waiting, when another connection opens
/// the file at that moment.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let begun = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && begun.elapsed() < BUSY =>
            {
                std::thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
}

/// Creates the file for its owner alone, unless there is one.
pub(crate) fn create_for_owner(path: &Path) -> std::io::Result<()> {
    // Closing a file drops all locks that the process has on it. Nobody opens the new file before it is closed here.
    static CREATING: Mutex<()> = Mutex::new(());
    let _creating = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
