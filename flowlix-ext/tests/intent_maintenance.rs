//! For people: lists of intents, and intents that are erased.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::{Duration, SystemTime};

use common::intents::{
    Case, HOUR, MASTERCARD, RETURN_URL, Shop, action, cases, pay, paying, unknown, unpaid,
};
use common::{DECLINED, VISA};
use flowlix_ext::Money;
use flowlix_ext::intents::{
    IntentErrorKind, IntentFilter, IntentPage, IntentStatus, Intents, UnpaidReason,
};
use flowlix_sandbox::Fault;

fn now(shop: &Shop) -> SystemTime {
    flowlix_ext::runtime::Runtime::now(&shop.stage.time)
}

async fn listed(intents: &Intents, filter: IntentFilter) -> Vec<String> {
    let page: IntentPage = intents.list(filter).await.unwrap();
    assert!(page.next.is_none() && page.unreadable.is_empty());
    page.intents
        .iter()
        .map(|status| status.reference().to_owned())
        .collect()
}

/// A handler takes every change.
async fn report(shop: &Shop) {
    let intents = shop.intents();
    let taking = intents.run_once(Duration::from_secs(60), |_| async { Ok::<(), String>(()) });
    taking.await.unwrap();
}

async fn shop_with_all(case: Case) -> Shop {
    let shop = Shop::new(case).await;
    let intents = shop.intents();
    let order = |reference: &str| intents.intent(reference, Money::eur(5_00));
    paying(&order("paid"), VISA).await.unwrap();
    unpaid(paying(&order("declined"), DECLINED).await.unwrap());
    action(order("page").pay_hosted(RETURN_URL).await.unwrap());
    paying(&order("on its way"), VISA)
        .within(Duration::ZERO)
        .await
        .unwrap();
    shop.inject_into_writes(Fault::ResetBeforeReading);
    unknown(paying(&order("unknown"), VISA).await.unwrap());
    shop.heal();
    shop
}

#[tokio::test]
async fn each_filter_shows_its_intents() {
    for case in cases() {
        let shop = shop_with_all(case).await;
        let intents = shop.intents();
        for (filter, expected) in [
            (IntentFilter::paid(), "paid"),
            (IntentFilter::unpaid(), "declined"),
            (IntentFilter::action_required(), "page"),
            (IntentFilter::processing(), "on its way"),
            (IntentFilter::outcome_unknown(), "unknown"),
        ] {
            assert_eq!(listed(&intents, filter).await, [expected]);
        }
        assert!(
            listed(&intents, IntentFilter::overcharged())
                .await
                .is_empty()
        );
        assert!(
            listed(&intents, IntentFilter::paid_after_close())
                .await
                .is_empty()
        );
        assert_eq!(listed(&intents, IntentFilter::unreported()).await.len(), 5);
        report(&shop).await;
        assert!(
            listed(&intents, IntentFilter::unreported())
                .await
                .is_empty()
        );
        let old = IntentFilter::paid().changed_before(now(&shop) - HOUR);
        assert!(listed(&intents, old).await.is_empty());
        shop.stage.pass(2 * HOUR);
        let old = IntentFilter::paid().changed_before(now(&shop) - HOUR);
        assert_eq!(listed(&intents, old).await, ["paid"]);
    }
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let intents = shop.intents();
        for number in 0..7 {
            let intent = intents.intent(format!("order-{number}"), Money::eur(5_00));
            intent.close().await.unwrap();
            shop.stage.pass(Duration::from_secs(1));
        }
        let mut filter = IntentFilter::unpaid().limit(3);
        let mut pages = Vec::new();
        loop {
            let page = intents.list(filter.clone()).await.unwrap();
            pages.push(page.intents.len());
            assert!(page.intents.iter().all(IntentStatus::is_closed));
            match &page.next {
                Some(next) => filter = filter.after(next),
                None => break,
            }
        }
        assert_eq!(pages, [3, 3, 1]);
    }
}

