//! The journal: nothing is sent that is not recorded, nothing is sent twice, and nothing is lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::journal::{
    Death, Dying, FAILURES, Meanwhile, Moment, crash, key, pay, restarted, restarted_with, stage,
    the_record,
};
use common::{DECLINED, DIALECTS, Stage, VISA, card};
use flowlix_ext::journal::{MemoryJournal, STAMP, State};
use flowlix_ext::model::PaymentId;
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Error, ErrorKind, Flowlix, FlowlixBuilder, IdempotencyKey, Money};
use flowlix_sandbox::{Dialect, Fault, Operation, RecordedRequest};
use serde_json::Value;

fn body(request: &RecordedRequest) -> Value {
    serde_json::from_slice(request.raw_body_with_secrets()).unwrap()
}

#[tokio::test]
async fn a_finished_write_is_answered_from_the_journal_at_any_age() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let first = pay(&stage.flowlix).await.unwrap();
        assert!(!first.receipt().is_from_journal());
        // Flowlix has forgotten the key by then: sent again, this would charge again.
        for age in [0, 3600, 48 * 3600] {
            stage.time.advance(Duration::from_secs(age));
            for flowlix in [stage.flowlix.clone(), restarted(&stage, journal.clone())] {
                let again = pay(&flowlix).await.unwrap();
                assert!(again.receipt().is_from_journal());
                assert_eq!(again.receipt().request_id(), first.receipt().request_id());
                assert_eq!(again.receipt().history(), []);
                assert_eq!(*again, *first);
            }
        }
        stage.assert_posts_identical(1);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_key_reused_for_another_request_is_caught_and_nothing_is_sent() {
    for dialect in DIALECTS {
        let (stage, _) = stage(dialect).await;
        pay(&stage.flowlix).await.unwrap();
        let payments = stage.flowlix.payments();
        let other_amount = payments
            .create_direct(Money::eur(49_98), card(VISA))
            .return_url("https://shop.example.com/3ds");
        let other_card = payments
            .create_direct(Money::eur(49_99), card(DECLINED))
            .return_url("https://shop.example.com/3ds");
        let other_text = pay(&stage.flowlix).description("another");
        let other_member = pay(&stage.flowlix).metadata("order", "1234");
        for other in [other_amount, other_card, other_text, other_member] {
            let error = other.idempotency_key(key()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::KeyReused, "{error}");
            assert!(error.may_have_taken_effect(), "the first request did");
            assert!(!error.is_retryable());
        }
        assert_eq!(stage.posts().len(), 1);
    }
}

fn hosted(flowlix: &Flowlix) -> flowlix_ext::payments::CreateHosted {
    flowlix
        .payments()
        .create_hosted(Money::eur(49_99), "https://shop.example.com/back")
        .idempotency_key(key())
}

fn refund(flowlix: &Flowlix, payment: &PaymentId) -> flowlix_ext::refunds::CreateRefund {
    let refund = flowlix.refunds().create(payment);
    refund.amount(1_00).reason("late").idempotency_key(key())
}

fn assert_caught<T: std::fmt::Debug>(result: Result<T, Error>, known_from: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyReused, "{error}");
    assert!(error.to_string().contains(known_from), "{error}");
    assert!(error.may_have_taken_effect(), "the other request may have");
    assert!(!error.is_retryable());
    assert_eq!(error.idempotency_key(), Some(&key()));
}

