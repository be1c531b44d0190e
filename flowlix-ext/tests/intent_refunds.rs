//! Refunds of an intent in both dialects: each one is made once, or it is said what is not known.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "common/intents_adverse.rs"]
mod intents_adverse;

use std::time::Duration;

use common::{DIALECTS, Stage, THREE_D_SECURE, VISA};
use flowlix_ext::intents::store::MemoryStore;
use flowlix_ext::intents::{
    Intent, IntentError, IntentErrorKind, IntentStatus, Paid, RefundStatus,
};
use flowlix_sandbox::{Dialect, Fault, Matcher, Operation};
use intents_adverse::{client, intents_of, keys, minutes, order, order_of, pay, stage};

/// A paid intent, and the store that it is in.
async fn paid_order(stage: &Stage) -> (Intent, MemoryStore) {
    let store = MemoryStore::new();
    let intent = order(stage, store.clone());
    assert!(pay(&intent, VISA).await.is_paid());
    (intent, store)
}

fn the_payment(stage: &Stage) -> String {
    stage.sandbox.ledger().payments()[0].id.clone()
}

fn refunds(stage: &Stage) -> usize {
    stage.sandbox.ledger().refunds().count()
}

async fn paid(intent: &Intent) -> Paid {
    match intent.status().await.unwrap() {
        IntentStatus::Paid(paid) => paid,
        other => panic!("{other}"),
    }
}

fn succeeded(status: &RefundStatus) -> bool {
    matches!(status, RefundStatus::Succeeded(_))
}

/// Refunds, and every answer is lost.
async fn lose(stage: &Stage, intent: &Intent, fault: Fault, amount: i64) {
    stage.sandbox.inject_at(Operation::Refund, fault, 99);
    let status = intent.refund("return-77").amount(amount).await.unwrap();
    assert!(
        matches!(status, RefundStatus::OutcomeUnknown(_)),
        "{status}"
    );
    stage.sandbox.clear_faults();
}

fn is_not_sent(error: &IntentError, kind: IntentErrorKind, words: &str) {
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn partial_refunds_and_the_rest_add_up() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        for (reference, amount) in [("a", Some(10_00)), ("b", Some(5_00)), ("c", None)] {
            let mut refund = intent.refund(reference);
            if let Some(amount) = amount {
                refund = refund.amount(amount);
            }
            let status = refund.await.unwrap();
            assert!(succeeded(&status), "{status}");
            assert_eq!(status.info().amount(), amount.unwrap_or(34_99));
        }
        assert_eq!(stage.sandbox.ledger().amount_refunded(), 49_99);
        assert_eq!(refunds(&stage), 3);
        let paid = paid(&intent).await;
        assert_eq!((paid.refunded(), paid.refundable()), (49_99, Some(0)));
    }
}

#[tokio::test]
async fn an_intent_stays_paid_after_a_full_refund() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, store) = paid_order(&stage).await;
        assert!(succeeded(&intent.refund("return-77").await.unwrap()));
        assert_eq!(paid(&intent).await.refunded(), 49_99);
        let again = pay(&order(&stage, store), "5555555555554444").await;
        assert!(matches!(again, IntentStatus::Paid(_)), "{again}");
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_pending_refund_is_not_refunded_yet() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        let refund = || intent.refund("return-77").amount(10_00);
        let status = refund().within(Duration::ZERO).await.unwrap();
        assert!(matches!(status, RefundStatus::Pending(_)), "{status}");
        assert!(status.info().refund_id().is_some());
        let before = intent.pay(common::card(VISA)).await.unwrap();
        assert!(matches!(before, IntentStatus::Paid(paid) if paid.refunded() == 0));
        assert!(succeeded(&refund().await.unwrap()));
        let paid = paid(&intent).await;
        assert_eq!((paid.refunded(), paid.refundable()), (10_00, Some(39_99)));
        assert_eq!(refunds(&stage), 1);
    }
}

