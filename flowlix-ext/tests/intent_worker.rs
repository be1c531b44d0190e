//! The worker: it finds out what became of payments, and reports each change until a handler has taken it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::intents::{
    HOUR, MASTERCARD, Moment, QUIET, RETURN_URL, Shop, action, cases, order, pay, paying, unknown,
    unpaid,
};
use common::{DECLINED, THREE_D_SECURE, VISA};
use flowlix_ext::Money;
use flowlix_ext::intents::{IntentChange, IntentStatus, Intents, Pass};
use flowlix_sandbox::{Fault, Matcher};

const BUDGET: Duration = Duration::from_secs(60);

/// A handler that notes what it is told, and fails so often first.
#[derive(Clone, Default)]
struct Notes {
    told: Arc<Mutex<Vec<(String, u64, String)>>>,
    failures: Arc<AtomicUsize>,
}

impl Notes {
    fn failing(times: usize) -> Self {
        let notes = Self::default();
        notes.failures.store(times, Ordering::SeqCst);
        notes
    }

    async fn take(self, change: IntentChange) -> Result<(), String> {
        let failures = &self.failures;
        let fails = failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        });
        if fails.is_ok() {
            return Err("the shop's database is down".to_owned());
        }
        let told = (
            change.reference().to_owned(),
            change.sequence(),
            word(change.status()),
        );
        self.told.lock().unwrap().push(told);
        Ok(())
    }

    /// What was told of the order, the sequence numbers checked.
    fn order(&self) -> Vec<String> {
        let told = self.told.lock().unwrap();
        let of_order: Vec<_> = told.iter().filter(|told| told.0 == "order-1234").collect();
        assert!(
            of_order.is_sorted_by(|one, other| one.1 < other.1),
            "{of_order:?}"
        );
        of_order.iter().map(|told| told.2.clone()).collect()
    }
}

fn word(status: &IntentStatus) -> String {
    let text = format!("{status:?}");
    text.split(['(', ' ']).next().unwrap().to_owned()
}

async fn work(intents: &Intents, notes: &Notes) -> Pass {
    let notes = notes.clone();
    let done = intents
        .run_once(BUDGET, move |change| notes.clone().take(change))
        .await;
    done.unwrap()
}

/// A minute goes by, with a pass of another process every 10 s.
async fn work_on(shop: &Shop, notes: &Notes) {
    for _ in 0..6 {
        shop.stage.pass(Duration::from_secs(10));
        work(&shop.intents(), notes).await;
    }
}

#[tokio::test]
async fn every_change_is_reported_once_in_order() {
    for case in cases() {
        let (shop, notes) = (Shop::new(case).await, Notes::default());
        let first = paying(&shop.order(), DECLINED).within(Duration::ZERO);
        first.await.unwrap();
        work(&shop.intents(), &notes).await;
        shop.stage.sandbox.settle();
        work_on(&shop, &notes).await;
        let waiting = action(pay(&shop.order(), THREE_D_SECURE).await);
        shop.approve(&waiting);
        shop.stage.sandbox.settle();
        work_on(&shop, &notes).await;
        let expected = [
            "Processing",
            "Unpaid",
            "Processing",
            "ActionRequired",
            "Paid",
        ];
        assert_eq!(notes.order(), expected, "{case:?}");
        assert_eq!(work(&shop.intents(), &notes).await, Pass::default());
    }
}

