//! A store that fails, hangs or holds what cannot be read: nothing is sent that is not recorded, nothing charged twice.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "common/intents_adverse.rs"]
mod intents_adverse;

use std::time::Duration;

use common::{DIALECTS, Stage, THREE_D_SECURE, VISA};
use flowlix_ext::Mode;
use flowlix_ext::Money;
use flowlix_ext::intents::store::{
    IntentStore, MemoryStore, RecordId, ScanCursor, Scope, StoreFuture, StoredRecord, Swap,
};
use flowlix_ext::intents::{IntentError, IntentErrorKind, IntentStatus, Intents, RefundStatus};
use flowlix_sandbox::{Dialect, Fault, Operation};
use intents_adverse::{
    FailingStore, HOWS, How, Method, intents, minutes, order, order_of, pay, paying, stage,
};

const METHODS: [Method; 2] = [Method::Load, Method::CompareAndSet];

/// Runs a test with every way to fail at every one of the first calls, once or for good.
async fn at_every_call<T: Future<Output = bool>>(
    test: impl Fn(Dialect, Method, usize, usize, How) -> T,
) {
    for dialect in DIALECTS {
        for method in METHODS {
            for how in HOWS {
                let does_it = matches!(how, How::DoesAndFails | How::DoesAndHangs);
                if method == Method::Load && does_it {
                    continue;
                }
                // A store that hangs for good uses up the time of any call; one that panics differs by its error.
                let is_brief = !matches!(how, How::Fails | How::DoesAndFails);
                let often: &[usize] = if is_brief { &[1] } else { &[1, 999] };
                for &times in often {
                    let mut number = 1;
                    // Until the calls are over before the trouble begins.
                    while test(dialect, method, number, times, how).await {
                        number += 1;
                        assert!(number < 30, "so many calls of a store");
                    }
                    // A `pay` learns from its first write whether there is a record.
                    assert!(
                        number > 1 || method == Method::Load,
                        "{method:?} is never called"
                    );
                }
            }
        }
    }
}

fn is_store_error(error: &IntentError) {
    assert_eq!(error.kind(), IntentErrorKind::Store, "{error}");
    assert!(error.store_error().is_some() && error.is_retryable());
    let text = error.to_string();
    let known = [
        "no space left on device",
        "the store did not answer in time",
        "the store panicked in ",
    ];
    assert!(known.iter().any(|known| text.contains(known)), "{text}");
}

/// What is true of the result of any call whose store has failed.
fn is_honest(stage: &Stage, result: &Result<IntentStatus, IntentError>, posts: usize) {
    let sent = stage.posts().len() - posts;
    match result {
        Ok(status) => {
            let charged = stage.sandbox.ledger().charges() > 0;
            assert!(!status.is_paid() || charged, "{status}");
            let unpaid = matches!(status, IntentStatus::Unpaid(_));
            assert!(!unpaid || !charged, "{status}");
        }
        Err(error) => {
            is_store_error(error);
            let says_not_sent = error.to_string().contains("nothing was sent");
            assert!(!says_not_sent || sent == 0, "{error}");
        }
    }
}

#[tokio::test]
async fn a_pay_with_a_failing_store_charges_once() {
    at_every_call(|dialect, method, number, times, how| async move {
        let stage = stage(dialect).await;
        let store = FailingStore::new(&stage);
        store.fail(method, number, times, how);
        let first = paying(&order(&stage, store.clone()), VISA).await;
        is_honest(&stage, &first, 0);
        let hit = store.heal() > 0;
        if method == Method::CompareAndSet && number == 1 {
            is_store_error(first.as_ref().unwrap_err());
            assert!(stage.posts().is_empty());
        }
        let again = pay(&order(&stage, store), "5555555555554444").await;
        assert!(matches!(again, IntentStatus::Paid(_)), "{again}");
        assert!(again.not_recorded().is_none());
        assert_eq!(
            stage.payments_and_charges(),
            (1, 1),
            "{method:?} {number} {how:?}"
        );
        hit
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_not_recorded_is_told() {
    for dialect in DIALECTS {
        for how in HOWS {
            let stage = stage(dialect).await;
            let store = FailingStore::new(&stage);
            store.fail(Method::CompareAndSet, 2, 999, how);
            let intent = order(&stage, store.clone());
            // Each failed write may take seconds.
            let status = paying(&intent, VISA).within(minutes(5)).await.unwrap();
            assert!(status.is_paid(), "{status}");
            assert!(status.not_recorded().is_some());
            assert_eq!(stage.payments_and_charges(), (1, 1));
            store.heal();
            let status = order(&stage, store).status().await.unwrap();
            assert!(
                status.is_paid() && status.not_recorded().is_none(),
                "{status}"
            );
        }
    }
}

#[tokio::test]
async fn what_a_later_write_has_recorded_is_recorded() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let store = FailingStore::new(&stage);
        store.fail(Method::CompareAndSet, 2, 1, How::Fails);
        let status = pay(&order(&stage, store.clone()), VISA).await;
        assert_eq!(store.heal(), 1);
        assert!(status.is_paid(), "{status}");
        assert!(
            status.not_recorded().is_none(),
            "the next write had all of it"
        );
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::status(503), 99);
        stage
            .sandbox
            .inject_at(Operation::ListPayments, Fault::status(503), 99);
        assert!(order(&stage, store).status().await.unwrap().is_paid());
    }
}

