//! Every store of webhook events keeps the same promises, over restarts and between processes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use flowlix_api::model::EventId;
use flowlix_ext::webhooks::{
    Claim, ClaimToken, Completion, EventStore, InMemoryEvents, StoreFuture, conformance,
};

#[tokio::test]
async fn memory_conforms() {
    common::watch::everything();
    conformance::check(&InMemoryEvents::default())
        .await
        .unwrap();
}

/// Breaks one promise at a time, so that the suite is known to notice.
struct Careless {
    store: InMemoryEvents,
    how: &'static str,
    /// The last token of each event.
    tokens: Mutex<HashMap<EventId, ClaimToken>>,
    completed: Mutex<HashMap<EventId, ClaimToken>>,
    claimed: Mutex<HashSet<EventId>>,
}

impl Careless {
    fn new(how: &'static str) -> Self {
        Self {
            store: InMemoryEvents::default(),
            how,
            tokens: Mutex::default(),
            completed: Mutex::default(),
            claimed: Mutex::default(),
        }
    }

    fn id(&self, id: &EventId) -> EventId {
        let text = match self.how {
            "ids in lower case" => id.as_str().to_lowercase(),
            "ids without space" => id.as_str().trim().to_owned(),
            _ => return id.clone(),
        };
        EventId::received(text).unwrap()
    }

    fn token(&self, id: &EventId) -> Option<ClaimToken> {
        self.tokens.lock().unwrap().get(id).copied()
    }
}

impl EventStore for Careless {
    fn claim<'a>(
        &'a self,
        id: &'a EventId,
        now: SystemTime,
        lease: Duration,
    ) -> StoreFuture<'a, Claim> {
        Box::pin(async move {
            let id = self.id(id);
            let lease = match self.how {
                "any lease" => lease.min(Duration::from_secs(24 * 60 * 60)),
                "leases in seconds" => Duration::from_secs(lease.as_secs()),
                _ => lease,
            };
            let seemed_free = !self.claimed.lock().unwrap().contains(&id);
            if self.how == "looks, then acts" {
                tokio::task::yield_now().await;
            }
            self.claimed.lock().unwrap().insert(id.clone());
            let claim = self.store.claim(&id, now, lease).await?;
            if let Claim::Granted { token, .. } = claim {
                self.tokens.lock().unwrap().insert(id.clone(), token);
            }
            let completed = self.completed.lock().unwrap().get(&id).copied();
            Ok(match (self.how, claim) {
                ("grants what is held", Claim::Held { .. }) => Claim::Granted {
                    token: ClaimToken::new(u64::MAX),
                    abandoned: true,
                },
                ("looks, then acts", Claim::Held { .. }) if seemed_free => Claim::Granted {
                    token: ClaimToken::new(u64::MAX),
                    abandoned: false,
                },
                ("tells nothing of abandoned ones", Claim::Granted { token, .. }) => {
                    Claim::Granted {
                        token,
                        abandoned: false,
                    }
                }
                ("one token for all", Claim::Granted { abandoned, .. }) => Claim::Granted {
                    token: ClaimToken::new(7),
                    abandoned,
                },
                ("pruned tokens again", Claim::Granted { token, abandoned }) => Claim::Granted {
                    token: completed.unwrap_or(token),
                    abandoned,
                },
                ("holds what is done", Claim::Done) => Claim::Held { until: now + lease },
                (_, claim) => claim,
            })
        })
    }

    fn complete<'a>(
        &'a self,
        id: &'a EventId,
        token: ClaimToken,
        now: SystemTime,
    ) -> StoreFuture<'a, Completion> {
        Box::pin(async move {
            let id = self.id(id);
            let known = self.token(&id);
            match self.how {
                "notes nothing" => return Ok(Completion::InTime),
                "believes nobody" if known != Some(token) => return Ok(Completion::LeaseLost),
                "believes no stranger" if known.is_none() => return Ok(Completion::LeaseLost),
                _ => {}
            }
            let token = match (self.how, known) {
                ("one token for all", Some(known)) => known,
                ("pruned tokens again", Some(known))
                    if self.completed.lock().unwrap().get(&id) == Some(&token) =>
                {
                    known
                }
                _ => token,
            };
            self.completed.lock().unwrap().insert(id.clone(), token);
            let completion = self.store.complete(&id, token, now).await?;
            Ok(match self.how {
                "always in time" => Completion::InTime,
                "never in time" => Completion::LeaseLost,
                _ => completion,
            })
        })
    }

    fn release<'a>(&'a self, id: &'a EventId, token: ClaimToken) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let id = self.id(id);
            let token = match (self.how, self.token(&id)) {
                ("releases for anybody" | "one token for all", Some(known)) => known,
                ("never releases", _) => return Ok(()),
                _ => token,
            };
            self.store.release(&id, token).await
        })
    }

    fn forget(&self, completed_before: SystemTime) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let claims = self.tokens.lock().unwrap().clone();
            match self.how {
                "prunes nothing" => return Ok(0),
                "prunes what is claimed" => {
                    for (id, token) in claims {
                        self.store.release(&id, token).await?;
                    }
                }
                "prunes the moment too" => {
                    let later = completed_before + Duration::from_nanos(1);
                    return self.store.forget(later).await;
                }
                "prunes all that is done" => {
                    let end = completed_before + Duration::from_secs(1 << 40);
                    return self.store.forget(end).await;
                }
                "counts badly" => return Ok(self.store.forget(completed_before).await? + 1),
                _ => {}
            }
            self.store.forget(completed_before).await
        })
    }
}