/// Flowlix itself keeps keys apart by operation type in the uppercase dialect, and would charge twice.
#[tokio::test]
async fn a_key_used_for_another_operation_is_caught_and_nothing_is_sent() {
    for dialect in DIALECTS {
        for lost in [false, true] {
            let (stage, journal) = stage(dialect).await;
            let flowlix = &stage.flowlix;
            let some_payment = PaymentId::received("pay_abc123").unwrap();
            if lost {
                stage.sandbox.inject(Fault::LoseAnswer);
            }
            let paid = pay(flowlix).max_attempts(1).await;
            assert_eq!(paid.is_err(), lost);
            let later = restarted(&stage, journal.clone());
            for flowlix in [flowlix, &later] {
                assert_caught(hosted(flowlix).await, "create_direct_payment");
                assert_caught(
                    refund(flowlix, &some_payment).await,
                    "create_direct_payment",
                );
            }
            assert!(pay(&later).await.is_ok(), "the record is as it was");
            assert_eq!(stage.posts().len(), 1 + usize::from(lost));
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn whichever_operation_has_a_key_first_keeps_it() {
    for dialect in DIALECTS {
        let (stage, _) = stage(dialect).await;
        hosted(&stage.flowlix).await.unwrap();
        assert_caught(pay(&stage.flowlix).await, "create_hosted_payment");
        assert_eq!(stage.posts().len(), 1);
    }
    for dialect in DIALECTS {
        let (stage, _) = stage(dialect).await;
        let other = IdempotencyKey::custom("order-1").unwrap();
        let payment = pay(&stage.flowlix).idempotency_key(other).await.unwrap();
        stage.sandbox.settle();
        refund(&stage.flowlix, &payment.id).await.unwrap();
        assert_caught(pay(&stage.flowlix).await, "create_refund");
        assert_caught(hosted(&stage.flowlix).await, "create_refund");
        assert_eq!(stage.posts().len(), 2);
    }
}

#[tokio::test]
async fn of_two_operations_at_once_under_one_key_one_is_sent() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        stage.sandbox.inject(Fault::StallAnswer);
        let paying = tokio::spawn(pay(&stage.flowlix).send());
        stage.sandbox.wait_for_stalled(1).await;
        // Another process need not wait to know that it is another request.
        assert_caught(
            hosted(&restarted(&stage, journal.clone())).await,
            "create_direct_payment",
        );
        let in_this_process = tokio::spawn(hosted(&stage.flowlix).send());
        stage.sandbox.release_stalled();
        assert!(paying.await.unwrap().is_ok());
        assert_caught(in_this_process.await.unwrap(), "create_direct_payment");
        assert_eq!(stage.posts().len(), 1);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn the_key_of_a_refused_request_may_serve_another_operation() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        stage.sandbox.inject(Fault::status(422));
        assert!(pay(&stage.flowlix).await.is_err());
        let page = hosted(&stage.flowlix).await.unwrap();
        let record = the_record(&*journal).await;
        assert_eq!(record.operation, "create_hosted_payment");
        assert_eq!(journal.len(), 1);
        let again = hosted(&restarted(&stage, journal)).await.unwrap();
        assert!(again.receipt().is_from_journal());
        assert_eq!(again.hosted_payment_url, page.hosted_payment_url);
        assert!(again.hosted_payment_url.is_some());
        assert_caught(pay(&stage.flowlix).await, "create_hosted_payment");
    }
}

#[tokio::test]
async fn of_concurrent_callers_with_one_key_one_sends() {
    for dialect in DIALECTS {
        let (stage, _) = stage(dialect).await;
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::StallAnswer, 1);
        let callers: Vec<_> = (0..8)
            .map(|_| tokio::spawn(pay(&stage.flowlix).send()))
            .collect();
        stage.sandbox.wait_for_stalled(1).await;
        stage.sandbox.release_stalled();
        let mut from_journal = 0;
        let mut ids = Vec::new();
        for caller in callers {
            let payment = caller.await.unwrap().unwrap();
            from_journal += usize::from(payment.receipt().is_from_journal());
            ids.push(payment.id.clone());
        }
        ids.dedup();
        assert_eq!((ids.len(), from_journal), (1, 7));
        stage.assert_posts_identical(1);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn of_two_processes_with_one_key_one_sends() {
    for dialect in DIALECTS {
        let (mut stage, journal) = stage(dialect).await;
        stage.time = ManualTime::stepped();
        let one = restarted(&stage, journal.clone());
        let other = restarted(&stage, journal.clone());
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::StallAnswer, 1);
        let first = tokio::spawn(pay(&one).send());
        stage.sandbox.wait_for_stalled(1).await;
        let second = tokio::spawn(pay(&other).send());
        while stage.time.delays().is_empty() {
            tokio::task::yield_now().await;
        }
        stage.sandbox.release_stalled();
        let first = first.await.unwrap().unwrap();
        stage.time.advance(Duration::from_secs(1));
        let second = second.await.unwrap().unwrap();
        assert_eq!(first.id, second.id);
        assert!(second.receipt().is_from_journal());
        stage.assert_posts_identical(1);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_process_that_waits_for_another_in_vain_says_that_the_outcome_is_unknown() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let dying = restarted(&stage, Dying::new(&journal, 1, Death::Hangs));
        crash(&stage, &journal, pay(&dying).send()).await;
        let waiting = restarted(&stage, Dying::new(&journal, 99, Death::Fails));
        let error = pay(&waiting).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        assert_eq!(error.idempotency_key(), Some(&key()));
        assert!(error.is_retryable() && stage.posts().is_empty());
        // The hold of a process that died ends by itself.
        stage.time.advance(Duration::from_secs(5));
        assert!(pay(&stage.flowlix).await.is_ok());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_crash_between_recording_and_sending_is_made_good_by_the_repeat() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let dying = restarted(&stage, Dying::new(&journal, 1, Death::Hangs));
        crash(&stage, &journal, pay(&dying).send()).await;
        assert_eq!(the_record(&journal).await.state, State::Sending);
        assert!(stage.posts().is_empty(), "it is recorded before it is sent");
        stage.time.advance(Duration::from_secs(65));
        let payment = pay(&stage.flowlix).await.unwrap();
        assert!(!payment.receipt().is_from_journal());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_another_process_with_the_same_bytes() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 1);
        let error = pay(&stage.flowlix).max_attempts(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        assert!(error.journal_error().is_none());
        assert_eq!(the_record(&journal).await.state, State::InDoubt);
        let payment = pay(&restarted(&stage, journal.clone())).await.unwrap();
        stage.assert_posts_identical(2);
        assert_eq!(stage.payments_and_charges(), (1, 1));
        let record = the_record(&journal).await;
        assert!(matches!(&record.state, State::Accepted { result, .. }
            if result["id"] == payment.id.as_str()));
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_stored_reaches_the_caller_and_is_found_again() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let dying = restarted(&stage, Dying::new(&journal, 2, Death::Fails));
        let payment = pay(&dying).await.unwrap();
        let failure = payment.receipt().journal_error().unwrap();
        assert_eq!(failure.to_string(), "no space left on device");
        assert_eq!(the_record(&journal).await.state, State::Sending);
        stage.time.advance(Duration::from_secs(65));
        let again = pay(&stage.flowlix).await.unwrap();
        assert_eq!(again.id, payment.id);
        stage.assert_posts_identical(2);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_failure_that_cannot_be_stored_is_told_with_the_failure() {
    for dialect in DIALECTS {
        for how in FAILURES {
            let (stage, journal) = stage(dialect).await;
            let dying = restarted(&stage, Dying::new(&journal, 2, how));
            stage
                .sandbox
                .inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 1);
            let error = pay(&dying).max_attempts(1).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
            assert!(error.journal_error().is_some());
        }
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_sent() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let dying = restarted(&stage, Dying::new(&journal, 1, Death::Fails));
        let error = pay(&dying).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Journal);
        assert!(
            error.to_string().contains("no space left on device"),
            "{error}"
        );
        assert!(error.is_retryable() && !error.may_have_taken_effect());
        assert!(std::error::Error::source(&error).is_none(), "said once");
        assert!(stage.posts().is_empty() && journal.is_empty());
    }
}

#[tokio::test]
async fn a_key_of_a_refused_request_is_as_good_as_new() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::status(422), 1);
        let error = pay(&stage.flowlix).await.unwrap_err();
        assert!(!error.may_have_taken_effect(), "{error}");
        assert!(the_record(&journal).await.state.is_settled());
        // Flowlix stores accepted requests only, so another body is fine too, at any time.
        stage.time.advance(Duration::from_secs(48 * 3600));
        let other = pay(&stage.flowlix).description("corrected").await.unwrap();
        assert!(!other.receipt().is_from_journal());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_refusal_does_not_end_the_doubt_that_an_earlier_process_left() {
    for dialect in DIALECTS {
        for refusal in [401, 422, 429, 400] {
            let (stage, journal) = stage(dialect).await;
            let operation = Operation::CreateDirectPayment;
            stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
            stage
                .sandbox
                .inject_at(operation, Fault::status(refusal), 1);
            let _ = pay(&stage.flowlix).max_attempts(1).await.unwrap_err();
            let later = restarted(&stage, journal.clone());
            let error = pay(&later).max_attempts(1).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
            assert_eq!(the_record(&journal).await.state, State::InDoubt);
            let payment = pay(&later).await.unwrap();
            assert!(!payment.receipt().is_from_journal());
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

/// With another security code Flowlix takes it for another request, and so has accepted the first.
#[tokio::test]
async fn another_security_code_leaves_the_first_request_in_doubt() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let operation = Operation::CreateDirectPayment;
        stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
        let _ = pay(&stage.flowlix).max_attempts(1).await.unwrap_err();
        let mistyped = flowlix_ext::CardDetails::new(VISA, 12, 2027, "315", "Jenny Rosen");
        let error = stage
            .flowlix
            .payments()
            .create_direct(Money::eur(49_99), mistyped)
            .return_url("https://shop.example.com/3ds")
            .idempotency_key(key())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        assert_eq!(error.status(), Some(409), "Flowlix knows another body");
        assert!(!error.is_retryable(), "not with this security code");
        assert_eq!(the_record(&journal).await.state, State::InDoubt);
        assert!(pay(&stage.flowlix).await.is_ok());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_key_that_was_derived_anew_is_as_old_as_its_record() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 1);
        let _ = pay(&stage.flowlix).max_attempts(1).await.unwrap_err();
        stage.time.advance(Duration::from_secs(23 * 3600));
        let error = pay(&restarted(&stage, journal.clone())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyTooOld, "{error}");
        assert!(error.may_have_taken_effect(), "the first call may have");
        assert_eq!(stage.posts().len(), 1, "sent now, it could charge twice");
        assert_eq!(the_record(&journal).await.state, State::InDoubt);
    }
}

