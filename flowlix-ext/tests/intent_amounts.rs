//! Another amount or currency for the same intent: it counts where nothing can be charged any more, and is an error
//! that names both amounts everywhere else.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::intents::{Case, QUIET, RETURN_URL, Shop, action, cases, pay, paying};
use common::{DECLINED, DIALECTS, THREE_D_SECURE, VISA, card};
use flowlix_ext::Money;
use flowlix_ext::intents::{IntentErrorKind, IntentStatus};
use flowlix_sandbox::{Dialect, Fault};

/// A state of the intent in which nothing can be charged any more.
#[derive(Debug, Clone, Copy)]
enum Free {
    New,
    DeclinedAtOnce,
    DeclinedLater,
    Rejected,
    NotTaken,
    Expired,
    Canceled,
    ProvedAbsent,
}

const FREE: [Free; 8] = [
    Free::New,
    Free::DeclinedAtOnce,
    Free::DeclinedLater,
    Free::Rejected,
    Free::NotTaken,
    Free::Expired,
    Free::Canceled,
    Free::ProvedAbsent,
];

async fn free(case: Case, state: Free) -> Shop {
    let shop = Shop::new(case).await;
    let sandbox = &shop.stage.sandbox;
    let intent = shop.order();
    match state {
        Free::New => {}
        Free::DeclinedAtOnce => {
            sandbox.inject(Fault::declined("do_not_honor"));
            pay(&intent, VISA).await;
        }
        Free::DeclinedLater => drop(pay(&intent, DECLINED).await),
        Free::Rejected => {
            sandbox.inject(Fault::status(422));
            paying(&intent, VISA).await.unwrap_err();
        }
        Free::NotTaken => {
            sandbox.inject(Fault::status(401));
            paying(&intent, VISA).await.unwrap_err();
        }
        Free::Expired | Free::Canceled => {
            let waiting = action(pay(&intent, THREE_D_SECURE).await);
            let id = waiting.payment_id().unwrap().as_str();
            match state {
                Free::Expired => sandbox.expire(id),
                _ => sandbox.cancel(id),
            }
            .unwrap();
        }
        Free::ProvedAbsent => {
            shop.inject_into_writes(Fault::ResetBeforeReading);
            let status = pay(&intent, VISA).await;
            assert!(
                matches!(status, IntentStatus::OutcomeUnknown(_)),
                "{status}"
            );
            shop.heal();
            shop.stage.pass(QUIET);
        }
    }
    shop
}

fn other_amounts(dialect: Dialect) -> Vec<Money> {
    match dialect {
        Dialect::SnakeCase => vec![Money::eur(50_00), Money::usd(49_99)],
        Dialect::Uppercase => vec![Money::eur(50_00)],
    }
}

#[tokio::test]
async fn another_amount_counts_when_nothing_can_be_charged() {
    for case in cases() {
        for state in FREE {
            for money in other_amounts(case.dialect) {
                let shop = free(case, state).await;
                let other = shop.intents().intent("order-1234", money.clone());
                let status = pay(&other, VISA).await;
                // The state may have been found by this very call.
                let status = match &status {
                    IntentStatus::Unpaid(_) => pay(&other, VISA).await,
                    _ => status,
                };
                assert!(
                    matches!(status, IntentStatus::Paid(_)),
                    "{state:?}: {status}"
                );
                shop.assert_true(&status);
                assert_eq!(status.amount(), &money);
                let payment = shop.newest_payment();
                assert_eq!(payment.amount, money.minor_units());
                assert!(
                    payment
                        .currency
                        .eq_ignore_ascii_case(money.currency().as_str())
                );
                let found = shop.intents().get("order-1234").await.unwrap().unwrap();
                assert_eq!(found.status().await.unwrap().amount(), &money);
            }
        }
    }
}

/// A state of the intent in which something is charged, or may yet be.
#[derive(Debug, Clone, Copy)]
enum Frozen {
    Live,
    Waiting,
    Returned,
    Page,
    Unknown,
    Accepted,
    Paid,
    Refunded,
}

const FROZEN: [Frozen; 8] = [
    Frozen::Live,
    Frozen::Waiting,
    Frozen::Returned,
    Frozen::Page,
    Frozen::Unknown,
    Frozen::Accepted,
    Frozen::Paid,
    Frozen::Refunded,
];