/// Fault 5: the process dies after the handler has taken a change, and before that is stored; or the handler fails.
#[tokio::test]
async fn change_is_reported_until_it_is_acknowledged() {
    for case in cases() {
        let (shop, notes) = (Shop::new(case).await, Notes::default());
        pay(&shop.order(), VISA).await;
        let (store, crash) = shop.store().crashing(Moment::Before, 3);
        let dying = shop.intents_on(store);
        assert!(crash.or_done(work(&dying, &notes)).await.is_none());
        assert_eq!(notes.told.lock().unwrap().len(), 2, "{:?}", notes.told);
        // Another process goes on when the lease of the dead one is over.
        work(&shop.intents(), &notes).await;
        assert_eq!(notes.told.lock().unwrap().len(), 2);
        shop.stage.pass(Duration::from_secs(31));
        work(&shop.intents(), &notes).await;
        let told = notes.told.lock().unwrap().clone();
        assert_eq!(told.len(), 4);
        assert_eq!(
            told[..2],
            told[2..],
            "the same changes, with the same numbers"
        );
        shop.stage.pass(HOUR);
        work(&shop.intents(), &notes).await;
        assert_eq!(notes.told.lock().unwrap().len(), 4);
    }
}

#[tokio::test]
async fn handler_that_fails_is_called_again_after_a_pause() {
    for case in cases() {
        let (shop, notes) = (Shop::new(case).await, Notes::failing(3));
        pay(&shop.order(), VISA).await;
        let mut pauses = Vec::new();
        for _ in 0..20 {
            let done = work(&shop.intents(), &notes).await;
            pauses.push(done.failed);
            shop.stage.pass(Duration::from_secs(1));
        }
        // At once, after 1 s, after 2 s; then it works after 4 s.
        assert_eq!(pauses[..4], [1, 1, 0, 1], "{pauses:?}");
        assert_eq!(pauses.iter().sum::<u64>(), 3);
        assert_eq!(notes.order(), ["Processing", "Paid"]);
    }
}

/// One handler call panics; the others are not kept waiting.
#[tokio::test]
async fn handler_that_panics_delays_its_own_intent_only() {
    for case in cases() {
        let (shop, notes) = (Shop::new(case).await, Notes::default());
        pay(&shop.order(), VISA).await;
        let other = shop.intents().intent("order-1235", Money::eur(5_00));
        paying(&other, VISA).await.unwrap();
        let noted = notes.clone();
        let intents = shop.intents();
        let done = intents.run_once(BUDGET, move |change| {
            assert_ne!(change.reference(), "order-1234", "as the handler says");
            noted.clone().take(change)
        });
        let done = done.await.unwrap();
        assert_eq!((done.failed, done.reported), (1, 2));
        assert!(notes.order().is_empty());
        shop.stage.pass(Duration::from_secs(1));
        work(&shop.intents(), &notes).await;
        assert_eq!(notes.order(), ["Processing", "Paid"]);
    }
}

/// Faults 17 and 52: what became of a request is found without another `pay`, and asking does not postpone the answer.
#[tokio::test]
async fn unknown_outcomes_are_resolved() {
    for case in cases() {
        for arrives in [false, true] {
            let (shop, notes) = (Shop::new(case).await, Notes::default());
            let fault = if arrives {
                Fault::LoseAnswer
            } else {
                Fault::ResetBeforeReading
            };
            shop.inject_into_writes(fault);
            shop.stage.sandbox.set_list_lag(60);
            let certain = unknown(pay(&shop.order(), VISA).await);
            shop.heal();
            shop.stage.sandbox.settle();
            let mut minutes = 0;
            while !notes
                .order()
                .iter()
                .any(|told| told == "Paid" || told == "Unpaid")
            {
                shop.stage.pass(Duration::from_secs(60));
                work(&shop.intents(), &notes).await;
                if !arrives {
                    shop.order().status().await.unwrap();
                }
                minutes += 1;
                assert!(minutes < 60, "{notes:?}", notes = notes.order());
            }
            let last = if arrives { "Paid" } else { "Unpaid" };
            assert_eq!(notes.order(), ["OutcomeUnknown", last], "{case:?}");
            let now = flowlix_ext::runtime::Runtime::now(&shop.stage.time);
            if !arrives {
                let late = now.duration_since(certain.certain_from().unwrap()).unwrap();
                assert!(late <= Duration::from_secs(60), "{late:?}");
            } else {
                assert!(minutes <= 2, "{minutes}");
            }
        }
    }
}

