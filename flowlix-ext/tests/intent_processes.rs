//! One intent, several processes: real ones, which share a store and nothing else. One charges, one dies, and another
//! finds the truth.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::intents::{Files, Folder, Hooked, MASTERCARD, Moment, RETURN_URL, order, paying};
use common::processes::{Place, Troupe, await_cue, say, stage_or_play};
use common::{DIALECTS, Stage, THREE_D_SECURE, VISA};
use flowlix_ext::Flowlix;
use flowlix_ext::intents::store::IntentStore;
use flowlix_ext::intents::{IntentError, IntentStatus, Intents};
use flowlix_ext::testing::ManualTime;
use flowlix_sandbox::{Fault, Matcher};
use serde_json::{Value, json};

const HOUR: u64 = 60 * 60;

impl Place for (Folder, &'static str) {
    fn address(&self) -> Value {
        json!({"folder": self.0.path().to_str().unwrap(), "store": self.1})
    }
}

/// A folder for each dialect, in which the store is made by the first process that opens it.
fn open(place: &Value, name: &str) -> Arc<dyn IntentStore> {
    let folder = Path::new(place["folder"].as_str().unwrap()).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    match place["store"].as_str().unwrap() {
        "files" => Arc::new(Files(folder)),
        #[cfg(feature = "sqlite")]
        "sqlite" => {
            use flowlix_ext::intents::store::SqliteStore;
            Arc::new(SqliteStore::open(folder.join("intents.sqlite")).unwrap())
        }
        other => panic!("nobody knows the store {other}"),
    }
}

/// The part of one process. Its clock is its own, as on a machine of its own.
fn play(runtime: &tokio::runtime::Runtime, part: &Value) {
    let text = |name: &str| part[name].as_str().unwrap_or_default().to_owned();
    let start = ManualTime::START + part["late_by"].as_u64().unwrap();
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(start);
    let (does, name) = (text("does"), text("order"));
    let store = Hooked::of(open(&part["place"], &name));
    let write = usize::try_from(part["write"].as_u64().unwrap_or_default()).unwrap();
    let store = match text("dies").as_str() {
        "before" => store.aborting(Moment::Before, write),
        "after" => store.aborting(Moment::After, write),
        _ => store,
    };
    let flowlix = Flowlix::builder(&text("api_key"))
        .base_url(text("base_url"))
        .runtime(ManualTime::automatic().starting_at(start))
        .build()
        .unwrap();
    let intents = Intents::builder(flowlix, store).merchant("my-shop").build();
    let intent = order(&intents.unwrap());
    say("ready");
    await_cue("begin");
    let result = runtime.block_on(async {
        match does.as_str() {
            "look" => intent.status().await,
            "return" => intent.returned(None).await,
            "page" => intent.pay_hosted(RETURN_URL).await,
            "close" => intent.close().await,
            number => paying(&intent, number).await,
        }
    });
    say(&told(&result));
}