#[tokio::test]
async fn a_key_that_is_too_old_changes_no_record() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let old = key().with_created_at(std::time::UNIX_EPOCH);
        let error = pay(&stage.flowlix)
            .idempotency_key(old.clone())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyTooOld, "{error}");
        assert!(error.may_have_taken_effect() && journal.is_empty());
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 1);
        let _ = pay(&stage.flowlix).max_attempts(1).await.unwrap_err();
        let before = the_record(&journal).await;
        let error = pay(&stage.flowlix).idempotency_key(old).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyTooOld, "{error}");
        assert!(error.may_have_taken_effect());
        assert_eq!(the_record(&journal).await, before);
    }
}

#[tokio::test]
async fn a_dropped_call_is_taken_up_by_the_next() {
    for dialect in DIALECTS {
        let (stage, _) = stage(dialect).await;
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::StallAnswer, 1);
        let call = tokio::spawn(pay(&stage.flowlix).send());
        stage.sandbox.wait_for_stalled(1).await;
        call.abort();
        assert!(call.await.is_err());
        assert!(pay(&stage.flowlix).await.is_ok());
        stage.assert_posts_identical(2);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn every_write_that_can_carries_a_stamp() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let payment = pay(&stage.flowlix).metadata("order", "1234").await.unwrap();
        let sent = body(&stage.posts()[0]);
        let record = the_record(&journal).await;
        assert_eq!(sent["metadata"]["order"], "1234");
        assert_eq!(sent["metadata"][STAMP].as_str(), record.stamp.as_deref());
        assert_eq!(record.stamp.unwrap().len(), 32);
        assert!(payment.metadata.contains_key(STAMP));

        let hosted = stage
            .flowlix
            .payments()
            .create_hosted(Money::eur(10_00), "https://shop.example.com/back")
            .await
            .unwrap();
        assert!(hosted.metadata.contains_key(STAMP));
        assert_ne!(hosted.metadata[STAMP], payment.metadata[STAMP]);

        stage.flowlix.payments().wait(&payment.id).await.unwrap();
        let refund = stage.flowlix.refunds().create(&payment.id);
        refund.amount(1_00).reason("late").await.unwrap();
        let sent = body(stage.posts().last().unwrap());
        let has_stamp = sent["metadata"][STAMP].is_string();
        assert_eq!(has_stamp, dialect == Dialect::Uppercase);
    }
}