#[tokio::test]
async fn the_suite_notices_what_a_careless_store_does() {
    common::watch::everything();
    conformance::check(&Careless::new("nothing")).await.unwrap();
    for carelessness in [
        "ids in lower case",
        "ids without space",
        "any lease",
        "leases in seconds",
        "looks, then acts",
        "grants what is held",
        "tells nothing of abandoned ones",
        "one token for all",
        "holds what is done",
        "notes nothing",
        "believes nobody",
        "believes no stranger",
        "pruned tokens again",
        "always in time",
        "never in time",
        "releases for anybody",
        "never releases",
        "prunes nothing",
        "prunes what is claimed",
        "prunes the moment too",
        "prunes all that is done",
        "counts badly",
    ] {
        let broken = conformance::check(&Careless::new(carelessness)).await;
        let broken = broken.expect_err(carelessness);
        assert!(broken.to_string().contains(broken.promise), "{broken}");
    }
    // Two that do not share what they know are two stores, not two handles of one.
    let (one, other) = (InMemoryEvents::default(), InMemoryEvents::default());
    assert!(conformance::check_shared(&one, &other).await.is_err());
}

/// What a store on a disk keeps beyond the process.
#[cfg(any(feature = "journal-sqlite", feature = "journal-postgres"))]
mod durable {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use flowlix_api::model::EventId;
    use flowlix_ext::Mode;
    use flowlix_ext::journal::{Journal, Scope, conformance::sample};
    use flowlix_ext::webhooks::{Claim, ClaimToken, Completion, EventStore};

    const LEASE: Duration = Duration::from_secs(300);
    const START: u64 = 1_719_792_000;

    fn id(text: &str) -> EventId {
        EventId::received(text).unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(START + seconds)
    }

    async fn claim(store: &dyn EventStore, event: &str, at: SystemTime) -> Claim {
        store.claim(&id(event), at, LEASE).await.unwrap()
    }

    /// The token of a claim that must have been granted, and be abandoned or not as said.
    fn granted(claim: Claim, after_an_abandoned_one: bool) -> ClaimToken {
        match claim {
            Claim::Granted { token, abandoned } if abandoned == after_an_abandoned_one => token,
            other => panic!("{other:?} instead of a grant, abandoned: {after_an_abandoned_one}"),
        }
    }