#[tokio::test]
async fn what_cannot_be_refunded_is_not_sent() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let store = MemoryStore::new();
        let intent = order(&stage, store);
        let error = intent.refund("return-77").await.unwrap_err();
        is_not_sent(&error, IntentErrorKind::NotPaid, "nothing was sent");
        pay(&intent, VISA).await;
        let posts = stage.posts().len();
        let error = intent.refund("return-77").amount(50_00).await.unwrap_err();
        is_not_sent(&error, IntentErrorKind::InvalidRequest, "4999 minor units");
        assert!(error.status().unwrap().is_paid());
        for amount in [0, -1] {
            let error = intent.refund("return-77").amount(amount).await.unwrap_err();
            is_not_sent(&error, IntentErrorKind::InvalidRequest, "amount");
        }
        stage.time.advance(minutes(181 * 24 * 60));
        let error = intent.refund("return-77").amount(1).await.unwrap_err();
        is_not_sent(&error, IntentErrorKind::InvalidRequest, "180 days");
        assert_eq!(stage.posts().len(), posts);
    }
}

#[tokio::test]
async fn more_than_the_rest_is_not_sent() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        // A pending refund holds its amount.
        let first = intent.refund("a").amount(40_00).within(Duration::ZERO);
        assert!(matches!(first.await.unwrap(), RefundStatus::Pending(_)));
        let error = intent.refund("b").amount(10_00).await.unwrap_err();
        is_not_sent(&error, IntentErrorKind::InvalidRequest, "999 minor units");
        assert!(succeeded(&intent.refund("b").await.unwrap()));
        let error = intent.refund("c").await.unwrap_err();
        is_not_sent(&error, IntentErrorKind::InvalidRequest, "left to refund");
        assert_eq!(refunds(&stage), 2);
    }
}

#[tokio::test]
async fn a_reference_refunds_once_in_tasks_and_processes() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, store) = paid_order(&stage).await;
        let refund = |intent: &Intent| intent.refund("return-77").amount(10_00).send();
        let other = order(&stage, store.clone());
        let (one, two, three) = tokio::join!(refund(&intent), refund(&intent), refund(&other));
        for status in [one, two, three] {
            let status = status.unwrap();
            assert!(succeeded(&status), "{status}");
        }
        assert!(succeeded(&refund(&order(&stage, store)).await.unwrap()));
        assert_eq!(refunds(&stage), 1);
        let mut keys = keys(&stage).split_off(1);
        keys.dedup();
        assert_eq!(keys.len(), 1);
    }
}

#[tokio::test]
async fn another_amount_or_reason_is_a_mismatch() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        let refund = || intent.refund("return-77");
        assert!(succeeded(&refund().amount(10_00).await.unwrap()));
        let posts = stage.posts().len();
        for other in [
            refund().amount(10_01),
            refund().amount(10_00).reason("broken"),
        ] {
            let error = other.await.unwrap_err();
            assert_eq!(error.kind(), IntentErrorKind::RefundMismatch, "{error}");
        }
        let same = refund().await.unwrap();
        assert_eq!(same.info().amount(), 10_00, "the amount may be left out");
        assert_eq!(stage.posts().len(), posts);
        assert_eq!(refunds(&stage), 1);
    }
}

#[tokio::test]
async fn a_failed_refund_is_made_again_under_another_key() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        let refund = || intent.refund("return-77").amount(10_00);
        let pending = refund().within(Duration::ZERO).await.unwrap();
        let id = pending.info().refund_id().unwrap().as_str().to_owned();
        stage.sandbox.fail_refund(&id).unwrap();
        let failed = refund().await.unwrap();
        assert!(matches!(failed, RefundStatus::Failed(_)), "{failed}");
        assert!(failed.info().decline().is_some());
        assert_eq!(refunds(&stage), 1, "the failure is told first");
        assert!(succeeded(&refund().await.unwrap()));
        assert!(succeeded(&refund().await.unwrap()));
        assert_eq!(refunds(&stage), 2);
        assert_eq!(stage.sandbox.ledger().amount_refunded(), 10_00);
        let keys = keys(&stage);
        assert_eq!(keys.len(), 3);
        assert_ne!(keys[1], keys[2]);
    }
}

#[tokio::test]
async fn a_lost_answer_is_found_out_by_the_same_call() {
    for dialect in DIALECTS {
        for fault in [
            Fault::LoseAnswer,
            Fault::CutBody,
            Fault::ResetBeforeReading,
            Fault::status(503),
        ] {
            let stage = stage(dialect).await;
            let (intent, store) = paid_order(&stage).await;
            lose(&stage, &intent, fault.clone(), 10_00).await;
            let again = order(&stage, store)
                .refund("return-77")
                .amount(10_00)
                .await
                .unwrap();
            assert!(succeeded(&again), "{dialect:?} {fault:?}: {again}");
            assert!(again.info().refund_id().is_some());
            assert_eq!(refunds(&stage), 1);
            let mut keys = keys(&stage).split_off(1);
            keys.dedup();
            assert_eq!(keys.len(), 1);
            assert_eq!(paid(&intent).await.refunded(), 10_00);
        }
    }
}