#[tokio::test]
async fn without_a_journal_nothing_is_added() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        assert!(payment.metadata.is_empty());
        assert!(!payment.receipt().is_from_journal());
    }
}

#[tokio::test]
async fn the_stamp_has_its_name_to_itself_and_counts_as_an_entry() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let error = pay(&stage.flowlix)
            .metadata(STAMP, "mine")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert_eq!(error.violations()[0].field, "metadata.flowlix_sdk_stamp");
        let full = (0..50).fold(pay(&stage.flowlix), |create, number| {
            create.metadata(format!("entry {number}"), "x")
        });
        match dialect {
            Dialect::SnakeCase => {
                let error = full.await.unwrap_err();
                assert_eq!(error.violations().len(), 1, "{error}");
                assert_eq!(error.violations()[0].field, "metadata");
                assert!(error.to_string().contains("stamp"), "{error}");
                assert!(journal.is_empty(), "an invalid request is not recorded");
            }
            Dialect::Uppercase => assert!(full.await.is_ok()),
        }
    }
}

#[tokio::test]
async fn a_refund_of_the_rest_is_repeated_with_the_amount_that_was_sent() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let payment = pay(&stage.flowlix).await.unwrap();
        stage.flowlix.payments().wait(&payment.id).await.unwrap();
        let refund = |flowlix: &Flowlix| {
            flowlix
                .refunds()
                .create(&payment.id)
                .reason("late")
                .idempotency_key(IdempotencyKey::custom("refund-1234").unwrap())
        };
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::LoseAnswer, 1);
        let error = refund(&stage.flowlix).max_attempts(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        // Nothing is left to refund by now; the amount that was sent is what counts.
        let later = restarted(&stage, journal.clone());
        let created = refund(&later).await.unwrap();
        assert_eq!(created.refund.as_ref().unwrap().amount, 4999);
        let again = refund(&later).await.unwrap();
        assert!(again.receipt().is_from_journal());
        assert_eq!(*again, *created);
        let error = refund(&later).amount(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyReused);
        stage.sandbox.settle();
        assert_eq!(stage.sandbox.ledger().amount_refunded(), 4999);
        let sent: Vec<_> = stage.posts().split_off(1);
        assert_eq!(sent.len(), 2);
        assert!(sent[0].raw_body_with_secrets() == sent[1].raw_body_with_secrets());
    }
}

