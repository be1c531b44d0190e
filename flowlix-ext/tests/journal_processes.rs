//! One journal, several processes: real ones, of which one wins, one dies, and another finds the truth.
//!
//! The clock of a process moves only on cue, so that who waits for another does so for as long as the test wants.
#![cfg(any(feature = "journal-sqlite", feature = "journal-postgres"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use common::processes::{Troupe, await_cue, say, stage_or_play};
use common::{DIALECTS, Stage, VISA, card};
use flowlix_ext::journal::{
    Journal, JournalFuture, Record, RecordId, SECRET_LENGTH, Scope, Unsettled,
};
use flowlix_ext::model::Payment;
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Error, Flowlix, IdempotencyKey, Money, Reply};
use flowlix_sandbox::{Fault, Matcher};
use serde_json::{Value, json};

/// In seconds, by when absence is certain.
const LATER: u64 = 27 * 60;

fn play(runtime: &tokio::runtime::Runtime, part: &Value) {
    let text = |name: &str| part[name].as_str().unwrap_or_default().to_owned();
    let start = ManualTime::START + part["late_by"].as_u64().unwrap();
    let time =
        ManualTime::stepped().starting_at(SystemTime::UNIX_EPOCH + Duration::from_secs(start));
    say("ready");
    await_cue("begin");
    let (does, order) = (text("does"), text("order"));
    let builder = Flowlix::builder(&text("api_key"))
        .base_url(text("base_url"))
        .runtime(time.clone());
    let journal = Mortal {
        journal: runtime.block_on(open(&part["place"])),
        stores: AtomicUsize::new(0),
        dies: text("dies"),
    };
    let flowlix = builder.journal(journal).max_attempts(1).build().unwrap();
    let task = runtime.spawn(async move {
        match does.as_str() {
            "recover" => {
                for write in flowlix.recover().await.unwrap().writes {
                    say(&format!("{}: {}", write.record.id.key, write.truth));
                }
            }
            "pay" => {
                let paying = flowlix
                    .payments()
                    .create_direct(Money::eur(49_99), card(VISA))
                    .return_url("https://shop.example.com/3ds");
                tell(paying.idempotency_key(key(&order)).await);
            }
            "page" => {
                let back = "https://shop.example.com/back";
                let page = flowlix.payments().create_hosted(Money::eur(49_99), back);
                tell(page.idempotency_key(key(&order)).await);
            }
            other => panic!("nobody knows how to {other}"),
        }
    });
    await_cue("go on");
    // From now on whoever waits does so in vain no longer: time passes as fast as it is waited for.
    let mut passed = 0;
    while !task.is_finished() {
        let delays = time.delays();
        for delay in &delays[passed..] {
            time.advance(*delay);
        }
        passed = delays.len();
        std::thread::yield_now();
    }
    runtime.block_on(task).unwrap();
}

fn key(order: &str) -> IdempotencyKey {
    IdempotencyKey::custom(order).unwrap()
}

fn tell(result: Result<Reply<Payment>, Error>) {
    say(&match result {
        Ok(payment) if payment.receipt().is_from_journal() => format!("known {}", payment.id),
        Ok(payment) => format!("sent {}", payment.id),
        Err(error) => format!("{:?}", error.kind()),
    });
}

/// A journal whose process dies right after the record is stored, or right before the outcome is.
struct Mortal {
    journal: Arc<dyn Journal>,
    stores: AtomicUsize,
    dies: String,
}

impl Journal for Mortal {
    fn secret(&self, proposal: [u8; SECRET_LENGTH]) -> JournalFuture<'_, [u8; SECRET_LENGTH]> {
        self.journal.secret(proposal)
    }
    fn load<'a>(&'a self, id: &'a RecordId) -> JournalFuture<'a, Option<Record>> {
        self.journal.load(id)
    }
    fn store<'a>(&'a self, record: &'a Record) -> JournalFuture<'a, bool> {
        Box::pin(async move {
            let number = self.stores.fetch_add(1, Ordering::SeqCst) + 1;
            if number == 2 && self.dies == "before storing the outcome" {
                std::process::abort();
            }
            let stored = self.journal.store(record).await;
            if number == 1 && self.dies == "after recording" {
                std::process::abort();
            }
            stored
        })
    }
    fn unsettled<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a RecordId>,
        limit: u32,
    ) -> JournalFuture<'a, Vec<Unsettled>> {
        self.journal.unsettled(scope, after, limit)
    }
    fn prune<'a>(&'a self, scope: &'a Scope, changed_before: i64) -> JournalFuture<'a, u64> {
        self.journal.prune(scope, changed_before)
    }
}