#[tokio::test]
async fn a_lost_answer_of_the_whole_rest_is_found_out() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::LoseAnswer, 99);
        let status = intent.refund("return-77").await.unwrap();
        assert!(
            matches!(status, RefundStatus::OutcomeUnknown(_)),
            "{status}"
        );
        stage.sandbox.clear_faults();
        let again = intent.refund("return-77").await.unwrap();
        assert!(succeeded(&again), "{again}");
        assert_eq!(
            (refunds(&stage), stage.sandbox.ledger().amount_refunded()),
            (1, 49_99)
        );
    }
}

/// Fault 51: Flowlix rejects the repeat, because somebody else has taken the rest.
#[tokio::test]
async fn a_rejected_repeat_comes_to_an_end() {
    for dialect in DIALECTS {
        // The other refund equals ours, or not.
        for (amount, elsewhere) in [(10_00, 45_00), (49_99, 49_99)] {
            let stage = stage(dialect).await;
            let (intent, _) = paid_order(&stage).await;
            lose(&stage, &intent, Fault::ResetBeforeReading, amount).await;
            let payment = the_payment(&stage);
            stage
                .sandbox
                .refund(&payment, elsewhere, "return-77")
                .unwrap();
            let soon = intent.refund("return-77").amount(amount).await.unwrap();
            assert!(matches!(soon, RefundStatus::OutcomeUnknown(_)), "{soon}");
            stage.time.advance(minutes(31));
            let late = intent.refund("return-77").amount(amount).await;
            assert_eq!(refunds(&stage), 1);
            if dialect == Dialect::SnakeCase && amount == elsewhere {
                // Without a mark, the refund that the payment shows may be ours after all.
                let late = late.unwrap();
                assert!(late.info().needs_person(), "{late}");
                assert_eq!(late.info().candidates().len(), 1);
                let posts = stage.posts().len();
                let later = intent.refund("return-77").amount(amount).await.unwrap();
                assert!(later.info().needs_person(), "{later}");
                assert_eq!(stage.posts().len(), posts);
            } else {
                let error = late.unwrap_err();
                is_not_sent(&error, IntentErrorKind::InvalidRequest, "amount");
                // It does not stand in the way of others.
                let other = intent.refund("return-78").amount(amount).await;
                assert_eq!(other.unwrap_err().kind(), IntentErrorKind::InvalidRequest);
            }
        }
    }
}

#[tokio::test]
async fn a_rejected_refund_tells_what_flowlix_said() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        let body = r#"{"error":{"type":"invalid_request_error","message":"Not this week."}}"#;
        let json = [("content-type", "application/json")];
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::raw(422, json, body), 1);
        let error = intent.refund("return-77").amount(10_00).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::Rejected, "{error}");
        assert!(error.to_string().contains("Not this week."), "{error}");
        assert!(error.status().unwrap().is_paid());
        // Nothing was made, so that another amount may be sent, under the same key.
        assert!(succeeded(
            &intent.refund("return-77").amount(9_00).await.unwrap()
        ));
        let keys = keys(&stage);
        assert_eq!(keys[1], keys[2]);
        assert_eq!(refunds(&stage), 1);
    }
}

/// Fault 52: another API key cannot repeat the request, so that only the payment tells.
#[tokio::test]
async fn asking_every_minute_does_not_postpone_the_answer() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, store) = paid_order(&stage).await;
        lose(&stage, &intent, Fault::ResetBeforeReading, 10_00).await;
        let rotated = client(&stage, &stage.sandbox.rotated_key(dialect, 1));
        let intent = order_of(&intents_of(rotated, store));
        let mut asked = 0;
        loop {
            let refund = intent.refund("return-77").amount(10_00);
            let status = refund.await.unwrap();
            if succeeded(&status) {
                break;
            }
            assert!(
                matches!(status, RefundStatus::OutcomeUnknown(_)),
                "{status}"
            );
            assert_eq!(refunds(&stage), 0);
            stage.time.advance(minutes(1));
            asked += 1;
            assert!(asked <= 31, "postponed");
        }
        assert!(asked >= 28, "{asked}");
        assert_eq!(refunds(&stage), 1);
    }
}