/// A refusal of the card, at once.
fn refused_card() -> Fault {
    let body = r#"{"error":{"type":"card_error","code":"card_declined","message":"No."}}"#;
    Fault::raw(402, [("content-type", "application/json")], body)
}

/// While one caller is being refused another one comes, in the same process or another, and waits.
#[tokio::test]
async fn who_waits_for_a_caller_that_is_refused_is_refused_with_it() {
    for dialect in DIALECTS {
        for (refusal, kind) in [
            (refused_card(), ErrorKind::Declined),
            (Fault::status(422), ErrorKind::Rejected),
            (Fault::status(401), ErrorKind::Authentication),
        ] {
            for is_same_process in [true, false] {
                let (stage, journal) = stage(dialect).await;
                stage.sandbox.inject(refusal.clone());
                let twin = Arc::new(std::sync::Mutex::new(None));
                let time = ManualTime::stepped();
                let comes = {
                    let other = restarted_with(&stage, |builder| {
                        builder.journal(journal.clone()).runtime(time.clone())
                    });
                    let (twin, same) = (twin.clone(), Arc::new(std::sync::Mutex::new(None)));
                    let first = same.clone();
                    let deed = async move {
                        let flowlix: Flowlix = match is_same_process {
                            true => first.lock().unwrap().clone().unwrap(),
                            false => other,
                        };
                        let waiting = tokio::spawn(async move { pay(&flowlix).await });
                        for _ in 0..99 {
                            tokio::task::yield_now().await;
                        }
                        assert!(!waiting.is_finished());
                        *twin.lock().unwrap() = Some(waiting);
                    };
                    let meanwhile = Meanwhile::new(&journal, Moment::Before, 2, deed);
                    let sender = restarted(&stage, meanwhile);
                    *same.lock().unwrap() = Some(sender.clone());
                    sender
                };
                let refused = pay(&comes).await.unwrap_err();
                let waiting = twin.lock().unwrap().take().unwrap();
                time.advance(Duration::from_secs(1));
                let shared = waiting.await.unwrap().unwrap_err();
                for error in [refused, shared] {
                    assert_eq!(error.kind(), kind, "{error}");
                    assert!(!error.may_have_taken_effect(), "{error}");
                }
                assert_eq!(stage.posts().len(), 1, "nothing was sent for the other");
                // Whoever comes later sends anew.
                assert!(pay(&stage.flowlix).await.is_ok());
                assert_eq!(stage.payments_and_charges(), (1, 1));
            }
        }
    }
}

