//! Comparing the store with Flowlix: a store that was restored from a copy knows again what was charged since.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::intents::{
    Case, HOUR, MASTERCARD, RETURN_URL, Shop, action, cases, order, pay, paying, unpaid,
};
use common::{DECLINED, THREE_D_SECURE, VISA};
use flowlix_ext::Money;
use flowlix_ext::intents::{IntentErrorKind, IntentStatus, Intents, Reconciled};
use flowlix_sandbox::{Dialect, Fault, Matcher, Operation};

/// The last day, as it is known now.
async fn reconcile(shop: &Shop, intents: &Intents, hours: u32) -> Reconciled {
    let now = flowlix_ext::runtime::Runtime::now(&shop.stage.time);
    intents.reconcile(now - hours * HOUR, now).await.unwrap()
}

/// A shop whose store is an older copy: the order was paid since, so many hours ago.
async fn restored(case: Case, was_known: bool, hours: u32) -> Shop {
    let shop = Shop::new(case).await;
    if was_known {
        shop.stage.sandbox.inject(Fault::declined("do_not_honor"));
        unpaid(pay(&shop.order(), VISA).await);
    }
    let copy = shop.backup().await;
    assert!(pay(&shop.order(), VISA).await.is_paid());
    shop.stage.pass(hours * HOUR);
    shop.restore(&copy).await;
    shop
}