#[tokio::test]
async fn late_charge_after_absence_is_reported() {
    for case in cases() {
        let (shop, notes) = (Shop::new(case).await, Notes::default());
        shop.drop_late_card().await;
        shop.stage.pass(QUIET);
        work(&shop.intents(), &notes).await;
        assert_eq!(notes.order().last().unwrap(), "Unpaid");
        shop.stage.sandbox.release_late();
        shop.stage.sandbox.settle();
        shop.stage.pass(2 * HOUR);
        work(&shop.intents(), &notes).await;
        assert_eq!(notes.order().last().unwrap(), "Paid");
    }
}

#[tokio::test]
async fn pending_refund_is_polled_to_its_end() {
    for case in cases() {
        let (shop, notes) = (Shop::new(case).await, Notes::default());
        pay(&shop.order(), VISA).await;
        let refund = shop
            .order()
            .refund("return-77")
            .amount(10_00)
            .within(Duration::ZERO);
        refund.await.unwrap();
        shop.stage.sandbox.settle();
        work_on(&shop, &notes).await;
        let history = shop.order().history().await.unwrap();
        assert_eq!(history.len(), 3, "{history:?}");
        assert_eq!(notes.order(), ["Processing", "Paid", "Paid"]);
        let IntentStatus::Paid(paid) = shop.order().status().await.unwrap() else {
            panic!()
        };
        assert_eq!(paid.refunded(), 10_00);
    }
}

/// Hundreds of open payments cost a few pages, and one request for each that has ended.
#[tokio::test]
async fn many_payments_are_polled_by_lists() {
    for case in cases().step_by(2) {
        let (shop, notes) = (Shop::new(case).await, Notes::default());
        let intents = shop.intents();
        for number in 0..230 {
            let intent = intents.intent(format!("order-{number}"), Money::eur(5_00));
            action(intent.pay_hosted(RETURN_URL).await.unwrap());
        }
        work(&intents, &notes).await;
        shop.stage.pass(Duration::from_secs(15));
        let ended = shop.stage.sandbox.ledger().payments()[17].id.clone();
        shop.stage.sandbox.complete_hosted(&ended, VISA).unwrap();
        shop.stage.sandbox.settle();
        let done = work(&intents, &notes).await;
        assert_eq!(done.retrieved, 1, "{done}");
        assert!(done.pages <= 8, "{done}");
        assert_eq!((done.reported, done.open), (1, 229), "{done}");
        let told = notes.told.lock().unwrap().clone();
        let (reference, _, last) = told.last().unwrap();
        assert_eq!((reference.as_str(), last.as_str()), ("order-17", "Paid"));
        assert_eq!(told.len(), 231);
    }
}

#[tokio::test]
async fn lists_that_fail_hide_nothing_for_long() {
    for case in cases().step_by(2) {
        let (shop, notes) = (Shop::new(case).await, Notes::default());
        pay(&shop.order(), THREE_D_SECURE).await;
        let reads = Matcher::method("GET");
        shop.stage
            .sandbox
            .inject_at(reads, Fault::status(500), 1000);
        shop.stage.sandbox.approve(&shop.payment().id).unwrap();
        work_on(&shop, &notes).await;
        assert_eq!(notes.order(), ["Processing", "ActionRequired"]);
        shop.stage.sandbox.clear_faults();
        work_on(&shop, &notes).await;
        assert_eq!(notes.order(), ["Processing", "ActionRequired", "Paid"]);
    }
}

/// Two processes do not poll twice, and do not report twice.
#[tokio::test]
async fn two_workers_share_the_work() {
    for case in cases() {
        let (shop, notes) = (Shop::new(case).await, Notes::default());
        for number in 0..5 {
            let intent = shop
                .intents()
                .intent(format!("order-{number}"), Money::eur(5_00));
            paying(&intent, VISA).within(Duration::ZERO).await.unwrap();
        }
        shop.stage.sandbox.settle();
        shop.stage.pass(Duration::from_secs(10));
        let (one, other) = (shop.intents(), shop.intents());
        let before = shop.stage.sandbox.requests().len();
        let (first, second) = tokio::join!(work(&one, &notes), work(&other, &notes));
        assert_eq!(first.reported + second.reported, 10, "{first} {second}");
        assert_eq!(notes.told.lock().unwrap().len(), 10);
        // One page of the newest payments shows what became of all five.
        assert_eq!(shop.stage.sandbox.requests().len() - before, 1);
    }
}

