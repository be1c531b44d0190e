//! Paying an intent, in both dialects with every store over real sockets: one charge, whatever state it is in.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::intents::{
    Case, MASTERCARD, RETURN_URL, Shop, action, cases, order, pay, paying, unpaid,
};
use common::{DECLINED, THREE_D_SECURE, VISA, card};
use flowlix_ext::intents::{IntentErrorKind, IntentStatus, RefundStatus, UnpaidReason};
use flowlix_sandbox::Fault;

#[tokio::test]
async fn paid_intent_is_not_charged_again() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let first = pay(&shop.order(), VISA).await;
        assert!(matches!(first, IntentStatus::Paid(_)), "{first}");
        for number in [VISA, MASTERCARD] {
            let again = pay(&shop.order(), number).await;
            assert!(matches!(again, IntentStatus::Paid(_)), "{again}");
            shop.assert_true(&again);
        }
        let hosted = shop.order().pay_hosted(RETURN_URL).await.unwrap();
        assert!(hosted.is_paid());
        assert_eq!(shop.stage.posts().len(), 1);
        assert_eq!(shop.charges(), (1, 1));
    }
}

#[tokio::test]
async fn live_payment_is_looked_at_and_nothing_is_sent() {
    for case in cases() {
        for number in [VISA, MASTERCARD] {
            let shop = Shop::new(case).await;
            let intent = shop.order();
            let live = paying(&intent, VISA).within(Duration::ZERO).await.unwrap();
            assert!(matches!(live, IntentStatus::Processing(_)), "{live}");
            shop.assert_true(&live);
            shop.assert_paid_once_by(number).await;
            assert_eq!(shop.stage.posts().len(), 1);
        }
    }
}

#[tokio::test]
async fn card_declined_at_once_keeps_the_key() {
    for case in cases() {
        for number in [VISA, DECLINED] {
            let shop = Shop::new(case).await;
            let fault = Fault::declined("insufficient_funds");
            shop.stage.sandbox.inject(fault);
            let status = pay(&shop.order(), number).await;
            shop.assert_true(&status);
            let unpaid = unpaid(status);
            assert_eq!(unpaid.reason(), UnpaidReason::Declined);
            assert!(unpaid.customer_message().contains("funds"));
            let told = shop.order().status().await.unwrap();
            assert_eq!(
                common::intents::unpaid(told).customer_message(),
                unpaid.customer_message(),
                "another process tells it too"
            );
            shop.assert_paid_once_by(VISA).await;
            assert_eq!(shop.keys_sent().len(), 1);
            assert_eq!(shop.charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn card_declined_later_makes_room_for_another() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let status = pay(&shop.order(), DECLINED).await;
        shop.assert_true(&status);
        assert_eq!(unpaid(status).reason(), UnpaidReason::Declined);
        shop.assert_paid_once_by(VISA).await;
        assert_eq!(shop.charges(), (2, 1));
        assert_eq!(shop.order().attempts().await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn decline_found_by_the_next_pay_lets_it_pay() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let intent = shop.order();
        let live = paying(&intent, DECLINED)
            .within(Duration::ZERO)
            .await
            .unwrap();
        assert!(matches!(live, IntentStatus::Processing(_)), "{live}");
        shop.assert_paid_once_by(VISA).await;
        assert_eq!(shop.charges(), (2, 1));
    }
}

#[tokio::test]
async fn decline_of_the_same_card_is_told_not_repeated() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let intent = shop.order();
        paying(&intent, DECLINED)
            .within(Duration::ZERO)
            .await
            .unwrap();
        let status = pay(&shop.order(), DECLINED).await;
        shop.assert_true(&status);
        assert_eq!(unpaid(status).reason(), UnpaidReason::Declined);
        assert_eq!(shop.stage.posts().len(), 1);
    }
}

#[tokio::test]
async fn action_is_handed_out_and_the_return_goes_on() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let status = pay(&shop.order(), THREE_D_SECURE).await;
        shop.assert_true(&status);
        let first = action(status);
        assert!(first.redirect_url().is_some() && first.is_for_this_card());
        let other = action(pay(&shop.order(), VISA).await);
        assert_eq!(other.redirect_url(), first.redirect_url());
        assert!(!other.is_for_this_card());
        let same = action(pay(&shop.order(), THREE_D_SECURE).await);
        assert!(same.is_for_this_card());
        shop.approve(&first);
        let back = shop.order().returned(None).await.unwrap();
        assert!(matches!(back, IntentStatus::Paid(_)), "{back}");
        shop.assert_true(&back);
        assert_eq!(shop.charges(), (1, 1));
    }
}