const PAYMENT: &str = "pay_00000000-0000-0000-0000-000000000000";

#[tokio::test]
async fn what_is_refused_before_sending_does_not_hide_what_the_journal_knows() {
    for dialect in DIALECTS {
        for is_lost in [false, true] {
            let (stage, journal) = stage(dialect).await;
            let may = |flowlix: Flowlix| async move {
                let hosted = flowlix.payments().create_hosted(Money::eur(0), "nowhere");
                let refund = flowlix.refunds().create(&PAYMENT.parse().unwrap());
                let mistyped = card("4111111111111112");
                let errors = [
                    pay(&flowlix).description("x".repeat(501)).await.err(),
                    pay(&flowlix).header("Authorization", "x").await.err(),
                    flowlix
                        .payments()
                        .create_direct(Money::eur(49_99), mistyped)
                        .idempotency_key(key())
                        .await
                        .err(),
                    hosted.idempotency_key(key()).await.err(),
                    refund
                        .header("Authorization", "x")
                        .idempotency_key(key())
                        .await
                        .err(),
                ];
                errors.map(|error| {
                    let error = error.unwrap();
                    let kinds = [ErrorKind::InvalidRequest, ErrorKind::Journal];
                    assert!(kinds.contains(&error.kind()), "{error}");
                    error.may_have_taken_effect()
                })
            };
            assert_eq!(may(stage.flowlix.clone()).await, [false; 5]);
            let operation = Operation::CreateDirectPayment;
            stage.sandbox.inject_at(operation, Fault::status(422), 1);
            assert!(pay(&stage.flowlix).await.is_err());
            assert_eq!(may(stage.flowlix.clone()).await, [false; 5]);
            if is_lost {
                stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
            }
            assert_eq!(pay(&stage.flowlix).max_attempts(1).await.is_err(), is_lost);
            assert_eq!(may(stage.flowlix.clone()).await, [true; 5]);
            assert_eq!(may(restarted(&stage, journal.clone())).await, [true; 5]);
            let dying = Dying::at("load", &journal, 1, Death::Fails);
            assert_eq!(may(restarted(&stage, dying)).await, [true; 5]);
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

/// A client with another API key of the merchant's, and the same journal.
fn with_other_key(
    stage: &Stage,
    journal: &Arc<MemoryJournal>,
    account: Option<&'static str>,
) -> Flowlix {
    let builder = Flowlix::builder(&format!("{}Other", stage.sandbox.key(stage.dialect)))
        .base_url(stage.sandbox.base_url())
        .runtime(stage.time.clone())
        .journal(journal.clone());
    named(builder, account).build().unwrap()
}

fn named(builder: FlowlixBuilder, account: Option<&'static str>) -> FlowlixBuilder {
    match account {
        Some(name) => builder.journal_account(name),
        None => builder,
    }
}

#[tokio::test]
async fn records_of_another_api_key_are_not_repeated_under_this_one() {
    for dialect in DIALECTS {
        for account in [None, Some("shop")] {
            let (stage, journal) = stage(dialect).await;
            let flowlix = restarted_with(&stage, |builder| {
                named(builder.journal(journal.clone()), account)
            });
            let other = with_other_key(&stage, &journal, account);
            let operation = Operation::CreateDirectPayment;
            stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
            let _ = pay(&flowlix).max_attempts(1).await.unwrap_err();
            let error = pay(&other).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Journal, "{error}");
            assert!(!error.is_retryable() && error.may_have_taken_effect());

            let finished = pay(&flowlix).await.unwrap();
            assert_eq!(stage.posts().len(), 2);
            match (account, pay(&other).await) {
                (None, Err(error)) => assert_eq!(error.kind(), ErrorKind::Journal, "{error}"),
                (Some(_), Ok(answered)) => {
                    assert!(answered.receipt().is_from_journal());
                    assert_eq!(answered.id, finished.id);
                }
                (_, result) => panic!("{result:?}"),
            }
            assert_eq!(stage.posts().len(), 2, "nothing was sent for the other key");
        }
    }
}

#[tokio::test]
async fn what_was_recorded_before_the_merchant_had_a_name_counts() {
    for dialect in DIALECTS {
        for is_lost in [false, true] {
            let (stage, journal) = stage(dialect).await;
            let shop = restarted_with(&stage, |builder| {
                named(builder.journal(journal.clone()), Some("shop"))
            });
            if is_lost {
                let operation = Operation::CreateDirectPayment;
                stage.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
            }
            let first = pay(&stage.flowlix).max_attempts(1).await;
            assert_eq!(first.is_err(), is_lost);

            let hosted = shop
                .payments()
                .create_hosted(Money::eur(49_99), "https://shop.example.com");
            let error = hosted.idempotency_key(key()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::KeyReused, "{error}");
            let record = shop.journal_record(&key()).await.unwrap().unwrap();
            assert_eq!(record.id.scope.account, "shop");
            assert_eq!(record.state.is_settled(), !is_lost);

            // Another merchant who shares the journal has keys of his own.
            let stranger = with_other_key(&stage, &journal, Some("stranger"));
            assert!(stranger.journal_record(&key()).await.unwrap().is_none());
            assert!(stranger.recover().await.unwrap().writes.is_empty());

            let again = pay(&shop).await.unwrap();
            assert_eq!(again.receipt().is_from_journal(), !is_lost);
            // From now on another API key may come.
            let other = with_other_key(&stage, &journal, Some("shop"));
            let answered = pay(&other).await.unwrap();
            assert!(answered.receipt().is_from_journal());
            assert_eq!(answered.id, again.id);
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

/// A variable that was not set must not vouch for everybody's records.
#[test]
fn an_empty_name_is_no_merchants() {
    for name in ["", " \n"] {
        let builder = Flowlix::builder("fl_test_sk_abc123def456").journal(MemoryJournal::new());
        let error = builder.journal_account(name).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("empty name"), "{error}");
    }
}

#[tokio::test]
async fn a_record_of_the_other_dialect_is_not_guessed_about() {
    let (stage, journal) = stage(Dialect::SnakeCase).await;
    pay(&stage.flowlix).await.unwrap();
    let uppercase = Flowlix::builder(stage.sandbox.key(Dialect::Uppercase))
        .base_url(stage.sandbox.base_url())
        .runtime(stage.time.clone())
        .journal(journal)
        .build()
        .unwrap();
    let error = pay(&uppercase).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Journal);
    assert!(error.to_string().contains("snake_case"), "{error}");
    assert!(error.may_have_taken_effect() && !error.is_retryable());
    assert_eq!(stage.posts().len(), 1);
}

#[tokio::test]
async fn no_record_holds_a_secret() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let payment = pay(&stage.flowlix).await.unwrap();
        let record = the_record(&journal).await;
        let text = format!(
            "{} {record:?} {journal:?}",
            serde_json::to_string(&record).unwrap()
        );
        for secret in [VISA, &VISA[..12], "\"314\"", stage.sandbox.key(dialect)] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains(payment.id.as_str()));
    }
}

