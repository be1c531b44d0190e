//! A doubt about a key stays with the key: a refusal says nothing about the call before it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::{DIALECTS, Stage};
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

async fn create_once(stage: &Stage, key: IdempotencyKey, fault: Option<Fault>) -> Option<Error> {
    if let Some(fault) = fault {
        let operation = Operation::CreateDirectPayment;
        stage.sandbox.inject_at(operation, fault, 1);
    }
    let call = stage.create().idempotency_key(key).max_attempts(1);
    call.await.err()
}

#[tokio::test]
async fn the_key_of_an_unknown_outcome_takes_the_doubt_along() {
    for dialect in DIALECTS {
        for (refusal, _) in refusals() {
            let stage = Stage::new(dialect).await;
            let key = IdempotencyKey::derive("payment", ["order-1234"]).unwrap();
            let lost = create_once(&stage, key, Some(Fault::LoseAnswer)).await;
            let mut error = lost.unwrap();
            for _ in 0..2 {
                let key = error.idempotency_key().unwrap().clone();
                error = create_once(&stage, key, Some(refusal.clone()))
                    .await
                    .unwrap();
                assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
                assert!(error.may_have_taken_effect() && error.is_retryable());
            }
            let key = error.idempotency_key().unwrap().clone();
            assert!(create_once(&stage, key, None).await.is_none(), "settled");
            assert_eq!(stage.payments_and_charges(), (1, 1));
        }
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
        for (key, expected) in [(doubted, true), (key, false)] {
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
