//! One file, several processes: real ones, which race, are killed, or may not write.
//!
//! A test starts its own binary again. Such a process plays the part that its environment names, and says on its
//! standard output what it comes to.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Lines, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use flowlix_ext::intents::store::{
    IntentStore, RecordId, SqliteStore, StoreError, StoredRecord, Swap, conformance, rusqlite,
};

use crate::common::databases::Folder;
use crate::common::watch;
use crate::record;
use crate::sqlite::file;

/// What a process does, and with which file; set in the processes that a test starts.
const PART: &str = "FLOWLIX_TEST_STORE_PART";
/// Before each line that a process says, to tell it from the lines of the test harness.
const MARK: &str = "~ ";
/// A user without rights.
const NOBODY: u32 = 65_534;
const CHANGES: u64 = 25;

fn say(words: &str) {
    println!("{MARK}{words}");
}

/// Runs a scenario, or the part of this process in one.
fn stage_or_play(scenario: impl Future<Output = ()>) {
    watch::everything();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        match std::env::var(PART) {
            Ok(part) => {
                let (does, path) = part.split_once(' ').unwrap();
                play(does, Path::new(path)).await;
            }
            Err(_) => scenario.await,
        }
    });
}

async fn play(does: &str, path: &Path) {
    say("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let store = match SqliteStore::open(path) {
        Ok(store) => store,
        Err(error) => return say(&format!("{error}")),
    };
    match does {
        "open" => say("opened"),
        "add" => {
            for _ in 0..CHANGES {
                add(&store).await;
            }
            say("added");
        }
        "write" => loop {
            match append(&store).await {
                Ok(version) => say(&format!("wrote {version}")),
                Err(error) => {
                    say(&format!("{error}"));
                    let held = store.load(&record("k").id).await.unwrap();
                    return say(&format!("holds {}", held.map_or(0, |held| held.version)));
                }
            }
        },
        other => panic!("nobody knows how to {other}"),
    }
}

/// The body says of which version it is, and is so long that it is written in several pieces.
fn at_version(id: &RecordId, version: u64) -> StoredRecord {
    let body = version.to_string().into_bytes().repeat(2000);
    StoredRecord::new(id.clone(), version, "written", Some(100), 100, body)
}

/// Stores the next version, whoever stored the one before.
async fn add(store: &SqliteStore) {
    let mut record = at_version(&record("k").id, 1);
    while let Swap::Conflict(held) = store.compare_and_set(&record).await.unwrap() {
        record = at_version(&record.id, held.map_or(1, |held| held.version + 1));
    }
}

async fn append(store: &SqliteStore) -> Result<u64, StoreError> {
    let held = store.load(&record("k").id).await?;
    let version = held.map_or(1, |held| held.version + 1);
    let next = at_version(&record("k").id, version);
    match store.compare_and_set(&next).await? {
        Swap::Stored => Ok(version),
        Swap::Conflict(_) => panic!("nobody else writes"),
    }
}

/// A process that waits for its cue.
struct Process {
    child: Child,
    says: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(test: &str, does: &str, path: &Path) -> Self {
        let program = std::env::current_exe().unwrap();
        Self::of(Command::new(program), test, does, path).unwrap()
    }