#[tokio::test]
async fn approved_action_is_found_by_the_next_pay() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let waiting = action(pay(&shop.order(), THREE_D_SECURE).await);
        shop.approve(&waiting);
        shop.assert_paid_once_by(VISA).await;
        assert_eq!(shop.charges(), (1, 1));
    }
}

#[tokio::test]
async fn hosted_page_is_handed_out_and_paid() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let status = shop.order().pay_hosted(RETURN_URL).await.unwrap();
        shop.assert_true(&status);
        let page = action(status);
        assert!(page.redirect_url().is_some() && page.is_for_this_card());
        let again = action(shop.order().pay_hosted(RETURN_URL).await.unwrap());
        assert_eq!(again.redirect_url(), page.redirect_url());
        assert!(
            again.is_for_this_card(),
            "it is the page that was asked for"
        );
        let id = page.payment_id().unwrap().as_str().to_owned();
        shop.stage.sandbox.complete_hosted(&id, VISA).unwrap();
        let query = shop.stage.sandbox.return_address(&id).unwrap().unwrap();
        let paid = shop.order().returned(Some(&query)).await.unwrap();
        assert!(matches!(paid, IntentStatus::Paid(_)), "{paid}");
        shop.assert_true(&paid);
        assert_eq!(shop.charges(), (1, 1));
    }
}

/// What ends a payment that waits for its customer, and what the intent says then.
#[derive(Debug, Clone, Copy)]
enum End {
    Expired,
    Canceled,
    Declined,
}

async fn ended(case: Case, end: End) -> Shop {
    let shop = Shop::new(case).await;
    let waiting = action(pay(&shop.order(), THREE_D_SECURE).await);
    let id = waiting.payment_id().unwrap().as_str();
    let sandbox = &shop.stage.sandbox;
    match end {
        End::Expired => sandbox.expire(id),
        End::Canceled => sandbox.cancel(id),
        End::Declined => sandbox.decline(id),
    }
    .unwrap();
    shop
}

#[tokio::test]
async fn action_that_ended_makes_room_for_a_card() {
    for case in cases() {
        for (end, reason) in [
            (End::Expired, UnpaidReason::Expired),
            (End::Canceled, UnpaidReason::Canceled),
            (End::Declined, UnpaidReason::Declined),
        ] {
            for is_known in [true, false] {
                let shop = ended(case, end).await;
                if is_known {
                    let status = shop.order().returned(None).await.unwrap();
                    shop.assert_true(&status);
                    assert_eq!(unpaid(status).reason(), reason);
                }
                shop.assert_paid_once_by(VISA).await;
                assert_eq!(shop.charges(), (2, 1));
            }
        }
    }
}

#[tokio::test]
async fn action_that_ended_is_told_to_the_same_card() {
    for case in cases() {
        let shop = ended(case, End::Expired).await;
        let status = pay(&shop.order(), THREE_D_SECURE).await;
        shop.assert_true(&status);
        assert_eq!(unpaid(status).reason(), UnpaidReason::Expired);
        let next = action(pay(&shop.order(), THREE_D_SECURE).await);
        assert!(next.is_for_this_card());
        assert_eq!(next.attempt(), 2);
    }
}

#[tokio::test]
async fn customer_without_patience_makes_room() {
    for case in cases() {
        let shop = Shop::new(case).await;
        action(pay(&shop.order(), THREE_D_SECURE).await);
        shop.stage.pass(Duration::from_secs(20 * 60));
        let status = shop.order().status().await.unwrap();
        assert_eq!(unpaid(status).reason(), UnpaidReason::Expired);
        shop.assert_paid_once_by(VISA).await;
    }
}

#[tokio::test]
async fn rejected_request_keeps_the_key() {
    for case in cases() {
        let shop = Shop::new(case).await;
        shop.stage.sandbox.inject(Fault::status(400));
        let error = paying(&shop.order(), VISA).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::Rejected, "{error}");
        let status = error.status().unwrap().clone();
        shop.assert_true(&status);
        assert_eq!(unpaid(status).reason(), UnpaidReason::Rejected);
        shop.assert_paid_once_by(VISA).await;
        assert_eq!(shop.keys_sent().len(), 1);
    }
}