#[tokio::test]
async fn no_address_is_handed_out_without_a_record() {
    at_every_call(|dialect, method, number, times, how| async move {
        let stage = stage(dialect).await;
        let store = FailingStore::new(&stage);
        store.fail(method, number, times, how);
        let first = paying(&order(&stage, store.clone()), THREE_D_SECURE).await;
        is_honest(&stage, &first, 0);
        let hit = store.heal() > 0;
        let record = the_record(&store.memory).await;
        match &first {
            Ok(IntentStatus::ActionRequired(action)) => {
                let id = action.payment_id().unwrap().as_str();
                assert!(record.is_some_and(|record| record.contains(id)));
            }
            Ok(other) => assert!(other.not_recorded().is_some(), "{other}"),
            Err(error) => assert!(
                error
                    .status()
                    .is_none_or(|status| !matches!(status, IntentStatus::ActionRequired(_)))
            ),
        }
        let intent = order(&stage, store);
        let IntentStatus::ActionRequired(action) = pay(&intent, THREE_D_SECURE).await else {
            panic!("the challenge waits")
        };
        assert!(action.redirect_url().is_some());
        let id = action.payment_id().unwrap().as_str();
        stage.sandbox.approve(id).unwrap();
        assert!(intent.returned(None).await.unwrap().is_paid());
        assert_eq!(stage.payments_and_charges(), (1, 1));
        hit
    })
    .await;
}

#[tokio::test]
async fn a_hosted_page_is_not_handed_out_without_a_record() {
    for dialect in DIALECTS {
        for how in HOWS {
            let stage = stage(dialect).await;
            let store = FailingStore::new(&stage);
            store.fail(Method::CompareAndSet, 2, 999, how);
            let intent = order(&stage, store.clone());
            let error = intent.pay_hosted("https://shop.example.com/back").await;
            let error = error.unwrap_err();
            is_store_error(&error);
            assert!(!error.explain().contains("/pay/"), "{}", error.explain());
            store.heal();
            let status = intent.pay_hosted("https://shop.example.com/back").await;
            let IntentStatus::ActionRequired(action) = status.unwrap() else {
                panic!("the page waits")
            };
            assert!(action.redirect_url().is_some());
            assert_eq!(stage.payments_and_charges(), (1, 0));
        }
    }
}

#[tokio::test]
async fn a_return_with_a_failing_store_is_found_out_again() {
    at_every_call(|dialect, method, number, times, how| async move {
        let stage = stage(dialect).await;
        let store = FailingStore::new(&stage);
        let intent = order(&stage, store.clone());
        let IntentStatus::ActionRequired(action) = pay(&intent, THREE_D_SECURE).await else {
            panic!("no challenge")
        };
        let id = action.payment_id().unwrap().as_str();
        stage.sandbox.approve(id).unwrap();
        let posts = stage.posts().len();
        store.fail(method, number, times, how);
        let first = intent.returned(None).await;
        is_honest(&stage, &first, posts);
        let hit = store.heal() > 0;
        assert!(intent.returned(None).await.unwrap().is_paid());
        assert!(pay(&intent, VISA).await.is_paid());
        assert_eq!(stage.payments_and_charges(), (1, 1));
        hit
    })
    .await;
}