#[tokio::test]
async fn a_refund_that_fails_for_hours_stays_bounded() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::status(503), 9999);
        let posts = stage.posts().len();
        for _ in 0..60 {
            let status = intent.refund("return-77").amount(10_00).await.unwrap();
            assert!(
                matches!(status, RefundStatus::OutcomeUnknown(_)),
                "{status}"
            );
            stage.time.advance(minutes(1));
        }
        let sent = stage.posts().len() - posts;
        assert!(sent <= 48, "{sent} requests in an hour");
        stage.sandbox.clear_faults();
        stage.time.advance(minutes(31));
        assert!(succeeded(
            &intent.refund("return-77").amount(10_00).await.unwrap()
        ));
        assert_eq!(refunds(&stage), 1);
    }
}

#[tokio::test]
async fn an_identical_refund_from_elsewhere_is_a_candidate() {
    let stage = stage(Dialect::SnakeCase).await;
    let (intent, _) = paid_order(&stage).await;
    lose(&stage, &intent, Fault::ResetBeforeReading, 10_00).await;
    let payment = the_payment(&stage);
    let elsewhere = stage.sandbox.refund(&payment, 10_00, "return-77").unwrap();
    stage
        .sandbox
        .inject_at(Operation::Refund, Fault::status(503), 99);
    let status = intent.refund("return-77").amount(10_00).await.unwrap();
    assert!(
        matches!(status, RefundStatus::OutcomeUnknown(_)),
        "{status}"
    );
    let candidates = status.info().candidates();
    assert_eq!(candidates.len(), 1, "{candidates:?}");
    assert_eq!(candidates[0].as_str(), elsewhere);
    assert!(status.info().refund_id().is_none());

    // The repeat under the same key tells.
    stage.sandbox.clear_faults();
    stage.time.advance(minutes(10));
    let status = intent.refund("return-77").amount(10_00).await.unwrap();
    assert!(succeeded(&status), "{status}");
    assert_ne!(status.info().refund_id().unwrap().as_str(), elsewhere);
    assert_eq!(refunds(&stage), 2);
}

#[tokio::test]
async fn our_lost_refund_is_told_from_an_identical_one() {
    for minutes_apart in [0, 10] {
        let stage = stage(Dialect::SnakeCase).await;
        let (intent, _) = paid_order(&stage).await;
        lose(&stage, &intent, Fault::LoseAnswer, 10_00).await;
        stage.time.advance(minutes(minutes_apart));
        let payment = the_payment(&stage);
        let elsewhere = stage.sandbox.refund(&payment, 10_00, "return-77").unwrap();
        let status = intent.refund("return-77").amount(10_00).await.unwrap();
        assert!(succeeded(&status), "{status}");
        assert_ne!(status.info().refund_id().unwrap().as_str(), elsewhere);
        assert_eq!(refunds(&stage), 2);
    }
}

#[tokio::test]
async fn an_identical_refund_of_one_minute_is_not_guessed() {
    let stage = stage(Dialect::SnakeCase).await;
    let (intent, _) = paid_order(&stage).await;
    lose(&stage, &intent, Fault::ResetBeforeReading, 10_00).await;
    let payment = the_payment(&stage);
    stage.sandbox.refund(&payment, 10_00, "return-77").unwrap();
    let status = intent.refund("return-77").amount(10_00).await.unwrap();
    assert!(
        matches!(status, RefundStatus::OutcomeUnknown(_)),
        "{status}"
    );
    assert_eq!(status.info().candidates().len(), 2);
    assert_eq!(refunds(&stage), 2);
}

#[tokio::test]
async fn a_mark_tells_our_refund_from_an_identical_one() {
    let stage = stage(Dialect::Uppercase).await;
    let (intent, _) = paid_order(&stage).await;
    lose(&stage, &intent, Fault::LoseAnswer, 10_00).await;
    let payment = the_payment(&stage);
    let elsewhere = stage.sandbox.refund(&payment, 10_00, "return-77").unwrap();
    // Even if only the payment can be read.
    stage
        .sandbox
        .inject_at(Operation::Refund, Fault::status(503), 99);
    let status = intent.refund("return-77").amount(10_00).await.unwrap();
    assert!(succeeded(&status), "{status}");
    assert_ne!(status.info().refund_id().unwrap().as_str(), elsewhere);
}