#[tokio::test]
async fn request_that_is_not_taken_leaves_it_unpaid() {
    for case in cases() {
        for status in [401, 429] {
            let shop = Shop::new(case).await;
            shop.inject_into_writes(Fault::status(status));
            let error = paying(&shop.order(), VISA).await.unwrap_err();
            assert_eq!(error.kind(), IntentErrorKind::NotCarriedOut, "{error}");
            let told = error.status().unwrap().clone();
            shop.assert_true(&told);
            assert_eq!(unpaid(told).reason(), UnpaidReason::New);
            shop.heal();
            shop.assert_paid_once_by(MASTERCARD).await;
            assert_eq!(shop.keys_sent().len(), 1);
        }
    }
}

#[tokio::test]
async fn intent_is_found_by_its_reference() {
    for case in cases() {
        let shop = Shop::new(case).await;
        assert!(shop.intents().get("order-1234").await.unwrap().is_none());
        let new = shop.order().status().await.unwrap();
        assert_eq!(unpaid(new).reason(), UnpaidReason::New);
        pay(&shop.order(), VISA).await;
        let found = shop.intents().get("order-1234").await.unwrap().unwrap();
        let status = found.status().await.unwrap();
        assert_eq!(status.amount(), &flowlix_ext::Money::eur(49_99));
        assert!(status.is_paid());
    }
}

#[tokio::test]
async fn superseded_action_is_replaced_once() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let waiting = action(pay(&shop.order(), THREE_D_SECURE).await);
        for _ in 0..2 {
            let replacing = paying(&shop.order(), VISA).supersede(waiting.attempt());
            let status = replacing.await.unwrap();
            assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
            shop.assert_true(&status);
        }
        assert_eq!(shop.stage.posts().len(), 2);
        let attempts = shop.order().attempts().await.unwrap();
        assert!(attempts[0].is_superseded && !attempts[1].is_superseded);
        assert_eq!(shop.charges(), (2, 1));
    }
}

#[tokio::test]
async fn second_click_does_not_supersede_the_new_action() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let waiting = action(pay(&shop.order(), THREE_D_SECURE).await);
        let mut ids = Vec::new();
        for _ in 0..2 {
            let replacing = paying(&shop.order(), THREE_D_SECURE).supersede(waiting.attempt());
            let next = action(replacing.await.unwrap());
            assert_eq!(next.attempt(), 2);
            ids.push(next.payment_id().unwrap().clone());
        }
        assert_eq!(ids[0], ids[1]);
        assert_ne!(Some(&ids[0]), waiting.payment_id());
        assert_eq!(shop.stage.posts().len(), 2);
    }
}

#[tokio::test]
async fn superseded_action_that_is_charged_is_reported() {
    for case in cases() {
        for by_pay in [true, false] {
            let shop = Shop::new(case).await;
            let waiting = action(pay(&shop.order(), THREE_D_SECURE).await);
            let replacing = paying(&shop.order(), VISA).supersede(waiting.attempt());
            let IntentStatus::Paid(paid) = replacing.await.unwrap() else {
                panic!()
            };
            shop.approve(&waiting);
            assert_eq!(shop.charges(), (2, 2));
            let status = match by_pay {
                true => pay(&shop.order(), MASTERCARD).await,
                false => shop.order().status().await.unwrap(),
            };
            shop.assert_true(&status);
            let IntentStatus::Overcharged(over) = &status else {
                panic!("{status}")
            };
            assert_eq!(over.keep(), paid.payment_id(), "it was charged first");
            assert_eq!(over.refund(), [waiting.payment_id().unwrap().clone()]);
            assert!(status.is_paid());
            assert_eq!(shop.stage.posts().len(), 2);
        }
    }
}