#[tokio::test]
async fn a_refund_with_a_failing_store_is_made_once() {
    at_every_call(|dialect, method, number, times, how| async move {
        let stage = stage(dialect).await;
        let store = FailingStore::new(&stage);
        let intent = order(&stage, store.clone());
        assert!(pay(&intent, VISA).await.is_paid());
        let refund = || intent.refund("return-77").amount(10_00);
        store.fail(method, number, times, how);
        let first = refund().await;
        let hit = store.heal() > 0;
        let made = stage.sandbox.ledger().refunds().count();
        match first {
            Ok(RefundStatus::Succeeded(info)) => {
                assert_eq!(made, 1);
                let missing = info.not_recorded().is_some();
                assert!(missing || times == 1 || !hit, "{method:?} {number} {how:?}");
            }
            Ok(other) => panic!("{other}"),
            Err(error) => {
                is_store_error(&error);
                assert_eq!(made, 0, "{method:?} {number} {how:?}: {error}");
            }
        }
        let again = refund().await.unwrap();
        assert!(matches!(again, RefundStatus::Succeeded(_)), "{again}");
        assert!(again.info().not_recorded().is_none());
        let ledger = stage.sandbox.ledger();
        assert_eq!(
            (ledger.refunds().count(), ledger.amount_refunded()),
            (1, 10_00)
        );
        hit
    })
    .await;
}

#[tokio::test]
async fn a_close_with_a_failing_store_closes_or_says_so() {
    at_every_call(|dialect, method, number, times, how| async move {
        let stage = stage(dialect).await;
        let store = FailingStore::new(&stage);
        let intent = order(&stage, store.clone());
        stage.sandbox.inject_at(
            Operation::CreateDirectPayment,
            Fault::declined("insufficient_funds"),
            1,
        );
        pay(&intent, VISA).await;
        store.fail(method, number, times, how);
        let first = intent.close().await;
        let hit = store.heal() > 0;
        let is_closed = the_record(&store.memory)
            .await
            .is_some_and(|record| !record.contains("\"closed_at\":null"));
        match first {
            Ok(IntentStatus::Unpaid(unpaid)) => assert!(unpaid.is_closed() && is_closed),
            Ok(other) => panic!("{other}"),
            Err(error) => {
                is_store_error(&error);
                let may_have_stored = matches!(how, How::DoesAndFails | How::DoesAndHangs);
                assert!(!is_closed || may_have_stored, "{number} {how:?}");
            }
        }
        let IntentStatus::Unpaid(unpaid) = intent.close().await.unwrap() else {
            panic!("not closed")
        };
        assert!(unpaid.is_closed());
        let error = paying(&intent, VISA).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::Closed);
        assert_eq!(stage.payments_and_charges(), (0, 0));
        hit
    })
    .await;
}

#[tokio::test]
async fn a_close_that_is_stored_does_not_fail() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let store = FailingStore::new(&stage);
        let intent = order(&stage, store.clone());
        pay(&intent, THREE_D_SECURE).await;
        let id = stage.sandbox.ledger().payments()[0].id.clone();
        stage.sandbox.decline(&id).unwrap();
        // The write of what the look shows fails, the write of the close does not.
        store.fail(Method::CompareAndSet, 1, 1, How::Fails);
        let IntentStatus::Unpaid(unpaid) = intent.close().await.unwrap() else {
            panic!("not closed")
        };
        assert!(unpaid.is_closed() && store.heal() == 1);
    }
}

#[tokio::test]
async fn a_lost_answer_and_a_failing_store_charge_once() {
    at_every_call(|dialect, method, number, times, how| async move {
        let stage = stage(dialect).await;
        let store = FailingStore::new(&stage);
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 2);
        store.fail(method, number, times, how);
        let first = paying(&order(&stage, store.clone()), VISA).await;
        is_honest(&stage, &first, 0);
        stage.sandbox.clear_faults();
        let hit = store.heal() > 0;
        let again = pay(&order(&stage, store), "5555555555554444").await;
        assert!(matches!(again, IntentStatus::Paid(_)), "{again}");
        assert_eq!(stage.payments_and_charges(), (1, 1));
        hit
    })
    .await;
}

#[tokio::test]
async fn a_decline_with_a_failing_store_is_still_told() {
    at_every_call(|dialect, method, number, times, how| async move {
        let stage = stage(dialect).await;
        let store = FailingStore::new(&stage);
        store.fail(method, number, times, how);
        let first = paying(&order(&stage, store.clone()), common::DECLINED).await;
        is_honest(&stage, &first, 0);
        let hit = store.heal() > 0;
        let again = pay(&order(&stage, store), VISA).await;
        assert!(matches!(again, IntentStatus::Paid(_)), "{again}");
        assert_eq!(stage.payments_and_charges().1, 1);
        hit
    })
    .await;
}

/// The body of the intent's record.
async fn the_record(store: &MemoryStore) -> Option<String> {
    let scope = Scope::new("my-shop", Mode::Test);
    let due = store.due(&scope, i64::MAX, None, 10).await.unwrap();
    let record = due.into_iter().find(|record| record.state != "witness");
    record.map(|record| String::from_utf8(record.body).unwrap())
}