    /// What was noted is there after a restart: `open` opens the same store anew.
    pub(crate) async fn survives<S: EventStore, F: Future<Output = S>>(open: impl Fn() -> F) {
        let before = open().await;
        let done = granted(claim(&before, "evt_done", at(0)).await, false);
        let completed = before.complete(&id("evt_done"), done, at(5)).await;
        assert_eq!(completed.unwrap(), Completion::InTime);
        let held = granted(claim(&before, "evt_held", at(0)).await, false);
        let released = granted(claim(&before, "evt_free", at(0)).await, false);
        before.release(&id("evt_free"), released).await.unwrap();
        drop(before);

        let after = open().await;
        assert_eq!(claim(&after, "evt_done", at(0)).await, Claim::Done);
        let until = at(300);
        assert_eq!(
            claim(&after, "evt_held", at(0)).await,
            Claim::Held { until }
        );
        let again = granted(claim(&after, "evt_free", at(0)).await, false);
        assert!(![done, held, released].contains(&again));
        let taken = granted(claim(&after, "evt_held", until).await, true);
        assert_ne!(held, taken);
        let late = after.complete(&id("evt_held"), held, until).await;
        assert_eq!(late.unwrap(), Completion::LeaseLost);
        assert_eq!(claim(&after, "evt_held", until).await, Claim::Done);
        drop(after);

        // When it was done is remembered too.
        let later = open().await;
        assert_eq!(later.forget(at(5)).await.unwrap(), 0);
        assert_eq!(later.forget(at(6)).await.unwrap(), 1);
        granted(claim(&later, "evt_done", at(6)).await, false);
        assert_eq!(claim(&later, "evt_held", at(6)).await, Claim::Done);
    }

    /// Whoever has both traits in scope calls the methods of either without saying whose they are.
    pub(crate) async fn is_a_journal_too<S: Journal + EventStore>(store: &S) {
        let scope = Scope::new("both", Mode::Test);
        let record = sample(scope.clone(), "k");
        let secret = store.secret([8; 32]).await.unwrap();
        assert_eq!(store.secret([9; 32]).await.unwrap(), secret);
        assert!(store.store(&record).await.unwrap());
        assert_eq!(store.load(&record.id).await.unwrap(), Some(record));
        assert_eq!(store.unsettled(&scope, None, 9).await.unwrap().len(), 1);
        assert_eq!(store.prune(&scope, i64::MAX).await.unwrap(), 0);

        let event = id("evt_both");
        let claim = store.claim(&event, at(7), LEASE).await.unwrap();
        let token = granted(claim, false);
        store.release(&event, token).await.unwrap();
        let completed = store.complete(&event, token, at(7)).await.unwrap();
        assert_eq!(completed, Completion::LeaseLost);
        assert!(store.forget(at(8)).await.unwrap() > 0);
        assert_eq!(store.unsettled(&scope, None, 9).await.unwrap().len(), 1);
    }

    /// A moment that no column holds, or an id that no index holds, is an error and no more.
    pub(crate) async fn refuses_what_it_cannot_keep(store: &dyn EventStore) {
        let far = UNIX_EPOCH + Duration::from_secs(300 * 366 * 24 * 60 * 60);
        assert!(store.claim(&id("evt_far"), far, LEASE).await.is_err());
        let token = granted(claim(store, "evt_far", at(0)).await, false);
        assert!(store.complete(&id("evt_far"), token, far).await.is_err());
        assert!(store.forget(far).await.is_err());
        let held = Claim::Held { until: at(300) };
        assert_eq!(claim(store, "evt_far", at(0)).await, held);

        // All letters different enough that compressing them does not help.
        let mut letters = 1_u32;
        let long: String = std::iter::repeat_with(|| {
            letters = letters.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from_u32(0x4e00 + (letters >> 18)).unwrap()
        })
        .take(100_000)
        .collect();
        if store.claim(&id(&long), at(0), LEASE).await.is_ok() {
            assert_eq!(claim(store, &long, at(0)).await, held);
        }
        granted(claim(store, "evt_next", at(0)).await, false);
    }

