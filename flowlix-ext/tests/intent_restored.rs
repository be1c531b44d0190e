//! A store that was restored from an older copy: it knows less than Flowlix.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::intents::{
    Case, HOUR, MASTERCARD, RETURN_URL, Shop, action, cases, order, pay, paying, unpaid,
};
use common::{DECLINED, THREE_D_SECURE, VISA};
use flowlix_ext::Money;
use flowlix_ext::intents::{Intent, IntentErrorKind, IntentStatus, RefundPayment, RefundStatus};
use flowlix_sandbox::{Dialect, Fault};

/// What happens between a copy of the store and its return, an hour later.
#[derive(Debug, Clone, Copy)]
enum Between {
    Charge,
    Action,
    ActionThenCharge,
    DeclineThenCharge,
    LostCharge,
    Page,
}

const BETWEEN: [Between; 6] = [
    Between::Charge,
    Between::Action,
    Between::ActionThenCharge,
    Between::DeclineThenCharge,
    Between::LostCharge,
    Between::Page,
];

async fn restored(case: Case, was_known: bool, between: Between) -> Shop {
    let shop = Shop::new(case).await;
    if was_known {
        shop.stage.sandbox.inject(Fault::declined("do_not_honor"));
        unpaid(pay(&shop.order(), VISA).await);
    }
    let copy = shop.backup().await;
    let intent = shop.order();
    match between {
        Between::Charge => drop(pay(&intent, VISA).await),
        Between::Action => drop(action(pay(&intent, THREE_D_SECURE).await)),
        Between::ActionThenCharge => {
            let waiting = action(pay(&intent, THREE_D_SECURE).await);
            shop.approve(&waiting);
            assert!(intent.returned(None).await.unwrap().is_paid());
        }
        Between::DeclineThenCharge => {
            unpaid(pay(&intent, DECLINED).await);
            assert!(pay(&intent, VISA).await.is_paid());
        }
        Between::LostCharge => shop.lose(&shop.intents(), Fault::LoseAnswer).await,
        Between::Page => drop(action(intent.pay_hosted(RETURN_URL).await.unwrap())),
    }
    shop.stage.sandbox.settle();
    shop.stage.pass(Duration::from_secs(10 * 60));
    shop.restore(&copy).await;
    shop
}

#[tokio::test]
async fn restored_store_repeats_its_key() {
    for case in cases() {
        for between in BETWEEN {
            for was_known in [false, true] {
                for number in [VISA, MASTERCARD, THREE_D_SECURE, DECLINED] {
                    let shop = restored(case, was_known, between).await;
                    let status = match (between, case.dialect) {
                        // A card has other keys than a page there: only the same way to pay repeats the key.
                        (Between::Page, Dialect::Uppercase) => {
                            shop.order().pay_hosted(RETURN_URL).await.unwrap()
                        }
                        _ => pay(&shop.order(), number).await,
                    };
                    shop.assert_true(&status);
                    if let IntentStatus::ActionRequired(waiting) = &status {
                        let id = waiting.payment_id().unwrap().as_str();
                        let sandbox = &shop.stage.sandbox;
                        let done = sandbox.approve(id).or(sandbox.complete_hosted(id, VISA));
                        done.unwrap();
                    }
                    shop.assert_paid_once_by(VISA).await;
                }
            }
        }
    }
}

/// The copy knows a payment on its way, which failed since, and not the attempt that was charged after it.
#[tokio::test]
async fn restored_store_with_a_live_payment_charges_once() {
    for case in cases() {
        for number in [VISA, MASTERCARD, THREE_D_SECURE] {
            let shop = Shop::new(case).await;
            let first = paying(&shop.order(), DECLINED).within(Duration::ZERO);
            first.await.unwrap();
            let copy = shop.backup().await;
            assert!(pay(&shop.order(), VISA).await.is_paid());
            shop.stage.pass(HOUR);
            shop.restore(&copy).await;
            let status = pay(&shop.order(), number).await;
            assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
            shop.assert_true(&status);
            assert_eq!(shop.charges(), (2, 1));
        }
    }
}