#[tokio::test]
async fn an_old_unknown_refund_is_told_by_the_payment() {
    for dialect in DIALECTS {
        for fault in [Fault::LoseAnswer, Fault::ResetBeforeReading] {
            let stage = stage(dialect).await;
            let (intent, _) = paid_order(&stage).await;
            let is_made = matches!(fault, Fault::LoseAnswer);
            lose(&stage, &intent, fault, 10_00).await;
            let posts = stage.posts().len();
            stage.time.advance(minutes(24 * 60));
            let status = intent.refund("return-77").amount(10_00).await.unwrap();
            if is_made && dialect == Dialect::SnakeCase {
                // Without a mark the payment shows a refund that may be another one.
                assert!(
                    matches!(status, RefundStatus::OutcomeUnknown(_)),
                    "{status}"
                );
                assert!(status.info().needs_person());
                assert_eq!(status.info().candidates().len(), 1);
            } else {
                assert!(succeeded(&status), "{status}");
            }
            assert_eq!(stage.posts().len() - posts, usize::from(!is_made));
            assert_eq!(refunds(&stage), 1);
        }
    }
}

#[tokio::test]
async fn a_lost_answer_then_a_rate_limit_stays_unknown() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::LoseAnswer, 1);
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::status(429), 99);
        let status = intent.refund("return-77").amount(10_00).await.unwrap();
        assert!(
            matches!(status, RefundStatus::OutcomeUnknown(_)),
            "{status}"
        );
        stage.sandbox.clear_faults();
        assert!(succeeded(
            &intent.refund("return-77").amount(10_00).await.unwrap()
        ));
        assert_eq!(refunds(&stage), 1);
    }
}

#[tokio::test]
async fn a_refund_waits_for_one_whose_outcome_is_unknown() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        lose(&stage, &intent, Fault::ResetBeforeReading, 10_00).await;
        let posts = stage.posts().len();
        let error = intent.refund("return-78").amount(5_00).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::RefundBusy, "{error}");
        assert!(error.is_retryable());
        assert!(error.to_string().contains("return-77"), "{error}");
        assert_eq!(stage.posts().len(), posts);
        assert!(succeeded(
            &intent.refund("return-77").amount(10_00).await.unwrap()
        ));
        assert!(succeeded(
            &intent.refund("return-78").amount(5_00).await.unwrap()
        ));
        assert_eq!(stage.sandbox.ledger().amount_refunded(), 15_00);
    }
}

#[tokio::test]
async fn the_second_charge_of_an_intent_is_refunded() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = (order(&stage, MemoryStore::new()), ());
        let IntentStatus::ActionRequired(action) = pay(&intent, THREE_D_SECURE).await else {
            panic!()
        };
        let second = intents_adverse::paying(&intent, VISA).supersede(action.attempt());
        second.await.unwrap();
        let first = action.payment_id().unwrap();
        stage.sandbox.approve(first.as_str()).unwrap();
        intent.returned(None).await.unwrap();
        let IntentStatus::Overcharged(over) = intent.status().await.unwrap() else {
            panic!("{}", intent.status().await.unwrap())
        };
        let [unwanted] = over.refund() else {
            panic!("{over:?}")
        };
        let refund = intent
            .refund("second-charge")
            .of_payment(unwanted)
            .await
            .unwrap();
        assert!(succeeded(&refund), "{refund}");
        assert_eq!(refund.info().payment_id(), Some(unwanted));
        let kept = paid(&intent).await;
        assert_eq!(kept.payment_id(), over.keep());
        let ledger = stage.sandbox.ledger();
        assert_eq!((ledger.charges(), ledger.amount_refunded()), (2, 49_99));

        let error = intent
            .refund("second-charge")
            .of_payment(over.keep().unwrap())
            .await;
        assert_eq!(error.unwrap_err().kind(), IntentErrorKind::RefundMismatch);
        let foreign = "pay_ffffffffffffffffffffffff".parse().unwrap();
        let error = intent
            .refund("other")
            .of_payment(&foreign)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::OtherIntent);
        assert!(!error.to_string().contains("query"), "{error}");
    }
}