async fn frozen(case: Case, state: Frozen) -> Shop {
    let shop = Shop::new(case).await;
    let intent = shop.order();
    match state {
        Frozen::Live => drop(paying(&intent, VISA).within(Duration::ZERO).await.unwrap()),
        Frozen::Waiting => drop(action(pay(&intent, THREE_D_SECURE).await)),
        Frozen::Returned => {
            action(pay(&intent, THREE_D_SECURE).await);
            intent.returned(None).within(Duration::ZERO).await.unwrap();
        }
        Frozen::Page => drop(action(intent.pay_hosted(RETURN_URL).await.unwrap())),
        Frozen::Unknown => {
            shop.lose_answers();
            pay(&intent, VISA).await;
        }
        Frozen::Accepted => {
            shop.inject_into_writes(Fault::Garbage);
            shop.stage.sandbox.set_list_lag(60);
            pay(&intent, VISA).await;
        }
        Frozen::Paid => drop(pay(&intent, VISA).await),
        Frozen::Refunded => {
            pay(&intent, VISA).await;
            intent.refund("return-77").amount(49_99).await.unwrap();
        }
    }
    shop
}

#[tokio::test]
async fn another_amount_is_refused_when_a_charge_may_exist() {
    for case in cases() {
        for state in FROZEN {
            for money in other_amounts(case.dialect) {
                let shop = frozen(case, state).await;
                let posts = shop.stage.posts().len();
                let other = shop.intents().intent("order-1234", money.clone());
                let error = paying(&other, VISA).await.unwrap_err();
                assert_eq!(error.kind(), IntentErrorKind::AmountMismatch, "{state:?}");
                assert_eq!(error.asked_amount(), Some(&money));
                let status = error.status().unwrap();
                assert_eq!(status.amount(), &Money::eur(49_99));
                shop.assert_true(status);
                let told = error.to_string();
                assert!(
                    told.contains("EUR 49.99") && told.contains(&money.to_string()),
                    "{told}"
                );
                assert!(
                    !matches!(status, IntentStatus::Unpaid(_)),
                    "{state:?}: {status}"
                );
                let page = other.pay_hosted(RETURN_URL).await.unwrap_err();
                assert_eq!(page.kind(), IntentErrorKind::AmountMismatch, "{state:?}");
                assert_eq!(shop.stage.posts().len(), posts);
                assert!(shop.charges().1 <= 1);
            }
        }
    }
}

#[tokio::test]
async fn another_amount_is_refused_even_when_superseding() {
    for case in cases() {
        let shop = frozen(case, Frozen::Waiting).await;
        let other = shop.intents().intent("order-1234", Money::eur(50_00));
        let error = paying(&other, VISA).supersede(1).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::AmountMismatch, "{error}");
        assert_eq!(shop.stage.posts().len(), 1);
    }
}

#[tokio::test]
async fn closed_intent_is_closed_for_every_amount() {
    for case in cases() {
        let shop = Shop::new(case).await;
        shop.order().close().await.unwrap();
        for money in other_amounts(case.dialect) {
            let other = shop.intents().intent("order-1234", money);
            let error = paying(&other, VISA).await.unwrap_err();
            assert_eq!(error.kind(), IntentErrorKind::Closed, "{error}");
        }
        assert!(shop.stage.posts().is_empty());
    }
}

/// Two tabs with different carts: of two amounts one is charged, once.
#[tokio::test]
async fn of_two_amounts_at_once_one_is_charged() {
    for dialect in DIALECTS {
        for case in cases().filter(|case| case.dialect == dialect) {
            let shop = Shop::new(case).await;
            let (one, two) = (shop.intents(), shop.intents());
            let one = one.intent("order-1234", Money::eur(49_99));
            let two = two.intent("order-1234", Money::eur(50_00));
            let (one, two) = tokio::join!(paying(&one, VISA).send(), two.pay(card(VISA)).send());
            let results = [one, two];
            for result in &results {
                match result {
                    Ok(status) => shop.assert_true(status),
                    Err(error) => assert_eq!(error.kind(), IntentErrorKind::AmountMismatch),
                }
            }
            assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
            let status = shop.order().status().await.unwrap();
            assert!(status.is_paid(), "{status}");
            assert_eq!(shop.charges(), (1, 1));
        }
    }
}