async fn open(place: &Value) -> Arc<dyn Journal> {
    #[cfg(feature = "journal-sqlite")]
    if let Some(file) = place["file"].as_str() {
        return Arc::new(flowlix_ext::journal::SqliteJournal::open(file).unwrap());
    }
    #[cfg(feature = "journal-postgres")]
    if let Some(schema) = place["schema"].as_str() {
        use flowlix_ext::journal::{PostgresJournal, tokio_postgres::NoTls};
        let config = common::databases::Schema::config_of(schema);
        return Arc::new(PostgresJournal::connect(config, NoTls).await.unwrap());
    }
    panic!("no journal at {place}");
}

/// All open the journal for the first time, and use the key, at once.
async fn of_many_processes_with_one_key_one_sends(test: &str, place: Value) {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let mut troupe = Troupe::new(test, &place, &stage);
        let order = format!("order-{dialect:?}");
        for _ in 0..4 {
            troupe.start("pay", &order, json!({}));
        }
        stage
            .sandbox
            .inject_at(Matcher::method("POST"), Fault::StallAnswer, 1);
        troupe.tell_all("begin");
        stage.sandbox.wait_for_stalled(1).await;
        stage.sandbox.release_stalled();
        // The one that sent, and those that came after it; the others wait for cues.
        let mut said = vec![troupe.hear().1];
        while !said.iter().any(|words| words.starts_with("sent ")) {
            said.push(troupe.hear().1);
        }
        troupe.tell_all("go on");
        while said.len() < 4 {
            said.push(troupe.hear().1);
        }
        said.sort();
        let id = said[3].strip_prefix("sent ").unwrap();
        assert_eq!(said[..3], ["known"; 3].map(|known| format!("{known} {id}")));
        stage.assert_posts_identical(1);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

async fn of_two_operations_with_one_key_one_is_sent(test: &str, place: Value) {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let mut troupe = Troupe::new(test, &place, &stage);
        let order = format!("order-{dialect:?}");
        for does in ["pay", "page", "pay", "page"] {
            troupe.start(does, &order, json!({}));
        }
        stage
            .sandbox
            .inject_at(Matcher::method("POST"), Fault::StallAnswer, 1);
        troupe.tell_all("begin");
        stage.sandbox.wait_for_stalled(1).await;
        stage.sandbox.release_stalled();
        let mut said = vec![troupe.hear()];
        while !said.iter().any(|(_, words)| words.starts_with("sent ")) {
            said.push(troupe.hear());
        }
        troupe.tell_all("go on");
        while said.len() < 4 {
            said.push(troupe.hear());
        }
        let mut refused = 0;
        let winner = said.iter().find(|(_, words)| words.starts_with("sent "));
        let (winner, id) = winner.unwrap();
        let id = id.strip_prefix("sent ").unwrap();
        for (number, words) in said.iter().filter(|(number, _)| number != winner) {
            let is_twin = number % 2 == winner % 2;
            refused += usize::from(!is_twin);
            let expected = match is_twin {
                true => format!("known {id}"),
                false => "KeyReused".to_owned(),
            };
            assert_eq!(*words, expected);
        }
        assert_eq!(refused, 2);
        assert_eq!(stage.posts().len(), 1);
        assert_eq!(stage.payments_and_charges().0, 1);
    }
}