/// The intent's stored record.
async fn stored(store: &MemoryStore) -> StoredRecord {
    let scope = Scope::new("my-shop", Mode::Test);
    let due = store.due(&scope, i64::MAX, None, 10).await.unwrap();
    due.into_iter().next().unwrap()
}

/// Puts a body into the record's place.
async fn damage(store: &MemoryStore, record: &StoredRecord, body: Vec<u8>) {
    let mut next = record.clone();
    next.version += 1;
    next.body = body;
    assert_eq!(store.compare_and_set(&next).await.unwrap(), Swap::Stored);
}

async fn nothing_is_done(stage: &Stage, intents: &Intents, key: &str, words: &str) {
    let requests = stage.sandbox.requests().len();
    let intent = order_of(intents);
    let errors = [
        paying(&intent, VISA).await.unwrap_err(),
        intent
            .pay_hosted("https://shop.example.com/back")
            .await
            .unwrap_err(),
        intent.status().await.unwrap_err(),
        intent.returned(None).await.unwrap_err(),
        intent.close().await.unwrap_err(),
        intent.refund("return-77").await.unwrap_err(),
        intent.attempts().await.unwrap_err(),
        intent.history().await.unwrap_err(),
        intents.get("order-1234").await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), IntentErrorKind::Store, "{error}");
        let text = error.to_string();
        assert!(text.contains(key) && text.contains(words), "{text}");
        assert!(!text.contains("order-1234 is secret"), "{text}");
    }
    assert_eq!(
        stage.sandbox.requests().len(),
        requests,
        "something was sent"
    );
}

#[tokio::test]
async fn an_unreadable_record_stops_its_intent_alone() {
    for dialect in DIALECTS {
        let bodies: [(&[u8], &str); 6] = [
            (b"\xff\xfe garbage", "cannot be read"),
            (b"", "cannot be read"),
            (br#"{"format":1,"record":{}}"#, "cannot be read"),
            (
                br#"{"format":1,"record":{"reference":"order-1234 is secret"}}"#,
                "cannot be read",
            ),
            (br#"{"format":2,"record":{"new":true}}"#, "later release"),
            (br#"{"format":4294967296,"record":{}}"#, "cannot be read"),
        ];
        for (body, words) in bodies {
            let stage = stage(dialect).await;
            let store = MemoryStore::new();
            let intents = intents(&stage, store.clone());
            pay(&order_of(&intents), VISA).await;
            let record = stored(&store).await;
            damage(&store, &record, body.to_vec()).await;
            nothing_is_done(&stage, &intents, &record.id.key, words).await;
            let other = intents.intent("order-1235", Money::eur(1_00));
            assert!(pay(&other, VISA).await.is_paid());
            assert_eq!(stage.payments_and_charges(), (2, 2));
        }
    }
}

#[tokio::test]
async fn the_record_of_another_intent_is_not_believed() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let store = MemoryStore::new();
        let intents = intents(&stage, store.clone());
        pay(&order_of(&intents), VISA).await;
        let record = stored(&store).await;
        let body = String::from_utf8(record.body.clone()).unwrap();
        let other = body.replace("order-1234", "order-9999");
        assert_ne!(body, other);
        damage(&store, &record, other.into_bytes()).await;
        nothing_is_done(&stage, &intents, &record.id.key, "another").await;
    }
}

/// A store that mixes its records up.
#[derive(Clone)]
struct Confused(MemoryStore);

impl Confused {
    fn other(id: &RecordId) -> RecordId {
        RecordId::new(id.scope.clone(), "00000000000000000000000000000000")
    }
}

impl IntentStore for Confused {
    fn load<'a>(&'a self, id: &'a RecordId) -> StoreFuture<'a, Option<StoredRecord>> {
        Box::pin(async move {
            let found = self.0.load(id).await?;
            Ok(found.map(|mut record| {
                record.id = Self::other(&record.id);
                record
            }))
        })
    }

    fn compare_and_set<'a>(&'a self, record: &'a StoredRecord) -> StoreFuture<'a, Swap> {
        Box::pin(async move {
            Ok(match self.0.compare_and_set(record).await? {
                Swap::Conflict(Some(mut held)) => {
                    held.id = Self::other(&held.id);
                    Swap::Conflict(Some(held))
                }
                other => other,
            })
        })
    }

    fn due<'a>(
        &'a self,
        scope: &'a Scope,
        until: i64,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        self.0.due(scope, until, after, limit)
    }

    fn in_state<'a>(
        &'a self,
        scope: &'a Scope,
        state: &'a str,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        self.0.in_state(scope, state, after, limit)
    }

    fn delete<'a>(&'a self, id: &'a RecordId, version: u64) -> StoreFuture<'a, bool> {
        self.0.delete(id, version)
    }
}