#[tokio::test]
async fn superseded_payment_that_is_charged_pays_for_it() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let first = action(pay(&shop.order(), THREE_D_SECURE).await);
        let replacing = paying(&shop.order(), THREE_D_SECURE).supersede(first.attempt());
        let second = action(replacing.await.unwrap());
        shop.approve(&first);
        shop.stage.sandbox.settle();
        let status = shop.order().status().await.unwrap();
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        let next = pay(&shop.order(), VISA).await;
        assert!(matches!(next, IntentStatus::Paid(_)), "{next}");
        shop.assert_true(&next);
        shop.approve(&second);
        shop.stage.sandbox.settle();
        let both = shop.order().status().await.unwrap();
        assert!(matches!(both, IntentStatus::Overcharged(_)), "{both}");
        shop.assert_true(&both);
    }
}

#[tokio::test]
async fn closed_intent_takes_no_payment() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let closed = unpaid(shop.order().close().await.unwrap());
        assert!(closed.is_closed());
        let error = paying(&shop.order(), VISA).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::Closed);
        assert!(error.status().is_some());
        assert_eq!(shop.charges(), (0, 0));
    }
}

#[tokio::test]
async fn charge_after_the_close_is_reported() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let waiting = action(pay(&shop.order(), THREE_D_SECURE).await);
        let closed = shop.order().close().await.unwrap();
        assert!(matches!(closed, IntentStatus::Processing(_)), "{closed}");
        let error = paying(&shop.order(), VISA).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::Closed);
        shop.approve(&waiting);
        let status = shop.order().returned(None).await.unwrap();
        shop.assert_true(&status);
        let IntentStatus::PaidAfterClose(paid) = &status else {
            panic!("{status}")
        };
        assert_eq!(paid.payments(), [waiting.payment_id().unwrap().clone()]);
        assert!(!status.is_paid());
        let again = pay(&shop.order(), VISA).await;
        assert!(matches!(again, IntentStatus::PaidAfterClose(_)), "{again}");
        assert_eq!(shop.charges(), (1, 1));
    }
}

#[tokio::test]
async fn lost_charge_of_a_closed_intent_is_reported() {
    for case in cases() {
        let shop = Shop::new(case).await;
        shop.lose_answers();
        pay(&shop.order(), VISA).await;
        let closed = shop.order().close().await.unwrap();
        assert!(
            matches!(closed, IntentStatus::OutcomeUnknown(_)),
            "{closed}"
        );
        shop.heal();
        shop.stage.sandbox.settle();
        let status = shop.order().status().await.unwrap();
        assert!(
            matches!(status, IntentStatus::PaidAfterClose(_)),
            "{status}"
        );
        shop.assert_true(&status);
    }
}

#[tokio::test]
async fn paid_intent_that_is_closed_stays_paid() {
    for case in cases() {
        let shop = Shop::new(case).await;
        pay(&shop.order(), VISA).await;
        let closed = shop.order().close().await.unwrap();
        assert!(matches!(closed, IntentStatus::Paid(_)), "{closed}");
        shop.assert_true(&closed);
    }
}

#[tokio::test]
async fn query_about_another_payment_is_not_believed() {
    for case in cases() {
        let shop = Shop::new(case).await;
        action(pay(&shop.order(), THREE_D_SECURE).await);
        let other = shop
            .intents()
            .intent("order-77", flowlix_ext::Money::eur(1_00));
        let page = action(other.pay_hosted(RETURN_URL).await.unwrap());
        let query = format!("payment_id={}", page.payment_id().unwrap());
        let error = shop.order().returned(Some(&query)).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::OtherIntent, "{error}");
    }
}

#[tokio::test]
async fn refund_is_made_once() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let intent = order(&shop.intents());
        pay(&intent, VISA).await;
        for _ in 0..2 {
            let refund = intent.refund("return-77").amount(10_00).await.unwrap();
            assert!(matches!(refund, RefundStatus::Succeeded(_)), "{refund}");
        }
        let IntentStatus::Paid(paid) = intent.status().await.unwrap() else {
            panic!()
        };
        assert_eq!(paid.refunded(), 10_00);
        assert_eq!(paid.refundable(), Some(39_99));
    }
}

#[tokio::test]
async fn request_with_mistakes_is_not_stored() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let intent = shop.order();
        let wrong = intent
            .pay(card("4111"))
            .return_url("http://shop.example.com");
        let error = wrong.await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::InvalidRequest);
        assert!(error.violations().len() >= 2, "{error}");
        assert!(shop.backup().await.is_empty());
        assert!(shop.stage.posts().is_empty());
    }
}