async fn what_became_of_processes_that_died_is_found_by_others(test: &str, place: Value) {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let troupe = || Troupe::new(test, &place, &stage);
        let order = |name: &str| format!("{name}-{dialect:?}");

        let dying = json!({"dies": "after recording"});
        let (end, words) = troupe().alone("pay", &order("recorded"), dying);
        assert!(!end.success() && words.is_empty() && stage.posts().is_empty());

        stage
            .sandbox
            .inject_at(Matcher::method("POST"), Fault::StallAnswer, 1);
        let mut killed = troupe();
        let number = killed.start("pay", &order("sent"), json!({}));
        killed.tell(number, "begin");
        stage.sandbox.wait_for_stalled(1).await;
        killed.processes[number].child.kill().unwrap();
        let (end, words) = killed.end(number);
        assert!(!end.success() && words.is_empty());
        stage.sandbox.release_stalled();

        let dying = json!({"dies": "before storing the outcome"});
        let (end, words) = troupe().alone("pay", &order("answered"), dying);
        assert!(!end.success() && words.is_empty());
        stage.sandbox.settle();
        stage.sandbox.clock().advance(Duration::from_secs(LATER));
        assert_eq!(stage.posts().len(), 2);

        // Two at once: each may find some settled by the other already, and neither tells anything else.
        let mut both = troupe();
        for _ in 0..2 {
            both.start("recover", "", json!({"late_by": LATER}));
        }
        both.tell_all("begin");
        both.tell_all("go on");
        let mut told: Vec<String> = Vec::new();
        let mut ended = 0;
        while ended < 2 {
            match both.listen() {
                (_, Some(words)) => told.push(words),
                (_, None) => ended += 1,
            }
        }
        for process in &mut both.processes {
            assert!(process.child.wait().unwrap().success());
        }
        told.sort();
        told.dedup();
        let ledger = stage.sandbox.ledger();
        let id = |name: &str| {
            let key = Some(order(name));
            let mut payments = ledger.payments().iter();
            let payment = payments.find(|payment| payment.idempotency_key == key);
            payment.unwrap().id.clone()
        };
        let expected = [
            format!("{}: charged, {}", order("answered"), id("answered")),
            format!("{}: not charged, there is no payment", order("recorded")),
            format!("{}: charged, {}", order("sent"), id("sent")),
        ];
        assert_eq!(told, expected);

        for (name, was_charged) in [("recorded", false), ("sent", true), ("answered", true)] {
            let late = json!({"late_by": LATER});
            let (end, words) = troupe().alone("pay", &order(name), late);
            assert!(end.success());
            assert_eq!(words[0].starts_with("known "), was_charged, "{words:?}");
        }
        assert_eq!(stage.posts().len(), 3, "one for each order");
        assert_eq!(stage.payments_and_charges(), (3, 3));
    }
}

async fn a_process_that_died_while_sending_is_taken_over_with_the_same_bytes(
    test: &str,
    place: Value,
) {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let order = format!("order-{dialect:?}");
        stage
            .sandbox
            .inject_at(Matcher::method("POST"), Fault::StallAnswer, 1);
        let mut killed = Troupe::new(test, &place, &stage);
        let number = killed.start("pay", &order, json!({}));
        killed.tell(number, "begin");
        stage.sandbox.wait_for_stalled(1).await;
        killed.processes[number].child.kill().unwrap();
        let (end, _) = killed.end(number);
        assert!(!end.success());
        stage.sandbox.release_stalled();
        // While the dead one still holds its record nobody else sends, and nobody claims to know.
        let troupe = || Troupe::new(test, &place, &stage);
        let (_, words) = troupe().alone("pay", &order, json!({}));
        assert_eq!(words, ["OutcomeUnknown"]);
        assert_eq!(stage.posts().len(), 1);
        let (_, words) = troupe().alone("pay", &order, json!({"late_by": 65}));
        let id = stage.sandbox.ledger().payments()[0].id.clone();
        assert_eq!(words, [format!("sent {id}")]);
        stage.assert_posts_identical(2);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

macro_rules! scenarios {
    ($store:ident: $($scenario:ident),+ $(,)?) => {$(
        #[test]
        fn $scenario() {
            let test = concat!(stringify!($store), "::", stringify!($scenario));
            crate::stage_or_play(test, crate::play, place(stringify!($scenario)), crate::$scenario);
        }
    )+};
}

macro_rules! all_scenarios {
    ($store:ident) => {
        scenarios!($store:
            of_many_processes_with_one_key_one_sends,
            of_two_operations_with_one_key_one_is_sent,
            what_became_of_processes_that_died_is_found_by_others,
            a_process_that_died_while_sending_is_taken_over_with_the_same_bytes,
        );
    };
}

#[cfg(feature = "journal-sqlite")]
mod sqlite {
    use serde_json::{Value, json};

    use crate::common::databases::Folder;

    impl crate::common::processes::Place for Folder {
        fn address(&self) -> Value {
            json!({"file": self.file().to_str().unwrap()})
        }
    }

    async fn place(name: &str) -> Option<Folder> {
        Some(Folder::new(name))
    }

    all_scenarios!(sqlite);
}

#[cfg(feature = "journal-postgres")]
mod postgres {
    use serde_json::{Value, json};

    use crate::common::databases::Schema;

    impl crate::common::processes::Place for Schema {
        fn address(&self) -> Value {
            json!({"schema": self.name()})
        }
    }

    /// Names of schemas are short.
    async fn place(name: &str) -> Option<Schema> {
        let words = name.split('_').map(|word| &word[..1]);
        Schema::new(&words.collect::<String>()).await
    }

    all_scenarios!(postgres);
}
