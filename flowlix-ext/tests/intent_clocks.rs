//! Machines whose clocks differ: what was lost is found, and nothing is proved too early.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::journal::Ahead;
use common::{DIALECTS, Stage, VISA, card};
use flowlix_ext::intents::store::MemoryStore;
use flowlix_ext::intents::{Intent, IntentStatus, Intents, UnpaidReason};
use flowlix_ext::{Flowlix, Money};
use flowlix_sandbox::{Fault, Matcher};

const MINUTE: Duration = Duration::from_secs(60);

/// The order as a machine sees it whose clock is this far ahead.
fn order(stage: &Stage, store: &MemoryStore, ahead: Duration) -> Intent {
    let flowlix = Flowlix::builder(stage.sandbox.key(stage.dialect))
        .base_url(stage.sandbox.base_url())
        .runtime(Ahead::of(&stage.time, ahead.as_secs()))
        .build()
        .unwrap();
    let intents = Intents::builder(flowlix, store.clone())
        .merchant("my-shop")
        .build()
        .unwrap();
    intents.intent("order-1234", Money::eur(49_99))
}

async fn lose_the_answer(stage: &Stage, intent: &Intent) {
    stage.sandbox.set_list_lag(120);
    stage
        .sandbox
        .inject_at(Matcher::method("POST"), Fault::LoseAnswer, 20);
    let status = intent.pay(card(VISA)).await.unwrap();
    assert!(
        matches!(status, IntentStatus::OutcomeUnknown(_)),
        "{status}"
    );
    stage.sandbox.clear_faults();
}

#[tokio::test]
async fn payment_of_a_machine_ahead_or_behind_is_found() {
    // With a clock that is hours off, Flowlix's `Date` sets the window right.
    for minutes in [0, 10, 300] {
        for sender_is_ahead in [false, true] {
            for dialect in DIALECTS {
                let stage = Stage::new(dialect).await;
                let store = MemoryStore::new();
                let (sender, finder) = if sender_is_ahead {
                    (minutes, 0)
                } else {
                    (0, minutes)
                };
                let sender = order(&stage, &store, MINUTE * sender);
                lose_the_answer(&stage, &sender).await;
                stage.pass(MINUTE * 3);
                let status = order(&stage, &store, MINUTE * finder)
                    .status()
                    .await
                    .unwrap();
                let is_found =
                    matches!(status, IntentStatus::Paid(_) | IntentStatus::Processing(_));
                assert!(is_found, "{minutes} {sender_is_ahead}: {status}");
            }
        }
    }
}

#[tokio::test]
async fn absence_is_proved_only_after_the_quiet_time() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let store = MemoryStore::new();
        let intent = order(&stage, &store, Duration::ZERO);
        stage
            .sandbox
            .inject_at(Matcher::method("POST"), Fault::ResetBeforeReading, 20);
        let IntentStatus::OutcomeUnknown(unknown) = intent.pay(card(VISA)).await.unwrap() else {
            panic!()
        };
        stage.sandbox.clear_faults();
        let certain_from = unknown.certain_from().unwrap();
        assert!(unknown.can_pay_again() && !unknown.needs_person());
        while stage.time.now() + MINUTE < certain_from {
            stage.pass(MINUTE);
            let status = intent.status().await.unwrap();
            assert!(
                matches!(status, IntentStatus::OutcomeUnknown(_)),
                "{status}"
            );
        }
        // Asking did not postpone the answer.
        stage.pass(MINUTE);
        let IntentStatus::Unpaid(unpaid) = intent.status().await.unwrap() else {
            panic!()
        };
        assert_eq!(unpaid.reason(), UnpaidReason::ProvedAbsent);
        assert!(stage.time.now() >= certain_from);
    }
}
