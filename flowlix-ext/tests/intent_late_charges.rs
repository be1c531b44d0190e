//! Requests and lists that are slower than the quiet time: whatever they come to is told.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::VISA;
use common::intents::{
    HOUR, QUIET, RETURN_URL, Shop, action, cases, order, pay, paying, unknown, unpaid,
};
use flowlix_ext::intents::{AttemptMethod, IntentErrorKind, IntentStatus, UnpaidReason};
use flowlix_sandbox::{Dialect, Fault, Operation};

/// A card request that is still on its way when the quiet time is over, so that it counts as not carried out.
async fn with_a_late_card(case: common::intents::Case) -> Shop {
    let shop = Shop::new(case).await;
    shop.drop_late_card().await;
    shop.stage.pass(QUIET);
    shop
}

fn arrive(shop: &Shop) {
    assert_eq!(shop.stage.sandbox.release_late(), 1);
}

#[tokio::test]
async fn charge_after_absence_was_proved_is_told() {
    for case in cases() {
        for closes in [false, true] {
            let shop = with_a_late_card(case).await;
            let absent = unpaid(shop.order().status().await.unwrap());
            assert_eq!(absent.reason(), UnpaidReason::ProvedAbsent);
            if closes {
                assert!(unpaid(shop.order().close().await.unwrap()).is_closed());
            }
            arrive(&shop);
            shop.stage.sandbox.settle();
            let status = shop.order().status().await.unwrap();
            shop.assert_true(&status);
            assert_eq!(
                matches!(status, IntentStatus::PaidAfterClose(_)),
                closes,
                "{status}"
            );
            assert_eq!(status.is_paid(), !closes, "{status}");
            assert_eq!(shop.charges(), (1, 1));
        }
    }
}

/// In uppercase the page has keys of its own: once absence was proved, nothing keeps both from being charged, and both
/// are told.
#[tokio::test]
async fn late_card_beside_a_page_is_told() {
    for case in cases().filter(|case| case.dialect == Dialect::Uppercase) {
        for completes_first in [false, true] {
            let shop = with_a_late_card(case).await;
            let page = action(shop.order().pay_hosted(RETURN_URL).await.unwrap());
            let id = page.payment_id().unwrap().as_str().to_owned();
            let complete = || shop.stage.sandbox.complete_hosted(&id, VISA).unwrap();
            if completes_first {
                complete();
                shop.stage.sandbox.settle();
                assert!(shop.order().status().await.unwrap().is_paid());
                arrive(&shop);
            } else {
                arrive(&shop);
                complete();
            }
            shop.stage.sandbox.settle();
            for status in [
                shop.order().status().await.unwrap(),
                pay(&shop.order(), VISA).await,
            ] {
                assert!(matches!(status, IntentStatus::Overcharged(_)), "{status}");
                shop.assert_true(&status);
            }
            let error = paying(
                &shop
                    .intents()
                    .intent("order-1234", flowlix_ext::Money::eur(1_00)),
                VISA,
            );
            let error = error.await.unwrap_err();
            assert_eq!(error.kind(), IntentErrorKind::AmountMismatch, "{error}");
        }
    }
}

/// The lists show a payment only after the quiet time.
#[tokio::test]
async fn payment_that_lists_show_late_is_told() {
    for case in cases() {
        let shop = Shop::new(case).await;
        shop.inject_into_writes(Fault::LoseAnswer);
        shop.stage.sandbox.set_list_lag(4_000);
        unknown(pay(&shop.order(), VISA).await);
        shop.stage.sandbox.clear_faults();
        shop.stage.sandbox.settle();
        shop.stage.pass(QUIET);
        assert!(matches!(
            shop.order().status().await.unwrap(),
            IntentStatus::Unpaid(_)
        ));
        shop.stage.pass(HOUR);
        let status = shop.order().status().await.unwrap();
        assert!(status.is_paid(), "{status}");
        shop.assert_true(&status);
        assert_eq!(shop.charges(), (1, 1));
    }
}

/// A card after a page that is late, by the attempt that the page had.
#[tokio::test]
async fn late_page_is_no_charge() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let page = shop.order().pay_hosted(RETURN_URL).send();
        shop.drop_late(Operation::CreateHostedPayment, page).await;
        shop.stage.pass(QUIET);
        shop.assert_paid_once_by(VISA).await;
        arrive(&shop);
        let status = shop.order().status().await.unwrap();
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        let attempts = shop.order().attempts().await.unwrap();
        assert_eq!(attempts[0].method, AttemptMethod::Card);
    }
}

/// Searches go on for as long as something can come of the request, and then once more.
#[tokio::test]
async fn searches_end_with_the_key() {
    for case in cases() {
        let shop = with_a_late_card(case).await;
        let lists = async |intent: &flowlix_ext::intents::Intent| {
            let before = shop.stage.sandbox.requests().len();
            intent.status().await.unwrap();
            shop.stage.sandbox.requests().len() - before
        };
        let intent = order(&shop.intents());
        for _ in 0..2 {
            assert!(lists(&intent).await > 0);
            shop.stage.pass(HOUR);
        }
        shop.stage.pass(30 * HOUR);
        assert!(lists(&intent).await > 0);
        assert_eq!(lists(&intent).await, 0);
        shop.assert_paid_once_by(VISA).await;
        assert_eq!(shop.keys_sent().len(), 1);
    }
}