/// What a process says of a status: its name, and the payment.
fn told(result: &Result<IntentStatus, IntentError>) -> String {
    match result {
        Ok(IntentStatus::Paid(paid)) => format!("paid {}", paid.payment_id().unwrap()),
        Ok(IntentStatus::ActionRequired(action)) => {
            format!("action {}", action.payment_id().unwrap())
        }
        Ok(IntentStatus::Unpaid(_)) => "unpaid".to_owned(),
        Ok(IntentStatus::Processing(_)) => "processing".to_owned(),
        Ok(IntentStatus::OutcomeUnknown(_)) => "unknown".to_owned(),
        Ok(other) => other.to_string(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

/// The processes of one dialect.
struct Company<'a> {
    test: &'a str,
    place: &'a Value,
    stage: Stage,
    order: String,
}

impl<'a> Company<'a> {
    async fn new(test: &'a str, place: &'a Value, dialect: flowlix_sandbox::Dialect) -> Self {
        let stage = Stage::new(dialect).await;
        let order = format!("order-{dialect:?}");
        Self {
            test,
            place,
            stage,
            order,
        }
    }

    fn troupe(&self) -> Troupe<'_> {
        Troupe::new(self.test, self.place, &self.stage)
    }

    /// What one process alone comes to.
    fn alone(&self, does: &str, late_by: u64) -> String {
        let mut troupe = self.troupe();
        let number = troupe.start(does, &self.order, json!({"late_by": late_by}));
        troupe.tell(number, "begin");
        let (end, words) = troupe.end(number);
        assert!(end.success());
        words.concat()
    }

    /// What processes at the same moment come to.
    fn together(&self, parts: &[&str]) -> Vec<String> {
        let mut troupe = self.troupe();
        for does in parts {
            troupe.start(does, &self.order, json!({}));
        }
        troupe.tell_all("begin");
        let mut words: Vec<String> = parts.iter().map(|_| troupe.hear().1).collect();
        words.sort();
        words
    }

    /// The order is charged once, and a process that comes later says so, by which card it may.
    fn assert_paid_once(&self, late_by: u64) {
        for number in [MASTERCARD, VISA] {
            let words = self.alone(number, late_by);
            let ledger = self.stage.sandbox.ledger();
            let mut charged = ledger.payments().iter().filter(|payment| payment.charged);
            assert_eq!(words, format!("paid {}", charged.next().unwrap().id));
        }
        assert_eq!(self.stage.payments_and_charges().1, 1);
    }
}

async fn of_many_processes_one_charges(test: &str, place: Value) {
    for dialect in DIALECTS {
        let company = Company::new(test, &place, dialect).await;
        let words = company.together(&[VISA, MASTERCARD, VISA, MASTERCARD]);
        for word in &words {
            let is_true = ["paid ", "processing", "unknown"];
            assert!(
                is_true.iter().any(|begin| word.starts_with(begin)),
                "{words:?}"
            );
        }
        company.assert_paid_once(0);
        assert_eq!(company.stage.payments_and_charges(), (1, 1));
    }
}

async fn of_a_card_and_a_page_one_is_made(test: &str, place: Value) {
    for dialect in DIALECTS {
        let company = Company::new(test, &place, dialect).await;
        let words = company.together(&[VISA, "page"]);
        assert!(!words.contains(&"unpaid".to_owned()), "{words:?}");
        let ledger = company.stage.sandbox.ledger();
        assert_eq!(ledger.payments().len(), 1, "{words:?}");
        let id = &ledger.payments()[0].id;
        if company.stage.sandbox.complete_hosted(id, VISA).is_ok() {
            company.alone("return", 0);
        }
        company.assert_paid_once(0);
    }
}

async fn process_that_died_is_followed_by_another(test: &str, place: Value) {
    for dialect in DIALECTS {
        for late_by in [0, HOUR, 50 * HOUR] {
            for dies in ["before", "after"] {
                for write in 1..=3 {
                    let mut company = Company::new(test, &place, dialect).await;
                    company.order = format!("{}-{dies}-{write}-{late_by}", company.order);
                    let part = json!({"dies": dies, "write": write});
                    let mut dying = company.troupe();
                    let number = dying.start(VISA, &company.order, part);
                    dying.tell(number, "begin");
                    let (end, words) = dying.end(number);
                    assert!(!end.success() && words.is_empty());
                    let clock = company.stage.sandbox.clock();
                    clock.advance(Duration::from_secs(late_by));
                    company.assert_paid_once(late_by);
                    assert_eq!(company.stage.payments_and_charges(), (1, 1));
                }
            }
        }
    }
}

async fn process_killed_in_the_exchange_is_followed_by_another(test: &str, place: Value) {
    for dialect in DIALECTS {
        for fault in [Fault::Stall, Fault::StallAnswer] {
            let mut company = Company::new(test, &place, dialect).await;
            company.order = format!("{}-{fault:?}", company.order);
            let sandbox = company.stage.sandbox.clone();
            sandbox.inject_at(Matcher::method("POST"), fault.clone(), 1);
            let mut killed = company.troupe();
            let number = killed.start(VISA, &company.order, json!({}));
            killed.tell(number, "begin");
            sandbox.wait_for_stalled(1).await;
            killed.processes[number].child.kill().unwrap();
            let (end, words) = killed.end(number);
            assert!(!end.success() && words.is_empty());
            let told = company.alone("look", 0);
            assert_ne!(told, "unpaid", "{fault:?}");
            sandbox.release_stalled();
            company.assert_paid_once(0);
            assert_eq!(company.stage.payments_and_charges(), (1, 1));
        }
    }
}

async fn return_and_webhook_in_two_processes_agree(test: &str, place: Value) {
    for dialect in DIALECTS {
        let company = Company::new(test, &place, dialect).await;
        let action = company.alone(THREE_D_SECURE, 0);
        let id = action.strip_prefix("action ").unwrap();
        company.stage.sandbox.approve(id).unwrap();
        let words = company.together(&["return", "look", "look"]);
        for word in &words {
            assert!(
                word == "processing" || *word == format!("paid {id}"),
                "{words:?}"
            );
        }
        assert!(words.contains(&format!("paid {id}")), "{words:?}");
        company.assert_paid_once(0);
        assert_eq!(company.stage.posts().len(), 1);
    }
}

async fn close_beside_a_pay_is_told_the_truth(test: &str, place: Value) {
    for dialect in DIALECTS {
        let company = Company::new(test, &place, dialect).await;
        company.together(&["close", VISA]);
        let (payments, charges) = company.stage.payments_and_charges();
        assert!(payments <= 1 && payments == charges);
        let told = company.alone("look", 0);
        match charges {
            0 => assert_eq!(told, "unpaid"),
            _ => assert!(
                told.contains("charged") || told.starts_with("paid"),
                "{told}"
            ),
        }
        let later = company.alone(MASTERCARD, 0);
        assert!(later != "unpaid", "{later}");
        assert_eq!(company.stage.payments_and_charges(), (payments, charges));
    }
}

macro_rules! scenarios {
    ($store:ident: $($scenario:ident),+ $(,)?) => {$(
        #[test]
        fn $scenario() {
            let test = concat!(stringify!($store), "::", stringify!($scenario));
            let name = concat!(stringify!($store), "_", stringify!($scenario));
            let place = async { Some((crate::Folder::new(name), stringify!($store))) };
            crate::stage_or_play(test, crate::play, place, crate::$scenario);
        }
    )+};
}

macro_rules! all_scenarios {
    ($store:ident) => {
        mod $store {
            scenarios!($store:
                of_many_processes_one_charges,
                of_a_card_and_a_page_one_is_made,
                process_that_died_is_followed_by_another,
                process_killed_in_the_exchange_is_followed_by_another,
                return_and_webhook_in_two_processes_agree,
                close_beside_a_pay_is_told_the_truth,
            );
        }
    };
}

all_scenarios!(files);
#[cfg(feature = "sqlite")]
all_scenarios!(sqlite);