#[tokio::test]
async fn a_rejection_while_a_request_is_late_is_not_final() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        stage.sandbox.inject_at(Operation::Refund, Fault::Late, 1);
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::status(422), 99);
        let call = tokio::spawn(intent.refund("return-77").amount(10_00).send());
        stage.sandbox.wait_for_late(1).await;
        stage.time.advance(minutes(2));
        let status = call.await.unwrap().unwrap();
        assert!(
            matches!(status, RefundStatus::OutcomeUnknown(_)),
            "{status}"
        );
        let status = intent.refund("return-77").amount(10_00).await.unwrap();
        assert!(
            matches!(status, RefundStatus::OutcomeUnknown(_)),
            "{status}"
        );
        assert_eq!(stage.sandbox.release_late(), 1);
        stage.sandbox.clear_faults();
        let status = intent.refund("return-77").amount(10_00).await.unwrap();
        assert!(succeeded(&status), "{status}");
        assert_eq!(refunds(&stage), 1);
    }
}

#[tokio::test]
async fn a_dropped_refund_is_made_once() {
    for dialect in DIALECTS {
        for fault in [Fault::Stall, Fault::StallAnswer] {
            let stage = stage(dialect).await;
            let (intent, store) = paid_order(&stage).await;
            stage.sandbox.inject_at(Operation::Refund, fault, 1);
            let refund = |intent: &Intent| intent.refund("return-77").amount(10_00).send();
            stage.give_up_when_stalled(refund(&intent)).await;
            let other = order(&stage, store);
            let meanwhile = refund(&other).await.unwrap();
            assert!(
                matches!(
                    meanwhile,
                    RefundStatus::OutcomeUnknown(_) | RefundStatus::Succeeded(_)
                ),
                "{meanwhile}"
            );
            stage.sandbox.release_stalled();
            // What was held goes on by itself.
            let mut status = refund(&other).await.unwrap();
            for _ in 0..100 {
                if succeeded(&status) {
                    break;
                }
                tokio::task::yield_now().await;
                status = refund(&other).await.unwrap();
            }
            assert!(succeeded(&status), "{status}");
            assert_eq!(refunds(&stage), 1);
        }
    }
}

#[tokio::test]
async fn a_payment_that_cannot_be_read_is_not_refunded() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::status(503), 99);
        let posts = stage.posts().len();
        let error = intent.refund("return-77").amount(10_00).await.unwrap_err();
        is_not_sent(&error, IntentErrorKind::NotCarriedOut, "could not be read");
        assert!(error.status().unwrap().is_paid());
        assert_eq!(stage.posts().len(), posts);
        stage.sandbox.clear_faults();
        // A repeat tells by itself.
        lose(&stage, &intent, Fault::LoseAnswer, 10_00).await;
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::status(503), 4);
        let status = intent.refund("return-77").amount(10_00).await.unwrap();
        assert!(succeeded(&status), "{status}");
        assert_eq!(refunds(&stage), 1);
    }
}

#[tokio::test]
async fn a_failed_refund_that_succeeded_after_all_is_told() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        let refund = || intent.refund("return-77").amount(10_00);
        let failed = match dialect {
            Dialect::SnakeCase => "failed",
            Dialect::Uppercase => "FAILED",
        };
        let failing = Fault::alter(move |body| {
            if let Some(refund) = body["refunds"].get_mut(0) {
                refund["status"] = failed.into();
            }
        });
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, failing, 2);
        let status = refund().await.unwrap();
        assert!(matches!(status, RefundStatus::Failed(_)), "{status}");
        stage.sandbox.settle();
        let status = refund().await.unwrap();
        assert!(succeeded(&status), "{status}");
        assert_eq!(refunds(&stage), 1, "no second attempt");
    }
}

#[tokio::test]
async fn refund_references_are_checked_and_cut_to_a_reason() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        let posts = stage.posts().len();
        for reference in ["", " ", "a\nb", &"x".repeat(256)] {
            let error = intent.refund(reference).amount(1).await.unwrap_err();
            is_not_sent(&error, IntentErrorKind::InvalidRequest, "refund reference");
        }
        assert_eq!(stage.posts().len(), posts);
        let long = |end: &str| format!("{}{end}", "\u{e9}".repeat(200));
        // Two references that begin alike are two refunds.
        for end in ["one", "two"] {
            stage
                .sandbox
                .inject_at(Operation::Refund, Fault::LoseAnswer, 99);
            let lost = intent.refund(long(end)).amount(1).await.unwrap();
            assert!(matches!(lost, RefundStatus::OutcomeUnknown(_)), "{lost}");
            stage.sandbox.clear_faults();
            let status = intent.refund(long(end)).amount(1).await.unwrap();
            assert!(succeeded(&status), "{status}");
        }
        let ledger = stage.sandbox.ledger();
        let reasons: Vec<_> = ledger
            .refunds()
            .map(|refund| refund.reason.clone())
            .collect();
        assert_eq!(reasons, vec![Some("\u{e9}".repeat(50)); 2]);
    }
}

