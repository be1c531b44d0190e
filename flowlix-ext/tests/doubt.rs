//! A doubt about a key stays with the key: a refusal says nothing about the call before it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use common::journal::{self, Ahead, restarted_with};
use common::{DIALECTS, Stage, VISA, card};
use flowlix_ext::call::rate::RateLimit;
use flowlix_ext::journal::{State, Truth};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Error, ErrorKind, IdempotencyKey};
use flowlix_sandbox::{Fault, Operation};

/// Answers that refuse a request, and the error of a call that nothing went before.
fn refusals() -> [(Fault, ErrorKind); 5] {
    [
        (Fault::status(400), ErrorKind::Rejected),
        (Fault::status(401), ErrorKind::Authentication),
        (Fault::status(404), ErrorKind::NotFound),
        (
            Fault::status_retry_after(429, "3600"),
            ErrorKind::RateLimited,
        ),
        (Fault::ResetBeforeReading, ErrorKind::OutcomeUnknown),
    ]
}

/// The card is declined at once.
fn card_error() -> Fault {
    let body = r#"{"error":{"type":"card_error","decline_code":"insufficient_funds"}}"#;
    Fault::raw(422, [("content-type", "application/json")], body)
}

/// The customer can be told of the refusal, and nobody takes it for the end.
fn assert_refused_in_doubt(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert!(!error.is_declined() && error.may_have_taken_effect());
    let decline = error.decline().unwrap();
    assert_eq!(decline.code().unwrap().as_str(), "insufficient_funds");
    let text = decline.customer_message();
    assert!(text.contains("insufficient funds"), "{text}");
}

async fn create_once(stage: &Stage, key: IdempotencyKey, fault: Option<Fault>) -> Option<Error> {
    if let Some(fault) = fault {
        let operation = Operation::CreateDirectPayment;
        stage.sandbox.inject_at(operation, fault, 1);
    }
    let call = stage.create().idempotency_key(key).max_attempts(1);
    call.await.err()
}

/// The key of the order, derived anew.
fn derived() -> IdempotencyKey {
    IdempotencyKey::derive("payment", ["order-1234"]).unwrap()
}

/// What a repeat with a key that is derived anew comes to, when it is refused for good.
async fn refused(stage: &Stage) -> Error {
    let error = create_once(stage, derived(), Some(Fault::status(401))).await;
    error.unwrap()
}

/// One call on its way: its answer stalls.
async fn under_way(stage: &Stage) -> tokio::task::JoinHandle<Option<Error>> {
    let operation = Operation::CreateDirectPayment;
    stage.sandbox.inject_at(operation, Fault::StallAnswer, 1);
    let call = stage.create().idempotency_key(derived()).max_attempts(1);
    let running = tokio::spawn(async move { call.await.err() });
    stage.sandbox.wait_for_stalled(1).await;
    running
}

