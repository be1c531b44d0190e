//! Paying an intent, in both dialects over real sockets: one charge, whatever happens.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::{DECLINED, DIALECTS, Stage, THREE_D_SECURE, VISA, card};
use flowlix_ext::Money;
use flowlix_ext::intents::store::MemoryStore;
use flowlix_ext::intents::{Intent, IntentErrorKind, IntentStatus, Intents, UnpaidReason};
use flowlix_sandbox::{Dialect, Fault};

fn intents(stage: &Stage) -> Intents {
    Intents::builder(stage.flowlix.clone(), MemoryStore::new())
        .merchant("my-shop")
        .build()
        .unwrap()
}

fn order(stage: &Stage) -> Intent {
    intents(stage).intent("order-1234", Money::eur(49_99))
}

async fn pay(intent: &Intent, number: &str) -> IntentStatus {
    intent
        .pay(card(number))
        .return_url("https://shop.example.com/3ds")
        .await
        .unwrap()
}

fn charges(stage: &Stage) -> (usize, usize) {
    stage.payments_and_charges()
}

#[tokio::test]
async fn a_card_is_charged_once_and_a_second_pay_finds_it_paid() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let intent = order(&stage);
        let first = pay(&intent, VISA).await;
        assert!(matches!(first, IntentStatus::Paid(_)), "{first}");
        let again = pay(&intent, "5555555555554444").await;
        assert!(matches!(again, IntentStatus::Paid(_)), "{again}");
        assert_eq!(charges(&stage), (1, 1));
    }
}

#[tokio::test]
async fn a_card_declined_at_once_keeps_the_key() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let intent = order(&stage);
        stage.sandbox.inject(Fault::declined("insufficient_funds"));
        let IntentStatus::Unpaid(unpaid) = pay(&intent, DECLINED).await else {
            panic!()
        };
        assert_eq!(unpaid.reason(), UnpaidReason::Declined);
        assert!(unpaid.customer_message().contains("funds"));
        assert!(pay(&intent, VISA).await.is_paid());
        let posts = stage.posts();
        assert_eq!(
            posts[0].header("idempotency-key"),
            posts[1].header("idempotency-key")
        );
        assert_eq!(charges(&stage), (1, 1));
    }
}

#[tokio::test]
async fn a_card_declined_later_makes_room_for_the_next_attempt() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let intent = order(&stage);
        let IntentStatus::Unpaid(unpaid) = pay(&intent, DECLINED).await else {
            panic!()
        };
        assert_eq!(unpaid.reason(), UnpaidReason::Declined);
        assert!(pay(&intent, VISA).await.is_paid());
        assert_eq!(charges(&stage), (2, 1));
        assert_eq!(intent.attempts().await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_lost_answer_then_another_card_finds_the_first_payment() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let intent = order(&stage);
        stage.sandbox.inject_at(
            flowlix_sandbox::Matcher::method("POST"),
            Fault::LoseAnswer,
            10,
        );
        stage.sandbox.set_list_lag(60);
        let unknown = pay(&intent, VISA).await;
        assert!(
            matches!(unknown, IntentStatus::OutcomeUnknown(_)),
            "{unknown}"
        );
        stage.sandbox.clear_faults();
        stage.sandbox.set_list_lag(0);
        let status = pay(&intent, "5555555555554444").await;
        assert!(status.is_paid(), "{status}");
        assert_eq!(charges(&stage), (1, 1));
    }
}

#[tokio::test]
async fn three_d_secure_is_handed_out_and_the_return_goes_on() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let intent = order(&stage);
        let IntentStatus::ActionRequired(action) = pay(&intent, THREE_D_SECURE).await else {
            panic!()
        };
        assert!(action.redirect_url().is_some() && action.is_for_this_card());
        let IntentStatus::ActionRequired(other) = pay(&intent, VISA).await else {
            panic!()
        };
        assert!(!other.is_for_this_card());
        stage
            .sandbox
            .approve(action.payment_id().unwrap().as_str())
            .unwrap();
        assert!(intent.returned(None).await.unwrap().is_paid());
        assert_eq!(charges(&stage), (1, 1));
    }
}

#[tokio::test]
async fn the_hosted_page_is_handed_out_and_paid() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let intent = order(&stage);
        let status = intent
            .pay_hosted("https://shop.example.com/back")
            .await
            .unwrap();
        let IntentStatus::ActionRequired(action) = status else {
            panic!("{status}")
        };
        assert!(action.redirect_url().is_some());
        let id = action.payment_id().unwrap().as_str().to_owned();
        stage.sandbox.complete_hosted(&id, VISA).unwrap();
        let query = stage.sandbox.return_address(&id).unwrap().unwrap();
        let paid = intent.returned(Some(&query)).await.unwrap();
        assert!(paid.is_paid(), "{paid}");
        assert_eq!(charges(&stage), (1, 1));
    }
}

#[tokio::test]
async fn another_amount_for_a_paid_intent_is_refused() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let intents = intents(&stage);
        pay(&intents.intent("order-1234", Money::eur(49_99)), VISA).await;
        let other = intents.intent("order-1234", Money::eur(50_00));
        let error = other.pay(card(VISA)).await.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::AmountMismatch);
        assert!(error.status().unwrap().is_paid());
        assert!(
            error.to_string().contains("EUR 49.99") && error.to_string().contains("EUR 50.00"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_refund_is_made_once() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let intent = order(&stage);
        pay(&intent, VISA).await;
        for _ in 0..2 {
            let refund = intent.refund("return-77").amount(10_00).await.unwrap();
            assert!(
                matches!(refund, flowlix_ext::intents::RefundStatus::Succeeded(_)),
                "{refund}"
            );
        }
        let IntentStatus::Paid(paid) = intent.status().await.unwrap() else {
            panic!()
        };
        assert_eq!(paid.refunded(), 10_00);
        assert_eq!(paid.refundable(), Some(39_99));
    }
}

#[tokio::test]
async fn a_closed_intent_takes_no_payment() {
    let stage = Stage::new(Dialect::Uppercase).await;
    let intent = order(&stage);
    intent.close().await.unwrap();
    let error = intent
        .pay(card(VISA))
        .within(Duration::ZERO)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), IntentErrorKind::Closed);
    assert_eq!(charges(&stage), (0, 0));
}
