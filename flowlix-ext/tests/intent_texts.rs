//! What people read of intents: one line each, in plain words, without secrets.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "common/intents_adverse.rs"]
mod intents_adverse;

use std::time::Duration;

use common::{DECLINED, DIALECTS, THREE_D_SECURE, VISA, card};
use flowlix_ext::Money;
use flowlix_ext::intents::Intents;
use flowlix_ext::intents::store::MemoryStore;
use flowlix_sandbox::{Fault, Matcher, Operation};
use intents_adverse::{
    FailingStore, How, Method, intents, minutes, order, order_of, pay, paying, stage,
};

const CREATE: Operation = Operation::CreateDirectPayment;

/// The lines of a story, in order.
#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn add(&mut self, line: &impl std::fmt::Display) {
        let line = line.to_string();
        assert_eq!(common::secrets::leak(&line), None, "{line}");
        assert!(!line.contains('\n'), "{line}");
        // How many seconds the retries took differs between the dialects.
        let line = match line.split_once("00:30:") {
            Some((before, after)) => format!("{before}00:30:xx{}", &after[2..]),
            None => line,
        };
        self.0.push(line);
    }

    fn are(&self, expected: &[&str]) {
        assert_eq!(self.0, expected, "{:#?}", self.0);
    }
}

#[tokio::test]
async fn statuses_read_as_plain_english() {
    for dialect in DIALECTS {
        let mut lines = Lines::default();
        let stage = stage(dialect).await;
        let intent = order(&stage, MemoryStore::new());
        lines.add(&intent.status().await.unwrap());
        lines.add(&pay(&intent, DECLINED).await);
        let action = pay(&intent, THREE_D_SECURE).await;
        lines.add(&action);
        let id = stage.sandbox.ledger().payments()[1].id.clone();
        stage.sandbox.expire(&id).unwrap();
        lines.add(&intent.status().await.unwrap());
        stage.sandbox.inject_at(CREATE, Fault::LoseAnswer, 99);
        stage.sandbox.set_list_lag(60);
        lines.add(&pay(&intent, VISA).await);
        stage.sandbox.clear_faults();
        stage.sandbox.set_list_lag(0);
        let reads = Matcher::from(Operation::RetrievePayment);
        stage.sandbox.inject_at(reads, Fault::status(503), 99);
        lines.add(&intent.status().await.unwrap());
        stage.sandbox.clear_faults();
        lines.add(&pay(&intent, VISA).await);
        let closed = intents(&stage, MemoryStore::new()).intent("order-1235", Money::eur(5));
        lines.add(&closed.close().await.unwrap());
        lines.are(&[
            "order-1234 (EUR 49.99): not charged: nobody has paid yet",
            "order-1234 (EUR 49.99): not charged: the card was declined",
            "order-1234 (EUR 49.99): the customer has to act",
            "order-1234 (EUR 49.99): not charged: the customer did not act in time",
            "order-1234 (EUR 49.99): not known yet whether a payment was made; certain after Mon, 01 Jul 2024 00:30:xx GMT at the latest",
            "order-1234 (EUR 49.99): a payment is on its way; asking Flowlix again failed: unavailable",
            "order-1234 (EUR 49.99): charged once",
            "order-1235 (EUR 0.05): closed, nothing was charged",
        ]);
    }
}

#[tokio::test]
async fn refund_statuses_read_as_plain_english() {
    for dialect in DIALECTS {
        let mut lines = Lines::default();
        let stage = stage(dialect).await;
        let intent = order(&stage, MemoryStore::new());
        pay(&intent, VISA).await;
        let refund = |reference: &str| intent.refund(reference).amount(10_00);
        let at_once = refund("return-77").within(Duration::ZERO);
        let pending = at_once.await.unwrap();
        lines.add(&pending);
        let id = pending.info().refund_id().unwrap().as_str().to_owned();
        stage.sandbox.fail_refund(&id).unwrap();
        lines.add(&refund("return-77").await.unwrap());
        lines.add(&refund("return-77").await.unwrap());
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::in_flight(), 999);
        lines.add(&refund("return-78").await.unwrap());
        stage.time.advance(minutes(26 * 60));
        lines.add(&refund("return-78").await.unwrap());
        lines.are(&[
            "refund return-77 of EUR 10.00: accepted, not back yet",
            "refund return-77 of EUR 10.00: failed, nothing went back",
            "refund return-77 of EUR 10.00: the money went back",
            "refund return-78 of EUR 10.00: not known yet whether it was made",
            "refund return-78 of EUR 10.00: not known, and a person has to decide",
        ]);
    }
}