    /// Names the store to a child process, which is this program again, running one test.
    const PLACE: &str = "FLOWLIX_TEST_EVENT_STORE";
    /// Marks what a child says; the test harness prints into the same pipe.
    const SAYS: &str = "@says ";

    /// The store that a child was told to open.
    pub(crate) fn place() -> Option<String> {
        std::env::var(PLACE).ok()
    }

    /// The life of a child: it claims what it is told to, until nobody tells it any more.
    pub(crate) async fn serve(store: &dyn EventStore) {
        println!("\n{SAYS}ready");
        for line in std::io::stdin().lines() {
            let line = line.unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            let moment = |word: &str| at(word.parse().unwrap());
            let answer = match words[..] {
                ["claim", event, now] => {
                    format!("{:?}", claim(store, event, moment(now)).await)
                }
                ["complete", event, token, now] => {
                    let token = ClaimToken::new(token.parse().unwrap());
                    let completed = store.complete(&id(event), token, moment(now)).await;
                    format!("{:?}", completed.unwrap())
                }
                _ => panic!("{line}"),
            };
            println!("\n{SAYS}{answer}");
        }
    }

    struct Process {
        child: Child,
        input: ChildStdin,
        output: BufReader<ChildStdout>,
    }

    impl Process {
        fn start(test: &str, place: &str) -> Self {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", test, "--nocapture"])
                .env(PLACE, place)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let input = child.stdin.take().unwrap();
            let output = BufReader::new(child.stdout.take().unwrap());
            let mut process = Self {
                child,
                input,
                output,
            };
            assert_eq!(process.hear(), "ready");
            process
        }

        fn tell(&mut self, order: &str) {
            writeln!(self.input, "{order}").unwrap();
        }

        fn hear(&mut self) -> String {
            loop {
                let mut line = String::new();
                let length = self.output.read_line(&mut line).unwrap();
                assert_ne!(length, 0, "the process ended");
                if let Some(said) = line.strip_prefix(SAYS) {
                    return said.trim_end().to_owned();
                }
            }
        }

        fn ask(&mut self, order: &str) -> String {
            self.tell(order);
            self.hear()
        }

        /// Ends it as the operating system does, without a chance to tidy up.
        fn kill(mut self) {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }

        /// Ends it because nobody tells it anything any more; then its test must have passed.
        fn end(mut self) {
            drop(self.input);
            assert!(self.child.wait().unwrap().success());
        }
    }

    fn token_in(grant: &str) -> &str {
        let rest = grant.split_once("ClaimToken(").unwrap().1;
        rest.split_once(')').unwrap().0
    }

    const PROCESSES: usize = 3;
    const ROUNDS: usize = 25;