#[tokio::test]
async fn the_key_of_an_unknown_outcome_takes_the_doubt_along() {
    for dialect in DIALECTS {
        for (refusal, _) in refusals() {
            let stage = Stage::new(dialect).await;
            let lost = create_once(&stage, derived(), Some(Fault::LoseAnswer)).await;
            let mut error = lost.unwrap();
            for _ in 0..2 {
                let key = error.idempotency_key().unwrap().clone();
                error = create_once(&stage, key, Some(refusal.clone()))
                    .await
                    .unwrap();
                assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
                assert!(error.may_have_taken_effect() && error.is_retryable());
                assert!(error.decline().is_none(), "nobody spoke of the card");
            }
            let key = error.idempotency_key().unwrap().clone();
            assert!(create_once(&stage, key, None).await.is_none(), "settled");
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_client_remembers_the_keys_under_which_something_may_have_been_done() {
    for dialect in DIALECTS {
        for lost in [true, false] {
            let mut stage = Stage::new(dialect).await;
            assert_eq!(refused(&stage).await.kind(), ErrorKind::Authentication);
            let first = create_once(&stage, derived(), lost.then_some(Fault::LoseAnswer)).await;
            assert_eq!(first.is_some(), lost);
            // Its clones do, too, and for as long as there are any.
            stage.flowlix = stage.flowlix.clone();
            for _ in 0..2 {
                let error = refused(&stage).await;
                assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
                assert!(error.may_have_taken_effect() && error.is_retryable());
            }
            assert!(create_once(&stage, derived(), None).await.is_none());
            assert_eq!(stage.payments_and_charges(), (1, 1));

            // Another one knows nothing of them: that is what a journal is for.
            let stage = Stage {
                flowlix: restarted_with(&stage, |builder| builder),
                ..stage
            };
            let error = refused(&stage).await;
            assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_refund_is_remembered_as_a_payment_is() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.charged().await;
        let matcher = || flowlix_sandbox::Matcher::method("POST");
        let mut kinds = Vec::new();
        for fault in [Fault::LoseAnswer, Fault::status(401)] {
            stage.sandbox.inject_at(matcher(), fault, 1);
            let refund = stage.flowlix.refunds().create(&payment.id).amount(10_00);
            let key = IdempotencyKey::derive("refund", ["return-77"]).unwrap();
            let call = refund.reason("return-77").idempotency_key(key);
            let error = call.max_attempts(1).await.unwrap_err();
            assert!(error.may_have_taken_effect(), "{error}");
            kinds.push(error.kind());
        }
        assert_eq!(kinds, [ErrorKind::OutcomeUnknown; 2]);
        stage.sandbox.settle();
        assert_eq!(stage.sandbox.ledger().amount_refunded(), 10_00);
    }
}

#[tokio::test]
async fn a_call_that_is_refused_while_its_twin_is_under_way_is_no_end() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let twin = under_way(&stage).await;
        let error = refused(&stage).await;
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        let too_long = stage.create().description("x".repeat(501));
        let error = too_long.idempotency_key(derived()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
        assert!(error.may_have_taken_effect());
        stage.sandbox.release_stalled();
        assert!(twin.await.unwrap().is_none());
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_call_that_was_given_up_may_have_been_carried_out() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let operation = Operation::CreateDirectPayment;
        stage.sandbox.inject_at(operation, Fault::StallAnswer, 1);
        let call = stage.create().idempotency_key(derived());
        stage.give_up_when_stalled(call.send()).await;
        let error = refused(&stage).await;
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        stage.sandbox.release_stalled();

        // One that was given up after it was refused, while it waited to try again, was not.
        let time = ManualTime::stepped();
        let flowlix = restarted_with(&stage, |builder| {
            builder.runtime(time.clone()).rate_limit(RateLimit::off())
        });
        let stage = Stage { flowlix, ..stage };
        let too_many = Fault::status_retry_after(429, "5");
        stage.sandbox.inject_at(operation, too_many, 1);
        let mut call = Box::pin(stage.create().idempotency_key(derived()).send());
        std::future::poll_fn(|context| {
            assert!(call.as_mut().poll(context).is_pending());
            match time.delays().len() {
                0 => Poll::Pending,
                _ => Poll::Ready(()),
            }
        })
        .await;
        drop(call);
        let error = refused(&stage).await;
        assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
    }
}

#[tokio::test]
async fn the_key_of_a_receipt_was_used() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payments = stage.flowlix.payments();
        let create = || payments.create_direct(flowlix_ext::Money::eur(49_99), card(VISA));
        let paid = create().await.unwrap();
        let key = paid.receipt().idempotency_key().unwrap().clone();
        let operation = Operation::CreateDirectPayment;
        stage.sandbox.inject_at(operation, Fault::status(401), 1);
        let error = create().idempotency_key(key).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");

        // Also where the journal had the answer, and another client goes on without it.
        let (stage, _) = journal::stage(dialect).await;
        journal::pay(&stage.flowlix).await.unwrap();
        let known = journal::pay(&stage.flowlix).await.unwrap();
        assert!(known.receipt().is_from_journal());
        let key = known.receipt().idempotency_key().unwrap().clone();
        let without = restarted_with(&stage, |builder| builder);
        stage.sandbox.inject_at(operation, Fault::status(401), 1);
        let again = journal::pay(&without).idempotency_key(key);
        let error = again.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    }
}

#[tokio::test]
async fn a_client_knows_how_old_the_keys_are_that_it_used() {
    for dialect in DIALECTS {
        for is_set_back in [false, true] {
            let stage = Stage::new(dialect).await;
            let clock = Ahead::of(&stage.time, 48 * 60 * 60);
            let flowlix = restarted_with(&stage, |builder| builder.runtime(clock.clone()));
            let stage = Stage { flowlix, ..stage };
            assert!(create_once(&stage, derived(), None).await.is_none());
            if is_set_back {
                clock.set_back();
            }
            stage.pass(Duration::from_secs(23 * 60 * 60 - 1));
            assert!(create_once(&stage, derived(), None).await.is_none());
            stage.pass(Duration::from_secs(1));
            let error = create_once(&stage, derived(), None).await.unwrap();
            assert_eq!(error.kind(), ErrorKind::KeyTooOld, "{error}");
            assert!(error.may_have_taken_effect());
            assert_eq!(stage.posts().len(), 2);
        }
    }
}

/// A machine whose clock is two hours behind would take a key of a day for one of 22 hours.
#[tokio::test]
async fn an_old_key_is_old_by_flowlixs_clock_too() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let hours = |count: u64| Duration::from_secs(count * 60 * 60);
        let stored_at = stage.time.now();
        stage.sandbox.clock().advance(hours(2));
        stage.pass(hours(22));
        let stored = || IdempotencyKey::restored("order-1234-payment", stored_at).unwrap();
        // Any answer tells what time it is.
        assert!(stage.flowlix.payments().list().page().await.is_ok());
        let error = create_once(&stage, stored(), None).await.unwrap();
        assert_eq!(error.kind(), ErrorKind::KeyTooOld, "{error}");
        assert!(error.may_have_taken_effect());
        assert!(stage.posts().is_empty());

        // What was made on that machine itself is as old as it says.
        let payments = stage.flowlix.payments();
        let create = payments.create_direct(flowlix_ext::Money::eur(49_99), card(VISA));
        assert!(create.await.is_ok());
    }
}