/// Line by line what is left of an erased order: nothing that names it.
#[tokio::test]
async fn erased_order_stays_paid_and_names_nothing() {
    for case in cases() {
        let shop = Shop::new(case).await;
        pay(&shop.order(), DECLINED).await;
        pay(&shop.order(), VISA).await;
        shop.order()
            .refund("return-77")
            .amount(10_00)
            .await
            .unwrap();
        let id = shop.newest_payment().id;
        let error = shop.intents().erase("order-1234").await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::NotFinished, "{error}");
        report(&shop).await;
        assert!(shop.intents().erase("order-1234").await.unwrap());
        assert!(!shop.intents().erase("order-1234").await.unwrap());
        assert!(!shop.intents().erase("order-9999").await.unwrap());
        let kept = shop.backup().await;
        let record = kept.iter().find(|record| record.state == "erased").unwrap();
        let text = String::from_utf8(record.body.clone()).unwrap();
        for hidden in [
            "order-1234",
            "return-77",
            id.as_str(),
            "1111",
            "re_",
            "note",
        ] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
        let posts = shop.stage.posts().len();
        for _ in 0..2 {
            let again = pay(&shop.order(), MASTERCARD).await;
            let IntentStatus::Paid(paid) = &again else {
                panic!("{again}")
            };
            assert_eq!((paid.payment_id(), paid.refunded()), (None, 10_00));
            assert_eq!(again.to_string(), "order-1234 (EUR 49.99): charged once");
            let error = shop.order().refund("return-78").await.unwrap_err();
            assert_eq!(error.kind(), IntentErrorKind::InvalidRequest, "{error}");
            // What Flowlix has brings nothing back, and is no second charge.
            let hour_ago = now(&shop) - HOUR;
            let found = shop
                .intents()
                .reconcile(hour_ago, now(&shop))
                .await
                .unwrap();
            assert!(found.updated.is_empty(), "{found:?}");
        }
        assert_eq!(shop.stage.posts().len(), posts);
        assert!(
            listed(&shop.intents(), IntentFilter::paid())
                .await
                .is_empty()
        );
    }
}

#[tokio::test]
async fn erased_unpaid_order_can_be_paid() {
    for case in cases() {
        for number in [DECLINED, VISA] {
            let shop = Shop::new(case).await;
            if number == DECLINED {
                unpaid(pay(&shop.order(), DECLINED).await);
            } else {
                shop.stage.sandbox.inject(Fault::declined("do_not_honor"));
                unpaid(pay(&shop.order(), VISA).await);
            }
            report(&shop).await;
            shop.stage.pass(30 * HOUR);
            assert!(shop.intents().erase("order-1234").await.unwrap());
            let status = unpaid(shop.order().status().await.unwrap());
            assert_eq!(status.reason(), UnpaidReason::Declined);
            let status = unpaid(shop.order().status().await.unwrap());
            assert_eq!(status.reason(), UnpaidReason::Declined);
            // It is an order like any other then.
            let page = action(shop.order().pay_hosted(RETURN_URL).await.unwrap());
            let id = page.payment_id().unwrap().as_str();
            shop.stage.sandbox.complete_hosted(id, VISA).unwrap();
            shop.stage.sandbox.settle();
            shop.stage.pass(HOUR);
            let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
            let (noted, intents) = (told.clone(), shop.intents());
            let done = intents.run_once(Duration::from_secs(60), move |change| {
                noted.lock().unwrap().push(change);
                async { Ok::<(), String>(()) }
            });
            done.await.unwrap();
            let told = told.lock().unwrap().clone();
            assert!(told.iter().all(|change| change.reference() == "order-1234"));
            assert!(told.last().unwrap().status().is_paid());
            assert_eq!(shop.charges().1, 1);
            shop.assert_paid_once_by(VISA).await;
            let refund = shop.order().refund("return-77").await.unwrap();
            assert_eq!(refund.info().amount(), 49_99);
        }
    }
}

#[tokio::test]
async fn pruning_erases_what_ended_long_ago() {
    for case in cases() {
        let shop = shop_with_all(case).await;
        report(&shop).await;
        shop.stage.pass(2 * HOUR);
        paying(&shop.intents().intent("new", Money::eur(5_00)), VISA)
            .await
            .unwrap();
        report(&shop).await;
        let hour_ago = now(&shop) - HOUR;
        let intents = shop.intents();
        let before = listed(&intents, IntentFilter::paid()).await.len();
        assert!(before >= 2);
        let pruned = intents.prune(hour_ago).await.unwrap();
        assert!(pruned >= 2, "{pruned}");
        assert_eq!(intents.prune(hour_ago).await.unwrap(), 0);
        let left = listed(&intents, IntentFilter::paid()).await;
        assert!(left.contains(&"new".to_owned()) && !left.contains(&"paid".to_owned()));
    }
}
