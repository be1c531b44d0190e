//! A request was sent and its answer is lost: what a `pay` does then, by which card or page, and what it tells.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::intents::{
    Case, MASTERCARD, QUIET, RETURN_URL, Shop, action, cases, pay, paying, unknown, unpaid,
};
use common::{DECLINED, THREE_D_SECURE, VISA};
use flowlix_ext::intents::{IntentErrorKind, IntentStatus, UnpaidReason};
use flowlix_sandbox::{Dialect, Fault, Operation};

/// What loses an answer, with the request carried out or not.
fn losses() -> Vec<(Fault, bool)> {
    vec![
        (Fault::LoseAnswer, true),
        (Fault::CutBody, true),
        (Fault::status(500).after_commit(), true),
        (Fault::status(408).after_commit(), true),
        (Fault::html(502).after_commit(), true),
        (Fault::html(404).after_commit(), true),
        (Fault::ResetBeforeReading, false),
        (Fault::status(503), false),
        (Fault::html(502), false),
    ]
}

/// A shop whose first `pay` by a card has an unknown outcome; lists lag behind until it is healed.
async fn lost(case: Case, fault: Fault, number: &str) -> Shop {
    let shop = Shop::new(case).await;
    shop.inject_into_writes(fault);
    shop.stage.sandbox.set_list_lag(60);
    let status = pay(&shop.order(), number).await;
    shop.assert_true(&status);
    let unknown = unknown(status);
    assert!(unknown.can_pay_again() && !unknown.needs_person());
    assert!(unknown.certain_from().unwrap() > unknown.since());
    shop
}

#[tokio::test]
async fn any_card_after_a_lost_answer_charges_once() {
    for case in cases() {
        for (fault, is_done) in losses() {
            for number in [VISA, MASTERCARD] {
                let shop = lost(case, fault.clone(), VISA).await;
                shop.heal();
                shop.assert_paid_once_by(number).await;
                assert_eq!(shop.charges(), (1, 1), "{fault:?}");
                assert_eq!(shop.keys_sent().len(), 1, "{fault:?}");
                let own = shop.keys_sent().into_iter().next();
                assert_eq!(shop.payment().idempotency_key, own);
                assert!(is_done || shop.stage.posts().len() > 1);
            }
        }
    }
}

#[tokio::test]
async fn lagging_list_keeps_it_unknown_for_another_card() {
    for case in cases() {
        let shop = lost(case, Fault::LoseAnswer, VISA).await;
        shop.stage.sandbox.clear_faults();
        let status = pay(&shop.order(), MASTERCARD).await;
        assert!(
            matches!(
                status,
                IntentStatus::OutcomeUnknown(_) | IntentStatus::Processing(_)
            ),
            "{status}"
        );
        assert_eq!(shop.stage.sandbox.ledger().payments().len(), 1);
        shop.heal();
        shop.assert_paid_once_by(MASTERCARD).await;
        assert_eq!(shop.charges(), (1, 1));
    }
}

#[tokio::test]
async fn status_alone_finds_a_lost_charge() {
    for case in cases() {
        let shop = lost(case, Fault::LoseAnswer, VISA).await;
        shop.heal();
        shop.stage.sandbox.settle();
        let status = shop.order().status().await.unwrap();
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        shop.assert_true(&status);
    }
}

#[tokio::test]
async fn lost_decline_makes_room_for_another_card() {
    for case in cases() {
        let shop = lost(case, Fault::LoseAnswer, DECLINED).await;
        shop.heal();
        shop.assert_paid_once_by(VISA).await;
        assert_eq!(shop.charges(), (2, 1));
        assert_eq!(shop.keys_sent().len(), 2);
    }
}

#[tokio::test]
async fn lost_decline_is_told_to_the_same_card() {
    for case in cases() {
        let shop = lost(case, Fault::LoseAnswer, DECLINED).await;
        shop.heal();
        let status = pay(&shop.order(), DECLINED).await;
        shop.assert_true(&status);
        assert_eq!(unpaid(status).reason(), UnpaidReason::Declined);
        assert_eq!(shop.charges(), (1, 0));
    }
}