#[tokio::test]
async fn a_key_that_was_stored_may_have_been_used() {
    for dialect in DIALECTS {
        for (refusal, alone) in refusals() {
            let stage = Stage::new(dialect).await;
            let stored_at = stage.time.now() - Duration::from_secs(60);
            let stored = IdempotencyKey::restored("order-1234-payment", stored_at).unwrap();
            let error = create_once(&stage, stored, Some(refusal.clone()))
                .await
                .unwrap();
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");

            let new = IdempotencyKey::custom("order-1235-payment").unwrap();
            let error = create_once(&stage, new, Some(refusal)).await.unwrap();
            assert_eq!(error.kind(), alone, "{error}");
            let is_unknown = alone == ErrorKind::OutcomeUnknown;
            assert_eq!(error.may_have_taken_effect(), is_unknown);
            assert_eq!(stage.payments_and_charges(), (0, 0));
        }
    }
}

#[tokio::test]
async fn what_is_refused_before_sending_does_not_end_a_doubt() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let key = IdempotencyKey::custom("order-1234-payment").unwrap();
        let lost = create_once(&stage, key.clone(), Some(Fault::LoseAnswer)).await;
        let doubted = lost.unwrap().idempotency_key().unwrap().clone();
        let id = "pay_00000000-0000-0000-0000-000000000000".parse().unwrap();
        let other = IdempotencyKey::custom("order-1235-payment").unwrap();
        // The client remembers the key as it was, too.
        for (key, expected) in [(doubted, true), (key, true), (other, false)] {
            let payments = stage.flowlix.payments();
            let refunds = stage.flowlix.refunds();
            let too_long = || "x".repeat(501);
            let direct = stage.create().description(too_long());
            let hosted = payments
                .create_hosted(flowlix_ext::Money::eur(1), "https://shop.example.com")
                .description(too_long());
            let refund = refunds.create(&id).amount(0);
            for error in [
                direct.idempotency_key(key.clone()).await.unwrap_err(),
                hosted.idempotency_key(key.clone()).await.unwrap_err(),
                refund.idempotency_key(key.clone()).await.unwrap_err(),
                stage
                    .create()
                    .header("Authorization", "x")
                    .idempotency_key(key.clone())
                    .await
                    .unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
                assert_eq!(error.may_have_taken_effect(), expected, "{error}");
            }
        }
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn an_old_key_may_have_been_used_and_nothing_is_sent() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let stored_at = stage.time.now() - Duration::from_secs(23 * 60 * 60);
        let stored = IdempotencyKey::restored("order-1234-payment", stored_at).unwrap();
        let error = create_once(&stage, stored, None).await.unwrap();
        assert_eq!(error.kind(), ErrorKind::KeyTooOld, "{error}");
        assert!(error.may_have_taken_effect());
        assert!(stage.posts().is_empty());
    }
}