#[tokio::test]
async fn running_worker_ends_gracefully() {
    for case in cases() {
        let (shop, notes) = (Shop::new(case).await, Notes::default());
        pay(&shop.order(), VISA).await;
        let (begun, ended) = (
            Arc::new(tokio::sync::Notify::new()),
            Arc::new(tokio::sync::Notify::new()),
        );
        let (tell, wait, noted) = (begun.clone(), ended.clone(), notes.clone());
        let intents = shop.intents_at(
            shop.stage.sandbox.key(case.dialect),
            flowlix_ext::runtime::SystemRuntime::new(),
            shop.store(),
        );
        let worker = intents.run(move |change| {
            let (tell, wait, noted) = (tell.clone(), wait.clone(), noted.clone());
            async move {
                tell.notify_one();
                wait.notified().await;
                noted.take(change).await
            }
        });
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let worker = worker.concurrency(1).with_graceful_shutdown(async {
            let _ = stopped.await;
        });
        let worker = tokio::spawn(std::future::IntoFuture::into_future(worker));
        begun.notified().await;
        stop.send(()).unwrap();
        ended.notify_one();
        begun.notified().await;
        ended.notify_one();
        worker.await.unwrap();
        assert_eq!(notes.order(), ["Processing", "Paid"]);
        // The leases were given up: nobody has to wait.
        assert_eq!(work(&intents, &notes).await, Pass::default());
    }
}

/// A record that cannot be read stands in nobody's way.
#[tokio::test]
async fn unreadable_record_hides_nobody() {
    use flowlix_ext::intents::store::{IntentStore, RecordId, Scope, StoredRecord, Swap};

    for case in cases() {
        let (shop, notes) = (Shop::new(case).await, Notes::default());
        let id = RecordId::new(
            Scope::new("my-shop", flowlix_ext::Mode::Test),
            "0".repeat(32),
        );
        let record = StoredRecord::new(id, 1, "paid", Some(0), 0, b"{\"format\":1}".to_vec());
        let swap = shop.store().compare_and_set(&record).await.unwrap();
        assert_eq!(swap, Swap::Stored);
        pay(&shop.order(), MASTERCARD).await;
        let done = work(&shop.intents(), &notes).await;
        assert!(done.unreadable >= 1, "{done}");
        assert_eq!(notes.order(), ["Processing", "Paid"]);
        unpaid(
            order(&shop.intents_of_key(shop.stage.sandbox.live_key(case.dialect)))
                .status()
                .await
                .unwrap(),
        );
    }
}

/// The handler has seen changes that the store has lost: what comes after them has larger numbers.
#[tokio::test]
async fn restored_store_goes_on_with_larger_numbers() {
    for case in cases() {
        let (shop, notes) = (Shop::new(case).await, Notes::default());
        let copy = shop.backup().await;
        for _ in 0..3 {
            unpaid(pay(&shop.order(), DECLINED).await);
            shop.stage.pass(Duration::from_secs(60));
        }
        work(&shop.intents(), &notes).await;
        let before = notes.order().len();
        assert!(before >= 4);
        shop.restore(&copy).await;
        let now = flowlix_ext::runtime::Runtime::now(&shop.stage.time);
        shop.intents().reconcile(now - HOUR, now).await.unwrap();
        assert!(pay(&shop.order(), VISA).await.is_paid());
        work(&shop.intents(), &notes).await;
        // The numbers rise over the restore, as `order` checks.
        assert_eq!(notes.order().last().unwrap(), "Paid");
        assert!(notes.order().len() > before);
    }
}