    fn of(mut command: Command, test: &str, does: &str, path: &Path) -> std::io::Result<Self> {
        let test = format!("processes::{test}");
        let mut child = command
            .args([&test, "--exact", "--nocapture", "--test-threads=1"])
            .env(PART, format!("{does} {}", path.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let says = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut process = Self { child, says };
        assert_eq!(process.hear().as_deref(), Some("ready"));
        Ok(process)
    }

    fn begin(&mut self) {
        let cues = self.child.stdin.as_mut().unwrap();
        writeln!(cues, "begin").unwrap();
    }

    /// What the process says next; nothing when it has ended.
    fn hear(&mut self) -> Option<String> {
        let mut lines = self.says.by_ref().map_while(Result::ok);
        lines.find_map(|line| Some(line.split_once(MARK)?.1.to_owned()))
    }

    /// All that the process says from its cue to its end.
    fn hear_all(mut self) -> Vec<String> {
        self.begin();
        let said = std::iter::from_fn(|| self.hear()).collect();
        assert!(self.child.wait().unwrap().success());
        said
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The version that the file holds, whole.
async fn held(store: &SqliteStore) -> u64 {
    let held = store.load(&record("k").id).await.unwrap();
    let version = held.as_ref().map_or(0, |held| held.version);
    let expected = (version > 0).then(|| at_version(&record("k").id, version));
    assert_eq!(held.map(|held| held.body), expected.map(|held| held.body));
    version
}

fn assert_whole(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let check = connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(check.as_deref(), Ok("ok"));
}

#[test]
fn processes_that_race_on_a_new_file_lose_nothing() {
    stage_or_play(async {
        let test = "processes_that_race_on_a_new_file_lose_nothing";
        for round in 0..3 {
            let folder = Folder::new(&format!("intents-race-{round}"));
            let start = |_| Process::start(test, "add", &file(&folder));
            let mut processes: Vec<Process> = (0..4).map(start).collect();
            processes.iter_mut().for_each(Process::begin);
            for process in &mut processes {
                assert_eq!(process.hear().as_deref(), Some("added"));
                assert!(process.child.wait().unwrap().success());
            }
            let store = SqliteStore::open(file(&folder)).unwrap();
            assert_eq!(held(&store).await, 4 * CHANGES);
            assert_whole(&file(&folder));
        }
    });
}

#[test]
fn a_process_that_is_killed_leaves_a_whole_file() {
    stage_or_play(async {
        let test = "a_process_that_is_killed_leaves_a_whole_file";
        let folder = Folder::new("intents-killed");
        let mut said = 0;
        for round in 1..=5 {
            let mut process = Process::start(test, "write", &file(&folder));
            process.begin();
            for _ in 0..round * 3 {
                let words = process.hear().unwrap();
                said = words.strip_prefix("wrote ").unwrap().parse().unwrap();
            }
            // SIGKILL, in the midst of whatever it is writing.
            process.child.kill().unwrap();
            process.child.wait().unwrap();
            while let Some(words) = process.hear() {
                said = words.strip_prefix("wrote ").unwrap().parse().unwrap();
            }
            let store = SqliteStore::open(file(&folder)).unwrap();
            let held = held(&store).await;
            assert!(held == said || held == said + 1, "{held} after {said}");
            assert_whole(&file(&folder));
        }
        let store = SqliteStore::open(file(&folder)).unwrap();
        conformance::check(&store).await.unwrap();
    });
}

#[test]
fn a_full_disk_is_an_error_and_costs_no_record() {
    stage_or_play(async {
        let test = "a_full_disk_is_an_error_and_costs_no_record";
        let folder = Folder::new("intents-full");
        // A limit for files stands for a disk that is full: writing fails, and no signal ends the process.
        let mut limited = Command::new("sh");
        let script = r#"trap "" XFSZ; ulimit -f 800; exec "$0" "$@""#;
        limited
            .args(["-c", script])
            .arg(std::env::current_exe().unwrap());
        let process = Process::of(limited, test, "write", &file(&folder)).unwrap();
        let mut said = process.hear_all();
        let (last, error) = (said.pop().unwrap(), said.pop().unwrap());
        let problem = error.strip_prefix(&format!("the store's file {} ", file(&folder).display()));
        let problem = problem.unwrap_or_else(|| panic!("{error}"));
        let causes = ["database or disk is full", "disk I/O error"];
        let is_named = |cause: &&str| problem.starts_with(&format!("cannot be written: {cause}"));
        assert!(causes.iter().any(is_named), "{error}");
        let versions = said.len();
        assert!(versions > 2, "{said:?}");
        assert_eq!(said.last(), Some(&format!("wrote {versions}")));
        assert_eq!(
            last,
            format!("holds {versions}"),
            "what was stored can still be read"
        );
        let store = SqliteStore::open(file(&folder)).unwrap();
        assert_eq!(held(&store).await, u64::try_from(versions).unwrap());
        append(&store).await.unwrap();
        assert_whole(&file(&folder));
    });
}

fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// What a user without rights hears who opens the file. Root may write everywhere, so root becomes nobody.
fn opened_without_rights(test: &str, path: &Path) -> Option<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let me = std::fs::metadata(path.parent().unwrap()).unwrap().uid();
    if me == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    match Process::of(command, test, "open", path) {
        Ok(process) => process.hear_all().pop(),
        Err(error) => {
            eprintln!("NOT TESTED: nobody cannot start the tests: {error}");
            None
        }
    }
}

#[test]
fn a_file_that_may_not_be_written_is_refused() {
    stage_or_play(async {
        let test = "a_file_that_may_not_be_written_is_refused";
        let folder = Folder::new("intents-rights");
        let (path, new) = (file(&folder), folder.path().join("new.sqlite"));
        append(&SqliteStore::open(&path).unwrap()).await.unwrap();
        for (of_folder, of_file, opened, expected) in [
            (0o777, 0o666, &new, "opened"),
            (0o777, 0o666, &path, "opened"),
            (
                0o777,
                0o444,
                &path,
                "cannot be used: attempt to write a readonly database",
            ),
            (
                0o777,
                0o000,
                &path,
                "cannot be used: unable to open database file",
            ),
            (0o555, 0o666, &path, "cannot be used: "),
            (0o555, 0o666, &new, "cannot be created: Permission denied"),
            (0o000, 0o666, &path, "cannot be created: Permission denied"),
        ] {
            let _ = std::fs::remove_file(&new);
            allow(&path, of_file);
            allow(folder.path(), of_folder);
            let said = opened_without_rights(test, opened);
            allow(folder.path(), 0o755);
            let Some(said) = said else {
                return;
            };
            let about = format!("the store's file {} ", opened.display());
            let problem = said.strip_prefix(&about).unwrap_or(&said);
            assert!(
                problem.starts_with(expected),
                "{of_folder:o} {of_file:o}: {said}"
            );
        }
        assert_eq!(held(&SqliteStore::open(&path).unwrap()).await, 1);
    });
}