/// Beyond the life of the key, with another API key, and by another way to pay: no key protects then.
#[tokio::test]
async fn restored_store_charges_once() {
    for case in cases() {
        for (was_known, hours) in [(false, 1), (true, 1), (false, 30), (true, 30)] {
            let shop = restored(case, was_known, hours).await;
            let sandbox = &shop.stage.sandbox;
            let key = match hours {
                1 => sandbox.rotated_key(case.dialect, 1),
                _ => sandbox.key(case.dialect).to_owned(),
            };
            let intents = shop.intents_of_key(&key);
            let found = reconcile(&shop, &intents, hours + 1).await;
            assert_eq!(found.updated, ["order-1234"], "{case:?}: {found:?}");
            assert_eq!((found.payments, found.unreadable), (1, 0));
            assert!(found.amounts_differ.is_empty() && found.without_intent.is_empty());
            let intent = order(&intents);
            let page = intent.pay_hosted(RETURN_URL).await.unwrap();
            assert!(matches!(page, IntentStatus::Paid(_)), "{page}");
            let status = pay(&intent, MASTERCARD).await;
            assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
            shop.assert_true(&status);
            assert_eq!(shop.charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn what_the_store_knows_stays_as_it_is() {
    for case in cases() {
        let shop = Shop::new(case).await;
        assert!(pay(&shop.order(), VISA).await.is_paid());
        let store = shop.store();
        let counts = store.counts();
        let intents = shop.intents_on(store);
        assert_eq!(
            reconcile(&shop, &intents, 1).await.updated,
            Vec::<String>::new()
        );
        assert_eq!(counts.take().writes, 0);
    }
}

/// A payment that waited in the copy and one that failed since, both told as they stand.
#[tokio::test]
async fn statuses_are_brought_up_to_date() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let waiting = action(pay(&shop.order(), THREE_D_SECURE).await);
        let copy = shop.backup().await;
        shop.approve(&waiting);
        assert!(shop.order().returned(None).await.unwrap().is_paid());
        let other = shop.intents().intent("order-1235", Money::eur(5_00));
        unpaid(paying(&other, DECLINED).await.unwrap());
        shop.restore(&copy).await;
        let found = reconcile(&shop, &shop.intents(), 1).await;
        assert_eq!(found.updated, ["order-1234", "order-1235"]);
        let history = shop.order().history().await.unwrap();
        assert_eq!(history.last().unwrap().state, "paid");
        let found = shop.intents().get("order-1235").await.unwrap().unwrap();
        assert_eq!(found.attempts().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn other_payments_and_other_amounts_are_told() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let by_hand = shop.stage.charged().await.id.clone();
        let copy = shop.backup().await;
        assert!(pay(&shop.order(), VISA).await.is_paid());
        shop.restore(&copy).await;
        // The cart has changed since, and the next request found the store as it was.
        shop.inject_into_writes(Fault::ResetBeforeReading);
        shop.stage.sandbox.set_list_lag(60);
        let other = shop.intents().intent("order-1234", Money::eur(50_00));
        let lost = paying(&other, VISA).await.unwrap();
        assert!(matches!(lost, IntentStatus::OutcomeUnknown(_)), "{lost}");
        shop.heal();
        let found = reconcile(&shop, &shop.intents(), 1).await;
        assert_eq!(found.without_intent, [by_hand]);
        assert_eq!(found.amounts_differ, ["order-1234"]);
        assert_eq!(found.updated, ["order-1234"]);
        let status = shop.order().status().await.unwrap();
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        assert_eq!(status.amount(), &Money::eur(49_99));
    }
}

/// Another merchant of the same account, and one whose payments bear a reference but not its mark.
#[tokio::test]
async fn payments_of_others_are_nobodys() {
    for dialect in [Dialect::SnakeCase, Dialect::Uppercase] {
        let case = cases().find(|case| case.dialect == dialect).unwrap();
        let shop = Shop::new(case).await;
        let flowlix = shop.stage.flowlix.clone();
        let store = flowlix_ext::intents::store::MemoryStore::new();
        let builder = Intents::builder(flowlix.clone(), store);
        let stranger = builder.merchant("other-shop").build().unwrap();
        assert!(pay(&order(&stranger), VISA).await.is_paid());
        let mut create = shop.stage.create();
        create = match dialect {
            Dialect::SnakeCase => create.metadata("merchant_reference", "order-1234"),
            Dialect::Uppercase => create.merchant_reference("order-1234"),
        };
        create.await.unwrap();
        let found = reconcile(&shop, &shop.intents(), 1).await;
        assert_eq!((found.payments, found.without_intent.len()), (2, 2));
        assert!(shop.intents().get("order-1234").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_list_that_breaks_off_is_an_error() {
    for case in cases() {
        let shop = restored(case, false, 1).await;
        let lists = Operation::ListPayments;
        let sandbox = &shop.stage.sandbox;
        sandbox.inject_at(lists, Fault::status(503), 1000);
        let now = flowlix_ext::runtime::Runtime::now(&shop.stage.time);
        let error = shop.intents().reconcile(now - 2 * HOUR, now).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::NotCarriedOut, "{error}");
        sandbox.clear_faults();
        // A payment that cannot be read is counted, and hides nobody.
        let damaged = Fault::alter(|body| body["data"][0]["status"] = serde_json::json!(5));
        sandbox.inject_at(Matcher::from(lists), damaged, 1);
        let found = reconcile(&shop, &shop.intents(), 2).await;
        assert_eq!((found.payments, found.unreadable), (1, 1));
        let again = reconcile(&shop, &shop.intents(), 2).await;
        assert_eq!(again.updated, ["order-1234"]);
        shop.stage.pass(Duration::from_secs(1));
        shop.assert_paid_once_by(VISA).await;
    }
}

/// The lists lag, or the API key is another merchant's: what the store knows is not shown.
#[tokio::test]
async fn payments_that_no_list_shows_are_told() {
    for case in cases() {
        let shop = Shop::new(case).await;
        assert!(pay(&shop.order(), VISA).await.is_paid());
        shop.stage.pass(HOUR);
        let other = shop.intents().intent("order-1235", Money::eur(5_00));
        assert!(paying(&other, VISA).await.unwrap().is_paid());
        shop.stage.sandbox.set_list_lag(60);
        shop.stage.pass(Duration::from_secs(30));
        let found = reconcile(&shop, &shop.intents(), 2).await;
        assert_eq!(found.without_payment, ["order-1235"], "{found:?}");
        shop.stage.sandbox.set_list_lag(0);
        let found = reconcile(&shop, &shop.intents(), 2).await;
        assert_eq!(found.without_payment, Vec::<String>::new());
        let foreign = shop.stage.sandbox.foreign_key(case.dialect);
        let found = reconcile(&shop, &shop.intents_of_key(foreign), 2).await;
        assert_eq!(found.without_payment, ["order-1234", "order-1235"]);
        assert_eq!(found.payments, 0);
    }
}