    /// Several processes claim one event at once, and one of them is granted it: when it is new, and when its
    /// holder was killed. `test` is the name of the calling test, which a child runs too.
    pub(crate) fn race_between_processes(test: &str, place: &str) {
        let mut processes: Vec<Process> = std::iter::repeat_with(|| Process::start(test, place))
            .take(PROCESSES)
            .collect();
        let winner = |processes: &mut [Process], event: &str, now: u64, abandoned: bool| {
            for process in processes.iter_mut() {
                process.tell(&format!("claim {event} {now}"));
            }
            let answers: Vec<String> = processes.iter_mut().map(Process::hear).collect();
            let end = format!("abandoned: {abandoned} }}");
            let granted =
                |answer: &&String| answer.starts_with("Granted") && answer.ends_with(&end);
            assert_eq!(answers.iter().filter(granted).count(), 1, "{answers:?}");
            let held = answers.iter().filter(|answer| answer.starts_with("Held"));
            assert_eq!(held.count(), processes.len() - 1, "{answers:?}");
            answers.iter().position(|answer| granted(&answer)).unwrap()
        };
        for round in 0..ROUNDS {
            let event = format!("evt_race_{round}");
            winner(&mut processes, &event, 0, false);
            // Nobody ended the claim, and at its end all want the event again.
            winner(&mut processes, &event, 300, true);
            // Another one has the head start.
            processes.rotate_left(1);
        }

        // The holder is killed; who takes over is told so, and ends it for all.
        let mut victim = processes.pop().unwrap();
        let grant = victim.ask("claim evt_killed 0");
        assert!(grant.ends_with("abandoned: false }"), "{grant}");
        victim.kill();
        for process in &mut processes {
            assert!(process.ask("claim evt_killed 299").starts_with("Held"));
        }
        let heir = winner(&mut processes, "evt_killed", 300, true);
        let held = processes[1 - heir].ask("claim evt_killed 300");
        assert!(held.starts_with("Held"), "{held}");
        // Had the victim only been slow, its completion would count, and would be known to come late.
        let token = token_in(&grant);
        let late = processes[1 - heir].ask(&format!("complete evt_killed {token} 300"));
        assert_eq!(late, "LeaseLost");
        for process in &mut processes {
            assert_eq!(process.ask("claim evt_killed 9999"), "Done");
        }

        // Killed in the middle of a claim, at whatever point: the claim took place or it did not.
        for round in 0..ROUNDS / 5 {
            let event = format!("evt_middle_{round}");
            let mut victim = Process::start(test, place);
            victim.tell(&format!("claim {event} 0"));
            victim.kill();
            let seen = processes[0].ask(&format!("claim {event} 0"));
            assert!(
                seen.starts_with("Held") || seen.ends_with("abandoned: false }"),
                "{seen}"
            );
            winner(&mut processes, &event, 300, true);
        }
        for process in processes {
            process.end();
        }
    }
}

#[cfg(feature = "journal-sqlite")]
mod sqlite {
    use flowlix_ext::journal::SqliteJournal;
    use flowlix_ext::webhooks::conformance;

    use crate::common::databases::Folder;
    use crate::durable;

    #[tokio::test]
    async fn it_conforms_and_survives() {
        let folder = Folder::new("events");
        durable::survives(|| folder.open()).await;
        let (one, other) = (folder.open().await, folder.open().await);
        conformance::check_shared(&one, &other).await.unwrap();
        durable::refuses_what_it_cannot_keep(&one).await;
        durable::is_a_journal_too(&one).await;
    }

    #[tokio::test]
    async fn of_several_processes_one_is_granted() {
        if let Some(file) = durable::place() {
            return durable::serve(&SqliteJournal::open(file).unwrap()).await;
        }
        let folder = Folder::new("processes");
        durable::race_between_processes(
            "sqlite::of_several_processes_one_is_granted",
            folder.file().to_str().unwrap(),
        );
    }
}

#[cfg(feature = "journal-postgres")]
mod postgres {
    use flowlix_ext::journal::PostgresJournal;
    use flowlix_ext::journal::tokio_postgres::NoTls;
    use flowlix_ext::webhooks::conformance;

    use crate::common::databases::Schema;
    use crate::durable;

    #[tokio::test]
    async fn it_conforms_and_survives() {
        let Some(schema) = Schema::new("events").await else {
            return;
        };
        durable::survives(|| schema.open()).await;
        let (one, other) = (schema.open().await, schema.open().await);
        conformance::check_shared(&one, &other).await.unwrap();
        durable::refuses_what_it_cannot_keep(&one).await;
        durable::is_a_journal_too(&one).await;
        schema.close().await;
    }

    #[tokio::test]
    async fn of_several_processes_one_is_granted() {
        if let Some(name) = durable::place() {
            let journal = PostgresJournal::connect(Schema::config_of(&name), NoTls).await;
            return durable::serve(&journal.unwrap()).await;
        }
        let Some(schema) = Schema::new("processes").await else {
            return;
        };
        durable::race_between_processes(
            "postgres::of_several_processes_one_is_granted",
            schema.name(),
        );
        schema.close().await;
    }
}