#[tokio::test]
async fn refunds_of_two_references_at_once_do_not_mix() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        let refund = |reference: &str| intent.refund(reference).amount(10_00).send();
        let (one, two) = tokio::join!(refund("a"), refund("b"));
        for (reference, result) in [("a", one), ("b", two)] {
            let status = match result {
                Ok(status) => status,
                Err(error) => {
                    assert_eq!(error.kind(), IntentErrorKind::RefundBusy, "{error}");
                    refund(reference).await.unwrap()
                }
            };
            assert!(succeeded(&status), "{status}");
        }
        assert_eq!(refunds(&stage), 2);
        assert_eq!(paid(&intent).await.refunded(), 20_00);
    }
}

#[tokio::test]
async fn an_old_unknown_refund_is_never_sent_blind() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, _) = paid_order(&stage).await;
        lose(&stage, &intent, Fault::LoseAnswer, 10_00).await;
        stage.time.advance(minutes(24 * 60));
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::status(503), 99);
        let posts = stage.posts().len();
        let status = intent.refund("return-77").amount(10_00).await.unwrap();
        assert!(
            matches!(status, RefundStatus::OutcomeUnknown(_)),
            "{status}"
        );
        assert_eq!(stage.posts().len(), posts);
        assert_eq!(refunds(&stage), 1);
    }
}

#[tokio::test]
async fn candidates_are_refunds_that_look_the_same() {
    let stage = stage(Dialect::SnakeCase).await;
    let (intent, _) = paid_order(&stage).await;
    // Another amount, another reason, and one that is known to be another one.
    let payment = the_payment(&stage);
    assert!(succeeded(
        &intent
            .refund("return-76")
            .amount(10_00)
            .reason("return-77")
            .await
            .unwrap()
    ));
    let elsewhere = |amount, reason| stage.sandbox.refund(&payment, amount, reason).unwrap();
    lose(&stage, &intent, Fault::ResetBeforeReading, 10_00).await;
    elsewhere(9_00, "return-77");
    elsewhere(10_00, "by hand");
    let equal = elsewhere(10_00, "return-77");
    stage
        .sandbox
        .inject_at(Operation::Refund, Fault::status(503), 99);
    let status = intent.refund("return-77").amount(10_00).await.unwrap();
    let candidates = status.info().candidates().iter();
    let ids: Vec<&str> = candidates.map(|id| id.as_str()).collect();
    assert_eq!(ids, [equal.as_str()], "{status}");
}

#[tokio::test]
async fn an_accepted_refund_that_is_not_told_has_candidates() {
    let stage = stage(Dialect::SnakeCase).await;
    let (intent, _) = paid_order(&stage).await;
    assert!(succeeded(
        &intent.refund("return-76").amount(1_00).await.unwrap()
    ));
    lose(&stage, &intent, Fault::ResetBeforeReading, 10_00).await;
    let payment = the_payment(&stage);
    let elsewhere = stage.sandbox.refund(&payment, 10_00, "return-77").unwrap();
    let status = intent.refund("return-77").amount(10_00).await.unwrap();
    assert!(
        matches!(status, RefundStatus::OutcomeUnknown(_)),
        "{status}"
    );
    let candidates = status.info().candidates();
    assert_eq!(candidates.len(), 2, "{candidates:?}");
    assert_eq!(candidates[0].as_str(), elsewhere);
}