#[tokio::test]
async fn lost_action_is_handed_out_by_any_card() {
    for case in cases() {
        for number in [THREE_D_SECURE, VISA] {
            let shop = lost(case, Fault::LoseAnswer, THREE_D_SECURE).await;
            shop.heal();
            let status = pay(&shop.order(), number).await;
            shop.assert_true(&status);
            let waiting = action(status);
            assert!(waiting.redirect_url().is_some());
            assert_eq!(waiting.is_for_this_card(), number == THREE_D_SECURE);
            shop.approve(&waiting);
            assert!(shop.order().returned(None).await.unwrap().is_paid());
            assert_eq!(shop.charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn page_after_a_lost_answer_finds_the_charge() {
    for case in cases() {
        let shop = lost(case, Fault::LoseAnswer, VISA).await;
        shop.heal();
        let status = shop.order().pay_hosted(RETURN_URL).await.unwrap();
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        shop.assert_true(&status);
        assert_eq!(shop.charges(), (1, 1));
    }
}

/// In uppercase a page has idempotency keys of its own, so that it has to wait for certainty.
#[tokio::test]
async fn page_after_a_request_that_was_not_done() {
    for case in cases() {
        let shop = lost(case, Fault::ResetBeforeReading, VISA).await;
        shop.heal();
        let posts = shop.stage.posts().len();
        let mut status = shop.order().pay_hosted(RETURN_URL).await.unwrap();
        shop.assert_true(&status);
        if case.dialect == Dialect::Uppercase {
            unknown(status);
            assert_eq!(shop.stage.posts().len(), posts);
            shop.stage.pass(QUIET);
            status = shop.order().pay_hosted(RETURN_URL).await.unwrap();
        }
        let page = action(status);
        let id = page.payment_id().unwrap().as_str().to_owned();
        shop.stage.sandbox.complete_hosted(&id, VISA).unwrap();
        let back = shop.order().returned(None).await.unwrap();
        assert!(matches!(back, IntentStatus::Paid(_)), "{back}");
        shop.assert_true(&back);
        assert_eq!(shop.charges(), (1, 1));
    }
}

/// The first request is on its way for longer than anybody waits, and arrives in the end.
#[tokio::test]
async fn late_request_adds_no_charge_to_another_card() {
    for case in cases() {
        for number in [VISA, MASTERCARD] {
            let shop = Shop::new(case).await;
            shop.drop_late_card().await;
            shop.assert_true(&shop.order().status().await.unwrap());
            shop.assert_paid_once_by(number).await;
            assert_eq!(shop.stage.sandbox.release_late(), 1);
            let status = shop.order().status().await.unwrap();
            assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
            shop.assert_true(&status);
            assert_eq!(shop.charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn late_request_is_not_called_unpaid_before_certainty() {
    for case in cases() {
        let shop = Shop::new(case).await;
        shop.drop_late_card().await;
        // The next card is declined at once; the first one may still be charged.
        shop.stage.sandbox.inject(Fault::declined("do_not_honor"));
        let told = unknown(pay(&shop.order(), MASTERCARD).await);
        assert!(told.decline().is_some() && told.can_pay_again());
        let later = unknown(shop.order().status().await.unwrap());
        assert!(later.decline().is_some(), "another process tells it too");
        shop.stage.sandbox.release_late();
        shop.stage.sandbox.settle();
        let status = shop.order().status().await.unwrap();
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        shop.assert_true(&status);
        assert_eq!(shop.charges(), (1, 1));
    }
}

/// The trace that refutes a new key after a synchronous decline: the late request would be charged beside it.
#[tokio::test]
async fn late_request_after_a_decline_adds_no_charge() {
    for case in cases() {
        let shop = Shop::new(case).await;
        shop.drop_late_card().await;
        shop.stage.sandbox.inject(Fault::declined("do_not_honor"));
        unknown(pay(&shop.order(), MASTERCARD).await);
        shop.assert_paid_once_by(MASTERCARD).await;
        assert_eq!(shop.stage.sandbox.release_late(), 1);
        shop.assert_paid_once_by(VISA).await;
        assert_eq!(shop.charges(), (1, 1));
        assert_eq!(shop.keys_sent().len(), 1);
    }
}

#[tokio::test]
async fn rejection_beside_a_late_request_is_unknown() {
    for case in cases() {
        let shop = lost(case, Fault::LoseAnswer, VISA).await;
        shop.stage.sandbox.clear_faults();
        shop.stage.sandbox.inject(Fault::status(400));
        let error = paying(&shop.order(), MASTERCARD).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::Rejected, "{error}");
        let status = error.status().unwrap();
        assert!(
            matches!(status, IntentStatus::OutcomeUnknown(_)),
            "{status}"
        );
    }
}

#[tokio::test]
async fn request_that_was_not_done_is_proved_absent() {
    for case in cases() {
        let shop = lost(case, Fault::ResetBeforeReading, VISA).await;
        shop.heal();
        unknown(shop.order().status().await.unwrap());
        shop.stage.pass(QUIET);
        let status = shop.order().status().await.unwrap();
        shop.assert_true(&status);
        assert_eq!(unpaid(status).reason(), UnpaidReason::ProvedAbsent);
        shop.assert_paid_once_by(MASTERCARD).await;
        assert_eq!(shop.keys_sent().len(), 1);
    }
}

#[tokio::test]
async fn list_that_fails_proves_nothing() {
    for case in cases() {
        let shop = lost(case, Fault::LoseAnswer, VISA).await;
        shop.stage.sandbox.clear_faults();
        shop.stage.pass(QUIET);
        let lists = Operation::ListPayments;
        shop.stage.sandbox.inject_at(lists, Fault::status(500), 100);
        unknown(shop.order().status().await.unwrap());
        shop.heal();
        shop.assert_paid_once_by(MASTERCARD).await;
        assert_eq!(shop.charges(), (1, 1));
    }
}

/// A 2xx answer that cannot be read: Flowlix has accepted a payment.
#[tokio::test]
async fn unreadable_answer_is_processing_and_is_found() {
    for case in cases() {
        for number in [VISA, MASTERCARD] {
            let shop = Shop::new(case).await;
            shop.inject_into_writes(Fault::Garbage);
            shop.stage.sandbox.set_list_lag(60);
            let status = pay(&shop.order(), VISA).await;
            let IntentStatus::Processing(accepted) = &status else {
                panic!("{status}")
            };
            assert!(accepted.payment_id().is_none());
            shop.heal();
            shop.assert_paid_once_by(number).await;
            assert_eq!(shop.charges(), (1, 1));
        }
    }
}

/// A 409 without any payment: it is never a state, and the repeat's answer counts.
#[tokio::test]
async fn conflict_with_an_empty_list_is_repeated() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let operation = Operation::CreateDirectPayment;
        shop.stage
            .sandbox
            .inject_at(operation, Fault::in_flight(), 1);
        shop.assert_paid_once_by(VISA).await;
        assert_eq!(shop.charges(), (1, 1));
    }
}

#[tokio::test]
async fn conflicts_that_do_not_end_leave_it_unknown() {
    for case in cases() {
        for fault in [Fault::in_flight(), Fault::status(409)] {
            let shop = Shop::new(case).await;
            shop.inject_into_writes(fault);
            unknown(pay(&shop.order(), VISA).await);
            // Not even time proves that nothing was done: Flowlix said that there is something.
            shop.stage.pass(QUIET);
            unknown(shop.order().status().await.unwrap());
            shop.heal();
            shop.assert_paid_once_by(VISA).await;
            assert_eq!(shop.charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn contradiction_is_left_to_a_person() {
    for case in cases() {
        let shop = Shop::new(case).await;
        shop.inject_into_writes(Fault::in_flight());
        unknown(pay(&shop.order(), VISA).await);
        shop.heal();
        shop.stage.pass(27 * common::intents::HOUR);
        let told = unknown(shop.order().status().await.unwrap());
        assert!(told.needs_person() && !told.can_pay_again());
        assert!(told.certain_from().is_none());
        let posts = shop.stage.posts().len();
        unknown(pay(&shop.order(), MASTERCARD).await);
        assert_eq!(shop.stage.posts().len(), posts);
    }
}

#[tokio::test]
async fn two_payments_of_one_intent_are_reported() {
    for case in cases() {
        let shop = lost(case, Fault::LoseAnswer, VISA).await;
        shop.heal();
        // Somebody else's program charges the same order again, by what marks the intent's payments.
        let first = shop.payment();
        let mark = &first.metadata["flowlix_correlation_id"];
        let outside = shop.stage.create_with(MASTERCARD);
        outside
            .metadata("flowlix_correlation_id", mark.as_str().unwrap())
            .await
            .unwrap();
        assert_eq!(shop.charges(), (2, 2));
        for _ in 0..2 {
            let status = shop.order().status().await.unwrap();
            shop.assert_true(&status);
            let IntentStatus::Overcharged(over) = &status else {
                panic!("{status}")
            };
            assert_eq!(over.refund().len(), 1);
        }
        let again = pay(&shop.order(), VISA).await;
        assert!(matches!(again, IntentStatus::Overcharged(_)), "{again}");
    }
}

/// The list does not answer: the call ends in its time all the same.
#[tokio::test]
async fn search_that_hangs_does_not_hold_up_a_pay() {
    for case in cases() {
        let shop = lost(case, Fault::LoseAnswer, VISA).await;
        let lists = Operation::ListPayments;
        shop.stage.sandbox.inject_at(lists, Fault::Stall, 100);
        let paying = tokio::spawn(paying(&shop.order(), MASTERCARD).send());
        shop.stage.sandbox.wait_for_stalled(1).await;
        // What is left of its 10 s, or the 5 s that each request gets at least.
        shop.stage.time.advance(Duration::from_secs(10));
        for _ in 0..10_000 {
            tokio::task::yield_now().await;
        }
        assert!(paying.is_finished());
        unknown(paying.await.unwrap().unwrap());
    }
}
