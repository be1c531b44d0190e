//! What leaves the protection of an idempotency key: its age, another API key, and another dialect.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::intents::{
    HOUR, MASTERCARD, QUIET, Shop, action, cases, order, pay, paying, unknown, unpaid,
};
use common::{DECLINED, THREE_D_SECURE, VISA};
use flowlix_ext::Money;
use flowlix_ext::intents::{IntentStatus, Intents};
use flowlix_sandbox::{Dialect, Fault, Operation};

fn break_lists(shop: &Shop) {
    let lists = Operation::ListPayments;
    shop.stage
        .sandbox
        .inject_at(lists, Fault::status(500), 1000);
}

#[tokio::test]
async fn order_declined_on_monday_is_paid_on_wednesday() {
    for case in cases() {
        let shop = Shop::new(case).await;
        shop.stage.sandbox.inject(Fault::declined("do_not_honor"));
        unpaid(pay(&shop.order(), VISA).await);
        shop.stage.pass(50 * HOUR);
        shop.assert_paid_once_by(VISA).await;
        assert_eq!(shop.keys_sent().len(), 1);
        assert_eq!(shop.charges(), (1, 1));
    }
}

#[tokio::test]
async fn payment_that_failed_long_ago_makes_room() {
    for case in cases() {
        let shop = Shop::new(case).await;
        unpaid(pay(&shop.order(), DECLINED).await);
        shop.stage.pass(50 * HOUR);
        shop.assert_paid_once_by(VISA).await;
        assert_eq!(shop.charges(), (2, 1));
    }
}

#[tokio::test]
async fn paid_intent_stays_paid_for_ever() {
    for case in cases() {
        let shop = Shop::new(case).await;
        pay(&shop.order(), VISA).await;
        shop.stage.pass(1000 * HOUR);
        shop.assert_paid_once_by(MASTERCARD).await;
        assert_eq!(shop.stage.posts().len(), 1);
    }
}