#[tokio::test]
async fn a_charge_after_the_close_is_refunded() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = order(&stage, MemoryStore::new());
        let IntentStatus::ActionRequired(action) = pay(&intent, THREE_D_SECURE).await else {
            panic!()
        };
        intent.close().await.unwrap();
        let id = action.payment_id().unwrap();
        stage.sandbox.approve(id.as_str()).unwrap();
        let IntentStatus::PaidAfterClose(after) = intent.returned(None).await.unwrap() else {
            panic!("{}", intent.status().await.unwrap())
        };
        assert_eq!(after.payments(), std::slice::from_ref(id));
        assert!(succeeded(&intent.refund("canceled").await.unwrap()));
        assert_eq!(stage.sandbox.ledger().amount_refunded(), 49_99);
        let error = intents_adverse::paying(&intent, VISA).await;
        assert!(!matches!(error, Ok(IntentStatus::Unpaid(_))), "{error:?}");
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn each_refund_attempt_has_a_key_of_its_own() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intents = intents_adverse::intents(&stage, MemoryStore::new());
        let mut expected = Vec::new();
        for order in ["order-1", "order-2"] {
            let intent = intents.intent(order, flowlix_ext::Money::eur(49_99));
            assert!(pay(&intent, VISA).await.is_paid());
            for reference in ["return-1", "return-2"] {
                let pending = intent.refund(reference).amount(1_00).within(Duration::ZERO);
                let pending = pending.await.unwrap();
                let id = pending.info().refund_id().unwrap().as_str().to_owned();
                stage.sandbox.fail_refund(&id).unwrap();
                let failed = intent.refund(reference).amount(1_00).await.unwrap();
                assert!(matches!(failed, RefundStatus::Failed(_)), "{failed}");
                let again = intent.refund(reference).amount(1_00).await.unwrap();
                assert!(succeeded(&again), "{again}");
                expected.extend([1, 2]);
            }
        }
        let mut keys: Vec<_> = stage
            .sandbox
            .ledger()
            .refunds()
            .filter_map(|refund| refund.idempotency_key.clone())
            .collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), expected.len());
        for key in keys {
            assert!(!key.contains("order") && !key.contains("return"), "{key}");
        }
    }
}

#[tokio::test]
async fn another_api_key_never_repeats_a_refund() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let (intent, store) = paid_order(&stage).await;
        lose(&stage, &intent, Fault::LoseAnswer, 10_00).await;
        let posts = stage.posts().len();
        let rotated = client(&stage, &stage.sandbox.rotated_key(dialect, 1));
        let intent = order_of(&intents_of(rotated, store));
        for hours in [0, 1, 24] {
            stage.time.advance(minutes(60 * hours));
            let status = intent.refund("return-77").amount(10_00).await.unwrap();
            match dialect {
                Dialect::Uppercase => assert!(succeeded(&status), "{status}"),
                Dialect::SnakeCase => {
                    assert_eq!(status.info().candidates().len(), 1, "{status}");
                    assert_eq!(status.info().needs_person(), hours == 24, "{status}");
                }
            }
        }
        assert_eq!(stage.posts().len(), posts);
        assert_eq!(refunds(&stage), 1);
    }
}

#[tokio::test]
async fn the_status_tells_how_a_pending_refund_ended() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = order(&stage, MemoryStore::new());
        pay(&intent, VISA).await;
        let pending = intent
            .refund("return-77")
            .amount(10_00)
            .within(Duration::ZERO);
        assert!(matches!(pending.await.unwrap(), RefundStatus::Pending(_)));
        let payment = stage.sandbox.ledger().payments()[0].id.clone();
        stage.sandbox.step(&payment).unwrap();
        let IntentStatus::Paid(paid) = intent.status().await.unwrap() else {
            panic!()
        };
        assert_eq!((paid.refunded(), paid.refundable()), (10_00, Some(39_99)));
    }
}

#[tokio::test]
async fn a_person_resolves_a_refund_that_contradicts_itself() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = order(&stage, MemoryStore::new());
        pay(&intent, VISA).await;
        let posts = Matcher::method("POST");
        stage.sandbox.inject_at(posts, Fault::in_flight(), 1000);
        intent.refund("s").amount(10_00).await.unwrap();
        stage.sandbox.clear_faults();
        stage.pass(Duration::from_secs(26 * 60 * 60));
        let contradicted = intent.refund("s").amount(10_00).await.unwrap();
        assert!(contradicted.info().needs_person(), "{contradicted}");
        intent
            .resolve_by_hand("looked into the dashboard")
            .await
            .unwrap();
        let made = intent.refund("s").amount(10_00).await.unwrap();
        assert!(matches!(made, RefundStatus::Succeeded(_)), "{made}");
        let history = intent.history().await.unwrap();
        assert!(
            history
                .iter()
                .any(|entry| entry.note.as_deref() == Some("looked into the dashboard"))
        );
    }
}