#[tokio::test]
async fn errors_name_their_cause_once() {
    for dialect in DIALECTS {
        let mut lines = Lines::default();
        let stage = stage(dialect).await;
        let store = FailingStore::new(&stage);
        let intents = intents(&stage, store.clone());
        let intent = order_of(&intents);
        lines.add(&paying(&intent, "4111 1111 1111 1112").await.unwrap_err());
        lines.add(
            &intents
                .intent("", Money::eur(1))
                .status()
                .await
                .unwrap_err(),
        );
        lines.add(&intent.refund("return-77").await.unwrap_err());
        lines.add(&intent.returned(Some("payment_id=..")).await.unwrap_err());
        store.fail(Method::CompareAndSet, 1, 99, How::Fails);
        lines.add(&paying(&intent, VISA).await.unwrap_err());
        store.fail(Method::CompareAndSet, 2, 99, How::Fails);
        lines.add(&paying(&intent, THREE_D_SECURE).await.unwrap_err());
        store.heal();
        let other = intents.intent("order-1234", Money::eur(50_00));
        lines.add(&other.pay(card(VISA)).await.unwrap_err());
        stage
            .sandbox
            .inject_at(Matcher::any(), Fault::status(401), 1);
        lines.add(&intent.status().await.unwrap_err());
        let next = intents.intent("order-1235", Money::eur(1));
        stage.sandbox.inject_at(CREATE, Fault::status(422), 1);
        lines.add(&next.pay(card(VISA)).await.unwrap_err());
        stage.sandbox.inject_at(CREATE, Fault::LoseAnswer, 1);
        stage.sandbox.inject_at(CREATE, Fault::status(401), 1);
        let lost = intents.intent("order-1236", Money::eur(1));
        lines.add(&lost.pay(card(VISA)).await.unwrap_err());
        next.close().await.unwrap();
        lines.add(&next.pay(card(VISA)).await.unwrap_err());
        lines.are(&[
            "payment intent: the request breaks documented rules, and nothing was sent: payment_method_data.card.number must be digits only, without spaces or dashes",
            "payment intent: the request breaks documented rules, and nothing was sent: reference is empty",
            "payment intent: the intent is not paid, and nothing was sent: there is nothing to refund",
            "payment intent: the request breaks documented rules, and nothing was sent: query names a payment_id that cannot be one; ask Flowlix for the payment that you created instead",
            "payment intent: the store failed: no space left on device",
            "payment intent: the store failed: the customer has to act on a payment that could not be recorded: no space left on device",
            "payment intent: the intent has another amount, and nothing was sent: the intent is for EUR 49.99, and EUR 50.00 was asked for",
            "payment intent: Flowlix did not take the request: authentication: HTTP 401: The API key is not valid.",
            "payment intent: Flowlix rejected the request: HTTP 422: The request is not valid.",
            "payment intent: Flowlix did not take the request: HTTP 401: The API key is not valid.",
            "payment intent: the intent is closed, and nothing was sent: no new attempt may be started",
        ]);
    }
}

#[tokio::test]
async fn refund_errors_say_what_to_do() {
    for dialect in DIALECTS {
        let mut lines = Lines::default();
        let stage = stage(dialect).await;
        let intent = order(&stage, MemoryStore::new());
        pay(&intent, VISA).await;
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::ResetBeforeReading, 99);
        intent.refund("return-77").amount(10_00).await.unwrap();
        stage.sandbox.clear_faults();
        lines.add(&intent.refund("return-77").amount(9_00).await.unwrap_err());
        lines.add(&intent.refund("return-78").amount(9_00).await.unwrap_err());
        intent.refund("return-77").amount(10_00).await.unwrap();
        lines.add(&intent.refund("return-78").amount(50_00).await.unwrap_err());
        stage.time.advance(minutes(181 * 24 * 60));
        lines.add(&intent.refund("return-78").await.unwrap_err());
        lines.are(&[
            "payment intent: the refund was begun with another amount, reason or payment, and nothing was sent: repeat the call with what it was begun with, or take another reference",
            "payment intent: another refund of the payment is not resolved, and nothing was sent: call refund(\"return-77\") again first",
            "payment intent: the request breaks documented rules, and nothing was sent: amount is more than the 3999 minor units left to refund",
            "payment intent: the request breaks documented rules, and nothing was sent: payment_id names a payment created more than 180 days ago; it cannot be refunded",
        ]);
    }
}

#[tokio::test]
async fn an_explanation_tells_the_status_and_each_attempt() {
    for dialect in DIALECTS {
        let stage = stage(dialect).await;
        let intent = order(&stage, MemoryStore::new());
        stage.sandbox.inject_at(CREATE, Fault::LoseAnswer, 1);
        stage.sandbox.inject_at(CREATE, Fault::status(422), 1);
        let error = paying(&intent, VISA).await.unwrap_err();
        let text = error.explain();
        assert_eq!(text, format!("{error:?}"), "a `main` prints it");
        assert_eq!(common::secrets::leak(&text), None, "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!(lines[0], error.to_string());
        assert_eq!(
            lines[1],
            "  order-1234 (EUR 49.99): not known yet whether a payment was made; certain after Mon, 01 Jul 2024 00:30:10 GMT at the latest"
        );
        assert!(lines[2].starts_with("  attempt 1: no answer"), "{text}");
        assert!(lines[3].starts_with("  attempt 2: HTTP 422"), "{text}");
    }
}

#[test]
fn a_wrong_setting_is_named() {
    let flowlix = || {
        let builder = flowlix_ext::Flowlix::builder("fl_test_sk_abc123def456");
        builder.base_url("http://127.0.0.1:1").build().unwrap()
    };
    let builder = || Intents::builder(flowlix(), MemoryStore::new());
    let errors = [
        builder().build().unwrap_err(),
        builder().merchant("a\nb").build().unwrap_err(),
        builder()
            .merchant("shop")
            .quiet_time(minutes(61))
            .build()
            .unwrap_err(),
    ];
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "payment intent: intents cannot be set up: the merchant has no name: give one with .merchant(\"my-shop\")",
            "payment intent: intents cannot be set up: the merchant's name is longer than 128 bytes, or holds control characters",
            "payment intent: intents cannot be set up: the quiet time is longer than one hour, which leaves no time to repeat a request",
        ]
    );
}