#[tokio::test]
async fn lost_charge_is_found_after_days() {
    for case in cases() {
        for number in [VISA, MASTERCARD] {
            let shop = Shop::new(case).await;
            shop.lose(&shop.intents(), Fault::LoseAnswer).await;
            shop.stage.pass(50 * HOUR);
            shop.assert_paid_once_by(number).await;
            assert_eq!(shop.charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn request_that_was_not_done_is_sent_after_days() {
    for case in cases() {
        let shop = Shop::new(case).await;
        shop.lose(&shop.intents(), Fault::ResetBeforeReading).await;
        shop.stage.pass(50 * HOUR);
        shop.assert_paid_once_by(VISA).await;
        assert_eq!(shop.keys_sent().len(), 1);
        assert_eq!(shop.charges(), (1, 1));
    }
}

#[tokio::test]
async fn nothing_is_sent_under_an_old_key_without_a_search() {
    for case in cases() {
        for hours in [24, 25, 30, 100] {
            let shop = Shop::new(case).await;
            shop.lose(&shop.intents(), Fault::LoseAnswer).await;
            let posts = shop.stage.posts().len();
            shop.stage.pass(hours * HOUR - Duration::from_secs(30 * 60));
            break_lists(&shop);
            let told = unknown(pay(&shop.order(), VISA).await);
            assert!(!told.can_pay_again());
            assert_eq!(shop.stage.posts().len(), posts);
            shop.heal();
            shop.assert_paid_once_by(MASTERCARD).await;
            assert_eq!(shop.charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn key_within_its_age_needs_no_search() {
    for case in cases() {
        let shop = Shop::new(case).await;
        shop.lose(&shop.intents(), Fault::LoseAnswer).await;
        shop.stage.pass(22 * HOUR);
        break_lists(&shop);
        shop.assert_paid_once_by(VISA).await;
        assert_eq!(shop.charges(), (1, 1));
    }
}

#[tokio::test]
async fn rotated_key_pays_after_a_decline() {
    for case in cases() {
        for is_later in [false, true] {
            let shop = Shop::new(case).await;
            if !is_later {
                shop.stage.sandbox.inject(Fault::declined("do_not_honor"));
            }
            unpaid(pay(&shop.order(), DECLINED).await);
            let rotated = shop.intents_of_key(&shop.stage.sandbox.rotated_key(case.dialect, 1));
            let status = pay(&order(&rotated), VISA).await;
            assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
            shop.assert_true(&status);
        }
    }
}

#[tokio::test]
async fn rotated_key_goes_on_with_an_action() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let waiting = action(pay(&shop.order(), THREE_D_SECURE).await);
        shop.approve(&waiting);
        let rotated = shop.intents_of_key(&shop.stage.sandbox.rotated_key(case.dialect, 1));
        let back = order(&rotated).returned(None).await.unwrap();
        assert!(matches!(back, IntentStatus::Paid(_)), "{back}");
        let again = pay(&order(&rotated), VISA).await;
        shop.assert_true(&again);
        assert_eq!(shop.charges(), (1, 1));
    }
}

#[tokio::test]
async fn rotated_key_finds_a_lost_charge() {
    for case in cases() {
        let shop = Shop::new(case).await;
        shop.lose(&shop.intents(), Fault::LoseAnswer).await;
        let rotated = shop.intents_of_key(&shop.stage.sandbox.rotated_key(case.dialect, 1));
        let status = pay(&order(&rotated), VISA).await;
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        shop.assert_true(&status);
        assert_eq!(shop.charges(), (1, 1));
    }
}

/// Another order was paid with the old key, so that the new one can show that it sees the same payments.
async fn pay_another_order(shop: &Shop) {
    let other = shop.intents().intent("order-1", Money::eur(1_00));
    assert!(pay(&other, VISA).await.is_paid());
}

#[tokio::test]
async fn rotated_key_waits_for_certainty() {
    for case in cases() {
        let shop = Shop::new(case).await;
        pay_another_order(&shop).await;
        shop.lose(&shop.intents(), Fault::ResetBeforeReading).await;
        let posts = shop.stage.posts().len();
        let rotated = shop.intents_of_key(&shop.stage.sandbox.rotated_key(case.dialect, 1));
        let told = unknown(pay(&order(&rotated), VISA).await);
        assert!(!told.can_pay_again() && !told.needs_person());
        assert_eq!(shop.stage.posts().len(), posts);
        shop.stage.pass(QUIET);
        let status = pay(&order(&rotated), VISA).await;
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        assert_eq!(shop.charges(), (2, 2), "one charge for each order");
    }
}

#[tokio::test]
async fn rotated_key_sends_nothing_beside_a_late_request() {
    for case in cases() {
        let shop = Shop::new(case).await;
        pay_another_order(&shop).await;
        shop.drop_late_card().await;
        let rotated = shop.intents_of_key(&shop.stage.sandbox.rotated_key(case.dialect, 1));
        unknown(pay(&order(&rotated), VISA).await);
        shop.stage.sandbox.release_late();
        shop.stage.pass(QUIET);
        let status = pay(&order(&rotated), VISA).await;
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        assert_eq!(shop.charges(), (2, 2), "one charge for each order");
    }
}

/// Without a payment known from the old key nothing shows that the new one sees its payments: the other merchant's
/// does not.
#[tokio::test]
async fn key_that_sees_other_payments_proves_nothing() {
    for case in cases() {
        for is_foreign in [false, true] {
            let shop = Shop::new(case).await;
            if is_foreign {
                pay_another_order(&shop).await;
            }
            shop.lose(&shop.intents(), Fault::LoseAnswer).await;
            shop.stage.sandbox.settle();
            let charges = shop.charges().1;
            let key = match is_foreign {
                true => shop.stage.sandbox.foreign_key(case.dialect).to_owned(),
                false => shop.stage.sandbox.key(other(case.dialect)).to_owned(),
            };
            shop.stage.pass(QUIET);
            let strange = shop.intents_of_key(&key);
            for _ in 0..2 {
                let told = unknown(pay(&order(&strange), VISA).await);
                assert!(!told.can_pay_again());
                // The quiet time is over, and it proves nothing: a person has to look.
                assert!(told.needs_person() && told.certain_from().is_none());
                shop.stage.pass(30 * HOUR);
            }
            assert_eq!(shop.charges().1, charges);
            // With the right key it is found.
            let status = pay(&shop.order(), VISA).await;
            assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
            assert_eq!(shop.charges().1, charges);
        }
    }
}

fn other(dialect: Dialect) -> Dialect {
    match dialect {
        Dialect::SnakeCase => Dialect::Uppercase,
        Dialect::Uppercase => Dialect::SnakeCase,
    }
}

fn after_the_dialect_change(shop: &Shop) -> Intents {
    let dialect = other(shop.case.dialect);
    shop.intents_of_key(shop.stage.sandbox.key(dialect))
}

#[tokio::test]
async fn another_dialect_pays_after_a_decline() {
    for case in cases() {
        for is_later in [false, true] {
            let shop = Shop::new(case).await;
            if !is_later {
                shop.stage.sandbox.inject(Fault::declined("do_not_honor"));
            }
            unpaid(pay(&shop.order(), DECLINED).await);
            let changed = after_the_dialect_change(&shop);
            let status = pay(&order(&changed), VISA).await;
            assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
            shop.assert_true(&status);
            shop.assert_paid_once_by(VISA).await;
        }
    }
}

#[tokio::test]
async fn another_dialect_knows_what_is_paid() {
    for case in cases() {
        let shop = Shop::new(case).await;
        pay(&shop.order(), VISA).await;
        let changed = after_the_dialect_change(&shop);
        let status = pay(&order(&changed), VISA).await;
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        shop.assert_true(&status);
        assert_eq!(shop.stage.posts().len(), 1);
    }
}

#[tokio::test]
async fn another_dialect_sends_nothing_beside_a_payment() {
    for case in cases() {
        for number in [VISA, THREE_D_SECURE] {
            let shop = Shop::new(case).await;
            let first = paying(&shop.order(), number).within(Duration::ZERO);
            first.await.unwrap();
            let changed = after_the_dialect_change(&shop);
            let status = pay(&order(&changed), MASTERCARD).await;
            assert!(!matches!(status, IntentStatus::Unpaid(_)), "{status}");
            assert_eq!(shop.stage.posts().len(), 1);
        }
    }
}