#[tokio::test]
async fn a_record_under_another_name_is_not_believed() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let store = MemoryStore::new();
        pay(&order(&stage, store.clone()), VISA).await;
        let record = stored(&store).await;
        let confused = intents(&stage, Confused(store));
        nothing_is_done(&stage, &confused, &record.id.key, "another").await;
    }
}

/// A store that refuses every write though nobody else writes.
#[tokio::test]
async fn a_store_that_never_stores_ends_the_call() {
    #[derive(Clone)]
    struct Refusing(MemoryStore);
    impl IntentStore for Refusing {
        fn load<'a>(&'a self, id: &'a RecordId) -> StoreFuture<'a, Option<StoredRecord>> {
            self.0.load(id)
        }
        fn compare_and_set<'a>(&'a self, _: &'a StoredRecord) -> StoreFuture<'a, Swap> {
            Box::pin(async { Ok(Swap::Conflict(None)) })
        }
        fn due<'a>(
            &'a self,
            scope: &'a Scope,
            until: i64,
            after: Option<&'a ScanCursor>,
            limit: u32,
        ) -> StoreFuture<'a, Vec<StoredRecord>> {
            self.0.due(scope, until, after, limit)
        }

        fn in_state<'a>(
            &'a self,
            scope: &'a Scope,
            state: &'a str,
            after: Option<&'a ScanCursor>,
            limit: u32,
        ) -> StoreFuture<'a, Vec<StoredRecord>> {
            self.0.in_state(scope, state, after, limit)
        }

        fn delete<'a>(&'a self, id: &'a RecordId, version: u64) -> StoreFuture<'a, bool> {
            self.0.delete(id, version)
        }
    }
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = order(&stage, Refusing(MemoryStore::new()));
        let error = paying(&intent, VISA).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::Store, "{error}");
        assert!(stage.posts().is_empty());
        let error = intent.close().await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::Store, "{error}");
    }
}

#[tokio::test]
async fn a_store_that_fails_for_hours_loses_nothing() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let store = FailingStore::new(&stage);
        let intent = order(&stage, store.clone());
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 99);
        stage.sandbox.set_list_lag(24 * 60 * 60);
        let status = pay(&intent, VISA).await;
        assert!(
            matches!(status, IntentStatus::OutcomeUnknown(_)),
            "{status}"
        );
        stage.sandbox.clear_faults();
        store.fail(Method::CompareAndSet, 1, 9999, How::Fails);
        for _ in 0..5 {
            let posts = stage.posts().len();
            is_store_error(&paying(&intent, VISA).await.unwrap_err());
            assert_eq!(stage.posts().len(), posts);
            stage.time.advance(minutes(60));
        }
        store.heal();
        let status = intent
            .pay(common::card(VISA))
            .return_url("https://shop.example.com/3ds");
        let status = status.within(Duration::from_secs(20)).await.unwrap();
        assert!(status.is_paid(), "{status}");
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_lost_refund_and_a_failing_store_refund_once() {
    at_every_call(|dialect, method, number, times, how| async move {
        let stage = stage(dialect).await;
        let store = FailingStore::new(&stage);
        let intent = order(&stage, store.clone());
        assert!(pay(&intent, VISA).await.is_paid());
        let refund = || intent.refund("return-77").amount(10_00);
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::LoseAnswer, 2);
        store.fail(method, number, times, how);
        let first = refund().await;
        stage.sandbox.clear_faults();
        let hit = store.heal() > 0;
        let made = stage.sandbox.ledger().refunds().count();
        match first {
            Ok(RefundStatus::Succeeded(_)) => assert_eq!(made, 1),
            Ok(RefundStatus::OutcomeUnknown(_) | RefundStatus::Pending(_)) => {}
            Ok(other) => panic!("{other}"),
            Err(error) => {
                is_store_error(&error);
                assert_eq!(made, 0, "{method:?} {number} {how:?}: {error}");
            }
        }
        let again = refund().await.unwrap();
        assert!(matches!(again, RefundStatus::Succeeded(_)), "{again}");
        assert_eq!(stage.sandbox.ledger().refunds().count(), 1);
        hit
    })
    .await;
}
