//! Several processes of a test, real ones.
//!
//! A test starts its own binary again, once for each process. Such a process plays the part that its environment
//! names: it says on its standard output what it comes to, and waits on its standard input for its cues.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::Stage;

/// What a process is to do, as JSON; set in the processes that a test starts.
const PART: &str = "FLOWLIX_TEST_PART";
/// Before each line that a process says, to tell it from the lines of the test harness.
const MARK: &str = "~ ";

/// What the processes share.
pub(crate) trait Place {
    /// What opens it in another process.
    fn address(&self) -> Value;
}

/// Runs a scenario, or a part of one in a process that it has started.
pub(crate) fn stage_or_play<P, F>(
    test: &str,
    play: fn(&tokio::runtime::Runtime, &Value),
    place: impl Future<Output = Option<P>>,
    scenario: F,
) where
    P: Place,
    F: AsyncFn(&str, Value),
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    if let Ok(part) = std::env::var(PART) {
        play(&runtime, &serde_json::from_str(&part).unwrap());
        return;
    }
    runtime.block_on(async {
        if let Some(place) = place.await {
            scenario(test, place.address()).await;
        }
    });
}

/// The processes of a test.
pub(crate) struct Troupe<'a> {
    test: &'a str,
    place: &'a Value,
    stage: &'a Stage,
    pub(crate) processes: Vec<Process>,
    says: Sender<(usize, Option<String>)>,
    said: Receiver<(usize, Option<String>)>,
}

pub(crate) struct Process {
    pub(crate) child: Child,
    cues: ChildStdin,
}

impl<'a> Troupe<'a> {
    pub(crate) fn new(test: &'a str, place: &'a Value, stage: &'a Stage) -> Self {
        let (says, said) = channel();
        Self {
            test,
            place,
            stage,
            processes: Vec::new(),
            says,
            said,
        }
    }

    /// Starts a process, and waits until it waits for its cue.
    pub(crate) fn start(&mut self, does: &str, order: &str, more: Value) -> usize {
        let mut part = json!({
            "does": does,
            "order": order,
            "place": self.place,
            "api_key": self.stage.sandbox.key(self.stage.dialect),
            "base_url": self.stage.sandbox.base_url(),
            "late_by": 0,
        });
        let members = part.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([self.test, "--exact", "--nocapture", "--test-threads=1"])
            .env(PART, part.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let number = self.processes.len();
        let (says, lines) = (self.says.clone(), child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                if let Some((_, said)) = line.split_once(MARK) {
                    let _ = says.send((number, Some(said.to_owned())));
                }
            }
            let _ = says.send((number, None));
        });
        let cues = child.stdin.take().unwrap();
        self.processes.push(Process { child, cues });
        assert_eq!(self.hear(), (number, "ready".to_owned()));
        number
    }

    pub(crate) fn tell(&mut self, number: usize, cue: &str) {
        writeln!(self.processes[number].cues, "{cue}").unwrap();
    }

    pub(crate) fn tell_all(&mut self, cue: &str) {
        for number in 0..self.processes.len() {
            self.tell(number, cue);
        }
    }

    /// What any process says next, or that it has ended.
    pub(crate) fn listen(&self) -> (usize, Option<String>) {
        // A process that hangs must not hang the test for ever.
        self.said.recv_timeout(Duration::from_secs(120)).unwrap()
    }

    /// What any process says next; who has said what it came to may end.
    pub(crate) fn hear(&self) -> (usize, String) {
        loop {
            if let (number, Some(said)) = self.listen() {
                return (number, said);
            }
        }
    }

    /// Waits for the end of a process, and returns what it has said until then.
    pub(crate) fn end(mut self, number: usize) -> (ExitStatus, Vec<String>) {
        let mut words = Vec::new();
        while let (_, Some(said)) = self.listen() {
            words.push(said);
        }
        (self.processes[number].child.wait().unwrap(), words)
    }

    /// One process alone, from its first cue to its end.
    pub(crate) fn alone(
        mut self,
        does: &str,
        order: &str,
        more: Value,
    ) -> (ExitStatus, Vec<String>) {
        let number = self.start(does, order, more);
        self.tell(number, "begin");
        self.tell(number, "go on");
        self.end(number)
    }
}

impl Drop for Troupe<'_> {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
    }
}

/// Tells the test.
pub(crate) fn say(words: &str) {
    println!("{MARK}{words}");
}

/// Waits for the test's cue.
pub(crate) fn await_cue(cue: &str) {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), cue);
}