#[tokio::test]
async fn memory_makes_room_for_new_records_but_never_forgets_a_doubt() {
    let journal = Arc::new(MemoryJournal::with_capacity(2));
    let stage = Stage::with(Dialect::Uppercase, |builder| {
        builder.journal(journal.clone())
    })
    .await;
    let pay = |key: &str| {
        stage
            .create()
            .idempotency_key(IdempotencyKey::custom(key).unwrap())
    };
    for key in ["a", "b", "c"] {
        pay(key).await.unwrap();
        stage.time.advance(Duration::from_secs(1));
    }
    assert_eq!(journal.len(), 2);
    assert!(pay("c").await.unwrap().receipt().is_from_journal());
    assert!(pay("b").await.unwrap().receipt().is_from_journal());
    for key in ["d", "e"] {
        stage.sandbox.inject(Fault::LoseAnswer);
        let error = pay(key).max_attempts(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    }
    let error = pay("f").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Journal);
    assert!(error.to_string().contains("full"), "{error}");
}

#[tokio::test]
async fn the_journal_is_asked_by_the_key_and_pruned_by_the_age() {
    for dialect in DIALECTS {
        let (stage, journal) = stage(dialect).await;
        let day = Duration::from_secs(24 * 60 * 60);
        assert_eq!(stage.flowlix.journal_record(&key()).await.unwrap(), None);
        pay(&stage.flowlix).await.unwrap();
        let record = stage.flowlix.journal_record(&key()).await.unwrap();
        assert_eq!(record, Some(the_record(&journal).await));

        for (age, later, pruned) in [
            (Duration::ZERO, 2 * day, 0),
            (3 * day, Duration::from_millis(1), 0),
            (Duration::MAX, Duration::ZERO, 0),
            (Duration::ZERO, Duration::ZERO, 1),
            (Duration::ZERO, Duration::ZERO, 0),
        ] {
            stage.pass(later);
            assert_eq!(stage.flowlix.prune_journal(age).await.unwrap(), pruned);
        }
        assert_eq!(stage.flowlix.journal_record(&key()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_journal_that_fails_or_is_not_there_says_so_when_asked() {
    let (stage, journal) = stage(DIALECTS[0]).await;
    for how in FAILURES {
        for method in ["load", "prune"] {
            let flowlix = restarted(&stage, Dying::at(method, &journal, 1, how));
            let error = match method {
                "load" => flowlix.journal_record(&key()).await.unwrap_err(),
                _ => flowlix.prune_journal(Duration::ZERO).await.unwrap_err(),
            };
            assert_eq!(error.kind(), ErrorKind::Journal, "{how:?}: {error}");
            let panicked = error
                .to_string()
                .contains(&format!("panicked in {method}()"));
            assert_eq!(panicked, how != Death::Fails, "{how:?}: {error}");
        }
    }
    let without = Stage::new(DIALECTS[0]).await.flowlix;
    for error in [
        without.journal_record(&key()).await.unwrap_err(),
        without.prune_journal(Duration::ZERO).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    }
}