/// The copy does not know the order, and the cart has changed since: what was charged is told with its amount.
#[tokio::test]
async fn restored_store_does_not_take_another_amount() {
    for case in cases() {
        let shop = restored(case, false, Between::Charge).await;
        let other = shop.intents().intent("order-1234", Money::eur(50_00));
        let error = paying(&other, VISA).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::AmountMismatch, "{error}");
        let status = error.status().unwrap();
        assert!(status.is_paid(), "{status}");
        assert_eq!(status.amount(), &Money::eur(49_99));
        shop.assert_true(status);
        assert_eq!(shop.charges(), (1, 1));
    }
}

fn refund(intent: &Intent, reference: &str) -> RefundPayment {
    intent.refund(reference).amount(10_00)
}

/// How many refunds there are, and how much went back, minor units.
fn refunds(shop: &Shop) -> (usize, i64) {
    let ledger = shop.stage.sandbox.ledger();
    (ledger.refunds().count(), ledger.amount_refunded())
}

#[track_caller]
fn succeeded(status: RefundStatus) {
    assert!(matches!(status, RefundStatus::Succeeded(_)), "{status}");
}

/// A paid order whose store is a copy from before these refunds were made.
async fn restored_after(case: Case, made: &[(&str, Option<&str>)], hours: u32) -> Shop {
    let shop = Shop::new(case).await;
    assert!(pay(&shop.order(), VISA).await.is_paid());
    let copy = shop.backup().await;
    for (reference, reason) in made {
        let mut call = refund(&shop.order(), reference);
        if let Some(reason) = reason {
            call = call.reason(*reason);
        }
        succeeded(call.await.unwrap());
    }
    shop.stage.pass(hours * HOUR);
    shop.restore(&copy).await;
    shop
}

#[tokio::test]
async fn restored_store_refunds_once() {
    for case in cases() {
        for hours in [1, 30] {
            let shop = restored_after(case, &[("return-77", None)], hours).await;
            let other = shop.stage.sandbox.rotated_key(case.dialect, 1);
            for intents in [shop.intents(), shop.intents_of_key(&other)] {
                succeeded(refund(&order(&intents), "return-77").await.unwrap());
                assert_eq!(refunds(&shop), (1, 10_00));
            }
            let differs = shop.order().refund("return-77").amount(11_00).await;
            let kind = differs.unwrap_err().kind();
            assert_eq!(kind, IntentErrorKind::RefundMismatch);
            succeeded(refund(&shop.order(), "return-78").await.unwrap());
            assert_eq!(refunds(&shop), (2, 20_00));
        }
    }
}

#[tokio::test]
async fn restored_store_takes_another_refund_first() {
    for case in cases() {
        for reason in [None, Some("defect")] {
            let made = &[("return-77", reason)];
            let shop = restored_after(case, made, 1).await;
            succeeded(refund(&shop.order(), "return-78").await.unwrap());
            let again = match reason {
                None => refund(&shop.order(), "return-77"),
                Some(reason) => refund(&shop.order(), "return-77").reason(reason),
            };
            match (again.await, case.dialect, reason) {
                // Without a mark, and with a reason that another refund may have as well, nothing tells.
                (Err(error), Dialect::SnakeCase, Some(_)) => {
                    assert_eq!(error.kind(), IntentErrorKind::RefundAmbiguous, "{error}");
                    assert!(error.status().unwrap().is_paid());
                    let other = refund(&shop.order(), "return-77").reason("defect, again");
                    // The key protects still: what was refunded under it is told, and not repeated.
                    let told = other.await.unwrap();
                    assert!(matches!(told, RefundStatus::OutcomeUnknown(_)), "{told}");
                }
                (status, ..) => succeeded(status.unwrap()),
            }
            assert_eq!(refunds(&shop), (2, 20_00));
        }
    }
}