#[tokio::test]
async fn a_wait_that_fails_leaves_the_payment_to_go_on() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        let operation = Operation::RetrievePayment;
        stage.sandbox.inject_at(operation, Fault::status(401), 1);
        let error = stage.flowlix.payments().wait(&payment.id).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
        assert!(error.may_have_taken_effect());
    }
}

#[tokio::test]
async fn a_card_refused_under_a_key_in_doubt_can_be_told_and_ends_no_doubt() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let stored_at = stage.time.now() - Duration::from_secs(60);
        let stored = IdempotencyKey::restored("order-1234-payment", stored_at).unwrap();
        let error = create_once(&stage, stored, Some(card_error())).await;
        assert_refused_in_doubt(&error.unwrap());
        assert_eq!(stage.payments_and_charges(), (0, 0));

        // Here the customer is charged, whatever the last answer said.
        let key = IdempotencyKey::custom("order-1235-payment").unwrap();
        let lost = create_once(&stage, key, Some(Fault::LoseAnswer)).await;
        let lost = lost.unwrap();
        assert!(lost.decline().is_none());
        let key = lost.idempotency_key().unwrap().clone();
        let error = create_once(&stage, key, Some(card_error())).await.unwrap();
        assert_refused_in_doubt(&error);
        let key = error.idempotency_key().unwrap().clone();
        assert!(create_once(&stage, key, None).await.is_none(), "settled");
        assert_eq!(stage.payments_and_charges(), (1, 1));

        // Both in one call.
        for fault in [Fault::LoseAnswer, card_error()] {
            let operation = Operation::CreateDirectPayment;
            stage.sandbox.inject_at(operation, fault, 1);
        }
        let key = IdempotencyKey::custom("order-1236-payment").unwrap();
        let error = stage.create().idempotency_key(key).await.unwrap_err();
        assert_eq!(error.attempts(), 2);
        assert_refused_in_doubt(&error);
        assert_eq!(stage.payments_and_charges(), (2, 2));
    }
}

#[tokio::test]
async fn a_journal_settles_what_a_refused_card_left_in_doubt() {
    for dialect in DIALECTS {
        for (first, charges) in [(Fault::status(503), 0), (Fault::LoseAnswer, 1)] {
            let (stage, journal) = journal::stage(dialect).await;
            for fault in [first, card_error()] {
                let operation = Operation::CreateDirectPayment;
                stage.sandbox.inject_at(operation, fault, 1);
                let pay = journal::pay(&stage.flowlix).max_attempts(1);
                let error = pay.await.unwrap_err();
                assert!(error.may_have_taken_effect(), "{error}");
                if error.status() == Some(422) {
                    assert_refused_in_doubt(&error);
                }
            }
            let record = journal::the_record(&*journal).await;
            assert_eq!(record.state, State::InDoubt);
            assert_eq!(stage.payments_and_charges(), (charges, charges));
            stage.pass(Duration::from_secs(60 * 60));
            let recovery = stage.flowlix.recover().await.unwrap();
            let truth = &recovery.writes[0].truth;
            match charges {
                0 => assert_eq!(*truth, Truth::NotCharged(None)),
                _ => assert!(matches!(truth, Truth::Charged(_)), "{truth}"),
            }
        }
    }
}

#[tokio::test]
async fn a_refund_refused_under_a_key_in_doubt_speaks_of_no_card() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.charged().await;
        for fault in [Fault::LoseAnswer, card_error()] {
            stage.sandbox.inject_at(Operation::Refund, fault, 1);
        }
        let create = stage.flowlix.refunds().create(&payment.id);
        let error = create.amount(10_00).reason("late").await.unwrap_err();
        assert!(error.outcome_unknown() && !error.is_declined(), "{error}");
        let text = error.decline().unwrap().customer_message();
        assert!(text.contains("refund") && !text.contains("card"), "{text}");
        assert_eq!(stage.sandbox.ledger().refunds().count(), 1);
    }
}

#[tokio::test]
async fn a_key_from_the_future_may_have_been_used() {
    for dialect in DIALECTS {
        let plain = Stage::new(dialect).await;
        let (recorded, _journal) = journal::stage(dialect).await;
        for stage in [plain, recorded] {
            let stored_at = stage.time.now() + Duration::from_secs(2 * 60 * 60);
            let stored = IdempotencyKey::restored("order-1234-payment", stored_at).unwrap();
            let error = create_once(&stage, stored, None).await.unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
            assert!(error.may_have_taken_effect());
            assert!(stage.posts().is_empty());
        }
    }
}
